"""Run a program that was written for torch: ``python -m minigrad script.py [arguments]``.

``import torch`` in it, and in the modules that it imports, gives minigrad.
"""

import argparse
import runpy
import sys
from pathlib import Path

from minigrad.compat import install_as_torch


def main() -> None:
    """Run the script as ``python script.py`` would, with minigrad for torch."""
    parser = argparse.ArgumentParser(
        "python -m minigrad", "%(prog)s script.py [arguments]", description="Run a program written for torch with minigrad."
    )
    parser.add_argument("script", help="a Python file that imports torch")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own arguments")
    given = parser.parse_args()
    if not Path(given.script).is_file():
        parser.error(f"there is no file {given.script}")
    install_as_torch()
    sys.argv = [given.script, *given.arguments]
    sys.path[0] = str(Path(given.script).resolve().parent)
    runpy.run_path(given.script, run_name="__main__")


if __name__ == "__main__":
    main()
