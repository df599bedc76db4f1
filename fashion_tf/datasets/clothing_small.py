"""clothing-dataset-small (Grigorev, 2020): photos that people took of their own clothes.

The ten commonest classes of https://github.com/alexeygrigorev/clothing-dataset, split by its
author: https://github.com/alexeygrigorev/clothing-dataset-small (CC0). Layout: SPLIT/CLASS/UUID.jpg
with the splits train (3,068 pictures), validation (341) and test (372); the spellings "longsleeve"
and "outwear" are the author's. Checked here against 1,919 pictures of train and the whole of
validation; of test, only the layout is known.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import is_litter, list_pictures, require_folder, write_picture
from fashion_tf.datasets.table import SPLITS, Dataset
from fashion_tf.errors import DataError

NAME = "clothing-dataset-small"
TITLE = "clothing-dataset-small: 3,781 photos of people's own clothes, 10 classes"
LICENCE = "CC0 1.0"
CLASSES = (
    "dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt",
    "t-shirt",
)  # fmt: skip
FILES = ("train/longsleeve", "validation/longsleeve")
OFFICIAL_COUNTS = {"train": 3_068, "validation": 341, "test": 372}
SHOWN = 10  # files that are no pictures, by name
SAMPLE_COUNTS = {"train": 70, "validation": 15, "test": 15}  # pictures a class
SAMPLE_SIZE = 128


def read(folder):
    """Reads the pictures' places from the folders' names; `test` may be absent.

    Returns:
        A `Dataset`. Every picture is its own ``group``: the dataset does not say which pictures
        show one garment.

    Raises:
        DataError: A folder is absent or empty, or of an unknown class; or one picture's name
            stands twice. The message names it.
    """
    folder = Path(folder)
    rows, ignored = [], []
    for split in SPLITS:
        if split == "test" and not (folder / split).exists():
            continue
        require_folder(folder / split, f"a folder of pictures for each of {', '.join(CLASSES)}")
        found = {item.name for item in (folder / split).iterdir()
                 if item.is_dir() and not is_litter(item.name)}
        if unknown := sorted(found - set(CLASSES)):
            raise DataError(f"{folder / split / unknown[0]}: no class of this dataset; its classes "
                            f"are {', '.join(CLASSES)}.")
        for name in CLASSES:
            require_folder(folder / split / name, f"the pictures of class {name!r}")
            pictures, others = list_pictures(folder / split / name)
            ignored += [f"{split}/{name}/{other}" for other in others]
            if not pictures:
                raise DataError(f"{folder / split / name}: holds no pictures" + (
                    f"; {len(others):,} files are none, the first being {others[0]}." if others else "."))
            rows += [(path, name, split, Path(path).stem) for path in pictures]
    table = pd.DataFrame(rows, columns=["image", "label", "split", "group"], dtype=object)
    table["label"] = pd.Categorical(table["label"], categories=CLASSES)
    repeated = table["group"].duplicated()
    if repeated.any():
        second = table.loc[repeated.idxmax()]
        first = table[table["group"] == second["group"]].iloc[0]
        raise DataError(f"{second['image']}: the same picture's name stands at {first['image']}; a "
                        "picture must not be in two classes or splits. Remove one.")
    counts = {split: int(number) for split, number in table["split"].value_counts().items()}
    notes = []
    if counts != OFFICIAL_COUNTS:
        have = ", ".join(f"{counts.get(split, 0):,} {split}" for split in SPLITS)
        full = ", ".join(f"{number:,} {split}" for split, number in OFFICIAL_COUNTS.items())
        notes.append(f"{have} pictures, not the official {full}: this is a part or a sample.")
    if ignored:
        more = f"; and {len(ignored) - SHOWN:,} more" if len(ignored) > SHOWN else ""
        notes.append(f"{len(ignored):,} files are no pictures and are left out: {'; '.join(ignored[:SHOWN])}{more}.")
    return Dataset(NAME, table, CLASSES, tuple(notes))


# What the sample draws for each class: articles of the wardrobe. Shoes and hats are drawn worn.
_ARTICLES = {
    "dress": ("dress", "sundress", "shirtdress", "slip dress", "sweater dress"),
    "hat": ("cap", "beanie", "fedora", "sun hat", "beret"),
    "longsleeve": ("long sleeve t-shirt", "sweater", "sweatshirt", "turtleneck"),
    "outwear": ("jacket", "coat", "parka", "denim jacket", "bomber", "puffer jacket", "blazer"),
    "pants": ("trousers", "jeans", "chinos", "joggers"),
    "shirt": ("shirt", "flannel shirt", "blouse"),
    "shoes": ("sneakers", "boots", "heels", "loafers", "sandals", "ankle boots"),
    "shorts": ("shorts", "denim shorts", "sweatshorts"),
    "skirt": ("skirt", "mini skirt", "pencil skirt", "pleated skirt"),
    "t-shirt": ("t-shirt", "polo shirt", "henley"),
}


def write_sample(folder, seed=0):
    """Draws garments, worn and flat, and writes them as SPLIT/CLASS/UUID.jpg.

    The same seed gives the same bytes.
    """
    import uuid

    for number, (split, count) in enumerate(SAMPLE_COUNTS.items()):
        generator = np.random.Generator(np.random.PCG64([seed, number]))
        for name in CLASSES:
            for _ in range(count):
                article = _ARTICLES[name][generator.integers(len(_ARTICLES[name]))]
                picture = _draw(article, generator)
                identity = uuid.UUID(bytes=generator.bytes(16), version=4)
                write_picture(Path(folder) / split / name / f"{identity}.jpg", picture)


def _draw(article, generator):
    from fashion_tf.datasets.images import resize
    from fashion_tf.wardrobe import ACCESSORIES, close_up, draw_garment, draw_person

    if article not in ACCESSORIES:
        return close_up(draw_garment(article, generator, SAMPLE_SIZE), generator, (0.02, 0.3))
    while True:  # rarely, something in front hides it
        outfit = [("t-shirt", "shirt", "sweater")[generator.integers(3)], "jeans", article]
        drawing = draw_person(generator, (3 * SAMPLE_SIZE, 3 * SAMPLE_SIZE // 2), outfit)
        worn = [garment for garment in drawing.garments if garment.article == article]
        if worn:
            break
    x1, y1, x2, y2 = worn[0].box
    half = max(x2 - x1, y2 - y1) * generator.uniform(0.65, 1.1)
    x, y = ((x1 + x2) / 2, (y1 + y2) / 2) + generator.uniform(-0.2, 0.2, 2) * half
    return resize(drawing.image, (SAMPLE_SIZE, SAMPLE_SIZE), (x - half, y - half, x + half, y + half))
