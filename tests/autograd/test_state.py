"""What every call leaves behind, as in torch: flags, leaves, gradients and their own flags, and what counts as written."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from tests.reference import torch

Library = Any
LIBRARIES: tuple[Library, ...] = (minigrad, torch)


def leaf(lib: Library, requires_grad: bool = True) -> Any:
    return lib.tensor([1.0, 2.0], requires_grad=requires_grad)


def after_backward(lib: Library, create_graph: bool = False) -> Any:
    x = leaf(lib)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of a cycle
        (x**3).sum().backward(create_graph=create_graph)
    return x


def retaining(lib: Library) -> Any:
    y = leaf(lib) * 2
    y.retain_grad()
    return y


def frozen(lib: Library) -> Any:
    return after_backward(lib).requires_grad_(False)


TENSORS: dict[str, Callable[[Library], Any]] = {
    "constant": lambda lib: leaf(lib, False),
    "integers": lambda lib: lib.tensor([1, 2]),
    "leaf": leaf,
    "leaf with a gradient": after_backward,
    "leaf with a recorded gradient": lambda lib: after_backward(lib, create_graph=True),
    "leaf, frozen": frozen,
    "parameter": lambda lib: lib.nn.Parameter(leaf(lib, False)),
    "result": lambda lib: leaf(lib) * 2,
    "view of a leaf": lambda lib: leaf(lib)[:2],
    "view of a result": lambda lib: (leaf(lib) * 2)[:2],
    "view of a constant": lambda lib: leaf(lib, False)[:2],
    "result that retains its gradient": retaining,
    "detached": lambda lib: leaf(lib).detach(),
}


def in_no_grad(call: Callable[[Library, Any], Any]) -> Callable[[Library, Any], Any]:
    def act(lib: Library, x: Any) -> Any:
        with lib.no_grad():
            return call(lib, x)

    return act


def module_of(lib: Library, x: Any) -> Any:
    module = lib.nn.Module()
    module.x = x if isinstance(x, lib.nn.Parameter) else lib.nn.Parameter(x)
    if x.is_leaf and x.grad is not None:
        module.x.grad = x.grad.clone()
    return module


def with_optimizer(lib: Library, x: Any, act: Callable[[Any], Any]) -> Any:
    optimizer = lib.optim.SGD([x], lr=0.1, momentum=0.9)
    act(optimizer)
    return optimizer.state[x].get("momentum_buffer") if x in optimizer.state else None


def with_module(lib: Library, x: Any, act: Callable[[Any], Any]) -> Any:
    module = module_of(lib, x)
    act(module)
    return module.x


def set_to(name: str, value: Callable[[Library, Any], Any]) -> Callable[[Library, Any], Any]:
    return lambda lib, x: setattr(x, name, value(lib, x))


CALLS: dict[str, Callable[[Library, Any], Any]] = {
    "requires_grad_()": lambda lib, x: x.requires_grad_(),
    "requires_grad_(False)": lambda lib, x: x.requires_grad_(False),
    "requires_grad = True": set_to("requires_grad", lambda lib, x: True),
    "retain_grad": lambda lib, x: x.retain_grad(),
    "detach": lambda lib, x: x.detach(),
    "detach_": lambda lib, x: x.detach_(),
    "data": lambda lib, x: x.data,
    "data = a leaf": set_to("data", lambda lib, x: leaf(lib).to(x.dtype).detach()),
    "clone": lambda lib, x: x.clone(),
    "copy": lambda lib, x: copy.copy(x),
    "deepcopy": lambda lib, x: copy.deepcopy(x),
    "pickle": lambda lib, x: pickle.loads(pickle.dumps(x)),
    "to(the same)": lambda lib, x: x.to(x.dtype),
    "to(float64)": lambda lib, x: x.to(lib.float64),
    "long": lambda lib, x: x.long(),
    "view": lambda lib, x: x.view(2, 1),
    "row": lambda lib, x: x[0],
    "elements": lambda lib, x: x[lib.tensor([0, 1])],
    "product": lambda lib, x: x * 3,
    "comparison": lambda lib, x: x > 1,
    "argmax": lambda lib, x: x.argmax(),
    "product in no_grad": in_no_grad(lambda lib, x: x * 3),
    "clone in no_grad": in_no_grad(lambda lib, x: x.clone()),
    "mul_": lambda lib, x: x.mul_(3),
    "mul_ by a leaf": lambda lib, x: x.mul_(leaf(lib)),
    "copy_ of a leaf": lambda lib, x: x.copy_(leaf(lib)),
    "zero_": lambda lib, x: x.zero_(),
    "x[0] = 3": lambda lib, x: x.__setitem__(0, 3),
    "mul_ in no_grad": in_no_grad(lambda lib, x: x.mul_(3)),
    "mul_ by a leaf in no_grad": in_no_grad(lambda lib, x: x.mul_(leaf(lib))),
    "x[0] = 3 in no_grad": in_no_grad(lambda lib, x: x.__setitem__(0, 3)),
    "view, written": lambda lib, x: x[:1].mul_(3),
    "backward": lambda lib, x: (x * x).sum().backward(),
    "backward with a graph": lambda lib, x: (x * x).sum().backward(create_graph=True),
    "backward into it": lambda lib, x: (x * x).sum().backward(inputs=[x]),
    "backward in no_grad": lambda lib, x: in_no_grad(lambda lib, y: y.backward())(lib, (x * x).sum()),
    "grad": lambda lib, x: lib.autograd.grad((x * x).sum(), x)[0],
    "grad with a graph": lambda lib, x: lib.autograd.grad((x**3).sum(), x, create_graph=True)[0],
    "grad, materialized": lambda lib, x: lib.autograd.grad(
        (leaf(lib) * 2).sum(), x, allow_unused=True, materialize_grads=True
    )[0],
    "grad = None": set_to("grad", lambda lib, x: None),
    "grad = a constant": set_to("grad", lambda lib, x: leaf(lib, False).to(x.dtype)),
    "grad = a leaf": set_to("grad", lambda lib, x: leaf(lib)),
    "Parameter": lambda lib, x: lib.nn.Parameter(x),
    "Parameter, frozen": lambda lib, x: lib.nn.Parameter(x, requires_grad=False),
    "no_grad, backward": in_no_grad(lambda lib, x: (x * x).sum().backward()),
    "clip_grad_norm_": lambda lib, x: lib.nn.utils.clip_grad_norm_([x], 0.5),
    "clip_grad_value_": lambda lib, x: lib.nn.utils.clip_grad_value_([x], 0.5) if x.grad is not None else None,
    "optimizer.zero_grad": lambda lib, x: with_optimizer(lib, x, lambda o: o.zero_grad()),
    "optimizer.zero_grad(set_to_none=False)": lambda lib, x: with_optimizer(lib, x, lambda o: o.zero_grad(set_to_none=False)),
    "optimizer.step": lambda lib, x: with_optimizer(lib, x, lambda o: o.step()),
    "module.zero_grad": lambda lib, x: with_module(lib, x, lambda m: m.zero_grad()),
    "module.zero_grad(set_to_none=False)": lambda lib, x: with_module(lib, x, lambda m: m.zero_grad(set_to_none=False)),
    "module.requires_grad_(False)": lambda lib, x: with_module(lib, x, lambda m: m.requires_grad_(False)),
    "module.double": lambda lib, x: with_module(lib, x, lambda m: m.double()),
    "module.load_state_dict": lambda lib, x: with_module(lib, x, lambda m: m.load_state_dict({"x": lib.ones(2)})),
    "module.load_state_dict(assign=True)": lambda lib, x: with_module(
        lib, x, lambda m: m.load_state_dict({"x": lib.ones(2)}, assign=True)
    ),
    "module.state_dict": lambda lib, x: module_of(lib, x).state_dict()["x"],
    "module.state_dict(keep_vars=True)": lambda lib, x: module_of(lib, x).state_dict(keep_vars=True)["x"],
    "init": lambda lib, x: lib.nn.init.constant_(x, 2.0),
}


def flags(x: Any) -> list[Any]:
    return [x.requires_grad, x.is_leaf, x.grad_fn is None, type(x).__name__, str(x.dtype).rpartition(".")[2]]


def state(x: Any) -> list[Any]:
    """Return the flags of a tensor and of its gradient, and the values of both."""
    if not hasattr(x, "requires_grad"):
        return [type(x).__name__]
    g = x.grad if x.is_leaf or x.retains_grad else None
    return [*flags(x), x.retains_grad, x.tolist(), *(["no gradient"] if g is None else [*flags(g), g.tolist()])]


def writes(x: Any) -> int:
    return int(x.version.last_write if isinstance(x, minigrad.Tensor) else x._version)


def outcome(lib: Library, make: Callable[[Library], Any], call: Callable[[Library, Any], Any]) -> list[Any]:
    """Return the states of the tensor and of the result, and whether the tensor was written to; or the kind of error."""
    x = make(lib)
    before = writes(x)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call(lib, x)
            shares = result is x
            return [*state(x), writes(x) != before, shares, *state(result)]
    except Exception as error:
        return [type(error).__name__, *state(x), writes(x) != before]


OPTIMIZED = {name for name in CALLS if name.startswith("optimizer.")}
RESULTS = ("result", "result that retains its gradient", "view of a leaf", "view of a result")
DELIBERATE = {"integers": OPTIMIZED, **{name: {"copy", "pickle"} for name in RESULTS}}
"""Errors here, not in torch: to copy a result, which would lose its history, and to optimize integers."""


@pytest.mark.parametrize("tensor", TENSORS)
def test_the_state_after_every_call_is_that_of_torch(tensor: str) -> None:
    different = {}
    for name, call in CALLS.items():
        theirs, ours = (outcome(lib, TENSORS[tensor], call) for lib in (torch, minigrad))
        if ours != theirs:
            different[name] = (ours, theirs)
    assert different.keys() == DELIBERATE.get(tensor, set())
    assert all(ours[0] in ("RuntimeError", "ValueError") for ours, _ in different.values())
