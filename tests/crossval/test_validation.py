"""Folds that run: against scikit-learn, with networks, and what a killed process loses."""

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from fashion_tf.crossval import Fold, Restarted, cross_validate, make_folds
from fashion_tf.errors import DataError, TrialError


def blobs(rows=90, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    return generator.normal(size=(rows, 4)) + 1.2 * labels[:, None], labels


def forest(seed, trees=20):
    return RandomForestClassifier(trees, random_state=seed)


@pytest.fixture
def run(tmp_path):
    def run(build=forest, data=None, folds=None, **options):
        data = data or blobs()
        folds = make_folds(data[1], 3) if folds is None else folds
        return cross_validate(build, *data, folds, tmp_path / "journal.jsonl", **{"progress": False} | options)
    return run


def test_a_forest_as_scikit_learn_validates_it(run):
    inputs, labels = blobs()
    folds = make_folds(labels, 3)
    fold_of = np.empty(len(labels), int)
    for number, fold in enumerate(folds):
        fold_of[fold.test] = number
    expected = cross_val_predict(forest(5), inputs, labels, cv=PredefinedSplit(fold_of), method="predict_proba")
    found = run(folds=folds, seeds=(5,))
    np.testing.assert_allclose(found.out_of_fold(), expected, atol=1e-6)
    for number, fold in enumerate(folds):
        row = found.table.iloc[number]
        right = expected[fold.test].argmax(1)
        assert row["accuracy"] == pytest.approx((right == labels[fold.test]).mean())
        assert row["macro_f1"] == pytest.approx(f1_score(labels[fold.test], right, average="macro"))
        sure = np.clip(expected[fold.test], 1e-12, 1)
        assert row["loss"] == pytest.approx(-np.log(sure[np.arange(30), labels[fold.test]]).mean(), rel=1e-4)
        fitted = forest(5).fit(inputs[fold.train], labels[fold.train])
        assert row["train_accuracy"] == pytest.approx(fitted.score(inputs[fold.train], labels[fold.train]))
        np.testing.assert_array_equal(found.confusion(number), confusion_matrix(labels[fold.test], right))
    np.testing.assert_array_equal(found.confusion(), confusion_matrix(labels, expected.argmax(1)))
    accuracies = found.table["accuracy"]
    assert found.best == accuracies.argmax() and found.ran == 3
    summary = found.summary().loc["accuracy"]
    assert summary.tolist() == pytest.approx([accuracies.mean(), np.std(accuracies, ddof=1), accuracies.min(),
                                              accuracies.max()])


def small_network(seed, units=8, smoothing=0.0):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.1),
                              keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


@pytest.mark.slow
def test_a_network_has_curves_and_the_same_seed_gives_the_same(run, tmp_path):
    fit = {"epochs": 2, "batch_size": 30}
    found = run(small_network, settings={"units": 4}, fit=fit)
    history = found.histories[1]
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 2 for values in history.values())
    assert found.table["accuracy"].tolist() == pytest.approx([part["val_accuracy"][-1] for part in found.histories])
    assert found.table["loss"].tolist() == pytest.approx([part["val_loss"][-1] for part in found.histories], rel=1e-3)
    assert found.table["train_loss"].iloc[1] == history["loss"][-1]
    (tmp_path / "journal.jsonl").unlink()
    again = run(small_network, settings={"units": 4}, fit=fit)
    np.testing.assert_array_equal(again.out_of_fold(), found.out_of_fold())


def restarted(seed, views):
    return Restarted(small_network(seed, units=4))


@pytest.mark.slow
def test_a_network_that_begins_anew_learns_from_all_views_and_answers_with_their_mean():
    import keras

    (inputs, labels), fit = blobs(), {"epochs": 3, "batch_size": 30, "verbose": 0, "shuffle": False}
    keras.utils.set_random_seed(3)
    network = Restarted(small_network(0))
    views = np.stack([inputs, -inputs], axis=1)
    first = network.fit(views, labels, **fit).history["loss"]
    answers = network.predict(views)
    keras.utils.set_random_seed(3)
    assert network.fit(views, labels, **fit).history["loss"] == pytest.approx(first, rel=0.05)  # dropout differs
    network.fit(views, labels, **{**fit, "epochs": 9})
    keras.utils.set_random_seed(3)
    network.fit(views, labels, **{**fit, "epochs": 1})
    assert network.model.optimizer.iterations == 180 // 30
    single = np.stack([network.model.predict(view, verbose=0) for view in (inputs, -inputs)])
    np.testing.assert_allclose(network.predict(views), single.mean(0), atol=1e-6)
    assert answers.shape == (90, 3) and network.predict(inputs).shape == (90, 3)
    with pytest.raises(DataError, match="Inputs of 1 axes; the model takes 2"):
        network.predict(inputs[:, 0])


