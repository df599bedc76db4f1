import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tf.datasets.files import (
    drop_absent,
    leads_out,
    list_pictures,
    listed_by_stem,
    picture_at,
    present,
    read_json,
    read_lines,
    read_text,
    require_folder,
    shown,
    text_column,
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


def test_numbers_of_thousands_of_digits_and_other_kinds_of_file(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ' + "9" * 5000 + "}")
    with pytest.raises(DataError, match=r"a\.json: holds a number of thousands of digits"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").mkdir()
    with pytest.raises(DataError, match=r"b\.json: cannot be read: a folder stands where a file"):
        read_json(tmp_path / "b.json")
    with pytest.raises(DataError, match=r"a\.json: 5,007 bytes; files of this kind above 100 bytes"):
        read_text(tmp_path / "a.json", maximum=100)
    if hasattr(os, "mkfifo"):  # a pipe would be waited for without end
        os.mkfifo(tmp_path / "c.json")
        with pytest.raises(DataError, match=r"c\.json: cannot be read: something else"):
            read_json(tmp_path / "c.json")


@pytest.mark.parametrize(("name", "out"), [
    ("../a.jpg", True), ("a/../../b.jpg", True), ("a/..", True), ("/etc/a.jpg", True), ("..\\a.jpg", True),
    ("\\\\host\\a.jpg", True), ("C:\\a.jpg", True), ("C:/a.jpg", True), ("a\0.jpg", True), ("..", True),
    ("a..jpg", False), ("img/a b/..c.jpg", False), ("a:b.jpg", False), ("ü/é.jpg", False), ("...", False)])
def test_names_that_lead_out(name, out):
    assert leads_out(name) is out


def test_listing_by_stem(tmp_path):
    for name in ("2.MAT", "1.mat", "._1.mat", ".DS_Store", "Thumbs.db", "desktop.ini", "note.txt", "3.mat.bak"):
        (tmp_path / name).touch()
    (tmp_path / "@eaDir").mkdir()
    assert listed_by_stem(tmp_path, (".mat",)) == ({"1": "1.mat", "2": "2.MAT"}, ["3.mat.bak", "note.txt"])
    (tmp_path / "2.mat").touch()
    with pytest.raises(DataError, match=r"2\.mat: differs from 2\.MAT only in its ending"):
        listed_by_stem(tmp_path, (".mat",))
    with pytest.raises(DataError, match="cannot be listed"):
        listed_by_stem(tmp_path / "none", (".mat",))


def test_pictures_are_told_by_content_and_others_named(tmp_path):
    picture = Image.new("RGB", (4, 3))
    for name, kind in (("a.jpg", "JPEG"), ("b.jfif", "JPEG"), ("d.gif", "GIF"), ("e.JPE", "JPEG"), ("f", "PNG"),
                       ("g.txt", "WEBP"), ("._a.jpg", "JPEG")):
        picture.save(tmp_path / name, kind)
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "h.jpg").write_text("<!DOCTYPE html>")
    (tmp_path / "i.jpg").touch()
    (tmp_path / "j.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "k.jpg").mkdir()
    (tmp_path / "Thumbs.db").touch()
    paths, skipped = list_pictures(tmp_path)
    assert [os.path.basename(path) for path in paths] == ["a.jpg", "b.jfif", "c.heic", "d.gif", "e.JPE", "f", "g.txt"]
    assert [sentence.partition(":")[0] for sentence in skipped] == ["h.jpg", "i.jpg", "j.jpg"]
    assert "begins with b'<!DOCTYP'" in skipped[0] and "empty" in skipped[1] and "cannot be read" in skipped[2]


def test_another_ending_is_taken_and_said(tmp_path):
    table = listed(tmp_path, 4, absent=(1, 2))
    (tmp_path / "1.JPG").touch()
    (tmp_path / "2.png").touch()
    (tmp_path / "2.txt").touch()
    (tmp_path / "._2.jpeg").touch()
    found, notes = drop_absent(table, "train.csv", tmp_path)
    assert [os.path.basename(path) for path in found["image"]] == ["0.jpg", "1.JPG", "2.png", "3.jpg"]
    assert notes == ("2 images have another ending than listed and are taken, the first being 1.JPG.",)
    assert picture_at(tmp_path / "2.jpg") == str(tmp_path / "2.png")
    assert picture_at(tmp_path / "9.jpg") == str(tmp_path / "9.jpg")
    (tmp_path / "2.gif").touch()
    with pytest.raises(DataError, match=r"2\.jpg: absent, and which of 2\.gif, 2\.png is meant"):
        drop_absent(table, "train.csv", tmp_path)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_out_of_the_dataset_are_refused(tmp_path, what):
    private, data = tmp_path / "private", tmp_path / "data"
    for folder in (private, data / "img"):
        folder.mkdir(parents=True)
        (folder / "0.jpg").touch()
    if what == "file":
        (data / "img" / "1.jpg").symlink_to(private / "0.jpg")
        table = pd.DataFrame({"image": [str(data / "img" / name) for name in ("0.jpg", "1.jpg")]})
    else:
        (data / "more").symlink_to(private)
        table = pd.DataFrame({"image": [str(data / "img" / "0.jpg"), str(data / "more" / "0.jpg")]})
    with pytest.raises(DataError, match=r"(1\.jpg|more): leads out of the dataset's folder"):
        drop_absent(table, "train.csv", data)
    # Links within the dataset, and a dataset that is itself a link, are the user's own order.
    (data / "img" / "2.jpg").symlink_to(data / "img" / "0.jpg")
    (tmp_path / "link").symlink_to(data)
    table = pd.DataFrame({"image": [str(tmp_path / "link" / "img" / "2.jpg")]})
    assert len(drop_absent(table, "train.csv", tmp_path / "link")[0]) == 1


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
def test_names_that_are_no_utf_8(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        Image.new("RGB", (4, 3)).save(tmp_path / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    paths, _ = list_pictures(tmp_path)
    assert paths == [os.path.join(tmp_path, name)]
    table, notes = drop_absent(pd.DataFrame({"image": text_column(paths)}), "list", tmp_path)
    assert table["image"].tolist() == paths and notes == ()
    assert shown(name).encode() == b"caf\\udce9.jpg" and shown("a\x1b[31m") == "a\\x1b[31m"


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
    kept, notes = drop_absent(table, "train.csv", tmp_path)
    assert kept["number"].tolist() == [number for number in range(40) if number not in (3, 7)]
    assert kept.index.tolist() == list(range(38))
    assert notes == ("2 of 40 images listed are absent (5.00%) and left out, the first being "
                     "3.jpg.",)
    whole, none = drop_absent(kept, "train.csv", tmp_path)
    assert none == ()
    assert whole.equals(kept)


def test_too_many_absent_images_are_an_error(tmp_path):
    table = listed(tmp_path, 40, absent=(3, 7, 9))
    with pytest.raises(DataError, match=r"train\.csv: 3 of 40 images listed are absent \(7\.5%; "
                       r"up to 5%.*3\.jpg"):
        drop_absent(table, "train.csv", tmp_path)
    kept, _ = drop_absent(table, "train.csv", tmp_path, allowed=0.1)
    assert len(kept) == 37
    with pytest.raises(DataError, match="2 of 2 images listed are absent"):
        drop_absent(listed(tmp_path / "gone", 0).reindex(range(2)).assign(image="gone/x.jpg"),
                    "train.csv", tmp_path, allowed=1.0)


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
