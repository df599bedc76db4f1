"""The part behind a frozen backbone against the whole parser, and its batches against slices of the arrays."""

import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models.fpn import PixelCrossEntropy, fpn_segmenter
from fashion_tf.models.frozen import feature_batches, feature_maps, parser_head

pytestmark = pytest.mark.usefixtures("eagerly")
CLASSES = 3


def segmenter(height=64, width=96, padded=None, **options):
    """A parser on four bare convolutions: tracing a real backbone takes longer than all that is tested here."""
    keras.utils.set_random_seed(1)
    pictures = keras.Input((*(padded or (height, width)), 3))
    x, outputs = keras.layers.Rescaling(1 / 255)(pictures), []
    for stride, channels in ((4, 4), (2, 5), (2, 6), (2, 7)):
        x = keras.layers.Conv2D(channels, 3, strides=stride, padding="same", activation="relu")(x)
        outputs.append(x)
    backbone = keras.Model(pictures, outputs, name="tiny")
    return fpn_segmenter(backbone, CLASSES, (height, width), channels=8, **options)


def photos(count=5, height=64, width=96):
    draw = np.random.default_rng(0)
    return (draw.integers(0, 256, (count, height, width, 3), np.uint8),
            draw.integers(0, CLASSES, (count, height, width), np.uint8))


@pytest.mark.parametrize("levels", [(2, 3, 4, 5), (2,), (5,)])
def test_the_head_answers_as_the_parser_does(levels):
    model, (images, _) = segmenter(levels=levels), photos()
    head, maps = parser_head(model), feature_maps(model, images, batch_size=2)
    assert len(maps) == len(head.inputs) == 6 - min(levels)
    inner = keras.Model(model.input, model.get_layer("probabilities").output)
    for side, seen in enumerate((images, images[:, :, ::-1])):
        coarse = head.predict_on_batch([one[side] for one in maps])
        if min(levels) == 2:
            expected = inner.predict_on_batch(seen)
        else:  # enlarged along straight lines: the middle of four pixels is their mean
            whole = model.predict_on_batch(seen)
            expected = sum(whole[:, row::4, column::4] for row in (1, 2) for column in (1, 2)) / 4
        assert coarse.shape == (5, 16, 24, CLASSES)
        np.testing.assert_allclose(coarse, expected, atol=1e-5)


def test_maps_are_those_of_the_weights_of_now():
    """The backbone is compiled once, for each parser."""
    first, second, (images, _) = segmenter(), segmenter(levels=(5,)), photos(2)
    before = feature_maps(first, images)
    assert len(feature_maps(second, images)) == 1
    backbone = first.get_layer("tiny")
    backbone.set_weights([2 * weight for weight in backbone.get_weights()])
    after = feature_maps(first, images)
    for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
        np.testing.assert_allclose(other, 2**number * one, rtol=1e-5)


@pytest.mark.slow
def test_to_train_the_head_is_to_train_the_parser(traced):
    model, (images, masks) = segmenter(), photos()
    head, maps = parser_head(model), feature_maps(model, images)
    before, backbone = model.predict_on_batch(images), model.get_layer("tiny").get_weights()
    head.compile("adam", PixelCrossEntropy(), jit_compile=False)
    head.fit(feature_batches(maps, masks, 5, training=True, seed=1), epochs=2, shuffle=False, verbose=0)
    assert np.abs(model.predict_on_batch(images) - before).max() > 1e-4
    assert all(map(np.array_equal, model.get_layer("tiny").get_weights(), backbone))


def batches_of_epochs(maps, masks, epochs=1, **options):
    batches = feature_batches(maps, masks, **options)
    return [[(tuple(map(np.asarray, one)), np.asarray(mask)) for one, mask in batches] for _ in range(epochs)]


