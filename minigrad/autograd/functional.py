"""Derivatives of functions: Jacobians, Hessians, and products with them. The inputs need not require a gradient.

`inputs` is a tensor or a tuple of tensors, which the function takes as its arguments; the results are tensors or tuples
accordingly. With create_graph the results can be differentiated in turn.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.arguments import explain_functions
from minigrad.autograd.grad import grad
from minigrad.combining import stack
from minigrad.creation import ones_like, zeros, zeros_like
from minigrad.grad_mode import enable_grad
from minigrad.tensor import Tensor, wrap

Tensors = Tensor | tuple[Tensor, ...]


def _tuple(tensors: Any, what: str) -> tuple[Tensor, ...]:
    several = (tensors,) if isinstance(tensors, Tensor) else tensors
    if not isinstance(several, tuple) or not all(isinstance(t, Tensor) for t in several):
        raise TypeError(f"{what} must be a Tensor or a tuple of Tensors, but is {type(tensors).__name__}")
    return several


def _evaluated(func: Callable[..., Any], inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    """Return fresh inputs that require a gradient, and the function of them."""
    given = _tuple(inputs, "the inputs")
    # The product with 1 is a new place in the graph, from which the way on to the caller's own tensors stays open.
    xs = tuple(x * 1 if create_graph and x.requires_grad else x.detach().clone().requires_grad_() for x in given)
    return xs, func(*xs)


def unit_cotangents(y: Tensor) -> Iterator[Tensor]:
    """Yield for each element of a tensor the cotangent that is 1 there and 0 elsewhere."""
    for k in range(y.numel()):
        unit = np.zeros(y.shape, y.array.dtype)
        unit.flat[k] = 1
        yield wrap(unit)


def _like(values: tuple[Any, ...], pattern: Any) -> Any:
    return values if isinstance(pattern, tuple) else values[0]


def _product(ys: tuple[Tensor, ...], xs: tuple[Tensor, ...], v: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """Return the vector-Jacobian product, zeros where an input does not matter."""
    reached = [(y, u) for y, u in zip(ys, v, strict=True) if y.requires_grad]
    if not reached:
        return tuple(map(zeros_like, xs))
    outputs, cotangents = zip(*reached, strict=True)
    found = grad(outputs, xs, cotangents, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return tuple(zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True))


def _direction(v: Any, like: tuple[Tensor, ...], what: str) -> tuple[Tensor, ...]:
    """Return the vector of a product, which may be left out where there is a single number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {what} is a single number.")
        return (ones_like(like[0]),)
    vs = _tuple(v, "v")
    if [t.shape for t in vs] != [t.shape for t in like]:
        raise RuntimeError(f"v has the shapes {[list(t.shape) for t in vs]}, but {what} {[list(t.shape) for t in like]}")
    return vs


def jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """Return d func / d input, of shape ``output.shape + input.shape``; a tuple for each of several outputs or inputs.

    Where torch refuses an empty output, the result is empty.

    >>> import minigrad
    >>> jacobian(lambda x: x**2, minigrad.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    with enable_grad():
        xs, output = _evaluated(func, inputs, create_graph)
        tables = []
        for y in _tuple(output, "the outputs of the function"):
            rows = [_product((y,), xs, (unit,), create_graph) for unit in unit_cotangents(y)]
            columns = zip(*rows, strict=True) if rows else [()] * len(xs)
            blocks = [
                stack(column).reshape(*y.shape, *x.shape) if column else zeros(*y.shape, *x.shape, dtype=x.dtype)
                for column, x in zip(columns, xs, strict=True)
            ]
            tables.append(_like(tuple(blocks), inputs))
        return _like(tuple(tables), output)


def hessian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """Return the second derivatives of a function that gives a single number, of shape ``input.shape + input.shape``.

    >>> import minigrad
    >>> hessian(lambda x: (x**3).sum(), minigrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slope(*xs: Tensor) -> Any:
        return _like(_gradient(func(*xs), xs), inputs)

    return jacobian(slope, inputs, create_graph)


def _gradient(output: Any, xs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the gradient of a function that gives a single number."""
    ys = _tuple(output, "the output of the function")
    if ys is output or ys[0].numel() != 1:
        raise RuntimeError("The function given must return a Tensor with a single element.")
    return _product(ys, xs, (ones_like(ys[0]),), True)


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``(func(inputs), v' J)``: the product of a vector, shaped like the output, with the Jacobian."""
    with enable_grad():
        xs, output = _evaluated(func, inputs, create_graph)
        ys = _tuple(output, "the outputs of the function")
        shares = _product(ys, xs, _direction(v, ys, "the output"), create_graph)
    return _result(output, create_graph), _like(shares, inputs)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``(func(inputs), J v)``: the product of the Jacobian with a vector, shaped like the inputs.

    It is the derivative of ``u' J`` with respect to u, so two passes backward make one forward.
    """
    with enable_grad():
        xs, output = _evaluated(func, inputs, create_graph)
        ys = _tuple(output, "the outputs of the function")
        us = tuple(zeros_like(y, requires_grad=True) for y in ys)
        shares = _product(ys, xs, us, True)
        along = _product(shares, us, _direction(v, xs, "the input"), create_graph)
    return _result(output, create_graph), _like(along, output)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``(func(inputs), v' H)``: the product of a vector with the Hessian of a function that gives one number."""
    with enable_grad():
        xs, output = _evaluated(func, inputs, create_graph)
        shares = _product(_gradient(output, xs), xs, _direction(v, xs, "the input"), create_graph)
    return _result(output, create_graph), _like(shares, inputs)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """Return ``(func(inputs), H v)``, which is `vhp`, because the Hessian is symmetric."""
    return vhp(func, inputs, v, create_graph)


def _result(output: Any, create_graph: bool) -> Any:
    if create_graph:
        return output
    return output.detach() if isinstance(output, Tensor) else tuple(y.detach() for y in output)


explain_functions(globals())
