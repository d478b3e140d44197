"""Numbers drawn at random: into the memory of a tensor, or with the probabilities that it holds.

They come from a `Generator`, or from the common one, which `manual_seed` starts anew; they are not torch's.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from minigrad.methods.autograd import AutogradMethods
from minigrad.primitive import Array, expand
from minigrad.promotion import Operand, as_operand
from minigrad.random import Generator, numpy_generator


class SamplingMethods(AutogradMethods):
    """normal_, multinomial and their kin. What is drawn has no gradient."""

    def copy_(self, src: Operand) -> Self:
        """Set the elements to those of src."""
        raise NotImplementedError

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element from the normal distribution.

        Raises:
            TypeError: Mean or std is no number.
            NotImplementedError: The elements are integers or booleans.
            RuntimeError: std is negative.
        """
        centre, width = self._numbers("normal_", mean, std)
        if width < 0:
            raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
        return self.copy_(numpy_generator(generator).standard_normal(self.shape) * width + centre)

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element uniformly from [from_, to).

        Raises:
            TypeError: A bound is no number.
            NotImplementedError: The elements are integers or booleans.
            RuntimeError: from_ is greater than to.
        """
        low, high = self._numbers("uniform_", from_, to)
        if low > high:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
        return self.copy_(numpy_generator(generator).random(self.shape) * (high - low) + low)

    def _numbers(self, name: str, *given: Any) -> list[float]:
        """Return the arguments of a distribution over real numbers."""
        for value in given:
            if isinstance(value, AutogradMethods) and value.shape:
                raise TypeError(f"{name}(): the arguments must be numbers, not tensors of shape {list(value.shape)}")
        if not self.is_floating_point():
            raise NotImplementedError(f"{name} draws floating-point numbers, but the tensor is {self.array.dtype}")
        return [float(value) for value in given]

    def bernoulli_(self, p: Operand = 0.5, *, generator: Generator | None = None) -> Self:
        """Set each element to 1 with probability p, a number or a tensor that broadcasts, else to 0.

        Raises:
            RuntimeError: p is not from 0 to 1.
        """
        return self.copy_(_flipped(self.shape, as_operand(p, self), generator))

    def bernoulli(self, p: float | None = None, *, generator: Generator | None = None) -> Self:
        """Return 1 with probability p, or without it with the probability that each element gives, else 0.

        Raises:
            RuntimeError: The probability is not from 0 to 1.
        """
        chances = self if p is None else as_operand(p, self)
        return as_operand(_flipped(self.shape, chances, generator).astype(self.array.dtype), self)

    def multinomial(self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Self:
        """Return positions drawn with the given weights: (n,) gives (num_samples,), rows (m, n) give (m, num_samples).

        Raises:
            RuntimeError: The weights are integers, or one is negative, inf or NaN, or all are 0, or without replacement too
                few are not.
        """
        if not self.is_floating_point():
            raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {self.array.dtype}")
        weights = np.array(self.detach(), np.float64)
        if weights.ndim not in (1, 2):
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        rows = np.atleast_2d(weights)
        possible = np.count_nonzero(rows, 1).min(initial=rows.shape[1])
        if num_samples <= 0 or possible < (1 if replacement else num_samples):
            raise RuntimeError(f"cannot draw {num_samples} samples from {possible} categories that have a weight")
        draw = numpy_generator(generator).choice
        drawn = np.array([draw(len(row), num_samples, replacement, row / row.sum()) for row in rows])
        return as_operand(drawn if weights.ndim == 2 else drawn[0], self)


def _flipped(shape: tuple[int, ...], chances: AutogradMethods, generator: Generator | None) -> Array:
    """Return whether coins of the given shape, which come up with certain chances, did."""
    p = np.array(expand(chances.detach(), shape=tuple(shape)))
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(f"bernoulli expects probabilities from 0 to 1, but got {p.min()} to {p.max()}")
    return np.asarray(numpy_generator(generator).random(shape) < p)
