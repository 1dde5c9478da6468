"""The list of all exercises, from easy to hard, and `torchnet.exercise`."""

import html
from typing import overload

from torchnet.choices import did_you_mean, nearest
from torchnet.exercises.attempts import Exercise
from torchnet.exercises.task import Task
from torchnet.exercises.topics import (
    activations,
    adam,
    adamw,
    attention,
    batch_norm,
    composition,
    gradient_descent,
    layer_norm,
    linear,
    losses,
    softmax,
)

_TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        activations.SIGMOID_SLOPE,
        activations.RELU_BACKWARD,
        linear.LINEAR_FORWARD,
        losses.MEAN_SQUARED_ERROR,
        linear.LINEAR_BACKWARD,
        gradient_descent.SGD_MOMENTUM_STEP,
        softmax.SOFTMAX,
        softmax.LOG_SOFTMAX,
        activations.SILU_BACKWARD,
        activations.DROPOUT_BACKWARD,
        gradient_descent.CLIP_BY_NORM,
        batch_norm.BATCH_NORM_FORWARD,
        losses.CROSS_ENTROPY,
        composition.RESIDUAL_BACKWARD,
        composition.MLP_BACKWARD,
        adam.ADAM_STEP,
        adamw.ADAMW_STEP,
        softmax.SOFTMAX_BACKWARD,
        layer_norm.RMS_NORM_BACKWARD,
        layer_norm.LAYER_NORM_BACKWARD,
        batch_norm.BATCH_NORM_BACKWARD,
        attention.ATTENTION_BACKWARD,
    )
}


class Overview(tuple[str, ...]):
    """The names of all exercises, from easy to hard; it displays itself with one line each."""

    __slots__ = ()

    def __str__(self) -> str:
        width = max(map(len, self))
        rows = [f"{name.ljust(width)}  {_TASKS[name].level}      {_TASKS[name].title}" for name in self]
        return "\n".join([f"{'exercise'.ljust(width)}  level  what the function computes", *rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><td>{_TASKS[name].level}</td><td style='text-align:left'><code>{name}</code></td>"
            f"<td style='text-align:left'>{html.escape(_TASKS[name].title)}</td></tr>"
            for name in self
        )
        return (
            f"<table><tr><th>level</th><th>exercise</th><th>what the function computes</th></tr>{''.join(rows)}</table>"
        )


@overload
def exercise(name: str) -> Exercise: ...
@overload
def exercise(name: None = None) -> Overview: ...
def exercise(name: str | None = None) -> Exercise | Overview:
    """Return an exercise that grades itself, or, without a name, the list of all.

    Args:
        name: the name of the exercise, which is that of the function to write.

    Returns:
        A fresh exercise: a notebook and print() show the task and a stub to copy. `exercise.check(function)` returns
        a result that displays itself, with `passed`, `kind` and `raise_if_failed()`. Each failed attempt with the
        same kind of mistake gets a more direct hint.

    Raises:
        ValueError: if there is no exercise of this name.

    Example:
        >>> exercise = torchnet.exercise("sigmoid_slope")
        >>> exercise.check(lambda x: torch.sigmoid(x)).kind
        'value instead of slope'
    """
    if name is None:
        return Overview(_TASKS)
    if name not in tuple(_TASKS):
        hint = did_you_mean(nearest(str(name), _TASKS)) or "."
        raise ValueError(
            f"exercise: expected the name of an exercise, got {name!r}{hint} The exercises are {', '.join(_TASKS)}"
        )
    return Exercise(_TASKS[name])
