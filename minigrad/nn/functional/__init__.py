"""Layers, activations and losses as functions, with torch's names: what the modules of `minigrad.nn` compute.

`sigmoid`, `tanh`, `softmax` and `log_softmax` are those of `minigrad`; unlike torch's, the last two do not guess a missing
`dim`. An argument of torch that minigrad does not have, such as `size_average`, is a TypeError that names it.
"""

from minigrad.arguments import explain_functions as _explain_functions
from minigrad.functions import log_softmax as log_softmax
from minigrad.functions import sigmoid as sigmoid
from minigrad.functions import softmax as softmax
from minigrad.functions import tanh as tanh
from minigrad.nn.functional.activation import *
from minigrad.nn.functional.attention import scaled_dot_product_attention as scaled_dot_product_attention
from minigrad.nn.functional.convolution import *
from minigrad.nn.functional.dropout import *
from minigrad.nn.functional.embedding import embedding as embedding
from minigrad.nn.functional.embedding import one_hot as one_hot
from minigrad.nn.functional.linear import linear as linear
from minigrad.nn.functional.loss import binary_cross_entropy as binary_cross_entropy
from minigrad.nn.functional.loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from minigrad.nn.functional.loss import cross_entropy as cross_entropy
from minigrad.nn.functional.loss import huber_loss as huber_loss
from minigrad.nn.functional.loss import kl_div as kl_div
from minigrad.nn.functional.loss import l1_loss as l1_loss
from minigrad.nn.functional.loss import mse_loss as mse_loss
from minigrad.nn.functional.loss import nll_loss as nll_loss
from minigrad.nn.functional.loss import smooth_l1_loss as smooth_l1_loss
from minigrad.nn.functional.normalization import *
from minigrad.nn.functional.padding import pad as pad
from minigrad.nn.functional.pooling import *

_explain_functions(globals())
