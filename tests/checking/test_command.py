"""The command `python -m torchnet check`."""

import json
import subprocess
import sys

import pytest

from torchnet.commands import main

from ..conftest import ROOT

LAYERS = """
import torch
from torchnet import Layer, cross_entropy


class Square(Layer):
    def forward(self, x):
        self.remember(x)
        return x * x

    def backward(self, grad_output, input_grad=True):
        return {factor} * grad_output * self.recall()


class Times(Square):
    def __init__(self, factor, power=1):
        super().__init__()
        self.factor = factor * power

    def forward(self, x):
        return super().forward(x) * self.factor

    def backward(self, grad_output, input_grad=True):
        return super().backward(grad_output * self.factor)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        return 3 * grad_output * ctx.saved_tensors[0] ** 2


def scale(x, factor):
    return x * factor


def scale_backward(grad_output, x, factor):
    return grad_output * factor, (grad_output * x).sum().reshape(1)


pair = (scale, scale_backward)
made = Times(3.0)
"""


@pytest.fixture
def mymodule(tmp_path, monkeypatch):
    """Return a function that writes a module with the given factor to the working directory and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, factor: int = 2) -> str:
        (tmp_path / f"{name}.py").write_text(LAYERS.format(factor=factor))
        return name

    return write


def test_the_default_network(capsys):
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "all gradients right" in out
    assert [line.split()[0] for line in out.splitlines()[3:10]] == [
        "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias", "input",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "inputs"),
    [
        ("Square", ["4,7"]),
        ("Times(2.5)", ["4,7"]),
        ("Times(2.5, power=2)", ["4,7"]),
        ("made", ["4,7"]),
        ("Cube", ["4,7"]),
        ("pair", ["4,7", "1"]),
        ("cross_entropy", ["4,7"]),
    ],
)
def test_a_subject_by_name(mymodule, capsys, subject, inputs):
    spec = f"{mymodule('right_layers')}:{subject}"
    targets = ["--targets", "7"] if subject == "cross_entropy" else []
    assert main(["check", spec, *(word for shape in inputs for word in ("--input", shape)), *targets]) == 0
    assert "all gradients right" in capsys.readouterr().out


def test_a_wrong_layer_gives_exit_code_1_and_the_diagnosis(mymodule, capsys):
    assert main(["check", f"{mymodule('wrong_layers', factor=1)}:Square", "--input", "4,7"]) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out
    assert "it is the true gradient times 0.5" in out


def test_json(mymodule, capsys):
    assert main(["check", f"{mymodule('json_layers', factor=1)}:Square", "--input", "4,7", "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["tensors"][0]["diagnosis"]["kind"]) == (False, "constant factor")


def test_output_of_a_layer_is_not_part_of_the_report(mymodule, capsys):
    name = mymodule("loud_layers")
    with open(f"{name}.py", "a") as file:
        file.write(
            "class Loud(Square):\n    def forward(self, x):\n        print('loud')\n        return super().forward(x)\n"
        )
    assert main(["check", f"{name}:Loud", "--input", "4,7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["passed"] is True


def test_a_layer_that_raises_or_exits_is_reported_in_one_line(mymodule, capsys):
    name = mymodule("failing_layers")
    with open(f"{name}.py", "a") as file:
        file.write("class Raises(Square):\n    def forward(self, x):\n        raise KeyError('oh')\n")
        file.write("class Exits(Square):\n    def forward(self, x):\n        raise SystemExit(0)\n")
    assert main(["check", f"{name}:Raises", "--input", "4,7"]) == 2
    assert (
        capsys.readouterr().err
        == "error: Raises: the forward pass raises KeyError: 'oh' (failing_layers.py, line 50)\n"
    )
    assert main(["check", f"{name}:Exits", "--input", "4,7"]) == 2
    assert capsys.readouterr().err == "error: the checked code ended the program (sys.exit(0))\n"


def test_a_smaller_dtype(mymodule, capsys):
    assert main(["check", "torchnet:MLP((5, 6, 4))", "--input", "7,5", "--targets", "4", "--dtype", "bfloat16"]) == 0
    assert "own dtype" in capsys.readouterr().out


@pytest.mark.sweep
def test_everything_within_the_tolerances(capsys):
    assert main(["check", "--all"]) == 0
    out = capsys.readouterr().out
    heading, *rows = [line for line in out.splitlines() if line.strip()]
    assert heading.split()[-2:] == ["Taylor", "slope"]
    autograd, complex_step, differences, reference = rows[-1].split()[1:5]
    assert float(autograd) <= 1e-12
    assert float(complex_step) <= 1e-12
    assert float(differences) <= 1e-7
    assert float(reference) <= 1e-12


def test_a_configuration_on_its_data_and_on_random_numbers(capsys):
    assert main(["check", "--config", str(ROOT / "configs/digits.yaml")]) == 0
    out = capsys.readouterr().out
    assert out.count("all gradients right") == 2
    assert "at input of shape (50, 8, 8), a batch of its data: all gradients right" in out
    assert "at input of shape (50, 8, 8), random numbers, with random biases: all gradients right" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "expected MODULE:NAME, as in mypackage.mymodule:MyLayer, got 'nonsense'"),
        (["no_such_module:X"], "no_such_module cannot be imported"),
        (["torchnet:Sigmod"], "torchnet has no Sigmod"),
        (["torchnet:Linear", "--input", "4,7"], "give its arguments, 'torchnet:Linear(...)'"),
        (["torchnet:Linear(x)", "--input", "4,7"], "expected NAME or NAME(ARGUMENTS) with literal arguments"),
        (["torchnet:Sigmoid"], "the shapes of the inputs of Sigmoid(x: torch.Tensor) -> torch.Tensor: --input 4,7"),
        (["torchnet:Sigmoid", "--input", "4,x"], "--input: expected a shape such as 4,7, got '4,x'"),
        (["torchnet:Sigmoid", "--input", "0,7"], "--input: expected a shape such as 4,7, got '0,7'"),
        (["torchnet:Linear(5, 3)", "--input", "4,7"], "expected input of shape (*, 5), got (4, 7)"),
        (["torchnet:MLP((5, 3))", "--input", "4,5", "--targets", "9"], "expected classes within 0..2"),
        (["mymodule.py:MyLayer"], "expected a module, not a file name: write mymodule:MyLayer"),
        (["./mymodule:MyLayer"], "expected MODULE:NAME"),
        (["--all", "--json"], "--all takes no other option"),
        (["--input", "4,7"], "--input and --targets need a subject"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, words, message):
    assert main(["check", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_as_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "torchnet", "check", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "exit codes: 0 all gradients right, 1 one is wrong" in done.stdout
    done = subprocess.run([sys.executable, "-m", "torchnet"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_name_of_the_package_loads_only_its_own_file():
    """Programs that only catch GradientError must not wait for the oracles."""
    code = "import sys; from torchnet.checking import GradientError; print(GradientError.exit_code, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    exit_code, *loaded = done.stdout.split()
    assert exit_code == "70"
    assert not {"rich", "matplotlib", "torchnet.layers", "torchnet.checking.oracles"} & set(loaded)


def test_a_kernel_against_a_reference(mymodule, capsys):
    name = mymodule("kernels_of_a_user")
    with open(f"{name}.py", "a") as file:
        file.write(
            "class Cube(torch.autograd.Function):\n"
            "    @staticmethod\n"
            "    def forward(ctx, x):\n"
            "        assert x.dtype == torch.float32\n"
            "        ctx.save_for_backward(x)\n"
            "        return x * x * x\n"
            "    @staticmethod\n"
            "    def backward(ctx, grad_output):\n"
            "        return 3 * grad_output * ctx.saved_tensors[0] ** 2\n"
            "def cube(x):\n    return x**3\n"
            "def square(x):\n    return x**2\n"
        )
    kernel = ["check", f"{name}:Cube", "--input", "4,7", "--dtype", "float32", "--reference"]
    assert main([*kernel, f"{name}:cube", "--thorough"]) == 0
    assert "in float32: all gradients right" in capsys.readouterr().out
    assert main([*kernel, f"{name}:square"]) == 1
    assert "(output)" in capsys.readouterr().out
    assert main(["check", "--thorough"]) == 2
    assert "--reference and --thorough need a subject" in capsys.readouterr().err
