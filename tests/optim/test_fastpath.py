"""The fast form of a step: programs, blocks and buckets give what the plain loop gives, bit for bit, and no more memory."""

import itertools
import math
import random
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import fastpath, optim
from minigrad.backend import get_backend, set_backend
from minigrad.fastpath.calls import same_values
from minigrad.fastpath.optim import blas, buckets, program, tracer
from minigrad.fastpath.optim.program import Program, blocks, run_in_threads
from minigrad.fastpath.optim.tracer import Kind, is_pure, trace_rule
from minigrad.ops.elementary import sqrt
from minigrad.ops.rounding import sign
from minigrad.ops.selection import where
from minigrad.optim.optimizer import Group, Optimizer
from minigrad.primitive import Primitive, primitives
from tests.optim.optimizer_pairs import CONFIGURATIONS, KINDS, OPTIMIZERS, SHAPES, gradient

pytestmark = pytest.mark.filterwarnings("ignore:.* no parameter has a gradient")  # as drawn gradients may be None

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(autouse=True)
def fast() -> Iterator[None]:
    """The fast path is on, also if the tests are run without it."""
    before = get_backend()
    fastpath.enable()
    yield
    set_backend(before)


@given(
    shape=npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
    size=st.integers(1, 40),
    data=st.data(),
)
def test_blocks_cover_each_element_once(shape: tuple[int, ...], size: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "BLOCK", size)
        seen = np.zeros(shape, int)
        for index in blocks(shape):
            assert seen[index].size <= size
            seen[index] += 1
    assert (seen == 1).all()


# ------------------------------------------------------------------------------------------------------ switched on and off


def trained(cls: Any, groups: list[Any], gradients: list[list[Any]], lrs: list[float], fast: bool) -> list[Any]:
    """Return the parameters and the state after each step, with the fast path or without it."""
    params = [[minigrad.tensor(a, requires_grad=True) for a in arrays] for arrays, _ in groups]
    optimizer = cls([{"params": own, **options} for own, (_, options) in zip(params, groups, strict=True)])
    every = [p for own in params for p in own]
    track = []
    (fastpath.enable if fast else fastpath.disable)()
    try:
        for step, lr in zip(gradients, lrs, strict=True):
            for p, g in zip(every, step, strict=True):
                p.grad = None if g is None else minigrad.tensor(g)
            optimizer.param_groups[0]["lr"] = lr
            optimizer.step()
            state = [{name: value.numpy().copy() for name, value in optimizer.state.get(p, {}).items()} for p in every]
            track.append(([p.detach().numpy().copy() for p in every], state))
    finally:
        fastpath.enable()
    return track


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_fast_path_changes_no_bit(name: str, data: st.DataObject, seed: int) -> None:
    """Whatever the options, the dtypes and the shapes; for several groups; with state that is there or not."""
    rng = np.random.default_rng(seed)
    shapes = data.draw(st.lists(st.lists(SHAPES, min_size=1, max_size=4), min_size=1, max_size=3))
    dtypes: list[Any] = [data.draw(st.sampled_from([F32, F64])) for _ in shapes]
    groups = [
        ([np.asarray(rng.standard_normal(shape), dtype) for shape in own], data.draw(CONFIGURATIONS[name]))
        for own, dtype in zip(shapes, dtypes, strict=True)
    ]
    arrays = [a for own, _ in groups for a in own]
    steps = data.draw(st.integers(1, 5))
    gradients = [[gradient(rng, data.draw(KINDS), a.shape, a.dtype) for a in arrays] for _ in range(steps)]
    lrs = data.draw(st.lists(st.sampled_from([0.1, 0.1, 0.025]), min_size=steps, max_size=steps))
    on, off = (trained(OPTIMIZERS[name], groups, gradients, lrs, fast) for fast in (True, False))
    for (params, states), (plain_params, plain_states) in zip(on, off, strict=True):
        for a, b in zip(params, plain_params, strict=True):
            assert np.array_equal(a, b, equal_nan=True)
        for a, b in zip(states, plain_states, strict=True):
            assert list(a) == list(b)
            assert all(np.array_equal(a[key], b[key], equal_nan=True) and a[key].dtype == b[key].dtype for key in a)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_traced(name: str) -> None:
    """Otherwise the test above compares the plain loop with itself."""
    x = minigrad.ones(3, requires_grad=True)
    optimizer = OPTIMIZERS[name]([x])
    for _ in range(2):
        x.grad = minigrad.ones(3)
        optimizer.step()
    (plan,) = optimizer.backend_cache
    assert isinstance(list(plan.programs.values())[-1], Program)


