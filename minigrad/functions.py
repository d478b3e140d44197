"""torch's functions that are also methods: ``exp(x)`` is ``x.exp()``, and the method does it.

There is one for each public method of `FAMILIES` that is not marked as a method only. Type checkers read ``functions.pyi``,
see `tests/stubs.py`.
"""

from minigrad.methods.families import FAMILIES
from minigrad.methods.interface import function_methods, function_of
from minigrad.methods.shape import ShapeMethods
from minigrad.tensor import Tensor

_METHODS = [(method, family is not ShapeMethods) for family in FAMILIES for method in function_methods(family)]
_METHODS += [(method, False) for method in (Tensor.clone, Tensor.is_floating_point, Tensor.numel)]
_FUNCTIONS = {method.__name__: function_of(method, __name__, takes_out) for method, takes_out in _METHODS}

globals().update(_FUNCTIONS)
__all__ = list(_FUNCTIONS)
