// What the outputs of the network mean: classes, or quantities in their units.
//
// Each kind has `show`, which shows the outputs beside the input and returns a sentence; `target`, what the loss
// compares them with; `mark`, which shows the target in its control; `forget`, which gives a chosen target up; and
// `picture` and `lastRow`, the outputs in a row of the page.

const MOST_BUTTONS = 20; // more classes are chosen from a list

class ClassTargets {
  constructor({ names }, changed) {
    this.names = names;
    this.equations = []; // of the target in the loss
    this.chosen = null; // null means the most probable class
    this.choose = (label) => ((this.chosen = label), changed());
    this.bars = new Bars({ id: "probabilities", names, values: () => this.probabilities, limit: 1, text: percentText });
    byId("outputs").append(this.bars.node);
    this.mark = names.length > MOST_BUTTONS ? this.list() : this.buttons();
  }

  show(logits, isEmpty) {
    this.probabilities = softmax(logits).probs;
    this.answer = this.probabilities.reduce((best, p, k, all) => (p > all[best] ? k : best), 0);
    this.bars.update(!isEmpty);
    return isEmpty ? "Nothing is drawn yet." : `Most probable: ${this.names[this.answer]}`;
  }

  get target() {
    return this.chosen ?? this.answer;
  }

  forget() {
    this.choose(null);
  }

  /** Make a button for each class; return a function that presses one. */
  buttons() {
    const pairs = this.names.map((name, k) => {
      const onchange = () => this.choose(k);
      const button = element("input", { type: "radio", name: "label", id: `label-${k}`, onchange });
      return [button, element("label", { className: "class", for: button.id, title: name }, name)];
    });
    byId("labels").append(...pairs.flat());
    return (label) => (pairs[label][0].checked = true);
  }

  /** Make a list of the classes; return a function that chooses one. */
  list() {
    const options = this.names.map((name, k) => element("option", { value: k }, name));
    const list = element("select", { id: "label", "aria-label": "Correct class" }, ...options);
    list.onchange = () => this.choose(Number(list.value));
    byId("labels").append(list);
    return (label) => (list.value = label);
  }

  lastRow() {
    return card({
      title: "Softmax",
      file: "torchnet/losses/softmax.py",
      shape: countText(this.names.length),
      equations: ["p = softmax(z)"],
      pictures: [this.picture()],
    });
  }

  picture() {
    return namedPicture("p", () => this.probabilities, this.names, { limit: 1 });
  }
}

class QuantityTargets {
  constructor({ names, means, stds }, changed) {
    Object.assign(this, { names, means, stds });
    this.equations = ["t = (target − mean) / std"];
    this.text = (z, k) => unitText(means[k] + stds[k] * z, stds[k]);
    this.shown = this.bars({ id: "quantities" });
    byId("outputs").append(this.shown.node);
    this.fields = names.slice(0, MOST_SLIDERS).map((name, k) => {
      const field = element("input", { type: "number", step: "any", id: `target-${k}`, oninput: changed });
      const label = element("label", { for: field.id, title: name }, name);
      byId("labels").append(element("div", { className: "quantity" }, label, field));
      return field;
    });
    this.fields.forEach((field, k) => (field.value = Number(means[k].toPrecision(6))));
  }

  /** Return bars for the quantities: their text is in their units, their length in standard deviations. */
  bars(options) {
    const { names, text } = this;
    return new Bars({ names, values: () => this.logits, text, signed: true, limit: REACH, ...options });
  }

  show(logits) {
    this.logits = logits;
    this.shown.update();
    return `Bars show the distance from the mean, up to ${REACH} standard deviations.`;
  }

  get target() {
    return this.means.map((mean, k) => {
      const value = this.fields[k]?.value; // empty for a value that is no number
      return value ? (Number(value) - mean) / this.stds[k] : 0;
    });
  }

  forget() {}
  mark() {}

  lastRow() {
    return card({
      title: "Output",
      shape: countText(this.names.length),
      equations: ["ŷ = mean + std z"],
      pictures: [this.picture()],
    });
  }

  picture() {
    return this.bars({ caption: "ŷ" });
  }
}

const makeTargets = (description, changed) =>
  description.kind === "classes" ? new ClassTargets(description, changed) : new QuantityTargets(description, changed);
