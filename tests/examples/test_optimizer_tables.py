"""The lecture's tables on the optimizers, judged by numbers."""

from pathlib import Path

import numpy as np
import optimizer_tables
import pytest
from common import OPTIMIZERS
from optimizer_tables import JUDGES, RATES, VERDICTS, kept_numbers, momentum, path, share_stuck, steps_in_bowl


def test_every_cell_holds_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = optimizer_tables.main(["--quick", "--output", str(tmp_path)])
    assert [cell.says for cell in cells if not cell.holds] == []
    assert [(cell.kind, cell.says) for cell in cells] == [(kind, says) for kind in VERDICTS for says, _ in VERDICTS[kind]]
    assert {cell.verdict for cell in cells} == {"confirmed", "corrected"}
    assert (tmp_path / "optimizer_tables.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert all(cell.reason in output for cell in cells)
    assert "\nShown: " in output


@pytest.mark.parametrize("seed", [1, 2])
def test_every_cell_holds_with_other_seeds(seed: int) -> None:
    assert [reason for judge in JUDGES for reason, holds in judge(seed) if not holds] == []


@pytest.mark.parametrize("c", [1.0, 50.0])
def test_the_steps_of_gradient_descent_are_those_of_the_closed_form(c: float) -> None:
    k = np.arange(optimizer_tables.STEPS + 1)
    for lr, count in zip(RATES, steps_in_bowl("GD", c), strict=True):
        with np.errstate(over="ignore"):
            loss = ((2 * (1 - lr) ** k) ** 2 + c * (1 - lr * c) ** (2 * k)) / 2
        reached = np.flatnonzero(loss > 1e-3)[-1] + 1
        assert count == (reached if reached < len(k) else np.inf)


@pytest.mark.parametrize("name", ["GD", "Momentum", "Heavy ball", "NAG"])
def test_these_do_not_see_that_the_bowl_is_turned(name: str) -> None:
    """They are linear in the gradient, so that turning the axes turns the path."""
    assert steps_in_bowl(name, 50) == steps_in_bowl(name, 50, turned=True)


def test_the_path_of_nag_in_numpy() -> None:
    theta, v, expected = 1.0, 0.0, [1.0]
    for _ in range(30):
        v = 0.9 * v - 0.1 * (theta + 0.9 * v)
        theta += v
        expected.append(theta)
    assert path(OPTIMIZERS["NAG"], [1.0], 0.1, 30).flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_the_overshooting_is_that_of_the_damped_oscillation() -> None:
    """x_{k+1} = (1 + mu - lr) x_k - mu x_{k-1}: the roots of z^2 - (1 + mu - lr) z + mu give the path."""
    roots = np.roots([1, -(1 + 0.9 - 0.1), 0.9])
    weights = np.linalg.solve(np.vstack([[1, 1], roots]), [1, 0.9])
    expected = (weights * roots ** np.arange(201)[:, None]).sum(axis=1).real
    np.testing.assert_allclose(path(momentum(0.9), [1.0], 0.1, 200)[:, 0].numpy(), expected, atol=1e-12)


def test_without_momentum_the_middle_root_decides_where_a_start_leads() -> None:
    """4 x^3 - 4 x + 0.3 = 0."""
    _, middle, _ = np.sort(np.roots([4, 0, -4, 0.3]).real)
    shares = [share_stuck(0.0, seed) for seed in range(8)]
    assert np.mean(shares) == pytest.approx((2 - middle) / 4, abs=0.04)


def test_kept_numbers() -> None:
    assert {name: kept_numbers(name) for name in ("GD", "NAG", "Heavy ball", "Adadelta", "Nadam")} == {
        "GD": 0,
        "NAG": 1,
        "Heavy ball": 1,
        "Adadelta": 2,
        "Nadam": 2,
    }
