// The three kinds of inputs that can be set on the page: drawn digits, painted images, and rows of a table.
//
// Each has `read`, the input of the network; `isEmpty`; `samples`, lists of samples { x, name, show } to open the page
// with, the usual ones first; `redraw`, after a change of colors; `show`, which shows what the network sees; `picture`,
// a part that shows numbers of the form of the input; and the texts of its rows in both views. `changed` is called when
// the input changed, `renewed` if it is another sample, with the name of its class if it is known.

const MOST_FEATURES = 20; // that are shown of a row
const SAMPLE_ROWS = 8;
const TILTS = [[0], [-15, 15], [-30, 30], [-45, 45]]; // degrees

class ImageInput {
  constructor({ shape }) {
    this.layout = imageLayout(shape);
    const { side, channels } = this.layout;
    this.isColor = channels === 3;
    this.title = "Image";
    this.shape = `${side} × ${side}${this.isColor ? " × 3" : ""}`;
    this.longShape = `${this.shape} = ${countText(side ** 2 * channels)} ${this.isColor ? "numbers" : "pixels"}`;
    this.shown = { limit: 1, size: "large" };
    this.signText = this.isColor
      ? "Gray is 0; positive numbers for red, green and blue are brighter."
      : "Red is positive, blue is negative.";
  }

  /** Return a picture of numbers that are those of the input, or belong to them. */
  picture(caption, values, options) {
    const { side } = this.layout;
    if (this.isColor) return new ColorPicture({ layout: this.layout, caption, values, ...options });
    return new Picture({ count: side ** 2, columns: side, caption, values, gray: this.isGray, ...options });
  }

  show() {}
  redraw() {}
}

/** A digit, whose strokes are brought into the form of the training images. */
class DigitInput extends ImageInput {
  constructor(description, { changed, renewed }) {
    super(description);
    this.board = new Board(byId("board"), changed, renewed);
    this.renewed = renewed;
    this.text = formText(this.layout.side);
    this.gradientText =
      "Red: less ink here would lower the loss. Blue: more ink here would lower the loss. Look for strokes that the " +
      "chosen digit does not have, and for places where it needs a stroke.";
    this.seen = this.picture("Network input", null, { limit: 1, legend: false });
    byId("seen").append(this.seen.node);
    for (const [k, example] of EXAMPLES.entries()) {
      const onclick = () => this.start(example, k);
      const label = `Draw the digit ${k}`;
      byId("examples").append(element("button", { type: "button", onclick, "aria-label": label }, String(k)));
    }
    byId("clear").onclick = () => (renewed(), this.board.clear());
    addEventListener("resize", () => this.board.draw());
  }

  get isEmpty() {
    return this.board.strokes.length === 0;
  }

  read() {
    return imageOf(this.board.strokes, this.layout.side);
  }

  start(strokes, digit) {
    this.renewed(String(digit));
    this.board.show(strokes);
  }

  /** All digits, upright and then more and more tilted. */
  *samples() {
    for (const tilts of TILTS) {
      yield tilts.flatMap((degrees) =>
        EXAMPLES.map((example, digit) => {
          const strokes = tilted(example, degrees);
          const show = () => this.start(strokes, digit);
          return { x: imageOf(strokes, this.layout.side), name: String(digit), show };
        }),
      );
    }
  }

  redraw() {
    this.board.draw();
  }

  show(x) {
    this.seen.draw(x);
  }
}

/** An image, gray or in color, which is painted pixel by pixel or read from a file. */
class PaintedInput extends ImageInput {
  constructor(description, { changed, renewed }) {
    super(description);
    this.isGray = true;
    this.painting = new Painting(byId("board"), this.layout, changed, renewed);
    this.text = this.isColor
      ? "The red, green and blue of each pixel are numbers from 0 to 1."
      : "The pixels are numbers from 0, black, to 1, white.";
    this.gradientText = this.isColor
      ? "Gray is 0. More of the color of a pixel would raise the loss, more of the opposite color would lower it."
      : "Red: a darker pixel here would lower the loss. Blue: a brighter pixel here would lower the loss.";
    const brush = byId("brush");
    brush.oninput = () => (this.painting.color = brush.value);
    brush.oninput();
    byId("clear").onclick = () => (renewed(), this.painting.clear());
    byId("fill").onclick = () => (renewed(), this.painting.fill());
    byId("file").onchange = (event) => (renewed(), this.open(event.target.files[0]));
  }

  get isEmpty() {
    return this.painting.isEmpty;
  }

  async open(file) {
    const failed = () => "This browser cannot read the file as an image.";
    byId("file-note").textContent = file ? ((await this.painting.open(file).catch(failed)) ?? "") : "";
  }

  read() {
    return this.painting.read();
  }

  *samples() {
    yield SHAPES.map((strokes) => {
      this.painting.show(strokes);
      return { x: this.read(), show: () => this.painting.show(strokes) };
    });
  }
}

/** A row of a table, whose first values are set with sliders. */
class TableInput {
  constructor({ columns }, { changed, renewed }) {
    this.columns = columns;
    this.row = meanRow(columns);
    this.names = columns.flatMap(inputNames);
    this.title = "Row";
    this.shape = `${countText(columns.length)} columns`;
    this.longShape = `${this.shape} = ${countText(this.names.length)} inputs`;
    this.text =
      "x = (value − mean) / std for a column of numbers. A category has an input of its own, which is 1 where it is " +
      "chosen, else 0.";
    this.gradientText =
      "Red: a smaller x would lower the loss. Blue: a larger x would lower the loss. All numbers are in standard " +
      "deviations of their column, so their gradients can be compared.";
    this.sliders = new Sliders(columns, this.row, oncePerFrame(changed));
    byId("columns").append(this.sliders.node);
    byId("clear").onclick = () => (this.sliders.set(({ mean }) => mean), renewed());
    byId("random").onclick = () => (this.sliders.shuffle(), renewed());
    this.changed = changed;
  }

  get isEmpty() {
    return false;
  }

  read() {
    return encodeRow(this.columns, this.row);
  }

  /** Rows beside the mean, where x is 0, and so are the gradients of the first weights. */
  *samples() {
    yield Array.from({ length: SAMPLE_ROWS }, (_, n) => {
      const show = () => {
        this.sliders.set(
          ({ mean, std }, k) => mean + 0.5 * std * ((((n + 1) * (k + 1)) % (SAMPLE_ROWS + 1)) - SAMPLE_ROWS / 2),
          ({ categories }, k) => categories.filter(Boolean)[(n * (k + 1)) % categories.filter(Boolean).length] ?? "",
        );
        this.changed();
      };
      show();
      return { x: this.read(), show };
    });
  }

  picture(caption, values, options) {
    return new Bars({ names: this.names, caption, values, signed: true, most: MOST_FEATURES, ...options });
  }

  show() {}
  redraw() {}
}

function makeInput(description, page) {
  if (description.kind === "table") return new TableInput(description, page);
  return description.digits ? new DigitInput(description, page) : new PaintedInput(description, page);
}
