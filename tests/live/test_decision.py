"""Good views and one answer: against brute force, and with what is better in plain sight."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fashion_tf.errors import DataError
from fashion_tf.live import MEASURES, Instance, SettledLabel, best, join, measure, scores, sharpness
from fashion_tf.live.instances import free_area, why_not

PHOTO = np.random.default_rng(0).integers(0, 255, (120, 80, 3), dtype=np.uint8)


def test_blur_lowers_sharpness_and_nearness_does_not():
    blurred = gaussian_filter(PHOTO, (2, 2, 0))
    assert sharpness(blurred) < 0.1 * sharpness(PHOTO)
    assert sharpness(PHOTO[:0]) == 0 and sharpness(np.full((9, 9, 3), 7, np.uint8)) == 0
    smooth = gaussian_filter(np.random.default_rng(1).integers(0, 255, (192, 96, 3)).astype(np.uint8), (3, 3, 0))
    near = np.kron(smooth, np.ones((2, 2, 1), np.uint8))  # the same view from half the distance
    assert sharpness(near) == pytest.approx(sharpness(smooth), rel=0.2)


def test_free_area_counts_pixels():
    generator = np.random.default_rng(3)
    for _ in range(30):
        box, *others = np.sort(generator.integers(5, 95, (4, 2, 2)), axis=1).reshape(4, 4)
        if (box[2:] == box[:2]).any():
            continue
        canvas = np.zeros((100, 100), bool)
        for other in others:
            if other[3] > box[3]:
                canvas[other[1]:other[3], other[0]:other[2]] = True
        expected = 1 - canvas[box[1]:box[3], box[0]:box[2]].mean()
        assert free_area(box, others, (100, 100)) == pytest.approx(expected)


def test_what_an_edge_cuts_counts_half():
    assert free_area((0, 10, 20, 90), [], (100, 100)) == 0.5
    assert free_area((0, 0, 20, 90), [], (100, 100)) == 0.25
    assert free_area((30, 10, 60, 100), [], (100, 100)) == 1  # feet below the picture hide no garment
    assert free_area((30, 10, 30, 40), [], (100, 100)) == 0


def views(count=9, seed=0):
    generator = np.random.default_rng(seed)
    return [Instance(number, (0, 0, 1, 1), dict(zip(MEASURES, generator.uniform(0.1, 1, 4))),
                     generator.dirichlet(np.ones(5))) for number in range(count)]


def test_the_best_views_by_brute_force():
    instances = views()
    expected = []
    for one in instances:
        value = 1.0
        for name in ("sharpness", "size"):
            value *= one.measures[name] / max(other.measures[name] for other in instances)
        expected.append(value)
    np.testing.assert_allclose(scores(instances, ("sharpness", "size")), expected)
    assert list(best(instances, 3, ("sharpness", "size"))) == sorted(sorted(range(9), key=lambda n: -expected[n])[:3])
    assert list(best(instances, 99)) == list(range(9)) and list(best([], 4)) == []


def test_why_a_view_is_not_kept():
    good = dict.fromkeys(MEASURES, 1.0)
    cases = {"blurred": "sharpness", "small": "size", "covered": "free", "unsure": "confidence"}
    instances = [Instance(0, (), good, None)] + [Instance(1, (), good | {name: 0.2}, None) for name in cases.values()]
    assert why_not(instances)[1:] == list(cases)


def test_measures_of_a_view():
    sure, unsure = np.array([1.0, 0, 0, 0]), np.full(4, 0.25)
    one, other = (measure(PHOTO, (10, 10, 60, 100), [], row) for row in (sure, unsure))
    assert one["confidence"] == pytest.approx(1) and other["confidence"] == pytest.approx(0)
    assert one["size"] == pytest.approx(90 / 120) and set(one) == set(MEASURES)


def test_joining_is_what_its_name_says():
    table = np.random.default_rng(2).dirichlet(np.ones(4), 6)
    product = table.prod(axis=0) ** (1 / 6)
    np.testing.assert_allclose(join(table), product / product.sum(), rtol=1e-6)
    np.testing.assert_allclose(join(table, "mean"), table.sum(axis=0) / 6)
    votes = [list(table.argmax(axis=1)).count(number) / 6 for number in range(4)]
    np.testing.assert_allclose(join(table, "votes"), votes)
    for way in ("log", "mean", "votes"):
        assert join(table, way).sum() == pytest.approx(1)
        np.testing.assert_allclose(join(table[:1].round(9), way).argmax(), table[0].argmax())


def test_one_frame_cannot_forbid_a_class():
    table = [[1, 0], [0.01, 0.99], [0.01, 0.99], [0.01, 0.99], [0.01, 0.99]]
    assert join(table).argmax() == 1


@pytest.mark.parametrize("table, way, words", [([], "log", "at least one row"), ([[0.5, 0.5]], "median", "choose log")])
def test_what_cannot_be_joined(table, way, words):
    with pytest.raises(DataError, match=words):
        join(table, way)


def test_a_label_does_not_flicker():
    label, shown = SettledLabel(hold=3), []
    for one in "aababbabbbbaabbb":
        shown.append(label.update(one))
    assert "".join(shown) == "aaaaaaaaabbbbbbb"
