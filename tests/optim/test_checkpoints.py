"""Checkpoints: to and from torch in mid-run, through files and JSON, and what does not fit is refused before a change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import map_tensors, optim
from tests.optim.optimizer_pairs import OPTIMIZERS, PAIRED, Twins, assert_near, gradient
from tests.reference import torch

OPTIONS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adam": {"amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"amsgrad": True},
}


def train(twins: Twins, rng: np.random.Generator, steps: int = 4) -> None:
    for _ in range(steps):
        for k, p in enumerate(twins.params):
            twins.set_gradient(k, gradient(rng, "usual", tuple(p.shape), p.detach().numpy().dtype))
        twins.step()
        twins.assert_equal()


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_torch_and_back(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each library goes on with new optimizers that have the checkpoint of the other."""
    # With float64 as default, torch's NAdam keeps mu_product as it is when it loads a checkpoint.
    monkeypatch.setattr(minigrad.dtypes._Default, "floating", minigrad.dtypes.as_dtype(dtype))
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype.__name__))
    try:
        go_on_in_the_other(name, dtype)
    finally:
        torch.set_default_dtype(before)


def go_on_in_the_other(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    twins = Twins(name)
    twins.begin([np.asarray(rng.standard_normal(s), dtype) for s in [(3,), (), (2, 2)]], OPTIONS.get(name, {}))
    train(twins, rng)
    theirs, ours = twins.theirs.state_dict(), twins.ours.state_dict()
    twins.theirs = getattr(torch.optim, name)(twins.torch_params)
    twins.ours = OPTIMIZERS[name](twins.params)
    twins.theirs.load_state_dict(map_tensors(torch.from_numpy, ours))
    twins.ours.load_state_dict(theirs)
    train(twins, rng)
    assert twins.ours.param_groups[0]["lr"] == ours["param_groups"][0]["lr"]


@pytest.mark.parametrize("name", PAIRED)
def test_layout_is_torch_s(name: str) -> None:
    rng = np.random.default_rng(0)
    twins = Twins(name)
    twins.begin([np.ones(3), np.ones(2)], OPTIONS.get(name, {}))
    twins.add([np.ones(1)], {"lr": 0.5}) if name != "Adagrad" else None
    train(twins, rng, 1)
    theirs, ours = twins.theirs.state_dict(), twins.ours.state_dict()
    assert list(ours) == list(theirs)
    for a, b in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        assert a == b
    for k, values in theirs["state"].items():
        assert list(ours["state"][k]) == list(values)
        for field, value in values.items():
            assert_near(ours["state"][k][field], value, float(value.abs().max()))


def trained(name: str, shape: tuple[int, ...] = (3,)) -> tuple[Any, Any]:
    x = minigrad.ones(*shape, requires_grad=True)
    optimizer = OPTIMIZERS[name]([x], **OPTIONS.get(name, {}))
    for k in range(3):
        x.grad = minigrad.full(shape, 0.5 + k)
        optimizer.step()
    return x, optimizer


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(map_tensors(np.ndarray.tolist, state)))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("way", ["json", "file"])
def test_through_json_and_files(name: str, way: str, tmp_path: Path) -> None:
    x, first = trained(name)
    y = x.detach().clone().requires_grad_()
    second = OPTIMIZERS[name]([y])
    state = first.state_dict()
    if way == "json":
        second.load_state_dict(through_json(state))
    else:
        minigrad.save(state, tmp_path / "optimizer")
        second.load_state_dict(minigrad.load(tmp_path / "optimizer"))
    for p, optimizer in ((x, first), (y, second)):
        for _ in range(3):
            p.grad = minigrad.full((3,), 0.25)
            optimizer.step()
    assert x.tolist() == y.tolist()


def test_neither_state_dict_nor_load_shares_memory() -> None:
    x, optimizer = trained("Adam")
    saved = optimizer.state_dict()
    frozen = saved["state"][0]["exp_avg"].tolist()
    x.grad = minigrad.ones(3)
    optimizer.step()
    assert saved["state"][0]["exp_avg"].tolist() == frozen
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert saved["state"][0]["exp_avg"].tolist() == frozen
    assert saved["state"][0]["step"].item() == 3


