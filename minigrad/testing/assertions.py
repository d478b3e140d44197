"""Assertions for operations: derivatives of any order, values against a reference, and the contract of backward.

The functions under test take tensors and return one tensor or several. The arrays given are the arguments: floating-point
arrays become leaves that require a gradient, others (integers, booleans) tensors that do not.

A function with many outputs is reduced to a scalar: the sum of its outputs times fixed random weights. Any wrong or missing
entry of the Jacobian changes the gradient of that scalar.
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
ScalarFunction = Callable[..., Any]

STEP = 2.0**-11
"""Step size of finite differences. With Richardson extrapolation the relative error is about 1e-12."""

TINY = 1e-100
"""Step size of the complex step method. No difference is taken, so a tiny step causes no cancellation."""


def fixed_weights(shape: Sequence[int], seed: int) -> Array:
    """Return random weights of magnitude 0.5 to 1.5, determined by the shape and the seed."""
    random = np.random.default_rng(seed)
    return np.asarray(random.uniform(0.5, 1.5, tuple(shape)) * random.choice([-1.0, 1.0], tuple(shape)))


def complex_step_gradient(f: ScalarFunction, arrays: Sequence[Array], index: int) -> Array:
    """Return the gradient of a scalar function with respect to arrays[index], exact to rounding: Im f(x + ih) / h.

    The function must be analytic and accept complex arrays.
    """
    gradient = np.zeros(arrays[index].shape)
    for k in np.ndindex(*gradient.shape):
        perturbed = [x.astype(np.complex128) if x.dtype.kind == "f" else x for x in arrays]
        perturbed[index][k] += TINY * 1j
        gradient[k] = np.imag(f(*perturbed)) / TINY
    return gradient


def finite_difference_gradient(f: ScalarFunction, arrays: Sequence[Array], index: int) -> Array:
    """Return the gradient of a scalar function with respect to arrays[index] by central differences of two step sizes."""
    gradient = np.zeros(arrays[index].shape)
    for k in np.ndindex(*gradient.shape):
        direction = [np.zeros(x.shape) for x in arrays]
        direction[index][k] = 1
        gradient[k] = directional_derivative(f, arrays, direction)
    return gradient


def directional_derivative(f: ScalarFunction, arrays: Sequence[Array], direction: Sequence[Array]) -> float:
    """Return the derivative along a direction by central differences with Richardson extrapolation."""

    def central(step: float) -> float:
        ends = [
            f(*(x + sign * step * d if x.dtype.kind == "f" else x for x, d in zip(arrays, direction, strict=True)))
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
    """Assert that the derivatives of f up to an order are correct.

    Derivative k + 1 is compared to finite differences of derivative k, so a failure names the first wrong derivative.

    Args:
        f: A function of tensors. It must be smooth within 0.01 of the arrays; `strategies.values` draws such arrays.
        arrays: The arguments. Floating-point arrays are converted to float64; their memory layout is kept.
        order: The highest order of derivative.
        analytic: The same function in NumPy, for complex arrays. If given, the first derivative is compared to the complex
            step method, which is exact to rounding, instead of finite differences.
        rtol: The relative tolerance.
        atol: The absolute tolerance, relative to the greatest magnitude that occurs (at least 1).

    Raises:
        AssertionError: A derivative is wrong.
    """
    inputs = [_as(x, np.float64) for x in arrays]
    variables = [k for k, x in enumerate(inputs) if x.dtype.kind == "f"]

    def close(actual: Any, expected: Any, value: Tensor | None, what: str) -> None:
        scale = max(1.0, abs(_scalar(value)), float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol, atol * scale, err_msg=what)

    def gradients_of(value: Tensor | None, leaves: Sequence[Tensor], create_graph: bool) -> Sequence[Tensor | None]:
        return _gradients(value, [leaves[k] for k in variables], create_graph)

    def derivative(leaves: Sequence[Tensor], n: int) -> Tensor | None:
        """Return the weighted sum differentiated along directions[0], ..., directions[n-1]; None if that is 0."""
        value: Tensor | None = _weighted(f, leaves)
        for direction in directions[:n]:
            pairs = zip(gradients_of(value, leaves, True), variables, strict=True)
            value = _total([(g * from_numpy(direction[k])).sum() for g, k in pairs if g is not None])
        return value

    leaves = _leaves(inputs)
    value = _weighted(f, leaves)
    for k, gradient in zip(variables, gradients_of(value, leaves, order > 1), strict=True):
        if analytic is None:
            expected = finite_difference_gradient(lambda *xs: _scalar(_weighted(f, _leaves(xs))), inputs, k)
        else:
            expected = complex_step_gradient(
                lambda *xs: _weighted_sum(thread.state.without_warnings(analytic, *xs)), inputs, k
            )
        close(_values(gradient, inputs[k]), expected, value, f"derivative 1 with respect to argument {k}")

    directions = [[fixed_weights(x.shape, 100 * n + k) for k, x in enumerate(inputs)] for n in range(1, order + 1)]
    for n in range(1, order):
        leaves = _leaves(inputs)
        next_order = derivative(leaves, n)
        pairs = zip(gradients_of(next_order, leaves, False), variables, strict=True)
        actual = sum(float((_values(g, inputs[k]) * directions[n][k]).sum()) for g, k in pairs)
        close(
            actual,
            directional_derivative(lambda *xs, n=n: _scalar(derivative(_leaves(xs), n)), inputs, directions[n]),
            next_order,
            f"derivative {n + 1}",
        )


def assert_backward_contract(f: Function, *arrays: Array) -> None:
    """Assert the contract of backward: shapes, dtypes, no aliasing, no mutation; in float32 and float64.

    * Every gradient has the shape and the dtype of its input, also at the second order.
    * backward changes no byte of an input or a cotangent.
    * No gradient shares memory with an input, a result, a cotangent or another gradient.
    * A second backward accumulates an equal gradient.

    Args:
        f: A function of tensors.
        arrays: The arguments; floating-point arrays are converted to float32 and float64.

    Raises:
        AssertionError: A condition does not hold.
    """
    for dtype in (np.float32, np.float64):
        leaves = _leaves([_as(x, dtype) for x in arrays])
        inputs_before = [x.detach().numpy().tobytes() for x in leaves]
        results = [y for y in _as_list(f(*leaves)) if y.requires_grad]
        cotangents = [from_numpy(fixed_weights(y.shape, k).astype(y.dtype.numpy)) for k, y in enumerate(results)]
        cotangents_before = [g.numpy().tobytes() for g in cotangents]
        for y, g in zip(results, cotangents, strict=True):
            y.backward(g, retain_graph=True)
        variables = [x for x in leaves if x.requires_grad and x.grad is not None]
        gradients = [x.grad for x in variables if x.grad is not None]
        for x, g in zip(variables, gradients, strict=True):
            assert g.shape == x.shape, f"the gradient has shape {g.shape}, its input {x.shape}"
            assert g.dtype is x.dtype, f"the gradient is {g.dtype}, its input {x.dtype}"
        assert inputs_before == [x.detach().numpy().tobytes() for x in leaves], "backward changed an input"
        assert cotangents_before == [g.numpy().tobytes() for g in cotangents], "backward changed its cotangent"
        others = [t.detach().numpy() for t in (*leaves, *results, *cotangents)]
        for k, g in enumerate(gradients):
            for other in (*others, *[h.numpy() for h in gradients[:k]]):
                assert not np.may_share_memory(g.numpy(), other), "a gradient shares memory with another tensor"
        first_gradients = [g.numpy().copy() for g in gradients]
        for y, g in zip(results, cotangents, strict=True):
            y.backward(g)
        for x, first in zip(variables, first_gradients, strict=True):
            assert x.grad is not None
            np.testing.assert_allclose(
                x.grad.numpy(), 2 * first, rtol=1e-5, err_msg="a second backward does not accumulate an equal gradient"
            )
        _assert_second_order_dtype(f, leaves)


def _assert_second_order_dtype(f: Function, leaves: Sequence[Tensor]) -> None:
    variables = [x for x in leaves if x.requires_grad]
    first = [g for g in _gradients(_weighted(f, leaves), variables, create_graph=True) if g is not None and g.requires_grad]
    for gradient in first:
        for x, g in zip(variables, _gradients(gradient.sum(), variables, create_graph=True), strict=True):
            assert g is None or (g.dtype is x.dtype and g.shape == x.shape), f"second order: {g.dtype}, its input {x.dtype}"


def assert_same(
    f: Function,
    reference: Function,
    *arrays: Array,
    from_array: Callable[[Array], Any] | None = None,
    rtol: float = 1e-7,
    atol: float = 1e-9,
) -> None:
    """Assert that f equals a reference function, in NumPy or in another library.

    >>> import minigrad
    >>> assert_same(minigrad.exp, np.exp, np.arange(3.0))

    Args:
        f: A function of tensors.
        reference: The same function of NumPy arrays; with `from_array`, of the tensors that it returns.
        arrays: The arguments. They may contain infinities and NaN, such as those that `strategies.special_values` draws.
        from_array: Converts an array to a tensor of another library that has torch's names: ``torch.from_numpy``. Then
            dtypes, requires_grad and gradients are compared too.
        rtol: The relative tolerance; at least 1e-5 in float32 and 1e-2 in float16.
        atol: The absolute tolerance, relative to the greatest finite magnitude of the array; with the same minimum. 0
            compares each element by rtol alone: for elementwise functions of values of very different magnitudes.

    Raises:
        AssertionError: The results differ.
    """

    def close(actual: Array, expected: Array, what: str) -> None:
        assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, the reference's is {expected.shape}"
        floating = actual.dtype.kind == "f"
        dtype_tol = {4: 1e-5, 2: 1e-2}.get(actual.dtype.itemsize, 0.0) if floating else 0.0
        finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype.kind == "f" else np.zeros(0)
        scale = float(finite.max(initial=0.0)) + 1e-3
        # Subnormal results have few significant digits.
        absolute = max(atol, dtype_tol) * scale if atol else float(np.finfo(actual.dtype).tiny) if floating else 0.0
        np.testing.assert_allclose(actual, expected, max(rtol, dtype_tol), absolute, err_msg=what)

    leaves = _leaves(arrays)
    results = _as_list(f(*leaves))
    if from_array is None:
        expected = thread.state.without_warnings(reference, *arrays)
        for k, (y, z) in enumerate(zip(results, expected if isinstance(expected, tuple | list) else [expected], strict=True)):
            close(y.detach().numpy(), np.asarray(z), f"result {k}")
        return
    reference_leaves = [from_array(x) for x in arrays]
    for x, t in zip(arrays, reference_leaves, strict=True):
        if x.dtype.kind == "f":
            t.requires_grad_()
    expected_results = _as_list(reference(*reference_leaves))
    assert len(results) == len(expected_results)
    for k, (y, z) in enumerate(zip(results, expected_results, strict=True)):
        names = [str(t.dtype).rpartition(".")[2] for t in (y, z)]
        assert names[0] == names[1], f"result {k} is {names[0]}, the reference's {names[1]}"
        close(y.detach().numpy(), z.detach().numpy(), f"result {k}")
        assert y.requires_grad == z.requires_grad, (
            f"result {k} requires_grad {y.requires_grad}, the reference's {z.requires_grad}"
        )
        if y.requires_grad:
            g = fixed_weights(y.shape, k).astype(y.dtype.numpy)
            y.backward(from_numpy(g), retain_graph=True)
            z.backward(from_array(g), retain_graph=True)
    for k, (leaf, t) in enumerate(zip(leaves, reference_leaves, strict=True)):
        if leaf.grad is None or t.grad is None:
            missing = [name for name, x in (("minigrad", leaf), ("the reference", t)) if x.grad is None]
            assert len(missing) == 2, f"gradient with respect to argument {k}: {missing[0]} has none"
        else:
            close(leaf.grad.numpy(), t.grad.numpy(), f"gradient with respect to argument {k}")


# ------------------------------------------------------------------------------------------------------------- helpers


def _as(array: Array, dtype: Any) -> Array:
    """Convert a floating-point array to a dtype with the same memory layout; return other arrays unchanged."""
    return array if array.dtype.kind != "f" or array.dtype == dtype else array.astype(dtype)


def _leaves(arrays: Sequence[Array]) -> list[Tensor]:
    return [from_numpy(np.asarray(x)).requires_grad_(np.asarray(x).dtype.kind == "f") for x in arrays]


def _as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _weighted_sum(result: Any) -> Any:
    """Return the weighted sum of the floating-point and complex arrays."""
    return sum(
        (np.asarray(y) * fixed_weights(np.shape(y), k)).sum() for k, y in enumerate(_as_list(result)) if y.dtype.kind in "fc"
    )


def _weighted(f: Function, leaves: Sequence[Tensor]) -> Tensor | None:
    results = [y for y in _as_list(f(*leaves)) if y.is_floating_point()]
    return _total([(y * from_numpy(fixed_weights(y.shape, k).astype(y.dtype.numpy))).sum() for k, y in enumerate(results)])


def _total(parts: Sequence[Tensor]) -> Tensor | None:
    return functools.reduce(operator.add, parts) if parts else None


def _gradients(value: Tensor | None, variables: Sequence[Tensor], create_graph: bool = False) -> Sequence[Tensor | None]:
    if value is None or not value.requires_grad:
        return [None] * len(variables)
    return grad(value, variables, create_graph=create_graph, allow_unused=True)


def _values(gradient: Tensor | None, like: Array) -> Array:
    return np.zeros(like.shape) if gradient is None else gradient.detach().numpy()


def _scalar(value: Tensor | None) -> float:
    return 0.0 if value is None else float(value)
