"""Checkpoints of optimizers in torch's layout: saving, and loading with every misfit refused before anything is changed."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from minigrad.dtypes import get_default_dtype
from minigrad.optim import validation
from minigrad.optim.flags import FLAGS
from minigrad.optim.validation import Group
from minigrad.tensor import Tensor, wrap

State = defaultdict[Any, dict[str, Any]]

STATE_NAMES = frozenset(
    ("step", "momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "sum", "square_avg", "grad_avg", "acc_delta")
) | {"mu_product", "previous", "velocity", "lookahead", "exp_inf", "ax", "eta", "mu", "prev", "step_size"}
"""State of some optimizer: where it is unknown, it belongs to another one, and is no note of the user's own."""


def state_dict(param_groups: Sequence[Group], state: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a copy of groups and state, with parameters numbered through all groups."""
    parameters = [p for group in param_groups for p in group["params"]]
    index = {id(p): k for k, p in reversed(list(enumerate(parameters)))}
    saved = {
        index.get(id(key), key): {name: copied(value) for name, value in values.items()}
        if isinstance(values, dict)
        else values
        for key, values in sorted(state.items(), key=lambda item: index.get(id(item[0]), len(index)))
        if values and (id(key) in index or not isinstance(key, Tensor))
    }
    groups = [{name: copied(value) for name, value in group.items() if name != "params"} for group in param_groups]
    for saved_group, group in zip(groups, param_groups, strict=True):
        saved_group["params"] = [index[id(p)] for p in group["params"]]
    return {"state": saved, "param_groups": groups}


def copied(value: Any) -> Any:
    """Return a copy that shares no memory."""
    return wrap(value.array.copy()) if isinstance(value, Tensor) else deepcopy(value)


def loaded(optimizer: Any, state_dict: Mapping[str, Any]) -> tuple[list[Group], State]:
    """Return the groups and the state of a checkpoint, for the parameters of an optimizer.

    Raises:
        ValueError: They do not fit.
    """
    saved, kind = state_dict["param_groups"], type(optimizer).__name__
    if len(saved) != len(optimizer.param_groups):
        raise ValueError(
            f"loaded state dict has a different number of parameter groups: {len(saved)} instead of "
            f"{len(optimizer.param_groups)}"
        )
    groups = []
    owners: dict[Any, tuple[Tensor, Group]] = {}
    for own, other in zip(optimizer.param_groups, saved, strict=True):
        if len(other["params"]) != len(own["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                f"{len(other['params'])} parameters instead of {len(own['params'])}"
            )
        group = loaded_group(optimizer, own, other)
        groups.append(group)
        owners.update((key, (p, group)) for key, p in zip(other["params"], own["params"], strict=True))
    state: State = defaultdict(dict)
    problems: list[str] = []
    for key, values in state_dict["state"].items():
        owner = owners.get(key) or (owners.get(int(key)) if isinstance(key, str) and key.isdigit() else None)
        if owner is None and optimizer.rule is None:
            state[key] = deepcopy(values)
        elif owner is None:
            problems.append(f"there is state for {key!r}, which is no parameter of any group")
        elif optimizer.rule is None:
            state[owner[0]] = {name: converted(value, owner[0]) for name, value in values.items()}
        elif values:
            state[owner[0]] = loaded_state(optimizer, *owner, values, f"parameter {key}", problems)
    if problems:
        raise ValueError(f"loaded state dict does not fit {kind}: " + "; ".join(problems))
    return groups, state


def loaded_group(optimizer: Any, own: Group, saved: Mapping[str, Any]) -> Group:
    """Return a group with our parameters and saved options. What is missing is off, as it was before it was introduced."""
    options = {**{name: value for name, value in saved.items() if name not in FLAGS}, **optimizer.fixed_options}
    options = {**{name: False for name, value in optimizer.defaults.items() if value is True}, **options}
    missing = [name for name, value in optimizer.defaults.items() if value and name not in options]
    if missing:
        raise ValueError(f"loaded state dict does not fit {type(optimizer).__name__}: a group has no {', '.join(missing)}")
    names = {"param_names": own["param_names"]} if "param_names" in own else {}
    copies = {name: copied(value) for name, value in options.items() if name != "params"}
    group = {**optimizer.defaults, **names, **copies, "params": own["params"]}
    return {**optimizer.resolve_options(group), **validation.live_options(group)}


def loaded_state(
    optimizer: Any, p: Tensor, group: Group, values: Mapping[str, Any], owner: str, problems: list[str]
) -> dict[str, Any]:
    """Return a copy of the state of one parameter; what is wrong with it is added to the problems."""
    spec, scalars = optimizer.state_spec(group), optimizer.scalar_names()
    problems += [
        f"{owner} has {name!r}, which is unknown here" for name in values if name not in spec and name in STATE_NAMES
    ]
    problems += [f"{owner} lacks {name!r}" for name, start in spec.items() if start is not None and name not in values]
    state = {name: converted(value, p) for name, value in values.items() if name not in spec}
    for name in spec:
        value = values.get(name)
        if value is None:
            continue
        scalar = name in scalars
        like = np.zeros((), get_default_dtype().numpy) if scalar else p.array
        # A scalar keeps its precision: it is no element of the parameter.
        dtype = None if scalar and hasattr(value, "dtype") else like.dtype
        try:
            array = np.array(as_array(value), dtype)
        except (TypeError, ValueError, RuntimeError) as error:
            problems.append(f"{name!r} of {owner} cannot be read as numbers ({error})")
            continue
        if array.dtype.kind != "f" or array.shape != like.shape:
            problems.append(validation.mismatch_message(f"{name!r} of {owner}", array, like))
        elif name == "step" and not 0 <= array < math.inf:
            problems.append(f"{name!r} of {owner} is {array.item()}, which is no number of steps")
        state[name] = wrap(array)
    return {name: state[name] for name in [*spec, *state] if name in state}


def converted(value: Any, p: Tensor) -> Any:
    """Return a copy of state of any kind, with tensors of any library as Tensors; like torch, in the parameter's dtype."""
    if isinstance(value, dict):
        return {name: converted(x, p) for name, x in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([converted(x, p) for x in value])
    if not hasattr(value, "detach"):
        return deepcopy(value)
    array = np.array(as_array(value))
    return wrap(array.astype(p.array.dtype) if array.dtype.kind == "f" else array)


def as_array(value: Any) -> Any:
    """Return what NumPy can read: the array of a Tensor of minigrad or torch, anything else unchanged."""
    if isinstance(value, Tensor):
        return value.array
    return value.detach().numpy() if hasattr(value, "detach") else value
