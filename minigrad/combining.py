"""Functions of several tensors, which are no method of any one: choosing, joining, comparing, summing products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad import dtypes
from minigrad.methods.carrier import Operand
from minigrad.methods.spelling import also_as_numpy
from minigrad.ops import arithmetic, indexing, linalg
from minigrad.ops.shape import axis
from minigrad.tensor import Tensor, apply

__all__ = [
    "cat",
    "concat",
    "concatenate",
    "einsum",
    "hstack",
    "is_tensor",
    "meshgrid",
    "result_type",
    "stack",
    "vstack",
    "where",
]


def where(condition: Tensor, input: Operand | None = None, other: Operand | None = None) -> Any:
    """Return input where the condition holds, else other; all three broadcast. With the condition alone, its places.

    A gradient that is NaN or inf because of an element not chosen still comes through, as in torch (0 times inf is NaN):
    choose a harmless element before the function that is singular, not after it.

    >>> import minigrad
    >>> x = minigrad.tensor([-1.0, 4.0], requires_grad=True)
    >>> minigrad.where(x > 0, minigrad.where(x > 0, x, 1.0).sqrt(), 0.0).sum().backward()
    >>> x.grad
    tensor([0.0000, 0.2500])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() takes the condition alone, or with both input and other")
    return apply(arithmetic.where, (condition, input, other), {})


@also_as_numpy
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return the tensors one after the other along dim; they agree in the sizes of all other axes.

    Raises:
        RuntimeError: They do not, or one has no axes.
        ValueError: There is none.
        TypeError: It is no sequence of tensors.
    """
    if isinstance(tensors, Tensor) or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError("cat(): argument 'tensors' (position 1) must be tuple of Tensors")
    if not tensors:
        raise ValueError("cat: expected a non-empty list of Tensors")
    if any(not t.ndim for t in tensors):
        raise RuntimeError("zero-dimensional tensors cannot be concatenated; use stack")
    # torch lets vectors of no elements join tensors of any shape.
    joined = [t for t in tensors if t.shape != (0,)] or list(tensors)
    return apply(indexing.cat, joined, {"dim": axis(dim, joined[0].ndim)})


concat = concatenate = cat


@also_as_numpy
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors of one shape one after the other along a new axis, dim.

    Raises:
        RuntimeError: The shapes differ, or there is no tensor.
    """
    _check_some(tensors, "stack")
    if len({t.shape for t in tensors}) > 1:
        raise RuntimeError(f"stack expects each tensor to be equal size, but got {[list(t.shape) for t in tensors]}")
    return cat([t.unsqueeze(dim) for t in tensors], dim if dim >= 0 else dim + tensors[0].ndim + 1)


def _check_some(tensors: Sequence[Tensor], name: str) -> None:
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors side by side: vectors along their axis, others along the second."""
    _check_some(tensors, "hstack")
    raised = [t.reshape(1) if not t.ndim else t for t in tensors]
    return cat(raised, 0 if raised[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors one below the other; a vector is a row."""
    _check_some(tensors, "vstack")
    return cat([t.reshape(1, -1) if t.ndim < 2 else t for t in tensors], 0)


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return, for vectors of n, m, ... numbers, their values at each point of the (n, m, ...) grid.

    With indexing "xy" the first two axes are exchanged, as for pictures.
    """
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    vectors = [v for t in tensors for v in ([t] if isinstance(t, Tensor) else t)]
    if any(v.ndim > 1 or v.dtype != vectors[0].dtype for v in vectors):
        raise RuntimeError(f"meshgrid expects vectors of one dtype, but got {[(v.dtype, list(v.shape)) for v in vectors]}")
    full = tuple(v.numel() for v in vectors)
    grids = [v.reshape(*(n if d == k else 1 for d, n in enumerate(full))).expand(full) for k, v in enumerate(vectors)]
    return tuple(grid.transpose(0, 1) if indexing == "xy" and len(full) > 1 else grid for grid in grids)


def einsum(equation: str, *operands: Tensor | Sequence[Tensor]) -> Tensor:
    """Return the sum of products that an equation in Einstein's convention says, such as ``"ij,jk->ik"``.

    Each operand has a letter for each axis; letters that are not in the result are summed over; without ``->`` the result
    has the letters that occur once, in alphabetical order; ``...`` stands for axes that broadcast.

    Raises:
        RuntimeError: The equation does not fit the operands.
    """
    tensors = [v for t in operands for v in ([t] if isinstance(t, Tensor) else t)]
    terms, result = linalg.parse(equation, [t.ndim for t in tensors])
    for k, (term, t) in enumerate(zip(terms, tensors, strict=True)):
        while len(set(term)) < len(term):  # a letter that an operand has twice takes its diagonal, as the last axis
            letter = next(a for a in term if term.count(a) > 1)
            first = term.index(letter)
            second = term.index(letter, first + 1)
            t = t.diagonal(0, first, second)
            term = "".join(a for d, a in enumerate(term) if d not in (first, second)) + letter
        terms[k], tensors[k] = term, t
    if len(tensors) == 1:
        (t,), (term,) = tensors, terms
        kept = [a for a in term if a in result]
        summed = t if len(kept) == len(term) else t.sum([d for d, a in enumerate(term) if a not in result])
        return summed.permute([kept.index(a) for a in result])
    return apply(linalg.einsum, tensors, {"terms": tuple(terms), "result": result})


def is_tensor(obj: object) -> bool:
    """Return whether something is a Tensor."""
    return isinstance(obj, Tensor)


def result_type(tensor1: Tensor | bool | int | float, tensor2: Tensor | bool | int | float) -> dtypes.dtype:
    """Return the type in which two operands meet: tensors with axes decide, others only if of a higher category."""
    return dtypes.as_dtype(dtypes.result_type(*[x.array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]))
