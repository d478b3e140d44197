"""Grid search and random search: optimizer, learning rate, epochs and batch size, chosen by validation.

80 of the 398 cars, drawn at random, are set aside for the test. Every candidate is trained with three quarters of the others
and scored with the last quarter, which is what the lecture does; here each quarter has its turn, and the mean of the four
scores decides (cross-validation), since the best of 150 scores on 80 cars is often a lucky one. The program also says what
the first quarter alone would have chosen. The choice is trained with all 318 cars and reported with the test cars, which no
choice has seen.

Grid search tries all combinations of some values. Random search draws each value from a range, as often as it is allowed to;
so it tries as many learning rates as it has draws, where the grid has five.

    python examples/tuning.py
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from common import format_table, load_cars, parser, save, show
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from scipy.stats import loguniform, randint
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from minigrad import Tensor, optim
from minigrad.estimators import NetworkRegressor

FOLDS = 4
DIVERGED = 1e5  # an error of at least this is that of a training that was diverging when it ended
EPOCHS = [10, 100]
LRS = [0.001, 0.01, 0.1, 1.0, 10.0]
LECTURE_LR, LECTURE_BATCH_SIZE = 0.001, 34
Make = Callable[[Iterable[Tensor], float], optim.Optimizer]
LECTURE_OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda params, lr: optim.SGD(params, lr=lr),
    "Momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "Adagrad": lambda params, lr: optim.Adagrad(params, lr=lr),
    "RMSprop": lambda params, lr: optim.RMSprop(params, lr=lr),
    "Adam": lambda params, lr: optim.Adam(params, lr=lr),
}
NAMES = {make: name for name, make in LECTURE_OPTIMIZERS.items()}
COLORS = dict(zip(LECTURE_OPTIMIZERS, ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000"], strict=True))


# --------------------------------------------------------------------------------------------- data, model and search


@dataclass(frozen=True)
class Part:
    """Some of the cars: their features as they are, (N, 3), and miles per gallon, (N,)."""

    x: np.ndarray
    y: np.ndarray


def hold_out_cars(seed: int, count: int = 80) -> tuple[Part, Part]:
    """Return the cars to choose and to train with; and the test cars, drawn at random, for the last report alone."""
    cars = load_cars(standardized=False)
    x, x_test, y, y_test = train_test_split(cars.x.numpy(), cars.y[:, 0].numpy(), test_size=count, random_state=seed)
    return Part(x, y), Part(x_test, y_test)


def network(seed: int, **options: Any) -> Pipeline:
    """Return the lecture's linear model as an estimator; it standardizes with the means of the cars that it is trained on."""
    return Pipeline([("scaler", StandardScaler()), ("network", NetworkRegressor(random_state=seed, **options))])


def run_search(search: Any, cars: Part, trainings: int, label: str) -> Any:
    """Run a search of scikit-learn for the least mean squared error, with a progress bar, and return the search.

    A training that diverges has the score NaN, which is the worst.
    """
    bar = tqdm(total=trainings, desc=label, unit="training", dynamic_ncols=True)
    with bar, warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")

        def score(model: Pipeline, x: np.ndarray, y: np.ndarray) -> float:
            bar.update()
            return -float(mean_squared_error(y, model.predict(x)))

        search.set_params(scoring=score).fit(cars.x, cars.y)
        bar.update(trainings - bar.n)  # those that diverged have no score
    return search


def evaluate(model: Any, cars: Part) -> list[float]:
    """Return the mean squared error, the mean absolute error and R² of a trained model."""
    predictions = model.predict(cars.x)
    return [float(score(cars.y, predictions)) for score in (mean_squared_error, mean_absolute_error, r2_score)]


# -------------------------------------------------------------------------------------------- settings and their errors


