"""Compare optimizers on the lecture's problem: a linear model of the fuel economy of cars.

    python examples/compare_optimizers.py
    python examples/compare_optimizers.py --optimizers SGD Adam --lr 0.01 Adam=0.1 --epochs 200
    python examples/compare_optimizers.py --tune
    python examples/compare_optimizers.py --as-in-lecture

The model predicts miles per gallon from the standardized number of cylinders, displacement and weight of the 398 cars of the
auto-mpg data set with known fuel economy. Every optimizer starts with equal weights and gets equal batches in equal order, so
the curves differ only by the optimizer. The loss is the mean squared error over all cars after each epoch; the lecture plots
the loss of the last batch, an average over only 24 cars.

Without ``--lr`` every optimizer is trained twice, and the picture has two panels: with the lecture's learning rate of 0.001,
and with the best learning rate of each optimizer. One learning rate for all compares step lengths: momentum 0.9 sums
gradients and moves up to 1 / (1 - 0.9) = 10 times as far as SGD, while Adam, RMSprop and Adagrad move every weight by at most
about lr per step. A last table has the fair answer: each optimizer with its best learning rate, trained with 318 cars and
judged by the other 80.

The best learning rate is chosen with the 318 cars alone, by cross-validation, as `tuning.py` explains: the largest of those
whose error after the training is within 1 % of the least, since the largest is the fastest. `BEST_LR` stores the best ones
for the default options; ``--tune`` searches for them again, with the number of epochs and the batch size that it is given,
for a minute and a half.

``--as-in-lecture`` trains one model with all optimizers one after another, as the lecture's script does. Then only the first
optimizer starts from the initial weights.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import minigrad
from minigrad import Tensor, nn, optim
from minigrad.utils.data import DataLoader, TensorDataset

try:
    import matplotlib.pyplot as plt
    from common import FEATURES, Cars, at_theta, bounded_int, format_table, load_cars, parser, save
    from matplotlib.axes import Axes
    from matplotlib.ticker import LogLocator, NullFormatter
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import GridSearchCV, KFold
    from tqdm.auto import tqdm
    from tuning import LECTURE_OPTIMIZERS, Make, evaluate, hold_out_cars, network, run_search
except ModuleNotFoundError as error:
    sys.exit(f"{error}. In a clone of minigrad: pip install -e '.[examples]'")

TITLE = "Loss vs. Epochs for Different Optimizers"
LECTURE_LR = 0.001
CONVERGED_RATIO = 1.05  # a loss of at most this times the least-squares loss counts as converged
EPOCHS, BATCH_SIZE = 1000, 34
FOLDS = 3
TOLERANCE = 1.01  # an error in the validation of at most this times the least counts as equally good
LR_GRID = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]  # searched by --tune
BEST_LR = {  # the results of --tune with the default options
    "SGD": 0.03,
    "Momentum": 0.003,
    "Adagrad": 3.0,
    "RMSprop": 0.03,
    "Adam": 0.1,
    "NAG": 0.003,
    "HeavyBall": 0.003,
    "Adadelta": 10.0,
    "AdamW": 0.1,
    "NAdam": 0.1,
}
OPTIMIZERS: dict[str, Make] = LECTURE_OPTIMIZERS | {
    "NAG": lambda params, lr: optim.NAG(params, lr=lr, momentum=0.9),
    "HeavyBall": lambda params, lr: optim.HeavyBall(params, lr=lr, momentum=0.9),
    "Adadelta": lambda params, lr: optim.Adadelta(params, lr=lr),
    "AdamW": lambda params, lr: optim.AdamW(params, lr=lr),
    "NAdam": lambda params, lr: optim.NAdam(params, lr=lr),
}


# --------------------------------------------------------------------------------------------------------------- model


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
    """The training run of one optimizer.

    Attributes:
        name: The optimizer.
        lr: Its learning rate.
        losses: The loss over all cars before the first epoch and after each epoch.
        mae: The final mean absolute error in miles per gallon.
        r2: The final coefficient of determination: 1 for perfect predictions, 0 for the mean.
        seconds: The duration of the training.
    """

    name: str
    lr: float
    losses: list[float] = field(default_factory=list)
    mae: float = math.nan
    r2: float = math.nan
    seconds: float = math.nan

    @property
    def diverged(self) -> bool:
        """Whether the loss is no longer finite."""
        return not math.isfinite(self.losses[-1])

    def epochs_to_reach(self, goal: float) -> int | None:
        """Return the number of epochs until the loss is at most `goal`; None if it never is."""
        return next((epoch for epoch, loss in enumerate(self.losses) if loss <= goal), None)


EpochCallback = Callable[[Run], bool]  # called after each epoch; returns whether to continue


def train(run: Run, model: nn.Module, cars: Cars, batch_size: int, epochs: int, after_epoch: EpochCallback) -> Run:
    """Train a model with the optimizer of a run and store the results in the run."""
    criterion = nn.MSELoss()
    optimizer = OPTIMIZERS[run.name](model.parameters(), run.lr)
    loader = DataLoader(TensorDataset(cars.x, cars.y), batch_size=batch_size, shuffle=True)

    def full_loss() -> float:
        with minigrad.no_grad(), at_theta(optimizer):
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
        if not after_epoch(run):
            break
    run.seconds = time.perf_counter() - start
    with at_theta(optimizer):
        iterate = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.load_state_dict(iterate)
    with minigrad.no_grad():
        error = (model(cars.x) - cars.y).numpy().astype(np.float64)
    run.mae = float(np.mean(np.abs(error)))
    run.r2 = float(1 - np.mean(error**2) / np.var(cars.y.numpy(), dtype=np.float64))
    return run


def fresh_model(seed: int) -> LinearRegressionModel:
    """Seed the random generator and return a new model. The seed determines the weights and the order of the batches."""
    minigrad.manual_seed(seed)
    return LinearRegressionModel(len(FEATURES))


def compare(cars: Cars, lrs: dict[str, float], batch_size: int, epochs: int, seed: int, one_model: bool) -> list[Run]:
    """Train a new model with each optimizer; or, if `one_model`, one model with all optimizers one after another."""
    runs: list[Run] = []
    model = fresh_model(seed)
    for name, lr in lrs.items():
        if not one_model:
            model = fresh_model(seed)
        with progress(f"{name:9}", epochs) as bar:

            def after_epoch(run: Run, bar: tqdm = bar) -> bool:
                update_progress(bar, f"loss {format_value(run.losses[-1])}")
                return not run.diverged

            runs.append(train(Run(name, lr), model, cars, batch_size, epochs, after_epoch))
    return runs


def tune(names: Iterable[str], batch_size: int, epochs: int, seed: int) -> dict[str, float]:
    """Return for each optimizer the best learning rate of `LR_GRID`, by cross-validation without the test cars."""
    training, _ = hold_out_cars(seed)
    folds, best = KFold(FOLDS, shuffle=True, random_state=seed), {}
    for name in names:
        model = network(seed, optimizer=OPTIMIZERS[name], epochs=epochs, batch_size=batch_size)
        search = GridSearchCV(model, {"network__lr": LR_GRID}, cv=folds, refit=False)
        run_search(search, training, FOLDS * len(LR_GRID), f"{name:9} tuning")
        best[name] = fastest(LR_GRID, -search.cv_results_["mean_test_score"])
    return best


def fastest(lrs: Sequence[float], errors: Sequence[float]) -> float:
    """Return the largest learning rate with nearly the least error; an error is NaN if the training diverged."""
    least = np.nanmin(errors)
    return max(lr for lr, error in zip(lrs, errors, strict=True) if error <= TOLERANCE * least)


def fair_answer(best: Mapping[str, float], batch_size: int, epochs: int, seed: int) -> str:
    """Train each optimizer with its best learning rate, and format its errors for the test cars, which took no part."""
    training, test = hold_out_cars(seed)
    rows = [["optimizer", "lr", "test MSE", "test MAE", "test R²"]]
    for name, lr in tqdm(best.items(), desc="fair answer", unit="optimizer", dynamic_ncols=True):
        model = network(seed, optimizer=OPTIMIZERS[name], lr=lr, epochs=epochs, batch_size=batch_size)
        try:
            measures = [format_value(value) for value in evaluate(model.fit(training.x, training.y), test)]
        except FloatingPointError:
            measures = ["diverged", "-", "-"]
        rows.append([name, f"{lr:g}", *measures])
    exact = LinearRegression().fit(training.x, training.y)
    rows.append(["least squares", "-", *map(format_value, evaluate(exact, test))])
    return format_table(rows)


def progress(label: str, epochs: int) -> tqdm:
    """Return a progress bar for a number of epochs."""
    return tqdm(total=epochs, desc=label, unit="epoch", dynamic_ncols=True)


def update_progress(bar: tqdm, text: str) -> None:
    """Advance a progress bar by one epoch and show a text."""
    bar.set_postfix_str(text, refresh=False)
    bar.update()


# -------------------------------------------------------------------------------------------------------------- report


def format_value(x: float) -> str:
    """Format a float with four decimals, or in scientific notation if it is large."""
    return f"{x:.4f}" if abs(x) < 1e5 else f"{x:.3e}"


def table(runs: Sequence[Run], cars: Cars) -> str:
    """Format the results as a table."""
    rows = [["optimizer", "lr", "MSE", "MAE", "R²", f"epochs to {CONVERGED_RATIO} x optimum", "time"]]
    for run in runs:
        epochs = run.epochs_to_reach(CONVERGED_RATIO * cars.optimum)
        measures = ["diverged", "-", "-"] if run.diverged else [format_value(x) for x in (run.losses[-1], run.mae, run.r2)]
        rows.append([run.name, f"{run.lr:g}", *measures, "-" if epochs is None else str(epochs), f"{run.seconds:.2f} s"])
    return "\n".join(
        [format_table(rows), f"Least squares reaches an MSE of {format_value(cars.optimum)}; no linear model has less."]
    )


def notes(runs: Sequence[Run], cars: Cars, one_model: bool) -> list[str]:
    """Return notes for the reader of the table."""
    texts = []
    if one_model and len(runs) > 1:
        first, *others = runs
        starts = ", ".join(f"{run.name} at {format_value(run.losses[0])}" for run in others)
        texts.append(
            f"As in the lecture, one model was trained by all optimizers one after another. Only {first.name} started from "
            f"the initial weights, at a loss of {format_value(first.losses[0])}; the others continued from their "
            f"predecessor: {starts}. So this does not show how fast they converge: for that, omit --as-in-lecture."
        )
    not_started = [run.name for run in runs if not math.isfinite(run.losses[0])]
    for run in runs:
        if run.diverged and run.name not in not_started:
            texts.append(
                f"{run.name} diverged: after epoch {len(run.losses) - 1} its loss was not finite. Decrease its learning rate."
            )
    if not_started:
        texts.append(f"Not trained: {', '.join(not_started)}. The weights were not finite at the start.")
    not_converged = [
        run.name for run in runs if not run.diverged and run.epochs_to_reach(CONVERGED_RATIO * cars.optimum) is None
    ]
    if not_converged:
        texts.append(
            f"Not converged to {CONVERGED_RATIO} x optimum: {', '.join(not_converged)}. Each optimizer needs its own "
            "learning rate (--tune searches for it) and enough epochs."
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


def draw(panels: dict[str, list[Run]], cars: Cars, one_model: bool, path: Path) -> None:
    """Write the picture of the loss curves, one panel for each title; for one model a panel of the whole training too."""
    count = len(panels) + one_model
    figure, axes = plt.subplots(1, count, figsize=(7.5 * count if count > 1 else 10, 6), squeeze=False)
    longest = max(len(run.losses) for runs in panels.values() for run in runs)
    for ax, (title, runs) in zip(axes[0], panels.items(), strict=False):
        draw_losses(ax, runs, cars, longest)
        ax.set_title(title)
    if one_model:
        draw_consecutively(axes[0, -1], runs, cars)
        axes[0, -1].set_title("The same epochs in the order of the training")
    figure.suptitle(TITLE)
    figure.tight_layout()
    save(figure, path)
    plt.close(figure)


def draw_losses(axes: Axes, runs: Sequence[Run], cars: Cars, longest: int) -> None:
    """Draw the loss curve of each optimizer."""
    for k, run in enumerate(runs):
        color, style, marker = STYLES[k % len(STYLES)]
        # Markers at different epochs distinguish curves that coincide.
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
    axes.set_ylabel("Loss")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()


def draw_consecutively(axes: Axes, runs: Sequence[Run], cars: Cars) -> None:
    """Draw loss - optimum of one model that was trained by the optimizers one after another."""
    begin = 0
    for k, run in enumerate(runs):
        above = np.maximum(np.array(run.losses) - cars.optimum, 1e-6)  # about the resolution of float32
        end = begin + len(run.losses) - 1
        axes.plot(range(begin, end + 1), above, color=STYLES[k % len(STYLES)][0], linewidth=1.2, label=run.name)
        axes.axvline(end, color="#555555", linewidth=0.8)
        begin = end
    axes.set_xlim(0, begin)
    axes.set_yscale("log")
    axes.set_xlabel("Epochs of all optimizers, one after another")
    axes.set_ylabel("Loss above least squares")
    axes.grid(True, alpha=0.3)
    axes.legend()


# -------------------------------------------------------------------------------------------------------- command line


def parse(arguments: Sequence[str] | None, cars: Cars) -> tuple[argparse.Namespace, dict[str, float]]:
    """Return the options, and the optimizers with the learning rates of --lr; exit with a message of one line if invalid."""
    command_line = parser("Compare optimizers on the auto-mpg data.")
    command_line.set_defaults(output=Path("out"))
    command_line.add_argument(
        "--optimizers", nargs="+", metavar="NAME", default=list(LECTURE_OPTIMIZERS), help=f"of {', '.join(OPTIMIZERS)}"
    )
    command_line.add_argument(
        "--lr", nargs="+", metavar="LR", help="of all optimizers, and NAME=LR of one; default: 0.001, and the best of each"
    )
    command_line.add_argument("--epochs", type=bounded_int(1), default=EPOCHS, help="default: %(default)s")
    command_line.add_argument("--batch-size", type=bounded_int(1, len(cars)), default=BATCH_SIZE, help="default: %(default)s")
    mode = command_line.add_mutually_exclusive_group()
    mode.add_argument("--as-in-lecture", action="store_true", help="train one model with all optimizers one after another")
    mode.add_argument("--tune", action="store_true", help="search for the best learning rate of each optimizer")
    options = command_line.parse_args(arguments)
    if options.quick:
        options.epochs = min(options.epochs, 3)
    try:
        names = [optimizer_name(name) for name in options.optimizers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"--optimizers: {name} is given twice")
        if options.tune and options.lr:
            raise ValueError("--tune searches for the learning rates: omit --lr")
        lrs = learning_rates(options.lr or [], names)
        prepare_folder(options.output)
    except (ValueError, OSError) as error:
        command_line.error(str(error))
    return options, lrs


def optimizer_name(name: str) -> str:
    """Return the name of an optimizer with the correct capitalization."""
    for candidate in OPTIMIZERS:
        if candidate.lower() == name.lower():
            return candidate
    raise ValueError(f"there is no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}")


def learning_rates(texts: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Parse learning rates such as ``0.01`` (for all optimizers) and ``Adam=0.1``."""
    lrs: dict[str, float] = {}
    common = [text for text in texts if "=" not in text]
    if len(common) > 1:
        raise ValueError(f"--lr: one learning rate for all, others as NAME=LR, but got {' and '.join(common)}")
    for text in [*common, *(text for text in texts if "=" in text)]:
        name, _, value = text.rpartition("=")
        try:
            lr = float(value)
        except ValueError:
            lr = math.nan
        if not 0 < lr < math.inf:
            raise ValueError(f"--lr: expected a positive number, but got {text!r}")
        if name and optimizer_name(name) not in names:
            raise ValueError(f"--lr: {optimizer_name(name)} is not among the compared optimizers")
        lrs.update({optimizer_name(name): lr} if name else dict.fromkeys(names, lr))
    return {name: lrs.get(name, LECTURE_LR) for name in names}


