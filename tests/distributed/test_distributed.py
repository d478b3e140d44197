"""Data parallelism, with real processes: equal bits in all, and the results of one process."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import distributed as dist
from minigrad import nn
from minigrad.nn.parallel import DistributedDataParallel
from minigrad.utils.data import DistributedSampler
from tests.distributed import programs

ROOT = Path(__file__).parents[2]
needs_mpi = pytest.mark.skipif(
    shutil.which("mpirun") is None or importlib.util.find_spec("mpi4py") is None, reason="needs mpirun and mpi4py"
)


def start(name: str, processes: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of `programs` in several processes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_"))}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    command = ["mpirun", "--oversubscribe", "-n", str(processes), sys.executable, "-m", "tests.distributed.programs"]
    return subprocess.run(
        [*command, name, str(folder)], capture_output=True, text=True, check=False, timeout=120, env=environment, cwd=ROOT
    )


def results(name: str, processes: int, folder: Path) -> list[Any]:
    """Return what each process found."""
    done = start(name, processes, folder)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{name}-{rank}.json").read_text(encoding="utf-8")) for rank in range(processes)]


def together(size: int) -> Any:
    """Yield the batches of all processes as one, as one process would take them."""
    for batches in zip(*(programs.local_batches(size, rank) for rank in range(size)), strict=True):
        yield [minigrad.cat(parts) for parts in zip(*batches, strict=True)]


@needs_mpi
@pytest.mark.parametrize("size", [2, 4])
def test_training_is_that_of_one_process(size: int, tmp_path: Path) -> None:
    found = results("training", size, tmp_path)
    assert all(other == found[0] for other in found)  # to the last bit
    for name, make in programs.OPTIMIZERS.items():
        for accumulate in (1, 2):
            model = programs.make_model(seed=0)
            alone = programs.train(model, together(size), make(model.parameters()), accumulate)
            for ours, expected in zip(found[0][f"{name} {accumulate}"], alone, strict=True):
                np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13)


@needs_mpi
def test_collectives(tmp_path: Path) -> None:
    for found in results("collectives", 3, tmp_path):
        assert found["SUM"] == [[6], [3]]
        assert found["PRODUCT"] == [[6], [0]]
        assert found["MIN"] == [[1], [0]]
        assert found["MAX"] == [[3], [2]]
        assert found["AVG"] == [[2], [1]]
        assert found["integers"] == [3, 6, 9]
        assert found["broadcast"] == [2]
        assert found["all_gather"] == [[0, 0], [1, 1], [2, 2]]


@needs_mpi
def test_parameters_that_a_process_does_not_use_count_as_zero(tmp_path: Path) -> None:
    found = results("unused", 3, tmp_path)
    for rank, process in enumerate(found):
        assert process["grads"] == found[0]["grads"]
        # The buffers are those of rank 0 before each batch. Its mean is 1; after two batches it has 0.19.
        np.testing.assert_allclose(process["mean"], [0.9 * 0.19 + 0.1 * (1 + rank)] * 2)
        assert process["after eval"] == process["mean"]
    for rank in range(3):  # two batches of three samples, of which a third counts
        np.testing.assert_allclose(found[0]["grads"][f"module.branches.{rank}.weight"], [[2.0 * (1 + rank)] * 2])
    assert found[0]["grads"]["module.branches.3.weight"] is None  # used by none
    assert found[0]["grads"]["module.norm.weight"] is None


@needs_mpi
def test_copies_and_parameters_that_are_no_longer_frozen_are_averaged(tmp_path: Path) -> None:
    first, second = results("copies", 2, tmp_path)
    assert first == second
    assert all(grad is not None for grad in first[:4])
    assert first[4:] == [None] * 4


@needs_mpi
def test_processes_that_do_not_do_the_same_are_refused_in_all(tmp_path: Path) -> None:
    for found in results("refusals", 2, tmp_path):
        assert all(message.startswith("The processes do not do the same. rank 0: ") for message in found)
        assert "(2,)" in found[0]
        assert "(3,)" in found[0]
        assert "float64" in found[1]
        assert "rank 0: all_reduce" in found[3]
        assert "rank 1: barrier" in found[3]
        assert "'weight', (3, 2)" in found[4]


@needs_mpi
def test_checkpoints_are_written_by_one_and_read_by_all(tmp_path: Path) -> None:
    expected = [p.flatten().tolist() for p in programs.make_model(seed=7).parameters()]
    assert results("checkpoint", 3, tmp_path) == [expected] * 3


@needs_mpi
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", "rank 1 has failed:"),
        ("is_killed", "signal 9"),
        ("one_has_no_gradient", "rank 1: the end of the program"),
    ],
)
def test_a_process_that_fails_ends_the_others(name: str, message: str, tmp_path: Path) -> None:
    done = start(name, 3, tmp_path)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    if name == "raises":
        assert "ValueError: something special" in done.stderr


# ------------------------------------------------------------------------------------------------------- one process


@pytest.fixture
def group_of_one() -> Any:
    dist.init_process_group()
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
def test_a_group_of_one() -> None:
    assert dist.is_initialized()
    assert (dist.get_rank(), dist.get_world_size()) == (0, 1)
    x = minigrad.tensor([1.0, 2.0])
    for op in dist.ReduceOp:
        dist.all_reduce(x, op)
    dist.broadcast(x)
    dist.barrier()
    parts = [minigrad.zeros(2)]
    dist.all_gather(parts, x)
    assert x.tolist() == parts[0].tolist() == [1, 2]
    model = DistributedDataParallel(programs.make_model())
    alone = programs.make_model()
    batches = list(programs.local_batches(1, 0))
    ours = programs.train(model, iter(batches), programs.OPTIMIZERS["Adam"](model.parameters()), 2)
    assert ours == programs.train(alone, iter(batches), programs.OPTIMIZERS["Adam"](alone.parameters()), 2)
    assert list(model.state_dict()) == [f"module.{name}" for name in alone.state_dict()]


@pytest.mark.usefixtures("group_of_one")
def test_wrong_calls_in_a_group_of_one() -> None:
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group()
    with pytest.raises(ValueError, match="2 tensors for 1 processes"):
        dist.all_gather([minigrad.zeros(1)] * 2, minigrad.zeros(1))
    with pytest.raises(ValueError, match="floating-point"):
        dist.all_reduce(minigrad.arange(2), dist.ReduceOp.AVG)


def test_without_a_group() -> None:
    assert not dist.is_initialized()
    for function in (dist.get_rank, dist.get_world_size, dist.barrier, dist.destroy_process_group):
        with pytest.raises(RuntimeError, match="call init_process_group"):
            function()
    with pytest.raises(RuntimeError, match="call init_process_group"):
        DistributedDataParallel(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="'nccl'"):
        dist.init_process_group("nccl")


def test_without_mpi4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    assert not dist.is_available()
    dist.init_process_group()
    assert dist.get_world_size() == 1
    dist.destroy_process_group()
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ImportError, match="mpi4py is missing"):
        dist.init_process_group()


# ----------------------------------------------------------------------------------------------------------- sampler


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_index_once_in_each_epoch(size: int, shuffle: bool) -> None:
    samplers = [DistributedSampler(range(42), size, rank, shuffle=shuffle) for rank in range(size)]
    orders = []
    for _ in range(3):
        parts = [list(sampler) for sampler in samplers]
        assert sorted(itertools.chain(*parts)) == list(range(42))
        assert {len(part) for part in parts} == {42 // size}
        orders.append(parts)
    assert (orders[0] != orders[1]) == shuffle


def test_a_million_indices() -> None:
    samplers = [DistributedSampler(range(1_000_000), 4, rank) for rank in range(4)]
    for _ in range(2):
        indices = np.concatenate([np.fromiter(sampler, np.int64) for sampler in samplers])
        assert np.array_equal(np.sort(indices), np.arange(1_000_000))


@pytest.mark.parametrize("count", [1, 5, 10, 11])
@pytest.mark.parametrize("drop_last", [True, False])
def test_uneven_numbers_of_samples(count: int, drop_last: bool) -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    for rank in range(3):
        ours = DistributedSampler(range(count), 3, rank, shuffle=False, drop_last=drop_last)
        theirs = torch_data.DistributedSampler(range(count), 3, rank, shuffle=False, drop_last=drop_last)
        assert list(ours) == list(theirs)
        assert len(ours) == len(theirs)


def test_set_epoch() -> None:
    sampler, other = (DistributedSampler(range(20), 2, 0) for _ in range(2))
    orders = [list(sampler) for _ in range(4)]
    other.set_epoch(2)
    assert list(other) == orders[2]
    assert list(other) == orders[3]
    assert list(DistributedSampler(range(20), 2, 0, seed=1)) != orders[0]


@pytest.mark.parametrize("rank", [-1, 2])
def test_ranks_out_of_range(rank: int) -> None:
    with pytest.raises(ValueError, match="rank should be in the interval"):
        DistributedSampler(range(20), 2, rank)
