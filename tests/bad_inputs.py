"""Invalid input for the commands that use a run: each is rejected with a one-line error and its exit code.

`python -m tests.bad_inputs` runs each command in its own process, as a user does. pytest runs them all in its process.
"""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from torchnet.cli import start
from torchnet.commands import main

ROOT = Path(__file__).parent.parent
RUN = "runs/digits/whole"  # `last` in every case, because the checkpoint of a later run, CORRUPT, is corrupt
CHECKPOINT, CORRUPT = f"{RUN}/checkpoints/step=29.ckpt", "runs/digits/zero/checkpoints/step=29.ckpt"


@dataclass(frozen=True)
class Case:
    """A command of `python -m torchnet` or train.py, its expected exit code and a part of its error message.

    prints: whether it prints results before the error.
    """

    command: str
    code: int
    words: str
    prints: bool = False


CASES = [
    # missing
    Case(
        "report nowhere",
        66,
        "nowhere: no such checkpoint; expected a file, the folder of a run, last, best, last:NAME or",
    ),
    Case("demo nowhere", 66, "nowhere: no such checkpoint"),
    Case("export nowhere", 66, "nowhere: no such checkpoint"),
    Case("predict nowhere digit.png", 66, "nowhere: no such checkpoint"),
    Case("predict last nowhere.png", 65, "nowhere.png"),
    Case("train.py predict --ckpt_path nowhere digit.png", 66, "nowhere: no such checkpoint"),
    Case("train.py predict digit.png", 2, "predict needs a trained network"),
    Case("report last --root nowhere", 66, "there is no checkpoint under nowhere"),
    Case("demo last --root nowhere", 66, "there is no checkpoint under nowhere"),
    Case("export last --root nowhere", 66, "there is no checkpoint under nowhere"),
    Case("demo best", 66, "best: there is no checkpoint"),
    Case("export runs/digits/empty", 66, "there is no checkpoint under runs/digits/empty"),
    Case("export runs/digits", 66, "expected the folder of a run, got a folder of runs: take runs/digits/"),
    # wrong
    Case("report .", 2, ".: expected the folder of a run, found no config.yaml in it"),
    Case("report last --output page.pdf", 2, "page.pdf: expected a file name that ends with .html"),
    Case("export last net.docx", 2, "net.docx: expected a file name that ends with .safetensors or .onnx or .pt"),
    Case("export last net.onnx --to torch", 2, "net.onnx: expected a file name that ends with .pt, with --to torch"),
    Case("export last net --to torch", 2, "net: expected a file name that ends with .pt, with --to torch"),
    Case("export last net.pt --to onnx", 2, "net.pt: expected a file name that ends with .onnx, with --to onnx"),
    Case("demo last .", 66, ".: there is no checkpoint under ."),
    Case("demo last --output .", 2, ".: expected a file name, got a folder"),
    Case("demo digit.png", 66, "digit.png: expected a checkpoint"),
    Case("export text.txt", 66, "text.txt: expected a checkpoint"),
    Case("export text.txt --to onnx", 66, "text.txt: expected a checkpoint"),
    Case("predict last text.txt", 65, "text.txt"),
    Case("predict last drawing.svg", 65, "drawing.svg"),
    Case("predict last photo.heic", 65, "photo.heic"),
    Case("predict last runs", 65, "runs"),
    Case(f"predict last {CHECKPOINT}", 65, "step=29.ckpt"),
    Case("train.py predict --ckpt_path last --model.lr 1 digit.png", 2, "predict"),
    # huge
    Case("predict last huge.png", 65, "huge.png"),
    Case("predict last long.png", 65, "long.png"),
    # empty and blank
    Case("predict last empty.png", 65, "empty.png"),
    Case("predict last blank.png", 65, "blank.png"),
    Case("export empty.png", 66, "empty.png: expected a checkpoint"),
    Case("demo runs/digits/blank", 66, "expected a readable checkpoint under runs/digits/blank, but all 1 are corrupt"),
    # corrupt
    Case(f"export {CORRUPT}", 66, "expected a checkpoint with the SHA-256"),
    Case(f"demo {CORRUPT}", 66, "expected a checkpoint with the SHA-256"),
    Case(f"predict {CORRUPT} digit.png", 66, "expected a checkpoint with the SHA-256"),
    Case("predict last cut.png", 65, "cut.png"),
    *(Case(f"report runs/digits/report{k}", 65, "report.json: expected the report of a run") for k in range(7)),
    *(Case(f"report runs/digits/metrics{k}", 65, "metrics.csv: expected the metrics of a run") for k in range(6)),
    *(Case(f"report runs/digits/facts{k}", 65, "facts.json: expected seconds, images and env") for k in range(3)),
    Case("report runs/digits/whole runs/digits/metrics2", 65, "metrics2/metrics.csv: expected the metrics of a run"),
    Case("report runs/digits/link", 74, "expected a folder, got a symbolic link: remove it"),
    *(Case(f"{command} runs/digits/broad", 65, "belongs to another network") for command in ("demo", "export")),
    *(Case(f"{command} runs/digits/deep", 65, "belongs to another network") for command in ("demo", "export")),
    Case("report runs/digits/no_mapping", 65, "config.yaml: "),
    Case("report runs/digits/no_text", 65, "config.yaml: expected text in UTF-8"),
    Case("demo runs/digits/strange", 65, "config.yaml: expected the options of a network under model"),
    Case("demo runs/digits/listed_loss", 65, "config.yaml: model.loss: expected one of cross_entropy"),
    Case("demo runs/digits/hinge", 65, "config.yaml: model.loss: expected one of cross_entropy"),
    Case("predict runs/digits/other digit.png", 65, "belongs to another network"),
    # a configuration of somebody else's run
    *(
        Case(f"train.py {command} --ckpt_path runs/digits/{run}", 65, "config.yaml: ")
        for command in ("fit", "test", "predict")
        for run in ("no_mapping", "no_text", "broad", "deep", "brackets", "alias")
    ),
    *(
        Case(f"train.py {command} --ckpt_path runs/digits/{run}", 2, f"{named} is not among the classes")
        for command in ("fit", "test", "predict")
        for run, named in (("callback", "LambdaCallback"), ("module", "runs.digits.module.evil.Evil"))
    ),
    # names of output files
    Case(f"demo last -o {CHECKPOINT}", 2, "step=29.ckpt: expected a file name that ends with .html"),
    Case("demo last digit.png", 2, "digit.png: expected a file name that ends with .html"),
    Case("demo last page.html", 2, "page.html: expected another name for the output, this is a checkpoint"),
    Case("export last weights.pt", 2, "weights.pt: expected another name for the output, this is a checkpoint"),
    # names of runs, and what cannot be trained
    Case("train.py --ckpt_path last --name=", 2, "name: expected up to 64 letters"),
    Case("train.py --ckpt_path last --name /etc", 2, "name: expected up to 64 letters"),
    Case("train.py --ckpt_path last --model.lr 0.5", 2, "is at the end of its run, which had model.lr 0.3, not 0.5"),
    Case(
        "train.py --ckpt_path last --trainer.max_steps 7", 2, "is after 29 steps: expected more as --trainer.max_steps"
    ),
    Case("train.py --data.source digits --model.hidden_sizes [100000000000]", 71, "out of memory"),
    Case("train.py --data.source digits --model.hidden_sizes [4611686018427387904]", 71, "out of memory"),
    Case("train.py --data.source digits --model.network covnet", 2, "did you mean convnet"),
    Case("train.py --data.source digits --model.widths [8]", 2, "widths: network mlp has no such option"),
    Case("train.py --data.source digits --model.network convnet --model.depth 3", 2, "depth: network convnet has no"),
    Case(
        "train.py --data.source digits --model.network convnet --model.pooling min", 2, "pooling: expected one of max"
    ),
    Case("train.py --data.source digits --model.network convnet --model.widths [8,8,8,8]", 2, "at most 3 stages"),
    Case("train.py --data.source digits --model.network convnet --model.blocks 1000000000", 2, "at most 1,000 blocks"),
    Case("train.py --data.source digits --model.network convnet --model.widths [9999999]", 71, "out of memory"),
    # not writable
    Case("report last --output no/folder/page.html", 74, "no/folder"),
    Case("demo last no/folder/page.html", 74, "no/folder/page.html"),
    Case("export last no/folder/net.pt", 74, "no/folder/net.pt"),
    Case("export last no/folder/net.safetensors", 74, "no/folder/net.safetensors"),
    Case("export last no/folder/net.onnx", 74, "no/folder/net.onnx"),
    Case("predict last digit.png --output no/folder/answers.png", 74, "no/folder/answers.png", prints=True),
]


