"""The layers of a model, and the state of its training: `summary` and `diagnose`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from minigrad.arguments import explain_errors
from minigrad.autodiff import toposort
from minigrad.autograd import grad
from minigrad.autograd.anomaly import ALL_PAIRS, compares_all_pairs
from minigrad.creation import tensor, zeros
from minigrad.dtypes import float64
from minigrad.grad_mode import enable_grad, no_grad
from minigrad.nn import Module
from minigrad.optim import Optimizer
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap
from minigrad.viz.keep import calls_of, keep, records


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns, the first aligned to the left, the others to the right.

    >>> print(table([("layer", "size"), ("0: Linear", "8")]))
    layer      size
    0: Linear     8
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    justified = [[text.rjust(width) for text, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *cells[1:]]) for row, cells in zip(rows, justified, strict=True))


# ------------------------------------------------------------------------------------------------------------- summary


class Layer(NamedTuple):
    """One module: its path, its class, the shapes of its result, and how many elements its own parameters have."""

    path: str
    class_name: str
    output_shape: str
    params: int


@dataclass
class Summary:
    """What `summary` returns; ``print`` shows it as a table.

    Attributes:
        layers: The modules, parents before children.
        total_params: How many elements all parameters have; shared ones count once.
        trainable_params: How many of them require a gradient.
    """

    layers: list[Layer]
    total_params: int
    trainable_params: int

    def __repr__(self) -> str:
        rows = [("layer", "output shape", "parameters")]
        for path, class_name, output_shape, params in self.layers:
            outer, _, name = path.rpartition(".")
            indent = "  " * (len(outer.split(".")) + bool(outer)) if path else ""
            rows.append((indent + f"{name}: {class_name}".removeprefix(": "), output_shape, f"{params:,}" if params else "-"))
        frozen = self.total_params - self.trainable_params
        return f"{table(rows)}\n{self.total_params:,} parameters: {self.trainable_params:,} trainable, {frozen:,} frozen"


@explain_errors
def summary(model: Module, input: Any, *, depth: float = inf) -> Summary:
    """Return the layers of a model with the shapes of their results and their parameters, as torchinfo's ``summary`` does.

    The model is called once, in evaluation mode and unrecorded, and is left as it was.

    Args:
        model: The model.
        input: Its argument, a Tensor; or a size, such as ``(34, 3)``, for zeros of the parameters' dtype; or a tuple or list
            of several arguments or sizes.
        depth: How many levels of modules are listed.

    >>> from minigrad import nn
    >>> summary(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)), (34, 3))
    layer        output shape  parameters
    Sequential        (34, 1)           -
      0: Linear       (34, 8)          32
      1: Tanh         (34, 8)           -
      2: Linear       (34, 1)           9
    41 parameters: 41 trainable, 0 frozen
    """
    dtype = next((p.dtype for p in model.parameters()), None)
    inputs = input if isinstance(input, tuple | list) and not is_size(input) else [input]
    shapes: dict[str, str] = {}

    def note(path: str, module: Module, args: Any, result: Any) -> None:
        shapes[path] = describe_shapes(result)

    with no_grad(), ExitStack() as undo:
        for path, module in model.named_modules():
            undo.callback(setattr, module, "training", module.training)
            undo.enter_context(module.register_forward_hook(partial(note, path)))
        model.eval()(*(zeros(*x, dtype=dtype) if is_size(x) else x for x in inputs))
    layers = [
        Layer(path, type(module).__name__, shapes.get(path, "not called"), count(module.parameters(recurse=False)))
        for path, module in model.named_modules()
        if path.count(".") + bool(path) <= depth
    ]
    return Summary(layers, count(model.parameters()), count(p for p in model.parameters() if p.requires_grad))


def is_size(x: Any) -> bool:
    """Return whether something is the size of a tensor."""
    return isinstance(x, tuple | list) and all(isinstance(n, int) for n in x)


def count(parameters: Iterable[Tensor]) -> int:
    """Return how many elements parameters have."""
    return sum(p.numel() for p in parameters)


def describe_shapes(result: Any) -> str:
    """Return the shapes of the tensors in a result."""
    if isinstance(result, Tensor):
        return str(tuple(result.shape))
    parts = result.values() if isinstance(result, Mapping) else result
    return ", ".join(map(describe_shapes, parts)) if isinstance(result, Mapping | tuple | list) else "-"


# ------------------------------------------------------------------------------------------------------------ diagnosis

DEAD_SHARE = 0.5  # of the units of a ReLU; above it is a warning
STALE = 1e-3  # the relative difference of gradients; rounding makes less
POWER_ITERATIONS = 20
SIMULATED_STEPS = 500
DIVERGED = 1e3

CALL_BACKWARD = "Call backward; use them in forward, without detach() or no_grad(); or freeze them: requires_grad_(False)"
FIND_NONFINITE = "autograd.detect_anomaly() finds the operation; a lower lr or nn.utils.clip_grad_norm_ may help"
MAKE_LATER = "Make the optimizer from model.parameters(), when the model has all its layers"
ZERO = "Call optimizer.zero_grad() before each backward (and diagnose before gradients are clipped, and before step)"
REVIVE = "Lower the learning rate, initialize with nn.init.kaiming_normal_ and biases of 0, or use LeakyReLU"


class ParameterState(NamedTuple):
    """One parameter in a diagnosis; what is not known is NaN.

    `norm` and `grad_norm` are the Euclidean norms of its values and of its gradient; `update_ratio` is the norm of what the
    next step of the optimizer adds, divided by `norm`; `zeros` the share of elements whose gradient is exactly 0, and
    `nonfinite` that of elements of which the value or the gradient is NaN or infinite.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    grad_norm: float
    update_ratio: float
    zeros: float
    nonfinite: float


