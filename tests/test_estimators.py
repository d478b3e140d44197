"""The estimators: scikit-learn's own checks, searches, seeds, early stopping, every optimizer, errors."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from inspect import isclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import minigrad
from minigrad import nn, optim
from minigrad.estimators import NetworkClassifier, NetworkRegressor

OPTIMIZERS = [name for name in optim.__all__ if isclass(getattr(optim, name)) and name != "Optimizer"]


def line(rows: int = 60) -> tuple[Any, Any]:
    """Return rows of two columns, and targets that are linear in them."""
    x = np.random.default_rng(0).normal(size=(rows, 2))
    return x, x @ [2.0, -1.0] + 0.5


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        NetworkRegressor(),
        NetworkRegressor(hidden=(16,), early_stopping=True),
        NetworkClassifier(),
        NetworkClassifier(hidden=(8,), activation="Tanh", early_stopping=True),
    ]
)
def test_scikit_learns_own_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


# ------------------------------------------------------------------------------------------------- searches, pipelines


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_with_two_workers_finds_the_same_to_the_last_digit(backend: str) -> None:
    x, y = line()
    model = make_pipeline(StandardScaler(), NetworkRegressor((4,), epochs=20, random_state=0))
    grid = {"networkregressor__lr": [0.001, 0.01, 0.1], "networkregressor__optimizer": ["SGD", optim.NAG]}
    serial, parallel = (GridSearchCV(model, grid, cv=3, n_jobs=n) for n in (1, 2))
    serial.fit(x, y)
    with joblib.parallel_config(backend):
        parallel.fit(x, y)
    for k in range(3):
        name = f"split{k}_test_score"
        np.testing.assert_array_equal(serial.cv_results_[name], parallel.cv_results_[name])
    assert serial.best_params_ == parallel.best_params_
    np.testing.assert_array_equal(serial.predict(x), parallel.predict(x))


def test_a_random_search_draws_what_scipy_and_numpy_draw() -> None:
    x, y = line()
    space = {"lr": np.logspace(-3, -1, 20), "batch_size": np.arange(5, 30), "epochs": np.arange(1, 9)}
    search = RandomizedSearchCV(NetworkRegressor(random_state=0), space, n_iter=5, random_state=0, cv=2).fit(x, y)
    assert search.best_params_["lr"] in space["lr"]
    assert search.best_estimator_.n_iter_ == search.best_params_["epochs"]


def test_a_diverged_candidate_is_the_worst_and_not_the_end_of_a_search() -> None:
    x, y = line()
    model = NetworkRegressor(optimizer="SGD", epochs=200, random_state=0)
    with pytest.warns(FitFailedWarning, match="diverged in epoch"), pytest.warns(UserWarning, match="non-finite"):
        search = GridSearchCV(model, {"lr": [1e3, 0.1]}, cv=2).fit(x, y)
    assert search.best_params_ == {"lr": 0.1}


def test_classification_by_cross_validation() -> None:
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), NetworkClassifier((8,), epochs=60, random_state=0))
    assert cross_val_score(model, x, y).min() > 0.9


# ---------------------------------------------------------------------------------------------------------- the training


def test_the_simple_regression_of_the_lecture() -> None:
    """y = 2 x + 1 for x from 1 to 5, 1000 steps with all rows."""
    x = np.arange(1.0, 6.0)[:, None]
    model = NetworkRegressor(optimizer="SGD", lr=0.05, epochs=1000, batch_size=None, random_state=0).fit(x, 2 * x[:, 0] + 1)
    assert parameters(model) == pytest.approx([2, 1], abs=1e-7)


def ones(inputs: int, outputs: int) -> nn.Module:
    layer = nn.Linear(inputs, outputs)
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    return layer


def parameters(model: NetworkRegressor) -> list[float]:
    return [value for p in model.module_.parameters() for value in p.detach().numpy().ravel().tolist()]


def test_a_step_with_all_rows_is_that_of_the_formula() -> None:
    x, y = line(10)
    model = NetworkRegressor(module=ones, optimizer="SGD", lr=0.1, epochs=1, batch_size=None).fit(x, y)
    error = x @ [1.0, 1.0] + 1 - y
    expected = [1 - 0.1 * 2 * np.mean(error * column) for column in (*x.T, np.ones(10))]
    np.testing.assert_allclose(parameters(model), expected, rtol=1e-12)
    assert model.loss_curve_ == [pytest.approx(np.mean(error**2), rel=1e-12)]


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (4, 3), (10, 1), (100, 1), (1, 10)])
def test_steps_of_an_epoch(batch_size: int | None, steps: int) -> None:
    made: list[optim.Optimizer] = []

    def adam(params: Any, lr: float) -> optim.Optimizer:
        made.append(optim.Adam(params, lr))
        return made[-1]

    NetworkRegressor(optimizer=adam, epochs=3, batch_size=batch_size).fit(*line(10))
    assert [state["step"].item() for state in made[0].state.values()] == [3 * steps, 3 * steps]


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    x, y = line(10)
    model = NetworkRegressor(module=ones, optimizer="SGD", lr=0.0, epochs=1, batch_size=4).fit(x, y)
    assert model.loss_curve_ == [pytest.approx(np.mean((x @ [1.0, 1.0] + 1 - y) ** 2), rel=1e-12)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains(name: str) -> None:
    x, y = line()
    lr = {"Adagrad": 1.0, "Adadelta": 10.0}.get(name, 0.05)
    by_name = NetworkRegressor(optimizer=name, lr=lr, epochs=100, random_state=0).fit(x, y)
    assert by_name.score(x, y) > 0.99
    by_class = clone(by_name).set_params(optimizer=getattr(optim, name)).fit(x, y)
    np.testing.assert_array_equal(by_class.predict(x), by_name.predict(x))


def test_options_reach_the_optimizer() -> None:
    x, y = line()
    plain = NetworkRegressor(optimizer="SGD", lr=0.001, epochs=10, random_state=0).fit(x, y)
    fast = clone(plain).set_params(optimizer_options={"momentum": 0.9}).fit(x, y)
    assert fast.loss_curve_[-1] < plain.loss_curve_[-1]


def test_nag_predicts_with_the_iterate_and_not_with_the_lookahead() -> None:
    x, y = line()
    model = NetworkRegressor(module=ones, optimizer="NAG", lr=0.01, epochs=1, batch_size=None).fit(x, y)
    error = x @ [1.0, 1.0] + 1 - y
    assert parameters(model)[-1] == pytest.approx(1 - 0.01 * 2 * error.mean(), rel=1e-12)


def test_early_stopping_keeps_the_best_weights() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 20))
    y = x[:, 0] + rng.normal(size=60)
    model = NetworkRegressor((32,), epochs=500, early_stopping=True, validation_fraction=0.5, patience=5, random_state=0)
    model.fit(x, y)
    curve = model.validation_loss_curve_
    assert model.n_iter_ == len(curve) == len(model.loss_curve_) < 500
    assert curve.index(min(curve)) == len(curve) - 1 - 5
    until_best = clone(model).set_params(epochs=len(curve) - 5).fit(x, y)
    np.testing.assert_array_equal(until_best.predict(x), model.predict(x))
    assert until_best.validation_loss_curve_ == curve[:-5]


def test_partial_fit_goes_on_where_it_was() -> None:
    x, y = line()
    whole = NetworkRegressor((4,), epochs=5, random_state=0).fit(x, y)
    parts = clone(whole)
    for _ in range(3):
        parts.partial_fit(x, y)
    parts = pickle.loads(pickle.dumps(parts))
    for _ in range(2):
        parts.partial_fit(x, y)
    np.testing.assert_array_equal(parts.predict(x), whole.predict(x))
    assert parts.loss_curve_ == whole.loss_curve_


def test_several_targets() -> None:
    x, y = line()
    model = NetworkRegressor(lr=0.1, epochs=300, random_state=0).fit(x, np.column_stack([y, -y]))
    assert model.predict(x).shape == (60, 2)
    np.testing.assert_allclose(model.predict(x)[:, 1], -y, atol=1e-2)


def test_probabilities_and_labels() -> None:
    x, y = load_iris(return_X_y=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    model = NetworkClassifier(epochs=50, random_state=0).fit(x, labels)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    weight, bias = (p.detach().numpy() for p in model.module_.parameters())
    odds = np.exp(x @ weight.T + bias)
    np.testing.assert_allclose(model.predict_proba(x), odds / odds.sum(axis=1, keepdims=True), rtol=1e-10)
    assert (model.predict(x) == model.classes_[model.predict_proba(x).argmax(axis=1)]).all()


# ---------------------------------------------------------------------------------------------------------------- random


def dropout(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 8), nn.Dropout(0.5), nn.Linear(8, outputs))


def test_a_seed_gives_equal_bits_and_leaves_the_default_generator_alone() -> None:
    x, y = line()
    model = NetworkRegressor(module=dropout, epochs=5, early_stopping=True, random_state=3)
    minigrad.manual_seed(0)
    before = minigrad.get_rng_state()
    first = model.fit(x, y).predict(x)
    assert minigrad.get_rng_state() == before
    minigrad.manual_seed(1)
    np.testing.assert_array_equal(clone(model).fit(x, y).predict(x), first)
    assert (clone(model).set_params(random_state=4).fit(x, y).predict(x) != first).any()


def test_the_batches_are_drawn_too() -> None:
    x, y = line()
    models = [NetworkRegressor(module=ones, epochs=1, random_state=seed).fit(x, y) for seed in (0, 1)]
    assert parameters(models[0]) != parameters(models[1])


def test_threads_draw_each_from_a_generator_of_its_own() -> None:
    x, y = line()
    models = [NetworkRegressor(module=dropout, epochs=30, random_state=seed) for seed in range(4)]
    alone = [clone(model).fit(x, y).predict(x) for model in models]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda model: model.fit(x, y).predict(x), models))
    np.testing.assert_array_equal(together, alone)


# ---------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "Adm"}, "'Adm' is neither the name of a class in minigrad.optim"),
        ({"hidden": (3,), "activation": "relu"}, "'relu' is neither the name of a class in minigrad.nn.activation"),
        ({"epochs": 0}, "epochs and patience must be at least 1"),
        ({"patience": 0}, "epochs and patience must be at least 1"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"lr": -1.0}, "Invalid learning rate"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        NetworkRegressor(**options).fit(*line())


def test_divergence_says_when_and_what_to_do() -> None:
    model = NetworkRegressor(optimizer="SGD", lr=1e200, random_state=0)
    with pytest.raises(FloatingPointError, match=r"NetworkRegressor diverged in epoch 1: .* Decrease lr, now 1e\+200"):
        model.fit(*line())
    with pytest.raises(NotFittedError):
        model.predict(line()[0])


def test_weights_that_the_last_step_made_infinite_are_noticed() -> None:
    model = NetworkRegressor(module=ones, optimizer="SGD", lr=1e308, epochs=1, batch_size=None)
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        model.fit(line()[0], 1e3 * line()[1])


def test_gradients_are_recorded_for_the_training_alone() -> None:
    with minigrad.no_grad():
        model = NetworkRegressor(epochs=2).fit(*line())
    assert all(p.grad is None for p in model.module_.parameters())


def test_labels_of_partial_fit() -> None:
    x, y = line(4)[0], [0, 1, 0, 1]
    with pytest.raises(ValueError, match="must be passed on the first call"):
        NetworkClassifier().partial_fit(x, y)
    model = NetworkClassifier().partial_fit(x, y, classes=[0, 1, 2])
    assert model.predict_proba(x).shape == (4, 3)
    with pytest.raises(ValueError, match=r"not among the classes: \[5\]"):
        model.partial_fit(x, [0, 5, 0, 5])


def test_a_progress_bar_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    NetworkRegressor(epochs=3).fit(*line())
    assert capsys.readouterr().err == ""
    NetworkRegressor(epochs=3, verbose=True).fit(*line())
    assert re.search(r"NetworkRegressor: 100%.*3/3.*loss \d", capsys.readouterr().err)


def run(program: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    paths = [*map(str, folders), str(Path(minigrad.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {paths!r}\n{program}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_scikit_learn_is_optional() -> None:
    done = run("import minigrad, minigrad.nn, minigrad.optim\nprint({'sklearn', 'tqdm'} & sys.modules.keys())")
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("missing", ["sklearn", "tqdm"])
def test_a_missing_extra_is_named_with_the_remedy(missing: str) -> None:
    done = run(f"sys.modules[{missing!r}] = None\nimport minigrad.estimators")
    assert done.returncode == 1
    message = "minigrad.estimators needs scikit-learn and tqdm; in a clone of minigrad: pip install -e '.[estimators]'"
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {message}"


def test_every_argument_is_described() -> None:
    (network,) = {base for base in NetworkRegressor.__mro__ if base.__name__ == "Network"}
    described = re.findall(r"^ {8}(\w+): ", (network.__doc__ or "").partition("Attributes:")[0], re.MULTILINE)
    assert sorted(described) == sorted(NetworkRegressor().get_params())
