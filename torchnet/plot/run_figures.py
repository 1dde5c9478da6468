"""The figures of the report of a run."""

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchnet.drawing.figure import titled
from torchnet.drawing.style import STYLE
from torchnet.reporting.figures import charts, classes
from torchnet.reporting.run_data import RunData
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import run_of
from torchnet.runs.prediction.loaded_run import LoadedRun
from torchnet.runs.record import read_record


@rc_context(STYLE)
def loss_curve(run: LoadedRun) -> Figure:
    """Draw the loss of each split over the epochs of a run, on a log scale.

    Args:
        run: what `torchnet.load` returns.

    Raises:
        UsageError: if the run did not log it, or it is an exported file; DataError: if a file of the run is corrupt.
    """
    data = _data(run)
    return _titled(charts.curves([data], [""], "loss"), data, "loss", "train it for an epoch")


@rc_context(STYLE)
def score_curve(run: LoadedRun) -> Figure:
    """Draw the accuracy in percent, or the R² of a regression, of each split over the epochs of a run.

    The argument and the errors are those of `loss_curve`.
    """
    data = _data(run)
    return _titled(charts.curves([data], [""], "score"), data, data.score_title, "train it for an epoch")


@rc_context(STYLE)
def confusion_matrix(run: LoadedRun) -> Figure:
    """Draw the confusion matrix of the test set of a run: how many samples of each class were read as which.

    The argument and the errors are those of `loss_curve`.
    """
    data = _data(run)
    return _titled(
        classes.confusion(data),
        data,
        "confusion matrix of the test set",
        f"train it to its end, with at most {classes.MOST_CLASSES} classes",
    )


@rc_context(STYLE)
def gradient_norms(run: LoadedRun) -> Figure:
    """Draw the norm of the gradient of each layer over the steps of a run, on a log scale.

    The argument and the errors are those of `loss_curve`.
    """
    data = _data(run)
    drawn = charts.health(data, ("gradient_norm",), "norm of the gradient, ‖∂L/∂W‖", None)
    return _titled(drawn, data, "gradient norms", "train it for some 100 steps, with gradient_health")


def _data(run: LoadedRun) -> RunData:
    """Return what the files in the folder of a run hold."""
    return read_record(run_of(run.path), (run.net, run.preprocessing))


def _titled(figure: Figure | None, run: RunData, what: str, advice: str) -> Figure:
    if figure is None:
        raise UsageError(f"{run.folder}: expected a run with its {what}, found nothing to draw: {advice}")
    return titled(figure, f"{run.name}: {what}")
