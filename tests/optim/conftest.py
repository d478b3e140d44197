"""torch on one thread: its arrays are small here, and its threads wait for each other where others use the processors."""

import torch

torch.set_num_threads(1)
