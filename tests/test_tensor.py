"""What a Tensor is to Python: truth, numbers, length, iteration, equality, views, writing in place. Against torch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.testing import arrays, tensors
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both


def X(t: Library) -> Any:  # noqa: N802
    return t.tensor([[1.0, -2.0, 3.0], [0.0, 5.0, 3.0]])


PROTOCOLS: dict[str, Callable[[Library], Any]] = {
    "bool of one": lambda t: bool(t.tensor([[2.0]])),
    "bool of zero": lambda t: bool(t.tensor(0)),
    "bool of several": lambda t: bool(X(t)),
    "bool of none": lambda t: bool(t.zeros(0)),
    "int": lambda t: int(t.tensor(-2.7)),
    "int of several": lambda t: int(X(t)),
    "int of nan": lambda t: int(t.tensor(float("nan"))),
    "float": lambda t: float(t.tensor([3])),
    "float with a gradient": lambda t: float(t.tensor(2.0, requires_grad=True)),
    "index": lambda t: [10, 20, 30][t.tensor(1)],
    "index of a float": lambda t: [10, 20, 30][t.tensor(1.0)],
    "index of several": lambda t: [10, 20, 30][t.tensor([1, 2])],
    "range": lambda t: list(range(t.tensor(3))),
    "item": lambda t: t.tensor([[2]]).item(),
    "item type": lambda t: [type(t.tensor(v).item()) for v in (1, 1.5, True)],
    "item of several": lambda t: X(t).item(),
    "tolist": lambda t: X(t).tolist(),
    "tolist of a number": lambda t: t.tensor(2.5).tolist(),
    "len": lambda t: len(X(t)),
    "len of a number": lambda t: len(t.tensor(1)),
    "iteration": lambda t: list(X(t)),
    "iteration over a number": lambda t: list(t.tensor(1)),
    "unpacking": lambda t: [*X(t)],
    "enumerate keeps the graph": lambda t: [row.requires_grad for row in t.ones(2, 2, requires_grad=True)],
    "contains": lambda t: (3.0 in X(t), 7 in X(t), t.tensor(5.0) in X(t)),
    "contains what is no number": lambda t: "a" in X(t),
    "equality": lambda t: X(t) == 3,
    "equality with a list": lambda t: X(t)[0] == [1, 2, 3],
    "equality with None": lambda t: X(t) == None,  # noqa: E711
    "inequality with None": lambda t: X(t) != None,  # noqa: E711
    "order with a string": lambda t: X(t) < "a",
    "sum with a string": lambda t: X(t) + "a",
    "sum with None": lambda t: X(t) + None,
    "product with a list": lambda t: X(t) * [1, 2, 3],
    "builtin sum": lambda t: sum(X(t)),
    "builtin max": lambda t: max(t.tensor([1.0, 3.0])),
    "builtin abs": lambda t: abs(X(t)),
    "builtin round": lambda t: round(t.tensor([1.5, 2.5])),
    "builtin pow": lambda t: pow(X(t), 2),
    "divmod": lambda t: divmod(t.tensor(7), 2),
    "shapes that do not fit": lambda t: t.ones(2, 3) + t.ones(4),
    "shape": lambda t: (
        tuple(X(t).shape),
        tuple(X(t).size()),
        X(t).size(1),
        X(t).size(-1),
        X(t).shape[0],
        X(t).shape.numel(),
    ),
    "size out of range": lambda t: X(t).size(2),
    "numel": lambda t: (X(t).numel(), X(t).nelement(), X(t).ndim, X(t).dim(), t.zeros(0, 3).numel()),
    "size is a tuple": lambda t: (X(t).shape == (2, 3), isinstance(X(t).shape, tuple), list(X(t).shape + (1,))),  # noqa: RUF005
    "flags": lambda t: (
        X(t).is_floating_point(),
        X(t).long().is_floating_point(),
        X(t).is_contiguous(),
        X(t).T.is_contiguous(),
    ),
    "T": lambda t: X(t).T,
    "numpy": lambda t: X(t).numpy(),
    "array": lambda t: np.asarray(X(t)),
    "array in another type": lambda t: np.asarray(X(t), dtype=np.int64),
    "unknown attribute": lambda t: X(t).no_such_thing,
    "deepcopy": lambda t: copy.deepcopy(t.ones(2, requires_grad=True)),
    "deepcopy of a result": lambda t: copy.deepcopy(t.ones(2, requires_grad=True) * 2),
    "copy": lambda t: copy.copy(X(t)),
    "is_leaf": lambda t: [x.is_leaf for x in (X(t), X(t).requires_grad_(), X(t).requires_grad_() * 2, X(t) * 2)],
    "device": lambda t: str(X(t).device),
    "to": lambda t: (X(t).to("cpu"), X(t).to(t.float64), X(t).to(t.ones(1, dtype=t.int64)), X(t).cpu()),
    "to itself": lambda t: [(x := X(t)).to(t.float32) is x, x.float() is x, x.to("cpu") is x],
    "type_as": lambda t: X(t).type_as(t.ones(1, dtype=t.float64)),
    "data": lambda t: [(x := t.ones(2, requires_grad=True)).data.add_(1), x, x.requires_grad],
    "data set": lambda t: [x := t.ones(2, requires_grad=True), x.__setattr__("data", t.zeros(2)), x][0],
    "grad set": lambda t: [x := t.ones(2), x.__setattr__("grad", t.zeros(2)), x.grad][2],
    "in a dictionary": lambda t: {(x := X(t)): 1}[x],
}


@pytest.mark.parametrize("program", PROTOCOLS.values(), ids=PROTOCOLS)
def test_protocols(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


def test_hash_is_identity() -> None:
    a, b = minigrad.ones(2), minigrad.ones(2)
    assert hash(a) == hash(a)
    assert len({a, b, a}) == 2


def test_numpy_shares_memory() -> None:
    x = minigrad.zeros(2, 3)
    x.numpy()[0, 0] = 5
    assert x[0, 0].item() == 5
    assert np.shares_memory(np.asarray(x), x.numpy())


@given(tensors(requires_grad=False))
def test_pickle_and_deepcopy_keep_everything(x: minigrad.Tensor) -> None:
    x.requires_grad_()
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert (again.tolist(), again.dtype, again.requires_grad, again.shape) == (x.tolist(), x.dtype, True, x.shape)
        assert not np.shares_memory(again.detach().numpy(), x.detach().numpy())


# ----------------------------------------------------------------------------------------------------- views and writing

VIEWS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "row": lambda x: x[1],
    "column": lambda x: x[:, 1],
    "element": lambda x: x[0, 0],
    "every second": lambda x: x[:, ::2],
    "Ellipsis": lambda x: x[..., 1:],
    "new axis": lambda x: x[None],
    "T": lambda x: x.T,
    "view": lambda x: x.view(3, 2),
    "reshape": lambda x: x.reshape(-1),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x[:1].squeeze(0),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "flatten": lambda x: x.flatten(),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "diagonal": lambda x: x.diagonal(),
    "view of a view": lambda x: x.T[1:].T[0],
    "split": lambda x: x.split(1)[1],
    "unbind": lambda x: x.unbind()[0],
    "chunk": lambda x: x.chunk(2)[1],
    "mask": lambda x: x[x > 0],
    "list": lambda x: x[[0, 1]],
    "clone": lambda x: x.clone(),
    "contiguous": lambda x: x.T.contiguous(),
    "expand to the same shape": lambda x: x.expand(2, -1),
    "view against the order in memory": lambda x: x.T.view(-1),
    "view of a part": lambda x: x[:, :2].view(-1),
    "view of rows": lambda x: x[:1].view(3),
    "view of what a list selects": lambda x: x[:, [0, 1]].view(-1),
    "view of a selection": lambda x: x.index_select(1, x.argsort(1)[0]).view(-1),
    "diag": lambda x: x[:, 1:].diag(),
}
# torch refuses to record a write to one of several views that were made at once.
RECORDABLE = {name: look for name, look in VIEWS.items() if name not in {"split", "unbind", "chunk"}}
WRITES: dict[str, Callable[[Any], Any]] = {
    "add_": lambda x: x.add_(10),
    "sub_": lambda x: x.sub_(1, alpha=2),
    "mul_": lambda x: x.mul_(3),
    "div_": lambda x: x.div_(2),
    "pow_": lambda x: x.pow_(2),
    "neg_": lambda x: x.neg_(),
    "abs_": lambda x: x.abs_(),
    "exp_": lambda x: x.exp_(),
    "sqrt_": lambda x: x.sqrt_(),
    "sin_": lambda x: x.sin_(),
    "cumsum_": lambda x: x.cumsum_(-1),
    "cumprod_": lambda x: x.cumprod_(-1),
    "lerp_": lambda x: x.lerp_(x * x, 0.5),
    "clamp_": lambda x: x.clamp_(-1, 1),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(7),
    "copy_": lambda x: x.copy_(x * 0 + 4),
    "set": lambda x: x.__setitem__(..., 5),
    "relu_": lambda x: x.relu_(),
    "masked_fill_": lambda x: x.masked_fill_(x > 0, -1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("look", VIEWS.values(), ids=VIEWS)
def test_views_share_memory_where_torchs_do(look: Callable[[Any], Any], write: Callable[[Any], Any]) -> None:
    def act(t: Library) -> Any:
        x = X(t)
        view = look(x)
        write(view)
        return x, view

    assert_same_in_both(act)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("look", RECORDABLE.values(), ids=RECORDABLE)
def test_recorded_writes_through_views_have_torchs_gradients(look: Callable[[Any], Any], write: Callable[[Any], Any]) -> None:
    def act(t: Library) -> Any:
        leaf = X(t).requires_grad_()
        x = leaf * 0.5 + 1.25
        view = look(x)
        write(view)
        weights = t.arange(6.0).reshape(2, 3) + 1
        loss = (x * weights).sum() + (view * view).sum()
        if not loss.requires_grad:
            return x, view
        loss.backward()
        return x, view, leaf.grad

    assert_same_in_both(act, 1e-5)


HALVES = [[0.5, 0.25, 0.75], [0.125, 0.625, 0.375]]


def halves(t: Library) -> Any:
    return t.tensor(HALVES, dtype=t.float64)


def bits(t: Library) -> Any:
    return t.tensor([[1, 2, 3], [4, 5, 6]])


FORMS: dict[str, Callable[[Library], tuple[Any, ...]]] = {  # what the in-place forms are called with, if with anything
    **dict.fromkeys(
        ["add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "fmod_", "pow_", "atan2_", "xlogy_"],
        lambda t: (halves(t)[1],),
    ),
    **dict.fromkeys(["eq_", "ne_", "lt_", "le_", "gt_", "ge_"], lambda t: (0.5,)),
    **dict.fromkeys(["logical_and_", "logical_or_", "logical_xor_"], lambda t: (t.tensor([0.0, 1.0, 2.0]),)),
    **dict.fromkeys(["bitwise_and_", "bitwise_or_", "bitwise_xor_"], lambda t: (t.tensor([1, 3, 5]),)),
    **dict.fromkeys(["bitwise_left_shift_", "bitwise_right_shift_"], lambda t: (t.tensor([0, 1, 2]),)),
    **dict.fromkeys(["addcmul_", "addcdiv_"], lambda t: (halves(t), 1 + halves(t))),
    **dict.fromkeys(["clamp_", "clip_"], lambda t: (0.2, 0.6)),
    **dict.fromkeys(["scatter_", "scatter_add_"], lambda t: (1, t.tensor([[2, 0], [1, 2]]), halves(t))),
    **dict.fromkeys(["index_add_", "index_copy_"], lambda t: (1, t.tensor([2, 0]), halves(t)[:, :2])),
    "addmm_": lambda t: (halves(t)[:, :2], halves(t)),
    "lerp_": lambda t: (halves(t)[0], 0.25),
    "masked_fill_": lambda t: (halves(t)[0] > 0.4, 3.0),
    "index_fill_": lambda t: (1, t.tensor([2, 0]), 3.0),
    "index_put_": lambda t: ((t.tensor([1, 0]), t.tensor([2, 2])), halves(t)[0, :2]),
    "cumsum_": lambda t: (1,),
    "cumprod_": lambda t: (1,),
    "copy_": lambda t: (halves(t)[1],),
    "fill_": lambda t: (3.0,),
    "fill_diagonal_": lambda t: (3.0,),
}
SHAPING = {"t_", "squeeze_", "unsqueeze_", "transpose_", "swapaxes_"}
OTHERS = {"requires_grad_", "detach_", "normal_", "uniform_", "bernoulli_"}
IN_PLACE_FORMS = {name for name in dir(minigrad.Tensor) if name[0] != "_" and name[-1] == "_"} - OTHERS
DISCRETE = {name for name in IN_PLACE_FORMS if "bitwise" in name}
UNDIFFERENTIATED = DISCRETE | {"floor_divide_"} | {name for name in IN_PLACE_FORMS if "logical" in name or len(name) == 3}


def operands(t: Library, name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return a leaf and what an in-place method takes besides."""
    leaf = bits(t) if name in DISCRETE else halves(t).requires_grad_(name not in UNDIFFERENTIATED)
    return leaf, FORMS.get(name, lambda t: ())(t)


