"""Learning rate schedulers compared to torch for 200 steps: alone, chained, and across checkpoints."""

import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import optim
from tests.reference import torch

pytestmark = pytest.mark.filterwarnings("ignore:.* no parameter has a gradient")  # schedules need none

Make = Callable[[Any, Any], Any]  # from the module lr_scheduler and an optimizer to a scheduler

SCHEDULERS: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / (1 + t)]),
    "step": lambda s, o: s.StepLR(o, 30, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [10, 50, 50, 120], 0.3),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.9, 70),
    "linear default": lambda s, o: s.LinearLR(o),
    "constant": lambda s, o: s.ConstantLR(o, 0.4, 17),
    "constant default": lambda s, o: s.ConstantLR(o),
    "polynomial": lambda s, o: s.PolynomialLR(o, 90, 1.7),
    "polynomial default": lambda s, o: s.PolynomialLR(o),
    "warm restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, 2, 0.01),
    "warm restarts of one length": lambda s, o: s.CosineAnnealingWarmRestarts(o, 13),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.97),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 40, 0.01),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.3, 0.5], total_steps=210),
    "one cycle, linear, three phases": lambda s, o: s.OneCycleLR(
        o, 0.3, epochs=10, steps_per_epoch=21, anneal_strategy="linear", three_phase=True, pct_start=0.4
    ),
    "one cycle, momentum fixed": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=300, cycle_momentum=False),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=20), s.CosineAnnealingLR(o, 60), s.StepLR(o, 10, 0.7)], [20, 90]
    ),
    "sequential, restarts": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 5), s.CosineAnnealingWarmRestarts(o, 4, 3), s.PolynomialLR(o, 30)], [5, 60]
    ),
    "sequential, lambdas": lambda s, o: s.SequentialLR(
        o, [s.LambdaLR(o, lambda t: 1 + t), s.ExponentialLR(o, 0.9), s.LambdaLR(o, lambda t: 2.0 + t)], [7, 100]
    ),
}


def pair(kind: str = "SGD") -> list[Any]:
    """Return the same optimizer with two groups in torch and in minigrad."""
    optimizers = []
    for library in (torch, minigrad):
        groups = [{"params": [library.ones(2, requires_grad=True)], "lr": lr} for lr in (0.5, 0.2)]
        momentum = {"momentum": 0.9} if kind == "SGD" else {}
        optimizers.append(getattr(library.optim, kind)(groups, **momentum))
    return optimizers


def learning_rates(optimizer: Any) -> list[Any]:
    return [[g["lr"], g.get("momentum", 0), *g.get("betas", ())] for g in optimizer.param_groups]


