// Feature maps: the channels of an image, or filters, as small pictures side by side on one color scale.

const MOST_MAPS = 64;

/** Return the number of columns of maps: a power of two, so that rows are full, and about twice the number of rows. */
const mapColumns = (count) => Math.min(count, 2 ** Math.round(Math.log2(2 * count) / 2));

class MapsPicture extends Picture {
  /**
   * @param shape (C, H, W): C maps of H rows and W columns.
   * @param symbol of the numbers, which are shown as symbol[channel, row, column] when they are pointed at.
   * @param chosen a function that is called with the place of a number that is clicked, if there is one.
   * @param together the number of maps that stay in one row, such as those of red, green and blue.
   */
  constructor({ shape: [C, H, W], symbol, chosen, together = 1, caption, size = "maps", ...options }) {
    const most = together * Math.floor(MOST_MAPS / together) || together;
    const maps = Math.min(C, most);
    const across = together * mapColumns(Math.ceil(maps / together));
    const [columns, rows] = [across * (W + 1) - 1, Math.ceil(maps / across) * (H + 1) - 1];
    const shown = caption + (maps < C ? `, ${maps} of ${countText(C)} maps` : "");
    super({ ...options, caption: shown, size, columns, count: columns * rows });
    Object.assign(this, { H, W, across, rows, symbol: symbol ?? caption });
    this.places = Int32Array.from({ length: this.count }, (_, pixel) => {
      const [row, column] = [Math.floor(pixel / columns), pixel % columns];
      const map = Math.floor(row / (H + 1)) * across + Math.floor(column / (W + 1));
      const [r, c] = [row % (H + 1), column % (W + 1)];
      return map < maps && r < H && c < W ? (map * H + r) * W + c : -1; // between the maps
    });
    this.marked = element("i", { className: "mark", hidden: true });
    const frame = element("div", { className: "frame" });
    this.canvas.replaceWith(frame);
    frame.append(this.canvas, this.marked);
    this.read(chosen);
  }

  colorOf(pixel, shadeOf) {
    return this.places[pixel] < 0 ? 0 : super.colorOf(this.places[pixel], shadeOf);
  }

  draw(values, limit) {
    this.drawn = values;
    super.draw(values, limit);
  }

  /** Show the number below the pointer, and call `chosen` with the place of the one that is clicked. */
  read(chosen) {
    const reading = element("span", { className: "reading" });
    this.scale.node.append(reading);
    this.canvas.onpointermove = (event) => {
      const place = this.placeAt(event);
      reading.textContent = place < 0 ? "" : `${this.textOf(place)} = ${numberText(this.drawn[place])}`;
    };
    this.canvas.onpointerleave = () => (reading.textContent = "");
    if (!chosen) return;
    this.canvas.classList.add("chosen");
    this.canvas.onclick = (event) => this.placeAt(event) >= 0 && chosen(this.placeAt(event));
  }

  placeAt({ offsetX, offsetY }) {
    const column = Math.floor((offsetX / this.canvas.clientWidth) * this.columns);
    const row = Math.floor((offsetY / this.canvas.clientHeight) * this.rows);
    return this.places[row * this.columns + column] ?? -1;
  }

  textOf(place) {
    const { H, W } = this;
    return `${this.symbol}[${Math.floor(place / (H * W))}, ${Math.floor(place / W) % H}, ${place % W}]`;
  }

  /** Draw a frame around a number. */
  mark(place) {
    const pixel = this.places.indexOf(place);
    this.marked.hidden = pixel < 0;
    const [row, column] = [Math.floor(pixel / this.columns), pixel % this.columns];
    Object.assign(this.marked.style, {
      ...{ left: `${(100 * column) / this.columns}%`, top: `${(100 * row) / this.rows}%` },
      ...{ width: `${100 / this.columns}%`, height: `${100 / this.rows}%` },
    });
  }
}
