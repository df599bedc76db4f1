"""The nearest rows by cosine similarity: exactly by matrix products, or in FAISS's inverted lists."""

import numpy as np

from fashion_tf.errors import DataError

LARGE = 50_000  # rows above which an exact search of one photo is no longer done in a blink
BLOCK = 2 ** 24  # similarities held at a time: 64 MB
SHARE_PROBED = 1 / 8  # of FAISS's lists, for each query


def nearest(embeddings, queries, k, rows=None, groups=None):
    """The k most similar rows of each query, exactly.

    A matrix product in blocks: all similarities of some queries, then their largest k.

    Args:
        embeddings: float32 (count, channels), each row of length 1: what is searched.
        queries: float32 (queries, channels), each row of length 1.
        k: How many.
        rows: Whole numbers (queries,): where each query itself stands in `embeddings`, and is left out.
            A copy of its photo at another place is found. None: the queries are other photos.
        groups: For each row of `embeddings` the group that it belongs to, (count,). All rows of the
            query's own group are left out. Needs `rows`.

    Returns:
        (positions, similarities): int64 and float32 (queries, k), cosines in -1..1, the most similar first,
        of equal ones the first in the table. Where fewer than k rows are left, -1 and NaN fill up.

    Raises:
        DataError: Shapes that do not fit, k below 1, or `groups` without `rows`.

    Example:
        >>> nearest(np.eye(3, dtype="float32"), np.float32([[0.8, 0.6, 0]]), 1)[0]
        array([[0]])

    Taught in: 34_similar_products.ipynb
    """
    embeddings, queries, rows, groups = checked(embeddings, queries, k, rows, groups)
    kept = min(k, len(embeddings))
    positions = np.full((len(queries), k), -1, np.int64)
    similarities = np.full((len(queries), k), np.nan, np.float32)
    step = max(1, BLOCK // len(embeddings))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        found = queries[block] @ embeddings.T
        if rows is not None:
            found[np.arange(len(found)), rows[block]] = -np.inf
        if groups is not None:
            found[groups[rows[block], None] == groups[None]] = -np.inf
        positions[block, :kept], similarities[block, :kept] = _largest(found, kept)
    positions[np.isneginf(similarities)] = -1
    similarities[np.isneginf(similarities)] = np.nan
    return positions, cosines(similarities)


def checked(embeddings, queries, k, rows, groups):
    """The arguments of `nearest` as arrays that fit; groups as whole numbers."""
    embeddings, queries = np.asarray(embeddings, np.float32), np.asarray(queries, np.float32)
    if embeddings.ndim != 2 or queries.ndim != 2 or embeddings.shape[1] != queries.shape[1]:
        raise DataError(f"Embeddings of shape {embeddings.shape} and queries of {queries.shape}: both must be "
                        "(count, channels), with the same number of channels.")
    if not len(embeddings):
        raise DataError("There is nothing to search: no embeddings.")
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise DataError(f"k={k!r}: it must be a whole number, at least 1.")
    if rows is not None:
        rows = np.asarray(rows)
        if rows.shape != (len(queries),) or rows.dtype.kind not in "iu" or not (
                (rows >= 0) & (rows < len(embeddings))).all():
            raise DataError(f"rows must be the positions of the {len(queries)} queries in 0..{len(embeddings) - 1}.")
    if groups is not None:
        if rows is None:
            raise DataError("A query's group is that of its own row: give rows as well.")
        if len(groups) != len(embeddings):
            raise DataError(f"{len(groups)} groups for {len(embeddings)} rows.")
        groups = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    return embeddings, queries, rows, groups


def cosines(similarities):
    """Sums of rounded products as the cosines that they stand for: a photo and its copy may come to 1.0000001."""
    return np.clip(similarities, -1, 1)


def _largest(values, k):
    """(positions, values) of the k largest of each row, falling; of equal ones the first."""
    if k < values.shape[1]:
        positions = np.sort(np.argpartition(-values, k - 1, axis=1)[:, :k], axis=1)
    else:
        positions = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    found = np.take_along_axis(values, positions, 1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(positions, order, 1), np.take_along_axis(found, order, 1)


class Lists:
    """FAISS's inverted lists: rows parted among as many centres as the root of their number, and only the
    lists of the centres next to a query are searched.

    What is found may miss a neighbour whose list was not looked into; each similarity is exact.
    Finding the centres takes seconds; then one photo is searched in a fraction of an exact search's time
    (benchmarks/retrieval.py). Above a few hundred queries at once the matrix product is as fast.

    Args:
        embeddings: float32 (count, channels), each row of length 1.
        share: Share of the lists that is searched for each query, in (0, 1]; 1 searches all and is exact.

    Raises:
        DataError: FAISS is not installed.

    Source: https://github.com/facebookresearch/faiss/wiki (IndexIVFFlat)
    """

    def __init__(self, embeddings, share=SHARE_PROBED):
        try:
            import faiss
        except ImportError:
            raise DataError(f"Searching more than {LARGE:,} rows needs FAISS: pip install 'fashion_tf[faiss]', or "
                            "ask for exact=True.") from None
        self.embeddings = np.ascontiguousarray(embeddings, np.float32)
        count, channels = self.embeddings.shape
        lists = max(1, round(count ** 0.5))
        self.index = faiss.IndexIVFFlat(faiss.IndexFlatIP(channels), channels, lists, faiss.METRIC_INNER_PRODUCT)
        self.index.cp.seed, self.index.cp.niter = 0, 10  # more rounds move the centres little
        self.index.nprobe = max(1, round(lists * share))
        self.index.train(self.embeddings)
        self.index.add(self.embeddings)

    def nearest(self, queries, k, rows=None, groups=None):
        """As the function `nearest`."""
        embeddings, queries, rows, groups = checked(self.embeddings, queries, k, rows, groups)
        left_out = 0 if rows is None else 1
        if groups is not None:
            left_out = int(np.bincount(groups)[groups[rows]].max(initial=1))
        similarities, positions = self.index.search(np.ascontiguousarray(queries),
                                                    min(k + left_out, len(embeddings)))
        own = positions < 0  # FAISS's mark where the lists held fewer
        if rows is not None:
            own |= positions == rows[:, None]
        if groups is not None:
            own |= groups[rows, None] == groups[positions]
        order = np.argsort(own, axis=1, kind="stable")  # what is left out goes to the end
        own, positions, similarities = (np.take_along_axis(part, order, 1)[:, :k]
                                        for part in (own, positions, similarities))
        missing = ((0, 0), (0, k - own.shape[1]))
        own = np.pad(own, missing, constant_values=True)
        positions, similarities = np.pad(positions, missing), np.pad(similarities, missing)
        return np.where(own, -1, positions), np.where(own, np.float32(np.nan), cosines(similarities))
