"""Assertions for operations: derivatives of any order, values against a reference, and the contract of backward.

The functions under test take tensors and return one tensor or several. The arrays given are the arguments: floating-point
arrays become leaves that require a gradient, others (integers, booleans) tensors that do not.

A function with many outputs is reduced to a scalar: the sum of its outputs times fixed random weights. Any wrong or missing
entry of the Jacobian changes the gradient of that scalar.
"""

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

__all__ = ["assert_backward_contract", "assert_gradients", "assert_same"]

Function = Callable[..., Any]

STEP = 2.0**-11
"""Step size of finite differences. With Richardson extrapolation the relative error is about 1e-12."""

TINY = 1e-100
"""Step size of the complex step method. No difference is taken, so a tiny step causes no cancellation."""


def fixed_weights(shape: Sequence[int], seed: int) -> Array:
    """Return random weights of magnitude 0.5 to 1.5, determined by the shape and the seed."""
    random = np.random.default_rng(seed)
    return np.asarray(random.uniform(0.5, 1.5, tuple(shape)) * random.choice([-1.0, 1.0], tuple(shape)))


def complex_step_gradient(f: Function, arrays: Sequence[Array], index: int) -> Array:
    """Return the gradient of a scalar function with respect to arrays[index], exact to rounding: Im f(x + ih) / h.

    The function must be analytic and accept complex arrays.
    """
    gradient = np.zeros(arrays[index].shape)
    for k in np.ndindex(*gradient.shape):
        perturbed = [x.astype(np.complex128) if x.dtype.kind == "f" else x for x in arrays]
        perturbed[index][k] += TINY * 1j
        gradient[k] = np.imag(f(*perturbed)) / TINY
    return gradient


def finite_difference_gradient(f: Function, arrays: Sequence[Array], index: int) -> Array:
    """Return the gradient of a scalar function with respect to arrays[index] by central differences of two step sizes."""
    gradient = np.zeros(arrays[index].shape)
    for k in np.ndindex(*gradient.shape):
        direction = [np.zeros(x.shape) for x in arrays]
        direction[index][k] = 1
        gradient[k] = directional_derivative(f, arrays, direction)
    return gradient


def directional_derivative(f: Function, arrays: Sequence[Array], direction: Sequence[Array]) -> float:
    """Return the derivative along a direction by central differences with Richardson extrapolation."""

    def at(step: float) -> float:
        pairs = zip(arrays, direction, strict=True)
        return float(f(*(x + step * d if x.dtype.kind == "f" else x for x, d in pairs)))

    def central(step: float) -> float:
        return (at(step) - at(-step)) / (2 * step)

    return (4 * central(STEP / 2) - central(STEP)) / 3


