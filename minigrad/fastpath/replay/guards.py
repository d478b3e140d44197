"""Conditions on objects, compiled into one function of Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.primitive import compile_source


class Guards:
    """Conditions that must all hold. As one expression they take a third of the time of a loop over them."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self._values: dict[str, Any] = {}

    def require(self, condition: str, *values: Any) -> None:
        """Add a condition: an expression of Python, in which {0}, {1} ... stand for these values."""
        names = [f"v{len(self._values) + k}" for k in range(len(values))]
        self._values.update(zip(names, values, strict=True))
        self._conditions.append(condition.format(*names))

    def compile(self, *parameters: str) -> Callable[..., bool]:
        """Return a function that says whether all hold: not if something in them is missing, or has no truth value.

        Args:
            parameters: The names of its parameters, which conditions may use.
        """
        lines = [
            f"def hold({', '.join(parameters)}):",
            "    try:",
            f"        return {' and '.join(self._conditions) or True}",
            "    except (LookupError, AttributeError, ValueError, RuntimeError):",
            "        return False",
        ]
        function: Callable[..., bool] = compile_source("\n".join(lines) + "\n", "<guards>", self._values)["hold"]
        return function
