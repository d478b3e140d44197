"""Losses: how far a prediction is from its target.

`reduction` says what becomes of the loss of each element or sample: ``mean``, ``sum``, or ``none`` to keep them all.
torch's older arguments `size_average` and `reduce` are not taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.functions import where
from minigrad.ops import neural
from minigrad.tensor import Tensor, wrap

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str) -> None:
    """Raise unless it is one of mean, sum, none.

    Raises:
        ValueError: It is not.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def reduced(each: Tensor, reduction: str) -> Tensor:
    """Return the losses of the elements reduced."""
    check_reduction(reduction)
    return each.mean() if reduction == "mean" else each.sum() if reduction == "sum" else each


def check_shapes(name: str, prediction: Tensor, target: Tensor) -> None:
    """Raise unless both have one shape.

    torch lets them broadcast, with no more than a warning, and so trains a wrong model: (N, 1) against (N,) compares each
    prediction with every target.

    Raises:
        ValueError: They do not.
    """
    p, t = prediction._array.shape, target._array.shape
    if p == t:
        return
    try:
        both = f"they would broadcast to {np.broadcast_shapes(p, t)}"
    except ValueError:
        both = "they do not even broadcast"
    remedy = f" Reshape the target to {p}." if prediction.numel() == target.numel() else ""
    raise ValueError(f"{name}: prediction is {p}, target is {t}: {both}.{remedy}")


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:  # noqa: A002
    """Return the squared error, (x - y)², reduced. The gradient of the mean is 2 (x - y) / n.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("mse_loss", input, target)
    if reduction == "mean":
        return input._binary(neural.mse, target)
    return reduced((input - target).square(), reduction)


def nll_loss(
    input: Tensor,  # noqa: A002
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the log-probability of the target's class, reduced: l = -w[y] x[y].

    The mean is weighted: sum of l / sum of w[y]; it is NaN of nothing.

    Args:
        input: Log-probabilities, as `log_softmax` gives them.
        target: The class of each sample, an integer from 0 to C-1.
        weight: Weight of each class, of shape (C,).
        ignore_index: A target of this number counts for nothing.
        reduction: What becomes of the samples' losses.

    Shape:
        input (N, C), (C,) or (N, C, *); target (N,), () or (N, *); with ``none`` the result is like the target.

    Raises:
        IndexError: A class is out of bounds.
        ValueError: The batch sizes differ, or the reduction is unknown.
        RuntimeError: The target is not of int64 or uint8, or the shapes do not fit.
    """
    return _class_loss(input, target, weight, ignore_index, reduction, smoothing=0.0)


def cross_entropy(
    input: Tensor,  # noqa: A002
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of softmax(x) and the target, reduced.

    With a class y as target it is l = -w[y] log softmax(x)[y], and its mean is weighted, as in `nll_loss`. With
    probabilities p as target it is l = -sum over c of w[c] p[c] log softmax(x)[c], and its mean is over the samples.
    Smoothing by s mixes the target with the uniform distribution, (1 - s) target + s / C.

    Args:
        input: Logits: any numbers, not yet normalised.
        target: The class of each sample, an integer from 0 to C-1; or of the shape of the input, probabilities of the classes.
        weight: Weight of each class, of shape (C,).
        ignore_index: A target class of this number counts for nothing.
        reduction: What becomes of the samples' losses.
        label_smoothing: s, from 0 to 1.

    Shape:
        input (N, C), (C,) or (N, C, *); target (N,), () or (N, *), or that of the input.

    Raises:
        IndexError: A class is out of bounds.
        ValueError: The batch sizes differ, or the reduction is unknown.
        RuntimeError: The target is of the wrong type, the shapes do not fit, or s is out of range.

    >>> import minigrad
    >>> cross_entropy(minigrad.zeros(2, 4), minigrad.tensor([1, 3]))
    tensor(1.3863)
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    log_p = input.log_softmax(_class_axis(input))
    if target._array.shape != input._array.shape:
        return _class_loss(log_p, target, weight, ignore_index, reduction, label_smoothing)
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
    count = input._array.shape[_class_axis(input)]
    mixed = target * (1 - label_smoothing) + label_smoothing / count if label_smoothing else target
    shares = log_p * mixed if weight is None else log_p * mixed * _along_classes(weight, input)
    return reduced(-shares.sum(_class_axis(input)), reduction)


def _class_axis(x: Tensor) -> int:
    """Return the axis of the classes: the second, or that of a single sample."""
    return min(1, x._array.ndim - 1)


def _along_classes(weight: Tensor, x: Tensor) -> Tensor:
    """Return the weights of the classes, shaped to broadcast against x (N, C, *) or (C,)."""
    count = x._array.shape[_class_axis(x)]
    if weight._array.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: "
            f"{list(weight._array.shape)}"
        )
    return weight.reshape(count, *(1,) * (x._array.ndim - 1 - _class_axis(x)))


def _class_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """Return -(1 - s) w[y] log p[y] - s / C sum over c of w[c] log p[c], reduced; see `nll_loss` and `cross_entropy`."""
    check_reduction(reduction)
    _check_classes(log_p, target)
    count = log_p._array.shape[_class_axis(log_p)]
    index = target._array.reshape(-1).astype(np.int64)  # a copy: the way back needs it as it is now
    ignored = index == ignore_index
    anything_ignored = bool(ignored.any())
    if anything_ignored:
        index[ignored] = 0
    if index.size and not 0 <= index.min() <= index.max() < count:
        wrong = index[(index < 0) | (index >= count)][0]
        raise IndexError(f"Target {wrong} is out of bounds: there are {count} classes, 0 to {count - 1}.")

    rows = log_p if log_p._array.ndim == 2 else log_p.movedim(_class_axis(log_p), -1).reshape(index.size, count)
    each = rows._apply(neural.pick, index=index)
    shares = None if weight is None else _along_classes(weight, rows).detach()
    total: Any = index.size
    if shares is not None:
        of_target = shares._array[index]
        each = each * of_target
        total = float(of_target[~ignored].sum())
    elif anything_ignored:
        total = index.size - int(ignored.sum())
    if smoothing:
        uniform = (rows if shares is None else rows * shares).sum(1)
        each = each * (1 - smoothing) + uniform * (smoothing / count)
    if anything_ignored:
        each = where(wrap(ignored), 0, each)
    if reduction == "none":
        return -each.reshape(target.shape)
    return -each.mean() if reduction == "mean" and total == index.size else -each.sum() / (total if reduction == "mean" else 1)


def _check_classes(log_p: Tensor, target: Tensor) -> None:
    """Raise, as torch does, unless the target can be classes for these log-probabilities."""
    p, t = log_p._array.shape, target._array.shape
    if len(p) == 0:
        raise RuntimeError("the prediction has no axis of classes: its shape must be (N, C), (C,) or (N, C, *)")
    if target._array.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype}: convert it with long()")
    if len(p) > 1 and (not t or t[0] != p[0]):
        raise ValueError(f"Expected input batch_size ({p[0]}) to match target batch_size ({t[0] if t else 1}).")
    if len(p) == 1 and t not in ((), (1,)):
        raise ValueError(f"Expected a single target for a prediction of shape {list(p)}, but got the shape {list(t)}.")
    if len(p) > 1 and t[1:] != p[2:]:
        raise RuntimeError(
            f"size mismatch: the prediction is {list(p)}, so the target must be {[p[0], *p[2:]]}, but it is {list(t)}"
        )
