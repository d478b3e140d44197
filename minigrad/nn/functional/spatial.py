"""Arguments shared by convolution and pooling."""

from collections.abc import Sequence

from minigrad.primitive import Shape
from minigrad.tensor import Tensor

Sizes = int | Sequence[int]
"""A size for each spatial axis, or one for all."""


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


def as_batch(x: Tensor, ndim: int, function_name: str) -> tuple[Tensor, bool]:
    """Return x with an axis for the samples, and whether it was unbatched, that is, had none.

    Raises:
        RuntimeError: x has neither ndim + 1 axes nor ndim + 2.
    """
    if x.array.ndim not in (ndim + 1, ndim + 2):
        raise RuntimeError(
            f"Expected {ndim + 1}D (unbatched) or {ndim + 2}D (batched) input to {function_name}, but got input of size: "
            f"{list(x.shape)}"
        )
    unbatched = x.array.ndim == ndim + 1
    return (x.unsqueeze(0) if unbatched else x), unbatched
