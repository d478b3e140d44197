"""A learning rate for each parameter: Adagrad."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.ops.elementary import sqrt
from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class Adagrad(Optimizer):
    """Adagrad: each element's learning rate is divided by the root of the sum of its squared gradients.

        s <- s + g^2
        theta <- theta - lr_t g / (sqrt(s) + eps),   lr_t = lr / (1 + (t - 1) lr_decay)

    s only grows, so the effective rate lr_t / sqrt(s) only falls, and least where gradients were small. On long runs it falls
    to nothing, which `RMSprop` and `Adadelta` repair.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        lr_decay: How fast lr falls with the number of the step t, at least 0.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first.
        initial_accumulator_value: What s is at first, at least 0. Here a group may have its own; torch ignores that.
        eps: Added to the root, at least 0; with 0, an element whose gradients were all 0 becomes NaN.
        maximize: Climb instead of descend.
        flags: foreach, differentiable, fused: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`.

    Equals ``torch.optim.Adagrad``. State, from construction on: ``step``, ``sum`` (s).

    Source: Duchi, Hazan & Singer 2011, https://jmlr.org/papers/v12/duchi11a.html (the diagonal form). Where it differs: the
    paper has neither lr_decay nor a first value of s, and puts its small constant delta where eps is. optax and Keras start s
    at 0.1, and optax puts eps inside the root, so that first steps are far smaller there where gradients are small.
    """

    flags = ("foreach", "differentiable", "fused")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, whose state begins at once."""
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            self.init_missing_state(p, self.param_groups[-1])

    def init_state(self, group: Group) -> StateSpec:
        """Return the name of the state: s."""
        return {"sum": group["initial_accumulator_value"]}

    @staticmethod
    def update(t: int, theta: Any, g: Any, s: Any, *, lr: Any, lr_decay: Any, eps: Any) -> tuple[Any, Any]:
        """Return theta and s after step t."""
        s = s + g * g
        return theta - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps), s
