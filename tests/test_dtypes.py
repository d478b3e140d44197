"""Dtypes: which result from which, conversions, and the default dtype, against torch."""

from __future__ import annotations

import itertools
import operator
import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SCALARS = {"bool": True, "int": 2, "float": 2.5}
FORMS: dict[str, Callable[[Library], Any]] = {
    **{name: partial(lambda name, t: t.ones(2, dtype=getattr(t, name)), name) for name in NAMES},
    **{f"0-d {name}": partial(lambda name, t: t.ones((), dtype=getattr(t, name)), name) for name in NAMES},
    **{f"scalar {name}": partial(lambda scalar, t: scalar, scalar) for name, scalar in SCALARS.items()},
}
PAIRS = [(a, b) for a, b in itertools.product(FORMS, FORMS) if not (a.startswith("scalar") and b.startswith("scalar"))]
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "<": operator.lt,
    "&": operator.and_,
}


def assert_all_same(programs: Iterable[Callable[[Library], Any]], names: Iterable[str], tolerance: float = 1e-3) -> None:
    """Run all the programs before failing."""
    failures = []
    for program, name in zip(programs, names, strict=True):
        try:
            assert_same_in_both(program, tolerance)
        except AssertionError as error:
            failures.append(f"{name}: {str(error).strip().splitlines()[0]}")
    assert not failures, "\n".join(failures)


def apply_to_forms(op: Callable[[Any, Any], Any] | str, a: str, b: str, t: Library) -> Any:
    """Apply an operator, or a function of the library, to operands of two forms."""
    act = getattr(t, op) if isinstance(op, str) else op
    return act(FORMS[a](t), FORMS[b](t))


@pytest.mark.parametrize("name", BINARY)
def test_operators_promote_as_in_torch(name: str) -> None:
    """All pairs of dtypes, of tensors with axes, 0-d tensors and Python scalars."""
    op = BINARY[name]
    # torch refuses to subtract booleans, and True ** True is a bool there; here they count as 0 and 1.
    pairs = [pair for pair in PAIRS if name not in {"-", "**"} or not any("bool" in form for form in pair)]
    assert_all_same([partial(apply_to_forms, op, a, b) for a, b in pairs], map(str, pairs))


def test_result_type() -> None:
    assert_all_same([partial(apply_to_forms, "result_type", a, b) for a, b in PAIRS], map(str, PAIRS))


FUNCTIONS = {
    *(
        "exp",
        "log",
        "sqrt",
        "sin",
        "tanh",
        "sigmoid",
        "erf",
        "abs",
        "neg",
        "sign",
        "floor",
        "round",
        "reciprocal",
        "square",
        "isnan",
    ),
    *("sum", "mean", "prod", "amax", "argmax", "all", "any", "std", "var", "cumsum(0)", "logsumexp(0)", "softmax(0)", "relu"),
}
WIDER_HERE = {("argmax", "bool"), ("relu", "bool")}  # torch refuses these
NARROWER_HERE = {("sign", "bool")}  # NumPy refuses this
LEGACY = {("all", "uint8"), ("any", "uint8")}  # torch returns uint8


@pytest.mark.parametrize("f", sorted(FUNCTIONS))
def test_functions_of_one_tensor(f: str) -> None:
    name, dim = f.removesuffix("(0)"), (0,) if f.endswith("(0)") else ()
    dtypes = [dtype for dtype in NAMES if (name, dtype) not in WIDER_HERE | NARROWER_HERE | LEGACY]
    assert_all_same([partial(apply_method, name, dim, dtype) for dtype in dtypes], dtypes)


def apply_method(name: str, args: Any, dtype: str, t: Library) -> Any:
    return getattr(t.ones(3, dtype=getattr(t, dtype)), name)(*args)


TWO = list(itertools.product(NAMES, NAMES))


def test_matrix_products_keep_the_dtype() -> None:
    def square(dtype: str, t: Library) -> Any:
        x = t.ones(2, 2, dtype=getattr(t, dtype))
        return x @ x

    assert_all_same([partial(square, dtype) for dtype in NAMES], NAMES)


