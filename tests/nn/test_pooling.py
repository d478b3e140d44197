"""Pooling over all small sizes and options against torch: values, indices, gradients, and what is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import minigrad
from tests.reference import torch

LIBRARIES: list[Any] = [minigrad, torch]
SIZES = [
    (n, k, s, p, ceil)
    for n, k, s, p, ceil in itertools.product([1, 2, 5, 6, 7], [1, 2, 3], [1, 2, 3, 5], [0, 1], [False, True])
    if 2 * p <= k
]


def outcomes(call: Any, x: np.ndarray[Any, Any]) -> list[Any]:
    """Return what each library gives: results and the gradient by x; None if it refuses."""
    found: list[Any] = []
    for lib in LIBRARIES:
        leaf = lib.tensor(x, requires_grad=True)
        try:
            result = call(lib.nn.functional, leaf)
        except RuntimeError:
            found.append(None)
            continue
        results = list(result) if isinstance(result, tuple) else [result]
        (results[0] * results[0]).sum().backward()
        found.append([*(r.detach().numpy() for r in results), leaf.grad.numpy()])
    return found


def assert_equal(call: Any, x: np.ndarray[Any, Any]) -> None:
    ours, theirs = outcomes(call, x)
    assert (ours is None) == (theirs is None)
    for a, b in zip(ours or [], theirs or [], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("dilation", [1, 2])
def test_max_pooling_of_every_small_size(dilation: int, special: bool) -> None:
    """Special elements are NaN, infinities and equal ones: the border is as low as -inf, but is never the maximum."""
    for n, k, s, p, ceil in SIZES:
        if 1 + dilation * (k - 1) > n:  # torch writes outside of its memory where a window sees nothing but the border
            continue
        rng = np.random.default_rng(n)
        x, image = (rng.permutation(math.prod(shape)).reshape(shape).astype(float) for shape in ((1, 2, n), (2, n, 4)))
        if special:
            x, image = (rng.choice([-np.inf, -np.inf, np.nan, np.inf, 1.0, -1.0], a.shape) for a in (x, image))
        assert_equal(lambda f, x, a=(k, s, p, dilation, ceil): f.max_pool1d(x, *a, return_indices=True), x)
        assert_equal(lambda f, x, a=((k, 2), (s, 1), (p, 0), dilation, ceil): f.max_pool2d(x, *a, return_indices=True), image)


@pytest.mark.parametrize("include", [True, False])
def test_average_pooling_of_every_small_size(include: bool) -> None:
    for n, k, s, p, ceil in SIZES:
        x = np.random.default_rng(n).standard_normal((1, 2, n))
        assert_equal(lambda f, x, a=(k, s, p, ceil, include): f.avg_pool1d(x, *a), x)
        image = np.random.default_rng(n).standard_normal((1, 2, n, 4))
        for divisor in (None, 3):
            assert_equal(lambda f, x, a=((k, 2), (s, 1), (p, 0), ceil, include, divisor): f.avg_pool2d(x, *a), image)


def test_transposed_convolution_of_every_small_size() -> None:
    """The size of the output, and both gradients; the result lies row by row, so that `view` works."""
    rng = np.random.default_rng(0)
    for k, s, p, o, d in itertools.product([1, 2, 3], [1, 2], [0, 1], [0, 1, 3], [1, 2, 4]):
        x, weight, bias = (rng.integers(-4, 5, shape).astype(float) for shape in ((2, 2, 4), (2, 3, k), 3))
        options = {"stride": s, "padding": p, "output_padding": o, "dilation": d}

        def of_input(f: Any, leaf: Any, w: Any = weight, options: Any = options) -> Any:
            return f.conv_transpose1d(leaf, leaf.new_tensor(w), **options).view(-1)

        def of_weight(f: Any, leaf: Any, x: Any = x, b: Any = bias, options: Any = options) -> Any:
            return f.conv_transpose1d(leaf.new_tensor(x), leaf, leaf.new_tensor(b), **options)

        assert_equal(of_input, x)
        assert_equal(of_weight, weight)


def test_output_size_of_a_transposed_convolution() -> None:
    for size in range(5, 12):
        shapes: list[Any] = []
        for lib in LIBRARIES:
            layer = lib.nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1)
            try:
                shapes.append(tuple(layer(lib.zeros(1, 2, 4), output_size=(size,)).shape))
            except ValueError:
                shapes.append(None)
        assert shapes[0] == shapes[1]


def test_a_window_that_sees_nothing_but_the_border() -> None:
    """torch gives it an index that is out of range, and its backward then writes outside of its memory."""
    x = minigrad.tensor([[[3.0]]], requires_grad=True)
    y, index = minigrad.nn.functional.max_pool1d(x, 2, 1, 1, 2, return_indices=True)
    assert (y.tolist(), index.shape) == ([[[-np.inf]]], y.shape)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0]]]
