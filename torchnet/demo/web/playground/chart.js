// Lines over the training steps, with a linear or a logarithmic vertical axis.

const EDGE = { left: 44, right: 10, top: 8, bottom: 20 };
const LINE_POINTS = 240; // more are not seen
const MOST_NAMES = 8; // of lines, below a chart
const HUGE = 1e4; // from here on, a number is written as a power of ten

class LineChart {
  /**
   * @param title what is shown.
   * @param text one line that says how to read it.
   * @param lines a function that returns the lines: [{ name, steps, values, color, dashed }]. The text says what
   * `dashed` says of the lines that have it.
   * @param logarithmic whether the vertical axis is.
   * @param band a range of usual values, drawn behind the lines: [low, high].
   */
  constructor(node, { title, text, lines, logarithmic = false, band = null }) {
    Object.assign(this, { text, lines, logarithmic, band, pointedAt: null });
    this.note = element("p", { className: "look" });
    this.canvas = element("canvas", { role: "img", "aria-label": title });
    this.legend = element("p", { className: "legend-line" });
    node.append(element("h2", {}, title), this.note, this.canvas, this.legend);
    this.sheet = new Sheet(this.canvas, () => 132, () => this.draw());
    const point = (x) => ((this.pointedAt = x), this.draw());
    for (const name of ["pointermove", "pointerdown"]) {
      this.canvas.addEventListener(name, (event) => point(this.sheet.pointOf(event)[0]));
    }
    this.canvas.addEventListener("pointerleave", () => point(null));
  }

  draw() {
    const lines = this.lines().map((line) => ({ ...line, places: placesOf(line.steps.length) }));
    const context = this.sheet.clear();
    context.font = FONT;
    const range = this.range(lines);
    const last = Math.max(1, ...lines.map(({ steps }) => steps[steps.length - 1] ?? 0));
    const { width, height } = this.sheet;
    const across = (step) => EDGE.left + (step / last) * (width - EDGE.left - EDGE.right);
    const up = (value) => height - EDGE.bottom - this.share(value, range) * (height - EDGE.top - EDGE.bottom);
    this.drawBand(context, up);
    this.drawAxes(context, range, up, last);
    for (const line of lines) this.drawLine(context, line, across, up);
    const share = (this.pointedAt - EDGE.left) / (width - EDGE.left - EDGE.right);
    this.describe(lines, this.pointedAt === null ? last : this.drawPointer(context, share * last, across));
  }

  /** Draw a line at the step that is pointed at; return the step. */
  drawPointer(context, step, across) {
    const bottom = this.sheet.height - EDGE.bottom;
    context.strokeStyle = colors.muted;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(across(step), EDGE.top);
    context.lineTo(across(step), bottom);
    context.stroke();
    context.textAlign = "center";
    context.fillStyle = colors.muted;
    if (step > 0) context.fillText(countText(Math.round(step)), across(step), bottom + 16);
    return step;
  }

  /** Return the lowest and the highest value of the vertical axis; whole decades if it is logarithmic. */
  range(lines) {
    let [low, high] = this.band ?? [Infinity, -Infinity];
    for (const { values, places } of lines) {
      for (const k of places) {
        if (!this.isShown(values[k])) continue;
        if (values[k] < low) low = values[k];
        if (values[k] > high) high = values[k];
      }
    }
    if (low > high) return this.logarithmic ? [1e-3, 1] : [0, 1];
    if (!this.logarithmic) return [Math.min(0, low), niceTop(high)];
    const [first, end] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    return [10 ** first, 10 ** Math.max(end, first + 2)];
  }

  isShown(value) {
    return Number.isFinite(value) && !(this.logarithmic && value <= 0);
  }

