// The frames of the page: some training steps, then some drawing, so that a frame ends in time.

const TRAINING_TIME = 5; // ms of a frame
const DRAWING_TIME = 6; // ms of a frame; one part may take longer
const LARGEST_SHARE = 0.1; // of the time, for a part: on a slow device, it is drawn less often
const LONGEST_PAUSE = 10; // times `every`

class Loop {
  /**
   * @param parts what is drawn: { node, draw, every } with a time in ms between two drawings of a part while training.
   * @param train makes training steps until a time, and returns whether it can go on.
   */
  constructor(parts, train) {
    Object.assign(this, { parts, train, isRunning: false, frame: null });
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        this.parts.find(({ node }) => node === target).isSeen = isIntersecting;
      }
      this.request();
    });
    for (const part of parts) {
      Object.assign(part, { isSeen: false, isStale: true, drawnAt: -Infinity, cost: 0 });
      observer.observe(part.node);
    }
    document.addEventListener("visibilitychange", () => this.request());
  }

  run() {
    this.isRunning = true;
    this.request();
  }

  pause() {
    this.isRunning = false;
    this.refresh();
  }

  /** Draw everything at the next frame. */
  refresh() {
    for (const part of this.parts) part.isStale = true;
    this.request();
  }

  /** Ask for a frame, unless the page is hidden or has one. */
  request() {
    if (document.hidden) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.show(performance.now());
    });
  }

  show(start) {
    if (this.isRunning) {
      this.isRunning = this.train(start + TRAINING_TIME);
      for (const part of this.parts) part.isStale = true;
    }
    this.draw(performance.now());
    if (this.isRunning || this.parts.some(({ isStale, isSeen }) => isStale && isSeen)) this.request();
  }

  /** Draw the parts that are seen and due, the one that waits longest first, until the time of the frame is over. */
  draw(start) {
    const pauseOf = ({ every, cost }) => Math.max(every, Math.min(cost / LARGEST_SHARE, LONGEST_PAUSE * every));
    const wait = (part) => (start - part.drawnAt) / pauseOf(part);
    const due = this.parts.filter((part) => part.isSeen && part.isStale && (!this.isRunning || wait(part) >= 1));
    for (const part of due.sort((a, b) => wait(b) - wait(a))) {
      const begin = performance.now();
      part.draw();
      const end = performance.now();
      Object.assign(part, { isStale: false, drawnAt: start, cost: end - begin });
      if (end - start > DRAWING_TIME) return;
    }
  }
}
