"""Unfolded networks against the same networks before."""

import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone, build_classifier
from fashion_tf.models.normalization import set_momentum, unfold_batch_normalization


def normalisations(backbone):
    return [layer for layer in backbone.layers[-1].layers if isinstance(layer, keras.layers.BatchNormalization)]


def photos(count=40):
    return np.random.default_rng(1).integers(0, 256, (count, 32, 48, 3), np.uint8)


@pytest.fixture
def folded():
    """A network with scales and offsets of its own, and the statistics of a file without any."""
    backbone, draw = build_backbone("small_resnet", (32, 48), seed=2), np.random.default_rng(3)
    for layer in normalisations(backbone):
        scale, offset, mean, variance = layer.get_weights()
        layer.set_weights([draw.uniform(0.5, 1.5, scale.shape), draw.normal(0, 0.3, offset.shape), mean, variance])
    return backbone


def test_what_the_network_computes_stays(folded):
    before = folded(photos(), training=False).numpy()
    assert unfold_batch_normalization(folded, photos(), batch_size=16) == len(normalisations(folded)) == 13
    after = folded(photos(), training=False).numpy()
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


def test_the_statistics_are_the_pictures(folded):
    """In training the same pictures then give nearly what they gave before, and did not while it was folded."""
    before, weights = folded(photos(), training=False).numpy(), folded.get_weights()
    while_folded = np.abs(folded(photos(), training=True).numpy() - before).mean()
    folded.set_weights(weights)  # training has moved the statistics
    first = normalisations(folded)[0]
    arriving = keras.Model(folded.layers[-1].inputs, first.input)(folded.layers[-2](photos())).numpy()
    unfold_batch_normalization(folded, photos())
    np.testing.assert_allclose(first.moving_mean, arriving.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(first.moving_variance, arriving.var((0, 1, 2)), rtol=1e-3, atol=1e-4)
    unfolded = np.abs(folded(photos(), training=True).numpy() - before).mean()
    assert unfolded < 1e-3 * np.abs(before).mean() < 0.1 * while_folded


def test_where_there_is_nothing_to_unfold(folded):
    assert unfold_batch_normalization(build_backbone("small_vgg", 32), photos()) == 0
    with pytest.raises(DataError, match="no pictures to take statistics from"):
        unfold_batch_normalization(folded, photos(0))
    normalisations(folded)[2].scale = False
    with pytest.raises(DataError, match="has no scale or no offset"):
        unfold_batch_normalization(folded, photos())


def test_statistics_follow_as_slowly_as_asked():
    model = build_classifier("small_resnet", 2, (32, 48), seed=1)
    assert set_momentum(model, 0.5) == 13
    first = normalisations(model.get_layer("small_resnet"))[0]
    model(photos(), training=True)
    once = np.array(first.moving_mean)
    model(photos(), training=True)
    np.testing.assert_allclose(first.moving_mean, 1.5 * once, rtol=1e-4)  # of a mean m: m / 2, then 3 m / 4
    assert np.abs(once).max() > 0 and set_momentum(build_backbone("small_vgg", 32), 0.5) == 0
