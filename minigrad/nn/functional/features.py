"""Linear maps of features: with a weight matrix, by table look-up, and between the positions of a sequence."""

from __future__ import annotations

import math

import numpy as np

from minigrad.combining import where
from minigrad.nn.functional.regularization import dropout
from minigrad.ops import arithmetic, indexing, neural
from minigrad.tensor import Tensor, apply, wrap


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W' + b.

    Shape:
        input (*, n), weight (m, n), bias (m,) -> (*, m).

    Raises:
        RuntimeError: The sizes do not fit.
    """
    return input @ weight.t() if bias is None else apply(neural.linear, (input, weight, bias), {})


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Return the row of the weight that each number of the input names.

    Args:
        input: Row numbers, from 0 to n-1.
        weight: The table.
        padding_idx: A row, counted from the back if negative, that gets no gradient.

    Shape:
        input (*), weight (n, m) -> (*, m).

    Raises:
        IndexError: A number is out of range.
        RuntimeError: The input is not of int64 or int32, the weight is no matrix, or the padding is out of range.
    """
    if weight.array.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, but its shape is {list(weight.shape)}")
    kind, count = input.array.dtype, weight.array.shape[0]
    if kind not in (np.int64, np.int32):
        raise RuntimeError(
            f"embedding: the indices must be of type long or int, but they are {input.dtype}: convert with long()"
        )
    index = input.array.copy()  # the way back needs it as it is now
    if index.size and not 0 <= index.min() <= index.max() < count:
        raise IndexError(f"index out of range in self: there are rows 0 to {count - 1}, got {index.min()} to {index.max()}")
    rows = indexing.getitem(weight, index=(index,))
    if padding_idx is None:
        return rows
    if not -count <= padding_idx < count:
        raise RuntimeError(f"padding_idx {padding_idx} is not a row of a table of {count} rows")
    padding = wrap((index == padding_idx % count)[..., None])
    return apply(arithmetic.where, (padding, rows.detach(), rows), {})


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return a vector for each class number: 1 at that place, 0 elsewhere, of int64.

    Args:
        tensor: Class numbers, of int64.
        num_classes: Length of the vectors; -1 for the greatest number plus 1.

    Shape:
        (*) -> (*, num_classes).

    Raises:
        RuntimeError: A number is negative or too large, the tensor is not of int64, or nothing tells the number of classes.

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
    return wrap((index[..., None] == np.arange(width)).astype(np.int64))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> Tensor:
    """Return softmax(scale Q K' + mask) V. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, equation 1.

    Args:
        query: Q.
        key: K.
        value: V.
        attn_mask: Added to the scores; or booleans, False where a score counts for nothing. Broadcasts to (*, L, S).
        dropout_p: Probability with which an attention weight is set to 0 (the others grow); applied whenever it is not 0.
        is_causal: Let position l of the query see only positions up to l of the key.
        scale: Default 1 / sqrt(E).

    Shape:
        query (*, L, E), key (*, S, E), value (*, S, V) -> (*, L, V). A row that sees nothing gives zeros.

    Raises:
        RuntimeError: Both a mask and is_causal are given, or sizes do not fit.
    """
    scores = (query @ key.mT) * (1 / math.sqrt(query.array.shape[-1]) if scale is None else scale)
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        attn_mask = wrap(np.tri(*scores.array.shape[-2:], dtype=bool))
    if attn_mask is not None:
        scores = where(attn_mask, scores, -math.inf) if attn_mask.array.dtype == bool else scores + attn_mask
    blind = (scores.array == -math.inf).all(-1, keepdims=True)
    if blind.any():  # their softmax would be NaN
        scores = where(wrap(blind), 0, scores)
        weights = where(wrap(blind), 0, scores.softmax(-1))
    else:
        weights = scores.softmax(-1)
    return (dropout(weights, dropout_p) if dropout_p else weights) @ value