def test_the_fast_path_may_be_switched_between_steps() -> None:
    ends = []
    for switched in (False, True):
        x, y = minigrad.ones(3, requires_grad=True), minigrad.ones(5000, requires_grad=True)
        optimizer = optim.NAdam([x, y])
        for k in range(6):
            x.grad, y.grad = minigrad.full((3,), k - 2.5), minigrad.full((5000,), k - 1.5)
            if switched:
                (fastpath.disable if k % 2 else fastpath.enable)()
            optimizer.step()
        ends.append((x.tolist(), y.tolist(), optimizer.state[x]["step"].item()))
    assert ends[0] == ends[1]


def test_a_learning_rate_that_changes_needs_no_new_program(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def noted(*args: Any) -> Any:
        traced.append(args)
        return trace_rule(*args)

    monkeypatch.setattr(buckets, "trace_rule", noted)
    x = minigrad.ones(3, requires_grad=True)
    optimizer = optim.Adam([x])
    for k in range(5):
        x.grad = minigrad.ones(3)
        optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
        optimizer.step()
    assert len(traced) == 1
    optimizer.param_groups[0]["betas"] = (0.5, 0.5)
    optimizer.step()
    assert len(traced) == 2


def test_options_changed_in_place_are_noticed() -> None:
    """A learning rate or betas that are Tensors, and the list of parameters."""
    x, y = minigrad.zeros(2, requires_grad=True), minigrad.zeros(2, requires_grad=True)
    lr, beta = minigrad.tensor(0.5), minigrad.tensor(0.5)
    optimizer = optim.SGD([x], lr=lr)  # type: ignore[arg-type]
    adam = optim.Adam([y], lr=1.0, betas=(beta, minigrad.tensor(0.5)), eps=0)  # type: ignore[arg-type]
    x.grad, y.grad = minigrad.ones(2), minigrad.ones(2)
    for scale in (0.5, 0.25):
        lr.fill_(scale)
        optimizer.step()
        adam.step()
    assert x.tolist() == [-0.75, -0.75]
    beta.fill_(0.0)
    y.grad = minigrad.full((2,), -1.0)
    adam.step()
    assert adam.state[y]["exp_avg"].tolist() == [-1, -1]
    optimizer.param_groups[0]["params"].append(z := minigrad.zeros(2, requires_grad=True))
    z.grad = minigrad.ones(2)
    optimizer.step()
    assert (x.tolist(), z.tolist()) == ([-1, -1], [-0.25, -0.25])


def test_guards_of_steps_see_a_group_that_is_added() -> None:
    x = minigrad.ones(3, requires_grad=True)
    optimizer = optim.Adam([x])
    for _ in range(2):
        x.grad = minigrad.ones(3)
        optimizer.step()
    hold = buckets.step_guards([optimizer]).compile()
    assert hold()
    optimizer.add_param_group({"params": [minigrad.ones(2, requires_grad=True)]})
    assert not hold()


# ---------------------------------------------------------------------------------------------------------------- tracing


def bound(name: str, options: dict[str, Any]) -> tuple[Any, buckets.BucketPlan]:
    optimizer = OPTIMIZERS[name]([minigrad.ones(1, requires_grad=True)], **options)
    return optimizer, buckets.BucketPlan(optimizer, optimizer.param_groups[0])


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data(), dtype=st.sampled_from([F32, F64]), shape=st.sampled_from([(50,), (7, 9), (3, 5, 4)]))
def test_a_program_is_the_rule_bit_for_bit(name: str, data: st.DataObject, dtype: Any, shape: tuple[int, ...]) -> None:
    """Whatever the options and the layout, and if the blocks are a few elements long."""
    optimizer, rule = bound(name, data.draw(CONFIGURATIONS[name]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    order = data.draw(st.permutations(range(len(shape))))

    def array() -> Any:
        return np.ascontiguousarray(rng.random(shape).transpose(order), dtype).transpose(np.argsort(order))

    g, theta = array(), array()
    present = [start is not None or data.draw(st.booleans()) for start in rule.spec.values()]
    state: list[Any] = []
    for field, there in zip(rule.spec, present, strict=True):
        scalar = np.float32(0.5) if field == "mu_product" else np.float64(3)
        state.append((scalar if field in rule.scalars else array()) if there else None)
    results = optimizer.apply_rule(rule.options, theta.copy(), g.copy(), state)
    compiled = rule.program(optimizer, dtype, tuple(present))
    assert (compiled is None) == ([x is None for x in results[1:]] != [not there for there in present])
    if compiled is None:
        return
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(program, "BLOCK", 8)
        patch.setattr(program, "MIN_WORK_PER_THREAD", 20)
        patch.setattr(program, "THREADS", 2)
        scalars = [np.array([x]) for x in state if isinstance(x, np.generic)]
        arrays = [x if isinstance(x, np.ndarray) else None for x in state]
        compiled.scalars.set_lr(rule.options["lr"])
        compiled.scalars.run(scalars)
        layout = compiled.layout([theta, *arrays])
        untouched = g.copy()
        compiled.run(g, layout)
    assert (g == untouched).all()
    left = iter(scalars)
    for before, after in zip([theta, *state], results, strict=True):
        value = next(left)[0] if isinstance(before, np.generic) else before
        assert (value is None) == (after is None)
        assert value is None or np.array_equal(value, np.asarray(after, value.dtype), equal_nan=True)


def test_a_program_can_be_read() -> None:
    optimizer, rule = bound("Adam", {})
    text = repr(rule.program(optimizer, F32, (True, True, True, False)))
    first, *lines = text.splitlines()
    assert first == "Adam.update: 13 operations on float32 arrays, 2 scratch buffers"
    assert [line.strip() for line in lines[-3:]] == [
        "s0 = add(s0, 1e-08)",
        "s0 = divide(s1, s0)",
        "theta = subtract(theta, s0)",
    ]
    assert any(line.strip().startswith("m = add(") for line in lines)


ELEMENTWISE = sorted(name for name, op in primitives.items() if not (op.defaults or op.variadic) and len(op.inputs) <= 2)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [F32, F64])
def test_a_traced_primitive_is_the_primitive(name: str, dtype: Any) -> None:
    """On ordinary and special values, NaN included; and one that does not work element by element is not traced."""
    op: Primitive = primitives[name]
    rng = np.random.default_rng(0)
    values = np.array([*tracer.SPECIAL, *tracer.ORDINARY], dtype)
    inputs = [values, rng.permutation(values)][: len(op.inputs)]

    def rule(g: Any, theta: Any, lr: Any) -> Any:
        return (op(*[g, theta][: len(op.inputs)]),)

    with np.errstate(all="ignore"):
        trace = trace_rule(rule, ["g", "theta", "lr"], [Kind.ARRAY, Kind.ARRAY, Kind.WEAK], dtype)
        try:
            right = op.forward(*inputs)
        except (TypeError, ValueError):
            right = None
        if trace is None:
            fits = right is not None and (right.shape, right.dtype) == (values.shape, dtype)
            assert not fits or not same_values(op.forward(*[x[::-1] for x in inputs])[::-1], right) or len(inputs) == 2
            return
        theta = inputs[1] if len(inputs) == 2 else values.copy()
        compiled = Program(trace)
        compiled.run(values, compiled.layout([theta]))
    assert right is not None
    assert np.array_equal(theta, right, equal_nan=True)
    assert (np.isnan(right) | (np.signbit(theta) == np.signbit(right))).all()


def test_the_same_values_have_the_same_signs_of_zero() -> None:
    numbers = np.array([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])
    for a, b in itertools.product(numbers, repeat=2):
        expected = repr(a) == repr(b)
        assert same_values(np.array([a, 2.0]), np.array([b, 2.0])) == expected
    assert not same_values(numbers, numbers.astype(F32))
    assert not same_values(numbers[:1], numbers[0])


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, 1.5, -0.5, 2.0, 10])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_a_traced_power_is_the_power(exponent: Any, dtype: Any) -> None:
    values = np.concatenate([np.array(tracer.SPECIAL), np.random.default_rng(0).standard_normal(100)]).astype(dtype)
    theta = values.copy()
    with np.errstate(all="ignore"):
        trace = trace_rule(lambda g, theta, lr: (g**exponent,), ["g", "theta", "lr"], [Kind.ARRAY] * 2 + [Kind.WEAK], dtype)
        assert trace is not None
        compiled = Program(trace)
        compiled.run(values, compiled.layout([theta]))
        assert np.array_equal(theta, values**exponent, equal_nan=True)


