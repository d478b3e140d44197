"""Summaries of models against torch's hooks, and diagnoses of trainings that are right, and wrong in each classic way."""

from collections.abc import Callable
from inspect import isclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, health, nn, optim
from tests.reference import torch

F = nn.functional
BY_RULE = [
    name
    for name in optim.__all__
    if isclass(getattr(optim, name)) and issubclass(getattr(optim, name), optim.Optimizer) and getattr(optim, name).rule
]


class Block(nn.Module):
    """A residual block with a functional ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Any:
        return x + self.down(F.relu(self.up(x)))


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))


def training(model: nn.Module, lr: float = 0.01) -> tuple[optim.Optimizer, Callable[[], Any]]:
    """Return an optimizer and a closure, after one backward pass."""
    minigrad.manual_seed(0)
    x, y = minigrad.randn(16, 3), minigrad.randn(16, 1)
    optimizer = optim.SGD(model.parameters(), lr=lr)

    def closure() -> Any:
        return F.mse_loss(model(x), y)

    closure().backward()
    return optimizer, closure


# ------------------------------------------------------------------------------------------------------------- summary


def build(library: Any) -> dict[str, tuple[Any, tuple[tuple[int, ...], ...]]]:
    """Return models of minigrad or torch, and the sizes of their inputs."""
    nn = library.nn
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 16, 10, bias=False))
    tied = nn.Linear(5, 5)
    return {
        "convolutional": (nn.Sequential(convolutions, head), ((2, 3, 8, 8),)),
        "recurrent": (nn.LSTM(3, 4, num_layers=2), ((7, 2, 3),)),
        "shared": (nn.Sequential(tied, nn.Tanh(), tied), ((2, 5),)),
    }


@pytest.mark.parametrize("name", ["convolutional", "recurrent", "shared"])
def test_the_shapes_and_counts_are_torchs(name: str) -> None:
    (ours, sizes), (theirs, _) = build(minigrad)[name], build(torch)[name]
    shapes: dict[str, str] = {}

    def text(result: Any) -> str:
        return str(tuple(result.shape)) if isinstance(result, torch.Tensor) else ", ".join(map(text, result))

    def hook(path: str) -> Callable[..., None]:
        return lambda module, args, result: shapes.update({path: text(result)})

    for path, module in theirs.named_modules():
        module.register_forward_hook(hook(path))
    theirs.eval()(*map(torch.zeros, sizes))
    found = minigrad.summary(ours, list(sizes))
    expected = [
        (path, type(module).__name__, sum(p.numel() for p in module.parameters(recurse=False)))
        for path, module in theirs.named_modules()
    ]
    assert [(layer.path, layer.class_name, layer.params) for layer in found.layers] == expected
    assert {layer.path: layer.output_shape for layer in found.layers if layer.path in shapes} == shapes
    assert found.total_params == sum(p.numel() for p in theirs.parameters())


def test_the_table() -> None:
    model = nn.Sequential(nn.Linear(3, 1000), nn.Sequential(nn.ReLU(), nn.Linear(1000, 1)))
    model[0].requires_grad_(False)
    assert repr(minigrad.summary(model, (34, 3))).splitlines() == [
        "layer            output shape  parameters",
        "Sequential            (34, 1)           -",
        "  0: Linear        (34, 1000)       4,000",
        "  1: Sequential       (34, 1)           -",
        "    0: ReLU        (34, 1000)           -",
        "    1: Linear         (34, 1)       1,001",
        "5,001 parameters: 1,001 trainable, 4,000 frozen",
    ]
    assert [layer.path for layer in minigrad.summary(model, (34, 3), depth=1).layers] == ["", "0", "1"]
    assert [layer.path for layer in minigrad.summary(model, (34, 3), depth=0).layers] == [""]


def test_inputs_are_tensors_or_sizes() -> None:
    class Both(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> dict[str, Any]:
            return {"sum": x + y, "pair": (x, [y]), "other": 3}

    for both in [((2, 3), (3,)), [(2, 3), [3]], (minigrad.zeros(2, 3), (3,)), [minigrad.zeros(2, 3), minigrad.zeros(3)]]:
        assert minigrad.summary(Both(), both).layers[0].output_shape == "(2, 3), (2, 3), (3,), -"
    assert minigrad.summary(nn.Linear(3, 2), minigrad.ones(5, 3)).layers[0].output_shape == "(5, 2)"
    assert minigrad.summary(nn.Linear(3, 2).double(), [5, 3]).layers[0].output_shape == "(5, 2)"
    assert minigrad.summary(nn.Embedding(4, 2), minigrad.tensor([1, 2, 3])).layers[0].output_shape == "(3, 2)"


def test_a_module_that_is_not_called() -> None:
    block = Block(3)
    block.extra = nn.Linear(2, 2)
    assert [layer.output_shape for layer in minigrad.summary(block, (1, 3)).layers][-1] == "not called"


def test_a_summary_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    minigrad.manual_seed(3)
    minigrad.summary(model, (4, 3))
    with pytest.raises(RuntimeError):
        minigrad.summary(model, (4, 5))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert all(not m._hooks.after for m in model.modules() if m._hooks)
    drawn = minigrad.rand(3)
    minigrad.manual_seed(3)
    assert (minigrad.rand(3) == drawn).all()
    assert minigrad.is_grad_enabled()


# ----------------------------------------------------------------------------------------------------- the parameters


def test_norms_and_shares_are_torchs() -> None:
    model = mlp()
    training(model)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    with torch.no_grad():
        for p, q in zip(theirs.parameters(), model.parameters(), strict=True):
            p.copy_(torch.from_numpy(q.detach().numpy().copy()))
    minigrad.manual_seed(0)
    x, y = (torch.from_numpy(minigrad.randn(16, n).numpy()) for n in (3, 1))
    torch.nn.functional.mse_loss(theirs(x), y).backward()  # type: ignore[no-untyped-call]
    for state, (name, p) in zip(minigrad.diagnose(model).parameters, theirs.named_parameters(), strict=True):
        assert p.grad is not None
        assert (state.name, state.shape) == (name, tuple(p.shape))
        assert state.norm == pytest.approx(p.norm().item(), rel=1e-5)
        assert state.grad_norm == pytest.approx(p.grad.norm().item(), rel=1e-4)
        assert state.zeros == (p.grad == 0).float().mean().item()
        assert state.nonfinite == 0


def test_the_share_of_elements_that_are_not_finite() -> None:
    model = nn.Linear(3, 1)
    training(model)
    with minigrad.no_grad():
        model.weight[0, 0] = float("inf")
    assert model.weight.grad is not None
    model.weight.grad[0, 1] = float("nan")
    found = minigrad.diagnose(model)
    assert found.parameters[0].nonfinite == pytest.approx(2 / 3)
    assert found.parameters[1].nonfinite == 0
    assert [w.split(".")[0] for w in found.warnings] == ["not finite, value or gradient: weight"]
    assert "detect_anomaly" in found.warnings[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BY_RULE)
@pytest.mark.parametrize("steps", [0, 3])
def test_the_update_is_that_of_the_next_step(name: str, steps: int) -> None:
    minigrad.manual_seed(1)
    model = mlp()
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.003}]
    optimizer = getattr(optim, name)(groups, lr=0.01)
    _, closure = training(model)
    for _ in range(steps):
        optimizer.zero_grad()
        closure().backward()
        optimizer.step()
    keys = {p: sorted(optimizer.state[p]) for p in model.parameters() if p in optimizer.state}
    found = minigrad.diagnose(model, optimizer)
    assert {p: sorted(optimizer.state[p]) for p in model.parameters() if p in optimizer.state} == keys
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.step()
    for state, p, old in zip(found.parameters, model.parameters(), before, strict=True):
        assert state.update_ratio == pytest.approx((p - old).norm().item() / old.norm().item(), rel=2e-3)
    assert not found.warnings


def test_what_is_not_known_is_a_dash_in_the_table() -> None:
    class Own(optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 0.1})

        def step(self, closure: Any = None) -> None:
            pass

    model = nn.Linear(3, 1)
    _, closure = training(model)
    assert model.bias is not None
    model.bias.grad = None
    with minigrad.no_grad():
        model.weight.fill_(0.5)
        model.bias.fill_(0.25)
    assert model.weight.grad is not None
    model.weight.grad.copy_(minigrad.tensor([[0.0, 3.0, 4.0]]))
    assert repr(minigrad.diagnose(model, Own(model.parameters()))).splitlines()[:3] == [
        "parameter   shape   norm  gradient  update / norm  zeros  non-finite",
        "weight     (1, 3)  0.866         5              -    33%          0%",
        "bias         (1,)   0.25         -              -      -          0%",
    ]
    assert "Warning: no gradient: bias" in repr(minigrad.diagnose(model))
    assert "lr" not in str(minigrad.diagnose(model, Own(model.parameters()), closure).warnings)


# ------------------------------------------------------------------------------------------------------------ mistakes


def test_a_training_that_is_right_has_no_warning() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    optimizer, closure = training(model)
    for _ in range(3):
        optimizer.zero_grad()
        closure().backward()
        assert not minigrad.diagnose(model, optimizer, closure).warnings
        optimizer.step()


def test_parameters_without_gradient() -> None:
    model = nn.Sequential(Block(3), nn.Linear(3, 1))
    model[0].extra = nn.Linear(2, 2)
    optimizer, closure = training(model)
    (warning,) = minigrad.diagnose(model, optimizer, closure).warnings
    assert warning.startswith("no gradient: 0.extra.weight, 0.extra.bias. Call backward; use them in forward")
    model[0].extra.requires_grad_(False)
    assert not minigrad.diagnose(model, optimizer, closure).warnings
    optimizer.zero_grad()
    assert "0.up.weight" in minigrad.diagnose(model, optimizer, closure).warnings[0]


def test_gradients_that_were_not_zeroed() -> None:
    model = mlp()
    optimizer, closure = training(model)
    optimizer.step()
    closure().backward()
    (warning,) = minigrad.diagnose(model, optimizer, closure).warnings
    assert warning.startswith("gradients were not zeroed")
    assert "Call optimizer.zero_grad() before each backward" in warning
    for set_to_none in (True, False):
        optimizer.zero_grad(set_to_none=set_to_none)
        closure().backward()
        assert not minigrad.diagnose(model, optimizer, closure).warnings


def test_a_random_loss_is_not_taken_for_gradients_that_were_not_zeroed() -> None:
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 1))
    optimizer, closure = training(model)
    assert not minigrad.diagnose(model, optimizer, closure).warnings


def test_an_optimizer_of_other_parameters() -> None:
    model = mlp()
    optimizer, _ = training(model)
    model[2] = nn.Linear(8, 1)
    model.zero_grad()
    _, closure = training(model)
    missing, others = minigrad.diagnose(model, optimizer, closure).warnings
    assert missing.startswith("not in the optimizer: 2.weight, 2.bias. Make the optimizer from model.parameters()")
    assert others.startswith("only in the optimizer: (1, 8), (1,). Make the optimizer")
    assert not minigrad.diagnose(model, optim.SGD(model.parameters(), lr=0.01), closure).warnings
    model[2].requires_grad_(False)
    partial = optim.SGD(model[0].parameters(), lr=0.01)
    assert not minigrad.diagnose(model, partial, closure).warnings


@pytest.mark.parametrize("dead", [0, 3, 5, 8])
def test_dead_units(dead: int) -> None:
    for model in (mlp(), nn.Sequential(nn.Linear(3, 8), Apply(F.relu), nn.Linear(8, 1))):
        with minigrad.no_grad():
            model[0].bias.fill_(10)
            model[0].bias[:dead] = -1000
        optimizer, closure = training(model, lr=1e-6)
        found = minigrad.diagnose(model, optimizer, closure)
        assert found.dead_units == [("1", dead / 8)]
        assert found.parameters[1].zeros == dead / 8
        assert bool(found.warnings) == (dead > 4)
        if found.warnings:
            assert found.warnings[0].startswith(f"dead units of relu, 0 for every sample: {dead / 8:.0%} in 1. Lower")
        assert f"dead units of relu in 1: {dead / 8:.0%}" in repr(found)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def test_dead_units_of_convolutions_and_of_functions_outside_of_modules() -> None:
    model = nn.Conv2d(1, 4, 1)
    assert model.bias is not None
    with minigrad.no_grad():
        model.weight.fill_(1)
        model.bias.copy_(minigrad.tensor([0.0, -10, -10, -10]))
    x = minigrad.rand(2, 1, 3, 3)
    found = minigrad.diagnose(model, None, lambda: F.relu(model(x)).mean())
    assert found.dead_units == [("", 0.75)]
    assert "75% in the model" in found.warnings[-1]


def test_a_diagnosis_changes_nothing() -> None:
    def trained(examine: bool) -> list[float]:
        minigrad.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        x, y = minigrad.randn(16, 3), minigrad.randn(16, 1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward(retain_graph=True)
            if examine:
                minigrad.diagnose(model, optimizer, lambda: F.mse_loss(model(x), y))
            optimizer.step()
        values = [*model.state_dict().values(), *(p.grad for p in model.parameters())]
        return [x for value in values for x in value.flatten().tolist()] + [minigrad.rand(1).item()]

    assert trained(examine=True) == trained(examine=False)


# ------------------------------------------------------------------------------------------------- the learning rate


class Point(nn.Module):
    """A model that is one vector."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = nn.Parameter(x)


