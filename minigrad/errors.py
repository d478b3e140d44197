"""The errors of reverse mode: what happened, in torch's words, then what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def from_numpy_error(op_name: str, arrays: Sequence[Any], error: Exception) -> Exception:
    """NumPy refuses the operands: torch's type of exception, with the operation and its operands."""
    kind = IndexError if isinstance(error, IndexError) else RuntimeError
    operands = ", ".join(f"{x.dtype.name} {list(x.shape)}" for x in arrays)
    return kind(f"{op_name} of {operands}: {error}")


def graph_freed(op_name: str) -> RuntimeError:
    """The residuals of a node were released."""
    return RuntimeError(
        f"Trying to backward through the graph a second time: what {op_name} had saved was freed by the first backward. "
        "Specify retain_graph=True there, or compute the loss again."
    )


def saved_tensor_modified(op_name: str, shape: Sequence[int] | None) -> RuntimeError:
    """A residual was written to after it was saved."""
    saved = "tensors" if shape is None else f"a tensor of shape {list(shape)}"
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: {op_name} had "
        f"saved {saved} that was written to before backward reached it. Use the out-of-place form of that operation, or "
        "clone() the tensor first."
    )


def data_replaced(shape: Sequence[int]) -> RuntimeError:
    """A saved leaf has other memory than when it was saved."""
    return RuntimeError(
        "one of the variables needed for gradient computation was given other memory by an assignment to its .data: a leaf "
        f"of shape {list(shape)}. Write to it in place under no_grad(), or compute the loss again."
    )


def check_root(output: Any, gradient: Any, position: int) -> None:
    """Raise RuntimeError unless an output can be differentiated, given its gradient, which may be left out for a scalar."""
    if output.vertex() is None:
        raise RuntimeError(
            f"element {position} of tensors does not require grad and does not have a grad_fn: nothing that it was computed "
            "from requires a gradient, or it was computed under no_grad()"
        )
    shape = output.array.shape
    if gradient is None and output.array.size != 1:
        raise RuntimeError(
            f"grad can be implicitly created only for scalar outputs, but the output has shape {list(shape)}: reduce it, for "
            "example with sum(), or give its gradient"
        )
    if gradient is not None and gradient.array.shape != shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {gradient.array.shape} and output[{position}] has a "
            f"shape of {shape}."
        )


def input_without_gradient(position: int, shape: Sequence[int]) -> RuntimeError:
    """Something is differentiated by a tensor that does not require a gradient."""
    return RuntimeError(f"One of the differentiated Tensors does not require grad: input {position}, of shape {list(shape)}")


def leaf_overwritten(shape: Sequence[int]) -> RuntimeError:
    """A tensor was a leaf when it was used, and is none now."""
    return RuntimeError(
        f"leaf variable has been moved into the graph interior: a tensor of shape {list(shape)} was a leaf when it was used, "
        "and was overwritten since with something that requires a gradient"
    )
