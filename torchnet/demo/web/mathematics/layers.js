// The base class of all layers, the layers with weights, Identity and Residual, as in torchnet/layers/.
//
// The input is one sample, a row x of I numbers in double precision. `forward` returns the output of a layer,
// `backward` the gradient of its input. forwardThrough and backwardThrough store what each layer receives and returns.

class Layer {
  constructor({ kind, name, file, options, weights, buffers }, numbers) {
    Object.assign(this, { kind, name, file, numbers, tensors: { ...weights, ...buffers }, grads: {} }, options);
    for (const [tensor, { offset, shape }] of Object.entries(this.tensors)) {
      const size = shape.reduce((product, width) => product * width, 1);
      this[tensor] = new Float64Array(numbers.subarray(offset, offset + size));
    }
    for (const weight of Object.keys(weights)) this.grads[weight] = new Float64Array(this[weight].length);
  }

  /** W ← W - η ∂L/∂W, for every weight of the layer. */
  step(lr) {
    for (const [weight, grad] of Object.entries(this.grads)) {
      const values = this[weight];
      for (let i = 0; i < values.length; i++) values[i] -= lr * grad[i];
    }
  }

  /** Restore the trained weights. */
  reset() {
    for (const weight of Object.keys(this.grads)) {
      const { offset } = this.tensors[weight];
      this[weight].set(this.numbers.subarray(offset, offset + this[weight].length));
    }
  }
}

/** Run layers in order; return the output of the last one. */
function forwardThrough(layers, x) {
  for (const layer of layers) {
    layer.input = x;
    x = layer.output = layer.forward(x);
  }
  return x;
}

/** Run the backward passes in reverse order; write `grads` of the weights; return the gradient of the input. */
function backwardThrough(layers, grad) {
  for (const layer of [...layers].reverse()) {
    layer.gradOutput = grad;
    grad = layer.gradInput = layer.backward(grad);
  }
  return grad;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => sum(values) / values.length;

/** Return the Euclidean norm, with a loop because there may be millions of values. */
function norm(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] * values[i];
  return Math.sqrt(total);
}

class Linear extends Layer {
  /** y = x Wᵀ + b */
  forward(x) {
    const { weight, in_features: I, out_features: O } = this;
    const y = new Float64Array(O);
    for (let o = 0, row = 0; o < O; o++, row += I) {
      let product = 0;
      for (let i = 0; i < I; i++) product += x[i] * weight[row + i];
      y[o] = this.bias ? product + this.bias[o] : product;
    }
    return y;
  }

  /** ∂L/∂W = Gᵀ x, ∂L/∂b = Σₙ Gₙ, ∂L/∂x = G W */
  backward(grad) {
    const { weight, input: x, in_features: I, out_features: O } = this;
    const gradWeight = this.grads.weight;
    const gradInput = new Float64Array(I);
    for (let o = 0, row = 0; o < O; o++, row += I) {
      const g = grad[o];
      for (let i = 0; i < I; i++) {
        gradWeight[row + i] = g * x[i];
        gradInput[i] += g * weight[row + i];
      }
    }
    if (this.bias) this.grads.bias.set(grad);
    return gradInput;
  }
}

/** y = γ x̂ + β. `normalize` returns x̂, `backwardOf` the gradient of x from H = G ⊙ γ, the gradient of x̂. */
class Normalization extends Layer {
  forward(x) {
    const { weight, bias } = this;
    this.normalized = this.normalize(x);
    return this.normalized.map((value, i) => weight[i] * value + (bias ? bias[i] : 0));
  }

  /** ∂L/∂γ = G ⊙ x̂, ∂L/∂β = G */
  backward(grad) {
    this.grads.bias?.set(grad);
    this.grads.weight.set(grad.map((g, i) => g * this.normalized[i]));
    return this.backwardOf(grad.map((g, i) => g * this.weight[i]));
  }

  /** Return H - x̂ mean(H ⊙ x̂). */
  acrossInput(scaled) {
    const along = mean(scaled.map((h, i) => h * this.normalized[i]));
    return scaled.map((h, i) => h - this.normalized[i] * along);
  }
}

class BatchNorm1d extends Normalization {
  /** x̂ = (x - μ) r, r = 1 / √(σ² + ε), with the running μ and σ², as in evaluation mode */
  normalize(x) {
    this.rstd = this.running_var.map((variance) => 1 / Math.sqrt(variance + this.eps));
    return x.map((value, i) => (value - this.running_mean[i]) * this.rstd[i]);
  }

  /** ∂L/∂x = r ⊙ H, since the running statistics are constants */
  backwardOf(scaled) {
    return scaled.map((h, i) => h * this.rstd[i]);
  }
}

class LayerNorm extends Normalization {
  /** x̂ = (x - μ) r, r = 1 / √(σ² + ε), μ and σ² over the features of the sample */
  normalize(x) {
    const center = mean(x);
    const centered = x.map((value) => value - center);
    this.rstd = 1 / Math.sqrt(mean(centered.map((value) => value * value)) + this.eps);
    return centered.map((value) => value * this.rstd);
  }

  /** ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H)) */
  backwardOf(scaled) {
    const straight = this.acrossInput(scaled);
    const center = mean(straight); // mean(H), and the mean that rounding leaves in x̂
    return straight.map((h) => (h - center) * this.rstd);
  }
}

class RMSNorm extends Normalization {
  /** x̂ = x r, r = 1 / √(mean(x²) + ε) */
  normalize(x) {
    this.rrms = 1 / Math.sqrt(mean(x.map((value) => value * value)) + this.eps);
    return x.map((value) => value * this.rrms);
  }

  /** ∂L/∂x = r (H - x̂ mean(H ⊙ x̂)) */
  backwardOf(scaled) {
    return this.acrossInput(scaled).map((h) => h * this.rrms);
  }
}

/** Identity, and Dropout in evaluation mode. */
class Identity extends Layer {
  /** y = x */
  forward(x) {
    return x.slice();
  }

  /** ∂L/∂x = G */
  backward(grad) {
    return grad.slice();
  }
}

class Residual extends Layer {
  constructor(description, numbers) {
    super(description, numbers);
    this.layers = description.layers.map((inner) => makeLayer(inner, numbers));
  }

  /** y = x + f(x) */
  forward(x) {
    const y = forwardThrough(this.layers, x);
    return x.map((value, i) => value + y[i]);
  }

  /** ∂L/∂x = G + ∂L/∂x of the block */
  backward(grad) {
    const through = backwardThrough(this.layers, grad);
    return grad.map((g, i) => g + through[i]);
  }
}
