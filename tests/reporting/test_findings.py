"""What is said of gradients: a case for each sentence."""

from pathlib import Path

import pytest

from torchnet.reporting.findings import findings
from torchnet.reporting.record import Record


def record(**metrics: list[list[float]]) -> Record:
    """Return a run that has logged metrics: of each step, one value a layer."""
    found = Record(Path("runs/a/b"), {}, "", "", 0, None)
    steps = len(next(iter(metrics.values()), []))
    rows = [
        {"step": step}
        | {f"{name}/layer_{k}": v for name, values in metrics.items() for k, v in enumerate(values[step], 1)}
        for step in range(steps)
    ]
    vars(found)["rows"] = rows  # in place of a file
    return found


@pytest.mark.parametrize(
    ("metrics", "is_good", "words"),
    [
        (
            {"gradient_norm": [[0.2, 0.1]] * 3},
            True,
            "The gradient arrives: layer 1 receives 2 times what layer 2 does.",
        ),
        (
            {"gradient_norm": [[1e-7, 0.1, 1.0]] * 3},
            False,
            "The gradient vanishes: layer 1 receives 1e-07 of what layer 3",
        ),
        ({"gradient_norm": [[1e-7, 1.0], [1.0, 1.0], [1.0, 1.0]]}, False, "The gradient vanishes"),  # at the start
        ({"gradient_norm": [[0.0, 1.0]] * 3}, False, "The gradient vanishes: layer 1 receives 0 of"),
        ({"gradient_norm": [[5e4, 1.0]] * 3}, False, "The gradient grows on its way: layer 1 receives 5e+04 times"),
        ({"gradient_norm": [[1.0]]}, True, "There is one layer of weights"),
        ({"update_ratio": [[1e-3, 2e-3]] * 4}, True, "of each layer by 0.001 to 0.002 of their size: that is usual."),
        ({"update_ratio": [[1e-3, 2e-7]] * 4}, False, "moves the weights of layer 2 by next to nothing of their size"),
        ({"update_ratio": [[0.5, 0.9]] * 4}, False, "the weights of layers 1, 2 by more than a tenth of their size"),
        ({"update_ratio": [[0.9, 0.9], [1e-3, 1e-3]]}, True, "that is usual"),  # the first steps may be large
        ({"saturated": [[0.1, 0.9]]}, False, "After layer 2, the most blocked one, 90.0% of the outputs are saturated"),
        ({"saturated": [[0.9, 0.1], [0.2, 0.1]]}, True, "After layer 1, the most blocked one, 20.0%"),
        ({"dead": [[0.0, 0.3]]}, False, "After layer 2, the most blocked one, 30.0% of the units are dead"),
        ({"dead": [[0.0, 0.1]]}, True, "10.0% of the units are dead"),
    ],
)
def test_it_says_what_the_numbers_mean(metrics, is_good, words):
    norms = {} if "gradient_norm" in metrics else {"gradient_norm": [[1.0, 1.0]] * len(next(iter(metrics.values())))}
    (found,) = [finding for finding in findings(record(**metrics, **norms)) if words in finding.text]
    assert found.is_good == is_good


def test_nothing_is_said_of_gradients_that_were_not_logged():
    assert findings(record()) == []
