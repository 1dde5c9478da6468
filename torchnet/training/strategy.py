"""Lightning's strategy for several processes: its devices, environments and launchers, and gradients that are summed.

Its own, DDP, wraps the network in what waits for autograd. It refuses a network without, and with hand-written
gradients it would sum nothing. Here nothing is wrapped: the engine sums the gradients as backward writes them
(torchnet/replicas.py).
"""

import os
import socket
from datetime import timedelta
from typing import Any, cast

import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry

from torchnet.replicas import Replicas
from torchnet.training.errors import LostProcessError
from torchnet.training.launcher import Launcher

_NAME = "ddp"  # what Lightning chooses by itself where it is asked for more than one device


class ReplicaStrategy(DDPStrategy):
    """Run a replica of the network in each process, one a device."""

    def _configure_launcher(self) -> None:
        self._launcher = Launcher(cast(Any, self.cluster_environment), self.num_processes, self.num_nodes)

    def setup_distributed(self) -> None:
        """Connect the processes.

        Raises:
            LostProcessError: if they do not all show up in time.
        """
        self.set_world_ranks()
        environment, size = cast(Any, self.cluster_environment), self.num_nodes * self.num_processes
        address, port = environment.main_address, environment.main_port
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = address, str(port)
        timeout = cast(timedelta, self._timeout)
        device = None if self.root_device.type == "cpu" else self.root_device
        try:
            store = (
                _store_of_one_machine(address, port, self.global_rank, size, timeout) if self.num_nodes == 1 else None
            )
            dist.init_process_group(
                self._get_process_group_backend(),
                store=store,
                rank=self.global_rank,
                world_size=size,
                timeout=timeout,
                device_id=device,
            )
        except (dist.DistError, OSError) as error:
            raise LostProcessError(
                f"expected {size} processes to meet at {address}:{port} within {timeout.total_seconds():g} seconds, "
                f"and not all did ({str(error).splitlines()[0]})",
                "start the same command for each of them; on several machines MASTER_ADDR and MASTER_PORT must be the "
                "same, and NODE_RANK another on each",
            ) from error

    def configure_ddp(self) -> None:
        """Begin with the network of the first process, in place of a wrapper around it."""
        Replicas().copy_first(cast(Any, self.model).state_dict().values())


def use_replicas(timeout: timedelta) -> None:
    """Have Lightning take this strategy where it would take its own for several devices.

    Args:
        timeout: how long a process waits for the others.
    """
    StrategyRegistry.register(_NAME, ReplicaStrategy, "replicas of a network", override=True, timeout=timeout)


def _store_of_one_machine(address: str, port: int, rank: int, size: int, timeout: timedelta) -> dist.Store | None:
    """Return where the processes of one machine meet; None if what started them has a place for that.

    Nothing of theirs listens on the network, as it would by default.
    """
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    if loopback is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        return None
    listening = socket.create_server((address, port)).detach() if rank == 0 else None
    return dist.TCPStore(address, port, size, is_master=rank == 0, timeout=timeout, master_listen_fd=listening)
