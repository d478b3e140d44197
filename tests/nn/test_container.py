"""Containers against torch's: order, names, indices, text."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import assert_same_in_both, uniform
from tests.reference import torch


def five_layers(lib: Any, kind: str) -> Any:
    """Return a container of five layers of different sizes."""
    layers = [lib.nn.Linear(k, k + 1) for k in range(1, 6)]
    return lib.nn.Sequential(*layers) if kind == "Sequential" else lib.nn.ModuleList(layers)


def ignore_result(result: Any) -> None:
    """Ignore a result: insert of torch's Sequential returns self, that of its ModuleList None; here both return self."""


OPERATIONS: dict[str, Any] = {
    "append": lambda c, lib: c.append(lib.nn.ReLU()),
    "extend": lambda c, lib: c.extend([lib.nn.ReLU(), lib.nn.Tanh()]),
    "insert": lambda c, lib: ignore_result(c.insert(2, lib.nn.ReLU())),
    "insert at the end": lambda c, lib: ignore_result(c.insert(5, lib.nn.ReLU())),
    "set": lambda c, lib: c.__setitem__(1, lib.nn.ReLU()),
    "set from the end": lambda c, lib: c.__setitem__(-1, lib.nn.ReLU()),
    "delete": lambda c, lib: c.__delitem__(1),
    "delete from the end": lambda c, lib: c.__delitem__(-1),
    "delete a slice": lambda c, lib: c.__delitem__(slice(1, 3)),
    "delete with a step": lambda c, lib: c.__delitem__(slice(None, None, 2)),
    "pop": lambda c, lib: c.pop(1),
    "pop the last": lambda c, lib: c.pop(-1),
    "add": lambda c, lib: c + type(c)() + c,
    "add in place": lambda c, lib: c.__iadd__(five_layers(lib, type(c).__name__)),
    "get": lambda c, lib: c[1],
    "get from the end": lambda c, lib: c[-5],
    "slice": lambda c, lib: c[1:3],
    "slice from the end": lambda c, lib: c[-2:],
    "slice with a step": lambda c, lib: c[::2],
    "length": lambda c, lib: len(c),
    "list": lambda c, lib: list(c),
    "index too large": lambda c, lib: c[5],
    "index too small": lambda c, lib: c[-6],
    "set, index too large": lambda c, lib: c.__setitem__(5, lib.nn.ReLU()),
    "delete, index too large": lambda c, lib: c.__delitem__(5),
    "get by name": lambda c, lib: c["0"],
    "append an int": lambda c, lib: c.append(3),
    "extend by an int": lambda c, lib: c.extend(3),
    "set an int": lambda c, lib: c.__setitem__(0, 3),
}


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize("what", OPERATIONS)
def test_lists_behave_as_in_torch(kind: str, what: str) -> None:
    found = []
    for lib in (minigrad, torch):
        container = five_layers(lib, kind)
        try:
            result = repr(OPERATIONS[what](container, lib))
        except (IndexError, TypeError, KeyError, ValueError, AssertionError) as error:
            result = type(error).__name__
        found.append((result, repr(container), list(container.state_dict())))
    assert found[0] == found[1]


def test_sequential_of_a_dictionary() -> None:
    layers = [OrderedDict(first=lib.nn.Linear(1, 2), act=lib.nn.ReLU()) for lib in (minigrad, torch)]
    assert repr(nn.Sequential(layers[0])) == repr(torch.nn.Sequential(layers[1]))
    model = nn.Sequential({"first": nn.Linear(1, 2), "act": nn.ReLU()})
    assert list(dict(model[1:].named_children())) == ["act"]
    assert dict(model.named_children())["first"] is model[0]


def test_a_slice_shares_its_modules() -> None:
    model = five_layers(minigrad, "Sequential")
    assert model[1:3][0] is model[1]


