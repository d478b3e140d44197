"""What the processes of a test do: ``mpirun -n 2 python programs.py NAME FOLDER``. Each writes what it found to a file."""

import copy
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad import distributed as dist
from minigrad import nn, optim
from minigrad.nn.parallel import DistributedDataParallel
from minigrad.utils.data import DataLoader, DistributedSampler, TensorDataset

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.05, momentum=0.9),
    "Adam": lambda params: optim.Adam(params, lr=0.01),
}
SAMPLES, BATCH, EPOCHS = 52, 4, 3  # of 2 processes the last batches have 2 samples each, of 4 processes 1


def make_model(seed: int = 0) -> nn.Module:
    minigrad.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()


def make_data() -> TensorDataset:
    rng = np.random.default_rng(0)
    return TensorDataset(*(minigrad.from_numpy(rng.normal(size=(SAMPLES, n))) for n in (3, 1)))


def local_batches(size: int, rank: int) -> Iterator[Any]:
    sampler = DistributedSampler(make_data(), size, rank, seed=1)
    for _ in range(EPOCHS):
        yield from DataLoader(make_data(), batch_size=BATCH, sampler=sampler)


def train(model: nn.Module, batches: Iterator[Any], optimizer: optim.Optimizer, accumulate: int) -> list[list[float]]:
    """Train, with a step after every `accumulate` batches; return the parameters."""
    optimizer.zero_grad()
    for k, (x, y) in enumerate(batches, 1):
        with model.no_sync() if isinstance(model, DistributedDataParallel) and k % accumulate else nullcontext():
            nn.functional.mse_loss(model(x), y).backward()
        if k % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    return [p.flatten().tolist() for p in model.parameters()]


def training() -> Any:
    """Train with each optimizer, from other weights in each process: those of rank 0 are used."""
    results = {}
    for name, make in OPTIMIZERS.items():
        for accumulate in (1, 2):
            model = DistributedDataParallel(make_model(seed=dist.get_rank()), bucket_cap_mb=1e-4)
            batches = local_batches(dist.get_world_size(), dist.get_rank())
            results[f"{name} {accumulate}"] = train(model, batches, make(model.parameters()), accumulate)
    return results


def collectives() -> Any:
    rank, size = dist.get_rank(), dist.get_world_size()
    found = {}
    for op in dist.ReduceOp:
        x = minigrad.tensor([[rank + 1.0, 2.0 - rank]]).T
        dist.all_reduce(x, op)
        found[op.name] = x.tolist()
    whole = minigrad.arange(3) + rank
    dist.all_reduce(whole)
    found["integers"] = whole.tolist()
    x = minigrad.tensor([float(rank)])
    dist.broadcast(x, size - 1)
    found["broadcast"] = x.tolist()
    parts = [minigrad.zeros(2) for _ in range(size)]
    dist.all_gather(parts, minigrad.full((2,), float(rank)))
    found["all_gather"] = [part.tolist() for part in parts]
    dist.barrier()
    return found


class Branches(nn.Module):
    """A network of which a process uses one branch, and none uses the last."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Linear(2, 1, bias=False) for _ in range(dist.get_world_size() + 1)])
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Any) -> Any:
        self.norm(x)
        return self.branches[dist.get_rank()](x)


def unused() -> Any:
    """Train with parameters that a process does not use, and with buffers that the batches change."""
    model = DistributedDataParallel(Branches().double())
    x = minigrad.full((3, 2), 1.0 + dist.get_rank()).double()
    for _ in range(2):
        model(x).sum().backward()
    model(x)
    grads = {name: None if p.grad is None else p.grad.tolist() for name, p in model.named_parameters()}
    mean = model.state_dict()["module.norm.running_mean"].tolist()
    model.eval()(x)
    return {"grads": grads, "mean": mean, "after eval": model.state_dict()["module.norm.running_mean"].tolist()}


def copies() -> Any:
    """Train a copy of the model, with a parameter that was frozen at first."""
    original = DistributedDataParallel(make_model())
    next(original.parameters()).requires_grad_(False)
    model = copy.deepcopy(original)
    model(minigrad.ones(1, 3).double()).sum().backward()
    next(model.parameters()).requires_grad_()
    model(minigrad.full((1, 3), 1.0 + dist.get_rank()).double()).sum().backward()
    return [None if p.grad is None else p.grad.tolist() for p in [*model.parameters(), *original.parameters()]]


def refusals() -> Any:
    """Do what does not fit in each process; return the errors."""
    rank, messages = dist.get_rank(), []
    attempts: list[Callable[[], Any]] = [
        lambda: dist.all_reduce(minigrad.ones(2 + rank)),
        lambda: dist.all_reduce(minigrad.ones(2, dtype=minigrad.float64 if rank else minigrad.float32)),
        lambda: dist.broadcast(minigrad.ones(2), rank),
        lambda: dist.barrier() if rank else dist.all_reduce(minigrad.ones(2)),
        lambda: DistributedDataParallel(nn.Linear(2, 2 + rank)),
    ]
    for attempt in attempts:
        try:
            attempt()
            messages.append("accepted")
        except RuntimeError as error:
            messages.append(str(error))
    return messages


def one_has_no_gradient() -> Any:
    """Rank 1 calls backward on something else, and goes on to the end of the program."""
    model = DistributedDataParallel(nn.Linear(2, 1))
    loss = model(minigrad.ones(1, 2)).sum()
    if dist.get_rank() != 1:
        loss.backward()
    return None


def checkpoint() -> Any:
    """Rank 0 writes, all load."""
    path, model = Path(sys.argv[2]) / "model.npz", make_model(seed=7)
    if dist.get_rank() == 0:
        minigrad.save(model.state_dict(), path)
    dist.barrier()
    other = make_model(seed=dist.get_rank())
    other.load_state_dict(minigrad.load(path))
    return [p.flatten().tolist() for p in other.parameters()]


def raises() -> Any:
    """An exception in one process; the others wait for it."""
    if dist.get_rank() == 1:
        raise ValueError("something special")
    dist.barrier()


def is_killed() -> Any:
    """The system ends one process; the others wait for it."""
    if dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    dist.barrier()


if __name__ == "__main__":
    dist.init_process_group("mpi")
    result = globals()[sys.argv[1]]()
    (Path(sys.argv[2]) / f"{sys.argv[1]}-{dist.get_rank()}.json").write_text(json.dumps(result), encoding="utf-8")
