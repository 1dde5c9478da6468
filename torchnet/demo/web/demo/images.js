// Images as the input of the network: where their pixels are in it, and a board to paint them on.

/** Return side and channels of square images, and a function from a pixel and a channel to its place in the input.
 *
 * @param shape (H, W), (H, W, 3) or (3, H, W), as in torchnet/data/inputs.py.
 */
function imageLayout(shape) {
  const channels = shape.length === 3 ? 3 : 1;
  const isLast = channels === 1 || shape[2] === 3;
  const side = isLast ? shape[0] : shape[1];
  const place = isLast ? (pixel, c) => channels * pixel + c : (pixel, c) => c * side * side + pixel;
  return { side, channels, place };
}

const [BLACK, WHITE] = ["#000000", "#ffffff"];
const BRUSH = 1 / 12; // width of a line, relative to the board
const THINNEST = 1.5; // pixels, so that a line has the color of the brush somewhere

/** A board with the pixels of the network's input, from 0 to 1. */
class Painting {
  /**
   * @param canvas is painted on.
   * @param layout from `imageLayout`.
   * @param changed a function that is called after each frame in which the painting changed.
   * @param replaced a function that is called when an example is replaced by a painting.
   */
  constructor(canvas, layout, changed, replaced) {
    Object.assign(this, { layout, replaced });
    canvas.width = canvas.height = layout.side;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.refresh = oncePerFrame(changed);
    this.color = WHITE;
    let last;
    const lineTo = (point) => (this.line(last, point), (last = point));
    followPen(canvas, (point) => (this.begin(), (last = point), lineTo(point)), lineTo);
    this.clear();
  }

  begin() {
    if (!this.isExample) return;
    this.clear();
    this.replaced();
  }

  /** Paint strokes, which the next painting replaces. */
  show(strokes) {
    this.clear();
    for (const points of strokes) points.slice(1).forEach((point, k) => this.line(points[k], point));
    this.isExample = true;
  }

  line(...points) {
    const { side } = this.layout;
    const { context } = this;
    context.strokeStyle = this.color;
    context.lineCap = "round";
    context.lineWidth = Math.max(THINNEST, BRUSH * side);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x * side, y * side);
    context.stroke();
    this.isEmpty = false;
    this.refresh();
  }

  fill(color = this.color) {
    this.context.fillStyle = color;
    this.context.fillRect(0, 0, this.layout.side, this.layout.side);
    this.isEmpty = this.isExample = false;
    this.refresh();
  }

  clear() {
    this.fill(BLACK);
    this.isEmpty = true;
  }

  /** Show the middle of an image file, on white if it is transparent, as folders of images are read. */
  async open(file) {
    const image = await createImageBitmap(file);
    const { side, channels } = this.layout;
    const size = Math.min(image.width, image.height);
    const [left, top] = [(image.width - size) / 2, (image.height - size) / 2];
    this.fill(WHITE);
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(image, left, top, size, size, 0, 0, side, side);
    if (channels === 1) this.removeColor();
  }

  removeColor() {
    const image = this.context.getImageData(0, 0, this.layout.side, this.layout.side);
    for (let k = 0; k < image.data.length; k += 4) {
      const [red, green, blue] = image.data.subarray(k, k + 3);
      image.data.fill(0.299 * red + 0.587 * green + 0.114 * blue, k, k + 3); // as Pillow does
    }
    this.context.putImageData(image, 0, 0);
  }

  /** Return the input of the network. */
  read() {
    const { side, channels, place } = this.layout;
    const { data } = this.context.getImageData(0, 0, side, side); // red, green, blue and opacity of each pixel
    const input = new Float64Array(side * side * channels);
    for (let pixel = 0; pixel < side * side; pixel++) {
      for (let c = 0; c < channels; c++) input[place(pixel, c)] = data[4 * pixel + c] / 255;
    }
    return input;
  }
}
