// A new network with random weights, with the layers of torchnet.MLP.

const ACTIVATION_LAYERS = {
  sigmoid: { kind: "Sigmoid", file: "sigmoid" },
  tanh: { kind: "Tanh", file: "tanh" },
  relu: { kind: "ReLU", file: "relu" },
  leaky_relu: { kind: "LeakyReLU", file: "leaky_relu", options: { negative_slope: 0.01 } },
  elu: { kind: "ELU", file: "elu", options: { alpha: 1 } },
  gelu: { kind: "GELU", file: "gelu", options: { approximate: "none" } },
  gelu_tanh: { kind: "GELU", file: "gelu", options: { approximate: "tanh" } },
  silu: { kind: "SiLU", file: "silu" },
  softplus: { kind: "Softplus", file: "softplus", options: { beta: 1, threshold: 20 } },
  hardtanh: { kind: "Hardtanh", file: "hardtanh", options: { min_val: -1, max_val: 1 } },
  relu6: { kind: "ReLU6", file: "relu6", options: { min_val: 0, max_val: 6 } },
  hardswish: { kind: "Hardswish", file: "hardswish" },
  mish: { kind: "Mish", file: "mish" },
  prelu: { kind: "PReLU", file: "prelu", options: { init: 0.25 } },
  celu: { kind: "CELU", file: "celu", options: { alpha: 1 } },
  selu: { kind: "SELU", file: "selu" },
  softsign: { kind: "Softsign", file: "softsign" },
  log_sigmoid: { kind: "LogSigmoid", file: "log_sigmoid" },
  identity: { kind: "Identity", file: "identity" },
};

const NORMALIZATION_LAYERS = {
  batch_norm: {
    kind: "BatchNorm1d", file: "batch_norm", options: { eps: 1e-5, momentum: 0.1, num_batches_tracked: 0 },
  },
  layer_norm: { kind: "LayerNorm", file: "layer_norm", options: { eps: 1e-5 } },
  rms_norm: { kind: "RMSNorm", file: "rms_norm", options: { eps: Number.EPSILON } },
};

const LOSS_FILES = {
  cross_entropy: "cross_entropy",
  mean_squared_error: "squared_error",
  one_vs_rest_cross_entropy: "one_vs_rest",
};

const WEIGHTS = 1; // the stream of random numbers

/**
 * Return { description, numbers }, from which `new Network(description, numbers)` makes a network.
 *
 * @param activation a name in ACTIVATION_LAYERS.
 * @param normalization a name in NORMALIZATION_LAYERS, or null.
 * @param initializer a name in INITIALIZERS. Biases start at zero.
 * @param gain a factor of all initial weights.
 */
function randomNetwork({
  in_features, hidden_sizes, out_features, seed,
  activation = "sigmoid", normalization = null, residual = false, initializer = "he_normal", gain = 1,
  loss = "cross_entropy",
}) {
  const maker = new LayerMaker({ random: new Random(seed, WEIGHTS), initializer, gain });
  const sizes = [in_features, ...hidden_sizes, out_features];
  const layers = [];
  let part = []; // the layers before a Linear, which become a block with it if their widths are equal
  for (let i = 0; i + 1 < sizes.length; i++) {
    const [I, O] = [sizes[i], sizes[i + 1]];
    const isLast = i === hidden_sizes.length;
    part.push(maker.linear(I, O, { bias: isLast || normalization !== "batch_norm" }));
    layers.push(...(residual && 0 < i && !isLast && I === O ? [maker.residual(part)] : part));
    part = normalization ? [maker.normalization(normalization, O)] : [];
    part.push(maker.activation(activation));
  }
  layers.forEach((layer, k) => giveName(layer, String(k)));
  const description = { loss, loss_file: `torchnet/losses/${LOSS_FILES[loss]}.py`, dtype: "float64", layers };
  return { description, numbers: Float64Array.from(maker.numbers) };
}

/** Name a layer, and the layers inside it, as in the `state_dict`. */
function giveName(layer, name) {
  layer.name = name;
  layer.layers?.forEach((inner, k) => giveName(inner, `${name}.${k}`));
}

/** Makes descriptions of layers, and collects the numbers of their weights and buffers. */
class LayerMaker {
  numbers = [];

  constructor({ random, initializer, gain }) {
    this.draw = (I, O) => gain * INITIALIZERS[initializer](random, I, O);
  }

  layer({ kind, file, options = {} }, weights = {}, buffers = {}) {
    return { kind, file: `torchnet/layers/${file}.py`, options, weights, buffers };
  }

  /** Return where a tensor is whose numbers are the results of a function. */
  tensor(shape, number) {
    const offset = this.numbers.length;
    const size = shape.reduce((product, width) => product * width, 1);
    for (let k = 0; k < size; k++) this.numbers.push(number());
    return { offset, shape };
  }

  linear(I, O, { bias }) {
    const weights = { weight: this.tensor([O, I], () => this.draw(I, O)) };
    if (bias) weights.bias = this.tensor([O], () => 0);
    return this.layer({ kind: "Linear", file: "linear", options: { in_features: I, out_features: O } }, weights);
  }

  activation(name) {
    const description = ACTIVATION_LAYERS[name];
    const weights = name === "prelu" ? { weight: this.tensor([1], () => description.options.init) } : {};
    return this.layer(description, weights);
  }

  normalization(name, I) {
    const weights = { weight: this.tensor([I], () => 1) };
    if (name !== "rms_norm") weights.bias = this.tensor([I], () => 0);
    const buffers = {};
    if (name === "batch_norm") {
      buffers.running_mean = this.tensor([I], () => 0);
      buffers.running_var = this.tensor([I], () => 1);
    }
    const { options, ...kind } = NORMALIZATION_LAYERS[name];
    const size = name === "batch_norm" ? { num_features: I } : { normalized_shape: [I] };
    return this.layer({ ...kind, options: { ...options, ...size } }, weights, buffers);
  }

  residual(layers) {
    return { ...this.layer({ kind: "Residual", file: "residual" }), layers };
  }
}
