"""Precision at k, MAP@R and chance against their definitions, query by query."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from fashion_tf.datasets import load
from fashion_tf.errors import DataError
from fashion_tf.retrieval import chance, measure_retrieval, micro_and_macro


def unit(rows, channels, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, channels)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def map_at_r(ranked, label, r):
    """Musgrave et al., section 3.2, word for word."""
    total = 0.0
    for i in range(1, r + 1):
        if ranked[i - 1] == label:
            total += sum(other == label for other in ranked[:i]) / i
    return total / r


def by_loop(embeddings, labels, k, groups):
    rows = {}
    for query, label in enumerate(labels):
        others = [other for other in range(len(labels))
                  if other != query and (groups is None or groups[other] != groups[query])]
        others.sort(key=lambda other: -float(embeddings[query] @ embeddings[other]))
        ranked = [labels[other] for other in others]
        r = ranked.count(label)
        if label is not None and r:
            rows[query] = (label, r, ranked[:k].count(label) / k, map_at_r(ranked, label, r))
    return rows


LABELS = np.random.default_rng(5).choice(["shirt", "shoe", "bag", "hat"], 50, p=[0.5, 0.3, 0.15, 0.05]).tolist()
LABELS[7] = LABELS[31] = None
LABELS[3] = "alone"
GROUPS = [f"group {number}" for number in np.random.default_rng(6).integers(20, size=50)]


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize("block", [1, 130, 2 ** 24])
def test_every_query_scores_what_the_definition_says(monkeypatch, groups, block):
    monkeypatch.setattr("fashion_tf.retrieval.measures.BLOCK", block)
    embeddings = unit(50, 6)
    scores = measure_retrieval(embeddings, LABELS, 6, groups)
    expected = by_loop(embeddings, LABELS, 6, groups)
    assert scores.index.tolist() == list(expected)
    assert 3 not in scores.index and 7 not in scores.index
    assert scores["label"].tolist() == [row[0] for row in expected.values()]
    np.testing.assert_allclose(scores[["relevant", "precision", "map_at_r"]].to_numpy(float),
                               [row[1:] for row in expected.values()])


def test_the_paper_s_own_example():
    """Figure 4 of the paper: R = 10, the first of ten right scores 0.1, the first two 0.2, all ten 1."""
    def ranked(*right):
        return [1 if place in right else 0 for place in range(1, 11)]

    assert map_at_r(ranked(1), 1, 10) == pytest.approx(0.1)
    assert map_at_r(ranked(1, 10), 1, 10) == pytest.approx(0.12)
    assert map_at_r(ranked(1, 2), 1, 10) == pytest.approx(0.2)
    assert map_at_r(ranked(*range(1, 11)), 1, 10) == 1


def test_perfect_neighbours_score_one_except_where_fewer_than_k_are_relevant():
    embeddings = np.repeat(np.eye(3, dtype=np.float32), [8, 8, 3], axis=0)
    scores = measure_retrieval(embeddings, ["a"] * 8 + ["b"] * 8 + ["c"] * 3, 6)
    assert scores["map_at_r"].eq(1).all()
    assert scores.groupby("label")["precision"].mean().to_dict() == pytest.approx({"a": 1, "b": 1, "c": 1 / 3})


def test_micro_counts_queries_and_macro_labels():
    scores = pd.DataFrame({"label": ["a", "a", "a", "b"], "precision": [1, 1, 1, 0.0], "map_at_r": [0.5] * 4})
    means = micro_and_macro(scores)
    assert means["precision"].to_dict() == {"micro": 0.75, "macro": 0.5}
    assert means["map_at_r"].to_dict() == {"micro": 0.5, "macro": 0.5}


@pytest.mark.parametrize("groups", [None, ["p", "p", "q", "r", "r", "s"]], ids=["rows", "groups"])
def test_chance_is_the_mean_over_all_orders(groups):
    labels = ["a", "a", "a", "b", "b", "a"]
    expected = {}
    for query, label in enumerate(labels):
        others = [labels[other] for other in range(6)
                  if other != query and (groups is None or groups[other] != groups[query])]
        r = others.count(label)
        if r:
            orders = list(permutations(others))
            expected[query] = (np.mean([order[:2].count(label) / 2 for order in orders]),
                               np.mean([map_at_r(order, label, r) for order in orders]))
    found = chance(labels, groups)
    assert found.index.tolist() == list(expected)
    np.testing.assert_allclose(found[["precision", "map_at_r"]], list(expected.values()))


def test_embeddings_at_random_score_chance():
    labels = np.random.default_rng(8).choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])
    found, expected = (micro_and_macro(scores) for scores in (
        measure_retrieval(unit(600, 64), labels), chance(labels)))
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_no_query_or_other_lengths():
    with pytest.raises(DataError, match="nothing to find"):
        measure_retrieval(unit(3, 4), ["a", "b", None])
    with pytest.raises(DataError, match="nothing to find"):
        chance(["a", "a"], ["same", "same"])
    with pytest.raises(DataError, match="2 labels and 3 groups for 3 rows|2 labels"):
        measure_retrieval(unit(3, 4), ["a", "a"])
    with pytest.raises(DataError, match="1 groups"):
        chance(["a", "a"], ["one"])


@pytest.mark.real_data
def test_chance_on_the_real_products(real_data):
    table = load("fashion-product-images", real_data("fashion-product-images")).table
    for column, expected in (("articleType", 0.069), ("baseColour", 0.105)):
        share = micro_and_macro(chance(table[column])).loc["micro", "precision"]
        assert share == pytest.approx(expected, abs=6e-4)


