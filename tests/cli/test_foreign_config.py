"""A run or a configuration that comes from somebody else is data: nothing in it runs or leads a write outside."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchnet.cli.foreign_config import known_part
from torchnet.commands import main as commands

from ..conftest import ROOT
from ..run_folders import DIGITS, newest

SYMPY = {
    "class_path": "sympy.Lambda",
    "init_args": {"signature": "x", "expr": "__import__('os').system('touch PWNED')"},
}
EVIL = "evil.Evil"  # a module beside the program that writes PWNED when it is imported
LOGGERS, CALLBACKS = "pytorch_lightning.loggers", "pytorch_lightning.callbacks"

# What a configuration of a run holds, and what the refusal names.
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "code in a callback": (
        {"trainer.callbacks": [{"class_path": "LambdaCallback", "init_args": {"setup": SYMPY}}]},
        "LambdaCallback",
    ),
    "one callback, not a list": ({"trainer.callbacks": {"class_path": EVIL}}, EVIL),
    "a callback by name": ({"trainer.callbacks": EVIL}, EVIL),
    "the second callback": (
        {"trainer.callbacks": [{"class_path": f"{CALLBACKS}.EarlyStopping", "init_args": {"monitor": "x"}}, EVIL]},
        EVIL,
    ),
    "code in an argument of a known callback": (
        {"trainer.callbacks": [{"class_path": f"{CALLBACKS}.EarlyStopping", "init_args": {"monitor": SYMPY}}]},
        "EarlyStopping",
    ),
    "keyword arguments": (
        {"trainer.callbacks": [{"class_path": f"{CALLBACKS}.Timer", "dict_kwargs": {"duration": SYMPY}}]},
        "Timer",
    ),
    "appended callbacks": ({"trainer.callbacks+": [{"class_path": EVIL}]}, EVIL),
    "an appended optimizer": ({"model.optimizer+": "evil.f"}, "evil.f"),
    "a module in the run folder": ({"trainer.callbacks": [{"class_path": "runs.digits.hostile.evil.Evil"}]}, "evil"),
    "a logger": ({"trainer.logger": {"class_path": EVIL, "init_args": {}}}, EVIL),
    "a list of loggers": ({"trainer.logger": [{"class_path": EVIL}]}, EVIL),
    "a profiler": ({"trainer.profiler": {"class_path": EVIL}}, EVIL),
    "a profiler that writes": (
        {"trainer.profiler": {"class_path": "SimpleProfiler", "init_args": {"dirpath": "OUTSIDE", "filename": "x"}}},
        "SimpleProfiler",
    ),
    "a profiler by its short name": ({"trainer.profiler": "PyTorchProfiler"}, "PyTorchProfiler"),
    "a plugin": ({"trainer.plugins": [{"class_path": EVIL}]}, EVIL),
    "a plugin by name": ({"trainer.plugins": EVIL}, EVIL),
    "a strategy": ({"trainer.strategy": {"class_path": EVIL}}, EVIL),
    "a strategy by name": ({"trainer.strategy": EVIL}, EVIL),
    "an accelerator": ({"trainer.accelerator": {"class_path": EVIL}}, EVIL),
    "an accelerator by name": ({"trainer.accelerator": EVIL}, EVIL),
    "an optimizer": ({"model.optimizer": {"class_path": EVIL}}, EVIL),
    "a function as optimizer": ({"model.optimizer": "os.system"}, "os.system"),
    "code in an optimizer": (
        {"model.optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": SYMPY}}},
        "AdamW",
    ),
    "a function as argument": (
        {"model.scheduler": {"class_path": "torch.optim.lr_scheduler.LambdaLR", "init_args": {"lr_lambda": "evil.f"}}},
        "LambdaLR",
    ),
    "a function in a known scheduler": (
        {
            "model.scheduler": {
                "class_path": "torch.optim.lr_scheduler.CyclicLR",
                "init_args": {"base_lr": 0.1, "max_lr": 1.0, "scale_fn": "evil.f"},
            }
        },
        "CyclicLR",
    ),
    "a file as optimizer": ({"model.optimizer": "other.yaml"}, "other.yaml"),
    "a file as deformation": ({"data.deformation": "other.yaml"}, "other.yaml"),
    "a class as deformation": ({"data.deformation": {"class_path": EVIL}}, EVIL),
    "a class where a string belongs": ({"data.source": {"class_path": EVIL}}, EVIL),
    "a class where a number belongs": ({"checkpoints.keep": {"class_path": EVIL}}, EVIL),
    "a class in a list": ({"model.activation": [{"class_path": EVIL}]}, EVIL),
    "a class as name": ({"name": {"class_path": EVIL}}, EVIL),
    "a logger that sends data": (
        {"trainer.logger": {"class_path": f"{LOGGERS}.WandbLogger", "init_args": {"project": "x"}}},
        "WandbLogger with these arguments",
    ),
    "a logger that sends data on purpose": (
        {"trainer.logger": [{"class_path": f"{LOGGERS}.WandbLogger", "init_args": {"offline": False}}]},
        "WandbLogger with these arguments",
    ),
    "an activation": ({"model.activation": EVIL}, EVIL),
    "an activation of one layer": ({"model.activation": ["relu", EVIL]}, EVIL),
    "a registry": ({"trainer.model_registry": "somebody/model"}, "somebody/model"),
}
COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "fit": lambda run: [f"--ckpt_path={run}", "--trainer.max_epochs=2"],
    "test": lambda run: ["test", f"--ckpt_path={run}"],
    "predict": lambda run: ["predict", f"--ckpt_path={run / 'checkpoints' / 'step=29.ckpt'}"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return the folder of a run."""
    from torchnet.cli.start import main

    root = tmp_path_factory.mktemp("made")
    arguments = [DIGITS, "--trainer.max_epochs=1", "--report=false", f"--trainer.default_root_dir={root}"]
    assert main(ROOT / "configs", arguments) == 0
    (run,) = (root / "digits").iterdir()
    return run


