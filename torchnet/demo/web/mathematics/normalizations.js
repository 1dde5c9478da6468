// The normalizations, as in torchnet/layers/.
//
// Each divides its input into groups and normalizes the numbers of a group by their own mean and variance. A group is a
// sample in LayerNorm and RMSNorm, some channels of a sample in GroupNorm, and a feature or channel over all samples in
// BatchNorm1d and BatchNorm2d. γ and β have a number for each of C features or channels; a channel has A pixels.

/** y = γ x̂ + β, x̂ = (x - μ) r, r = 1 / √(σ² + ε), for each group of numbers */
class Normalization extends Layer {
  isCentered = true;

  /** Return C and A. */
  get sizes() {
    return { C: this.weight ? this.weight.length : sizeOf([this.normalized_shape].flat()), A: 1 };
  }

  forward(x) {
    const { weight, bias } = this;
    const { C, A } = this.sizes;
    const normalized = this.normalize(x, this.groups(x.length / (C * A), C, A));
    const y = normalized.slice();
    eachChannel(y.length, C, A, (k, c) => (y[k] = y[k] * (weight ? weight[c] : 1) + (bias ? bias[c] : 0)));
    return y;
  }

  /** Return x̂. */
  normalize(x, groups) {
    this.normalized = new Float64Array(x.length);
    this.rstd = new Float64Array(groups.length);
    groups.forEach((group, g) => {
      const { mean, variance } = this.statistics(x, group, g);
      const r = (this.rstd[g] = 1 / Math.sqrt(variance + this.eps));
      eachPlace(group, (k) => (this.normalized[k] = (x[k] - mean) * r));
    });
    return this.normalized;
  }

  /** ∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ, ∂L/∂β = Σₙ Gₙ; H = G ⊙ γ is the gradient of x̂ */
  backward(grad) {
    const { weight, bias, normalized } = this;
    const { C, A } = this.sizes;
    const scaled = grad.slice();
    if (weight) {
      this.grads.weight.fill(0);
      eachChannel(grad.length, C, A, (k, c) => {
        this.grads.weight[c] += grad[k] * normalized[k];
        scaled[k] *= weight[c];
      });
    }
    if (bias) sumOverSamples(grad, this.grads.bias, A);
    const groups = this.groups(grad.length / (C * A), C, A);
    groups.forEach((group, g) => this.backwardThroughGroup(scaled, group, this.rstd[g]));
    return scaled;
  }

  /** Turn H into ∂L/∂x = r (H - x̂ mean(H ⊙ x̂) - mean(H)); the means are those over the group. */
  backwardThroughGroup(scaled, group, r) {
    const { normalized } = this;
    const size = sizeOfGroup(group);
    let [along, center] = [0, 0];
    eachPlace(group, (k) => (along += scaled[k] * normalized[k]));
    eachPlace(group, (k) => {
      scaled[k] -= normalized[k] * (along / size);
      center += scaled[k];
    });
    if (!this.isCentered) center = 0;
    // center / size is mean(H), and the mean that rounding leaves in x̂.
    eachPlace(group, (k) => (scaled[k] = (scaled[k] - center / size) * r));
  }
}

// A group is `count` runs of `length` numbers each; the first begins at `start`, the others `stride` numbers apart.

const sizeOfGroup = ({ count, length }) => count * length;

/** Call a function with the place of each number of a group. */
function eachPlace({ start, count, length, stride }, action) {
  for (let run = 0, k = start; run < count; run++, k += stride) {
    for (let place = k; place < k + length; place++) action(place);
  }
}

/** Call a function with the place and the channel of each number. */
function eachChannel(size, C, A, action) {
  for (let k = 0, c = 0; k < size; c = (c + 1) % C) {
    for (let end = k + A; k < end; k++) action(k, c);
  }
}

/** Return `count` groups of neighbors. */
const groupsOf = (count, length) =>
  Array.from({ length: count }, (_, g) => ({ start: g * length, count: 1, length, stride: 0 }));

/** Return each of C channels over N samples as a group. */
const channelsOf = (N, C, A) =>
  Array.from({ length: C }, (_, c) => ({ start: c * A, count: N, length: A, stride: C * A }));

/** Return the mean of (x - μ)² over a group. */
function meanSquare(x, group, mean) {
  let total = 0;
  eachPlace(group, (k) => (total += (x[k] - mean) ** 2));
  return total / sizeOfGroup(group);
}

/** Return the mean and variance of a group. */
function meanAndVariance(x, group) {
  let total = 0;
  eachPlace(group, (k) => (total += x[k]));
  const mean = total / sizeOfGroup(group);
  return { mean, variance: meanSquare(x, group, mean) };
}

class LayerNorm extends Normalization {
  groups = groupsOf;
  statistics = meanAndVariance;
}

/** x̂ = x r, r = 1 / √(mean(x²) + ε); ∂L/∂x = r (H - x̂ mean(H ⊙ x̂)) */
class RMSNorm extends Normalization {
  isCentered = false;
  groups = groupsOf;

  statistics(x, group) {
    return { mean: 0, variance: meanSquare(x, group, 0) };
  }
}

/** Return C and A of a layer that normalizes channels. Its samples are rows of C numbers if it knows no other shape. */
const channelSizes = ({ num_features, num_channels, in_shape: [C, ...area] = [num_features ?? num_channels] }) => ({ C, A: sizeOf(area) });

class GroupNorm extends Normalization {
  statistics = meanAndVariance;

  get sizes() {
    return channelSizes(this);
  }

  groups(N, C, A) {
    return groupsOf(N * this.num_groups, (C / this.num_groups) * A);
  }
}

/** In training mode, μ and σ² are those of the batch; in evaluation mode, the running μ and σ². */
class BatchNorm1d extends Normalization {
  groups = channelsOf;

  get sizes() {
    return channelSizes(this);
  }

  /** Whether μ and σ² are those of the batch; without running statistics, always. */
  get usesBatch() {
    return this.training || !this.running_mean;
  }

  normalize(x, groups) {
    if (this.training) this.num_batches_tracked += 1;
    return super.normalize(x, groups);
  }

  /** In training mode, running μ ← running μ + m (μ - running μ); for σ², with N - 1 in place of N. */
  statistics(x, group, i) {
    const { running_mean, running_var } = this;
    if (!this.usesBatch) return { mean: running_mean[i], variance: running_var[i] };
    const N = sizeOfGroup(group);
    if (N < 2) throw new Error(`expected at least two numbers of each feature in training mode, got ${N}: call eval() first`);
    const { mean, variance } = meanAndVariance(x, group);
    if (!running_mean) return { mean, variance };
    const rate = this.momentum ?? 1 / this.num_batches_tracked;
    running_mean[i] += rate * (mean - running_mean[i]);
    running_var[i] += rate * ((variance * N) / (N - 1) - running_var[i]);
    return { mean, variance };
  }

  /** In evaluation mode, ∂L/∂x = r H, since the running statistics are constants. */
  backwardThroughGroup(scaled, group, r) {
    if (this.usesBatch) return super.backwardThroughGroup(scaled, group, r);
    eachPlace(group, (k) => (scaled[k] *= r));
  }
}

class BatchNorm2d extends BatchNorm1d {}
