"""Recurrent networks and cells against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import assert_close, assert_same_in_both, uniform
from tests.reference import torch

NETWORKS: dict[str, Any] = {
    "RNN": lambda nn: nn.RNN(3, 4),
    "RNN relu": lambda nn: nn.RNN(3, 4, 2, nonlinearity="relu"),
    "LSTM": lambda nn: nn.LSTM(3, 4),
    "LSTM of two layers": lambda nn: nn.LSTM(3, 4, num_layers=2, bias=False),
    "LSTM in both directions": lambda nn: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
    "LSTM dropout 0.5": lambda nn: nn.LSTM(3, 4, 2, dropout=0.5),
    "GRU": lambda nn: nn.GRU(3, 4),
    "GRU in both directions": lambda nn: nn.GRU(3, 4, 2, bidirectional=True),
    "GRU batch first": lambda nn: nn.GRU(3, 4, batch_first=True),
}
CELLS: dict[str, Any] = {
    "RNNCell": lambda nn: nn.RNNCell(3, 4),
    "RNNCell relu": lambda nn: nn.RNNCell(3, 4, nonlinearity="relu"),
    "LSTMCell": lambda nn: nn.LSTMCell(3, 4),
    "LSTMCell without bias": lambda nn: nn.LSTMCell(3, 4, bias=False),
    "GRUCell": lambda nn: nn.GRUCell(3, 4),
}


def pair(build: Any) -> tuple[Any, Any]:
    """Return the module in both libraries, in float64, with minigrad's state, in evaluation mode."""
    ours, reference = build(nn).double().eval(), build(torch.nn).double().eval()
    reference.load_state_dict({key: torch.from_numpy(t.numpy().copy()) for key, t in ours.state_dict().items()})
    return ours, reference


def flat(result: Any) -> list[Any]:
    return [t for part in result for t in flat(part)] if isinstance(result, tuple) else [result]


def concatenate(lib: Any, result: Any) -> Any:
    return lib.cat([t.reshape(-1) for t in flat(result)])


@pytest.mark.parametrize("name", [*NETWORKS, *CELLS])
def test_repr_and_state(name: str) -> None:
    build = (NETWORKS | CELLS)[name]
    ours, reference = build(nn), build(torch.nn)
    assert repr(ours) == repr(reference)
    assert [(k, tuple(t.shape)) for k, t in ours.state_dict().items()] == [
        (k, tuple(t.shape)) for k, t in reference.state_dict().items()
    ]
    values = np.concatenate([p.detach().numpy().ravel() for p in ours.parameters()])
    assert 0.45 < np.abs(values).max() <= 0.5


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 3), (1, 1, 3)])
def test_networks(name: str, shape: tuple[int, ...]) -> None:
    ours, reference = pair(NETWORKS[name])
    our_values, reference_values = ours(minigrad.tensor(uniform(*shape))), reference(torch.tensor(uniform(*shape)))
    for a, b in zip(flat(our_values), flat(reference_values), strict=True):
        assert_close(a, b)
    assert_same_in_both(lambda x: concatenate(minigrad, ours(x)), lambda x: concatenate(torch, reference(x)), uniform(*shape))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_with_a_state(name: str) -> None:
    ours, reference = pair(NETWORKS[name])
    rows = ours.num_layers * (2 if ours.bidirectional else 1)
    h, c = uniform(rows, 2 if not ours.batch_first else 5, 4), uniform(rows, 2 if not ours.batch_first else 5, 4, seed=1)
    if "LSTM" in name:
        assert_same_in_both(
            lambda x, h, c: concatenate(minigrad, ours(x, (h, c))),
            lambda x, h, c: concatenate(torch, reference(x, (h, c))),
            uniform(5, 2, 3),
            h,
            c,
        )
    else:
        assert_same_in_both(
            lambda x, h: concatenate(minigrad, ours(x, h)),
            lambda x, h: concatenate(torch, reference(x, h)),
            uniform(5, 2, 3),
            h,
        )


