import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets import ccp, fashionista, matlab
from fashion_tf.datasets.images import read_image, read_mask
from fashion_tf.errors import DataError

REAL = Path(os.environ.get("FASHION_TF_DATA", "no-such-folder")) / ccp.NAME
MASK = np.array([[0, 14, 41], [0, 58, 19], [1, 2, 33], [11, 26, 57]], np.uint8)  # 4 x 3


def write_labels(folder, names=ccp.CLASSES):
    labels = np.empty((1, len(names)), dtype=object)
    labels[0, :] = names
    matlab.write_version_5(folder / "label_list.mat", {"label_list": labels})


def lay_out(folder, masks, tags=(), photos=None):
    """`masks` and `tags`: dicts from a photo's number to its labels."""
    for part in ("photos", ccp.PIXEL_LEVEL, ccp.IMAGE_LEVEL):
        (folder / part).mkdir(parents=True)
    write_labels(folder)
    for number in photos if photos is not None else {**masks, **dict(tags)}:
        Image.new("RGB", (3, 4)).save(folder / "photos" / f"{number}.jpg")
    for number, mask in masks.items():
        matlab.write_version_5(folder / ccp.PIXEL_LEVEL / f"{number}.mat", {"groundtruth": mask})
    for number, tag in dict(tags).items():
        matlab.write_version_5(folder / ccp.IMAGE_LEVEL / f"{number}.mat",
                               {"tags": np.array(tag, float).reshape(-1, 1)})
    return folder


def test_rows_in_order_of_number(tmp_path):
    dataset = ccp.read(lay_out(tmp_path, {"0002": MASK, "0001": MASK}, {"1005": [0, 14, 41]}))
    table = dataset.table
    assert [Path(image).name for image in table["image"]] == ["0001.jpg", "0002.jpg", "1005.jpg"]
    assert table["mask"].notna().tolist() == [True, True, False]
    assert table["tags"][0] is None
    assert table["tags"][2] == ("null", "dress", "skin")
    assert dataset.classes == ccp.CLASSES
    assert (dataset.labels == -1).all()
    assert "2 photos with per-pixel labels and 1 with tags" in dataset.notes[0]
    assert len(ccp.with_masks(dataset)) == 2


def test_mask_is_the_file_s_own(tmp_path):
    table = ccp.read(lay_out(tmp_path, {"0001": MASK})).table
    mask = read_mask(table["mask"][0])
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, MASK)
    assert mask.shape == read_image(table["image"][0]).shape[:2]


def test_mapped_to_fashionista(tmp_path):
    mapped = ccp.to_fashionista(ccp.read(lay_out(
        tmp_path, {"0001": MASK}, {"1005": [0, 21, 39, 14]})))
    assert mapped.classes == fashionista.CLASSES
    mask = read_mask(mapped.table["mask"][0])
    names = np.array(mapped.classes)[mask]
    assert names.tolist() == [
        ["background", "dress", "skin"],
        ["background", "shoes", "hair"],  # wedges
        ["background", "bag", "bag"],  # accessories, bag, purse
        ["sweater/cardigan", "sweater/cardigan", "watch/bracelet"],  # cardigan, jumper, watch
    ]
    assert mapped.table["tags"][1] == ("background", "shoes", "dress")  # heels and shoes are one


def test_every_label_has_a_decision():
    assert set(fashionista.TO_REFINED) == {*ccp.CLASSES, *fashionista.ORIGINAL_CLASSES}
    assert set(fashionista.TO_REFINED.values()) == set(fashionista.CLASSES)
    assert len(set(ccp.CLASSES)) == 59


