"""The comparison's numbers against brute force and scikit-learn."""

import itertools
import math

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from fashion_tf.errors import DataError
from fashion_tf.style.comparison import (
    check_identity,
    content_distance,
    leakage,
    mask_scores,
    run_time,
    style_distance,
)


def masks(seed, count=3, size=(9, 12)):
    return np.random.default_rng(seed).random((2, count, *size)) < 0.4


@pytest.mark.parametrize("seed", range(4))
def test_scores_against_scikit_learn(seed):
    truth, predicted = masks(seed).astype(np.uint8)
    found = mask_scores(truth, predicted)
    flat = truth.ravel(), predicted.ravel()
    assert found["iou"] == pytest.approx(jaccard_score(*flat))
    assert found["dice"] == pytest.approx(f1_score(*flat))
    assert found["accuracy"] == pytest.approx(accuracy_score(*flat))
    assert found["dice"] == pytest.approx(2 * found["iou"] / (1 + found["iou"]), abs=1e-12)


def test_unlabelled_pixels_do_not_count():
    truth, predicted = np.array([[1, 0, 255, 1]]), np.array([[1, 1, 1, 0]])
    found = mask_scores(truth, predicted)
    assert (found["iou"], found["dice"], found["accuracy"]) == (1 / 3, 1 / 2, 1 / 3)


def test_nothing_to_count():
    found = mask_scores(np.zeros((3, 3), int), np.zeros((3, 3), int))
    assert all(math.isnan(found[name]) for name in ("iou", "dice", "boundary_f")) and found["accuracy"] == 1


def test_the_identity_holds_or_the_row_is_named():
    rows = pd.DataFrame([mask_scores(*masks(seed).astype(int)) for seed in range(3)], index=list("abc"))
    checked = check_identity(rows)
    np.testing.assert_allclose(checked["2 iou / (1 + iou)"], rows["dice"])
    assert list(checked)[1:3] == ["dice", "2 iou / (1 + iou)"] and "2 iou / (1 + iou)" not in rows
    deck = pd.DataFrame({"iou": [0.5, 0.971327], "dice": [2 / 3, 0.632985]}, index=["fine", "DeepLabV3"])
    with pytest.raises(DataError, match="DeepLabV3: an IoU of 0.9713 means a Dice of 0.9855, not 0.6330"):
        check_identity(deck)


def test_times_are_split():
    calls = []

    def load():
        calls.append("load")
        return len(calls)

    loaded, seconds = run_time(load, calls.append, repeats=3)
    assert loaded == 1 and calls == ["load", 1, 1, 1, 1]
    assert list(seconds) == ["load", "first", "steady"] and min(seconds.values()) >= 0


def network_of():
    """Maps that are known: the picture, scaled, and its 2 x 2 maxima."""
    pictures = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    return keras.Model(pictures, {"fine": x, "coarse": keras.layers.MaxPooling2D()(x)})


def picture(seed, size=(4, 6)):
    return np.random.default_rng(seed).integers(1, 256, (*size, 3), np.uint8)


def layers_of(image):
    fine = image / 255
    return [fine, fine.reshape(fine.shape[0] // 2, 2, fine.shape[1] // 2, 2, 3).max((1, 3))]


def gram_by_a_loop(features, share):
    expected = np.zeros((3, 3))
    for place in np.ndindex(features.shape[:2]):
        for i, j in itertools.product(range(3), range(3)):
            expected[i, j] += share[place] * features[place][i] * features[place][j]
    return expected / share.sum()


@pytest.mark.parametrize("masked", [False, True])
def test_style_and_content_by_a_loop(masked):
    photo, other = picture(0), picture(1)
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:5] = 255  # covers places of the coarse layer by a half and by a quarter
    mask = mask if masked else None
    fine = np.ones((4, 6)) if mask is None else mask / 255
    shares = [fine, fine.reshape(2, 2, 3, 2).mean((1, 3))]
    alone, other_alone = (np.where(fine[..., None] > 0, one, 128) for one in (photo, other))  # on grey
    style, content = [], []
    for own, target, painting, share in zip(*map(layers_of, (alone, other_alone, other)), shares):
        wanted = gram_by_a_loop(painting, np.ones(target.shape[:2]))
        style.append(((gram_by_a_loop(own, share) - wanted) ** 2).sum() / (wanted**2).sum())
        content.append((((own - target) ** 2).sum(-1) * share).sum() / ((target**2).sum(-1) * share).sum())
    assert style_distance(network_of(), photo, other, mask) == pytest.approx(np.mean(style), rel=1e-4)
    assert content_distance(network_of(), photo, other, mask) == pytest.approx(np.mean(content), rel=1e-4)


def test_style_forgets_places_and_content_does_not():
    network, photo = network_of(), picture(0)
    turned = photo[::-1, ::-1]
    assert style_distance(network, turned, photo) == pytest.approx(0, abs=1e-9)
    assert content_distance(network, photo, photo) == 0 and content_distance(network, turned, photo) > 0.1


def test_what_is_outside_the_mask_does_not_count():
    network, photo = network_of(), picture(0)
    mask = np.zeros((4, 6), np.uint8)
    mask[:2] = 1
    below = photo.copy()
    below[2:] = picture(1)[2:]
    assert content_distance(network, below, photo, mask) == 0 < content_distance(network, below, photo)
    assert style_distance(network, below, photo[:2], mask) == pytest.approx(0, abs=1e-9)
    assert style_distance(network, below, photo[:2]) > 1e-3


def test_masks_and_pictures_that_do_not_fit():
    network, photo = network_of(), picture(0)
    for distance in (style_distance, content_distance):
        with pytest.raises(DataError, match="empty"):
            distance(network, photo, photo, np.zeros((4, 6)))
        with pytest.raises(DataError, match="one size"):
            distance(network, photo, photo, np.ones((2, 3)))
    with pytest.raises(DataError, match="one size"):
        content_distance(network, photo, photo[:2])


def test_leakage_by_hand():
    photo = np.full((2, 3, 3), 100, np.uint8)
    result, garment = photo.copy(), np.array([[255, 0, 0], [0, 0, 0]], np.uint8)
    result[0, 0] = 7  # inside: no leak
    assert leakage(photo, result, garment) == (0, 0)
    result[1, 2, 1], result[0, 1, 0] = 130, 85
    share, change = leakage(photo, result, garment)
    assert share == pytest.approx(2 / 5) and change == pytest.approx((30 + 15) / 15)
    assert all(map(math.isnan, leakage(photo, result, np.ones((2, 3)))))
    with pytest.raises(DataError, match="one size"):
        leakage(photo, result[:1], garment)

