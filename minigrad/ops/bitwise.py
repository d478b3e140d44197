"""Operations on booleans and on the bits of integers, element by element. They have no derivative."""

import numpy as np

from minigrad.primitive import Array, elementwise


@elementwise(ufunc=np.bitwise_and)
def bitwise_and(a: Array, b: Array) -> Array:
    """a & b: logical for booleans, bit by bit for integers."""
    return np.bitwise_and(a, b)


@elementwise(ufunc=np.bitwise_or)
def bitwise_or(a: Array, b: Array) -> Array:
    """a | b: logical for booleans, bit by bit for integers."""
    return np.bitwise_or(a, b)


@elementwise(ufunc=np.bitwise_xor)
def bitwise_xor(a: Array, b: Array) -> Array:
    """a ^ b: logical for booleans, bit by bit for integers."""
    return np.bitwise_xor(a, b)


@elementwise(ufunc=np.left_shift)
def bitwise_left_shift(a: Array, b: Array) -> Array:
    """a << b: the bits of a shifted left by b, 0 if b is negative or too large."""
    return np.left_shift(a, b)


@elementwise(ufunc=np.right_shift)
def bitwise_right_shift(a: Array, b: Array) -> Array:
    """a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large."""
    return np.right_shift(a, b)


@elementwise(ufunc=np.invert)
def bitwise_not(x: Array) -> Array:
    """~x: logical for booleans, bit by bit for integers."""
    return np.invert(x)
