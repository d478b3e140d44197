"""Formulas of rules, found by running them: the rule is given tensors, and an observer sees what it does with them.

So the formula of a rule is written nowhere but in the rule. ``traced(vjp, {"g": g, "a": a, "b": b})``, with the vjp of `mul`,
returns an `Expression` that prints as ``g * b``, and one that prints as ``g * a``. An expression also prints as LaTeX or with
numbers put in, and it has the value of each of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minigrad.autodiff import TensorBase, wrap
from minigrad.autograd.observer import Observer
from minigrad.grad_mode import set_recording
from minigrad.primitive import Primitive

OPERATORS = {
    "eq": ("==", 1), "ne": ("!=", 1), "lt": ("<", 1), "le": ("<=", 1), "gt": (">", 1), "ge": (">=", 1),
    "bitwise_or": ("|", 2), "bitwise_and": ("&", 3), "add": ("+", 4), "sub": ("-", 4), "mul": ("*", 5), "div": ("/", 5),
    "matmul": ("@", 5), "neg": ("-", 6), "bitwise_not": ("~", 6), "power": ("**", 7), "pow": ("**", 7),
}  # fmt: skip
"""Python's operators, and how strongly they bind."""
WEAKEST, STRONGEST = 0, 9

LATEX = {
    "mul": r"{0} \cdot {1}", "matmul": r"{0} \, {1}", "power": "{0}^{{{1}}}", "pow": "{0}^{{{1}}}", "eq": "{0} = {1}",
    "ne": r"{0} \ne {1}", "le": r"{0} \le {1}", "ge": r"{0} \ge {1}", "bitwise_and": r"{0} \wedge {1}",
    "bitwise_or": r"{0} \vee {1}", "bitwise_not": r"\neg {0}", "div": r"\frac{{{0}}}{{{1}}}", "sqrt": r"\sqrt{{{0}}}",
    "exp": r"e^{{{0}}}", "log": r"\ln\left({0}\right)", "abs": r"\left|{0}\right|", "sin": r"\sin\left({0}\right)",
    "cos": r"\cos\left({0}\right)", "tanh": r"\tanh\left({0}\right)",
}  # fmt: skip
BRACED = ("div", "sqrt", "exp", "log", "abs", "sin", "cos", "tanh")
"""Those whose LaTeX encloses the operands, so that they need no parentheses."""


@dataclass(frozen=True)
class Expression:
    """A formula.

    Attributes:
        value: What it was here: an array or a scalar; None where it was not computed.
        name: The name, if it is a symbol; None for a constant or an operation.
        op: The primitive whose result it is; None for a symbol or a constant.
        operands: What the primitive was applied to.
        attributes: The keyword arguments of the primitive that are not the default.
    """

    value: Any
    name: str | None = None
    op: Primitive | None = None
    operands: tuple[Expression, ...] = ()
    attributes: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self, numbers: bool = False) -> str:
        """Return it in Python's notation; with numbers, values stand in place of the symbols."""
        return self._written(lambda leaf: leaf.name if leaf.name and not numbers else show(leaf.value), _in_python, WEAKEST)

    def latex(self, names: Mapping[str, str] | None = None) -> str:
        """Return it in LaTeX, with the names given for its symbols; without names, values stand in their place."""

        def leaf_text(leaf: Expression) -> str:
            return (names or {}).get(leaf.name or "") or latex_text(show(leaf.value))

        return self._written(leaf_text, _in_latex, WEAKEST)

    def _written(
        self, leaf_text: Callable[[Expression], str], write: Callable[[Expression, Sequence[str]], str], outer: int
    ) -> str:
        """Return the text in a notation, in parentheses if what is around it binds more strongly."""
        if self.op is None or self.name is not None:
            text = leaf_text(self)
            return f"({text})" if text.startswith("-") and outer > WEAKEST else text
        binding = OPERATORS.get(self.op.name, ("", STRONGEST))[1]
        enclosed = binding == STRONGEST or (write is _in_latex and self.op.name in BRACED)
        is_power = self.op.name in ("power", "pow")
        texts = []
        for k, operand in enumerate((*self.operands, *exponent(self))):
            raised = is_power and k == 1 and write is _in_latex
            stronger = k > 0 or is_power or binding == 1
            texts.append(operand._written(leaf_text, write, WEAKEST if enclosed or raised else binding + stronger))
        text = write(self, texts)
        return f"({text})" if not enclosed and binding < outer else text

    def symbols(self) -> dict[str, Any]:
        """Return the value of each symbol in it."""
        if self.name is not None:
            return {self.name: self.value}
        return {name: value for operand in self.operands for name, value in operand.symbols().items()}

    def at_one(self, name: str) -> Expression:
        """Return it with 1 in place of a symbol, without factors and exponents of 1."""
        if self.name is not None or self.op is None:
            return Expression(1.0) if self.name == name else self
        operands = tuple(operand.at_one(name) for operand in self.operands)
        if self.op.name in ("mul", "div") and operands[1].is_one():
            return operands[0]
        if self.op.name == "mul" and operands[0].is_one():
            return operands[1]
        if any(x.is_one() for x in exponent(self)):
            return operands[0]
        return replace(self, value=None, operands=operands)

    def is_one(self) -> bool:
        """Return whether it is the constant 1."""
        return self.op is None and self.name is None and np.ndim(self.value) == 0 and bool(self.value == 1)


