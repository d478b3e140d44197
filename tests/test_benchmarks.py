"""The benchmarks run, and their tables are complete. No test depends on how long something takes."""

import math
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from benchmarks import __main__ as program
from benchmarks import growth, peers
from benchmarks.timing import compare
from benchmarks.workloads import BOUNDS, GROUPS, WORKLOADS, Workload

torch = pytest.importorskip("torch")

STEPS = [w for w in WORKLOADS if w.group == "steps"]


def test_names_are_those_of_one_workload_each_and_bounds_are_positive() -> None:
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    assert all(bound > 0 for w in WORKLOADS for bound in (w.bound, w.bound_2, w.compiled) if bound is not None)
    assert len(STEPS) == 24
    assert {f"{size} parameters, {name}" for name, size in BOUNDS} <= {w.name for w in WORKLOADS}
    assert [group for group, _ in groupby(w.group for w in WORKLOADS)] == list(GROUPS)


@pytest.mark.parametrize("workload", [w for w in STEPS if "10M" not in w.name and "wide" not in w.name], ids=lambda w: w.name)
def test_both_libraries_run_a_step(workload: Workload) -> None:
    for lib in (minigrad, torch):
        step, arguments = workload.prepare(lib)
        loss: Any = step(*arguments)
        assert loss is None or math.isfinite(loss.detach().item())


def test_both_libraries_compute_the_same() -> None:
    """Layers and draws have random values, but the same shape."""
    for workload in WORKLOADS:
        if workload.group == "kernels" and not re.search("000000|30000|4000|x1000|32x128", workload.name):
            ours, theirs = (step(*arguments) for step, arguments in map(workload.prepare, (minigrad, torch)))
            results: list[Any] = [x.detach().numpy() for x in (ours, theirs) if hasattr(x, "detach")]
            assert len(results) == (0 if workload.name.endswith("both") else 2), workload.name
            assert len({x.shape for x in results}) <= 1, workload.name
            if results and not re.search("Linear|LSTM|GRU|RNN|multinomial", workload.name):
                np.testing.assert_allclose(results[0], results[1], rtol=2e-3, atol=1e-5, err_msg=workload.name)


def test_a_ratio_is_that_of_times_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = 0.0, []

    def step(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds
        order.append(name)

    for clock in ("process_time", "perf_counter"):
        monkeypatch.setattr(f"benchmarks.timing.time.{clock}", lambda: now)
    steps = {
        "slow": lambda: step("slow", 3.0),
        "fast": lambda: step("fast", 0.5),
        "reference": lambda: step("reference", 1.0),
    }
    ratios = compare(steps, seconds=1.0, threads=1)
    assert {name: tuple(ratio) for name, ratio in ratios.items()} == {"slow": (3, 3, 3, 3), "fast": (0.5, 0.5, 0.5, 3)}
    assert order[-6:] == [*steps, *steps]


def test_the_program_prints_a_row_for_each_workload_with_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    rows = program.main(["--quick", "--threads", "2", "--only", "lecture step, SGD", "stack of", "10M parameters, SGD"])
    assert [row["name"] for row in rows] == ["lecture step, SGD", "10M parameters, SGD", "stack of 1000 vectors of 10"]
    assert all(row["medians"]["minigrad"] > 0 for row in rows)
    lines = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in lines[0]
    assert "steps, 2 threads" in lines
    assert "kernels, 2 threads" in lines
    for row in rows:
        (line,) = [line for line in lines if line.startswith(row["name"])]
        assert f" {row['bound']:.2f}" in line


def test_what_exceeds_its_bound_has_a_star() -> None:
    row: Any = {
        "group": "steps",
        "name": "a",
        "ratios": {"minigrad": (1, 2, 3, 4), "compiled": (1, 1.5, 2, 4), "JAX": (0, 0.5, 1, 4)},
    }
    row |= {"bound": 1.9, "compiled": 1.5, "notes": {"MyGrad": "missing"}}
    first, *others = program.table_line(row).splitlines()
    assert re.findall(r"\d[\d.]*\*?", first) == ["2.000*", "1.90", "1.00", "3.00", "1.500", "1.50"]
    assert [line.split() for line in others] == [["JAX", "0.500"], ["MyGrad", "missing"]]


def test_the_geometric_mean_is_that_of_the_rows_which_have_the_column() -> None:
    rows: list[Any] = [{"medians": {"minigrad": 0.5, "compiled": 0.1}}, {"medians": {"minigrad": 2.0}}]
    assert program.geometric_mean(rows, "minigrad") == pytest.approx(1.0)
    assert program.geometric_mean(rows, "compiled") == pytest.approx(0.1)
    assert program.geometric_mean(rows, "JAX") is None


def test_the_table_and_the_picture_of_readme_come_from_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / ".pictures").mkdir()
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- python -m benchmarks --publish -->\nold\n<!-- end -->\nafter\n", "utf-8")
    monkeypatch.setattr(program, "ROOT", tmp_path)
    row = {"group": "steps", "name": "a", "threads": 1}
    rows: list[Any] = [
        {**row, "medians": {"minigrad": 0.25}},
        {**row, "medians": {"minigrad": 1.0, "compiled": 0.2}},
    ]
    program.publish([*rows, {**rows[0], "threads": 2}], "a machine")
    table = ["1 thread; a machine:", "", "| time / time of torch | minigrad | compiled |", "| :--- | ---: | ---: |"]
    table += ["| a | 0.25 |  |", "| a | 1.00 | 0.20 |", "| geometric mean | 0.50 | 0.20 |"]
    marked = ["<!-- python -m benchmarks --publish -->", *table, "<!-- end -->"]
    assert readme.read_text("utf-8").splitlines() == ["before", *marked, "after"]
    assert "compiled" not in program.markdown(rows[:1], "")  # an empty column is left out
    assert (tmp_path / ".pictures/speed.png").read_bytes().startswith(b"\x89PNG")


def test_a_name_that_nothing_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--only", "nonsense"])
    assert "nothing is called nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("workload", ["lecture step, SGD", "lecture step, Adam", "chain of 2000 scalar operations"])
def test_a_peer_that_is_missing_says_how_to_install_it(workload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, steps in peers.PEERS.values():
        assert steps.keys() <= {w.name for w in STEPS}
        monkeypatch.setitem(sys.modules, package, None)
    expected = {
        name: f"missing: pip install {package}" for name, (package, steps) in peers.PEERS.items() if workload in steps
    }
    assert dict(peers.peers_for(workload)) == expected


def test_slopes_are_the_exponents_of_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def quadratic(_: Any, n: int) -> Any:
        def run() -> None:
            nonlocal now
            now += n**2

        return run

    monkeypatch.setattr("benchmarks.growth.time.process_time", lambda: now)
    assert growth.slope(None, quadratic, [10, 30, 100]) == pytest.approx(2.0)
    for make, _, bound in growth.CURVES.values():
        assert bound >= 1
        for lib in (minigrad, torch):
            make(lib, 3)()


def test_training_steps_leave_no_memory_behind() -> None:
    assert growth.leaked(50) < 4096
