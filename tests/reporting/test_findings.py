"""Findings about gradients: a case for each sentence."""

from pathlib import Path

import pytest

from torchnet.reporting.findings import findings
from torchnet.reporting.run_data import RunData


def run_with(**metrics: list[list[float]]) -> RunData:
    """Return a run that has logged metrics, given as one list per step with one value per layer."""
    run = RunData(Path("runs/a/b"), {}, "", "", 0, None)
    steps = len(next(iter(metrics.values()), []))
    rows = [
        {"step": step}
        | {f"{name}/layer_{k}": v for name, values in metrics.items() for k, v in enumerate(values[step], 1)}
        for step in range(steps)
    ]
    vars(run)["rows"] = rows  # the cached property
    return run


@pytest.mark.parametrize(
    ("metrics", "verdict", "words"),
    [
        (
            {"gradient_norm": [[0.2, 0.1]] * 3},
            "good",
            "The gradient reaches all layers: its norm at layer 1 is 2 times the norm at layer 2.",
        ),
        (
            {"gradient_norm": [[1e-7, 0.1, 1.0]] * 3},
            "bad",
            "The gradient vanishes: its norm at layer 1 is 1e-07 times the norm at layer 3",
        ),
        ({"gradient_norm": [[1e-7, 1.0], [1.0, 1.0], [1.0, 1.0]]}, "bad", "The gradient vanishes"),  # at the start
        ({"gradient_norm": [[0.0, 1.0]] * 3}, "bad", "The gradient vanishes: its norm at layer 1 is 0 times"),
        ({"gradient_norm": [[5e4, 1.0]] * 3}, "bad", "The gradient explodes: its norm at layer 1 is 5e+04 times"),
        ({"gradient_norm": [[1.0]]}, "good", "The network has only one layer with weights"),
        (
            {"update_ratio": [[1e-3, 2e-3]] * 4},
            "good",
            "the weights of each layer by 0.001 to 0.002 of their norm, which is usual.",
        ),
        (
            {"update_ratio": [[1e-3, 2e-7]] * 4},
            "bad",
            "In layer 2 a step changes the weights by less than 1e-05 of their norm (layer 2: 2e-07).",
        ),
        (
            {"update_ratio": [[0.5, 0.9]] * 4},
            "bad",
            "In layers 1, 2 a step changes the weights by more than 0.1 of their norm (layer 1: 0.5).",
        ),
        ({"update_ratio": [[0.9, 0.9], [1e-3, 1e-3]]}, "good", "which is usual"),  # the first steps may be large
        ({"saturated": [[0.1, 0.9]]}, "bad", "At most 90.0% of the outputs are saturated (after layer 2)."),
        (
            {"saturated": [[0.9, 0.1], [0.2, 0.1]]},
            "good",
            "At most 20.0% of the outputs are saturated (after layer 1).",
        ),
        ({"dead": [[0.0, 0.3]]}, "bad", "At most 30.0% of the units are dead (after layer 2)."),
        ({"dead": [[0.0, 0.1]]}, "good", "At most 10.0% of the units are dead (after layer 2)."),
        ({"dead": [[0.0, 0.0]]}, "good", "No unit is dead."),
        (
            {"saturated": [[0.02, 0.3], [0.31, 0.32]]},
            "watch",
            "31.0% of the outputs after layer 1 are saturated, up from 2.0% at the start.",
        ),
        ({"dead": [[0.0, 0.0], [0.0, 0.06]]}, "watch", "6.0% of the units after layer 2 are dead, up from 0.0%"),
        ({"dead": [[0.0, 0.0], [0.0, 0.04]]}, "good", "At most 4.0% of the units are dead"),
        ({"update_ratio": [[2e-5, 0.05]]}, "good", "by 2e-05 to 0.05 of their norm, near the usual 0.0001 to 0.01."),
    ],
)
def test_each_finding_states_the_numbers(metrics, verdict, words):
    norms = {} if "gradient_norm" in metrics else {"gradient_norm": [[1.0, 1.0]] * len(next(iter(metrics.values())))}
    (found,) = [finding for finding in findings(run_with(**metrics, **norms)) if words in finding.text]
    assert found.verdict == verdict


def test_without_logged_gradients_there_are_no_findings():
    assert findings(run_with()) == []
