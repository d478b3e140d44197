"""What a Tensor can do, family by family: torch's methods, each a line that names its primitive.

The classes here are mixed into `Tensor`. They know the table of primitives, not Tensor itself.
"""

from minigrad.methods.arithmetic import Arithmetic
from minigrad.methods.carrier import Carrier
from minigrad.methods.conversion import Conversion
from minigrad.methods.drawing import Drawing
from minigrad.methods.elementary import Elementary
from minigrad.methods.gradient import Gradients
from minigrad.methods.indexing import Indexing
from minigrad.methods.inplace import InPlace
from minigrad.methods.interop import Interop
from minigrad.methods.linear import Linear
from minigrad.methods.reduction import Reductions
from minigrad.methods.shape import Shapes

__all__ = [
    "Arithmetic",
    "Carrier",
    "Conversion",
    "Drawing",
    "Elementary",
    "Gradients",
    "InPlace",
    "Indexing",
    "Interop",
    "Linear",
    "Reductions",
    "Shapes",
]
