"""RMSprop without a learning rate: Adadelta."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.ops.elementary import sqrt
from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class Adadelta(Optimizer):
    """Adadelta: a step is as long as the steps before, times the gradient over the gradients before.

        v <- rho v + (1 - rho) g^2
        delta = sqrt(u + eps) / sqrt(v + eps) g
        u <- rho u + (1 - rho) delta^2
        theta <- theta - lr delta

    v and u are running averages, E[g^2] and E[delta theta^2] in the paper. delta has the unit of theta, whatever the unit of
    the loss, and so needs no learning rate. As u starts at 0, eps sets the length of the first steps.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: A factor for the step, at least 0; the paper has none, which is 1.
        rho: How much of the averages is kept at each step, from 0 to 1.
        eps: Added to both averages, at least 0.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first.
        maximize: Climb instead of descend.
        flags: foreach, capturable, differentiable: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`.

    Equals ``torch.optim.Adadelta``. State: ``step``, ``square_avg`` (v), ``acc_delta`` (u).

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701, algorithm 1 (rho = 0.95). Here eps is inside the roots, in the paper
    as in torch, optax and Keras. Keras has lr = 0.001 by default, with which Adadelta hardly moves.
    """

    flags = ("foreach", "capturable", "differentiable")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state: v, u."""
        return {"square_avg": 0.0, "acc_delta": 0.0}

    @staticmethod
    def update(t: int, theta: Any, g: Any, v: Any, u: Any, *, lr: Any, rho: Any, eps: Any) -> tuple[Any, Any, Any]:
        """Return theta, v and u after a step."""
        v = rho * v + (1 - rho) * g * g
        delta = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * delta * delta
        return theta - lr * delta, v, u
