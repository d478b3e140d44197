"""The argument `out` of functions, and other ways in which programs call them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Generator
from tests.reference import torch

LIBRARIES: list[Any] = [minigrad, torch]
CALLS: dict[str, Callable[..., Any]] = {
    "exp": lambda lib, x, out: lib.exp(x, out=out),
    "add": lambda lib, x, out: lib.add(x, 2, alpha=3, out=out),
    "mul": lambda lib, x, out: lib.mul(x, x, out=out),
    "matmul": lambda lib, x, out: lib.matmul(x, x, out=out),
    "sum": lambda lib, x, out: lib.sum(x, 0, out=out),
    "cumsum": lambda lib, x, out: lib.cumsum(x, 0, out=out),
    "clamp": lambda lib, x, out: lib.clamp(x, 0, 1, out=out),
    "eq": lambda lib, x, out: lib.eq(x, x, out=out),
    "argmax": lambda lib, x, out: lib.argmax(x, 0, out=out),
    "gather": lambda lib, x, out: lib.gather(x, 0, (x * 0).long(), out=out),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(2, 2), (2,), (0,), (5,)])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized:UserWarning")
def test_out_is_written_as_in_torch(name: str, shape: tuple[int, ...], dtype: str) -> None:
    """The same values, shape and dtype, or refused by both; torch refuses some pairs of dtypes that could be cast, and sums
    in the dtype of an integer `out`, which is refused here.
    """
    outcomes: list[Any] = []
    for lib in LIBRARIES:
        out = lib.zeros(shape, dtype=getattr(lib, dtype))
        try:
            result = CALLS[name](lib, lib.tensor([[1.0, -2.0], [0.5, 0.25]]), out)
            assert result is out
            outcomes.append((tuple(out.shape), str(out.dtype).split(".")[1], out.tolist()))
        except RuntimeError:
            assert lib is torch or not out.any()
            outcomes.append(None)
    if outcomes[1] is not None and not (name in {"sum", "cumsum"} and outcomes[0] is None):
        assert outcomes[0][:2] == outcomes[1][:2]
        np.testing.assert_allclose(outcomes[0][2], outcomes[1][2], rtol=1e-6)


def test_out_of_several_results() -> None:
    values, indices = minigrad.zeros(2), minigrad.zeros(2, dtype=minigrad.int64)
    result = minigrad.max(minigrad.tensor([[1.0, 5.0], [4.0, 2.0]]), 0, out=(values, indices))
    assert result.values is values
    assert (values.tolist(), indices.tolist()) == ([4, 5], [1, 0])


def test_out_and_gradients_exclude_each_other() -> None:
    for lib in LIBRARIES:
        x = lib.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="out="):
            lib.exp(x, out=lib.zeros(2))
        with pytest.raises(RuntimeError, match="out="):
            lib.exp(lib.ones(2), out=x)
        with lib.no_grad():
            out = lib.zeros(2)
            assert lib.exp(x, out=out) is out
        with pytest.raises(TypeError):
            lib.exp(lib.ones(2), out=3)


def test_a_resized_out_is_told() -> None:
    for lib in LIBRARIES:
        with pytest.warns(UserWarning, match="resized"):
            lib.exp(lib.ones(2), out=lib.zeros(3))


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_the_size_by_name(name: str) -> None:
    for lib in LIBRARIES:
        assert tuple(getattr(lib, name)(size=(2, 3), dtype=lib.float64).shape) == (2, 3)
    with pytest.raises(TypeError):
        getattr(minigrad, name)(2, size=(2, 3))
    with pytest.raises(TypeError):
        minigrad.eye(2, size=(2, 3))  # type: ignore[call-arg]


def test_the_forms_of_randint() -> None:
    for lib in LIBRARIES:
        forms = [
            lib.randint(5, (40,)), lib.randint(5, size=(40,)), lib.randint(high=5, size=(40,)), lib.randint(0, 5, (40,)),
            lib.randint(0, 5, size=(40,)), lib.randint(low=0, high=5, size=(40,)),
        ]  # fmt: skip
        for drawn in forms:
            assert drawn.dtype == lib.int64
            assert set(drawn.tolist()) <= set(range(5))
        with pytest.raises(TypeError):
            lib.randint(5)


def test_the_state_of_a_generator_is_taken_and_put_back() -> None:
    generator = Generator().manual_seed(7)
    minigrad.rand(3, generator=generator)
    state = generator.get_state()
    first = minigrad.randn(5, generator=generator).tolist()
    other = Generator()
    other.set_state(copy.deepcopy(state))
    assert minigrad.randn(5, generator=other).tolist() == first
    assert other.initial_seed() == 7
    with pytest.raises(TypeError, match="get_state"):
        generator.set_state([1, 2])
    before = minigrad.get_rng_state()
    drawn = minigrad.rand(4).tolist()
    minigrad.set_rng_state(before)
    assert minigrad.rand(4).tolist() == drawn


def test_copies_of_tensors_are_those_of_torch() -> None:
    """copy.copy shares memory and history; deepcopy and pickle of a result are refused, or leave its history behind."""
    for lib in LIBRARIES:
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        with pytest.raises(RuntimeError):
            copy.deepcopy(y)
        shallow = copy.copy(x)
        assert shallow.requires_grad
        assert shallow.is_leaf
        with lib.no_grad():
            shallow.fill_(5)
        assert x.tolist() == [5, 5]
        loaded = pickle.loads(pickle.dumps(x))
        assert loaded.requires_grad
        assert loaded.is_leaf


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_plot_of_a_tensor_that_requires_a_gradient_says_what_to_do() -> None:
    for lib in LIBRARIES:
        x = lib.ones(3, requires_grad=True)
        for f in (np.asarray, np.array, lambda t: np.add(np.ones(3), np.asarray(t))):
            with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\)"):
                f(x)


@pytest.mark.parametrize("materialize", [True, False])
def test_gradients_that_are_not_there_are_zeros_or_none(materialize: bool) -> None:
    seen: list[Any] = []
    for lib in LIBRARIES:

        class Two(lib.autograd.Function):  # type: ignore[misc,name-defined]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(materialize)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                seen.append([None if g is None else g.tolist() for g in grads])
                return sum(g for g in grads if g is not None)

        x = lib.ones(2, requires_grad=True)
        Two.apply(x)[1].sum().backward()
        seen.append(x.grad.tolist())
    assert seen[:2] == seen[2:]


def test_a_function_that_makes_no_new_tensor_takes_no_out() -> None:
    with pytest.raises(TypeError, match="'out'"):
        minigrad.flatten(minigrad.ones(2, 2), out=minigrad.zeros(4))  # type: ignore[call-arg]
