"""A life of tensors in minigrad and in torch at once: recorded, written to, differentiated, cleared, in any order.

After every step the two worlds look the same: values, gradients, leaves, flags. What one refuses the other refuses too, and
what is refused has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import minigrad
from minigrad.testing import arrays
from tests.ops.domains import lift
from tests.torch_parity import Library

LIBRARIES: tuple[Library, Library] = (minigrad, torch)


@dataclass(eq=False)
class Twin:
    """The same tensor in both libraries."""

    mine: Any
    theirs: Any
    alone: bool = True  # no other shares its memory

    def both(self) -> tuple[Any, Any]:
        return self.mine, self.theirs


def attempt(act: Callable[[], Any]) -> tuple[Any, type[Exception] | None]:
    try:
        return act(), None
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
    "turned": lambda x: x.reshape(-1),
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


class World(RuleBasedStateMachine):
    """Two libraries, driven by the same hand."""

    tensors = Bundle("tensors")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Twin] = []

    def enter(self, mine: Any, theirs: Any) -> Twin:
        twin = Twin(mine, theirs)
        self.all.append(twin)
        return twin

    def together(self, act: Callable[[Library, int], Any]) -> tuple[Any, Any] | None:
        """Do the same in both; return both results, or None if both refuse."""
        results, errors = zip(*[attempt(lambda t=t, k=k: act(t, k)) for k, t in enumerate(LIBRARIES)], strict=True)  # type: ignore[misc]
        assert errors[0] is errors[1], f"minigrad: {errors[0]}, torch: {errors[1]}"
        return None if errors[0] else results

    @initialize(target=tensors, array=arrays((2, 3)))
    def first(self, array: Any) -> Twin:
        return self.leaf(array, True)

    @rule(target=tensors, array=arrays((2, 3)) | arrays((3,)) | arrays(()), requires_grad=st.booleans())
    def new(self, array: Any, requires_grad: bool) -> Twin:
        return self.leaf(array, requires_grad)

    def leaf(self, array: Any, requires_grad: bool) -> Twin:
        made = minigrad.from_numpy(array.copy()), lift(array)
        return self.enter(*(x.requires_grad_(requires_grad) for x in made))

    @rule(target=tensors, x=tensors, name=st.sampled_from(sorted(UNARY)))
    def unary(self, x: Twin, name: str) -> Twin:
        results = self.together(lambda t, k: UNARY[name](x.both()[k]))
        if results is None:
            return x
        made = self.enter(*results)
        made.alone = not np.shares_memory(x.mine.detach().numpy(), made.mine.detach().numpy())
        x.alone = x.alone and made.alone
        return made

    @rule(target=tensors, x=tensors, y=tensors, name=st.sampled_from(sorted(BINARY)))
    def binary(self, x: Twin, y: Twin, name: str) -> Twin:
        results = self.together(lambda t, k: BINARY[name](x.both()[k], y.both()[k]))
        return self.enter(*results) if results else x

    @rule(x=tensors, y=tensors, name=st.sampled_from(sorted(WRITES)), quiet=st.booleans())
    def write(self, x: Twin, y: Twin, name: str, quiet: bool) -> None:
        a, b = x.mine.detach().numpy(), y.mine.detach().numpy()
        if np.shares_memory(a, b) and (name == "mul_" or a.shape != b.shape or a.strides != b.strides):
            # torch saves the factor that it overwrites, and refuses the way back; and where it reads a part of what it writes
            # to, it refuses, or reads what it has just written.
            return

        def act(t: Library, k: int) -> None:
            with t.set_grad_enabled(not quiet):
                WRITES[name](x.both()[k], y.both()[k])

        self.together(act)

    @rule(x=tensors, retain=st.booleans())
    def backward(self, x: Twin, retain: bool) -> None:
        if self.together(lambda t, k: x.both()[k].sum().backward(retain_graph=retain)) is None:
            # torch may have added to some gradients before it found the fault; minigrad has not.
            for twin in self.all:
                if twin.mine.is_leaf:
                    twin.mine.grad = twin.theirs.grad = None

    @rule(x=tensors, weight=arrays((2, 3)))
    def backward_with_cotangent(self, x: Twin, weight: Any) -> None:
        if x.mine.shape == (2, 3):
            given = minigrad.from_numpy(weight.copy()), lift(weight)
            if self.together(lambda t, k: x.both()[k].backward(given[k])) is None:
                for twin in self.all:
                    if twin.mine.is_leaf:
                        twin.mine.grad = twin.theirs.grad = None

    @rule(x=tensors, to_none=st.booleans())
    def zero_grad(self, x: Twin, to_none: bool) -> None:
        if not x.mine.is_leaf or x.mine.grad is None:
            return
        for tensor in x.both():
            if to_none:
                tensor.grad = None
            else:
                tensor.grad.zero_()

    @rule(x=tensors, wanted=st.booleans())
    def set_flag(self, x: Twin, wanted: bool) -> None:
        if x.alone:  # in torch a view follows the flag of its base
            self.together(lambda t, k: x.both()[k].requires_grad_(wanted))

    @invariant()
    def the_worlds_look_the_same(self) -> None:
        for k, twin in enumerate(self.all):
            mine, theirs = twin.both()
            assert mine.is_leaf == theirs.is_leaf, k
            assert mine.requires_grad == theirs.requires_grad, k
            self.same(mine, theirs, f"tensor {k}")
            if mine.is_leaf:
                assert (mine.grad is None) == (theirs.grad is None), f"gradient of tensor {k}"
                if mine.grad is not None:
                    self.same(mine.grad, theirs.grad, f"gradient of tensor {k}")

    def same(self, mine: Any, theirs: Any, what: str) -> None:
        expected = theirs.detach().numpy()
        scale = 1 + np.abs(expected).max(initial=0)
        np.testing.assert_allclose(mine.detach().numpy(), expected, rtol=1e-9, atol=1e-12 * scale, err_msg=what)


World.TestCase.settings = settings(stateful_step_count=25)
TestWorld = World.TestCase
