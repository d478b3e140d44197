"""Gradient descent on functions of one and two variables: steps, learning rates, zig-zag, momentum, random starts.

A step of gradient descent is x <- x - lr f'(x). (The lecture also says "the weight minus the gradient": it is minus the
gradient times the learning rate. And the minimum is not where the derivative is least, but where it is zero.) The program
shows on the lecture's function f(x) = x^2 - 6 x + 5

1. the first steps from x = 5, with x_1 = 5 - 4 lr;
2. that the learning rate decides: with the curvature L = f'' = 2 every step multiplies the distance from the minimum by
   1 - lr L, so gradient descent converges if and only if lr < 2 / L = 1;
3. how many steps it takes until the derivative is small, where the lecture's other rule is to stop after a fixed number;
4. several variables: one partial derivative for each, and the largest curvature of all directions sets the limit 2 / L. So in
   an ill-conditioned bowl the path zig-zags across the valley while it creeps along it. Momentum is the remedy;
5. that momentum overshoots: it passes the minimum, and still converges;
6. random starts: all lead to the global minimum if the function is convex, and only then.

    python examples/gradient_descent.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from common import finish, parser, show
from matplotlib.axes import Axes

import minigrad as mg
from minigrad import Tensor
from minigrad.autograd.functional import hessian

Function = Callable[[Tensor], Tensor]
START = [5.0]
RATES = {"too small": 0.02, "right": 0.3, "in one step": 0.5, "critical": 1.0, "divergent": 1.1}
COLORS = ["#0072b2", "#009e73", "#e69f00", "#cc79a7", "#d55e00"]
CURVATURES = mg.tensor([1.0, 50.0], dtype=mg.float64)
TOLERANCE = 1e-6


def parabola(x: Tensor) -> Tensor:
    """Return the lecture's x^2 - 6 x + 5, summed over the elements; least at x = 3, where it is -4."""
    return (x**2 - 6 * x + 5).sum()


def bowl(x: Tensor) -> Tensor:
    """Return (x_1^2 + 50 x_2^2) / 2."""
    return (CURVATURES * x**2).sum() / 2


def two_valleys(x: Tensor) -> Tensor:
    """Return (x^2 - 1)^2 + 0.3 x, summed over the elements; it has a global minimum near -1 and a local one near 1."""
    return ((x**2 - 1) ** 2 + 0.3 * x).sum()


