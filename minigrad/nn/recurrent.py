"""Recurrent networks: a state that is carried from one position of a sequence to the next.

A *step* is the formula of one kind of network: from the part that comes from the input, W_ih x + b_ih, and the state it
gives the next state. The states and gates are those of torch; * is element by element and s the sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import dtypes
from minigrad.combining import cat, stack
from minigrad.creation import Options, empty, zeros
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.functional.dropout import check_probability
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor

State = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor | None]
Step = Callable[[Tensor, State, Weights], State]


def rnn_step(activation: Callable[[Tensor], Tensor]) -> Step:
    """Return the step h' = activation(W_ih x + b_ih + W_hh h + b_hh). Elman 1990."""

    def step(from_input: Tensor, state: State, weights: Weights) -> State:
        return (activation(from_input + F.linear(state[0], *weights)),)

    return step


def lstm_step(from_input: Tensor, state: State, weights: Weights) -> State:
    """Return h' = o * tanh(c') and c' = f * c + i * g, with i, f, o = s(...) and g = tanh(...).

    Each (...) is a quarter of W_ih x + b_ih + W_hh h + b_hh, in the order i, f, g, o. Hochreiter and Schmidhuber 1997.
    """
    h, c = state
    i, f, g, o = (from_input + F.linear(h, *weights)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(from_input: Tensor, state: State, weights: Weights) -> State:
    """Return h' = (1 - z) * n + z * h, with r, z = s(...) and n = tanh(W_in x + b_in + r * (W_hn h + b_hn)).

    Each (...) is a third of W_ih x + b_ih + W_hh h + b_hh, in the order r, z, n. Cho et al. 2014,
    https://arxiv.org/abs/1406.1078.
    """
    (h,) = state
    x_r, x_z, x_n = from_input.chunk(3, -1)
    h_r, h_z, h_n = F.linear(h, *weights).chunk(3, -1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (n + z * (h - n),)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": Tensor.tanh, "relu": Tensor.relu}


def _activation(nonlinearity: str) -> Callable[[Tensor], Tensor]:
    if nonlinearity not in ACTIVATIONS:
        raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
    return ACTIVATIONS[nonlinearity]


class _Weighted(Module):
    """What cells and networks have in common: weights for each gate, in one matrix for the input and one for the state.

    Attributes:
        gates: How many times hidden_size rows the matrices have.
        step: The formula.
        parts: How many tensors a state is: h, or h and c.
    """

    gates = 1
    parts = 1
    step: Step

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias

    def _add_weights(self, suffix: str, input_size: int, options: Options) -> None:
        rows = self.gates * self.hidden_size
        self.register_parameter(f"weight_ih{suffix}", Parameter(empty(rows, input_size, **options)))
        self.register_parameter(f"weight_hh{suffix}", Parameter(empty(rows, self.hidden_size, **options)))
        if self.bias:
            self.register_parameter(f"bias_ih{suffix}", Parameter(empty(rows, **options)))
            self.register_parameter(f"bias_hh{suffix}", Parameter(empty(rows, **options)))

    def _weights(self, side: str, suffix: str) -> Weights:
        members = self.__dict__
        return members[f"weight_{side}{suffix}"], members[f"bias_{side}{suffix}"] if self.bias else None

    def reset_parameters(self) -> None:
        """Draw the parameters anew from U(-k, k), k = 1 / sqrt(hidden_size)."""
        k = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -k, k)

    def _given(self, state: Any, shape: tuple[int, ...], like: Tensor) -> State:
        """Return the state as a tuple of tensors; zeros if there is none.

        Raises:
            RuntimeError: It is of another shape.
        """
        if state is None:
            return (zeros(shape, dtype=like.dtype),) * self.parts
        tensors = state if self.parts > 1 else (state,)
        for t in tensors:
            if t.shape != shape:
                raise RuntimeError(f"Expected hidden size {shape}, got {list(t.shape)}")
        return tuple(tensors)

    def _packed(self, state: State) -> Any:
        """Return a state as users see it: one tensor, or a tuple of several."""
        return state if self.parts > 1 else state[0]


# ---------------------------------------------------------------------------------------------------------- cells


class Cell(_Weighted):
    """What the cells have in common: one step.

    Attributes:
        weight_ih: Of shape (gates * hidden_size, input_size), drawn from U(-k, k), k = 1 / sqrt(hidden_size).
        weight_hh: Of shape (gates * hidden_size, hidden_size), from the same distribution.
        bias_ih: Of shape (gates * hidden_size,), from the same distribution; absent with ``bias=False``.
        bias_hh: The same.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self._add_weights("", input_size, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, x: Tensor, state: Any = None) -> Any:
        """Return the next state; without a state, it follows zeros.

        Raises:
            ValueError: x has neither one axis nor two.
            RuntimeError: A size does not fit.
        """
        if x.ndim not in (1, 2):
            raise ValueError(f"{self._get_name()}: Expected input to be 1D or 2D, got {x.ndim}D instead")
        before = self._given(state, (*x.shape[:-1], self.hidden_size), x)
        return self._packed(self.step(F.linear(x, *self._weights("ih", "")), before, self._weights("hh", "")))

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the usual ones."""
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu in place of tanh.

    Shape:
        x (N, input_size) or (input_size,), h (N, hidden_size) or (hidden_size,) -> like h.

    Attributes are those of `Cell`, with 1 gate.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        self.step = rnn_step(_activation(nonlinearity))

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the usual ones."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(Cell):
    """h' = o * tanh(c'), c' = f * c + i * g; see `lstm_step`.

    Shape:
        x (N, input_size) or (input_size,), state (h, c), each (N, hidden_size) or (hidden_size,) -> (h', c').

    Attributes are those of `Cell`, with 4 gates.
    """

    gates = 4
    parts = 2
    step = staticmethod(lstm_step)


class GRUCell(Cell):
    """h' = (1 - z) * n + z * h; see `gru_step`.

    Shape:
        x (N, input_size) or (input_size,), h (N, hidden_size) or (hidden_size,) -> like h.

    Attributes are those of `Cell`, with 3 gates.
    """

    gates = 3
    step = staticmethod(gru_step)


# ------------------------------------------------------------------------------------------------------- networks


class Recurrent(_Weighted):
    """What the networks have in common: layers of cells along a sequence, in one direction or in both.

    Attributes:
        weight_ih_l{k}: Of shape (gates * hidden_size, input size of layer k), drawn from U(-1/√hidden_size, 1/√hidden_size).
        weight_hh_l{k}: Of shape (gates * hidden_size, hidden_size), from the same distribution.
        bias_ih_l{k}: Of shape (gates * hidden_size,), from the same distribution; absent with ``bias=False``.
        bias_hh_l{k}: The same. For the way back the names end in ``_reverse``.

    Raises:
        ValueError: A size or the dropout probability is out of range.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        check_probability(dropout)
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self._ways = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            for way in self._ways:
                size = hidden_size * len(self._ways) if layer else input_size
                self._add_weights(f"_l{layer}{way}", size, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the top layer's h at every position, and the last state of every layer and direction.

        Raises:
            ValueError: x has neither two axes nor three.
            RuntimeError: A size does not fit.
        """
        if x.ndim not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {x.ndim}D instead")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}")
        by_batch = x.ndim == 3 and self.batch_first
        sequence = x.transpose(0, 1) if by_batch else x
        rows = self.num_layers * len(self._ways)
        first = self._given(state, (rows, *sequence.shape[1:-1], self.hidden_size), x)
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.training:
                sequence = F.dropout(sequence, self.dropout)
            runs = []
            for way in self._ways:
                start = tuple(part[len(last)] for part in first)
                run, end = self._run(sequence, start, f"_l{layer}{way}", backwards=bool(way))
                runs.append(run)
                last.append(end)
            sequence = cat(runs, -1) if len(runs) > 1 else runs[0]
        ends = tuple(stack(part) for part in zip(*last, strict=True))
        return sequence.transpose(0, 1) if by_batch else sequence, self._packed(ends)

    def _run(self, sequence: Tensor, state: State, suffix: str, backwards: bool) -> tuple[Tensor, State]:
        """Return h at every position of the sequence, and the state at its end."""
        weights = self._weights("hh", suffix)
        from_input = F.linear(sequence, *self._weights("ih", suffix)).unbind(0)
        outputs = []
        for part in reversed(from_input) if backwards else from_input:
            state = self.step(part, state, weights)
            outputs.append(state[0])
        return stack(outputs[::-1] if backwards else outputs), state

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the usual ones."""
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        options = [f", {name}={self.__dict__[name]}" for name, value in usual.items() if self.__dict__[name] != value]
        return f"{self.input_size}, {self.hidden_size}{''.join(options)}"


class RNN(Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) along a sequence, or with relu in place of tanh.

    Shape:
        x (L, N, input_size), with batch_first (N, L, input_size), or (L, input_size); h (D num_layers, N, hidden_size),
        D = 2 if bidirectional -> output (L, N, D hidden_size), and the last h of every layer.

    Attributes are those of `Recurrent`, with 1 gate.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        self.nonlinearity = nonlinearity
        self.step = rnn_step(_activation(nonlinearity))


class LSTM(Recurrent):
    """h' = o * tanh(c'), c' = f * c + i * g along a sequence; see `lstm_step`.

    Shape:
        x (L, N, input_size), with batch_first (N, L, input_size), or (L, input_size); state (h, c), each
        (D num_layers, N, hidden_size), D = 2 if bidirectional -> output (L, N, D hidden_size), and the last (h, c) of every
        layer.

    Attributes are those of `Recurrent`, with 4 gates.
    """

    gates = 4
    parts = 2
    step = staticmethod(lstm_step)


class GRU(Recurrent):
    """h' = (1 - z) * n + z * h along a sequence; see `gru_step`.

    Shape:
        x (L, N, input_size), with batch_first (N, L, input_size), or (L, input_size); h (D num_layers, N, hidden_size),
        D = 2 if bidirectional -> output (L, N, D hidden_size), and the last h of every layer.

    Attributes are those of `Recurrent`, with 3 gates.
    """

    gates = 3
    step = staticmethod(gru_step)
