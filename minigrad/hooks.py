"""Hooks: functions that are called with the gradient of a tensor, and the handles to remove them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

Hook = Callable[[Any], Any]
"""Takes a cotangent; what it returns, unless None, is used in its place."""


class RemovableHandle:
    """Handle to remove a registered hook; as a context manager, at the end of the block."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Remove the hook; a second time does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def run_hooks(cotangent: Any, hooks: Iterable[Hook]) -> Any:
    """Run the hooks in order; return the cotangent, or what the last one that returned something put in its place."""
    for hook in tuple(hooks):  # a hook may remove itself, or add others for the next time
        replacement = hook(cotangent)
        cotangent = cotangent if replacement is None else replacement
    return cotangent
