"""Datasets and data loaders, as in `torch.utils.data`.

torch fetches the samples of a batch one at a time and stacks them. Here a batch of a `TensorDataset`, or of a `Subset` of
one, is a single index operation: many times faster, with equal results. Samples of other datasets are fetched one at a time.
"""

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np

from minigrad.arguments import explain_classes, explain_functions
from minigrad.combining import stack
from minigrad.creation import from_numpy, tensor
from minigrad.dtypes import float64
from minigrad.ops import indexing
from minigrad.random import Generator, numpy_generator
from minigrad.tensor import Tensor, wrap
from minigrad.utils.samplers import BatchSampler as BatchSampler
from minigrad.utils.samplers import DistributedSampler as DistributedSampler
from minigrad.utils.samplers import RandomSampler as RandomSampler
from minigrad.utils.samplers import Sampler as Sampler
from minigrad.utils.samplers import SequentialSampler as SequentialSampler
from minigrad.utils.samplers import SubsetRandomSampler as SubsetRandomSampler
from minigrad.utils.samplers import WeightedRandomSampler as WeightedRandomSampler

T_co = TypeVar("T_co", covariant=True)
Indices = Sequence[int] | np.ndarray[Any, np.dtype[np.int64]]

# ------------------------------------------------------------------------------------------------------- datasets


class SupportsGetItem(Protocol[T_co]):
    """Anything with samples at integer indices: a dataset, a list, an array, a tensor."""

    def __getitem__(self, index: int, /) -> T_co: ...


class Dataset(Generic[T_co]):
    """Base class of map-style datasets: a subclass defines ``__getitem__(index)`` and usually ``__len__()``."""

    def __getitem__(self, index: int) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: "Dataset[T_co]") -> "ConcatDataset[T_co]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Base class of datasets that are streams: a subclass defines ``__iter__()``, and ``__len__()`` if it knows."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """A dataset of tensors with equal first dimension N; sample k is ``(tensors[0][k], tensors[1][k], ...)``.

    Args:
        tensors: One or more tensors of shape (N, ...).

    Raises:
        ValueError: No tensor is given.
        AssertionError: The sizes of the first dimension differ.

    >>> import minigrad
    >>> TensorDataset(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([5, 6]))[1]
    (tensor([3, 4]), tensor(6))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one tensor")
        counts = [len(t) for t in tensors]
        if len(set(counts)) != 1:
            raise AssertionError(f"Size mismatch between tensors: their first dimensions are {counts}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset[T_co]):
    """The samples of a dataset at given indices; sample k is ``dataset[indices[k]]``."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> T_co:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T_co]):
    """The concatenation of several datasets.

    Raises:
        AssertionError: No dataset is given.
        IndexError: An index is out of range.
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        self.cumulative_sizes = list(accumulate(len(cast(Any, d)) for d in self.datasets))

    def __getitem__(self, index: int) -> T_co:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"index {index} is out of range for a dataset of {len(self)} samples")
        k = int(np.searchsorted(self.cumulative_sizes, position, side="right"))
        return self.datasets[k][position - (self.cumulative_sizes[k - 1] if k else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[T_co] | Sequence[T_co], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Randomly split a dataset into disjoint subsets that cover it.

    Args:
        dataset: The dataset to split.
        lengths: Either sizes that sum to ``len(dataset)``, or fractions that sum to 1. Fractions of the length are rounded
            down, and the remaining samples are distributed one by one from the first subset on.
        generator: The random generator; the default generator if None.

    Raises:
        ValueError: The lengths have the wrong sum, or one is out of range.
        TypeError: The lengths are floats that do not sum to 1.
    """
    total = len(cast(Any, dataset))
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for k, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {k} is not between 0 and 1")
        sizes = [math.floor(total * fraction) for fraction in lengths]
        remaining = total - sum(sizes)
        sizes = [size + remaining // len(sizes) + (k < remaining % len(sizes)) for k, size in enumerate(sizes)]
        for k, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"Length of split at index {k} is 0. This might result in an empty dataset.", stacklevel=2)
    elif sum(lengths) == total and min(lengths) >= 0:
        sizes = list(map(operator.index, cast(Sequence[int], lengths)))
    else:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = numpy_generator(generator).permutation(total).tolist()
    return [Subset(cast(Any, dataset), order[end - size : end]) for size, end in zip(sizes, accumulate(sizes), strict=True)]


# --------------------------------------------------------------------------------------------------------- batches


