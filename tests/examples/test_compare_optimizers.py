"""The lecture's comparison: what it computes, what it prints and draws, and how it refuses."""

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


def losses(example: ModuleType, cars: Any, rates: dict[str, float], epochs: int, shared: bool = False) -> list[list[float]]:
    return [run.losses for run in example.compare(cars, rates, 34, epochs, seed=0, shared=shared)]


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


# -------------------------------------------------------------------------------------------------------- as a program


def test_it_prints_a_table_and_draws_a_picture(tmp_path: Path) -> None:
    done = run("--epochs", "3", "--output", str(tmp_path / "new" / "folder"))
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    head = next(k for k, row in enumerate(rows) if row[:5] == ["optimizer", "lr", "MSE", "MAE", "R²"])
    assert [row[0] for row in rows[head + 2 : head + 7]] == LECTURE
    assert "Least squares reaches an MSE of 18.3877" in done.stdout
    assert "3/3" in done.stderr
    assert "loss " in done.stderr
    assert (tmp_path / "new" / "folder" / "loss_vs_epochs.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_table_and_another_another(tmp_path: Path) -> None:
    quick = ["--epochs", "4", "--optimizers", "Adam", "sgd", "--output", str(tmp_path)]
    first, second, third = run(*quick), run(*quick), run(*quick, "--seed", "1")
    assert without_time(first.stdout) == without_time(second.stdout)
    assert without_time(first.stdout).replace("seed 0", "seed 1") != without_time(third.stdout)


def test_as_in_the_lecture_says_what_that_does(tmp_path: Path) -> None:
    done = run("--as-in-lecture", "--epochs", "3", "--optimizers", "SGD", "Adam", "--output", str(tmp_path))
    assert "Only SGD started from scratch" in done.stdout
    assert "does not show how fast they learn" in done.stdout
    assert (tmp_path / "loss_vs_epochs_as_in_lecture.png").exists()


def test_divergence_is_said(tmp_path: Path) -> None:
    done = run("--lr", "0.01", "SGD=10", "--epochs", "3", "--optimizers", "SGD", "Adam", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^SGD +10 +diverged", done.stdout, re.MULTILINE)
    assert "SGD diverged: after epoch 1" in done.stdout
    assert "Adam diverged" not in done.stdout


def test_a_destroyed_model_is_not_blamed_on_the_next_optimizer(tmp_path: Path) -> None:
    many = ("--lr", "0.01", "SGD=10", "--epochs", "3", "--optimizers", "SGD", "Adam", "--as-in-lecture")
    done = run(*many, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "nothing left to train for Adam" in done.stdout
    assert "Adam diverged" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--optimizers Foo", "there is no optimizer 'Foo'; there are SGD, Momentum"),
        ("--optimizers SGD sgd", "SGD is there twice"),
        ("--optimizers", "expected at least one argument"),
        ("--lr 0", "expected a positive number, but got '0'"),
        ("--lr -1", "expected a positive number, but got '-1'"),
        ("--lr nan", "expected a positive number, but got 'nan'"),
        ("--lr inf", "expected a positive number, but got 'inf'"),
        ("--lr Adam=fast", "expected a positive number, but got 'Adam=fast'"),
        ("--lr 0.1 0.2", "one rate for all"),
        ("--lr Foo=0.1", "there is no optimizer 'Foo'"),
        ("--lr Adam=0.1 --optimizers SGD", "Adam is not among the optimizers compared"),
        ("--epochs 0", "expected a whole number of at least 1, but got '0'"),
        ("--epochs many", "expected a whole number of at least 1, but got 'many'"),
        ("--batch-size 0", "expected a whole number from 1 to 398, but got '0'"),
        ("--batch-size 399", "expected a whole number from 1 to 398, but got '399'"),
        ("--seed -1", "expected a whole number of at least 0, but got '-1'"),
        ("--seed 1.5", "expected a whole number of at least 0"),
        (f"--output {PROGRAM}", "cannot write into a folder"),
        (f"--output {PROGRAM}/below", "cannot write into a folder"),
        ("--output /proc/nowhere", "cannot write into a folder"),
        ("--tune --lr 0.1", "leave out --lr"),
        ("--tune --as-in-lecture", "not allowed with"),
        ("--epoch 3", "unrecognized arguments"),
        ("more", "unrecognized arguments: more"),
    ],
)
def test_bad_arguments_end_in_one_line(
    example: ModuleType, capsys: pytest.CaptureFixture[str], arguments: str, complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        example.main(arguments.split())
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert complaint in printed.err
    assert printed.err.count("\n") == 1


def test_a_picture_that_cannot_be_written_ends_in_one_line(example: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "loss_vs_epochs.png").mkdir()
    with pytest.raises(SystemExit, match=r"cannot write .*loss_vs_epochs.png"):
        example.main(["--epochs", "1", "--optimizers", "SGD", "--output", str(tmp_path)])


# --------------------------------------------------------------------------------------------------------- what it does


def test_the_data_needs_no_network(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    cars = example.load_cars()
    assert (tuple(cars.x.shape), tuple(cars.y.shape)) == ((398, 3), (398, 1))
    assert cars.optimum == pytest.approx(18.3877, abs=5e-5)


def test_every_optimizer_has_the_same_start_and_batches(example: ModuleType, cars: Any) -> None:
    rates = dict.fromkeys(LECTURE, 0.001)
    together = losses(example, cars, rates, 3)
    assert len({way[0] for way in together}) == 1
    for name, way in zip(rates, together, strict=True):
        assert losses(example, cars, {name: 0.001}, 3) == [way]


def test_a_shared_model_goes_on_where_the_one_before_stopped(example: ModuleType, cars: Any) -> None:
    ways = losses(example, cars, dict.fromkeys(example.OPTIMIZERS, 0.001), 3, shared=True)
    assert [way[0] for way in ways[1:]] == [way[-1] for way in ways[:-1]]
    assert ways[0] == losses(example, cars, {"SGD": 0.001}, 3)[0]


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
def test_the_losses_are_the_measured_ones(
    example: ModuleType, cars: Any, name: str, after_1: float, after_10: float, after_100: float
) -> None:
    """Up to the random start: torch's range of weights moves the first loss by some percent."""
    (way,) = losses(example, cars, {name: 0.001}, 100)
    np.testing.assert_allclose([way[1], way[10], way[100]], [after_1, after_10, after_100], rtol=0.04)


def test_every_optimizer_learns_and_is_itself(example: ModuleType, cars: Any) -> None:
    ways = losses(example, cars, dict.fromkeys(example.OPTIMIZERS, 0.001), 3)
    assert all(way[-1] < way[0] for way in ways)
    assert len({tuple(way) for way in ways}) >= len(ways) - 1  # momentum and heavy ball may be equal to the last digit


def test_heavy_ball_is_momentum_at_a_constant_rate(example: ModuleType, cars: Any) -> None:
    momentum, ball = losses(example, cars, {"Momentum": 0.001, "HeavyBall": 0.001}, 20)
    np.testing.assert_allclose(ball, momentum, rtol=1e-5)


def test_nag_is_judged_by_what_it_has_reached_and_not_ahead_of_it(example: ModuleType, cars: Any) -> None:
    (run,) = example.compare(cars, {"NAG": 0.001}, len(cars), 3, seed=0, shared=False)
    model = example.fresh_model(0)
    design = np.column_stack([cars.x.numpy(), np.ones(len(cars))]).astype(np.float64)
    theta = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]).astype(np.float64)[:, None]
    y, v, expected = cars.y.numpy().astype(np.float64), np.zeros((4, 1)), []
    for _ in range(4):
        expected.append(np.mean((design @ theta - y) ** 2))
        slope = 2 / len(cars) * design.T @ (design @ (theta + 0.9 * v) - y)
        v = 0.9 * v - 0.001 * slope
        theta = theta + v
    np.testing.assert_allclose(run.losses, expected, rtol=1e-6)


def test_arrival_counts_epochs_from_the_start(example: ModuleType) -> None:
    run = example.Run("SGD", 0.1, losses=[9.0, 3.0, 2.0, 2.5])
    assert [run.arrival(goal) for goal in (9, 8, 2, 1)] == [0, 1, 2, None]


def test_tuning_takes_the_rate_that_trying_all_would_take(example: ModuleType, cars: Any) -> None:
    names = ["SGD", "Adam"]
    tried = {name: {rate: np.mean(losses(example, cars, {name: rate}, 5)[0]) for rate in example.RATES} for name in names}
    best = {name: min((mean, rate) for rate, mean in means.items() if np.isfinite(mean))[1] for name, means in tried.items()}
    assert example.tune(cars, names, 34, 5, seed=0) == best
    assert best["SGD"] != best["Adam"]


def test_tuning_where_every_rate_diverges_but_one(example: ModuleType, cars: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "RATES", [30.0, 0.01, 10.0])
    assert example.tune(cars, ["SGD"], 34, 3, seed=0) == {"SGD": 0.01}


def test_rates(example: ModuleType) -> None:
    assert example.learning_rates(["0.1", "adam=2"], ["SGD", "Adam"]) == {"SGD": 0.1, "Adam": 2}
    assert example.learning_rates(["Adam=2"], ["SGD", "Adam"]) == {"SGD": 0.001, "Adam": 2}


def test_the_picture_has_names_grid_legend_and_distinct_curves(example: ModuleType, cars: Any) -> None:
    mpl.use("Agg")
    runs = example.compare(cars, dict.fromkeys(LECTURE, 0.001), 34, 5, seed=0, shared=False)
    runs += example.compare(cars, {"SGD": 10.0}, 34, 2, seed=0, shared=False)
    figure, axes = plt.subplots()
    example.draw_losses(axes, runs, cars)
    assert axes.get_xlabel() == "Epochs"
    assert axes.get_ylabel().startswith("Loss")
    assert axes.xaxis.get_gridlines()[0].get_visible()
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [*(f"{name} (lr 0.001)" for name in LECTURE), "SGD (lr 10), diverged", "least squares (18.39)"]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.get_lines()}
    assert len(looks) == len(texts)
    np.testing.assert_array_equal(np.asarray(axes.get_lines()[0].get_ydata()), runs[0].losses)
    plt.close(figure)


def test_there_are_as_many_looks_as_optimizers(example: ModuleType) -> None:
    assert len({str(style) for style in example.STYLES}) >= len(example.OPTIMIZERS)