@pytest.fixture
def hostile(made, cli, monkeypatch) -> Callable[[dict[str, Any]], Path]:
    """Return a function that makes a run with other values in its config.yaml, and evil modules all around."""
    run = Path("runs/digits/hostile")
    code = "from pathlib import Path\nPath('PWNED').touch()\nclass Evil:\n    pass\ndef f(*args):\n    return 1\n"

    def make(values: dict[str, Any]) -> Path:
        shutil.copytree(made, run)
        config = yaml.safe_load((run / "config.yaml").read_text())
        for name, value in values.items():
            section, _, option = name.rpartition(".")
            (config[section] if section else config)[option] = value
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        for folder in (Path(), run):
            (folder / "evil.py").write_text(code)
        (Path("other.yaml")).write_text(yaml.safe_dump({"class_path": EVIL}))
        return run

    monkeypatch.syspath_prepend(os.getcwd())  # as the folder of train.py is on sys.path
    return make


@pytest.mark.parametrize(
    ("case", "command"),
    [(case, command) for k, case in enumerate(HOSTILE) for command in (COMMANDS if k % 8 == 0 else ["fit"])],
)
def test_the_configuration_of_a_checkpoint_runs_nothing(case, command, hostile, cli, capsys):
    values, named = HOSTILE[case]
    run = hostile(values)
    assert cli(*COMMANDS[command](run)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert named in err.partition("is not among the classes")[0]
    assert "--trust-run" in err
    assert not Path("PWNED").exists()


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("case", "command"), [pair for k, pair in enumerate(itertools.product(HOSTILE, COMMANDS)) if k % 2 == 0]
)
def test_no_command_runs_a_configuration(case, command, hostile, cli, capsys):
    test_the_configuration_of_a_checkpoint_runs_nothing(case, command, hostile, cli, capsys)
    is_of_network = case.startswith("an activation")  # nothing can be said about the network without it
    assert commands(["check", "--config", "runs/digits/hostile/config.yaml"]) == (2 if is_of_network else 0)
    assert not Path("PWNED").exists()


