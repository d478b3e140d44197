"""minigrad against torch (eager, CPU), workload by workload, in one process.

    python benchmarks/compare_torch.py                 all of them
    python benchmarks/compare_torch.py lecture chain   those whose name contains one of the words

Each workload is one text that runs in either library. The two take turns (A B A B ...), so that a machine that grows slower
or faster does so for both; what is printed is the median of the ratios minigrad / torch, turn by turn, with the quartiles.
Below 1 minigrad is faster. The column "at most" is what the project sets itself as a bound.
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
import torch

import minigrad

Step = Callable[[], object]
Workload = Callable[[Any], Step]

workloads: dict[str, tuple[Workload, float | None]] = {}
"""Name -> (the function that prepares it in a library, the bound on the ratio)."""


def workload(name: str, at_most: float | None = None) -> Callable[[Workload], Workload]:
    """Enter a workload into the list."""

    def enter(prepare: Workload) -> Workload:
        workloads[name] = (prepare, at_most)
        return prepare

    return enter


def normal(lib: Any, *shape: int) -> Any:
    """Return the same float32 numbers in either library."""
    return lib.tensor(np.random.default_rng(list(shape)).standard_normal(shape, dtype=np.float32))


def training_step(lib: Any, model: Any, loss: Any, optimizer: Any, x: Any, y: Any) -> Step:
    """Return the five lines that everybody writes."""

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
    """Linear(3, 1), MSELoss, 34 rows: one step of the lecture's script."""

    def prepare(lib: Any) -> Step:
        model = lib.nn.Linear(3, 1)
        optimizer = optimizers[name](lib, model.parameters())
        return training_step(lib, model, lib.nn.MSELoss(), optimizer, normal(lib, 34, 3), normal(lib, 34, 1))

    return prepare


for optimizer_name in optimizers:
    workload(f"lecture step, {optimizer_name}", 0.25)(lecture_step(optimizer_name))


@workload("lecture epoch, DataLoader", 0.25)
def lecture_epoch(lib: Any) -> Step:
    """398 rows in shuffled batches of 34, as the lecture's script takes them."""
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
    """A classifier of digits: two hidden layers, cross entropy, Adam."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    target = lib.tensor(np.random.default_rng(1).integers(0, 10, 64))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    return training_step(lib, model, nn.CrossEntropyLoss(), optimizer, normal(lib, 64, 784), target)


@workload("wide MLP 1024-4096-1024, batch 256", 1.15)
def wide_mlp(lib: Any) -> Step:
    """Where nearly all of the time goes into three large matrix products."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 1024))
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3)
    return training_step(lib, model, nn.MSELoss(), optimizer, normal(lib, 256, 1024), normal(lib, 256, 1025)[:, 1:])


@workload("chain of 2000 scalar ops", 0.6)
def scalar_chain(lib: Any) -> Step:
    """What recording and carrying back one operation costs: forward and backward through 2000 of them."""
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
    bound = None if optimizer_name in ("SGD", "Momentum") else 1.2
    workload(f"10M parameters, {optimizer_name}", bound)(large_step(optimizer_name))


def turns(a: Step, b: Step, seconds: float) -> Iterator[float]:
    """Yield the ratio of the times of a and b, turn by turn, for some seconds and at least 5 turns."""
    a(), b()  # what is done the first time only would be taken for long steps
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
        t0 = time.perf_counter()
        for _ in range(repeats):
            a()
        t1 = time.perf_counter()
        for _ in range(repeats):
            b()
        t2 = time.perf_counter()
        done += 1
        yield (t1 - t0) / (t2 - t1)


def report(name: str, ratios: list[float], at_most: float | None) -> None:
    """Print one row of the table."""
    low, median, high = statistics.quantiles(ratios, n=4)
    bound = "" if at_most is None else f"{at_most:8.2f}"
    print(f"{name:38} {median:7.2f}   {low:5.2f} - {high:5.2f} {bound:>9} {len(ratios):7}", flush=True)


def import_times(module: str, other: str, rounds: int) -> list[float]:
    """Return the ratios of the times that a fresh interpreter takes to import one module and another, turn by turn."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

    def seconds(name: str) -> float:
        command = [sys.executable, "-c", code.format(name)]
        return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    seconds(module), seconds(other)  # the first import of all compiles
    return [seconds(module) / seconds(other) for _ in range(rounds)]


def main() -> None:
    """Run the workloads that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run only workloads whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each workload (default 4)")
    options = parser.parse_args()

    def chosen(name: str) -> bool:
        return not options.words or any(word.lower() in name.lower() for word in options.words)

    print(f"torch {torch.__version__} with {torch.get_num_threads()} threads, NumPy {np.__version__}")
    print(f"{'minigrad / torch':38} {'median':>7}   {'quartiles':13} {'at most':>9} {'turns':>7}")
    libraries: tuple[ModuleType, ModuleType] = (minigrad, torch)
    for name, (prepare, at_most) in workloads.items():
        if chosen(name):
            a, b = (prepare(lib) for lib in libraries)
            report(name, list(turns(a, b, options.seconds)), at_most)
    for module, other, at_most in (("minigrad", "numpy", 1.5), ("minigrad", "torch", None)):
        name = f"import {module} / import {other}"
        if chosen(name):
            report(name, import_times(module, other, max(5, int(2 * options.seconds))), at_most)


if __name__ == "__main__":
    main()
