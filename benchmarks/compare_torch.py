"""Time minigrad against torch (eager mode, CPU) in one process.

    python benchmarks/compare_torch.py                 all workloads
    python benchmarks/compare_torch.py lecture chain   workloads whose name contains one of the words

Each workload is one function that runs in both libraries. They are timed alternately (A B A B ...), so that changes of the
machine's speed affect both. The table shows the median and the quartiles of the ratio minigrad / torch over all pairs: less
than 1 means that minigrad is faster. The column "bound" is the project's goal for the median.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

import minigrad

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"{error}. In a clone of minigrad: pip install -e '.[test]'")

Step = Callable[[], object]
Workload = Callable[[Any], Step]

workloads: dict[str, tuple[Workload, float | None]] = {}
"""For each name the function that prepares the workload in a library, and the bound of the ratio."""


def workload(name: str, bound: float | None = None) -> Callable[[Workload], Workload]:
    """Register a workload."""

    def register(prepare: Workload) -> Workload:
        workloads[name] = (prepare, bound)
        return prepare

    return register


def normal(lib: Any, *shape: int) -> Any:
    """Return equal normally distributed float32 values in either library."""
    return lib.tensor(np.random.default_rng(list(shape)).standard_normal(shape, dtype=np.float32))


def training_step(lib: Any, model: Any, loss: Any, optimizer: Any, x: Any, y: Any) -> Step:
    """Return an ordinary training step."""

    def step() -> None:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return step


optimizers: dict[str, Callable[[Any, Any], Any]] = {
    "SGD": lambda lib, params: lib.optim.SGD(params, lr=1e-3),
    "Momentum": lambda lib, params: lib.optim.SGD(params, lr=1e-3, momentum=0.9),
    "Adagrad": lambda lib, params: lib.optim.Adagrad(params, lr=1e-3),
    "RMSprop": lambda lib, params: lib.optim.RMSprop(params, lr=1e-3),
    "Adam": lambda lib, params: lib.optim.Adam(params, lr=1e-3),
}


def lecture_step(name: str) -> Workload:
    """Linear(3, 1), MSELoss, batch size 34: one step of the lecture's script."""

    def prepare(lib: Any) -> Step:
        model = lib.nn.Linear(3, 1)
        optimizer = optimizers[name](lib, model.parameters())
        return training_step(lib, model, lib.nn.MSELoss(), optimizer, normal(lib, 34, 3), normal(lib, 34, 1))

    return prepare


for optimizer_name in optimizers:
    workload(f"lecture step, {optimizer_name}", 0.25)(lecture_step(optimizer_name))


@workload("lecture epoch, DataLoader", 0.25)
def lecture_epoch(lib: Any) -> Step:
    """398 samples in shuffled batches of 34, as in the lecture's script."""
    data = lib.utils.data.TensorDataset(normal(lib, 398, 3), normal(lib, 398, 1))
    loader = lib.utils.data.DataLoader(data, batch_size=34, shuffle=True)
    model, loss = lib.nn.Linear(3, 1), lib.nn.MSELoss()
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3)

    def epoch() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    return epoch


@workload("MLP 784-256-128-10, batch 64", 1.0)
def mlp(lib: Any) -> Step:
    """A classifier with two hidden layers, cross entropy and Adam."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    target = lib.tensor(np.random.default_rng(1).integers(0, 10, 64))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    return training_step(lib, model, nn.CrossEntropyLoss(), optimizer, normal(lib, 64, 784), target)


@workload("wide MLP 1024-4096-1024, batch 256", 1.15)
def wide_mlp(lib: Any) -> Step:
    """A step that is dominated by large matrix products."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 1024))
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3)
    return training_step(lib, model, nn.MSELoss(), optimizer, normal(lib, 256, 1024), normal(lib, 256, 1025)[:, 1:])


@workload("chain of 2000 scalar ops", 0.6)
def scalar_chain(lib: Any) -> Step:
    """The overhead of an operation: forward and backward pass of 2000 scalar operations."""
    x = lib.tensor(0.5, requires_grad=True)

    def chain() -> None:
        y = x
        for _ in range(500):
            y = y * x
            y = y + x
            y = y - x
            y = y.tanh()
        y.backward()
        x.grad = None

    return chain


def large_step(name: str) -> Workload:
    """One optimizer step on ten million parameters."""

    def prepare(lib: Any) -> Step:
        parameter = normal(lib, 10_000_000).requires_grad_()
        parameter.grad = normal(lib, 10_000_000)
        step: Step = optimizers[name](lib, [parameter]).step
        return step

    return prepare


for optimizer_name in optimizers:
    large_bound = None if optimizer_name in ("SGD", "Momentum") else 1.2
    workload(f"10M parameters, {optimizer_name}", large_bound)(large_step(optimizer_name))


def paired_ratios(a: Step, b: Step, seconds: float, clock: Callable[[], float] = time.perf_counter) -> Iterator[float]:
    """Time a and b alternately and yield the ratios of their times, for a number of seconds and at least 5 times."""
    a(), b()  # warm up
    repeats = 1
    while True:
        begin = time.perf_counter()
        for _ in range(repeats):
            a()
            b()
        if time.perf_counter() - begin > 0.02:
            break
        repeats *= 2
    end = time.perf_counter() + seconds
    done = 0
    while time.perf_counter() < end or done < 5:
        t0 = clock()
        for _ in range(repeats):
            a()
        t1 = clock()
        for _ in range(repeats):
            b()
        t2 = clock()
        done += 1
        yield (t1 - t0) / (t2 - t1)


def report(name: str, ratios: list[float], bound: float | None) -> None:
    """Print one row of the table."""
    low, median, high = statistics.quantiles(ratios, n=4)
    goal = "" if bound is None else f"{bound:.2f}"
    print(f"{name:38} {median:7.2f}   {low:5.2f} - {high:5.2f} {goal:>9} {len(ratios):7}", flush=True)


def import_times(module: str, other: str, rounds: int) -> list[float]:
    """Return the ratios of the import times of two modules, each in new processes, measured alternately."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

    def seconds(name: str) -> float:
        command = [sys.executable, "-c", code.format(name)]
        return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    seconds(module), seconds(other)  # compile to bytecode
    return [seconds(module) / seconds(other) for _ in range(rounds)]


def main() -> None:
    """Run the selected workloads and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run only workloads whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each workload (default 4)")
    options = parser.parse_args()

    def is_selected(name: str) -> bool:
        return not options.words or any(word.lower() in name.lower() for word in options.words)

    print(f"torch {torch.__version__} with {torch.get_num_threads()} threads, NumPy {np.__version__}")
    print(f"{'minigrad / torch':38} {'median':>7}   {'quartiles':13} {'bound':>9} {'pairs':>7}")
    libraries: tuple[ModuleType, ModuleType] = (minigrad, torch)
    for name, (prepare, bound) in workloads.items():
        if is_selected(name):
            a, b = (prepare(lib) for lib in libraries)
            report(name, list(paired_ratios(a, b, options.seconds)), bound)
    for module, other, bound in (("minigrad", "numpy", 1.5), ("minigrad", "torch", None)):
        name = f"import {module} / import {other}"
        if is_selected(name):
            report(name, import_times(module, other, max(5, int(2 * options.seconds))), bound)


if __name__ == "__main__":
    main()
