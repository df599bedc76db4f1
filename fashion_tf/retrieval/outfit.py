"""What is missing from an outfit: pieces of other categories, ranked by how they go with what is worn."""

import numpy as np

from fashion_tf.errors import DataError

ATTRIBUTES = ("gender", "usage", "season")


def mean_embedding_scores(embeddings, worn):
    """How similar each row is to what is worn: the cosine with the mean of the worn pieces' vectors.

    Args:
        embeddings: float32 (rows, channels), each row of length 1.
        worn: Positions of the worn pieces.

    Returns:
        float32 (rows,) in -1..1.

    Raises:
        DataError: Nothing is worn, or a position lies outside the table.

    Taught in: 34_similar_products.ipynb
    """
    embeddings = np.asarray(embeddings, np.float32)
    mean = embeddings[_positions(worn, len(embeddings))].mean(0)
    return embeddings @ (mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny))


def agreement_scores(table, worn, columns=ATTRIBUTES):
    """How far each row agrees with what is worn: over all worn pieces and columns, the share in which both
    have the same value. A missing value agrees with nothing.

    Args:
        table: A dataset's table.
        worn: Positions of the worn pieces.
        columns: What should agree.

    Returns:
        float64 (rows,) in 0..1.

    Raises:
        DataError: As `mean_embedding_scores`; or the table lacks a column.

    Taught in: 34_similar_products.ipynb
    """
    columns, worn = _columns(table, columns), _positions(worn, len(table))
    same = np.zeros(len(table))
    for column in columns:
        values = table[column].astype(object)
        for value in values.iloc[worn].dropna():
            same += (values == value).to_numpy(dtype=bool, na_value=False)
    return same / (len(columns) * len(worn))


def popularity_scores(table, columns=("articleType",)):
    """How common each row's kind is, whatever is worn: the baseline that knows no outfit.

    Args:
        table: A dataset's table.
        columns: What makes a kind.

    Returns:
        float64 (rows,) in 0..1: the share of rows that have the same values in `columns`.

    Raises:
        DataError: The table lacks a column.

    Taught in: 34_similar_products.ipynb
    """
    columns = _columns(table, columns)
    return table.groupby(columns, dropna=False, observed=True)[columns[0]].transform("size").to_numpy() / len(table)


def complete_outfit(table, worn, scores, category="subCategory", k=3):
    """The best pieces of every category that is not worn yet.

    Args:
        table: A dataset's table.
        worn: Positions of the worn pieces.
        scores: (rows,), larger is better: from one of the functions above.
        category: The column whose values must not repeat.
        k: Pieces for each category.

    Returns:
        A pandas table: ``category``, ``position`` and ``score``; categories in the order of their best
        score, pieces in the order of theirs, equal scores in the order of the table.

    Raises:
        DataError: As `mean_embedding_scores`; the table lacks the column, or the scores do not fit.

    Taught in: 34_similar_products.ipynb
    """
    import pandas as pd

    worn, scores = _positions(worn, len(table)), np.asarray(scores)
    _columns(table, [category])
    if scores.shape != (len(table),):
        raise DataError(f"Scores of shape {scores.shape} for {len(table)} rows.")
    values = table[category].astype(object)
    rows = np.flatnonzero((values.notna() & ~values.isin(values.iloc[worn])).to_numpy())
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    found = pd.DataFrame({"category": values.iloc[rows].to_numpy(), "position": rows, "score": scores[rows]})
    found = found.groupby("category", sort=False).head(k)
    order = np.argsort(pd.factorize(found["category"])[0], kind="stable")  # by each category's best piece
    return found.iloc[order].reset_index(drop=True)


def _positions(worn, count):
    worn = np.atleast_1d(np.asarray(worn))
    if not worn.size or worn.dtype.kind not in "iu" or worn.min() < 0 or worn.max() >= count:
        raise DataError(f"worn={worn.tolist()}: give the positions of at least one piece, in 0..{count - 1}.")
    return worn


def _columns(table, columns):
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(columns):
        raise DataError(f"The table lacks the column(s) {', '.join(missing) or '(none given)'}; it has "
                        f"{', '.join(map(str, table.columns))}.")
    return list(columns)
