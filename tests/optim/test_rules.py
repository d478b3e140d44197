"""Optimizers of one's own: rules that return something else, and optimizers in torch's manner, with a step of their own."""

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import fastpath, optim
from minigrad.backend import get_backend, set_backend
from minigrad.optim import Optimizer, lr_scheduler
from minigrad.optim.flags import FLAGS
from tests.reference import torch


@pytest.fixture(autouse=True, params=["fast", "plain"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    before = get_backend()
    (fastpath.enable if request.param == "fast" else fastpath.disable)()
    yield
    set_backend(before)


SHAPES: list[tuple[int, ...]] = [(), (1,), (1, 1), (2,), (2, 3), (5000,)]


def ruled(rule: Callable[..., Any], spec: dict[str, Any] | None = None, scalars: frozenset[str] = frozenset()) -> Any:
    """Return an optimizer with a rule; `spec` is what `init_state` returns."""

    class Mine(Optimizer):
        update = staticmethod(rule)
        scalar_state = scalars

        def __init__(self, params: Any, lr: float = 0.5) -> None:
            super().__init__(params, {"lr": lr})

    if spec is not None:
        Mine.init_state = lambda self, group: spec  # type: ignore[method-assign]
    return Mine


def leaf(shape: tuple[int, ...]) -> Any:
    p = minigrad.ones(shape, requires_grad=True)
    p.grad = minigrad.ones(shape)
    return p


# ------------------------------------------------------------------------------------------------- what a rule returns

WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "no comma": (lambda theta, g, *, lr: theta - lr * g, r"tuple with the new parameter: `return theta,`. It returned"),
    "nothing": (lambda theta, g, *, lr: None, "It returned NoneType"),
    "one too many": (lambda theta, g, *, lr: (theta, g), "It returned a tuple of 2"),
    "no state": (
        lambda theta, g, m, *, lr: theta - lr * g,
        "new parameter and the new state: `return theta, m`. It returned",
    ),
    "state forgotten": (lambda theta, g, m, *, lr: (theta - lr * g,), "`return theta, m`. It returned a tuple of 1"),
    "step returned": (lambda t, theta, g, m, *, lr: (theta - lr * g, m, t), "`return theta, m`. It returned a tuple of 3"),
    "None for state": (lambda theta, g, m, *, lr: (theta - lr * g, None), "It returned None as m"),
    "a list": (lambda theta, g, m, *, lr: [theta - lr * g, m], "It returned list"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("what", WRONG)
def test_what_a_rule_returns_is_checked(what: str, shape: tuple[int, ...]) -> None:
    rule, message = WRONG[what]
    p = leaf(shape)
    optimizer = ruled(rule)([p])
    for _ in range(3):
        with pytest.raises(TypeError, match=f"Mine.update must return .*{message}"):
            optimizer.step()
    assert (p.detach().numpy() == 1).all()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda theta, g, m, *, lr: (theta - lr * g, g.sum()), r"as m, whose shape is \[2, 3\]"),
        (lambda theta, g, m, *, lr: (g.sum(), m), r"as theta, whose shape is \[2, 3\]"),
        (lambda theta, g, m, *, lr: (theta[:1], m), r"an array of shape \[1, 3\] as theta"),
        (lambda theta, g, m, *, lr: (theta[None] * np.ones((2, 1, 1)), m), r"an array of shape \[2, 2, 3\] as theta"),
    ],
)
def test_shapes_of_what_a_rule_returns_are_checked(rule: Any, message: str) -> None:
    p = leaf((2, 3))
    with pytest.raises(TypeError, match=message):
        ruled(rule)([p]).step()
    assert p.tolist() == [[1, 1, 1]] * 2


def test_a_scalar_state_stays_a_scalar() -> None:
    optimizer = ruled(lambda theta, g, c, *, lr: (theta - lr * g, c + 0 * g), scalars=frozenset({"c"}))([leaf((2,))])
    with pytest.raises(TypeError, match=r"as c, whose shape is \[\]"):
        optimizer.step()


def test_functional_step_checks_too() -> None:
    p = leaf((2,))
    with pytest.raises(TypeError, match="It returned a Tensor of shape"):
        ruled(lambda theta, g, *, lr: theta - lr * g)([p]).functional_step(p, p)


def test_the_signature_of_a_rule_is_checked() -> None:
    with pytest.raises(TypeError, match=r"Mine.update must take the parameter and its gradient"):
        ruled(lambda theta: (theta,))
    with pytest.raises(TypeError, match=r"takes the state \(m, v\), but init_state names \(m\)"):
        ruled(lambda theta, g, m, v, *, lr: (theta, m, v), {"m": 0.0})([leaf(())])
    with pytest.raises(TypeError, match="takes 'beta', which is no option: add it to the defaults"):
        ruled(lambda theta, g, *, lr, beta: (theta,))([leaf(())])
    optimizer = ruled(lambda theta, g, *, lr, beta=2.0: (theta - beta * g,))([p := leaf(())])
    optimizer.step()
    assert p.item() == -1


