// The weights of a few units of the first layer, or their gradients, as images.

const seesPixels = (layer, { input }) => layer.kind === "Linear" && layer.name === "0" && input.layout;

const UNITS = {
  forward: {
    text: "Rows of W for the units with the largest |y|.",
    rank: "output",
    of: (layer) => layer.weight,
  },
  backward: {
    text: "Rows of ∂L/∂W for the units with the largest |G|. Each row is the input x times the unit's G.",
    rank: "gradOutput",
    of: (layer) => layer.grads.weight,
  },
};

/** Return the weights, or their gradients, of a few units of the first layer, as one image per unit. */
function unitPictures(layer, { input }, view) {
  const { text, rank, of } = UNITS[view];
  const size = layer.in_features;
  const pictures = Array.from({ length: Math.min(8, layer.out_features) }, () =>
    input.picture("", null, { signed: true, legend: false, size: "small" }),
  );
  const list = element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node));
  const update = () => {
    const units = [...layer[rank].keys()].sort((a, b) => Math.abs(layer[rank][b]) - Math.abs(layer[rank][a]));
    const rows = units.slice(0, pictures.length).map((unit) => of(layer).subarray(unit * size, (unit + 1) * size));
    const limit = Math.max(...rows.map(largestOf));
    pictures.forEach((picture, k) => {
      picture.draw(rows[k], limit);
      picture.name(`unit ${units[k]}`);
    });
  };
  const note = element("p", { className: "look" }, `${text} ${input.signText}`);
  return { node: element("div", { className: "units" }, note, list), update };
}