@dataclass
class Diagnosis:
    """What `diagnose` returns; ``print`` shows it as a table.

    Attributes:
        parameters: The state of each parameter.
        dead_units: For each ReLU the path of its module and the share of its units that are 0 for every sample.
        warnings: The mistakes that were found, and what to do.
    """

    parameters: list[ParameterState]
    dead_units: list[tuple[str, float]]
    warnings: list[str]

    def __repr__(self) -> str:
        rows = [["parameter", "shape", "norm", "gradient", "update / norm", "zeros", "non-finite"]]
        for name, shape, *norms, zero, nonfinite in self.parameters:
            numbers = [*(f"{x:.3g}" for x in norms), f"{zero:.0%}", f"{nonfinite:.0%}"]
            rows.append([name, str(shape), *("-" if "nan" in number else number for number in numbers)])
        dead = [f"dead units of relu in {path or 'the model'}: {share:.0%}" for path, share in self.dead_units]
        return "\n".join([table(rows), *dead, *(f"Warning: {warning}" for warning in self.warnings)])


@explain_errors
def diagnose(model: Module, optimizer: Optimizer | None = None, closure: Callable[[], Tensor] | None = None) -> Diagnosis:
    """Examine a training between ``loss.backward()`` and ``optimizer.step()``, and warn of the classic mistakes.

    Always: parameters without a gradient, or with values or gradients that are not finite. With the optimizer also parameters
    that it does not hold, or that the model does not have. With the closure, which computes the loss once more:

    * gradients that were not zeroed: they are not those of the loss. Not examined if the loss is random;
    * a loss that broadcasts by mistake: a difference of shapes (N, 1) and (N,), of which one requires a gradient;
    * dead units: elements of the result of a ReLU that are 0 for every sample of the batch, which is axis 0;
    * a learning rate that is too large. Power iteration finds a direction v along which the curvature v'Hv / v'v of the loss
      is large; it is at most the largest eigenvalue λ of the Hessian H. The rule of the optimizer is tried on the parabola of
      this curvature: plain gradient descent diverges if lr > 2 / λ, the others where they do. For a loss that is quadratic a
      warning is certain; for others, it holds near the present parameters. Optimizers with a `step` of their own, or that
      maximize, are not examined.

    Nothing is changed, except that random numbers are drawn if the closure draws some.

    Args:
        model: The model, after backward.
        optimizer: Its optimizer.
        closure: Returns the loss of the same batch, a scalar, without calling backward.

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> model = nn.Linear(1, 1, bias=False)
    >>> x = minigrad.ones(4, 1)
    >>> closure = lambda: ((model(x) - 3) ** 2).mean()  # its curvature is 2
    >>> closure().backward()
    >>> diagnose(model, optim.SGD(model.parameters(), lr=0.99), closure).warnings
    []
    >>> diagnose(model, optim.SGD(model.parameters(), lr=1.01), closure).warnings[0][:40]
    'lr=1.01 is too large: SGD diverges where'
    """
    named: dict[str, Tensor] = dict(model.named_parameters())
    warnings = [*parameter_warnings(named, optimizer)]
    updates = {} if optimizer is None else {p: norm([update]) for p, update in next_updates(optimizer)}
    dead_units: list[tuple[str, float]] = []
    if closure is not None:
        buffers = [(buffer, buffer.array.copy()) for buffer in model.buffers()]
        with enable_grad():
            with keep(model):
                loss = closure()
            dead_units = [*find_dead_units(loss)]
            trained = [p for p in named.values() if p.requires_grad]
            found = grad(loss, trained, create_graph=True, allow_unused=True)
            gradients = {p: g for p, g in zip(trained, found, strict=True) if g is not None}
            is_random = closure().item() != loss.item()
        for buffer, values in buffers:
            if not np.array_equal(buffer.array, values, equal_nan=True):
                buffer.write(values)
        dead = [f"{share:.0%} in {path or 'the model'}" for path, share in dead_units if share > DEAD_SHARE]
        warnings += [ALL_PAIRS] * find_all_pairs(loss)
        warnings += [f"dead units of relu, 0 for every sample: {', '.join(dead)}. {REVIVE}"] * bool(dead)
        warnings += () if is_random else stale_gradient_warnings(gradients)
        warnings += () if optimizer is None else learning_rate_warnings(optimizer, gradients)
    states = []
    for name, p in named.items():
        size, grads = norm([p.array]), [] if p.grad is None else [p.grad.array]
        finite = np.isfinite(np.sum([p.array, *grads], axis=0))
        grad_norm, zeros = (norm(grads), np.mean(grads[0] == 0)) if grads else (nan, nan)
        ratio = updates.get(p, nan) / size if size else inf
        states.append(ParameterState(name, tuple(p.shape), size, grad_norm, ratio, float(zeros), float(np.mean(~finite))))
    return Diagnosis(states, dead_units, warnings)


