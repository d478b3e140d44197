"""Devices; see `minigrad.compat.devices`."""

from minigrad.compat.devices import accelerator, backends, cuda, device, set_default_device
from minigrad.compat.devices import check_device as check  # noqa: F401

__all__ = ["accelerator", "backends", "cuda", "device", "set_default_device"]
