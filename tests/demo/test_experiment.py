"""The experiments of the playground: what they measure is what torchnet measures, and the presets do what they say."""

import copy

import numpy as np
import pytest
import torch

from torchnet import MLP, SGD
from torchnet.health import gradient_health
from torchnet.layers import ACTIVATIONS
from torchnet.losses import LOSSES

TOLERANCE = 1e-10

RUN = """
    const experiment = new Experiment({ ...defaultSettings(), ...given });
    for (let k = 0; k < 30; k++) experiment.step();
"""
TENSORS = """
    const tensorsOf = (network) => Object.fromEntries([...network.everyLayer()].flatMap((layer) =>
      Object.keys(layer.tensors).map((name) => [`${layer.name}.${name}`, [...layer[name]]])));
"""


def network(settings, sizes, tensors):
    """Return torchnet's network of some settings, with tensors of the browser."""
    options = {name: settings[name] for name in ("normalization", "residual") if name in settings}
    net = MLP(sizes, settings["activation"], dtype=torch.float64, **options)
    for name, values in tensors.items():
        tensor = net.state_dict()[name]
        tensor.copy_(torch.tensor(values, dtype=torch.float64).reshape(tensor.shape))
    return net


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "identity"])
@pytest.mark.parametrize("normalization", [None, "batch_norm"])
def test_one_step_is_measured_as_by_gradient_health(activation, normalization, run_script, expect_equal):
    lr = 0.03 if activation == "prelu" else 0.3  # its slope grows until the training diverges
    settings = {"activation": activation, "hidden_sizes": [7, 7, 7], "residual": True, "lr": lr, "gain": 1.5}
    if normalization:
        settings["normalization"] = normalization
    code = (
        RUN
        + TENSORS
        + """
        const batch = experiment.batches.next(32);
        experiment.batches.next = () => batch;
        experiment.optimizer.state.clear();
        const before = tensorsOf(experiment.network);
        const health = experiment.health();
        const { train } = experiment.data;
        experiment.step();
        const { latest } = experiment;
        return { before, batch, train, health, latest };
    """
    )
    got = run_script(code, settings)
    rows = {name: torch.tensor(list(got[name]["inputs"].values()), dtype=torch.float64) for name in ("batch", "train")}
    targets = torch.tensor(list(got["batch"]["targets"].values()))
    net = network(settings, (2, 7, 7, 7, 2), got["before"])
    before, optimizer = copy.deepcopy(net), SGD(net.parameters(), lr=lr, momentum=0.9)
    loss, grad_logits = LOSSES["cross_entropy"](net(rows["batch"].reshape(-1, 2)), targets)
    net.backward(grad_logits)
    optimizer.step()
    gradients = {name: weight.grad for name, weight in net.named_parameters()}
    expected = gradient_health(before, rows["train"].reshape(-1, 2), gradients, net)

    expect_equal("loss", torch.tensor(got["latest"]["loss"], dtype=torch.float64), loss, "torchnet", TOLERANCE)
    for ours, theirs in (("gradientNorms", "gradient_norm"), ("updateRatios", "update_ratio")):
        norms = torch.stack([expected[f"{theirs}/layer_{number}"] for number in range(1, 5)])
        expect_equal(ours, torch.tensor(got["latest"][ours], dtype=torch.float64), norms, "torchnet", TOLERANCE)
    kind = "saturated" if activation in ("sigmoid", "tanh", "hardtanh", "softsign") else "dead"
    shares = [expected[f"{kind}/layer_{number}"].item() for number in range(1, 4)]
    assert [health[kind] for health in got["health"]] == pytest.approx(shares, abs=1e-12)


def test_a_look_at_an_experiment_does_not_change_it(run_script):
    code = (
        TENSORS
        + """
        return [false, true].map((looks) => {
          const experiment = new Experiment({ ...defaultSettings(), ...given });
          for (let k = 0; k < 20; k++) {
            experiment.step();
            if (!looks) continue;
            experiment.evaluate();
            experiment.health();
            experiment.surface(9);
            experiment.unitSurface(2, 1, 11);
            experiment.backwardOf(experiment.sample(k));
          }
          return { tensors: tensorsOf(experiment.network), records: experiment.history.records };
        });
    """
    )
    for normalization in ("none", "batch_norm"):
        alone, looked_at = run_script(code, {"normalization": normalization, "optimizer": "Adam", "lr": 0.01})
        assert alone == looked_at