def test_a_minimal_dict_is_taken() -> None:
    """Older versions of torch had fewer options; numbers may be plain, and betas a list."""
    x, optimizer = trained("Adam")
    state = {"step": 7, "exp_avg": [1, 2, 3], "exp_avg_sq": np.ones(3)}
    group = {"lr": 0.5, "betas": [0.5, 0.6], "eps": 1e-3, "weight_decay": 0, "fused": True, "params": [41]}
    optimizer.load_state_dict({"state": {41: state}, "param_groups": [group]})
    assert optimizer.state[x]["step"].item() == 7
    assert optimizer.state[x]["exp_avg"].dtype is minigrad.float32
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.6)
    x.grad = minigrad.ones(3)
    optimizer.step()


def test_adamw_stays_decoupled_with_the_state_of_adam() -> None:
    _, adam = trained("Adam")
    _, adamw = trained("AdamW")
    adamw.load_state_dict(adam.state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True


def changed(change: Any) -> Any:
    def of(state: dict[str, Any]) -> dict[str, Any]:
        change(state)
        return state

    return of


REFUSED: dict[str, tuple[Any, str]] = {
    "groups": (changed(lambda s: s["param_groups"].append(s["param_groups"][0])), "different number of parameter groups"),
    "parameters": (
        changed(lambda s: s["param_groups"][0]["params"].append(1)),
        "doesn't match the size of optimizer's group",
    ),
    "unknown option": (changed(lambda s: s["param_groups"][0].update(rho=1)), "Adam has no option 'rho'"),
    "missing option": (changed(lambda s: s["param_groups"][0].pop("betas")), "a group has no betas"),
    "bad option": (changed(lambda s: s["param_groups"][0].update(lr=float("nan"))), "Invalid learning rate: nan"),
    "unknown parameter": (changed(lambda s: s["state"].update({9: {}})), "there is state for 9, which is no parameter"),
    "unknown state": (changed(lambda s: s["state"][0].update(sum=0)), "parameter 0 has 'sum', which is unknown here"),
    "missing state": (changed(lambda s: s["state"][0].pop("exp_avg")), "parameter 0 lacks 'exp_avg'"),
    "shape": (
        changed(lambda s: s["state"][0].update(exp_avg=minigrad.ones(4))),
        r"'exp_avg' of parameter 0 has shape \[4\] .* but its parameter has shape \[3\]",
    ),
    "not numbers": (changed(lambda s: s["state"][0].update(exp_avg="abc")), "'exp_avg' of parameter 0 cannot be read"),
    "steps below none": (changed(lambda s: s["state"][0].update(step=-1)), "'step' of parameter 0 is -1.0, which is no"),
    "step that is no number": (changed(lambda s: s["state"][0].update(step=float("nan"))), "'step' of parameter 0 is nan"),
    "step": (changed(lambda s: s["state"][0].update(step=minigrad.ones(3))), "'step' of parameter 0 has shape"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_changes(what: str) -> None:
    spoil, message = REFUSED[what]
    _, optimizer = trained("Adam")
    before = through_json(optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(spoil({**optimizer.state_dict(), "other": 1}))
    assert through_json(optimizer.state_dict()) == before


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("other", OPTIMIZERS)
def test_the_state_of_another_optimizer_is_refused(name: str, other: str) -> None:
    _, mine = trained(name)
    _, theirs = trained(other)
    forms = [(o.defaults.keys(), list(o.state_spec(o.param_groups[0]))) for o in (mine, theirs)]
    if forms[0] == forms[1]:  # as Adam and AdamW
        mine.load_state_dict(theirs.state_dict())
    else:
        with pytest.raises(ValueError, match=r"loaded state dict|has no option"):
            mine.load_state_dict(theirs.state_dict())


def test_names_of_parameters() -> None:
    x, y = minigrad.ones(1, requires_grad=True), minigrad.ones(1, requires_grad=True)
    optimizer = optim.SGD([("x", x), ("y", y)])
    state = optimizer.state_dict()
    assert state["param_groups"][0]["param_names"] == ["x", "y"]
    del state["param_groups"][0]["param_names"]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["param_names"] == ["x", "y"]
