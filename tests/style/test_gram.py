"""Gram matrices and losses against their definitions; the optimizers against each other; stopped and gone on with."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fashion_tf.errors import DataError, TrainingError  # noqa: E402
from fashion_tf.style import features, gram  # noqa: E402
from fashion_tf.style.features import feature_network, gram_matrix, relative_error, style_loss, total_variation  # noqa: E402
from fashion_tf.style.gram import gram_transfer  # noqa: E402


def stripes(height=64, width=48, across=True):
    """A painting of red and white stripes."""
    y, x = np.mgrid[:height, :width]
    on = ((x if across else y) // 4 % 2).astype(bool)
    return np.where(on[..., None], (230, 60, 40), (240, 235, 220)).astype(np.uint8)


def photo(height=64, width=48):
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - height / 2, x - width / 2) < height / 4
    noise = np.random.default_rng(0).integers(-12, 13, (height, width, 3))
    return (np.where(inside[..., None], (70, 110, 150), (180, 180, 170)) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def loss():
    return style_loss("small_vgg", None, ["c2", "c3"], ["c3"], seed=1)


# --- what is measured ---------------------------------------------------------------------------


def test_a_gram_matrix_is_the_mean_over_places_of_products_of_channels():
    maps = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(np.float32)
    found = np.asarray(gram_matrix(maps))
    expected = np.zeros((2, 4, 4))
    for picture, y, x in np.ndindex(2, 3, 5):
        expected[picture] += np.outer(maps[picture, y, x], maps[picture, y, x]) / 15
    np.testing.assert_allclose(found, expected, atol=1e-5)
    shuffled = maps.reshape(2, 15, 4)[:, np.random.default_rng(1).permutation(15)].reshape(2, 5, 3, 4)
    np.testing.assert_allclose(gram_matrix(shuffled), found, atol=1e-5)  # where something is plays no part


def test_losses_are_float32_whatever_the_precision():
    halves = np.full((1, 64, 64, 8), 12, np.float16)  # 64 x 64 x 144 is far beyond half precision
    assert np.asarray(gram_matrix(halves)).dtype == np.float32
    np.testing.assert_allclose(gram_matrix(halves), 144)
    assert np.asarray(relative_error(halves, 2 * halves)).dtype == np.float32
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        mixed = style_loss("small_vgg", None, ["c2"], ["c2"], seed=1)
        targets = mixed.targets(photo()[None].astype(np.float32), [stripes()[None].astype(np.float32)], [1.0])
        parts = np.asarray(mixed.parts(photo()[None].astype(np.float32), targets))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert parts.dtype == np.float32 and np.isfinite(parts).all() and parts[1] > 0


def test_relative_error_and_variation_by_hand():
    assert float(relative_error(np.float32([3, 4]), np.float32([3, 4]))) == 0
    assert float(relative_error(np.float32([0, 0]), np.float32([3, 4]))) == pytest.approx(1)
    assert float(relative_error(np.float32([3, 0]), np.float32([3, 4]))) == pytest.approx(16 / 25)
    picture = np.zeros((1, 2, 2, 1), np.float32)
    picture[0, 0, 0, 0] = 255
    assert float(total_variation(picture)) == pytest.approx(0.5 + 0.5)


def test_each_part_is_what_it_should_be_at_its_own_target(loss):
    content, style = photo()[None].astype(np.float32), stripes()[None].astype(np.float32)
    targets = loss.targets(content, [style], [1.0])
    at_content, at_style = np.asarray(loss.parts(content, targets)), np.asarray(loss.parts(style, targets))
    assert at_content[0] == pytest.approx(0, abs=1e-6) and at_content[1] > 1e-3
    assert at_style[1] == pytest.approx(0, abs=1e-6) and at_style[0] > 1e-3
    assert float(loss.total(at_content)) == pytest.approx(at_content @ [0.02, 1, 0.05], rel=1e-5)


def test_styles_are_mixed_as_gram_matrices_and_layers_by_their_weights():
    loss = style_loss("small_vgg", None, {"c2": 3.0, "c3": 1.0}, ["c3"], seed=1)
    one, other = (stripes(across=across)[None].astype(np.float32) for across in (True, False))
    mixed = loss.targets(one, [one, other], [0.25, 0.75])[1]
    alone = [loss.targets(one, [style], [1.0])[1] for style in (one, other)]
    for name in ("c2", "c3"):
        np.testing.assert_allclose(mixed[name], 0.25 * np.asarray(alone[0][name]) + 0.75 * np.asarray(alone[1][name]),
                                   rtol=1e-5)
    targets = loss.targets(one, [other], [1.0])
    errors = [float(relative_error(gram_matrix(loss.network(one)[name]), targets[1][name])) for name in ("c2", "c3")]
    assert float(loss.parts(one, targets)[1]) == pytest.approx((3 * errors[0] + errors[1]) / 4, rel=1e-4)


def test_vgg19_ends_at_the_last_layer_that_is_asked():
    network = feature_network("vgg19", None, ["block1_conv1", "block2_conv1"], seed=1)
    assert network.count_params() == (3 * 9 + 1) * 64 + (64 * 9 + 1) * 64 + (64 * 9 + 1) * 128
    found = network(photo()[None].astype(np.float32))
    assert {name: maps.shape for name, maps in found.items()} == {
        "block1_conv1": (1, 64, 48, 64), "block2_conv1": (1, 32, 24, 128)}
    sizes = [float(np.std(maps)) for maps in found.values()]
    assert 0.2 < sizes[1] / sizes[0] < 5  # random weights, and yet nothing fades away on the way
    style, content = features.LAYERS["vgg19"]
    assert len(style) == 5 and content == ("block4_conv2",)


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_025", "small_densenet"])
def test_known_layers_are_layers_of_the_network(name):
    layers = [*features.LAYERS[name][0], *features.LAYERS[name][1]]
    assert set(feature_network(name, None, layers)(photo(32, 32)[None].astype(np.float32))) == set(layers)


@pytest.mark.parametrize("options, said", [
    ({"backbone": "vgg20"}, "vgg20: name its style_layers"),
    ({"backbone": "vgg20", "style_layers": ["a"], "content_layers": ["a"]}, "no backbone 'vgg20'"),
    ({"backbone": "small_vgg", "weights": None, "style_layers": ["c9"]}, "no layer 'c9'; it has"),
    ({"backbone": "small_vgg", "weights": None, "style_weight": -1}, "0 or more"),
    ({"backbone": "small_vgg", "weights": None, "style_layers": {"c2": 0.0}}, "not all of them 0"),
    ({"backbone": "small_vgg", "weights": "wardrobe"}, "no wardrobe weights for small_vgg"),
])
def test_what_is_no_loss_is_refused(options, said):
    with pytest.raises(DataError, match=said):
        style_loss(**options)


# --- the optimisation ---------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_loss_falls_and_the_picture_takes_on_the_style(loss, optimizer):
    result = gram_transfer(photo(), stripes(), loss, sizes=(32, 64), steps=40, optimizer=optimizer)
    assert result.picture.shape == (64, 48, 3) and result.picture.dtype == np.uint8
    for size in (32, 64):
        losses = [step.loss for step in result.history if step.size == size]
        numbers = [step.number for step in result.history if step.size == size]
        assert numbers == list(range(1, len(numbers) + 1)) and min(losses) < 0.8 * losses[0]
    last = result.history[-1]
    assert last.loss == pytest.approx(0.02 * last.content + last.style + 0.05 * last.variation, rel=1e-3)
    assert [step.seconds for step in result.history] == sorted(step.seconds for step in result.history)
    targets = loss.targets(photo()[None].astype(np.float32), [stripes()[None].astype(np.float32)], [1.0])
    before, after = (np.asarray(loss.parts(picture[None].astype(np.float32), targets))[1]
                     for picture in (photo(), result.picture))
    assert after < before / 3


def test_several_steps_a_call_are_the_same_steps(loss):
    one, five = (gram_transfer(photo(), stripes(), loss, sizes=(64,), steps=10, optimizer="adam", tolerance=0,
                               steps_a_call=count) for count in (1, 5))
    assert [step.number for step in five.history] == [5, 10]
    assert five.history[-1].loss == pytest.approx(one.history[-1].loss, rel=1e-3)
    assert np.abs(one.picture.astype(int) - five.picture).mean() < 1


def test_it_stops_when_the_loss_no_longer_falls(loss):
    loose = gram_transfer(photo(), stripes(), loss, sizes=(48,), steps=200, tolerance=0.5)
    assert gram.WINDOW < len(loose.history) < 100
    assert not gram._settled([1.0] * 10, 0.1) and gram._settled([1.0] * 11, 0.1)
    assert not gram._settled([1.0] * 10 + [0.8], 0.1) and gram._settled([1.0] * 10 + [0.95], 0.1)


def test_sizes_above_the_photos_own_become_its_own_and_the_proportions_stay(loss):
    result = gram_transfer(photo(100, 50), stripes(), loss, sizes=(64, 128, 512), steps=2)
    assert {step.size for step in result.history} == {64, 100} and result.picture.shape == (100, 50, 3)


def test_kept_colours_are_the_photos(loss):
    import cv2

    free, kept = (gram_transfer(photo(), stripes(), loss, sizes=(64,), steps=15, keep_colours=keep).picture
                  for keep in (False, True))
    colours = [cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[..., 1:].astype(int) for picture in (photo(), free, kept)]
    assert np.abs(colours[2] - colours[0]).mean() < 3 < np.abs(colours[1] - colours[0]).mean()
    assert np.abs(cv2.cvtColor(kept, cv2.COLOR_RGB2LAB)[..., 0].astype(int)
                  - cv2.cvtColor(free, cv2.COLOR_RGB2LAB)[..., 0]).mean() < 3


class Stopped(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_stopped_transfer_goes_on_and_a_finished_one_is_read_back(loss, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(gram, "SAVE_SECONDS", 0.0)
    options = {"sizes": (32, 48), "steps": 8, "tolerance": 0, "optimizer": optimizer}
    whole = gram_transfer(photo(), stripes(), loss, **options)

    def stop(step, picture):
        assert picture().shape[2] == 3
        if (step.size, step.number) == (48, 4):
            raise Stopped

    with pytest.raises(Stopped):
        gram_transfer(photo(), stripes(), loss, folder=tmp_path, progress=stop, **options)
    steps = []
    again = gram_transfer(photo(), stripes(), loss, folder=tmp_path, progress=lambda step, _: steps.append(step),
                          **options)
    assert [(step.size, step.number) for step in steps] == [(48, number) for number in (5, 6, 7, 8)]
    assert [(step.size, step.number) for step in again.history] == [
        (step.size, step.number) for step in whole.history]
    if optimizer == "adam":  # its moments are kept; L-BFGS's memory is not
        assert np.abs(again.picture.astype(int) - whole.picture).mean() < 1
    read = gram_transfer(photo(), stripes(), loss, folder=tmp_path, progress=lambda *_: pytest.fail("a step"),
                         **options)
    assert (read.picture == again.picture).all() and read.history == again.history
    with pytest.raises(TrainingError, match="of other pictures or settings"):
        gram_transfer(photo(), stripes(across=False), loss, folder=tmp_path, **options)
    (tmp_path / gram.STATE_FILE).write_bytes(b"PK no archive")
    with pytest.raises(TrainingError, match="damaged"):
        gram_transfer(photo(), stripes(), loss, folder=tmp_path, **options)


@pytest.mark.parametrize("content, style, said", [
    (photo(1, 1), stripes(), "1 x 1 pixels; each side needs 32"),
    (photo(), stripes(20, 400), "400 x 20 pixels"),
    (photo(), np.dstack([stripes(), stripes()[..., :1]]), "lay its transparency"),
    (photo() / 255.0, stripes(), "must be uint8"),
])
def test_pictures_that_cannot_be_are_refused(loss, content, style, said):
    with pytest.raises(DataError, match=said):
        gram_transfer(content, style, loss)


@pytest.mark.parametrize("options", [
    {"optimizer": "sgd"}, {"steps": 0}, {"tolerance": 1}, {"learning_rate": 0}, {"sizes": ()}, {"sizes": (64, 48)},
    {"sizes": (16,)}, {"shares": [1, 2]}, {"shares": [0]}, {"shares": [float("nan")]},
])
def test_settings_out_of_range_are_refused(loss, options):
    with pytest.raises(DataError if "shares" in options else TrainingError):
        gram_transfer(photo(), stripes(), loss, **options)
