"""The pyramid against numpy: its sums, its sizes, its loss and its accuracy."""

import warnings

import keras
import numpy as np
import pytest
from models.made import assert_as_the_padded_picture, pictures

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.fpn import (
    PixelAccuracy,
    PixelCrossEntropy,
    add_to_upsampled,
    at_one_size,
    fpn_segmenter,
    mirror_averaged,
    without_class_weights,
)

pytestmark = pytest.mark.usefixtures("eagerly")
SIZE, CLASSES = (64, 96), 5


def tiny_backbone(height, width):
    """C2 to C5 without a network: tracing one takes longer than all that is tested here."""
    pictures = keras.Input((height, width, 3))
    x, outputs = keras.layers.Rescaling(1 / 255)(pictures), []
    for stride, channels in ((4, 4), (2, 5), (2, 6), (2, 7)):
        x = keras.layers.Conv2D(channels, 3, strides=stride, padding="same", activation="relu")(x)
        outputs.append(x)
    return keras.Model(pictures, outputs, name="tiny")


def tiny_segmenter(height=64, width=96, padded=None, **options):
    keras.utils.set_random_seed(1)
    return fpn_segmenter(tiny_backbone(*(padded or (height, width))), CLASSES, (height, width), channels=8,
                         **options)


@pytest.fixture(scope="module")
def segmenter():
    return fpn_segmenter("small_resnet", CLASSES, SIZE, channels=8, seed=1)


@pytest.fixture(scope="module")
def tiny():
    return tiny_segmenter()


def repeated(array, factor):
    return array.repeat(factor, axis=1).repeat(factor, axis=2)


def outputs_of(model, names, batch):
    inner = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    return {name: np.asarray(output) for name, output in inner(batch).items()}


# The network


def test_every_pixel_gets_probabilities(segmenter):
    probabilities = segmenter.predict(pictures(), verbose=0)
    assert probabilities.shape == (2, *SIZE, CLASSES) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    assert (probabilities > 0).all() and np.ptp(probabilities, axis=(1, 2)).max() > 0.01
    assert segmenter.name == "small_resnet_fpn" and segmenter.input_shape == (None, *SIZE, 3)


def test_pictures_that_were_scaled_before_are_refused(segmenter, traced):
    with pytest.raises(Exception, match="must be in 0..255"):
        segmenter.predict(pictures() / 255, verbose=0)


def test_equation_1_in_the_network(tiny):
    names = [f"lateral_{level}" for level in (2, 3, 4, 5)] + ["p2", "p3", "p4"]
    found = outputs_of(tiny, names, pictures())
    above = found["lateral_5"]  # P_5 = F_5
    assert above.shape == (2, 2, 3, 8)
    for level in (4, 3, 2):
        above = repeated(above, 2) + found[f"lateral_{level}"]
        np.testing.assert_allclose(found[f"p{level}"], above, atol=1e-5)
    assert above.shape == (2, 16, 24, 8)


def test_laterals_are_linear_and_pointwise(tiny):
    features = tiny.get_layer("tiny")(pictures())
    for level, feature in zip((2, 3, 4, 5), features):
        kernel, bias = tiny.get_layer(f"lateral_{level}").get_weights()
        found = outputs_of(tiny, [f"lateral_{level}"], pictures())[f"lateral_{level}"]
        assert kernel.shape == (1, 1, level + 2, 8)
        np.testing.assert_allclose(found, np.asarray(feature) @ kernel[0, 0] + bias, atol=1e-5)
        assert (found < 0).any()


def test_from_the_pyramid_to_the_probabilities(tiny):
    """Concatenated, two 3 x 3 convolutions with one ReLU between them, softmax, then enlarged."""
    found = outputs_of(tiny, ["p2", "p3", "p4", "lateral_5", "merge", "scores", "probabilities"], pictures())
    x = np.concatenate([repeated(found[name], factor) for name, factor in
                        (("p2", 1), ("p3", 2), ("p4", 4), ("lateral_5", 8))], axis=-1)
    for name in ("merge", "scores"):
        kernel, bias = tiny.get_layer(name).get_weights()
        assert kernel.shape[:2] == (3, 3)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = bias + sum(padded[:, row:row + 16, column:column + 24] @ kernel[row, column]
                       for row in range(3) for column in range(3))
        x = np.maximum(x, 0) if name == "merge" else x
        np.testing.assert_allclose(found[name], x, atol=1e-4)
    powers = np.exp(x)
    probabilities = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
    # Enlarged four times, bilinearly: the middle of output pixel y lies at (y + 1/2) / 4 - 1/2.
    answer = tiny.predict(pictures(), verbose=0)
    for row, column in ((0, 0), (17, 42), (30, 95), (63, 50)):
        (y, down), (x0, right) = (divmod(np.clip((place + 0.5) / 4 - 0.5, 0, last), 1)
                                  for place, last in ((row, 15), (column, 23)))
        rows, columns = np.minimum([int(y), int(y) + 1], 15), np.minimum([int(x0), int(x0) + 1], 23)
        corners = probabilities[:, rows][:, :, columns]
        expected = np.einsum("bijc,i,j->bc", corners, [1 - down, down], [1 - right, right])
        np.testing.assert_allclose(answer[:, row, column], expected, atol=1e-5)


