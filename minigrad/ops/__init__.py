"""Every primitive and its gradient rules. NumPy only: nothing here knows tensors or the recorded graph."""

from minigrad.ops import (  # noqa: F401 - defines the primitives
    activation,
    arithmetic,
    bitwise,
    comparison,
    convolution,
    elementary,
    error_function,
    indexing,
    linalg,
    neural,
    reduction,
    rounding,
    selection,
    shape,
)
