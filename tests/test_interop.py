"""Tensors beside NumPy, DLPack, pickle, copy and Python's protocols: what is shared, recorded, refused, printed."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.methods.interop import UFUNC_METHODS, UFUNC_PRIMITIVES
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both

Program = Callable[[Library], Any]
Act = Callable[[Any], Any]
from_torch: Any = torch.from_dlpack  # type: ignore[attr-defined]
LIBRARIES = pytest.mark.parametrize("t", [minigrad, torch], ids=["minigrad", "torch"])
KINDS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def X(t: Library) -> Any:  # noqa: N802
    return t.tensor([[1.0, -2.0, 3.0], [0.0, 5.0, 3.0]])


def W(t: Library) -> Any:  # noqa: N802
    return t.ones(2, requires_grad=True)


def cases(programs: dict[str, Program]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("program", programs.values(), ids=programs)


def filled(array: Any, value: float) -> Any:
    array.fill(value)
    return array


# ---------------------------------------------------------------------------------------------------- ufuncs, operators

UNARY = [
    "negative", "absolute", "sign", "floor", "ceil", "trunc", "rint", "logical_not", "isnan", "isinf", "isfinite", "exp",
    "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square", "reciprocal", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "sinh", "cosh", "tanh"
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "maximum", "minimum", "matmul",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "logaddexp", "arctan2"
]  # fmt: skip
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"]
THEIRS: dict[str, Any] = {"power": torch.pow, "rint": torch.round, "equal": torch.eq}
THEIRS |= {"left_shift": torch.bitwise_left_shift, "right_shift": torch.bitwise_right_shift}
THEIRS |= {"floor_divide": partial(torch.div, rounding_mode="floor")}  # which has a derivative, as minigrad's
A, B = np.array([[0.25, 0.5], [0.75, 0.125]]), np.array([[0.625, 0.25], [0.75, 0.5]])


@pytest.mark.parametrize("name", UNARY + BINARY + BITS)
def test_a_ufunc_with_a_rule_is_recorded(name: str) -> None:
    """The oracle is torch's function, where every operand is a tensor."""

    def act(t: Library) -> Any:
        function = getattr(np, name) if t is minigrad else THEIRS.get(name) or getattr(torch, name)
        values = [np.array([5, 6, -7]), np.array([1, 3, 2])] if name in BITS else [A, B]
        x, y = (t.tensor(array).requires_grad_(name not in BITS) for array in values)
        a, b = values if t is minigrad else map(t.tensor, values)
        results = [function(*operands) for operands in ([(x,)] if name in UNARY else [(x, y), (x, b), (a, y)])]
        for weight, result in enumerate(results, 1):
            if result.requires_grad:
                (result * result).mul(weight).sum().backward()
        return *results, x.grad, y.grad

    assert_same_in_both(act, 1e-12)


def test_bits_are_changed_and_all_ufuncs_with_a_rule_are_tested() -> None:
    assert_same_in_both(lambda t: (np.invert if t is minigrad else t.bitwise_not)(t.tensor([5, -7])))
    assert_same_in_both(lambda t: (np.invert if t is minigrad else t.bitwise_not)(t.tensor([1.5])))
    names = {f.__name__ for f in (*UFUNC_METHODS, *UFUNC_PRIMITIVES)}
    assert names == {*UNARY, *BINARY, *BITS, "invert"}


REFUSED: dict[str, Act] = {
    "numpy.cbrt has no": np.cbrt,
    "numpy.modf has no": np.modf,
    "numpy.hypot has no": lambda x: np.hypot(np.ones(2), x),
    "numpy.add.reduce has no": np.add.reduce,
    "numpy.add.accumulate has no": np.add.accumulate,
    "numpy.add.reduceat has no": lambda x: np.add.reduceat(x, [0, 1]),
    "numpy.multiply.outer has no": lambda x: np.multiply.outer(np.ones(2), x),
    "numpy.add.at has no": lambda x: np.add.at(x, [0], 1.0),
    "numpy.add with out": lambda x: np.add(np.zeros(2), x, out=np.zeros(2)),
    "numpy.exp with out": lambda x: np.exp(np.zeros(2), out=x.detach()),
    "numpy.exp with where": lambda x: np.exp(x, where=np.array([True, False])),
    "numpy.exp with dtype": lambda x: np.exp(x, dtype=np.float64),
    "numpy.add with casting, subok": lambda x: np.add(x, 1, casting="no", subok=False),
    "numpy.subtract with out": lambda x: np.zeros(2).__isub__(x),
}


