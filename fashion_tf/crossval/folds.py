"""Which rows are trained on and which are held out, and what of the one is in the other."""

from dataclasses import dataclass

import numpy as np

from fashion_tf.errors import DataError

BALANCE = (None, "training", "before")


@dataclass(frozen=True)
class Fold:
    """One fold, as row numbers.

    Attributes:
        train: int64 (rows,); with a balance, a row may stand there several times.
        test: int64 (rows,); several times only where the balance was made before splitting.
    """

    train: np.ndarray
    test: np.ndarray


def make_folds(labels, count=5, groups=None, seed=0, balance=None, per_class=None, names=None):
    """Parts rows into folds, each class in the same shares; each row is held out once.

    Args:
        labels: Class numbers, whole and not negative, (rows,).
        count: Number of folds, 2 or more.
        groups: What may not be parted between training and held-out rows, one value a row: a photo, a pair
            of photos of one garment. None: every row stands for itself. Whole groups then meet the shares as
            nearly as they can.
        seed: Which rows go where, and which are drawn by `balance`.
        balance: Where the classes are made equally common, by leaving out rows of a common class and by
            repeating rows of a rare one:

            * None: nowhere.
            * ``"training"``: among the training rows of each fold. What is held out stays as it is.
            * ``"before"``: before splitting, as the parts-and-styles paper did. The folds then part *copies*:
              a repeated row has twins on both sides, and the accuracy is too good. With `groups`, twins stay
              together.
        per_class: Rows a class after balancing (in the training rows of each fold, or in all); None: as many
            as the commonest class has there.
        names: The classes' names, for messages.

    Returns:
        A list of `Fold`.

    Raises:
        DataError: No rows, labels that are no class numbers, labels and groups of different length; fewer
            than 2 folds; a class with fewer rows than folds; fewer groups than folds; or a group that holds a
            whole class, which could then not be in training and held out.

    Example:
        >>> [fold.test.tolist() for fold in make_folds([0, 0, 1, 1], count=2)]
        [[0, 2], [1, 3]]

    Taught in: 41_garment_types.ipynb
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise DataError("Folds need one label a row, whole numbers from 0; leave rows without a label out.")
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 2:
        raise DataError(f"count={count!r}: give the number of folds, 2 or more.")
    if balance not in BALANCE:
        raise DataError(f"balance={balance!r}: it must be None, 'training' or 'before'.")
    if per_class is not None and (balance is None or per_class < 1):
        raise DataError(f"per_class={per_class!r}: it must be 1 or more, and needs a balance.")
    groups = None if groups is None else _numbered(groups, len(labels))
    generator = np.random.default_rng(seed)
    rows = np.arange(len(labels))
    if balance == "before":
        rows = _balanced(labels, rows, per_class, generator)
    called = [str(number) for number in range(labels.max() + 1)] if names is None else list(names)
    held_out = (_stratified(labels[rows], count, seed, called) if groups is None
                else _grouped(labels[rows], tuple(part[rows] for part in groups), count, generator, called))
    folds = []
    for number in range(count):
        train, test = rows[held_out != number], rows[held_out == number]
        if balance == "training":
            train = _balanced(labels, train, per_class, generator)
        folds.append(Fold(train, test))
    return folds


def seen_in_training(folds, keys=None):
    """Share of the held-out rows whose like is among their fold's training rows.

    Args:
        folds: A list of `Fold`.
        keys: What makes two rows alike, one value a row: such as the garment or the photo. None: the row
            itself, of which a training may hold a copy.

    Returns:
        Share in 0..1, over all folds.

    Taught in: 41_garment_types.ipynb
    """
    seen = []
    for fold in folds:
        train, test = (rows if keys is None else np.asarray(keys)[rows] for rows in (fold.train, fold.test))
        seen.append(np.isin(test, train))
    return float(np.concatenate(seen).mean())


def _numbered(groups, rows):
    """(a number for each row's group, the row's group as it was given)."""
    import pandas as pd

    groups = np.asarray(groups)
    if groups.shape != (rows,):
        raise DataError(f"{len(groups):,} groups and {rows:,} labels: give one a row.")
    numbers, _ = pd.factorize(groups)
    if (numbers < 0).any():
        raise DataError(f"Row {int(np.argmax(numbers < 0))} has no group; one that stands for itself has a group of "
                        "its own.")
    return numbers, groups


def _balanced(labels, rows, per_class, generator):
    """Of each class among `rows`, equally many: all of them once if they are too few, and the rest drawn again."""
    own = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    wanted = max(map(len, own)) if per_class is None else per_class
    chosen = [generator.choice(part, wanted, replace=False) if len(part) >= wanted else
              np.concatenate([part, generator.choice(part, wanted - len(part))]) for part in own]
    return np.sort(np.concatenate(chosen))


def _stratified(labels, count, seed, names):
    """The fold in which each row is held out."""
    from sklearn.model_selection import StratifiedKFold

    for label, rows in zip(*np.unique(labels, return_counts=True)):
        if rows < count:
            raise DataError(f"The class {names[label]!r} has {rows} rows, fewer than {count} folds: make fewer "
                            "folds, or leave the class out.")
    held_out = np.empty(len(labels), np.int64)
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splitter.split(labels, labels)):
        held_out[test] = number
    return held_out


def _grouped(labels, groups, count, generator, names):
    """The same by whole groups, large ones first, each to the fold that then comes nearest to its share of every
    class. So does scikit-learn's `StratifiedGroupKFold`, but it can leave a fold empty, or hold out all rows of a
    class at once; before 1.7 it does not stratify where it shuffles."""
    numbers, given = groups
    present, labels = np.unique(labels, return_inverse=True)
    kinds, numbers = np.unique(numbers, return_inverse=True)
    if len(kinds) < count:
        raise DataError(f"There are {len(kinds)} groups, fewer than {count} folds: make fewer folds.")
    counts = np.zeros((len(kinds), len(present)), np.int64)
    np.add.at(counts, (numbers, labels), 1)
    rows, waiting = counts.sum(0), (counts > 0).sum(0)  # of each class: its rows, its groups
    for place, label in enumerate(present):
        if waiting[place] == 1:
            raise DataError(f"The group {given[np.argmax(labels == place)]!s} holds the whole class "
                            f"{names[label]!r} ({rows[place]} rows), which cannot be trained on and held out: leave "
                            "the class out, or part the group.")
        if rows[place] < count:
            raise DataError(f"The class {names[label]!r} has {rows[place]} rows, fewer than {count} folds: make "
                            "fewer folds, or leave the class out.")
    order = generator.permutation(len(kinds))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    share, weight, have = rows / count, 1 / rows, np.zeros((count, len(present)))
    fold_of = np.empty(len(kinds), np.int64)
    for done, group in enumerate(order):
        own = counts[group]
        # What a fold's distance from its share grows by, class by class; of equals, the fold with fewer rows.
        cost = (own * (2 * (have - share) + own) * weight).sum(1) + 1e-9 * have.sum(1)
        waiting -= own > 0
        for place in np.flatnonzero((own > 0) & (waiting == 0)):
            holders = np.flatnonzero(have[:, place])
            if len(holders) == 1:  # the class would never be trained on in this fold
                cost[holders] = np.inf
        empty = have.sum(1) == 0
        if empty.sum() == len(kinds) - done:
            cost[~empty] = np.inf
        fold_of[group] = int(cost.argmin())
        have[fold_of[group]] += own
    return fold_of[numbers]
