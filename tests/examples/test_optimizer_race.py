"""The race of the optimizers, compared with NumPy."""

import itertools
import math
from pathlib import Path

import numpy as np
import optimizer_race
import pytest
from common import OPTIMIZERS, descend
from optimizer_race import RATES, STYLES, bowl, landscapes, race, regression, rosenbrock, saddle, score
from PIL import Image

import minigrad as mg


def test_the_statements_hold_and_pictures_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = optimizer_race.main(["--quick", "--output", str(tmp_path)])
    assert [list(found) for found in results.values()] == [list(OPTIMIZERS)] * 4
    assert (tmp_path / "optimizer_race.png").read_bytes().startswith(b"\x89PNG")
    with Image.open(tmp_path / "optimizer_race.gif") as animation:
        assert getattr(animation, "n_frames", 1) > 5
    assert (tmp_path / "optimizer_race.gif").stat().st_size < 3e6
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 4
    assert "NOT SHOWN" not in output


@pytest.mark.parametrize("seed", [1, 2])
def test_no_rule_removes_the_noise_with_other_seeds(seed: int) -> None:
    for result in race(regression(seed, 500)).values():
        assert 0 < result.score < result.scores[result.best + 2] / 1.5


def test_the_path_of_gradient_descent_in_the_bowl_is_the_closed_form() -> None:
    paths = descend(OPTIMIZERS["GD"], lambda x, k: bowl(x), (-4.0, 1.5), 30, [0.01, 0.02]).numpy()
    for column, lr in enumerate((0.01, 0.02)):
        factors = 1 - lr * np.array([1.0, 80.0])
        expected = np.array([-4.0, 1.5]) * factors ** np.arange(31)[:, None]
        np.testing.assert_allclose(paths[:, column], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_group_moves_as_an_optimizer_of_its_own(name: str) -> None:
    """Also if another group diverges."""
    together = descend(OPTIMIZERS[name], lambda x, k: rosenbrock(x), (-1.2, 1.0), 50, [1e-3, 1e-2, 100.0]).numpy()
    for column, lr in enumerate((1e-3, 1e-2)):
        alone = descend(OPTIMIZERS[name], lambda x, k: rosenbrock(x), (-1.2, 1.0), 50, [lr]).numpy()
        np.testing.assert_array_equal(together[:, column], alone[:, 0])


@pytest.mark.parametrize("seed", [0, 3])
def test_the_excess_is_0_at_the_minima_and_nowhere_less(seed: int) -> None:
    for landscape in landscapes(seed, quick=True):
        minima = mg.tensor(landscape.minima, dtype=mg.float64)
        assert landscape.excess(minima).abs().max().item() < 1e-12
        for direction in itertools.product((-1e-3, 0, 1e-3), repeat=2):
            assert landscape.excess(minima + mg.tensor(direction)).min().item() > -1e-12


def test_the_saddle() -> None:
    """The gradient is 0 at (0, 0), with curvature 3 along x_1 and -1 along x_2."""
    h = 1e-3
    value = saddle(mg.tensor([[0.0, 0.0], [h, 0.0], [-h, 0.0], [0.0, h], [0.0, -h]], dtype=mg.float64)).numpy()
    np.testing.assert_allclose(value[[1, 3]], value[[2, 4]], rtol=1e-14)
    assert (value[1] + value[2] - 2 * value[0]) / h**2 == pytest.approx(3, rel=1e-5)
    assert (value[3] + value[4] - 2 * value[0]) / h**2 == pytest.approx(-1, rel=1e-5)


def test_the_mean_gradient_of_the_samples_is_that_of_the_excess() -> None:
    landscape = regression(0, 4000)
    x = mg.tensor([0.5, 1.0], dtype=mg.float64, requires_grad=True)
    mg.stack([landscape.loss(x, k) for k in range(4000)]).mean().backward()
    (expected,) = mg.autograd.grad(landscape.excess(x.unsqueeze(0)).sum(), [x])
    assert x.grad is not None
    assert expected is not None
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), atol=0.15)


def test_the_score() -> None:
    place, *_ = landscapes(0, quick=True)  # the bowl: the goal is 0.001, so |x_1| <= 0.0447
    path = mg.tensor([[-4.0, 0.0], [0.01, 0.0], [1.0, 0.0], [0.01, 0.0], [0.0, 0.0]], dtype=mg.float64)
    assert score(place, path) == 3
    assert score(place, path[:3]) == 3
    assert score(place, path[3:]) == 0
    assert score(place, mg.cat([path, mg.tensor([[9.0, 0.0]])])) == math.inf
    assert score(place, mg.cat([path, mg.tensor([[math.nan, 0.0]])])) == math.inf


def test_the_best_rate_is_that_with_the_least_score() -> None:
    place, *_ = landscapes(0, quick=True)
    for name, result in race(place).items():
        assert result.score == min(result.scores)
        alone = descend(OPTIMIZERS[name], place.loss, place.start, place.steps, [RATES[result.best]])[:, 0]
        assert score(place, alone) == result.score


def test_every_optimizer_has_a_colour_of_its_own() -> None:
    assert list(STYLES) == list(OPTIMIZERS)
    assert len({color for color, _ in STYLES.values()}) == len(STYLES)
