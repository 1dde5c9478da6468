"""Random configurations: each is refused in one sentence that names the file, or is one that a run can be made of.

    python -m tests.cli.fuzz_configs                 # 5,000 configurations
    python -m tests.cli.fuzz_configs --cases 200     # the first 200 of them
    python -m tests.cli.fuzz_configs --first 123 --cases 1

A case is known by its number. It is a shipped configuration, as it is, or with a fault, or with random damage to its
text; or one out of a grammar, in which most values are right. Nothing is trained. What is accepted must have the right
types and no number that is not finite; a known fault must be refused; what is right must not be. Three cases of fifty
go through the command line as well, and must end in exit code 2 with one line, or in 0.

The exit code is 1 if a case ends in anything else, or takes more than two minutes.
"""

import argparse
import contextlib
import io
import math
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import yaml

from tests.data.byte_damage import mutated
from torchnet.cli.console import silence_libraries
from torchnet.cli.main import main as train
from torchnet.cli.options import Options
from torchnet.runs.errors import UsageError

CONFIGS = Path(__file__).parent.parent.parent / "configs"
SHIPPED = [path.read_text() for path in sorted(CONFIGS.glob("*.yaml"))]
ALLOWED = ("refused", "accepted")
MOST_SECONDS = 120  # however busy the machine
SCIENTIFIC = "model: {lr: 1e-3}\n"

GRAMMAR: dict[str, dict[str, tuple[str, ...]]] = {
    "trainer": {
        "max_epochs": ("1", "7", "-1", "0", "2.5", "many", "1e3", "null"),
        "accelerator": ("cpu", "auto", "7", "[cpu]"),
        "logger": ("true", "false", "maybe"),
        "limit_train_batches": ("0.5", "10", "null", "-.inf", "half"),
        "callbacks": ("null", "{class_path: EarlyStopping, init_args: {monitor: train/loss}}", "{class_path: Nothing}"),
    },
    "model": {
        "hidden_sizes": ("[64]", "64", "[64, 64, 64]", "[a]", "{}", "[]", "64.5", "[[1]]"),
        "depth": ("3", "null", "-1", "deep"),
        "activation": ("relu", "[tanh, relu]", "7", "no", "{a: b}"),
        "lr": ("0.1", "1e-3", "1E3", "1_0.0", ".nan", "1e999", "banana", "[1]", "0x10", "1:30"),
        "dropout": ("0.5", "[0.1, 0.2]", "-1", "x"),
        "residual": ("true", "yes", "on", "1", "maybe"),
        "class_weights": ("[1, 2]", "null", "[x]", "1"),
        "optimizer": (
            "null",
            "torch.optim.AdamW",
            "{class_path: torch.optim.SGD, init_args: {lr: 1}}",
            "{lr: 1}",
            "os",
        ),
        "ema_decay": ("0.999", "null", ".inf", "''"),
    },
    "data": {
        "source": ("digits", "mnist", "../x", "7", "''"),
        "batch_size": ("1", "500", "0", "5e2", "99999999999999999999", "b"),
        "one_hot": ("true", "off", "2"),
        "validation_fraction": ("0.1", "1e-1", "2", "-.inf"),
        "deformation": ("null", "{rotation: 12}", "{rotation: x}", "{turn: 1}", "7"),
    },
    "loss_line": {"every_n_epochs": ("1", "5", "0", "x")},
}
TOP = {"name": ("mine", "a.b", "no", "../x", "''", "[a]"), "seed_everything": ("1", "-1", "4294967296", "true", "x")}

