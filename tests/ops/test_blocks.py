"""Large arrays are computed in blocks; here the blocks are a few elements long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.nn import functional as F  # noqa: N812
from minigrad.ops import blocks
from minigrad.ops.neural import (
    cross_entropy,
    cross_entropy_vjp,
    layer_norm,
    layer_norm_vjp,
    log_softmax,
    softmax,
    softmax_vjp,
)
from minigrad.primitive import Array, primitives

X = np.random.default_rng(0).uniform(-4, 4, (6, 7))
LAYOUTS = {"rows": X, "columns": X.T, "strided": X[:, ::2], "reversed": X[::-1], "scalar": np.array(0.5)}
ELEMENTWISE = ["sigmoid", "sigmoid_slope", "silu", "erf", "erfc", "gelu", "gelu_slope", "gelu_tanh"]

Twice = Callable[[Callable[[], list[Array]]], tuple[list[Array], list[Array]]]


@pytest.fixture
def whole_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> Twice:
    """A function that computes something twice, in one block and in blocks of 10 elements."""

    def compute(function: Callable[[], list[Array]]) -> tuple[list[Array], list[Array]]:
        whole = function()
        monkeypatch.setattr(blocks, "SIZE", 10)
        return whole, function()

    return compute


def assert_equal(whole: list[Array], parts: list[Array]) -> None:
    for a, b in zip(whole, parts, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str, layout: str, whole_and_in_blocks: Twice) -> None:
    x = LAYOUTS[layout]
    assert_equal(*whole_and_in_blocks(lambda: [np.asarray(primitives[name].forward(x))]))


@pytest.mark.parametrize("shape", [(6, 7), (2, 3, 7), (7,), (42, 1), (1, 42), (0, 7)], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_and_its_gradient(affine: bool, shape: tuple[int, ...], whole_and_in_blocks: Twice) -> None:
    x = np.resize(X, shape)
    inputs = (x, *(np.linspace(-1, end, shape[-1]) for end in (1, 2))) if affine else (x,)
    assert_equal(
        *whole_and_in_blocks(lambda: [layer_norm.forward(*inputs, eps=0.1), *layer_norm_vjp(np.cos(x), *inputs, eps=0.1)])
    )


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_softmax_and_its_gradient(dim: int, whole_and_in_blocks: Twice) -> None:
    x = X.reshape(3, 2, 7) * np.array([1, 1, 100]).reshape(3, 1, 1)
    index, rows = np.arange(6), x.reshape(6, 7)
    assert_equal(
        *whole_and_in_blocks(
            lambda: [
                *(f.forward(x, dim=dim) for f in (softmax, log_softmax)),
                softmax_vjp.forward(x, np.cos(x), dim=dim),
                np.asarray(cross_entropy.forward(rows, index=index)),
                cross_entropy_vjp.forward(np.float64(2), rows, index=index),
            ]
        )
    )


@pytest.mark.parametrize("few", [0, 256])
@pytest.mark.parametrize("chunk", [1, 7, 50, 10**6])
def test_convolutions_of_several_chunks(chunk: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the samples in one product of matrices or in several, and in groups of channels."""

    def gradients() -> list[Any]:
        minigrad.manual_seed(0)
        results: list[Any] = []
        for function, size in ((F.conv1d, (6,)), (F.conv2d, (7, 6))):
            x = minigrad.randn(5, 4, *size, requires_grad=True, dtype=minigrad.float64)
            weight = minigrad.randn(6, 2, *[3 for _ in size], requires_grad=True, dtype=minigrad.float64)
            y = function(x, weight, None, 2, 1, 2, 2)
            (y * y).sum().backward()
            results += [y.detach().numpy(), *(t.grad.numpy() for t in (x, weight) if t.grad is not None)]
        return results

    at_once = gradients()
    monkeypatch.setattr("minigrad.ops.convolution.CHUNK", chunk)
    monkeypatch.setattr("minigrad.ops.convolution.FEW", few)
    assert_equal(gradients(), at_once)
