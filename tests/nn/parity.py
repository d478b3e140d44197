"""Comparison of minigrad with torch: a function that runs in either library, and arrays to run it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.autograd import grad

Array = np.ndarray[Any, Any]


def draw(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Array:
    """Return numbers from [low, high)."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def close(mine: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """Assert that a tensor of minigrad equals one of torch: shape, dtype, values."""
    mine_array, theirs_array = mine.detach().numpy(), theirs.numpy(force=True)
    assert mine_array.shape == theirs_array.shape
    assert mine_array.dtype == theirs_array.dtype
    np.testing.assert_allclose(mine_array, theirs_array, rtol=tolerance, atol=tolerance)


def agree(
    mine: Callable[..., Any], theirs: Callable[..., Any], *arrays: Array, orders: int = 2, tolerance: float = 1e-12
) -> None:
    """Assert that two functions of tensors agree in value and in derivatives up to an order.

    Floating-point arrays are differentiated. The derivative of each order is contracted with fixed numbers, so that one
    scalar stands for all of it.
    """
    ours = [minigrad.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    yours = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    values, references = [mine(*ours)], [theirs(*yours)]
    leaves = [t for t in ours if t.requires_grad]
    torch_leaves = [t for t in yours if t.requires_grad]
    for order in range(orders + 1):
        for value, reference in zip(values, references, strict=True):
            close(value, reference, tolerance)
        if order == orders or not leaves or not any(t.requires_grad for t in references):
            return
        weights = [draw(*t.shape, seed=order) for t in references]
        total = sum((v * minigrad.tensor(w)).sum() for v, w in zip(values, weights, strict=True))
        torch_total = sum((r * torch.tensor(w)).sum() for r, w in zip(references, weights, strict=True))
        found = grad(total, leaves, create_graph=True, allow_unused=True) if total.requires_grad else [None] * len(leaves)
        torch_found = torch.autograd.grad(torch_total, torch_leaves, create_graph=True, allow_unused=True)
        values = [minigrad.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=True)]
        references = [torch.zeros_like(t) if g is None else g for g, t in zip(torch_found, torch_leaves, strict=True)]
