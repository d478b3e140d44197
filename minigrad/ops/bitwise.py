"""Operations on booleans and on the bits of integers, element by element. They have no derivative."""

import numpy as np

from minigrad.ops.comparison import without_derivative

bitwise_and = without_derivative("bitwise_and", np.bitwise_and, "a & b: logical for booleans, bit by bit for integers.")
bitwise_or = without_derivative("bitwise_or", np.bitwise_or, "a | b: logical for booleans, bit by bit for integers.")
bitwise_xor = without_derivative("bitwise_xor", np.bitwise_xor, "a ^ b: logical for booleans, bit by bit for integers.")
bitwise_left_shift = without_derivative(
    "bitwise_left_shift", np.left_shift, "a << b: the bits of a shifted left by b, 0 if b is negative or too large."
)
bitwise_right_shift = without_derivative(
    "bitwise_right_shift",
    np.right_shift,
    "a >> b: the bits of a shifted right by b; 0 or -1, by the sign of a, if b is negative or too large.",
)
bitwise_not = without_derivative("bitwise_not", np.invert, "~x: logical for booleans, bit by bit for integers.")