def assert_close(ours: Any, reference: Any) -> None:
    for a, b in zip(learning_rates(ours), learning_rates(reference), strict=True):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_equals_torch(name: str, kind: str) -> None:
    reference, ours = pair(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = SCHEDULERS[name](torch.optim.lr_scheduler, reference)
    ours_scheduler = SCHEDULERS[name](optim.lr_scheduler, ours)
    assert_close(ours, reference)
    for _ in range(200):
        for optimizer in (ours, reference):
            optimizer.step()
        scheduler.step()
        ours_scheduler.step()
        assert_close(ours, reference)
        assert ours_scheduler.get_last_lr() == [g["lr"] for g in ours.param_groups]
        assert ours_scheduler.last_epoch == scheduler.last_epoch


@pytest.mark.parametrize("name", SCHEDULERS)
def test_resuming_from_a_checkpoint(name: str) -> None:
    """k steps, state_dict, a new optimizer and scheduler, and k more steps equal 2k steps."""
    _, continuous_optimizer = pair()
    _, first = pair()
    _, second = pair()
    a, b, c = (SCHEDULERS[name](optim.lr_scheduler, o) for o in (continuous_optimizer, first, second))
    for optimizer in (continuous_optimizer, first, second):
        optimizer.step()
    for _ in range(63):
        a.step()
        b.step()
    c.load_state_dict(b.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(63):
        a.step()
        c.step()
        assert learning_rates(second) == learning_rates(continuous_optimizer)


RESTARTED: dict[str, Callable[..., Any]] = {
    "lambda": lambda s, o, t: s.LambdaLR(o, lambda t: 0.95**t, t),
    "step": lambda s, o, t: s.StepLR(o, 3, 0.5, t),
    "multistep": lambda s, o, t: s.MultiStepLR(o, [1, 5, 6, 6], 0.3, t),
    "linear": lambda s, o, t: s.LinearLR(o, 0.25, 0.9, 7, t),
    "constant": lambda s, o, t: s.ConstantLR(o, 0.4, 6, t),
    "polynomial": lambda s, o, t: s.PolynomialLR(o, 7, 1.7, t),
    "exponential": lambda s, o, t: s.ExponentialLR(o, 0.9, t),
    "cosine": lambda s, o, t: s.CosineAnnealingLR(o, 4, 0.01, t),
    "warm restarts": lambda s, o, t: s.CosineAnnealingWarmRestarts(o, 20, 2, 0.01, t),
}


@pytest.mark.parametrize("name", RESTARTED)
@pytest.mark.filterwarnings("ignore")
def test_going_on_from_a_number_of_steps(name: str) -> None:
    """From last_epoch, with the learning rates that the groups have. torch loses its way after a warm restart."""
    for last_epoch in range(-1, 9):
        reference, ours = pair()
        for optimizer in (reference, ours):
            for group in optimizer.param_groups:
                group["initial_lr"] = 2 * group["lr"]
        schedulers = [
            RESTARTED[name](lib.optim.lr_scheduler, o, last_epoch) for lib, o in ((torch, reference), (minigrad, ours))
        ]
        for _ in range(9):
            assert_close(ours, reference)
            assert schedulers[0].last_epoch == schedulers[1].last_epoch
            for scheduler in schedulers:
                scheduler.step()


def test_chained_schedulers() -> None:
    reference, ours = pair()
    schedulers = []
    for s, o in ((torch.optim.lr_scheduler, reference), (optim.lr_scheduler, ours)):
        schedulers += [s.LinearLR(o, 0.1, total_iters=30), s.ExponentialLR(o, 0.98), s.CosineAnnealingLR(o, 100)]
        o.step()
    for _ in range(200):
        for scheduler in schedulers:
            scheduler.step()
        assert_close(ours, reference)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"mode": "max", "threshold": 0.1},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "cooldown": 3},
        {"mode": "max", "threshold_mode": "abs", "factor": 0.5, "patience": 0, "min_lr": [0.01, 0.1]},
    ],
)
def test_plateau_equals_torch(arguments: dict[str, Any]) -> None:
    reference, ours = pair()
    schedulers: list[Any] = [
        torch.optim.lr_scheduler.ReduceLROnPlateau(reference, **arguments),
        optim.lr_scheduler.ReduceLROnPlateau(ours, **arguments),
    ]
    for t in range(200):
        metric = math.sin(t * t / 7) + (math.nan if t == 77 else 3)
        for scheduler in schedulers:
            scheduler.step(metric)
        assert_close(ours, reference)
        assert schedulers[0].state_dict()["num_bad_epochs"] == schedulers[1].state_dict()["num_bad_epochs"]


