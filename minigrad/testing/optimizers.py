"""The laws of optimizers, also of one of your own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.backend import Backend, set_backend
from minigrad.creation import from_numpy
from minigrad.optim.optimizer import Optimizer
from minigrad.primitive import Array
from minigrad.tensor import Tensor
from minigrad.testing.assertions import fixed_weights

__all__ = ["assert_optimizer"]


def assert_optimizer(cls: Callable[..., Optimizer], steps: int = 10, **options: Any) -> None:
    """Assert what holds for every optimizer, in training runs on a wide bowl, from far away.

    * Some step goes down; up with ``maximize=True``. (A `weight_decay` that is given is left out here.)
    * An optimizer that has loaded the `state_dict` of another goes on as that one does, to the last bit.
    * The fast form of a step, if the backend in use has one, gives the same bits as the loop over the parameters.
    * A parameter without a gradient is left alone, and a gradient of zero makes no NaN.
    * The lr of a group replaces that of the constructor.

    >>> from minigrad import optim
    >>> assert_optimizer(optim.SGD, momentum=0.9)

    Args:
        cls: The class, or a function that is called in the same way. It must draw no random numbers.
        steps: The number of steps of a run.
        options: The keyword arguments; with `configurations` Hypothesis draws them.

    Raises:
        AssertionError: One of the laws does not hold; the message says which.
    """
    params = new_parameters()
    undecayed = {name: value for name, value in options.items() if name != "weight_decay"}
    losses = descend(cls(params, **undecayed), params, steps)
    best = max(losses) if options.get("maximize") else min(losses)
    assert best != losses[0], f"no step of {steps} goes {'up' if options.get('maximize') else 'down'}: {losses}"

    params = new_parameters()
    optimizer = cls(params, **options)
    descend(optimizer, params, steps)
    resumed = [from_numpy(value).requires_grad_() for value in values_of(params)]
    other = cls(resumed, **options)
    other.load_state_dict(optimizer.state_dict())
    plain = new_parameters()
    before = set_backend(Backend())
    try:
        descend(cls(plain, **options), plain, steps)
    finally:
        set_backend(before)
    assert_equal(params, plain, "the fast form of a step differs from the loop over the parameters")
    descend(optimizer, params, steps)
    descend(other, resumed, steps)
    assert_equal(resumed, params, "after load_state_dict the steps are others")

    params = new_parameters()
    alone = values_of(params)[0]
    optimizer = cls(params, **options)
    for p in params[1:]:
        p.grad = from_numpy(np.zeros(p.shape))
    optimizer.step()
    assert np.array_equal(params[0].detach().numpy(), alone), "a parameter without a gradient moves"
    assert all(np.isfinite(value).all() for value in values_of(params)), "a gradient of zero makes NaN or inf"

    if "lr" in optimizer.defaults:
        lr = optimizer.defaults["lr"] / 2
        grouped, expected = new_parameters(), new_parameters()
        descend(cls([{"params": grouped, "lr": lr}], **options), grouped, steps)
        descend(cls(expected, **{**options, "lr": lr}), expected, steps)
        assert_equal(grouped, expected, "the lr of a group does not replace that of the constructor")


def new_parameters() -> list[Tensor]:
    """Return three parameters of magnitude 32 to 96, the same ones at each call."""
    starts = [np.asarray(64 * fixed_weights(shape, k)) for k, shape in enumerate([(3,), (2, 2), ()])]
    return [from_numpy(start).requires_grad_() for start in starts]


def descend(optimizer: Optimizer, params: Sequence[Tensor], steps: int) -> list[float]:
    """Make steps on a quarter of the sum of squares; return it before the first step and after each."""
    losses = []
    for step in range(steps + 1):
        losses.append(sum(float((value**2).sum()) for value in values_of(params)) / 4)
        for p in params:
            p.grad = p.detach() / 2
        if step < steps:
            optimizer.step()
    return losses


def values_of(params: Sequence[Tensor]) -> list[Array]:
    """Return copies of the values."""
    return [p.detach().numpy().copy() for p in params]


def assert_equal(params: Sequence[Tensor], expected: Sequence[Tensor], what: str) -> None:
    """Assert that two lists of parameters are equal to the last bit."""
    for p, q in zip(values_of(params), values_of(expected), strict=True):
        np.testing.assert_array_equal(p, q, err_msg=what)
