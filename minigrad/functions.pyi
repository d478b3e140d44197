# What type checkers and editors see of minigrad.functions. Written by `python -m minigrad.stubs`; do not edit.

from collections.abc import Sequence
from typing import Any
from minigrad.methods.attributes import Sizes
from minigrad.methods.reduction import Dim
from minigrad.methods.reduction import Found
from minigrad.promotion import Operand
from minigrad.promotion import Scalar
from minigrad.random import Generator
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
    "log10",
    "log1p",
    "log2",
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

def abs(input: Tensor) -> Tensor:
    """|x|, with derivative 0 at 0."""

def acos(input: Tensor) -> Tensor:
    """The angle in radians, from 0 to pi, whose cosine is x."""

def add(input: Tensor | float, other: Operand, *, alpha: float = 1) -> Tensor:
    """Return self + alpha other."""

def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return self + value tensor1 / tensor2."""

def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return self + value tensor1 tensor2."""

def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta self + alpha mat1 @ mat2."""

def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return whether no element is zero; of uint8 as a uint8, as in torch."""

def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Return whether all elements satisfy |self - other| <= atol + rtol |other|."""

def amax(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """Return the largest element; equal ones share the gradient."""

def amin(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """Return the smallest element; equal ones share the gradient."""

def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return whether any element is not zero; of uint8 as a uint8, as in torch."""

def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the position of the largest element, the first of several, along dim or in the flattened tensor."""

def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the position of the smallest element, the first of several, along dim or in the flattened tensor."""

def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return the positions along dim in the order of the elements; equal ones keep their order in any case."""

def asin(input: Tensor) -> Tensor:
    """The angle in radians, from -pi/2 to pi/2, whose sine is x."""

def atan(input: Tensor) -> Tensor:
    """The angle in radians, from -pi/2 to pi/2, whose tangent is x."""

def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle in radians, from -pi to pi, of the point (b, a); the derivatives at the origin are 0."""

def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with probability p, or without it with the probability that each element gives, else 0."""

def bitwise_and(input: Tensor | float, other: Operand) -> Tensor:
    """a & b: logical for booleans, bit by bit for integers."""

def bitwise_left_shift(input: Tensor | float, other: Operand) -> Tensor:
    """a << b: the bits of a shifted left by b, 0 if b is negative or too large."""

def bitwise_not(input: Tensor | float) -> Tensor:
    """~x: logical for booleans, bit by bit for integers."""

def bitwise_or(input: Tensor | float, other: Operand) -> Tensor:
    """a | b: logical for booleans, bit by bit for integers."""

def bitwise_right_shift(input: Tensor | float, other: Operand) -> Tensor:
    """a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large."""

def bitwise_xor(input: Tensor | float, other: Operand) -> Tensor:
    """a ^ b: logical for booleans, bit by bit for integers."""

def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of a stack of matrices (b, n, k) and another (b, k, m)."""

def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return `expand(size)`."""

def ceil(input: Tensor) -> Tensor:
    """Round up."""

def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return about so many views of equal size along dim, the last perhaps smaller; fewer if the axis is short."""

def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Return self, or the bound that it exceeds; bounds are numbers or tensors. The derivative on a bound is 1."""

def clip(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Return `clamp(min, max)`."""

def clone(input: Tensor) -> Tensor:
    """Return a copy in memory of its own, through which gradients flow."""

def cos(input: Tensor) -> Tensor:
    """Cosine; x in radians."""

def cosh(input: Tensor) -> Tensor:
    """Hyperbolic cosine."""

def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return the sums of the first, the first two, ... elements along dim, in another dtype if one is given."""

def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a copy of the diagonal of a matrix, or for a vector the matrix with it on the diagonal."""

def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a view of the diagonal of two axes, as the last axis; offset 1 is the diagonal above the main one."""

def div(input: Tensor | float, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Return self divided by other, element by element; integers give floating point."""

def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the inner product of two vectors."""

def eq(input: Tensor | float, other: Operand) -> Tensor:
    """a == b."""

def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and the same elements."""

def erf(input: Tensor) -> Tensor:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

def exp(input: Tensor) -> Tensor:
    """e to the power x."""

