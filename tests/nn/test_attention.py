"""MultiheadAttention and the transformer encoder against torch, over their options."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import uniform
from tests.reference import torch

LIBRARIES: list[Any] = [minigrad, torch]


def pair(build: Any) -> list[Any]:
    """Return a module in both libraries, in float64, with minigrad's state."""
    minigrad.manual_seed(2)
    ours, theirs = (build(lib).double() for lib in LIBRARIES)
    theirs.load_state_dict({key: torch.from_numpy(t.numpy().copy()) for key, t in ours.state_dict().items()})
    return [ours, theirs]


def compare(modules: list[Any], call: Any, *arrays: Any) -> None:
    """Compare the results of both, and the gradients of inputs and parameters."""
    outcomes = []
    for module, lib in zip(modules, LIBRARIES, strict=True):
        inputs = [lib.tensor(a, requires_grad=True) for a in arrays]
        result = call(lib, module, *inputs)
        results = [r for r in (result if isinstance(result, tuple) else (result,)) if r is not None]
        sum(((r * r).sum() for r in results), lib.zeros((), dtype=lib.float64)).backward()
        leaves = [*inputs, *module.parameters()]
        outcomes.append([*[r.detach().numpy() for r in results], *[p.grad.numpy() for p in leaves if p.grad is not None]])
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)


MASKS: dict[str, Any] = {
    "none": lambda lib: {},
    "boolean": lambda lib: {"attn_mask": lib.ones(4, 5).triu(1).bool()},
    "float": lambda lib: {"attn_mask": lib.tensor(uniform(4, 5, seed=4))},
    "of each head": lambda lib: {"attn_mask": lib.tensor(uniform(6, 4, 5, seed=4))},
    "padding": lambda lib: {"key_padding_mask": lib.tensor([[False] * 4 + [True], [False] * 2 + [True] * 3, [False] * 5])},
    "both": lambda lib: {
        "attn_mask": lib.tensor(uniform(4, 5, seed=4)),
        "key_padding_mask": lib.tensor(uniform(3, 5, seed=5)),
    },
}


KV = {"add_bias_kv": True, "add_zero_attn": True}


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 3, "vdim": 7}, {"batch_first": True}, KV])
@pytest.mark.parametrize("mask", MASKS)
def test_multihead_attention(mask: str, options: dict[str, Any]) -> None:
    modules = pair(lambda lib: lib.nn.MultiheadAttention(8, 2, **options))
    sizes = [8, options.get("kdim", 8), options.get("vdim", 8)]
    shapes = [(length, 3, size) for length, size in zip((4, 5, 5), sizes, strict=True)]
    arrays = [uniform(*shape, seed=k) for k, shape in enumerate(shapes)]
    if options.get("batch_first"):
        arrays = [a.transpose(1, 0, 2).copy() for a in arrays]
    for shown in ({}, {"average_attn_weights": False}, {"need_weights": False}):
        compare(modules, lambda lib, m, *x, shown=shown: m(*x, **MASKS[mask](lib), **shown), *arrays)


LENGTHS = [(2, 4), (4, 2), (3, 3), (1, 4), (4, 1)]
SCORE_MASKS: dict[str, Any] = {
    "none": lambda lib, n, m: {},
    "causal": lambda lib, n, m: {"is_causal": True},
    "causal and scaled": lambda lib, n, m: {"is_causal": True, "scale": 0.7},
    "boolean": lambda lib, n, m: {"attn_mask": lib.ones(n, m).tril(m - n).bool()},
    "boolean of rows": lambda lib, n, m: {"attn_mask": (lib.arange(n) != 1)[:, None]},
    "boolean of columns": lambda lib, n, m: {"attn_mask": (lib.arange(m) != 1)[None]},
    "boolean of heads": lambda lib, n, m: {"attn_mask": (lib.arange(6 * n * m) % 3 != 1).reshape(2, 3, n, m)},
    "float": lambda lib, n, m: {"attn_mask": lib.tensor(uniform(n, m, seed=7))},
    "float of columns": lambda lib, n, m: {"attn_mask": lib.tensor(uniform(2, 1, 1, m, seed=7))},
    "infinite": lambda lib, n, m: {"attn_mask": lib.where(lib.ones(n, m).tril().bool(), 0.5, -math.inf).double()},
}


