"""The calculus table: every primitive and its gradient rules. NumPy only; it knows neither Tensor nor the tape."""

from minigrad.ops import (
    activation,
    arithmetic,
    convolution,
    elementary,
    indexing,
    linalg,
    neural,
    reduction,
    shape,
)

__all__ = [
    "activation",
    "arithmetic",
    "convolution",
    "elementary",
    "indexing",
    "linalg",
    "neural",
    "reduction",
    "shape",
]
