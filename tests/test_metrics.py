"""Numbers of a parser against scikit-learn's, and against loops over pixels."""

import numpy as np
import pytest
import sklearn.metrics

from fashion_tf.datasets import cfpd, fashionista
from fashion_tf.errors import DataError
from fashion_tf.metrics import (
    BODY_ORDERS,
    ConfusionMatrix,
    body_order,
    boundary_accuracy,
    boundary_f,
    class_weights,
    resampled_accuracies,
)

CLASSES = 6


def masks(seed=0, count=5, size=(9, 13), labels=(0, 1, 2, 3, 4, 5), right=0.6, void=0.15):
    """Noise: (true masks with unlabelled pixels, predictions of which some are right)."""
    draw, shape = np.random.default_rng(seed), (count, *size)
    truth = draw.choice(labels, shape).astype(np.uint8)
    predicted = np.where(draw.random(shape) < right, truth, draw.choice(labels, shape)).astype(np.uint8)
    truth[draw.random(shape) < void] = 255
    return truth, predicted


def matrix_of(truth, predicted, classes=CLASSES, **options):
    matrix = ConfusionMatrix(classes, **options)
    matrix.update(truth, predicted)
    return matrix


def labelled(truth, predicted):
    return truth[truth != 255], predicted[truth != 255]


def assert_same(one, other):
    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.image_iou == other.image_iou


# Against scikit-learn


@pytest.mark.parametrize("seed, void", [(0, 0.15), (1, 0.0), (2, 0.9)])
def test_numbers_are_scikit_learns(seed, void):
    truth, predicted = masks(seed, void=void)
    matrix, (true, found) = matrix_of(truth, predicted), labelled(truth, predicted)
    every = {"labels": range(CLASSES), "average": None}
    np.testing.assert_array_equal(matrix.counts, sklearn.metrics.confusion_matrix(
        true, found, labels=range(CLASSES)))
    assert matrix.counts.dtype == np.int64
    assert matrix.pixel_accuracy == pytest.approx(sklearn.metrics.accuracy_score(true, found))
    assert matrix.foreground_accuracy == pytest.approx(
        sklearn.metrics.accuracy_score(true[true > 0], found[true > 0]))
    np.testing.assert_allclose(matrix.iou, sklearn.metrics.jaccard_score(true, found, **every))
    np.testing.assert_allclose(matrix.f1, sklearn.metrics.f1_score(true, found, **every))
    assert matrix.class_mean_iou == pytest.approx(matrix.iou.mean())  # all labels occur


def test_absent_labels():
    """Label 4 is in neither; label 5 is predicted only, and its row does not count once more."""
    truth, _ = masks(labels=(0, 1, 2, 3))
    _, predicted = masks(3, labels=(0, 1, 2, 5))
    matrix, (true, found) = matrix_of(truth, predicted), labelled(truth, predicted)
    every = sklearn.metrics.jaccard_score(true, found, labels=range(CLASSES), average=None, zero_division=0)
    assert np.isnan(matrix.iou[4]) and np.isnan(matrix.f1[4])
    np.testing.assert_allclose(matrix.iou[[0, 1, 2, 3, 5]], every[[0, 1, 2, 3, 5]])
    assert matrix.iou[3] == matrix.iou[5] == 0 and (matrix.iou[:3] > 0).all()
    assert matrix.class_mean_iou == pytest.approx(every[:4].mean())


def test_table_of_the_labels_that_occur():
    truth, _ = masks(labels=(0, 1, 1, 1, 2, 3))
    _, predicted = masks(3, labels=(0, 1, 1, 2, 5))
    true, found = labelled(truth, predicted)
    table = matrix_of(truth, predicted).table(list("abcdef"))
    shares = {name: (true == number).mean() for number, name in enumerate("abcdef") if name != "e"}
    assert table["share"].to_dict() == pytest.approx(shares)
    assert table["share"].is_monotonic_decreasing and table.index[0] == "b" and table.index.name == "label"
    recall = sklearn.metrics.recall_score(true, found, labels=range(4), average=None)
    assert table["accuracy"].to_dict() == pytest.approx(
        dict(zip("abcd", recall)) | {"f": float("nan")}, nan_ok=True)
    scores = sklearn.metrics.f1_score(true, found, labels=[0, 1, 2, 3, 5], average=None)
    assert table["f1"].to_dict() == pytest.approx(dict(zip("abcdf", scores)))


# Pictures


def image_iou(truth, predicted):
    """With a set of pixels for each label, or None for a picture without foreground."""
    known = [place for place, true in enumerate(truth.ravel()) if true != 255]
    right = union = 0
    for label in range(1, CLASSES):
        true, found = ({place for place in known if labels.ravel()[place] == label} for labels in (truth, predicted))
        right += len(true & found)
        union += len(true | found)
    return right / union if union else None


