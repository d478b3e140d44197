"""The network of two layers that reads digits."""

from functools import partial
from pathlib import Path

import common
import neural_network
import numpy as np
import pytest
from sklearn import datasets

import minigrad


def test_it_learns_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = neural_network.main(["--quick", "--output", str(tmp_path)])
    assert accuracy > 0.93
    assert (tmp_path / "neural_network.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert "Shown: backward computes the chain rule" in output
    assert f"{accuracy:.2%} after the training" in output


def test_the_gradient_by_hand_is_that_of_finite_differences() -> None:
    """In float64, for one weight of each layer."""
    model = common.same_weights(partial(neural_network.network, dropout=False), minigrad, 0).double()
    training, _ = common.load_digits(0)
    x, digits = training.images[:8].flatten(1).double(), training.digits[:8]
    by_hand = neural_network.gradients_by_hand(model, x, digits)

    def loss() -> float:
        return float(minigrad.nn.functional.cross_entropy(model(x), digits))

    for parameter, gradient in zip(model.parameters(), by_hand.values(), strict=True):
        assert gradient.shape == parameter.shape
        place = np.unravel_index(gradient.abs().argmax().item(), gradient.shape)
        with minigrad.no_grad():
            parameter[place] += 1e-6
            above = loss()
            parameter[place] -= 2e-6
            below = loss()
            parameter[place] += 1e-6
        assert gradient[place].item() == pytest.approx((above - below) / 2e-6, rel=1e-6)


def test_a_wrong_gradient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    training, _ = common.load_digits(0)
    model = neural_network.network(minigrad, dropout=False)
    right = neural_network.gradients_by_hand
    monkeypatch.setattr(neural_network, "gradients_by_hand", lambda *a: {k: 1.001 * g for k, g in right(*a).items()})
    assert neural_network.check_backpropagation(model, training) > 5e-4


def test_no_test_digit_is_trained_on() -> None:
    data = datasets.load_digits()
    training, test = common.load_digits(3)
    assert (len(training.digits), len(test.digits)) == (1438, 359)
    both = np.concatenate([part.images.numpy().reshape(-1, 64) * 16 for part in (training, test)])
    digits = np.concatenate([training.digits.numpy(), test.digits.numpy()])
    together = np.column_stack([both, digits])
    expected = np.column_stack([data.data, data.target])
    assert np.array_equal(together[np.lexsort(together.T)], expected[np.lexsort(expected.T)])


def test_the_accuracy_is_measured_without_dropout() -> None:
    training, _ = common.load_digits(0)
    model = neural_network.network(minigrad, dropout=True)
    predictions = [common.predict(model, training.images) for _ in range(2)]
    assert bool((predictions[0] == predictions[1]).all())
    assert model.training


def test_the_losses_are_those_of_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    training, _ = common.load_digits(1)
    build = partial(neural_network.network, dropout=False)
    comparison = common.compare_with_torch(
        lambda lib: neural_network.train(lib, common.same_weights(build, lib, 1), training, 1, 1)
    )
    assert len(comparison.torch) == 20
    assert comparison.torch[-1] < comparison.torch[0] / 2
    assert comparison.difference < 2e-6
    neural_network.main(["--quick", "--compare-torch", "--output", str(tmp_path)])
    assert "20 steps with torch" in capsys.readouterr().out
