"""A race of nine optimizers: on a bowl, in a curved valley, over a saddle, and with gradients of single samples.

Each optimizer has on each landscape the learning rate of a grid with which it is fastest, of those with which its path stays
in the picture. So what is compared is the rule, not one learning rate for all. The program shows

1. the steps that each needs, and that no optimizer is the fastest everywhere;
2. that momentum is faster than gradient descent in narrow valleys, and that the heavy ball moves exactly as momentum does;
3. that gradient descent leaves a saddle the later the closer it starts to the ridge, and the optimizers that divide by the
   size of the gradient hardly later: they move by about lr however small the gradient is;
4. that no rule removes noise: with gradients of single samples and a constant learning rate all of them stay above the
   least loss, and the further, the larger the rate.

It draws the paths on the contours, and the race as an animated GIF.

    python examples/optimizer_race.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import OPTIMIZERS, Loss, descend, parser, save, show
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor

RATES = [digit * 10.0**power for power in range(-3, 3) for digit in (1, 2, 5)]
SAMPLES = 200
STYLES = {
    "GD": ("#000000", "-"),
    "Momentum": ("#0072b2", "-"),
    "Heavy ball": ("#8fd3ff", (0, (3, 3))),
    "NAG": ("#7b3fb5", "-"),
    "Adagrad": ("#e69f00", "-"),
    "RMSprop": ("#c1272d", "-"),
    "Adadelta": ("#808000", "-"),
    "Adam": ("#009e73", "-"),
    "Nadam": ("#e0529c", "-"),
}


@dataclass(frozen=True)
class Landscape:
    """What is minimized.

    Attributes:
        title: What it is called.
        loss: The loss whose gradient is taken, of points (..., 2) at a step.
        excess: The loss without noise, less its minimum.
        start: Where all start.
        steps: How many steps they make.
        goal: The excess to be reached; None where the average excess of the second half of the steps counts.
        window: The least and the greatest x_1 and x_2 in the picture.
        minima: Where the excess is 0.
    """

    title: str
    loss: Loss
    excess: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    steps: int
    goal: float | None
    window: tuple[float, float, float, float]
    minima: Sequence[tuple[float, float]]


def bowl(x: Tensor) -> Tensor:
    """Return (x_1^2 + 80 x_2^2) / 2."""
    return (x[..., 0] ** 2 + 80 * x[..., 1] ** 2) / 2


def rosenbrock(x: Tensor) -> Tensor:
    """Return Rosenbrock's (1 - x_1)^2 + 100 (x_2 - x_1^2)^2."""
    return (1 - x[..., 0]) ** 2 + 100 * (x[..., 1] - x[..., 0] ** 2) ** 2


def saddle(x: Tensor) -> Tensor:
    """Return 3 x_1^2 / 2 - x_2^2 / 2 + x_2^4 / 4 + 1 / 4; a saddle at (0, 0), minima at (0, -1) and (0, 1)."""
    return 1.5 * x[..., 0] ** 2 - x[..., 1] ** 2 / 2 + x[..., 1] ** 4 / 4 + 0.25


def regression(seed: int, steps: int) -> Landscape:
    """Return the mean squared error of x_1 + x_2 s for 200 samples y = 1 + 2 s + noise; each step is given one of them."""
    generator = mg.Generator().manual_seed(seed)
    s = 2 * mg.rand(SAMPLES, generator=generator, dtype=mg.float64)
    y = 1 + 2 * s + 0.5 * mg.randn(SAMPLES, generator=generator, dtype=mg.float64)
    drawn = mg.randint(SAMPLES, (steps,), generator=generator)
    solution, (least,), *_ = np.linalg.lstsq(np.column_stack([np.ones(SAMPLES), s.numpy()]), y.numpy())

    def loss(x: Tensor, k: int) -> Tensor:
        return (x[..., 0] + x[..., 1] * s[drawn[k]] - y[drawn[k]]) ** 2

    def excess(x: Tensor) -> Tensor:
        mean: Tensor = ((x[..., :1] + x[..., 1:] * s - y) ** 2).mean(dim=-1)
        return mean - float(least) / SAMPLES

    best = (float(solution[0]), float(solution[1]))
    return Landscape("One sample a step", loss, excess, (-1.5, 4.5), steps, None, (-3.0, 2.4, 0.6, 5.8), [best])


