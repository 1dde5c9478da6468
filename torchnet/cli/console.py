"""What does not belong on the console."""

import logging
import warnings


def silence_libraries() -> None:
    """Keep Lightning's advertisements and hints off the console; errors are exceptions and stay."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=name)
