"""torch's functions: each method of Tensor that torch also has as a function, under the same name, and a few more.

``exp(x)`` is ``x.exp()``: the method is the function.
"""

from __future__ import annotations

from minigrad.methods.carrier import Operand
from minigrad.ops import arithmetic
from minigrad.tensor import Tensor, apply

__all__ = [
    "abs",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "clone",
    "cos",
    "div",
    "dot",
    "eq",
    "exp",
    "flatten",
    "ge",
    "gt",
    "le",
    "log",
    "log_softmax",
    "lt",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "mul",
    "ne",
    "neg",
    "permute",
    "pow",
    "relu",
    "reshape",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "sub",
    "sum",
    "t",
    "tanh",
    "transpose",
    "unsqueeze",
    "where",
]

abs = Tensor.abs  # noqa: A001
add = Tensor.add
all = Tensor.all  # noqa: A001
amax = Tensor.amax
amin = Tensor.amin
any = Tensor.any  # noqa: A001
argmax = Tensor.argmax
argmin = Tensor.argmin
clone = Tensor.clone
cos = Tensor.cos
div = Tensor.div
dot = Tensor.dot
eq = Tensor.eq
exp = Tensor.exp
flatten = Tensor.flatten
ge = Tensor.ge
gt = Tensor.gt
le = Tensor.le
log = Tensor.log
log_softmax = Tensor.log_softmax
lt = Tensor.lt
matmul = Tensor.matmul
max = Tensor.max  # noqa: A001
maximum = Tensor.maximum
mean = Tensor.mean
min = Tensor.min  # noqa: A001
minimum = Tensor.minimum
mm = Tensor.mm
mul = Tensor.mul
ne = Tensor.ne
neg = Tensor.neg
permute = Tensor.permute
pow = Tensor.pow  # noqa: A001
relu = Tensor.relu
reshape = Tensor.reshape
sigmoid = Tensor.sigmoid
sin = Tensor.sin
softmax = Tensor.softmax
sqrt = Tensor.sqrt
square = Tensor.square
squeeze = Tensor.squeeze
sub = Tensor.sub
sum = Tensor.sum  # noqa: A001
t = Tensor.t
tanh = Tensor.tanh
transpose = Tensor.transpose
unsqueeze = Tensor.unsqueeze


def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """Return input where the condition holds, else other; all three broadcast.

    A gradient that is NaN or inf because of an element not chosen still comes through, as in torch (0 times inf is NaN):
    choose a harmless element before the function that is singular, not after it.
    """
    return apply(arithmetic.where, (condition, input, other), {})
