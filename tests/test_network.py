"""Compare the network's gradients with autograd, the NumPy reference and central differences, for many networks."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import torchnet
from torchnet import MLP, SGD, BatchNorm1d, Dropout, LayerNorm, Residual, RMSNorm, cross_entropy, reference
from torchnet.initializers import INITIALIZERS
from torchnet.layers import ACTIVATIONS, GELU, NORMALIZATIONS, Layer, Linear
from torchnet.losses import LOSSES
from torchnet.network import layer_sizes

from .layers.test_layers import twin_of as twin_in_torch
from .layers.twins import BLOCKS, DropoutTwin, ResidualTwin, norm_twin, randomized

IN_FEATURES, CLASSES = 5, 4
DEPTHS, WIDTHS, BATCHES = range(1, 9), (1, 2, 7, 64), (1, 2, 7)
# Each activation, and each loss.
PAIRS = [(activation, "cross_entropy") for activation in ACTIVATIONS]
PAIRS += [("sigmoid", loss) for loss in LOSSES if loss != "cross_entropy"]
GRID = list(itertools.product(DEPTHS, WIDTHS, BATCHES))
# Rounding errors accumulate over steps: allow 100 times 1e-12 for a trajectory.
TRAJECTORY = 1e-10
TOLERANCES = {"gelu": 1e-9}  # its slope has a zero, near which almost all digits cancel


def random_net(sizes: tuple[int, ...], activation: str = "sigmoid", seed: int = 0) -> MLP:
    """Return a network with random biases: zero biases could hide a wrong backward."""
    generator = torch.Generator().manual_seed(seed)
    net = MLP(sizes, activation, generator=generator, dtype=torch.float64)
    for name, weight in net.named_parameters():
        if name.endswith("bias"):
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    return net


def autograd_twin(net: MLP) -> nn.Sequential:
    twin = nn.Sequential(*[twin_of(layer) for layer in net])
    twin.load_state_dict(net.state_dict())
    return twin


def twin_of(layer: Layer) -> nn.Module:
    if isinstance(layer, Linear):
        return nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, dtype=layer.weight.dtype)
    if isinstance(layer, Residual):
        return ResidualTwin(*map(twin_of, layer))
    if isinstance(layer, Dropout):
        return DropoutTwin(layer)
    if isinstance(layer, BatchNorm1d | LayerNorm | RMSNorm):
        return norm_twin(layer)
    return PreciseGELU(layer.approximate) if isinstance(layer, GELU) else twin_in_torch(layer)


class PreciseGELU(nn.Module):
    """GELU without cancellation: torch.nn.GELU loses digits far below zero, which matters in narrow networks."""

    def __init__(self, approximate: str) -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.approximate == "none":
            return x * torch.special.ndtr(x)
        return x * functional.sigmoid((8 / torch.pi) ** 0.5 * (x + 0.044715 * x.pow(3)))


def autograd_loss(name: str, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if name == "cross_entropy":
        return functional.cross_entropy(logits, targets)
    rows, itself = functional.one_hot(targets, logits.shape[1]), torch.eye(logits.shape[1], dtype=torch.bool)
    if name == "mean_squared_error":
        return functional.mse_loss(logits, rows.to(logits.dtype))
    # log(1 - p) from the logits of the other classes: torch's binary_cross_entropy loses digits where p is close to 1
    log_rest = logits.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(dim=2) - logits.logsumexp(1, keepdim=True)
    return -(rows * logits.log_softmax(dim=1) + (1 - rows) * log_rest).sum() / len(logits)


def random_batch(n: int, features: int = IN_FEATURES, classes: int = CLASSES) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    return torch.randn(n, features, generator=generator, dtype=torch.float64), torch.randint(
        classes, (n,), generator=generator
    )


def hand_written(net: MLP, loss: str, x: torch.Tensor, targets: torch.Tensor):
    """Return the loss and all gradients by name, including "input"."""
    value, grad_logits = LOSSES[loss](net(x), targets)
    grad_input = net.backward(grad_logits, input_grad=True)
    return value, {name: weight.grad for name, weight in net.named_parameters()} | {"input": grad_input}


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_gradients_match_autograd(activation, loss, expect_equal):
    tolerance = TOLERANCES.get(activation, 1e-12)
    for depth, width, n in GRID:
        sizes = layer_sizes(IN_FEATURES, width, CLASSES, depth)
        net, (x, targets) = random_net(sizes, activation), random_batch(n)
        twin, leaf = autograd_twin(net), x.clone().requires_grad_()
        expected = autograd_loss(loss, twin(leaf), targets)
        expected.backward()
        expected_grads = {name: weight.grad for name, weight in twin.named_parameters()} | {"input": leaf.grad}
        value, grads = hand_written(net, loss, x, targets)
        case = f"{activation} {loss} d={depth} width={width} N={n}"
        expect_equal(f"{case} loss", value, expected.detach(), "autograd", tolerance)
        assert grads.keys() == expected_grads.keys()
        for name, grad in grads.items():
            expect_equal(f"{case} {name}", grad, expected_grads[name], "autograd", tolerance)


@pytest.mark.parametrize(("activation", "loss"), [pair for pair in PAIRS if pair[0] in reference.ACTIVATIONS])
def test_gradients_match_the_reference(activation, loss, expect_equal):
    tolerance = TOLERANCES.get(activation, 1e-12)
    for depth, width, n in GRID:
        sizes = layer_sizes(IN_FEATURES, width, CLASSES, depth)
        net, (x, targets) = random_net(sizes, activation), random_batch(n)
        value, grads = hand_written(net, loss, x, targets)
        params = reference_params(net)
        X, Y = x.numpy().T, np.eye(CLASSES)[targets.numpy()].T
        z, h = reference.forward(params, X, activation)
        if loss != "cross_entropy" and h[-1].max() > 0.999:
            continue  # where a probability is close to one the reference loses digits of this loss
        expected, grad_input = reference.backward(params, z, h, Y, n, activation, loss)
        case = f"{activation} {loss} d={depth} width={width} N={n}"
        expect_equal(f"{case} loss", value, getattr(reference, loss)(Y, z[-1]), "the NumPy reference", tolerance)
        expect_equal(f"{case} input", grads["input"], grad_input.T, "the NumPy reference", tolerance)
        for i, (weight_grad, bias_grad) in enumerate(expected):
            expect_equal(
                f"{case} {2 * i}.weight", grads[f"{2 * i}.weight"], weight_grad, "the NumPy reference", tolerance
            )
            expect_equal(
                f"{case} {2 * i}.bias", grads[f"{2 * i}.bias"], bias_grad[:, 0], "the NumPy reference", tolerance
            )


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("n", [2, 7])
def test_gradients_through_blocks_match_autograd(block, n, expect_equal):
    net, (x, targets) = random_net((5, 6, 6, 4), "tanh"), random_batch(n)
    for i in (4, 2):  # after each activation
        net.insert(i, randomized(BLOCKS[block](6), seed=i))
    twin, leaf = autograd_twin(net), x.clone().requires_grad_()
    autograd_loss("cross_entropy", twin(leaf), targets).backward()
    _, grads = hand_written(net, "cross_entropy", x, targets)
    expected = {name: weight.grad for name, weight in twin.named_parameters()} | {"input": leaf.grad}
    assert grads.keys() == expected.keys()
    # The gradient of a bias before a batch norm is zero: its rounding errors are relative to the largest gradient.
    size = max(grad.norm() for grad in expected.values())
    for name, grad in grads.items():
        assert (grad - expected[name]).norm() <= 1e-12 * max(size, expected[name].norm()), name


OPTIONS = list(itertools.product((None, *NORMALIZATIONS), (False, True), (0.0, 0.4, [0.3, 0.0, 0.2, 0.5])))


@pytest.mark.parametrize(("normalization", "residual", "dropout"), OPTIONS)
def test_a_network_with_options_is_that_of_torch_built_by_hand(normalization, residual, dropout, expect_equal):
    # The first hidden layer and the logits are not in blocks, although as wide as the layers before them.
    sizes, activations = (6, 6, 6, 6, 4, 4), ["tanh", "gelu", "sigmoid", "silu"]
    generator = torch.Generator().manual_seed(0)
    options = {"normalization": normalization, "dropout": dropout, "residual": residual, "seed": 5}
    net = MLP(sizes, activations, generator=generator, dtype=torch.float64, **options)
    for weight in net.parameters():
        if weight.dim() == 1:
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    norm = {None: None, "batch_norm": nn.BatchNorm1d, "layer_norm": nn.LayerNorm, "rms_norm": nn.RMSNorm}[normalization]
    linears = [
        nn.Linear(sizes[i], sizes[i + 1], bias=i == 4 or normalization != "batch_norm", dtype=torch.float64)
        for i in range(5)
    ]

    def between(i: int) -> list[nn.Module]:
        normalized = [] if norm is None else [norm(sizes[i + 1], dtype=torch.float64)]
        p = dropout[i] if isinstance(dropout, list) else dropout
        dropped = [] if p == 0 else [DropoutTwin(Dropout(p, seed=5, stream=i))]
        return [*normalized, [nn.Tanh, nn.GELU, nn.Sigmoid, nn.SiLU][i](), *dropped]

    block = (lambda *layers: [ResidualTwin(*layers)]) if residual else lambda *layers: layers
    twin = nn.Sequential(
        linears[0],
        *block(*between(0), linears[1]),
        *block(*between(1), linears[2]),
        *between(2),
        linears[3],
        *between(3),
        linears[4],
    )
    twin.load_state_dict(net.state_dict())
    (x, targets), name = random_batch(7, 6), f"{normalization} {residual} {dropout}"
    leaf = x.clone().requires_grad_()
    functional.cross_entropy(twin(leaf), targets).backward()
    _, grads = hand_written(net, "cross_entropy", x, targets)
    expect_equal(f"{name} input", grads["input"], leaf.grad, "autograd")
    for key, weight in twin.named_parameters():
        expect_equal(f"{name} {key}", grads[key], weight.grad, "autograd")
    net.eval(), twin.eval()
    expect_equal(f"{name} in evaluation", net(x), twin(x).detach(), "torch.nn")


def reference_params(net: MLP) -> reference.Params:
    state = [tensor.numpy().copy() for tensor in net.state_dict().values()]
    return [(weight, bias[:, None]) for weight, bias in zip(state[::2], state[1::2], strict=True)]


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_gradients_match_central_differences(activation, loss):
    net, (x, targets), h = random_net((5, 6, 6, 4), activation), random_batch(7), 1e-6
    _, grads = hand_written(net, loss, x, targets)
    for name, tensor in [*net.named_parameters(), ("input", x)]:
        for index in np.ndindex(tensor.shape):
            before = tensor[index].item()
            values = []
            for shifted in (before + h, before - h):
                tensor[index] = shifted
                values.append(LOSSES[loss](net(x), targets)[0].item())
            tensor[index] = before
            difference = (values[0] - values[1]) / (2 * h)
            assert grads[name][index].item() == pytest.approx(difference, rel=1e-6, abs=1e-8), (name, index)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("options", [{"lr": 0.3}, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}])
def test_hundred_steps_match_autograd_with_torch_optim(activation, options, expect_equal):
    sizes = (5, 6, 6, 4)
    if activation == "prelu":  # its slope grows until the training diverges, which magnifies rounding
        options = options | {"lr": options["lr"] / 10}
    net = random_net(sizes, activation)
    twin = autograd_twin(net)
    optimizer, peer = SGD(net.parameters(), **options), torch.optim.SGD(twin.parameters(), **options)
    for step in range(100):
        x, targets = random_batch(2 + step % 6)
        loss, grad_logits = cross_entropy(net(x), targets)
        net.backward(grad_logits)
        optimizer.step()
        peer.zero_grad()
        expected = functional.cross_entropy(twin(x), targets)
        expected.backward()
        peer.step()
        what = f"{activation} {options} loss of step {step}"
        expect_equal(what, loss, expected.detach(), "autograd + torch.optim.SGD, 100 steps", TRAJECTORY)
    for name, weight in net.named_parameters():
        expected = twin.get_parameter(name).detach()
        what = f"{activation} {options} {name}"
        expect_equal(what, weight, expected, "autograd + torch.optim.SGD, 100 steps", TRAJECTORY)


def test_hundred_steps_match_the_reference(expect_equal):
    net = random_net((5, 6, 6, 4))
    params, optimizer = reference_params(net), SGD(net.parameters(), lr=0.3)
    for step in range(100):
        x, targets = random_batch(2 + step % 6)
        _, grad_logits = cross_entropy(net(x), targets)
        net.backward(grad_logits)
        optimizer.step()
        z, h = reference.forward(params, x.numpy().T)
        grads, _ = reference.backward(params, z, h, np.eye(4)[targets.numpy()].T, len(x))
        params = reference.update(params, grads, 0.3)
    for name, got, expected in zip(net.state_dict(), net.parameters(), sum(params, ()), strict=True):
        expect_equal(name, got, expected.squeeze(1) if "bias" in name else expected, "the NumPy reference, 100 steps")


def rounded_net(sizes: tuple[int, ...], activation: str, dtype: torch.dtype = torch.float32) -> MLP:
    net = MLP(sizes, activation, dtype=dtype, matmul_dtype=torch.bfloat16)
    net.load_state_dict(random_net(sizes, activation).state_dict())
    return net


def autograd_with_bfloat16_products(net: MLP, loss: str, x: torch.Tensor, targets: torch.Tensor, products: torch.dtype):
    """Return autograd's gradients with products in bfloat16, or in float64 for the exact values."""
    dtype = torch.float32 if products == torch.bfloat16 else products
    leaves = {name: weight.detach().to(dtype).requires_grad_() for name, weight in net.named_parameters()}
    leaves["input"] = y = x.clone().to(dtype).requires_grad_()
    for i, layer in enumerate(net):
        if isinstance(layer, Linear):
            a, b = (t if dtype == products else t.to(products) for t in (y, leaves[f"{i}.weight"]))
            y = (a @ b.T).to(dtype) + leaves[f"{i}.bias"]
        else:
            own = {name: leaves[f"{i}.{name}"] for name, _ in layer.named_parameters()}
            y = torch.func.functional_call(twin_of(layer), own, y)
    autograd_loss(loss, y, targets).backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
