"""Learning rate schedulers, held against torch for 200 steps, alone, together, and across a checkpoint."""

import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch

import minigrad
from minigrad import optim

Make = Callable[[Any, Any], Any]  # from the module lr_scheduler and an optimizer to a scheduler

SCHEDULERS: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / (1 + t)]),
    "step": lambda s, o: s.StepLR(o, 30, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [10, 50, 50, 120], 0.3),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.9, 70),
    "linear default": lambda s, o: s.LinearLR(o),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.97),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 40, 0.01),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.3, 0.5], total_steps=210),
    "one cycle, linear, three phases": lambda s, o: s.OneCycleLR(
        o, 0.3, epochs=10, steps_per_epoch=21, anneal_strategy="linear", three_phase=True, pct_start=0.4
    ),
    "one cycle, momentum fixed": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=300, cycle_momentum=False),
    "sequence": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=20), s.CosineAnnealingLR(o, 60), s.StepLR(o, 10, 0.7)], [20, 90]
    ),
    "sequence of lambdas": lambda s, o: s.SequentialLR(
        o, [s.LambdaLR(o, lambda t: 1 + t), s.ExponentialLR(o, 0.9), s.LambdaLR(o, lambda t: 2.0 + t)], [7, 100]
    ),
}


def pair(kind: str = "SGD") -> list[Any]:
    """Return the same optimizer with two groups in torch and in minigrad."""
    both = []
    for library in (torch, minigrad):
        groups = [{"params": [library.ones(2, requires_grad=True)], "lr": lr} for lr in (0.5, 0.2)]
        momentum = {"momentum": 0.9} if kind == "SGD" else {}
        both.append(getattr(library.optim, kind)(groups, **momentum))
    return both


def rates(optimizer: Any) -> list[Any]:
    return [[g["lr"], g.get("momentum", 0), *g.get("betas", ())] for g in optimizer.param_groups]


def assert_close(ours: Any, theirs: Any) -> None:
    for a, b in zip(rates(ours), rates(theirs), strict=True):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_as_torch(name: str, kind: str) -> None:
    theirs, ours = pair(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = SCHEDULERS[name](torch.optim.lr_scheduler, theirs)
    mine = SCHEDULERS[name](optim.lr_scheduler, ours)
    assert_close(ours, theirs)
    for _ in range(200):
        for optimizer in (ours, theirs):
            optimizer.step()
        scheduler.step()
        mine.step()
        assert_close(ours, theirs)
        assert mine.get_last_lr() == [g["lr"] for g in ours.param_groups]
        assert mine.last_epoch == scheduler.last_epoch


@pytest.mark.parametrize("name", SCHEDULERS)
def test_resumes(name: str) -> None:
    """k steps, state_dict, a new optimizer and scheduler, and k steps more are 2k steps."""
    _, straight = pair()
    _, first = pair()
    _, second = pair()
    a, b, c = (SCHEDULERS[name](optim.lr_scheduler, o) for o in (straight, first, second))
    for optimizer in (straight, first, second):
        optimizer.step()
    for _ in range(63):
        a.step()
        b.step()
    c.load_state_dict(b.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(63):
        a.step()
        c.step()
        assert rates(second) == rates(straight)


def test_together() -> None:
    theirs, ours = pair()
    both = []
    for s, o in ((torch.optim.lr_scheduler, theirs), (optim.lr_scheduler, ours)):
        both += [s.LinearLR(o, 0.1, total_iters=30), s.ExponentialLR(o, 0.98), s.CosineAnnealingLR(o, 100)]
        o.step()
    for _ in range(200):
        for scheduler in both:
            scheduler.step()
        assert_close(ours, theirs)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"mode": "max", "threshold": 0.1},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "cooldown": 3},
        {"mode": "max", "threshold_mode": "abs", "factor": 0.5, "patience": 0, "min_lr": [0.01, 0.1]},
    ],
)
def test_plateau_as_torch(arguments: dict[str, Any]) -> None:
    theirs, ours = pair()
    schedulers: list[Any] = [
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **arguments),
        optim.lr_scheduler.ReduceLROnPlateau(ours, **arguments),
    ]
    for t in range(200):
        metric = math.sin(t * t / 7) + (math.nan if t == 77 else 3)
        for scheduler in schedulers:
            scheduler.step(metric)
        assert_close(ours, theirs)
        assert schedulers[0].state_dict()["num_bad_epochs"] == schedulers[1].state_dict()["num_bad_epochs"]


