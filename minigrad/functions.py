"""torch's functions that are also methods: ``exp(x)`` is ``x.exp()``, the method does it."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from inspect import CO_VARARGS, CO_VARKEYWORDS
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from minigrad.tensor import Tensor

__all__ = [
    "abs",
    "acos",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "atan",
    "atan2",
    "bernoulli",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bmm",
    "broadcast_to",
    "ceil",
    "chunk",
    "clamp",
    "clip",
    "clone",
    "cos",
    "cosh",
    "cumsum",
    "diag",
    "diagonal",
    "div",
    "dot",
    "eq",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "gather",
    "ge",
    "gt",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "is_floating_point",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lerp",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "lt",
    "masked_fill",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "min",
    "minimum",
    "mm",
    "movedim",
    "mul",
    "multinomial",
    "mv",
    "narrow",
    "ne",
    "neg",
    "nonzero",
    "norm",
    "numel",
    "outer",
    "permute",
    "pow",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "scatter",
    "scatter_add",
    "select",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "sub",
    "sum",
    "swapaxes",
    "t",
    "take_along_dim",
    "tan",
    "tanh",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "unbind",
    "unflatten",
    "unsqueeze",
    "var",
]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Function(Protocol[P, R]):
    """What `function` returns."""

    def __call__(self, /, input: Any, *args: P.args, **kwargs: P.kwargs) -> R: ...


def function(method: Callable[Concatenate[Any, P], R], numbers: bool = False) -> Function[P, R]:
    """Return a method as a function, whose first argument is called `input`.

    Args:
        method: The method.
        numbers: Whether the first argument may be a number if another is a Tensor. Calling the function with anything else
            is a TypeError.
    """
    name = method.__name__

    def refusal(given: Any) -> TypeError:
        return TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(given).__name__}")

    def of_one(input: Any) -> R:  # the same as below, without the cost of passing on arguments
        if not isinstance(input, Tensor):
            raise refusal(input)
        return method(input)  # type: ignore[call-arg]

    def of_several(input: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        if not isinstance(input, Tensor):
            beside = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
            if not (numbers and beside and isinstance(input, int | float)):
                raise refusal(input)
            input = beside[0]._constant(input)
        return method(input, *args, **kwargs)

    code = method.__code__
    alone = code.co_argcount == 1 and not code.co_kwonlyargcount and not code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    call: Any = of_one if alone else of_several
    update_wrapper(call, method)
    call.__module__, call.__qualname__ = __name__, name
    return call  # type: ignore[no-any-return]


abs = function(Tensor.abs)
acos = function(Tensor.acos)
add = function(Tensor.add, numbers=True)
addcdiv = function(Tensor.addcdiv)
addcmul = function(Tensor.addcmul)
addmm = function(Tensor.addmm)
all = function(Tensor.all)
allclose = function(Tensor.allclose)
amax = function(Tensor.amax)
amin = function(Tensor.amin)
any = function(Tensor.any)
argmax = function(Tensor.argmax)
argmin = function(Tensor.argmin)
argsort = function(Tensor.argsort)
asin = function(Tensor.asin)
atan = function(Tensor.atan)
atan2 = function(Tensor.atan2)
bernoulli = function(Tensor.bernoulli)
bitwise_and = function(Tensor.bitwise_and, numbers=True)
bitwise_left_shift = function(Tensor.bitwise_left_shift, numbers=True)
bitwise_not = function(Tensor.bitwise_not)
bitwise_or = function(Tensor.bitwise_or, numbers=True)
bitwise_right_shift = function(Tensor.bitwise_right_shift, numbers=True)
bitwise_xor = function(Tensor.bitwise_xor, numbers=True)
bmm = function(Tensor.bmm)
broadcast_to = function(Tensor.broadcast_to)
ceil = function(Tensor.ceil)
chunk = function(Tensor.chunk)
clamp = function(Tensor.clamp)
clip = function(Tensor.clip)
clone = function(Tensor.clone)
cos = function(Tensor.cos)
cosh = function(Tensor.cosh)
cumsum = function(Tensor.cumsum)
diag = function(Tensor.diag)
diagonal = function(Tensor.diagonal)
div = function(Tensor.div, numbers=True)
dot = function(Tensor.dot)
eq = function(Tensor.eq)
equal = function(Tensor.equal)
erf = function(Tensor.erf)
exp = function(Tensor.exp)
exp2 = function(Tensor.exp2)
expm1 = function(Tensor.expm1)
flatten = function(Tensor.flatten)
flip = function(Tensor.flip)
floor = function(Tensor.floor)
floor_divide = function(Tensor.floor_divide, numbers=True)
gather = function(Tensor.gather)
ge = function(Tensor.ge)
gt = function(Tensor.gt)
index_add = function(Tensor.index_add)
index_copy = function(Tensor.index_copy)
index_fill = function(Tensor.index_fill)
index_put = function(Tensor.index_put)
index_select = function(Tensor.index_select)
is_floating_point = function(Tensor.is_floating_point)
isfinite = function(Tensor.isfinite)
isinf = function(Tensor.isinf)
isnan = function(Tensor.isnan)
le = function(Tensor.le)
lerp = function(Tensor.lerp)
log = function(Tensor.log)
log10 = function(Tensor.log10)
log1p = function(Tensor.log1p)
log2 = function(Tensor.log2)
log_softmax = function(Tensor.log_softmax)
logaddexp = function(Tensor.logaddexp)
logical_and = function(Tensor.logical_and)
logical_not = function(Tensor.logical_not)
logical_or = function(Tensor.logical_or)
logical_xor = function(Tensor.logical_xor)
logsumexp = function(Tensor.logsumexp)
lt = function(Tensor.lt)
masked_fill = function(Tensor.masked_fill)
masked_select = function(Tensor.masked_select)
matmul = function(Tensor.matmul)
max = function(Tensor.max)
maximum = function(Tensor.maximum)
mean = function(Tensor.mean)
median = function(Tensor.median)
min = function(Tensor.min)
minimum = function(Tensor.minimum)
mm = function(Tensor.mm)
movedim = function(Tensor.movedim)
mul = function(Tensor.mul, numbers=True)
multinomial = function(Tensor.multinomial)
mv = function(Tensor.mv)
narrow = function(Tensor.narrow)
ne = function(Tensor.ne)
neg = function(Tensor.neg)
nonzero = function(Tensor.nonzero)
norm = function(Tensor.norm)
numel = function(Tensor.numel)
outer = function(Tensor.outer)
permute = function(Tensor.permute)
pow = function(Tensor.pow, numbers=True)
prod = function(Tensor.prod)
ravel = function(Tensor.ravel)
reciprocal = function(Tensor.reciprocal)
relu = function(Tensor.relu)
remainder = function(Tensor.remainder, numbers=True)
reshape = function(Tensor.reshape)
roll = function(Tensor.roll)
round = function(Tensor.round)
rsqrt = function(Tensor.rsqrt)
scatter = function(Tensor.scatter)
scatter_add = function(Tensor.scatter_add)
select = function(Tensor.select)
sigmoid = function(Tensor.sigmoid)
sign = function(Tensor.sign)
sin = function(Tensor.sin)
sinh = function(Tensor.sinh)
softmax = function(Tensor.softmax)
sort = function(Tensor.sort)
split = function(Tensor.split)
sqrt = function(Tensor.sqrt)
square = function(Tensor.square)
squeeze = function(Tensor.squeeze)
std = function(Tensor.std)
sub = function(Tensor.sub, numbers=True)
sum = function(Tensor.sum)
swapaxes = function(Tensor.swapaxes)
t = function(Tensor.t)
take_along_dim = function(Tensor.take_along_dim)
tan = function(Tensor.tan)
tanh = function(Tensor.tanh)
tile = function(Tensor.tile)
topk = function(Tensor.topk)
trace = function(Tensor.trace)
transpose = function(Tensor.transpose)
tril = function(Tensor.tril)
triu = function(Tensor.triu)
trunc = function(Tensor.trunc)
unbind = function(Tensor.unbind)
unflatten = function(Tensor.unflatten)
unsqueeze = function(Tensor.unsqueeze)
var = function(Tensor.var)
