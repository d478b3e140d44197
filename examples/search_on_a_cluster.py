"""Grid and random search past one machine: the same search one after the other, in processes, and on a Dask cluster.

The lecture names the cost of a grid: it multiplies with each hyperparameter. The runs do not need each other, so that they
can be spread over processes or machines. The estimators of minigrad have scikit-learn's interface, and scikit-learn's
searches run on any backend of joblib: nothing here is written for a cluster but the lines that name it.

    pip install -e ".[examples,search]"
    python examples/search_on_a_cluster.py
    python examples/search_on_a_cluster.py --scheduler tcp://scheduler.example:8786

Without --scheduler a cluster of two workers is started on this machine. For a real one, run ``dask scheduler`` on one
machine and ``dask worker tcp://its-address:8786`` on each of the others, with minigrad installed there, and give its address.
With Ray it is the same: ``from ray.util.joblib import register_ray; register_ray()``, and ``parallel_config("ray")`` in place
of ``parallel_config("dask")``; ``ray.init(address=...)`` names its cluster.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from common import load_cars, parser, save, show
from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from minigrad.estimators import NetworkRegressor

OPTIMIZERS = ["SGD", "Adagrad", "RMSprop", "Adam"]
LRS = [0.001, 0.01, 0.1, 1.0]
WORKERS = 2

Search = Callable[[], Any]


def searches(seed: int, epochs: int) -> dict[str, Search]:
    """Return the two searches over the optimizer, the learning rate and the batch size, not yet run."""
    model = Pipeline([("scaler", StandardScaler()), ("network", NetworkRegressor(epochs=epochs, random_state=seed))])
    grid = {"network__optimizer": OPTIMIZERS, "network__lr": LRS, "network__batch_size": [32, None]}
    ranges = {**grid, "network__lr": loguniform(1e-3, 1)}
    options: dict[str, Any] = {"scoring": "neg_mean_squared_error", "cv": 3, "n_jobs": WORKERS, "error_score": -np.inf}
    return {
        "grid": lambda: GridSearchCV(model, grid, **options),
        "random": lambda: RandomizedSearchCV(model, ranges, n_iter=16, random_state=seed, **options),
    }


@contextmanager
def backend(name: str, scheduler: str | None) -> Iterator[None]:
    """Let searches run on a backend of joblib in this block, with a line of progress now and then."""
    with ExitStack() as stack:
        if name == "dask":
            local = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.ERROR}
            cluster = stack.enter_context(LocalCluster(**local)) if scheduler is None else scheduler
            stack.enter_context(Client(cluster))
        stack.enter_context(parallel_config(name, verbose=1))
        yield


def run(search: Search) -> tuple[Any, float]:
    """Run a search; return it with the seconds that it took."""
    cars = load_cars(standardized=False)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of trainings that diverge: they are scored as the worst
        done = search().fit(cars.x.numpy(), cars.y[:, 0].numpy())
    return done, time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Run the program and return the searches that were run, by backend and kind."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--scheduler", help="address of a Dask scheduler; default: a cluster of two workers on this machine")
    args = options.parse_args(arguments)
    found: dict[str, dict[str, Any]] = {}
    lines = [f"{'backend':<12}{'search':<8}{'seconds':>8}{'MSE':>10}  choice"]
    for name in ("sequential", "loky", "dask"):
        found[name] = {}
        with backend(name, args.scheduler):
            for kind, search in searches(args.seed, epochs=2 if args.quick else 60).items():
                print(f"{kind} search, backend {name}")
                found[name][kind], seconds = run(search)
                error, choice = -found[name][kind].best_score_, describe(found[name][kind].best_params_)
                lines.append(f"{name:<12}{kind:<8}{seconds:>8.1f}{error:>10.4f}  {choice}")
    print("\n".join(lines))
    draw(found["dask"], args.output / "search_on_a_cluster.png")
    scores = {
        name: [search.cv_results_["mean_test_score"].tolist() for search in done.values()] for name, done in found.items()
    }
    trials = sum(map(len, scores["dask"]))
    show(
        f"the scores of {trials} candidates, means of three folds, are equal to the last bit on all backends.",
        scores["sequential"] == scores["loky"] == scores["dask"],
    )
    return found


def describe(params: dict[str, Any]) -> str:
    """Return hyperparameters as text."""
    batch = params["network__batch_size"] or "all"
    return f"{params['network__optimizer']}, lr {params['network__lr']:.4g}, batches of {batch}"


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw the error of each candidate against its learning rate, a panel for each search."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for panel, (kind, search) in zip(panels, found.items(), strict=True):
        results = search.cv_results_
        for optimizer, color, marker in zip(OPTIMIZERS, ["#0072b2", "#009e73", "#cc79a7", "#000000"], "osD^", strict=True):
            mine = results["param_network__optimizer"] == optimizer
            errors = np.minimum(-results["mean_test_score"][mine], 1e3)
            panel.loglog(
                results["param_network__lr"][mine].astype(float), errors, marker, color=color, label=optimizer, alpha=0.8
            )
        panel.set(title=f"{kind} search, {len(results['params'])} candidates", xlabel="learning rate")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("mean squared error, 3 folds (at most 1000)")
    panels[1].legend()
    save(figure, path)


if __name__ == "__main__":  # the workers import this file
    main()
