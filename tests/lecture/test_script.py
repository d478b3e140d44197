"""The lecture's script, run in torch and, with only the import lines changed, in minigrad.

Both runs use equal initial weights and batches: the two sources of randomness, the initialization of `nn.Linear` and the
order of `RandomSampler`, are replaced. Everything else is the library's own code.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import minigrad
from minigrad import optim, utils
from tests.reference import torch

SCRIPT = (Path(__file__).parent / "script.py").read_text(encoding="utf-8")
OPTIMIZERS = ["SGD", "Momentum", "Adagrad", "RMSprop", "Adam"]
EPOCHS = 20


class SameOrder:
    """Replaces `RandomSampler`: a new order at each iteration, but equal orders in each run."""

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

    def equal_weights(layer: Any) -> None:
        rng = np.random.default_rng(1)
        for name, p in layer.named_parameters():
            values = rng.uniform(-0.5, 0.5, tuple(p.shape)).astype(np.float32)
            layer.register_parameter(name, library.nn.Parameter(library.tensor(values)))

    monkeypatch.setattr(library.nn.Linear, "reset_parameters", equal_weights)
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
    """Return the variables of the script after a run in torch and after a run in minigrad."""
    pytest.importorskip("torch")
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
    reference, ours = both
    assert isinstance(reference["loss"], torch.Tensor)
    assert isinstance(ours["loss"], minigrad.Tensor)
    assert isinstance(ours["optimizer"], optim.Adam)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_are_equal_to_float32_accuracy(both: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    reference, ours = both
    assert len(ours["losses"][name]) == EPOCHS
    np.testing.assert_allclose(ours["losses"][name], reference["losses"][name], rtol=2e-6)


def test_the_trained_models_are_equal_to_float32_accuracy(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    reference, ours = (variables["model"].state_dict() for variables in both)
    assert list(ours) == list(reference) == ["linear.weight", "linear.bias"]
    for name, values in reference.items():
        np.testing.assert_allclose(ours[name].numpy(), values.numpy(), rtol=2e-6)


def test_the_first_optimizer_decreases_the_loss(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    losses = both[1]["losses"]["SGD"]
    assert losses[-1] < 0.5 * losses[0]
