"""x[index], read and written, against NumPy and torch, with indices of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad.testing import arrays, shapes
from tests.ops.domains import indices
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both


def spoken(t: Library, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index whose arrays are tensors."""
    return tuple(t.from_numpy(k.copy()) if isinstance(k, np.ndarray) else k for k in index)


@given(shapes(max_side=4), st.data())
def test_reading_and_its_gradient(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(indices(shape))

    def program(t: Library) -> Any:
        x = t.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
        y = x[spoken(t, index)]
        (y * y).sum().backward()
        return y, x.grad

    assert_same_in_both(program)


@given(shapes(max_side=4), st.data())
def test_writing_and_its_gradient(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(indices(shape))
    positions = np.arange(np.prod(shape)).reshape(shape)[index]
    if len(np.unique(positions)) < positions.size:
        return  # which of several values stays is not said

    def program(t: Library) -> Any:
        leaf = t.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
        value = t.ones(positions.shape, requires_grad=True)
        x = leaf * 2
        x[spoken(t, index)] = value * 3
        (x * x).sum().backward()
        return x, leaf.grad, value.grad

    assert_same_in_both(program)


@given(arrays(shapes(min_side=1, max_side=4)), st.data())
def test_basic_indices_are_numpys_also_backwards(array: Any, data: st.DataObject) -> None:
    """Negative steps, which torch refuses, are as in NumPy."""
    index = data.draw(hnp.basic_indices(array.shape, allow_newaxis=True, max_dims=6))
    x = minigrad.from_numpy(array)
    np.testing.assert_array_equal(x[index].numpy(), array[index])
    assert np.shares_memory(x[index].numpy(), array) == bool(np.asarray(array[index]).size)


@given(st.data())
def test_lists_ranges_and_tensors_are_the_same_index(data: st.DataObject) -> None:
    x = minigrad.arange(12.0).reshape(4, 3)
    rows = data.draw(st.lists(st.integers(-4, 3), min_size=1, max_size=5))
    expected = x.numpy()[rows].tolist()
    assert x[rows].tolist() == x[minigrad.tensor(rows)].tolist() == x[np.array(rows)].tolist() == expected
    assert x[range(1, 3)].tolist() == x.numpy()[1:3].tolist()
    assert x[minigrad.tensor(2)].tolist() == x[2].tolist() == x[np.int64(2)].tolist()


def test_an_index_changed_later_does_not_change_the_gradient() -> None:
    x = minigrad.zeros(3, requires_grad=True)
    index = np.array([0, 1])
    y = x[index].sum()
    index[:] = 2
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 0]


def test_boolean_corners() -> None:
    for index in (True, False, (slice(None), True), (Ellipsis, None), (None, None, 0), ()):
        assert_same_in_both(lambda t, index=index: t.arange(6.0).reshape(2, 3)[index])  # type: ignore[misc]
    assert_same_in_both(lambda t: t.tensor(3.0)[None])
    assert_same_in_both(lambda t: t.tensor(3.0)[...])
    assert_same_in_both(lambda t: t.tensor(3.0)[0])
    assert torch.is_grad_enabled()
