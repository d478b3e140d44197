"""The gradient rules of a primitive as they stand in the program, for `repr` and `help`."""

import ast
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any


def rule_sources(forward: Callable[..., Any], rules: Mapping[str, Callable[..., Any] | None]) -> dict[str, str]:
    """Return the rules of a primitive as text: for `mul`, ``{"a": "g * b", "b": "g * a"}``.

    They are looked for in the decorator of the function, and in a statement that has them in a call. Where the text of the
    program is not at hand, as of one typed at a prompt, the parameters of the rules stand for it.
    """
    given = {name: rule for name, rule in rules.items() if rule}
    lambdas: dict[str | None, ast.expr] = {}
    for function in (forward, *given.values()):
        with suppress(OSError, SyntaxError):
            statement = ast.parse(inspect.cleandoc(inspect.getsource(function)))
            keywords = [k for node in ast.walk(statement) if isinstance(node, ast.Call) for k in node.keywords]
            lambdas.update({k.arg: k.value.body for k in keywords if isinstance(k.value, ast.Lambda)})
    calls = {name: f"vjp({', '.join(inspect.signature(rule).parameters)})" for name, rule in given.items()}
    return {name: ast.unparse(lambdas[name]) if name in lambdas else call for name, call in calls.items()}
