"""Compare the losses and their gradients with torch.nn.functional, autograd, and high-precision decimals."""

import copy
import io
import math
import pickle
from decimal import Decimal, localcontext

import pytest
import torch
from torch.nn import functional

from torchnet import cross_entropy, mean_squared_error, one_vs_rest_cross_entropy
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits
from torchnet.losses import LOSSES
from torchnet.losses.softmax import softmax


def random_case(n: int, classes: int, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(100 * n + classes)
    logits = scale * torch.randn((n, classes), generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (n,), generator=generator)


def torch_cross_entropy(logits, rows):
    return functional.cross_entropy(logits, rows)


def torch_one_vs_rest(logits, rows):
    return functional.binary_cross_entropy(logits.softmax(dim=1), rows, reduction="sum") / len(logits)


PEERS = {
    cross_entropy: torch_cross_entropy,
    one_vs_rest_cross_entropy: torch_one_vs_rest,
    mean_squared_error: functional.mse_loss,
}


@pytest.mark.parametrize("loss", PEERS, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize(("n", "classes"), [(1, 2), (2, 3), (7, 10), (500, 10)])
@pytest.mark.parametrize("kind", ["integers", "one-hot", "integer one-hot", "probabilities", "rows of any sum"])
def test_loss_and_gradient_match_torch(loss, n, classes, kind, expect_equal):
    logits, targets = random_case(n, classes)
    rows = functional.one_hot(targets, classes).double()
    if kind == "probabilities":
        rows = torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    if kind == "rows of any sum":
        rows = torch.rand(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    given = {"integers": targets, "integer one-hot": rows.long()}.get(kind, rows)
    value, grad_logits = loss(logits, given)
    leaf = logits.clone().requires_grad_()
    expected = PEERS[loss](leaf, rows)
    (expected_grad,) = torch.autograd.grad(expected, leaf)
    name = f"{loss.__name__} of {kind} ({n}, {classes})"
    expect_equal(name, value, expected.detach(), "torch.nn.functional")
    expect_equal(f"{name} grad_logits", grad_logits, expected_grad, "autograd")


@pytest.mark.parametrize("scale", [1, 1e4])
@pytest.mark.parametrize("divisor", [None, 11])
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (1, 2), (7, 10), (10, 10), (500, 3)])
def test_classes_and_their_one_hot_rows_have_equal_losses_and_gradients(n, classes, divisor, scale):
    logits, targets = random_case(n, classes, scale)
    value, grad_logits = cross_entropy(logits, targets, divisor)
    rows = functional.one_hot(targets, classes).double()
    expected, expected_grad = cross_entropy(logits, rows, divisor)
    torch.testing.assert_close(value, expected, rtol=1e-15, atol=0)
    assert torch.equal(grad_logits, expected_grad)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("scale", [1, 1e4])
def test_cross_entropy_of_classes_matches_torch_for_huge_logits(scale, dtype, tolerance):
    logits, targets = random_case(50, 10, scale)
    leaf = logits.to(dtype).requires_grad_()
    expected = functional.cross_entropy(leaf.double(), targets)
    (expected_grad,) = torch.autograd.grad(expected, leaf)
    value, grad_logits = cross_entropy(leaf.detach(), targets)
    assert value.dtype == grad_logits.dtype == dtype
    torch.testing.assert_close(value.double(), expected.detach(), rtol=tolerance, atol=0)
    torch.testing.assert_close(50 * grad_logits, 50 * expected_grad, rtol=0, atol=tolerance)


@pytest.mark.parametrize("loss", PEERS, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("classes", [[0, 1, 4], [0, -1, 2], [7, -3, 2]])
def test_an_error_about_classes_names_valid_and_given_ones(loss, classes):
    with pytest.raises(ValueError, match="expected classes") as error:
        loss(torch.ones(3, 4), torch.tensor(classes))
    expected = f"expected classes within 0..3, got {min(classes)}..{max(classes)}: the logits have 4 columns"
    assert str(error.value) == expected


def test_cross_entropy_gradient_is_softmax_minus_targets_over_n():
    logits, targets = random_case(7, 10)
    _, grad_logits = cross_entropy(logits, targets)
    expected = (logits.softmax(dim=1) - functional.one_hot(targets, 10)) / 7
    torch.testing.assert_close(grad_logits, expected, rtol=0, atol=1e-16)


@pytest.mark.parametrize("loss", [cross_entropy, one_vs_rest_cross_entropy], ids=lambda loss: loss.__name__)
class TestIdentitiesOfSoftmax:
    def test_rows_of_the_gradient_sum_to_zero(self, loss):
        logits, targets = random_case(7, 10)
        assert loss(logits, targets)[1].sum(dim=1).abs().max() < 1e-16

    def test_a_shift_of_the_logits_changes_nothing(self, loss):
        logits, targets = random_case(7, 10)
        shifted = logits + torch.arange(7, dtype=torch.float64).unsqueeze(1)
        for got, expected in zip(loss(shifted, targets), loss(logits, targets), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-16)

    def test_each_row_is_stable_on_its_own(self, loss):
        # Shifting by the maximum of the batch instead of the row would lose the second row.
        logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4 + 1, -1e4, -1e4 + 2]])
        value, grad_logits = loss(logits, torch.tensor([0, 2]))
        alone, alone_grad = loss(logits[1:], torch.tensor([2]), 2)
        assert value.item() == pytest.approx(alone.item(), rel=1e-6)
        assert alone > 0
        assert torch.equal(grad_logits[1:], alone_grad)


