"""The consumer that spends a budget by gradient descent."""

from pathlib import Path

import common
import economics
import pytest

import minigrad


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_shares_are_the_known_ones(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shares = economics.main(["--quick", "--seed", str(seed), "--output", str(tmp_path)])
    a, b = economics.random_consumer(2, seed).weights
    assert shares == pytest.approx([a / (a + b), b / (a + b)], abs=1e-9)
    assert (tmp_path / "economics.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 4
    assert "NOT SHOWN" not in output


def test_no_other_purchase_within_the_budget_has_a_greater_utility() -> None:
    """An independent search over 100 001 purchases."""
    consumer = economics.Consumer([2.0, 1.0], [3.0, 5.0], 60.0)
    *_, (loss, shares) = economics.spend(minigrad, consumer, seed=0, steps=200)
    share = minigrad.linspace(1e-6, 1 - 1e-6, 100_001, dtype=minigrad.float64)
    utilities = 2 * (share * 60 / 3).log() + ((1 - share) * 60 / 5).log()
    assert share[utilities.argmax()].item() == pytest.approx(shares[0], abs=1e-5)
    assert -loss == pytest.approx(utilities.max().item(), abs=1e-9)


def test_every_step_spends_the_budget() -> None:
    consumer = economics.random_consumer(5, seed=1)
    for _, shares in economics.spend(minigrad, consumer, seed=1, steps=30):
        assert min(shares) > 0
        assert sum(shares) == pytest.approx(1)


def test_the_losses_are_those_of_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    consumer = economics.random_consumer(5, seed=0)
    comparison = common.compare_with_torch(lambda lib: (loss for loss, _ in economics.spend(lib, consumer, 0, 20)))
    assert comparison.difference < 1e-14
    economics.main(["--quick", "--compare-torch", "--output", str(tmp_path)])
    assert "20 steps with torch" in capsys.readouterr().out
