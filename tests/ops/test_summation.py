"""Every reduction along every axis, in every floating-point dtype and layout, against the same in extended precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, from_numpy
from minigrad.primitive import Array
from minigrad.summation import sum_along
from minigrad.tensor import wrap
from tests.reference import torch

Dims = tuple[int, ...]
Reference = Callable[[Array, Dims], Any]
FLOATS = [np.float16, np.float32, np.float64]


def _power_mean(p: float) -> Reference:
    return lambda x, dims: (np.abs(x) ** p).sum(dims) ** (1 / p)


REDUCTIONS: dict[str, tuple[Callable[[Tensor, Dims], Tensor], Reference]] = {
    "sum": (lambda x, dims: x.sum(dims), lambda x, dims: x.sum(dims)),
    "mean": (lambda x, dims: x.mean(dims), lambda x, dims: x.mean(dims)),
    "var": (lambda x, dims: x.var(dims, correction=0), lambda x, dims: x.var(dims)),
    "std": (lambda x, dims: x.std(dims, correction=0), lambda x, dims: x.std(dims)),
    "norm": (lambda x, dims: x.norm(dim=dims), _power_mean(2)),
    "norm 1": (lambda x, dims: x.norm(1, dims), _power_mean(1)),
    "norm 3": (lambda x, dims: x.norm(3, dims), _power_mean(3)),
    "norm 0.5": (lambda x, dims: x.norm(0.5, dims), _power_mean(0.5)),
    "norm -1": (lambda x, dims: x.norm(-1, dims), _power_mean(-1)),
    "amax": (lambda x, dims: x.amax(dims), lambda x, dims: x.max(dims)),
    "amin": (lambda x, dims: x.amin(dims), lambda x, dims: x.min(dims)),
    "logsumexp": (lambda x, dims: x.logsumexp(dims), lambda x, dims: np.log(np.exp(x).sum(dims))),
}


@st.composite
def laid_out(draw: st.DrawFn, largest: int = 3000) -> Array:
    """Draw an array of up to three axes, one of them long, in some order in memory, sliced, reversed or expanded."""
    ndim = draw(st.integers(1, 3))
    shape = [draw(st.integers(1, 5)) for _ in range(ndim)]
    shape[draw(st.integers(0, ndim - 1))] = draw(st.integers(1, largest))
    steps = [draw(st.sampled_from([1, 1, 2, -1])) for _ in range(ndim)]
    order = draw(st.permutations(range(ndim)))
    values = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.5, 1.5, [2 * shape[k] for k in order])
    x = values.transpose(np.argsort(order))[tuple(slice(None, None, s) for s in steps)]
    x = x[tuple(slice(n) for n in shape)]
    if draw(st.booleans()):
        k = draw(st.integers(0, ndim - 1))
        x = np.broadcast_to(x[(slice(None),) * k + (slice(1),)], x.shape)
    return x


def as_dtype(x: Array, kind: Any) -> Array:
    """Return x in another dtype, in the same layout; an expanded axis stays expanded."""
    repeated = tuple(slice(1) if stride == 0 else slice(None) for stride in x.strides)
    return np.broadcast_to(x[repeated].astype(kind, order="K"), x.shape)


def tensor(x: Array) -> Tensor:
    """Return a tensor that has the layout of x."""
    result: Tensor = wrap(x)
    return result


@pytest.mark.parametrize("kind", FLOATS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", REDUCTIONS)
@settings(max_examples=max(20, settings().max_examples))
@given(x=laid_out(), data=st.data())
def test_reductions_are_right_to_their_last_digits(name: str, kind: Any, x: Array, data: st.DataObject) -> None:
    reduce, reference = REDUCTIONS[name]
    x = as_dtype(x, kind)
    dims = tuple(data.draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True)))
    right = reference(x.astype(np.longdouble), dims)
    out = reduce(tensor(x), dims).numpy()
    assert out.dtype == kind
    roundings = 2 if kind is np.float16 else 24 if name == "norm 0.5" else 12  # a square doubles the error of its base
    with np.errstate(over="ignore"):
        scale = np.maximum(np.abs(right), 1.0 if name in {"var", "std", "logsumexp"} else 0.0)
        np.testing.assert_allclose(out / scale, right.astype(kind) / scale, rtol=0, atol=roundings * np.finfo(kind).eps)


@pytest.mark.parametrize("kind", FLOATS, ids=lambda kind: kind.__name__)
@given(x=laid_out(), data=st.data())
def test_running_sums(kind: Any, x: Array, data: st.DataObject) -> None:
    x = as_dtype(x, kind)
    dim = data.draw(st.integers(0, x.ndim - 1))
    out = tensor(x).cumsum(dim).numpy()
    right = x.astype(np.longdouble).cumsum(dim)
    np.testing.assert_allclose(out, right.astype(kind), rtol=2 * np.finfo(kind).eps if kind is not np.float64 else 1e-13)
    assert out.flags.c_contiguous


@pytest.mark.parametrize("kind", FLOATS, ids=lambda kind: kind.__name__)
@given(x=laid_out(), data=st.data())
def test_the_gradient_of_what_was_broadcast(kind: Any, x: Array, data: st.DataObject) -> None:
    x = as_dtype(x, kind)
    shape = [n if data.draw(st.booleans()) else 1 for n in x.shape]
    while len(shape) > 1 and shape[0] == 1 and data.draw(st.booleans()):
        del shape[0]
    b = minigrad.zeros(shape, dtype=wrap(x).dtype, requires_grad=True)
    (tensor(x) + b).backward(from_numpy(np.ascontiguousarray(x)))
    extra = x.ndim - len(shape)
    summed = tuple(k for k in range(x.ndim) if k < extra or shape[k - extra] == 1)
    right = x.astype(np.longdouble).sum(summed).reshape(shape)
    assert b.grad is not None
    np.testing.assert_allclose(b.grad.numpy(), right.astype(kind), rtol=12 * np.finfo(kind).eps)


def test_the_gradient_of_what_was_expanded_in_half_precision() -> None:
    """It is rounded once, as the sum in float32 is."""
    g = np.random.default_rng(0).random((3000, 50)).astype(np.float16)
    x = minigrad.ones(50, dtype=minigrad.float16, requires_grad=True)
    x.expand(3000, 50).backward(from_numpy(g))
    assert x.grad is not None
    assert x.grad.tolist() == g.astype(np.float64).sum(0).astype(np.float16).tolist()


@pytest.mark.parametrize(
    "shape", [(10**7,), (10**7, 1), (1, 10**7), (5 * 10**6, 2), (10**5, 100), (100, 10**5), (20, 25000, 20)]
)
def test_ten_million_float32(shape: tuple[int, ...]) -> None:
    """The relative error stays below 1e-6 along every axis, also for equal elements, whose roundings do not cancel."""
    x = np.full(shape, 0.3, np.float32)
    for dims in [(k,) for k in range(len(shape))] + [tuple(range(len(shape)))]:
        n = math.prod(shape[k] for k in dims)
        for y, right in (
            (sum_along(x, dims), n * float(np.float32(0.3))),
            (from_numpy(x).mean(dims).numpy(), np.float32(0.3)),
        ):
            np.testing.assert_allclose(y, right, rtol=1e-6)
    view = x[::2] if shape[0] > 1 else x[..., ::2]
    np.testing.assert_allclose(sum_along(view), view.size * float(np.float32(0.3)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (100, 0), (0,), (70, 0, 3), ()])
def test_sums_of_nothing_and_of_scalars(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    for dims in [None, *range(len(shape))]:
        for keepdims in (False, True):
            np.testing.assert_array_equal(sum_along(x, dims, keepdims), x.sum(dims, keepdims=keepdims))


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda x: x,
    "columns": lambda x: x.T,
    "permuted": lambda x: x.reshape(2, 2, 2, 3).permute(3, 1, 0, 2),
    "sliced": lambda x: x[:, ::2],
    "sliced columns": lambda x: x[1:, ::2].T,
}
SAME_LAYOUT: dict[str, Callable[[Any, Any], Any]] = {
    "clone": lambda lib, x: x.clone(),
    "contiguous": lambda lib, x: x.contiguous(),
    "to": lambda lib, x: x.to(lib.float64),
    "exp": lambda lib, x: x.exp(),
    "product": lambda lib, x: x * 2,
    "flip": lambda lib, x: lib.flip(x, (0,)),
    "cat": lambda lib, x: lib.cat([x, x]),
    "cat along the last axis": lambda lib, x: lib.cat([x, x], -1),
    "stack": lambda lib, x: lib.stack([x, x]),
    "stack along the last axis": lambda lib, x: lib.stack([x, x], -1),
    "softmax": lambda lib, x: x.softmax(0),
    "log_softmax": lambda lib, x: x.log_softmax(-1),
    "cumsum": lambda lib, x: x.cumsum(0),
    "roll": lambda lib, x: lib.roll(x, 1, 0),
    "layer_norm": lambda lib, x: lib.nn.functional.layer_norm(x, x.shape[-1:]),
    "batch_norm": lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True),
    "one_hot": lambda lib, x: lib.nn.functional.one_hot(x.long()),
    "gather": lambda lib, x: x.gather(0, (x * 0).long()),
    "scatter": lambda lib, x: x.scatter(0, (x * 0).long(), 1.0),
    "tril": lambda lib, x: x.tril(),
    "repeat": lambda lib, x: x.repeat(*[1] * x.ndim),
    "repeat in front": lambda lib, x: x.repeat(2, *[1] * x.ndim),
    "tile": lambda lib, x: x.tile(2),
    "sum": lambda lib, x: x.sum(0),
    "mean": lambda lib, x: x.mean(-1),
    "amax": lambda lib, x: x.amax(0),
    "logsumexp": lambda lib, x: x.logsumexp(0),
    "zeros_like": lambda lib, x: lib.zeros_like(x),
    "empty_like": lambda lib, x: lib.empty_like(x),
    "rand_like": lambda lib, x: lib.rand_like(x),
    "dropout": lambda lib, x: lib.nn.functional.dropout(x, 0.5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SAME_LAYOUT)
def test_results_lie_in_memory_as_those_of_torch(name: str, layout: str) -> None:
    """So that `view` is allowed, and `reshape` is a view, where they are in torch."""
    ours = SAME_LAYOUT[name](minigrad, LAYOUTS[layout](minigrad.arange(24.0).reshape(4, 6)))
    theirs = SAME_LAYOUT[name](torch, LAYOUTS[layout](torch.arange(24.0).reshape(4, 6)))
    steps = [s // ours.array.itemsize for s, n in zip(ours.array.strides, ours.shape, strict=True) if n > 1]
    assert steps == [s for s, n in zip(theirs.stride(), theirs.shape, strict=True) if n > 1]
