"""Every primitive at ties, NaN, infinities, huge and tiny numbers, and of integers: values and gradients, against torch.

An elementwise primitive is tried on a grid of points, by being in the table; torch's function of its name is the reference.
What torch does not have must begin its docstring with its formula, or name it in `FORMULAS`: that is evaluated with hundreds
of digits. Other primitives are tried on the shapes that `tests.ops.domains` draws. `DIFFERENT` says where the libraries are
not alike on purpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from minigrad import from_numpy
from minigrad.autograd import grad
from minigrad.ops.convolution import Windows
from minigrad.primitive import Array, Primitive, Shape, elementwise, primitives
from tests.ops.domains import DOMAINS, documented_formula, is_own, torch_function, torch_windows
from tests.reference import torch

OWN = {name: op for name, op in primitives.items() if is_own(op)}
ROWS = {"logsumexp", "softmax", "log_softmax", "cross_entropy"}
"""Functions of one array that are not elementwise, though that array is promoted."""


def is_elementwise(op: Primitive) -> bool:
    return op.broadcasts or (len(op.inputs) == 1 and not op.variadic and op.promote == (True,) and op.name not in ROWS)


ELEMENTWISE = sorted(name for name, op in OWN.items() if is_elementwise(op))
OTHERS = sorted(OWN.keys() - set(ELEMENTWISE))
FLOATS = [np.float64, np.float32, np.float16]
every_elementwise = pytest.mark.parametrize("name", ELEMENTWISE)
every_float = pytest.mark.parametrize("kind", FLOATS, ids=lambda kind: kind.__name__)

# ------------------------------------------------------------------------------------------------------------- references

SPELT_OTHERWISE = {"gelu_tanh": "gelu", "power": "pow", "trunc_divide": "div"}
"""Primitives that torch has by another name; `DOMAINS` says how it is called."""

FORMULAS: dict[str, Callable[..., Any]] = {
    "expm1": lambda x: mpmath.exp(x) - 1,
    "log1p": lambda x: mpmath.log(1 + x) if x >= -1 else mpmath.nan,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": lambda x: 1 - 2 / (mpmath.exp(2 * x) + 1),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "gelu_slope": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2 + x * mpmath.npdf(x),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "leaky_slope": lambda x, negative_slope: 1 if x > 0 else negative_slope,
    "logsigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
    "softplus": lambda x, beta, threshold: mpmath.log(1 + mpmath.exp(beta * x)) / beta if beta * x <= threshold else x,
    "elu": lambda x, alpha: x if x > 0 else alpha * (mpmath.exp(x) - 1),
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "sinh": lambda x: (mpmath.exp(x) - mpmath.exp(-x)) / 2,
}
"""Functions that lose digits or overflow if they are computed as it is written here, and those that torch does not have."""


def reference(name: str) -> Callable[..., Any] | None:
    """Return torch's function for a primitive, found by its name."""
    other = SPELT_OTHERWISE.get(name, name)
    return None if torch_function(other) is None else DOMAINS[name].reference


FORMULAS |= {
    name: formula
    for name in ELEMENTWISE
    if reference(name) is None and name not in FORMULAS and (formula := documented_formula(OWN[name])) is not None
}


@every_elementwise
def test_every_elementwise_primitive_has_a_reference(name: str) -> None:
    """The formula must be evaluated with many digits: one that overflows is no reference for one that overflows."""
    assert reference(name) is not None or name in FORMULAS, "torch has no such function: begin its docstring with a formula"


def attributes(name: str) -> Mapping[str, Any]:
    """Return keyword arguments for a primitive, from its domain."""
    if not OWN[name].defaults:
        return {}
    simplest = settings(database=None, phases=[Phase.generate], derandomize=True)
    return find(DOMAINS[name].cases, lambda case: True, settings=simplest).attributes


# ------------------------------------------------------------------------------------------------------------ comparisons