def default_collate(samples: Sequence[Any]) -> Any:
    """Combine a list of samples into a batch with a new first dimension, as `torch.utils.data.default_collate`.

    N tensors or arrays of shape (...) become one tensor of shape (N, ...). Python scalars become a tensor of shape (N,)
    (floats of dtype float64, as in torch), strings a list. Mappings and sequences are collated entry by entry; a sequence
    becomes a list, a named tuple remains one.

    Raises:
        TypeError: The samples have another type.
        RuntimeError: The samples differ in size.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ['a', 'b']]
    """
    first = samples[0]
    if isinstance(first, Tensor):
        shapes = [sample.array.shape for sample in samples]
        if len(set(shapes)) > 1:
            raise RuntimeError(f"stack expects each tensor to be equal size, but the samples have shapes {shapes}")
        if any(sample.requires_grad for sample in samples):
            return stack(samples)
        return wrap(np.stack([sample.array for sample in samples]))
    if isinstance(first, np.ndarray | np.generic):
        return from_numpy(np.stack(samples))
    if isinstance(first, int | float):
        return tensor(samples, dtype=float64 if isinstance(first, float) else None)
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in samples):
            raise RuntimeError("each element in list of batch should be of equal size")
        entries = [default_collate(column) for column in zip(*samples, strict=True)]
        return type(first)(*entries) if hasattr(first, "_fields") else entries
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}"
    )


def fetch_batch(dataset: Any, indices: Indices) -> Any:
    """Return the collated samples at the indices. A `TensorDataset` needs one index operation for each of its tensors."""
    kind = type(dataset).__getitem__
    if kind is Subset.__getitem__:
        return fetch_batch(dataset.dataset, [dataset.indices[k] for k in indices])
    if kind is TensorDataset.__getitem__:
        index = (np.array(indices, np.int64),)
        return [indexing.getitem(t, index=index) for t in dataset.tensors]
    return default_collate([dataset[k] for k in indices])


def get_worker_info() -> Any:
    """Return None, as torch does in the main process, in which all batches are made."""
    return None


class DataLoader(Generic[T_co]):
    """Iterates over batches of a dataset; one iteration is one epoch.

    torch's arguments for worker processes and pinned memory are accepted and checked, but batches are made in this process,
    and worker_init_fn is not called.

    Args:
        dataset: A map-style dataset, with ``__getitem__`` and ``__len__``, or an `IterableDataset`.
        batch_size: Samples in a batch; the last batch may be smaller. None disables batching and yields single samples.
        shuffle: Whether to visit the samples in a new random order in each epoch.
        sampler: Yields indices; excludes shuffle.
        batch_sampler: Yields lists of indices; excludes batch_size, shuffle, sampler and drop_last.
        num_workers: At least 0.
        collate_fn: Makes a batch from a list of samples; `default_collate` if None.
        pin_memory: Has no effect, like the arguments after drop_last, but generator.
        drop_last: Whether to omit a smaller last batch.
        generator: The random generator of shuffle; the default generator if None.

    Raises:
        ValueError: Arguments are out of range or exclude each other.

    >>> import minigrad
    >>> dataset = TensorDataset(minigrad.arange(5))
    >>> [batch for (batch,) in DataLoader(dataset, batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self,
        dataset: SupportsGetItem[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0 or timeout < 0 or (prefetch_factor or 0) < 0:
            raise ValueError("num_workers, timeout and prefetch_factor options should be non-negative")
        for name, value in (("prefetch_factor", prefetch_factor), ("multiprocessing_context", multiprocessing_context)):
            if num_workers == 0 and value is not None:
                raise ValueError(f"{name} option could only be specified with num_workers > 0")
        if num_workers == 0 and persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        is_stream = isinstance(dataset, IterableDataset)
        if is_stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler options"
            )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
        if batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        self.dataset = dataset
        self.batch_size = batch_size if batch_sampler is None else None
        self.drop_last = drop_last
        self.generator = generator
        self.collate_fn = collate_fn
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.worker_init_fn = worker_init_fn
        if is_stream:
            sampler = cast(Any, dataset)  # the samples themselves take the place of indices
        elif sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler

    def __iter__(self) -> Iterator[Any]:
        dataset, collate = self.dataset, self.collate_fn
        if isinstance(dataset, IterableDataset):
            collate = collate or (default_collate if self.batch_sampler is not None else lambda sample: sample)
            return map(collate, self.sampler if self.batch_sampler is None else self.batch_sampler)
        if self.batch_sampler is None:
            return (dataset[k] if collate is None else collate(dataset[k]) for k in self.sampler)
        if collate is None:
            return (fetch_batch(dataset, indices) for indices in self.batch_sampler)
        return (collate([dataset[k] for k in indices]) for indices in self.batch_sampler)

    def __len__(self) -> int:
        return len(cast(Any, self.sampler if self.batch_sampler is None else self.batch_sampler))


explain_classes(globals(), "__init__", "__getitem__", "__iter__", "__len__")
explain_functions(globals())
