"""The state of a module: saved, loaded, and found by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad.creation import from_numpy
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


EXTRA = "_extra_state"
"""The last part of the name under which a state of one's own is saved."""


class StateMethods:
    """state_dict, load_state_dict and access by name, of `Module`."""

    _non_persistent_buffers: set[str]

    def _members(self, kind: Any) -> dict[str, Any]:
        raise NotImplementedError

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """Yield this module and all modules below it with their names."""
        raise NotImplementedError

    def get_submodule(self, target: str) -> Any:
        """Return the submodule of a name such as ``layers.0.linear``; "" is the module itself.

        Raises:
            AttributeError: There is none.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, StateMethods):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def get_parameter(self, target: str) -> Any:
        """Return the parameter of a name such as ``layers.0.weight``.

        Raises:
            AttributeError: There is none.
        """
        return self._member_named(target, "parameter")

    def get_buffer(self, target: str) -> Any:
        """Return the buffer of a name such as ``norm.running_mean``.

        Raises:
            AttributeError: There is none.
        """
        return self._member_named(target, "buffer")

    def _member_named(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        members = module._members(kind)
        if name not in members:
            raise AttributeError(f"`{name}` is not a {kind} of {type(module).__name__}")
        return members[name]

    def get_extra_state(self) -> Any:
        """Return what a subclass saves besides tensors; it is in `state_dict` under the name ``_extra_state``."""
        raise RuntimeError("get_extra_state is not defined: it belongs to set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` has returned."""
        raise RuntimeError("set_extra_state is not defined: it belongs to get_extra_state")

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Return every parameter and persistent buffer by name, in torch's order, and what `get_extra_state` returns.

        The tensors share memory with the module, as in torch: training changes them too. To keep the best state of a run,
        take ``copy.deepcopy(model.state_dict())``.

        Args:
            prefix: Put before each name.
            keep_vars: Return the parameters themselves, not detached from the graph.
        """
        state: dict[str, Any] = {}
        for path, module in self.named_modules(remove_duplicate=False):
            for name, member in (module._members("parameter") | module._members("buffer")).items():
                if member is not None and name not in module._non_persistent_buffers:
                    state[prefix + join(path, name)] = member if keep_vars else member.detach()
            if type(module).get_extra_state is not StateMethods.get_extra_state:
                state[prefix + join(path, EXTRA)] = module.get_extra_state()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values, by name, into the parameters and persistent buffers.

        Args:
            state_dict: Tensors, or anything that NumPy converts to arrays, such as the tensors of torch.
            strict: Whether a missing or unknown name is an error.
            assign: Take the tensors themselves, with their dtype, in place of copies of their values. The parameters are new
                objects then, so that optimizers must be created afterwards.

        Returns:
            The missing and the unknown names.

        Raises:
            RuntimeError: A name is missing or unknown (if strict), or a shape differs. Nothing is changed then; torch loads
                what fits.
            TypeError: It is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own: dict[str, Any] = self.state_dict(keep_vars=True)
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        extras = [name for name in own if name.rpartition(".")[2] == EXTRA and name in state_dict]
        arrays = {name: as_array(state_dict[name]) for name in own if name in state_dict and name not in extras}
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
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}")
        for name, array in arrays.items():
            if assign:
                self._assign(name, own[name], state_dict[name])
            else:
                own[name].write(array.astype(own[name].dtype.numpy, copy=False))
        for name in extras:
            self.get_submodule(name.rpartition(".")[0]).set_extra_state(state_dict[name])
        return IncompatibleKeys(missing, unexpected)

    def _assign(self, name: str, own: Tensor, value: Any) -> None:
        """Put a tensor, or a parameter made of it, in the place of one's own."""
        path, _, attribute = name.rpartition(".")
        tensor = value if isinstance(value, Tensor) else from_numpy(as_array(value))
        if type(own) is not Tensor and type(tensor) is Tensor:
            tensor = type(own)(tensor.detach(), requires_grad=own.requires_grad)  # type: ignore[call-arg]
        setattr(self.get_submodule(path), attribute, tensor)


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return a loaded value as an array."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, separated by commas."""
    return ", ".join(f'"{name}"' for name in names)


def join(path: str, name: str) -> str:
    """Return the full name of a member of the module at a path."""
    return f"{path}.{name}" if path else name
