# What type checkers and editors see of minigrad.methods.primitive_methods. Written by `python -m tests.stubs`; do not edit.

from typing import Self
from minigrad.methods.conversion import ConversionMethods
from minigrad.promotion import Operand

class PrimitiveMethods(ConversionMethods):
    """exp, maximum and the other public primitives."""

    def abs(self) -> Self:
        """|x|, with derivative 0 at 0."""

    def acos(self) -> Self:
        """The angle in radians, from 0 to pi, whose cosine is x."""

    def asin(self) -> Self:
        """The angle in radians, from -pi/2 to pi/2, whose sine is x."""

    def atan(self) -> Self:
        """The angle in radians, from -pi/2 to pi/2, whose tangent is x."""

    def atan2(self, other: Self) -> Self:
        """The angle in radians, from -pi to pi, of the point (b, a); the derivatives at the origin are 0."""

    def bitwise_and(self, other: Operand) -> Self:
        """a & b: logical for booleans, bit by bit for integers."""

    def bitwise_left_shift(self, other: Operand) -> Self:
        """a << b: the bits of a shifted left by b, 0 if b is negative or too large."""

    def bitwise_not(self) -> Self:
        """~x: logical for booleans, bit by bit for integers."""

    def bitwise_or(self, other: Operand) -> Self:
        """a | b: logical for booleans, bit by bit for integers."""

    def bitwise_right_shift(self, other: Operand) -> Self:
        """a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large."""

    def bitwise_xor(self, other: Operand) -> Self:
        """a ^ b: logical for booleans, bit by bit for integers."""

    def ceil(self) -> Self:
        """Round up."""

    def cos(self) -> Self:
        """Cosine; x in radians."""

    def cosh(self) -> Self:
        """Hyperbolic cosine."""

    def eq(self, other: Operand) -> Self:
        """a == b."""

    def erf(self) -> Self:
        """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    def erfc(self) -> Self:
        """1 - erf(x), right to its last digits also where erf(x) is almost 1."""

    def exp(self) -> Self:
        """e to the power x."""

    def exp2(self) -> Self:
        """2 to the power x."""

    def expm1(self) -> Self:
        """exp(x) - 1, accurate also near 0."""

    def floor(self) -> Self:
        """Round down."""

    def ge(self, other: Operand) -> Self:
        """a >= b."""

    def gt(self, other: Operand) -> Self:
        """a > b."""

    def isfinite(self) -> Self:
        """Whether each element is neither infinite nor NaN."""

    def isinf(self) -> Self:
        """Whether each element is infinite."""

    def isnan(self) -> Self:
        """Whether each element is NaN."""

    def le(self, other: Operand) -> Self:
        """a <= b."""

    def log(self) -> Self:
        """Natural logarithm; NaN below 0, -inf at 0."""

    def log10(self) -> Self:
        """Logarithm to base 10."""

    def log1p(self) -> Self:
        """log(1 + x), accurate also near 0."""

    def log2(self) -> Self:
        """Logarithm to base 2."""

    def logaddexp(self, other: Self) -> Self:
        """log(exp(a) + exp(b)), without overflow."""

    def lt(self, other: Operand) -> Self:
        """a < b."""

    def maximum(self, other: Self) -> Self:
        """The larger of a and b, or NaN; equal operands share the gradient."""

    def minimum(self, other: Self) -> Self:
        """The smaller of a and b, or NaN; equal operands share the gradient."""

    def ne(self, other: Operand) -> Self:
        """a != b."""

    def neg(self) -> Self:
        """-x."""

    def reciprocal(self) -> Self:
        """1 / x."""

    def relu(self) -> Self:
        """max(x, 0), with derivative 0 at 0."""

    def rsqrt(self) -> Self:
        """1 / sqrt(x)."""

    def sigmoid(self) -> Self:
        """1 / (1 + exp(-x)), without overflow."""

    def sign(self) -> Self:
        """-1, 0 or 1; 0 for NaN."""

    def sin(self) -> Self:
        """Sine; x in radians."""

    def sinh(self) -> Self:
        """Hyperbolic sine."""

    def sqrt(self) -> Self:
        """Square root, with derivative inf at 0."""

    def tan(self) -> Self:
        """Tangent; x in radians."""

    def tanh(self) -> Self:
        """Hyperbolic tangent."""

    def trunc(self) -> Self:
        """Round towards 0."""

    def xlogy(self, other: Self) -> Self:
        """x log(y), and 0 where x is 0, unless y is NaN."""
