// The normalizations, as in torchnet/layers/.
//
// Each divides its input into groups and normalizes the numbers of a group by their own mean and variance. A group is a
// sample in LayerNorm and RMSNorm, and a feature over all samples in BatchNorm1d.

/** y = γ x̂ + β, x̂ = (x - μ) r, r = 1 / √(σ² + ε), for each group of numbers */
class Normalization extends Layer {
  forward(x) {
    const { weight, bias } = this;
    const I = weight.length;
    const normalized = this.normalize(x, this.groups(x.length / I, I));
    const y = new Float64Array(x.length);
    for (let k = 0; k < x.length; k++) y[k] = weight[k % I] * normalized[k] + (bias ? bias[k % I] : 0);
    return y;
  }

  /** Return x̂. */
  normalize(x, groups) {
    this.normalized = new Float64Array(x.length);
    this.rstd = new Float64Array(groups.length);
    groups.forEach((group, g) => {
      const { mean, variance } = this.statistics(x, group, g);
      const r = (this.rstd[g] = 1 / Math.sqrt(variance + this.eps));
      for (let k = group.start; k < group.end; k += group.stride) this.normalized[k] = (x[k] - mean) * r;
    });
    return this.normalized;
  }

  /** ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ, ∂L/∂β = Σₙ Gₙ; H = G ⊙ γ is the gradient of x̂ */
  backward(grad) {
    const { weight, normalized } = this;
    const I = weight.length;
    const product = new Float64Array(grad.length);
    const scaled = new Float64Array(grad.length);
    for (let k = 0; k < grad.length; k++) {
      product[k] = grad[k] * normalized[k];
      scaled[k] = grad[k] * weight[k % I];
    }
    sumOverSamples(product, this.grads.weight);
    if (this.bias) sumOverSamples(grad, this.grads.bias);
    this.groups(grad.length / I, I).forEach((group, g) => this.backwardThroughGroup(scaled, group, this.rstd[g]));
    return scaled;
  }

  /** Turn H into ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H)); the means are those over the group. */
  backwardThroughGroup(scaled, { start, end, stride }, r) {
    const { normalized } = this;
    const size = (end - start) / stride;
    let [along, center] = [0, 0];
    for (let k = start; k < end; k += stride) along += scaled[k] * normalized[k];
    for (let k = start; k < end; k += stride) {
      scaled[k] -= normalized[k] * (along / size);
      center += scaled[k];
    }
    if (!this.isCentered) center = 0;
    // center / size is mean(H), and the mean that rounding leaves in x̂.
    for (let k = start; k < end; k += stride) scaled[k] = (scaled[k] - center / size) * r;
  }
}

/** Return the rows of an array of N samples as groups. */
const samplesOf = (N, I) => Array.from({ length: N }, (_, n) => ({ start: n * I, end: (n + 1) * I, stride: 1 }));

/** Return the columns of an array of N samples as groups. */
const featuresOf = (N, I) => Array.from({ length: I }, (_, i) => ({ start: i, end: i + N * I, stride: I }));

/** Return the mean of (x - μ)² over a group. */
function meanSquare(x, { start, end, stride }, mean) {
  let total = 0;
  for (let k = start; k < end; k += stride) total += (x[k] - mean) ** 2;
  return total / ((end - start) / stride);
}

/** Return the mean and variance of a group. */
function meanAndVariance(x, group) {
  const { start, end, stride } = group;
  let total = 0;
  for (let k = start; k < end; k += stride) total += x[k];
  const mean = total / ((end - start) / stride);
  return { mean, variance: meanSquare(x, group, mean) };
}

class LayerNorm extends Normalization {
  isCentered = true;
  groups = samplesOf;
  statistics = meanAndVariance;
}

/** x̂ = x r, r = 1 / √(mean(x²) + ε); ∂L/∂x = r (H - x̂ mean(H ⊙ x̂)) */
class RMSNorm extends Normalization {
  isCentered = false;
  groups = samplesOf;

  statistics(x, group) {
    return { mean: 0, variance: meanSquare(x, group, 0) };
  }
}

/** In training mode, μ and σ² are those of the batch; in evaluation mode, the running μ and σ². */
class BatchNorm1d extends Normalization {
  isCentered = true;
  groups = featuresOf;

  normalize(x, groups) {
    if (this.training) this.num_batches_tracked += 1;
    return super.normalize(x, groups);
  }

  /** In training mode, running μ ← running μ + m (μ - running μ); for σ², with N - 1 in place of N. */
  statistics(x, group, i) {
    const { running_mean, running_var } = this;
    if (!this.training) return { mean: running_mean[i], variance: running_var[i] };
    const N = (group.end - group.start) / group.stride;
    if (N < 2) throw new Error(`expected at least two samples in training mode, got ${N}: call eval() first`);
    const { mean, variance } = meanAndVariance(x, group);
    const rate = this.momentum ?? 1 / this.num_batches_tracked;
    running_mean[i] += rate * (mean - running_mean[i]);
    running_var[i] += rate * ((variance * N) / (N - 1) - running_var[i]);
    return { mean, variance };
  }

  /** In evaluation mode, ∂L/∂x = r H, since the running statistics are constants. */
  backwardThroughGroup(scaled, group, r) {
    if (this.training) return super.backwardThroughGroup(scaled, group, r);
    for (let k = group.start; k < group.end; k += group.stride) scaled[k] *= r;
  }
}
