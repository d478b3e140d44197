"""Module: registration, traversal, conversion, state, repr."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import assert_close
from tests.reference import torch


def libraries() -> list[Any]:
    return [minigrad, torch]


def example_module(lib: Any) -> Any:
    """Return a module with parameters, buffers and submodules of every kind, in either library."""

    class Inner(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale = lib.nn.Parameter(lib.ones(2))
            self.register_buffer("count", lib.zeros(1))
            self.register_buffer("cache", lib.zeros(1), persistent=False)
            self.register_buffer("empty", None)
            self.register_parameter("absent", None)

        def forward(self, x: Any) -> Any:
            return x * self.scale

    class Outer(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = lib.nn.Linear(3, 2)
            self.note = "not a member"
            self.shift = lib.nn.Parameter(lib.zeros(2))
            self.inner = Inner()
            self.same = self.inner
            self.rows = lib.nn.ModuleList([lib.nn.Linear(2, 2, bias=False), lib.nn.ReLU()])
            self.tied = self.first.weight
            self.nothing = None

        def forward(self, x: Any) -> Any:
            return self.inner(self.first(x)) + self.shift

    return Outer()


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


TRAVERSALS: dict[str, Any] = {
    "parameters": lambda m: names(m.named_parameters()),
    "parameters with duplicates": lambda m: names(m.named_parameters(remove_duplicate=False)),
    "own parameters": lambda m: names(m.named_parameters(recurse=False)),
    "parameters with a prefix": lambda m: names(m.named_parameters(prefix="model")),
    "buffers": lambda m: names(m.named_buffers()),
    "own buffers": lambda m: names(m.named_buffers(recurse=False)),
    "modules": lambda m: names(m.named_modules()),
    "modules with duplicates": lambda m: names(m.named_modules(remove_duplicate=False)),
    "children": lambda m: names(m.named_children()),
    "state": lambda m: list(m.state_dict()),
    "state with a prefix": lambda m: list(m.state_dict(prefix="model.")),
    "counts": lambda m: [len(list(f())) for f in (m.parameters, m.buffers, m.modules, m.children)],
    "shapes": lambda m: [tuple(p.shape) for p in m.parameters()],
    "kinds": lambda m: [type(c).__name__ for c in m.modules()],
    "order of apply": lambda m: apply_order(m),
    "repr": repr,
}


def apply_order(module: Any) -> list[str]:
    seen: list[str] = []
    module.apply(lambda m: seen.append(type(m).__name__))
    return seen


@pytest.mark.parametrize("what", TRAVERSALS)
def test_traversal_is_that_of_torch(what: str) -> None:
    ours, reference = (TRAVERSALS[what](example_module(lib)) for lib in libraries())
    assert ours == reference


def change(module: Any, lib: Any, how: str) -> None:
    """Change what is registered in the example module."""
    if how == "replace a parameter":
        module.shift = lib.nn.Parameter(lib.ones(5))
    elif how == "remove a parameter":
        module.shift = None
    elif how == "put a module in place of a buffer":
        module.inner.count = lib.nn.Linear(1, 1)
    elif how == "put a parameter in place of a module":
        module.first = lib.nn.Parameter(lib.ones(5))
    elif how == "put a parameter in place of a buffer":
        module.inner.count = lib.nn.Parameter(lib.ones(5))
    elif how == "put a parameter in place of a buffer that is not persistent":
        module.inner.cache = lib.nn.Parameter(lib.ones(5))
    elif how == "put a parameter in place of another attribute":
        module.note = lib.nn.Parameter(lib.ones(5))
    elif how == "delete a parameter":
        del module.shift
    elif how == "delete a module":
        del module.inner
    elif how == "delete a buffer":
        del module.inner.cache
        module.inner.register_buffer("cache", lib.ones(1))
    elif how == "replace a buffer":
        module.inner.count = lib.ones(7)
    elif how == "empty a buffer":
        module.inner.count = None
    elif how == "fill an empty buffer":
        module.inner.empty = lib.ones(7)
    elif how == "a tensor is not registered":
        module.loose = lib.ones(7)
    elif how == "add a module":
        module.add_module("added", lib.nn.ReLU())
    elif how == "remove a module":
        module.inner = None
    elif how == "make a buffer persistent":
        module.inner.register_buffer("cache", lib.ones(1))
    else:
        raise AssertionError(how)


CHANGES = [
    "replace a parameter",
    "remove a parameter",
    "put a module in place of a buffer",
    "put a parameter in place of a module",
    "put a parameter in place of a buffer",
    "put a parameter in place of a buffer that is not persistent",
    "put a parameter in place of another attribute",
    "delete a parameter",
    "delete a module",
    "delete a buffer",
    "replace a buffer",
    "empty a buffer",
    "fill an empty buffer",
    "a tensor is not registered",
    "add a module",
    "remove a module",
    "make a buffer persistent",
]


@pytest.mark.parametrize("how", CHANGES)
def test_registration_is_that_of_torch(how: str) -> None:
    found = []
    for lib in libraries():
        module = example_module(lib)
        change(module, lib, how)
        found.append(
            [
                {n: tuple(t.shape) for n, t in module.named_parameters()},
                {n: tuple(t.shape) for n, t in module.named_buffers()},
                names(module.named_modules()),
                list(module.state_dict()),
                repr(module),
            ]
        )
    assert found[0] == found[1]


def make_mistake(lib: Any, how: str) -> None:
    module = example_module(lib)
    if how == "parameter by tensor":
        module.shift = lib.ones(2)
    elif how == "parameter by int":
        module.shift = 3
    elif how == "parameter by module":
        module.shift = lib.nn.Linear(1, 1)
    elif how == "module by function":
        module.first = str
    elif how == "buffer by int":
        module.inner.count = 3
    elif how == "module of the wrong type":
        module.add_module("x", 3)
    elif how == "module without a name":
        module.add_module("", lib.nn.ReLU())
    elif how == "module with a dot":
        module.add_module("a.b", lib.nn.ReLU())
    elif how == "module with an int for a name":
        module.add_module(3, lib.nn.ReLU())
    elif how == "module of an existing name":
        module.add_module("note", lib.nn.ReLU())
    elif how == "parameter of an existing name":
        module.register_parameter("note", lib.nn.Parameter(lib.ones(1)))
    elif how == "parameter of the wrong type":
        module.register_parameter("x", lib.ones(1))
    elif how == "parameter with a dot":
        module.register_parameter("a.b", None)
    elif how == "parameter without a name":
        module.register_parameter("", None)
    elif how == "parameter that was computed":
        p = lib.nn.Parameter(lib.ones(1))
        p += 0
    elif how == "parameter that is no leaf":
        p = lib.nn.Parameter(lib.ones(1), requires_grad=False)
        p.mul_(lib.ones(1, requires_grad=True))
        module.register_parameter("x", p)
    elif how == "buffer of an existing name":
        module.register_buffer("note", lib.ones(1))
    elif how == "buffer of the wrong type":
        module.register_buffer("x", 3)
    elif how == "buffer with a dot":
        module.register_buffer("a.b", None)
    elif how == "mode that is not a boolean":
        module.train("yes")
    elif how == "integers":
        module.to(lib.int64)
    elif how == "state that is not a mapping":
        module.load_state_dict([1])
    elif how == "without forward":
        lib.nn.Module()(1)
    elif how == "missing attribute":
        module.missing  # noqa: B018
    elif how == "delete what is missing":
        del module.missing
    else:
        raise AssertionError(how)


MISTAKES = [
    "parameter by tensor",
    "parameter by int",
    "parameter by module",
    "module by function",
    "buffer by int",
    "module of the wrong type",
    "module without a name",
    "module with a dot",
    "module with an int for a name",
    "module of an existing name",
    "parameter of an existing name",
    "parameter of the wrong type",
    "parameter with a dot",
    "parameter without a name",
    "parameter that was computed",
    "parameter that is no leaf",
    "buffer of an existing name",
    "buffer of the wrong type",
    "buffer with a dot",
    "mode that is not a boolean",
    "integers",
    "state that is not a mapping",
    "without forward",
    "missing attribute",
    "delete what is missing",
]


@pytest.mark.parametrize("how", MISTAKES)
def test_errors_are_of_the_types_of_torch(how: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        make_mistake(torch, how)
    with pytest.raises(reference.type):
        make_mistake(minigrad, how)


@pytest.mark.parametrize(
    "how", ["module of the wrong type", "module without a name", "module with a dot", "module of an existing name"]
)
def test_messages_are_those_of_torch(how: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        make_mistake(torch, how)
    with pytest.raises(reference.type) as ours:
        make_mistake(minigrad, how)
    assert str(ours.value) == str(reference.value)


def test_assignment_before_init_is_an_error() -> None:
    for lib in libraries():

        class EarlyModule(lib.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, lib: Any = lib) -> None:
                self.layer = lib.nn.Linear(1, 1)

        class EarlyParameter(lib.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, lib: Any = lib) -> None:
                self.weight = lib.nn.Parameter(lib.ones(1))

        with pytest.raises(AttributeError, match=r"^cannot assign module before Module.__init__\(\) call$"):
            EarlyModule()
        with pytest.raises(AttributeError, match=r"^cannot assign parameters before Module.__init__\(\) call$"):
            EarlyParameter()


def test_a_failed_assignment_changes_nothing() -> None:
    module = example_module(minigrad)
    shift = module.shift
    for wrong in (3, minigrad.ones(2)):
        with pytest.raises(TypeError, match="cannot assign"):
            module.shift = wrong
    assert module.shift is shift
    assert "shift" in dict(module.named_parameters())


def test_training_mode_of_all_modules() -> None:
    module = example_module(minigrad)
    assert all(m.training for m in module.modules())
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())


def test_zero_grad() -> None:
    module = example_module(minigrad)
    module(minigrad.ones(4, 3)).sum().backward()
    before = module.shift.grad
    module.zero_grad(set_to_none=False)
    assert before.tolist() == [0.0, 0.0]
    assert module.rows[0].weight.grad is None
    module.zero_grad()
    assert all(p.grad is None for p in module.parameters())


def test_freezing() -> None:
    module = example_module(minigrad).requires_grad_(False)
    assert not any(p.requires_grad for p in module.parameters())
    assert not module(minigrad.ones(4, 3)).requires_grad
    module.requires_grad_()
    assert all(p.requires_grad for p in module.parameters())


def test_conversion_keeps_parameters_and_tied_parameters() -> None:
    module = example_module(minigrad)
    module.register_buffer("steps", minigrad.tensor(3))
    before = list(module.parameters())
    module(minigrad.ones(4, 3)).sum().backward()
    assert module.double() is module
    assert all(a is b for a, b in zip(before, module.parameters(), strict=True))
    assert module.tied is module.first.weight
    assert {str(t.dtype) for t in (*module.parameters(), module.inner.count)} == {"minigrad.float64"}
    assert module.steps.dtype is minigrad.int64
    assert module.shift.grad.dtype is minigrad.float64
    assert module.shift.grad.tolist() == [4.0, 4.0]
    assert module(minigrad.ones(4, 3, dtype=minigrad.float64)).dtype is minigrad.float64
    assert module.float().shift.dtype is minigrad.float32
    assert module.to(minigrad.float64).shift.dtype is minigrad.float64
    assert module.to(dtype=minigrad.float32).shift.dtype is minigrad.float32


def test_a_state_can_be_loaded_in_torch_and_back() -> None:
    ours, reference = example_module(minigrad), example_module(torch)
    result = reference.load_state_dict({name: torch.from_numpy(t.numpy().copy()) for name, t in ours.state_dict().items()})
    assert not result.missing_keys
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    assert_close(ours(minigrad.tensor(x)), reference(torch.tensor(x)), 1e-6)

    reference = example_module(torch)
    assert repr(ours.load_state_dict(reference.state_dict())) == "<All keys matched successfully>"
    assert_close(ours(minigrad.tensor(x)), reference(torch.tensor(x)), 1e-6)


def test_a_state_shares_memory_and_loading_copies() -> None:
    a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    state = a.state_dict()
    state["bias"].fill_(7)
    assert a.bias is not None
    assert a.bias.item() == 7
    assert not state["bias"].requires_grad
    assert a.state_dict(keep_vars=True)["bias"] is a.bias
    b.load_state_dict(state)
    state["bias"].fill_(8)
    assert b.bias is not None
    assert b.bias.item() == 7


def test_loading_is_noticed_by_a_graph_that_needs_the_old_values() -> None:
    layer = nn.Linear(2, 1)
    x = minigrad.ones(1, 2, requires_grad=True)
    y = layer(x).sum()
    layer.load_state_dict(nn.Linear(2, 1).state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s, full: s.pop("inner.scale"),
        lambda s, full: s.update(extra=full(1)),
        lambda s, full: s.update({"inner2": full(1), "inner_scale": full(1), "inner.scale.more": full(1), "inner.": full(1)}),
        lambda s, full: s.update({"first.weight": full(2)}),
        lambda s, full: (s.pop("shift"), s.update({"first.weight": full(2), "extra": full(1), "more": full(1)})),
    ],
)
def test_a_state_that_does_not_fit_is_an_error_and_changes_nothing(spoil: Any) -> None:
    messages = []
    for lib in libraries():
        module = example_module(lib)
        state = dict(example_module(lib).state_dict())
        spoil(state, lib.ones)
        before = copy.deepcopy(module.state_dict())
        with pytest.raises(RuntimeError) as error:
            module.load_state_dict(state)
        messages.append(str(error.value).replace("torch.", "minigrad."))
        if lib is minigrad:
            after = module.state_dict()
            assert all(before[name].tolist() == after[name].tolist() for name in before)
    assert messages[0] == messages[1]


def test_loading_what_fits() -> None:
    results = []
    for lib in libraries():
        module = example_module(lib)
        state = {"shift": lib.ones(2) * 5, "extra": lib.ones(1)}
        result = module.load_state_dict(state, strict=False)
        assert module.shift.tolist() == [5.0, 5.0]
        results.append((result.missing_keys, result.unexpected_keys, repr(result).lstrip("_")))
    assert results[0] == results[1]


@pytest.mark.parametrize("lib", [minigrad, torch])
def test_another_shape_is_an_error_even_if_not_strict(lib: Any) -> None:
    with pytest.raises(RuntimeError, match="size mismatch for shift"):
        example_module(lib).load_state_dict({"shift": lib.ones(3)}, strict=False)


def test_loading_converts_to_the_type_of_the_parameter() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict(nn.Linear(2, 1).double().state_dict())
    assert layer.weight.dtype is minigrad.float32


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(again: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Tanh())
    model.eval()
    twin = again(model)
    assert repr(twin) == repr(model)
    assert list(twin.state_dict()) == list(model.state_dict())
    assert all(type(p) is nn.Parameter and p.requires_grad for p in twin.parameters())
    x = minigrad.ones(4, 3)
    assert twin(x).tolist() == model(x).tolist()
    nn.init.zeros_(twin[0].weight)
    assert model[0].weight.detach().numpy().any()


def test_a_parameter_is_in_the_instance_dictionary() -> None:
    layer = nn.Linear(2, 1)
    assert vars(layer)["weight"] is layer.weight


@pytest.mark.parametrize("lib", [minigrad, torch])
def test_hooks_before_and_after_forward(lib: Any) -> None:
    layer = lib.nn.Linear(2, 1, bias=False)
    lib.nn.init.ones_(layer.weight)
    seen: list[Any] = []
    handles = [
        layer.register_forward_pre_hook(lambda m, args: seen.append(args[0].tolist())),
        layer.register_forward_pre_hook(lambda m, args: args[0] * 10),
        layer.register_forward_hook(lambda m, args, y: seen.append((args[0].tolist(), y.tolist()))),
        layer.register_forward_hook(lambda m, args, y: y + 1),
    ]
    x = lib.ones(1, 2)
    assert layer(x).tolist() == [[21.0]]
    assert seen == [[[1.0, 1.0]], ([[10.0, 10.0]], [[20.0]])]
    for handle in handles:
        handle.remove()
    assert layer(x).tolist() == [[2.0]]
    assert len(seen) == 2


@pytest.mark.parametrize("lib", [minigrad, torch])
def test_a_hook_that_removes_itself_leaves_the_next_one_its_turn(lib: Any) -> None:
    layer = lib.nn.Identity()
    seen: list[str] = []
    handles: dict[str, Any] = {}
    for register in (layer.register_forward_pre_hook, layer.register_forward_hook):

        def once(*arguments: Any, name: str = register.__name__) -> None:
            handles[name].remove()

        handles[register.__name__] = register(once)
        register(lambda *arguments: seen.append("always"))
    layer(lib.ones(1))
    assert seen == ["always", "always"]
