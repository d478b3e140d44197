"""A program as users write it, with annotations, which type checkers must understand: see `test_typing.py`.

It also runs, so that what it says about types is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import numpy as np

import minigrad
import minigrad.nn.functional as F  # noqa: N812
from minigrad import Tensor, nn, optim
from minigrad.optim.lr_scheduler import StepLR
from minigrad.utils.data import DataLoader, TensorDataset

# Tensors, methods and functions

x = minigrad.linspace(-1, 1, 8).reshape(4, 2)
assert_type(x, Tensor)
assert_type(minigrad.tensor([[1, 2.5], [3, 4]], dtype=minigrad.float64, requires_grad=True), Tensor)
assert_type(minigrad.zeros(2, 3), Tensor)
assert_type(minigrad.from_numpy(np.ones(3)), Tensor)
assert_type(minigrad.randn(4, 2, generator=minigrad.Generator().manual_seed(0)), Tensor)
assert_type(x.exp(), Tensor)
assert_type(minigrad.exp(x), Tensor)
assert_type(x.add(1, alpha=2), Tensor)
assert_type(minigrad.maximum(x, 2 * x), Tensor)
assert_type(x.sum(dim=1, keepdim=True), Tensor)
assert_type(minigrad.sum(x, 0), Tensor)
assert_type(x.mean(), Tensor)
assert_type(x.view(-1), Tensor)
assert_type(x.transpose(0, 1), Tensor)
assert_type(x.permute(1, 0), Tensor)
assert_type(x.matmul(x.mT), Tensor)
assert_type(x.to(minigrad.float64), Tensor)
assert_type(x.clamp(0, 1), Tensor)
assert_type(x.softmax(dim=-1), Tensor)
assert_type(minigrad.cat([x, x], dim=1), Tensor)
assert_type(minigrad.stack((x, x)), Tensor)
assert_type(minigrad.where(x > 0, x, 0.0), Tensor)
assert_type(minigrad.einsum("ij,kj->ik", x, x), Tensor)
assert_type(2 * x + x / 2 - 1, Tensor)
assert_type(x @ x.T, Tensor)
assert_type(-x, Tensor)
assert_type(x > 0, Tensor)
assert_type(x[0, :1], Tensor)
assert_type(x.detach().clone(), Tensor)
assert_type(x.numel(), int)
assert_type(x.ndim, int)
assert_type(x.dtype, minigrad.dtype)
assert_type(x.requires_grad, bool)
assert_type(x.grad, Tensor | None)
assert_type(x.shape, minigrad.Size)

# In-place forms

assert_type(x.clone().add_(1), Tensor)
assert_type(x.clone().mul_(2).exp_(), Tensor)
assert_type(x.clone().zero_(), Tensor)
y = x.clone()
y += 1
y[0] = 0
assert_type(y, Tensor)

# Gradients

w = minigrad.ones(2, 1, requires_grad=True)
(x @ w).square().sum().backward()
with minigrad.no_grad():
    w.sub_(0.1 * (w.grad if w.grad is not None else 0))
(gradient,) = minigrad.autograd.grad((w**3).sum(), [w])
assert_type(gradient, Tensor | None)


class Cube(minigrad.autograd.Function):
    """x^3, with its derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - as with torch
        (x,) = ctx.saved_tensors
        return grad * 3 * x.square()  # type: ignore[no-any-return]


Cube.apply(w).sum().backward()

# A model, and a loop that trains it


class Net(nn.Module):
    """Two layers."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.hidden(x)))  # type: ignore[no-any-return]


model = Net(hidden=8)
assert_type(model.parameters(), Iterator[nn.Parameter])
assert_type(model.train().eval(), Net)
assert_type(model.hidden.in_features, int)
optimizer = optim.Adam(model.parameters(), lr=0.01, betas=(0.9, 0.99))
scheduler = StepLR(optimizer, step_size=5)
criterion = nn.MSELoss()
batches = DataLoader(TensorDataset(x, x.prod(1, keepdim=True)), batch_size=2, shuffle=True)
for _ in range(10):
    for features, targets in batches:
        optimizer.zero_grad()
        loss: Tensor = criterion(model(features), targets)
        loss.backward()
        optimizer.step()
        assert_type(loss.item(), Any)
    scheduler.step()
