"""Attention between the positions of sequences, and the transformer encoder that is built of it."""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from minigrad import dtypes
from minigrad.combining import cat
from minigrad.creation import Options, empty, zeros
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.container import ModuleList, check_num_layers
from minigrad.nn.dropout import Dropout
from minigrad.nn.module import Linear, Module, Parameter
from minigrad.nn.normalization import LayerNorm
from minigrad.tensor import Tensor

__all__ = ["MultiheadAttention", "TransformerEncoder", "TransformerEncoderLayer"]


class MultiheadAttention(Module):
    """softmax(Q K' / sqrt(d)) V in several heads side by side, then a linear layer. Equals ``torch.nn.MultiheadAttention``.

    Q, K and V are linear in query, key and value; each head has d = embed_dim / num_heads of their components. Vaswani et al.
    2017, https://arxiv.org/abs/1706.03762.

    Shape:
        query ``(L, N, E)``, key ``(S, N, kdim)``, value ``(S, N, vdim)`` -> ``(L, N, E)`` and the weights ``(N, L, S)``; with
        batch_first N comes first; or all without N

    Attributes:
        in_proj_weight: Of shape ``(3 E, E)``, for Q, K and V; None if kdim or vdim is not E, then there are
            q_proj_weight ``(E, E)``, k_proj_weight ``(E, kdim)`` and v_proj_weight ``(E, vdim)``. Xavier-uniform.
        in_proj_bias: Of shape ``(3 E,)``, initially 0; None with ``bias=False``.
        bias_k: With add_bias_kv a further key ``(1, 1, E)``, and bias_v its value, Xavier-normal; else None. With
            add_zero_attn there is a further key and value of zeros.
        out_proj: The last linear layer, whose bias is initially 0.

    Raises:
        ValueError: The sizes are not positive.
        AssertionError: embed_dim is not divisible by num_heads.
    """

    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got {embed_dim} and {num_heads} instead")
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        options: Options = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        one = self.kdim == self.vdim == embed_dim
        for name, size in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            weight = None if one else Parameter(empty(embed_dim, size, **options))
            self.register_parameter(f"{name}_proj_weight", weight)
        self.register_parameter("in_proj_weight", Parameter(empty(3 * embed_dim, embed_dim, **options)) if one else None)
        self.register_parameter("in_proj_bias", Parameter(zeros(3 * embed_dim, **options)) if bias else None)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(empty(1, 1, embed_dim, **options)) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, p in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(p)
            elif name != "in_proj_bias":
                init.xavier_normal_(p)
        for b in (self.in_proj_bias, self.out_proj.bias):
            if b is not None:
                init.zeros_(b)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attention of each query to the keys, and its weights, averaged over the heads or ``(N, heads, L, S)``.

        Args:
            query: Where from.
            key: Where to.
            value: What is averaged there.
            key_padding_mask: ``(N, S)``: True for keys that are left out, or floats that are added to the scores.
            need_weights: Whether to return the weights; else None.
            attn_mask: ``(L, S)`` or ``(N heads, L, S)``, of the same kinds.
            average_attn_weights: Whether to average the weights over the heads.
            is_causal: Says that attn_mask is causal; it must be given all the same, as in torch.

        Raises:
            RuntimeError: A shape does not fit, or is_causal without a mask.
        """
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        unbatched = query.ndim == 2
        sequences = [
            t.unsqueeze(1) if unbatched else t.transpose(0, 1) if self.batch_first else t for t in (query, key, value)
        ]
        query, key, value = self._projections(sequences)
        if self.bias_k is not None and self.bias_v is not None:
            n = key.shape[1]
            key, value = cat([key, self.bias_k.expand(1, n, -1)]), cat([value, self.bias_v.expand(1, n, -1)])
        q, k, v = self._heads(query), self._heads(key), self._heads(value)
        if self.add_zero_attn:
            k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
        n, heads, length, _ = q.shape
        further = k.shape[2] - sequences[1].shape[0]  # keys, which no mask concerns
        scores = (q * (1 / math.sqrt(self.head_dim))) @ k.transpose(-1, -2)
        if attn_mask is not None:
            mask = F.pad(_additive(attn_mask, scores), (0, further))
            scores = scores + (mask.reshape(n, heads, length, -1) if mask.ndim == 3 else mask)
        if key_padding_mask is not None:
            scores = scores + F.pad(_additive(key_padding_mask, scores), (0, further)).reshape(n, 1, 1, -1)
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        out = self.out_proj((weights @ v).permute(2, 0, 1, 3).reshape(length, n, self.embed_dim))
        out = out.squeeze(1) if unbatched else out.transpose(0, 1) if self.batch_first else out
        if not need_weights:
            return out, None
        shown = weights.mean(1) if average_attn_weights else weights
        return out, shown.squeeze(0) if unbatched else shown

    def _projections(self, sequences: list[Tensor]) -> list[Tensor]:
        """Return Q, K and V."""
        packed = self.__dict__["in_proj_weight"]
        members = [self.__dict__[f"{name}_proj_weight"] for name in "qkv"]
        weights = members if packed is None else packed.chunk(3)
        biases = [None] * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return [F.linear(x, w, b) for x, w, b in zip(sequences, weights, biases, strict=True)]

    def _heads(self, x: Tensor) -> Tensor:
        """Return (L, N, E) as (N, heads, L, d)."""
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).permute(1, 2, 0, 3)


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as what is added to the scores: -inf where a boolean one is True."""
    return mask if mask.is_floating_point() else zeros(mask.shape, dtype=like.dtype).masked_fill(mask, -math.inf)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then a network of two layers, each added to its input and normalized.

    With norm_first the normalization comes before. Equals ``torch.nn.TransformerEncoderLayer``.

    Shape:
        ``(L, N, d_model) -> (L, N, d_model)``; with batch_first N comes first; or without N

    Attributes:
        self_attn: The attention.
        linear1: To dim_feedforward.
        linear2: Back to d_model.
        norm1: After (or before) the attention.
        norm2: After (or before) the network.

    Raises:
        RuntimeError: The activation is unknown.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise RuntimeError(f"activation should be relu/gelu, not {activation}")
            activation = ACTIVATIONS[activation]
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """Return the sequence after attention and network; for the masks see `MultiheadAttention`."""

        def attend(x: Tensor) -> Tensor:
            y, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(y)  # type: ignore[no-any-return]

        def feed_forward(x: Tensor) -> Tensor:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # type: ignore[no-any-return]

        x = src
        for norm, part in ((self.norm1, attend), (self.norm2, feed_forward)):
            x = x + part(norm(x)) if self.norm_first else norm(x + part(x))
        return x


class TransformerEncoder(Module):
    """Several copies of an encoder layer, one after another. Equals ``torch.nn.TransformerEncoder``.

    Attributes:
        layers: The copies; they begin with equal parameters, as in torch.
        norm: A module that is applied in the end, or None.

    Raises:
        ValueError: There are more than 10,000 layers.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        check_num_layers(num_layers)
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the sequence after all layers; for the masks see `MultiheadAttention`."""
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal=bool(is_causal))
        return x if self.norm is None else self.norm(x)
