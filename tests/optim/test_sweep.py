"""The sweep: blocks, batches and recorded programs give what the rule itself gives, bit for bit, and no more memory."""

import math
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import optim
from minigrad.ops.arithmetic import where
from minigrad.ops.elementary import sqrt
from minigrad.optim import replay, sweep
from minigrad.optim.optimizer import Group, Optimizer
from minigrad.optim.replay import apply, blocks, in_threads
from tests.optim.twins import CONFIGURATIONS

NAMES = [*CONFIGURATIONS, "HeavyBall", "NAG"]


@given(
    shape=npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
    size=st.integers(1, 40),
    data=st.data(),
)
def test_blocks_cover_each_element_once(shape: tuple[int, ...], size: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "BLOCK", size)
        seen = np.zeros(shape, int)
        for index in blocks(shape):
            assert seen[index].size <= size
            seen[index] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float64]), shape=st.sampled_from([(50,), (7, 9), (3, 5, 4)]))
def test_a_recorded_rule_is_the_rule_bit_for_bit(name: str, data: st.DataObject, dtype: Any, shape: tuple[int, ...]) -> None:
    """Whatever the options, the layout and the state that is there, and if the blocks are a few elements long."""
    options = data.draw(CONFIGURATIONS.get(name, st.just({"lr": 0.1, "momentum": 0.9})))
    optimizer = getattr(optim, name)([minigrad.ones(1, requires_grad=True)], **options)
    (group,) = optimizer.param_groups
    rule, memory = optimizer._rule(group), optimizer._memory(group)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    order = data.draw(st.permutations(range(len(shape))))

    def array() -> Any:
        return np.ascontiguousarray(rng.random(shape).transpose(order), dtype).transpose(np.argsort(order))

    kept: list[Any] = [array()]
    for field, start in memory.items():
        if field in optimizer._numbers:
            kept.append(np.float32(0.5) if field == "mu_product" else np.float64(3))
        else:
            kept.append(None if start is None and data.draw(st.booleans()) else array())
    if name == "Adam" and options["amsgrad"]:
        kept[4] = array()
    if name == "RMSprop":
        kept[3] = array() if options["momentum"] else None
        kept[4] = array() if options.get("centered") else None
    g = array()
    plain, replayed = ([a.copy() if isinstance(a, np.ndarray) else a for a in kept] for _ in range(2))
    untouched = g.copy()
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(replay, "BLOCK", 8)
        patch.setattr(replay, "WORTH_A_THREAD", 20)
        patch.setattr(replay, "THREADS", 2)
        apply(rule, g, plain)
        program = replay.program(rule, kept)
        assert (program is None) == ([a is None for a in kept] != [a is None for a in plain]), "state comes into being"
        if program is None:
            return
        counters = {k: np.array([a]) for k, a in enumerate(kept) if isinstance(a, np.generic)}
        program.numbers.advance(list(counters.values()))
        program.run(g, program.pieces(replayed, lambda count: [np.empty(8, dtype) for _ in range(count)]))
        for k, (a,) in counters.items():
            plain[k], replayed[k] = a.dtype.type(plain[k]), a
    assert (g == untouched).all()
    for a, b in zip(plain, replayed, strict=True):
        assert (a is None) == (b is None)
        assert a is None or np.array_equal(a, b, equal_nan=True)


def run(cls: Any, arrays: list[Any], gradients: list[Any], **options: Any) -> list[Any]:
    """Return the parameters after three steps."""
    params = []
    for a in arrays:
        p = minigrad.ones(1).requires_grad_()
        p.data = minigrad.from_numpy(a)
        params.append(p)
    optimizer = cls(params, **options)
    for k in range(3):
        for p, g in zip(params, gradients, strict=True):
            p.grad = minigrad.from_numpy(g * (k + 1))
        optimizer.step()
    return [p.detach().numpy() for p in params]


