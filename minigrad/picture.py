"""Pictures that Graphviz lays out."""

from collections.abc import Mapping
from typing import Any

import graphviz

DOT_MISSING = (
    "The program `dot` of Graphviz, which draws the picture, was not found. Install Graphviz: `apt install graphviz` on "
    "Debian and Ubuntu, `brew install graphviz` on macOS, `winget install graphviz` on Windows."
)


class DotNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]
    """The program `dot` of Graphviz is not on the PATH."""

    def __init__(self) -> None:
        RuntimeError.__init__(self, DOT_MISSING)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that explains how to install Graphviz if the program `dot` is missing.

    In a notebook the explanation and the DOT source are displayed then; `render`, `view` and `pipe` raise `DotNotFound`.
    """

    def render(self, *arguments: Any, **options: Any) -> str:
        """Write the DOT source and the picture to files and return the path of the picture; see `graphviz.Digraph.render`.

        Raises:
            DotNotFound: The program `dot` is not installed. The DOT source was written.
        """
        try:
            return str(super().render(*arguments, **options))
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """Return the picture as bytes, or as str if an encoding is given; see `graphviz.Digraph.pipe`.

        Raises:
            DotNotFound: The program `dot` is not installed.
        """
        try:
            return super().pipe(*arguments, **options)
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> Mapping[str, Any]:
        try:
            return dict(super()._repr_mimebundle_(*arguments, **options))
        except graphviz.ExecutableNotFound:
            return {"text/plain": f"{DOT_MISSING}\n\n{self.source}"}
