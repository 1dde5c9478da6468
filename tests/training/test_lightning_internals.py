"""The private names of Lightning that torchnet uses: each exists, and all of them stand in one file."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from lightning_fabric.utilities import distributed
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.strategies import DDPStrategy, launchers
from pytorch_lightning.trainer import call

from torchnet.training import lightning_internals

from ..conftest import ROOT

HOME = Path(lightning_internals.__file__)
NAMES = {
    "_batches_that_stepped": lambda: Trainer(logger=False).fit_loop.epoch_loop,
    "_call_callback_hooks": lambda: call,
    "_call_children_scripts": lambda: launchers._SubprocessScriptLauncher,
    "_callback_metrics": lambda: Trainer(logger=False)._logger_connector,
    "_check_on_train_epoch_end": lambda: EarlyStopping("val/loss"),
    "_checkpoint_connector": lambda: Trainer(logger=False),
    "_configure_launcher": lambda: DDPStrategy,
    "_data_fetcher": lambda: Trainer(logger=False).fit_loop,
    "_get_process_group_backend": lambda: DDPStrategy,
    "_launcher": lambda: DDPStrategy(),
    "_logger_connector": lambda: Trainer(logger=False),
    "_set_num_threads_if_needed": lambda: distributed,
    "_signal_connector": lambda: Trainer(logger=False),
    "_SubprocessScriptLauncher": lambda: launchers,
    "_timeout": lambda: DDPStrategy(),
    "_val_check_time_interval": lambda: Trainer(logger=False),
}


def private_names(path: Path) -> set[str]:
    """The private names in a file that the file does not define itself."""
    tree = ast.parse(path.read_text())
    defined, used = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("pytorch_lightning", "lightning_")):
            used.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (defined if is_own and isinstance(node.ctx, ast.Store) else used).add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    return {name for name in used if re.match(r"_[a-zA-Z]", name)} - defined


def test_the_list_in_the_file_is_complete():
    listed = set(re.findall(r"`(?:\w+\.)?(_\w+)", lightning_internals.__doc__))
    listed |= {name for words in re.findall(r"`(\w+)\.(\w+)`", lightning_internals.__doc__) for name in words}
    used = private_names(HOME) | {"_configure_launcher", "_launcher"}  # overridden and set there
    assert {name for name in listed if name.startswith("_")} == used == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:GPU available but not used")
def test_lightning_has_the_name(name):
    assert hasattr(NAMES[name](), name)


def test_no_other_file_uses_a_private_name_of_lightning():
    found = defaultdict(set)
    for path in (ROOT / "torchnet").rglob("*.py"):
        names = private_names(path) & set(NAMES)
        imports = re.findall(r"^from (?:pytorch_lightning|lightning_fabric)\S* import .*\b_\w+", path.read_text(), re.M)
        if path != HOME and (names or imports):
            found[path.relative_to(ROOT)] = names | set(imports)
    assert not found
