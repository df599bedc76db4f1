"""What lies outside the mask keeps its bits; what lies inside gets the new picture or the new colour."""

import io

import numpy as np
import pytest
from PIL import Image

from fashion_tf.errors import DataError
from fashion_tf.style import compose, feather_inward, recolour, upsample_mask
from fashion_tf.style.composition import read_colour


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def disc(height, width, radius=0.3):
    y, x = np.mgrid[:height, :width]
    return np.hypot(y - height / 2, x - width / 2) < radius * min(height, width)


def lab(pixels):
    """CIE Lab by its definition (CIE 15, D65), in float64: (pixels, 3)."""
    scaled = np.asarray(pixels, np.float64) / 255
    linear = np.where(scaled > 0.04045, ((scaled + 0.055) / 1.055) ** 2.4, scaled / 12.92)
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])
    relative = linear @ matrix.T / matrix.sum(1)
    root = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], 1)


@pytest.mark.parametrize("change", [
    lambda photo, mask: compose(photo, noise(40, 30, seed=1), mask),
    lambda photo, mask: compose(photo, noise(300, 500, seed=1), mask, feather=0),
    lambda photo, mask: recolour(photo, mask, "#803050", feather=7),
])
@pytest.mark.parametrize("channels", [3, 4])
def test_outside_the_mask_every_pixel_is_the_photos_also_in_a_png(change, channels):
    photo, mask = noise(120, 90, channels), disc(120, 90)
    before = photo.copy()
    result = change(photo, mask)
    assert (photo == before).all() and result.dtype == np.uint8 and result.shape == photo.shape
    written = io.BytesIO()
    Image.fromarray(result).save(written, "PNG")
    again = np.array(Image.open(written))
    for each in (result, again):
        assert (each[~mask] == photo[~mask]).all()
        assert (each[..., :3][mask] != photo[..., :3][mask]).any(-1).mean() > 0.9
    if channels == 4:
        assert (again[..., 3] == photo[..., 3]).all()


def test_inside_all_of_the_stylised_picture_and_towards_the_border_less():
    photo, stylised = np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 200, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    row = compose(photo, stylised, mask, feather=3)[30, :, 0]
    assert row[17:24].tolist() == [0, 0, 0, 50, 100, 150, 200]
    assert (row[23:37] == 200).all() and row[36:43].tolist() == [200, 150, 100, 50, 0, 0, 0]
    hard = compose(photo, stylised, mask, feather=0)[..., 0]
    assert (hard[mask] == 200).all() and (hard[~mask] == 0).all()


def test_the_edge_of_the_photo_is_no_border_of_the_garment():
    mask = np.zeros((20, 30), bool)
    mask[10:] = True
    alpha = feather_inward(mask, 3)
    np.testing.assert_allclose(alpha[:, 0], [0] * 10 + [0.25, 0.5, 0.75] + [1] * 7)
    assert (alpha == alpha[:, :1]).all()
    assert (feather_inward(np.ones((5, 5), bool), 3) == 1).all()


@pytest.mark.parametrize("mask", [disc(50, 70), disc(50, 70).astype(np.uint8), disc(50, 70).astype(np.uint8) * 255,
                                  disc(50, 70).astype(np.float64) * 0.6])
def test_all_kinds_of_mask_mean_the_same(mask):
    photo = noise(50, 70)
    expected = compose(photo, photo[::-1], disc(50, 70))
    assert (compose(photo, photo[::-1], mask) == expected).all()


@pytest.mark.parametrize("mask, said", [
    (np.zeros((50, 60), bool), "50 x 60 pixels .* for a photo of 50 x 70.*upsample_mask"),
    (np.arange(3500, dtype=np.uint8).reshape(50, 70) % 7, "label numbers.*mask == 3"),
    (np.full((50, 70), 1.5), "in 0..1"),
    (np.full((50, 70), np.nan), "in 0..1"),
    (np.full((50, 70), 0.5, complex), "complex"),
    (np.zeros((50, 70, 3), bool), r"\(height, width\)"),
])
def test_what_is_no_mask_of_the_photo_is_refused(mask, said):
    for change in (lambda: compose(noise(50, 70), noise(50, 70), mask), lambda: recolour(noise(50, 70), mask, "red")):
        with pytest.raises(DataError, match=said):
            change()


