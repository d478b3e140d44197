"""Random sampling: in place, or with the probabilities that a tensor holds.

The samples come from a `Generator`, or from the default one, which `manual_seed` seeds; they are not the same as torch's.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from minigrad.autodiff import wrap
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.grad_mode import call_numpy, thread
from minigrad.methods.autograd import AutogradMethods
from minigrad.ops import shape as shape_ops
from minigrad.primitive import Array, expand
from minigrad.promotion import Operand, as_operand
from minigrad.random import Generator, numpy_generator


@methods_explain_errors
class SamplingMethods(AutogradMethods):
    """normal_, multinomial and related methods. Samples have no gradient."""

    def copy_(self, src: Operand) -> Self:
        """Set the elements to those of src."""
        raise NotImplementedError

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element from the normal distribution.

        Raises:
            TypeError: mean or std is not a scalar.
            NotImplementedError: The dtype is not floating-point.
            RuntimeError: std is negative.
        """
        loc, scale = self._real_args("normal_", mean, std)
        if scale < 0:
            raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
        return self.copy_(wrap(call_numpy(_affine, generator, "standard_normal", self.shape, scale, loc, draws=True)))

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element uniformly from [from_, to).

        Raises:
            TypeError: A bound is not a scalar.
            NotImplementedError: The dtype is not floating-point.
            RuntimeError: from_ is greater than to.
        """
        low, high = self._real_args("uniform_", from_, to)
        if low > high:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
        return self.copy_(wrap(call_numpy(_affine, generator, "random", self.shape, high - low, low, draws=True)))

    def _real_args(self, name: str, *args: Any) -> list[float]:
        """Return the arguments of a continuous distribution as Python floats."""
        for value in args:
            if isinstance(value, AutogradMethods) and value.shape:
                raise TypeError(f"{name}(): the arguments must be scalars, not tensors of shape {list(value.shape)}")
        if not self.is_floating_point():
            raise NotImplementedError(f"{name} samples floating-point values, but the tensor is {self.array.dtype}")
        return [float(value) for value in args]

    def bernoulli_(self, p: Operand = 0.5, *, generator: Generator | None = None) -> Self:
        """Set each element to 1 with probability p, a scalar or a tensor that broadcasts, else to 0.

        Raises:
            RuntimeError: p is not from 0 to 1.
        """
        return self.copy_(wrap(_bernoulli(self.shape, as_operand(p, self), generator)))

    def bernoulli(self, p: float | None = None, *, generator: Generator | None = None) -> Self:
        """Return 1 with probability p, else 0; without p, each element of self is the probability.

        Raises:
            RuntimeError: A probability is not from 0 to 1.
        """
        probs = self if p is None else as_operand(p, self)
        drawn: Self = shape_ops.cast(wrap(_bernoulli(self.shape, probs, generator)), dtype=self.array.dtype)
        return drawn

    def multinomial(self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Self:
        """Return indices sampled with the given weights: (n,) gives (num_samples,), rows (m, n) give (m, num_samples).

        Raises:
            RuntimeError: The weights are integers; one is negative, inf or NaN; or there are fewer positive ones than
                samples, or none with replacement.
        """
        if not self.is_floating_point():
            raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {self.array.dtype}")
        weights = np.array(self.detach(), np.float64)
        if weights.ndim not in (1, 2):
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        rows = np.atleast_2d(weights)
        positive = np.count_nonzero(rows, 1).min(initial=rows.shape[1])
        if num_samples <= 0 or positive < (1 if replacement else num_samples):
            raise RuntimeError(f"cannot draw {num_samples} samples from {positive} categories with a positive weight")
        rng = numpy_generator(generator)
        if replacement:  # where a uniform number falls among the cumulative probabilities, those of row k shifted by k
            shift = np.arange(len(rows))[:, None]
            bounds = np.cumsum(rows, 1)
            bounds /= bounds[:, -1:]
            # The sum may be rounded up to the next row.
            uniform = np.minimum(rng.random((len(rows), num_samples)) + shift, np.nextafter(shift + 1.0, 0))
            drawn = np.searchsorted((bounds + shift).ravel(), uniform.ravel(), "right")
            samples = drawn.reshape(len(rows), num_samples) - shift * rows.shape[1]
        else:  # the first of exponential clocks with the weights as rates, and so on
            clocks = thread.state.without_warnings(np.divide, rng.standard_exponential(rows.shape), rows)
            samples = np.argsort(clocks, axis=1)[:, :num_samples]
        return as_operand(samples if weights.ndim == 2 else samples[0], self)


def _bernoulli(shape: tuple[int, ...], probs: AutogradMethods, generator: Generator | None) -> Array:
    """Return booleans of the given shape, each True with its probability."""
    return call_numpy(_chances, shape, expand(probs.detach(), shape=tuple(shape)), generator, draws=True)


def _chances(shape: tuple[int, ...], p: Array, generator: Generator | None) -> Array:
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(f"bernoulli expects probabilities from 0 to 1, but got {p.min()} to {p.max()}")
    return np.asarray(numpy_generator(generator).random(shape) < p)


def _affine(generator: Generator | None, method: str, shape: tuple[int, ...], scale: float, shift: float) -> Array:
    """Return what a method of a generator draws, scaled and shifted."""
    return np.asarray(getattr(numpy_generator(generator), method)(shape) * scale + shift)
