"""Embedding and one-hot encoding of integers."""

import numpy as np

from minigrad.autodiff import next_sequence_nr
from minigrad.grad_mode import call_numpy, tell
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
    index = call_numpy(_checked_rows, input, rows)
    if max_norm is not None:
        table = weight.detach()
        call_numpy(_scale_rows, table, index, max_norm, norm_type, writes=(table,))
        table.version.last_write = next_sequence_nr()
    result = indexing.getitem(weight, index=(index,))
    if padding_idx is None:
        return result
    if not -rows <= padding_idx < rows:
        raise RuntimeError(f"padding_idx {padding_idx} is not a row of a table of {rows} rows")
    is_padding = (input == padding_idx % rows).unsqueeze(-1)
    padded: Tensor = selection.where(is_padding, result.detach(), result)
    return padded


def _checked_rows(index: Array, rows: int) -> Array:
    """Return a copy of the indices: a later write to them must not change the backward pass."""
    if index.size and not 0 <= index.min() <= index.max() < rows:
        raise IndexError(f"index out of range in self: there are rows 0 to {rows - 1}, got {index.min()} to {index.max()}")
    return index.copy()


def _scale_rows(table: Array, index: Array, max_norm: float, norm_type: float) -> None:
    rows = np.unique(index)
    norms = np.linalg.norm(table[rows], norm_type, axis=1)
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
    if num_classes == -1:
        tell("before_read", tensor, "one_hot() without num_classes")
    width = int(index.max()) + 1 if num_classes == -1 else num_classes
    if width < 1:
        raise RuntimeError("num_classes should be positive")
    result: Tensor = wrap(call_numpy(_one_hot_rows, tensor, width))
    return result


def _one_hot_rows(index: Array, width: int) -> Array:
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if index.size and index.max() >= width:
        raise RuntimeError("Class values must be smaller than num_classes.")
    rows: Array = (index[..., None] == np.arange(width)).astype(np.int64, "C")
    return rows
