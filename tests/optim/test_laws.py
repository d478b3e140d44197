"""Laws of the optimizers: what must hold whatever the numbers, and how the forms of momentum are related."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import optim
from tests.optim.optimizer_pairs import CONFIGURATIONS, KINDS, OPTIMIZERS, gradient, unit

pytestmark = pytest.mark.filterwarnings("ignore:.* no parameter has a gradient")  # as drawn gradients may be None

F64 = np.dtype(np.float64)
Make = Callable[[list[Any]], Any]

RATES = st.floats(0.001, 0.5)
VECTORS = npst.arrays(F64, st.integers(1, 5), elements=st.floats(-10, 10))
GRADIENTS = st.lists(VECTORS.map(lambda g: g[:1]), min_size=1, max_size=12)


def parameter(values: Any) -> Any:
    return minigrad.tensor(np.array(values, F64), requires_grad=True)


def descend(optimizer: Any, params: list[Any], gradients: Any) -> list[list[Any]]:
    """Make a step for each list of gradients, one for each parameter; return the parameters after each."""
    track = []
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = None if g is None else minigrad.tensor(g, dtype=p.dtype)
        optimizer.step()
        track.append([p.detach().numpy().copy() for p in params])
    return track


def draw_run(data: st.DataObject, name: str, shapes: list[Any]) -> tuple[dict[str, Any], list[Any], list[list[Any]]]:
    """Draw options, parameters, and gradients of several steps."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    kinds = data.draw(st.lists(st.lists(KINDS, min_size=len(shapes), max_size=len(shapes)), min_size=1, max_size=6))
    gradients = [[gradient(rng, kind, shape, F64) for kind, shape in zip(step, shapes, strict=True)] for step in kinds]
    return data.draw(CONFIGURATIONS[name]), [rng.standard_normal(shape) for shape in shapes], gradients