def test_a_seed_draws_every_kernel_anew_by_its_own_initializer():
    import keras

    layers = [keras.layers.Conv2D(4, 3, padding="same"), keras.layers.DepthwiseConv2D(3),
              keras.layers.SeparableConv2D(4, 3), keras.layers.Conv2D(4, 3, kernel_initializer="zeros"),
              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(256, kernel_initializer="he_normal")]
    model = keras.Sequential([keras.Input((16, 16, 1)), *layers])
    model.compile("sgd", "mse", jit_compile=False)
    model.optimizer.learning_rate = 0.0
    network, first = Restarted(model), model.get_weights()

    def fitted(**options):
        network.fit(np.zeros((2, 16, 16, 1), "float32"), np.zeros((2, 256)), **options)
        return model.get_weights()

    one, again, other = fitted(seed=3), fitted(seed=3), fitted(seed=4)
    for name, *same in zip([weight.path for weight in model.weights], first, one, again, other):
        drawn = "kernel" in name and layers[3].name not in name.split("/")
        assert np.array_equal(same[1], same[2])
        assert (not np.array_equal(same[0], same[1])) == (not np.array_equal(same[1], same[3])) == drawn, name
    assert one[-2].std() == pytest.approx(np.sqrt(2 / 4), rel=0.1)  # He's, for four inputs
    for before, after in zip(first, fitted()):
        np.testing.assert_array_equal(before, after)


@functools.cache
def kept(units):
    return Restarted(small_network(0, units))


@pytest.mark.slow
def test_folds_of_a_kept_network_are_the_same_whichever_ran_before(run, tmp_path, monkeypatch):
    """Seeds are set once: to set TensorFlow's makes it forget what it has compiled."""
    import keras

    fit, seeds, journal = {"epochs": 2, "batch_size": 30}, [], tmp_path / "journal.jsonl"
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda seed, set_seed=keras.utils.set_random_seed:
                        (seeds.append(seed), set_seed(seed)))
    first = run(lambda seed, units: kept(units), settings={"units": 4}, fit=fit)
    assert seeds == [0, 0]
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(line for line in lines if '"fold": 1' not in line) + "\n")
    np.random.seed(5)
    again = run(lambda seed, units: kept(units), settings={"units": 4}, fit=fit)
    assert again.ran == 1 and seeds == [0, 0]
    np.testing.assert_array_equal(again.out_of_fold(), first.out_of_fold())
    journal.unlink()
    seeds.clear()
    other = run(lambda seed, units: kept(units), settings={"units": 4}, fit=fit, seeds=(1, 0))
    assert seeds == [1, 1, 0, 0] * 3
    assert other.table["loss"][1::2].tolist() == first.table["loss"].tolist()
    assert other.table["loss"][::2].tolist() != first.table["loss"].tolist()


BUILT = []


@functools.cache
def kept_by_seed(seed):
    BUILT.append(seed)
    return Restarted(small_network(seed))


def fresh(seed):
    BUILT.append(seed)
    return Restarted(small_network(seed))


@pytest.mark.slow
@pytest.mark.parametrize(("build", "built"), [(kept_by_seed, [1, 2]), (fresh, [1, 2] * 3)])
def test_a_network_is_built_from_its_own_seed_and_only_when_it_is_needed(run, tmp_path, build, built):
    """One that is kept for each seed is built for the second seed when one of the first is there already."""
    found = []
    for seeds in ((1, 2), (2,)):
        kept_by_seed.cache_clear()
        BUILT.clear()
        random.seed(7)
        found.append(run(lambda seed: build(seed), fit={"epochs": 1, "batch_size": 30}, seeds=seeds).table["loss"])
        (tmp_path / "journal.jsonl").unlink()
        assert BUILT == [seed for seed in built if seed in seeds]
    assert found[0][1::2].tolist() == found[1].tolist()


@pytest.mark.slow
def test_a_restarted_network_has_curves_too(run):
    inputs, labels = blobs()
    found = run(restarted, (np.stack([inputs, inputs], axis=1), labels), settings={"views": 2}, fit={"epochs": 2})
    assert [len(part["val_loss"]) for part in found.histories] == [2, 2, 2]


class Constant:
    """Anything with fit and predict will do."""

    def fit(self, inputs, labels):
        self.answer = np.bincount(labels).argmax()

    def predict(self, inputs):
        return np.full(len(inputs), self.answer)


def constant(seed):
    return Constant()


