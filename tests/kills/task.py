"""What is trained: 60 steps on a small data set of its own, by every kind of training step that there is."""

from pathlib import Path

import numpy as np

EPOCHS, STEPS = 6, 60  # of 10 mini-batches: 540 images of 600, the rest is for validation
BATCH_SIZE = 56  # the last mini-batch of an epoch has 36
SAVE_EVERY = 4  # steps, so that an epoch ends between two saves as well as with one

_COMMON = (
    "--name=tiny",
    "--trainer.accelerator=cpu",
    "--model.hidden_sizes=[16,16]",
    f"--data.batch_size={BATCH_SIZE}",
    f"--trainer.max_epochs={EPOCHS}",
    "--trainer.log_every_n_steps=3",
    "--loss_line.every_n_epochs=1",
    "--trainer.logger=true",
    "--gradient_health.every_n_steps=7",
    "--report=false",
)
_VALIDATED = ("--data.validation_fraction=0.1",)
_MOMENTUM = ("--model.activation=tanh", "--model.lr=0.1", "--model.momentum=0.9")
_EVERYTHING = (
    "--model.normalization=batch_norm",
    "--model.activation=[gelu,leaky_relu]",
    "--model.dropout=[0.2,0.1]",
    "--model.residual=true",
    "--model.label_smoothing=0.1",
    "--model.ema_decay=0.9",
    "--model.clip_norm=0.5",
    "--model.optimizer=torch.optim.AdamW",
    "--model.optimizer.lr=0.01",
    "--model.optimizer.weight_decay=0.1",
    "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR",  # which varies the momentum, too
    "--model.scheduler.max_lr=0.02",
    f"--model.scheduler.total_steps={STEPS}",
    "--data.deformation.rotation=10",
    "--data.deformation.scale=0.1",
    "--data.deformation.elastic_strength=0.5",
    "--data.deformation.elastic_smoothness=2",
)
_CONVNET = (
    "--model.network=convnet",
    "--model.hidden_sizes=null",
    "--model.widths=[4,6]",
    "--model.dropout=0.2",
    "--model.matmul_dtype=bfloat16",
    "--model.ema_decay=0.9",
    "--model.lr=0.1",
    "--model.momentum=0.9",
    "--data.deformation.rotation=10",
)
TASKS: dict[str, tuple[str, ...]] = {
    # Each step is taken in Python, one at a time, where it can be disturbed at any point; validated in mid-epoch.
    "plain": (*_VALIDATED, *_MOMENTUM, "--model.captured=false", "--trainer.val_check_interval=5"),
    "replayed": (*_VALIDATED, *_MOMENTUM, "--model.step=captured"),
    "fused": (*_VALIDATED, *_MOMENTUM, "--model.step=fused"),
    "everything, blocks of 1": (*_VALIDATED, *_EVERYTHING, "--data.block_size=1"),
    "everything, blocks of 4": (*_VALIDATED, *_EVERYTHING, "--data.block_size=4"),
    "everything, blocks of 1000": (*_VALIDATED, *_EVERYTHING, "--data.block_size=1000"),
    "convnet": (*_VALIDATED, *_CONVNET),
    "no validation": ("--data.validation_fraction=0", *_MOMENTUM, "--data.batch_size=62"),
}


def arguments_of(task: str, data: Path, save_every: int = SAVE_EVERY, keep: int = 2) -> tuple[str, ...]:
    """Return the arguments that train a task from the start, with a checkpoint every so many steps."""
    saves = (
        f"--checkpoints.every_n_steps={save_every}",
        "--checkpoints.every_n_seconds=null",  # or there would be others on a slow machine
        f"--checkpoints.keep={keep}",
    )
    return (*_COMMON, f"--data.source={data}", *TASKS[task], *saves)


def write_data(path: Path) -> None:
    """Write an .npz of 600 images to train on and 100 to test on: 8 x 8 pixels around the mean of their class."""
    generator = np.random.default_rng(0)
    means = 80 * generator.random((10, 8, 8))

    def draw(samples: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(samples) % 10
        return (means[labels] + 170 * generator.random((samples, 8, 8))).astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = draw(600), draw(100)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
