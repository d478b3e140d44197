"""Measure some workloads, and print each result as soon as it is there, as a line of JSON. `python -m benchmarks` runs it."""

from __future__ import annotations

import gc
import json
import sys
from functools import partial
from typing import Any

import numpy as np
import torch

import minigrad
from benchmarks import growth
from benchmarks.peers import peers_for
from benchmarks.timing import compare
from benchmarks.workloads import WORKLOADS, Workload


def measured(workload: Workload, seconds: float, threads: int, peers: bool) -> dict[str, Any]:
    """Return the row of a workload."""
    steps: dict[str, Any] = {}
    step, arguments = workload.prepare(minigrad)
    steps["minigrad"] = partial(step, *arguments)
    compiler = getattr(minigrad, "compile", None)
    if compiler is not None and workload.compiled is not None:
        step, arguments = workload.prepare(minigrad)
        steps["compiled"] = partial(compiler(step), *arguments)
    notes = {}
    for name, run in peers_for(workload.name) if peers else ():
        if isinstance(run, str):
            notes[name] = run
        else:
            steps[name] = run
    step, arguments = workload.prepare(torch)
    steps["torch"] = partial(step, *arguments)
    bound = workload.bound if threads == 1 or workload.bound_2 is None else workload.bound_2
    return {
        "group": workload.group,
        "name": workload.name,
        "ratios": compare(steps, seconds, threads),
        "bound": bound,
        "compiled": workload.compiled,
        "notes": notes,
    }


def main(options: dict[str, Any]) -> None:
    """Measure what the options select."""
    threads = options["threads"]
    torch.set_num_threads(threads)
    # From now on malloc keeps what is freed: else whether 4 MB go back to the system depends on what ran before, and page
    # faults take several times as long as the operation.
    np.empty(31_000_000, np.uint8)
    gc.freeze()  # Python's collector need not walk the modules of torch again and again
    for workload in WORKLOADS:
        if workload.name in options["names"]:
            print(json.dumps(measured(workload, options["seconds"], threads, options["peers"])), flush=True)
    if options["growth"]:
        for name, ours, theirs, bound in growth.rows(torch, options["quick"]):
            row = {"group": "growth", "name": name, "minigrad": ours, "torch": theirs, "bound": bound}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
