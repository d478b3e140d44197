"""Where users' own code meets modules: what they override, what they change afterwards, and how they call."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.test_layers import LAYERS, pair
from tests.reference import torch

LIBRARIES: list[Any] = [minigrad, torch]
CLASSES = [name for name, cls in vars(nn).items() if isinstance(cls, type) and issubclass(cls, nn.Module)]


@pytest.mark.parametrize("name", CLASSES)
def test_forward_has_the_argument_names_of_torch(name: str) -> None:
    ours, theirs = (list(inspect.signature(getattr(lib.nn, name).forward).parameters) for lib in LIBRARIES)
    if name not in {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList"}:
        assert ours == theirs


@pytest.mark.parametrize("name", CLASSES)
def test_the_constructor_has_the_argument_names_of_torch_in_their_order(name: str) -> None:
    ours, theirs = (list(inspect.signature(getattr(lib.nn, name).__init__).parameters) for lib in LIBRARIES)
    if "kwargs" not in theirs and name not in {"Sequential"}:
        assert [p for p in theirs if p in ours] == [p for p in ours if p in theirs]
        assert set(ours) <= set(theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_an_activation_in_place_after_every_layer(name: str) -> None:
    """It works, with the same gradients, or it is refused, in both libraries alike; pooled and normalized results work."""
    outcomes: list[Any] = []
    for layer, lib in zip(pair(name), LIBRARIES, strict=True):
        x = lib.tensor(LAYERS[name][1])
        x = x.requires_grad_() if x.is_floating_point() else x
        try:
            y = lib.nn.ReLU(inplace=True)(layer(x * 1 if x.is_floating_point() else x))
            (y * y).sum().backward()
            outcomes.append([p.grad.numpy() for p in (x, *layer.parameters()) if p.grad is not None])
        except RuntimeError:
            outcomes.append(None)
    ours, theirs = outcomes
    if theirs is not None:
        assert ours is not None, "torch allows it"
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def frozen(lib: Any) -> Any:
    class Frozen(lib.nn.BatchNorm1d):  # type: ignore[misc]
        def train(self, mode: bool = True) -> Any:
            return super().train(False)

    return Frozen


def test_train_and_eval_call_those_of_the_children() -> None:
    for lib in LIBRARIES:
        seen: list[bool] = []

        class Watcher(lib.nn.Linear):  # type: ignore[misc,name-defined]
            def train(self, mode: bool = True, seen: list[bool] = seen) -> Any:
                seen.append(mode)
                return super().train(mode)

        model = lib.nn.Sequential(lib.nn.Sequential(frozen(lib)(2)), lib.nn.ModuleList([Watcher(2, 2)]))
        model.train()
        model.eval()
        model.train()
        assert seen == [True, False, True]
        assert not model[0][0].training
        assert model.training
        assert model[0].training


def test_reset_parameters_of_a_subclass_is_used() -> None:
    for lib in LIBRARIES:
        for base, args in (("BatchNorm1d", (3,)), ("LayerNorm", (3,)), ("GroupNorm", (1, 3)), ("Linear", (3, 3))):

            class Zero(getattr(lib.nn, base)):  # type: ignore[misc]
                def reset_parameters(self, zeros: Any = lib.nn.init.zeros_) -> None:
                    zeros(self.weight)

            assert Zero(*args).weight.tolist() == lib.zeros_like(Zero(*args).weight).tolist()


def test_extra_state_is_saved_and_loaded() -> None:
    for lib in LIBRARIES:

        class Counter(lib.nn.Linear):  # type: ignore[misc,name-defined]
            count = 0

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"]

        model, other = lib.nn.Sequential(Counter(2, 1)), lib.nn.Sequential(Counter(2, 1))
        model[0].count = 7
        assert list(model.state_dict()) == ["0.weight", "0.bias", "0._extra_state"]
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        assert other[0].count == 7
        with pytest.raises(RuntimeError):
            other.load_state_dict({k: v for k, v in model.state_dict().items() if "extra" not in k})


def test_batch_normalization_after_its_switches_were_changed() -> None:
    x = np.arange(12.0).reshape(4, 3) ** 2
    changes: list[dict[str, Any]] = [{"track_running_stats": False}, {"momentum": None}, {"eps": 1.0}, {"running_mean": None}]
    for change in changes:
        for training in (True, False):
            layers = [lib.nn.BatchNorm1d(3).double() for lib in LIBRARIES]
            outputs = []
            for layer, lib in zip(layers, LIBRARIES, strict=True):
                layer.train()
                layer(lib.tensor(x))
                for name, value in change.items():
                    setattr(layer, name, value)
                layer.train(training)
                try:
                    outputs.append(layer(lib.tensor(x + 1)).detach().numpy())
                except (RuntimeError, ValueError):
                    outputs.append(np.zeros(0))
            np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-9)
            for (key, ours), theirs in zip(layers[0].state_dict().items(), layers[1].state_dict().values(), strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, err_msg=key)


def test_a_subclass_may_check_its_input_itself() -> None:
    for lib in LIBRARIES:

        class Any2d(lib.nn.BatchNorm2d):  # type: ignore[misc,name-defined]
            def _check_input_dim(self, input: Any) -> None:
                pass

        assert tuple(Any2d(3)(lib.randn(5, 3, 4)).shape) == (5, 3, 4)


def test_a_module_without_super_init_says_so() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            pass

        def forward(self, x: Any) -> Any:
            return x

    bare: Any = Bare()
    uses: list[Any] = [bare, lambda x: list(bare.parameters()), lambda x: bare.state_dict(), lambda x: bare.train()]
    for use in [*uses, lambda x: bare.w]:
        with pytest.raises(AttributeError, match="__init__"):
            use(1)
    with pytest.raises(AttributeError, match=r"^'Linear' object has no attribute 'wieght'$"):
        nn.Linear(1, 1).wieght  # type: ignore[attr-defined]  # noqa: B018


def test_backward_hooks_see_and_replace_gradients() -> None:
    x, w = np.array([[1.0, -2.0], [3.0, 0.5]]), np.array([[2.0, -1.0], [0.5, 1.0]])
    for replace in (False, True):
        results = []
        for lib in LIBRARIES:
            seen: list[Any] = []

            def hook(module: Any, grad_input: Any, grad_output: Any, seen: Any = seen, replace: bool = replace) -> Any:
                seen.append((type(module).__name__, [g.tolist() for g in grad_input], [g.tolist() for g in grad_output]))
                return (grad_input[0] * 10,) if replace else None

            layer = lib.nn.Linear(2, 2, bias=False).double()
            layer.weight.data = lib.tensor(w)
            handle = layer.register_full_backward_hook(hook)
            inputs = lib.tensor(x, requires_grad=True)
            (layer(inputs) ** 2).sum().backward()
            handle.remove()
            layer(inputs).sum().backward()
            results.append((seen, inputs.grad.tolist(), layer.weight.grad.tolist()))
        assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore:Full backward hook:UserWarning")
def test_backward_hooks_without_a_gradient_by_the_input() -> None:
    for lib in LIBRARIES:
        seen: list[Any] = []
        layer = lib.nn.Linear(2, 1)
        layer.register_full_backward_hook(lambda m, gi, go, seen=seen: seen.append((gi, [tuple(g.shape) for g in go])))
        layer(lib.ones(3, 2)).sum().backward()
        assert seen == [((None,), [(3, 1)])]


@pytest.mark.parametrize("kind", ["tensor", "module", "forward", "leaf"])
def test_a_handle_removes_its_own_registration(kind: str) -> None:
    calls = []

    def hook(*args: Any) -> None:
        calls.append(1)

    x = minigrad.tensor([1.0], requires_grad=True)
    layer = nn.Linear(1, 1)
    register: Any = {
        "tensor": x.register_hook,
        "leaf": x.register_post_accumulate_grad_hook,
        "module": layer.register_full_backward_hook,
        "forward": layer.register_forward_hook,
    }[kind]
    first, second, third = register(hook), register(hook), register(hook)
    first.remove()
    first.remove()
    layer(x).sum().backward()
    assert len(calls) == 2
    fourth = register(hook)
    first.remove()
    third.remove()
    calls.clear()
    layer(x).sum().backward()
    assert len(calls) == 2
    second.remove()
    fourth.remove()
    calls.clear()
    layer(x).sum().backward()
    assert not calls


def test_access_by_name() -> None:
    for lib in LIBRARIES:
        model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Sequential(lib.nn.BatchNorm1d(3)))
        assert model.get_submodule("1.0") is model[1][0]
        assert model.get_submodule("") is model
        assert model.get_parameter("0.weight") is model[0].weight
        assert model.get_buffer("1.0.running_var") is model[1][0].running_var
        wrong: list[Any] = [
            lambda m=model: m.get_submodule("2"),
            lambda m=model: m.get_submodule("0.weight"),
            lambda m=model: m.get_parameter("0.wieght"),
            lambda m=model: m.get_parameter("1.0.running_var"),
            lambda m=model: m.get_buffer("0.weight"),
        ]
        for f in wrong:
            with pytest.raises(AttributeError):
                f()


def test_assigning_a_state() -> None:
    for lib in LIBRARIES:
        model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
        state = {k: v.double() if v.is_floating_point() else v for k, v in model.state_dict().items()}
        model[0].weight.requires_grad_(False)
        model.load_state_dict(state, assign=True)
        assert model[0].weight.dtype == lib.float64
        assert isinstance(model[0].weight, lib.nn.Parameter)
        assert not model[0].weight.requires_grad
        assert model[0].bias.requires_grad
        state["0.bias"].fill_(5)
        assert model[0].bias.tolist() == [5, 5, 5]
        assert model[1].running_mean is state["1.running_mean"]


def test_parameters_in_lists_and_dictionaries() -> None:
    for lib in LIBRARIES:
        entries = lib.nn.ParameterList([lib.zeros(2), lib.nn.Parameter(lib.ones(3, 1))])
        entries.append(lib.ones(1))
        entries += [lib.ones(4)]
        entries[0] = lib.nn.Parameter(lib.ones(2))
        named = lib.nn.ParameterDict({"a": lib.zeros(2)})
        named.update({"b": lib.ones(1)})
        named["c"] = lib.nn.Parameter(lib.ones(2))
        model = lib.nn.ModuleDict({"entries": entries, "named": named})
        assert [(k, tuple(v.shape)) for k, v in model.state_dict().items()] == [
            ("entries.0", (2,)), ("entries.1", (3, 1)), ("entries.2", (1,)), ("entries.3", (4,)),
            ("named.a", (2,)), ("named.b", (1,)), ("named.c", (2,)),
        ]  # fmt: skip
        assert [type(p).__name__ for p in entries] == ["Parameter"] * 4
        assert (len(entries), len(named), list(named.keys()), "b" in named) == (4, 3, ["a", "b", "c"], True)
        assert [tuple(p.shape) for p in entries[1:3]] == [(3, 1), (1,)]
        assert all(p.requires_grad for p in model.parameters())
        assert named.pop("a").tolist() == [0, 0]
        with pytest.raises(IndexError):
            entries[4]
    with pytest.raises(TypeError, match="tensors"):
        nn.ParameterList([1.0])  # type: ignore[list-item]


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout2d"])
def test_dropout_of_channels(name: str) -> None:
    minigrad.manual_seed(1)
    x = minigrad.ones(50, 20, *(3,) * int(name[-2]))
    y = getattr(nn, name)(0.25)(x).numpy().reshape(1000, -1)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y == y[:, :1]).all()
    assert 0.65 < (y[:, 0] > 0).mean() < 0.85
    assert repr(getattr(nn, name)(0.25)) == repr(getattr(torch.nn, name)(0.25))
    with pytest.raises(RuntimeError):
        getattr(nn, name)()(minigrad.ones(3))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_pad_sequence(side: str, batch_first: bool) -> None:
    lengths, padded = [3, 1, 0, 2], []
    for lib in LIBRARIES:
        leaves = [lib.arange(2.0 * n).reshape(n, 2).requires_grad_() for n in lengths]
        y = lib.nn.utils.rnn.pad_sequence(leaves, batch_first, 7.0, side)
        (y * y).sum().backward()
        padded.append((y.tolist(), [t.grad.tolist() for t in leaves]))
    assert padded[0] == padded[1]


def hooked(lib: Any, seen: list[Any]) -> Any:
    """Return a layer y = 2 x, or with shift y = 2 x + shift, whose forward writes down that it is called."""

    class Double(lib.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, shift: float = 0.0) -> Any:
            seen.append("forward")
            if shift < 0:
                raise ValueError("shift")
            return 2 * x + shift

    return Double()


def test_forward_hooks_with_keyword_arguments_and_their_order() -> None:
    results = []
    for lib in LIBRARIES:
        seen: list[Any] = []

        def before(name: str, new: Any = None, seen: list[Any] = seen) -> Any:
            def hook(module: Any, *args: Any) -> Any:
                seen.append((name, repr(args).replace("torch.", "minigrad.")))
                return new

            return hook

        layer = hooked(lib, seen)
        handles = [
            layer.register_forward_pre_hook(before("a")),
            layer.register_forward_pre_hook(before("b", (lib.ones(1),)), prepend=True),
            layer.register_forward_pre_hook(before("c", ((lib.ones(1) * 3,), {"shift": 10.0})), with_kwargs=True),
            layer.register_forward_pre_hook(before("d"), with_kwargs=True, prepend=True),
            layer.register_forward_hook(before("e", lib.ones(1) * 7)),
            layer.register_forward_hook(before("f"), with_kwargs=True, prepend=True),
            layer.register_forward_hook(before("g"), always_call=True),
        ]
        y = layer(lib.zeros(1), shift=1.0).tolist()
        handles[4].remove()
        handles[2].remove()
        results.append((seen, y, layer(lib.zeros(1), shift=1.0).tolist()))
    assert results[0] == results[1]
    assert [s[0] for s in results[0][0]][:8] == ["d", "b", "a", "c", "f", "f", "e", "g"]


def test_a_pre_hook_with_keyword_arguments_that_returns_no_pair() -> None:
    for lib in LIBRARIES:
        layer = hooked(lib, [])
        layer.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
        with pytest.raises(RuntimeError, match="args"):
            layer(lib.ones(1))


@pytest.mark.parametrize("fails", ["before", "forward", "after", "nothing"])
def test_hooks_that_are_always_called(fails: str) -> None:
    results = []
    for lib in LIBRARIES:
        seen: list[Any] = []

        def hook(name: str, seen: list[Any] = seen) -> Any:
            def called(module: Any, args: Any, result: Any) -> None:
                seen.append((name, result if result is None else result.tolist()))
                if name == fails:
                    raise ValueError(name)

            return called

        layer = hooked(lib, seen)
        before = hook("before")
        layer.register_forward_pre_hook(lambda module, args, before=before: before(module, args, None))
        layer.register_forward_hook(hook("first"), always_call=True)
        layer.register_forward_hook(hook("after"))
        layer.register_forward_hook(hook("skipped"))
        layer.register_forward_hook(hook("last"), always_call=True)
        try:
            layer(lib.ones(1), shift=-1.0 if fails == "forward" else 0.0)
        except ValueError as error:
            seen.append(str(error))
        results.append(seen)
    assert results[0] == results[1]


def test_an_error_in_a_hook_that_is_always_called_is_chained() -> None:
    """torch only warns of it."""

    class Failing(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("forward")

    def hook(*args: Any) -> None:
        raise KeyError("hook")

    layer = Failing()
    layer.register_forward_hook(hook, always_call=True)
    with pytest.raises(KeyError) as error:
        layer(minigrad.ones(1))
    assert isinstance(error.value.__context__, ValueError)


@pytest.mark.filterwarnings("ignore:Full backward hook:UserWarning")
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize(
    "replacement", [None, lambda g: (g[0] * 3,), lambda g: [g[0] * 3], lambda g: (*g, None), lambda g: ()]
)
def test_backward_pre_hooks(replacement: Any, requires_grad: bool) -> None:
    results = []
    for lib in LIBRARIES:
        seen: list[Any] = []
        layer = lib.nn.Linear(2, 1, bias=False)
        layer.weight.data = lib.tensor([[2.0, 5.0]])

        def note(name: str, new: Any = None, seen: list[Any] = seen) -> Any:
            def hook(module: Any, *gradients: Any) -> Any:
                seen.append((name, [[t if t is None else t.tolist() for t in g] for g in gradients]))
                return new and new(*gradients)

            return hook

        layer.register_full_backward_pre_hook(note("second", replacement))
        layer.register_full_backward_pre_hook(note("first"), prepend=True)
        layer.register_full_backward_hook(note("fourth"))
        layer.register_full_backward_hook(note("third"), prepend=True)
        x = lib.tensor([[1.0, -1.0]], requires_grad=requires_grad)
        try:
            layer(x).sum().backward()
            seen.append((layer.weight.grad.tolist(), requires_grad and x.grad.tolist()))
        except RuntimeError as error:
            seen.append(str(error)[-len(" invalid number of grad_output, got 2, but expected 1") :])
        results.append(seen)
    assert results[0] == results[1]


def test_a_backward_hook_that_returns_another_number_of_gradients() -> None:
    for lib in LIBRARIES:
        layer = lib.nn.Linear(2, 1)
        layer.register_full_backward_hook(lambda module, grad_input, grad_output: (*grad_input, None))
        with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
            layer(lib.ones(1, 2, requires_grad=True)).sum().backward()


@pytest.mark.filterwarnings("ignore:Full backward hook:UserWarning")
def test_backward_hooks_see_a_none_for_each_argument_without_gradient() -> None:
    for lib in LIBRARIES:
        seen: list[Any] = []
        layer = lib.nn.MultiheadAttention(1, 1)
        layer.register_full_backward_hook(lambda module, grad_input, grad_output, seen=seen: seen.append(grad_input))
        layer(*[lib.ones(1, 1, 1)] * 3)[0].sum().backward()
        assert seen == [(None,) * 3]


def test_conversions_call_apply_of_a_subclass() -> None:
    results = []
    for lib in LIBRARIES:

        class Grid(lib.nn.Module):  # type: ignore[misc,name-defined]
            def __init__(self, lib: Any = lib) -> None:
                super().__init__()
                self.weight = lib.nn.Parameter(lib.ones(2))
                self.register_buffer("scale", lib.ones(2))
                self.register_buffer("count", lib.tensor(3))
                self.register_buffer("absent", None)
                self.grid = lib.ones(3)

            def _apply(self, fn: Any, recurse: bool = True) -> Any:
                super()._apply(fn, recurse)
                self.grid = fn(self.grid)
                return self

            def to(self, dtype: Any) -> Any:
                self.asked = dtype
                return super().to(dtype)

        model = lib.nn.Sequential(lib.nn.Sequential(Grid()), lib.nn.Linear(1, 1))
        grid, weight, scale, dtypes = model[0][0], model[0][0].weight, model[0][0].scale, []
        weight.grad = lib.ones(2)
        for convert in ("double", "half", "float", "cpu"):
            assert getattr(model, convert)() is model
            tensors = (grid.grid, weight, weight.grad, grid.scale, grid.count, model[1].bias)
            dtypes.append([str(t.dtype).split(".")[1] for t in tensors])
        assert (grid.weight is weight, scale.dtype == lib.float32) == (True, True)
        grid.half()
        assert not hasattr(grid, "asked")
        model.to(lib.float64)
        grid.to(lib.float32)
        assert model._apply(lambda t: t * 2) is model
        dtypes.append([str(grid.grid.dtype), str(model[1].weight.dtype)])
        results.append((dtypes, grid.grid.tolist(), weight.tolist(), weight.grad.tolist(), grid.scale.tolist()))
    assert str(results[0]).replace("minigrad.", "torch.") == str(results[1])


def versioned(lib: Any) -> Any:
    """Return a model of which two parts have changed: version 2 of a layer saves its gain as a logarithm, once called g."""

    class Gain(lib.nn.Module):  # type: ignore[misc]
        _version = 2

        def __init__(self) -> None:
            super().__init__()
            self.log_gain = lib.nn.Parameter(lib.zeros(2))

        def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
            if local_metadata.get("version", 1) < 2 and prefix + "g" in state_dict:
                state_dict[prefix + "log_gain"] = state_dict.pop(prefix + "g").log()
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
            self.loaded_from = local_metadata.get("version")

    class Model(lib.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = lib.nn.ModuleList([Gain(), Gain()])
            self.cache = [1]

        def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "cache"] = lib.tensor(self.cache)

        def _load_from_state_dict(self, state_dict: Any, prefix: str, metadata: Any, strict: bool, *messages: Any) -> None:
            for key in [key for key in state_dict if key.startswith(prefix + "blocks.")]:
                state_dict[key.replace("blocks.", "layers.")] = state_dict.pop(key)
            if prefix + "cache" in state_dict:
                self.cache = state_dict.pop(prefix + "cache").tolist()
            super()._load_from_state_dict(state_dict, prefix, metadata, strict, *messages)

    return lib.nn.Sequential(Model())


def test_a_state_of_an_earlier_version_is_converted() -> None:
    results = []
    for lib in LIBRARIES:
        model, old = versioned(lib), {}
        for k in (0, 1):
            old[f"0.blocks.{k}.g"] = lib.ones(2) * 3
        old["0.cache"] = lib.tensor([4, 5])
        names = list(old)
        found = [
            repr(model.load_state_dict(old)),
            round(model[0].layers[1].log_gain[1].item(), 6),
            model[0].cache,
            list(old) == names,
        ]
        own = {name.removeprefix("0."): value for name, value in old.items()}
        found += [repr(model[0].load_state_dict(own)), len(own)]
        state = model.state_dict()
        found += [list(state), repr(model.load_state_dict(copy.deepcopy(state))), model[0].layers[0].loaded_from]
        state["0.layers.0.g"] = lib.ones(2)
        for wrong in (
            state,
            {"0.cache": lib.tensor(1)},
            {"0.layers.0.log_gain": lib.ones(1), "0.layers.5.g": lib.ones(2)},
        ):
            with pytest.raises(RuntimeError) as error:
                model.load_state_dict(wrong)
            found.append(str(error.value).replace("torch.", "minigrad."))
        results.append(found)
    assert results[0] == results[1]


def test_the_version_is_kept_in_a_file(tmp_path: Any) -> None:
    for lib in LIBRARIES:
        model, again = versioned(lib), versioned(lib)
        lib.save({"model": model.state_dict(), "epoch": 3}, tmp_path / lib.__name__)
        state = lib.load(tmp_path / lib.__name__)["model"]
        again.load_state_dict(state)
        assert again[0].layers[0].loaded_from == 2
        again.load_state_dict(dict(state))
        assert again[0].layers[0].loaded_from is None
        assert type(state) is type(model.state_dict())


@pytest.mark.filterwarnings("ignore:Positional args:FutureWarning")
def test_state_dict_of_a_child_and_a_destination_of_ones_own_are_used() -> None:
    for lib in LIBRARIES:

        class Tagged(lib.nn.Linear):  # type: ignore[misc,name-defined]
            def state_dict(self, *args: Any, **kwargs: Any) -> Any:
                state = super().state_dict(*args, **kwargs)
                state[kwargs["prefix"] + "tag"] = 1
                return state

        assert list(lib.nn.Linear(1, 1).state_dict({}, "m.")) == ["m.weight", "m.bias"]
        mine: dict[str, Any] = {"before": 0}
        assert lib.nn.Sequential(Tagged(1, 1, bias=False)).state_dict(destination=mine, prefix="m.") is mine
        assert list(mine) == ["before", "m.0.weight", "m.0.tag"]


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("how", ["missing", "shape", "exception"])
def test_a_state_whose_last_part_fails_changes_nothing(how: str, assign: bool) -> None:
    class Fails(nn.Linear):
        def _load_from_state_dict(self, *args: Any) -> None:
            super()._load_from_state_dict(*args)
            if how == "exception":
                raise KeyError("mine")

    model = nn.Sequential(nn.BatchNorm1d(2), Fails(2, 1))
    members, before = model.state_dict(keep_vars=True), copy.deepcopy(model.state_dict())
    state = {name: t + 1 for name, t in before.items()}
    if how == "missing":
        del state["1.bias"]
    elif how == "shape":
        state["1.bias"] = minigrad.ones(3)
    with pytest.raises((RuntimeError, KeyError)):
        model.load_state_dict(state, assign=assign)
    for name, tensor in model.state_dict(keep_vars=True).items():
        assert tensor is members[name]
        assert tensor.tolist() == before[name].tolist()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_losses_with_a_weight_for_each_element(name: str, reduction: str) -> None:
    results = []
    for lib in LIBRARIES:
        x = lib.tensor([[0.5, -3.0], [2.0, 1.0]], dtype=lib.float64, requires_grad=True)
        y, w = (
            lib.tensor([[0.0, 1.0], [2.5, -4.0]], dtype=lib.float64),
            lib.tensor([[1.0, 0.5], [0.0, 3.0]], dtype=lib.float64),
        )
        w.requires_grad_()
        loss = getattr(lib.nn.functional, name)
        losses = loss(x, y, reduction=reduction, weight=w)
        (losses**2).sum().backward()
        results.append([t.detach().numpy() for t in (losses, x.grad, w.grad)])
        with pytest.raises(ValueError, match="same size"):
            loss(x, y, reduction=reduction, weight=w[0])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("norm_type", [2.0, 1, 3.0, float("inf")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_embedding_scales_the_rows_it_reads(norm_type: float, dtype: str) -> None:
    table = np.random.default_rng(0).normal(size=(6, 3)) * 3
    table[1] = 0.1
    results = []
    for lib in LIBRARIES:
        weight = lib.tensor(table, dtype=getattr(lib, dtype))
        layer = lib.nn.Embedding.from_pretrained(weight, False, 4, max_norm=1.5, norm_type=norm_type)
        y = layer(lib.tensor([[0, 1, 4], [5, 0, 0]]))
        (y**2).sum().backward()
        direct = lib.nn.functional.embedding(lib.tensor([2]), weight, None, 0.5, norm_type)
        results.append([t.detach().numpy() for t in (y, layer.weight.grad, weight, direct)])
        shown = "" if norm_type == 2 else f", norm_type={norm_type}"
        assert repr(layer) == f"Embedding(6, 3, padding_idx=4, max_norm=1.5{shown})"
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if dtype == "float32" else 1e-12)
    assert (results[0][2][3] == table[3].astype(dtype)).all()


def test_rows_that_embedding_scales_are_noticed_by_a_graph_that_needs_them() -> None:
    for lib in LIBRARIES:
        layer = lib.nn.Embedding(3, 2, max_norm=0.1)
        y = (layer.weight * layer.weight).sum()
        layer(lib.tensor([0]))
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()


def test_embedding_of_a_given_table() -> None:
    for lib in LIBRARIES:
        table = lib.ones(3, 2)
        layer = lib.nn.Embedding(3, 2, _weight=table, _freeze=True)
        assert not layer.weight.requires_grad
        assert table.fill_(5) is table
        assert layer.weight.tolist() == table.tolist()
        with pytest.raises(AssertionError, match="num_embeddings"):
            lib.nn.Embedding(4, 2, _weight=table)
        lib.manual_seed(1)
        expected = lib.rand(1).item()
        lib.manual_seed(1)
        lib.nn.Embedding.from_pretrained(table)
        assert lib.rand(1).item() == expected


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
def test_an_initial_state_of_the_wrong_kind_is_told(name: str) -> None:
    layer, h, x = getattr(nn, name)(3, 4), minigrad.zeros(1, 4), minigrad.ones(1, 3)
    wrong = h if name.startswith("LSTM") else (h, h)
    with pytest.raises(TypeError, match=rf"{name}: hx must be (one tensor|\(h, c\), two tensors)"):
        layer(x, wrong)
    wrong = (h[:, 1:], h) if name.startswith("LSTM") else h[:, 1:]
    with pytest.raises(RuntimeError, match=r"Expected hidden size \(1, 4\), got \[1, 3\], for the input \[1, 3\]"):
        layer(x, wrong)


class Restored(nn.Linear):
    """A module that restores in its own way what it does not save."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.cache = "restored"


