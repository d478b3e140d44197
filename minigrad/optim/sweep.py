"""The sweep: how a rule gets over all the parameters of a group.

On a small parameter the calls cost more than the arithmetic. So small parameters with the same history come `Together` and
are updated as one flat array. Their state lives in flat arrays for good, in which each tensor of the state is a view;
parameters stay where they are, and are brought together with their gradients and put back at each step. A large parameter
stands `Apart`. Such batches are kept from step to step in a `Plan`, for as long as it fits.
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
from minigrad.autodiff import next_sequence_nr
from minigrad.optim.record import Rule
from minigrad.optim.replay import BLOCK, Program, apply, program
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor, wrap

Memory = Mapping[str, float | None]
States = defaultdict[Tensor, dict[str, Tensor]]

SMALL = 4096
"""Up to how many elements a parameter is small: to gather it costs less than calls of its own."""

TOGETHER = 16 * SMALL
"""How many elements small parameters have together at most."""

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
            self._programs[key] = program(self.rule, kept)
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
    """Parameters that are updated as one: `Together` or `Apart`.

    Args:
        members: Their positions among the parameters of the plan.
        params: The parameters.
        states: The state of all parameters; that of parameters together is moved to common memory.
        memory: See `Optimizer.memory`.
        numbers: The names of the state that is one number.
        room: For what is in between.

    Attributes:
        theta: The parameters as one array.
        fields: By name, the state: an array like theta; for what is one number, an array with that of each parameter; or None
            for what is not there.
        counters: Those of the fields that are numbers.
        settings: Those of the step before.
        program: That of the settings; None if it is not known yet or there is none.
        bound: The program laid out for these parameters; None as before.
    """

    theta: Array
    recorded_at_once: bool
    """Whether to record a rule pays already for one step, as it may be with a schedule of the learning rate."""

    def __init__(
        self,
        members: Sequence[int],
        params: Sequence[Tensor],
        states: States,
        memory: Memory,
        numbers: Set[str],
        room: Room,
    ) -> None:
        self.members = members
        self.params = params
        self.states = states
        self.numbers = numbers
        self.room = room
        self.arrays = [p.array for p in params]
        self.fields: dict[str, Any] = {}
        for name in memory:
            tensors = [states[p][name] for p in params if name in states.get(p, ())]
            self.fields[name] = self._field(tensors, name in numbers) if tensors else None
        self.counters = [field for name, field in self.fields.items() if name in numbers]
        self.settings: Settings | None = None
        self.program: Program | None = None
        self.bound: Any = None

    def advance(self, settings: Settings, grads: Sequence[Array]) -> None:
        """Replace the parameters and their state by what the rule makes of them and of their gradients.

        Args:
            settings: The rule.
            grads: The gradients of all parameters of the plan.
        """
        if settings is not self.settings:
            self.program = settings.program(self.kept()) if self.recorded_at_once else None
            self.settings, self.bound = settings, None
        elif self.program is None:
            self.program = settings.program(self.kept())
        if self.program is None:
            kept = self._call(settings.rule, grads)
            for (name, field), value in zip(self.fields.items(), kept[1:], strict=True):
                if name in self.numbers:
                    field[...] = value
                elif field is None and value is not None:
                    for p, part in zip(self.params, self._parts(value), strict=True):
                        self.states[p][name] = wrap(part)
        else:
            if self.counters:
                self.program.numbers.advance(self.counters)
            self._replay(self.program, grads)
        now = next_sequence_nr()
        for p in self.params:
            p.version.last_write = now

    def kept(self) -> list[Any]:
        """Return parameter and state as they are given to a rule."""
        return [self.theta, *(field[0] if name in self.numbers else field for name, field in self.fields.items())]

    def _field(self, tensors: Sequence[Tensor], number: bool) -> Array:
        """Return state of the parameters as one array."""
        raise NotImplementedError

    def _parts(self, values: Array) -> list[Array]:
        """Return what of an array like theta belongs to each parameter."""
        raise NotImplementedError

    def _call(self, rule: Rule, grads: Sequence[Array]) -> list[Any]:
        """Call the rule itself; return parameter and state after it."""
        raise NotImplementedError

    def _replay(self, program: Program, grads: Sequence[Array]) -> None:
        """Do what the rule does to arrays."""
        raise NotImplementedError


class Together(Batch):
    """Several small parameters, of one dtype, with the same states and the same numbers in them: flat arrays.

    Attributes:
        g: The gradients as one array.
        slopes: The parts of g, each with the position of its gradient.
        points: The parts of theta, each with the array of its parameter.
    """

    recorded_at_once = False

    def __init__(self, members: Sequence[int], params: Sequence[Tensor], *rest: Any) -> None:
        ends = list(itertools.accumulate(p.array.size for p in params))
        self.slices = [slice(*bounds) for bounds in itertools.pairwise([0, *ends])]
        super().__init__(members, params, *rest)
        self.g, self.theta = (a[: ends[-1]] for a in self.room(2))
        self.slopes = list(zip(self._parts(self.g), members, strict=True))
        self.points = list(zip(self._parts(self.theta), self.arrays, strict=True))

    def _field(self, tensors: Sequence[Tensor], number: bool) -> Array:
        each = [slice(k, k + 1) for k in range(len(tensors))]
        return moved(tensors, each if number else self.slices)

    def _parts(self, values: Array) -> list[Array]:
        return [values[s].reshape(a.shape) for s, a in zip(self.slices, self.arrays, strict=True)]

    def _call(self, rule: Rule, grads: Sequence[Array]) -> list[Any]:
        kept = self.kept()
        self._gather(grads)
        for part, array in self.points:
            part[...] = array
        apply(rule, self.g, kept)
        for part, array in self.points:
            array[...] = part
        return kept

    def _replay(self, program: Program, grads: Sequence[Array]) -> None:
        self._gather(grads)
        if self.bound is None:
            self.bound = self._laid_out(program)
        for ufunc, operands in self.bound:
            ufunc(*operands)

    def _gather(self, grads: Sequence[Array]) -> None:
        for part, k in self.slopes:
            part[...] = grads[k]

    def _laid_out(self, program: Program) -> list[Call]:
        """Return what a program does: ufuncs with their operands.

        An operation that is the only one with the parameter in it is done for each in its place, to spare two copies.
        """
        scratch = [s[: self.g.size] for s in self.room(2 + program.scratch)[2:]]
        state = [None if name in self.numbers else field for name, field in self.fields.items()]
        whole = [self.g, self.theta, *state, *program.numbers.cells, *scratch]
        once = sum(touches for *_, touches in program.steps) == 1
        each: list[Any] = [whole]
        if once:
            parts = [self._parts(a) if a is not None and a.ndim else [a] * len(self.arrays) for a in whole]
            parts[1] = self.arrays
            each = list(zip(*parts, strict=True))
        calls: list[Call] = [] if once else [(setitem, (part, ..., array)) for part, array in self.points]
        for ufunc, operands, touches in program.steps:
            for places in each if touches else [whole]:
                *given, result = operands(places)
                if result.size == 1 and any(a is result for a in given):
                    # In place on one element, NumPy takes a detour that costs thrice as much.
                    spare = np.empty_like(result)
                    calls += [(ufunc, (*given, spare)), (setitem, (result, ..., spare))]
                else:
                    calls.append((ufunc, (*given, result)))
        return calls if once else calls + [(setitem, (array, ..., part)) for part, array in self.points]


class Apart(Batch):
    """One parameter of any size and layout, on its own."""

    recorded_at_once = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        (self.theta,) = self.arrays
        self.contiguous = True

    def _field(self, tensors: Sequence[Tensor], number: bool) -> Array:
        (tensor,) = tensors
        return tensor.array.reshape(1) if number else tensor.array

    def _parts(self, values: Array) -> list[Array]:
        return [values.reshape(self.theta.shape)]

    def _call(self, rule: Rule, grads: Sequence[Array]) -> list[Any]:
        g, *kept = flat([grads[self.members[0]], *self.kept()])
        apply(rule, g, kept)
        return kept

    def _replay(self, program: Program, grads: Sequence[Array]) -> None:
        g = grads[self.members[0]]
        if self.bound is None or g.flags.c_contiguous != self.contiguous:
            self.contiguous = g.flags.c_contiguous
            self.bound = program.pieces(flat([g, *self.kept()])[1:], self.room)
        program.run(g.reshape(self.bound.shape), self.bound)


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
        self.arrays = [p.array for p in params]
        self.kinds = kinds(self.arrays)
        separate = not overlapping(self.arrays)
        apart: list[int] = []
        alike: dict[Any, list[int]] = {}
        for k, (p, a) in enumerate(zip(params, self.arrays, strict=True)):
            begin(states, p, memory, numbers)
            if separate and a.size <= SMALL:
                state = states.get(p, {})
                key = (a.dtype, *(state[n].array.item() if n in numbers else n in state for n in memory))
                alike.setdefault(key, []).append(k)
            else:
                apart.append(k)
        rooms = {a.dtype: Room(a.dtype) for a in self.arrays}

        def batch(kind: type[Batch], members: Sequence[int]) -> Batch:
            room = rooms[self.arrays[members[0]].dtype]
            return kind(members, [params[k] for k in members], states, memory, numbers, room)

        together = [batch(Together, members) for like in alike.values() for members in filled(like, self.arrays)]
        self.batches = [*(batch(Apart, [k]) for k in apart), *together]
        self.common = [field for batch in together for field in batch.counters]
        self.objects = self._objects(params)

    def _objects(self, params: Sequence[Tensor]) -> list[Any]:
        """Return everything that must be the same when the plan is used: parameters, arrays, state."""
        objects = [*params, *[p.array for p in params]]
        if self.states:
            dicts = [self.states.get(p) for p in params]
            objects += dicts
            objects += [t.array for state in dicts if state for t in state.values()]
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


def kinds(arrays: Sequence[Array]) -> tuple[list[Shape], list[np.dtype[Any]]]:
    """Return the shapes and the dtypes of arrays."""
    return [a.shape for a in arrays], [a.dtype for a in arrays]


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
    flat: Array = np.concatenate([t.array for t in tensors], axis=None)
    for t, part in zip(tensors, slices, strict=True):
        t.array = flat[part].reshape(t.array.shape)
    return flat


def begin(states: States, p: Tensor, memory: Memory, numbers: Set[str]) -> None:
    """Give a parameter the state that it has before its first step, as far as it has none."""
    for name, start in memory.items():
        if start is not None and name not in states[p]:
            number = name in numbers
            states[p][name] = wrap(number_like(start) if number else np.full_like(p.array, start))


def number_like(value: float) -> Array:
    """Return a number as state that is one number: 0-d, of its own dtype or else, as in torch, of the default one."""
    return np.array(value, None if isinstance(value, np.generic) else dtypes.get_default_dtype().numpy)


def filled(members: Sequence[int], arrays: Sequence[Array]) -> Iterator[list[int]]:
    """Yield the members in lists whose arrays have at most `TOGETHER` elements."""
    batch: list[int] = []
    size = 0
    for k in members:
        if batch and size + arrays[k].size > TOGETHER:
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
