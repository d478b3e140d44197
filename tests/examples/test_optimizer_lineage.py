"""The lineage of the optimizers."""

from pathlib import Path

import numpy as np
import optimizer_lineage
import pytest
from common import OPTIMIZERS, feed
from optimizer_lineage import ADDITIONS, ADJUSTED, FAMILIES, IDEAS, OTHER_EDGES, PARENTS, REDUCED

import minigrad as mg


def draw_gradients(seed: int = 0) -> mg.Tensor:
    return mg.randn(50, 1, generator=mg.Generator().manual_seed(seed), dtype=mg.float64)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_statement_holds_and_a_picture_is_drawn(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    differences = optimizer_lineage.main(["--quick", "--seed", str(seed), "--output", str(tmp_path)])
    assert max(differences) < 1e-8
    assert [path.name for path in tmp_path.iterdir()] == ["optimizer_lineage.png"]
    assert (tmp_path / "optimizer_lineage.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("Shown: ") == 1
    assert "NOT SHOWN" not in output


@pytest.mark.parametrize(("parent", "child"), [addition[:2] for addition in ADDITIONS])
def test_with_its_addition_a_child_is_not_its_parent(parent: str, child: str) -> None:
    """Heavy ball and NAG are the parent with a constant lr and with the same gradients; so not with others."""

    def loss(x: mg.Tensor, k: int) -> mg.Tensor:
        return (x**2).sum(dim=-1)

    def path(name: str) -> mg.Tensor:
        x = mg.tensor([1.0], dtype=mg.float64, requires_grad=True)
        optimizer = OPTIMIZERS["GD" if name == "SGD" else name]([{"params": [x], "lr": 0.1}])
        points = []
        for k in range(20):
            optimizer.param_groups[0]["lr"] = 0.1 if k < 10 else 0.01
            optimizer.zero_grad()
            loss(x, k).backward()
            optimizer.step()
            points.append(x.detach().clone())
        return mg.stack(points)

    assert (path(parent) - path(child)).abs().max().item() > 0.01


def test_with_the_mean_of_squares_rmsprop_is_adagrad_in_numpy() -> None:
    gradients = draw_gradients()
    points = feed(REDUCED["Adagrad", "RMSprop"], gradients, ADJUSTED["Adagrad", "RMSprop"]).points.numpy()
    g = gradients.numpy()
    expected = -0.1 * np.cumsum(g / np.sqrt(np.cumsum(g**2, axis=0)), axis=0)
    np.testing.assert_allclose(points[1:], expected, atol=1e-9)  # eps is 1e-10


def test_momentum_in_numpy() -> None:
    gradients = draw_gradients()
    buffer, x, expected = 0.0, 0.0, []
    for g in gradients.numpy()[:, 0]:
        buffer = 0.9 * buffer + g
        x -= 0.1 * buffer
        expected.append(x)
    np.testing.assert_allclose(feed(PARENTS["Momentum"], gradients).points.numpy()[1:, 0], expected, rtol=1e-12)
    ahead = [before + 0.9 * (before - earlier) for earlier, before in zip([0.0, *expected], expected, strict=False)]
    np.testing.assert_allclose(feed(PARENTS["NAG"], gradients).points.numpy()[1:, 0], ahead, rtol=1e-10)


def test_the_picture_has_every_optimizer() -> None:
    names = {name for family in FAMILIES.values() for name in family}
    edges = [addition[:2] for addition in ADDITIONS] + [edge[:2] for edge in OTHER_EDGES]
    assert set(IDEAS) == names == {name for edge in edges for name in edge}
    assert {child for _, child in edges} == names - {"GD"}
    assert names - {"Mini-batch", "SGD", "AMSGrad"} == set(OPTIMIZERS)


def test_without_dot_the_program_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    optimizer_lineage.main(["--quick", "--output", str(tmp_path)])
    output = capsys.readouterr().out
    assert "Install Graphviz" in output
    assert "\nShown: " in output
