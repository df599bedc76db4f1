"""Photos that can be searched: their table, their unit vectors, and the network that made these, kept in
one folder.

A folder holds ``index.json`` (format, the dataset's name, classes and notes), ``table.jsonl`` (a row of the
dataset's table a line), ``embeddings.npy`` and ``embedder``, a predictor's folder.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from fashion_tf.datasets.files import read_json, read_lines
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError
from fashion_tf.files import versions, whole_folder
from fashion_tf.predictor import Predictor, load_predictor, save_predictor

from .embedding import embed
from .search import LARGE, Lists, nearest

FORMAT = 1
DESCRIPTION_FILE, TABLE_FILE, EMBEDDINGS_FILE, EMBEDDER = "index.json", "table.jsonl", "embeddings.npy", "embedder"
UNIT_TOLERANCE = 1e-3  # a vector whose length is farther than this from 1 was not made by the kit


@dataclass(frozen=True)
class Index:
    """Photos that can be searched by what they look like.

    Attributes:
        dataset: A `Dataset`: a row for each photo.
        embeddings: float32 (rows, channels), each row of length 1.
        embedder: The `Predictor` for embedding that made them.
        crop_to_box: Whether photos were cropped to the column ``box``.
    """

    dataset: Dataset
    embeddings: np.ndarray
    embedder: Predictor
    crop_to_box: bool = False

    def __len__(self):
        return len(self.dataset)

    @property
    def table(self):
        """The dataset's table, a row for each row of `embeddings`."""
        return self.dataset.table

    def embed(self, paths, batch_size=32):
        """The unit vectors of other photos, for `search`.

        Args:
            paths: A photo's path, a list of paths, or a folder.
            batch_size: Photos at a time.

        Returns:
            float32 (photos, channels).

        Raises:
            DataError: No photo, or one that cannot be read.
        """
        return self.embedder.embed(paths, batch_size)

    def search(self, embeddings, k, rows=None, without_group=False, exact=None):
        """The k most similar photos of each query.

        Args:
            embeddings: float32 (queries, channels), each row of length 1.
            k: How many.
            rows: Where each query itself stands in the index, (queries,): it is left out. None: the
                queries are other photos.
            without_group: Leave out the whole group of the query's row as well: its other photos, its
                colour variants. Needs `rows`.
            exact: True: a matrix product over all rows. False: FAISS's inverted lists, which may miss a
                neighbour. None: FAISS above 50,000 rows.

        Returns:
            (positions, similarities): int64 and float32 (queries, k), cosines in -1..1, the most similar
            first; -1 and NaN where fewer than k rows are left.

        Raises:
            DataError: Shapes that do not fit, k below 1, `without_group` without `rows`, or FAISS is
                needed and not installed.

        Taught in: 34_similar_products.ipynb
        """
        groups = self._groups if without_group else None
        if len(self) <= LARGE if exact is None else exact:
            return nearest(self.embeddings, embeddings, k, rows, groups)
        return self._lists.nearest(embeddings, k, rows, groups)

    @cached_property
    def _groups(self):
        return self.table["group"].to_numpy().astype(str)

    @cached_property
    def _lists(self):
        return Lists(self.embeddings)

    def extend(self, dataset, batch_size=32):
        """The index with the rows of `dataset` that it lacks; only these are embedded.

        A row is known by its ``image`` (and ``box``, where photos are cropped). A file that has changed
        under its name keeps its old vector: build the index anew.

        Args:
            dataset: A `Dataset` with the same classes.
            batch_size: Photos in a batch of the network.

        Returns:
            A new `Index`: the old rows, then the new ones. Where there is none, this one.

        Raises:
            DataError: Other classes; or a photo that cannot be read.

        Taught in: 34_similar_products.ipynb
        """
        import pandas as pd

        if tuple(dataset.classes) != tuple(self.dataset.classes):
            raise DataError(f"{dataset.name} has other classes than the index of {self.dataset.name}.")
        known = set(_keys(self.table, self.crop_to_box))
        fresh = dataset.where(np.array([key not in known for key in _keys(dataset.table, self.crop_to_box)], bool))
        if not len(fresh):
            return self
        vectors = embed(fresh, self.embedder.model, self.embedder.image_size, batch_size, self.crop_to_box)
        table = pd.concat([self.table, fresh.table], ignore_index=True)
        table["label"] = pd.Categorical(table["label"], categories=self.dataset.classes)
        return replace(self, dataset=replace(self.dataset, table=table),
                       embeddings=np.concatenate([self.embeddings, vectors]))

    def save(self, folder):
        """Writes the index into a folder, which appears, or changes, only as a whole.

        Args:
            folder: Where to. An earlier index there is replaced; a folder with anything else is left alone.

        Returns:
            The folder, a `Path`.

        Raises:
            DataError: The folder holds something else, or cannot be written; or the table holds what JSON
                cannot.

        Taught in: 34_similar_products.ipynb
        """
        folder = Path(folder)
        _check_folder(folder)
        description = {"format": FORMAT, "name": self.dataset.name, "classes": list(self.dataset.classes),
                       "notes": list(self.dataset.notes), "rows": len(self), "crop_to_box": self.crop_to_box,
                       "columns": {name: _kind(self.table[name]) for name in self.table},
                       "versions": versions()}
        try:
            with whole_folder(folder) as new:
                (new / DESCRIPTION_FILE).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
                rows = self.table.astype({"label": object}).to_json(orient="records", lines=True, force_ascii=False,
                                                                    double_precision=15)
                (new / TABLE_FILE).write_text(rows, encoding="utf-8")
                np.save(new / EMBEDDINGS_FILE, self.embeddings)
                save_predictor(new / EMBEDDER, self.embedder.model, (), self.embedder.image_size, "embedding",
                               self.embedder.about)
        except (OSError, ValueError, OverflowError) as error:
            raise DataError(f"{folder}: the index cannot be written ({error}); nothing was changed.") from error
        except DataError as error:  # of save_predictor, which knows a place that is gone by now
            if not isinstance(error.__cause__, OSError):
                raise
            raise DataError(f"{folder}: the index cannot be written ({error.__cause__}); nothing was "
                            "changed.") from error
        return folder