def test_evaluation_and_the_pass_of_a_sample_are_those_of_the_network_in_evaluation_mode(run_script):
    code = (
        RUN
        + """
        const { train, test } = experiment.evaluate();
        const sample = experiment.sample(17, "test");
        const { network, logits, loss, gradInput } = experiment.backwardOf(sample);
        const grads = [...network.parameters()].map(({ grad }) => [...grad]);
        experiment.network.eval();
        const all = experiment.network.forward(experiment.data.test.inputs);
        const whole = experiment.network.loss(all, experiment.data.test.targets).loss;
        const one = experiment.network.forward(sample.input);
        const single = experiment.network.loss(one, sample.target);
        const ofInput = experiment.network.backward(single.gradLogits);
        const same = [...experiment.network.parameters()].map(({ grad }) => [...grad]);
        return {
          left: [test.loss, [...logits], loss, [...gradInput], grads],
          right: [whole, [...one], single.loss, [...ofInput], same],
          train, test, all: [...all], targets: [...experiment.data.test.targets],
        };
    """
    )
    for settings in ({"normalization": "batch_norm"}, {"dataset": "digits", "residual": True, "activation": "relu"}):
        got = run_script(code, settings)
        assert got["left"] == got["right"]
        assert np.abs(got["left"][3]).max() > 0
        logits = np.array(got["all"]).reshape(200, -1)
        assert got["test"]["accuracy"] == np.mean(logits.argmax(1) == got["targets"])
        assert got["train"]["accuracy"] > 0.6


def test_surfaces_are_the_outputs_at_the_points_of_a_grid(run_script):
    code = (
        RUN
        + """
        const first = [...experiment.surface(5)];
        const unit = [...experiment.unitSurface(2, 3, 5)];
        experiment.network.eval();
        const points = [-1.25, -0.625, 0, 0.625, 1.25];
        const right = [...points].reverse().flatMap((y) => points.map((x) => {
          const logits = experiment.network.forward(Float64Array.of(x, y));
          return { probs: [...softmax(logits).probs], unit: experiment.layers[2].output[3] };
        }));
        experiment.network.train();
        experiment.step();
        const moved = experiment.surface(5).some((p, k) => p !== first[k]);
        return { first, unit, moved, probs: right.flatMap(({ probs }) => probs), units: right.map(({ unit }) => unit) };
    """
    )
    got = run_script(code, {"normalization": "batch_norm"})
    np.testing.assert_allclose(got["first"], got["probs"], rtol=1e-12)
    np.testing.assert_allclose(got["unit"], got["units"], rtol=1e-12)
    assert got["moved"]


def test_a_curve_has_a_line_as_surface_and_digits_have_none(run_script):
    code = RUN + "return [experiment.surface(7), experiment.unitSurface(0, 1, 7)].map((it) => it && it.length)"
    assert run_script(code, {"dataset": "curve", "loss": "mean_squared_error"}) == [7, 7]
    assert run_script(code, {"dataset": "digits"}) == [None, None]


def test_every_data_set_is_learned(run_script):
    code = """
        return Object.keys(DATASETS).map((dataset) => {
          const { settings } = consistentSettings({ ...defaultSettings(), dataset });
          const experiment = new Experiment(settings);
          const before = experiment.evaluate().test.loss;
          for (let k = 0; k < 600; k++) experiment.step();
          const { loss, accuracy } = experiment.evaluate().test;
          return { dataset, before, loss, accuracy };
        });
    """
    for found in run_script(code):
        assert found["loss"] < 0.35 * found["before"], found
        assert found["accuracy"] is None or found["accuracy"] > 0.9, found


