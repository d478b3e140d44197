"""Parameter: a leaf that shares memory with its data."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import minigrad
from minigrad.nn import Parameter
from tests.reference import torch


def test_it_shares_memory_with_its_data() -> None:
    data = minigrad.ones(2)
    p = Parameter(data)
    assert p.requires_grad
    assert p.is_leaf
    assert isinstance(p, minigrad.Tensor)
    assert not data.requires_grad
    data.add_(1)
    assert p.tolist() == [2.0, 2.0]


def test_a_write_to_its_data_is_noticed_before_backward() -> None:
    data = minigrad.ones(2)
    p = Parameter(data)
    y = (p * p).sum()
    data.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_what_is_computed_from_it_is_a_plain_tensor() -> None:
    p = Parameter(minigrad.ones(2))
    assert type(p * 2) is minigrad.Tensor
    assert type(p.detach()) is minigrad.Tensor
    assert type(p.data) is minigrad.Tensor


def test_of_the_result_of_an_operation_it_is_a_leaf() -> None:
    x = minigrad.ones(2, requires_grad=True)
    assert Parameter(x * 2).is_leaf


def test_it_requires_a_gradient_also_under_no_grad() -> None:
    with minigrad.no_grad():
        assert Parameter(minigrad.ones(2)).requires_grad
    assert not Parameter(minigrad.ones(2), requires_grad=False).requires_grad


def test_integers() -> None:
    with pytest.raises(RuntimeError, match="floating point"):
        Parameter(minigrad.tensor([1]))
    assert Parameter(minigrad.tensor([1]), requires_grad=False).dtype is minigrad.int64


def test_data_must_be_a_tensor() -> None:
    with pytest.raises(TypeError, match="has to be a Tensor"):
        Parameter([1.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("t", [minigrad, torch])
def test_a_copy_has_no_gradient(t: Any) -> None:
    original = t.nn.Parameter(t.ones(2))
    (original * 3).sum().backward()
    copied = copy.deepcopy(original)
    assert (copied.grad, copied.requires_grad, copied.is_leaf, copied.tolist()) == (None, True, True, [1, 1])
    assert type(copied) is t.nn.Parameter
    assert original.grad.tolist() == [3, 3]


def test_without_data_it_is_empty() -> None:
    assert Parameter().shape == (0,)
    assert Parameter().array is not Parameter().array


@pytest.mark.parametrize("requires_grad", [True, False])
def test_repr_is_that_of_torch(requires_grad: bool) -> None:
    ours = Parameter(minigrad.tensor([[1.5, -2.0]]), requires_grad)
    reference = torch.nn.Parameter(torch.tensor([[1.5, -2.0]]), requires_grad)
    assert repr(ours) == repr(reference)
