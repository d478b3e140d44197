"""Functions of several tensors: where, cat, stack, meshgrid, einsum."""

from collections.abc import Sequence
from string import ascii_letters
from typing import Any, overload

from minigrad import dtypes, promotion
from minigrad.arguments import explain_functions
from minigrad.compat.numpy_kwargs import accept_numpy_kwargs
from minigrad.ops import indexing, linalg, selection
from minigrad.ops.shape import axis
from minigrad.promotion import Operand, Scalar
from minigrad.tensor import Tensor

__all__ = [
    "cat", "concat", "concatenate", "einsum", "hstack", "is_tensor", "meshgrid", "result_type", "stack", "vstack", "where",
]  # fmt: skip


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor: ...


def where(condition: Tensor, input: Operand | None = None, other: Operand | None = None) -> Any:
    """Return input where the condition is True, else other; all three broadcast.

    With the condition alone, return the indices where it is True, a vector for each axis.

    The gradient is NaN where the element not chosen has an infinite or NaN derivative, as in torch: 0 times inf is NaN. Avoid
    the singular argument before the function, instead of the result after it:

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
    return selection.where(condition, input, other)


@accept_numpy_kwargs
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return the tensors joined along an axis; their sizes are equal in all other axes.

    As in torch, a tensor of shape (0,) may be joined with tensors of any shape.

    Raises:
        RuntimeError: The sizes differ, or a tensor is 0-d.
        ValueError: There is no tensor.
        TypeError: `tensors` is not a sequence of tensors.
    """
    if isinstance(tensors, Tensor) or not all(issubclass(kind, Tensor) for kind in set(map(type, tensors))):
        raise TypeError("cat(): argument 'tensors' (position 1) must be tuple of Tensors")
    if not tensors:
        raise ValueError("cat: expected a non-empty list of Tensors")
    shapes = dict.fromkeys([t.array.shape for t in tensors])  # each once, in order
    if () in shapes:
        raise RuntimeError("zero-dimensional tensors cannot be concatenated; use stack")
    shape = next((s for s in shapes if s != (0,)), (0,))
    dim = axis(dim, len(shape))
    if len({(*s[:dim], *s[dim + 1 :]) for s in shapes if s != (0,)}) > 1:
        raise RuntimeError(f"cat: sizes of tensors must match except in dimension {dim}, but got {list(map(list, shapes))}")
    if (0,) in shapes:
        empty = (*shape[:dim], 0, *shape[dim + 1 :])
        tensors = [t.reshape(empty) if t.array.shape == (0,) else t for t in tensors]
    joined: Tensor = indexing.cat(*tensors, dim=dim)
    return joined


concat = concatenate = cat


