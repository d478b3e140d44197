"""What surrounds training: data."""

from minigrad.utils import data

__all__ = ["data"]
