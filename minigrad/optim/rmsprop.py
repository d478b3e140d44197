"""Adagrad that forgets: RMSprop."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.ops.elementary import sqrt
from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class RMSprop(Optimizer):
    """RMSprop: the gradient is divided by the root of a running average of its square.

        v <- alpha v + (1 - alpha) g^2
        theta <- theta - lr g / (sqrt(v) + eps)

    Centered, the average of the gradient is taken off, which leaves an estimate of the variance:

        m <- m + (1 - alpha) (g - m)
        sqrt(v - m^2) stands in place of sqrt(v)

    With momentum mu, the divided gradients are summed:

        b <- mu b + g / (sqrt(v) + eps)
        theta <- theta - lr b

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        alpha: How much of the average is kept at each step, from 0 to 1.
        eps: Added to the root, at least 0.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first.
        momentum: mu, at least 0.
        centered: Divide by the estimated standard deviation. Where the gradient is nearly constant this is nearly 0, and the
            steps become huge.
        maximize: Climb instead of descend.
        flags: capturable, foreach, differentiable: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`. torch takes an alpha above 1, which makes v negative.

    Equals ``torch.optim.RMSprop``. State: ``step``, ``square_avg`` (v), with momentum ``momentum_buffer`` (b), centered
    ``grad_avg`` (m). The rule does not use the number of the step; it is there for torch's sake.

    Source: Hinton, Neural Networks for Machine Learning, lecture 6e, 2012 (alpha = 0.9, no eps); centered: Graves 2013,
    https://arxiv.org/abs/1308.0850, equation 40. Where others differ: Keras and optax put eps inside the root, which gives
    much smaller steps where gradients are small, and optax multiplies by lr before the momentum. v starts at 0 and is not
    corrected for that, so the first step is lr / sqrt(1 - alpha), ten times lr by default; `Adam` corrects.
    """

    flags = ("capturable", "foreach", "differentiable")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state: v, b, m."""
        return {
            "square_avg": 0.0,
            "momentum_buffer": 0.0 if group["momentum"] else None,
            "grad_avg": 0.0 if group["centered"] else None,
        }

    @staticmethod
    def update(
        t: int, theta: Any, g: Any, v: Any, b: Any, m: Any, *, lr: Any, alpha: Any, eps: Any, momentum: Any, centered: bool
    ) -> tuple[Any, Any, Any, Any]:
        """Return theta, v, b and m after a step."""
        v = alpha * v + (1 - alpha) * g * g
        variance = v
        if centered:
            m = m + (1 - alpha) * (g - m)
            variance = v - m * m
        step = g / (sqrt(variance) + eps)
        if momentum:
            step = b = momentum * b + step
        return theta - lr * step, v, b, m