RESUMED: dict[str, Make] = {**SCHEDULERS, "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=3, cooldown=2, factor=0.7)}


def step_with_metric(scheduler: Any, t: int) -> None:
    if "Plateau" in type(scheduler).__name__:
        scheduler.step(math.sin(t * t / 7))
    else:
        scheduler.step()


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.filterwarnings("ignore")
def test_checkpoints_are_exchanged_with_torch(name: str, kind: str) -> None:
    """Each library continues, with a new optimizer and scheduler, from the checkpoint of the other."""
    reference, ours = pair(kind)
    schedulers = [RESUMED[name](torch.optim.lr_scheduler, reference), RESUMED[name](optim.lr_scheduler, ours)]
    for t in range(95):
        for optimizer, scheduler in zip((reference, ours), schedulers, strict=True):
            optimizer.step()
            step_with_metric(scheduler, t)
    states = [(o.state_dict(), s.state_dict()) for o, s in zip((reference, ours), schedulers, strict=True)]
    reference, ours = pair(kind)
    schedulers = [RESUMED[name](torch.optim.lr_scheduler, reference), RESUMED[name](optim.lr_scheduler, ours)]
    for optimizer, scheduler, (state, schedule) in zip((reference, ours), schedulers, reversed(states), strict=True):
        optimizer.load_state_dict(state)
        scheduler.load_state_dict(schedule)
    _, continuous_optimizer = pair(kind)
    continuous = RESUMED[name](optim.lr_scheduler, continuous_optimizer)
    continuous_optimizer.step()
    for t in range(200):
        step_with_metric(continuous, t)
        if t >= 95:
            for optimizer, scheduler in zip((reference, ours), schedulers, strict=True):
                optimizer.step()
                step_with_metric(scheduler, t)
            assert_close(ours, reference)
            assert_close(ours, continuous_optimizer)


def test_attributes_of_callable_objects_are_in_the_state() -> None:
    class Halving:
        times = 1

        def __call__(self, t: int) -> float:
            return float(0.5 ** (t * self.times))

    _, ours = pair()
    first, second = Halving(), Halving()
    first.times = 2
    scheduler, other = (optim.lr_scheduler.LambdaLR(ours, f) for f in (first, second))
    other.load_state_dict(scheduler.state_dict())
    assert second.times == 2


Tree = str | tuple[list[Any], list[int]]  # a scheduler of LEAVES, or several in sequence with their milestones

LEAVES: dict[str, Make] = {
    "fall": lambda s, o: s.ExponentialLR(o, 0.5),
    "warm up": lambda s, o: s.LinearLR(o, 0.5, total_iters=2),
    "jump": lambda s, o: s.LambdaLR(o, lambda t: 2.0 + t),
}
STEPS = 8


def built(tree: Tree, optimizer: Any) -> Any:
    s = optim.lr_scheduler
    if isinstance(tree, str):
        return LEAVES[tree](s, optimizer)
    return s.SequentialLR(optimizer, [built(child, optimizer) for child in tree[0]], tree[1])


def followed(scheduler: Any, optimizer: Any, steps: int) -> list[Any]:
    """Return the learning rates now and after each of the steps."""
    optimizer.step()
    rates = [learning_rates(optimizer)]
    for _ in range(steps):
        scheduler.step()
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        rates.append(learning_rates(optimizer))
    return rates


def alone(name: str) -> list[Any]:
    _, ours = pair()
    return followed(built(name, ours), ours, STEPS)


def expected(tree: Tree, t: int, rates: dict[str, list[Any]]) -> Any:
    """Return the learning rates at t: those of the child that is active, at its own t."""
    if isinstance(tree, str):
        return rates[tree][t]
    k = sum(milestone <= t for milestone in tree[1])
    return expected(tree[0][k], t - [0, *tree[1]][k], rates)


def nested(place: int, inner: list[int], outer: list[int]) -> Tree:
    """Return three children, of which the one at the place is a sequence in turn, with a sequence at its own place."""
    innermost = (["jump", "warm up", "fall"], inner)
    middle: list[Any] = ["warm up", "fall", "jump"]
    middle[place] = innermost
    children: list[Any] = ["fall", "jump", "warm up"]
    children[-1 - place] = (middle, inner)
    return children, outer


MILESTONES = [[0, 0], [0, 1], [0, 3], [1, 1], [1, 2], [1, 4], [3, 5], [STEPS, STEPS + 1]]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nested_sequential_schedulers(place: int) -> None:
    """Each child starts at its own t = 0, which torch does not support for nested schedulers; so after a checkpoint."""
    rates = {name: alone(name) for name in LEAVES}
    for inner, outer in itertools.product(MILESTONES, repeat=2):
        tree = nested(place, inner, outer)
        wanted = [expected(tree, t, rates) for t in range(STEPS + 1)]
        _, ours = pair()
        scheduler = built(tree, ours)
        seen = followed(scheduler, ours, 2)
        state, checkpoint = scheduler.state_dict(), ours.state_dict()
        _, ours = pair()
        scheduler = built(tree, ours)
        ours.load_state_dict(checkpoint)
        scheduler.load_state_dict(state)
        assert np.allclose(seen + followed(scheduler, ours, STEPS - 2)[1:], wanted, 1e-12, 0), (inner, outer)


def test_plateau_with_groups_added_later() -> None:
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        default = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        fixed = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1, 0.1])
        optimizer.add_param_group({"params": [library.ones(1, requires_grad=True)], "lr": 0.1})
        for _ in range(2):
            default.step(1.0)
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.02, 0.01])
        with pytest.raises(RuntimeError, match="min_lrs"):
            deque(map(fixed.step, (1.0, 1.0)))
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.02, 0.01])


def test_a_step_before_the_optimizer_warns() -> None:
    _, ours = pair()
    scheduler = optim.lr_scheduler.ExponentialLR(ours, 0.9)
    with pytest.warns(UserWarning, match=r"before `optimizer\.step\(\)`"):
        scheduler.step()


