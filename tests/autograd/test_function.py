"""Own operations: `Function`, its context, and `once_differentiable`, in minigrad and in torch."""

from __future__ import annotations

import gc
import threading
import weakref
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


def own(t: Library, forward: Callable[..., Any], backward: Callable[..., Any], **more: Callable[..., Any]) -> Any:
    parts = {"forward": forward, "backward": backward, **more}
    return type("Own", (t.autograd.Function,), {name: staticmethod(part) for name, part in parts.items()})


def leaf(t: Library, *values: float) -> Any:
    return t.tensor(values or (1.0, 2.0), dtype=t.float64, requires_grad=True)


def notes() -> Any:
    return []


def square(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x * x


def back(ctx: Any, g: Any) -> Any:
    (x,) = ctx.saved_tensors
    return 2 * x * g


def scaled(ctx: Any, x: Any, k: Any) -> Any:
    ctx.save_for_backward(x)
    return x * k


def pair(ctx: Any, x: Any) -> Any:
    y = x.exp()
    ctx.save_for_backward(x, y)
    return y, x * x


def pair_back(ctx: Any, g: Any, h: Any) -> Any:
    x, y = ctx.saved_tensors
    return g * y + 2 * h * x


# ---------------------------------------------------------------------------------------- what backward may return

RETURNS: dict[str, Callable[[Library, Any, Any], Any]] = {
    "one for each argument": lambda t, ctx, g: (g * 3, None),
    "more, but None": lambda t, ctx, g: (g * 3, None, None, None),
    "None": lambda t, ctx, g: (None, None),
    "what was saved": lambda t, ctx, g: (*ctx.saved_tensors, None),
    "every second element": lambda t, ctx, g: (t.arange(4.0, dtype=t.float64)[::2], None),
    "a lower dtype": lambda t, ctx, g: (g.float() / 3, None),
    "a differentiable lower dtype": lambda t, ctx, g: ((ctx.saved_tensors[0] ** 2 * g).float(), None),
    "integers": lambda t, ctx, g: (t.tensor([3, 4]), None),
    "booleans": lambda t, ctx, g: (g > 0, None),
    "a broadcast shape": lambda t, ctx, g: (ctx.saved_tensors[0] ** 2 * g.expand(3, 2), None),
    "another axis of size one": lambda t, ctx, g: (g.reshape(1, 2), None),
}
WRONG: dict[str, tuple[Callable[[Library, Any, Any], Any], str]] = {
    "too few": (lambda t, ctx, g: g, "incorrect number of gradients (expected 2, got 1)"),
    "none at all": (lambda t, ctx, g: (), "incorrect number of gradients (expected 2, got 0)"),
    "too many": (lambda t, ctx, g: (g, None, g), "incorrect number of gradients (expected 2, got 3)"),
    "a list": (lambda t, ctx, g: [g, None], "incorrect number of gradients (expected 2, got 1)"),
    "a number": (lambda t, ctx, g: (1.0, None), "(got float)|but got float"),
    "a gradient of a number": (lambda t, ctx, g: (g, g), "gradient different than None at position 2"),
    "a longer axis": (lambda t, ctx, g: (t.ones(3), None), "got [3] but expected shape compatible with [2]"),
    "a shape that would be expanded": (lambda t, ctx, g: (t.ones(1), None), "got [1] but expected shape compatible with [2]"),
    "too few axes": (lambda t, ctx, g: (t.ones(()), None), "got [] but expected shape compatible with [2]"),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("returned", RETURNS.values(), ids=RETURNS)
def test_a_gradient_is_brought_to_the_shape_and_dtype_of_its_argument(
    returned: Callable[[Library, Any, Any], Any], create_graph: bool
) -> None:
    def slopes(t: Library) -> Any:
        x = leaf(t)
        own(t, scaled, lambda ctx, g: returned(t, ctx, g)).apply(x, 3).sum().backward(create_graph=create_graph)
        first = x.grad
        if first is None or not first.requires_grad:
            return first
        return first, t.autograd.grad(first.sum(), x)

    assert not isinstance(run(slopes, torch), type)
    assert_same_in_both(slopes)


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
@pytest.mark.parametrize(("returned", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_is_refused(lib: Library, returned: Callable[[Library, Any, Any], Any], text: str) -> None:
    x = leaf(lib)
    y = own(lib, scaled, lambda ctx, g: returned(lib, ctx, g)).apply(x, 3).sum()
    with pytest.raises(RuntimeError) as error:
        y.backward()
    assert any(part in str(error.value) for part in text.split("|"))
    assert x.grad is None


# ------------------------------------------------------------------------------------------- arguments and results


@program
def arguments_that_are_no_tensors_or_need_no_gradient(t: Library) -> Any:
    seen, x, i = notes(), leaf(t), t.tensor([1, 0])

    def forward(ctx: Any, name: str, x: Any, i: Any, c: Any, nothing: None, k: int = 5) -> Any:
        seen.append(ctx.needs_input_grad)
        ctx.k = k
        return x[i] * c * k

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return None, g * ctx.k, g, t.ones(7), None

    y = own(t, forward, backward).apply("name", x, i, t.ones(2), None)
    y.sum().backward()
    return seen, y, x.grad, [f and f.name() for f, _ in y.grad_fn.next_functions]


@program
def keyword_arguments_have_their_places(t: Library) -> Any:
    x, w, v, seen = leaf(t), leaf(t), leaf(t), notes()

    def forward(ctx: Any, a: Any, b: Any = 2, c: Any = 4, d: Any = 6) -> Any:
        seen.append(ctx.needs_input_grad)
        return a * b * c * d

    own(t, forward, lambda ctx, g: (g * 7, g * 8, g * 9)).apply(x, c=w, b=v).sum().backward()
    return seen, x.grad, w.grad, v.grad


@program
def setup_context(t: Library) -> Any:
    x, w, seen = leaf(t), leaf(t), notes()

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        seen.append([type(inputs), type(output), inputs[1], ctx.needs_input_grad, t.is_grad_enabled()])
        ctx.save_for_backward(inputs[0], output[0])

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, y = ctx.saved_tensors
        return 2 * g * y / x + h, None, g + h

    y, z = own(t, lambda x, n=2, w=1: (x**n, x + w), backward, setup_context=setup).apply(x, w=w)
    (slope,) = t.autograd.grad((y + z).sum(), x, create_graph=True)
    return seen, slope, t.autograd.grad(z.sum(), w, retain_graph=True), t.autograd.grad(slope.sum(), x)


@program
def results_that_are_no_tensors(t: Library) -> Any:
    x, seen = leaf(t), notes()

    def backward(ctx: Any, g: Any, *others: Any) -> Any:
        seen.append([g, *others])
        return g * 5, None

    y, *rest = own(t, lambda ctx, x, k: (x * 5, "text", None, k, [k]), backward).apply(x, 3)
    y.sum().backward()
    kinds = [own(t, lambda ctx, x, r=r: r, backward).apply(x) for r in (None, 3.0, [1], ())]
    return rest, seen, x.grad, kinds


@program
def a_result_that_nobody_uses_arrives_as_zeros(t: Library) -> Any:
    x, seen = leaf(t), notes()
    for create_graph in (False, True):
        results = (lambda ctx, x: (x * 5, t.ones(3), t.tensor([1, 2, 3]))), lambda ctx, *g: [seen.append(g), g[0] * 5][1]
        y, _, positions = own(t, *results).apply(x)
        seen.append((t.autograd.grad(y.sum(), x, create_graph=create_graph), positions, positions.is_leaf))
    return [[g.detach() if isinstance(g, t.Tensor) else g for g in group] for group in seen]


@program
def several_results(t: Library) -> Any:
    x, seen = leaf(t), notes()
    f = own(t, pair, pair_back).apply
    y, z = f(x)
    y.retain_grad()
    z.register_hook(lambda g: [seen.append(g), g * 10][1])
    (y * z).sum().backward()
    a, b = f(x)
    first = t.autograd.grad((a * b).sum(), [x, a, b], create_graph=True)
    return x.grad, y.grad, seen, first, t.autograd.grad(first[0].sum(), x)


@program
def the_same_tensor_twice(t: Library) -> Any:
    x = leaf(t)
    own(t, lambda ctx, x, y: x * y, lambda ctx, g: (g * 2, g * 3)).apply(x, x).sum().backward()
    y, z = own(t, lambda ctx, x: (x * 2,) * 2, lambda ctx, g, h: g * 10 + h).apply(x)
    (one,) = own(t, lambda ctx, x: (x * 2,), lambda ctx, g: g * 100).apply(x)
    return x.grad, t.autograd.grad((y + z + one).sum(), x)


@program
def an_argument_returned_is_another_tensor(t: Library) -> Any:
    x, reverse = leaf(t), own(t, lambda ctx, x: [ctx.save_for_backward(x), x][1], lambda ctx, g: -g * ctx.saved_tensors[0])
    y = reverse.apply(x)
    (slope,) = t.autograd.grad(y.sum(), x, create_graph=True)
    with t.no_grad():
        same = reverse.apply(x)
    return y is x, x.is_leaf, slope, t.autograd.grad(slope.sum(), x), same, same is x, reverse.apply(t.ones(2))


@program
def a_result_that_is_a_view_of_something_written_to_in_forward(t: Library) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        whole = x * 3
        part = whole[:1]
        whole.add_(1)
        return part

    x = leaf(t)
    y = own(t, forward, lambda ctx, g: t.cat([g, g * 5])).apply(x)
    y.mean().backward()
    return y, x.grad


@program
def results_marked_non_differentiable(t: Library) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        with t.enable_grad():
            y = x * 2
        ctx.mark_non_differentiable(y, x)
        return y, x, x * 3

    x, seen = leaf(t), notes()
    y, same, z = own(t, forward, lambda ctx, *g: [seen.append(g), g[2] * 3][1]).apply(x)
    z.sum().backward()
    return y, same, z, seen, x.grad


@program
def what_forward_records_stays_inside(t: Library) -> Any:
    x, w = leaf(t), leaf(t)

    def forward(ctx: Any, x: Any) -> Any:
        with t.enable_grad():
            return x * w

    f = own(t, forward, lambda ctx, g: g * 7)
    y = f.apply(x)
    y.sum().backward()
    return x.grad, w.grad, y.grad_fn.name(), f.apply(x.detach()), t.no_grad()(f.apply)(x), own(t, forward, back).apply(3)


# ------------------------------------------------------------------------------------------------ saved tensors


@program
def saving_again_replaces_and_none_is_kept(t: Library) -> Any:
    x, seen = leaf(t), notes()

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.save_for_backward(None, x * 2, x)
        return x * 1

    own(t, forward, lambda ctx, g: [seen.append(ctx.saved_tensors), g][1]).apply(x).sum().backward()
    y = own(t, lambda ctx, x: x * 1, lambda ctx, g: g).apply(x).sum()
    y.backward()
    y.backward()  # what saved nothing is not freed
    return seen, x.grad


@program
def what_was_computed_inside_is_a_constant_to_the_second_derivative(t: Library) -> Any:
    x, v = leaf(t), leaf(t, 3.0, 4.0)
    f = own(t, lambda ctx, x: [ctx.save_for_backward(2 * x), x * x][1], lambda ctx, g: g * ctx.saved_tensors[0])
    (slope,) = t.autograd.grad(f.apply(x), x, v, create_graph=True)
    return slope, t.autograd.grad(slope.sum(), [x, v], allow_unused=True)


def third(t: Library, f: Callable[[Any], Any], x: Any) -> Any:
    y = f(x)
    for _ in range(3):
        (y,) = t.autograd.grad(y.sum(), x, create_graph=True)
    return y


@program
def three_times_differentiable(t: Library) -> Any:
    def cube_back(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * g * inner.apply(x)

    inner, x = own(t, square, back), leaf(t)
    cube = own(t, lambda ctx, x: [ctx.save_for_backward(x), inner.apply(x) * x][1], cube_back)
    power = own(t, lambda ctx, x: [ctx.__setattr__("x", x), x**4][1], lambda ctx, g: 4 * g * ctx.x**3)
    return [third(t, f, x) for f in (cube.apply, power.apply, lambda x: own(t, pair, pair_back).apply(x * x)[0])]


def written(t: Library, act: Callable[[Any, Any], Any], f: Callable[..., Any] = square, b: Any = back) -> Any:
    x = leaf(t)
    z = x * 1
    y = own(t, f, b).apply(z)
    loss = (y[0] if isinstance(y, tuple) else y).sum()
    with t.no_grad():
        act(z, y)
    loss.backward()
    return x.grad


def looked_at(t: Library, made: Callable[[Any], Any], act: Callable[[Any, Any], Any]) -> Any:
    z = leaf(t) * 1
    return act(z, own(t, lambda ctx, x: made(x), lambda ctx, g: g).apply(z))


ITSELF, PART = lambda x: x, lambda x: x[:1]
HERE, THERE = (
    "is a view and is being modified inplace",
    "is a view and its base or another view of its base has been modified",
)
WRITTEN, MISSING = "modified by an inplace operation", NotImplementedError
empty: Program = lambda t: own(t, lambda c, x: x * 1, lambda c, g: [c.saved_tensors, g][1]).apply(leaf(t)).sum()
DONE: Callable[..., Any] = lambda t, x, v, slope: slope
LATE: Program = lambda t: own(t, square, back).apply(leaf(t)).sum()
REFUSALS: dict[str, tuple[Program, type[Exception], str]] = {
    "used twice": (lambda t: [y := LATE(t), y.backward(), y.backward()], RuntimeError, "a second time"),
    "read twice": (lambda t: [y := empty(t), y.backward(), y.backward()], RuntimeError, "a second time"),
    "an argument written to": (lambda t: written(t, lambda x, y: x.add_(1)), RuntimeError, WRITTEN),
    "a view of it written to": (lambda t: written(t, lambda x, y: x[:1].add_(1)), RuntimeError, WRITTEN),
    "a result written to": (lambda t: written(t, lambda x, y: y[0].add_(1), pair, pair_back), RuntimeError, WRITTEN),
    "a result that is the argument": (lambda t: looked_at(t, ITSELF, lambda z, y: y.mul_(2)), RuntimeError, HERE),
    "a result that is a part of it": (lambda t: looked_at(t, PART, lambda z, y: y.mul_(2)), RuntimeError, HERE),
    "a view of such a result": (lambda t: looked_at(t, ITSELF, lambda z, y: y[:1].mul_(2)), RuntimeError, HERE),
    "what such a result is": (lambda t: looked_at(t, ITSELF, lambda z, y: [z.mul_(2), y.sum()]), RuntimeError, THERE),
    "what such a result sees": (lambda t: looked_at(t, PART, lambda z, y: [z.mul_(2), y.sum()]), RuntimeError, THERE),
    "what its view sees": (lambda t: looked_at(t, PART, lambda z, y: [v := y[:1], z.mul_(2), v + 1]), RuntimeError, THERE),
    "a number saved": (lambda t: applied(t, lambda c, x: [c.save_for_backward(3), x][1]), TypeError, "0 is of type int"),
    "no such keyword": (lambda t: applied(t, scaled, z=1), TypeError, ""),
    "a keyword too many": (lambda t: applied(t, scaled, 2, k=1), TypeError, "multiple values for argument 'k'"),
    "an argument missing": (lambda t: applied(t, scaled), TypeError, "missing"),
    "after a default": (lambda t: applied(t, lambda c, x, k=1, m=1: x, m=leaf(t)), TypeError, ""),
    "a keyword without a place": (lambda t: applied(t, lambda c, x, *, k: x, k=leaf(t)), TypeError, "'k'"),
    "no forward": (lambda t: bare(t).apply(leaf(t)), MISSING, "You must implement the forward"),
    "no backward": (lambda t: bare(t, forward=square).apply(leaf(t)).sum().backward(), MISSING, "You must implement"),
    "twice what is once": (lambda t: once(t, lambda t, x, v, s: s.sum().backward()), RuntimeError, "marked with @once"),
    "an error of one's own": (lambda t: once(t, DONE, lambda c, g: int("mine")), ValueError, "mine"),
}  # fmt: skip


def applied(t: Library, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return own(t, forward, back).apply(leaf(t), *args, **kwargs)


def bare(t: Library, **parts: Any) -> Any:
    return type("Own", (t.autograd.Function,), parts)


def once(t: Library, use: Callable[[Library, Any, Any, Any], Any], backward: Callable[..., Any] = back) -> Any:
    x, v = leaf(t), leaf(t, 3.0, 4.0)
    y = own(t, square, t.autograd.function.once_differentiable(backward)).apply(x)
    return use(t, x, v, t.autograd.grad(y, x, v, create_graph=True)[0])


@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
@pytest.mark.parametrize(("act", "kind", "text"), REFUSALS.values(), ids=REFUSALS)
def test_it_is_refused(lib: Library, act: Program, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        act(lib)
    assert text in str(error.value)
    x = leaf(lib)
    own(lib, square, back).apply(x).sum().backward()  # recording and all else is as before
    assert x.grad.tolist() == [2, 4]


# ---------------------------------------------------------------------------------------------- where backward runs


@program
def once_differentiable(t: Library) -> Any:
    shapes = [once(t, lambda t, x, v, slope: [slope, slope.is_leaf]), once(t, lambda t, x, v, s: s, lambda ctx, g: (g, None))]
    y = own(t, square, t.autograd.function.once_differentiable(back)).apply(x := leaf(t)).sum()
    y.backward(retain_graph=True)
    return shapes, x.grad, t.autograd.grad(y, x, create_graph=True), once(t, lambda t, x, v, s: s, lambda ctx, g: (g,))


@program
def recording_is_on_only_where_it_is_asked_for(t: Library) -> Any:
    x, seen = leaf(t), notes()
    look: Any = lambda g: [seen.append((t.is_grad_enabled(), g.requires_grad, g.dtype, g.shape == (2,))), g * 2][1]
    y = own(t, lambda ctx, x: look(x), lambda ctx, g: look(g)).apply(x)
    loss = (y * y).sum()
    loss.backward(retain_graph=True)
    with t.no_grad():
        loss.backward(create_graph=True)
        seen.append(own(t, lambda ctx, x: ctx.needs_input_grad, back).apply(x))
    return seen, t.is_grad_enabled(), x.grad.detach()


@program
def a_backward_inside_of_backward(t: Library) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        with t.enable_grad():
            z = ctx.saved_tensors[0].detach().requires_grad_()
            own(t, square, back).apply(z).sum().backward()
            (slope,) = t.autograd.grad((z**3).sum(), z, create_graph=True)
            return (z.grad + t.autograd.grad(slope.sum(), z)[0]).detach() * g

    x = leaf(t)
    (own(t, square, backward).apply(x) * x).sum().backward()
    return x.grad


@program
def forward_that_records_on_its_own(t: Library) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        with t.enable_grad():
            ctx.x = x.detach().requires_grad_()
            ctx.y = (ctx.x**3).sum()
        return ctx.y.detach()

    x = leaf(t)
    (own(t, forward, lambda ctx, g: g * t.autograd.grad(ctx.y, ctx.x)[0]).apply(x) * 2).backward()
    return x.grad


@program
def threads(t: Library) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        aside = threading.Thread(target=lambda: found.append(back(ctx, g).detach()))
        aside.start()
        aside.join()
        return found[-1] * 1

    found: list[Any] = []
    x = leaf(t)
    jobs = [threading.Thread(target=own(t, square, backward).apply(x).sum().backward) for _ in range(2)]
    for job in jobs:
        job.start()
        job.join()
    return x.grad


@program
def other_dtypes_and_shapes(t: Library) -> Any:
    kinds = [(t.float16, (2,)), (t.float32, ()), (t.float64, (0,)), (t.float32, (2, 1))]
    leaves = [t.ones(shape, dtype=dtype, requires_grad=True) for dtype, shape in kinds]
    for x in leaves:
        own(t, square, back).apply(x).sum().backward()
    x = leaf(t)
    own(t, lambda ctx, x: x.float(), lambda ctx, g: g / 3).apply(x).sum().backward()
    return [leaf.grad for leaf in (*leaves, x)], own(t, lambda ctx, x: x > 1, back).apply(x)


@program
def only_some_gradients_are_asked_for(t: Library) -> Any:
    x, y, seen = leaf(t), leaf(t), notes()
    z = (
        own(t, lambda ctx, x, y: x * y, lambda ctx, g: [seen.append(ctx.needs_input_grad), (g * 2, None)][1])
        .apply(x, y)
        .sum()
    )
    z.backward(inputs=[x], retain_graph=True)
    return seen, x.grad, y.grad, t.autograd.grad(z, [x, y], allow_unused=True)


@program
def names(t: Library) -> Any:
    x = leaf(t)
    y, z = own(t, pair, pair_back).apply(x), own(t, square, back).apply(x * 2)
    fns = [y[0].grad_fn, y[1].grad_fn, z.grad_fn]
    return [(f.name(), [g.name() for g, _ in f.next_functions]) for f in fns], repr(z)[-24:]


@program
def gradcheck(t: Library) -> Any:
    return [check(own(t, square, back).apply, leaf(t)) for check in (t.autograd.gradcheck, t.autograd.gradgradcheck)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_as_in_torch(program: Program) -> None:
    assert not isinstance(run(program, torch), type)
    assert_same_in_both(program)


def test_a_gradient_shares_memory_with_nothing() -> None:
    x, y, k = leaf(minigrad), leaf(minigrad), minigrad.ones(2, dtype=minigrad.float64)
    own(minigrad, lambda ctx, x, y: x * y, lambda ctx, g: (k, k)).apply(x, y).sum().backward()
    x.grad.add_(5)
    assert (x.grad.tolist(), y.grad.tolist(), k.tolist()) == ([6, 6], [1, 1], [1, 1])


def test_a_result_made_outside_of_forward_stays_what_it_is_if_nothing_asks_for_a_gradient() -> None:
    w = leaf(minigrad)
    assert not own(minigrad, lambda ctx, x: w, back).apply(minigrad.ones(2)).requires_grad
    assert w.requires_grad


def test_an_exception_in_backward_changes_no_gradient() -> None:
    x, w = leaf(minigrad), leaf(minigrad)
    with pytest.raises(ZeroDivisionError):
        (own(minigrad, square, lambda ctx, g: 1 // 0).apply(x) + w).sum().backward()
    assert (x.grad, w.grad) == (None, None)


def test_numpy_does_not_warn_in_backward() -> None:
    x = leaf(minigrad)
    own(minigrad, square, lambda ctx, g: g / 0).apply(x).sum().backward()
    assert x.grad.tolist() == [float("inf")] * 2


def test_a_saved_result_makes_no_cycle_and_is_freed_by_backward() -> None:
    gc.collect()
    gc.disable()
    try:
        y, z = own(minigrad, pair, pair_back).apply(leaf(minigrad))
        loss, kept, node = (y + z).sum(), weakref.ref(y.array), weakref.ref(y.grad_fn)
        del y, z
        assert kept() is not None
        loss.backward()
        assert kept() is None
        del loss
        assert node() is None
    finally:
        gc.enable()
