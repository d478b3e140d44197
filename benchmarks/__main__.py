"""Time minigrad against torch (eager mode, CPU), and print tables with the project's bounds.

    python -m benchmarks                          all tables, with one thread and with two
    python -m benchmarks --quick --threads 1      a first look
    python -m benchmarks --only lecture LeNet     rows whose name or table contains one of the words
    python -m benchmarks --peers                  also JAX, MyGrad, HIPS autograd, micrograd, tinygrad, if installed

The tables: "steps" are training steps of models and optimizers, of which the geometric mean is taken; "kernels" are single
operations; "optimizers" are further optimizers and sizes; "growth" is how time and memory grow, and the import.

A figure is the median over many rounds of the ratio of times: below 1 minigrad is faster. In a round each library runs in
turn, in one process, so that changes of the machine's speed affect all. With one thread it is processor time that counts, and
the process is bound to one core. With more it is the time of the clock. Both say little on a busy machine (other processes
take the cache, and torch's steps then suffer more than minigrad's), so the load is printed too. "compiled" is the same step
given to `minigrad.compile`. A star marks what is over its bound.

`--publish` writes the table of steps into README.md, and draws the picture there.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from benchmarks.workloads import GROUPS, MEAN_BOUNDS, WORKLOADS

ROOT = Path(__file__).parent.parent
STEPS = [w for w in WORKLOADS if w.group == "steps"]

TABLE_BEGINS, TABLE_ENDS = "<!-- python -m benchmarks --publish -->\n", "<!-- end -->"
"""The lines of README.md between which the table of steps stands."""

BUSY = 1.5
"""The load from which on other processes take much of the cache, which slows torch's small steps more than minigrad's."""

Row = dict[str, Any]


def machine() -> str:
    """Return the processor, the system, how busy it is, and the versions of what is timed."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text("utf-8"))
        processor = names[0] if names else processor
    libraries = f"minigrad {minigrad.__version__}, NumPy {np.__version__}, torch {version('torch')}"
    text = f"{processor}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, {libraries}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{text}; busy (load {load:.1f}): on an idle machine small steps have higher ratios" if load > BUSY else text


def selected(words: Sequence[str], group: str, name: str) -> bool:
    """Return whether a row is asked for."""
    return not words or any(word.lower() in f"{group} {name}".lower() for word in words)


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let what is started use this many cores, where the system can be asked for that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def measure(options: argparse.Namespace, threads: int, growth: bool) -> Iterator[Row]:
    """Yield the rows that are measured in a new process with this number of threads, as they come."""
    names = [w.name for w in WORKLOADS if selected(options.only, w.group, w.name)]
    seconds = 0.05 if options.quick else options.seconds
    arguments = {"names": names, "seconds": seconds, "threads": threads, "peers": options.peers}
    arguments |= {"growth": growth, "quick": options.quick}
    variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, str(threads))}
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(arguments)]
    with on_cores(threads):
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert worker.stdout is not None
    with worker:
        for line in worker.stdout:
            yield {**json.loads(line), "threads": threads}
    if worker.returncode:
        sys.exit(f"the measurement ended with exit code {worker.returncode}")


# ------------------------------------------------------------------------------------------------------------------- tables


def table_line(row: Row) -> str:
    """Return a row as text, with a line for each other library."""
    if row["group"] == "growth":
        over = "*" if row["bound"] is not None and row["minigrad"] > row["bound"] else ""
        theirs, bound = (f"{x:14,.2f}" if x is not None else f"{'':14}" for x in (row["torch"], row["bound"]))
        return f"{row['name']:40} {row['minigrad']:14,.2f} {theirs} {bound} {over}"
    low, median, high, _ = row["ratios"].pop("minigrad")
    text = f"{row['name']:40} {figure(median, row['bound'])}  {low:6.2f} - {high:6.2f}"
    if "compiled" in row["ratios"]:
        text += f" {figure(row['ratios'].pop('compiled')[1], row['compiled'])}"
    for name, ratio in row["ratios"].items():
        text += f"\n    {name:36} {ratio[1]:7.3f}"
    for name, note in row["notes"].items():
        text += f"\n    {name:36} {note}"
    return text


def figure(ratio: float, bound: float) -> str:
    """Return a ratio with its bound, and with a star if it is over it."""
    return f"{ratio:7.3f}{'*' if ratio > bound else ' '} {bound:6.2f}"


def geometric_mean(rows: Sequence[Row], column: str) -> float | None:
    """Return the geometric mean of the ratios of a column, or None if it is empty."""
    logarithms = [math.log(row["medians"][column]) for row in rows if column in row["medians"]]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else None


def means(steps: Sequence[Row]) -> str:
    """Return the geometric means of the steps as a line."""
    text = f"{f'geometric mean of {len(steps)} steps':40}"
    ours, compiled = (geometric_mean(steps, column) for column in MEAN_BOUNDS)
    if ours is not None:
        text += f" {figure(ours, MEAN_BOUNDS['minigrad'])}"
    if compiled is not None:
        text += f" {'':16} {figure(compiled, MEAN_BOUNDS['compiled'])}"
    return text


