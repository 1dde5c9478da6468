// The contract that every layer keeps, as in torchnet/layers/layer.py: a forward pass and, below it, a backward pass.
//
// The input is one image, a row x of I numbers, in double precision. A layer's `forward` returns its output; what
// passes through is noted by `forwardThrough` and `backwardThrough`: there `backward` finds it, and the page shows it.

class Layer {
  constructor({ kind, name, file, options, weights, buffers }, numbers) {
    Object.assign(this, { kind, name, file, numbers, places: { ...weights, ...buffers }, grads: {} }, options);
    for (const [tensor, { offset, shape }] of Object.entries(this.places)) {
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

  /** Take the weights that training came to. */
  reset() {
    for (const weight of Object.keys(this.grads)) {
      const { offset } = this.places[weight];
      this[weight].set(this.numbers.subarray(offset, offset + this[weight].length));
    }
  }
}

/** Return what layers in order make of x. */
function forwardThrough(layers, x) {
  for (const layer of layers) {
    layer.input = x;
    x = layer.output = layer.forward(x);
  }
  return x;
}

/** Return the gradient of the input of layers in order, the same loop reversed; write `grads` of their weights. */
function backwardThrough(layers, grad) {
  for (const layer of [...layers].reverse()) {
    layer.gradOutput = grad;
    grad = layer.gradInput = layer.backward(grad);
  }
  return grad;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => sum(values) / values.length;

/** Return the Euclidean norm: a loop, as there may be millions of values. */
function norm(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] * values[i];
  return Math.sqrt(total);
}
