"""A user's own operation, tested in five lines; first a right one, then one with a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from minigrad.ops.elementary import exp
from minigrad.primitive import primitive
from minigrad.testing import arrays, assert_backward_contract, assert_gradients, assert_same


@primitive(floating=True, x=lambda g, x, out: g * (out + (1 - out) / (1 + exp(-x))))
def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


@primitive(floating=True, x=lambda g, x: g / (1 + exp(-x)))
def careless(x: Any) -> Any:
    return x / (1 + np.exp(-x))


@given(arrays())
def test_swish(x: Any) -> None:
    assert_same(swish, lambda x: x / (1 + np.exp(-x)), x)
    assert_gradients(swish, x, order=3, analytic=swish.forward)
    assert_backward_contract(swish, x)


def test_a_mistake_is_found_and_the_message_says_where() -> None:
    with pytest.raises(AssertionError, match="derivative 1 with respect to argument 0"):
        assert_gradients(careless, np.array([0.5, 1.5]))


def test_a_second_gradient_of_another_dtype_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.primitive.primitives", {})

    @primitive(x=lambda g: g)
    def double(x: Any) -> Any:
        return x.astype(np.float64)

    @primitive(floating=True, x=lambda g: double(g))
    def same(x: Any) -> Any:
        return x + 0

    @primitive(floating=True, x=lambda g, x: 2 * g * same(x))
    def square(x: Any) -> Any:
        return x * x

    with pytest.raises(AssertionError, match=r"second order: minigrad.float64, its input minigrad.float32"):
        assert_backward_contract(square, np.arange(3.0))


def test_gradients_that_share_memory_are_found() -> None:
    def sharing(a: Any, b: Any) -> Any:
        def share(leaf: Any) -> None:
            other = b if leaf is a else a
            if other.grad is not None:
                leaf.grad = other.grad

        for leaf in (a, b):
            leaf.register_post_accumulate_grad_hook(share)
        return a + b

    with pytest.raises(AssertionError, match="a gradient shares memory with another tensor"):
        assert_backward_contract(sharing, np.arange(3.0), np.arange(3.0))
