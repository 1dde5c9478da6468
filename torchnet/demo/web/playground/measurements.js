// What was measured over the training steps, as charts. With a second network, its lines are dashed.

/** Return the color of layer k of n, from the first to the last. */
function depthColor(k, n) {
  const bytes = palettes.depth[n > 1 ? Math.round((k / (n - 1)) * (SHADES - 1)) : SHADES >> 1];
  return `rgb(${bytes & 255} ${(bytes >> 8) & 255} ${(bytes >> 16) & 255})`;
}

/** Return the lines of the network that is shown, and dashed, those of the other one. `of` returns those of one. */
function linesOfAll({ experiments, experiment, settings }, of) {
  const names = ["these settings", COMPARISON_NAMES[settings.compare]];
  const dashed = (other, k) => of(other, true).map((line) => ({ ...line, dashed: names[k] }));
  return [...of(experiment), ...experiments.flatMap((other, k) => (other === experiment ? [] : dashed(other, k)))];
}

const lossLines = (state) =>
  linesOfAll(state, ({ evaluations: { records } }) => {
    const steps = records.map(({ step }) => step);
    return [
      { name: "train", steps, values: records.map(({ train }) => train.loss), color: colors.train },
      { name: "test", steps, values: records.map(({ test }) => test.loss), color: colors.test },
    ];
  });

/** Return a line per Linear layer, of the numbers that the records have under a name; of the other network, two. */
const layerLines = (state, key) =>
  linesOfAll(state, ({ history: { records }, linears }, isOther) => {
    const steps = records.map(({ step }) => step);
    const last = linears.length - 1;
    const shown = [...linears.keys()].filter((l) => !isOther || l === 0 || l === last);
    return shown.map((l) => ({
      name: layerName(l, linears.length),
      steps,
      values: records.map((record) => record[key][l]),
      color: depthColor(l, linears.length),
    }));
  });

/** Return the charts of the page and their places. */
function makeCharts(state) {
  return [
    new LineChart(byId("losses"), {
      title: "Loss",
      text: "The mean over all samples.",
      lines: () => lossLines(state),
    }),
    new LineChart(byId("norms"), {
      title: "Gradient norm of each layer",
      text: "‖∂L/∂W‖ of each mini-batch, logarithmic.",
      lines: () => layerLines(state, "gradientNorms"),
      logarithmic: true,
    }),
    new LineChart(byId("ratios"), {
      title: "Update-to-weight ratio",
      text: "‖ΔW‖ / ‖W‖ of each step. Gray: usual, 10⁻⁴ to 10⁻²; small networks start higher.",
      lines: () => layerLines(state, "updateRatios"),
      logarithmic: true,
      band: [1e-4, 1e-2],
    }),
  ];
}
