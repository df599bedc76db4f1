"""Clothing Co-Parsing (Yang, Luo and Lin, CVPR 2014): 2,098 street photos, 59 labels.

Layout (https://github.com/bearpaw/clothing-co-parsing, Apache-2.0): ``photos/NNNN.jpg``;
``annotations/pixel-level/NNNN.mat`` for 1,004 photos (``groundtruth``: height x width, labels from
0); ``annotations/image-level/NNNN.mat`` for the other 1,094 (``tags``: n x 1, labels from 0);
``label_list.mat`` (a cell array of the 59 names, "null" first). Checked here against 800 photos
with their pixel-level files; of the image-level files only the repository's own description
(README.md, show_image_anno.m) is known.

The dataset has no splits, and does not say which photos show one person.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets import fashionista
from fashion_tf.datasets.files import (
    PICTURE_ENDINGS,
    drop_absent,
    listed_by_stem,
    picture_at,
    require_folder,
    shown,
    text_column,
    write_picture,
)
from fashion_tf.datasets.images import read_all, read_mask, register_opener
from fashion_tf.datasets.masks import box_of, checked_mask, drawn_mask, no_labels, photo_raster
from fashion_tf.datasets.matlab import read_mat, write_version_5
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "clothing-co-parsing"
TITLE = "Clothing Co-Parsing: 2,098 street photos, 1,004 of them with per-pixel labels, 59 labels"
LICENCE = "Apache-2.0"
CLASSES = (
    "null", "accessories", "bag", "belt", "blazer", "blouse", "bodysuit", "boots", "bra",
    "bracelet", "cape", "cardigan", "clogs", "coat", "dress", "earrings", "flats", "glasses",
    "gloves", "hair", "hat", "heels", "hoodie", "intimate", "jacket", "jeans", "jumper", "leggings",
    "loafers", "necklace", "panties", "pants", "pumps", "purse", "ring", "romper", "sandals",
    "scarf", "shirt", "shoes", "shorts", "skin", "skirt", "sneakers", "socks", "stockings", "suit",
    "sunglasses", "sweater", "sweatshirt", "swimwear", "t-shirt", "tie", "tights", "top", "vest",
    "wallet", "watch", "wedges",
)  # fmt: skip
FILES = ("label_list.mat",)
PIXEL_LEVEL, IMAGE_LEVEL = Path("annotations", "pixel-level"), Path("annotations", "image-level")
# The masks that a file offers: NNNN.mat#0 and NNNN.mat#1, and from 100 on that of a single label.
AS_ANNOTATED, AS_FASHIONISTA, AS_GARMENT = 0, 1, 100
# Thirteen types of garment, as many as DeepFashion2 has.
GARMENTS = ("blazer", "blouse", "coat", "dress", "jacket", "jeans", "pants", "shirt", "shorts", "skirt", "suit",
            "sweater", "t-shirt")
# What covers the upper body, as clothing-dataset-small would name it; whether a dress ends there cannot be seen.
UPPER = {"blazer": "outwear", "blouse": "longsleeve", "cape": "outwear", "cardigan": "longsleeve", "coat": "outwear",
         "hoodie": "longsleeve", "jacket": "outwear", "jumper": "longsleeve", "shirt": "shirt", "suit": "outwear",
         "sweater": "longsleeve", "sweatshirt": "longsleeve", "t-shirt": "t-shirt", "top": "t-shirt"}
SAMPLE_COUNTS = {"pixel-level": 120, "image-level": 20}
SAMPLE_SIZE = (192, 128)  # height, width; the real photos are about 830 x 550
OFFICIAL_COUNTS = {"pixel-level": 1_004, "image-level": 1_094}


def read(folder):
    """Reads the list of photos with their annotations.

    Returns:
        A `Dataset` without splits; one row per annotated photo, by number. ``label`` is missing
        throughout: the labels are the pixels'. ``mask`` is missing where the photo has only
        tags; ``tags`` is a tuple of label names, missing where the photo has none. `with_masks`
        keeps the rows to train a parser on.

    Raises:
        DataError: A folder or file is absent or damaged, or the labels are not the dataset's 59.
    """
    folder = Path(folder)
    names = read_mat(folder / "label_list.mat", "label_list")["label_list"]
    if tuple(map(str, names)) != CLASSES:
        raise DataError(f"{folder / 'label_list.mat'}: its {len(names)} labels are not the 59 of "
                        "Clothing Co-Parsing.")
    require_folder(folder / "photos", "the photos, NNNN.jpg")
    require_folder(folder / PIXEL_LEVEL, "the per-pixel labels, NNNN.mat")
    masks, ignored = listed_by_stem(folder / PIXEL_LEVEL, (".mat",))
    masks = {number: f"{folder / PIXEL_LEVEL / name}#{AS_ANNOTATED}" for number, name in masks.items()}
    tags = {}
    if (folder / IMAGE_LEVEL).exists():
        tags, others = listed_by_stem(folder / IMAGE_LEVEL, (".mat",))
        tags = {number: _read_tags(folder / IMAGE_LEVEL / name) for number, name in tags.items()}
        ignored += others
    photos, others = listed_by_stem(folder / "photos", PICTURE_ENDINGS)
    ignored += others
    numbers = sorted(masks.keys() | tags.keys())
    if not numbers:
        raise DataError(f"{folder / PIXEL_LEVEL}: holds no .mat files.")
    table = pd.DataFrame({
        "image": text_column(str(folder / "photos" / f"{number}.jpg") for number in numbers),
        "label": no_labels(len(numbers), CLASSES), "split": "",
        "group": text_column(f"photo {number}" for number in numbers),
        "mask": pd.Series([masks.get(number) for number in numbers], dtype=object),
        "tags": pd.Series([tags.get(number) for number in numbers], dtype=object),
    })
    table, notes = drop_absent(table, folder / "annotations", folder)
    if {"pixel-level": len(masks), "image-level": len(tags)} != OFFICIAL_COUNTS:
        notes += (f"{len(masks):,} photos with per-pixel labels and {len(tags):,} with tags, not "
                  "the official 1,004 and 1,094: this is a part or a sample.",)
    if without := sorted(photos.keys() - set(numbers)):
        notes += (f"{len(without):,} photos have no annotation and are left out, the first being "
                  f"{shown(photos[without[0]])}.",)
    if ignored:
        notes += (f"{len(ignored):,} files are neither photos nor .mat files by their names and are ignored, the "
                  f"first being {shown(ignored[0])}.",)
    return Dataset(NAME, table, CLASSES, notes)


def _read_tags(file):
    tags = np.asarray(read_mat(file, "tags")["tags"]).ravel()
    if tags.dtype.kind not in "iuf" or not ((tags >= 0) & (tags < len(CLASSES))
                                            & (tags == np.floor(tags))).all():
        raise DataError(f"{file}: tags must be labels from 0 to {len(CLASSES) - 1}.")
    return tuple(CLASSES[int(tag)] for tag in tags)


def with_masks(dataset):
    """The rows that have per-pixel labels."""
    return dataset.where(dataset.table["mask"].notna().to_numpy())


def garments(dataset, types=GARMENTS, least=0.004):
    """The garments of the photos, each with its box and its own mask: what DeepFashion2 gives, for fewer photos.

    All pixels of one label in one photo are one garment; Clothing Co-Parsing does not part two shirts.

    Args:
        dataset: What `read` returned; photos without per-pixel labels are left out.
        types: Label names, in class order.
        least: Share of the photo's pixels below which a garment is left out: there is too little to see.

    Returns:
        A `Dataset` with a row for each garment and photo: ``label`` its type, ``box`` and ``mask`` its own
        (1 on the garment), ``group`` its photo. The notes count what is left out.

    Raises:
        DataError: A mask cannot be read, an unknown type, or no photo shows any.
    """
    if unknown := sorted(set(types) - set(CLASSES)):
        raise DataError(f"{NAME} has no label {', '.join(unknown)}; its labels are in ccp.CLASSES.")
    photos = with_masks(dataset).table
    numbers, rows, small = [CLASSES.index(name) for name in types], [], 0
    for row, mask in zip(photos.index, read_all(read_mask, photos["mask"])):
        counts = np.bincount(mask.ravel(), minlength=len(CLASSES))
        for label, number in enumerate(numbers):
            if counts[number] < max(1, least * mask.size):
                small += counts[number] > 0
                continue
            rows.append((row, label, box_of(mask == number), number))
    if not rows:
        raise DataError(f"{dataset.name}: no photo shows any of {', '.join(types)}.")
    places, labels, boxes, found = zip(*rows)
    table = photos.drop(columns="tags").iloc[list(places)].reset_index(drop=True)
    table["label"] = pd.Categorical.from_codes(labels, list(types))
    table["box"] = pd.Series(boxes, dtype=object)
    table["mask"] = [f"{mask.rpartition('#')[0]}#{AS_GARMENT + number}" for mask, number in zip(table["mask"], found)]
    notes = (*dataset.notes, f"{len(table):,} garments of {len(types)} types on {len(photos):,} photos"
             + (f"; {small:,} that cover less than {least:.2%} of their photo are left out." if small else "."))
    return Dataset(f"{dataset.name}-garments", table, tuple(types), notes)


def upper_bodies(dataset, part=(0.1, 0.6), least=0.08):
    """People's upper bodies, cut out of their photos as live recognition cuts them out of a video.

    Args:
        dataset: What `read` returned; photos without per-pixel labels are left out.
        part: The part of a person's height that is seen, from its top; as for `fashion_tf.live.recognise.part_of`.
        least: Share of what is seen that its garment must cover.

    Returns:
        A `Dataset` with a row for each photo: ``label`` the garment that covers most of what is seen, under its name in
        clothing-dataset-small (see `UPPER`), ``box`` what is seen, ``group`` the photo.

    Raises:
        DataError: A mask cannot be read, or nobody wears such a garment.
    """
    classes = tuple(sorted(set(UPPER.values())))
    upper = np.isin(CLASSES, list(UPPER))
    photos, kept, labels, boxes = with_masks(dataset).table, [], [], []
    for row, mask in zip(photos.index, read_all(read_mask, photos["mask"])):
        x1, y1, x2, y2 = box_of(mask != 0)
        top, bottom = (int(round(y1 + share * (y2 - y1))) for share in part)
        seen = mask[top:bottom, x1:x2]
        counts = np.bincount(seen.ravel(), minlength=len(CLASSES)) * upper
        if counts.max() < max(1, least * seen.size):
            continue
        kept.append(row)
        labels.append(classes.index(UPPER[CLASSES[int(counts.argmax())]]))
        boxes.append((x1, top, x2, bottom))
    if not kept:
        raise DataError(f"{dataset.name}: nobody wears any of {', '.join(UPPER)}.")
    table = photos.drop(columns=["tags", "mask"]).loc[kept].reset_index(drop=True)
    table["label"] = pd.Categorical.from_codes(labels, list(classes))
    table["box"] = pd.Series(boxes, dtype=object)
    notes = (*dataset.notes, f"{len(table):,} of {len(photos):,} people wear an upper garment that covers at least "
             f"{least:.0%} of what is seen.")
    return Dataset(f"{dataset.name}-upper-bodies", table, classes, notes)


def to_fashionista(dataset):
    """The same photos with the 25 labels of refined Fashionista.

    The table of decisions is `fashion_tf.datasets.fashionista.TO_REFINED`; masks and tags follow.

    Returns:
        A `Dataset`.
    """
    table = dataset.table.copy()
    table["label"] = no_labels(len(table), fashionista.CLASSES)
    table["mask"] = [mask and f"{mask.rpartition('#')[0]}#{AS_FASHIONISTA}"
                     for mask in table["mask"]]
    table["tags"] = pd.Series(
        [tags and tuple(dict.fromkeys(fashionista.TO_REFINED[tag] for tag in tags))
         for tags in table["tags"]], dtype=object)
    return replace(dataset, table=table, classes=fashionista.CLASSES)


def _open_mask(path, edition):
    """The labels of a photo's pixels: uint8 (height, width).

    Args:
        path: The pixel-level file.
        edition: `AS_ANNOTATED`: indices into `CLASSES`; `AS_FASHIONISTA`: into the 25; `AS_GARMENT` and a
            label's index: 1 where that label is.

    Raises:
        DataError: The file is absent or damaged, or its mask differs from the photo in size or
            holds a label that does not exist.
    """
    file = Path(path)
    mask = np.asarray(read_mat(file, "groundtruth")["groundtruth"])
    photo = picture_at(file.parents[2] / "photos" / f"{file.stem}.jpg")
    mask = checked_mask(mask, photo_raster(photo, photo), len(CLASSES), file)
    if edition >= AS_GARMENT:
        return (mask == edition - AS_GARMENT).astype(np.uint8)
    return fashionista.to_refined(CLASSES)[mask] if edition == AS_FASHIONISTA else mask


register_opener("mask", ".mat", _open_mask)


# What the sample's drawings are called here: the wardrobe's labels, then articles that differ.
_DRAWN = {
    "background": "null", "hat/headband": "hat", "jacket/blazer": "jacket", "pants/jeans": "pants",
    "scarf/tie": "scarf", "shirt/blouse": "shirt", "sweater/cardigan": "sweater",
    "tights/leggings": "tights", "top/t-shirt": "top", "watch/bracelet": "bracelet",
    **{name: name for name in CLASSES if name != "null"},
    "handbag": "purse", "clutch": "purse", "bow tie": "tie", "jumpsuit": "romper",
}  # fmt: skip


def write_sample(folder, seed=0):
    """Draws people and writes their photos, pixel-level and image-level files and label list.

    The same seed gives the same bytes.
    """
    from fashion_tf.wardrobe import draw_person

    folder = Path(folder)
    for part in (PIXEL_LEVEL, IMAGE_LEVEL):
        (folder / part).mkdir(parents=True)
    labels = np.empty((1, len(CLASSES)), dtype=object)
    labels[0, :] = CLASSES
    write_version_5(folder / "label_list.mat", {"label_list": labels})
    # The second number is this dataset's own: no two samples show the same people.
    generator = np.random.Generator(np.random.PCG64([seed, 1]))
    first = {"pixel-level": 1, "image-level": 1_005}  # as in the dataset
    for level, count in SAMPLE_COUNTS.items():
        for number in range(first[level], first[level] + count):
            drawing = draw_person(generator, SAMPLE_SIZE)
            write_picture(folder / "photos" / f"{number:04}.jpg", drawing.image)
            mask = drawn_mask(drawing, _DRAWN, CLASSES)
            if level == "pixel-level":
                write_version_5(folder / PIXEL_LEVEL / f"{number:04}.mat", {"groundtruth": mask})
            else:
                tags = np.unique(mask).astype(float).reshape(-1, 1)
                write_version_5(folder / IMAGE_LEVEL / f"{number:04}.mat", {"tags": tags})
