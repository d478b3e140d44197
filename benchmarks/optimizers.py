"""Time one step of every optimizer against torch: its default implementation and fused=True.

    python benchmarks/optimizers.py                    all optimizers and sizes
    python benchmarks/optimizers.py Adam tiny          those whose name contains every word

All parameters are float32. minigrad and torch are timed alternately (A B A B ...) in one process, so that changes of the
machine's speed affect both. The table shows the median time of minigrad and the median of the ratio minigrad / torch. The
bounds are the project's goals against torch's default. SGD with 10M elements has none: torch computes it in one pass over
the memory with several threads. HeavyBall and NAG are compared to torch's SGD with momentum and nesterov. With 10M elements
there is a pause before each measurement: the threads of the other library spin for some milliseconds after their work.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad
from minigrad import optim

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"{error}. In a clone of minigrad: pip install -e '.[test]'")

SHAPES: dict[
    str, tuple[list[tuple[int, ...]], int, int, float]
] = {  # shapes of the parameters, pairs of measurements, steps per measurement, pause in seconds
    "tiny: (1, 3) and (1,)": ([(1, 3), (1,)], 100, 20, 0),
    "200 x 1000": ([(1000,)] * 200, 50, 1, 0),
    "10M": ([(10_000_000,)], 15, 1, 0.01),
}
BOUNDS = {"tiny: (1, 3) and (1,)": 0.3, "200 x 1000": 0.5, "10M": 1.0}
OPTIMIZERS: dict[
    str, tuple[str, dict[str, Any], bool]
] = {  # torch's class, options, whether torch has a fused implementation
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


def prepared_step(library: Any, cls: Any, shapes: list[tuple[int, ...]], options: dict[str, Any]) -> Callable[[], object]:
    """Return the step method of an optimizer with initialized state."""
    rng = np.random.default_rng(0)
    params = []
    for shape in shapes:
        params.append(library.tensor(rng.standard_normal(shape, dtype=np.float32), requires_grad=True))
        params[-1].grad = library.tensor(rng.standard_normal(shape, dtype=np.float32))
    step: Callable[[], object] = cls(params, **options).step
    step()
    step()
    return step


def compare(a: Callable[[], object], b: Callable[[], object], pairs: int, repeat: int, pause: float) -> tuple[float, float]:
    """Return the median time of a in seconds, and the median of the ratios of the times of a and b."""
    times = []
    for _ in range(pairs):
        pair = []
        for step in (a, b):
            time.sleep(pause)
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            pair.append((time.perf_counter() - start) / repeat)
        times.append(pair)
    return statistics.median(x for x, _ in times), statistics.median(x / y for x, y in times)


def main(words: list[str]) -> None:
    """Print a row for each optimizer and each size."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; NumPy {np.__version__}")
    print(f"{'':44}{'minigrad':>12}{'/ default':>11}{'bound':>9}{'/ fused':>9}")
    for size, (shapes, pairs, repeat, pause) in SHAPES.items():
        for name, (reference, options, fused) in OPTIMIZERS.items():
            if not all(word in f"{name}, {size}" for word in words):
                continue
            our_options = {"momentum": 0.9} if name in ("HeavyBall", "NAG") else options
            our_step = prepared_step(minigrad, getattr(optim, name.split()[0]), shapes, our_options)
            reference_step = prepared_step(torch, getattr(torch.optim, reference), shapes, options)
            seconds, ratio = compare(our_step, reference_step, pairs, repeat, pause)
            bound = "" if size == "10M" and reference == "SGD" else f"{BOUNDS[size]:.2f}"
            text = f"{name + ', ' + size:44}{seconds * 1e6:9.0f} us{ratio:11.2f}{bound:>9}"
            if fused:
                reference_step = prepared_step(torch, getattr(torch.optim, reference), shapes, {**options, "fused": True})
                text += f"{compare(our_step, reference_step, pairs, repeat, pause)[1]:9.2f}"
            print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
