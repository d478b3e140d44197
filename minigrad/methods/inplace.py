"""In-place operations: the result goes into the memory of the tensor. Their names end in an underscore.

They are recorded like any operation. A leaf that requires a gradient may be written to only inside ``no_grad()``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy as np

from minigrad.methods.arithmetic import Arithmetic
from minigrad.methods.carrier import Operand
from minigrad.methods.elementary import Elementary
from minigrad.methods.indexing import Indexing
from minigrad.methods.linear import Linear
from minigrad.methods.memory import Memory
from minigrad.methods.reduction import Reductions
from minigrad.methods.shape import Shapes

P = ParamSpec("P")
T = TypeVar("T", bound=Memory)


def in_place(method: Callable[Concatenate[Any, P], Any]) -> Callable[Concatenate[T, P], T]:
    """Return the form of a method that puts the result in the place of self, and returns self.

    It raises what the method raises, and RuntimeError if the result does not fit in shape or type, or if self is a leaf that
    requires a gradient and recording is on. Self is then as before.
    """

    def written(self: T, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._overwrite(method, *args, **kwargs)

    update_wrapper(written, method)
    written.__name__ = f"{method.__name__}_"
    written.__doc__ = f"Put the result of `{method.__name__}` in the place of self."
    return written


class InPlace(Memory):
    """add_, zero_ and their kin, and the augmented assignments."""

    __iadd__ = in_place(Arithmetic.__add__)
    __isub__ = in_place(Arithmetic.__sub__)
    __imul__ = in_place(Arithmetic.__mul__)
    __itruediv__ = in_place(Arithmetic.__truediv__)
    __ifloordiv__ = in_place(Arithmetic.__floordiv__)
    __imod__ = in_place(Arithmetic.__mod__)
    __ipow__ = in_place(Arithmetic.__pow__)
    __iand__ = in_place(Arithmetic.__and__)
    __ior__ = in_place(Arithmetic.__or__)
    __ixor__ = in_place(Arithmetic.__xor__)
    __ilshift__ = in_place(Arithmetic.__lshift__)
    __irshift__ = in_place(Arithmetic.__rshift__)

    add_ = in_place(Arithmetic.add)
    sub_ = in_place(Arithmetic.sub)
    mul_ = in_place(Arithmetic.mul)
    div_ = in_place(Arithmetic.div)
    floor_divide_ = in_place(Arithmetic.floor_divide)
    remainder_ = in_place(Arithmetic.remainder)
    pow_ = in_place(Arithmetic.pow)
    addcmul_ = in_place(Arithmetic.addcmul)
    addcdiv_ = in_place(Arithmetic.addcdiv)
    addmm_ = in_place(Linear.addmm)
    lerp_ = in_place(Arithmetic.lerp)
    clamp_ = in_place(Arithmetic.clamp)
    clip_ = in_place(Arithmetic.clip)
    masked_fill_ = in_place(Arithmetic.masked_fill)

    neg_ = in_place(Arithmetic.neg)
    abs_ = in_place(Arithmetic.abs)
    square_ = in_place(Arithmetic.square)
    sign_ = in_place(Arithmetic.sign)
    floor_ = in_place(Arithmetic.floor)
    ceil_ = in_place(Arithmetic.ceil)
    trunc_ = in_place(Arithmetic.trunc)
    round_ = in_place(Arithmetic.round)

    eq_ = in_place(Arithmetic.eq)
    ne_ = in_place(Arithmetic.ne)
    lt_ = in_place(Arithmetic.lt)
    le_ = in_place(Arithmetic.le)
    gt_ = in_place(Arithmetic.gt)
    ge_ = in_place(Arithmetic.ge)
    logical_and_ = in_place(Arithmetic.logical_and)
    logical_or_ = in_place(Arithmetic.logical_or)
    logical_xor_ = in_place(Arithmetic.logical_xor)
    logical_not_ = in_place(Arithmetic.logical_not)
    bitwise_and_ = in_place(Arithmetic.bitwise_and)
    bitwise_or_ = in_place(Arithmetic.bitwise_or)
    bitwise_xor_ = in_place(Arithmetic.bitwise_xor)
    bitwise_not_ = in_place(Arithmetic.bitwise_not)
    bitwise_left_shift_ = in_place(Arithmetic.bitwise_left_shift)
    bitwise_right_shift_ = in_place(Arithmetic.bitwise_right_shift)

    exp_ = in_place(Elementary.exp)
    exp2_ = in_place(Elementary.exp2)
    expm1_ = in_place(Elementary.expm1)
    log_ = in_place(Elementary.log)
    log2_ = in_place(Elementary.log2)
    log10_ = in_place(Elementary.log10)
    log1p_ = in_place(Elementary.log1p)
    sqrt_ = in_place(Elementary.sqrt)
    rsqrt_ = in_place(Elementary.rsqrt)
    reciprocal_ = in_place(Elementary.reciprocal)
    sin_ = in_place(Elementary.sin)
    cos_ = in_place(Elementary.cos)
    tan_ = in_place(Elementary.tan)
    asin_ = in_place(Elementary.asin)
    acos_ = in_place(Elementary.acos)
    atan_ = in_place(Elementary.atan)
    atan2_ = in_place(Elementary.atan2)
    sinh_ = in_place(Elementary.sinh)
    cosh_ = in_place(Elementary.cosh)
    tanh_ = in_place(Elementary.tanh)
    sigmoid_ = in_place(Elementary.sigmoid)
    relu_ = in_place(Elementary.relu)
    erf_ = in_place(Elementary.erf)

    cumsum_ = in_place(Reductions.cumsum)
    tril_ = in_place(Shapes.tril)
    triu_ = in_place(Shapes.triu)
    scatter_ = in_place(Indexing.scatter)
    scatter_add_ = in_place(Indexing.scatter_add)
    index_add_ = in_place(Indexing.index_add)
    index_copy_ = in_place(Indexing.index_copy)
    index_fill_ = in_place(Indexing.index_fill)
    index_put_ = in_place(Indexing.index_put)

    # What has no other form.

    def copy_(self, src: Operand) -> Self:
        """Set the elements to those of src, which broadcasts; a gradient flows back to src."""
        self[...] = src
        return self

    def zero_(self) -> Self:
        """Set every element to 0."""
        return self.copy_(0)

    def fill_(self, value: Operand) -> Self:
        """Set every element to a number, or to the value of a tensor without axes.

        Raises:
            RuntimeError: The value has axes.
        """
        if self._constant(value).shape:
            raise RuntimeError("fill_ only supports 0-dimension value tensor: to copy several elements use copy_")
        return self.copy_(value)

    def fill_diagonal_(self, fill_value: Operand) -> Self:
        """Set the elements whose positions along all axes are equal to a number.

        Raises:
            RuntimeError: There are fewer than two axes, or more that differ in size.
        """
        if len(self.shape) < 2 or (len(self.shape) > 2 and len(set(self.shape)) > 1):
            raise RuntimeError(f"fill_diagonal_: expected a matrix, or axes of one size, but the shape is {list(self.shape)}")
        self[(np.arange(min(self.shape)),) * len(self.shape)] = fill_value
        return self
