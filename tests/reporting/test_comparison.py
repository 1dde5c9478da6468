"""Several runs side by side: labels of what differs, the value of each run, and their order."""

from pathlib import Path
from typing import Any

import pytest

from torchnet.reporting.comparison import Score, compare, differences, labels, results, score_of, twins, unlabeled
from torchnet.reporting.run_data import RunData


def run_with(config: dict[str, Any] | None = None, accuracy: dict[str, float] | None = None, **metrics) -> RunData:
    """Return a run with a configuration, a report and metrics: a list of one value per epoch, such as val_loss=[1]."""
    run = RunData(Path("runs/a/2026-01-31_12-00-00.000Z"), {"name": "a"} | (config or {}), "", "", 0, None)
    rows = [
        {"step": epoch, "epoch": epoch, name.replace("_", "/", 1): value}
        for name, values in metrics.items()
        for epoch, value in enumerate(values)
    ]
    # the cached properties
    vars(run).update(rows=rows, report=None if accuracy is None else {"accuracy": accuracy}, facts={})
    return run


def models(*options: dict[str, Any], name: str = "a") -> list[RunData]:
    return [run_with({"name": name, "model": {"lr": 0.1, "hidden_sizes": [64]} | each}) for each in options]


class TestLabels:
    def test_say_what_differs(self):
        runs = models({"lr": 0.1}, {"lr": 0.3}, {"lr": 0.3, "hidden_sizes": [32, 32]})
        expected = ["lr 0.1, hidden_sizes [64]", "lr 0.3, hidden_sizes [64]", "lr 0.3, hidden_sizes [32, 32]"]
        assert labels(runs) == expected
        assert labels(runs[:2]) == ["lr 0.1", "lr 0.3"]
        assert labels(runs[:1]) == ["a"]

    def test_number_runs_of_equal_options(self):
        assert labels(models({}, {}, {"lr": 1})) == ["lr 0.1 (1)", "lr 0.1 (2)", "lr 1"]
        assert labels(models({}, {})) == ["a (1)", "a (2)"]

    def test_have_the_name_if_it_differs(self):
        assert labels(models({}) + models({"lr": 1}, name="b")) == ["a, lr 0.1", "b, lr 1"]

    def test_are_the_names_if_much_differs(self):
        many = {"lr": 1, "momentum": 0.9, "activation": "relu"}
        assert labels(models({}) + models(many, name="b")) == ["a", "b"]

    def test_are_short_and_unique_if_much_differs_between_runs_of_a_name(self):
        five = [{f"option_{k}": "x" * 50 for k in range(5)}, {f"option_{k}": "y" for k in range(5)}]
        five += [five[1] | {"option_4": "z"}]
        found = labels(models(*five))
        assert len({*found}) == 3
        assert found[0].startswith(f"option_0 {'x' * 23}…, option_1 ")
        assert max(map(len, found)) < 150
        assert all("…" in label for label in found)

    def test_leave_out_what_does_not_change_the_result(self):
        runs = [run_with({"checkpoints": {"keep": keep}, "trainer": {"max_epochs": keep}}) for keep in (1, 2)]
        assert labels(runs) == ["max_epochs 1", "max_epochs 2"]
        assert [option for option, _ in differences(runs)] == ["checkpoints.keep", "trainer.max_epochs"]
        assert unlabeled(compare(runs)) == [("checkpoints.keep", ["1", "2"])]

    def test_name_classes_and_their_arguments(self):
        optimizers = [
            {"class_path": f"torch.optim.{name}", "init_args": {"lr": lr}}
            for name, lr in (("AdamW", 1e-3), ("SGD", 1.0))
        ]
        runs = models({"optimizer": optimizers[0]}, {"optimizer": optimizers[1], "lr": 0.2})
        expected = ["model.lr 0.1, optimizer AdamW, model.optimizer.lr 0.001", "model.lr 0.2, optimizer SGD, "]
        assert labels(runs) == [expected[0], expected[1] + "model.optimizer.lr 1.0"]

    def test_of_an_edited_configuration_are_short_and_printable(self):
        runs = models({"activation": "a\x1b[2J", "b\n": 1, 999 * "c": 1}, {"activation": "d\n"})
        for label in labels(runs):
            assert label.isprintable()
            assert len(label) < 150
        assert "activation" in label


