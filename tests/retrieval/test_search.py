"""Nearest rows against a loop over all of them."""

import sys

import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.retrieval import search
from fashion_tf.retrieval.search import Lists, nearest


def unit(rows, channels, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, channels)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_loop(embeddings, query, k, row=None, groups=None):
    left = [other for other in range(len(embeddings))
            if other != row and (groups is None or groups[other] != groups[row])]
    return sorted(left, key=lambda other: -float(query @ embeddings[other]))[:k]


@pytest.fixture
def rows():
    return unit(60, 5)


def test_other_photos_are_searched_among_all_rows(rows):
    queries = unit(7, 5, seed=1)
    positions, similarities = nearest(rows, queries, 4)
    assert positions.dtype == np.int64 and similarities.dtype == np.float32
    assert positions.tolist() == [by_loop(rows, query, 4) for query in queries]
    np.testing.assert_allclose(similarities, np.take_along_axis(queries @ rows.T, positions, 1), rtol=1e-6)


@pytest.mark.parametrize("block", [1, 150, 2 ** 24])
def test_the_query_and_its_group_are_left_out(rows, monkeypatch, block):
    monkeypatch.setattr(search, "BLOCK", block)  # one query at a time, two, all
    groups = np.random.default_rng(2).integers(9, size=60)
    chosen = np.array([3, 59, 0, 41, 3])
    alone, _ = nearest(rows, rows[chosen], 5, chosen)
    assert alone.tolist() == [by_loop(rows, rows[row], 5, row) for row in chosen]
    apart, _ = nearest(rows, rows[chosen], 5, chosen, groups)
    assert apart.tolist() == [by_loop(rows, rows[row], 5, row, groups) for row in chosen]


def test_a_copy_at_another_position_is_found(rows):
    twice = np.concatenate([rows, rows[:1]])
    assert nearest(twice, twice[:1], 1, [0])[0].tolist() == [[60]]
    assert nearest(twice, twice[60:], 1, [60])[0].tolist() == [[0]]


def test_equal_similarities_come_in_the_order_of_the_table():
    same = np.tile(np.float32([[1, 0]]), (6, 1))
    assert nearest(same, same[:1], 6)[0].tolist() == [[0, 1, 2, 3, 4, 5]]


def test_where_too_few_rows_are_left_minus_one_and_nan_fill_up(rows):
    pytest.importorskip("faiss", reason="FAISS is not installed (extra [faiss])")
    groups = ["a"] * 58 + ["b", "c"]
    for find in (lambda *a: nearest(rows, *a), Lists(rows, share=1).nearest):
        positions, similarities = find(rows[:1], 4, np.array([0]), groups)
        assert sorted(positions[0, :2].tolist()) == [58, 59]
        assert positions[0, 2:].tolist() == [-1, -1]
        assert np.isnan(similarities[0]).tolist() == [False, False, True, True]
    assert nearest(rows, rows[:1], 99)[0].shape == (1, 99)


def test_all_lists_give_the_exact_answer():
    pytest.importorskip("faiss", reason="FAISS is not installed (extra [faiss])")
    many = unit(3000, 16)
    chosen = np.arange(0, 3000, 11)
    groups = np.arange(3000) // 3
    lists = Lists(many, share=1)
    for arguments in ((many[chosen], 6), (many[chosen], 6, chosen), (many[chosen], 6, chosen, groups)):
        positions, similarities = lists.nearest(*arguments)
        exact, exact_similarities = nearest(many, *arguments)
        np.testing.assert_allclose(similarities, exact_similarities, atol=1e-6)
        assert np.mean(positions == exact) > 0.999  # ties within rounding may change places


def test_some_of_the_lists_give_nearly_the_same_similarities():
    """Recall by distance: what is found counts if it is as near as the exact k-th, within a tolerance."""
    pytest.importorskip("faiss", reason="FAISS is not installed (extra [faiss])")
    centres = unit(40, 32, seed=3)
    many = centres[np.random.default_rng(4).integers(40, size=4000)] + 0.5 * unit(4000, 32, seed=5)
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    chosen = np.arange(0, 4000, 13)
    _, found = Lists(many).nearest(many[chosen], 6, chosen)
    _, exact = nearest(many, many[chosen], 6, chosen)
    assert np.mean(found >= exact[:, -1:] - 1e-3) > 0.98
    assert (found <= exact + 1e-5).all()


def test_without_faiss_the_answer_says_what_to_do(rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(DataError, match=r"pip install 'fashion_tf\[faiss\]', or ask for exact=True"):
        Lists(rows)


@pytest.mark.parametrize("arguments, message", [
    ((unit(2, 4), 3), "both must be"), ((unit(2, 5)[0], 3), "both must be"),
    ((unit(2, 5), 0), "k=0: it must be a whole number"), ((unit(2, 5), 1.5), "k=1.5"),
    ((unit(2, 5), 3, [0]), "positions of the 2 queries"), ((unit(2, 5), 3, [0, 60]), "in 0..59"),
    ((unit(2, 5), 3, [-1, 0]), "in 0..59"), ((unit(2, 5), 3, [0.0, 1.0]), "positions of the 2"),
    ((unit(2, 5), 3, None, np.zeros(60)), "give rows as well"), ((unit(2, 5), 3, [0, 1], [1]), "1 groups for 60"),
])
def test_arguments_that_do_not_fit(rows, arguments, message):
    with pytest.raises(DataError, match=message):
        nearest(rows, *arguments)


def test_nothing_to_search():
    with pytest.raises(DataError, match="nothing to search"):
        nearest(np.empty((0, 5), np.float32), unit(1, 5), 1)
