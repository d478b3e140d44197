"""Layers, activations and losses as functions, with torch's names: what the modules of `minigrad.nn` compute.

`sigmoid`, `tanh`, `softmax` and `log_softmax` are those of `minigrad`; unlike torch's, the last two do not guess a missing
`dim`. An argument of torch that minigrad does not have, such as `size_average`, is a TypeError that names it.
"""

from minigrad.functions import log_softmax as log_softmax
from minigrad.functions import sigmoid as sigmoid
from minigrad.functions import softmax as softmax
from minigrad.functions import tanh as tanh
from minigrad.nn.functional.activation import elu as elu
from minigrad.nn.functional.activation import gelu as gelu
from minigrad.nn.functional.activation import hardtanh as hardtanh
from minigrad.nn.functional.activation import leaky_relu as leaky_relu
from minigrad.nn.functional.activation import logsigmoid as logsigmoid
from minigrad.nn.functional.activation import prelu as prelu
from minigrad.nn.functional.activation import relu as relu
from minigrad.nn.functional.activation import relu6 as relu6
from minigrad.nn.functional.activation import silu as silu
from minigrad.nn.functional.activation import softplus as softplus
from minigrad.nn.functional.attention import scaled_dot_product_attention as scaled_dot_product_attention
from minigrad.nn.functional.convolution import conv1d as conv1d
from minigrad.nn.functional.convolution import conv2d as conv2d
from minigrad.nn.functional.convolution import conv_transpose1d as conv_transpose1d
from minigrad.nn.functional.convolution import conv_transpose2d as conv_transpose2d
from minigrad.nn.functional.dropout import dropout as dropout
from minigrad.nn.functional.dropout import dropout1d as dropout1d
from minigrad.nn.functional.dropout import dropout2d as dropout2d
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
from minigrad.nn.functional.normalization import batch_norm as batch_norm
from minigrad.nn.functional.normalization import cosine_similarity as cosine_similarity
from minigrad.nn.functional.normalization import group_norm as group_norm
from minigrad.nn.functional.normalization import layer_norm as layer_norm
from minigrad.nn.functional.normalization import normalize as normalize
from minigrad.nn.functional.padding import pad as pad
from minigrad.nn.functional.pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
from minigrad.nn.functional.pooling import avg_pool1d as avg_pool1d
from minigrad.nn.functional.pooling import avg_pool2d as avg_pool2d
from minigrad.nn.functional.pooling import max_pool1d as max_pool1d
from minigrad.nn.functional.pooling import max_pool2d as max_pool2d
