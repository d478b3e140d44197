"""Files for tensors and what is built of them: `save` and `load`.

A file is NumPy's npz, a zip archive of arrays without compression: one array for each tensor, and one, ``structure``, with
the text (JSON) of everything around them. There is no pickle in it, so nothing in a file can run. ``numpy.load`` opens it
too.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from minigrad import dtypes
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

__all__ = ["load", "map_tensors", "save"]

Place = str | os.PathLike[str] | IO[bytes]

STRUCTURE = "structure"


def save(obj: Any, f: Place) -> None:
    """Write an object to a file: Tensors, numbers, strings, None, and lists, tuples and dicts of them to any depth.

    What `state_dict()` of a module, an optimizer or a scheduler returns is of this kind. A file is replaced at one blow: if
    writing stops at any moment, by an error, a signal or a loss of power, there is either the old file or the new one. A
    writer that is killed leaves what it has written beside the file, with a name that ends in ``.tmp``; the first `save` to
    the same path an hour later removes it.

    A Tensor keeps values, dtype, shape, and whether it requires a gradient; one that comes twice is the same Tensor again
    after loading. Views are stored as if they had memory of their own.

    Args:
        obj: The object.
        f: A path, or a file open for writing bytes.

    Raises:
        TypeError: There is something else in it; the message says where. Nothing is written then.
        ValueError: It contains itself.
        OSError: The file cannot be written, or the path is that of a directory or a device; what was there is as before.

    >>> import io, minigrad
    >>> buffer = io.BytesIO()
    >>> save({"w": minigrad.tensor([1.0, 2.0]), "epoch": 3, "lrs": (0.1, 0.01)}, buffer)
    >>> _ = buffer.seek(0)
    >>> load(buffer)
    {'w': tensor([1., 2.]), 'epoch': 3, 'lrs': (0.1, 0.01)}
    """
    arrays: dict[str, Array] = {}
    text = json.dumps(encoded(obj, arrays, {}, "object", ()), allow_nan=False)
    arrays[STRUCTURE] = np.frombuffer(text.encode(), np.uint8)
    if isinstance(f, str | os.PathLike):
        with replacing(os.path.realpath(f)) as file:
            np.savez(file, allow_pickle=False, **arrays)
    else:
        np.savez(f, allow_pickle=False, **arrays)


def load(f: Place) -> Any:
    """Read what `save` has written.

    Args:
        f: A path, or a file open for reading bytes.

    Raises:
        RuntimeError: The file is no such file, is not complete, or was altered.
        OSError: The file cannot be opened.
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return load(file)
    try:
        arrays = read(f)
        text = arrays.pop(STRUCTURE).tobytes().decode()
        used: dict[str, Tensor] = {}
        obj = decoded(json.loads(text), arrays, used)
        if used.keys() != arrays.keys():
            raise ValueError(f"it holds arrays that belong nowhere: {sorted(arrays.keys() - used.keys())}")
    except Exception as error:  # whatever a file can provoke is the file's fault
        name = getattr(f, "name", "the file")
        raise RuntimeError(f"{name} cannot be loaded: it is not a whole file written by minigrad.save ({error})") from error
    return obj


