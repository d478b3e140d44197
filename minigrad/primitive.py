"""What a differentiable function is: NumPy code, together with one gradient rule for each input.

    @elementwise(a=lambda g, b: g * b,
                 b=lambda g, a: g * a)
    def mul(a, b):
        return np.multiply(a, b)

A rule is a *vector-Jacobian product*, vjp for short. It belongs to the input of the same name. Its first parameter g is the
derivative of some final scalar by the result of the function; it returns the derivative of that scalar by the input.
**The names of its other parameters are its residuals**: the values that the rule needs again later. What a rule names is
saved when the function is applied, and what no rule names is not kept alive. A rule may name

* an input of the function (`a`), its result (`out`), or a keyword argument (`dim`);
* the shape or dtype of an input (`a_shape`, `a_dtype`), for which the array itself is not kept;
* in a function of any number of inputs (`*xs`), all of them or all their shapes (`xs_shape`); its one rule returns a list.

Rules are written in operators and in other primitives, never in place. So the same rule computes with arrays, which is
ordinary backpropagation, and with tensors, which record it in turn and give derivatives of every order.

A primitive applied to arrays is NumPy. Applied to anything else it dispatches to the operand, as NumPy's ufuncs do with
`__array_ufunc__`: it calls ``operand.__apply__(primitive, inputs, attributes)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from linecache import cache as source_lines
from typing import Any, Literal, TypeVar, overload

import numpy as np

from minigrad.rule_sources import rule_sources
from minigrad.summation import sum_along

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Rule = Callable[..., Any]
Vjp = Callable[..., Sequence[Any]]
T = TypeVar("T")

NUMPY_ERRORS = (ValueError, TypeError, IndexError)
"""What NumPy raises for operands that do not fit."""

primitives: dict[str, Primitive] = {}
"""Every primitive by name."""


class Primitive:
    """A function of arrays that knows its derivative.

    Attributes:
        name: The name of the function, without the underscore that keeps it apart from a builtin.
        forward: The NumPy function.
        inputs: The names of the array arguments; one name if `variadic`.
        variadic: Whether it takes any number of arrays.
        defaults: The keyword arguments, which are not differentiated, with their defaults.
        rules: For each input its rule, or None if it has no derivative.
        promote: For each input, whether it is converted to one dtype with the others before the call.
        floating: Whether integers become floating point before the call.
        wide: Whether float16 is computed in float32, and the result rounded once, in both passes: so for all but views,
            copies, and ufuncs of NumPy, which do so themselves.
        broadcasts: Whether the inputs are broadcast, so that each cotangent is summed back to the shape of its input.
        is_view: Whether the result may share memory with the first input.
        order: How the result lies in memory: "C", row by row, or "K", in the order of the inputs. It is torch's.
        ufunc: The NumPy ufunc that it equals, None if there is none: what ``np.exp(tensor)`` and in-place computation use.
        public: Whether it is a function and a method of the library under its own name.
        in_place: Whether there is an in-place method too, with an underscore at the end of its name.

        linearizations: The derivative by each choice of inputs: ``mul.linearizations[True, False]`` is the one by the first.
        application: Left to backends, for a function that applies the primitive.

    Raises:
        TypeError: A rule belongs to no input, or names something that is no residual.
    """

    application: Callable[..., Any] | None = None

    def __init__(
        self,
        forward: Callable[..., Any],
        rules: Mapping[str, Rule],
        *,
        promote: Iterable[str] = (),
        floating: bool = False,
        elementwise: bool = False,
        is_view: bool = False,
        order: Literal["C", "K"] = "C",
        ufunc: np.ufunc | None = None,
        public: bool = False,
        in_place: bool = False,
    ) -> None:
        self.name = self.__name__ = forward.__name__.rstrip("_")
        self.__doc__, self.__module__ = forward.__doc__, forward.__module__
        self.__signature__ = inspect.signature(forward)
        self.forward = forward
        parameters = self.__signature__.parameters.values()
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.defaults = {p.name: None if p.default is p.empty else p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.rules = {name: rules.get(name) for name in self.inputs}
        self.differentiable = bool(rules)
        promoted = tuple(promote) or (self.inputs if floating or elementwise else ())
        self.promote = tuple(name in promoted for name in self.inputs)
        self.floating, self.broadcasts, self.is_view = floating, elementwise and len(self.inputs) > 1, is_view
        self.order = "K" if elementwise or is_view else order
        self.wide = floating or (ufunc is None and (elementwise or self.order == "C"))
        self.ufunc, self.public, self.in_place = ufunc, public, public and in_place
        shapes, dtypes = ([f"{name}_{suffix}" for name in self.inputs] for suffix in ("shape", "dtype"))
        self.saveable = (*self.inputs, "out", *shapes, *self.defaults, *dtypes)
        for name, rule in rules.items():
            if name not in self.inputs or not set(residual_names(rule)) <= set(self.saveable):
                raise TypeError(
                    f"{self.name}: the rule {name}(g, {', '.join(residual_names(rule))}) does not fit. "
                    f"A rule belongs to one of {self.inputs} and may name {self.saveable}"
                )
        self.linearizations = Linearizations(self)
        primitives[self.name] = self

    @overload
    def __call__(self, x: Array | float, /, *others: Any, **attributes: Any) -> Any: ...

    @overload
    def __call__(self, x: T, /, *others: Any, **attributes: Any) -> T: ...

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Apply the function to arrays, or dispatch to the first operand that is something else."""
        for x in inputs:
            if type(x) is not np.ndarray and hasattr(x, "__apply__"):
                return x.__apply__(self, inputs, attributes)
        return self.forward(*inputs, **attributes)

    def __repr__(self) -> str:
        vjps = [f"d{name} = {text}" for name, text in rule_sources(self.forward, self.rules).items()]
        return (
            f"<primitive {self.name}({', '.join(self.saveable[: len(self.inputs)])}): {'; '.join(vjps) or 'no derivative'}>"
        )


