import numpy as np
import pandas as pd
import pytest

from fashion_tf.errors import DataError
from fashion_tf.retrieval import agreement_scores, complete_outfit, mean_embedding_scores, popularity_scores

TABLE = pd.DataFrame({
    "subCategory": ["Topwear", "Bottomwear", "Shoes", "Shoes", "Shoes", "Bags", None, "Bottomwear"],
    "articleType": ["Shirt", "Jeans", "Heels", "Boots", "Boots", "Bag", "Ring", "Jeans"],
    "gender": ["Men", "Men", "Women", "Men", "Men", "Women", "Men", "Women"],
    "usage": ["Casual", "Formal", "Formal", "Casual", None, "Casual", "Casual", "Formal"]})


def test_what_is_missing_comes_by_category_the_best_first():
    scores = np.array([9, 9, 0.1, 0.5, 0.5, 0.3, 9, 0.2])
    assert complete_outfit(TABLE, [0], scores, k=1)["position"].tolist() == [1, 3, 5]
    found = complete_outfit(TABLE, [0, 1], scores, k=2)
    assert found["category"].tolist() == ["Shoes", "Shoes", "Bags"]
    assert found["position"].tolist() == [3, 4, 5]  # equal scores: in the order of the table
    assert found["score"].tolist() == [0.5, 0.5, 0.3]


def test_the_mean_of_what_is_worn():
    vectors = np.float32([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]])
    scores = mean_embedding_scores(vectors, [0, 1])
    np.testing.assert_allclose(scores, vectors @ (np.ones(2) / np.sqrt(2)), rtol=1e-6)


def test_agreement_counts_every_worn_piece_and_column():
    scores = agreement_scores(TABLE, [0, 1], ("gender", "usage"))
    # Shirt: Men, Casual. Jeans: Men, Formal.
    assert scores.tolist() == [0.75, 0.75, 0.25, 0.75, 0.5, 0.25, 0.75, 0.25]


def test_popularity_is_the_share_of_the_kind():
    assert popularity_scores(TABLE).tolist() == [1 / 8, 2 / 8, 1 / 8, 2 / 8, 2 / 8, 1 / 8, 1 / 8, 2 / 8]
    assert popularity_scores(TABLE, ("gender", "usage"))[4] == 1 / 8


@pytest.mark.parametrize("worn", [[], [8], [-1], [0.5]])
def test_nothing_worn_or_not_in_the_table(worn):
    for score in (lambda: mean_embedding_scores(np.eye(8, dtype=np.float32), worn),
                  lambda: agreement_scores(TABLE, worn, ("gender",)),
                  lambda: complete_outfit(TABLE, worn, np.zeros(8))):
        with pytest.raises(DataError, match="positions of at least one piece"):
            score()


def test_columns_and_scores_that_are_not_there():
    with pytest.raises(DataError, match=r"lacks the column\(s\) season"):
        agreement_scores(TABLE, [0])
    with pytest.raises(DataError, match=r"lacks the column\(s\) style"):
        complete_outfit(TABLE, [0], np.zeros(8), category="style")
    with pytest.raises(DataError, match=r"shape \(3,\) for 8 rows"):
        complete_outfit(TABLE, [0], np.zeros(3))
