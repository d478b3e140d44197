"""What is not referred to is freed by its last reference: graphs, hooks, Functions, gradients. The collector is off.

A program runs often, and the objects that it leaves are counted. Each is also asked whether what it made is gone at once.
"""

from __future__ import annotations

import gc
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor
from minigrad.autograd import Function, grad
from minigrad.primitive import primitives

Program = Callable[[Tensor], Any]
PROGRAMS: dict[str, Program] = {}


def program(f: Program) -> Program:
    PROGRAMS[f.__name__] = f
    return f


class SavesResult(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y: Tensor = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return g * y


class SavesInputAndResults(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        p, q = x * 2, x.exp()
        ctx.save_for_backward(x, p, q)
        ctx.note = [x.shape]
        return p, q

    @staticmethod
    def backward(ctx: Any, g: Tensor, h: Tensor) -> Any:
        _, _, q = ctx.saved_tensors
        return 2 * g + h * q


class KeepsResultAsAttribute(Function):
    """Not by save_for_backward, and not the result itself but a copy, as torch's page on Functions asks for."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y: Tensor = x.exp()
        ctx.y = y.clone()
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g * ctx.y


class AddsOne(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.add_(1)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g


# -------------------------------------------------------------------------------- programs; each returns what must be freed


@program
def a_graph_never_used(w: Tensor) -> Any:
    y = (w * w).exp()
    return y, y.sum()


@program
def a_graph_used(w: Tensor) -> Any:
    y = (w * w).exp()
    loss = y.sum()
    loss.backward()
    return y, loss


@program
def a_graph_used_and_retained(w: Tensor) -> Any:
    y = (w * w).exp()
    loss = y.sum()
    loss.backward(retain_graph=True)
    return y, loss


@program
def a_graph_of_gradients(w: Tensor) -> Any:
    loss = (w**3).sum()
    (g,) = grad(loss, w, create_graph=True)
    assert g is not None
    return loss, g, (g * g).sum()


@program
def a_graph_of_gradients_used(w: Tensor) -> Any:
    loss = (w**3).sum()
    (g,) = grad(loss, w, create_graph=True)
    assert g is not None
    (h,) = grad((g * g).sum(), w, create_graph=True)
    assert h is not None
    h.sum().backward()
    return loss, g, h


@program
def an_output_saved_as_residual_with_create_graph(w: Tensor) -> Any:
    y = w.exp().tanh().sigmoid()
    (g,) = grad(y.sum(), w, create_graph=True)
    return y, g


@program
def hooks_of_results(w: Tensor) -> Any:
    y = w * 3
    y.register_hook(lambda g: -g)
    z = y.exp()
    z.register_hook(lambda g: None)
    z.sum().backward()
    return y, z


@program
def hooks_never_called(w: Tensor) -> Any:
    y = w * 3
    y.register_hook(lambda g: -g)
    return y


@program
def hooks_of_leaves(w: Tensor) -> Any:
    leaf = w.detach().clone().requires_grad_()
    leaf.register_hook(lambda g: g * 2)
    (leaf * w).sum().backward()
    return leaf, leaf.grad


@program
def hooks_of_the_leaf(w: Tensor) -> Any:
    handle = w.register_hook(lambda g: g * 2)
    y = w * 2
    y.sum().backward()
    handle.remove()
    return y, handle


@program
def hooks_removed(w: Tensor) -> Any:
    y = w * 2
    handle = y.register_hook(lambda g: g * 2)
    handle.remove()
    return y, handle


@program
def a_handle_outlives_its_tensor(w: Tensor) -> Any:
    handles = [(w * k).register_hook(lambda g: g) for k in range(3)]
    for handle in handles:
        handle.remove()
    return handles[0]


@program
def hooks_of_a_handle_in_a_with_block(w: Tensor) -> Any:
    y = w * 2
    with y.register_hook(lambda g: g * 2):
        y.sum().backward()
    return y


@program
def hooks_after_accumulation(w: Tensor) -> Any:
    leaf = w.detach().clone().requires_grad_()
    leaf.register_post_accumulate_grad_hook(lambda x: None)
    (leaf * leaf).sum().backward()
    return leaf, leaf.grad


@program
def retained_gradients(w: Tensor) -> Any:
    y = w * 2
    y.retain_grad()
    z = y[:1]
    z.retain_grad()
    (z * y).sum().backward()
    return y, z, y.grad, z.grad


@program
def gradients_retained_and_never_computed(w: Tensor) -> Any:
    y = w * 2
    y.retain_grad()
    return y


@program
def gradients_of_given_results(w: Tensor) -> Any:
    y = w * 2
    (y * y).sum().backward(inputs=[y])
    return y, y.grad


@program
def views_written_to(w: Tensor) -> Any:
    y = w * 2
    v, u = y[1:], y.view(-1)
    v.mul_(3)
    y.retain_grad()
    v.retain_grad()
    u.register_hook(lambda g: g * 2)
    u.add_(w.flatten())
    (y * y).sum().backward()
    return y, v, u, y.grad


@program
def views_written_to_and_never_used(w: Tensor) -> Any:
    y = w * 2
    v = y[1:]
    v.mul_(w[1:])
    y[0] = v[0]
    y *= y
    return y, v


@program
def a_function_that_saves_its_result(w: Tensor) -> Any:
    y = SavesResult.apply(w)
    y.sum().backward()
    return y


@program
def a_function_that_saves_its_result_and_is_never_used(w: Tensor) -> Any:
    return SavesResult.apply(w)


@program
def a_function_that_saves_its_results_and_is_never_used(w: Tensor) -> Any:
    return SavesInputAndResults.apply(w)


@program
def a_function_of_which_one_result_is_used(w: Tensor) -> Any:
    p, q = SavesInputAndResults.apply(w)
    q.sum().backward(retain_graph=True)
    return p, q


@program
def a_function_twice_differentiated(w: Tensor) -> Any:
    y = SavesResult.apply(w)
    (g,) = grad(y.sum(), w, create_graph=True)
    assert g is not None
    (g * g).sum().backward()
    return y, g


@program
def a_function_that_keeps_a_copy(w: Tensor) -> Any:
    return KeepsResultAsAttribute.apply(w)


@program
def a_function_that_writes_to_its_input(w: Tensor) -> Any:
    y = AddsOne.apply(w * 1)
    y.sum().backward()
    return y


@program
def a_function_that_fails(w: Tensor) -> Any:
    y = SavesResult.apply(w)
    with pytest.raises(RuntimeError):
        grad(y, w)
    return y


@program
def a_backward_that_fails(w: Tensor) -> Any:
    y = w * 2
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError):
        z.sum().backward()
    return y, z


@program
def a_hook_that_fails(w: Tensor) -> Any:
    y = w * 2
    y.register_hook(lambda g: g + int("no number"))
    with pytest.raises(ValueError, match="no number"):
        y.sum().backward()
    return y


@program
def grad_fn_walked(w: Tensor) -> Any:
    y = (w * 2).exp()
    assert y.grad_fn is not None
    first = y.grad_fn.next_functions[0][0]
    assert first is not None
    assert len(first.next_functions) == 2
    return y, y.grad_fn


@program
def data_assigned(w: Tensor) -> Any:
    leaf = w.detach().clone().requires_grad_()
    old = leaf.data
    leaf.data = leaf.data * 2
    (leaf * leaf).sum().backward()
    return leaf, old


@program
def modules_with_hooks_in_a_step(w: Tensor) -> Any:
    layer = minigrad.nn.Linear(3, 2)
    layer.weight.register_hook(lambda g: g.clamp(-1, 1))
    optimizer = minigrad.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    loss = layer(w[:, :3]).square().mean()
    loss.backward()
    optimizer.step()
    return layer, layer.weight, optimizer, loss


# ------------------------------------------------------------------------------------------------------- what is asserted


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf() -> Tensor:
    return minigrad.tensor([[0.5, 1.0, 1.5, 2.0], [0.25, 0.75, 1.25, 1.75]], requires_grad=True)


def parts(result: Any) -> list[Any]:
    return [result] if not isinstance(result, tuple | list) else [part for some in result for part in parts(some)]


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_what_a_program_made_is_gone_with_its_last_name(program: Program) -> None:
    w = leaf()
    made = parts(program(w))
    assert made
    w.grad = None
    alive = [weakref.ref(x) for x in made if x is not None]
    alive += [weakref.ref(x.array) for x in made if isinstance(x, Tensor)]
    del made
    assert [x() for x in alive] == [None] * len(alive)


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_run_often_leaves_no_objects(program: Program) -> None:
    """Not even such as no weak reference can be made to."""
    w = leaf()
    for _ in range(3):
        program(w)
    w.grad = None
    before = len(gc.get_objects())
    for _ in range(30):
        program(w)
    w.grad = None
    assert len(gc.get_objects()) - before < 30


@pytest.mark.usefixtures("without_collector")
def test_memory_of_a_training_loop_with_hooks_is_flat() -> None:
    """Hooks of parameters and results, retained gradients, a Function that saves its result, second derivatives."""
    layers = [minigrad.nn.Linear(4, 8), minigrad.nn.Linear(8, 1)]
    parameters = [p for layer in layers for p in layer.parameters()]
    for p in parameters:
        p.register_hook(lambda g: g.clamp(-1, 1))
        p.register_post_accumulate_grad_hook(lambda p: None)
    optimizer = minigrad.optim.Adam(parameters, lr=1e-3)
    x, seen = minigrad.ones(2, 4), [0]

    def step() -> None:
        optimizer.zero_grad()
        hidden = SavesResult.apply(-layers[0](x).square()) * 1
        hidden.retain_grad()
        handle = hidden.register_hook(lambda g: seen.__setitem__(0, seen[0] + 1))
        hidden[:1].mul_(0.5)
        loss = layers[1](hidden).square().mean()
        (g,) = grad(loss, layers[1].weight, create_graph=True)
        assert g is not None
        (loss + g.square().sum()).backward()
        SavesResult.apply(layers[0].weight)  # never used
        optimizer.step()
        handle.remove()

    for _ in range(2200):  # CPython keeps up to 2000 freed tuples of a size for later
        step()
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    for _ in range(2000):
        step()
    assert seen[0] >= 4200
    assert len(gc.get_objects()) - objects < 200
    assert sys.getallocatedblocks() - blocks < 1000  # half an object a step


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_with_a_graph_is_freed_when_it_is_dropped(create_graph: bool) -> None:
    """With a graph of gradients the gradient knows the leaf, and the leaf the gradient, until it is dropped."""
    w = leaf()
    (w**3).sum().backward(create_graph=create_graph)
    assert w.grad is not None
    gone: list[weakref.ref[Any]] = [weakref.ref(w.grad), weakref.ref(w.grad.array)]
    w.grad = None
    assert [x() for x in gone] == [None, None]


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("length", [100_000])
def test_a_long_chain_with_hooks_is_freed_without_recursion(length: int) -> None:
    w = leaf()
    y = w
    for k in range(length):
        y = y + 1.0
        if k % 1000 == 0:
            y.register_hook(lambda g: g)
    last = weakref.ref(y)
    y.sum().backward()
    del y
    assert last() is None


@pytest.mark.usefixtures("without_collector")
def test_a_hook_that_knows_its_tensor_is_a_cycle_that_the_collector_frees() -> None:
    """The only cycle is the user's own. So these tests can fail."""

    def made() -> weakref.ref[Tensor]:
        y = leaf() * 1
        y.register_hook(lambda g: g * y.detach())
        return weakref.ref(y)

    gone = made()
    assert gone() is not None
    gc.collect()
    assert gone() is None


# ------------------------------------------------------------------------------------------------- work, counted and timed


ROWS: dict[str, Callable[[Tensor], Any]] = {
    "unbind": lambda w: w.unbind(0),
    "iteration": list,
    "split": lambda w: w.split(1),
    "split by sizes": lambda w: w.split([1] * len(w)),
    "chunk": lambda w: w.chunk(len(w)),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("take", ROWS.values(), ids=ROWS)
def test_backward_through_rows_is_linear_in_their_number(
    take: Callable[[Tensor], Any], create_graph: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array of the size of all for each row would be quadratic."""
    count = [0]

    def counted(forward: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*inputs: Any, **attributes: Any) -> Any:
            out = forward(*inputs, **attributes)
            count[0] += np.size(out)
            return out

        return counting

    for op in primitives.values():
        monkeypatch.setattr(op, "forward", counted(op.forward))

    def elements(n: int) -> int:
        w = minigrad.ones(n, 400, requires_grad=True)
        loss = sum((row * row).sum() for row in take(w))
        assert isinstance(loss, Tensor)
        count[0] = 0
        loss.backward(create_graph=create_graph)
        return count[0]

    assert 0 < elements(128) < 5 * elements(32)


@pytest.mark.parametrize("take", ROWS.values(), ids=ROWS)
def test_backward_through_rows_takes_time_in_proportion(take: Callable[[Tensor], Any]) -> None:
    """Eight times the rows take far less than sixty-four times as long."""

    def seconds(n: int) -> float:
        w = minigrad.ones(n, 2000, requires_grad=True)
        loss = minigrad.stack([row.sum() for row in take(w)]).sum()
        start = time.thread_time()  # others may use the processors too
        loss.backward()
        return time.thread_time() - start

    seconds(8)
    few, many = (min(seconds(n) for _ in range(3)) for n in (100, 800))
    assert many < 24 * few + 0.02
