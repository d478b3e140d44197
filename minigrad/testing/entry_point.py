"""What ``import hypothesis`` runs wherever minigrad is installed.

It is installed beside minigrad, as `minigrad_hypothesis`: a program that does not use minigrad shall not wait for its import.
Where Hypothesis comes first, `minigrad` registers itself.
"""

import sys
from importlib import import_module


def register() -> None:
    """Register minigrad with Hypothesis if it is in use."""
    if "minigrad.tensor" in sys.modules:
        import_module("minigrad.testing.registration")
