"""Recurrent networks: a state h that is updated at each position of a sequence.

A *transition* is the formula of one kind of network: it computes the next state from the state and from W_ih x + b_ih, the
projection of the input. States and gates are those of torch. In the formulas, s is the sigmoid, and * is element by element.
"""

import math
from collections.abc import Callable
from typing import Any

from minigrad import dtypes
from minigrad.combining import cat, stack
from minigrad.creation import Options, empty, zeros
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.container import check_num_layers
from minigrad.nn.functional.dropout import check_probability
from minigrad.nn.module import Module, Parameter
from minigrad.ops import neural
from minigrad.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor | None]
Transition = Callable[[Tensor, State, Weights], State]


def rnn_transition(activation: Callable[[Tensor], Tensor]) -> Transition:
    """Return the transition h' = activation(W_ih x + b_ih + W_hh h + b_hh). Elman 1990."""

    def transition(input_projection: Tensor, state: State, weights: Weights) -> State:
        return (activation(input_projection + F.linear(state[0], *weights)),)

    return transition


def lstm_transition(input_projection: Tensor, state: State, weights: Weights) -> State:
    """Return h' = o * tanh(c') and c' = f * c + i * g, with i, f, o = s(...) and g = tanh(...).

    Each (...) is a quarter of W_ih x + b_ih + W_hh h + b_hh, in the order i, f, g, o. Hochreiter and Schmidhuber 1997.
    """
    states = lstm_states(input_projection.unsqueeze(0), state, weights)
    return states[:, 1].clone().unbind(0)


def lstm_states(input_projections: Tensor, state: State, weights: Weights) -> Tensor:
    """Return h and c along a sequence, with the given state in front. It is saved for backward: give copies to users."""
    weight, bias = weights
    p = input_projections if bias is None else input_projections + bias
    states: Tensor = neural.lstm(p, weight, *state)
    return states


def gru_transition(input_projection: Tensor, state: State, weights: Weights) -> State:
    """Return h' = (1 - z) * n + z * h, with r, z = s(...) and n = tanh(W_in x + b_in + r * (W_hn h + b_hn)).

    Each (...) is a third of W_ih x + b_ih + W_hh h + b_hh, in the order r, z, n. Cho et al. 2014,
    https://arxiv.org/abs/1406.1078.
    """
    (h,) = state
    x_r, x_z, x_n = input_projection.chunk(3, -1)
    h_r, h_z, h_n = F.linear(h, *weights).chunk(3, -1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (n + z * (h - n),)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": Tensor.tanh, "relu": Tensor.relu}


def _activation(nonlinearity: str) -> Callable[[Tensor], Tensor]:
    if nonlinearity not in ACTIVATIONS:
        raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
    return ACTIVATIONS[nonlinearity]


class _RecurrentModule(Module):
    """Common base of cells and networks: one weight matrix for the input and one for the state, with rows for each gate.

    Attributes:
        gates: The number of gates; the matrices have gates * hidden_size rows.
        num_states: How many tensors a state is: 1 for h, 2 for h and c.
        transition: The formula.
    """

    gates = 1
    num_states = 1
    transition: Transition

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
        """Draw all parameters from U(-k, k), k = 1 / sqrt(hidden_size)."""
        k = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -k, k)

    def _check_state(self, state: Any, shape: tuple[int, ...], like: Tensor) -> State:
        """Return the initial state as a tuple of tensors; zeros if it is None.

        Raises:
            TypeError: It is a tuple and should be a tensor, or the other way round.
            RuntimeError: It has another shape.
        """
        if state is None:
            return (zeros(shape, dtype=like.dtype),) * self.num_states
        tensors = tuple(state) if self.num_states > 1 else (state,)
        if len(tensors) != self.num_states or not all(isinstance(t, Tensor) for t in tensors):
            raise TypeError(
                f"{self._get_name()}: hx must be {'(h, c), two tensors' if self.num_states > 1 else 'one tensor'}"
            )
        for t in tensors:
            if t.shape != shape:
                raise RuntimeError(f"Expected hidden size {shape}, got {list(t.shape)}, for the input {list(like.shape)}")
        return tensors

    def _unwrap_state(self, state: State) -> Any:
        """Return a state as users see it: one tensor, or a tuple of several."""
        return state if self.num_states > 1 else state[0]


# ---------------------------------------------------------------------------------------------------------- cells