ERRORS: dict[str, tuple[Make, type[Exception], str]] = {
    "not an optimizer": (lambda s, o: s.StepLR(3, 1), TypeError, "int is not an Optimizer"),
    "lambdas": (lambda s, o: s.LambdaLR(o, [lambda t: 1.0]), ValueError, "Expected 2 lr_lambdas, but got 1"),
    "resume": (lambda s, o: s.StepLR(o, 3, last_epoch=4), KeyError, "initial_lr"),
    "start": (lambda s, o: s.LinearLR(o, 0), ValueError, "Starting multiplicative factor"),
    "end": (lambda s, o: s.LinearLR(o, 0.5, 2), ValueError, "Ending multiplicative factor"),
    "cycle length": (lambda s, o: s.OneCycleLR(o, 0.1), ValueError, "You must define either total_steps OR"),
    "cycle steps": (lambda s, o: s.OneCycleLR(o, 0.1, 0), ValueError, "Expected positive integer total_steps, but got 0"),
    "cycle start": (lambda s, o: s.OneCycleLR(o, 0.1, 9, pct_start=2), ValueError, "Expected float between 0 and 1"),
    "cycle shape": (lambda s, o: s.OneCycleLR(o, 0.1, 9, anneal_strategy="x"), ValueError, "anneal_strategy must be one of"),
    "no scheduler": (lambda s, o: s.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
    "milestones": (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [1]), ValueError, "one more"),
    "plateau in sequence": (
        lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
        ValueError,
        "does not support `ReduceLROnPlateau`",
    ),
    "factor": (lambda s, o: s.ReduceLROnPlateau(o, factor=1), ValueError, r"Factor should be < 1\.0"),
    "mode": (lambda s, o: s.ReduceLROnPlateau(o, "x"), ValueError, "mode x is unknown!"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_equal_torch(name: str) -> None:
    make, kind, message = ERRORS[name]
    for library, optimizer in zip((torch.optim.lr_scheduler, optim.lr_scheduler), pair(), strict=True):
        with pytest.raises(kind, match=message):
            make(library, optimizer)


def test_one_cycle_needs_momentum_and_has_an_end() -> None:
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="optimizer must support momentum"):
        optim.lr_scheduler.OneCycleLR(optim.Adagrad([x]), 0.1, 5)
    optimizer = optim.Adam([x])
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 5)
    optimizer.step()
    for _ in range(5):
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 6 times"):
        scheduler.step()


def test_the_state_of_another_class_is_refused() -> None:
    _, ours = pair()
    step, exponential = optim.lr_scheduler.StepLR(ours, 3), optim.lr_scheduler.ExponentialLR(ours, 0.9)
    with pytest.raises(ValueError, match="does not fit StepLR: missing step_size"):
        step.load_state_dict(exponential.state_dict())
    assert step.gamma == 0.1


def test_a_state_that_does_not_match_changes_nothing() -> None:
    _, ours = pair()
    s = optim.lr_scheduler
    sequence = s.SequentialLR(ours, [s.LinearLR(ours), s.StepLR(ours, 5)], [7])
    before = sequence.state_dict()
    other = s.SequentialLR(ours, [s.LinearLR(ours, 0.1), s.ExponentialLR(ours, 0.5)], [9])
    with pytest.raises(ValueError, match="does not fit StepLR: missing step_size"):
        sequence.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="1 schedulers in sequence instead of 2"):
        sequence.load_state_dict(s.SequentialLR(ours, [s.LinearLR(ours)], []).state_dict())
    assert sequence.state_dict() == before
    single = optim.SGD([minigrad.ones(1, requires_grad=True)])
    with pytest.raises(ValueError, match="is for 1 parameter groups; the optimizer has 2"):
        s.StepLR(ours, 3).load_state_dict(s.StepLR(single, 3).state_dict())


def test_a_custom_scheduler_in_the_manner_of_torch() -> None:
    def make(library: Any, optimizer: Any) -> Any:
        class Warmup(library.optim.lr_scheduler.LRScheduler):  # type: ignore[misc]
            def get_lr(self) -> list[float]:
                return [base_lr * min(1, (self.last_epoch + 1) / 4) for base_lr in self.base_lrs]

        return Warmup(optimizer)

    reference, ours = pair()
    schedulers = [make(torch, reference), make(minigrad, ours)]
    for _ in range(6):
        assert_close(ours, reference)
        for optimizer, scheduler in zip((reference, ours), schedulers, strict=True):
            optimizer.step()
            scheduler.step()
    assert learning_rates(ours) == [[0.5, 0.9], [0.2, 0.9]]


SUBCLASSED = {
    "StepLR": (2,), "MultiStepLR": ([1, 3],), "LinearLR": (), "ExponentialLR": (0.5,), "CosineAnnealingLR": (4,),
    "LambdaLR": (lambda t: 0.9**t,), "ConstantLR": (), "PolynomialLR": (), "CosineAnnealingWarmRestarts": (3,),
    "OneCycleLR": (0.3, 10),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBCLASSED)
