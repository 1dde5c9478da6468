"""JAX: each epoch is one compiled function, a scan over its steps."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.comparison.task import LR, Task, Weights
from benchmarks.peers import TimedEpochs

Params = list[tuple[jax.Array, jax.Array]]


def loss_of(params: Params, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a mini-batch."""
    x = images.astype(jnp.float32) / 255
    for weight, bias in params[:-1]:
        x = jax.nn.sigmoid(x @ weight.T + bias)
    weight, bias = params[-1]
    log_p = jax.nn.log_softmax(x @ weight.T + bias)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


def train_epoch(params: Params, images: jax.Array, labels: jax.Array, order: jax.Array) -> tuple[Params, jax.Array]:
    """Take one step for each row of the order; return the new weights and the losses."""

    def step(params: Params, chosen: jax.Array) -> tuple[Params, jax.Array]:
        loss, grads = jax.value_and_grad(loss_of)(params, images[chosen], labels[chosen])
        return jax.tree.map(lambda weight, grad: weight - LR * grad, params, grads), loss

    return jax.lax.scan(step, params, order)


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Compile, then train epoch by epoch."""
    params = jax.tree.map(jnp.asarray, task.weights())
    images, labels = jnp.asarray(task.train_images), jnp.asarray(task.train_labels, jnp.int32)
    orders = task.orders.astype(np.int32).reshape(len(task.orders), *task.batches(0).shape)
    compiled = jax.jit(train_epoch, donate_argnums=0).lower(params, images, labels, jnp.asarray(orders[0])).compile()

    def weights() -> Weights:
        return [(np.asarray(weight), np.asarray(bias)) for weight, bias in params]

    for epoch in timed_epochs(weights):
        params, losses = compiled(params, images, labels, jnp.asarray(orders[epoch]))
        jax.block_until_ready((params, losses))
