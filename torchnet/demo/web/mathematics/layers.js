// The base class of all layers, Linear, Identity, Sequential and Residual, as in torchnet/layers/.
//
// The input is a batch x, (N, I): an array of N rows of I numbers in double precision, one row after the other. A layer
// knows I, and N from the length of the array. The row of an image, (C, H, W), holds the pixels of its first channel, row
// by row, then those of the second one, and so on; a layer knows the shapes of its images, in_shape and out_shape.
// `forward` returns the output of a layer, `backward` the gradient of its input. forwardThrough and backwardThrough store
// what each layer receives and returns.

/** Return the number of values in a shape. */
const sizeOf = (shape) => shape.reduce((product, width) => product * width, 1);

class Layer {
  constructor({ kind, name, file, options, weights, buffers }, numbers) {
    Object.assign(this, { kind, name, file, numbers, tensors: { ...weights, ...buffers }, grads: {} }, options);
    this.training = false;
    for (const [tensor, { offset, shape }] of Object.entries(this.tensors)) {
      const size = sizeOf(shape);
      this[tensor] = new Float64Array(numbers.subarray(offset, offset + size));
    }
    for (const weight of Object.keys(weights)) this.grads[weight] = new Float64Array(this[weight].length);
  }

  /** Iterate over the weights and their gradients. */
  *parameters() {
    for (const [name, grad] of Object.entries(this.grads)) yield { layer: this, name, weight: this[name], grad };
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

/** Return the Euclidean norm. */
function norm(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] * values[i];
  return Math.sqrt(total);
}

class Linear extends Layer {
  /** y = x Wᵀ + b */
  forward(x) {
    const { weight, bias, in_features: I, out_features: O } = this;
    const y = new Float64Array((x.length / I) * O);
    for (let row = 0, k = 0; row < x.length; row += I) {
      for (let o = 0, w = 0; o < O; o++, k++) {
        let product = 0;
        for (let i = 0; i < I; i++, w++) product += x[row + i] * weight[w];
        y[k] = bias ? product + bias[o] : product;
      }
    }
    return y;
  }

  /** ∂L/∂W = Gᵀ x, ∂L/∂b = Σₙ Gₙ, ∂L/∂x = G W */
  backward(grad) {
    const { weight, input: x, in_features: I, out_features: O } = this;
    const gradWeight = this.grads.weight.fill(0);
    const gradInput = new Float64Array(x.length);
    for (let row = 0, k = 0; row < x.length; row += I) {
      for (let o = 0, w = 0; o < O; o++, k++) {
        const g = grad[k];
        for (let i = 0; i < I; i++, w++) {
          gradWeight[w] += g * x[row + i];
          gradInput[row + i] += g * weight[w];
        }
      }
    }
    if (this.bias) sumOverSamples(grad, this.grads.bias);
    return gradInput;
  }
}

/** Write Σₙ Gₙ, (N, O) -> (O,); of channels with A pixels, the sum over the pixels, too, (N, O, A) -> (O,). */
function sumOverSamples(grad, total, A = 1) {
  const O = total.length;
  total.fill(0);
  for (let k = 0; k < grad.length; k++) total[Math.floor(k / A) % O] += grad[k];
}

/** Identity; Dropout in evaluation mode; and Flatten, since each sample is one row already. */
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

class Sequential extends Layer {
  constructor(description, numbers) {
    super(description, numbers);
    this.layers = description.layers.map((inner) => makeLayer(inner, numbers));
  }

  forward(x) {
    return forwardThrough(this.layers, x);
  }

  backward(grad) {
    return backwardThrough(this.layers, grad);
  }
}

class Residual extends Sequential {
  /** y = x + f(x) */
  forward(x) {
    return added(x, super.forward(x));
  }

  /** ∂L/∂x = G + ∂L/∂x of the block */
  backward(grad) {
    return added(grad, super.backward(grad));
  }
}

function added(a, b) {
  const total = a.slice();
  for (let k = 0; k < b.length; k++) total[k] += b[k];
  return total;
}
