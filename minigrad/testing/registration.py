"""What Hypothesis is told about minigrad.

It seeds minigrad's default generator in every example, so that a layer made in a test has the same weights each time, and
``st.from_type(minigrad.Tensor)`` draws what `tensors` draws.
"""

from hypothesis import register_random
from hypothesis import strategies as st

from minigrad.random import get_rng_state, manual_seed, set_rng_state
from minigrad.tensor import Tensor
from minigrad.testing import strategies


class DefaultGenerator:
    """The default generator under the names of `random.Random`."""

    seed = staticmethod(manual_seed)
    getstate = staticmethod(get_rng_state)
    setstate = staticmethod(set_rng_state)


DEFAULT_GENERATOR = DefaultGenerator()  # Hypothesis holds it by a weak reference
register_random(DEFAULT_GENERATOR)
st.register_type_strategy(Tensor, lambda _: strategies.tensors())
