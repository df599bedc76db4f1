"""U-Net, DeepLabV3+ and the stage that keeps its size: against numpy, against keras-cv, and saved and loaded again."""

import keras
import numpy as np
import pytest
from models.made import assert_as_the_padded_picture, pictures

from fashion_tf import predictor
from fashion_tf.errors import DataError
from fashion_tf.models.atrous import without_last_stride
from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.deeplab import deeplab_segmenter, scaled_rates
from fashion_tf.models.unet import unet_segmenter

pytestmark = pytest.mark.usefixtures("eagerly")
CLASSES = 3


def tiny_backbone(height, width, strides=(2, 2, 2, 2, 2)):
    """C1 to C5 without a network: tracing one takes longer than all that is tested here."""
    pictures = keras.Input((height, width, 3))
    x, outputs = keras.layers.Rescaling(1 / 255)(pictures), []
    for number, stride in enumerate(strides, 1):
        x = keras.layers.Conv2D(3 + number, 3, strides=stride, padding="same", activation="relu", name=f"c{number}",
                                kernel_initializer=keras.initializers.HeNormal(number))(x)
        outputs.append(x)
    return keras.Model(pictures, outputs, name="tiny")


def tiny_unet(height=64, width=96, padded=None):
    return unet_segmenter(tiny_backbone(*(padded or (height, width))), CLASSES, (height, width), channels=(8, 6, 5, 4),
                          seed=1)


def tiny_deeplab(height=64, width=96, padded=None, **options):
    backbone = tiny_backbone(*(padded or (height, width)), strides=(2, 2, 2, 2, 1))
    backbone = keras.Model(backbone.input, backbone.outputs[1:], name="tiny")
    return deeplab_segmenter(backbone, CLASSES, (height, width), channels=8, projection=4, seed=1, **options)


def outputs_of(model, names, batch):
    inner = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    return {name: np.asarray(output) for name, output in inner(batch).items()}


def convolved(x, kernel, rate=1):
    """A convolution that keeps the size, tap by tap."""
    high, wide = kernel.shape[:2]
    down, across = rate * (high // 2), rate * (wide // 2)
    padded = np.pad(x, ((0, 0), (down, down), (across, across), (0, 0)))
    return sum(padded[:, i * rate:i * rate + x.shape[1], j * rate:j * rate + x.shape[2]] @ kernel[i, j]
               for i in range(high) for j in range(wide))


def normalised(x, layer):
    scale, shift, mean, variance = layer.get_weights()
    return np.maximum((x - mean) / np.sqrt(variance + layer.epsilon) * scale + shift, 0)


def bilinear(x, factor):
    """Along each axis the middle of output place y lies at (y + 1/2) / factor - 1/2."""
    for axis in (1, 2):
        last = x.shape[axis] - 1
        places = np.clip((np.arange(factor * (last + 1)) + 0.5) / factor - 0.5, 0, last)
        low = np.floor(places).astype(int)
        share = (places - low).reshape([-1 if axis == one else 1 for one in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, last), axis) * share
    return x


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def disturb_norms(model):
    """Batch normalisation that does something, so that a missing one shows."""
    generator = np.random.default_rng(3)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, one.shape) for one in layer.get_weights()])


# U-Net


def test_unet_is_what_its_description_says():
    model = tiny_unet()
    disturb_norms(model)
    names = [f"skip_{level}" for level in (4, 3, 2, 1)] + [f"up_{level}" for level in (4, 3, 2, 1)] + ["scores"]
    found = outputs_of(model, names, pictures())
    *skips, x = map(np.asarray, model.get_layer("tiny")(pictures()))
    kernels = iter([layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)])
    norms = iter([layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)])
    for level, skip in zip((4, 3, 2, 1), skips[::-1], strict=True):
        x = np.concatenate([x.repeat(2, axis=1).repeat(2, axis=2), skip], axis=-1)
        np.testing.assert_allclose(found[f"skip_{level}"], x, atol=1e-5)
        for _ in range(2):
            layer = next(kernels)
            assert not layer.use_bias
            x = normalised(convolved(x, layer.get_weights()[0]), next(norms))
        np.testing.assert_allclose(found[f"up_{level}"], x, rtol=1e-3, atol=1e-4)
    assert x.shape == (2, 32, 48, 4)
    kernel, bias = next(kernels).get_weights()
    np.testing.assert_allclose(model.predict(pictures(), verbose=0), softmax(bilinear(x @ kernel[0, 0] + bias, 2)),
                               atol=1e-4)