def landscapes(seed: int, quick: bool) -> list[Landscape]:
    """Return the four landscapes."""
    n = 200 if quick else 400
    bowl_window, valley_window, saddle_window = (-4.6, 2.6, -1.9, 1.9), (-1.9, 1.7, -0.7, 2.4), (-2.0, 1.5, -1.7, 1.7)
    return [
        Landscape("Bowl", lambda x, k: bowl(x), bowl, (-4, 1.5), n, 1e-3, bowl_window, [(0, 0)]),
        Landscape(
            "Curved valley", lambda x, k: rosenbrock(x), rosenbrock, (-1.2, 1), 5 * n // 2, 0.1, valley_window, [(1, 1)]
        ),
        Landscape("Saddle", lambda x, k: saddle(x), saddle, (-1.8, 1e-3), n, 0.01, saddle_window, [(0, -1), (0, 1)]),
        regression(seed, 2 * n),
    ]


@dataclass(frozen=True)
class Result:
    """What an optimizer did on a landscape.

    Attributes:
        scores: For each rate the number of steps after which the excess stays within the goal, more than there are if it does
            not; or the average excess of the second half of the steps. Infinite if the path leaves the window.
        best: The index of the best rate.
        path: The path with it, (steps + 1, 2).
    """

    scores: list[float]
    best: int
    path: Tensor

    @property
    def score(self) -> float:
        """The score with the best rate."""
        return self.scores[self.best]


