import io

import numpy as np
import pytest
from PIL import Image

from fashion_tf.datasets.masks import checked_mask, drawn_mask, no_labels, picture_size
from fashion_tf.errors import DataError


def test_checked_mask():
    mask = checked_mask(np.array([[0.0, 1.0, 2.0]]), (1, 3), 3, "a.mat")
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("wrong", [3, -1, 256, 259, 0.5, np.nan])
def test_label_out_of_range(wrong):
    mask = np.array([[0, 1], [2, wrong]])
    with pytest.raises(DataError, match=r"a\.mat: label \S+ at row 1, column 1; the labels are 0 "
                                        "to 2"):
        checked_mask(mask, (2, 2), 3, "a.mat")


def test_size_differs():
    with pytest.raises(DataError, match=r"a\.mat: a mask of 2 x 3 pixels .* a picture of 3 x 2"):
        checked_mask(np.zeros((2, 3)), (3, 2), 3, "a.mat")


def test_picture_size(tmp_path):
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    assert picture_size(tmp_path / "a.png", "a") == (7, 5)
    assert picture_size((tmp_path / "a.png").read_bytes(), "a") == (7, 5)
    with pytest.raises(DataError, match="b: no such file"):
        picture_size(tmp_path / "b.png", "b")
    with pytest.raises(DataError, match="a: not a readable picture"):
        picture_size(b"not a picture", "a")


def test_turned_photo_is_refused():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (5, 7)).save(buffer, "JPEG", exif=exif)
    with pytest.raises(DataError, match="its mask is not"):
        picture_size(buffer.getvalue(), "a.jpg")


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
