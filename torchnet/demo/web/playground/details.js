// What one layer of the backward pass computes, with all of its numbers. `get` returns the layer as it is now.

/** Return the card of a layer as { node, update }. */
function layerDetails(get) {
  const layer = get();
  const { forward, backward } = EQUATIONS[layer.kind](layer);
  const parts = (DETAILS[layer.kind] ?? (layer instanceof Activation ? activationDetails : elementwiseDetails))(get);
  return card({ ...titleOf(layer), equations: [...forward, ...backward], pictures: parts });
}

/** Return rows of cells for fields of a layer that are vectors: [name, field] each. */
function vectors(get, fields, count, unitName) {
  const rows = fields.map(([name, field]) => ({ name, values: () => get()[field] }));
  return cells(rows, count, unitName);
}

function linearDetails(get) {
  const { in_features: I, out_features: O } = get();
  const text = (o, i) => {
    const { input, gradOutput, grads, weight } = get();
    const product = `G[${o}] · x[${i}] = ${steadyText(gradOutput[o])} · ${steadyText(input[i])}`;
    return `∂L/∂W[${o}, ${i}] = ${product} = ${steadyText(grads.weight[o * I + i])}; W[${o}, ${i}] = ${steadyText(weight[o * I + i])}`;
  };
  const of = { "∂L/∂W": () => get().grads.weight, W: () => get().weight };
  return [
    vectors(get, [["y", "output"], [get().bias ? "G = ∂L/∂b" : "G", "gradOutput"]], O, "output"),
    matrices(of, I, text, "Point at a cell of ∂L/∂W to see the product that it is."),
    vectors(get, [["x", "input"], ["∂L/∂x", "gradInput"]], I, "input"),
  ];
}

function activationDetails(get) {
  const slopes = { name: "∂y/∂x", values: () => get().slopes(get().input, get().output) };
  const of = (name, field) => ({ name, values: () => get()[field] });
  const rows = [of("x", "input"), of("y", "output"), of("G", "gradOutput"), slopes, of("∂L/∂x", "gradInput")];
  return [cells(rows, get().output.length), { ...activationPlotOf(get) }];
}

/** Return the plot of an activation, which looks at the layer as it is when it is drawn. */
function activationPlotOf(get) {
  const plotted = Object.create(get());
  const plot = activationPlot(plotted, "backward");
  return { node: plot.node, update: () => (Object.assign(plotted, { input: get().input }), plot.update()) };
}

function normalizationDetails(get) {
  const gradients = Object.keys(get().grads).map((weight) => ({
    name: `∂L/∂${SYMBOLS.norm[weight]}`,
    values: () => get().grads[weight],
  }));
  const of = (name, field) => ({ name, values: () => get()[field] });
  const rows = [of("x", "input"), of("x̂", "normalized"), of("y", "output"), of("G", "gradOutput")];
  return [cells([...rows, ...gradients, of("∂L/∂x", "gradInput")], get().output.length)];
}

const elementwiseDetails = (get) => [
  vectors(get, [["x", "input"], ["y", "output"], ["G", "gradOutput"], ["∂L/∂x", "gradInput"]], get().output.length),
];

const DETAILS = {
  Linear: linearDetails,
  BatchNorm1d: normalizationDetails,
  LayerNorm: normalizationDetails,
  RMSNorm: normalizationDetails,
};