GENERATOR = np.random.default_rng(0)


def noise() -> float:
    return float(GENERATOR.standard_normal())


def draw_from_numpy(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g + np.random.standard_normal(),)


def draw_from_a_generator(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g + GENERATOR.standard_normal(),)


def draw_in_a_function(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g + noise(),)


def draw_from_random(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g * (1 if random.random() < 0.5 else 2),)


def draw_from_minigrad(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g + minigrad.rand(1).item(),)


def draw_tensors(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g + minigrad.rand(g.shape) - 0.5,)


def draw_from_an_import(theta: Any, g: Any, *, lr: Any) -> Any:
    import random as source

    return (theta - lr * g + source.random(),)


RANDOM = [
    draw_from_numpy,
    draw_from_a_generator,
    draw_in_a_function,
    draw_from_random,
    draw_from_minigrad,
    draw_tensors,
    draw_from_an_import,
]


def own(rule: Any) -> Any:
    """Return an optimizer with a rule without state."""

    class Own(Optimizer):
        update = staticmethod(rule)

        def __init__(self, params: Any, lr: float = 0.5) -> None:
            super().__init__(params, {"lr": lr})

    return Own


@pytest.mark.parametrize("rule", RANDOM, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("size", [3, 5000])
def test_random_numbers_are_drawn_at_each_step(rule: Any, size: int) -> None:
    random.seed(0)
    np.random.seed(0)
    assert not is_pure(rule)
    x = minigrad.zeros(size, requires_grad=True, dtype=minigrad.float64)
    optimizer = own(rule)([x])
    steps = []
    for _ in range(20):
        before = x.tolist()[0]
        x.grad = minigrad.ones(size, dtype=minigrad.float64)
        optimizer.step()
        steps.append(round(x.tolist()[0] - before, 12))
    assert len(set(steps)) == (2 if rule is draw_from_random else 20)


def by_norm(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g / (g * g).sum() ** 0.5,)


def by_numpy_norm(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g / np.linalg.norm(g),)


def by_mean(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * (g - g.mean()),)


def by_size(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g / g.size,)


def by_dimension(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g * np.ndim(g),)


def by_first_element(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g.reshape(-1)[0] * g,)


def by_primitive(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g / primitives["sum"](g * g) ** 0.5,)


def by_value(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g if abs(g).max() > 2 else theta - 2 * lr * g,)


def by_attribute(theta: Any, g: Any, *, lr: Any) -> Any:
    return (theta - lr * g * (g.ndim if hasattr(g, "ndim") else 7),)


@pytest.mark.parametrize(
    "rule",
    [by_norm, by_numpy_norm, by_mean, by_size, by_dimension, by_first_element, by_primitive, by_value, by_attribute],
    ids=lambda rule: rule.__name__,
)
def test_a_rule_that_does_not_work_element_by_element_sees_one_parameter(rule: Any) -> None:
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(2,), (3, 2), (1,), (), (70, 70), (200_000,)]
    thetas, gradients = ([np.asarray(rng.standard_normal(s)) for s in shapes] for _ in range(2))
    params = [minigrad.tensor(a, requires_grad=True) for a in thetas]
    optimizer = own(rule)(params)
    for _ in range(3):
        for p, g in zip(params, gradients, strict=True):
            p.grad = minigrad.tensor(g)
        optimizer.step()
        thetas = [rule(theta, g, lr=0.5)[0] for theta, g in zip(thetas, gradients, strict=True)]
    for p, theta in zip(params, thetas, strict=True):
        assert np.array_equal(p.detach().numpy(), theta)