def descend(f: Function, start: Sequence[float], lr: float, steps: int, momentum: float = 0.0) -> Tensor:
    """Return the path of gradient descent, (steps + 1, number of variables)."""
    x = mg.tensor(start, dtype=mg.float64, requires_grad=True)
    optimizer = mg.optim.SGD([x], lr=lr, momentum=momentum)
    path = [x.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        f(x).backward()
        optimizer.step()
        path.append(x.detach().clone())
    return mg.stack(path)


def derivative(f: Function, point: Tensor) -> Tensor:
    """Return the gradient at a point."""
    x = point.clone().requires_grad_()
    f(x).backward()
    assert x.grad is not None
    return x.grad


def largest_curvature(f: Function, n: int) -> float:
    """Return the largest diagonal element of the Hessian: the largest eigenvalue, since the functions here are separable."""
    matrix = hessian(f, mg.zeros(n, dtype=mg.float64))
    assert isinstance(matrix, Tensor)
    return float(matrix.diagonal().max().item())


def steps_until_flat(f: Function, start: Sequence[float], lr: float, momentum: float = 0.0, limit: int = 5000) -> int:
    """Return the number of steps until no partial derivative exceeds the tolerance; `limit` if that does not happen."""
    path = descend(f, start, lr, limit, momentum)
    flat = derivative(f, path).abs().amax(dim=1) <= TOLERANCE
    return int(flat.int().argmax().item()) if bool(flat.any()) else limit


def show_first_steps() -> None:
    """Print the first steps on the parabola."""
    path = descend(parabola, START, lr=0.1, steps=5)
    print("f(x) = x^2 - 6 x + 5 from x = 5, learning rate 0.1\nstep        x    f'(x)     f(x)")
    for k, x in enumerate(path):
        print(f"{k:4d} {x.item():8.5f} {derivative(parabola, x).item():8.5f} {parabola(x).item():8.5f}")
    firsts = [(lr, descend(parabola, START, lr, 1)[1].item()) for lr in RATES.values()]
    show("the first step leads to 5 - 4 lr", all(abs(x - (5 - 4 * lr)) < 1e-12 for lr, x in firsts))


def show_rates(steps: int) -> dict[str, Tensor]:
    """Compare learning rates on the parabola, with the distances that the factor 1 - lr L predicts; return the paths."""
    limit = 2 / largest_curvature(parabola, 1)
    paths = {name: descend(parabola, START, lr, 20) for name, lr in RATES.items()}
    print(
        f"\nThe learning rate; the limit is 2 / L = {limit:g}\n             lr  factor   x after 20 steps   steps until flat"
    )
    for name, lr in RATES.items():
        count, end = steps_until_flat(parabola, START, lr, limit=steps), paths[name][-1].item()
        reached = count if count < steps else "never"
        print(f"{name:12} {lr:4g} {1 - 2 * lr / limit:6.2f} {end:18.8f}   {reached}")
    exact = all(
        abs(path[k].item() - (3 + 2 * (1 - 2 * lr / limit) ** k)) < 1e-9 * max(1, abs(path[k].item()))
        for lr, path in zip(RATES.values(), paths.values(), strict=True)
        for k in range(21)
    )
    show("after k steps the distance from the minimum is 2 (1 - lr L)^k, for each of these rates", exact)
    near = {lr: abs(descend(parabola, START, lr, steps)[-1].item() - 3) for lr in (0.99 * limit, limit, 1.01 * limit)}
    below, at, above = near.values()
    text = ", ".join(f"lr {lr:g}: {distance:.2g}" for lr, distance in near.items())
    show(
        f"it converges below the limit, oscillates at the limit, diverges above; |x - 3| after {steps} steps: {text}",
        below < 0.1 < at == 2 < above,
    )
    counts = {lr: steps_until_flat(parabola, START, lr, limit=steps) for lr in (0.1, 0.2, 0.4)}
    known = {lr: math.ceil(math.log(TOLERANCE / 4) / math.log(1 - 2 * lr)) for lr in counts}
    show(
        f"until the derivative is at most {TOLERANCE:g} it takes log({TOLERANCE:g} / 4) / log(1 - 2 lr) steps: {counts}",
        counts == known,
    )
    return paths


def crossings(values: Tensor) -> int:
    """Return how often a sequence changes its sign."""
    return int((values[1:] * values[:-1] < 0).sum().item())


def show_zig_zag() -> dict[str, Tensor]:
    """Compare gradient descent and momentum in the bowl, with one learning rate just below the limit; return the paths."""
    start, limit = [10.0, 1.0], 2 / largest_curvature(bowl, 2)
    lr = 0.95 * limit
    paths = {f"momentum {m:g}": descend(bowl, start, lr, 40, m) for m in (0.0, 0.7)}
    counts = [steps_until_flat(bowl, start, lr, m) for m in (0.0, 0.7)]
    print(f"\nA bowl with the curvatures {CURVATURES.tolist()}, so that the limit is {limit:g}; from {start}, lr {lr:g}")
    print("              after 20 steps: across   along   steps until flat")
    for (name, path), count in zip(paths.items(), counts, strict=True):
        print(f"{name:12}  {path[20, 1].abs().item():22.4f} {path[20, 0].abs().item():7.3f}   {count:16d}")
    zig_zag = crossings(paths["momentum 0"][:, 1])
    show(
        f"gradient descent zig-zags, {zig_zag} times across the valley in 40 steps; momentum damps this and is faster along "
        f"it: {counts[1]} steps instead of {counts[0]}",
        zig_zag == 40 and counts[1] < counts[0] / 2,
    )
    inside, outside = (steps_until_flat(bowl, start, part * limit) for part in (0.99, 1.01))
    show("the largest of the curvatures sets the limit: it converges at 0.99 and not at 1.01 of it", inside < 5000 == outside)
    return paths


def show_overshooting() -> dict[str, Tensor]:
    """Compare gradient descent and momentum on the parabola with a small learning rate."""
    paths = {f"momentum {m:g}": descend(parabola, START, 0.02, 250, m) for m in (0.0, 0.5, 0.9)}
    print("\nOvershooting, learning rate 0.02: the furthest point beyond the minimum at 3, and the last point")
    for name, path in paths.items():
        print(f"{name:12}  {max(0.0, 3 - path.min().item()):.4f}  {path[-1].item():.6f}")
    plain, _, strong = paths.values()
    show(
        f"momentum 0.9 overshoots by {3 - strong.min().item():.3f} and still converges, to {strong[-1].item():.6f}; gradient "
        "descent does not pass the minimum",
        strong.min().item() < 2.5 and plain.min().item() >= 3 and abs(strong[-1].item() - 3) < 1e-3,
    )
    return paths


def show_random_starts(seed: int) -> tuple[Tensor, Tensor]:
    """Start from 100 random points on the parabola and on the function of two valleys; return starts and ends of these."""
    generator = mg.Generator().manual_seed(seed)
    starts = (4 * mg.rand(100, generator=generator, dtype=mg.float64) - 2).tolist()
    convex = descend(parabola, starts, 0.1, 200)[-1]
    ends = descend(two_valleys, starts, 0.02, 500)[-1]
    share = (ends < 0).double().mean().item()
    print("\n100 random starts from -2 to 2. The lecture says that gradient descent finds the optimum from any of them.")
    show(
        f"on the parabola all end at 3, to {(convex - 3).abs().max().item():.0e}; on (x^2 - 1)^2 + 0.3 x only {share:.0%} "
        f"end at the global minimum {ends.min().item():.4f}, the others at {ends.max().item():.4f}",
        (convex - 3).abs().max().item() < 1e-6 and 0 < share < 1,
    )
    return mg.tensor(starts), ends


def plot_curve(axes: Axes, f: Function, low: float, high: float) -> None:
    """Draw a function of one variable."""
    x = mg.linspace(low, high, 200)
    axes.plot(x.numpy(), [f(value).item() for value in x], color="black", linewidth=1)
    axes.set(xlabel="x", ylabel="f(x)", xlim=(low, high))


def draw(
    rates: dict[str, Tensor],
    zig_zag: dict[str, Tensor],
    overshooting: dict[str, Tensor],
    starts: Tensor,
    ends: Tensor,
    file: Path,
) -> None:
    """Draw a panel for each subject."""
    figure, axes = plt.subplots(2, 3, figsize=(18, 10.5))
    (curve, distance, starts_axes), (bowl_axes, valley, momentum_axes) = axes
    plot_curve(curve, parabola, -3, 9)
    for (name, path), color in zip(rates.items(), COLORS, strict=True):
        points = path[:6].flatten()
        label = f"{name}, lr {RATES[name]:g}"
        curve.plot(points.numpy(), [parabola(x).item() for x in points], "o-", color=color, alpha=0.8, label=label)
        distance.semilogy((path.flatten() - 3).abs().clamp(min=1e-17).numpy(), "o-", color=color, markersize=4, label=label)
    curve.set(title="Five steps from x = 5", ylim=(-6, 34))
    distance.set(xlabel="step", ylabel="|x - 3|", title="Distance from the minimum", ylim=(1e-9, 1e3))
    for (name, path), color in zip(zig_zag.items(), COLORS, strict=False):
        bowl_axes.plot(path[:, 0].numpy(), path[:, 1].numpy(), "o-", color=color, markersize=4, label=name)
        valley.semilogy([bowl(x).item() for x in path], color=color, label=name)
    x, y = mg.meshgrid(mg.linspace(-6, 11, 100), mg.linspace(-1.5, 1.5, 100), indexing="xy")
    height = (CURVATURES[0] * x**2 + CURVATURES[1] * y**2) / 2
    bowl_axes.contour(x.numpy(), y.numpy(), height.numpy(), levels=[1, 5, 15, 30, 60, 120], cmap="Greys_r", linewidths=0.7)
    bowl_axes.set(xlabel="x_1", ylabel="x_2", title="Zig-zag in an ill-conditioned bowl")
    valley.set(xlabel="step", ylabel="f", title="The value in the bowl")
    for (name, path), color in zip(overshooting.items(), COLORS[::2], strict=True):
        momentum_axes.plot(path.flatten().numpy(), color=color, label=name)
    momentum_axes.axhline(3, color="black", linewidth=1, label="minimum")
    momentum_axes.set(xlabel="step", ylabel="x", title="Momentum overshoots, lr 0.02")
    plot_curve(starts_axes, two_valleys, -1.8, 1.8)
    for side, color, label in ((ends < 0, "#0072b2", "to the global minimum"), (ends > 0, "#d55e00", "to the local minimum")):
        chosen = starts[side]
        starts_axes.plot(chosen.numpy(), [two_valleys(x).item() for x in chosen], "o", color=color, markersize=4, label=label)
    starts_axes.set(title="Where 100 random starts lead")
    finish(figure, axes.flat, file)


def main(argv: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Run the program and return the paths on the parabola, one for each learning rate."""
    args = parser("Gradient descent on functions of one and two variables.").parse_args(argv)
    show_first_steps()
    rates = show_rates(steps=200 if args.quick else 1000)
    zig_zag = show_zig_zag()
    overshooting = show_overshooting()
    starts, ends = show_random_starts(args.seed)
    draw(rates, zig_zag, overshooting, starts, ends, args.output / "gradient_descent.png")
    return rates


if __name__ == "__main__":
    main()
