// The weights of a layer before a step, the change −η ∂L/∂W, and the weights after it, on one color scale.

/** Return which weights are shown: those of the unit or channel that changes most, a row of W; else all. */
function shownWeights(layer) {
  const { weight, grads } = layer;
  const symbol = symbolOf(layer, "weight");
  if (symbol !== "W") return { start: 0, end: weight.length, what: symbol };
  const [O, ...shape] = layer.tensors.weight.shape;
  const I = sizeOf(shape);
  const norms = () => Float64Array.from({ length: O }, (_, o) => norm(grads.weight.subarray(o * I, (o + 1) * I)));
  const isUnit = layer.kind === "Linear";
  const unit = placeOfLargest(isUnit ? layer.gradOutput : norms()); // of a Linear, ∂L/∂W = Gᵀ x
  const what = isUnit ? `The weights of unit ${unit}` : `The filters of channel ${unit}`;
  const [, H, W] = [...shape, 1, 1];
  const placeText = (k) => (isUnit ? k : [Math.floor(k / (H * W)), Math.floor(k / W) % H, k % W].join(", "));
  return { start: unit * I, end: (unit + 1) * I, what: `${what}, which changes most,`, of: (k) => `${unit}, ${placeText(k)}` };
}

/** Return the place of the largest absolute value. */
const placeOfLargest = (values) =>
  values.reduce((best, value, k) => (Math.abs(value) > Math.abs(values[best]) ? k : best), 0);

/** Return the largest power of ten by which numbers can be multiplied within a limit, at least 0. */
function magnifyingPower(values, limit) {
  const power = Math.floor(Math.log10(limit / largestOf(values)));
  return power > 0 && power < 300 ? power : 0;
}

/** Return a picture of the weights of a unit or channel, or of γ, without the numbers. */
function rowPicture(layer, caption, state, options) {
  if (seesPixels(layer, state)) return state.input.picture(caption, null, options);
  if (layer.kind === "Conv2d") return new MapsPicture({ shape: filterShape(layer), caption, ...options });
  return vectorPicture(caption, null, layer.in_features ?? layer.weight.length, options);
}

function weightStep(layer, state) {
  const stages = ["before", "change", "after"].map((stage) => {
    const picture = rowPicture(layer, stage, state, { signed: true, legend: false, size: "third" });
    const number = element("p", { className: "number" });
    picture.node.append(number);
    return { picture, number };
  });
  const scale = new Scale("diverging", true);
  const note = element("p", { className: "look" });
  const list = element("div", { className: "stages" }, ...stages.map(({ picture }) => picture.node), scale.node);
  const update = () => {
    const { start, end, what, of = String } = shownWeights(layer);
    const before = layer.weight.subarray(start, end);
    const change = layer.grads.weight.subarray(start, end).map((grad) => -state.rates.rate * grad);
    const after = before.map((weight, i) => weight + change[i]);
    const limit = Math.max(largestOf(before), largestOf(after));
    const power = magnifyingPower(change, limit);
    [before, change.map((it) => 10 ** power * it), after].forEach((values, k) => stages[k].picture.draw(values, limit));
    [before, change, after].forEach((values, k) => (stages[k].number.textContent = numberText(norm(values))));
    scale.show(limit);
    const i = placeOfLargest(change);
    const name = symbolOf(layer, "weight");
    note.textContent =
      `${what} before a step, the change −η ∂L/∂${name}, and after it, with their norms. ` +
      `${name}[${of(i)}] changes most: ${numberText(before[i])} → ${numberText(after[i])}.` +
      (power > 0 ? ` The change is drawn ${power < 4 ? 10 ** power : powerText(power)} times as strong.` : "");
  };
  return { node: element("div", { className: "units step" }, note, list), update };
}
