// The page: settings from the address, training frame by frame, and everything that is shown.

const state = new State();
const controls = new Controls(byId("settings"), go);
const look = (unit) => {
  if (unit?.column === state.unit?.column && unit?.unit === state.unit?.unit) return;
  state.unit = unit;
  loop.refresh();
};
const diagram = new Diagram(byId("network"), state, look);
const walk = new Walk(state);
const [losses, norms, ratios] = makeCharts(state);
const health = new HealthColumns(byId("health"), state);
const fitSheet = new Sheet(byId("fit"), (width) => width, () => drawFit());
const loop = new Loop(
  [
    { node: document.querySelector(".transport"), every: 150, draw: drawStats },
    { node: byId("fit"), every: 66, draw: drawFit },
    { node: byId("network"), every: 100, draw: () => diagram.draw() },
    { node: byId("losses"), every: 150, draw: () => losses.draw() },
    { node: byId("norms"), every: 100, draw: () => norms.draw() },
    { node: byId("ratios"), every: 100, draw: () => ratios.draw() },
    { node: byId("health"), every: 200, draw: () => health.draw() },
    { node: byId("chain"), every: 200, draw: () => (state.refresh(), walk.draw()) },
  ],
  train,
);
const STEPS_PER_FRAME = { slow: 0.1, normal: 2, fast: Infinity };
let owed = 0; // steps, or a part of one

/** Train until a time in ms; return whether to go on. */
function train(end) {
  const most = STEPS_PER_FRAME[byId("speed").value];
  owed = Math.min(owed, 1) + most; // no more than the time of a frame allows is made up for
  for (; owed >= 1; owed--) {
    if (!step()) return false;
    if (performance.now() >= end) break;
  }
  return true;
}

/** Make one step; stop with a sentence if the loss is not finite. */
function step() {
  if (state.step()) return true;
  say(failureText(state.experiments[0]));
  byId("rescue").textContent = `Start again with learning rate ${safeRate()}`;
  byId("rescue").hidden = false;
  showRunning(false);
  return false;
}

/** Return a tenth of the learning rate, at most the standard one. */
const safeRate = () => Math.min(SETTINGS.lr.standard, Number((state.settings.lr / 10).toPrecision(1)));

/** Explain a loss that is not finite, and what to do. */
function failureText({ steps, settings, history: { records } }) {
  const ratio = Math.max(...records.slice(-4).flatMap(({ updateRatios }) => updateRatios.filter(Number.isFinite)), 0);
  const after = `${countText(steps)} steps with learning rate ${settings.lr}`;
  const why =
    ratio > 0.1
      ? `The steps were too large: one changed the weights of a layer by ${steadyText(ratio)} times their norm.`
      : "The outputs or gradients grew from layer to layer until they overflowed.";
  const advice = "Choose a smaller learning rate or gain, a normalization, or another initializer.";
  return `The loss is no finite number any more after ${after}. ${why} ${advice}`;
}

function say(text) {
  byId("message-text").textContent = text;
  byId("message").hidden = !text;
  byId("rescue").hidden = true;
}

const LINE_TEXTS = {
  weights: "Lines: weights; blue is −, red +.",
  gradients: "Lines: gradients; blue is −, red +.",
};

/** Draw the weights or the gradients as lines between the units. */
function showLines(lines) {
  state.lines = lines;
  for (const name of ["weights", "gradients"]) byId(name).setAttribute("aria-pressed", name === lines);
  write("network-text", `${state.fit.networkText} ${LINE_TEXTS[lines]}`);
  loop.refresh();
}

function restart() {
  say("");
  state.open(state.settings);
  rebuild();
}

/** Show the experiment that is now shown by the state. */
function rebuild() {
  const { settings, experiment, shown } = state;
  showLines(state.lines);
  byId("sample").max = experiment.data.train.size - 1;
  byId("sample").title = `0 to ${byId("sample").max}`;
  byId("mode").hidden = !experiment.layers.some(({ kind }) => kind === "BatchNorm1d");
  byId("compare").hidden = settings.compare === "none";
  byId("other").textContent = COMPARISON_NAMES[settings.compare];
  byId("first").setAttribute("aria-pressed", shown === 0);
  byId("other").setAttribute("aria-pressed", shown === 1);
  byId("fit").setAttribute("aria-label", `${state.fit.text} Arrow keys choose a sample.`);
  diagram.rebuild();
  walk.rebuild();
  loop.refresh();
}

/** Run or pause, and say so on the button. */
function showRunning(isRunning) {
  if (isRunning) {
    walk.isWalking = false;
    loop.run();
  } else loop.pause();
  state.isRunning = isRunning;
  byId("run").textContent = isRunning ? "Pause" : "Run";
}

function select(sample) {
  state.select(sample);
  walk.rebuild();
  loop.refresh();
}

/** Show the next step of the backward pass, and scroll to it if it is out of sight. */
function goBack() {
  state.refresh();
  walk.goBack();
  const { top, bottom } = document.querySelector(".backward").getBoundingClientRect();
  const isSeen = top < innerHeight / 2 && bottom > innerHeight / 2;
  if (!isSeen) scrollToPart(".backward");
}

const scrollToPart = (selector) =>
  document.querySelector(selector).scrollIntoView({ behavior: REDUCED_MOTION.matches ? "auto" : "smooth" });

function connect() {
  const pausedBefore = (action) => () => {
    showRunning(false);
    action();
    loop.refresh();
  };
  byId("run").onclick = () => (say(""), showRunning(!loop.isRunning));
  byId("step").onclick = pausedBefore(() => ((walk.isWalking = false), step()));
  byId("back").onclick = pausedBefore(goBack);
  byId("restart").onclick = restart;
  byId("copy").onclick = copyLink;
  for (const name of ["weights", "gradients"]) byId(name).onclick = () => showLines(name);
  byId("first").onclick = () => (state.show(0), rebuild());
  byId("other").onclick = () => (state.show(1), rebuild());
  byId("worst").onclick = () => (state.selectWorst(), select(state.sample));
  byId("sample").onchange = ({ target }) => {
    if (target.value) select(Math.min(target.max, Math.max(0, Math.round(target.value))));
    target.value = state.sample;
  };
  byId("fit").onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const { size } = state.experiment.data.train;
    if (by) (event.preventDefault(), select((state.sample + by + size) % size));
  };
  byId("fit").onclick = (event) => select(state.fit.nearest(fitSheet, fitSheet.pointOf(event)));
  byId("rescue").onclick = () => {
    go({ ...state.settings, lr: safeRate() });
    showRunning(true);
  };
  byId("up").onclick = () => scrollToPart(".network");
  addEventListener("hashchange", openAddress);
  const isWide = matchMedia("(min-width: 701px)"); // as in the style sheet
  const unfold = () => (document.querySelector(".settings").open = isWide.matches);
  isWide.addEventListener("change", unfold);
  unfold();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (readColors(), loop.refresh()));
}

function readColors() {
  readPalettes(["sequential", "diverging", "gray", "plane", "units", "depth"], [
    "line", "muted", "accent", "negative", "positive", "band", "surface", "ink", "classes", "train", "test",
  ]);
  colors.classes = colors.classes.split(",");
}

readColors();
makeStats();
makePresets();
byId("help").append(helpList());
connect();
openAddress();
if (REDUCED_MOTION.matches) {
  say(`${byId("message-text").textContent} Paused, because your system asks for reduced motion. Press Run to train.`);
}
showRunning(!REDUCED_MOTION.matches && !chosen?.isPaused);

/** The page, for use in the console: `playground.state.experiment.step()`. */
window.playground = { state, loop, walk };
