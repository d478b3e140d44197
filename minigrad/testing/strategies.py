"""Hypothesis strategies: shapes, values away from kinks, special values, strided arrays, gradients, optimizers, networks."""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad import dtypes, nn, optim
from minigrad.arguments import explain_functions
from minigrad.creation import from_numpy
from minigrad.optim.optimizer import Optimizer
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor

__all__ = [
    "arrays", "broadcastable", "configurations", "gradient_sequences", "layouts", "networks", "optimizers", "shapes",
    "special_values", "tensors", "values",
]  # fmt: skip

GRID = 64
"""Values are multiples of 1/64, which every floating-point dtype represents exactly."""


def values(low: float = -3, high: float = 3, kinks: Sequence[float] = (), margin: float = 0.1) -> st.SearchStrategy[float]:
    """Return a strategy for floats in [low, high] whose distance to every kink is at least margin.

    A kink is a point where a function has no derivative or an unbounded one, such as 0 for ``abs``, ``log`` and ``relu``.

    Args:
        low: The minimum.
        high: The maximum.
        kinks: The points to avoid.
        margin: The minimum distance to a kink. The finite differences of `assert_gradients` need at least 0.01.
    """
    grid = [k / GRID for k in range(math.ceil(low * GRID), math.floor(high * GRID) + 1)]
    # Hypothesis shrinks towards the first: small magnitudes, and positive before negative.
    allowed = sorted((x for x in grid if all(abs(x - kink) >= margin for kink in kinks)), key=lambda x: (abs(x), x < 0))
    return st.sampled_from(allowed)


def special_values(dtype: Any = np.float64, infinities: bool = True, nan: bool = True) -> st.SearchStrategy[float]:
    """Return a strategy for values at which implementations fail: for tests of values, not of derivatives.

    It draws zeros and ones of both signs, halves (ties in rounding), 100 and 1000 (whose exponential overflows in float32,
    and in float64), the machine epsilon, the smallest normal and subnormal and the greatest finite number, infinities and
    NaN. There are few of them, so equal elements (ties in ``max`` and ``sort``) are frequent.

    Args:
        dtype: The NumPy dtype whose limits are drawn; all values are exact in it.
        infinities: Whether to draw infinities.
        nan: Whether to draw NaN.

    For example, ``log(1 + exp(x))`` overflows where softplus is x. This finds it:

    >>> from hypothesis import given
    >>> from minigrad.testing import arrays, assert_same
    >>> import minigrad
    >>> @given(arrays(elements=values() | special_values()))
    ... def test_softplus(x):
    ...     assert_same(lambda t: minigrad.log(1 + minigrad.exp(t)), lambda a: np.logaddexp(0, a), x, atol=0)
    """
    info = np.finfo(dtype)
    limits = [info.eps, info.tiny, info.smallest_subnormal, info.max]
    magnitudes = [0.0, 1.0, 0.5, 1.5, 2.5, 100.0, 1000.0, *map(float, limits)] + [math.inf] * infinities
    return st.sampled_from([sign * x for x in magnitudes for sign in (1, -1)] + [math.nan] * nan)


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """Return a strategy for shapes, including () and, unless min_side is positive, shapes with axes of size 0."""
    full = hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=max(min_side, 1), max_side=max_side)
    if min_side:
        return full
    return full | hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=max_side)


@st.composite
def layouts(draw: st.DrawFn, array: Array) -> Array:
    """Draw an array with equal values and another memory layout.

    C order, Fortran order, or an axis with gaps, with a negative stride or at an offset. No two elements overlap.
    """
    kind = draw(st.sampled_from(["C", "Fortran", "gaps", "negative stride", "offset"]))
    if kind == "Fortran":
        return array.copy(order="F")
    if kind == "C" or array.ndim == 0:
        return array.copy()
    axis = draw(st.integers(0, array.ndim - 1))
    size = array.shape[axis]
    slices = {
        "gaps": slice(0, 2 * size, 2),
        "negative stride": slice(size - 1 if size else None, None, -1),
        "offset": slice(size, None),
    }
    width = size if kind == "negative stride" else 2 * size
    buffer = np.zeros((*array.shape[:axis], width, *array.shape[axis + 1 :]), array.dtype)
    view = buffer[(slice(None),) * axis + (slices[kind],)]
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
    """Draw an array with any memory layout.

    Args:
        draw: Passed by Hypothesis.
        shape: The shape, or a strategy for it; `shapes` by default.
        elements: A strategy for the elements. By default `values` for floating-point dtypes, integers in [-5, 5] for signed
            and [0, 5] for unsigned dtypes. `special_values` draws extreme ones.
        dtype: A NumPy dtype, or a strategy for one.
        distinct: Whether all elements differ, so that ``max``, ``sort`` and related functions are differentiable.
    """
    kind = np.dtype(draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype)
    size = draw(shapes()) if shape is None else draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    if elements is None:
        defaults = {"b": st.booleans(), "u": st.integers(0, 5), "i": st.integers(-5, 5), "f": values()}
        elements = defaults[kind.kind]
    array = draw(hnp.arrays(kind, size, elements=elements, unique=distinct, fill=st.nothing()))
    return draw(layouts(array))


