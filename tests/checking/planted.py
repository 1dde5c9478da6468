"""Backward passes with one planted mistake each, and the diagnosis that a check must give.

`python -m tests.checking.planted` prints them as a table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from torchnet import MLP, Layer, Linear, ReLU, Sigmoid, Tanh, check, cross_entropy
from torchnet.checking import Diagnosis, Report
from torchnet.layers.layer import expect_shape
from torchnet.losses import one_vs_rest_cross_entropy

N, FEATURES, CLASSES = 7, 5, 4
DOUBLE = torch.float64


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def network(**layers: Layer) -> MLP:
    """Return a network with random biases; `_3=layer` replaces the layer at position 3."""
    generator = torch.Generator().manual_seed(0)
    net = MLP((FEATURES, 6, 6, CLASSES), "sigmoid", generator=generator, dtype=DOUBLE)
    for position, layer in layers.items():
        if isinstance(layer, Linear):
            layer.load_state_dict(net[int(position[1:])].state_dict())
        net[int(position[1:])] = layer
    for weight in net.parameters():
        if weight.dim() == 1:
            weight.data.normal_(generator=generator)
    return net


def on_network(net: nn.Module, loss: Callable = cross_entropy) -> Report:
    targets = torch.randint(CLASSES, (N,), generator=torch.Generator().manual_seed(1))
    return check(net, random(N, FEATURES), targets, loss=loss)


def on_layer(layer: Layer, n: int = N, features: int = FEATURES) -> Report:
    return check(layer, random(n, features))


def linear(kind: type[Linear], in_features: int = FEATURES, out_features: int = FEATURES) -> Linear:
    layer = kind(in_features, out_features, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    layer.bias.data.copy_(random(out_features, seed=2))
    return layer


class NoTransposeInInput(Linear):
    def backward(self, grad_output, input_grad=True):
        super().backward(grad_output)
        return grad_output @ self.weight.T


class NoTransposeInWeight(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.weight.grad = self.weight.grad.T.contiguous()
        return grad_input


class BiasOverFeatures(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.bias.grad = grad_output.sum(dim=1)
        return grad_input


class BiasMean(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.bias.grad = grad_output.mean(dim=0)
        return grad_input


class UpdateFirst(Linear):
    def backward(self, grad_output, input_grad=True):
        x, _ = self.recall()
        self.weight.grad, self.bias.grad = grad_output.T @ x, grad_output.sum(dim=0)
        self.weight.sub_(self.weight.grad, alpha=0.1)
        return grad_output @ self.weight


class LastSampleLost(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        grad_input[-1] = 0
        return grad_input


class LastClassLost(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.weight.grad[-1] = 0
        return grad_input


class InSingle(Linear):
    def backward(self, grad_output, input_grad=True):
        x, _ = self.recall()
        self.weight.grad = (grad_output.T.float() @ x.float()).double()
        self.bias.grad = grad_output.sum(dim=0)
        return grad_output @ self.weight


class Accumulates(Linear):
    def backward(self, grad_output, input_grad=True):
        before = self.weight.grad
        grad_input = super().backward(grad_output)
        if before is not None:
            self.weight.grad = self.weight.grad + before
        return grad_input


class ForgetsBias(Linear):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.bias.grad = None
        return grad_input


class SigmoidAtTheOutput(Sigmoid):
    def backward(self, grad_output, input_grad=True):
        y = self.recall().sigmoid()
        return grad_output * y * (1 - y)


class SigmoidOfTheInput(Sigmoid):
    def forward(self, x):
        self.remember(x)
        return x.sigmoid()

    def backward(self, grad_output, input_grad=True):
        x = self.recall()
        return grad_output * x * (1 - x)


class SigmoidHalf(Sigmoid):
    def backward(self, grad_output, input_grad=True):
        return grad_output * self.recall()


class TanhLikeSigmoid(Tanh):
    def backward(self, grad_output, input_grad=True):
        y = self.recall()
        return grad_output * y * (1 - y)


class NoDerivative(ReLU):
    def backward(self, grad_output, input_grad=True):
        self.recall()
        return grad_output


class NegativeTanh(Tanh):
    def backward(self, grad_output, input_grad=True):
        return -super().backward(grad_output)


class InPlaceSigmoid(Sigmoid):
    def backward(self, grad_output, input_grad=True):
        y = self.recall()
        expect_shape("grad_output", grad_output, y.shape, "")
        return grad_output.mul_(y * (1 - y))


class Center(Layer):
    """y = x - mean(x); the mean is a second path from x to y, which backward omits."""

    def forward(self, x):
        return x - x.mean(dim=0)

    def backward(self, grad_output, input_grad=True):
        return grad_output


class Skip(Layer):
    """y = x + tanh(x); backward omits the skip path."""

    def forward(self, x):
        y = x.tanh()
        self.remember(y)
        return x + y

    def backward(self, grad_output, input_grad=True):
        return grad_output * (1 - self.recall() ** 2)


class SkipsTheFirstLayer(MLP):
    def backward(self, grad_logits, input_grad=False):
        for layer in list(self)[:0:-1]:
            grad_logits = layer.backward(grad_logits)
        return grad_logits.sum(dim=1, keepdim=True).expand(-1, FEATURES)


def without_mean(logits, targets):
    loss, grad = cross_entropy(logits, targets)
    return loss, grad * len(logits)


def mean_twice(logits, targets):
    loss, grad = cross_entropy(logits, targets)
    return loss, grad / len(logits)


def one_too_many(logits, targets):
    loss, grad = cross_entropy(logits, targets)
    return loss, grad * len(logits) / (len(logits) + 1)


def notebook_shortcut(logits, targets):
    return one_vs_rest_cross_entropy(logits, targets)[0], cross_entropy(logits, targets)[1]


def squared(prediction, target):
    return ((prediction - target) ** 2).sum(), prediction - target


def classes_shifted(logits, targets):
    return cross_entropy(logits, targets)[0], cross_entropy(logits, (targets + 1) % CLASSES)[1]


class WrongCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x, scale)
        return scale * x**3

    @staticmethod
    def backward(ctx, grad_output):
        x, scale = ctx.saved_tensors
        return grad_output * scale * 3 * x**2, -(grad_output * x**3).sum()


def affine(x, weight):
    return x @ weight


def affine_backward(grad_output, x, weight):
    return grad_output @ weight, x.T @ grad_output


def shift(x, bias):
    return x + bias


def shift_backward(grad_output, x, bias):
    return grad_output, grad_output.sum(dim=1)


@dataclass(frozen=True)
class Planted:
    """A mistake: a function that checks it, and the location and kind of mistake that the report must name."""

    name: str
    run: Callable[[], Report]
    where: str
    kind: str


def square(kind: type[Linear]) -> Callable[[], Report]:
    return lambda: on_layer(linear(kind))


PLANTED = [
    Planted(
        "mean's 1/N left out of the loss", lambda: on_network(network(), without_mean), "logits", "constant factor"
    ),
    Planted("1/N applied twice", lambda: on_network(network(), mean_twice), "logits", "constant factor"),
    Planted("1/(N+1) for 1/N", lambda: on_network(network(), one_too_many), "logits", "constant factor"),
    Planted(
        "factor 2 of a square",
        lambda: check(squared, random(7, 4), random(7, 4, seed=1)),
        "prediction",
        "constant factor",
    ),
    Planted("mean for sum in the bias", square(BiasMean), "bias", "constant factor"),
    Planted(
        "sign of tanh's derivative, in a network",
        lambda: on_network(network(_3=NegativeTanh())),
        "3 (NegativeTanh)",
        "sign",
    ),
    Planted(
        "sign of one gradient of a torch Function",
        lambda: check(WrongCube, random(7, 5), random(1, seed=1).squeeze()),
        "scale",
        "sign",
    ),
    Planted("no transpose in grad_input, square layer", square(NoTransposeInInput), "input", "transposed"),
    Planted(
        "no transpose in grad_input, in a network",
        lambda: on_network(network(_2=linear(NoTransposeInInput, 6, 6))),
        "2 (NoTransposeInInput), input",
        "transposed",
    ),
    Planted("weight gradient transposed, square layer", square(NoTransposeInWeight), "weight", "transposed"),
    Planted(
        "no transpose, in a pair of functions",
        lambda: check((affine, affine_backward), random(7, 5), random(5, 5, seed=1)),
        "x",
        "transposed",
    ),
    Planted(
        "bias summed over the wrong axis", lambda: on_layer(linear(BiasOverFeatures), n=FEATURES), "bias", "wrong axis"
    ),
    Planted(
        "bias summed over the wrong axis, of another shape",
        lambda: check((shift, shift_backward), random(7, 5), random(5, seed=1)),
        "bias",
        "wrong axis",
    ),
    Planted("path through the mean missing", lambda: on_layer(Center()), "input", "missing path"),
    Planted("skip path missing", lambda: on_layer(Skip()), "input", "missing path"),
    Planted(
        "sigmoid' taken at the output",
        lambda: on_network(network(_1=SigmoidAtTheOutput())),
        "1 (SigmoidAtTheOutput), input",
        "activation derivative",
    ),
    Planted("y (1 - y) with the input for y", lambda: on_layer(SigmoidOfTheInput()), "input", "activation derivative"),
    Planted(
        "sigmoid' without (1 - y)",
        lambda: on_network(network(_3=SigmoidHalf())),
        "3 (SigmoidHalf), input",
        "activation derivative",
    ),
    Planted("tanh with sigmoid's derivative", lambda: on_layer(TanhLikeSigmoid()), "input", "activation derivative"),
    Planted("ReLU without derivative", lambda: on_layer(NoDerivative()), "input", "activation derivative"),
    Planted("last sample lost", square(LastSampleLost), "input", "one slice"),
    Planted("last class lost", square(LastClassLost), "weight", "one slice"),
    Planted("update before propagate", square(UpdateFirst), "input", "update before propagate"),
    Planted(
        "update before propagate, in a network",
        lambda: on_network(network(_2=linear(UpdateFirst, 6, 6))),
        "2 (UpdateFirst), input",
        "update before propagate",
    ),
    Planted("summed in float32", square(InSingle), "weight", "rounding"),
    Planted("gradients added to those of the last step", square(Accumulates), "backward", "accumulated"),
    Planted("bias without a gradient", square(ForgetsBias), "bias", "missing"),
    Planted("grad_output overwritten", lambda: on_layer(InPlaceSigmoid()), "backward", "side effect"),
    Planted(
        "first layer skipped by the network",
        lambda: on_network(SkipsTheFirstLayer((FEATURES, 6, CLASSES), dtype=DOUBLE)),
        "0.weight",
        "missing",
    ),
    Planted("gradient of another loss", lambda: on_network(network(), notebook_shortcut), "logits", "missing path"),
    Planted("targets off by one", lambda: on_network(network(), classes_shifted), "logits", "unknown"),
]


def diagnoses(report: Report) -> list[tuple[str, str]]:
    return [(where, diagnosis.kind) for where, diagnosis in report.diagnoses]


def main() -> None:
    from .planted_images import PLANTED_IMAGES

    table = Table("planted", "must be named", "kind", "verdict", "where and what the check says", box=None)
    named = 0
    for planted in PLANTED + PLANTED_IMAGES:
        report = planted.run()
        hits = [(w, d) for w, d in report.diagnoses if planted.where in w and d.kind == planted.kind]
        named += bool(hits) and planted.kind != "unknown"
        where, said = (hits or report.diagnoses or [("nothing", Diagnosis("", "nothing"))])[0]
        table.add_row(
            planted.name,
            planted.where,
            planted.kind if hits else f"MISSED: {planted.kind}",
            "right" if report.passed else "wrong",
            f"{where}: {said.kind}: {said.text}",
        )
    Console(width=200).print(table)
    print(f"{len(PLANTED + PLANTED_IMAGES)} planted, the class of {named} named")


if __name__ == "__main__":
    main()
