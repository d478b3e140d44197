"""What every optimizer shares: groups of parameters, state, validation, checkpoints, and the sweep.

An optimizer itself is one pure function, its *rule*:

    @staticmethod
    def update(t, theta, g, m, v, *, lr, betas, eps):
        ...
        return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v

**The names of its parameters say what it needs.** A rule that begins with `t` is given the number of the step, from 1 on.
Then come the parameter and its gradient; then the state, in the order in which `memory` lists it under torch's names; and,
after the star, hyper-parameters by the names that they have in a group. It returns the new parameter and the new state. It
changes nothing in place, works element by element, is written in operators and in the primitives of `minigrad.ops`, and does
the same whenever it is given the same: what it did once is repeated (`record`).
So the same text runs on blocks of arrays (`step`) and on Tensors, where it can be differentiated (`updated`).

The base class does everything else, once. Before the rule sees a gradient, `maximize` turns its sign and `weight_decay` adds
its multiple of the parameter, or shrinks the parameter itself where the decay is decoupled.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from minigrad.dtypes import unwrap_scalar
from minigrad.grad_mode import set_recording, thread
from minigrad.optim.record import Rule
from minigrad.optim.sweep import Memory, Plan, Settings, States, kinds, number_like
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

Group = dict[str, Any]

SWITCHES = ("foreach", "fused", "capturable", "differentiable")
"""torch's choices between implementations. minigrad has one; they are there so that calls and checkpoints fit."""