def map_tensors(function: Callable[[Array], Any], obj: Any) -> Any:
    """Return a nest of lists, tuples and dicts with each Tensor in it replaced by a function of a copy of its array.

    This is how a checkpoint goes to another library::

        torch_optimizer.load_state_dict(map_tensors(torch.from_numpy, optimizer.state_dict()))

    Args:
        function: What to make of an array.
        obj: The nest.
    """
    if isinstance(obj, Tensor):
        return function(obj.array.copy())
    if isinstance(obj, dict):
        return {key: map_tensors(function, value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        items = [map_tensors(function, item) for item in obj]
        return items if isinstance(obj, list) else tuple(items)
    return obj


# ------------------------------------------------------------------------------------------------------- the structure


def encoded(obj: Any, arrays: dict[str, Array], names: dict[int, str], where: str, around: tuple[int, ...]) -> Any:
    """Return an object as JSON: lists as lists, plain values as they are, all else as an object with one telling key.

    Args:
        obj: The object.
        arrays: Gets the array of each tensor.
        names: The names in `arrays` of the tensors met so far, by id.
        where: What to call the object in an error.
        around: The ids of the containers that it is in.
    """
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
    if id(obj) in around:
        raise ValueError(f"cannot save {where}: it contains itself")
    inside = (*around, id(obj))
    if isinstance(obj, list | tuple):
        items = [encoded(item, arrays, names, f"{where}[{k}]", inside) for k, item in enumerate(obj)]
        return items if isinstance(obj, list) else {"tuple": items}
    if isinstance(obj, dict):
        pairs = []
        for key, value in obj.items():
            if isinstance(key, Tensor):
                raise TypeError(f"cannot save {where}: a key is a Tensor")
            pairs.append(
                [
                    encoded(key, arrays, names, f"a key of {where}", inside),
                    encoded(value, arrays, names, f"{where}[{key!r}]", inside),
                ]
            )
        return {"dict": pairs}
    raise TypeError(
        f"cannot save {where}: it is a {type(obj).__qualname__}. A file holds Tensors, numbers, strings, None, and lists, "
        "tuples and dicts of them"
    )


def decoded(text: Any, arrays: dict[str, Array], used: dict[str, Tensor]) -> Any:
    """Return the object that `encoded` has made this of.

    Raises:
        ValueError, LookupError, TypeError: It was not made by `encoded`.
    """
    if isinstance(text, list):
        return [decoded(item, arrays, used) for item in text]
    if not isinstance(text, dict):
        return text
    if text.keys() == {"tensor", "requires_grad"}:
        name = text["tensor"]
        if name not in used:
            array = arrays[name]
            if dtypes.as_dtype(array.dtype).numpy != array.dtype:
                raise ValueError(f"{name} has the dtype {array.dtype.str}")
            if not isinstance(text["requires_grad"], bool):
                raise ValueError(f"{name} requires {text['requires_grad']!r} as gradient")
            used[name] = wrap(array)
            used[name].requires_grad = text["requires_grad"]
        return used[name]
    ((kind, content),) = text.items()
    if kind == "float" and isinstance(content, str):
        return float(content)
    if not isinstance(content, list):
        raise ValueError(f"its structure has a {kind!r} that is none")
    if kind == "tuple":
        return tuple(decoded(item, arrays, used) for item in content)
    if kind == "dict":
        return {decoded(key, arrays, used): decoded(value, arrays, used) for key, value in content}
    raise ValueError(f"its structure has an unknown part {kind!r}")


# ------------------------------------------------------------------------------------------------------------ the file


def read(file: IO[bytes]) -> dict[str, Array]:
    """Return all arrays of an archive, each byte of which zip's checksums have seen.

    The checksum of a part is compared when its last byte is read. So a part must end where its array ends: an array whose
    header was altered to be shorter would be taken unchecked.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        # Parts that say they are larger than the file, or that share its bytes, would fill the memory.
        if any(m.compress_type != zipfile.ZIP_STORED for m in members) or sum(m.file_size for m in members) > end:
            raise ValueError("its parts are compressed or larger than it")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ValueError(f"its part {member.filename!r} is no array, or comes twice")
            with archive.open(member) as part:
                arrays[name] = np.lib.format.read_array(part, allow_pickle=False)
                if part.read(1):
                    raise ValueError(f"its part {member.filename!r} is longer than the array in it")
    return arrays


@contextlib.contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block has ended without an error and all is on the disk."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "cannot be replaced by a file", path)
    beside = f"{path}.{os.urandom(8).hex()}.tmp"
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            os.chmod(beside, os.stat(path).st_mode)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    sync_directory(os.path.dirname(path))
    remove_leftovers(path)


def remove_leftovers(path: str) -> None:
    """Remove what writers of `path` left behind that were killed: nothing has been written to it for an hour."""
    directory, name = os.path.split(path)
    leftover = re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if leftover.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > 3600:
                os.unlink(entry.path)


def sync_directory(path: str) -> None:
    """Have the new name of a file on the disk, where the system lets directories be opened for that."""
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
