"""Momentum that looks ahead: Nesterov's accelerated gradient in its original form."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters
from minigrad.optim.rule import weak_scalar


class NAG(Optimizer):
    """Nesterov's accelerated gradient: the slope is taken where the momentum is about to lead.

        v <- mu v - lr grad f(theta + mu v)
        theta <- theta + v

    The gradient belongs to the *look-ahead point* y = theta + mu v, and `step` comes after the gradient is taken. So between
    steps **the parameters hold y**: each step ends with the look-ahead of the next one,

        theta = y - mu v,    v <- mu v - lr g,    theta <- theta + v,    y = theta + mu v

    and the ordinary loop of zero_grad, backward and step, or ``step(closure)``, which is the same, is Nesterov's method. At
    first v is 0 and y is theta. To use theta itself, for evaluation or to end the training, write

        with optimizer.at_theta():
            ...

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        momentum: mu, at least 0; with 0 this is plain gradient descent.
        weight_decay: L2 penalty, at least 0: its multiple of y is added to g first.
        maximize: Climb instead of descend.

    Raises:
        ValueError, TypeError: As by `Optimizer`.

    State: ``velocity`` (v), ``lookahead`` (the mu with which the parameter was moved ahead, so that mu may change).

    Sources: Nesterov 1983; in this form Sutskever, Martens, Dahl & Hinton 2013,
    https://proceedings.mlr.press/v28/sutskever13.html, equations 3 and 4. ``torch.optim.SGD(nesterov=True)`` makes the same
    points y while lr is constant, and never shows theta. After a change of lr the two differ: here v, which has lr in it,
    keeps its length.

    >>> import minigrad
    >>> x = minigrad.tensor(1.0, requires_grad=True)
    >>> optimizer = NAG([x], lr=0.25, momentum=0.5)
    >>> (x**2).backward()
    >>> optimizer.step()
    >>> x  # v = -0.25 * 2 = -0.5, theta = 0.5, y = 0.5 - 0.5 * 0.5
    tensor(0.2500, requires_grad=True)
    >>> with optimizer.at_theta():
    ...     print(x)
    tensor(0.5000, requires_grad=True)
    """

    scalar_state = frozenset({"lookahead"})

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
        """Return the names of the state: v, and the mu of the step before."""
        return {"velocity": 0.0, "lookahead": np.float64(0)}

    @staticmethod
    def update(y: Any, g: Any, v: Any, mu_before: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any, Any]:
        """Return y, v and mu after a step."""
        theta = y - weak_scalar(mu_before) * v
        v = momentum * v - lr * g
        theta = theta + v
        return theta + momentum * v, v, momentum

    @contextmanager
    def at_theta(self) -> Iterator[None]:
        """Let the parameters hold theta inside a ``with`` block. Afterwards they hold the look-ahead points again.

        What is written to parameters inside the block is lost.
        """
        ahead = [(p, p.array.copy(), state) for p, state in self.state.items() if state]
        for p, y, state in ahead:
            with np.errstate(all="ignore"):  # inf and NaN are values
                p.write(y - state["lookahead"].item() * state["velocity"].array)
        try:
            yield
        finally:
            for p, y, _ in ahead:
                p.write(y)
