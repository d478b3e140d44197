"""Every choice of axes, from the front and from the back, on a tensor whose sizes differ: a square one hides mistakes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both, run

AXES = range(-3, 3)
PAIRS = list(itertools.product(AXES, repeat=2))
DIFFERENT = [(a, b) for a, b in PAIRS if a % 3 != b % 3]
ORDERS = list(itertools.permutations(range(3)))


def tensor(t: Library) -> Any:
    return (t.arange(24.0) * 7 % 24).reshape(2, 3, 4)


def from_the_back(t: Library, k: int) -> Any:
    """Return indices along axis k, negative ones among them."""
    return tensor(t).argsort(k) - tensor(t).shape[k] * (tensor(t) > 11).long()


CHOICES: dict[str, Callable[[Library, Any], list[Any]]] = {
    "transpose": lambda t, x: [x.transpose(a, b) for a, b in PAIRS],
    "permute": lambda t, x: [x.permute(order) for order in ORDERS],
    "permute from the back": lambda t, x: [x.permute([d - 3 for d in order]) for order in ORDERS],
    "movedim": lambda t, x: [x.movedim(a, b) for a, b in PAIRS],
    "movedim of two": lambda t, x: [x.movedim(a, b) for a, b in itertools.product(DIFFERENT, repeat=2)],
    "movedim of three": lambda t, x: [x.movedim(a, b) for a, b in itertools.product(ORDERS, repeat=2)],
    "flatten": lambda t, x: [x.flatten(a, b) for a, b in PAIRS if a % 3 <= b % 3],
    "unsqueeze": lambda t, x: [x.unsqueeze(k) for k in range(-4, 4)],
    "squeeze": lambda t, x: [x[None].transpose(0, k).squeeze(d) for k in range(4) for d in range(-4, 4)],
    "unflatten": lambda t, x: [x.unflatten(k, (1, -1)) for k in AXES],
    "flip": lambda t, x: [x.flip(k) for k in AXES] + [x.flip(pair) for pair in DIFFERENT],
    "roll": lambda t, x: [x.roll(n, k) for n in (-1, 1, 5) for k in AXES] + [x.roll((1, 2), pair) for pair in DIFFERENT],
    "diagonal": lambda t, x: [x.diagonal(n, *pair) for n in (-1, 0, 1) for pair in DIFFERENT],
    "narrow": lambda t, x: [x.narrow(k, start, 1) for k in AXES for start in (-2, -1, 0, 1)],
    "select": lambda t, x: [x.select(k, n) for k in AXES for n in (-2, -1, 0, 1)],
    "unbind": lambda t, x: [part for k in AXES for part in x.unbind(k)],
    "split": lambda t, x: [part for k in AXES for n in (1, 2, 3) for part in x.split(n, k)],
    "chunk": lambda t, x: [part for k in AXES for n in (2, 3, 5) for part in x.chunk(n, k)],
    "index_select": lambda t, x: [x.index_select(k, t.tensor([1, 0, 1])) for k in AXES],
    "index_fill": lambda t, x: [x.index_fill(k, t.tensor([-1, 0]), 5.0) for k in AXES],
    "index_add": lambda t, x: [x.index_add(k, t.tensor([1, 0]), x.narrow(k, 0, 2), alpha=2) for k in AXES],
    "index_copy": lambda t, x: [x.index_copy(k, t.tensor([1, 0]), x.narrow(k, 0, 2)) for k in AXES],
    "gather": lambda t, x: [x.gather(k, tensor(t).argsort(k)[:2, :2, :2]) for k in AXES],
    "take_along_dim": lambda t, x: [t.take_along_dim(x, from_the_back(t, k), k) for k in AXES],
    "scatter": lambda t, x: [x.scatter(k, tensor(t).argsort(k), x * 2) for k in AXES],
    "scatter_add": lambda t, x: [x.scatter_add(k, tensor(t).argsort(k) % 2, x * 2) for k in AXES],
    "sort": lambda t, x: [y for k in AXES for down in (False, True) for y in x.sort(k, down)],
    "topk": lambda t, x: [y for k in AXES for n in (1, 2) for large in (False, True) for y in x.topk(n, k, large)],
    "median": lambda t, x: [y for k in AXES for keep in (False, True) for y in x.median(k, keep)],
    "max": lambda t, x: [y for k in AXES for keep in (False, True) for y in x.max(k, keep)],
    "argmin": lambda t, x: [x.argmin(k, keep) for k in AXES for keep in (False, True)],
    "sum": lambda t, x: [x.sum(pair, keep) for pair in DIFFERENT for keep in (False, True)],
    "var": lambda t, x: [x.var(pair, correction=c) for pair in DIFFERENT for c in (0, 1, 2)],
    "amax": lambda t, x: [x.amax(pair, keep) for pair in DIFFERENT for keep in (False, True)],
    "norm": lambda t, x: [x.norm(p, k) for p in (0, 1, 2, 3, float("inf"), -float("inf")) for k in AXES],
    "logsumexp": lambda t, x: [x.logsumexp(k, keep) for k in AXES for keep in (False, True)],
    "softmax": lambda t, x: [y for k in AXES for y in (x.softmax(k), x.log_softmax(k))],
    "cumsum": lambda t, x: [y for k in AXES for y in (x.cumsum(k), (x / 24).cumprod(k), x.logcumsumexp(k))],
    "prod": lambda t, x: [(x / 8 + 1).prod(k, keep) for k in AXES for keep in (False, True)],
    "diff": lambda t, x: [x.diff(n, k) for n in (1, 2, 5) for k in AXES],
    "cat": lambda t, x: [t.cat([x, x.narrow(k, 0, 1)], k) for k in AXES],
    "stack": lambda t, x: [t.stack([x, x * 2], k) for k in range(-4, 4)],
    "einsum": lambda t, x: [
        t.einsum("...j,...j->...", x, x[0]),
        t.einsum("...j,...j->...", x[0], x),
        t.einsum("i...,...->i...", x, x[0, 0]),
        t.einsum("...,i...->...i", x[0, 0], x),
    ],
}


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_every_choice_of_axes(choose: Callable[[Library, Any], list[Any]]) -> None:
    def values(t: Library) -> Any:
        x = tensor(t).double().requires_grad_()
        results = choose(t, x)
        weighted = [(y * (k + 1) * t.arange(1.0, y.numel() + 1).reshape(y.shape)).sum() for k, y in enumerate(results)]
        slopes = [y for y in weighted if y.requires_grad]
        if slopes:
            sum(slopes).backward()
        return [y.detach() for y in results], x.grad

    assert not isinstance(run(values, torch), type), "one choice raises"
    assert_same_in_both(values)