LABELS = frozenset(
    ("params", "param_names", "name", "initial_lr", "swa_lr", "base_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
)
"""What a group may hold beside the options of its optimizer: its parameters, names, and notes of schedulers."""

LIMITS: dict[str, tuple[str, float, float]] = {
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
    "betas[0]": ("beta parameter at index 0", 0, math.nextafter(1, 0)),
    "betas[1]": ("beta parameter at index 1", 0, math.nextafter(1, 0)),
}
"""For each hyper-parameter, what torch's error calls it, and its least and greatest value; it must also be finite."""


Task = tuple[Settings, list[Tensor], list[Array], Plan | None]
"""What a step has to do in one group: parameters with a gradient, and the plan of the step before if it fits."""


class Optimizer:
    """The base of all optimizers; a subclass gives `update`, `memory` and a constructor.

    Args:
        params: Tensors; pairs (name, Tensor), as from `named_parameters()`; or dicts, the *groups*, each with its own
            "params" and those options that shall differ from the defaults.
        defaults: Every option and its value.

    Attributes:
        param_groups: The groups: dicts of options, with the list of Tensors under "params". Options may be changed between
            steps.
        state: For each parameter its state under torch's names; a parameter that never had a gradient has none.
        defaults: The options of groups that do not give their own.
        stepped: Whether `step` was ever called.

    Raises:
        TypeError: `params` is no iterable of Tensors or dicts, or is a set, which has no order.
        ValueError: There are no parameters; one is no leaf or not of floating point, or is in two groups; an option does not
            exist, is out of its range, is NaN or is infinite.
        NotImplementedError: One of torch's switches between implementations (foreach, fused, capturable, differentiable) is
            on.
    """

    update: ClassVar[Callable[..., tuple[Any, ...]]]
    scalars: ClassVar[frozenset[str]] = frozenset()
    """Names of that state which is one number for a parameter, not one for each element."""

    _counts: ClassVar[bool]
    _numbers: ClassVar[frozenset[str]]
    _hyper: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        code = cls.update.__code__
        cls._counts = cls.update.__code__.co_varnames[0] == "t"
        cls._numbers = cls.scalars | {"step"}
        cls._hyper = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        self.defaults = self._checked(defaults, defaults)
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": params if isinstance(params, set) else groups}]
        self.state: States = defaultdict(dict)
        self.param_groups: list[Group] = []
        self.stepped = False
        self._settings: dict[int, Settings] = {}
        self._plans: dict[int, Plan] = {}
        for group in groups:
            self.add_param_group(group)

    def memory(self, group: Group) -> Memory:
        """Return the names of the state, in the order of the rule's parameters, with what it is before the first step.

        None stands for state that is not there: the rule is given None, and what it returns, if not None, is kept.
        """
        raise NotImplementedError

    def _memory(self, group: Group) -> Memory:
        """Return the memory with the number of steps in it, if the rule asks for that."""
        return {"step": 0.0, **self.memory(group)} if self._counts else self.memory(group)

    def check(self, group: Group) -> None:
        """Raise ValueError for options that are in range but do not go together."""

    # -------------------------------------------------------------------------------------------------------- groups

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters; the dict is copied.

        Raises:
            TypeError, ValueError, NotImplementedError: As in the constructor; nothing is added then.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
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
        labels = {"params": tensors, "param_names": names} if names else {"params": tensors}
        group = self._checked({**self.defaults, **param_group, **labels}, self.defaults)
        if len(set(map(id, tensors))) < len(tensors):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
                "github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        if any(("param_names" in group) != ("param_names" in other) for other in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if 'param_names' in group else 'without'} names to the optimizer"
            )
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        if not taken.isdisjoint(map(id, tensors)):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def _checked(self, options: Group, known: Group) -> Group:
        """Return the options of a group with each number as a Python number, if all are known, in range, and go together."""
        name = type(self).__name__
        checked: Group = {}
        for key, value in options.items():
            if key in LABELS:
                checked[key] = value
            elif key not in known:
                offered = ", ".join(k for k in known if k not in SWITCHES)
                raise ValueError(f"{name} has no option {key!r} for a parameter group; it has {offered}")
            elif key in SWITCHES:
                if value is not None and value is not False:
                    remedy = "to differentiate through steps, use updated()" if key == "differentiable" else "leave it out"
                    raise NotImplementedError(
                        f"{name}({key}={value!r}): {key} chooses between implementations in torch; minigrad has one: {remedy}"
                    )
                checked[key] = value
            elif key == "betas":
                first, second = value
                if isinstance(first, Tensor) != isinstance(second, Tensor):
                    raise ValueError("betas must be either both floats or both Tensors")
                checked[key] = (in_range("betas[0]", first), in_range("betas[1]", second))
            else:
                checked[key] = in_range(key, value) if key in LIMITS else value
        self.check(checked)
        return checked

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: not the plans, which hold views of the state's memory."""
        return {**vars(self), "_plans": {}, "_settings": {}}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    # ---------------------------------------------------------------------------------------------------------- step

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros in place.

        The two differ: `step` leaves a parameter without a gradient alone, while momentum or weight decay may still move one
        whose gradient is zero.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    if p._grad.requires_grad:
                        p._grad = p._grad.detach()
                    p._grad.write(0)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Args:
            closure: Computes the loss and the gradients anew, and returns the loss. It is called before the update.

        Returns:
            What the closure returned, or None.

        Raises:
            RuntimeError: A parameter cannot be written to, or its gradient or state has another shape or dtype. No parameter
                and no state is changed then.
        """
        loss = None
        if closure is not None:
            with set_recording(True):
                loss = closure()
        tasks = [self._task(k, group) for k, group in enumerate(self.param_groups)]
        thread.state.without_warnings(self._sweep, tasks)
        self.stepped = True
        return loss

    def _task(self, k: int, group: Group) -> Task:
        """Return what there is to do in group number k, if everything in it fits together."""
        settings = self._settings.get(k)
        if settings is None or settings.options != group:
            group.update(self._checked(group, self.defaults))
            settings = self._settings[k] = Settings(group, self._rule(group), self._memory(group))
        params = [p for p in group["params"] if p._grad is not None]
        grads = [p._grad.array for p in params]
        plan = self._plans.get(k)
        if plan is None or not plan.fits(params, self.state, settings.memory):
            plan = None
            for p in params:
                self._check_state(p)
        if kinds(grads) != (kinds([p.array for p in params]) if plan is None else plan.kinds):
            misfits = [misfit("the gradient", g, p.array) for g, p in zip(grads, params, strict=True) if unlike(g, p.array)]
            raise RuntimeError("; ".join(misfits))
        return settings, params, grads, plan

    def _check_state(self, p: Tensor) -> None:
        """Raise RuntimeError if a parameter cannot be written to, or has state that does not fit it."""
        if not p.array.flags.writeable:
            raise RuntimeError(f"a parameter of shape {list(p.array.shape)} is read-only: its memory must not be written to")
        for name, value in self.state.get(p, {}).items():
            if name not in self._numbers and unlike(value.array, p.array):
                raise RuntimeError(misfit(name, value.array, p.array))

    def _sweep(self, tasks: Sequence[Task]) -> None:
        """Apply the rule to all parameters that have a gradient."""
        for k, (settings, params, grads, plan) in enumerate(tasks):
            if plan is None:
                plan = self._plans[k] = Plan(params, self.state, settings.memory, self._numbers)
            plan.advance(settings, grads)

    def _rule(self, group: Group) -> Rule:
        """Return the update of a group as a function of gradient, parameter and state, on arrays or Tensors."""
        hyper = {name: group[name] for name in self._hyper}
        maximize, decay = group.get("maximize", False), group.get("weight_decay", 0)
        decoupled = group.get("decoupled_weight_decay", False)
        update, counts = self.update, self._counts

        def rule(g: Any, theta: Any, *state: Any) -> tuple[Any, ...]:
            if maximize:
                g = -g
            if decay and decoupled:
                theta = theta * (1 - hyper["lr"] * decay)
            elif decay:
                g = g + decay * theta
            if not counts:
                return update(theta, g, *state, **hyper)
            t = math.floor(state[0]) + 1
            theta, *after = update(t, theta, g, *state[1:], **hyper)
            return (theta, t, *after)

        return rule

    def updated(
        self, theta: Tensor, g: Tensor, state: Mapping[str, Any] | None = None, **options: Any
    ) -> tuple[Tensor, dict[str, Any]]:
        """Return what one step would make of a parameter, and its state after that, as recorded functions of everything.

        Neither the optimizer nor its arguments are changed. Called again and again, this is training that can itself be
        differentiated: by where it began, and by its hyper-parameters, which may be Tensors.

        Args:
            theta: The parameter.
            g: Its gradient; to be differentiated through, it must come from ``autograd.grad(..., create_graph=True)``.
            state: What the call before returned as state; None at the first step.
            options: Hyper-parameters, in place of those of the first group.

        Raises:
            ValueError: An option does not exist or is out of range.

        Square roots have an infinite slope at 0: where a second moment is exactly 0, derivatives of Adagrad, RMSprop, Adam
        and their kin are NaN, in torch as well.

        >>> import minigrad
        >>> from minigrad.optim import SGD
        >>> lr = minigrad.tensor(0.25, requires_grad=True)
        >>> theta, state = SGD([minigrad.tensor(0.0)]).updated(minigrad.tensor(5.0), minigrad.tensor(4.0), lr=lr)
        >>> theta  # 5 - 4 lr
        tensor(4., grad_fn=<SubBackward0>)
        """
        self._checked({**self.param_groups[0], **options}, self.defaults)
        group = {**self.param_groups[0], **options}
        memory = self._memory(group)
        held = dict(state or {})
        for name, start in memory.items():
            if name not in held:
                held[name] = start if start is None or name in self._numbers else wrap(np.full_like(theta.array, start))
        new, *after = self._rule(group)(g, theta, *(held[name] for name in memory))
        return new, {name: value for name, value in zip(memory, after, strict=True) if value is not None}

    # --------------------------------------------------------------------------------------------------- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state and the options, in torch's layout.

        ``{"state": {0: {"step": ..., ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]}``, where parameters
        are numbered through all groups. Unlike torch's it shares no memory with the optimizer, which may go on.
        """
        parameters = [p for group in self.param_groups for p in group["params"]]
        number = {id(p): k for k, p in reversed(list(enumerate(parameters)))}
        return {
            "state": {
                number[id(p)]: {name: wrap(value.array.copy()) for name, value in self.state[p].items()}
                for p in parameters
                if self.state.get(p)
            },
            "param_groups": [{**group, "params": [number[id(p)] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state and the options, learning rate included, of an optimizer of the same kind.

        The dict may be torch's own. Everything is copied. Numbers and arrays of any library are taken for Tensors, and
        torch's implementation switches are ignored.

        Raises:
            ValueError: The number or the sizes of the groups, an option, or the names or shapes of the state do not fit, as
                it is when they come from an optimizer of another kind. Nothing is changed then.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)} instead of "
                f"{len(self.param_groups)}"
            )
        groups = []
        owners: dict[Any, tuple[Tensor, Group]] = {}
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            if len(theirs["params"]) != len(mine["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"{len(theirs['params'])} parameters instead of {len(mine['params'])}"
                )
            group = self._loaded_group(mine, theirs)
            groups.append(group)
            owners.update((key, (p, group)) for key, p in zip(theirs["params"], mine["params"], strict=True))
        state: States = defaultdict(dict)
        problems: list[str] = []
        for key, values in state_dict["state"].items():
            owner = owners.get(key) or (owners.get(int(key)) if isinstance(key, str) and key.isdigit() else None)
            if owner is None:
                problems.append(f"there is state for {key!r}, which is no parameter of any group")
            elif values:
                p, group = owner
                state[p] = self._loaded_state(p, values, self._memory(group), f"parameter {key}", problems)
        if problems:
            raise ValueError(f"loaded state dict does not fit {type(self).__name__}: " + "; ".join(problems))
        self.param_groups = groups
        self.state = state

    def _loaded_group(self, mine: Group, theirs: Mapping[str, Any]) -> Group:
        """Return a group with our parameters and their options; what they lack is off, as it was before it was invented."""
        options = {name: value for name, value in theirs.items() if name not in SWITCHES}
        options = {**{name: False for name, value in self.defaults.items() if value is True}, **options}
        missing = [name for name, value in self.defaults.items() if value and name not in options]
        if missing:
            raise ValueError(f"loaded state dict does not fit {type(self).__name__}: a group has no {', '.join(missing)}")
        names = {"param_names": mine["param_names"]} if "param_names" in mine else {}
        return self._checked({**self.defaults, **names, **options, "params": mine["params"]}, self.defaults)

    def _loaded_state(
        self, p: Tensor, values: Mapping[str, Any], memory: Memory, owner: str, problems: list[str]
    ) -> dict[str, Tensor]:
        """Return a copy of the state of one parameter; what is wrong with it is added to the problems."""
        problems += [f"{owner} has {name!r}, which is unknown here" for name in values if name not in memory]
        problems += [f"{owner} lacks {name!r}" for name, start in memory.items() if start is not None and name not in values]
        state = {}
        for name in memory:
            if values.get(name) is None:
                continue
            value = values[name]
            like = number_like(0) if name in self._numbers else p.array
            # A number keeps its precision: it is no element of the parameter.
            kind = None if name in self._numbers and hasattr(value, "dtype") else like.dtype
            try:
                array = np.array(as_array(value), kind)
            except (TypeError, ValueError, RuntimeError) as error:
                problems.append(f"{name!r} of {owner} cannot be read as numbers ({error})")
                continue
            if array.dtype.kind != "f" or array.shape != like.shape:
                problems.append(misfit(f"{name!r} of {owner}", array, like))
            elif name == "step" and not 0 <= array < math.inf:
                problems.append(f"{name!r} of {owner} is {array.item()}, which is no number of steps")
            state[name] = wrap(array)
        return state


# ------------------------------------------------------------------------------------------------------- small pieces


def in_range(name: str, value: Any) -> float:
    """Return a hyper-parameter as a Python number.

    Raises:
        ValueError: It is not between its limits, is NaN or infinite, or is a Tensor with several elements.
        TypeError: It is no number.
    """
    called, least, greatest = LIMITS[name]
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        value = value.item()
    value = unwrap_scalar(value)
    if not isinstance(value, int | float):
        raise TypeError(f"Invalid {called}: {value!r} is no number")
    if not (least <= value <= greatest and math.isfinite(value)):
        raise ValueError(f"Invalid {called}: {value}")
    return value


def check_parameter(p: Any) -> None:
    """Raise for anything that is not a leaf Tensor of floating point."""
    if not isinstance(p, Tensor):
        raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(p)}")
    if not p.is_leaf:
        raise ValueError("can't optimize a non-leaf Tensor")
    if not p.is_floating_point():
        raise ValueError(f"can't optimize a Tensor of dtype {p.dtype}: only floating-point tensors have gradients")


def typename(value: Any) -> str:
    """Return the name of a value's type with its module, as torch writes it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def as_array(value: Any) -> Any:
    """Return what NumPy can read: the array of a Tensor of minigrad or torch, anything else as it is."""
    if isinstance(value, Tensor):
        return value.array
    return value.detach().numpy() if hasattr(value, "detach") else value


def unlike(array: Array, theta: Array) -> bool:
    """Return whether an array does not fit a parameter."""
    return array.shape != theta.shape or array.dtype != theta.dtype


def misfit(what: str, array: Array, theta: Array) -> str:
    """Return the sentence for a gradient or a state that does not fit its parameter."""
    return (
        f"{what} has shape {list(array.shape)} and dtype {array.dtype}, but its parameter has shape {list(theta.shape)} and "
        f"dtype {theta.dtype}"
    )