def exp2(input: Tensor) -> Tensor:
    """2 to the power x."""

def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1, accurate also near 0."""

def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the axes from start_dim to end_dim made one."""

def flip(input: Tensor, dims: Sizes, *more: int) -> Tensor:
    """Return a copy with the elements along some axes in reverse order."""

def floor(input: Tensor) -> Tensor:
    """Round down."""

def floor_divide(input: Tensor | float, other: Operand) -> Tensor:
    """Return self divided by other, rounded down; its derivative is 0."""

def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return a tensor of the index's shape: ``out[i][j][k] = self[i][index[i][j][k]][k]`` for dim 1, and so on."""

def ge(input: Tensor | float, other: Operand) -> Tensor:
    """a >= b."""

def gt(input: Tensor | float, other: Operand) -> Tensor:
    """a > b."""

def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """Return self with alpha times the slices of source added at the positions along dim that a vector lists."""

def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return self with the slices of source in place of those at the positions along dim that a vector lists."""

def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Return self with a number, or tensor without axes, at the positions along dim that a vector lists."""

def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return self with values, which broadcast, at an index: ``out[indices] = values``, or added there if accumulate."""

def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return a copy of the positions along dim that a vector of integers lists."""

def is_floating_point(input: Tensor) -> bool:
    """Return whether the elements are floating-point numbers; only these have gradients."""

def isfinite(input: Tensor | float) -> Tensor:
    """Whether each element is neither infinite nor NaN."""

def isinf(input: Tensor | float) -> Tensor:
    """Whether each element is infinite."""

def isnan(input: Tensor | float) -> Tensor:
    """Whether each element is NaN."""

def le(input: Tensor | float, other: Operand) -> Tensor:
    """a <= b."""

def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Return self + weight (end - self), the point between self (weight 0) and end (weight 1)."""

def log(input: Tensor) -> Tensor:
    """Natural logarithm; NaN below 0, -inf at 0."""

def log10(input: Tensor) -> Tensor:
    """Logarithm to base 10."""

def log1p(input: Tensor) -> Tensor:
    """log(1 + x), accurate also near 0."""

def log2(input: Tensor) -> Tensor:
    """Logarithm to base 2."""

def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return log(softmax(x)) along dim, without overflow; computed in another dtype if one is given."""

def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(a) + exp(b)), without overflow."""

def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Return where both are not zero."""

def logical_not(input: Tensor) -> Tensor:
    """Return where self is zero."""

def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Return where one or both are not zero."""

def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Return where exactly one is not zero."""

def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """Return log(sum(exp(x))) along dim, without overflow."""

def lt(input: Tensor | float, other: Operand) -> Tensor:
    """a < b."""

def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Return self with a number, or tensor without axes, in the places where the mask, which broadcasts, is True."""

def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return a vector of the elements where the mask, which broadcasts with self, is True."""

def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product, with torch's rules for shapes."""

