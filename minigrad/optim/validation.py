"""What an optimizer refuses: parameters, options, gradients and state that do not fit, in torch's words."""

import math
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from minigrad.dtypes import unwrap_scalar
from minigrad.errors import type_name
from minigrad.optim.flags import FLAGS, check_flag
from minigrad.primitive import Array
from minigrad.tensor import Tensor

Group = dict[str, Any]

RESERVED_KEYS = frozenset(
    ("params", "param_names", "name", "initial_lr", "swa_lr", "base_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
)
"""What a group may hold besides the options of its optimizer: its parameters, names, and notes of schedulers."""

HYPERPARAMETER_RANGES: dict[str, tuple[str, float, float]] = {
    "lr": ("learning rate", 0, math.inf),
    "eps": ("epsilon value", 0, math.inf),
    "momentum": ("momentum value", 0, math.inf),
    "dampening": ("dampening value", -math.inf, math.inf),
    "weight_decay": ("weight_decay value", 0, math.inf),
    "lr_decay": ("lr_decay value", 0, math.inf),
    "initial_accumulator_value": ("initial_accumulator_value value", 0, math.inf),
    "alpha": ("alpha value", 0, 1),
    "rho": ("rho value", 0, 1),
    "momentum_decay": ("momentum_decay value", 0, math.inf),
    "betas": ("beta parameter", 0, math.nextafter(1, 0)),
}
"""For each hyper-parameter, what torch's error calls it, and its least and greatest value; it must also be finite."""

OPTION_NAMES = frozenset(
    (*HYPERPARAMETER_RANGES, *FLAGS, "nesterov", "maximize", "amsgrad", "centered", "decoupled_weight_decay")
)
"""Options of some optimizer: in a group of one that does not have them they are a mistake, and no note."""

MISNOMERS = {"learning_rate": "lr", "epsilon": "eps", "wd": "weight_decay", "l2": "weight_decay", "beta": "betas"}
"""What other libraries call an option."""


def live_options(group: Mapping[str, Any]) -> Group:
    """Return the lr and the betas of a group that are Tensors: as in torch, they may be changed in place between steps."""
    options = {name: group[name] for name in ("lr", "betas") if name in group}
    return {name: value for name, value in options.items() if has_tensors(value)}


def has_tensors(value: Any) -> bool:
    """Return whether an option is a Tensor or a tuple with Tensors in it."""
    return isinstance(value, Tensor) or (isinstance(value, tuple | list) and any(map(has_tensors, value)))


def resolve_options(optimizer: str, options: Mapping[str, Any], known: Collection[str]) -> Group:
    """Return the options of a group with each hyper-parameter as a Python number.

    Args:
        optimizer: The name of the optimizer.
        options: The options, and notes of the user's own, which are left alone.
        known: The names of its options.

    Raises:
        ValueError: An option is misspelt or belongs to another optimizer, is out of its range, NaN or infinite.
        TypeError: It is not a number.
        NotImplementedError: An implementation flag is on.
    """
    resolved: Group = {}
    for key, value in options.items():
        if key in known and key in FLAGS:
            check_flag(optimizer, key, value)
        elif key in known and key == "betas":
            if not isinstance(value, tuple | list) or len(value) < 2:
                raise ValueError(f"Invalid betas: {value!r} is no pair of numbers")
            if len({isinstance(beta, Tensor) for beta in value}) > 1:
                raise ValueError("betas must be either both floats or both Tensors")
            value = tuple(validate_hyperparameter("betas", beta, k) for k, beta in enumerate(value))
        elif key in known and key in HYPERPARAMETER_RANGES:
            value = validate_hyperparameter(key, value)
        elif key not in RESERVED_KEYS and (key in OPTION_NAMES or similar_option(key, known)):
            check_known(optimizer, [key], known)  # no note, but a mistake
        resolved[key] = value
    return resolved


def check_known(optimizer: str, keys: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError for a key that is no option."""
    for key in keys:
        if key not in known:
            offered = ", ".join(name for name in known if name not in FLAGS)
            similar = similar_option(key, known)
            remedy = f". Did you mean {similar!r}?" if similar else ""
            raise ValueError(f"{optimizer} has no option {key!r} for a parameter group; it has {offered}{remedy}")


def similar_option(key: str, known: Collection[str]) -> str | None:
    """Return the option that a key is a misspelling of, or another library's name for."""
    name = MISNOMERS.get(key, key)
    return name if name in known else next(iter(get_close_matches(key, known, 1, 0.8)), None)


def validate_hyperparameter(name: str, value: Any, index: int | None = None) -> float:
    """Return a hyper-parameter, or that with an index in a tuple of them, as a Python number.

    Raises:
        ValueError: It is not within its range, is NaN or infinite, or is a Tensor with several elements.
        TypeError: It is not a number.
    """
    label, least, greatest = HYPERPARAMETER_RANGES[name]
    if index is not None:
        label = f"{label} at index {index}"
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        value = value.item()
    value = unwrap_scalar(value)
    if not isinstance(value, int | float):
        raise TypeError(f"Invalid {label}: {value!r} is no number")
    if not (least <= value <= greatest and abs(value) <= sys.float_info.max):
        raise ValueError(f"Invalid {label}: {value}")
    return value


def no_parameters() -> ValueError:
    """There is nothing to optimize."""
    error = ValueError("optimizer got an empty parameter list")
    error.add_note(
        "A module has the parameters of its attributes: layers in a list go into a ModuleList, in a dict into a ModuleDict."
    )
    return error


def unpack_parameters(group: Group) -> Group:
    """Return the Tensors of a group as "params", and their names, if they have any, as "param_names".

    Args:
        group: Under "params", a Tensor, or an iterable of Tensors or of pairs (name, Tensor).

    Raises:
        TypeError: `params` is a set, which has no order, or one is not a Tensor.
        ValueError: Only some have names; one is not a leaf or not floating-point.
    """
    if "params" not in group:
        raise ValueError(f"a parameter group needs its parameters under the key 'params', but has {list(group)}")
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will "
            "change between runs. Please use a list instead."
        )
    entries = [params] if isinstance(params, Tensor) else list(params)
    names = [entry[0] for entry in entries if isinstance(entry, tuple)]
    if names and len(names) < len(entries):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    tensors = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
    for p in tensors:
        check_parameter(p)
    if len(set(map(id, tensors))) < len(tensors):
        warnings.warn(
            "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
            "github.com/pytorch/pytorch/issues/40967 for more information",
            stacklevel=5,
        )
    return {"params": tensors, "param_names": names} if names else {"params": tensors}


def check_parameter(p: Any) -> None:
    """Raise for anything that is not a floating-point Tensor with a gradient of its own: a leaf, or one that retains it."""
    if not isinstance(p, Tensor):
        raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type_name(p)}")
    if not p.is_leaf and not p.retains_grad:
        raise ValueError("can't optimize a non-leaf Tensor")
    if not p.is_floating_point():
        raise ValueError(f"can't optimize a Tensor of dtype {p.dtype}: only floating-point tensors have gradients")


