// What one step of the backward pass computes, with all of its numbers. Cards and their parts are { node, update }.

/** Return the card of a layer, with a name such as "layer 2". */
function layerDetails(layer, name) {
  const { forward, backward } = EQUATIONS[layer.kind](layer);
  const partsOf = layer instanceof Linear ? linearParts : layer instanceof Activation ? activationParts : otherParts;
  const title = titleOf(layer);
  const place = `${name}, ${title.place}`;
  return card({ ...title, place, equations: [...forward, ...backward], pictures: partsOf(layer) });
}

/** Return a row of cells for a field of a layer. */
const field = (layer, name, key) => ({ name, values: () => layer[key] });
const given = (layer) => [field(layer, "x", "input"), field(layer, "y", "output"), field(layer, "G", "gradOutput")];
const passedOn = (layer) => field(layer, "∂L/∂x", "gradInput");

function linearParts(layer) {
  const { in_features: I, out_features: O, weight, grads } = layer;
  const text = (o, i) => {
    const { input, gradOutput } = layer;
    const [place, k] = [`[${o}, ${i}]`, o * I + i];
    const product = `G[${o}] · x[${i}] = ${steadyText(gradOutput[o])} · ${steadyText(input[i])}`;
    return `∂L/∂W${place} = ${product} = ${steadyText(grads.weight[k])},  W${place} = ${steadyText(weight[k])}`;
  };
  const hint = "Point at a cell of ∂L/∂W to see which product it is.";
  return [
    cells([field(layer, "y", "output"), field(layer, layer.bias ? "G = ∂L/∂b" : "G", "gradOutput")], O, "output"),
    matrices({ "∂L/∂W": () => grads.weight, W: () => weight }, I, text, hint),
    cells([field(layer, "x", "input"), passedOn(layer)], I, "input"),
  ];
}

function activationParts(layer) {
  const slopes = { name: "∂y/∂x", values: () => layer.slopes(layer.input, layer.output) };
  return [cells([...given(layer), slopes, passedOn(layer)], layer.output.length), activationPlot(layer, "backward")];
}

/** Normalizations, residual blocks and the identity. */
function otherParts(layer) {
  const normalized = layer.normalized ? [field(layer, "x̂", "normalized")] : [];
  const gradients = Object.entries(layer.grads).map(([weight, grad]) => ({
    name: `∂L/∂${SYMBOLS.norm[weight]}`,
    values: () => grad,
  }));
  return [cells([...given(layer), ...normalized, ...gradients, passedOn(layer)], layer.output.length)];
}

function lossDetails({ pass, target, experiment, hasProbabilities }) {
  const { name, forward, backward } = LOSS_EQUATIONS[experiment.settings.loss];
  const row = (label, values) => ({ name: label, values });
  const isClass = typeof target === "number";
  const rows = [
    row("z", () => pass.logits),
    ...(hasProbabilities ? [row("p = softmax(z)", () => softmax(pass.logits).probs)] : []),
    row("t", () => (isClass ? pass.logits.map((_, k) => Number(k === target)) : target)),
    row("∂L/∂z", () => pass.gradLogits),
  ];
  return card({
    title: name,
    file: experiment.network.description.loss_file,
    equations: [...forward, ...backward],
    facts: [numberFact("L", () => pass.loss)],
    pictures: [cells(rows, pass.logits.length, "output")],
  });
}

function inputDetails({ pass, input }) {
  const rows = [
    { name: "x", values: () => input },
    { name: "∂L/∂x", values: () => pass.gradInput },
  ];
  const text = "∂L/∂x says how the loss changes with the input. Training does not use it.";
  return card({ title: "Input", facts: [textFact(text)], pictures: [cells(rows, input.length, "input")] });
}

function numberFact(name, value) {
  const number = element("span", { className: "number" });
  const node = element("p", { className: "fact" }, `${name} = `, number);
  return { node, update: () => (number.textContent = steadyText(value())) };
}
