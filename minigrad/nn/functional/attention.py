"""Scaled dot-product attention."""

import math

from minigrad import dtypes
from minigrad.combining import where
from minigrad.creation import ones
from minigrad.grad_mode import call_numpy
from minigrad.nn.functional.dropout import dropout
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap


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
    """Return softmax(scale * Q Kᵀ + mask) V. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, equation 1.

    Args:
        query: Q.
        key: K.
        value: V.
        attn_mask: Added to the scores; or booleans, False for scores that are ignored. Broadcast to ``(*, L, S)``.
        dropout_p: Probability of `dropout` on the attention weights; applied whenever it is not 0.
        is_causal: Let position l of the query attend only to positions 0 to l of the key.
        scale: Default 1 / sqrt(E).

    Shape:
        query ``(*, L, E)``, key ``(*, S, E)``, value ``(*, S, V)`` -> ``(*, L, V)``. A row whose scores are all ignored
        gives zeros.

    Raises:
        RuntimeError: Both a mask and is_causal are given, or the shapes do not fit.
    """
    scores = (query * (1 / math.sqrt(query.array.shape[-1]) if scale is None else scale)) @ key.mT
    kept: Array | None = None  # the rows that attend to something, if not all do
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        scores = where(ones(*scores.array.shape[-2:], dtype=dtypes.bool_).tril(), scores, -math.inf)
    elif attn_mask is not None:
        scores = where(attn_mask, scores, -math.inf) if attn_mask.array.dtype == bool else scores + attn_mask
        kept = call_numpy(_kept_rows, scores)
        if kept is not None:  # the softmax of the other rows would be NaN
            scores = where(wrap(kept), scores, 0)
    weights = scores.softmax(-1) if kept is None else where(wrap(kept), scores.softmax(-1), 0)
    return (dropout(weights, dropout_p) if dropout_p else weights) @ value


def _kept_rows(scores: Array) -> Array | None:
    """Return which rows have a score that is not ignored; None if all have one."""
    kept = (scores != -math.inf).any(-1, keepdims=True)
    return None if kept.all() else kept
