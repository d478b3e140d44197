"""Losses as modules. Each applies the function in `minigrad.nn.functional` and equals torch's class of the same name.

`reduction` is ``mean``, ``sum`` or ``none``. torch's deprecated arguments `size_average` and `reduce` are not supported.
"""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.function_module import FunctionModule, stores_arguments
from minigrad.nn.functional.loss import REDUCTIONS, check_reduction
from minigrad.tensor import Tensor

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
    "SmoothL1Loss",
]  # fmt: skip


@stores_arguments
class Loss(FunctionModule):
    """Base class of the losses.

    Attributes:
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: The reduction is unknown.
    """

    shown = ()
    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS
    _: KW_ONLY
    reduction: str = "mean"

    def __post_init__(self) -> None:
        """Check the reduction."""
        super().__post_init__()
        check_reduction(self.reduction, self.reductions)

    def forward(self, input: Tensor, target: Tensor) -> Any:  # type: ignore[override]
        """Return the loss."""
        return self.function(input, target, **{name: getattr(self, name) for name in self.arguments})


class MSELoss(Loss):
    """The mean squared error, see `functional.mse_loss`. Its gradient is 2 (x - y) / n: mind the factor 2.

    Shape:
        input and target: equal shapes. Others are an error, even where they could be broadcast.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean absolute error, see `functional.l1_loss`."""

    function = staticmethod(F.l1_loss)


@stores_arguments
class SmoothL1Loss(Loss):
    """The Huber loss divided by beta, see `functional.smooth_l1_loss`."""

    function = staticmethod(F.smooth_l1_loss)
    _: KW_ONLY
    beta: float = 1.0


@stores_arguments
class HuberLoss(Loss):
    """The Huber loss: squared for small errors, linear for large ones; see `functional.huber_loss`."""

    function = staticmethod(F.huber_loss)
    _: KW_ONLY
    delta: float = 1.0


class BCELoss(Loss):
    """The binary cross-entropy of probabilities, see `functional.binary_cross_entropy`.

    Attributes:
        weight: A buffer that is broadcast to the input, or None.
    """

    function, arguments = staticmethod(F.binary_cross_entropy), ("weight", "reduction")

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)


class BCEWithLogitsLoss(Loss):
    """The binary cross-entropy of logits, see `functional.binary_cross_entropy_with_logits`.

    Attributes:
        weight: A buffer that is broadcast to the input, or None.
        pos_weight: The weight of positive targets, a buffer that is broadcast to the input, or None.
    """

    function, arguments = staticmethod(F.binary_cross_entropy_with_logits), ("weight", "reduction", "pos_weight")

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)


@stores_arguments
class KLDivLoss(Loss):
    """The Kullback-Leibler divergence, see `functional.kl_div`.

    Attributes:
        reduction: ``mean``, ``batchmean``, ``sum`` or ``none``.
        log_target: Whether the target holds logarithms.

    Raises:
        ValueError: The reduction is unknown.
    """

    function = staticmethod(F.kl_div)
    reductions = (*REDUCTIONS, "batchmean")
    _: KW_ONLY
    log_target: bool = False


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

    function, arguments = staticmethod(F.nll_loss), ("weight", "ignore_index", "reduction")


class CrossEntropyLoss(ClassLoss):
    """The cross-entropy of logits with classes or probabilities, see `functional.cross_entropy`.

    Attributes:
        label_smoothing: s, which replaces the target by (1 - s) target + s / C.
    """

    function, arguments = staticmethod(F.cross_entropy), ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)
        self.label_smoothing = label_smoothing
