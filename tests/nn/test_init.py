"""Initialization: distributions, generators, and torch's bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.nn import init
from tests.reference import torch

SHAPES = [(200, 100), (60, 20, 5), (40, 30, 3, 3)]


def initialized(f: Any, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
    generator = minigrad.Generator().manual_seed(0)
    t = minigrad.empty(*shape)
    assert f(t, *args, generator=generator, **kwargs) is t
    return np.array(t.numpy())


RANDOM: dict[str, dict[str, Any]] = {
    "uniform_": {"a": -3.0, "b": 1.0},
    "normal_": {"mean": 1.0, "std": 0.3},
    "trunc_normal_": {"mean": 0.5, "std": 1.0, "a": -1.0, "b": 1.0},
    "xavier_uniform_": {"gain": 1.7},
    "xavier_normal_": {"gain": 1.7},
    "kaiming_uniform_": {"a": 0.3, "mode": "fan_out"},
    "kaiming_normal_": {"nonlinearity": "relu"},
}


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_distribution_is_that_of_torch(name: str, shape: tuple[int, ...]) -> None:
    ours = initialized(getattr(init, name), shape, **RANDOM[name])
    reference = torch.empty(*shape)
    getattr(torch.nn.init, name)(reference, generator=torch.Generator().manual_seed(0), **RANDOM[name])
    scale = float(reference.std())
    np.testing.assert_allclose(ours.std(), scale, rtol=0.05)
    assert abs(ours.mean() - float(reference.mean())) < 0.06 * scale
    if "normal" not in name or "trunc" in name:
        # Both reach close to the same bounds, and not beyond.
        np.testing.assert_allclose(ours.max(), float(reference.max()), atol=0.02 * scale)
        np.testing.assert_allclose(ours.min(), float(reference.min()), atol=0.02 * scale)


@pytest.mark.parametrize("shape", SHAPES)
def test_bounds(shape: tuple[int, ...]) -> None:
    fan_in, fan_out = math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    assert np.abs(initialized(init.kaiming_uniform_, shape, a=math.sqrt(5))).max() <= 1 / math.sqrt(fan_in) * (1 + 1e-6)
    assert np.abs(initialized(init.xavier_uniform_, shape)).max() <= math.sqrt(6 / (fan_in + fan_out)) * (1 + 1e-6)
    np.testing.assert_allclose(initialized(init.kaiming_normal_, shape).std(), math.sqrt(2 / fan_in), rtol=0.05)
    np.testing.assert_allclose(initialized(init.xavier_normal_, shape).std(), math.sqrt(2 / (fan_in + fan_out)), rtol=0.05)


@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_come_from_the_given_or_the_default_generator(name: str) -> None:
    f, options = getattr(init, name), RANDOM[name]
    first, second = initialized(f, (4, 5), **options), initialized(f, (4, 5), **options)
    assert (first == second).all()
    values = []
    for seed in (3, 3, 4):
        minigrad.manual_seed(seed)
        values.append(f(minigrad.empty(4, 5), **options).tolist())
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (6, 3), (3, 6)])
def test_orthogonal(rows: int, columns: int) -> None:
    q = initialized(init.orthogonal_, (rows, columns), gain=2.0).astype(np.float64)
    product = q.T @ q if rows >= columns else q @ q.T
    np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-5)
    many = [np.linalg.det(random_orthogonal(seed)) for seed in range(40)]
    assert min(many) < 0 < max(many)  # both orientations occur


def random_orthogonal(seed: int) -> np.ndarray[Any, Any]:
    return init.orthogonal_(minigrad.empty(3, 3), generator=minigrad.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize("name", ["zeros_", "ones_", "eye_"])
def test_constants(name: str) -> None:
    ours, reference = minigrad.empty(3, 4), torch.empty(3, 4)
    assert getattr(init, name)(ours) is ours
    assert ours.tolist() == getattr(torch.nn.init, name)(reference).tolist()
    assert init.constant_(ours, 0.5).tolist() == torch.nn.init.constant_(reference, 0.5).tolist()


def test_a_parameter_is_written_in_place_and_not_recorded() -> None:
    p = minigrad.nn.Parameter(minigrad.ones(2, 2, dtype=minigrad.float64))
    memory = p.detach()
    for f in (init.zeros_, init.normal_, init.xavier_uniform_, init.orthogonal_, init.eye_):
        assert f(p) is p
        assert p.is_leaf
        assert p.requires_grad
        assert p.dtype is minigrad.float64
        assert memory.tolist() == p.tolist()


def test_a_write_is_noticed_before_backward() -> None:
    p = minigrad.nn.Parameter(minigrad.ones(2, 2))
    y = (p * p).sum()
    init.zeros_(p)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


NONLINEARITIES = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_gain(nonlinearity: str) -> None:
    reference: Any = torch.nn.init.calculate_gain
    assert init.calculate_gain(nonlinearity) == reference(nonlinearity)


def test_gain_of_a_slope() -> None:
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    assert init.calculate_gain("leaky_relu", 0) == torch.nn.init.calculate_gain("leaky_relu", 0)


MISTAKES: dict[str, Any] = {
    "unknown nonlinearity": lambda init, t: init.calculate_gain("softmax"),
    "slope": lambda init, t: init.calculate_gain("leaky_relu", "steep"),
    "boolean slope": lambda init, t: init.calculate_gain("leaky_relu", True),
    "vector xavier": lambda init, t: init.xavier_uniform_(t[0]),
    "vector kaiming": lambda init, t: init.kaiming_normal_(t[0]),
    "vector eye": lambda init, t: init.eye_(t[0]),
    "vector orthogonal": lambda init, t: init.orthogonal_(t[0]),
    "mode": lambda init, t: init.kaiming_uniform_(t, mode="fan"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_errors_are_those_of_torch(what: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        MISTAKES[what](torch.nn.init, torch.zeros(2, 2))
    with pytest.raises(reference.type) as ours:
        MISTAKES[what](init, minigrad.zeros(2, 2))
    assert str(ours.value) == str(reference.value)


def test_trunc_normal_of_an_interval_far_out() -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        init.trunc_normal_(minigrad.empty(2), a=1.0, b=-1.0)
    with pytest.raises(ValueError, match="cannot draw"):
        init.trunc_normal_(minigrad.empty(2), a=8.0, b=9.0)


def test_an_empty_tensor_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(minigrad.empty(0, 3))
