"""One program, run in minigrad and in torch: it does the same in both, or fails with the same type of exception."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import minigrad

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


def facts(result: Any) -> Any:
    """Return what a program has returned in a form that can be compared."""
    if isinstance(result, minigrad.Tensor | torch.Tensor):
        array = np.array(result.detach().tolist(), dtype=object if result.numel() == 0 else None)
        name = str(result.dtype).rpartition(".")[2]
        return {"dtype": name, "shape": tuple(result.shape), "requires_grad": result.requires_grad, "values": array}
    if isinstance(result, np.ndarray):
        return {"dtype": result.dtype.name, "shape": result.shape, "values": result}
    if isinstance(result, tuple | list):
        return [facts(part) for part in result]
    if isinstance(result, minigrad.dtype | torch.dtype):
        return str(result).rpartition(".")[2]
    return result


def run(program: Callable[[Library], Any], library: Library) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return facts(program(library))
    except ERRORS as error:
        return type(error)


def assert_equal(mine: Any, theirs: Any, tolerance: float, where: str = "result") -> None:
    if isinstance(mine, type) or isinstance(theirs, type):
        assert mine is theirs, f"{where}: {mine} in minigrad, {theirs} in torch"
    elif isinstance(theirs, Mapping):
        for key in theirs:
            assert_equal(mine[key], theirs[key], tolerance, f"{where}, {key}")
    elif isinstance(theirs, list):
        assert isinstance(mine, list)
        assert len(mine) == len(theirs), where
        for k, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            assert_equal(a, b, tolerance, f"{where}[{k}]")
    elif isinstance(theirs, np.ndarray) and theirs.size and theirs.dtype.kind in "fiu":
        scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0) if theirs.dtype.kind == "f" else 0
        np.testing.assert_allclose(mine, theirs, tolerance, tolerance * scale, err_msg=where)
    elif isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(mine, theirs, err_msg=where)
    elif isinstance(theirs, float):
        np.testing.assert_allclose(mine, theirs, tolerance, err_msg=where)
    else:
        assert type(mine) is type(theirs), f"{where}: {mine!r} in minigrad, {theirs!r} in torch"
        assert mine == theirs, where


def agree(program: Callable[[Library], Any], tolerance: float = 1e-6) -> None:
    """Assert that a program returns the same tensors, numbers and shapes in both libraries, or fails alike.

    Where torch merely has not implemented a function for some number type, anything goes.
    """
    theirs = run(program, torch)
    if theirs is not NotImplementedError:
        assert_equal(run(program, minigrad), theirs, tolerance)
