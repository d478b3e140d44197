"""The fast lane of operations: nodes and a backward pass as those of `minigrad.autodiff`, and numbers that are kept."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, fastpath
from minigrad.autodiff import PrimitiveNode, next_sequence_nr
from minigrad.backend import Backend, get_backend, set_backend
from minigrad.fastpath.dispatch import MAX_CONSTANTS, constants
from minigrad.fastpath.nodes import FastNode

OPERATIONS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: a + b.sum(),
    lambda a, b: a.tanh(),
    lambda a, b: a.exp().mean() * b,
    lambda a, b: minigrad.cat([a, b])[1:3],
    lambda a, b: (a @ b) * b,
]


@pytest.fixture(autouse=True)
def fast_lane() -> Iterator[None]:
    before = get_backend()
    fastpath.enable()
    yield
    set_backend(before)


def visits(program: list[tuple[int, int, int]], scalar: bool) -> tuple[list[tuple[int, str]], list[list[float]]]:
    """Run a program forward and backward; return the order in which nodes get which cotangent, and the gradients."""
    seen: list[tuple[int, str]] = []
    leaves = [minigrad.tensor(0.5 if scalar else [0.5, -0.25], requires_grad=True) for _ in range(2)]
    values: list[Tensor] = list(leaves)
    for k, (op, i, j) in enumerate(program):
        y = OPERATIONS[op % (4 if scalar else 7)](values[i % len(values)], values[j % len(values)])
        values.append(y)
        y.register_hook(lambda g, k=k: seen.append((k, repr(g))))
    values[-1].sum().backward()
    return seen, [[] if leaf.grad is None else leaf.grad.reshape(-1).tolist() for leaf in leaves]


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 3), min_size=1, max_size=12), st.booleans())
def test_the_fast_pass_visits_nodes_with_the_cotangents_of_the_plain_pass(
    program: list[tuple[int, int, int]], scalar: bool
) -> None:
    found = []
    for backend in (fastpath.FAST, Backend()):
        set_backend(backend)
        found.append(visits(program, scalar))
    assert found[0] == found[1]


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("targets", [(0,), (1,), (0, 1)])
def test_a_recorded_pass_records_as_many_nodes_as_the_plain_one(op: Callable[[Any, Any], Any], targets: tuple[int]) -> None:
    found = []
    for backend in (fastpath.FAST, Backend()):
        set_backend(backend)
        leaves = [minigrad.tensor([[0.5, -0.25], [1.0, 2.0]], requires_grad=True) for _ in range(2)]
        y = (op(*leaves) * leaves[0] * leaves[1]).sum()
        before = next_sequence_nr()
        inputs = [leaves[k] for k in targets]
        grads: Any = minigrad.autograd.grad(y, inputs, create_graph=True)
        recorded = next_sequence_nr() - before
        second = minigrad.autograd.grad(sum(g.square().sum() for g in grads), leaves, allow_unused=True)
        found.append((recorded, [None if g is None else g.tolist() for g in (*grads, *second)]))
    assert found[0] == found[1]


def test_the_collector_tracks_one_object_for_each_node() -> None:
    """Besides the version counters of those results that are saved."""
    x = y = minigrad.tensor(0.5, requires_grad=True)
    y = (y * x + x).exp() - x  # compiles the nodes
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(100):
        y = (y * x + x).exp() - x
    gc.collect()
    assert len(gc.get_objects()) - before == pytest.approx(100 * (4 + 2), abs=20)


def test_a_node_shows_what_it_keeps_and_then_that_it_is_freed() -> None:
    x, w = minigrad.tensor([1.0, 2.0]), minigrad.tensor(3.0, requires_grad=True)
    y = x * w
    node = y.node
    assert isinstance(node, FastNode)
    assert node.parents == (None, w)
    assert node.versions == (x.version,)
    assert node.residuals[0] is x.array
    assert node.residuals[1:] == ((),)
    y.sum().backward()
    assert node.residuals is None
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_every_operation_with_attributes_or_promotion_makes_a_fast_node() -> None:
    x = minigrad.ones(2, 3, requires_grad=True)
    results = [x.sum(), x[0], x.reshape(6), x * minigrad.tensor(2, dtype=minigrad.int64), x**3, x.half() * 2]
    assert all(isinstance(y.node, FastNode) for y in results)
    stacked = minigrad.stack([x, x])
    assert isinstance(stacked.node, PrimitiveNode)
    (stacked.sum() + sum(y.sum() for y in results)).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[12.0] * 3, [11.0] * 3]


# ---------------------------------------------------------------------------------------------------- numbers as operands


def test_a_number_is_kept_by_value_and_dtype() -> None:
    single, double = minigrad.ones(2), minigrad.ones(2, dtype=minigrad.float64)
    for _ in range(2):
        assert (single * 0.1).tolist() == [np.float32(0.1)] * 2
        assert (double * 0.1).tolist() == [0.1] * 2
        assert [(single * x).dtype for x in (2, 2.0, True)] == [minigrad.float32] * 3
        assert [(minigrad.arange(3) * x).dtype for x in (2, 2.0)] == [minigrad.int64, minigrad.float32]
        assert [np.copysign(1, (single * zero).numpy()[0]) for zero in (0.0, -0.0, 0)] == [1, -1, 1]
        assert (single * math.nan).isnan().all()
        assert (single - math.inf).tolist() == [-math.inf] * 2
        assert (0.1 - single).tolist() == [np.float32(0.1) - 1] * 2
        assert [(x / minigrad.arange(1, 3)).tolist() for x in (3, 3.0)] == [[3.0, 1.5]] * 2
        assert (double + (2**53 + 1)).tolist() == (np.ones(2) + (2**53 + 1)).tolist()


def test_numbers_that_are_kept_are_few_and_cannot_be_written_to() -> None:
    x = minigrad.ones(2, requires_grad=True)
    for k in range(2 * MAX_CONSTANTS):
        _ = x * (k + 0.5)
    assert 0 < len(constants) <= MAX_CONSTANTS
    assert not any(operand.array.flags.writeable or operand.requires_grad for operand in constants.values())
    y = x * 3.5
    y.sum().backward()
    assert x.grad is not None
    x.grad.mul_(2)
    y.detach().add_(1)
    assert (minigrad.ones(2) * 3.5).tolist() == [3.5, 3.5]
