"""The lecture's own script, in torch and in minigrad: only its import lines are changed.

Both runs begin with the same weights and see the same batches: the two places where a library draws random numbers, the
initial values of `nn.Linear` and the order of `RandomSampler`, are given the same numbers. The rest is the library's own.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import minigrad
from minigrad import optim, utils

SCRIPT = (Path(__file__).parent / "script.py").read_text(encoding="utf-8")
OPTIMIZERS = ["SGD", "Momentum", "Adagrad", "RMSprop", "Adam"]
EPOCHS = 20


class SameOrder:
    """Stands in for `RandomSampler`: a new order at each iteration, the same ones in each run."""

    def __init__(self, data_source: Any, generator: object = None) -> None:
        self.length = len(data_source)
        self.rng = np.random.default_rng(0)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rng.permutation(self.length).tolist())

    def __len__(self) -> int:
        return self.length


def in_minigrad(script: str) -> str:
    """Return the script with torch replaced in its import lines."""
    lines = script.splitlines(keepends=True)
    swapped = [line.replace("torch", "minigrad") if line.startswith(("import ", "from ")) else line for line in lines]
    return "".join("import minigrad as torch\n" if line == "import minigrad\n" else line for line in swapped)


def run(script: str, library: Any, monkeypatch: pytest.MonkeyPatch, epochs: int = EPOCHS) -> dict[str, Any]:
    """Run the script with fewer epochs and return its variables."""

    def same_start(layer: Any) -> None:
        start = np.random.default_rng(1)
        for name, p in layer.named_parameters():
            values = start.uniform(-0.5, 0.5, tuple(p.shape)).astype(np.float32)
            layer.register_parameter(name, library.nn.Parameter(library.tensor(values)))

    monkeypatch.setattr(library.nn.Linear, "reset_parameters", same_start)
    monkeypatch.setattr(torch.utils.data.dataloader, "RandomSampler", SameOrder)
    monkeypatch.setattr(utils.data, "RandomSampler", SameOrder)
    mpl.use("Agg")
    variables: dict[str, Any] = {"__name__": "script"}
    assert script.count("num_epochs = 1000\n") == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive")
        exec(compile(script.replace("num_epochs = 1000\n", f"num_epochs = {epochs}\n"), "script.py", "exec"), variables)
    plt.close("all")
    return variables


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The variables of the script after it ran in torch, and after it ran in minigrad."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield run(SCRIPT, torch, monkeypatch), run(in_minigrad(SCRIPT), minigrad, monkeypatch)


def test_only_import_lines_are_changed() -> None:
    changed = [b for a, b in zip(SCRIPT.splitlines(), in_minigrad(SCRIPT).splitlines(), strict=True) if a != b]
    assert changed == [
        "import minigrad as torch",
        "import minigrad.nn as nn",
        "import minigrad.optim as optim",
        "from minigrad.utils.data import TensorDataset, DataLoader",
    ]


def test_each_run_uses_its_library(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = both
    assert isinstance(theirs["loss"], torch.Tensor)
    assert isinstance(ours["loss"], minigrad.Tensor)
    assert isinstance(ours["optimizer"], optim.Adam)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_are_equal_to_float32_accuracy(both: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    theirs, ours = both
    assert len(ours["losses"][name]) == EPOCHS
    np.testing.assert_allclose(ours["losses"][name], theirs["losses"][name], rtol=2e-6)


def test_the_trained_models_are_equal_to_float32_accuracy(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    theirs, ours = (variables["model"].state_dict() for variables in both)
    assert list(ours) == list(theirs) == ["linear.weight", "linear.bias"]
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name].numpy(), values.numpy(), rtol=2e-6)


def test_the_first_optimizer_learns(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    losses = both[1]["losses"]["SGD"]
    assert losses[-1] < 0.5 * losses[0]
