"""Recurrent networks and cells against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from tests.nn.parity import agree, close, draw

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
    mine, theirs = build(nn).double().eval(), build(torch.nn).double().eval()
    theirs.load_state_dict({key: torch.from_numpy(t.numpy().copy()) for key, t in mine.state_dict().items()})
    return mine, theirs


def flat(result: Any) -> list[Any]:
    return [t for part in result for t in flat(part)] if isinstance(result, tuple) else [result]


def joined(lib: Any, result: Any) -> Any:
    return lib.cat([t.reshape(-1) for t in flat(result)])


@pytest.mark.parametrize("name", [*NETWORKS, *CELLS])
def test_text_and_state(name: str) -> None:
    build = (NETWORKS | CELLS)[name]
    mine, theirs = build(nn), build(torch.nn)
    assert repr(mine) == repr(theirs)
    assert [(k, tuple(t.shape)) for k, t in mine.state_dict().items()] == [
        (k, tuple(t.shape)) for k, t in theirs.state_dict().items()
    ]
    values = np.concatenate([p.detach().numpy().ravel() for p in mine.parameters()])
    assert 0.45 < np.abs(values).max() <= 0.5


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 3), (1, 1, 3)])
def test_networks(name: str, shape: tuple[int, ...]) -> None:
    mine, theirs = pair(NETWORKS[name])
    ours, yours = mine(minigrad.tensor(draw(*shape))), theirs(torch.tensor(draw(*shape)))
    for a, b in zip(flat(ours), flat(yours), strict=True):
        close(a, b)
    agree(lambda x: joined(minigrad, mine(x)), lambda x: joined(torch, theirs(x)), draw(*shape))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_with_a_state(name: str) -> None:
    mine, theirs = pair(NETWORKS[name])
    rows = mine.num_layers * (2 if mine.bidirectional else 1)
    h, c = draw(rows, 2 if not mine.batch_first else 5, 4), draw(rows, 2 if not mine.batch_first else 5, 4, seed=1)
    if "LSTM" in name:
        agree(
            lambda x, h, c: joined(minigrad, mine(x, (h, c))),
            lambda x, h, c: joined(torch, theirs(x, (h, c))),
            draw(5, 2, 3),
            h,
            c,
        )
    else:
        agree(lambda x, h: joined(minigrad, mine(x, h)), lambda x, h: joined(torch, theirs(x, h)), draw(5, 2, 3), h)


@pytest.mark.parametrize("name", [*NETWORKS, *CELLS])
def test_gradients_of_the_parameters(name: str) -> None:
    mine, theirs = pair((NETWORKS | CELLS)[name])
    x = draw(5, 2, 3) if name in NETWORKS else draw(5, 3)
    joined(minigrad, mine(minigrad.tensor(x))).square().sum().backward()
    joined(torch, theirs(torch.tensor(x))).square().sum().backward()
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("batch", [(2,), ()])
def test_cells(name: str, batch: tuple[int, ...]) -> None:
    mine, theirs = pair(CELLS[name])
    agree(lambda x: joined(minigrad, mine(x)), lambda x: joined(torch, theirs(x)), draw(*batch, 3))
    states = [draw(*batch, 4, seed=k) for k in range(mine.num_states)]
    agree(
        lambda x, *s: joined(minigrad, mine(x, s if len(s) > 1 else s[0])),
        lambda x, *s: joined(torch, theirs(x, s if len(s) > 1 else s[0])),
        draw(*batch, 3),
        *states,
    )


def test_dropout_between_the_layers_in_training() -> None:
    layer = nn.LSTM(3, 4, 2, dropout=0.5)
    x = minigrad.ones(5, 2, 3)
    assert layer(x)[0].tolist() != layer(x)[0].tolist()
    layer.eval()
    assert layer(x)[0].tolist() == layer(x)[0].tolist()


WRONG: dict[str, Any] = {
    "hidden_size": lambda lib: lib.nn.LSTM(3, 0),
    "num_layers": lambda lib: lib.nn.GRU(3, 4, 0),
    "dropout": lambda lib: lib.nn.GRU(3, 4, 2, dropout=2.0),
    "nonlinearity": lambda lib: lib.nn.RNN(3, 4, nonlinearity="sin"),
    "axes": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(3)),
    "width": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(5, 2)),
    "state": lambda lib: lib.nn.GRU(3, 4)(lib.ones(5, 2, 3), lib.ones(1, 3, 4)),
    "axes of a cell": lambda lib: lib.nn.LSTMCell(3, 4)(lib.ones(1, 1, 1, 3)),
    "state of a cell": lambda lib: lib.nn.GRUCell(3, 4)(lib.ones(2, 3), lib.ones(3, 4)),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_are_of_the_types_of_torch(what: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        WRONG[what](torch)
    with pytest.raises(theirs.type):
        WRONG[what](minigrad)
