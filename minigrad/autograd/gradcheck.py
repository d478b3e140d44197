"""Whether gradients are right: backward against central differences, element by element.

The derivative of f by x is about (f(x + eps) - f(x - eps)) / (2 eps), in error by eps² times the third derivative and by
the rounding of f divided by eps. With eps = 1e-6 that leaves nine good digits in float64 and not one in float32.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np

from minigrad import dtypes
from minigrad.arguments import explain_errors
from minigrad.autograd.functional import unit_cotangents
from minigrad.autograd.grad import as_list, grad
from minigrad.grad_mode import set_recording
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

Function = Callable[..., Tensor | Sequence[Tensor]]


class CheckOptions(TypedDict, total=False):
    """The keyword arguments of `gradcheck`."""

    eps: float
    atol: float
    rtol: float
    raise_exception: bool
    nondet_tol: float
    check_grad_dtypes: bool


class GradcheckError(RuntimeError):
    """A gradient is wrong; the message says by which input, and shows both Jacobians."""


@explain_errors
def gradcheck(
    func: Function,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_grad_dtypes: bool = False,
) -> bool:
    """Compare the gradients of a function with central differences; as ``torch.autograd.gradcheck``.

    Every element of the Jacobian of every floating-point output by every input that requires a gradient is compared:
    ``|backward - differences| <= atol + rtol |differences|``. The inputs must lie where the function is smooth.

    Args:
        func: A function of tensors that returns a tensor or a sequence of them.
        inputs: Its arguments. Those that require a gradient must be float64: in float32 differences say nothing, and
            where torch only warns of it this is an error.
        eps: The step of the differences.
        atol: The absolute tolerance.
        rtol: The relative tolerance.
        raise_exception: Raise if a gradient is wrong, instead of returning False.
        nondet_tol: How much the gradients of two equal calls may differ.
        check_grad_dtypes: Also require that each gradient has the dtype of its input.

    Returns:
        Whether all gradients are right.

    Raises:
        ValueError: No input requires a gradient, or one that does is not float64.
        GradcheckError: A gradient is wrong.

    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    >>> gradcheck(minigrad.exp, x)
    True
    """
    arguments = as_list(inputs)
    variables = [k for k, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    if not variables:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for k in variables:
        if arguments[k].dtype is not dtypes.float64:
            raise ValueError(
                f"gradcheck: input {k} is {arguments[k].dtype}, in which differences have no correct digit. "
                "Make it float64, for example with double()."
            )
    # Leaves of our own: a caller's tensor may be computed from others.
    leaves = [x.detach().requires_grad_() if k in variables else x for k, x in enumerate(arguments)]
    try:
        first, again = (_analytical(func, leaves, variables, check_grad_dtypes) for _ in range(2))
        for k, jacobians, repeated in zip(variables, first, again, strict=True):
            numerical = _numerical(func, leaves, k, eps)
            for j, (backward, second, differences) in enumerate(zip(jacobians, repeated, numerical, strict=True)):
                if not np.all(np.abs(backward - second) <= nondet_tol):
                    raise GradcheckError(f"Backward is not reentrant: two calls differ for output {j} and input {k}")
                if not np.allclose(backward, differences, rtol, atol):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {j} with respect to input {k},\n"
                        f"numerical:{differences.T}\nanalytical:{backward.T}\n"
                    )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


@explain_errors
def gradgradcheck(
    func: Function,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    **options: Unpack[CheckOptions],
) -> bool:
    """Compare the gradients of the gradients of a function with differences; as ``torch.autograd.gradgradcheck``.

    The function that is checked is backward itself: (inputs, cotangents of the outputs) -> cotangents of the inputs.

    Args:
        func: A function of tensors that returns a tensor or a sequence of them.
        inputs: Its arguments, as in `gradcheck`.
        grad_outputs: The cotangents at which to check; by default drawn from the normal distribution, always the same.
        options: Those of `gradcheck`: eps, atol, rtol, raise_exception, nondet_tol and check_grad_dtypes.

    Returns:
        Whether all second derivatives are right.

    Raises:
        ValueError: As in `gradcheck`.
        GradcheckError: A second derivative is wrong.
    """
    arguments = as_list(inputs)
    outputs = _differentiable(func, arguments)
    if grad_outputs is None:
        random = np.random.default_rng(0)
        cotangents = [wrap(random.standard_normal(y.shape)).to(y.dtype).requires_grad_() for y in outputs]
    else:
        cotangents = [g.detach().requires_grad_() for g in as_list(grad_outputs) if g is not None]
    count = len(arguments)

    def backward(*values: Any) -> list[Tensor]:
        variables = [x for x in values[:count] if isinstance(x, Tensor) and x.requires_grad]
        ys = _differentiable(func, values[:count])
        found = grad(ys, variables, values[count:], create_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    return gradcheck(backward, [*arguments, *cotangents], **options)


def _outputs(func: Function, arguments: Sequence[Any]) -> list[Tensor]:
    """Return the floating-point outputs."""
    with set_recording(True):
        result = func(*arguments)
    return [y for y in ([result] if isinstance(result, Tensor) else result) if y.is_floating_point()]


def _differentiable(func: Function, arguments: Sequence[Any]) -> list[Tensor]:
    return [y for y in _outputs(func, arguments) if y.requires_grad]


def _analytical(
    func: Function, arguments: Sequence[Any], variables: Sequence[int], check_grad_dtypes: bool
) -> list[list[Array]]:
    """Return for each variable the Jacobian of each output, (elements of the output, elements of the variable)."""
    leaves = [arguments[k] for k in variables]
    outputs = _outputs(func, arguments)
    jacobians = [[np.zeros((y.numel(), x.numel())) for y in outputs] for x in leaves]
    for j, y in enumerate(outputs):
        for row, unit in enumerate(unit_cotangents(y) if y.requires_grad else ()):
            found = grad(y, leaves, unit, retain_graph=True, allow_unused=True)
            for jacobian, x, g in zip(jacobians, leaves, found, strict=True):
                if g is None:
                    continue
                if g.shape != x.shape or (check_grad_dtypes and g.dtype is not x.dtype):
                    raise GradcheckError(f"the gradient is {g.dtype}{list(g.shape)}, its input {x.dtype}{list(x.shape)}")
                jacobian[j][row] = g.detach().numpy().ravel()
    return jacobians


def _numerical(func: Function, arguments: Sequence[Any], variable: int, eps: float) -> list[Array]:
    """Return the Jacobian of each output by one argument, by central differences."""
    x = arguments[variable].detach().numpy()

    def shifted(place: int, step: float) -> list[Array]:
        moved = x.copy(order="K")
        moved.flat[place] += step
        leaf = wrap(moved).requires_grad_()
        values = _outputs(func, [*arguments[:variable], leaf, *arguments[variable + 1 :]])
        return [y.detach().numpy().ravel().copy() for y in values]

    jacobians = [np.zeros((y.numel(), x.size)) for y in _outputs(func, arguments)]
    for k in range(x.size):
        for jacobian, up, down in zip(jacobians, shifted(k, eps), shifted(k, -eps), strict=True):
            jacobian[:, k] = (up - down) / (2 * eps)
    return jacobians