@pytest.mark.parametrize("name", NAMES)
def test_layout_does_not_matter(name: str) -> None:
    """Large and small parameters that are transposed, reversed, or every other element of something."""
    rng = np.random.default_rng(0)
    cuts: list[Any] = [
        lambda a: a,
        lambda a: np.ascontiguousarray(a.T).T,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: np.ascontiguousarray(a[::-1])[::-1],
    ]
    for shape in ((300, 200), (3, 4)):
        base, g = rng.standard_normal(shape), rng.standard_normal(shape)
        arrays = [cut(base.copy()) for cut in cuts for _ in cuts]
        memory = [a.base if a.base is not None else a for a in arrays]
        ends = run(getattr(optim, name), arrays, [cut(g) for _ in cuts for cut in cuts])
        for end, array, owner in zip(ends, arrays, memory, strict=True):
            assert np.array_equal(end, ends[0])
            assert np.shares_memory(array, owner)
            assert np.array_equal(array, ends[0]), "written in place"
        assert not np.array_equal(ends[0], base)


def test_parameters_that_share_memory_are_updated_one_after_the_other() -> None:
    base = np.ones(4)
    run(optim.SGD, [base[:3], base[1:]], [np.ones(3), np.ones(3)], lr=0.5)
    assert base.tolist() == [-2, -5, -5, -2]


def test_state_that_the_user_changes_is_used() -> None:
    x, y = minigrad.zeros(2, requires_grad=True), minigrad.zeros(3, requires_grad=True)
    optimizer = optim.SGD([x, y], lr=1.0, momentum=0.5)

    def step() -> tuple[float, float]:
        x.grad, y.grad = minigrad.ones(2), minigrad.ones(3)
        optimizer.step()
        return x[0].item(), y[0].item()

    assert step() == (-1, -1)
    assert step() == (-2.5, -2.5)
    optimizer.state[x]["momentum_buffer"].zero_()
    assert step() == (-3.5, -4.25)
    optimizer.state[y]["momentum_buffer"] = minigrad.full((3,), 10.0)
    assert step() == (-5, -10.25)
    optimizer.state.clear()
    assert step() == (-6, -11.25)
    adam = optim.Adam([x, y])
    for p in (x, y):
        p.grad = minigrad.ones_like(p)
    adam.step()
    adam.state[x]["step"].fill_(9)
    adam.step()
    assert [adam.state[p]["step"].item() for p in (x, y)] == [10, 2]