def test_unet_on_a_kits_backbone():
    model = unet_segmenter("small_resnet", CLASSES, (64, 96), channels=(8, 8, 8, 8), seed=1)
    probabilities = model.predict(pictures(), verbose=0)
    assert probabilities.shape == (2, 64, 96, CLASSES) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    assert model.name == "small_resnet_unet" and model.get_layer("small_resnet").output[0].shape[1:3] == (32, 48)
    with pytest.raises(Exception, match="must be in 0..255"):
        model.predict(pictures() / 255, verbose=0)


# DeepLabV3+


def test_deeplab_is_what_its_description_says():
    model = tiny_deeplab(rates=(1, 2, 3))
    disturb_norms(model)
    early, *_, last = map(np.asarray, model.get_layer("tiny")(pictures()))
    assert last.shape[1:3] == (4, 6) and early.shape[1:3] == (16, 24)

    def layer(x, name, rate=1):
        kernel, = model.get_layer(name).get_weights()
        return normalised(convolved(x, kernel, rate), model.get_layer(f"{name}_norm"))

    mean = layer(last.mean((1, 2), keepdims=True), "mean_conv")
    x = np.concatenate([layer(last, "pointwise"), *(layer(last, f"atrous_{rate}", rate) for rate in (1, 2, 3)),
                        np.broadcast_to(mean, (2, 4, 6, 8))], axis=-1)
    found = outputs_of(model, ["pyramid", "joined_relu", "with_early", "refined_2_relu"], pictures())
    np.testing.assert_allclose(found["pyramid"], x, rtol=1e-3, atol=1e-4)
    x = layer(x, "joined")
    np.testing.assert_allclose(found["joined_relu"], x, rtol=1e-3, atol=1e-4)
    x = np.concatenate([bilinear(x, 4), layer(early, "early")], axis=-1)
    np.testing.assert_allclose(found["with_early"], x, rtol=1e-3, atol=1e-4)
    x = layer(layer(x, "refined_1"), "refined_2")
    np.testing.assert_allclose(found["refined_2_relu"], x, rtol=1e-3, atol=1e-3)
    kernel, bias = model.get_layer("scores").get_weights()
    np.testing.assert_allclose(model.predict(pictures(), verbose=0), softmax(bilinear(x @ kernel[0, 0] + bias, 4)),
                               atol=1e-4)


@pytest.mark.parametrize("size, rates", [((33, 33), (6, 12, 18)), ((33, 60), (6, 12, 18)), ((8, 8), (1, 3, 4)),
                                         ((12, 8), (1, 3, 4)), ((2, 2), (1, 1, 1)), ((65, 65), (12, 24, 35))])
def test_rates_keep_their_share_of_the_map(size, rates):
    assert scaled_rates(size) == rates


def test_no_scaled_rate_reads_padding_alone():
    for side in range(3, 40):
        assert max(scaled_rates((side, side))) < side


def test_deeplab_scales_its_rates_to_the_map():
    model = deeplab_segmenter("small_resnet", 2, (128, 192), channels=8, seed=1)
    assert [model.get_layer(f"atrous_{number}").dilation_rate for number in (1, 2, 3)] == [(1, 1), (3, 3), (4, 4)]


