"""The calculus table: every primitive and its gradient rules. NumPy only; it knows neither Tensor nor the tape."""

from minigrad.ops import broadcasting, elementwise, indexing, linalg, neural, primitive, reduction, shape

__all__ = ["broadcasting", "elementwise", "indexing", "linalg", "neural", "primitive", "reduction", "shape"]
