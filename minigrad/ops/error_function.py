"""The error function and its complement: one formula with two lengths, right to a few units of the last digit.

With t = 1 / (1 + z / 2) for z >= 0, log(erfc(z) exp(z^2) / t) is smooth in t from 0 to 1, so that a polynomial in 2 t - 1
gives it. The coefficients are those of its Chebyshev series, computed with 60 digits. erf and erfc have a relative error of
at most 5 eps, the distance from 1 to the next number.
Near 0, erf(x) / x is a polynomial in x^2. In float32, where it matters how long it takes, erf(x) = tanh(x p(x^2)) with a
polynomial p that makes the greatest relative error the least, 2 eps without roundings. Likewise the distribution function
of N(0, 1) is 1 / (1 + exp(x p(x^2))) near 0, to 7 units of the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.ops.blocks import in_blocks
from minigrad.ops.elementary import exp, sigmoid
from minigrad.primitive import Array, elementwise

TAIL64 = (
    -0.6717940840566922, 0.6726432239776583, 0.047343306841863934, -0.04689561023132638, -0.009872689364120057,
    0.008824938561243069, 0.0017589335078153025, -0.0023458125521297903, -0.00014624629161194094, 0.0006736791292842566,
    -9.373892271328236e-05, -0.0001743041048828706, 7.141801060885491e-05, 3.174686873703316e-05, -3.0237610141332517e-05,
    1.40009642208269e-07, 8.662159471374243e-06, -2.9636148766569995e-06, -1.4090427526132957e-06, 1.2834868469829028e-06,
    -4.174164334092238e-08, -2.8959934161830074e-07, 7.756155506254034e-08, 2.9811468280964467e-08, -1.2793962628944934e-08,
)  # fmt: skip
TAIL32 = (
    -0.671794092, 0.672642217, 0.0473438876, -0.0468748882, -0.00988001932, 0.00870381204, 0.00179406625, -0.00204873476,
    -0.000227910966, 0.000333735894, 8.00073816e-06,
)  # fmt: skip
CENTRE64 = (
    1.1283791670955126, -0.37612638903183543, 0.1128379167094513, -0.026866170643256995, 0.005223977607269946,
    -0.0008548325982543225, 0.00012055295112667001, -1.4924740785377576e-05, 1.6447471190594618e-06,
    -1.6208829856810202e-07, 1.3721520406351094e-08, -7.798543850549947e-10,
)  # fmt: skip
ATANH_OF_ERF32 = (
    1.12837925, 0.102769864, -0.000195288104, -0.000614838305, 8.45966148e-05, -4.79461273e-06, 2.75769608e-08,
    5.42156465e-09,
)  # fmt: skip


NEAR32 = 2.5
LOGIT_OF_CDF32 = (
    -1.59576946, -0.0726690745, 7.0086592e-05, 0.000107449688, -7.01521839e-06, 1.45082469e-07, 2.24254899e-09,
)  # fmt: skip


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Return the sum of coefficients[k] x^k, in the dtype of x."""
    total = coefficients[-1] * x
    for c in coefficients[-2:0:-1]:
        total += c
        total *= x
    total += coefficients[0]
    return total


def _tail(z: Array, x: Array, half: float, exact: bool) -> Array:
    """Return erfc(z) for z >= 0, where z^2 = half x^2. If not exact, the rounding of x^2 becomes that of an exponent."""
    t = 0.5 * z
    t += 1
    np.reciprocal(t, out=t)
    p = polynomial(TAIL64 if z.dtype == np.float64 else TAIL32, 2 * t - 1)
    x = np.minimum(x, 64)
    if not exact:
        p -= half * x * x
        t *= np.exp(p, out=p)
        return t
    h = np.rint(x * 16) / 16  # so few digits that h^2 is exact
    p -= half * (x - h) * (x + h)
    t *= np.exp(p, out=p)
    t *= np.exp(-half * h * h)
    return t


