"""The policy that balances a pole."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import common
import numpy as np
import pytest
import reinforcement_learning
from reinforcement_learning import GAMMA, network, train

import minigrad


def test_it_runs_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    returns = reinforcement_learning.main(["--quick", "--output", str(tmp_path)])
    assert len(returns) == 3
    assert (tmp_path / "reinforcement_learning.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("average return of 100 fresh episodes") == 6


def test_the_policy_learns() -> None:
    """In 30 iterations, a part of the whole training, the return at least doubles."""
    policy = common.same_weights(network, minigrad, 0)
    returns = [mean_return for _, mean_return in train(minigrad, policy, 30, True, 0)]
    assert returns[-1] > 2 * returns[0]


def test_the_motion_obeys_newton() -> None:
    """The accelerations solve the two equations of motion of a cart with a uniform pole of half-length l.

    (M + m) x'' + m l cos(a) a'' = F + m l a'^2 sin(a)  and  cos(a) x'' + 4/3 l a'' = g sin(a).
    """
    generator = np.random.default_rng(0)
    states = generator.normal(size=(50, 4))
    pushes = generator.choice([-1.0, 1.0], size=50)
    moved = reinforcement_learning.move(minigrad, minigrad.tensor(states), minigrad.tensor(pushes)).numpy()
    total, product, length = 1.1, 0.1 * 0.5, 0.5
    for (x, velocity, angle, spin), push, after in zip(states, pushes, moved, strict=True):
        matrix = [[total, product * np.cos(angle)], [np.cos(angle), 4 / 3 * length]]
        forces = [10 * push + product * spin**2 * np.sin(angle), 9.8 * np.sin(angle)]
        acceleration, turning = np.linalg.solve(matrix, forces)
        expected = [x + 0.02 * velocity, velocity + 0.02 * acceleration, angle + 0.02 * spin, spin + 0.02 * turning]
        assert after == pytest.approx(expected, rel=1e-12)


def test_the_returns_are_discounted_sums() -> None:
    rewards = np.random.default_rng(0).normal(size=(6, 3))
    expected = [sum(GAMMA**k * rewards[t + k] for k in range(6 - t)) for t in range(6)]
    assert reinforcement_learning.discounted(minigrad, minigrad.tensor(rewards)).numpy() == pytest.approx(np.array(expected))


def test_an_episode_ends_when_the_pole_falls_or_the_track_ends() -> None:
    policy = common.same_weights(network, minigrad, 0)
    episodes = reinforcement_learning.run(minigrad, policy, 20, minigrad.Generator().manual_seed(0))
    states, rewards = episodes.states.numpy(), episodes.rewards.numpy()
    allowed = (np.abs(states[:, :, 0]) < 2.4) & (np.abs(states[:, :, 2]) < np.radians(12))
    assert np.array_equal(rewards, np.logical_and.accumulate(allowed))
    assert episodes.mean_return() == pytest.approx(rewards.sum() / 20)


def test_the_losses_are_those_of_torch() -> None:
    pytest.importorskip("torch")

    def losses(lib: ModuleType) -> Iterator[float]:
        policy = common.same_weights(network, lib, 1)
        return (loss for loss, _ in train(lib, policy, 20, True, 1))

    assert common.compare_with_torch(losses).difference < 1e-9