@pytest.mark.parametrize("sizes", [(5, 4), (5, 7, 4), (4, 4, 4), (784, 64, 64, 10)], ids=str)
def test_bfloat16_products_are_as_close_to_the_truth_as_those_of_autograd(sizes, activation, loss):
    net, (x, targets) = rounded_net(sizes, activation), random_batch(32, sizes[0], sizes[-1])
    for weight in net.parameters():  # exact in bfloat16, so that all see the same numbers
        if weight.dim() == 2:
            weight.copy_(weight.bfloat16())
    x = x.bfloat16().float()
    _, grads = hand_written(net, loss, x, targets)
    peer, truth = (autograd_with_bfloat16_products(net, loss, x, targets, d) for d in (torch.bfloat16, torch.float64))
    assert grads.keys() == truth.keys()
    for name, grad in grads.items():
        assert grad.dtype == torch.float32
        error, allowed = ((g.double() - truth[name]).norm().item() for g in (grad, peer[name]))
        assert error <= 2 * allowed + 1e-6 * truth[name].norm().item(), name


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_float64_is_never_rounded_to_bfloat16(activation, loss):
    sizes, (x, targets) = (5, 6, 6, 4), random_batch(7)
    net, rounded = random_net(sizes, activation), rounded_net(sizes, activation, torch.float64)
    value, grads = hand_written(net, loss, x, targets)
    rounded_value, rounded_grads = hand_written(rounded, loss, x, targets)
    assert torch.equal(value, rounded_value)
    assert all(torch.equal(grads[name], rounded_grads[name]) for name in grads)


