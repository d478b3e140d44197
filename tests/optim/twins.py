"""The same optimizer in torch and in minigrad, on the same numbers: what the other tests are made of."""

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import optim

TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}
"""What a number may differ by, as a part of the largest number that it was computed from.

torch multiplies and adds with one rounding, NumPy with two. A step has some ten operations, a square doubles what its root is
off by, and over the 50 steps of a run the differences add up: `assert_near` allows four times this.
"""


def unit(low: float = 0.0, high: float = 0.99) -> st.SearchStrategy[float]:
    return st.integers(round(low * 1000), round(high * 1000)).map(lambda k: k / 1000)


LR = st.sampled_from([0.0, 1e-3, 0.01, 0.1, 1.0])
DECAY = st.sampled_from([0, 0.01, 0.3])
EPS = st.sampled_from([1e-10, 1e-8, 1e-3])
BETAS = st.tuples(unit(), unit(0.5))
COMMON: dict[str, st.SearchStrategy[Any]] = {"lr": LR, "weight_decay": DECAY, "maximize": st.booleans()}

# Centered RMSprop with a small alpha divides by the root of a difference of equal numbers: rounding decides.
CONFIGURATIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SGD": st.one_of(
        st.fixed_dictionaries({**COMMON, "momentum": unit(), "dampening": unit(0, 1)}),
        st.fixed_dictionaries({**COMMON, "momentum": unit(0.1), "nesterov": st.just(True)}),
    ),
    "Adagrad": st.fixed_dictionaries(
        {**COMMON, "lr_decay": unit(), "initial_accumulator_value": st.sampled_from([0, 0.1]), "eps": EPS}
    ),
    "RMSprop": st.one_of(
        st.fixed_dictionaries({**COMMON, "alpha": unit(), "eps": EPS, "momentum": st.just(0) | unit()}),
        st.fixed_dictionaries(
            {**COMMON, "alpha": unit(0.5, 0.9), "eps": st.just(1e-3), "momentum": unit(), "centered": st.just(True)}
        ),
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


class Twins:
    """An optimizer of torch and one of minigrad with equal parameters.

    Attributes:
        theirs, ours: The optimizers.
        scales: For each parameter the largest number that it has been.
        largest: For each parameter and name of a state, the largest number that it has been, and more where the gradient and
            the weight decay that was added to it have cancelled.
        cancelled: For each parameter, how much larger these two were at the last step than their sum.
    """

    def __init__(self, name: str, cls: type[Any] | None = None) -> None:
        self.name = name
        self.cls = cls or getattr(optim, name)
        self.torch_params: list[Any] = []
        self.params: list[Any] = []
        self.scales: list[float] = []
        self.largest: dict[tuple[int, str], float] = {}
        self.cancelled: dict[int, float] = {}

    def make(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> dict[str, list[Any]]:
        """Return the parameters of a new group for both."""
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        ours = [minigrad.tensor(a, requires_grad=True) for a in arrays]
        self.torch_params += theirs
        self.params += ours
        self.scales += [float(np.abs(a).max(initial=1)) for a in arrays]
        return {"theirs": [{"params": theirs, **options}], "ours": [{"params": ours, **options}]}

    def begin(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> None:
        groups = self.make(arrays, {})
        self.theirs = getattr(torch.optim, self.name)(groups["theirs"], **options)
        self.ours = self.cls(groups["ours"], **options)

    def add(self, arrays: list[np.ndarray[Any, Any]], options: dict[str, Any]) -> None:
        # Not from the first group: nesterov does not go with any dampening, nor centered with any alpha (see above).
        own: dict[str, dict[str, Any]] = {"SGD": {"nesterov": False, "dampening": 0}, "RMSprop": {"centered": False}}
        groups = self.make(arrays, {**own.get(self.name, {}), **options})
        self.theirs.add_param_group(groups["theirs"][0])
        self.ours.add_param_group(groups["ours"][0])

    def set_gradient(self, k: int, g: np.ndarray[Any, Any] | None) -> None:
        self.torch_params[k].grad = None if g is None else torch.tensor(g)
        self.params[k].grad = None if g is None else minigrad.tensor(g)

    def step(self) -> None:
        self.note_cancellation()
        self.theirs.step()
        self.ours.step()
        for k, p in enumerate(self.torch_params):
            self.scales[k] = max(self.scales[k], float(p.detach().abs().max()) if p.numel() else 0.0)

    def note_cancellation(self) -> None:
        number = {id(p): k for k, p in enumerate(self.torch_params)}
        for group in self.theirs.param_groups:
            decay = 0 if group.get("decoupled_weight_decay") else group["weight_decay"]
            sign = -1 if group["maximize"] else 1
            for p in group["params"]:
                self.cancelled[number[id(p)]] = 1.0
                if decay and p.grad is not None and p.numel():
                    g, theta = sign * p.grad, decay * p.detach()
                    total = float((g + theta).abs().max())
                    if total:
                        self.cancelled[number[id(p)]] = max(1.0, float((g.abs() + theta.abs()).max()) / total)

    def assert_equal(self) -> None:
        """Parameters and state agree."""
        states = self.theirs.state_dict()["state"], self.ours.state_dict()["state"]
        assert states[0].keys() == states[1].keys()
        for k, (p, q) in enumerate(zip(self.torch_params, self.params, strict=True)):
            assert_near(q, p, self.scales[k])
            theirs, ours = (state.get(k, {}) for state in states)
            assert list(theirs) == list(ours)
            for name, value in theirs.items():
                # What is small now may be the difference of what was large before.
                now = float(value.abs().max()) * self.cancelled.get(k, 1.0) if value.numel() else 0.0
                largest = max(self.largest.get((k, name), 0.0), now)
                assert_near(ours[name], value, largest)
                self.largest[k, name] = largest


def assert_near(ours: Any, theirs: Any, scale: float) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    with np.errstate(all="ignore"):
        bad = ~((np.abs(a - b) <= 4 * TOLERANCE[a.dtype] * scale) | (a == b) | (np.isnan(a) & np.isnan(b)))
    assert not bad.any(), f"{a[bad][:3]} instead of {b[bad][:3]}, scale {scale}"
