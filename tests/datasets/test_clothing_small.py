import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets import clothing_small
from fashion_tf.datasets.images import read_image
from fashion_tf.errors import DataError

REAL = Path(os.environ.get("FASHION_TF_DATA", "no-such-folder")) / clothing_small.NAME


def lay_out(folder, counts):
    """`counts`: pictures a class of each split."""
    for split, count in counts.items():
        for name in clothing_small.CLASSES:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (6, 8)).save(folder / split / name / f"{split}-{name}-{number}.jpg")
    return folder


def test_rows(tmp_path):
    dataset = clothing_small.read(lay_out(tmp_path, {"train": 3, "validation": 2, "test": 1}))
    assert dataset.table["split"].value_counts().to_dict() == {
        "train": 30, "validation": 20, "test": 10}
    assert (dataset.counts().loc["t-shirt", ["train", "validation", "test"]] == [3, 2, 1]).all()
    for image, label, split in dataset.table[["image", "label", "split"]].itertuples(index=False):
        assert Path(image).parts[-3:-1] == (split, label)
    assert dataset.table["group"].is_unique
    assert read_image(dataset.table["image"][0]).shape == (8, 6, 3)


def test_without_test(tmp_path):
    dataset = clothing_small.read(lay_out(tmp_path, {"train": 1, "validation": 1}))
    assert set(dataset.table["split"]) == {"train", "validation"}
    assert "10 train, 10 validation, 0 test pictures, not the official 3,068" in dataset.notes[0]


def test_other_files_are_ignored_and_counted(tmp_path):
    lay_out(tmp_path, {"train": 1, "validation": 1})
    (tmp_path / "train" / "hat" / "notes.txt").write_text("x")
    (tmp_path / "train" / "hat" / ".DS_Store").write_text("x")
    dataset = clothing_small.read(tmp_path)
    assert len(dataset) == 20
    assert "1 files are no pictures" in dataset.notes[1]
    assert "notes.txt" in dataset.notes[1]


def test_pictures_of_all_formats_and_ten_of_the_others_by_name(tmp_path):
    folder = lay_out(tmp_path, {"train": 1, "validation": 1}) / "train" / "hat"
    for name, kind in (("b.jfif", "JPEG"), ("c.gif", "GIF"), ("d.JPE", "JPEG"), ("e", "PNG"), ("._f.jpg", "JPEG")):
        Image.new("RGB", (6, 8)).save(folder / name, kind)
    for number in range(12):
        (folder / f"page{number:02}.jpg").write_text("<html>")
    dataset = clothing_small.read(tmp_path)
    assert (dataset.table["label"] == "hat").sum() == 6
    assert "12 files are no pictures and are left out: train/hat/page00.jpg: no picture by" in dataset.notes[1]
    assert "page09" in dataset.notes[1] and "page10" not in dataset.notes[1] and "and 2 more" in dataset.notes[1]


def test_folder_names_that_are_no_utf_8(tmp_path):
    root = tmp_path / os.fsdecode(b"kl\xe9der")
    try:
        root.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    dataset = clothing_small.read(lay_out(root, {"train": 1, "validation": 1}))
    assert read_image(dataset.where(np.arange(2)).table["image"][1]).shape == (8, 6, 3)


def test_missing_folders(tmp_path):
    with pytest.raises(DataError, match="train: no such folder"):
        clothing_small.read(tmp_path)
    lay_out(tmp_path, {"train": 1, "validation": 1})
    (tmp_path / "validation" / "skirt").rename(tmp_path / "validation" / "skirts")
    with pytest.raises(DataError, match=r"validation.skirts: no class of this dataset"):
        clothing_small.read(tmp_path)
    (tmp_path / "validation" / "skirts").rename(tmp_path / "skirts")
    with pytest.raises(DataError, match=r"validation.skirt: no such folder"):
        clothing_small.read(tmp_path)


def test_empty_class(tmp_path):
    lay_out(tmp_path, {"train": 1, "validation": 1})
    next((tmp_path / "train" / "dress").iterdir()).unlink()
    with pytest.raises(DataError, match=r"train.dress: holds no pictures"):
        clothing_small.read(tmp_path)


def test_one_picture_in_two_places(tmp_path):
    lay_out(tmp_path, {"train": 1, "validation": 1})
    twin = tmp_path / "validation" / "hat" / "train-dress-0.jpg"
    Image.new("RGB", (6, 8)).save(twin)
    with pytest.raises(DataError, match=r"validation.hat.train-dress-0\.jpg: the same picture's "
                                        r"name stands at .*train.dress.train-dress-0\.jpg"):
        clothing_small.read(tmp_path)


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {clothing_small.NAME}")
def test_real():
    dataset = clothing_small.read(REAL)
    counts = dataset.counts()
    assert counts["validation"].tolist() == [32, 14, 49, 24, 49, 29, 26, 25, 12, 81]
    assert counts["validation"].sum() == clothing_small.OFFICIAL_COUNTS["validation"]
    assert counts["train"].sum() == 1_919
    assert read_image(dataset.table["image"][0], size=(64, 64)).shape == (64, 64, 3)


def test_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(clothing_small, "SAMPLE_COUNTS", {"train": 2, "validation": 1, "test": 1})
    for name in "ab":
        clothing_small.write_sample(tmp_path / name, seed=3)
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 40
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    dataset = clothing_small.read(tmp_path / "a")
    assert dataset.counts().loc["shoes"].to_dict() == {"train": 2, "validation": 1, "test": 1}
    assert dataset.images(size=(64, 64)).shape == (40, 64, 64, 3)  # photos differ in size, as the real ones
