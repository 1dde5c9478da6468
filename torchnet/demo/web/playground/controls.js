// The controls of the settings. Every change is handed on as new settings; what is shown follows from the settings.

const CHOICES = {
  lr: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
  momentum: [0, 0.5, 0.9, 0.95, 0.99],
  weight_decay: [0, 0.0001, 0.001, 0.01, 0.1],
  gain: [0.1, 0.3, 0.5, 1, 1.5, 2, 3, 4],
  batch_size: [2, 8, 16, 32, 64, 128, 200],
};

const COMPARISON_NAMES = {
  none: "nothing",
  no_normalization: "no normalization",
  no_residual: "no residual",
  relu: "ReLU",
  gain_1: "gain 1",
};

const GROUPS = {
  Data: { dataset: "Data set", noise: "Noise", seed: "Seed" },
  Network: {
    hidden_sizes: "Hidden layers",
    activation: "Activation",
    normalization: "Normalization",
    residual: "Residual",
    initializer: "Initializer",
    gain: "Gain",
  },
  Training: {
    loss: "Loss",
    optimizer: "Optimizer",
    lr: "Learning rate",
    momentum: "Momentum",
    weight_decay: "Weight decay",
    batch_size: "Batch size",
    compare: "Compare",
  },
};

class Controls {
  /**
   * @param form where to put them.
   * @param changed is called with new settings.
   */
  constructor(form, changed) {
    Object.assign(this, { changed, settings: defaultSettings(), shows: [], notes: {} });
    form.append(
      ...Object.entries(GROUPS).map(([legend, names]) => {
        const lines = Object.entries(names).map(([name, label]) => this.line(name, label));
        return element("fieldset", {}, element("legend", {}, legend), ...lines);
      }),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Show settings. */
  show(settings) {
    this.settings = settings;
    for (const show of this.shows) show(settings);
    for (const [name, note] of Object.entries(this.notes)) note.textContent = NOTES[name]?.(settings) ?? "";
  }

  /** Change a setting to what is typed, or say below it why not. */
  type(name, text, { parse, expected }, change = (value) => this.change(name, value)) {
    const value = parse(text);
    if (value !== undefined) return change(value);
    this.show(this.settings);
    this.notes[name].textContent = `Expected ${expected}${text ? `, got ${excerpt(text)}` : ""}.`;
  }

  /** Change a setting. The loss follows the kind of the data set. */
  change(name, value) {
    const settings = { ...this.settings, [name]: value };
    if (name === "dataset") {
      const isRegression = (dataset) => Boolean(DATASETS[dataset].isRegression);
      const changes = isRegression(value) !== isRegression(this.settings.dataset);
      if (changes) settings.loss = isRegression(value) ? "mean_squared_error" : SETTINGS.loss.standard;
    }
    this.changed(settings);
  }

  /** Return a line with the label and the control of a setting. `node` is what holds the control, if anything does. */
  line(name, label) {
    const { control, node = control, below = [] } = (MAKERS[name] ?? MAKERS.list)(this, name);
    control.id = `setting-${name}`;
    const note = (this.notes[name] = element("p", { className: "note", role: "status" }));
    const title = element("label", { for: control.id, title: HELP[name] }, label);
    const line = element("div", { className: "setting" }, title, node, ...below, note);
    const isShown = SHOWN_IF[name];
    if (isShown) this.shows.push((settings) => (line.hidden = !isShown(settings)));
    return line;
  }
}

const SHOWN_IF = { momentum: ({ optimizer }) => optimizer === "SGD" };

const MAKERS = {
  /** A list of the values of a setting; a value of the address that is not in the list is added. */
  list(controls, name) {
    const control = element("select");
    const values = CHOICES[name] ?? SETTINGS[name].values;
    controls.shows.push((settings) => {
      const all = values.includes(settings[name]) ? values : [...values, settings[name]].sort((a, b) => a - b);
      if (control.length !== all.length || control.isCustom)
        control.replaceChildren(...all.map((value) => element("option", { value }, optionText(name, value))));
      control.isCustom = all !== values;
      control.value = settings[name];
      if (name === "loss") for (const option of control.options) option.disabled = isUnfit(option.value, settings);
    });
    control.onchange = () => controls.change(name, SETTINGS[name].parse(control.value));
    return { control };
  },

  noise(controls, name) {
    const { low, high } = SETTINGS[name];
    const control = element("input", { type: "range", min: low, max: high, step: 0.01 });
    const text = element("output", { className: "number" });
    controls.shows.push((settings) => {
      control.value = settings[name];
      text.textContent = settings[name].toFixed(2);
    });
    control.oninput = () => (text.textContent = Number(control.value).toFixed(2));
    control.onchange = () => controls.change(name, Number(control.value));
    return { control, node: element("span", { className: "range" }, control, text) };
  },

  seed(controls, name) {
    const { low, high } = SETTINGS[name];
    const control = element("input", { type: "number", min: low, max: high, step: 1, inputMode: "numeric" });
    controls.shows.push((settings) => (control.value = settings[name]));
    control.onchange = () => controls.type(name, control.value, SETTINGS[name]);
    return { control };
  },

  residual(controls, name) {
    const control = element("input", { type: "checkbox" });
    controls.shows.push((settings) => (control.checked = settings[name]));
    control.onchange = () => controls.change(name, control.checked);
    return { control };
  },

  /** The number of hidden layers, and a field for the width of each. */
  hidden_sizes(controls, name) {
    const { most, low, high } = SETTINGS[name];
    const [fewer, more] = ["\u2212", "+"].map((text) => element("button", { type: "button" }, text));
    fewer.setAttribute("aria-label", "Remove the last hidden layer");
    more.setAttribute("aria-label", "Add a hidden layer");
    const control = element("output", { className: "number" });
    const widths = element("div", { className: "widths", role: "group", "aria-label": "Units of each hidden layer" });
    const change = (sizes) => controls.change(name, sizes);
    fewer.onclick = () => change(controls.settings[name].slice(0, -1));
    more.onclick = () => change([...controls.settings[name], controls.settings[name].at(-1) ?? 16]);
    widths.onchange = ({ target }) => {
      const k = [...widths.children].indexOf(target);
      controls.type(name, target.value, wholeNumber(low, high), (size) => change(controls.settings[name].with(k, size)));
    };
    controls.shows.push((settings) => {
      const sizes = settings[name];
      control.textContent = sizes.length;
      fewer.disabled = sizes.length === 0;
      more.disabled = sizes.length === most;
      while (widths.children.length > sizes.length) widths.lastChild.remove();
      while (widths.children.length < sizes.length) {
        const range = { type: "number", min: low, max: high, inputMode: "numeric" };
        const label = `Units of hidden layer ${widths.children.length + 1}`;
        widths.append(element("input", { ...range, "aria-label": label }));
      }
      sizes.forEach((size, k) => (widths.children[k].value = size));
    });
    const node = element("span", { className: "stepper" }, fewer, control, more);
    return { control, node, below: [widths] };
  },
};

const OPTION_TEXTS = {
  compare: COMPARISON_NAMES,
  loss: {
    cross_entropy: "cross-entropy",
    mean_squared_error: "squared error",
    one_vs_rest_cross_entropy: "one-vs-rest",
  },
};

const optionText = (name, value) => OPTION_TEXTS[name]?.[value] ?? String(value).replaceAll("_", " ").replaceAll(",", ", ");

const isUnfit = (loss, { dataset }) => Boolean(DATASETS[dataset].isRegression) && loss !== "mean_squared_error";
