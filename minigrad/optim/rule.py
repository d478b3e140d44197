"""The rule of an optimizer, `update`: what its signature says, and what it must return."""

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import numpy as np

from minigrad.grad_mode import thread
from minigrad.tensor import Tensor


class RuleSignature:
    """What the names of a rule's parameters say; see `minigrad.optim.optimizer`.

    Args:
        update: The rule.
        owner: The name of its class.

    Attributes:
        uses_step: Whether it is given the number of the step, t.
        theta: What it calls the parameter.
        state: What it calls its state.
        hyperparameters: The names of the options that it is given, those first that have no default.

    Raises:
        TypeError: It does not take a parameter and a gradient.
    """

    def __init__(self, update: Callable[..., Any], owner: str) -> None:
        parameters = [p for p in signature(update).parameters.values() if p.name != "self"]
        positional = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        self.owner = owner
        self.uses_step = positional[:1] == ["t"]
        if len(positional) < 2 + self.uses_step:
            raise TypeError(f"{owner}.update must take the parameter and its gradient: update(theta, g, ..., *, lr, ...)")
        self.theta, _, *self.state = positional[self.uses_step :]
        self.variadic = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
        keywords = [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
        self.hyperparameters = [p.name for p in keywords]
        self.required = [p.name for p in keywords if p.default is Parameter.empty]

    def check_names(self, state: Sequence[str], options: Sequence[str]) -> None:
        """Raise TypeError if the rule takes other state than `init_state` names, or an option that there is not."""
        if len(state) != len(self.state) and not self.variadic:
            raise TypeError(
                f"{self.owner}.update takes the state ({', '.join(self.state)}), but init_state names ({', '.join(state)})"
            )
        missing = [name for name in self.required if name not in options]
        if missing:
            raise TypeError(f"{self.owner}.update takes {missing[0]!r}, which is no option: add it to the defaults")

    def checked(self, result: Any, theta: Any, state: Sequence[Any]) -> tuple[Any, ...]:
        """Return what a rule returned, if that is a tuple of the parameter and all state, in their shapes.

        Raises:
            TypeError: It is something else.
        """
        if not isinstance(result, tuple) or len(result) != 1 + len(state):
            raise TypeError(self._message(f"returned {describe(result)}"))
        for name, old, new in zip([self.theta, *self.state], [theta, *state], result, strict=False):
            expected = theta if old is None else old
            if new is None and old is not None:
                raise TypeError(self._message(f"returned None as {name}"))
            if new is not None and shape_of(new) != shape_of(expected):
                raise TypeError(
                    self._message(f"returned {describe(new)} as {name}, whose shape is {list(shape_of(expected))}")
                )
        return result

    def _message(self, problem: str) -> str:
        names = ", ".join([self.theta, *self.state]) + ("" if self.state else ",")
        what = "the new parameter and the new state" if self.state else "a tuple with the new parameter"
        return f"{self.owner}.update must return {what}: `return {names}`. It {problem}"


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or a Tensor; () for scalars."""
    return tuple(getattr(value, "shape", ()))


def describe(value: Any) -> str:
    """Return what a value is, for an error message."""
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    kind = "a Tensor" if isinstance(value, Tensor) else "an array" if isinstance(value, np.ndarray) else type(value).__name__
    return f"{kind} of shape {list(value.shape)}" if hasattr(value, "shape") else kind


def weak_scalar(value: Any) -> Any:
    """Return a NumPy scalar as a Python float, which does not decide the dtype of a result; anything else unchanged.

    >>> import numpy as np
    >>> theta = np.float32([1, 2])
    >>> (theta * np.float64(2)).dtype, (theta * weak_scalar(np.float64(2))).dtype
    (dtype('float64'), dtype('float32'))
    """
    if isinstance(value, np.generic):
        return float(value)
    return value.weak_scalar() if hasattr(value, "weak_scalar") else value


def noting_the_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `step` that sets `stepped`, which schedulers read, and tells observers."""

    @wraps(step)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        observer = thread.state.observer
        if observer is not None:
            observer.tell("before_step", self)
        result = step(self, *args, **kwargs)
        if observer is not None:
            observer.tell("after_step", self)
        self.stepped = True
        return result

    return wrapper
