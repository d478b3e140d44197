"""Wrong arguments: every public function, method, module, optimizer and scheduler refuses them in words of its own."""

import inspect
import itertools
import random
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, autograd, distributed, estimators, nn, optim, viz
from minigrad.autodiff import TensorBase
from minigrad.optim import lr_scheduler
from minigrad.utils import data
from minigrad.views import ViewTracking

F = nn.functional

ARGUMENTS: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: 2,
    lambda: -1,
    lambda: 7,
    lambda: 1.5,
    lambda: float("nan"),
    lambda: 10**400,
    lambda: 1j,
    lambda: "a",
    lambda: "",
    list,
    lambda: [1],
    lambda: (2, -3),
    lambda: [None],
    lambda: ["a"],
    dict,
    lambda: {"a": 1},
    object,
    lambda: int,
    lambda: slice(1),
    lambda: np.ones(2),
    lambda: np.float32(2),
    lambda: minigrad.tensor(2),
    lambda: minigrad.ones(3),
    lambda: minigrad.ones(2, 3),
    lambda: minigrad.ones(0),
    lambda: minigrad.arange(3),
    lambda: minigrad.ones(2, 3, 4, requires_grad=True) * 1,
    lambda: minigrad.ones(2, 3) > 0,
    lambda: [minigrad.ones(2), minigrad.ones(3)],
]
"""What is given in place of what is right; made anew each time, since in-place methods change it."""

REFUSALS = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError, OSError, BufferError)

BARE = re.compile(
    r"has no attribute|cannot be interpreted as|must be real number|cannot unpack|values to unpack|is not iterable"
    r"|not callable|unsupported operand|negative dimensions|(tuple|list) index out of range|out of bounds for"
    r"|No loop matching|not supported between|too large to convert|takes \d+ positional|unexpected keyword"
    r"|positional argument|could not be broadcast|invalid literal|too many values|is not subscriptable|could not convert"
    r"|unhashable|int too large"
)
"""Sentences of Python and NumPy, which say what went wrong inside: to make sense they need the name of what was called."""

INNER = re.compile(
    r"(Methods|Base|Forms|Tracking)\.\w+\(|locals>|(?<!random\.)\b_(?!weight\b|last_lr\b|step_count\b)[a-z]\w+"
)
"""Names that no user knows; NumPy's generator is ``numpy.random._generator.Generator``, the others are arguments and keys."""

DELIBERATE = re.compile(
    r"'initial_lr'|embed_dim must be divisible|Size mismatch between tensors|datasets should not be an empty"
    r"|Embeddings parameter is expected|Shape of weight does not match"
    r"|has no key|there is no key|can.{1,2}t be empty string|name can.{1,2}t contain"
    r"|^[\"']attribute '\w*' already exists|is not a (parameter|buffer|nn\.Module)|^\w+ has no attribute `"
)
"""What is an AssertionError, a KeyError or an AttributeError as in torch, with a sentence that says what is wrong."""


def fault(name: str, error: BaseException) -> str | None:
    """Return what is wrong with an error; None if nothing is."""
    text = str(error)
    if DELIBERATE.search(text):
        return None
    if not isinstance(error, REFUSALS) or isinstance(error, RecursionError):
        return f"{type(error).__name__}: {text}"
    if INNER.search(text):
        return f"an inner name: {text}"
    names_operation = re.match(r"\w+(\(\))? of |\w+(\(\))?: ", text)
    if BARE.search(text) and not names_operation and name.strip("_").lower() not in text.lower():
        return f"no name: {type(error).__name__}: {text}"
    return None


