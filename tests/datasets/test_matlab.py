import io
import struct
import time
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fashion_tf.datasets import matlab
from fashion_tf.errors import DataError


def struct_array(rows):
    """What `scipy.io.savemat` writes as a 1 x n array of structs."""
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for column, row in enumerate(rows):
        array[0, column] = tuple(row.values())
    return array


def cells(values):
    array = np.empty((1, len(values)), dtype=object)
    array[0, :] = values
    return array


def test_version_5_values(tmp_path):
    path = tmp_path / "old.mat"
    numbers = np.arange(6, dtype=np.uint8).reshape(2, 3)
    matlab.write_version_5(path, {
        "numbers": numbers, "names": cells(["bk", "hat"]), "empty": "",
        "people": struct_array([{"age": 7, "name": "a"}, {"age": 8, "name": "b"}]),
    })
    found = matlab.read_mat(path, "numbers", "names", "people", "empty")
    np.testing.assert_array_equal(found["numbers"], numbers)
    assert found["names"] == ["bk", "hat"]
    assert found["empty"] == ""
    assert [(int(person["age"][0, 0]), person["name"]) for person in found["people"]] == [
        (7, "a"), (8, "b")]


def test_version_73_values_come_back_in_matlabs_shape(tmp_path):
    path = tmp_path / "new.mat"
    numbers = np.arange(12.0).reshape(4, 3)
    with matlab.Version73Writer(path) as writer:
        writer.put("numbers", numbers)
        writer.put("names", ["bk", "hat"])
        writer.put("people", [{"name": "ab", "age": np.array([[7.0]])}])
    found = matlab.read_mat(path, "numbers", "names", "people")
    np.testing.assert_array_equal(found["numbers"], numbers)
    assert found["names"] == ["bk", "hat"]
    assert found["people"][0][0]["name"] == "ab"
    with h5py.File(path) as file:  # the layout MATLAB gives: transposed, codes of letters, classes
        assert file["numbers"].shape == (3, 4)
        assert file["numbers"].attrs["MATLAB_class"] == b"double"
        name = file[file["names"][0, 1]]
        assert name.dtype == np.uint16
        assert name[:, 0].tolist() == [104, 97, 116]


def test_version_73_struct_array(tmp_path):
    """MATLAB stores an array of structs as one dataset of references for each field."""
    path = tmp_path / "new.mat"
    with matlab.Version73Writer(path) as writer:
        writer.put("unused", ["x", np.array([[3.0]]), "y", np.array([[4.0]])])
        file = writer.file
        reference = [file[f"#refs#/{number}"].ref for number in range(4)]
        people = file.create_group("people")
        for name, pair in {"name": reference[::2], "age": reference[1::2]}.items():
            people.create_dataset(name, (2, 1), dtype=h5py.ref_dtype)[:, 0] = pair
    people = matlab.read_mat(path, "people")["people"]
    assert [(person["name"], person["age"][0, 0]) for person in people] == [("x", 3.0), ("y", 4.0)]


def test_version_73_empty_char(tmp_path):
    """MATLAB stores the size of an empty array, not its contents."""
    path = tmp_path / "new.mat"
    with matlab.Version73Writer(path) as writer:
        item = writer.file.create_dataset("name", data=np.zeros(2, np.uint64))
        item.attrs["MATLAB_class"], item.attrs["MATLAB_empty"] = np.bytes_(b"char"), np.uint8(1)
    assert matlab.read_mat(path, "name") == {"name": ""}


def test_same_values_same_bytes_whatever_the_time(tmp_path):
    def written(name):
        matlab.write_version_5(tmp_path / f"{name} 5.mat", {"numbers": np.eye(2)})
        with matlab.Version73Writer(tmp_path / f"{name} 73.mat") as writer:
            writer.put("numbers", np.eye(2))
            writer.put("names", ["bk"])
        return [(tmp_path / f"{name} {version}.mat").read_bytes() for version in (5, 73)]

    first = written("first")
    time.sleep(1.1)  # both formats' clocks tick in seconds
    assert first == written("second")


def test_scipy_reads_what_is_written(tmp_path):
    matlab.write_version_5(tmp_path / "old.mat", {"numbers": np.eye(2)})
    np.testing.assert_array_equal(loadmat(tmp_path / "old.mat")["numbers"], np.eye(2))


def test_interrupted_writing_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), matlab.Version73Writer(tmp_path / "new.mat"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def write(path, version):
    if version == 5:
        matlab.write_version_5(path, {"numbers": np.eye(50)})
    else:
        with matlab.Version73Writer(path) as writer:
            writer.put("numbers", np.eye(50))


@pytest.mark.parametrize("version", [5, 73])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_off(tmp_path, version, share):
    path = tmp_path / "cut.mat"
    write(path, version)
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"cut\.mat.*cut off or damaged"):
        matlab.read_mat(path, "numbers")


@pytest.mark.parametrize("version", [5, 73])
def test_missing_variable(tmp_path, version):
    path = tmp_path / "other.mat"
    write(path, version)
    with pytest.raises(DataError, match=r"other\.mat: holds no variable truths; it has numbers"):
        matlab.read_mat(path, "truths")


