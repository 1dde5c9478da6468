// The filters of a convolution, and where a number of its output comes from.

const FILTERS = {
  forward: { text: "The filters W, which every patch of the image is multiplied by.", of: (layer) => layer.weight },
  backward: { text: "∂L/∂W, the gradients of the filters.", of: (layer) => layer.grads.weight },
};

/** Whether a layer is a convolution that sees the pixels of the input. */
const seesImage = (layer) => layer.kind === "Conv2d" && layer.name === "0";

/** Return the shape of the filters of an output channel, one for each input channel that it sees. */
const filterShape = (layer) => layer.tensors.weight.shape.slice(1);

/** Return all filters of a convolution, or their gradients. */
function filterPictures(layer, view) {
  const { text, of } = FILTERS[view];
  const [I, H, W] = filterShape(layer);
  const caption = view === "forward" ? "W" : "∂L/∂W";
  const shape = [layer.out_shape[0] * I, H, W];
  const picture = new MapsPicture({ shape, together: I, caption, values: () => of(layer), signed: true });
  const colors = I === 3 ? " Each channel of y has three: for red, green and blue." : "";
  const note = element("p", { className: "look" }, `${text}${colors} Red is positive, blue is negative.`);
  const list = element("div", { className: "pictures" }, picture.node);
  return { node: element("div", { className: "units" }, note, list), update: () => picture.update() };
}

/** Return the numbers of x that a number of y is computed from, as a row like the filters of its channel. */
function patchOf(layer, place) {
  const { A, K } = layer.sizes;
  const channel = Math.floor(place / A);
  const { p } = layer.channelGroups.find(({ end }) => channel < end);
  const P = layer.patches(layer.input);
  return Float64Array.from({ length: K }, (_, k) => P[p + k * A + (place % A)]);
}

/**
 * Return where a number of y comes from: its patch, the filter, and their product, whose sum it is.
 *
 * It is chosen with three fields, or with `choose`, which opens the part and takes its place.
 */
function patchPart(layer) {
  const [O, H, W] = layer.out_shape;
  const shape = filterShape(layer);
  const values = [new Float64Array(0), new Float64Array(0), new Float64Array(0)];
  const pictures = ["x: the patch", "W: the filter", "x ⊙ W"].map(
    (caption, k) => new MapsPicture({ shape, caption, symbol: "", values: () => values[k], signed: true, size: "large" }),
  );
  const fields = [["Channel", O], ["row", H], ["column", W]].map(([name, count]) => {
    const field = element("input", { type: "number", min: 0, max: count - 1, step: 1, value: 0, required: true });
    field.oninput = () => field.validity.valid && part.update();
    return { field, label: element("label", {}, `${name} `, field) };
  });
  const place = () => fields.reduce((total, { field }, k) => total * [O, H, W][k] + field.valueAsNumber, 0);
  const text = element("p", { className: "look", role: "status" });
  const part = folded("Where a number of y comes from", {
    node: element(
      "div",
      { className: "units" },
      element("p", { className: "fields" }, ...fields.map(({ label }) => label)),
      text,
      element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node)),
    ),
    update() {
      if (!part.isChosen) return part.choose(placeOfLargest(layer.output));
      const [k, { K, A }] = [place(), layer.sizes];
      const channel = Math.floor(k / A);
      const patch = patchOf(layer, k);
      const filter = layer.weight.subarray(channel * K, (channel + 1) * K);
      [patch, filter, patch.map((x, i) => x * filter[i])].forEach((it, i) => (values[i] = it));
      for (const picture of pictures) picture.update();
      text.textContent = patchText(layer, k, sum(values[2]));
      part.shown?.(k);
    },
  });
  part.choose = (k) => {
    const numbers = [Math.floor(k / (H * W)), Math.floor(k / W) % H, k % W];
    fields.forEach(({ field }, i) => (field.value = numbers[i]));
    part.node.open = part.isChosen = true;
    part.update();
  };
  return part;
}

/** Say how a number of y is computed, where it is not yet known that the products add up to `total`. */
function patchText(layer, k, total) {
  const [, H, W] = layer.out_shape;
  const channel = Math.floor(k / (H * W));
  const bias = layer.bias ? ` + b[${channel}] = ${numberText(total)} + ${numberText(layer.bias[channel])}` : "";
  const name = `y[${channel}, ${Math.floor(k / W) % H}, ${k % W}]`;
  return `${name} = the sum of x ⊙ W${bias} = ${numberText(layer.output[k])}. Click on y to choose another number.`;
}