Mask = Callable[..., Any]
overflown: Mask = lambda kind, a, b: ~np.isfinite(a / b) | (b == 0)

DIFFERENT: dict[tuple[str, str], tuple[Mask, str]] = {
    ("fmod", "value"): (overflown, "torch: NaN where the quotient overflows; here the remainder, which is known"),
    ("remainder", "value"): (overflown, "the same"),
    ("atan2", "gradient"): (
        lambda kind, a, b: (a * a + b * b) < np.finfo(kind).tiny,
        "torch divides by a*a + b*b, which vanishes; here the slope is computed without the squares",
    ),
    ("gelu", "value"): (lambda kind, x: (x < -1) | np.isinf(x), "torch adds 1 to erf and loses the digits; see FORMULAS"),
    ("gelu", "gradient"): (lambda kind, x: (x < -1) | np.isinf(x), "the same; see the test of tails"),
    ("gelu_tanh", "value"): (lambda kind, x: (x < -1) | np.isinf(x), "torch adds 1 to tanh and loses the digits"),
    ("gelu_tanh", "gradient"): (lambda kind, x: (x < -1) | np.isinf(x), "the same"),
    ("sigmoid", "gradient"): (lambda kind, x: x > 2, "torch: out (1 - out) loses the digits; see the test of tails"),
}
"""Where values or gradients are not compared, and why."""

ABSOLUTE: dict[tuple[str, str], str] = {
    ("tanh", "gradient"): "1 - tanh(x)^2 is right to the precision of 1, in torch too",
    ("gelu", "gradient"): "it crosses 0 near -0.75",
    ("gelu_slope", "formula"): "the same; see the test of tails",
    ("gelu_tanh", "gradient"): "it crosses 0 near -0.75, and has 1 - tanh(u)^2",
}
"""What is right to an absolute error of a few roundings of 1."""


def wrong(mine: Array, theirs: Array, kind: Any, roundings: float, absolute: float = 0.0) -> Array:
    """Return where two arrays differ by more than a number of roundings. NaN equals NaN."""
    if theirs.dtype.kind != "f":
        return np.asarray(mine != theirs)
    info = np.finfo(kind)
    with np.errstate(all="ignore"):
        near = np.abs(mine - theirs) <= roundings * info.eps * np.maximum(np.abs(theirs), absolute) + float(info.tiny)
        return np.asarray(~((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)) | near))


def assert_right(name: str, what: str, mine: Array, theirs: Array, kind: Any, inputs: Sequence[Array]) -> None:
    bad = wrong(mine, theirs, kind, 256 if what == "gradient" else 64, 1.0 if (name, what) in ABSOLUTE else 0.0)
    if (name, what) in DIFFERENT:
        with np.errstate(all="ignore"):
            bad &= ~DIFFERENT[name, what][0](kind, *inputs)
    lines = [
        f"{name}({', '.join(str(x[k]) for x in inputs)}): the {what} is {mine[k]}, right is {theirs[k]}"
        for k in np.flatnonzero(bad)[:5]
    ]
    assert not lines, "\n".join(lines)


MAGNITUDES = """0 1e-300 1e-30 1e-8 1e-4 0.1 0.25 0.5 0.75 0.9 0.999 1 1.001 1.5 2 2.5 3 3.5 5 7 10 15 19.5 20.5 30 50 88
    89 100 104 127 128 129 700 709.5 710 745 746 1000 1023 1024 1075 1e4 1e5 1e15 1e18 1e30 1e38 1e300 inf"""


def points(kind: Any) -> Array:
    """Return magnitudes at which functions change their nature or overflow, with both signs, and NaN."""
    info = np.finfo(kind)
    limits = [info.eps, info.eps / 2, info.tiny, info.smallest_subnormal, info.max]
    with np.errstate(all="ignore"):
        magnitudes = np.unique(np.array([*map(float, MAGNITUDES.split()), *map(float, limits)]).astype(kind))
    return np.concatenate([magnitudes, -magnitudes, [np.nan]]).astype(kind)