@pytest.mark.parametrize(("message", "act"), REFUSED.items(), ids=REFUSED)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_ufunc_without_a_rule_is_refused_by_name(message: str, act: Act, requires_grad: bool) -> None:
    x = minigrad.ones(2, requires_grad=requires_grad)
    with pytest.raises(TypeError, match=f"^({message}).*gradient rule for Tensors: use a method of Tensor, or call it on"):
        act(x)
    assert x.tolist() == [1, 1]


ORDER = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
NUMBERS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow, *ORDER]
OPERATORS = [*NUMBERS, operator.matmul, operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "bool", "uint8"])
@pytest.mark.parametrize("act", OPERATORS, ids=lambda act: act.__name__)
def test_an_array_beside_a_tensor_is_a_tensor(act: Callable[[Any, Any], Any], kind: str) -> None:
    for other in (np.float32, np.float64, np.int64, np.bool_, np.uint8):
        if act is operator.sub and (kind == "bool" or other is np.bool_):
            continue  # torch refuses to subtract booleans
        for array, tensor_first in product((np.array([1, 2, 3], other), np.array(2, other)), (True, False)):

            def mixed(t: Library, array: Any = array, tensor_first: bool = tensor_first) -> Any:
                x, beside = t.tensor([2, 1, 3], dtype=getattr(t, kind)), array if t is minigrad else t.tensor(array)
                return act(x, beside) if tensor_first else act(beside, x)

            assert_same_in_both(mixed)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
@pytest.mark.parametrize("act", NUMBERS, ids=lambda act: act.__name__)
def test_a_number_of_numpy_is_a_number(act: Callable[[Any, Any], Any], kind: str) -> None:
    for number in (np.float32(2.5), np.float64(2.5), np.int64(2), np.uint8(2)):
        assert_same_in_both(lambda t, n=number: act(n, t.tensor([2, 1, 3], dtype=getattr(t, kind))))  # type: ignore[misc]
        assert_same_in_both(lambda t, n=number: act(t.tensor([2, 1, 3], dtype=getattr(t, kind)), n))  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------- arrays out of tensors


