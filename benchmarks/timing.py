"""How a ratio of times is measured: by turns in one process, so that changes of the machine's speed affect both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Ratio(NamedTuple):
    """The quartiles of a ratio over all rounds, and how many rounds there were."""

    low: float
    median: float
    high: float
    rounds: int


def compare(steps: Mapping[str, Callable[[], object]], seconds: float, threads: int) -> dict[str, Ratio]:
    """Run steps by turns for some seconds and at least three rounds, and return their times by that of the last one.

    With one thread it is processor time that counts, which hardly depends on what else the machine does. With more it is the
    time of the clock, and there are pauses, since the threads of a library go on spinning for some milliseconds.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    pause = 0.0 if threads == 1 else 0.005
    repeats = {name: calibrated(step) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end or rounds < 3:
        for name, step in steps.items():
            time.sleep(pause)
            begin = clock()
            for _ in range(repeats[name]):
                step()
            times[name].append((clock() - begin) / repeats[name])
        rounds += 1
    *others, reference = steps
    return {name: ratio_of([a / b for a, b in zip(times[name], times[reference], strict=True)]) for name in others}


def calibrated(step: Callable[[], object], least: float = 0.01) -> int:
    """Return how often a step is repeated to take some hundredth of a second, after some steps to warm up."""
    for _ in range(5):  # a compiled step captures and compares its first runs
        step()
    repeats = 1
    while True:
        begin = time.perf_counter()
        for _ in range(repeats):
            step()
        if time.perf_counter() - begin > least:
            return repeats
        repeats *= 2


def ratio_of(ratios: list[float]) -> Ratio:
    """Return the quartiles of measured ratios."""
    low, median, high = statistics.quantiles(ratios, n=4)
    return Ratio(low, median, high, len(ratios))
