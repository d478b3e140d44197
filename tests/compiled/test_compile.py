"""`minigrad.compile`: equal bits, or the function itself with one warning that says why."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.nn import functional as F  # noqa: N812
from tests.compiled.workloads import WORKLOADS, Workload, classes, normal

pytestmark = pytest.mark.skipif(not minigrad.fastpath.is_enabled(), reason="without the fast lane nothing is compiled")


def arrays_of(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, minigrad.Tensor):
        return [value.detach().numpy()]
    parts = value.values() if isinstance(value, dict) else value
    return [array for part in parts for array in arrays_of(part)]


def state_of(workload: Workload) -> list[Any]:
    grads = [p.grad for p in workload.model.parameters()]
    return [*arrays_of(workload.model.state_dict()), *(None if g is None else g.numpy() for g in grads)]


def assert_same(a: Any, b: Any) -> None:
    for x, y in zip(a, b, strict=True):
        assert (x is None) is (y is None)
        np.testing.assert_array_equal(x, y)


def twins(make: Callable[[], Workload]) -> tuple[Workload, Workload]:
    """Return the same workload twice, with equal parameters."""
    minigrad.manual_seed(0)
    first = make()
    minigrad.manual_seed(0)
    second = make()
    second.model.load_state_dict(first.model.state_dict())
    return first, second


@pytest.mark.parametrize("make", WORKLOADS, ids=lambda make: make.__name__)
def test_a_compiled_function_gives_equal_bits(make: Callable[[], Workload]) -> None:
    eager, other = twins(make)
    compiled: Any = minigrad.compile(other.step)
    batches = [eager.data() for _ in range(100)]
    minigrad.manual_seed(1)
    expected = [[*arrays_of(eager.step(*batch)), np.float64(minigrad.rand(()).item())] for batch in batches]
    minigrad.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [[*arrays_of(compiled(*batch)), np.float64(minigrad.rand(()).item())] for batch in batches]
    assert compiled.programs()
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)
    assert_same(state_of(other), state_of(eager))


# ------------------------------------------------------------------------------------------------- what no program can do


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.count = nn.Linear(4, 1), 0

    def forward(self, x: Any) -> Any:
        self.count += 1
        return self.layer(x) * self.count


def hooked() -> nn.Module:
    model = nn.Linear(4, 1)
    model.register_forward_hook(lambda module, args, out: out * 2)
    return model


def hook_on_a_gradient(x: Any) -> Any:
    w = minigrad.ones(4, requires_grad=True)
    y = x @ w
    y.register_hook(lambda g: g * 2)
    return minigrad.autograd.grad(y.sum(), w)[0]


OUTSIDE: dict[str, Any] = {"count": 0, "seen": []}
LIMITS = np.array([0.0, 1.0, 0.0, 1.0], np.float32)


def counting(x: Any) -> Any:
    OUTSIDE["count"] += 1
    return x * OUTSIDE["count"]


def appending(x: Any) -> Any:
    OUTSIDE["seen"].append(1)
    return x * 2


def storing(x: Any) -> Any:
    global LAST
    LAST = x * 2
    return LAST


class TeacherForcing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        random.seed(int(FIXED))
        return self.layer(x).detach() if random.random() < 2 else x


FIXED = 0.0
LAST: Any = None
IMPOSSIBLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "item": (lambda x: x * x.sum().item(), r"item\(\) reads the values.*\n.*test_compile"),
    "if": (lambda x: x * 2 if x.sum() > 0 else x * 3, "its truth value reads"),
    "float": (lambda x: x * float(x.sum()), r"float\(\) reads"),
    "numpy": (lambda x: x + minigrad.from_numpy(x.numpy() * 2), r"numpy\(\) reads"),
    "tolist": (lambda x: x * x.tolist()[0][0], r"tolist\(\) reads"),
    "format": (lambda x: (f"{x}", x * 2)[1], r"repr\(\) reads"),
    "mask": (lambda x: x[x > 0].sum(), "depends on values"),
    "nonzero": (lambda x: x.sum() + x.nonzero().sum(), "depends on values"),
    "array of the user": (lambda x: x * LIMITS, "an array of NumPy"),
    "index of the user": (lambda x: x[:, np.array([0, 1])], "an array of NumPy"),
    "tensor from data": (lambda x: x * minigrad.tensor(LIMITS), "outside of minigrad's operations"),
    "argument in place": (lambda x: x.add_(1) * 2, "writes to an argument"),
    "counter": (counting, "changes count"),
    "list": (appending, "length of a list"),
    "global": (storing, "keeps LAST for its next call, in line"),
    "attribute": (Counter(), "changes count"),
    "module hook": (hooked(), "hooks"),
    "gradient hook": (hook_on_a_gradient, "hook"),
    "open graph": (nn.Linear(4, 1), "requires a gradient: compile the whole step"),
    "random": (TeacherForcing(), "it calls random, which"),
    "numpy.random": (lambda x: x * float(np.random.default_rng(0).random()), "it calls numpy.random, which"),
    "float16": (lambda x: x.half().exp(), "float16"),
    "one_hot": (lambda x: F.one_hot((x > 0).long()), "one_hot"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_function_that_cannot_be_repeated_runs_as_it_is(name: str) -> None:
    function, cause = IMPOSSIBLE[name]
    compiled: Any = minigrad.compile(function)

    def compare() -> None:
        for _ in range(6):
            x = normal(3, 4)
            before = OUTSIDE["count"], getattr(function, "count", 0)
            found = arrays_of(compiled(x.clone()))
            OUTSIDE["count"] = before[0]
            if isinstance(function, Counter):
                function.count = before[1]
            assert_same(found, arrays_of(function(x.clone())))

    with pytest.warns(UserWarning, match=cause) as warned:
        compare()
    assert len(warned) == 1
    compiled = minigrad.compile(function, fullgraph=True)
    with pytest.raises(RuntimeError, match=cause):
        compare()


def test_an_argument_that_requires_a_gradient() -> None:
    compiled: Any = minigrad.compile(lambda x: (x * 2).sum())

    def differentiate() -> None:
        for _ in range(4):
            x = normal(3).requires_grad_()
            compiled(x).backward()
            assert_same(arrays_of(x.grad), [np.full(3, 2, np.float32)])

    with pytest.warns(UserWarning, match="argument requires a gradient"):
        differentiate()


# -------------------------------------------------------------------------------------------------------------- guards


Change = Callable[[Any, Any], None]


def new_lr(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["lr"] *= 0.5


def scheduler(model: Any, optimizer: Any) -> None:
    minigrad.optim.lr_scheduler.StepLR(optimizer, 1, 0.1).step()


def weight_decay(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["weight_decay"] = 0.1


def loaded(model: Any, optimizer: Any) -> None:
    optimizer.load_state_dict(optimizer.state_dict())


def forgotten(model: Any, optimizer: Any) -> None:
    optimizer.state.clear()


def written(model: Any, optimizer: Any) -> None:
    with minigrad.no_grad():
        model[0].weight.mul_(0.5)


def new_data(model: Any, optimizer: Any) -> None:
    model[0].weight.data = model[0].weight.data * 0.5


def new_parameter(model: Any, optimizer: Any) -> None:
    model[0].weight = nn.Parameter(model[0].weight.detach() * 0.5)


def frozen(model: Any, optimizer: Any) -> None:
    model[0].weight.requires_grad_(False)


def evaluation(model: Any, optimizer: Any) -> None:
    model.eval()


def other_dropout(model: Any, optimizer: Any) -> None:
    model[1].p = 0.1


def new_group(model: Any, optimizer: Any) -> None:
    optimizer.add_param_group({"params": [minigrad.ones(2, requires_grad=True)]})


def left_gradient(model: Any, optimizer: Any) -> None:
    model[0].weight.grad = minigrad.ones(8, 8)


def no_gradient(model: Any, optimizer: Any) -> None:
    model.zero_grad()


def hook(model: Any, optimizer: Any) -> None:
    model[0].weight.register_hook(lambda g: g * 0.5)


def second_hook(model: Any, optimizer: Any) -> None:
    hook(model, optimizer)  # in the list that a hook was removed from


def lr_in_place(model: Any, optimizer: Any) -> None:
    group = optimizer.param_groups[0]
    if isinstance(group["lr"], float):
        group["lr"] = minigrad.tensor(0.02)
    else:
        group["lr"].mul_(0.5)


def betas(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)


def groups_of_copies(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[:] = [{**group, "lr": 0.05} for group in optimizer.param_groups]


def fewer_parameters(model: Any, optimizer: Any) -> None:
    del optimizer.param_groups[0]["params"][0]


def moment_replaced(model: Any, optimizer: Any) -> None:
    state = optimizer.state[optimizer.param_groups[0]["params"][0]]
    state["exp_avg"] = state["exp_avg"] * 0.5


def moment_written(model: Any, optimizer: Any) -> None:
    optimizer.state[optimizer.param_groups[0]["params"][0]]["exp_avg"].mul_(0.5)


def moment_with_new_data(model: Any, optimizer: Any) -> None:
    moment = optimizer.state[optimizer.param_groups[0]["params"][0]]["exp_avg_sq"]
    moment.data = moment.data * 0.5


def step_of_one(model: Any, optimizer: Any) -> None:
    optimizer.state[optimizer.param_groups[0]["params"][1]]["step"].add_(7)


def one_forgotten(model: Any, optimizer: Any) -> None:
    del optimizer.state[optimizer.param_groups[0]["params"][0]]


def other_layer(model: Any, optimizer: Any) -> None:
    model[1] = nn.Tanh()


CHANGES: list[Change] = [
    new_lr, scheduler, weight_decay, loaded, forgotten, written, new_data, new_parameter, frozen, evaluation, other_dropout,
    new_group, left_gradient, no_gradient, hook, second_hook, lr_in_place, betas, groups_of_copies, fewer_parameters,
    moment_replaced, moment_written, moment_with_new_data, step_of_one, one_forgotten, other_layer,
]  # fmt: skip


def dropped(zero: bool) -> tuple[Workload, Any]:
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    model[0].weight.register_hook(lambda g: g * 2).remove()
    optimizer = minigrad.optim.Adam(model.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model(x), y)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1))), optimizer


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_from_outside_is_seen(change: Change, zero: bool) -> None:
    minigrad.manual_seed(0)
    eager, optimizer = dropped(zero)
    minigrad.manual_seed(0)
    other, other_optimizer = dropped(zero)
    compiled: Any = minigrad.compile(other.step)
    for k in range(14):
        if k in (5, 10):
            change(eager.model, optimizer)
            change(other.model, other_optimizer)
        batch = eager.data()
        minigrad.manual_seed(k)
        expected = arrays_of(eager.step(*batch))
        minigrad.manual_seed(k)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if change in (hook, second_hook) else "error")
            assert_same(arrays_of(compiled(*batch)), expected)
        assert_same(state_of(other), state_of(eager))
        if k == 4:
            assert compiled.programs()


def test_a_batch_of_another_size_has_a_program_of_its_own() -> None:
    eager, other = twins(WORKLOADS[0])
    compiled: Any = minigrad.compile(other.step)
    for size in [16, 16, 16, 7] * 4:
        batch = normal(size, 8), classes(size, n=5)
        assert_same(arrays_of(compiled(*batch)), arrays_of(eager.step(*batch)))
    assert len(compiled.programs()) == 2

    def more_sizes() -> None:
        for size in range(1, 12):
            for _ in range(3):
                batch = normal(size, 8), classes(size, n=5)
                assert_same(arrays_of(compiled(*batch)), arrays_of(eager.step(*batch)))

    with pytest.warns(UserWarning, match="there were 8 programs already"):
        more_sizes()
    assert_same(state_of(other), state_of(eager))


def test_values_that_the_program_does_not_fit() -> None:
    eager, other = twins(WORKLOADS[0])
    compiled: Any = minigrad.compile(other.step)
    for k in range(10):
        x, y = eager.data()
        if k in (6, 8):
            y[:3] = -100  # ignored: another way through the loss
        assert_same(arrays_of(compiled(x, y)), arrays_of(eager.step(x, y)))
    layers = [nn.Dropout(0.5), nn.Linear(8, 5)]
    model = nn.Sequential(*layers)

    @minigrad.no_grad()
    def loss(x: Any, y: Any) -> Any:
        return F.cross_entropy(model(x), y)

    compiled_loss: Any = minigrad.compile(loss)
    for k in range(10):
        x, y = eager.data()
        if k == 6:
            y[:3] = -100
        minigrad.manual_seed(k)
        found = [*arrays_of(compiled_loss(x, y)), *arrays_of(minigrad.rand(1))]
        minigrad.manual_seed(k)
        assert_same(found, [*arrays_of(loss(x, y)), *arrays_of(minigrad.rand(1))])
    before = state_of(other)
    y[0] = 17
    with pytest.raises(IndexError, match="Target 17 is out of bounds"):
        compiled(x, y)
    assert_same(state_of(other)[:6], before[:6])


def test_results_and_gradients_are_the_callers() -> None:
    eager, other = twins(WORKLOADS[0])
    compiled: Any = minigrad.compile(other.step)
    results, grads, expected = [], [], []
    for _ in range(8):
        batch = eager.data()
        results.append(compiled(*batch))
        grads.append([p.grad for p in other.model.parameters()])
        expected.append((eager.step(*batch).item(), [p.grad.numpy().copy() for p in eager.model.parameters()]))  # type: ignore[union-attr]
    for loss, held, (value, arrays) in zip(results, grads, expected, strict=True):
        assert loss.item() == value
        assert_same([g.numpy() for g in held if g is not None], arrays)


def test_an_error_in_the_function_leaves_it_as_it_was() -> None:
    eager, other = twins(WORKLOADS[0])
    compiled: Any = minigrad.compile(other.step)
    for _ in range(8):
        with pytest.raises(RuntimeError, match="linear"):
            compiled(normal(16, 3), classes(16, n=5))
        batch = eager.data()
        assert_same(arrays_of(compiled(*batch)), arrays_of(eager.step(*batch)))
    assert len(compiled.programs()) == 1


def test_modules_and_other_arguments() -> None:
    model, other = nn.Linear(4, 2), nn.Linear(4, 2)

    @minigrad.compile
    @minigrad.no_grad()
    def predict(module: Any, batch: dict[str, Any], *, scale: float = 1.0) -> Any:
        return module(batch["x"]) * scale

    for k in range(16):
        module, scale, x = (model, other)[k % 2], (1.0, 2.0)[k // 8], normal(3, 4)
        with minigrad.no_grad():
            assert_same(arrays_of(predict(module, {"x": x}, scale=scale)), arrays_of(module(x) * scale))
    assert len(predict.programs()) == 4  # type: ignore[attr-defined]


def test_a_compiled_module_is_a_module() -> None:
    layer: Any = nn.Linear(4, 2)
    compiled: Any = minigrad.compile(nn.Sequential(layer, nn.Dropout(0.5)))
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert list(nn.Sequential(compiled, nn.ReLU()).parameters()) == [layer.weight, layer.bias]
    compiled.eval()
    copied = copy.deepcopy(compiled)
    with minigrad.no_grad():
        for _ in range(5):
            x = normal(3, 4)
            assert_same(arrays_of(compiled(x)), arrays_of(layer(x)))
            assert_same(arrays_of(copied(x)), arrays_of(layer(x)))
        copied.extra, copied._orig_mod[0].weight[...] = 1, 0
        assert_same(arrays_of(copied(x)), arrays_of(layer.bias.expand(3, 2)))
        assert_same(arrays_of(compiled(x)), arrays_of(layer(x)))
    assert minigrad.compile(layer).in_features == 4
    assert len(compiled.programs()) == len(copied.programs()) == 1
    compiled.train()
    compiled(x).sum().backward()
    with pytest.warns(UserWarning, match="result requires a gradient"):
        compiled(x).sum().backward()
    assert layer.weight.grad is not None


def test_an_argument_that_begins_to_require_a_gradient() -> None:
    compiled: Any = minigrad.compile(lambda x: (x * 2).sum())
    for _ in range(5):
        compiled(normal(3))
    x = normal(3).requires_grad_()
    with pytest.warns(UserWarning, match="argument requires a gradient"):
        compiled(x).backward()
    assert_same(arrays_of(x.grad), [np.full(3, 2, np.float32)])


def test_an_argument_with_a_history() -> None:
    compiled: Any = minigrad.compile(lambda x: x * 2)
    for _ in range(5):
        compiled(minigrad.ones(3))
    leaf = minigrad.ones(3, requires_grad=True)
    with pytest.warns(UserWarning, match="requires a gradient"):
        compiled(leaf + 1).sum().backward()
    assert_same(arrays_of(leaf.grad), [np.full(3, 2, np.float32)])


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("part", [slice(None), slice(3, None)])
def test_an_argument_that_the_function_writes_to_otherwise(part: slice, late: bool) -> None:
    total = minigrad.zeros(6)

    def add(x: Any) -> Any:
        before = x * 2
        total.add_(1)
        return before if not late else x * 2

    compiled: Any = minigrad.compile(add)

    def call() -> None:
        for k in range(9):
            x = total[part] if k in (6, 8) else minigrad.zeros(6)[part]
            assert (compiled(x) == (2 * (k + late) if k in (6, 8) else 0)).all()

    if late:  # the program has a copy of before
        with pytest.warns(UserWarning, match="shares memory with a tensor that it can reach otherwise"):
            call()
    else:
        call()
        assert compiled.programs()


def test_a_group_that_is_added_takes_part() -> None:
    model, extra = nn.Linear(2, 1), minigrad.ones(2, requires_grad=True)
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> None:
        optimizer.zero_grad(set_to_none=False)
        model(x).sum().backward()
        optimizer.step()

    compiled: Any = minigrad.compile(step)
    for k in range(8):
        if k == 5:
            optimizer.add_param_group({"params": [extra], "weight_decay": 1.0})
            extra.grad = minigrad.zeros(2)
        compiled(normal(4, 2))
    np.testing.assert_allclose(extra.detach().numpy(), 0.9**3, rtol=1e-6)


def test_a_write_of_a_replay_is_noticed_by_other_graphs() -> None:
    eager, other = twins(WORKLOADS[0])
    compiled: Any = minigrad.compile(other.step)
    for _ in range(5):
        compiled(*eager.data())
    weight: Any = other.model[0].weight  # type: ignore[index]
    y = (weight * weight).sum()
    compiled(*eager.data())
    with pytest.raises(RuntimeError, match="modified"):
        y.backward()


def test_a_list_that_grows_is_seen() -> None:
    scales = [minigrad.tensor(2.0)]

    def scaled(x: Any) -> Any:
        for scale in scales:
            x = x * scale
        return x

    compiled: Any = minigrad.compile(scaled)
    for k in range(15):
        if k == 5:
            scales.append(minigrad.tensor(3.0))
        if k == 10:
            scales[0] = minigrad.tensor(4.0)
        x = normal(3)
        assert_same(arrays_of(compiled(x)), arrays_of(scaled(x)))
    assert len(compiled.programs()) == 3


def test_a_long_list_is_a_reason_to_refuse() -> None:
    data = [1.0] * 1001
    compiled: Any = minigrad.compile(lambda x: x * len(data))

    def call() -> None:
        for k in range(10):
            if k == 5:
                data.append(1.0)
            assert_same(arrays_of(compiled(minigrad.ones(2))), [np.full(2, len(data), np.float32)])

    with pytest.warns(UserWarning, match="data, with 1001 elements, too many to be watched"):
        call()


def test_another_argument_at_each_call() -> None:
    compiled: Any = minigrad.compile(lambda x, k: x * k)

    def call() -> None:
        for k in range(80):
            assert_same(arrays_of(compiled(minigrad.ones(2), k)), [np.full(2, k, np.float32)])

    with pytest.warns(UserWarning, match="other arguments or other modules at each call"):
        call()


def test_a_compiled_function_within_another() -> None:
    inner: Any = minigrad.compile(lambda x: x * 2)
    outer: Any = minigrad.compile(lambda x: inner(x) + 1)
    for _ in range(6):
        x = normal(3)
        assert_same(arrays_of(outer(x)), arrays_of(x * 2 + 1))
    assert len(outer.programs()) == 1


def test_without_the_fast_lane_the_function_runs() -> None:
    compiled: Any = minigrad.compile(lambda x: x * 2)
    minigrad.fastpath.disable()
    try:
        for _ in range(4):
            assert_same(arrays_of(compiled(minigrad.ones(2))), [np.full(2, 2, np.float32)])
        assert not compiled.programs()
    finally:
        minigrad.fastpath.enable()


def test_a_program_can_be_read() -> None:
    w = minigrad.ones(3, requires_grad=True)
    optimizer = minigrad.optim.SGD([w], lr=0.1)

    @minigrad.compile
    def step(x: Any) -> Any:
        loss = ((w * x) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(normal(3))
    text = repr(step.programs()[0])  # type: ignore[attr-defined]
    assert "calls;" in text
    assert "multiply(p0, x0)" in text
    assert "p0 = subtract(p0" in text
