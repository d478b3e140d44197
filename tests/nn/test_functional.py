"""Every function of nn.functional against torch's of that name: value, first and second derivative; and its errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.nn import functional as F  # noqa: N812
from tests.nn.parity import Array, assert_close, assert_same_in_both, uniform
from tests.reference import torch

TF = torch.nn.functional
Case = tuple[Callable[..., Any], list[Array]]

edges = np.array([-1000.0, -25.0, -1.0, -0.5, -1e-8, 1e-8, 0.5, 1.0, 3.0, 25.0, 1000.0])
x, y = uniform(3, 4), uniform(3, 4, seed=1)
p, q = uniform(3, 4, low=0.05, high=0.95), uniform(3, 4, seed=1, low=0.05, high=0.95)
logits = uniform(5, 4)
classes = np.array([0, 3, 1, 1, 2])
image = uniform(2, 4, 7, 6)
weights = np.array([0.5, 2.0, 0.0, 1.5])

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda f, x: f.relu(x),
    "leaky_relu": lambda f, x: f.leaky_relu(x),
    "leaky_relu slope": lambda f, x: f.leaky_relu(x, 0.3),
    "elu": lambda f, x: f.elu(x),
    "elu alpha": lambda f, x: f.elu(x, 0.7),
    "gelu": lambda f, x: f.gelu(x),
    "gelu tanh": lambda f, x: f.gelu(x, approximate="tanh"),
    "silu": lambda f, x: f.silu(x),
    "softplus": lambda f, x: f.softplus(x),
    "softplus beta": lambda f, x: f.softplus(x, beta=2.0, threshold=5.0),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "tanh": lambda f, x: f.tanh(x),
    "hardtanh": lambda f, x: f.hardtanh(x),
    "hardtanh bounds": lambda f, x: f.hardtanh(x, -0.5, 0.7),
    "logsigmoid": lambda f, x: f.logsigmoid(x),
    "softmax": lambda f, x: f.softmax(x, dim=-1),
    "log_softmax": lambda f, x: f.log_softmax(x, dim=-1),
    "softmax dim 0": lambda f, x: f.softmax(x, dim=0),
}


IN_PLACE = ["relu", "leaky_relu", "elu", "hardtanh"]
NOT_IN_PLACE = ["softplus", "logsigmoid", "sigmoid", "tanh"]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("values", [x, edges, np.zeros((2, 0)), np.zeros(1)], ids=["plain", "edges", "empty", "zero"])
def test_activations(name: str, values: Array) -> None:
    call = ACTIVATIONS[name]
    # At the kink of elu the second derivative from the left is as valid as torch's 0.
    orders = 1 if name.startswith("elu") and 0 in values else 2
    assert_same_in_both(lambda x: call(F, x), lambda x: call(TF, x), values, orders=orders)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_float32(name: str) -> None:
    call = ACTIVATIONS[name]
    our_values = minigrad.tensor(edges.astype(np.float32), requires_grad=True)
    reference_values = torch.tensor(edges.astype(np.float32), requires_grad=True)
    ours, reference = call(F, our_values), call(TF, reference_values)
    assert_close(ours, reference, 2e-6)
    ours.sum().backward()
    reference.sum().backward()
    assert our_values.grad is not None
    assert_close(our_values.grad, reference_values.grad, 2e-6)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_overwrites_the_input_and_is_recorded(name: str) -> None:
    our_values, reference_values = minigrad.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours, reference = our_values * 1, reference_values * 1
    getattr(F, name)(ours, inplace=True)
    getattr(TF, name)(reference, inplace=True)
    assert_close(ours, reference)
    (ours * ours).sum().backward()
    (reference * reference).sum().backward()  # type: ignore[no-untyped-call]
    assert_close(our_values.grad, reference_values.grad)


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in (*IN_PLACE, *NOT_IN_PLACE)), *((name, {"inplace": True}) for name in IN_PLACE)],
)
@pytest.mark.parametrize("not_a_tensor", [x, [1.0], 2.0])
def test_an_activation_takes_tensors_only(name: str, options: dict[str, bool], not_a_tensor: Any) -> None:
    with pytest.raises(TypeError, match=r"argument 'input' \(position 1\) must be Tensor, not "):
        getattr(F, name)(not_a_tensor, **options)


def with_reductions(call: Callable[..., Any], arrays: list[Array], *more: str) -> dict[str, Case]:
    """Return one case for each reduction."""
    return {r: (lambda f, *t, r=r: call(f, *t, reduction=r), arrays) for r in ("mean", "sum", "none", *more)}


LOSSES: dict[str, dict[str, Case]] = {
    "mse": with_reductions(lambda f, a, b, **k: f.mse_loss(a, b, **k), [x, y]),
    "mse of scalars": with_reductions(lambda f, a, b, **k: f.mse_loss(a, b, **k), [np.array(2.0), np.array(3.0)]),
    "mse of equals": with_reductions(lambda f, a, b, **k: f.mse_loss(a, b, **k), [x, x.copy()]),
    "mse of empty": with_reductions(lambda f, a, b, **k: f.mse_loss(a, b, **k), [x[:0], y[:0]]),
    "l1": with_reductions(lambda f, a, b, **k: f.l1_loss(a, b, **k), [x, y]),
    "l1 of equals": with_reductions(lambda f, a, b, **k: f.l1_loss(a, b, **k), [x, x.copy()]),
    "smooth l1": with_reductions(lambda f, a, b, **k: f.smooth_l1_loss(a, b, **k), [x, y]),
    "smooth l1 of equals": with_reductions(lambda f, a, b, **k: f.smooth_l1_loss(a, b, **k), [x, x.copy()]),
    "smooth l1 beta": with_reductions(lambda f, a, b, **k: f.smooth_l1_loss(a, b, beta=0.3, **k), [x, y]),
    "smooth l1 beta 0": with_reductions(lambda f, a, b, **k: f.smooth_l1_loss(a, b, beta=0.0, **k), [x, y]),
    "huber": with_reductions(lambda f, a, b, **k: f.huber_loss(a, b, **k), [x, y]),
    "huber delta": with_reductions(lambda f, a, b, **k: f.huber_loss(a, b, delta=0.3, **k), [x, y]),
    "bce logits": with_reductions(lambda f, a, b, **k: f.binary_cross_entropy_with_logits(a, b, **k), [x, q]),
    "bce logits edges": with_reductions(
        lambda f, a, b, **k: f.binary_cross_entropy_with_logits(a, b, **k), [edges, np.linspace(0, 1, 11)]
    ),
    "bce logits weights": with_reductions(
        lambda f, a, b, **k: f.binary_cross_entropy_with_logits(a, b, like(a, y), pos_weight=like(a, weights), **k), [x, q]
    ),
    "kl": with_reductions(lambda f, a, b, **k: f.kl_div(a, b, **k), [x, q], "batchmean"),
    "kl log": with_reductions(lambda f, a, b, **k: f.kl_div(a, b, log_target=True, **k), [x, y], "batchmean"),
    "nll": with_reductions(lambda f, a, b, **k: f.nll_loss(a, b, **k), [logits, classes]),
    "nll weight": with_reductions(lambda f, a, b, **k: f.nll_loss(a, b, like(a, weights), **k), [logits, classes]),
    "nll ignore": with_reductions(lambda f, a, b, **k: f.nll_loss(a, b, ignore_index=1, **k), [logits, classes]),
    "nll images": with_reductions(
        lambda f, a, b, **k: f.nll_loss(a, b, like(a, weights), ignore_index=-1, **k),
        [image, np.arange(84).reshape(2, 7, 6) % 5 - 1],
    ),
    "nll one sample": with_reductions(lambda f, a, b, **k: f.nll_loss(a, b, **k), [logits[0], np.array(2)]),
    "ce": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [logits, classes]),
    "ce edges": with_reductions(
        lambda f, a, b, **k: f.cross_entropy(a, b, **k), [np.array([[1000.0, 0, -1000], [0, 0, 0]]), np.array([2, 1])]
    ),
    "ce bytes": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [logits, classes.astype(np.uint8)]),
    "ce of empty": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [logits[:0], classes[:0]]),
    "ce all ignored": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [logits, np.full(5, -100)]),
    "ce weight": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, like(a, weights), **k), [logits, classes]),
    "ce ignore": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, ignore_index=1, **k), [logits, classes]),
    "ce smoothing": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, label_smoothing=0.1, **k), [logits, classes]),
    "ce everything": with_reductions(
        lambda f, a, b, **k: f.cross_entropy(a, b, like(a, weights), ignore_index=3, label_smoothing=0.3, **k),
        [logits, classes],
    ),
    "ce images": with_reductions(
        lambda f, a, b, **k: f.cross_entropy(a, b, ignore_index=-1, label_smoothing=0.2, **k),
        [image, np.arange(84).reshape(2, 7, 6) % 5 - 1],
    ),
    "ce one sample": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [logits[0], np.array(2)]),
    "ce probabilities": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [x, q]),
    "ce probabilities everything": with_reductions(
        lambda f, a, b, w, **k: f.cross_entropy(a, b, w, label_smoothing=0.3, **k), [x, q, weights]
    ),
    "ce probabilities of images": with_reductions(
        lambda f, a, b, **k: f.cross_entropy(a, b, **k), [image, uniform(2, 4, 7, 6, seed=1)]
    ),
    "ce probabilities of one sample": with_reductions(lambda f, a, b, **k: f.cross_entropy(a, b, **k), [x[0], q[0]]),
}


def like(t: Any, array: Array) -> Any:
    """Return an array as a tensor of the library of t."""
    return torch.tensor(array) if isinstance(t, torch.Tensor) else minigrad.tensor(array)


@pytest.mark.parametrize(("name", "reduction"), [(name, r) for name, cases in LOSSES.items() for r in cases])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_losses(name: str, reduction: str) -> None:
    call, arrays = LOSSES[name][reduction]
    assert_same_in_both(lambda *t: call(F, *t), lambda *t: call(TF, *t), *arrays)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_bce(reduction: str) -> None:
    # torch adds 1e-12 to a denominator in the second derivative, which is therefore compared with the formula.
    assert_same_in_both(
        lambda a, b: F.binary_cross_entropy(a, b, minigrad.tensor(y), reduction=reduction),
        lambda a, b: TF.binary_cross_entropy(a, b, torch.tensor(y), reduction=reduction),
        p,
        q,
        orders=1,
    )


def test_second_derivative_of_bce() -> None:
    a = minigrad.tensor(p, requires_grad=True)
    loss = F.binary_cross_entropy(a, minigrad.tensor(q), reduction="sum")
    (first,) = minigrad.autograd.grad(loss, a, create_graph=True)
    assert first is not None
    (second,) = minigrad.autograd.grad(first.sum(), a)
    assert second is not None
    np.testing.assert_allclose(second.numpy(), q / p**2 + (1 - q) / (1 - p) ** 2, rtol=1e-12)


def test_bce_is_finite_at_certainty() -> None:
    # torch's smallest denominator is 1e-12 in float32, which is off by 4e-9.
    target = np.array([0.0, 1.0, 1.0, 0.0])
    assert_same_in_both(
        lambda a: F.binary_cross_entropy(a, minigrad.tensor(target)),
        lambda a: TF.binary_cross_entropy(a, torch.tensor(target)),
        np.array([0.0, 1.0, 0.0, 1.0]),
        orders=1,
        tolerance=5e-9,
    )


def test_kl_div_where_the_target_is_zero() -> None:
    target = np.array([[0.0, 0.25, 0.75]])
    assert_same_in_both(
        lambda a: F.kl_div(a, minigrad.tensor(target), reduction="sum"),
        lambda a: TF.kl_div(a, torch.tensor(target), reduction="sum"),
        uniform(1, 3),
    )


LAYERS: dict[str, Case] = {
    "linear": (lambda f, x, w, b: f.linear(x, w, b), [uniform(5, 3), uniform(2, 3), uniform(2)]),
    "linear without bias": (lambda f, x, w: f.linear(x, w), [uniform(5, 3), uniform(2, 3)]),
    "linear of a vector": (lambda f, x, w, b: f.linear(x, w, b), [uniform(3), uniform(2, 3), uniform(2)]),
    "linear of a stack": (lambda f, x, w, b: f.linear(x, w, b), [uniform(4, 5, 3), uniform(2, 3), uniform(2)]),
    "linear of empty": (lambda f, x, w, b: f.linear(x, w, b), [uniform(0, 3), uniform(2, 3), uniform(2)]),
    "embedding": (lambda f, i, w: f.embedding(i, w), [np.array([[1, 0, 1], [3, 3, 3]]), uniform(4, 3)]),
    "embedding of a scalar": (lambda f, i, w: f.embedding(i, w), [np.array(2), uniform(4, 3)]),
    "embedding int32": (lambda f, i, w: f.embedding(i, w), [np.array([2, 0], np.int32), uniform(4, 3)]),
    "embedding padded": (lambda f, i, w: f.embedding(i, w, padding_idx=-1), [np.array([[1, 0], [3, 3]]), uniform(4, 3)]),
    "layer_norm": (lambda f, x: f.layer_norm(x, (4,)), [x]),
    "layer_norm affine": (lambda f, x, w, b: f.layer_norm(x, (4,), w, b), [x, uniform(4), uniform(4, seed=1)]),
    "layer_norm of two axes": (lambda f, x, w: f.layer_norm(x, (7, 6), w, eps=0.1), [image, uniform(7, 6)]),
    "layer_norm of a constant": (lambda f, x: f.layer_norm(x, (4,)), [np.ones((2, 4))]),
    "normalize": (lambda f, x: f.normalize(x), [x]),
    "normalize p": (lambda f, x: f.normalize(x, p=3.0, dim=0), [x]),
    "normalize 1": (lambda f, x: f.normalize(x, p=1.0, dim=-1), [x]),
    "cosine_similarity": (lambda f, a, b: f.cosine_similarity(a, b), [x, y]),
    "cosine_similarity broadcast": (lambda f, a, b: f.cosine_similarity(a, b, dim=-1), [x, y[0]]),
    "attention": (
        lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v),
        [uniform(2, 3, 5, 4), uniform(2, 3, 6, 4), uniform(2, 3, 6, 2)],
    ),
    "attention causal": (
        lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        [uniform(5, 4), uniform(5, 4, seed=1), uniform(5, 2)],
    ),
    "attention mask": (
        lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, attn_mask=m),
        [uniform(2, 5, 4), uniform(2, 6, 4), uniform(2, 6, 2), uniform(5, 6)],
    ),
    "attention booleans": (
        lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, attn_mask=m),
        [uniform(2, 3, 4), uniform(2, 3, 4, seed=1), uniform(2, 3, 2), np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]], bool)],
    ),
    "attention fully masked": (
        lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, attn_mask=m),
        [uniform(3, 4), uniform(3, 4, seed=1), uniform(3, 2), np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)],
    ),
    "pad": (lambda f, x: f.pad(x, (1, 2)), [x]),
    "pad value": (lambda f, x: f.pad(x, (1, 0, 0, 2), value=3.0), [x]),
    "pad crop": (lambda f, x: f.pad(x, (-1, 2, 1, -2)), [x]),
    "pad reflect": (lambda f, x: f.pad(x, (2, 3, 1, 0), mode="reflect"), [image]),
    "pad replicate": (lambda f, x: f.pad(x, (2, 9, 1, 0), mode="replicate"), [image]),
    "pad circular crop": (lambda f, x: f.pad(x, (-2, 3, 1, -1), mode="circular"), [image]),
    "pad reflect crop": (lambda f, x: f.pad(x, (-2, 3, 1, -1), mode="reflect"), [image]),
    "pad replicate crop": (lambda f, x: f.pad(x, (-2, 3, 1, -1), mode="replicate"), [image]),
    "kl_div of a scalar": (lambda f, a, b: f.kl_div(a, b, reduction="batchmean"), [np.array(0.5), np.array(0.25)]),
    "pad circular": (lambda f, x: f.pad(x, (2, 3, 7, 0), mode="circular"), [image]),
    "adaptive_avg_pool2d": (lambda f, x: f.adaptive_avg_pool2d(x, (3, 4)), [image]),
    "adaptive_avg_pool2d 1": (lambda f, x: f.adaptive_avg_pool2d(x, 1), [image]),
    "adaptive_avg_pool2d up": (lambda f, x: f.adaptive_avg_pool2d(x, (None, 9)), [image[0]]),
    "avg_pool2d": (lambda f, x: f.avg_pool2d(x, 2), [image]),
    "avg_pool2d everything": (lambda f, x: f.avg_pool2d(x, (3, 2), (2, 1), (1, 0)), [image]),
    "avg_pool2d unbatched": (lambda f, x: f.avg_pool2d(x, 3, padding=1), [image[0]]),
    "max_pool2d": (lambda f, x: f.max_pool2d(x, 2), [image]),
    "max_pool2d overlap": (lambda f, x: f.max_pool2d(x, 3, 1, 1), [image]),
    "max_pool2d everything": (lambda f, x: f.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2)), [image]),
    "max_pool2d ties": (lambda f, x: f.max_pool2d(x, 2, 1), [np.round(image)]),
    "max_pool2d all equal": (lambda f, x: f.max_pool2d(x, 3, 2, 1), [np.zeros((1, 1, 5, 5))]),
    "max_pool2d unbatched": (lambda f, x: f.max_pool2d(x, 2), [image[0]]),
    "conv1d": (lambda f, x, w, b: f.conv1d(x, w, b, 2, 1, 2), [uniform(2, 4, 9), uniform(3, 4, 3), uniform(3)]),
    "conv1d unbatched": (lambda f, x, w: f.conv1d(x, w), [uniform(4, 9), uniform(3, 4, 3)]),
    "conv1d groups": (lambda f, x, w: f.conv1d(x, w, padding="same", groups=2), [uniform(2, 4, 9), uniform(6, 2, 4)]),
    "conv2d": (lambda f, x, w: f.conv2d(x, w), [image, uniform(3, 4, 3, 2)]),
    "conv2d bias": (lambda f, x, w, b: f.conv2d(x, w, b), [image, uniform(3, 4, 1, 1), uniform(3)]),
    "conv2d unbatched": (lambda f, x, w, b: f.conv2d(x, w, b), [image[0], uniform(3, 4, 3, 3), uniform(3)]),
    "conv2d stride": (lambda f, x, w: f.conv2d(x, w, stride=(2, 3)), [image, uniform(3, 4, 2, 2)]),
    "conv2d padding": (lambda f, x, w: f.conv2d(x, w, padding=(2, 1)), [image, uniform(3, 4, 3, 3)]),
    "conv2d dilation": (lambda f, x, w: f.conv2d(x, w, dilation=(2, 1)), [image, uniform(3, 4, 3, 3)]),
    "conv2d same": (lambda f, x, w: f.conv2d(x, w, padding="same", dilation=2), [image, uniform(3, 4, 3, 3)]),
    "conv2d valid": (lambda f, x, w: f.conv2d(x, w, padding="valid"), [image, uniform(3, 4, 3, 3)]),
    "conv2d groups": (lambda f, x, w, b: f.conv2d(x, w, b, groups=2), [image, uniform(6, 2, 3, 3), uniform(6)]),
    "conv2d depthwise": (lambda f, x, w: f.conv2d(x, w, groups=4, padding=1), [image, uniform(8, 1, 3, 3)]),
    "conv2d everything": (
        lambda f, x, w, b: f.conv2d(x, w, b, stride=(3, 2), padding=(2, 1), dilation=(2, 3), groups=2),
        [image, uniform(4, 2, 3, 2), uniform(4)],
    ),
    "conv2d of empty": (lambda f, x, w: f.conv2d(x, w), [image[:0], uniform(3, 4, 3, 3)]),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_layers(name: str) -> None:
    call, arrays = LAYERS[name]
    assert_same_in_both(lambda *t: call(F, *t), lambda *t: call(TF, *t), *arrays)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (4, 3, 2, 5)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool, affine: bool) -> None:
    our_values = [minigrad.tensor(uniform(3)), minigrad.tensor(uniform(3, low=0.5))]
    reference_values = [torch.tensor(uniform(3)), torch.tensor(uniform(3, low=0.5))]
    scale = [uniform(3, seed=2), uniform(3, seed=3)] if affine else []
    assert_same_in_both(
        lambda x, w=None, b=None: F.batch_norm(x, our_values[0], our_values[1], w, b, training, 0.3, 0.01),
        lambda x, w=None, b=None: TF.batch_norm(x, reference_values[0], reference_values[1], w, b, training, 0.3, 0.01),
        uniform(*shape),
        *scale,
    )
    for ours, reference in zip(our_values, reference_values, strict=True):
        assert_close(ours, reference)


def test_batch_norm_without_running_statistics() -> None:
    assert_same_in_both(
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: TF.batch_norm(x, None, None, training=True),
        uniform(5, 3),
    )


def test_zeros_normalize_to_zeros() -> None:
    assert_same_in_both(lambda x: F.normalize(x), lambda x: TF.normalize(x), np.zeros((2, 3)), orders=1)
    assert_same_in_both(
        lambda a, b: F.cosine_similarity(a, b),
        lambda a, b: TF.cosine_similarity(a, b),
        np.zeros((2, 3)),
        uniform(2, 3),
        orders=1,
    )


def test_max_pool2d_propagates_nan() -> None:
    values = image.copy()
    values[0, 0, 3, 3] = values[1, 2, 0, 1] = math.nan
    assert_close(F.max_pool2d(minigrad.tensor(values), 2), TF.max_pool2d(torch.tensor(values), 2))


def test_max_pool2d_of_integers() -> None:
    values = np.arange(32).reshape(1, 2, 4, 4) - 16
    assert_close(F.max_pool2d(minigrad.tensor(values), 3, 2, 1), TF.max_pool2d(torch.tensor(values), 3, 2, 1))


def test_float32_stays_float32() -> None:
    single = {name: [a.astype(np.float32) if a.dtype.kind == "f" else a for a in LAYERS[name][1]] for name in LAYERS}
    for name, arrays in single.items():
        our_values = [minigrad.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        result = LAYERS[name][0](F, *our_values)
        assert result.dtype is minigrad.float32, name
        result.sum().backward()
        assert all(t.grad.dtype is minigrad.float32 for t in our_values if t.requires_grad and t.grad is not None), name


def test_one_hot() -> None:
    for index, width in (([[0, 2], [1, 1]], -1), ([0, 2], 5), ([], 3)):
        array = np.array(index, np.int64)
        assert_close(F.one_hot(minigrad.tensor(array), width), TF.one_hot(torch.tensor(array), width))


def test_dropout() -> None:
    ones = minigrad.ones(20000, requires_grad=True)
    minigrad.manual_seed(0)
    dropped = F.dropout(ones, 0.3)
    kept = dropped.detach().numpy() != 0
    assert 0.68 < kept.mean() < 0.72
    np.testing.assert_array_equal(dropped.detach().numpy()[kept], np.float32(1 / 0.7))
    dropped.sum().backward()
    assert ones.grad is not None
    np.testing.assert_array_equal(ones.grad.numpy(), dropped.detach().numpy())
    minigrad.manual_seed(0)
    np.testing.assert_array_equal(F.dropout(ones, 0.3).detach().numpy(), dropped.detach().numpy())
    assert F.dropout(ones, 0.3, training=False) is ones
    assert F.dropout(ones, 0.0) is ones
    assert not F.dropout(ones, 1.0).detach().numpy().any()
    for function in (F.dropout, F.dropout1d, F.dropout2d):
        fresh = minigrad.ones(10, 10, 2, 3)[0] if function is F.dropout1d else minigrad.ones(10, 10, 2, 3)
        assert function(fresh, 0.5, inplace=True) is fresh
        assert set(fresh.reshape(-1).tolist()) == {0.0, 2.0}


def test_statistics_of_half_precision_are_gathered_in_single() -> None:
    """The sum of 2000 numbers of about 100 is beyond float16."""
    array = (100 + uniform(1000, 2, 2)).astype(np.float16)
    found = []
    for lib, f in ((minigrad, F), (torch, TF)):
        mean, var = lib.zeros(2), lib.ones(2)
        f.batch_norm(lib.tensor(array), mean, var, training=True)
        found.append(np.stack([mean.numpy(), var.numpy()]))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3)


def test_dropout_in_attention() -> None:
    minigrad.manual_seed(0)
    eye = minigrad.eye(50) * 1000
    result = F.scaled_dot_product_attention(eye, eye, minigrad.ones(50, 1), dropout_p=0.5)
    assert set(result.reshape(-1).tolist()) == {0.0, 2.0}


five, four = np.zeros(5, np.int64), np.zeros((3, 4))
ERRORS: dict[str, Case] = {
    "a class too large": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([0, 5, 1])]),
    "a class too small": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([0, -1, 1])]),
    "nll, a class too large": (lambda f, a, b: f.nll_loss(a, b), [x, np.array([0, 5, 1])]),
    "another batch size": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([0, 1])]),
    "classes of int32": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([0, 1, 1], np.int32)]),
    "classes of float": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([0.0, 1, 1])]),
    "classes as a column": (lambda f, a, b: f.cross_entropy(a, b), [x, np.array([[0], [1], [1]])]),
    "integer probabilities": (lambda f, a, b: f.cross_entropy(a, b), [x, np.ones((3, 4), np.int64)]),
    "images of another size": (lambda f, a, b: f.cross_entropy(a, b), [image, np.zeros((2, 7, 7), np.int64)]),
    "class weights of another size": (lambda f, a, b, w: f.nll_loss(a, b, w), [x, np.array([0, 1, 1]), np.ones(3)]),
    "an unknown reduction of classes": (lambda f, a, b: f.cross_entropy(a, b, reduction="avg"), [x, np.array([0, 1, 1])]),
    "an unknown reduction of nll": (lambda f, a, b: f.nll_loss(a, b, reduction="avg"), [x, np.array([0, 1, 1])]),
    "an unknown reduction of mse": (lambda f, a, b: f.mse_loss(a, b, reduction="avg"), [x, y]),
    "an unknown reduction of l1": (lambda f, a, b: f.l1_loss(a, b, reduction="avg"), [x, y]),
    "an unknown reduction of kl": (lambda f, a, b: f.kl_div(a, b, reduction="avg"), [x, y]),
    "too much smoothing": (lambda f, a, b: f.cross_entropy(a, b, label_smoothing=1.5), [x, np.array([0, 1, 1])]),
    "bce of logits": (lambda f, a, b: f.binary_cross_entropy(a, b), [x, q]),
    "bce of another shape": (lambda f, a, b: f.binary_cross_entropy(a, b), [p, q[0]]),
    "bce with logits of another shape": (lambda f, a, b: f.binary_cross_entropy_with_logits(a, b), [p, q[0]]),
    "negative beta": (lambda f, a, b: f.smooth_l1_loss(a, b, beta=-1.0), [x, y]),
    "delta 0": (lambda f, a, b: f.huber_loss(a, b, delta=0.0), [x, y]),
    "linear of another width": (lambda f, a, b: f.linear(a, b), [x, uniform(2, 3)]),
    "linear with bias of another width": (lambda f, a, b, c: f.linear(a, b, c), [x, uniform(2, 3), uniform(2)]),
    "embedding index too large": (lambda f, i, w: f.embedding(i, w), [np.array([4]), uniform(4, 3)]),
    "embedding index negative": (lambda f, i, w: f.embedding(i, w), [np.array([-1]), uniform(4, 3)]),
    "embedding of floats": (lambda f, i, w: f.embedding(i, w), [np.array([1.0]), uniform(4, 3)]),
    "one_hot index too large": (lambda f, i: f.one_hot(i, 2), [np.array([2])]),
    "one_hot index negative": (lambda f, i: f.one_hot(i), [np.array([-1])]),
    "one_hot of floats": (lambda f, i: f.one_hot(i), [np.array([1.0])]),
    "one_hot of empty": (lambda f, i: f.one_hot(i), [five[:0]]),
    "dropout p": (lambda f, x: f.dropout(x, 1.5), [x]),
    "layer_norm of another shape": (lambda f, x: f.layer_norm(x, (3,)), [x]),
    "batch_norm of one": (lambda f, x: f.batch_norm(x, None, None, training=True), [x[:1]]),
    "batch_norm weight": (lambda f, x, w: f.batch_norm(x, None, None, w, training=True), [x, uniform(3)]),
    "hardtanh bounds": (lambda f, x: f.hardtanh(x, 1.0, -1.0), [x]),
    "gelu approximation": (lambda f, x: f.gelu(x, approximate="half"), [x]),
    "conv2d channels": (lambda f, x, w: f.conv2d(x, w), [image, uniform(3, 3, 3, 3)]),
    "conv2d kernel too large": (lambda f, x, w: f.conv2d(x, w), [image, uniform(3, 4, 8, 3)]),
    "conv2d of two axes": (lambda f, x, w: f.conv2d(x, w), [x, uniform(3, 4, 3, 3)]),
    "conv2d groups": (lambda f, x, w: f.conv2d(x, w, groups=2), [image, uniform(3, 2, 3, 3)]),
    "conv2d bias": (lambda f, x, w, b: f.conv2d(x, w, b), [image, uniform(3, 4, 3, 3), uniform(4)]),
    "conv2d stride 0": (lambda f, x, w: f.conv2d(x, w, stride=0), [image, uniform(3, 4, 3, 3)]),
    "conv2d padding below 0": (lambda f, x, w: f.conv2d(x, w, padding=-1), [image, uniform(3, 4, 3, 3)]),
    "max_pool2d too small": (lambda f, x: f.max_pool2d(x, 9), [image]),
    "max_pool2d padding": (lambda f, x: f.max_pool2d(x, 2, padding=2), [image]),
    "avg_pool2d too small": (lambda f, x: f.avg_pool2d(x, 9), [image]),
    "pad odd": (lambda f, x: f.pad(x, (1, 2, 3)), [image]),
    "pad reflect too far": (lambda f, x: f.pad(x, (6, 0), mode="reflect"), [image[0]]),
    "pad circular too far": (lambda f, x: f.pad(x, (7, 0), mode="circular"), [image[0]]),
    "pad mode": (lambda f, x: f.pad(x, (1, 0), mode="mirror"), [image]),
    "attention with both masks": (
        lambda f, a, b: f.scaled_dot_product_attention(a, a, a, attn_mask=b, is_causal=True),
        [uniform(3, 4), uniform(3, 3)],
    ),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning", "ignore:reduction. 'mean' divides:UserWarning")
def test_errors_are_of_the_types_of_torch(name: str) -> None:
    call, arrays = ERRORS[name]
    with pytest.raises(Exception) as reference:  # noqa: PT011
        call(TF, *map(torch.tensor, arrays))
    with pytest.raises(reference.type):
        call(F, *map(minigrad.tensor, arrays))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div"])
def test_a_target_that_is_only_broadcastable_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="they would broadcast to") as error:
        getattr(F, name)(minigrad.zeros(34, 1), minigrad.zeros(34))
    assert str(error.value) == (
        f"{name}: prediction is (34, 1), target is (34,): they would broadcast to (34, 34). Reshape the target to (34, 1)."
    )


def test_messages_say_what_is_wrong() -> None:
    with pytest.raises(IndexError, match=r"Target 5 is out of bounds"):
        F.cross_entropy(minigrad.zeros(3, 4), minigrad.tensor([0, 5, 1]))
    with pytest.raises(ValueError, match=r"Expected input batch_size \(3\) to match target batch_size \(2\)\."):
        F.cross_entropy(minigrad.zeros(3, 4), minigrad.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"^avg is not a valid value for reduction$"):
        F.mse_loss(minigrad.zeros(1), minigrad.zeros(1), reduction="avg")
    with pytest.raises(ValueError, match=r"they do not even broadcast\.$"):
        F.mse_loss(minigrad.zeros(3), minigrad.zeros(4))


def test_the_error_names_an_unsupported_argument_of_torch() -> None:
    with pytest.raises(TypeError, match="size_average"):
        F.mse_loss(minigrad.zeros(1), minigrad.zeros(1), size_average=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="reduce"):
        F.l1_loss(minigrad.zeros(1), minigrad.zeros(1), reduce=True)  # type: ignore[call-arg]
