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


def test_hold_out_never_parts_a_group():
    groups = [str(n // 4) for n in range(120)]
    held = make("abc" * 40, groups=groups).hold_out(0.2, seed=2)
    sides = held.table.groupby("group")["split"].nunique()
    assert (sides == 1).all()
    assert 0.1 < np.mean(held.table["split"] == "validation") < 0.3


def test_hold_out_refuses_to_overwrite_an_official_split():
    dataset = make("aabb", splits=["train", "train", "validation", "test"])
    with pytest.raises(DataError, match="already has a 'validation' split"):
        dataset.hold_out(0.5, seed=0)
    with pytest.raises(DataError, match="fraction is 0.9"):
        make().hold_out(0.9, seed=0)
