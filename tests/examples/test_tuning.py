"""Grid search and random search on the cars."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tuning
from common import load_cars
from sklearn.model_selection import GridSearchCV, KFold
from tuning import LECTURE_OPTIMIZERS, LRS, Part, Setting, best, evaluate, hold_out_cars, network, of_network, run


@pytest.fixture(scope="module")
def cars() -> tuple[Part, Part]:
    return hold_out_cars(0)


def test_the_statement_holds_and_a_picture_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = tuning.main(["--quick", "--output", str(tmp_path)])
    assert list(chosen) == ["grid search", "random search", "one quarter"]
    assert chosen["grid search"].lr in LRS
    assert (tmp_path / "tuning.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "\nShown: " in printed.out
    assert "318 cars for the training" in printed.out
    assert "grid search: 100%" in printed.err
    assert "random search: 100%" in printed.err
    for name, setting in chosen.items():
        assert f"{name}: {setting} " in printed.out


def test_the_grid_is_the_full_product_and_each_quarter_validates_once(cars: tuple[Part, Part]) -> None:
    grid = {"optimizer": list(tuning.NAMES), "lr": [0.01, 100.0], "epochs": [2, 200], "batch_size": [100]}
    folds = KFold(4, shuffle=True, random_state=0)
    search = GridSearchCV(network(0), of_network(grid), cv=folds, refit=False)
    errors, first = run(search, cars[0], 20, "")
    names = list(LECTURE_OPTIMIZERS)
    assert set(errors) == {Setting(name, lr, epochs, 100) for name in names for lr in (0.01, 100.0) for epochs in (2, 200)}
    assert math.isnan(errors[Setting("SGD", 100.0, 200, 100)])

    one, scores = Setting("Adam", 0.01, 2, 100), []
    for training, validation in folds.split(cars[0].x):
        parts = [Part(cars[0].x[rows], cars[0].y[rows]) for rows in (training, validation)]
        scores.append(one.evaluate(parts[0], parts[1], seed=0)[0])
    assert errors[one] == pytest.approx(np.mean(scores), rel=1e-12)
    assert first[one] == pytest.approx(scores[0], rel=1e-12)


def test_the_best_is_the_least_of_all_or_of_an_optimizer() -> None:
    settings = [Setting("SGD", 1.0, 1, 1), Setting("SGD", 0.1, 1, 1), Setting("Adam", 0.1, 1, 1)]
    errors = dict(zip(settings, [math.nan, 2.0, 1.0], strict=True))
    assert best(errors) == settings[2]
    assert best(errors, "SGD") == settings[1]


def test_the_cars_are_divided(cars: tuple[Part, Part]) -> None:
    everything = np.column_stack([load_cars(standardized=False).x.numpy(), load_cars().y.numpy()])
    divided = np.concatenate([np.column_stack([part.x, part.y]) for part in cars])
    assert [len(part.y) for part in cars] == [318, 80]
    assert sorted(map(tuple, divided)) == sorted(map(tuple, everything))
    assert (hold_out_cars(1)[1].y != cars[1].y).any()


def test_no_choice_sees_the_test_cars(
    cars: tuple[Part, Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tuning, "EPOCHS", [2, 5])
    arguments = ["--quick", "--output", str(tmp_path)]
    chosen = tuning.main(arguments)
    monkeypatch.setattr(tuning, "hold_out_cars", lambda seed: (cars[0], Part(cars[1].x, 100 - cars[1].y)))
    assert tuning.main(arguments) == chosen
    assert "NOT SHOWN" in capsys.readouterr().out


def test_a_network_standardizes_with_what_it_is_trained_on(cars: tuple[Part, Part]) -> None:
    training, test = cars
    model = network(0, optimizer=LECTURE_OPTIMIZERS["Momentum"], lr=0.1, epochs=2000, batch_size=None).fit(
        training.x, training.y
    )
    scaler: Any = model.named_steps["scaler"]
    np.testing.assert_allclose(scaler.mean_, training.x.mean(axis=0, dtype=float))
    design = np.column_stack([np.ones(318), training.x]).astype(float)
    solution = np.linalg.lstsq(design, training.y.astype(float))[0]
    predictions = np.column_stack([np.ones(80), test.x]).astype(float) @ solution
    mse, mae, r2 = evaluate(model, test)
    assert mse == pytest.approx(np.mean((predictions - test.y) ** 2), rel=1e-3)
    assert mae == pytest.approx(np.mean(abs(predictions - test.y)), rel=1e-3)
    assert r2 == pytest.approx(1 - np.mean((predictions - test.y) ** 2) / np.var(test.y.astype(float)), rel=1e-3)
