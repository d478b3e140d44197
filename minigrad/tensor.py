"""Tensor: the class with all of torch's methods. What they do stands in `minigrad.methods`, family by family."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad import autodiff, dtypes, printing
from minigrad.autodiff import TensorBase, Version
from minigrad.backend import current
from minigrad.compat.constructor import legacy_data
from minigrad.grad_mode import tell
from minigrad.methods.indexing import IndexingMethods
from minigrad.methods.inplace import InPlaceMethods
from minigrad.methods.interop import InteropMethods
from minigrad.methods.linalg import LinearAlgebraMethods
from minigrad.methods.reduction import ReductionMethods
from minigrad.methods.sampling import SamplingMethods
from minigrad.methods.shape import ShapeMethods
from minigrad.primitive import Primitive

__all__ = ["Tensor", "wrap"]


class Tensor(
    InPlaceMethods, IndexingMethods, InteropMethods, LinearAlgebraMethods, ReductionMethods, ShapeMethods, SamplingMethods
):
    """A multi-dimensional array that can remember how it was computed. Equals ``torch.Tensor``.

    ``Tensor(data)`` copies a nested list, an array or a tensor into the default dtype, ``Tensor(2, 3)`` is zeros of that
    shape; `minigrad.tensor` keeps the dtype of the data. A tensor that is not the result of a recorded operation is a *leaf*;
    the leaves that require a gradient get it in `grad` when `backward` is called on a result.

    Every method and argument is torch's. Beside them, for code that works on the arrays and the graph, there are

    ==========  ======================================================================
    `array`     the NumPy array that holds the values (users call `numpy()`)
    `node`      the recorded operation, None for a leaf (users read `grad_fn`)
    `version`   the version counter that all tensors share that share the memory
    ==========  ======================================================================

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, *data: Any) -> None:
        self.array = np.array(legacy_data(data), dtypes.get_default_dtype().numpy)
        self.version = Version()

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return current.backend.apply(op, inputs, attributes)

    def __repr__(self) -> str:
        tell("before_read", self, "repr()")
        return printing.render(self.array, self._suffix())

    def _suffix(self) -> str:
        if self.grad_fn is not None:
            return f"grad_fn={self.grad_fn}"
        return "requires_grad=True" if self._requires_grad else ""

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else object.__format__(self, spec)


TensorBase.result_class = Tensor
wrap: Callable[..., Tensor] = autodiff.wrap
