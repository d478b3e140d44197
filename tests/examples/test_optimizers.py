"""What the optimizers do with given gradients, compared with NumPy."""

from pathlib import Path

import numpy as np
import optimizers
import pytest
from common import feed
from optimizers import UncorrectedAdam, effective_rates, kept_inside_and_slower, optimize_slopes

import minigrad as mg
from minigrad import optim


def test_the_statements_hold_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = optimizers.main(["--quick", "--output", str(tmp_path)])
    assert points["Adam"][-1].item() > 0.9
    assert points["AMSGrad"][-1].item() < -0.9
    assert (tmp_path / "optimizers.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 5
    assert "NOT SHOWN" not in output


@pytest.mark.parametrize("seed", [1, 2])
def test_the_statements_hold_with_other_seeds(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    effective_rates(seed)
    optimizers.counter_example(seed, cycles=3)
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 3
    assert "NOT SHOWN" not in output


def test_the_effective_rates_are_those_of_the_formulas() -> None:
    squares = np.repeat([1.0, 0.01, 1.0], 200)
    average, averages = 0.0, []
    for square in squares:
        average = 0.9 * average + 0.1 * square
        averages.append(average)
    rates = {name: rate.numpy() for name, (rate, _) in effective_rates(3).items()}
    np.testing.assert_allclose(rates["Adagrad"], 0.1 / np.sqrt(np.cumsum(squares)), rtol=1e-8)
    np.testing.assert_allclose(rates["RMSprop"], 0.1 / np.sqrt(averages), rtol=1e-6)


def test_adam_without_correction_in_numpy() -> None:
    gradients = mg.randn(40, 1, generator=mg.Generator().manual_seed(0), dtype=mg.float64)
    m, v, x, expected = 0.0, 0.0, 0.0, []
    for g in gradients.numpy()[:, 0]:
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        x -= 0.1 * m / (np.sqrt(v) + 1e-8)
        expected.append(x)
    points = feed(lambda params: UncorrectedAdam(params, lr=0.1), gradients).points
    np.testing.assert_allclose(points.numpy()[1:, 0], expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["Adam", "AMSGrad"])
def test_the_counter_example_in_numpy(name: str) -> None:
    """With beta1 = 0; the correction of the average of squares is minigrad's, the paper has none."""
    slopes = np.where(np.arange(300) % 3 == 0, 3.0, -1.0)
    x, v, greatest, expected = 0.0, 0.0, 0.0, [0.0]
    for t, slope in enumerate(slopes, start=1):
        v = 0.1 * v + 0.9 * slope**2
        greatest = max(greatest, v) if name == "AMSGrad" else v
        x = np.clip(x - 0.5 / np.sqrt(t) * slope / (np.sqrt(greatest / (1 - 0.1**t)) + 1e-8), -1, 1)
        expected.append(x)
    points = optimize_slopes(mg.tensor(slopes).unsqueeze(1), (0.0, 0.1), kept_inside_and_slower)[name]
    np.testing.assert_allclose(points.numpy()[:, 0], expected, rtol=1e-10, atol=1e-12)


def test_a_trace_has_the_points_and_the_state() -> None:
    gradients = mg.tensor([[1.0, 2.0], [3.0, 0.0]], dtype=mg.float64)
    trace = feed(lambda params: optim.SGD(params, lr=0.5, momentum=0.5), gradients, state="momentum_buffer")
    assert trace.state.tolist() == [[1, 2], [3.5, 1]]
    assert trace.points.tolist() == [[0, 0], [-0.5, -1], [-2.25, -1.5]]
    assert trace.moves.tolist() == [[-0.5, -1], [-1.75, -0.5]]


def test_a_trace_of_nag_has_theta_and_not_the_points_ahead() -> None:
    gradients = mg.tensor([[1.0], [1.0]], dtype=mg.float64)
    trace = feed(lambda params: optim.NAG(params, lr=1.0, momentum=0.5), gradients)
    assert trace.points.flatten().tolist() == [0, -1, -2.5]
