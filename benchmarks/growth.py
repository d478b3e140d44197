"""How time and memory grow with the size of the problem, and what the import costs.

A slope is the exponent k of the time that grows like size**k: the least-squares line through the logarithms.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import minigrad
from benchmarks.workloads import gradient_step, normal, optimizer_step, training

Run = Callable[[], object]


def chain(lib: Any, n: int) -> Run:
    """Both passes through a chain of n nodes."""
    w = lib.tensor(0.5, requires_grad=True)

    def products() -> Any:
        x = w
        for _ in range(n):
            x = x * w
        return x

    return gradient_step(products, w)


def batch(lib: Any, n: int) -> Run:
    """A step of a network with n samples."""
    model = lib.nn.Sequential(lib.nn.Linear(64, 64), lib.nn.Tanh(), lib.nn.Linear(64, 1))
    step = training(model, lib.nn.MSELoss(), lib.optim.SGD(model.parameters(), lr=1e-3))
    x, y = normal(lib, n, 64), normal(lib, n, 1)
    return lambda: step(x, y)


def parameters(lib: Any, n: int) -> Run:
    """A step of Adam on n parameters of 100 elements."""
    step, _ = optimizer_step(lib, "Adam", [(100,)] * n)
    return step


CURVES: dict[str, tuple[Callable[[Any, int], Run], Sequence[int], float]] = {
    "nodes of a chain": (chain, (1000, 3000, 10_000, 30_000, 100_000), 1.3),
    "samples of a batch": (batch, (64, 256, 1024, 4096, 16_384), 1.1),
    "parameters of Adam": (parameters, (30, 100, 300, 1000, 3000), 1.1),
}
"""By name, the workload, the sizes and the bound of the slope."""


def slope(lib: Any, make: Callable[[Any, int], Run], sizes: Sequence[int]) -> float:
    """Return the exponent with which the least time of a few runs grows."""
    seconds = []
    for n in sizes:
        step = make(lib, n)
        step()
        times = []
        for _ in range(5):
            begin = time.process_time()
            step()
            times.append(time.process_time() - begin)
        seconds.append(min(times))
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


MEMORY = """
import {lib} as lib
def kilobytes(field):
    return int(next(line for line in open("/proc/self/status", encoding="utf-8") if line.startswith(field)).split()[1])
"""

PER_NODE = """
x = lib.tensor(1.0, requires_grad=True)
y = x * 1.0
before = kilobytes("VmRSS")
for _ in range(100_000):
    y = y * x
print((kilobytes("VmRSS") - before) * 1024 / 100_000)
"""

PEAK = """
nn = lib.nn
model = nn.Sequential(*[layer for _ in range(8) for layer in (nn.Linear(1024, 1024), nn.ReLU())])
x, y, loss = lib.randn(4096, 1024), lib.zeros(4096, 1024), nn.MSELoss()
before = kilobytes("VmHWM")
for _ in range(2):
    model.zero_grad()
    loss(model(x), y).backward()
print((kilobytes("VmHWM") - before) * 1024)
"""


def in_new_process(code: str) -> float:
    """Return the number that a program prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def import_ratio(module: str, other: str, rounds: int) -> float:
    """Return the median ratio of the import times of two modules, each in new processes, by turns."""
    code = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    names = (module, other)
    for name in names:
        in_new_process(code.format(name))  # compile to bytecode
    pairs = [[in_new_process(code.format(name)) for name in names] for _ in range(rounds)]
    return float(np.median([a / b for a, b in pairs]))


def leaked(steps: int) -> int:
    """Return the bytes by which memory grows over training steps without Python's garbage collector."""
    step = batch(minigrad, 32)
    gc.disable()
    tracemalloc.start()
    for _ in range(100):  # caches fill
        step()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(steps):
        step()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.enable()
    return after - before


def rows(torch: Any, quick: bool) -> Iterator[tuple[str, float, float | None, float | None]]:
    """Yield what is measured: its name, the figure of minigrad, that of torch, and the bound of the first."""
    for name, (make, sizes, bound) in CURVES.items():
        selected = sizes[:3] if quick else sizes
        yield f"slope: {name}", slope(minigrad, make, selected), slope(torch, make, selected), bound
    if sys.platform == "linux":  # the others have no /proc
        for name, code in (("bytes per node", PER_NODE), ("peak of an MLP's step, bytes", PEAK)):
            ours, theirs = (in_new_process(MEMORY.format(lib=lib) + code) for lib in ("minigrad", "torch"))
            yield name, ours, theirs, theirs
    steps = 100 if quick else 10_000
    yield f"bytes left by {steps} steps", leaked(steps), None, 4096
    rounds = 1 if quick else 9
    yield (
        "import, in times of NumPy's",
        import_ratio("minigrad", "numpy", rounds),
        import_ratio("torch", "numpy", rounds),
        1.5,
    )
