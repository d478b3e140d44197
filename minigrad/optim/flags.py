"""torch's choices between implementations of a step: foreach, fused, capturable, differentiable.

minigrad has one implementation. The flags are there so that calls and checkpoints fit, and must be off.
"""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any, TypedDict


class ImplementationFlags(TypedDict, total=False):
    """The keyword arguments that choose an implementation in torch; False or None here."""

    foreach: bool | None
    fused: bool | None
    capturable: bool
    differentiable: bool


FLAGS: dict[str, bool | None] = {"foreach": None, "fused": None, "capturable": False, "differentiable": False}
"""Every flag with its default."""


def with_defaults(optimizer: str, accepted: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that an optimizer accepts, as given or by default.

    Raises:
        TypeError: Another one is given.
    """
    for name in given:
        if name not in accepted:
            raise TypeError(f"{optimizer}.__init__() got an unexpected keyword argument {name!r}")
    return {name: given.get(name, FLAGS[name]) for name in accepted}


def check_flag(optimizer: str, name: str, value: Any) -> None:
    """Raise NotImplementedError for a flag that is on."""
    if value is not None and value is not False:
        remedy = "to differentiate through steps, use functional_step()" if name == "differentiable" else "leave it out"
        raise NotImplementedError(
            f"{optimizer}({name}={value!r}): {name} chooses between implementations in torch; minigrad has one: {remedy}"
        )


def signature_with_flags(init: Callable[..., Any], accepted: tuple[str, ...]) -> Signature:
    """Return the signature of a constructor, with the flags it accepts in the place of ``**flags``."""
    own, after = list(signature(init).parameters.values())[1:], []
    if own and own[-1].kind is Parameter.VAR_KEYWORD and own[-1].name == "flags":
        own, after = own[:-1], [Parameter(name, Parameter.KEYWORD_ONLY, default=FLAGS[name]) for name in accepted]
    return Signature([*own, *after])
