"""Losses: how far a prediction is from its target.

`reduction` says what becomes of the loss of each element or sample: ``mean``, ``sum``, or ``none`` to keep them all.
torch's older arguments `size_average` and `reduce` are not taken.
"""

from __future__ import annotations

import numpy as np

from minigrad.combining import where
from minigrad.nn.functional.activation import logsigmoid
from minigrad.ops import neural
from minigrad.primitive import Array
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
    p, t = prediction.array.shape, target.array.shape
    if p == t:
        return
    try:
        both = f"they would broadcast to {np.broadcast_shapes(p, t)}"
    except ValueError:
        both = "they do not even broadcast"
    remedy = f" Reshape the target to {p}." if prediction.numel() == target.numel() else ""
    raise ValueError(f"{name}: prediction is {p}, target is {t}: {both}.{remedy}")


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the squared error, (x - y)², reduced. The gradient of the mean is 2 (x - y) / n.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("mse_loss", input, target)
    if reduction == "mean":
        return neural.mse(input, target)
    return reduced((input - target).square(), reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the absolute error, |x - y|, reduced; its derivative at 0 is 0.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("l1_loss", input, target)
    return reduced((input - target).abs(), reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return (x - y)² / (2 beta) where |x - y| < beta, else |x - y| - beta / 2, reduced. With beta 0 it is `l1_loss`.

    Girshick 2015, https://arxiv.org/abs/1504.08083. It is `huber_loss` divided by beta.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
        RuntimeError: beta is negative.
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    check_shapes("smooth_l1_loss", input, target)
    return reduced(_huber((input - target).abs(), beta) / beta, reduction)


def huber_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Return (x - y)² / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2), reduced. Huber 1964.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
        RuntimeError: delta is not positive.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    check_shapes("huber_loss", input, target)
    return reduced(_huber((input - target).abs(), delta), reduction)


def _huber(error: Tensor, delta: float) -> Tensor:
    near = error.clamp(max=delta)
    return near * (error - 0.5 * near)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return -w (y log(x) + (1 - y) log(1 - x)), reduced; no logarithm counts as less than -100, so the loss is finite.

    Prefer `binary_cross_entropy_with_logits` to this after a sigmoid.

    Args:
        input: Probabilities, from 0 to 1.
        target: Probabilities, from 0 to 1.
        weight: w, broadcast to the input.
        reduction: What becomes of the elements' losses.

    Shape:
        input and target: any, but the same.

    Raises:
        RuntimeError: An input is not between 0 and 1.
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("binary_cross_entropy", input, target)
    if not ((input.array >= 0) & (input.array <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1: logits go to binary_cross_entropy_with_logits")
    each = neural.binary_cross_entropy(input, target)
    return reduced(each if weight is None else each * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return -w (p y log s(x) + (1 - y) log(1 - s(x))), reduced, where s is the sigmoid, without overflow.

    Args:
        input: Logits: any numbers.
        target: Probabilities, from 0 to 1.
        weight: w, broadcast to the input.
        reduction: What becomes of the elements' losses.
        pos_weight: p, the weight of positive targets, broadcast to the input.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("binary_cross_entropy_with_logits", input, target)
    positive: Tensor | float = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    each = (1 - target) * input - logsigmoid(input) * positive
    return reduced(each if weight is None else each * weight, reduction)


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Return the Kullback-Leibler divergence of y from exp(x): y (log(y) - x), reduced; 0 where y = 0.

    The mean is over all elements, as in torch, which is not the divergence of mathematics; ``batchmean`` is: the sum divided
    by the number of samples, the size of the first axis.

    Args:
        input: x, log-probabilities.
        target: y, probabilities; their logarithms with log_target.
        reduction: ``mean``, ``batchmean``, ``sum`` or ``none``.
        log_target: Whether the target is given as logarithm.

    Shape:
        input and target: any, but the same.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.
    """
    check_shapes("kl_div", input, target)
    # Where y = 0 there is a harmless number under the logarithm, so that no NaN comes back from there.
    p, log_p = (target.exp(), target) if log_target else (target, where(target == 0, 1, target).log())
    each = p * (log_p - input)
    if reduction == "batchmean":
        return each.sum() / len(each)
    return reduced(each, reduction)


def nll_loss(
    input: Tensor,
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
    check_reduction(reduction)
    index, ignored = _classes(input, target, ignore_index)
    return _class_loss(input, target, index, ignored, weight, reduction, smoothing=0.0)


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

    With a class y as target it is l = -w[y] log softmax(x)[y], and its mean is weighted, as in `nll_loss`. With
    probabilities p as target it is l = -sum over c of w[c] p[c] log softmax(x)[c], and its mean is over the samples.
    Smoothing by s mixes the target with the uniform distribution, (1 - s) target + s / C.

    Args:
        input: Logits: any numbers, not yet normalised.
        target: The class of each sample, an integer from 0 to C-1; or, of the shape of the input, probabilities.
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
    check_reduction(reduction)
    axis = _class_axis(input)
    if target.array.shape != input.array.shape:
        index, ignored = _classes(input, target, ignore_index)
        if weight is None and ignored is None and reduction == "mean" and not label_smoothing:
            return neural.cross_entropy(_rows(input), index=index)
        return _class_loss(input.log_softmax(axis), target, index, ignored, weight, reduction, label_smoothing)
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
    mixed = target * (1 - label_smoothing) + label_smoothing / input.array.shape[axis] if label_smoothing else target
    shares = input.log_softmax(axis) * mixed
    return reduced(-(shares if weight is None else shares * _along_classes(weight, input)).sum(axis), reduction)


def _class_axis(x: Tensor) -> int:
    """Return the axis of the classes: the second, or that of a single sample."""
    return min(1, x.array.ndim - 1)


def _along_classes(weight: Tensor, x: Tensor) -> Tensor:
    """Return the weights of the classes, shaped to broadcast against x (N, C, *) or (C,)."""
    count = x.array.shape[_class_axis(x)]
    if weight.array.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: "
            f"{list(weight.array.shape)}"
        )
    return weight.reshape(count, *(1,) * (x.array.ndim - 1 - _class_axis(x)))


def _rows(x: Tensor) -> Tensor:
    """Return x (N, C, *) or (C,) as a matrix with a row of classes for each sample."""
    if x.array.ndim == 2:
        return x
    axis = _class_axis(x)
    others = (k for k in range(x.array.ndim) if k != axis)
    return x.permute(*others, axis).reshape(-1, x.array.shape[axis])


def _classes(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Array, Array | None]:
    """Return the class of each sample in one row, and which of them are ignored, if any; theirs is then 0."""
    _check_classes(input, target)
    count = input.array.shape[_class_axis(input)]
    index = target.array.reshape(-1).astype(np.int64)  # a copy: the way back needs it as it is now
    if not index.size:
        return index, None
    low, high = index.min(), index.max()
    ignored = None
    if low <= ignore_index <= high:
        ignored = index == ignore_index
        index[ignored] = 0
        low, high = index.min(), index.max()
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise IndexError(f"Target {wrong} is out of bounds: there are {count} classes, 0 to {count - 1}.")
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
    rows = _rows(log_p)
    each = -neural.pick(rows, index=index)
    counts = np.ones(index.size, rows.array.dtype)  # what each sample counts for in the mean
    if weight is not None:
        shares = _along_classes(weight, rows)
        counts = shares.array[index]
        each = each * shares[index]
        rows = rows * shares
    if smoothing:
        each = each * (1 - smoothing) - rows.sum(1) * (smoothing / log_p.array.shape[_class_axis(log_p)])
    if ignored is not None:
        counts[ignored] = 0
        each = where(wrap(ignored), 0, each)
    if reduction == "none":
        return each.reshape(target.array.shape)
    return each.sum() / float(counts.sum()) if reduction == "mean" else each.sum()


def _check_classes(log_p: Tensor, target: Tensor) -> None:
    """Raise, as torch does, unless the target can be classes for these log-probabilities."""
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