def test_a_state_of_ones_own_is_restored() -> None:
    layer = Restored(2, 1)
    ways: list[Any] = [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
    for again in ways:
        twin = again(layer)
        assert twin.cache == "restored"
        assert list(twin.state_dict()) == ["weight", "bias"]
    assert not hasattr(layer, "cache")


def test_what_a_shallow_copy_registers_is_its_own() -> None:
    """In torch, both share one dictionary of the members; here neither loses nor gains any by the other."""
    model: Any = nn.Sequential(nn.Linear(1, 1))
    model.register_buffer("shared", minigrad.ones(1), persistent=False)
    twin = copy.copy(model)
    assert twin[0] is model[0]
    twin.scale = nn.Parameter(minigrad.ones(1))
    twin.register_buffer("shared", minigrad.zeros(1))
    twin[0] = nn.ReLU()
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    assert list(twin.state_dict()) == ["scale", "shared"]
    assert model.shared.tolist() == [1]


def test_submodules_are_read_under_the_name_in_torch() -> None:
    for lib in LIBRARIES:
        model = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.ReLU())
        assert list(model._modules.items()) == list(model.named_children())
        assert model._modules.get("1") is model[1]


class IndexedValue(NamedTuple):
    """A result with a tensor in it."""

    value: Any
    position: int


