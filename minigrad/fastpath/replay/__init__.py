"""The compiled step: one run is captured as calls of NumPy on fixed memory, and replayed."""
