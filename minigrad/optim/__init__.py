"""Optimizers: rules that update parameters with their gradients.

Each file shows one idea, and they build on each other in this order: `sgd`, `heavy_ball`, `nag`, `adagrad`, `rmsprop`,
`adadelta`, `adam`, `nadam`. An optimizer is one pure function, its rule; `optimizer` says how rules are written, and does
what they have in common. `validation` has the checks, `checkpoint` saves and loads. `lr_scheduler` changes learning rates
during training. An optimizer of your own needs a file like theirs and, to be found here, a line below; its tests are there.

What a lecture calls it, and what it is here; the batch size is that of the samples that the loss is computed from:

======================  =======================================================  ==========================================
Name                    Class and arguments                                      Remarks
======================  =======================================================  ==========================================
Batch gradient descent  ``SGD(params, lr)``                                      loss over all n samples
Stochastic GD (SGD)     ``SGD(params, lr)``                                      loss over one sample, drawn at random
Mini-batch GD           ``SGD(params, lr)``                                      loss over k of n samples
Standard momentum       ``SGD(params, lr, momentum=0.9)``                        a sum of gradients, not an average
Heavy ball              ``HeavyBall(params, lr, momentum=0.9)``                  the same while lr is constant
NAG                     ``NAG(params, lr, momentum=0.9)``                        or ``SGD(..., momentum=0.9, nesterov=True)``
AdaGrad                 ``Adagrad(params, lr)``
RMSprop                 ``RMSprop(params, lr, alpha=0.9)``                       alpha is 0.99 by default, as in torch
AdaDelta                ``Adadelta(params)``                                     the paper has no lr, and rho=0.95
Adam                    ``Adam(params, lr)``                                     with decoupled weight decay: ``AdamW``
Nadam                   ``NAdam(params, lr)``
======================  =======================================================  ==========================================

Arguments, defaults, names of the state, checkpoints and error messages are torch's wherever torch has the optimizer.
"""

from minigrad.arguments import explain_classes
from minigrad.optim import lr_scheduler
from minigrad.optim.adadelta import Adadelta
from minigrad.optim.adagrad import Adagrad
from minigrad.optim.adam import Adam, AdamW
from minigrad.optim.heavy_ball import HeavyBall
from minigrad.optim.nadam import NAdam
from minigrad.optim.nag import NAG
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.rmsprop import RMSprop
from minigrad.optim.sgd import SGD

__all__ = ["NAG", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "HeavyBall", "NAdam", "Optimizer", "RMSprop", "lr_scheduler"]

explain_classes(globals(), "__init__", "add_param_group", "explain", "functional_step", "load_state_dict")
explain_classes({name: getattr(lr_scheduler, name) for name in lr_scheduler.__all__}, "__init__", "load_state_dict", "step")
