"""Devices: there is the CPU. Programs that ask for others learn that they are not available."""

from typing import Any

__all__ = ["accelerator", "backends", "cuda", "device", "set_default_device"]


class device:
    """Where the memory of a tensor is: ``device("cpu")``, the only one (``torch.device``).

    Raises:
        TypeError: `type` is neither a string nor a device.
        RuntimeError: It names another device.
    """

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


def check(requested: Any) -> None:
    """Raise unless a `device` argument is None or names the CPU; see `device`."""
    if requested is not None:
        device(requested)


def set_default_device(device: Any) -> None:
    """Accept None or the CPU (``torch.set_default_device``).

    Raises:
        RuntimeError: It is another device.
    """
    check(device)


class _UnavailableBackend:
    """A kind of hardware that minigrad does not use, such as ``torch.cuda``."""

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
        """Do nothing: there is no generator to seed."""

    manual_seed_all = manual_seed


class _Backends:
    """For ``backends.mps.is_available()`` and settings such as ``backends.cudnn.benchmark = False``, which do nothing."""

    mps, cudnn, cuda = _UnavailableBackend(), _UnavailableBackend(), _UnavailableBackend()


cuda, accelerator = _UnavailableBackend(), _UnavailableBackend()
backends = _Backends()
