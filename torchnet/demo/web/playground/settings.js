// The settings of an experiment, and their text in the address of the page.
//
// Each setting has a default, `standard`; `parse`, which returns the value of a text, or undefined if it is invalid;
// `text`, which returns the text of a value; and `expected`, a description of the valid values, which are also given as
// `values`, or as `low` and `high`.

const number = (low, high, standard) => ({
  standard, low, high,
  expected: `a number from ${low} to ${high}`,
  parse(text) {
    const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    return value >= low && value <= high ? value : undefined;
  },
  text: String,
});

const wholeNumber = (low, high, standard) => ({
  ...number(low, high, standard),
  expected: `a whole number from ${low} to ${high}`,
  parse: (text) => (/^\d{1,9}$/.test(text) && low <= Number(text) && Number(text) <= high ? Number(text) : undefined),
});

const oneOf = (values, standard) => ({
  standard, values,
  expected: `one of ${values.join(", ")}`,
  parse: (text) => values.find((value) => String(value) === text),
  text: String,
});

/** A list of whole numbers, as in 16,16,16. */
const wholeNumbers = (most, low, high, standard) => ({
  standard, most, low, high,
  expected: `at most ${most} whole numbers from ${low} to ${high}, as in ${standard}`,
  parse(text) {
    const values = text === "" ? [] : text.split(",", most + 1).map(wholeNumber(low, high).parse);
    return values.length <= most && !values.includes(undefined) ? values : undefined;
  },
  text: (values) => values.join(","),
});

// What a second network, which trains beside the first, has in place of the settings of the first.
const COMPARISONS = {
  none: null,
  no_normalization: { normalization: "none" },
  no_residual: { residual: false },
  relu: { activation: "relu" },
  gain_1: { gain: 1 },
};

const SETTINGS = {
  dataset: oneOf(Object.keys(DATASETS), "spirals"),
  noise: number(0, 0.5, 0.05),
  seed: wholeNumber(0, 999999, 1), // of the data, the weights and the order of the samples
  hidden_sizes: wholeNumbers(24, 1, 64, [16, 16, 16]),
  activation: oneOf(Object.keys(ACTIVATION_LAYERS), "tanh"),
  normalization: oneOf(["none", ...Object.keys(NORMALIZATION_LAYERS)], "none"),
  residual: oneOf([false, true], false),
  initializer: oneOf(Object.keys(INITIALIZERS), "he_normal"),
  gain: number(0, 4, 1), // a factor of the initial weights
  loss: oneOf(Object.keys(LOSSES), "cross_entropy"),
  optimizer: oneOf(["SGD", "Adam", "AdamW"], "SGD"),
  lr: number(0, 100, 0.1),
  momentum: number(0, 0.999, 0.9), // of SGD
  weight_decay: number(0, 1, 0),
  batch_size: wholeNumber(2, 200, 32),
  compare: oneOf(Object.keys(COMPARISONS), "none"),
};

const defaultSettings = () =>
  Object.fromEntries(Object.entries(SETTINGS).map(([name, { standard }]) => [name, standard]));

/** Return the text after # in the address: every setting, so that a link stays the same if defaults change. */
function textOfSettings(settings) {
  const texts = Object.entries(SETTINGS).map(([name, { text }]) => [name, text(settings[name])]);
  return new URLSearchParams(texts).toString().replaceAll("%2C", ",");
}

/** Return { settings, problems }: missing and invalid settings have their defaults; a problem is a sentence. */
function settingsOfText(text) {
  const settings = defaultSettings();
  const problems = [];
  for (const [name, given] of new URLSearchParams(text.replace(/^#/, ""))) {
    const value = Object.hasOwn(SETTINGS, name) ? SETTINGS[name].parse(given) : undefined;
    if (value !== undefined) settings[name] = value;
    else if (!Object.hasOwn(SETTINGS, name)) problems.push(`Unknown setting ${excerpt(name)}.`);
    else problems.push(`${name}: expected ${SETTINGS[name].expected}, got ${excerpt(given)}.`);
  }
  const { settings: consistent, problems: more } = consistentSettings(settings);
  return { settings: consistent, problems: [...problems, ...more] };
}

/** Return { settings, problems } with the loss of a regression, if the data set is one. */
function consistentSettings(settings) {
  const { dataset, loss } = settings;
  if (!DATASETS[dataset].isRegression || loss === "mean_squared_error") return { settings, problems: [] };
  const problem = `loss: expected mean_squared_error for the data set ${dataset}, got ${loss}.`;
  return { settings: { ...settings, loss: "mean_squared_error" }, problems: [problem] };
}

/** Whether the network has residual blocks: between neighboring hidden layers of equal size. */
const hasBlocks = ({ residual, hidden_sizes: sizes }) => residual && sizes.some((size, k) => size === sizes[k + 1]);

/** Say of a setting that it has no effect beside the others; "" if it has one. */
const NOTES = {
  residual: (settings) =>
    settings.residual && !hasBlocks(settings) ? "No effect: a block needs two hidden layers in a row of equal size." : "",
  compare(settings) {
    const other = comparedSettings(settings);
    const isSame = other && Object.keys(COMPARISONS[settings.compare]).every((name) =>
      name === "residual" ? !hasBlocks(settings) : other[name] === settings[name]);
    return isSame ? "No difference: both networks are the same with these settings." : "";
  },
};

/** Return the settings of the second network, or null if there is none. */
function comparedSettings(settings) {
  const other = COMPARISONS[settings.compare];
  return other && { ...settings, ...other, compare: "none" };
}

const excerpt = (text) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
