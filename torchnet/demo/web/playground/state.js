// What the page shows: the experiments of some settings, and which sample and which unit are looked at.

class State {
  sample = 0;
  isRunning = false;
  lines = "weights"; // or "gradients"

  /** Start the experiments of settings: a network, and a second one if they have one to compare. */
  open(settings) {
    const other = comparedSettings(settings);
    this.settings = settings;
    this.experiments = [new Experiment(settings), ...(other ? [new Experiment(other)] : [])];
    for (const experiment of this.experiments) experiment.evaluate();
    this.show(0);
  }

  /** Show one of the experiments. */
  show(place) {
    this.experiment = this.experiments[place];
    this.shown = place;
    this.unit = null;
    this.pass = {};
    this.select(this.sample % this.experiment.data.train.size);
    this.surfaces = new Surfaces(this, columnsOf(this.experiment.network));
    this.fit = makeFit(this);
  }

  /** Whether the loss takes the outputs for logits, of which the softmax is the probabilities. */
  get hasProbabilities() {
    return this.settings.loss !== "mean_squared_error";
  }

  /** The points in each direction of the grid of the output. */
  get resolution() {
    return resolutionOf(this.experiment, this.isRunning ? GRIDS.running : GRIDS.paused);
  }

  /** Select a training sample. */
  select(sample) {
    this.sample = sample;
    Object.assign(this, this.experiment.sample(sample)); // input and target
    this.passedAt = null;
    this.refresh();
  }

  /** Run the sample forward and backward, unless that was done since the last step. `pass` stays the same object. */
  refresh() {
    if (this.passedAt === this.experiment.steps) return;
    Object.assign(this.pass, this.experiment.backwardOf(this.experiment.sample(this.sample)));
    this.passedAt = this.experiment.steps;
  }

  /** Select the training sample with the largest loss. */
  selectWorst() {
    const { experiment } = this;
    const lossOf = (n) => experiment.backwardOf(experiment.sample(n)).loss;
    const losses = Array.from({ length: experiment.data.train.size }, (_, n) => lossOf(n));
    this.select(losses.indexOf(Math.max(...losses)));
  }

  /** Make a training step with each network whose loss is finite; return whether that of the first still is. */
  step() {
    for (const experiment of this.experiments) {
      if (!experiment.hasFailed) experiment.hasFailed = !Number.isFinite(experiment.step());
    }
    return !this.experiments[0].hasFailed;
  }

  /** Take over settings that need no new experiments, if the others are the same; return whether that is so. */
  accepts(settings) {
    if (!this.settings || this.experiments.some(({ hasFailed }) => hasFailed)) return false;
    const { lr, batch_size } = settings;
    if (textOfSettings({ ...this.settings, lr, batch_size }) !== textOfSettings(settings)) return false;
    this.settings = settings;
    for (const experiment of this.experiments) Object.assign(experiment.settings, { lr, batch_size });
    return true;
  }
}
