"""Folds: what they part, what they may not, against brute force and scikit-learn."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from fashion_tf.crossval import make_folds, seen_in_training, self_confidence
from fashion_tf.errors import DataError


def drawn(seed, rows=60, classes=3, groups=15):
    generator = np.random.default_rng(seed)
    return generator.integers(classes, size=rows), generator.integers(groups, size=rows)


def spread(labels, tests):
    """How far the folds' class counts are from equal, over all classes: a sum of squares."""
    counts = np.array([np.bincount(labels[test], minlength=labels.max() + 1) for test in tests])
    return ((counts - counts.mean(0)) ** 2).sum()


def test_every_row_is_held_out_once_and_classes_keep_their_shares():
    labels, _ = drawn(0)
    folds = make_folds(labels, 5, seed=1)
    assert np.sort(np.concatenate([fold.test for fold in folds])).tolist() == list(range(60))
    for fold in folds:
        assert not set(fold.train) & set(fold.test) and len(fold.train) + len(fold.test) == 60
        shares = np.bincount(labels[fold.test], minlength=3) - np.bincount(labels) / 5
        assert np.abs(shares).max() < 1
    again = make_folds(labels, 5, seed=1)
    assert all(np.array_equal(one.test, other.test) for one, other in zip(folds, again))
    assert any(not np.array_equal(one.test, other.test) for one, other in zip(folds, make_folds(labels, 5, seed=2)))


def test_groups_are_never_parted_and_nothing_is_empty_or_unseen():
    """Whatever the groups: either an error that names one, or folds that can be trained and measured."""
    refused = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        labels, groups = drawn(seed, rows=int(generator.integers(10, 40)), groups=int(generator.integers(3, 12)))
        alone = [label for label in np.unique(labels) if len(set(groups[labels == label])) == 1]
        few = min(np.bincount(labels)[np.unique(labels)]) < 3 or len(set(groups)) < 3
        if alone or few:
            with pytest.raises(DataError):
                make_folds(labels, 3, groups, seed)
            refused += 1
            continue
        folds = make_folds(labels, 3, groups, seed)
        for fold in folds:
            assert len(fold.test) and not set(groups[fold.train]) & set(groups[fold.test])
            assert set(labels[fold.train]) == set(labels)
        assert sum(len(fold.test) for fold in folds) == len(labels)
    assert 5 < refused < 150


def test_grouped_folds_are_as_even_as_scikit_learns():
    """Without its shuffling, which before 1.7 did not stratify."""
    ours = theirs = 0
    for seed in range(20):
        labels, groups = drawn(seed, rows=400, classes=5, groups=120)
        ours += spread(labels, [fold.test for fold in make_folds(labels, 5, groups, seed)])
        theirs += spread(labels, [test for _, test in StratifiedGroupKFold(5).split(labels, labels, groups)])
    assert ours <= 1.1 * theirs


def test_what_scikit_learn_leaves_without_a_class():
    """Five groups of one class each: held out, a class that training never saw. The group is named."""
    labels, groups = np.repeat(range(5), 4), np.repeat(["a", "b", "c", "d", "e"], 4)
    with pytest.raises(DataError, match="The group a holds the whole class 'coat'"):
        make_folds(labels, 5, groups, names=["coat", "dress", "shirt", "skirt", "top"])
    # Two groups a class are enough, whatever is drawn.
    labels, groups = np.repeat(range(3), 4), np.repeat(range(6), 2)
    for seed in range(60):
        for fold in make_folds(labels, 2 + seed % 3, groups, seed):
            assert len(fold.test) and set(labels[fold.train]) == {0, 1, 2}


@pytest.mark.parametrize(("arguments", "message"), [
    (([0, 0, 1, 1, 1], 3), "The class '0' has 2 rows, fewer than 3 folds"),
    (([0, 0, 1, 1, 1], 3, list("abcde")), "The class '0' has 2 rows, fewer than 3 folds"),
    (([0, 0, 0, 1, 1, 1], 3, list("ababab")), "There are 2 groups, fewer than 3 folds"),
    (([0, 0, 1, 1], 2, list("aabc")), "The group a holds the whole class '0'"),
    (([0, 0, 1, 1], 2, list("abc")), "3 groups and 4 labels"),
    (([0, 0, 1, 1], 2, [1.0, np.nan, 2.0, 3.0]), "Row 1 has no group"),
    (([0, 0, 1, 1], 1), "count=1"),
    (([0, 0, 1, 1], 2.0), "count=2.0"),
    (([0, -1, 1, 1], 2), "whole numbers from 0"),
    (([0.0, 1.0], 2), "whole numbers from 0"),
    (([], 2), "whole numbers from 0"),
    (([0, 0, 1, 1], 2, None, 0, "after"), "balance='after'"),
    (([0, 0, 1, 1], 2, None, 0, None, 3), "per_class=3"),
    (([0, 0, 1, 1], 2, None, 0, "before", 0), "per_class=0"),
])
def test_bad_folds(arguments, message):
    with pytest.raises(DataError, match=message):
        make_folds(*arguments)


