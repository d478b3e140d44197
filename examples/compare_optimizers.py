"""The lecture's comparison of optimizers: a linear model of a car's fuel economy, trained with each of them.

    python examples/compare_optimizers.py
    python examples/compare_optimizers.py --optimizers SGD Adam --lr 0.01 Adam=0.1 --epochs 200
    python examples/compare_optimizers.py --tune
    python examples/compare_optimizers.py --as-in-lecture

The model predicts miles per gallon from the number of cylinders, the displacement and the weight, standardised, of the 398
cars of the auto-mpg data whose consumption is known. Every optimizer starts from the same weights and sees the same batches
in the same order, so the curves differ by the optimizer alone. The loss is taken over all cars after each epoch; the loss of
the last batch, which the lecture plots, is an average over 24 cars only.

``--as-in-lecture`` trains one model with all optimizers in turn, as the lecture's script does: then only the first starts
from scratch. ``--tune`` looks for the best learning rate of each, because one rate for all compares the rates.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from tqdm import tqdm
from vega_datasets import data

import minigrad
from minigrad import Tensor, nn, optim
from minigrad.utils.data import DataLoader, TensorDataset

TITLE = "Loss vs. Epochs for Different Optimizers"
FEATURES = ["Cylinders", "Displacement", "Weight_in_lbs"]
TARGET = "Miles_per_Gallon"
LR = 0.001  # the lecture's
NEAR = 1.05  # times the least-squares loss is near enough to count as arrived
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]  # that --tune tries

Parameters = Iterable[nn.Parameter]
OPTIMIZERS: dict[str, Callable[[Parameters, float], optim.Optimizer]] = {
    "SGD": lambda params, lr: optim.SGD(params, lr=lr),
    "Momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "Adagrad": lambda params, lr: optim.Adagrad(params, lr=lr),
    "RMSprop": lambda params, lr: optim.RMSprop(params, lr=lr),
    "Adam": lambda params, lr: optim.Adam(params, lr=lr),
    "NAG": lambda params, lr: optim.NAG(params, lr=lr, momentum=0.9),
    "HeavyBall": lambda params, lr: optim.HeavyBall(params, lr=lr, momentum=0.9),
    "Adadelta": lambda params, lr: optim.Adadelta(params, lr=lr),
    "AdamW": lambda params, lr: optim.AdamW(params, lr=lr),
    "NAdam": lambda params, lr: optim.NAdam(params, lr=lr),
}
IN_LECTURE = ["SGD", "Momentum", "Adagrad", "RMSprop", "Adam"]


# ------------------------------------------------------------------------------------------------------ data and model


@dataclass(frozen=True)
class Cars:
    """The auto-mpg data.

    Attributes:
        x: The features, each with mean 0 and standard deviation 1, of shape (398, 3).
        y: Miles per gallon, of shape (398, 1).
        optimum: The mean squared error of the least-squares solution: no linear model has less.
    """

    x: Tensor
    y: Tensor
    optimum: float

    def __len__(self) -> int:
        return len(self.y)


def load_cars() -> Cars:
    """Read the data, which comes with the package vega_datasets."""
    table = pd.read_json(data.cars.filepath).dropna(subset=[TARGET])
    x = table[FEATURES].to_numpy(np.float32)
    y = table[[TARGET]].to_numpy(np.float32)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    design = np.column_stack([np.ones(len(x)), x]).astype(np.float64)
    solution = np.linalg.lstsq(design, y.astype(np.float64))[0]
    return Cars(minigrad.tensor(x), minigrad.tensor(y), float(np.mean((design @ solution - y) ** 2)))


class LinearRegressionModel(nn.Module):
    """The lecture's model: one linear layer."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction (N, 1) for the features (N, input_dim)."""
        prediction: Tensor = self.linear(x)
        return prediction


# ------------------------------------------------------------------------------------------------------------ training


@dataclass
class Run:
    """What became of one optimizer.

    Attributes:
        name: The optimizer.
        lr: Its learning rate.
        losses: The loss over all cars before the first epoch and after each.
        mae: Mean absolute error in the end, in miles per gallon.
        r2: Coefficient of determination in the end: 1 is perfect, 0 is as good as the mean.
        seconds: How long the training took.
    """

    name: str
    lr: float
    losses: list[float] = field(default_factory=list)
    mae: float = math.nan
    r2: float = math.nan
    seconds: float = math.nan

    @property
    def diverged(self) -> bool:
        """Whether the loss left the range of numbers."""
        return not math.isfinite(self.losses[-1])

    def arrival(self, goal: float) -> int | None:
        """Return the first epoch that ends with a loss of at most `goal`, 0 if it starts so, None if there is none."""
        return next((epoch for epoch, loss in enumerate(self.losses) if loss <= goal), None)


