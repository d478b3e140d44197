"""What a computation did, told with formulas and numbers: the backward pass, and the step of an optimizer."""
