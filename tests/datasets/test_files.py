import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tf.datasets.files import (
    drop_absent,
    present,
    read_json,
    read_lines,
    read_text,
    require_folder,
    write_picture,
    write_text,
)
from fashion_tf.errors import DataError


def listed(folder, count, absent=()):
    for number in range(count):
        if number not in absent:
            (folder / f"{number}.jpg").touch()
    return pd.DataFrame({"image": [str(folder / f"{number}.jpg") for number in range(count)],
                         "number": range(count)})


def test_a_folder_is_required(tmp_path):
    assert require_folder(str(tmp_path), "photos") == tmp_path
    with pytest.raises(DataError, match=r"nowhere: no such folder\. It should hold the photos\."):
        require_folder(tmp_path / "nowhere", "the photos")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        require_folder(tmp_path / "file", "the photos")


@pytest.mark.parametrize(("data", "lines"), [
    (b"a b\r\nc\n\nd\n\n", ["a b", "c", "", "d"]),
    (b"\xef\xbb\xbffirst\rsecond", ["first", "second"]),
    ("é\x0cü\n".encode(), ["é\x0cü"]),  # a form feed ends no line
    (b"", []),
    (b"\n", []),
])  # fmt: skip
def test_lines_are_those_an_editor_counts(tmp_path, data, lines):
    (tmp_path / "list.txt").write_bytes(data)
    assert read_lines(tmp_path / "list.txt") == lines


def test_text_that_is_not_utf_8_is_named_by_line(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"one\ntwo\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"list\.txt, line 3: byte 0xe9 is not UTF-8"):
        read_text(tmp_path / "list.txt")
    with pytest.raises(DataError, match="no such file"):
        read_lines(tmp_path / "other.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)


def test_json_errors_name_line_and_column(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, 2]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2]}
    (tmp_path / "b.json").write_text('{"a": 1,\n"b": [1, 2')
    with pytest.raises(DataError, match=r"b\.json, line 2, column \d+: not JSON"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="nested too deeply"):
        read_json(tmp_path / "c.json")


def test_present_tells_each_file(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.jpg").touch()
    (tmp_path / "here" / "Ünï.jpg").touch()
    found = present([tmp_path / "here" / "a.jpg", str(tmp_path / "here" / "b.jpg"),
                     tmp_path / "gone" / "a.jpg", tmp_path / "here" / "Ünï.jpg"])
    assert found.tolist() == [True, False, False, True]
    assert present([]).shape == (0,)


def test_absent_images_are_left_out_and_counted(tmp_path):
    table = listed(tmp_path, 40, absent=(3, 7))
    kept, notes = drop_absent(table, "train.csv")
    assert kept["number"].tolist() == [number for number in range(40) if number not in (3, 7)]
    assert kept.index.tolist() == list(range(38))
    assert notes == ("2 of 40 images listed are absent (5.00%) and left out, the first being "
                     "3.jpg.",)
    whole, none = drop_absent(kept, "train.csv")
    assert none == ()
    assert whole.equals(kept)


def test_too_many_absent_images_are_an_error(tmp_path):
    table = listed(tmp_path, 40, absent=(3, 7, 9))
    with pytest.raises(DataError, match=r"train\.csv: 3 of 40 images listed are absent \(7\.5%; "
                       r"up to 5%.*3\.jpg"):
        drop_absent(table, "train.csv")
    kept, _ = drop_absent(table, "train.csv", allowed=0.1)
    assert len(kept) == 37
    with pytest.raises(DataError, match="2 of 2 images listed are absent"):
        drop_absent(listed(tmp_path / "gone", 0).reindex(range(2)).assign(image="gone/x.jpg"),
                    "train.csv", allowed=1.0)


def test_written_files_read_back(tmp_path):
    write_text(tmp_path / "deep" / "list.txt", "a\nü\n")
    assert (tmp_path / "deep" / "list.txt").read_bytes() == "a\nü\n".encode()
    image = np.zeros((12, 8, 3), np.uint8)
    image[:, 4:] = (250, 120, 30)
    write_picture(tmp_path / "photos" / "a.png", image)
    assert (np.asarray(Image.open(tmp_path / "photos" / "a.png")) == image).all()
    write_picture(tmp_path / "photos" / "a.jpg", image)
    back = np.asarray(Image.open(tmp_path / "photos" / "a.jpg")).astype(int)
    assert np.abs(back - image).mean() < 3
