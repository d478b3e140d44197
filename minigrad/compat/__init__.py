"""What exists only because torch has it: devices, legacy constructors, torch's view of the graph, NumPy's argument names.

minigrad would compute the same without this package; programs written for torch would not run. No file of the course
imports it.
"""

from minigrad.compat.as_torch import install_as_torch

__all__ = ["install_as_torch"]
