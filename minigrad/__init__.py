"""minigrad: how deep-learning frameworks work, in a form that can be read, used and tested.

``import minigrad as torch`` gives torch's names and behaviour for what is here. Names only: each is defined, and
described, in the module that it comes from.
"""

import sys as _sys
import typing as _typing
from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from minigrad import autograd as autograd
from minigrad import distributed as distributed
from minigrad import dtypes
from minigrad import fastpath as fastpath
from minigrad import nn as nn
from minigrad import optim as optim
from minigrad import utils as utils
from minigrad.combining import *
from minigrad.compat.devices import *
from minigrad.compat.tensor_types import *
from minigrad.creation import *
from minigrad.dtypes import *
from minigrad.fastpath.replay.compiled import compile as compile
from minigrad.functions import *
from minigrad.grad_mode import *
from minigrad.methods.attributes import Size as Size
from minigrad.random import *
from minigrad.serialization import *
from minigrad.tensor import Tensor as Tensor

__version__ = "0.1.0"

bool = dtypes.bool_
float = dtypes.float_
int = dtypes.int_
newaxis = None

if _typing.TYPE_CHECKING:
    from minigrad import viz as viz
    from minigrad.health import diagnose as diagnose
    from minigrad.health import summary as summary
    from minigrad.narration.explanation import explain as explain
else:

    def __getattr__(name: str) -> _typing.Any:
        """Import what draws pictures, and diagnoses, when they are first used: to import graphviz takes 8 ms."""
        if name == "viz":
            return _import_module("minigrad.viz")
        if name == "explain":
            return _import_module("minigrad.narration.explanation").explain
        if name in ("diagnose", "summary"):
            return getattr(_import_module("minigrad.health"), name)
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}")


if _sys.modules.get("hypothesis"):
    _import_module("minigrad.testing.registration")
