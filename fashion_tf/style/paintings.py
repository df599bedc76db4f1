"""The pictures whose style is taken: a folder of them, or drawn ones."""

from pathlib import Path

import numpy as np

from fashion_tf.datasets.images import read_image
from fashion_tf.errors import DataError
from fashion_tf.predictor.photos import find_photos
from fashion_tf.wardrobe import PAINTINGS, draw_painting

FOLDER = "styles"


def load_paintings(data="sample", seed=0):
    """Paintings by name.

    Args:
        data: ``"sample"`` (or ``"sample:N"``): drawn ones, `fashion_tf.wardrobe.PAINTINGS`. Otherwise a folder in which
            the folder ``styles`` holds pictures.
        seed: Of the drawn ones.

    Returns:
        A dict, name to uint8 (height, width, 3), in the order of the names.

    Raises:
        DataError: There is no such folder, no picture in it, or one that cannot be read.

    Taught in: 36_style_transfer_gram.ipynb
    """
    if str(data).split(":")[0] == "sample":
        return {name: draw_painting(name, np.random.default_rng(seed)) for name in PAINTINGS}
    folder = Path(data) / FOLDER
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Put some paintings, as JPEG or PNG, into it.")
    return {Path(path).stem: read_image(path) for path in find_photos(folder)[0]}
