"""The house keeps its floors: imports only point down, in no circle, and stand at the top of their file."""

import ast
import sys
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import minigrad

HOUSE = Path(minigrad.__file__).parent
FLOORS: list[dict[str, set[str]]] = [  # from the ground up: the rooms of each floor, and what they import from outside
    {"current": {"numpy"}},
    {"engine": set(), "ops": {"numpy"}, "dtypes": {"numpy"}, "devices": set(), "random": {"numpy"}},
    {"methods": {"numpy"}, "printing": {"numpy"}},
    {"tensors": {"numpy"}},
    {"creation": {"numpy"}, "functions": {"numpy"}, "combining": {"numpy"}},
    {"autograd": {"numpy"}},
    {
        "nn": {"numpy"},
        "optim": {"numpy"},
        "utils": {"numpy"},
        "serialization": {"numpy"},
        "viz": {"graphviz", "numpy"},
        "testing": {"numpy", "hypothesis"},
    },
    {"": set()},  # minigrad/__init__.py
]
PLACE = {room: (height, outside) for height, floor in enumerate(FLOORS) for room, outside in floor.items()}
MODULES = {
    ".".join(("minigrad", *path.relative_to(HOUSE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in HOUSE.rglob("*.py")
}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(tree: ast.AST) -> set[str]:
    """Return the modules a file imports; of ``from package import module``, the module."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inside & MODULES.keys()
            names |= {str(node.module)} if inside - MODULES.keys() else set()
    return names


IMPORTS = {module: imported(ast.parse(path.read_text())) for module, path in MODULES.items()}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    room = room_of(module)
    assert room in PLACE, f"{room} has no floor: give it one in FLOORS"
    height, outside = PLACE[room]
    for name in IMPORTS[module]:
        if name in MODULES:
            assert room_of(name) == room or PLACE[room_of(name)][0] < height, f"{module} imports {name}"
        else:
            assert name.split(".")[0] in outside | set(sys.stdlib_module_names), f"{module} imports {name}"


def test_no_circle() -> None:
    list(TopologicalSorter({module: names & MODULES.keys() for module, names in IMPORTS.items()}).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    typing_only = [
        block.body for block in tree.body if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
    ]
    at_the_top = list(chain(tree.body, *typing_only))
    inner = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) and n not in at_the_top]
    assert not inner, f"{module}: imports inside a function or block, lines {inner}"
