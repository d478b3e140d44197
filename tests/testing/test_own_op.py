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
