"""One step of every optimizer: minigrad against torch, its default and fused=True.

    python benchmarks/optimizers.py                    all of them
    python benchmarks/optimizers.py Adam tiny          those whose name contains every word

float32, in one process. minigrad and torch take turns (A B A B ...), so that a machine that grows slower or faster does so
for both; printed is the median of the ratios minigrad / torch, turn by turn, and the median time of minigrad. The bounds are
what the project sets itself against torch's default; for plain descent on 10M elements, where torch makes one sweep over the
memory in several threads, there is none. HeavyBall and NAG stand beside torch's form of the same, momentum and nesterov. At
that size a pause before each turn lets the threads of the other one fall asleep: they stay awake for some milliseconds after
their work, and would take the processor.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad import optim

SHAPES: dict[str, tuple[list[tuple[int, ...]], int, int, float]] = {  # shapes of parameters, turns, steps a turn, pause
    "tiny: (1, 3) and (1,)": ([(1, 3), (1,)], 100, 20, 0),
    "200 x 1000": ([(1000,)] * 200, 50, 1, 0),
    "10M": ([(10_000_000,)], 15, 1, 0.01),
}
BOUNDS = {"tiny: (1, 3) and (1,)": 0.3, "200 x 1000": 0.5, "10M": 1.0}
OPTIMIZERS: dict[str, tuple[str, dict[str, Any], bool]] = {  # torch's class, options, whether torch has it fused
    "SGD": ("SGD", {}, True),
    "SGD with momentum": ("SGD", {"momentum": 0.9}, True),
    "SGD with nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}, True),
    "HeavyBall": ("SGD", {"momentum": 0.9}, True),
    "NAG": ("SGD", {"momentum": 0.9, "nesterov": True}, True),
    "Adagrad": ("Adagrad", {}, True),
    "RMSprop": ("RMSprop", {}, False),
    "Adadelta": ("Adadelta", {}, False),
    "Adam": ("Adam", {}, True),
    "AdamW": ("AdamW", {}, True),
    "NAdam": ("NAdam", {}, False),
}


def prepared(library: Any, cls: Any, shapes: list[tuple[int, ...]], options: dict[str, Any]) -> Callable[[], object]:
    """Return the step of an optimizer whose state is there."""
    rng = np.random.default_rng(0)
    params = []
    for shape in shapes:
        params.append(library.tensor(rng.standard_normal(shape, dtype=np.float32), requires_grad=True))
        params[-1].grad = library.tensor(rng.standard_normal(shape, dtype=np.float32))
    step: Callable[[], object] = cls(params, **options).step
    step()
    step()
    return step


def compare(a: Callable[[], object], b: Callable[[], object], turns: int, repeat: int, pause: float) -> tuple[float, float]:
    """Return the median time of a in seconds, and the median ratio of a to b."""
    times = []
    for _ in range(turns):
        turn = []
        for step in (a, b):
            time.sleep(pause)
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            turn.append((time.perf_counter() - start) / repeat)
        times.append(turn)
    return statistics.median(x for x, _ in times), statistics.median(x / y for x, y in times)


def main(words: list[str]) -> None:
    """Print a line for each optimizer and each set of parameters."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; NumPy {np.__version__}")
    print(f"{'':44}{'minigrad':>12}{'/ default':>11}{'at most':>9}{'/ fused':>9}")
    for size, (shapes, turns, repeat, pause) in SHAPES.items():
        for name, (reference, options, fused) in OPTIMIZERS.items():
            if not all(word in f"{name}, {size}" for word in words):
                continue
            own = {"momentum": 0.9} if name in ("HeavyBall", "NAG") else options
            ours = prepared(minigrad, getattr(optim, name.split()[0]), shapes, own)
            theirs = prepared(torch, getattr(torch.optim, reference), shapes, options)
            took, ratio = compare(ours, theirs, turns, repeat, pause)
            bound = "" if size == "10M" and reference == "SGD" else f"{BOUNDS[size]:.2f}"
            text = f"{name + ', ' + size:44}{took * 1e6:9.0f} us{ratio:11.2f}{bound:>9}"
            if fused:
                theirs = prepared(torch, getattr(torch.optim, reference), shapes, {**options, "fused": True})
                text += f"{compare(ours, theirs, turns, repeat, pause)[1]:9.2f}"
            print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
