"""Networks with the interface of scikit-learn: `NetworkRegressor` and `NetworkClassifier`.

    model = make_pipeline(StandardScaler(), NetworkRegressor(hidden=(16,), optimizer="Adam", lr=0.01))
    search = GridSearchCV(model, {"networkregressor__lr": [0.001, 0.01, 0.1]}).fit(X, y)

Cross-validation, searches, pipelines, `clone`, pickle and joblib work with them as with any estimator; they pass
`sklearn.utils.estimator_checks.check_estimator` with no failure declared as expected.

They are in the package because tuning, which is part of comparing optimizers, is scikit-learn's subject, and because this
training loop would otherwise be written again in each program. They are in a module of their own, which ``import minigrad``
does not import, because scikit-learn is optional. In a clone of minigrad: ``pip install -e '.[estimators]'``.

Data, parameters and predictions are float64, whatever the default dtype: data in tables are small, and the predictions for
a row agree to the last digits however many rows are given with it, as scikit-learn's checks require.
"""

import copy
import math
import operator
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from minigrad import optim
from minigrad.arguments import explain_classes
from minigrad.autograd import enable_grad, no_grad
from minigrad.creation import from_numpy
from minigrad.nn import Linear, Module, Sequential, activation, functional
from minigrad.primitive import Array
from minigrad.random import Generator, use_generator
from minigrad.tensor import Tensor
from minigrad.utils.data import DataLoader, TensorDataset

if find_spec("sklearn") is None or find_spec("tqdm") is None:
    raise ModuleNotFoundError(
        "minigrad.estimators needs scikit-learn and tqdm; in a clone of minigrad: pip install -e '.[estimators]'"
    )

from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from tqdm.auto import tqdm

__all__ = ["NetworkClassifier", "NetworkRegressor"]


