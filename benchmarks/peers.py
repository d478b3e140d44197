"""Other libraries, for comparison: the same steps as in `benchmarks.workloads`, as a user of each would write them.

All are optional. What is missing is listed with the command that installs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

Run = Callable[[], object]

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def lecture_arrays() -> tuple[Any, ...]:
    """Return inputs, targets, weights and bias of the lecture's step as arrays."""
    rng = np.random.default_rng(0)
    return *(rng.standard_normal(shape, dtype=np.float32) for shape in ((34, 3), (34, 1), (3, 1))), np.zeros(1, np.float32)


def adam_rule(np_module: Any, p: Any, m: Any, v: Any, g: Any, t: Any) -> tuple[Any, Any, Any]:
    """Return a parameter and its moments after a step of Adam."""
    m = BETA1 * m + (1 - BETA1) * g
    v = BETA2 * v + (1 - BETA2) * g * g
    return p - LR * (m / (1 - BETA1**t)) / (np_module.sqrt(v / (1 - BETA2**t)) + EPS), m, v


def jax_step(loss: Callable[..., Any], params: list[Any], data: Sequence[Any], adam: bool) -> Run:
    """JAX, compiled by XLA: a step of training with a loss of the parameters and the data."""
    jax = import_module("jax")

    def step(params: Any, m: Any, v: Any, t: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, *data)
        if not adam:
            return [[p - LR * g for p, g in zip(params, grads, strict=True)], m, v, t + 1], value
        new = [adam_rule(jax.numpy, *each, t) for each in zip(params, m, v, grads, strict=True)]
        return [*map(list, zip(*new, strict=True)), t + 1], value

    compiled = jax.jit(step)
    zeros = [0 * p for p in params]
    state: list[Any] = [params, zeros, zeros, jax.numpy.asarray(1.0)]

    def run() -> None:
        state[:], value = compiled(*state)
        jax.block_until_ready((state, value))

    return run


def jax_lecture(adam: bool) -> Run:
    """JAX: a linear layer."""
    jnp = import_module("jax.numpy")
    x, y, w, b = map(jnp.asarray, lecture_arrays())
    return jax_step(lambda params, x, y: jnp.mean((x @ params[0] + params[1] - y) ** 2), [w, b], (x, y), adam)


