"""Official files on disk, or the drawn sample, to one `Dataset` table."""

import hashlib
import math
import os
from functools import cache
from importlib import import_module
from pathlib import Path

from fashion_tf.errors import DataError
from fashion_tf.files import locked, whole_folder

# One dataset, one module. A module has: NAME, TITLE, LICENCE, FILES (any of them marks a folder as
# the dataset's own), read(folder) -> Dataset and write_sample(folder, seed).
READERS = {
    "fashion-mnist": "fashion_mnist",
    "clothing-dataset-small": "clothing_small",
    "clothing-co-parsing": "ccp",
    "fashion-product-images": "products",
    "deepfashion": "deepfashion",
    "imaterialist": "imaterialist",
    "deepfashion2": "deepfashion2",
    "fashionstyle14": "fashionstyle14",
    "fashionista": "fashionista",
    "cfpd": "cfpd",
}


def reader(name):
    """The module that reads the dataset `name`.

    Raises:
        DataError: There is no such dataset.
    """
    if name not in READERS:
        raise DataError(f"There is no dataset {name!r}; the kit reads {', '.join(READERS)}.")
    return import_module(f"fashion_tf.datasets.{READERS[name]}")


def cache_folder():
    """Where drawn samples are kept: $FASHION_TF_CACHE, or ~/.cache/fashion_tf."""
    return Path(os.environ.get("FASHION_TF_CACHE") or Path.home() / ".cache" / "fashion_tf")


@cache
def _drawing_edition():
    """Changes with every change to the code that draws: an old drawing is never taken for a new."""
    package = Path(__file__).parent.parent
    files = [file for room in ("datasets", "wardrobe") for file in sorted((package / room).rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def write_sample(name, folder, seed=0):
    """Draws the sample of a dataset into FOLDER/name, in the dataset's official layout.

    It is drawn beside its place and then renamed, by one process while the others wait, so that lessons
    running at the same time, or an interrupted one, never see half of it. Same seed, same bytes.

    Returns:
        The folder.

    Raises:
        DataError: The folder is there already, or it cannot be written.
    """
    folder = Path(folder) / name
    if folder.exists():
        raise DataError(f"{folder}: is there already; remove it, or choose another place.")
    return _draw(name, folder, seed)


def _draw(name, folder, seed):
    module = reader(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{name}.lock"), f"{folder}: this sample", DataError, wait=True) as alone:
            if not folder.is_dir():  # otherwise another process has drawn it meanwhile
                with whole_folder(folder, alone) as unfinished:
                    module.write_sample(unfinished, seed=seed)
    except OSError as error:
        raise DataError(f"{folder}: the sample cannot be drawn there ({error.strerror or error}). Free some space, "
                        "or choose another place.") from None
    return folder


def sample_folder(name, seed=0):
    """The folder of a dataset's sample, drawn on first use and kept in `cache_folder()`."""
    place = _sample_place(name, seed)
    return place if place.is_dir() else _draw(name, place, seed)


def _sample_place(name, seed):
    return cache_folder() / f"sample-{_drawing_edition()}-seed{seed}" / name


def draw_samples(names):
    """Draws the samples that are not in the cache yet, several at a time on all cores.

    Args:
        names: Some of `READERS`.

    Taught in: 00_start_here.ipynb
    """
    import joblib

    missing = [name for name in names if not _sample_place(name, 0).is_dir()]
    joblib.Parallel(n_jobs=min(len(missing) or 1, os.cpu_count() or 1))(
        joblib.delayed(sample_folder)(name) for name in missing)


def sample_count(data):
    """How many rows of the drawn sample are meant.

    Args:
        data: As `load` takes it.

    Returns:
        For ``"sample:N"`` the number N; infinity for ``"sample"``, the whole of it; 0 where a folder is meant.

    Raises:
        DataError: What stands after the colon is no number above 0.
    """
    word, colon, count = str(data).partition(":")
    if word != "sample":
        return 0
    if colon and not (count.isascii() and count.isdigit() and int(count)):
        raise DataError(f"{data}: after 'sample:' stands how many rows of the sample to take, such as "
                        "'sample:40'.")
    return int(count) if colon else math.inf


def find_folder(name, data=None):
    """The folder that holds a dataset's files.

    Args:
        name: The dataset's name.
        data: ``"sample"`` or ``"sample:N"``, which lie in one folder; or a folder: the dataset's own, or
            one with a subfolder `name`; or None for the folder that the environment variable
            FASHION_TF_DATA names.

    Raises:
        DataError: The folder is absent or holds no such dataset. Says where it looked.
    """
    reader(name)
    if sample_count(data):
        return sample_folder(name)
    data = data or os.environ.get("FASHION_TF_DATA")
    if not data:
        raise DataError(f"No folder given for {name}: pass data='sample' or data=FOLDER, or set "
                        "the environment variable FASHION_TF_DATA.")
    root = Path(data).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder. It should hold {name}; 'fashion-tf data fetch "
                        f"{name} --to {root}' gets it.")
    if (root / name).is_dir():
        return root / name
    if root.name == name or any((root / file).exists() for file in reader(name).FILES):
        return root
    raise DataError(f"{root}: neither holds a folder {name!r} nor is one. "
                    f"'fashion-tf data fetch {name} --to {root}' gets it.")


def load(name, data="sample"):
    """Reads a dataset.

    Args:
        name: One of `READERS`.
        data: ``"sample"`` for the drawn sample, ``"sample:N"`` for N rows of it
            (`fashion_tf.datasets.subsets.few`), or a folder as `find_folder` takes it.

    Returns:
        A `fashion_tf.datasets.table.Dataset`.

    Raises:
        DataError: Says which file is wrong and what to do.

    Example:
        >>> load("fashion-mnist", data="sample").classes[0]
        'T-shirt/top'
    """
    dataset, count = reader(name).read(find_folder(name, data)), sample_count(data)
    if 0 < count < math.inf:
        from fashion_tf.datasets.subsets import few

        return few(dataset, count)
    return dataset
