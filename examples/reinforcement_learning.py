"""Fields of application, reinforcement learning: a policy learns to balance a pole on a cart by gradient ascent.

Every 0.02 s the agent pushes the cart to the left or to the right, and gets the reward 1 as long as the pole stands, within
12 degrees, and the cart is on its track, within 2.4 m; for at most 500 steps. The equations of motion are those of Barto,
Sutton, Anderson, Neuronlike adaptive elements that can solve difficult learning control problems, 1983, without friction.
The policy, a small network, gives the probability of a push to the right. REINFORCE (Williams, 1992) with a baseline
estimates the gradient of the expected return from episodes:

    sum over steps t of grad log policy(action[t] | state[t]) (G[t] - V(state[t])),  G[t] = reward[t] + gamma G[t + 1].

The baseline V is a second network, which learns to predict G. It subtracts from the estimate what does not depend on the
action; the program also learns without it, for comparison. The rewards are not differentiated, only the policy is: so the
environment may be anything that can be tried. Descent on -return is ascent on the return.

    python examples/reinforcement_learning.py
    python examples/reinforcement_learning.py --compare-torch
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from common import compare_with_torch, parser, same_weights, save, show
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor

GRAVITY, CART_MASS, POLE_MASS, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
TRACK, ANGLE, LONGEST = 2.4, 12 * mg.pi / 180, 500
GAMMA, LR, HIDDEN, CARTS = 0.99, 0.01, 32, 16
GOAL = 400.0


def move(lib: ModuleType, state: Tensor, push: Tensor) -> Tensor:
    """Return the states after one time step. A state is (position, velocity, angle, angular velocity), a push -1 or 1."""
    _, velocity, angle, spin = state.unbind(1)
    sine, cosine = angle.sin(), angle.cos()
    mass = CART_MASS + POLE_MASS
    acceleration = (FORCE * push + POLE_MASS * HALF_LENGTH * spin**2 * sine) / mass
    turning = (GRAVITY * sine - cosine * acceleration) / (HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / mass))
    acceleration = acceleration - POLE_MASS * HALF_LENGTH * turning * cosine / mass
    rates = lib.stack([velocity, acceleration, spin, turning], dim=1)
    moved: Tensor = state + SECONDS * rates
    return moved


def network(lib: ModuleType) -> Any:
    """Return a network from states (N, 4) to numbers (N, 1). `lib` is minigrad or torch.

    Its dtype is float64. With float32, different rounding in minigrad and torch makes them draw different actions at times.
    """
    nn = lib.nn
    return nn.Sequential(nn.Linear(4, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1)).double()


@dataclass(frozen=True)
class Episodes:
    """Episodes of several carts side by side, T steps long.

    Attributes:
        states: Before each step, (T, N, 4).
        right: 1 for a push to the right, 0 for one to the left, (T, N).
        rewards: 1 until the episode of a cart has ended, then 0, (T, N).
    """

    states: Tensor
    right: Tensor
    rewards: Tensor

    def mean_return(self) -> float:
        """Return the average over the carts of the sum of the rewards."""
        return float(self.rewards.sum(dim=0).mean())


def run(lib: ModuleType, policy: Any, carts: int, generator: mg.Generator) -> Episodes:
    """Let the carts run, from states near 0, until all have failed or 500 steps are over."""

    def uniform(*shape: int) -> Any:
        return lib.from_numpy(mg.rand(*shape, generator=generator, dtype=mg.float64).numpy())

    state = 0.1 * uniform(carts, 4) - 0.05
    reward = lib.ones(carts, dtype=lib.float64)
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    with lib.no_grad():
        while len(steps) < LONGEST and reward.any():
            right = (uniform(carts) < policy(state).squeeze(1).sigmoid()).double()
            steps.append((state, right, reward))
            state = move(lib, state, 2 * right - 1)
            reward = reward * (state[:, 0].abs() < TRACK) * (state[:, 2].abs() < ANGLE)
    return Episodes(*(lib.stack(part) for part in zip(*steps, strict=True)))


def discounted(lib: ModuleType, rewards: Tensor) -> Tensor:
    """Return G[t] = rewards[t] + gamma G[t + 1], of the shape of the rewards, (T, N)."""
    result = [lib.zeros_like(rewards[0])]
    for reward in reversed(rewards.unbind(0)):
        result.append(reward + GAMMA * result[-1])
    returns: Tensor = lib.stack(result[:0:-1])
    return returns


def train(lib: ModuleType, policy: Any, iterations: int, baseline: bool, seed: int) -> Iterator[tuple[float, float]]:
    """Train a policy by REINFORCE; yield in each iteration the loss and the average return of the episodes."""
    value = same_weights(network, lib, seed + 1)
    optimizer = lib.optim.Adam([*policy.parameters(), *value.parameters()], lr=LR)
    generator = mg.Generator().manual_seed(seed)
    functional = lib.nn.functional
    for _ in range(iterations):
        episodes = run(lib, policy, CARTS, generator)
        running = episodes.rewards > 0
        states, right = episodes.states[running], episodes.right[running]
        returns = (1 - GAMMA) * discounted(lib, episodes.rewards)[running]
        values = value(states).squeeze(1)
        advantage = returns - values.detach() if baseline else returns
        minus_log_policy = functional.binary_cross_entropy_with_logits(policy(states).squeeze(1), right, reduction="none")
        loss = (advantage * minus_log_policy).sum() / CARTS + functional.mse_loss(values, returns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item(), episodes.mean_return()


def draw(curves: dict[bool, list[list[float]]], before: Episodes, after: Episodes, file: Path) -> None:
    """Draw the average returns of all trainings, and the angle of the pole in episodes before and after the training."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    for baseline, color, style in ((True, "#0072b2", "-"), (False, "#d55e00", "--")):
        for k, curve in enumerate(curves[baseline]):
            label = None if k else f"{'with' if baseline else 'without'} baseline, three seeds"
            left.plot(curve, color=color, linestyle=style, linewidth=1.2, label=label)
    left.axhline(GOAL, color="black", linestyle=":", label=f"goal: {GOAL:.0f}")
    left.set(xlabel="Iterations", ylabel=f"Average return of {CARTS} episodes", title="REINFORCE")
    for episodes, color, label in ((before, "#d55e00", "before the training"), (after, "#0072b2", "after the training")):
        for cart in range(4):
            angles = episodes.states[episodes.rewards[:, cart] > 0, cart, 2] * 180 / mg.pi
            times = SECONDS * mg.arange(len(angles))
            right.plot(times.numpy(), angles.numpy(), color=color, linewidth=1, label=None if cart else label)
    for sign in (-1, 1):
        right.axhline(sign * 12, color="black", linestyle=":", label=None if sign > 0 else "fallen")
    right.set(xlabel="Time in s", ylabel="Angle of the pole in degrees", title="Four episodes before and after")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> list[float]:
    """Run the program and return the average return of fresh episodes for each of three seeds."""
    options = parser("A policy learns to balance a pole on a cart.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    iterations = 4 if args.quick else 100
    curves: dict[bool, list[list[float]]] = {True: [], False: []}
    reached = []
    for seed in range(3 * args.seed, 3 * args.seed + 3):
        for baseline in (False, True):
            policy = same_weights(network, mg, seed)
            before = run(mg, policy, 100, mg.Generator().manual_seed(seed + 1000))
            curve: list[float] = []
            curves[baseline].append(curve)
            name = f"seed {seed}, {'with' if baseline else 'without'} baseline"
            with tqdm(train(mg, policy, iterations, baseline, seed), total=iterations, desc=name) as progress:
                for _, mean_return in progress:
                    curve.append(mean_return)
                    progress.set_postfix_str(f"return {mean_return:.0f}")
            after = run(mg, policy, 100, mg.Generator().manual_seed(seed + 2000))
            averages = f"{before.mean_return():.1f} before, {after.mean_return():.1f} after"
            print(
                f"{name}: average return of 100 fresh episodes {averages}; during the training {statistics.mean(curve):.1f}"
            )
        reached.append(after.mean_return())
    show(f"the policy balances the pole for at least {GOAL:.0f} of {LONGEST} steps for each seed", min(reached) >= GOAL)
    with_baseline, without = (statistics.mean(map(statistics.mean, curves[baseline])) for baseline in (True, False))
    show(
        f"the baseline makes learning faster: average return during the training {with_baseline:.1f}, without {without:.1f}",
        with_baseline > without,
    )
    draw(curves, before, after, args.output / "reinforcement_learning.png")
    if args.compare_torch:

        def first_steps(lib: ModuleType) -> Iterator[float]:
            policy = same_weights(network, lib, args.seed)
            return (loss for loss, _ in train(lib, policy, 20, True, args.seed))

        print(compare_with_torch(first_steps))
    return reached


if __name__ == "__main__":
    main()
