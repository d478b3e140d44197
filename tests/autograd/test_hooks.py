"""Hooks on tensors, and the walk along `grad_fn.next_functions`, in minigrad and in torch."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both, run

Program = Callable[[Library], Any]
PROGRAMS: list[Program] = []


def program(f: Program) -> Program:
    PROGRAMS.append(f)
    return f


def leaf(t: Library, *values: float) -> Any:
    return t.tensor(values or (1.0, 2.0), dtype=t.float64, requires_grad=True)


def notes() -> Any:
    return []


def back(y: Any, **options: Any) -> None:
    y.sum().backward(**options)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("where", ["leaf", "result", "root"])
@pytest.mark.parametrize("shape", [(), (2,), (0, 3)])
def test_a_hook_sees_the_gradient_and_replaces_it(shape: tuple[int, ...], where: str, create_graph: bool) -> None:
    def slopes(t: Library) -> Any:
        seen, x = notes(), t.full(shape, 3.0, requires_grad=True)
        y = x**3
        z = y.sum()
        hooked = {"leaf": x, "result": y, "root": z}[where]
        hooked.register_hook(lambda g: seen.append([g.detach(), g.requires_grad, t.is_grad_enabled(), type(g) is t.Tensor]))
        hooked.register_hook(lambda g: g * (x if hooked is not z else 5))
        hooked.register_hook(lambda g: g + 1)
        hooked.register_hook(lambda g: seen.append(g.detach()))
        z.backward(create_graph=create_graph)
        return seen, x.grad, t.autograd.grad(x.grad.sum(), x) if create_graph else None

    assert not isinstance(run(slopes, torch), type)
    assert_same_in_both(slopes)


@program
def the_place_of_a_hook_that_is_registered_twice(t: Library) -> Any:
    results = []
    for removed in range(3):
        calls, x, module = notes(), leaf(t), t.nn.Identity()

        def first(*args: Any, calls: Any = calls) -> None:
            calls.append("first")

        def second(*args: Any, calls: Any = calls) -> None:
            calls.append("second")

        places = (x.register_hook, x.register_post_accumulate_grad_hook, module.register_forward_hook)
        for register in (*places, module.register_full_backward_hook):
            [register(hook) for hook in (first, second, first)][removed].remove()
        back(module(x) * 3)
        results.append(calls)
    return results


@program
def the_complete_gradient_once_in_each_backward(t: Library) -> Any:
    x, seen = leaf(t), notes()
    y = x * x
    for hooked in (x, y):
        hooked.register_hook(seen.append)
    loss = (y * 2 + y * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    t.autograd.backward([loss, y.sum()])
    return seen, x.grad


@program
def hooks_after_a_leaf_has_accumulated(t: Library) -> Any:
    w, x, seen = leaf(t), leaf(t), notes()
    first = w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    last = w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad * 100))
    (w * x).sum().backward()
    first.remove()
    (w * 2).sum().backward(inputs=[w])
    last.remove()
    w.sum().backward()

    def once(p: Any) -> None:
        seen.append(p.grad * 7)
        again.remove()
        p.grad = None

    again = w.register_post_accumulate_grad_hook(once)
    w.sum().backward()
    (w * 3).sum().backward()
    return seen, w.grad, x.grad


@program
def from_the_root_to_the_leaf(t: Library) -> Any:
    x, seen = leaf(t), notes()
    y = x * 2
    z = y * 3
    for name, hooked in (("x", x), ("y", y), ("z", z)):
        hooked.register_hook(lambda g, name=name: seen.append(name))
    t.autograd.grad(z.sum(), y, retain_graph=True)
    back(z, retain_graph=True)
    back(z, inputs=[x])
    return seen


@program
def not_where_no_gradient_is_asked_for(t: Library) -> Any:
    x, w, seen = leaf(t), leaf(t), notes()
    v = w * 1
    for hooked in (w, v):
        hooked.register_hook(seen.append)
    t.autograd.grad((x * v).sum(), x)
    back(x * v, inputs=[x])
    back(x)
    return seen, x.grad, w.grad


@program
def by_autograd_grad(t: Library) -> Any:
    x = leaf(t)
    y = x * x
    for hooked in (x, y):
        hooked.register_hook(lambda g: g * 10)
    loss = y.sum()
    grad: Any = lambda of, by, **options: t.autograd.grad(of, by, retain_graph=True, **options)
    (slope,) = grad((y * x).sum(), x, create_graph=True)
    return grad(loss, x), grad(loss, y), grad(loss, loss), grad(x.sum(), [x, x]), slope, grad(slope.sum(), x), x.grad


@program
def removal(t: Library) -> Any:
    def slope(take: Callable[[list[Any]], Any], y: Callable[[Any], Any]) -> Any:
        x = leaf(t)
        hooked = y(x)
        add: Any = lambda g: g + 1
        take([hooked.register_hook(f) for f in (add, lambda g: g * 10, add)])
        back(hooked * 1)
        return x.grad

    first, last = lambda h: h[0].remove(), lambda h: h[2].remove()
    twice, every = lambda h: [h[1].remove(), h[1].remove()], lambda h: [one.remove() for one in h]
    return [slope(take, y) for take in (first, last, twice, every) for y in (lambda x: x, lambda x: x * 2)]


@program
def removal_and_another_in_its_place(t: Library) -> Any:
    x = leaf(t)
    double: Any = lambda g: g * 2
    handle = x.register_hook(double)
    handle.remove()
    x.register_hook(double)
    handle.remove()
    back(x * 1)
    return x.grad


@program
def registered_late(t: Library) -> Any:
    x = leaf(t)
    y = x * 1
    loss = y.sum()
    x.register_hook(lambda g: g * 2)
    loss.backward(retain_graph=True)
    with t.no_grad():
        y.register_hook(lambda g: g * 3)
    loss.backward()
    return x.grad


@program
def tensor_operations_and_another_backward_in_a_hook(t: Library) -> Any:
    x, w, v = leaf(t), leaf(t, 3.0, 4.0), leaf(t, 5.0, 6.0)

    def inner(g: Any) -> Any:
        with t.enable_grad():
            (slope,) = t.autograd.grad((w**3).sum(), w, create_graph=True)
            back((w * v * g.detach()).exp() * 0 + w * v)
            return (g.softmax(0) + g / 0).clamp(max=9) * t.autograd.grad(slope.sum(), w)[0]

    y = x * x
    for hooked in (x, y):
        hooked.register_hook(inner)
    back(y * 1)
    return x.grad, w.grad, v.grad


@program
def a_backward_to_the_same_leaf_in_a_hook(t: Library) -> Any:
    x = leaf(t)
    y = x * 2
    y.register_hook(t.enable_grad()(lambda g: back(x * 10)))
    back(y * 1)
    return x.grad


@program
def beside_retain_grad(t: Library) -> Any:
    x = leaf(t)
    y = x * x
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    y.retain_grad()
    back(y * 3, create_graph=True)
    return y.grad, x.grad, y.retains_grad, t.autograd.grad(y.grad.sum() + x.grad.sum(), x)


@program
def a_frozen_leaf(t: Library) -> Any:
    x, seen = leaf(t), notes()
    x.register_hook(seen.append)
    y = x * 1
    x.requires_grad_(False)
    back(y)
    return seen, x.grad


@program
def what_is_derived_has_no_hooks(t: Library) -> Any:
    x = leaf(t)
    x.register_hook(abs)
    leaves = [copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.detach().requires_grad_()]
    for other in leaves:
        back(-other)
    back(-x.clone())
    return [other.grad for other in (*leaves, x)]


@program
def views_and_writes(t: Library) -> Any:
    x, seen = leaf(t), notes()
    x.register_hook(lambda g: g * 5)
    first, second = (x * 1).unbind()
    second.register_hook(lambda g: g * 7)
    y = x * 2
    y.register_hook(lambda g: seen.append(("before", g)))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(("after", g)))
    back(y + x[:1] + first + second)
    return seen, x.grad


@program
def parameters(t: Library) -> Any:
    layer = t.nn.Linear(2, 1)
    for p in layer.parameters():
        p.register_hook(lambda g: g.clamp(-1, 1))
    back(layer(t.tensor([[100.0, 0.1]])))
    return [p.grad for p in layer.parameters()]


@program
def in_another_thread(t: Library) -> Any:
    x = leaf(t)
    x.register_hook(lambda g: g * 2)
    thread = threading.Thread(target=back, args=[x * 1])
    thread.start()
    thread.join()
    return x.grad


@program
def an_error_in_a_hook(t: Library) -> Any:
    x = leaf(t)
    handle = x.register_hook(lambda g: int("mine"))
    for create_graph in (False, True):
        with pytest.raises(ValueError, match="mine"):
            back(x * x, create_graph=create_graph)
    handle.remove()
    y = x * x
    y.register_hook(lambda g: g * 2)
    back(y)
    return x.grad, t.is_grad_enabled()


@program
def the_users_own_tensor_is_not_kept(t: Library) -> Any:
    x, mine = leaf(t), t.ones(2, dtype=t.float64)
    x.register_hook(lambda g: mine)
    back(x * 1)
    x.grad.add_(1)
    return mine, x.grad


@program
def gradients_of_two_leaves_share_nothing(t: Library) -> Any:
    x, y = leaf(t), leaf(t)
    back(x + y, create_graph=True)
    with t.no_grad():
        x.grad.add_(1)
    return x.grad, y.grad


@program
def retained_is_what_all_hooks_have_made(t: Library) -> Any:
    y = leaf(t) * 1
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.register_hook(lambda g: g * 3)
    back(y)
    return y.grad


@program
def retained_after_a_write(t: Library) -> Any:
    x = leaf(t)
    y = x * 2
    y.retain_grad()
    y.mul_(5).add_(1)
    back(y)
    return y.grad, x.grad, y.retains_grad


@program
def a_hook_that_removes_itself(t: Library) -> Any:
    x, seen = leaf(t), notes()
    handle: Any = x.register_hook(lambda g: [seen.append("once"), handle.remove()][1])
    x.register_hook(lambda g: seen.append("next"))
    back(x * 1)
    back(x * 1)
    return seen


@program
def a_hook_that_adds_another(t: Library) -> Any:
    x, seen = leaf(t), notes()
    x.register_hook(lambda g: [x.register_hook(lambda g: seen.append("added")), seen.append("adds")][1])
    back(x * 1)
    seen.append("again")
    back(x * 1)
    return seen


@program
def a_handle_in_a_with_block(t: Library) -> Any:
    x = leaf(t)
    with x.register_hook(lambda g: g * 5):
        back(x * 1)
    back(x * 1)
    return x.grad


@program
def a_graph_of_gradients_goes_on_without_grad(t: Library) -> Any:
    x = leaf(t)
    loss = (x**3).sum()
    loss.backward(retain_graph=True)
    with t.no_grad():
        loss.backward(create_graph=True)
    return x.grad, t.autograd.grad(x.grad.sum(), x)


REPLACEMENTS: dict[str, Program] = {
    "another shape": lambda t: t.ones(3, dtype=t.float64),
    "a shape that would broadcast": lambda t: t.ones(1, dtype=t.float64),
    "another dtype": lambda t: t.ones(2),
    "a number": lambda t: 2.0,
    "a list": lambda t: [1.0, 2.0],
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("interior", [False, True])
@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_a_hook_must_return_a_gradient_like_the_one_before(replacement: Program, interior: bool, create_graph: bool) -> None:
    def refused(t: Library) -> Any:
        x = leaf(t)
        y = x * 1
        (y if interior else x).register_hook(lambda g: replacement(t))
        back(y, create_graph=create_graph)

    assert isinstance(run(refused, torch), type)
    assert_same_in_both(refused)


REFUSED: dict[str, tuple[Program, str]] = {
    "a constant": (
        lambda t: t.ones(2).register_hook(abs),
        "cannot register a hook on a tensor that doesn't require gradient",
    ),
    "detached": (lambda t: leaf(t).detach().register_hook(abs), "doesn't require gradient"),
    "under no_grad": (lambda t: t.no_grad()(lambda: leaf(t) * 1)().register_hook(abs), "doesn't require gradient"),
    "retain_grad": (lambda t: t.ones(2).retain_grad(), "can't retain_grad on Tensor that has requires_grad=False"),
    "a copy of a result": (lambda t: copy.deepcopy(leaf(t) * 1), "Only Tensors created explicitly by the user"),
}


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
@pytest.mark.parametrize(("act", "text"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(lib: Library, act: Program, text: str) -> None:
    with pytest.raises(RuntimeError) as error:
        act(lib)
    assert text in str(error.value)


# ------------------------------------------------------------------------------------------------ walking the graph


def walked(fn: Any) -> list[Any]:
    return [fn and (fn.name(), [(walked(parent), k) for parent, k in fn.next_functions])]


@program
def a_walk(t: Library) -> Any:
    x, w = leaf(t), leaf(t)
    y = x * w
    y.add_(1)
    y = ((y + t.ones(2, dtype=t.float64)).exp() - x**2).sum()
    before = walked(y.grad_fn)
    y.backward()
    return before, walked(y.grad_fn)


@program
def the_end_of_a_walk(t: Library) -> Any:
    x, w = leaf(t), leaf(t)
    edges = (x * w).grad_fn.next_functions
    ends = [fn for fn, _ in edges]
    kinds = [type(edges), [type(fn).__name__ for fn in ends], [fn.next_functions for fn in ends]]
    same = [fn for fn, _ in (x * x).grad_fn.next_functions]
    kinds.append([same[0] == same[1], same[0] == ends[1], len({*same, *ends})])
    return kinds, [ends[0].variable is x, ends[1].variable is w], [str(fn)[:15] for fn in ends], [fn.name() for fn in ends]


@program
def grad_fn(t: Library) -> Any:
    x = leaf(t)
    y = x * 1
    nothing = [x.grad_fn, t.ones(1).grad_fn, y.detach().grad_fn]
    return nothing, [y.grad_fn is y.grad_fn, hash(y.grad_fn) == hash(y.grad_fn)], str(y.grad_fn)[:13], str(y)[-25:]


NAMES: dict[str, Callable[[Any], Any]] = {
    "AddBackward0": lambda x: x + 1,
    "SubBackward0": lambda x: x - 1,
    "MulBackward0": lambda x: x * 2,
    "DivBackward0": lambda x: x / 2,
    "NegBackward0": lambda x: -x,
    "PowBackward0": lambda x: x**2,
    "ExpBackward0": lambda x: x.exp(),
    "SumBackward0": lambda x: x.sum(),
    "MeanBackward0": lambda x: x.mean(),
    "ReluBackward0": lambda x: x.relu(),
    "CloneBackward0": lambda x: x.clone(),
    "ExpandBackward0": lambda x: x.expand(3, 2),
    "LogSoftmaxBackward0": lambda x: x.log_softmax(0),
}


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
@pytest.mark.parametrize(("name", "f"), NAMES.items(), ids=NAMES)
def test_a_node_has_the_name_of_torchs(lib: Library, name: str, f: Callable[[Any], Any]) -> None:
    assert f(leaf(lib)).grad_fn.name() == name


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_as_in_torch(program: Program) -> None:
    assert not isinstance(run(program, torch), type)
    assert_same_in_both(program)


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
def test_a_hook_after_accumulation_is_refused_on_a_result(lib: Library) -> None:
    with pytest.raises(RuntimeError, match="non-leaf"):
        (leaf(lib) * 2).register_post_accumulate_grad_hook(print)
