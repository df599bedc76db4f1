"""The drawings: exact, deterministic, and no easier than a lesson needs."""

import numpy as np
import pytest

from fashion_tf import wardrobe
from fashion_tf.wardrobe import (
    CATEGORIES,
    GARMENT_TYPES,
    LANDMARK_COUNTS,
    PARSING_LABELS,
    PRODUCT_ARTICLES,
    STYLES,
    draw_fashion_mnist,
    draw_garment,
    draw_person,
    draw_product,
)


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


DRAWERS = {
    "person": lambda seed: draw_person(generator(seed), (128, 96)),
    "garment": lambda seed: draw_garment("dress", generator(seed), 96),
    "product": lambda seed: draw_product("Handbags", generator(seed), 96),
}


@pytest.mark.parametrize("draw", DRAWERS.values(), ids=DRAWERS)
def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(draw):
    first, second, other = draw(4), draw(4), draw(5)
    assert (first.image == second.image).all() and (first.labels == second.labels).all()
    assert (first.image != other.image).any()


def test_the_pictures_are_the_same_on_every_machine():
    """A digest made once: numbers that differ in the last bit must not reach the pixels.

    A change of what is drawn changes it: then look at the pictures, and write the new one here.
    """
    import hashlib

    source, digest = generator(11), hashlib.sha256()
    for category in CATEGORIES:
        digest.update(draw_garment(category, source, 64).image.tobytes())
    for article in PRODUCT_ARTICLES:
        digest.update(draw_product(article, source, 48).image.tobytes())
    for label in range(10):
        digest.update(draw_fashion_mnist(label, source).tobytes())
    assert digest.hexdigest() == DIGEST


DIGEST = "059b60e54608538a0b1322b8c099fb25266ab1e0d593f766b4850cfad8fd7095"


def check(drawing, shape):
    """What holds for every drawing."""
    assert drawing.image.shape == (*shape, 3) and drawing.image.dtype == np.uint8
    assert drawing.labels.shape == shape and drawing.labels.max() < len(PARSING_LABELS)
    owned = np.zeros(shape, int)
    for garment in drawing.garments:
        rows, columns = np.flatnonzero(garment.mask.any(1)), np.flatnonzero(garment.mask.any(0))
        assert garment.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert (drawing.labels[garment.mask] > 0).all()
        owned += garment.mask
        points = garment.landmarks
        assert len(points) == LANDMARK_COUNTS.get(garment.type, 0)
        placed = points[points[:, 2] > 0]
        assert (placed[:, :2] >= 0).all() and (placed[:, :2] < shape[::-1]).all()
        assert garment.occlusion in (1, 2, 3)
    assert owned.max() <= 1  # a pixel belongs to one garment


@pytest.mark.parametrize("category", [*CATEGORIES, *GARMENT_TYPES])
def test_every_category_and_type_can_be_drawn(category):
    source = generator(1)
    for _ in range(4):
        drawing = draw_garment(category, source, (112, 96))
        check(drawing, (112, 96))
        if category in GARMENT_TYPES:
            assert drawing.garments[0].type == category
        assert drawing.garments[0].mask.mean() > 0.02


@pytest.mark.parametrize("style", [None, *STYLES])
def test_every_style_can_be_drawn(style):
    source = generator(2)
    for _ in range(3):
        drawing = draw_person(source, (160, 112), style=style)
        check(drawing, (160, 112))
        labels = {PARSING_LABELS[label] for label in np.unique(drawing.labels)}
        assert {"background", "skin"} <= labels and len(drawing.garments) >= 2


@pytest.mark.parametrize("article", PRODUCT_ARTICLES)
def test_every_product_stands_on_white(article):
    drawing = draw_product(article, generator(3), 96)
    check(drawing, (96, 96))
    corners = drawing.image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 225).all()
    mask = drawing.garments[0].mask
    around = drawing.image[~mask]
    assert np.mean(around > 200) > 0.7  # white, but for a soft shadow


def test_visible_landmarks_lie_on_the_garment():
    import cv2

    source = generator(6)
    for category in GARMENT_TYPES:
        garment = draw_garment(category, source, 160).garments[0]
        distance = cv2.distanceTransform((~garment.mask).astype(np.uint8), cv2.DIST_L2, 5)
        x, y, visibility = garment.landmarks.T
        seen = visibility == 2
        assert (distance[y[seen].astype(int), x[seen].astype(int)] < 12).all(), category


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match="spacesuit"):
        draw_garment("spacesuit", generator())
    with pytest.raises(ValueError, match="spacesuit"):
        draw_product("spacesuit", generator())
    with pytest.raises(ValueError, match="spacesuit"):
        draw_person(generator(), outfit=["spacesuit"])
    with pytest.raises(ValueError, match="outfit"):
        draw_person(generator(), outfit=["jeans"], style="rock")


@pytest.mark.slow
def test_mean_colour_does_not_give_the_category_away():
    """Ten classes: chance is 0.1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    source = generator(8)
    labels = np.tile(np.arange(len(CATEGORIES)), 70)
    names = list(CATEGORIES)
    colours = np.array([draw_garment(names[label], source, 48).image.mean((0, 1)) for label in labels])
    colours = StandardScaler().fit_transform(colours)
    model = LogisticRegression(max_iter=500).fit(colours[:400], labels[:400])
    assert model.score(colours[400:], labels[400:]) < 0.2


def test_the_public_names_exist():
    assert all(hasattr(wardrobe, name) for name in wardrobe.__all__)
