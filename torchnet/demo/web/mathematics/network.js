// The network, as in torchnet/network.py: the backward pass is the loop of the forward pass reversed.

const KINDS = { BatchNorm1d, Dropout: Identity, Identity, LayerNorm, Linear, RMSNorm, Residual };

function makeLayer(description, numbers) {
  return new (KINDS[description.kind] ?? Activation)(description, numbers);
}

class Network {
  /**
   * @param description from `describe` in torchnet/demo/description.py: the layers, and the offsets of their tensors.
   * @param numbers the weights and buffers, a Float32Array or Float64Array.
   */
  constructor(description, numbers) {
    this.description = description;
    this.layers = description.layers.map((layer) => makeLayer(layer, numbers));
    this.loss = LOSSES[description.loss];
  }

  /** Return the logits of a sample. */
  forward(input) {
    return forwardThrough(this.layers, Float64Array.from(input));
  }

  /** Write the gradients of all weights; return the gradient of the input. */
  backward(gradLogits) {
    return backwardThrough(this.layers, gradLogits);
  }

  /** W ← W - η ∂L/∂W, for every weight. */
  step(lr) {
    for (const layer of this.everyLayer()) layer.step(lr);
  }

  /** Restore the trained weights. */
  reset() {
    for (const layer of this.everyLayer()) layer.reset();
  }

  /** Iterate over all layers; the layers of a residual block come before the block. */
  *everyLayer(layers = this.layers) {
    for (const layer of layers) {
      if (layer.layers) yield* this.everyLayer(layer.layers);
      yield layer;
    }
  }
}

/** Decode base64 into numbers. They are little-endian, as all current browsers are. */
function decodeNumbers(base64, dtype) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return dtype === "float64" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
}
