"""Datasets, splits, samplers and loaders: equal to torch where deterministic, properties where random."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils import data
from tests.reference import torch

Point = collections.namedtuple("Point", ["x", "label"])


def comparable(batch: Any) -> Any:
    """Return a batch with each tensor replaced by its dtype and values."""
    if isinstance(batch, minigrad.Tensor | torch.Tensor):
        return str(batch.dtype).split(".")[1], batch.tolist()
    if isinstance(batch, dict):
        return {key: comparable(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch), [comparable(entry) for entry in batch]
    return type(batch), batch


def libraries() -> list[tuple[Any, Any]]:
    return [(minigrad, data), (torch, torch.utils.data)]


class Squares(data.Dataset[tuple[int, int]]):
    """A dataset whose samples are not tensors."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[int, int]:
        return index, index * index


def tensors(lib: Any, d: Any, size: int = 7) -> Any:
    return d.TensorDataset(lib.arange(2 * size).reshape(size, 2), lib.arange(size) / 2)


DATASETS: dict[str, Any] = {
    "tensors": lambda lib, d: tensors(lib, d),
    "one tensor": lambda lib, d: d.TensorDataset(lib.arange(7)),
    "a subset of tensors": lambda lib, d: d.Subset(tensors(lib, d), [5, 0, 0, 3]),
    "a subset of a subset": lambda lib, d: d.Subset(d.Subset(tensors(lib, d), [5, 0, 1, 3]), [3, 1]),
    "samples": lambda lib, d: Squares(),
    "a subset of samples": lambda lib, d: d.Subset(Squares(), [6, 2]),
    "a tensor": lambda lib, d: lib.arange(10).reshape(5, 2),
    "an array": lambda lib, d: np.arange(10.0).reshape(5, 2),
    "a list of ints": lambda lib, d: [3, 1, 4, 1, 5],
    "a list of floats": lambda lib, d: [0.5, 1.5, 2.5],
    "a list of booleans": lambda lib, d: [True, False, True],
    "a list of strings": lambda lib, d: ["a", "b", "c"],
    "a list of bytes": lambda lib, d: [b"a", b"b", b"c"],
    "a list of dictionaries": lambda lib, d: [{"x": lib.zeros(2), "y": k} for k in range(5)],
    "a list of nested samples": lambda lib, d: [(k, [lib.ones(2) * k, {"deep": float(k)}]) for k in range(5)],
    "a list of named tuples": lambda lib, d: [Point(float(k), k) for k in range(5)],
    "a list of NumPy scalars": lambda lib, d: [np.float32(k) for k in range(5)],
    "a list of arrays": lambda lib, d: [np.ones(2) * k for k in range(5)],
    "concatenated": lambda lib, d: d.ConcatDataset([tensors(lib, d, 3), tensors(lib, d, 2)]),
    "empty": lambda lib, d: d.TensorDataset(lib.zeros(0, 2)),
}


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize(("batch_size", "drop_last"), [(1, False), (2, False), (2, True), (100, False), (100, True)])
def test_batches_in_order(name: str, batch_size: int, drop_last: bool) -> None:
    found = []
    for lib, d in libraries():
        loader = d.DataLoader(DATASETS[name](lib, d), batch_size=batch_size, drop_last=drop_last)
        found.append((len(loader), [comparable(batch) for batch in loader]))
    assert found[0] == found[1]


def test_batches_of_named_tuples_are_named_tuples() -> None:
    (batch,) = data.DataLoader([Point(1.0, 2), Point(3.0, 4)], batch_size=2)
    assert isinstance(batch, Point)


def test_without_batching() -> None:
    for lib, d in libraries():
        loader = d.DataLoader(tensors(lib, d), batch_size=None)
        assert len(loader) == 7
        assert [comparable(t) for t in list(loader)[3]] == [("int64", [6, 7]), ("float32", 1.5)]


def test_custom_collate_function() -> None:
    for lib, d in libraries():
        assert list(d.DataLoader(tensors(lib, d), batch_size=3, collate_fn=len)) == [3, 3, 1]
        assert list(d.DataLoader(Squares(), batch_size=None, collate_fn=sum)) == [k + k * k for k in range(7)]


def test_custom_samplers() -> None:
    for lib, d in libraries():
        dataset = tensors(lib, d)
        loader = d.DataLoader(dataset, sampler=[4, 2, 0], batch_size=2)
        assert [batch[1].tolist() for batch in loader] == [[2.0, 1.0], [0.0]]
        assert len(loader) == 2
        loader = d.DataLoader(dataset, batch_sampler=[[1], [6, 5, 6]])
        assert [batch[1].tolist() for batch in loader] == [[0.5], [3.0, 2.5, 3.0]]
        assert len(loader) == 2
        batches = d.BatchSampler(d.SequentialSampler(dataset), 3, drop_last=True)
        assert list(batches) == [[0, 1, 2], [3, 4, 5]]
        assert len(d.DataLoader(dataset, batch_sampler=batches)) == 2


