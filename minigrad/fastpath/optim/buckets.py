"""How an update rule is applied to all parameters of an optimizer at once.

On a small parameter the calls cost more than the arithmetic. So small parameters with the same history share a `FlatBucket`
and are updated as one flat array. Their state stays in flat arrays, of which each tensor of the state is a view; parameters
stay where they are, and are copied to a flat array and back at each step. A large parameter has a `SingleBucket`. The buckets
of a group are kept from step to step in a `BucketPlan`, for as long as it is current.

A rule that cannot be traced is left to the plain loop of `Optimizer.step`, and so is a step in which state comes into being.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, is_, setitem
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minigrad.autodiff import next_sequence_nr
from minigrad.fastpath.calls import Call
from minigrad.fastpath.guards import Guards
from minigrad.fastpath.optim.blas import descend
from minigrad.fastpath.optim.program import BlockLayout, Program
from minigrad.fastpath.optim.tracer import DType, Kind, is_pure, trace_rule
from minigrad.grad_mode import thread
from minigrad.optim import Optimizer
from minigrad.optim.validation import check_arrays, has_tensors
from minigrad.primitive import Array
from minigrad.tensor import Tensor

SMALL_PARAM = 4096
"""Up to how many elements a parameter is small: to copy it costs less than calls of its own."""

BUCKET_SIZE = 16 * SMALL_PARAM
"""How many elements the small parameters of a bucket have at most."""

get_array, get_shape, get_dtype = map(attrgetter, ("array", "shape", "dtype"))
NO_STATE: Mapping[str, Any] = {}

ArrayCall = tuple[Callable[..., Any], Sequence[Any]]
Presence = tuple[bool, ...]


def live_values(group: Mapping[str, Any]) -> list[Any]:
    """Return the values of options that may be changed in place: a learning rate or betas that are Tensors or a list."""
    values: list[Any] = []
    for name in ("lr", "betas"):
        option = group.get(name)
        if isinstance(option, list) or has_tensors(option):
            parts = option if isinstance(option, list | tuple) else [option]
            values += [part.tolist() if isinstance(part, Tensor) else part for part in parts]
    return values


class Bucket:
    """Parameters that are updated as one: a `FlatBucket` or a `SingleBucket`.

    Args:
        plan: The plan, with the state of its parameters; in a flat bucket that is moved to common memory.
        program: The program for the parameters of the bucket.
        params: The parameters of the plan.
        indices: Which of them are in the bucket.

    Attributes:
        state: By name, the state as an array like the parameter; None for what is one scalar or is not there.
        scalar_state: State that is one scalar for each parameter, as arrays of these.
    """

    def __init__(self, plan: BucketPlan, program: Program, params: Sequence[Tensor], indices: Sequence[int]) -> None:
        self.program = program
        self.indices = indices
        self.params = [params[k] for k in indices]
        self.arrays = [p.array for p in self.params]
        states = [plan.states.get(p, NO_STATE) for p in self.params]
        tensors = {name: [state[name] for state in states if name in state] for name in plan.spec}
        joined = {name: self._join(each, name in plan.scalars) for name, each in tensors.items() if each}
        self.state = {name: None if name in plan.scalars else joined.get(name) for name in plan.spec}
        self.scalar_state = [array for name, array in joined.items() if name in plan.scalars]

    def step(self, grads: Sequence[Array]) -> None:
        """Replace the parameters and their state by what the rule makes of them.

        Args:
            grads: The gradients of all parameters of the plan.
        """
        if self.scalar_state:
            self.program.scalars.run(self.scalar_state)
        self._run(grads)
        now = next_sequence_nr()
        for p in self.params:
            p.version.last_write = now

    def calls(self, grads: Sequence[Array]) -> list[Call]:
        """Return what `step` does as calls."""
        if not self.scalar_state:
            return self._calls(grads)
        scalars, written = self.program.scalars, [*self.scalar_state, *self.program.scalars.buffers]
        return [Call("scalars", scalars.run, (self.scalar_state,), [], written), *self._calls(grads)]

    def _calls(self, grads: Sequence[Array]) -> list[Call]:
        arrays = [*self.arrays, *(x for x in self.state.values() if x is not None)]
        return [Call(self.program.name, self._run, (grads,), [*(grads[k] for k in self.indices), *arrays], arrays)]

    def _join(self, tensors: Sequence[Tensor], scalar: bool) -> Array:
        """Return state of the parameters as one array, which the tensors are views of."""
        raise NotImplementedError

    def _run(self, grads: Sequence[Array]) -> None:
        """Do the operations on arrays."""
        raise NotImplementedError


class FlatBucket(Bucket):
    """Several small parameters, of one dtype, with the same state and the same scalars in it, as flat arrays.

    Attributes:
        flat_grad: The gradients as one array.
        grad_views: Its parts, each with the index of its gradient.
    """

    def __init__(self, plan: BucketPlan, program: Program, params: Sequence[Tensor], indices: Sequence[int]) -> None:
        ends = list(itertools.accumulate(params[k].array.size for k in indices))
        self.slices = [slice(*bounds) for bounds in itertools.pairwise([0, *ends])]
        super().__init__(plan, program, params, indices)
        buffers = [buffer[: ends[-1]] for buffer in program.buffers(2 + program.scratch)]
        self.flat_grad = buffers[0]
        self.grad_views = list(zip(self._unflatten(self.flat_grad), indices, strict=True))
        self.array_calls = self._bind(buffers)

    def _join(self, tensors: Sequence[Tensor], scalar: bool) -> Array:
        flat: Array = np.concatenate([t.array for t in tensors], axis=None)
        parts = np.split(flat, len(tensors)) if scalar else [flat[s] for s in self.slices]
        for t, part in zip(tensors, parts, strict=True):
            t.array = part.reshape(t.array.shape)
        return flat

    def _unflatten(self, values: Array) -> list[Array]:
        """Return what of a flat array belongs to each parameter."""
        return [values[s].reshape(a.shape) for s, a in zip(self.slices, self.arrays, strict=True)]

    def _calls(self, grads: Sequence[Array]) -> list[Call]:
        copies: list[ArrayCall] = [(setitem, (view, ..., grads[k])) for view, k in self.grad_views]
        calls = []
        for function, operands in copies + self.array_calls:
            *reads, out = reversed(operands) if function is setitem else operands
            calls.append(Call(function.__name__, function, tuple(operands), [x for x in reads if x is not ...], [out]))
        return calls

    def _run(self, grads: Sequence[Array]) -> None:
        for view, k in self.grad_views:
            view[...] = grads[k]
        for function, operands in self.array_calls:
            function(*operands)

    def _bind(self, buffers: Sequence[Array]) -> list[ArrayCall]:
        """Return the calls that the program consists of: functions with their operands.

        An operation that is the only one with the parameter in it is done for each in its place, to spare two copies.
        """
        flat_grad, theta, *scratch = buffers
        param_views = list(zip(self._unflatten(theta), self.arrays, strict=True))
        whole: list[Any] = [flat_grad, theta, *self.state.values(), None, *self.program.scalars.buffers, *scratch]
        once = sum(1 in registers for *_, registers in self.program.steps) == 1
        each: list[Any] = [whole]
        if once:
            parts = [self._unflatten(a) if a is not None and a.ndim else [a] * len(self.arrays) for a in whole]
            parts[1] = self.arrays
            each = list(zip(*parts, strict=True))
        calls: list[ArrayCall] = [] if once else [(setitem, (view, ..., array)) for view, array in param_views]
        for function, operands, registers in self.program.steps:
            for arrays in each if 1 in registers else [whole]:
                *given, result = operands(arrays)
                if result.size == 1 and any(a is result for a in given):
                    # In place on one element, NumPy takes a detour that costs thrice as much.
                    spare = np.empty_like(result)
                    calls += [(function, (*given, spare)), (setitem, (result, ..., spare))]
                else:
                    calls.append((function, (*given, result)))
        return calls if once else calls + [(setitem, (array, ..., view)) for view, array in param_views]


class SingleBucket(Bucket):
    """One parameter of any size and layout."""

    layout: BlockLayout | None = None
    contiguous = True

    def _join(self, tensors: Sequence[Tensor], scalar: bool) -> Array:
        (tensor,) = tensors
        return tensor.array.reshape(1) if scalar else tensor.array

    def _run(self, grads: Sequence[Array]) -> None:
        g, scale = grads[self.indices[0]], self.program.scale
        if scale is not None and descend(self.arrays[0], scale, g):
            return
        if self.layout is None or g.flags.c_contiguous != self.contiguous:
            self.contiguous = g.flags.c_contiguous
            arrays = [*self.arrays, *self.state.values()]
            if all(a is None or a.flags.c_contiguous for a in [g, *arrays]):
                # NumPy would turn an array of no dimension into a scalar.
                arrays = [None if a is None else a.reshape(-1) for a in arrays]
            self.layout = self.program.layout(arrays)
        self.program.run(g.reshape(self.layout.shape), self.layout)


class BucketPlan:
    """The rule of an optimizer with the options of a group, and the parameters of it that have a gradient, in buckets.

    Attributes:
        spec: The names of the state, with what it is before the first step.
        scalars: Those names of it that are one scalar.
        options: The options, with hyper-parameters as Python numbers.
        programs: What has been traced, by the dtype of the parameters and by which state is there; None if it cannot be.
        buckets: The buckets; None if there are none, or no longer the right ones.
        shapes, dtypes: Those of the parameters, which those of the gradients must equal.
        objects: Everything that must be the same when the plan is used again: parameters, arrays, state.
        names, absent: Which state there is, and which there may be.
        flat_scalars: The scalar state of flat buckets, each of which must hold one value.
    """

    constants: Mapping[str, Any] | None = None

    def __init__(self, optimizer: Optimizer, group: Mapping[str, Any]) -> None:
        self.bind(optimizer, group)

    def bind(self, optimizer: Optimizer, group: Mapping[str, Any]) -> None:
        """Take over the options that the group has now; programs and buckets are kept if only the learning rate differs."""
        raw, live = dict(group), live_values(group)
        options = optimizer.resolve_options(raw)
        spec, scalar_names = optimizer.state_spec(options), optimizer.scalar_names()
        constants = {k: v for k, v in options.items() if k in optimizer.defaults and k != "lr"}
        if constants != self.constants:
            self.constants = constants
            self.programs: dict[tuple[DType, Presence], Program | None] = {}
            self.buckets: list[Bucket] | None = None
        # What the group is compared with comes last: if its options are refused, the plan stays as it was.
        self.options, self.spec, self.scalars = options, spec, scalar_names & spec.keys()
        self.raw, self.live = raw, live
        self.set_lr()

    def is_current(self, group: Mapping[str, Any]) -> bool:
        """Return whether the group still has the same options."""
        raw = self.raw
        try:
            return group["params"] is raw["params"] and group == raw and not (self.live and self.live != live_values(group))
        except (RuntimeError, ValueError):  # an array among the user's notes was replaced; `==` gives no truth value
            return False

    def program(self, optimizer: Optimizer, dtype: DType, presence: Presence) -> Program | None:
        """Return the program for parameters of this dtype; `presence` says which state is there."""
        key = (dtype, presence)
        if key not in self.programs:
            self.programs[key] = self._traced(optimizer, dtype, presence)
        return self.programs[key]

    def _traced(self, optimizer: Optimizer, dtype: DType, presence: Presence) -> Program | None:
        cls, options = type(optimizer), self.options
        signature = cls.rule
        if signature is None or cls.apply_rule is not Optimizer.apply_rule or not is_pure(optimizer.update):
            return None

        def rule(g: Any, theta: Any, *state_and_lr: Any) -> tuple[Any, ...]:
            *state, lr = state_and_lr
            return optimizer.apply_rule({**options, "lr": lr} if "lr" in options else options, theta, g, state)

        kinds = [Kind.STRONG if name in self.scalars else Kind.ARRAY for name in self.spec]
        present = [kind if flag else None for kind, flag in zip(kinds, presence, strict=True)]
        letters = ["t", *signature.state] if signature.uses_step else signature.state
        names = ["g", signature.theta, *(self.spec if signature.variadic else letters), "lr"]
        trace = trace_rule(rule, names, [Kind.ARRAY, Kind.ARRAY, *present, Kind.WEAK], dtype)
        return None if trace is None else Program(trace, f"{cls.__name__}.update")

    def set_lr(self) -> None:
        """Give the learning rate to the programs."""
        for program in self.programs.values():
            if program is not None:
                program.scalars.set_lr(self.options.get("lr"))

    def build(self, optimizer: Optimizer, params: Sequence[Tensor]) -> bool:
        """Put parameters into buckets, with state that has begun; return False if their rule cannot be traced."""
        spec, self.states = self.spec, optimizer.state
        arrays = [p.array for p in params]
        separate = not overlapping(arrays)
        programs: list[Program] = []
        large: list[int] = []
        groups: dict[Any, list[int]] = {}
        for k, p in enumerate(params):
            own = self.states.get(p, NO_STATE)
            presence = tuple([start is not None or name in own for name, start in spec.items()])
            program = self.program(optimizer, p.array.dtype, presence)
            if program is None:
                return False
            programs.append(program)
            optimizer.init_missing_state(p, self.options)
            own = self.states.get(p, NO_STATE)
            if separate and p.array.size <= SMALL_PARAM:
                scalars = [own[name].array.item() for name in spec if name in self.scalars and name in own]
                groups.setdefault((id(program), *scalars), []).append(k)
            else:
                large.append(k)
        parts = [part for group in groups.values() for part in split_into_buckets(group, arrays)]
        flat = [FlatBucket(self, programs[part[0]], params, part) for part in parts]
        self.buckets = [*(SingleBucket(self, programs[k], params, [k]) for k in large), *flat]
        self.flat_scalars = [array for b in flat for array in b.scalar_state]
        self.names = [name for name in spec if any(name in self.states.get(p, NO_STATE) for p in params)]
        self.absent = [name for name in spec if name not in self.names]
        self.shapes, self.dtypes = [a.shape for a in arrays], [a.dtype for a in arrays]
        self.params, self.objects = params, self._objects(params)
        self.set_lr()
        return True

    def _objects(self, params: Sequence[Tensor]) -> list[Any]:
        objects: list[Any] = [*params, *map(get_array, params)]
        if self.states:
            states: list[Any] = [self.states.get(p, NO_STATE) for p in params]
            objects += states
            names = self.names
            objects += [state[name].array for state in states for name in names]
            if self.absent:
                objects += map(len, states)
        return objects

    def holds(self, params: Sequence[Tensor], states: Mapping[Tensor, Any]) -> bool:
        """Return whether these parameters and their state are those of the buckets."""
        try:
            objects = self._objects(params)
        except (KeyError, AttributeError):  # state was removed, or replaced by something that is no Tensor
            return False
        return (
            states is self.states
            and len(objects) == len(self.objects)
            and all(map(is_, objects, self.objects))
            and not (self.flat_scalars and not all(map(all_equal, self.flat_scalars)))
        )

    def grads(self, group: Mapping[str, Any], states: Mapping[Tensor, Any]) -> list[Array] | None:
        """Return the gradients of a group, or None if the plan is not for its options, parameters and state of now."""
        if self.buckets is None or not self.is_current(group):
            return None
        params = [p for p in group["params"] if p._grad is not None]
        if not self.holds(params, states):
            return None
        arrays = [p._grad.array for p in params]
        current = list(map(get_shape, arrays)) == self.shapes and list(map(get_dtype, arrays)) == self.dtypes
        return arrays if current else None


def optimizer_step(optimizer: Optimizer) -> bool:
    """Update every parameter of an optimizer that has a gradient, and return True; or False if the plain loop is needed.

    Raises:
        RuntimeError, ValueError, TypeError, NotImplementedError: As `Optimizer.step`; nothing is changed then.
    """
    plans: list[BucketPlan] | None = optimizer.backend_cache
    groups, state = optimizer.param_groups, optimizer.state
    if plans is None or len(plans) != len(groups):
        if optimizer.rule is None:
            return False
        plans = optimizer.backend_cache = [BucketPlan(optimizer, group) for group in groups]
    grads = [plan.grads(group, state) for plan, group in zip(plans, groups)]  # noqa: B905
    if None in grads:
        if not renew(optimizer, plans):
            return False
        grads = [plan.grads(group, state) for plan, group in zip(plans, groups)]  # noqa: B905
        if not any(grads):
            return False  # the plain loop warns
    try:
        thread.state.in_operation(run, plans, grads)
    except RuntimeError as error:
        with thread.state.reentrant(error):
            thread.state.in_operation(run, plans, grads)
    return True


def step_calls(optimizer: Optimizer) -> list[Call] | None:
    """Return the calls of a step with the gradients of now.

    None if there is no plan for these, as with a rule that is not traced.
    """
    plans: Sequence[BucketPlan] = optimizer.backend_cache or ()
    if len(plans) != len(optimizer.param_groups):
        return None
    calls = []
    for plan, group in zip(plans, optimizer.param_groups, strict=True):
        grads = plan.grads(group, optimizer.state)
        if grads is None:
            return None
        calls += [call for bucket in plan.buckets or () for call in bucket.calls(grads)]
    return calls


def refresh(optimizer: Optimizer) -> bool:
    """Give the options of now to the plans of an optimizer; return whether the calls of its step are still the same."""
    plans: Sequence[BucketPlan] = optimizer.backend_cache or ()
    if len(plans) != len(optimizer.param_groups):
        return False
    for plan, group in zip(plans, optimizer.param_groups, strict=True):
        if not plan.is_current(group):
            plan.bind(optimizer, group)
        if plan.buckets is None or not plan.holds(plan.params, optimizer.state):
            return False
    return True


def step_guards(optimizers: Sequence[Optimizer]) -> Guards:
    """Return what is enough, but not needed, for the calls of the steps of optimizers to be the same: see `refresh`."""
    guards = Guards()
    for optimizer in optimizers:
        plans, groups = optimizer.backend_cache, optimizer.param_groups
        guards.require("{0}.backend_cache is {1} and len({0}.param_groups) == {2}", optimizer, plans, len(groups))
        for k, (plan, group) in enumerate(zip(plans, groups, strict=True)):
            guards.require("{0}.param_groups[{1}] is {2}", optimizer, k, group)
            guards.require("{0}['params'] is {1} and {0} == {2}.raw and not {2}.live", group, group["params"], plan)
            guards.require("{0}.buckets is {1} and all(map({2}, {0}.flat_scalars))", plan, plan.buckets, all_equal)
            guards.require("{0}.state is {1} and len({1}) == {2}", optimizer, plan.states, len(plan.states))
            for p in plan.params:
                guards.require("{0}.array is {1}", p, p.array)
                state = plan.states.get(p)
                if state is not None:
                    guards.require("{0}[{1}] is {2} and len({2}) == {3}", plan.states, p, state, len(state))
                    for name in state.keys() & plan.names:
                        guards.require("{0}[{1}].array is {2}", state, name, state[name].array)
    return guards


def programs(optimizer: Optimizer) -> list[Program]:
    """Return the programs that stand for the rule of an optimizer: one for each kind of parameters that it has updated.

    Before the first step there are none, nor if the rule cannot be traced, as one that draws random numbers or reduces.

    >>> import minigrad
    >>> from minigrad.optim import SGD
    >>> p = minigrad.ones(3, requires_grad=True)
    >>> p.grad = minigrad.ones(3)
    >>> optimizer = SGD([p], lr=0.1, weight_decay=0.01)
    >>> optimizer.step()
    >>> programs(optimizer)  # doctest: +SKIP
    [SGD.update: 4 operations on float32 arrays, 1 scratch buffer
        s0 = multiply(0.01, theta)
        s0 = add(g, s0)
        s0 = multiply(lr, s0)
        theta = subtract(theta, s0)]
    """
    plans: Sequence[BucketPlan] = optimizer.backend_cache or ()
    return [program for plan in plans for program in plan.programs.values() if program is not None]


def run(plans: Sequence[BucketPlan], grads: Sequence[Any]) -> None:
    """Update the parameters of all plans with their gradients."""
    for plan, arrays in zip(plans, grads):  # noqa: B905
        for bucket in plan.buckets or ():
            bucket.step(arrays)


def renew(optimizer: Optimizer, plans: Sequence[BucketPlan]) -> bool:
    """Bring the plans of all groups up to date; return False if a rule cannot be traced.

    Raises:
        RuntimeError, ValueError, TypeError, NotImplementedError: A step cannot be made.
    """
    pairs = list(zip(plans, optimizer.param_groups, strict=True))
    for plan, group in pairs:
        if not plan.is_current(group):
            plan.bind(optimizer, group)
    stale = [(plan, group) for plan, group in pairs if plan.grads(group, optimizer.state) is None]
    for plan, group in stale:
        names = [name for name in plan.spec if name not in plan.scalars]
        check_arrays(group["params"], optimizer.state, names)
    return all(plan.build(optimizer, [p for p in group["params"] if p.grad is not None]) for plan, group in stale)


# ------------------------------------------------------------------------------------------------------------ arrays


def all_equal(values: Array) -> bool:
    """Return whether all values are the same."""
    elements = values.tolist()
    return elements.count(elements[0]) == len(elements)  # type: ignore[no-any-return]


def split_into_buckets(indices: Sequence[int], arrays: Sequence[Array]) -> list[list[int]]:
    """Return the indices in lists whose arrays have at most `BUCKET_SIZE` elements."""
    buckets: list[list[int]] = []
    size = math.inf  # of the last bucket; there is none yet
    for k in indices:
        if size + arrays[k].size > BUCKET_SIZE:
            buckets.append([])
            size = 0
        buckets[-1].append(k)
        size += arrays[k].size
    return buckets


def overlapping(arrays: Sequence[Array]) -> bool:
    """Return whether the memory of some arrays may overlap."""
    bounds = sorted(byte_bounds(a) for a in arrays if a.size)
    return any(following[0] < before[1] for before, following in itertools.pairwise(bounds))