def print_tables(options: argparse.Namespace) -> list[Row]:
    """Measure and print, a line at a time, and return all rows."""
    every: list[Row] = []
    for threads in options.threads:
        rows: list[Row] = []
        growth = threads == min(options.threads) and selected(options.only, "growth", "")
        for row in measure(options, threads, growth):
            if not rows or rows[-1]["group"] != row["group"]:
                print(f"\n{row['group']}, {threads} thread{'s' * (threads > 1)}")
                print(headings(row["group"]))
            row["medians"] = {name: ratio[1] for name, ratio in row.get("ratios", {}).items()}
            print(table_line(row), flush=True)
            rows.append(row)
        steps = [row for row in rows if row["group"] == "steps"]
        if len(steps) == len(STEPS):  # the bound is for all of them
            print(f"\n{means(steps)}")
        every += rows
    return every


def headings(group: str) -> str:
    """Return the names of the columns of a table."""
    if group == "growth":
        return f"{'':40} {'minigrad':>14} {'torch':>14} {'bound':>14}"
    return f"{'ratio to torch':40} {'median':>7}  {'bound':>6}  {'quartiles':>15} {'compiled':>8} {'bound':>6}"


# ------------------------------------------------------------------------------------------------------ what README shows


def markdown(steps: Sequence[Row], where: str) -> str:
    """Return the table of steps for README.md."""
    columns = [column for column in MEAN_BOUNDS if geometric_mean(steps, column) is not None]
    totals = {"name": "geometric mean", "medians": {column: geometric_mean(steps, column) for column in columns}}
    lines = [f"{where}:", "", f"| time / time of torch | {' | '.join(columns)} |", f"| :--- |{' ---: |' * len(columns)}"]
    for row in (*steps, totals):
        cells = [f"{row['medians'][column]:.2f}" if column in row["medians"] else "" for column in columns]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def publish(rows: Sequence[Row], where: str) -> None:
    """Write the table of steps with the first number of threads into README.md, and draw it with matplotlib."""
    threads = f"{rows[0]['threads']} thread{'s' * (rows[0]['threads'] > 1)}"
    steps = [row for row in rows if row["group"] == "steps" and row["threads"] == rows[0]["threads"]]
    readme, table = ROOT / "README.md", markdown(steps, f"{threads}; {where}")
    begin, rest = readme.read_text("utf-8").split(TABLE_BEGINS)
    readme.write_text(f"{begin}{TABLE_BEGINS}{table}\n{TABLE_ENDS}{rest.partition(TABLE_ENDS)[2]}", "utf-8")
    draw(steps, f"Time of a step relative to torch, {threads}", ROOT / ".pictures" / "speed.png")


def draw(steps: Sequence[Row], title: str, path: Path) -> None:
    """Draw the ratios of steps, on a logarithmic axis."""
    plt = import_module("matplotlib.pyplot")
    picture, axes = plt.subplots(figsize=(9, 0.28 * len(steps) + 1), layout="constrained")
    places = range(len(steps), 0, -1)
    axes.axvline(1, color="gray", linewidth=1)
    for column, color, marker in (("minigrad", "tab:blue", "o"), ("compiled", "tab:orange", "D")):
        points = [(row["medians"][column], k) for row, k in zip(steps, places, strict=True) if column in row["medians"]]
        if points:
            axes.plot(*zip(*points, strict=True), marker, color=color, label=column)
    axes.set(xscale="log", xlabel="time / time of torch; left of the line is faster", title=title)
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low < tick < high], minor=False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(places, [row["name"] for row in steps])
    axes.grid(axis="x", which="both", alpha=0.3)
    axes.legend()
    picture.savefig(path, dpi=110)
    plt.close(picture)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure what is asked for, print the tables, and return their rows."""
    description, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=description, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: the figures are rough")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="numbers of threads (1 2)")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="rows whose name or table contains one of these"
    )
    parser.add_argument("--peers", action="store_true", help="time other libraries too")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row (2)")
    parser.add_argument("--publish", action="store_true", help="write the table of steps and its picture for README.md")
    options = parser.parse_args(arguments)
    if find_spec("torch") is None:
        parser.exit(1, "torch is missing. In a clone of minigrad: pip install -e '.[test]'\n")
    if not any(selected(options.only, g, "") for g in (*GROUPS, "growth")) and not any(
        selected(options.only, w.group, w.name) for w in WORKLOADS
    ):
        parser.error(f"nothing is called {' or '.join(options.only)}")
    where = machine()
    print(where)
    rows = print_tables(options)
    if options.publish:
        publish(rows, where)
    return rows


if __name__ == "__main__":
    main()
