"""Conditions on objects, compiled into one function of Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from minigrad.primitive import compile_source

ERRORS = (LookupError, AttributeError, ValueError, RuntimeError)
"""What a condition raises if something in it is missing, or has no truth value. It does not hold then."""


class Guards:
    """Conditions that must all hold. As one expression they take half of the time of a loop over them, or less."""

    def __init__(self) -> None:
        self._conditions: list[tuple[str, tuple[Any, ...], str]] = []

    def require(self, condition: str, *values: Any, label: str = "") -> None:
        """Add a condition: an expression of Python, in which {0}, {1} ... stand for these values."""
        self._conditions.append((condition, values, label))

    def broken(self) -> str | None:
        """Return the label of the first condition that does not hold, or None."""
        for condition, values, label in self._conditions:
            try:
                holds = evaluated(condition, len(values))(*values)
            except ERRORS:
                holds = False
            if not holds:
                return label
        return None

    def compile(self, *parameters: str) -> Callable[..., bool]:
        """Return a function that says whether all hold.

        Args:
            parameters: The names of its parameters, which conditions may use.
        """
        scope: dict[str, Any] = {"ERRORS": ERRORS}
        expressions = []
        for condition, values, _ in self._conditions:
            names = [f"v{len(scope) + k}" for k in range(len(values))]
            scope.update(zip(names, values, strict=True))
            expressions.append(condition.format(*names))
        lines = [
            f"def hold({', '.join(parameters)}):",
            "    try:",
            f"        return {' and '.join(expressions) or True}",
            "    except ERRORS:",
            "        return False",
        ]
        function: Callable[..., bool] = compile_source("\n".join(lines) + "\n", "<guards>", scope)["hold"]
        return function


@lru_cache(64)
def evaluated(condition: str, count: int) -> Callable[..., Any]:
    """Return a condition as a function of its values."""
    names = [f"v{k}" for k in range(count)]
    function: Callable[..., Any] = eval(f"lambda {', '.join(names)}: {condition.format(*names)}")
    return function
