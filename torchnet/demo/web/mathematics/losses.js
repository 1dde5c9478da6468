// The losses, as in torchnet/losses/. The functions of one sample return its loss and the gradient of its logits.

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Return log p and p of one sample. The logits are shifted so that the largest exponential is e⁰ = 1. */
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
    loss: sum(differences.map((difference) => difference ** 2)) / logits.length,
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

/**
 * Return the loss of a batch: L = 1/N Σₙ Lₙ, ∂L/∂zₙ = 1/N ∂Lₙ/∂zₙ. The 1/N of the mean is here and nowhere else.
 *
 * Its targets are an array of N classes, or of N rows of C numbers, one after the other; or the class of one sample.
 */
const meanOverBatch = (lossOfSample) => (logits, targets) => {
  if (typeof targets === "number") targets = [targets];
  const areRows = targets.length === logits.length; // one mean over all their numbers
  const { N, C } = areRows ? { N: 1, C: logits.length } : { N: targets.length, C: logits.length / targets.length };
  const gradLogits = new Float64Array(logits.length);
  let total = 0;
  for (let n = 0; n < N; n++) {
    const sample = lossOfSample(logits.subarray(n * C, (n + 1) * C), areRows ? targets : targets[n]);
    total += sample.loss;
    for (let k = 0; k < C; k++) gradLogits[n * C + k] = sample.gradLogits[k] / N;
  }
  return { loss: total / N, gradLogits };
};

const LOSSES = {
  cross_entropy: meanOverBatch(crossEntropy),
  mean_squared_error: meanOverBatch(meanSquaredError),
  one_vs_rest_cross_entropy: meanOverBatch(oneVsRestCrossEntropy),
};
