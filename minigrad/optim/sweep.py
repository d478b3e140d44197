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
from minigrad.engine import next_number
from minigrad.ops.primitive import Array
from minigrad.optim.record import BLOCK, Program, Rule, apply, record
from minigrad.tensors import Tensor, wrap

Memory = Mapping[str, float | None]
States = defaultdict[Tensor, dict[str, Tensor]]

WORTH_RECORDING = 2048
"""From how many elements on it is faster to record a rule and replay it than to call it."""


class Settings:
    """The rule of a group with the options that the group had when it was made.

    Args:
        group: The group.
        rule: The rule, as a function of the gradient, the parameter and the state.
        memory: See `Optimizer.memory`.
    """

    def __init__(self, group: Mapping[str, Any], rule: Rule, memory: Memory) -> None:
        self.options = dict(group)
        self.rule = rule
        self.memory = memory
        self._recorded: tuple[Any, Program | None] = (None, None)

    def overwrite(self, g: Array, kept: list[Any]) -> None:
        """Replace the parameter and its state by what the rule makes of them.

        Args:
            g: The gradient.
            kept: The parameter and the state: arrays of the shape of g, which are written to; NumPy numbers; or None for
                state that is not there. Numbers and None are replaced in the list.
        """
        program = self._program(kept) if g.size >= WORTH_RECORDING else None
        if program is None:
            apply(self.rule, g, kept)
        else:
            program.run(g, kept)

    def _program(self, kept: Sequence[Any]) -> Program | None:
        """Return the program of the rule; parameters that have the same numbers in their state share it."""
        # Not the dtype itself: NumPy takes None to be float64.
        key = [a if a is None else a.item() if isinstance(a, np.generic) else a.dtype.char for a in kept]
        if self._recorded[0] != key:
            self._recorded = (key, record(self.rule, kept))
        return self._recorded[1]


class Batch:
    """Parameters that are updated as one: a lone one of any kind, or several small ones.

    Several are of one dtype, and have the same states with the same numbers in them.

    Args:
        members: Their positions among the parameters of the plan.
        params: The parameters.
        states: The state of all parameters; where there are several parameters, theirs is moved to common memory.
        memory: See `Optimizer.memory`.
        numbers: The names of the state that is one number.
        room: Two arrays, for several parameters and their gradients.

    Attributes:
        fields: By name, the state: an array in the shape of the lone parameter; a flat array for several; for what is one
            number an array with that of each parameter; or None for what is not there.
    """

    def __init__(
        self,
        members: Sequence[int],
        params: Sequence[Tensor],
        states: States,
        memory: Memory,
        numbers: Set[str],
        room: Sequence[Array],
    ) -> None:
        self.members = members
        self.params = params
        self.states = states
        self.numbers = numbers
        self.arrays = [p._array for p in params]
        self.lone = len(params) == 1
        ends = list(itertools.accumulate(a.size for a in self.arrays))
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
        self.counters = [field for name, field in self.fields.items() if name in numbers]
        self.complete = not self.counters and all(field is not None for field in self.fields.values())
        if not self.lone:
            self.theta, self.g = (a[: ends[-1]] for a in room)
            self.parts = [(self.theta[s].reshape(a.shape), a) for s, a in zip(self.slices, self.arrays, strict=True)]

    def even(self) -> bool:
        """Return whether the parameters still have the same numbers in their state."""
        return self.lone or all(len(set(field.tolist())) == 1 for field in self.counters)

    def advance(self, settings: Settings, grads: Sequence[Array]) -> None:
        """Replace the parameters and their state by what the rule makes of them and of their gradients."""
        state = [field[0] if name in self.numbers else field for name, field in self.fields.items()]
        if self.lone:
            g, kept = grads[0], [self.arrays[0], *state]
            if g.flags.c_contiguous and all(a.flags.c_contiguous for a in kept if isinstance(a, np.ndarray)):
                g, kept = g.reshape(-1), [a.reshape(-1) if isinstance(a, np.ndarray) else a for a in kept]
            settings.overwrite(g, kept)
        else:
            np.concatenate(grads, axis=None, out=self.g)
            np.concatenate(self.arrays, axis=None, out=self.theta)
            kept = [self.theta, *state]
            settings.overwrite(self.g, kept)
            for part, array in self.parts:
                array[...] = part
        for p in self.params:
            p._written[0] = next_number()
        if self.complete:
            return
        for (name, field), value in zip(self.fields.items(), kept[1:], strict=True):
            if name in self.numbers:
                field[...] = value
            elif field is None and value is not None:
                for p, where in zip(self.params, self.slices, strict=True):
                    self.states[p][name] = wrap(value[where].reshape(p._array.shape))


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
        self.states = states
        self.memory = memory
        self.arrays = [p._array for p in params]
        self.kinds = [(a.shape, a.dtype) for a in self.arrays]
        together = not overlapping(self.arrays)
        alike: dict[Any, list[int]] = {}
        for k, (p, a) in enumerate(zip(params, self.arrays, strict=True)):
            begin(states, p, memory, numbers)
            state = states.get(p, {})
            key: tuple[Any, ...] = (k,)
            if together and a.size <= BLOCK:
                key = (a.dtype, *(state[n]._array.item() if n in numbers else n in state for n in memory))
            alike.setdefault(key, []).append(k)
        room = {dtype: (np.empty(BLOCK, dtype), np.empty(BLOCK, dtype)) for _, dtype in self.kinds}
        self.batches = [
            Batch(members, [params[k] for k in members], states, memory, numbers, room[self.arrays[members[0]].dtype])
            for like in alike.values()
            for members in filled(like, self.arrays)
        ]
        self.objects = self._objects(params)

    def _objects(self, params: Sequence[Tensor]) -> list[Any]:
        """Return everything that must be the same when the plan is used: parameters, arrays, state."""
        dicts = [self.states.get(p) for p in params]
        held = [t._array for state in dicts if state for t in state.values()]
        return [*params, *[p._array for p in params], *dicts, *held]

    def fits(self, params: Sequence[Tensor], states: States, memory: Memory) -> bool:
        """Return whether these are still the parameters, with the arrays, the memory and the state that they had."""
        objects = self._objects(params)
        return (
            states is self.states
            and len(objects) == len(self.objects)
            and all(map(is_, objects, self.objects))
            and (memory is self.memory or memory == self.memory)
            and all(batch.even() for batch in self.batches)
        )

    def advance(self, settings: Settings, grads: Sequence[Array]) -> None:
        """Update all parameters with their gradients."""
        for batch in self.batches:
            batch.advance(settings, [grads[k] for k in batch.members])


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
    """Return a number as state that is one number: 0-d, of its own dtype or else, as in torch, of the default one."""
    return np.array(value, None if isinstance(value, np.generic) else dtypes.get_default_dtype().numpy)


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