@pytest.mark.parametrize(
    ("sizes", "n", "activation", "loss"),
    [
        pytest.param(
            sizes,
            n,
            *pair,
            id=f"{sizes}-{pair}",
            marks=[pytest.mark.sweep] if sizes[0] == 784 and pair != PAIRS[0] else [],
        )
        for sizes, n in (((784, 64, 64, 10), 8), ((5, 6, 4), 7), ((4, 4, 4), 4), ((3, 2), 1))
        for pair in PAIRS
    ],
)
def test_the_check_passes_for_bfloat16_products(sizes, n, activation, loss):
    net, (x, targets) = rounded_net(sizes, activation), random_batch(n, sizes[0], sizes[-1])
    report = torchnet.check(net, x.float(), targets, loss=LOSSES[loss])
    assert report.passed, report
    assert all(verdict.precision is not None for verdict in report.tensors)


def test_a_network_passes_its_matmul_dtype_to_every_layer():
    net = MLP((5, 6, 6, 4), matmul_dtype=torch.bfloat16)
    assert net.matmul_dtype == torch.bfloat16
    assert all(layer.matmul_dtype == torch.bfloat16 and layer.weight.dtype == torch.float32 for layer in net[::2])
    assert MLP((5, 4)).matmul_dtype is None


def test_weights_move_to_and_from_torch_nn():
    net, other = random_net((5, 6, 4), "tanh"), random_net((5, 6, 4), "tanh", seed=1)
    twin = autograd_twin(net)
    x, _ = random_batch(7)
    torch.testing.assert_close(twin(x), net(x), rtol=1e-15, atol=1e-15)
    other.load_state_dict(twin.state_dict())
    assert torch.equal(other(x), net(x))
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net[0].weight.shape == (6, 5)


