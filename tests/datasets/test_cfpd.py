import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tf.datasets import cfpd
from fashion_tf.datasets.images import read_image, read_mask
from fashion_tf.datasets.masks import no_labels
from fashion_tf.datasets.matlab import Version73Writer, write_version_5
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

SUPERPIXELS = np.array([[0, 0, 1], [0, 2, 1], [3, 2, 1], [3, 3, 3]], np.float32)  # 4 x 3
LABELS = [1, 8, 23, 10]  # from 1: bk, dress, sweater, hair
MASK = np.array([[0, 0, 7], [0, 22, 7], [9, 22, 7], [9, 9, 9]])


def entry(name="1.jpg", superpixels=SUPERPIXELS, labels=LABELS):
    column = np.array(labels, float).reshape(-1, 1)
    return {"category_label": column, "color_label": column, "img_name": name,
            "segmentation": superpixels}


def lay_out(folder, entries, names=cfpd.CLASSES, photos=None, size=(3, 4)):
    (folder / "image").mkdir(parents=True)
    with Version73Writer(folder / cfpd.MAT_FILE) as writer:
        writer.put("all_category_name", list(names))
        writer.put("all_colors_name", ["bk"])
        writer.put("fashion_dataset", entries)
    for name in photos if photos is not None else [item["img_name"] for item in entries]:
        Image.new("RGB", size).save(folder / "image" / name)
    return folder


def test_rows(tmp_path):
    dataset = cfpd.read(lay_out(tmp_path, [entry("97725.jpg"), entry("3.jpg")]))
    table = dataset.table
    assert table["image"].tolist() == [
        str(tmp_path / "image" / "97725.jpg"), str(tmp_path / "image" / "3.jpg")]  # file's order
    assert table["position"].tolist() == [0, 1]
    assert set(table["split"]) == {""}
    assert table["group"].is_unique
    assert len(dataset.classes) == 23
    assert "2 photos, not the official 2,682" in dataset.notes[0]
    assert read_image(table["image"][0]).shape == (4, 3, 3)


def test_mask_is_exact_and_upright(tmp_path):
    table = cfpd.read(lay_out(tmp_path, [entry("1.jpg"), entry("2.jpg", labels=[1, 1, 2, 1])])).table
    mask = read_mask(table["mask"][0])
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_array_equal(read_mask(table["mask"][1]), SUPERPIXELS == 2)


def numbered(count):
    """As `cfpd.read` of `count` photos."""
    return Dataset(cfpd.NAME, pd.DataFrame({
        "image": "", "label": no_labels(count, cfpd.CLASSES), "split": "",
        "group": np.arange(count), "position": np.arange(count)}), cfpd.CLASSES)


def positions(dataset, split):
    return dataset.table["position"][dataset.table["split"] == split].to_numpy()


def test_sequential_split():
    dataset = cfpd.sequential_split(numbered(2_682))
    np.testing.assert_array_equal(positions(dataset, "train"), np.arange(2_092))
    np.testing.assert_array_equal(positions(dataset, "test"), np.arange(2_092, 2_628))
    np.testing.assert_array_equal(positions(dataset, "validation"), np.arange(2_628, 2_682))


def test_paper_split():
    dataset = cfpd.paper_split(numbered(2_682))
    assert dataset.table["split"].value_counts().to_dict() == {
        "train": 2_038, "test": 536, "validation": 108}
    np.testing.assert_array_equal(positions(dataset, "test"), np.arange(2_092, 2_628))
    again = cfpd.paper_split(numbered(2_682), seed=0)
    other = cfpd.paper_split(numbered(2_682), seed=1)
    assert positions(dataset, "validation").tolist() == positions(again, "validation").tolist()
    assert positions(dataset, "validation").tolist() != positions(other, "validation").tolist()


def test_an_absent_photo_moves_no_other():
    full = cfpd.sequential_split(numbered(2_682))
    part = numbered(2_682)
    part = cfpd.sequential_split(replace(part, table=part.table.drop(index=5).reset_index()))
    assert positions(part, "test").tolist() == positions(full, "test").tolist()


def test_absent_photos(tmp_path):
    entries = [entry(f"{number}.jpg") for number in range(30)]
    names = [item["img_name"] for item in entries]
    dataset = cfpd.read(lay_out(tmp_path / "a", entries, photos=names[:-1]))
    assert len(dataset) == 29
    assert "1 of 30" in dataset.notes[0]
    with pytest.raises(DataError, match=r"fashon_parsing_data\.mat: 20 of 30"):
        cfpd.read(lay_out(tmp_path / "b", entries, photos=names[:10]))


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"fashon_parsing_data\.mat: no such file"):
        cfpd.read(tmp_path)
    lay_out(tmp_path / "a", [entry()])
    shutil.rmtree(tmp_path / "a" / "image")
    with pytest.raises(DataError, match="image: no such folder"):
        cfpd.read(tmp_path / "a")


