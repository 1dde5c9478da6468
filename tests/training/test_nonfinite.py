"""Numbers that are not finite end a run at the step and the tensor where they first were, as a plain loop finds them.

The plain loop is torch's: nn.Sequential, autograd, torch.optim and its schedulers, on the same mini-batches.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from torchnet import MLP
from torchnet.data import load
from torchnet.data.order import shuffled
from torchnet.engine.matmul_precision import unsupported
from torchnet.training.checkpoint_io import CheckpointFiles
from torchnet.training.module import Classifier

from ..datasets import by_label
from ..run_folders import DIGITS

SIZES = (64, 16, 16, 10)
ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "identity": nn.Identity}
Change = Callable[[nn.Module], None]


@dataclass(frozen=True)
class Case:
    """How numbers stop being finite: what is changed before training, and how the run is configured."""

    name: str
    activation: str = "relu"
    change: Change = lambda net: None
    batch_size: int = 100
    lr: float = 0.1
    momentum: float = 0.0
    adamw: bool = False
    jump: int | None = None  # the lr is multiplied by 1e30 after so many steps
    normalization: str | None = None
    dtype: torch.dtype = torch.float32
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def set_to(name: str, values: Callable[[Tensor], Tensor]) -> Change:
    """Return what gives a weight of a network other values."""

    def change(net: nn.Module) -> None:
        with torch.no_grad():
            weight = net.get_parameter(name)
            weight.copy_(values(weight))

    return change


def both(*changes: Change) -> Change:
    def change(net: nn.Module) -> None:
        for one in changes:
            one(net)

    return change


def alternating(weight: Tensor) -> Tensor:
    return torch.full_like(weight, 3e38) * torch.tensor([1.0, -1.0]).repeat(5).view(10, *[1] * (weight.ndim - 1))


def one_is(value: float) -> Callable[[Tensor], Tensor]:
    return lambda weight: torch.cat([torch.full((1,), value), weight.flatten()[1:]]).view_as(weight)


OVERFLOW = {"activation": "relu", "lr": 1e20}
CASES = [
    Case("a learning rate of 1e20", lr=1e20),
    Case("a learning rate of 1e38", lr=1e38),
    Case("with momentum", lr=1e15, momentum=0.9),
    Case("weights that are NaN from the start", change=set_to("0.weight", one_is(torch.nan))),
    Case("a weight that is infinite from the start", activation="sigmoid", change=set_to("2.bias", one_is(torch.inf))),
    Case("an infinite loss of finite logits", change=set_to("4.bias", alternating)),
    Case("one layer alone overflows", change=set_to("2.weight", lambda weight: weight.sign() * 3e38)),
    Case(
        "gradients overflow beneath a sigmoid that saturates, the loss stays finite",
        activation="sigmoid",
        change=both(set_to("2.bias", lambda bias: torch.full_like(bias, -200)), set_to("4.weight", alternating)),
        batch_size=1,
    ),
    Case(
        "batch norm's running variance",
        normalization="batch_norm",
        change=set_to("0.weight", lambda weight: weight * 1e25),
    ),
    Case("in a late epoch", jump=100, options=("--checkpoints.every_n_steps=10",)),
    Case("in the last step of the run", jump=9, options=("--trainer.max_steps=11",)),
    Case("AdamW", adamw=True, lr=1e30),
    Case("AdamW in a late epoch", adamw=True, lr=1e-3, jump=70, options=("--checkpoints.every_n_steps=7",)),
    Case(
        "AdamW's second moment, of gradients that are finite",
        adamw=True,
        lr=1e-3,
        activation="identity",
        change=both(set_to("2.weight", torch.zeros_like), set_to("4.weight", lambda weight: weight.sign() * 1e25)),
    ),
    Case("float64", lr=1e38, dtype=torch.float64),
    Case("blocks of a single step", **OVERFLOW, options=("--data.block_size=1",)),
    Case("steps that are not captured", **OVERFLOW, options=("--model.captured=false",)),
    Case("within a block", jump=95),
    Case("within a block that is not captured", jump=95, options=("--model.captured=false",)),
    Case("within a block, with momentum", jump=95, momentum=0.9),
    Case("within a block, with AdamW", adamw=True, lr=1e-3, jump=95),
]
if unsupported("bfloat16", torch.device("cpu")) is None:
    CASES.append(Case("products in bfloat16", **OVERFLOW, options=("--model.matmul_dtype=bfloat16",)))


def arguments(case: Case) -> Iterator[str]:
    # On the CPU, where the plain loop runs.
    yield from (DIGITS, "--trainer.accelerator=cpu", "--model.hidden_sizes=[16,16]")
    yield f"--model.activation={case.activation}"
    yield from (f"--data.batch_size={case.batch_size}", f"--model.dtype={str(case.dtype).removeprefix('torch.')}")
    if case.adamw:
        yield from ("--model.lr=1", "--model.momentum=0", "--model.optimizer=torch.optim.AdamW")
        yield f"--model.optimizer.lr={case.lr}"
    else:
        yield from (f"--model.lr={case.lr}", f"--model.momentum={case.momentum}")
    if case.jump is not None:
        yield from ("--model.scheduler=torch.optim.lr_scheduler.StepLR", f"--model.scheduler.step_size={case.jump}")
        yield "--model.scheduler.gamma=1e30"
    if case.normalization is not None:
        yield f"--model.normalization={case.normalization}"
    yield from case.options


def first_by_a_plain_loop(case: Case) -> tuple[int, str, str]:
    """Return the step, from 1 up, the tensor, and whether it is Inf or NaN."""
    net = MLP(
        SIZES,
        case.activation,
        generator=torch.Generator().manual_seed(10),
        dtype=case.dtype,
        normalization=case.normalization,
    )
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(SIZES):
        parts.append(nn.Linear(fan_in, fan_out, bias=case.normalization is None or fan_out == SIZES[-1]))
        if fan_out != SIZES[-1]:
            parts += [nn.BatchNorm1d(fan_out)] if case.normalization else []
            parts.append(ACTIVATIONS[case.activation]())
    twin = nn.Sequential(*parts).to(case.dtype)
    twin.load_state_dict(net.state_dict())
    case.change(twin)
    optimizer: torch.optim.Optimizer = torch.optim.SGD(twin.parameters(), lr=case.lr, momentum=case.momentum)
    if case.adamw:
        optimizer = torch.optim.AdamW(twin.parameters(), lr=case.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, case.jump or 10**9, gamma=1e30)
    data = by_label(load("digits"))
    images, labels = torch.tensor(data.train_images).flatten(1).to(case.dtype) / 255, torch.tensor(data.train_labels)
    chosen = (
        part for epoch in range(40) for part in torch.from_numpy(shuffled(1437, 10)(epoch)).split(case.batch_size)
    )
    for step, samples in enumerate(chosen, start=1):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(twin(images[samples]), labels[samples])
        loss.backward()
        optimizer.step()
        scheduler.step()
        for name, tensor in _in_order(loss, twin, optimizer):
            if not tensor.isfinite().all():
                return step, name, "NaN" if tensor.isnan().any() else "Inf"
    raise AssertionError(f"{case}: all numbers are finite")


def _in_order(loss: Tensor, twin: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    yield "the loss", loss
    for name, weight in reversed(list(twin.named_parameters())):
        yield f"the gradient of {name}", weight.grad
    yield from twin.named_buffers()
    yield from twin.named_parameters()
    for name, weight in twin.named_parameters():
        for key, kept in optimizer.state[weight].items():
            if isinstance(kept, Tensor):
                yield f"{key} of {name}", kept


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[Path, bytes]:
    """The content of each checkpoint as it was written."""
    contents: dict[Path, bytes] = {}
    save = CheckpointFiles.save_checkpoint

    def save_and_keep(self: CheckpointFiles, checkpoint: dict[str, Any], path: str | Path, options: Any = None) -> None:
        save(self, checkpoint, path, options)
        contents[Path(path).absolute()] = Path(path).read_bytes()

    monkeypatch.setattr(CheckpointFiles, "save_checkpoint", save_and_keep)
    return contents


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_run_ends_at_the_step_and_the_tensor(case, cli, capsys, monkeypatch, written):
    step, tensor, what = first_by_a_plain_loop(case)
    monkeypatch.setattr(Classifier, "on_fit_start", lambda self: case.change(self.net), raising=False)
    assert cli(*arguments(case)) == 70
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"error: step {step}: {tensor} is {what}; "), f"the plain loop: step {step}, {tensor}, {what}"
    on_disk = {path.absolute() for path in Path().rglob("*.ckpt")}
    assert bool(on_disk) == any("every_n_steps" in option for option in case.options)
    for path in on_disk:
        assert path.read_bytes() == written[path]
        checkpoint = torch.load(path, weights_only=True)
        assert checkpoint["global_step"] < step
        assert all(tensor.isfinite().all() for tensor in _tensors(checkpoint))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from _tensors(item)


def test_a_resume_that_overflows_leaves_what_it_was_resumed_from(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs=1", "--model.activation=relu") == 0
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    assert cli("--ckpt_path=last", "--trainer.max_epochs=3", "--model.lr=1e30") == 70
    assert re.match(r"error: step 3\d: ", capsys.readouterr().err)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("block_size", [1, 100])
@pytest.mark.parametrize("captured", ["true", "false"])
def test_numbers_that_are_huge_and_finite_are_left_alone(block_size, captured, cli, monkeypatch):
    huge = both(
        set_to("4.bias", lambda bias: torch.full_like(bias, 1e30)),
        set_to("2.bias", lambda bias: torch.full_like(bias, -1e30)),
    )
    monkeypatch.setattr(Classifier, "on_fit_start", lambda self: huge(self.net), raising=False)
    options = ("--model.hidden_sizes=[16,16]", "--model.activation=relu", f"--model.captured={captured}")
    assert cli(DIGITS, *options, f"--data.block_size={block_size}", "--trainer.max_epochs=1") == 0