class RNNCellBase(_RecurrentModule):
    """Base class of the cells, which apply one transition.

    Attributes:
        weight_ih: Of shape ``(gates * hidden_size, input_size)``, drawn from U(-k, k) with k = 1 / sqrt(hidden_size).
        weight_hh: Of shape ``(gates * hidden_size, hidden_size)``, from the same distribution.
        bias_ih: Of shape ``(gates * hidden_size,)``, from the same distribution; absent with ``bias=False``.
        bias_hh: The same.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: dtypes.dtype | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self._add_weights("", input_size, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Return the next state; without hx, the one after zeros.

        Raises:
            ValueError: The input has neither one axis nor two.
            RuntimeError: A size does not fit.
        """
        if input.ndim not in (1, 2):
            raise ValueError(f"{self._get_name()}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        previous = self._check_state(hx, (*input.shape[:-1], self.hidden_size), input)
        input_projection = F.linear(input, *self._weights("ih", ""))
        return self._unwrap_state(self.transition(input_projection, previous, self._weights("hh", "")))

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the defaults."""
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu in place of tanh. Equals ``torch.nn.RNNCell``.

    Shape:
        input ``(N, input_size)``, hx ``(N, hidden_size)`` -> ``(N, hidden_size)``; or all without N

    Attributes are those of `RNNCellBase`, with 1 gate.
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
        self.transition = rnn_transition(_activation(nonlinearity))

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the defaults."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """h' = o * tanh(c'), c' = f * c + i * g; see `lstm_transition`. Equals ``torch.nn.LSTMCell``.

    Shape:
        input ``(N, input_size)``, hx = (h, c), each ``(N, hidden_size)`` -> (h', c') of the same shapes; or all without N

    Attributes are those of `RNNCellBase`, with 4 gates.
    """

    gates = 4
    num_states = 2
    transition = staticmethod(lstm_transition)


class GRUCell(RNNCellBase):
    """h' = (1 - z) * n + z * h; see `gru_transition`. Equals ``torch.nn.GRUCell``.

    Shape:
        input ``(N, input_size)``, hx ``(N, hidden_size)`` -> ``(N, hidden_size)``; or all without N

    Attributes are those of `RNNCellBase`, with 3 gates.
    """

    gates = 3
    transition = staticmethod(gru_transition)


# ------------------------------------------------------------------------------------------------------- networks


class RNNBase(_RecurrentModule):
    """Base class of the networks: layers of cells along a sequence, in one direction or in both.

    Attributes:
        weight_ih_l{k}: Of shape ``(gates * hidden_size, size of the input of layer k)``, drawn from U(-b, b) with
            b = 1 / sqrt(hidden_size).
        weight_hh_l{k}: Of shape ``(gates * hidden_size, hidden_size)``, from the same distribution.
        bias_ih_l{k}: Of shape ``(gates * hidden_size,)``, from the same distribution; absent with ``bias=False``.
        bias_hh_l{k}: The same. For the reverse direction the names end in ``_reverse``.

    Raises:
        ValueError: A size or the dropout probability is out of range, or there are more than 10,000 layers.
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
        check_num_layers(num_layers)
        check_probability(dropout)
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self._directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            for direction in self._directions:
                size = hidden_size * len(self._directions) if layer else input_size
                self._add_weights(f"_l{layer}{direction}", size, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """Return h of the last layer at every position, and the final state of every layer and direction.

        Raises:
            ValueError: The input has neither two axes nor three.
            RuntimeError: A size does not fit.
        """
        if input.ndim not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )
        batch_first = input.ndim == 3 and self.batch_first
        sequence = input.transpose(0, 1) if batch_first else input
        if not len(sequence):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        state_shape = (self.num_layers * len(self._directions), *sequence.shape[1:-1], self.hidden_size)
        initial = self._check_state(hx, state_shape, input)
        final: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.training:
                sequence = F.dropout(sequence, self.dropout)
            outputs = []
            for direction in self._directions:
                start = tuple(t[len(final)] for t in initial)
                output, end = self._run_layer(sequence, start, f"_l{layer}{direction}", reverse=bool(direction))
                outputs.append(output)
                final.append(end)
            sequence = cat(outputs, -1) if len(outputs) > 1 else outputs[0]
        final_state = tuple(stack(tensors) for tensors in zip(*final, strict=True))
        return sequence.transpose(0, 1) if batch_first else sequence, self._unwrap_state(final_state)

    def _run_layer(self, sequence: Tensor, state: State, suffix: str, reverse: bool) -> tuple[Tensor, State]:
        """Return h at every position of the sequence, and the final state."""
        projections = F.linear(sequence, *self._weights("ih", suffix))
        if not reverse:
            return self._run(projections, state, self._weights("hh", suffix))
        output, end = self._run(projections.flip(0), state, self._weights("hh", suffix))
        return output.flip(0), end

    def _run(self, projections: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        """Return h after each of the projections of the input, and the final state."""
        outputs = []
        for projection in projections.unbind(0):
            state = self.transition(projection, state, weights)
            outputs.append(state[0])
        return stack(outputs), state

    def flatten_parameters(self) -> None:
        """Do nothing: torch lays the weights side by side for its CUDA kernels."""

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the defaults."""
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        options = [f", {name}={self.__dict__[name]}" for name, value in defaults.items() if self.__dict__[name] != value]
        return f"{self.input_size}, {self.hidden_size}{''.join(options)}"


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) along a sequence, or with relu in place of tanh. Equals ``torch.nn.RNN``.

    Shape:
        input ``(L, N, input_size)``, hx ``(D * num_layers, N, hidden_size)`` -> output ``(L, N, D * hidden_size)``, and the
        final h of every layer. D is 2 if bidirectional, else 1. With batch_first, input and output are ``(N, L, ...)``. N is
        optional.

    Attributes are those of `RNNBase`, with 1 gate.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        self.nonlinearity = nonlinearity
        self.transition = rnn_transition(_activation(nonlinearity))


class LSTM(RNNBase):
    """h' = o * tanh(c'), c' = f * c + i * g along a sequence; see `lstm_transition`. Equals ``torch.nn.LSTM``.

    Shape:
        input ``(L, N, input_size)``, hx = (h, c), each ``(D * num_layers, N, hidden_size)`` -> output
        ``(L, N, D * hidden_size)``, and the final (h, c) of every layer; otherwise as for `RNN`.

    Attributes are those of `RNNBase`, with 4 gates.
    """

    gates = 4
    num_states = 2

    def _run(self, projections: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
        states = lstm_states(projections, state, weights)
        return states[0, 1:].clone(), (states[0, -1], states[1, -1])


class GRU(RNNBase):
    """h' = (1 - z) * n + z * h along a sequence; see `gru_transition`. Equals ``torch.nn.GRU``.

    Shape:
        As for `RNN`.

    Attributes are those of `RNNBase`, with 3 gates.
    """

    gates = 3
    transition = staticmethod(gru_transition)
