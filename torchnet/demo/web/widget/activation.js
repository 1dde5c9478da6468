// An activation at work: its curve and its slope, at a number x to choose.

const { network: description, numbers } = JSON.parse(byId("data").textContent);
const network = new Network(description, decodeNumbers(numbers, description.dtype));
const [layer] = network.layers;

const REACH = 4; // the curve covers x from -REACH to REACH
const [WIDTH, HEIGHT, EDGE] = [440, 220, 12];
const xs = Float64Array.from({ length: 401 }, (_, k) => REACH * (k / 200 - 1));
const ys = layer.forward(xs);
const slopes = layer.slopes(xs, ys);
const [low, high] = [Math.min(0, ...ys, ...slopes), Math.max(...ys, ...slopes)];
const across = (x) => EDGE + ((x + REACH) / (2 * REACH)) * (WIDTH - 2 * EDGE);
const up = (y) => HEIGHT - EDGE - ((y - low) / (high - low)) * (HEIGHT - 2 * EDGE);

function shape(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Return a line through points; a slope may jump between two points. */
function path(className, along, values) {
  const points = Array.from(along, (x, k) => `${across(x).toFixed(1)},${up(values[k]).toFixed(1)}`);
  return shape("polyline", { class: className, points: points.join(" ") });
}

const dots = { y: shape("circle", { class: "curve", r: 5 }), slope: shape("circle", { class: "slope", r: 5 }) };
const plot = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "y and ∂y/∂x over x" });
plot.append(
  path("axis", [-REACH, REACH], [0, 0]),
  path("axis", [0, 0], [low, high]),
  path("slope", xs, slopes),
  path("curve", xs, ys),
  dots.slope,
  dots.y,
);

const slider = element("input", { type: "range", min: -REACH, max: REACH, step: 0.01, value: 0.8, "aria-label": "x" });
let grad = 1;
const field = numberField("G", grad, (number) => ((grad = number), update()));
const shown = Object.fromEntries(["x", "y", "slope", "gradInput"].map((name) => [
  name,
  element("output", { className: "number", id: name }),
]));

function update() {
  const x = Float64Array.of(slider.valueAsNumber);
  const [y] = network.forward(x);
  const [slope] = layer.slopes(x);
  const [gradInput] = network.backward(Float64Array.of(grad));
  const numbersShown = { x: x[0], y, slope, gradInput };
  for (const [name, output] of Object.entries(shown)) output.textContent = numberText(numbersShown[name]);
  for (const [name, dot] of Object.entries(dots)) {
    dot.setAttribute("cx", across(x[0]));
    dot.setAttribute("cy", up(numbersShown[name]));
  }
}

slider.oninput = update;
const line = (...parts) => ({ node: element("p", { className: "line" }, ...parts) });
const named = (name, text) => element("span", { className: name }, text);
const equations = EQUATIONS[layer.kind](layer);
showWidget(
  element("section", { className: "plot" }, plot, slider),
  passSection("Forward", equations.forward, [line("x = ", shown.x), line(named("curve", "y"), " = ", shown.y)]),
  passSection("Backward", equations.backward, [
    line(named("slope", "∂y/∂x"), " = ", shown.slope),
    line("G = ", field),
    line("∂L/∂x = G ∂y/∂x = ", shown.gradInput),
  ]),
);
update();

/** The layer of this page, for use in the console: its input, output, gradOutput and gradInput. */
window.torchnet = { network, layer };