@pytest.mark.parametrize("loss", PEERS, ids=lambda loss: loss.__name__)
class TestIdentities:
    def test_parts_with_the_divisor_of_the_whole_add_up_to_the_whole(self, loss):
        logits, targets = random_case(7, 10)
        whole, whole_grad = loss(logits, targets)
        (a, grad_a), (b, grad_b) = (loss(logits[part], targets[part], 7) for part in (slice(3), slice(3, 7)))
        torch.testing.assert_close(a + b, whole, rtol=1e-15, atol=0)
        assert torch.equal(torch.cat([grad_a, grad_b]), whole_grad)

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
    def test_classes_may_be_integers_of_any_width(self, loss, dtype):
        logits, targets = random_case(7, 10)
        for got, expected in zip(loss(logits, targets.to(dtype)), loss(logits, targets), strict=True):
            assert torch.equal(got, expected)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
    def test_value_and_gradient_have_the_dtype_of_the_logits(self, loss, dtype):
        rows = torch.eye(3, dtype=dtype)
        assert [result.dtype for result in loss(torch.ones(3, 3), rows)] == [torch.float32, torch.float32]

    def test_logits_and_targets_are_left_as_they_were(self, loss):
        logits, targets = random_case(7, 10)
        rows = functional.one_hot(targets, 10).double()
        copies = logits.clone(), targets.clone(), rows.clone()
        loss(logits, targets)
        loss(logits, rows)
        assert all(torch.equal(a, b) for a, b in zip((logits, targets, rows), copies, strict=True))

    def test_the_gradient_has_no_autograd_graph(self, loss):
        logits, targets = random_case(7, 10)
        logits.requires_grad_()
        for given in (targets, functional.one_hot(targets, 10).double()):
            assert not loss(logits, given)[1].requires_grad


def test_cross_entropy_is_exact_for_logits_of_ten_thousand_in_float32():
    logits = torch.tensor([[1e4, -1e4, 0], [-1e4, 1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]])
    targets = torch.tensor([0, 0, 1, 2])
    value, grad_logits = cross_entropy(logits, targets)
    assert value.item() == pytest.approx((0 + 2e4 + math.log(2) + math.log(3)) / 4, rel=1e-7)
    expected = torch.tensor([[0, 0, 0], [-1, 1, 0], [1 / 2, -1 / 2, 0], [1 / 3, 1 / 3, -2 / 3]]) / 4
    torch.testing.assert_close(grad_logits, expected, rtol=1e-6, atol=0)


def test_one_vs_rest_is_finite_for_logits_of_ten_thousand_in_float32():
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [1e4, 1e4, -1e4]])
    value, grad_logits = one_vs_rest_cross_entropy(logits, torch.tensor([0, 0, 1]))
    # 0; 2e4 for the class that it missed and 1e4 for the one that it was sure of; log 2 twice
    assert value.item() == pytest.approx((0 + 3e4 + 2 * math.log(2)) / 3, rel=1e-7)
    expected = torch.tensor([[0, 0, 0], [-1, 2, -1], [1, -1, 0]]) / 3
    torch.testing.assert_close(grad_logits, expected, rtol=1e-6, atol=1e-7)


def test_one_vs_rest_divides_the_gradient_among_the_others_whatever_the_gap():
    for dtype, gap in ((torch.float32, 1e8), (torch.float64, 1e15), (torch.float16, 3e4)):
        _, grad_logits = one_vs_rest_cross_entropy(torch.tensor([[gap, 0, 0]], dtype=dtype), torch.tensor([1]))
        assert grad_logits.tolist() == [[2, -1.5, -0.5]]


