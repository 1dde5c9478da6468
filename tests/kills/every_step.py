"""K4: a checkpoint at every step, and a run that is resumed from each of them."""

from functools import partial

from .comparison import steps_saved
from .task import STEPS, TASKS
from .trial import Case, Trial, expect

SAMPLED = "everything, blocks of 1000", (*range(1, 12), 19, 20, 21, 40, STEPS - 1)


def cases(sample: bool) -> list[Case]:
    """Return a case for each step of each task but the last; the sample has some of one task."""
    return [
        Case("K4", f"from step {step}", task, partial(_resume_from, step), disturbances=0)
        for task in (SAMPLED[:1] if sample else TASKS)
        for step in (SAMPLED[1] if sample else range(1, STEPS))
    ]


def _resume_from(step: int, trial: Trial) -> None:
    every_step = trial.lab.golden(trial.case.task, save_every=1, keep=STEPS).run
    saved = steps_saved(every_step)
    expect(list(saved) == list(range(1, STEPS + 1)), f"expected a checkpoint of each step, got {list(saved)}")
    ended = trial.run(("--ckpt_path", str(saved[step]), "--checkpoints.keep=2"))
    expect(ended.code == 0, f"the resumed run ended with exit code {ended.code}: {ended.text('err')[-1000:]}")
    trial.expect_same_samples(range(step, STEPS))
    trial.expect_same_results(every_step)