@pytest.mark.parametrize("name", sorted(name for name in IN_PLACE_FORMS if hasattr(minigrad.Tensor, name[:-1])))
def test_an_in_place_form_gives_what_the_method_gives(name: str) -> None:
    found = []
    for form in (name, name[:-1]):
        leaf, arguments = operands(minigrad, name)
        y = getattr(leaf * 1, form)(*arguments).to(leaf.dtype)
        if y.requires_grad:
            (y * y).sum().backward()
        found.append([y.tolist(), None if leaf.grad is None else leaf.grad.tolist()])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", sorted(name for name in IN_PLACE_FORMS if hasattr(torch.Tensor, name)))
def test_in_place_forms(name: str) -> None:
    """Values, gradients and identity are torch's; and so is a second use of the same memory through a view."""

    def act(t: Library) -> Any:
        leaf, arguments = operands(t, name)
        x = leaf * 1
        view = x[:1]
        returned = getattr(x, name)(*arguments)
        loss = (x * halves(t)).sum() + (view * view).sum()
        if not loss.requires_grad:
            return returned is x, x, view
        loss.backward()
        return returned is x, x, view, leaf.grad

    assert_same_in_both(act, 1e-12)


def test_every_in_place_form_of_torch_is_there() -> None:
    forms = {name for name in dir(torch.Tensor) if name[-1] == "_" and hasattr(minigrad.Tensor, name[:-1]) and name[0] != "_"}
    assert forms - IN_PLACE_FORMS - OTHERS - SHAPING == set()