@pytest.mark.parametrize("join", ["cat", "where", "stack"])
def test_joining_promotes(join: str) -> None:
    def joined(t: Library, a: str, b: str) -> Any:
        x, y = t.ones(1, dtype=getattr(t, a)), t.ones(1, dtype=getattr(t, b))
        return t.where(t.ones(1) > 0, x, y) if join == "where" else getattr(t, join)([x, y])

    assert_all_same([partial(joined, a=a, b=b) for a, b in TWO], map(str, TWO))


@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_"])
def test_in_place_keeps_the_dtype_or_fails_as_in_torch(name: str) -> None:
    def act(t: Library, a: str, b: str) -> Any:
        return getattr(t.ones(2, dtype=getattr(t, a)), name)(FORMS[b](t))

    pairs = [pair for pair in itertools.product(NAMES, FORMS) if name != "sub_" or not any("bool" in form for form in pair)]
    assert_all_same([partial(act, a=a, b=b) for a, b in pairs], map(str, pairs))


def test_conversions() -> None:
    def converted(t: Library, a: str, b: str) -> Any:
        return t.tensor([0, 1, 2]).to(getattr(t, a)).to(getattr(t, b))

    assert_all_same([partial(converted, a=a, b=b) for a, b in TWO], map(str, TWO))


@pytest.mark.parametrize("method", ["double", "float", "half", "long", "int", "short", "bool"])
def test_conversion_methods(method: str) -> None:
    assert_same_in_both(lambda t: getattr(t.tensor([0.0, 1.5, -2.7]), method)())


def test_gradients_have_the_dtype_of_their_input() -> None:
    names = ["float16", "float32", "float64"]
    for a, b in itertools.product(names, names):

        def act(t: Library, a: str = a, b: str = b) -> Any:
            x = t.ones(2, dtype=getattr(t, a), requires_grad=True)
            y = t.ones((), dtype=getattr(t, b), requires_grad=True)
            (x * y + y / 3).sum().backward()
            return x.grad, y.grad

        assert_same_in_both(act, 1e-3)


@pytest.fixture
def in_double() -> Iterator[None]:
    for lib in (torch, minigrad):
        lib.set_default_dtype(lib.float64)
    yield
    for lib in (minigrad, torch):
        lib.set_default_dtype(lib.float32)


@pytest.mark.usefixtures("in_double")
def test_the_default_dtype() -> None:
    for program in (
        lambda t: t.tensor(1.5),
        lambda t: t.zeros(2),
        lambda t: t.tensor([1]) / 2,
        lambda t: t.tensor([1]) * 2.5,
        lambda t: t.tensor([1], dtype=t.float32) * 2.5,
        lambda t: t.arange(0, 1, 0.25),
        lambda t: t.get_default_dtype(),
        lambda t: t.tensor([1]).exp(),
    ):
        assert_same_in_both(program)
    assert repr(minigrad.ones(1)) == repr(torch.ones(1))


def test_the_default_dtype_is_floating() -> None:
    assert_same_in_both(lambda t: t.set_default_dtype(t.int64))
    assert minigrad.get_default_dtype() is minigrad.float32


def test_a_dtype_is_one_object() -> None:
    for name in NAMES:
        mine, theirs = getattr(minigrad, name), getattr(torch, name)
        assert pickle.loads(pickle.dumps(mine)) is mine
        assert (mine.itemsize, mine.is_floating_point) == (theirs.itemsize, theirs.is_floating_point)
        assert repr(mine) == repr(theirs).replace("torch.", "minigrad.")
    assert minigrad.float is minigrad.float32
    assert minigrad.double is minigrad.float64
    assert minigrad.long is minigrad.int64


@pytest.mark.parametrize("wrong", [np.complex64, "str", object, np.datetime64])
def test_unknown_dtypes_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="minigrad has no dtype"):
        minigrad.from_numpy(np.zeros(1, wrong))


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_are_compared_with_what_is_beyond_their_range(name: str) -> None:
    """As Python's numbers are. torch takes the remainder by the range first."""
    info = np.iinfo(name)
    values = [int(info.min), 0, 1, int(info.max)]
    x = minigrad.tensor(values, dtype=getattr(minigrad, name))
    for n in (-(2**70), info.min - 1, info.min, 0, 255, 256, info.max, info.max + 1, info.max + 2, 2**70):
        for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
            assert compare(x, int(n)).tolist() == [compare(value, int(n)) for value in values], (compare, n)
