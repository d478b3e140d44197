"""Property-based tests of operations: Hypothesis draws the inputs, and an independent reference gives the results.

This tests a custom operation for all kinds of shapes, strides and values, up to the second derivative:

    from hypothesis import given
    from minigrad.testing import arrays, assert_gradients, assert_same, special_values

    @given(arrays())
    def test_swish(x):
        assert_same(swish, lambda x: x / (1 + np.exp(-x)), x)
        assert_gradients(swish, x, order=2)

    @given(arrays(elements=special_values()))
    def test_swish_at_special_values(x):
        assert_same(swish, lambda x: x / (1 + np.exp(-x)), x, atol=0)

`minigrad.testing.strategies` draws the inputs, also tensors, networks and optimizers; `minigrad.testing.assertions` compares;
`minigrad.testing.optimizers` has the laws of optimizers. This package needs Hypothesis; in a clone of minigrad:
``pip install -e '.[testing]'``.
"""

from importlib.util import find_spec

if find_spec("hypothesis") is None:
    raise ModuleNotFoundError("minigrad.testing needs Hypothesis; in a clone of minigrad: pip install -e '.[testing]'")

from minigrad.testing import registration as registration
from minigrad.testing.assertions import *
from minigrad.testing.optimizers import *
from minigrad.testing.strategies import *
