"""Several runs side by side: the options that differ, a short label for each run, and their order from the best on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import yaml

from torchnet.printable import printable
from torchnet.reporting.run_data import RunData, duration

_SCORES = ("accuracy", "r2")  # larger is better; of the loss, less is better
_TITLES = {"r2": "R²"}
_DECISIVE = ("model", "data", "seed_everything")  # what these sections of a configuration say decides the result
_LENGTHS = ("epochs", "steps", "time", "batches")  # and so do max_epochs, limit_train_batches and so on of the Trainer
_MOST_OPTIONS, _LONGEST_NAME, _LONGEST_VALUE = 4, 48, 24  # in a label; the latter two in characters


class Score(NamedTuple):
    """How good a run is."""

    split: str  # val; test if the run has no validation split
    metric: str  # accuracy, r2 or loss
    value: float

    @property
    def rank(self) -> tuple[bool, str, float]:
        """A key to sort by. Scores of the same split and metric stand together, the best one first."""
        return self.split != "val", self.metric, -self.value if self.metric in _SCORES else self.value

    @property
    def title(self) -> str:
        """What the value is, such as "val accuracy"."""
        return f"{self.split} {_TITLES.get(self.metric, self.metric)}"

    def __str__(self) -> str:
        is_share = self.metric == "accuracy" and 0 <= self.value <= 1
        return f"{self.value:.2%}" if is_share else f"{self.value:.4g}"


class Compared(NamedTuple):
    """A run among others."""

    run: RunData
    label: str
    score: Score | None
    is_best: bool


def compare(runs: Sequence[RunData]) -> list[Compared]:
    """Return the runs with labels and scores, the best run first, and runs without a score last."""
    found = [(run, label, score_of(run)) for run, label in zip(runs, labels(runs), strict=True)]
    found.sort(key=lambda it: (it[2] is None, it[2].rank if it[2] else ()))
    return [Compared(*it, is_best=it[2] is not None and it[2] == found[0][2]) for it in found]


def score_of(run: RunData) -> Score | None:
    """Return the value of the reported weights on the validation split; without one, that on the test split.

    Before there is a report, it is the best value so far on the validation split, or the last one on the test split:
    the best one there would be too good, as it would have been chosen for these samples.
    """
    for split in ("val", "test"):
        if (final := _reported(run, split)) is not None:
            return final
        for metric in (*_SCORES, "loss"):
            _, values = run.series(f"{split}/{metric}", "epoch")
            if values and split == "test":
                return Score(split, metric, values[-1])
            if values:
                return Score(split, metric, min(values) if metric == "loss" else max(values))
    return None


def _reported(run: RunData, split: str) -> Score | None:
    """Return the final value in the report of a run, if it has one for this split."""
    for metric in _SCORES:
        values = (run.report or {}).get(metric)
        if isinstance(values, dict) and split in values:
            return Score(split, metric, values[split])
    return None


def results(compared: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return the columns of a table of results, each with its title and its value for every run."""
    first = min((it.score for it in compared if it.score), key=lambda score: score.rank, default=None)
    columns = [("score" if first is None else first.title, [_cell(it, first) for it in compared])]
    for split in ("test", "train"):
        scores = [_reported(it.run, split) for it in compared]
        titles = sorted({score.title for score in scores if score} - {columns[0][0]})
        columns += [(title, [_or_dash(it if it and it.title == title else None) for it in scores]) for title in titles]
    return [
        *columns,
        ("epochs", [str(it.run.epochs) for it in compared]),
        ("time", [time_of(it.run) for it in compared]),
        ("weights", [f"{it.run.weights:,}" if it.run.weights else "–" for it in compared]),
        ("started", [it.run.time for it in compared]),
    ]


def time_of(run: RunData) -> str:
    """Return how long a run took, or that it is not at its end."""
    return duration(run.facts["seconds"]) if run.facts else "unfinished"


def _cell(it: Compared, first: Score | None) -> str:
    """Return a score, with its split and metric where they are not those of the column."""
    if it.score is None or first is None:
        return _or_dash(it.score)
    words = [word for word, usual in zip(it.score[:2], first[:2], strict=True) if word != usual]
    return f"{it.score} ({' '.join(words)})" if words else str(it.score)


def _or_dash(score: Score | None) -> str:
    return "–" if score is None else str(score)


def labels(runs: Sequence[RunData]) -> list[str]:
    """Return a short and unique label for each run: what differs between them, such as "lr 0.1, hidden_sizes [64]".

    Runs of equal options are numbered. Runs that differ a lot and have different names are called by their names.
    """
    different = [(option, values) for option, values in differences(runs) if _is_decisive(option)]
    words = _short([option for option, _ in different])
    names = [run.name for run in runs]
    parts: list[list[str]] = [[name] if len({*names}) > 1 or not different else [] for name in names]
    if len({*names}) < len(runs) or len(different) <= 2:
        for word, (option, values) in zip(words, different, strict=True):
            for part, value in zip(parts, values, strict=True):
                part += [f"{word} {_shortened(option, value)}"] if value else []
    found = [", ".join([*part[:_MOST_OPTIONS], *["…"] * (len(part) > _MOST_OPTIONS)]) for part in parts]
    counts, seen = Counter(found), Counter[str]()
    for k, label in enumerate(found):
        seen[label] += 1
        if counts[label] > 1:
            found[k] = f"{label} ({seen[label]})"
    return found


def twins(compared: Sequence[Compared]) -> list[list[str]]:
    """Return the labels of runs whose options are the same, as far as they decide the result."""
    groups: dict[str, list[str]] = {}
    for it in compared:
        options = [(option, value) for option, value in _flat(it.run.config) if _is_decisive(option)]
        groups.setdefault(repr(options), []).append(it.label)
    return [group for group in groups.values() if len(group) > 1]


def differences(runs: Sequence[RunData]) -> list[tuple[str, list[str]]]:
    """Return the options that differ between the runs, each with its value in every run, "" where there is none."""
    flat = [dict(_flat(run.config)) for run in runs]
    options = dict.fromkeys(option for values in flat for option in values)
    different = [option for option in options if len({repr(values.get(option, _text)) for values in flat}) > 1]
    return [(option, [_text(values[option]) if option in values else "" for values in flat]) for option in different]


def unlabeled(compared: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return the options that differ, without those that the labels show."""
    found = differences([it.run for it in compared])
    shown = [it.label for it in compared]
    return [
        (option, values)
        for option, values in found
        if any(f"{option.rpartition('.')[2]} {value}" not in label for label, value in zip(shown, values, strict=True))
    ]


def _flat(config: dict[Any, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return printable(text.removesuffix("...\n").strip())


def _is_decisive(option: str) -> bool:
    section, _, name = option.partition(".")
    return section in _DECISIVE or (section == "trainer" and name.rpartition("_")[2] in _LENGTHS)


def _short(options: Sequence[str]) -> list[str]:
    """Return the last part of the name of each option, or the whole name where two would be equal."""
    whole = [option.replace(".init_args", "").removesuffix(".class_path") for option in options]
    short = [name.rpartition(".")[2] for name in whole]
    names = [name if short.count(word) > 1 else word for word, name in zip(short, whole, strict=True)]
    return [printable(name)[:_LONGEST_NAME] for name in names]


def _shortened(option: str, value: str) -> str:
    text = value.rpartition(".")[2] if option.endswith("class_path") else value
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
