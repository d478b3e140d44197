"""Batch, stochastic and mini-batch gradient descent on the cars, compared with NumPy."""

import math
from pathlib import Path

import batch_sizes
import common
import numpy as np
import pytest
from batch_sizes import GOAL, KINDS, N, Run, gradient_noise, peak_memory, reach, train

from minigrad import nn


@pytest.fixture(scope="module")
def cars() -> common.Cars:
    return common.load_cars()


def numpy_data(cars: common.Cars) -> tuple[np.ndarray, np.ndarray]:
    """Return the design matrix with a last column of ones, and the targets."""
    return np.column_stack([cars.x.numpy(), np.ones(N)]).astype(np.float64), cars.y.numpy()[:, 0].astype(np.float64)


def parameters(model: nn.Linear) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def test_every_cell_holds_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = batch_sizes.main(["--quick", "--output", str(tmp_path)])
    assert [cell.says for cell in cells if not cell.holds and "an epoch takes" not in cell.reason] == []
    assert {cell.kind for cell in cells} == set(KINDS)
    assert {cell.verdict for cell in cells} == {"confirmed", "corrected"}
    assert (tmp_path / "batch_sizes.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert all(cell.reason in output for cell in cells)


def test_batch_gradient_descent_is_the_closed_form_of_a_quadratic(cars: common.Cars) -> None:
    """The deviation from the least-squares solution is multiplied by 1 - lr H in each update."""
    design, y = numpy_data(cars)
    solution = np.linalg.lstsq(design, y)[0]
    factor = np.eye(4) - 0.1 * 2 / N * design.T @ design
    expected = solution - np.linalg.matrix_power(factor, 50) @ solution
    np.testing.assert_allclose(parameters(train(cars, N, 0.1, 50, 0).model), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("batch_size", "an_epoch"), [(N, 1), (34, 12), (1, N)])
def test_an_epoch_takes_as_many_updates_as_batches(cars: common.Cars, batch_size: int, an_epoch: int) -> None:
    """So that this many updates see each car once: with a tiny learning rate they add up to one update with all."""
    start = nn.Linear(3, 1)
    moved = parameters(train(cars, batch_size, 1e-6, an_epoch, 0, start).model) - parameters(start)
    design, y = numpy_data(cars)
    errors = design @ parameters(start) - y
    expected = -1e-6 * 2 / N * design.T @ errors * an_epoch
    np.testing.assert_allclose(moved, expected, rtol=0.3, atol=2e-6 * an_epoch)
    assert train(cars, batch_size, 1e-6, an_epoch, 0).updates[-1] == an_epoch


def test_a_run_measures_the_loss_of_all_cars(cars: common.Cars) -> None:
    run = train(cars, 34, 0.01, 40, 0)
    design, y = numpy_data(cars)
    assert run.updates[:3] == [0, 1, 3]
    assert run.losses[0] == pytest.approx(613.87, abs=5e-3)
    assert run.losses[-1] == pytest.approx(np.mean((design @ parameters(run.model) - y) ** 2), rel=1e-5)


def test_a_diverging_run_ends(cars: common.Cars) -> None:
    run = train(cars, N, 10.0, 10_000, 0)
    assert run.updates[-1] < 100
    assert not math.isfinite(run.losses[-1])


def test_the_noise_is_that_of_a_sample_without_replacement(cars: common.Cars) -> None:
    """Its variance is that of single gradients / k, times (n - k) / (n - 1)."""
    model = train(cars, N, 0.3, 500, 0).model
    design, y = numpy_data(cars)
    single = 2 * (design @ parameters(model) - y)[:, None] * design
    variance = ((single - single.mean(axis=0)) ** 2).sum(axis=1).mean()
    for k in (1, 16, 64):
        results = [gradient_noise(cars, model, k, seed) for seed in range(1 if k == 1 else 20)]
        measured = np.mean([noise**2 for _, noise in results])
        assert measured == pytest.approx(variance / k * (N - k) / (N - 1), rel=1e-4 if k == 1 else 0.08)
        assert max(bias for bias, _ in results) < 1e-4
    assert gradient_noise(cars, model, N, seed=0)[1] < 1e-4


def test_the_memory_grows_with_the_batch(cars: common.Cars) -> None:
    """By some float32 values for each hidden unit and sample."""
    growth = (peak_memory(cars, N) - peak_memory(cars, 34)) / (N - 34)
    assert 2 * 4 * 256 <= growth <= 6 * 4 * 256


def test_the_goal_must_be_kept(cars: common.Cars) -> None:
    low, high = 1.01 * cars.optimum, 2 * GOAL * cars.optimum
    model = nn.Linear(1, 1)
    run = Run(model, [0, 10, 20, 30, 40], [0.0, 1.0, 2.0, 3.0, 4.0], [high, low, high, low, low])
    best = reach(cars, run, 2, 0.1)
    assert best is not None
    assert (best.updates, best.epochs, best.seconds) == (30, 60 / N, 3.0)
    assert reach(cars, Run(model, [0, 1], [0.0, 1.0], [high, math.nan]), 1, 0.1) is None


def test_only_noise_leaves_the_local_minimum() -> None:
    assert batch_sizes.escapes(False, 0) == 0
    assert 0.5 < batch_sizes.escapes(True, 0) < 1
    assert batch_sizes.escapes(True, 0) == batch_sizes.escapes(True, 0)
