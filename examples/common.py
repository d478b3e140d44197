"""What several programs of the lecture need: options, tables, pictures, optimizers, data sets, comparison with torch."""

from __future__ import annotations

import argparse
import importlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from sklearn import datasets
from vega_datasets import data

import minigrad
from minigrad import Tensor, nn, optim

mpl.use("Agg")


# ------------------------------------------------------------------------------- options, tables, pictures, statements


class Parser(argparse.ArgumentParser):
    """An argument parser with error messages of one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with an error message."""
        self.exit(2, f"{self.prog}: error: {message} (--help explains the options)\n")


def bounded_int(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a function that parses an integer within bounds."""

    def parse_int(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"expected an integer {bounds}, but got {text!r}")
        return value

    return parse_int


def parser(description: str) -> Parser:
    """Return a parser of the options that all programs have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # many a pipe has no letter for ² or ∂
    result = Parser(description=description, allow_abbrev=False)
    result.add_argument("--output", type=Path, default=Path("."), metavar="DIR", help="for the picture; default: %(default)s")
    result.add_argument("--seed", type=bounded_int(0), default=0, help="default: %(default)s")
    result.add_argument("--quick", action="store_true", help="a run of a few seconds, too short to show all")
    return result


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows, of which the first is the head, with the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def save(figure: Figure, path: Path) -> None:
    """Write a picture into a folder, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    reduce_colors(path)
    print(f"picture: {path}")


def reduce_colors(path: Path) -> None:
    """Rewrite a picture with 128 colours, which has a third of the bytes."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def finish(figure: Figure, axes: Iterable[Axes], path: Path) -> None:
    """Give every panel a grid and a legend, and write the picture."""
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.legend()
    figure.tight_layout()
    save(figure, path)
    plt.close(figure)


def show(statement: str, holds: bool) -> None:
    """Print a statement of the lecture, with its numbers, and whether it held in this run."""
    print(("Shown: " if holds else "NOT SHOWN: ") + statement)


@dataclass(frozen=True)
class Cell:
    """What a cell of the lecture's tables says, the verdict, its reason, and whether the numbers bear it out."""

    kind: str
    says: str
    verdict: str
    reason: str
    holds: bool


def show_cells(cells: Sequence[Cell]) -> None:
    """Print the cells of the lecture's tables with their verdicts, and how many are confirmed and corrected."""
    print("\nThe lecture's tables\nkind        says                                  verdict    because")
    for cell in cells:
        print(f"{cell.kind:11} {cell.says:37} {cell.verdict if cell.holds else 'NOT SHOWN':10} {cell.reason}")
    held = sum(cell.holds for cell in cells)
    corrected = sum(cell.holds and cell.verdict == "corrected" for cell in cells)
    show(
        f"of the {len(cells)} cells {held - corrected} are confirmed and {corrected} corrected by numbers", held == len(cells)
    )


# ---------------------------------------------------------------------------------------------------------- optimizers

Loss = Callable[[Tensor, int], Tensor]  # of points (..., n), at a step from 0 on
Groups = list[dict[str, Any]]
Make = Callable[[Groups], optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "GD": lambda groups: optim.SGD(groups),
    "Momentum": lambda groups: optim.SGD(groups, momentum=0.9),
    "Heavy ball": lambda groups: optim.HeavyBall(groups, momentum=0.9),
    "NAG": lambda groups: optim.NAG(groups, momentum=0.9),
    "Adagrad": lambda groups: optim.Adagrad(groups),
    "RMSprop": lambda groups: optim.RMSprop(groups, alpha=0.9),
    "Adadelta": lambda groups: optim.Adadelta(groups, rho=0.95),
    "Adam": lambda groups: optim.Adam(groups),
    "Nadam": lambda groups: optim.NAdam(groups),
}


def at_theta(optimizer: optim.Optimizer) -> AbstractContextManager[None]:
    """Return a context in which the parameters are not the points at which the gradient is taken, ahead of them, of NAG."""
    return optimizer.at_theta() if isinstance(optimizer, optim.NAG) else nullcontext()


def descend(make: Make, loss: Loss, start: Sequence[float], steps: int, rates: Sequence[float]) -> Tensor:
    """Return the paths from one start, (steps + 1, number of rates, n): in one optimizer, with a group for each rate.

    `loss` takes the points of all rates at once, (number of rates, n).
    """
    points = [minigrad.tensor(start, dtype=minigrad.float64, requires_grad=True) for _ in rates]
    optimizer = make([{"params": point, "lr": lr} for point, lr in zip(points, rates, strict=True)])
    path = [minigrad.stack(points).detach()]
    for k in range(steps):
        optimizer.zero_grad()
        loss(minigrad.stack(points), k).sum().backward()
        optimizer.step()
        with at_theta(optimizer):
            path.append(minigrad.stack(points).detach())
    return minigrad.stack(path)


@dataclass(frozen=True)
class Trace:
    """What an optimizer made of given gradients.

    Attributes:
        points: The parameters before each step and after the last, (steps + 1, n).
        state: The state of the name asked for after each step, (steps, n).
    """

    points: Tensor
    state: Tensor

    @property
    def moves(self) -> Tensor:
        """The steps, (steps, n)."""
        return self.points[1:] - self.points[:-1]


def feed(
    make: Callable[[list[Tensor]], optim.Optimizer],
    gradients: Tensor,
    adjust: Callable[[optim.Optimizer, Tensor, int], None] | None = None,
    state: str | None = None,
) -> Trace:
    """Give an optimizer gradients, (steps, n), of parameters that are 0 at first.

    `adjust` is called with the optimizer, the parameters and the number of the step, from 1 on, before each step and after
    the last; `state` is the name of the state to be kept.
    """
    x = minigrad.zeros_like(gradients[0]).requires_grad_()
    optimizer = make([x])
    points, states = [], []
    for t, gradient in enumerate([*gradients, None], start=1):
        if adjust is not None:
            adjust(optimizer, x, t)
        with at_theta(optimizer):
            points.append(x.detach().clone())
        if gradient is not None:
            x.grad = gradient.clone()
            optimizer.step()
            states.append(optimizer.state[x][state].clone() if state is not None else minigrad.zeros(0))
    return Trace(minigrad.stack(points), minigrad.stack(states))


# -------------------------------------------------------------------------------------------------------- auto-mpg data

FEATURES = ["Cylinders", "Displacement", "Weight_in_lbs"]
TARGET = "Miles_per_Gallon"


@dataclass(frozen=True)
class Cars:
    """The auto-mpg data.

    Attributes:
        x: The features, of shape (398, 3); standardized, each has mean 0 and standard deviation 1.
        y: Miles per gallon, of shape (398, 1).
        optimum: The mean squared error of the least-squares solution, the minimum for linear models.
    """

    x: Tensor
    y: Tensor
    optimum: float

    def __len__(self) -> int:
        return len(self.y)


def load_cars(standardized: bool = True) -> Cars:
    """Read the data set, which is contained in the package vega_datasets."""
    table = pd.read_json(data.cars.filepath).dropna(subset=[TARGET])
    x = table[FEATURES].to_numpy(np.float32)
    y = table[[TARGET]].to_numpy(np.float32)
    if standardized:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    design = np.column_stack([np.ones(len(x)), x]).astype(np.float64)
    solution = np.linalg.lstsq(design, y.astype(np.float64))[0]
    return Cars(minigrad.tensor(x), minigrad.tensor(y), float(np.mean((design @ solution - y) ** 2)))


# -------------------------------------------------------------------------------------------------- handwritten digits


@dataclass(frozen=True)
class Digits:
    """Images of handwritten digits, (N, 1, 8, 8), with values from 0 to 1, and the digits (N,)."""

    images: Tensor
    digits: Tensor


def load_digits(seed: int) -> tuple[Digits, Digits]:
    """Return the 1797 digits of scikit-learn: four of five for training, one of five, drawn at random, for the test."""
    source = datasets.load_digits()
    images = minigrad.tensor(source.images / 16, dtype=minigrad.float32).unsqueeze(1)
    digits = minigrad.tensor(source.target)
    order = minigrad.randperm(len(digits), generator=minigrad.Generator().manual_seed(seed))
    test, training = order.split([len(order) // 5, len(order) - len(order) // 5])
    return Digits(images[training], digits[training]), Digits(images[test], digits[test])


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the digits with the largest logits; without dropout, and without recording for gradients."""
    model.eval()
    with minigrad.no_grad():
        predictions: Tensor = model(images).argmax(dim=1)
    model.train()
    return predictions


def accuracy(model: nn.Module, data: Digits) -> float:
    """Return the share of correctly read digits."""
    return float((predict(model, data.images) == data.digits).float().mean())


# ------------------------------------------------------------------------------------------------ comparison with torch


@dataclass(frozen=True)
class Comparison:
    """The same steps of training with minigrad and with torch.

    Attributes:
        minigrad: The losses with minigrad.
        torch: The losses with torch.
        time_ratio: The median over the steps of time with minigrad / time with torch.
    """

    minigrad: list[float]
    torch: list[float]
    time_ratio: float

    @property
    def difference(self) -> float:
        """The largest difference of two losses, relative to the largest loss."""
        largest = max(map(abs, self.torch))
        return max(abs(a - b) for a, b in zip(self.minigrad, self.torch, strict=True)) / largest

    def __str__(self) -> str:
        return (
            f"{len(self.torch)} steps with torch: the losses differ by at most {self.difference:.1e} of the largest loss; "
            f"minigrad takes {self.time_ratio:.2f} times as long"
        )


def compare_with_torch(training: Callable[[ModuleType], Iterator[float]], steps: int = 20) -> Comparison:
    """Run the first steps of a training with minigrad and with torch, by turns.

    `training` takes the library, minigrad or torch, and yields the loss of each step. It must draw all random numbers from
    minigrad, with its own generator, so that both runs get equal ones. The first step is not timed. torch uses one
    thread: its threads wait for each other actively, which takes the processor from minigrad.
    """
    torch = importlib.import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    runs = [training(minigrad), training(torch)]
    losses: list[list[float]] = [[], []]
    ratios = []
    for _ in range(steps):
        seconds = []
        for run, values in zip(runs, losses, strict=True):
            start = time.perf_counter()
            values.append(next(run))
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    torch.set_num_threads(threads)
    return Comparison(losses[0], losses[1], statistics.median(ratios[1:]))


def same_weights(build: Callable[[ModuleType], Any], lib: ModuleType, seed: int) -> Any:
    """Return a model of the library `lib`, minigrad or torch, with the initial weights that minigrad draws for the seed."""
    minigrad.manual_seed(seed)
    model = build(minigrad)
    if lib is minigrad:
        return model
    copy = build(lib)
    copy.load_state_dict({name: lib.from_numpy(value.numpy()) for name, value in model.state_dict().items()})
    return copy