def prepare_folder(folder: Path) -> None:
    """Create the folder for the picture and check that it is writable, before the training starts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"--output: cannot write into a folder {folder}: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    cars = load_cars()
    options, lrs = parse(arguments, cars)
    one_model, seed, epochs, batch_size = options.as_in_lecture, options.seed, options.epochs, options.batch_size
    best: dict[str, float] = {}
    if one_model:
        settings = {"As in the lecture: one model for all optimizers": lrs}
    elif options.lr:
        settings = {"With the given learning rates": lrs}
    else:
        best = tune(lrs, batch_size, epochs, seed) if options.tune else {name: BEST_LR[name] for name in lrs}
        settings = {f"Learning rate {LECTURE_LR} for all": lrs, "Tuned learning rate of each optimizer": best}
    panels = {title: compare(cars, chosen, batch_size, epochs, seed, one_model) for title, chosen in settings.items()}
    answer = fair_answer(best, batch_size, epochs, seed) if best else ""
    mode = "_as_in_lecture" if one_model else "_tuned" if options.tune else ""
    path = options.output / f"loss_vs_epochs{mode}.png"
    batches = math.ceil(len(cars) / batch_size)
    print(f"\ncars {len(cars)}, batch size {batch_size}, updates per epoch {batches}, epochs {epochs}, seed {seed}")
    for title, runs in panels.items():
        print(f"\n{title}\n\n{table(runs, cars)}")
        for text in notes(runs, cars, one_model):
            print(f"\n{text}")
    if answer:
        print(f"\nThe fair answer: trained with 318 cars at the tuned learning rate, judged by the other 80\n\n{answer}")
    if answer and not options.tune and (epochs, batch_size) != (EPOCHS, BATCH_SIZE):
        print(f"\nThe learning rates are tuned for {EPOCHS} epochs and batches of {BATCH_SIZE}; --tune does so for others.")
    print()
    try:
        draw(panels, cars, one_model, path)
    except OSError as error:
        sys.exit(f"cannot write {path}: {error.strerror}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped")
