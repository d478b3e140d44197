"""Losses as modules. `reduction` is ``mean``, ``sum`` or ``none``; torch's `size_average` and `reduce` are not taken."""

from __future__ import annotations

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.functional.loss import check_reduction
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Loss(Module):
    """What the losses have in common.

    Attributes:
        reduction: What becomes of the loss of each element or sample.

    Raises:
        ValueError: The reduction is unknown.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction = reduction


class MSELoss(Loss):
    """The squared error (x - y)², reduced. The gradient of the mean is 2 (x - y) / n: mind the factor 2.

    Shape:
        input and target: any, but the same; another shape is an error, also where it would broadcast.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The absolute error |x - y|, reduced; its derivative at 0 is 0.

    Shape:
        input and target: any, but the same.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """(x - y)² / (2 beta) where |x - y| < beta, else |x - y| - beta / 2, reduced.

    Shape:
        input and target: any, but the same.
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """(x - y)² / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2), reduced.

    Shape:
        input and target: any, but the same.
    """

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(Loss):
    """-w (y log(x) + (1 - y) log(1 - x)), reduced; no logarithm counts as less than -100.

    Shape:
        input and target: any, but the same; both from 0 to 1.

    Attributes:
        weight: w, a buffer that broadcasts to the input, or None.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """-w (p y log s(x) + (1 - y) log(1 - s(x))), reduced, where s is the sigmoid; without overflow.

    Shape:
        input and target: any, but the same; the target from 0 to 1.

    Attributes:
        weight: w, a buffer that broadcasts to the input, or None.
        pos_weight: p, a buffer that broadcasts to the input, or None.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Module):
    """y (log(y) - x), reduced, for log-probabilities x and probabilities y; 0 where y = 0.

    Shape:
        input and target: any, but the same.

    Attributes:
        reduction: ``mean`` over all elements, ``batchmean``: the sum divided by the number of samples, ``sum`` or ``none``.
        log_target: Whether the target holds logarithms.

    Raises:
        ValueError: The reduction is unknown.
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__()
        if reduction != "batchmean":
            check_reduction(reduction)
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class ClassLoss(Loss):
    """What the losses that compare with classes have in common.

    Attributes:
        weight: Weight of each class, a buffer of shape (C,), or None.
        ignore_index: A target class of this number counts for nothing.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class NLLLoss(ClassLoss):
    """Minus the log-probability of the target's class, -w[y] x[y], reduced; the mean is weighted by w[y].

    Shape:
        input: (N, C), (C,) or (N, C, *), log-probabilities. target: (N,), () or (N, *), classes from 0 to C-1.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(ClassLoss):
    """The cross-entropy of softmax(x) and the target, reduced; see `functional.cross_entropy`.

    With a class y as target it is -w[y] log softmax(x)[y], with probabilities p it is -sum w p log softmax(x).

    Shape:
        input: (N, C), (C,) or (N, C, *), logits. target: (N,), () or (N, *), classes from 0 to C-1; or like the input,
        probabilities.

    Attributes:
        label_smoothing: s, which mixes the target with the uniform distribution, (1 - s) target + s / C.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