ARRAYS: dict[str, Program] = {
    "asarray in another type": lambda t: np.asarray(X(t), np.float64),
    "array, never a copy, in another type": lambda t: np.array(X(t), np.float64, copy=False),
    "array, a copy if need be": lambda t: np.array(X(t), np.float64, copy=None),
    "asarray shares": lambda t: [x := X(t), filled(np.asarray(x), 0), x][2],
    "array copies": lambda t: [x := X(t), filled(np.array(x), 0), x][2],
    "__array__ shares": lambda t: [x := X(t), filled(x.__array__(), 0), filled(x.__array__(np.float32), 1), x][3],
    "__array__ in another type copies": lambda t: [x := X(t), filled(x.__array__(np.float64), 0), x][2],
    "array of booleans": lambda t: np.asarray(t.tensor([True, False])),
    "array of a number": lambda t: np.asarray(t.tensor(2.5)),
    "array of nothing": lambda t: np.asarray(t.zeros(0, 3)),
    "array of a view": lambda t: (np.asarray(X(t).T), list(np.asarray(X(t).T).strides), X(t)[:, ::2].numpy()),
    "array of a leaf": lambda t: np.array(W(t)),
    "asarray of a leaf": lambda t: np.asarray(W(t)),
    "asarray of a leaf in another type": lambda t: np.asarray(W(t), np.float64),
    "array of a result": lambda t: np.asarray(W(t) * 2),
    "array of a result that is detached": lambda t: np.asarray((W(t) * 2).detach()),
    "array of a result under no_grad": lambda t: np.asarray(t.no_grad()(lambda: W(t) * 2)()),
    "array of a leaf under no_grad": lambda t: t.no_grad()(lambda: np.asarray(W(t)))(),
    "array of tensors": lambda t: (np.array([t.tensor(1.0), t.tensor(2.0)]), np.array([t.ones(2), t.zeros(2)])),
    "array of leaves": lambda t: np.array([t.tensor(1.0, requires_grad=True), t.tensor(2.0)]),
    "numpy of a leaf": lambda t: W(t).numpy(),
    "numpy of a view of a leaf": lambda t: W(t)[0].numpy(),
    "numpy of a leaf under no_grad": lambda t: t.no_grad()(lambda: [w := W(t), filled(w.numpy(), 3), w])()[2],
    "numpy of what is expanded": lambda t: (t.ones(1).expand(3).numpy(), list(t.ones(1).expand(3).numpy().strides)),
    "numpy's flags are its own": lambda t: [x := X(t), x.numpy().setflags(write=False), x.add_(1)][2],
    "numpy of a number": lambda t: t.tensor(1.5).numpy(),
    "an array's index": lambda t: (np.arange(5)[t.tensor([1, 2])], np.arange(2)[t.tensor([True, False])]),
    "an array's elements": lambda t: [a := np.zeros(3), a.__setitem__([0, 1], t.ones(2)), a.__setitem__(2, t.tensor(5)), a],
    "an array's elements, of a leaf": lambda t: np.zeros(2).__setitem__(..., W(t)),
    "NumPy's numbers": lambda t: (np.float64(t.tensor(2.5)), np.full(2, t.tensor(3.0)), np.arange(t.tensor(3))),
    "filled by NumPy's numbers": lambda t: (t.full((2,), np.float32(1.5)), X(t).masked_fill(X(t) > 0, np.float64(7))),
    "set to NumPy's number": lambda t: [x := X(t), x.__setitem__(np.int64(0), np.float64(7)), x][2],
    "indexed by arrays": lambda t: (X(t)[np.int64(1)], X(t)[np.array([1, 0])], X(t)[np.array([True, False])]),
    "a sum with NumPy's number": lambda t: (sum([np.float64(1), t.tensor(2.0)]), np.float64(1) + W(t)),
    # Functions that are no ufuncs.
    "np.sum and np.mean": lambda t: (np.sum(W(t)), np.mean(X(t)), np.std(X(t)), np.prod(X(t))),
    "np.sum along an axis": lambda t: np.sum(X(t), axis=0),
    "np.max": lambda t: np.max(X(t)),
    "np.argmax": lambda t: (np.argmax(X(t)), np.argmax(X(t), axis=1), np.argsort(t.tensor([3, 1, 2]))),
    "np.reshape": lambda t: (np.reshape(X(t), (3, 2)), np.transpose(X(t)), np.squeeze(t.ones(1, 2)), np.swapaxes(X(t), 0, 1)),
    "np.squeeze of a leaf": lambda t: np.squeeze(W(t)),
    "np.cumsum": lambda t: (np.cumsum(X(t)), np.cumsum(X(t), axis=1), np.cumprod(t.arange(1, 4))),
    "np.clip": lambda t: (np.clip(X(t), -1, 1), np.round(X(t) / 2), np.repeat(X(t), 2), np.take(X(t), [0, 1])),
    "np.linalg": lambda t: (np.linalg.inv(2 * t.eye(2)), np.linalg.norm(X(t)), np.linalg.eigvals(t.eye(2))),
    "np.where": lambda t: (np.where(X(t) > 0, X(t), 0), np.concatenate([X(t), X(t)]), np.stack([X(t), X(t)])),
    "np.dot": lambda t: (np.dot(X(t), np.ones(3)), np.outer(t.ones(2), t.ones(3)), np.einsum("ij->i", X(t))),
    "np.sort": lambda t: (np.sort(X(t)), np.unique(X(t)), np.median(X(t)), np.diff(X(t)), np.zeros_like(X(t))),
    "np.allclose": lambda t: (np.allclose(X(t), X(t)), np.array_equal(X(t), X(t) + 1), np.ndim(X(t)), tuple(np.shape(X(t)))),
    "np.transpose of a leaf": lambda t: np.transpose(W(t)),
    "np.cumsum of a leaf": lambda t: np.cumsum(W(t)),
    "np.sort of a leaf": lambda t: np.sort(W(t)),
    "np.zeros_like of a leaf": lambda t: np.zeros_like(W(t)),
    "np.stack of leaves": lambda t: np.stack([W(t), W(t)]),
    "np.cumsum of a leaf under no_grad": lambda t: t.no_grad()(lambda: np.cumsum(W(t)))(),
    # Arrays in.
    "from_numpy of a view": lambda t: [x := t.from_numpy(np.arange(6.0).reshape(2, 3).T), x.is_contiguous()],
    "from_numpy of a number": lambda t: t.from_numpy(np.array(2)),
    "from_numpy of objects": lambda t: t.from_numpy(np.array([None])),
    "from_numpy of NumPy's number": lambda t: t.from_numpy(np.float64(1)),
    "from_numpy shares": lambda t: [a := np.zeros(2), x := t.from_numpy(a), filled(a, 5), x.add_(1), x, a][4:],
    "as_tensor shares": lambda t: [a := np.zeros(2), t.as_tensor(a).add_(1), t.as_tensor(a, dtype=t.float64).add_(1), a][3],
    "as_tensor in another type copies": lambda t: [a := np.zeros(2), t.as_tensor(a, dtype=t.float32).add_(1), a],
    "as_tensor of numbers": lambda t: [t.as_tensor(v) for v in (2, np.float64(1.5), [t.tensor(1.0), t.tensor(2.0)])],
    "as_tensor of a leaf": lambda t: [w := W(t), t.as_tensor(w) is w, t.as_tensor(w, dtype=t.float64)],
    "as_tensor of a leaf in another type": lambda t: t.as_tensor(W(t), dtype=t.float64).is_leaf,
    "tensor of a leaf": lambda t: t.tensor(W(t)),
    "from_dlpack shares": lambda t: [a := np.arange(6.0)[::2], x := t.from_dlpack(a), filled(a, 5), x, x.add_(1), a][3:],
    "from_dlpack of a tensor": lambda t: [x := X(t), t.from_dlpack(x.T).zero_(), x, t.from_dlpack(x.T).is_contiguous()][2:],
    "from_dlpack of what is read-only": lambda t: t.from_dlpack(np.broadcast_to(np.ones(1), (3,))).add_(1),
}  # fmt: skip


