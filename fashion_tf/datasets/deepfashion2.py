"""DeepFashion2 (Ge et al., CVPR 2019): photos with every garment's class, box, polygons and pair.

Layout (source: https://github.com/switchablenorms/DeepFashion2, its README.md and
evaluation/deepfashion2_to_coco.py): ``train/image/000001.jpg`` with ``train/annos/000001.json``,
``validation/`` alike; the test labels are not public. Released are 191,961 training and 32,153
validation photos, fewer than the paper's 390,884 and 33,669. One annotation:

    {"source": "user" or "shop", "pair_id": 1, "item1": {"category_name": "skirt", "category_id": 9,
     "style": 1, "bounding_box": [x1, y1, x2, y2], "landmarks": [x, y, v, ...],
     "segmentation": [[x1, y1, x2, y2, ...], ...], "scale": 2, "occlusion": 2, "zoom_in": 1,
     "viewpoint": 2}, "item2": ...}

Photos of one garment by its shop and by customers share the ``pair_id``; within a pair, items of
one ``style`` above 0 are the same garment (0: shown in this photo only). Landmark visibility is 2
for visible, 1 occluded, 0 not labelled: the other way round than in DeepFashion.

Not checked against the real files, whose password is given on request by the authors alone. One
real annotation, printed in the repository's issue 4, is among the tests.
"""

import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import (
    PICTURE_ENDINGS,
    drop_absent,
    is_whole_number,
    listed_by_stem,
    picture_at,
    read_json,
    require_folder,
    shown,
    text_column,
    write_picture,
    write_text,
)
from fashion_tf.datasets.images import register_opener
from fashion_tf.datasets.masks import box_of, photo_raster
from fashion_tf.datasets.subsets import balance
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "deepfashion2"
TITLE = "DeepFashion2: 224,114 photos, every garment with class, box and mask, 13 classes"
LICENCE = "non-commercial research only; password on request from the authors"
CLASSES = (
    "short sleeve top", "long sleeve top", "short sleeve outwear", "long sleeve outwear", "vest",
    "sling", "shorts", "trousers", "skirt", "short sleeve dress", "long sleeve dress", "vest dress",
    "sling dress",
)  # fmt: skip
SPLITS = ("train", "validation")
FILES = ("train/annos", "validation/annos")
OFFICIAL_COUNTS = {"train": 191_961, "validation": 32_153}
SOURCES = ("user", "shop")
GRADES = ("scale", "occlusion", "zoom_in", "viewpoint")  # 1 to 3 each
PAPER_PER_CLASS = 1_985
MAXIMUM_ANNOTATION = 8 << 20  # bytes of one photo's annotation; the real ones have some kB
MAXIMUM_CROSSINGS = 1 << 24  # of a mask's polygons with rows of pixels; a real one has some thousand
LARGEST = 10 ** 18  # of the whole numbers in an annotation: what 64 bits hold


def read(folder):
    """Reads all annotations; one of the splits may be absent.

    Returns:
        A `Dataset` with one row per garment. ``group`` joins the photos of a pair, with all
        garments on them. ``mask`` is a reference for `read_mask`: uint8, 1 on the garment, 0
        elsewhere (see `rasterise`). Other columns: ``image_id`` and ``item`` (the numbers in the
        file's name and in the item's key), ``pair_id``, ``style``, ``source``, ``scale``,
        ``occlusion``, ``zoom_in`` and ``viewpoint``.

    Raises:
        DataError: A folder is absent; an annotation is no JSON, not UTF-8, or lacks a key; a class
            or another number is out of range; a photo's number stands twice; or more than 5 % of
            the photos are absent. Names the file and key.
    """
    folder = Path(folder)
    present = [split for split in SPLITS if (folder / split).is_dir()]
    if not present:
        raise DataError(f"{folder}: holds neither of the folders {' and '.join(SPLITS)}.")
    parts, notes = [], []
    for split in present:
        part, part_notes = _read_split(folder / split, split)
        parts.append(part)
        notes += part_notes
    table = pd.concat(parts, ignore_index=True)
    counts = {split: part["image_id"].nunique() for split, part in zip(present, parts)}
    if counts != OFFICIAL_COUNTS:
        have = " and ".join(f"{counts.get(split, 0):,} {split}" for split in SPLITS)
        notes.append(f"{have} photos, not the official 191,961 and 32,153: this is a part or a "
                     "sample of DeepFashion2.")
    return Dataset(NAME, table, CLASSES, tuple(notes))


