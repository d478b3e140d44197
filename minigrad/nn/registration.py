"""What may be registered in a module under which name; the errors are torch's."""

from typing import Any, Literal

from minigrad.errors import type_name

Kind = Literal["parameter", "buffer", "module"]

DESCRIPTIONS: dict[Kind, str] = {
    "parameter": "parameter '{}' (minigrad.nn.Parameter or None expected)",
    "module": "child module '{}' (minigrad.nn.Module or None expected)",
    "buffer": "buffer '{}' (minigrad.Tensor or None expected)",
}


def check_registration(owner: object, name: Any, kind: Kind, value: Any, expected: type, registered_as: Kind | None) -> None:
    """Raise unless a value may be registered under a name.

    Args:
        owner: The module.
        name: The attribute's name.
        kind: What the value is registered as.
        value: The parameter, buffer or submodule, or None.
        expected: The class that it must have.
        registered_as: What the name is registered as so far, if anything.

    Raises:
        KeyError: The name is empty, contains a dot, or is that of another attribute.
        TypeError: The name is not a string, or the value is of another class.
        ValueError: The value is a parameter, but not a leaf.
    """
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {type_name(name)}")
    if "." in name:
        got = f", got: {name}" if kind == "module" else ""
        raise KeyError(f'{kind} name can\'t contain "."{got}')
    if not name:
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if hasattr(owner, name) and registered_as != kind:
        raise KeyError(f"attribute '{name}' already exists")
    if value is None:
        return
    if not isinstance(value, expected):
        if kind == "module":
            raise TypeError(f"{type_name(value)} is not a Module subclass")
        required = DESCRIPTIONS[kind].format(name).replace("expected", "required")
        raise TypeError(f"cannot assign '{type_name(value)}' object to {required}")
    if kind == "parameter" and getattr(value, "grad_fn", None) is not None:
        raise ValueError(
            f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
            f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
        )


def wrong_assignment(name: str, kind: Kind, value: Any) -> TypeError:
    """Return the error of ``module.name = value`` where the name is registered as something else."""
    return TypeError(f"cannot assign '{type_name(value)}' as {DESCRIPTIONS[kind].format(name)}")


def assigned_before_init(kind: Kind) -> AttributeError:
    """Return the error of an assignment before ``super().__init__()``."""
    return AttributeError(f"cannot assign {'parameters' if kind == 'parameter' else kind} before Module.__init__() call")


def missing_attribute(module: object, name: str) -> AttributeError:
    """Return the error of an attribute that is not there, or not yet."""
    cls = type(module).__name__
    if "_kinds" in vars(module) or (name.startswith("__") and name.endswith("__")):
        return AttributeError(f"'{cls}' object has no attribute '{name}'")
    return AttributeError(f"{cls} is not set up: its __init__ must begin with super().__init__() (looking for '{name}')")
