"""Handles of registered hooks."""

from __future__ import annotations

from typing import Any, Self


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