def _read_split(folder, split):
    """One split's garments as a table, and notes."""
    annotations = require_folder(folder / "annos", "the annotations, 000001.json and so on")
    images = require_folder(folder / "image", "the photos, 000001.jpg and so on")
    files, ignored = _numbered(annotations, (".json",))
    photos, others = _numbered(images, PICTURE_ENDINGS)
    if not files:
        raise DataError(f"{annotations}: holds no annotations.")
    rows = []
    for number, name in files.items():
        image = photos.get(number, f"{os.path.splitext(name)[0]}.jpg")
        rows += _read_photo(f"{annotations}{os.sep}{name}", number, f"{images}{os.sep}{image}")
    table = pd.DataFrame(rows, columns=(
        "image", "label", "group", "box", "mask", "image_id", "item", "pair_id", "style", "source",
        *GRADES), dtype=object)
    table = table.astype({name: np.int64 for name in ("image_id", "item", "pair_id", "style", *GRADES)})
    table.insert(2, "split", split)
    table["group"] = text_column(f"{split} pair {pair}" for pair in table["group"])
    table["label"] = pd.Categorical.from_codes(table["label"].astype(int) - 1, CLASSES)
    table, notes = _drop_unusable(table, split)
    table, absent = drop_absent(table, annotations, folder.parent)
    unannotated = sorted(photos.keys() - files.keys())
    if unannotated:
        notes.append(f"{split}: {len(unannotated):,} photos have no annotation and are left out, "
                     f"the first being {shown(photos[unannotated[0]])}.")
    if ignored := ignored + others:
        notes.append(f"{split}: {len(ignored):,} files are neither photos nor annotations by their names and are "
                     f"ignored, the first being {shown(ignored[0])}.")
    return table, [*notes, *absent]


def _numbered(folder, endings):
    """(number -> name of the files NUMBER.ending in a folder, by number; the names of other files)."""
    names, others = listed_by_stem(folder, endings)
    files = {}
    for stem, name in names.items():
        if not is_whole_number(stem):
            raise DataError(f"{folder / name}: files here are named by six digits.")
        if int(stem) in files:
            raise DataError(f"{folder / name}: number {int(stem)} is there already as "
                            f"{files[int(stem)]}.")
        files[int(stem)] = name
    return dict(sorted(files.items())), others