def numbered(count=6, height=64, width=96):
    """Maps that say whose they are and which way round, and masks whose mirror image is another."""
    maps = [np.stack([np.full((count, height // stride, width // stride, 1), side) * 100 + np.arange(count)[
        :, None, None, None] for side in (0, 1)]).astype(np.float32) for stride in (4, 8)]
    return maps, photos(count, height, width)[1]


def test_masks_are_mirrored_with_their_photos():
    maps, masks = numbered()
    seen = []
    for (large, small), coarse in sum(batches_of_epochs(maps, masks, 8, batch_size=3, training=True, seed=2), []):
        assert large.shape == (3, 16, 24, 1) and small.shape == (3, 8, 12, 1) and coarse.shape == (3, 16, 24)
        for one, other, mask in zip(large, small, coarse):
            side, row = divmod(int(one[0, 0, 0]), 100)
            assert int(other[0, 0, 0]) == 100 * side + row
            turned = masks[row, :, ::-1] if side else masks[row]
            np.testing.assert_array_equal(mask, turned[2::4, 2::4])
            seen.append((side, row))
    assert {row for _, row in seen} == set(range(6)) and len(seen) == 48
    assert 12 <= sum(side for side, _ in seen) <= 36


def test_without_training_every_photo_comes_once_in_order_as_it_is():
    maps, masks = numbered(count=5)
    (epoch,) = batches_of_epochs(maps, masks, batch_size=2, training=False)
    assert [int(one[0, 0, 0]) for (large, _), _ in epoch for one in large] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(np.concatenate([mask for _, mask in epoch]), masks[:, 2::4, 2::4])


def test_a_training_that_goes_on_sees_what_it_would_have_seen():
    maps, masks = numbered()
    options = {"batch_size": 2, "training": True, "seed": 3}
    first, second = batches_of_epochs(maps, masks, 2, **options)
    (later,) = batches_of_epochs(maps, masks, first_epoch=1, **options)
    assert not all(np.array_equal(one[1], other[1]) for one, other in zip(first, second))
    for (maps_one, mask), (maps_other, other) in zip(second, later):
        assert np.array_equal(mask, other) and all(map(np.array_equal, maps_one, maps_other))


def test_a_padded_margin_is_unlabelled():
    model, (images, masks) = segmenter(60, 90, padded=(64, 96)), photos(2, 60, 90)
    maps = feature_maps(model, images)
    ((_, coarse),) = batches_of_epochs(maps, masks, batch_size=2, training=False)[0]
    assert coarse.shape == (2, 16, 24) == parser_head(model).predict_on_batch([one[0] for one in maps]).shape[:3]
    np.testing.assert_array_equal(coarse[:, :15, :22], masks[:, 2::4, 2::4])
    assert (coarse[:, 15:] == 255).all() and (coarse[:, :, 23:] == 255).all()


def test_dropped_channels_are_zero_all_over_and_the_others_raised():
    maps = [np.ones((2, 40, side, side, 50), np.float32) for side in (4, 2)]
    masks = np.zeros((40, 16, 16), np.uint8)
    (epoch,) = batches_of_epochs(maps, masks, batch_size=40, training=True, seed=4, dropout=0.2)
    for one in epoch[0][0]:
        assert set(np.unique(one)) == {0, np.float32(1.25)}
        assert (one == one[:, :1, :1]).all()  # a channel is there in all pixels, or in none
        assert 0.15 < (one[:, 0, 0] == 0).mean() < 0.25 and len(np.unique(one[:, 0, 0], axis=0)) == 40
    assert not np.array_equal(epoch[0][0][0][:, 0, 0], epoch[0][0][1][:, 0, 0])
    (epoch,) = batches_of_epochs(maps, masks, batch_size=40, training=False, dropout=0.2)
    assert all((one == 1).all() for one in epoch[0][0])


def test_maps_of_other_photos_are_refused():
    maps, masks = numbered()
    with pytest.raises(DataError, match="5 masks and feature maps"):
        feature_batches(maps, masks[:5], 2, training=True)
    with pytest.raises(DataError, match="6 photos do not fill one training batch of 7"):
        feature_batches(maps, masks, 7, training=True)
    with pytest.raises(DataError, match="dropout=1.0"):
        feature_batches(maps, masks, 2, training=True, dropout=1.0)
