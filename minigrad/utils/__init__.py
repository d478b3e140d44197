"""Utilities for training, as in `torch.utils`."""

from minigrad.utils import data

__all__ = ["data"]
