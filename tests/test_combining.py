"""Functions of several tensors: the calls that `test_methods.py` does not have, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both

PROGRAMS: dict[str, Callable[[Library], Any]] = {
    "einsum with lists of axes": lambda t: t.einsum(matrix(t), [0, 1], t.arange(3.0), [1], [0]),
    "einsum with lists, without a result": lambda t: t.einsum(matrix(t), [7, 51], matrix(t), [7, 0]),
    "einsum with lists, letters in alphabetical order": lambda t: t.einsum(matrix(t), [30, 2]),
    "einsum with lists and an ellipsis": lambda t: t.einsum(matrix(t), [..., 1], [1, ...]),
    "einsum with lists, a diagonal": lambda t: t.einsum(matrix(t)[:, :2], [0, 0], [0]),
    "einsum with lists, a scalar": lambda t: t.einsum(matrix(t), [0, 1], []),
    "einsum, ellipses of different lengths": lambda t: [
        t.einsum("...ij,...j->...i", t.arange(24.0).reshape(2, 2, 3, 2), matrix(t).T),
        t.einsum("...j,...ij->...i", matrix(t).T.reshape(3, 2), t.arange(48.0).reshape(2, 3, 4, 2)),
    ],
    "einsum with an axis out of range": lambda t: t.einsum(matrix(t), [0, 52]),
    "einsum without axes": lambda t: t.einsum(matrix(t)),
    "einsum without operands": lambda t: t.einsum("ij"),
    "einsum of a list of tensors": lambda t: t.einsum("ij,kj->ik", [matrix(t), matrix(t)]),
    "cat of a legacy empty tensor": lambda t: t.cat([t.zeros(0), matrix(t)], dim=1),
    "cat of legacy empty tensors": lambda t: t.cat([t.zeros(0), t.zeros(0)]),
    "cat of a legacy empty tensor promotes": lambda t: t.cat([matrix(t).long(), t.zeros(0, dtype=t.float64)]),
    "cat of a legacy empty tensor, no such axis": lambda t: t.cat([t.zeros(0), matrix(t)], dim=2),
    "cat of other empty tensors": lambda t: t.cat([t.zeros(0, 3), matrix(t)]),
    "cat of an empty tensor that does not fit": lambda t: t.cat([t.zeros(0, 2), matrix(t)]),
    "stack along every axis": lambda t: [t.stack([matrix(t), matrix(t)], dim).shape for dim in (-3, -2, -1, 0, 1, 2)],
    "stack of different tensors": lambda t: [t.stack([matrix(t), -matrix(t)], dim) for dim in (0, 1, 2)],
    "stack of 0-d tensors": lambda t: t.stack([t.tensor(1.0), t.tensor(2.0)]),
    "cat of many tensors": lambda t: [
        t.cat([matrix(t) * k for k in range(20)]),
        t.cat([matrix(t).T] * 20),
        t.cat([t.zeros(0, 3), *[matrix(t)] * 20]),
        t.cat([t.zeros(0, 3)] * 20),
        t.cat([matrix(t).T] * 20, dim=1),
        t.cat([t.arange(k) > 2 for k in range(20)]),
        t.cat([t.arange(2), *[matrix(t)[0].half()] * 20]),
    ],
    "stack of many tensors": lambda t: [t.stack([x * k for k in range(20)]) for x in (matrix(t).T, t.tensor(2), matrix(t))],
    "cat of many tensors that do not fit": lambda t: t.cat([*[t.zeros(1, 2)] * 20, *[t.zeros(1, 4)] * 20]),
    "cat of vectors and matrices": lambda t: t.cat([*[t.zeros(2)] * 20, t.zeros(2, 2)]),
    "a view of many joined tensors, written to": lambda t: written_view(t),
    "linear of 3 dimensions": lambda t: t.nn.functional.linear(
        t.stack([matrix(t), -matrix(t)]), matrix(t), t.ones(len(matrix(t)))
    ),
    "linear without features": lambda t: t.nn.functional.linear(t.zeros(2, 3, 0), t.zeros(5, 0), t.ones(5)),
    "stack along no axis": lambda t: t.stack([matrix(t)], 3),
    "hstack of 0-d tensors": lambda t: t.hstack([t.tensor(1.0), t.tensor(2.0)]),
    "legacy types": lambda t: [
        getattr(t, name)([0, 1]).dtype
        for name in ("BoolTensor", "ByteTensor", "ShortTensor", "IntTensor", "HalfTensor", "DoubleTensor")
    ],
    "legacy types of several lists": lambda t: t.LongTensor([1], [2]),
}


def matrix(t: Library) -> Any:
    return t.arange(6.0).reshape(2, 3)


def written_view(t: Library) -> Any:
    x = t.ones(3, requires_grad=True)
    joined = t.cat([x * k for k in range(20)])
    joined[2:50].mul_(10)
    (joined**2).sum().backward()
    return joined.detach(), x.grad


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_as_in_torch(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
def test_a_legacy_empty_tensor_has_an_empty_gradient(lib: Library) -> None:
    empty, x = lib.zeros(0, requires_grad=True), lib.ones(2, 3, requires_grad=True)
    lib.cat([empty, x], dim=1).sum().backward()
    assert empty.grad.shape == (0,)
    assert x.grad.tolist() == [[1.0] * 3] * 2