def test_the_sign_of_nan_is_that_of_the_primitive() -> None:
    x = minigrad.ones(2, requires_grad=True)
    optimizer = own(lambda theta, g, *, lr: (theta - lr * sign(g),))([x])
    for _ in range(3):
        x.grad = minigrad.tensor([math.nan, 2.0])
        optimizer.step()
    assert x.tolist() == [1, -0.5]


# ---------------------------------------------------------------------------------------------------------------- buckets


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


@pytest.mark.parametrize("name", OPTIMIZERS)
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
        ends = run(OPTIMIZERS[name], arrays, [cut(g) for _ in cuts for cut in cuts])
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


class Averaged(Optimizer):
    """A rule of the user's own, with an operation that is not traced: sign descent with a dead zone."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": 0, "maximize": False})

    def init_state(self, group: Group) -> Any:
        return {"average": 0.0}

    @staticmethod
    def update(t: int, theta: Any, g: Any, m: Any, *, lr: Any) -> Any:
        m = m / 2 + g
        return theta - lr * where(m > 1, g / sqrt(t + g * g), 0 * g), m


def test_a_rule_of_the_user_s_own() -> None:
    rng = np.random.default_rng(0)
    g = rng.standard_normal(100_000)
    (large,) = run(Averaged, [np.zeros(100_000)], [g])
    (small,) = run(Averaged, [np.zeros(10)], [g[:10]])
    m, theta = np.zeros(100_000), np.zeros(100_000)
    for t in (1, 2, 3):
        m = m / 2 + t * g
        theta = theta - 0.1 * np.where(m > 1, t * g / np.sqrt(t + (t * g) * (t * g)), 0)
    assert np.allclose(large, theta, rtol=1e-14)
    assert np.array_equal(small, large[:10])


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
def test_a_rule_is_used_as_written(rule: Any, size: int) -> None:
    """Whether it can be traced or not."""

    class Own(Averaged):
        update = staticmethod(rule)

    rng = np.random.default_rng(0)
    theta, g = rng.standard_normal((2, size)).astype(np.float32)
    (end,) = run(Own, [theta.copy()], [g])
    m = np.zeros_like(theta)
    for t in (1, 2, 3):
        theta, m = (np.asarray(a, np.float32) for a in rule(t, theta, g * t, m, lr=0.1))
    assert np.array_equal(end, theta)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_many_small_parameters_move_as_each_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "BUCKET_SIZE", 10)
    rng = np.random.default_rng(0)
    arrays, gradients = ([rng.standard_normal(n).astype(np.float32) for n in (4, 6, 3, 8, 0, 2, 1, 5, 5)] for _ in range(2))
    cls = OPTIMIZERS[name]
    alone = [run(cls, [a.copy()], [g])[0] for a, g in zip(arrays, gradients, strict=True)]
    for a, b in zip(run(cls, arrays, gradients), alone, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_allocates_nothing_that_grows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs beside parameter and state, it has since the steps before; a primitive may need some more blocks."""
    monkeypatch.setattr(program, "BLOCK", 1024)
    x = minigrad.zeros(1_000_000, requires_grad=True)
    optimizer = OPTIMIZERS[name]([x])
    for _ in range(2):
        x.grad = minigrad.ones(1_000_000)
        optimizer.step()
    x.grad = minigrad.ones(1_000_000)
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000 + 4 * program.THREADS * 4 * 1024, "the parameter has 4 MB"