def test_state_begins_at_zero_under_its_name_in_the_rule() -> None:
    p = leaf((2,))
    optimizer = ruled(lambda t, theta, g, m, *, lr: (theta - lr * g, m + t * g))([p])
    for _ in range(3):
        optimizer.step()
    assert optimizer.state[p]["m"].tolist() == [6, 6]
    assert list(optimizer.state[p]) == ["step", "m"]


def test_a_rule_may_be_a_method() -> None:
    class Mine(Optimizer):
        def __init__(self, params: Any, lr: float = 0.5, factor: float = 3.0) -> None:
            super().__init__(params, {"lr": lr})
            self.factor = factor

        def update(self, theta: Any, g: Any, *, lr: Any) -> Any:
            return (theta - self.factor * lr * g,)

    p = leaf((2,))
    optimizer = Mine([p])
    optimizer.step()
    optimizer.factor = 1.0
    optimizer.step()
    assert p.tolist() == [-1, -1]


def test_an_optimizer_needs_a_rule_or_a_step() -> None:
    class Neither(Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 1.0})

    with pytest.raises(NotImplementedError, match="Neither has no rule, `update`, and no `step` of its own"):
        Neither([leaf(())]).step()


# ---------------------------------------------------------------------------------------------------- in torch's manner


def in_torch_s_manner(library: Any) -> Any:
    """Return AdamW as one writes it in a course, for torch or minigrad."""

    class Mine(library.optim.Optimizer):  # type: ignore[misc]
        def __init__(self, params: Any, lr: float = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, decay: float = 0.01):
            super().__init__(params, dict(lr=lr, betas=betas, eps=eps, decay=decay))  # noqa: C408

        @library.no_grad()  # type: ignore[untyped-decorator]
        def step(self, closure: Any = None) -> Any:
            loss = None
            if closure is not None:
                with library.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                beta1, beta2 = group["betas"]
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"] = 0
                        state["average"] = library.zeros_like(p)
                        state["square"] = library.zeros_like(p)
                        state["notes"] = {"seen": [], "first": p.grad.clone()}
                    state["step"] += 1
                    state["notes"]["seen"].append(state["step"])
                    state["average"].mul_(beta1).add_(p.grad, alpha=1 - beta1)
                    state["square"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                    p.mul_(1 - group["lr"] * group.get("scale", 1) * group["decay"])
                    m = state["average"] / (1 - beta1 ** state["step"])
                    v = state["square"] / (1 - beta2 ** state["step"])
                    p.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-group["lr"] * group.get("scale", 1))
            return loss

    return Mine


def course(library: Any, resume: bool) -> tuple[list[Any], dict[str, Any]]:
    """Train with it for ten steps: two groups, own keys, a schedule, a closure; stop and go on in the middle if asked."""
    mine = in_torch_s_manner(library)
    params = [library.tensor(x, requires_grad=True) for x in ([0.5, -2.0, 3.0], [[1.0]], [2.0, 2.0])]

    def made() -> tuple[Any, Any]:
        optimizer = mine([{"params": params[:1]}, {"params": params[1:2], "lr": 0.5, "scale": 0.25}], lr=0.1)
        optimizer.add_param_group({"params": params[2:], "betas": (0.5, 0.5), "name": "third"})
        return optimizer, library.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)

    optimizer, scheduler = made()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((p - 1) ** 4).sum() for p in params)
        loss.backward()
        return loss

    losses = []
    for k in range(10):
        losses.append(optimizer.step(closure).item())
        scheduler.step()
        if resume and k == 4:
            saved, rates = optimizer.state_dict(), scheduler.state_dict()
            optimizer, scheduler = made()
            optimizer.load_state_dict(saved)
            scheduler.load_state_dict(rates)
    return [losses, *[p.detach().numpy() for p in params]], optimizer.state_dict()


