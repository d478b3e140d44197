"""The sweep: how a rule gets over all the parameters of a group.

On a small parameter the calls cost more than the arithmetic. So small parameters with the same history form a `Batch` and are
updated as one flat array. Their state lives in flat arrays for good, in which each tensor of the state is a view; parameters
stay where they are, and are brought together and put back at each step. A large parameter is a batch of its own. The batches
are kept from step to step in a `Plan`, for as long as it fits.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from operator import is_, setitem
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

Call = tuple[Callable[..., Any], Sequence[Any]]


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
        self._programs: dict[Any, Program | None] = {}

    def program(self, kept: Sequence[Any]) -> Program | None:
        """Return the program of the rule for a parameter and a state like these."""
        key = (kept[0].dtype, *(a is None for a in kept))
        if key not in self._programs:
            self._programs[key] = record(self.rule, kept)
        return self._programs[key]


class Room:
    """Arrays of `BLOCK` elements for whatever is in between, used by one batch after the other."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.arrays: list[Array] = []

    def __call__(self, count: int) -> list[Array]:
        """Return this many arrays."""
        self.arrays += [np.empty(BLOCK, self.dtype) for _ in range(count - len(self.arrays))]
        return self.arrays[:count]


class Batch:
    """Parameters that are updated as one: a lone one of any kind, or several small ones.

    Several are of one dtype, and have the same states with the same numbers in them.

    Args:
        members: Their positions among the parameters of the plan.
        params: The parameters.
        states: The state of all parameters; where there are several parameters, theirs is moved to common memory.
        memory: See `Optimizer.memory`.
        numbers: The names of the state that is one number.
        room: For several parameters their gradients, and for the results in between.

    Attributes:
        fields: By name, the state: an array in the shape of the lone parameter; a flat array for several; for what is one
            number an array with that of each parameter; or None for what is not there.
        settings: Those of the step before.
        calls: What a program does with these parameters, as ufuncs with their operands; None if that is not known yet.
    """

    def __init__(
        self,
        members: Sequence[int],
        params: Sequence[Tensor],
        states: States,
        memory: Memory,
        numbers: Set[str],
        room: Room,
    ) -> None:
        self.first = members[0]
        self.params = params
        self.states = states
        self.numbers = numbers
        self.room = room
        self.arrays = [p._array for p in params]
        self.lone = len(params) == 1
        ends = list(itertools.accumulate(a.size for a in self.arrays))
        self.size = ends[-1]
        self.slices = [slice(*bounds) for bounds in itertools.pairwise([0, *ends])]
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
        self.settings: Settings | None = None
        self.program: Program | None = None
        self.calls: list[Call] | None = None
        self.g: Array = np.empty(0)
        if not self.lone:
            self.g, self.theta = (a[: self.size] for a in room(2))
            self.slopes = list(zip(self.parts(self.g), members, strict=True))
            self.points = list(zip(self.parts(self.theta), self.arrays, strict=True))

    def parts(self, flat: Array | None) -> list[Any]:
        """Return what of a flat array belongs to each parameter, in its shape; what is no such array belongs to all."""
        if flat is None or not flat.ndim:
            return [flat] * len(self.arrays)
        return [flat[s].reshape(a.shape) for s, a in zip(self.slices, self.arrays, strict=True)]

    def advance(self, settings: Settings, grads: Sequence[Array]) -> None:
        """Replace the parameters and their state by what the rule makes of them and of their gradients.

        Args:
            settings: The rule.
            grads: The gradients of all parameters of the plan.
        """
        if settings is not self.settings:
            self.settings, self.program, self.calls = settings, None, None
            # Small parameters wait for a second step with the same options: to record the rule for one does not pay.
            if self.size > BLOCK:
                self.program = settings.program([self.arrays[0], *self._state()])
        elif self.program is None:
            self.program = settings.program([self.arrays[0], *self._state()])
        if self.program is None:
            self._call(settings.rule, grads)
        else:
            if self.counters:
                self.program.count(self.counters)
            if self.size > BLOCK:
                g, *kept = flat([grads[self.first], self.arrays[0], *self._state()])
                self.program.run(g, kept, self.room)
            else:
                self._replay(self.program, grads)
        now = next_number()
        for p in self.params:
            p._written[0] = now

    def _state(self) -> list[Any]:
        """Return the state as it is given to a rule."""
        return [field[0] if name in self.numbers else field for name, field in self.fields.items()]

    def _call(self, rule: Rule, grads: Sequence[Array]) -> None:
        """Call the rule itself. State that is not there yet comes into being."""
        if self.lone:
            g, *kept = flat([grads[self.first], self.arrays[0], *self._state()])
            apply(rule, g, kept)
        else:
            for part, k in self.slopes:
                part[...] = grads[k]
            for part, array in self.points:
                part[...] = array
            kept = [self.theta, *self._state()]
            apply(rule, self.g, kept)
            for part, array in self.points:
                array[...] = part
        for (name, field), value in zip(self.fields.items(), kept[1:], strict=True):
            if name in self.numbers:
                field[...] = value
            elif field is None and value is not None:
                for p, part in zip(self.params, self.parts(value), strict=True):
                    self.states[p][name] = wrap(part)

    def _replay(self, program: Program, grads: Sequence[Array]) -> None:
        """Replay the program on small parameters."""
        if not self.lone:
            for part, k in self.slopes:
                part[...] = grads[k]
        elif grads[self.first] is not self.g:
            self.g, self.calls = grads[self.first], None
        if self.calls is None:
            self.calls = self._bound(program)
        for ufunc, operands in self.calls:
            ufunc(*operands)

    def _bound(self, program: Program) -> list[Call]:
        """Return what a program does here: with the parameters one by one, with everything else for all of them at once."""
        scratch = [s[: self.size] for s in self.room(2 + program.scratch)[2:]]
        state = [None if name in self.numbers else field for name, field in self.fields.items()]
        if self.lone:
            theta = self.arrays[0]
            whole = [self.g, theta, *state, *program.cells, *(s.reshape(theta.shape) for s in scratch)]
            each: list[Any] = [whole]
        else:
            whole = [self.g, None, *state, *program.cells, *scratch]
            each = list(zip(*(self.arrays if k == 1 else self.parts(a) for k, a in enumerate(whole)), strict=True))
        calls: list[Call] = []
        for ufunc, operands, touches in program.steps:
            for places in each if touches else [whole]:
                *given, result = operands(places)
                if result.size == 1 and any(a is result for a in given):
                    # In place on one element, NumPy takes a detour that costs thrice as much.
                    spare = np.empty_like(result)
                    calls += [(ufunc, (*given, spare)), (setitem, (result, ..., spare))]
                else:
                    calls.append((ufunc, (*given, result)))
        return calls


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
        rooms = {dtype: Room(dtype) for _, dtype in self.kinds}
        self.batches = [
            Batch(members, [params[k] for k in members], states, memory, numbers, rooms[self.arrays[members[0]].dtype])
            for like in alike.values()
            for members in filled(like, self.arrays)
        ]
        self.common = [field for batch in self.batches if not batch.lone for field in batch.counters]
        self.objects = self._objects(params)

    def _objects(self, params: Sequence[Tensor]) -> list[Any]:
        """Return everything that must be the same when the plan is used: parameters, arrays, state."""
        objects = [*params, *[p._array for p in params]]
        if self.states:
            dicts = [self.states.get(p) for p in params]
            objects += dicts
            objects += [t._array for state in dicts if state for t in state.values()]
        return objects

    def fits(self, params: Sequence[Tensor], states: States, memory: Memory) -> bool:
        """Return whether these are still the parameters, with the arrays, the memory and the state that they had."""
        objects = self._objects(params)
        return (
            states is self.states
            and len(objects) == len(self.objects)
            and all(map(is_, objects, self.objects))
            and (memory is self.memory or memory == self.memory)
            and all(map(uniform, self.common))
        )

    def advance(self, settings: Settings, grads: Sequence[Array]) -> None:
        """Update all parameters with their gradients."""
        for batch in self.batches:
            batch.advance(settings, grads)


def uniform(numbers: Array) -> bool:
    """Return whether all numbers are the same."""
    return len(set(numbers.tolist())) == 1


def flat(values: list[Any]) -> list[Any]:
    """Return arrays of one shape as flat ones if that needs no copy, beside other values.

    An array of no dimension becomes one: NumPy would turn it into a number.
    """
    arrays = [a for a in values if isinstance(a, np.ndarray)]
    if not all(a.flags.c_contiguous for a in arrays):
        return values
    return [a.reshape(-1) if isinstance(a, np.ndarray) else a for a in values]


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
