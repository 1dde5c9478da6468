"""Training in the browser, compared with torchnet and torch.optim weight by weight in float64."""

import random

import pytest
import torch
from torch import Tensor

from torchnet import MLP, SGD
from torchnet.demo import describe
from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, NORMALIZATIONS
from torchnet.losses import LOSSES

STEPS = 5
TOLERANCE = 1e-10  # relative to the norm of a tensor; steps amplify rounding

TRAIN = """
    return given.map(({ description, numbers, optimizer, options, inputs, targets }) => {
      const network = new Network(description, decodeNumbers(numbers, description.dtype));
      network.train();
      const steps = new ({ SGD, Adam, AdamW }[optimizer])(network, options);
      const losses = inputs.map((batch, k) => {
        const { loss, gradLogits } = network.loss(network.forward(Float64Array.from(batch)), targets[k]);
        network.backward(gradLogits);
        steps.step();
        return loss;
      });
      const tensors = [...network.everyLayer()].flatMap((layer) =>
        Object.keys(layer.tensors).map((name) => [`${layer.name}.${name}`, [...layer[name]]]));
      return { losses, tensors: Object.fromEntries(tensors) };
    });
"""


class Case:
    """A random network, loss and batches, with an optimizer and its options."""

    def __init__(self, seed: int, optimizer: str) -> None:
        draw = self.draw = random.Random(seed)
        depth, width = seed % 6, draw.randint(4, 12)
        hidden = [width if draw.random() < 0.7 else draw.randint(4, 12) for _ in range(depth)]
        activations = [draw.choice(list(ACTIVATIONS)) for _ in hidden]
        if not hidden:
            activations = ["relu"]
        self.loss = list(LOSSES)[seed % 3]
        self.optimizer, self.seed = optimizer, seed
        outputs = draw.randint(2, 6)
        self.generator = torch.Generator().manual_seed(seed)
        normalization = draw.choice([None, *NORMALIZATIONS])
        self.net = MLP(
            (draw.randint(2, 9), *hidden, outputs),
            activations[0] if draw.random() < 0.5 else activations,
            normalization=normalization,
            residual=draw.random() < 0.5,
            generator=self.generator,
            dtype=torch.float64,
        )
        for name, tensor in (*self.net.named_parameters(), *self.net.named_buffers()):
            if tensor.dim() == 1:
                noise = 0.2 * self.normal(*tensor.shape)
                tensor.copy_(noise.exp() if "running_var" in name else tensor + noise)
        n = draw.randint(8, 20) if normalization == "batch_norm" else draw.randint(1, 20)
        self.inputs = [self.normal(n, self.net[0].in_features) for _ in range(STEPS)]
        if self.loss == "mean_squared_error" and draw.random() < 0.5:
            self.targets = [self.normal(n, outputs) for _ in range(STEPS)]
        else:
            self.targets = [torch.randint(outputs, (n,), generator=self.generator) for _ in range(STEPS)]
        self.options = self.optimizer_options()
        self.described = describe(self.net, self.loss)  # before the steps

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def optimizer_options(self) -> dict:
        weight_decay = self.draw.choice([0.0, 0.03])
        if self.optimizer == "SGD":
            nesterov = self.draw.random() < 0.5
            lr = 0.005 if self.loss == "mean_squared_error" else 0.05  # some of these losses are large, and would grow
            return {"lr": lr, "momentum": 0.9, "nesterov": nesterov, "weight_decay": weight_decay}
        return {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": weight_decay}

    def for_browser(self) -> dict:
        description, numbers = self.described
        return {
            "description": description,
            "numbers": numbers,
            "optimizer": self.optimizer,
            "options": self.options,
            "inputs": [batch.flatten().tolist() for batch in self.inputs],
            "targets": [batch.flatten().tolist() for batch in self.targets],
        }

    def train(self) -> list[Tensor]:
        """Train with torchnet; return the losses."""
        make = {"SGD": SGD, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}[self.optimizer]
        optimizer = make(self.net.parameters(), **self.options)
        losses = []
        for inputs, targets in zip(self.inputs, self.targets, strict=True):
            loss, grad_logits = LOSSES[self.loss](self.net(inputs), targets)
            self.net.backward(grad_logits)
            optimizer.step()
            losses.append(loss)
        return losses

    def __str__(self) -> str:
        kinds = ", ".join(type(module).__name__ for module in self.net.modules())
        return f"{self.seed}: {kinds}, {self.loss}, N = {len(self.inputs[0])}, {self.optimizer} {self.options}"


def compare(cases: list[Case], run_script, expect_equal) -> None:
    results = run_script(TRAIN, [case.for_browser() for case in cases])
    for case, result in zip(cases, results, strict=True):
        oracle = "torchnet" if case.optimizer == "SGD" else "torch.optim"
        losses = case.train()
        expect_equal(
            f"losses of {case}",
            torch.tensor(result["losses"], dtype=torch.float64),
            torch.stack(losses),
            oracle,
            TOLERANCE,
        )
        expected = {name: tensor for name, tensor in case.net.state_dict().items() if tensor.dim() > 0}
        assert result["tensors"].keys() == expected.keys()
        for name, tensor in expected.items():
            got = torch.tensor(result["tensors"][name], dtype=torch.float64).reshape(tensor.shape)
            expect_equal(f"{name} of {case}", got, tensor, oracle, TOLERANCE)


@pytest.mark.parametrize("part", range(4))
def test_five_steps_of_sgd_change_200_networks_as_in_torchnet(part, run_script, expect_equal):
    compare([Case(seed, "SGD") for seed in range(50 * part, 50 * part + 50)], run_script, expect_equal)


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW"])
def test_five_steps_of_adam_are_those_of_torch(optimizer, run_script, expect_equal):
    compare([Case(seed, optimizer) for seed in range(40)], run_script, expect_equal)


def test_the_cases_have_every_kind_of_layer():
    cases = [Case(seed, "SGD") for seed in range(200)]
    kinds = [type(module).__name__ for case in cases for module in case.net.modules()]
    for kind in (
        "BatchNorm1d",
        "LayerNorm",
        "RMSNorm",
        "Residual",
        *(type(it()).__name__ for it in ACTIVATIONS.values()),
    ):
        assert kinds.count(kind) >= 10, kind


def test_batch_norm_averages_all_batches_without_momentum(run_script, expect_equal):
    case = Case(3, "SGD")
    case.net = MLP((5, 6, 2), normalization="batch_norm", generator=case.generator, dtype=torch.float64)
    case.net[1].momentum = None
    case.net(case.normal(7, 5))
    case.loss, case.described = "cross_entropy", describe(case.net, "cross_entropy")
    case.inputs = [case.normal(9, 5) for _ in range(STEPS)]
    case.targets = [torch.randint(2, (9,), generator=case.generator) for _ in range(STEPS)]
    compare([case], run_script, expect_equal)


def test_one_sample_has_no_batch_statistics(run_script):
    code = """
        const { description, numbers } = randomNetwork({
          in_features: 2, hidden_sizes: [3], out_features: 2, normalization: "batch_norm", seed: 1,
        });
        const network = new Network(description, numbers);
        const before = network.forward(Float64Array.of(1, 2));
        network.train();
        try {
          network.forward(Float64Array.of(1, 2));
        } catch ({ message }) {
          network.eval();
          return { message, unchanged: network.forward(Float64Array.of(1, 2)).every((y, k) => y === before[k]) };
        }
    """
    message = "expected at least two numbers of each feature in training mode, got 1: call eval() first"
    assert run_script(code) == {"message": message, "unchanged": True}


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("residual", [False, True])
def test_a_random_network_has_the_layers_of_an_mlp(normalization, residual, run_script):
    for activation in ACTIVATIONS:
        for loss in LOSSES:
            options = {"activation": activation, "normalization": normalization, "residual": residual}
            given = {"in_features": 3, "hidden_sizes": [3, 3, 5, 5, 5, 2], "out_features": 2, "loss": loss, "seed": 1}
            net = MLP((3, 3, 3, 5, 5, 5, 2, 2), dtype=torch.float64, **options)
            got = run_script("return randomNetwork(given).description", given | options)
            assert got == describe(net, loss)[0]


def test_an_initial_network_has_zeros_and_ones_where_torchnet_has(run_script):
    given = {"in_features": 3, "hidden_sizes": [5, 5], "out_features": 2, "seed": 1, "normalization": "batch_norm"}
    code = """
        const { description, numbers } = randomNetwork(given);
        const layers = [...new Network(description, numbers).everyLayer()];
        return layers.flatMap((layer) =>
          Object.keys(layer.tensors).map((name) => [`${layer.name}.${name}`, [...layer[name]]]));
    """
    net = MLP((3, 5, 5, 2), normalization="batch_norm", dtype=torch.float64)
    for name, values in run_script(code, given):
        expected = net.state_dict()[name]
        if expected.dim() == 1:
            assert values == expected.tolist(), name
        else:
            assert len(set(values)) == expected.numel()


def test_initializers_draw_with_the_variance_of_torchnets(run_script):
    code = """
        return Object.entries(INITIALIZERS).map(([name, draw]) => {
          const random = new Random(7);
          const values = Float64Array.from({ length: 40000 }, () => draw(random, 30, 50));
          const mean = values.reduce((total, value) => total + value, 0) / values.length;
          const square = values.reduce((total, value) => total + value * value, 0) / values.length;
          return [name, mean, square, Math.max(...values.slice(0, 9000))];
        });
    """
    results = run_script(code)
    assert [name for name, *_ in results] == list(INITIALIZERS)
    generator = torch.Generator().manual_seed(5)
    for name, mean, square, largest in results:
        expected = INITIALIZERS[name]((50, 30), generator, torch.float64)
        for _ in range(26):
            expected = torch.cat([expected, INITIALIZERS[name]((50, 30), generator, torch.float64)])
        variance = expected.square().mean().item()
        assert square == pytest.approx(variance, rel=0.04)
        assert abs(mean) <= 0.03 * variance**0.5
        assert largest == pytest.approx(expected.flatten()[:9000].max().item(), rel=0.3)


def test_the_weights_of_a_network_have_the_variance_of_the_initializer_times_the_square_of_the_gain(run_script):
    given = {"in_features": 90, "hidden_sizes": [70], "out_features": 2, "seed": 5, "initializer": "xavier_normal"}
    code = "return given.map((options) => [...randomNetwork(options).numbers.subarray(0, 6300)])"
    for gain, weights in zip((1, 3), run_script(code, [given, given | {"gain": 3}]), strict=True):
        assert torch.tensor(weights).square().mean() == pytest.approx(gain**2 * 2 / 160, rel=0.06)


def test_a_seed_repeats_and_another_one_does_not(run_script):
    code = "return [1, 1, 2].map((seed) => [...randomNetwork({ ...given, seed }).numbers])"
    first, again, other = run_script(code, {"in_features": 3, "hidden_sizes": [5], "out_features": 2})
    assert first == again != other
    assert run_script("return [...new Random(3).permutation(50)].sort((a, b) => a - b)") == list(range(50))
