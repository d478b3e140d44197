"""The gradient rules of a primitive as they stand in the program, for `repr` and `help`."""

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any


def rule_sources(forward: Callable[..., Any], rules: Mapping[str, Callable[..., Any] | None]) -> dict[str, str]:
    """Return the rules that decorate a function as text: for `mul`, ``{"a": "g * b", "b": "g * a"}``.

    Where the text of the program is not at hand, as of one typed at a prompt, the parameters of the rules stand for it.
    """
    calls = {name: f"vjp({', '.join(inspect.signature(rule).parameters)})" for name, rule in rules.items() if rule}
    try:
        (definition,) = ast.parse(inspect.cleandoc(inspect.getsource(forward))).body
    except (OSError, SyntaxError):
        return calls
    decorators = [d for d in getattr(definition, "decorator_list", ()) if isinstance(d, ast.Call)]
    lambdas = {k.arg: k.value for call in decorators for k in call.keywords if isinstance(k.value, ast.Lambda)}
    return {name: ast.unparse(lambdas[name].body) if name in lambdas else text for name, text in calls.items()}
