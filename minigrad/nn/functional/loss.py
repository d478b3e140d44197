"""Losses: how far a prediction x is from its target y. Each equals torch's function of the same name.

`reduction` is ``mean``, ``sum``, or ``none``, which returns the loss of each element or sample. torch's deprecated arguments
`size_average` and `reduce` are not supported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backend import current
from minigrad.combining import where
from minigrad.grad_mode import call_numpy
from minigrad.nn.functional.activation import logsigmoid
from minigrad.ops import neural
from minigrad.primitive import Array
from minigrad.promotion import in_single
from minigrad.tensor import Tensor, wrap

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str, reductions: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise unless the reduction is known.

    Raises:
        ValueError: It is none of those.
    """
    if reduction not in reductions:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def reduce_loss(losses: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """Return the mean or the sum of the losses, or all of them; with weights w, the mean is the sum of w l / the sum of w.

    Raises:
        ValueError: The reduction is unknown, or there is not one weight for each loss.
    """
    check_reduction(reduction)
    if weight is not None:
        if weight.array.shape != losses.array.shape:
            raise ValueError("Weights and input must have the same size.")
        losses = losses * weight
        if reduction == "mean":
            return losses.sum() / weight.sum()
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def check_shapes(name: str, prediction: Tensor, target: Tensor) -> None:
    """Raise unless prediction and target have the same shape.

    torch only warns and broadcasts them, which trains a wrong model: ``(N, 1)`` against ``(N,)`` compares each prediction
    with every target.

    Raises:
        ValueError: The shapes differ.
    """
    p, t = prediction.array.shape, target.array.shape
    if p == t:
        return
    try:
        consequence = f"they would broadcast to {np.broadcast_shapes(p, t)}"
    except ValueError:
        consequence = "they do not even broadcast"
    remedy = f" Reshape the target to {p}." if prediction.numel() == target.numel() else ""
    raise ValueError(f"{name}: prediction is {p}, target is {t}: {consequence}.{remedy}")


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the squared error w (x - y)², reduced. The gradient of the mean is 2 (x - y) / n.

    With weights w, the mean is divided by their sum in place of n.

    Shape:
        input, target and weight: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("mse_loss", input, target)
    if reduction == "mean" and weight is None:
        return current.backend.binary(neural.mse_loss, input, target)  # half a microsecond sooner than a call
    return reduce_loss((input - target).square(), reduction, weight)


@in_single
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the absolute error w |x - y|, reduced. Its derivative at 0 is 0.

    With weights w, the mean is divided by their sum in place of the number of elements.

    Shape:
        input, target and weight: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("l1_loss", input, target)
    return reduce_loss((input - target).abs(), reduction, weight)


@in_single
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return (x - y)² / (2 beta) if |x - y| < beta, else |x - y| - beta / 2, reduced. With beta 0 it is `l1_loss`.

    It is `huber_loss` divided by beta. Girshick 2015, https://arxiv.org/abs/1504.08083.

    Shape:
        input and target: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
        RuntimeError: beta is negative.
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    check_shapes("smooth_l1_loss", input, target)
    return reduce_loss(_huber(input - target, beta) / beta, reduction)


@in_single
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return (x - y)² / 2 if |x - y| <= delta, else delta (|x - y| - delta / 2), reduced. Huber 1964.

    It is multiplied by the weight; the mean is over all elements even so, as in torch and unlike that of `mse_loss`.

    Shape:
        input, target and weight: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
        RuntimeError: delta is not positive.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    check_shapes("huber_loss", input, target)
    losses = reduce_loss(_huber(input - target, delta), "none", weight)
    return reduce_loss(losses, reduction)


def _huber(error: Tensor, delta: float) -> Tensor:
    clipped = error.clamp(-delta, delta)  # not of its absolute value, which has no second derivative at 0
    return clipped * (error - 0.5 * clipped)


@in_single
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return -w (y log(x) + (1 - y) log(1 - x)), reduced. Logarithms are clipped to at least -100, so the loss is finite.

    For the output of a sigmoid, `binary_cross_entropy_with_logits` is more accurate.

    Args:
        input: Probabilities, from 0 to 1.
        target: Probabilities, from 0 to 1.
        weight: w, broadcast to the input.
        reduction: ``mean``, ``sum`` or ``none``.

    Shape:
        input and target: equal shapes.

    Raises:
        RuntimeError: An input is not between 0 and 1.
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("binary_cross_entropy", input, target)
    call_numpy(_check_probabilities, input)
    losses = neural.binary_cross_entropy(input, target)
    return reduce_loss(losses if weight is None else losses * weight, reduction)


def _check_probabilities(x: Array) -> None:
    if not ((x >= 0) & (x <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1: logits go to binary_cross_entropy_with_logits")


@in_single
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return -w (p y log s(x) + (1 - y) log(1 - s(x))), reduced, with the sigmoid s; without overflow.

    Args:
        input: Logits.
        target: Probabilities, from 0 to 1.
        weight: w, broadcast to the input.
        reduction: ``mean``, ``sum`` or ``none``.
        pos_weight: p, the weight of positive targets, broadcast to the input.

    Shape:
        input and target: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("binary_cross_entropy_with_logits", input, target)
    positive: Tensor | float = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    losses = (1 - target) * input - logsigmoid(input) * positive
    return reduce_loss(losses if weight is None else losses * weight, reduction)


@in_single
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Return the Kullback-Leibler divergence of y from exp(x): y (log(y) - x), reduced; 0 if y = 0.

    ``mean`` is over all elements, as in torch. The divergence of mathematics is ``batchmean``: the sum divided by the number
    of samples, the size of the first axis.

    Args:
        input: x, log-probabilities.
        target: y, probabilities; their logarithms with log_target.
        reduction: ``mean``, ``batchmean``, ``sum`` or ``none``.
        log_target: Whether the target holds logarithms.

    Shape:
        input and target: equal shapes.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("kl_div", input, target)
    # log(1) in place of log(0): its derivative would make the gradient NaN.
    p, log_p = (target.exp(), target) if log_target else (target, where(target == 0, 1, target).log())
    losses = p * (log_p - input)
    if reduction == "batchmean":
        return losses.sum() / (len(losses) if losses.ndim else 1)
    return reduce_loss(losses, reduction)


@in_single
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood of the target class, reduced: l = -w[y] x[y].

    The mean is weighted: sum of l / sum of w[y]. It is NaN if there is no sample.

    Args:
        input: x, log-probabilities, such as those of `log_softmax`.
        target: y, the class of each sample, from 0 to C - 1.
        weight: w, the weight of each class, of shape ``(C,)``.
        ignore_index: Samples with this target are ignored.
        reduction: ``mean``, ``sum`` or ``none``.

    Shape:
        input ``(N, C)``, ``(C,)`` or ``(N, C, *)``; target ``(N,)``, ``()`` or ``(N, *)``; the result with ``none`` is like
        the target.

    Raises:
        IndexError: A class is out of bounds.
        ValueError: The batch sizes differ, or the reduction is unknown.
        RuntimeError: The dtype of the target is neither int64 nor uint8, or the shapes do not fit.
    """
    check_reduction(reduction)
    index, ignored = _class_indices(input, target, ignore_index)
    return _class_loss(input, target, index, ignored, weight, reduction, smoothing=0.0)


@in_single
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of softmax(x) and the target, reduced.

    * If the target is a class y, it is l = -w[y] log softmax(x)[y], and the mean is weighted, as in `nll_loss`.
    * If the target is probabilities p, it is l = -sum over c of w[c] p[c] log softmax(x)[c], and the mean is over samples.

    Label smoothing by s replaces the target by (1 - s) target + s / C, a mixture with the uniform distribution.

    Args:
        input: x, logits.
        target: The class of each sample, from 0 to C - 1; or probabilities, in the shape of the input.
        weight: w, the weight of each class, of shape ``(C,)``.
        ignore_index: Samples with this target class are ignored.
        reduction: ``mean``, ``sum`` or ``none``.
        label_smoothing: s, from 0 to 1.

    Shape:
        input ``(N, C)``, ``(C,)`` or ``(N, C, *)``; target ``(N,)``, ``()`` or ``(N, *)``, or that of the input; the result
        with ``none`` has the shape of a target of classes.

    Raises:
        IndexError: A class is out of bounds.
        ValueError: The batch sizes differ, or the reduction is unknown.
        RuntimeError: The dtype of the target is wrong, the shapes do not fit, or s is out of range.

    >>> import minigrad
    >>> cross_entropy(minigrad.zeros(2, 4), minigrad.tensor([1, 3]))
    tensor(1.3863)
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    check_reduction(reduction)
    axis = _class_axis(input)
    if target.array.shape != input.array.shape:
        index, ignored = _class_indices(input, target, ignore_index)
        if weight is None and ignored is None and reduction == "mean" and not label_smoothing:
            return neural.cross_entropy(_flatten_samples(input), index=index)
        return _class_loss(input.log_softmax(axis), target, index, ignored, weight, reduction, label_smoothing)
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.array.shape[axis]
    terms = input.log_softmax(axis) * target
    if weight is not None:
        terms = terms * _along_classes(weight, input)
    return reduce_loss(-terms.sum(axis), reduction)


def _class_axis(x: Tensor) -> int:
    """Return the axis of the classes: the second, or the only one of a single sample."""
    return min(1, x.array.ndim - 1)


def _along_classes(weight: Tensor, x: Tensor) -> Tensor:
    """Return the weights of the classes, shaped to broadcast against x of shape (N, C, *) or (C,)."""
    classes = x.array.shape[_class_axis(x)]
    if weight.array.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.array.shape)}"
        )
    return weight.reshape(classes, *(1,) * (x.array.ndim - 1 - _class_axis(x)))


def _flatten_samples(x: Tensor) -> Tensor:
    """Return x of shape (N, C, *) or (C,) as a matrix with a row of classes for each sample."""
    if x.array.ndim == 2:
        return x
    axis = _class_axis(x)
    sample_axes = (k for k in range(x.array.ndim) if k != axis)
    return x.permute(*sample_axes, axis).reshape(-1, x.array.shape[axis])


def _class_indices(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Array, Array | None]:
    """Return the class of each sample, as a vector, and the mask of those that are ignored, if any; their class is then 0."""
    _check_classes(input, target)
    classes = input.array.shape[_class_axis(input)]
    return call_numpy(_checked_classes, target, classes, ignore_index)


def _checked_classes(target: Array, classes: int, ignore_index: int) -> tuple[Array, Array | None]:
    index = target.reshape(-1).astype(np.int64)  # a copy: a later write to the target must not change the backward pass
    if not index.size:
        return index, None
    low, high = index.min(), index.max()
    ignored = None
    if low <= ignore_index <= high:
        ignored = index == ignore_index
        index[ignored] = 0
        low, high = index.min(), index.max()
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise IndexError(f"Target {wrong} is out of bounds: there are {classes} classes, 0 to {classes - 1}.")
    return index, ignored if ignored is not None and ignored.any() else None


def _class_loss(
    log_p: Tensor,
    target: Tensor,
    index: Array,
    ignored: Array | None,
    weight: Tensor | None,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Return -(1 - s) w[y] log p[y] - s / C sum over c of w[c] log p[c], reduced; see `nll_loss` and `cross_entropy`."""
    rows = _flatten_samples(log_p)
    losses = -neural.pick(rows, index=index)
    class_weights = None if weight is None else _along_classes(weight, rows)
    if class_weights is not None:
        losses = losses * class_weights[index]
        rows = rows * class_weights
    if smoothing:
        losses = losses * (1 - smoothing) - rows.sum(1) * (smoothing / rows.array.shape[1])
    if ignored is not None:
        losses = where(wrap(ignored), 0, losses)
    if reduction == "none":
        return losses.reshape(target.array.shape)
    if reduction == "sum":
        return losses.sum()
    total: Tensor = wrap(call_numpy(_total_weight, index, ignored, class_weights, rows.array.dtype))
    return losses.sum() / total


def _total_weight(index: Array, ignored: Array | None, class_weights: Array | None, dtype: np.dtype[Any]) -> Array:
    """Return the sum of the weights of the samples."""
    weights = np.ones(index.size, dtype) if class_weights is None else class_weights[index]
    return np.array(weights.sum() if ignored is None else weights[~ignored].sum(), dtype)


def _check_classes(log_p: Tensor, target: Tensor) -> None:
    """Raise torch's errors unless the dtype and shape of the target fit the log-probabilities."""
    p, t = log_p.array.shape, target.array.shape
    if len(p) == 0:
        raise RuntimeError("the prediction has no axis of classes: its shape must be (N, C), (C,) or (N, C, *)")
    if target.array.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype}: convert it with long()")
    if len(p) > 1 and (not t or t[0] != p[0]):
        raise ValueError(f"Expected input batch_size ({p[0]}) to match target batch_size ({t[0] if t else 1}).")
    if len(p) == 1 and t not in ((), (1,)):
        raise ValueError(f"Expected a single target for a prediction of shape {list(p)}, but got the shape {list(t)}.")
    if len(p) > 1 and t[1:] != p[2:]:
        raise RuntimeError(
            f"size mismatch: the prediction is {list(p)}, so the target must be {[p[0], *p[2:]]}, but it is {list(t)}"
        )