@given(size=st.integers(1, 30), batch_size=st.integers(1, 12), drop_last=st.booleans(), seed=st.integers(0, 2**64))
def test_a_shuffled_epoch_visits_every_sample_once(size: int, batch_size: int, drop_last: bool, seed: int) -> None:
    generator = minigrad.Generator().manual_seed(seed)
    dataset = data.TensorDataset(minigrad.arange(size), minigrad.arange(size) * 10)
    loader = data.DataLoader(dataset, batch_size, shuffle=True, drop_last=drop_last, generator=generator)
    batches = list(loader)
    assert len(batches) == len(loader)
    seen = [k for x, _ in batches for k in x.tolist()]
    if drop_last:
        assert len(seen) == size // batch_size * batch_size
        assert len(set(seen)) == len(seen)
    else:
        assert sorted(seen) == list(range(size))
    for x, y in batches:
        assert (x * 10).tolist() == y.tolist()


def permutations(loader: Any, epochs: int) -> list[list[int]]:
    return [[k for (x,) in loader for k in x.tolist()] for _ in range(epochs)]


def test_each_epoch_has_its_own_order_and_a_seed_repeats_them_all() -> None:
    dataset = data.TensorDataset(minigrad.arange(50))
    generator = minigrad.Generator().manual_seed(1)
    loader = data.DataLoader(dataset, 8, shuffle=True, generator=generator)
    first, second = permutations(loader, 2)
    assert first != second
    generator.manual_seed(1)
    assert permutations(loader, 2) == [first, second]
    generator.manual_seed(2)
    assert permutations(loader, 2) != [first, second]


def test_the_default_generator_is_used_without_a_generator() -> None:
    loader = data.DataLoader(data.TensorDataset(minigrad.arange(50)), 8, shuffle=True)
    minigrad.manual_seed(1)
    first = permutations(loader, 2)
    minigrad.manual_seed(1)
    assert permutations(loader, 2) == first


def test_the_first_sample_is_uniform() -> None:
    generator = minigrad.Generator().manual_seed(0)
    sampler = data.RandomSampler(range(5), generator=generator)
    counts = collections.Counter(next(iter(sampler)) for _ in range(2000))
    assert all(330 < counts[k] < 470 for k in range(5))


def test_concurrent_iterations_are_independent() -> None:
    loader = data.DataLoader(data.TensorDataset(minigrad.arange(6)), 2)
    a, b = iter(loader), iter(loader)
    assert next(a)[0].tolist() == next(b)[0].tolist() == [0, 1]
    assert next(a)[0].tolist() == [2, 3]


def test_a_batch_of_tensors_is_one_index_operation() -> None:
    class Counting(data.TensorDataset):
        """A subclass without its own __getitem__."""

    calls: list[int] = []

    class Augmented(data.TensorDataset):
        def __getitem__(self, index: Any) -> tuple[minigrad.Tensor, ...]:
            calls.append(index)
            return tuple(t + 1 for t in super().__getitem__(index))

    x = minigrad.arange(6)
    batch = next(iter(data.DataLoader(data.Subset(Counting(x), [5, 3, 1]), 2)))
    assert batch[0].tolist() == [5, 3]
    # A dataset with its own __getitem__ is indexed for each sample.
    batch = next(iter(data.DataLoader(Augmented(x), 3)))
    assert batch[0].tolist() == [1, 2, 3]
    assert calls == [0, 1, 2]
    batch = next(iter(data.DataLoader(data.Subset(Augmented(x), [4, 2]), 2)))
    assert batch[0].tolist() == [5, 3]


def test_a_batch_does_not_share_memory_with_the_data() -> None:
    x = minigrad.zeros(4, 2)
    for (batch,) in data.DataLoader(data.TensorDataset(x), 2):
        batch.add_(1)
    assert not x.numpy().any()


def test_gradients_flow_through_batches_to_the_data() -> None:
    x = minigrad.zeros(4, 2, requires_grad=True)
    for (batch,) in data.DataLoader(data.TensorDataset(x), 3):
        batch.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 1.0]] * 4