@pytest.mark.parametrize("gap", [0, 1, 20, 40, 300])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_one_vs_rest_matches_arithmetic_with_hundreds_of_digits(gap, target):
    logits = [Decimal(gap), Decimal("0.5"), Decimal("-1.25"), Decimal("0.25")]
    with localcontext(prec=360):
        total = sum(z.exp() for z in logits)
        probs = [z.exp() / total for z in logits]
        rest = [sum(probs[:c] + probs[c + 1 :]) for c in range(4)]
        value = -sum(probs[c].ln() if c == target else rest[c].ln() for c in range(4))
        # ∂L/∂p_c, then the Jacobian of softmax in full
        by_prob = [-1 / probs[c] if c == target else 1 / rest[c] for c in range(4)]
        grad = [sum(by_prob[c] * probs[c] * ((c == k) - probs[k]) for c in range(4)) for k in range(4)]
    got, got_grad = one_vs_rest_cross_entropy(
        torch.tensor([[float(z) for z in logits]], dtype=torch.float64), torch.tensor([target])
    )
    assert got.item() == pytest.approx(float(value), rel=1e-14)
    assert got_grad[0].tolist() == pytest.approx([float(g) for g in grad], rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (torch.ones(3, 4), torch.tensor([0, 1, 4]), r"expected classes within 0..3, got 0..4"),
        (torch.ones(3, 4), torch.tensor([0, -1, 2]), r"expected classes within 0..3, got -1..2"),
        (torch.ones(3, 4), torch.tensor([0, 1]), r"expected integer targets of shape \(3,\), got \(2,\)"),
        (torch.ones(3, 4), torch.ones(3, 5), r"expected target rows of shape \(3, 4\), got \(3, 5\)"),
        (torch.ones(3, 4), torch.ones(3), r"expected target rows of shape \(3, 4\), got \(3,\)"),
        (torch.ones(0, 4), torch.ones(0, 4), r"expected logits of shape \(N, C\) with N >= 1, got \(0, 4\)"),
        (torch.ones(4), torch.ones(4), r"expected logits of shape \(N, C\)"),
    ],
)
def test_mismatched_logits_and_targets_are_refused(loss, logits, targets, message):
    with pytest.raises(ValueError, match=message):
        loss(logits, targets)


def test_one_vs_rest_needs_two_classes():
    with pytest.raises(ValueError, match="at least two classes"):
        one_vs_rest_cross_entropy(torch.ones(3, 1), torch.zeros(3, dtype=torch.int64))


SMOOTHINGS = (0.0, 0.1, 0.75, 1.0)
KINDS = ("integers", "one-hot", "probabilities", "rows of any sum")


