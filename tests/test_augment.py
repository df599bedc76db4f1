"""The batched resample against OpenCV, SciPy and ImageDataGenerator; its draws against their ranges."""

import cv2
import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import tensorflow as tf

from fashion_tf.augment import (
    Augmentation,
    RandomAugmentation,
    affine,
    augment,
    colour,
    draw,
    resample,
    uniform,
)

ALL = Augmentation(rotation=25, shear=15, zoom=0.2, flip=True, brightness=0.3, contrast=0.3,
                   saturation=0.5)
MOVES = Augmentation(rotation=25, shear=15, zoom=0.2, flip=True)


def batch(count=6, height=40, width=56, channels=3, blur=5, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), np.uint8)
    return np.stack([cv2.GaussianBlur(picture, (blur, blur), 0).reshape(height, width, channels)
                     for picture in noise])


def label_masks(count=6, height=40, width=56):
    masks = np.zeros((count, height, width), np.uint8)
    masks[:, 8:30, 5:28] = 3
    masks[:, 20:38, 30:50] = 200
    return masks


def transform(theta=0.0, shear=0.0, zoom_x=1.0, zoom_y=1.0, size=(40, 56)):
    values = np.float32([theta]), np.float32([theta + shear]), np.float32([zoom_x])
    return affine(*values, np.float32([zoom_y]), size)


TRANSFORMS = {
    "rotation": {"theta": 0.4}, "shear": {"shear": -0.3}, "zoom out": {"zoom_x": 1.3, "zoom_y": 1.1},
    "zoom in": {"zoom_x": 0.7, "zoom_y": 0.8}, "flip": {"zoom_x": -1.0},
    "all": {"theta": -0.2, "shear": 0.25, "zoom_x": -1.1, "zoom_y": 0.9},
}  # fmt: skip


# One fixed transform against others' code


@pytest.mark.parametrize("values", TRANSFORMS.values(), ids=TRANSFORMS)
def test_resample_agrees_with_scipy(values):
    picture, matrix = batch(1, blur=1)[0], transform(**values).numpy()[0]
    # SciPy counts (row, column), our matrix (x, y).
    swapped, offset = matrix[::-1, 1::-1], matrix[::-1, 2]
    expected = np.dstack([
        scipy.ndimage.affine_transform(picture[..., channel].astype(float), swapped, offset,
                                       order=1, mode="nearest") for channel in range(3)])
    np.testing.assert_allclose(resample(picture[None], matrix[None])[0], expected, atol=0.02)


