"""The repr and format of tensors equal torch's, character for character."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad.testing import layouts
from tests.reference import torch

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-5, 1e5, 1e9, 123456.0, 0.5, -2.25, 1 / 3, 1e-30, 3e20, 99999.99]
element = st.sampled_from(SPECIAL) | st.integers(-1000, 1000).map(float) | st.floats(width=32)


def torch_repr(array: Any) -> str:
    return repr(torch.from_numpy(array.copy())).replace("torch.", "minigrad.")


def assert_same_repr(array: Any) -> None:
    assert without_dtype_break(repr(minigrad.from_numpy(array))) == without_dtype_break(torch_repr(array))


def without_dtype_break(text: str) -> str:
    """Remove the line break before the dtype, whose position differs: "minigrad" has three letters more than "torch"."""
    return re.sub(r",\n +(?=dtype=.*\))", ", ", text) if "dtype=" in text else text


small = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(st.data(), st.sampled_from([np.float32, np.float64]))
def test_floating_point(data: st.DataObject, kind: Any) -> None:
    elements = data.draw(st.sampled_from([element, st.integers(-30, 30).map(lambda k: k / 4), st.floats(-1, 1, width=32)]))
    assert_same_repr(data.draw(layouts(data.draw(hnp.arrays(kind, small, elements=elements)))))


@given(hnp.arrays(np.float16, small, elements=st.floats(width=16)))
def test_half_precision(array: Any) -> None:
    assert_same_repr(array)


@given(st.data(), st.sampled_from([np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_]))
def test_integers_and_booleans(data: st.DataObject, kind: Any) -> None:
    assert_same_repr(data.draw(hnp.arrays(kind, small)))


@given(
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12).map(lambda s: (*s[:-1], s[-1] * 130)),
    st.sampled_from([np.float32, np.int64, np.bool_]),
    st.sampled_from([1, 0.37, 1e6, 1e-3]),
    st.integers(0, 10),
)
def test_large_arrays_are_summarized(shape: tuple[int, ...], kind: Any, scale: float, seed: int) -> None:
    assert_same_repr((np.random.default_rng(seed).standard_normal(shape) * 10 * scale).astype(kind))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (), (1,), (1, 1, 1), (1000,), (1001,), (7, 200), (3, 1, 400)])
def test_edge_case_shapes(shape: tuple[int, ...]) -> None:
    for kind in (np.float32, np.int64, np.float64, np.bool_):
        assert_same_repr(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind))


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
def test_edge_case_values(values: list[float]) -> None:
    assert_same_repr(np.array(values, np.float32))
    assert_same_repr(np.array(values))


def make(lib: Any, case: str) -> Any:
    x = lib.tensor([[1.5, -2.0], [3.0, 1e-3]], requires_grad=True)
    cases: dict[str, Callable[[], Any]] = {
        "leaf": lambda: x,
        "scalar": lambda: lib.tensor(3.5, requires_grad=True),
        "double leaf": lambda: x.detach().double().requires_grad_(),
        "result": lambda: x.detach(),
        "size": lambda: x.shape,
        "empty size": lambda: x.sum().shape,
        "dtype": lambda: x.dtype,
        "list": lambda: [x.detach(), x.detach().sum()],
        "dict": lambda: {"a": x.detach()},
    }
    return cases[case]()


@pytest.mark.parametrize("case", ["leaf", "scalar", "double leaf", "result", "size", "empty size", "dtype", "list", "dict"])
def test_suffixes_and_containers(case: str) -> None:
    for convert in (repr, str):
        reference = convert(make(torch, case)).replace("torch.", "minigrad.")
        assert without_dtype_break(convert(make(minigrad, case))).split() == without_dtype_break(reference).split()


@pytest.mark.parametrize("count", range(6, 14))
def test_a_suffix_that_does_not_fit_goes_to_the_next_line(count: int) -> None:
    ours, reference = (repr(lib.full((count,), 1.25, requires_grad=True)) for lib in (minigrad, torch))
    assert ours == reference
    assert all(len(line) <= 80 for line in ours.splitlines())


def test_grad_fn_is_named() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x * 2) == "tensor([2., 4.], grad_fn=<MulBackward0>)"
    wide = minigrad.full((20,), 123456.7, requires_grad=True) * 1
    assert repr(wide).splitlines()[-1].endswith("grad_fn=<MulBackward0>)")


@given(st.floats(-1e6, 1e6, width=32), st.sampled_from(["", ".2f", "8.3f", ".1e", "g"]))
def test_format(value: float, spec: str) -> None:
    ours, reference = minigrad.tensor(value), torch.tensor(value)
    assert format(ours, spec) == format(reference, spec)
    assert f"{ours.long()}" == f"{reference.long()}"
    assert f"{ours:{spec}}" == f"{reference:{spec}}"


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
    ours, reference = (repr(t.tensor([[1.0, 3.0], [2.0, 0.5]]).max(1)) for t in (minigrad, torch))
    assert ours.splitlines()[1:] == reference.splitlines()[1:]


@pytest.mark.parametrize("digits", range(1, 8))
def test_where_a_line_has_no_room_for_details(digits: int) -> None:
    """What follows the elements goes to a line of its own from the same width on."""
    for n in range(1, 30):
        for values in ([10.0 ** (digits - 1)] * n, [[10.0 ** (digits - 1)] * n] * 2):
            ours, theirs = (repr(lib.tensor(values, requires_grad=True)) for lib in (minigrad, torch))
            assert ours == theirs
