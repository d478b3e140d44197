"""Gradient clipping, all parameters as one vector, and sequences of several lengths."""

from minigrad.nn.utils import rnn as rnn
from minigrad.nn.utils.gradients import *