@pytest.mark.parametrize("values", TRANSFORMS.values(), ids=TRANSFORMS)
def test_resample_agrees_with_opencv(values):
    picture, matrix = batch(1)[0], transform(**values).numpy()[0]
    expected = cv2.warpAffine(picture, matrix, (56, 40), borderMode=cv2.BORDER_REPLICATE,
                              flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    # OpenCV rounds to whole numbers, and before version 5 its coordinates to 1/32 of a pixel.
    assert np.abs(resample(picture[None], matrix[None])[0] - expected.astype(float)).max() < 2.5


def test_same_pixels_as_image_data_generator():
    legacy = pytest.importorskip("keras.src.legacy.preprocessing.image")
    picture = batch(1, 48, 48, blur=1)[0].astype(np.float32)
    expected = legacy.apply_affine_transform(
        picture, theta=9.0, shear=7.0, zx=1.05, zy=0.9, row_axis=0, col_axis=1, channel_axis=2,
        fill_mode="nearest", order=1)[:, ::-1]  # it flips last
    ours = transform(np.deg2rad(9.0), np.deg2rad(7.0), -1.05, 0.9, (48, 48))
    np.testing.assert_allclose(resample(picture[None], ours)[0], expected, atol=0.02)


def test_nearest_agrees_with_scipy_away_from_ties():
    mask, matrix = label_masks(1)[0], transform(0.3, 0.2, 1.1, 0.9).numpy()[0]
    expected = scipy.ndimage.affine_transform(mask, matrix[::-1, 1::-1], matrix[::-1, 2], order=0,
                                              mode="nearest")
    moved = resample(mask[None], matrix[None], nearest=True)
    assert moved.dtype == tf.uint8
    assert np.mean(moved[0] != expected) < 0.002


# What must be exact


@pytest.mark.parametrize("size", [(40, 56), (41, 57), (1, 1), (1, 7), (7, 1)])
def test_identity_is_exact(size):
    pictures = batch(2, *size, blur=1)
    np.testing.assert_array_equal(resample(pictures, tf.repeat(transform(size=size), 2, 0)), pictures)


@pytest.mark.parametrize("size", [(40, 56), (41, 57)])
def test_flip_is_exact(size):
    pictures = batch(2, *size, blur=1)
    flips = tf.repeat(transform(zoom_x=-1.0, size=size), 2, 0)
    np.testing.assert_array_equal(resample(pictures, flips), pictures[:, :, ::-1])
    masks = pictures[..., 0]
    np.testing.assert_array_equal(resample(masks, flips, nearest=True), masks[:, :, ::-1])


def test_quarter_turn_is_exact_but_for_rounding():
    pictures = batch(1, 40, 40, blur=1)
    turned = resample(pictures, transform(np.pi / 2, size=(40, 40)))
    np.testing.assert_allclose(turned[0], np.rot90(pictures[0]), atol=0.01)


def test_outside_takes_the_nearest_edge_pixel():
    picture = batch(1, blur=1)
    shrunk = resample(picture, transform(zoom_x=3.0, zoom_y=3.0)).numpy()[0]
    np.testing.assert_allclose(shrunk[:5, :5], np.broadcast_to(picture[0, 0, 0], (5, 5, 3)))
    np.testing.assert_allclose(shrunk[-5:, -5:], np.broadcast_to(picture[0, -1, -1], (5, 5, 3)))


def test_nothing_asked_for_changes_nothing():
    pictures, masks = batch(), label_masks()
    changed = augment(pictures, Augmentation(), [1, 2], masks)
    np.testing.assert_array_equal(changed[0], pictures)
    np.testing.assert_array_equal(changed[1], masks)


def test_each_picture_is_resampled_from_itself_alone():
    pictures = batch()
    transforms, _ = draw(MOVES.strengths, 6, (40, 56), [3, 4])
    together = resample(pictures, transforms)
    for row in range(6):
        np.testing.assert_array_equal(
            together[row], resample(pictures[row:row + 1], transforms[row:row + 1])[0])


# Pictures and masks


def test_masks_move_with_their_pictures():
    masks = label_masks()
    pictures = np.repeat((masks > 0).astype(np.uint8)[..., None] * 255, 3, axis=3)
    changed, moved = augment(pictures, MOVES, [5, 6], masks)
    assert set(np.unique(moved)) <= {0, 3, 200}
    assert np.mean(moved.numpy() != masks) > 0.05
    # A pixel is bright where more than half of it comes from the garment: that is the nearest.
    agree = (changed.numpy()[..., 0] > 127) == (moved.numpy() > 0)
    assert agree.mean() > 0.99


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
def test_dtype_and_range_are_kept(dtype):
    pictures = tf.cast(batch(blur=1), dtype)
    changed = augment(pictures, ALL, [1, 2])
    assert changed.dtype == dtype and changed.shape == pictures.shape
    assert 0 <= changed.numpy().min() and changed.numpy().max() <= 255


def test_uint8_is_the_rounded_float():
    pictures = batch(blur=1)
    exact = augment(tf.cast(pictures, tf.float32), ALL, [1, 2]).numpy()
    assert np.abs(augment(pictures, ALL, [1, 2]).numpy() - exact).max() <= 0.501


@pytest.mark.parametrize("channels", [1, 3])
def test_xla_gives_the_same_pictures(channels):
    pictures, masks = batch(channels=channels), label_masks()
    for seed in ([1, 2], [2**32 - 1, 77]):
        def change(images, labels, seed=seed):
            return augment(images, ALL, tf.constant(seed, tf.int64), labels)

        plain = tf.function(change)(pictures, masks)
        compiled = tf.function(change, jit_compile=True)(pictures, masks)
        difference = np.abs(plain[0].numpy().astype(int) - compiled[0].numpy())
        assert difference.max() <= 1 and difference.mean() < 0.001
        assert np.mean(plain[1].numpy() != compiled[1].numpy()) < 0.0005


# Draws


def test_same_seed_same_pictures():
    pictures = batch()
    first = augment(pictures, ALL, [1, 2]).numpy()
    np.testing.assert_array_equal(first, augment(pictures, ALL, [1, 2]))
    for other in ([1, 3], [0, 2]):
        assert np.abs(first.astype(int) - augment(pictures, ALL, other)).mean() > 5


def test_a_picture_s_draw_does_not_depend_on_the_batch_size():
    few, many = draw(ALL.strengths, 3, (40, 56), [1, 2]), draw(ALL.strengths, 300, (40, 56), [1, 2])
    for ours, theirs in zip(few, many, strict=True):
        np.testing.assert_array_equal(ours, theirs[:3])


def drawn(augmentation, count=20_000):
    """What `draw` drew, taken apart again: angles in degrees, zooms, whether flipped."""
    matrix = draw(augmentation.strengths, count, (40, 56), [9, 9])[0].numpy()[:, :, :2]
    flipped = np.linalg.det(matrix) < 0
    matrix[flipped, :, 0] *= -1
    theta = np.rad2deg(np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    lean = np.rad2deg(np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1]))
    zooms = np.linalg.norm(matrix, axis=1)
    return theta, lean - theta, zooms[:, 0], zooms[:, 1], flipped


