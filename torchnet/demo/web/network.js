// The network, as in torchnet/network.py: layers in order. The backward pass is the loop of the forward pass reversed.

const KINDS = {
  BatchNorm1d, Dropout, ELU, GELU, Identity, LayerNorm, LeakyReLU, Linear, RMSNorm, ReLU, Residual, SiLU, Sigmoid,
  Softplus, Tanh,
};

function makeLayer(description, numbers) {
  return new KINDS[description.kind](description, numbers);
}

class Network {
  /**
   * @param description what torchnet/demo/description.py writes: layers, and where in the numbers their tensors are.
   * @param numbers a Float32Array or Float64Array.
   */
  constructor(description, numbers) {
    this.description = description;
    this.layers = description.layers.map((layer) => makeLayer(layer, numbers));
    this.loss = LOSSES[description.loss];
  }

  /** Return the logits of an image. */
  forward(image) {
    return forwardThrough(this.layers, Float64Array.from(image));
  }

  /** Write the gradients of all weights; return that of the image. */
  backward(gradLogits) {
    return backwardThrough(this.layers, gradLogits);
  }

  /** W ← W - η ∂L/∂W, for every weight. */
  step(lr) {
    for (const layer of this.everyLayer()) layer.step(lr);
  }

  /** Take the weights that training came to. */
  reset() {
    for (const layer of this.everyLayer()) layer.reset();
  }

  /** All layers, those inside residual blocks before their block. */
  *everyLayer(layers = this.layers) {
    for (const layer of layers) {
      if (layer.layers) yield* this.everyLayer(layer.layers);
      yield layer;
    }
  }
}

/** Return the numbers that a text in base64 stands for, little-endian as every browser of today is. */
function decodeNumbers(base64, dtype) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return dtype === "float64" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
}