def identical(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------------------------------------------- of all optimizers


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_splitting_and_permuting_change_nothing(name: str, data: st.DataObject) -> None:
    options, (whole,), gradients = draw_run(data, name, [(6,)])
    one, several = parameter(whole), [parameter(whole[k]) for k in (slice(4, 6), slice(0, 1), slice(1, 4))]
    a = descend(OPTIMIZERS[name]([one], **options), [one], gradients)
    parts = [[None if g is None else g[k] for k in (slice(4, 6), slice(0, 1), slice(1, 4))] for (g,) in gradients]
    b = descend(OPTIMIZERS[name](several, **options), several, parts)
    for (x,), (last, first, middle) in zip(a, b, strict=True):
        assert identical([x], [np.concatenate([first, middle, last])])


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_maximizing_is_minimizing_the_negative(name: str, data: st.DataObject) -> None:
    options, start, gradients = draw_run(data, name, [(3,), ()])
    up, down = [parameter(x) for x in start], [parameter(x) for x in start]
    turned = [[None if g is None else -g for g in step] for step in gradients]
    a = descend(OPTIMIZERS[name](up, **{**options, "maximize": True}), up, gradients)
    b = descend(OPTIMIZERS[name](down, **{**options, "maximize": False}), down, turned)
    assert all(map(identical, a, b))


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_without_lr_nothing_moves_but_the_state_goes_on(name: str, data: st.DataObject) -> None:
    options, start, gradients = draw_run(data, name, [(3,)])
    # Then the variance is 0 but for rounding, its root may be NaN, and 0 times NaN is not 0.
    assume(not (options.get("centered") and options["alpha"] == 0))
    params = [parameter(x) for x in start]
    still = OPTIMIZERS[name](params, **{**options, "lr": 0.0})
    assert all(identical(step, start) for step in descend(still, params, gradients))
    with_gradient = sum(g is not None for (g,) in gradients)
    state = still.state_dict()["state"].get(0, {})
    if "step" in state and with_gradient:
        assert state["step"].item() == with_gradient


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_saving_in_the_middle_changes_nothing(name: str, data: st.DataObject) -> None:
    options, start, gradients = draw_run(data, name, [(3,), (2, 2)])
    straight, halves = [parameter(x) for x in start], [parameter(x) for x in start]
    a = descend(OPTIMIZERS[name](straight, **options), straight, gradients + gradients)
    first = OPTIMIZERS[name](halves, **options)
    b = descend(first, halves, gradients)
    second = OPTIMIZERS[name](halves)
    second.load_state_dict(first.state_dict())
    b += descend(second, halves, gradients)
    assert all(map(identical, a, b))


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(g=npst.arrays(F64, 4, elements=st.floats(1e-3, 10) | st.floats(-10, -1e-3)))
def test_the_first_step_goes_down_the_slope(name: str, g: Any) -> None:
    x = parameter(np.zeros(4))
    ((end,),) = descend(OPTIMIZERS[name]([x], weight_decay=0), [x], [[g]])
    assert (np.sign(end) == -np.sign(g)).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_constant_slope_is_gone_down_for_good(name: str) -> None:
    """Each step goes on, and parameters that are far from 0 move as those near it."""
    near, far = parameter([0.0]), parameter([2.0**20])
    track = descend(OPTIMIZERS[name]([near, far], weight_decay=0), [near, far], [[np.ones(1), np.ones(1)]] * 10)
    path = [0.0, *(x.item() for x, _ in track)]
    assert all(after < before for before, after in itertools.pairwise(path))
    assert [y.item() - 2.0**20 for _, y in track] == pytest.approx(path[1:], abs=1e-8)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_pulls_to_zero(name: str) -> None:
    x = parameter([1.0, -1.0])
    ((end,),) = descend(OPTIMIZERS[name]([x], weight_decay=0.5), [x], [[np.zeros(2)]])
    sizes = end * [1, -1]
    assert ((sizes >= 0) & (sizes < 1)).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_depends_on_all_gradients_so_far(name: str) -> None:
    """State that is the same whatever the gradient before the last was is no memory."""
    states = []
    for first in (1.0, 3.0):
        x = parameter([1.0])
        optimizer = OPTIMIZERS[name]([x])
        descend(optimizer, [x], [[np.array([first])], [np.array([2.0])]])
        states.append({key: value.item() for key, value in optimizer.state.get(x, {}).items()})
    for key in states[0].keys() - optimizer.scalar_names():
        assert states[0][key] != states[1][key], key


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_not_kept_and_dtypes_stay(name: str) -> None:
    for dtype in (minigrad.float32, minigrad.float64):
        x = minigrad.ones(3, dtype=dtype, requires_grad=True)
        optimizer = OPTIMIZERS[name]([x])
        for _ in range(3):
            x.grad = minigrad.full((3,), 0.5, dtype=dtype)
            optimizer.step()
            before = {k: v.numpy().copy() for k, v in optimizer.state[x].items()}, x.detach().numpy().copy()
            x.grad.fill_(1e9)
            assert identical([x.detach().numpy()], [before[1]])
            assert all(np.array_equal(v.numpy(), before[0][k]) for k, v in optimizer.state[x].items())
            assert x.dtype is dtype
            assert all(v.dtype is dtype for k, v in optimizer.state[x].items() if v.ndim)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_without_gradient_is_left_alone(name: str) -> None:
    x, y = parameter([1.0]), parameter([2.0])
    optimizer = OPTIMIZERS[name]([x, y], weight_decay=0.1)
    descend(optimizer, [x, y], [[np.ones(1), np.ones(1)], [np.ones(1), None], [np.ones(1), np.ones(1)]])
    alone = parameter([2.0])
    descend(OPTIMIZERS[name]([alone], weight_decay=0.1), [alone], [[np.ones(1)], [np.ones(1)]])
    assert identical([y.detach().numpy()], [alone.detach().numpy()])


@pytest.mark.parametrize("name", ["Adagrad", "RMSprop", "Adam", "NAdam"])
@given(gradients=st.lists(st.floats(1e-3, 10) | st.floats(-10, -1e-3), min_size=1, max_size=12), power=st.integers(-20, 20))
def test_without_eps_the_scale_of_the_gradient_does_not_matter(name: str, gradients: Any, power: int) -> None:
    tracks = []
    for factor in (1.0, 2.0**power):
        x = parameter([1.0])
        tracks.append(descend(OPTIMIZERS[name]([x], eps=0), [x], [[np.array([g * factor])] for g in gradients]))
    assert all(map(identical, *tracks))


# -------------------------------------------------------------------------------------------------------- of momentum


@given(start=VECTORS, gradients=GRADIENTS, lr=RATES)
def test_without_momentum_all_are_gradient_descent(start: Any, gradients: Any, lr: float) -> None:
    steps = [[np.resize(g, start.shape)] for g in gradients]
    tracks = []
    for make in (
        lambda p: optim.SGD(p, lr),
        lambda p: optim.SGD(p, lr, momentum=0, dampening=0.5),
        lambda p: optim.HeavyBall(p, lr, momentum=0),
        lambda p: optim.NAG(p, lr, momentum=0),
    ):
        x = parameter(start)
        tracks.append(descend(make([x]), [x], steps))
    for other in tracks[1:3]:
        assert all(map(identical, tracks[0], other))
    assert all(np.allclose(a, b, rtol=1e-13, atol=1e-13) for a, b in zip(tracks[0], tracks[3], strict=True))


def bowl(make: Make, lrs: list[float], curvature: float = 1.0) -> tuple[list[float], Any]:
    """Return the iterates on f = curvature x^2 / 2 from 1, and the optimizer."""
    x = parameter([1.0])
    optimizer = make([x])
    track = []
    for lr in lrs:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        (0.5 * curvature * x * x).sum().backward()
        optimizer.step()
        track.append(x.item())
    return track, optimizer


@given(lr=RATES, mu=unit())
def test_momentum_is_the_heavy_ball_while_lr_is_constant(lr: float, mu: float) -> None:
    a, _ = bowl(lambda p: optim.SGD(p, momentum=mu), [lr] * 30)
    b, _ = bowl(lambda p: optim.HeavyBall(p, momentum=mu), [lr] * 30)
    assert a == pytest.approx(b, abs=1e-13)


def test_momentum_is_not_the_heavy_ball_when_lr_drops() -> None:
    lrs = [0.1] * 10 + [0.01] * 10
    a, _ = bowl(lambda p: optim.SGD(p, momentum=0.9), lrs)
    b, _ = bowl(lambda p: optim.HeavyBall(p, momentum=0.9), lrs)
    assert a[:10] == pytest.approx(b[:10], abs=1e-14)
    assert abs(a[-1] - b[-1]) > 0.05


def nesterov(lrs: list[float], mu: float) -> tuple[list[float], list[float]]:
    """Return theta and the look-ahead points of Sutskever's form on f = x^2 / 2, as it stands in the paper."""
    theta, v = 1.0, 0.0
    thetas, points = [], []
    for lr in lrs:
        v = mu * v - lr * (theta + mu * v)
        theta = theta + v
        thetas.append(theta)
        points.append(theta + mu * v)
    return thetas, points


@given(lrs=st.lists(RATES, min_size=1, max_size=25), mu=unit())
def test_nag_is_the_original(lrs: list[float], mu: float) -> None:
    thetas, points = nesterov(lrs, mu)
    for k in {1, len(lrs)}:
        track, optimizer = bowl(lambda p: optim.NAG(p, momentum=mu), lrs[:k])
        assert track == pytest.approx(points[:k], abs=1e-13)
        (x,) = optimizer.param_groups[0]["params"]
        with optimizer.at_theta():
            assert x.item() == pytest.approx(thetas[k - 1], abs=1e-13)
        assert x.item() == track[-1], "bit for bit what it was"


@given(lr=RATES, mu=unit(0.1))
def test_torch_s_nesterov_is_the_look_ahead_point(lr: float, mu: float) -> None:
    a, _ = bowl(lambda p: optim.SGD(p, momentum=mu, nesterov=True), [lr] * 30)
    b, _ = bowl(lambda p: optim.NAG(p, momentum=mu), [lr] * 30)
    assert a == pytest.approx(b, abs=1e-13)


def test_torch_s_nesterov_is_neither_theta_nor_right_after_a_drop() -> None:
    lrs = [0.1] * 10 + [0.01] * 10
    a, _ = bowl(lambda p: optim.SGD(p, momentum=0.9, nesterov=True), lrs)
    thetas, points = nesterov(lrs, 0.9)
    assert max(abs(x - y) for x, y in zip(a[:10], thetas[:10], strict=True)) > 0.1
    assert max(abs(x - y) for x, y in zip(a, points, strict=True)) > 0.01


def test_nag_may_be_at_an_infinite_theta() -> None:
    """Without a warning, as in a step."""
    x = parameter([1.0])
    optimizer = optim.NAG([x], lr=0.1)
    descend(optimizer, [x], [[np.array([np.inf])]])
    with optimizer.at_theta():
        assert np.isnan(x.item())


def test_nag_with_a_momentum_that_changes() -> None:
    """The gradient was taken with the old mu; the velocity is renewed with the new one."""
    x = parameter([1.0])
    optimizer = optim.NAG([x], lr=0.1, momentum=0.5)
    descend(optimizer, [x], [[np.array([1.0])]])
    optimizer.param_groups[0]["momentum"] = 0.9
    descend(optimizer, [x], [[np.array([1.0])]])
    v = 0.9 * -0.1 - 0.1
    theta = 1.0 - 0.1 + v
    assert x.item() == pytest.approx(theta + 0.9 * v, abs=1e-15)


def test_nag_with_a_closure_is_the_loop() -> None:
    track, _ = bowl(lambda p: optim.NAG(p, momentum=0.9), [0.1] * 8)
    x = parameter([1.0])
    optimizer = optim.NAG([x], lr=0.1, momentum=0.9)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (0.5 * x * x).sum()
        loss.backward()
        return loss

    losses = []
    for y in track:
        with minigrad.no_grad():
            losses.append(optimizer.step(closure).item())
        assert x.item() == y
    assert losses == pytest.approx([0.5] + [0.5 * y * y for y in track[:-1]])


# ------------------------------------------------------------------------------------------------- of single optimizers


@given(lr=RATES, steps=st.integers(1, 20), curvature=st.floats(0.1, 4))
def test_gradient_descent_on_a_bowl_is_a_power(lr: float, steps: int, curvature: float) -> None:
    track, _ = bowl(optim.SGD, [lr] * steps, curvature)
    assert track[-1] == pytest.approx((1 - lr * curvature) ** steps, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("lr", "converges"), [(0.4999, True), (0.5001, False)])
def test_gradient_descent_converges_below_two_over_the_curvature(lr: float, converges: bool) -> None:
    track, _ = bowl(optim.SGD, [lr] * 5000, curvature=4.0)
    assert (abs(track[-1]) < 0.5) is converges


@given(g=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]), lr=RATES)
def test_adam_s_first_step_is_lr(g: float, sign: int, lr: float) -> None:
    x = parameter([0.0])
    descend(optim.Adam([x], lr=lr, eps=0), [x], [[np.array([sign * g])]])
    assert x.item() == pytest.approx(-sign * lr, rel=1e-12)


