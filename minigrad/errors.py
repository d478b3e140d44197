"""The errors of reverse mode and of in-place operations: what happened, in torch's words, then what to do."""

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


def check_leaves(leaves: Sequence[Any]) -> None:
    """Raise RuntimeError if a tensor that was a leaf when it was used is none now."""
    for leaf in leaves:
        if leaf.node is not None:
            raise RuntimeError(
                f"leaf variable has been moved into the graph interior: a tensor of shape {list(leaf.array.shape)} was a "
                "leaf when it was used, and was overwritten since with something that requires a gradient"
            )


def base_replaced() -> RuntimeError:
    """A view is asked for its history, but its base has other memory now."""
    return RuntimeError(
        "the base of this view was given other memory by an assignment to its .data, and the view was written to: make the "
        "view again"
    )


def view_of_function(function_name: str | None, what: str) -> RuntimeError:
    """A view that a user's `Function` made is written to, or would have to be made again."""
    return RuntimeError(
        f"A result of {function_name} is a view and {what}. It shares the memory of an input of this Function, whose "
        "backward would be left out. clone() the result in forward, or after it."
    )


def view_made_without_recording(name: str) -> RuntimeError:
    """A view made under no_grad() is written to where that is recorded."""
    return RuntimeError(
        f"A view was created in no_grad mode and is being modified inplace with grad mode enabled ({name}): move both the "
        "view and the in-place operation inside the no_grad() block, or both outside"
    )


def leaf_written_in_place(name: str, is_view: bool) -> RuntimeError:
    """The memory of a leaf that requires a gradient is written to where that is recorded."""
    what = "a view of a leaf Variable" if is_view else "a leaf Variable"
    return RuntimeError(
        f"{what} that requires grad is being used in an in-place operation ({name}): write inside no_grad(), or use the "
        "out-of-place form"
    )


def not_writeable() -> RuntimeError:
    """The memory is read-only, or has one place for several elements."""
    return RuntimeError(
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location, as after "
        "expand(), or the memory is read-only. Please clone() the tensor before performing the operation."
    )


def result_misshapen(name: str, shape: Sequence[int], result_shape: Sequence[int]) -> RuntimeError:
    """The result of an in-place operation has another shape than the memory."""
    return RuntimeError(f"{name}: output with shape {list(shape)} doesn't match the broadcast shape {list(result_shape)}")


def result_uncastable(name: str, dtype: Any, result_dtype: Any) -> RuntimeError:
    """The result of an in-place operation has a dtype of a higher category than the memory."""
    return RuntimeError(f"{name}: result type {result_dtype} can't be cast to the desired output type {dtype}")


def type_name(value: Any) -> str:
    """Return the name of a value's type with its module, as torch writes it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
