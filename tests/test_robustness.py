"""Interrupts, signal handlers, finalizers and threads: what may happen at any time."""

import gc
import itertools
import os
import signal
import sys
import threading
import time
import timeit
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, nn, optim
from minigrad.fastpath.optim import program


@contextmanager
def alarm(handler: Callable[..., Any], seconds: float, interval: float = 0) -> Iterator[None]:
    """Have a handler called by a signal, once or again and again."""
    previous = signal.signal(signal.SIGALRM, handler)

    def disarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

    signal.setitimer(signal.ITIMER_REAL, seconds, interval)
    try:
        try:
            yield
        finally:
            disarm()
    finally:
        disarm()  # again, if the handler raised before the timer was stopped


# --------------------------------------------------------------------------------------------- interrupts


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an interrupt in a weakref callback
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("size", "work_per_thread"), [(300, 1 << 22), (500_000, 1 << 22), (1_000_000, 1 << 18)])
def test_an_interrupted_step_leaves_whole_parameters(
    name: str, size: int, work_per_thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small, in blocks, and in threads: each parameter is as before or as after the step, and stays as it is."""
    monkeypatch.setattr(program, "MIN_WORK_PER_THREAD", work_per_thread)
    monkeypatch.setattr(program, "THREADS", 3)
    w = minigrad.zeros(size, requires_grad=True)
    w.grad = minigrad.ones(size)
    optimizer = OPTIMIZERS[name]([w])
    seconds = min(timeit.repeat(optimizer.step, number=1, repeat=4))
    caught = 0
    for k in range(200):
        if caught == 12:
            break
        before = w.detach().numpy().copy()
        try:
            with alarm(interrupt, max(seconds * (k % 8 + 0.5) / 8, 1e-6)):
                optimizer.step()
        except KeyboardInterrupt:
            caught += 1
            left = w.detach().numpy().copy()
            assert (left != before).mean() in (0, 1), "torn"
            time.sleep(0.5 * seconds)
            assert np.array_equal(left, w.detach().numpy()), "something goes on writing"
    assert caught


def test_an_interrupt_while_threads_start_leaves_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    start, begun = threading.Thread.start, itertools.count()
    done: list[int] = []

    def interrupted(worker: threading.Thread) -> None:
        start(worker)
        if next(begun) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.run_in_threads(done.append, range(3))
    time.sleep(0.05)
    assert not done


def test_interrupts_while_threads_work_come_when_all_is_done() -> None:
    done: list[int] = []

    def work(k: int) -> None:
        time.sleep(0.02 * (k + 1))
        os.kill(os.getpid(), signal.SIGALRM)
        time.sleep(0.1)
        done.append(k)

    with pytest.raises(KeyboardInterrupt), alarm(interrupt, 60):
        program.run_in_threads(work, range(3))
    assert sorted(done) == [0, 1, 2]


# ------------------------------------------------------------------------------- operations within operations

x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
COMPUTATIONS: dict[str, Callable[[], Any]] = {
    "unary": lambda: x.exp(),
    "binary": lambda: x * 2 + x,
    "with attributes": lambda: x.sum(0),
    "a module": lambda: nn.Linear(3, 2)(x),
    "backward": lambda: (x * x).sum().backward(),
    "create_graph": lambda: minigrad.autograd.grad((x**3).sum(), x, create_graph=True),
    "conversion": lambda: minigrad.tensor([1e300]).to(minigrad.float32),
    "a norm": lambda: nn.utils.clip_grad_norm_([x], 1e9),
}


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_a_signal_handler_may_compute(name: str) -> None:
    seen: Counter[str] = Counter()

    def handler(*_: object) -> None:
        try:
            COMPUTATIONS[name]()
            seen["right"] += 1
        except Exception as error:
            seen[repr(error)] += 1
        signal.setitimer(signal.ITIMER_REAL, 1e-3)

    w = minigrad.ones(100, 100, requires_grad=True)
    with alarm(handler, 1e-3):
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            (w @ w).tanh().sum().backward()
    assert seen.keys() == {"right"}


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_whatever_numpy_calls_may_compute(name: str) -> None:
    """A conversion calls ``__array__``, and a backward pass a hook, which compute."""
    compute = minigrad.enable_grad()(COMPUTATIONS[name])

    class Lazy:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            compute()
            return np.ones(3, dtype)

    assert minigrad.as_tensor(Lazy()).tolist() == [1, 1, 1]
    w = minigrad.ones(3, requires_grad=True)
    y = w * 2

    def hook(_: Tensor) -> None:
        compute()

    y.register_hook(hook)
    y.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [2, 2, 2]


def test_a_backward_pass_may_run_in_a_hook_of_another_at_any_depth() -> None:
    @minigrad.enable_grad()
    def nested(depth: int) -> Tensor:
        w = minigrad.ones(2, requires_grad=True)
        y = w * 3
        if depth:
            y.register_hook(lambda g: g + nested(depth - 1).sum())
        y.sum().backward()
        assert w.grad is not None
        return w.grad

    assert nested(3).tolist() == [777.0, 777.0]


def test_finalizers_may_compute() -> None:
    seen: Counter[str] = Counter()

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            try:
                x.exp().sum()
                seen["right"] += 1
            except Exception as error:
                seen[repr(error)] += 1

    model, before = nn.Sequential(*[nn.Linear(10, 10) for _ in range(10)]), gc.get_threshold()
    try:
        for k in range(40):
            loss = model(minigrad.ones(4, 10)).sum()
            Cycle()
            gc.set_threshold(5 + k)
            loss.backward()
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert seen.keys() == {"right"}


def test_what_a_signal_handler_raises_is_raised() -> None:
    """Also if it is of the type of an error that makes an operation be tried again."""

    def handler(*_: object) -> None:
        raise RuntimeError("time is up")

    def compute() -> None:
        while True:
            minigrad.ones(100, 100).tanh()

    with pytest.raises(RuntimeError, match="time is up"), alarm(handler, 0.05):
        compute()


def test_warnings_of_numpy_are_off_within_operations_and_on_outside() -> None:
    w = minigrad.zeros(2, requires_grad=True)
    y = w * 1
    y.register_hook(lambda g: (g / 0).log() * 0 + g)
    with np.errstate(all="raise"):
        y.sum().backward()
        with pytest.raises(FloatingPointError):
            np.ones(1) / np.zeros(1)


# ------------------------------------------------------------------------------------------------ threads


def test_no_addition_to_a_gradient_is_lost() -> None:
    before, w = sys.getswitchinterval(), minigrad.zeros(60_000, requires_grad=True)

    def work() -> None:
        for _ in range(50):
            (w * 1.0).sum().backward()

    try:
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(before)
    assert w.grad is not None
    assert set(w.grad.tolist()) == {200.0}
