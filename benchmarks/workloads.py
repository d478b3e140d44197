"""The workloads: what is timed, each written once for both libraries, with the bounds that the project sets itself.

A bound is the most that minigrad may take of torch's time. `prepare` is given a library and returns a step and its arguments;
`minigrad.compile` can be given the step of a workload that has a bound for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

Step = Callable[..., object]
Prepare = Callable[[Any], tuple[Step, tuple[Any, ...]]]
MakeFunction = Callable[[Any], Callable[[Any], Any]]


@dataclass(frozen=True)
class Workload:
    """Something that both libraries can do.

    Attributes:
        name: What it is called in tables.
        prepare: It returns the step for a library, and its arguments.
        bound: The bound of the ratio with one thread.
        bound_2: The bound with two threads, if it is another one.
        compiled: The bound of the compiled step, with one thread; None if it is not compiled.
        group: The table in which the row stands.
    """

    name: str
    prepare: Prepare
    bound: float
    bound_2: float | None = None
    compiled: float | None = None
    group: str = "steps"


WORKLOADS: list[Workload] = []
GROUPS = ("steps", "kernels", "optimizers")

MEAN_BOUNDS = {"minigrad": 0.46, "compiled": 0.33}
"""Those of the geometric means of the steps, with one thread."""


def workload(
    name: str, bound: float, bound_2: float | None = None, compiled: float | None = None
) -> Callable[[Prepare], Prepare]:
    """Register a function as a workload of the first table."""

    def register(prepare: Prepare) -> Prepare:
        WORKLOADS.append(Workload(name, prepare, bound, bound_2, compiled))
        return prepare

    return register


def normal(lib: Any, *shape: int, seed: int = 0) -> Any:
    """Return normally distributed float32 values, the same in either library."""
    return lib.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape, dtype=np.float32))


def classes(lib: Any, count: int, size: int) -> Any:
    """Return labels, the same in either library."""
    return lib.tensor(np.random.default_rng(1).integers(0, count, size))


def training(model: Callable[[Any], Any], loss_fn: Callable[[Any, Any], Any], optimizer: Any) -> Step:
    """Return an ordinary training step."""

    def step(x: Any, y: Any) -> Any:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


# ---------------------------------------------------------------------------------------------------------- training steps

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "Momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adagrad": ("Adagrad", {}),
    "RMSprop": ("RMSprop", {}),
    "Adadelta": ("Adadelta", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "NAdam": ("NAdam", {}),
}
"""The class of each, in both libraries, and its options."""


def optimizer_of(lib: Any, name: str, params: Any) -> Any:
    """Return an optimizer of a library."""
    cls, options = OPTIMIZERS[name]
    return getattr(lib.optim, cls)(params, lr=1e-3, **options)


def lecture_step(lib: Any, optimizer: str) -> tuple[Step, tuple[Any, ...]]:
    """Linear(3, 1), MSELoss, batch size 34: one step of the lecture's script."""
    model = lib.nn.Linear(3, 1)
    step = training(model, lib.nn.MSELoss(), optimizer_of(lib, optimizer, model.parameters()))
    return step, (normal(lib, 34, 3), normal(lib, 34, 1))


for optimizer_name, lecture_bound, compiled_bound in (
    ("SGD", 0.30, 0.10),
    ("Momentum", 0.30, 0.10),
    ("Adagrad", 0.30, 0.10),
    ("RMSprop", 0.30, 0.10),
    ("Adam", 0.24, 0.09),
):
    prepare_lecture = partial(lecture_step, optimizer=optimizer_name)
    workload(f"lecture step, {optimizer_name}", lecture_bound, compiled=compiled_bound)(prepare_lecture)


