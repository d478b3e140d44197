"""Losses as modules. Each applies the function in `minigrad.nn.functional` and equals torch's class of the same name.

`reduction` is ``mean``, ``sum`` or ``none``. torch's deprecated arguments `size_average` and `reduce` are not supported.
"""

from __future__ import annotations

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.functional.loss import check_reduction
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Loss(Module):
    """Base class of the losses.

    Attributes:
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: The reduction is unknown.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction = reduction


class MSELoss(Loss):
    """The mean squared error, see `functional.mse_loss`. Its gradient is 2 (x - y) / n: mind the factor 2.

    Shape:
        input and target: equal shapes. Others are an error, even where they could be broadcast.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean absolute error, see `functional.l1_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """The Huber loss divided by beta, see `functional.smooth_l1_loss`."""

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """The Huber loss: squared for small errors, linear for large ones; see `functional.huber_loss`."""

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(Loss):
    """The binary cross-entropy of probabilities, see `functional.binary_cross_entropy`.

    Attributes:
        weight: A buffer that is broadcast to the input, or None.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The binary cross-entropy of logits, see `functional.binary_cross_entropy_with_logits`.

    Attributes:
        weight: A buffer that is broadcast to the input, or None.
        pos_weight: The weight of positive targets, a buffer that is broadcast to the input, or None.
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
    """The Kullback-Leibler divergence, see `functional.kl_div`.

    Attributes:
        reduction: ``mean``, ``batchmean``, ``sum`` or ``none``.
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
    """Base class of the losses whose targets are classes.

    Attributes:
        weight: Weight of each class, a buffer of shape ``(C,)``, or None.
        ignore_index: Samples with this target are ignored.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class NLLLoss(ClassLoss):
    """The negative log-likelihood of log-probabilities, see `functional.nll_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(ClassLoss):
    """The cross-entropy of logits with classes or probabilities, see `functional.cross_entropy`.

    Attributes:
        label_smoothing: s, which replaces the target by (1 - s) target + s / C.
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
