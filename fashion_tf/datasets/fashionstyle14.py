"""FashionStyle14 (Takagi et al., ICCV Workshops 2017): street and shop photos, 14 Japanese styles.

Layout: ``FashionStyle14_v1/dataset/<class>/<file>`` with the lists ``train.csv``, ``val.csv`` (or
``valid.csv``), ``test.csv`` and ``complete_dataset.csv``: no header, one path a line,
``dataset/retro/photo.jpg``. (pandas.read_csv takes the first photo for a header.) The paper says
13,126 photos, 60 % training, 5 % validation, 35 % test; users of the dataset report 13,234 photos,
listed files that are absent, and split sizes that differ, so this reader counts all of it.

Not checked against the real files (https://esslab.jp/~ess/en/data/fashionstyle14/, on request): the
layout is known from public code that reads it.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import (
    PICTURE_ENDINGS,
    drop_absent,
    leads_out,
    listed,
    read_lines,
    require_folder,
    shown,
    text_column,
)
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "fashionstyle14"
TITLE = "FashionStyle14: 13,126 photos, 14 styles"
LICENCE = "research only; on request from the authors"
CLASSES = (
    "conservative", "dressy", "ethnic", "fairy", "feminine", "gal", "girlish", "kireime-casual",
    "lolita", "mode", "natural", "retro", "rock", "street",
)  # fmt: skip
ARCHIVE_FOLDER = "FashionStyle14_v1"
SPLIT_FILES = {"train": ("train.csv",), "validation": ("val.csv", "valid.csv"),
               "test": ("test.csv",)}  # fmt: skip
COMPLETE = "complete_dataset.csv"
FILES = (ARCHIVE_FOLDER, COMPLETE, "train.csv")
OFFICIAL_COUNT = 13_126
ALLOWED_REPEATED = 0.05  # of a list's lines: more is no blemish but a list written twice


def read(folder):
    """Reads the split lists; the class is the folder that a photo lies in.

    What the lists get wrong is set right and counted in the notes: a photo listed twice counts
    once; one listed in two splits counts in the later of train, validation and test, so that what
    is tested was not learnt; photos that are listed nowhere, or only in complete_dataset.csv, are
    left out.

    Returns:
        A `Dataset`. Every photo is its own group: who is on it is not told. ``image_name`` is the
        path in the lists.

    Raises:
        DataError: A folder or list is absent, empty or not UTF-8; a line is no such path or its
            class is unknown; more than 5 % of a list's lines stand twice; or more than 5 % of the
            photos are absent. Names the file and line.
    """
    folder = Path(folder)
    if (folder / ARCHIVE_FOLDER).is_dir():
        folder = folder / ARCHIVE_FOLDER
    require_folder(folder / "dataset", "a folder of photos for each style")
    notes, parts = [], []
    for split, names in SPLIT_FILES.items():
        path = next((folder / name for name in names if (folder / name).exists()),
                    folder / names[0])
        photos, repeated = _read_paths(path)
        if repeated:
            notes.append(f"{path.name}: {repeated:,} lines stand twice and count once.")
        parts.append(pd.DataFrame({"image_name": photos, "split": split}))
    rows = pd.concat(parts, ignore_index=True)
    shared = rows["image_name"].duplicated(keep="last")
    if shared.any():
        notes.append(f"{shared.sum():,} photos are listed in two splits and count in the later of "
                     f"train, validation and test, the first being {shown(rows['image_name'][shared].iloc[0])}.")
        rows = rows[~shared].reset_index(drop=True)
    notes += _discrepancies(folder, set(rows["image_name"]))
    labels = [name.split("/")[1] for name in rows["image_name"]]
    prefix = f"{folder}/"
    table = pd.DataFrame({
        "image": text_column(prefix + name for name in rows["image_name"]),
        "label": pd.Categorical(labels, categories=CLASSES),
        "split": rows["split"],
        "group": rows["image_name"],
        "image_name": rows["image_name"],
    })
    table, absent = drop_absent(table, f"{folder} (its split lists)", folder)
    return Dataset(NAME, table, CLASSES, (*notes, *absent))


def _read_paths(path):
    """(distinct paths of a list, how many lines repeat one before)."""
    lines = read_lines(path)
    photos = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip().replace("\\", "/")
        parts = name.split("/")
        if len(parts) != 3 or parts[0] != "dataset" or not parts[2] or leads_out(name):
            raise DataError(f"{path}, line {number}: {line[:80]!r}; a path dataset/STYLE/FILE "
                            "belongs in every line, from the first on (there is no header).")
        if parts[1] not in CLASSES:
            raise DataError(f"{path}, line {number}: unknown style {parts[1]!r}; the styles are "
                            f"{', '.join(CLASSES)}.")
        photos.setdefault(name, number)
    if not photos:
        raise DataError(f"{path}: lists no photos.")
    repeated = len(lines) - len(photos)
    if repeated > ALLOWED_REPEATED * len(lines):
        raise DataError(f"{path}: {repeated:,} of {len(lines):,} lines stand twice. Was the list "
                        "written to itself?")
    return list(photos), repeated


def _discrepancies(folder, photos):
    """Notes on how the split lists, the complete list, the disk and the paper differ."""
    notes = []
    if len(photos) != OFFICIAL_COUNT:
        notes.append(f"{len(photos):,} photos are listed in the splits, not the paper's "
                     f"{OFFICIAL_COUNT:,}.")
    if (folder / COMPLETE).exists():
        complete = set(_read_paths(folder / COMPLETE)[0])
        if unsplit := complete - photos:
            notes.append(f"{len(unsplit):,} photos of {COMPLETE} are in no split and left out.")
        if added := photos - complete:
            notes.append(f"{len(added):,} photos of the splits are not in {COMPLETE}; they are "
                         "kept.")
    else:
        notes.append(f"{COMPLETE} is absent; the split lists were not compared with it.")
    # A photo whose ending alone differs from the listed one is taken by `drop_absent`.
    known = {os.path.splitext(name)[0] for name in photos}
    unlisted = [f"dataset/{style}/{name}" for style in CLASSES if (folder / "dataset" / style).is_dir()
                for name in listed(folder / "dataset" / style) if name.lower().endswith(PICTURE_ENDINGS)
                and f"dataset/{style}/{os.path.splitext(name)[0]}" not in known]
    if unlisted:
        notes.append(f"{len(unlisted):,} photos on disk are in no split and left out, the first being "
                     f"{shown(unlisted[0])}.")
    return notes


# A class's photos in the sample: the paper's 60 %, 5 % and 35 %.
SAMPLE_COUNTS = {"train": 12, "validation": 1, "test": 7}
SAMPLE_SIZE = (256, 170)


def write_sample(folder, seed=0):
    """Draws people dressed in the 14 styles, in the official layout; the same seed, the same bytes."""
    from fashion_tf.datasets.files import write_picture, write_text
    from fashion_tf.wardrobe import draw_person

    folder = Path(folder) / ARCHIVE_FOLDER
    generator = np.random.Generator(np.random.PCG64(seed))
    lists = {split: [] for split in SAMPLE_COUNTS}
    for style in CLASSES:
        number = 0
        for split, count in SAMPLE_COUNTS.items():
            for _ in range(count):
                number += 1
                name = f"dataset/{style}/{number:05d}.jpg"
                lists[split].append(name)
                write_picture(folder / name, draw_person(generator, SAMPLE_SIZE, style=style).image)
    for split, names in lists.items():
        write_text(folder / SPLIT_FILES[split][0], "".join(f"{name}\n" for name in names))
    everything = sorted(name for names in lists.values() for name in names)
    write_text(folder / COMPLETE, "".join(f"{name}\n" for name in everything))