RESUMED: dict[str, Make] = {**SCHEDULERS, "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=3, cooldown=2, factor=0.7)}


def advance(scheduler: Any, t: int) -> None:
    if "Plateau" in type(scheduler).__name__:
        scheduler.step(math.sin(t * t / 7))
    else:
        scheduler.step()


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.filterwarnings("ignore")
def test_torch_and_back(name: str, kind: str) -> None:
    """In mid-run each library goes on, with a new optimizer and scheduler, from the checkpoint of the other."""
    theirs, ours = pair(kind)
    schedulers = [RESUMED[name](torch.optim.lr_scheduler, theirs), RESUMED[name](optim.lr_scheduler, ours)]
    for t in range(95):
        for optimizer, scheduler in zip((theirs, ours), schedulers, strict=True):
            optimizer.step()
            advance(scheduler, t)
    states = [(o.state_dict(), s.state_dict()) for o, s in zip((theirs, ours), schedulers, strict=True)]
    theirs, ours = pair(kind)
    schedulers = [RESUMED[name](torch.optim.lr_scheduler, theirs), RESUMED[name](optim.lr_scheduler, ours)]
    for optimizer, scheduler, (state, schedule) in zip((theirs, ours), schedulers, reversed(states), strict=True):
        optimizer.load_state_dict(state)
        scheduler.load_state_dict(schedule)
    _, straight = pair(kind)
    through = RESUMED[name](optim.lr_scheduler, straight)
    straight.step()
    for t in range(200):
        advance(through, t)
        if t >= 95:
            for optimizer, scheduler in zip((theirs, ours), schedulers, strict=True):
                optimizer.step()
                advance(scheduler, t)
            assert_close(ours, theirs)
            assert_close(ours, straight)


def test_functions_that_are_objects_are_carried() -> None:
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


def test_a_sequence_in_a_sequence() -> None:
    """Each begins at its own t = 0; torch cannot do that."""
    _, ours = pair()
    s = optim.lr_scheduler
    inner = s.SequentialLR(ours, [s.ExponentialLR(ours, 0.5), s.StepLR(ours, 2, 0.1)], [2])
    outer = s.SequentialLR(ours, [s.LinearLR(ours, 0.5, total_iters=2), inner], [3])
    ours.step()
    seen = []
    for _ in range(8):
        seen.append(ours.param_groups[0]["lr"])
        outer.step()
    assert seen == pytest.approx([0.25, 0.375, 0.5, 0.5, 0.25, 0.5, 0.5, 0.05])


def test_plateau_with_groups_that_come_later() -> None:
    for library, optimizer in zip((torch, minigrad), pair(), strict=True):
        some = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        fixed = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1, 0.1])
        optimizer.add_param_group({"params": [library.ones(1, requires_grad=True)], "lr": 0.1})
        for _ in range(2):
            some.step(1.0)
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.02, 0.01])
        with pytest.raises(RuntimeError, match="min_lrs"):
            deque(map(fixed.step, (1.0, 1.0)))
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.02, 0.01])


def test_order_is_watched() -> None:
    _, ours = pair()
    scheduler = optim.lr_scheduler.ExponentialLR(ours, 0.9)
    with pytest.warns(UserWarning, match=r"before `optimizer\.step\(\)`"):
        scheduler.step()


REFUSED: dict[str, tuple[Make, type[Exception], str]] = {
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


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_torch(name: str) -> None:
    make, kind, message = REFUSED[name]
    for library, optimizer in zip((torch.optim.lr_scheduler, optim.lr_scheduler), pair(), strict=True):
        with pytest.raises(kind, match=message):
            make(library, optimizer)


def test_cycle_needs_momentum_and_ends() -> None:
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


def test_state_of_another_kind_is_refused() -> None:
    _, ours = pair()
    step, exponential = optim.lr_scheduler.StepLR(ours, 3), optim.lr_scheduler.ExponentialLR(ours, 0.9)
    with pytest.raises(ValueError, match="does not fit StepLR: missing step_size"):
        step.load_state_dict(exponential.state_dict())
    assert step.gamma == 0.1


def test_a_state_that_does_not_fit_changes_nothing() -> None:
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
