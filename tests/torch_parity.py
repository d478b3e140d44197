"""Run one program in minigrad and in torch: it must return the same, or raise the same type of exception."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import minigrad
from tests.reference import torch

Library = Any  # minigrad or torch; they have the same names
ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
)  # and NotImplementedError, which is a RuntimeError


def comparable(result: Any) -> Any:
    """Convert tensors, arrays and dtypes, also in nested tuples and lists, to values that can be compared."""
    if isinstance(result, minigrad.Tensor | torch.Tensor):
        array = np.array(result.detach().tolist(), dtype=object if result.numel() == 0 else None)
        name = str(result.dtype).rpartition(".")[2]
        return {"dtype": name, "shape": tuple(result.shape), "requires_grad": result.requires_grad, "values": array}
    if isinstance(result, np.ndarray):
        return {"dtype": result.dtype.name, "shape": result.shape, "values": result}
    if isinstance(result, tuple | list):
        return [comparable(item) for item in result]
    if isinstance(result, minigrad.dtype | torch.dtype):
        return str(result).rpartition(".")[2]
    return result


def run(program: Callable[[Library], Any], library: Library) -> Any:
    """Return the comparable result of a program, or the type of the exception that it raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return comparable(program(library))
    except ERRORS as error:
        return type(error)


def assert_equal(ours: Any, reference: Any, tolerance: float, where: str = "result") -> None:
    """Assert that two outcomes of `run` are equal, floating-point values within a relative tolerance."""
    if isinstance(ours, type) or isinstance(reference, type):
        assert ours is reference, f"{where}: {ours} in minigrad, {reference} in torch"
    elif isinstance(reference, Mapping):
        for key in reference:
            assert_equal(ours[key], reference[key], tolerance, f"{where}, {key}")
    elif isinstance(reference, list):
        assert isinstance(ours, list)
        assert len(ours) == len(reference), where
        for k, (a, b) in enumerate(zip(ours, reference, strict=True)):
            assert_equal(a, b, tolerance, f"{where}[{k}]")
    elif isinstance(reference, np.ndarray) and reference.size and reference.dtype.kind in "fiu":
        scale = np.abs(reference[np.isfinite(reference)]).max(initial=0) if reference.dtype.kind == "f" else 0
        np.testing.assert_allclose(ours, reference, tolerance, tolerance * scale, err_msg=where)
    elif isinstance(reference, np.ndarray):
        np.testing.assert_array_equal(ours, reference, err_msg=where)
    elif isinstance(reference, float):
        np.testing.assert_allclose(ours, reference, tolerance, err_msg=where)
    else:
        assert type(ours) is type(reference), f"{where}: {ours!r} in minigrad, {reference!r} in torch"
        assert ours == reference, where


def assert_same_in_both(program: Callable[[Library], Any], tolerance: float = 1e-6) -> None:
    """Assert that a program has the same outcome in both libraries: equal results, or the same type of exception.

    Where torch raises NotImplementedError (a dtype that it does not support), any outcome of minigrad is accepted.
    """
    reference = run(program, torch)
    if reference is not NotImplementedError:
        assert_equal(run(program, minigrad), reference, tolerance)
