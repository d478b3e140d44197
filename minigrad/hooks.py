"""Hooks: functions that are called with the gradient of a tensor, and the handles to remove them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

Hook = Callable[[Any], Any]
"""Takes a cotangent; what it returns, unless None, is used in its place."""


class RemovableHandle:
    """Registers a hook; handle to remove it again, as a context manager at the end of the block.

    Args:
        hooks: The registered hooks.
        hook: The function. One that is registered several times is called as often, and each handle removes its own.
        index: Where it is inserted; by default at the end.
    """

    def __init__(self, hooks: list[Any], hook: Any, index: int | None = None) -> None:
        self._hook = partial(hook) if hook in hooks else hook
        self._hooks = hooks
        hooks.insert(len(hooks) if index is None else index, self._hook)

    def remove(self) -> None:
        """Remove the hook; a second time does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)
        self._hooks = []

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
