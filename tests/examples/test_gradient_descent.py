"""Gradient descent on functions of one and two variables."""

from pathlib import Path

import gradient_descent
import numpy as np
import pytest
from gradient_descent import bowl, crossings, descend, parabola, steps_until_flat, two_valleys


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_statements_hold_and_a_picture_is_drawn(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = gradient_descent.main(["--quick", "--seed", str(seed), "--output", str(tmp_path)])
    assert rates["in one step"][1].item() == 3
    assert rates["critical"][:4].flatten().tolist() == [5, 1, 5, 1]
    assert rates["divergent"][-1].item() == pytest.approx(3 + 2 * 1.2**20)
    assert (tmp_path / "gradient_descent.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 8
    assert "NOT SHOWN" not in output


def test_the_path_in_the_bowl_is_the_closed_form() -> None:
    """Every step multiplies each coordinate by 1 - lr times its curvature."""
    path = descend(bowl, [10.0, 1.0], 0.03, 30).numpy()
    factors = 1 - 0.03 * np.array([1.0, 50.0])
    np.testing.assert_allclose(path, np.array([10.0, 1.0]) * factors ** np.arange(31)[:, None], rtol=1e-10)


def test_momentum_is_that_of_numpy() -> None:
    x, velocity, expected = 5.0, 0.0, [5.0]
    for _ in range(50):
        velocity = 0.9 * velocity + 2 * x - 6
        x -= 0.02 * velocity
        expected.append(x)
    assert descend(parabola, [5.0], 0.02, 50, momentum=0.9).flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_the_ends_are_the_real_roots_of_the_derivative() -> None:
    """4 x^3 - 4 x + 0.3 = 0; the middle root separates the starts."""
    low, middle, high = np.sort(np.roots([4, 0, -4, 0.3]).real)
    ends = descend(two_valleys, [middle - 1e-3, middle + 1e-3], 0.02, 2000)[-1]
    assert ends.tolist() == pytest.approx([low, high], abs=1e-9)


def test_steps_until_flat() -> None:
    assert steps_until_flat(parabola, [5.0], 0.5) == 1
    assert steps_until_flat(parabola, [5.0], 0.25) == 22  # 4 / 2^22 is the first at most 1e-6
    assert steps_until_flat(parabola, [5.0], 1.0, limit=20) == 20


def test_crossings() -> None:
    assert crossings(descend(parabola, [5.0], 0.75, 6).flatten() - 3) == 6
    assert crossings(descend(parabola, [5.0], 0.25, 6).flatten() - 3) == 0
