import numpy as np
import pandas as pd
import pytest

from fashion_tf.datasets.subsets import balance, few, relabel, split_at_random
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

CLASSES = ("a", "b", "c")


def dataset(counts=(100, 40, 10), group_size=1):
    labels = np.repeat(CLASSES, counts)
    rows = np.arange(len(labels))
    return Dataset("toy", pd.DataFrame({
        "image": [f"{row}.jpg" for row in rows], "label": pd.Categorical(labels, CLASSES),
        "split": "train", "group": rows // group_size,
    }), CLASSES)  # fmt: skip


def test_relabel_leaves_out_rows_without_a_label():
    old = dataset((2, 2, 1))
    new = relabel(old, ["y", None, "x", "x", None], ("x", "y"))
    assert new.classes == ("x", "y")
    assert new.table["image"].tolist() == ["0.jpg", "2.jpg", "3.jpg"]
    assert new.labels.tolist() == [1, 0, 0]
    assert new.notes == ("2 of 5 rows belong to none of the 2 classes and are left out.",)
    assert old.labels.tolist() == [0, 0, 1, 1, 2]
    with pytest.raises(DataError, match="toy: no row belongs to any of x, y"):
        relabel(old, [None] * 5, ("x", "y"))


def test_balance_thins_without_repeating():
    chosen = balance(dataset(), 30, seed=1)
    assert np.bincount(chosen.labels).tolist() == [30, 30, 10]
    assert chosen.table["image"].is_unique
    assert chosen.notes == ("c: 10 rows, fewer than 30; all are taken.",)
    rows = [int(image[:-4]) for image in chosen.table["image"]]
    assert rows == sorted(rows)
    assert chosen.table.equals(balance(dataset(), 30, seed=1).table)
    assert not chosen.table.equals(balance(dataset(), 30, seed=2).table)


def test_balance_repeats_where_asked():
    chosen = balance(dataset(), 30, seed=1, oversample=True)
    assert np.bincount(chosen.labels).tolist() == [30, 30, 30]
    rare = chosen.table[chosen.table["label"] == "c"]
    assert rare["image"].nunique() == 10  # every row is there once before any is repeated
    assert (rare.groupby("image")["copy"].apply(list).map(lambda copies: copies
            == list(range(len(copies))))).all()
    assert (chosen.table[chosen.table["label"] != "c"]["copy"] == 0).all()
    assert chosen.notes == ("c: 10 rows, repeated at random up to 30.",)
    with pytest.raises(DataError, match="'c' has no row to repeat"):
        balance(dataset((5, 5, 0)), 5, seed=0, oversample=True)


def test_split_parts_every_class_in_the_same_shares():
    split = split_at_random(dataset((100, 40, 20)), seed=3)
    counts = split.counts()
    assert counts["train"].tolist() == [70, 28, 14]
    assert counts["validation"].tolist() == [15, 6, 3]
    assert counts["test"].tolist() == [15, 6, 3]
    assert split.table["split"].tolist() == \
        split_at_random(dataset((100, 40, 20)), seed=3).table["split"].tolist()
    assert split.table["split"].tolist() != \
        split_at_random(dataset((100, 40, 20)), seed=4).table["split"].tolist()


def test_split_by_group_keeps_groups_whole():
    whole = dataset((400, 200, 200), group_size=4)
    split = split_at_random(whole, seed=0, by_group=True)
    assert (split.table.groupby("group")["split"].nunique() == 1).all()
    shares = split.counts().div(split.counts().sum(axis=1), axis=0)
    for name, share in {"train": 0.7, "validation": 0.15, "test": 0.15}.items():
        assert (shares[name].sub(share).abs() <= 4 / 200).all()  # a group of the smallest class
    assert split.counts().sum().to_dict() == {"test": 120, "train": 560, "validation": 120}
    # Without it, groups are parted: otherwise the test above would show nothing.
    assert (split_at_random(whole, seed=0).table.groupby("group")["split"].nunique() > 1).any()
    few = split_at_random(dataset((4, 4, 4), group_size=4), seed=0, by_group=True)
    assert few.table["split"].value_counts().to_dict() == {"train": 4, "validation": 4, "test": 4}
    with pytest.raises(DataError, match="2 groups, too few .* into train, validation, test"):
        split_at_random(dataset((4, 4, 0), group_size=4), seed=0, by_group=True)


@pytest.mark.parametrize("by_group", [False, True])
def test_a_split_that_shows_not_all_classes_is_told(by_group):
    """A mean over the classes of a test split would pass over them in silence."""
    split = split_at_random(dataset((100, 4, 3), group_size=4), 0, by_group, {"train": 0.8, "test": 0.2})
    there = set(split.split("test").table["label"])
    absent = [name for name in "abc" if name not in there]
    assert absent == ["b", "c"] or by_group and absent
    assert split.notes == (f"test: has no row of {', '.join(absent)}; too few to be parted.",)
    assert split_at_random(dataset((100, 40, 20)), 0).notes == ()


def test_shares_must_be_twentieths():
    for shares in ({"train": 0.7, "test": 0.2}, {"train": 0.33, "test": 0.67}):
        with pytest.raises(DataError, match="twentieths that add up to 1"):
            split_at_random(dataset(), seed=0, shares=shares)
    half = split_at_random(dataset(), seed=0, shares={"train": 0.5, "test": 0.5})
    assert half.counts()["test"].tolist() == [50, 20, 5]


def test_classes_smaller_than_the_twentieths_are_parted_by_group_too():
    split = split_at_random(dataset((18, 16, 14), group_size=2), seed=3, by_group=True)
    shares = split.table["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.1)
    assert (split.table.groupby("group")["split"].nunique() == 1).all()


def test_few_rows_show_every_split_and_class():
    whole = dataset((100, 40, 10))
    table = whole.table.assign(split=["train"] * 90 + ["test"] * 58 + ["validation"] * 2)
    whole = Dataset("toy", table, CLASSES)
    chosen = few(whole, 12)
    assert chosen.table["split"].value_counts().to_dict() == {"train": 7, "test": 5, "validation": 2}
    test = chosen.split("test")
    assert np.bincount(test.labels).tolist() == [2, 2, 1]  # the classes take turns
    rows = [int(image[:-4]) for image in chosen.table["image"]]
    assert rows == sorted(rows) and len(set(rows)) == len(rows)
    assert chosen.notes == ("14 of 150 rows are taken.",)
    assert few(whole, 150) is whole


def test_few_of_rows_without_labels_are_taken_at_even_distances():
    whole = dataset((9, 0, 0))
    unlabelled = Dataset("toy", whole.table.assign(label=pd.Categorical([None] * 9, CLASSES)), CLASSES)
    assert few(unlabelled, 3).table["image"].tolist() == ["0.jpg", "4.jpg", "8.jpg"]
