"""The convolutional network that reads digits."""

from functools import partial
from pathlib import Path

import common
import convolutional_network
import numpy as np
import pytest
from sklearn import metrics

import minigrad


def test_it_learns_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = convolutional_network.main(["--quick", "--output", str(tmp_path)])
    assert accuracy > 0.9
    assert (tmp_path / "convolutional_network.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert "Shown: a shifted image gives a shifted output" in output
    assert "160 of them in the first convolution" in output
    assert "A linear layer with as many inputs and outputs has 66560" in output


def test_the_convolution_is_the_sum_of_the_docstring() -> None:
    layer = convolutional_network.network(minigrad, dropout=0.0)[2]
    image = np.random.default_rng(0).normal(size=(16, 8, 8)).astype(np.float32)
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    expected = [
        [[b[o] + np.sum(w[o] * padded[:, i : i + 3, j : j + 3]) for j in range(8)] for i in range(8)] for o in range(32)
    ]
    with minigrad.no_grad():
        assert layer(minigrad.tensor(image).unsqueeze(0))[0].numpy() == pytest.approx(np.array(expected), abs=1e-5)


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    digits, predictions = (minigrad.randint(10, (100,), generator=minigrad.Generator().manual_seed(k)) for k in (0, 1))
    expected = metrics.confusion_matrix(digits.numpy(), predictions.numpy(), labels=range(10))
    assert convolutional_network.confusion(predictions, digits).tolist() == expected.tolist()


def test_the_losses_are_those_of_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    training, _ = common.load_digits(1)
    build = partial(convolutional_network.network, dropout=0.0)
    comparison = common.compare_with_torch(
        lambda lib: convolutional_network.train(lib, common.same_weights(build, lib, 1), training, 1, 1)
    )
    assert comparison.torch[-1] < 0.7 * comparison.torch[0]
    assert comparison.difference < 5e-6
    convolutional_network.main(["--quick", "--compare-torch", "--output", str(tmp_path)])
    assert "20 steps with torch" in capsys.readouterr().out