# --- balance -----------------------------------------------------------------------------------


def uneven():
    return np.repeat([0, 1, 2], [40, 15, 5])


def test_a_balance_in_training_leaves_what_is_held_out_alone():
    labels = uneven()
    for per_class, wanted in ((None, 32), (10, 10)):
        folds = make_folds(labels, 5, balance="training", per_class=per_class, seed=3)
        for fold in folds:
            assert np.bincount(labels[fold.train]).tolist() == [wanted] * 3
            assert len(set(fold.test)) == len(fold.test)
        assert np.sort(np.concatenate([fold.test for fold in folds])).tolist() == list(range(60))
        assert seen_in_training(folds) == 0
    rare = set(np.flatnonzero(labels == 2))
    assert all(rare - set(fold.test) <= set(fold.train) for fold in folds)  # each once, before any is repeated


def test_a_balance_before_splitting_puts_twins_on_both_sides():
    labels = uneven()
    folds = make_folds(labels, 5, balance="before", per_class=40, seed=3)
    held_out = np.concatenate([fold.test for fold in folds])
    assert np.bincount(labels[held_out]).tolist() == [40] * 3
    seen = [np.isin(fold.test, fold.train) for fold in folds]  # by brute force
    assert seen_in_training(folds) == pytest.approx(np.concatenate(seen).mean())
    assert seen_in_training(folds) > 0.5
    rare = np.concatenate([part[labels[fold.test] == 2] for part, fold in zip(seen, folds)])
    assert rare.mean() > 0.9  # forty copies of five
    # With the rows as groups, copies stay together.
    together = make_folds(labels, 5, groups=np.arange(60), balance="before", per_class=40, seed=3)
    assert seen_in_training(together) == 0


def test_the_chance_of_a_twin_is_the_papers():
    """A row drawn twice: its twin is held out with it in one of five draws, and in training in four."""
    labels = np.repeat([0, 1], [10_000, 20_000])
    folds = make_folds(labels, 5, balance="before", per_class=20_000, seed=0)
    held_out = np.concatenate([fold.test for fold in folds])
    twice = np.bincount(held_out, minlength=30_000) == 2
    seen = np.concatenate([np.isin(fold.test, fold.train) for fold in folds])
    assert seen[twice[held_out]].mean() == pytest.approx(0.8, abs=0.03)


def test_likes_are_found_by_a_key():
    folds = make_folds(np.tile([0, 1], 20), 4, groups=np.repeat(range(20), 2), seed=0)
    assert seen_in_training(folds, np.repeat(range(20), 2)) == 0
    assert seen_in_training(folds, np.zeros(40)) == 1


# --- label noise -------------------------------------------------------------------------------


def test_the_label_that_is_not_believed_comes_first():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9]])
    confidence = self_confidence(probabilities, [0, 1, 0])
    assert confidence.tolist() == [0.7, 0.8, 0.05] and confidence.argmin() == 2


@pytest.mark.parametrize(("probabilities", "labels", "message"), [
    ([[0.5, 0.5]], [0, 1], "shape"),
    ([0.5, 0.5], [0, 1], "shape"),
    ([[0.5, 0.5], [0.5, 0.4]], [0, 1], "Row 1"),
    ([[1.5, -0.5]], [0], "Row 0"),
    ([[np.nan, 0.5]], [0], "Row 0"),
    ([[0.5, 0.5]], [2], "0 to 1"),
    ([[0.5, 0.5]], [-1], "0 to 1"),
    ([[0.5, 0.5]], [0.0], "class numbers"),
])
def test_bad_probabilities(probabilities, labels, message):
    with pytest.raises(DataError, match=message):
        self_confidence(probabilities, labels)
