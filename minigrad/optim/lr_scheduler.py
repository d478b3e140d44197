"""Learning rates that change in the course of training.

A scheduler sets ``group["lr"]`` of every group of an optimizer: once when it is made, and at each `step`, which comes after
`optimizer.step()`, once an epoch or once a batch. Most compute the rate from the one before, so that several on one optimizer
multiply. t counts the calls of `step`; lr_0 is the rate that the group had at first.

    for epoch in range(epochs):
        ...
        optimizer.step()
        scheduler.step()
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from types import FunctionType
from typing import Any, SupportsFloat

from minigrad.optim.optimizer import Group, Optimizer

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class LRScheduler:
    """The base of all schedulers; a subclass gives `rate`.

    Args:
        optimizer: The optimizer.
        last_epoch: The t that training stopped at, for a scheduler made anew without its state_dict; -1 at the beginning.

    Attributes:
        last_epoch: t.
        base_lrs: lr_0 of each group; groups keep it as "initial_lr".

    Raises:
        TypeError: The optimizer is none.
        KeyError: last_epoch is given, but the groups have no "initial_lr".
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming scheduler with last_epoch >= 0. "
                    "Load the optimizer's state first, or leave last_epoch out to begin"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the learning rate of a group at t = last_epoch.

        Args:
            group: The group, with the rate of t - 1 as "lr".
            base: lr_0.
            begins: Whether this is the first time, so that there is no t - 1.
        """
        raise NotImplementedError

    def _begin(self) -> None:
        self._step_count = 1
        self.last_epoch += 1
        self._set(True)

    def _undo(self) -> None:
        """Take back the counting of `_begin`."""
        self.last_epoch -= 1

    def _restart(self) -> None:
        """Go to t = 0 from lr_0, whatever the rate is now."""
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base
        self.last_epoch = 0
        self._set(True)

    def _set(self, begins: bool) -> None:
        pairs = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        rates = [self.rate(group, base, begins) for group, base in pairs]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    def step(self) -> None:
        """Set the rates for the next epoch or batch; to be called after `optimizer.step()`."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                "skipped. Call `optimizer.step()` before `lr_scheduler.step()`",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._set(False)

    def get_last_lr(self) -> list[float]:
        """Return the rates set last, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the scheduler remembers, under torch's names; not the optimizer, and no functions."""
        return {name: deepcopy(value) for name, value in vars(self).items() if name not in self._not_saved}

    _not_saved: frozenset[str] = frozenset({"optimizer"})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a copy of what a scheduler of the same kind remembered, here or in torch.

        The rates themselves are the optimizer's to load, before this or after it, but after schedulers were made, as making
        one sets the rates.

        Raises:
            ValueError: The names or the number of groups do not fit; nothing is changed then.
        """
        self._check(state_dict)
        vars(self).update({name: deepcopy(state_dict[name]) for name in vars(self).keys() - self._not_saved})

    def _check(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError if the state is not of a scheduler of this kind, with as many groups."""
        missing = sorted(vars(self).keys() - {"optimizer"} - state_dict.keys())
        unknown = sorted(name for name in state_dict.keys() - vars(self).keys() if not name.startswith("_"))
        if missing or unknown:
            raise ValueError(
                f"loaded state dict does not fit {type(self).__name__}: missing {', '.join(missing) or 'nothing'}; unknown "
                f"{', '.join(unknown) or 'nothing'}"
            )
        saved, mine = len(state_dict["_last_lr"]), len(self.optimizer.param_groups)
        if saved != mine:
            raise ValueError(f"loaded state dict is for {saved} parameter groups; the optimizer has {mine}")