def random_weight(classes: int) -> torch.Tensor:
    return 3 * torch.rand(classes, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def random_targets(kind: str, n: int, classes: int) -> torch.Tensor:
    _, targets = random_case(n, classes)
    rows = torch.rand(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return {
        "integers": targets,
        "one-hot": functional.one_hot(targets, classes).double(),
        "probabilities": rows.softmax(dim=1),
        "rows of any sum": rows,
    }[kind]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("label_smoothing", SMOOTHINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (2, 3), (7, 10), (10, 10), (500, 3)])
class TestSmoothingAndWeights:
    """All four kinds of targets, including the cases without smoothing and without weights."""

    def test_loss_and_gradient_match_torch(self, n, classes, kind, label_smoothing, weighted, expect_equal):
        (logits, _), targets = random_case(n, classes), random_targets(kind, n, classes)
        options = {"label_smoothing": label_smoothing, "weight": random_weight(classes) if weighted else None}
        value, grad_logits = cross_entropy(logits, targets, **options)
        leaf = logits.clone().requires_grad_()
        expected = functional.cross_entropy(leaf, targets, **options)
        (expected_grad,) = torch.autograd.grad(expected, leaf)
        name = f"cross_entropy of {kind} ({n}, {classes}), smoothing {label_smoothing}, weighted {weighted}"
        expect_equal(name, value, expected.detach(), "torch.nn.functional")
        # With a single class, the exact gradient is zero, and only rounding errors remain.
        torch.testing.assert_close(n * grad_logits, n * expected_grad, rtol=1e-13, atol=1e-15)

    def test_a_divisor_replaces_that_of_the_mean(self, n, classes, kind, label_smoothing, weighted, expect_equal):
        (logits, _), targets = random_case(n, classes), random_targets(kind, n, classes)
        options = {"label_smoothing": label_smoothing, "weight": random_weight(classes) if weighted else None}
        value, grad_logits = cross_entropy(logits, targets, 11, **options)
        leaf = logits.clone().requires_grad_()
        expected = functional.cross_entropy(leaf, targets, reduction="sum", **options) / 11
        (expected_grad,) = torch.autograd.grad(expected, leaf)
        expect_equal("cross_entropy with a divisor", value, expected.detach(), "torch.nn.functional")
        torch.testing.assert_close(grad_logits, expected_grad, rtol=1e-13, atol=1e-15)

    def test_arguments_are_not_changed_and_the_gradient_has_no_autograd_graph(
        self, n, classes, kind, label_smoothing, weighted
    ):
        (logits, _), targets = random_case(n, classes), random_targets(kind, n, classes)
        weight = random_weight(classes) if weighted else None
        given = [tensor for tensor in (logits, targets, weight) if tensor is not None]
        copies = [tensor.clone() for tensor in given]
        logits.requires_grad_()
        value, grad_logits = cross_entropy(logits, targets, None, label_smoothing, weight)
        assert value.requires_grad
        assert not grad_logits.requires_grad
        assert all(torch.equal(tensor.detach(), before) for tensor, before in zip(given, copies, strict=True))

    def test_it_is_captured_and_replayed_on_other_numbers(self, n, classes, kind, label_smoothing, weighted):
        (logits, _), targets = random_case(n, classes), random_targets(kind, n, classes)
        options = {"label_smoothing": label_smoothing, "weight": random_weight(classes) if weighted else None}
        results: list[torch.Tensor] = [torch.zeros((), dtype=torch.float64), torch.zeros_like(logits)]

        def step() -> None:
            for result, new in zip(results, cross_entropy(logits, targets, **options), strict=True):
                result.copy_(new)

        tape = Tape(step)
        assert not tape.allocating
        logits.copy_(logits.flip(0) / 2)
        targets.copy_(targets.flip(0))
        if weighted:
            options["weight"].mul_(torch.linspace(1, 2, classes))
        tape.replay()
        assert all(map(same_bits, results, cross_entropy(logits, targets, **options)))

    def test_all_is_in_the_dtype_of_the_logits(self, n, classes, kind, label_smoothing, weighted):
        (logits, _), targets = random_case(n, classes), random_targets(kind, n, classes)
        options = {"label_smoothing": label_smoothing, "weight": random_weight(classes) if weighted else None}
        expected, expected_grad = cross_entropy(logits, targets, **options)
        for dtype in (torch.float32, torch.bfloat16):
            value, grad_logits = cross_entropy(logits.to(dtype), targets, **options)
            assert value.dtype == grad_logits.dtype == dtype
            eps = torch.finfo(dtype).eps
            torch.testing.assert_close(value.double(), expected, rtol=20 * eps, atol=20 * eps)
            torch.testing.assert_close(n * grad_logits.double(), n * expected_grad, rtol=0, atol=40 * eps)


@pytest.mark.parametrize("label_smoothing", SMOOTHINGS)
def test_smoothed_and_weighted_classes_are_their_rows_smoothed_and_weighted(label_smoothing):
    (logits, targets), weight = random_case(7, 10), random_weight(10)
    n = weight[targets].sum().item()
    rows = torch.full((7, 10), label_smoothing / 10, dtype=torch.float64)
    rows[torch.arange(7), targets] += 1 - label_smoothing
    results = cross_entropy(logits, targets, None, label_smoothing, weight)
    for got, expected in zip(results, cross_entropy(logits, weight * rows, n), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-16)


def test_equal_class_weights_have_no_effect():
    logits, targets = random_case(7, 10)
    for label_smoothing in SMOOTHINGS:
        results = (cross_entropy(logits, targets, None, label_smoothing, w) for w in (torch.full((10,), 0.3), None))
        for got, expected in zip(*results, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-16)


def test_smoothed_and_weighted_logits_of_ten_thousand_are_finite_in_float32():
    logits = torch.tensor([[1e4, -1e4, 0], [-1e4, 1e4, 0]])
    value, grad_logits = cross_entropy(logits, torch.tensor([0, 0]), None, 0.3, torch.tensor([1.0, 2, 3]))
    # The target row is w_c · 0.3 / 3 at each class, plus 0.7 at the target; the weights sum to 1 + 1.
    first, second = 0.2 * 2e4 + 0.3 * 1e4, (0.7 + 0.1) * 2e4 + 0.3 * 1e4
    assert value.item() == pytest.approx((first + second) / 2, rel=1e-6)
    expected = torch.tensor([[1.3 - 0.8, -0.2, -0.3], [-0.8, 1.3 - 0.2, -0.3]]) / 2
    torch.testing.assert_close(grad_logits, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": -0.1}, "label_smoothing: expected a number from 0 to 1, got -0.1"),
        ({"label_smoothing": 1.5}, "label_smoothing: expected a number from 0 to 1, got 1.5"),
        ({"label_smoothing": math.nan}, "label_smoothing: expected a number from 0 to 1, got nan"),
        ({"weight": torch.ones(3)}, r"expected weight of shape \(4,\), got \(3,\): one number per class"),
        ({"weight": torch.ones(1)}, r"expected weight of shape \(4,\), got \(1,\): one number per class"),
        ({"weight": torch.ones(3, 4)}, r"expected weight of shape \(4,\), got \(3, 4\): one number per class"),
    ],
)
def test_invalid_options_are_refused(options, message):
    for targets in (torch.tensor([0, 1, 3]), torch.ones(3, 4)):
        with pytest.raises(ValueError, match=message):
            cross_entropy(torch.ones(3, 4), targets, **options)