def test_what_systems_leave_beside_is_passed_over(tmp_path):
    folder = lay_out(tmp_path, {"0001": MASK, "0002": MASK}, {"1005": [0]})
    for part in ("photos", ccp.PIXEL_LEVEL, ccp.IMAGE_LEVEL):
        for name in ("._0001.mat", "._0001.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "._1005.mat"):
            (folder / part / name).write_bytes(b"\0\5\x16\7")
        (folder / part / "@eaDir").mkdir()
    plain = ccp.read(folder)
    assert plain.table["group"].tolist() == ["photo 0001", "photo 0002", "photo 1005"]
    assert len(plain.notes) == 1
    (folder / ccp.PIXEL_LEVEL / "readme.txt").touch()
    assert "1 files are neither photos nor .mat files by their names" in ccp.read(folder).notes[1]


def test_endings_in_any_case(tmp_path):
    folder = lay_out(tmp_path, {"0001": MASK, "0002": MASK})
    (folder / "photos" / "0001.jpg").rename(folder / "photos" / "0001.JPEG")
    (folder / ccp.PIXEL_LEVEL / "0002.mat").rename(folder / ccp.PIXEL_LEVEL / "0002.MAT")
    table = ccp.read(folder).table
    assert table["image"][0].endswith("0001.JPEG")
    for image, mask in zip(table["image"], table["mask"]):
        np.testing.assert_array_equal(read_mask(mask), MASK)
        assert read_image(image).shape == (4, 3, 3)
    (folder / ccp.PIXEL_LEVEL / "0002.mat").touch()
    with pytest.raises(DataError, match=r"0002\.mat: differs from 0002\.MAT only in its ending"):
        ccp.read(folder)


def test_a_turned_photo_turns_its_mask(tmp_path):
    folder = lay_out(tmp_path, {"0001": MASK})
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (3, 4)).save(folder / "photos" / "0001.jpg", exif=exif)
    table = ccp.read(folder).table
    assert read_image(table["image"][0]).shape == (3, 4, 3)
    np.testing.assert_array_equal(read_mask(table["mask"][0]), np.rot90(MASK))


def test_absent_photo_is_counted_and_left_out(tmp_path):
    masks = {f"{number:04}": MASK for number in range(1, 31)}
    photos = sorted(masks)[1:]
    dataset = ccp.read(lay_out(tmp_path, masks, photos=photos))
    assert len(dataset) == 29
    assert "1 of 30 images listed are absent" in dataset.notes[0]


def test_most_photos_absent(tmp_path):
    with pytest.raises(DataError, match=r"annotations: 1 of 2 images listed are absent"):
        ccp.read(lay_out(tmp_path, {"0001": MASK, "0002": MASK}, photos=["0001"]))


def test_photo_without_annotation_is_counted(tmp_path):
    dataset = ccp.read(lay_out(tmp_path, {"0001": MASK}, photos=["0001", "0007"]))
    assert len(dataset) == 1
    assert "1 photos have no annotation" in dataset.notes[-1]


def test_missing_parts(tmp_path):
    with pytest.raises(DataError, match=r"label_list\.mat: no such file"):
        ccp.read(tmp_path)
    write_labels(tmp_path)
    with pytest.raises(DataError, match="photos: no such folder"):
        ccp.read(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="pixel-level: no such folder"):
        ccp.read(tmp_path)
    (tmp_path / ccp.PIXEL_LEVEL).mkdir(parents=True)
    with pytest.raises(DataError, match=r"pixel-level: holds no \.mat files"):
        ccp.read(tmp_path)


def test_other_labels(tmp_path):
    lay_out(tmp_path, {"0001": MASK})
    write_labels(tmp_path, ccp.CLASSES[:-1])
    with pytest.raises(DataError, match=r"label_list\.mat: its 58 labels are not the 59"):
        ccp.read(tmp_path)


@pytest.mark.parametrize("tags", [[59], [-1], [0.5]])
def test_tag_out_of_range(tmp_path, tags):
    with pytest.raises(DataError, match=r"1005\.mat: tags must be labels from 0 to 58"):
        ccp.read(lay_out(tmp_path, {"0001": MASK}, {"1005": tags}))


