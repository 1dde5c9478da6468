// The elementwise activations, as in torchnet/layers/.

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

class Sigmoid extends Layer {
  /** y = σ(x) = 1 / (1 + e⁻ˣ) */
  forward(x) {
    return x.map(sigmoid);
  }

  /** ∂L/∂x = G ⊙ y ⊙ (1 - y) */
  backward(grad) {
    const y = this.output;
    return grad.map((g, i) => g * y[i] * (1 - y[i]));
  }
}

class Tanh extends Layer {
  /** y = tanh x */
  forward(x) {
    return x.map(Math.tanh);
  }

  /** ∂L/∂x = G ⊙ (1 - y²) */
  backward(grad) {
    const y = this.output;
    return grad.map((g, i) => g * (1 - y[i] * y[i]));
  }
}

class ReLU extends Layer {
  /** y = max(x, 0) */
  forward(x) {
    return x.map((value) => Math.max(value, 0));
  }

  /** ∂L/∂x = G ⊙ [y > 0] */
  backward(grad) {
    const y = this.output;
    return grad.map((g, i) => (y[i] > 0 ? g : 0));
  }
}

class LeakyReLU extends Layer {
  /** y = x where x > 0, s x elsewhere */
  forward(x) {
    return x.map((value) => (value > 0 ? value : this.negative_slope * value));
  }

  /** ∂L/∂x = G ⊙ ([x > 0] + s [x ≤ 0]) */
  backward(grad) {
    const x = this.input;
    return grad.map((g, i) => (x[i] > 0 ? g : this.negative_slope * g));
  }
}

class ELU extends Layer {
  /** y = x where x > 0, α (eˣ - 1) elsewhere */
  forward(x) {
    return x.map((value) => (value > 0 ? value : this.alpha * Math.expm1(value)));
  }

  /** ∂L/∂x = G ⊙ ([x > 0] + α eˣ [x ≤ 0]) */
  backward(grad) {
    const x = this.input;
    return grad.map((g, i) => (x[i] > 0 ? g : this.alpha * g * Math.exp(x[i])));
  }
}

const DENSITY_AT_0 = 1 / Math.sqrt(2 * Math.PI); // φ(0)
const SLOPE_AT_0 = 2 * Math.sqrt(2 / Math.PI); // v'(0) of the approximation
const CUBIC = 0.044715;

class GELU extends Layer {
  /** y = x Φ(x), Φ(x) = ½ erfc(-x / √2); or σ(v) for Φ, with v = 2√(2/π) (x + 0.044715 x³) */
  forward(x) {
    const exact = this.approximate === "none";
    this.cdf = x.map((value) =>
      exact ? 0.5 * erfc(-Math.SQRT1_2 * value) : sigmoid(SLOPE_AT_0 * (value + CUBIC * value ** 3)),
    );
    return x.map((value, i) => value * this.cdf[i]);
  }

  /** ∂L/∂x = G ⊙ (Φ(x) + x φ(x)), φ(x) = exp(-x²/2) / √(2π); or σ(v) (1 - σ(v)) v' */
  backward(grad) {
    const { input: x, cdf } = this;
    if (this.approximate === "none") {
      return grad.map((g, i) => g * (cdf[i] + DENSITY_AT_0 * x[i] * Math.exp(-0.5 * x[i] * x[i])));
    }
    return grad.map((g, i) => {
      const bell = x[i] * cdf[i] * (1 - cdf[i]); // 0 far from zero; comes first, because x² may overflow
      return g * (cdf[i] + SLOPE_AT_0 * (bell + 3 * CUBIC * bell * x[i] * x[i]));
    });
  }
}

class SiLU extends Layer {
  /** y = x σ(x) */
  forward(x) {
    this.s = x.map(sigmoid);
    return x.map((value, i) => value * this.s[i]);
  }

  /** ∂L/∂x = G ⊙ (s + y ⊙ (1 - s)), s = σ(x) */
  backward(grad) {
    const { s, output: y } = this;
    return grad.map((g, i) => g * (s[i] + y[i] * (1 - s[i])));
  }
}

class Softplus extends Layer {
  /** y = log(1 + e^βx) / β where βx ≤ threshold, x elsewhere */
  forward(x) {
    const { beta, threshold } = this;
    return x.map((value) => (beta * value > threshold ? value : Math.log1p(Math.exp(beta * value)) / beta));
  }

  /** ∂L/∂x = G ⊙ (1 - e^-βy) where βx ≤ threshold, G elsewhere */
  backward(grad) {
    const { input: x, output: y, beta, threshold } = this;
    return grad.map((g, i) => (beta * x[i] > threshold ? g : -g * Math.expm1(-beta * y[i])));
  }
}
