"""What is kept off the console."""

import logging
import warnings


def silence_libraries() -> None:
    """Silence Lightning's hints and advertisements; errors are exceptions and stay."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=name)