def test_mask_label_out_of_range(tmp_path):
    wrong = MASK.copy()
    wrong[2, 1] = 59
    table = ccp.read(lay_out(tmp_path, {"0001": wrong})).table
    with pytest.raises(DataError, match=r"0001\.mat: label 59 at row 2, column 1"):
        read_mask(table["mask"][0])


def test_mask_of_another_size(tmp_path):
    table = ccp.read(lay_out(tmp_path, {"0001": MASK.T})).table
    with pytest.raises(DataError, match=r"0001\.mat: a mask of 3 x 4 pixels .* picture of 4 x 3"):
        read_mask(table["mask"][0])


def test_damaged_mask(tmp_path):
    table = ccp.read(lay_out(tmp_path, {"0001": MASK})).table
    file = tmp_path / ccp.PIXEL_LEVEL / "0001.mat"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"0001\.mat.*cut off or damaged"):
        read_mask(table["mask"][0])


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {ccp.NAME}")
def test_real():
    dataset = ccp.read(REAL)
    assert len(dataset) == len(ccp.with_masks(dataset)) == 800
    counts = np.zeros(59, int)
    for image, mask in dataset.table[["image", "mask"]][::8].itertuples(index=False):
        labels = read_mask(mask)
        assert labels.shape == read_image(image).shape[:2]
        counts += np.bincount(labels.ravel(), minlength=59)
    share = dict(zip(ccp.CLASSES, counts / counts.sum()))
    assert 0.7 < share["null"] < 0.85
    assert share["skin"] > share["hair"] > share["glasses"] > 0


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {ccp.NAME}")
def test_real_masks_lie_on_their_photos():
    """Skin is skin-coloured where the mask says skin; were the mask turned or shifted, not.

    Skin is redder than it is blue, and the streets behind it are grey.
    """
    table = ccp.read(REAL).table[::20]
    skin, mirrored = [], []
    for image, mask in table[["image", "mask"]].itertuples(index=False):
        photo, labels = read_image(image).astype(int), read_mask(mask)
        redness = photo[..., 0] - photo[..., 2]
        where = labels == ccp.CLASSES.index("skin")
        skin.append(redness[where].mean())
        mirrored.append(redness[where[::-1, ::-1]].mean())
    assert np.mean(skin) > np.mean(mirrored) + 20


def test_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(ccp, "SAMPLE_COUNTS", {"pixel-level": 8, "image-level": 2})
    for name in "ab":
        (tmp_path / name).mkdir()
        ccp.write_sample(tmp_path / name, seed=3)
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 1 + 2 * 8 + 2 * 2
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    dataset = ccp.read(tmp_path / "a")
    assert len(ccp.with_masks(dataset)) == 8
    seen = set()
    for image, mask in dataset.table[["image", "mask"]][:8].itertuples(index=False):
        labels = read_mask(mask)
        assert labels.shape == read_image(image).shape[:2] == ccp.SAMPLE_SIZE
        assert 0.02 < (labels > 0).mean() < 0.6
        seen |= {ccp.CLASSES[label] for label in np.unique(labels)}
    assert {"null", "skin", "hair"} < seen
    assert len(seen) > 10
    assert {"null", "skin"} < set(dataset.table["tags"].iloc[-1])