def _read_photo(path, number, image):
    """One annotation file as rows."""
    photo = read_json(path, MAXIMUM_ANNOTATION)
    if not isinstance(photo, dict):
        raise DataError(f"{path}: not an annotation of a photo ({{...}}).")
    try:
        source, pair = photo.pop("source"), photo.pop("pair_id")
    except KeyError as error:
        raise DataError(f"{path}: lacks the key {error}.") from None
    if source not in SOURCES:
        raise DataError(f"{path}: source is {source!r}; it should be one of {SOURCES}.")
    if type(pair) is not int or not -LARGEST < pair < LARGEST:
        raise DataError(f"{path}: pair_id is {repr(pair)[:40]}, no whole number of at most 18 digits.")
    rows = []
    for key, item in photo.items():
        if not (key.startswith("item") and is_whole_number(key[4:]) and isinstance(item, dict)):
            raise DataError(f"{path}: {key[:40]} is not an item (item1, item2, ...).")
        try:
            label, name, style, box, polygons = (item[field] for field in (
                "category_id", "category_name", "style", "bounding_box", "segmentation"))
            grades = [item[field] for field in GRADES]
        except KeyError as error:
            raise DataError(f"{path}: {key} lacks the key {error}.") from None
        if type(label) is not int or not 1 <= label <= len(CLASSES):
            raise DataError(f"{path}: {key}.category_id is {label!r}; classes are 1 to "
                            f"{len(CLASSES)}.")
        if name in CLASSES and name != CLASSES[label - 1]:
            raise DataError(f"{path}: {key} is of category {label}, {CLASSES[label - 1]}, but its "
                            f"category_name is {name!r}.")
        if not _numbers(box, 4):
            raise DataError(f"{path}: {key}.bounding_box must be four numbers, not {str(box)[:80]}.")
        if not isinstance(polygons, list) or not all(isinstance(one, list) for one in polygons):
            raise DataError(f"{path}: {key}.segmentation must be a list of polygons.")
        for field, value in zip(("style", *GRADES), (style, *grades)):
            if type(value) is not int or not 0 <= value < LARGEST or (field != "style" and not 1 <= value <= 3):
                raise DataError(f"{path}: {key}.{field} is {repr(value)[:40]}; it should be "
                                f"{'0 or more' if field == 'style' else '1, 2 or 3'}.")
        item_number = int(key[4:])
        mask = f"{path}#{item_number}" if any(len(one) >= 6 for one in polygons) else None
        rows.append((image, label, pair, tuple(box), mask, number, item_number, pair,
                     style, source, *grades))
    return rows


def _numbers(values, count):
    return isinstance(values, list) and len(values) == count and all(
        type(value) in (int, float) and -LARGEST < value < LARGEST for value in values)


def _drop_unusable(table, split):
    """Leaves out garments without a box or a mask that one could train on."""
    notes = []
    empty = np.array([box[2] <= box[0] or box[3] <= box[1] for box in table["box"]], dtype=bool)
    for unusable, what in ((empty, "an empty box"), (table["mask"].isna().to_numpy() & ~empty,
                                                     "no polygon")):
        if unusable.any():
            first = table["image"].iloc[int(np.argmax(unusable))]
            notes.append(f"{split}: {unusable.sum():,} garments have {what} and are left out, the "
                         f"first being on {shown(Path(first).name)}.")
    kept = ~empty & table["mask"].notna().to_numpy()
    return table[kept].reset_index(drop=True), notes


@lru_cache(maxsize=64)  # a photo's garments are usually asked for one after another
def _photo(path, modified):
    return read_json(path, MAXIMUM_ANNOTATION)


def _open_mask(path, index):
    """The garment's mask, for `fashion_tf.datasets.images.read_mask`."""
    try:
        polygons = _photo(path, os.stat(path).st_mtime_ns)[f"item{index}"]["segmentation"]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (KeyError, TypeError):
        raise DataError(f"{path}: has no item{index} with a segmentation.") from None
    file = Path(path)
    image = picture_at(file.parents[1] / "image" / f"{file.stem}.jpg")
    for number, polygon in enumerate(polygons):
        if len(polygon) % 2 or not _numbers(polygon, len(polygon)):
            raise DataError(f"{path}: item{index}.segmentation[{number}] is no list of x and y.")
    raster = photo_raster(image, image)
    try:
        return raster.turn(rasterise(polygons, raster.stored))
    except DataError as error:
        raise DataError(f"{path}: item{index}.segmentation: {error}") from None


register_opener("mask", ".json", _open_mask)


