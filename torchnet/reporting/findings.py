"""Findings: sentences that say what the logged gradients of a run mean."""

import statistics
from typing import NamedTuple

from torchnet.reporting.run_data import RunData

_VANISHED, _EXPLODED = 1e-3, 1e3  # gradient norm of the first layer, relative to the last layer
_SLOW, _FAST = 1e-5, 1e-1  # update ratio
_SATURATED, _DEAD = 0.5, 0.2  # fraction of units


class Finding(NamedTuple):
    """A sentence, and whether it is good news."""

    is_good: bool
    text: str


def findings(run: RunData) -> list[Finding]:
    """Return the findings about the gradients of a run, none if gradients were not logged."""
    norms = {layer: y for layer, (_, y) in run.by_layer("gradient_norm").items()}
    return [_gradient_flow(norms), _updates(run), *_blocked(run)] if norms else []


def _gradient_flow(norms: dict[int, list[float]]) -> Finding:
    first, last = min(norms), max(norms)
    if first == last:
        return Finding(True, "The network has only one layer with weights, so its gradient cannot vanish or explode.")
    ratio = statistics.median(norms[first]) / max(statistics.median(norms[last]), 1e-300)
    at_start = norms[first][0] / max(norms[last][0], 1e-300)
    smallest = min(ratio, at_start)
    if smallest < _VANISHED:
        return Finding(
            False,
            f"The gradient vanishes: its norm at layer {first} is {smallest:.1g} times the norm at layer {last}. "
            "Layers with tiny gradients hardly learn. Try normalization, residual blocks, another activation or "
            "fewer layers.",
        )
    if ratio > _EXPLODED:
        return Finding(
            False,
            f"The gradient explodes: its norm at layer {first} is {ratio:.1g} times the norm at layer {last}. Try "
            "another initializer, normalization or --model.clip_norm.",
        )
    text = f"The gradient reaches all layers: its norm at layer {first} is {ratio:.2g} times the norm at layer {last}."
    return Finding(True, text)


def _updates(run: RunData) -> Finding:
    late = {layer: statistics.median(y[len(y) // 2 :]) for layer, (_, y) in run.by_layer("update_ratio").items() if y}
    slow = [layer for layer, ratio in late.items() if ratio < _SLOW]
    fast = [layer for layer, ratio in late.items() if ratio > _FAST]
    for layers, bound, advice in (
        (slow, f"less than {_SLOW:.0e}", "These weights hardly learn."),
        (fast, f"more than {_FAST:g}", "A smaller learning rate may work better."),
    ):
        if layers:
            names = ", ".join(map(str, layers[:5])) + (" and more" if len(layers) > 5 else "")
            return Finding(
                False,
                f"In layer{'s' if len(layers) > 1 else ''} {names} a step changes the weights by {bound} of their norm "
                f"(layer {layers[0]}: {late[layers[0]]:.1g}). {advice}",
            )
    if not late:
        return Finding(True, "There are no update ratios, because all weights are zero.")
    low, high = min(late.values()), max(late.values())
    usual = f"A step changes the weights of each layer by {low:.1g} to {high:.1g} of their norm, which is usual."
    return Finding(True, usual)


def _blocked(run: RunData) -> list[Finding]:
    found = []
    for metric, limit, what, effect in (
        ("saturated", _SATURATED, "outputs", "Almost no gradient passes through saturated outputs."),
        ("dead", _DEAD, "units", "No sample activates a dead unit, so it cannot learn."),
    ):
        fractions = {layer: y[-1] for layer, (_, y) in run.by_layer(metric).items() if y}
        if fractions:
            layer = max(fractions, key=lambda layer: fractions[layer])
            text = f"At most {fractions[layer]:.1%} of the {what} are {metric} (after layer {layer}). {effect}"
            found.append(Finding(fractions[layer] <= limit, text))
    return found
