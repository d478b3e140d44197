"""What two libraries may make of the same rule, both of them right: how far rounding can carry its results.

Most rules forgive: rounded in the last digit, they are wrong in the last digits. Some do not. Centered RMSprop divides by the
root of v - m^2; when the same gradient comes again and again this goes to 0, and what is left of it is rounding. So the error
that must be allowed is computed, from the rule itself and for the numbers at hand, by running error analysis:

* The rule is run without rounding, or rather in the highest precision that there is, on *ensembles*: arrays that have several
  *members* along a first axis. The first member is the exact result.
* Each *source* of errors has two members of its own, in which it is as much too large, or too small, as it may be: a number
  that goes into the rule by its bound, the result of an operation by `unit` of its size.
* The bound of what comes out is what all sources can do together: the sum over them of how far their members are from the
  first.

A result goes into the next step with its bound, so bounds grow from step to step as errors do at the worst. They are of first
order: of each source it is seen what it does alone. But the square root of something that may be negative within its bound
may be NaN in one library and a number in the other; its bound is NaN, which says that anything is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.primitive import Array, Primitive

EXACT = np.longdouble
"""Has 11 bits more than float64 on x86; where it has none, the exact results are as good as those of a library."""

SOURCES = 32
"""How many numbers may go into a rule, and operations be done in it, together."""


class Estimate(NamedTuple):
    """What comes out without rounding, and how far from it a library that rounds may be: flat arrays."""

    value: Array
    bound: Array


def exactly(a: Any) -> Estimate:
    """Return an array as an estimate that is right."""
    value = np.asarray(a).reshape(-1).astype(EXACT)
    return Estimate(value, np.zeros_like(value))


def estimated(rule: Callable[..., Sequence[Any]], inputs: Sequence[Any], unit: float) -> list[Any]:
    """Return what a rule makes of its inputs, with estimates in the place of arrays.

    Args:
        rule: Works element by element, in operators and primitives.
        inputs: Estimates; anything else goes into the rule as it is.
        unit: The error of an operation, as a part of its result.
    """
    sources = itertools.count()
    ensembles = [Ensemble.source(repeated(x.value), x.bound, sources, unit) if isinstance(x, Estimate) else x for x in inputs]
    with np.errstate(all="ignore"):
        return [x.estimate() if isinstance(x, Ensemble) else x for x in rule(*ensembles)]


def repeated(value: Array) -> Array:
    """Return the members of an ensemble that are all the same."""
    return np.repeat(value[None], 1 + 2 * SOURCES, axis=0)


def _operation(function: Callable[..., Array]) -> Callable[..., Ensemble]:
    return lambda *operands: Ensemble.result(function, operands)


def _swapped(function: Callable[..., Array]) -> Callable[[Ensemble, Any], Ensemble]:
    return lambda self, other: Ensemble.result(function, (other, self))


class Ensemble:
    """A value in a rule: the exact one, and two for each source of errors.

    Attributes:
        members: They are along the first axis: the exact one, and for source k the members 2k + 1 and 2k + 2.
        sources: Counts them; shared by all ensembles in a rule.
        unit: The error of an operation, as a part of its result.
    """

    __slots__ = ("members", "sources", "unit")
    __array_ufunc__ = None  # so that NumPy's numbers leave the operation to the ensemble

    def __init__(self, members: Array, sources: Iterator[int], unit: float) -> None:
        self.members = members
        self.sources = sources
        self.unit = unit

    @staticmethod
    def source(members: Array, error: Array, sources: Iterator[int], unit: float) -> Ensemble:
        """Return an ensemble that may be wrong by an error of its own; the members are written to."""
        k = next(sources)
        members[2 * k + 1] += error
        members[2 * k + 2] -= error
        return Ensemble(members, sources, unit)

    @staticmethod
    def result(function: Callable[..., Array], operands: Sequence[Any]) -> Ensemble:
        """Return what a function makes of operands, which it rounds."""
        first = next(x for x in operands if isinstance(x, Ensemble))
        members = function(*[x.members if isinstance(x, Ensemble) else x for x in operands])
        return Ensemble.source(members, first.unit * members[0], first.sources, first.unit)

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Ensemble:
        if op.name == "sqrt":
            (x,) = inputs
            value, bound = x.estimate()
            inputs = [Ensemble(np.where(bound > value, np.nan, x.members), x.sources, x.unit)]
        return Ensemble.result(op.forward, inputs)

    def estimate(self) -> Estimate:
        """Return the exact value and how far from it the sources can carry it."""
        exact, *_ = self.members
        off = np.abs(self.members[1:] - exact)
        return Estimate(exact, np.maximum(off[::2], off[1::2]).sum(axis=0))

    __add__, __radd__ = _operation(np.add), _swapped(np.add)
    __sub__, __rsub__ = _operation(np.subtract), _swapped(np.subtract)
    __mul__, __rmul__ = _operation(np.multiply), _swapped(np.multiply)
    __truediv__, __rtruediv__ = _operation(np.true_divide), _swapped(np.true_divide)
    __neg__ = _operation(np.negative)
