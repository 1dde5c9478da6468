"""What TensorBoard shows beside the metrics: options, the graph of layers, histograms, and the worst mistakes."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor, nn

from torchnet.layers import Residual
from torchnet.reporting.evaluation import pixels_of
from torchnet.runs.signals import signals_held

_EVERY_N_EPOCHS = 5
_BINS = 64
_OPTIONS = ("model.", "data.", "seed_everything", "trainer.max_")
_INPUT = "input"  # the first node of the graph


class TensorBoardLog(Callback):
    """Write to the TensorBoard loggers of a run, if it has any. It reads the state of training and changes nothing.

    At the start, the options of the run and the graph of its layers. After epochs 1, 6, 11, ..., histograms of each
    weight and of its gradient in the last step. From the report: the scores and the most confident mistakes.

    Args:
        options: the name and value of each option of the run.
    """

    def __init__(self, options: Iterable[tuple[str, Any]]) -> None:
        of_training = {name: value for name, value in options if name.startswith(_OPTIONS) and value is not None}
        self.options = {name: it if isinstance(it, (float, int)) else str(it) for name, it in of_training.items()}

    @signals_held()
    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit
        scores = [f"final/{split}_{pl_module.score_name}" for split in data.splits]
        for writer in _writers(trainer):
            from tensorboard.compat.proto.event_pb2 import Event
            from torch.utils.tensorboard.summary import hparams

            for summary in hparams(self.options, dict.fromkeys(scores, 0.0)):  # declared here, and logged at the end
                writer.file_writer.add_summary(summary)
            writer.file_writer.add_event(Event(graph_def=_graph(pl_module.net).SerializeToString()))

    @signals_held()
    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any) -> None:
        # At the end of the epoch it would be too late: a validation takes .grad away.
        if not trainer.is_last_batch or trainer.current_epoch % _EVERY_N_EPOCHS != 0:
            return
        for writer in _writers(trainer):
            for name, weight in pl_module.net.named_parameters():
                grad = pl_module.engine.unclipped.get(name, weight.grad)
                for kind, tensor in (("weights", weight), ("gradients", grad)):
                    writer.add_histogram_raw(
                        f"{kind}/{name}", **_histogram(tensor), global_step=trainer.global_step - 1
                    )

    @signals_held()
    def log_report(self, trainer: Trainer, report: dict[str, Any]) -> None:
        """Write the scores of each split, and the most confident mistakes as images."""
        score = "r2" if report["task"] == "regression" else "accuracy"
        for writer in _writers(trainer):
            for split, value in report[score].items():
                writer.add_scalar(f"final/{split}_{score}", value, trainer.global_step - 1)
            for tag, image in _mistakes(report):
                writer.add_image(tag, image, trainer.global_step - 1, dataformats="HW" if image.ndim == 2 else "HWC")
            writer.close()


def _writers(trainer: Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def _mistakes(report: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a name and the image of each mistake of the test set that is an image of 1 or 3 channels."""
    for number, mistake in enumerate(report.get("mistakes", {}).get("test", []), start=1):
        shape = mistake["shape"]
        if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)):
            label, predicted = (report["classes"][mistake[key]] for key in ("label", "predicted"))
            yield f"mistakes/{number:02}_{label}_predicted_as_{predicted}", pixels_of(mistake)


def _histogram(tensor: Tensor) -> dict[str, Any]:
    """Return the histogram of a tensor, in fewer bins and less time than SummaryWriter.add_histogram."""
    values = tensor.detach().cpu().numpy().ravel()
    try:
        counts, edges = np.histogram(values, bins=_BINS)
    except ValueError:  # the values are too close to each other, or too far apart, for so many bins
        counts, edges = np.array([values.size]), np.array([values.min(), values.max()])
    return {
        "min": values.min(),
        "max": values.max(),
        "num": values.size,
        "sum": values.sum(dtype=np.float64),
        "sum_squares": np.einsum("i,i", values, values, dtype=np.float64, casting="safe"),
        "bucket_limits": edges[1:].tolist(),
        "bucket_counts": counts.tolist(),
    }


def _graph(net: nn.Module) -> Any:
    """Return the layers of a network as a graph of TensorBoard, with the shapes of their weights."""
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    return GraphDef(node=[*_nodes(net.children(), "", _INPUT)])


def _nodes(layers: Iterable[nn.Module], prefix: str, before: str) -> Iterator[Any]:
    """Yield the node of each layer; `before` is the name of the node that the first one reads."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef

    if before == _INPUT:
        yield NodeDef(name=_INPUT, op="Input")
    for number, layer in enumerate(layers):
        kind = type(layer).__name__
        name, inputs = f"{prefix}{number}_{kind}", [before]
        if isinstance(layer, Residual):
            inner = [*_nodes(layer, f"{name}/", before)]
            yield from inner
            name, kind, inputs = f"{name}/sum", "Add", [before, inner[-1].name]
        shapes = {key: " x ".join(map(str, it.shape)) for key, it in layer.named_parameters(recurse=kind != "Add")}
        attributes = {key: AttrValue(s=shape.encode()) for key, shape in shapes.items()}
        yield NodeDef(name=name, op=kind, input=inputs, attr=attributes)
        before = name