def build_index(dataset, embedder, image_size, batch_size=32, crop_to_box=False, about=None):
    """Embeds every photo of a dataset.

    Args:
        dataset: A `Dataset`.
        embedder: A `keras.Model` from `build_embedder`, or another that gives a unit vector for a picture.
        image_size: (height, width) in pixels, or one number for both, that photos are squeezed to.
        batch_size: Photos in a batch of the network.
        crop_to_box: Keep only what the column ``box`` encloses.
        about: A dict of JSON values worth keeping with the network.

    Returns:
        An `Index`.

    Raises:
        DataError: No rows, or a photo that cannot be read.

    Example:
        >>> index = build_index(products, build_embedder("mobilenet_v2", 224, "imagenet"), 224)
        >>> positions, similarities = index.search(index.embeddings[:1], 6, rows=[0])

    Taught in: 34_similar_products.ipynb
    """
    vectors = embed(dataset, embedder, image_size, batch_size, crop_to_box)
    size = (image_size, image_size) if np.ndim(image_size) == 0 else tuple(image_size)
    return Index(dataset, vectors, Predictor(embedder, (), size, "embedding", dict(about or {})), crop_to_box)


def load_index(folder):
    """Loads what `Index.save` wrote.

    Args:
        folder: An index's folder.

    Returns:
        An `Index`.

    Raises:
        DataError: A file is absent, damaged or of a newer format, or the files do not belong together.
            Names the file.

    Taught in: 34_similar_products.ipynb
    """
    folder, description = Path(folder), read_index_description(folder)
    table = _read_table(folder / TABLE_FILE, description["columns"], description["classes"])
    embedder = load_predictor(folder / EMBEDDER)
    if embedder.task != "embedding":
        raise DataError(f"{folder / EMBEDDER}: a model for {embedder.task}; an index needs one for embedding.")
    embeddings = _read_embeddings(folder / EMBEDDINGS_FILE, (len(table), embedder.model.output_shape[-1]))
    if len(table) != description["rows"]:
        raise DataError(f"{folder / TABLE_FILE}: {len(table)} rows where {DESCRIPTION_FILE} says "
                        f"{description['rows']}. Is it cut off?")
    dataset = Dataset(description["name"], table, tuple(description["classes"]), tuple(description["notes"]))
    return Index(dataset, embeddings, embedder, description["crop_to_box"])


def read_index_description(folder):
    """The checked contents of an index's index.json, without its table and its embeddings.

    Raises:
        DataError: As `load_index`.
    """
    file = Path(folder) / DESCRIPTION_FILE
    if not file.is_file():
        raise DataError(f"{file}: no such file. Give a folder that Index.save wrote.")
    description = read_json(file)
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise DataError(f"{file}: this is no index's description; the field 'format' is missing.")
    if description["format"] > FORMAT:
        raise DataError(f"{file}: format {description['format']} is newer than this fashion_tf reads ({FORMAT}); "
                        "update it.")
    for name, kind in (("name", str), ("classes", list), ("notes", list), ("rows", int), ("crop_to_box", bool),
                       ("columns", dict)):
        if not isinstance(description.get(name), kind):
            raise DataError(f"{file}: the field {name!r} is missing or no {kind.__name__}.")
    return description


def _check_folder(folder):
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / DESCRIPTION_FILE).is_file():
        raise DataError(f"{folder}: is there already and holds no index; choose another folder.")
    others = sorted({path.name for path in folder.iterdir()}
                    - {DESCRIPTION_FILE, TABLE_FILE, EMBEDDINGS_FILE, EMBEDDER})
    if others:  # an index is replaced as a whole, and they would go with it
        raise DataError(f"{folder}: holds more than an index ({others[0]}); move that away, or choose another "
                        "folder.")


def _keys(table, crop_to_box):
    images = table["image"].to_list()
    return list(zip(images, map(_tuple, table["box"]))) if crop_to_box else images


def _tuple(box):
    return tuple(box) if isinstance(box, (list, tuple)) else box


def _kind(column):
    return "category" if column.name == "label" else str(column.dtype)


def _read_table(file, columns, classes):
    import pandas as pd

    rows = []
    for number, line in enumerate(read_lines(file), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number}: not JSON ({error}). Is the file cut off?") from None
        if not isinstance(row, dict) or row.keys() != columns.keys():
            raise DataError(f"{file}, line {number}: its fields must be {', '.join(columns)}.")
        rows.append({name: _tuple(value) for name, value in row.items()})
    table = pd.DataFrame(rows, columns=list(columns), dtype=object)
    try:
        for name, kind in columns.items():
            table[name] = pd.Categorical(table[name], categories=classes) if name == "label" else (
                table[name].astype(kind))
    except (TypeError, ValueError) as error:
        raise DataError(f"{file}: the column {name!r} does not hold {kind} ({error}).") from None
    return table


def _read_embeddings(file, shape):
    try:
        embeddings = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Build the index anew.") from None
    if embeddings.shape != shape or embeddings.dtype != np.float32:
        raise DataError(f"{file}: {embeddings.dtype} of shape {embeddings.shape}; the table and the network want "
                        f"float32 of {shape}.")
    if not (abs(np.linalg.norm(embeddings, axis=1) - 1) < UNIT_TOLERANCE).all():
        raise DataError(f"{file}: not every row has length 1. Build the index anew.")
    return embeddings
