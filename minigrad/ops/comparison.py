"""Comparison, element by element. The results are booleans, which have no derivative."""

import numpy as np

from minigrad.ops.ufunc import from_ufunc

eq = from_ufunc("eq", np.equal, "a == b.")
ne = from_ufunc("ne", np.not_equal, "a != b.")
lt = from_ufunc("lt", np.less, "a < b.")
le = from_ufunc("le", np.less_equal, "a <= b.")
gt = from_ufunc("gt", np.greater, "a > b.")
ge = from_ufunc("ge", np.greater_equal, "a >= b.")

isnan = from_ufunc("isnan", np.isnan, "Whether each element is NaN.", in_place=False)
isinf = from_ufunc("isinf", np.isinf, "Whether each element is infinite.", in_place=False)
isfinite = from_ufunc("isfinite", np.isfinite, "Whether each element is neither infinite nor NaN.", in_place=False)