def max(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
    """Return the largest element; with dim, ``(values, indices)`` along it; with a tensor, the larger of the two."""

def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of a and b, or NaN; equal operands share the gradient."""

def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the arithmetic mean, computed in another dtype if one is given; NaN of nothing."""

def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the middle element, of two the lower, or NaN if there is one; with dim, ``(values, indices)`` along it."""

def min(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
    """Return the smallest element; with dim, ``(values, indices)`` along it; with a tensor, the smaller of the two."""

def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of a and b, or NaN; equal operands share the gradient."""

def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, (n, k) and (k, m)."""

def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view in which the axes `source` stand at `destination`; the others keep their order."""

def mul(input: Tensor | float, other: Operand) -> Tensor:
    """Return self times other, element by element."""

def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Return positions drawn with the given weights: (n,) gives (num_samples,), rows (m, n) give (m, num_samples)."""

def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix (n, k) and a vector (k,)."""

def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Return a view of `length` elements along dim, from `start` on."""

def ne(input: Tensor | float, other: Operand) -> Tensor:
    """a != b."""

def neg(input: Tensor) -> Tensor:
    """-x."""

def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the places of the elements that are not zero, a row for each; as_tuple gives a vector for each axis."""

def norm(input: Tensor, p: float | str | None = 'fro', dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the p-norm, (sum |x|^p)^(1/p), of the tensor as one vector or of those along dim; p may be inf or 0."""

def numel(input: Tensor) -> int:
    """Return the number of elements."""

def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the matrix of all products of an element of one vector (n,) and one of another (m,)."""

def permute(input: Tensor, dims: Sizes = (), *more: int) -> Tensor:
    """Return a view whose axis k is axis dims[k] of self."""

def pow(input: Tensor | float, exponent: Operand) -> Tensor:
    """Return self to the power of the exponent; its derivative at 0 to the power 0 is 0."""

def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the product, multiplied by halves, so that the product rule gives every derivative, zeros or not."""

def ravel(input: Tensor) -> Tensor:
    """Return the tensor with all axes made one; a copy, unless its elements lie in row-major order in memory."""

def reciprocal(input: Tensor) -> Tensor:
    """1 / x."""

def relu(input: Tensor) -> Tensor:
    """max(x, 0), with derivative 0 at 0."""

def remainder(input: Tensor | float, other: Operand) -> Tensor:
    """Return self - other floor(self / other), which has the sign of other."""

def reshape(input: Tensor, shape: Sizes = (), *more: int) -> Tensor:
    """Return the elements in row-major order in another shape; one size may be -1, for what is left."""

def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Return a copy with the elements shifted along some axes, or in the flattened tensor; what leaves comes back."""

def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Return the nearest integers, or numbers of so many decimals, halves rounded to even; the derivative is 0."""

def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x)."""

def scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Scalar | None = None, *, value: Scalar | None = None) -> Tensor:
    """Return self with src put in: ``out[i][index[i][j][k]][k] = src[i][j][k]`` for dim 1, and so on; or one value."""

def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return self with src added: ``out[i][index[i][j][k]][k] += src[i][j][k]`` for dim 1, and so on."""

def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return the view at one position along dim, which loses the axis."""

def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), without overflow."""

def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; 0 for NaN."""

def sin(input: Tensor) -> Tensor:
    """Sine; x in radians."""

def sinh(input: Tensor) -> Tensor:
    """Hyperbolic sine."""

def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along dim, without overflow; computed in another dtype if one is given."""

def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Found:
    """Return ``(values, indices)``: the elements along dim in order, and where they stood; NaN counts as largest."""

def split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of so many elements along dim each, the last perhaps of fewer; or of the sizes given."""

def sqrt(input: Tensor) -> Tensor:
    """Square root, with derivative inf at 0."""

def square(input: Tensor) -> Tensor:
    """Return self times itself."""

def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return a view without the axes of size 1, or without those of `dim` that have size 1."""

def std(input: Tensor, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Tensor:
    """Return the standard deviation, the square root of `var`; its derivative where all are equal is 0."""

def sub(input: Tensor | float, other: Operand, *, alpha: float = 1) -> Tensor:
    """Return self - alpha other."""

def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum; integers and booleans are added up as int64, or all in another dtype if one is given."""

def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return a view with two axes exchanged."""

def t(input: Tensor) -> Tensor:
    """Return the transpose of a matrix; a vector or number as it is."""

def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements at positions along dim, like `gather`, or without dim in the flattened tensor."""

def tan(input: Tensor) -> Tensor:
    """Tangent; x in radians."""

def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""

def tile(input: Tensor, dims: Sizes, *more: int) -> Tensor:
    """Return `repeat`, where fewer numbers than axes are filled up with ones in front."""

def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """Return ``(values, indices)`` of the k largest or smallest elements along dim, in order in any case."""

def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""

def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two axes exchanged."""

def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of the last two axes, up to a diagonal (1 the one above the main one), else zeros."""

def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of the last two axes, from a diagonal (1 the one above the main one), else zeros."""

def trunc(input: Tensor) -> Tensor:
    """Round towards 0."""

def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the views at each position along dim, which loses the axis."""

def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return a view in which one axis is split into several; one size may be -1."""

def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a new axis of size 1 that becomes axis `dim`."""

def var(input: Tensor, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Tensor:
    """Return the variance, the squared distances from the mean added up and divided by n - correction."""