def test_ranges_are_drawn_from_uniformly_and_independently():
    theta, shear, zoom_x, zoom_y, flipped = drawn(MOVES)
    for values, low, high in ((theta, -25, 25), (shear, -15, 15), (zoom_x, 0.8, 1.2),
                              (zoom_y, 0.8, 1.2)):
        assert low <= values.min() + 1e-3 and values.max() - 1e-3 <= high
        assert scipy.stats.kstest(values, "uniform", (low, high - low)).pvalue > 0.001
    assert abs(flipped.mean() - 0.5) < 0.02
    correlations = np.corrcoef([theta, shear, zoom_x, zoom_y, flipped])
    assert np.abs(correlations[np.triu_indices(5, 1)]).max() < 0.03


@pytest.mark.parametrize("name, value", [("rotation", 10), ("shear", 10), ("zoom", 0.1),
                                         ("flip", True)])
def test_each_range_drives_one_thing(name, value):
    moved = dict(zip(("rotation", "shear", "zoom", "zoom_y", "flip"), drawn(
        Augmentation(**{name: value}), 500), strict=True))
    for thing, values in moved.items():
        if thing.startswith(name):
            assert np.ptp(values.astype(float)) > 0.15
        else:
            assert np.ptp(values.astype(float)) < 1e-3


def test_uniform_numbers_are_those_of_the_published_hash():
    def pcg(value):  # Jarzynski and Olano 2020, in Python's whole numbers
        state = (value * 747796405 + 2891336453) % 2**32
        word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737 % 2**32
        return (word >> 22) ^ word

    seed = [123456789, 2**32 - 5]
    expected = [(pcg((pcg((count + seed[0]) % 2**32) + seed[1]) % 2**32) >> 8) / 2**24
                for count in range(24)]
    np.testing.assert_array_equal(
        uniform(3, 8, tf.constant(seed, tf.int64)).numpy().ravel(), np.float32(expected))


def test_uniform_numbers_look_random():
    numbers = uniform(20_000, 8, [1, 2]).numpy()
    assert 0 <= numbers.min() and numbers.max() < 1
    for column in numbers.T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 0.001
    # Neighbouring seeds and neighbouring pictures have nothing to do with each other.
    for other in (uniform(20_000, 8, [1, 3]), uniform(20_000, 8, [2, 2]), np.roll(numbers, 1, 0)):
        assert abs(np.corrcoef(numbers.ravel(), np.ravel(other))[0, 1]) < 0.01


