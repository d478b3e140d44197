"""One run of a function, written down as calls of NumPy on the memory that it used.

The arrays of the captured run stay, and become the fixed buffers of the program: a view needs no call, since it is a view of
a buffer already; what was saved for backward is where it was; a write in place is a copy to the same place. So the
program does what the run did, in the same order, to the same memory. Only what comes from outside must be told apart:

* inputs are copied into the buffers that stood for them in the captured run;
* *external* memory, as that of parameters, is read and written where it is;
* an array that nobody accounts for, since something outside of the primitives made it, is a `RefusalError`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from operator import setitem
from typing import Any, TypeVar

import numpy as np

from minigrad.autodiff import Cotangent, Node, PrimitiveNode, TensorBase, Vertex, wrap
from minigrad.autograd.observer import Location, Observer, current_location
from minigrad.fastpath.calls import Call, ufunc_call
from minigrad.fastpath.optim.buckets import step_calls
from minigrad.fastpath.replay.lowering import (
    MismatchError,
    arrays_in,
    lower,
    lower_vjp,
    memory_of,
    put,
    same_memory,
)
from minigrad.multi_output import OutputCotangents, OutputNode
from minigrad.primitive import Array, Primitive
from minigrad.promotion import HALF

F = TypeVar("F", bound=Callable[..., None])


class RefusalError(Exception):
    """The function does something that a program of fixed calls cannot repeat."""

    def __init__(self, cause: str, location: Location | None = None) -> None:
        super().__init__(cause)
        self.location = location or current_location()


def event(method: F) -> F:
    """Decorate a method that is told of something: what it raises is noted, and the run goes on unobserved."""

    @wraps(method)
    def wrapper(self: Any, *args: Any) -> None:
        if self.refusal is None and not self._stepping:
            try:
                method(self, *args)
            except RefusalError as refusal:
                self.refusal = refusal

    return wrapper  # type: ignore[return-value]


class Recorder(Observer):
    """Notes what a function computes.

    Args:
        inputs: The buffers that stand for the arguments.
        tensors: Those that the function can reach.

    Attributes:
        calls: What was computed.
        externals: Tensors that are not made in the run.
        written: Version counters of what the run has written to.
        leaves: The tensors that have received a gradient, by id.
        entry_grads: The gradients that tensors had before the run, by id of the tensor.
        needs_entry: Whether the run needs that gradient of a tensor to be there, or not to be there.
        optimizers: Those that have made a step, with whether that stands in `calls`.
        refusal: Why the run cannot be repeated, if it shows while it runs.
        consumed: The nodes that a backward pass has visited.
    """

    def __init__(self, inputs: Sequence[Array], tensors: Sequence[TensorBase]) -> None:
        self.calls: list[Call] = []
        self.externals: list[TensorBase] = []
        self.written: dict[int, Any] = {}
        self.leaves: dict[int, TensorBase] = {}
        self.optimizers: list[Any] = []
        self.consumed: set[int] = set()
        self._kept: list[Any] = list(inputs)  # so that no id is used twice
        self._known: dict[int, str] = {memory_of(x): "input" for x in inputs}
        self._scalars: dict[int, Array] = {}
        self._parts: defaultdict[Vertex, list[Cotangent]] = defaultdict(list)
        self._residuals: Any = None
        self._cotangents: Mapping[Vertex, Cotangent] = {}
        self._operands: Sequence[Any] = ()
        self._unexplained: dict[int, Location | None] = {}
        self._stepping: list[Any] = []
        self.refusal: RefusalError | None = None
        self.entry_grads = {id(x): x._grad for x in tensors}
        for grad in self.entry_grads.values():
            if grad is not None:
                self._register(grad.array, "gradient")
        self.needs_entry: dict[int, bool] = {}

    # ------------------------------------------------------------------------------------------------------ memory

    def _register(self, array: Array, kind: str) -> None:
        self._kept.append(array)
        self._known.setdefault(memory_of(array), kind)

    def kind(self, array: Array) -> str | None:
        """Return what memory an array is in: input, computed, gradient, external, constant; None if that is not known."""
        return self._known.get(memory_of(array))

    def memory(self, value: Any) -> Array:
        """Return the array that holds a value; a scalar has a 0-d array."""
        if isinstance(value, np.ndarray):
            return value
        if id(value) not in self._scalars:
            self._kept.append(value)
            array = self._scalars[id(value)] = np.array(value)
            self._register(array, "computed")
        return self._scalars[id(value)]

    def tensor(self, x: TensorBase) -> Array:
        """Return the array of an operand, which is external if the run has not made it."""
        if self.kind(x.array) is None:
            self._register(x.array, "external")
            self._unexplained[memory_of(x.array)] = current_location()
        return x.array

    def _array(self, x: Array) -> None:
        """Note an operand that is no tensor: an index, or an array of the user."""
        if self.kind(x) is None:
            raise RefusalError(
                "it uses an array of NumPy, which may be another one in the next call: make it a tensor before"
            )

    def _emit(self, *calls: Call) -> None:
        for call in calls:
            for array in call.writes:
                self._register(array, "computed")
            self.calls.append(call)

    def _write(self, tensors: Sequence[TensorBase], call: Call) -> None:
        """Note a call that writes to the memory of tensors."""
        for tensor in tensors:
            self.tensor(tensor)
            if self.kind(tensor.array) == "input":
                raise RefusalError("it writes to an argument in place")
            self.written[id(tensor.version)] = tensor.version
        self._emit(call)

    def unexplained(self, tensors: Sequence[TensorBase]) -> RefusalError | None:
        """Return a refusal, unless all memory from outside belongs to tensors that the function can reach again."""
        owners = {memory_of(x.array): x for x in tensors}
        for key, location in self._unexplained.items():
            if key not in owners:
                return RefusalError("it uses values that were made outside of minigrad's operations", location)
            self.externals.append(owners[key])
        return None

    def forget(self) -> None:
        """Let go of what only the recording needed."""
        self._kept, self._residuals, self._cotangents = [], None, {}
        self._parts.clear()
        self._unexplained.clear()
        self.entry_grads.clear()

    # ------------------------------------------------------------------------------------------------------ forward

    @event
    def after_promotion(self, inputs: Sequence[Any], operands: Sequence[Any]) -> None:  # noqa: D102
        for raw, operand in zip(inputs, operands, strict=True):
            if isinstance(raw, np.ndarray):
                self._array(raw)
            elif not isinstance(raw, TensorBase):
                self._register(operand.array, "constant")
            elif operand is not raw:
                cast = Call("cast", np.copyto, (operand.array, self.tensor(raw), "unsafe"), [raw.array], [operand.array])
                self._emit(cast)
        self._operands = operands

    @event
    def after_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any], result: Any) -> None:  # noqa: D102
        arrays = [self.tensor(x) for x in self._operands]
        indices = arrays_in(dict(attributes))
        for array in indices:
            self._array(array)
        if op.name == "nonzero" or (op.name == "getitem" and any(x.dtype.kind == "b" for x in indices)):
            raise RefusalError("the shape of a result depends on values")
        out = result.array
        if out.dtype == HALF and op.wide and not op.is_view:
            raise RefusalError("it computes in float16")
        self._emit(*lower(op, arrays, dict(attributes), out))
        self._register(out, "computed")

    @event
    def after_numpy(  # noqa: D102
        self, function: Callable[..., Any], args: Sequence[Any], out: Any, writes: Sequence[Any], draws: bool
    ) -> None:
        args = [self.tensor(x) if isinstance(x, TensorBase) else self._scalars.get(id(x), x) for x in args]
        reads = arrays_in(args)
        for array in reads:
            self._array(array)
        out = self.memory(out) if isinstance(out, np.generic) else out
        if isinstance(function, np.ufunc):
            self._emit(ufunc_call(function, args, out))
            return
        outs = [out] if isinstance(out, np.ndarray) else list(out or ())
        made = [x for x in outs if x is not None]
        name = getattr(function, "__name__", "numpy").strip("_")
        repeat = draw_again if draws else call_again
        self._write(writes, Call(name, repeat, (outs, function, tuple(args)), reads, [*made, *(x.array for x in writes)]))

    @event
    def after_creation(self, array: Array) -> None:  # noqa: D102
        self._register(array, "constant")
        self.calls.append(Call("constant", np.copyto, (array, array.copy()), [], [array]))

    @event
    def before_write(self, tensor: Any, values: Any) -> None:  # noqa: D102
        values = self._scalars.get(id(values), values)
        if isinstance(values, np.generic) or (isinstance(values, np.ndarray) and self.kind(values) is None):
            raise RefusalError("values that were computed outside of minigrad's operations are written to a tensor")
        self._write([tensor], Call("write", setitem, (tensor.array, ..., values), arrays_in(values), [tensor.array]))

    @event
    def before_set_item(self, tensor: Any, index: Any, value: Any) -> None:  # noqa: D102
        arrays = arrays_in([index])
        for array in arrays:
            self._array(array)
        reads = [self.tensor(value), *arrays, tensor.array]
        args = (tensor.array, index, value.array)
        self._write([tensor], Call("setitem", np.ndarray.__setitem__, args, reads, [tensor.array]))

    @event
    def before_read(self, tensor: Any, how: str) -> None:  # noqa: D102
        raise RefusalError(f"{how} reads the values of a tensor, which a replay would not do")

    # ----------------------------------------------------------------------------------------------------- backward

    @event
    def before_vjp(self, node: Node, cotangent: Cotangent) -> None:  # noqa: D102
        if node.hooks:
            raise RefusalError("there is a hook on a gradient")
        self.consumed.add(id(node))
        self._kept.append(node)
        self._resolve(node, cotangent)
        self._residuals = node.checked_residuals() if isinstance(node, PrimitiveNode) else None

    def _resolve(self, vertex: Vertex, cotangent: Cotangent) -> None:
        """Note how a cotangent came about: as the sum of its parts."""
        parts = self._parts.pop(vertex, [])
        if isinstance(cotangent, OutputCotangents | TensorBase):
            return
        if len(parts) == 1 and parts[0] is not cotangent:
            raise RefusalError("a hook replaces a gradient")
        if len(parts) < 2:
            memory = self.memory(cotangent)
            if self.kind(memory) is None:
                self._register(memory, "constant")
            return
        total = self.memory(parts[0])
        for k, part in enumerate(parts[1:], 2):
            out = self.memory(cotangent) if k == len(parts) else np.empty_like(self.memory(cotangent))
            self._emit(ufunc_call(np.add, (total, self.memory(part)), out))
            total = out
        self._register(total, "computed")

    @event
    def after_vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:  # noqa: D102
        if not isinstance(cotangent, TensorBase) and not isinstance(node, OutputNode):
            self._vjp(node, cotangent, in_cotangents)
        for parent, part in zip(node.parents, in_cotangents, strict=True):
            if part is not None:
                self._parts[parent].append(part)

    def _vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        outs = [None if x is None else self.memory(x) for x in in_cotangents]
        made = [out for out in outs if out is not None]
        if isinstance(node, PrimitiveNode):
            linearization, wanted = node.linearization, tuple([out is not None for out in outs])
            vjp = linearization.vjp if linearization.op.variadic or all(wanted) else linearization.narrow(wanted)
            if any(self.kind(x) is None for x in arrays_in(list(self._residuals))):
                raise RefusalError(f"{node.op_name} keeps values that were computed outside of minigrad's operations")
            self._emit(*lower_vjp(node.op_name, vjp, self.memory(cotangent), self._residuals, outs))
        elif not node.user_defined:
            parts = {k: self.memory(x) for k, x in cotangent.values.items()}
            if any(self.kind(x) is None for x in parts.values()):
                raise RefusalError("a part of a tensor is used several times")
            args = (made, node.vjp, parts)
            self._emit(Call(f"{node.op_name}.vjp", store_parts, args, list(parts.values()), made))
        for out in made:
            if self.kind(out) is None and node.user_defined:
                raise RefusalError(f"the backward of {node.op_name} computes outside of minigrad's operations")
            self._register(out, "computed")

    @event
    def after_backward(self, cotangents: Mapping[Vertex, Cotangent]) -> None:  # noqa: D102
        for vertex, cotangent in cotangents.items():
            if isinstance(vertex, TensorBase) and (vertex.hooks or vertex._post_accumulate_hooks):
                raise RefusalError("there is a hook on a gradient")
            self._resolve(vertex, cotangent)
        self._cotangents = cotangents

    @event
    def after_accumulation(self, leaves: Sequence[Any]) -> None:  # noqa: D102
        for leaf in leaves:
            if leaf._grad is None:
                continue
            if id(leaf) not in self.leaves:
                self._kept.append(leaf)
                self.leaves[id(leaf)] = leaf
                if self.entry_grads.get(id(leaf)) is None:
                    self.needs_entry.setdefault(id(leaf), False)
            cotangent, grad = self._cotangents[leaf], leaf._grad.array
            if isinstance(cotangent, np.generic) and self.kind(grad) is None:  # a scalar became an array
                value = self.memory(cotangent)
                self._emit(Call("copy", setitem, (grad, ..., value), [value], [grad]))
            self._use_gradient(leaf)

    def _use_gradient(self, leaf: Any) -> None:
        """Note whether a gradient that an earlier run has left is used, and so must be there."""
        entry = self.entry_grads.get(id(leaf))
        if entry is not None and same_memory(entry.array, leaf._grad.array):
            self.needs_entry[id(leaf)] = True
            self.leaves[id(leaf)] = leaf
        elif self.kind(leaf._grad.array) is None:
            raise RefusalError("it uses a gradient that an earlier run has left")

    # -------------------------------------------------------------------------------------------------------- steps

    def before_step(self, optimizer: Any) -> None:  # noqa: D102
        self._stepping.append(optimizer)

    def after_step(self, optimizer: Any) -> None:  # noqa: D102
        self._stepping.pop()
        self._note_step(optimizer)

    @event
    def _note_step(self, optimizer: Any) -> None:
        params = [p for group in optimizer.param_groups for p in group["params"] if p._grad is not None]
        for p in params:
            self.tensor(p)
            self._use_gradient(p)
            self.written[id(p.version)] = p.version
        calls = step_calls(optimizer)
        self.optimizers.append((optimizer, calls is not None))
        if calls is None:
            grads, arrays = [p._grad.array for p in params], [p.array for p in params]
            step = Call("step", step_natively, (optimizer, params, grads), grads, arrays)
            self._emit(step)
            return
        for call in calls:
            for array in (*call.reads, *call.writes):
                if self.kind(array) is None:
                    self._register(array, "external")
            self._emit(call)


def call_again(outs: Sequence[Array | None], function: Callable[..., Any], args: Sequence[Any]) -> None:
    """Call a function of NumPy again, and copy its results."""
    result = function(*args)
    for out, value in zip(outs, [result] if isinstance(result, np.ndarray) else result or (), strict=True):
        if (out is None) != (value is None):
            raise MismatchError(f"{function.__name__} takes another way")
        if out is not None:
            put(out, value)


def draw_again(outs: Sequence[Array | None], function: Callable[..., Any], args: Sequence[Any]) -> None:
    """Draw random numbers again; this is done at each replay, whatever the arguments."""
    call_again(outs, function, args)


def store_parts(outs: Sequence[Array], vjp: Callable[..., Any], parts: dict[int, Array]) -> None:
    """Compute the cotangent of a tensor that was taken apart, and copy it."""
    for out, value in zip(outs, vjp(OutputCotangents(dict(parts)), None), strict=True):
        put(out, value)


def step_natively(optimizer: Any, params: Sequence[Any], grads: Sequence[Array]) -> None:
    """Let an optimizer make a step with given gradients."""
    for p, grad in zip(params, grads, strict=True):
        p._grad = wrap(grad)
    optimizer.step()
