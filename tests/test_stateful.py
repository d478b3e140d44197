"""A stateful test: sequences of operations, in-place writes and backward passes, run in minigrad and in torch.

After every step both libraries have equal values, gradients, is_leaf and requires_grad. A step that raises in one library
raises in the other, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import minigrad
from minigrad.testing import arrays
from tests.ops.domains import lift
from tests.reference import torch
from tests.torch_parity import Library

LIBRARIES: tuple[Library, Library] = (minigrad, torch)


@dataclass(eq=False)
class TensorPair:
    """The same tensor in both libraries."""

    ours: Any
    reference: Any
    unshared: bool = True  # no other tensor shares its memory

    def both(self) -> tuple[Any, Any]:
        return self.ours, self.reference


def outcome(action: Callable[[], Any]) -> tuple[Any, type[Exception] | None]:
    try:
        return action(), None
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return None, type(error)


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "scaled": lambda x: x * 0.5,
    "clone": lambda x: x.clone(),
    "detach": lambda x: x.detach(),
    "view": lambda x: x[..., :1],
    "row": lambda x: x[0],
    "flattened": lambda x: x.reshape(-1),
    "mean": lambda x: x.mean(),
}
WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "add_": lambda x, y: x.add_(y),
    "mul_": lambda x, y: x.mul_(y),
    "zero_": lambda x, y: x.zero_(),
    "+=": lambda x, y: x.__iadd__(y),
    "copy_": lambda x, y: x.copy_(y),
    "set": lambda x, y: x.__setitem__(..., 0.25),
}


class LibraryMachine(RuleBasedStateMachine):
    """Runs the same steps in both libraries."""

    tensors = Bundle("tensors")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[TensorPair] = []

    def add_pair(self, ours: Any, reference: Any) -> TensorPair:
        pair = TensorPair(ours, reference)
        self.all.append(pair)
        return pair

    def run_in_both(self, action: Callable[[Library, int], Any]) -> tuple[Any, Any] | None:
        """Do the same in both; return both results, or None if both refuse."""
        results, errors = zip(*[outcome(lambda t=t, k=k: action(t, k)) for k, t in enumerate(LIBRARIES)], strict=True)  # type: ignore[misc]
        assert errors[0] is errors[1], f"minigrad: {errors[0]}, torch: {errors[1]}"
        return None if errors[0] else results

    @initialize(target=tensors, array=arrays((2, 3)))
    def first(self, array: Any) -> TensorPair:
        return self.leaf(array, True)

    @rule(target=tensors, array=arrays((2, 3)) | arrays((3,)) | arrays(()), requires_grad=st.booleans())
    def new(self, array: Any, requires_grad: bool) -> TensorPair:
        return self.leaf(array, requires_grad)

    def leaf(self, array: Any, requires_grad: bool) -> TensorPair:
        result_pair = minigrad.from_numpy(array.copy()), lift(array)
        return self.add_pair(*(x.requires_grad_(requires_grad) for x in result_pair))

    @rule(target=tensors, x=tensors, name=st.sampled_from(sorted(UNARY)))
    def unary(self, x: TensorPair, name: str) -> TensorPair:
        results = self.run_in_both(lambda t, k: UNARY[name](x.both()[k]))
        if results is None:
            return x
        result_pair = self.add_pair(*results)
        result_pair.unshared = not np.shares_memory(x.ours.detach().numpy(), result_pair.ours.detach().numpy())
        x.unshared = x.unshared and result_pair.unshared
        return result_pair

    @rule(target=tensors, x=tensors, y=tensors, name=st.sampled_from(sorted(BINARY)))
    def binary(self, x: TensorPair, y: TensorPair, name: str) -> TensorPair:
        results = self.run_in_both(lambda t, k: BINARY[name](x.both()[k], y.both()[k]))
        return self.add_pair(*results) if results else x

    @rule(x=tensors, y=tensors, name=st.sampled_from(sorted(WRITES)), unrecorded=st.booleans())
    def write(self, x: TensorPair, y: TensorPair, name: str, unrecorded: bool) -> None:
        a, b = x.ours.detach().numpy(), y.ours.detach().numpy()
        if np.shares_memory(a, b) and (name == "mul_" or a.shape != b.shape or a.strides != b.strides):
            # torch saves the factor that it overwrites and refuses the backward pass. Where the memory that is read and the
            # memory that is written overlap, it refuses or reads values that it has just written.
            return

        def action(t: Library, k: int) -> None:
            with t.set_grad_enabled(not unrecorded):
                WRITES[name](x.both()[k], y.both()[k])

        self.run_in_both(action)

    @rule(x=tensors, retain=st.booleans())
    def backward(self, x: TensorPair, retain: bool) -> None:
        if self.run_in_both(lambda t, k: x.both()[k].sum().backward(retain_graph=retain)) is None:
            # torch may have accumulated some gradients before it raised; minigrad has not.
            for pair in self.all:
                if pair.ours.is_leaf:
                    pair.ours.grad = pair.reference.grad = None

    @rule(x=tensors, weight=arrays((2, 3)))
    def backward_with_cotangent(self, x: TensorPair, weight: Any) -> None:
        if x.ours.shape == (2, 3):
            given = minigrad.from_numpy(weight.copy()), lift(weight)
            if self.run_in_both(lambda t, k: x.both()[k].backward(given[k])) is None:
                for pair in self.all:
                    if pair.ours.is_leaf:
                        pair.ours.grad = pair.reference.grad = None

    @rule(x=tensors, to_none=st.booleans())
    def zero_grad(self, x: TensorPair, to_none: bool) -> None:
        if not x.ours.is_leaf or x.ours.grad is None:
            return
        for tensor in x.both():
            if to_none:
                tensor.grad = None
            else:
                tensor.grad.zero_()

    @rule(x=tensors, value=st.booleans())
    def set_flag(self, x: TensorPair, value: bool) -> None:
        if x.unshared:  # in torch a view follows the flag of its base
            self.run_in_both(lambda t, k: x.both()[k].requires_grad_(value))

    @invariant()
    def both_libraries_have_equal_state(self) -> None:
        for k, pair in enumerate(self.all):
            ours, reference = pair.both()
            assert ours.is_leaf == reference.is_leaf, k
            assert ours.requires_grad == reference.requires_grad, k
            self.same(ours, reference, f"tensor {k}")
            if ours.is_leaf:
                assert (ours.grad is None) == (reference.grad is None), f"gradient of tensor {k}"
                if ours.grad is not None:
                    self.same(ours.grad, reference.grad, f"gradient of tensor {k}")

    def same(self, ours: Any, reference: Any, what: str) -> None:
        expected = reference.detach().numpy()
        scale = 1 + np.abs(expected).max(initial=0)
        np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-9, atol=1e-12 * scale, err_msg=what)


LibraryMachine.TestCase.settings = settings(stateful_step_count=25)
TestLibraries = LibraryMachine.TestCase
