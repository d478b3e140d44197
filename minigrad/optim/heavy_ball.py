"""Momentum as Polyak wrote it: the heavy ball."""

from collections.abc import Iterable
from typing import Any

from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class HeavyBall(Optimizer):
    """Polyak's heavy ball: a step down the slope, and a part mu of the last displacement once more.

        theta_{t+1} = theta_t - lr g + mu (theta_t - theta_{t-1}),    theta_{-1} = theta_0

    Think of a ball that rolls with friction: mu is how much of its speed it keeps. It does not "reduce the velocity"; what
    lowers the speed of `SGD` is its dampening.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        momentum: mu, at least 0; with 0 this is plain gradient descent.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first.
        maximize: Climb instead of descend.

    Raises:
        ValueError, TypeError: As by `Optimizer`.

    State: ``previous`` (theta_{t-1}), from the first step on.

    Source: Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5, equation 9. torch has no such class. While lr is
    constant ``torch.optim.SGD(momentum=mu)`` makes the same steps. After a change of lr it does not: its buffer holds
    gradients, so a smaller lr shortens the momentum at once, while the ball keeps its speed and slows down by friction.

    >>> import minigrad
    >>> x = minigrad.tensor(1.0, requires_grad=True)
    >>> optimizer = HeavyBall([x], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (x**2).backward()
    ...     optimizer.step()
    >>> x  # 1 - 0.25 * 2 = 0.5, then 0.5 - 0.25 * 1 + 0.5 * (0.5 - 1)
    tensor(0., requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, hyperparameters(locals()))

    def init_state(self, group: Group) -> StateSpec:
        """Return the name of the state: theta_{t-1}, which is not there before the first step."""
        return {"previous": None}

    @staticmethod
    def update(theta: Any, g: Any, previous: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
        """Return theta_{t+1} and theta_t."""
        if previous is None:
            previous = theta
        return theta - lr * g + momentum * (theta - previous), theta
