"""Run the notebooks, each in an empty folder, as many at once as there are cores, before MyST-NB shows them.

MyST-NB finds the outputs in the cache. A notebook that fails is not there; MyST-NB runs it again and reports the error.
"""

import logging
import os
import shutil
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.logging import getLogger

ROOT = Path(__file__).parent.parent.parent
LOGGER = getLogger(__name__)
FAILURES = logging.getLogger(__name__)
FAILURES.setLevel(logging.WARNING)  # the executor reports each step otherwise


def run_notebooks(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run the notebooks that are about to be read, and print the time of each."""
    notebooks = [path for name in docnames if (path := env.doc2path(name)).suffix == ".ipynb"]
    if not notebooks or app.config.nb_execution_mode == "off":
        return
    folder = Path(env.mystnb_config.execution_cache_path)  # type: ignore[attr-defined]  # MyST-NB sets it
    shutil.rmtree(folder, ignore_errors=True)  # the code that they call may have changed
    cache = get_cache(folder)
    for path in notebooks:
        cache.add_nb_to_project(str(path))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the kernels, which share the cores
    os.environ.setdefault("TORCHNET_DATA", str(ROOT / "data"))  # and MNIST
    load_executor("temp-parallel", cache, FAILURES).run_and_cache(timeout=app.config.nb_execution_timeout)
    times = {Path(record.uri).name: record.data["execution_seconds"] for record in cache.list_cache_records()}
    for name, seconds in sorted(times.items()):
        LOGGER.info(f"{name} ran in {seconds:.0f} s")
    LOGGER.info(f"all notebooks: {sum(times.values()):.0f} s")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("env-before-read-docs", run_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
