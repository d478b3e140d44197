"""What must hold: gradients are right, to any order; an operation agrees with a reference; backward leaves no trace.

The functions under test take tensors and return a tensor or several. The arrays given are their arguments: those of floating
point become leaves that require a gradient, others (integers, booleans) tensors that do not.

A function of many outputs is tested through one number, the outputs times weights that have nothing to do with one another,
summed. A wrong entry of the Jacobian, or a missing one, changes the gradient of that number.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.autograd.grad import grad
from minigrad.creation import from_numpy
from minigrad.grad_mode import thread
from minigrad.primitive import Array
from minigrad.tensor import Tensor

Function = Callable[..., Any]
Value = Callable[..., Any]

STEP = 2.0**-11
"""Of the differences. With Richardson's extrapolation the error is about 1e-12 of the function's own scale."""

TINY = 1e-100
"""The complex step. There is no difference to take, so nothing is lost however small it is."""


def fixed_weights(shape: Sequence[int], seed: int) -> Array:
    """Return numbers of size about 1, none near 0, always the same for a shape and a seed."""
    random = np.random.default_rng(seed)
    return np.asarray(random.uniform(0.5, 1.5, tuple(shape)) * random.choice([-1.0, 1.0], tuple(shape)))


def by_complex_step(value: Value, arrays: Sequence[Array], place: int) -> Array:
    """Return the gradient of a number by one array, exact to rounding: Im f(x + ih) / h.

    The function must be analytic and accept complex arrays.
    """
    slopes = np.zeros(arrays[place].shape)
    for k in np.ndindex(*slopes.shape):
        moved = [x.astype(np.complex128) if x.dtype.kind == "f" else x for x in arrays]
        moved[place][k] += TINY * 1j
        slopes[k] = np.imag(value(*moved)) / TINY
    return slopes


def by_differences(value: Value, arrays: Sequence[Array], place: int) -> Array:
    """Return the gradient of a number by one array, by central differences of two widths."""
    slopes = np.zeros(arrays[place].shape)
    for k in np.ndindex(*slopes.shape):
        direction = [np.zeros(x.shape) for x in arrays]
        direction[place][k] = 1
        slopes[k] = _along(value, arrays, direction)
    return slopes


def _along(value: Value, arrays: Sequence[Array], direction: Sequence[Array]) -> float:
    """Return the derivative of a number along a direction: central differences, with Richardson's extrapolation."""

    def central(step: float) -> float:
        ends = [
            value(*(x + sign * step * d if x.dtype.kind == "f" else x for x, d in zip(arrays, direction, strict=True)))
            for sign in (1, -1)
        ]
        return float(ends[0] - ends[1]) / (2 * step)

    return (4 * central(STEP / 2) - central(STEP)) / 3