@pytest.mark.filterwarnings("ignore:For backward hooks to be called:UserWarning")
def test_backward_hooks_of_results_and_arguments_of_other_kinds() -> None:
    results = []
    for lib in LIBRARIES:
        seen: list[Any] = []

        class Parts(lib.nn.Module):  # type: ignore[misc,name-defined]
            def forward(self, x: Any, y: Any, name: str | None) -> Any:
                return {name: x * y} if name else x * y

        def hook(module: Any, grad_input: Any, grad_output: Any, seen: Any = seen) -> None:
            seen.append([[g if g is None else g.tolist() for g in gradients] for gradients in (grad_input, grad_output)])

        class Pair(lib.nn.Module):  # type: ignore[misc,name-defined]
            def forward(self, x: Any) -> Any:
                return IndexedValue(x * 2, 1)

        pair, layer = Pair(), Parts()
        pair.register_full_backward_hook(hook)
        layer.register_full_backward_hook(hook)
        x, y = lib.ones(1, requires_grad=True), lib.ones(1) * 3
        pair(x).value.backward()
        layer(x, y, None).backward()
        layer(x, y, "a")["a"].backward()
        results.append((seen, x.grad.tolist()))
    assert results[0] == results[1] == ([[[[2.0]], [[1.0], None]], [[[3.0], [0.0], None], [[1.0]]]], [8.0])


def test_backward_hooks_are_not_called_for_gradients_past_the_result() -> None:
    """The gradient of a gradient reaches the input without passing through the result."""
    for lib in LIBRARIES:
        seen: list[Any] = []
        layer = lib.nn.Tanh()
        layer.register_full_backward_hook(lambda module, grad_input, grad_output, seen=seen: seen.append(grad_output))
        x = lib.ones(1, requires_grad=True)
        (first,) = lib.autograd.grad(layer(x).sum(), x, create_graph=True)
        assert len(seen) == 1
        first.sum().backward()
        assert len(seen) == 1