def test_absent(tmp_path):
    with pytest.raises(DataError, match=r"none\.mat: no such file"):
        matlab.read_mat(tmp_path / "none.mat", "x")


def test_folder_in_its_place(tmp_path):
    with pytest.raises(DataError, match="a folder stands"):
        matlab.read_mat(tmp_path, "x")


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>"])
def test_no_matlab_file(tmp_path, content):
    (tmp_path / "page.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"page\.mat: not a MATLAB file"):
        matlab.read_mat(tmp_path / "page.mat", "x")


def test_older_version_where_73_belongs(tmp_path):
    write(tmp_path / "old.mat", 5)
    with pytest.raises(DataError, match=r"older than version 7\.3"):
        matlab.open_version_73(tmp_path / "old.mat")


# --- against scipy's reader --------------------------------------------------------------------


def same(ours, theirs):
    if theirs.dtype.names:
        return len(ours) == theirs.size and all(
            set(one) == set(theirs.dtype.names) and all(same(one[name], record[name]) for name in one)
            for one, record in zip(ours, theirs.ravel(order="F")))
    if theirs.dtype == object:
        return len(ours) == theirs.size and all(map(same, ours, theirs.ravel(order="F")))
    if theirs.dtype.kind == "U":
        return ours == (str(theirs.ravel()[0]) if theirs.size else "")
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and np.array_equal(ours, theirs)


@pytest.mark.parametrize("compressed", [False, True])
def test_version_5_is_read_as_scipy_reads_it(tmp_path, compressed):
    path, draw = tmp_path / "old.mat", np.random.default_rng(0)
    values = {
        **{kind: draw.integers(0, 100, (3, 5)).astype(kind) for kind in (
            "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")},
        "whole": np.array([[1.0, 2.0]]), "scalar": np.float64(2.5), "none": np.zeros((0, 3)),
        "cube": draw.random((2, 3, 4)), "truth": np.array([[True, False]]), "waves": draw.random((2, 2)) * (1 + 2j),
        "text": "Möbius \u20ac", "letters": np.array(["one", "two"]), "nothing": "", "char": "x",
        "cells": cells([1, "two", cells([3.0, "four"]), np.zeros((0, 0))]),
        "people": struct_array([{"age": 7, "a_name_of_many_letters": "a"},
                                {"age": cells(["b"]), "a_name_of_many_letters": np.eye(2)}]),
    }
    savemat(path, values, do_compression=compressed)
    theirs, ours = loadmat(path), matlab.read_mat(path, *values)
    assert set(ours) == set(values)
    for name in values:
        assert same(ours[name], theirs[name]), name
    assert ours["u1"].flags.writeable
    assert set(matlab.read_mat(path, "cube")) == {"cube"}


def test_what_is_neither_numbers_text_cells_nor_structs_is_none(tmp_path):
    from scipy.sparse import eye

    savemat(tmp_path / "a.mat", {"sparse": eye(3, format="csc"), "b": np.eye(2)})
    assert matlab.read_mat(tmp_path / "a.mat", "sparse") == {"sparse": None}
    np.testing.assert_array_equal(matlab.read_mat(tmp_path / "a.mat", "b")["b"], np.eye(2))


# --- files from strangers ----------------------------------------------------------------------


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, shape, contents, name=b"x"):
    return element(14, element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
                   + element(1, name) + contents)


def nested(depth):
    """Cells in cells: their heads, then what the innermost holds."""
    inner = matrix(9, (1, 1), element(2, b"7"))
    head = matrix(1, (1, 1), b"")[8:]
    sizes = [len(inner) + (len(head) + 8) * level + len(head) for level in range(depth)]
    return b"".join(struct.pack("<II", 14, size) + head for size in reversed(sizes)) + inner


def packed(content):
    data = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(data)) + data


def write_5(path, contents):
    path.write_bytes(matlab.HEADER_5 + bytes(8) + b"\x00\x01IM" + contents)
    return path


ATTACKS_5 = {
    "cells nested": (lambda: nested(20_000), "nested more than 32 deep"),
    "cells nested and packed": (lambda: packed(nested(3_000)), "nested more than 32 deep"),
    "cells without end": (lambda: matrix(1, (30_000, 60_000), b""), "more than 500,000 arrays"),
    "a cell array of a negative size": (lambda: matrix(1, (-3, 5), b""), "cut off or damaged"),
    "structs without fields": (lambda: matrix(2, (2**30, 1), element(5, struct.pack("<i", 8)) + element(1, b"")),
                               "more than 500,000 arrays"),
    "numbers that are not there": (lambda: matrix(6, (60_000, 60_000), element(9, bytes(8))), "cut off or damaged"),
    "a dimension for each byte": (lambda: matrix(6, [1] * 10_000, element(9, bytes(8))), "cut off or damaged"),
    "zeros packed": (lambda: packed(matrix(9, (8_000, 10_000), element(2, bytes(8 * 10**7)))),
                     "unpacks to more than 68,"),
    "zeros packed under a small size": (
        lambda: packed(struct.pack("<II", 14, 64) + matrix(9, (1_000, 1_000), element(2, bytes(10**6)))[8:]),
        "cut off or damaged"),
    "empty cells packed": (lambda: packed(matrix(1, (1000, 5000), struct.pack("<II", 14, 0) * 5_000_000)),
                           "more than 500,000 arrays"),
    "many variables packed": (lambda: packed(matrix(9, (1, 10**7), element(2, bytes(10**7)))) * 100, "unpacks to more"),
}


