"""Padding: a border around a signal or an image."""

from collections.abc import Sequence

import numpy as np

from minigrad.ops import convolution
from minigrad.primitive import Array
from minigrad.tensor import Tensor

Widths = tuple[tuple[int, int], ...]
"""For each axis the number of elements added before and after; negative ones are removed."""


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return the input with a border.

    Args:
        input: x.
        pad: Widths before and after, the last axis first: ``(left, right, top, bottom)``. A negative width crops.
        mode: ``constant``; ``replicate`` the edge; ``reflect`` at the edge, which is not repeated; or ``circular``.
        value: The constant, default 0.

    Shape:
        ``(*, H, W) -> (*, H + top + bottom, W + left + right)``

    Raises:
        RuntimeError: The widths do not come in pairs, there are too many, or one is too large for the mode.
        NotImplementedError: Unknown mode.

    >>> import minigrad
    >>> pad(minigrad.tensor([1, 2, 3]), (2, 1), mode="circular")
    tensor([2, 3, 1, 2, 3, 1])
    """
    shape = input.array.shape
    if len(pad) % 2 or len(pad) // 2 > len(shape):
        raise RuntimeError(f"pad must have two widths for each axis that is padded, of at most {len(shape)}, but got {pad}")
    pairs = [(int(pad[k]), int(pad[k + 1])) for k in range(0, len(pad), 2)]
    widths = (*((0, 0),) * (len(shape) - len(pairs)), *reversed(pairs))
    if any(n + before + after < 0 for n, (before, after) in zip(shape, widths, strict=True)):
        raise RuntimeError(f"pad: cropping by {pad} leaves a negative size of the shape {list(shape)}")
    added = tuple((max(before, 0), max(after, 0)) for before, after in widths)
    if mode == "constant":
        return convolution.pad(_crop(input, widths), widths=added, value=0 if value is None else value)
    result = input
    if mode == "circular":  # repeats what is left after cropping; the other modes crop what they have repeated
        result, widths = _crop(input, widths), added
    for axis, (n, (before, after)) in enumerate(zip(result.array.shape, widths, strict=True)):
        if before or after:
            result = result[(slice(None),) * axis + (_source_index(n, before, after, mode),)]
    return result


def pad_spatial(x: Tensor, widths: Widths, value: float = 0) -> Tensor:
    """Return x of shape (N, C, *size) with a constant border around the axes of its size; x itself if it has no width."""
    if not any(map(any, widths)):
        return x
    return convolution.pad(x, widths=((0, 0), (0, 0), *widths), value=value)


def _crop(x: Tensor, widths: Widths) -> Tensor:
    """Return x without what negative widths remove."""
    if min(map(min, widths), default=0) >= 0:
        return x
    return x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.array.shape, widths, strict=True))]


def _source_index(n: int, before: int, after: int, mode: str) -> Array:
    """Return for each position of a padded axis the index of its source among the n elements."""
    position = np.arange(-before, n + after)
    if mode == "replicate" and n:
        return np.clip(position, 0, n - 1)
    if mode == "circular" and max(before, after) <= n:
        return np.remainder(position, n)
    if mode == "reflect" and max(before, after) < n:
        return np.asarray(n - 1 - np.abs(n - 1 - np.abs(position)))
    if mode not in ("replicate", "circular", "reflect"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    raise RuntimeError(f"pad: widths {before}, {after} are too large for mode {mode} on an axis of size {n}")