class LambdaLR(LRScheduler):
    """lr = lr_0 f(t).

    Args:
        optimizer: The optimizer.
        lr_lambda: f, or a list of functions, one for each group.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: There are not as many functions as groups.
    """

    _not_saved = frozenset({"optimizer", "lr_lambdas"})

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.lr_lambdas = each(optimizer, "lr_lambdas", lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of what the scheduler remembers; of an f that is no function but an object, its attributes."""
        kept = [None if isinstance(f, FunctionType) else deepcopy(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a copy of what a scheduler of the same kind remembered.

        Raises:
            ValueError: It does not fit; nothing is changed then.
        """
        super().load_state_dict(state_dict)
        for f, kept in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if kept is not None:
                vars(f).update(deepcopy(kept))

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return lr_0 f(t)."""
        k = next(k for k, other in enumerate(self.optimizer.param_groups) if other is group)
        return float(base * self.lr_lambdas[k](self.last_epoch))


class StepLR(LRScheduler):
    """lr is multiplied by gamma every step_size steps: lr = lr_0 gamma^(t // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the rate, times gamma if t is a multiple of step_size."""
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return float(group["lr"] * self.gamma if due else group["lr"])


class MultiStepLR(LRScheduler):
    """lr is multiplied by gamma at each milestone; at one that is given twice, twice."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the rate, times gamma if t is a milestone."""
        return float(group["lr"] * self.gamma ** self.milestones.get(self.last_epoch, 0))


class LinearLR(LRScheduler):
    """lr goes in a straight line from lr_0 start_factor to lr_0 end_factor, which it reaches at t = total_iters.

    Raises:
        ValueError: start_factor is not in (0, 1], or end_factor not in [0, 1].
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
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the rate, times the ratio of the factors of t and t - 1."""
        if self.last_epoch == 0:
            return float(group["lr"] * self.start_factor)
        if begins or self.last_epoch > self.total_iters:
            return float(group["lr"])
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return float(group["lr"] * (1 + rise / before))


class ExponentialLR(LRScheduler):
    """lr = lr_0 gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the rate times gamma."""
        return float(group["lr"] if begins else group["lr"] * self.gamma)


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (lr_0 - eta_min) (1 + cos(pi t / T_max)) / 2: half a cosine down in T_max steps, then up again.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5, without the restarts.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return eta_min plus what the rate is above it, times the ratio of the factors of t and t - 1."""
        t, span = self.last_epoch, base - self.eta_min
        if begins:
            return float(group["lr"])
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # the factor of t - 1 is 0
            return float(group["lr"] + span * (1 - math.cos(math.pi / self.T_max)) / 2)
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return float(ratio * (group["lr"] - self.eta_min) + self.eta_min)


class OneCycleLR(LRScheduler):
    """One cycle: lr rises from max_lr / div_factor to max_lr and falls to a final_div_factor-th of where it began.

    Meanwhile the momentum, or beta1, falls from max_momentum to base_momentum and rises again. To be called after each batch.

    Args:
        optimizer: The optimizer.
        max_lr: The highest rate, or a list with one for each group.
        total_steps: The number of batches; or else
        epochs, steps_per_epoch: two numbers whose product that is.
        pct_start: The part of the cycle, from 0 to 1, in which lr rises.
        anneal_strategy: "cos" or "linear": the shape of rise and fall.
        cycle_momentum: Whether to change the momentum.
        base_momentum: Its lowest value, or a list.
        max_momentum: Its highest value, or a list.
        div_factor: max_lr over the first rate.
        final_div_factor: The first rate over the last.
        three_phase: Fall to the first rate as fast as it rose, and from there to the last.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: A number is out of its range, or the optimizer has no momentum to change; at `step`, the cycle is over.

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
        check_optimizer(optimizer)
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
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if not {"momentum", "betas"} & optimizer.defaults.keys():
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
        top, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        rise = phase(top, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if three_phase:
            fall = phase(2 * (top + 1) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
            self._schedule_phases = [rise, fall, phase(last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
        else:
            self._schedule_phases = [rise, phase(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        settings = {
            "max_lr": each(optimizer, "max_lr", max_lr),
            "max_momentum": each(optimizer, "max_momentum", max_momentum),
            "base_momentum": each(optimizer, "base_momentum", base_momentum),
        }
        for k, group in enumerate(optimizer.param_groups if last_epoch == -1 else ()):
            group.update({name: values[k] for name, values in settings.items() if name == "max_lr" or cycle_momentum})
            group["initial_lr"] = group["max_lr"] / div_factor
            group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float, begins: bool) -> float:
        """Return the rate between those of the phase that t is in, and set the momentum of the group."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        ends = [phase["end_step"] for phase in self._schedule_phases]
        k = next((k for k, end in enumerate(ends) if t <= end), len(ends) - 1)
        start = ends[k - 1] if k else 0.0
        now = self._schedule_phases[k]
        part = (t - start) / (now["end_step"] - start)
        if self.cycle_momentum:
            momentum = self._between(group[now["start_momentum"]], group[now["end_momentum"]], part)
            if self.use_beta1:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum
        return self._between(group[now["start_lr"]], group[now["end_lr"]], part)

    def _between(self, first: float, last: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (last - first) * part + first
        return last + (first - last) / 2.0 * (math.cos(math.pi * part) + 1)


class SequentialLR(LRScheduler):
    """Several schedulers, one after the other: the next one begins, from its own start, at each milestone.

    Args:
        optimizer: The optimizer.
        schedulers: Schedulers of that optimizer.
        milestones: The values of t at which the second, third... begins.
        last_epoch: See `LRScheduler`.

    Raises:
        ValueError: There is no scheduler, one is of another optimizer or is a `ReduceLROnPlateau`, or the milestones are not
            one less than the schedulers.
    """

    _not_saved = frozenset({"optimizer", "_schedulers"})

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if not schedulers:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for k, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    "SequentialLR does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                    f"specified when calling `step`, but got one at index {k} in the given schedulers sequence."
                )
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    "SequentialLR expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(scheduler).__name__} at index {k}, which belongs to another one."
                )
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone "
                f"points, but got number of schedulers {len(schedulers)} and the number of milestones to be equal to "
                f"{len(milestones)}"
            )
        self.optimizer = optimizer
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch
        # Each scheduler has begun when it was made; take that back, and let the one begin whose turn it is.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            scheduler._undo()
        self._begin()

    def _begin(self) -> None:
        self.last_epoch += 1
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._begin()
        self._last_lr = first.get_last_lr()

    def _undo(self) -> None:
        """Take back the counting of `_begin`, here and in the single schedulers."""
        self.last_epoch -= 1
        for scheduler in self._schedulers:
            scheduler._undo()

    def _restart(self) -> None:
        """Go to t = 0, where the first scheduler begins."""
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._restart()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Let the scheduler whose turn it is set the rates."""
        self.last_epoch += 1
        k = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[k]
        if k > 0 and self._milestones[k - 1] == self.last_epoch:
            scheduler._restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of what this and the single schedulers remember."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a copy of what a scheduler of the same kind remembered.

        Raises:
            ValueError: It does not fit; nothing is changed then.
        """
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _check(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError if the state does not fit, or that of one of the single schedulers."""
        super()._check(state_dict)
        saved, mine = len(state_dict["_schedulers"]), len(self._schedulers)
        if saved != mine:
            raise ValueError(f"loaded state dict is for {saved} schedulers in sequence instead of {mine}")
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler._check(state)


class ReduceLROnPlateau(LRScheduler):
    """lr is multiplied by factor when a metric has not improved for more than patience steps.

    Args:
        optimizer: The optimizer.
        mode: "min" if the metric shall fall, "max" if it shall rise.
        factor: Below 1.
        patience: How many steps without improvement are let pass.
        threshold: How much better than the best is an improvement.
        threshold_mode: "rel": the threshold is a part of the best; "abs": it is a difference.
        cooldown: How many steps after a reduction are not counted.
        min_lr: The lowest rate, or a list with one for each group.
        eps: A reduction by less than this is left out.

    Raises:
        ValueError: factor is 1 or more, a mode is unknown, or there are not as many min_lr as groups.
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
        check_optimizer(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = each(optimizer, "min_lrs", min_lr)
        self.eps = eps
        self.last_epoch = 0
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Take the metric of an epoch into account.

        Raises:
            RuntimeError: The optimizer has got more groups, and min_lr was a list. Nothing is changed then.
        """
        current = float(metrics)
        count = len(self.optimizer.param_groups)
        if len(self.min_lrs) != count:
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The optimizer has {count} groups now, but there are {len(self.min_lrs)} min_lrs; add to them"
                )
            self.min_lrs = [self.default_min_lr] * count
        self.last_epoch += 1
        if self._improves(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, least)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _improves(self, current: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * current > sign * self.best * (1 + sign * self.threshold)
        return sign * current > sign * self.best + self.threshold


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError for anything but an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def phase(end_step: float, start_lr: str, end_lr: str, start_momentum: str, end_momentum: str) -> dict[str, Any]:
    """Return a phase of `OneCycleLR`: its last step, and the options of a group between which rate and momentum go."""
    return {
        "end_step": end_step,
        "start_lr": start_lr,
        "end_lr": end_lr,
        "start_momentum": start_momentum,
        "end_momentum": end_momentum,
    }


def each(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """Return a value for each group: one for all, or those given."""
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(f"Expected {count} {name}, but got {len(values)}")
    return values


def positive(name: str, value: int) -> int:
    """Return a positive whole number, or raise ValueError."""
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value
