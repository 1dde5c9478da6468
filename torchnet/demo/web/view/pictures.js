// Numbers as small images: sequential colors for non-negative numbers, diverging colors centered on 0 for others.

const SHADES = 256;
const palettes = {};
const colors = {}; // for the plots

/** Read palettes and colors from the style sheet, which has different ones for light and dark mode. */
function readPalettes(named = ["sequential", "diverging", "gray"], single = ["line", "muted", "accent"]) {
  const style = getComputedStyle(document.documentElement);
  for (const name of named) {
    const stops = style.getPropertyValue(`--${name}`).split(",").map(rgb);
    palettes[name] = new Uint32Array(SHADES).map((_, k) => shade(stops, k / (SHADES - 1)));
  }
  for (const name of single) colors[name] = style.getPropertyValue(`--${name}`);
}

const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.trim().slice(k, k + 2), 16));

/** Interpolate between color stops, share from 0 to 1; return the color as the bytes of a canvas. */
function shade(stops, share) {
  const k = Math.min(Math.floor(share * (stops.length - 1)), stops.length - 2);
  const t = share * (stops.length - 1) - k;
  const [r, g, b] = stops[k].map((from, channel) => Math.round(from + t * (stops[k + 1][channel] - from)));
  return (255 << 24) | (b << 16) | (g << 8) | r;
}

/** The colors of a picture, from 0 to the limit, or from −limit to limit if numbers may be negative. */
class Scale {
  constructor(palette, signed) {
    this.signed = signed;
    this.ramp = element("i", { className: `ramp ${palette}` });
    this.limit = element("span");
    this.node = element("div", { className: "legend" }, ...(signed ? [] : ["0"]), this.ramp, this.limit);
  }

  show(limit) {
    this.limit.textContent = (this.signed ? "±" : "") + numberText(limit);
  }
}

/** A picture of numbers with caption and legend: one row for up to 16 numbers, nearly square for more. */
class Picture {
  /**
   * @param count the number of numbers.
   * @param columns the numbers in a row, if the numbers are those of an image.
   * @param values a function that returns the numbers to show; `update` calls it.
   * @param signed whether numbers may be negative.
   * @param gray whether numbers that are not signed are shown from black to white.
   * @param limit the number with the strongest color, by default the largest absolute value.
   * @param ticks a label below each number.
   */
  constructor({ count, columns, caption, values, signed = false, gray = false, limit, ticks, ...options }) {
    const { legend = true, size = "" } = options;
    Object.assign(this, { count, values, signed, limit });
    this.palette = signed ? "diverging" : gray ? "gray" : "sequential";
    const isStrip = !columns && count <= 16;
    this.columns = columns ?? (isStrip ? count : Math.ceil(Math.sqrt(count)));
    const rows = Math.ceil(count / this.columns);
    this.canvas = element("canvas", { width: this.columns, height: rows, role: "img", "aria-label": caption });
    this.canvas.style.aspectRatio = `${this.columns} / ${rows}`;
    this.image = new ImageData(this.columns, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.caption = element("figcaption", {}, caption);
    this.scale = new Scale(this.palette, signed);
    const className = `picture ${isStrip ? "strip" : "square"} ${size}`;
    this.node = element("figure", { className }, this.caption, this.canvas);
    this.node.style.setProperty("--columns", this.columns);
    const texts = ticks?.map((tick) => element("span", {}, tick));
    if (texts) this.node.append(element("div", { className: "ticks" }, ...texts));
    if (legend) this.node.append(this.scale.node);
  }

  /** Change the caption. */
  name(caption) {
    this.caption.textContent = caption;
    this.canvas.setAttribute("aria-label", caption);
  }

  update() {
    this.draw(this.values());
  }

  draw(values, limit = this.limit ?? largestOf(values)) {
    const scale = limit > 0 ? (this.signed ? 0.5 : 1) / limit : 0;
    const zero = this.signed ? 0.5 : 0;
    const shadeOf = (i) => Math.round(Math.min(1, Math.max(0, zero + scale * values[i])) * (SHADES - 1));
    for (let i = 0; i < this.count; i++) this.pixels[i] = this.colorOf(i, shadeOf);
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    this.scale.show(limit);
  }

  colorOf(i, shadeOf) {
    return palettes[this.palette][shadeOf(i)];
  }
}

/** A picture of an image with three numbers for each pixel: its red, green and blue. If they are signed, gray is 0. */
class ColorPicture extends Picture {
  constructor({ layout, ...options }) {
    super({ ...options, count: layout.side ** 2, columns: layout.side });
    this.layout = layout;
    this.scale.ramp.className = "ramp gray";
  }

  colorOf(pixel, shadeOf) {
    const [red, green, blue] = [0, 1, 2].map((channel) => shadeOf(this.layout.place(pixel, channel)));
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  }
}

const largestOf = (values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
