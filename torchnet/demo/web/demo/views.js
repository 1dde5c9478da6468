// The two views: the rows of the forward pass, and the rows of the backward pass, each in the order of the pass.

/** Return a picture of `count` numbers. */
const vectorPicture = (caption, values, count, options) => new Picture({ count, caption, values, ...options });

/** Return a picture of numbers with names: cells if the names fit below them, else bars. */
function namedPicture(caption, values, names, options) {
  const fits = names.length <= 16 && names.every((name) => name.length <= 2);
  if (fits) return vectorPicture(caption, values, names.length, { ticks: names, ...options });
  return new Bars({ names, caption, values, ...options });
}

/** Return a picture of the output of a layer, or of numbers that belong to it. Outputs of the network have names. */
function outputPicture(layer, caption, values, { network, targets }, options) {
  if (layer === network.layers.at(-1)) return namedPicture(caption, values, targets.names, options);
  if (isImage(layer.out_shape)) return new MapsPicture({ shape: layer.out_shape, caption, values, ...options });
  return vectorPicture(caption, values, layer.output.length, options);
}

/** Return pictures of the weights of the first layer, or of their gradients, as parts. */
function weightPictures(layer, state, view) {
  if (seesImage(layer)) return [filterPictures(layer, view)];
  return seesPixels(layer, state) ? [unitPictures(layer, state, view)] : [];
}

/** Return the rows of the forward pass, from the input to the outputs. */
function forwardRows(state) {
  const { input } = state;
  return [
    card({
      title: input.title,
      shape: input.longShape,
      facts: [textFact(input.text)],
      pictures: [input.picture("x", () => state.x, input.shown)],
    }),
    ...state.network.layers.flatMap((layer) => forwardRow(layer, state)),
    state.targets.lastRow(),
  ];
}

function forwardRow(layer, state) {
  const output = () => layer.output;
  const patch = layer.kind === "Conv2d" ? patchPart(layer) : null;
  const options = {
    signed: !NEVER_NEGATIVE.has(layer.kind),
    limit: layer.kind === "Sigmoid" ? 1 : undefined,
    chosen: patch?.choose,
  };
  const picture = outputPicture(layer, "y", output, state, options);
  if (patch) patch.shown = (place) => picture.mark?.(place);
  const row = card({
    ...titleOf(layer),
    equations: EQUATIONS[layer.kind](layer).forward,
    facts: [normFact("y", output), ...(hasOneCurve(layer) ? [activationPlot(layer, "forward")] : [])],
    pictures: [picture],
    below: [...weightPictures(layer, state, "forward"), ...(patch ? [patch] : [])],
  });
  return layer.layers ? [block(layer.layers.flatMap((inner) => forwardRow(inner, state)), "f"), row] : [row];
}

/** Return the rows of the backward pass, from the loss to the input. */
function backwardRows(state) {
  const { network, input, targets } = state;
  const { loss, loss_file: file } = network.description;
  const { name, forward, backward } = LOSS_EQUATIONS[loss];
  const gradInput = () => state.gradInput;
  return [
    ...(isDeep(network) ? [summaryRow(state)] : []),
    card({
      title: name,
      file,
      equations: [...forward, ...targets.equations, ...backward],
      pictures: [
        targets.picture(),
        namedPicture("∂L/∂z", () => state.gradLogits, targets.names, { signed: true }),
      ],
    }),
    ...[...network.layers].reverse().flatMap((layer) => backwardRow(layer, state)),
    card({
      title: input.title,
      shape: input.shape,
      facts: [gradientFact("∂L/∂x", gradInput, state), textFact(input.gradientText)],
      pictures: [
        input.picture("∂L/∂x", gradInput, { signed: true, size: "large" }),
        input.picture("x", () => state.x, input.shown),
      ],
    }),
  ];
}

function backwardRow(layer, state) {
  const gradOutput = () => layer.gradOutput;
  const weights = ["weight", "bias"].filter((weight) => layer.grads[weight]);
  const fold = isDeep(state.network) ? folded : (title, part) => part;
  const row = card({
    ...titleOf(layer),
    equations: EQUATIONS[layer.kind](layer).backward,
    facts: [
      gradientFact("G", gradOutput, state),
      ...weights.map((weight) => weightFact(layer, weight, state)),
      ...(hasOneCurve(layer) ? [fold("The slopes of the units", activationPlot(layer, "backward"))] : []),
    ],
    pictures: [
      outputPicture(layer, "G = ∂L/∂y", gradOutput, state, { signed: true }),
      outputPicture(layer, "y", () => layer.output, state, { signed: !NEVER_NEGATIVE.has(layer.kind) }),
    ],
    below: [
      ...weightPictures(layer, state, "backward"),
      ...(layer.weight ? [fold("The weights in a step", weightStep(layer, state))] : []),
    ],
  });
  if (!layer.layers) return [row];
  return [row, block([...layer.layers].reverse().flatMap((inner) => backwardRow(inner, state)), "f")];
}
