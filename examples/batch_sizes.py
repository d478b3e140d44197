"""Batch, stochastic and mini-batch gradient descent: one loop with three batch sizes, and what the lecture says of each.

With n samples, an epoch of batch gradient descent is one update with all of them, of stochastic gradient descent n updates
with one each, of mini-batch gradient descent ceil(n / k) updates with k samples. The program trains the lecture's linear
model of the fuel economy of cars (n = 398, batches of 34) and shows

1. the loss against updates, epochs and seconds;
2. the gradient of a batch: its mean is the gradient of all, its noise falls with the batch size, and with it the distance
   from the minimum at which a constant learning rate leaves the weights;
3. the memory of a step, and how a local minimum is left, or not;
4. a sweep over batch sizes, each with the best of some learning rates;
5. each cell of the lecture's two tables on the three kinds, confirmed or corrected by these numbers. Seconds depend on the
   machine; no verdict but one rests on them, and that one on a factor of 3.

    python examples/batch_sizes.py
"""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
from common import Cars, Cell, finish, load_cars, parser, show_cells
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.utils.data import DataLoader, TensorDataset

N = 398
MINI = 34
KINDS = {"batch": N, "stochastic": 1, "mini-batch": MINI}
SIZES = [1, 2, 4, 8, 16, MINI, 64, 128, 256, N]
LR = 0.01
LR_GRID = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
GOAL = 1.05  # times the least loss


@dataclass
class Run:
    """A training: the loss over all cars, at a growing distance in updates; seconds do not count the measurement."""

    model: nn.Linear
    updates: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def train(cars: Cars, batch_size: int, lr: float, updates: int, seed: int, start: nn.Linear | None = None) -> Run:
    """Train from 0, or from another model; stop where the loss is not finite."""
    mg.manual_seed(seed)
    model = nn.Linear(cars.x.shape[1], 1)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    if start is not None:
        model.load_state_dict(start.state_dict())
    loader = DataLoader(TensorDataset(cars.x, cars.y), batch_size=batch_size, shuffle=True)
    criterion, optimizer = nn.MSELoss(), mg.optim.SGD(model.parameters(), lr=lr)
    run, count, seconds = Run(model), 0, 0.0
    while True:
        begin = time.perf_counter()
        for x, y in loader:
            if not run.updates or count >= min(1.1 * run.updates[-1] + 1, updates):
                seconds += time.perf_counter() - begin
                with mg.no_grad():
                    run.losses.append(criterion(model(cars.x), cars.y).item())
                run.updates.append(count)
                run.seconds.append(seconds)
                if count >= updates or not math.isfinite(run.losses[-1]):
                    return run
                begin = time.perf_counter()
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
            count += 1
        seconds += time.perf_counter() - begin


def gradient(model: nn.Linear, x: Tensor, y: Tensor) -> Tensor:
    """Return the gradient of the mean squared error, for all parameters in one vector."""
    model.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    return mg.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def gradient_noise(cars: Cars, model: nn.Linear, batch_size: int, seed: int) -> tuple[float, float]:
    """Compare the gradients of batches with that of all cars, over five epochs.

    Return the largest difference of the average over an epoch, weighted with the batch sizes, and the root-mean-square error
    of the gradient of a whole batch.
    """
    everything = gradient(model, cars.x, cars.y)
    generator = mg.Generator().manual_seed(seed)
    bias, squares = 0.0, []
    for _ in range(5):
        order = mg.randperm(N, generator=generator)
        total = mg.zeros_like(everything)
        for x, y in zip(cars.x[order].split(batch_size), cars.y[order].split(batch_size), strict=True):
            one = gradient(model, x, y)
            total += len(x) / N * one
            if len(x) == batch_size:
                squares.append((one - everything).square().sum().item())
        bias = max(bias, (total - everything).abs().max().item())
    return bias, math.sqrt(math.fsum(squares) / len(squares))


def excess(cars: Cars, best: nn.Linear, batch_size: int, seeds: Sequence[int]) -> float:
    """Return how far above the least loss updates 501 to 1000 with lr 0.03 move on average, started at the minimum."""
    values = []
    for seed in seeds:
        run = train(cars, batch_size, 0.03, 1000, seed, best)
        values += [loss - cars.optimum for loss, k in zip(run.losses, run.updates, strict=True) if k > 500]
    return math.fsum(values) / len(values)


