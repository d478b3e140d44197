"""Neural networks: modules and losses, the functions that they apply, and the initialization of parameters."""

from inspect import getmembers as _getmembers
from inspect import isfunction as _isfunction

from minigrad.arguments import explain_classes as _explain_classes
from minigrad.nn import functional as functional
from minigrad.nn import init as init
from minigrad.nn import parallel as parallel
from minigrad.nn import utils as utils
from minigrad.nn.activation import *
from minigrad.nn.attention import *
from minigrad.nn.container import *
from minigrad.nn.convolution import *
from minigrad.nn.dropout import *
from minigrad.nn.embedding import Embedding as Embedding
from minigrad.nn.flatten import *
from minigrad.nn.loss import *
from minigrad.nn.module import Linear as Linear
from minigrad.nn.module import Module as Module
from minigrad.nn.module import Parameter as Parameter
from minigrad.nn.normalization import *
from minigrad.nn.pooling import *
from minigrad.nn.recurrent import *

_methods = [name for name, _ in _getmembers(Module, _isfunction) if name[0] != "_" and name != "forward"]
_explain_classes(globals(), "__init__")
_explain_classes(
    {**globals(), "Parameter": None},
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__contains__",
    "append",
    "extend",
    "insert",
    "update",
    "get",
    "pop",
    *_methods,
)
_explain_classes({**globals(), "Linear": None, "MSELoss": None}, "forward")  # the lecture's, whose functions say it