def test_batches_are_epochs_in_a_new_order(run_script):
    code = """
        const part = { size: 10, inputs: Float64Array.from({ length: 10 }, (_, k) => k), targets: new Int32Array(10) };
        const batches = new Batches(part, new Random(3));
        return Array.from({ length: 6 }, () => [...batches.next(5).inputs]);
    """
    batches = run_script(code)
    epochs = [batches[k] + batches[k + 1] for k in (0, 2, 4)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_history_covers_all_steps_in_bounded_memory(run_script):
    code = """
        const history = new History(16);
        for (let step = given.first; step < 1000; step += given.stride) history.add({ step });
        return history.records.map(({ step }) => step);
    """
    for first, stride in ((0, 1), (1, 4), (7, 3)):
        steps = run_script(code, {"first": first, "stride": stride})
        assert 8 <= len(steps) <= 16
        assert steps[0] == first
        assert len(set(np.diff(steps))) == 1
        assert steps[-1] > 870


MEASURED = """
    const { settings } = PRESETS[given.preset];
    return [settings, comparedSettings(settings)].filter((it) => it).map((it) => {
      const experiment = new Experiment({ ...it, seed: given.seed });
      const share = () => {
        const shares = experiment.health().map(({ saturated, dead }) => saturated ?? dead);
        return shares.reduce((total, value) => total + value, 0) / shares.length;
      };
      return given.steps.map((steps) => {
        while (experiment.steps < steps) experiment.step();
        const recent = experiment.history.records.slice(-given.recent);
        const norms = experiment.linears.map((_, l) =>
          recent.reduce((total, { gradientNorms }) => total + gradientNorms[l], 0) / recent.length);
        return { norms, share: share(), loss: experiment.evaluate().train.loss };
      });
    });
"""


@pytest.fixture
def measure(run_script):
    """Return mean norms in the last steps, shares and losses of a preset and of the network beside it."""

    def measure(preset, seed, *steps, recent=1):
        return run_script(MEASURED, {"preset": preset, "seed": seed, "steps": steps, "recent": recent})

    return measure


@pytest.mark.parametrize("seed", [1, 2])
class TestPresets:
    def test_vanishing(self, measure, seed):
        (sigmoid, relu) = measure("vanishing", seed, 1, 400)
        for at in sigmoid:
            assert at["norms"][0] < 1e-6 * at["norms"][-1]
            assert at["loss"] > 0.68  # log 2 = 0.693
        assert relu[0]["norms"][0] > 0.01 * relu[0]["norms"][-1]
        assert relu[1]["loss"] < 0.5 * sigmoid[1]["loss"]

    def test_exploding(self, measure, seed):
        (large, right) = measure("exploding", seed, 1, 20, 400)
        assert large[0]["norms"][0] > 100 * large[0]["norms"][-1]
        assert max(right[0]["norms"]) < 10 * min(right[0]["norms"])
        assert large[1]["share"] > 0.7
        assert right[1]["share"] < 0.2
        assert large[2]["loss"] > 0.9 * large[1]["loss"]  # nothing is learned any more
        assert right[2]["loss"] < 0.5 * large[2]["loss"]

    def test_dead(self, measure, seed):
        ((first, later),) = measure("dead", seed, 1, 200)
        assert first["share"] < 0.2
        assert later["share"] > 0.5

    @pytest.mark.parametrize("preset", ["normalization", "skip"])
    def test_normalization_and_skip(self, measure, seed, preset):
        ((mended,), (plain,)) = measure(preset, seed, 400, recent=50)
        assert max(mended["norms"]) < 10 * min(mended["norms"])
        assert plain["norms"][0] < 1e-3 * plain["norms"][-1]
        assert mended["loss"] < 0.7 * plain["loss"]


def test_presets_have_valid_settings_and_a_text_of_two_sentences(run_script):
    code = """
        return Object.entries(PRESETS).map(([name, { title, text, settings }]) =>
          ({ name, title, text, settings, read: settingsOfText(textOfSettings(settings)) }));
    """
    presets = run_script(code)
    names = [preset["name"] for preset in presets]
    assert names == ["spirals", "vanishing", "exploding", "dead", "normalization", "skip", "curve", "digits"]
    for preset in presets:
        assert preset["read"] == {"settings": preset["settings"], "problems": []}
        assert preset["text"].count(". ") == 1
        assert preset["text"].endswith(".")
