"""Comparison with torch: run a function in both libraries on the same arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad
from minigrad.autograd import grad
from tests.reference import torch

Array = np.ndarray[Any, Any]


def uniform(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Array:
    """Return an array drawn from U(low, high)."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def assert_close(ours: Any, reference: Any, tolerance: float = 1e-12) -> None:
    """Assert that a tensor of minigrad equals one of torch in shape, dtype and values."""
    our_array, reference_array = ours.detach().numpy(), reference.numpy(force=True)
    assert our_array.shape == reference_array.shape
    assert our_array.dtype == reference_array.dtype
    np.testing.assert_allclose(our_array, reference_array, rtol=tolerance, atol=tolerance)


def assert_same_in_both(
    ours: Callable[..., Any], reference: Callable[..., Any], *arrays: Array, orders: int = 2, tolerance: float = 1e-12
) -> None:
    """Assert that two functions of tensors agree in value and in derivatives up to an order.

    Floating-point arrays are differentiated. The derivatives of each order are contracted with fixed weights to one
    scalar, which is differentiated for the next order.
    """
    our_values = [minigrad.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    reference_values = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    values, references = [ours(*our_values)], [reference(*reference_values)]
    leaves = [t for t in our_values if t.requires_grad]
    torch_leaves = [t for t in reference_values if t.requires_grad]
    for order in range(orders + 1):
        for value, reference in zip(values, references, strict=True):
            assert_close(value, reference, tolerance)
        if order == orders or not leaves or not any(t.requires_grad for t in references):
            return
        weights = [uniform(*t.shape, seed=order) for t in references]
        total = sum((v * minigrad.tensor(w)).sum() for v, w in zip(values, weights, strict=True))
        torch_total = sum((r * torch.tensor(w)).sum() for r, w in zip(references, weights, strict=True))
        found = grad(total, leaves, create_graph=True, allow_unused=True) if total.requires_grad else [None] * len(leaves)
        torch_found = torch.autograd.grad(torch_total, torch_leaves, create_graph=True, allow_unused=True)
        values = [minigrad.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=True)]
        references = [torch.zeros_like(t) if g is None else g for g, t in zip(torch_found, torch_leaves, strict=True)]
