"""The run itself, in a fork of the zygote: it comes by its site, and is disturbed there."""

import json
import os
import signal
import sys
import time
import traceback
from functools import partial
from typing import NoReturn

import torch

from torchnet.cli.main import main

from .faults import FAULTS
from .ledger import keep_ledger
from .plan import ROOT, TIME_LIMIT, Plan
from .sites import SITES

torch.set_num_threads(1)
_FAILED = 1  # Python's own exit code behind a traceback


def run(plan: Plan) -> NoReturn:
    """Do what `python train.py` does in the folder of the plan, and end the process as it does."""
    code = _FAILED
    try:
        code = _run(plan)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(plan: Plan) -> int:
    os.chdir(plan.folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(plan.path(kind), os.O_WRONLY | os.O_CREAT), descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as a shell has it
    signal.alarm(TIME_LIMIT)
    sys.modules["tensorboard"] = None  # or its log would take as long as the training
    passed: list[str] = []
    for site, plant in SITES.items():
        if plan.traced or site == plan.site:
            plant(partial(_come_by, plan, site, passed))
    for fault in plan.faults:
        FAULTS[fault]()
    keep_ledger(plan.path("ledger"))
    code = main(ROOT / "configs", list(plan.arguments))
    if plan.traced:
        plan.path("trace").write_text(json.dumps(passed))
        names = (name for name, module in sys.modules.items() if module is not None and name != "__main__")
        plan.path("modules").write_text("\n".join(names))
    return code


def _come_by(plan: Plan, site: str, passed: list[str]) -> None:
    passed.append(site)
    if site != plan.site or passed.count(site) != plan.call:
        return
    marker = json.dumps({"site": site, "call": plan.call, "time": time.monotonic()})
    os.write(os.open(plan.path("marker"), os.O_WRONLY | os.O_CREAT), marker.encode())
    if plan.action == "raise":
        raise RuntimeError(f"a fault at {site}")
    os.kill(os.getpid(), signal.Signals[plan.action])
