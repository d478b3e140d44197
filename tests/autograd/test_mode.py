"""When operations are recorded, in minigrad and in torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

import minigrad
from tests.reference import torch

Library = Any


def nested(t: Library) -> list[bool]:
    seen = [t.is_grad_enabled()]
    with t.no_grad():
        seen.append(t.is_grad_enabled())
        with t.enable_grad():
            seen.append(t.is_grad_enabled())
            with t.set_grad_enabled(False):
                seen.append(t.is_grad_enabled())
            seen.append(t.is_grad_enabled())
        seen.append(t.is_grad_enabled())
    return [*seen, t.is_grad_enabled()]


def as_function(t: Library) -> list[bool]:
    t.set_grad_enabled(False)
    off = t.is_grad_enabled()
    t.set_grad_enabled(True)
    return [off, t.is_grad_enabled()]


def decorated(t: Library) -> list[bool]:
    inside = t.no_grad()(t.is_grad_enabled)
    bare = t.no_grad(t.is_grad_enabled)
    other = t.set_grad_enabled(False)(t.is_grad_enabled)
    return [inside(), bare(), t.is_grad_enabled(), other(), t.is_grad_enabled()]


def inference(t: Library) -> list[bool]:
    with t.inference_mode():
        seen = [t.is_grad_enabled()]
        with t.inference_mode(mode=False):
            seen.append(t.is_grad_enabled())
    with t.no_grad(), t.inference_mode(False):
        seen.append(t.is_grad_enabled())
    bare, called = t.inference_mode(t.is_grad_enabled), t.inference_mode()(t.is_grad_enabled)
    return [*seen, bare(), called(), t.is_grad_enabled()]


def after_an_exception(t: Library) -> list[bool]:
    try:
        with t.no_grad():
            raise KeyError
    except KeyError:
        return [t.is_grad_enabled()]


def generator(t: Library) -> list[bool]:
    @t.no_grad()  # type: ignore[untyped-decorator]
    def numbers() -> Iterator[bool]:
        yield t.is_grad_enabled()
        yield t.is_grad_enabled()

    seen = []
    for inside in numbers():
        seen += [inside, t.is_grad_enabled()]
    return seen


def results(t: Library) -> list[bool]:
    x = t.ones(2, requires_grad=True)
    with t.no_grad():
        made = t.ones(1, requires_grad=True)
        y = x * 2
    return [made.requires_grad, y.requires_grad, y.is_leaf, (y * x).requires_grad, (y * 2).requires_grad]


@pytest.mark.parametrize(
    "scene",
    [nested, as_function, decorated, inference, after_an_exception, generator, results],
    ids=lambda f: f.__name__,
)
def test_as_in_torch(scene: Callable[[Library], list[bool]]) -> None:
    assert scene(minigrad) == scene(torch)
    assert minigrad.is_grad_enabled()


def test_a_decorated_generator_is_a_whole_generator() -> None:
    closed: list[str] = []

    @minigrad.no_grad()
    def echo() -> Generator[Any, Any, str]:
        try:
            got = yield "first"
            try:
                yield got
            except KeyError:
                yield "caught"
            return "end"
        finally:
            closed.append("closed")

    e = echo()
    assert [next(e), e.send("sent"), e.throw(KeyError())] == ["first", "sent", "caught"]
    with pytest.raises(StopIteration, match="end"):
        next(e)
    early = echo()
    next(early)
    early.close()
    assert closed == ["closed", "closed"]
    assert minigrad.is_grad_enabled()


def test_it_holds_for_its_thread() -> None:
    seen: list[bool] = []
    with minigrad.no_grad():
        thread = threading.Thread(target=lambda: seen.append((minigrad.ones(1, requires_grad=True) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_backward_works_inside_no_grad() -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    y = x * x
    with minigrad.no_grad():
        y.backward()
    assert x.grad is not None
    assert x.grad.item() == 6
