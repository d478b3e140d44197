"""Module: how members are found, what is done to all of them, states, text."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from tests.nn.parity import close


def libraries() -> list[Any]:
    return [minigrad, torch]


def family(lib: Any) -> Any:
    """Return a module with members of every kind, defined for either library."""

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


FOUND: dict[str, Any] = {
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
    "order of apply": lambda m: visited(m),
    "text": repr,
}


def visited(module: Any) -> list[str]:
    seen: list[str] = []
    module.apply(lambda m: seen.append(type(m).__name__))
    return seen


@pytest.mark.parametrize("what", FOUND)
def test_members_are_found_as_in_torch(what: str) -> None:
    mine, theirs = (FOUND[what](family(lib)) for lib in libraries())
    assert mine == theirs


def change(module: Any, lib: Any, how: str) -> None:
    """Change the members of a family."""
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
    elif how == "put a parameter in place of a buffer that is no state":
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
    elif how == "a tensor is no member":
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
    "put a parameter in place of a buffer that is no state",
    "put a parameter in place of another attribute",
    "delete a parameter",
    "delete a module",
    "delete a buffer",
    "replace a buffer",
    "empty a buffer",
    "fill an empty buffer",
    "a tensor is no member",
    "add a module",
    "remove a module",
    "make a buffer persistent",
]


@pytest.mark.parametrize("how", CHANGES)
def test_members_change_as_in_torch(how: str) -> None:
    found = []
    for lib in libraries():
        module = family(lib)
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


def refuse(lib: Any, how: str) -> None:
    module = family(lib)
    if how == "parameter by tensor":
        module.shift = lib.ones(2)
    elif how == "parameter by number":
        module.shift = 3
    elif how == "parameter by module":
        module.shift = lib.nn.Linear(1, 1)
    elif how == "module by function":
        module.first = str
    elif how == "buffer by number":
        module.inner.count = 3
    elif how == "module that is none":
        module.add_module("x", 3)
    elif how == "module without a name":
        module.add_module("", lib.nn.ReLU())
    elif how == "module with a dot":
        module.add_module("a.b", lib.nn.ReLU())
    elif how == "module with a number for a name":
        module.add_module(3, lib.nn.ReLU())
    elif how == "module that is there":
        module.add_module("note", lib.nn.ReLU())
    elif how == "parameter that is there":
        module.register_parameter("note", lib.nn.Parameter(lib.ones(1)))
    elif how == "parameter that is none":
        module.register_parameter("x", lib.ones(1))
    elif how == "parameter with a dot":
        module.register_parameter("a.b", None)
    elif how == "parameter without a name":
        module.register_parameter("", None)
    elif how == "parameter that was computed":
        p = lib.nn.Parameter(lib.ones(1))
        p += 0
    elif how == "buffer that is there":
        module.register_buffer("note", lib.ones(1))
    elif how == "buffer that is none":
        module.register_buffer("x", 3)
    elif how == "buffer with a dot":
        module.register_buffer("a.b", None)
    elif how == "mode that is no boolean":
        module.train("yes")
    elif how == "integers":
        module.to(lib.int64)
    elif how == "state that is no mapping":
        module.load_state_dict([1])
    elif how == "without forward":
        lib.nn.Module()(1)
    elif how == "missing attribute":
        module.missing  # noqa: B018
    elif how == "delete what is missing":
        del module.missing
    else:
        raise AssertionError(how)


REFUSALS = [
    "parameter by tensor",
    "parameter by number",
    "parameter by module",
    "module by function",
    "buffer by number",
    "module that is none",
    "module without a name",
    "module with a dot",
    "module with a number for a name",
    "module that is there",
    "parameter that is there",
    "parameter that is none",
    "parameter with a dot",
    "parameter without a name",
    "parameter that was computed",
    "buffer that is there",
    "buffer that is none",
    "buffer with a dot",
    "mode that is no boolean",
    "integers",
    "state that is no mapping",
    "without forward",
    "missing attribute",
    "delete what is missing",
]


@pytest.mark.parametrize("how", REFUSALS)
def test_errors_are_of_the_types_of_torch(how: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        refuse(torch, how)
    with pytest.raises(theirs.type):
        refuse(minigrad, how)


@pytest.mark.parametrize("how", ["module that is none", "module without a name", "module with a dot", "module that is there"])
def test_messages_are_those_of_torch(how: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        refuse(torch, how)
    with pytest.raises(theirs.type) as mine:
        refuse(minigrad, how)
    assert str(mine.value) == str(theirs.value)


def test_members_before_init_are_refused() -> None:
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
    module = family(minigrad)
    shift = module.shift
    for wrong in (3, minigrad.ones(2)):
        with pytest.raises(TypeError, match="cannot assign"):
            module.shift = wrong
    assert module.shift is shift
    assert "shift" in dict(module.named_parameters())


def test_training_mode_reaches_everything() -> None:
    module = family(minigrad)
    assert all(m.training for m in module.modules())
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())


def test_zero_grad() -> None:
    module = family(minigrad)
    module(minigrad.ones(4, 3)).sum().backward()
    before = module.shift.grad
    module.zero_grad(set_to_none=False)
    assert before.tolist() == [0.0, 0.0]
    assert module.rows[0].weight.grad is None
    module.zero_grad()
    assert all(p.grad is None for p in module.parameters())


def test_freezing() -> None:
    module = family(minigrad).requires_grad_(False)
    assert not any(p.requires_grad for p in module.parameters())
    assert not module(minigrad.ones(4, 3)).requires_grad
    module.requires_grad_()
    assert all(p.requires_grad for p in module.parameters())


def test_conversion_keeps_the_parameters_and_their_ties() -> None:
    module = family(minigrad)
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


def test_a_state_goes_to_torch_and_back() -> None:
    mine, theirs = family(minigrad), family(torch)
    result = theirs.load_state_dict({name: torch.from_numpy(t.numpy().copy()) for name, t in mine.state_dict().items()})
    assert not result.missing_keys
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    close(mine(minigrad.tensor(x)), theirs(torch.tensor(x)), 1e-6)

    theirs = family(torch)
    assert repr(mine.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
    close(mine(minigrad.tensor(x)), theirs(torch.tensor(x)), 1e-6)


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
        lambda s, full: s.update({"first.weight": full(2)}),
        lambda s, full: (s.pop("shift"), s.update({"first.weight": full(2), "extra": full(1), "more": full(1)})),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_changed(spoil: Any) -> None:
    messages = []
    for lib in libraries():
        module = family(lib)
        state = dict(family(lib).state_dict())
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
        module = family(lib)
        state = {"shift": lib.ones(2) * 5, "extra": lib.ones(1)}
        result = module.load_state_dict(state, strict=False)
        assert module.shift.tolist() == [5.0, 5.0]
        results.append((result.missing_keys, result.unexpected_keys, repr(result).lstrip("_")))
    assert results[0] == results[1]


@pytest.mark.parametrize("lib", [minigrad, torch])
def test_another_shape_is_refused_also_where_names_may_be_missing(lib: Any) -> None:
    with pytest.raises(RuntimeError, match="size mismatch for shift"):
        family(lib).load_state_dict({"shift": lib.ones(3)}, strict=False)


def test_loading_converts_to_the_type_of_the_parameter() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict(nn.Linear(2, 1).double().state_dict())
    assert layer.weight.dtype is minigrad.float32


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_on_their_own(again: Any) -> None:
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


def test_reading_a_member_is_reading_an_attribute() -> None:
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
