// What the settings mean, a sentence or two each: pointing at a label shows it, and all are listed below.

const HELP = {
  dataset: "What is learned: the class of a point of the plane, a curve, or small digits; 400 samples train, 200 test.",
  noise: "The standard deviation of the noise on the inputs; on the targets of a curve.",
  seed: "Chooses the data, the initial weights and the order of the samples; equal seeds repeat a run exactly.",
  hidden_sizes: "The number of hidden layers, and the number of units of each.",
  activation: "The function of each unit, after the linear layer.",
  normalization:
    "Gives the inputs of each activation the size 1: over the mini-batch (batch norm), or over the units of a " +
    "sample, with (layer norm) or without (rms norm) subtracting their mean.",
  residual: "A block returns x + f(x), so the gradient also has a way past f; it needs hidden layers of equal size.",
  initializer: "The variance of the initial weights, for I inputs and O outputs: He 2 / I, Xavier 2 / (I + O), LeCun 1 / I.",
  gain: "A factor of all initial weights.",
  loss:
    "What is made small: cross-entropy is −log p of the right class; squared error compares the outputs with 0 and 1; " +
    "one-vs-rest also adds −log(1 − p) of each wrong class, with p from the softmax, not from sigmoids.",
  optimizer: "How a gradient becomes a step: SGD with momentum, or Adam, which gives each weight its own step size.",
  lr: "The factor of each step. It may be changed during the training.",
  momentum: "The share of the last step that is added to the next.",
  weight_decay: "SGD and Adam add this times a weight to its gradient; AdamW shrinks the weights themselves.",
  batch_size: "The number of samples of a step. It may be changed during the training.",
  compare: "A second network, equal but for this one thing, that trains beside the first; its lines are dashed.",
};

/** Return a list of all settings that the page names, with what they mean. */
function helpList() {
  const names = Object.assign({}, ...Object.values(GROUPS));
  const lines = Object.entries(names).map(([name, label]) => [element("dt", {}, label), element("dd", {}, HELP[name])]);
  return element("dl", {}, ...lines.flat());
}