@dataclass(eq=False, repr=False)
class Network(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: the parameters and the training.

    Args:
        hidden: The widths of the hidden layers; (), the default, is a linear model.
        activation: What follows each hidden layer: the name of an activation of `minigrad.nn`, or its class.
        module: A function of the numbers of inputs k and outputs m that returns a `Module`, (N, k) -> (N, m), in place of
            `hidden` and `activation`. Its weights are converted to float64.
        optimizer: The name of an optimizer of `minigrad.optim`, its class, or a function of the parameters and `lr`.
        lr: The learning rate.
        optimizer_options: Other arguments of the optimizer, such as ``{"momentum": 0.9}``.
        epochs: The number of passes over the data, at most; at least 1.
        batch_size: The number of rows in a batch, drawn in a new random order in each epoch. None: all rows in one batch.
        early_stopping: Whether to hold out rows for validation, stop when their loss has not fallen for `patience` epochs,
            and keep the weights with which it was least. It has no effect on `partial_fit`.
        validation_fraction: The share of the rows held out, from 0 to 1.
        patience: At least 1.
        verbose: Whether to show a progress bar.
        random_state: The seed of the weights, batches, held-out rows and dropout, as in scikit-learn: equal integers give
            equal bits. The default generator of minigrad is neither used nor moved.

    Attributes:
        module_: The trained `Module`, in float64 and evaluation mode.
        loss_curve_: The mean loss of the batches in each epoch, before their steps.
        validation_loss_curve_: The loss of the held-out rows after each epoch.
        n_iter_: The number of epochs.
        n_features_in_, feature_names_in_: As in scikit-learn.

    Raises:
        FloatingPointError: In training: the loss or a weight is NaN or infinite. A search takes this for the worst score.
        ValueError: In training: an argument or the data are out of range.
    """

    loss: ClassVar[Callable[..., Tensor]]

    hidden: tuple[int, ...] = ()
    _: KW_ONLY
    activation: str | Callable[[], Module] = "ReLU"
    module: Callable[[int, int], Module] | None = None
    optimizer: str | Callable[..., optim.Optimizer] = "Adam"
    lr: float = 0.01
    optimizer_options: Mapping[str, Any] | None = None
    epochs: int = 200
    batch_size: int | None = 32
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int = 10
    verbose: bool = False
    random_state: int | np.random.RandomState | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on the rows of X, (N, k), and their targets y, and return the estimator."""
        x, targets, outputs = self._read(X, y, first=True)
        self._start(x.shape[1], outputs)
        held_out = None
        if self.early_stopping:
            seed = int(self._generator.numpy.integers(2**31))
            x, x_val, targets, y_val = train_test_split(x, targets, test_size=self.validation_fraction, random_state=seed)
            held_out = from_numpy(x_val), from_numpy(y_val)
        return self._train(x, targets, self.epochs, held_out)

    def _continue(self, X: Any, y: Any, classes: Any = None) -> Self:
        first = not hasattr(self, "module_")
        x, targets, outputs = self._read(X, y, first, classes)
        if first:
            self._start(x.shape[1], outputs)
        return self._train(x, targets, epochs=1)

    def _read(self, X: Any, y: Any, first: bool, classes: Any = None) -> tuple[Array, Array, int]:
        """Return checked rows, targets for the loss, and the number of outputs that they need."""
        raise NotImplementedError

    def _start(self, inputs: int, outputs: int) -> None:
        """Make a new network, with its optimizer and its source of random numbers."""
        if self.epochs < 1 or self.patience < 1:
            raise ValueError(f"epochs and patience must be at least 1, but are {self.epochs} and {self.patience}")
        self._generator = Generator().manual_seed(check_random_state(self.random_state).randint(2**31))
        with use_generator(self._generator):
            self._module = (self.module or self._layers)(inputs, outputs).double()
        options = {"lr": self.lr, **(self.optimizer_options or {})}
        self._optimizer = choose(optim, self.optimizer)(self._module.parameters(), **options)
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []

    def _layers(self, inputs: int, outputs: int) -> Module:
        """Return the network that `hidden` and `activation` describe."""
        layers: list[Module] = []
        for width in self.hidden:
            layers += [Linear(inputs, width), choose(activation, self.activation)()]
            inputs = width
        return Sequential(*layers, Linear(inputs, outputs))

    def _train(self, x: Array, targets: Array, epochs: int, held_out: tuple[Tensor, Tensor] | None = None) -> Self:
        dataset = TensorDataset(from_numpy(x), from_numpy(targets))
        size = len(x) if self.batch_size is None else operator.index(self.batch_size)
        loader = DataLoader(dataset, batch_size=size, shuffle=self.batch_size is not None)
        bar = tqdm(range(epochs), desc=type(self).__name__, unit="epoch", disable=not self.verbose)
        with use_generator(self._generator), enable_grad(), bar:
            for _ in bar:
                self.loss_curve_.append(self._epoch(loader, len(x)))
                bar.set_postfix_str(f"loss {self.loss_curve_[-1]:.4g}", refresh=False)
                if held_out is not None and self._stale_epochs(*held_out) >= self.patience:
                    break
        if held_out is None:
            self.module_ = self._snapshot()
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _epoch(self, loader: DataLoader[Any], rows: int) -> float:
        """Train for one epoch and return the mean loss."""
        total = 0.0
        for x, targets in loader:
            self._optimizer.zero_grad()
            loss = self.loss(self._module(x), targets)
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(x)
        mean = total / rows
        if not (math.isfinite(mean) and all(bool(p.isfinite().all()) for p in self._module.parameters())):
            raise FloatingPointError(
                f"{type(self).__name__} diverged in epoch {len(self.loss_curve_) + 1}: the loss, {mean:.4g}, or a weight is "
                f"not finite. Decrease lr, now {self.lr}, or standardize the columns of X"
            )
        return mean

    def _stale_epochs(self, x: Tensor, targets: Tensor) -> int:
        """Return how many epochs ago the loss of held-out rows was least; keep the weights if it is least now."""
        candidate = self._snapshot()
        with no_grad():
            self.validation_loss_curve_.append(self.loss(candidate(x), targets).item())
        curve = self.validation_loss_curve_
        stale = len(curve) - 1 - curve.index(min(curve))
        if stale == 0:
            self.module_ = candidate
        return stale

    def _snapshot(self) -> Module:
        """Return a copy of the network for predictions; of NAG's parameters, those that are not looking ahead."""
        with self._optimizer.at_theta() if isinstance(self._optimizer, optim.NAG) else nullcontext():
            return copy.deepcopy(self._module).eval()

    def _outputs(self, X: Any) -> Tensor:
        """Return what the network makes of rows, (N, m)."""
        check_is_fitted(self, "module_")
        x = validate_data(self, X, dtype=np.float64, reset=False)
        with no_grad():
            outputs: Tensor = self.module_(from_numpy(x))
        return outputs


class NetworkRegressor(MultiOutputMixin, RegressorMixin, Network):  # type: ignore[misc]
    """A network trained with the mean squared error; by default a linear model. `score` is the coefficient R².

    See `Network` for the arguments. Targets y have shape (N,), or (N, m) for m of them.

    >>> rows = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    >>> model = NetworkRegressor(optimizer="SGD", lr=0.05, batch_size=None, epochs=1000, random_state=0)
    >>> model.fit(rows, [3.0, 5.0, 7.0, 9.0, 11.0]).predict([[6.0]]).round(6)
    array([13.])
    """

    loss = staticmethod(functional.mse_loss)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go on with the training, or begin it, for one epoch, and return the estimator."""
        return self._continue(X, y)

    def _read(self, X: Any, y: Any, first: bool, classes: Any = None) -> tuple[Array, Array, int]:
        x, y = validate_data(self, X, y, dtype=np.float64, reset=first, multi_output=True, y_numeric=True)
        self._target_shape = y.shape[1:]
        targets = y.reshape(len(y), -1).astype(np.float64)
        return x, targets, targets.shape[1]

    def predict(self, X: Any) -> Array:
        """Return predictions of the shape of y, (N,) or (N, m)."""
        outputs = self._outputs(X).numpy()
        return outputs.reshape(len(outputs), *self._target_shape)


class NetworkClassifier(ClassifierMixin, Network):  # type: ignore[misc]
    """A network with one logit for each class, trained with the cross-entropy. `score` is the accuracy.

    See `Network` for the arguments. Attributes:
        classes_: The labels, sorted.

    >>> model = NetworkClassifier(hidden=(8,), lr=0.05, random_state=0)
    >>> rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> model.fit(rows, ["equal", "different", "different", "equal"]).predict(rows).tolist()
    ['equal', 'different', 'different', 'equal']
    """

    loss = staticmethod(functional.cross_entropy)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go on with the training, or begin it, for one epoch, and return the estimator.

        Raises:
            ValueError: `classes`, all labels that will ever come, is missing at the first call.
        """
        if classes is None and not hasattr(self, "module_"):
            raise ValueError("classes, all labels that will ever come, must be passed on the first call to partial_fit")
        return self._continue(X, y, classes)

    def _read(self, X: Any, y: Any, first: bool, classes: Any = None) -> tuple[Array, Array, int]:
        x, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        check_classification_targets(y)
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y contains labels that are not among the classes: {unknown.tolist()}")
        return x, np.searchsorted(self.classes_, y), len(self.classes_)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (N, number of classes), in the order of `classes_`."""
        return self._outputs(X).softmax(1).numpy()

    def predict(self, X: Any) -> Any:
        """Return the most probable label of each row, (N,)."""
        positions = self._outputs(X).argmax(1).numpy()
        return self.classes_[positions]


def choose(namespace: ModuleType, choice: Any) -> Any:
    """Return the class of a module that has a name; what is no name is returned as it is.

    Raises:
        ValueError: There is none.
    """
    found = getattr(namespace, choice, None) if isinstance(choice, str) else choice
    if not callable(found):
        raise ValueError(f"{choice!r} is neither the name of a class in {namespace.__name__} nor a class or function")
    return found


explain_classes(globals(), "__init__", "fit", "partial_fit")
