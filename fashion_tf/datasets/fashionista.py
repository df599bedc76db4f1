"""Fashionista (Yamaguchi et al., CVPR 2012): 685 street photos with per-pixel clothing labels.

Two editions, each one .mat file that holds the encoded photos too:

* v0.2.1, ``fashionista_v0.2.1.mat``, in the archive
  http://vision.is.tohoku.ac.jp/~kyamagu/research/paperdoll/fashionista-v0.2.1.tgz. ``truths`` is
  an array of structs: ``index``, ``image`` (a JPEG's bytes), ``pose.point`` and ``annotation``,
  with ``superpixel_map`` (a PNG's bytes: each pixel's superpixel, from 1), ``superpixel_labels``
  (each superpixel's label, from 1) and ``labels`` (56 names). ``test_index`` counts from 1.
* refined v1.0, ``fashionista-v1.0.mat``, re-annotated by Tangseng, Wu and Yamaguchi (2017) with
  25 labels: ``truths`` (``annotation`` is the bytes of a PNG of labels from 0), ``test_index`` and
  ``labels``. It stood under a private address; ask its authors. The parsing paper uses this one.

Sources of the format: the README of https://github.com/kyamagu/paperdoll ("Data format") and the
converters in https://github.com/pongsate1/fashion-parsing (data/fashionista-v0.2 and -v1.0). No
real file was at hand: neither the .mat version (5 and 7.3 are both read) nor the PNGs' colour type
is confirmed. Reported from public code: the PNG's map indexes ``superpixel_labels`` directly; the
refined PNG's first channel holds the label.

Splits: ``test_index`` is the authors'; of the others, in the file's order, every tenth is
validation, as in the converters. That gives the parsing paper's 411, 45 and 229 photos.
"""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.encoded import EncodedPicture
from fashion_tf.datasets.files import text_column
from fashion_tf.datasets.images import register_opener
from fashion_tf.datasets.masks import checked_mask, no_labels, photo_raster
from fashion_tf.datasets.matlab import read_mat, write_version_5
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "fashionista"
TITLE = "Fashionista: 685 street photos, 25 labels (refined v1.0) or 56 mapped to 25 (v0.2.1)"
LICENCE = "none stated; photos from chictopia.com, for research"
REFINED, ORIGINAL = "fashionista-v1.0.mat", "fashionista_v0.2.1.mat"
FILES = (REFINED, ORIGINAL, f"fashionista-v0.2.1/{ORIGINAL}")  # the first that is there is read
CLASSES = (
    "background", "skin", "hair", "bag", "belt", "boots", "coat", "dress", "glasses", "gloves",
    "hat/headband", "jacket/blazer", "necklace", "pants/jeans", "scarf/tie", "shirt/blouse",
    "shoes", "shorts", "skirt", "socks", "sweater/cardigan", "tights/leggings", "top/t-shirt",
    "vest", "watch/bracelet",
)  # fmt: skip
ORIGINAL_CLASSES = (
    "null", "tights", "shorts", "blazer", "t-shirt", "bag", "shoes", "coat", "skirt", "purse",
    "boots", "blouse", "jacket", "bra", "dress", "pants", "sweater", "shirt", "jeans", "leggings",
    "scarf", "hat", "top", "cardigan", "accessories", "vest", "sunglasses", "belt", "socks",
    "glasses", "intimate", "stockings", "necklace", "cape", "jumper", "sweatshirt", "suit",
    "bracelet", "heels", "wedges", "ring", "flats", "tie", "romper", "sandals", "earrings",
    "gloves", "sneakers", "clogs", "watch", "pumps", "wallet", "bodysuit", "loafers", "hair",
    "skin",
)  # fmt: skip
SAMPLE_COUNT = 360
SAMPLE_SIZE = (192, 128)  # height, width; the real photos have 600 x 400
OFFICIAL_COUNTS = {"train": 411, "validation": 45, "test": 229}

