"""Momentum and RMSprop in one, with averages that are right from the first step on: Adam, AdamW."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.ops.arithmetic import maximum
from minigrad.ops.elementary import sqrt
from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class Adam(Optimizer):
    """Adam: running averages of the gradient and of its square, corrected for having started at 0.

        m <- beta1 m + (1 - beta1) g                m_hat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2              v_hat = v / (1 - beta2^t)
        theta <- theta - lr m_hat / (sqrt(v_hat) + eps)

    At the first step m_hat = g and v_hat = g^2, so every element moves by lr, up or down, whatever the size of its gradient.
    With amsgrad, the greatest v so far stands in place of v in v_hat.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        betas: beta1 and beta2, how much of each average is kept at each step; floats from 0 to below 1.
        eps: Added to the root, at least 0.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first, or see decoupled_weight_decay.
        amsgrad: Use the greatest v so far.
        maximize: Climb instead of descend.
        decoupled_weight_decay: Shrink theta by the factor 1 - lr weight_decay instead of changing g: `AdamW`.
        flags: foreach, capturable, differentiable, fused: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`; or betas are not both floats.

    Equals ``torch.optim.Adam``. State: ``step``, ``exp_avg`` (m), ``exp_avg_sq`` (v), with amsgrad ``max_exp_avg_sq``.

    Sources: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1, in the order of its section 2, which spares two
    divisions for each element: lr_t = lr / (1 - beta1^t) and sqrt(v) / sqrt(1 - beta2^t). amsgrad: Reddi, Kale & Kumar 2018,
    https://openreview.net/forum?id=ryQu7f-RZ, which has no correction for the start. Where others differ: in that order the
    paper, Keras and TensorFlow leave the root of eps uncorrected ("epsilon hat"), so there eps is larger in the first steps.
    """

    flags = ("foreach", "capturable", "differentiable", "fused")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state: m, v, v_max."""
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0, "max_exp_avg_sq": 0.0 if group["amsgrad"] else None}

    def check_options(self, group: Group) -> None:
        """Refuse betas that are not floats."""
        if [type(beta) for beta in group["betas"]] != [float, float]:
            raise ValueError("betas must be either both floats or both Tensors")

    @staticmethod
    def update(
        t: int, theta: Any, g: Any, m: Any, v: Any, v_max: Any, *, lr: Any, betas: Any, eps: Any, amsgrad: bool
    ) -> tuple[Any, Any, Any, Any]:
        """Return theta, m, v and v_max after step t."""
        beta1, beta2 = betas
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        if amsgrad:
            v_max = maximum(v_max, v)
        lr_t = lr / (1 - beta1**t)
        root = sqrt(v_max if amsgrad else v) / (1 - beta2**t) ** 0.5
        return theta - lr_t * m / (root + eps), m, v, v_max


class AdamW(Adam):
    """AdamW: Adam whose weight decay does not pass through the averages.

        theta <- (1 - lr weight_decay) theta
        theta <- theta - lr m_hat / (sqrt(v_hat) + eps)              with m_hat and v_hat as in `Adam`

    An L2 penalty that is added to the gradient is divided by sqrt(v_hat) with it, so weights whose gradients are large decay
    least. Here all decay alike.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        betas: As in `Adam`.
        eps: As in `Adam`.
        weight_decay: At least 0; times lr, the part of theta that is taken off at each step.
        amsgrad: As in `Adam`.
        maximize: Climb instead of descend.
        flags: foreach, capturable, differentiable, fused: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Adam`.

    Equals ``torch.optim.AdamW``. State: as `Adam`, whose checkpoints it also loads; the decay stays decoupled then.

    Source: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2. There the decay is multiplied by the
    schedule of the learning rate only, not by its first value, as in optax with that value 1; so the paper's decay is lr
    weight_decay here.
    """

    fixed_options = {"decoupled_weight_decay": True}  # noqa: RUF012

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, **flags
        )
