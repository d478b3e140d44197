"""Observers: objects that are shown what this thread computes, records and differentiates.

    class Narrator(Observer):
        def recorded(self, node, inputs, out):
            print("forward ", node.op_name, out)

        def after_vjp(self, node, cotangent, in_cotangents):
            print("backward", node.op_name, cotangent, "->", in_cotangents)

    with Narrator():
        (w * x).sum().backward()

Anomaly mode, `trace` and `minigrad.explain` are observers. While nobody observes, nothing is paid for them: one attribute is
read for each operation. While somebody does, operations go the plain way of `minigrad.backend`, not the fast lane.
"""

import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary

from minigrad.autodiff import Cotangent, Node, Vertex
from minigrad.grad_mode import thread
from minigrad.primitive import Array, Primitive

PACKAGE_DIR = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


class Observer:
    """What can be observed; a subclass defines the methods that it wants. It observes in a ``with`` block.

    Several can observe at once, and their methods may compute with tensors: what they compute is not observed. An exception
    that one raises ends the computation.
    """

    def before_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> None:
        """A primitive is about to be applied to operands, at least one of them a tensor."""

    def after_promotion(self, inputs: Sequence[Any], operands: Sequence[Any]) -> None:
        """The operands of a primitive were made tensors of suitable dtypes."""

    def after_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any], result: Any) -> None:
        """It was applied, and gave the tensor `result`, whose `node` is None if it was not recorded."""

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """A node was made: for an operation, a write to a view, or a user's `Function`."""

    def before_root(self, output: Any) -> None:
        """Backward is about to be called on a tensor."""

    def before_vjp(self, node: Node, cotangent: Cotangent) -> None:
        """A node is visited; its cotangent is complete."""

    def after_vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        """It has made of it a cotangent for each of ``node.parents``; None where none is needed."""

    def after_backward(self, cotangents: Mapping[Vertex, Cotangent]) -> None:
        """A backward pass has ended, with the cotangents of leaves and targets."""

    def after_accumulation(self, leaves: Sequence[Any]) -> None:
        """Backward has added the cotangents of leaves to their `grad`."""

    def after_numpy(
        self, function: Callable[..., Any], args: Sequence[Any], out: Any, writes: Sequence[Any], draws: bool
    ) -> None:
        """A function of NumPy was called beside the primitives; see `minigrad.grad_mode.call_numpy`."""

    def after_creation(self, array: Array) -> None:
        """The array of a new tensor was made, whose elements depend on nothing: zeros, ones, a range."""

    def before_write(self, tensor: Any, values: Any) -> None:
        """Values, an array or a scalar, are about to be put into the memory of a tensor."""

    def before_set_item(self, tensor: Any, index: Any, value: Any) -> None:
        """A tensor is about to be assigned to the elements of another at an index of NumPy."""

    def before_read(self, tensor: Any, how: str) -> None:
        """The elements of a tensor are about to leave minigrad: as Python values, in an array, or printed."""

    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to update its parameters."""

    def after_step(self, optimizer: Any) -> None:
        """It has updated them."""

    def __enter__(self) -> Self:
        observe(self)
        return self

    def __exit__(self, *exception: object) -> None:
        stop(self)


class Observers:
    """The observers of one thread; they are told in the order in which they came."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self.observers = observers

    def tell(self, event: str, *arguments: Any) -> None:
        """Call a method, by name, of each observer that defines it."""
        listeners = [x for x in self.observers if getattr(type(x), event) is not getattr(Observer, event)]
        if listeners:
            with unobserved():
                for observer in listeners:
                    getattr(observer, event)(*arguments)

    def vjp(self, node: Node, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:
        """Visit a node, observed."""
        self.tell("before_vjp", node, cotangent)
        in_cotangents = node.vjp(cotangent, needed)
        self.tell("after_vjp", node, cotangent, in_cotangents)
        return in_cotangents


def observers() -> tuple[Observer, ...]:
    """Return who observes this thread."""
    return thread.state.observer.observers if thread.state.observer is not None else ()


def observe(observer: Observer) -> None:
    """Let an observer observe this thread until `stop`."""
    thread.state.observer = Observers((*observers(), observer))


def stop(observer: Observer) -> None:
    """Let an observer observe no longer; if it was let several times, one of them ends."""
    left = list(observers())
    if observer in left:
        left.remove(observer)
    thread.state.observer = Observers(tuple(left)) if left else None


@contextmanager
def unobserved() -> Iterator[None]:
    """Let nobody observe in this block."""
    previous, thread.state.observer = thread.state.observer, None
    try:
        yield
    finally:
        thread.state.observer = previous


# ------------------------------------------------------------------------------------------------- where the program stands


class Location(NamedTuple):
    """A line of the user's program, and the path of the module in whose `forward` it is, such as "Net.body.0", or empty."""

    filename: str
    line: int
    function: str
    module: str = ""

    @property
    def source(self) -> str:
        """The text of the line; empty if the file is not to be had."""
        return linecache.getline(self.filename, self.line).strip()

    @property
    def place(self) -> str:
        """The file, relative to the working directory if it is below that, and the number of the line."""
        return f"{self.filename.removeprefix(os.getcwd() + os.sep)}:{self.line}"

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}, in {self.function}: {self.source}"


locations: WeakKeyDictionary[Node, Location] = WeakKeyDictionary()
"""Where the program stood when a node was made, if a `LineRecorder` observed."""


def location_of(node: Node) -> Location | None:
    """Return where a node was made, if that was observed; of one of several results, where the operation was."""
    return locations.get(getattr(node, "operation", node))


class LineRecorder(Observer):
    """Notes in `locations` where each node is made. A node that a vjp makes stands where the visited one does."""

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """Note the line."""
        note_location(node)


def note_location(node: Node | None) -> Location | None:
    """Return where the program stands, and note it as where the node was made."""
    location = current_location()
    if node is not None and location is not None:
        locations[node] = location
    return location


def frames() -> Iterator[tuple[str, Any, FrameType]]:
    """Yield the frames of the program, the innermost first: the name of the function, its `self`, and the frame."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_code.co_name, frame.f_locals.get("self"), frame
        frame = frame.f_back


def visited_node() -> Node | None:
    """Return the node whose vjp is running, if one is."""
    return next((node for name, node, _ in frames() if name == "vjp" and isinstance(node, Node)), None)


def user_frame() -> FrameType | None:
    """Return the innermost frame that is not minigrad's."""
    return next((frame for *_, frame in frames() if not frame.f_code.co_filename.startswith(PACKAGE_DIR)), None)


def current_location() -> Location | None:
    """Return where the program stands: the innermost line that is not minigrad's, or that of the node being visited."""
    visited = visited_node()
    if visited is not None:
        return location_of(visited)
    user = user_frame()
    if user is None:
        return None
    return Location(user.f_code.co_filename, user.f_lineno, user.f_code.co_name, current_module())


def current_module() -> str:
    """Return the path of the module in whose `forward` the program stands, such as "Net.body.0"; empty if in none."""
    modules = [module for name, module, _ in frames() if name == "forward" and hasattr(module, "named_modules")]
    return module_path(modules[::-1])


def module_path(modules: Sequence[Any]) -> str:
    """Return the path to the last of some modules, each of which was called by the one before."""
    names = [type(modules[0]).__name__] if modules else []
    for outer, inner in pairwise(modules):
        names.append(next((name for name, module in outer.named_modules() if module is inner), type(inner).__name__))
    return ".".join(names)
