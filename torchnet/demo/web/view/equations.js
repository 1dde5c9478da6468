// The equations of each kind of layer, as functions of the layer, and of each loss.

const NORMALIZED = "x̂ = (x − μ) r,  r = 1 / √(σ² + ε)";

/** Return the windows of a pooling as text. */
const windowText = ({ kernel_size }) => `each ${kernel_size.join(" × ")} window`;

const stepText = ({ kernel_size, stride, padding, dilation, groups }) =>
  [
    `∗ multiplies each ${kernel_size.join(" × ")} patch of x by W and adds up`,
    ...(Math.max(...stride) > 1 ? [`stride ${stride.join(" × ")}`] : []),
    ...(Math.max(...padding) > 0 ? [`padding ${padding.join(" × ")}`] : []),
    ...(Math.max(...dilation) > 1 ? [`dilation ${dilation.join(" × ")}`] : []),
    ...(groups > 1 ? [`${groups} groups of channels`] : []),
  ].join(", ");

/** M is the number of values of a feature or channel, over which it sums. */
function batchNormEquations({ usesBatch }, where, M) {
  const [n, sum] = M === "N" ? ["ₙ", "Σₙ"] : ["", "Σ"];
  return {
    forward: ["y = γ x̂ + β", NORMALIZED, `μ and σ²: ${usesBatch ? where : "running statistics"}`],
    backward: [
      `∂L/∂γ = ${sum} G${n} ⊙ x̂${n}`,
      `∂L/∂β = ${sum} G${n}`,
      ...(usesBatch
        ? [`∂L/∂x = γ r ⊙ (G − x̂ ⊙ ∂L/∂γ / ${M} − ∂L/∂β / ${M})`]
        : ["∂L/∂x = γ r ⊙ G", "running μ and σ² are constants"]),
    ],
  };
}

const dropoutEquations = () => ({
  forward: ["y = x", "dropout is active in training only"],
  backward: ["∂L/∂x = G"],
});

