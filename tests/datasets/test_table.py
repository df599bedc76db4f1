import numpy as np
import pandas as pd
import pytest

from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError

CLASSES = ("a", "b", "c")


def make(labels="aaaabbbbcc", splits=None, groups=None, classes=CLASSES):
    count = len(labels)
    return Dataset("toy", pd.DataFrame({
        "image": [f"x#{n}" for n in range(count)],
        "label": pd.Categorical(list(labels), categories=classes),
        "split": splits or ["train"] * count,
        "group": groups or [str(n) for n in range(count)],
    }), tuple(classes))


def test_labels_majority_and_counts():
    dataset = make("abbbc")
    assert dataset.labels.tolist() == [0, 1, 1, 1, 2]
    assert dataset.majority() == ("b", 0.6)
    assert dataset.counts()["train"].to_dict() == {"a": 1, "b": 3, "c": 1}


def test_a_class_without_rows_is_counted_as_zero():
    assert make("aab").counts()["train"].to_dict() == {"a": 2, "b": 1, "c": 0}


def test_rows_without_a_label_or_a_split_are_counted_too():
    counts = make([None, "a", None, "b"], splits=["train", "train", "test", ""]).counts()
    assert counts.loc["no label"].to_dict() == {"all": 0, "test": 1, "train": 1}
    assert counts["all"].to_dict() == {"a": 0, "b": 1, "c": 0, "no label": 0}
    assert make([None, None]).counts()["train"].to_dict() == {"a": 0, "b": 0, "c": 0, "no label": 2}


@pytest.mark.parametrize(("change", "message"), [
    (lambda table: table.drop(columns="group"), "lacks the column.*group"),
    (lambda table: table.assign(label="a"), "must be a pandas categorical"),
    (lambda table: table.assign(split="dev"), "unknown split.*dev"),
    (lambda table: table.assign(group=["one", None] * 5), "toy: row 1 has no group"),
    (lambda table: table.assign(label=pd.Categorical(["a"] * 10)), "differ from the class names"),
])
def test_a_wrong_table_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        Dataset("toy", change(make().table), CLASSES)


def test_an_absent_split_says_which_there_are():
    with pytest.raises(DataError, match=r"no rows in split 'test'; it has \['train'\]"):
        make().split("test")


def test_sample_takes_at_most_so_many_of_each_class():
    dataset = make("a" * 50 + "b" * 50 + "c" * 2)
    drawn = dataset.sample(5, seed=3)
    assert drawn.table["label"].value_counts().to_dict() == {"a": 5, "b": 5, "c": 2}
    assert drawn.table["image"].tolist() == dataset.sample(5, seed=3).table["image"].tolist()
    assert drawn.table["image"].tolist() != dataset.sample(5, seed=4).table["image"].tolist()


def test_hold_out_is_stratified_and_leaves_the_test_rows_alone():
    dataset = make("a" * 80 + "b" * 40 + "c" * 40, splits=["train"] * 150 + ["test"] * 10)
    held = dataset.hold_out(0.1, seed=1)
    assert held.counts()["validation"].to_dict() == {"a": 8, "b": 4, "c": 3}
    before, after = dataset.split("test").table, held.split("test").table
    assert before["image"].tolist() == after["image"].tolist()
    assert len(dataset.split("train")) == 150  # the original is not changed
    again = dataset.hold_out(0.1, seed=1).split("validation").table["image"]
    assert again.tolist() == held.split("validation").table["image"].tolist()


def moved_rows(held):
    return (held.table["split"] == "validation").to_numpy()


def test_hold_out_never_parts_a_group():
    groups = [str(n // 4) for n in range(120)]
    held = make("abc" * 40, groups=groups).hold_out(0.2, seed=2)
    assert (held.table.groupby("group")["split"].nunique() == 1).all()
    assert moved_rows(held).sum() == 24


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_hold_out_by_groups_is_the_nearest_share_that_whole_groups_allow(fraction, seed):
    """Against all sets of groups there are."""
    draw = np.random.default_rng(seed)
    sizes = draw.choice([1, 2, 5, 7, 12, 30], 12)
    groups = np.repeat(np.arange(12), sizes)
    held = make(draw.choice(list("abc"), len(groups)), groups=groups.tolist()).hold_out(fraction, seed)
    assert (held.table.groupby("group")["split"].nunique() == 1).all()
    sums = (np.arange(1, 2**12 - 1)[:, None] >> np.arange(12) & 1) @ sizes
    nearest = np.abs(sums - fraction * len(groups)).min()
    assert abs(moved_rows(held).sum() - fraction * len(groups)) == pytest.approx(nearest)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.4, 0.45])
def test_hold_out_by_groups_is_stratified(fraction):
    """A class's share is off by less than one of its groups."""
    labels = np.repeat(list("abc"), [400, 200, 100])
    groups = (np.arange(700) // 4).tolist()
    for seed in range(3):
        moved = moved_rows(make(labels, groups=groups).hold_out(fraction, seed))
        for name in "abc":
            own = labels == name
            assert abs(moved[own].sum() - fraction * own.sum()) < 4
    again = moved_rows(make(labels, groups=groups).hold_out(fraction, 2))
    assert (again == moved).all() and (moved_rows(make(labels, groups=groups).hold_out(fraction, 1)) != moved).any()


def test_hold_out_by_groups_draws_large_and_small_groups_alike():
    sizes = np.repeat([1, 20], [2000, 100])
    groups = np.repeat(np.arange(2100), sizes)
    moved = moved_rows(make(["a", "b"] * 2000, groups=groups.tolist()).hold_out(0.3, 0))
    large = np.repeat(sizes == 20, sizes)
    assert moved.sum() == 1200 and moved[large].mean() == pytest.approx(0.3)


@pytest.mark.parametrize(("dataset", "message"), [
    (make("aaaabbbbc"), "the class 'c' has 1 row in split 'train'"),
    (make("aabbcc", groups=["1", "2", "3", "4", "5", "5"]), "the class 'c' has 2 rows, all of one group, in split"),
    (make([None] * 4, groups=["1"] * 4), "the 4 rows in split 'train' are one group"),
    (make("abc" * 3), "0.2 of the 9 rows in split 'train' are 2, too few for 3 classes"),
    (make(splits=["test"] * 10), r"no rows in split 'train'; it has \['test'\]"),
])
def test_hold_out_says_what_cannot_be_parted(dataset, message):
    with pytest.raises(DataError, match=message):
        dataset.hold_out(0.2, 0)
    with pytest.raises(DataError, match="has no rows in split 'trian'"):
        dataset.hold_out(0.2, 0, source="trian")


def test_hold_out_parts_rows_without_a_label_too():
    assert moved_rows(make([None] + list("aabb")).hold_out(0.4, 0)).sum() == 2


def test_hold_out_refuses_to_overwrite_an_official_split():
    dataset = make("aabb", splits=["train", "train", "validation", "test"])
    with pytest.raises(DataError, match="already has a 'validation' split"):
        dataset.hold_out(0.5, seed=0)
    with pytest.raises(DataError, match="fraction is 0.9"):
        make().hold_out(0.9, seed=0)
