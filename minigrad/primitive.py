"""What a primitive is: a NumPy function together with one gradient rule for each input.

    @elementwise(a=lambda g, b: g * b,
                 b=lambda g, a: g * a)
    def mul(a, b):
        return np.multiply(a, b)

A rule is a vector-Jacobian product. It is named after the input it belongs to and takes `g`, the cotangent of the output.
**The names of its other parameters are its residuals**: what a rule names is saved on the tape, what no rule names is not
kept alive. A rule may name

* an input of the function (`a`), its result (`out`), or a keyword argument (`dim`);
* the shape or dtype of an input (`a_shape`, `a_dtype`), for which the array itself is not kept;
* in a function of any number of inputs (`*xs`), all their shapes (`xs_shape`); its one rule returns a cotangent for each.

Rules are written in operators and in other primitives, never in place. So a rule runs on arrays, which is first-order
backpropagation, and equally on anything that records what is done to it, which gives derivatives of every order.

A primitive applied to arrays is NumPy. Applied to anything else it hands itself over to the operand, as NumPy's ufuncs do
with `__array_ufunc__` (NEP 13): it calls `operand.__apply__(primitive, inputs, attributes)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Rule = Callable[..., Any]
Frame = Sequence[Any]

REFUSALS = (ValueError, TypeError, IndexError)  # what NumPy raises for operands that do not fit

HAS_VARARGS = 0x04  # the bit of `code.co_flags` that says `*args`

table: dict[str, Primitive] = {}
"""Every primitive by name: the calculus of minigrad."""


def positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's positional parameters."""
    return function.__code__.co_varnames[: function.__code__.co_argcount]


class Primitive:
    """A function of arrays that knows its derivative.

    Attributes:
        name: The function's name, without the underscore that keeps it apart from a builtin.
        forward: The NumPy function.
        inputs: Names of the array arguments; one name if `variadic`.
        variadic: Whether it takes any number of arrays.
        defaults: The keyword arguments, which are not differentiated, with their defaults.
        promote: For each input, whether it is brought to one dtype with the others before the call.
        promotes: Whether any is.
        floating: Whether integers become floating point before the call.
        rules: For each input, its rule, or None if it has no derivative.
        differentiable: Whether any input has a rule.
        match: What sums a cotangent to the shape of the input that was broadcast; None if the rules see to that themselves.
        slots: The names of what a frame holds: the inputs and the result, as far as they are kept; their shapes; the keyword
            arguments; the dtypes of the inputs.
        reach: How many of the slots the rules need; a frame may end there.
        vjps: For each choice of inputs, made of a boolean for each (for one, if `variadic`), the `Vjp`.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        rules: Mapping[str, Rule],
        promote: Iterable[str] = (),
        floating: bool = False,
        match: Callable[[Any, Shape], Any] | None = None,
    ) -> None:
        code = forward.__code__
        first_keyword, after_keywords = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        self.name = self.__name__ = forward.__name__.rstrip("_")
        self.__doc__ = forward.__doc__
        self.forward = forward
        self.variadic = bool(code.co_flags & HAS_VARARGS)
        self.inputs = (code.co_varnames[after_keywords],) if self.variadic else positional(forward)
        self.defaults = {
            name: (forward.__kwdefaults__ or {}).get(name) for name in code.co_varnames[first_keyword:after_keywords]
        }
        promoted = tuple(promote) or (self.inputs if floating else ())
        self.promote = tuple(name in promoted for name in self.inputs)
        self.promotes = any(self.promote)
        self.floating = floating
        self.rules = tuple(rules.get(name) for name in self.inputs)
        self.differentiable = bool(rules)
        self.match = match

        shapes = tuple(f"{name}_shape" for name in self.inputs)
        self.slots = (*self.inputs, "out", *shapes, *self.defaults, *(f"{name}_dtype" for name in self.inputs))
        for name, rule in rules.items():
            wanted = residuals(rule)
            if name not in self.inputs or not set(wanted) <= set(self.slots):
                raise TypeError(
                    f"{self.name}: the rule {name}(g, {', '.join(wanted)}) does not fit. "
                    f"A rule belongs to one of {self.inputs} and may name {self.slots}"
                )
        used = [self.slots.index(name) for rule in rules.values() for name in residuals(rule)]
        self.reach = max([*used, self.slots.index(shapes[-1]) if match else 0], default=0) + 1
        self.vjps = Vjps(self)
        table[self.name] = self

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Apply the function to arrays, or hand it over to the first operand that is something else."""
        for x in inputs:
            if hasattr(x, "__apply__"):
                return x.__apply__(self, inputs, attributes)
        return self.forward(*inputs, **attributes)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Vjp:
    """The vector-Jacobian product of a primitive with respect to some of its inputs.

    Attributes:
        keep: For each input and the result, whether it is a residual.
        on_arrays: A function of the cotangent and a frame, both of arrays or of what records. It returns a cotangent for each
            input, None for one that was not chosen or has no derivative.
        on_numbers: The same for a cotangent that is a number of NumPy, and a frame of arrays: to compute with numbers takes a
            tenth of the time. There are no axes, so that there is no shape to be matched.
    """

    __slots__ = ("keep", "on_arrays", "on_numbers")

    def __init__(self, op: Primitive, chosen: Sequence[bool]) -> None:
        rules = [rule if wanted else None for rule, wanted in zip(op.rules, chosen, strict=True)]
        named = {name for rule in rules if rule is not None for name in residuals(rule)}
        self.keep = tuple([name in named for name in op.slots[: len(op.inputs) + 1]])
        self.on_arrays = _together(op, rules)
        self.on_numbers = self.on_arrays if op.variadic else _together(op, rules, numbers=True)