@dataclass(frozen=True)
class Setting:
    """Values of the hyper-parameters."""

    optimizer: str
    lr: float
    epochs: int
    batch_size: int

    def evaluate(self, training: Part, test: Part, seed: int) -> list[float]:
        """Train a model and return its mean squared error, mean absolute error and R² on the test cars."""
        optimizer = LECTURE_OPTIMIZERS[self.optimizer]
        model = network(seed, optimizer=optimizer, lr=self.lr, epochs=self.epochs, batch_size=self.batch_size)
        return evaluate(model.fit(training.x, training.y), test)

    def __str__(self) -> str:
        return f"{self.optimizer}, lr {self.lr:.3g}, {self.epochs} epochs, batches of {self.batch_size}"


Errors = dict[Setting, float]  # the mean squared error of each setting in the validation; NaN if a training diverged


def best(errors: Errors, optimizer: str | None = None) -> Setting:
    """Return the setting with the least error, of all or of one optimizer."""
    finite = {setting: error for setting, error in errors.items() if np.isfinite(error)}
    return min((setting for setting in finite if optimizer in (None, setting.optimizer)), key=lambda one: finite[one])


def of_network(values: dict[str, Any]) -> dict[str, Any]:
    """Return values of the hyper-parameters under their names in the pipeline."""
    return {f"network__{name}": value for name, value in values.items()}


def run(search: Any, cars: Part, candidates: int, label: str) -> tuple[Errors, Errors]:
    """Run a search and return the errors of cross-validation, and those of the first quarter alone."""
    found = run_search(search, cars, candidates * FOLDS, label).cv_results_
    values = [{name.removeprefix("network__"): value for name, value in params.items()} for params in found["params"]]
    settings = [Setting(**(value | {"optimizer": NAMES[value["optimizer"]]})) for value in values]
    scores = found["mean_test_score"], found["split0_test_score"]
    mean, first = (dict(zip(settings, (-score).tolist(), strict=True)) for score in scores)
    return mean, first


# ------------------------------------------------------------------------------------------------------------- pictures


def draw_grid(axes: Axes, errors: Errors, epochs: int, batch_size: int) -> None:
    """Draw the errors of all optimizers and learning rates as a heat map, with a frame around the least of the grid."""
    settings = [[Setting(name, lr, epochs, batch_size) for lr in LRS] for name in LECTURE_OPTIMIZERS]
    values = np.array([[errors[setting] if errors[setting] < DIVERGED else np.nan for setting in row] for row in settings])
    axes.imshow(values, norm=LogNorm(10, 1000, clip=True), cmap="viridis_r", aspect="auto")
    for (k, j), value in np.ndenumerate(values):
        text = "diverged" if np.isnan(value) else f"{value:.1f}"
        axes.text(j, k, text, ha="center", va="center", color="white" if value > 100 else "black")
        if settings[k][j] == best(errors):
            axes.add_patch(Rectangle((j - 0.5, k - 0.5), 1, 1, fill=False, color="#d00000", linewidth=4))
    axes.set_xticks(range(len(LRS)), [f"{lr:g}" for lr in LRS])
    axes.set_yticks(range(len(LECTURE_OPTIMIZERS)), LECTURE_OPTIMIZERS)
    axes.set(xlabel="learning rate", title=f"grid: {epochs} epochs, batches of {batch_size}")


def draw_draws(axes: Axes, errors: Errors) -> None:
    """Draw the errors of a random search against the learning rate; those above 1000 stand at the upper edge."""
    for name, color in COLORS.items():
        drawn = {setting.lr: error for setting, error in errors.items() if setting.optimizer == name}
        axes.loglog(list(drawn), [error if error < 1000 else 1000 for error in drawn.values()], "o", color=color, label=name)
    axes.set(xlabel="learning rate", ylabel="validation", title=f"random search: {len(errors)} draws; at the top: diverged")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_test(axes: Axes, fixed: dict[str, float], tuned: dict[str, float], least: float) -> None:
    """Draw the errors on the test cars as bars."""
    places = np.arange(len(tuned))
    axes.bar_label(axes.bar(places - 0.2, list(fixed.values()), 0.4, color="#bbbbbb", label=f"lr {LECTURE_LR}"), fmt="%.1f")
    axes.bar_label(axes.bar(places + 0.2, list(tuned.values()), 0.4, color="#0072b2", label="best of the grid"), fmt="%.1f")
    axes.axhline(least, color="black", linewidth=1, label=f"least squares ({least:.1f})")
    axes.set_xticks(places, list(tuned))
    axes.set(yscale="log", ylim=(5, 5000), ylabel="test", title="the test cars")
    axes.legend()