def grid(axis: Array, count: int) -> list[Array]:
    """Return all points, or all pairs of points, as one array for each input."""
    return [x.ravel().copy() for x in np.meshgrid(*[axis] * count, indexing="ij")]


def gradients(f: Callable[..., Any], leaves: Sequence[Any]) -> tuple[Array, list[Array | None]]:
    """Return the value of f and, for each leaf, the gradient of its sum: 0 if it is missing, None if not required."""
    y = f(*leaves)
    if y.requires_grad:
        y.sum().backward()
    slopes = [
        (np.zeros(tuple(x.shape), x.detach().numpy().dtype) if x.grad is None else x.grad.numpy())
        if x.requires_grad and y.requires_grad
        else None
        for x in leaves
    ]
    return y.detach().numpy(), slopes


def in_float32(f: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Return torch's result with float16 computed in float32 and rounded once; some functions of torch round in between."""
    halves = [isinstance(x, torch.Tensor) and x.dtype == torch.float16 for x in inputs]
    y = f(*(x.float() if half else x for x, half in zip(inputs, halves, strict=True)), **options)
    return y.half() if any(halves) and y.dtype == torch.float32 else y


@every_float
@every_elementwise
def test_floats(name: str, kind: Any) -> None:
    op, f = OWN[name], reference(name)
    if f is None:
        return  # its formula is enough
    options, xs = attributes(name), grid(points(kind), len(OWN[name].inputs))
    try:
        theirs = gradients(lambda *x: in_float32(f, *x, **options), [torch.from_numpy(x.copy()).requires_grad_() for x in xs])
    except NotImplementedError:
        return
    mine = gradients(lambda *x: op(*x, **options), [from_numpy(x.copy()).requires_grad_() for x in xs])
    assert mine[0].dtype == theirs[0].dtype
    assert_right(name, "value", mine[0], theirs[0], kind, xs)
    for a, b in zip(mine[1], theirs[1], strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert_right(name, "gradient", a, b, kind, xs)


INTEGERS = {
    np.int64: [*range(-6, 7), 62, 63, 64, 100, -100, 2**40, -(2**40), 2**63 - 1],
    np.int32: [*range(-6, 7), 31, 32, 100, 2**31 - 1],
    np.uint8: [*range(8), 100, 255],
    np.bool_: [False, True],
}


@pytest.mark.parametrize("kind", INTEGERS, ids=lambda kind: kind.__name__)
@every_elementwise
def test_integers(name: str, kind: Any) -> None:
    """What torch refuses is not compared. Pairs with a divisor of 0 are left out where it refuses those."""
    op, f = OWN[name], reference(name)
    if f is None or name == "clamp":  # whose method converts its bounds first
        return
    options, xs = attributes(name), grid(np.array(INTEGERS[kind], kind), len(OWN[name].inputs))
    for pairs in (xs, [x[xs[-1] != 0] for x in xs]):
        try:
            theirs = f(*map(torch.from_numpy, [x.copy() for x in pairs]), **options).numpy()
        except (RuntimeError, TypeError):
            continue
        mine = op(*map(from_numpy, pairs), **options).numpy()
        assert mine.dtype == theirs.dtype
        assert_right(name, "value", mine, theirs, mine.dtype, pairs)
        return


def by_formula(formula: Callable[..., Any], xs: Sequence[Array], options: Mapping[str, Any]) -> Array:
    """Return a function of finite numbers, computed with 400 digits."""
    with mpmath.workdps(400):
        exact = [float(formula(*map(mpmath.mpf, map(float, place)), **options)) for place in zip(*xs, strict=True)]
    return np.array(exact)


def assert_formula(op: Primitive, formula: Callable[..., Any], options: Mapping[str, Any], kind: Any) -> None:
    axis = points(kind)
    xs = grid(axis[np.abs(axis).astype(np.float64) < 1e5], len(op.inputs))
    right = by_formula(formula, xs, options)
    with np.errstate(all="ignore"):
        rounded = right.astype(kind)
    assert_right(op.name, "formula", op(*map(from_numpy, xs), **options).numpy(), rounded, kind, xs)


@every_float
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_that_lose_digits(name: str, kind: Any) -> None:
    if len(OWN[name].inputs) == 1 or kind is np.float32:
        assert_formula(OWN[name], FORMULAS[name], attributes(name), kind)


def test_an_unstable_primitive_is_found() -> None:
    """log2(1 + 2^x) as it is written overflows, and loses its digits for negative x; logaddexp2 does neither."""
    formula: Callable[..., Any] = lambda x: mpmath.log(1 + mpmath.power(2, x), 2)
    rule: Callable[..., Any] = lambda g, x: g / (1 + 2 ** (-x))

    def naive(x: Array) -> Array:
        return np.asarray(np.log2(1 + np.exp2(x)))

    def stable(x: Array) -> Array:
        return np.logaddexp2(0, x).astype(x.dtype)

    try:
        for forward in (naive, stable):
            op = elementwise(public=False, floating=True, x=rule)(forward)
            for kind in FLOATS:
                if forward is stable:
                    assert_formula(op, formula, {}, kind)
                else:
                    with pytest.raises(AssertionError, match="right is"):
                        assert_formula(op, formula, {}, kind)
    finally:
        for name in ("naive", "stable"):
            primitives.pop(name, None)


TAILS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "logsigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "elu": lambda x: mpmath.exp(x) - 1 if x < 0 else x,
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
}


@pytest.mark.parametrize("kind", [np.float64, np.float32], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", TAILS)
def test_derivatives_keep_their_digits_in_the_tails(name: str, kind: Any) -> None:
    """The first and the second, relative to themselves: no difference of almost equal numbers stands in a rule."""
    points = np.array([-45, -38, -25, -19, -12, -10, -6, -3.75, -2, -1, -0.25, 0.5, 1.5, 2.5, 4, 6, 9, 15, 19, 38, 45], kind)
    points = points[np.abs(points) < {"gelu": 12, "erf": 6, "erfc": 6}.get(name, 50)]
    options = {"elu": {"alpha": 1.0}, "softplus": {"beta": 1.0, "threshold": 1e9}}.get(name, {})
    x = from_numpy(points).requires_grad_()
    (first,) = grad(OWN[name](x, **options).sum(), x, create_graph=True)
    assert first is not None
    (second,) = grad(first.sum(), x) if first.requires_grad else (first * 0,)
    assert second is not None
    with mpmath.workdps(60):
        for order, found in ((1, first), (2, second)):
            exact = [float(mpmath.diff(TAILS[name], mpmath.mpf(float(p)), order)) for p in points]
            near_root = 3e-3 if name in {"silu", "gelu"} else float(np.finfo(kind).tiny)  # where it crosses 0
            limit = 1500 if kind is np.float32 else 3000  # e^(-x x) multiplies the rounding of x x
            error = np.abs(found.detach().numpy() - exact) / (np.abs(exact) + near_root)
            assert (error < limit * np.finfo(kind).eps).all(), (order, dict(zip(points.tolist(), error, strict=True)))


def test_leaky_slopes_and_powers_of_negative_numbers() -> None:
    """With every kind of exponent."""
    x = np.random.default_rng(3).uniform(-3, 3, 40000)
    x[:8] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, -1e-30]
    for kind in (np.float64, np.float32):
        a: Any = x.astype(kind)
        for exponent in (-9, -8, -5, -4, -3, -2, 3, 4, 5, 6, 7, 8, 9, 15, 2.5, -0.5, 1e3, 1e3 + 1):
            with np.errstate(all="ignore"):
                right = np.power(a.astype(np.float64), exponent).astype(kind)
            ours = (from_numpy(a) ** exponent).numpy()
            assert not wrong(ours, right, kind, 8).any(), exponent
            assert (np.signbit(ours) == np.signbit(right))[~np.isnan(right)].all()
            tensor_power = (from_numpy(a) ** from_numpy(np.full_like(a, exponent))).numpy()
            assert not wrong(tensor_power, right, kind, 8).any(), exponent
        for slope in (0.0, 0.01, 1.0, 1.5, -0.5):
            with np.errstate(all="ignore"):
                expected = np.where(a > 0, a, a * kind(slope))
            np.testing.assert_array_equal(OWN["leaky_relu"](from_numpy(a), negative_slope=slope).numpy(), expected)
            slopes = OWN["leaky_slope"](from_numpy(a), negative_slope=slope).numpy()
            np.testing.assert_array_equal(slopes, np.where(a > 0, 1, slope).astype(kind), strict=True)


# --------------------------------------------------------------------------------------------------------- all other ones

UNCOMPARABLE = {
    "binary_cross_entropy": "torch refuses what is no probability; tested below",
}
KINDS: dict[str, list[float]] = {
    "ties": [1.0, 2.0, 2.0, 0.0, -0.0],
    "NaN": [1.0, 0.0, np.nan],
    "infinities": [1.0, np.inf, -np.inf],
    "tiny and large": [0.0, 1.0, -1.0, 1e-30, 1e-4, 100.0, 1000.0, -1000.0],
    "all": [0.0, -0.0, 1.0, 1.0, -1.0, 0.5, 100.0, -1000.0, 1e-30, np.inf, -np.inf, np.nan],
}


PRODUCTS = {"matmul", "linear", "einsum"}
CONVOLUTIONS = {"convolution", "conv_transpose", "conv_weight_grad"}
"""What BLAS does, in which 0 times NaN may be 0. In float16 torch computes in float32; an empty sum times NaN may be NaN."""


ORDER_MATTERS = {"einsum", "layer_norm", "norm", "softmax_vjp", "cross_entropy_vjp"}
"""Where the order of sums and products decides whether inf - inf occurs."""


LIFTS: list[Callable[[Array], Any]] = [from_numpy, torch.from_numpy]


def pooled(x: torch.Tensor, windows: Windows, border: Shape) -> torch.Tensor:
    pool = torch.nn.functional.max_pool1d if x.ndim == 3 else torch.nn.functional.max_pool2d
    return pool(x, windows.kernel, windows.stride, 0, windows.dilation)


def pooled_indices(x: torch.Tensor, windows: Windows, border: Shape) -> torch.Tensor:
    elements = torch_windows(x, windows)
    from_behind = elements.isnan().flip(-1).to(torch.uint8).argmax(-1)
    index = torch.where(elements.isnan().any(-1), elements.shape[-1] - 1 - from_behind, elements.argmax(-1))
    return index.to(torch.uint8)


REFERENCES: dict[str, Callable[..., Any]] = {"max_pool": pooled, "max_pool_indices": pooled_indices}
"""Where the reference of the domain is another function for NaN."""


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in UNCOMPARABLE])
@settings(max_examples=max(12, settings().max_examples // 2))
@given(data=st.data())
def test_special_elements(name: str, data: st.DataObject) -> None:
    op, f = OWN[name], REFERENCES.get(name, DOMAINS[name].reference)
    assert f is not None
    case, kind = data.draw(DOMAINS[name].cases), data.draw(st.sampled_from(FLOATS))
    if "border" in case.attributes:  # tests of pooling have borders with special elements behind them
        case = case._replace(attributes={**case.attributes, "border": (0,) * len(case.attributes["border"])})
    elements, seed = KINDS[data.draw(st.sampled_from(sorted(KINDS)))], data.draw(st.integers(0, 999))
    if name in CONVOLUTIONS:  # torch multiplies also elements that no window sees, by zero
        elements = [x for x in elements if np.isfinite(x)]
    if name in ORDER_MATTERS:
        elements = [x for x in elements if not np.isinf(x)]
    if name in PRODUCTS | CONVOLUTIONS:
        kind = np.float32 if kind is np.float16 else kind
        empty = any(x.size == 0 for x in case.inputs)
        elements = [x for x in elements if np.isfinite(x) or not empty]
        elements = elements if np.isfinite(elements).all() else [x for x in elements if x]
    rng = np.random.default_rng(seed)
    xs = [np.asarray(rng.choice(elements, x.shape)).astype(kind) if x.dtype.kind == "f" else x for x in case.inputs]
    floats = [x.dtype.kind == "f" for x in xs]
    theirs = gradients(
        lambda *x: in_float32(f, *x, **case.attributes),
        [torch.from_numpy(x.copy()).requires_grad_(can) for x, can in zip(xs, floats, strict=True)],
    )
    mine = gradients(
        lambda *x: op(*x, **case.attributes),
        [from_numpy(x.copy()).requires_grad_(can) for x, can in zip(xs, floats, strict=True)],
    )
    assert mine[0].dtype == theirs[0].dtype
    pairs = [("value", mine[0], theirs[0]), *(("gradient", a, b) for a, b in zip(mine[1], theirs[1], strict=True))]
    for what, a, b in pairs:
        assert (a is None) == (b is None)
        if a is None or b is None or ((name, what) in DIFFERENT and np.isnan(xs[0]).any()):
            continue
        assert a.shape == b.shape
        # Sums are right to a rounding of their greatest term.
        terms = [b, xs[-1]] if name == "layer_norm" else [b]  # whose last input is added, and may cancel the rest
        scale = max(float(np.abs(x[np.isfinite(x)]).max(initial=1.0)) for x in terms) if b.dtype.kind == "f" else 0.0
        bad = wrong(a, b, kind, 256, scale)
        assert not bad.any(), f"the {what} of {name} is {a}, right is {b}"


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
@pytest.mark.parametrize("dim", [None, 0, 1, -1])
def test_the_gradient_of_an_extreme_that_is_nan_is_torchs(name: str, dim: int | None) -> None:
    """One NaN, several, none, ties, and a whole row of NaN."""
    rows = [[1.0, np.nan, 0.0], [np.nan, 1.0, np.nan], [1.0, 3.0, 2.0], [2.0, 2.0, 0.0], [np.nan, np.nan, np.nan]]
    for part in (rows, rows[:1], rows[2:4], rows[3:]):
        x, theirs = (lift(np.array(part)).requires_grad_() for lift in LIFTS)
        for leaf in (x, theirs):
            y = getattr(leaf, name)() if dim is None else getattr(leaf, name)(dim)
            (y[0] if isinstance(y, tuple) else y).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), theirs.grad.numpy())