def test_no_gradient_is_kept() -> None:
    x, y = minigrad.zeros(3, requires_grad=True), minigrad.zeros(5000, requires_grad=True)
    optimizer = optim.SGD([x, y], momentum=0.9)
    for _ in range(4):
        x.grad, y.grad = minigrad.ones(3), minigrad.ones(5000)
        gone = [weakref.ref(p.grad.array) for p in (x, y) if p.grad is not None]
        optimizer.step()
        optimizer.zero_grad()
        assert [ref() for ref in gone] == [None, None]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("size", [1, 3, 5000, 300_000])
def test_a_gradient_may_be_the_parameter_itself(name: str, size: int) -> None:
    """As that of x^2 / 2 is."""
    x, y = (minigrad.ones(size, requires_grad=True) for _ in range(2))
    one, other = (OPTIMIZERS[name]([p], lr=0.1) for p in (x, y))
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
            patch.setattr(program, "THREADS", threads)
            patch.setattr(program, "MIN_WORK_PER_THREAD", 1)
            patch.setattr(program, "BLOCK", 10_000)
            ends += run(optim.Adam, [theta.copy()], [g], lr=0.1)
    assert np.array_equal(*ends)


def test_without_threads_the_caller_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(program, "THREADS", 3)
    monkeypatch.setattr(program, "MIN_WORK_PER_THREAD", 1)
    theta, g = np.random.default_rng(0).standard_normal((2, 400_000))
    (expected,) = run(optim.Adam, [theta.copy()], [g], lr=0.1)
    monkeypatch.setattr(threading.Thread, "start", start)
    (end,) = run(optim.Adam, [theta.copy()], [g], lr=0.1)
    assert np.array_equal(end, expected)
    done: list[int] = []
    assert not run_in_threads(done.append, range(3))
    assert not done


def test_what_a_thread_raises_is_raised() -> None:
    done = []

    def work(k: int) -> None:
        np.ones(1) / np.zeros(1) if k else None  # does not warn
        done.append(k)
        if k == 1:
            raise KeyError(k)

    with pytest.raises(KeyError, match="1"):
        run_in_threads(work, range(3))
    assert sorted(done) == [0, 1, 2], "after all have ended"


