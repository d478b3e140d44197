"""The lecture's tables on the optimizers, property by property: confirmed or corrected by numbers.

Speeds are compared in bowls (x_1^2 + c x_2^2) / 2: round, c = 1; narrow, c = 50; or narrow and turned by 45 degrees. Each
optimizer has its best learning rate of a grid, and "steps" are those after which the loss stays within 0.001 of the minimum.
What three kinds of batches do is in `batch_sizes.py`, what each optimizer adds to another in `optimizer_lineage.py`.

    python examples/optimizer_tables.py
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import matplotlib.pyplot as plt
from common import OPTIMIZERS, Cell, Loss, Make, descend, feed, parser, save, show_cells
from matplotlib.transforms import Bbox
from optimizers import kept_inside_and_slower, optimize_slopes
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor, optim

Evidence = list[tuple[str, bool]]  # the numbers, and whether they bear the verdict out

VERDICTS = {
    "SGD": [
        ("is simple", "confirmed"),
        ("converges slowly", "corrected"),
        ("may end in a local minimum", "confirmed"),
    ],
    "Momentum": [
        ("averages the gradients", "corrected"),
        ("reduces oscillation", "corrected"),
        ("is faster than SGD", "confirmed"),
        ("leaves local minima easily", "corrected"),
        ("may overshoot, by its strength", "confirmed"),
        ("is gradient descent near 0", "confirmed"),
    ],
    "NAG": [
        ("is faster than standard momentum", "confirmed"),
        ("takes the gradient after the move", "confirmed"),
    ],
    "Heavy ball": [
        ("is slowed so as not to overshoot", "corrected"),
        ("uses sum and difference of gradients", "corrected"),
    ],
    "Adagrad": [
        ("has a rate for each parameter", "confirmed"),
        ("raises the rate for small gradients", "corrected"),
        ("converges fast, by these rates", "corrected"),
        ("needs no tuning, has one parameter", "corrected"),
        ("stops at last (overshooting)", "corrected"),
    ],
    "RMSprop": [
        ("keeps its rate, by an average", "confirmed"),
        ("is faster than SGD", "corrected"),
        ("reduces unnecessary updates", "corrected"),
        ("is more stable than Adagrad", "corrected"),
    ],
    "Adam": [
        ("combines momentum and RMSprop", "confirmed"),
        ("guarantees stable convergence", "corrected"),
        ("is corrected to move at slope 0", "corrected"),
        ("begins with a large, falling rate", "corrected"),
        ("does not oscillate at the optimum", "corrected"),
        ("is not sensitive to hyper-parameters", "confirmed"),
        ("is worse than others at times", "confirmed"),
    ],
}
RATES = [digit * 10.0**power for power in range(-3, 2) for digit in (1, 2, 5)]
STEPS = 1000


def bowl(x: Tensor, c: float, turned: bool) -> Tensor:
    """Return (x_1^2 + c x_2^2) / 2, or this turned by 45 degrees."""
    a, b = x[..., 0], x[..., 1]
    if turned:
        a, b = math.sqrt(0.5) * (a + b), math.sqrt(0.5) * (a - b)
    return (a**2 + c * b**2) / 2


@cache
def steps_in_bowl(name: str, c: float, turned: bool = False) -> list[float]:
    """Return for each rate the steps after which the loss stays at most 0.001; infinity if it does not."""
    start = (math.sqrt(4.5), math.sqrt(0.5)) if turned else (2.0, 1.0)
    paths = descend(OPTIMIZERS[name], lambda x, k: bowl(x, c, turned), start, STEPS, RATES)
    above = ~(bowl(paths, c, turned) <= 1e-3)
    counts = (above * mg.arange(1, STEPS + 2).unsqueeze(1)).amax(dim=0).tolist()
    return [count if count <= STEPS else math.inf for count in counts]


def fewest(name: str, c: float, turned: bool = False) -> float:
    """Return the steps with the best rate."""
    return min(steps_in_bowl(name, c, turned))


def good_rates(name: str) -> int:
    """Return how many rates take at most three times the fewest steps in the narrow bowl."""
    return sum(count <= 3 * fewest(name, 50) for count in steps_in_bowl(name, 50))


def parabola(x: Tensor, k: int = 0) -> Tensor:
    """Return x^2 / 2."""
    return x**2 / 2


def path(make: Make, start: Sequence[float], lr: float, steps: int, loss: Loss = parabola) -> Tensor:
    """Return the path with one learning rate, (steps + 1, n)."""
    return descend(make, loss, start, steps, [lr])[:, 0]


def momentum(mu: float, dampening: float = 0.0) -> Make:
    """Return what makes the optimizer with a momentum."""
    return lambda groups: optim.SGD(groups, momentum=mu, dampening=dampening)


def largest(values: Tensor) -> float:
    """Return the largest absolute value."""
    return float(values.abs().max().item())


def crossings(values: Tensor) -> int:
    """Return how often a sequence changes its sign."""
    return int((values[1:] * values[:-1] < 0).sum().item())


def share_stuck(mu: float, seed: int) -> float:
    """Return the share of 200 random starts from which (x^2 - 1)^2 + 0.3 x is minimized only locally, near 0.96."""
    starts = (4 * mg.rand(200, generator=mg.Generator().manual_seed(seed), dtype=mg.float64) - 2).tolist()
    ends = path(momentum(mu), starts, 0.01, STEPS, lambda x, k: (x**2 - 1) ** 2 + 0.3 * x)[-1]
    return float((ends > 0).double().mean().item())


def draw_gradients(seed: int, steps: int, n: int = 1) -> Tensor:
    """Draw normal gradients, (steps, n)."""
    return mg.randn(steps, n, generator=mg.Generator().manual_seed(seed), dtype=mg.float64)


def kept_numbers(name: str) -> int:
    """Return how many numbers an optimizer keeps for each parameter between steps."""
    x = mg.ones(7, requires_grad=True)
    optimizer = OPTIMIZERS[name]([{"params": x}])
    x.sum().backward()
    optimizer.step()
    return sum(value.numel() == 7 for value in optimizer.state[x].values())


def judge_sgd(seed: int) -> Evidence:
    """Measure the properties of SGD."""
    kept = {name: kept_numbers(name) for name in ("GD", "Momentum", "Adagrad", "RMSprop", "Adam")}
    in_round, in_narrow, adam = fewest("GD", 1), fewest("GD", 50), fewest("Adam", 50)
    stuck = share_stuck(0.0, seed)
    numbers = ", ".join(f"{name} {count}" for name, count in kept.items())
    return [
        (f"numbers kept for each parameter: {numbers}", list(kept.values()) == [0, 1, 1, 1, 2]),
        (
            f"{in_narrow} steps in the narrow bowl, Adam {adam}; in the round one {in_round}",
            in_round < adam < in_narrow,
        ),
        (f"so do {stuck:.0%} of 200 random starts", 0.3 < stuck < 0.7),
    ]


def judge_momentum(seed: int) -> Evidence:
    """Measure the properties of momentum."""
    total = feed(partial(optim.SGD, momentum=0.9), mg.ones(100, 1), state="momentum_buffer").state[-1].item()
    limit, narrow = 2 / 50, lambda x, k: bowl(x, 50, turned=False)
    near = [largest(path(momentum(mu), (2.0, 1.0), 0.99 * limit, 50, narrow)[-10:, 1]) for mu in (0.0, 0.9)]
    half = [crossings(path(momentum(mu), (2.0, 1.0), 0.5 * limit, 50, narrow)[:, 1]) for mu in (0.0, 0.9)]
    stuck = [share_stuck(mu, seed) for mu in (0.0, 0.9)]
    past = {mu: max(0.0, -path(momentum(mu), [1.0], 0.1, STEPS).min().item()) for mu in (0.0, 0.7, 0.9)}
    end = largest(path(momentum(0.9), [1.0], 0.1, STEPS)[-1])
    apart = largest(path(momentum(1e-9), [1.0], 0.1, 50) - path(momentum(0.0), [1.0], 0.1, 50))
    return [
        (f"it sums them: 100 times 1 gives {total:.2f}", total > 9.99),
        (
            f"across the narrow bowl, near the limit of lr, from {near[0]:.2f} to {near[1]:.2f}; at half the limit it makes "
            f"{half[1]} crossings of {half[0]}",
            near[1] < near[0] / 3 and half[1] > 5 and half[0] == 0,
        ),
        (f"{fewest('Momentum', 50)} steps, SGD {fewest('GD', 50)}", fewest("Momentum", 50) < fewest("GD", 50) / 1.5),
        (f"{stuck[1]:.0%} of 200 starts still end in one, {stuck[0]:.0%} without it", stuck[1] > 0.2),
        (
            "; ".join(f"mu {mu:g}: {distance:.2f}" for mu, distance in past.items()) + f" of 1; it comes back, to {end:.0e}",
            past[0.0] == 0 < past[0.7] < past[0.9] and end < 1e-9,
        ),
        (f"with 1e-9 the path differs by {apart:.0e}", apart < 1e-8),
    ]


def judge_nag(seed: int) -> Evidence:
    """Measure the properties of NAG; the gradient of the parabola at the point ahead is this point."""
    start = draw_gradients(seed, 1)[0].tolist()
    theta = path(OPTIMIZERS["NAG"], start, 0.1, 50)
    last = theta[1:-1] - theta[:-2]
    wrong = largest(theta[2:] - theta[1:-1] - 0.9 * last + 0.1 * (theta[1:-1] + 0.9 * last))
    return [
        (f"{fewest('NAG', 50)} steps, momentum {fewest('Momentum', 50)}", fewest("NAG", 50) < fewest("Momentum", 50)),
        (f"of the loss at theta + mu v: so theta moves, to {wrong:.0e}", wrong < 1e-12),
    ]


def judge_heavy_ball(seed: int) -> Evidence:
    """Measure the properties of the heavy ball."""
    paths = [path(make, [1.0], 0.1, 200) for make in (OPTIMIZERS["Heavy ball"], momentum(0.9), momentum(0.9, dampening=0.5))]
    ball, standard, damped = (-one.min().item() for one in paths)
    apart = largest(paths[0] - paths[1])
    trace = feed(partial(optim.HeavyBall, lr=0.1), draw_gradients(seed, 50), state="previous")
    wrong = largest(trace.state - trace.points[:-1])
    return [
        (
            f"it overshoots by {ball:.2f}, momentum by {standard:.2f}: the paths differ by {apart:.0e}. With dampening 0.5 "
            f"momentum overshoots by {damped:.2f}",
            apart < 1e-12 and 0 < damped < ball,
        ),
        (f"of positions: its state is the position before, to {wrong:g}", wrong == 0),
    ]


def judge_adagrad(seed: int) -> Evidence:
    """Measure the properties of Adagrad."""
    adagrad = partial(optim.Adagrad, lr=0.1)
    gradients = draw_gradients(seed, 200)
    moved = feed(adagrad, gradients * mg.tensor([1.0, 100.0])).points[-1].tolist()
    gradients[100:] *= 0.01
    rates = (feed(adagrad, gradients).moves / gradients).abs()
    growth = (rates[1:] / rates[:-1]).max().item()
    straight, turned = fewest("Adagrad", 50), fewest("Adagrad", 50, turned=True)
    options = set(adagrad([mg.ones(1)]).defaults) & {"lr", "lr_decay", "initial_accumulator_value", "eps"}
    slow = path(OPTIMIZERS["Adagrad"], [1.0], 0.01, STEPS)
    return [
        (
            f"gradients, and 100 times these, move parameters by {moved[0]:.4f} and {moved[1]:.4f}",
            math.isclose(*moved, rel_tol=1e-6),
        ),
        (f"no rate rises: at most {growth:.6f} times the one before, after gradients fell to 0.01", growth < 1 + 1e-9),
        (f"{straight} steps in the narrow bowl, but {turned} in the turned one", turned > 10 * straight),
        (
            f"{good_rates('Adagrad')} of {len(RATES)} rates are within 3 times the best; it has {len(options)} parameters",
            good_rates("Adagrad") < len(RATES) / 2 and len(options) == 4,
        ),
        (
            f"short of the minimum: with lr 0.01 it is at {slow[-1].item():.2f} of 1 after {STEPS} steps, past it "
            f"{crossings(slow)} times",
            slow[-1].item() > 0.3 and crossings(slow) == 0,
        ),
    ]


def judge_rmsprop(seed: int) -> Evidence:
    """Measure the properties of RMSprop."""
    rmsprop, adagrad = partial(optim.RMSprop, lr=0.1, alpha=0.9), partial(optim.Adagrad, lr=0.1)
    lengths = [feed(make, mg.ones(STEPS, 1).double()).moves.flatten() for make in (rmsprop, adagrad)]
    kept, fallen = ((one[-1] / one[99]).item() for one in lengths)
    mine, plain = ((fewest(name, 1), fewest(name, 50)) for name in ("RMSprop", "GD"))
    moved = feed(rmsprop, draw_gradients(seed, 200) * mg.tensor([1.0, 1e-4])).moves.abs().sum(dim=0).tolist()
    restless, settled = (largest(path(OPTIMIZERS[name], [1.0], 0.1, STEPS)[-100:]) for name in ("RMSprop", "Adagrad"))
    return [
        (
            f"for a constant gradient step 1000 is {kept:.2f} times step 100, Adagrad's {fallen:.2f}",
            kept > 0.99 > 0.4 > fallen,
        ),
        (
            f"not always: {mine[0]} steps in the round bowl, SGD {plain[0]}; {mine[1]} in the narrow one, SGD {plain[1]}",
            mine[0] > plain[0] and mine[1] > plain[1],
        ),
        (
            f"gradients 1e-4 times as large move a parameter {moved[1] / moved[0]:.3f} times as far",
            moved[1] > 0.99 * moved[0],
        ),
        (
            f"with lr 0.1 it goes to and fro at {restless:.3f} from the minimum, Adagrad comes within {settled:.0e}",
            restless > 0.04 and settled < 1e-9,
        ),
    ]


def judge_adam(seed: int) -> Evidence:
    """Measure the properties of Adam."""
    adam, gradients = partial(optim.Adam, lr=0.1), draw_gradients(seed, 100)
    buffer = feed(partial(optim.SGD, momentum=0.9), gradients, state="momentum_buffer").state
    average = feed(partial(optim.RMSprop, alpha=0.999), gradients, state="square_avg").state
    apart = max(
        largest(feed(adam, gradients, state="exp_avg").state - 0.1 * buffer),
        largest(feed(adam, gradients, state="exp_avg_sq").state - average),
    )
    slopes = mg.where(mg.arange(600).unsqueeze(1) % 3 == 0, 3.0, -1.0).double()
    end = optimize_slopes(slopes, (0.0, 0.1), kept_inside_and_slower)["Adam"][-1].item()
    still = largest(feed(adam, 0 * gradients).points)
    lengths = (feed(adam, mg.ones(STEPS, 1).double()).moves.flatten().abs() / 0.1).tolist()
    noise = draw_gradients(seed, STEPS, 500)
    noisy = descend(OPTIMIZERS["Adam"], lambda x, k: parabola(x) + noise[k] * x, [0.0] * 500, STEPS, [0.1, 0.01])
    distances = noisy[STEPS // 2 :].square().mean(dim=2).mean(dim=0).sqrt().tolist()
    good = {name: good_rates(name) for name in ("Adam", "Momentum", "GD", "RMSprop")}
    return [
        (f"its state is 0.1 times the buffer of one and the average of the other, to {apart:.0e}", apart < 1e-12),
        (f"with the loss 3 x every third step, else -x, from -1 to 1, it ends at {end:.2f}, the worst point", end > 0.9),
        (
            f"there it moves by {still:g}. It is corrected for averages that begin at 0: step 1 is {lengths[0]:.3f} lr",
            still == 0 and abs(lengths[0] - 1) < 1e-6,
        ),
        (
            f"for a constant gradient steps 1, 10, 1000 are {lengths[0]:.3f}, {lengths[9]:.3f}, {lengths[999]:.3f} lr",
            max(lengths) - min(lengths) < 1e-6,
        ),
        (
            f"with noise of 1 it is {distances[0]:.3f} away with lr 0.1, {distances[1]:.3f} with lr 0.01: lr must fall",
            distances[0] > 0.1 and distances[0] > 2 * distances[1] > 0.05,
        ),
        (
            f"rates within 3 times the best, of {len(RATES)}: "
            + ", ".join(f"{name} {count}" for name, count in good.items()),
            good["Adam"] >= 2 * max(good["Momentum"], good["GD"], good["RMSprop"]),
        ),
        (f"{fewest('Adam', 1)} steps in the round bowl, SGD {fewest('GD', 1)}", fewest("Adam", 1) > 10 * fewest("GD", 1)),
    ]


JUDGES = [judge_sgd, judge_momentum, judge_nag, judge_heavy_ball, judge_adagrad, judge_rmsprop, judge_adam]


def draw(cells: Sequence[Cell], file: Path) -> None:
    """Draw the table: confirmed cells green, corrected ones orange."""
    figure, axes = plt.subplots(figsize=(17, 0.36 * len(cells) + 0.4))
    rows = [[cell.kind, cell.says, cell.verdict if cell.holds else "not shown", cell.reason] for cell in cells]
    colors = [["#d9ecd5" if cell.verdict == "confirmed" else "#fbe0b8"] * 4 for cell in cells]
    titles, widths = ["optimizer", "the lecture says that it", "verdict", "measured"], [0.07, 0.21, 0.07, 0.65]
    table = axes.table(rows, colors, "left", widths, colLabels=titles, colLoc="left", bbox=Bbox.unit())
    for (_, column), box in table.get_celld().items():
        box.PAD = 0.008 / widths[column]
    table.auto_set_font_size(False)
    table.set_fontsize(11)
    axes.axis("off")
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> list[Cell]:
    """Run the program and return the judged cells."""
    args = parser("The lecture's tables on the optimizers, judged.").parse_args(argv)
    cells = []
    for (kind, properties), judge in zip(tqdm(VERDICTS.items(), desc="optimizers"), JUDGES, strict=True):
        for (says, verdict), (reason, holds) in zip(properties, judge(args.seed), strict=True):
            cells.append(Cell(kind, says, verdict, reason, holds))
    draw(cells, args.output / "optimizer_tables.png")
    show_cells(cells)
    return cells


if __name__ == "__main__":
    main()