Watch = Callable[[Run], bool]  # is told of a run after each epoch, and says whether to go on


def train(run: Run, model: nn.Module, cars: Cars, batch_size: int, epochs: int, watch: Watch) -> Run:
    """Train a model with the optimizer of a run, and enter the results there."""
    criterion = nn.MSELoss()
    optimizer = OPTIMIZERS[run.name](model.parameters(), run.lr)
    loader = DataLoader(TensorDataset(cars.x, cars.y), batch_size=batch_size, shuffle=True)

    def full_loss() -> float:
        with minigrad.no_grad(), at_rest(optimizer):
            return float(criterion(model(cars.x), cars.y))

    start = time.perf_counter()
    run.losses.append(full_loss())
    for _ in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
        run.losses.append(full_loss())
        if not watch(run):
            break
    run.seconds = time.perf_counter() - start
    with at_rest(optimizer):
        reached = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.load_state_dict(reached)
    with minigrad.no_grad():
        error = (model(cars.x) - cars.y).numpy().astype(np.float64)
    run.mae = float(np.mean(np.abs(error)))
    run.r2 = float(1 - np.mean(error**2) / np.var(cars.y.numpy(), dtype=np.float64))
    return run


def at_rest(optimizer: optim.Optimizer) -> AbstractContextManager[None]:
    """Return a context in which the model is what the optimizer has reached; NAG holds it ahead of that between its steps."""
    return optimizer.at_theta() if isinstance(optimizer, optim.NAG) else nullcontext()


def fresh_model(seed: int) -> LinearRegressionModel:
    """Return a model with the weights that belong to a seed; the order of the batches follows from it too."""
    minigrad.manual_seed(seed)
    return LinearRegressionModel(len(FEATURES))


def compare(cars: Cars, rates: dict[str, float], batch_size: int, epochs: int, seed: int, shared: bool) -> list[Run]:
    """Train with each optimizer at its rate: from the same start, or, if `shared`, one model with one after the other."""
    runs: list[Run] = []
    model = fresh_model(seed)
    for name, lr in rates.items():
        if not shared:
            model = fresh_model(seed)
        with progress(f"{name:9}", epochs) as bar:

            def watch(run: Run, bar: tqdm = bar) -> bool:
                report(bar, f"loss {number(run.losses[-1])}")
                return not run.diverged

            runs.append(train(Run(name, lr), model, cars, batch_size, epochs, watch))
    return runs


def tune(cars: Cars, names: Iterable[str], batch_size: int, epochs: int, seed: int) -> dict[str, float]:
    """Return, for each optimizer, the rate of the grid with the least loss on average over the epochs.

    The average, because all that arrive end with the same loss: it asks how fast, and still counts how near. A rate is given
    up once it could not become the best even if its loss fell to the optimum at once.
    """
    best = {}
    for name in names:
        least, best[name] = math.inf, min(RATES)
        with progress(f"{name:9} tuning", epochs * len(RATES)) as bar:
            for lr in RATES:

                def watch(run: Run, bar: tqdm = bar, lr: float = lr, least: float = least) -> bool:
                    report(bar, f"lr {lr:g}, loss {number(run.losses[-1])}")
                    return excess(run, cars) < least

                run = train(Run(name, lr), fresh_model(seed), cars, batch_size, epochs, watch)
                bar.update(epochs + 1 - len(run.losses))
                if excess(run, cars) < least:
                    least, best[name] = excess(run, cars), lr
    return best


def excess(run: Run, cars: Cars) -> float:
    """Return how far the losses are above the optimum, summed over the epochs; infinity if they are not finite."""
    return math.inf if run.diverged else math.fsum(loss - cars.optimum for loss in run.losses)


def progress(label: str, epochs: int) -> tqdm:
    """Return a progress bar that counts epochs."""
    return tqdm(total=epochs, desc=label, unit="epoch", dynamic_ncols=True)


def report(bar: tqdm, text: str) -> None:
    """Move a progress bar on by one epoch, with a text behind it."""
    bar.set_postfix_str(text, refresh=False)
    bar.update()


# -------------------------------------------------------------------------------------------------------------- report


def number(x: float) -> str:
    """Return a number with four decimals, or in powers of ten if it is large."""
    return f"{x:.4f}" if abs(x) < 1e5 else f"{x:.3e}"


