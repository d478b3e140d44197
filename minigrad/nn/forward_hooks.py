"""The hooks of `Module.__call__`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Hook = Callable[..., Any]


def call_with_hooks(
    module: Any, pre_hooks: Iterable[Hook], hooks: Iterable[Hook], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Return the result of ``module.forward``; hooks may replace its positional arguments and its result.

    Args:
        module: The module.
        pre_hooks: Called as ``hook(module, args)`` before `forward`.
        hooks: Called as ``hook(module, args, result)`` after it.
        args: The positional arguments.
        kwargs: The keyword arguments, which hooks do not see.
    """
    for pre_hook in tuple(pre_hooks):
        replacement = pre_hook(module, args)
        if replacement is not None:
            args = replacement if isinstance(replacement, tuple) else (replacement,)
    result = module.forward(*args, **kwargs)
    for hook in tuple(hooks):
        replacement = hook(module, args, result)
        result = result if replacement is None else replacement
    return result
