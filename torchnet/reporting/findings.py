"""Findings: sentences that say what the logged gradients of a run mean."""

import statistics
from typing import Literal, NamedTuple

from torchnet.reporting.run_data import RunData

# What the captions of the figures say, too.
FAR = 1000  # gradient norms of the first and the last layer that differ by this factor vanish or explode
USUAL = (1e-4, 1e-2)  # update ratios
BLOCKED = {"saturated": 0.5, "dead": 0.2}  # the largest fraction that is no bad news
RISE = 0.05  # of a fraction; less may be chance, as it is measured on a mini-batch
_SLOW, _FAST = 1e-5, 1e-1  # update ratios that are far from the usual ones


class Finding(NamedTuple):
    """A sentence, and what kind of news it is."""

    verdict: Literal["good", "watch", "bad"]
    text: str


def findings(run: RunData) -> list[Finding]:
    """Return the findings about the gradients of a run, none if gradients were not logged."""
    norms = {layer: y for layer, (_, y) in run.by_layer("gradient_norm").items()}
    return [_gradient_flow(norms), _updates(run), *_blocked(run)] if norms else []


def _gradient_flow(norms: dict[int, list[float]]) -> Finding:
    first, last = min(norms), max(norms)
    if first == last:
        return Finding("good", "The network has only one layer with weights, so its gradient cannot vanish or explode.")
    ratio = statistics.median(norms[first]) / max(statistics.median(norms[last]), 1e-300)
    at_start = norms[first][0] / max(norms[last][0], 1e-300)
    smallest = min(ratio, at_start)
    if smallest < 1 / FAR:
        return Finding(
            "bad",
            f"The gradient vanishes: its norm at layer {first} is {smallest:.1g} times the norm at layer {last}. "
            "Layers with tiny gradients hardly learn. Try normalization, residual blocks, another activation or "
            "fewer layers.",
        )
    if ratio > FAR:
        return Finding(
            "bad",
            f"The gradient explodes: its norm at layer {first} is {ratio:.1g} times the norm at layer {last}. Try "
            "another initializer, normalization or --model.clip_norm.",
        )
    text = f"The gradient reaches all layers: its norm at layer {first} is {ratio:.2g} times the norm at layer {last}."
    return Finding("good", text)


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
                "bad",
                f"In layer{'s' if len(layers) > 1 else ''} {names} a step changes the weights by {bound} of their norm "
                f"(layer {layers[0]}: {late[layers[0]]:.1g}). {advice}",
            )
    if not late:
        return Finding("good", "There are no update ratios, because all weights are zero.")
    low, high = min(late.values()), max(late.values())
    place = "which is usual" if USUAL[0] <= low and high <= USUAL[1] else "near the usual {:g} to {:g}".format(*USUAL)
    return Finding(
        "good", f"A step changes the weights of each layer by {low:.1g} to {high:.1g} of their norm, {place}."
    )


def _blocked(run: RunData) -> list[Finding]:
    found = []
    for metric, what, effect in (
        ("saturated", "outputs", "Almost no gradient passes through saturated outputs."),
        ("dead", "units", "No sample activates a dead unit, so it cannot learn."),
    ):
        fractions = {layer: y for layer, (_, y) in run.by_layer(metric).items() if y}
        if not fractions:
            continue
        layer = max(fractions, key=lambda layer: fractions[layer][-1])
        most = fractions[layer][-1]
        text = f"At most {most:.1%} of the {what} are {metric} (after layer {layer})"
        risen = max(fractions, key=lambda layer: fractions[layer][-1] - fractions[layer][0])
        first, last = fractions[risen][0], fractions[risen][-1]
        if most > BLOCKED[metric]:
            found.append(Finding("bad", f"{text}. {effect}"))
        elif last - first > RISE:
            text = f"{last:.1%} of the {what} after layer {risen} are {metric}, up from {first:.1%} at the start"
            found.append(Finding("watch", f"{text}. {effect}"))
        else:
            found.append(Finding("good", f"{text}." if most > 0 else f"No {what[:-1]} is {metric}."))
    return found
