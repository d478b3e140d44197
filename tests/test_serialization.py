"""save and load: round trips, corrupt and hostile files, and atomicity of writes."""

import copy
import inspect
import io
import json
import math
import os
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minigrad
from minigrad import load, map_tensors, save
from tests.reference import torch

ARRAYS = npst.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.int8, np.uint8, np.bool_]),
    npst.array_shapes(min_dims=0, min_side=0, max_side=4),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.booleans() | st.integers() | st.text() | st.tuples(st.integers(), st.text())
NESTED = st.recursive(
    PLAIN | ARRAYS.map(lambda a: minigrad.tensor(a, dtype=minigrad.dtypes.as_dtype(a.dtype))),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, minigrad.Tensor):
        return a.dtype is b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(equal(*pair) for pair in zip(a, b, strict=True)) and all(equal(a[k], b[k]) for k in a)
    return bool(a == b) or (math.isnan(a) and math.isnan(b))


def saved(obj: Any) -> bytes:
    file = io.BytesIO()
    save(obj, file)
    return file.getvalue()


@given(NESTED)
def test_round_trip(obj: Any) -> None:
    assert equal(load(io.BytesIO(saved(obj))), obj)


def test_strides_requires_grad_and_shared_tensors() -> None:
    x = minigrad.arange(6.0).reshape(2, 3)
    w = minigrad.ones(2, requires_grad=True)
    again = load(io.BytesIO(saved({"t": x.t(), "w": w, "w again": w})))
    assert again["t"].tolist() == x.t().tolist()
    assert again["w"].requires_grad
    assert not again["t"].requires_grad
    assert again["w"] is again["w again"]


LAYOUTS: dict[str, Callable[[minigrad.Tensor], minigrad.Tensor]] = {
    "by rows": lambda x: x,
    "matrix by columns": lambda x: x[0].T,
    "transposed": lambda x: x.transpose(0, 1),
    "permuted": lambda x: x.permute(2, 0, 1),
    "by columns": lambda x: x.permute(2, 1, 0),
    "sliced": lambda x: x[1:],
    "sliced inside": lambda x: x[:, 1:],
    "every second": lambda x: x[:, ::2],
    "backwards": lambda x: x[:, ::-1],
    "last": lambda x: x[..., 0],
    "diagonal": lambda x: x.diagonal(),
    "expanded": lambda x: x[:1].expand(3, 3, 4),
    "0-d": lambda x: x[1, 2, 3],
    "empty": lambda x: x[:0],
    "empty, transposed": lambda x: x[:, :0].transpose(0, 1),
}
ROUTES: dict[str, tuple[Callable[[Any], Any], Literal["A", "C", "K"]]] = {
    "save": (lambda x: load(io.BytesIO(saved(x))), "C"),
    "save in a dict": (lambda x: load(io.BytesIO(saved({"x": [x]})))["x"][0], "C"),
    "pickle": (lambda x: pickle.loads(pickle.dumps(x)), "A"),
    "deepcopy": (copy.deepcopy, "K"),
    "clone": (lambda x: x.clone().detach().requires_grad_(x.requires_grad), "K"),
    "deepcopy of a parameter": (lambda x: copy.deepcopy(parameter(x)), "K"),
    "pickled parameter": (lambda x: pickle.loads(pickle.dumps(parameter(x))), "A"),
}


def parameter(x: minigrad.Tensor) -> minigrad.nn.Parameter:
    return minigrad.nn.Parameter(x.detach(), requires_grad=x.requires_grad)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_through_files_and_copies(layout: str, dtype: str) -> None:
    """The copy is dense, in memory of its own: by rows in a file, else in the order of the original, if it has one."""
    x = LAYOUTS[layout](minigrad.arange(24).reshape(2, 3, 4).to(getattr(minigrad, dtype))).detach()
    for name, (route, order) in ROUTES.items():
        for wanted in {False, x.is_floating_point()}:
            x.requires_grad_(wanted)
            y = route(x)
            ours, theirs = y.detach().numpy(), x.detach().numpy()
            assert (y.dtype, y.shape, y.tolist()) == (x.dtype, x.shape, x.tolist()), name
            assert (y.requires_grad, y.is_leaf, y.grad) == (wanted, True, None), name
            assert ours.flags.writeable, name
            assert not np.may_share_memory(ours, theirs), name
            assert x.numel() == 0 or ours.strides == theirs.copy(order).strides, name


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "expanded"])
def test_every_layout_as_parameter_through_a_state(layout: str) -> None:
    """Loading keeps the memory of the parameter, and its order; what was saved has one of its own."""

    def module(scale: float) -> Any:
        made = minigrad.nn.Module()
        made.w = minigrad.nn.Parameter(LAYOUTS[layout](minigrad.arange(24.0).reshape(2, 3, 4) * scale))
        return made

    first, second, third = module(1), module(2), module(3)
    assert np.may_share_memory(first.state_dict()["w"].numpy(), first.w.detach().numpy()) or not first.w.numel()
    state = load(io.BytesIO(saved(first.state_dict())))
    before = second.w, second.w.detach().numpy().strides
    second.load_state_dict(state)
    assert (second.w, second.w.detach().numpy().strides) == before
    third.load_state_dict(state, assign=True)
    assert first.w.tolist() == second.w.tolist() == third.w.tolist()
    optimizers = [minigrad.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (first, second, third)]
    for m, optimizer in zip((first, second, third), optimizers, strict=True):
        (m.w**2).sum().backward()
        optimizer.step()
        optimizer.load_state_dict(load(io.BytesIO(saved(optimizer.state_dict()))))
        optimizer.step()
    assert first.w.tolist() == second.w.tolist() == third.w.tolist()


