"""Everything that a user does with a data set, from the command line: train, resume after a kill, predict, export."""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor

import torchnet
from tests.any_data.cases import Case
from torchnet.data import Preparation, load, prepare

ROOT = Path(__file__).parents[2]
_TRAIN = ("--trainer.log_every_n_steps=10", "--report=false")
_LIMIT = 300  # seconds
_CLOSE = 1e-5  # of outputs in float32, relative to the largest


def check_case(case: Case, folder: Path) -> str:
    """Return the line of a data set. Raises an AssertionError that says what failed."""
    data, work = folder / "data", folder / "work"
    data.mkdir()
    work.mkdir()
    case.write(data)
    options = [option.format(folder=data) for option in case.options]
    options.append(f"--config={ROOT / 'configs' / case.config}.yaml")
    _train(work, *options)
    run = _newest(work)
    straight = _bits(run)
    resumed = _resumed_after_kill(work, options)
    assert _same(straight, resumed), "the resumed run has other bits"
    _succeeds(work, "-m", "torchnet", "report", str(run))
    assert (run / "report.html").stat().st_size > 10_000
    difference = _exported(work, run, case.raw(data))
    _predicted(work, run, case.raw(data))
    report = json.loads((run / "report.json").read_text())
    title = "accuracy" if report["task"] == "classification" else "r2"
    peer = _scikit_learn(options)
    return f"{case.name:24}{title:>9} {report[title]['test']:.4f}{peer:14.4f}  {'equal':9}{difference:.1e}"


def _command(*words: str) -> list[str]:
    return [sys.executable, *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _succeeds(work: Path, *words: str) -> str:
    done = subprocess.run(
        _command(*words), cwd=work, env=_environment(), capture_output=True, text=True, timeout=_LIMIT, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)} exited with {done.returncode}: {done.stderr[-500:]}"
    return done.stdout


def _train(work: Path, *options: str) -> None:
    _succeeds(work, str(ROOT / "train.py"), *_TRAIN, *options)


def _newest(work: Path) -> Path:
    return max(work.glob("runs/*/*"), key=lambda path: path.name)


def _bits(run: Path) -> dict[str, Any]:
    newest = max((run / "checkpoints").glob("step=*.ckpt"), key=lambda path: int(path.stem[5:]))
    contents: dict[str, Any] = torch.load(newest, weights_only=True)
    return contents["state_dict"]


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def _resumed_after_kill(work: Path, options: list[str]) -> dict[str, Any]:
    """Train again, kill the process once something is saved, and resume it."""
    words = [str(ROOT / "train.py"), *_TRAIN, *options, "--name=killed", "--checkpoints.every_n_steps=17"]
    with subprocess.Popen(
        _command(*words), cwd=work, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + _LIMIT
        while not [*work.glob("runs/killed/*/checkpoints/step=*.ckpt")]:
            assert process.poll() is None, "training ended before anything was saved"
            assert time.monotonic() < deadline, "nothing was saved in time"
            time.sleep(0.01)
        process.kill()
    _succeeds(work, str(ROOT / "train.py"), "--ckpt_path=last:killed", "--name=resumed")
    (resumed,) = work.glob("runs/resumed/*")
    return _bits(resumed)


def _exported(work: Path, run: Path, raw: Any) -> float:
    """Return the largest difference of the outputs of exported files, relative to the largest output."""
    loaded = torchnet.load(run)
    expected = loaded(raw)
    largest = 0.0
    for name in ("net.onnx", "net.safetensors"):
        source = _succeeds(work, "-m", "torchnet", "export", str(run), name).split("without torchnet:\n\n")[1]
        largest = max(largest, _difference(_outputs(work, source, raw), expected))
    largest = max(largest, _difference(torchnet.load(work / "net.safetensors")(raw), expected))
    assert largest < _CLOSE, f"exported files give outputs that differ by {largest}"
    return largest


def _outputs(work: Path, source: str, raw: Any) -> np.ndarray:
    """Run the program that export printed, on raw data, without torchnet."""
    if isinstance(raw, pl.DataFrame):
        (work / "raw.json").write_text(json.dumps(raw.to_dict(as_series=False)))
        given = "import json\nrows = json.load(open('raw.json'))\n"
    else:
        np.save(work / "raw.npy", raw)
        given = "import numpy as np\nimages = rows = np.load('raw.npy')\n"
        if "from torch import" in source:
            given += "import torch\nimages = rows = torch.from_numpy(images)\n"
    before = "import sys\nsys.modules['torchnet'] = None\n"
    after = "import numpy\nout = logits if 'logits' in globals() else quantities\n"
    after += "numpy.save('out.npy', out.detach() if hasattr(out, 'detach') else out)\n"
    (work / "program.py").write_text(before + given + source + after, encoding="utf-8")
    _succeeds(work, "program.py")
    outputs: np.ndarray = np.load(work / "out.npy")
    return outputs


def _difference(got: np.ndarray, expected: np.ndarray) -> float:
    assert got.shape == expected.shape, f"outputs have the shape {got.shape} instead of {expected.shape}"
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def _predicted(work: Path, run: Path, raw: Any) -> None:
    """Predict rows of a table with the command, and compare with Python."""
    if not isinstance(raw, pl.DataFrame):
        np.save(work / "raw.npy", raw)
    else:
        raw.write_csv(work / "raw.csv")
    file = "raw.csv" if isinstance(raw, pl.DataFrame) else "raw.npy"
    _succeeds(work, "-m", "torchnet", "predict", str(run), file, "--output", "predicted.csv")
    table = pl.read_csv(work / "predicted.csv")
    loaded = torchnet.load(run)
    expected = loaded.predict(raw)
    if loaded.classes is not None:
        got = [str(label) for label in table["prediction"].to_list()]
        assert [word.lower() for word in got] == [str(label).lower() for label in expected], (
            "predict gives other labels"
        )
    else:
        np.testing.assert_allclose(table["prediction"].to_numpy(), expected, rtol=1e-5)


def _scikit_learn(options: list[str]) -> float:
    """Return the mean score of scikit-learn's MLP with its defaults, on the same inputs and the same split."""
    given = {name.removeprefix("--data."): value for name, value in (option.split("=", 1) for option in options)}
    how = Preparation(missing=given.get("missing", "refuse"), dtype="float64")
    prepared = prepare(load(given["source"], given.get("target")), how)
    train, test = prepared.parts["train"], prepared.parts["test"]
    x, y = (_flat(train.inputs[train.rows]), train.targets[train.rows])
    peer = MLPClassifier if prepared.preprocessing.task == "classification" else MLPRegressor
    y_test, scores = test.targets[test.rows], []
    for seed in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged
            fitted = peer(max_iter=500, random_state=seed).fit(x, y.ravel())
        scores.append(fitted.score(_flat(test.inputs[test.rows]), y_test.ravel()))
    return float(np.mean(scores))


def _flat(inputs: np.ndarray) -> np.ndarray:
    rows = inputs.reshape(len(inputs), -1)
    return rows / 255 if rows.dtype == np.uint8 else rows
