"""Learning rate schedulers, as in `torch.optim.lr_scheduler`.

A scheduler sets ``group["lr"]`` of every parameter group of an optimizer: when it is created, and at every `step`, which is
called after `optimizer.step()`, once an epoch or once a batch. Most schedulers compute the learning rate from the previous
one, so that several schedulers of one optimizer can be chained. In the formulas t is the number of calls of `step`, lr_t the
learning rate after them, and lr_0 the initial learning rate of the group.

    for epoch in range(epochs):
        ...
        optimizer.step()
        scheduler.step()
"""

import math
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from types import FunctionType
from typing import Any, SupportsFloat

from minigrad.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR",
    "MultiStepLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip


class LRScheduler:
    """Base class of the schedulers; a subclass implements `get_lr`.

    Args:
        optimizer: The optimizer.
        last_epoch: -1 for a new training run. To resume without a state_dict, the t at which training stopped.

    Attributes:
        last_epoch: t.
        base_lrs: lr_0 of each parameter group; the group stores it as "initial_lr".

    Raises:
        TypeError: optimizer is not an Optimizer.
        KeyError: last_epoch is given, but a group has no "initial_lr".
    """

    _is_initial = False
    _not_saved: frozenset[str] = frozenset({"optimizer", "_is_initial"})

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming scheduler with last_epoch >= 0. "
                    "Load the optimizer's state first, or omit last_epoch to start a new run"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def get_lr(self) -> list[float]:
        """Return the learning rate of each parameter group at t = last_epoch.

        The groups still have the learning rates of t - 1, unless `_is_initial` is True: then this is the first call.
        """
        raise NotImplementedError

    def _initial_step(self) -> None:
        """Set the first learning rates, at t = last_epoch + 1."""
        self._step_count = 1
        self.last_epoch += 1
        self._update_lr(initial=True)

    def _undo_initial_step(self) -> None:
        """Undo the counting of `_initial_step`."""
        self.last_epoch -= 1

    def _restart(self) -> None:
        """Return to t = 0 and lr_0."""
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr
        self.last_epoch = -1
        self._initial_step()

    def _update_lr(self, initial: bool = False) -> None:
        self._is_initial = initial
        lrs = [float(lr) for lr in self.get_lr()]
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = lrs

    def _scaled_lrs(self, factor: float) -> list[float]:
        """Return the current learning rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def step(self, epoch: None = None) -> None:
        """Set the learning rates of the next epoch or batch; to be called after `optimizer.step()`.

        Args:
            epoch: Only None. A jump to an epoch is deprecated in torch: load a state instead.

        Raises:
            TypeError: It is a number.
        """
        if epoch is not None:
            raise TypeError("step() goes to the next epoch: to go to another one, use load_state_dict")
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                "skipped. Call `optimizer.step()` before `lr_scheduler.step()`",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._update_lr()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that were set last, one for each parameter group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the scheduler's state, with torch's names. It excludes the optimizer and functions."""
        return {name: deepcopy(value) for name, value in vars(self).items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a copy of the state of a scheduler of the same class, from minigrad or torch.

        The learning rates are part of the optimizer's state, which can be loaded before or after. Create the schedulers
        first: creating one sets the learning rates.

        Raises:
            ValueError: The keys or the number of parameter groups do not match; nothing is changed.
        """
        self._check_state(state_dict)
        vars(self).update({name: deepcopy(state_dict[name]) for name in vars(self).keys() - self._not_saved})

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError unless the state is from a scheduler of this class with as many parameter groups."""
        missing = sorted(vars(self).keys() - LRScheduler._not_saved - state_dict.keys())
        unknown = sorted(name for name in state_dict.keys() - vars(self).keys() if not name.startswith("_"))
        if missing or unknown:
            raise ValueError(
                f"loaded state dict does not fit {type(self).__name__}: missing {', '.join(missing) or 'nothing'}; unknown "
                f"{', '.join(unknown) or 'nothing'}"
            )
        loaded, own = len(state_dict["_last_lr"]), len(self.optimizer.param_groups)
        if loaded != own:
            raise ValueError(f"loaded state dict is for {loaded} parameter groups; the optimizer has {own}")


_LRScheduler = LRScheduler  # its name in old programs


class LambdaLR(LRScheduler):
    """lr_t = lr_0 f(t).

    Args:
        optimizer: The optimizer.
        lr_lambda: The function f, or a list with one function for each parameter group.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: The number of functions is not the number of groups.
    """

    _not_saved = LRScheduler._not_saved | {"lr_lambdas"}

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1
    ) -> None:
        self.lr_lambdas = per_group(optimizer, "lr_lambdas", lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_0 f(t)."""
        return [base_lr * f(self.last_epoch) for base_lr, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state. Of a callable object it contains the attributes, of a function None."""
        attributes = [None if isinstance(f, FunctionType) else deepcopy(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": attributes}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a copy of the state of a LambdaLR.

        Raises:
            ValueError: The state does not match; nothing is changed.
        """
        super().load_state_dict(state_dict)
        for f, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                vars(f).update(deepcopy(attributes))


class StepLR(LRScheduler):
    """Multiply the learning rate by gamma every step_size steps: lr_t = lr_0 gamma^(t // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = positive("step_size", step_size), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_(t-1), times gamma if t is a positive multiple of step_size."""
        decay_now = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self._scaled_lrs(self.gamma if decay_now else 1.0)


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by gamma at each milestone, as often as the milestone is listed."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_(t-1), times gamma if t is a milestone."""
        return self._scaled_lrs(self.gamma ** self.milestones.get(self.last_epoch, 0))


class LinearLR(LRScheduler):
    """Interpolate linearly from lr_0 start_factor at t = 0 to lr_0 end_factor at t = total_iters; constant from there on.

    Raises:
        ValueError: start_factor is not in (0, 1], or end_factor is not in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_(t-1) times the ratio of the interpolated factors of t and t - 1."""
        if self.last_epoch == 0:
            return self._scaled_lrs(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._scaled_lrs(1.0)
        slope = self.end_factor - self.start_factor
        previous_factor = self.total_iters * self.start_factor + (self.last_epoch - 1) * slope
        return self._scaled_lrs(1 + slope / previous_factor)


class ConstantLR(LRScheduler):
    """lr_0 factor before t = total_iters, and lr_0 from there on.

    Raises:
        ValueError: factor is not in [0, 1].
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_(t-1), times factor at t = 0, and divided by it at total_iters."""
        if self.last_epoch == 0:
            return self._scaled_lrs(self.factor)
        return self._scaled_lrs(1.0 / self.factor if self.last_epoch == self.total_iters else 1.0)


class PolynomialLR(LRScheduler):
    """lr_t = lr_0 (1 - t / total_iters)^power until t = total_iters, and 0 from there on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr_(t-1) times the ratio of the factors of t and t - 1."""
        t, total = self.last_epoch, self.total_iters
        if self._is_initial or t > total:
            return self._scaled_lrs(1.0)
        return self._scaled_lrs(((1.0 - t / total) / (1.0 - (t - 1) / total)) ** self.power)


class ExponentialLR(LRScheduler):
    """lr_t = lr_0 gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return gamma lr_(t-1)."""
        return self._scaled_lrs(1.0 if self._is_initial else self.gamma)


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + (lr_0 - eta_min) (1 + cos(pi t / T_max)) / 2, a cosine of period 2 T_max.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = positive("T_max", T_max), eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return eta_min + (lr_(t-1) - eta_min) times the ratio of the cosine factors of t and t - 1."""
        t, groups = self.last_epoch, self.optimizer.param_groups
        if self._is_initial:
            return self._scaled_lrs(1.0)
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # the factor of t - 1 is 0
            factor = (1 - math.cos(math.pi / self.T_max)) / 2
            pairs = zip(groups, self.base_lrs, strict=True)
            return [group["lr"] + (base_lr - self.eta_min) * factor for group, base_lr in pairs]
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [ratio * (group["lr"] - self.eta_min) + self.eta_min for group in groups]


class CosineAnnealingWarmRestarts(LRScheduler):
    """A cosine from lr_0 to eta_min in cycles of T_0, T_0 T_mult, T_0 T_mult^2, ... steps.

    lr_t = eta_min + (lr_0 - eta_min) (1 + cos(pi T_cur / T_i)) / 2, where T_cur is t since the restart, and T_i the length of
    the cycle.

    Raises:
        ValueError: T_0 is not a positive integer, T_mult not one of at least 1, or eta_min not a number.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_0 = positive("T_0", T_0)
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, int | float):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_mult, self.eta_min = T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates at T_cur."""
        factor = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base_lr - self.eta_min) * factor for base_lr in self.base_lrs]

    def _set_time(self, t: float) -> None:
        """Set the cycle that t is in, and the time since its beginning."""
        self.T_cur, self.T_i = t, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult

    def _initial_step(self) -> None:
        """Set the first learning rates."""
        self._set_time(self.last_epoch + 1)
        super()._initial_step()

    def step(self, epoch: float | None = None) -> None:
        """Set the next learning rates, or those at a time t, such as ``epoch + batch / batches``.

        Raises:
            ValueError: t is negative.
        """
        t = self.last_epoch + 1 if epoch is None else epoch
        if t < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        self._set_time(t)
        self.last_epoch = math.floor(t) - 1
        super().step()


class OneCycleLR(LRScheduler):
    """The 1cycle policy: the learning rate rises to max_lr and then falls far below its initial value.

    It rises from max_lr / div_factor to max_lr, and falls to max_lr / (div_factor final_div_factor). Meanwhile the momentum,
    or beta1, falls from max_momentum to base_momentum and rises again. Call `step` after every batch.

    Args:
        optimizer: The optimizer.
        max_lr: The maximum learning rate, or a list with one for each parameter group.
        total_steps: The number of batches; if None, epochs * steps_per_epoch.
        epochs: The number of epochs.
        steps_per_epoch: The number of batches in an epoch.
        pct_start: The fraction of the cycle in which the learning rate rises, in [0, 1].
        anneal_strategy: The interpolation, "cos" or "linear".
        cycle_momentum: Whether to change the momentum.
        base_momentum: The minimum momentum, or a list with one for each parameter group.
        max_momentum: The maximum momentum, or a list with one for each parameter group.
        div_factor: max_lr / initial learning rate.
        final_div_factor: Initial learning rate / final learning rate.
        three_phase: Whether to fall to the initial learning rate as fast as it rose, and from there to the final one.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: An argument is out of range, or the optimizer has no momentum; in `step`: t exceeds total_steps.

    Source: Smith & Topin 2018, https://arxiv.org/abs/1708.07120.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        options = {"max_lr": per_group(optimizer, "max_lr", max_lr)}
        if total_steps is not None:
            self.total_steps = positive("total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = one_cycle_phases(self.total_steps, pct_start, three_phase)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if not {"momentum", "betas"} & optimizer.defaults.keys():
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
            options["max_momentum"] = per_group(optimizer, "max_momentum", max_momentum)
            options["base_momentum"] = per_group(optimizer, "base_momentum", base_momentum)
        for k, group in enumerate(optimizer.param_groups if last_epoch == -1 else ()):
            group.update({name: values[k] for name, values in options.items()})
            group["initial_lr"] = group["max_lr"] / div_factor
            group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rates interpolated within the phase of t, and set the momentum of the groups."""
        t, phases = self.last_epoch, self._schedule_phases
        if t > self.total_steps:
            raise ValueError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        k = next((k for k, phase in enumerate(phases) if t <= phase["end_step"]), len(phases) - 1)
        start, phase = phases[k - 1]["end_step"] if k else 0.0, phases[k]
        fraction = (t - start) / (phase["end_step"] - start)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._interpolate(group[phase["start_lr"]], group[phase["end_lr"]], fraction))
            if self.cycle_momentum:
                momentum = self._interpolate(group[phase["start_momentum"]], group[phase["end_momentum"]], fraction)
                group.update({"betas": (momentum, group["betas"][1])} if self.use_beta1 else {"momentum": momentum})
        return lrs

    def _interpolate(self, start: float, end: float, fraction: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * fraction + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * fraction) + 1)


def one_cycle_phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """Return the phases of `OneCycleLR` in torch's form: the last step, and the options of a group to interpolate between."""
    keys = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    peak = float(pct_start * total_steps) - 1
    phases: list[tuple[Any, ...]] = [(peak, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three_phase:
        phases.append((2 * (peak + 1) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        phases.append((total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        phases.append((total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    return [dict(zip(keys, phase, strict=True)) for phase in phases]


class SequentialLR(LRScheduler):
    """Run several schedulers one after another; each starts at its own t = 0 at its milestone.

    Args:
        optimizer: The optimizer.
        schedulers: Schedulers of that optimizer.
        milestones: The values of t at which the second, third, ... scheduler starts.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: There is no scheduler, one belongs to another optimizer or is a `ReduceLROnPlateau`, or there is not
            exactly one milestone less than schedulers.
    """

    _not_saved = LRScheduler._not_saved | {"_schedulers"}

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if not schedulers:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for k, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"SequentialLR does not support `ReduceLROnPlateau`, whose step needs a metric (index {k})")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR expects all schedulers to belong to the same optimizer (not so: index {k})")
        if len(milestones) != len(schedulers) - 1:
            counts = f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            raise ValueError(f"SequentialLR expects one more scheduler than milestones, but got {counts}")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        # Creating the child schedulers set their first learning rates. Undo that, except for the first scheduler.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            scheduler._undo_initial_step()
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the first learning rates, those of the child scheduler that is active at t = 0."""
        self.last_epoch += 1
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _undo_initial_step(self) -> None:
        """Undo the counting of `_initial_step`, also in the child schedulers."""
        self.last_epoch -= 1
        for scheduler in self._schedulers:
            scheduler._undo_initial_step()

    def _restart(self) -> None:
        """Return to t = 0 and restart the first child scheduler."""
        self.last_epoch = -1
        self.step()

    def step(self) -> None:  # type: ignore[override]
        """Step the active child scheduler, or start the next one at its milestone."""
        self.last_epoch += 1
        k = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[k]
        if self.last_epoch == [0, *self._milestones][k]:
            scheduler._restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state, with those of the child schedulers."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a copy of the state of a SequentialLR with child schedulers of the same classes.

        Raises:
            ValueError: The state does not match; nothing is changed.
        """
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError unless the state matches, also in the child schedulers."""
        super()._check_state(state_dict)
        loaded, own = len(state_dict["_schedulers"]), len(self._schedulers)
        if loaded != own:
            raise ValueError(f"loaded state dict is for {loaded} schedulers in sequence instead of {own}")
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler._check_state(state)


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by factor when a metric has not improved for more than patience steps.

    Args:
        optimizer: The optimizer.
        mode: "min" if the metric should decrease, "max" if it should increase.
        factor: The factor of a reduction, less than 1.
        patience: The number of steps without improvement that are tolerated.
        threshold: The minimum change that counts as an improvement.
        threshold_mode: "rel" for a threshold relative to the best metric, "abs" for an absolute one.
        cooldown: The number of steps after a reduction that are ignored.
        min_lr: The minimum learning rate, or a list with one for each parameter group.
        eps: A reduction by at most eps is ignored.

    Raises:
        ValueError: factor is 1 or more, a mode is unknown, or the number of min_lr is not the number of groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.min_lrs = per_group(optimizer, "min_lrs", min_lr)
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.best = self.mode_worse = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = self._scaled_lrs(1.0)

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Update the state with the metric of an epoch, and reduce the learning rates if it has stopped improving.

        Raises:
            RuntimeError: Parameter groups were added to the optimizer, and min_lr is a list. Nothing is changed.
        """
        current = float(metrics)
        count = len(self.optimizer.param_groups)
        if len(self.min_lrs) != count:
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The optimizer has {count} parameter groups now, but there are {len(self.min_lrs)} min_lrs; extend them"
                )
            self.min_lrs = [self.default_min_lr] * count
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(self.last_epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._scaled_lrs(1.0)

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * current > sign * self.best * (1 + sign * self.threshold)
        return sign * current > sign * self.best + self.threshold

    def _reduce_lr(self, epoch: int) -> None:
        """Reduce the learning rates. A subclass may do something else here."""
        for group, min_lr in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, min_lr)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError unless the argument is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def per_group(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """Return a list with one value for each parameter group, from such a list or from one value for all.

    Raises:
        TypeError: optimizer is not an Optimizer.
        ValueError: The list has the wrong length.
    """
    check_optimizer(optimizer)
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(f"Expected {count} {name}, but got {len(values)}")
    return values


def positive(name: str, value: int) -> int:
    """Return the value, or raise ValueError unless it is a positive integer."""
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value
