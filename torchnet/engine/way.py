"""How an engine computes its steps: eagerly, captured, or fused."""

from collections.abc import Callable
from dataclasses import dataclass

from torchnet.engine.fused.description import NotFusedError, describe
from torchnet.engine.fused.steps import try_fused_steps
from torchnet.step import Recipe

WAYS = ("eager", "captured", "fused")
# Outputs of a layer. On a CPU the numbers of a wider layer leave the cache of a core between two of its products.
_WIDE = 256


@dataclass(frozen=True)
class Way:
    """How steps are computed.

    Attributes:
        name: "eager": Python calls torch's operations one by one; "captured": the same operations are replayed, with
            the same bits; "fused": compiled code computes the step, and adds up in another order.
        reason: why it is not fused, unless another way was asked for.
    """

    name: str
    reason: str | None = None

    @property
    def order_of_sums(self) -> str:
        """What the bits of a result depend on: "fused", or "plain" for the other two ways."""
        return "fused" if self.name == "fused" else "plain"


def choose_way(
    wanted: str | None,
    recipe: Recipe,
    tf32: bool = False,
    notice: Callable[[str], None] = lambda text: None,
    batch_size: int = 1,
) -> Way:
    """Return the way that is wanted, or the next one that works: fused, captured, eager.

    Args:
        wanted: a name in `WAYS`; None for the fastest.
        recipe: what the steps work with.
        tf32: let a GPU round the operands of float32 products to TF32.
        notice: called with a sentence if something has to be compiled first.
        batch_size: the size of most mini-batches, for which a GPU's kernels are compiled at once.
    """
    reason = None
    if wanted in ("fused", None):
        try:
            if wanted is None and recipe.images.device.type == "cpu" and max(describe(recipe).sizes[1:]) > _WIDE:
                raise NotFusedError(f"a layer has more than {_WIDE} outputs, where torch's products are as fast")
            try_fused_steps(recipe, tf32, notice, batch_size)
            return Way("fused")
        except NotFusedError as error:
            reason = str(error)
    is_alone = recipe.gradient_sum is None and recipe.hooks is None
    return Way("captured" if is_alone and wanted != "eager" else "eager", reason)