def test_mean_image_iou_by_sets():
    truth, predicted = masks(count=7, labels=(0, 0, 0, 1, 2))
    truth[2] = 0
    predicted[2] = 0  # a picture without any foreground does not count
    truth[4] = 0  # one where it is all wrong does
    expected = [image_iou(one, other) for one, other in zip(truth, predicted)]
    assert expected[2] is None and expected[4] == 0
    expected = [value for value in expected if value is not None]
    matrix = matrix_of(truth, predicted)
    assert matrix.image_iou == pytest.approx(expected)
    assert matrix.mean_image_iou == pytest.approx(np.mean(expected))
    assert np.isnan(matrix_of(truth[2], predicted[2]).mean_image_iou)


def test_foreground_by_hand():
    matrix = matrix_of(np.array([[0, 0, 1, 1, 2, 255]]), np.array([[0, 1, 1, 2, 2, 1]]))
    assert matrix.foreground_accuracy == pytest.approx(2 / 3)
    assert matrix.mean_image_iou == pytest.approx(2 / 5)  # the pixel of 1 called 2 is in two unions
    assert matrix.pixel_accuracy == pytest.approx(3 / 5)
    assert np.isnan(matrix_of(np.zeros((2, 2), int), np.ones((2, 2), int)).foreground_accuracy)


def test_streamed_and_batched_are_the_same():
    truth, predicted = masks(count=6)
    together, streamed = matrix_of(truth, predicted), ConfusionMatrix(CLASSES)
    for one, other in zip(truth, predicted):
        streamed.update(one, other)
    assert_same(streamed, together)


def test_masks_of_any_integers_and_another_number_for_unlabelled():
    truth, predicted = masks()
    expected = matrix_of(truth, predicted)
    assert_same(matrix_of(truth.astype(np.int64), predicted.astype(np.int32)), expected)
    other = np.where(truth == 255, -1, truth.astype(int))
    assert_same(matrix_of(other, predicted, ignore=-1), expected)


def test_many_classes_do_not_overflow_the_masks_type():
    truth, predicted = np.full((2, 3), 254, np.uint8), np.full((2, 3), 253, np.uint8)
    matrix = matrix_of(truth, predicted, classes=255)
    assert matrix.counts[254, 253] == 6 == matrix.counts.sum()


@pytest.mark.parametrize("truth, predicted, message", [
    (np.zeros((4, 5), int), np.zeros((5, 4), int),
     r"shape \(4, 5\) and a prediction of \(5, 4\): bring them to one size"),
    (np.zeros((1, 4, 5), int), np.zeros((4, 5), int), r"shape \(1, 4, 5\) and a prediction of \(4, 5\)"),
    (np.zeros(4, int), np.zeros(4, int), "Masks of 1 dimensions"),
    (np.zeros((4, 5)), np.zeros((4, 5), int), "A mask of float64; label numbers are integers"),
    (np.zeros((4, 5), int), np.zeros((4, 5), np.float32), "A prediction of float32; label numbers"),
    (np.zeros((4, 5), bool), np.zeros((4, 5), int), "A mask of bool"),
    (np.full((4, 5), 6), np.zeros((4, 5), int), "A mask holds label 6; there are 6 classes, 0 to 5"),
    (np.full((4, 5), -1), np.zeros((4, 5), int), "A mask holds label -1; there are 6 classes"),
    (np.zeros((4, 5), int), np.full((4, 5), 255), "A prediction holds label 255; there are 6 classes"),
    (np.full((4, 5), 255), np.zeros((4, 5), int), "A mask without a labelled pixel .all are 255."),
])
def test_bad_masks(truth, predicted, message):
    matrix = ConfusionMatrix(CLASSES)
    with pytest.raises(DataError, match=message):
        matrix.update(truth, predicted)
    assert not matrix.counts.any() and not matrix.image_iou


def test_a_bad_picture_in_a_batch_counts_for_nothing_of_it():
    truth, predicted = masks()
    matrix = matrix_of(truth[:2], predicted[:2])
    truth[4] = 255
    with pytest.raises(DataError, match="without a labelled pixel"):
        matrix.update(truth[2:], predicted[2:])
    assert_same(matrix, matrix_of(truth[:2], predicted[:2]))


def test_an_empty_matrix_has_no_numbers():
    matrix = ConfusionMatrix(3)
    with np.errstate(all="raise"):
        for name in ("pixel_accuracy", "foreground_accuracy", "class_mean_iou", "mean_image_iou"):
            assert np.isnan(getattr(matrix, name)), name
        assert np.isnan(matrix.iou).all() and len(matrix.table(list("abc"))) == 0


# Head to foot


