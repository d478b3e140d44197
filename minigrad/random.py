"""Random number generators. A `Generator` wraps a `numpy.random.Generator`; its streams differ from torch's."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

__all__ = ["Generator", "default_generator", "initial_seed", "manual_seed", "seed"]


class Generator:
    """A pseudorandom number generator with its own seed, as `torch.Generator`.

    Args:
        device: Ignored; there is only the CPU.

    Attributes:
        numpy: The underlying `numpy.random.Generator`.
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.numpy: np.random.Generator
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Reset the generator to a seed (taken modulo 2^64) and return it. Equal seeds give equal streams."""
        self._seed = int(seed)
        self.numpy = np.random.default_rng(self._seed % 2**64)
        return self

    def seed(self) -> int:
        """Reset the generator to a 64-bit seed from the operating system's entropy and return the seed."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed of the last reset."""
        return self._seed


@cache
def default_generator() -> Generator:
    """Return the default generator, which is used wherever no generator is given."""
    return Generator()


def manual_seed(seed: int) -> Generator:
    """Reset the default generator to a seed and return it, as `torch.manual_seed`."""
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Reset the default generator to a seed from the operating system's entropy and return the seed."""
    return default_generator().seed()


def initial_seed() -> int:
    """Return the seed of the default generator's last reset."""
    return default_generator().initial_seed()


def numpy_generator(generator: Generator | None) -> np.random.Generator:
    """Return the NumPy generator of a generator, or of the default generator for None."""
    return (generator or default_generator()).numpy
