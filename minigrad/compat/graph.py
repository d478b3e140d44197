"""torch's view of the recorded graph: ``y.grad_fn``, ``grad_fn.next_functions``, and names such as ``MulBackward0``."""

from __future__ import annotations

from weakref import WeakValueDictionary

from minigrad.autodiff import Node, Vertex

NextFunctions = tuple[tuple["GradFn | AccumulateGrad | None", int], ...]


class GradFn:
    """The operation that computed a tensor, as ``torch.Tensor.grad_fn`` shows it. A node has one as long as it is in use.

    Attributes:
        node: The recorded operation.

    >>> import minigrad
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> (x * x).grad_fn, (x * x).grad_fn.next_functions
    (<MulBackward0>, ((<AccumulateGrad>, 0), (<AccumulateGrad>, 0)))
    """

    __slots__ = ("__weakref__", "node")
    node: Node

    def __new__(cls, node: Node) -> GradFn:
        """Return the node's view if there is one, so that ``y.grad_fn is y.grad_fn``."""
        view = super().__new__(cls)
        view.node = node
        return _views.setdefault(node, view)

    def name(self) -> str:
        """Return torch's name: ``MulBackward0`` for `mul`, ``OwnBackward`` for a subclass ``Own`` of `Function`."""
        node = self.node
        if node.user_defined:
            return f"{node.op_name}Backward"
        return f"{node.op_name.title().replace('_', '')}Backward0"

    @property
    def next_functions(self) -> NextFunctions:
        """The inputs, each with a 0: a `GradFn`, `AccumulateGrad` for a leaf, None if it requires no gradient.

        A `Function` has only those of its arguments that are tensors.
        """
        parents: tuple[Vertex | None, ...] = getattr(self.node, "tensor_parents", self.node.parents)
        return tuple((None if parent is None else grad_fn(parent), 0) for parent in parents)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


_views: WeakValueDictionary[Node, GradFn] = WeakValueDictionary()


class AccumulateGrad:
    """A leaf, where a walk along `GradFn.next_functions` ends and `grad` accumulates.

    Attributes:
        variable: The leaf.
    """

    __slots__ = ("variable",)
    next_functions: NextFunctions = ()

    def __init__(self, variable: Vertex) -> None:
        self.variable = variable

    def name(self) -> str:
        """Return torch's name for it."""
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


def grad_fn(vertex: Vertex) -> GradFn | AccumulateGrad:
    """Return torch's view of a vertex, which is a node or a leaf."""
    return GradFn(vertex) if isinstance(vertex, Node) else AccumulateGrad(vertex)
