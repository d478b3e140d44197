"""The comparison of optimizers: results, output, picture and error messages."""

import importlib.util
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.model_selection import KFold

PROGRAM = Path(__file__).parents[2] / "examples" / "compare_optimizers.py"
LECTURE = ["SGD", "Momentum", "Adagrad", "RMSprop", "Adam"]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("compare_optimizers", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_optimizers"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cars(example: ModuleType) -> Any:
    """The data."""
    return example.load_cars()


def losses(example: ModuleType, cars: Any, lrs: dict[str, float], epochs: int, one_model: bool = False) -> list[list[float]]:
    return [run.losses for run in example.compare(cars, lrs, 34, epochs, seed=0, one_model=one_model)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def without_time(output: str) -> str:
    return re.sub(r"\d+\.\d\d s$", "", output, flags=re.MULTILINE)


# --------------------------------------------------------------------------------------------------------- command line


def test_tables_and_picture(example: ModuleType, tmp_path: Path) -> None:
    done = run("--quick", "--output", str(tmp_path / "new" / "folder"))
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    heads = [k for k, row in enumerate(rows) if row[:5] == ["optimizer", "lr", "MSE", "MAE", "R²"]]
    tables = [[row[:2] for row in rows[head + 2 : head + 7]] for head in heads]
    best = [[name, f"{example.BEST_LR[name]:g}"] for name in LECTURE]
    assert tables == [[[name, "0.001"] for name in LECTURE], best]
    head = rows.index(["optimizer", "lr", "test", "MSE", "test", "MAE", "test", "R²"])
    assert [row[:2] for row in rows[head + 2 : head + 8]] == [*best, ["least", "squares"]]
    assert "tuned for 1000 epochs and batches of 34; --tune does so for others" in done.stdout
    assert "Least squares reaches an MSE of 18.3877" in done.stdout
    assert "3/3" in done.stderr
    assert "loss " in done.stderr
    assert (tmp_path / "new" / "folder" / "loss_vs_epochs.png").read_bytes().startswith(b"\x89PNG")


def test_the_seed_determines_the_table(tmp_path: Path) -> None:
    quick = ["--epochs", "4", "--optimizers", "Adam", "sgd", "--output", str(tmp_path)]
    first, second, third = run(*quick), run(*quick), run(*quick, "--seed", "1")
    assert without_time(first.stdout) == without_time(second.stdout)
    assert without_time(first.stdout).replace("seed 0", "seed 1") != without_time(third.stdout)


def test_as_in_lecture_explains_itself(tmp_path: Path) -> None:
    done = run("--as-in-lecture", "--epochs", "3", "--optimizers", "SGD", "Adam", "--output", str(tmp_path))
    assert "Only SGD started from the initial weights" in done.stdout
    assert "does not show how fast they converge" in done.stdout
    assert (tmp_path / "loss_vs_epochs_as_in_lecture.png").exists()


def test_divergence_is_reported(tmp_path: Path) -> None:
    done = run("--lr", "0.01", "SGD=10", "--epochs", "3", "--optimizers", "SGD", "Adam", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^SGD +10 +diverged", done.stdout, re.MULTILINE)
    assert "SGD diverged: after epoch 1" in done.stdout
    assert "Adam diverged" not in done.stdout


def test_an_optimizer_that_starts_from_a_diverged_model_is_not_blamed(tmp_path: Path) -> None:
    many = ("--lr", "0.01", "SGD=10", "--epochs", "3", "--optimizers", "SGD", "Adam", "--as-in-lecture")
    done = run(*many, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Not trained: Adam" in done.stdout
    assert "Adam diverged" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--optimizers Foo", "there is no optimizer 'Foo'; there are SGD, Momentum"),
        ("--optimizers SGD sgd", "SGD is given twice"),
        ("--optimizers", "expected at least one argument"),
        ("--lr 0", "expected a positive number, but got '0'"),
        ("--lr -1", "expected a positive number, but got '-1'"),
        ("--lr nan", "expected a positive number, but got 'nan'"),
        ("--lr inf", "expected a positive number, but got 'inf'"),
        ("--lr Adam=fast", "expected a positive number, but got 'Adam=fast'"),
        ("--lr 0.1 0.2", "one learning rate for all"),
        ("--lr Foo=0.1", "there is no optimizer 'Foo'"),
        ("--lr Adam=0.1 --optimizers SGD", "Adam is not among the compared optimizers"),
        ("--epochs 0", "expected an integer of at least 1, but got '0'"),
        ("--epochs many", "expected an integer of at least 1, but got 'many'"),
        ("--batch-size 0", "expected an integer from 1 to 398, but got '0'"),
        ("--batch-size 399", "expected an integer from 1 to 398, but got '399'"),
        ("--seed -1", "expected an integer of at least 0, but got '-1'"),
        ("--seed 1.5", "expected an integer of at least 0"),
        (f"--output {PROGRAM}", "cannot write into a folder"),
        (f"--output {PROGRAM}/below", "cannot write into a folder"),
        ("--output /proc/nowhere", "cannot write into a folder"),
        ("--tune --lr 0.1", "omit --lr"),
        ("--tune --as-in-lecture", "not allowed with"),
        ("--epoch 3", "unrecognized arguments"),
        ("more", "unrecognized arguments: more"),
    ],
)
def test_invalid_arguments_give_one_line(
    example: ModuleType, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        example.main(arguments.split())
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_an_unwritable_picture_gives_one_line(example: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "loss_vs_epochs.png").mkdir()
    with pytest.raises(SystemExit, match=r"cannot write .*loss_vs_epochs.png"):
        example.main(["--epochs", "1", "--optimizers", "SGD", "--output", str(tmp_path)])


# --------------------------------------------------------------------------------------------------------------- results


def test_the_data_set_is_read_without_network(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    cars = example.load_cars()
    assert (tuple(cars.x.shape), tuple(cars.y.shape)) == ((398, 3), (398, 1))
    assert cars.optimum == pytest.approx(18.3877, abs=5e-5)


def test_every_optimizer_gets_equal_weights_and_batches(example: ModuleType, cars: Any) -> None:
    lrs = dict.fromkeys(LECTURE, 0.001)
    curves = losses(example, cars, lrs, 3)
    assert len({curve[0] for curve in curves}) == 1
    for name, curve in zip(lrs, curves, strict=True):
        assert losses(example, cars, {name: 0.001}, 3) == [curve]


def test_one_model_continues_from_the_previous_optimizer(example: ModuleType, cars: Any) -> None:
    curves = losses(example, cars, dict.fromkeys(example.OPTIMIZERS, 0.001), 3, one_model=True)
    assert [curve[0] for curve in curves[1:]] == [curve[-1] for curve in curves[:-1]]
    assert curves[0] == losses(example, cars, {"SGD": 0.001}, 3)[0]


@pytest.mark.parametrize(
    ("name", "after_1", "after_10", "after_100"),
    [
        ("SGD", 599.7, 383.7, 23.6),
        ("Momentum", 495.6, 21.0, 18.394),
        ("Adagrad", 631.3, 630.1, 626.4),
        ("RMSprop", 627.0, 614.1, 542.1),
        ("Adam", 630.8, 622.4, 550.5),
    ],
)
def test_losses_equal_the_reference_values(
    example: ModuleType, cars: Any, name: str, after_1: float, after_10: float, after_100: float
) -> None:
    """Up to the random weights, which change the first loss by some percent."""
    (curve,) = losses(example, cars, {name: 0.001}, 100)
    np.testing.assert_allclose([curve[1], curve[10], curve[100]], [after_1, after_10, after_100], rtol=0.04)


def test_every_optimizer_decreases_the_loss_in_its_own_way(example: ModuleType, cars: Any) -> None:
    curves = losses(example, cars, dict.fromkeys(example.OPTIMIZERS, 0.001), 3)
    assert all(curve[-1] < curve[0] for curve in curves)
    assert len({tuple(curve) for curve in curves}) >= len(curves) - 1  # Momentum and HeavyBall may be equal


def test_heavy_ball_equals_momentum_at_a_constant_learning_rate(example: ModuleType, cars: Any) -> None:
    momentum, ball = losses(example, cars, {"Momentum": 0.001, "HeavyBall": 0.001}, 20)
    np.testing.assert_allclose(ball, momentum, rtol=1e-5)


def test_the_loss_of_nag_is_that_of_the_iterate_not_of_the_lookahead(example: ModuleType, cars: Any) -> None:
    (run,) = example.compare(cars, {"NAG": 0.001}, len(cars), 3, seed=0, one_model=False)
    model = example.fresh_model(0)
    design = np.column_stack([cars.x.numpy(), np.ones(len(cars))]).astype(np.float64)
    theta = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]).astype(np.float64)[:, None]
    y, v, expected = cars.y.numpy().astype(np.float64), np.zeros((4, 1)), []
    for _ in range(4):
        expected.append(np.mean((design @ theta - y) ** 2))
        gradient = 2 / len(cars) * design.T @ (design @ (theta + 0.9 * v) - y)
        v = 0.9 * v - 0.001 * gradient
        theta = theta + v
    np.testing.assert_allclose(run.losses, expected, rtol=1e-6)


def test_epochs_to_reach_a_loss(example: ModuleType) -> None:
    run = example.Run("SGD", 0.1, losses=[9.0, 3.0, 2.0, 2.5])
    assert [run.epochs_to_reach(goal) for goal in (9, 8, 2, 1)] == [0, 1, 2, None]


def test_tuning_trains_with_each_learning_rate_and_validates_without_the_test_cars(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "LR_GRID", [0.01, 0.1, 0.3])
    training, _ = example.hold_out_cars(0)
    folds = list(KFold(3, shuffle=True, random_state=0).split(training.x))
    for name in ("SGD", "Adam"):
        errors = []
        for lr in example.LR_GRID:
            scores = []
            for fit, validate in folds:
                model = example.network(0, optimizer=example.OPTIMIZERS[name], lr=lr, epochs=20, batch_size=34)
                model.fit(training.x[fit], training.y[fit])
                scores.append(np.mean((model.predict(training.x[validate]) - training.y[validate]) ** 2))
            errors.append(np.mean(scores))
        assert example.tune([name], 34, 20, seed=0) == {name: example.fastest(example.LR_GRID, errors)}


def test_the_largest_learning_rate_with_nearly_the_least_error_is_chosen(example: ModuleType) -> None:
    assert example.fastest([0.1, 0.2, 0.3, 0.4, 0.5], [20.0, 10.0, 10.09, 10.11, np.nan]) == 0.3


def test_tuning_when_all_learning_rates_but_one_diverge(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "LR_GRID", [30.0, 0.01, 10.0])
    assert example.tune(["SGD"], 34, 60, seed=0) == {"SGD": 0.01}


def test_a_short_tuning_chooses_no_learning_rate_that_ends_badly(example: ModuleType, tmp_path: Path) -> None:
    """The sum of the losses over few epochs would prefer a large learning rate, which gets near the minimum but not to it."""
    best = example.tune(["Adam"], 34, 60, seed=0)
    assert best["Adam"] < 3
    adam, exact = example.fair_answer(best, 34, 60, seed=0).splitlines()[2:]
    assert float(adam.split()[2]) < 1.05 * float(exact.split()[3])


def test_the_fair_answer_is_that_of_cars_that_took_no_part(example: ModuleType) -> None:
    training, test = example.hold_out_cars(0)
    model = example.network(0, optimizer=example.OPTIMIZERS["SGD"], lr=0.03, epochs=5, batch_size=34)
    error = model.fit(training.x, training.y).predict(test.x) - test.y
    sgd, diverged, exact = example.fair_answer({"SGD": 0.03, "Momentum": 1e200}, 34, 5, seed=0).splitlines()[2:]
    assert sgd.split()[:4] == ["SGD", "0.03", f"{np.mean(error**2):.4f}", f"{np.mean(abs(error)):.4f}"]
    assert diverged.split() == ["Momentum", "1e+200", "diverged", "-", "-"]
    assert exact.split()[:4] == ["least", "squares", "-", "16.2306"]


@pytest.mark.parametrize("name", LECTURE)
def test_the_stored_learning_rate_is_the_best_of_its_neighbours(
    example: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    k = example.LR_GRID.index(example.BEST_LR[name])
    assert 0 < k < len(example.LR_GRID) - 1
    monkeypatch.setattr(example, "LR_GRID", example.LR_GRID[k - 1 : k + 2])
    assert example.tune([name], 34, 1000, seed=0) == {name: example.BEST_LR[name]}


def test_the_stored_learning_rates_are_in_the_grid(example: ModuleType) -> None:
    assert example.BEST_LR.keys() == example.OPTIMIZERS.keys()
    assert set(example.BEST_LR.values()) <= set(example.LR_GRID)


def test_learning_rates_are_parsed(example: ModuleType) -> None:
    assert example.learning_rates(["0.1", "adam=2"], ["SGD", "Adam"]) == {"SGD": 0.1, "Adam": 2}
    assert example.learning_rates(["Adam=2"], ["SGD", "Adam"]) == {"SGD": 0.001, "Adam": 2}


def test_the_picture_has_labels_grid_legend_and_distinct_curves(example: ModuleType, cars: Any) -> None:
    mpl.use("Agg")
    runs = example.compare(cars, dict.fromkeys(LECTURE, 0.001), 34, 5, seed=0, one_model=False)
    runs += example.compare(cars, {"SGD": 10.0}, 34, 2, seed=0, one_model=False)
    figure, axes = plt.subplots()
    example.draw_losses(axes, runs, cars, 6)
    assert axes.get_xlabel() == "Epochs"
    assert axes.get_ylabel() == "Loss"
    assert axes.xaxis.get_gridlines()[0].get_visible()
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [*(f"{name} (lr 0.001)" for name in LECTURE), "SGD (lr 10), diverged", "least squares (18.39)"]
    styles = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.get_lines()}
    assert len(styles) == len(texts)
    np.testing.assert_array_equal(np.asarray(axes.get_lines()[0].get_ydata()), runs[0].losses)
    plt.close(figure)


def test_there_are_as_many_styles_as_optimizers(example: ModuleType) -> None:
    assert len({str(style) for style in example.STYLES}) >= len(example.OPTIMIZERS)


def test_a_missing_package_is_reported_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "vega_datasets.py").write_text("raise ModuleNotFoundError(\"No module named 'vega_datasets'\")", "utf-8")
    command = [
        sys.executable,
        "-c",
        f"import runpy, sys; sys.path[:0] = {[str(tmp_path), str(PROGRAM.parent)]!r}; runpy.run_path({str(PROGRAM)!r})",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "No module named 'vega_datasets'. In a clone of minigrad: pip install -e '.[examples]'\n"