def test_older_mat_file(tmp_path):
    write_version_5(tmp_path / cfpd.MAT_FILE, {"fashion_dataset": np.eye(2)})
    with pytest.raises(DataError, match=r"older than version 7\.3"):
        cfpd.read(tmp_path)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_cut_off(tmp_path, share):
    path = lay_out(tmp_path, [entry(f"{number}.jpg") for number in range(9)]) / cfpd.MAT_FILE
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"fashon_parsing_data\.mat.*cut off or damaged"):
        cfpd.read(tmp_path)


def test_entry_without_a_field(tmp_path):
    broken = entry("2.jpg")
    del broken["segmentation"]
    table = cfpd.read(lay_out(tmp_path / "a", [entry(), broken])).table
    with pytest.raises(DataError, match=r"fashion_dataset\{2\} cannot be read"):
        read_mask(table["mask"][1])
    del broken["img_name"]
    with pytest.raises(DataError, match=r"fashion_dataset\{2\}\.img_name cannot be read"):
        cfpd.read(lay_out(tmp_path / "b", [entry(), broken], photos=["1.jpg"]))


def test_name_twice(tmp_path):
    with pytest.raises(DataError, match=r"fashion_dataset\{3\} and \{1\} are both '1\.jpg'"):
        cfpd.read(lay_out(tmp_path, [entry(), entry("2.jpg"), entry()]))


def test_name_that_leads_out_of_the_folder(tmp_path):
    with pytest.raises(DataError, match=r"fashion_dataset\{1\}\.img_name is '\.\./1\.jpg'"):
        cfpd.read(lay_out(tmp_path, [entry("../1.jpg")]))


def test_a_mask_of_a_name_that_leads_out(tmp_path):
    """Also where the table was made elsewhere: the mask's reference alone opens no other file."""
    path = lay_out(tmp_path, [entry("../private.jpg")]) / cfpd.MAT_FILE
    Image.new("RGB", (3, 4)).save(tmp_path / "private.jpg")
    with pytest.raises(DataError, match=r"img_name is '\.\./private\.jpg', no file's name"):
        read_mask(f"{path}#0")


def test_other_labels(tmp_path):
    with pytest.raises(DataError, match="its 22 labels are not the 23"):
        cfpd.read(lay_out(tmp_path, [entry()], names=cfpd.CLASSES[:-1]))


def test_mask_of_another_size(tmp_path):
    table = cfpd.read(lay_out(tmp_path, [entry()], size=(4, 3))).table
    with pytest.raises(DataError, match=r"\{1\}: a mask of 4 x 3 pixels .* picture of 3 x 4"):
        read_mask(table["mask"][0])


@pytest.mark.parametrize("labels", [[1, 8, 24, 10], [1, 8, 0, 10]])
def test_label_out_of_range(tmp_path, labels):
    table = cfpd.read(lay_out(tmp_path, [entry(labels=labels)])).table
    with pytest.raises(DataError, match=r"fashion_dataset\{1\}: label .* at row 1, column 1"):
        read_mask(table["mask"][0])


def test_superpixel_without_a_label(tmp_path):
    table = cfpd.read(lay_out(tmp_path, [entry(labels=LABELS[:3])])).table
    with pytest.raises(DataError, match=r"segmentation: its superpixels do not lie in 0 to 2"):
        read_mask(table["mask"][0])


def test_reference_beyond_the_end(tmp_path):
    lay_out(tmp_path, [entry()])
    with pytest.raises(DataError, match="#1: the file holds 1 photos"):
        read_mask(f"{tmp_path / cfpd.MAT_FILE}#1")
    with pytest.raises(DataError, match="PATH#POSITION"):
        read_mask(tmp_path / cfpd.MAT_FILE)


def test_sample(tmp_path, monkeypatch):
    from fashion_tf.wardrobe import PARSING_LABELS, draw_person

    monkeypatch.setattr(cfpd, "SAMPLE_COUNT", 20)
    for name in "ab":
        (tmp_path / name).mkdir()
        cfpd.write_sample(tmp_path / name, seed=3)
    for file in (cfpd.MAT_FILE, "image/1.jpg", "image/20.jpg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    dataset = cfpd.paper_split(cfpd.read(tmp_path / "a"))
    assert dataset.table["split"].value_counts().to_dict() == {
        "train": 15, "validation": 1, "test": 4}
    # The superpixels give back what was drawn, pixel by pixel.
    drawing = draw_person(np.random.Generator(np.random.PCG64([3, 2])), cfpd.SAMPLE_SIZE)
    mask = read_mask(dataset.table["mask"][0])
    names = np.array(cfpd.CLASSES)[mask]
    np.testing.assert_array_equal(names == "bk", drawing.labels == 0)
    np.testing.assert_array_equal(names == "hair", drawing.labels == PARSING_LABELS.index("hair"))
    bare = drawing.labels == PARSING_LABELS.index("skin")
    np.testing.assert_array_equal(names == "face", drawing.face & bare)
    assert mask.shape == read_image(dataset.table["image"][0]).shape[:2]
