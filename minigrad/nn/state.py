"""The state of a module: saved, loaded, and found by name."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """state_dict, load_state_dict and access by name, of `Module`.

    Attributes:
        _version: The version of the form in which a class saves its state; it is passed to `_load_from_state_dict`.
    """

    _version = 1
    _non_persistent_buffers: set[str]
    _members: Callable[[Any], dict[str, Any]]
    modules: Callable[[], Iterator[Any]]

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

    def state_dict(self, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Return every parameter and persistent buffer by name, in torch's order, and what `get_extra_state` returns.

        The tensors share memory with the module, as in torch: training changes them too. To keep the best state of a run,
        take ``copy.deepcopy(model.state_dict())``.

        Args:
            destination: Where they are put and what is returned; by default a new dictionary, with each `_version` noted.
            prefix: Put before each name.
            keep_vars: Return the parameters themselves, not detached from the graph.
        """
        if destination is None:
            destination = OrderedDict()
            vars(destination)["_metadata"] = {}
        getattr(destination, "_metadata", {})[prefix[:-1]] = {"version": self._version}
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._members("module").items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put the state of this module itself into a dictionary. A subclass overrides it to save in another form."""
        for name, member in self._persistent_members().items():
            destination[prefix + name] = member if keep_vars else member.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _persistent_members(self) -> dict[str, Tensor]:
        members = self._members("parameter") | self._members("buffer")
        return {k: t for k, t in members.items() if t is not None and k not in self._non_persistent_buffers}

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
            RuntimeError: A name is missing or unknown (if strict), or a shape differs. Parameters and buffers are as before
                then; in torch, what fits is loaded.
            TypeError: It is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        before = [(m, name, t, t.array.copy()) for m in self.modules() for name, t in m._persistent_members().items()]
        try:
            return self._load(state_dict, strict, assign)
        except Exception:
            for module, name, tensor, array in before:
                setattr(module, name, tensor.write(array))
            raise

    def _load(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
        versions = getattr(state_dict, "_metadata", {})
        result = IncompatibleKeys([], [])
        errors: list[str] = []

        def load(module: Any, state: dict[str, Any], prefix: str) -> None:
            metadata = {**versions.get(prefix[:-1], {}), "assign_to_params_buffers": assign}
            module._load_from_state_dict(state, prefix, metadata, True, *result, errors)
            for name, child in module._members("module").items():
                if child is not None:
                    path = f"{prefix}{name}."
                    load(child, {key: value for key, value in state.items() if key.startswith(path)}, path)

        load(self, dict(state_dict), "")
        if strict and result.unexpected_keys:
            errors.insert(0, f"Unexpected key(s) in state_dict: {quoted(result.unexpected_keys)}. ")
        if strict and result.missing_keys:
            errors.insert(0, f"Missing key(s) in state_dict: {quoted(result.missing_keys)}. ")
        if errors:
            details = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}")
        return result

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the state of this module itself. A subclass overrides it to convert the state of an earlier version.

        Args:
            state_dict: A copy of the part of the state whose names begin with the prefix, which may be changed.
            prefix: What stands before the names of this module's members, such as ``layers.0.``.
            local_metadata: ``version``, the `_version` of the class when the state was saved, unless that is unknown; and
                ``assign_to_params_buffers``, the `assign` of `load_state_dict`.
            strict: Whether to extend the next two.
            missing_keys: Output; the names that are not in the state.
            unexpected_keys: Output; the names that are no members of this module.
            error_msgs: Output; everything else that is wrong.
        """
        own, extra = self._persistent_members(), prefix + EXTRA
        names = [prefix + name for name in own]
        if type(self).set_extra_state is not StateMethods.set_extra_state:
            names.append(extra)
        if strict:
            children = tuple(f"{prefix}{name}." for name in self._members("module"))
            missing_keys += [key for key in names if key not in state_dict]
            unexpected_keys += [key for key in state_dict if key not in names and not key.startswith(children)]
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                continue
            array = as_array(state_dict[key])
            if array.shape != tensor.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {Size(array.shape)} from checkpoint, the shape in "
                    f"current model is {tensor.shape}."
                )
            elif local_metadata.get("assign_to_params_buffers"):
                setattr(self, name, as_member(tensor, state_dict[key]))
            else:
                tensor.write(array.astype(tensor.dtype.numpy, copy=False))
        if extra in names and extra in state_dict:
            self.set_extra_state(state_dict[extra])


def as_member(own: Tensor, value: Any) -> Tensor:
    """Return a loaded value as a tensor, or as a parameter if that is what it takes the place of."""
    tensor = value if isinstance(value, Tensor) else from_numpy(as_array(value))
    if type(own) is not Tensor and type(tensor) is Tensor:
        return type(own)(tensor.detach(), requires_grad=own.requires_grad)  # type: ignore[call-arg]
    return tensor


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return a loaded value as an array."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, separated by commas."""
    return ", ".join(f'"{name}"' for name in names)


def join(path: str, name: str) -> str:
    """Return the full name of a member of the module at a path."""
    return f"{path}.{name}" if path else name
