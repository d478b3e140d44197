"""Dropout as modules: in training, they set elements or channels to 0 with probability p and divide the others by 1 - p."""

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.function_module import FunctionModule, stores_arguments
from minigrad.nn.functional.dropout import check_probability

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


@stores_arguments
class Dropout(FunctionModule):
    """Drop elements; in evaluation, y = x. Equals ``torch.nn.Dropout``; see `functional.dropout`.

    Raises:
        ValueError: p is not between 0 and 1.
    """

    function, arguments = staticmethod(F.dropout), ("p", "training", "inplace")
    p: float = 0.5
    inplace: bool = False

    def __post_init__(self) -> None:
        """Check the probability."""
        super().__post_init__()
        check_probability(self.p)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Drop channels of signals ``(N, C, L)``. Equals ``torch.nn.Dropout1d``."""

    function = staticmethod(F.dropout1d)


class Dropout2d(Dropout):
    """Drop channels of images ``(N, C, H, W)``. Equals ``torch.nn.Dropout2d``. Tompson et al. 2015, arXiv:1411.4280."""

    function = staticmethod(F.dropout2d)
