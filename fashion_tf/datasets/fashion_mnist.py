"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 28 x 28 grey pictures in four IDX files.

Source of the format and the class names:
https://github.com/zalandoresearch/fashion-mnist (MIT licence).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fashion_tf.datasets.files import text_column
from fashion_tf.datasets.idx import read_idx, write_idx
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

NAME = "fashion-mnist"
TITLE = "Fashion-MNIST: 70,000 grey pictures of 28 x 28 pixels, 10 classes"
LICENCE = "MIT"
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
# split -> (pictures, labels). The official train file holds 60,000, the test file 10,000.
PAIRS = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
FILES = tuple(name for pair in PAIRS.values()
              for packed in pair for name in (packed, packed.removesuffix(".gz")))
OFFICIAL_COUNTS = {"train": 60_000, "test": 10_000}
SAMPLE_COUNTS = {"train": 2_000, "test": 500}


def _file(folder, name):
    """The gzipped file, or the same file unpacked, as some tools leave it."""
    packed, plain = folder / name, folder / name.removesuffix(".gz")
    return plain if plain.exists() and not packed.exists() else packed


def read(folder):
    """Reads the four IDX files in `folder`.

    Returns:
        A `Dataset` with the official train and test splits. `image` references point into the
        picture files; `Dataset.images()` gives uint8 (rows, 28, 28), 0 = background.

    Raises:
        DataError: A file is absent, cut off, not IDX, swapped with another, or pictures and
            labels do not belong together. The message names the file.
    """
    folder = Path(folder)
    parts, notes = [], []
    for split, (picture_name, label_name) in PAIRS.items():
        picture_file, label_file = _file(folder, picture_name), _file(folder, label_name)
        pictures = read_idx(picture_file, dimensions=3)
        labels = read_idx(label_file, dimensions=1)
        if pictures.shape[1:] != (28, 28):
            raise DataError(f"{picture_file}: pictures of {pictures.shape[1:]} pixels; "
                            "Fashion-MNIST has 28 x 28.")
        if len(pictures) == 0:
            raise DataError(f"{picture_file}: holds no pictures.")
        if len(pictures) != len(labels):
            raise DataError(
                f"{label_file}: {len(labels):,} labels for the {len(pictures):,} pictures of "
                f"{picture_file.name}. Were the train and t10k files mixed?"
            )
        if labels.max() >= len(CLASSES):
            row = int(np.argmax(labels >= len(CLASSES)))
            raise DataError(f"{label_file}: label {labels[row]} at position {row}; "
                            f"Fashion-MNIST's labels are 0 to {len(CLASSES) - 1}.")
        count = len(pictures)
        parts.append(pd.DataFrame({
            "image": text_column(f"{picture_file}#{index}" for index in range(count)),
            "label": pd.Categorical.from_codes(labels, categories=CLASSES),
            "split": split,
            "group": [f"{split}-{index}" for index in range(count)],
        }))
    counts = {split: len(part) for split, part in zip(PAIRS, parts, strict=True)}
    if counts == dict(zip(PAIRS, reversed(OFFICIAL_COUNTS.values()), strict=True)):
        raise DataError(f"{folder}: the train files hold the 10,000 test pictures and the t10k "
                        "files the 60,000 training pictures: the files were swapped.")
    if counts != OFFICIAL_COUNTS:
        notes.append(f"{counts['train']:,} training and {counts['test']:,} test pictures, not the "
                     "official 60,000 and 10,000: this is a part or a sample of Fashion-MNIST.")
    return Dataset(NAME, pd.concat(parts, ignore_index=True), CLASSES, tuple(notes))


def write_sample(folder, seed=0):
    """Draws the wardrobe's ten garments at 28 x 28 and writes them as the four official files.

    The classes are balanced and shuffled; the same seed gives the same bytes.
    """
    from fashion_tf.wardrobe import draw_fashion_mnist

    folder = Path(folder)
    for number, (split, count) in enumerate(SAMPLE_COUNTS.items()):
        generator = np.random.Generator(np.random.PCG64([seed, number]))
        labels = generator.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
        pictures = np.stack([draw_fashion_mnist(int(label), generator) for label in labels])
        picture_name, label_name = PAIRS[split]
        write_idx(folder / picture_name, pictures)
        write_idx(folder / label_name, labels)