def test_numpy_reads_it(tmp_path: Path) -> None:
    save([minigrad.arange(3.0)], tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["structure", "tensor0"]
        assert arrays["tensor0"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("thing", [print, {1, 2}, 1j, np.zeros(2), b"", object()])
def test_unsupported_types_are_named_and_nothing_is_written(thing: Any, tmp_path: Path) -> None:
    file = tmp_path / "x"
    save({"old": 1}, file)
    with pytest.raises(TypeError, match=r"cannot save object\['a'\]\[1\]"):
        save({"a": [0, thing]}, file)
    assert load(file) == {"old": 1}
    assert os.listdir(tmp_path) == ["x"]


def test_recursive_containers_are_refused() -> None:
    nested: list[Any] = [1]
    nested.append(nested)
    with pytest.raises(ValueError, match=r"cannot save object\[1\]: it contains itself"):
        saved(nested)


WHOLE = saved({"w": minigrad.arange(50.0), "b": [minigrad.ones(3), 2.5]})


@given(st.integers(0, len(WHOLE) - 1))
def test_truncated_files_are_refused(length: int) -> None:
    with pytest.raises(RuntimeError, match="not a complete file"):
        load(io.BytesIO(WHOLE[:length]))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_corrupt_bytes_are_detected(position: int, change: int) -> None:
    """A changed byte is detected, unless it is metadata such as a date."""
    data = bytearray(WHOLE)
    data[position] ^= change
    try:
        obj = load(io.BytesIO(bytes(data)))
    except RuntimeError:
        return
    assert equal(obj, load(io.BytesIO(WHOLE)))


def test_every_byte_of_the_content_is_checked() -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        for member in archive.infolist():
            data = bytearray(WHOLE)
            data[data.index(archive.read(member)) + member.file_size // 2] ^= 1
            with pytest.raises(RuntimeError, match="not a complete file"):
                load(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("shape", ["(500 ,)", "(1000,)", "( 000,)"])
def test_a_smaller_shape_in_a_header_is_detected(shape: str) -> None:
    """zipfile compares the checksum only at the end of the member, which would not be read."""
    data = saved(minigrad.arange(5000.0))
    with pytest.raises(RuntimeError, match="not a complete file"):
        load(io.BytesIO(data.replace(b"(5000,)", shape.encode())))


def file_with(structure: Any, **arrays: Any) -> bytes:
    text = structure if isinstance(structure, str) else json.dumps(structure)
    return npz(structure=np.frombuffer(text.encode(), np.uint8), **arrays)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("structure.npy", bytes(10**6))
    return file.getvalue()


def huge() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
        archive.writestr("structure.npy", header.getvalue())
    return file.getvalue()


def overlapping_members() -> bytes:
    """Return an archive whose members share bytes: a file of 9 kB that claims 80 kB."""
    data = npz(structure=np.frombuffer(b"[]", np.uint8), tensor0=np.zeros(1000))
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[data.index(b"PK\x01\x02", start + 4) : end]
    entries = data[start:end] + b"".join(entry.replace(b"tensor0", b"tensor%d" % k) for k in range(1, 10))
    return data[:start] + entries + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 11, 11, len(entries), start, 0)


def with_member(name: str) -> bytes:
    file = io.BytesIO(npz(structure=np.frombuffer(b"[]", np.uint8)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicates
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(name, npy())
    return file.getvalue()


HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "pickle": b"\x80\x04\x8c\x02os\x94.",
    "npy": npy(),
    "no structure": npz(a=np.zeros(3)),
    "object array": npz(structure=np.array([{}], object)),
    "invalid JSON": file_with("{"),
    "deep": file_with("[" * 100_000 + "]" * 100_000),
    "unknown tag": file_with({"function": "os.system"}),
    "two tags": file_with({"tuple": [], "dict": []}),
    "missing tensor": file_with({"tensor": "tensor0", "requires_grad": False}),
    "unused tensor": file_with([], tensor0=np.zeros(3)),
    "requires_grad of integers": file_with({"tensor": "t", "requires_grad": True}, t=np.zeros(3, np.int64)),
    "complex": file_with({"tensor": "t", "requires_grad": False}, t=np.zeros(3, complex)),
    "string array": file_with({"tensor": "t", "requires_grad": False}, t=np.array(["a"])),
    "big-endian": file_with({"tensor": "t", "requires_grad": False}, t=np.zeros(3, ">f4")),
    "requires_grad is not a boolean": file_with({"tensor": "t", "requires_grad": "yes"}, t=np.zeros(3)),
    "tuple of a string": file_with({"tuple": "abc"}),
    "float is not a string": file_with({"float": True}),
    "list as key": file_with({"dict": [[[], 1]]}),
    "compressed": bomb(),
    "larger than the file": huge(),
    "overlapping members": overlapping_members(),
    "foreign member": with_member("tensor0"),
    "duplicate member": with_member("structure.npy"),
}


def test_too_little_stack_is_not_the_fault_of_the_file() -> None:
    nested: Any = 1.5
    for _ in range(99):
        nested = {"a": nested}
    content = saved(nested)

    def load_below(frames: int) -> Any:
        return load_below(frames - 1) if frames else load(io.BytesIO(content))

    with pytest.raises(RecursionError):
        load_below(sys.getrecursionlimit() - len(inspect.stack()) - 80)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        load(io.BytesIO(HOSTILE[name]))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


WRITER = """
import sys, minigrad
for k in range(1_000_000):
    minigrad.save({"k": k, "w": minigrad.full((20_000,), float(k))}, sys.argv[1])
    if k == 0:
        print("ready", flush=True)
"""


def test_a_killed_process_leaves_a_complete_file(tmp_path: Path) -> None:
    for delay in (0.0, 0.011, 0.023, 0.031, 0.047):
        file = tmp_path / "checkpoint"
        with subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            try:
                writer.wait(delay)
            except subprocess.TimeoutExpired:
                writer.kill()
        state = load(file)
        assert (state["w"] == float(state["k"])).all()


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_an_error_while_writing_leaves_the_old_file(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    save("old", file)

    def fail(*arguments: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(*{"write": (np, "savez"), "fsync": (os, "fsync"), "replace": (os, "replace")}[moment], fail)
    with pytest.raises(OSError, match="no space left"):
        save("new", file)
    monkeypatch.undo()
    assert load(file) == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_stale_temporary_files_are_removed(tmp_path: Path) -> None:
    old, new, other = (tmp_path / f"x.{'0' * 15}{k}.tmp" for k in range(3))
    other = other.with_name("y" + other.name[1:])
    for file in (old, new, other):
        file.write_bytes(b"part")
    for file in (old, other):
        os.utime(file, (1, 1))
    save(1, tmp_path / "x")
    assert sorted(os.listdir(tmp_path)) == ["x", new.name, other.name]


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="cannot be replaced by a file"):
        save(1, tmp_path / "directory")
    assert os.listdir(tmp_path) == ["directory"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among files")
def test_a_device_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="cannot be replaced by a file"):
        save(1, tmp_path / "pipe")
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links, and knows no modes")
def test_a_symbolic_link_is_followed_and_the_mode_kept(tmp_path: Path) -> None:
    file, link = tmp_path / "x", tmp_path / "link"
    save(1, file)
    file.chmod(0o640)
    link.symlink_to(file)
    save(2, link)
    assert link.is_symlink()
    assert load(file) == 2
    assert file.stat().st_mode & 0o777 == 0o640


def test_map_tensors_copies() -> None:
    x = minigrad.zeros(2)
    nested = map_tensors(lambda a: a, {"a": [x, (x, 1)], 2: "b"})
    nested["a"][0][0] = 5
    assert x.tolist() == [0, 0]
    assert nested["a"][1][0].tolist() == [0, 0]
    assert nested[2] == "b"


def test_numpy_scalars_are_saved_as_python_scalars() -> None:
    buffer = io.BytesIO()
    save({"loss": np.float32(0.1), "n": np.int64(3), "best": np.bool_(True), "lr": np.float64(0.5), np.int64(4): 1}, buffer)
    buffer.seek(0)
    assert load(buffer) == {"loss": float(np.float32(0.1)), "n": 3, "best": True, "lr": 0.5, 4: 1}


@pytest.mark.parametrize("location", [None, "cpu", minigrad.device("cpu"), {"cuda:0": "cpu"}, lambda storage, place: storage])
def test_load_takes_the_options_of_torch(location: Any) -> None:
    buffer = io.BytesIO()
    save([1], buffer)
    buffer.seek(0)
    assert load(buffer, map_location=location, weights_only=True) == [1]


@pytest.mark.parametrize("location", ["cuda", {"cpu": "cuda:1"}])
def test_load_refuses_another_device(location: Any) -> None:
    with pytest.raises(RuntimeError, match="CPU"):
        load("a file that is not looked at", location)


def test_the_error_for_files_of_other_programs_says_how_to_convert_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", w=np.ones(2))
    np.save(tmp_path / "a.npy", np.ones(2))
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt")
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name, remedy in (("a.npz", r"numpy\.load"), ("a.npy", r"numpy\.load"), ("a.pt", "torch"), ("old.pt", "torch")):
        with pytest.raises(RuntimeError, match=remedy):
            load(tmp_path / name)
