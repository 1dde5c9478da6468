// When to draw.

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");

/** Return a function that calls another one at the next frame, once per frame however often it is called. */
function oncePerFrame(action) {
  let waiting = null;
  return () => {
    waiting ??= requestAnimationFrame(() => {
      waiting = null;
      action();
    });
  };
}
