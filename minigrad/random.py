"""Random number generators. A `Generator` wraps a `numpy.random.Generator`; its streams differ from torch's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from minigrad.grad_mode import call_numpy

__all__ = ["Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


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
        """Reset the generator to a seed (taken modulo 2^64) and return it. Equal seeds give equal streams.

        Raises:
            TypeError: The seed is no number.
        """
        try:
            self._seed = int(seed)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"manual_seed(): argument 'seed' must be int, not {type(seed).__name__}") from error
        self.numpy = np.random.default_rng(self._seed % 2**64)
        return self

    def seed(self) -> int:
        """Reset the generator to a 64-bit seed from the operating system's entropy and return the seed."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed of the last reset."""
        return self._seed

    def get_state(self) -> Any:
        """Return the state, which `set_state` takes back: a dict of the seed and NumPy's state (torch: a tensor of bytes)."""
        return {"seed": self._seed, "numpy": self.numpy.bit_generator.state}

    def set_state(self, new_state: Any) -> None:
        """Go on from a state that `get_state` has returned.

        Raises:
            TypeError: It is no such state.
        """
        if not isinstance(new_state, dict) or new_state.keys() != {"seed", "numpy"}:
            raise TypeError("expected a state that get_state() of a minigrad Generator has returned")
        self._seed, self.numpy.bit_generator.state = new_state["seed"], new_state["numpy"]


class _InUse(threading.local):
    generator: Generator | None = None


_in_use = _InUse()


@cache
def _shared_generator() -> Generator:
    return Generator()


def default_generator() -> Generator:
    """Return the default generator, which is used wherever no generator is given."""
    return _in_use.generator or _shared_generator()


@contextmanager
def use_generator(generator: Generator) -> Iterator[None]:
    """Let a generator be the default one of this thread inside a ``with`` block; other threads draw on as before.

    `manual_seed` resets that generator there. (torch has `torch.random.fork_rng`, which is not safe between threads.)

    >>> from minigrad import rand
    >>> draws = []
    >>> for _ in range(2):
    ...     with use_generator(Generator().manual_seed(0)):
    ...         draws.append(rand(1).item())
    >>> draws[0] == draws[1]
    True
    """
    previous, _in_use.generator = _in_use.generator, generator
    try:
        yield
    finally:
        _in_use.generator = previous


def manual_seed(seed: int) -> Generator:
    """Reset the default generator to a seed and return it, as `torch.manual_seed`."""
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Reset the default generator to a seed from the operating system's entropy and return the seed."""
    return default_generator().seed()


def initial_seed() -> int:
    """Return the seed of the default generator's last reset."""
    return default_generator().initial_seed()


def get_rng_state() -> Any:
    """Return the state of the default generator, as `torch.get_rng_state`."""
    return default_generator().get_state()


def set_rng_state(new_state: Any) -> None:
    """Set the state of the default generator, as `torch.set_rng_state`."""
    default_generator().set_state(new_state)


def numpy_generator(generator: Generator | None) -> np.random.Generator:
    """Return the NumPy generator of a generator, or of the default generator for None."""
    return (generator or default_generator()).numpy


def draw(generator: Generator | None, method: str, *args: Any) -> np.ndarray[Any, Any]:
    """Return what a method of a generator, or of the default one for None, draws."""
    return call_numpy(_drawn, generator, method, *args, draws=True)


def _drawn(generator: Generator | None, method: str, *args: Any) -> np.ndarray[Any, Any]:
    return np.asarray(getattr(numpy_generator(generator), method)(*args))