# ------------------------------------------------------------------------------------------------------------- program


def main(argv: Sequence[str] | None = None) -> dict[str, Setting]:
    """Run the program and return the choices."""
    args = parser("Grid search and random search.").parse_args(argv)
    batch_sizes, draws = ([LECTURE_BATCH_SIZE], 10) if args.quick else ([17, LECTURE_BATCH_SIZE, 238], 40)
    training, test = hold_out_cars(args.seed)
    grid = {"optimizer": list(NAMES), "lr": LRS, "epochs": EPOCHS, "batch_size": batch_sizes}
    space = {
        "optimizer": list(NAMES),
        "lr": loguniform(LRS[0], LRS[-1]),
        "epochs": randint(EPOCHS[0], EPOCHS[-1] + 1),
        "batch_size": randint(batch_sizes[0], batch_sizes[-1] + 1),
    }
    model, folds = network(args.seed), KFold(FOLDS, shuffle=True, random_state=args.seed)
    random_search = RandomizedSearchCV(model, of_network(space), n_iter=draws, cv=folds, refit=False, random_state=args.seed)
    grid_search = GridSearchCV(model, of_network(grid), cv=folds, refit=False)
    print(f"{len(training.y)} cars for the training and, a quarter at a time, the validation; {len(test.y)} for the test")
    on_grid, on_first_quarter = run(grid_search, training, len(ParameterGrid(grid)), "grid search")
    drawn, _ = run(random_search, training, draws, "random search")

    fixed = {name: Setting(name, LECTURE_LR, EPOCHS[-1], LECTURE_BATCH_SIZE) for name in LECTURE_OPTIMIZERS}
    tuned = {name: best(on_grid, name) for name in LECTURE_OPTIMIZERS}
    chosen = {"grid search": best(on_grid), "random search": best(drawn), "one quarter": best(on_first_quarter)}
    errors = on_grid | drawn
    rows, tests = [["", "validation MSE", "test MSE", "test MAE", "test R²"]], []
    for title, settings in ("not tuned", fixed), ("best of the grid", tuned), ("", chosen):
        measures = {name: setting.evaluate(training, test, args.seed) for name, setting in settings.items()}
        tests.append({name: values[0] for name, values in measures.items()})
        for name, setting in settings.items():
            rows.append([f"{title or name}: {setting}", *(f"{x:.3f}" for x in (errors[setting], *measures[name]))])
    print(f"\nTrained with all cars but those for the test:\n\n{format_table(rows)}\n")
    least = evaluate(LinearRegression().fit(training.x, training.y), test)[0]
    before, after, last = tests

    figure, axes = plt.subplots(2, len(batch_sizes) + 1, figsize=(6 * len(batch_sizes) + 6, 10))
    for (k, j), ax in np.ndenumerate(axes[:, :-1]):
        draw_grid(ax, on_grid, EPOCHS[k], batch_sizes[j])
    draw_draws(axes[0, -1], drawn)
    draw_test(axes[1, -1], before, after, least)
    figure.suptitle("Mean squared errors in validation and test, in (miles per gallon)²")
    figure.tight_layout()
    save(figure, args.output / "tuning.png")
    plt.close(figure)
    show(
        f"the choice of {len(on_grid)} on the grid has a test MSE of {last['grid search']:.2f}, that of {draws} random draws "
        f"{last['random search']:.2f}, least squares {least:.2f}; the choice by one quarter has {last['one quarter']:.2f}. "
        f"At lr {LECTURE_LR} the optimizers seem to differ, {min(before.values()):.2f} to {max(before.values()):.2f}; "
        f"with its best setting each has {min(after.values()):.2f} to {max(after.values()):.2f}",
        max(last["grid search"], last["random search"], *after.values()) < 1.1 * least < 10 * least < max(before.values()),
    )
    return chosen


if __name__ == "__main__":
    main()
