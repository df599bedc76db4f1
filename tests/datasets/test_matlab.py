import time

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

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


@pytest.mark.parametrize("version", [5, 73])
def test_same_values_same_bytes_whatever_the_time(tmp_path, version, monkeypatch):
    for name in ("first.mat", "second.mat"):
        if version == 5:
            matlab.write_version_5(tmp_path / name, {"numbers": np.eye(2)})
        else:
            with matlab.Version73Writer(tmp_path / name) as writer:
                writer.put("numbers", np.eye(2))
                writer.put("names", ["bk"])
        time.sleep(1.1)  # both formats' clocks tick in seconds
    assert (tmp_path / "first.mat").read_bytes() == (tmp_path / "second.mat").read_bytes()


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
