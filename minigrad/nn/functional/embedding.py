"""Embedding and one-hot encoding of integers."""

import numpy as np

from minigrad.ops import indexing, selection
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0
) -> Tensor:
    """Return the rows of the weight at the indices in the input: y = W[x].

    Args:
        input: Row indices, from 0 to n - 1.
        weight: W, the table.
        padding_idx: A row, counted from the end if negative, that gets no gradient.
        max_norm: The largest norm of a row: rows at the indices with a larger one are scaled to it, in the table itself.
        norm_type: p of the norm (sum |w|ᵖ)^(1/p).

    Shape:
        input ``(*)``, weight ``(n, m)`` -> ``(*, m)``

    Raises:
        IndexError: An index is out of range.
        RuntimeError: The input is not int64 or int32, the weight is not a matrix, or padding_idx is out of range.
    """
    if weight.array.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, but its shape is {list(weight.shape)}")
    rows = weight.array.shape[0]
    if input.array.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"embedding: the indices must be of type long or int, but they are {input.dtype}: convert with long()"
        )
    index = input.array.copy()  # a later write to the input must not change the backward pass
    if index.size and not 0 <= index.min() <= index.max() < rows:
        raise IndexError(f"index out of range in self: there are rows 0 to {rows - 1}, got {index.min()} to {index.max()}")
    if max_norm is not None:
        _scale_rows(weight.detach(), np.unique(index), max_norm, norm_type)
    result = indexing.getitem(weight, index=(index,))
    if padding_idx is None:
        return result
    if not -rows <= padding_idx < rows:
        raise RuntimeError(f"padding_idx {padding_idx} is not a row of a table of {rows} rows")
    is_padding = wrap((index == padding_idx % rows)[..., None])
    return selection.where(is_padding, result.detach(), result)


def _scale_rows(table: Tensor, rows: Array, max_norm: float, norm_type: float) -> None:
    norms = np.linalg.norm(table.array[rows], norm_type, axis=1)
    too_long = norms > max_norm
    table[rows[too_long]] *= (max_norm / (norms[too_long] + 1e-7))[:, None]


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return for each class index a vector of int64 with 1 at that index and 0 elsewhere.

    Args:
        tensor: Class indices, of int64.
        num_classes: Length of the vectors; -1 for the largest index plus 1.

    Shape:
        ``(*) -> (*, num_classes)``

    Raises:
        RuntimeError: An index is negative or too large, the tensor is not int64, or the number of classes is unknown because
            the tensor is empty.

    >>> import minigrad
    >>> one_hot(minigrad.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = tensor.array
    if index.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, but it is {tensor.dtype}")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    width = int(index.max()) + 1 if num_classes == -1 else num_classes
    if width < 1:
        raise RuntimeError("num_classes should be positive")
    if index.size and index.max() >= width:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((index[..., None] == np.arange(width)).astype(np.int64, "C"))