def test_writes_are_counted() -> None:
    """What was saved for backward before the step is known to be stale after it."""
    x = minigrad.ones(2, requires_grad=True)
    loss = (x * x).sum()
    x.grad = minigrad.ones(2)
    optim.SGD([x]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_program_of_a_rule_can_be_printed() -> None:
    p = minigrad.ones(3, requires_grad=True)
    optimizer = optim.Adam([p])
    assert minigrad.fastpath.programs(optimizer) == []
    p.grad = minigrad.ones(3)
    optimizer.step()
    (program,) = minigrad.fastpath.programs(optimizer)
    lines = str(program).splitlines()
    assert lines[0] == "Adam.update: 13 operations on float32 arrays, 2 scratch buffers"
    assert [line.split("(")[0].strip() for line in lines[-2:]] == ["s0 = divide", "theta = subtract"]


# --------------------------------------------------------------------------------------------------------------- SciPy's BLAS


@pytest.fixture
def scipy_sizes() -> Iterator[list[int]]:
    """Let SGD use SciPy; the value is a list of the sizes of the arrays that it changes."""
    pytest.importorskip("scipy")
    fastpath.use_scipy()
    sizes: list[int] = []

    def noted(routine: Any) -> Any:
        def run(x: Any, y: Any, a: Any) -> None:
            sizes.append(y.size)
            routine(x, y, a=a)

        return run

    blas.routines.update({dtype: noted(routine) for dtype, routine in blas.routines.items()})
    yield sizes
    fastpath.use_scipy(False)


def after_steps(theta: minigrad.Tensor, g: minigrad.Tensor, **options: Any) -> Any:
    """Return what steps of SGD with two learning rates make of a parameter."""
    theta = theta.detach().requires_grad_()
    theta.grad = g
    optimizer = optim.SGD([theta], lr=0.1, **options)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.3
    optimizer.step()
    return theta.detach().numpy()


def drawn(shape: tuple[int, ...], dtype: Any, seed: int) -> minigrad.Tensor:
    return minigrad.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


@pytest.mark.parametrize("dtype", [F32, F64, np.dtype(np.float16)])
@pytest.mark.parametrize(("fits", "of_theta", "of_g"), [
    (True, lambda a: a, lambda a: a),
    (False, lambda a: a.T, lambda a: a.T),
    (False, lambda a: a, lambda a: a.T.contiguous().T),
    (False, lambda a: a[:, ::2], lambda a: a[:, ::2].contiguous()),
    (False, lambda a: a.flatten()[::2], lambda a: a.flatten()[::2].contiguous()),
])  # fmt: skip
def test_with_scipy_sgd_gives_the_same_up_to_rounding(
    scipy_sizes: list[int], dtype: Any, fits: bool, of_theta: Any, of_g: Any
) -> None:
    theta, g = of_theta(drawn((100, 100), dtype, 0)), of_g(drawn((100, 100), dtype, 1))
    expected = theta.numpy() - 0.4 * g.numpy()
    np.testing.assert_allclose(after_steps(theta, g), expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert scipy_sizes == ([10_000] * 2 if fits and dtype != np.float16 else [])


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"weight_decay": 0.1}, {"maximize": True}])
def test_scipy_is_left_out_of_what_is_not_plain_sgd(scipy_sizes: list[int], options: Any) -> None:
    theta, g = drawn((10_000,), F32, 0), drawn((10_000,), F32, 1)
    ours = after_steps(theta.clone(), g, **options)
    fastpath.use_scipy(False)
    np.testing.assert_array_equal(ours, after_steps(theta.clone(), g, **options))
    assert scipy_sizes == []


def test_scipy_is_used_as_soon_as_it_is_asked_for_and_no_longer(scipy_sizes: list[int]) -> None:
    fastpath.use_scipy(False)
    theta = minigrad.zeros(10_000, requires_grad=True)
    theta.grad = minigrad.ones(10_000)
    optimizer = optim.SGD([theta], lr=0.5)
    for mode in (False, True, False, True):
        fastpath.use_scipy(mode)
        if mode:
            blas.routines[F32] = lambda x, y, a: scipy_sizes.append(y.size)  # changes nothing
        optimizer.step()
    assert scipy_sizes == [10_000] * 2
    assert theta[0].item() == -1


def test_without_scipy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.linalg.blas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scipy"):
        fastpath.use_scipy()
    assert not blas.routines