def test_a_model_without_probabilities(run):
    found = run(constant)
    assert found.table["accuracy"].tolist() == [1 / 3] * 3 and "loss" not in found.table
    with pytest.raises(DataError, match="no probabilities"):
        found.out_of_fold()


def nearest(seed):
    return KNeighborsClassifier(1)


def test_copies_on_both_sides_look_like_knowledge(run, tmp_path):
    """Inputs that say nothing: whatever is above a third comes from twins."""
    labels = np.repeat([0, 1, 2], [200, 40, 40])
    noise = np.random.default_rng(0).normal(size=(280, 3)), labels
    honest = run(nearest, noise, make_folds(labels, 5, balance="training"))
    counts = honest.confusion()
    assert np.mean(np.diag(counts) / counts.sum(1)) == pytest.approx(1 / 3, abs=0.08)
    (tmp_path / "journal.jsonl").unlink()
    twins = run(nearest, noise, make_folds(labels, 5, balance="before"))
    assert twins.confusion()[1:].sum() and np.diag(twins.confusion())[1:].sum() / twins.confusion()[1:].sum() > 0.9
    assert np.isnan(twins.out_of_fold()).sum() == 0  # 200 of a class: every row is there


@pytest.mark.slow
def test_processes_give_what_one_gives(run, tmp_path):
    alone = run(seeds=(0, 1))
    (tmp_path / "journal.jsonl").unlink()
    together = run(seeds=(0, 1), jobs=2)
    assert together.ran == 6
    np.testing.assert_array_equal(alone.out_of_fold(), together.out_of_fold())
    assert alone.table.drop(columns="seconds").equals(together.table.drop(columns="seconds"))


def failing(seed, trees=5):
    raise ValueError("no such tree")


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"build": failing}, TrialError, "Fold 0: ValueError: no such tree .*retry_failed"),
    ({"build": object()}, TrialError, "build=<object.*give a function"),
    ({"settings": {"trees": print}}, TrialError, "cannot be written"),
    ({"folds": []}, DataError, "no folds"),
    ({"folds": [Fold(np.arange(60), np.arange(0))]}, DataError, "Fold 0 has no held-out rows"),
    ({"folds": [Fold(np.arange(0), np.arange(60))]}, DataError, "Fold 0 has no training rows"),
    ({"folds": [Fold(np.arange(60), np.array([90]))]}, DataError, "none of 0 to 89"),
    ({"folds": [Fold(np.array([0, 3, 6]), np.array([1]))]}, DataError, "Fold 0 holds out rows of class 1, of which"),
    ({"data": (blobs()[0][:80], blobs()[1]), "folds": make_folds(blobs()[1], 3)}, DataError, "80 inputs and 90 labels"),
])
def test_bad_calls(run, options, error, message):
    with pytest.raises(error, match=message):
        run(**options)


def test_a_journal_of_other_folds_or_another_model_is_refused(run):
    run()
    for change in ({"folds": make_folds(blobs()[1], 3, seed=9)}, {"build": nearest}, {"settings": {"trees": 3}}):
        with pytest.raises(TrialError, match="belongs to other trials"):
            run(**change)


SCRIPT = """
import os, sys, time
import numpy as np
from fashion_tf.crossval import cross_validate, make_folds

class Slow:
    def fit(self, inputs, labels):
        with open(sys.argv[1] + "/calls", "a") as file:
            file.write(f"{int(inputs.sum())}\\n")
        time.sleep(0.4)
    def predict(self, inputs):
        return np.zeros(len(inputs), int)

def build(seed):
    return Slow()

labels = np.arange(20) % 2
found = cross_validate(build, np.arange(20.0)[:, None], labels, make_folds(labels, 5), sys.argv[1] + "/journal",
                       jobs=2, progress=False)
print(found.ran, len(found.table), found.summary().loc["accuracy", "mean"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_five_fold_run_goes_on_where_it_was(tmp_path):
    journal, script = tmp_path / "journal", tmp_path / "run.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    while not journal.exists() or len(journal.read_bytes().splitlines()) < 3:  # two folds are kept
        assert process.poll() is None and time.monotonic() - began < 120
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = sum(line.endswith(b"\n") for line in journal.read_bytes().splitlines(keepends=True)) - 1
    assert 2 <= kept < 5
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    assert output[-3:] == [str(5 - kept), "5", "0.5"]
    folds = sorted(json.loads(line)["settings"]["fold"] for line in journal.read_text().splitlines()[1:])
    assert folds == [0, 1, 2, 3, 4]
    assert len(Path(tmp_path, "calls").read_text().split()) <= 5 + 2  # two workers, killed once
