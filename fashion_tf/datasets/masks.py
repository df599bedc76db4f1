"""What the readers of per-pixel labels share: every mask is checked before it leaves a reader.

Those readers teach `fashion_tf.datasets.images.read_mask` their ``.mat`` files, so that a mask is
read by its reference alone: uint8 (height, width), indices into the dataset's ``classes``.
"""

import io

import numpy as np
import pandas as pd

from fashion_tf.errors import DataError


def no_labels(rows, classes):
    """The ``label`` column of a dataset that labels pixels, not images: `rows` missing values."""
    return pd.Categorical.from_codes(np.full(rows, -1), categories=classes)


def picture_size(source, where):
    """The (height, width) in pixels of a picture that has a mask, from its header alone.

    Args:
        source: A file's path, or the bytes of an encoded picture.
        where: The picture's name for the message.

    Raises:
        DataError: It is absent or no picture, or its EXIF data says that it is turned: it would be
            put upright, and its mask, drawn on the pixels as stored, would not.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            turned = picture.getexif().get(0x0112, 1) != 1
            size = picture.height, picture.width
    except FileNotFoundError:
        raise DataError(f"{where}: no such file.") from None
    except (OSError, SyntaxError) as error:
        raise DataError(f"{where}: not a readable picture ({error}).") from None
    if turned:
        raise DataError(f"{where}: its EXIF data says that it is turned, but its mask is not. "
                        "Remove the EXIF orientation.")
    return size


def checked_mask(mask, size, count, where):
    """A mask as uint8 class indices, once it is sure that it fits its picture and its classes.

    Args:
        mask: (height, width) whole numbers of any dtype.
        size: (height, width) of the picture.
        count: How many classes there are.
        where: The mask's name for the message.

    Returns:
        uint8 of shape (height, width), in 0 .. count - 1.

    Raises:
        DataError: The size differs from the picture's, or a label is out of range.
    """
    if mask.shape != tuple(size):
        shape = " x ".join(map(str, mask.shape))
        raise DataError(f"{where}: a mask of {shape} pixels (height x width) for a picture of "
                        f"{size[0]} x {size[1]}. Was the picture resized or turned?")
    with np.errstate(invalid="ignore"):  # no warning on top of the error
        labels = mask.astype(np.uint8)
    wrong = (labels != mask) | (labels >= count)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{where}: label {mask[row, column]} at row {row}, column {column}; the "
                        f"labels are 0 to {count - 1}.")
    return labels


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