def score(landscape: Landscape, path: Tensor) -> float:
    """Return the score of a path; see `Result`."""
    left, right, bottom, top = landscape.window
    x, y, excess = path[:, 0], path[:, 1], landscape.excess(path)
    if not bool(((left < x) & (x < right) & (bottom < y) & (y < top)).all()):
        return math.inf
    if landscape.goal is None:
        return float(excess[landscape.steps // 2 :].mean().item())
    above = (excess > landscape.goal).nonzero()
    return int(above.max().item()) + 1 if len(above) else 0


def race(landscape: Landscape) -> dict[str, Result]:
    """Return the result of each optimizer; of rates with the same score, that with the least excess at the end is best."""
    results = {}
    for name, make in OPTIMIZERS.items():
        paths = descend(make, landscape.loss, landscape.start, landscape.steps, RATES)
        found = [score(landscape, paths[:, k]) for k in range(len(RATES))]
        ends = landscape.excess(paths[-1]).tolist()
        best = min(range(len(RATES)), key=lambda k: (found[k], ends[k]))
        results[name] = Result(found, best, paths[:, best])
    return results


def later_from_the_ridge(landscape: Landscape, results: dict[str, Result], names: Sequence[str]) -> dict[str, float]:
    """Return how many more steps optimizers take from a millionth of the distance to the ridge of the saddle."""
    everywhere = (-math.inf, math.inf, -math.inf, math.inf)
    closer = replace(landscape, start=(landscape.start[0], 1e-6 * landscape.start[1]), window=everywhere)
    more = {}
    for name in names:
        lr = RATES[results[name].best]
        path = descend(OPTIMIZERS[name], closer.loss, closer.start, closer.steps, [lr])[:, 0]
        more[name] = score(closer, path) - results[name].score
    return more


def describe(landscape: Landscape, result: Result) -> str:
    """Return the score and the learning rate for the legend and the table."""
    if landscape.goal is None:
        text = f"{result.score:.3f} above"
    else:
        text = f"{result.score} steps" if result.score <= landscape.steps else "not there"
    return f"{text}, lr {RATES[result.best]:g}"


def contours(axes: Axes, landscape: Landscape) -> None:
    """Draw a landscape."""
    left, right, bottom, top = landscape.window
    x, y = mg.meshgrid(mg.linspace(left, right, 150), mg.linspace(bottom, top, 150), indexing="xy")
    height = landscape.excess(mg.stack([x, y], dim=-1).double()).numpy()
    levels = np.geomspace(max(height.min(), 1e-3 * height.max()), height.max(), 12)
    axes.contour(x.numpy(), y.numpy(), height, levels=levels, colors="#999999", linewidths=0.5)
    axes.plot(*landscape.start, "s", color="black", markersize=8)
    for point in landscape.minima:
        axes.plot(*point, "*", color="black", markersize=16, markeredgecolor="white", zorder=5)
    axes.set(xlabel="x_1", ylabel="x_2", xlim=(left, right), ylim=(bottom, top))


def draw(races: Sequence[tuple[Landscape, dict[str, Result]]], file: Path) -> None:
    """Draw all paths; the legends are sorted, the best first."""
    figure, axes = plt.subplots(2, 2, figsize=(19, 13))
    for ax, (landscape, results) in zip(axes.flat, races, strict=True):
        contours(ax, landscape)
        for rank, name in enumerate(sorted(results, key=lambda name: results[name].score)):
            color, line = STYLES[name]
            x, y = results[name].path.T.numpy()
            width, order = (0.8 if landscape.goal is None else 1.8), (3 - rank / 10 if line == "-" else 4)
            label = f"{name}: {describe(landscape, results[name])}"
            ax.plot(x, y, linestyle=line, color=color, linewidth=width, zorder=order, label=label)
        what = "average excess, second half" if landscape.goal is None else f"steps to {landscape.goal:g} above the minimum"
        ax.set_title(f"{landscape.title}: {what}")
        legend = ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=11, borderaxespad=0)
        plt.setp(legend.get_lines(), linewidth=2)
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def animate(races: Sequence[tuple[Landscape, dict[str, Result]]], frames: int, file: Path) -> None:
    """Write the race as an animated GIF, whose frames are closer together at the start."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 9))
    trails: list[tuple[Line2D, Line2D, Tensor]] = []
    for ax, (landscape, results) in zip(axes.flat, races, strict=True):
        contours(ax, landscape)
        ax.set(title=landscape.title, xlabel="", ylabel="", xticks=[], yticks=[])
        for name, (color, line) in STYLES.items():
            (trail,) = ax.plot([], [], linestyle=line, color=color, linewidth=1.5, label=name)
            (head,) = ax.plot([], [], "o", color=color, markersize=7, markeredgecolor="white")
            trails.append((trail, head, results[name].path))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower center", ncols=len(STYLES), fontsize=9)
    figure.tight_layout(rect=(0, 0.04, 1, 0.97))
    last = max(len(path) for *_, path in trails) - 1
    steps = np.unique(np.geomspace(1, last + 1, frames).astype(int) - 1)
    writer = PillowWriter(fps=6)
    file.parent.mkdir(parents=True, exist_ok=True)
    with writer.saving(figure, str(file), dpi=60):
        for step in tqdm([*steps, *[last] * 6], desc="frames of the animation"):
            figure.suptitle(f"step {step}")
            for trail, head, path in trails:
                x, y = path[: step + 1].T.numpy()
                trail.set_data(x, y)
                head.set_data(x[-1:], y[-1:])
            writer.grab_frame()
    plt.close(figure)
    print(f"animation: {file}")


def show_results(races: Sequence[tuple[Landscape, dict[str, Result]]]) -> None:
    """Print the table."""
    print(" " * 11 + "".join(f"{landscape.title:>28}" for landscape, _ in races))
    for name in OPTIMIZERS:
        print(f"{name:11}" + "".join(f"{describe(landscape, results[name]):>28}" for landscape, results in races))


def show_statements(races: Sequence[tuple[Landscape, dict[str, Result]]]) -> None:
    """Print what the race has shown."""
    (_, in_bowl), (_, in_valley), (over_saddle, leaving), (_, noisy) = races
    fastest = {
        landscape.title: [name for name in results if results[name].score == min(one.score for one in results.values())]
        for landscape, results in races
    }
    names = "; ".join(f"{title}: {' and '.join(found)}" for title, found in fastest.items())
    show(f"no optimizer is the fastest everywhere. {names}", not set.intersection(*map(set, fastest.values())))
    ratios = [results["GD"].score / results["Momentum"].score for results in (in_bowl, in_valley)]
    apart = max((results["Heavy ball"].path - results["Momentum"].path).abs().max().item() for _, results in races)
    show(
        f"momentum is {ratios[0]:.1f} times as fast as gradient descent in the bowl, {ratios[1]:.1f} times in the curved "
        f"valley; the heavy ball is nowhere further from it than {apart:.0e}",
        min(ratios) > 1.5 and apart < 1e-9,
    )
    plain = later_from_the_ridge(over_saddle, leaving, ["GD", "Momentum", "NAG"])
    divided = later_from_the_ridge(over_saddle, leaving, ["Adagrad", "RMSprop", "Adam", "Nadam"])
    text = ", ".join(f"{name} {steps:g}" for name, steps in (plain | divided).items())
    show(
        f"steps more from a millionth of the distance to the ridge of the saddle: {text}",
        min(plain.values()) >= 10 and max(divided.values()) <= 2,
    )
    excess = [result.score for result in noisy.values()]
    faster = min(result.scores[result.best + 2] / result.score for result in noisy.values())
    show(
        f"with single samples all stay above the least loss, {min(excess):.3f} to {max(excess):.3f} on average; with about "
        f"five times its best rate each at least {faster:.1f} times as far",
        min(excess) > 0 and faster > 1.5,
    )


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, Result]]:
    """Run the program and return the results by landscape and optimizer."""
    args = parser("A race of optimizers.").parse_args(argv)
    places = landscapes(args.seed, args.quick)
    races = [(place, race(place)) for place in tqdm(places, desc="landscapes")]
    show_results(races)
    draw(races, args.output / "optimizer_race.png")
    animate(races, 10 if args.quick else 36, args.output / "optimizer_race.gif")
    show_statements(races)
    return {place.title: results for place, results in races}


if __name__ == "__main__":
    main()
