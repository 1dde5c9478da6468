// Experiments that show one thing each.

const sizes = (depth, width) => Array(depth).fill(width);
const preset = (title, text, settings) => ({ title, text, settings: { ...defaultSettings(), ...settings } });

const PRESETS = {
  vanishing: preset(
    "Vanishing gradients",
    "TEXT",
    { dataset: "moons", hidden_sizes: sizes(20, 10), activation: "sigmoid" },
  ),
};