@cases(ARRAYS)
def test_arrays_and_tensors_as_in_torch(program: Program) -> None:
    assert_same_in_both(program)


def test_array_can_be_told_not_to_copy() -> None:
    """torch refuses it."""
    x = X(minigrad)
    assert np.shares_memory(np.array(x, copy=False), x.numpy())
    assert not np.shares_memory(np.array(x, copy=True), x.numpy())
    with pytest.raises(ValueError, match="copy"):
        np.array(x, np.float64, copy=False)


def test_what_numpy_makes_of_a_tensor_is_a_copy() -> None:
    x = X(minigrad)
    transposed: Any = np.transpose(x)
    transposed.zero_()
    assert x.tolist() == X(minigrad).tolist()


def test_an_array_may_be_reversed_or_read_only() -> None:
    a = np.arange(3.0)
    x = minigrad.from_numpy(a[::-1])
    a[0] = 7
    assert x.tolist() == [2, 1, 7]
    with pytest.raises(RuntimeError, match="read-only"):
        minigrad.from_numpy(np.broadcast_to(a, (2, 3))).add_(1)
    with pytest.raises(TypeError, match="no dtype"):
        minigrad.from_numpy(a * 1j)


WRITES: dict[str, tuple[bool, Act]] = {  # whether it is noticed, and what writes to x
    "a tensor of the same": (True, lambda x: minigrad.as_tensor(x).mul_(2)),
    "a detached one": (True, lambda x: x.detach().mul_(2)),
    "a row": (True, lambda x: next(iter(x)).mul_(2)),
    "an array": (False, lambda x: x.numpy().__imul__(2)),
    "a tensor of its array": (False, lambda x: minigrad.from_numpy(np.asarray(x)).mul_(2)),
    "a tensor of another library": (False, lambda x: from_torch(x).mul_(2)),
}


@pytest.mark.parametrize(("noticed", "write"), WRITES.values(), ids=WRITES)
def test_a_write_through_arrays_is_seen_but_not_noticed(noticed: bool, write: Act) -> None:
    w, x = W(minigrad), minigrad.ones(2)
    y = (w * x).sum()
    write(x)
    assert x[0].item() == 2
    if noticed:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()
    else:
        y.backward()
        assert w.grad.tolist() == [2, 2]


# --------------------------------------------------------------------------------------------------------------- DLPack

EXCHANGES: dict[str, Callable[[Any], Any]] = {
    "torch": from_torch,
    "numpy": np.from_dlpack,
    "minigrad": minigrad.from_dlpack,
    "there and back": lambda x: minigrad.from_dlpack(from_torch(x)),
}
LAYOUTS: dict[str, Act] = {
    "as it is": lambda x: x,
    "transposed": lambda x: x.T,
    "every second": lambda x: x[1:, ::2],
    "a number": lambda x: x[1, 0],
    "nothing": lambda x: x[:, :0],
    "detached": lambda x: x.detach(),
    "expanded": lambda x: x[:, :1].expand(2, 3),
}


