"""A Python program that runs an ONNX model on raw data."""

from torchnet.data import Classes, Pixels, Preprocessing
from torchnet.exporting.preprocessing_source import literal

_PROGRAM = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession({path!r})
{inputs}{outputs} = session.run([{names}], inputs)
"""
_IMAGES = """\
# images: an array (N, {shape}) of pixels from {low:g} to {high:g}
inputs = {{"images": np.asarray(images, {dtype!r})}}
"""
_ROWS = """\
# rows: an array (N, {features}); a missing value is NaN
inputs = {"rows": np.asarray(rows, "float64")}
"""
_COLUMNS = """\
# rows: a dict of columns; a missing number is NaN or None, a missing category None
inputs = {}
for column in session.get_inputs():
    values = rows[column.name]
    if column.type == "tensor(string)":
        values = ["" if value is None else str(value) for value in values]
    inputs[column.name] = np.array(values, str if column.type == "tensor(string)" else float).reshape(-1, 1)
"""
_LABELS = """\
classes = {classes}
labels = [classes[k] for k in logits.argmax(axis=1)]
"""


def onnx_source(preprocessing: Preprocessing, dtype: str, path: str) -> str:
    """Return a program that computes `logits`, `probabilities` and `labels`, or `quantities`, from `images` or `rows`.

    Args:
        preprocessing: of the network in the model.
        dtype: the dtype of its weights.
        path: the file of the model.
    """
    inputs, targets = preprocessing.inputs, preprocessing.targets
    if isinstance(inputs, Pixels):
        shape = ", ".join(map(str, inputs.shape))
        kind = "uint8" if inputs.is_scaled_in_steps else dtype
        lines = _IMAGES.format(shape=shape, low=inputs.low, high=inputs.high, dtype=kind)
    else:
        lines = _ROWS.replace("{features}", str(len(inputs.columns))) if inputs.is_array else _COLUMNS
    if not isinstance(targets, Classes):
        return _PROGRAM.format(path=path, inputs=lines, outputs="(quantities,)", names='"quantities"')
    run = _PROGRAM.format(path=path, inputs=lines, outputs="logits, probabilities", names='"logits", "probabilities"')
    return run + _LABELS.format(classes=literal(targets.labels.tolist()))