def leaf_that_moved(t: Library) -> Any:
    x = X(t).requires_grad_()
    y = x * 2
    x.requires_grad_(False)
    x += y
    y.sum().backward()
    return x


IN_PLACE: dict[str, Callable[[Library], Any]] = {
    "a leaf that is none any more": leaf_that_moved,
    "returns itself": lambda t: (x := X(t)).add_(1) is x,
    "augmented assignment keeps the object": lambda t: [x := X(t), y := x, x.__iadd__(1), y][3],
    "shape grows": lambda t: t.ones(3).add_(t.ones(2, 3)),
    "shape shrinks": lambda t: t.ones(2, 3).add_(t.ones(3)),
    "float into int": lambda t: t.ones(2, dtype=t.int64).add_(1.5),
    "int divided": lambda t: t.ones(2, dtype=t.int64).div_(2),
    "double into float": lambda t: t.ones(2).add_(t.ones(2, dtype=t.float64)),
    "onto itself": lambda t: (x := X(t)).mul_(x),
    "expanded": lambda t: t.ones(1).expand(3).add_(1),
    "with alpha": lambda t: X(t).add_(X(t), alpha=0.5),
    "assign a row": lambda t: [x := X(t), x.__setitem__(0, t.tensor([7.0, 8, 9])), x][2],
    "assign a list": lambda t: [x := X(t), x.__setitem__(0, [7.0, 8, 9]), x][2],
    "assign what does not fit": lambda t: X(t).__setitem__(0, t.ones(2)),
    "assign out of range": lambda t: X(t).__setitem__(5, 1.0),
    "assign by mask": lambda t: [x := X(t), x.__setitem__(x > 2, -1.0), x][2],
    "assign by list": lambda t: [x := X(t), x.__setitem__((slice(None), [0, 2]), 9.0), x][2],
    "assign with a gradient": lambda t: [
        w := t.ones(3, requires_grad=True), x := t.zeros(2, 3), x.__setitem__(1, w * 2), (x * x).sum().backward(), x, w.grad
    ][4:],
    "assign a float to ints": lambda t: [x := t.zeros(2, dtype=t.int64), x.__setitem__(0, 2.7), x][2],
    "detached result": lambda t: [y := t.ones(2, requires_grad=True) * 1, y.add_(1), y.requires_grad, y.is_leaf],
    "a constant takes in a gradient": lambda t: [
        w := t.ones(2, requires_grad=True), x := t.zeros(2), x.add_(w), x.requires_grad, x.is_leaf, x.sum().backward(), w.grad
    ][2:],
    "under no_grad": lambda t: t.no_grad()(lambda: t.ones(2, requires_grad=True).add_(1))(),
    "a leaf": lambda t: t.ones(2, requires_grad=True).add_(1),
    "a view of a leaf": lambda t: t.ones(2, requires_grad=True)[0].add_(1),
    "a view that is a leaf": lambda t: t.ones(2, 2).t().requires_grad_().add_(1),
    "a view of a view that is a leaf": lambda t: t.ones(2, 2).view(4).requires_grad_()[0].mul_(2),
    "a view that is a leaf, set": lambda t: t.ones(2, 2).view(4).requires_grad_().__setitem__(0, 2.0),
    "detach_": lambda t: [
        x := t.ones(2, requires_grad=True), y := x * 2, z := y * 3, y.detach_() is y, y, y.is_leaf, z.sum().backward(), x.grad
    ][3:],
    "detach_ of a leaf": lambda t: t.ones(2, requires_grad=True).detach_(),
    "detach_ of a view": lambda t: (t.ones(2, requires_grad=True) * 2)[0].detach_(),
}  # fmt: skip