@pytest.mark.parametrize("photo, stylised", [
    (np.zeros((9, 9)), noise(9, 9)), (noise(9, 9), np.zeros((9, 9, 3), np.float32)), (noise(9, 9), noise(9, 9, 4)),
    (np.zeros((0, 9, 3), np.uint8), noise(9, 9)),
])
def test_what_is_no_picture_is_refused(photo, stylised):
    with pytest.raises(DataError, match="must be uint8"):
        compose(photo, stylised, np.ones((9, 9), bool))


def test_no_garment_no_change_and_a_photo_of_one_pixel():
    photo = noise(30, 40)
    assert (compose(photo, noise(30, 40, seed=2), np.zeros((30, 40), bool)) == photo).all()
    assert (recolour(photo, np.zeros((30, 40), bool), "red") == photo).all()
    one = noise(1, 1)
    assert compose(one, noise(5, 5), np.ones((1, 1), np.uint8)).shape == (1, 1, 3)
    assert upsample_mask(np.ones((4, 4)), one).tolist() == [[1.0]]
    for width in (-1, np.nan, np.inf):
        with pytest.raises(DataError, match="feather"):
            feather_inward(disc(9, 9), width)


# --- colours ------------------------------------------------------------------------------------


def cloth(colour, height=40, width=60):
    """A plain garment with folds: its linear light from 40 to 100 %."""
    light = np.linspace(0.4, 1, width)[None, :, None] * np.ones((height, 1, 1))
    linear = (np.array(colour) / 255) ** 2.2 * light
    return (255 * linear ** (1 / 2.2)).round().astype(np.uint8)


@pytest.mark.parametrize("own", [(150, 60, 60), (70, 90, 160), (128, 128, 128), (120, 110, 100)])
@pytest.mark.parametrize("colour", ["#803050", "#608080", "#707048"])
def test_lightness_stays_and_the_hue_is_the_new_one(own, colour):
    photo = cloth(own)
    result = recolour(photo, np.ones(photo.shape[:2], bool), colour)
    before, after = lab(photo.reshape(-1, 3)), lab(result.reshape(-1, 3))
    assert np.abs(before[:, 0] - after[:, 0]).max() < 1
    target = lab([read_colour(colour)])[0, 1:]
    found = np.median(after[:, 1:], axis=0)
    assert np.hypot(*(found - target)) < 0.12 * np.hypot(*target)
    chroma = np.hypot(after[:, 1], after[:, 2])
    angle = np.angle((after[:, 1] + 1j * after[:, 2]) / complex(*target), deg=True)
    assert np.abs(angle[chroma > 10]).max() < 8


def test_its_own_colour_changes_nothing():
    photo = cloth((150, 60, 60))
    middle = np.median(photo.reshape(-1, 3), axis=0).astype(int)
    result = recolour(photo, np.ones(photo.shape[:2], bool), tuple(middle))
    assert np.abs(result.astype(int) - photo).max() <= 2


def test_white_stripes_on_a_red_garment_stay_white_and_folds_keep_their_share_of_colour():
    photo = cloth((200, 40, 40))
    photo[::8] = 235
    result = recolour(photo, np.ones(photo.shape[:2], bool), "teal")
    stripes = lab(result[::8].reshape(-1, 3))
    assert np.hypot(stripes[:, 1], stripes[:, 2]).max() < 12  # a mix of turn and shift: nearly white
    grey = recolour(photo, np.ones(photo.shape[:2], bool), "grey")
    assert np.hypot(*lab(grey.reshape(-1, 3))[:, 1:].T).max() < 8


def test_all_colours_of_a_garment_become_shades_of_the_new_one():
    """A pink jacket over cream trousers: what is turned by the hue of one alone turns the other into a third colour."""
    photo = np.vstack([cloth((200, 120, 170)), cloth((225, 220, 190)), cloth((60, 90, 150), height=15)])
    target = lab([read_colour("#803050")])[0, 1:]
    after = lab(recolour(photo, np.ones(photo.shape[:2], bool), "#803050").reshape(-1, 3))
    angle = np.angle((after[:, 1] + 1j * after[:, 2]) / complex(*target), deg=True)
    assert np.abs(angle[np.hypot(after[:, 1], after[:, 2]) > 8]).max() < 18


