"""Layers, activations and losses as functions, with torch's names: what the modules of `minigrad.nn` compute."""

from minigrad.nn.functional.activation import log_softmax, relu, sigmoid, softmax, tanh
from minigrad.nn.functional.linear import linear
from minigrad.nn.functional.loss import cross_entropy, mse_loss, nll_loss

__all__ = [
    "cross_entropy",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
