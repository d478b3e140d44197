"""Type checkers, `help` and `inspect` see the methods and functions that are made when minigrad is imported."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import functions
from minigrad.methods.in_place_forms import InPlaceForms
from minigrad.methods.interface import function_of, method_of
from minigrad.methods.primitive_methods import PrimitiveMethods
from minigrad.primitive import Array, elementwise, primitives
from tests import stubs

CONTENTS = {path.name: text for path, text in stubs.stub_files().items()}


def parameters(function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def methods(cls: type) -> dict[str, Callable[..., Any]]:
    return {name: method for name, method in vars(cls).items() if inspect.isfunction(method)}


# ------------------------------------------------------------------------------------------------------- the stub files


@pytest.mark.parametrize("path", stubs.stub_files(), ids=lambda path: path.name)
def test_stub_files_are_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == CONTENTS[path.name], "run python -m tests.stubs"


@pytest.mark.parametrize(
    ("file", "live"),
    [
        ("functions.pyi", {name: getattr(functions, name) for name in functions.__all__}),
        ("primitive_methods.pyi", methods(PrimitiveMethods)),
        ("in_place_forms.pyi", methods(InPlaceForms)),
    ],
    ids=["functions", "primitives", "in-place forms"],
)
def test_a_stub_file_defines_what_there_is(file: str, live: dict[str, Callable[..., Any]]) -> None:
    """It is Python whose annotations are all defined; names, parameters and documentation are those of the live objects."""
    names: dict[str, Any] = {"__name__": "stub"}
    exec(compile(CONTENTS[file], file, "exec", dont_inherit=True), names)
    classes = [x for x in names.values() if inspect.isclass(x) and x.__module__ == "stub"]
    defined = methods(classes[0]) if classes else {name: names[name] for name in names["__all__"]}
    assert {name: parameters(f) for name, f in defined.items()} == {name: parameters(f) for name, f in live.items()}
    for name, function in defined.items():
        assert function.__doc__
        assert (live[name].__doc__ or "").lstrip().startswith(function.__doc__)


def test_the_command_checks_and_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.pyi"
    monkeypatch.setattr(stubs, "stub_files", lambda: {path: "x: int\n"})
    assert stubs.main(["--check"]) == 1
    assert f"{path} is out of date: run python -m tests.stubs" in capsys.readouterr().out
    assert not path.exists()
    assert stubs.main([]) == 0
    assert path.read_text("utf-8") == "x: int\n"
    assert stubs.main(["--check"]) == 0
    path.write_text("x: str\n", "utf-8")
    assert stubs.main(["--check"]) == 1


# ------------------------------------------------------------------------------------------------------ the live objects


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (minigrad.exp, "(input: 'Tensor', *, out: 'Any' = None) -> 'Tensor'"),
        (minigrad.Tensor.exp, "(self) -> 'Self'"),
        (minigrad.Tensor.exp_, "(self) -> 'Self'"),
        (minigrad.Tensor.maximum, "(self, other: 'Self') -> 'Self'"),
        (minigrad.maximum, "(input: 'Tensor', other: 'Tensor', *, out: 'Any' = None) -> 'Tensor'"),
        (minigrad.Tensor.eq, "(self, other: 'Operand') -> 'Self'"),
        (
            minigrad.add,
            "(input: 'Tensor | float', other: 'Operand', *, alpha: 'float' = 1, out: 'Any' = None) -> 'Tensor'",
        ),
        (minigrad.Tensor.add_, "(self, other: 'Operand', *, alpha: 'float' = 1) -> 'Self'"),
        (minigrad.Tensor.__iadd__, "(self, other: 'Operand') -> 'Self'"),
        (minigrad.Tensor.sum, "(self, dim: 'Dim' = None, keepdim: 'bool' = False, *, dtype: 'Any' = None) -> 'Self'"),
        (
            minigrad.sum,
            "(input: 'Tensor', dim: 'Dim' = None, keepdim: 'bool' = False, *, dtype: 'Any' = None, out: 'Any' = None)"
            " -> 'Tensor'",
        ),
        (minigrad.unbind, "(input: 'Tensor', dim: 'int' = 0, *, out: 'Any' = None) -> 'tuple[Tensor, ...]'"),
        (minigrad.numel, "(input: 'Tensor') -> 'int'"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__qualname__,
)
def test_signatures(function: Callable[..., Any], signature: str) -> None:
    assert str(inspect.signature(function)) == signature


@pytest.mark.parametrize("name", methods(InPlaceForms))
def test_an_in_place_form_has_the_parameters_of_its_method(name: str) -> None:
    plain = f"__{name[3:]}" if name.startswith("__i") else name[:-1]
    form = getattr(minigrad.Tensor, name)
    assert form.__name__ == name
    assert form.__qualname__ == f"Tensor.{name}"
    assert f"`{plain.strip('_')}`" in form.__doc__
    assert parameters(form) == parameters(getattr(minigrad.Tensor, plain))


def test_a_primitive_with_a_keyword_argument_becomes_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(primitives, "stretch", primitives["exp"])  # what is defined below goes away after the test

    @elementwise(x=lambda g, factor: g * factor)
    def stretch(x: Array, *, factor: float = 2) -> Array:
        """x times the factor."""
        return x * factor

    method = method_of(stretch)
    assert str(inspect.signature(method)) == "(self, *, factor: 'float' = 2) -> 'Self'"
    assert method.__doc__ == "x times the factor."
    x = minigrad.ones(2)
    assert method(x).tolist() == [2, 2]
    assert method(x, factor=3).tolist() == [3, 3]
    assert function_of(method, "here")(x, factor=3).tolist() == [3, 3]


@pytest.mark.parametrize("name", ["exp", "sum"])
def test_functions_can_be_pickled(name: str) -> None:
    function = getattr(minigrad, name)
    assert pickle.loads(pickle.dumps(function)) is function


def test_functions_can_be_imported_with_a_star() -> None:
    names: dict[str, Any] = {}
    exec("from minigrad.functions import *", names)
    del names["__builtins__"]
    assert names == {name: getattr(functions, name) for name in functions.__all__}
    assert {"exp", "sum", "add", "clone", "numel"} <= names.keys()
    assert not {"copy_", "view", "where", "Tensor", "FAMILIES"} & names.keys()
