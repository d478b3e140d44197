"""Tensor: where an array, the tape and the table of primitives meet.

`apply` is the meeting point. It brings the operands of a primitive to one dtype, runs the NumPy code, and, if a gradient is
asked for, leaves a `Recorded` node on the tape. What a Tensor can do beyond that is in `minigrad.methods`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy import generic, ndarray

from minigrad import dtypes, printing
from minigrad.autodiff import Cotangent, Node, Version, Vertex, hooked, next_sequence_nr, pull_back
from minigrad.dtypes import as_python
from minigrad.grad_mode import set_recording, thread
from minigrad.methods import (
    Arithmetic,
    Conversion,
    Drawing,
    Elementary,
    Gradients,
    Indexing,
    InPlace,
    Interop,
    Linear,
    Reductions,
    Shapes,
)
from minigrad.methods.carrier import Operand
from minigrad.methods.shape import Size
from minigrad.ops import shape
from minigrad.primitive import REFUSALS, Array, Frame, Primitive, Vjp, explained

NOTHING = np.empty(0, np.float32)


# ------------------------------------------------------------------------------------------------- the tape's side


class Recorded(Node):
    """A node that remembers the application of a primitive.

    It keeps arrays and vertices, never Tensors, so that graphs hold no reference cycles.

    Attributes:
        op: The primitive.
        vjp: Its derivative with respect to the inputs that ask for a gradient.
        frame: What its rules may name: the arrays they need, shapes, keyword arguments. None once released.
        written: For each array kept, when its memory was last written to: in a list, so that the tape hears of later writes.
            The clock is the numbering of the nodes: what is written after the node was made has a greater number.
    """

    __slots__ = ("frame", "op", "vjp", "written")

    op: Primitive
    vjp: Vjp
    frame: Frame | None
    written: Sequence[Version]

    def pull(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        op, vjp, frame = self.op, self.vjp, self.frame
        shares: Sequence[Cotangent | None]
        if frame is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {op.name} had saved was freed by the first "
                "backward. Specify retain_graph=True there, or compute the loss again."
            )
        if self.written and self.overwritten():
            raise RuntimeError(self._explain_write(frame))
        if needed is not None and not op.variadic:
            vjp = op.vjps[tuple([parent in needed for parent in self.parents])]
        if isinstance(cotangent, generic):
            shares = vjp.on_numbers(cotangent, frame)
        else:
            shares = vjp.on_arrays(cotangent, self._lift(frame) if isinstance(cotangent, Tensor) else frame)
        if op.variadic:  # the one rule makes all of them
            wanted = [p is not None and (needed is None or p in needed) for p in self.parents]
            return [share if want else None for share, want in zip(shares, wanted, strict=True)]
        return shares

    def overwritten(self) -> bool:
        """Return whether an array that it keeps was written to since."""
        for when in self.written:  # noqa: SIM110 - a generator takes more than twice as long
            if when.last_write > self.number:
                return True
        return False

    def name(self) -> str:  # noqa: D102
        return f"{self.op.name.title().replace('_', '')}Backward0"

    def release(self) -> None:  # noqa: D102
        if self.written:
            self.frame = None

    def _lift(self, frame: Frame) -> Frame:
        """Return the frame with each array made again the Tensor it was, so that the rules are recorded in turn."""
        if self.op.variadic:
            inputs = frame[0] and [restored(x, p) for x, p in zip(frame[0], self.parents, strict=True)]
            return [inputs, restored(frame[1], self), *frame[2:]]
        count = len(self.parents) + 1
        vertices = (*self.parents, self)
        return [*(restored(x, p) for x, p in zip(frame[:count], vertices, strict=True)), *frame[count:]]

    def _explain_write(self, frame: Frame) -> str:
        arrays = (*(frame[0] or ()), frame[1]) if self.op.variadic else frame[: len(self.parents) + 1]
        saved = zip([x for x in arrays if x is not None], self.written, strict=True)
        shape = next(x.shape for x, when in saved if when.last_write > self.number)
        return (
            f"one of the variables needed for gradient computation has been modified by an inplace operation: {self.op.name}"
            f" had saved a tensor of shape {list(shape)} that was written to before backward reached it. Use the "
            "out-of-place form of that operation, or clone() the tensor first."
        )


def record(op: Primitive, vjp: Vjp, parents: tuple[Vertex | None, ...], frame: Frame, written: Sequence[Version]) -> Recorded:
    """Return a new node. A constructor would take a third longer."""
    node = Recorded()
    node.number = next_sequence_nr()
    node.hooks = None
    node.parents = parents
    node.op = op
    node.vjp = vjp
    node.frame = frame
    node.written = written
    return node


def restored(array: Array | None, vertex: Vertex | None) -> Tensor | None:
    """Return the Tensor that an array was, given its vertex; a leaf is its own vertex."""
    if array is None:
        return None
    if isinstance(vertex, Tensor):
        return vertex
    return wrap(array, vertex if isinstance(vertex, Node) else None)


def wrap(array: Array, node: Node | None = None) -> Tensor:
    """Return a Tensor around an array, without a copy and without questions."""
    tensor = Tensor.__new__(Tensor)
    tensor.array = array
    tensor.node = node
    tensor.version = Version()
    return tensor


# ------------------------------------------------------------------------------------------------ the table's side


def apply(op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
    """Apply a primitive to tensors, numbers and arrays, at least one of them a Tensor, and record it if need be."""
    tensors = inputs if _agree(op, inputs) else _promoted(op, inputs)
    attributes = {name: as_python(value) for name, value in attributes.items()}
    arrays = [t.array for t in tensors]
    state = thread.state
    try:
        out = state.without_warnings(op.forward, *arrays, **attributes)
    except REFUSALS as error:
        raise explained(op, arrays, error) from error
    result = wrap(out if type(out) is ndarray else np.asarray(out))
    if op.differentiable and state.grad_enabled:
        rules = op.rules * len(tensors) if op.variadic else op.rules
        parents = tuple([None if rule is None else t.vertex() for t, rule in zip(tensors, rules)])
        asked = tuple([parent is not None for parent in parents])
        if True in asked:
            vjp = op.vjps[(True,) if op.variadic else asked]
            if op.variadic:
                frame, written = _kept_of_many(vjp, tensors, result)
            else:
                frame, written = [], []
                for source, keep in zip((*tensors, result), vjp.keep):
                    frame.append(source.array if keep else None)
                    if keep:
                        written.append(source.version)
            if op.reach > len(frame):
                shapes = [x.shape for x in arrays]
                kinds = [x.dtype for x in arrays]
                values = {**op.defaults, **attributes}.values()
                frame += [shapes, *values, kinds] if op.variadic else [*shapes, *values, *kinds]
            result.node = record(op, vjp, parents, frame, written)
            if state.observer is not None:
                state.observer.forward(result.node, arrays, result.array)
    return result


def _kept_of_many(vjp: Vjp, tensors: Sequence[Tensor], result: Tensor) -> tuple[list[Any], list[Version]]:
    """Return, for a primitive of any number of inputs, the beginning of the frame, and when what is kept was written to."""
    inputs, out = vjp.keep
    written = [t.version for t in tensors] * inputs + [result.version] * out
    return [[t.array for t in tensors] if inputs else None, result.array if out else None], written


def _root(array: Array) -> object:
    """Return the array that owns the memory which this one looks at."""
    return array if array.base is None else array.base


def _promoted(op: Primitive, inputs: Sequence[Any]) -> list[Tensor]:
    """Return the inputs as tensors, those that the primitive promotes in one dtype, floating point if it wants that."""
    promote = op.promote * len(inputs) if op.variadic else op.promote
    numbers = [as_python(x) for x in inputs]
    operands = [x if isinstance(x, Tensor | bool | int | float) else wrap(_array_of(x, NOTHING)) for x in numbers]
    meeting = [x.array if isinstance(x, Tensor) else x for x, promoted in zip(operands, promote, strict=True) if promoted]
    common = dtypes.result_type(*meeting) if meeting else None
    if op.floating and common is not None and common.kind != "f":
        common = dtypes.get_default_dtype().numpy
    tensors = []
    for x, promoted in zip(operands, promote, strict=True):
        if not isinstance(x, Tensor):
            x = wrap(converted(np.array, x, common if promoted and common is not None else dtypes.result_type(x)))
        elif promoted and common is not None and x.array.dtype != common:
            x = apply(shape.cast, (x,), {"dtype": common})
        tensors.append(x)
    return tensors


def _agree(op: Primitive, inputs: Sequence[Any]) -> bool:
    """Return whether the inputs are tensors of one dtype that suits the primitive, so that nothing is to be done."""
    common = None
    for x in inputs:
        if not isinstance(x, Tensor):
            return False
        common = common or x.array.dtype
        if x.array.dtype is not common:
            return False
    return not op.floating or (common is not None and common.kind == "f")


def _array_of(value: Any, beside: Array) -> Array:
    """Return a number or array as an array; a number in the dtype that it takes beside another operand.

    Raises:
        TypeError: It is neither.
        RuntimeError: The number is out of the range of that dtype.
    """
    if isinstance(value, np.ndarray):
        return np.array(value, dtypes.as_dtype(value.dtype).numpy)
    number = as_python(value)
    if isinstance(number, bool | int | float):
        kind = beside.dtype
        if kind.kind != "f" and not (kind.kind != "b" and isinstance(number, int)):
            kind = dtypes.result_type(np.empty(0, kind), number)
        return converted(np.array, number, kind)
    raise TypeError(f"expected a Tensor, a number or an array, but got {type(value).__name__}")


def converted(make: Callable[..., Array], *given: Any) -> Array:
    """Return the array that a function of NumPy, such as ``np.array``, makes of numbers.

    Raises:
        RuntimeError: One is out of the range of the dtype.
    """
    try:
        return thread.state.without_warnings(make, *given)
    except OverflowError as error:
        raise RuntimeError(f"value cannot be converted to the type asked for without overflow: {error}") from error


# ---------------------------------------------------------------------------------------------------------- Tensor


class Tensor(InPlace, Gradients, Conversion, Elementary, Indexing, Interop, Linear, Reductions, Shapes, Drawing, Arithmetic):
    """A multi-dimensional array that can remember how it was computed.

    ``Tensor(data)`` copies a nested list, an array or a tensor into the default dtype, ``Tensor(2, 3)`` is zeros of that
    shape; `minigrad.tensor` keeps the dtype of the data. A tensor that nobody computed is a *leaf*; the leaves that require
    a gradient get it in `grad` when `backward` is called on a result.

    Every method and argument is torch's. Not public: `array`, the NumPy array (use `numpy()`); `node`, the node that
    computed it; `version`, when the memory was last written to, in a list that all share who look at it; and, in a view,
    `_base`, whose memory it is, `_path`, the way from there to here, `_seen`, the write for which `node` is right, and
    `_maker`, the `Function` that made it, if one did.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    _grad: Tensor | None = None

    def __init__(self, *data: Any) -> None:
        kind = dtypes.get_default_dtype().numpy
        if data and all(isinstance(n, int) for n in data):
            self.array = np.zeros(data, kind)
        elif len(data) <= 1:
            self.array = np.array(data[0] if data else (), kind)
        else:
            raise TypeError("Tensor() takes one nest of data, or the sizes of a tensor of zeros")
        self.version = Version()

    # How primitives are applied; `Carrier` says what each of these is for.

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Tensor:
        return apply(op, inputs, attributes)

    def _apply(self, op: Primitive, *others: Operand, **attributes: Any) -> Tensor:
        return apply(op, (self, *others), attributes)

    def _kind(self) -> np.dtype[Any]:
        return self.array.dtype

    def _around(self, array: Array) -> Tensor:
        return wrap(array, self.node)

    # The next two are `apply` for the commonest cases, without its loops.

    def _unary(self, op: Primitive, **attributes: Any) -> Tensor:
        x = self.array
        if op.floating and x.dtype.kind != "f":
            return apply(op, (self,), attributes)
        if attributes:
            attributes = {name: as_python(value) for name, value in attributes.items()}
        state = thread.state
        try:
            out = state.without_warnings(op.forward, x, **attributes)
        except REFUSALS as error:
            raise explained(op, (x,), error) from error
        result = wrap(out if type(out) is ndarray else np.asarray(out))
        if out.base is not None and _root(out) is _root(x):
            result._look_at(self, op, attributes)
        if self._base is not None:
            self._refresh()
        vertex = self.node or (self if self._requires_grad else None)
        if vertex is not None and op.differentiable and state.grad_enabled:
            vjp = op.vjps[True,]
            keep_x, keep_out = vjp.keep
            frame: Frame = (x if keep_x else None, result.array if keep_out else None, x.shape)
            if op.reach > len(frame):
                frame = (*frame, *{**op.defaults, **attributes}.values(), x.dtype)
            written: Sequence[Version] = ()
            if keep_out:
                written = (self.version, result.version) if keep_x else (result.version,)
            elif keep_x:
                written = (self.version,)
            result.node = record(op, vjp, (vertex,), frame, written)
            if state.observer is not None:
                state.observer.forward(result.node, (x,), result.array)
        return result

    def _binary(self, op: Primitive, other: Operand) -> Tensor:
        if isinstance(other, Tensor):
            b = other
        else:  # a whole number need not fit into bytes if they become floating point in any case
            b = self._constant(float(other) if op.floating and isinstance(other, int) else other)
        x, y = self.array, b.array
        if x.dtype is not y.dtype or (op.floating and x.dtype.kind != "f") or op.reach > 5:
            return apply(op, (self, b), {})
        state = thread.state
        try:
            out = state.without_warnings(op.forward, x, y)
        except REFUSALS as error:
            raise explained(op, (x, y), error) from error
        result = wrap(out if type(out) is ndarray else np.asarray(out))
        if self._base is not None:
            self._refresh()
        if b._base is not None:
            b._refresh()
        vertex = self.node or (self if self._requires_grad else None)
        other_vertex = b.node or (b if b._requires_grad else None)
        if (vertex is not None or other_vertex is not None) and op.differentiable and state.grad_enabled:
            vjp = op.vjps[vertex is not None, other_vertex is not None]
            keep_x, keep_y, keep_out = vjp.keep
            frame: Frame = (
                x if keep_x else None,
                y if keep_y else None,
                result.array if keep_out else None,
                x.shape,
                y.shape,
            )
            written: Sequence[Version] = ()
            if keep_x:
                written = (self.version, b.version) if keep_y else (self.version,)
            elif keep_y:
                written = (b.version,)
            if keep_out:
                written = (*written, result.version)
            result.node = record(op, vjp, (vertex, other_vertex), frame, written)
            if state.observer is not None:
                state.observer.forward(result.node, (x, y), result.array)
        return result

    def _constant(self, value: Operand) -> Tensor:
        if isinstance(value, Tensor):
            return value
        return wrap(_array_of(value, self.array))

    # What it is.

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def dim(self) -> int:
        """Return the number of axes."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one axis."""
        return self.shape if dim is None else self.array.shape[shape.axis(dim, self.array.ndim)]

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    nelement = numel

    def is_floating_point(self) -> bool:
        """Return whether the elements are floating-point numbers, which alone have gradients."""
        return self.array.dtype.kind == "f"

    def is_contiguous(self) -> bool:
        """Return whether the elements lie in memory in row-major order without gaps."""
        return self.array.flags.c_contiguous

    _is_contiguous = is_contiguous

    def __repr__(self) -> str:
        return printing.render(self.array, self._suffix())

    def _suffix(self) -> str:
        if self.grad_fn is not None:
            return f"grad_fn={self.grad_fn}"
        return "requires_grad=True" if self._requires_grad else ""

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else object.__format__(self, spec)

    # Its gradient.

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated, owned by this leaf alone; None before the first one."""
        if self._grad is None and not self.is_leaf:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
                "populated during autograd.backward(). Read the gradient of a leaf, or use autograd.grad.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value.array.shape != self.array.shape:
                raise RuntimeError(f"assigned grad has shape {value.shape}, but the tensor has shape {self.shape}")
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(f"assigned grad has data of type {value.dtype}, but the tensor is {self.dtype}")
        self._grad = value

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add to the `grad` of every leaf the derivative of this tensor with respect to it.

        Args:
            gradient: The cotangent of this tensor, of its shape; may be left out where it is a single number.
            retain_graph: Keep what the graph has saved, so that backward can be called again. Default: create_graph.
            create_graph: Record the computation of the gradients, so that they can be differentiated in turn.
            inputs: The leaves that shall get a gradient; default all.

        Raises:
            RuntimeError: The tensor does not require a gradient; has several elements and no gradient was given; the
                graph was freed by an earlier backward; or a saved tensor was overwritten. No `grad` is changed then.
        """
        targets = None if inputs is None else targets_of(inputs, "backward")
        keep = create_graph if retain_graph is None else retain_graph
        accumulate(carry_back([seed(self, gradient, create_graph)], targets, keep, create_graph), [gradient])

    def _accumulate(self, cotangent: Cotangent, taken: set[int]) -> None:
        """Add a cotangent to `grad`."""
        if isinstance(cotangent, Tensor):
            with set_recording(True):
                self._grad = cotangent.clone() if self._grad is None else self._grad + cotangent
        elif self._grad is None:
            self._grad = owned(cotangent, taken)
        else:
            self._grad._write(self._grad.array + cotangent)

    def detach(self) -> Tensor:
        """Return a tensor that shares memory with this one and requires no gradient."""
        alias = wrap(self.array)
        alias.version = self.version
        return alias

    @property
    def data(self) -> Tensor:
        """The values, as by `detach`. Writing through it is not recorded, but noticed by the check of saved tensors."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self.array, self.version = value.array, value.version

    def clone(self) -> Tensor:
        """Return a copy in memory of its own, through which gradients flow."""
        return self._unary(shape.clone)


# -------------------------------------------------------------------------------------------------------- backward


def carry_back(
    seeds: Sequence[tuple[Vertex, Cotangent]], targets: Sequence[Vertex] | None, retain_graph: bool, create_graph: bool
) -> dict[Vertex, Cotangent]:
    """Carry cotangents from their roots back to the targets, or to every leaf if that is None; see `engine.pull_back`.

    With create_graph, the cotangents, given and found, are Tensors, and their computation is recorded; else they are arrays.
    """
    if create_graph:
        with set_recording(True):
            found = pull_back(seeds, targets, retain_graph)
    else:
        # What runs on arrays leaves no nodes; only the operations in hooks and Functions must be told not to, by them.
        found = thread.state.without_warnings(pull_back, seeds, targets, retain_graph)
    for vertex, cotangent in found.items():
        if isinstance(vertex, Tensor) and vertex._hooks:
            found[vertex] = hooked(cotangent, vertex._hooks)
    return found


def seed(output: Tensor, cotangent: Tensor | None, create_graph: bool, position: int = 0) -> tuple[Vertex, Cotangent]:
    """Return the vertex of an output and its cotangent, by default 1: a Tensor with create_graph, else an array.

    Raises:
        RuntimeError: The output requires no gradient, the cotangent does not fit, or is missing though there are several
            elements.
    """
    if thread.state.observer is not None:
        thread.state.observer.root(output)
    vertex = output.vertex()
    if vertex is None:
        raise RuntimeError(
            f"element {position} of tensors does not require grad and does not have a grad_fn: nothing that it was computed "
            "from requires a gradient, or it was computed under no_grad()"
        )
    array = output.array
    if cotangent is None:
        if array.size != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs, but the output has shape {list(array.shape)}: "
                "reduce it, for example with sum(), or give its gradient"
            )
        one = array.dtype.type(1)  # as a NumPy scalar faster than as an array
        if create_graph or array.shape:
            one = np.full(array.shape, one)
        return vertex, wrap(one) if create_graph else one
    if cotangent.array.shape != array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {cotangent.shape} and output[{position}] has a shape "
            f"of {output.shape}."
        )
    given = cotangent.to(output.dtype)
    return vertex, given if create_graph else given.array


def targets_of(inputs: Tensor | Sequence[Tensor], asker: str) -> list[Vertex]:
    """Return the vertices of the tensors whose gradients are asked for."""
    tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if not tensors:
        raise RuntimeError(f"`inputs` argument to `{asker}()` cannot be empty.")
    targets = []
    for k, tensor in enumerate(tensors):
        vertex = tensor.vertex()
        if vertex is None:
            raise RuntimeError(
                f"One of the differentiated Tensors does not require grad: input {k}, of shape {list(tensor.shape)}"
            )
        targets.append(vertex)
    return targets


def accumulate(found: Mapping[Vertex, Cotangent], given: Sequence[Tensor | None]) -> None:
    """Add the cotangents found by `carry_back` to the `grad` of their leaves.

    Raises:
        RuntimeError: One is no leaf any more. No `grad` is changed then.
    """
    leaves = [(vertex, cotangent) for vertex, cotangent in found.items() if isinstance(vertex, Tensor)]
    for leaf, _ in leaves:
        if leaf.node is not None:
            raise RuntimeError(
                f"leaf variable has been moved into the graph interior: a tensor of shape {list(leaf.shape)} was a leaf when "
                "it was used, and was overwritten since with something that requires a gradient"
            )
    taken = {id(t.array) for t in given if t is not None}
    for leaf, cotangent in leaves:
        if leaf._requires_grad:  # it may have been frozen since
            leaf._accumulate(cotangent, taken)


def owned(cotangent: Cotangent, taken: set[int]) -> Tensor:
    """Return a cotangent as a Tensor that shares memory with no other.

    An array is taken over if it is no view and not among those `taken`, known by their id; it is then taken itself.
    """
    if isinstance(cotangent, Tensor):
        return cotangent
    array = np.asarray(cotangent)
    if array.base is not None or id(array) in taken:
        array = array.copy()
    taken.add(id(array))
    return wrap(array)
