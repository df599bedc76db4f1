"""How good a ranking of similar photos is: precision at k and MAP@R, and what a random order scores.

MAP@R is that of Musgrave, Belongie and Lim, "A Metric Learning Reality Check" (2020), section 3.2:
R is the number of rows that are relevant to a query, and

    MAP@R = 1/R * sum for i = 1..R of P(i),   P(i) = precision at i if the i-th row is relevant, else 0.

As in their released code (pytorch-metric-learning, AccuracyCalculator) a query to which no row is
relevant is left out, and the macro figure is the mean over labels of the mean over a label's queries.
"""

import numpy as np

from fashion_tf.errors import DataError

from .search import BLOCK, nearest


def measure_retrieval(embeddings, labels, k=6, groups=None):
    """Searches every row among all others and compares labels.

    Args:
        embeddings: float32 (rows, channels), each row of length 1.
        labels: What must agree, (rows,); missing (None, NaN, NA) where unknown: such a row is no
            query, and relevant to none.
        k: Of the precision at k.
        groups: (rows,) or None. Rows of the query's own group are left out, as the query itself is.

    Returns:
        A pandas table with a row for each query, its position as the index: ``label``, ``relevant``
        (how many rows could be found, R), ``precision`` (share of the first k that has its label; a
        query with fewer than k relevant rows cannot reach 1) and ``map_at_r``. Queries with R = 0 are
        left out.

    Raises:
        DataError: Lengths that differ, k out of range, or no query with a relevant row.

    Taught in: 34_similar_products.ipynb
    """
    import pandas as pd

    codes, names = _coded(labels)
    queries, relevant, _ = _relevant(codes, groups, len(embeddings))
    queries = queries[np.argsort(-relevant[queries], kind="stable")]  # alike in R: short blocks stay short
    parts = []
    while len(queries):
        longest = max(k, relevant[queries[0]])
        block, queries = np.split(queries, [max(1, BLOCK // max(longest, len(embeddings)))])
        positions, _ = nearest(embeddings, np.asarray(embeddings)[block], int(longest), block, groups)
        right = (codes[positions] == codes[block, None]) & (positions >= 0)
        ranks = np.arange(1, longest + 1)
        r = relevant[block]
        at_rank = right * np.cumsum(right, axis=1) / ranks * (ranks <= r[:, None])
        parts.append(pd.DataFrame({
            "label": names[codes[block]], "relevant": r, "precision": right[:, :k].mean(1),
            "map_at_r": at_rank.sum(1) / r}, index=block))
    return pd.concat(parts).sort_index()


def micro_and_macro(scores, columns=("precision", "map_at_r")):
    """Means of what `measure_retrieval` returned.

    Args:
        scores: Its table, or any with a column ``label``.
        columns: What to average.

    Returns:
        A pandas table, `columns` across: ``micro``, the mean over queries, in which large labels count
        most; ``macro``, the mean over labels of their means, in which all count alike.
    """
    import pandas as pd

    columns = list(columns)
    return pd.DataFrame({"micro": scores[columns].mean(),
                         "macro": scores.groupby("label")[columns].mean().mean()}).T


def chance(labels, groups=None):
    """What an order at random scores on average: for each query, exactly.

    Of n other rows R are relevant. The i-th is relevant with probability R/n, and then each of the
    i - 1 before it with probability (R-1)/(n-1); so precision is R/n, and MAP@R
    1/R * sum for i = 1..R of R/n * (1 + (i-1) (R-1)/(n-1)) / i.

    Args:
        labels, groups: As in `measure_retrieval`.

    Returns:
        A table as that of `measure_retrieval`, for `micro_and_macro`.

    Raises:
        DataError: As `measure_retrieval`.

    Example:
        >>> micro_and_macro(chance(["shirt", "shirt", "shoe", "shoe"])).loc["micro", "precision"]
        0.3333333333333333
    """
    import pandas as pd

    codes, names = _coded(labels)
    queries, relevant, others = _relevant(codes, groups, len(codes))
    r, n = relevant[queries].astype(float), others[queries].astype(float)
    sums = np.cumsum(1 / np.arange(1, int(r.max()) + 1))[r.astype(int) - 1]  # 1 + 1/2 + ... + 1/R
    follow = (r - 1) / np.maximum(n - 1, 1)
    return pd.DataFrame({"label": names[codes[queries]], "relevant": r.astype(int), "precision": r / n,
                         "map_at_r": ((1 - follow) * sums + follow * r) / n}, index=queries)


def _coded(labels):
    """(a number for each row, -1 where the label is missing; the labels by number)."""
    import pandas as pd

    codes, names = pd.factorize(pd.Series(labels).astype(object), use_na_sentinel=True)
    return codes, np.asarray(names, dtype=object)


def _relevant(codes, groups, count):
    """(positions of the queries, relevant rows by position, rows that can be found by position)."""
    import pandas as pd

    if len(codes) != count or (groups is not None and len(groups) != count):
        raise DataError(f"{len(codes)} labels and {count if groups is None else len(groups)} groups for {count} rows.")
    groups = np.arange(count) if groups is None else np.asarray(groups).astype(str)
    table = pd.DataFrame({"code": codes, "group": groups})
    in_group = table.groupby("group")["code"].transform("size").to_numpy()
    same_in_group = table.groupby(["code", "group"])["group"].transform("size").to_numpy()
    relevant = table.groupby("code")["code"].transform("size").to_numpy() - same_in_group
    queries = np.flatnonzero((codes >= 0) & (relevant > 0))
    if not len(queries):
        raise DataError("No row shares its label with a row of another group: there is nothing to find.")
    return queries, relevant, count - in_group