def rasterise(polygons, size):
    """The pixels that polygons cover.

    A pixel is covered if its centre lies inside a polygon by the even-odd rule; a centre exactly
    on an edge belongs to the polygon below or to the right, so that two polygons that share an edge
    share no pixel. Several polygons are united. This is exact: no outline is added (as
    ``cv2.fillPoly`` and Pillow's ``ImageDraw.polygon`` do) and no corner rounded.

    Args:
        polygons: Lists [x1, y1, x2, y2, ...] in pixels, (0, 0) being the picture's corner; closed
            or not. Those of fewer than three points cover nothing.
        size: (height, width) of the picture.

    Returns:
        uint8 (height, width): 1 inside, 0 outside.

    Raises:
        DataError: The edges cross rows of pixels more than MAXIMUM_CROSSINGS times.
    """
    height, width = size
    mask, crossings = np.zeros((height, width), np.uint8), 0
    for polygon in polygons:
        x, y = np.asarray(polygon, dtype=np.float64).reshape(-1, 2).T
        if len(x) < 3:
            continue
        # Every edge from its upper to its lower end: an edge walked there and back, or of two
        # polygons, is then crossed at exactly the same places both times.
        start, end = np.stack((x, y)), np.stack((np.roll(x, -1), np.roll(y, -1)))
        downwards = (end[1] > start[1]) | ((end[1] == start[1]) & (end[0] >= start[0]))
        (x, y), (end_x, end_y) = (np.where(downwards, start, end), np.where(downwards, end, start))
        # The edge crosses the centre lines of the rows from first to before last.
        first, last = (np.clip(np.ceil(side - 0.5), 0, height).astype(int) for side in (y, end_y))
        crossed = last - first
        crossings += int(crossed.sum())
        if crossings > MAXIMUM_CROSSINGS:
            raise DataError(f"the polygons cross {crossings:,} rows of pixels and more; at most {MAXIMUM_CROSSINGS:,} "
                            "are drawn.")
        # Modulo 256, which keeps odd and even apart: bytes are enough.
        turns = np.zeros((height, width + 1), np.uint8)
        ends = np.cumsum(crossed)
        # Some edges at a time: each crossing takes a hundred bytes while its place is computed.
        for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(ends // _CROSSINGS_AT_A_TIME)) + 1):
            edge = np.repeat(part, crossed[part])
            row = np.arange(len(edge)) + np.repeat((first - ends + crossed)[part], crossed[part]) + (
                ends[part[0]] - crossed[part[0]])
            # The first centre at or right of the crossing; one division, of numbers that are whole where
            # the corners are, so that no rounding decides.
            across, down = (end_x - x)[edge], (end_y - y)[edge]
            ahead = (2 * x[edge] - 1) * down + (2 * (row - y[edge]) + 1) * across
            column = np.clip(np.ceil(ahead / (2 * down)), 0, width).astype(int)
            # From each crossing rightwards, inside and outside change places.
            np.add.at(turns, (row, column), 1)
        np.cumsum(turns, axis=1, dtype=np.uint8, out=turns)
        mask |= turns[:, :width] & 1
    return mask


_CROSSINGS_AT_A_TIME = 1 << 20


def polygons_of(mask):
    """The outlines of a mask, along the pixels' edges: `rasterise` gives exactly the mask back.

    A hole is joined to the outline around it by a cut that runs there and back.

    Args:
        mask: (height, width), nonzero inside.

    Returns:
        A list of polygons [x1, y1, x2, y2, ...] of whole numbers.
    """
    import cv2

    # findContours runs through pixels' centres. On pixels grown fourfold its path lies within a
    # quarter of a pixel of their edges, and rounding puts it there.
    grown = np.repeat(np.repeat(np.asarray(mask) != 0, 4, axis=0), 4, axis=1).astype(np.uint8)
    contours, tree = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = {}
    for number, contour in enumerate(contours):
        path = ((contour[:, 0] + 1) // 4).tolist()
        path.append(path[0])
        parent = int(tree[0][number][3])
        if parent < 0:
            outlines.setdefault(number, []).insert(0, path)
        else:
            outlines.setdefault(parent, []).append(path)
    polygons = []
    for outline, *holes in outlines.values():
        points = list(outline)
        for hole in holes:
            points += [*hole, outline[0]]
        distinct = [point for point, before in zip(points, [None, *points]) if point != before]
        polygons.append([value for point in distinct for value in point])
    return polygons


def balanced(dataset, per_class=PAPER_PER_CLASS, seed=0):
    """The parts-and-styles paper's garments: 1,985 of each class, common thinned, rare repeated.

    The paper balances before it makes its five folds, and does not name the official split it drew
    from; the training split is taken here. A fold made on the rows puts copies of one garment on
    both sides. ``copy`` tells copies apart, ``mask`` is the same for all copies of an item, and
    ``group`` for all photos of a pair, so that folds can be made on each of the three.

    Args:
        dataset: What `read` returned.
        per_class: Garments a class.
        seed: Which garments are drawn.

    Returns:
        A `Dataset` with the column ``copy``, 0 for an original.

    Raises:
        DataError: The training split is absent, or a class has no garment.
    """
    return balance(dataset.split("train"), per_class, seed, oversample=True)


SAMPLE_PAIRS = {"train": 156, "validation": 39}  # a multiple of 13: each class in turn
SAMPLE_SIZE = (288, 216)


def write_sample(folder, seed=0):
    """Draws garments worn together, some pairs in two photos, in the official layout.

    The second photo of a pair is a closer view of the first, by a customer ("user"). The same seed
    gives the same bytes.
    """
    from fashion_tf.wardrobe import draw_garment

    for order, (split, pairs) in enumerate(SAMPLE_PAIRS.items()):
        generator = np.random.Generator(np.random.PCG64([seed, order]))
        number = 0
        for pair in range(1, pairs + 1):
            drawing = draw_garment(CLASSES[pair % len(CLASSES)], generator, SAMPLE_SIZE)
            views = [(0, 0, *SAMPLE_SIZE[::-1])]
            if generator.random() < 0.5:
                views.append(_closer_view(generator))
            for view, source in zip(views, ("shop", "user")):
                number += 1
                _write_photo(Path(folder) / split, number, drawing, view, source, pair)


def _closer_view(generator):
    """A window (x1, y1, x2, y2) of 75 to 95 % of the picture's sides."""
    height, width = SAMPLE_SIZE
    share = generator.uniform(0.75, 0.95)
    x = int(generator.integers(0, width - int(share * width) + 1))
    y = int(generator.integers(0, height - int(share * height) + 1))
    return x, y, x + int(share * width), y + int(share * height)


def _write_photo(folder, number, drawing, view, source, pair):
    """One photo and its annotation. An item keeps its style number from photo to photo."""
    x1, y1, x2, y2 = view
    photo = {"source": source, "pair_id": pair}
    for style, garment in enumerate(drawing.garments, start=1):
        mask = garment.mask[y1:y2, x1:x2]
        if garment.type is None or np.count_nonzero(mask) < 64:
            continue
        box = list(box_of(mask))
        points = garment.landmarks - (x1, y1, 0)
        outside = ((points[:, :2] < 0).any(axis=1) | (points[:, 0] >= x2 - x1)
                   | (points[:, 1] >= y2 - y1) | (points[:, 2] == 0))
        points[outside] = 0
        photo[f"item{len(photo) - 1}"] = {
            "category_name": garment.type, "category_id": CLASSES.index(garment.type) + 1,
            "style": style, "bounding_box": box,
            "landmarks": [float(value) for point in points for value in point],
            "segmentation": polygons_of(mask), "scale": _scale(mask),
            "occlusion": garment.occlusion, "zoom_in": 2 if outside.any() else 1, "viewpoint": 2,
        }
    write_picture(folder / "image" / f"{number:06d}.jpg", drawing.image[y1:y2, x1:x2])
    write_text(folder / "annos" / f"{number:06d}.json", json.dumps(photo))


def _scale(mask):
    """1 small (under a tenth of the picture), 2 modest, 3 large (over four tenths)."""
    share = mask.mean()
    return 1 if share < 0.1 else 2 if share < 0.4 else 3
