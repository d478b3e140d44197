"""Problems of gradient descent and their remedies: the four rows of the lecture's table, each made to fail and then mended.

| problem                                     | remedies                                                               |
|---------------------------------------------|------------------------------------------------------------------------|
| it does not converge                        | another learning rate, another start, another algorithm                |
| it converges to a local minimum             | another start, momentum or another algorithm                           |
| overfitting                                 | a penalty (L1 or L2), more data; and early stopping                    |
| numerical instability                       | scaled inputs, another algorithm; and clipped gradients                |

Two remarks on the table. Its cause of the first problem, "the function is not linear", is true of every loss; what matters
is that the curvature changes from place to place, so that the limit 2 / curvature of the learning rate does too. And the
remedies of the fourth are not equal: all keep the numbers finite, but only scaled inputs lead near the minimum in the same
number of steps.

    python examples/problems_and_remedies.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
from common import load_cars, parser, save, show
from matplotlib.axes import Axes

import minigrad as mg
from minigrad import Tensor, nn, optim

Function = Callable[[Tensor], Tensor]
Make = Callable[[Iterable[Tensor]], optim.Optimizer]
COLORS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]


def quartic(x: Tensor) -> Tensor:
    """Return x^4 / 4 + x^2 / 2; its curvature is 1 + 3 x^2. A step multiplies x by 1 - lr (1 + x^2)."""
    return x**4 / 4 + x**2 / 2


def two_valleys(x: Tensor) -> Tensor:
    """Return (x^2 - 1)^2 + 0.3 x, with a local minimum at 0.9601 and the global one at -1.0356."""
    return (x**2 - 1) ** 2 + 0.3 * x


def descend(f: Function, start: float, make: Make, steps: int) -> list[float]:
    """Return the path of an optimizer, to the first value that is not finite."""
    x = mg.tensor(start, dtype=mg.float64, requires_grad=True)
    optimizer = make([x])
    path = [start]
    while len(path) <= steps and abs(path[-1]) < 1e50:
        optimizer.zero_grad()
        f(x).backward()
        optimizer.step()
        path.append(x.item())
    return path


def sgd(lr: float, momentum: float = 0.0) -> Make:
    """Return what makes the optimizer of gradient descent for given parameters."""
    return lambda params: optim.SGD(params, lr=lr, momentum=momentum)


def no_convergence() -> dict[str, list[float]]:
    """Row 1: find the minimum of the quartic at 0 in 500 steps."""
    paths = {
        "lr 0.1 from 5": descend(quartic, 5, sgd(0.1), 500),
        "lr 0.0001 from 5": descend(quartic, 5, sgd(0.0001), 500),
        "lr 0.05 from 5": descend(quartic, 5, sgd(0.05), 500),
        "lr 0.1 from 4": descend(quartic, 4, sgd(0.1), 500),
        "RMSprop, lr 0.1 from 5": descend(quartic, 5, lambda params: optim.RMSprop(params, lr=0.1), 500),
    }
    print("\n1. It does not converge: x^4 / 4 + x^2 / 2, 500 steps")
    for name, path in paths.items():
        print(f"   {name:24} x = {path[-1]:.3g} after {len(path) - 1} steps")
    ends = [abs(path[-1]) for path in paths.values()]
    show(
        f"the learning rate was too large or too small; a better one, a start within sqrt(2 / lr - 1) = {math.sqrt(19):.2f}, "
        f"or RMSprop mends it: |x| <= {max(ends[2:]):.0e}",
        ends[0] > 1e50 and ends[1] > 1 and max(ends[2:]) < 1e-3,
    )
    return paths


def local_minimum() -> dict[str, list[float]]:
    """Row 2: find the global minimum in 2000 steps."""
    paths = {
        "lr 0.01 from 2": descend(two_valleys, 2, sgd(0.01), 2000),
        "lr 0.01 from 0": descend(two_valleys, 0, sgd(0.01), 2000),
        "momentum 0.9 from 2": descend(two_valleys, 2, sgd(0.01, momentum=0.9), 2000),
        "NAG, 0.9, from 2": descend(two_valleys, 2, lambda params: optim.NAG(params, lr=0.01, momentum=0.9), 2000),
        "Adam, lr 0.01 from 2": descend(two_valleys, 2, lambda params: optim.Adam(params, lr=0.01), 2000),
    }
    print("\n2. A local minimum: (x^2 - 1)^2 + 0.3 x, 2000 steps")
    for name, path in paths.items():
        print(f"   {name:24} x = {path[-1]:.4f}, f = {two_valleys(mg.tensor(path[-1], dtype=mg.float64)).item():.4f}")
    plain, start, momentum, nag, adam = (path[-1] for path in paths.values())
    show(
        f"gradient descent stays at {plain:.4f}; from another start, or with momentum, it ends at {momentum:.4f}; not every "
        f"other algorithm does so: Adam ends at {adam:.4f}",
        abs(plain - adam) < 1e-6 and plain > 0 and max(start, momentum, nag) < -1.03,
    )
    return paths


@dataclass
class Fit:
    """The errors of a training, every ten steps: training, validation and test."""

    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)


CENTERS = mg.linspace(-1, 1, 25, dtype=mg.float64)


def features(x: Tensor) -> Tensor:
    """Return 25 bumps exp(-(x - c)^2 / (2 * 0.15^2)), (n, 25)."""
    return (-(((x - CENTERS) / 0.15) ** 2) / 2).exp()


def draw_points(n: int, generator: mg.Generator) -> tuple[Tensor, Tensor]:
    """Draw x from -1 to 1, (n, 1), and y = sin(3 x) + noise of standard deviation 0.5, (n, 1)."""
    x = 2 * mg.rand(n, 1, generator=generator, dtype=mg.float64) - 1
    return x, (3 * x).sin() + 0.5 * mg.randn(n, 1, generator=generator, dtype=mg.float64)


def fit(n: int, seed: int, steps: int, l1: float = 0.0, l2: float = 0.0) -> tuple[nn.Linear, Fit]:
    """Fit the bumps to n of 200 points with the penalty l1 |w|_1 + (l2 / 2) |w|^2 of the weights, but not of the bias."""
    generator = mg.Generator().manual_seed(seed)
    (x, y), *others = [draw_points(count, generator) for count in (200, 100, 1000)]
    x, y = features(x[:n]), y[:n]
    others = [(features(points), values) for points, values in others]
    model = nn.Linear(len(CENTERS), 1, dtype=mg.float64)
    assert model.bias is not None
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    groups = [{"params": [model.weight], "weight_decay": l2}, {"params": [model.bias]}]
    optimizer = optim.SGD(groups, lr=0.1, momentum=0.9)
    criterion, errors = nn.MSELoss(), Fit()
    for k in range(steps + 1):
        loss = criterion(model(x), y)
        if k % 10 == 0:
            errors.training.append(loss.item())
            with mg.no_grad():
                for values, (points, targets) in zip((errors.validation, errors.test), others, strict=True):
                    values.append(criterion(model(points), targets).item())
        optimizer.zero_grad()
        (loss + l1 * model.weight.abs().sum()).backward()
        optimizer.step()
    return model, errors


def overfitting(seed: int, steps: int) -> tuple[dict[str, nn.Linear], dict[str, Fit], int]:
    """Row 3: predict new points after a fit to 20 points; return the models, the errors and where early stopping stops."""
    settings = {
        "no remedy": fit(20, seed, steps),
        "L2, 0.1": fit(20, seed, steps, l2=0.1),
        "L1, 0.03": fit(20, seed, steps, l1=0.03),
        "200 points": fit(200, seed, steps),
    }
    models = {name: model for name, (model, _) in settings.items()}
    errors = {name: one for name, (_, one) in settings.items()}
    plain = errors["no remedy"]
    stop = min(range(len(plain.validation)), key=lambda k: plain.validation[k])
    tests = {name: one.test[-1] for name, one in errors.items()} | {"early stopping": plain.test[stop]}
    print(f"\n3. Overfitting: 25 weights, 20 points of sin(3 x) + noise, {steps} steps; the variance of the noise is 0.25")
    for name, value in tests.items():
        training = plain.training[stop] if name == "early stopping" else errors[name].training[-1]
        print(f"   {name:24} mean squared error: training {training:.3f}, test {value:.3f}")
    worst = max(value for name, value in tests.items() if name != "no remedy")
    show(
        f"without a remedy the test error is {plain.test[-1]:.3f}, {plain.test[-1] / plain.training[-1]:.0f} times that of "
        f"the training; with any of the remedies it is at most {worst:.3f}. Early stopping stops after {10 * stop} steps",
        plain.test[-1] > 2 * plain.training[-1] and worst < 0.9 * plain.test[-1],
    )
    return models, errors, stop


@dataclass
class Training:
    """The losses before each step; and the first step after which a weight is not finite, None if there is none."""

    losses: list[float]
    broken: int | None = None


def train_cars(scaled: bool, make: Make, steps: int, clip: float | None = None) -> Training:
    """Train the linear model of the fuel economy of cars with all of them in each step, in float32."""
    cars = load_cars(standardized=scaled)
    model = nn.Linear(cars.x.shape[1], 1)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer, training = make(model.parameters()), Training([])
    for k in range(1, steps + 1):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(cars.x), cars.y)
        training.losses.append(loss.item())
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if not all(bool(p.isfinite().all()) for p in model.parameters()):
            training.broken = k
            break
    return training


def instability(steps: int) -> dict[str, Training]:
    """Row 4: train with unscaled inputs, weights of cars up to 5140 pounds, in float32."""
    runs = {
        "unscaled": train_cars(False, sgd(0.001), steps),
        "scaled": train_cars(True, sgd(0.001), steps),
        "gradients clipped to 1": train_cars(False, sgd(0.001), steps, clip=1.0),
        "Adam, lr 0.1": train_cars(False, lambda params: optim.Adam(params, lr=0.1), steps),
    }
    least = load_cars().optimum
    print(f"\n4. Numerical instability: the cars in float32, lr 0.001, {steps} steps; the least possible loss is {least:.2f}")
    for name, run in runs.items():
        end = f"{run.losses[-1]:.2f}" if run.broken is None else f"not finite; nor are the weights after step {run.broken}"
        print(f"   {name:24} loss {end}")
    unscaled, scaled, *finite = runs.values()
    others = [run.losses[-1] for run in finite]
    show(
        f"with unscaled inputs the weights are infinite after step {unscaled.broken}; all remedies keep them finite, but "
        f"only scaled inputs come near the least loss: {scaled.losses[-1]:.2f}; clipping {others[0]:.2f}, "
        f"Adam {others[1]:.2f}",
        unscaled.broken is not None
        and all(run.broken is None for run in runs.values() if run is not unscaled)
        and scaled.losses[-1] < 1.05 * least < min(others),
    )
    return runs


def draw_curve(axes: Axes, f: Function, low: float, high: float, paths: dict[str, list[float]]) -> None:
    """Draw a function, and where paths end on it."""
    x = mg.linspace(low, high, 300, dtype=mg.float64)
    axes.plot(x.numpy(), f(x).numpy(), color="black", linewidth=1)
    for k, (name, path) in enumerate(paths.items()):
        points = mg.tensor([path[0], path[-1]], dtype=mg.float64)
        axes.plot(points.numpy()[:1], f(points).numpy()[:1], "o", color=COLORS[k], fillstyle="none", markersize=8 + 4 * k)
        axes.plot(points.numpy()[1:], f(points).numpy()[1:], "o", color=COLORS[k], markersize=14 - 2 * k, label=name)
    axes.set(xlabel="x", ylabel="f(x)", title="2. A local minimum; circles: start, dots: end")


def draw(
    rates: dict[str, list[float]],
    valleys: dict[str, list[float]],
    models: dict[str, nn.Linear],
    errors: dict[str, Fit],
    stop: int,
    cars: dict[str, Training],
    seed: int,
    file: Path,
) -> None:
    """Draw a panel for each row of the table, and two for overfitting."""
    figure, axes = plt.subplots(2, 3, figsize=(19, 11))
    (converging, local, valley_paths), (curves, tests, instable) = axes
    for (name, path), color in zip(rates.items(), COLORS, strict=False):
        converging.semilogy([max(abs(x), 1e-20) for x in path[:200]], color=color, label=name)
    converging.set(xlabel="step", ylabel="|x|", ylim=(1e-8, 1e6), title="1. No convergence, x^4 / 4 + x^2 / 2")
    draw_curve(local, two_valleys, -1.6, 2.1, valleys)
    for (name, path), color in zip(valleys.items(), COLORS, strict=False):
        valley_paths.plot(path[:150], color=color, label=name)
    valley_paths.set(xlabel="step", ylabel="x", title="2. The paths on (x^2 - 1)^2 + 0.3 x")
    for (name, run), color in zip(cars.items(), COLORS, strict=False):
        instable.loglog(range(1, len(run.losses) + 1), run.losses, color=color, label=name)
    instable.set(xlabel="step", ylabel="loss", ylim=(10, 1e12), title="4. Numerical instability: the cars in float32")
    generator = mg.Generator().manual_seed(seed)
    x, y = draw_points(200, generator)
    curves.plot(x[:20].numpy(), y[:20].numpy(), "o", color="black", label="20 points")
    grid = mg.linspace(-1, 1, 300, dtype=mg.float64).unsqueeze(1)
    curves.plot(grid.numpy(), (3 * grid).sin().numpy(), color="black", linewidth=1, label="sin(3 x)")
    for (name, model), color in zip(models.items(), COLORS, strict=False):
        curves.plot(grid.numpy(), model(features(grid)).detach().numpy(), color=color, label=name)
        tests.loglog(
            [10 * k + 1 for k in range(len(errors[name].test))], errors[name].test, color=color, label=f"test, {name}"
        )
    training = errors["no remedy"].training
    tests.loglog([10 * k + 1 for k in range(len(training))], training, "--", color=COLORS[0], label="training, no remedy")
    tests.axvline(10 * stop + 1, color="black", linestyle=":", label="early stopping")
    curves.set(xlabel="x", ylabel="y", ylim=(-2.5, 2.5), title="3. Overfitting: the fits")
    tests.set(xlabel="step", ylabel="mean squared error", title="3. Overfitting: the errors")
    for ax in axes.flat:
        ax.grid(alpha=0.3)
        ax.legend(fontsize=9)
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> dict[str, Training]:
    """Run the program and return the trainings on the cars."""
    args = parser("Problems of gradient descent and their remedies.").parse_args(argv)
    rates, valleys = no_convergence(), local_minimum()
    models, errors, stop = overfitting(args.seed, 2500 if args.quick else 4000)
    cars = instability(steps=3000)
    draw(rates, valleys, models, errors, stop, cars, args.seed, args.output / "problems_and_remedies.png")
    return cars


if __name__ == "__main__":
    main()