@pytest.mark.parametrize(
    "lengths", [[3, 7], [10], [0, 10], [0.3, 0.7], [0.33, 0.33, 0.34], [0.5, 0.25, 0.25], [1.0], [0.15] * 6 + [0.1]]
)
def test_splits_are_disjoint_complete_and_as_long_as_in_torch(lengths: list[float]) -> None:
    dataset = tensors(minigrad, data, 10)
    generator = minigrad.Generator().manual_seed(0)
    subsets = data.random_split(dataset, lengths, generator=generator)
    split: Any = torch.utils.data.random_split
    reference = split(range(10), lengths)
    assert [len(subset) for subset in subsets] == [len(subset) for subset in reference]
    assert sorted(k for subset in subsets for k in subset.indices) == list(range(10))
    generator.manual_seed(0)
    again = data.random_split(dataset, lengths, generator=generator)
    assert [subset.indices for subset in again] == [subset.indices for subset in subsets]


def test_an_empty_subset_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="Length of split at index 2 is 0"):
        data.random_split(range(3), [0.4, 0.4, 0.2])


def test_num_samples_of_random_samplers() -> None:
    generator = minigrad.Generator().manual_seed(0)
    drawn = list(data.RandomSampler(range(5), num_samples=12, generator=generator))
    assert len(drawn) == 12
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    drawn = list(data.RandomSampler(range(5), replacement=True, num_samples=200, generator=generator))
    assert len(drawn) == 200
    assert set(drawn) == set(range(5))
    assert len(set(drawn[:5])) < 5 or len(set(drawn[5:10])) < 5
    subset = list(data.SubsetRandomSampler([9, 7, 5], generator))
    assert sorted(subset) == [5, 7, 9]


class Odd:
    """A sampler without a length."""

    def __iter__(self) -> Iterator[int]:
        return iter([1, 3])


def test_a_sampler_without_a_length_can_be_iterated() -> None:
    loader = data.DataLoader(Squares(), 2, sampler=Odd())
    assert [batch[1].tolist() for batch in loader] == [[1, 9]]
    with pytest.raises(TypeError):
        len(loader)


WRONG: dict[str, Any] = {
    "sizes of tensors": lambda lib, d: d.TensorDataset(lib.zeros(2), lib.zeros(3)),
    "batch_size 0": lambda lib, d: d.DataLoader([1], batch_size=0),
    "batch_size -1": lambda lib, d: d.DataLoader([1], batch_size=-1),
    "batch_size 2.0": lambda lib, d: d.DataLoader([1], batch_size=2.0),
    "batch_size True": lambda lib, d: d.DataLoader([1], batch_size=True),
    "drop_last 1": lambda lib, d: d.DataLoader([1], batch_size=2, drop_last=1),
    "shuffle and sampler": lambda lib, d: d.DataLoader([1], shuffle=True, sampler=[0]),
    "batch_sampler and batch_size": lambda lib, d: d.DataLoader([1], 2, batch_sampler=[[0]]),
    "batch_sampler and shuffle": lambda lib, d: d.DataLoader([1], shuffle=True, batch_sampler=[[0]]),
    "no batch_size and drop_last": lambda lib, d: d.DataLoader([1], batch_size=None, drop_last=True),
    "negative num_workers": lambda lib, d: d.DataLoader([1], num_workers=-1),
    "shuffle an empty dataset": lambda lib, d: d.DataLoader(d.TensorDataset(lib.zeros(0)), shuffle=True),
    "num_samples 0": lambda lib, d: d.RandomSampler([1], num_samples=0),
    "replacement 1": lambda lib, d: d.RandomSampler([1], replacement=1),
    "samples of unequal length": lambda lib, d: list(d.DataLoader([(1, 2), (1,)], batch_size=2)),
    "tensors of unequal size": lambda lib, d: list(d.DataLoader([lib.zeros(2), lib.zeros(3)], batch_size=2)),
    "samples of an unknown type": lambda lib, d: list(d.DataLoader([None, None], batch_size=2)),
    "split too long": lambda lib, d: d.random_split(range(10), [3, 8]),
    "split too short": lambda lib, d: d.random_split(range(10), [3, 3]),
    "split fractions": lambda lib, d: d.random_split(range(10), [0.3, 0.8]),
    "split floats": lambda lib, d: d.random_split(range(10), [3.0, 7.0]),
    "split below 0": lambda lib, d: d.random_split(range(10), [1.5, -0.5]),
    "no datasets": lambda lib, d: d.ConcatDataset([]),
    "a dataset without __getitem__": lambda lib, d: d.Dataset()[0],
    "index out of range": lambda lib, d: tensors(lib, d)[7],
}


