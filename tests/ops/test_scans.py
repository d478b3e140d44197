"""Running products and the like, and reductions that skip elements, against torch: values, gradients, second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.autograd import gradgradcheck
from tests.reference import torch

LIBRARIES: list[Any] = [minigrad, torch]
ALONG = ["cumprod", "logcumsumexp", "diff", "nansum", "count_nonzero"]
SHAPES = [(5,), (3, 4), (4, 1, 3), (1,), (0,), (2, 0), ()]


def elements(shape: tuple[int, ...]) -> Any:
    x = np.random.default_rng(7).standard_normal(shape)
    x.flat[1:3] = 0  # products with zeros
    return x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALONG)
def test_along_every_axis(name: str, shape: tuple[int, ...]) -> None:
    for dim in range(-len(shape), len(shape)):
        ours = minigrad.tensor(elements(shape), requires_grad=True)
        theirs = torch.tensor(elements(shape), requires_grad=True)
        y, z = getattr(minigrad, name)(ours, dim=dim), getattr(torch, name)(theirs, dim=dim)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
        if y.requires_grad:
            y.square().sum().backward()
            z.square().sum().backward()
            assert ours.grad is not None
            assert theirs.grad is not None
            np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["cumprod", "logcumsumexp"])
def test_scans_of_a_scalar_and_in_place(name: str) -> None:
    x = minigrad.tensor(2.0, requires_grad=True)
    y = getattr(x, name)(0)
    y.backward()
    assert x.grad is not None
    assert (y.item(), x.grad.item()) == (2, 1)
    if name == "cumprod":
        z = minigrad.tensor([2.0, 3.0, 4.0])
        assert z.cumprod_(0) is z
        assert z.tolist() == [2, 6, 24]


@pytest.mark.parametrize("name", ["cumprod", "logcumsumexp", "diff"])
def test_second_derivatives(name: str) -> None:
    x = minigrad.tensor(elements((4,)), requires_grad=True)
    assert gradgradcheck(lambda x: getattr(minigrad, name)(x, dim=0), (x,))


def test_large_exponents_do_not_overflow() -> None:
    x = [700.0, 710.0, -np.inf, 720.0]
    expected = torch.logcumsumexp(torch.tensor(x, dtype=torch.float64), 0).numpy()
    np.testing.assert_allclose(minigrad.tensor(x, dtype=minigrad.float64).logcumsumexp(0).numpy(), expected, rtol=1e-14)


def test_dtypes() -> None:
    whole = minigrad.tensor([2, 3, 4], dtype=minigrad.int32)
    assert minigrad.cumprod(whole, 0).dtype == minigrad.int64
    assert minigrad.cumprod(whole, 0, dtype=minigrad.float64).tolist() == [2, 6, 24]
    assert minigrad.nansum(minigrad.tensor([1.0, np.nan, 2.0])).item() == 3
    assert minigrad.nansum(whole).item() == 9
    halves = minigrad.full((400,), 1.01, dtype=minigrad.float16)
    exact = np.cumprod(halves.numpy().astype(np.float64))
    np.testing.assert_allclose(halves.cumprod(0).numpy(), exact, rtol=1e-3)


def test_diff_takes_orders_and_ends() -> None:
    a, ends = np.array([1.0, 4.0, 9.0, 16.0]), np.array([25.0, 36.0])
    for n in range(6):
        for options in ({}, {"append": ends}, {"prepend": ends}, {"prepend": ends, "append": ends}):
            ours, theirs = (
                lib.diff(lib.tensor(a), n=n, **{k: lib.tensor(v) for k, v in options.items()}) for lib in LIBRARIES
            )
            assert ours.tolist() == theirs.tolist()
    flags = [True, False, False]
    assert minigrad.diff(minigrad.tensor(flags)).tolist() == torch.diff(torch.tensor(flags)).tolist()
    for wrong, n in ((minigrad.tensor(1.0), 1), (minigrad.tensor([1.0]), -1)):
        with pytest.raises(RuntimeError):
            minigrad.diff(wrong, n)
