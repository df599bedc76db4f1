"""What the readers of per-pixel labels share: every mask is checked before it leaves a reader.

Those readers teach `fashion_tf.datasets.images.read_mask` their ``.mat`` files, so that a mask is
read by its reference alone: uint8 (height, width), indices into the dataset's ``classes``.
"""

import numpy as np
import pandas as pd

from fashion_tf.datasets.encoded import EncodedPicture
from fashion_tf.datasets.images import file_bytes
from fashion_tf.errors import DataError

SPECK = 0.02  # parts of a mask that are smaller than this share of its largest part are errors of the parser


def no_labels(rows, classes):
    """The ``label`` column of a dataset that labels pixels, not images: `rows` missing values."""
    return pd.Categorical.from_codes(np.full(rows, -1), categories=classes)


def photo_raster(source, where):
    """The `fashion_tf.datasets.encoded.Raster` of a photo that has a mask, from its header alone.

    Args:
        source: A file's path, or the bytes of an encoded picture.
        where: The photo's name for the message.

    Raises:
        DataError: It is absent, or no picture.
    """
    return EncodedPicture(source if isinstance(source, bytes) else file_bytes(source), where).raster


def box_of(mask):
    """The box around a mask: (x1, y1, x2, y2) in pixels, right and bottom exclusive; all 0 where the mask is empty.

    Args:
        mask: bool (height, width).
    """
    import cv2

    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + width, y + height


def without_specks(mask, share=SPECK):
    """A mask, bool (height, width), without the parts that are smaller than this share of its largest part."""
    import cv2

    _, numbers, table, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = table[:, cv2.CC_STAT_AREA]
    return np.isin(numbers, 1 + np.flatnonzero(areas[1:] >= share * areas[1:].max(initial=0)))


def checked_mask(mask, raster, count, where):
    """A mask as uint8 class indices, upright, once it is sure that it fits its photo and its classes.

    Args:
        mask: (height, width) whole numbers of any dtype, drawn on the photo as it is stored. Where only
            the size of the upright photo fits, the mask is upright already.
        raster: The photo's `Raster`.
        count: How many classes there are.
        where: The mask's name for the message.

    Returns:
        uint8 in 0 .. count - 1, of the upright photo's (height, width).

    Raises:
        DataError: The size differs from the photo's, or a label is out of range.
    """
    if mask.shape not in (raster.stored, raster.upright):
        shape = " x ".join(map(str, mask.shape))
        raise DataError(f"{where}: a mask of {shape} pixels (height x width) for a picture of "
                        f"{raster.height} x {raster.width}. Was the picture resized or turned?")
    with np.errstate(invalid="ignore"):  # no warning on top of the error
        labels = mask.astype(np.uint8)
    wrong = (labels != mask) | (labels >= count)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{where}: label {mask[row, column]} at row {row}, column {column}; the "
                        f"labels are 0 to {count - 1}.")
    return raster.turn(labels) if mask.shape == raster.stored else labels


def drawn_mask(drawing, names, classes):
    """A drawn person's labels as another dataset names them, for its sample.

    Args:
        drawing: A `wardrobe.Drawing`.
        names: From the wardrobe's labels, all of them, and from those of its articles that the
            dataset tells apart ("jeans" from other trousers), to the dataset's classes.
        classes: The dataset's class names, in label order.

    Returns:
        uint8 (height, width): indices into `classes`.
    """
    from fashion_tf.wardrobe import PARSING_LABELS

    numbers = [classes.index(names[label]) for label in PARSING_LABELS]
    mask = np.array(numbers, np.uint8)[drawing.labels]
    for garment in drawing.garments:
        if garment.article in names:
            mask[garment.mask] = classes.index(names[garment.article])
    return mask
