// The network, as in torchnet/network/network.py: the backward pass is the loop of the forward pass reversed.

const KINDS = {
  ...{ Linear, Conv2d, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d },
  ...{ BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm },
  ...{ Identity, Dropout: Identity, Dropout2d: Identity, Flatten: Identity },
  PReLU,
  ...{ Sequential, Residual },
};

function makeLayer(description, numbers) {
  return new (KINDS[description.kind] ?? Activation)(description, numbers);
}

class Network {
  /**
   * @param description from `describe` in torchnet/demo/description.py: the layers, and the offsets of their tensors;
   *   and channels_last, the shape of the images if their channels come last in the input, but first in the layers.
   * @param numbers the weights and buffers, a Float32Array or Float64Array.
   *
   * It starts in evaluation mode.
   */
  constructor(description, numbers) {
    Object.assign(this, { description, numbers });
    this.layers = description.layers.map((layer) => makeLayer(layer, numbers));
    this.loss = LOSSES[description.loss];
  }

  train() {
    for (const layer of this.everyLayer()) layer.training = true;
  }

  eval() {
    for (const layer of this.everyLayer()) layer.training = false;
  }

  /** Return the logits, (N, C), of a batch, (N, I). */
  forward(input) {
    const { channels_last: shape } = this.description;
    return forwardThrough(this.layers, shape ? channelsFirst(input, shape) : Float64Array.from(input));
  }

  /** Write the gradients of all weights; return the gradient of the input. */
  backward(gradLogits) {
    const { channels_last: shape } = this.description;
    const gradInput = backwardThrough(this.layers, gradLogits);
    return shape ? channelsLast(gradInput, shape) : gradInput;
  }

  /** Iterate over all weights and their gradients: { layer, name, weight, grad }. */
  *parameters() {
    for (const layer of this.everyLayer()) yield* layer.parameters();
  }

  /** W ← W - η ∂L/∂W, for every weight. */
  step(lr) {
    for (const { weight, grad } of this.parameters()) {
      for (let k = 0; k < weight.length; k++) weight[k] -= lr * grad[k];
    }
  }

  /** Restore the trained weights. */
  reset() {
    for (const layer of this.everyLayer()) layer.reset();
  }

  /**
   * Return a network in evaluation mode with the same weights in memory, and other inputs, outputs and gradients.
   *
   * Its buffers, such as running statistics, are the same too, or copies of the initial ones.
   */
  twin({ buffers = true } = {}) {
    const twin = new Network(this.description, this.numbers);
    const originals = [...this.everyLayer()];
    [...twin.everyLayer()].forEach((layer, k) => {
      for (const name of Object.keys(buffers ? layer.tensors : layer.grads)) layer[name] = originals[k][name];
    });
    return twin;
  }

  /** Iterate over all layers; the layers of a residual block come before the block. */
  *everyLayer(layers = this.layers) {
    for (const layer of layers) {
      if (layer.layers) yield* this.everyLayer(layer.layers);
      yield layer;
    }
  }
}

/** Return images (H, W, C) as images (C, H, W). */
function channelsFirst(images, [C, H, W]) {
  const size = C * H * W;
  return Float64Array.from(images, (_, k) => {
    const [pixel, channel] = [k % (H * W), Math.floor((k % size) / (H * W))];
    return images[k - (k % size) + pixel * C + channel];
  });
}

/** Return images (C, H, W) as images (H, W, C). */
const channelsLast = (images, [C, H, W]) => channelsFirst(images, [H * W, C, 1]);

/** Decode base64 into numbers. They are little-endian, as all current browsers are. */
function decodeNumbers(base64, dtype) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return dtype === "float64" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
}