const EQUATIONS = {
  Linear: ({ bias }) => ({
    forward: [bias ? "y = x Wᵀ + b" : "y = x Wᵀ"],
    backward: ["∂L/∂W = Gᵀ x", ...(bias ? ["∂L/∂b = Σₙ Gₙ"] : []), "∂L/∂x = G W"],
  }),
  Conv2d: (layer) => ({
    forward: [layer.bias ? "y_o = Σ_i W_{oi} ∗ x_i + b_o" : "y_o = Σ_i W_{oi} ∗ x_i", stepText(layer)],
    backward: [
      "∂L/∂W_{oi} = Σ_p G_{op} (patch of x_i at p)",
      ...(layer.bias ? ["∂L/∂b_o = Σ_p G_{op}"] : []),
      "∂L/∂(patch of x_i at p) = Σ_o G_{op} W_{oi}",
      "p: the pixels of y; where patches overlap, their gradients add up to that of x",
    ],
  }),
  MaxPool2d: (layer) => ({
    forward: [`y = max of ${windowText(layer)} of x`],
    backward: ["∂L/∂x = G at the place of the maximum,  0 elsewhere"],
  }),
  AvgPool2d: (layer) => ({
    forward: [`y = mean of ${windowText(layer)} of x`],
    backward: ["∂L/∂x = G / size, everywhere in the window"],
  }),
  AdaptiveAvgPool2d: ({ in_shape: [, H, W] }) => ({
    forward: ["y_c = 1/A Σ_p x_{cp}", `A = ${H} · ${W} pixels p`],
    backward: ["∂L/∂x_{cp} = G_c / A"],
  }),
  Flatten: () => ({ forward: ["y = x as one row"], backward: ["∂L/∂x = G in the shape of x"] }),
  Sigmoid: () => ({ forward: ["y = σ(x) = 1 / (1 + e⁻ˣ)"], backward: ["∂L/∂x = G ⊙ y ⊙ (1 − y)"] }),
  Tanh: () => ({ forward: ["y = tanh x"], backward: ["∂L/∂x = G ⊙ (1 − y²)"] }),
  ReLU: () => ({ forward: ["y = max(x, 0)"], backward: ["∂L/∂x = G ⊙ [y > 0]"] }),
  LeakyReLU: ({ negative_slope: s }) => ({
    forward: ["y = x where x > 0,  s x elsewhere", `s = ${s}`],
    backward: ["∂L/∂x = G ⊙ ([x > 0] + s [x ≤ 0])"],
  }),
  ELU: ({ alpha }) => ({
    forward: ["y = x where x > 0,  α (eˣ − 1) elsewhere", `α = ${alpha}`],
    backward: ["∂L/∂x = G ⊙ ([x > 0] + α eˣ [x ≤ 0])"],
  }),
  GELU: ({ approximate }) => ({
    forward: approximate === "none" ? ["y = x Φ(x)"] : ["y = x σ(v),  v = 2√(2/π) (x + 0.044715 x³)"],
    backward: [
      "∂L/∂x = G ⊙ (Φ(x) + x φ(x))",
      approximate === "none" ? "φ(x) = exp(−x²/2) / √(2π)" : "Φ(x) = σ(v),  φ(x) = σ(v) (1 − σ(v)) v′",
    ],
  }),
  SiLU: () => ({ forward: ["y = x σ(x)"], backward: ["∂L/∂x = G ⊙ (s + y ⊙ (1 − s)),  s = σ(x)"] }),
  Softplus: ({ beta }) => ({
    forward: ["y = log(1 + e^{βx}) / β", `β = ${beta}`],
    backward: ["∂L/∂x = G ⊙ (1 − e^{−βy})"],
  }),
  Hardtanh: ({ min_val: a, max_val: b }) => ({
    forward: ["y = min(max(x, a), b)", `a = ${a},  b = ${b}`],
    backward: ["∂L/∂x = G ⊙ [a < x < b]"],
  }),
  ReLU6: () => ({ forward: ["y = min(max(x, 0), 6)"], backward: ["∂L/∂x = G ⊙ [0 < x < 6]"] }),
  Hardswish: () => ({
    forward: ["y = x min(max(x + 3, 0), 6) / 6"],
    backward: ["∂L/∂x = G ⊙ ((x / 3 + 1/2) [−3 < x < 3] + [x ≥ 3])"],
  }),
  Mish: () => ({
    forward: ["y = x t,  t = tanh(log(1 + eˣ))"],
    backward: ["∂L/∂x = G ⊙ (t + x σ(x) (1 − t²))"],
  }),
  PReLU: () => ({
    forward: ["y = x where x > 0,  a x elsewhere"],
    backward: ["∂L/∂a = Σ G ⊙ x [x ≤ 0]", "∂L/∂x = G ⊙ ([x > 0] + a [x ≤ 0])"],
  }),
  CELU: ({ alpha }) => ({
    forward: ["y = x where x > 0,  α (e^{x/α} − 1) elsewhere", `α = ${alpha}`],
    backward: ["∂L/∂x = G ⊙ ([x > 0] + e^{x/α} [x ≤ 0])"],
  }),
  SELU: () => ({
    forward: ["y = s x where x > 0,  s α (eˣ − 1) elsewhere", "s = 1.0507…,  α = 1.6733…"],
    backward: ["∂L/∂x = s G ⊙ ([x > 0] + α eˣ [x ≤ 0])"],
  }),
  Softsign: () => ({ forward: ["y = x / (1 + |x|)"], backward: ["∂L/∂x = G / (1 + |x|)²"] }),
  LogSigmoid: () => ({ forward: ["y = log σ(x) = −log(1 + e⁻ˣ)"], backward: ["∂L/∂x = G ⊙ (1 − e^{y})"] }),
  Identity: () => ({ forward: ["y = x"], backward: ["∂L/∂x = G"] }),
  BatchNorm1d: (layer) => batchNormEquations(layer, "over the samples", "N"),
  BatchNorm2d: (layer) => batchNormEquations(layer, "over samples and pixels of a channel", "M"),
  GroupNorm: ({ num_groups: groups }) => ({
    forward: ["y = γ x̂ + β", NORMALIZED, `μ and σ²: over each of ${groups} groups of channels of the sample`],
    backward: ["∂L/∂γ = Σ G ⊙ x̂", "∂L/∂β = Σ G", "∂L/∂x = r (G γ − mean(G γ) − x̂ mean(G γ x̂))"],
  }),
  LayerNorm: () => ({
    forward: ["y = γ x̂ + β", NORMALIZED, "μ and σ²: over the features of the sample"],
    backward: ["∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ", "∂L/∂β = Σₙ Gₙ", "∂L/∂x = r (G γ − (Σᵢ G γ + x̂ Σᵢ G γ x̂) / I)"],
  }),
  RMSNorm: () => ({
    forward: ["y = γ x̂", "x̂ = x r,  r = 1 / √(Σᵢ x² / I + ε)"],
    backward: ["∂L/∂γ = Σₙ Gₙ ⊙ x̂ₙ", "∂L/∂x = r (G γ − x̂ Σᵢ G γ x̂ / I)"],
  }),
  Dropout: dropoutEquations,
  Dropout2d: dropoutEquations,
  Sequential: () => ({ forward: ["y = f(x)"], backward: ["∂L/∂x = ∂L/∂x of the block"] }),
  Residual: () => ({ forward: ["y = x + f(x)"], backward: ["∂L/∂x = G + ∂L/∂x of the block"] }),
};

const LOSS_EQUATIONS = {
  cross_entropy: {
    name: "Cross-entropy",
    forward: ["L = − Σ_c t_c log p_c", "p = softmax(z)"],
    backward: ["∂L/∂z = p − t"],
  },
  mean_squared_error: {
    name: "Mean squared error",
    forward: ["L = 1/C Σ_c (z_c − t_c)²"],
    backward: ["∂L/∂z = 2 (z − t) / C"],
  },
  one_vs_rest_cross_entropy: {
    name: "One-vs-rest cross-entropy",
    forward: ["L = − Σ_c [t_c log p_c + (1 − t_c) log(1 − p_c)]", "p = softmax(z)"],
    backward: ["∂L/∂z_k = p_k − t_k + v_k − Σ_{c≠k} v_c p_k / (1 − p_c)", "v = (1 − t) ⊙ p"],
  },
};

/** Whether a shape is that of an image with more than one pixel. */
const isImage = (shape) => shape?.length === 3 && shape[1] * shape[2] > 1;

// The layers whose output is never negative.
const NEVER_NEGATIVE = new Set(["Sigmoid", "ReLU", "ReLU6", "Softplus"]);