  /** Return the place of a value in a range, from 0 to 1. */
  share(value, [low, high]) {
    const share = this.logarithmic
      ? (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))
      : (value - low) / (high - low);
    return Math.min(1, Math.max(0, share)); // NaN stays NaN
  }

  drawBand(context, up) {
    if (!this.band) return;
    const [low, high] = this.band.map(up);
    context.fillStyle = colors.band;
    context.fillRect(EDGE.left, high, this.sheet.width - EDGE.left - EDGE.right, Math.max(0, low - high));
  }

  drawAxes(context, range, up, last) {
    const { width, height } = this.sheet;
    context.strokeStyle = colors.line;
    context.fillStyle = colors.muted;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of this.ticks(range)) {
      const y = Math.round(up(value)) + 0.5;
      context.beginPath();
      context.moveTo(EDGE.left, y);
      context.lineTo(width - EDGE.right, y);
      context.stroke();
      context.fillText(this.logarithmic ? decadeText(value) : tickText(value), EDGE.left - 6, y);
    }
    context.textBaseline = "alphabetic";
    context.fillText(`step ${countText(last)}`, width - EDGE.right, height - 4);
    context.textAlign = "left";
    context.fillText("0", EDGE.left, height - 4);
  }

  /** Return the values of the horizontal lines, at most five. */
  ticks([low, high]) {
    if (!this.logarithmic) return high < HUGE ? [0, 0.5 * high, high] : [0, high];
    const [first, end] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
    const every = Math.ceil((end - first) / 4);
    return Array.from({ length: Math.floor((end - first) / every) + 1 }, (_, k) => 10 ** (first + k * every));
  }

  drawLine(context, { steps, values, places, color, dashed }, across, up) {
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.setLineDash(dashed ? [4, 3] : []);
    context.beginPath();
    let drawing = false; // a value that cannot be shown leaves a gap
    for (const k of places) {
      const isShown = this.isShown(values[k]);
      if (isShown) context[drawing ? "lineTo" : "moveTo"](across(steps[k]), up(values[k]));
      drawing = isShown;
    }
    context.stroke();
    context.setLineDash([]);
    if (places.length === 1 && drawing) this.drawDot(context, color, across(steps[0]), up(values[0]));
  }

  /** Draw a single value, which is no line yet. */
  drawDot(context, color, x, y) {
    context.fillStyle = color;
    context.beginPath();
    context.arc(x, y, 2.5, 0, 2 * Math.PI);
    context.fill();
  }

  /** Write the names of some lines below, and their values at a step. */
  describe(lines, step) {
    const chosen = namedOf(lines);
    const dashing = lines.find((line) => line.dashed);
    const others = chosen.length < lines.length ? " Colors go from the first layer to the output." : "";
    this.note.textContent = this.text + others + (dashing ? ` Dashed: ${dashing.dashed}.` : "");
    if (this.legend.children.length !== chosen.length) {
      this.legend.replaceChildren(
        ...chosen.map(() => element("span", {}, element("i"), element("b"), element("span", { className: "number" }))),
      );
    }
    chosen.forEach(({ name, steps, values, color, dashed }, k) => {
      const after = steps.findIndex((other) => other > step);
      const place = (after < 0 ? values.length : after) - 1;
      const [mark, label, number] = this.legend.children[k].children;
      mark.style.borderTop = `2px ${dashed ? "dashed" : "solid"} ${color}`;
      label.textContent = name;
      number.textContent = place >= 0 ? steadyText(values[place]) : "–";
    });
  }
}

/** Return the places of as many points as are seen, of `count`. */
function placesOf(count) {
  const shown = Math.min(count, LINE_POINTS);
  return Array.from({ length: shown }, (_, k) => Math.round((k * (count - 1)) / Math.max(1, shown - 1)));
}

/** Return the lines to name: the dashed ones, and as many of the others as there is room for, the first and last too. */
function namedOf(lines) {
  const [solid, dashed] = [lines.filter((line) => !line.dashed), lines.filter((line) => line.dashed)];
  const count = Math.min(solid.length, MOST_NAMES - dashed.length);
  const chosen = Array.from({ length: count }, (_, k) => solid[Math.round((k * (solid.length - 1)) / Math.max(1, count - 1))]);
  return [...chosen, ...dashed];
}

/** Return the next of 1, 2, 5, 10, ... */
function niceTop(value) {
  if (!(value > 0)) return 1;
  if (value >= HUGE) return 10 ** Math.ceil(Math.log10(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= value * 0.9999);
}

const tickText = (value) => (value < HUGE ? numberText(Number(value.toPrecision(2))) : decadeText(value));

function decadeText(value) {
  const power = Math.round(Math.log10(value));
  return power >= -2 && power <= 2 ? String(Number(value.toPrecision(1))) : powerText(power);
}
