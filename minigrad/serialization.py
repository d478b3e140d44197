"""Saving and loading tensors and containers of tensors: `save` and `load`.

A file is an uncompressed NumPy ``.npz`` archive. It has one array for each tensor, and an array ``structure`` that holds the
containers and scalars as JSON text. It contains no pickles, so loading cannot execute code. ``numpy.load`` can read it.
"""

import contextlib
import errno
import itertools
import json
import math
import os
import re
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import numpy as np

from minigrad import dtypes
from minigrad.arguments import explain_functions
from minigrad.compat import devices
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

__all__ = ["load", "map_tensors", "save"]

File = str | os.PathLike[str] | IO[bytes]

STRUCTURE = "structure"

MAX_DEPTH = 100
"""How deep containers may be nested."""

MAX_NESTING = 10 * MAX_DEPTH
"""Deeper brackets are not in what `save` writes: a container has three."""


def save(obj: Any, f: File) -> None:
    """Save an object to a file: Tensors, Python scalars, strings, None, and nested lists, tuples and dicts of them.

    NumPy scalars are saved as the Python scalars of their values.

    The `state_dict()` of a module, an optimizer or a scheduler is such an object. A path is written atomically: after an
    error, a signal or a power failure it holds either the old file or the complete new one. A killed process can leave a
    temporary file ``<name>.<16 hex digits>.tmp`` in the same directory. A `save` to the same path removes it when it is more
    than an hour old.

    Values, dtype, shape and requires_grad of a Tensor are saved. A Tensor that occurs twice is one Tensor after loading.
    Views are saved as independent tensors.

    Args:
        obj: The object.
        f: A path, or a binary file open for writing.

    Raises:
        TypeError: The object contains another type; the message names the location. Nothing is written.
        ValueError: The object contains itself, or containers more than 100 deep in each other. Nothing is written.
        OSError: The file cannot be written, or the path is a directory or a device. An existing file is unchanged.

    >>> import io, minigrad
    >>> buffer = io.BytesIO()
    >>> save({"w": minigrad.tensor([1.0, 2.0]), "epoch": 3, "lrs": (0.1, 0.01)}, buffer)
    >>> _ = buffer.seek(0)
    >>> load(buffer)
    {'w': tensor([1., 2.]), 'epoch': 3, 'lrs': (0.1, 0.01)}
    """
    arrays: dict[str, Array] = {}
    text = json.dumps(encode(obj, arrays, {}, "object", ()), allow_nan=False)
    arrays[STRUCTURE] = np.frombuffer(text.encode(), np.uint8)
    with atomic_write(os.path.realpath(f)) if isinstance(f, str | os.PathLike) else contextlib.nullcontext(f) as file:
        try:
            np.savez(file, allow_pickle=False, **arrays)
        except ValueError as error:  # an archive that is interrupted refuses to be closed
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise


def load(f: File, map_location: Any = None, *, weights_only: bool | None = None) -> Any:
    """Load an object that was saved by `save`.

    Args:
        f: A path, or a binary file open for reading.
        map_location: The CPU, on which all tensors are: by name, as a device, or as the values of a dict.
        weights_only: Has no effect: a file holds nothing else.

    Raises:
        RuntimeError: The file was not written by `save`, or is incomplete or corrupt; or map_location is another device.
        TypeError: `f` is neither a path nor a binary file.
        OSError: The file cannot be opened or read.
        MemoryError, RecursionError: There is too little memory, or too little is left of the stack, to load the object.
    """
    if not callable(map_location):
        for location in map_location.values() if isinstance(map_location, dict) else [map_location]:
            devices.check(location)
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return load(file)
    if not hasattr(f, "seek"):
        raise TypeError(f"load(): argument 'f' must be a path or a binary file, not {type(f).__name__}")
    if f.seek(0, os.SEEK_END) == 0:  # nor is there an end of a device such as /dev/zero
        raise RuntimeError(f"{getattr(f, 'name', 'the file')} cannot be loaded: it is not a complete file, but empty")
    text = ""
    try:
        arrays = read(f)
        text = arrays.pop(STRUCTURE).tobytes().decode()
        used: dict[str, Tensor] = {}
        obj = decode(json.loads(text), arrays, used)
        if used.keys() != arrays.keys():
            raise ValueError(f"its structure does not use the arrays {sorted(arrays.keys() - used.keys())}")
    except Exception as error:  # any error while parsing means that the file is invalid
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)):
            raise  # the file may be right; but EINVAL means a position that is none
        if isinstance(error, RecursionError) and nesting(text) <= MAX_NESTING:
            raise  # the caller has left too little of the stack
        name = getattr(f, "name", "the file")
        reason = foreign_format(f) or f"it is not a complete file written by minigrad.save ({error})"
        raise RuntimeError(f"{name} cannot be loaded: {reason}") from error
    return obj