@pytest.mark.parametrize("classes, number", [(fashionista.CLASSES, 0), (cfpd.CLASSES, 1)])
def test_body_order_goes_from_head_to_foot(classes, number):
    assert set(BODY_ORDERS[number]) == set(classes) and len(BODY_ORDERS[number]) == len(classes)
    order = body_order(classes)
    assert [classes[position] for position in order] == list(BODY_ORDERS[number])


def test_body_order_of_some_labels():
    assert body_order(["shoes", "background", "dress", "hair"]) == [1, 3, 2, 0]
    assert body_order([]) == []
    with pytest.raises(DataError, match=r"No place on the body is known for the label\(s\) tail, wings\."):
        body_order(["shoes", "wings", "hair", "tail", "dress"])


# Weights of classes


def test_class_weights_by_hand():
    # shares 1/2, 3/8, 1/8, none: the median is 3/8
    truth = np.array([[0, 0, 0, 0, 1, 1, 1, 2, 255, 255]], np.uint8)
    raw = np.array([0.75, 1, 3, 1])  # (3/8) / share; 1 without a pixel
    scale = (0.5 * 0.75 + 0.375 * 1 + 0.125 * 3)
    np.testing.assert_allclose(class_weights(truth, 4, power=1), raw / scale)
    roots = np.sqrt(raw)
    np.testing.assert_allclose(class_weights(truth, 4), roots / (roots[:3] @ [0.5, 0.375, 0.125]))
    np.testing.assert_allclose(class_weights(truth, 4, power=0), 1)


@pytest.mark.parametrize("power", [0, 0.3, 1])
def test_class_weights_have_a_mean_of_one_over_the_pixels(power):
    truth, _ = masks(labels=(0, 0, 0, 0, 1, 1, 2, 4))
    weights = class_weights(truth, CLASSES, power)
    true = truth[truth != 255]
    assert weights.shape == (CLASSES,) and weights[true].mean() == pytest.approx(1)
    counts = np.bincount(true, minlength=CLASSES)
    assert (counts[1] / counts[0]) ** power == pytest.approx(weights[0] / weights[1])


def test_class_weights_with_another_number_for_unlabelled():
    truth, _ = masks(labels=(0, 1, 2, 3, 5))
    expected = class_weights(truth, CLASSES)
    np.testing.assert_array_equal(class_weights(np.where(truth == 255, 4, truth), CLASSES, ignore=4),
                                  expected)
    np.testing.assert_array_equal(
        class_weights(np.where(truth == 255, -1, truth.astype(int)), CLASSES, ignore=-1), expected)


@pytest.mark.parametrize("truth, message", [
    (np.full((2, 3), 255, np.uint8), "No pixel of these masks is labelled .all are 255."),
    (np.full((2, 3), 6), "A mask holds label 6; there are 6 classes, 0 to 5"),
    (np.full((2, 3), 300), "A mask holds label 300; there are 6 classes"),
    (np.full((2, 3), -2), "A mask holds label -2; there are 6 classes"),
    (np.zeros((2, 3)), "Masks of float64; label numbers are integers"),
])
def test_bad_masks_for_class_weights(truth, message):
    with pytest.raises(DataError, match=message):
        class_weights(truth, CLASSES)


# Borders


def near_by_a_loop(truth, width):
    """Whether a labelled pixel has one of another label, unlabelled ones apart, within `width`."""
    near = np.zeros(truth.shape, bool)
    for place, label in np.ndenumerate(truth):
        for other, neighbour in np.ndenumerate(truth):
            if 255 not in (label, neighbour) and neighbour != label:
                distance = (place[0] - other[0]) ** 2 + (place[1] - other[1]) ** 2
                near[place] |= distance <= width ** 2
    return near


def patchwork(seed):
    draw = np.random.default_rng(seed)
    truth = np.kron(draw.integers(0, 4, (3, 4)), np.ones((5, 5), int)).astype(np.uint8)
    truth[draw.random(truth.shape) < 0.1] = 255
    return truth, np.where(draw.random(truth.shape) < 0.7, truth, 1) % 255


@pytest.mark.parametrize("width", [0.5, 1, 1.4, 1.5, 2, 3, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_boundary_accuracy_by_a_loop(width, seed):
    truth, predicted = patchwork(seed)
    near, right, counts = near_by_a_loop(truth, width), truth == predicted, truth != 255
    expected = ((right & near).sum(), near.sum(), (right & ~near & counts).sum(), (~near & counts).sum())
    found = boundary_accuracy(truth, predicted, width)
    assert found == expected and all(type(count) is int for count in found)
    assert found[1] + found[3] == counts.sum()
    assert width in (0.5, 100) or (found[1] > found[0] > 0 and found[3] > 0)


def test_pictures_without_a_border():
    assert boundary_accuracy(np.ones((4, 5), int), np.ones((4, 5), int), 2) == (0, 0, 20, 20)
    assert boundary_accuracy(np.full((4, 5), 255), np.zeros((4, 5), int), 2) == (0, 0, 0, 0)
    split = np.array([[1, 255, 255, 2]])  # unlabelled pixels are no border themselves
    assert boundary_accuracy(split, split, 2) == (0, 0, 2, 2)
    assert boundary_accuracy(split, split, 3) == (2, 2, 0, 0)


def test_bad_masks_for_borders():
    with pytest.raises(DataError, match=r"shape \(4, 5\) and a prediction of \(5, 4\)"):
        boundary_accuracy(np.zeros((4, 5), int), np.zeros((5, 4), int), 2)


# The F of two outlines


def outline_by_a_loop(mask):
    return [(row, column) for (row, column), inside in np.ndenumerate(mask) if inside and any(
        0 <= row + down < mask.shape[0] and 0 <= column + right < mask.shape[1] and not mask[row + down, column + right]
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)))]