def peak_memory(cars: Cars, batch_size: int) -> int:
    """Return the bytes that a step of a network with 256 hidden units allocates at most."""
    model = nn.Sequential(nn.Linear(cars.x.shape[1], 256), nn.ReLU(), nn.Linear(256, 1))
    x, y = cars.x[:batch_size], cars.y[:batch_size]
    nn.functional.mse_loss(model(x), y).backward()
    tracemalloc.start()
    nn.functional.mse_loss(model(x), y).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def escapes(stochastic: bool, seed: int) -> float:
    """Return the share of 200 runs from the local minimum of (x^2 - 1)^2 + 0.3 x that end in the valley of the global one.

    The loss of a sample is this function + 4 x or - 4 x, with equal shares: their mean is the function.
    """
    generator = mg.Generator().manual_seed(seed)
    x = mg.full((200,), 0.96, requires_grad=True)
    optimizer = mg.optim.SGD([x], lr=0.05)
    for _ in range(1000):
        slope = 8 * mg.randint(2, (200,), generator=generator) - 4 if stochastic else 0
        optimizer.zero_grad()
        ((x**2 - 1) ** 2 + 0.3 * x + slope * x).sum().backward()
        optimizer.step()
    return float((x < 0).float().mean().item())


@dataclass(frozen=True)
class Best:
    """The training with some batch size that needs the fewest updates to reach the goal, and to stay there."""

    lr: float
    updates: int
    epochs: float
    seconds: float


def reach(cars: Cars, run: Run, batch_size: int, lr: float) -> Best | None:
    """Return when a training reaches the goal and stays there; None if it does not."""
    above = [k for k, loss in enumerate(run.losses) if not loss <= GOAL * cars.optimum]
    k = above[-1] + 1
    return None if k == len(run.losses) else Best(lr, run.updates[k], run.updates[k] * batch_size / N, run.seconds[k])


def sweep(cars: Cars, sizes: Sequence[int], updates: int, seed: int) -> dict[int, Best]:
    """Return the result with the best learning rate of the grid for each batch size."""
    best = {}
    for size in tqdm(sizes, desc="batch sizes"):
        tried = [reach(cars, train(cars, size, lr, updates, seed), size, lr) for lr in LR_GRID]
        best[size] = min((one for one in tried if one is not None), key=lambda one: one.updates)
    return best


@dataclass(frozen=True)
class Measurements:
    """The results by kind of gradient descent: runs with one learning rate, and what the functions above return."""

    runs: dict[str, Run]
    epoch_seconds: dict[str, float]
    noise: dict[str, tuple[float, float]]
    excess: dict[str, float]
    memory: dict[str, int]
    best: dict[str, Best]
    escaped: tuple[float, float]
    last_batch: int
    changed: int


def measure(cars: Cars, swept: dict[int, Best], updates: int, seed: int) -> Measurements:
    """Measure the three kinds."""
    best = train(cars, N, 0.3, 2000, seed).model
    runs = {kind: train(cars, size, LR, updates, seed) for kind, size in KINDS.items()}
    one = train(cars, 1, LR, 1, seed).model
    *_, (last, _) = DataLoader(TensorDataset(cars.x, cars.y), batch_size=MINI)
    return Measurements(
        runs,
        {kind: run.seconds[-1] / updates * math.ceil(N / KINDS[kind]) for kind, run in runs.items()},
        {kind: gradient_noise(cars, best, size, seed) for kind, size in KINDS.items()},
        {kind: excess(cars, best, size, range(seed, seed + 5)) for kind, size in KINDS.items()},
        {kind: peak_memory(cars, size) for kind, size in KINDS.items()},
        {kind: swept[size] for kind, size in KINDS.items()},
        (escapes(False, seed), escapes(True, seed)),
        len(last),
        sum(int((p != 0).sum().item()) for p in one.parameters()),
    )


