"""Gradients as values."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.arguments import explain_errors
from minigrad.autodiff import Cotangent, Vertex, accumulate, own, run_backward
from minigrad.backend import current
from minigrad.methods.autograd import call_after_backward, gradient_targets, root_cotangent
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap


@explain_errors
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the sum of the gradients of the outputs with respect to each input; no `grad` is touched.

    Args:
        outputs: What is differentiated.
        inputs: What it is differentiated by: leaves or intermediate results.
        grad_outputs: The cotangent of each output; None stands for 1, if the output is a scalar.
        retain_graph: Keep what the graph has saved, so that it can be differentiated again. Default: create_graph.
        create_graph: Record the computation of the gradients, so that they can be differentiated in turn.
        only_inputs: Must be True.
        allow_unused: Return None for an input that the outputs do not depend on.
        is_grads_batched: Must be False.
        materialize_grads: Return zeros for such an input.

    Raises:
        RuntimeError: An input is not used, and neither of the last two is given; or as in `Tensor.backward`.
        ValueError: materialize_grads is asked for, and allow_unused refused.
        NotImplementedError: only_inputs is False, or is_grads_batched is True.

    >>> import minigrad
    >>> x = minigrad.tensor(3.0, requires_grad=True)
    >>> (slope,) = grad(x**3, x, create_graph=True)
    >>> grad(slope, x)
    (tensor(18.),)
    """
    if is_grads_batched or not only_inputs:
        raise NotImplementedError("grad(): is_grads_batched=True and only_inputs=False are not supported")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots, given = _roots(outputs, grad_outputs, create_graph)
    xs = as_list(inputs)
    targets = gradient_targets(xs, "grad")
    grads = run_backward(roots, create_graph if retain_graph is None else retain_graph, create_graph, targets)
    unused = [k for k, vertex in enumerate(targets) if vertex not in grads]
    if unused and not allow_unused and not materialize_grads:
        raise RuntimeError(
            f"The differentiated Tensor at index {unused[0]} appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    borrowed = set(map(id, given))
    result = [_owned(grads[vertex], borrowed) if vertex in grads else None for vertex in targets]
    if materialize_grads:
        result = [wrap(np.zeros_like(x.array)) if g is None else g for x, g in zip(xs, result, strict=True)]
    return tuple(result)


@explain_errors
def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add to the `grad` of every leaf the sum of the gradients of the tensors; see `Tensor.backward`."""
    roots, given = _roots(tensors, grad_tensors, create_graph)
    targets = None if inputs is None else gradient_targets(as_list(inputs))
    retain_graph = create_graph if retain_graph is None else retain_graph
    accumulate(run_backward(roots, retain_graph, create_graph, targets, current.backend.backward_pass), given)
    call_after_backward()


def _owned(cotangent: Any, borrowed: set[int]) -> Tensor:
    """Return a cotangent as a tensor that shares memory with no other."""
    if not isinstance(cotangent, Tensor):
        return wrap(own(np.asarray(cotangent), borrowed))
    shared = id(cotangent.array) in borrowed
    borrowed.add(id(cotangent.array))
    return cotangent.clone() if shared else cotangent


def as_list(tensors: Tensor | Iterable[Any]) -> list[Any]:
    """Return tensors, or the only one, in a list."""
    if isinstance(tensors, Tensor):
        return [tensors]
    if isinstance(tensors, str) or not isinstance(tensors, Iterable):
        raise TypeError(f"expected a Tensor or an iterable of Tensors, but got {type(tensors).__name__}")
    return list(tensors)


def _roots(
    outputs: Tensor | Sequence[Tensor], cotangents: Tensor | Sequence[Tensor | None] | None, create_graph: bool
) -> tuple[list[tuple[Vertex | None, Cotangent]], list[Array]]:
    """Return the vertex and the cotangent of each output, and the arrays of those cotangents that the caller gave."""
    ys = as_list(outputs)
    gs = [None] * len(ys) if cotangents is None else as_list(cotangents)
    if len(gs) != len(ys):
        raise RuntimeError(f"got {len(ys)} tensors and {len(gs)} gradients")
    roots = [root_cotangent(y, g, create_graph, k) for k, (y, g) in enumerate(zip(ys, gs, strict=True))]
    return roots, [g.array for g in gs if g is not None]


@explain_errors
def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:  # noqa: N802
    """Return a tensor that shares memory with data: torch needed it for gradients in its first versions."""
    return data.detach().requires_grad_(requires_grad)
