"""Random programs in random training loops: compiled and not, they give equal bits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import minigrad
from minigrad.testing import shapes
from tests.test_random_programs import ProgramGenerator, scalar_loss

pytestmark = pytest.mark.skipif(not minigrad.fastpath.is_enabled(), reason="without the fast lane nothing is compiled")

Steps = Sequence[Callable[[Any, Sequence[Any]], Any]]
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda ps: minigrad.optim.SGD(ps, lr=0.01),
    "momentum": lambda ps: minigrad.optim.SGD(ps, lr=0.01, momentum=0.9, nesterov=True),
    "AdamW": lambda ps: minigrad.optim.AdamW(ps, lr=0.01, amsgrad=True),
    "RMSprop": lambda ps: minigrad.optim.RMSprop(ps, lr=0.01, centered=True),
}


class Loop:
    """A training loop: a random program of parameters and of one input, and what is done with its gradients."""

    def __init__(self, steps: Steps, starts: Sequence[Any], optimizer: str, choices: dict[str, bool]) -> None:
        self.parameters = [minigrad.from_numpy(x.copy()).requires_grad_() for x in starts]
        self.optimizer = OPTIMIZERS[optimizer](self.parameters)
        self.steps, self.choices = steps, choices

    def step(self, x: Any) -> Any:
        values = [*self.parameters, x]
        if self.choices["noise"]:
            values[-1] = x + minigrad.randn_like(x)
        for step in self.steps:
            result = step(minigrad, values)
            values.append(result.clamp(-30, 30) if result.is_floating_point() else result)
        loss = scalar_loss(minigrad, values)
        if self.choices["zero first"]:
            self.optimizer.zero_grad()
        if self.choices["second order"]:
            slopes = minigrad.autograd.grad(loss, self.parameters, create_graph=True, allow_unused=True)
            loss = loss + sum((g * g).sum() * 0.1 for g in slopes if g is not None)
        loss.backward()
        if self.choices["clip"]:
            minigrad.nn.utils.clip_grad_norm_(self.parameters, 0.5)
        self.optimizer.step()
        if not self.choices["zero first"]:
            self.optimizer.zero_grad(set_to_none=self.choices["to none"])
        return loss


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), length=st.integers(1, 12))
def test_random_loops_give_equal_bits(data: st.DataObject, length: int) -> None:
    given_shapes = data.draw(st.lists(shapes(max_dims=2, min_side=1), min_size=2, max_size=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    *starts, _ = starts_and_input = [rng.standard_normal(shape).astype(dtype) for shape in given_shapes]
    values = [minigrad.from_numpy(x).requires_grad_() for x in starts_and_input]
    steps = []
    for _ in range(length):
        drawn = ProgramGenerator(data.draw, [tuple(v.shape) for v in values]).step()
        if drawn is not None and (result := drawn[1](minigrad, values)).numel() <= 200:
            note(f"{len(values)} = {drawn[0]}")
            values.append(result)
            steps.append(drawn[1])
    names = ["noise", "zero first", "second order", "clip", "to none"]
    choices = {name: data.draw(st.booleans(), name) for name in names}
    optimizer = data.draw(st.sampled_from(sorted(OPTIMIZERS)))
    eager, other = (Loop(steps, starts, optimizer, choices) for _ in range(2))
    compiled: Any = minigrad.compile(other.step)
    batches = [minigrad.from_numpy(rng.standard_normal(given_shapes[-1]).astype(dtype)) for _ in range(7)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k, x in enumerate(batches):
            minigrad.manual_seed(k)
            expected = eager.step(x)
            minigrad.manual_seed(k)
            np.testing.assert_array_equal(compiled(x).detach().numpy(), expected.detach().numpy())
            for p, q in zip(other.parameters, eager.parameters, strict=True):
                np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
                assert (p.grad is None) is (q.grad is None)
                if p.grad is not None and q.grad is not None:
                    np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())
    assert compiled.programs()
