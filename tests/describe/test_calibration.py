"""Temperature and sets: by brute force, by the exact law of coverage, and by MAPIE where it is installed."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fashion_tf.describe.calibration import (
    Calibration,
    best_temperature,
    calibrate,
    calibration_error,
    cross_entropy,
    set_table,
    with_temperature,
)
from fashion_tf.errors import DataError


def drawn(rows, temperature=1.0, seed=0, classes=5):
    """Probabilities that are right at temperature 1, told at another one, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    true = generator.dirichlet(np.full(classes, 0.6), rows)
    labels = (generator.random(rows)[:, None] > true.cumsum(1)).sum(1)
    return with_temperature(true, temperature), labels


def test_a_temperature_is_a_division_of_logits():
    logits = np.random.default_rng(0).normal(size=(20, 4))
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    cooled = np.exp(logits / 3) / np.exp(logits / 3).sum(1, keepdims=True)
    np.testing.assert_allclose(with_temperature(softmax, 3), cooled, atol=1e-12)
    np.testing.assert_allclose(with_temperature(softmax, 1), softmax, atol=1e-12)
    np.testing.assert_array_equal(with_temperature(softmax, 3).argmax(1), softmax.argmax(1))
    assert np.isfinite(with_temperature([[1.0, 0.0]], 0.05)).all()


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_what_is_no_temperature(temperature):
    """Below 0 the least probable class would be the answer; at 0 nothing is a number."""
    with pytest.raises(DataError, match="must be a number greater than 0"):
        with_temperature([[0.7, 0.2, 0.1]], temperature)
    with pytest.raises(DataError, match=r"must lie between 0\.05 and 20"):
        calibrate([[0.7, 0.2, 0.1]], np.array([0]), temperature=temperature)


def test_whatever_is_calibrated_can_be_read_again():
    """A model that is always right would be ever surer, and one that knows nothing ever less sure."""
    sure, same = np.tile([0.9, 0.1], (40, 1)), np.tile([0.999, 0.001], (40, 1))
    for probabilities, labels in ((sure, np.zeros(40, int)), (same, np.arange(40) % 2)):
        found = calibrate(probabilities, labels)
        assert Calibration.from_json(found.as_json(), "types") == found
    for temperature in (0.05, 20):
        assert Calibration.from_json(calibrate(sure, np.zeros(40, int), temperature=temperature).as_json(), "")


@pytest.mark.parametrize("told", [0.4, 1.0, 2.5])
def test_the_temperature_undoes_what_was_done(told):
    probabilities, labels = drawn(20_000, told)
    found = best_temperature(probabilities, labels)
    assert found == pytest.approx(1 / told, rel=0.04)
    grid = np.exp(np.linspace(math.log(0.05), math.log(20), 600))  # brute force
    losses = [cross_entropy(with_temperature(probabilities[:2000], value), labels[:2000]) for value in grid]
    assert best_temperature(probabilities[:2000], labels[:2000]) == pytest.approx(grid[np.argmin(losses)], rel=0.012)
    assert calibration_error(with_temperature(probabilities, found), labels) < 0.015
    if told != 1:
        assert calibration_error(probabilities, labels) > 0.05


def test_the_calibration_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.7, 0.3], [0.35, 0.65]])
    # bins 9: 2 rows, right 1; 7: right 1; 6: right 0
    expected = (abs(1 - 1.9) + abs(1 - 0.7) + abs(0 - 0.65)) / 4
    assert calibration_error(probabilities, np.array([0, 1, 0, 0])) == pytest.approx(expected)


def test_the_threshold_is_the_k_th_largest_by_brute_force():
    probabilities, labels = drawn(99, seed=4)
    found = calibrate(probabilities, labels, 0.9, temperature=1.0)
    own = sorted((probabilities[row, label] for row, label in enumerate(labels)), reverse=True)
    assert found.threshold == pytest.approx(own[90 - 1])  # ceil(100 x 0.9)
    sets = found.sets(probabilities)
    assert sets[np.arange(99), labels].sum() == 90
    assert found.rows == 99 and found.temperature == 1


@pytest.mark.parametrize("percent", [7, 28, 55, 56, 68, 81, 90, 95])
def test_the_rank_is_that_of_exact_fractions(percent):
    """n + 1 times a coverage is just above a whole number in binary where it is that number."""
    probabilities, labels = drawn(599, seed=9)
    for rows in (24, 49, 74, 99, 199, 299, 599):
        own = np.sort(probabilities[np.arange(rows), labels[:rows]])[::-1]
        wanted = math.ceil(Fraction(percent, 100) * (rows + 1))
        found = calibrate(probabilities[:rows], labels[:rows], percent / 100, temperature=1.0)
        assert found.threshold == pytest.approx(own[wanted - 1], rel=1e-12)


