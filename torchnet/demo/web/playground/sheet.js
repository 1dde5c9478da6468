// Canvases that fill the width of their place, and what all of them draw with.

/** A canvas whose context is in CSS pixels. `width` and `height` are kept up to date without asking for the layout. */
class Sheet {
  /**
   * @param canvas the canvas, whose width the style sheet sets.
   * @param heightOf a function from the width to the height.
   * @param resized is called when the size changed, after which the canvas is empty.
   */
  constructor(canvas, heightOf, resized) {
    Object.assign(this, { canvas, heightOf, resized, width: 0, height: 0 });
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas.parentNode);
  }

  /** Take the width that the canvas has on the page; the height follows. */
  resize() {
    const { clientWidth: width } = this.canvas;
    const height = Math.round(this.heightOf(width));
    if (!width || (width === this.width && height === this.height)) return;
    Object.assign(this, { width, height });
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.resized();
  }

  /** Empty the canvas; return its context. */
  clear() {
    const { context, width, height } = this;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.globalAlpha = 1;
    context.clearRect(0, 0, width, height);
    return context;
  }

  /** Return the place of a pointer event, in CSS pixels. */
  pointOf(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }
}

/** Numbers as a small image, to be drawn on a sheet at any size. */
class Tile {
  constructor(columns, rows = columns) {
    this.canvas = element("canvas", { width: columns, height: rows });
    this.context = this.canvas.getContext("2d");
    this.image = new ImageData(columns, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** Color numbers with a palette; `scale` and `zero` map a number to a share of the palette from 0 to 1. */
  paint(values, palette, scale, zero) {
    const { pixels } = this;
    for (let i = 0; i < pixels.length; i++) {
      const share = zero + scale * values[i];
      pixels[i] = palette[share > 0 ? (share < 1 ? Math.round(share * (SHADES - 1)) : SHADES - 1) : 0];
    }
    this.context.putImageData(this.image, 0, 0);
    return this;
  }

  /** Color numbers of both signs; the number with the strongest color is `limit`. */
  paintSigned(values, limit) {
    return this.paint(values, palettes.units, limit > 0 ? 0.5 / limit : 0, 0.5);
  }
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif';

/** Format a number with three significant digits, trailing zeros included, so that texts keep their width. */
function steadyText(value) {
  if (value === 0 || !Number.isFinite(value)) return numberText(value);
  const size = Math.abs(value);
  return size >= 0.001 && size < 1000 ? value.toPrecision(3).replace("-", MINUS) : numberText(value);
}