# The finer labels of Fashionista v0.2.1 (56) and of Clothing Co-Parsing (the same and "hoodie",
# "panties", "swimwear") to the 25 refined ones. The refined set was annotated anew, by other
# rules, so this is an approximation and our decision. Where a name alone does not decide, the
# pixels so labelled in 800 Clothing Co-Parsing photos did ("seen:").
TO_REFINED = {
    "null": "background",
    # the same name, or a part of the refined name
    "skin": "skin",
    "hair": "hair",
    "bag": "bag",
    "belt": "belt",
    "boots": "boots",
    "coat": "coat",
    "dress": "dress",
    "glasses": "glasses",
    "gloves": "gloves",
    "hat": "hat/headband",
    "jacket": "jacket/blazer",
    "blazer": "jacket/blazer",
    "necklace": "necklace",
    "pants": "pants/jeans",
    "jeans": "pants/jeans",
    "scarf": "scarf/tie",
    "tie": "scarf/tie",
    "shirt": "shirt/blouse",
    "blouse": "shirt/blouse",
    "shoes": "shoes",
    "shorts": "shorts",
    "skirt": "skirt",
    "socks": "socks",
    "sweater": "sweater/cardigan",
    "cardigan": "sweater/cardigan",
    "tights": "tights/leggings",
    "leggings": "tights/leggings",
    "top": "top/t-shirt",
    "t-shirt": "top/t-shirt",
    "vest": "vest",
    "watch": "watch/bracelet",
    "bracelet": "watch/bracelet",
    # a kind of what the refined label names
    "clogs": "shoes",
    "flats": "shoes",
    "heels": "shoes",
    "loafers": "shoes",
    "pumps": "shoes",
    "sandals": "shoes",
    "sneakers": "shoes",
    "wedges": "shoes",
    "purse": "bag",
    "wallet": "bag",  # a small bag carried in the hand
    "sunglasses": "glasses",
    "stockings": "tights/leggings",
    "hoodie": "sweater/cardigan",
    "sweatshirt": "sweater/cardigan",
    "jumper": "sweater/cardigan",  # seen: knitted and sweat tops, the British word; no jumpsuits
    "cape": "coat",  # seen: ponchos, shawls and coats, worn over everything
    "suit": "jacket/blazer",  # seen: always the jacket of a suit alone, the trousers are "pants"
    # the nearest there is
    "romper": "dress",  # seen: jumpsuits and playsuits; "dress" is the only one-piece label
    "bodysuit": "dress",  # seen: mostly jumpsuits
    "bra": "top/t-shirt",  # seen twice, as a visible top
    "ring": "watch/bracelet",  # jewellery of the hand
    "earrings": "necklace",  # jewellery of head and neck
    # no label fits
    "accessories": "background",  # seen: bracelets, clutches, phones, glasses, without a rule
    "intimate": "background",  # none seen
    "panties": "background",  # none seen
    "swimwear": "background",  # none seen
}


def to_refined(names):
    """Which of the 25 classes each label becomes: uint8 of shape (len(names),).

    ``to_refined(names)[mask]`` is the mapped mask.
    """
    return np.array([CLASSES.index(TO_REFINED[name]) for name in names], np.uint8)


def _find(folder):
    for file in FILES:
        if (Path(folder) / file).exists():
            return Path(folder) / file
    raise DataError(f"{folder}: holds neither {REFINED} nor {ORIGINAL}.")