@pytest.mark.parametrize("attack", ATTACKS_5)
def test_a_version_5_file_that_announces_too_much_is_refused(tmp_path, attack):
    make, message = ATTACKS_5[attack]
    path = write_5(tmp_path / "bomb.mat", make())
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"bomb\.mat: .*{message}"):
            matlab.read_mat(path, "x")
        assert tracemalloc.get_traced_memory()[1] < 150e6
    finally:
        tracemalloc.stop()


def test_changed_bytes_end_in_values_or_in_a_sentence(tmp_path):
    """scipy's reader ends the process on some of these."""
    draw, buffer = np.random.default_rng(0), io.BytesIO()
    values = {"x": struct_array([{"age": 7, "name": "a", "c": cells([1, "b"])}]), "y": draw.random((3, 3))}
    for compressed in (False, True):
        buffer = io.BytesIO()
        savemat(buffer, values, do_compression=compressed)
        whole = np.frombuffer(buffer.getvalue(), np.uint8)
        for _ in range(150):
            changed = whole.copy()
            changed[draw.integers(124, len(whole), 3)] = draw.integers(0, 256, 3)
            path = tmp_path / "changed.mat"
            path.write_bytes(changed.tobytes())
            try:
                matlab.read_mat(path, "x", "y")
            except DataError as error:
                assert str(path) in str(error)


def hdf5(path, make):
    with matlab.Version73Writer(path) as writer:
        make(writer.file, writer)
    return path


def reference_to(file, name, *, again):
    """A cell array that holds the item so many times."""
    item = file.create_dataset(f"cells/{len(file.get('cells', ()))}", (again, 1), dtype=h5py.ref_dtype)
    item[:, 0] = [file[name].ref] * again
    return item.name


def multiply(file, writer):
    writer.put("zero", np.zeros((100, 100)))
    name = "zero"
    for _ in range(6):
        name = reference_to(file, name, again=100)
    file["x"] = file[name]


def cycle(file, writer):
    item = file.create_dataset("x", (1, 1), dtype=h5py.ref_dtype)
    item[0, 0] = item.ref


def bomb(file, _):
    file.create_dataset("x", (60_000, 62_500), "f8", chunks=(10, 10), compression="gzip")


def chunk(file, _):
    file.create_dataset("x", (10, 10), "f8", chunks=(10, 10), maxshape=(None, None))
    file.create_dataset("y", (1, 1), "f8", chunks=(20_000, 20_000), maxshape=(None, None))
    del file["x"]
    file["x"] = file["y"]


def no_size(file, _):
    file.create_dataset("x", data=["text"], dtype=h5py.string_dtype())


@pytest.mark.parametrize(("make", "message"), [
    (multiply, "bomb.mat: it .* more than"), (cycle, "nested more than 32 deep"), (bomb, "unpacks to more than"),
    (chunk, "unpacks to more than"), (no_size, "values of no fixed size"),
])
def test_a_version_73_file_that_announces_too_much_is_refused(tmp_path, make, message):
    path = hdf5(tmp_path / "bomb.mat", make)
    with pytest.raises(DataError, match=message):
        matlab.read_mat(path, "x")


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("kind", ["external storage", "external link", "soft link", "virtual"])
def test_a_version_73_file_reads_nothing_outside_of_itself(tmp_path, kind, inside):
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"the secret of this machine\n")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["data"] = np.frombuffer(secret.read_bytes(), np.uint8)

    def make(file, _):
        group, name = (file.create_group("x"), "field") if inside else (file, "x")
        if kind == "external storage":
            group.create_dataset(name, (27,), "u1", external=[(str(secret), 0, 27)])
        elif kind == "external link":
            group[name] = h5py.ExternalLink(str(other), "/data")
        elif kind == "soft link":
            file["y"] = np.eye(2)
            group[name] = h5py.SoftLink("/y")
        else:
            layout = h5py.VirtualLayout((27,), "u1")
            layout[:] = h5py.VirtualSource(str(other), "data", (27,))
            group.create_virtual_dataset(name, layout)

    path = hdf5(tmp_path / "strange.mat", make)
    with pytest.raises(DataError, match=r"strange\.mat: .*(lies in other files|is a link to somewhere else); refused"):
        matlab.read_mat(path, "x")


def test_a_name_that_is_no_text_is_no_traceback(tmp_path):
    path = hdf5(tmp_path / "a.mat", lambda file, _: file.create_dataset(b"\xff", data=np.eye(2)))
    with pytest.raises(DataError, match=r"a\.mat: holds no variable x; it has b'"):
        matlab.read_mat(path, "x")
