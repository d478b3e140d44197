"""Observers, and `trace`: what they are told, that they do not observe themselves, and that they change nothing."""

from __future__ import annotations

import json
import math
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.autograd import Observer, detect_anomaly, grad, is_anomaly_enabled, set_detect_anomaly, trace
from minigrad.autograd.function import Function
from minigrad.autograd.observer import Location
from minigrad.grad_mode import no_grad, thread


class Notes(Observer):
    """Notes each event."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def before_op(self, op: Any, inputs: Any, attributes: Any) -> None:
        self.events.append(("before_op", op.name))

    def after_op(self, op: Any, inputs: Any, attributes: Any, result: Any) -> None:
        self.events.append(("after_op", op.name, result.tolist()))

    def recorded(self, node: Any, inputs: Any, out: Any) -> None:
        self.events.append(("recorded", node.op_name, out.tolist()))

    def before_root(self, output: Any) -> None:
        self.events.append(("root", output.tolist()))

    def before_vjp(self, node: Any, cotangent: Any) -> None:
        self.events.append(("before_vjp", node.op_name))

    def after_vjp(self, node: Any, cotangent: Any, in_cotangents: Any) -> None:
        self.events.append(("after_vjp", node.op_name, [g.tolist() for g in in_cotangents if g is not None]))

    def before_step(self, optimizer: Any) -> None:
        self.events.append(("before_step", type(optimizer).__name__))

    def after_step(self, optimizer: Any) -> None:
        self.events.append(("after_step", type(optimizer).__name__))


def test_what_an_observer_is_told() -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1)
    with Notes() as notes:
        (x * 2).exp().backward()
        optimizer.step()
    e6 = float(np.exp(np.float32(6)))
    assert notes.events == [
        ("before_op", "mul"),
        ("recorded", "mul", 6.0),
        ("after_op", "mul", 6.0),
        ("before_op", "exp"),
        ("recorded", "exp", e6),
        ("after_op", "exp", e6),
        ("root", e6),
        ("before_vjp", "exp"),
        ("after_vjp", "exp", [e6]),
        ("before_vjp", "mul"),
        ("after_vjp", "mul", [2 * e6]),
        ("before_step", "SGD"),
        ("after_step", "SGD"),
    ]
    (x * 2).exp()
    assert len(notes.events) == 13


def test_operations_that_are_not_recorded_are_told_too() -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    with Notes() as notes, no_grad():
        x * 2
    assert [event[0] for event in notes.events] == ["before_op", "after_op"]


def test_an_optimizer_with_a_step_of_its_own() -> None:
    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            """Do nothing."""

    with Notes() as notes:
        Own([minigrad.tensor(1.0)], {}).step()
    assert notes.events == [("before_step", "Own"), ("after_step", "Own")]


def test_several_observe_at_once_and_the_same_one_twice() -> None:
    x = minigrad.tensor(3.0)
    first, second = Notes(), Notes()
    with first:
        with second, first:
            x.exp()
        x.sin()
    assert [name for _, name, *_ in first.events] == ["exp"] * 4 + ["sin"] * 2
    assert [name for _, name, *_ in second.events] == ["exp"] * 2
    assert thread.state.observer is None


def test_an_observer_computes_with_tensors_unobserved() -> None:
    class Computes(Observer):
        found: list[Any]

        def after_vjp(self, node: Any, cotangent: Any, in_cotangents: Any) -> None:
            self.found = [minigrad.tensor(g) * 2 for g in in_cotangents]

    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with Computes() as computes, Notes() as notes:
        (x * x).sum().backward()
    assert computes.found[0].tolist() == [2.0, 4.0]
    assert len(notes.events) == 6 + 1 + 4


def test_an_exception_of_an_observer_ends_the_computation_and_leaves_nothing_behind() -> None:
    class Refuses(Observer):
        def before_op(self, op: Any, inputs: Any, attributes: Any) -> None:
            raise KeyError(op.name)

    x = minigrad.tensor(1.0)
    with pytest.raises(KeyError, match="exp"), Refuses():
        x.exp()
    assert thread.state.observer is None
    assert x.exp().item() == pytest.approx(math.e)


def test_only_its_own_thread_is_observed() -> None:
    x = minigrad.tensor(1.0)
    with Notes() as notes:
        other = threading.Thread(target=x.exp)
        other.start()
        other.join()
    assert notes.events == []


def test_anomaly_mode_goes_on_beside_others() -> None:
    x = minigrad.tensor(0.0, requires_grad=True)
    with detect_anomaly(), Notes(), pytest.raises(RuntimeError, match=r"log returned -?inf"):
        x.log()
    with Notes():
        assert not is_anomaly_enabled()
        with set_detect_anomaly(True), detect_anomaly(check_nan=False):  # the inner one replaces the outer one
            x.log()
            assert is_anomaly_enabled()


def test_observed_results_are_equal_to_the_last_bit() -> None:
    def run() -> list[Any]:
        minigrad.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.LayerNorm(5), nn.Linear(5, 2))
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(minigrad.ones(3, 4)).square().mean().backward()
            optimizer.step()
        return [p.tolist() for p in model.parameters()]

    plain = run()
    with Notes():
        assert run() == plain


# ---------------------------------------------------------------------------------------------------------------- trace


class Twice(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x + x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * g


def test_events_of_a_training_step() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = minigrad.ones(5, 3)
    with trace() as t:
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
    assert [(e.phase, e.name) for e in t.events] == [
        ("forward", "linear"), ("forward", "relu"), ("forward", "sum"),
        ("backward", "sum"), ("backward", "relu"), ("backward", "linear"), ("step", "SGD"),
    ]  # fmt: skip
    linear = t.events[0]
    assert linear.shapes == ((5, 3), (4, 3), (4,))
    assert linear.nbytes == 5 * 4 * 4
    assert linear.module == "Sequential.0"
    assert linear.location is not None
    assert linear.location.source == "loss = model(x).sum()"
    assert t.events[5].location == linear.location
    assert t.events[5].nbytes == (12 + 4) * 4
    assert t.events[3].nbytes == 4  # the cotangent of a sum is expanded: a view of one number
    assert all(0 <= e.own <= e.duration for e in t.events)
    starts = [e.start for e in t.events]
    assert starts == sorted(starts)


def test_events_inside_events_are_counted_once() -> None:
    x = minigrad.ones(5, requires_grad=True)
    with trace() as t:
        y = (x**3).sum()
        grad(y, x, create_graph=True)
    for event in t.events:
        inside = [e for e in t.events if event.start < e.start and e.start + e.duration <= event.start + event.duration]
        assert event.own == event.duration - sum(e.own for e in inside)
    assert any(event.own < event.duration for event in t.events)


def test_functions_splits_and_writes() -> None:
    x = minigrad.ones(4, requires_grad=True)
    with trace() as t:
        y = x * 1
        y[:2] = 0
        first, _ = y.split(2)
        Twice.apply(first).sum().backward()
    names = [(e.phase, e.name) for e in t.events]
    assert ("forward", "Twice") in names
    assert ("forward", "split") in names
    assert ("forward", "setitem") in names
    assert ("backward", "Twice") in names
    assert all(e.location is not None for e in t.events)


def test_an_operation_that_fails_leaves_the_clock_right() -> None:
    x = minigrad.ones(3)
    y = minigrad.ones(2)
    with trace() as t:
        with pytest.raises(RuntimeError):
            x + y
        x + 1
    assert [e.name for e in t.events] == ["add"]


def test_tables() -> None:
    x = minigrad.ones(1000, requires_grad=True)
    with trace() as t:
        for _ in range(3):
            (x * 2).exp().sum().backward()
    header, *rows = str(t).splitlines()
    assert header.split() == ["phase", "calls", "total", "ms", "share", "bytes", "name"]
    assert sorted((row.split()[0], row.split()[-1]) for row in rows) == sorted(
        (phase, name) for phase in ("forward", "backward") for name in ("mul", "exp", "sum")
    )
    assert {row.split()[1] for row in rows} == {"3"}
    costs = [float(row.split()[2]) for row in rows]
    assert costs == sorted(costs, reverse=True)
    assert sum(float(row.split()[3].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.5)
    assert "(x * 2).exp().sum().backward()" in t.table("line")
    assert len(t.table(rows=2).splitlines()) == 3
    assert str(trace()).splitlines() == [header]


def test_chrome_trace(tmp_path: Path) -> None:
    x = minigrad.ones(3, requires_grad=True)
    with trace() as t:
        x.exp().sum().backward()
    t.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert [(e["ph"], e["cat"], e["name"]) for e in events] == [("X", e.phase, e.name) for e in t.events]
    assert events[0]["args"]["shapes"] == "((3,),)"
    assert events[0]["dur"] == t.events[0].duration / 1000
    assert [e["ts"] for e in events] == [e.start / 1000 for e in t.events]
    assert events[0]["tid"] == threading.get_ident()


def test_several_operations_that_fail_inside_an_event_are_no_part_of_it() -> None:
    class Trying(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            minigrad.ones(2).exp()
            for _ in range(2):
                with suppress(RuntimeError):
                    minigrad.ones(2) + minigrad.ones(3)

    optimizer = Trying([minigrad.ones(1)], {})
    with trace() as t:
        optimizer.step()
    *_, inside, step = t.events
    assert (inside.phase, step.phase) == ("forward", "step")
    assert step.start <= inside.start
    assert step.start + step.duration >= inside.start + inside.duration


def test_the_visit_of_an_operation_of_two_results_has_both_cotangents() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2, x[:2] * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return 2 * g

    first, second = Both.apply(minigrad.ones(3, requires_grad=True))
    with trace() as t:
        (first.sum() + second.sum()).backward()
    (visit,) = [e for e in t.events if e.phase == "backward" and len(e.shapes) == 2]
    assert sorted(visit.shapes) == [(2,), (3,)]
    assert visit.nbytes == 12


def test_observers_are_told_in_the_order_in_which_they_came() -> None:
    told: list[str] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def before_op(self, op: Any, inputs: Any, attributes: Any) -> None:
            told.append(self.name)

    with Named("first"), Named("second"):
        minigrad.ones(1).exp()
    assert told == ["first", "second"]


def test_a_place_is_relative_to_the_working_directory_where_it_can_be() -> None:
    assert Location(os.path.join(os.getcwd(), "part", "a.py"), 3, "f").place == os.path.join("part", "a.py") + ":3"
    elsewhere = os.path.join(os.getcwd() + "_beside", "a.py")
    assert Location(elsewhere, 3, "f").place == f"{elsewhere}:3"


def test_views_make_no_bytes() -> None:
    x = minigrad.ones(3, 4, requires_grad=True)
    with trace() as t:
        (x.reshape(4, 3).T * 2).sum().backward()
    made = {(e.phase, e.name): e.nbytes for e in t.events}
    assert made["forward", "reshape"] == made["forward", "permute"] == made["backward", "permute"] == 0
    assert made["forward", "mul"] == made["backward", "mul"] == 48
