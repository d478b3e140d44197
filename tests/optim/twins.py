"""The same optimizer in torch and in minigrad, on the same numbers: what the other tests are made of."""

import warnings
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import optim
from minigrad.optim.sweep import number_like
from tests.optim.rounding import EXACT, Estimate, estimated, exactly

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
DECAY = st.sampled_from([0, 0.01, 0.3])
EPS = st.sampled_from([1e-10, 1e-8, 1e-3])
BETAS = st.tuples(unit(), unit(0.5))
COMMON: dict[str, st.SearchStrategy[Any]] = {"lr": LR, "weight_decay": DECAY, "maximize": st.booleans()}

CONFIGURATIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SGD": st.one_of(
        st.fixed_dictionaries({**COMMON, "momentum": unit(), "dampening": unit(0, 1)}),
        st.fixed_dictionaries({**COMMON, "momentum": unit(0.1), "nesterov": st.just(True)}),
    ),
    "Adagrad": st.fixed_dictionaries(
        {**COMMON, "lr_decay": unit(), "initial_accumulator_value": st.sampled_from([0, 0.1]), "eps": EPS}
    ),
    "RMSprop": st.fixed_dictionaries(
        {**COMMON, "alpha": unit(), "eps": EPS, "momentum": st.just(0) | unit(), "centered": st.booleans()}
    ),
    "Adadelta": st.fixed_dictionaries({**COMMON, "rho": unit(0.1), "eps": st.sampled_from([1e-6, 1e-3])}),
    "Adam": st.fixed_dictionaries(
        {**COMMON, "betas": BETAS, "eps": EPS, "amsgrad": st.booleans(), "decoupled_weight_decay": st.booleans()}
    ),
    "AdamW": st.fixed_dictionaries({**COMMON, "betas": BETAS, "eps": EPS, "amsgrad": st.booleans()}),
    "NAdam": st.fixed_dictionaries(
        {
            **COMMON,
            "betas": BETAS,
            "eps": EPS,
            "momentum_decay": st.sampled_from([0.0, 4e-3, 0.1]),
            "decoupled_weight_decay": st.booleans(),
        }
    ),
}

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
        memory = optimizer._memory(group)
        for name, start in memory.items():
            if name not in self.state:
                number = name in optimizer._numbers
                whole = None if start is None else exactly(np.full_like(self.theta.value, start))
                # Both libraries round one number alike.
                self.state[name] = number_like(start)[()] if number else whole
        inputs = [self.g, self.theta, *(self.state[name] for name in memory)]
        self.theta, *state = estimated(optimizer._rule(group), inputs, self.unit)
        self.state = dict(zip(memory, state, strict=True))


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
        self.cls = cls or getattr(optim, name)
        self.followed = followed
        self.rules = getattr(optim, name)([minigrad.zeros(1)])
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
