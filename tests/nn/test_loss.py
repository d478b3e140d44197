"""Every loss as a module against torch's of that name. The functions have their own tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import Array, assert_same_in_both, uniform
from tests.reference import torch

x, y = uniform(5, 4), uniform(5, 4, seed=1)
p, q = uniform(5, 4, low=0.05, high=0.95), uniform(5, 4, seed=1, low=0.05, high=0.95)
classes = np.array([0, 3, 1, 1, 2])
weights = [0.5, 2.0, 0.25, 1.5]


def weight(lib: Any) -> Any:
    return lib.tensor(weights, dtype=lib.float64)


LOSSES: dict[str, tuple[Any, list[Array]]] = {
    "MSELoss": (lambda lib, **k: lib.nn.MSELoss(**k), [x, y]),
    "L1Loss": (lambda lib, **k: lib.nn.L1Loss(**k), [x, y]),
    "SmoothL1Loss": (lambda lib, **k: lib.nn.SmoothL1Loss(beta=0.5, **k), [x, y]),
    "HuberLoss": (lambda lib, **k: lib.nn.HuberLoss(delta=0.5, **k), [x, y]),
    "BCELoss": (lambda lib, **k: lib.nn.BCELoss(weight(lib), **k), [p, q]),
    "BCEWithLogitsLoss": (lambda lib, **k: lib.nn.BCEWithLogitsLoss(pos_weight=weight(lib), **k), [x, q]),
    "KLDivLoss": (lambda lib, **k: lib.nn.KLDivLoss(log_target=True, **k), [x, y]),
    "NLLLoss": (lambda lib, **k: lib.nn.NLLLoss(weight(lib), ignore_index=1, **k), [x, classes]),
    "CrossEntropyLoss": (lambda lib, **k: lib.nn.CrossEntropyLoss(**k), [x, classes]),
    "CrossEntropyLoss with everything": (
        lambda lib, **k: lib.nn.CrossEntropyLoss(weight(lib), ignore_index=1, label_smoothing=0.1, **k),
        [x, classes],
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_losses(name: str, reduction: str) -> None:
    build, arrays = LOSSES[name]
    ours, reference = (build(lib, reduction=reduction) for lib in (minigrad, torch))
    # torch's second derivative of bce has 1e-12 added to a denominator.
    assert_same_in_both(ours, reference, *arrays, orders=1 if name == "BCELoss" else 2)
    assert repr(ours) == repr(reference)
    assert list(ours.state_dict()) == list(reference.state_dict())


@pytest.mark.parametrize("name", LOSSES)
def test_an_unknown_reduction_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=r"^avg is not a valid value for reduction$"):
        LOSSES[name][0](minigrad, reduction="avg")


def test_batchmean_is_only_for_kl_div() -> None:
    target = minigrad.tensor(y)
    ours = nn.KLDivLoss(reduction="batchmean", log_target=True)(minigrad.tensor(x), target).item()
    assert ours == pytest.approx(nn.KLDivLoss(reduction="sum", log_target=True)(minigrad.tensor(x), target).item() / 5)
    with pytest.raises(ValueError, match="batchmean"):
        nn.MSELoss(reduction="batchmean")


def test_a_target_that_is_only_broadcastable_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Reshape the target to \(34, 1\)\.$"):
        nn.MSELoss()(minigrad.zeros(34, 1), minigrad.zeros(34))


def test_the_factor_two_of_the_mean_squared_error() -> None:
    prediction = minigrad.tensor([3.0, 5.0], requires_grad=True)
    nn.MSELoss()(prediction, minigrad.tensor([1.0, 1.0])).backward()
    assert prediction.grad is not None
    assert prediction.grad.tolist() == [2 * 2 / 2, 2 * 4 / 2]


def test_the_error_names_an_unsupported_argument_of_torch() -> None:
    with pytest.raises(TypeError, match="size_average"):
        nn.MSELoss(size_average=True)  # type: ignore[call-arg]


def test_every_loss_of_the_library_is_here() -> None:
    assert {name for name in vars(nn) if name.endswith("Loss")} == {name.split()[0] for name in LOSSES}
