"""Operations on booleans and on the bits of integers, element by element. They have no derivative."""

import numpy as np

from minigrad.ops.ufunc import from_ufunc

bitwise_and = from_ufunc("bitwise_and", np.bitwise_and, "a & b: logical for booleans, bit by bit for integers.")
bitwise_or = from_ufunc("bitwise_or", np.bitwise_or, "a | b: logical for booleans, bit by bit for integers.")
bitwise_xor = from_ufunc("bitwise_xor", np.bitwise_xor, "a ^ b: logical for booleans, bit by bit for integers.")
bitwise_left_shift = from_ufunc(
    "bitwise_left_shift", np.left_shift, "a << b: the bits of a shifted left by b, 0 if b is negative or too large."
)
bitwise_right_shift = from_ufunc(
    "bitwise_right_shift",
    np.right_shift,
    "a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large.",
)
bitwise_not = from_ufunc("bitwise_not", np.invert, "~x: logical for booleans, bit by bit for integers.")
