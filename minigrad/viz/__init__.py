"""Pictures of the recorded computation graph, drawn or as text.

    graph(loss, params=model)

returns a `graphviz.Digraph`. Jupyter displays it; ``.render("loss", format="png")`` writes a file; ``.source`` is its source
in the DOT language, which does not need Graphviz. ``print(tree(loss))`` needs nothing.

Operations save arrays only where a vjp needs them, and a backward pass without retain_graph frees those. So a picture shows
the shapes and values that are known: of leaves, of the output, of named tensors, and of saved tensors. `keep` keeps the rest:

    with keep(model):
        loss = mse_loss(model(x), y)
        loss.backward()
    graph(loss)

shows every value and every gradient, and frames around what each module has computed.
"""

from minigrad.arguments import explain_functions
from minigrad.picture import DOT_MISSING, DotNotFound, Picture
from minigrad.tensor import Tensor
from minigrad.viz.dot import COLORS, Drawing
from minigrad.viz.keep import keep, records
from minigrad.viz.layout import MODULE, OPERATION, REPEATED, Layout, Names
from minigrad.viz.tensors import CONSTANT, INTERMEDIATE, LEAF, OUTPUT
from minigrad.viz.text import lines_of_tree

__all__ = [
    "COLORS", "CONSTANT", "DOT_MISSING", "INTERMEDIATE", "LEAF", "MODULE", "OPERATION", "OUTPUT", "REPEATED", "DotNotFound",
    "Picture", "graph", "keep", "records", "tree",
]  # fmt: skip


def graph(
    tensor: Tensor,
    *,
    params: Names = None,
    max_values: int = 6,
    max_ops: int | None = 200,
    depth: int | None = None,
    direction: str = "TB",
) -> Picture:
    """Draw the recorded computation of a tensor.

    Boxes are tensors: blue are leaves that require a gradient, grey constants, white intermediate tensors, green the output.
    A box shows the name if known, the shape, the values (of a large array the range), and in red the gradient if backward
    has computed it. Orange ellipses are operations with their non-default arguments. An arrow into an operation with several
    inputs is labelled with the name of the input. Frames are calls of modules, if `keep` knows them.

    A graph of more than `max_ops` operations is made smaller: of what is repeated at least four times, the first and the last
    time are drawn; if that is not enough, modules are closed, the innermost first; and then the earliest operations omitted.

    Args:
        tensor: The output.
        params: Names for tensors: a Module, or a mapping from names to tensors. Besides parameters, constants and
            intermediate tensors can be named; their values are shown then.
        max_values: The greatest number of elements of which all values are shown.
        max_ops: The greatest number of operations; None draws all, which can take `dot` very long.
        depth: How many levels of modules are open. A closed one is one purple vertex: with 0 the model itself, with 1 its
            submodules. None opens all.
        direction: Graphviz's rankdir: "TB" draws from top to bottom, "LR" from left to right; also "BT" and "RL".

    Raises:
        TypeError: tensor is not a Tensor, or params is neither a Module nor a mapping to Tensors.
        ValueError: direction is unknown, or a limit is negative.

    >>> import minigrad
    >>> w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> print(graph((w * 3).sum(), params={"w": w}).source.splitlines()[0])
    digraph {
    """
    if direction not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f"direction must be one of TB, LR, BT, RL, but got {direction!r}")
    return Drawing(Layout(tensor, params, max_values, max_ops, depth), direction).draw()


def tree(
    tensor: Tensor, *, params: Names = None, max_values: int = 6, max_ops: int | None = 200, depth: int | None = None
) -> str:
    """Return the recorded computation of a tensor as text: what `graph` draws, each result above what it was computed from.

    A result that is used several times has a number; what it was computed from is written once.

    >>> import minigrad
    >>> w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> print(tree((w * 3).sum(), params={"w": w}))
    sum  scalar  9
    └─ mul  shape (2,)
       ├─ a: leaf w  shape (2,)  [1, 2]
       └─ b: constant  scalar  3
    """
    return "\n".join(lines_of_tree(Layout(tensor, params, max_values, max_ops, depth)))


explain_functions(globals())
