"""Logistic regression on tumours, compared with scikit-learn and NumPy."""

from pathlib import Path

import logistic_regression
import numpy as np
import pytest
from logistic_regression import LR, MOMENTUM, accuracy, load, train
from scipy.optimize import linprog
from sklearn import datasets


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_statements_hold_and_a_picture_is_drawn(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logistic_regression.main(["--quick", "--seed", str(seed), "--output", str(tmp_path)]) < 1e-6
    assert (tmp_path / "logistic_regression.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 3
    assert "NOT SHOWN" not in output


def test_the_steps_are_those_of_numpy() -> None:
    data = load(3)
    design = np.column_stack([data.x.numpy(), np.ones(len(data.x))])
    y, decay = data.y.numpy().flatten(), np.array([0.1] * 30 + [0.0])
    w, velocity = np.zeros(31), np.zeros(31)
    for _ in range(20):
        loss = np.mean(np.logaddexp(0, design @ w) - y * (design @ w))
        velocity = MOMENTUM * velocity + design.T @ (1 / (1 + np.exp(-design @ w)) - y) / len(y) + decay * w
        w -= LR * velocity
    fit = train(data, 0.1, 20)
    assert fit.training[-1] == pytest.approx(loss, rel=1e-10)
    np.testing.assert_allclose(fit.model.weight.detach().numpy()[0], w[:30], rtol=1e-9, atol=1e-12)


def test_the_parts_are_all_tumours_and_standardized_by_the_training() -> None:
    data, source = load(1), datasets.load_breast_cancer()
    assert (len(data.x), len(data.x_test)) == (427, 142)
    np.testing.assert_allclose(data.x.numpy().mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.x.numpy().std(axis=0), 1, rtol=1e-12)
    assert abs(data.x_test.numpy().mean(axis=0)).max() > 0.01
    assert data.y.sum().item() + data.y_test.sum().item() == source.target.sum()


def test_a_plane_separates_the_tumours() -> None:
    """A linear program finds w and b with (2 y - 1) (w x + b) >= 1 for all."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    design = np.column_stack([(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))])
    found = linprog(np.zeros(31), A_ub=-(2 * y - 1)[:, None] * design, b_ub=-np.ones(len(x)), bounds=(None, None))
    assert found.success


def test_the_accuracy_is_the_share_of_correct_signs() -> None:
    data = load(0)
    fit = train(data, 0.1, 50)
    assert fit.model.bias is not None
    signs = data.x_test.numpy() @ fit.model.weight.detach().numpy()[0] + fit.model.bias.detach().numpy() > 0
    assert accuracy(fit.model, data.x_test, data.y_test) == pytest.approx(np.mean(signs == data.y_test.numpy()[:, 0]))