def assert_gradients(
    f: Function, *arrays: Array, order: int = 1, analytic: Function | None = None, rtol: float = 1e-6, atol: float = 1e-8
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

    def close(actual: Any, expected: Any, value: Tensor | None, what: str) -> None:
        scale = max(1.0, abs(_scalar(value)), float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(actual, expected, rtol, atol * scale, err_msg=what)

    def derivative(leaves: Sequence[Tensor], n: int) -> Tensor | None:
        """Return the weighted sum differentiated along directions[0], ..., directions[n-1]; None if that is 0."""
        value: Tensor | None = _weighted(f, leaves)
        for direction in directions[:n]:
            gradients = _gradients(value, leaves, create_graph=True)
            value = _total([(g * from_numpy(direction[k])).sum() for k, g in gradients.items() if g is not None])
        return value

    leaves = _leaves(inputs)
    value = _weighted(f, leaves)
    for k, gradient in _gradients(value, leaves, create_graph=order > 1).items():
        if analytic is None:
            expected = finite_difference_gradient(lambda *xs: _scalar(_weighted(f, _leaves(xs))), inputs, k)
        else:
            expected = complex_step_gradient(
                lambda *xs: _weighted_sum(thread.state.without_warnings(analytic, *xs)), inputs, k
            )
        close(_values(gradient), expected, value, f"derivative 1 with respect to argument {k}")

    directions = [[fixed_weights(x.shape, 100 * n + k) for k, x in enumerate(inputs)] for n in range(1, order + 1)]
    for n in range(1, order):
        leaves = _leaves(inputs)
        next_order = derivative(leaves, n)
        actual = sum(float((_values(g) * directions[n][k]).sum()) for k, g in _gradients(next_order, leaves).items())
        slope = directional_derivative(lambda *xs, n=n: _scalar(derivative(_leaves(xs), n)), inputs, directions[n])
        close(actual, slope, next_order, f"derivative {n + 1}")


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
        gradients = {x: x.grad for x in leaves if x.grad is not None}
        for x, g in gradients.items():
            assert g.shape == x.shape, f"the gradient has shape {g.shape}, its input {x.shape}"
            assert g.dtype is x.dtype, f"the gradient is {g.dtype}, its input {x.dtype}"
        assert inputs_before == [x.detach().numpy().tobytes() for x in leaves], "backward changed an input"
        assert cotangents_before == [g.numpy().tobytes() for g in cotangents], "backward changed its cotangent"
        others = [t.detach().numpy() for t in (*leaves, *results, *cotangents)]
        for g in gradients.values():
            assert not any(np.may_share_memory(g.numpy(), x) for x in others), "a gradient shares memory with another tensor"
            others.append(g.numpy())
        doubled = {x: 2 * g.numpy() for x, g in gradients.items()}
        for y, g in zip(results, cotangents, strict=True):
            y.backward(g)
        what = "a second backward does not accumulate an equal gradient"
        for x, expected in doubled.items():
            np.testing.assert_allclose(_values(x.grad), expected, rtol=1e-5, err_msg=what)
        for first in _gradients(_weighted(f, leaves), leaves, create_graph=True).values():
            for k, h in _gradients(None if first is None else first.sum(), leaves, create_graph=True).items():
                x = leaves[k]
                assert h is None or (h.dtype is x.dtype and h.shape == x.shape), (
                    f"second order: {h.dtype}, its input {x.dtype}"
                )


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
        expected = _as_list(thread.state.without_warnings(reference, *arrays))
        for k, (y, z) in enumerate(zip(results, expected, strict=True)):
            close(y.detach().numpy(), np.asarray(z), f"result {k}")
        return
    reference_leaves = [from_array(x).requires_grad_(x.dtype.kind == "f") for x in arrays]
    expected = _as_list(reference(*reference_leaves))
    assert len(results) == len(expected)
    for k, (y, z) in enumerate(zip(results, expected, strict=True)):
        ours, theirs = (str(t.dtype).rpartition(".")[2] for t in (y, z))
        assert ours == theirs, f"result {k} is {ours}, the reference's {theirs}"
        close(y.detach().numpy(), z.detach().numpy(), f"result {k}")
        ours, theirs = y.requires_grad, z.requires_grad
        assert ours == theirs, f"result {k} requires_grad {ours}, the reference's {theirs}"
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
    indexed = enumerate(_as_list(result))
    return sum((np.asarray(y) * fixed_weights(np.shape(y), k)).sum() for k, y in indexed if y.dtype.kind in "fc")


def _weighted(f: Function, leaves: Sequence[Tensor]) -> Tensor | None:
    results = [y for y in _as_list(f(*leaves)) if y.is_floating_point()]
    return _total([(y * from_numpy(fixed_weights(y.shape, k).astype(y.dtype.numpy))).sum() for k, y in enumerate(results)])


def _total(parts: Sequence[Tensor]) -> Tensor | None:
    return functools.reduce(operator.add, parts) if parts else None


def _gradients(value: Tensor | None, leaves: Sequence[Tensor], create_graph: bool = False) -> dict[int, Tensor | None]:
    """Return, by its index, the gradient with respect to each leaf that requires one; None where the value is constant."""
    variables = {k: x for k, x in enumerate(leaves) if x.requires_grad}
    if value is None or not value.requires_grad:
        return dict.fromkeys(variables)
    found = grad(value, list(variables.values()), create_graph=create_graph, allow_unused=True)
    return dict(zip(variables, found, strict=True))


def _values(gradient: Tensor | None) -> Array:
    return np.zeros(()) if gradient is None else gradient.detach().numpy()


def _scalar(value: Tensor | None) -> float:
    return 0.0 if value is None else float(value)