def exponent(expression: Expression) -> tuple[Expression, ...]:
    """Return the exponent of `pow`, which is a keyword argument, as an operand."""
    if expression.op is None or expression.op.name != "pow":
        return ()
    return (Expression(dict(expression.attributes)["exponent"]),)


def _in_python(expression: Expression, operands: Sequence[str]) -> str:
    assert expression.op is not None
    name = expression.op.name
    if name in OPERATORS:
        symbol = OPERATORS[name][0]
        return f" {symbol} ".join(operands) if len(operands) == 2 else f"{symbol}{operands[0]}"
    keywords = [f"{key}={show_attribute(value)}" for key, value in expression.attributes]
    return f"{name}({', '.join([*operands, *keywords])})"


def _in_latex(expression: Expression, operands: Sequence[str]) -> str:
    assert expression.op is not None
    if expression.op.name in LATEX:
        return LATEX[expression.op.name].format(*operands)
    if expression.op.name in OPERATORS:
        return _in_python(expression, operands)
    keywords = [rf"\mathrm{{{latex_text(key)}}}={latex_text(show_attribute(value))}" for key, value in expression.attributes]
    return rf"\operatorname{{{latex_text(expression.op.name)}}}\left({', '.join([*operands, *keywords])}\right)"


# ------------------------------------------------------------------------------------------------------------------ tracing


class Tracer(Observer):
    """Remembers each operation, to write the expression of a result."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[Any, Primitive, Sequence[Any], Mapping[str, Any]]] = {}
        self.expressions: dict[int, Expression] = {}

    def after_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any], result: Any) -> None:
        """Remember what a tensor was computed from."""
        self.calls.setdefault(id(result), (result, op, inputs, attributes))

    def name(self, tensor: Any, name: str) -> None:
        """Let a tensor be a symbol from now on."""
        self.expressions[id(tensor)] = Expression(tensor.array, name)

    def expression(self, value: Any) -> Expression:
        """Return the expression of a tensor, or of a constant."""
        if id(value) in self.expressions:
            return self.expressions[id(value)]
        if id(value) not in self.calls:
            return Expression(value.array if isinstance(value, TensorBase) else value)
        result, op, inputs, attributes = self.calls[id(value)]
        changed = tuple((key, x) for key, x in attributes.items() if x is not op.defaults[key])
        expression = Expression(result.array, None, op, tuple(map(self.expression, inputs)), changed)
        self.expressions[id(value)] = expression
        return expression


def as_symbol(tracer: Tracer, name: str, value: Any) -> Any:
    """Return an array, or each of a list of arrays, as a tensor that is a symbol; anything else unchanged."""
    if isinstance(value, list):
        return [as_symbol(tracer, f"{name}[{k}]", x) for k, x in enumerate(value)]
    if not isinstance(value, np.ndarray | np.generic):
        return value
    tensor = wrap(np.asarray(value))
    tracer.name(tensor, name)
    return tensor


def traced(function: Callable[..., Sequence[Any]], arguments: Mapping[str, Any]) -> list[Expression | None]:
    """Return the expressions of the results of a function, None for None; its arrays are symbols of the names given."""
    tracer = Tracer()
    tensors = [as_symbol(tracer, name, value) for name, value in arguments.items()]
    with set_recording(False), tracer:
        results = function(*tensors)
    return [None if result is None else tracer.expression(result) for result in results]


# ------------------------------------------------------------------------------------------------------------------ numbers

MAX_SHOWN = 8
"""The greatest number of elements of which all are shown."""


def show(value: Any) -> str:
    """Return a number or an array as short text; of a large array the shape and the range."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array[()]:.5g}" if array.dtype.kind == "f" else str(array[()])
    if array.size <= MAX_SHOWN:
        text = np.array2string(array, precision=4, separator=", ", formatter={"float_kind": lambda x: f"{x:.5g}"})
        return " ".join(text.split())
    return f"{'x'.join(map(str, array.shape))} numbers from {array.min():.5g} to {array.max():.5g}"


def show_attribute(value: Any) -> str:
    """Return a keyword argument as short text; an index as in brackets."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        is_index = any(isinstance(x, slice | np.ndarray) or x is Ellipsis for x in value)
        parts = ", ".join(map(show_attribute, value))
        return f"[{parts}]" if is_index else f"({parts}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {show_attribute(x)}' for key, x in value.items())}}}"
    if isinstance(value, slice):
        bounds = [value.start, value.stop] + [value.step] * (value.step is not None)
        return ":".join("" if x is None else str(x) for x in bounds)
    if isinstance(value, np.ndarray):
        return show(value)
    if isinstance(value, np.dtype | Primitive):
        return value.name
    return "..." if value is Ellipsis else repr(value)


def latex_text(text: str) -> str:
    """Return text for LaTeX."""
    return "".join(f"\\{c}" if c in "_{}#%&$" else c for c in text)