def tensors(
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    elements: st.SearchStrategy[Any] | None = None,
    dtype: dtypes.dtype = dtypes.float64,
    requires_grad: bool = True,
    distinct: bool = False,
) -> st.SearchStrategy[Tensor]:
    """Return a strategy for leaf tensors. dtype is a minigrad dtype; the other arguments are those of `arrays`."""
    drawn = arrays(shape, elements, dtype.numpy, distinct)
    return drawn.map(lambda array: from_numpy(array).requires_grad_(requires_grad))


@st.composite
def broadcastable(
    draw: st.DrawFn, *elements: st.SearchStrategy[Any] | None, dtype: Any = np.float64, min_side: int = 0
) -> tuple[Array, ...]:
    """Draw one array for each strategy for elements (None for the default), with shapes that broadcast together.

    >>> from hypothesis import given
    >>> test = given(broadcastable(None, values(kinks=[0])))  # for example, for a function like a / b
    """
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=len(elements), max_dims=3, min_side=min_side, max_side=3))
    return tuple(draw(arrays(shape, strategy, dtype)) for shape, strategy in zip(drawn.input_shapes, elements, strict=True))


# ------------------------------------------------------------------------------------------------------ for optimizers


def gradient_sequences(
    shapes: Sequence[Shape], length: int = 5, dtype: Any = np.float64
) -> st.SearchStrategy[list[list[Array | None]]]:
    """Return a strategy for the gradients of a training run: for each step and each parameter a gradient or None.

    Gradients are of ordinary size, zero, times 1e6, times 1e-6, or None.

    Args:
        shapes: The shapes of the parameters.
        length: The maximum number of steps.
        dtype: The NumPy dtype of the gradients.
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
    **dict.fromkeys(("nesterov", "maximize", "centered", "amsgrad", "decoupled_weight_decay"), st.booleans()),
    "alpha": st.floats(0.5, 0.999),
    "rho": st.floats(0.5, 0.999),
    "betas": st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.999)),
    "eps": st.floats(1e-10, 1e-2),
    "lr_decay": st.floats(0.0, 0.5),
    "initial_accumulator_value": st.floats(0.0, 1.0),
    "momentum_decay": st.floats(0.0, 0.01),
}
"""For each hyperparameter a strategy for values that are valid for every optimizer that has it."""


def configurations(
    optimizer: Callable[..., object], **overrides: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the keyword arguments of an optimizer; each may be omitted.

    Args:
        optimizer: The class; the names of the arguments are taken from its signature.
        overrides: Strategies for further hyperparameters, or that replace those of `HYPERPARAMETERS`.
    """
    strategies = {**HYPERPARAMETERS, **overrides}
    names = [name for name in inspect.signature(optimizer).parameters if name in strategies]

    def is_valid(configuration: dict[str, Any]) -> bool:
        nesterov, momentum = configuration.get("nesterov", False), configuration.get("momentum", 0.0)
        return not nesterov or (momentum > 0 and configuration.get("dampening", 0.0) == 0)

    return st.fixed_dictionaries({}, optional={name: strategies[name] for name in names}).filter(is_valid)


OPTIMIZERS = [cls for name in optim.__all__ if isinstance(cls := getattr(optim, name), type) and cls is not Optimizer]


@st.composite
def optimizers(
    draw: st.DrawFn, params: Iterable[Tensor], classes: Sequence[Callable[..., Optimizer]] = OPTIMIZERS
) -> Optimizer:
    """Draw an optimizer of given parameters, of any class and with any valid options.

    Args:
        draw: Passed by Hypothesis.
        params: The parameters.
        classes: The classes to draw from; by default all of `minigrad.optim`.
    """
    cls = draw(st.sampled_from(classes))
    optimizer: Optimizer = cls(list(params), **draw(configurations(cls)))
    return optimizer


# --------------------------------------------------------------------------------------------------------- for networks

BETWEEN: list[Callable[[int], nn.Module]] = [
    lambda width: nn.Identity(),
    lambda width: nn.Tanh(),
    lambda width: nn.ReLU(),
    lambda width: nn.Dropout(),
    lambda width: nn.LayerNorm(width),
    lambda width: nn.BatchNorm1d(width),
]
"""What may stand between two linear layers."""


@st.composite
def networks(draw: st.DrawFn, in_features: int = 3, out_features: int = 2, max_hidden: int = 2) -> nn.Sequential:
    """Draw a network that takes (N, in_features) and returns (N, out_features).

    It has linear layers, with a bias or without, and between them activations, normalization or dropout. The weights come
    from minigrad's default generator, which Hypothesis seeds.

    Args:
        draw: Passed by Hypothesis.
        in_features: The number of inputs.
        out_features: The number of outputs.
        max_hidden: The maximum number of hidden layers.
    """
    layers: list[nn.Module] = []
    for width in draw(st.lists(st.integers(1, 4), max_size=max_hidden)):
        between = draw(st.sampled_from(BETWEEN))
        layers += [nn.Linear(in_features, width, draw(st.booleans())), between(width)]
        in_features = width
    return nn.Sequential(*layers, nn.Linear(in_features, out_features, draw(st.booleans())))


explain_functions(globals())