@pytest.mark.parametrize(
    "case", [case if k % 3 == 0 else pytest.param(case, marks=pytest.mark.sweep) for k, case in enumerate(HOSTILE)]
)
def test_printing_a_configuration_runs_nothing(case, hostile, cli, capsys):
    run = hostile(HOSTILE[case][0])
    assert cli("--ckpt_path", run, "--print_config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    for name, value in HOSTILE[case][0].items():
        section, _, option = name.rpartition(".")
        assert (printed[section] if section else printed)[option] == value
    assert cli("--config", run / "config.yaml", "--print_config") == 0
    assert cli("fit", "--config", run / "config.yaml", "--help") == 0
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("case", [*HOSTILE][::8])
def test_checking_a_configuration_runs_nothing(case, hostile):
    run = hostile(HOSTILE[case][0])
    assert commands(["check", "--config", str(run / "config.yaml")]) == 0
    assert not Path("PWNED").exists()


def test_a_configuration_that_the_user_names_is_their_program(hostile, cli, capsys):
    run = hostile({"trainer.callbacks": [{"class_path": "lightning_evil.Evil"}]})
    Path("lightning_evil.py").write_text(
        "import evil\nfrom pytorch_lightning import Callback\nclass Evil(Callback): ...\n"
    )
    assert cli("--ckpt_path", run, "--trainer.max_epochs", 2, "--trust-run") == 0
    assert Path("PWNED").exists()
    Path("PWNED").unlink()
    sys.modules.pop("evil"), sys.modules.pop("lightning_evil")
    assert cli("--config", run / "config.yaml", "--trainer.max_epochs", 1) == 0
    assert Path("PWNED").exists()


def test_paths_of_the_configuration_of_a_checkpoint_are_not_obeyed(hostile, cli, tmp_path):
    loggers = [
        {
            "class_path": f"{LOGGERS}.CSVLogger",
            "init_args": {"save_dir": "OUTSIDE", "name": "../../up", "version": "v"},
        },
        {"class_path": f"{LOGGERS}.TensorBoardLogger", "init_args": {"save_dir": "OUTSIDE", "sub_dir": "../../up"}},
    ]
    run = hostile({"trainer.default_root_dir": "OUTSIDE", "trainer.logger": loggers})
    before = {path for path in tmp_path.parent.rglob("*") if "runs" not in path.parts}
    assert cli("--ckpt_path", run, "--trainer.max_epochs", 2) == 0
    assert {path for path in tmp_path.parent.rglob("*") if "runs" not in path.parts} == before
    assert list(Path("runs").rglob("metrics.csv"))
    assert list(Path("runs").rglob("events.out.tfevents.*"))


def test_the_project_resumes_its_own_runs_with_everything_known(cli):
    options = [
        *("--model.lr=1", "--model.momentum=0", "--model.optimizer=AdamW", "--model.optimizer.lr=0.002"),
        *("--model.scheduler=StepLR", "--model.scheduler.step_size=20", "--data.deformation.rotation=5"),
        *(
            "--data.validation_fraction=0.1",
            "--trainer.callbacks=EarlyStopping",
            "--trainer.callbacks.monitor=val/loss",
        ),
        *("--trainer.callbacks+=LearningRateMonitor", "--trainer.max_time=00:01:00:00", "--trainer.profiler=simple"),
    ]
    assert cli(DIGITS, *options, "--trainer.max_epochs", 1) == 0
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 2) == 0
    config = yaml.safe_load(newest().parent.parent.joinpath("config.yaml").read_text())
    assert [callback["class_path"].rpartition(".")[2] for callback in config["trainer"]["callbacks"]] == [
        "EarlyStopping",
        "LearningRateMonitor",
    ]
    assert config["model"]["optimizer"]["class_path"] == "torch.optim.AdamW"


def test_a_configuration_starts_no_crowd_of_processes(hostile, cli, capsys):
    run = hostile({"trainer.devices": 5000, "trainer.accelerator": "cpu"})
    assert cli("--ckpt_path", run, "--trainer.max_epochs", 2) == 2
    assert "trainer.devices: expected at most " in capsys.readouterr().err


def test_a_configuration_that_grows_too_large_is_refused_before_training(hostile, cli, capsys):
    run = hostile({"trainer.callbacks": [f"{CALLBACKS}.LearningRateMonitor"] * 150})
    assert cli("--ckpt_path", run, "--trainer.max_epochs", 2) == 2
    assert "the config.yaml of this run: " in capsys.readouterr().err
    assert list(Path("runs/digits").iterdir()) == [run]


