"""What type checkers, `help` and completion make of programs that use minigrad."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(__file__).with_name("user_program.py")
PRELUDE = """
import minigrad
from minigrad import nn, optim
from minigrad.utils.data import DataLoader, TensorDataset

x = minigrad.ones(2, 3)
model = nn.Linear(3, 1)
"""
WRONG_LINES = [
    "minigrad.expp(x)",
    "minigrad.float33",
    "minigrad.exp()",
    "minigrad.exp(x, 3)",
    "minigrad.zeros(2, dtyp=minigrad.float32)",
    "minigrad.cat([x, x], dim='0')",
    "x.epx()",
    "x.exp(2)",
    "x.add_()",
    "x.sum(dimm=0)",
    "x.backward(retain_grahp=True)",
    "x.shape.numell()",
    "x.exp().epx()",
    "minigrad.exp(x).epx()",
    "nn.functional.rellu(x)",
    "nn.Linear('3', 1)",
    "model.parameter()",
    "optim.Adam(model.parameters(), lr='high')",
    "optim.Adam(model.parameters(), learning_rate=0.1)",
    "DataLoader(TensorDataset(x), batchsize=3)",
]


@pytest.fixture(scope="module")
def wrong_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wrong") / "wrong.py"
    path.write_text(PRELUDE + "\n".join(WRONG_LINES), "utf-8")
    return path


def run_mypy(program: Path, cache: Path) -> str:
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--follow-imports=silent"]
    command = [sys.executable, "-m", "mypy", *options, str(program)]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def run_pyright(program: Path, directory: Path) -> str:
    """Run basedpyright in pyright's standard mode."""
    settings = {"include": [str(program)], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = ["basedpyright", "--project", str(directory), "--pythonpath", sys.executable, "--level", "error"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module", params=["mypy", "basedpyright"])
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """A function that runs a type checker on a program and returns what it says."""
    directory: Path = tmp_path_factory.mktemp("checker")
    if request.param == "mypy":
        if find_spec("mypy") is None:
            pytest.skip("mypy is not installed")
        yield lambda program: run_mypy(program, directory)
    else:
        if shutil.which("basedpyright") is None:
            pytest.skip("basedpyright is not installed")
        yield lambda program: run_pyright(program, directory)


def test_a_right_program_is_accepted(check: Callable[[Path], str]) -> None:
    output = check(PROGRAM)
    assert re.search(r"^Success|^0 errors", output, re.MULTILINE), output


def test_the_right_program_runs() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "error", str(PROGRAM)], env=environment, check=True)


def test_each_wrong_line_is_rejected(check: Callable[[Path], str], wrong_program: Path) -> None:
    rejected = {int(number) for number in re.findall(r"wrong\.py:(\d+):.* error: ", check(wrong_program))}
    first = PRELUDE.count("\n") + 1
    assert first - 1 not in rejected
    accepted = [line for number, line in enumerate(WRONG_LINES, first) if number not in rejected]
    assert not accepted


# ---------------------------------------------------------------------------------------------- completion and help

PUBLIC = {
    **{f"minigrad.{name}": getattr(minigrad, name) for name in dir(minigrad) if name[0] != "_"},
    **{f"Tensor.{name}": getattr(minigrad.Tensor, name) for name in dir(minigrad.Tensor) if name[0] != "_"},
}
CALLABLE = {name: value for name, value in PUBLIC.items() if inspect.isroutine(value)}
COMMON = ["exp", "sum", "max", "matmul", "reshape", "softmax", "add", "clamp", "gather", "sort"]


@pytest.mark.parametrize("name", COMMON)
def test_functions_and_methods_are_completed(name: str) -> None:
    assert f"minigrad.{name}" in CALLABLE
    assert f"Tensor.{name}" in CALLABLE


def test_everything_has_documentation() -> None:
    described = {name: value for name, value in PUBLIC.items() if callable(value) or isinstance(value, property)}
    assert not [name for name, value in described.items() if not inspect.getdoc(value)]


def test_everything_has_a_signature_with_names() -> None:
    """No function or method shows only ``*args`` and ``**kwargs``."""
    nameless = {"args", "kwargs"}
    hidden = [name for name, value in CALLABLE.items() if {*inspect.signature(value).parameters} - {"self"} == nameless]
    assert not hidden


@pytest.mark.parametrize("name", COMMON)
def test_a_function_has_the_signature_of_its_method_and_an_input(name: str) -> None:
    function = list(inspect.signature(CALLABLE[f"minigrad.{name}"]).parameters.values())
    method = list(inspect.signature(CALLABLE[f"Tensor.{name}"]).parameters.values())
    assert function[0].name == "input"
    assert method[0].name == "self"
    own = [p for p in function[1:] if p.name != "out"]
    assert [(p.name, p.default, p.kind) for p in own] == [(p.name, p.default, p.kind) for p in method[1:]]


def test_help_shows_name_signature_and_documentation() -> None:
    text = inspect.getdoc(minigrad.Tensor.sum) or ""
    assert text.startswith("Return the sum")
    assert "dim" in str(inspect.signature(minigrad.sum))
    assert inspect.getdoc(minigrad.sum) == text
    assert minigrad.sum.__name__ == "sum"
