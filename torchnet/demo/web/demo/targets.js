// What the outputs of the network mean: classes, or quantities in their units.
//
// Each kind has `show`, which shows the outputs beside the input and returns a sentence; `target`, what the loss
// compares them with; `mark`, which shows the target in its control; `forget`, which gives a chosen target up for that
// of another sample; `margin`, which is smaller for a sample from which there is more to learn; and `picture` and
// `lastRow`, the outputs in a row of the page.

const MOST_BUTTONS = 20; // more classes are chosen from a list

class ClassTargets {
  constructor({ names }, changed) {
    this.names = names;
    this.equations = []; // of the target in the loss
    this.chosen = this.known = null; // the class chosen on the page, and that of an example
    this.choose = (label) => ((this.chosen = label), changed());
    this.bars = new Bars({ id: "probabilities", names, values: () => this.probabilities, limit: 1, text: percentText });
    byId("outputs").append(this.bars.node);
    this.press = names.length > MOST_BUTTONS ? this.list() : this.buttons();
  }

  show(logits, isEmpty) {
    this.probabilities = softmax(logits).probs;
    [this.answer, this.second = this.answer] = placesOfLargest(this.probabilities);
    this.bars.update(!isEmpty);
    return isEmpty ? "Nothing is drawn yet." : `Most probable: ${this.names[this.answer]}`;
  }

  get target() {
    return this.chosen ?? this.known ?? this.second;
  }

  /** @param name of the class of an example, null for another sample. */
  forget(name = null) {
    const place = this.names.indexOf(name);
    this.known = place < 0 ? null : place;
    this.choose(null);
  }

  /** Return how far the class of a sample is ahead of the others: below 0, the network is wrong. */
  margin(logits, name = null) {
    const { probs } = softmax(logits);
    const [first, second = first] = placesOfLargest(probs);
    const place = this.names.includes(name) ? this.names.indexOf(name) : first;
    return probs[place] - probs[place === first ? second : first];
  }

  /** Show the target in its control, and say why it is preselected. */
  mark(target) {
    this.press(target);
    const [answer, second] = [this.answer, this.second].map((k) => this.names[k]);
    const known = this.names[this.known];
    if (this.chosen !== null) byId("label-note").textContent = "";
    else if (this.known === null)
      byId("label-note").textContent =
        `Preselected is ${second}, the second choice of the network: its first choice, ${answer}, has little to teach.`;
    else if (this.known === this.answer)
      byId("label-note").textContent = `This is an example of ${known}, and the network says so.`;
    else
      byId("label-note").textContent =
        `This is an example of ${known}, which the network takes for ${answer}. The gradients show how it would learn.`;
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
    Object.assign(this, { names, means, stds, changed });
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

  /** Samples far from the mean, which is the target, have larger gradients. */
  margin(logits) {
    return -norm(logits);
  }

  forget() {
    this.changed();
  }

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

const placesOfLargest = (values) => [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 2);

const makeTargets = (description, changed) =>
  description.kind === "classes" ? new ClassTargets(description, changed) : new QuantityTargets(description, changed);