@lru_cache(maxsize=1)  # the whole file, about 100 MB
def _contents(path, modified):
    """(truths, test_index) of a file; `modified` makes a changed file a new one."""
    refined = Path(path).name == REFINED
    variables = read_mat(path, "truths", "test_index", *(["labels"] if refined else []))
    truths = variables["truths"]
    if not isinstance(truths, list) or not truths or not isinstance(truths[0], dict):
        raise DataError(f"{path}: truths is no array of structs, or an empty one.")
    needed = {"index", "image", "annotation"}
    for position, truth in enumerate(truths, start=1):
        if missing := needed - set(truth):
            raise DataError(f"{path}: truths({position}) lacks {', '.join(sorted(missing))}.")
        if not refined:
            annotation = truth["annotation"]
            fields = annotation[0] if isinstance(annotation, list) and annotation else {}
            lacking = {"superpixel_map", "superpixel_labels", "labels"} - set(fields)
            if lacking:
                raise DataError(f"{path}: truths({position}).annotation lacks "
                                f"{', '.join(sorted(lacking))}. Is it {REFINED} under another "
                                "name?")
    names = variables["labels"] if refined else truths[0]["annotation"][0]["labels"]
    expected = CLASSES if refined else ORIGINAL_CLASSES
    if tuple(map(str, names)) != expected:
        raise DataError(f"{path}: its {len(names)} labels are not the {len(expected)} of "
                        f"{'refined Fashionista' if refined else 'Fashionista v0.2.1'}; the first "
                        f"are {', '.join(map(str, names[:4]))}.")
    return truths, variables["test_index"]


def _open(path):
    try:
        return _contents(str(path), Path(path).stat().st_mtime_ns)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None


def read(folder):
    """Reads refined Fashionista where it is, else v0.2.1 with its labels mapped to the same 25.

    Returns:
        A `Dataset`. ``label`` is missing throughout: the labels are the pixels'. ``index`` is
        the dataset's own number of the photo. A note says so when the set is not the refined one.

    Raises:
        DataError: The file is absent, damaged or not laid out as it should be. Names the record.
    """
    path = _find(folder)
    truths, test_index = _open(path)
    count = len(truths)
    indices = [_whole(truth["index"], f"{path}: truths({position}).index")
               for position, truth in enumerate(truths, start=1)]
    _refuse_repeated(indices, f"{path}: truths")
    test = np.asarray(test_index).ravel()
    if test.dtype.kind not in "biuf" or not ((test >= 0) & (test <= count) & (test % 1 == 0)).all():
        raise DataError(f"{path}: test_index must hold whole numbers from 1 to {count}.")
    if test.size == count and test.max() <= 1:  # a logical index, one entry a photo
        test = np.flatnonzero(test) + 1
    if (test == 0).any():
        raise DataError(f"{path}: test_index counts from 1, but holds a 0.")
    test = test.astype(int)
    _refuse_repeated(test.tolist(), f"{path}: test_index")
    split = np.full(count, "train", dtype=object)
    split[test - 1] = "test"
    split[np.flatnonzero(split == "train")[9::10]] = "validation"
    references = text_column(f"{path}#{position}" for position in range(count))
    table = pd.DataFrame({
        "image": references, "label": no_labels(count, CLASSES), "split": split,
        "group": [f"photo {index}" for index in indices], "mask": references, "index": indices,
    })
    notes = []
    if path.name != REFINED:
        notes.append("This is Fashionista v0.2.1, its 56 labels mapped to 25. It is not refined "
                     "Fashionista, whose masks were drawn anew: scores on it do not compare with "
                     "those that papers report on the refined set.")
    counts = table["split"].value_counts()
    if any(counts.get(name, 0) != number for name, number in OFFICIAL_COUNTS.items()):
        have = ", ".join(f"{counts.get(name, 0)} {name}" for name in OFFICIAL_COUNTS)
        notes.append(f"{have} photos, not the official 411, 45 and 229: this is a part or a "
                     "sample of Fashionista.")
    return Dataset(NAME, table, CLASSES, tuple(notes))


def _whole(value, where):
    number = np.asarray(value).ravel()
    if number.size != 1 or number.dtype.kind not in "iuf" or number[0] % 1 != 0:
        raise DataError(f"{where}: {value!r} is no whole number.")
    return int(number[0])


