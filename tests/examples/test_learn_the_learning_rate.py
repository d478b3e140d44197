"""The example that learns the learning rate."""

import re
from pathlib import Path

import pytest
from learn_the_learning_rate import main


def test_gradient_descent_finds_the_best_learning_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For one step along the gradient g the best lr is g'g / g'Hg; for more steps it is below 2 / 23.66."""
    output = ["--output", str(tmp_path)]
    assert main(["--steps", "1", "--rounds", "150", *output]) == pytest.approx(0.0423, abs=0.0005)
    assert "d(final loss) / d(log lr)" in capsys.readouterr().out
    assert 0.02 < main(["--steps", "8", "--rounds", "60", *output]) < 2 / 23.66
    assert (tmp_path / "learn_the_learning_rate.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["NAG", "RMSprop", "Adam"])
def test_the_learned_learning_rate_is_better_than_the_initial_one(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--optimizer", name, "--rounds", "25", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Shown: ")
    first, best = (float(value) for value in re.findall(r"leaves(?: the loss)? ([0-9.e+-]+)", lines[-1].replace(",", " ")))
    assert first == float(lines[1].split()[2])
    assert best < first


def test_a_quick_run_is_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--output", str(tmp_path)])
    assert sum(line[:5].strip().isdigit() for line in capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize("arguments", [["--steps", "0"], ["--lr", "-1"], ["--lr", "inf"], ["--optimizer", "X"]])
def test_invalid_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error: " in capsys.readouterr().err
