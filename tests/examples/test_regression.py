"""Linear regression: the lecture's figures, which are compared with its program in NumPy."""

from pathlib import Path

import numpy as np
import pytest
import regression
from regression import X2, X, Y, curvatures, descend_by_formula, lecture_gradient, train

import minigrad as mg


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_statements_hold_and_a_picture_is_drawn(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    betas = regression.main(["--quick", "--seed", str(seed), "--output", str(tmp_path)])
    assert betas == [0.8907546215358821, 2.0237699271134932, 0.057888309859129156]
    assert (tmp_path / "regression.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert "w0 0.9999999836757114, w1 2.0000000045215662" in output
    assert "the prediction for x1 = 1, x2 = 0: 2.9145245486493754" in output
    assert output.count("Shown: ") == 6
    assert "NOT SHOWN" not in output


def test_simple_regression_is_the_lectures_program() -> None:
    x, y = np.array([1, 2, 3, 4, 5]), np.array([3, 5, 7, 9, 11])
    w0 = w1 = 0.0
    for _ in range(1000):
        error = y - (w0 + w1 * x)
        w0 -= 0.05 * (-2.0 / 5) * np.sum(error)
        w1 -= 0.05 * (-2.0 / 5) * np.sum(error * x)
    assert train(X, Y, lr=0.05, steps=1000)[0].tolist() == [w0, w1]


def test_the_factor_2_of_mse_loss_against_the_lectures_multiple_regression() -> None:
    """The lecture divides by n; MSELoss has 2 / n, so it needs half the learning rate."""
    x1, x2, y = np.array([1, 2, 3, 4, 5]), np.array([0, 1, 0, 1, 0]), np.array([3, 5, 7, 9, 11])
    betas = [0.0, 0.0, 0.0]
    for _ in range(1000):
        error = betas[0] + betas[1] * x1 + betas[2] * x2 - y
        gradient = [(1 / 5) * np.sum(error), (1 / 5) * np.sum(error * x1), (1 / 5) * np.sum(error * x2)]
        betas = [beta - 0.01 * g for beta, g in zip(betas, gradient, strict=True)]
    assert descend_by_formula(X2, Y, lr=0.01, steps=1000).tolist() == betas
    assert train(X2, Y, lr=0.005, steps=1000)[0].tolist() == pytest.approx(betas, rel=0, abs=2e-16)
    assert train(X2, Y, lr=0.01, steps=1000)[0].tolist() == pytest.approx([0.97191254, 2.00613307, 0.01469171], abs=5e-9)


def test_the_curvatures_are_eigenvalues_of_2_design_design_over_n() -> None:
    assert curvatures(X, Y) == pytest.approx([0.3381, 23.6619], abs=5e-5)
    design = np.column_stack([np.ones(5), X2.numpy()])
    assert curvatures(X2, Y) == pytest.approx(np.linalg.eigvalsh(2 / 5 * design.T @ design).tolist())


def test_multiple_regression_by_the_formula_diverges_above_its_limit() -> None:
    """With 1/n the limit is twice that of MSELoss, 0.1671."""
    limit = 2 * 2 / curvatures(X2, Y)[-1]
    assert limit == pytest.approx(0.1671, abs=5e-5)
    near, far = (descend_by_formula(X2, Y, factor * limit, 2000).abs().max().item() for factor in (0.99, 1.01))
    assert near < 3 < 1000 < far


def test_the_formula_is_the_gradient_by_finite_differences() -> None:
    theta = mg.tensor([0.3, -0.7, 1.1], dtype=mg.float64)

    def half_loss(theta: mg.Tensor) -> float:
        return float(((theta[0] + X2 @ theta[1:] - Y) ** 2).mean().item() / 2)

    for j, g in enumerate(lecture_gradient(X2, Y, theta).tolist()):
        step = 1e-5 * mg.eye(3, dtype=mg.float64)[j]
        assert g == pytest.approx((half_loss(theta + step) - half_loss(theta - step)) / 2e-5, rel=1e-8)
