// Experiments that show one thing each. A text says in two sentences what to look at, `lines` what the lines between
// units are at first: "weights" or "gradients", and `isPaused` that the first step is to be seen.

const layersOf = (depth, width) => Array(depth).fill(width);
const preset = (title, text, settings, { lines = "weights", isPaused = false } = {}) => ({
  title, text, lines, isPaused, settings: { ...defaultSettings(), ...settings },
});

const PRESETS = {
  spirals: preset(
    "Two spirals",
    "Three layers of 16 tanh units learn to tell two spirals apart. Each small square shows what one unit computes " +
      "over the plane: straight edges in the first layer, which the next layers bend and combine.",
    {},
  ),
  vanishing: preset(
    "Vanishing gradients",
    "On the way back, every sigmoid multiplies the gradient by at most 1/4, so the first of 20 layers receives " +
      "less than a millionth of what the last one receives. Only the last layers learn, and the loss stays where " +
      "it is; with ReLU it falls.",
    { dataset: "moons", hidden_sizes: layersOf(20, 10), activation: "sigmoid", lr: 0.01, compare: "relu" },
    { lines: "gradients" },
  ),
  exploding: preset(
    "Exploding gradients",
    "Press Step, and look at the gradient norms: the initial weights are three times those of the initializer, so the " +
      "gradient grows from layer to layer on its way back. That step throws the first layers so far that their tanh " +
      "saturates, and nothing is learned any more: press Run.",
    { dataset: "moons", hidden_sizes: layersOf(20, 16), activation: "tanh", gain: 3, lr: 0.01, compare: "gain_1" },
    { lines: "gradients", isPaused: true },
  ),
  dead: preset(
    "Dead ReLUs",
    "Steps that are too large push units to where their input is negative for every sample: their output and " +
      "slope are 0, so they never get a gradient again. Watch the share of dead units rise, then set the learning " +
      "rate to 0.03 and press Restart.",
    { dataset: "spirals", hidden_sizes: layersOf(4, 16), activation: "relu", lr: 0.5 },
  ),
  normalization: preset(
    "What normalization does",
    "Batch normalization gives the input of each sigmoid mean 0 and variance 1, and divides the gradient by the " +
      "standard deviation that it removed. The norms of all layers stay within a decade and the loss falls, with " +
      "jumps, since it is measured with running statistics; without it, the first layer gets almost nothing.",
    {
      dataset: "spirals", hidden_sizes: layersOf(10, 16), activation: "sigmoid", normalization: "batch_norm",
      compare: "no_normalization",
    },
    { lines: "gradients" },
  ),
  skip: preset(
    "What a skip connection does",
    "A block returns x + f(x), so its backward pass adds G itself to the gradient that came through f, and the " +
      "first layer is reached past all sigmoids. The norms of all layers stay within a decade and the loss falls; " +
      "without it, the gradient vanishes.",
    {
      dataset: "spirals", hidden_sizes: layersOf(12, 12), activation: "sigmoid", residual: true,
      compare: "no_residual",
    },
    { lines: "gradients" },
  ),
  curve: preset(
    "Fit a curve",
    "One input, one output and the squared error: the line is what the network computes. With few units, or a small " +
      "learning rate, it stays too stiff for both bends.",
    { dataset: "curve", hidden_sizes: [16, 16], loss: "mean_squared_error", lr: 0.03 },
  ),
  digits: preset(
    "Small digits",
    "Digits of 8 × 8 pixels, drawn with noise. The squares of layer 1 are its weights, as images of what each unit " +
      "looks for; click a digit, then walk back to see which pixels the loss depends on.",
    { dataset: "digits", hidden_sizes: [16, 16], activation: "relu", lr: 0.03 },
  ),
};
