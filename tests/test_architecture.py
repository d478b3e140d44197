"""The structure of the package: imports go down through the layers, in no circle, and stand at the top of their file."""

import ast
import sys
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent
LAYERS: list[dict[str, set[str]]] = [  # from the bottom up: the parts of each layer, and what they import from outside
    {
        "grad_mode": {"numpy"},
        "rule_sources": set(),
        "summation": {"numpy"},
        "dtypes": {"numpy"},
        "errors": set(),
        "hooks": set(),
        "picture": {"graphviz"},
    },
    {"primitive": {"numpy"}, "random": {"numpy"}},
    {"autodiff": {"numpy"}, "ops": {"numpy"}, "printing": {"numpy"}},
    {"views": {"numpy"}, "promotion": {"numpy"}, "multi_output": set()},
    {
        "backend": set(),
        "compat.graph": set(),
        "compat.devices": {"numpy"},
        "arguments": {"numpy"},
        "compat.constructor": {"numpy"},
    },
    {"compat.numpy_kwargs": set()},
    {"methods": {"numpy"}},
    {"tensor": {"numpy"}},
    {"distributed": {"numpy"}, "functions": {"numpy"}, "creation": {"numpy"}, "combining": {"numpy"}},
    {"autograd": {"numpy"}, "compat.tensor_types": set()},
    {"narration": {"graphviz", "numpy"}},
    {
        "nn": {"numpy"},
        "optim": {"numpy"},
        "utils": {"numpy"},
        "serialization": {"numpy"},
    },
    {"testing": {"numpy", "hypothesis"}, "viz": {"graphviz", "numpy"}},
    {"health": {"numpy"}, "fastpath": {"numpy", "scipy"}, "compat": set(), "estimators": {"numpy", "sklearn", "tqdm"}},
    {"": set(), "__main__": set()},  # minigrad/__init__.py
]
LAYER = {part: (height, outside) for height, layer in enumerate(LAYERS) for part, outside in layer.items()}
COURSE = (
    "primitive", "autodiff", "ops.arithmetic", "views", "nn.module", "optim.optimizer", "optim.sgd", "optim.adam",
)  # fmt: skip
"""The files that README tells a student to read."""
MODULES = {
    ".".join(("minigrad", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def part_of(module: str) -> str:
    """Return the part of the package that a module belongs to: the longest name among the layers."""
    names = module.split(".")[1:]
    return next((".".join(names[:n]) for n in (2, 1) if ".".join(names[:n]) in LAYER), ".".join(names[:1]))


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


IMPORTS = {module: imported(ast.parse(path.read_text("utf-8"))) for module, path in MODULES.items()}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    part = part_of(module)
    assert part in LAYER, f"{part} has no layer: give it one in LAYERS"
    height, outside = LAYER[part]
    for name in IMPORTS[module]:
        if name in MODULES:
            assert part_of(name) == part or LAYER[part_of(name)][0] < height, f"{module} imports {name}"
        else:
            assert name.split(".")[0] in outside | set(sys.stdlib_module_names), f"{module} imports {name}"


@pytest.mark.parametrize("module", COURSE)
def test_the_course_imports_nothing_that_serves_torch_or_speed_alone(module: str) -> None:
    """Nor anything that does, except the extension point: the course is complete without them."""
    pending, seen = [f"minigrad.{module}"], set()
    while pending:
        name = pending.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            assert not name.startswith("minigrad.fastpath"), f"{module} comes to import {name}"
            pending += IMPORTS[name]
    direct = {name for name in IMPORTS[f"minigrad.{module}"] if name.startswith(("minigrad.compat", "minigrad.fastpath"))}
    assert not direct


def test_only_the_package_itself_imports_the_fast_lane() -> None:
    users = {module for module, names in IMPORTS.items() if any(name.startswith("minigrad.fastpath") for name in names)}
    assert {module for module in users if not module.startswith("minigrad.fastpath")} == {"minigrad"}


def test_no_circle() -> None:
    list(TopologicalSorter({module: names & MODULES.keys() for module, names in IMPORTS.items()}).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    typing_only = [
        block.body for block in tree.body if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
    ]
    at_the_top = list(chain(tree.body, *typing_only))
    inner = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) and n not in at_the_top]
    assert not inner, f"{module}: imports inside a function or block, lines {inner}"
