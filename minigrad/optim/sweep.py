"""The sweep: how a rule gets over all the parameters of a group.

On a small parameter the calls cost more than the arithmetic. So small parameters with the same history form a `Batch` and are
updated as one flat array. Their state lives in flat arrays for good, in which each tensor of the state is a view; parameters
stay where they are, and are brought together and put back at each step. A large parameter is a batch of its own. The batches
are kept from step to step in a `Plan`, for as long as it fits.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from operator import is_
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minigrad import dtypes
from minigrad.ops.primitive import Array
from minigrad.optim.record import BLOCK, Rule, overwrite
from minigrad.tensor import Tensor, wrap

Memory = Mapping[str, float | None]
States = defaultdict[Tensor, dict[str, Tensor]]


class Batch:
    """Parameters that are updated as one: a lone one of any kind, or several small ones.

    Several are contiguous, of one dtype, and have the same states with the same numbers in them.

    Args:
        members: Their positions among the parameters of the plan.
        params: The parameters.
        states: The state of all parameters; where there are several parameters, theirs is moved to common memory.
        memory: See `Optimizer.memory`.
        numbers: The names of the state that is one number.

    Attributes:
        fields: By name, the state: an array in the shape of the lone parameter; a flat array for several; for what is one
            number an array with that of each parameter; or None for what is not there.
    """

    def __init__(
        self, members: Sequence[int], params: Sequence[Tensor], states: States, memory: Memory, numbers: Set[str]
    ) -> None:
        self.members = members
        self.params = params
        self.states = states
        self.numbers = numbers
        self.lone = len(params) == 1
        self.thetas = [p._array if self.lone else p._array.reshape(-1) for p in params]
        ends = list(itertools.accumulate(a.size for a in self.thetas))
        self.slices = [slice(None)] if self.lone else [slice(*bounds) for bounds in itertools.pairwise([0, *ends])]
        self.fields: dict[str, Any] = {}
        for name in memory:
            tensors = [states[p][name] for p in params if name in states.get(p, ())]
            if not tensors:
                self.fields[name] = None
            elif self.lone:
                self.fields[name] = tensors[0]._array.reshape(1) if name in numbers else tensors[0]._array
            else:
                each = [slice(k, k + 1) for k in range(len(tensors))]
                self.fields[name] = moved(tensors, each if name in numbers else self.slices)

    def even(self) -> bool:
        """Return whether all parameters still have the same numbers in their state."""
        held = [] if self.lone else [field for name, field in self.fields.items() if name in self.numbers]
        return all(field is not None and (field == field[0]).all() for field in held)

    def advance(self, rule: Rule, grads: Sequence[Array]) -> None:
        """Replace the parameters and their state by what the rule makes of them.

        Args:
            rule: A function of the gradient, the parameter and the state; it returns parameter and state.
            grads: The gradients of the parameters.
        """
        state = [field[0] if name in self.numbers else field for name, field in self.fields.items()]
        if self.lone:
            g, kept = grads[0], [self.thetas[0], *state]
            if g.flags.c_contiguous and all(a.flags.c_contiguous for a in kept if isinstance(a, np.ndarray)):
                g, kept = g.reshape(-1), [a.reshape(-1) if isinstance(a, np.ndarray) else a for a in kept]
            overwrite(rule, g, kept)
        else:
            kept = [np.concatenate(self.thetas), *state]
            overwrite(rule, np.concatenate(grads, axis=None), kept)
            for theta, part in zip(self.thetas, self.slices, strict=True):
                theta[...] = kept[0][part]
        for p in self.params:
            p._writes[0] += 1
        for (name, field), value in zip(self.fields.items(), kept[1:], strict=True):
            if name in self.numbers:
                field[...] = value
            elif field is None and value is not None:
                for p, part in zip(self.params, self.slices, strict=True):
                    self.states[p][name] = wrap(value[part].reshape(p._array.shape))


class Plan:
    """The parameters of a group that have a gradient, in batches. State that is not there yet begins here.

    Args:
        params: The parameters.
        states: The state of all parameters of the optimizer.
        memory: See `Optimizer.memory`.
        numbers: The names of the state that is one number.
    """

    def __init__(self, params: Sequence[Tensor], states: States, memory: Memory, numbers: Set[str]) -> None:
        self.params = params
        self.arrays = [p._array for p in params]
        self.states = states
        self.memory = memory
        alike: dict[Any, list[int]] = {}
        together = not overlapping(self.arrays)
        for k, p in enumerate(params):
            begin(states, p, memory, numbers)
            theta, state = p._array, states.get(p, {})
            key: tuple[Any, ...] = (k,)
            if together and theta.size <= BLOCK and theta.flags.c_contiguous:
                key = (theta.dtype, *(state[n]._array.item() if n in numbers else n in state for n in memory))
            alike.setdefault(key, []).append(k)
        self.batches = [
            Batch(members, [params[k] for k in members], states, memory, numbers)
            for like in alike.values()
            for members in filled(like, self.arrays)
        ]
        self.dicts = [states.get(p) for p in params]
        self.held = self._held()

    def _held(self) -> list[Array]:
        return [t._array for state in self.dicts if state for t in state.values()]

    def fits(self, params: Sequence[Tensor], arrays: Sequence[Array], memory: Memory) -> bool:
        """Return whether these are still the parameters, with the memory and the state that they had."""
        return (
            same(params, self.params)
            and same(arrays, self.arrays)
            and memory == self.memory
            and same([self.states.get(p) for p in params], self.dicts)
            and same(self._held(), self.held)
            and all(batch.even() for batch in self.batches)
        )


def moved(tensors: Sequence[Tensor], slices: Sequence[slice]) -> Array:
    """Return the values of tensors in one flat array, which the tensors look at from now on."""
    flat: Array = np.concatenate([t._array for t in tensors], axis=None)
    for t, part in zip(tensors, slices, strict=True):
        t._array = flat[part].reshape(t._array.shape)
    return flat


def begin(states: States, p: Tensor, memory: Memory, numbers: Set[str]) -> None:
    """Give a parameter the state that it has before its first step, as far as it has none."""
    for name, start in memory.items():
        if start is not None and name not in states[p]:
            number = name in numbers
            states[p][name] = wrap(number_like(start) if number else np.full_like(p._array, start))


def number_like(value: float) -> Array:
    """Return a number as state that is one number: 0-d, of the default dtype, as in torch."""
    return np.array(value, dtypes.get_default_dtype().numpy)


def filled(members: Sequence[int], arrays: Sequence[Array]) -> Iterator[list[int]]:
    """Yield the members in lists whose arrays have at most `BLOCK` elements together, or that have one member."""
    batch: list[int] = []
    size = 0
    for k in members:
        if batch and size + arrays[k].size > BLOCK:
            yield batch
            batch, size = [], 0
        batch.append(k)
        size += arrays[k].size
    if batch:
        yield batch


def overlapping(arrays: Sequence[Array]) -> bool:
    """Return whether the memory of some arrays may overlap."""
    bounds = sorted(byte_bounds(a) for a in arrays if a.size)
    return any(following[0] < before[1] for before, following in itertools.pairwise(bounds))


def same(these: Sequence[Any], those: Sequence[Any]) -> bool:
    """Return whether two sequences hold the same objects."""
    return len(these) == len(those) and all(map(is_, these, those))
