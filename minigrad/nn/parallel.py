"""Data parallelism: each process has the whole model and a part of the data."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from math import inf
from typing import Any

import numpy as np

from minigrad.distributed import group
from minigrad.grad_mode import thread
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, wrap

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module in every process of a group, with gradients that are averaged over the processes after each backward.

    At the start all processes take the parameters and buffers of rank 0. When ``backward`` has computed the gradients of a
    loss that was computed through this module, each `grad` is replaced by its average over the processes, so that optimizers
    make the same step everywhere. A parameter that a process has not used counts as zero there; one that no process has used
    keeps its grad. Equals ``torch.nn.parallel.DistributedDataParallel`` on the CPU.

    Every process must call backward equally often. For gradients of the whole batch each process takes equally many samples,
    as with `minigrad.utils.data.DistributedSampler`, and losses are means.

    Args:
        module: The module; used as ``ddp(x)``. Its parameters have the prefix "module." here, as in torch.
        bucket_cap_mb: How many megabytes of gradients are put together and sent at once.
        broadcast_buffers: Give all processes the buffers of rank 0 before each forward pass in training mode.
        find_unused_parameters: For torch's sake; unused parameters are always found.

    Raises:
        RuntimeError: There is no group; or the processes have modules of other parameters; or a collective operation comes at
            another time in another process.

    The gradients arrive together at the end of backward here, so that there is no computation to overlap with.
    """

    def __init__(
        self, module: Module, bucket_cap_mb: float = 25, broadcast_buffers: bool = True, find_unused_parameters: bool = False
    ) -> None:
        super().__init__()
        self.module = module
        self.bucket_bytes = int(bucket_cap_mb * 2**20)
        self.broadcast_buffers = broadcast_buffers
        self.requires_sync = True
        named = [*module.named_parameters(), *module.named_buffers()]
        group().agree("DistributedDataParallel", [(name, tuple(x.shape), str(x.dtype)) for name, x in named])
        self._broadcast([x for _, x in named])
        self.hooked: set[tuple[int, int]] = set()
        self._register_hooks()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of the module."""
        self._register_hooks()
        buffers = list(self.module.buffers())
        if buffers and self.broadcast_buffers and self.training and self.requires_sync:
            group().agree("forward of DistributedDataParallel")
            self._broadcast(buffers)
        return self.module(*args, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Accumulate gradients in this process alone; the next backward outside averages the sums."""
        previous, self.requires_sync = self.requires_sync, False
        try:
            yield
        finally:
            self.requires_sync = previous

    def average_gradients(self) -> None:
        """Replace the gradients by their averages over the processes. The end of backward calls it."""
        params = self._trained()
        group().agree("backward through DistributedDataParallel", len(params))
        users = group().total(np.array([p.grad is not None for p in params], np.int64))
        for bucket in self._buckets([p for p, count in zip(params, users, strict=True) if count]):
            parts = [np.zeros_like(p.array) if p.grad is None else p.grad.array for p in bucket]
            averages = group().total(np.concatenate([part.ravel() for part in parts])) / group().size
            ends = np.cumsum([part.size for part in parts])
            for p, average in zip(bucket, np.split(averages, ends[:-1]), strict=True):
                if p.grad is None:
                    p.grad = wrap(np.empty_like(p.array))
                p.grad.write(average.reshape(p.array.shape))

    def _trained(self) -> list[Tensor]:
        return [p for p in self.module.parameters() if p.requires_grad]

    def _register_hooks(self) -> None:
        """Have the gradients announced, also of parameters that are new or no longer frozen, and in a copy of this module."""
        for p in self._trained():
            if (id(self), id(p)) not in self.hooked:
                self.hooked.add((id(self), id(p)))
                p.register_post_accumulate_grad_hook(self._grad_has_come)

    def _buckets(self, params: Iterable[Tensor]) -> list[list[Tensor]]:
        """Return parameters in lists of one dtype and of at most `bucket_bytes`, if one is not larger alone."""
        buckets: list[list[Tensor]] = []
        for _, same in groupby(sorted(params, key=lambda p: p.array.dtype.char), key=lambda p: p.array.dtype.char):
            size = inf  # of the last bucket; there is none yet
            for p in same:
                if size + p.array.nbytes > self.bucket_bytes:
                    buckets.append([])
                    size = 0
                buckets[-1].append(p)
                size += p.array.nbytes
        return buckets

    def _broadcast(self, tensors: Iterable[Tensor]) -> None:
        for x in tensors:
            x.write(group().of_rank(0, x.array))

    def _grad_has_come(self, parameter: Tensor) -> None:
        if self.requires_sync and self.average_gradients not in thread.state.after_backward:
            thread.state.after_backward.append(self.average_gradients)