def test_a_window_that_sees_nan_gives_its_gradient_to_it() -> None:
    x, theirs = (lift(np.array([[[1, np.nan, 0, 3, 3]]])).requires_grad_() for lift in LIFTS)
    windows = Windows((2,), (1,), (1,))
    OWN["max_pool"](x, windows=windows, border=(0,)).sum().backward()
    torch.autograd.backward(pooled(theirs, windows, (0,)).sum())
    assert x.grad.tolist() == theirs.grad.tolist() == [[[0, 2, 0, 2, 0]]]


def test_binary_cross_entropy_at_the_ends() -> None:
    """By the target torch gives infinity, which is not the derivative of its loss: the logarithm is bounded by -100."""
    ends = [0.0, 1.0, 0.5, 1e-30, 1 - 1e-16]
    x, target = np.array(list(itertools.product(ends, ends))).T
    mine, theirs = from_numpy(x.copy()).requires_grad_(), torch.from_numpy(x.copy()).requires_grad_()
    y = OWN["binary_cross_entropy"](mine, from_numpy(target.copy()))
    z = torch.nn.functional.binary_cross_entropy(theirs, torch.from_numpy(target.copy()), reduction="none")
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), 1e-12)
    y.sum().backward()
    torch.autograd.backward(z.sum())
    assert mine.grad is not None
    assert theirs.grad is not None
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), 1e-8)  # torch's bound 1e-12 is a float32


