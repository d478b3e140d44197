"""Memory: who looks at it, and what a write to it means for the graph.

A write concerns all tensors that look at the memory: the *base*, whose node becomes one that overlays the old values with the
new, and its *views*, which find out by the time of the last write, and ask the base again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from minigrad import dtypes
from minigrad.autodiff import Node, Version, Vertex, next_sequence_nr
from minigrad.grad_mode import set_recording, thread
from minigrad.methods.carrier import Operand
from minigrad.methods.conversion import Conversion
from minigrad.methods.indexing import as_index
from minigrad.ops import indexing
from minigrad.primitive import REFUSALS, Primitive, explained


class Memory(Conversion):
    """Views and writes. What the attributes are, `minigrad.Tensor` says."""

    version: Version
    node: Node | None = None
    _requires_grad: bool = False
    _base: Self | None = None
    _path: indexing.Path = ()
    _seen: int = 0
    _maker: str | None = None

    def _look_at(self, source: Self, op: Primitive, attributes: dict[str, Any]) -> None:
        """Become a view of the memory of the source, reached by applying a primitive to it."""
        self._base = source if source._base is None else source._base
        self._path = (*source._path, (op, attributes))
        self.version = source.version
        self._seen = source.version.last_write
        self._maker = source._maker

    def vertex(self) -> Vertex | None:
        """Return the place of self in the graph: its node, itself if it is a leaf, None if it has no gradient."""
        if self._base is not None:
            self._refresh()
        return self.node or (self if self._requires_grad else None)

    def _refresh(self) -> None:
        """Bring the node of a view up to date if its memory was written to since."""
        if self._seen != self.version.last_write:
            assert self._base is not None
            if self._maker is not None:
                raise RuntimeError(self._explain_maker("its base or another view of its base has been modified inplace"))
            self._seen = self.version.last_write
            with set_recording(True):
                self.node = indexing.follow(self._base, self._path).node

    def _explain_maker(self, what: str) -> str:
        return (
            f"A result of {self._maker} is a view and {what}. It looks at the memory of an input of this Function, whose "
            "backward would be left out. clone() the result in forward, or after it."
        )

    def __setitem__(self, index: Any, value: Operand) -> None:
        *first, where = as_index(index)
        if first:
            self._unary(indexing.getitem, index=first[0])[where] = value
            return
        recorded = self._records_write(indexing.setitem.name, (value,))
        new = self._constant(value).to(self.dtype)
        try:
            self.array[where] = new.array
        except REFUSALS as error:
            raise explained(indexing.setitem, (self.array, new.array), error) from error
        self.version.last_write = next_sequence_nr()
        if recorded:
            self._become(self._around(self.array)._apply(indexing.setitem, new, index=where))

    def _overwrite(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Put the result of a function of self, and of more arguments, in the memory of self.

        Raises:
            RuntimeError: Self is a leaf that requires a gradient and recording is on, or the result does not fit. Self is
                as before.
        """
        name = function.__name__.strip("_")
        recorded = self._records_write(name, (*args, *kwargs.values()))
        # Rules that ask for the old values find them in a copy: the memory is about to change.
        source = self._around(self.array.copy()) if recorded else self
        result = function(source, *(source if x is self else x for x in args), **kwargs)
        self._check_fit(result, name)
        self._write(result.array)
        if recorded:
            self._become(result.to(self.dtype))
        return self

    def _write(self, values: Any) -> Self:
        """Put values into the memory, unrecorded.

        Raises:
            RuntimeError: It cannot be written to.
        """
        if not self.array.flags.writeable:
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location, "
                "as after expand(), or the memory is read-only. Please clone() the tensor before performing the operation."
            )
        np.copyto(self.array, values, casting="unsafe")
        self.version.last_write = next_sequence_nr()
        return self

    def _check_fit(self, result: Self, name: str) -> None:
        """Raise RuntimeError unless the result of an in-place operation of that name fits into the memory."""
        mine, its = self.array, result.array
        if its.shape != mine.shape:
            raise RuntimeError(
                f"{name}: output with shape {list(mine.shape)} doesn't match the broadcast shape {list(its.shape)}"
            )
        if not dtypes.can_cast(its.dtype, mine.dtype):
            raise RuntimeError(f"{name}: result type {result.dtype} can't be cast to the desired output type {self.dtype}")

    def _records_write(self, name: str, others: Sequence[Any]) -> bool:
        """Return whether a write to this memory is recorded.

        Raises:
            RuntimeError: It would be, but the memory is that of a leaf that requires a gradient, or of a Function's input.
        """
        if not thread.state.grad_enabled or not any(isinstance(x, Memory) and x.requires_grad for x in (self, *others)):
            return False
        if self._maker is not None:
            raise RuntimeError(self._explain_maker(f"is being modified inplace ({name})"))
        base = self if self._base is None else self._base
        if base.node is None and base._requires_grad:
            what = "a leaf Variable" if base is self else "a view of a leaf Variable"
            raise RuntimeError(
                f"{what} that requires grad is being used in an in-place operation ({name}): write inside no_grad(), or "
                "use the out-of-place form"
            )
        return True

    def _become(self, result: Self) -> None:
        """Take over the node of a result whose values were just written here, and tell the base."""
        if self._base is not None:
            before = self._base._around(self._base.array)
            self._base.node = before._apply(indexing.overlay, result, path=self._path).node
            self._seen = self.version.last_write
        self.node = result.node