def test_a_rate_beyond_the_map_reads_nothing_but_its_middle():
    """128 pixels at stride 32 are a map of 4 x 4: with the rate 6 all taps but the middle one read padding."""
    model = deeplab_segmenter("small_resnet", 2, 128, channels=8, output_stride=32, rates=(6, 12, 18), seed=1)
    before = model.predict(pictures(1, 128, 128), verbose=0)
    for name in ("atrous_1", "atrous_2", "atrous_3"):
        kernel, = model.get_layer(name).get_weights()
        middle = np.zeros_like(kernel)
        middle[1, 1] = kernel[1, 1]
        model.get_layer(name).set_weights([middle])
    np.testing.assert_allclose(model.predict(pictures(1, 128, 128), verbose=0), before, atol=1e-6)


@pytest.mark.slow
def test_deeplab_against_keras_cv():
    """Layer by layer on the same backbone: shapes, parameters, and with its weights its answer."""
    pytest.importorskip("keras_cv", reason="keras-cv is not installed")
    from keras_cv.models import DeepLabV3Plus

    backbone = tiny_backbone(64, 96)
    backbone.pyramid_level_inputs = {"P2": "c2", "P5": "c5"}
    theirs = DeepLabV3Plus(num_classes=CLASSES, backbone=backbone)
    disturb_norms(theirs)
    ours = deeplab_segmenter(keras.Model(backbone.input, backbone.outputs[1:], name="tiny"), CLASSES, (64, 96),
                             output_stride=32, rates=(6, 12, 18), refinement=(1,))
    assert ours.count_params() == theirs.count_params() + CLASSES  # the bias of the scores

    pyramid = theirs.spatial_pyramid_pooling
    branches = [*pyramid.aspp_parallel_channels, pyramid.projection]
    early = next(layer for layer in theirs.layers if isinstance(layer, keras.Sequential)
                 and layer.layers[0].name == "low_level_feature_conv")
    names = ["pointwise", "atrous_1", "atrous_2", "atrous_3", "mean_conv", "joined", "early", "refined_1"]
    for name, part in zip(names, [*branches, early, theirs.segmentation_head], strict=True):
        for mine, kind in ((name, keras.layers.Conv2D), (f"{name}_norm", keras.layers.BatchNormalization)):
            other = next(layer for layer in part.layers if isinstance(layer, kind))
            layer = ours.get_layer(mine)
            assert [w.shape for w in layer.get_weights()] == [w.shape for w in other.get_weights()], mine
            layer.set_weights(other.get_weights())
            if kind is keras.layers.Conv2D:
                assert (layer.dilation_rate, layer.use_bias) == (other.dilation_rate, other.use_bias)
            else:
                assert layer.epsilon == other.epsilon
    kernel, = theirs.segmentation_head.layers[-1].get_weights()
    ours.get_layer("scores").set_weights([kernel, np.zeros(CLASSES)])

    batch = pictures()
    features = backbone(batch)
    inner = outputs_of(ours, ["joined_relu", "early_relu", "at_quarter"], batch)
    np.testing.assert_allclose(inner["joined_relu"], pyramid(features[-1]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(inner["early_relu"], early(features[1]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(inner["at_quarter"], keras.layers.UpSampling2D(8, interpolation="bilinear")(
        pyramid(features[-1])), rtol=1e-4, atol=1e-4)
    answer = theirs.predict(batch, verbose=0)
    assert np.ptp(answer) > 0.1
    np.testing.assert_allclose(ours.predict(batch, verbose=0), answer, atol=1e-4)


# Sizes, and the way to disk and back


@pytest.mark.parametrize("build", [tiny_unet, tiny_deeplab])
@pytest.mark.parametrize("height, width", [(33, 50), (47, 64)])
def test_sizes_that_are_no_multiple_of_32(build, height, width):
    assert_as_the_padded_picture(build, height, width, CLASSES)


@pytest.mark.parametrize("build", [unet_segmenter, deeplab_segmenter])
def test_bad_sizes_and_strides(build):
    with pytest.raises(DataError, match=r"image_size \(31, 64\)"):
        build("small_vgg", 2, (31, 64))
    with pytest.raises(DataError, match="output_stride 8"):
        deeplab_segmenter("small_vgg", 2, 64, output_stride=8)
    with pytest.raises(DataError, match="multiples of 32"):
        build_backbone("small_vgg", (40, 64), pyramid="from half")
    with pytest.raises(DataError, match="multiples of 32"):
        build_backbone("small_vgg", None, output_stride=16)


@pytest.mark.slow
@pytest.mark.parametrize("build", [unet_segmenter, deeplab_segmenter])
@pytest.mark.parametrize("backbone", ["small_resnet", "mobilenet_v2"])
def test_saved_loaded_and_run_again(build, backbone, tmp_path, traced):
    """Through the loader that runs no stranger's code."""
    size = (70, 50)
    model = build(backbone, 2, size, seed=1, channels=(8, 8, 8, 8) if build is unet_segmenter else 16)
    disturb_norms(model)
    predictor.save_predictor(tmp_path / "parser", model, ("background", "clothing"), size, "parsing")
    again = predictor.load_predictor(tmp_path / "parser").model
    batch = pictures(2, *size)
    np.testing.assert_array_equal(again.predict(batch, verbose=0), model.predict(batch, verbose=0))


@pytest.mark.parametrize("build", [unet_segmenter, deeplab_segmenter])
def test_one_seed_gives_one_network_of_different_kernels(build):
    first, second = (build("small_vgg", 2, 32, seed=4).get_weights() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    kernels = [one for one in first if one.ndim == 4]
    assert len({one.ravel()[:4].tobytes() for one in kernels}) == len(kernels)


# The last stage at its input's size


@pytest.mark.parametrize("name", ["small_resnet", *(pytest.param(name, marks=pytest.mark.slow) for name in (
    "small_vgg", "small_resnet_v2", "small_densenet", "small_resnext", "mobilenet_v2", "mobilenet_025"))])
def test_the_last_stage_keeps_its_size(name):
    """The same weights and the same first stages; C5 has C4's size."""
    narrow, wide = (build_backbone(name, (64, 96), pyramid="from half", output_stride=stride, seed=1)
                    for stride in (32, 16))
    assert [output.shape[1:3] for output in narrow.outputs] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [output.shape[1:3] for output in wide.outputs] == [(32, 48), (16, 24), (8, 12), (4, 6), (4, 6)]
    for one, other in zip(narrow.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    batch = pictures(1)
    for one, other in zip(narrow(batch)[:-1], wide(batch)[:-1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid behind zeros"])
def test_atrous_convolution_answers_as_the_strided_stage_where_both_do(padding):
    """Every second place of the larger map is the smaller one: the rate makes up for the stride."""
    pictures_in = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(4, 3, strides=16, padding="same", kernel_initializer=keras.initializers.HeNormal(1))(
        pictures_in)
    if padding != "same":
        x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = keras.layers.DepthwiseConv2D(3, strides=2, padding="same" if padding == "same" else "valid",
                                     depthwise_initializer=keras.initializers.HeNormal(2))(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=keras.initializers.HeNormal(3))(x)
    narrow = keras.Model(pictures_in, keras.layers.Conv2D(5, 1)(x))
    wide = without_last_stride(narrow)
    batch = pictures(1, 64, 64)
    small, large = np.asarray(narrow(batch)), np.asarray(wide(batch))
    assert small.shape == (1, 2, 2, 5) and large.shape == (1, 4, 4, 5)
    # The strided kernel takes in 2y, 2y + 1, 2y + 2: its middle is place 2y + 1 of the larger map.
    np.testing.assert_allclose(large[:, 1::2, 1::2], small, atol=1e-4)
