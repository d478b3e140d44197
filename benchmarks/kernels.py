"""Time element-wise and sequence operations of minigrad against torch, by turns in one process with one thread each.

    python -m benchmarks.kernels                 all operations
    python -m benchmarks.kernels gelu unbind     operations whose name contains one of the words

The rows are the ratios of `compare_torch.py`, for the forward pass alone and with the backward pass. They are ratios of
processor time, which hardly depends on what else the machine does.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

import argparse
import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

import minigrad
from benchmarks.compare_torch import Step, normal, paired_ratios, report

SIZES = (1_000, 30_000, 1_000_000)

elementwise: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    "x ** 3": (lambda lib, x: x**3, 2.0),
    "x ** 4": (lambda lib, x: x**4, 2.0),
    "x ** -2": (lambda lib, x: x**-2, 2.0),
    "erf": (lambda lib, x: x.erf(), 3.0),
    "erfc": (lambda lib, x: x.erfc(), 3.0),
    "gelu": (lambda lib, x: lib.nn.functional.gelu(x), 2.0),
    "gelu, tanh": (lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), 2.0),
    "sigmoid": (lambda lib, x: x.sigmoid(), 3.0),
    "silu": (lambda lib, x: lib.nn.functional.silu(x), 3.0),
    "logsigmoid": (lambda lib, x: lib.nn.functional.logsigmoid(x), 3.0),
    "leaky_relu": (lambda lib, x: lib.nn.functional.leaky_relu(x), 3.0),
    "elu": (lambda lib, x: lib.nn.functional.elu(x), 3.0),
}
"""For each name the function of a library and a tensor, and the bound of the ratio."""


def layer(lib: Any, name: str, *arguments: int) -> Callable[[Any], Any]:
    """Return a layer of a library, with random parameters."""
    module: Callable[[Any], Any] = getattr(lib.nn, name)(*arguments)
    return module


def first(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function that gives the first result of a layer with state."""
    return lambda x: function(x)[0]


# Each is given a library, and returns a function of one tensor of the shape beside it.
sequences: dict[str, tuple[tuple[int, ...], Callable[[Any], Callable[[Any], Any]]]] = {
    "rows of 4000x200, stacked": ((4000, 200), lambda lib: lambda x: lib.stack(list(x))),
    "split(1) of 4000x200, joined": ((4000, 200), lambda lib: lambda x: lib.cat(x.split(1))),
    "chunk(1000) of 4000x200, joined": ((4000, 200), lambda lib: lambda x: lib.cat(x.chunk(1000))),
    "unbind of 1000x10, stacked": ((1000, 10), lambda lib: lambda x: lib.stack(x.unbind())),
    "topk 10 of 1000x1000": ((1000, 1000), lambda lib: lambda x: x.topk(10)[0]),
    "LayerNorm 64x256": ((64, 256), lambda lib: layer(lib, "LayerNorm", 256)),
    "LayerNorm 256x64": ((256, 64), lambda lib: layer(lib, "LayerNorm", 64)),
    "LayerNorm 64x32x128": ((64, 32, 128), lambda lib: layer(lib, "LayerNorm", 128)),
    "LayerNorm 32x128x256": ((32, 128, 256), lambda lib: layer(lib, "LayerNorm", 256)),
    "Linear 128-128, 64x32x128": ((64, 32, 128), lambda lib: layer(lib, "Linear", 128, 128)),
    "LSTM 16-32, 20x8x16": ((20, 8, 16), lambda lib: first(layer(lib, "LSTM", 16, 32))),
    "GRU 16-32, 20x8x16": ((20, 8, 16), lambda lib: first(layer(lib, "GRU", 16, 32))),
    "RNN 16-32, 20x8x16": ((20, 8, 16), lambda lib: first(layer(lib, "RNN", 16, 32))),
}


def steps(lib: Any, function: Callable[[Any], Any], shape: tuple[int, ...]) -> tuple[Step, Step]:
    """Return the forward pass without a gradient, and the pass in both directions."""
    x = normal(lib, *shape)
    leaf = normal(lib, *shape).requires_grad_()
    cotangent = lib.ones_like(function(x).detach())

    def forward() -> None:
        with lib.no_grad():
            function(x)

    def both() -> None:
        leaf.grad = None
        function(leaf).backward(cotangent)

    return forward, both


def vector_steps(lib: Any, function: Callable[[Any, Any], Any], n: int) -> tuple[Step, Step]:
    """Return the passes of an element-wise function."""
    return steps(lib, partial(function, lib), (n,))


def sequence_steps(lib: Any, make: Callable[[Any], Callable[[Any], Any]], shape: tuple[int, ...]) -> tuple[Step, Step]:
    """Return the passes of one of `sequences`."""
    return steps(lib, make(lib), shape)


def many(lib: Any, name: str) -> tuple[Step]:
    """Return the joining of 1000 vectors of 10."""
    join, vectors = getattr(lib, name), [normal(lib, 10) for _ in range(1000)]
    return (lambda: join(vectors),)


def draw(lib: Any) -> tuple[Step]:
    """Return 1000 draws from each of 100 distributions over 100 classes."""
    weights = normal(lib, 100, 100).abs()
    return (lambda: lib.multinomial(weights, 1000, replacement=True),)


def main() -> None:
    """Run the selected operations and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run only operations whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row (default 0.5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # From now on malloc keeps what is freed: else whether 4 MB go back to the system depends on what ran before, and page
    # faults take several times as long as the operation.
    np.empty(31_000_000, np.uint8)
    gc.freeze()  # Python's collector need not walk the modules of torch again and again

    def compare(name: str, prepare: Callable[[Any], tuple[Step, ...]], bound: float) -> None:
        if options.words and not any(word in name for word in options.words):
            return
        for part, a, b in zip(("", ", both"), prepare(minigrad), prepare(torch), strict=False):
            report(name + part, list(paired_ratios(a, b, options.seconds, time.thread_time)), bound)

    print(f"{'minigrad / torch':38} {'median':>7}   {'quartiles':13} {'bound':>9} {'pairs':>7}")
    for name, (function, bound) in elementwise.items():
        for n in SIZES:
            compare(f"{name}, {n}", partial(vector_steps, function=function, n=n), bound)
    for name, (shape, make) in sequences.items():
        compare(name, partial(sequence_steps, make=make, shape=shape), 3.0)
    for name in ("stack", "cat"):
        compare(f"{name} 1000 vectors of 10", partial(many, name=name), 3.0)
    compare("multinomial 1000 of 100x100", draw, 3.0)


if __name__ == "__main__":
    main()
