"""The in-place forms of methods: ``x.add_(y)``. Type checkers read ``in_place_forms.pyi``, see `tests/stubs.py`."""

from minigrad.methods.families import FAMILIES
from minigrad.methods.interface import in_place_forms
from minigrad.views import ViewTracking


class InPlaceForms(ViewTracking):
    """add_, exp_ and the other in-place forms of methods."""

    for family in FAMILIES:
        locals().update(in_place_forms(family))
    del family
