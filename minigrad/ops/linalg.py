"""Linear algebra: products of matrices and stacks of matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.ops.shape import permute, reshape
from minigrad.primitive import Array, expand, primitive, unbroadcast

LETTERS = [chr(k) for k in range(128) if chr(k).isalpha()]


def swap_last(x: Any) -> Any:
    """Return x with its last two axes exchanged, the transpose of each matrix."""
    n = len(x.shape)
    return permute(x, dims=(*range(n - 2), n - 1, n - 2))


def dtype_error(*xs: Array) -> TypeError:
    """Return the error for operands of several dtypes. As in torch, products of matrices do not promote."""
    return TypeError(f"the operands must have one dtype, but have {', '.join(x.dtype.name for x in xs)}: convert with to()")


@primitive(
    a=lambda g, b, a_shape: unbroadcast(matmul(g, swap_last(b)), a_shape),
    b=lambda g, a, b_shape: unbroadcast(matmul(swap_last(a), g), b_shape),
)
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of (..., n, k) and (..., k, m); the axes before the last two broadcast."""
    if a.dtype != b.dtype:
        raise dtype_error(a, b)
    # For two small matrices `dot` takes half the time of `np.matmul`.
    return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


@primitive(xs=lambda g, xs, subscripts, output: _einsum_vjp(g, xs, subscripts, output))
def einsum(*xs: Array, subscripts: tuple[str, ...], output: str) -> Array:
    """The sum of products over the letters that are not in the output; no operand has a letter twice."""
    if len({x.dtype for x in xs}) > 1:
        raise dtype_error(*xs)
    return np.einsum(f"{','.join(subscripts)}->{output}", *xs, optimize=len(xs) > 2)


def _einsum_vjp(g: Any, xs: Any, subscripts: tuple[str, ...], output: str) -> list[Any]:
    """Return the cotangent of each operand: the same sum of products, with g in place of the operand."""
    cotangents = []
    for k, (x, letters) in enumerate(zip(xs, subscripts, strict=True)):
        others = (output, *subscripts[:k], *subscripts[k + 1 :])
        kept = "".join(a for a in letters if any(a in other for other in others))
        cotangent = einsum(g, *xs[:k], *xs[k + 1 :], subscripts=others, output=kept)
        # Along a letter that no other operand and not the output has, the operand was summed: the cotangent is constant.
        sizes = iter(cotangent.shape)
        shape = tuple(next(sizes) if a in kept else 1 for a in letters)
        expanded = tuple(n if size == 1 else size for n, size in zip(x.shape, shape, strict=True))
        cotangents.append(unbroadcast(expand(reshape(cotangent, shape=shape), shape=expanded), x.shape))
    return cotangents


def parse_einsum(equation: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Return the subscripts of the operands of an einsum equation, and of the output, with letters in place of ``...``.

    Raises:
        RuntimeError: The equation is malformed, has another number of operands, or an operand another number of axes.
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    if invalid := set(left + output) - set(LETTERS) - set(".,"):
        raise RuntimeError(f"einsum: {equation!r} has {''.join(sorted(invalid))!r}, but subscripts must be letters")
    subscripts = left.split(",")
    if len(subscripts) != len(ndims):
        raise RuntimeError(f"einsum: the equation {equation!r} has {len(subscripts)} operands, but {len(ndims)} were given")
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        output = "..." * ("..." in left) + "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    counts = [n - len(letters) + 3 if "..." in letters else 0 for n, letters in zip(ndims, subscripts, strict=True)]
    ellipsis = "".join([a for a in LETTERS if a not in equation][: max(counts)])
    subscripts = [
        letters.replace("...", ellipsis[len(ellipsis) - count :]) for letters, count in zip(subscripts, counts, strict=True)
    ]
    for letters, n in zip(subscripts, ndims, strict=True):
        if len(letters) != n:
            raise RuntimeError(f"einsum: {equation!r} has {len(letters)} subscripts for an operand with {n} axes")
    output = output.replace("...", ellipsis)
    if not set(output) <= set("".join(subscripts)) or len(set(output)) < len(output):
        raise RuntimeError(f"einsum: the output of {equation!r} must have letters of the operands, each once")
    return subscripts, output