def assert_gradients(
    f: Function,
    *arrays: Array,
    order: int = 1,
    analytic: Function | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> None:
    """Assert that the derivatives of f are right, up to an order.

    Derivative k + 1 is held against differences of derivative k, so that a failure names the first one that is wrong.

    Args:
        f: A function of tensors. It must be smooth within 0.01 of the arrays; `strategies.values` draws such arrays.
        arrays: Its arguments. Floating-point ones are taken as float64, in the layout that they have.
        order: The highest derivative.
        analytic: The function once more, in NumPy and for complex arrays. The first derivative is then held against its
            complex step, which is exact to rounding.
        rtol: The relative tolerance.
        atol: The absolute tolerance, as part of the greatest number that occurs.

    Raises:
        AssertionError: A derivative is wrong.
    """
    inputs = [_as(x, np.float64) for x in arrays]
    variables = [k for k, x in enumerate(inputs) if x.dtype.kind == "f"]

    def close(actual: Any, expected: Any, level: Tensor | None, what: str) -> None:
        scale = max(1.0, abs(_number(level)), float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol, atol * scale, err_msg=what)

    def slopes_of(level: Tensor | None, leaves: Sequence[Tensor], create_graph: bool) -> Sequence[Tensor | None]:
        return _gradients(level, [leaves[k] for k in variables], create_graph)

    def derivative(leaves: Sequence[Tensor], n: int) -> Tensor | None:
        """Return the weighted sum, differentiated along directions[0], ..., directions[n-1]; None if that is 0."""
        level: Tensor | None = _weighted(f, leaves)
        for direction in directions[:n]:
            slopes = zip(slopes_of(level, leaves, True), variables, strict=True)
            level = _total([(g * from_numpy(direction[k])).sum() for g, k in slopes if g is not None])
        return level

    leaves = _leaves(inputs)
    level = _weighted(f, leaves)
    for k, slope in zip(variables, slopes_of(level, leaves, order > 1), strict=True):
        if analytic is None:
            expected = by_differences(lambda *xs: _number(_weighted(f, _leaves(xs))), inputs, k)
        else:
            expected = by_complex_step(lambda *xs: _weigh(thread.state.without_warnings(analytic, *xs)), inputs, k)
        close(_values(slope, inputs[k]), expected, level, f"derivative 1 by argument {k}")

    directions = [[fixed_weights(x.shape, 100 * n + k) for k, x in enumerate(inputs)] for n in range(1, order + 1)]
    for n in range(1, order):
        leaves = _leaves(inputs)
        higher = derivative(leaves, n)
        slopes = zip(slopes_of(higher, leaves, False), variables, strict=True)
        actual = sum(float((_values(g, inputs[k]) * directions[n][k]).sum()) for g, k in slopes)
        close(
            actual,
            _along(lambda *xs, n=n: _number(derivative(_leaves(xs), n)), inputs, directions[n]),
            higher,
            f"derivative {n + 1}",
        )


def assert_backward_contract(f: Function, *arrays: Array) -> None:
    """Assert what backward owes its user besides right numbers, in float32 and in float64.

    Every gradient has the shape and the dtype of its input. Neither the inputs nor the cotangents change, byte for byte.
    No gradient shares memory with an input, a result, a cotangent or another gradient. A second backward adds the same
    again. And the gradient of the gradients keeps the dtype too.

    Args:
        f: A function of tensors.
        arrays: Its arguments.

    Raises:
        AssertionError: One of these does not hold.
    """
    for kind in (np.float32, np.float64):
        leaves = _leaves([_as(x, kind) for x in arrays])
        before = [x.detach().numpy().tobytes() for x in leaves]
        results = [y for y in _several(f(*leaves)) if y.requires_grad]
        cotangents = [from_numpy(fixed_weights(y.shape, k).astype(y.dtype.numpy)) for k, y in enumerate(results)]
        sent = [g.numpy().tobytes() for g in cotangents]
        for y, g in zip(results, cotangents, strict=True):
            y.backward(g, retain_graph=True)
        variables = [x for x in leaves if x.requires_grad and x.grad is not None]
        gradients = [x.grad for x in variables if x.grad is not None]
        for x, g in zip(variables, gradients, strict=True):
            assert g.shape == x.shape, f"the gradient has shape {g.shape}, its input {x.shape}"
            assert g.dtype is x.dtype, f"the gradient is {g.dtype}, its input {x.dtype}"
        assert before == [x.detach().numpy().tobytes() for x in leaves], "backward changed an input"
        assert sent == [g.numpy().tobytes() for g in cotangents], "backward changed its cotangent"
        others = [t.detach().numpy() for t in (*leaves, *results, *cotangents)]
        for k, g in enumerate(gradients):
            for other in (*others, *[h.numpy() for h in gradients[:k]]):
                assert not np.may_share_memory(g.numpy(), other), "a gradient shares memory with another tensor"
        once = [g.numpy().copy() for g in gradients]
        for y, g in zip(results, cotangents, strict=True):
            y.backward(g)
        for x, first in zip(variables, once, strict=True):
            assert x.grad is not None
            np.testing.assert_allclose(
                x.grad.numpy(), 2 * first, rtol=1e-5, err_msg="a second backward does not add the same"
            )
        _assert_second_order_dtype(f, leaves)


def _assert_second_order_dtype(f: Function, leaves: Sequence[Tensor]) -> None:
    variables = [x for x in leaves if x.requires_grad]
    first = [g for g in _gradients(_weighted(f, leaves), variables, create_graph=True) if g is not None and g.requires_grad]
    for slope in first:
        for x, g in zip(variables, _gradients(slope.sum(), variables, create_graph=True), strict=True):
            assert g is None or (g.dtype is x.dtype and g.shape == x.shape), f"second order: {g.dtype}, its input {x.dtype}"


def assert_same(
    f: Function,
    reference: Function,
    *arrays: Array,
    lift: Callable[[Array], Any] | None = None,
    rtol: float = 1e-7,
    atol: float = 1e-9,
) -> None:
    """Assert that f agrees with a reference, in NumPy or in another library.

    >>> import minigrad
    >>> assert_same(minigrad.exp, np.exp, np.arange(3.0))

    Args:
        f: A function of tensors.
        reference: The same function of arrays; or, with `lift`, of what that makes of them.
        arrays: The arguments, in the dtypes in which they shall be given.
        lift: Makes a tensor of another library, with torch's names, from an array: ``torch.from_numpy``. The results must
            then have the same dtypes, and the gradients are compared as well.
        rtol: The relative tolerance in float64; in float32 it is 1e-5, in float16 1e-2, if that is more.
        atol: The absolute tolerance, as part of the greatest number in the array; likewise.

    Raises:
        AssertionError: They do not agree.
    """

    def close(actual: Array, expected: Array, what: str) -> None:
        assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, the reference's is {expected.shape}"
        loose = {4: 1e-5, 2: 1e-2}.get(actual.dtype.itemsize, 0.0) if actual.dtype.kind == "f" else 0.0
        finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype.kind == "f" else np.zeros(0)
        scale = float(finite.max(initial=0.0)) + 1e-3
        np.testing.assert_allclose(actual, expected, max(rtol, loose), max(atol, loose) * scale, err_msg=what)

    mine = _leaves(arrays)
    results = _several(f(*mine))
    if lift is None:
        expected = thread.state.without_warnings(reference, *arrays)
        for k, (y, z) in enumerate(zip(results, expected if isinstance(expected, tuple | list) else [expected], strict=True)):
            close(y.detach().numpy(), np.asarray(z), f"result {k}")
        return
    theirs = [lift(x) for x in arrays]
    for x, t in zip(arrays, theirs, strict=True):
        if x.dtype.kind == "f":
            t.requires_grad_()
    answers = _several(reference(*theirs))
    assert len(results) == len(answers)
    for k, (y, z) in enumerate(zip(results, answers, strict=True)):
        names = [str(t.dtype).rpartition(".")[2] for t in (y, z)]
        assert names[0] == names[1], f"result {k} is {names[0]}, the reference's {names[1]}"
        close(y.detach().numpy(), z.detach().numpy(), f"result {k}")
        assert y.requires_grad == z.requires_grad, (
            f"result {k} requires_grad {y.requires_grad}, the reference's {z.requires_grad}"
        )
        if y.requires_grad:
            g = fixed_weights(y.shape, k).astype(y.dtype.numpy)
            y.backward(from_numpy(g), retain_graph=True)
            z.backward(lift(g), retain_graph=True)
    for k, (leaf, t) in enumerate(zip(mine, theirs, strict=True)):
        if leaf.grad is None or t.grad is None:
            missing = [name for name, x in (("minigrad", leaf), ("the reference", t)) if x.grad is None]
            assert len(missing) == 2, f"gradient by argument {k}: {missing[0]} has none"
        else:
            close(leaf.grad.numpy(), t.grad.numpy(), f"gradient by argument {k}")


# ------------------------------------------------------------------------------------------------------------- helpers


def _as(array: Array, kind: Any) -> Array:
    """Return a floating-point array in another type, in the same layout; others as they are."""
    return array if array.dtype.kind != "f" or array.dtype == kind else array.astype(kind)


def _leaves(arrays: Sequence[Array]) -> list[Tensor]:
    return [from_numpy(np.asarray(x)).requires_grad_(np.asarray(x).dtype.kind == "f") for x in arrays]


def _several(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _weigh(result: Any) -> Any:
    """Return the arrays of floating point, or complex, times weights, summed."""
    return sum(
        (np.asarray(y) * fixed_weights(np.shape(y), k)).sum() for k, y in enumerate(_several(result)) if y.dtype.kind in "fc"
    )


def _weighted(f: Function, leaves: Sequence[Tensor]) -> Tensor | None:
    results = [y for y in _several(f(*leaves)) if y.is_floating_point()]
    return _total([(y * from_numpy(fixed_weights(y.shape, k).astype(y.dtype.numpy))).sum() for k, y in enumerate(results)])


def _total(parts: Sequence[Tensor]) -> Tensor | None:
    return functools.reduce(operator.add, parts) if parts else None


def _gradients(value: Tensor | None, variables: Sequence[Tensor], create_graph: bool = False) -> Sequence[Tensor | None]:
    if value is None or not value.requires_grad:
        return [None] * len(variables)
    return grad(value, variables, create_graph=create_graph, allow_unused=True)


def _values(gradient: Tensor | None, like: Array) -> Array:
    return np.zeros(like.shape) if gradient is None else gradient.detach().numpy()


def _number(value: Tensor | None) -> float:
    return 0.0 if value is None else float(value)
