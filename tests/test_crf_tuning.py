"""Tuning on photos of a few pixels: the winner of a plain loop, a journal, and a bootstrap by hand."""

import numba
import numpy as np
import pytest

from fashion_tf.crf import dense_crf, photo_accuracies, resampled_gains, tune_crf
from fashion_tf.crf.tuning import START, crf_trial
from fashion_tf.errors import DataError

SPACE = {"theta_beta": [5, 40], "theta_alpha": [2, 6], "w1": [1, 8]}


@pytest.fixture(scope="module")
def photos():
    """Two-coloured photos, their masks, one with unlabelled pixels, and a noisy softmax."""
    generator = np.random.default_rng(3)
    masks = np.zeros((4, 12, 10), np.uint8)
    for number, mask in enumerate(masks):
        mask[2 + number:8 + number, 3:8] = 1
    images = np.where(masks[..., None] == 1, 190, 60) + generator.normal(0, 12, (4, 12, 10, 3))
    noise = generator.dirichlet(np.ones(3), masks.shape)
    probabilities = (0.35 * np.eye(3)[masks] + 0.65 * noise).astype(np.float32)
    masks[2, :4] = 255
    return {"images": images.clip(0, 255).astype(np.uint8), "probabilities": probabilities, "masks": masks}


@pytest.fixture
def tune(photos, tmp_path):
    def tune(**options):
        options = photos | {"journal": tmp_path / "journal.jsonl", "space": SPACE, "draws": 8, "jobs": 1,
                            "progress": False} | options
        return tune_crf(**options)
    return tune


def by_a_plain_loop(photos, **settings):
    right = labelled = 0
    for image, probabilities, mask in zip(*(photos[name] for name in ("images", "probabilities", "masks"))):
        found = dense_crf(image, probabilities, **settings).argmax(-1)
        right += sum(a == b for a, b in zip(found.flat, mask.flat) if b != 255)
        labelled += (mask != 255).sum()
    return right / labelled


def test_winner_is_that_of_a_plain_loop(tune, photos):
    result = tune()
    plain = {(beta, alpha, w1): by_a_plain_loop(photos, theta_beta=beta, theta_alpha=alpha, w1=w1)
             for beta in SPACE["theta_beta"] for alpha in SPACE["theta_alpha"] for w1 in SPACE["w1"]}
    found = {(row.theta_beta, row.theta_alpha, row.w1): row.accuracy for row in result.table.itertuples()}
    assert found == pytest.approx(plain)
    assert len(set(plain.values())) > 3  # they differ
    best = tuple(result.best[name] for name in SPACE)
    assert plain[best] == max(plain.values())
    assert result.best == START | dict(zip(SPACE, best))


def test_photos_weighed_by_their_labelled_pixels_make_the_accuracy(tune, photos):
    result = tune(draws=3)
    accuracies = photo_accuracies(result)
    pixels = (photos["masks"] != 255).sum((1, 2))
    assert accuracies.shape == (3, 4) and len(set(pixels)) == 2
    np.testing.assert_allclose(accuracies @ pixels / pixels.sum(), result.table["accuracy"])


def test_processes_find_the_same_and_a_second_call_runs_nothing(tune, tmp_path):
    first = tune(journal=tmp_path / "processes.jsonl", draws=4, jobs=2)
    again = tune(journal=tmp_path / "processes.jsonl", draws=4, jobs=2)
    here = tune(draws=4)
    assert (first.run, again.run, again.trials) == (4, 0, 4)
    for other in (again, here):
        np.testing.assert_array_equal(photo_accuracies(first), photo_accuracies(other))
    more = tune(draws=6)  # a larger search begins with what a smaller one drew
    assert more.run == 2


def test_half_precision_probabilities_and_photos_of_different_sizes(tune, photos):
    probabilities = [one.astype(np.float16) for one in photos["probabilities"]]
    cut = slice(1, 9)
    lists = {"images": [photos["images"][0][cut], *photos["images"][1:]],
             "probabilities": [probabilities[0][cut], *probabilities[1:]],
             "masks": [photos["masks"][0][cut], *photos["masks"][1:]]}
    result = tune(draws=1, **lists)
    settings = {name: result.best[name] for name in SPACE}
    lists["probabilities"] = [one.astype(np.float32) for one in lists["probabilities"]]
    assert result.table["accuracy"][0] == pytest.approx(by_a_plain_loop(lists, **settings))


