"""The same optimizer in torch and in minigrad, on the same numbers: what the other tests are made of."""

import pkgutil
import warnings
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import optim
from minigrad.optim.flags import FLAGS
from minigrad.optim.optimizer import Optimizer, scalar_array
from tests.optim.rounding import EXACT, Estimate, estimated, exactly
from tests.reference import torch

TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}
"""What a number may differ by, as a part of the largest number that it has ever been.

More is allowed only where rounding alone can do more, as much as it can do; see `tests.optim.rounding`. Each library rounds
an operation by at most half the distance of two neighbouring numbers, so the two are apart by at most the whole.
"""

FOLLOWED = 1000
"""Of how many elements of a parameter it is computed what rounding can do; the others have to do with the tolerance."""


def unit(low: float = 0.0, high: float = 0.99) -> st.SearchStrategy[float]:
    return st.integers(round(low * 1000), round(high * 1000)).map(lambda k: k / 1000)


LR = st.sampled_from([0.0, 1e-3, 0.01, 0.1, 1.0])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "lr": LR,
    "weight_decay": st.sampled_from([0, 0.01, 0.3]),
    "eps": st.sampled_from([1e-10, 1e-8, 1e-3]),
    "betas": st.tuples(unit(), unit(0.5)),
    "momentum": st.just(0) | unit(),
    "dampening": st.just(0) | unit(0, 1),
    "lr_decay": unit(),
    "initial_accumulator_value": st.sampled_from([0, 0.1]),
    "alpha": unit(),
    "rho": unit(0.1),
    "momentum_decay": st.sampled_from([0.0, 4e-3, 0.1]),
}
"""Values for options by name; others take those that `around` gives."""


def around(default: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an option, from its default."""
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, tuple):
        return st.tuples(*map(around, default))
    return st.sampled_from([default, default / 2])


def configurations(cls: type[Optimizer]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the options of an optimizer, from the signature of its constructor."""
    parameters = list(signature(cls).parameters.values())[1:]
    values = {p.name: VALUES[p.name] if p.name in VALUES else around(p.default) for p in parameters if p.name not in FLAGS}
    return st.fixed_dictionaries(values).filter(lambda options: is_accepted(cls, options))


def is_accepted(cls: Any, options: dict[str, Any]) -> bool:
    try:
        cls([minigrad.zeros(1)], **options)
    except ValueError:
        return False
    return True


def discovered() -> dict[str, type[Any]]:
    """Return every optimizer that a module of `minigrad.optim` defines, by name: a new file is tested by being there."""
    found: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(optim.__path__, "minigrad.optim."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Optimizer) and value.__module__ == module.name:
                found[value.__name__] = value
    del found["Optimizer"]
    return found


OPTIMIZERS = discovered()
CONFIGURATIONS = {name: configurations(cls) for name, cls in OPTIMIZERS.items()}
PAIRED = [name for name in OPTIMIZERS if hasattr(torch.optim, name)]
"""Those that torch has under the same name."""

SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
DTYPES = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])