@pytest.mark.parametrize("name", [*NETWORKS, *CELLS])
def test_gradients_of_the_parameters(name: str) -> None:
    ours, reference = pair((NETWORKS | CELLS)[name])
    x = uniform(5, 2, 3) if name in NETWORKS else uniform(5, 3)
    concatenate(minigrad, ours(minigrad.tensor(x))).square().sum().backward()
    concatenate(torch, reference(torch.tensor(x))).square().sum().backward()
    for p, q in zip(ours.parameters(), reference.parameters(), strict=True):
        assert_close(p.grad, q.grad)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("batch", [(2,), ()])
def test_cells(name: str, batch: tuple[int, ...]) -> None:
    ours, reference = pair(CELLS[name])
    assert_same_in_both(
        lambda x: concatenate(minigrad, ours(x)), lambda x: concatenate(torch, reference(x)), uniform(*batch, 3)
    )
    states = [uniform(*batch, 4, seed=k) for k in range(ours.num_states)]
    assert_same_in_both(
        lambda x, *s: concatenate(minigrad, ours(x, s if len(s) > 1 else s[0])),
        lambda x, *s: concatenate(torch, reference(x, s if len(s) > 1 else s[0])),
        uniform(*batch, 3),
        *states,
    )


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_dropout_leaves_the_input_and_the_result_alone(name: str) -> None:
    """With probability 1 the second layer sees zeros, and the first one its whole input."""
    layer = getattr(nn, name)(3, 4, 2, dropout=1.0)
    first, second = (layer(minigrad.tensor(uniform(5, 2, 3, seed=k), dtype=minigrad.float32)) for k in (0, 1))
    assert first[0].tolist() == second[0].tolist() != minigrad.zeros(5, 2, 4).tolist()
    for a, b in zip(flat(first[1]), flat(second[1]), strict=True):
        assert a[0].tolist() != b[0].tolist()
        assert a[1].tolist() == b[1].tolist()


def test_dropout_between_the_layers_in_training() -> None:
    layer = nn.LSTM(3, 4, 2, dropout=0.5)
    x = minigrad.ones(5, 2, 3)
    assert layer(x)[0].tolist() != layer(x)[0].tolist()
    layer.eval()
    assert layer(x)[0].tolist() == layer(x)[0].tolist()


MISTAKES: dict[str, Any] = {
    "hidden_size": lambda lib: lib.nn.LSTM(3, 0),
    "num_layers": lambda lib: lib.nn.GRU(3, 4, 0),
    "dropout": lambda lib: lib.nn.GRU(3, 4, 2, dropout=2.0),
    "nonlinearity": lambda lib: lib.nn.RNN(3, 4, nonlinearity="sin"),
    "axes": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(3)),
    "width": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(5, 2)),
    "length": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(0, 2, 3)),
    "state": lambda lib: lib.nn.GRU(3, 4)(lib.ones(5, 2, 3), lib.ones(1, 3, 4)),
    "axes of a cell": lambda lib: lib.nn.LSTMCell(3, 4)(lib.ones(1, 1, 1, 3)),
    "state of a cell": lambda lib: lib.nn.GRUCell(3, 4)(lib.ones(2, 3), lib.ones(3, 4)),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_errors_are_of_the_types_of_torch(what: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        MISTAKES[what](torch)
    with pytest.raises(reference.type):
        MISTAKES[what](minigrad)


@pytest.mark.parametrize("name", [*NETWORKS, "LSTMCell", "GRUCell"])
def test_results_may_be_overwritten_before_backward(name: str) -> None:
    layer = (NETWORKS | CELLS)[name](nn).double().eval()
    x = minigrad.tensor(uniform(2, 3) if name in CELLS else uniform(4, 2, 3), requires_grad=True)
    gradients: list[Any] = []
    for in_place in (False, True):
        x.grad = None
        doubled = tuple(t.mul_(2) if in_place else t * 2 for t in flat(layer(x)))
        concatenate(minigrad, doubled).sum().backward()
        assert x.grad is not None
        gradients.append(x.grad.numpy().copy())
    np.testing.assert_allclose(*gradients)
