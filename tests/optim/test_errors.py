"""What is refused: with torch's type and message where torch refuses it, and where torch does not and should."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import optim
from minigrad.backend import Backend, get_backend, set_backend
from tests.optim.optimizer_pairs import OPTIMIZERS
from tests.reference import torch


def both(call: Callable[[Any, Any], Any]) -> tuple[Exception, Exception]:
    """Return what a call raises in torch and in minigrad; it gets the library and its optim."""
    errors = []
    for library in (torch, minigrad):
        with pytest.raises(Exception) as info:  # noqa: PT011
            call(library, library.optim)
        errors.append(info.value)
    return errors[0], errors[1]


BAD_OPTIONS = [
    ("SGD", {"lr": -1e-2}),
    ("SGD", {"momentum": -0.5}),
    ("SGD", {"weight_decay": -0.5}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "nesterov": True}),
    ("SGD", {"nesterov": True}),
    ("Adagrad", {"lr": -1e-2}),
    ("Adagrad", {"lr_decay": -0.5}),
    ("Adagrad", {"initial_accumulator_value": -1}),
    ("Adagrad", {"eps": -1e-3}),
    ("RMSprop", {"momentum": -1.0}),
    ("RMSprop", {"alpha": -1}),
    ("RMSprop", {"eps": -1}),
    ("Adadelta", {"rho": 1.1}),
    ("Adadelta", {"rho": -0.1}),
    ("Adam", {"lr": math.nan}),
    ("Adam", {"betas": (1.0, 0.0)}),
    ("Adam", {"betas": (0.5, -0.1)}),
    ("Adam", {"betas": (0, 0.9)}),
    ("Adam", {"weight_decay": -1}),
    ("AdamW", {"eps": -1}),
    ("NAdam", {"lr": -1e-2}),
    ("NAdam", {"momentum_decay": -0.2}),
    ("NAdam", {"betas": (1.0, 0.0)}),
]


@pytest.mark.parametrize(("name", "options"), BAD_OPTIONS)
def test_options_as_in_torch(name: str, options: dict[str, Any]) -> None:
    theirs, ours = both(lambda library, o: getattr(o, name)([library.ones(2, requires_grad=True)], **options))
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)


def leaf(library: Any) -> Any:
    return library.ones(2, requires_grad=True)


BAD_PARAMS: dict[str, Callable[[Any], Any]] = {
    "empty": lambda library: [],
    "exhausted": lambda library: iter(()),
    "set": lambda library: [{"params": {leaf(library)}}],
    "not a tensor": lambda library: ["abc"],
    "a number": lambda library: [1.5],
    "not a leaf": lambda library: [leaf(library) * 2],
    "group is no dict": lambda library: [{"params": [leaf(library)]}, leaf(library)],
    "some names": lambda library: [("a", leaf(library)), leaf(library)],
    "twice": lambda library: (lambda x: [{"params": [x]}, {"params": [x]}])(leaf(library)),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_params_as_in_torch(name: str) -> None:
    theirs, ours = both(lambda library, o: o.SGD(BAD_PARAMS[name](library), lr=0.1))
    assert type(ours) is type(theirs)
    assert str(ours).replace("minigrad.tensor.", "torch.") == str(theirs)


def test_a_single_tensor_is_refused() -> None:
    theirs, ours = both(lambda library, o: o.SGD(leaf(library)))
    assert type(ours) is type(theirs) is TypeError
    assert str(ours).split("but got")[0] == str(theirs).split("but got")[0]


def test_names_must_agree_between_groups() -> None:
    theirs, ours = both(lambda lib, o: o.SGD([("a", leaf(lib))]).add_param_group({"params": [leaf(lib)]}))
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)


def test_duplicates_warn_and_are_updated_twice() -> None:
    for library in (torch, minigrad):
        x = leaf(library)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = library.optim.Adam([x, x], lr=0.25)
        x.grad = library.ones(2)
        optimizer.step()
        assert x.tolist() == pytest.approx([0.5, 0.5], abs=1e-6)
        assert optimizer.state[x]["step"].item() == 2


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("lr", [math.nan, math.inf, -math.inf, -1.0])
def test_lr_must_be_finite(name: str, lr: float) -> None:
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=f"Invalid learning rate: {lr}"):
        OPTIMIZERS[name]([x], lr=lr)
    with pytest.raises(ValueError, match=f"Invalid learning rate: {lr}"):
        OPTIMIZERS[name]([{"params": [x], "lr": lr}])
    optimizer = OPTIMIZERS[name]([x])
    x.grad = minigrad.ones(2)
    optimizer.param_groups[0]["lr"] = lr
    with pytest.raises(ValueError, match=f"Invalid learning rate: {lr}"):
        optimizer.step()
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unknown_options_are_refused(name: str) -> None:
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=f"{name} has no option 'learning_rate' for a parameter group; it has lr, "):
        OPTIMIZERS[name]([{"params": [x], "learning_rate": 0.1}])
    with pytest.raises(TypeError):
        OPTIMIZERS[name]([x], learning_rate=0.1)


def test_holes_of_torch_are_closed() -> None:
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"can.t optimize a Tensor of dtype minigrad\.int64"):
        optim.SGD([minigrad.tensor([1, 2])])
    with pytest.raises(ValueError, match=r"Invalid alpha value: 1\.5"):
        optim.RMSprop([x], alpha=1.5)
    with pytest.raises(ValueError, match="Invalid dampening value: nan"):
        optim.SGD([x], momentum=0.5, dampening=math.nan)
    with pytest.raises(TypeError, match="Invalid learning rate: 'fast' is no number"):
        optim.SGD([x], lr="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.SGD([x], lr=minigrad.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Nesterov momentum requires"):
        optim.SGD([{"params": [x], "nesterov": True}])


def test_betas_are_of_one_kind() -> None:
    theirs, ours = both(lambda library, o: o.Adam([leaf(library)], betas=(0.9, library.tensor(0.99))))
    assert type(ours) is type(theirs) is ValueError
    assert str(ours) == str(theirs)


def test_numbers_of_numpy_and_tensors_become_numbers_of_python() -> None:
    x = minigrad.ones(2, requires_grad=True)
    optimizer = optim.SGD([x], lr=np.float64(0.25), momentum=minigrad.tensor(0.5))  # type: ignore[arg-type]
    assert [type(optimizer.param_groups[0][name]) for name in ("lr", "momentum")] == [float, float]
    optimizer.param_groups[0]["lr"] = np.float64(0.5)
    x.grad = minigrad.ones(2)
    optimizer.step()
    assert x.dtype is minigrad.float32
    assert x.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("switch", ["foreach", "fused", "capturable", "differentiable"])
def test_switches(switch: str) -> None:
    x = minigrad.ones(2, requires_grad=True)
    for value in (False, None):
        optim.Adam([x], **{switch: value})  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match=rf"Adam\({switch}=True\): {switch} chooses between implementations"):
        optim.Adam([x], **{switch: True})  # type: ignore[arg-type]


def test_add_param_group_is_all_or_nothing() -> None:
    x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(2, requires_grad=True)
    optimizer = optim.Adagrad([x])
    group = {"params": [y], "lr": -1}
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1
    assert y not in optimizer.state
    group["lr"] = 0.5
    optimizer.add_param_group(group)
    assert group.keys() == {"params", "lr"}, "the caller's dict is as it was"


def test_a_step_that_cannot_be_made_changes_nothing() -> None:
    x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(3, requires_grad=True)
    optimizer = optim.Adam([{"params": [x]}, {"params": [y]}], lr=0.5)
    x.grad, y.grad = minigrad.ones(2), minigrad.ones(3)
    y.data = minigrad.ones(4)
    with pytest.raises(RuntimeError, match=r"the gradient has shape \[3\].* but its parameter has shape \[4\]"):
        optimizer.step()
    assert x.tolist() == [1, 1]
    assert not optimizer.state_dict()["state"]
    y.data = minigrad.ones(3)
    optimizer.step()
    y.data = minigrad.ones(4)
    y.grad = minigrad.ones(4)
    before = x.tolist()
    with pytest.raises(RuntimeError, match=r"exp_avg has shape \[3\]"):
        optimizer.step()
    assert x.tolist() == before
    assert optimizer.state[x]["step"].item() == 1


def test_read_only_memory_is_refused() -> None:
    x, y = minigrad.ones(2, requires_grad=True), minigrad.zeros(1).expand(3).detach().requires_grad_()
    optimizer = optim.SGD([x, y])
    x.grad, y.grad = minigrad.ones(2), minigrad.ones(3)
    with pytest.raises(RuntimeError, match="read-only"):
        optimizer.step()
    assert x.tolist() == [1, 1]


def test_repr_is_torch_s() -> None:
    texts = [repr(library.optim.Adam([leaf(library)], lr=0.5)) for library in (torch, minigrad)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_independent_and_go_on(clone: Callable[[Any], Any]) -> None:
    x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(3, requires_grad=True)
    optimizer = optim.Adam([x, y], lr=0.5)
    x.grad, y.grad = minigrad.ones(2), minigrad.ones(3)
    optimizer.step()
    other = clone(optimizer)
    for p in other.param_groups[0]["params"]:
        p.grad = minigrad.ones_like(p)
    other.step()
    assert optimizer.state[x]["step"].item() == 1
    optimizer.step()
    assert [p.tolist() for p in other.param_groups[0]["params"]] == [x.tolist(), y.tolist()]
    assert all(
        (a["exp_avg"] == b["exp_avg"]).all() for a, b in zip(optimizer.state.values(), other.state.values(), strict=True)
    )


@pytest.mark.parametrize("fast", [True, False])
def test_a_step_without_any_gradient_warns_once(fast: bool) -> None:
    before = set_backend(get_backend() if fast else Backend())
    try:
        x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(3, requires_grad=True)
        optimizer = optim.Adam([{"params": [x]}, {"params": [y]}])
        y.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        with pytest.warns(UserWarning, match=r"^Adam.step\(\) .* Call loss.backward\(\) before step") as caught:
            optimizer.step()
        assert caught[0].filename == __file__
        optimizer.step()
    finally:
        set_backend(before)