@pytest.mark.parametrize("kind", [np.float64, np.float32], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_the_error_function_is_right_to_its_last_digits(name: str, kind: Any) -> None:
    x = np.concatenate([np.linspace(-5.9, 5.9, 700), np.logspace(-30, 0, 60), np.linspace(6, 9, 40)]).astype(kind)
    right = by_formula(FORMULAS[name], [x], {})
    ours = OWN[name](from_numpy(x)).numpy().astype(np.float64)
    assert (np.abs(ours - right) <= 5 * np.finfo(kind).eps * np.abs(right)).all()


def test_where_of_large_arrays_and_of_two_dtypes() -> None:
    """Beyond the size from which bits are chosen: with NaN, broadcast, and where the arrays do not have one dtype."""
    rng = np.random.default_rng(2)
    condition, a = rng.random((100, 100)) < 0.5, rng.standard_normal((100, 100))
    a[0] = np.nan
    for b in (-a.T, a[:1], a.astype(np.float32)):
        np.testing.assert_array_equal(OWN["where"].forward(condition, a, b), np.where(condition, a, b))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_softmax_and_cross_entropy_keep_their_digits_at_every_level(kind: Any) -> None:
    """Each level is computed alone, and beside the others."""
    eps = float(np.finfo(kind).eps)
    levels = np.array([-1e4, -92, -20, -1, 0, 5, 30, 80, 1e4])
    rows = (np.random.default_rng(0).standard_normal((9, 50)) * 3 + levels[:, None]).astype(kind)
    index = np.arange(9) * 5
    exact = rows.astype(np.longdouble) - rows.max(1, keepdims=True)
    p = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
    for part in (slice(None), *(slice(k, k + 1) for k in range(9))):
        x = from_numpy(rows[part]).requires_grad_()
        np.testing.assert_allclose(x.softmax(1).detach().numpy(), p[part], 60 * eps)
        np.testing.assert_allclose(x.log_softmax(1).detach().numpy(), np.log(p[part]), 8 * eps, 4 * eps)
        loss = OWN["cross_entropy"](x, index=index[part])
        np.testing.assert_allclose(loss.item(), -np.log(p[np.arange(9), index])[part].mean(), 8 * eps)
        loss.backward(from_numpy(np.array(1e-4, kind)))
        assert x.grad is not None
        gradient = p.copy()
        gradient[np.arange(9), index] -= 1
        np.testing.assert_allclose(x.grad.numpy() * len(x) * 1e4, gradient[part], 60 * eps, 4 * eps)


@pytest.mark.parametrize("level", [-1e5, -40, *range(34), 1e5])
def test_a_certain_prediction_has_no_negative_loss(level: float) -> None:
    logits = np.full((1, 10), level - 200, np.float32)
    logits[:, 3] = level
    right, wrong_class = (OWN["cross_entropy"](from_numpy(logits), index=np.array([k])).item() for k in (3, 4))
    assert 0 <= right < 1e-6
    assert OWN["cross_entropy"](from_numpy(logits[:, :1]), index=np.array([0])).item() == 0  # of one class
    assert wrong_class == pytest.approx(200, rel=1e-3)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@given(logits=st.lists(st.floats(-1e4, 1e4, width=16), min_size=1, max_size=20))
def test_of_one_class_loss_and_gradient_are_zero(kind: type, logits: list[float]) -> None:
    x = from_numpy(np.array(logits, kind)[:, None]).requires_grad_()
    outs = [OWN["cross_entropy"](x, index=np.zeros(len(logits), int)), OWN["log_softmax"](x, dim=1)]
    for out in outs:
        (gradient,) = grad(out.sum(), [x])
        assert gradient is not None
        assert not out.detach().numpy().any()
        assert not gradient.numpy().any()
    assert (x.softmax(1).detach().numpy() == 1).all()
