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

import contextvars
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
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


class Quiet(threading.local):
    """Runs a function where NumPy does not warn of division by zero, overflow or NaN: as in torch, inf and NaN are values.

    ``quiet.run(f, *args)`` costs a tenth of ``np.errstate`` and leaves the caller's settings alone. The f must not come
    back here, unless ``with quiet.aside():``, in which user code is run.
    """

    def __init__(self) -> None:
        self.run = _quiet_context().run

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let operations be run from within `run`, in a context of their own."""
        before, self.run = self.run, _quiet_context().run
        try:
            yield
        finally:
            self.run = before


def _quiet_context() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context


quiet = Quiet()


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
        rules: For each input, its rule as a function of (g, frame), or None if it has no derivative.
        differentiable: Whether any input has a rule.
        slots: The names of what a frame holds: the inputs and the result, as far as they are kept; their shapes; the keyword
            arguments; the dtypes of the inputs.
        reach: How many of the slots the rules need; a frame may end there.
        kept: For each choice of inputs whose rules are asked for, whether each input and the result are to be kept.
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
        self.differentiable = bool(rules)

        arrays = (*self.inputs, "out")
        shapes = tuple(f"{name}_shape" for name in self.inputs)
        self.slots = (*arrays, *shapes, *self.defaults, *(f"{name}_dtype" for name in self.inputs))
        residuals = {name: positional(rule)[1:] for name, rule in rules.items()}
        for name, wanted in residuals.items():
            if name not in self.inputs or not set(wanted) <= set(self.slots):
                raise TypeError(
                    f"{self.name}: the rule {name}(g, {', '.join(wanted)}) does not fit. "
                    f"A rule belongs to one of {self.inputs} and may name {self.slots}"
                )
        self.rules = tuple(
            self._bind(rules[name], residuals[name], match, shape) if name in rules else None
            for name, shape in zip(self.inputs, shapes, strict=True)
        )
        used = [self.slots.index(name) for named in residuals.values() for name in named]
        self.reach = max([*used, self.slots.index(shapes[-1]) if match else 0], default=0) + 1
        self.kept: dict[tuple[bool, ...], tuple[bool, ...]] = {}
        for asked in itertools.product((False, True), repeat=len(self.inputs)):
            named = {array for name in itertools.compress(self.inputs, asked) for array in residuals.get(name, ())}
            self.kept[asked] = tuple(array in named for array in arrays)
        table[self.name] = self

    def _bind(
        self, rule: Rule, residuals: Sequence[str], match: Callable[[Any, Shape], Any] | None, shape: str
    ) -> Callable[[Any, Frame], Any]:
        """Return the rule as a function of the cotangent and a frame, whose slots it takes its residuals from.

        These functions run at every node of every backward, so the commonest forms are written out.
        """
        positions = [self.slots.index(name) for name in residuals]
        unmatched: Callable[[Any, Frame], Any]
        if not positions:
            unmatched = lambda g, frame: rule(g)
        elif len(positions) == 1:
            (only,) = positions
            unmatched = lambda g, frame: rule(g, frame[only])
        else:
            several = itemgetter(*positions)
            unmatched = lambda g, frame: rule(g, *several(frame))
        if match is None:
            return unmatched
        k_shape = self.slots.index(shape)

        def matched(g: Any, frame: Frame) -> Any:
            share = unmatched(g, frame)
            return share if share.shape == frame[k_shape] else match(share, frame[k_shape])

        return matched

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Apply the function to arrays, or hand it over to the first operand that is something else."""
        for x in inputs:
            if hasattr(x, "__apply__"):
                return x.__apply__(self, inputs, attributes)
        return self.forward(*inputs, **attributes)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


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