@pytest.mark.parametrize("height, width", [(33, 50), (47, 64)])
def test_sizes_that_are_no_multiple_of_32(height, width):
    assert_as_the_padded_picture(tiny_segmenter, height, width, CLASSES)


def test_a_named_backbone_is_built_for_the_padded_size():
    model = fpn_segmenter("small_vgg", 3, (40, 33), channels=4, seed=1)
    assert model.get_layer("small_vgg").input_shape == (None, 64, 64, 3)
    assert model.predict(pictures(1, 40, 33), verbose=0).shape == (1, 40, 33, 3)


def test_one_number_is_a_square():
    assert tiny_segmenter(32, 32).output_shape == (None, 32, 32, CLASSES)
    assert fpn_segmenter(tiny_backbone(32, 32), 3, 32, channels=4).output_shape == (None, 32, 32, 3)


def test_seed_and_regularizer_reach_the_backbone_and_the_pyramid(segmenter):
    again = fpn_segmenter("small_resnet", CLASSES, SIZE, channels=8, seed=1,
                          regularizer=keras.regularizers.L2(0.1))
    for one, other in zip(segmenter.get_layer("small_resnet").get_weights(),
                          again.get_layer("small_resnet").get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    kernels = [weight.numpy() for weight in again.trainable_weights if weight.path.endswith("kernel")]
    assert len(again.losses) == len(kernels) == 13 + 4 + 2 and not segmenter.losses
    expected = 0.1 * sum((kernel ** 2).sum() for kernel in kernels)
    assert float(sum(again.losses)) == pytest.approx(expected, rel=1e-5)


def test_the_seed_draws_the_pyramid_too():
    pooled = keras.Input((32, 32, 3))
    backbone = keras.Model(pooled, [keras.layers.AveragePooling2D(side)(pooled) for side in (4, 8, 16, 32)])
    one, again, other = (fpn_segmenter(backbone, 8, 32, channels=8, seed=seed) for seed in (1, 1, 2))
    kernels = {}
    for name in ("lateral_2", "lateral_3", "lateral_4", "lateral_5", "merge", "scores"):
        kernels[name], same, different = (
            model.get_layer(name).get_weights()[0] for model in (one, again, other))
        np.testing.assert_array_equal(same, kernels[name])
        assert (different != kernels[name]).all()
    laterals = [kernels[f"lateral_{level}"] for level in (2, 3, 4, 5)]  # all of one shape
    assert len(np.unique(laterals)) == 4 * 3 * 8


@pytest.mark.parametrize("size", [(31, 64), (64, 31), 16, (0, 64)])
def test_pictures_below_the_pyramids_stride(size):
    with pytest.raises(DataError, match=r"image_size \(.*the smallest feature map has a stride of 32"):
        fpn_segmenter("small_resnet", CLASSES, size)


@pytest.mark.parametrize("levels", [(), (1,), (2, 6), (2, 3, 4, 5, 6)])
def test_bad_levels(levels):
    with pytest.raises(DataError, match=r"levels \(.*: choose some of \(2, 3, 4, 5\)"):
        fpn_segmenter("small_resnet", CLASSES, 64, levels=levels)


def test_an_unknown_backbone():
    with pytest.raises(DataError, match="no backbone 'resnet'"):
        fpn_segmenter("resnet", CLASSES, 64)


@pytest.mark.parametrize("levels, laterals, merged", [
    ((5,), "5", 8), ((2,), "2345", 8), ((4, 3), "345", 16), ([5, 2], "2345", 16), ((3, 3), "345", 8)])
def test_some_levels(levels, laterals, merged):
    model = tiny_segmenter(levels=levels)
    assert {layer.name for layer in model.layers if layer.name.startswith("lateral")} == {
        f"lateral_{level}" for level in laterals}
    assert model.get_layer("merge").kernel.shape[2] == merged
    side = 64 // 2 ** min(levels)
    assert model.get_layer("probabilities").output.shape[1] == side
    answer = model.predict(pictures(), verbose=0)
    assert answer.shape == (2, 64, 96, CLASSES)
    np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-5)