def check(name: str, call: Callable[..., Any], counts: range, tries: int = 60) -> None:
    """Call a function with arguments drawn at random, and assert that it answers, or refuses them in words of its own."""
    rng, faults = random.Random(name), {}
    few = list(itertools.islice(itertools.product(ARGUMENTS, repeat=1), len(ARGUMENTS))) if 1 in counts else []
    drawn = [tuple(rng.choice(ARGUMENTS) for _ in range(rng.choice(counts))) for _ in range(tries)]
    for makers in [*few, *drawn]:
        arguments = [make() for make in makers]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            shown = ", ".join(repr(x)[:30] for x in arguments)
            try:
                call(*arguments)
            except Exception as error:
                problem = fault(name, error)
                if problem is not None:
                    faults[problem[:200]] = f"{name}({shown})"
    assert not faults, "\n".join(f"{call}: {problem}" for problem, call in faults.items())


def arities(function: Any, bound: int = 0) -> range:
    """Return how many positional arguments a function takes; one more is wrong too."""
    kinds = inspect.Parameter
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return range(3)
    positional = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    return range(min(len(positional) - bound, 3) + 2)


UNSUITABLE = {"load", "save", "seed", "set_num_threads", "set_default_dtype", "set_rng_state"}
"""Functions with an effect outside: on files, which have a test of their own, or on all tests after this one."""


def functions(module: Any) -> list[str]:
    names = [name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"]
    return [name for name in names if name not in UNSUITABLE]


@pytest.mark.parametrize("name", functions(minigrad))
def test_functions(name: str) -> None:
    call = getattr(minigrad, name)
    check(name, call, arities(call))


@pytest.mark.parametrize("name", functions(F))
def test_functions_of_layers(name: str) -> None:
    call = getattr(F, name)
    check(name, call, arities(call))


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check("load", minigrad.load, range(4))
    check("save", minigrad.save, range(4))


@pytest.mark.parametrize("name", functions(nn.init))
def test_initializations(name: str) -> None:
    call = getattr(nn.init, name)
    check(name, call, arities(call))


ENGINE = {*vars(TensorBase), *vars(ViewTracking), *UNSUITABLE}
METHODS = [name for name in dir(Tensor) if name[0] != "_" and callable(getattr(Tensor, name)) and name not in ENGINE]


@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str) -> None:
    method = getattr(Tensor, name)
    shapes = itertools.cycle([(), (3,), (2, 3), (0,)])
    dtypes = itertools.cycle([minigrad.float32, minigrad.int64, minigrad.bool, minigrad.float32, minigrad.float16])
    check(name, lambda *args: method(minigrad.ones(next(shapes), dtype=next(dtypes)), *args), arities(method, bound=1))


CLASSES = [name for name in dir(nn) if inspect.isclass(getattr(nn, name)) and name not in ("Parameter", "Module")]


@pytest.mark.parametrize("name", CLASSES)
def test_constructors_of_modules(name: str) -> None:
    check(name, getattr(nn, name), arities(getattr(nn, name)))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(3, 2),
    "ReLU": nn.ReLU,
    "Softmax": lambda: nn.Softmax(1),
    "Conv1d": lambda: nn.Conv1d(3, 2, 2),
    "Conv2d": lambda: nn.Conv2d(3, 2, 2),
    "MaxPool2d": lambda: nn.MaxPool2d(2),
    "AvgPool1d": lambda: nn.AvgPool1d(2),
    "BatchNorm1d": lambda: nn.BatchNorm1d(3),
    "LayerNorm": lambda: nn.LayerNorm(3),
    "Dropout": nn.Dropout,
    "Embedding": lambda: nn.Embedding(3, 2),
    "Flatten": nn.Flatten,
    "RNN": lambda: nn.RNN(3, 2),
    "LSTM": lambda: nn.LSTM(3, 2),
    "GRU": lambda: nn.GRU(3, 2),
    "Sequential": lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU()),
    "MSELoss": nn.MSELoss,
    "CrossEntropyLoss": nn.CrossEntropyLoss,
    "BCELoss": nn.BCELoss,
    "NLLLoss": nn.NLLLoss,
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    module = MODULES[name]()
    check("", module, range(1, 3))


