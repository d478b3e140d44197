"""Properties of the strategies: distances from kinks, special values, layouts, shapes, valid configurations."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import minigrad
import minigrad.testing
from minigrad import Tensor
from minigrad.testing import (
    arrays,
    assert_same,
    broadcastable,
    configurations,
    gradient_sequences,
    layouts,
    shapes,
    special_values,
    tensors,
    values,
)
from tests.reference import torch


@given(st.data(), st.floats(-3, 3), st.floats(0.05, 0.5))
def test_values_keep_away_from_kinks(data: st.DataObject, kink: float, margin: float) -> None:
    x = data.draw(values(-4, 4, kinks=[kink, 0], margin=margin))
    assert -4 <= x <= 4
    assert min(abs(x), abs(x - kink)) >= margin
    assert np.float16(x) == x


def test_values_shrink_to_simple_ones() -> None:
    assert find(values(), lambda x: True) == 0
    assert find(values(kinks=[0]), lambda x: True) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "is_kind",
    [
        lambda x, info: x == 0 and np.signbit(x),
        lambda x, info: 0 < x < info.tiny,
        lambda x, info: x == info.max,
        lambda x, info: x == -np.inf,
        lambda x, info: np.isnan(x),
        lambda x, info: x == 2.5,
    ],
    ids=["-0", "subnormal", "greatest", "-inf", "NaN", "tie in rounding"],
)
def test_special_values_of_every_kind_are_drawn(is_kind: Any, dtype: Any) -> None:
    info = np.finfo(dtype)
    drawn = arrays(shape=(), elements=special_values(dtype), dtype=dtype)
    assert is_kind(find(drawn, lambda x: is_kind(x, info), settings=settings(database=None, max_examples=1000)), info)


@given(special_values(infinities=False, nan=False))
def test_infinities_and_nan_can_be_excluded(x: float) -> None:
    assert np.isfinite(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_unstable_forward_is_found_by_special_values_alone(dtype: Any) -> None:
    def check(forward: Any, elements: Any) -> None:
        @settings(database=None, max_examples=300, report_multiple_bugs=False)
        @given(arrays(elements=elements, dtype=dtype))
        def test(x: Any) -> None:
            assert_same(forward, lambda a: np.logaddexp(a.dtype.type(0), a), x, atol=0)

        test()

    def unstable(x: Tensor) -> Tensor:
        result: Tensor = (1 + x.exp()).log()
        return result

    check(minigrad.nn.functional.softplus, special_values(dtype))
    check(unstable, values(0, 3))
    with pytest.raises(AssertionError):
        check(unstable, special_values(dtype))


@given(st.data(), arrays())
def test_layouts_have_equal_values(data: st.DataObject, array: Any) -> None:
    laid = data.draw(layouts(array))
    np.testing.assert_array_equal(laid, array)
    assert laid.dtype == array.dtype
    laid[...] = 1  # no two elements overlap
    assert laid.sum() == laid.size


@pytest.mark.parametrize(
    "kind",
    [
        lambda x: x.flags.c_contiguous,
        lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
        lambda x: not x.flags.c_contiguous and not x.flags.f_contiguous,
        lambda x: any(s < 0 for s in x.strides),
        lambda x: x.ndim == 0,
        lambda x: x.size == 0,
        lambda x: 1 in x.shape,
    ],
    ids=["C", "Fortran", "gaps", "negative stride", "0-d", "empty", "size one"],
)
def test_arrays_of_every_layout_are_drawn(kind: Any) -> None:
    assert kind(find(arrays(), kind, settings=settings(database=None, max_examples=1000)))


@given(arrays(distinct=True))
def test_distinct_elements(array: Any) -> None:
    assert len(np.unique(array)) == array.size


@given(broadcastable(None, values(kinks=[0]), None))
def test_broadcastable_shapes_broadcast(drawn: tuple[Any, ...]) -> None:
    assert len(drawn) == 3
    np.broadcast_shapes(*[x.shape for x in drawn])
    assert (np.abs(drawn[1]) >= 0.1).all()


@given(shapes(min_dims=1, max_dims=2, min_side=2, max_side=4))
def test_shapes_within_bounds(shape: tuple[int, ...]) -> None:
    assert 1 <= len(shape) <= 2
    assert all(2 <= n <= 4 for n in shape)


@given(tensors(dtype=minigrad.float32))
def test_tensors_are_leaves(x: Tensor) -> None:
    assert x.requires_grad
    assert x.is_leaf
    assert x.dtype is minigrad.float32


@given(gradient_sequences([(2, 3), ()], length=4, dtype=np.float32))
def test_gradient_sequences(sequence: list[list[Any]]) -> None:
    assert 1 <= len(sequence) <= 4
    for gradients in sequence:
        assert [g.shape for g in gradients if g is not None] == [
            s for s, g in zip([(2, 3), ()], gradients, strict=True) if g is not None
        ]
        assert all(g is None or g.dtype == np.float32 for g in gradients)


def test_gradients_are_sometimes_missing_and_sometimes_zero() -> None:
    sequences = gradient_sequences([(2,)])
    assert find(sequences, lambda s: s[0][0] is None)[0][0] is None
    assert not np.any(find(sequences, lambda s: s[0][0] is not None and not s[0][0].any())[0][0])


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam"])
@given(data=st.data())
def test_configurations_are_valid_in_both_libraries(name: str, data: st.DataObject) -> None:
    ours, reference = getattr(minigrad.optim, name), getattr(torch.optim, name)
    arguments = data.draw(configurations(ours))
    ours([minigrad.ones(1, requires_grad=True)], **arguments)
    reference([torch.ones(1, requires_grad=True)], **arguments)


def test_atol_0_compares_each_element_by_itself() -> None:
    def wrong(x: Tensor) -> Tensor:
        return minigrad.where(x > 2, x, 2 * x)

    x = np.array([1e30, 1.0])
    assert_same(wrong, np.copy, x)  # within the tolerance that is relative to the greatest element
    with pytest.raises(AssertionError, match="result 0"):
        assert_same(wrong, np.copy, x, atol=0)
    assert_same(lambda t: t * 0, np.copy, np.array([5e-324]), atol=0)  # subnormal


def test_a_missing_hypothesis_is_reported_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ModuleNotFoundError, match=r"in a clone of minigrad: pip install -e '\.\[testing\]'"):
        importlib.reload(minigrad.testing)