@pytest.mark.parametrize("program", IN_PLACE.values(), ids=IN_PLACE)
def test_in_place(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


def test_what_overlaps_the_target_is_read_before_it_is_written() -> None:
    """torch refuses this one."""
    x = X(minigrad)
    x.sub_(x[1:])
    assert x.tolist() == [[1, -7, 0], [0, 0, 0]]


REFUSED: dict[str, Callable[[Any], Any]] = {
    "shape": lambda x: x.add_(minigrad.ones(5, 2, 3)),
    "type": lambda x: x.long().add_(1.5),
    "index": lambda x: x.__setitem__(9, 1.0),
    "value": lambda x: x.__setitem__(0, minigrad.ones(7)),
    "leaf": lambda x: x.requires_grad_().mul_(2),
}


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_a_refused_write_leaves_everything_as_it_was(act: Callable[[Any], Any]) -> None:
    x = X(minigrad)
    before, writes = x.tolist(), x.version.last_write
    with pytest.raises((RuntimeError, IndexError)):
        act(x)
    assert x.tolist() == before
    assert (x.version.last_write, x.is_leaf) == (writes, True)


# --------------------------------------------------------------------------------------------------- interplay with NumPy


MIXES: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 1),
}


@given(arrays((2, 3)), st.sampled_from(sorted(MIXES)))
def test_arrays_and_tensors_mix_both_ways(array: Any, name: str) -> None:
    mix, twos = MIXES[name], np.full((2, 3), 2.0)
    x = minigrad.from_numpy(twos).requires_grad_()
    for mine, theirs in ((mix(x, array), mix(twos, array)), (mix(array, x), mix(array, twos))):
        assert isinstance(mine, minigrad.Tensor)
        assert mine.requires_grad
        np.testing.assert_allclose(mine.detach().numpy(), theirs, rtol=1e-12)
