"""The example that learns the learning rate."""

import pytest
from learn_the_learning_rate import main


def test_gradient_descent_finds_the_best_learning_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """For one step along the gradient g the best lr is g'g / g'Hg; for more steps it is below 2 / 23.66."""
    assert main(["--steps", "1", "--rounds", "150"]) == pytest.approx(0.0423, abs=0.0005)
    assert "d(final loss) / d(log lr)" in capsys.readouterr().out
    assert 0.02 < main(["--steps", "8", "--rounds", "60"]) < 2 / 23.66


@pytest.mark.parametrize("name", ["NAG", "RMSprop", "Adam"])
def test_the_learned_learning_rate_is_better_than_the_initial_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--optimizer", name, "--rounds", "25"])
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[-1].split()[-1]) < float(lines[1].split()[2])


@pytest.mark.parametrize("arguments", [["--steps", "0"], ["--lr", "-1"], ["--lr", "inf"], ["--optimizer", "X"]])
def test_invalid_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error: " in capsys.readouterr().err
