"""The methods of Tensor, family by family: each is a class of which `minigrad.Tensor` inherits."""
