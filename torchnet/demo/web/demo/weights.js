// The weights of a layer before a step, the change −η ∂L/∂W, and the weights after it, on one color scale.

/** Return which weights are shown: of Linear those of the unit that changes most, a row of W, else all. */
function shownWeights(layer) {
  const { in_features: I, weight } = layer;
  if (layer.kind !== "Linear") return { start: 0, end: weight.length, what: symbolOf(layer) };
  const unit = placeOfLargest(layer.gradOutput); // since ∂L/∂W = Gᵀ x
  const what = `The weights of unit ${unit}, which changes most,`;
  return { start: unit * I, end: (unit + 1) * I, what, row: `${unit}, ` };
}

const symbolOf = ({ kind }) => (SYMBOLS[kind] ?? SYMBOLS.norm).weight;

/** Return the place of the largest absolute value. */
const placeOfLargest = (values) =>
  values.reduce((best, value, k) => (Math.abs(value) > Math.abs(values[best]) ? k : best), 0);

/** Return the largest power of ten by which numbers can be multiplied within a limit, at least 0. */
function magnifyingPower(values, limit) {
  const power = Math.floor(Math.log10(limit / largestOf(values)));
  return power > 0 && power < 300 ? power : 0;
}

function weightStep(layer, state) {
  const size = layer.kind === "Linear" ? layer.in_features : layer.weight.length;
  const stages = ["before", "change", "after"].map((stage) => {
    const options = { signed: true, legend: false, size: "third" };
    const isImage = seesPixels(layer, state);
    const picture = isImage ? state.input.picture(stage, null, options) : vectorPicture(stage, null, size, options);
    const number = element("p", { className: "number" });
    picture.node.append(number);
    return { picture, number };
  });
  const scale = new Scale("diverging", true);
  const note = element("p", { className: "look" });
  const list = element("div", { className: "stages" }, ...stages.map(({ picture }) => picture.node), scale.node);
  const update = () => {
    const { start, end, what, row = "" } = shownWeights(layer);
    const before = layer.weight.subarray(start, end);
    const change = layer.grads.weight.subarray(start, end).map((grad) => -state.rates.rate * grad);
    const after = before.map((weight, i) => weight + change[i]);
    const limit = Math.max(largestOf(before), largestOf(after));
    const power = magnifyingPower(change, limit);
    [before, change.map((it) => 10 ** power * it), after].forEach((values, k) => stages[k].picture.draw(values, limit));
    [before, change, after].forEach((values, k) => (stages[k].number.textContent = numberText(norm(values))));
    scale.show(limit);
    const i = placeOfLargest(change);
    const name = symbolOf(layer);
    note.textContent =
      `${what} before a step, the change −η ∂L/∂${name}, and after it, with their norms. ` +
      `${name}[${row}${i}] changes most: ${numberText(before[i])} → ${numberText(after[i])}.` +
      (power > 0 ? ` The change is drawn ${power < 4 ? 10 ** power : powerText(power)} times as strong.` : "");
  };
  return { node: element("div", { className: "units step" }, note, list), update };
}
