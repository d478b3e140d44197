"""The optimizer step of the fast path: rules traced once, then run in place on flat arrays and by several threads."""
