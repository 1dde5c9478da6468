// The network as a diagram: a column of units per block of layers, each with its own surface, and the weights as lines.

const HEADING = 20; // the height of the headings above the columns
const HEADING_WIDTH = 24; // of a short one, at least
const GAP = 3; // between units, at least
const LARGEST = 40; // the size of a unit
const MOST_INPUTS = 16; // more are an image, which is one unit
const FAINTEST = 0.05; // a smaller value, relative to the limit, gets no line
const MANY = 256; // of more values, only larger ones get a line
const LINE_LEVELS = 4; // the widths of lines
const IMAGE_SIZE = 52; // of an image as the input
const MOST_PIXELS = 8; // of an image whose pixels are to be seen

/** Group layers into columns: a linear layer, or a residual block, with what follows until the next one. */
function columnsOf(network) {
  const columns = [];
  for (const layer of network.layers) {
    const linear = (layer.layers ?? [layer]).find(({ kind }) => kind === "Linear");
    if (linear) columns.push({ linear, units: linear.out_features, layers: [] });
    columns.at(-1).layers.push(...(layer.layers ?? []), layer);
  }
  return columns;
}

/** Return the name of linear layer k of n, and of the layers up to the next one. */
const layerName = (k, n) => (k === n - 1 ? "output" : `layer ${k + 1}`);

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Diagram {
  /**
   * @param canvas where to draw.
   * @param state the state of the page: its surfaces, and the unit that is looked at.
   * @param look is called with the column and the unit that is pointed at, or with null.
   */
  constructor(canvas, state, look) {
    Object.assign(this, { canvas, state, look });
    this.sheet = new Sheet(canvas, (width) => Math.max(256, Math.min(372, 0.62 * width)), () => this.draw());
    canvas.addEventListener("pointermove", (event) => this.look(this.unitAt(this.sheet.pointOf(event))));
    canvas.addEventListener("pointerdown", (event) => this.look(this.unitAt(this.sheet.pointOf(event))));
    canvas.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.look(null));
    canvas.addEventListener("blur", () => this.look(null));
    canvas.addEventListener("keydown", (event) => this.moveBy(event));
  }

  /** Arrange the columns of a new experiment. */
  rebuild() {
    this.columns = this.state.surfaces.columns;
    const last = this.columns.length - 1;
    this.headings = ["input", ...this.columns.map((_, k) => layerName(k, this.columns.length))];
    const hidden = this.columns.slice(0, -1).map(({ units }) => units);
    const { in_features: inputs } = this.columns[0].linear;
    const layers = `hidden layers of ${hidden.join(", ") || "no"} units`;
    const label = `The network: ${inputs} inputs, ${layers}, ${this.columns[last].units} outputs. Arrow keys choose a unit.`;
    this.canvas.setAttribute("aria-label", label);
    this.arrange();
  }

  /** Compute the places of all units, as large as they fit; a layer of many units gets several files of them. */
  arrange() {
    const { width, height } = this.sheet;
    const { in_features: inputs } = this.columns[0].linear;
    this.counts = [inputs > MOST_INPUTS ? 1 : inputs, ...this.columns.map(({ units }) => units)];
    this.margin = width > 500 ? 46 : 30;
    this.pitch = (width - 2 * this.margin) / (this.counts.length - 1);
    const most = Math.max(...this.counts);
    const below = height - HEADING;
    const sizeOf = (files) => Math.min((0.62 * this.pitch) / files, below / Math.ceil(most / files)) - GAP;
    this.size = Math.max(4, Math.min(LARGEST, Math.max(...[1, 2, 3].map(sizeOf))));
    const fitting = Math.max(1, Math.floor((below + 1) / (this.size + GAP))); // units below each other
    this.places = this.counts.map((count, column) => {
      const files = Math.ceil(count / fitting);
      const rows = Math.ceil(count / files);
      const step = Math.min(this.size + 3 * GAP, below / rows);
      return Array.from({ length: count }, (_, unit) => [
        this.margin + this.pitch * column + (Math.floor(unit / rows) - (files - 1) / 2) * (this.size + GAP),
        HEADING + below / 2 + ((unit % rows) - (rows - 1) / 2) * step,
      ]);
    });
  }

  placeOf(column, unit) {
    return this.places[column][unit];
  }

  /** Return the unit at a point, or null. */
  unitAt([x, y]) {
    const isNear = (at) => Math.max(Math.abs(at[0] - x), Math.abs(at[1] - y)) <= (this.size + GAP) / 2;
    for (const column of this.columns?.keys() ?? []) {
      const unit = this.places[column + 1].findIndex(isNear);
      if (unit >= 0) return { column, unit };
    }
    return null;
  }

  /** Move to another unit with the arrow keys. */
  moveBy(event) {
    if (event.key === "Escape") return this.look(null);
    if (!ARROWS[event.key]) return;
    const [across, down] = ARROWS[event.key];
    event.preventDefault();
    const { column, unit } = this.state.unit ?? { column: -across, unit: -down };
    const next = Math.min(this.columns.length - 1, Math.max(0, column + across));
    this.look({ column: next, unit: Math.min(this.columns[next].units - 1, Math.max(0, unit + down)) });
  }

  draw() {
    if (!this.columns) return;
    this.arrange();
    this.state.surfaces.update();
    const context = this.sheet.clear();
    context.font = FONT;
    context.textAlign = "center";
    context.fillStyle = colors.muted;
    const every = Math.ceil(HEADING_WIDTH / this.pitch);
    const last = this.headings.length - 1;
    this.headings.forEach((text, column) => {
      if (column < last && (column % every || column + every > last)) return;
      const short = this.pitch < 56 ? text.replace(/[a-z]+ /, "").replace("put", "") : text;
      context.fillText(short, this.margin + this.pitch * column, 12);
    });
    this.drawLines(context);
    this.drawInputs(context);
    this.columns.forEach((_, column) => this.drawUnits(context, column));
  }

  /** Draw the weights, relative to the largest of their layer, or their gradients, relative to the largest of all. */
  drawLines(context) {
    const isGradient = this.state.lines === "gradients";
    const values = this.columns.map(({ linear }) => (isGradient ? linear.grads.weight : linear.weight));
    const limits = values.map(largestOf);
    const limit = Math.max(...limits);
    this.columns.forEach(({ linear }, column) =>
      this.drawLinesTo(context, column, linear, values[column], (isGradient ? limit : limits[column]) || 1),
    );
  }

  /** Draw a line for each of some values: its color is the sign, its width the size relative to the limit. */
  drawLinesTo(context, column, { in_features: I, out_features: O }, values, limit) {
    if (this.counts[column] !== I) return; // the inputs of images are one unit
    const faintest = FAINTEST * Math.min(10, Math.max(1, values.length / MANY));
    const paths = Array.from({ length: 2 * LINE_LEVELS }, () => new Path2D());
    const half = this.size / 2;
    for (let o = 0; o < O; o++) {
      const [x, y] = this.placeOf(column + 1, o);
      for (let i = 0; i < I; i++) {
        const share = values[o * I + i] / limit;
        if (!(Math.abs(share) >= faintest)) continue; // also NaN
        const level = Math.min(LINE_LEVELS - 1, Math.floor(Math.abs(share) * LINE_LEVELS));
        const path = paths[2 * level + (share > 0)];
        const [fromX, fromY] = this.placeOf(column, i);
        path.moveTo(fromX + half, fromY);
        path.lineTo(x - half, y);
      }
    }
    paths.forEach((path, k) => {
      const level = k >> 1;
      context.strokeStyle = k % 2 ? colors.positive : colors.negative;
      context.globalAlpha = [0.1, 0.25, 0.5, 0.85][level];
      context.lineWidth = [0.5, 0.8, 1.2, 1.8][level];
      context.stroke(path);
    });
    context.globalAlpha = 1;
  }

  drawInputs(context) {
    const { inputs } = this.state.surfaces;
    const isImage = this.counts[0] !== this.columns[0].linear.in_features;
    const size = isImage ? IMAGE_SIZE : this.size;
    inputs.forEach((tile, unit) => this.drawTile(context, tile, this.placeOf(0, unit), size));
  }

  drawUnits(context, column) {
    const { unit: looked, surfaces } = this.state;
    surfaces.tiles[column].forEach((tile, unit) => {
      const isLooked = looked?.column === column && looked.unit === unit;
      this.drawTile(context, tile, this.placeOf(column + 1, unit), this.size, isLooked);
    });
  }

  drawTile(context, tile, [x, y], size, isLooked = false) {
    context.imageSmoothingEnabled = tile.canvas.width > MOST_PIXELS;
    context.drawImage(tile.canvas, x - size / 2, y - size / 2, size, size);
    context.strokeStyle = isLooked ? colors.accent : colors.line;
    context.lineWidth = isLooked ? 2.5 : 1;
    context.strokeRect(x - size / 2, y - size / 2, size, size);
  }
}
