"""The in-place forms of methods: ``x.add_(y)``. Type checkers read ``in_place_forms.pyi``, see `tests/stubs.py`."""

from __future__ import annotations

from minigrad.methods.families import FAMILIES
from minigrad.methods.interface import in_place_forms
from minigrad.views import ViewTracking

InPlaceForms = type(
    "InPlaceForms",
    (ViewTracking,),
    {
        "__doc__": "add_, exp_ and the other in-place forms of methods.",
        "__module__": __name__,
        **{name: form for family in FAMILIES for name, form in in_place_forms(family).items()},
    },
)