def test_a_probability_of_zero_in_half_precision_is_no_endless_cost(photos):
    certain = np.eye(3, dtype=np.float16)[photos["masks"][0]]
    found = dense_crf(photos["images"][0], certain, theta_alpha=2, theta_beta=5, w1=1)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, dense_crf(
        photos["images"][0], certain.astype(np.float32), theta_alpha=2, theta_beta=5, w1=1))


def test_a_trial_takes_one_thread_and_gives_the_others_back(photos, monkeypatch):
    seen = []
    monkeypatch.setattr("fashion_tf.crf.mean_field.dense_crf", lambda image, probabilities, **_: (
        seen.append(numba.get_num_threads()), probabilities)[1])
    before = numba.get_num_threads()
    crf_trial(dict(START), 0, photos)
    assert set(seen) == {1} and numba.get_num_threads() == before


@pytest.mark.parametrize(("change", "message"), [
    ({"space": {"w1": [0, 1]}}, "w1=0: a parameter of the CRF that is tried must be greater than 0"),
    ({"space": {"theta_alpha": range(0, 5)}}, "theta_alpha=0"),
    ({"start": {"theta_gamma": 0}}, "theta_gamma=0"),
    ({"space": {"theta": [1]}}, "theta: the CRF has no such parameter"),
    ({"images": np.zeros((3, 12, 10, 3), np.uint8)}, "3 photos, 4 probabilities"),
    ({"images": np.zeros((4, 12, 9, 3), np.uint8)}, "Photo 0 of shape"),
    ({"images": np.zeros((4, 12, 10, 3))}, "float64"),
    ({"masks": np.full((4, 12, 10), 255, np.uint8)}, "Photo 0: no pixel of its mask is labelled"),
    ({"masks": np.full((4, 12, 10), 3, np.uint8)}, "label 3; there are 3 classes, 0 to 2"),
    ({"probabilities": np.full((4, 12, 10, 3), np.nan)}, "finite"),
    ({"probabilities": np.full((4, 12, 10, 3), 0.5, np.float16)},
     r"Photo 0: its probabilities of the classes add up to 1.5 at pixel \(0, 0\), not to 1"),
])
def test_bad_input_is_refused_before_any_trial(tune, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        tune(**change)
    assert not (tmp_path / "journal.jsonl").exists()


# --- the bootstrap -----------------------------------------------------------------------------


def test_bootstrap_is_what_a_loop_finds():
    generator = np.random.default_rng(5)
    accuracies, before = generator.random((6, 5)), generator.random(5)
    pixels = np.array([1, 2, 3, 4, 5])
    table = resampled_gains(accuracies, before, pixels, resamples=40, seed=9)
    chosen = np.random.default_rng(9).integers(5, size=(40, 5))
    expected = []
    for sample in chosen:
        left = [photo for photo in range(5) if photo not in sample]
        if not left:
            continue
        scores = [sum(row[p] * pixels[p] for p in sample) / sum(pixels[p] for p in sample)
                  for row in accuracies]
        winner = scores.index(max(scores))
        seen = sum((accuracies[winner][p] - before[p]) * pixels[p] for p in sample)
        unseen = sum((accuracies[winner][p] - before[p]) * pixels[p] for p in left)
        expected.append((winner, seen / sum(pixels[p] for p in sample),
                         unseen / sum(pixels[p] for p in left)))
    assert len(expected) < 40  # one resample at least leaves no photo out
    np.testing.assert_allclose(table.to_numpy(), expected)


def test_bootstrap_by_hand():
    """Two photos, two draws, each good on one photo: whichever is drawn twice picks the draw that is bad
    on the other."""
    table = resampled_gains([[0.9, 0.5], [0.5, 0.9]], [0.6, 0.6], resamples=200)
    assert set(table["draw"]) == {0, 1}
    np.testing.assert_allclose(table["seen"], 0.3)
    np.testing.assert_allclose(table["unseen"], -0.1)


@pytest.mark.parametrize(("arguments", "message"), [
    (([[0.5]], [0.5]), "at least one draw and two photos"),
    (([[0.5, 0.5]], [0.5]), "Accuracies of shape"),
    (([[0.5, np.nan]], [0.5, 0.5]), "leave failed draws out"),
    (([[0.5, 0.5]], [0.5, 0.5], [1, 0]), "above 0"),
])
def test_bootstrap_refuses_what_it_cannot_resample(arguments, message):
    with pytest.raises(DataError, match=message):
        resampled_gains(*arguments)
