"""What every optimizer shares: groups of parameters, state, and the step.

An optimizer itself is one pure function, its *rule*, in the letters of its paper:

    @staticmethod
    def update(t, theta, g, m, v, *, lr, betas, eps):
        ...
        return theta - lr * m_hat / (sqrt(v_hat) + eps), m, v

**The names of its parameters say what it needs.** A rule that begins with `t` is given the number of the step, from 1 on.
Then come the parameter and its gradient; then the state, in the order in which `init_state` lists it; and, after the star,
hyper-parameters by their names in a group. It returns a tuple: the new parameter, then the new state.

A rule works **element by element**: an element of the result depends on the elements at the same place, and on nothing else.
It is written in operators and in the primitives of `minigrad.ops`, and changes nothing in place. So the same text runs on
arrays of any shape (`step`) and on Tensors, where it can be differentiated (`functional_step`). A rule that is not of this
kind, because it takes a norm or draws random numbers, is called on each parameter by itself.

The base class does everything else. Before the rule sees a gradient, `maximize` changes its sign and `weight_decay` adds its
multiple of the parameter, or shrinks the parameter itself where the decay is decoupled.

An optimizer can also be written in torch's manner: without a rule, with a `step` of its own that goes through
`self.param_groups` and keeps what it likes in `self.state[p]`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from minigrad.backend import current
from minigrad.dtypes import get_default_dtype
from minigrad.errors import type_name
from minigrad.grad_mode import set_recording, thread
from minigrad.narration.update import Update, explain_step
from minigrad.optim import checkpoint, validation
from minigrad.optim.flags import signature_with_flags, with_defaults
from minigrad.optim.rule import RuleSignature, noting_the_step
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

Group = dict[str, Any]
StateSpec = Mapping[str, float | None]


class Optimizer:
    """The base of all optimizers. A subclass has a constructor and a rule, `update`, or a `step` of its own.

    Args:
        params: Tensors; pairs (name, Tensor), as from `named_parameters()`; or dicts, the *groups*, each with its own
            "params" and those options that differ from the defaults.
        defaults: Every option and its value.
        flags: torch's choices between implementations, as far as the subclass accepts them.

    Attributes:
        param_groups: The groups: dicts of options, with the list of Tensors under "params". Options may be changed between
            steps, also in place if they are Tensors. Keys of your own are kept.
        state: For each parameter its state under torch's names; a parameter that never had a gradient has none.
        defaults: The options of groups that do not give their own.
        stepped: Whether `step` was ever called.
        warned: Whether `step` has warned that no parameter has a gradient.
        backend_cache: What the backend in use keeps from step to step; it is not copied.

    Raises:
        TypeError: `params` is not an iterable of Tensors or dicts, or is a set, which has no order.
        ValueError: There are no parameters; one is not a leaf or not floating-point, or is in two groups; an option does not
            exist, is out of its range, is NaN or is infinite.
        NotImplementedError: One of torch's implementation flags (foreach, fused, capturable, differentiable) is on.

    >>> import minigrad
    >>> class SignDescent(Optimizer):
    ...     def __init__(self, params, lr=0.5, momentum=0.5):
    ...         super().__init__(params, {"lr": lr, "momentum": momentum})
    ...
    ...     @staticmethod
    ...     def update(theta, g, m, *, lr, momentum):
    ...         m = momentum * m + (1 - momentum) * g
    ...         return theta - lr * m / abs(m), m
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SignDescent([x])
    >>> (x * minigrad.tensor([3.0, -4.0])).sum().backward()
    >>> optimizer.step()
    >>> x, optimizer.state[x]
    (tensor([0.5000, 2.5000], requires_grad=True), {'m': tensor([ 1.5000, -2.0000])})
    """

    update: ClassVar[Callable[..., tuple[Any, ...]]]
    scalar_state: ClassVar[frozenset[str]] = frozenset()
    """Names of that state which is one scalar for a parameter, not one for each element."""

    flags: ClassVar[tuple[str, ...]] = ()
    """The implementation flags that the constructor accepts."""

    fixed_options: ClassVar[Mapping[str, Any]] = {}
    """Options that a loaded checkpoint does not change."""

    rule: ClassVar[RuleSignature | None] = None
    """What the signature of `update` says; None for an optimizer with a `step` of its own."""

    warned = False
    backend_cache: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__signature__ = signature_with_flags(cls.__init__, cls.flags)  # type: ignore[attr-defined]
        if "step" in vars(cls):
            cls.step = noting_the_step(cls.step)  # type: ignore[method-assign]
        if "update" in vars(cls):
            cls.rule = RuleSignature(cls.update, cls.__name__) if cls.step is Optimizer.step else None

    def __init__(self, params: Iterable[Any], defaults: Group, flags: Mapping[str, Any] | None = None) -> None:
        self.defaults = {**defaults, **with_defaults(type(self).__name__, self.flags, flags or {})}
        self.resolve_options(self.defaults)
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + type_name(params)
            )
        groups = list(params)
        if not groups:
            raise validation.no_parameters()
        if not isinstance(groups[0], dict):
            groups = [{"params": params if isinstance(params, set) else groups}]
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self.stepped = False
        for group in groups:
            self.add_param_group(group)

    # ------------------------------------------------------------------------------------------ what a subclass may say

    def init_state(self, group: Group) -> StateSpec:
        """Return the names of the state, in the order of the rule's parameters, with what it is before the first step.

        None stands for state that is not there: the rule is given None, and what it returns, if not None, is kept. By
        default the state has the names that it has in the rule, and begins at 0.
        """
        return dict.fromkeys(self.rule.state if self.rule else (), 0.0)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for options that are in range but do not go together."""

    # -------------------------------------------------------------------------------------------------------- the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        The first time that none has one, there is a UserWarning; torch says nothing.

        An exception from outside, such as KeyboardInterrupt, leaves each parameter as before the step or as after it, and
        nothing that goes on writing. But some parameters may be a step ahead of others, and state may be amid its update.

        Args:
            closure: Computes the loss and the gradients again, and returns the loss. It is called before the update.

        Returns:
            What the closure returned, or None.

        Raises:
            RuntimeError: A parameter cannot be written to, or its gradient or state has another shape or dtype. No parameter
                and no state is changed then.
            TypeError: The rule does not return a tuple of the new parameter and all its state.
        """
        if closure is not None and not callable(closure):
            raise TypeError(f"step(): argument 'closure' must be callable, not {type(closure).__name__}")
        loss = None if closure is None else set_recording(True)(closure)()
        observer = thread.state.observer
        if observer is not None:
            observer.tell("before_step", self)
        if not current.backend.optimizer_step(self):
            validation.warn_without_gradients(self)
            for group in self.checked_groups():  # an error there leaves everything unchanged
                for p in group["params"]:
                    if p.grad is not None:
                        state = self.read_state(p, group)
                        theta, *state = map(copied, self.apply_rule(group, p.array, p.grad.array, state))
                        p.write(theta)
                        self.write_state(p, group, state)
        if observer is not None:
            observer.tell("after_step", self)
        self.stepped = True
        return loss

    @np.errstate(all="ignore")  # inf and NaN are values
    def apply_rule(self, group: Group, theta: Any, g: Any, state: Sequence[Any]) -> tuple[Any, ...]:
        """Return what one step makes of a parameter and its state, all of them arrays or Tensors.

        Args:
            group: The options, with scalars as Python numbers, or Tensors to differentiate by.
            theta: The parameter.
            g: Its gradient.
            state: Its state in the order of `state_spec`.
        """
        if self.rule is None:
            raise NotImplementedError(f"{type(self).__name__} has no rule, `update`, and no `step` of its own")
        decay = group.get("weight_decay", 0)
        if group.get("maximize", False):
            g = -g
        if decay and group.get("decoupled_weight_decay", False):
            theta = theta * (1 - group["lr"] * decay)
        elif decay:
            g = g + decay * theta
        hyper = {name: group[name] for name in self.rule.hyperparameters if name in group}
        if not self.rule.uses_step:
            return self.rule.checked(self.update(theta, g, *state, **hyper), theta, state)
        t = math.floor(state[0]) + 1
        theta, *after = self.rule.checked(self.update(t, theta, g, *state[1:], **hyper), theta, state[1:])
        return (theta, t, *after)

    def functional_step(
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
        and related optimizers are NaN, in torch as well.

        >>> import minigrad
        >>> from minigrad.optim import SGD
        >>> lr = minigrad.tensor(0.25, requires_grad=True)
        >>> optimizer = SGD([minigrad.tensor(0.0)])
        >>> theta, state = optimizer.functional_step(minigrad.tensor(5.0), minigrad.tensor(4.0), lr=lr)
        >>> theta  # 5 - 4 lr
        tensor(4., grad_fn=<SubBackward0>)
        """
        validation.check_known(type(self).__name__, options, self.defaults)
        group = {**self.param_groups[0], **options}
        self.resolve_options(group)
        spec, before = self.state_spec(group), dict(state or {})
        for name, start in spec.items():
            if name not in before:
                scalar = start is None or name in self.scalar_names()
                before[name] = start if scalar else wrap(np.full_like(theta.array, start))
        new_theta, *after = self.apply_rule(group, theta, g, [before[name] for name in spec])
        return new_theta, {name: value for name, value in zip(spec, after, strict=True) if value is not None}

    def explain(self, parameter: Tensor, gradient: Tensor | None = None) -> Update:
        """Tell what the next step makes of a parameter, in the letters of the rule, with its numbers. Nothing is changed.

        Args:
            parameter: One that the optimizer holds.
            gradient: By default its `grad`.

        Raises:
            ValueError: The optimizer does not hold the parameter, or there is no gradient.
            NotImplementedError: The optimizer has a `step` of its own.

        >>> import minigrad
        >>> from minigrad.optim import SGD
        >>> SGD([theta := minigrad.tensor(5.0)], lr=0.25).explain(theta, minigrad.tensor(4.0))
        SGD: theta = 5, lr = 0.25, g = 4
             theta' = theta - lr * g = 5 - 0.25 * 4 = 4
        """
        return explain_step(self, parameter, gradient)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros in place.

        The two differ: `step` leaves a parameter without a gradient alone, while momentum or weight decay may still move one
        whose gradient is zero.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    if p.grad.requires_grad:
                        p.grad = p.grad.detach()
                    p.grad.write(0)

    # --------------------------------------------------------------------------------------------- groups and their state

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters; the dict is copied.

        Raises:
            TypeError, ValueError, NotImplementedError: As in the constructor; nothing is added then.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = {**self.defaults, **param_group, **validation.unpack_parameters(param_group)}
        options = self.resolve_options(group)
        validation.check_new_group(group, self.param_groups)
        if self.rule is not None:
            self.rule.check_names(list(self.init_state(options)), list(group))
        self.param_groups.append({**options, **validation.live_options(group)})

    def resolve_options(self, group: Group) -> Group:
        """Return the options of a group with each hyper-parameter as a Python number, if they are right.

        An optimizer with a `step` of its own may give the names another meaning; its options are left alone.
        """
        if self.rule is None:
            return dict(group)
        options = validation.resolve_options(type(self).__name__, group, self.defaults)
        self.check_options(options)
        return options

    def checked_groups(self) -> list[Group]:
        """Return the groups with resolved options, if no gradient and no state is in the way of a step."""
        groups = [self.resolve_options(group) for group in self.param_groups]
        for group in groups:
            names = [name for name in self.state_spec(group) if name not in self.scalar_names()]
            validation.check_arrays(group["params"], self.state, names)
        return groups

    def state_spec(self, group: Group) -> StateSpec:
        """Return what `init_state` returns, after the number of steps if the rule uses it."""
        spec = self.init_state(group)
        return {"step": 0.0, **spec} if self.rule and self.rule.uses_step else spec

    def scalar_names(self) -> frozenset[str]:
        """Return the names of that state which is one scalar."""
        return self.scalar_state | {"step"}

    def init_missing_state(self, p: Tensor, group: Group) -> None:
        """Give a parameter the state that it has before its first step, as far as it has none."""
        own = self.state.get(p, {})
        for name, start in self.state_spec(group).items():
            value = own.get(name, start)
            if value is not None and not isinstance(value, Tensor):
                scalar = name in self.scalar_names()
                self.state[p][name] = wrap(scalar_array(value) if scalar else np.full_like(p.array, value))

    def read_state(self, p: Tensor, group: Group) -> list[Any]:
        """Return the state of a parameter in the order of `state_spec`, None where it is not there."""
        self.init_missing_state(p, group)
        state = self.state.get(p, {})
        return [state[name].array[()] if name in state else None for name in self.state_spec(group)]

    def write_state(self, p: Tensor, group: Group, values: Sequence[Array | None]) -> None:
        """Replace the state of a parameter."""
        for name, value in zip(self.state_spec(group), values, strict=True):
            if name in self.state.get(p, {}):
                self.state[p][name].write(value)
            elif value is not None:
                self.state[p][name] = wrap(value.astype(p.array.dtype))

    # ------------------------------------------------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state and the options, in torch's layout.

        ``{"state": {0: {"step": ..., ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]}``, where parameters
        are numbered through all groups. Unlike torch's it shares no memory with the optimizer.
        """
        return checkpoint.state_dict(self.param_groups, self.state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state and the options, learning rate included, of an optimizer of the same kind.

        The dict may be torch's own. Everything is copied. Numbers and arrays of any library are taken for Tensors, and
        torch's implementation flags are ignored.

        Raises:
            ValueError: The number or the sizes of the groups, an option, or the names or shapes of the state do not fit, as
                when they come from an optimizer of another kind. Nothing is changed then.
        """
        self.param_groups, self.state = checkpoint.loaded(self, state_dict)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "backend_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def hyperparameters(arguments: Mapping[str, Any]) -> Group:
    """Return the hyper-parameters among the arguments of a constructor, which are its ``locals()``."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "flags", "__class__")}


def copied(value: Any) -> Array | None:
    """Return a copy of an array: a rule may return what it was given, which is overwritten."""
    return None if value is None else np.array(value)


def scalar_array(value: Any) -> Array:
    """Return state that is one scalar as an array: of its own dtype if it has one, else, as in torch, of the default one."""
    return np.array(value, None if isinstance(value, np.generic) else get_default_dtype().numpy)
