"""Where random numbers come from: a `numpy.random.Generator`. The numbers are not torch's."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Generator", "default_generator", "initial_seed", "manual_seed", "seed"]


class Generator:
    """A source of random numbers with a seed of its own.

    Attributes:
        numpy: The `numpy.random.Generator` behind it.
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.numpy: np.random.Generator
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from a seed; equal seeds give equal numbers."""
        self._seed = int(seed)
        self.numpy = np.random.default_rng(self._seed % 2**64)
        return self

    def seed(self) -> int:
        """Start anew from a seed that nobody can guess, and return it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed that it was started with."""
        return self._seed


class _Default:
    generator: Generator | None = None


def default_generator() -> Generator:
    """Return the common source of random numbers."""
    if _Default.generator is None:
        _Default.generator = Generator()
    return _Default.generator


def manual_seed(seed: int) -> Generator:
    """Start the common source of random numbers anew, and return it."""
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Start the common source of random numbers from a seed that nobody can guess, and return that."""
    return default_generator().seed()


def initial_seed() -> int:
    """Return the seed that the common source of random numbers was started with."""
    return default_generator().initial_seed()


def source(generator: Generator | None) -> np.random.Generator:
    """Return the NumPy generator of a source, or of the common one."""
    return (generator or default_generator()).numpy
