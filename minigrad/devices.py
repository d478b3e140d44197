"""Where tensors live: in the memory of the computer. torch's names for that, so that programs which ask will run."""

from __future__ import annotations

from typing import Any

__all__ = ["accelerator", "backends", "cuda", "device", "set_default_device"]


class device:
    """A place for tensors. There is one, ``device("cpu")``.

    Raises:
        RuntimeError: Another is asked for.
    """

    type: str

    def __init__(self, type: Any, index: int | None = None) -> None:
        name = str(type) if isinstance(type, device) else type
        if not isinstance(name, str):
            raise TypeError(f"device(): argument must be a str or a device, not {type!r}")
        if name.partition(":")[0] != "cpu":
            raise RuntimeError(f"minigrad computes on the CPU: there is no device {name!r}")
        self.type = "cpu"
        self.index = index

    def __repr__(self) -> str:
        return "device(type='cpu')"

    def __str__(self) -> str:
        return "cpu"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device)

    def __hash__(self) -> int:
        return hash("cpu")


def check(wanted: Any) -> None:
    """Raise unless a `device` argument is None or the CPU."""
    if wanted is not None:
        device(wanted)


def set_default_device(device: Any) -> None:
    """Accept the CPU.

    Raises:
        RuntimeError: Another device is asked for.
    """
    check(device)


class _Absent:
    """A kind of device that is not there."""

    @staticmethod
    def is_available() -> bool:
        """Return False."""
        return False

    @staticmethod
    def device_count() -> int:
        """Return 0."""
        return 0

    @staticmethod
    def manual_seed(seed: int) -> None:
        """Do nothing."""

    manual_seed_all = manual_seed


class _Backends:
    """``backends.mps.is_available()``, for programs that ask, and ``backends.cudnn.benchmark = False``."""

    mps = _Absent()
    cudnn = _Absent()
    cuda = _Absent()


cuda = _Absent()
accelerator = _Absent()
backends = _Backends()