@pytest.mark.parametrize("mask", SCORE_MASKS)
def test_attention_of_queries_to_more_or_fewer_keys(mask: str) -> None:
    """The first query attends to the first key: causal masks are aligned there, whatever the lengths."""
    for n, m in LENGTHS:
        shapes = [(2, 3, n, 4), (2, 3, m, 4), (2, 3, m, 5)]
        outcomes = []
        for lib in LIBRARIES:
            inputs = [lib.tensor(uniform(*shape, seed=k), requires_grad=True) for k, shape in enumerate(shapes)]
            y = lib.nn.functional.scaled_dot_product_attention(*inputs, **SCORE_MASKS[mask](lib, n, m))
            (y * y).sum().backward()
            outcomes.append([y.detach().numpy(), *[x.grad.numpy() for x in inputs]])
        for a, b in zip(*outcomes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10, err_msg=str((n, m)))


@pytest.mark.parametrize("batch_first", [False, True])
def test_causal_attention_of_queries_to_more_or_fewer_keys(batch_first: bool) -> None:
    for n, m in LENGTHS:
        modules = pair(lambda lib: lib.nn.MultiheadAttention(4, 2, batch_first=batch_first))
        arrays = [uniform(*((2, size, 4) if batch_first else (size, 2, 4)), seed=size) for size in (n, m, m)]
        for causal, need in itertools.product([False, True], repeat=2):
            compare(
                modules,
                lambda lib, module, *x, n=n, m=m, causal=causal, need=need: module(
                    *x, attn_mask=~lib.ones(n, m).tril().bool(), need_weights=need, is_causal=causal
                ),
                *arrays,
            )


def test_attention_without_a_batch() -> None:
    modules = pair(lambda lib: lib.nn.MultiheadAttention(6, 3))
    compare(modules, lambda lib, m, x: m(x, x, x), uniform(4, 6))
    compare(modules, lambda lib, m, x: m(x, x, x, average_attn_weights=False), uniform(4, 6))


def test_wrong_arguments_of_attention() -> None:
    for lib in LIBRARIES:
        for sizes in ((0, 1), (4, 0)):
            with pytest.raises(ValueError):  # noqa: PT011
                lib.nn.MultiheadAttention(*sizes)
        with pytest.raises(AssertionError):
            lib.nn.MultiheadAttention(4, 3)
        attention, x = lib.nn.MultiheadAttention(4, 2), lib.zeros(3, 1, 4)
        with pytest.raises(RuntimeError, match="is_causal"):
            attention(x, x, x, is_causal=True)
        with pytest.raises(RuntimeError):
            lib.nn.TransformerEncoderLayer(4, 2, activation="tan")


@pytest.mark.parametrize(
    ("norm_first", "batch_first", "bias", "activation"),
    list(itertools.product([False, True], [False, True], [False, True], ["relu", "gelu"])),
)
def test_the_encoder(norm_first: bool, batch_first: bool, bias: bool, activation: str) -> None:
    def build(lib: Any) -> Any:
        layer = lib.nn.TransformerEncoderLayer(
            8, 2, 12, 0.0, activation, batch_first=batch_first, norm_first=norm_first, bias=bias
        )
        return lib.nn.TransformerEncoder(layer, 2, lib.nn.LayerNorm(8), enable_nested_tensor=False)

    modules = pair(build)
    x = uniform(3, 4, 8) if batch_first else uniform(4, 3, 8)
    compare(modules, lambda lib, m, x: m(x), x)
    compare(modules, lambda lib, m, x: m(x, lib.ones(4, 4).triu(1).bool(), is_causal=True), x)
    compare(modules, lambda lib, m, x: m(x, src_key_padding_mask=lib.tensor([[False] * 3 + [True]] * 3)), x)
    assert list(modules[0].state_dict()) == list(modules[1].state_dict())


def test_initial_values_and_dropout() -> None:
    attention = nn.MultiheadAttention(64, 4, dropout=0.5)
    bound = (6 / (64 + 3 * 64)) ** 0.5
    weight = attention.state_dict()["in_proj_weight"]
    assert 0.9 * bound < weight.abs().max().item() <= bound
    assert not attention.out_proj.bias.any()  # type: ignore[union-attr]
    x = minigrad.randn(5, 2, 64)
    _, weights = attention(x, x, x, average_attn_weights=False)
    assert 0.3 < weights.eq(0).float().mean().item() < 0.7
    _, weights = attention.eval()(x, x, x)
    np.testing.assert_allclose(weights.sum(-1).detach().numpy(), 1, rtol=1e-5)


def test_half_precision() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0)
    x = minigrad.randn(4, 3, 8)
    full = layer(x)
    np.testing.assert_allclose(layer.half()(x.half()).float().detach().numpy(), full.detach().numpy(), atol=0.02)
