"""Batch normalisation made ready for training: of networks into whose weights it was folded, and of short trainings."""

import keras
import numpy as np

from fashion_tf.errors import DataError


def unfold_batch_normalization(backbone, pictures, batch_size=32):
    """Gives each batch normalisation the statistics of pictures, and changes nothing that the network computes.

    Where normalisation was folded into the convolutions before it, a file holds means of 0 and variances of 1. As soon
    as such a network is trained, a batch's own statistics take their place, and what it has learnt is lost. Here each
    normalisation gets the mean and the variance of what reaches it, and a scale and an offset that undo the change.

    Args:
        backbone: What `fashion_tf.models.backbones.build_backbone` returned; changed in place.
        pictures: uint8 (count, height, width, 3) in 0..255, such as it will be trained on; a few hundred are enough.
        batch_size: Pictures at a time.

    Returns:
        How many normalisations were changed.

    Raises:
        DataError: One of them has no scale or no offset to undo the change with; or there are no pictures.

    Taught in: 13_four_backbones.ipynb
    """
    scaling, network = backbone.layers[-2:]
    found = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if lacking := [layer.name for layer in found if not (layer.scale and layer.center)]:
        raise DataError(f"{backbone.name}: {lacking[0]} has no scale or no offset, so nothing can be unfolded.")
    if not len(pictures):
        raise DataError(f"{backbone.name}: no pictures to take statistics from.")
    if not found:
        return 0
    arriving = keras.Model(network.inputs, [layer.input for layer in found])
    sums, count = [0.0] * len(found), 0
    for start in range(0, len(pictures), batch_size):
        part = pictures[start:start + batch_size]
        values = keras.tree.flatten(arriving(scaling(part), training=False))
        for place, one in enumerate(np.asarray(value, np.float64) for value in values):
            sums[place] = sums[place] + np.stack([one.mean((1, 2)).sum(0), (one ** 2).mean((1, 2)).sum(0)])
        count += len(part)
    for layer, (mean, square) in zip(found, (both / count for both in sums)):
        _set_statistics(layer, mean, np.maximum(square - mean ** 2, 0))
    return len(found)


def set_momentum(model, momentum):
    """Sets how slowly every batch normalisation's statistics follow the batches, in nested models too.

    Keras's 0.99 forgets what was there before only after hundreds of steps. After a shorter training, a network is
    asked with statistics of weights that it no longer has: the larger its steps, the worse it seems.

    Args:
        model: Changed in place, before it is compiled.
        momentum: In 0..1; after `n` steps a share of momentum ** n is left of the old statistics.

    Returns:
        How many normalisations there are.

    Taught in: 13_four_backbones.ipynb
    """
    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in found:
        layer.momentum = momentum
    return len(found)


def _set_statistics(layer, mean, variance):
    scale, offset, old_mean, old_variance = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    steep = scale / np.sqrt(old_variance + layer.epsilon)
    layer.set_weights([steep * np.sqrt(variance + layer.epsilon), offset + steep * (mean - old_mean), mean, variance])
