# What type checkers and editors see of minigrad.methods.in_place_forms. Written by `python -m tests.stubs`; do not edit.

from collections.abc import Sequence
from typing import Any
from typing import Self
from minigrad.promotion import Operand
from minigrad.promotion import Scalar
from minigrad.views import ViewTracking

class InPlaceForms(ViewTracking):
    """add_, exp_ and the other in-place forms of methods."""

    def __iadd__(self, other: Operand) -> Self:
        """In-place version of `add`: the result goes into the memory of self, which is returned."""

    def __iand__(self, other: Operand) -> Self:
        """In-place version of `and`: the result goes into the memory of self, which is returned."""

    def __ifloordiv__(self, other: Operand) -> Self:
        """In-place version of `floordiv`: the result goes into the memory of self, which is returned."""

    def __ilshift__(self, other: Operand) -> Self:
        """In-place version of `lshift`: the result goes into the memory of self, which is returned."""

    def __imod__(self, other: Operand) -> Self:
        """In-place version of `mod`: the result goes into the memory of self, which is returned."""

    def __imul__(self, other: Operand) -> Self:
        """In-place version of `mul`: the result goes into the memory of self, which is returned."""

    def __ior__(self, other: Operand) -> Self:
        """In-place version of `or`: the result goes into the memory of self, which is returned."""

    def __ipow__(self, exponent: Operand) -> Self:
        """In-place version of `pow`: the result goes into the memory of self, which is returned."""

    def __irshift__(self, other: Operand) -> Self:
        """In-place version of `rshift`: the result goes into the memory of self, which is returned."""

    def __isub__(self, other: Operand) -> Self:
        """In-place version of `sub`: the result goes into the memory of self, which is returned."""

    def __itruediv__(self, other: Operand) -> Self:
        """In-place version of `truediv`: the result goes into the memory of self, which is returned."""

    def __ixor__(self, other: Operand) -> Self:
        """In-place version of `xor`: the result goes into the memory of self, which is returned."""

    def abs_(self) -> Self:
        """In-place version of `abs`: the result goes into the memory of self, which is returned."""

    def acos_(self) -> Self:
        """In-place version of `acos`: the result goes into the memory of self, which is returned."""

    def add_(self, other: Operand, *, alpha: float = 1) -> Self:
        """In-place version of `add`: the result goes into the memory of self, which is returned."""

    def addcdiv_(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """In-place version of `addcdiv`: the result goes into the memory of self, which is returned."""

    def addcmul_(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """In-place version of `addcmul`: the result goes into the memory of self, which is returned."""

    def addmm_(self, mat1: Self, mat2: Self, *, beta: float = 1, alpha: float = 1) -> Self:
        """In-place version of `addmm`: the result goes into the memory of self, which is returned."""

    def asin_(self) -> Self:
        """In-place version of `asin`: the result goes into the memory of self, which is returned."""

    def atan2_(self, other: Self) -> Self:
        """In-place version of `atan2`: the result goes into the memory of self, which is returned."""

    def atan_(self) -> Self:
        """In-place version of `atan`: the result goes into the memory of self, which is returned."""

    def bitwise_and_(self, other: Operand) -> Self:
        """In-place version of `bitwise_and`: the result goes into the memory of self, which is returned."""

    def bitwise_left_shift_(self, other: Operand) -> Self:
        """In-place version of `bitwise_left_shift`: the result goes into the memory of self, which is returned."""

    def bitwise_not_(self) -> Self:
        """In-place version of `bitwise_not`: the result goes into the memory of self, which is returned."""

    def bitwise_or_(self, other: Operand) -> Self:
        """In-place version of `bitwise_or`: the result goes into the memory of self, which is returned."""

    def bitwise_right_shift_(self, other: Operand) -> Self:
        """In-place version of `bitwise_right_shift`: the result goes into the memory of self, which is returned."""

    def bitwise_xor_(self, other: Operand) -> Self:
        """In-place version of `bitwise_xor`: the result goes into the memory of self, which is returned."""

    def ceil_(self) -> Self:
        """In-place version of `ceil`: the result goes into the memory of self, which is returned."""

    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """In-place version of `clamp`: the result goes into the memory of self, which is returned."""

    def clip_(self, min: Any = None, max: Any = None) -> Self:
        """In-place version of `clip`: the result goes into the memory of self, which is returned."""

    def cos_(self) -> Self:
        """In-place version of `cos`: the result goes into the memory of self, which is returned."""

    def cosh_(self) -> Self:
        """In-place version of `cosh`: the result goes into the memory of self, which is returned."""

    def cumprod_(self, dim: int, *, dtype: Any = None) -> Self:
        """In-place version of `cumprod`: the result goes into the memory of self, which is returned."""

    def cumsum_(self, dim: int, *, dtype: Any = None) -> Self:
        """In-place version of `cumsum`: the result goes into the memory of self, which is returned."""

    def div_(self, other: Operand, *, rounding_mode: str | None = None) -> Self:
        """In-place version of `div`: the result goes into the memory of self, which is returned."""

    def eq_(self, other: Operand) -> Self:
        """In-place version of `eq`: the result goes into the memory of self, which is returned."""

    def erf_(self) -> Self:
        """In-place version of `erf`: the result goes into the memory of self, which is returned."""

    def erfc_(self) -> Self:
        """In-place version of `erfc`: the result goes into the memory of self, which is returned."""

    def exp2_(self) -> Self:
        """In-place version of `exp2`: the result goes into the memory of self, which is returned."""

    def exp_(self) -> Self:
        """In-place version of `exp`: the result goes into the memory of self, which is returned."""

    def expm1_(self) -> Self:
        """In-place version of `expm1`: the result goes into the memory of self, which is returned."""

    def floor_(self) -> Self:
        """In-place version of `floor`: the result goes into the memory of self, which is returned."""

    def floor_divide_(self, other: Operand) -> Self:
        """In-place version of `floor_divide`: the result goes into the memory of self, which is returned."""

    def fmod_(self, other: Operand) -> Self:
        """In-place version of `fmod`: the result goes into the memory of self, which is returned."""

    def ge_(self, other: Operand) -> Self:
        """In-place version of `ge`: the result goes into the memory of self, which is returned."""

    def gt_(self, other: Operand) -> Self:
        """In-place version of `gt`: the result goes into the memory of self, which is returned."""

    def index_add_(self, dim: int, index: Self, source: Self, *, alpha: float = 1) -> Self:
        """In-place version of `index_add`: the result goes into the memory of self, which is returned."""

    def index_copy_(self, dim: int, index: Self, source: Self) -> Self:
        """In-place version of `index_copy`: the result goes into the memory of self, which is returned."""

    def index_fill_(self, dim: int, index: Self, value: Operand) -> Self:
        """In-place version of `index_fill`: the result goes into the memory of self, which is returned."""

    def index_put_(self, indices: Sequence[Self], values: Self, accumulate: bool = False) -> Self:
        """In-place version of `index_put`: the result goes into the memory of self, which is returned."""

    def le_(self, other: Operand) -> Self:
        """In-place version of `le`: the result goes into the memory of self, which is returned."""

    def lerp_(self, end: Self, weight: Operand) -> Self:
        """In-place version of `lerp`: the result goes into the memory of self, which is returned."""

    def log10_(self) -> Self:
        """In-place version of `log10`: the result goes into the memory of self, which is returned."""

    def log1p_(self) -> Self:
        """In-place version of `log1p`: the result goes into the memory of self, which is returned."""

    def log2_(self) -> Self:
        """In-place version of `log2`: the result goes into the memory of self, which is returned."""

    def log_(self) -> Self:
        """In-place version of `log`: the result goes into the memory of self, which is returned."""

    def logical_and_(self, other: Self) -> Self:
        """In-place version of `logical_and`: the result goes into the memory of self, which is returned."""

    def logical_not_(self) -> Self:
        """In-place version of `logical_not`: the result goes into the memory of self, which is returned."""

    def logical_or_(self, other: Self) -> Self:
        """In-place version of `logical_or`: the result goes into the memory of self, which is returned."""

    def logical_xor_(self, other: Self) -> Self:
        """In-place version of `logical_xor`: the result goes into the memory of self, which is returned."""

    def lt_(self, other: Operand) -> Self:
        """In-place version of `lt`: the result goes into the memory of self, which is returned."""

    def masked_fill_(self, mask: Self, value: Operand) -> Self:
        """In-place version of `masked_fill`: the result goes into the memory of self, which is returned."""

    def mul_(self, other: Operand) -> Self:
        """In-place version of `mul`: the result goes into the memory of self, which is returned."""

    def ne_(self, other: Operand) -> Self:
        """In-place version of `ne`: the result goes into the memory of self, which is returned."""

    def neg_(self) -> Self:
        """In-place version of `neg`: the result goes into the memory of self, which is returned."""

    def pow_(self, exponent: Operand) -> Self:
        """In-place version of `pow`: the result goes into the memory of self, which is returned."""

    def reciprocal_(self) -> Self:
        """In-place version of `reciprocal`: the result goes into the memory of self, which is returned."""

    def relu_(self) -> Self:
        """In-place version of `relu`: the result goes into the memory of self, which is returned."""

    def remainder_(self, other: Operand) -> Self:
        """In-place version of `remainder`: the result goes into the memory of self, which is returned."""

    def round_(self, *, decimals: int = 0) -> Self:
        """In-place version of `round`: the result goes into the memory of self, which is returned."""

    def rsqrt_(self) -> Self:
        """In-place version of `rsqrt`: the result goes into the memory of self, which is returned."""

    def scatter_(self, dim: int, index: Self, src: Self | Scalar | None = None, *, value: Scalar | None = None) -> Self:
        """In-place version of `scatter`: the result goes into the memory of self, which is returned."""

    def scatter_add_(self, dim: int, index: Self, src: Self) -> Self:
        """In-place version of `scatter_add`: the result goes into the memory of self, which is returned."""

    def sigmoid_(self) -> Self:
        """In-place version of `sigmoid`: the result goes into the memory of self, which is returned."""

    def sign_(self) -> Self:
        """In-place version of `sign`: the result goes into the memory of self, which is returned."""

    def sin_(self) -> Self:
        """In-place version of `sin`: the result goes into the memory of self, which is returned."""

    def sinh_(self) -> Self:
        """In-place version of `sinh`: the result goes into the memory of self, which is returned."""

    def sqrt_(self) -> Self:
        """In-place version of `sqrt`: the result goes into the memory of self, which is returned."""

    def square_(self) -> Self:
        """In-place version of `square`: the result goes into the memory of self, which is returned."""

    def sub_(self, other: Operand, *, alpha: float = 1) -> Self:
        """In-place version of `sub`: the result goes into the memory of self, which is returned."""

    def tan_(self) -> Self:
        """In-place version of `tan`: the result goes into the memory of self, which is returned."""

    def tanh_(self) -> Self:
        """In-place version of `tanh`: the result goes into the memory of self, which is returned."""

    def tril_(self, diagonal: int = 0) -> Self:
        """In-place version of `tril`: the result goes into the memory of self, which is returned."""

    def triu_(self, diagonal: int = 0) -> Self:
        """In-place version of `triu`: the result goes into the memory of self, which is returned."""

    def trunc_(self) -> Self:
        """In-place version of `trunc`: the result goes into the memory of self, which is returned."""

    def xlogy_(self, other: Self) -> Self:
        """In-place version of `xlogy`: the result goes into the memory of self, which is returned."""
