"""Run programs written for torch without changing them: ``import torch`` gives minigrad."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _MissingModules(MetaPathFinder):
    """Says which modules of torch minigrad does not have; without it, Python would load minigrad's files a second time."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise for a module of torch; others are for the next finder."""
        if fullname.startswith("torch."):
            raise ModuleNotFoundError(f"minigrad has no module {fullname!r}", name=fullname)


def install_as_torch() -> None:
    """Let ``import torch``, ``import torch.nn as nn`` and so on give minigrad's modules, in this process.

    Raises:
        RuntimeError: torch, or a package under its name, has been imported already.
    """
    if sys.modules.get("torch") is sys.modules["minigrad"]:
        return
    if "torch" in sys.modules:
        raise RuntimeError("torch has been imported already: call install_as_torch before that, in a new process")
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "minigrad"}
    sys.modules.update({f"torch{name.removeprefix('minigrad')}": module for name, module in modules.items()})
    sys.meta_path.insert(0, _MissingModules())