@accept_numpy_kwargs
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return n tensors of one shape joined along a new axis of size n.

    Raises:
        RuntimeError: The shapes differ, or there is no tensor.
    """
    _check_not_empty(tensors, "stack")
    if len({t.array.shape for t in tensors}) > 1:
        raise RuntimeError(f"stack expects each tensor to be equal size, but got {[list(t.shape) for t in tensors]}")
    stacked: Tensor = indexing.stack(*tensors, dim=axis(dim, tensors[0].ndim + 1))
    return stacked


def _check_not_empty(tensors: Sequence[Tensor], name: str) -> None:
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors joined along the second axis, or along the only one of vectors; a 0-d tensor counts as (1,)."""
    _check_not_empty(tensors, "hstack")
    arrays = [t if t.ndim else t.reshape(1) for t in tensors]
    return cat(arrays, min(arrays[0].ndim, 2) - 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors joined along the first axis; a vector of n elements counts as a row of shape (1, n)."""
    _check_not_empty(tensors, "vstack")
    return cat([t.reshape(1, -1) if t.ndim < 2 else t for t in tensors])


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return, for vectors of n, m, ... elements, tensors of shape (n, m, ...) with the coordinates of each grid point.

    With indexing "xy" the first two axes are exchanged, as in pictures: (m, n, ...).

    Raises:
        RuntimeError: A tensor has several axes, the dtypes differ, or `indexing` has another value.
    """
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    vectors = _flat(tensors)
    if any(v.ndim > 1 or v.dtype != vectors[0].dtype for v in vectors):
        raise RuntimeError(f"meshgrid expects vectors of one dtype, but got {[(v.dtype, list(v.shape)) for v in vectors]}")
    shape = tuple(v.numel() for v in vectors)
    grids = [v.reshape([n if d == k else 1 for d, n in enumerate(shape)]).expand(shape) for k, v in enumerate(vectors)]
    return tuple(grid.transpose(0, 1) if indexing == "xy" and len(shape) > 1 else grid for grid in grids)


def _flat(tensors: Sequence[Tensor | Sequence[Tensor]]) -> list[Tensor]:
    """Return the tensors of ``f(a, b)`` or ``f([a, b])``."""
    return [v for t in tensors for v in ([t] if isinstance(t, Tensor) else t)]


def einsum(equation: str | Tensor, *operands: Any) -> Tensor:
    """Return a sum of products in Einstein's notation, such as ``"ij,jk->ik"`` for the product of matrices.

    Each axis of an operand has a letter. The result is summed over the letters that it does not have; without ``->`` it has
    those that occur once, in alphabetical order. ``...`` stands for further axes, which broadcast.

    In the other form of the call each operand is followed by the list of its axes, and the last list is the result's:

    >>> import minigrad
    >>> a, b = minigrad.ones(2, 3), minigrad.ones(3)
    >>> einsum("ij,j->i", a, b), einsum(a, [0, 1], b, [1], [0])
    (tensor([3., 3.]), tensor([3., 3.]))

    Raises:
        RuntimeError: The equation does not fit the operands.
        ValueError: There is no operand, or a list of axes has something else than ``...`` and integers from 0 to 51.
    """
    if not operands:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or operands and their axes")
    if not isinstance(equation, str):
        return einsum(*_equation_of_lists(equation, *operands))
    tensors = _flat(operands)
    terms, result = linalg.parse_einsum(equation, [t.ndim for t in tensors])
    for k, (term, t) in enumerate(zip(terms, tensors, strict=True)):
        terms[k], tensors[k] = _without_repeated_letters(term, t)
    if len(tensors) == 1:
        (t,), (term,) = tensors, terms
        summed_axes = [d for d, letter in enumerate(term) if letter not in result]
        letters = [letter for letter in term if letter in result]
        return (t.sum(summed_axes) if summed_axes else t).permute([letters.index(letter) for letter in result])
    product: Tensor = linalg.einsum(*tensors, subscripts=tuple(terms), output=result)
    return product


def _equation_of_lists(*args: Any) -> tuple[Any, ...]:
    """Return the equation and the operands of ``einsum(a, [0, 1], b, [1], [0])``: ``("AB,B->A", a, b)``."""
    count = len(args) // 2
    terms = ["".join(_letter(number) for number in numbers) for numbers in (*args[1 : 2 * count : 2], *args[2 * count :])]
    return ",".join(terms[:count]) + "".join(f"->{term}" for term in terms[count:]), *args[: 2 * count : 2]


def _letter(number: Any) -> str:
    if number is ...:
        return "..."
    if number not in range(52):
        raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return ascii_letters.swapcase()[number]


def _without_repeated_letters(term: str, t: Tensor) -> tuple[str, Tensor]:
    """Replace two axes with the same letter by their diagonal, which becomes the last axis."""
    while len(set(term)) < len(term):
        letter = next(a for a in term if term.count(a) > 1)
        first = term.index(letter)
        second = term.index(letter, first + 1)
        t = t.diagonal(0, first, second)
        term = "".join(a for d, a in enumerate(term) if d not in (first, second)) + letter
    return term, t


def is_tensor(obj: object) -> bool:
    """Return whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def result_type(tensor1: Tensor | Scalar, tensor2: Tensor | Scalar) -> dtypes.dtype:
    """Return the dtype in which two operands meet; see `minigrad.promotion.result_type`."""
    return dtypes.as_dtype(promotion.result_type(*[x.array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]))


explain_functions(globals())