@in_blocks
def _erfc(x: Array, out: Array) -> None:
    z = np.abs(x)
    np.copysign(_tail(z, z, 1.0, exact=True), x, out=out)
    out += x.dtype.type(2) * np.signbit(x)  # without a choice, which takes as long as all the rest


@in_blocks
def _erf(x: Array, out: Array) -> None:
    if x.dtype == np.float32:
        np.multiply(x, polynomial(ATANH_OF_ERF32, np.minimum(x * x, 16)), out=out)
        np.tanh(out, out=out)
        return
    z = np.abs(x)
    np.copysign(1 - _tail(z, z, 1.0, exact=False), x, out=out)
    near = np.flatnonzero(z < 0.75)
    part = x.take(near)
    out.put(near, part * polynomial(CENTRE64, part * part))


SLOPE = 2 / math.sqrt(math.pi)


@elementwise(floating=True, x=lambda g, x: g * SLOPE * exp(-x * x))
def erf(x: Array) -> Array:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _erf(x)


@elementwise(floating=True, x=lambda g, x: -g * SLOPE * exp(-x * x))
def erfc(x: Array) -> Array:
    """1 - erf(x), right to its last digits also where erf(x) is almost 1."""
    return _erfc(x)


@in_blocks
def _normal_cdf(x: Array, out: Array) -> None:
    """Write Phi(x), the distribution function of N(0, 1); in float32 as 1 / (1 + exp(x p(x^2))) where |x| <= NEAR32."""
    far: Any = ...
    if x.dtype == np.float32:
        square = x * x
        np.multiply(x, polynomial(LOGIT_OF_CDF32, square), out=out)
        np.exp(out, out=out)
        out += 1
        np.reciprocal(out, out=out)
        far = np.nonzero(square > NEAR32**2)
    part = x[far]
    size = np.abs(part)
    tail = 0.5 * _tail(size * math.sqrt(0.5), size, 0.5, exact=x.dtype == np.float64)
    out[far] = np.where(part < 0, tail, 1 - tail)


def _density(x: Any) -> Any:
    """Return the density of N(0, 1) at x."""
    return exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


@in_blocks
def _gelu(x: Array, out: Array) -> None:
    np.multiply(_normal_cdf(x), np.maximum(x, -64), out=out)  # 0 at minus infinity


@in_blocks
def _gelu_slope(x: Array, out: Array) -> None:
    np.add(_normal_cdf(x), x * _density(x), out=out)


@elementwise(public=False, floating=True, x=lambda g, x: g * gelu_slope(x))
def gelu(x: Array) -> Array:
    """x Phi(x) = x erfc(-x / sqrt(2)) / 2, without cancellation for x < 0."""
    return _gelu(x)


@elementwise(public=False, floating=True, x=lambda g, x: g * (2 - x * x) * _density(x))
def gelu_slope(x: Array) -> Array:
    """Phi(x) + x phi(x), with the density phi of N(0, 1): the derivative of `gelu`."""
    return _gelu_slope(x)


ROOT, CUBIC = math.sqrt(2 / math.pi), 0.044715


@elementwise(public=False, floating=True, x=lambda g, x: g * _gelu_tanh_slope(x))
def gelu_tanh(x: Array) -> Array:
    """x sigmoid(2 u) = x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), close to `gelu`."""
    return _gelu_tanh(x)


@in_blocks
def _gelu_tanh(x: Array, out: Array) -> None:
    np.multiply(x, x, out=out)
    out *= -2 * ROOT * CUBIC
    out -= 2 * ROOT
    out *= x
    np.exp(out, out=out)
    out += 1
    np.divide(x, out, out=out)


def _gelu_tanh_slope(x: Any) -> Any:
    square = x * x
    u = x * (ROOT + ROOT * CUBIC * square)
    s = sigmoid(2 * u)
    return s + 2 * x * s * sigmoid(-2 * u) * (ROOT + 3 * ROOT * CUBIC * square)
