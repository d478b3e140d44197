"""The arguments of torch's legacy constructors: ``Tensor(2, 3)`` has sizes, ``Tensor([2, 3])`` data."""

from typing import Any

import numpy as np


def legacy_data(args: tuple[Any, ...]) -> Any:
    """Return the data that a legacy constructor makes a tensor of: its one argument, or zeros of the sizes.

    Without arguments there is no element. torch leaves the memory of the sizes uninitialized.

    Raises:
        TypeError: There are several arguments, and not all are sizes.

    >>> legacy_data(([2, 3],)), legacy_data((2, 3)).shape, legacy_data(()).shape
    ([2, 3], (2, 3), (0,))
    """
    if all(isinstance(arg, int) for arg in args):
        if any(size < 0 for size in args):
            raise RuntimeError(f"Trying to create tensor with negative dimension: {list(args)}")
        return np.zeros(args or 0)
    if len(args) > 1:
        raise TypeError("a tensor is made of one nested sequence, or of sizes that are integers")
    if isinstance(args[0], float):
        raise TypeError(f"a tensor of a number is made by tensor({args[0]}), one of a size by an integer")
    return args[0]
