"""From a whole dataset to the balanced part of it that a paper used."""

from dataclasses import replace

import numpy as np
import pandas as pd

from fashion_tf.errors import DataError

# The categories paper's training, validation and test shares.
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def relabel(dataset, labels, classes):
    """The same rows under other labels; rows whose label is None are left out.

    Args:
        dataset: A `Dataset`.
        labels: One label or None per row.
        classes: All class names, in label order.

    Returns:
        A `Dataset`. Its notes gain how many rows were left out.

    Raises:
        DataError: No row has a label.
    """
    table = dataset.table.copy()
    table["label"] = pd.Categorical(labels, categories=classes)
    kept = table["label"].notna().to_numpy()
    if not kept.any():
        raise DataError(f"{dataset.name}: no row belongs to any of {', '.join(classes)}.")
    notes = dataset.notes
    if not kept.all():
        notes += (f"{(~kept).sum():,} of {len(kept):,} rows belong to none of the "
                  f"{len(classes)} classes and are left out.",)
    return replace(dataset, table=table, classes=tuple(classes), notes=notes).where(kept)


def balance(dataset, per_class, seed, oversample=False):
    """Draws the same number of rows from every class.

    Args:
        dataset: A `Dataset`; rows without a label are left out.
        per_class: Rows a class.
        seed: Which rows; the same seed draws the same ones.
        oversample: Where a class has fewer rows, repeat some of them: every row once, the rest
            drawn with replacement. Otherwise such a class keeps what it has.

    Returns:
        A `Dataset` in the table's order. With `oversample` it has a column ``copy``: 0 for a row's
        first appearance, 1, 2, ... for its repetitions, which follow it directly. Its notes name
        the classes that are short or repeated.

    Raises:
        DataError: `oversample`, and a class has no row at all.
    """
    rng = np.random.default_rng(seed)
    labels, rows, notes = dataset.labels, [], list(dataset.notes)
    for number, name in enumerate(dataset.classes):
        own = np.flatnonzero(labels == number)
        if len(own) >= per_class:
            rows.append(rng.choice(own, per_class, replace=False))
            continue
        if not oversample:
            notes.append(f"{name}: {len(own):,} rows, fewer than {per_class:,}; all are taken.")
            rows.append(own)
            continue
        if len(own) == 0:
            raise DataError(f"{dataset.name}: {name!r} has no row to repeat.")
        notes.append(f"{name}: {len(own):,} rows, repeated at random up to {per_class:,}.")
        rows += [own, rng.choice(own, per_class - len(own))]
    rows = np.sort(np.concatenate(rows))
    chosen = dataset.where(rows)
    table = chosen.table
    if oversample:
        table = table.assign(copy=pd.Series(rows).groupby(rows).cumcount().to_numpy())
    return replace(chosen, table=table, notes=tuple(notes))


def split_at_random(dataset, seed, by_group=False, shares=SHARES):
    """Gives every row a new split, each class parted in the same shares.

    Args:
        dataset: A `Dataset`; its rows without a label are parted like a class of their own.
        seed: Which rows go where.
        by_group: Keep rows of one ``group`` in one split. The shares are then met only as nearly
            as whole groups allow.
        shares: Split name to share, in twentieths, 1 in all.

    Returns:
        A `Dataset` whose official splits, if it had any, are overwritten.

    Raises:
        DataError: The shares are no twentieths or do not add up to 1, or there are fewer than 20
            groups.
    """
    twentieths = {split: round(share * 20) for split, share in shares.items()}
    if sum(twentieths.values()) != 20 or any(
            abs(share * 20 - twentieths[split]) > 1e-9 for split, share in shares.items()):
        raise DataError(f"The shares {shares} must be twentieths that add up to 1.")
    splits = np.empty(len(dataset), dtype=object)
    names = np.repeat(list(twentieths), list(twentieths.values()))
    if by_group:
        from sklearn.model_selection import StratifiedGroupKFold

        groups = dataset.table["group"].to_numpy()
        if len(np.unique(groups)) < 20:
            raise DataError(f"{dataset.name}: {len(np.unique(groups))} groups cannot be parted "
                            "into twentieths.")
        folds = StratifiedGroupKFold(20, shuffle=True, random_state=seed)
        for fold, (_, rows) in enumerate(folds.split(splits, dataset.labels, groups)):
            splits[rows] = names[fold]
    else:
        rng = np.random.default_rng(seed)
        for number in range(-1, len(dataset.classes)):
            own = rng.permutation(np.flatnonzero(dataset.labels == number))
            # Spread over the class: row i of n goes to the twentieth that it falls into.
            splits[own] = names[np.arange(len(own)) * 20 // max(len(own), 1)]
    return replace(dataset, table=dataset.table.assign(split=splits))