def nesting(text: str) -> int:
    """Return how deep the brackets of a JSON text are nested; those in strings count too."""
    depths = itertools.accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    return max(depths, default=0)


def foreign_format(file: IO[bytes]) -> str | None:
    """Return what another program's file is, and how it is converted; None if it is not known."""
    file.seek(0)
    start = file.read(6)
    with contextlib.suppress(Exception):
        file.seek(0)
        members = zipfile.ZipFile(file).namelist()
        if any(member.endswith("data.pkl") for member in members):
            start = b"\x80"
        elif members and f"{STRUCTURE}.npy" not in members and all(member.endswith(".npy") for member in members):
            start = b"\x93NUMPY"
    if start == b"\x93NUMPY":
        return "it was written by NumPy: read it with numpy.load, make tensors with minigrad.from_numpy, and save these"
    if start[:1] == b"\x80":
        return "it was written by torch.save: load it in torch, convert its tensors with numpy(), and save these"
    return None


def map_tensors(function: Callable[[Array], Any], obj: Any) -> Any:
    """Return nested lists, tuples and dicts with each Tensor replaced by function(copy of its array).

    For example, to load a checkpoint into torch::

        torch_optimizer.load_state_dict(map_tensors(torch.from_numpy, optimizer.state_dict()))

    Args:
        function: Called with the copied NumPy array of each Tensor.
        obj: The nested containers. Other values are returned unchanged.
    """
    if isinstance(obj, Tensor):
        return function(obj.array.copy())
    if isinstance(obj, dict):
        return {key: map_tensors(function, value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        items = [map_tensors(function, item) for item in obj]
        return items if isinstance(obj, list) else tuple(items)
    return obj


# ------------------------------------------------------------------------------------------------- encoding as JSON


def encode(obj: Any, arrays: dict[str, Array], names: dict[int, str], where: str, ancestors: tuple[int, ...]) -> Any:
    """Convert an object to JSON values. Other types than lists and plain scalars become an object with a type tag as key.

    Args:
        obj: The object.
        arrays: Output; the array of each tensor is added to it.
        names: The keys in `arrays` of the tensors encoded so far, by id.
        where: The location of the object, for error messages.
        ancestors: The ids of the containers that enclose it.
    """
    obj = dtypes.unwrap_scalar(obj)
    if obj is None or isinstance(obj, bool | int | str):
        return obj
    if isinstance(obj, float):
        return obj if math.isfinite(obj) else {"float": str(obj)}
    if isinstance(obj, Tensor):
        if id(obj) not in names:
            names[id(obj)] = f"tensor{len(names)}"
            array = obj.array
            arrays[names[id(obj)]] = array if array.flags.c_contiguous else array.copy()
        return {"tensor": names[id(obj)], "requires_grad": obj.requires_grad}
    if id(obj) in ancestors:
        raise ValueError(f"cannot save {where}: it contains itself")
    if len(ancestors) == MAX_DEPTH:
        raise ValueError(f"cannot save an object in which containers are nested more than {MAX_DEPTH} deep")
    inner = partial(encode, arrays=arrays, names=names, ancestors=(*ancestors, id(obj)))
    if isinstance(obj, list | tuple):
        items = [inner(item, where=f"{where}[{k}]") for k, item in enumerate(obj)]
        return items if isinstance(obj, list) else {"tuple": items}
    if isinstance(obj, OrderedDict):
        return {"OrderedDict": [inner(dict(obj), where=where), inner(vars(obj), where=f"an attribute of {where}")]}
    if isinstance(obj, dict):
        if any(isinstance(key, Tensor) for key in obj):
            raise TypeError(f"cannot save {where}: a key is a Tensor")
        pairs = obj.items()
        return {"dict": [[inner(k, where=f"a key of {where}"), inner(x, where=f"{where}[{k!r}]")] for k, x in pairs]}
    raise TypeError(
        f"cannot save {where}: it is a {type(obj).__qualname__}. It must consist of Tensors, Python scalars, "
        "strings, None, and lists, tuples and dicts of them"
    )


def decode(value: Any, arrays: dict[str, Array], used: dict[str, Tensor]) -> Any:
    """Convert JSON values back to the object that was encoded.

    Args:
        value: The JSON values.
        arrays: The array of each tensor.
        used: Output; each tensor that occurs is added to it.

    Raises:
        ValueError, LookupError, TypeError: The values were not produced by `encode`.
    """
    if isinstance(value, list):
        return [decode(item, arrays, used) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"tensor", "requires_grad"}:
        name = value["tensor"]
        if name not in used:
            array = arrays[name]
            if dtypes.as_dtype(array.dtype).numpy != array.dtype:
                raise ValueError(f"{name} has the dtype {array.dtype.str}")
            if not isinstance(value["requires_grad"], bool):
                raise ValueError(f"{name} has requires_grad {value['requires_grad']!r}")
            used[name] = wrap(array)
            used[name].requires_grad = value["requires_grad"]
        return used[name]
    ((kind, content),) = value.items()
    if kind == "float" and isinstance(content, str):
        return float(content)
    if not isinstance(content, list):
        raise ValueError(f"its structure has an invalid {kind!r}")
    if kind == "tuple":
        return tuple(decode(item, arrays, used) for item in content)
    if kind == "OrderedDict":
        entries, attributes = (decode(item, arrays, used) for item in content)
        ordered = OrderedDict(entries)
        vars(ordered).update(attributes)
        return ordered
    if kind == "dict":
        return {decode(k, arrays, used): decode(v, arrays, used) for k, v in content}
    raise ValueError(f"its structure has the unknown type tag {kind!r}")


# ----------------------------------------------------------------------------------------------------------- files


def read(file: IO[bytes]) -> dict[str, Array]:
    """Read all arrays of an archive, with every byte verified by CRC.

    zipfile compares the checksum of a member when its last byte is read. So a member must end where its array ends:
    otherwise an array whose header was altered to a smaller shape would be returned unverified.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        # Compressed members, or members that claim more bytes than the file has, could exhaust memory.
        if any(m.compress_type != zipfile.ZIP_STORED for m in members) or sum(m.file_size for m in members) > end:
            raise ValueError("its members are compressed or larger than the file")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ValueError(f"its member {member.filename!r} is not an array, or occurs twice")
            with archive.open(member) as stream:
                try:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
                except MemoryError as error:
                    bytearray(member.file_size)  # fails too, unless the header claims more than there is
                    raise ValueError(f"its member {member.filename!r} is shorter than its array") from error
                if stream.read(1):
                    raise ValueError(f"its member {member.filename!r} is longer than its array")
    return arrays


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` atomically after the block succeeded and the data is on disk."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "cannot be replaced by a file", path)
    temporary = f"{path}.{os.urandom(8).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))
    remove_stale_temporaries(path)


def remove_stale_temporaries(path: str) -> None:
    """Remove temporary files of `path` that killed processes left: those not modified for an hour."""
    directory, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > 3600:
                os.unlink(entry.path)


def sync_directory(path: str) -> None:
    """Flush a directory entry to disk, where the operating system supports it."""
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


explain_functions(globals())
