"""Dropout as modules: in training, they set elements or channels to 0 with probability p and divide the others by 1 - p."""

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.function_module import FunctionModule
from minigrad.nn.functional.dropout import check_probability

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class Dropout(FunctionModule):
    """Drop elements; in evaluation, y = x. Equals ``torch.nn.Dropout``; see `functional.dropout`.

    Raises:
        ValueError: p is not between 0 and 1.
    """

    function, arguments = staticmethod(F.dropout), ("p", "training", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Drop channels of signals ``(N, C, L)``. Equals ``torch.nn.Dropout1d``."""

    function = staticmethod(F.dropout1d)


class Dropout2d(Dropout):
    """Drop channels of images ``(N, C, H, W)``. Equals ``torch.nn.Dropout2d``. Tompson et al. 2015, arXiv:1411.4280."""

    function = staticmethod(F.dropout2d)