def table(runs: Sequence[Run], cars: Cars) -> str:
    """Return the results in columns."""
    rows = [["optimizer", "lr", "MSE", "MAE", "R²", f"epochs to {NEAR} x optimum", "time"]]
    for run in runs:
        arrival = run.arrival(NEAR * cars.optimum)
        measures = ["diverged", "-", "-"] if run.diverged else [number(x) for x in (run.losses[-1], run.mae, run.r2)]
        rows.append([run.name, f"{run.lr:g}", *measures, "-" if arrival is None else str(arrival), f"{run.seconds:.2f} s"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join([*lines, f"Least squares reaches an MSE of {number(cars.optimum)}; no linear model has less."])


def remarks(runs: Sequence[Run], cars: Cars, shared: bool) -> list[str]:
    """Return what a reader of the table has to know."""
    texts = []
    if shared and len(runs) > 1:
        first, *others = runs
        starts = ", ".join(f"{run.name} at {number(run.losses[0])}" for run in others)
        texts.append(
            f"As in the lecture, one model went through all optimizers in turn. Only {first.name} started from scratch, at a "
            f"loss of {number(first.losses[0])}; the others began where the one before them had stopped: {starts}. So this "
            "does not show how fast they learn: for that, leave out --as-in-lecture."
        )
    lost = [run.name for run in runs if not math.isfinite(run.losses[0])]
    for run in runs:
        if run.diverged and run.name not in lost:
            texts.append(
                f"{run.name} diverged: after epoch {len(run.losses) - 1} its loss was no longer finite. Lower its lr."
            )
    if lost:
        texts.append(f"There was nothing left to train for {', '.join(lost)}: the model was no longer finite at the start.")
    late = [run.name for run in runs if not run.diverged and run.arrival(NEAR * cars.optimum) is None]
    if late:
        texts.append(
            f"Never within {NEAR} of the optimum: {', '.join(late)}. Each optimizer needs a learning rate of its own "
            "(--tune looks for it) and enough epochs."
        )
    return texts


STYLES: list[tuple[str, str | tuple[int, tuple[float, ...]], str]] = [
    ("#0072b2", "-", "o"),
    ("#d55e00", "--", "s"),
    ("#009e73", "-.", "^"),
    ("#cc79a7", (0, (4, 1, 1, 1, 1, 1)), "D"),
    ("#000000", ":", "v"),
    ("#e69f00", "-", "P"),
    ("#56b4e9", "--", "X"),
    ("#7f3fbf", "-.", "<"),
    ("#8c6d31", ":", ">"),
    ("#999999", "-", "*"),
]


def draw(runs: Sequence[Run], cars: Cars, shared: bool, path: Path) -> None:
    """Write the picture of the loss curves; for a shared model, a second one beside it that tells what happened."""
    mpl.use("Agg")
    figure, axes = plt.subplots(1, 2 if shared else 1, figsize=(15, 6) if shared else (10, 6), squeeze=False)
    draw_losses(axes[0, 0], runs, cars)
    axes[0, 0].set_title(f"{TITLE}\n(as in the lecture: one model for all of them)" if shared else TITLE)
    if shared:
        draw_in_turn(axes[0, 1], runs, cars)
        axes[0, 1].set_title("The same epochs in the order in which the one model went through them")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_losses(axes: Axes, runs: Sequence[Run], cars: Cars) -> None:
    """Draw one curve for each optimizer over the epochs that it has trained."""
    longest = max(len(run.losses) for run in runs)
    for k, run in enumerate(runs):
        color, style, marker = STYLES[k % len(STYLES)]
        # Markers stand at different epochs, so that curves which lie on each other can be told apart.
        spread = {round(longest ** ((j + k / len(runs)) / 6)) - 1 for j in range(7)}
        marked = sorted(spread & set(range(len(run.losses))))
        label = f"{run.name} (lr {run.lr:g})" + (", diverged" if run.diverged else "")
        axes.plot(run.losses, color=color, linestyle=style, marker=marker, markevery=marked, label=label, linewidth=1.8)
    axes.axhline(cars.optimum, color="#555555", linewidth=1, label=f"least squares ({cars.optimum:.2f})")
    start = max((run.losses[0] for run in runs if math.isfinite(run.losses[0])), default=cars.optimum)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, longest - 1)
    axes.set_yscale("log")
    axes.set_ylim(0.9 * cars.optimum, 2 * start)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Epochs")
    axes.set_ylabel("Loss (mean squared error over all cars)")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()


def draw_in_turn(axes: Axes, runs: Sequence[Run], cars: Cars) -> None:
    """Draw how far the losses are above the least possible, in the order in which one model went through them."""
    begin = 0
    for k, run in enumerate(runs):
        above = np.maximum(np.array(run.losses) - cars.optimum, 1e-6)  # float32 has no finer steps there
        end = begin + len(run.losses) - 1
        axes.plot(range(begin, end + 1), above, color=STYLES[k % len(STYLES)][0], linewidth=1.2, label=run.name)
        axes.axvline(end, color="#555555", linewidth=0.8)
        begin = end
    axes.set_xlim(0, begin)
    axes.set_yscale("log")
    axes.set_xlabel("Epochs, of one optimizer after the other")
    axes.set_ylabel("Loss above that of least squares")
    axes.grid(True, alpha=0.3)
    axes.legend()


# -------------------------------------------------------------------------------------------------------- command line


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with a complaint."""
        self.exit(2, f"{self.prog}: error: {message} (--help explains the options)\n")


def parse(arguments: Sequence[str] | None, cars: Cars) -> tuple[argparse.Namespace, dict[str, float]]:
    """Return the options, and the learning rate of each optimizer asked for; exit with one line if they make no sense."""
    parser = Parser(description="Compare optimizers on the auto-mpg data.", allow_abbrev=False)
    parser.add_argument("--optimizers", nargs="+", metavar="NAME", default=IN_LECTURE, help=f"of {', '.join(OPTIMIZERS)}")
    parser.add_argument("--lr", nargs="+", metavar="LR", help=f"learning rate of all, and NAME=LR of one; default: {LR}")
    parser.add_argument("--epochs", type=whole(1), default=1000, help="default: %(default)s")
    parser.add_argument("--batch-size", type=whole(1, len(cars)), default=34, help="default: %(default)s")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the start and of the order of batches")
    parser.add_argument("--output", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture; default: out")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--as-in-lecture", action="store_true", help="one model for all optimizers, one after the other")
    mode.add_argument("--tune", action="store_true", help="look for the best learning rate of each optimizer first")
    options = parser.parse_args(arguments)
    try:
        names = [known(name) for name in options.optimizers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"--optimizers: {name} is there twice")
        if options.tune and options.lr:
            raise ValueError("--tune looks for the learning rates: leave out --lr")
        rates = learning_rates(options.lr or [], names)
        make_folder(options.output)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options, rates


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a function that reads a whole number within bounds."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, but got {text!r}")
        return value

    return read


def known(name: str) -> str:
    """Return the name of an optimizer as it is written here."""
    for one in OPTIMIZERS:
        if one.lower() == name.lower():
            return one
    raise ValueError(f"there is no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}")


def learning_rates(texts: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Return the rate of each optimizer from texts like ``0.01`` and ``Adam=0.1``."""
    rates: dict[str, float] = {}
    common = [text for text in texts if "=" not in text]
    if len(common) > 1:
        raise ValueError(f"--lr: one rate for all, the others as NAME=LR, but got {' and '.join(common)}")
    for text in [*common, *(text for text in texts if "=" in text)]:
        name, _, value = text.rpartition("=")
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0 < rate < math.inf:
            raise ValueError(f"--lr: expected a positive number, but got {text!r}")
        if name and known(name) not in names:
            raise ValueError(f"--lr: {known(name)} is not among the optimizers compared")
        rates.update({known(name): rate} if name else dict.fromkeys(names, rate))
    return {name: rates.get(name, LR) for name in names}


def make_folder(folder: Path) -> None:
    """Make the folder for the picture and see that a file can be written there, before the work begins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"--output: cannot write into a folder {folder}: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    cars = load_cars()
    options, rates = parse(arguments, cars)
    shared, seed, epochs, batch_size = options.as_in_lecture, options.seed, options.epochs, options.batch_size
    if options.tune:
        rates = tune(cars, list(rates), batch_size, epochs, seed)
    runs = compare(cars, rates, batch_size, epochs, seed, shared)
    mode = "_as_in_lecture" if shared else "_tuned" if options.tune else ""
    path = options.output / f"loss_vs_epochs{mode}.png"
    batches = math.ceil(len(cars) / batch_size)
    print(f"\ncars {len(cars)}, batch size {batch_size}, updates per epoch {batches}, epochs {epochs}, seed {seed}\n")
    print(table(runs, cars))
    for text in remarks(runs, cars, shared):
        print(f"\n{text}")
    try:
        draw(runs, cars, shared, path)
    except OSError as error:
        sys.exit(f"cannot write {path}: {error.strerror}")
    print(f"\nThe curves are in {path}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped")
