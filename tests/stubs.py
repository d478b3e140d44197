"""Write down, for type checkers and editors, the methods and functions that are made when minigrad is imported.

    python -m tests.stubs            write the ``*.pyi`` files
    python -m tests.stubs --check    only name those that are out of date; the exit status is 1 if there are any

To be run after a public primitive or method was added, or its signature or the first line of its docstring was changed.
"""

from __future__ import annotations

import inspect
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from minigrad import functions
from minigrad.methods import in_place_forms, primitive_methods

IMPORTS = {
    "Sequence": "collections.abc",
    "Any": "typing",
    "Self": "typing",
    "Sizes": "minigrad.methods.attributes",
    "ConversionMethods": "minigrad.methods.conversion",
    "Dim": "minigrad.methods.reduction",
    "ValuesIndices": "minigrad.methods.reduction",
    "Operand": "minigrad.promotion",
    "Scalar": "minigrad.promotion",
    "Generator": "minigrad.random",
    "Tensor": "minigrad.tensor",
    "ViewTracking": "minigrad.views",
}
"""Where the names that stand in annotations come from."""


def definition(function: Callable[..., Any], indent: str = "") -> str:
    """Return the signature of a function and the first line of its docstring, as they stand in a stub file.

    >>> from minigrad.methods.shape import ShapeMethods
    >>> definition(ShapeMethods.swapaxes).splitlines()[0]
    'def swapaxes(self, axis0: int, axis1: int) -> Self:'
    """
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))  # annotations are strings
    summary, *_ = inspect.cleandoc(function.__doc__ or "").splitlines()
    return f'{indent}def {function.__name__}{signature}:\n{indent}    """{summary}"""\n'


def class_definition(cls: type) -> str:
    """Return a class with the definitions of its methods, as they stand in a stub file."""
    methods = [definition(method, "    ") for _, method in sorted(vars(cls).items()) if inspect.isfunction(method)]
    return "\n".join([f"class {cls.__name__}({cls.__bases__[0].__name__}):", f'    """{cls.__doc__}"""\n', *methods])


def stub_file(module: ModuleType, *definitions: str) -> tuple[Path, str]:
    """Return the path and the contents of the stub file of a module."""
    body = "\n".join(definitions)
    imports = [f"from {source} import {name}" for name, source in IMPORTS.items() if re.search(rf"\b{name}\b", body)]
    header = f"# What type checkers and editors see of {module.__name__}. Written by `python -m tests.stubs`; do not edit."
    return Path(inspect.getfile(module)).with_suffix(".pyi"), "\n".join([header, "", *imports, "", body])


def stub_files() -> dict[Path, str]:
    """Return the contents of each stub file."""
    names = sorted(functions.__all__)
    exported = "".join(f'    "{name}",\n' for name in names)
    files = [
        stub_file(primitive_methods, class_definition(primitive_methods.PrimitiveMethods)),
        stub_file(in_place_forms, class_definition(in_place_forms.InPlaceForms)),
        stub_file(functions, f"__all__ = [\n{exported}]\n", *[definition(getattr(functions, name)) for name in names]),
    ]
    return dict(files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = ArgumentParser(prog="python -m tests.stubs", description="Write the *.pyi files of minigrad.")
    parser.add_argument("--check", action="store_true", help="only name the files that are out of date")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in stub_files().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if check:
            print(f"{path} is out of date: run python -m tests.stubs")
        else:
            path.write_text(text, "utf-8")
            print(f"wrote {path}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
