"""The problems of gradient descent and their remedies, compared with NumPy."""

from pathlib import Path

import numpy as np
import pandas as pd
import problems_and_remedies
import pytest
from problems_and_remedies import descend, draw_points, features, fit, quartic, sgd, train_cars, two_valleys
from sklearn import linear_model
from vega_datasets import data

import minigrad as mg


def test_the_statements_hold_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cars = problems_and_remedies.main(["--quick", "--output", str(tmp_path)])
    assert cars["unscaled"].broken == 9
    assert (tmp_path / "problems_and_remedies.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 4
    assert "NOT SHOWN" not in output


@pytest.mark.parametrize("seed", [1, 2])
def test_the_remedies_of_overfitting_work_with_other_seeds(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    problems_and_remedies.overfitting(seed, 2500)
    assert "\nShown: " in capsys.readouterr().out


def test_the_start_decides_exactly_at_the_limit() -> None:
    """A step multiplies x by 1 - lr (1 + x^2), which is -1 at sqrt(2 / lr - 1)."""
    limit = np.sqrt(2 / 0.1 - 1)
    assert abs(descend(quartic, 0.999 * limit, sgd(0.1), 500)[-1]) < 1e-9
    assert abs(descend(quartic, 1.001 * limit, sgd(0.1), 500)[-1]) > 1e50


def test_the_numbers_of_the_local_minimum() -> None:
    roots = np.sort(np.roots([4, 0, -4, 0.3]).real)
    assert descend(two_valleys, 2, sgd(0.01), 2000)[-1] == pytest.approx(roots[2], abs=1e-9)
    assert descend(two_valleys, 2, sgd(0.01, momentum=0.9), 2000)[-1] == pytest.approx(roots[0], abs=1e-9)


def test_the_fit_with_l2_is_ridge_regression() -> None:
    """The minimum of mean (y - F w - b)^2 + (l2 / 2) |w|^2, in closed form."""
    x, y = draw_points(200, mg.Generator().manual_seed(4))
    design = np.column_stack([features(x[:20]).numpy(), np.ones(20)])
    matrix = 2 / 20 * design.T @ design + 0.1 * np.diag([1.0] * 25 + [0.0])
    solution = np.linalg.solve(matrix, 2 / 20 * design.T @ y[:20, 0].numpy())
    model, errors = fit(20, seed=4, steps=2500, l2=0.1)
    assert model.bias is not None
    found = np.append(model.weight.detach().numpy(), model.bias.detach().numpy())
    np.testing.assert_allclose(found, solution, atol=1e-8)
    assert errors.training[-1] == pytest.approx(np.mean((design @ solution - y[:20, 0].numpy()) ** 2), rel=1e-8)


def test_the_fit_with_l1_is_nearly_the_lasso() -> None:
    """A constant learning rate moves around its minimum, but the objective is nearly that of scikit-learn."""
    x, y = draw_points(200, mg.Generator().manual_seed(4))
    bumps, targets = features(x[:20]).numpy(), y[:20, 0].numpy()
    lasso = linear_model.Lasso(alpha=0.03 / 2, tol=1e-10, max_iter=100_000).fit(bumps, targets)
    least = np.mean((lasso.predict(bumps) - targets) ** 2) + 0.03 * abs(lasso.coef_).sum()
    model, errors = fit(20, seed=4, steps=2500, l1=0.03)
    reached = errors.training[-1] + 0.03 * model.weight.abs().sum().item()
    assert 0.999 * least < reached < 1.02 * least


def test_the_overflow_is_that_of_numpy() -> None:
    """In float32, with the cars as they are."""
    table = pd.read_json(data.cars.filepath).dropna(subset=["Miles_per_Gallon"])
    columns = table[["Cylinders", "Displacement", "Weight_in_lbs", "Miles_per_Gallon"]].to_numpy(np.float32)
    design = np.column_stack([columns[:, :3], np.ones(len(columns), np.float32)])
    weights, finite = np.zeros(4, np.float32), []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(9):
            weights = weights - np.float32(0.001) * (np.float32(2 / 398) * (design.T @ (design @ weights - columns[:, 3])))
            finite.append(bool(np.isfinite(weights).all()))
    assert finite == [True] * 8 + [False]
    assert train_cars(False, sgd(0.001), 20).broken == 9


def test_clipping_bounds_each_step() -> None:
    """The loss is finite, and no weight moves further than lr times the largest norm."""
    run = train_cars(False, sgd(0.001), 200, clip=1.0)
    assert run.broken is None
    assert run.losses[0] == pytest.approx(613.87, abs=5e-3)
    assert max(run.losses) == run.losses[0]
