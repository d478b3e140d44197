"""Training steps and other functions for `minigrad.compile`: a model, a function of two tensors, and how to make these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import minigrad
from minigrad import nn
from minigrad.nn import functional as F  # noqa: N812

RNG = np.random.default_rng(0)


class Workload(NamedTuple):
    model: nn.Module
    step: Callable[..., Any]
    data: Callable[[], tuple[minigrad.Tensor, minigrad.Tensor]]


def normal(*shape: int) -> minigrad.Tensor:
    return minigrad.from_numpy(RNG.standard_normal(shape).astype(np.float32))


def classes(*shape: int, n: int) -> minigrad.Tensor:
    return minigrad.from_numpy(RNG.integers(0, n, shape))


def descend(optimizer: Any, loss: Any) -> Any:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def trainer(model: nn.Module, loss: Callable[..., Any], optimizer: str = "Adam", **options: Any) -> Callable[..., Any]:
    updater = getattr(minigrad.optim, optimizer)(model.parameters(), **{"lr": 0.01, **options})
    return lambda x, y: descend(updater, loss(model(x), y))


def regression(model: nn.Module, optimizer: str = "Adam", **options: Any) -> Workload:
    return Workload(model, trainer(model, nn.MSELoss(), optimizer, **options), lambda: (normal(16, 8), normal(16, 1)))


def mlp() -> Workload:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 5))
    return Workload(model, trainer(model, nn.CrossEntropyLoss()), lambda: (normal(16, 8), classes(16, n=5)))


def activations() -> Workload:
    layers = [nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.LeakyReLU(), nn.ELU(), nn.Softplus(), nn.Softmax(1)]
    return regression(nn.Sequential(nn.Linear(8, 8), *layers, nn.Linear(8, 1)), "SGD", momentum=0.9)


def batch_norm() -> Workload:
    return regression(nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 1)), "RMSprop")


def weighted_classes() -> Workload:
    model = nn.Linear(8, 5)
    loss = nn.CrossEntropyLoss(weight=minigrad.tensor([0.5, 1.0, 2.0, 0.1, 3.0]), label_smoothing=0.1)
    return Workload(model, trainer(model, loss, "Adagrad"), lambda: (normal(16, 8), classes(16, n=5)))


def convolution() -> Workload:
    first = [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*first, nn.Conv2d(3, 4, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 5))
    return Workload(model, trainer(model, nn.CrossEntropyLoss()), lambda: (normal(2, 1, 12, 12), classes(2, n=5)))


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm, self.out = nn.Embedding(20, 8, padding_idx=0), nn.LayerNorm(8), nn.Linear(8, 20)

    def forward(self, x: Any) -> Any:
        return self.out(self.norm(self.table(x))).reshape(-1, 20)


def embedding() -> Workload:
    model = Embedded()
    return Workload(model, trainer(model, nn.CrossEntropyLoss()), lambda: (classes(4, 6, n=20), classes(24, n=20)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x: Any) -> Any:
        h = minigrad.zeros(x.shape[0], 8)
        for t in range(x.shape[1]):
            h = minigrad.tanh(self.a(x[:, t]) + self.b(h))
        return self.out(h)


def recurrent() -> Workload:
    model = Recurrent()
    return Workload(model, trainer(model, nn.MSELoss(), "Adadelta"), lambda: (normal(6, 5, 4), normal(6, 1)))


class Last(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(8, 1)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x)[0][:, -1])


def lstm() -> Workload:
    model = Last(nn.LSTM(4, 8, batch_first=True))
    return Workload(model, trainer(model, nn.MSELoss(), "NAdam"), lambda: (normal(6, 5, 4), normal(6, 1)))


def gru() -> Workload:
    model = Last(nn.GRU(4, 8, batch_first=True))
    return Workload(model, trainer(model, nn.MSELoss()), lambda: (normal(6, 5, 4), normal(6, 1)))


def transformer() -> Workload:
    model = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.1)
    return Workload(model, trainer(model, nn.MSELoss()), lambda: (normal(2, 6, 16), normal(2, 6, 16)))


def clipping() -> Workload:
    model = nn.Linear(8, 1)
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        nn.utils.clip_grad_value_(model.parameters(), 0.3)
        optimizer.step()
        return loss, norm

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def manual_update() -> Workload:
    model = nn.Linear(8, 1)

    def step(x: Any, y: Any) -> Any:
        loss = F.l1_loss(model(x), y)
        loss.backward()
        with minigrad.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                p -= 0.1 * p.grad
                p.grad = None
        return loss

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def transposed_loss() -> Workload:
    model = nn.Linear(8, 8)

    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        return descend(optimizer, F.mse_loss(model(x.transpose(0, 1)).transpose(0, 1), y))

    return Workload(model, step, lambda: (normal(6, 50, 8), normal(6, 50, 8)))


def accumulation() -> Workload:
    model = nn.Linear(8, 1)
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad(set_to_none=False)
        for part, target in zip(x.chunk(2), y.chunk(2), strict=True):
            loss = F.huber_loss(model(part), target) / 2
            loss.backward()
        optimizer.step()
        return loss

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def accumulation_over_calls() -> Workload:
    model = nn.Linear(8, 1)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def noise() -> Workload:
    model = nn.Linear(8, 1)
    optimizer = minigrad.optim.HeavyBall(model.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        minigrad.rand(2)  # unused, but drawn
        noisy = x + 0.1 * minigrad.randn_like(x) + minigrad.empty(8).uniform_()
        return descend(optimizer, F.mse_loss(model(noisy * minigrad.rand(8).bernoulli()), y))

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def gradient_penalty() -> Workload:
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    parameters = list(model.parameters())
    optimizer = minigrad.optim.SGD(parameters, lr=0.1)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model(x), y)
        slopes = minigrad.autograd.grad(loss, parameters, create_graph=True)
        penalty = minigrad.stack([(g * g).sum() for g in slopes if g is not None]).sum()
        optimizer.zero_grad()
        (loss + 0.1 * penalty).backward()
        optimizer.step()
        return {"loss": loss, "penalty": [penalty]}

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def two_optimizers() -> Workload:
    model = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 1)])
    first, second = (minigrad.optim.Adam(m.parameters(), lr=0.01) for m in model)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model[1](model[0](x).relu()), y)
        second.zero_grad()
        loss.backward()
        second.step()
        first.zero_grad()
        again = F.mse_loss(model[1](model[0](x).relu()), y)
        again.backward()
        first.step()
        return loss, again

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


class TorchStyle(minigrad.optim.Optimizer):
    """With a `step` of its own, and a Python number in its state."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @minigrad.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["step"] = state.get("step", 0) + 1
                p.add_(p.grad, alpha=-group["lr"] / state["step"])


