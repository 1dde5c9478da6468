// A plot of an activation with dots for its units: y over x, or the slope ∂y/∂x, which multiplies the gradient.

const [PLOT_WIDTH, PLOT_HEIGHT, PLOT_EDGE] = [220, 104, 8];
const CURVE_POINTS = 121;
const MOST_DOTS = 1000; // units beyond are left out, evenly

const PLOTTED = { forward: { name: "y", of: "forward" }, backward: { name: "∂y/∂x", of: "slopes" } };

/** Return whether one curve is right for all units: a PReLU may have a slope for each channel. */
const hasOneCurve = (layer) => layer instanceof Activation && !(layer.weight?.length > 1);

function activationPlot(layer, view) {
  const { name, of } = PLOTTED[view];
  const every = Math.ceil(layer.input.length / MOST_DOTS);
  const label = `${name} over x, with a dot for ${every > 1 ? `one unit in ${every}` : "each unit"}`;
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const range = element("span");
  const node = element("figure", { className: "plot" }, canvas, element("figcaption", {}, `${label}: `, range));
  const update = () => {
    const width = Math.max(1, largestOf(layer.input));
    const x = Float64Array.from({ length: CURVE_POINTS }, (_, k) => width * ((2 * k) / (CURVE_POINTS - 1) - 1));
    const curve = layer[of](x);
    const low = Math.min(0, ...curve);
    const high = Math.max(0, ...curve);
    const units = layer.input.filter((_, k) => k % every === 0);
    drawPlot(canvas, { width, low, high }, [x, curve], [units, layer[of](units)]);
    const fromTo = (from, to) => `from ${numberText(from)} to ${numberText(to)}`;
    range.textContent = `x ${fromTo(-width, width)}, ${name} ${fromTo(low, high)}`;
  };
  return { node, update };
}

function drawPlot(canvas, { width, low, high }, [xs, ys], [unitXs, unitYs]) {
  canvas.width = PLOT_WIDTH * devicePixelRatio;
  canvas.height = PLOT_HEIGHT * devicePixelRatio;
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const across = (x) => PLOT_EDGE + ((x + width) / (2 * width)) * (PLOT_WIDTH - 2 * PLOT_EDGE);
  const up = (y) => PLOT_HEIGHT - PLOT_EDGE - ((y - low) / (high - low || 1)) * (PLOT_HEIGHT - 2 * PLOT_EDGE);
  const path = (points) => {
    context.beginPath();
    for (const [x, y] of points) context.lineTo(across(x), up(y));
    context.stroke();
  };
  context.strokeStyle = colors.line;
  path([[-width, 0], [width, 0]]);
  path([[0, low], [0, high]]);
  context.strokeStyle = colors.muted;
  context.lineWidth = 1.5;
  path([...xs].map((x, k) => [x, ys[k]]));
  context.fillStyle = colors.accent;
  context.globalAlpha = 0.5;
  for (let i = 0; i < unitXs.length; i++) context.fillRect(across(unitXs[i]) - 2, up(unitYs[i]) - 2, 4, 4);
}
