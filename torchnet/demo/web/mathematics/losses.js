// The losses, as in torchnet/losses/. Each returns its value for one sample, and the gradient of the logits.

/** Return log p and p. The logits are shifted so that the largest exponential is e⁰ = 1. */
function softmax(logits) {
  const top = logits.reduce((largest, z) => Math.max(largest, z), -Infinity);
  const exponentials = logits.map((z) => Math.exp(z - top));
  const total = sum(exponentials);
  return { logProbs: logits.map((z) => z - top - Math.log(total)), probs: exponentials.map((e) => e / total) };
}

/** L = -log p of the label, ∂L/∂z = p - t */
function crossEntropy(logits, label) {
  const { logProbs, probs } = softmax(logits);
  return { loss: -logProbs[label], gradLogits: probs.map((p, k) => p - (k === label)) };
}

/** L = 1/C Σ (z - t)², ∂L/∂z = 2 (z - t) / C. The target is a row of numbers, or a class, which is a one-hot row. */
function meanSquaredError(logits, target) {
  const differences = logits.map((z, k) => z - (typeof target === "number" ? k === target : target[k]));
  return {
    loss: mean(differences.map((difference) => difference ** 2)),
    gradLogits: differences.map((difference) => (2 * difference) / logits.length),
  };
}

/** L = -Σ [t log p + (1 - t) log(1 - p)]. For the most probable class m, log(1 - p_m) is computed from the other p.
 *
 * ∂L/∂z_k = p_k - t_k + v_k - Σ_{c≠k} v_c p_k / (1 - p_c), v_c = (1 - t_c) p_c; in the sum, the term of c = m is
 * v_m · softmax(z without m)_k, which is finite even if p_m rounds to 1.
 */
function oneVsRestCrossEntropy(logits, label) {
  const { logProbs, probs } = softmax(logits);
  const m = logits.indexOf(Math.max(...logits));
  const without = (values) => values.map((value, k) => (k === m ? -Infinity : value));
  const { probs: probsWithout } = softmax(without(logits));
  const others = without(logProbs);
  const largest = Math.max(...others);
  const logRestOfTop = largest + Math.log(sum(others.map((value) => Math.exp(value - largest))));
  const logRest = probs.map((p, k) => (k === m ? logRestOfTop : Math.log1p(-p)));
  const v = probs.map((p, k) => (k === label ? 0 : p));
  const vOverRest = v.map((value, k) => (k === m ? 0 : value / (1 - probs[k])));
  const total = sum(vOverRest);
  return {
    loss: -logProbs[label] - sum(logRest.map((value, k) => (k === label ? 0 : value))),
    gradLogits: probs.map(
      (p, k) => p - (k === label) + v[k] - p * (total - vOverRest[k]) - v[m] * probsWithout[k],
    ),
  };
}

const LOSSES = {
  cross_entropy: crossEntropy,
  mean_squared_error: meanSquaredError,
  one_vs_rest_cross_entropy: oneVsRestCrossEntropy,
};
