"""Adam that looks ahead: NAdam."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.ops.elementary import sqrt
from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters
from minigrad.optim.rule import weak_scalar


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum, whose strength mu grows with the number of the step.

        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),    Pi = mu_1 mu_2 ... mu_t
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        m_hat = (1 - mu_t) / (1 - Pi) g + mu_{t+1} / (1 - Pi mu_{t+1}) m
        theta <- theta - lr m_hat / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        betas: beta1 and beta2, how much of each average is kept at each step; from 0 to below 1.
        eps: Added to the root, at least 0.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first, or see decoupled_weight_decay.
        momentum_decay: How fast mu_t grows from beta1 / 2 to beta1, at least 0.
        decoupled_weight_decay: Shrink theta by the factor 1 - lr weight_decay instead of changing g, as in `AdamW`.
        maximize: Climb instead of descend.
        flags: foreach, capturable, differentiable: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`.

    Equals ``torch.optim.NAdam``. State: ``step``, ``mu_product`` (Pi, of the default dtype), ``exp_avg`` (m), ``exp_avg_sq``
    (v). torch rounds Pi to the parameter's dtype when it loads a checkpoint; here it stays as it was saved.

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, algorithm 2; momentum_decay = 0.004 is the one
    of the paper's schedule. Keras does the same with fixed 0.004; optax keeps mu_t at beta1.
    """

    scalar_state = frozenset({"mu_product"})
    flags = ("foreach", "capturable", "differentiable")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state: Pi, m, v."""
        return {"mu_product": 1.0, "exp_avg": 0.0, "exp_avg_sq": 0.0}

    @staticmethod
    def update(
        t: int, theta: Any, g: Any, mu_product: Any, m: Any, v: Any, *, lr: Any, betas: Any, eps: Any, momentum_decay: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Return theta, Pi, m and v after step t."""
        beta1, beta2 = betas
        mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        mu_product = mu_product * mu
        pi = weak_scalar(mu_product)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        root = sqrt(v / (1 - beta2**t)) + eps
        theta = theta - lr * (1 - mu) / (1 - pi) * g / root
        return theta - lr * mu_next / (1 - pi * mu_next) * m / root, mu_product, m, v