OPTIMIZERS = [name for name in dir(optim) if inspect.isclass(getattr(optim, name)) and name != "Optimizer"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str) -> None:
    cls = getattr(optim, name)
    check(name, cls, arities(cls))
    p = minigrad.ones(2, requires_grad=True)
    check(name, lambda *args: cls([p], *args), range(1, 4))


SCHEDULERS = [name for name in dir(lr_scheduler) if name.endswith(("LR", "Restarts", "Plateau")) and name != "LRScheduler"]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name: str) -> None:
    cls = getattr(lr_scheduler, name)
    p = minigrad.ones(2, requires_grad=True)

    def use(*args: Any) -> None:
        optimizer = optim.SGD([p], lr=0.1)
        scheduler = cls(optimizer, *args)
        for _ in range(3):
            optimizer.step()
            scheduler.step()

    check(name, cls, arities(cls))
    check(name, use, range(4))


DATA = ["TensorDataset", "Subset", "ConcatDataset", "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler"]
DATA += ["DistributedSampler", "BatchSampler", "DataLoader", "random_split", "default_collate"]

OTHERS: dict[str, Callable[..., Any]] = {
    **{name: getattr(nn.utils, name) for name in ("clip_grad_norm_", "clip_grad_value_", "parameters_to_vector")},
    **{name: getattr(autograd.functional, name) for name in ("jacobian", "hessian", "jvp", "vjp", "hvp", "vhp")},
    **{name: getattr(viz, name) for name in ("graph", "tree")},
    **{name: getattr(autograd, name) for name in ("grad", "backward", "gradcheck", "gradgradcheck")},
    **{name: getattr(data, name) for name in DATA},
    **{name: getattr(minigrad, name) for name in ("explain", "summary", "diagnose")},
    **{name: getattr(distributed, name) for name in ("all_reduce", "broadcast", "all_gather")},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_functions_and_classes(name: str) -> None:
    check(name, OTHERS[name], arities(OTHERS[name]))


def new_optimizer() -> optim.Optimizer:
    return optim.Adam([minigrad.ones(2, requires_grad=True)], lr=0.1)


OBJECTS: dict[str, tuple[Callable[[], Any], Sequence[str]]] = {
    "Tensor": (
        lambda: minigrad.ones(2, 3),
        ["__getitem__", "__setitem__", "__sub__", "__matmul__", "__contains__", "nelement"],
    ),
    "Sequential": (
        lambda: nn.Sequential(nn.ReLU()),
        ["__getitem__", "__setitem__", "__delitem__", "append", "insert", "pop"],
    ),
    "ModuleList": (lambda: nn.ModuleList([nn.ReLU()]), ["__getitem__", "__setitem__", "__delitem__", "extend", "add_module"]),
    "ModuleDict": (
        lambda: nn.ModuleDict({"a": nn.ReLU()}),
        ["__getitem__", "__setitem__", "__delitem__", "pop", "get", "update"],
    ),
    "ParameterDict": (lambda: nn.ParameterDict({"a": minigrad.ones(2)}), ["__getitem__", "__contains__", "pop", "update"]),
    "Linear": (lambda: nn.Linear(3, 2), ["load_state_dict", "register_buffer", "register_parameter", "add_module", "to"]),
    "Embedding": (lambda: nn.Embedding(3, 2), ["from_pretrained"]),
    "Adam": (new_optimizer, ["add_param_group", "load_state_dict", "step", "explain", "functional_step"]),
    "StepLR": (lambda: lr_scheduler.StepLR(new_optimizer(), 2), ["load_state_dict"]),
}


def contents(target: Any) -> str:
    """Return all that an operation refused halfway could have changed."""
    if isinstance(target, Tensor):
        return repr((target, target.version.last_write))
    if isinstance(target, optim.Optimizer):
        return repr((target.param_groups, dict(target.state)))
    return repr((target, target.state_dict()))


@pytest.mark.parametrize("name", OBJECTS)
def test_methods_of_objects(name: str) -> None:
    """A call that is refused leaves the object as it was."""
    make, methods = OBJECTS[name]
    for method in methods:

        def call(*args: Any, method: str = method) -> None:
            target = make()
            before = contents(target)
            try:
                getattr(target, method)(*args)
            except Exception:
                assert contents(target) == before, f"{name}.{method} was refused and left {contents(target)}"
                raise

        check(method, call, arities(getattr(make(), method)))


@pytest.mark.parametrize("cls", [estimators.NetworkRegressor, estimators.NetworkClassifier])
def test_estimators(cls: Any) -> None:
    x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    for name in ("hidden", "activation", "module", "optimizer", "lr", "batch_size", "patience"):
        check(name, lambda value, name=name: cls(epochs=1, **{name: value}).fit(x, y), range(1, 2), tries=0)


def test_so_many_layers_that_they_would_not_end() -> None:
    for layers in (10_001, 10**9, 10**400):
        with pytest.raises(ValueError, match="num_layers must be at most 10,000"):
            nn.LSTM(2, 2, layers)
        with pytest.raises(ValueError, match="num_layers must be at most 10,000"):
            nn.TransformerEncoder(nn.Linear(2, 2), layers)


# ------------------------------------------------------------------------------------------- the commonest mistakes


class Net(nn.Module):
    """A model with a layer of the wrong size."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y


class Listed(nn.Module):
    """A model whose layers are in a list, where they are not registered."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(3, 1)]


def test_a_layer_of_the_wrong_size_is_named_with_its_path() -> None:
    with pytest.raises(RuntimeError, match=r"in the layer Net\.body\.2: .* \[2, 4\] .* must be 5, the in_features"):
        Net()(minigrad.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"^linear, in the layer Linear: .* \[2, 4\] .* must be 3, the in_features"):
        nn.Linear(3, 1, bias=False)(minigrad.ones(2, 4))
    with pytest.raises(RuntimeError, match=r"^linear: an input of shape \[2, 4\] does not fit a weight of shape \[1, 3\]"):
        F.linear(minigrad.ones(2, 4), minigrad.ones(1, 3))


def test_layers_in_a_list_are_not_found() -> None:
    with pytest.raises(ValueError, match="empty parameter list") as caught:
        optim.SGD(Listed().parameters(), lr=0.1)
    assert "layers in a list go into a ModuleList" in caught.value.__notes__[0]


def test_the_mean_of_integers() -> None:
    with pytest.raises(RuntimeError, match=r"mean.*float"):
        minigrad.arange(3).mean()


@pytest.mark.parametrize("transposed", [False, True])
def test_a_loss_by_hand_that_broadcasts(transposed: bool) -> None:
    model, x = nn.Linear(1, 1), minigrad.randn(34, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def diagnosed(target: Tensor) -> str:
        def closure() -> Tensor:
            error: Tensor = target - model(x) if transposed else model(x) - target
            return error.square().mean()

        optimizer.zero_grad()
        with minigrad.autograd.detect_anomaly():
            closure().backward()
        return " ".join(minigrad.diagnose(model, optimizer, closure).warnings)

    assert not diagnosed(x)
    with pytest.warns(
        UserWarning, match=r"\(N, 1\) and \(N,\) is \(N, N\).*target.reshape\(prediction.shape\)(.|\n)*closure"
    ):
        assert "(N, 1) and (N,) is (N, N)" in diagnosed(x[:, 0])


def test_distances_of_pairs_are_no_mistake() -> None:
    x = minigrad.randn(4, requires_grad=True)
    with minigrad.autograd.detect_anomaly():
        (x[:, None] - x).square().mean().backward()
        (x.detach()[:, None] - x.detach()).square().mean()
        (x[:1, None] - minigrad.ones(1)).mean()
