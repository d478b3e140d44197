"""What exists only because torch has it: devices, legacy constructors, graph names, NumPy's argument names."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from minigrad.compat.graph import GradFn
from minigrad.compat.numpy_kwargs import accept_numpy_kwargs
from tests.torch_parity import Library, assert_same_in_both

PROGRAMS: dict[str, Callable[[Library], Any]] = {
    "tensors on a device": lambda t: (t.ones(2, device="cpu"), t.arange(2, device=t.device("cpu")).device.type),
    "Tensor of a float": lambda t: t.Tensor([1.5]).dtype,
    "both of NumPy's names": lambda t: t.ones(2, 3).sum(axis=0, keepdims=True).shape,
    "one of NumPy's names": lambda t: t.ones(2, 3).sum(axis=0, keepdim=True).shape,
    "NumPy's name beside torch's": lambda t: t.ones(2, 3).sum(0, axis=1),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_as_in_torch(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "no such device"])
def test_other_devices_are_refused(name: str) -> None:
    for use in (minigrad.device, minigrad.set_default_device, minigrad.ones(1).to, lambda d: minigrad.ones(1, device=d)):
        with pytest.raises(RuntimeError, match=f"there is no device '{name}'"):
            use(name)


def test_numpy_kwargs_keep_the_signature() -> None:
    def size(shape: tuple[int, ...], dim: int = 0) -> int:
        """Return a size."""
        return shape[dim]

    wrapped = accept_numpy_kwargs(size)
    assert wrapped((2, 3), axis=1) == wrapped((2, 3), dim=1) == wrapped((2, 3), 1) == 3  # type: ignore[call-arg]
    assert (wrapped.__name__, wrapped.__doc__) == ("size", "Return a size.")
    with pytest.raises(TypeError, match="axes"):
        wrapped((2, 3), axes=1)  # type: ignore[call-arg]


def test_a_node_has_one_grad_fn_and_is_freed_with_it() -> None:
    y = minigrad.ones(2, requires_grad=True).exp()
    first = y.grad_fn
    assert isinstance(first, GradFn)
    assert first is y.grad_fn
    node = weakref.ref(first.node)
    gc.disable()
    try:
        del y
        assert node() is first.node
        del first
        assert node() is None
    finally:
        gc.enable()


def test_the_legacy_constructors_make_zeros() -> None:
    """torch leaves what was in the memory."""
    for kind in (minigrad.Tensor, minigrad.DoubleTensor, minigrad.LongTensor):
        assert kind(2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]
        assert kind().shape == (0,)
