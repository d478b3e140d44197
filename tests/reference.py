"""torch, which minigrad is compared with; where it is not installed, a test is skipped at the moment when it calls torch.

So the tests say ``from tests.reference import torch``. What needs no torch in them runs without it.
"""

from typing import Any, NoReturn

import pytest

__all__ = ["torch"]


class Missing:
    """Stands for torch and whatever is in it: no object is an instance of it, and a call of it skips the test."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        pytest.skip("torch is not installed")

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __ror__(self, other: Any) -> Any:
        return other


try:
    import torch
    import torch.utils.data
except ModuleNotFoundError:
    torch = Missing()  # type: ignore[assignment]
else:
    torch.set_num_threads(1)  # arrays are small here, and threads wait for each other where others use the processors