class Recorded(Optimizer):
    """A rule of the user's own, with an operation that is not recorded: sign descent with a dead zone."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": 0, "maximize": False})

    def memory(self, group: Group) -> Any:
        return {"average": 0.0}

    @staticmethod
    def update(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
        m = m / 2 + g
        return theta - lr * where(m > 1, g / sqrt(t + g * g), 0 * g), m


def test_a_rule_of_the_user_s_own() -> None:
    rng = np.random.default_rng(0)
    g = rng.standard_normal(100_000)
    (large,) = run(Recorded, [np.zeros(100_000)], [g])
    (small,) = run(Recorded, [np.zeros(10)], [g[:10]])
    m, theta = np.zeros(100_000), np.zeros(100_000)
    for t in (1, 2, 3):
        m = m / 2 + t * g
        theta = theta - 0.1 * np.where(m > 1, t * g / np.sqrt(t + (t * g) * (t * g)), 0)
    assert np.allclose(large, theta, rtol=1e-14)
    assert np.array_equal(small, large[:10])
    assert (
        replay.program(
            Recorded([minigrad.ones(1, requires_grad=True)])._rule({"lr": 1, "weight_decay": 0, "maximize": False}),
            [g, np.float32(1), g],
        )
        is None
    )


def branching(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return theta - (lr if t > 2 else 2 * lr) * g, m


def looking_up(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return theta - {2: 0.5}.get(t, lr) * g, m


def rooting(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return theta - lr * g / math.sqrt(t), m


def numpy_number(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return theta - np.float64(lr) * g * t, m


def numpy_function(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return theta - lr * np.clip(g, -0.5, 0.5), m


def constant_state(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    m = m + t
    return theta - lr * g * m, m


def swapping(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return m * 1 - g * 1, theta


def exchanging(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    return m, theta


def repeating(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    new = theta - lr * g + m
    return new, new


def repeating_early(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
    new = theta - lr * g
    later = new * m
    return new + 0 * later, later if t == 0 else new


@pytest.mark.parametrize("size", [1, 10, 5000, 300_000])
@pytest.mark.parametrize(
    "rule",
    [
        branching,
        looking_up,
        rooting,
        numpy_number,
        numpy_function,
        constant_state,
        swapping,
        exchanging,
        repeating,
        repeating_early,
    ],
    ids=lambda rule: rule.__name__,
)
def test_a_rule_is_used_as_it_is_written(rule: Any, size: int) -> None:
    """Whether it can be recorded or not."""

    class Own(Recorded):
        update = staticmethod(rule)

    rng = np.random.default_rng(0)
    theta, g = rng.standard_normal((2, size)).astype(np.float32)
    (end,) = run(Own, [theta.copy()], [g])
    m = np.zeros_like(theta)
    for t in (1, 2, 3):
        theta, m = (np.asarray(a, np.float32) for a in rule(t, theta, g * t, m, lr=0.1))
    assert np.array_equal(end, theta)


@pytest.mark.parametrize("name", NAMES)
def test_many_small_parameters_move_as_each_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "TOGETHER", 10)
    rng = np.random.default_rng(0)
    arrays, gradients = ([rng.standard_normal(n).astype(np.float32) for n in (4, 6, 3, 8, 0, 2, 1, 5, 5)] for _ in range(2))
    cls = getattr(optim, name)
    alone = [run(cls, [a.copy()], [g])[0] for a, g in zip(arrays, gradients, strict=True)]
    for a, b in zip(run(cls, arrays, gradients), alone, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_allocates_nothing_that_grows(name: str) -> None:
    """What it needs beside parameter and state, it has since the steps before."""
    x = minigrad.zeros(1_000_000, requires_grad=True)
    optimizer = getattr(optim, name)([x])
    for _ in range(2):
        x.grad = minigrad.ones(1_000_000)
        optimizer.step()
    x.grad = minigrad.ones(1_000_000)
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000, "a hundredth of the parameter's 4 MB"


def test_no_gradient_is_kept() -> None:
    x, y = minigrad.zeros(3, requires_grad=True), minigrad.zeros(5000, requires_grad=True)
    optimizer = optim.SGD([x, y], momentum=0.9)
    for _ in range(4):
        x.grad, y.grad = minigrad.ones(3), minigrad.ones(5000)
        gone = [weakref.ref(p.grad.array) for p in (x, y) if p.grad is not None]
        optimizer.step()
        optimizer.zero_grad()
        assert [ref() for ref in gone] == [None, None]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 3, 5000, 300_000])
def test_a_gradient_may_be_the_parameter_itself(name: str, size: int) -> None:
    """As that of x^2 / 2 is."""
    x, y = (minigrad.ones(size, requires_grad=True) for _ in range(2))
    one, other = (getattr(optim, name)([p], lr=0.1) for p in (x, y))
    for _ in range(4):
        x.grad, y.grad = x.detach(), y.detach().clone()
        one.step()
        other.step()
    assert x.tolist() == y.tolist()


def test_threads_do_what_one_does() -> None:
    rng = np.random.default_rng(0)
    theta, g = rng.standard_normal((2, 400_000))
    ends = []
    for threads in (1, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replay, "THREADS", threads)
            patch.setattr(replay, "WORTH_A_THREAD", 1)
            patch.setattr(replay, "BLOCK", 10_000)
            ends += run(optim.Adam, [theta.copy()], [g], lr=0.1)
    assert np.array_equal(*ends)


def test_without_threads_the_caller_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    done: list[int] = []
    in_threads(done.append, range(3))
    assert done == [0, 1, 2]


def test_what_a_thread_raises_is_raised() -> None:
    done = []

    def work(k: int) -> None:
        np.ones(1) / np.zeros(1) if k else None  # does not warn
        done.append(k)
        if k == 1:
            raise KeyError(k)

    with pytest.raises(KeyError, match="1"):
        in_threads(work, range(3))
    assert sorted(done) == [0, 1, 2], "after all have ended"


def test_writes_are_counted() -> None:
    """What was saved for backward before the step is known to be stale after it."""
    x = minigrad.ones(2, requires_grad=True)
    loss = (x * x).sum()
    x.grad = minigrad.ones(2)
    optim.SGD([x]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
