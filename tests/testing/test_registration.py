"""Hypothesis knows minigrad: random numbers are the same in each run of a test, and tensors are drawn by their type."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import nn
from minigrad.testing import networks

ROOT = Path(__file__).parent.parent.parent
SETTINGS = settings(database=None, max_examples=1000)


def run(program: str) -> str:
    """Run a program in a new process and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_layer_has_the_same_weights_in_every_example() -> None:
    seen = set()

    @settings(database=None)
    @given(st.integers())
    def draw(n: int) -> None:
        seen.add(nn.Linear(2, 2).weight.sum().item())

    minigrad.manual_seed(5)
    draw()
    minigrad.manual_seed(6)
    draw()
    assert len(seen) == 1


def test_the_generator_goes_on_after_a_test_where_it_was() -> None:
    minigrad.manual_seed(5)
    expected = minigrad.rand(1).item()
    minigrad.manual_seed(5)

    @given(st.none())
    def draw(nothing: None) -> None:
        minigrad.rand(3)

    draw()
    assert minigrad.rand(1).item() == expected


@given(st.from_type(minigrad.Tensor))
def test_tensors_are_drawn_by_their_type(x: minigrad.Tensor) -> None:
    assert isinstance(x, minigrad.Tensor)
    assert x.requires_grad


REGISTERED = "from hypothesis.internal.entropy import RANDOMS_TO_MANAGE as r; print([type(x).__name__ for x in r.values()])"


@pytest.mark.parametrize(
    "imports",
    [
        "import hypothesis; import minigrad",
        "import minigrad.testing",
        "import hypothesis; import minigrad.testing",
        "import minigrad; import hypothesis; from minigrad.testing.entry_point import register; register()",
    ],
)
def test_it_is_registered_in_whatever_order(imports: str) -> None:
    assert "DefaultGenerator" in run(f"{imports}; {REGISTERED}")


def test_neither_imports_the_other() -> None:
    assert run("import minigrad, sys; print('hypothesis' in sys.modules)") == "False\n"
    source = (ROOT / "minigrad" / "testing" / "entry_point.py").read_text("utf-8")
    assert run(f"import hypothesis, sys; exec({source!r}); register(); print('minigrad' in sys.modules)") == "False\n"


def test_the_entry_point_is_a_file_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    module, function = project["project"]["entry-points"]["hypothesis"]["minigrad"].split(":")
    installed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    (source,) = [path for path, name in installed.items() if name == f"{module}.py"]
    assert f"def {function}()" in (ROOT / source).read_text("utf-8")


@given(networks(3, 2), st.integers(2, 5))
def test_networks_take_and_return_what_was_asked(model: nn.Sequential, n: int) -> None:
    assert model(minigrad.randn(n, 3)).shape == (n, 2)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.Dropout, nn.LayerNorm, nn.ReLU, nn.Tanh])
def test_networks_of_every_kind_are_drawn(kind: type[nn.Module]) -> None:
    assert find(networks(), lambda model: any(isinstance(layer, kind) for layer in model), settings=SETTINGS)


def test_the_simplest_network_is_one_layer() -> None:
    assert len(find(networks(), lambda model: True)) == 1
