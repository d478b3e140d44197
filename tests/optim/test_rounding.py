"""The bounds on what rounding can do hold for float32, and are those that one finds by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from minigrad.ops.arithmetic import maximum
from minigrad.ops.elementary import sqrt
from tests.optim.rounding import EXACT, Estimate, estimated, exactly

F32 = np.dtype(np.float32)
PAIRS = st.integers(1, 5).flatmap(lambda n: st.tuples(*[npst.arrays(F32, n, elements=st.floats(-100, 100, width=16))] * 2))

RULES: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "difference": lambda x, y: 1 - x - y,
    "product": lambda x, y: 0.3 * x * -y,
    "quotient": lambda x, y: 1 / (x * x + 0.1) / (y * y + 1e-8),
    "root": lambda x, y: sqrt(x * x + 0.1) / (sqrt(y * y) + 1e-8),
    "maximum": lambda x, y: maximum(x, y) * 0.7,
    "cancellation": lambda x, y: (x + 1000 * y) - 1000 * y,
    "average": lambda x, y: x + (1 - 0.9) * (y - x),
    "variance": lambda x, y: 0.5 * (x * x + y * y) - (0.5 * (x + y)) * (0.5 * (x + y)),
}


@pytest.mark.parametrize("name", RULES)
@given(pair=PAIRS)
def test_float32_is_within_the_bound(name: str, pair: Any) -> None:
    (result,) = estimated(lambda x, y: [RULES[name](x, y)], [exactly(a) for a in pair], float(np.finfo(F32).eps))
    assert (np.abs(RULES[name](*pair) - result.value) <= result.bound).all()


UNIT = 2.0**-20
X = Estimate(np.array([3], EXACT), np.array([0.5], EXACT))


@pytest.mark.parametrize(
    ("rule", "value", "bound"),
    [
        (lambda x, y: x, 3, 0.5),
        (lambda x, y: y, 4, 0),
        (lambda x, y: y + 1, 5, 5 * UNIT),
        (lambda x, y: y * y * y, 64, 128 * UNIT),
        (lambda x, y: 2 * x, 6, 1 + 6 * UNIT),
        (lambda x, y: x - x, 0, 0),
        (lambda x, y: (1 + y) - 5, 0, 5 * UNIT),
        (lambda x, y: x * x, 9, 3.25 + 9 * UNIT),
        (lambda x, y: 1 / x, 1 / 3, 1 / 2.5 - 1 / 3 + UNIT / 3),
        (lambda x, y: x * y + y * x, 24, 4 + 48 * UNIT),
        (lambda x, y: sqrt(y - 4), 0, 0),
        (lambda x, y: sqrt(x - 2.75), 0.5, np.nan),
        (lambda x, y: sqrt(x - 2.25), 0.75**0.5, 0.75**0.5 - 0.25**0.5 + 1.5 * 0.75**0.5 * UNIT),
        (lambda x, y: sqrt((1 + y) - 5), 0, np.nan),
        (lambda x, y: maximum(x, 0 * y), 3, 0.5 + 3 * UNIT),
    ],
)
def test_the_bound_is_that_found_by_hand(rule: Any, value: float, bound: float) -> None:
    (result,) = estimated(lambda x, y: [rule(x, y)], [X, exactly([4.0])], UNIT)
    assert np.isnan(bound) or result.value == pytest.approx(np.array([value], EXACT), abs=1e-15)
    assert result.bound == pytest.approx(np.array([bound], EXACT), abs=1e-4 * UNIT, nan_ok=True)
