// The drawing board for strokes, with mouse, finger or pen.

const LINE = 0.06; // width of a line, relative to the board

/** Call `begin` with the first point of each line that is drawn on a canvas, and `extend` with the other points.
 *
 * A point is [x, y], with x to the right and y down, on a canvas of width 1.
 */
function followPen(canvas, begin, extend) {
  let pen = null; // the id of the pointer that is drawing
  const pointOf = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pen = event.pointerId;
    begin(pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pen) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const point of passed.length ? passed : [event]) extend(pointOf(point));
  });
  const end = (event) => {
    if (event.pointerId === pen) pen = null;
  };
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, end);
}

class Board {
  /**
   * @param canvas a square canvas.
   * @param changed a function that is called after each frame in which the strokes changed.
   * @param replaced a function that is called when an example is replaced by a drawing.
   */
  constructor(canvas, changed, replaced) {
    Object.assign(this, { canvas, replaced });
    this.strokes = [];
    this.refresh = oncePerFrame(() => (this.draw(), changed()));
    followPen(canvas, (point) => this.begin(point), (point) => this.extend(point));
  }

  begin(point) {
    if (this.isExample) {
      this.strokes = [];
      this.replaced();
    }
    this.stopExample();
    this.strokes.push([point]);
    this.refresh();
  }

  extend(point) {
    this.strokes.at(-1)?.push(point); // there is none after `clear`
    this.refresh();
  }

  clear() {
    this.stopExample();
    this.strokes = [];
    this.refresh();
  }

  /** Draw an example point by point, or at once if the user prefers reduced motion. */
  show(example) {
    this.clear();
    this.isExample = true;
    if (REDUCED_MOTION.matches) {
      this.strokes = example;
      return this.refresh();
    }
    const total = example.flat().length;
    const start = performance.now();
    const frame = (now) => {
      let left = Math.min(total, Math.ceil(((now - start) / 900) * total)); // in 900 ms
      const done = left === total;
      this.strokes = example.map((stroke) => {
        const part = stroke.slice(0, Math.max(0, left));
        left -= stroke.length;
        return part;
      });
      this.strokes = this.strokes.filter((stroke) => stroke.length > 0);
      this.refresh();
      if (!done) this.animation = requestAnimationFrame(frame);
    };
    this.animation = requestAnimationFrame(frame);
  }

  stopExample() {
    cancelAnimationFrame(this.animation);
    this.isExample = false;
  }

  draw() {
    const width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (this.canvas.width !== width) this.canvas.width = this.canvas.height = width;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, width);
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = LINE * width;
    for (const [first, ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(first[0] * width, first[1] * width);
      for (const [x, y] of others.length ? others : [first]) context.lineTo(x * width, y * width);
      context.stroke();
    }
  }
}
