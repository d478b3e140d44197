"""Measure the costs of recording: time per operation and per node, deep graphs, fan-out, and memory.

    python benchmarks/costs.py

Times are medians of the ratio minigrad / torch, measured alternately in one process. The other figures are those of minigrad
alone. Peak memory is measured for each library in its own process.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"{error}. In a clone of minigrad: pip install -e '.[test]'")

Prepare = Callable[[Any], Callable[[], object]]


def ratio(prepare: Prepare, rounds: int = 15) -> str:
    """Return the median ratio of the times of a workload in minigrad and in torch."""
    a, b = prepare(minigrad), prepare(torch)
    ratios = []
    for _ in range(rounds):
        t0 = time.perf_counter()
        a()
        t1 = time.perf_counter()
        b()
        ratios.append((t1 - t0) / (time.perf_counter() - t1))
    return f"{statistics.median(ratios):6.2f} of torch's time"


def operation(lib: Any, recorded: bool) -> Callable[[], object]:
    """Compute a thousand scalar products, recorded or not."""
    x = lib.tensor(1.5, requires_grad=recorded)

    def run() -> None:
        for _ in range(1000):
            x * x

    return run


def chain_backward(lib: Any) -> Callable[[], object]:
    """Run backward through a chain of 2000 products."""
    x = lib.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(2000):
        y = y * x
    return lambda: y.backward(retain_graph=True)


def fan_out(lib: Any) -> Callable[[], object]:
    """Use a tensor of 10,000 elements a thousand times, so that its cotangent is a sum of a thousand terms."""
    x = lib.ones(10_000, requires_grad=True)

    def run() -> None:
        total = x * 1.0
        for _ in range(1000):
            total = total + x
        total.sum().backward()

    return run


def million() -> str:
    """Return the shares of time of forward, backward and deletion for a chain of a million operations."""
    x = minigrad.tensor(1.0, requires_grad=True)
    t0 = time.perf_counter()
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    t1 = time.perf_counter()
    y.backward()
    t2 = time.perf_counter()
    del y
    t3 = time.perf_counter()
    assert x.grad is not None
    shares = [(t1 - t0) / (t3 - t0), (t2 - t1) / (t3 - t0), (t3 - t2) / (t3 - t0)]
    return "forward {:.0%}, backward {:.0%}, deletion {:.0%} of the time".format(*shares)


def training(lib: Any = minigrad) -> Callable[[], object]:
    """Return a training step of a small network."""
    model = lib.nn.Sequential(lib.nn.Linear(8, 16), lib.nn.Tanh(), lib.nn.Linear(16, 1))
    optimizer = lib.optim.Adam(model.parameters())
    x, y = lib.randn(32, 8), lib.randn(32, 1)

    def step() -> None:
        optimizer.zero_grad()
        lib.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    return step


def growth(steps: int = 10_000) -> str:
    """Return the growth of memory over training steps with the garbage collector disabled."""
    step = training()
    for _ in range(100):
        step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    step()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(steps):
        step()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.enable()
    return f"{after - before} bytes"


PEAK = """
import {lib} as lib
if "{lib}" == "torch":
    lib.set_num_threads(1)
nn = lib.nn
layers = [layer for _ in range(8) for layer in (nn.Linear(1024, 1024), nn.ReLU())]
model = nn.Sequential(*layers)
x = lib.randn(4096, 1024)
y = lib.zeros(4096, 1024)
loss = nn.MSELoss()
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
start = peak()
for _ in range(2):
    model.zero_grad()
    loss(model(x), y).backward()
print(peak() - start)
"""


def peak(lib: str) -> int:
    """Return the kilobytes by which two training steps of an MLP increase the peak memory of a new process, on Linux."""
    done = subprocess.run([sys.executable, "-c", PEAK.format(lib=lib)], check=True, capture_output=True, text=True)
    return int(done.stdout)


def main() -> None:
    """Run all measurements and print the table."""
    rows: list[tuple[str, Callable[[], str]]] = [
        ("operation, not recorded", lambda: ratio(lambda lib: operation(lib, recorded=False))),
        ("operation, recorded", lambda: ratio(lambda lib: operation(lib, recorded=True))),
        ("backward, per node", lambda: ratio(chain_backward)),
        ("fan-out of 1000, 10,000 elements", lambda: ratio(fan_out)),
        ("training step of a small network", lambda: ratio(lambda lib: training(lib), 200)),
        ("chain of 1,000,000 operations", million),
        ("growth over 10,000 steps, no collector", growth),
    ]
    if sys.platform == "linux":  # the others have no /proc
        rows.append(("peak memory of an MLP's step", lambda: f"{peak('minigrad') / peak('torch'):6.2f} of torch's"))
    print(f"torch {torch.__version__}, NumPy {np.__version__}")
    for name, measure in rows:
        print(f"{name:42} {measure()}", flush=True)


if __name__ == "__main__":
    main()
