# What type checkers and editors see of minigrad.functions. Written by `python -m tests.stubs`; do not edit.

from collections.abc import Sequence
from typing import Any
from minigrad.methods.attributes import Sizes
from minigrad.methods.reduction import Dim
from minigrad.methods.reduction import ValuesIndices
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
    "count_nonzero",
    "cumprod",
    "cumsum",
    "diag",
    "diagonal",
    "diff",
    "div",
    "dot",
    "eq",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "fmod",
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
    "logcumsumexp",
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
    "nansum",
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
    "xlogy",
]

def abs(input: Tensor, *, out: Any = None) -> Tensor:
    """|x|, with derivative 0 at 0."""

def acos(input: Tensor, *, out: Any = None) -> Tensor:
    """The angle in radians, from 0 to pi, whose cosine is x."""

def add(input: Tensor | float, other: Operand, *, alpha: float = 1, out: Any = None) -> Tensor:
    """Return self + alpha other."""

def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Any = None) -> Tensor:
    """Return self + value tensor1 / tensor2."""

def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Any = None) -> Tensor:
    """Return self + value tensor1 tensor2."""

def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Tensor:
    """Return beta self + alpha mat1 @ mat2."""

def all(input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return whether no element is zero; uint8 for uint8, as in torch."""

def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, *, out: Any = None) -> bool:
    """Return whether all elements satisfy |self - other| <= atol + rtol |other|."""

def amax(input: Tensor, dim: Dim = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return the largest element; equal elements share the gradient."""

def amin(input: Tensor, dim: Dim = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return the smallest element; equal elements share the gradient."""

def any(input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return whether any element is not zero; uint8 for uint8, as in torch."""

def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return the index of the first largest element, along dim or in the flattened tensor."""

def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return the index of the first smallest element, along dim or in the flattened tensor."""

def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, *, out: Any = None) -> Tensor:
    """Return the indices that sort the elements along dim. The sort is always stable; NaN is the largest."""

def asin(input: Tensor, *, out: Any = None) -> Tensor:
    """The angle in radians, from -pi/2 to pi/2, whose sine is x."""

def atan(input: Tensor, *, out: Any = None) -> Tensor:
    """The angle in radians, from -pi/2 to pi/2, whose tangent is x."""

def atan2(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The angle in radians, from -pi to pi, of the point (b, a); the derivatives at the origin are 0."""

def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """Return 1 with probability p, else 0; without p, each element of self is the probability."""

def bitwise_and(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a & b: logical for booleans, bit by bit for integers."""

def bitwise_left_shift(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a << b: the bits of a shifted left by b, 0 if b is negative or too large."""

def bitwise_not(input: Tensor | float, *, out: Any = None) -> Tensor:
    """~x: logical for booleans, bit by bit for integers."""

def bitwise_or(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a | b: logical for booleans, bit by bit for integers."""

def bitwise_right_shift(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large."""

def bitwise_xor(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a ^ b: logical for booleans, bit by bit for integers."""

def bmm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Return the products of the matrices of two batches, (b, n, k) and (b, k, m)."""

def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return `expand(size)`."""

def ceil(input: Tensor, *, out: Any = None) -> Tensor:
    """Round up."""

def chunk(input: Tensor, chunks: int, dim: int = 0, *, out: Any = None) -> tuple[Tensor, ...]:
    """Return views of equal size along dim, at most so many, the last perhaps smaller."""

def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Return self, but at least min and at most max, which are scalars or tensors. The derivative on a bound is 1."""

def clip(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Return `clamp(min, max)`."""

def clone(input: Tensor) -> Tensor:
    """Return a copy in memory of its own, through which gradients flow."""

def cos(input: Tensor, *, out: Any = None) -> Tensor:
    """Cosine; x in radians."""

def cosh(input: Tensor, *, out: Any = None) -> Tensor:
    """Hyperbolic cosine."""

def count_nonzero(input: Tensor, dim: Dim = None, *, out: Any = None) -> Tensor:
    """Return how many elements are not zero, along dim or in all."""

def cumprod(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the cumulative product along dim, in the given dtype; that of integers is int64."""

def cumsum(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the cumulative sum along dim, in the given dtype."""

def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a copy of the diagonal of a matrix, or the matrix that has a vector on its diagonal."""

def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a view of the diagonal of two axes, as the last axis; offset 1 is the diagonal above the main one."""

def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None, *, out: Any = None) -> Tensor:
    """Return the differences between neighbours along dim, n times; first the tensors at both ends are joined to self."""

def div(input: Tensor | float, other: Operand, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """Return self / other, element by element; the quotient of integers is floating-point."""

def dot(input: Tensor, tensor: Tensor, *, out: Any = None) -> Tensor:
    """Return the inner product of two vectors."""

def eq(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a == b."""

def equal(input: Tensor, other: Tensor, *, out: Any = None) -> bool:
    """Return whether two tensors have the same shape and the same elements."""

def erf(input: Tensor, *, out: Any = None) -> Tensor:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

def erfc(input: Tensor, *, out: Any = None) -> Tensor:
    """1 - erf(x), right to its last digits also where erf(x) is almost 1."""

def exp(input: Tensor, *, out: Any = None) -> Tensor:
    """e to the power x."""

def exp2(input: Tensor, *, out: Any = None) -> Tensor:
    """2 to the power x."""

def expm1(input: Tensor, *, out: Any = None) -> Tensor:
    """exp(x) - 1, accurate also near 0."""

def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the axes from start_dim to end_dim merged into one."""

def flip(input: Tensor, dims: Sizes, *more: int) -> Tensor:
    """Return a copy with the elements in reverse order along some axes."""

def floor(input: Tensor, *, out: Any = None) -> Tensor:
    """Round down."""

def floor_divide(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """Return self / other, rounded down; its derivative is 0."""

def fmod(input: Tensor, other: Operand, *, out: Any = None) -> Tensor:
    """Return self - other trunc(self / other), which has the sign of self."""

def gather(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """Return a tensor of the index's shape: ``out[i][j][k] = self[i][index[i][j][k]][k]`` for dim 1, and so on."""

def ge(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a >= b."""

def gt(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a > b."""

def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1, out: Any = None) -> Tensor:
    """Return self with alpha source added to the slices along dim at the indices in a vector."""

def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Tensor:
    """Return self with the slices along dim at the indices in a vector replaced by those of source."""

def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand, *, out: Any = None) -> Tensor:
    """Return self with a scalar or 0-d tensor in the slices along dim at the indices in a vector."""

def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False, *, out: Any = None) -> Tensor:
    """Return self with values, which broadcast, at an index: ``out[indices] = values``, or added there if accumulate."""

def index_select(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """Return a copy of the slices along dim at the indices in a vector of integers."""

def is_floating_point(input: Tensor) -> bool:
    """Return whether the dtype is floating-point; only such tensors have gradients."""

def isfinite(input: Tensor | float, *, out: Any = None) -> Tensor:
    """Whether each element is neither infinite nor NaN."""

def isinf(input: Tensor | float, *, out: Any = None) -> Tensor:
    """Whether each element is infinite."""

def isnan(input: Tensor | float, *, out: Any = None) -> Tensor:
    """Whether each element is NaN."""

def le(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a <= b."""

def lerp(input: Tensor, end: Tensor, weight: Operand, *, out: Any = None) -> Tensor:
    """Return self + weight (end - self): linear interpolation between self (weight 0) and end (weight 1)."""

def log(input: Tensor, *, out: Any = None) -> Tensor:
    """Natural logarithm; NaN below 0, -inf at 0."""

def log10(input: Tensor, *, out: Any = None) -> Tensor:
    """Logarithm to base 10."""

def log1p(input: Tensor, *, out: Any = None) -> Tensor:
    """log(1 + x), accurate also near 0."""

def log2(input: Tensor, *, out: Any = None) -> Tensor:
    """Logarithm to base 2."""

def log_softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Any = None) -> Tensor:
    """Return log(softmax(x)) along dim, without overflow, computed in the given dtype."""

def logaddexp(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """log(exp(a) + exp(b)), without overflow."""

def logcumsumexp(input: Tensor, dim: int, *, out: Any = None) -> Tensor:
    """Return log(cumsum(exp(x))) along dim, without overflow."""

def logical_and(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Return whether both elements are not zero."""

def logical_not(input: Tensor, *, out: Any = None) -> Tensor:
    """Return whether each element is zero."""

def logical_or(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Return whether one or both elements are not zero."""

def logical_xor(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Return whether exactly one element is not zero."""

def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return log(sum(exp(x))) along dim, without overflow."""

def lt(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a < b."""

def masked_fill(input: Tensor, mask: Tensor, value: Operand, *, out: Any = None) -> Tensor:
    """Return self with a scalar or 0-d tensor where the mask, which broadcasts, is True."""

def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """Return a vector of the elements where the mask, which broadcasts with self, is True."""

def matmul(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Return the matrix product, with torch's rules for shapes."""

def max(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the largest element; with dim, ``(values, indices)`` along it; with a tensor, the larger of the two."""

def maximum(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The larger of a and b, or NaN; equal operands share the gradient."""

def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the mean, computed in the given dtype; NaN for empty input."""

def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median, the lower of two middle elements, or NaN; with dim, ``(values, indices)`` along it."""

def min(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the smallest element; with dim, ``(values, indices)`` along it; with a tensor, the smaller of the two."""

def minimum(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The smaller of a and b, or NaN; equal operands share the gradient."""

def mm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Return the product of two matrices, (n, k) and (k, m)."""

def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view with the axes `source` moved to `destination`; the others keep their order."""

def mul(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """Return self other, element by element."""

def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """Return indices sampled with the given weights: (n,) gives (num_samples,), rows (m, n) give (m, num_samples)."""

def mv(input: Tensor, vec: Tensor, *, out: Any = None) -> Tensor:
    """Return the product of a matrix (n, k) and a vector (k,)."""

def nansum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the sum of the elements that are not NaN."""

def narrow(input: Tensor, dim: int, start: int, length: int, *, out: Any = None) -> Tensor:
    """Return a view of `length` elements along dim, from `start` on."""

def ne(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """a != b."""

def neg(input: Tensor, *, out: Any = None) -> Tensor:
    """-x."""

def nonzero(input: Tensor, *, as_tuple: bool = False, out: Any = None) -> Any:
    """Return the indices of the elements that are not zero, (n, ndim); with as_tuple a vector (n,) for each axis."""

def norm(input: Tensor, p: float | str | None = 'fro', dim: Dim = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Return the p-norm, (sum |x|^p)^(1/p), over all elements or along dim. p may be inf, -inf or 0."""

def numel(input: Tensor) -> int:
    """Return the number of elements."""

def outer(input: Tensor, vec2: Tensor, *, out: Any = None) -> Tensor:
    """Return the outer product (n, m) of two vectors (n,) and (m,): the product of each pair of elements."""

def permute(input: Tensor, dims: Sizes = (), *more: int) -> Tensor:
    """Return a view whose axis k is axis dims[k] of self."""

def pow(input: Tensor | float, exponent: Operand, *, out: Any = None) -> Tensor:
    """Return self to the power of the exponent, element by element; the derivative of 0 to the power 0 is 0."""

def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the product, in the given dtype; by default that of self, or int64 for integers and booleans."""

def ravel(input: Tensor) -> Tensor:
    """Return the tensor as a vector; a copy, unless its elements are in row-major order in memory."""

def reciprocal(input: Tensor, *, out: Any = None) -> Tensor:
    """1 / x."""

def relu(input: Tensor, *, out: Any = None) -> Tensor:
    """max(x, 0), with derivative 0 at 0."""

def remainder(input: Tensor | float, other: Operand, *, out: Any = None) -> Tensor:
    """Return self - other floor(self / other), which has the sign of other."""

def reshape(input: Tensor, shape: Sizes = (), *more: int) -> Tensor:
    """Return the elements in another shape, in row-major order; one size may be -1, to be inferred."""

def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Return a copy with the elements shifted along some axes, or in the flattened tensor, wrapping around."""

def round(input: Tensor, *, decimals: int = 0, out: Any = None) -> Tensor:
    """Return self rounded to integers, or to so many decimals, halves to even; the derivative is 0."""

def rsqrt(input: Tensor, *, out: Any = None) -> Tensor:
    """1 / sqrt(x)."""

def scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Scalar | None = None, *, value: Scalar | None = None, out: Any = None) -> Tensor:
    """Return self with src, or one value, put in: ``out[i][index[i][j][k]][k] = src[i][j][k]`` for dim 1, and so on."""

def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Tensor:
    """Return self with src added: ``out[i][index[i][j][k]][k] += src[i][j][k]`` for dim 1, and so on."""

def select(input: Tensor, dim: int, index: int, *, out: Any = None) -> Tensor:
    """Return the slice at one index along dim as a view, without that axis."""

def sigmoid(input: Tensor, *, out: Any = None) -> Tensor:
    """1 / (1 + exp(-x)), without overflow."""

def sign(input: Tensor, *, out: Any = None) -> Tensor:
    """-1, 0 or 1; 0 for NaN."""

def sin(input: Tensor, *, out: Any = None) -> Tensor:
    """Sine; x in radians."""

def sinh(input: Tensor, *, out: Any = None) -> Tensor:
    """Hyperbolic sine."""

def softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along dim, without overflow, computed in the given dtype."""

def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, *, out: Any = None) -> ValuesIndices:
    """Return ``(values, indices)``: the sorted elements along dim, and the indices that sort them; NaN is the largest."""

def split(input: Tensor, split_size: int | Sequence[int], dim: int = 0, *, out: Any = None) -> tuple[Tensor, ...]:
    """Return consecutive views along dim, each of size split_size, the last perhaps smaller; or of the sizes in a list."""

def sqrt(input: Tensor, *, out: Any = None) -> Tensor:
    """Square root, with derivative inf at 0."""

def square(input: Tensor, *, out: Any = None) -> Tensor:
    """Return the square of self."""

def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return a view without the axes of size 1; with dim, only those in dim are removed."""

def std(input: Tensor, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None, out: Any = None) -> Tensor:
    """Return the standard deviation, the square root of `var`; its derivative is 0 where all elements are equal."""

def sub(input: Tensor | float, other: Operand, *, alpha: float = 1, out: Any = None) -> Tensor:
    """Return self - alpha other."""

def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Return the sum, in the given dtype; by default that of self, or int64 for integers and booleans."""

def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return a view with two axes exchanged."""

def t(input: Tensor) -> Tensor:
    """Return the transpose of a matrix; a vector or 0-d tensor is returned unchanged."""

def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """Return the elements at indices along dim, as `gather`, or without dim in the flattened tensor."""

def tan(input: Tensor, *, out: Any = None) -> Tensor:
    """Tangent; x in radians."""

def tanh(input: Tensor, *, out: Any = None) -> Tensor:
    """Hyperbolic tangent."""

def tile(input: Tensor, dims: Sizes, *more: int) -> Tensor:
    """Return `repeat(dims)`, with ones in front of fewer dims than axes."""

def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> ValuesIndices:
    """Return ``(values, indices)`` of the k largest or smallest elements along dim, always sorted."""

def trace(input: Tensor, *, out: Any = None) -> Tensor:
    """Return the sum of the diagonal of a matrix."""

def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two axes exchanged."""

def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of the last two axes, up to a diagonal (1: the one above the main one); 0 elsewhere."""

def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of the last two axes, from a diagonal on (1: the one above the main one); 0 elsewhere."""

def trunc(input: Tensor, *, out: Any = None) -> Tensor:
    """Round towards 0."""

def unbind(input: Tensor, dim: int = 0, *, out: Any = None) -> tuple[Tensor, ...]:
    """Return the slices along dim as views, without that axis."""

def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return a view in which one axis is split into several; one size may be -1."""

def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a new axis of size 1 at `dim`."""

def var(input: Tensor, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None, out: Any = None) -> Tensor:
    """Return the variance: the sum of (x - mean)^2, divided by n - correction."""

def xlogy(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """x log(y), and 0 where x is 0, unless y is NaN."""
