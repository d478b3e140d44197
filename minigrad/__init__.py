"""minigrad: how deep-learning frameworks work, in a form that can be read, used and tested.

``import minigrad as torch`` gives torch's names and behaviour for what is here.
"""

from minigrad import autograd
from minigrad.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minigrad.creation import *
from minigrad.dtypes import *
from minigrad.functions import *
from minigrad.tensor import Size, Tensor