def make(folder: Path) -> None:
    """Create the runs and files of the cases in a folder."""
    run = folder / RUN
    arguments = [f"--config={ROOT / 'configs' / 'digits.yaml'}", "--trainer.max_epochs=1", "--report=false"]
    assert start.main(ROOT / "configs", [*arguments, f"--trainer.default_root_dir={folder / 'made'}"]) == 0
    (made,) = (folder / "made" / "digits").iterdir()
    run.parent.mkdir(parents=True)
    shutil.move(made, run)
    shutil.rmtree(folder / "made")
    for name, spoil in SPOILED.items():
        copy = Path(shutil.copytree(run, run.parent / name))
        spoil(copy)
    pixels = np.full((60, 50), 255, np.uint8)
    pixels[10:50, 22:28] = 0
    Image.fromarray(pixels).save(folder / "digit.png")
    for name in ("page.html", "weights.pt"):
        shutil.copy(folder / CHECKPOINT, folder / name)
    content = (folder / "digit.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.txt").write_text("a 7 in words\n")
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    Image.fromarray(np.full((60, 50), 200, np.uint8)).save(folder / "blank.png")
    Image.new("1", (20_000, 20_000)).save(folder / "huge.png")
    Image.new("1", (300_000, 400)).save(folder / "long.png")