class Linearizations(dict[tuple[bool, ...], "Linearization"]):
    """The derivatives of a primitive, by the wanted inputs: a flag for each, one flag if `variadic`. Made when asked for."""

    def __init__(self, op: Primitive) -> None:
        self.op = op

    def __missing__(self, wanted: tuple[bool, ...]) -> Linearization:
        linearization = self[wanted] = Linearization(self.op, wanted)
        return linearization


class Linearization:
    """The derivative of a primitive by some of its inputs: what it saves, and its vector-Jacobian product.

    Both functions are written out from the parameter names of the rules, as `dataclasses` writes ``__init__``. For `mul`,
    ``print(mul.linearizations[True, True].source)`` shows

        def save(inputs, out, attributes):
            [a, b] = inputs
            return (a.array, b.array, a.array.shape, b.array.shape), (a.version, b.version)

        def vjp(g, a, b, a_shape, b_shape):
            return (unbroadcast(vjp_a(g, b), a_shape), unbroadcast(vjp_b(g, a), b_shape))

    Attributes:
        op: The primitive.
        wanted: Which inputs.
        residuals: The names of what is saved.
        save: Takes the input tensors, the result and all keyword arguments. Returns the residuals, and the version counter of
            each array among them.
        vjp: Takes g and the residuals. Returns the cotangent of each input, None where it is not wanted or has no rule.
        make_node: Left to backends, for a function that makes nodes.
    """

    vjp: Vjp
    make_node: Callable[..., Any] | None = None

    def __init__(self, op: Primitive, wanted: Sequence[bool]) -> None:
        self.op, self.wanted = op, wanted
        rules = {name: rule for (name, rule), flag in zip(op.rules.items(), wanted, strict=True) if flag and rule}
        named = {residual for rule in rules.values() for residual in residual_names(rule)}
        if op.broadcasts:
            named |= {f"{name}_shape" for name in rules}
        self.residuals = tuple(name for name in op.saveable if name in named)
        self.source = f"{self._save_source()}\n\n{vjp_source(op, wanted, self.residuals)}"
        functions = compile_functions(op, self.source, "".join("01"[flag] for flag in wanted))
        self.save, self.vjp = functions["save"], functions["vjp"]
        self._narrowed: dict[tuple[bool, ...], Vjp] = {}

    def narrow(self, wanted: tuple[bool, ...]) -> Vjp:
        """Return the vjp by fewer inputs, of the same residuals."""
        if wanted not in self._narrowed:
            source = vjp_source(self.op, wanted, self.residuals)
            self._narrowed[wanted] = compile_functions(self.op, source, "narrow")["vjp"]
        return self._narrowed[wanted]

    def _save_source(self) -> str:
        op, values, versions = self.op, [], []
        for name in self.residuals:
            base, _, suffix = name.rpartition("_")
            if name == "out" or name in op.inputs:
                values.append(f"[x.array for x in {name}]" if name in op.inputs and op.variadic else f"{name}.array")
                versions.append(f"*[x.version for x in {name}]" if name in op.inputs and op.variadic else f"{name}.version")
            elif name in op.defaults:
                values.append(f"attributes[{name!r}]")
            else:
                values.append(f"[x.array.{suffix} for x in {base}]" if op.variadic else f"{base}.array.{suffix}")
        unpack = f"{op.inputs[0]} = inputs" if op.variadic else f"[{', '.join(op.inputs)}] = inputs"
        result = ", ".join(f"({''.join(f'{x}, ' for x in part)})".replace(", )", ",)") for part in (values, versions))
        return f"def save(inputs, out, attributes):\n    {unpack}\n    return {result}\n"


