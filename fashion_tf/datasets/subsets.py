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


def few(dataset, count):
    """A few rows that still show every split, and as many classes as they can.

    Each split keeps its share of the rows, but at least two; in a split, the classes take turns, and of a
    class (or where nothing has a label) rows are taken at even distances.

    Args:
        dataset: A `Dataset`.
        count: About how many rows; all are kept where there are no more.

    Returns:
        A `Dataset` in the table's order; its notes say how many rows were left out.
    """
    if len(dataset) <= count:
        return dataset
    splits, labels, kept = dataset.table["split"].to_numpy(), dataset.labels, []
    for split in pd.unique(splits):
        rows = np.flatnonzero(splits == split)
        wanted = max(2, round(count * len(rows) / len(dataset)))
        turns = []  # (which turn, row)
        for label in np.unique(labels[rows]):
            own = rows[labels[rows] == label]
            apart = own[np.unique(np.linspace(0, len(own) - 1, min(wanted, len(own))).round().astype(int))]
            turns += enumerate(apart)
        kept += [row for _, row in sorted(turns)[:wanted]]
    chosen = dataset.where(np.sort(kept))
    return replace(chosen, notes=(*dataset.notes, f"{len(chosen):,} of {len(dataset):,} rows are taken."))


def split_at_random(dataset, seed, by_group=False, shares=SHARES):
    """Gives every row a new split, each class parted in the same shares.

    Args:
        dataset: A `Dataset`; its rows without a label are parted like a class of their own.
        seed: Which rows go where.
        by_group: Keep rows of one ``group`` in one split. The shares are then met only as nearly
            as whole groups allow.
        shares: Split name to share, in twentieths, 1 in all.

    Returns:
        A `Dataset` whose official splits, if it had any, are overwritten. Its notes name the splits that show not all
        classes.

    Raises:
        DataError: The shares are no twentieths or do not add up to 1, or there are too few groups.
    """
    twentieths = {split: round(share * 20) for split, share in shares.items()}
    if sum(twentieths.values()) != 20 or any(
            abs(share * 20 - twentieths[split]) > 1e-9 for split, share in shares.items()):
        raise DataError(f"The shares {shares} must be twentieths that add up to 1.")
    splits = np.empty(len(dataset), dtype=object)
    if by_group:
        groups, generator = dataset.table["group"].to_numpy(), np.random.default_rng(seed)
        rest, left = np.arange(len(dataset)), 20
        for split, share in list(twentieths.items())[:0:-1]:  # the first split gets what is left
            if len(pd.unique(groups[rest])) < 2:
                raise DataError(f"{dataset.name}: {len(pd.unique(groups))} groups, too few or too uneven to be "
                                f"parted into {', '.join(twentieths)}.")
            moved = nearest_groups(dataset.labels[rest], groups[rest], share / left, generator)
            splits[rest[moved]] = split
            rest, left = rest[~moved], left - share
        splits[rest] = next(iter(twentieths))
    else:
        names = np.repeat(list(twentieths), list(twentieths.values()))
        rng = np.random.default_rng(seed)
        for number in range(-1, len(dataset.classes)):
            own = rng.permutation(np.flatnonzero(dataset.labels == number))
            # Spread over the class: row i of n goes to the twentieth that it falls into.
            splits[own] = names[np.arange(len(own)) * 20 // max(len(own), 1)]
    return replace(dataset, table=dataset.table.assign(split=splits),
                   notes=(*dataset.notes, *_absent(dataset, splits, shares)))


def _absent(dataset, splits, shares):
    """A note on each split without a row of some class: nothing is learnt there, or measured, of it."""
    for split in shares:
        there = np.unique(dataset.labels[splits == split])
        absent = [dataset.classes[label] for label in np.unique(dataset.labels) if label >= 0 and label not in there]
        if absent:
            names = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
            yield f"{split}: has no row of {names}; too few to be parted."


def nearest_groups(labels, groups, share, generator):
    """Draws whole groups that come nearest to a share of all rows and, as far as they can, of each class.

    scikit-learn's `StratifiedGroupKFold` knows only shares of 1/2, 1/3, 1/4 ..., and before 1.7 it does not
    stratify where it shuffles.

    Args:
        labels: Class indices, int64 (rows,); -1, no label, counts as a class.
        groups: What may not be parted, (rows,).
        share: In 0..1.
        generator: A NumPy generator: which of the groups that are alike are drawn.

    Returns:
        bool (rows,): at least one group, and not all. There must be two.
    """
    numbers, names = pd.factorize(groups)
    counts = np.zeros((len(names), int(labels.max()) + 2), np.int64)
    np.add.at(counts, (numbers, labels + 1), 1)
    sizes = counts.sum(1)
    target, weight = share * counts.sum(0), 1 / np.maximum(counts.sum(0), 1)
    drawn, have = np.zeros(len(names), bool), np.zeros(counts.shape[1])
    # Large groups first: the small ones then even out what is left.
    for size, number in sorted(_how_many_groups(sizes, share).items(), reverse=True):
        own = generator.permutation(np.flatnonzero(sizes == size))
        kinds, kind = np.unique(counts[own], axis=0, return_inverse=True)
        order = generator.permutation(len(kinds))  # of equals, not always the first class
        waiting = [own[kind.ravel() == which].tolist() for which in order]
        kinds = kinds[order]
        for _ in range(number):
            cost = ((have + kinds - target) ** 2 * weight).sum(1)
            cost[[not alike for alike in waiting]] = np.inf
            best = int(cost.argmin())
            drawn[waiting[best].pop()] = True
            have += kinds[best]
    return drawn[numbers]


def _how_many_groups(sizes, share, reach=30):
    """Of each size, how many groups to take, so that the sum of rows is the nearest to the share of all,
    with each size taken as nearly in that share as this allows.

    A knapsack over the sizes: the cheapest way to each deviation from taking each size in its share, where
    taking one group more or less costs 1. `reach` bounds how many more or less of a size are tried, which
    for more than 60 groups of each size may miss a sum that only larger changes reach.
    """
    values, there = np.unique(sizes, return_counts=True)
    even = np.rint(share * there).astype(int)
    rows, taken = int(sizes.sum()), int(even @ values)
    span = min(rows, 50_000)
    cost = np.full(2 * span + 1, np.inf, np.float32)  # of the deviations -span .. span
    cost[span] = 0
    steps = []
    for size, many, expected in zip(values.tolist(), there.tolist(), even.tolist()):
        best, step = np.full_like(cost, np.inf), np.zeros(len(cost), np.int8)
        for change in range(max(-expected, -reach), min(many - expected, reach) + 1):
            shift = change * size
            if abs(shift) > 2 * span:
                continue
            to = slice(max(shift, 0), len(cost) + min(shift, 0))
            came = slice(max(-shift, 0), len(cost) + min(-shift, 0))
            better = cost[came] + abs(change) < best[to]
            best[to][better] = cost[came][better] + abs(change)
            step[to][better] = change
        cost = best
        steps.append(step)
    sums = taken + np.arange(-span, span + 1)
    possible = np.flatnonzero(np.isfinite(cost) & (sums > 0) & (sums < rows))
    gap = np.abs(sums[possible] - share * rows)
    place = possible[np.lexsort((cost[possible], gap))[0]]
    found = {}
    for size, expected, step in zip(values[::-1].tolist(), even[::-1].tolist(), steps[::-1]):
        change = int(step[place])
        found[size] = expected + change
        place -= change * size
    return found