def gradient(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> np.ndarray[Any, Any] | None:
    """Return a random gradient of a kind: none, zero, usual, huge or tiny."""
    if kind == "none":
        return None
    scale = {"zero": 0.0, "usual": 1.0, "huge": 1e12, "tiny": 1e-12}[kind]
    return np.asarray(rng.standard_normal(shape) * scale, dtype)


KINDS = st.sampled_from(["none", "zero", "usual", "usual", "usual", "huge", "tiny"])


class Third:
    """What a parameter, its gradient and its state would be without rounding, and how far off they may be with it."""

    def __init__(self, theta: np.ndarray[Any, Any]) -> None:
        self.unit = float(np.finfo(theta.dtype).eps)
        self.theta = exactly(theta)
        self.g: Estimate | None = None
        self.state: dict[str, Any] = {}

    def backward(self) -> None:
        """Add the gradient of theta^2 to the gradient."""
        g = exactly(np.zeros_like(self.theta.value)) if self.g is None else self.g
        (self.g,) = estimated(lambda g, theta: [g + 2 * theta], [g, self.theta], self.unit)

    def step(self, optimizer: Any, group: dict[str, Any]) -> None:
        """Make a step with the rule of an optimizer and the options of a group."""
        if self.g is None:
            return
        spec = optimizer.state_spec(group)
        for name, start in spec.items():
            if name not in self.state:
                scalar = name in optimizer.scalar_names()
                whole = None if start is None else exactly(np.full_like(self.theta.value, start))
                # Both libraries round one scalar alike.
                self.state[name] = scalar_array(start)[()] if scalar else whole
        inputs = [self.theta, self.g, *(self.state[name] for name in spec)]
        rule = lambda theta, g, *state: optimizer.apply_rule(group, theta, g, state)
        self.theta, *state = estimated(rule, inputs, self.unit)
        self.state = dict(zip(spec, state, strict=True))


class Twins:
    """An optimizer of torch and one of minigrad with equal parameters, and what both would do without rounding.

    Args:
        name: The name of the optimizer in both libraries.
        cls: Another optimizer in the place of minigrad's.
        followed: See `FOLLOWED`.

    Attributes:
        theirs, ours: The optimizers.
        torch_params, params: Their parameters.
        thirds: For each parameter, what it would be without rounding.
        rules: An optimizer of minigrad that has the rules for that.
        largest: For each parameter and name of a state, the largest numbers that its elements have been.
    """

    def __init__(self, name: str, cls: type[Any] | None = None, followed: int = FOLLOWED) -> None:
        self.name = name
        self.cls = cls or OPTIMIZERS[name]
        self.followed = followed
        self.rules = OPTIMIZERS[name]([minigrad.zeros(1)])
        self.torch_params: list[Any] = []
        self.params: list[Any] = []
        self.thirds: list[Third] = []
        self.largest: dict[tuple[int, str], np.ndarray[Any, Any]] = {}

    def make(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> dict[str, list[Any]]:
        """Return the parameters of a new group for both."""
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        ours = [minigrad.tensor(a, requires_grad=True) for a in arrays]
        self.torch_params += theirs
        self.params += ours
        self.thirds += [Third(a.reshape(-1)[: self.followed]) for a in arrays]
        return {"theirs": [{"params": theirs, **options}], "ours": [{"params": ours, **options}]}

    def begin(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> None:
        groups = self.make(arrays, {})
        self.theirs = getattr(torch.optim, self.name)(groups["theirs"], **options)
        self.ours = self.cls(groups["ours"], **options)
        self.assert_equal()

    def add(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> None:
        # Not from the first group: nesterov does not go with any dampening.
        groups = self.make(arrays, {"nesterov": False, "dampening": 0, **options} if self.name == "SGD" else options)
        self.theirs.add_param_group(groups["theirs"][0])
        self.ours.add_param_group(groups["ours"][0])

    def set_lr(self, k: int, lr: float) -> None:
        for optimizer in (self.theirs, self.ours):
            optimizer.param_groups[k]["lr"] = lr

    def set_gradient(self, k: int, g: np.ndarray[Any, Any] | None) -> None:
        self.torch_params[k].grad = None if g is None else torch.tensor(g)
        self.params[k].grad = None if g is None else minigrad.tensor(g)
        self.thirds[k].g = None if g is None else exactly(g.reshape(-1)[: self.followed])

    def zero_grad(self, set_to_none: bool) -> None:
        self.theirs.zero_grad(set_to_none)
        self.ours.zero_grad(set_to_none)
        for third in self.thirds:
            third.g = None if set_to_none or third.g is None else exactly(np.zeros_like(third.g.value))

    def backward(self) -> None:
        """Add the gradient of the sum of all squares."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch: grad and param do not obey the gradient layout contract
            for params in (self.torch_params, self.params):
                sum((p * p).sum().double() for p in params).backward()
        for third in self.thirds:
            third.backward()

    def halve(self) -> None:
        """Write to the parameters."""
        with torch.no_grad():
            for p in self.torch_params:
                p.mul_(0.5)
        with minigrad.no_grad():
            for p in self.params:
                p.mul_(0.5)
        for third in self.thirds:
            third.theta = Estimate(third.theta.value / 2, third.theta.bound / 2)

    def step(self) -> None:
        self.theirs.step()
        self.ours.step()
        thirds = iter(self.thirds)
        for group in self.ours.param_groups:
            for _ in group["params"]:
                next(thirds).step(self.rules, group)

    def assert_equal(self) -> None:
        """Parameters and state agree."""
        states = self.theirs.state_dict()["state"], self.ours.state_dict()["state"]
        assert states[0].keys() == states[1].keys()
        for k, (p, q, third) in enumerate(zip(self.torch_params, self.params, self.thirds, strict=True)):
            theirs, ours = ({"theta": each, **state.get(k, {})} for each, state in zip((p, q), states, strict=True))
            assert list(theirs) == list(ours)
            for name, value in theirs.items():
                now = np.abs(value.detach().numpy().reshape(-1))
                self.largest[k, name] = np.fmax(self.largest.get((k, name), 0), now)
                exact = third.theta if name == "theta" else third.state.get(name)
                assert_near(ours[name], value, self.largest[k, name], exact if isinstance(exact, Estimate) else None)


def assert_near(ours: Any, theirs: Any, largest: Any, exact: Estimate | None = None) -> None:
    """Two tensors are equal within the tolerance, or within what rounding can do, and so are they and what is exact."""
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    a, b = a.reshape(-1), b.reshape(-1)
    allowed = np.broadcast_to(np.asarray(TOLERANCE[a.dtype] * largest, EXACT), a.shape).copy()
    if exact is not None:
        n = exact.value.size
        allowed[:n] = np.maximum(allowed[:n], exact.bound)
        assert_within(b[:n], exact.value, allowed[:n])
    assert_within(a, b, allowed)


def assert_within(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any]) -> None:
    """Two arrays differ by no more than is allowed, where NaN allows everything."""
    with np.errstate(all="ignore"):
        right = (np.abs(a - b) <= allowed) | (a == b.astype(a.dtype)) | (np.isnan(a) & np.isnan(b)) | np.isnan(allowed)
    bad = ~right
    assert not bad.any(), f"{a[bad][:3]} instead of {b[bad][:3]}, allowed {allowed[bad][:3]}"
