"""ResNet-18: the published count, its shapes, and a block by numpy."""

import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone, build_classifier
from fashion_tf.models.resnet18 import resnet18

PUBLISHED = 11_689_512  # trained weights with 1,000 classes, as torchvision's documentation lists them


@pytest.fixture(scope="module")
def network():
    return resnet18((64, 96, 3))


def trained(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_parameters_are_the_published_11_7_million(network):
    assert trained(build_classifier("resnet18", 1000, 64)) == PUBLISHED
    normalised = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert network.count_params() == trained(network) + sum(2 * layer.gamma.shape[0] for layer in normalised)
    # 17 convolutions and the Dense layer are the 18; three more project shortcuts.
    assert len(convolutions) == len(normalised) == 17 + 3


def test_stages_have_strides_4_to_32(network):
    assert [output.shape[1:] for output in network.outputs] == [
        (16, 24, 64), (8, 12, 128), (4, 6, 256), (2, 3, 512)]
    backbone = build_backbone("resnet18", 64, pyramid=True)
    assert [output.shape[-1] for output in backbone.outputs] == [64, 128, 256, 512]
    assert build_backbone("resnet18", 64).output.shape == (None, 2, 2, 512)


def test_a_block_adds_what_came_in(network):
    """conv3_block1 by numpy, its normalisation at fresh statistics."""
    start = network.get_layer("conv2_block2_out").output
    block = keras.Model(network.inputs, [start, network.get_layer("conv3_block1_out").output])
    pictures = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype("float32")
    x, out = block.predict(pictures, verbose=0)

    def convolved(x, name, stride):
        kernel = network.get_layer(f"{name}_conv").get_weights()[0]
        side = kernel.shape[0]
        x = np.pad(x, ((0, 0), (side // 2,) * 2, (side // 2,) * 2, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]
        return np.einsum("byxcij,ijco->byxo", windows, kernel) / np.sqrt(1 + 1e-5)

    inner = np.maximum(convolved(x, "conv3_block1_1", 2), 0)
    expected = np.maximum(convolved(x, "conv3_block1_0", 2) + convolved(inner, "conv3_block1_2", 1), 0)
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3)


def test_there_are_no_imagenet_weights_for_it(monkeypatch):
    monkeypatch.delenv("FASHION_TF_WEIGHTS", raising=False)
    with pytest.raises(DataError, match="resnet18 has no ImageNet weights for Keras"):
        build_backbone("resnet18", 64, "imagenet")
