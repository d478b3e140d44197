"""Conversion to Python scalars, NumPy, DLPack and pickle."""

from copy import deepcopy
from typing import Any, Self

import numpy as np

from minigrad.autodiff import Version
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.dtypes import unwrap_scalar
from minigrad.grad_mode import tell, thread
from minigrad.methods.arithmetic import ArithmeticMethods
from minigrad.primitive import Array, primitives
from minigrad.promotion import as_operand

LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not")
SAME_NAME = ("floor_divide", "remainder", "sign", "square", "matmul", *LOGICAL)
UFUNC_METHODS = {np.power: "pow", np.rint: "round", **{getattr(np, name): name for name in SAME_NAME}}
"""The methods that equal a ufunc which no primitive has."""

UFUNC_PRIMITIVES = {op.ufunc: op for op in primitives.values() if op.ufunc is not None}


def _rebuild_tensor(kind: type[Any], array: Array, requires_grad: bool) -> Any:
    """Return a leaf of the given class around an array; what pickle and deepcopy call."""
    tensor = object.__new__(kind)
    tensor.array = array
    tensor.version = Version()
    tensor._requires_grad = requires_grad
    return tensor


@methods_explain_errors
class InteropMethods(ArithmeticMethods):
    """item, numpy, pickle, deepcopy and related methods."""

    def item(self) -> Any:
        """Return the only element as a Python scalar.

        Raises:
            RuntimeError: There is not exactly one element.
        """
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        tell("before_read", self, "item()")
        return self.array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python scalars; a scalar for a 0-d tensor."""
        tell("before_read", self, "tolist()")
        return self.array.tolist()

    def numpy(self) -> Array:
        """Return the elements as an array that shares memory with the tensor.

        A write to the array changes the tensor, but is not noticed if the values were saved for backward: write to the tensor
        instead where that matters.

        Raises:
            RuntimeError: The tensor requires a gradient, which NumPy does not compute, and recording is on.
        """
        if thread.state.grad_enabled and self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        tell("before_read", self, "numpy()")
        return self.array.view()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Self:
        """Make ``np.exp(tensor)`` and ``array * tensor`` operations on tensors, which are recorded."""
        op, method_name = UFUNC_PRIMITIVES.get(ufunc), UFUNC_METHODS.get(ufunc)
        if (op is None and method_name is None) or method != "__call__" or options:
            called = f"numpy.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
            how = " with " + ", ".join(options) if options else ""
            raise TypeError(
                f"{called}{how} has no gradient rule for Tensors: use a method of Tensor, or call it on "
                "tensor.detach().numpy()"
            )
        if method_name is None:
            return op(*inputs)  # type: ignore[no-any-return, misc]
        first, *others = (as_operand(x, self) for x in inputs)
        result: Self = getattr(first, method_name)(*others)
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: Array, context: Any = None, return_scalar: bool = False) -> Self:
        """Return the result of a NumPy function such as ``np.cumsum``, which keeps the type of its argument, as a tensor."""
        return as_operand(array, self)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(f"Boolean value of Tensor with {self.array.size} values is ambiguous: use any() or all()")
        return bool(self._scalar("its truth value"))

    def __int__(self) -> int:
        return int(self._scalar("int()"))

    def __float__(self) -> float:
        return float(self._scalar("float()"))

    def _scalar(self, how: str) -> Any:
        if self.array.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars, but this has {self.array.size}")
        tell("before_read", self, how)
        return self.array.item()

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._scalar("an index"))

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, InteropMethods | bool | int | float | np.generic):
            raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}.")
        tell("before_read", self, "in")
        if isinstance(value, InteropMethods):
            return bool((self == value).array.any())
        try:
            return bool(thread.state.without_warnings(np.equal, self.array, unwrap_scalar(value)).any())
        except OverflowError as error:
            raise RuntimeError(f"Tensor.__contains__(): {error}") from error

    def __dlpack__(self, **options: Any) -> Any:
        """Export the memory to another library without a copy, as in ``torch.from_dlpack(tensor)``.

        Raises:
            BufferError: The tensor requires a gradient, or the memory is read-only and the other library cannot know.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        tell("before_read", self, "DLPack")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor, (type(self), self._leaf_array(), self._requires_grad), self._user_attributes()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy, a leaf with memory of its own, also if this tensor is a view."""
        copied: Self = _rebuild_tensor(type(self), self._leaf_array().copy("K"), self._requires_grad)
        memo[id(self)] = copied
        vars(copied).update(deepcopy(self._user_attributes(), memo))
        if self._grad is not None:
            copied._grad = deepcopy(self._grad, memo)
        return copied

    def _user_attributes(self) -> dict[str, Any]:
        """Return the attributes that the user has set on this tensor."""
        own = ("array", "hooks", "node", "version")
        return {name: value for name, value in vars(self).items() if name[0] != "_" and name not in own}

    def _leaf_array(self) -> Array:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol and pickle: "
                "detach() it first"
            )
        return self.array
