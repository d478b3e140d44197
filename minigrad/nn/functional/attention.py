"""Scaled dot-product attention."""

import math

import numpy as np

from minigrad.combining import where
from minigrad.nn.functional.dropout import dropout
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
    kept: Tensor | None = None  # the rows that attend to something, if not all do
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        scores = where(wrap(np.tri(*scores.array.shape[-2:], dtype=bool)), scores, -math.inf)
    elif attn_mask is not None:
        scores = where(attn_mask, scores, -math.inf) if attn_mask.array.dtype == bool else scores + attn_mask
        fully_masked = wrap((scores.array == -math.inf).all(-1, keepdims=True))
        if fully_masked.array.any():  # the softmax of these rows would be NaN
            scores, kept = where(fully_masked, 0, scores), ~fully_masked
    weights = scores.softmax(-1) if kept is None else where(kept, scores.softmax(-1), 0)
    return (dropout(weights, dropout_p) if dropout_p else weights) @ value
