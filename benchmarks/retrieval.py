"""Searching similar photos: the exact matrix product beside FAISS, interleaved.

For each number of rows: seconds to build, median milliseconds of one query and of a batch, and **recall by
distance**: a neighbour counts as found if its similarity is at most a tolerance below the exact k-th. (Recall by
row number would count a copy of the right photo as a miss.)

* exact: `fashion_tf.retrieval.nearest`, which keeps the vectors and nothing else;
* FAISS flat: the same sums in FAISS (IndexFlatIP);
* FAISS lists: `fashion_tf.retrieval.search.Lists`, at several shares of the lists searched; the kit's own is marked.

    python benchmarks/retrieval.py                # some minutes
    python benchmarks/retrieval.py --quick        # under a minute, one size

Rows are mixtures of pairs of real embeddings if a stored index is given (--index FOLDER), else of 2,000 points made
up around 200 centres. Other programs share the machine, so contenders take turns.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # searching runs on the processor

import numpy as np

from fashion_tf.retrieval import load_index, nearest
from fashion_tf.retrieval.search import LARGE, SHARE_PROBED, Lists

SHARES = (1 / 64, 1 / 16, SHARE_PROBED, 1 / 4)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def base_vectors(folder, channels, generator):
    """Unit vectors to mix: those of a stored index, or made-up ones that are not negative, as a relu's are."""
    if folder:
        vectors = load_index(folder).embeddings
        print(f"{len(vectors):,} embeddings of {vectors.shape[1]} channels from {folder}")
        return vectors
    print(f"2,000 made-up embeddings of {channels} channels (--index FOLDER takes real ones)")
    centres = generator.gamma(0.5, size=(200, channels))
    noise = generator.gamma(0.5, size=(2000, channels))
    return unit((centres[generator.integers(200, size=2000)] + 0.7 * noise).astype(np.float32))


def mixtures(vectors, count, generator):
    one, other = vectors[generator.integers(len(vectors), size=(2, count))]
    return unit(one + generator.uniform(0, 1, (count, 1)).astype(np.float32) * other)


class Flat:
    def __init__(self, rows):
        import faiss

        self.index = faiss.IndexFlatIP(rows.shape[1])
        self.index.add(rows)

    def nearest(self, queries, k):
        similarities, positions = self.index.search(queries, k)
        return positions, similarities


class Probed:
    """The same lists, of which each query searches a share."""

    def __init__(self, lists, share):
        self.lists, self.probes = lists, max(1, round(lists.index.nlist * share))

    def nearest(self, queries, k):
        self.lists.index.nprobe = self.probes
        return self.lists.nearest(queries, k)


class Exact:
    def __init__(self, rows):
        self.rows = rows

    def nearest(self, queries, k):
        return nearest(self.rows, queries, k)


def timed(work):
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def compare(rows, queries, k, turns, tolerance):
    built, seconds = {}, {}
    for name, build in {"exact": Exact, "FAISS flat": Flat, "FAISS lists": Lists}.items():
        built[name], seconds[name] = timed(lambda build=build: build(rows))
    lists, spent = built.pop("FAISS lists"), seconds.pop("FAISS lists")
    for share in SHARES:
        name = f"FAISS lists, 1/{round(1 / share)} searched" + (" (the kit's)" if share == SHARE_PROBED else "")
        built[name], seconds[name] = Probed(lists, share), spent
    one, batch, found = ({name: [] for name in built} for _ in range(3))
    for turn in range(turns):
        for name, searcher in built.items():
            query = queries[turn % len(queries)][None]
            one[name].append(timed(lambda s=searcher, q=query: s.nearest(q, k))[1])
            (_, found[name]), spent = timed(lambda s=searcher: s.nearest(queries, k))
            batch[name].append(spent)
    least = found["exact"][:, -1:] - tolerance
    print(f"\n{len(rows):,} rows, {rows.nbytes / 1e6:,.0f} MB; k = {k}; one query and {len(queries)} at once; "
          f"median of {turns} turns")
    print(f"{'':38}{'build, s':>10}{'one, ms':>10}{'batch, ms':>11}{'recall':>9}{'most lost in similarity':>25}")
    for name in built:
        print(f"{name:38}{seconds[name]:10.2f}{1000 * statistics.median(one[name]):10.2f}"
              f"{1000 * statistics.median(batch[name]):11.1f}{np.mean(found[name] >= least):9.4f}"
              f"{np.nanmax(found['exact'] - found[name]):25.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", help="folder of a stored index whose embeddings are mixed")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--channels", type=int, default=256, help="of made-up embeddings")
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--quick", action="store_true", help="20,000 rows, 3 turns")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.turns = [20_000], 3
    generator = np.random.default_rng(0)
    vectors = base_vectors(options.index, options.channels, generator)
    print(f"{os.cpu_count()} cores; the kit searches exactly up to {LARGE:,} rows, with lists above")
    for count in options.rows:
        rows = mixtures(vectors, count, generator)
        compare(rows, mixtures(vectors, options.queries, generator), options.k, options.turns, options.tolerance)


if __name__ == "__main__":
    main()
