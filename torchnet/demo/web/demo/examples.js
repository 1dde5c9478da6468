// An example of each digit, as strokes on a board of width and height 1.

/** Return points on an ellipse between two angles in degrees: 0 is right, 90 is down. */
function arc(x, y, width, height, from, to) {
  const steps = Math.ceil(Math.abs(to - from) / 12);
  return Array.from({ length: steps + 1 }, (_, k) => {
    const angle = ((from + ((to - from) * k) / steps) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

/** Return a line through corners, with points in between, so that it is drawn as slowly as an arc. */
function line(...corners) {
  return corners.slice(1).reduce(
    (points, [x, y]) => {
      const [fromX, fromY] = points[points.length - 1];
      const steps = Math.ceil(Math.hypot(x - fromX, y - fromY) / 0.05);
      const between = Array.from({ length: steps }, (_, k) => (k + 1) / steps);
      return [...points, ...between.map((t) => [fromX + t * (x - fromX), fromY + t * (y - fromY)])];
    },
    [corners[0]],
  );
}

/** Return strokes that are turned around the middle of the board, clockwise, by an angle in degrees. */
function tilted(strokes, degrees) {
  const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const turn = ([x, y]) => [0.5 + cosine * (x - 0.5) - sine * (y - 0.5), 0.5 + sine * (x - 0.5) + cosine * (y - 0.5)];
  return strokes.map((stroke) => stroke.map(turn));
}

/** Shapes to paint: a ring, a triangle, a cross and two lines. */
const SHAPES = [
  [arc(0.5, 0.5, 0.3, 0.3, 0, 360)],
  [line([0.2, 0.78], [0.5, 0.2], [0.8, 0.78], [0.2, 0.78])],
  [line([0.22, 0.22], [0.78, 0.78]), line([0.78, 0.22], [0.22, 0.78])],
  [line([0.15, 0.35], [0.85, 0.35]), line([0.15, 0.65], [0.85, 0.65])],
];

/** The digits 0 to 9. */
const EXAMPLES = [
  [arc(0.5, 0.5, 0.23, 0.36, -70, 290)],
  [line([0.57, 0.13], [0.45, 0.87])],
  [[...arc(0.49, 0.33, 0.22, 0.2, 190, 395), ...line([0.5, 0.62], [0.27, 0.85], [0.76, 0.83])]],
  [[...arc(0.48, 0.31, 0.2, 0.17, 205, 440), ...arc(0.47, 0.67, 0.24, 0.2, 280, 510)]],
  [line([0.34, 0.15], [0.28, 0.5], [0.74, 0.48]), line([0.7, 0.13], [0.62, 0.88])],
  [[...line([0.38, 0.16], [0.34, 0.46]), ...arc(0.48, 0.65, 0.23, 0.21, 235, 500)], line([0.38, 0.16], [0.72, 0.14])],
  [[...arc(0.74, 0.62, 0.43, 0.5, 262, 186), ...arc(0.5, 0.67, 0.19, 0.2, 180, -200)]],
  [line([0.26, 0.19], [0.74, 0.16], [0.44, 0.88])],
  [[...arc(0.5, 0.31, 0.18, 0.17, 80, -270), ...arc(0.49, 0.67, 0.21, 0.19, -90, 270)]],
  [[...arc(0.49, 0.34, 0.21, 0.2, -20, -360), ...line([0.7, 0.34], [0.62, 0.87])]],
];