def quadratic(eigenvalues: list[float], seed: int = 0) -> tuple[Tensor, Callable[[], Any], Point]:
    """Return x'Hx / 2 for a Hessian H of these eigenvalues, as a model with the parameter x."""
    random = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(random.standard_normal((len(eigenvalues),) * 2))
    hessian = minigrad.tensor(basis @ np.diag(eigenvalues) @ basis.T)
    model = Point(minigrad.tensor(random.standard_normal(len(eigenvalues))))

    def closure() -> Any:
        x: Tensor = model.x
        return x @ hessian @ x / 2

    return hessian, closure, model


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5), st.integers(0, 100))
def test_the_curvature_is_the_largest_eigenvalue(eigenvalues: list[float], seed: int) -> None:
    eigenvalues.append(3.0)  # apart from the others, so that twenty iterations are enough
    hessian, closure, model = quadratic(eigenvalues, seed)
    (gradient,) = minigrad.autograd.grad(closure(), model.x, create_graph=True)
    assert gradient is not None
    expected = max(np.linalg.eigvalsh(hessian.numpy()))
    found = health.curvature({model.x: gradient})
    assert found <= expected * (1 + 1e-12)
    assert found == pytest.approx(expected, rel=1e-6)


OPTIMIZERS: dict[str, Callable[[Any, float], optim.Optimizer]] = {
    "gradient descent": lambda params, lr: optim.SGD(params, lr=lr),
    "momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "damped": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.8, dampening=0.5),
    "Nesterov": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9, nesterov=True),
    "weight decay": lambda params, lr: optim.SGD(params, lr=lr, weight_decay=1.0),
    "HeavyBall": lambda params, lr: optim.HeavyBall(params, lr=lr, momentum=0.9),
}
LIMITS = {  # of lr times the largest eigenvalue, which is 4
    "gradient descent": 2.0,
    "momentum": 2 * 1.9,
    "damped": 2 * 1.8 / 0.5,
    "Nesterov": 2 * 1.9 / 2.8,
    "weight decay": 2 * 4 / 5,
    "HeavyBall": 2 * 1.9,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(st.floats(0.2, 3).filter(lambda factor: abs(factor - 1) > 0.05))
def test_a_warning_means_that_training_on_a_quadratic_diverges(name: str, factor: float) -> None:
    _, closure, model = quadratic([4.0, 1.0, 0.3])
    optimizer = OPTIMIZERS[name](model.parameters(), factor * LIMITS[name] / 4)
    start = closure().item()
    closure().backward()
    warnings = minigrad.diagnose(model, optimizer, closure).warnings
    for _ in range(300):
        optimizer.zero_grad()
        loss = closure()
        if not loss.item() < 1e6 * start:
            break
        loss.backward()
        optimizer.step()
    assert bool(warnings) == (closure().item() > start) == (factor > 1)
    if warnings:
        assert "is too large" in warnings[0]
        advised = float(warnings[0].split("Use ")[1].split(",")[0])
        optimizer.param_groups[0]["lr"] = advised
        assert advised * 4 < LIMITS[name]
        assert not [w for w in minigrad.diagnose(model, optimizer, closure).warnings if "too large" in w]


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adagrad"])
def test_adaptive_optimizers_do_not_diverge_on_a_quadratic(name: str) -> None:
    _, closure, model = quadratic([4.0, 1.0])
    closure().backward()
    assert not minigrad.diagnose(model, getattr(optim, name)(model.parameters(), lr=1.0), closure).warnings


def test_only_the_group_with_the_large_learning_rate_is_named() -> None:
    model = nn.Linear(3, 1).double()
    groups = [{"params": [model.weight], "lr": 0.01}, {"params": [model.bias], "lr": 1.5}]
    optimizer = optim.SGD(groups, lr=0.1)
    x = minigrad.randn(16, 3, dtype=minigrad.float64)

    def closure() -> Any:
        return (model(x) ** 2).mean()

    closure().backward()
    (warning,) = minigrad.diagnose(model, optimizer, closure).warnings
    assert warning.startswith("lr=1.5 is too large: SGD diverges where the curvature of the loss is 2 ")
    assert "Use 0.375," in warning


def test_maximizing_and_losses_without_curvature_are_not_examined() -> None:
    _, closure, model = quadratic([4.0])
    closure().backward()
    assert not minigrad.diagnose(model, optim.SGD(model.parameters(), lr=9.0, maximize=True), closure).warnings
    model.zero_grad()
    model.x.sum().backward()
    assert not minigrad.diagnose(model, optim.SGD(model.parameters(), lr=9.0), lambda: model.x.sum()).warnings