def share_near(one, other, tolerance):
    return np.mean([min((row - down) ** 2 + (column - right) ** 2 for down, right in other) <= tolerance ** 2
                    for row, column in one])


@pytest.mark.parametrize("tolerance", [0, 1, 1.5, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_boundary_f_by_a_loop(tolerance, seed):
    draw = np.random.default_rng(seed)
    truth, predicted = (np.kron(draw.random((4, 5)) < 0.4, np.ones((4, 3), bool)) for _ in range(2))
    one, other = outline_by_a_loop(truth), outline_by_a_loop(predicted)
    recall, precision = share_near(one, other, tolerance), share_near(other, one, tolerance)
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert boundary_f(truth, predicted, tolerance) == pytest.approx(expected)
    assert boundary_f(truth, truth, 0) == 1


def test_boundary_f_of_a_moved_square():
    truth = np.zeros((20, 20), bool)
    truth[5:12, 5:12] = True
    moved = np.roll(truth, 2, axis=1)
    assert boundary_f(truth, moved, 2) == 1 and 0.3 < boundary_f(truth, moved, 1) < 1
    assert boundary_f(truth, np.roll(truth, 12, axis=1), 1) == 0


def test_boundary_f_without_an_outline():
    """The picture's edge is no outline: a mask that fills it has none."""
    square = np.zeros((5, 5), bool)
    square[2, 2] = True
    for empty in (np.zeros((5, 5), bool), np.ones((5, 5), bool)):
        assert boundary_f(square, empty) == boundary_f(empty, square) == 0
        assert np.isnan(boundary_f(empty, empty))
    with pytest.raises(DataError, match="shape"):
        boundary_f(square, square[:3])


def answers(seed, photos=400):
    """Two networks that find the same photos hard: whether each photo is right, bools (photos,)."""
    draw = np.random.default_rng(seed)
    hard = draw.random(photos)
    return [hard + 0.3 * draw.random(photos) < limit for limit in (0.8, 0.9)]


def test_one_training_each_resamples_photos_in_pairs():
    first, second = answers(0)
    drawn = resampled_accuracies({"first": first, "second": second[None]}, draws=20_000, seed=1)
    for name, right in (("first", first), ("second", second)):
        assert drawn[name].mean() == pytest.approx(right.mean(), abs=0.001)
        assert drawn[name].std() == pytest.approx(np.sqrt(right.mean() * (1 - right.mean()) / 400), rel=0.03)
    gain = second.astype(float) - first
    spread = (drawn["second"] - drawn["first"]).std()
    assert spread == pytest.approx(gain.std() / 20, rel=0.03)
    assert spread < 0.8 * np.hypot(drawn["first"].std(), drawn["second"].std())  # that of unpaired networks


def test_trainings_are_drawn_as_well():
    good, bad = np.ones(50, bool), np.zeros(50, bool)
    drawn = resampled_accuracies({"a": [good, bad], "b": [good, good]}, draws=4000, seed=2)
    values, counts = np.unique(drawn["a"].round(9), return_counts=True)  # two of two trainings, in any order
    assert values.tolist() == [0, 0.5, 1] and counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert drawn["b"] == pytest.approx(np.ones(4000))
    mixed = np.stack([answers(seed)[0] for seed in range(3)])
    spread = resampled_accuracies({"a": mixed}, draws=20_000)["a"].std()
    by_loop, generator = [], np.random.default_rng(3)
    for _ in range(4000):
        chosen = mixed[generator.integers(3, size=3)]
        by_loop.append(chosen[:, generator.integers(400, size=400)].mean())
    assert spread == pytest.approx(np.std(by_loop), rel=0.05)


def test_networks_that_answered_other_photos():
    with pytest.raises(DataError, match="answered 3, 4 photos"):
        resampled_accuracies({"a": [True] * 3, "b": [True] * 4})
    with pytest.raises(DataError, match="answered 0 photos"):
        resampled_accuracies({"a": []})
