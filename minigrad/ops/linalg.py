"""Linear algebra: products of matrices and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.ops.shape import permute, reshape
from minigrad.primitive import Array, expand, primitive, unbroadcast

LETTERS = [chr(k) for k in range(128) if chr(k).isalpha()]


def transposed(x: Any) -> Any:
    """Return x with its last two axes exchanged."""
    n = len(x.shape)
    return permute(x, dims=(*range(n - 2), n - 1, n - 2))


def unlike(*xs: Array) -> TypeError:
    """Return the complaint that operands have several dtypes: as in torch, products of matrices do not promote as sums do."""
    return TypeError(f"the operands must have one dtype, but have {', '.join(x.dtype.name for x in xs)}: convert with to()")


@primitive(
    a=lambda g, b, a_shape: unbroadcast(matmul(g, transposed(b)), a_shape),
    b=lambda g, a, b_shape: unbroadcast(matmul(transposed(a), g), b_shape),
)
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of (..., n, k) and (..., k, m); the axes before the last two broadcast."""
    if a.dtype != b.dtype:
        raise unlike(a, b)
    # For two matrices `dot` goes to the BLAS in half the time that `matmul` takes to see that it may.
    return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


@primitive(xs=lambda g, xs, terms, result: _einsum_shares(g, xs, terms, result))
def einsum(*xs: Array, terms: tuple[str, ...], result: str) -> Array:
    """The sum of products over the letters that are not in the result; no term has a letter twice."""
    if len({x.dtype for x in xs}) > 1:
        raise unlike(*xs)
    return np.einsum(f"{','.join(terms)}->{result}", *xs, optimize=len(xs) > 2)


def _einsum_shares(g: Any, xs: Any, terms: tuple[str, ...], result: str) -> list[Any]:
    """Return the cotangent of each operand: the same sum, with g in the operand's place."""
    shares = []
    for k, (x, term) in enumerate(zip(xs, terms, strict=True)):
        others = (result, *terms[:k], *terms[k + 1 :])
        reached = "".join(a for a in term if any(a in other for other in others))
        share = einsum(g, *xs[:k], *xs[k + 1 :], terms=others, result=reached)
        # A letter that no other term has was summed alone: each of its elements has the same cotangent.
        sizes = iter(share.shape)
        spread = reshape(share, shape=tuple(next(sizes) if a in reached else 1 for a in term))
        full = tuple(n if size == 1 else size for n, size in zip(spread.shape, x.shape, strict=True))
        shares.append(unbroadcast(expand(spread, shape=full), x.shape))
    return shares


def parse(equation: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Return the terms of an einsum equation and its result, with letters for the axes that ``...`` stands for.

    Raises:
        RuntimeError: The equation has another number of operands, or an operand another number of axes.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    if strangers := set(left + right) - set(LETTERS) - set(".,"):
        raise RuntimeError(f"einsum: {equation!r} has {''.join(sorted(strangers))!r}, but subscripts must be letters")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise RuntimeError(f"einsum: the equation {equation!r} has {len(terms)} operands, but {len(ndims)} were given")
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        right = "..." * ("..." in left) + "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    unused = [a for a in LETTERS if a not in equation]
    most = max(n - len(term) + 3 if "..." in term else 0 for n, term in zip(ndims, terms, strict=True))
    filled = [
        term.replace("...", "".join(unused[most - (n - len(term) + 3) : most]) if n - len(term) + 3 else "")
        for n, term in zip(ndims, terms, strict=True)
    ]
    for term, n in zip(filled, ndims, strict=True):
        if len(term) != n:
            raise RuntimeError(f"einsum: in {equation!r} a term has {len(term)} letters for an operand with {n} axes")
    result = right.replace("...", "".join(unused[:most]))
    if not set(result) <= set("".join(filled)) or len(set(result)) < len(result):
        raise RuntimeError(f"einsum: the result of {equation!r} must have letters of the operands, each once")
    return filled, result
