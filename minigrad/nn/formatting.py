"""The text of a module, as torch shows it."""

from collections.abc import Sequence


def format_module(name: str, settings: str, children: Sequence[tuple[str, str]]) -> str:
    """Return the text of a module.

    Args:
        name: The name of its class.
        settings: What `extra_repr` returns.
        children: The label and the text of each submodule, one per line.

    >>> format_module("Linear", "2, 3", [])
    'Linear(2, 3)'
    >>> print(format_module("Sequential", "", [("(0)", "Linear(2, 3)"), ("(1)", "ReLU()")]))
    Sequential(
      (0): Linear(2, 3)
      (1): ReLU()
    )
    """
    setting_lines = settings.split("\n") if settings else []
    if not children and len(setting_lines) <= 1:
        return f"{name}({settings})"
    lines = [*setting_lines, *(f"{label}: {text}" for label, text in children)]
    indented = "\n".join(lines).replace("\n", "\n  ")
    return f"{name}(\n  {indented}\n)"
