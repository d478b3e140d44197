"""The step of an optimizer on one parameter, told with formulas and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.grad_mode import set_recording
from minigrad.narration.formula import Expression, Tracer, as_symbol, latex_text, show
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Update:
    """What one step makes of a parameter and its state.

    Attributes:
        optimizer: The name of the optimizer.
        before: The parameter, the gradient, the state and the hyperparameters, by their letters in the rule.
        after: The formula of each value after the step, by its letter with a prime, in the order of computation.
    """

    optimizer: str
    before: Mapping[str, Any]
    after: Mapping[str, Expression]

    @property
    def lines(self) -> list[str]:
        """What the step starts from, and each formula with its numbers, as lines of text."""
        lines = [", ".join(f"{name} = {show(value)}" for name, value in self.before.items())]
        for name, formula in self.after.items():
            equation = [name, str(formula), formula.text(numbers=True), show(formula.value)]
            lines.append(" = ".join(dict.fromkeys(equation)))
        return lines

    def text(self) -> str:
        """Return it as text."""
        return "\n     ".join([f"{self.optimizer}: {self.lines[0]}", *self.lines[1:]])

    __repr__ = text

    def markdown(self) -> str:
        """Return it as Markdown with LaTeX."""
        names = {name: latex_letter(name) for formula in self.after.values() for name in formula.symbols()}
        lines = [f"{self.optimizer}: {', '.join(f'`{name}` = {show(value)}' for name, value in self.before.items())}"]
        for name, formula in self.after.items():
            value = latex_text(show(formula.value))
            lines.append(f"$${latex_letter(name)} = {formula.latex(names)} = {formula.latex()} = {value}$$")
        return "\n\n".join(lines)


def explain_step(optimizer: Any, parameter: Tensor, gradient: Any = None) -> Update:
    """Tell what the next step of an optimizer makes of a parameter; see `Optimizer.explain`."""
    group = next((g for g in optimizer.param_groups if any(p is parameter for p in g["params"])), None)
    gradient = parameter.grad if gradient is None else gradient
    if group is None or gradient is None:
        missing = "the optimizer does not hold this parameter" if group is None else "the parameter has no gradient yet"
        raise ValueError(f"explain(): {missing}")
    if optimizer.rule is None:
        raise NotImplementedError(f"{type(optimizer).__name__} has a step of its own, and no rule that could be told")
    tracer, rule, options = Tracer(), optimizer.rule, optimizer.resolve_options(group)
    state = start_of_step(optimizer, parameter, options)
    letters = [*["t"] * rule.uses_step, *rule.state]
    theta = as_symbol(tracer, rule.theta, parameter.array)
    g = as_symbol(tracer, "g", getattr(gradient, "array", gradient))
    before = [as_symbol(tracer, letter, value) for letter, value in zip(letters, state, strict=True)]
    options = {name: with_symbols(tracer, name, option) for name, option in options.items()}
    with set_recording(False), tracer:
        new_theta, *after = optimizer.apply_rule(options, theta, g, before)
    formulas = {}
    for letter, result in [*zip(letters, after, strict=True), (rule.theta, new_theta)]:
        if isinstance(result, Tensor):
            formulas[f"{letter}'"] = formula = tracer.expression(result)
            if formula.name is None:
                tracer.name(result, f"{letter}'")
    symbols = {name: x for formula in formulas.values() for name, x in formula.symbols().items() if name not in formulas}
    return Update(type(optimizer).__name__, symbols, formulas)


def start_of_step(optimizer: Any, parameter: Tensor, options: Mapping[str, Any]) -> list[Any]:
    """Return the state of a parameter in the order of the rule; before the first step, what it begins with."""
    kept, state = optimizer.state.get(parameter, {}), []
    for name, start in optimizer.state_spec(options).items():
        if name in kept:
            state.append(kept[name].array)
        elif start is None or name in optimizer.scalar_names():
            state.append(start)
        else:
            state.append(np.full_like(parameter.array, start))
    return state


def with_symbols(tracer: Tracer, name: str, option: Any) -> Any:
    """Return an option with its numbers as symbols: lr as "lr", betas as "beta1" and "beta2"."""
    if isinstance(option, tuple):
        return tuple(with_symbols(tracer, f"{name.rstrip('s')}{k}", x) for k, x in enumerate(option, 1))
    if isinstance(option, bool) or not isinstance(option, int | float):
        return option
    return as_symbol(tracer, name, np.float64(option))


def latex_letter(name: str) -> str:
    """Return a name in LaTeX: Greek letters as such, digits at the end as an index."""
    letter, prime = name.rstrip("'"), "'" * name.endswith("'")
    stem = letter.rstrip("0123456789")
    spelled = rf"\{stem}" if stem in ("theta", "beta", "rho", "alpha", "gamma") else latex_text(stem)
    return f"{spelled}_{{{letter[len(stem) :]}}}{prime}" if stem != letter else f"{spelled}{prime}"
