"""What a compiled function can reach in Python: each change is seen, or the function is not compiled."""

from __future__ import annotations

import argparse
import array
import collections
import contextvars
import dataclasses
import functools
import itertools
import os
import random
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn

Case = tuple[Callable[[Any], Any], Callable[[float], Any]]  # a function, and what lets it multiply by another number


class Config:
    scale = 1.0
    unused: Any = iter(())

    @classmethod
    def of_class(cls) -> float:
        return cls.scale

    @staticmethod
    def of_none() -> float:
        return Config.scale

    @property
    def of_object(self) -> float:
        return self.scale

    def unused_method(self) -> float:
        return random.random()


class Inherited(Config):
    class Plain:
        scale = 1.0


class WithSlots:
    __slots__ = ("scale",)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.config = types.SimpleNamespace(scale=1.0)

    def forward(self, x: Any) -> Any:
        return x * self.config.scale * self.own()

    def own(self) -> float:
        return Config.scale


def of_class() -> Case:
    return (lambda x: x * Config.scale), lambda v: setattr(Config, "scale", v)


def of_inherited_class() -> Case:
    return (lambda x: x * Inherited.scale), lambda v: setattr(Config, "scale", v)


def of_class_method() -> Case:
    return (lambda x: x * Config.of_class()), lambda v: setattr(Config, "scale", v)


def of_static_method() -> Case:
    return (lambda x: x * Config.of_none()), lambda v: setattr(Config, "scale", v)


def of_property() -> Case:
    config = Config()
    return (lambda x: x * config.of_object), lambda v: setattr(Config, "scale", v)


def of_object_that_hides_its_class() -> Case:
    config = Config()
    return (lambda x: x * config.scale), lambda v: setattr(config, "scale", v)


def of_module() -> Case:
    module = Scaled()
    return module, lambda v: setattr(module.config, "scale", v)


def of_class_that_a_module_reads() -> Case:
    return Scaled(), lambda v: setattr(Config, "scale", v)


def of_slots() -> Case:
    slots = WithSlots()
    slots.scale = 1.0  # type: ignore[attr-defined]
    return (lambda x: x * slots.scale), lambda v: setattr(slots, "scale", v)  # type: ignore[attr-defined]


def of_dataclass() -> Case:
    options = dataclasses.make_dataclass("Options", [("scale", float, 1.0)])()
    return (lambda x: x * options.scale), lambda v: setattr(options, "scale", v)


def of_namespace() -> Case:
    options = argparse.Namespace(scale=1.0)
    return (lambda x: x * options.scale), lambda v: setattr(options, "scale", v)


def by_name() -> Case:
    options, names = Inherited.Plain(), ["scale"]
    return (lambda x: x * getattr(options, names[0])), lambda v: setattr(options, "scale", v)


def of_user_dict() -> Case:
    options = collections.UserDict(scale=1.0)
    return (lambda x: x * options["scale"]), lambda v: options.update(scale=v)


def of_nested_containers() -> Case:
    options: Any = {"a": [{"b": (1.0, [1.0])}]}
    return (lambda x: x * options["a"][0]["b"][1][0]), lambda v: options["a"][0]["b"][1].__setitem__(0, v)


def of_set() -> Case:
    numbers = {1.0}
    return (lambda x: x * sum(numbers)), lambda v: numbers.symmetric_difference_update({*numbers, v})


def of_defaults() -> Case:
    def scaled(x: Any, scale: Any = [1.0], *, other: float = 1.0) -> Any:  # noqa: B006
        return x * scale[0] * other

    assert scaled.__defaults__ is not None
    assert scaled.__kwdefaults__ is not None
    first, others = scaled.__defaults__[0], scaled.__kwdefaults__

    def change(value: float) -> None:
        first[0] = value
        others["other"] = value

    return scaled, change


def of_function() -> Case:
    def scaled(x: Any) -> Any:
        return x * scaled.scale  # type: ignore[attr-defined]

    scaled.scale = 1.0  # type: ignore[attr-defined]
    return scaled, lambda v: setattr(scaled, "scale", v)


def of_user_module() -> Case:
    module = types.ModuleType("a_module_of_the_user")
    module.scale = 1.0  # type: ignore[attr-defined]
    return (lambda x: x * module.scale), lambda v: setattr(module, "scale", v)


def of_cached_function() -> Case:
    cached = functools.lru_cache(lambda: Config.scale)

    def change(value: float) -> None:
        Config.scale = value
        cached.cache_clear()

    return (lambda x: x * cached()), change


def of_partial() -> Case:
    options = {"scale": functools.partial(lambda a: a, 1.0)}
    return (lambda x: x * options["scale"]()), lambda v: options.update(scale=functools.partial(lambda a: a, v))


def of_tensor() -> Case:
    scale = minigrad.ones(3)
    return (lambda x: x * scale), scale.fill_


def of_an_attribute_of_a_tensor() -> Case:
    scale: Any = minigrad.ones(3)
    scale.factor = 1.0
    return (lambda x: x * scale * scale.factor), lambda v: setattr(scale, "factor", v)


def of_other_code() -> Case:
    def scaled(x: Any, scale: float = 1.0) -> Any:
        return x * scale

    return (lambda x: scaled(x)), lambda v: setattr(scaled, "__defaults__", (v,))


SEEN = [
    of_class, of_inherited_class, of_class_method, of_static_method, of_property, of_object_that_hides_its_class, of_module,
    of_class_that_a_module_reads, of_slots, of_dataclass, of_namespace, by_name, of_user_dict, of_nested_containers, of_set,
    of_defaults, of_function, of_user_module, of_cached_function, of_partial, of_tensor,
    of_an_attribute_of_a_tensor, of_other_code,
]  # fmt: skip