class TestScore:
    @pytest.mark.parametrize(
        ("run", "expected"),
        [
            (run_with(val_accuracy=[0.2, 0.9, 0.8], val_loss=[3, 1, 2]), Score("val", "accuracy", 0.9)),
            (run_with(val_r2=[-3, 0.7, 0.6], val_loss=[3, 1, 2]), Score("val", "r2", 0.7)),
            (run_with(val_loss=[3, 1, 2], test_accuracy=[0.5]), Score("val", "loss", 1)),
            (run_with(accuracy={"test": 0.75, "train": 1}, test_accuracy=[0.5, 0.9]), Score("test", "accuracy", 0.75)),
            (run_with(accuracy={"test": 0.75, "val": 0.8}), Score("val", "accuracy", 0.8)),
            (run_with(test_accuracy=[0.5, 0.9, 0.6]), Score("test", "accuracy", 0.6)),
            (run_with(test_loss=[3, 1, 2]), Score("test", "loss", 2)),
            (run_with(val_accuracy=[0.2, float("nan")]), Score("val", "accuracy", 0.2)),
            (run_with(train_loss=[1]), None),
            (run_with(), None),
        ],
    )
    def test_is_the_best_validation_value_or_else_the_final_test_value(self, run, expected):
        assert score_of(run) == expected

    @pytest.mark.parametrize(
        ("score", "text"),
        [
            (Score("val", "accuracy", 0.98765), "98.77%"),
            (Score("val", "r2", 0.456789), "0.4568"),
            (Score("test", "loss", 1e250), "1e+250"),
            (Score("test", "accuracy", 1e250), "1e+250"),  # of an edited file
        ],
    )
    def test_is_short_text(self, score, text):
        assert str(score) == text


class TestOrder:
    def test_is_from_the_best_run_on(self):
        runs = [
            run_with({"seed_everything": 1}, val_loss=[0.5]),
            run_with({"seed_everything": 2}),
            run_with({"seed_everything": 3}, val_accuracy=[0.5]),
            run_with({"seed_everything": 4}, test_accuracy=[0.99]),
            run_with({"seed_everything": 5}, val_loss=[0.25]),
            run_with({"seed_everything": 6}, val_accuracy=[0.7]),
        ]
        compared = compare(runs)
        assert [it.run.config["seed_everything"] for it in compared] == [6, 3, 5, 1, 4, 2]
        assert [it.label[-1] for it in compared] == list("635142")
        assert [it.is_best for it in compared] == [True] + [False] * 5
        columns = dict(results(compared))
        assert columns["val accuracy"] == ["70.00%", "50.00%", "0.25 (loss)", "0.5 (loss)", "99.00% (test)", "–"]

    def test_has_several_best_runs_if_they_are_equal(self):
        compared = compare([run_with(val_loss=[1]), run_with(val_loss=[2]), run_with(val_loss=[1])])
        assert [it.is_best for it in compared] == [True, True, False]

    def test_without_any_value_is_the_given_one(self):
        compared = compare([run_with(), run_with()])
        assert [(it.label, it.is_best) for it in compared] == [("a (1)", False), ("a (2)", False)]
        assert dict(results(compared))["score"] == ["–", "–"]


def test_runs_of_equal_options_are_named():
    compared = compare(models({}, {"lr": 1}, {}))
    assert twins(compared) == [["lr 0.1 (1)", "lr 0.1 (2)"]]
    assert twins(compare(models({}, {"lr": 1}))) == []