@pytest.mark.parametrize("resume", [False, True])
def test_an_optimizer_in_torch_s_manner(resume: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours, saved = course(minigrad, resume)
        theirs, torch_saved = course(torch, resume)
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    assert saved.keys() == torch_saved.keys()
    for group, torch_group in zip(saved["param_groups"], torch_saved["param_groups"], strict=True):
        assert {k: v for k, v in group.items() if k != "lr"} == {k: v for k, v in torch_group.items() if k != "lr"}
        assert group["lr"] == pytest.approx(torch_group["lr"])
    for k, values in torch_saved["state"].items():
        assert list(saved["state"][k]) == list(values)
        assert saved["state"][k]["step"] == values["step"] == 10
        assert saved["state"][k]["notes"]["seen"] == list(range(1, 11))
        assert saved["state"][k]["notes"]["first"].numpy() == pytest.approx(values["notes"]["first"].numpy())
        assert saved["state"][k]["average"].numpy() == pytest.approx(values["average"].numpy(), rel=1e-4)


def counting(**options: Any) -> Any:
    """Return an optimizer of signs with a count in its state."""

    class Counting(Optimizer):
        def __init__(self, params: Any, lr: float = 0.5) -> None:
            super().__init__(params, {"lr": lr, **options})

        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["n"] = state.get("n", 0) + 1
                    p.data -= group["lr"] / state["n"] * p.grad.sign()

    return Counting


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_its_copies_go_on(clone: Any) -> None:
    optimizer = optim.Adam([leaf((2,))])
    optimizer.step()
    other = clone(optimizer)
    (p,) = other.param_groups[0]["params"]
    p.grad = minigrad.ones(2)
    other.step()
    assert (optimizer.stepped, other.state[p]["step"].item()) == (True, 2)


def test_its_options_may_mean_something_else() -> None:
    """A rule gives names their meaning here; a step of its own may have three betas, no lr, an alpha of 6."""
    mine = counting(betas=(0.98, 0.92, 0.99), alpha=6, eps=(1e-30, 1e-3), momentum=None, foreach=True)
    optimizer = mine([{"params": [p := leaf((2,))], "momentun": 1, "rho": [1, 2]}])
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]
    assert optimizer.state_dict()["param_groups"][0]["betas"] == (0.98, 0.92, 0.99)


def test_what_it_saves_is_a_copy() -> None:
    optimizer = counting()([p := leaf((2,))])
    optimizer.state[p]["buffer"] = minigrad.zeros(2)
    optimizer.state["global"] = {"k": 1}
    saved = optimizer.state_dict()
    optimizer.state[p]["buffer"].add_(1)
    assert saved["state"][0]["buffer"].tolist() == [0, 0]
    other = counting()([q := leaf((2,))])
    other.load_state_dict(saved)
    other.state[q]["buffer"].add_(1)
    assert saved["state"][0]["buffer"].tolist() == [0, 0]
    assert other.state["global"] == {"k": 1}


def test_a_scheduler_knows_that_it_stepped() -> None:
    optimizer = counting()([leaf((2,))])
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.25


# --------------------------------------------------------------------------------------------- groups, notes, and state


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_notes_of_the_user_are_kept(name: str) -> None:
    note = {"layers": [1, 2]}
    optimizer = getattr(optim, name)([{"params": [p := leaf((2,))], "lr_mult": 0.5, "tag": note, "mask": np.ones(2)}])
    optimizer.step()
    optimizer.state[p]["seen"] = 3
    optimizer.param_groups[0]["mask"] = np.zeros(2)
    optimizer.step()
    saved = optimizer.state_dict()
    assert (saved["param_groups"][0]["lr_mult"], saved["param_groups"][0]["tag"]) == (0.5, note)
    assert saved["state"][0]["seen"] == 3
    other = getattr(optim, name)([q := leaf((2,))])
    other.load_state_dict(saved)
    other.step()
    assert (other.param_groups[0]["lr_mult"], other.state[q]["seen"]) == (0.5, 3)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("weigth_decay", "weight_decay"),
        ("momentun", "momentum"),
        ("learning_rate", "lr"),
        ("nestrov", "nesterov"),
        ("wd", "weight_decay"),
        ("maximise", "maximize"),
    ],
)
def test_misspelt_options_are_refused(key: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"SGD has no option '{key}' .*Did you mean '{meant}'"):
        optim.SGD([{"params": [leaf(())], key: 0.1}])


@pytest.mark.parametrize("key", ["betas", "rho", "amsgrad", "centered"])
def test_options_of_other_optimizers_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"SGD has no option '{key}'"):
        optim.SGD([{"params": [leaf(())], key: 0.1}])


def test_scalar_state_may_be_a_python_number() -> None:
    optimizer = optim.Adam([p := leaf((2,))])
    optimizer.step()
    optimizer.state[p]["step"] = 5
    optimizer.step()
    assert optimizer.state[p]["step"].item() == 6


def test_parameters_may_be_replaced_and_reordered() -> None:
    a, b = leaf((2,)), leaf((2,))
    optimizer = optim.SGD([a, b], lr=0.5, momentum=0.5)
    optimizer.step()
    optimizer.param_groups[0]["params"] = [b, a]
    optimizer.step()
    assert a.tolist() == b.tolist() == [-0.25, -0.25]
    optimizer.param_groups[0]["params"] = [c := leaf((3,))]
    optimizer.step()
    assert c.tolist() == [0.5] * 3
    assert a.tolist() == [-0.25, -0.25]
    assert list(optimizer.state_dict()["state"]) == [0]


def test_flags_are_accepted_as_in_torch() -> None:
    for name in ("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "NAdam"):
        ours = getattr(optim, name)([leaf(())])
        theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)])
        assert {key: value for key, value in ours.defaults.items() if key in FLAGS} == {
            key: value for key, value in theirs.defaults.items() if key in FLAGS
        }
    with pytest.raises(TypeError, match=r"SGD.__init__\(\) got an unexpected keyword argument 'capturable'"):
        optim.SGD([leaf(())], capturable=False)