def jax_mlp() -> Run:
    """JAX: a hidden layer of 64."""
    jnp = import_module("jax.numpy")
    rng = np.random.default_rng(0)
    shapes = (64, 64), (64, 1), (64, 64), (64,), (64, 1), (1,)
    x, y, *params = (jnp.asarray(rng.standard_normal(shape, dtype=np.float32) / 8) for shape in shapes)

    def loss(params: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        return jnp.mean((jnp.maximum(x @ w1 + b1, 0) @ w2 + b2 - y) ** 2)

    return jax_step(loss, params, (x, y), adam=True)


def jax_chain() -> Run:
    """JAX, compiled by XLA."""
    jax = import_module("jax")
    gradient = jax.jit(jax.grad(lambda w: scalar_chain(0.5, w, jax.numpy.tanh)))
    w = jax.numpy.asarray(0.5)
    return lambda: gradient(w).block_until_ready()


def scalar_chain(x: Any, w: Any, tanh: Callable[[Any], Any]) -> Any:
    """Return the result of 2000 scalar operations."""
    for _ in range(500):
        x = tanh(x * w + w - w)
    return x


def mygrad_lecture(adam: bool) -> Run:
    """MyGrad: an autograd on NumPy with a tape, as minigrad."""
    mg = import_module("mygrad")
    x, y, *arrays = lecture_arrays()
    params = [mg.tensor(a) for a in arrays]
    moments = [(0 * a, 0 * a) for a in arrays]
    steps = 0

    def run() -> None:
        nonlocal steps
        steps += 1
        mg.mean((mg.matmul(x, params[0]) + params[1] - y) ** 2).backward()
        for k, p in enumerate(params):
            if adam:
                new, *moments[k] = adam_rule(np, p.data, *moments[k], p.grad, steps)  # type: ignore[call-overload]
                p.data[...] = new
            else:
                p.data[...] -= LR * p.grad

    return run


def mygrad_chain() -> Run:
    """MyGrad."""
    mg = import_module("mygrad")
    w = mg.tensor(0.5)
    return lambda: scalar_chain(mg.tensor(0.5, constant=True), w, mg.tanh).backward()


def autograd_lecture() -> Run:
    """HIPS autograd: gradients of functions of NumPy arrays."""
    anp = import_module("autograd.numpy")
    x, y, *params = lecture_arrays()
    gradient = import_module("autograd").grad(lambda p: anp.mean((anp.dot(x, p[0]) + p[1] - y) ** 2))

    def run() -> None:
        for p, g in zip(params, gradient(params), strict=True):
            p -= LR * g

    return run


def autograd_chain() -> Run:
    """HIPS autograd."""
    tanh = import_module("autograd.numpy").tanh
    gradient = import_module("autograd").grad(lambda w: scalar_chain(0.5, w, tanh))
    return lambda: gradient(0.5)


def micrograd_lecture() -> Run:
    """Micrograd: an autograd on Python floats."""
    value = import_module("micrograd.engine").Value
    x, y, w, b = (a.tolist() for a in lecture_arrays())
    weights, bias = [value(row[0]) for row in w], value(b[0])

    def run() -> None:
        for p in (*weights, bias):
            p.grad = 0
        errors = [sum((a * p for a, p in zip(row, weights, strict=True)), bias) - t[0] for row, t in zip(x, y, strict=True)]
        loss = sum(e * e for e in errors) * (1 / len(x))
        loss.backward()
        for p in (*weights, bias):
            p.data -= LR * p.grad

    return run


def tinygrad_lecture(adam: bool) -> Run:
    """Tinygrad with its compiler, TinyJit."""
    tg = import_module("tinygrad")
    optim = import_module("tinygrad.nn.optim")
    x, y, w, b = (tg.Tensor(a) for a in lecture_arrays())
    params = [w.requires_grad_() if hasattr(w, "requires_grad_") else w, b]
    optimizer = optim.Adam(params, lr=LR) if adam else optim.SGD(params, lr=LR)

    def step() -> Any:
        optimizer.zero_grad()
        loss = (x @ w + b - y).square().mean().backward()
        return loss.realize(*optimizer.schedule_step())

    compiled = tg.TinyJit(step)

    def run() -> None:
        with tg.Tensor.train():
            compiled().item()

    return run


PEERS: dict[str, tuple[str, dict[str, Callable[[], Run]]]] = {
    "JAX, jit": (
        "jax",
        {
            "lecture step, SGD": lambda: jax_lecture(adam=False),
            "lecture step, Adam": lambda: jax_lecture(adam=True),
            "MLP 64-64-1, batch 64, Adam": jax_mlp,
            "chain of 2000 scalar operations": jax_chain,
        },
    ),
    "MyGrad": (
        "mygrad",
        {
            "lecture step, SGD": lambda: mygrad_lecture(adam=False),
            "lecture step, Adam": lambda: mygrad_lecture(adam=True),
            "chain of 2000 scalar operations": mygrad_chain,
        },
    ),
    "HIPS autograd": (
        "autograd",
        {"lecture step, SGD": autograd_lecture, "chain of 2000 scalar operations": autograd_chain},
    ),
    "micrograd": ("micrograd", {"lecture step, SGD": micrograd_lecture}),
    "tinygrad, TinyJit": (
        "tinygrad",
        {
            "lecture step, SGD": lambda: tinygrad_lecture(adam=False),
            "lecture step, Adam": lambda: tinygrad_lecture(adam=True),
        },
    ),
}
"""By name, the package to install, and by the name of a workload what prepares it."""


def peers_for(workload: str) -> Iterator[tuple[str, Run | str]]:
    """Yield the name of each library with a step for this workload, and the step, or why there is none."""
    for name, (package, steps) in PEERS.items():
        if workload in steps:
            try:
                run = steps[workload]()
                run()
                yield name, run
            except ModuleNotFoundError:
                yield name, f"missing: pip install {package}"
            except Exception as error:  # a library that does not run on this machine shall not end the program
                yield name, f"does not run here: {error!r:.60}"
