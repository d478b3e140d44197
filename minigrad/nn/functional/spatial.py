"""Arguments shared by convolution and pooling."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from minigrad.primitive import Shape
from minigrad.tensor import Tensor

Sizes = int | Sequence[int]
"""A size for each spatial axis, or one for all."""
F = TypeVar("F", bound=Callable[..., Any])


def per_axis(sizes: Sizes, ndim: int, name: str, minimum: int = 1) -> Shape:
    """Return one size for each of the spatial axes.

    Raises:
        RuntimeError: There is neither one size nor one for each axis, or one is less than the minimum.

    >>> per_axis(3, 2, "stride")
    (3, 3)
    """
    result = (sizes,) * ndim if isinstance(sizes, int) else tuple(sizes)
    if len(result) == 1:
        result *= ndim
    if len(result) != ndim or min(result) < minimum:
        raise RuntimeError(f"{name} must be an integer or {ndim} integers, at least {minimum}, but got {name}={sizes}")
    return result


def for_dimension(ndim: int) -> Callable[[F], F]:
    """Make a function of batches ``(N, C, *sizes)`` one for ndim sizes: conv becomes conv1d, say.

    It also takes one sample, ``(C, *sizes)``, and then the results are without the axis of the samples as well.

    Raises:
        RuntimeError: The input has neither ndim + 1 axes nor ndim + 2.
    """

    def decorator(function: F) -> F:
        name = f"{function.__name__.removesuffix(f'{ndim}d')}{ndim}d"

        @wraps(function)
        def wrapper(input: Tensor, *args: Any, **options: Any) -> Any:
            if input.array.ndim == ndim + 2:
                return function(input, *args, **options)
            if input.array.ndim != ndim + 1:
                raise RuntimeError(
                    f"Expected {ndim + 1}D (unbatched) or {ndim + 2}D (batched) input to {name}, but got input of size: "
                    f"{list(input.shape)}"
                )
            result = function(input.unsqueeze(0), *args, **options)
            return tuple(y.squeeze(0) for y in result) if isinstance(result, tuple) else result.squeeze(0)

        wrapper.__name__ = wrapper.__qualname__ = name
        return wrapper  # type: ignore[return-value]

    return decorator
