"""JAX on a GPU: each epoch is one compiled function, a scan over its steps."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.child_process import ChildError
from benchmarks.comparison.task import Task, Weights
from benchmarks.peers.jax_scan import train_epoch


class JaxRun:
    """The compiled epoch, with its weights and data on the device."""

    def __init__(self, task: Task, precision: str | None) -> None:
        self.params = jax.tree.map(jnp.asarray, task.weights())
        self.data = jnp.asarray(task.train_images), jnp.asarray(task.train_labels, jnp.int32)
        with nullcontext() if precision is None else jax.default_matmul_precision(precision):
            lowered = jax.jit(train_epoch, donate_argnums=0).lower(
                self.params, *self.data, self.prepare(task.batches(0))
            )
        self.epoch = lowered.compile()

    def prepare(self, order: np.ndarray) -> jax.Array:
        return jax.block_until_ready(jnp.asarray(order.astype(np.int32)))

    def train(self, order: jax.Array) -> None:
        self.params, losses = self.epoch(self.params, *self.data, order)
        jax.block_until_ready((self.params, losses))

    def weights(self) -> Weights:
        return [(np.asarray(weight), np.asarray(bias)) for weight, bias in self.params]

    def kernels(self, order: jax.Array) -> None:
        return None  # torch's profiler does not see JAX


def build_jax(task: Task, device: str, precision: str | None) -> JaxRun:
    """Compile an epoch, with products in the precision "highest", or None for JAX's default.

    Raises:
        ChildError: if JAX finds no GPU.
    """
    if device == "cuda" and jax.default_backend() != "gpu":
        raise ChildError("JAX finds no GPU: install jax[cuda13], or jax[cuda12] for an older driver")
    return JaxRun(task, precision)
