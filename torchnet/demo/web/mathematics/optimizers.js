// The optimizers: SGD as in torchnet/optimizers.py, Adam and AdamW as in torch.optim.
//
// Each updates the weights of a network in place from their gradients. Its options may change between steps.

class Optimizer {
  constructor(network, options) {
    this.network = network;
    Object.assign(this, options);
    this.steps = 0;
    this.state = new Map(); // of each weight
  }

  step() {
    this.steps += 1;
    for (const { weight, grad } of this.network.parameters()) {
      if (!this.state.has(weight)) this.state.set(weight, this.firstState(weight.length));
      this.update(weight, grad, this.state.get(weight));
    }
  }
}

class SGD extends Optimizer {
  constructor(network, { lr = 1, momentum = 0, weight_decay = 0, nesterov = false } = {}) {
    super(network, { lr, momentum, weight_decay, nesterov });
  }

  firstState(length) {
    return { velocity: new Float64Array(length) };
  }

  /** g ← g + λ w, v ← μ v + g, w ← w - η v; with Nesterov, w ← w - η (g + μ v) */
  update(weight, grad, { velocity }) {
    const { lr, momentum, weight_decay, nesterov } = this;
    for (let k = 0; k < weight.length; k++) {
      const g = grad[k] + weight_decay * weight[k];
      velocity[k] = momentum * velocity[k] + g;
      weight[k] -= lr * (nesterov ? g + momentum * velocity[k] : velocity[k]);
    }
  }
}

/** Source: Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1. */
class Adam extends Optimizer {
  constructor(network, { lr = 0.001, betas = [0.9, 0.999], eps = 1e-8, weight_decay = 0 } = {}) {
    super(network, { lr, betas, eps, weight_decay });
  }

  firstState(length) {
    return { mean: new Float64Array(length), square: new Float64Array(length) };
  }

  /**
   * g ← g + λ w, m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g²
   * w ← w - η m̂ / (√v̂ + ε), m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ), t the number of steps
   */
  update(weight, grad, { mean, square }) {
    const { lr, eps, weight_decay, steps } = this;
    const [beta1, beta2] = this.betas;
    const [size1, size2] = [1 - beta1 ** steps, 1 - beta2 ** steps];
    for (let k = 0; k < weight.length; k++) {
      const g = grad[k] + weight_decay * weight[k];
      mean[k] = beta1 * mean[k] + (1 - beta1) * g;
      square[k] = beta2 * square[k] + (1 - beta2) * g * g;
      weight[k] -= (lr * (mean[k] / size1)) / (Math.sqrt(square[k] / size2) + eps);
    }
  }
}

/** Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2. */
class AdamW extends Adam {
  constructor(network, { weight_decay = 0.01, ...options } = {}) {
    super(network, options);
    this.decay = weight_decay;
  }

  /** w ← w - η λ w, then as Adam without weight decay */
  update(weight, grad, state) {
    for (let k = 0; k < weight.length; k++) weight[k] -= this.lr * this.decay * weight[k];
    super.update(weight, grad, state);
  }
}
