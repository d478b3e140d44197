"""New tensors: values, dtypes, shapes and errors against torch; random elements against their distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.testing import arrays, shapes
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both

PROGRAMS: dict[str, Callable[[Library], Any]] = {
    "float": lambda t: t.tensor(1.5),
    "int": lambda t: t.tensor(3),
    "bool": lambda t: t.tensor(True),
    "list": lambda t: t.tensor([1, 2, 3]),
    "mixed list": lambda t: t.tensor([1, 2.5]),
    "bools and ints": lambda t: t.tensor([True, 2]),
    "nested": lambda t: t.tensor([[1.0, 2], [3, 4]]),
    "tuple": lambda t: t.tensor((1, (2, 3)[0])),
    "empty list": lambda t: t.tensor([]),
    "nested empty": lambda t: t.tensor([[], []]),
    "ragged": lambda t: t.tensor([[1], [2, 3]]),
    "string": lambda t: t.tensor("a"),
    "float64 array": lambda t: t.tensor(np.ones(2)),
    "float32 array": lambda t: t.tensor(np.ones(2, np.float32)),
    "int array": lambda t: t.tensor(np.arange(2)),
    "NumPy scalar": lambda t: t.tensor(np.float64(2)),
    "list of NumPy scalars": lambda t: t.tensor([np.float64(2), np.float64(1)]),
    "list of tensors": lambda t: t.tensor([t.tensor(2.0), t.tensor(3.0)]),
    "dtype": lambda t: t.tensor([1, 2], dtype=t.float64),
    "truncating": lambda t: t.tensor([1.7, -2.9], dtype=t.int64),
    "huge int": lambda t: t.tensor(2**40),
    "requires_grad": lambda t: t.tensor([1.0], requires_grad=True),
    "int requires_grad": lambda t: t.tensor([1], requires_grad=True),
    "inf": lambda t: t.tensor([float("inf"), float("nan")]),
    "zeros": lambda t: t.zeros(2, 3),
    "zeros of a tuple": lambda t: t.zeros((2, 3)),
    "zeros of a list": lambda t: t.zeros([2]),
    "zeros of no size": lambda t: t.zeros(()),
    "zeros of a Size": lambda t: t.zeros(t.ones(2, 3).shape),
    "zeros, int": lambda t: t.zeros(2, dtype=t.int32),
    "zeros, negative": lambda t: t.zeros(-1),
    "ones": lambda t: t.ones(0, 2),
    "ones, bool": lambda t: t.ones(2, dtype=t.bool),
    "full": lambda t: t.full((2,), 7),
    "full, float": lambda t: t.full((2,), 7.5),
    "full, bool": lambda t: t.full((2,), True),
    "full, dtype": lambda t: t.full((2,), 7, dtype=t.float64),
    "empty": lambda t: t.empty(2, 3).shape,
    "zeros_like": lambda t: t.zeros_like(t.ones(2, dtype=t.int32)),
    "ones_like, dtype": lambda t: t.ones_like(t.ones(2), dtype=t.float64),
    "full_like": lambda t: t.full_like(t.ones(2, dtype=t.int64), 3),
    "empty_like": lambda t: t.empty_like(t.ones(2, 3)).shape,
    "rand_like": lambda t: t.rand_like(t.ones(2, 3, dtype=t.float64)).dtype,
    "*_like requires no gradient": lambda t: t.ones_like(t.ones(2, requires_grad=True)),
    "new_zeros": lambda t: t.ones(1, dtype=t.float64).new_zeros(2, 3),
    "arange": lambda t: t.arange(5),
    "arange from": lambda t: t.arange(2, 5),
    "arange step": lambda t: t.arange(1, 10, 3),
    "arange with a negative step": lambda t: t.arange(5, 0, -2),
    "arange float": lambda t: t.arange(0, 1, 0.25),
    "arange of a float": lambda t: t.arange(2.5),
    "arange dtype": lambda t: t.arange(3, dtype=t.float64),
    "arange, empty": lambda t: t.arange(3, 3),
    "arange in the wrong direction": lambda t: t.arange(3, 1),
    "arange with step 0": lambda t: t.arange(0, 3, 0),
    "arange whose step does not divide": lambda t: t.arange(0, 1, 0.3),
    "linspace": lambda t: t.linspace(0, 1, 5),
    "linspace of one": lambda t: t.linspace(3, 7, 1),
    "linspace of none": lambda t: t.linspace(3, 7, 0),
    "linspace downwards": lambda t: t.linspace(1, -1, 4),
    "linspace of tensors": lambda t: t.linspace(t.tensor(0.1, dtype=t.float64), t.tensor(2), 3, dtype=t.float64),
    "linspace negative": lambda t: t.linspace(0, 1, -1),
    "linspace dtype": lambda t: t.linspace(0, 1, 3, dtype=t.float64),
    "eye": lambda t: t.eye(3),
    "eye, wide": lambda t: t.eye(2, 4),
    "eye, int": lambda t: t.eye(2, dtype=t.int64),
    "from_numpy": lambda t: t.from_numpy(np.arange(3)),
    "from_numpy of a list": lambda t: t.from_numpy([1]),
    "from_numpy, unknown dtype": lambda t: t.from_numpy(np.array(["a"])),
    "as_tensor": lambda t: t.as_tensor([1.0, 2.0]),
    "as_tensor, array": lambda t: t.as_tensor(np.ones(2)),
    "as_tensor, dtype": lambda t: t.as_tensor(np.ones(2), dtype=t.float32),
    "Tensor of data": lambda t: t.Tensor([1, 2]),
    "Tensor of sizes": lambda t: t.Tensor(2, 3).shape,
    "Tensor without arguments": lambda t: t.Tensor(),
    "Tensor of nested lists": lambda t: t.Tensor([[1, 2], [3, 4]]),
    "FloatTensor": lambda t: t.FloatTensor([1, 2]),
    "LongTensor": lambda t: t.LongTensor([1, 2]),
    "FloatTensor of sizes": lambda t: t.FloatTensor(2, 3).shape,
    "LongTensor without arguments": lambda t: t.LongTensor(),
    "DoubleTensor of an array": lambda t: t.DoubleTensor(np.ones(2)),
    "type": lambda t: (t.ones(2).type(t.LongTensor), t.ones(2).type(t.float64)),
    "constants": lambda t: (t.pi, t.e, t.inf, t.isnan(t.tensor(t.nan)), t.ones(2)[t.newaxis].shape),
    "randperm": lambda t: t.randperm(5).sort().values,
    "randint dtype": lambda t: t.randint(0, 5, (2,)).dtype,
    "randint of an empty range": lambda t: t.randint(5, 5, (2,)),
    "randn dtype": lambda t: (t.randn(2, 3).dtype, t.randn(2, 3).shape),
    "rand requires_grad": lambda t: t.rand(2, requires_grad=True).requires_grad,
    "randn of integers": lambda t: t.randn(2, dtype=t.int64),
    "normal": lambda t: t.normal(0.0, 1.0, (2, 3)).shape,
    "normal, dtype": lambda t: t.normal(2, 0, size=(2,), dtype=t.float64, requires_grad=True),
    "normal of means": lambda t: (t.normal(t.arange(3.0), 0.0), t.normal(mean=t.zeros(2)).shape),
    "normal of stds": lambda t: (t.normal(1.5, t.zeros(3)), t.normal(mean=1.5, std=t.zeros(3, dtype=t.float16))),
    "normal of means and stds": lambda t: t.normal(t.arange(2.0), t.zeros(3, 1, dtype=t.float64)),
    "normal of means and stds that do not broadcast": lambda t: t.normal(t.zeros(3), t.ones(2)),
    "normal of scalars without a size": lambda t: t.normal(0.0, 1.0),
    "normal of tensors with a size": lambda t: t.normal(t.zeros(2), t.ones(2), size=(2,)),
    "normal of tensors with a dtype": lambda t: t.normal(t.zeros(2), 1.0, dtype=t.float64),
    "normal, std below 0": lambda t: t.normal(0.0, -1.0, (2,)),
    "normal, stds below 0": lambda t: t.normal(t.zeros(2), t.tensor([1.0, -1.0])),
    "normal_": lambda t: (t.zeros(2).normal_(3, 0), t.zeros(2).normal_(mean=t.tensor(3.0), std=0.0)),
    "normal_ of means": lambda t: t.zeros(2).normal_(t.zeros(2)),
    "normal_, std below 0": lambda t: t.zeros(2).normal_(0, -1),
    "uniform_": lambda t: (t.zeros(2).uniform_(3, 3), t.zeros(2).uniform_(0, 5) < 5),
    "uniform_ of bounds": lambda t: t.zeros(2).uniform_(t.zeros(2), 1),
    "uniform_, lower bound above the upper": lambda t: t.zeros(2).uniform_(1, 0),
    "bernoulli": lambda t: (t.bernoulli(t.tensor([0.0, 1.0])), t.ones(2).bernoulli(), t.bernoulli(t.ones(2), 0.0)),
    "bernoulli, not from 0 to 1": lambda t: t.bernoulli(t.tensor([0.5, 2.0])),
    "bernoulli_": lambda t: (t.zeros(2).bernoulli_(1.0), t.zeros(2, dtype=t.int64).bernoulli_(t.tensor([0.0, 1.0]))),
    "bernoulli_, not from 0 to 1": lambda t: t.zeros(2).bernoulli_(-0.5),
    "bernoulli_ that does not fit": lambda t: t.zeros(2).bernoulli_(t.zeros(3)),
    "full out of range": lambda t: t.full((2,), 300, dtype=t.uint8),
    "tensor out of range": lambda t: t.tensor([1, 300], dtype=t.uint8),
    "arange in int32": lambda t: (t.arange(-0.9, 2.1, 2.0, dtype=t.int32), t.arange(3, 0.5, -1.7, dtype=t.int32)),
    "linspace in integers": lambda t: (t.linspace(4.7, -3.2, 8, dtype=t.int64), t.linspace(0, 3, 7, dtype=t.int32)),
    "linspace of a float number of steps": lambda t: t.linspace(0, 1, 2.0),
    "multinomial": lambda t: t.multinomial(t.tensor([0.0, 0.0, 1.0]), 1),
    "multinomial as a method": lambda t: t.tensor([[0.0, 2.0], [1.0, 0.0]]).multinomial(3, replacement=True),
    "multinomial, too many": lambda t: t.multinomial(t.tensor([0.5, 0.5]), 3),
    "initial_seed": lambda t: [t.manual_seed(3), t.initial_seed()][1],
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_as_in_torch(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


@pytest.mark.parametrize("data", [None, ["a"], [None], {}, {1, 2}, [{}], 1j], ids=repr)
def test_data_other_than_real_numbers_is_refused(data: Any) -> None:
    with pytest.raises(TypeError):
        minigrad.tensor(data)


bound = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)


@given(
    st.integers(-50, 50) | st.floats(-50, 50, width=16),
    st.integers(-50, 50) | st.floats(-50, 50, width=16),
    st.sampled_from([1, 2, 7, -1, -3, 0.5, 0.1, -0.3, 2.5]),
)
def test_arange(start: float, end: float, step: float) -> None:
    assert_same_in_both(lambda t: t.arange(start, end, step))
    assert_same_in_both(lambda t: t.arange(start, end, step, dtype=t.float64), 1e-12)


@given(st.integers(-1000, 1000) | bound, st.integers(-1000, 1000) | bound, st.integers(0, 40))
def test_linspace(start: float, end: float, steps: int) -> None:
    assert_same_in_both(lambda t: t.linspace(start, end, steps), 1e-5)
    assert_same_in_both(lambda t: t.linspace(start, end, steps, dtype=t.float64), 1e-12)


@given(arrays(dtype=st.sampled_from([np.float32, np.float64, np.int64, np.bool_])))
def test_tensor_copies_and_from_numpy_shares(array: Any) -> None:
    before = array.copy()
    copied, shared = minigrad.tensor(array), minigrad.from_numpy(array)
    array[...] = 0
    np.testing.assert_array_equal(copied.numpy(), before)
    assert not shared.numpy().any()
    assert shared.numpy().shape == array.shape
    assert minigrad.as_tensor(copied) is copied


def test_data_is_copied() -> None:
    x = minigrad.ones(2)
    y = minigrad.tensor(x)
    y.add_(1)
    assert x.tolist() == [1, 1]


# ------------------------------------------------------------------------------------------------------- random


@given(st.integers(0, 2**63 - 1), shapes())
def test_equal_seeds_give_equal_elements(seed: int, shape: tuple[int, ...]) -> None:
    draws = []
    for _ in range(2):
        minigrad.manual_seed(seed)
        g = minigrad.Generator().manual_seed(seed)
        draws.append([minigrad.randn(shape), minigrad.rand(shape), minigrad.rand(shape, generator=g), minigrad.randperm(5)])
    for a, b in zip(*draws, strict=True):
        assert a.tolist() == b.tolist()


def test_a_generator_leaves_the_default_one_alone() -> None:
    minigrad.manual_seed(0)
    expected = minigrad.rand(2).tolist()
    minigrad.manual_seed(0)
    minigrad.rand(5, generator=minigrad.Generator().manual_seed(1))
    assert minigrad.rand(2).tolist() == expected


def test_distributions() -> None:
    g = minigrad.Generator().manual_seed(0)
    uniform, normal = minigrad.rand(100_000, generator=g).numpy(), minigrad.randn(100_000, generator=g).numpy()
    assert uniform.dtype == normal.dtype == np.float32
    assert 0 <= uniform.min() < 1e-4
    assert 1 - 1e-4 < uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 5e-3
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
    coins = minigrad.full((90_000,), 0.3).bernoulli(generator=g)
    assert abs(coins.mean().item() - 0.3) < 0.01
    spread = minigrad.normal(5.0, minigrad.full((90_000,), 2.0), generator=g).numpy()
    assert abs(spread.mean() - 5) < 0.05
    assert abs(spread.std() - 2) < 0.05
    counts = np.bincount(minigrad.randint(3, (90_000,), generator=g).numpy(), minlength=3)
    assert abs(counts - 30_000).max() < 1_000
    assert sorted(minigrad.randperm(100, generator=g).tolist()) == list(range(100))


def test_overflow_gives_inf_without_a_warning() -> None:
    x = minigrad.tensor([1e300, -1e300])
    assert x.tolist() == [math.inf, -math.inf]
    assert (minigrad.tensor(3.0) / 1e300).item() == 0


def test_the_greatest_random_number_draws_the_last_category() -> None:
    """Added to the number of a row it would be rounded to that of the next row."""

    class Greatest:
        def random(self, shape: Any) -> Any:
            return np.full(shape, np.nextafter(1.0, 0))

    generator = minigrad.Generator()
    generator.numpy = Greatest()  # type: ignore[assignment]
    drawn = minigrad.ones(1000, 3).multinomial(2, replacement=True, generator=generator)
    assert set(drawn.reshape(-1).tolist()) == {2}


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(1e300, "float32"), (1e5, "float16"), (300, "uint8"), (math.nan, "int64"), (math.inf, "int64"), (1e30, "int32")],
)
def test_full_refuses_what_is_out_of_the_range_of_the_dtype(value: float, dtype: str) -> None:
    for library in (torch, minigrad):
        with pytest.raises(RuntimeError, match=r"cannot be converted to .* without overflow"):
            library.full((2,), value, dtype=getattr(library, dtype))
    with pytest.raises(RuntimeError, match="without overflow"):
        minigrad.full((2,), 1e300)
    assert minigrad.full((2,), math.inf).tolist() == [math.inf] * 2
