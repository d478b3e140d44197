"""Embedding: a learned vector for each index."""

from typing import Any, Self

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor


class Embedding(Module):
    """Rows of a table: y = W[x]. Equals ``torch.nn.Embedding``.

    Shape:
        ``(*) -> (*, embedding_dim)``; the input holds indices from 0 to num_embeddings - 1.

    Attributes:
        weight: W, of shape ``(num_embeddings, embedding_dim)``, drawn from N(0, 1); the row padding_idx is 0 and gets no
            gradient.
        max_norm, norm_type: Before they are read, rows with a larger p-norm than max_norm are scaled to it, p = norm_type;
            None leaves them.

    Raises:
        ValueError: padding_idx is out of range.
        AssertionError: _weight, a table that is used as it is, has another shape.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx {padding_idx} is not within the {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.max_norm = max_norm
        self.norm_type = norm_type
        if _weight is not None and _weight.shape != (num_embeddings, embedding_dim):
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        table = empty(num_embeddings, embedding_dim, device=device, dtype=dtype) if _weight is None else _weight
        self.weight = Parameter(table, requires_grad=not _freeze)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Re-initialize the table."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, **options: Any) -> Self:
        """Return a module that shares a given table and, with freeze, does not train it.

        Raises:
            TypeError: The table is not a Tensor.
            AssertionError: It does not have two axes.
        """
        if not isinstance(embeddings, Tensor):
            raise TypeError(f"from_pretrained(): argument 'embeddings' must be Tensor, not {type(embeddings).__name__}")
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(rows, columns, padding_idx, _weight=embeddings, _freeze=freeze, **options)

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows at the indices."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type)

    def extra_repr(self) -> str:
        """Return the sizes, and the options that are not the defaults."""
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2.0}
        options = [f", {name}={self.__dict__[name]}" for name, value in defaults.items() if self.__dict__[name] != value]
        return f"{self.num_embeddings}, {self.embedding_dim}{''.join(options)}"