def judge(m: Measurements, optimum: float) -> list[Cell]:
    """Confirm or correct the cells of the two tables, in their order."""
    (_, noise_b), (_, noise_s), (_, noise_m) = m.noise.values()
    excess_b, excess_s, excess_m = m.excess.values()
    memory_b, memory_s, memory_m = m.memory.values()
    best_b, best_s, best_m = m.best.values()
    seconds_b, seconds_s, seconds_m = m.epoch_seconds.values()
    stuck, escaped = m.escaped
    end = m.runs["batch"].losses[-1]
    updates_s = math.ceil(N / 1)
    return [
        Cell(
            "batch",
            "one update with all training data",
            "confirmed",
            f"the mean of the {N} gradients of single samples is its gradient, to {m.noise['stochastic'][0]:.0e}",
            m.noise["stochastic"][0] < 1e-4,
        ),
        Cell(
            "batch",
            "much computation",
            "confirmed",
            f"{N} samples in an update; as one array operation these cost "
            f"{seconds_b / (seconds_s / N):.1f} times as much as one sample",
            True,
        ),
        Cell(
            "batch",
            "may reach the global minimum",
            "confirmed",
            f"here, where the loss is convex: {end - optimum:.1e} above the least loss",
            end < GOAL * optimum,
        ),
        Cell(
            "stochastic",
            "updates the parameters one at a time",
            "corrected",
            f"it takes one sample at a time: an update changes all {m.changed} parameters",
            m.changed == 4,
        ),
        Cell(
            "stochastic",
            "little computation",
            "corrected",
            f"in an update; an epoch takes {seconds_s / seconds_m:.0f} times as long as with mini-batches",
            seconds_s > 3 * seconds_m,
        ),
        Cell(
            "stochastic",
            "may leave a local minimum",
            "confirmed",
            f"{escaped:.0%} of 200 runs do, {stuck:.0%} of batch gradient descent",
            escaped > 0.5 and stuck == 0,
        ),
        Cell(
            "mini-batch",
            "batches of a fixed size",
            "corrected",
            f"the last one has {m.last_batch} samples of {MINI}",
            m.last_batch == N % MINI,
        ),
        Cell(
            "mini-batch",
            "balances computation and accuracy",
            "confirmed",
            f"the noise of the gradient is {noise_s:.1f} with 1, {noise_m:.1f} with {MINI}, {noise_b:.1f} with all samples",
            noise_s > noise_m > noise_b,
        ),
        Cell(
            "batch",
            "converges slowly",
            "corrected",
            f"in epochs, {best_b.epochs:.1f}; in updates it is the fastest, "
            f"{best_b.updates} (elsewhere the lecture says: fast)",
            best_b.epochs > best_m.epochs and best_b.updates < best_s.updates,
        ),
        Cell(
            "batch",
            "guarantees the global optimum",
            "corrected",
            f"only if the loss is convex: from a local minimum {stuck:.0%} get away",
            stuck == 0,
        ),
        Cell(
            "batch",
            "fewest updates",
            "confirmed",
            f"in an epoch: 1, {math.ceil(N / MINI)} with mini-batches, {updates_s} stochastic",
            1 < math.ceil(N / MINI) < updates_s,
        ),
        Cell(
            "batch",
            "needs the most memory",
            "confirmed",
            f"for a step of a network {memory_b / 1e3:.0f} kB, mini-batch "
            f"{memory_m / 1e3:.0f} kB, stochastic {memory_s / 1e3:.0f} kB",
            memory_b > 5 * memory_m > 5 * memory_s,
        ),
        Cell("stochastic", "an update for each sample", "confirmed", f"{updates_s} in an epoch", updates_s == N),
        Cell(
            "stochastic",
            "learns fast",
            "corrected",
            f"in epochs, {best_s.epochs:.2f} to the goal; in updates not: {best_s.updates}, mini-batch {best_m.updates}",
            best_s.epochs < best_b.epochs and best_s.updates > best_m.updates,
        ),
        Cell(
            "stochastic",
            "converges unstably",
            "confirmed",
            f"from the minimum on it moves {excess_s:.2g} above it on average, "
            f"mini-batch {excess_m:.2g}, batch {abs(excess_b):.1g}",
            excess_s > 5 * excess_m > 5 * abs(excess_b),
        ),
        Cell(
            "stochastic",
            "may converge to a local optimum",
            "confirmed",
            f"{1 - escaped:.0%} of 200 runs end at one; but batch gradient descent more, {1 - stuck:.0%}",
            0 < 1 - escaped < 1 - stuck,
        ),
        Cell(
            "mini-batch",
            "has all advantages of both",
            "corrected",
            "it is between them in noise and in memory",
            noise_s > noise_m > noise_b and memory_s < memory_m < memory_b,
        ),
        Cell(
            "mini-batch",
            "a good batch size converges fast",
            "confirmed",
            f"{best_m.updates} updates in {best_m.epochs:.1f} epochs; "
            f"stochastic {best_s.updates} updates, batch {best_b.epochs:.1f} epochs",
            best_m.updates < best_s.updates and best_m.epochs < best_b.epochs,
        ),
        Cell(
            "mini-batch",
            "the result depends on the batch size",
            "confirmed",
            f"so does its distance above the minimum, from {excess_s:.2g} to {abs(excess_b):.1g}",
            excess_s > excess_m > excess_b,
        ),
    ]


