"""Networks with every kind of preprocessing, in folders of runs, and raw data for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from sklearn.preprocessing import OneHotEncoder

from torchnet import MLP
from torchnet.data import CategoricalColumn, Classes, NumericColumn, Pixels, Preprocessing, Quantities, Table
from torchnet.storage import write_checkpoint

N = 7
_RNG = np.random.default_rng(3)
_GAPS, _WORDS, _FLAGS = (
    Classes(("-3", "0", "17")),
    Classes(("a b", "ä'\"", "z"), "str"),
    Classes(("False", "True"), "bool"),
)
_PRICES = Quantities(("price", "mass\n"), (1e6, -0.25), (2e5, 0.125))
_NAN = float("nan")


@dataclass(frozen=True)
class Example:
    """A preprocessing, and raw data for it."""

    preprocessing: Preprocessing
    samples: Any


def _columns(missing: str) -> tuple[NumericColumn | CategoricalColumn, ...]:
    return (
        NumericColumn("age", 30.5, 14.25, missing),
        CategoricalColumn("sex", ("", "female", "male")),
        NumericColumn("seconds since 1970", 1.7e9, 350.0, missing),
        CategoricalColumn("zip", ("01", "1", 'x\'s "y"')),
        CategoricalColumn("is_new", ("False", "True")),
        NumericColumn("count", 3, 1, missing),
    )


_ROWS = {
    "age": np.array([20, 31.5, 7, 80, 44, 30.5, 1]),
    "sex": np.array(["male", None, "female", "unknown", "", "male", "female"], object),
    "seconds since 1970": 1.7e9 + np.arange(N) * 123.25,
    "zip": np.array(["01", "1", "1.0", 'x\'s "y"', "01", "2", "1"]),
    "is_new": np.array([True, False, True, True, False, False, True]),
    "count": np.arange(N),
    "not an input": np.arange(N),
}
_WITH_GAPS = _ROWS | {"age": np.array([20, _NAN, 7, 80, _NAN, 30.5, 1]), "count": np.array([1, 2, None, 4, 5, 6, 7])}
_NUMBERS = tuple(NumericColumn(str(k), k * 10.0, k + 0.5, "refuse") for k in range(4))
_WITH_INDICATOR = tuple(NumericColumn(str(k), k * 10.0, k + 0.5, "indicator") for k in range(4))
_DARKER = np.arange(1, N + 1)[:, None, None]  # so that classes differ
_MATRIX = _RNG.normal(15, 10, (N, 4))

EXAMPLES = {
    "bytes": Example(
        Preprocessing(Pixels((5, 4)), _GAPS), (_RNG.integers(0, 256, (N, 5, 4)) // _DARKER).astype(np.uint8)
    ),
    "RGB": Example(Preprocessing(Pixels((4, 3, 3)), _WORDS), _RNG.integers(0, 256, (N, 4, 3, 3), np.uint8)),
    "channels first": Example(
        Preprocessing(Pixels((3, 2, 5), -1.5, 2.25), _FLAGS),
        _RNG.uniform(-1.5, 2.25 / _DARKER[..., None], (N, 3, 2, 5)).astype(np.float32),
    ),
    "flat bytes": Example(Preprocessing(Pixels((6,)), _PRICES), _RNG.integers(0, 256, (N, 6), np.uint8)),
    "array": Example(Preprocessing(Table(_NUMBERS), _WORDS), _MATRIX),
    "array with gaps": Example(Preprocessing(Table(_WITH_INDICATOR), _PRICES), np.where(_MATRIX > 20, _NAN, _MATRIX)),
    "table": Example(Preprocessing(Table(_columns("refuse")), _WORDS), _ROWS),
    "table with gaps": Example(Preprocessing(Table(_columns("indicator")), _GAPS), _WITH_GAPS),
    "table with means": Example(Preprocessing(Table(_columns("mean")), _PRICES), _WITH_GAPS),
    "categories": Example(Preprocessing(Table((CategoricalColumn("sex", ("", "f")),)), _FLAGS), _ROWS),
}


def write_run(
    folder: Path, example: Example, dtype: str = "float32", hidden_sizes: Sequence[int] = (6,), **options: Any
) -> Path:
    """Write the folder of a run with a network of random weights."""
    preprocessing = example.preprocessing
    sizes = preprocessing.inputs.in_features, *hidden_sizes, preprocessing.targets.width
    options = {"activation": "tanh"} | options
    net = MLP(sizes, dtype=getattr(torch, dtype), **options)
    generator = torch.Generator().manual_seed(5)
    for weight in net.parameters():  # some of each class is predicted
        weight.copy_(
            torch.randn(weight.shape, dtype=weight.dtype, generator=generator) * (2 if weight.dim() == 2 else 0.2)
        )
    (folder / "checkpoints").mkdir(parents=True)
    config = {"name": "raw", "model": {"hidden_sizes": [*hidden_sizes], "dtype": dtype, **options}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    contents = {
        "state_dict": {f"net.{name}": value for name, value in net.state_dict().items()},
        "global_step": 1234,
        "torchnet": {"preprocessing": preprocessing.as_dict()},
    }
    write_checkpoint(folder / "checkpoints" / "step=1234.ckpt", contents)
    return folder


def expected_inputs(example: Example) -> np.ndarray:
    """Return the inputs of the network, computed here and by scikit-learn, (N, I) float64."""
    inputs = example.preprocessing.inputs
    if isinstance(inputs, Pixels):
        return ((example.samples.astype(float) - inputs.low) / (inputs.high - inputs.low)).reshape(N, -1)
    parts: list[np.ndarray] = []
    for place, column in enumerate(inputs.columns):
        is_named = isinstance(example.samples, Mapping)
        values = example.samples[column.name] if is_named else example.samples[:, place]
        if isinstance(column, CategoricalColumn):
            words = np.array([["" if value is None else str(value)] for value in values])
            encoder = OneHotEncoder(categories=[[*column.categories]], handle_unknown="ignore", sparse_output=False)
            parts.append(encoder.fit(np.array(column.categories)[:, None]).transform(words))
            continue
        numbers = values.astype(float)
        parts.append(np.nan_to_num((numbers - column.mean) / column.std)[:, None])
        if column.missing == "indicator":
            parts.append(np.isnan(numbers)[:, None])
    return np.concatenate(parts, axis=1)


def expected_outputs(example: Example, state: dict[str, torch.Tensor]) -> np.ndarray:
    """Return logits, or quantities in their units, as torch.nn computes them in float64."""
    twin = torch.nn.Sequential(
        torch.nn.Linear(*reversed(state["0.weight"].shape)),
        torch.nn.Tanh(),
        torch.nn.Linear(*reversed(state["2.weight"].shape)),
    ).double()
    twin.load_state_dict(state)
    outputs = twin(torch.from_numpy(expected_inputs(example))).detach().numpy()
    targets = example.preprocessing.targets
    return outputs if isinstance(targets, Classes) else outputs * np.array(targets.stds) + np.array(targets.means)