def check_new_group(group: Group, others: Sequence[Group]) -> None:
    """Raise ValueError if a group does not go together with those that an optimizer has."""
    if any(("param_names" in group) != ("param_names" in other) for other in others):
        raise ValueError(
            "all optimizer param groups should be with/without names. cannot add param group "
            f"{'with' if 'param_names' in group else 'without'} names to the optimizer"
        )
    taken = {id(p) for other in others for p in other["params"]}
    if not taken.isdisjoint(map(id, group["params"])):
        raise ValueError("some parameters appear in more than one parameter group")


def check_arrays(params: Sequence[Tensor], state: Mapping[Tensor, Mapping[str, Any]], names: Collection[str]) -> None:
    """Raise RuntimeError if a parameter is read-only, or if its gradient or the state of these names does not fit."""
    for p in params:
        if p.grad is None:
            continue
        if not p.array.flags.writeable:
            raise RuntimeError(f"a parameter of shape {list(p.array.shape)} is read-only: its memory must not be written to")
        own = state.get(p, {})
        arrays = {name: own[name].array for name in names if isinstance(own.get(name), Tensor)}
        for name, array in {"the gradient": p.grad.array, **arrays}.items():
            if array.shape != p.array.shape or array.dtype != p.array.dtype:
                raise RuntimeError(mismatch_message(name, array, p.array))


def warn_without_gradients(optimizer: Any) -> None:
    """Warn, once for each optimizer, that no parameter has a gradient."""
    if optimizer.warned or any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
        return
    optimizer.warned = True
    warnings.warn(
        f"{type(optimizer).__name__}.step() changed nothing: no parameter has a gradient. Call loss.backward() before step() "
        "and zero_grad() before backward(). Was the loss computed from the parameters of this optimizer?",
        stacklevel=3,
    )


def mismatch_message(what: str, array: Array, theta: Array) -> str:
    """Return the sentence for a gradient or a state that does not fit its parameter."""
    return (
        f"{what} has shape {list(array.shape)} and dtype {array.dtype}, but its parameter has shape {list(theta.shape)} and "
        f"dtype {theta.dtype}"
    )
