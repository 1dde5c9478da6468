// The activations, as in torchnet/layers/. Of the elementwise ones: the value y at a number x, and the slope ∂y/∂x.

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** Return log(1 + eˣ). */
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const DENSITY_AT_0 = 1 / Math.sqrt(2 * Math.PI); // φ(0)
const SLOPE_AT_0 = 2 * Math.sqrt(2 / Math.PI); // v'(0) of the approximation
const CUBIC = 0.044715;

/** Return Φ(x) = ½ erfc(-x / √2); or σ(v) with v = 2√(2/π) (x + 0.044715 x³), if it is approximate. */
const normalCdf = (x, { approximate }) =>
  approximate === "none" ? 0.5 * erfc(-Math.SQRT1_2 * x) : sigmoid(SLOPE_AT_0 * (x + CUBIC * x ** 3));

// The last argument of the functions is the layer, which has the options.
const ACTIVATIONS = {
  // y = σ(x) = 1 / (1 + e⁻ˣ)
  Sigmoid: { value: sigmoid, slope: (x, y) => y * (1 - y) },

  Tanh: { value: Math.tanh, slope: (x, y) => 1 - y * y },

  ReLU: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },

  // y = x where x > 0, s x elsewhere
  LeakyReLU: {
    value: (x, { negative_slope: s }) => (x > 0 ? x : s * x),
    slope: (x, y, { negative_slope: s }) => (x > 0 ? 1 : s),
  },

  // y = x where x > 0, α (eˣ - 1) elsewhere
  ELU: {
    value: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
    slope: (x, y, { alpha }) => (x > 0 ? 1 : alpha * Math.exp(x)),
  },

  // y = x Φ(x), ∂y/∂x = Φ(x) + x φ(x), φ(x) = exp(-x²/2) / √(2π); or σ(v) for Φ, and σ(v) (1 - σ(v)) v' for φ
  GELU: {
    value: (x, layer) => x * normalCdf(x, layer),
    slope(x, y, layer) {
      const cdf = normalCdf(x, layer);
      if (layer.approximate === "none") return cdf + DENSITY_AT_0 * x * Math.exp(-0.5 * x * x);
      const bell = x * cdf * (1 - cdf); // 0 far from zero; comes first, because x² may overflow
      return cdf + SLOPE_AT_0 * (bell + 3 * CUBIC * bell * x * x);
    },
  },

  // y = x σ(x), ∂y/∂x = s + y (1 - s), s = σ(x)
  SiLU: { value: (x) => x * sigmoid(x), slope: (x, y) => sigmoid(x) + y * (1 - sigmoid(x)) },

  // y = log(1 + e^βx) / β where βx ≤ threshold, x elsewhere
  Softplus: {
    value: (x, { beta, threshold }) => (beta * x > threshold ? x : Math.log1p(Math.exp(beta * x)) / beta),
    slope: (x, y, { beta, threshold }) => (beta * x > threshold ? 1 : -Math.expm1(-beta * y)),
  },

  // y = min(max(x, a), b)
  Hardtanh: {
    value: (x, { min_val: a, max_val: b }) => Math.min(Math.max(x, a), b),
    slope: (x, y, { min_val: a, max_val: b }) => (a < x && x < b ? 1 : 0),
  },

  ReLU6: { value: (x) => Math.min(Math.max(x, 0), 6), slope: (x) => (0 < x && x < 6 ? 1 : 0) },

  // y = x min(max(x + 3, 0), 6) / 6
  Hardswish: {
    value: (x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6),
    slope: (x) => (Math.abs(x) < 3 ? x / 3 + 0.5 : x < 3 ? 0 : 1),
  },

  // y = x t, t = tanh(log(1 + eˣ)), ∂y/∂x = t + x σ(x) (1 - t²)
  Mish: {
    value: (x) => x * Math.tanh(softplus(x)),
    slope(x) {
      const t = Math.tanh(softplus(x));
      return t + x * sigmoid(x) * (1 - t * t);
    },
  },

  // y = x where x > 0, α (e^(x/α) - 1) elsewhere
  CELU: {
    value: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
    slope: (x, y, { alpha }) => (x > 0 ? 1 : Math.exp(x / alpha)),
  },

  // y = s x where x > 0, s α (eˣ - 1) elsewhere
  SELU: {
    value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    slope: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
  },

  // y = x / (1 + |x|)
  Softsign: { value: (x) => x / (1 + Math.abs(x)), slope: (x) => 1 / (1 + Math.abs(x)) ** 2 },

  // y = log σ(x), ∂y/∂x = 1 - e^y
  LogSigmoid: { value: (x) => -softplus(-x), slope: (x, y) => -Math.expm1(y) },
};

class Activation extends Layer {
  /** y = f(x), elementwise */
  forward(x) {
    const { value } = ACTIVATIONS[this.kind];
    const y = new Float64Array(x.length);
    for (let k = 0; k < x.length; k++) y[k] = value(x[k], this);
    return y;
  }

  /** Return f'(x). */
  slopes(x, y = this.forward(x)) {
    const { slope } = ACTIVATIONS[this.kind];
    const slopes = new Float64Array(x.length);
    for (let k = 0; k < x.length; k++) slopes[k] = slope(x[k], y[k], this);
    return slopes;
  }

  /** ∂L/∂x = G ⊙ f'(x) */
  backward(grad) {
    const gradInput = this.slopes(this.input, this.output);
    for (let k = 0; k < grad.length; k++) gradInput[k] *= grad[k];
    return gradInput;
  }
}

/** The slope a below zero is learned: one for all elements, or one for each channel. */
class PReLU extends Activation {
  /** Return the place of the slope of an element. */
  channel(k) {
    const { weight, in_shape: [, ...area] = [] } = this;
    return Math.floor(k / sizeOf(area)) % weight.length;
  }

  /** y = x where x > 0, a x elsewhere */
  forward(x) {
    return x.map((value, k) => (value > 0 ? value : this.weight[this.channel(k)] * value));
  }

  slopes(x) {
    return x.map((value, k) => (value > 0 ? 1 : this.weight[this.channel(k)]));
  }

  /** ∂L/∂a = Σ G ⊙ x [x ≤ 0]; ∂L/∂x = G ⊙ ([x > 0] + a [x ≤ 0]) */
  backward(grad) {
    const gradWeight = this.grads.weight.fill(0);
    for (let k = 0; k < grad.length; k++) gradWeight[this.channel(k)] += grad[k] * Math.min(this.input[k], 0);
    return super.backward(grad);
  }
}
