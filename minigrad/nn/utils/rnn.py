"""Sequences of several lengths."""

from collections.abc import Iterable

from minigrad.arguments import explain_errors
from minigrad.combining import stack
from minigrad.nn.functional.padding import pad
from minigrad.tensor import Tensor


@explain_errors
def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Return sequences of several lengths as one tensor, padded to the longest. Equals torch's function.

    Args:
        sequences: Tensors of shape ``(L_i, *)``.
        batch_first: Whether the axis of the sequences comes first.
        padding_value: The value of the added elements.
        padding_side: ``right`` or ``left``: where they are added.

    Shape:
        ``(L, N, *)``, or ``(N, L, *)`` with batch_first; L is the greatest length

    Raises:
        RuntimeError: There is no sequence, or the padding side is unknown.

    >>> from minigrad import tensor
    >>> pad_sequence([tensor([1, 2, 3]), tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    tensors = list(sequences)
    if not tensors or padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: expected sequences and padding_side left or right, not {padding_side!r}")
    longest = max(len(t) for t in tensors)
    padded = []
    for t in tensors:
        missing = longest - len(t)
        ends = [0, missing] if padding_side == "right" else [missing, 0]
        padded.append(pad(t, [0, 0] * (t.ndim - 1) + ends, value=padding_value))
    return stack(padded, 0 if batch_first else 1)