def test_a_get_lr_of_ones_own_over_that_of_a_class(name: str) -> None:
    """A floor under the rates of every scheduler, written with super().get_lr() and the group's names."""
    rates = []
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        base = getattr(library.optim.lr_scheduler, name)

        class Floored(base):  # type: ignore[misc,valid-type]
            def get_lr(self) -> list[float]:
                return [max(lr, b / 8 + self.last_epoch / 100) for lr, b in zip(super().get_lr(), self.base_lrs, strict=True)]

        scheduler = Floored(optimizer, *SUBCLASSED[name])
        seen = [learning_rates(optimizer)]
        for _ in range(6):
            optimizer.step()
            scheduler.step()
            seen.append([[g["lr"], g["momentum"]] for g in optimizer.param_groups])
        rates.append([lr for step in seen for group in step for lr in group])
    assert rates[1] == pytest.approx(rates[0], rel=1e-12)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_group_added_after_the_scheduler(name: str) -> None:
    """Its rate is scheduled, or the next step is an error, in both libraries alike."""
    outcomes: list[Any] = []
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = SCHEDULERS[name](library.optim.lr_scheduler, optimizer)
            outcome: Any = []
            for k in range(12):
                if k == 2:
                    optimizer.add_param_group({"params": [library.ones(2, requires_grad=True)], "lr": 6.0})
                optimizer.step()
                try:
                    scheduler.step()
                except (ValueError, KeyError):
                    outcome = "refused"
                    break
                outcome += [float(g["lr"]) for g in optimizer.param_groups]
        outcomes.append(outcome)
    assert outcomes[1] == (outcomes[0] if outcomes[0] == "refused" else pytest.approx(outcomes[0], rel=1e-12))


def test_warm_restarts_within_an_epoch() -> None:
    rates = []
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        scheduler = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
        optimizer.step()
        for t in (0.0, 0.25, 2.5, 3.0, 8.75, 9.0, 1.5):
            scheduler.step(t)
            rates.append((t, [g["lr"] for g in optimizer.param_groups], scheduler.last_epoch))
    for theirs, ours in zip(rates[: len(rates) // 2], rates[len(rates) // 2 :], strict=True):
        assert ours[1] == pytest.approx(theirs[1], rel=1e-12)
        assert ours[2] == theirs[2]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ConstantLR", {"factor": 1.5}), ("ConstantLR", {"factor": -0.1}), ("CosineAnnealingWarmRestarts", {"T_0": 0}),
        ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0}), ("CosineAnnealingWarmRestarts", {"T_0": 2, "eta_min": "0"}),
    ],
)  # fmt: skip
def test_wrong_arguments_of_the_schedulers(name: str, arguments: dict[str, Any]) -> None:
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        with pytest.raises(ValueError):  # noqa: PT011
            getattr(library.optim.lr_scheduler, name)(optimizer, **arguments)


def test_a_plateau_reduces_as_a_subclass_says() -> None:
    calls: list[list[int]] = []
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):

        class Mine(library.optim.lr_scheduler.ReduceLROnPlateau):  # type: ignore[misc,name-defined]
            seen: list[int]

            def _reduce_lr(self, epoch: int) -> None:
                self.seen.append(epoch)

        Mine.seen = []
        scheduler = Mine(optimizer, patience=1)
        for metric in (1.0, 1.0, 1.0, 0.5, 0.6, 0.6):
            scheduler.step(metric)
        calls.append(Mine.seen)
    assert calls[0] == calls[1] == [3, 6]


def test_the_old_name_of_the_base_class() -> None:
    assert optim.lr_scheduler._LRScheduler is optim.lr_scheduler.LRScheduler


def test_a_warm_up_around_another_scheduler_passes_the_epoch_on() -> None:
    rates = []
    for lib in (minigrad, torch):

        class WarmUp(lib.optim.lr_scheduler.LRScheduler):  # type: ignore[misc,name-defined]
            def __init__(self, optimizer: Any, steps: int, after: Any) -> None:
                self.steps, self.after = steps, after
                super().__init__(optimizer)

            def get_lr(self) -> Any:
                return [lr * (self.last_epoch + 1) / self.steps for lr in self.base_lrs]

            def step(self, epoch: Any = None) -> None:
                if self.last_epoch + 1 < self.steps:
                    super().step(epoch)
                else:
                    self.after.step()

        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=1.0)
        scheduler = WarmUp(optimizer, 4, lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5))
        for _ in range(8):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    assert rates[:8] == rates[8:] == [0.25, 0.5, 0.75, 1, 0.5, 0.25, 0.125, 0.0625]
    with pytest.raises(TypeError, match="load_state_dict"):
        optim.lr_scheduler.StepLR(optim.SGD([minigrad.nn.Parameter(minigrad.ones(1))]), 2).step(5)  # type: ignore[arg-type]
