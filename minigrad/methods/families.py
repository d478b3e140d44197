"""The classes whose public methods are functions too, and whose marked methods have in-place forms.

See `minigrad.methods.interface`.
"""

from minigrad.methods.arithmetic import ArithmeticMethods
from minigrad.methods.indexing import IndexingMethods
from minigrad.methods.linalg import LinearAlgebraMethods
from minigrad.methods.primitive_methods import PrimitiveMethods
from minigrad.methods.reduction import ReductionMethods
from minigrad.methods.sampling import SamplingMethods
from minigrad.methods.shape import ShapeMethods

FAMILIES = (
    PrimitiveMethods, ArithmeticMethods, IndexingMethods, LinearAlgebraMethods, ReductionMethods, SamplingMethods,
    ShapeMethods,
)  # fmt: skip