def test_sequential_composes_its_modules() -> None:
    model, reference = (
        lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 2)) for lib in (minigrad, torch)
    )
    reference.load_state_dict({name: torch.from_numpy(t.numpy().copy()) for name, t in model.state_dict().items()})
    assert_same_in_both(model.double(), reference.double(), uniform(5, 3))
    assert nn.Sequential()(3) == 3


def test_sequential_with_parameters_and_buffers_of_its_own() -> None:
    class Scaled(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Identity(), nn.Identity())
            self.scale = nn.Parameter(minigrad.ones(1))
            self.register_buffer("count", minigrad.zeros(1))

    model = Scaled()
    assert len(model) == 2
    assert model(5) == 5
    assert list(model.state_dict()) == ["scale", "count"]


def test_lists_of_many_layers_print_as_in_torch() -> None:
    def build(lib: Any) -> Any:
        block = [lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.ReLU()) for _ in range(3)]
        return lib.nn.Sequential(
            lib.nn.ModuleList([*block, lib.nn.Linear(1, 1), lib.nn.Linear(2, 2), lib.nn.Linear(2, 2)]),
            lib.nn.ModuleDict({"a": lib.nn.ModuleList(), "b": lib.nn.ModuleDict()}),
        )

    assert repr(build(minigrad)) == repr(build(torch))


def test_a_module_list_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError):
        nn.ModuleList([nn.ReLU()])(1)


DICTIONARY: dict[str, Any] = {
    "set": lambda d, lib: d.__setitem__("c", lib.nn.Tanh()),
    "replace": lambda d, lib: d.__setitem__("a", lib.nn.Tanh()),
    "delete": lambda d, lib: d.__delitem__("a"),
    "get": lambda d, lib: d["b"],
    "contains": lambda d, lib: ["a" in d, "z" in d],
    "length": lambda d, lib: len(d),
    "keys": lambda d, lib: list(d.keys()),
    "values": lambda d, lib: list(d.values()),
    "items": lambda d, lib: list(d.items()),
    "iterate": lambda d, lib: list(d),
    "pop": lambda d, lib: d.pop("a"),
    "clear": lambda d, lib: d.clear(),
    "update": lambda d, lib: d.update({"c": lib.nn.Tanh(), "a": lib.nn.Linear(1, 1)}),
    "update by pairs": lambda d, lib: d.update([("c", lib.nn.Tanh())]),
    "missing": lambda d, lib: d["z"],
    "delete missing": lambda d, lib: d.__delitem__("z"),
    "pop missing": lambda d, lib: d.pop("z"),
    "an int": lambda d, lib: d.__setitem__("c", 3),
    "the name of a method": lambda d, lib: d.__setitem__("keys", lib.nn.Tanh()),
}


@pytest.mark.parametrize("what", DICTIONARY)
def test_dictionaries_behave_as_in_torch(what: str) -> None:
    found = []
    for lib in (minigrad, torch):
        container = lib.nn.ModuleDict({"a": lib.nn.ReLU(), "b": lib.nn.Linear(2, 1)})
        try:
            result = repr(DICTIONARY[what](container, lib))
        except (KeyError, TypeError) as error:
            result = type(error).__name__
        found.append((result, repr(container), list(container.state_dict())))
    assert found[0] == found[1]


def test_a_failed_insert_changes_nothing() -> None:
    for kind in ("Sequential", "ModuleList"):
        container = five_layers(minigrad, kind)
        before = repr(container)
        with pytest.raises(TypeError, match="is not a Module subclass"):
            container.insert(0, 3)
        assert repr(container) == before


def test_insert_at_a_negative_position_as_in_a_list() -> None:
    # torch's ModuleList overwrites a module here.
    container = five_layers(minigrad, "ModuleList").insert(-1, nn.ReLU())
    assert [type(layer) for layer in container][-2:] == [nn.ReLU, nn.Linear]
    assert len(container) == 6


def test_a_list_can_be_extended_by_itself() -> None:
    container = five_layers(minigrad, "ModuleList")
    assert len(container.extend(container)) == 10
