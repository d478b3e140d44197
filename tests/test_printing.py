"""Tensors are printed as torch prints them, letter by letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad.testing import layouts

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-5, 1e5, 1e9, 123456.0, 0.5, -2.25, 1 / 3, 1e-30, 3e20, 99999.99]
number = st.sampled_from(SPECIAL) | st.integers(-1000, 1000).map(float) | st.floats(width=32)


def torch_text(array: Any) -> str:
    return repr(torch.from_numpy(array.copy())).replace("torch.", "minigrad.")


def same_text(array: Any) -> None:
    assert unbroken(repr(minigrad.from_numpy(array))) == unbroken(torch_text(array))


def unbroken(text: str) -> str:
    """Return a text without the line break before the dtype: minigrad's name is three letters longer than torch's."""
    return re.sub(r",\n +(?=dtype=.*\))", ", ", text) if "dtype=" in text else text


small = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(st.data(), st.sampled_from([np.float32, np.float64]))
def test_floating_point(data: st.DataObject, kind: Any) -> None:
    elements = data.draw(st.sampled_from([number, st.integers(-30, 30).map(lambda k: k / 4), st.floats(-1, 1, width=32)]))
    same_text(data.draw(layouts(data.draw(hnp.arrays(kind, small, elements=elements)))))


@given(hnp.arrays(np.float16, small, elements=st.floats(width=16)))
def test_half_precision(array: Any) -> None:
    same_text(array)


@given(st.data(), st.sampled_from([np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_]))
def test_integers_and_booleans(data: st.DataObject, kind: Any) -> None:
    same_text(data.draw(hnp.arrays(kind, small)))


@given(
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12).map(lambda s: (*s[:-1], s[-1] * 130)),
    st.sampled_from([np.float32, np.int64, np.bool_]),
    st.sampled_from([1, 0.37, 1e6, 1e-3]),
    st.integers(0, 10),
)
def test_large_ones_are_summarised(shape: tuple[int, ...], kind: Any, scale: float, seed: int) -> None:
    same_text((np.random.default_rng(seed).standard_normal(shape) * 10 * scale).astype(kind))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (), (1,), (1, 1, 1), (1000,), (1001,), (7, 200), (3, 1, 400)])
def test_shapes_at_the_edges(shape: tuple[int, ...]) -> None:
    for kind in (np.float32, np.int64, np.float64, np.bool_):
        same_text(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind))


@pytest.mark.parametrize(
    "values",
    [
        [1e8],
        [1e8 + 8],
        [1.0, 1e8],
        [1.0, 1e3],
        [1.0, 1001.0],
        [0.001, 1.0],
        [0.001, 1.01],
        [1e-4],
        [9e-5],
        [1e-45],
        [1.5, np.nan, np.inf],
        [1.0, np.nan, -np.inf],
        [np.nan],
        [np.inf, -np.inf],
        [0.0],
        [-0.0],
        [0.99999],
        [100000.5],
        [0.0, 1e-7],
        [1e30, 1.5],
    ],
)
def test_numbers_at_the_edges(values: list[float]) -> None:
    same_text(np.array(values, np.float32))
    same_text(np.array(values))


def make(lib: Any, case: str) -> Any:
    x = lib.tensor([[1.5, -2.0], [3.0, 1e-3]], requires_grad=True)
    things: dict[str, Callable[[], Any]] = {
        "leaf": lambda: x,
        "number": lambda: lib.tensor(3.5, requires_grad=True),
        "double leaf": lambda: x.detach().double().requires_grad_(),
        "result": lambda: x.detach(),
        "size": lambda: x.shape,
        "empty size": lambda: x.sum().shape,
        "dtype": lambda: x.dtype,
        "list": lambda: [x.detach(), x.detach().sum()],
        "dict": lambda: {"a": x.detach()},
    }
    return things[case]()


@pytest.mark.parametrize("case", ["leaf", "number", "double leaf", "result", "size", "empty size", "dtype", "list", "dict"])
def test_what_surrounds_the_numbers(case: str) -> None:
    for how in (repr, str):
        theirs = how(make(torch, case)).replace("torch.", "minigrad.")
        assert unbroken(how(make(minigrad, case))).split() == unbroken(theirs).split()


@pytest.mark.parametrize("count", range(6, 14))
def test_a_suffix_that_does_not_fit_goes_to_the_next_line(count: int) -> None:
    mine, theirs = (repr(lib.full((count,), 1.25, requires_grad=True)) for lib in (minigrad, torch))
    assert mine == theirs
    assert all(len(line) <= 80 for line in mine.splitlines())


def test_grad_fn_is_named() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x * 2) == "tensor([2., 4.], grad_fn=<MulBackward0>)"
    wide = minigrad.full((20,), 123456.7, requires_grad=True) * 1
    assert repr(wide).splitlines()[-1].endswith("grad_fn=<MulBackward0>)")


@given(st.floats(-1e6, 1e6, width=32), st.sampled_from(["", ".2f", "8.3f", ".1e", "g"]))
def test_format(value: float, spec: str) -> None:
    mine, theirs = minigrad.tensor(value), torch.tensor(value)
    assert format(mine, spec) == format(theirs, spec)
    assert f"{mine.long()}" == f"{theirs.long()}"
    assert f"{mine:{spec}}" == f"{theirs:{spec}}"


@pytest.mark.parametrize("spec", ["", ".2f", ">30"])
def test_format_of_several_elements(spec: str) -> None:
    results = []
    for lib in (minigrad, torch):
        try:
            results.append(format(lib.tensor([1.0, 2.5]), spec))
        except TypeError:
            results.append("TypeError")
    assert results[0] == results[1]


def test_values_with_their_indices() -> None:
    mine, theirs = (repr(t.tensor([[1.0, 3.0], [2.0, 0.5]]).max(1)) for t in (minigrad, torch))
    assert mine.splitlines()[1:] == theirs.splitlines()[1:]