@pytest.mark.slow
def test_the_promise_holds_on_new_rows_in_the_mean_and_not_by_far_more():
    """Of n = 49 rows the coverage is Beta(k, n + 1 - k) distributed, with mean k / (n + 1) exactly."""
    probabilities, labels = drawn(60_000, 0.5, seed=1)
    kept, new = (probabilities[:19_600], labels[:19_600]), (probabilities[19_600:], labels[19_600:])
    means = []
    for start in range(0, 19_600, 49):
        found = calibrate(kept[0][start:start + 49], kept[1][start:start + 49], 0.9, temperature=1.0)
        means.append(found.sets(new[0])[np.arange(len(new[1])), new[1]].mean())
    wanted = math.ceil(50 * 0.9)
    spread = math.sqrt(wanted * (50 - wanted) / (50 ** 2 * 51))
    assert np.mean(means) == pytest.approx(wanted / 50, abs=4 * spread / math.sqrt(400))
    assert np.std(means) == pytest.approx(spread, rel=0.15)


def test_as_mapie_does_it():
    mapie = pytest.importorskip("mapie.classification", reason="MAPIE is not installed")
    probabilities, labels = drawn(300, seed=2)

    class Told:
        classes_ = np.arange(5)

        def fit(self, rows, labels):
            return self

        def predict_proba(self, rows):
            return probabilities[np.asarray(rows)[:, 0].astype(int)]

        def predict(self, rows):
            return self.predict_proba(rows).argmax(1)

        def __sklearn_is_fitted__(self):
            return True

    rows = np.arange(300)[:, None]
    theirs = mapie.SplitConformalClassifier(Told(), confidence_level=0.85, conformity_score="lac", prefit=True)
    theirs.conformalize(rows[:200], labels[:200])
    sets = theirs.predict_set(rows[200:])[1][..., 0]
    ours = calibrate(probabilities[:200], labels[:200], 0.85, temperature=1.0).sets(probabilities[200:])
    np.testing.assert_array_equal(ours, sets)


def test_few_rows_promise_what_they_can():
    """Of five rows, no threshold keeps 9 of 10: every class is in every set."""
    probabilities, labels = drawn(5)
    found = calibrate(probabilities, labels, 0.9)
    assert found.threshold == 0 and found.sets(probabilities).all()
    assert calibrate(*drawn(9), 0.9, 1.0).threshold > 0  # ceil(10 x 0.9) = 9 rows


def test_the_table_by_class():
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    table = set_table(sets, [0, 0, 1, 0], ["coat", "dress", "hat"])
    assert table.index.tolist() == ["coat", "dress", "all"]
    assert table.loc["coat"].tolist() == [3, 2 / 3, 4 / 3, 2 / 3, 1 / 2]
    assert table.loc["dress"].tolist()[:4] == [1, 0, 0, 0] and math.isnan(table.loc["dress", "right when sure"])
    assert table.loc["all", "coverage"] == 0.5


def test_it_is_kept_as_json():
    found = calibrate(*drawn(100), 0.8)
    assert Calibration.from_json(found.as_json(), "types") == found


@pytest.mark.parametrize(("change", "message"), [
    ({"temperature": 0}, "temperature is 0"), ({"threshold": 1.5}, "threshold is 1.5"),
    ({"coverage": "much"}, "coverage is much"), ({"rows": True}, "rows is True"),
    ({"temperature": math.nan}, "temperature is nan"), ({"more": 1}, "no calibration; it has the fields")])
def test_a_damaged_calibration_is_named(change, message):
    with pytest.raises(DataError, match=f"types: .*{message}"):
        Calibration.from_json(calibrate(*drawn(50)).as_json() | change, "types")
    with pytest.raises(DataError, match="no calibration"):
        Calibration.from_json([], "types")


@pytest.mark.parametrize(("probabilities", "labels", "coverage", "message"), [
    ([[0.5, 0.5]], [0, 1], 0.9, "shape"), (np.empty((0, 3)), [], 0.9, "at least one row"),
    ([[0.9, 0.9]], [0], 0.9, "no probabilities"), ([[np.nan, 1]], [0], 0.9, "no probabilities"),
    ([[0.5, 0.5]], [2], 0.9, "0 to 1"), ([[0.5, 0.5]], [0], 1.0, "coverage=1.0"),
    ([[0.5, 0.5]], [0], 0, "coverage=0")])
def test_bad_calibration_rows(probabilities, labels, coverage, message):
    with pytest.raises(DataError, match=message):
        calibrate(probabilities, np.array(labels, int), coverage)