@given(gradients=GRADIENTS)
def test_adagrad_s_rate_never_grows_and_rmsprop_s_can(gradients: Any) -> None:
    x = parameter([0.0])
    optimizer = optim.Adagrad([x])
    sums = [0.0]
    for g in gradients:
        descend(optimizer, [x], [[g]])
        sums.append(optimizer.state[x]["sum"].item())
    assert sums == sorted(sums)
    y = parameter([0.0])
    other = optim.RMSprop([y])
    descend(other, [y], [[np.array([10.0])]])
    before = other.state[y]["square_avg"].item()
    descend(other, [y], [[np.array([0.1])]])
    assert other.state[y]["square_avg"].item() < before


def test_adamw_decays_all_weights_alike_and_adam_does_not() -> None:
    """With gradients of very different size the L2 penalty is lost for the larger one; the decoupled decay is not."""
    ends = {}
    for name in ("Adam", "AdamW"):
        x = parameter([1.0, 1.0])
        optimizer = OPTIMIZERS[name]([x], lr=0.01, weight_decay=0.1)
        descend(optimizer, [x], [[np.array([s, 100.0 * s])] for s in (1.0, -1.0) * 50])
        ends[name] = x.detach().numpy()
    assert abs(ends["AdamW"][0] - ends["AdamW"][1]) < 1e-3
    assert abs(ends["Adam"][0] - ends["Adam"][1]) > 1e-2