ALIAS_BOMB = "\n".join(("x0: &x0 [a]", *(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]" for n in range(1, 40))))
FAULTS: dict[str, Callable[[str], str]] = {
    "duplicate key": lambda text: f"{text}\nname: one\nname: two\n",
    "duplicate dotted key": lambda text: f"model.depth: 3\n{text}\nmodel.depth: 4\n",
    "unknown key": lambda text: f"{text}\nlearning_rate: 1\n",
    "alias": lambda text: f"{text}\nseed_everything: &a 1\nckpt_path: *a\n",
    "alias bomb": lambda text: f"{text}\n{ALIAS_BOMB}\n",
    "tag": lambda text: f"{text}\nckpt_path: !!python/object/apply:os.getcwd []\n",
    "local tag": lambda text: f"{text}\nckpt_path: !thing x\n",
    "nan": lambda text: f"{text}\ntrainer.limit_val_batches: .nan\n",
    "infinity": lambda text: f"{text}\ntrainer.limit_val_batches: .inf\n",
    "overflow": lambda text: f"{text}\ntrainer.limit_val_batches: 1e999\n",
    "two documents": lambda text: f"{text}\n---\n{text}",
    "NUL": lambda text: f"{text}\nckpt_path: 'a\0b'\n",
    "deep nesting": lambda text: f"{text}\nckpt_path: {'[' * 5000}{']' * 5000}\n",
    "merge key": lambda text: f"{text}\n<<: {{seed_everything: 3}}\n",
    "number as key": lambda text: f"{text}\n7: 7\n",
    "another configuration": lambda text: f"{text}\nconfig: other.yaml\n",
    "long number": lambda text: f"{text}\nseed_everything: {'9' * 5000}\n",
    "too large": lambda text: f"{text}\n#{'x' * 2**20}\n",
    "a list": lambda text: "- 1\n- 2\n",
    "nothing": lambda text: "",
}


class HangError(Exception):
    """A case has taken too long."""


def text_of_case(number: int) -> tuple[str, bytes]:
    """Return what is known of a case, and the content of its file."""
    random = Random(number)
    kind = ("grammar", "fault", "damaged", "grammar", "scientific" if number % 50 == 4 else "right")[number % 5]
    if kind == "grammar":
        return kind, _out_of_the_grammar(random).encode()
    text = random.choice(SHIPPED)
    if kind == "fault":
        name = sorted(FAULTS)[number // 5 % len(FAULTS)]
        return f"fault: {name}", FAULTS[name](text).encode()
    if kind == "damaged":
        return kind, mutated(text.encode(), random)
    return kind, (SCIENTIFIC if kind == "scientific" else text).encode()


def _out_of_the_grammar(random: Random) -> str:
    lines = [f"{key}: {random.choice(TOP[key])}" for key in TOP if random.random() < 0.2]
    for section, keys in GRAMMAR.items():
        chosen = [key for key in keys if random.random() < 0.3]
        if not chosen:
            continue
        values = {key: random.choice(keys[key][:2] if random.random() < 0.8 else keys[key]) for key in chosen}
        if random.random() < 0.5:
            lines.append(f"{section}: {{{', '.join(f'{key}: {value}' for key, value in values.items())}}}")
        else:
            lines += [f"{section}.{key}: {value}" for key, value in values.items()]
    random.shuffle(lines)
    return "\n".join(lines) + "\n"


def verdict(known: str, file: Path) -> str:
    """Parse a configuration; return one of ALLOWED if that went as it should, else what went wrong."""
    try:
        config = Options(["fit", f"--config={file}"]).values
    except UsageError as error:
        text = " ".join(str(error).split())
        if known in ("right", "scientific"):
            return f"a right one is refused: {text[:300]}"
        named = text.startswith(f"{file}: ") or "expected a value, got null" in text  # which names the option
        return "refused" if named and len(text) < 1000 else f"no name of the file: {text[:300]}"
    except Exception as error:
        # CheckpointError: a configuration may name a checkpoint that is not there.
        return "refused" if type(error).__name__ == "CheckpointError" else f"{type(error).__name__}: {error}"
    if known.startswith("fault"):
        return "a fault is accepted"
    if known == "scientific" and config.model.lr != 0.001:
        return f"1e-3 is understood as {config.model.lr!r}"
    return _fault_of(config.as_dict()) or "accepted"


def _fault_of(config: dict[str, Any]) -> str | None:
    if not isinstance(config["name"], str) or not isinstance(config["seed_everything"], int):
        return "accepted, but name or seed have another type"
    model, data = config["model"], config["data"]
    if type(model["lr"]) is not float or type(data["batch_size"]) is not int or type(data["one_hot"]) is not bool:
        return "accepted, but a value has another type"
    left = list(config.values())
    while left:
        value = left.pop()
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        if isinstance(value, float) and not math.isfinite(value):
            return f"accepted, with {value}"
    return None


def verdict_of_command(file: Path) -> str | None:
    """Return what is wrong with how the command line takes a file; None if nothing is."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = train(CONFIGS, [f"--config={file}", "--print_config"])
    if code == 0 and isinstance(yaml.safe_load(out.getvalue()), dict):
        return None
    if code == 2 and err.getvalue().startswith("error: ") and err.getvalue().count("\n") == 1:
        return None
    return f"exit code {code}: {err.getvalue()[:300]!r}"


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def main(arguments: list[str] | None = None, tell: Callable[[str], Any] = print) -> int:
    """Try the cases that the arguments ask for; print what came of them and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.cli.fuzz_configs", description="Random configurations.")
    parser.add_argument("--cases", type=int, default=5000, help="how many (5,000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
    options = parser.parse_args(arguments)
    silence_libraries()
    start, counts, misses, commands = time.monotonic(), Counter[tuple[str, str]](), 0, 0
    before = signal.signal(signal.SIGALRM, _hang)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        for number in range(options.first, options.first + options.cases):
            known, content = text_of_case(number)
            file.write_bytes(content)
            signal.alarm(MOST_SECONDS)
            seen = verdict(known, file)
            if seen in ALLOWED and number % 50 in (1, 2, 3):
                seen, commands = verdict_of_command(file) or seen, commands + 1
            signal.alarm(0)
            allowed = seen in ALLOWED
            counts[known, seen if allowed else "WRONG"] += 1
            misses += not allowed
            if not allowed:
                tell(f"case {number} ({known}): {seen}")
    signal.signal(signal.SIGALRM, before)
    for (kind, seen), count in sorted(counts.items()):
        tell(f"{kind:30} {seen:10} {count:6}")
    tell(
        f"{counts.total()} of {options.cases} cases tried, {commands} of them on the command line, {misses} wrong, "
        f"{time.monotonic() - start:.0f} seconds"
    )
    return int(misses > 0 or counts.total() != options.cases)


if __name__ == "__main__":
    sys.exit(main())