def test_dotted_keys_are_seen(made):
    known, foreign = known_part(
        {"trainer.callbacks": [{"class_path": EVIL}], "trainer": {"max_epochs": 1}, "model.lr": 1}
    )
    assert known == {"trainer": {"max_epochs": 1}, "model": {"lr": 1}}
    assert list(foreign) == ["trainer.callbacks"]


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("make", [lambda path, target: _link(path, target), lambda path, target: os.mkfifo(path)])
def test_no_file_of_a_run_leads_a_write_outside(make, made, cli, tmp_path, capsys):
    run = Path(shutil.copytree(made, "runs/digits/theirs"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (run / "figures").mkdir()
    names = [*(f"figures/{name}.png" for name in ("loss", "accuracy", "confusion", "mistakes", "first_layer"))]
    names += ["report.html", "demo.html", "predictions.csv", "predictions.png"]
    names += [f"checkpoints/step=29{suffix}" for suffix in (".safetensors", ".onnx", ".pt")]
    for k, name in enumerate(names):
        (outside / str(k)).write_text("mine")
        make(run / name, outside / str(k))
    assert commands(["report", str(run)]) == 0
    assert commands(["demo", str(run)]) == 0
    assert commands(["predict", str(run), str(ROOT / "docs" / "four.jpg")]) == 0
    for kind in ("safetensors", "onnx", "torch"):
        assert commands(["export", str(run), "--to", kind]) == 0
    assert cli("predict", "--ckpt_path", run) == 0
    assert [(outside / str(k)).read_text() for k in range(len(names))] == ["mine"] * len(names)
    assert all((run / name).is_file() and not (run / name).is_symlink() for name in names)


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_a_file_in_the_place_of_a_folder_is_named(make, made, cli, capsys):
    run = Path(shutil.copytree(made, "runs/digits/theirs"))
    make(run / "figures")
    assert commands(["report", str(run)]) == 74
    assert "expected a folder, got a file: remove it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["figures", "checkpoints"])
def test_a_folder_of_a_run_that_is_a_link_is_refused(name, made, cli, tmp_path, capsys):
    run = Path(shutil.copytree(made, "runs/digits/theirs"))
    outside = tmp_path / "outside"
    shutil.move(run / name, outside) if (run / name).exists() else outside.mkdir()
    (run / name).symlink_to(outside)
    before = sorted(outside.iterdir())
    assert commands(["report" if name == "figures" else "export", str(run)]) == 74
    err = capsys.readouterr().err
    assert "expected a folder, got a symbolic link: remove it" in err
    assert f"theirs/{name}" in err
    assert sorted(outside.iterdir()) == before


@pytest.mark.parametrize("suffix", [".ckpt", ".html", ".pt"])
def test_no_command_writes_over_a_checkpoint(suffix, made, cli, capsys):
    first = Path(shutil.copy(made / "checkpoints" / "step=29.ckpt", f"a{suffix}"))
    second = Path(shutil.copy(first, f"b{suffix}"))
    content = second.read_bytes()
    shutil.copy(made / "config.yaml", ".")
    assert commands(["demo", str(first), "--output", str(second)]) == 2
    assert commands(["export", str(first), str(second)]) == 2
    assert commands(["report", ".", "--output", str(second)]) == 2
    assert commands(["predict", str(first), str(ROOT / "docs" / "four.jpg"), "--output", str(second)]) == 2
    assert second.read_bytes() == content
    assert capsys.readouterr().err.count(f"b{suffix}: expected ") == 4


@pytest.mark.parametrize("target", ["config.yaml", "report.json", "metrics.csv"])
def test_no_command_writes_over_a_record(target, made, cli, capsys):
    run = Path(shutil.copytree(made, "run"))
    content = (run / target).read_bytes()
    for command in (["demo", str(run)], ["export", str(run)], ["report", str(run), "--output"]):
        assert commands([*command, str(run / target)]) == 2
    assert (run / target).read_bytes() == content


def test_control_characters_never_reach_the_terminal(made, cli, capfd):
    clear = "\x1b[2J\x9b\r"
    run = Path(shutil.copytree(made, f"runs/digits/a{clear}b"))
    config = yaml.safe_load((run / "config.yaml").read_text()) | {"name": f"c{clear}"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    report = json.loads((run / "report.json").read_text()) | {"title": clear}
    (run / "report.json").write_text(json.dumps(report))
    shutil.copy(run / "checkpoints" / "step=29.ckpt", run / "checkpoints" / "step=30.ckpt")
    damaged = bytearray((run / "checkpoints" / "step=30.ckpt").read_bytes())
    damaged[1000] ^= 1
    (run / "checkpoints" / "step=30.ckpt").write_bytes(damaged)
    picture = Path(shutil.copy(ROOT / "docs" / "four.jpg", f"d{clear}.jpg"))
    assert cli("test", "--ckpt_path", run) == 0
    assert cli("--ckpt_path", run) == 0
    assert cli("--ckpt_path", run, "--trainer.max_epochs", 2) == 2
    assert cli(f"{clear}fit") == cli("--config", clear) == cli(f"--{clear}", 1) == 2
    for words in ([], ["--to", "onnx"]):
        assert commands(["export", str(run), *words]) == 0
    for words in (["report", str(run)], ["demo", str(run)], ["predict", str(run), str(picture)]):
        assert commands(words) == 0
    assert commands(["report", clear]) == 66
    assert commands(["check", f"{clear}:x"]) == 2
    out, err = capfd.readouterr()
    assert not {"\x1b", "\x9b", "\r"} & {*out, *err}
    assert "\\x1b[2J\\x9b\\r" in out
    assert "\\x1b[2J\\x9b\\r" in err


@pytest.mark.sweep
def test_the_program_itself_refuses_in_a_process_of_its_own(hostile):
    run = hostile(HOSTILE["code in a callback"][0])
    program = [sys.executable, str(ROOT / "train.py"), "test", "--ckpt_path", str(run)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "LambdaCallback is not among the classes" in done.stderr
    assert not Path("PWNED").exists()