def of_array() -> Case:
    scale = np.ones(1)
    return (lambda x: x * float(scale[0])), scale.fill


def of_bytes() -> Case:
    scale = bytearray(b"\1")
    return (lambda x: x * scale[0]), lambda v: scale.__setitem__(0, int(v))


def of_array_module() -> Case:
    scale = array.array("d", [1.0])
    return (lambda x: x * scale[0]), lambda v: scale.__setitem__(0, v)


def of_context() -> Case:
    scale = contextvars.ContextVar("scale", default=1.0)
    return (lambda x: x * scale.get()), scale.set


def of_environment() -> Case:
    return (lambda x: x * float(os.environ.get("SCALE_OF_A_TEST", "1"))), lambda v: os.environ.update(SCALE_OF_A_TEST=str(v))


def of_import() -> Case:
    def scaled(x: Any) -> Any:
        import os

        return x * float(os.environ.get("SCALE_OF_A_TEST", "1"))

    return scaled, lambda v: os.environ.update(SCALE_OF_A_TEST=str(v))


def of_iterator() -> Case:
    numbers = iter([1.0] * 7 + [2.0] * 30)
    return (lambda x: x * next(numbers)), lambda v: None


def of_cycle() -> Case:
    numbers = itertools.cycle([1.0] * 7 + [2.0])
    return (lambda x: x * next(numbers)), lambda v: None


def of_bound_method() -> Case:
    following = iter([1.0] * 7 + [2.0] * 30).__next__
    return (lambda x: x * following()), lambda v: None


def of_generator() -> Case:
    def numbers() -> Iterator[float]:
        yield from [1.0] * 7 + [2.0] * 30

    running = numbers()

    def scaled(x: Any) -> Any:
        return x * next(number for number in running)

    return scaled, lambda v: None


def of_deque() -> Case:
    numbers = collections.deque([1.0] * 7 + [2.0] * 30)
    return (lambda x: x * numbers.popleft()), lambda v: None


def of_random_numbers() -> Case:
    rng = random.Random(2)
    return (lambda x: x * (2 if rng.random() < 0.1 else 1)), lambda v: None


def of_random_numbers_of_numpy() -> Case:
    rng = np.random.default_rng(2)
    return (lambda x: x * (2 if rng.random() < 0.1 else 1)), lambda v: None


def of_a_part_of_a_dict() -> Case:
    options = dict.fromkeys(range(2000), 1.0)
    return (lambda x: x * options[5]), lambda v: options.update({5: v})


REFUSED = [
    of_array, of_bytes, of_array_module, of_context, of_environment, of_import, of_iterator, of_cycle, of_bound_method,
    of_generator, of_deque, of_random_numbers, of_random_numbers_of_numpy, of_a_part_of_a_dict,
]  # fmt: skip


def results(case: Callable[[], Case], compiled: bool) -> tuple[list[list[float]], Any]:
    """Call a function 30 times, and change its number at the 7th and 20th call."""
    function, change = case()
    change(1.0)
    called: Any = minigrad.compile(function) if compiled else function
    found = []
    for k in range(30):
        if k in (7, 20):
            change(3.0 if k == 7 else 2.0)
        found.append(called(minigrad.ones(3)).tolist())
    Config.scale = 1.0
    return found, called


@pytest.mark.parametrize("case", SEEN, ids=lambda case: case.__name__)
def test_a_change_is_seen(case: Callable[[], Case]) -> None:
    expected, _ = results(case, compiled=False)
    found, compiled = results(case, compiled=True)
    assert found == expected
    assert expected[0] != expected[-1]
    assert compiled.programs()


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_what_cannot_be_seen_is_refused(case: Callable[[], Case]) -> None:
    expected, _ = results(case, compiled=False)
    with pytest.warns(UserWarning, match="runs as it is, since it can reach|runs as it is, since it calls"):
        found, compiled = results(case, compiled=True)
    assert found == expected
    assert not compiled.programs()


def test_a_long_chain_of_objects() -> None:
    last: Any = types.SimpleNamespace(scale=1.0, following=None)
    first = last
    for _ in range(3000):
        first = types.SimpleNamespace(following=first)

    def scaled(x: Any) -> Any:
        found = first
        while found.following is not None:
            found = found.following
        return x * found.scale

    compiled: Any = minigrad.compile(scaled)
    for k in range(8):
        last.scale = 1.0 if k < 5 else 2.0
        assert compiled(minigrad.ones(1)).item() == last.scale
    assert compiled.programs()


class Trainer:
    """As people write them: much that a step does not use."""

    def __init__(self) -> None:
        self.model = nn.Linear(3, 1)
        self.optimizer = minigrad.optim.SGD(self.model.parameters(), lr=0.1)
        self.data, self.batches = np.ones((5000, 3)), iter([1, 2])
        self.history: list[float] = [0.0] * 5000
        self.rng = np.random.default_rng(0)

    def step(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.model(x).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def fit(self) -> None:
        next(self.batches)
        self.history.append(self.rng.random())


def test_what_a_step_does_not_use_does_not_matter() -> None:
    trainer = Trainer()
    compiled: Any = minigrad.compile(trainer.step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(6):
            compiled(minigrad.ones(4, 3))
            trainer.history.append(1.0)
    assert compiled.programs()


def test_modes_that_alternate_have_a_program_each() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    compiled: Any = minigrad.compile(lambda x: model(x).detach())
    with minigrad.no_grad():
        for k in range(12):
            model.train(k % 2 == 0)
            minigrad.manual_seed(k)
            found = compiled(minigrad.ones(4, 3))
            minigrad.manual_seed(k)
            assert found.tolist() == model(minigrad.ones(4, 3)).tolist()
    assert len(compiled.programs()) == 2