def test_garments_have_a_box_and_a_mask_of_their_own(tmp_path):
    mask = np.zeros((40, 30), np.uint8)
    mask[10:20, 5:15] = ccp.CLASSES.index("shirt")
    mask[20:35, 6:16] = ccp.CLASSES.index("jeans")
    mask[12, 14] = ccp.CLASSES.index("blazer")  # one pixel of 1,200
    mask[0:5, 0:5] = ccp.CLASSES.index("hat")
    folder = lay_out(tmp_path, {"0001": mask, "0002": np.zeros((40, 30), np.uint8)}, {"1005": [0, 14]})
    for number in ("0001", "0002"):
        Image.new("RGB", (30, 40)).save(folder / "photos" / f"{number}.jpg")
    found = ccp.garments(ccp.read(folder))
    assert found.classes == ccp.GARMENTS and len(found.classes) == 13
    assert found.table["label"].tolist() == ["jeans", "shirt"]
    assert found.table["box"].tolist() == [(6, 20, 16, 35), (5, 10, 15, 20)]
    assert found.table["group"].tolist() == ["photo 0001"] * 2
    for label, reference in zip(("jeans", "shirt"), found.table["mask"]):
        np.testing.assert_array_equal(read_mask(reference), mask == ccp.CLASSES.index(label))
    assert "2 garments of 13 types on 2 photos; 1 that cover less than 0.40%" in found.notes[-1]
    assert ccp.garments(ccp.read(folder), ("blazer",), least=0).table["box"].tolist() == [(14, 12, 15, 13)]
    with pytest.raises(DataError, match="no photo shows any of coat"):
        ccp.garments(ccp.read(folder), ("coat",))
    with pytest.raises(DataError, match="has no label trousers"):
        ccp.garments(ccp.read(folder), ("trousers",))


def test_upper_bodies_are_the_part_of_a_person_that_live_recognition_sees(tmp_path):
    masks = {number: np.zeros((60, 30), np.uint8) for number in ("0001", "0002", "0003")}
    for mask, garment in zip(masks.values(), ("jacket", "jumper", "hat")):
        mask[5:9, 10:14] = ccp.CLASSES.index("hair")  # somebody from row 5 to row 55, columns 6 to 20
        mask[9:30, 8:18] = ccp.CLASSES.index("shirt" if garment == "jacket" else garment)
        mask[30:55, 6:20] = ccp.CLASSES.index("jeans")  # reaches up to row 35, where the part ends
    masks["0001"][12:35, 6:20] = ccp.CLASSES.index("jacket")
    masks["0002"][31:32, 6:20] = ccp.CLASSES.index("coat")  # covers less
    masks["0003"][10, 10] = ccp.CLASSES.index("top")  # one pixel of 350
    folder = lay_out(tmp_path, masks, {})
    for number in masks:
        Image.new("RGB", (30, 60)).save(folder / "photos" / f"{number}.jpg")
    found = ccp.upper_bodies(ccp.read(folder))
    assert found.classes == ("longsleeve", "outwear", "shirt", "t-shirt")
    assert found.table["label"].tolist() == ["outwear", "longsleeve"]
    assert found.table["box"].tolist() == [(6, 10, 20, 35), (6, 10, 20, 35)]
    assert found.table["group"].tolist() == ["photo 0001", "photo 0002"]
    assert found.notes[-1].startswith("2 of 3 people wear an upper garment that covers at least 8%")
    whole = ccp.upper_bodies(ccp.read(folder), part=(0.0, 1.0), least=0.35)
    assert whole.table[["label", "box"]].values.tolist() == [["outwear", (6, 5, 20, 55)]]
    assert len(ccp.upper_bodies(ccp.read(folder), least=0)) == 3
    with pytest.raises(DataError, match="nobody wears any of blazer, .*top"):
        ccp.upper_bodies(ccp.read(folder), least=1.0)


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {ccp.NAME}")
def test_real_upper_bodies():
    """Of 800 people, 674 wear one that covers enough; more than half of them a coat or the like."""
    found = ccp.upper_bodies(ccp.read(REAL))
    assert len(found) == 674 and found.majority() == ("outwear", pytest.approx(396 / 674))


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"FASHION_TF_DATA has no {ccp.NAME}")
def test_real_garments():
    """Of 800 photos: 1,616 garments, the commonest type on 239 of them."""
    found = ccp.garments(ccp.read(REAL))
    assert len(found) == 1616 and found.majority() == ("pants", pytest.approx(239 / 1616))
    for row in found.table.iloc[::160].itertuples():
        mask = read_mask(row.mask)
        x1, y1, x2, y2 = row.box
        assert mask[y1:y2, x1:x2].sum() == mask.sum() and mask[y1, x1:x2].any() and mask[y1:y2, x2 - 1].any()