@workload("lecture epoch, DataLoader", 0.25)
def lecture_epoch(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """398 samples in shuffled batches of 34, as in the lecture's script."""
    data = lib.utils.data.TensorDataset(normal(lib, 398, 3), normal(lib, 398, 1))
    loader = lib.utils.data.DataLoader(data, batch_size=34, shuffle=True)
    step, _ = lecture_step(lib, "SGD")

    def epoch() -> None:
        for x, y in loader:
            step(x, y)

    return epoch, ()


@workload("MLP 64-64-1, batch 64, Adam", 0.70, 0.80, compiled=0.48)
def small_mlp(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A regression with one hidden layer."""
    model = lib.nn.Sequential(lib.nn.Linear(64, 64), lib.nn.ReLU(), lib.nn.Linear(64, 1))
    step = training(model, lib.nn.MSELoss(), optimizer_of(lib, "Adam", model.parameters()))
    return step, (normal(lib, 64, 64), normal(lib, 64, 1))


@workload("MLP 784-256-128-10, batch 64, Adam", 1.0, compiled=0.68)
def mlp(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A classifier with two hidden layers and cross entropy."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    step = training(model, nn.CrossEntropyLoss(), optimizer_of(lib, "Adam", model.parameters()))
    return step, (normal(lib, 64, 784), classes(lib, 10, 64))


@workload("wide MLP 1024-4096-1024, batch 256, SGD", 1.15, compiled=1.15)
def wide_mlp(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A step that is dominated by large matrix products."""
    model = lib.nn.Sequential(lib.nn.Linear(1024, 4096), lib.nn.ReLU(), lib.nn.Linear(4096, 1024))
    step = training(model, lib.nn.MSELoss(), optimizer_of(lib, "SGD", model.parameters()))
    return step, (normal(lib, 256, 1024), normal(lib, 256, 1024, seed=1))


def gradient_step(function: Callable[..., Any], *parameters: Any) -> Step:
    """Return the step that computes a scalar of its arguments and the gradients of parameters."""

    def step(*arguments: Any) -> Any:
        result = function(*arguments)
        for p in parameters:
            p.grad = None
        result.backward()
        return result

    return step


@workload("chain of 2000 scalar operations", 0.47, compiled=0.02)
def scalar_chain(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """What an operation costs besides its arithmetic, in both passes."""
    w = lib.tensor(0.5, requires_grad=True)

    def chain(x: Any) -> Any:
        for _ in range(500):
            x = x * w
            x = x + w
            x = x - w
            x = x.tanh()
        return x

    return gradient_step(chain, w), (lib.tensor(0.5),)


@workload("element-wise, 2M elements", 0.80, 1.0, compiled=0.75)
def elementwise_chain(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """Four element-wise operations and a sum, which the memory bounds."""
    w = normal(lib, 2_000_000).requires_grad_()
    return gradient_step(lambda x: ((w * x + 1.0).tanh() * x).sum(), w), (normal(lib, 2_000_000, seed=1),)


@workload("softmax and cross entropy, 2048x1000", 1.1, 1.6, compiled=1.1)
def cross_entropy(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """The loss of a classifier with many classes."""
    w = normal(lib, 2048, 1000).requires_grad_()
    return gradient_step(lambda x, y: lib.nn.functional.cross_entropy(w * x, y), w), (
        lib.ones(2048, 1),
        classes(lib, 1000, 2048),
    )


@workload("RNN of 50 steps, Adam", 0.70, compiled=0.50)
def recurrent(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A recurrent network, written as a loop over time."""
    cell, head = lib.nn.RNNCell(16, 32), lib.nn.Linear(32, 1)

    def unrolled(x: Any) -> Any:
        h = lib.zeros(8, 32)
        for t in range(50):
            h = cell(x[t], h)
        return head(h)

    optimizer = optimizer_of(lib, "Adam", [*cell.parameters(), *head.parameters()])
    return training(unrolled, lib.nn.MSELoss(), optimizer), (normal(lib, 50, 8, 16), normal(lib, 8, 1))


@workload("attention, 8 x 128 x 64, 4 heads", 0.90, 1.3, compiled=0.90)
def attention(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A layer of self-attention."""
    layer = lib.nn.MultiheadAttention(64, 4, batch_first=True)
    optimizer = optimizer_of(lib, "SGD", layer.parameters())
    step = training(lambda x: layer(x, x, x, need_weights=False)[0], lib.nn.MSELoss(), optimizer)
    return step, (normal(lib, 8, 128, 64), normal(lib, 8, 128, 64, seed=1))


@workload("LeNet, batch 32, SGD", 1.05, 1.2, compiled=1.05)
def lenet(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """A convolutional network on images of 28 x 28."""
    nn = lib.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    step = training(model, nn.CrossEntropyLoss(), optimizer_of(lib, "SGD", model.parameters()))
    return step, (normal(lib, 32, 1, 28, 28), classes(lib, 10, 32))


@workload("double backward, MLP 64", 0.80)
def double_backward(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """The gradient of the norm of a gradient, as a gradient penalty needs it."""
    model = lib.nn.Sequential(lib.nn.Linear(64, 64), lib.nn.Tanh(), lib.nn.Linear(64, 1))

    def penalty(x: Any) -> Any:
        x = x.detach().requires_grad_()
        (g,) = lib.autograd.grad(model(x).sum(), [x], create_graph=True)
        return g.square().sum()

    return gradient_step(penalty, *model.parameters()), (normal(lib, 64, 64),)


# --------------------------------------------------------------------------------------------------------------- optimizers


def optimizer_step(lib: Any, name: str, shapes: list[tuple[int, ...]]) -> tuple[Step, tuple[Any, ...]]:
    """One step of an optimizer alone."""
    params = [normal(lib, *shape).requires_grad_() for shape in shapes]
    for p in params:
        p.grad = normal(lib, *p.shape, seed=1)
    return optimizer_of(lib, name, params).step, ()


SIZES: dict[str, list[tuple[int, ...]]] = {
    "tiny": [(1, 3), (1,)],
    "200x1000": [(1000,)] * 200,
    "10M": [(10_000_000,)],
}
BOUNDS = {("SGD", "200x1000"): 0.5, ("SGD", "10M"): 1.9, ("Momentum", "10M"): 1.1}
"""Those of single rows; the others have 0.5 with 10M parameters, else 0.3."""
IN_MEAN = {
    *((name, "10M") for name in ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam")),
    *((name, "200x1000") for name in ("Momentum", "Adam")),
}
"""The optimizers and sizes that stand in the first table; the others stand in a table of their own."""

for size, size_shapes in SIZES.items():
    for optimizer_name in OPTIMIZERS:
        WORKLOADS.append(
            Workload(
                f"{size} parameters, {optimizer_name}",
                partial(optimizer_step, name=optimizer_name, shapes=size_shapes),
                BOUNDS.get((optimizer_name, size), 0.5 if size == "10M" else 0.3),
                group="steps" if (optimizer_name, size) in IN_MEAN else "optimizers",
            )
        )


# ------------------------------------------------------------------------------------------------------------------ kernels

VECTOR_SIZES = (1_000, 30_000, 1_000_000)


def layer(name: str, *arguments: int) -> MakeFunction:
    """Return a function that makes a layer of a library."""
    return lambda lib: getattr(lib.nn, name)(*arguments)


def recurrent_layer(name: str) -> MakeFunction:
    """Return a function that makes a recurrent layer, without its state."""

    def make(lib: Any) -> Callable[[Any], Any]:
        module = getattr(lib.nn, name)(16, 32)
        return lambda x: module(x)[0]

    return make


def activation(name: str, **options: Any) -> MakeFunction:
    """Return a function that gets a function of `nn.functional`."""
    return lambda lib: partial(getattr(lib.nn.functional, name), **options)


ELEMENTWISE: dict[str, tuple[MakeFunction, float]] = {
    "x ** 3": (lambda lib: lambda x: x**3, 2.0),
    "x ** 4": (lambda lib: lambda x: x**4, 2.0),
    "x ** -2": (lambda lib: lambda x: x**-2, 2.0),
    "erf": (lambda lib: lambda x: x.erf(), 3.0),
    "erfc": (lambda lib: lambda x: x.erfc(), 3.0),
    "gelu": (activation("gelu"), 2.0),
    "gelu, tanh": (activation("gelu", approximate="tanh"), 2.0),
    "sigmoid": (lambda lib: lambda x: x.sigmoid(), 3.0),
    "silu": (activation("silu"), 3.0),
    "logsigmoid": (activation("logsigmoid"), 3.0),
    "leaky_relu": (activation("leaky_relu"), 3.0),
    "elu": (activation("elu"), 3.0),
}
"""By name, what gets the function from a library, and the bound of the ratio."""

SEQUENCES: dict[str, tuple[tuple[int, ...], MakeFunction, float]] = {
    "rows of 4000x200, stacked": ((4000, 200), lambda lib: lambda x: lib.stack(list(x)), 1.5),
    "split(1) of 4000x200, joined": ((4000, 200), lambda lib: lambda x: lib.cat(x.split(1)), 1.5),
    "chunk(1000) of 4000x200, joined": ((4000, 200), lambda lib: lambda x: lib.cat(x.chunk(1000)), 1.5),
    "unbind of 1000x10, stacked": ((1000, 10), lambda lib: lambda x: lib.stack(x.unbind()), 1.5),
    "topk 10 of 1000x1000": ((1000, 1000), lambda lib: lambda x: x.topk(10)[0], 3.0),
    "LayerNorm 64x256": ((64, 256), layer("LayerNorm", 256), 2.0),
    "LayerNorm 256x64": ((256, 64), layer("LayerNorm", 64), 2.0),
    "LayerNorm 64x32x128": ((64, 32, 128), layer("LayerNorm", 128), 2.0),
    "LayerNorm 32x128x256": ((32, 128, 256), layer("LayerNorm", 256), 2.0),
    "Linear 128-128, 64x32x128": ((64, 32, 128), layer("Linear", 128, 128), 2.0),
    "LSTM 16-32, 20x8x16": ((20, 8, 16), recurrent_layer("LSTM"), 2.0),
    "GRU 16-32, 20x8x16": ((20, 8, 16), recurrent_layer("GRU"), 3.0),
    "RNN 16-32, 20x8x16": ((20, 8, 16), recurrent_layer("RNN"), 3.0),
}
"""By name, the shape of the argument, what makes the function, and the bound of the ratio."""


def forward(lib: Any, make: MakeFunction, shape: tuple[int, ...]) -> tuple[Step, tuple[Any, ...]]:
    """A function without a gradient."""
    function = make(lib)

    def step(x: Any) -> Any:
        with lib.no_grad():
            return function(x)

    return step, (normal(lib, *shape),)


def both_passes(lib: Any, make: MakeFunction, shape: tuple[int, ...]) -> tuple[Step, tuple[Any, ...]]:
    """A function and its backward pass."""
    function, x = make(lib), normal(lib, *shape).requires_grad_()
    cotangent = lib.ones_like(function(x).detach())

    def step() -> None:
        x.grad = None
        function(x).backward(cotangent)

    return step, ()


def add_kernel(name: str, bound: float, make: MakeFunction, shape: tuple[int, ...]) -> None:
    """Register both passes of a function as workloads."""
    WORKLOADS.append(Workload(name, partial(forward, make=make, shape=shape), bound, group="kernels"))
    WORKLOADS.append(Workload(f"{name}, both", partial(both_passes, make=make, shape=shape), bound, group="kernels"))


for kernel_name, (make_function, kernel_bound) in ELEMENTWISE.items():
    for n in VECTOR_SIZES:
        add_kernel(f"{kernel_name}, {n}", kernel_bound, make_function, (n,))
for kernel_name, (kernel_shape, make_function, kernel_bound) in SEQUENCES.items():
    add_kernel(kernel_name, kernel_bound, make_function, kernel_shape)


def joined_vectors(lib: Any, name: str) -> tuple[Step, tuple[Any, ...]]:
    """1000 vectors of 10, put together."""
    return getattr(lib, name), ([normal(lib, 10) for _ in range(1000)],)


def drawn_classes(lib: Any) -> tuple[Step, tuple[Any, ...]]:
    """1000 draws from each of 100 distributions over 100 classes."""
    weights = normal(lib, 100, 100).abs()
    return (lambda: lib.multinomial(weights, 1000, replacement=True)), ()


for join in ("stack", "cat"):
    WORKLOADS.append(Workload(f"{join} of 1000 vectors of 10", partial(joined_vectors, name=join), 1.5, group="kernels"))
WORKLOADS.append(Workload("multinomial 1000 of 100x100", drawn_classes, 3.0, group="kernels"))

WORKLOADS.sort(key=lambda w: GROUPS.index(w.group))