# The layers by themselves


def test_both_sides_of_a_photo_are_averaged(segmenter, tmp_path):
    batch, both = pictures(3), mirror_averaged(segmenter)
    expected = (segmenter.predict(batch, verbose=0)
                + segmenter.predict(batch[:, :, ::-1], verbose=0)[:, :, ::-1]) / 2
    np.testing.assert_allclose(both.predict(batch, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(both.predict(batch[:, :, ::-1], verbose=0), expected[:, :, ::-1], atol=1e-6)
    both.save(tmp_path / "both.keras")
    again = keras.models.load_model(tmp_path / "both.keras", safe_mode=True)
    np.testing.assert_allclose(again.predict(batch, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_class_weights_are_undone(segmenter, tmp_path, share):
    batch, weights = pictures(2), np.array([0.5, 1, 2, 4, 8])
    before = segmenter.predict(batch, verbose=0)
    expected = before / weights**share
    expected /= expected.sum(-1, keepdims=True)
    model = without_class_weights(segmenter, weights, share)
    np.testing.assert_allclose(model.predict(batch, verbose=0), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again.predict(batch, verbose=0), expected, atol=1e-6)


def test_add_to_upsampled_is_equation_1():
    draw = np.random.default_rng(0)
    above, lateral = draw.normal(size=(2, 3, 4, 5)), draw.normal(size=(2, 6, 8, 5))
    found = add_to_upsampled(keras.ops.cast(above, "float32"), keras.ops.cast(lateral, "float32"))
    np.testing.assert_allclose(found, repeated(above, 2) + lateral, atol=1e-6)
    # by hand: one feature above becomes four
    found = add_to_upsampled(np.float32([[[[1], [2]]]]), np.zeros((1, 2, 4, 1), "float32"))
    assert np.asarray(found)[0, ..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_at_one_size():
    draw = np.random.default_rng(0)
    levels = [draw.normal(size=(2, 8 // factor, 12 // factor, 3)).astype("float32") for factor in (1, 2, 4)]
    found = np.asarray(at_one_size(levels))
    assert found.shape == (2, 8, 12, 9)
    for number, (level, factor) in enumerate(zip(levels, (1, 2, 4))):
        np.testing.assert_array_equal(found[..., 3 * number:3 * number + 3], repeated(level, factor))
    np.testing.assert_array_equal(at_one_size(levels[:1]), levels[0])


# Loss and accuracy


def answers(seed=0, count=3, void=0.2):
    """(true masks with unlabelled pixels, probabilities)."""
    draw = np.random.default_rng(seed)
    masks = draw.integers(0, CLASSES, (count, 6, 7)).astype(np.uint8)
    masks[draw.random(masks.shape) < void] = 255
    probabilities = draw.dirichlet(np.ones(CLASSES), masks.shape).astype("float32")
    return masks, probabilities


WEIGHTS = [0.2, 1.0, 3.0, 0.5, 7.0]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("void", [0.0, 0.2, 0.95])
def test_cross_entropy_by_numpy(weights, void):
    masks, probabilities = answers(void=void)
    true = masks[masks != 255]
    chosen = probabilities[masks != 255][np.arange(len(true)), true].astype(float)
    per_pixel = np.ones(len(true)) if weights is None else np.array(weights)[true]
    expected = (-np.log(chosen) * per_pixel).sum() / per_pixel.sum()
    assert float(PixelCrossEntropy(weights)(masks, probabilities)) == pytest.approx(expected, rel=1e-5)
    if weights is not None:  # the scale of the weights does not matter
        scaled = PixelCrossEntropy([1000 * weight for weight in weights])
        assert float(scaled(masks, probabilities)) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_is_kerass_where_every_pixel_is_labelled():
    masks, probabilities = answers(void=0)
    expected = keras.losses.SparseCategoricalCrossentropy()(masks, probabilities)
    assert float(PixelCrossEntropy()(masks, probabilities)) == pytest.approx(float(expected), rel=1e-5)
    assert float(PixelCrossEntropy()(masks.astype("int64"), probabilities)) == pytest.approx(
        float(expected), rel=1e-5)


def test_a_probability_of_zero_does_not_end_the_training():
    masks, probabilities = np.zeros((1, 1, 2), np.uint8), np.float32([[[[0, 1], [1, 0]]]])
    assert float(PixelCrossEntropy()(masks, probabilities)) == pytest.approx(-np.log(1e-7) / 2, rel=1e-5)


def test_nothing_labelled_costs_nothing():
    masks, probabilities = answers()
    assert float(PixelCrossEntropy(WEIGHTS)(np.full_like(masks, 255), probabilities)) == 0


def test_unlabelled_pixels_have_no_gradient():
    import tensorflow as tf

    masks, probabilities = answers()
    watched = tf.Variable(probabilities)
    with tf.GradientTape() as tape:
        loss = PixelCrossEntropy(WEIGHTS)(masks, watched)
    gradient = tape.gradient(loss, watched).numpy()
    true = masks != 255
    assert not gradient[~true].any() and (gradient[true] < 0).sum() == true.sum()


def test_another_number_for_unlabelled():
    masks, probabilities = answers()
    other = np.where(masks == 255, -1, masks.astype(int))
    assert float(PixelCrossEntropy(WEIGHTS, ignore=-1)(other, probabilities)) == pytest.approx(
        float(PixelCrossEntropy(WEIGHTS)(masks, probabilities)))
    metric, same = PixelAccuracy(ignore=-1), PixelAccuracy()
    metric.update_state(other, probabilities)
    same.update_state(masks, probabilities)
    assert float(metric.result()) == pytest.approx(float(same.result()))


def test_a_label_that_does_not_count():
    """The background, say: pixels that are truly background are left out, whatever is predicted there."""
    masks, probabilities = answers(void=0)
    without = np.where(masks == 0, 255, masks)
    metric, same = PixelAccuracy(ignore=0), PixelAccuracy()
    metric.update_state(masks, probabilities)
    same.update_state(without, probabilities)
    assert float(metric.result()) == pytest.approx(float(same.result()))
    assert float(PixelCrossEntropy(WEIGHTS, ignore=0)(masks, probabilities)) == pytest.approx(
        float(PixelCrossEntropy(WEIGHTS)(without, probabilities)))


def test_pixel_accuracy_by_numpy():
    metric, right, total = PixelAccuracy(), 0, 0
    assert float(metric.result()) == 0
    for seed, void in ((0, 0.0), (1, 0.6), (2, 1.0)):  # pixels count alike, not pictures
        masks, probabilities = answers(seed, void=void)
        metric.update_state(masks, probabilities)
        right += (probabilities.argmax(-1) == masks).sum()
        total += (masks != 255).sum()
        assert float(metric.result()) == pytest.approx(right / total, rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_pixel_accuracy_with_batches_of_other_sizes():
    """The last batch of a validation may be smaller; its pixels count no more for that."""
    metric, right, total = PixelAccuracy(), 0, 0
    for seed, count in ((0, 9), (1, 1)):
        masks, probabilities = answers(seed, count, void=0.3)
        if seed:
            probabilities = np.eye(CLASSES, dtype="float32")[masks % CLASSES]  # all right
        metric.update_state(masks, probabilities)
        right += (probabilities.argmax(-1) == masks).sum()
        total += (masks != 255).sum()
    assert float(metric.result()) == pytest.approx(right / total, rel=1e-5)


@pytest.mark.slow
def test_a_compiled_segmenter_survives_saving(tiny, tmp_path, traced):
    loss = PixelCrossEntropy(WEIGHTS, ignore=254)
    tiny.compile(keras.optimizers.SGD(0.1), loss, metrics=[PixelAccuracy(254)], jit_compile=False)
    masks = np.random.default_rng(1).integers(0, CLASSES, (2, 64, 96)).astype(np.uint8)
    masks[:, :20] = 254
    before = tiny.get_weights()
    history = tiny.fit(pictures(), masks, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0] and set(history) == {"loss", "accuracy"}
    tiny.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(pictures(), verbose=0), tiny.predict(pictures(), verbose=0))
    assert type(loaded.loss) is PixelCrossEntropy
    assert loaded.loss.get_config() == {
        "class_weights": WEIGHTS, "ignore": 254, "name": "pixel_cross_entropy"}
    # The numbers are those of the loss and the metric by themselves.
    probabilities = loaded.predict(pictures(), verbose=0)
    value, accuracy = loaded.evaluate(pictures(), masks, verbose=0)
    assert value == pytest.approx(float(loss(masks, probabilities)), rel=1e-5)
    assert accuracy == pytest.approx((probabilities.argmax(-1) == masks)[masks != 254].mean(), rel=1e-5)
    tiny.set_weights(before)


def test_a_named_backbone_of_ones_own():
    backbone = build_backbone("small_vgg", (64, 64), seed=1, pyramid=True)
    model = fpn_segmenter(backbone, 2, (60, 64), channels=4)
    assert model.get_layer("small_vgg") is backbone
    assert model.output_shape == (None, 60, 64, 2)
