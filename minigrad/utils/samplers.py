"""Samplers: in which order a loader takes the samples of a dataset, as in `torch.utils.data`."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any, Generic, TypeVar

import numpy as np

from minigrad.arguments import explain_classes
from minigrad.creation import randperm, tensor
from minigrad.distributed import get_rank, get_world_size
from minigrad.dtypes import float64
from minigrad.random import Generator, numpy_generator
from minigrad.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base class of samplers: ``__iter__`` yields the indices of one epoch."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """Yields the indices 0, 1, ..., ``len(data_source) - 1``."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Yields random indices, a new permutation at each iteration.

    Args:
        data_source: The dataset; only its length is used.
        replacement: Whether to draw with replacement.
        num_samples: The number of indices, ``len(data_source)`` if None. If it is larger, without replacement, several
            permutations follow one another.
        generator: The random generator; the default generator if None.

    Raises:
        TypeError: replacement is not a bool.
        ValueError: num_samples is not a positive integer.
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """The number of indices of one iteration."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        rng, size = numpy_generator(self.generator), len(self.data_source)
        draws = (rng.integers(0, size, 1024) if self.replacement else rng.permutation(size) for _ in repeat(None))
        return islice((k for some in draws for k in some.tolist()), self.num_samples)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Yields the given indices, in a new random order at each iteration."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[k] for k in numpy_generator(self.generator).permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Yields num_samples indices, each drawn with a probability proportional to its weight.

    Args:
        weights: One weight for each sample; they need not add up to 1.
        num_samples: The number of indices.
        replacement: Whether to draw with replacement.
        generator: The random generator; the default generator if None.

    Raises:
        ValueError: num_samples is not a positive integer, replacement not a bool, or the weights not a vector.
        RuntimeError: In an iteration: a weight is negative, or without replacement there are too few positive ones.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        return iter(self.weights.multinomial(self.num_samples, self.replacement, generator=self.generator).tolist())

    def __len__(self) -> int:
        return self.num_samples


class DistributedSampler(Sampler[int]):
    """The part of a dataset's indices that belongs to one process: every one of the group gets another part of each epoch.

    All get equally many: if the number of samples is no multiple of the number of processes, the first indices come again at
    the end or, with drop_last, the last ones are left out. Equals ``torch.utils.data.DistributedSampler``, but for the random
    numbers, and but for this: the epoch counts itself, so that `set_epoch` need not be called.

    Args:
        dataset: The dataset; only its length matters.
        num_replicas: The number of processes; default that of the group.
        rank: The number of the process; default that of this one.
        shuffle: In a new random order in each epoch, the same in all processes.
        seed: Determines the orders; it must be the same in all processes.
        drop_last: Leave indices out rather than repeat some.

    Raises:
        ValueError: rank is not from 0 to num_replicas - 1.

    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = get_world_size() if num_replicas is None else num_replicas
        self.rank = get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"Invalid rank {self.rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.epoch = -1

    def set_epoch(self, epoch: int) -> None:
        """Determine the order of the next epoch, as if so many had been before it."""
        self.epoch = epoch - 1

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        count, total = len(self.dataset), len(self) * self.num_replicas
        order = np.arange(count)
        if self.shuffle:
            order = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).numpy()
        return iter(np.resize(order, total)[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.num_replicas)
        return whole + bool(rest and not self.drop_last)


class BatchSampler(Sampler[list[int]]):
    """Yields lists of batch_size indices of a sampler. The last list may be shorter; drop_last omits it then.

    Raises:
        ValueError: batch_size is not a positive integer, or drop_last is not a bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        if not isinstance(sampler, Iterable) and not hasattr(sampler, "__getitem__"):
            raise TypeError(f"sampler should be an iterable of indices, but got {type(sampler).__name__}")
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        remainder = iter(self.sampler)
        while batch := list(islice(remainder, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, remainder = divmod(len(self.sampler), self.batch_size)
        return full + (remainder > 0 and not self.drop_last)


explain_classes(globals(), "__init__", "__iter__", "__len__", "set_epoch")
