// The weights of a layer before a step, the change −η ∂L/∂W, and the weights after it, on one color scale.

const STAGES = ["before", "change", "after"];

/** Return the weights that are shown of a layer, as { name, text, offset, size }: of Linear, a row of W, else all. */
function shownWeights(layer) {
  if (layer.kind !== "Linear") return { text: "γ before a step, its change, and after it", offset: 0, size: layer.weight.length };
  const magnitudes = layer.gradOutput.map(Math.abs);
  const unit = magnitudes.indexOf(Math.max(...magnitudes));
  const text = `Weights of unit ${unit}, which changes most, before a step, −η ∂L/∂W, and after it`;
  return { text, offset: unit * layer.in_features, size: layer.in_features };
}

function weightStep(layer, state) {
  const { size } = layer.kind === "Linear" ? { size: layer.in_features } : { size: layer.weight.length };
  const options = { signed: true, legend: false, size: "third" };
  const stages = STAGES.map((stage) => {
    const picture = seesPixels(layer, state)
      ? state.input.picture(stage, null, options)
      : vectorPicture(stage, null, size, options);
    const number = element("p", { className: "number" });
    picture.node.append(number);
    return { picture, number };
  });
  const caption = element("figcaption");
  const scale = new Scale("diverging", true);
  const list = element("div", { className: "stages" }, ...stages.map(({ picture }) => picture.node));
  const node = element("figure", { className: "picture step" }, caption, list, scale.node);
  const update = () => {
    const { text, offset, size } = shownWeights(layer);
    const before = layer.weight.subarray(offset, offset + size);
    const change = layer.grads.weight.subarray(offset, offset + size).map((grad) => -state.rates.rate * grad);
    const after = before.map((weight, i) => weight + change[i]);
    const all = [before, change, after];
    const limit = Math.max(...all.map(largestOf));
    stages.forEach(({ picture, number }, k) => {
      picture.draw(all[k], limit);
      number.textContent = `‖·‖ ${numberText(norm(all[k]))}`;
    });
    caption.textContent = text;
    scale.show(limit);
  };
  return { node, update };
}
