import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets.encoded import Raster
from fashion_tf.datasets.masks import checked_mask, drawn_mask, no_labels, photo_raster
from fashion_tf.errors import DataError


def test_checked_mask():
    mask = checked_mask(np.array([[0.0, 1.0, 2.0]]), Raster(1, 3), 3, "a.mat")
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("wrong", [3, -1, 256, 259, 0.5, np.nan])
def test_label_out_of_range(wrong):
    mask = np.array([[0, 1], [2, wrong]])
    with pytest.raises(DataError, match=r"a\.mat: label \S+ at row 1, column 1; the labels are 0 "
                                        "to 2"):
        checked_mask(mask, Raster(2, 2), 3, "a.mat")


def test_size_differs():
    with pytest.raises(DataError, match=r"a\.mat: a mask of 2 x 3 pixels .* a picture of 3 x 2"):
        checked_mask(np.zeros((2, 3)), Raster(3, 2), 3, "a.mat")


@pytest.mark.parametrize(("orientation", "upright"), [
    (1, [[0, 1, 2], [3, 4, 5]]), (2, [[2, 1, 0], [5, 4, 3]]), (3, [[5, 4, 3], [2, 1, 0]]),
    (4, [[3, 4, 5], [0, 1, 2]]), (5, [[0, 3], [1, 4], [2, 5]]), (6, [[3, 0], [4, 1], [5, 2]]),
    (7, [[5, 2], [4, 1], [3, 0]]), (8, [[2, 5], [1, 4], [0, 3]])])  # fmt: skip
def test_a_mask_is_turned_with_its_photo(orientation, upright):
    raster = Raster(2, 3, orientation)
    assert checked_mask(np.arange(6).reshape(2, 3), raster, 6, "a.mat").tolist() == upright
    if orientation >= 5:  # a mask of the upright photo's size is upright already
        assert checked_mask(np.array(upright), raster, 6, "a.mat").tolist() == upright


def test_photo_raster(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 7)).save(tmp_path / "a.jpg", exif=exif)
    for source in (tmp_path / "a.jpg", (tmp_path / "a.jpg").read_bytes()):
        raster = photo_raster(source, "a")
        assert raster == (7, 5, 6) and raster.upright == (5, 7)
    with pytest.raises(DataError, match=r"b\.png: no such picture file"):
        photo_raster(tmp_path / "b.png", "b")
    with pytest.raises(DataError, match="a: not a JPEG"):
        photo_raster(b"not a picture", "a")


def test_no_labels():
    labels = no_labels(2, ("a", "b"))
    assert labels.codes.tolist() == [-1, -1]
    assert tuple(labels.categories) == ("a", "b")


def test_drawn_mask():
    from types import SimpleNamespace

    from fashion_tf.wardrobe import PARSING_LABELS

    trousers = PARSING_LABELS.index("pants/jeans")
    names = {label: "other" for label in PARSING_LABELS} | {
        "background": "bk", "pants/jeans": "pants", "jeans": "jeans"}
    drawing = SimpleNamespace(
        labels=np.array([[0, trousers, trousers, 1]], np.uint8),
        garments=(SimpleNamespace(article="jeans", mask=np.array([[False, False, True, False]])),
                  SimpleNamespace(article="chinos", mask=np.array([[False, True, False, False]]))))
    mask = drawn_mask(drawing, names, ("bk", "jeans", "pants", "other"))
    assert mask.tolist() == [[0, 2, 1, 3]]
