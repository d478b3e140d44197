"""Loading the state of a module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad.methods.attributes import Size
from minigrad.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """The names that did not match when a state was loaded."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def load_state(own: Mapping[str, Tensor], loaded: Any, strict: bool, module_name: str) -> IncompatibleKeys:
    """Copy the loaded values into the tensors of the same names; see `Module.load_state_dict`.

    Args:
        own: The tensors of the module.
        loaded: The values by name.
        strict: Whether a missing or unknown name is an error.
        module_name: The class of the module, for the error message.
    """
    if not isinstance(loaded, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(loaded)}.")
    missing = [name for name in own if name not in loaded]
    unexpected = [name for name in loaded if name not in own]
    arrays = {name: as_array(loaded[name]) for name in own if name in loaded}
    complaints = []
    if strict and missing:
        complaints.append(f"Missing key(s) in state_dict: {quoted(missing)}. ")
    if strict and unexpected:
        complaints.append(f"Unexpected key(s) in state_dict: {quoted(unexpected)}. ")
    complaints += [
        f"size mismatch for {name}: copying a param with shape {Size(array.shape)} from checkpoint, the shape in current "
        f"model is {own[name].shape}."
        for name, array in arrays.items()
        if array.shape != own[name].shape
    ]
    if complaints:
        details = "\n\t".join(complaints)
        raise RuntimeError(f"Error(s) in loading state_dict for {module_name}:\n\t{details}")
    for name, array in arrays.items():
        own[name].write(array.astype(own[name].dtype.numpy, copy=False))
    return IncompatibleKeys(missing, unexpected)


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return a loaded value as an array."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, separated by commas."""
    return ", ".join(f'"{name}"' for name in names)
