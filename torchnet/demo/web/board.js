// The drawing board, for mouse, finger or pen.

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");
const LINE = 0.06; // width of a line, relative to the board

class Board {
  /**
   * @param canvas a square canvas.
   * @param changed a function that is called after each frame in which the strokes changed.
   */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.pen = null; // the id of the pointer that is drawing
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
  }

  begin(event) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    if (this.isExample) this.strokes = [];
    this.stopExample();
    this.pen = event.pointerId;
    this.strokes.push([this.pointOf(event)]);
    this.refresh();
  }

  move(event) {
    if (event.pointerId !== this.pen) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const point of passed.length ? passed : [event]) this.strokes.at(-1).push(this.pointOf(point));
    this.refresh();
  }

  end(event) {
    if (event.pointerId === this.pen) this.pen = null;
  }

  clear() {
    this.stopExample();
    this.pen = null;
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

  /** Draw the board and report the change, once per frame. */
  refresh() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
      this.changed();
    });
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

  pointOf(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }
}