def norm(arrays: Iterable[Array]) -> float:
    """Return the Euclidean norm of all elements together."""
    return float(np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in arrays)))


def parameter_warnings(named: Mapping[str, Tensor], optimizer: Optimizer | None) -> Iterator[str]:
    """Warn of parameters without a gradient, or that are not finite, or that only one of model and optimizer has."""
    trained = {name: p for name, p in named.items() if p.requires_grad}
    owned = {id(p) for p in named.values()}
    held = {id(p): p for group in (optimizer.param_groups if optimizer else ()) for p in group["params"]}
    finite = {name: all(np.isfinite(x.array).all() for x in (p, p.grad) if x is not None) for name, p in named.items()}
    mistakes = [
        ("no gradient", [name for name, p in trained.items() if p.grad is None], CALL_BACKWARD),
        ("not finite, value or gradient", [name for name in named if not finite[name]], FIND_NONFINITE),
        ("not in the optimizer", [name for name, p in trained.items() if optimizer and id(p) not in held], MAKE_LATER),
        ("only in the optimizer", [f"{tuple(p.shape)}" for key, p in held.items() if key not in owned], MAKE_LATER),
    ]
    for mistake, names, remedy in mistakes:
        if names:
            yield f"{mistake}: {', '.join(names)}. {remedy}"


def next_updates(optimizer: Optimizer) -> Iterator[tuple[Tensor, Array]]:
    """Yield for each parameter with a gradient what the next step adds to it; nothing if the optimizer has no rule."""
    for group in optimizer.param_groups if optimizer.rule else ():
        for p in group["params"]:
            if p.grad is not None:
                with no_grad():
                    after, _ = optimizer.functional_step(p, p.grad, optimizer.state.get(p), **options_of(optimizer, group))
                yield p, after.array - p.array