@pytest.mark.parametrize("case", WRONG)
def test_exception_types_are_those_of_torch(case: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        WRONG[case](torch, torch.utils.data)
    with pytest.raises(reference.type):
        WRONG[case](minigrad, data)


def test_workers_are_accepted_and_batches_are_made_here() -> None:
    loader = data.DataLoader(
        [1, 2, 3], 2, num_workers=2, pin_memory=True, worker_init_fn=print, persistent_workers=True, prefetch_factor=4
    )
    assert [batch.tolist() for batch in loader] == [[1, 2], [3]]
    assert (loader.num_workers, loader.pin_memory) == (2, True)
    assert data.get_worker_info() is None


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1}, {"timeout": -1}, {"prefetch_factor": 2}, {"persistent_workers": True},
        {"multiprocessing_context": "fork"}, {"num_workers": 1, "prefetch_factor": -1},
    ],
)  # fmt: skip
def test_wrong_options_for_workers(options: dict[str, Any]) -> None:
    for library in (torch.utils.data, data):
        with pytest.raises(ValueError):  # noqa: PT011
            library.DataLoader([1], **options)


def streams() -> list[Any]:
    made = []
    for library in (torch.utils.data, data):

        class Stream(library.IterableDataset):  # type: ignore[misc,name-defined]
            def __iter__(self) -> Any:
                return iter([(k, float(k)) for k in range(7)])

            def __len__(self) -> int:
                return 7

        made.append((library, Stream()))
    return made


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}])
def test_an_iterable_dataset(options: dict[str, Any]) -> None:
    seen = []
    for library, stream in streams():
        loader = library.DataLoader(stream, **options)
        seen.append(([[x.tolist() if hasattr(x, "tolist") else x for x in batch] for batch in loader], len(loader)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_what_an_iterable_dataset_excludes(options: dict[str, Any]) -> None:
    for library, stream in streams():
        with pytest.raises(ValueError):  # noqa: PT011
            library.DataLoader(stream, **options)


def test_a_weighted_sampler_draws_by_weight() -> None:
    minigrad.manual_seed(3)
    drawn = list(data.WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    assert set(drawn) == {0, 2}
    assert 0.7 < np.mean(np.array(drawn) == 2) < 0.8
    assert sorted(data.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]
    assert len(data.WeightedRandomSampler([1.0], 5)) == 5
    for wrong in (([1.0], 0), ([1.0], True), ([1.0], 2.5), ([1.0], 1, 1), ([[1.0]], 1)):
        for library in (torch.utils.data, data):
            with pytest.raises(ValueError):  # noqa: PT011
                library.WeightedRandomSampler(*wrong)


def test_a_sampler_draws_as_it_goes() -> None:
    sampler = data.RandomSampler(range(10), replacement=True, num_samples=10**10)
    assert len(sampler) == 10**10
    assert all(0 <= k < 10 for k in itertools.islice(sampler, 5000))
    many = data.RandomSampler(range(3), num_samples=10**10)
    first = list(itertools.islice(many, 9))
    assert [sorted(first[k : k + 3]) for k in (0, 3, 6)] == [[0, 1, 2]] * 3
    batches = data.DataLoader(range(10), batch_size=4, sampler=sampler)
    assert next(iter(batches)).shape == (4,)


def test_a_dataset_of_no_tensors() -> None:
    with pytest.raises(ValueError, match="at least one tensor"):
        data.TensorDataset()


def test_negative_indices_of_concatenated_datasets() -> None:
    both = data.ConcatDataset([Squares(), Squares()])
    assert both[-1] == (6, 36)
    assert both[-14] == (0, 0)
    for index in (-15, 14):
        with pytest.raises(IndexError):
            both[index]


def test_a_sum_of_datasets_is_their_concatenation() -> None:
    for library, lib in ((data, minigrad), (torch.utils.data, torch)):
        first, second = library.TensorDataset(lib.arange(2)), library.TensorDataset(lib.arange(3))
        total = first + second
        assert isinstance(total, library.ConcatDataset)
        assert [t.item() for (t,) in total] == [0, 1, 0, 1, 2]


def test_gradients_flow_through_collated_samples() -> None:
    for library, lib in ((data, minigrad), (torch.utils.data, torch)):
        w = lib.ones(1, requires_grad=True)
        samples = [{"x": lib.ones(1) * k, "y": w * k} for k in range(3)]
        (batch,) = library.DataLoader(samples, batch_size=3)
        assert not batch["x"].requires_grad
        batch["y"].sum().backward()
        assert w.grad.tolist() == [3]
        for place in range(3):
            samples = [w * 2 if k == place else lib.ones(1) for k in range(3)]
            (batch,) = library.DataLoader(samples, batch_size=3)
            assert batch.requires_grad
