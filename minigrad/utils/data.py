"""Data: datasets, splits, and loaders that hand them out in batches.

torch fetches the rows of a batch one by one and stacks them. Here the batch of a `TensorDataset`, or of a part of one, is
taken by a single index operation, which is many times faster and gives the same numbers; other datasets go row by row.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np

from minigrad.creation import from_numpy, tensor
from minigrad.dtypes import float64
from minigrad.ops import indexing
from minigrad.random import Generator, numpy_generator
from minigrad.tensor import Tensor, wrap

Row = TypeVar("Row", covariant=True)
Indices = Sequence[int] | np.ndarray[Any, np.dtype[np.int64]]

# ------------------------------------------------------------------------------------------------------- datasets


class Indexable(Protocol[Row]):
    """What rows can be taken from: a dataset, a list, an array, a tensor."""

    def __getitem__(self, index: int, /) -> Row: ...


class Dataset(Generic[Row]):
    """What has rows: a subclass defines ``dataset[k]`` and, for most loaders, ``len(dataset)``."""

    def __getitem__(self, index: int) -> Row:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors that have one row for each sample; row k is the tuple of their rows k.

    Raises:
        ValueError: There is no tensor.
        AssertionError: They have different numbers of rows.

    >>> import minigrad
    >>> TensorDataset(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([5, 6]))[1]
    (tensor([3, 4]), tensor(6))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one tensor")
        counts = [len(t) for t in tensors]
        if len(set(counts)) != 1:
            raise AssertionError(f"Size mismatch between tensors: they have {counts} rows")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset[Row]):
    """Some rows of another dataset; its row k is row indices[k] of that one."""

    def __init__(self, dataset: Dataset[Row], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Row:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Row]):
    """The rows of several datasets, one after the other.

    Raises:
        AssertionError: There is no dataset.
    """

    def __init__(self, datasets: Iterable[Dataset[Row]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        self.cumulative_sizes = list(accumulate(_length(d) for d in self.datasets))

    def __getitem__(self, index: int) -> Row:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"row {index} of a dataset of {len(self)} rows")
        which = int(np.searchsorted(self.cumulative_sizes, position, side="right"))
        return self.datasets[which][position - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[Row], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Row]]:
    """Return the rows dealt out at random to subsets.

    Args:
        dataset: What is split.
        lengths: Sizes that add up to the number of rows, or fractions that add up to 1; rows left over by rounding down go
            one each to the first subsets.
        generator: Source of the random numbers; the common one by default.

    Raises:
        ValueError: The lengths do not add up, or one is out of range.
        TypeError: The lengths are neither integers nor fractions that add up to 1.
    """
    total = _length(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for k, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {k} is not between 0 and 1")
        sizes = [math.floor(total * fraction) for fraction in lengths]
        left = total - sum(sizes)
        sizes = [size + left // len(sizes) + (k < left % len(sizes)) for k, size in enumerate(sizes)]
        for k, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"Length of split at index {k} is 0. This might result in an empty dataset.", stacklevel=2)
    elif sum(lengths) == total and min(lengths) >= 0:
        sizes = list(map(operator.index, cast(Sequence[int], lengths)))
    else:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = numpy_generator(generator).permutation(total).tolist()
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, accumulate(sizes), strict=True)]


# ------------------------------------------------------------------------------------------------------- samplers


class Sampler(Generic[Row]):
    """An order in which rows are visited: a subclass defines ``__iter__``, which is called once for each epoch."""

    def __iter__(self) -> Iterator[Row]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return _length(self.data_source)


class RandomSampler(Sampler[int]):
    """A new random order at each iteration.

    Args:
        data_source: What is sampled; only its length counts.
        replacement: Draw each row independently of the others, so that some come twice and some not at all.
        num_samples: How many rows to draw; all by default. Without replacement, whole orders follow each other.
        generator: Source of the random numbers; the common one by default.

    Raises:
        TypeError: replacement is not a boolean.
        ValueError: num_samples is not a positive integer.
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
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
        """How many rows an iteration visits."""
        return _length(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        rng, rows, wanted = numpy_generator(self.generator), _length(self.data_source), self.num_samples
        if self.replacement:
            return iter(rng.integers(0, rows, wanted).tolist())
        orders = [rng.permutation(rows) for _ in range(math.ceil(wanted / rows))]
        return iter(np.concatenate(orders)[:wanted].tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, in a new random order at each iteration."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[k] for k in numpy_generator(self.generator).permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class BatchSampler(Sampler[list[int]]):
    """The indices of a sampler in lists of batch_size; the last may be shorter, or is left out with drop_last.

    Raises:
        ValueError: batch_size is not a positive integer, or drop_last is not a boolean.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        rest = iter(self.sampler)
        while batch := list(islice(rest, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(_length(self.sampler), self.batch_size)
        return full + (rest > 0 and not self.drop_last)


def _length(sized: Any) -> int:
    return len(sized)


# --------------------------------------------------------------------------------------------------------- batches


def default_collate(rows: Sequence[Any]) -> Any:
    """Return the rows of a batch as one: what each row is, with a new first axis.

    Tensors and arrays are stacked, numbers become a tensor (a Python float float64, as in torch), strings a list;
    dictionaries, tuples and lists are collated entry by entry, tuples into lists.

    Raises:
        TypeError: A row is of another type.
        RuntimeError: Rows are not of equal size.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ['a', 'b']]
    """
    first = rows[0]
    if isinstance(first, Tensor):
        shapes = [row.array.shape for row in rows]
        if len(set(shapes)) > 1:
            raise RuntimeError(f"stack expects each tensor to be equal size, but the rows have {shapes}")
        return wrap(np.stack([row.array for row in rows]))
    if isinstance(first, np.ndarray | np.generic):
        return from_numpy(np.stack(rows))
    if isinstance(first, float):
        return tensor(rows, dtype=float64)
    if isinstance(first, int):
        return tensor(rows)
    if isinstance(first, str | bytes):
        return list(rows)
    if isinstance(first, Mapping):
        return {key: default_collate([row[key] for row in rows]) for key in first}
    if isinstance(first, Sequence):
        if any(len(row) != len(first) for row in rows):
            raise RuntimeError("each element in list of batch should be of equal size")
        entries = [default_collate(column) for column in zip(*rows, strict=True)]
        return type(first)(*entries) if hasattr(first, "_fields") else entries
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}"
    )


def fetch(dataset: Any, indices: Indices) -> Any:
    """Return the rows at the indices, collated; those of tensors by one index operation for each tensor."""
    kind = type(dataset).__getitem__
    if kind is Subset.__getitem__:
        return fetch(dataset.dataset, [dataset.indices[k] for k in indices])
    if kind is TensorDataset.__getitem__:
        index = (np.array(indices, np.int64),)
        return [t._unary(indexing.getitem, index=index) for t in dataset.tensors]
    return default_collate([dataset[k] for k in indices])


class DataLoader(Generic[Row]):
    """Batches of a dataset; each iteration is an epoch.

    Args:
        dataset: What has rows and a length.
        batch_size: Rows in a batch; the last batch may have fewer. None hands out single rows as they are.
        shuffle: Whether each epoch visits the rows in a new random order.
        sampler: An order of one's own, in place of shuffle.
        batch_sampler: Lists of indices of one's own, in place of batch_size, shuffle, sampler and drop_last.
        num_workers: 0: batches are made in this process, by NumPy.
        collate_fn: Makes a batch of a list of rows; by default `default_collate`.
        pin_memory: False: there is no device to copy to.
        drop_last: Leave out a last batch that is smaller.
        generator: Source of the random order; the common one by default.

    Raises:
        ValueError: Arguments contradict each other, or are out of range.
        NotImplementedError: num_workers or pin_memory is asked for.

    >>> import minigrad
    >>> rows = TensorDataset(minigrad.arange(5))
    >>> [batch for (batch,) in DataLoader(rows, batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self,
        dataset: Indexable[Row],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative")
        if num_workers:
            raise NotImplementedError(f"num_workers={num_workers}: batches are made in this process, use num_workers=0")
        if pin_memory:
            raise NotImplementedError("pin_memory=True: there is no device to copy to, use pin_memory=False")
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
        self.num_workers = 0
        self.pin_memory = False
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler

    def __iter__(self) -> Iterator[Any]:
        dataset, collate = self.dataset, self.collate_fn
        if self.batch_sampler is None:
            return (dataset[k] if collate is None else collate(dataset[k]) for k in self.sampler)
        if collate is None:
            return (fetch(dataset, indices) for indices in self.batch_sampler)
        return (collate([dataset[k] for k in indices]) for indices in self.batch_sampler)

    def __len__(self) -> int:
        return _length(self.sampler if self.batch_sampler is None else self.batch_sampler)