def test_amsgrad_converges_where_adam_does_not() -> None:
    """The counter-example of Reddi, Kale & Kumar 2018, section 3: f = 1010 x at every 101st step, else -10 x, on [-1, 1]."""
    ends = []
    for amsgrad in (False, True):
        x = parameter([0.0])
        optimizer = optim.Adam([x], lr=0.05, betas=(0.9, 0.99), amsgrad=amsgrad)
        for t in range(1, 10_001):
            x.grad = minigrad.tensor([1010.0 if t % 101 == 1 else -10.0], dtype=minigrad.float64)
            optimizer.param_groups[0]["lr"] = 0.5 / t**0.5
            optimizer.step()
            x.data.clamp_(-1, 1)
        ends.append(x.item())
    assert ends[0] > 0.5, "Adam goes to the worst point, 1"
    assert ends[1] < -0.5, "AMSGrad goes to the best one, -1"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zero_grad_leaves_a_gradient_without_a_history(name: str) -> None:
    p = parameter([1.0, 2.0])
    optimizer = getattr(optim, name)([p], lr=0.1)
    (p**3).sum().backward(create_graph=True)
    assert p.grad.requires_grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0]
    assert p.grad.is_leaf
    assert not p.grad.requires_grad
    optimizer.zero_grad()
    assert p.grad is None


def test_a_group_of_adagrad_has_an_initial_value_of_its_own() -> None:
    """torch takes that of the constructor for all."""
    p, q = parameter([1.0]), parameter([1.0])
    optimizer = optim.Adagrad([{"params": [p]}, {"params": [q], "initial_accumulator_value": 16.0}], lr=1.0, eps=0.0)
    descend(optimizer, [p, q], [[[3.0], [3.0]]])
    assert [p.item(), q.item()] == pytest.approx([0, 1 - 3 / 5])
