import pytest

from fashion_tf.datasets import fashionstyle14
from fashion_tf.errors import DataError

STYLES = fashionstyle14.CLASSES


def photos(count, start=0):
    return [f"dataset/{STYLES[row % 14]}/{STYLES[row % 14]}_{row:04d}.jpg"
            for row in range(start, start + count)]


def lay_out(folder, train, val, test, complete=None, absent=(), val_name="val.csv"):
    lists = {"train.csv": train, val_name: val, "test.csv": test,
             "complete_dataset.csv": train + val + test if complete is None else complete}
    for name, paths in lists.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(paths) + "\n")
    for path in {*train, *val, *test} - set(absent):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.mark.parametrize("inner", ["", "FashionStyle14_v1"])
@pytest.mark.parametrize("val_name", ["val.csv", "valid.csv"])
def test_both_layouts_and_both_names(tmp_path, inner, val_name):
    lay_out(tmp_path / inner, photos(28), photos(14, 28), photos(14, 42), val_name=val_name)
    dataset = fashionstyle14.read(tmp_path)
    table = dataset.table
    assert dataset.classes == STYLES
    assert len(STYLES) == 14
    # The first line is a photo, not a header.
    assert table["image_name"].tolist() == photos(56)
    assert table["image"][0] == str(tmp_path / inner / photos(1)[0])
    assert dataset.labels.tolist() == [row % 14 for row in range(56)]
    assert table["split"].tolist() == ["train"] * 28 + ["validation"] * 14 + ["test"] * 14
    assert table["group"].is_unique
    assert dataset.notes == ("56 photos are listed in the splits, not the paper's 13,126.",)


def test_windows_paths_and_endings(tmp_path):
    lay_out(tmp_path, photos(3), photos(1, 3), photos(1, 4))
    path = tmp_path / "train.csv"
    path.write_bytes(path.read_bytes().replace(b"/", b"\\").replace(b"\n", b"\r\n"))
    assert fashionstyle14.read(tmp_path).table["image_name"].tolist()[:3] == photos(3)


def test_discrepancies_are_set_right_and_counted(tmp_path):
    train = photos(40)
    lay_out(tmp_path, [*train, train[5]], [*photos(4, 40), train[0]], [*photos(10, 50), train[1]],
            complete=photos(48))
    (tmp_path / "dataset" / "rock" / "extra.PNG").touch()
    (tmp_path / "dataset" / "rock" / "Thumbs.db").touch()
    dataset = fashionstyle14.read(tmp_path)
    split = dict(zip(dataset.table["image_name"], dataset.table["split"]))
    assert len(dataset) == 54
    assert split[train[0]] == "validation"
    assert split[train[1]] == "test"
    assert split[train[5]] == "train"
    assert dataset.notes == (
        "train.csv: 1 lines stand twice and count once.",
        "2 photos are listed in two splits and count in the later of train, validation and test, "
        f"the first being {train[0]}.",
        "54 photos are listed in the splits, not the paper's 13,126.",
        "4 photos of complete_dataset.csv are in no split and left out.",
        "10 photos of the splits are not in complete_dataset.csv; they are kept.",
        "1 photos on disk are in no split and left out, the first being dataset/rock/extra.PNG.",
    )


def test_the_complete_list_may_be_absent(tmp_path):
    (lay_out(tmp_path, photos(3), photos(1, 3), photos(1, 4)) / "complete_dataset.csv").unlink()
    assert "complete_dataset.csv is absent" in fashionstyle14.read(tmp_path).notes[1]


def test_absent_images_are_counted_or_an_error(tmp_path):
    lay_out(tmp_path / "a", photos(60), photos(10, 60), photos(30, 70), absent=photos(5))
    dataset = fashionstyle14.read(tmp_path / "a")
    assert len(dataset) == 95
    assert "5 of 100 images listed are absent (5.00%)" in dataset.notes[-1]
    lay_out(tmp_path / "b", photos(60), photos(10, 60), photos(30, 70), absent=photos(6))
    with pytest.raises(DataError, match="6 of 100 images listed are absent"):
        fashionstyle14.read(tmp_path / "b")


@pytest.mark.parametrize(("line", "message"), [
    ("path", r"train\.csv, line 2: 'path'; a path dataset/STYLE/FILE"),
    ("", r"train\.csv, line 2: ''; a path"),
    ("dataset/rock", r"train\.csv, line 2: 'dataset/rock'"),
    ("dataset/rock/", r"train\.csv, line 2: 'dataset/rock/'"),
    ("dataset/../../secret.jpg", r"train\.csv, line 2: "),
    ("data/rock/a.jpg", r"train\.csv, line 2: 'data/rock/a\.jpg'"),
    ("dataset/punk/a.jpg", r"train\.csv, line 2: unknown style 'punk'; the styles are conserv"),
])  # fmt: skip
def test_a_malformed_line_is_named(tmp_path, line, message):
    lay_out(tmp_path, photos(3), photos(1, 3), photos(1, 4))
    lines = photos(3)
    (tmp_path / "train.csv").write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(DataError, match=message):
        fashionstyle14.read(tmp_path)


def test_absent_or_wrong_files(tmp_path):
    with pytest.raises(DataError, match="dataset: no such folder"):
        fashionstyle14.read(tmp_path)
    lay_out(tmp_path, photos(3), photos(1, 3), photos(1, 4))
    (tmp_path / "test.csv").write_bytes(b"dataset/rock/a.jpg\ndataset/rock/\xff.jpg\n")
    with pytest.raises(DataError, match=r"test\.csv, line 2: byte 0xff is not UTF-8"):
        fashionstyle14.read(tmp_path)
    (tmp_path / "test.csv").write_text("")
    with pytest.raises(DataError, match=r"test\.csv: lists no photos"):
        fashionstyle14.read(tmp_path)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(DataError, match=r"test\.csv: no such file"):
        fashionstyle14.read(tmp_path)
    (tmp_path / "val.csv").unlink()
    with pytest.raises(DataError, match=r"val\.csv: no such file"):
        fashionstyle14.read(tmp_path)


def test_a_list_written_to_itself(tmp_path):
    lay_out(tmp_path, photos(6) * 2, photos(1, 6), photos(1, 7))
    with pytest.raises(DataError, match=r"train\.csv: 6 of 12 lines stand twice"):
        fashionstyle14.read(tmp_path)