def test_a_class_outside_is_refused_whatever_the_options():
    for classes in ([0, 1, 4], [0, -1, 2]):
        with pytest.raises(ValueError, match=r"expected classes within 0\.\.3"):
            cross_entropy(torch.ones(3, 4), torch.tensor(classes), None, 0.1, torch.ones(4))


def test_the_mean_squared_error_is_over_all_numbers_and_a_divisor_over_samples():
    logits, rows = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 0.5]]), torch.tensor([[0.0, 2, 1], [1, 1, 0.5]])
    value, grad_logits = mean_squared_error(logits, rows)
    assert value.item() == pytest.approx((1 + 9 + 1 + 4) / 6, rel=1e-7)
    torch.testing.assert_close(grad_logits, torch.tensor([[1.0, 0, 3], [-1, -2, 0]]) / 3)
    value, grad_logits = mean_squared_error(logits, rows, 5)
    assert value.item() == pytest.approx(15 / (5 * 3), rel=1e-7)
    torch.testing.assert_close(grad_logits, torch.tensor([[2.0, 0, 6], [-2, -4, 0]]) / 15)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_loss_is_captured_and_replayed_on_other_numbers(loss, kind):
    (logits, _), targets = random_case(7, 10), random_targets(kind, 7, 10)
    results: list[torch.Tensor] = [torch.zeros((), dtype=torch.float64), torch.zeros_like(logits)]

    def step() -> None:
        for result, new in zip(results, loss(logits, targets), strict=True):
            result.copy_(new)

    tape = Tape(step)
    logits.copy_(logits.flip(0) / 2)
    targets.copy_(targets.flip(0))
    tape.replay()
    assert all(map(same_bits, results, loss(logits, targets)))


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize("scale", [1, 1e4])
def test_the_softmax_of_a_gpu_is_that_of_a_cpu(scale, expect_equal):
    logits, _ = random_case(50, 10, scale)
    for got, expected in zip(softmax(logits.as_subclass(OnGpu)), softmax(logits), strict=True):
        expect_equal(f"softmax with logits of {scale}", got.as_subclass(torch.Tensor), expected, "separate operations")


@pytest.mark.parametrize("loss", PEERS, ids=lambda loss: loss.__name__)
def test_backward_of_a_loss_says_what_to_call(loss):
    value, _ = loss(*random_case(5, 3))
    with pytest.raises(RuntimeError, match=r"expected net\.backward\(grad_logits\), got backward\(\) of the loss"):
        value.backward()


def test_the_value_of_a_loss_is_otherwise_a_plain_tensor():
    value, grad_logits = cross_entropy(*random_case(5, 3))
    plain = value.detach()
    assert {type(it) for it in (plain, grad_logits, value + 1, value.clone(), copy.deepcopy(value))} == {torch.Tensor}
    assert (repr(value), f"{value:.3f}", value.item()) == (repr(plain), f"{plain:.3f}", plain.item())
    assert type(pickle.loads(pickle.dumps(value))) is torch.Tensor
    file = io.BytesIO()
    torch.save({"loss": value}, file)
    assert torch.load(io.BytesIO(file.getvalue()), weights_only=True) == {"loss": plain}


def test_a_loss_of_logits_that_autograd_follows_goes_backward():
    logits, targets = random_case(5, 3)
    value, grad_logits = cross_entropy(logits.requires_grad_(), targets)
    value.backward()
    torch.testing.assert_close(logits.grad, grad_logits)