def options_of(optimizer: Optimizer, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyper-parameters of a group."""
    return {name: group[name] for name in optimizer.defaults if name in group}


def find_dead_units(loss: Tensor) -> Iterator[tuple[str, float]]:
    """Yield for each ReLU that a kept loss was computed with its path and the share of dead units."""
    for node in toposort([loss.vertex()])[::-1]:
        out = records[node].out if node in records else None
        if node.op_name == "relu" and out is not None and out.size:
            calls = calls_of(node)
            yield calls[-1].path if calls else "", float(np.mean(np.all(np.atleast_1d(out) == 0, axis=0)))


def find_all_pairs(loss: Tensor) -> bool:
    """Return whether a kept loss compares each prediction with every target."""
    return any(node in records and compares_all_pairs(node, records[node].inputs) for node in toposort([loss.vertex()]))


def stale_gradient_warnings(gradients: Mapping[Tensor, Tensor]) -> Iterator[str]:
    """Warn of `grad` that is not the gradient of the loss."""
    pairs = [(p.grad.array, g.array) for p, g in gradients.items() if p.grad is not None]
    difference, size = norm(held - g for held, g in pairs), norm(g for _, g in pairs)
    if difference > STALE * size:
        yield f"gradients were not zeroed: grad is off by {difference:.3g}, the gradient has norm {size:.3g}. {ZERO}"


def learning_rate_warnings(optimizer: Optimizer, gradients: Mapping[Tensor, Tensor]) -> Iterator[str]:
    """Warn of groups whose learning rate is too large for the curvature of the loss."""
    for group in optimizer.param_groups if optimizer.rule else ():
        options = options_of(optimizer, group)
        steepest = curvature({p: gradients[p] for p in group["params"] if p in gradients})
        if "lr" in options and not options.get("maximize", False) and diverges(optimizer, options, steepest):
            lr = stable = float(options["lr"])
            while diverges(optimizer, {**options, "lr": stable}, steepest):
                stable /= 2
            yield (
                f"lr={lr:g} is too large: {type(optimizer).__name__} diverges where the curvature of the loss is "
                f"{steepest:.3g} (gradient descent above 2 / {steepest:.3g}). Use {stable / 2:.3g}, or scale the inputs"
            )


def curvature(gradients: Mapping[Tensor, Tensor]) -> float:
    """Return the greatest v'Hv / v'v that power iteration meets, at most the largest eigenvalue of the Hessian H.

    Args:
        gradients: The recorded gradient by each parameter.
    """
    parameters, recorded = list(gradients), [g for g in gradients.values() if g.requires_grad]
    random = np.random.default_rng(0)
    v = [random.standard_normal(p.shape) for p in parameters]
    greatest = 0.0
    for _ in range(POWER_ITERATIONS if recorded else 0):
        length = norm(v)
        if not 0 < length < inf:
            break
        v = [x / length for x in v]
        directions = zip(v, gradients.values(), strict=True)
        cotangents = [wrap(x.astype(g.array.dtype)) for x, g in directions if g.requires_grad]
        found = grad(recorded, parameters, cotangents, retain_graph=True, allow_unused=True, materialize_grads=True)
        hv = [x.array.astype(np.float64) for x in found if x is not None]
        greatest = max(greatest, float(sum(np.sum(x * y) for x, y in zip(v, hv, strict=True))))
        v = hv
    return greatest


def diverges(optimizer: Optimizer, options: Mapping[str, Any], curvature: float) -> bool:
    """Return whether the rule of an optimizer leads away from the minimum of the parabola ``curvature * x**2 / 2``."""
    x, state = tensor(1.0, dtype=float64), None
    with no_grad():
        for _ in range(SIMULATED_STEPS):
            x, state = optimizer.functional_step(x, curvature * x, state, **options)
            if not abs(x.item()) < DIVERGED:
                return True
    return False