def vjp_source(op: Primitive, wanted: Sequence[bool], residuals: Sequence[str]) -> str:
    """Return the source of the vjp by the wanted inputs."""
    cotangents = []
    for (name, rule), flag in zip(op.rules.items(), wanted, strict=True):
        cotangent = f"vjp_{name}({', '.join(['g', *residual_names(rule)])})" if rule is not None and flag else "None"
        if op.broadcasts and cotangent != "None":
            cotangent = f"unbroadcast({cotangent}, {name}_shape)"
        cotangents.append(cotangent)
    result = cotangents[0] if op.variadic else f"({', '.join(cotangents)},)"
    return f"def vjp({', '.join(['g', *residuals])}):\n    return {result}\n"


def compile_functions(op: Primitive, source: str, label: str, names: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return the functions that a source defines, with the names that it uses, as a part of this file."""
    rules = {f"vjp_{name}": rule for name, rule in op.rules.items()}
    namespace = {"__name__": __name__, **names, "unbroadcast": unbroadcast, **rules}
    return compile_source(source, f"{__file__} <{op.name} {label}>", namespace)


def compile_source(source: str, file: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Return a namespace with the functions that a source defines in it; tracebacks show its lines."""
    source_lines[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), namespace)
    return namespace


def residual_names(rule: Rule) -> tuple[str, ...]:
    """Return the names of what a rule needs besides the cotangent."""
    return rule.__code__.co_varnames[1 : rule.__code__.co_argcount]


def primitive(
    *,
    promote: Iterable[str] = (),
    floating: bool = False,
    is_view: bool = False,
    order: Literal["C", "K"] = "C",
    ufunc: np.ufunc | None = None,
    public: bool = False,
    **rules: Rule,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a NumPy function a primitive, with a rule for each input that has a derivative.

    Args:
        promote: Names of the inputs that are converted to one dtype before the call.
        floating: Convert integers to floating point before the call.
        is_view: Whether the result may share memory with the first input.
        order: How the result lies in memory: "C", row by row, or "K", in the order of the inputs, as that of a view.
        ufunc: The NumPy ufunc that it equals.
        public: Make it a function and a method of the library under its own name.
        rules: The rules, by name of the input.

    Raises:
        TypeError: A rule belongs to no input, or names something that is no residual.
    """
    return lambda forward: Primitive(
        forward, rules, promote=promote, floating=floating, is_view=is_view, order=order, ufunc=ufunc, public=public
    )


def elementwise(
    *, floating: bool = False, ufunc: np.ufunc | None = None, public: bool = True, in_place: bool = True, **rules: Rule
) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a NumPy function that works element by element a primitive, a function and a method.

    Its inputs are promoted to one dtype and broadcast against each other. Its rules need not care for that: each cotangent is
    summed back to the shape of its input.

    Args:
        floating: Convert integers to floating point before the call.
        ufunc: The NumPy ufunc that it equals.
        public: Make it a function and a method of the library under its own name.
        in_place: Give the method an in-place form.
        rules: The rules, by name of the input.
    """
    return lambda forward: Primitive(
        forward, rules, floating=floating, elementwise=True, ufunc=ufunc, public=public, in_place=in_place
    )


# Broadcasting, and its transpose: what is repeated in the forward pass is summed in the backward pass.


@primitive(is_view=True, x=lambda g, x_shape: sum_to(g, shape=x_shape))
def expand(x: Array, *, shape: Shape) -> Array:
    """x repeated along new and size-1 axes until it has the shape; a view, read-only where an element is repeated."""
    if x.shape == shape:
        return x[...]
    if x.size != 1 or x.ndim > len(shape):
        return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))  # the same in a quarter of the time
    view.flags.writeable = False
    return view


@primitive(x=lambda g, x_shape: expand(g, shape=x_shape))
def sum_to(x: Array, *, shape: Shape) -> Array:
    """x summed over the axes along which `shape` would be repeated to become x.shape."""
    extra = x.ndim - len(shape)
    if extra == 1 and x.shape[1:] == shape:
        return sum_along(x, 0)
    repeated = tuple(k for k in range(x.ndim) if k < extra or (shape[k - extra] == 1 and x.shape[k] != 1))
    return sum_along(x, repeated).reshape(shape)


def unbroadcast(cotangent: Any, shape: Shape) -> Any:
    """Return the cotangent summed to the shape of the input that was broadcast."""
    return cotangent if cotangent.shape == shape else sum_to(cotangent, shape=shape)
