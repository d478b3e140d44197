"""Gradient descent, and with a memory: momentum."""

from collections.abc import Iterable
from typing import Any, Unpack

from minigrad.optim.flags import ImplementationFlags
from minigrad.optim.optimizer import Group, Optimizer, StateSpec, hyperparameters


class SGD(Optimizer):
    """Gradient descent, plain or with momentum, in torch's form.

    Plain, the oldest rule of all: go a step down the slope.

        theta <- theta - lr g

    With momentum mu and dampening d, the step follows a running sum of the gradients, the buffer b:

        b <- g                              at the first step
        b <- mu b + (1 - d) g               afterwards
        theta <- theta - lr b               or, with nesterov,  theta - lr (g + mu b)

    Whether this is batch, stochastic or mini-batch gradient descent is decided by what the gradient g was taken of: all
    samples, one, or a few.

    Args:
        params: The parameters, or groups of them; see `Optimizer`.
        lr: Learning rate, at least 0.
        momentum: mu, at least 0; 0.9 is usual. 1 and more does not die away.
        dampening: d; the share of the gradient that is left out of the buffer.
        weight_decay: L2 penalty, at least 0: its multiple of theta is added to g first.
        nesterov: Step along g + mu b. Needs a momentum and no dampening.
        maximize: Climb instead of descend.
        flags: foreach, differentiable, fused: False or None; see `ImplementationFlags`.

    Raises:
        ValueError, TypeError, NotImplementedError: As by `Optimizer`; or nesterov without momentum or with dampening.

    Equals ``torch.optim.SGD``. State: ``momentum_buffer``, from the first step with a momentum on.

    Sources: Robbins & Monro 1951 (the step); Polyak 1964 (momentum); Sutskever et al. 2013 (Nesterov's form for learning).
    Where it differs:

    * The buffer is a sum, not an average. With g constant it grows to g / (1 - mu), ten times g at mu = 0.9. dampening = mu
      does not make it an average, because the first gradient enters undampened.
    * lr multiplies the whole buffer. In Sutskever's form it multiplies the gradient on its way in, v <- mu v - lr g and
      theta <- theta + v, and so does it in Keras. The two are the same while lr is constant. When lr drops, this one drops
      the speed at once; Sutskever's, and Polyak's (`HeavyBall`), keep it for a while.
    * The nesterov iterates are not Nesterov's theta but the points theta + mu v at which he takes the gradient; see `NAG`.

    >>> import minigrad
    >>> x = minigrad.tensor(5.0, requires_grad=True)
    >>> optimizer = SGD([x], lr=0.25)
    >>> (x**2 - 6 * x + 5).backward()
    >>> optimizer.step()
    >>> x
    tensor(4., requires_grad=True)
    """

    flags = ("foreach", "differentiable", "fused")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **flags: Unpack[ImplementationFlags],
    ) -> None:
        super().__init__(params, hyperparameters(locals()), flags)

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state: b, which is not there before the first step."""
        return {"momentum_buffer": None}

    def check_options(self, group: Group) -> None:
        """Refuse nesterov without momentum or with dampening."""
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    @staticmethod
    def update(theta: Any, g: Any, b: Any, *, lr: Any, momentum: Any, dampening: Any, nesterov: bool) -> tuple[Any, Any]:
        """Return theta and b after a step."""
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return theta - lr * g, b