def test_what_a_screen_cannot_show_keeps_lightness_and_hue():
    photo = np.full((8, 8, 3), 245, np.uint8)  # no screen has a red as light as this
    after = lab(recolour(photo, np.ones((8, 8), bool), "red").reshape(-1, 3))[0]
    assert abs(after[0] - lab(photo.reshape(-1, 3))[0, 0]) < 1
    target = lab([(255, 0, 0)])[0]
    assert abs(np.angle(complex(*after[1:]) / complex(*target[1:]), deg=True)) < 4
    assert 3 < np.hypot(*after[1:]) < 20


@pytest.mark.parametrize("colour", ["", "no such colour", "#12", "#80305080", (1, 2), (1, 2, 300), None, 7, "red" * 99])
def test_what_is_no_colour_is_refused(colour):
    with pytest.raises(DataError, match="is no colour"):
        recolour(noise(9, 9), np.ones((9, 9), bool), colour)


# --- the mask enlarged --------------------------------------------------------------------------


def scene(height, width):
    """A red garment of slanted sides on a grey wall, both with noise: (photo, true mask)."""
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    true = (np.abs(x - 0.5) < 0.12 + 0.2 * y) & (y > 0.2) & (y < 0.83)
    photo = np.where(true[..., None], (170, 50, 60), (140, 145, 150)) + np.random.default_rng(0).normal(
        0, 4, (height, width, 3))
    return photo.clip(0, 255).astype(np.uint8), true


@pytest.mark.parametrize("height, width", [(400, 300), (1500, 1100)])  # the second above the working size
def test_the_enlarged_mask_follows_the_photos_edges(height, width):
    import cv2

    photo, true = scene(height, width)
    small = cv2.resize(true.astype(np.float32), (48, 64), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
    found = upsample_mask(small, photo)
    assert found.dtype == np.float32 and found.shape == true.shape and 0 <= found.min() <= found.max() <= 1
    wrong, wrong_plain = ((found >= 0.5) != true).mean(), (plain != true).mean()
    assert wrong < wrong_plain / 3
    far = cv2.dilate(cv2.morphologyEx(true.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))),
                     np.ones((61 * height // 400,) * 2)) == 0
    assert ((found >= 0.5) == true)[far].all()


def test_the_guided_filter_is_that_of_its_definition():
    """He, Sun and Tang, equations 14 to 16, window by window."""
    rng = np.random.default_rng(3)
    photo, mask, radius, smoothness = noise(14, 12), rng.random((14, 12)), 2, 0.01
    guide = np.pad(photo / 255, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    padded = np.pad(mask, 4, mode="symmetric")
    linear, constant = np.zeros((*padded.shape, 3)), np.zeros(padded.shape)
    for y in range(2, padded.shape[0] - 2):
        for x in range(2, padded.shape[1] - 2):
            window = guide[y - 2:y + 3, x - 2:x + 3].reshape(-1, 3)
            values = padded[y - 2:y + 3, x - 2:x + 3].ravel()
            covariance = np.cov(window.T, bias=True) + smoothness * np.eye(3)
            linear[y, x] = np.linalg.solve(covariance, (window * values[:, None]).mean(0) - window.mean(0)
                                           * values.mean())
            constant[y, x] = values.mean() - linear[y, x] @ window.mean(0)
    expected = np.empty((14, 12))
    for y in range(14):
        for x in range(12):
            around = slice(y + 2, y + 7), slice(x + 2, x + 7)
            expected[y, x] = linear[around].mean((0, 1)) @ guide[y + 4, x + 4] + constant[around].mean()
    found = upsample_mask(mask, photo, radius, smoothness)
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-4)


def test_a_mask_that_was_made_of_the_squeezed_photo_is_stretched_back():
    photo, true = scene(300, 90)
    import cv2

    square = cv2.resize(true.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
    assert ((upsample_mask(square, photo) >= 0.5) != true).mean() < 0.02


@pytest.mark.slow
def test_a_large_photo_takes_little_memory():
    """24 megapixels: the photo itself is 72 MB, the mask 96 MB."""
    import tracemalloc

    photo = np.broadcast_to(np.uint8(90), (4000, 6000, 3)).copy()
    mask = np.zeros((64, 64), np.float32)
    mask[20:40, 20:40] = 1
    tracemalloc.start()
    alpha = upsample_mask(mask, photo)
    compose(photo, photo[::8, ::8], alpha)
    peak = tracemalloc.get_traced_memory()[1] / 2 ** 20
    tracemalloc.stop()
    assert peak < 700
