"""What the gradients of a run say, in sentences: the eye may miss in a figure what a number makes plain."""

import statistics
from typing import NamedTuple

from torchnet.reporting.record import Record

_FADED, _GROWN = 1e-3, 1e3  # of the last layer's gradient, what the first layer receives
_SLOW, _FAST = 1e-5, 1e-1  # ratio of updates
_SATURATED, _DEAD = 0.5, 0.2  # shares


class Finding(NamedTuple):
    """A sentence, and whether it is good news."""

    is_good: bool
    text: str


def findings(record: Record) -> list[Finding]:
    """Return what is to be said of the gradients of a run; nothing if they were not logged."""
    norms = {layer: y for layer, (_, y) in record.layered("gradient_norm").items()}
    if not norms:
        return []
    return [_flow(norms), _updates(record), *_blocked(record)]


def _flow(norms: dict[int, list[float]]) -> Finding:
    first, last = min(norms), max(norms)
    if first == last:
        return Finding(True, "There is one layer of weights: its gradient has no way to go.")
    ratio = statistics.median(norms[first]) / max(statistics.median(norms[last]), 1e-300)
    at_start = norms[first][0] / max(norms[last][0], 1e-300)
    worst = min(ratio, at_start)
    if worst < _FADED:
        return Finding(
            False,
            f"The gradient vanishes: layer {first} receives {worst:.1g} of what layer {last} does. Layers that hear "
            "next to nothing hardly learn: try normalization, residual blocks, another activation, or fewer layers.",
        )
    if ratio > _GROWN:
        return Finding(
            False,
            f"The gradient grows on its way: layer {first} receives {ratio:.1g} times what layer {last} does. Try "
            "another initializer, normalization, or clip_norm.",
        )
    return Finding(True, f"The gradient arrives: layer {first} receives {ratio:.2g} times what layer {last} does.")


def _updates(record: Record) -> Finding:
    late = {layer: statistics.median(y[len(y) // 2 :]) for layer, (_, y) in record.layered("update_ratio").items() if y}
    slow = [layer for layer, ratio in late.items() if ratio < _SLOW]
    fast = [layer for layer, ratio in late.items() if ratio > _FAST]
    if slow or fast:
        how, layers, and_so = (
            ("next to nothing", slow, "they hardly learn")
            if slow
            else ("more than a tenth", fast, "a smaller learning rate may do better")
        )
        moved = f"A step moves {_named(layers)} by {how} of their size ({late[layers[0]]:.1g})"
        return Finding(False, f"{moved}: {and_so}.")
    if not late:
        return Finding(True, "All weights are zero.")
    low, high = min(late.values()), max(late.values())
    return Finding(
        True, f"A step moves the weights of each layer by {low:.1g} to {high:.1g} of their size: that is usual."
    )


def _blocked(record: Record) -> list[Finding]:
    found = []
    for metric, limit, what in (
        ("saturated", _SATURATED, "of the outputs are saturated, where next to no gradient passes"),
        ("dead", _DEAD, "of the units are dead: no sample reaches them, and none can teach them"),
    ):
        shares = {layer: y[-1] for layer, (_, y) in record.layered(metric).items() if y}
        if not shares:
            continue
        layer = max(shares, key=lambda layer: shares[layer])
        text = f"After layer {layer}, the most blocked one, {shares[layer]:.1%} {what}."
        found.append(Finding(shares[layer] <= limit, text))
    return found


def _named(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"the weights of layer {layers[0]}"
    return f"the weights of layers {', '.join(map(str, layers[:5]))}{' and more' if len(layers) > 5 else ''}"
