"""Several processes that train one model together, in the names of ``torch.distributed``, on MPI.

    mpirun -n 4 python train.py

starts four processes. Each calls `init_process_group`, has a number from 0 on, its *rank*, and the same program to run. A
collective operation, such as `all_reduce`, is called by all of them; before anything is exchanged they compare what they are
about to do, so that a process which calls another operation, or has another shape, is an error on all and not a deadlock.

It needs an MPI, such as Open MPI, and mpi4py: ``pip install -e ".[distributed]"`` in a clone. Without them, or without
``mpirun``, everything works in a group of one process.
"""

import atexit
import os
import sys
import traceback
from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np

from minigrad.arguments import explain_functions
from minigrad.primitive import Array
from minigrad.tensor import Tensor

__all__ = [
    "ReduceOp", "all_gather", "all_reduce", "barrier", "broadcast", "destroy_process_group", "get_rank", "get_world_size",
    "init_process_group", "is_available", "is_initialized",
]  # fmt: skip

STARTED_BY_MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Variables of the environment that ``mpirun`` sets to the number of processes."""


class ReduceOp(Enum):
    """What `all_reduce` does with the values of the processes; the name is that of the operation in MPI."""

    SUM = "SUM"
    PRODUCT = "PROD"
    MIN = "MIN"
    MAX = "MAX"
    AVG = "AVG"


class Group:
    """The processes that work together.

    Attributes:
        mpi: The module mpi4py.MPI; None for a group of one process without it.
        rank: The number of this process.
        size: How many processes there are.
    """

    def __init__(self, mpi: Any) -> None:
        self.mpi = mpi
        self.world: Any = None if mpi is None else mpi.COMM_WORLD
        self.rank = 0 if self.world is None else self.world.Get_rank()
        self.size = 1 if self.world is None else self.world.Get_size()

    def agree(self, operation: str, details: Any = None) -> None:
        """Compare what all processes are about to do.

        Raises:
            RuntimeError: They are not about to do the same. It is raised in all of them.
        """
        if self.size == 1:
            return
        plans = self.world.allgather((operation, details))
        if any(plan != plans[0] for plan in plans):
            told = "; ".join(f"rank {rank}: {name} {'' if what is None else what}" for rank, (name, what) in enumerate(plans))
            raise RuntimeError(f"The processes do not do the same. {told}")

    def total(self, array: Array, operation: str = "SUM") -> Array:
        """Return the sum, or another reduction by its name in MPI, over the processes, in a new array; all get equal bits."""
        result = np.array(array, order="C")
        if self.size > 1:
            self.world.Allreduce(self.mpi.IN_PLACE, result, getattr(self.mpi, operation))
        return result

    def of_rank(self, rank: int, array: Array) -> Array:
        """Return the array that one process has, in a new array."""
        result = np.array(array, order="C")
        if self.size > 1:
            self.world.Bcast(result, rank)
        return result


current: list[Group] = []
"""The group of this process, once it is made."""


def group() -> Group:
    """Return the group.

    Raises:
        RuntimeError: There is none yet.
    """
    if not current:
        raise RuntimeError("Default process group has not been initialized, please make sure to call init_process_group.")
    return current[0]


def is_available() -> bool:
    """Return whether mpi4py can be imported and finds an MPI."""
    return load_mpi() is not None


def load_mpi() -> Any:
    """Return the module mpi4py.MPI, whose import starts MPI in this process; None if there is none."""
    try:
        return import_module("mpi4py.MPI")
    except (ImportError, RuntimeError):
        return None


def init_process_group(backend: str | None = None) -> None:
    """Join the group of the processes that ``mpirun`` has started; without ``mpirun``, a group of one.

    From now on an exception that leaves the program is printed and ends all processes, which would else wait for this one.

    Args:
        backend: "mpi", the only one.

    Raises:
        ValueError: backend is another one, or there is a group already.
        ImportError: ``mpirun`` has started several processes, but mpi4py is missing.
    """
    if backend not in (None, "mpi"):
        raise ValueError(f"init_process_group(): backend is 'mpi' here, the only one, but got {backend!r}")
    if current:
        raise ValueError("trying to initialize the default process group twice!")
    mpi = load_mpi()
    if mpi is None and any(int(os.environ.get(name, 1)) > 1 for name in STARTED_BY_MPI):
        raise ImportError('several processes were started, but mpi4py is missing: pip install -e ".[distributed]" in a clone')
    current.append(Group(mpi))
    if current[0].size > 1:
        sys.excepthook = end_all_processes
        atexit.register(leave, "the end of the program")


def end_all_processes(kind: Any, error: BaseException, trace: Any) -> None:
    """Print an exception with the rank of this process, and end all."""
    print(f"rank {group().rank} has failed:", file=sys.stderr)
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    group().world.Abort(1)


def destroy_process_group() -> None:
    """Leave the group. All processes must have come to this point."""
    group()
    leave("destroy_process_group")


def leave(operation: str) -> None:
    """Leave the group, if there is one."""
    if current:
        current[0].agree(operation)
        current.clear()
        sys.excepthook = sys.__excepthook__


def is_initialized() -> bool:
    """Return whether this process is in a group."""
    return bool(current)


def get_rank() -> int:
    """Return the number of this process, from 0 on."""
    return group().rank


def get_world_size() -> int:
    """Return how many processes there are."""
    return group().size


def barrier() -> None:
    """Wait until all processes have come to this point."""
    group().agree("barrier")


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM) -> None:
    """Replace a tensor, in place, by the sum, or another reduction, of those of all processes; all get the same bits.

    Raises:
        RuntimeError: The tensors differ in shape or dtype.
        ValueError: The average of integers is asked for.
    """
    g = group()
    if op is ReduceOp.AVG and not tensor.is_floating_point():
        raise ValueError(f"all_reduce(): ReduceOp.AVG takes floating-point tensors, but got {tensor.dtype}")
    g.agree("all_reduce", (op.value, tuple(tensor.shape), str(tensor.dtype)))
    values = g.total(tensor.array, "SUM" if op is ReduceOp.AVG else op.value)
    tensor.write(values / g.size if op is ReduceOp.AVG else values)


def broadcast(tensor: Tensor, src: int = 0) -> None:
    """Replace a tensor, in place, by that of one process.

    Raises:
        RuntimeError: The tensors differ in shape or dtype, or the processes name another source.
    """
    g = group()
    g.agree("broadcast", (src, tuple(tensor.shape), str(tensor.dtype)))
    tensor.write(g.of_rank(src, tensor.array))


def all_gather(tensor_list: Sequence[Tensor], tensor: Tensor) -> None:
    """Put the tensors of all processes into a list of tensors, by rank.

    Raises:
        RuntimeError: The tensors differ in shape or dtype.
        ValueError: The list has not one tensor for each process.
    """
    g = group()
    if len(tensor_list) != g.size:
        raise ValueError(f"all_gather(): tensor_list has {len(tensor_list)} tensors for {g.size} processes")
    g.agree("all_gather", (tuple(tensor.shape), str(tensor.dtype)))
    for rank, target in enumerate(tensor_list):
        target.write(g.of_rank(rank, tensor.array))


explain_functions(globals())
