"""Views and in-place operations: what it means for the graph that several tensors share memory.

A *view* is a tensor that shares the memory of another, its *base*: a row, a transpose, another shape. It is a function of its
base, at any time: v = f(x). So is its history. Three rules keep the two in step:

1. A write to the base gives the base a new node. Its views find out later, by the version counter, and regenerate their own:
   they apply f to the base again.
2. A write to a view *rebases the history* of the base: the base, as a function of its old value and of the new value of the
   view, is ``view_scatter(old base, new value)``. The view itself, like all others, is then f of the new base.
3. A saved value that was written to is an error in backward, also if the write went through another view: all tensors that
   share memory share one version counter.

>>> import minigrad
>>> x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = x * 10
>>> row = y[1:]
>>> _ = row.mul_(2)      # y = (10 x0, 20 x1, 20 x2)
>>> y.sum().backward()
>>> x.grad
tensor([10., 20., 20.])
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from minigrad import dtypes, errors
from minigrad.autodiff import Node, TensorBase, Vertex, next_sequence_nr, record, wrap
from minigrad.grad_mode import call_numpy, set_recording, tell, thread
from minigrad.ops.indexing import replay_view, setitem, view_scatter
from minigrad.primitive import NUMPY_ERRORS, Array, Primitive

NO_GRAD = "no_grad"


def memory_owner(array: Array) -> object:
    """Return the array that owns the memory of this one."""
    return array if array.base is None else array.base


class ViewTracking(TensorBase):
    """Views and in-place writes.

    Attributes:
        _base: For a view, the tensor whose memory it shares, which is itself no view.
        _view_ops: How to get from there to here, nested: (ops to get to the source, primitive, keyword arguments).
        _version_at_grad_fn: The last write that `node` knows of.
        _created_by: `NO_GRAD`, or the name of a `Function`, if one of them made the view: then it cannot be regenerated.
    """

    _base: Self | None = None
    _view_ops: tuple[Any, ...] = ()
    _version_at_grad_fn: int = 0
    _created_by: str | None = None

    def become_view_of(self, source: Any, op: Primitive, attributes: Mapping[str, Any]) -> None:
        """Become the view of a source that a primitive has made, if it has not copied."""
        if self.array.base is None or self.array.base is not memory_owner(source.array):
            return
        self._base = source if source._base is None else source._base
        self._view_ops = (source._view_ops, op, attributes)
        self.version = source.version
        self._version_at_grad_fn = source.version.last_write
        self._created_by = source._created_by or (None if thread.state.grad_enabled else NO_GRAD)

    def become_view_of_function(self, source: Any, function_name: str) -> None:
        """Become the view of an argument that a `Function` has made, with a history of its own."""
        self._base = source if source._base is None else source._base
        self._version_at_grad_fn = self.version.last_write
        self._created_by = function_name

    def vertex(self) -> Vertex | None:
        """Return the place in the graph: the node, the leaf itself, or None where no gradient is required."""
        if self._base is not None and self._version_at_grad_fn != self.version.last_write:
            self._regenerate_node()
        return self.node or (self if self._requires_grad else None)

    def _regenerate_node(self) -> None:
        """Make this the same view of its base again, whose memory was written to."""
        base = self._base
        assert base is not None
        if base.version is not self.version:
            raise errors.base_replaced()
        if self._created_by not in (None, NO_GRAD):
            raise errors.view_of_function(self._created_by, "its base or another view of its base has been modified inplace")
        self._version_at_grad_fn = self.version.last_write
        with set_recording(True):
            self._set_node(replay_view(base, self._view_ops).node)

    def _set_node(self, node: Node | None) -> None:
        """Go on as the result of another node."""
        self.node = node

    def write(self, values: Any) -> Self:
        """Put values into the memory, unrecorded but counted.

        Raises:
            RuntimeError: The memory is read-only, or has one place for several elements.
        """
        self._check_writeable()
        tell("before_write", self, values)
        np.copyto(self.array, values, casting="unsafe")
        self.version.last_write = next_sequence_nr()
        return self

    def apply_in_place(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Put the result of a function of self, and of more arguments, into the memory of self.

        Raises:
            RuntimeError: Self is a leaf that requires a gradient and recording is on, or the result does not fit. Self is
                unchanged then.
        """
        name = function.__name__.strip("_")
        recorded = self._check_in_place(name, (*args, *kwargs.values()))
        # Rules that ask for the old values find them in a copy, because the memory is about to change.
        source = self._alias(call_numpy(np.ndarray.copy, self.array)) if recorded else self
        args = tuple(source if x is self else x for x in args)
        result = function(source, *args, **{key: source if x is self else x for key, x in kwargs.items()})
        if result.array.shape != self.array.shape:
            raise errors.result_misshapen(name, self.array.shape, result.array.shape)
        if not dtypes.can_cast(result.array.dtype, self.array.dtype):
            raise errors.result_uncastable(name, self.array.dtype, result.array.dtype)
        self.write(result.array)
        if recorded:
            self.rebase_history(result)
        return self

    def set_item(self, index: Any, value: Self) -> None:
        """Assign a value, of the dtype of self, to the elements at an index of NumPy."""
        recorded = self._check_in_place("setitem", (value,))
        result: Self = wrap(self.array)
        self._check_writeable()
        tell("before_set_item", self, index, value)
        try:
            self.array[index] = value.array
        except NUMPY_ERRORS as error:
            raise errors.from_numpy_error("setitem", (self.array, value.array), error) from error
        if recorded:
            record(setitem, (self._alias(self.array), value), result, {"index": index})
        self.version.last_write = next_sequence_nr()
        if recorded:
            self.rebase_history(result)

    def rebase_history(self, result: Any) -> None:
        """Become the result of an operation whose values were just written here, and so change the base."""
        if result.array.dtype != self.array.dtype:
            result = result.to(self.array.dtype)
        base = self._base
        if base is None:
            self._set_node(result.node)
            return
        scattered: Self = wrap(base.array)
        record(view_scatter, (base._alias(base.array), result), scattered, {"path": self._view_ops})
        base._set_node(scattered.node)

    def _alias(self, array: Any) -> Self:
        """Return a tensor with another array and the history of self, straight from the base if self is a view."""
        vertex = self.vertex()
        if self._base is not None and vertex is not None:
            vertex = replay_view(self._base, self._view_ops).vertex()
        alias: Self = wrap(array, vertex if isinstance(vertex, Node) else None)
        return alias

    def _check_writeable(self) -> None:
        if not self.array.flags.writeable:
            raise errors.not_writeable()

    def _check_in_place(self, name: str, others: Sequence[Any]) -> bool:
        """Return whether a write to this memory is recorded.

        Raises:
            RuntimeError: It would be, but the memory is that of a leaf that requires a gradient; or the view was made in a
                way that its history cannot follow.
        """
        if not thread.state.grad_enabled:
            return False
        base = self if self._base is None else self._base
        if not any(isinstance(x, TensorBase) and x.vertex() is not None for x in (base, self, *others)):
            return False
        if self._created_by == NO_GRAD and base.vertex() is not None:
            raise errors.view_made_without_recording(name)
        if self._created_by not in (None, NO_GRAD):
            raise errors.view_of_function(self._created_by, f"is being modified inplace ({name})")
        if base.node is None and base._requires_grad:
            raise errors.leaf_written_in_place(name, is_view=base is not self)
        return True
