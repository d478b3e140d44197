"""What an explanation of a backward pass consists of: the visits of nodes, as objects, text and Markdown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from minigrad.autodiff import Node, PrimitiveNode, Vertex
from minigrad.autograd.observer import Location
from minigrad.multi_output import OutputCotangents
from minigrad.narration.formula import Expression, latex_text, show, show_attribute
from minigrad.primitive import Array


class Operand(NamedTuple):
    """An input of an operation: its name in the program, its vertex if it requires a gradient, its value if that is known."""

    name: str
    vertex: Vertex | None
    value: Array | None


@dataclass(frozen=True)
class Part:
    """What a visited node contributes to the cotangent of one of its inputs.

    Attributes:
        vertex: The input, as a node or a leaf.
        operand: Its name in the program.
        rule: The gradient rule, with g for the cotangent of the result; None if it is not known, as of a user's `Function`.
        cotangent: The contribution: what the rule gives, summed to the shape of the input if that was broadcast.
        earlier: The sum of the contributions of the nodes that were visited before; None if there were none.
    """

    vertex: Vertex
    operand: str
    rule: Expression | None
    cotangent: Any
    earlier: Any

    @property
    def total(self) -> Any:
        """The cotangent of the input as far as it is known now."""
        if isinstance(self.earlier, OutputCotangents):
            return OutputCotangents(dict(self.earlier.values)) + self.cotangent
        return self.cotangent if self.earlier is None else self.earlier + self.cotangent

    @property
    def was_broadcast(self) -> bool:
        """Whether what the rule gives was summed."""
        return self.rule is not None and self.rule.value.shape != self.cotangent.shape


@dataclass(frozen=True)
class Step:
    """The visit of one node.

    Attributes:
        of: The name of what is differentiated.
        number: 1 for the node that is visited first.
        node: The node.
        result: The name of its result in the program.
        operands: Its inputs.
        attributes: Its keyword arguments, as far as they were saved and are not the default.
        value: Its result, None if it is not known.
        location: The line of the program that computed it, None if that was not observed.
        cotangent: The derivative of the final result by its result, complete.
        parts: What it contributes to each of its inputs that require a gradient.
    """

    of: str
    number: int
    node: Node
    result: str
    operands: tuple[Operand, ...]
    attributes: Mapping[str, Any]
    value: Array | None
    location: Location | None
    cotangent: Any
    parts: tuple[Part, ...]

    @property
    def call(self) -> str:
        """The operation: ``mul(w, x)``."""
        keywords = [f"{key}={show_attribute(value)}" for key, value in self.attributes.items()]
        return f"{self.node.op_name}({', '.join([*(x.name for x in self.operands), *keywords])})"

    @property
    def letters(self) -> dict[str, str]:
        """What the letters of the rules stand for: ``{"a": "w", "b": "x", "out": "v1"}``."""
        if not isinstance(self.node, PrimitiveNode):
            return {}
        op = self.node.linearization.op
        names = [f"{op.inputs[0]}[{k}]" for k in range(len(self.operands))] if op.variadic else op.inputs
        return {**dict(zip(names, [x.name for x in self.operands], strict=True)), "out": self.result}

    def slope(self, part: Part) -> Expression | None:
        """Return the derivative of the result by an input; None unless the operation works element by element."""
        if part.rule is None or not isinstance(self.node, PrimitiveNode):
            return None
        op = self.node.linearization.op
        return part.rule.at_one("g") if op.order == "K" and not op.is_view and not op.variadic else None

    @property
    def equation(self) -> str:
        """The operation with its result: ``v1 = mul(w, x) = 6``."""
        return f"{self.result} = {self.call}" + ("" if self.value is None else f" = {show(self.value)}")

    @property
    def source(self) -> list[str]:
        """The line of the program that computed it, with its place; empty if it is not known."""
        if self.location is None:
            return []
        module = f" ({self.location.module})" if self.location.module else ""
        return [f"{self.location.place}{module}: {self.location.source}"]

    @property
    def lines(self) -> list[str]:
        """The cotangent that arrives, and what the rules make of it, as lines of text."""
        lines = [f"g = ∂{self.of}/∂{self.result} = {show_cotangent(self.cotangent)}"]
        for part in self.parts:
            lines += self._part_lines(part)
        return lines

    def text(self) -> str:
        """Return the visit as text."""
        return "\n     ".join([f"{self.number}. {self.equation}", *self.source, *self.lines])

    def _part_lines(self, part: Part) -> Iterator[str]:
        derivative, slope = f"∂{self.of}/∂{part.operand}", self.slope(part)
        if slope is not None:
            yield f"∂{self.result}/∂{part.operand} = {slope}{self._meanings(slope)}"
        if part.rule is None:
            yield f"{derivative} = {show_cotangent(part.cotangent)}, by the backward of {self.node.op_name}"
        else:
            meanings = self._meanings(part.rule) if slope is None else ""
            equation = [derivative, str(part.rule), part.rule.text(numbers=True), show(part.rule.value)]
            yield f"{' = '.join(dict.fromkeys(equation))}{meanings}"
        if part.was_broadcast:
            yield f"    {part.operand} was broadcast: summed to its shape {part.cotangent.shape}: {show(part.cotangent)}"
        if part.earlier is not None:
            earlier, total = show_cotangent(part.earlier), show_cotangent(part.total)
            yield f"    added to what came on another path: {earlier} + {show_cotangent(part.cotangent)} = {total}"

    def _meanings(self, formula: Expression) -> str:
        """Return what the letters in a formula stand for, where that is not their own name."""
        letters = self.letters
        meanings = [f"{x} = {letters[x]}" for x in formula.symbols() if x in letters and letters[x] != x]
        return f"     where {', '.join(meanings)}" if meanings else ""

    def markdown(self) -> str:
        """Return the visit as Markdown with LaTeX."""
        lines = [f"{self.number}. `{self.equation}`"]
        if self.location is not None:
            lines[0] += f" — `{self.location.source}` (line {self.location.line})"
        lines.append(f"$${self._partial(self.of, self.result)} = {latex_text(show_cotangent(self.cotangent))}$$")
        names = {letter: latex_text(name) for letter, name in self.letters.items()}
        names["g"] = self._partial(self.of, self.result)
        for part in self.parts:
            slope = self.slope(part)
            if slope is not None:
                lines.append(f"$${self._partial(self.result, part.operand)} = {slope.latex(names)}$$")
            equation = [self._partial(self.of, part.operand)]
            if part.rule is not None:
                summed = r"\sum\nolimits_{\text{broadcast}} " if part.was_broadcast else ""
                equation += [summed + part.rule.latex(names), summed + part.rule.latex()]
            equation.append(latex_text(show_cotangent(part.cotangent)))
            lines.append(f"$${' = '.join(dict.fromkeys(equation))}$$")
            if part.earlier is not None:
                earlier, here = latex_text(show_cotangent(part.earlier)), latex_text(show_cotangent(part.cotangent))
                lines.append(
                    f"$${equation[0]} = {earlier} + {here} = {latex_text(show_cotangent(part.total))}$$ with another path"
                )
        return "\n\n    ".join(lines)

    @staticmethod
    def _partial(above: str, below: str) -> str:
        return rf"\frac{{\partial {latex_text(above)}}}{{\partial {latex_text(below)}}}"


def show_cotangent(cotangent: Any) -> str:
    """Return a cotangent as short text; of an operation with several results, those that have come."""
    if isinstance(cotangent, OutputCotangents):
        return ", ".join(f"{show(value)} for result {k}" for k, value in sorted(cotangent.values.items()))
    return show(cotangent)