def own_step() -> Workload:
    model = nn.Linear(8, 1)
    optimizer = TorchStyle(model.parameters())

    def step(x: Any, y: Any) -> Any:
        return descend(optimizer, F.mse_loss(model(x), y))

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def averaged_weights() -> Workload:
    model = nn.ModuleList([nn.Linear(8, 1), nn.Linear(8, 1)])
    optimizer = minigrad.optim.AdamW(model[0].parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        loss = F.mse_loss(model[0](x), y)
        descend(optimizer, loss)
        for average, p in zip(model[1].parameters(), model[0].parameters(), strict=True):
            average.data.mul_(0.9).add_(p.data, alpha=0.1)
        return loss

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def writes_in_place() -> Workload:
    model = nn.Linear(8, 8)
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        h = model(x)
        buffer = minigrad.zeros(16, 8)
        buffer[:, :4] = h[:, 4:] * 2
        buffer[:, 4:].add_(h[:, :4]).relu_()
        buffer[0] = 1
        twice = x * 2
        before = twice * y
        twice.add_(1)
        loss = ((twice * y - before) ** 2).mean() + ((buffer - y) ** 2).mean()
        descend(optimizer, loss)
        return loss, buffer.detach()

    return Workload(model, step, lambda: (normal(16, 8), normal(16, 1)))


def gathered() -> Workload:
    model = nn.Linear(8, 5)
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        log_p = F.log_softmax(model(x), 1)
        picked = log_p[minigrad.arange(16), y] * (y > 1) + log_p.gather(1, y[:, None])[:, 0]
        loss = -picked.mean() + log_p.topk(2, 1).values.sum() * 0.01
        descend(optimizer, loss)
        return loss, (log_p.argmax(1) == y).float().mean()

    return Workload(model, step, lambda: (normal(16, 8), classes(16, n=5)))


def large_elementwise() -> Workload:
    """In blocks: 100,003 elements, the last block is smaller."""
    model = nn.ParameterList([nn.Parameter(normal(100_003)), nn.Parameter(normal(1))])
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        w, scale = model
        inner = (x * w + 1) * w
        h = (inner - y + inner.expand(100_003)).relu() * w  # a view within the chain
        loss = (h.tanh() * scale - x.exp() * 0.01).sum() * 1e-4
        descend(optimizer, loss)
        return loss, h.detach()

    return Workload(model, step, lambda: (normal(100_003), normal(100_003)))


def scalar_chain() -> Workload:
    model = nn.ParameterList([nn.Parameter(minigrad.tensor(1.0)), nn.Parameter(minigrad.tensor(0.5))])
    optimizer = minigrad.optim.AdamW(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        a, b = model
        h = x
        for _ in range(20):
            h = (h * a - b) / (y * y + 1) + 0.1
        loss = -(h * h)
        optimizer.zero_grad()
        (-loss).backward()
        optimizer.step()
        return loss.detach(), h.detach()

    return Workload(model, step, lambda: (normal(), normal()))


def inference() -> Workload:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))

    @minigrad.no_grad()
    def step(x: Any, y: Any) -> Any:
        return F.softmax(model(x), 1), (model(x).argmax(1) == y).float().mean()

    return Workload(model, step, lambda: (normal(16, 8), classes(16, n=5)))


WORKLOADS: list[Callable[[], Workload]] = [
    mlp, activations, batch_norm, weighted_classes, convolution, embedding, recurrent, lstm, gru, transformer, clipping,
    manual_update, transposed_loss, accumulation, accumulation_over_calls, noise, gradient_penalty, two_optimizers, own_step,
    averaged_weights, writes_in_place, gathered, large_elementwise, scalar_chain, inference,
]  # fmt: skip
