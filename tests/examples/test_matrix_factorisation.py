"""The recommendations by matrix factorization."""

from functools import partial
from pathlib import Path

import common
import matrix_factorisation
import numpy as np
import pytest
from matrix_factorisation import ITEMS, NOISE, USERS

import minigrad


def test_the_statements_hold_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = matrix_factorisation.main(["--quick", "--output", str(tmp_path)])
    assert min(errors, key=lambda rank: errors[rank]) == matrix_factorisation.TRUE_RANK
    assert NOISE < errors[matrix_factorisation.TRUE_RANK] < errors[0]
    assert (tmp_path / "matrix_factorisation.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 4
    assert "NOT SHOWN" not in output


def test_the_biases_alone_are_those_of_least_squares() -> None:
    """Of an additive model, solved in closed form by NumPy."""
    _, training, held_out = matrix_factorisation.make_ratings(0)
    result = matrix_factorisation.fit(training, held_out, rank=0, steps=400, seed=0)

    def design(part: matrix_factorisation.Ratings) -> np.ndarray:
        rows = np.zeros((len(part.values), USERS + ITEMS))
        rows[np.arange(len(rows)), part.users.numpy()] = 1
        rows[np.arange(len(rows)), USERS + part.items.numpy()] = 1
        return rows

    mean = training.values.mean().item()
    solution = np.linalg.lstsq(design(training), training.values.numpy() - mean)[0]
    for part, error in ((training, result.training[-1]), (held_out, result.held_out[-1])):
        residual = part.values.numpy() - mean - design(part) @ solution
        assert error == pytest.approx(float(np.sqrt(np.mean(residual**2))), rel=1e-4)


def test_the_ratings_are_as_described() -> None:
    expected, training, held_out = matrix_factorisation.make_ratings(1)
    matrix = expected.double().numpy()
    interaction = matrix - matrix.mean(axis=0) - matrix.mean(axis=1, keepdims=True) + matrix.mean()
    assert np.linalg.matrix_rank(interaction, tol=1e-3) == matrix_factorisation.TRUE_RANK
    cells = {(u, i) for part in (training, held_out) for u, i in zip(part.users.tolist(), part.items.tolist(), strict=True)}
    assert len(cells) == len(training.values) + len(held_out.values) == 0.3 * USERS * ITEMS
    noise = training.values - expected[training.users, training.items]
    assert noise.std().item() == pytest.approx(NOISE, rel=0.05)


def test_only_unrated_items_are_recommended(capsys: pytest.CaptureFixture[str]) -> None:
    expected, training, _ = matrix_factorisation.make_ratings(0)
    matrix_factorisation.recommend(matrix_factorisation.factors(minigrad, 3), 7, training, expected)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  item")]
    assert len(lines) == 5
    assert not {int(line[1].rstrip(":")) for line in lines} & set(training.items[training.users == 7].tolist())


def test_the_losses_are_those_of_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    _, training, _ = matrix_factorisation.make_ratings(1)
    build = partial(matrix_factorisation.factors, rank=3)
    comparison = common.compare_with_torch(
        lambda lib: matrix_factorisation.train(lib, common.same_weights(build, lib, 1), training, 20)
    )
    assert comparison.difference < 2e-6
    matrix_factorisation.main(["--quick", "--compare-torch", "--output", str(tmp_path)])
    assert "20 steps with torch" in capsys.readouterr().out
