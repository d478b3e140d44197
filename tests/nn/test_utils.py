"""Gradient clipping and parameters as one vector, against torch."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters
from tests.reference import torch

GRADIENTS = st.lists(
    st.none() | npst.arrays(np.float32, npst.array_shapes(min_dims=0, max_side=3), elements=st.floats(-1e6, 1e6, width=32)),
    min_size=1,
    max_size=4,
)


def parameters(library: Any, gradients: list[Any]) -> list[Any]:
    params = []
    for g in gradients:
        p = library.zeros(() if g is None else g.shape, requires_grad=True)
        p.grad = None if g is None else library.tensor(g)
        params.append(p)
    return params


def assert_same_gradients(ours: list[Any], theirs: list[Any]) -> None:
    for p, q in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=2e-6)


@pytest.mark.parametrize("order", [0.5, 1, 2, 3.0, math.inf])
def test_an_empty_gradient_counts_nothing(order: float) -> None:
    """torch refuses it for the norm inf."""
    arrays = [np.zeros((0, 3), np.float32), np.array([3.0, -4.0], np.float32)]
    both, alone = parameters(minigrad, arrays), parameters(minigrad, arrays[1:])
    assert clip_grad_norm_(both, 1.0, order).item() == clip_grad_norm_(alone, 1.0, order).item() >= 4
    assert both[1].grad.tolist() == alone[0].grad.tolist()


@given(gradients=GRADIENTS, max_norm=st.sampled_from([0.0, 0.1, 1.0, 1e9]), order=st.sampled_from([1, 2, 3.0, math.inf]))
def test_norm_as_torch(gradients: list[Any], max_norm: float, order: float) -> None:
    ours, theirs = parameters(minigrad, gradients), parameters(torch, gradients)
    a = clip_grad_norm_(ours, max_norm, order)
    b = torch.nn.utils.clip_grad_norm_(theirs, max_norm, order)
    assert a.shape == ()
    assert a.item() == pytest.approx(b.item(), rel=2e-6)
    assert_same_gradients(ours, theirs)


@given(gradients=GRADIENTS, bound=st.sampled_from([0.0, 0.1, 10.0]))
def test_value_as_torch(gradients: list[Any], bound: float) -> None:
    ours, theirs = parameters(minigrad, gradients), parameters(torch, gradients)
    clip_grad_value_(ours, bound)
    if any(g is not None for g in gradients):  # otherwise torch fails
        torch.nn.utils.clip_grad_value_(theirs, bound)
    assert_same_gradients(ours, theirs)


def test_clipping_is_in_place_and_keeps_dtypes() -> None:
    x, y = minigrad.zeros(2, dtype=minigrad.float64, requires_grad=True), minigrad.zeros(1, requires_grad=True)
    x.grad, y.grad = minigrad.tensor([3.0, 0.0], dtype=minigrad.float64), minigrad.tensor([4.0])
    grads = x.grad, y.grad
    assert clip_grad_norm_(iter([x, y]), 1).item() == 5
    assert (x.grad, y.grad) == grads
    assert (x.grad.dtype, y.grad.dtype) == (minigrad.float64, minigrad.float32)
    assert x.grad.tolist() == pytest.approx([0.6, 0], abs=1e-6)
    clip_grad_norm_(x, 0.3)
    assert x.grad.tolist() == pytest.approx([0.3, 0], abs=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite(value: float) -> None:
    grads = [np.array([1.0, value], np.float32), np.ones(2, np.float32)]
    ours, theirs = parameters(minigrad, grads), parameters(torch, grads)
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        clip_grad_norm_(ours, 1, error_if_nonfinite=True)
    assert ours[1].grad.tolist() == [1, 1]
    clip_grad_norm_(ours, 1)
    torch.nn.utils.clip_grad_norm_(theirs, 1)
    assert_same_gradients(ours, theirs)


def test_bad_bounds() -> None:
    for bound in (-1, math.nan):
        with pytest.raises(ValueError, match="must be at least 0"):
            clip_grad_norm_([], bound)
        with pytest.raises(ValueError, match="must be at least 0"):
            clip_grad_value_([], bound)


def test_without_gradients_the_norm_is_zero() -> None:
    assert clip_grad_norm_([minigrad.zeros(2)], 1).item() == 0
    (empty,) = parameters(minigrad, [np.zeros(0, np.float32)])
    for order in (1, 2, math.inf):
        assert clip_grad_norm_([empty], 1, order).item() == 0


def test_vector_and_back() -> None:
    params = [minigrad.arange(6.0).reshape(2, 3).detach().requires_grad_(), minigrad.tensor(7.0, requires_grad=True)]
    vector = parameters_to_vector(params)
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7]
    vector.sum().backward()
    assert params[0].grad is not None
    assert params[0].grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    values = minigrad.arange(7.0)
    vector_to_parameters(values, params)
    assert params[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert params[1].item() == 6
    values.zero_()
    assert params[1].item() == 6, "a copy"
    with pytest.raises(ValueError, match=r"the vector has shape \[8\], but the parameters have 7 elements"):
        vector_to_parameters(minigrad.zeros(8), params)
    with pytest.raises(TypeError, match="expected a Tensor"):
        vector_to_parameters([1.0], params)  # type: ignore[arg-type]
    assert params[1].item() == 6
