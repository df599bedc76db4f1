"""Training what stands behind a frozen backbone: what the backbone makes of a photo is computed once.

A backbone that does not learn gives the same photo the same feature maps in every epoch. They are kept, for the photo
and for its mirror image, and only the rest of the network is run and trained.
"""

from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from fashion_tf.augment import uniform
from fashion_tf.errors import DataError
from fashion_tf.metrics import IGNORE
from fashion_tf.models.device import for_this_device
from fashion_tf.models.fpn import LEVELS, STRIDE
from fashion_tf.pipeline import row_batches

FINEST = 4  # the stride of C2
# Training and validation photos are asked for in turn, and tracing it takes longer than a few photos.
_BACKBONES = WeakKeyDictionary()


def parser_head(model):
    """What stands behind a parser's backbone, sharing its weights: to train the one is to train the other.

    It answers at a quarter of the photo's size: enlarging further teaches nothing, and takes most of the memory.

    Args:
        model: A parser as `fashion_tf.models.fpn.fpn_segmenter` returns it.

    Returns:
        A `keras.Model`: the feature maps that the parser uses, the largest first, to probabilities, float32
        (count, height / 4, width / 4, classes) of a photo that was padded to multiples of 32.

    Taught in: 51_clothing_parsing.ipynb
    """
    coarse = model.get_layer("probabilities")
    enlarge = model.get_layer("enlarged").size[0] // FINEST
    output = coarse.output if enlarge == 1 else keras.layers.UpSampling2D(
        enlarge, interpolation="bilinear", dtype="float32")(coarse.output)
    return for_this_device(keras.Model(_maps(model), output, name=f"{model.name}_head"))


def _maps(model):
    """Where the backbone's outputs enter the pyramid, the largest first."""
    names = {layer.name for layer in model.layers}
    return [model.get_layer(f"lateral_{level}").input for level in LEVELS if f"lateral_{level}" in names]


def feature_maps(model, images, batch_size=32):
    """What a parser's backbone makes of photos and of their mirror images.

    Args:
        model: A parser as `fashion_tf.models.fpn.fpn_segmenter` returns it.
        images: uint8 (count, height, width, 3) in 0..255.
        batch_size: Photos at a time.

    Returns:
        A list with the inputs of `parser_head`, each float32 (2, count, height, width, channels): of the photos,
        and of their mirror images.

    Taught in: 51_clothing_parsing.ipynb
    """
    if model not in _BACKBONES:
        _BACKBONES[model] = for_this_device(keras.Model(model.input, _maps(model)))
    backbone = _BACKBONES[model]
    parts = [[keras.tree.flatten(backbone.predict_on_batch(part[:, :, ::turn])) for turn in (1, -1)]
             for part in np.split(images, range(batch_size, len(images), batch_size))]
    return [np.stack([np.concatenate([part[side][place] for part in parts]) for side in (0, 1)])
            for place in range(len(backbone.outputs))]


def feature_batches(maps, masks, batch_size, training, seed=0, first_epoch=0, dropout=0.0):
    """Batches for `parser_head`; in training each photo is mirrored in half of the cases, its mask with it.

    Args:
        maps: As `feature_maps` returns them.
        masks: uint8 (count, height, width). Every fourth pixel of every fourth row is taken; where a photo was padded
            to a multiple of 32, the margin counts as unlabelled.
        batch_size, training, seed, first_epoch: As in `fashion_tf.pipeline.make_pipeline`.
        dropout: Share of each photo's channels that training sets to zero at random, in 0..1; the others are raised to
            the same sum. What a frozen backbone says is the same in every epoch, and soon known by heart.

    Returns:
        A `tf.data.Dataset` of pairs: a tuple of float32 (batch, height, width, channels), and uint8 (batch, height,
        width) of the size that `parser_head` answers in.

    Raises:
        DataError: Another number of masks than of photos, or fewer of them than one training batch; a share out of
            range.

    Taught in: 51_clothing_parsing.ipynb
    """
    if any(one.shape[:2] != (2, len(masks)) for one in maps):
        raise DataError(f"{len(masks)} masks and feature maps of shape {', '.join(str(one.shape) for one in maps)}: "
                        "give maps of as many photos, and of their mirror images.")
    if training and len(masks) < batch_size:
        raise DataError(f"{len(masks)} photos do not fill one training batch of {batch_size}; choose a smaller "
                        "batch_size.")
    if not 0 <= dropout < 1:
        raise DataError(f"dropout={dropout!r}: a share of channels lies in 0..1, and some must be left.")
    margins = [(0, 0), *((0, -side % STRIDE) for side in masks.shape[1:])]
    both = [np.pad(one, margins, constant_values=IGNORE)[:, FINEST // 2::FINEST, FINEST // 2::FINEST]
            for one in (masks, masks[:, :, ::-1])]
    kept, coarse = [tf.constant(one) for one in maps], tf.constant(np.stack(both))
    channels = [one.shape[-1] for one in maps]

    def load(rows, number):
        count = tf.shape(rows)[0]
        if not training:
            where = tf.stack([tf.zeros_like(rows), rows], axis=1)
            return tuple(tf.gather_nd(one, where) for one in kept), tf.gather_nd(coarse, where)
        draws = uniform(count, 1 + sum(channels), number)
        where = tf.stack([tf.cast(draws[:, 0] < 0.5, tf.int64), rows], axis=1)
        seen = tf.split(tf.cast(draws[:, 1:] >= dropout, tf.float32) / (1 - dropout), channels, axis=1)
        return (tuple(tf.gather_nd(one, where) * part[:, None, None] for one, part in zip(kept, seen)),
                tf.gather_nd(coarse, where))

    return row_batches(len(masks), batch_size, training, seed, first_epoch).map(load).prefetch(2)
