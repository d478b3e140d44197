"""Tensor's methods by family: `minigrad.Tensor` inherits from the class of each."""
