"""Paintings to take a style from: drawn alike every time, or read from a folder."""

import numpy as np
import pytest
from PIL import Image

from fashion_tf.errors import DataError
from fashion_tf.style.paintings import load_paintings
from fashion_tf.wardrobe import PAINTINGS, draw_painting


def test_drawn_paintings_are_drawn_alike_and_differ_from_each_other():
    drawn = load_paintings("sample")
    assert tuple(drawn) == PAINTINGS
    for name, painting in drawn.items():
        assert painting.shape == (256, 256, 3) and painting.dtype == np.uint8
        assert (painting == load_paintings("sample:40")[name]).all()
        assert (painting != load_paintings("sample", seed=1)[name]).mean() > 0.2
        assert painting.std(axis=(0, 1)).max() > 25  # strong contrasts, and none of them plain
    means = np.array([painting.mean((0, 1)) for painting in drawn.values()])
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1) + 1e9 * np.eye(len(means))
    assert apart.min() > 20


@pytest.mark.parametrize("name", PAINTINGS)
@pytest.mark.parametrize("size", [(1, 1), (40, 90), (300, 64)])
def test_a_painting_of_any_size(name, size):
    assert draw_painting(name, np.random.default_rng(0), size).shape == (*size, 3)


def test_a_folder_of_paintings(tmp_path):
    with pytest.raises(DataError, match="styles: no such folder"):
        load_paintings(tmp_path)
    (tmp_path / "styles").mkdir()
    with pytest.raises(DataError, match="no photo in it"):
        load_paintings(tmp_path)
    Image.new("RGB", (30, 20), (9, 8, 7)).save(tmp_path / "styles" / "b.png")
    Image.new("RGBA", (10, 10)).save(tmp_path / "styles" / "a.png")
    (tmp_path / "styles" / "notes.txt").write_text("no picture")
    found = load_paintings(tmp_path)
    assert list(found) == ["a", "b"] and found["b"].shape == (20, 30, 3)
    assert (found["a"] == 255).all() and (found["b"] == (9, 8, 7)).all()  # transparency is laid on white