def _refuse_repeated(numbers, where):
    repeated = pd.Series(numbers, dtype=object).duplicated()
    if repeated.any():
        number = numbers[int(repeated.idxmax())]
        raise DataError(f"{where}: the number {number} stands there twice.")


def _truth(path, position):
    """(the record, its name for messages) of a photo."""
    truths, _ = _open(path)
    if position is None or position >= len(truths):
        raise DataError(f"{path}: holds {len(truths)} photos, counted from 0; asked for number "
                        f"{position}.")
    return truths[position], f"{path}: truths({position + 1})"


def _bytes(value, where):
    array = np.asarray(value)
    if array.dtype != np.uint8 or array.size == 0:
        raise DataError(f"{where}: not the bytes of an encoded picture.")
    return array.tobytes(order="F")


def _open_image(path, position):
    """The bytes of a photo's JPEG."""
    truth, where = _truth(path, position)
    return _bytes(truth["image"], f"{where}.image")


def _open_mask(path, position):
    """The labels of a photo's pixels: uint8 (height, width), indices into `CLASSES`.

    Raises:
        DataError: The PNG is damaged, differs from the photo in size, or holds a superpixel or
            label that does not exist. Names the record.
    """
    truth, where = _truth(path, position)
    raster = photo_raster(_bytes(truth["image"], f"{where}.image"), f"{where}.image")
    annotation, where = truth["annotation"], f"{where}.annotation"
    if Path(path).name == REFINED:  # the PNG is the mask
        mask = EncodedPicture(_bytes(annotation, where), where).numbers()
        mask = mask if mask.ndim == 2 else mask[..., 0]  # as the authors' converter reads it
        return checked_mask(mask, raster, len(CLASSES), where)
    fields, inside = annotation[0], f"{where}.superpixel_map"
    superpixels = EncodedPicture(_bytes(fields["superpixel_map"], inside), inside).numbers().astype(int)
    if superpixels.ndim != 2:
        raise DataError(f"{inside}: a PNG of one channel belongs here, not {superpixels.shape[2]}.")
    labels = np.asarray(fields["superpixel_labels"]).ravel()
    if superpixels.min() < 1 or superpixels.max() > len(labels):
        raise DataError(f"{inside}: superpixels {superpixels.min()} to {superpixels.max()}, but "
                        f"superpixel_labels has entries 1 to {len(labels)}.")
    mask = labels[superpixels - 1].astype(np.float64) - 1  # signed: a label 0 must not wrap
    mask = checked_mask(mask, raster, len(ORIGINAL_CLASSES), where)
    return to_refined(ORIGINAL_CLASSES)[mask]


for _file in (REFINED, ORIGINAL):
    register_opener("image", _file, _open_image)
    register_opener("mask", _file, _open_mask)


def write_sample(folder, seed=0):
    """Draws people and writes ``fashionista-v1.0.mat``, the refined edition, without poses.

    Every third photo is in ``test_index``. The same seed gives the same bytes.
    """
    from fashion_tf.wardrobe import draw_person

    # The second number is this dataset's own: no two samples show the same people.
    generator = np.random.Generator(np.random.PCG64([seed, 3]))
    truths = np.empty((1, SAMPLE_COUNT), dtype=[(name, object)
                                                for name in ("index", "image", "annotation")])
    for number in range(SAMPLE_COUNT):
        drawing = draw_person(generator, SAMPLE_SIZE)
        truths[0, number] = (float(number + 1), _encoded(drawing.image, "JPEG", quality=92),
                             # Not packed: two builds of zlib may pack differently.
                             _encoded(drawing.labels, "PNG", compress_level=0))
    labels = np.empty((1, len(CLASSES)), dtype=object)
    labels[0, :] = CLASSES
    write_version_5(Path(folder) / REFINED, {
        "truths": truths, "labels": labels,
        "test_index": np.arange(3.0, SAMPLE_COUNT + 1, 3).reshape(1, -1)})


def _encoded(array, kind, **settings):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **settings)
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(1, -1)