@pytest.mark.parametrize("values", [{"rotation": -1}, {"rotation": 181}, {"zoom": 1.0},
                                    {"shear": 90}, {"brightness": 1.5}, {"contrast": float("nan")}])
def test_bad_range(values):
    with pytest.raises(ValueError, match=f"Augmentation.{next(iter(values))}="):
        Augmentation(**values)


# Colour


def change_colour(pixel, brightness=1.0, contrast=1.0, saturation=1.0):
    matrix = colour(*(np.float32([value]) for value in (brightness, contrast, saturation)))
    return matrix.numpy()[0] @ [*pixel, 1.0]


def test_colour_matrices():
    pixel = np.array([200.0, 100.0, 20.0])
    np.testing.assert_allclose(change_colour(pixel), pixel, rtol=1e-6)
    np.testing.assert_allclose(change_colour(pixel, brightness=1.2), 1.2 * pixel, rtol=1e-5)
    np.testing.assert_allclose(change_colour(pixel, contrast=0.5), (pixel + 127.5) / 2, rtol=1e-5)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 20
    np.testing.assert_allclose(change_colour(pixel, saturation=0.0), [grey] * 3, rtol=1e-5)
    # One after the other: brightness, contrast, saturation.
    expected = (1.2 * pixel - 127.5) * 0.8 + 127.5
    expected = 0.5 * expected + 0.5 * (expected @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(change_colour(pixel, 1.2, 0.8, 0.5), expected, rtol=1e-5)


def test_saturation_0_agrees_with_opencv_s_grey():
    picture = batch(1, blur=1)[0].reshape(-1, 3)
    grey = cv2.cvtColor(picture[None], cv2.COLOR_RGB2GRAY)[0]
    ours = np.stack([change_colour(pixel, saturation=0.0) for pixel in picture[:50]])
    assert np.abs(ours - grey[:50, None]).max() < 0.51


def test_colours_are_applied_to_every_pixel_and_clipped():
    pictures = batch(blur=1)
    settings = Augmentation(brightness=0.5, contrast=0.5, saturation=0.5)
    matrices = draw(settings.strengths, 6, (40, 56), [7, 8])[1].numpy()
    ones = np.ones((6, 40, 56, 1))
    expected = np.einsum("bij,bhwj->bhwi", matrices, np.concatenate([pictures, ones], axis=3))
    changed = augment(tf.cast(pictures, tf.float32), settings, [7, 8])
    assert (expected > 255).any() and (expected < 0).any()
    np.testing.assert_allclose(changed, np.clip(expected, 0, 255), atol=0.01)


def test_grey_pictures_change_as_grey_colours_do():
    grey = batch(channels=1)
    changed = augment(grey, ALL, [7, 8]).numpy().astype(int)
    coloured = augment(np.repeat(grey, 3, axis=3), ALL, [7, 8]).numpy()
    assert changed.shape == grey.shape
    assert np.abs(changed - coloured).max() <= 1


# The layer


def test_layer_changes_pictures_in_training_only():
    pictures = batch().astype(np.float32)
    layer = RandomAugmentation(ALL, seed=1)
    np.testing.assert_array_equal(layer(pictures), pictures)
    first, second = layer(pictures, training=True), layer(pictures, training=True)
    assert np.abs(first - second).mean() > 1
    np.testing.assert_array_equal(RandomAugmentation(ALL, seed=1)(pictures, training=True), first)


def test_layer_lets_a_model_compile_and_survives_saving(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((16, 16, 3)), RandomAugmentation(ALL, seed=1), keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile=True)
    history = model.fit(batch(8, 16, 16), np.zeros((8, 2)), batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert model.jit_compile  # Keras resets it to False where a layer forbids XLA
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].augmentation == ALL
    pictures = batch(4, 16, 16)
    np.testing.assert_allclose(loaded.predict(pictures, verbose=0),
                               model.predict(pictures, verbose=0), rtol=1e-5)