def _garble(path: str, content: bytes) -> Callable[[Path], object]:
    return lambda run: (run / path).write_bytes(content)


def _corrupt(run: Path) -> None:
    path = run / "checkpoints" / "step=29.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


_EVIL = b"model: {hidden_sizes: [64, 64]}\ntrainer: {callbacks: [{class_path: %s}]}\n"
SPOILED: dict[str, Callable[[Path], object]] = {
    "brackets": _garble("config.yaml", b"model: " + b"[" * 900 + b"]" * 900),
    "alias": _garble("config.yaml", b"model: &a {hidden_sizes: [64, 64]}\ndata: *a\n"),
    "callback": _garble("config.yaml", _EVIL % b"LambdaCallback"),
    "module": _garble("config.yaml", _EVIL % b"runs.digits.module.evil.Evil"),
    "zero": _corrupt,
    "empty": lambda run: shutil.rmtree(run / "checkpoints"),
    "blank": _garble("checkpoints/step=29.ckpt", b""),
    "report0": _garble("report.json", b"{"),
    "report1": _garble("report.json", b"[]"),
    "report2": _garble("report.json", b'{"accuracy": 1}'),
    "report3": _garble("report.json", b'{"title": 1, "accuracy": 2, "classification_report": 3}'),
    "report4": _garble("report.json", b'{"title": "", "accuracy": {"test": 1}, "confusion_matrix": {"test": []}}'),
    "report5": _garble("report.json", b"[" * 10**6),
    "report6": _garble("report.json", b'{"accuracy": Infinity}'),
    "metrics0": _garble("metrics.csv", b"step,train/loss\n1,many\n"),
    "metrics1": _garble("metrics.csv", bytes(range(256))),
    "metrics2": _garble("metrics.csv", b"step,train/loss\n1,2,3\n"),
    "metrics3": _garble("metrics.csv", b"step,epoch\n1,inf\n"),
    "metrics4": _garble("metrics.csv", b"step\n" + b"9" * 5000 + b"\n"),
    "metrics5": lambda run: ((run / "metrics.csv").unlink(), os.mkfifo(run / "metrics.csv")),
    "facts0": _garble("facts.json", b"{}"),
    "facts1": _garble("facts.json", b'{"seconds": ' + b"9" * 5000 + b"}"),
    "facts2": _garble("facts.json", b'{"seconds": 1, "images": ' + b"9" * 30 + b', "environment": {}}'),
    "link": lambda run: (run / "figures").symlink_to(run.parent),
    "broad": _garble("config.yaml", b"model: {hidden_sizes: [1000000000000, 64]}\n"),
    "deep": _garble("config.yaml", b"model: {hidden_sizes: 64, depth: 1000000000000}\n"),
    "no_mapping": _garble("config.yaml", b"model: 3\n"),
    "no_text": _garble("config.yaml", b"\xff\xfe\x00"),
    "listed_loss": _garble("config.yaml", b"model: {hidden_sizes: [64, 64], loss: [1]}\n"),
    "hinge": _garble("config.yaml", b"model: {hidden_sizes: [64, 64], loss: hinge}\n"),
    "strange": _garble("config.yaml", b"model: {hidden_sizes: many}\n"),
    "other": _garble("config.yaml", b"model: {hidden_sizes: [3]}\n"),
}


def wrong_with(case: Case, code: int, out: str, err: str) -> str | None:
    """Return how the result of a command differs from the expected one; None if it does not."""
    lines = [line for line in err.splitlines() if not line.startswith(("skipped: ", "last is "))]
    if code != case.code:
        return f"expected exit code {case.code}, got {code}: {err}"
    if len(lines) != 1 or case.words not in lines[0]:
        return f"expected one sentence with {case.words!r}, got {err!r}"
    if not lines[0].startswith("error: "):
        return f"expected a line that starts with 'error: ', got {err!r}"
    return f"expected {'' if case.prints else 'no '}output, got {out!r}" if bool(out) != case.prints else None


def call(case: Case) -> str | None:
    """Run a command in this process, in the current folder."""
    words = case.command.split()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = start.main(ROOT / "configs", words[1:]) if words[0] == "train.py" else main(words)
        except SystemExit as error:
            code = int(error.code or 0)
    return wrong_with(case, code, out.getvalue(), err.getvalue())


def spawn(case: Case) -> str | None:
    """Run a command in its own process, in the current folder."""
    words = case.command.split()
    program = [str(ROOT / "train.py"), *words[1:]] if words[0] == "train.py" else ["-m", "torchnet", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *program], capture_output=True, text=True, timeout=120, env=environment)
    return wrong_with(case, done.returncode, done.stdout, done.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()):
            make(Path(folder))
        wrong = 0
        for case in CASES:
            fault = spawn(case)
            wrong += fault is not None
            print(
                f"{'wrong' if fault else 'right'}  {case.code}  {case.command}",
                f"({fault})" if fault else "",
                flush=True,
            )
    print(f"rejected as expected: {len(CASES) - wrong} of {len(CASES)}")
    sys.exit(wrong > 0)
