"""What data parallelism costs and brings: the time of a step on 1, 2 and 4 processes, and that of its averaged gradients.

    python benchmarks/distributed.py

needs Open MPI and mpi4py. For each model and number of processes the table shows how many samples a process has of a batch of
the same size, what is sent, the time of a whole step, the time that averaging the gradients takes of it, what the model below
predicts for that, and how much faster the step is than with one process.

The model: averaging V bytes on n processes takes

    t = buckets (latency log2(n) + 2 V (n - 1) / (n bandwidth)) + agreement

where latency and bandwidth are measured here by reductions of 8 bytes and of 8 megabytes, and agreement is the time of the
two small messages by which the processes agree. A step of t1 seconds on one process takes t1 / n + t, if there are n cores.
So data parallelism pays where t < t1 (1 - 1/n): the more arithmetic there is for each parameter, the better. A bucket should
be so large that V / bandwidth is far above the latency: of 25 megabytes it is.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minigrad
from minigrad import distributed as dist
from minigrad import nn, optim
from minigrad.nn.parallel import DistributedDataParallel

SIZES = (1, 2, 4)
ROUNDS = 30

MODELS: dict[str, tuple[Callable[[], nn.Module], int, int, int]] = {  # with features, targets and samples of a batch
    "lecture": (lambda: nn.Linear(3, 1), 3, 1, 400),
    "MLP-64": (lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), 64, 10, 512),
    "2 M parameters": (lambda: nn.Sequential(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024)), 1024, 1024, 512),
}


def median_time(function: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the median of the seconds that a call takes."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure() -> dict[str, Any]:
    """Return what this process measures, in seconds."""
    dist.init_process_group("mpi")
    small, large = minigrad.zeros(2), minigrad.zeros(2 * 2**20)
    found: dict[str, Any] = {
        "agree": median_time(dist.barrier),
        "small": median_time(lambda: dist.all_reduce(small)),
        "large": median_time(lambda: dist.all_reduce(large)),
    }
    for name, (make, features, targets, samples) in MODELS.items():
        model = DistributedDataParallel(make())
        optimizer = optim.SGD(model.parameters(), lr=1e-4)
        share = samples // dist.get_world_size()
        x, y = minigrad.randn(share, features), minigrad.randn(share, targets)

        def step(
            model: Any = model, optimizer: optim.Optimizer = optimizer, x: minigrad.Tensor = x, y: minigrad.Tensor = y
        ) -> None:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()

        step()
        whole = median_time(step)
        found[name] = {"step": whole, "average": median_time(model.average_gradients)}
    return found


def start(size: int, path: Path) -> dict[str, Any]:
    """Start the processes and return what the first has measured."""
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    command = ["mpirun", "--oversubscribe", "-n", str(size), sys.executable, __file__, str(path)]
    subprocess.run(command, check=True, env=environment)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        found = {size: start(size, Path(folder) / f"{size}.json") for size in SIZES}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores")
    for size in SIZES[1:]:
        alpha, beta = latency(found[size], size), bandwidth(found[size], size)
        print(f"{size} processes: latency {alpha * 1e6:.0f} us, bandwidth {beta / 1e9:.2f} GB/s")
    columns = f"{'samples':>9}{'MB sent':>9}{'step ms':>9}{'average ms':>12}{'model ms':>10}{'speedup':>9}"
    print(f"\n{'model':<16}{'processes':>10}{columns}")
    for name, (make, *_, samples) in MODELS.items():
        nbytes = sum(p.numel() * 4 for p in make().parameters())
        for size in SIZES:
            measured = found[size][name]
            sent = 2 * nbytes * (size - 1) / size
            predicted = 0.0 if size == 1 else predict(nbytes, size, found[size])
            speedup = found[1][name]["step"] / measured["step"]
            print(
                f"{name:<16}{size:>10}{samples // size:>9}{sent / 1e6:>9.3f}{measured['step'] * 1e3:>9.2f}"
                f"{measured['average'] * 1e3:>12.2f}{predicted * 1e3:>10.2f}{speedup:>9.2f}"
            )


def latency(found: dict[str, Any], size: int) -> float:
    """Return the time of a small reduction, without the agreement, for each of its log2(n) rounds."""
    return float(max(found["small"] - found["agree"], 1e-7) / math.log2(size))


def bandwidth(found: dict[str, Any], size: int) -> float:
    """Return the bandwidth, in bytes a second."""
    return float(2 * 2**23 * (size - 1) / size / max(found["large"] - found["small"], 1e-7))


def predict(nbytes: int, size: int, found: dict[str, Any]) -> float:
    """Return the time of averaging gradients by the model."""
    buckets = max(1, math.ceil(nbytes / (25 * 2**20)))
    one = latency(found, size) * math.log2(size)
    return float(buckets * (one + 2 * nbytes * (size - 1) / (size * bandwidth(found, size))) + found["agree"] + one)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        result = measure()
        if dist.get_rank() == 0:
            Path(sys.argv[1]).write_text(json.dumps(result), encoding="utf-8")