def test_samples_of_any_shape_are_flattened():
    net = random_net((12, 3))
    x = torch.randn(7, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = net(x)
    assert torch.equal(logits, net(x.reshape(7, 12)))
    net(x)
    assert net.backward(torch.ones_like(logits), input_grad=True).shape == x.shape


def test_an_evaluation_between_forward_and_backward_changes_nothing():
    net, (x, targets) = random_net((6, 3)), random_batch(7, features=6, classes=3)
    expected = hand_written(net, "cross_entropy", x.reshape(7, 3, 2), targets)[1]["input"]
    _, grad_logits = cross_entropy(net(x.reshape(7, 3, 2)), targets)
    net.eval()(x.reshape(7, 2, 3)[:4])
    assert torch.equal(net.backward(grad_logits, input_grad=True), expected)
    assert expected.shape == (7, 3, 2)


def test_a_slice_of_the_network_is_a_sequence_of_its_layers():
    net, (x, _) = random_net((5, 6, 4)), random_batch(7)
    torch.testing.assert_close(net[2:](net[:2](x)), net(x), rtol=0, atol=0)
    assert all(net[i] is layer and net[i - 3] is layer for i, layer in enumerate(net))


def test_gradients_replace_those_of_the_step_before():
    net, (x, targets) = random_net((5, 6, 4)), random_batch(7)
    _, once = hand_written(net, "cross_entropy", x, targets)
    once = {name: grad.clone() for name, grad in once.items()}
    _, twice = hand_written(net, "cross_entropy", x, targets)
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_the_input_gradient_is_only_computed_on_request():
    net, (x, targets) = random_net((5, 6, 4)), random_batch(7)
    assert net.backward(cross_entropy(net(x), targets)[1]) is None
    assert net.backward(cross_entropy(net(x), targets)[1], input_grad=True).shape == (7, 5)


def test_backward_calls_written_with_each_layer():
    net, (x, targets) = random_net((5, 6, 6, 4)), random_batch(7)
    net.backward(cross_entropy(net(x), targets)[1])
    expected = {weight: weight.grad for weight in net.parameters()}
    for weight in net.parameters():
        weight.grad = None
    told = []

    def look(layer: Layer) -> None:
        told.append(layer)
        assert all(torch.equal(weight.grad, expected[weight]) for weight in layer.parameters())

    net.backward(cross_entropy(net(x), targets)[1], written=look)
    assert told == list(net)[::-1]


def test_equal_generators_make_equal_networks():
    a, b, c = random_net((5, 6, 4)), random_net((5, 6, 4)), random_net((5, 6, 4), seed=1)
    assert torch.equal(a[0].weight, b[0].weight)
    assert not torch.equal(a[0].weight, c[0].weight)


def test_layer_sizes():
    assert layer_sizes(784, (64, 32), 10) == (784, 64, 32, 10)
    assert layer_sizes(784, 64, 10, depth=3) == (784, 64, 64, 10)
    assert layer_sizes(784, 64, 10, depth=1) == (784, 10)
    assert layer_sizes(784, [], 10) == (784, 10)
    assert layer_sizes(784, (64, 32), 10, depth=3) == (784, 64, 32, 10)
    assert len(layer_sizes(784, 64, 10, depth=10_000)) == 10_001
    with pytest.raises(ValueError, match="depth: expected at most 10,000 layers, got 10,001"):
        layer_sizes(784, 64, 10, depth=10_001)
    with pytest.raises(ValueError, match="depth: expected a whole number from 1 up, got None"):
        layer_sizes(784, 64, 10)
    with pytest.raises(ValueError, match="depth: expected a whole number from 1 up, got 0"):
        layer_sizes(784, 64, 10, depth=0)
    with pytest.raises(ValueError, match=r"depth: expected 3 for hidden_sizes \[64, 64\], got 5"):
        layer_sizes(784, [64, 64], 10, depth=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((784,),), r"layer_sizes: expected at least two whole numbers from 1 up, got \[784\]"),
        ((784, 64, 10), r"layer_sizes: expected one sequence of widths, got 784: .* as in MLP\(\(784, 64, 10\)\)"),
        (((4, 3), torch.nn.ReLU), r"activation: expected one of .*: did you mean relu\?"),
        (((784, 0, 10),), r"layer_sizes: expected .*, got \[784, 0, 10\]"),
        (((784, 6.5, 10),), r"layer_sizes: expected .*, got \[784, 6.5, 10\]"),
        (((4, 5, 5, 3), ["relu", "tanh", "relu"]), "activation: expected one, or one for each of 2 hidden layers, got"),
        (((4, 3), "sigmod"), r"activation: expected one of sigmoid, tanh, relu, leaky_relu, elu, .*, got 'sigmod'"),
        (((4, 3), "relu", "he"), r"initializer: expected one of he_normal, .*, got 'he'"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(*arguments)


def test_an_unknown_normalization_is_refused():
    with pytest.raises(ValueError, match=r"normalization: expected one of batch_norm, .*, got 'batchnorm'"):
        MLP((4, 3, 2), normalization="batchnorm")


def test_the_initializer_draws_all_weights():
    net = MLP((4, 3, 2), initializer="xavier_uniform", generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    for weight in (net[0].weight, net[2].weight):
        assert torch.equal(weight, INITIALIZERS["xavier_uniform"](tuple(weight.shape), generator, None))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(0, 5), r"expected at least one sample, got an empty batch of shape \(0, 5\)"),
        (torch.ones(0, 1, 5), r"expected at least one sample"),
        (torch.ones(5), r"expected a batch of samples \(N, ...\), got \(5,\): pass one sample as x\[None\]$"),
        (torch.ones(2, 6), r"expected input of shape \(\*, 5\), got \(2, 6\)"),
    ],
)
def test_invalid_input_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        MLP((5, 4))(x)


def test_backward_before_forward_says_what_to_do():
    with pytest.raises(RuntimeError, match="make a forward pass in training mode first"):
        MLP((5, 4)).backward(torch.ones(1, 4))
