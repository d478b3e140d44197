"""The optimizer step of the fast path: rules traced once, then run in place on flat arrays and by several threads."""

from minigrad.fastpath.optim.buckets import optimizer_step

__all__ = ["optimizer_step"]
