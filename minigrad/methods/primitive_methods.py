"""The public primitives as methods: ``x.exp()``. Type checkers read ``primitive_methods.pyi``, see `tests/stubs.py`."""

import minigrad.ops  # noqa: F401 - defines the primitives
from minigrad.methods.conversion import ConversionMethods
from minigrad.methods.interface import method_of
from minigrad.primitive import primitives


class PrimitiveMethods(ConversionMethods):
    """exp, maximum and the other public primitives."""

    locals().update({op.name: method_of(op) for op in primitives.values() if op.public})
