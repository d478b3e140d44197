"""Products of vectors, matrices and stacks: torch's rules for shapes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad.testing import arrays, assert_gradients, shapes
from tests.torch_parity import Library, assert_same_in_both

SIGNATURES = ["(k),(k)->()", "(n,k),(k)->(n)", "(k),(k,m)->(m)", "(n,k),(k,m)->(n,m)"]


def filled(t: Library, shape: tuple[int, ...]) -> Any:
    n = 1
    for side in shape:
        n *= side
    return (t.arange(float(n), dtype=t.float64).reshape(shape) / 7 - 1).requires_grad_()


def product(t: Library, a: tuple[int, ...], b: tuple[int, ...]) -> Any:
    x, y = filled(t, a), filled(t, b)
    z = x @ y
    (z * z).sum().backward()
    return z, x.grad, y.grad


@given(st.sampled_from(SIGNATURES), st.data())
def test_shapes_that_fit(signature: str, data: st.DataObject) -> None:
    a, b = data.draw(hnp.mutually_broadcastable_shapes(signature=signature, max_dims=2, min_side=0, max_side=3)).input_shapes
    assert_same_in_both(lambda t: product(t, a, b), 1e-12)


@given(shapes(max_dims=4), shapes(max_dims=4))
def test_any_shapes_fit_or_fail_as_in_torch(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert_same_in_both(lambda t: product(t, a, b), 1e-12)


@given(arrays((2, 3)), arrays((3, 2)))
def test_layouts_do_not_matter(a: Any, b: Any) -> None:
    assert_gradients(minigrad.matmul, a, b, order=2)
    assert_gradients(minigrad.matmul, a.T, b.T, order=2)