def _together(op: Primitive, rules: Sequence[Rule | None], numbers: bool = False) -> Callable[[Any, Frame], Any]:
    """Return rules as one function of the cotangent and a frame, where their residuals are found.

    It runs at every node of every backward, where each call costs as much as the arithmetic of numbers. So it is written out
    as source: for the product of numbers, ``lambda g, frame: (rule0(g, frame[1][()]), rule1(g, frame[0][()]),)``.
    """
    names = {"match": op.match, **{f"rule{k}": rule for k, rule in enumerate(rules)}}
    cotangents = []
    for k, rule in enumerate(rules):
        if rule is None:
            cotangents.append("None")
            continue
        slots = [op.slots.index(name) for name in residuals(rule)]
        found = [f"frame[{slot}]" + ("[()]" if numbers and slot <= len(op.inputs) else "") for slot in slots]
        cotangent = f"rule{k}({', '.join(['g', *found])})"
        if op.match is not None and not numbers:
            cotangent = f"match({cotangent}, frame[{len(op.inputs) + 1 + k}])"
        cotangents.append(cotangent)
    result = cotangents[0] if op.variadic else f"({', '.join(cotangents)},)"
    function: Callable[[Any, Frame], Any] = eval(f"lambda g, frame: {result}", names)
    return function


class Vjps(dict[tuple[bool, ...], Vjp]):
    """The vector-Jacobian products of a primitive, each made when it is first asked for."""

    def __init__(self, op: Primitive) -> None:
        super().__init__()
        self._op = op

    def __missing__(self, chosen: tuple[bool, ...]) -> Vjp:
        vjp = self[chosen] = Vjp(self._op, chosen)
        return vjp


def residuals(rule: Rule) -> tuple[str, ...]:
    """Return the names of what a rule needs beside the cotangent."""
    return positional(rule)[1:]


def explained(op: Primitive, arrays: Sequence[Array], error: Exception) -> Exception:
    """Return a refusal of NumPy as torch's kind of exception, with the operation and what it was given."""
    kind = IndexError if isinstance(error, IndexError) else RuntimeError
    given = ", ".join(f"{x.dtype.name} {list(x.shape)}" for x in arrays)
    return kind(f"{op.name} of {given}: {error}")


def primitive(
    *, promote: Iterable[str] = (), floating: bool = False, **rules: Rule
) -> Callable[[Callable[..., Any]], Primitive]:
    """Enter a NumPy function into the table, with a rule for each input that has a derivative.

    Args:
        promote: Names of the inputs that are brought to one dtype before the call.
        floating: Turn integer inputs into floating point before the call.
        rules: The rules, by name of the input.

    Raises:
        TypeError: A rule belongs to no input, or names something that is no residual.
    """
    return lambda forward: Primitive(forward, rules, promote, floating)
