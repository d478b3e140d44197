"""The public primitives as methods: ``x.exp()``. Type checkers read ``primitive_methods.pyi``, see `tests/stubs.py`."""

from __future__ import annotations

import minigrad.ops  # noqa: F401 - defines the primitives
from minigrad.methods.conversion import ConversionMethods
from minigrad.methods.interface import method_of
from minigrad.primitive import primitives

PrimitiveMethods = type(
    "PrimitiveMethods",
    (ConversionMethods,),
    {
        "__doc__": "exp, maximum and the other public primitives.",
        "__module__": __name__,
        **{op.name: method_of(op) for op in primitives.values() if op.public},
    },
)
