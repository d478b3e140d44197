"""Property-based tests for operations: Hypothesis draws the inputs, an oracle knows the answer.

A test of an operation of one's own, with every kind of shape, stride and value, to the second derivative:

    from hypothesis import given
    from minigrad.testing import arrays, assert_gradients, assert_same

    @given(arrays())
    def test_swish(x):
        assert_same(swish, lambda x: x / (1 + np.exp(-x)), x)
        assert_gradients(swish, x, order=2)

`minigrad.testing.strategies` says how to draw, `minigrad.testing.assertions` what to hold against what. This package needs
Hypothesis: ``pip install 'minigrad[test]'``.
"""

from minigrad.testing.assertions import assert_backward_contract, assert_gradients, assert_same
from minigrad.testing.strategies import (
    arrays,
    broadcastable,
    configurations,
    gradient_sequences,
    layouts,
    shapes,
    tensors,
    values,
)

__all__ = [
    "arrays",
    "assert_backward_contract",
    "assert_gradients",
    "assert_same",
    "broadcastable",
    "configurations",
    "gradient_sequences",
    "layouts",
    "shapes",
    "tensors",
    "values",
]
