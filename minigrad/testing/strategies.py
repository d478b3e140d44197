"""What to draw: shapes, values away from kinks, arrays with strides, gradient sequences, optimizer configurations."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad import dtypes
from minigrad.creation import from_numpy
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor

GRID = 64
"""Values are multiples of 1/64: exact in every floating-point type, and of distances that are known."""


def values(low: float = -3, high: float = 3, kinks: Sequence[float] = (), margin: float = 0.1) -> st.SearchStrategy[float]:
    """Return a strategy for numbers from low to high, none of them nearer to a kink than the margin.

    A kink is a point where a function has no derivative, or one that grows without bound: 0 for ``abs``, ``log``, ``relu``.

    Args:
        low: The least value.
        high: The greatest value.
        kinks: The points to stay away from.
        margin: The distance to keep; the finite differences of `assert_gradients` need 0.01.
    """
    grid = [k / GRID for k in range(math.ceil(low * GRID), math.floor(high * GRID) + 1)]
    # From the simplest: nearest to zero, and positive first.
    allowed = sorted((x for x in grid if all(abs(x - kink) >= margin for kink in kinks)), key=lambda x: (abs(x), x < 0))
    return st.sampled_from(allowed)


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """Return a strategy for shapes, those without axes and, now and then, those with empty axes among them."""
    full = hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=max(min_side, 1), max_side=max_side)
    if min_side:
        return full
    return full | hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=max_side)


@st.composite
def layouts(draw: st.DrawFn, array: Array) -> Array:
    """Draw an array of the same values that lies in memory in some other way.

    Row by row, column by column, with gaps, backwards, or at an offset. Every element has a place of its own.
    """
    kind = draw(st.sampled_from(["rows", "columns", "gaps", "backwards", "offset"]))
    if kind == "columns":
        return array.copy(order="F")
    if kind == "rows" or array.ndim == 0:
        return array.copy()
    axis = draw(st.integers(0, array.ndim - 1))
    size = array.shape[axis]
    cut = {
        "gaps": slice(0, 2 * size, 2),
        "backwards": slice(size - 1 if size else None, None, -1),
        "offset": slice(size, None),
    }
    room = np.zeros((*array.shape[:axis], size if kind == "backwards" else 2 * size, *array.shape[axis + 1 :]), array.dtype)
    view = room[(slice(None),) * axis + (cut[kind],)]
    view[...] = array
    return view


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    elements: st.SearchStrategy[Any] | None = None,
    dtype: Any = np.float64,
    distinct: bool = False,
) -> Array:
    """Draw an array, in any layout.

    Args:
        draw: Hypothesis gives this one.
        shape: The shape, or a strategy for it; by default any of `shapes`.
        elements: A strategy for the elements; by default `values` for floating point, and -5 to 5 (0 to 5) for integers.
        dtype: A NumPy dtype, or a strategy for one.
        distinct: No two elements are equal, so that ``max``, ``sort`` and their kin have a derivative.
    """
    kind = np.dtype(draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype)
    size = draw(shapes()) if shape is None else draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    if elements is None:
        plain = {"b": st.booleans(), "u": st.integers(0, 5), "i": st.integers(-5, 5), "f": values()}
        elements = plain[kind.kind]
    array = draw(hnp.arrays(kind, size, elements=elements, unique=distinct, fill=st.nothing()))
    return draw(layouts(array))


def tensors(
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    elements: st.SearchStrategy[Any] | None = None,
    dtype: dtypes.dtype = dtypes.float64,
    requires_grad: bool = True,
    distinct: bool = False,
) -> st.SearchStrategy[Tensor]:
    """Return a strategy for leaf tensors; the arguments are those of `arrays`."""
    drawn = arrays(shape, elements, dtype.numpy, distinct)
    return drawn.map(lambda array: from_numpy(array).requires_grad_(requires_grad))


@st.composite
def broadcastable(
    draw: st.DrawFn, *elements: st.SearchStrategy[Any] | None, dtype: Any = np.float64, min_side: int = 0
) -> tuple[Array, ...]:
    """Draw as many arrays as strategies of elements are given (None for the default), of shapes that broadcast together.

    >>> from hypothesis import given
    >>> test = given(broadcastable(None, values(kinks=[0])))  # say, for a function like a / b
    """
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=len(elements), max_dims=3, min_side=min_side, max_side=3))
    return tuple(draw(arrays(shape, each, dtype)) for shape, each in zip(drawn.input_shapes, elements, strict=True))


# ------------------------------------------------------------------------------------------------------ for optimizers


def gradient_sequences(
    shapes: Sequence[Shape], length: int = 5, dtype: Any = np.float64
) -> st.SearchStrategy[list[list[Array | None]]]:
    """Return a strategy for what backward might leave behind: for each step, and each parameter, a gradient or None.

    Besides ordinary gradients there are zeros, huge and tiny ones, and missing ones.
    """
    scale = st.sampled_from([1.0, 1.0, 1.0, 0.0, 1e6, 1e-6])

    def gradient(shape: Shape) -> st.SearchStrategy[Array | None]:
        scaled = st.builds(lambda g, s: np.asarray(g * s, dtype), hnp.arrays(np.float64, shape, elements=values()), scale)
        return st.one_of(scaled, scaled, scaled, st.none())

    return st.lists(st.tuples(*map(gradient, shapes)).map(list), min_size=1, max_size=length)


HYPERPARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "lr": st.floats(1e-4, 1.0),
    "momentum": st.sampled_from([0.0, 0.5, 0.9, 0.99]),
    "dampening": st.sampled_from([0.0, 0.1, 0.9]),
    "weight_decay": st.sampled_from([0.0, 1e-4, 0.1]),
    "nesterov": st.booleans(),
    "maximize": st.booleans(),
    "centered": st.booleans(),
    "amsgrad": st.booleans(),
    "decoupled_weight_decay": st.booleans(),
    "alpha": st.floats(0.5, 0.999),
    "rho": st.floats(0.5, 0.999),
    "betas": st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.999)),
    "eps": st.floats(1e-10, 1e-2),
    "lr_decay": st.floats(0.0, 0.5),
    "initial_accumulator_value": st.floats(0.0, 1.0),
    "momentum_decay": st.floats(0.0, 0.01),
}
"""For each hyper-parameter, values that are valid for every optimizer that has it."""


def configurations(optimizer: Callable[..., object], **own: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the keyword arguments of an optimizer, each of them present or left out.

    Args:
        optimizer: The class; the names in its signature say what it takes.
        own: Strategies for hyper-parameters of its own, or in place of those in `HYPERPARAMETERS`.
    """
    known = {**HYPERPARAMETERS, **own}
    taken = [name for name in inspect.signature(optimizer).parameters if name in known]

    def possible(configuration: dict[str, Any]) -> bool:
        nesterov, momentum = configuration.get("nesterov", False), configuration.get("momentum", 0.0)
        return not nesterov or (momentum > 0 and configuration.get("dampening", 0.0) == 0)

    return st.fixed_dictionaries({}, optional={name: known[name] for name in taken}).filter(possible)