def draw(
    runs: dict[str, Run], swept: dict[int, Best], noise: Sequence[float], memory: Sequence[int], optimum: float, file: Path
) -> None:
    """Draw the loss against updates, epochs and seconds; and noise, memory and speed against the batch size."""
    figure, axes = plt.subplots(2, 3, figsize=(18, 10))
    for (kind, run), color in zip(runs.items(), ("#0072b2", "#d55e00", "#009e73"), strict=True):
        above = [loss - optimum for loss in run.losses]
        epochs = [count * KINDS[kind] / N for count in run.updates]
        distances: list[Sequence[float]] = [run.updates, epochs, run.seconds]
        for ax, x in zip(axes[0], distances, strict=True):
            ax.loglog(x[1:], above[1:], color=color, label=f"{kind}, {KINDS[kind]} at a time")
    for ax, unit in zip(axes[0], ("updates", "epochs", "seconds"), strict=True):
        ax.set(xlabel=unit, ylabel="loss above the least loss", ylim=(1e-4, 1e3), title=f"Loss against {unit}, lr {LR:g}")
    sizes = list(swept)
    axes[1, 0].loglog(sizes[:-1], noise[:-1], "o-", color="#0072b2", label="noise of the gradient; none with all cars")
    axes[1, 0].loglog(sizes, [noise[0] / math.sqrt(k) for k in sizes], "--", color="#999999", label="1 / sqrt(batch size)")
    axes[1, 0].set(ylabel="root-mean-square error", title="Noise of the gradient at the minimum")
    axes[1, 1].loglog(
        sizes, [value / 1e3 for value in memory], "o-", color="#0072b2", label="a step of a network, 256 hidden units"
    )
    axes[1, 1].set(ylabel="kB", title="Memory")
    axes[1, 2].loglog(sizes, [one.updates for one in swept.values()], "o-", color="#0072b2", label="updates")
    axes[1, 2].loglog(sizes, [one.epochs for one in swept.values()], "s-", color="#d55e00", label="epochs")
    axes[1, 2].loglog(sizes, [1e3 * one.seconds for one in swept.values()], "^-", color="#009e73", label="milliseconds")
    axes[1, 2].set(ylabel="until the goal", title=f"To {GOAL:g} times the least loss, with the best learning rate")
    for ax in axes[1]:
        ax.set_xlabel("batch size")
    finish(figure, axes.flat, file)


def main(argv: Sequence[str] | None = None) -> list[Cell]:
    """Run the program and return the judged cells."""
    args = parser("Batch, stochastic and mini-batch gradient descent.").parse_args(argv)
    cars = load_cars()
    sizes = [1, 8, MINI, N] if args.quick else SIZES
    swept = sweep(cars, sizes, 1200 if args.quick else 2000, args.seed)
    print(f"To {GOAL:g} times the least loss, and from then on below it, with the best learning rate")
    print("batch size     lr updates  epochs  milliseconds")
    for size, one in swept.items():
        print(f"{size:10d} {one.lr:6g} {one.updates:7d} {one.epochs:7.2f} {1e3 * one.seconds:13.2f}")
    m = measure(cars, swept, 400 if args.quick else 20 * N, args.seed)
    cells = judge(m, cars.optimum)
    noise = [gradient_noise(cars, m.runs["batch"].model, size, args.seed)[1] for size in sizes]
    draw(m.runs, swept, noise, [peak_memory(cars, size) for size in sizes], cars.optimum, args.output / "batch_sizes.png")
    show_cells(cells)
    return cells


if __name__ == "__main__":
    main()
