"""Broadcasting and its transpose: what is repeated on the way forward is summed on the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.primitive import Array, Primitive, Rule, Shape, positional, primitive


@primitive(x=lambda g, x_shape: sum_to(g, shape=x_shape))
def expand(x: Array, *, shape: Shape) -> Array:
    """x repeated along new and size-1 axes until it has the shape; a view, read-only where an element is repeated."""
    if x.shape == shape:
        return x[...]
    if x.size != 1 or x.ndim > len(shape):
        return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))  # the same in a quarter of the time
    view.flags.writeable = False
    return view


@primitive(x=lambda g, x_shape: expand(g, shape=x_shape))
def sum_to(x: Array, *, shape: Shape) -> Array:
    """x summed over the axes along which `shape` would be repeated to become x.shape."""
    lead = x.ndim - len(shape)
    if lead == 1 and x.shape[1:] == shape:
        return np.add.reduce(x)
    repeated = tuple(k for k in range(x.ndim) if k < lead or (shape[k - lead] == 1 and x.shape[k] != 1))
    return np.add.reduce(x, axis=repeated).reshape(shape)


def common(name: str, *shapes: Shape) -> Shape:
    """Return the shape to which others broadcast.

    Raises:
        RuntimeError: They do not.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise RuntimeError(f"{name}: the shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast") from error


def match_shape(cotangent: Any, shape: Shape) -> Any:
    """Return the cotangent summed to the shape of the input that was broadcast."""
    return cotangent if cotangent.shape == shape else sum_to(cotangent, shape=shape)


def elementwise(*, floating: bool = False, **rules: Rule) -> Callable[[Callable[..., Any]], Primitive]:
    """Enter a NumPy function that works element by element into the table.

    Its inputs are promoted to one dtype and broadcast against each other; its rules need not care, because each
    cotangent is summed back to the shape of its input. The arguments are those of `primitive`.
    """

    def define(forward: Callable[..., Any]) -> Primitive:
        inputs = positional(forward)
        return Primitive(forward, rules, inputs, floating, match_shape if len(inputs) > 1 else None)

    return define
