"""K3: runs that are killed six times in a row, at random sites, within one epoch and across all of them."""

import random
from functools import partial

from .task import EPOCHS, STEPS, TASKS
from .trial import Case, Trial

CHAINS, KILLS = 20, 6
PER_EPOCH = STEPS // EPOCHS
EVERY_STEP = ("between an update and its being counted", "within a replayed step")
EVERY_SAVE = (
    "before the temporary file of a checkpoint",
    "at 50 % of a checkpoint",
    "before the fsync of a checkpoint",
    "before a checkpoint takes its place",
    "after a checkpoint has taken its place",
)


def cases(sample: bool) -> list[Case]:
    """Return half of the chains within an epoch, half across; the sample has three."""
    tasks = [task for task in TASKS if task not in ("plain", "fused")]  # fused steps have no middle to be killed in
    chains = []
    for seed in range(CHAINS):
        within = seed % 2 == 0
        name = f"seed {seed}, {'within an epoch' if within else 'across epochs'}"
        go = partial(_within_an_epoch if within else _across_epochs, seed)
        chains.append(Case("K3", name, tasks[seed % len(tasks)], go, KILLS, save_every=1 if within else 4))
    return chains[:3] if sample else chains


def _within_an_epoch(seed: int, trial: Trial) -> None:
    """With a checkpoint at every step, each run takes one or two of the epoch's ten steps."""
    draw = random.Random(seed)
    trial.kill("between an update and its being counted", PER_EPOCH * draw.randrange(EPOCHS) + 1)
    for _ in range(KILLS - 1):
        trial.kill(draw.choice((EVERY_STEP[0], *EVERY_SAVE)), draw.choice((1, 2)))
    trial.finish()


def _across_epochs(seed: int, trial: Trial) -> None:
    """With a checkpoint at every fourth step, each run takes up to nine steps, and the next one most of them again."""
    draw = random.Random(seed)
    for _ in range(KILLS):
        if draw.random() < 0.5:
            trial.kill(draw.choice(EVERY_SAVE), draw.choice((1, 2)))
        else:
            trial.kill(EVERY_STEP[1], draw.randint(2, 6))
    trial.finish()
