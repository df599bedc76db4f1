"""Colorful Fashion Parsing Data (Liu et al., IEEE Transactions on Multimedia, 2014): CFPD.

2,682 photos of 600 x 400 pixels with 23 labels, given per superpixel. Layout: ``image/<name>`` and
``fashon_parsing_data.mat`` (spelled so), a MATLAB 7.3 file:

* ``fashion_dataset``: a cell array of structs with ``img_name``, ``segmentation`` (600 x 400: each
  pixel's superpixel, from 0), ``category_label`` (each superpixel's label, from 1) and
  ``color_label`` (likewise);
* ``all_category_name`` (23 names, "bk" for background first) and ``all_colors_name`` (13).

From https://sites.google.com/site/fashionparsing/dataset; no licence is stated. Sources of the
format: https://github.com/hrsma2i/dataset-CFPD (whose notebook prints the file's keys, shapes and
dtypes) and data/tmm_dataset_sharing in https://github.com/pongsate1/fashion-parsing. No real file
was at hand, and the colours' names are not known here; this reader does not use them.

Labels hold for whole superpixels, so even a perfect parser's borders disagree with them a little.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import (
    drop_absent,
    leads_out,
    picture_at,
    require_folder,
    text_column,
    write_picture,
)
from fashion_tf.datasets.images import register_opener
from fashion_tf.datasets.masks import checked_mask, drawn_mask, no_labels, photo_raster
from fashion_tf.datasets.matlab import (
    DAMAGED,
    Version73Writer,
    member,
    open_version_73,
    plain,
    references,
)
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "cfpd"
TITLE = "Colorful Fashion Parsing Data: 2,682 photos, 23 labels per superpixel"
LICENCE = "none stated"
CLASSES = (
    "bk", "T-shirt", "bag", "belt", "blazer", "blouse", "coat", "dress", "face", "hair", "hat",
    "jeans", "legging", "pants", "scarf", "shoe", "shorts", "skin", "skirt", "socks", "stocking",
    "sunglass", "sweater",
)  # fmt: skip
MAT_FILE = "fashon_parsing_data.mat"  # the authors' spelling
FILES = (MAT_FILE,)
OFFICIAL_COUNT = 2_682
SAMPLE_COUNT = 240
SAMPLE_SIZE = (192, 128)  # height, width; the real photos have 600 x 400
# What a damaged HDF5 file makes h5py raise, at opening or only when the damaged part is read.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError)


def read(folder):
    """Reads the list of photos; the masks stay in the file until `images.read_mask`.

    Returns:
        A `Dataset` without splits, in the file's order (`paper_split` and `sequential_split` make
        the literature's). ``label`` is missing throughout: the labels are the pixels'. ``position``
        is the photo's place in the file, from 0.

    Raises:
        DataError: A file or folder is absent, or the file is damaged or not laid out as it should
            be. Names the entry.
    """
    folder = Path(folder)
    path = folder / MAT_FILE
    rows = []
    with open_version_73(path, "fashion_dataset", "all_category_name") as file:
        try:
            names = plain(member(file, "all_category_name"))
            entries = references(member(file, "fashion_dataset"))
            for entry in entries:
                rows.append(_text(plain(member(file[entry], "img_name"))))
        except DAMAGE as error:
            raise DataError(f"{path}: fashion_dataset{{{len(rows) + 1}}}.img_name cannot be read "
                            f"({type(error).__name__}: {error}). {DAMAGED}") from None
    if tuple(map(_text, names)) != CLASSES:
        raise DataError(f"{path}: its {len(names)} labels are not the 23 of CFPD.")
    if not rows:
        raise DataError(f"{path}: fashion_dataset is empty.")
    first = {}
    for position, name in enumerate(rows):
        if not _is_file_name(name):
            raise DataError(f"{path}: fashion_dataset{{{position + 1}}}.img_name is {name[:80]!r}, no "
                            "file's name.")
        if name in first:
            raise DataError(f"{path}: fashion_dataset{{{position + 1}}} and "
                            f"{{{first[name] + 1}}} are both {name!r}.")
        first[name] = position
    require_folder(folder / "image", "the photos of CFPD")
    table = pd.DataFrame({
        "image": text_column(str(folder / "image" / name) for name in rows),
        "label": no_labels(len(rows), CLASSES), "split": "",
        "group": text_column(f"photo {name}" for name in rows),
        "mask": text_column(f"{path}#{position}" for position in range(len(rows))),
        "position": np.arange(len(rows)),
    })
    table, notes = drop_absent(table, path, folder)
    if len(rows) != OFFICIAL_COUNT:
        notes += (f"{len(rows):,} photos, not the official 2,682: this is a part or a sample.",)
    return Dataset(NAME, table, CLASSES, notes)


def _text(value):
    """A char array; some writers leave out the mark that says so, and give its codes."""
    return value if isinstance(value, str) else "".join(
        chr(int(code)) if 0 <= code < 0x110000 else "\ufffd" for code in value.ravel()[:4096])


def _is_file_name(name):
    return bool(name) and Path(name).name == name and not leads_out(name)


def sequential_split(dataset):
    """The split of Tangseng, Wu and Yamaguchi's released script: by place in the file.

    Of n photos the last round(0.02 n) are validation, the round(0.2 n) before them test, the first
    train: 2,092, 54 and 536 of 2,682. (The committed script starts to write training photos at
    number 419, its first part left out.) Neighbours in the file may come from one photo session,
    so neighbouring parts are less independent than their size suggests.

    Returns:
        A `Dataset`.
    """
    position = dataset.table["position"].to_numpy()
    count = int(position.max()) + 1
    validation, test = round(0.02 * count), round(0.2 * count)
    split = np.full(len(position), "train", dtype=object)
    split[position >= count - validation - test] = "test"
    split[position >= count - validation] = "validation"
    return replace(dataset, table=dataset.table.assign(split=split))


def paper_split(dataset, seed=0):
    """The parsing paper's split: 2,038 train, 108 validation, 536 test.

    "We use the same data split as in [10] where 2,146 images are used as a training set and 536
    images are used as a test set. We use 108 of the training images as a validation set." The test
    photos are those of `sequential_split`. Which 108 is not said: here a draw with `seed` from the
    other 2,146; of a smaller dataset, the same share.

    Returns:
        A `Dataset`.
    """
    table = sequential_split(dataset).table
    others = np.flatnonzero(table["split"] != "test")
    validation = max(1, round(108 / OFFICIAL_COUNT * len(table)))
    drawn = np.random.Generator(np.random.PCG64(seed)).permutation(others)[:validation]
    split = table["split"].to_numpy(dtype=object, copy=True)
    split[others] = "train"
    split[drawn] = "validation"
    return replace(dataset, table=table.assign(split=split))


def _open_mask(path, position):
    """The labels of photo `position`'s pixels: uint8 (height, width), indices into `CLASSES`.

    Raises:
        DataError: The file is damaged, or the mask differs from the photo in size or holds a
            superpixel or label that does not exist. Names the entry.
    """
    if position is None:
        raise DataError(f"{path}: holds many masks; a reference to one is PATH#POSITION.")
    where = f"{path}: fashion_dataset{{{position + 1}}}"
    with open_version_73(path, "fashion_dataset") as file:
        try:
            entries = references(member(file, "fashion_dataset"))
            entry = plain(file[entries[position]])[0]
            superpixels, labels = entry["segmentation"], entry["category_label"].ravel()
            name = _text(entry["img_name"])
        except IndexError:
            raise DataError(f"{path}#{position}: the file holds {len(entries)} photos, counted "
                            "from 0.") from None
        except DAMAGE as error:
            raise DataError(f"{where} cannot be read ({type(error).__name__}: {error}). "
                            f"{DAMAGED}") from None
    if not _is_file_name(name):
        raise DataError(f"{where}.img_name is {name[:80]!r}, no file's name.")
    photo = picture_at(Path(path).parent / "image" / name)
    if not (superpixels.size and len(labels) and superpixels.min() >= 0
            and superpixels.max() < len(labels)):
        raise DataError(f"{where}.segmentation: its superpixels do not lie in 0 to "
                        f"{len(labels) - 1}, as category_label has {len(labels)} entries.")
    mask = labels.astype(np.float64)[superpixels.astype(np.int64)] - 1
    return checked_mask(mask, photo_raster(photo, photo), len(CLASSES), where)


register_opener("mask", MAT_FILE, _open_mask)


# What the sample's drawings are called here: the wardrobe's labels, then articles that differ.
# Jewellery and gloves have no label and count as the skin beneath.
_DRAWN = {
    "background": "bk", "skin": "skin", "hair": "hair", "bag": "bag", "belt": "belt",
    "boots": "shoe", "coat": "coat", "dress": "dress", "glasses": "sunglass", "gloves": "skin",
    "hat/headband": "hat", "jacket/blazer": "blazer", "necklace": "skin", "pants/jeans": "pants",
    "scarf/tie": "scarf", "shirt/blouse": "blouse", "shoes": "shoe", "shorts": "shorts",
    "skirt": "skirt", "socks": "socks", "sweater/cardigan": "sweater",
    "tights/leggings": "stocking", "top/t-shirt": "T-shirt", "vest": "blouse",
    "watch/bracelet": "skin", "jeans": "jeans", "leggings": "legging",
}  # fmt: skip
# Twelve colours beside the background; the real file's names are not known here.
_COLOURS = {
    "beige": (222, 200, 170), "black": (20, 20, 20), "blue": (40, 70, 180), "brown": (110, 70, 40),
    "gray": (128, 128, 128), "green": (50, 130, 60), "orange": (235, 130, 40),
    "pink": (240, 150, 180), "purple": (120, 50, 140), "red": (200, 30, 40),
    "white": (245, 245, 245), "yellow": (240, 215, 60),
}  # fmt: skip


def write_sample(folder, seed=0):
    """Draws people and writes ``image/`` and ``fashon_parsing_data.mat``.

    The superpixels are squares of 8 pixels, parted where labels meet: they give the drawn labels
    exactly. The same seed gives the same bytes.
    """
    from fashion_tf.wardrobe import draw_person

    folder = Path(folder)
    # The second number is this dataset's own: no two samples show the same people.
    generator = np.random.Generator(np.random.PCG64([seed, 2]))
    rows, columns = np.indices(SAMPLE_SIZE) // 8
    squares = rows * (columns.max() + 1) + columns
    palette = np.array(list(_COLOURS.values()))
    entries = []
    for number in range(SAMPLE_COUNT):
        drawing = draw_person(generator, SAMPLE_SIZE)
        mask = drawn_mask(drawing, _DRAWN, CLASSES)
        mask[drawing.face & (mask == CLASSES.index("skin"))] = CLASSES.index("face")
        pairs, superpixels = np.unique(squares * len(CLASSES) + mask, return_inverse=True)
        superpixels = superpixels.reshape(SAMPLE_SIZE)
        labels, sizes = pairs % len(CLASSES), np.bincount(superpixels.ravel())
        means = np.stack([np.bincount(superpixels.ravel(), drawing.image[..., channel].ravel())
                          for channel in range(3)], axis=1) / sizes[:, None]
        nearest = ((means[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
        name = f"{number + 1}.jpg"
        entries.append({
            "category_label": (labels + 1.0).reshape(-1, 1),
            "color_label": np.where(labels == 0, 1.0, nearest + 2.0).reshape(-1, 1),
            "img_name": name, "segmentation": superpixels.astype(np.float32)})
        write_picture(folder / "image" / name, drawing.image)
    with Version73Writer(folder / MAT_FILE) as writer:
        writer.put("all_category_name", list(CLASSES))
        writer.put("all_colors_name", ["bk", *_COLOURS])
        writer.put("fashion_dataset", entries)
