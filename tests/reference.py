"""torch, which minigrad is compared with; where it is not installed, a test is skipped at the moment when it calls torch.

So the tests say ``from tests.reference import torch``. What needs no torch in them runs without it.
"""

from typing import Any, NoReturn

import pytest

__all__ = ["torch"]


def skip() -> NoReturn:
    pytest.skip("torch is not installed")


class Missing(type):
    """Stands for torch and whatever is in it: no object is an instance of it, and what asks more of it is skipped."""

    def __new__(cls, name: str, bases: tuple[Any, ...], namespace: dict[str, Any]) -> Any:
        return skip() if bases else super().__new__(cls, name, bases, namespace)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        skip()

    @property
    def __signature__(cls) -> NoReturn:
        skip()

    def __eq__(cls, other: object) -> bool:
        return other is cls if isinstance(other, type) else skip()

    __hash__ = type.__hash__

    def __instancecheck__(cls, instance: object) -> bool:
        return False


try:
    import torch
    import torch.utils.data
except ModuleNotFoundError:
    torch = Missing("torch", (), {})
else:
    torch.set_num_threads(1)  # arrays are small here, and threads wait for each other where others use the processors