@pytest.mark.parametrize("look", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("take", EXCHANGES.values(), ids=EXCHANGES)
def test_dlpack_shares_memory_in_every_layout_and_type(take: Callable[[Any], Any], look: Act) -> None:
    for kind in KINDS:
        x = X(minigrad).to(getattr(minigrad, kind))
        mine = look(x)
        other = take(mine)
        array = other if isinstance(other, np.ndarray) else other.numpy()
        assert (array.dtype.name, array.tolist()) == (kind, mine.tolist())
        if mine.numel():
            assert array.strides == mine.numpy().strides
            assert np.shares_memory(array, mine.numpy())


def test_dlpack_hands_over_an_argument() -> None:
    x = X(minigrad)
    filled(np.from_dlpack(x, copy=True), 0)
    assert x.tolist() == X(minigrad).tolist()
    assert tuple(map(int, x.__dlpack_device__())) == tuple(map(int, X(torch).__dlpack_device__())) == (1, 0)
    with pytest.raises(BufferError, match="readonly"):
        x[:1].expand(2, 3).__dlpack__()


@LIBRARIES
@pytest.mark.parametrize("make", [W, lambda t: W(t) * 2, lambda t: W(t)[0]], ids=["leaf", "result", "view"])
def test_dlpack_is_refused_where_a_gradient_is_required(t: Library, make: Program) -> None:
    for mode in (t.enable_grad(), t.no_grad()):
        x = make(t)
        with mode:
            for take in (t.from_dlpack, np.from_dlpack):
                with pytest.raises(BufferError, match="require gradient"):
                    take(x)
        assert t.from_dlpack(x.detach()).tolist() == x.tolist()


# ------------------------------------------------------------------------------------------------------- pickle and copy


def again(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


def named(x: Any) -> Any:
    x.label = ["w"]
    return x


def kept(x: Any, y: Any) -> Any:
    """Return what may differ between a tensor and its copy."""
    return y, y.is_leaf, y.grad, type(y).__name__, y is x


TWINS: dict[str, Callable[[Any], Any]] = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": again}
ORIGINALS: dict[str, Program] = {
    "constant": X,
    "leaf": W,
    "leaf with a gradient": lambda t: [w := W(t), (w * w).sum().backward(), w][2],
    "view": lambda t: X(t)[:, 1],
    "transposed": lambda t: X(t).T,
    "expanded": lambda t: t.ones(1).expand(3),
    "integers": lambda t: t.arange(3),
    "number": lambda t: t.tensor(2.5, dtype=t.float64),
    "half": lambda t: t.tensor([0.1], dtype=t.float16),
    "nothing": lambda t: t.zeros(0, 3),
    "detached": lambda t: (W(t) * 2).detach(),
    "view that is a leaf": lambda t: t.ones(2, 2)[0].requires_grad_(),
    "result without a gradient": lambda t: t.no_grad()(lambda: W(t) * 2)(),
    "parameter": lambda t: t.nn.Parameter(X(t)),
    "frozen parameter": lambda t: t.nn.Parameter(X(t), requires_grad=False),
    "with a hook": lambda t: [w := W(t), w.register_hook(lambda g: g * 2), w][2],
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
@cases(ORIGINALS)
def test_copies_are_torchs(program: Program, twin: Act) -> None:
    def gradient_of_copy(t: Library) -> Any:
        y = twin(program(t))
        return [(y * y).sum().backward(), y.grad] if y.requires_grad else None

    assert_same_in_both(lambda t: (x := program(t), kept(x, twin(x)))[1])
    assert_same_in_both(gradient_of_copy)


COPIES: dict[str, Program] = {
    "copy shares": lambda t: [x := X(t), copy.copy(x).zero_(), copy.copy(x[0]).add_(1), x][3],
    "copy of a parameter shares": lambda t: [p := t.nn.Parameter(X(t)), copy.copy(p).data.zero_(), p][2],
    "deepcopy does not": lambda t: [x := X(t), copy.deepcopy(x).zero_(), copy.deepcopy(x[0]).zero_(), x][3],
    "deepcopy's gradient is its own": lambda t: [
        w := W(t), w.sum().backward(), v := copy.deepcopy(w), v.grad.zero_(), w.grad, v.grad, v.grad.requires_grad
    ][4:],
    "the order in memory stays": lambda t: [twin(X(t).T).is_contiguous() for twin in TWINS.values()],
    "one stays one": lambda t: [x := X(t), pair := copy.deepcopy([x, x]), pair[0] is pair[1], pair[0] is x][2:],
    "a tensor and its gradient": lambda t: [
        w := W(t), w.sum().backward(), pair := copy.deepcopy([w, w.grad]), pair[0].grad is pair[1], again([w, w])[0].grad
    ][3:],
    "one stays one in a pickle": lambda t: [x := X(t), pair := again({"a": x, "b": x}), pair["a"] is pair["b"]][2],
    "memo": lambda t: [memo := dict[int, Any](), x := X(t), y := copy.deepcopy(x, memo), copy.deepcopy(x, memo) is y][3],
    "attributes": lambda t: [x := named(X(t)), y := copy.copy(x), y.label is x.label, y.label, again(x).label][2:],
    "attributes, deep": lambda t: [x := named(X(t)), y := copy.deepcopy(x), y.label is x.label, y.label][2:],
    "attributes of a parameter": lambda t: [p := named(t.nn.Parameter(X(t))), copy.copy(p).label, again(p).label][1:],
    "deepcopy of a result": lambda t: copy.deepcopy(W(t) * 2),
    "deepcopy of a view of a leaf": lambda t: copy.deepcopy(W(t)[0]),
}  # fmt: skip


@cases(COPIES)
def test_copies_as_in_torch(program: Program) -> None:
    assert_same_in_both(program)


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_a_result_has_no_copy(twin: Act) -> None:
    for x in (W(minigrad) * 2, W(minigrad)[0]):
        with pytest.raises(RuntimeError, match=r"graph leaves.*detach\(\) it first"):
            twin(x)


def test_a_circle_of_attributes_has_a_deep_copy() -> None:
    x = X(minigrad)
    x.label = [x]
    y = copy.deepcopy(x)
    assert y.label[0] is y
    assert y is not x


# ------------------------------------------------------------------------------------------------------------- protocols


PROTOCOLS: dict[str, Program] = {
    "bool": lambda t: [bool(t.tensor(v)) for v in (math.nan, -0.0, 1e-30, True, 0)] + [bool(W(t).sum())],
    "and, not": lambda t: (t.tensor(2.0) and 3, not t.tensor([[0]])),
    "not several": lambda t: not X(t),
    "int": lambda t: (int(t.tensor(2.7, requires_grad=True)), int(t.tensor(True)), int(t.tensor([[-2]]))),
    "int of nothing": lambda t: int(t.zeros(0)),
    "int of inf": lambda t: int(t.tensor(math.inf)),
    "float": lambda t: (float(t.tensor(True)), float(t.tensor([[0.1]])), type(float(t.tensor(1)))),
    "exact in its type": lambda t: [f(t.tensor([0.1], dtype=t.float64)) == 0.1 for f in (float, t.Tensor.item)],
    "float of nothing": lambda t: float(t.zeros(0)),
    "float of several": lambda t: float(X(t)),
    "complex": lambda t: (complex(t.tensor([2.5])), complex(t.tensor(2, dtype=t.uint8)), complex(W(t).sum())),
    "complex of several": lambda t: complex(X(t)),
    "math": lambda t: [f(t.tensor(4.25)) for f in (math.sqrt, math.floor, math.ceil, math.trunc, math.isfinite)],
    "index": lambda t: [operator.index(t.tensor(v)) for v in (True, [[2]])] + [hex(t.tensor(255)), "abc"[t.tensor(1) :]],
    "index of bytes": lambda t: operator.index(t.tensor(200, dtype=t.uint8)),
    "index of nothing": lambda t: operator.index(t.zeros(0, dtype=t.int64)),
    "index of a float": lambda t: operator.index(t.tensor(1.0)),
    "range of several": lambda t: range(t.tensor([1, 2])),
    "item": lambda t: [t.tensor(1, dtype=getattr(t, kind)).item() for kind in KINDS] + [t.tensor([[0.1]]).item()],
    "item of a leaf": lambda t: t.tensor(2.0, requires_grad=True).item(),
    "item of nothing": lambda t: t.zeros(0).item(),
    "tolist": lambda t: [t.tensor([1], dtype=getattr(t, kind)).tolist() for kind in KINDS],
    "tolist of a leaf": lambda t: (W(t).tolist(), (W(t) * 2)[0].tolist(), t.zeros(2, 0).tolist(), X(t).T.tolist()),
    "len": lambda t: (len(t.zeros(0, 3)), len(t.ones(1, 5))),
    "iteration": lambda t: (list(t.zeros(0, 3)), list(reversed(t.arange(3))), list(map(operator.mul, X(t), X(t)))),
    "rows are views": lambda t: [x := X(t), [row.zero_() for row in x], x][2],
    "rows have gradients": lambda t: [w := W(t), sum(k * row for k, row in enumerate(w)).backward(), w.grad][2],
    "in": lambda t: (math.nan in t.tensor([math.nan]), 1 in t.zeros(0), True in t.arange(2), 1.5 in t.arange(3)),
    "in a number": lambda t: (1 in t.tensor(1), 2 in t.tensor(1.0)),
    "in, exact in its type": lambda t: [0.1 in t.tensor([0.1], dtype=getattr(t, kind)) for kind in KINDS[-3:]],
    "in, NumPy's number": lambda t: (np.float64(0.1) in t.tensor([0.1]), np.int64(5) in X(t), np.float32(0.1) in X(t)),
    "in, a tensor": lambda t: (X(t)[0] in X(t), t.tensor(0.1, dtype=t.float64) in t.tensor([0.1]), t.tensor(5) in X(t)),
    "in, a tensor that does not fit": lambda t: t.ones(4) in X(t),
    "in, a leaf": lambda t: (1.0 in W(t), W(t) in W(t), 2 in W(t)),
    "in, None": lambda t: None in X(t),
    "in, a list": lambda t: [1.0] in X(t),
    "in, an array": lambda t: np.ones(3) in X(t),
    "hash": lambda t: [x := X(t), hash(x) == hash(x.add_(1)), len({x, x.detach(), x}), {x: 1}.get(X(t))][1:],
    "format": lambda t: (f"{t.tensor(5):05d}", f"{t.tensor(True)}", f"{t.tensor(2.5, requires_grad=True):.1f}"),
    "format of a result": lambda t: (f"{t.tensor(2.5, requires_grad=True) * 2}", f"{W(t)}", f"{t.tensor([2.5])}"),
    "format of a wrong kind": lambda t: f"{t.tensor(2.5):d}",
    "format of one in a list": lambda t: f"{t.tensor([2.5]):.2f}",
    "percent": lambda t: ("%.2f %d %s" % (t.tensor(2.5), t.tensor(3), t.tensor(4.5))),  # noqa: UP031
}  # fmt: skip


@cases(PROTOCOLS)
def test_protocols_as_in_torch(program: Program) -> None:
    assert_same_in_both(program)


def test_a_number_out_of_range_is_not_contained() -> None:
    """In torch it is, as 300 is 44 there. No number warns."""
    assert 300 not in minigrad.tensor([44], dtype=minigrad.uint8)
    assert 1e300 not in X(minigrad)


@pytest.mark.parametrize("convert", [int, float, complex])
def test_several_elements_are_counted_in_the_error(convert: Act) -> None:
    with pytest.raises(ValueError, match="only one element tensors can be converted to Python scalars, but this has 6"):
        convert(X(minigrad))


NAMED = """x+x x-x x*x x/x -x x**2 x%2 x.exp() x.log() x.sqrt() x.rsqrt() x.sin() x.cos() x.tan() x.tanh() x.sigmoid()
    x.relu() x.abs() x.erf() x.floor() x.round() x.reciprocal() x.sum() x.mean() x.softmax(0) x.log_softmax(0)
    x.logsumexp(0) x.cumsum(0) x.T x.permute(1,0) x.expand(2,2,2) x.diagonal() x.tril() x.flip(0) x.clone()
    x.maximum(x) t.cat([x,x]) t.where(x>0,x,x) x.detach() x x[0].detach().requires_grad_()
    x.double().detach().requires_grad_() (x*2).double().detach() x.long() x>0"""


@pytest.mark.parametrize("expression", NAMED.split())
def test_the_text_is_torchs(expression: str) -> None:
    mine, theirs = (
        eval(expression, {"t": t, "x": t.tensor([[0.5, 0.25], [0.75, 0.125]], requires_grad=True)}) for t in (minigrad, torch)
    )
    for write in (repr, str, "{}".format):
        assert write(mine) == write(theirs).replace("torch.", "minigrad.")
