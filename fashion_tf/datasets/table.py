"""The one table that every reader returns and that everything after it knows."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from fashion_tf.datasets.images import read_images
from fashion_tf.errors import DataError

REQUIRED_COLUMNS = ("image", "label", "split", "group")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """A dataset as a table with one row per garment or image.

    Attributes:
        name: The dataset's short name, e.g. ``"fashion-mnist"``.
        table: A pandas table. These columns are always there:

            * ``image``: where the picture is: a file's path, or ``path#index`` for the
              index-th picture (from 0) inside a file that holds many.
            * ``label``: a pandas categorical whose categories are ``classes``, in that order
              (missing where the dataset gives none).
            * ``split``: ``"train"``, ``"validation"``, ``"test"``, or ``""`` where the dataset
              makes no split.
            * ``group``: rows that must not be parted between training and test (several photos
              of one garment) share a value. Unique where every row stands for itself.

            A reader may add ``box`` (a tuple x1, y1, x2, y2 in pixels, right and bottom
            exclusive), ``mask`` (a reference like ``image``) and whatever else it has.
        classes: The class names, in label order.
        notes: Decisions the reader took, one printable sentence each
            ("3 of 4,000 images listed are absent: left out"). Empty when there was none.
    """

    name: str
    table: pd.DataFrame
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        missing = [column for column in REQUIRED_COLUMNS if column not in self.table.columns]
        if missing:
            raise DataError(f"{self.name}: the table lacks the column(s) {', '.join(missing)}.")
        if not isinstance(self.table["label"].dtype, pd.CategoricalDtype):
            raise DataError(f"{self.name}: the column 'label' must be a pandas categorical.")
        if tuple(self.table["label"].cat.categories) != tuple(self.classes):
            raise DataError(f"{self.name}: the label categories differ from the class names.")
        if self.table["group"].isna().any():
            row = int(np.argmax(self.table["group"].isna()))
            raise DataError(f"{self.name}: row {row} has no group; one that stands for itself has a group of its own.")
        unknown = set(self.table["split"].unique()) - {*SPLITS, ""}
        if unknown:
            raise DataError(f"{self.name}: unknown split(s) {sorted(unknown)}; use {SPLITS} or ''.")

    def __len__(self):
        return len(self.table)

    def __repr__(self):
        splits = self.table["split"].value_counts(sort=False)
        parts = ", ".join(f"{count:,} {split or 'unsplit'}" for split, count in splits.items())
        return f"<Dataset {self.name}: {len(self):,} rows ({parts}), {len(self.classes)} classes>"

    @cached_property
    def labels(self):
        """Class indices, int64 of shape (rows,), in 0 .. classes - 1; -1 where there is no label."""
        return self.table["label"].cat.codes.to_numpy(dtype=np.int64)

    def where(self, rows):
        """The same dataset with only the given rows.

        Args:
            rows: A boolean mask of shape (rows,) or an array of row positions.
        """
        rows = np.asarray(rows)
        table = self.table[rows] if rows.dtype == bool else self.table.iloc[rows]
        return replace(self, table=table.reset_index(drop=True))

    def split(self, name):
        """The rows of one split.

        Raises:
            DataError: The dataset has no row in that split.
        """
        rows = (self.table["split"] == name).to_numpy()
        if not rows.any():
            present = sorted(split for split in self.table["split"].unique() if split)
            raise DataError(
                f"{self.name} has no rows in split {name!r}; it has {present or 'no splits'}. "
                "hold_out() makes a split."
            )
        return self.where(rows)

    def counts(self):
        """How many rows each class has in each split: a table, classes down, splits across.

        Rows without a split stand under "all", rows without a label in a last line "no label".
        """
        counts = pd.crosstab(self.table["label"], self.table["split"], dropna=False)
        counts = counts.reindex(list(self.classes), fill_value=0)
        missing = self.table.loc[self.table["label"].isna(), "split"].value_counts()
        if len(missing):
            counts = counts.reindex(columns=counts.columns.union(missing.index), fill_value=0)
            counts.loc["no label"] = missing.reindex(counts.columns, fill_value=0)
        return counts.rename(columns={"": "all"}).rename_axis(index="label", columns=None)

    def majority(self):
        """The commonest class and its share of the labelled rows: what a constant answer scores.

        Returns:
            (class name, share in 0..1).
        """
        counts = self.table["label"].value_counts()
        if counts.sum() == 0:
            raise DataError(f"{self.name}: no row has a label, so there is no majority class.")
        return str(counts.index[0]), float(counts.iloc[0] / counts.sum())

    def images(self, size=None):
        """Every row's picture, stacked: uint8 in 0..255, (rows, height, width, 3), or without the
        last axis for the grey pictures of IDX files.

        Args:
            size: (height, width) in pixels to squeeze each picture to; None where all have one size.

        Raises:
            DataError: A picture cannot be read, or the pictures differ in size.
        """
        return read_images(self.table["image"], size)

    def sample(self, per_class, seed):
        """At most `per_class` rows of each class, drawn without replacement, in table order."""
        shuffled = self.table.sample(frac=1, random_state=seed)
        kept = shuffled.groupby("label", observed=True, sort=False).head(per_class)
        return self.where(np.sort(self.table.index.get_indexer(kept.index)))

    def hold_out(self, fraction, seed, source="train", target="validation"):
        """Moves a stratified part of one split to another, whole groups at a time.

        Args:
            fraction: Share of `source` to move, in (0, 0.5]. Where rows share groups, the nearest share
                that whole groups allow; the classes' shares follow as far as whole groups allow.
            seed: Which part; the same seed moves the same rows.
            source: The split to take from.
            target: The split to move to; it must be empty, so nothing official is overwritten.

        Raises:
            DataError: `target` has rows already, `source` has none, `fraction` is out of range, a class
                of `source` has one row or one group only, or the part would have fewer rows than classes.
        """
        from sklearn.model_selection import StratifiedShuffleSplit

        from fashion_tf.datasets.subsets import nearest_groups

        if (self.table["split"] == target).any():
            raise DataError(f"{self.name} already has a {target!r} split; use it.")
        if not 0 < fraction <= 0.5:
            raise DataError(f"hold_out's fraction is {fraction}; it must lie in (0, 0.5].")
        part = self.split(source)
        rows = np.flatnonzero(self.table["split"] == source)
        labels, groups = part.labels, part.table["group"]
        alone = part.table.groupby("label", observed=True)["group"].nunique()
        for name in alone.index[alone == 1]:
            count = int((part.table["label"] == name).sum())
            have = "1 row" if count == 1 else f"{count:,} rows, all of one group,"
            raise DataError(f"{self.name}: the class {name!r} has {have} in split {source!r}, which cannot be in "
                            f"both {source!r} and {target!r}. Leave that class out, or add to it.")
        if groups.is_unique and (labels == -1).sum() != 1:  # the splitter parts no class of one row
            classes, count = len(np.unique(labels)), math.ceil(len(rows) * fraction)
            if count < classes:
                raise DataError(f"{self.name}: {fraction:g} of the {len(rows):,} rows in split {source!r} are "
                                f"{count}, too few for {classes} classes; hold out a larger share.")
            splitter = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
            _, moved = next(splitter.split(rows, labels))
        elif groups.nunique() < 2:
            raise DataError(f"{self.name}: the {len(rows):,} rows in split {source!r} are one group, which is "
                            "never parted.")
        else:
            moved = nearest_groups(labels, groups.to_numpy(), fraction, np.random.default_rng(seed))
        table = self.table.copy()
        table.loc[table.index[rows[moved]], "split"] = target
        return replace(self, table=table)
