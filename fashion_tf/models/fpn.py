"""The feature pyramid network of the parsing paper: every pixel gets a label.

Martinsson and Mogren, "Semantic Segmentation of Fashion Images Using Feature Pyramid Networks" (ICCV
Workshops 2019), after Lin et al., "Feature Pyramid Networks for Object Detection" (CVPR 2017).
"""

import itertools

import keras
from keras import layers, ops

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone, seed_of
from fashion_tf.models.device import for_this_device

STRIDE = 32  # of the pyramid's top, C5
LEVELS = (2, 3, 4, 5)
SEEDED = ("scores", "merge", *(f"lateral_{level}" for level in LEVELS))  # the layers with a kernel


def fpn_segmenter(backbone, classes, image_size, weights=None, channels=128, levels=LEVELS,
                  regularizer=None, seed=None):
    """A backbone, its feature pyramid, and a label for every pixel.

    A pointwise convolution without activation brings each C_i to the same number of channels (F_i).
    From the top down, P_i = Upsample(P_(i+1), 2) + F_i with nearest neighbours and P_5 = F_5 (the
    paper's equation 1). All P_i are enlarged to P_2's size and concatenated; two 3 x 3 convolutions and
    softmax follow at a quarter of the picture's size, and the probabilities are enlarged bilinearly (the
    paper names an upsampling layer after the softmax and leaves the method open).

    Args:
        backbone: A name from `fashion_tf.models.backbones.BACKBONES`, or a model that
            ``build_backbone(..., pyramid=True)`` returned.
        classes: Number of labels, background included.
        image_size: (height, width) in pixels, at least 32 each. Sizes that are no multiple of 32 are
            padded inside, right and below, and the result is cut back.
        weights: As in `build_backbone`.
        channels: Of every F_i and P_i, and of the first of the last two convolutions. The paper does
            not give it.
        levels: Which P_i are concatenated. One that is left out still passes its features down, unless
            nothing below it is used: ``(5,)`` uses C5 alone, ``(2,)`` uses P_2 with all that was added
            into it.
        regularizer, seed: As in `build_backbone`.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to probabilities, float32
        (count, height, width, classes). Its layers ``lateral_2`` to ``lateral_5`` and ``p2`` to ``p5``
        bear the names of the paper's figure 2.

    Raises:
        DataError: A picture smaller than the pyramid's stride; levels that are none.

    Taught in: 51_clothing_parsing.ipynb
    """
    (height, width), (below, right) = padding_to_stride(image_size)
    levels = tuple(sorted(set(levels)))
    if not levels or not set(levels) <= set(LEVELS):
        raise DataError(f"levels {levels}: choose some of {LEVELS}.")
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, (height + below, width + right), weights,
                                  regularizer=regularizer, seed=seed, pyramid=True)

    def convolution(filters, size, name, activation=None):
        # One seed for all would give kernels of one shape the same numbers; the backbone counts upwards.
        own = None if seed is None else seed_of(seed, -SEEDED.index(name) - 1)
        return layers.Conv2D(filters, size, padding="same", activation=activation, name=name,
                             kernel_initializer=keras.initializers.GlorotUniform(own),
                             kernel_regularizer=regularizer)

    pictures = keras.Input((height, width, 3), name="pictures")
    padded = layers.ZeroPadding2D(((0, below), (0, right)), name="padding")(pictures)
    pyramid, above = {}, None
    for level, features in reversed(list(zip(LEVELS, backbone(padded)))):
        lateral = convolution(channels, 1, f"lateral_{level}")(features)
        above = lateral if above is None else add_to_upsampled(above, lateral, f"p{level}")
        pyramid[level] = above
        if level == min(levels):
            break  # nothing below is asked for
    x = at_one_size([pyramid[level] for level in levels])
    x = convolution(channels, 3, "merge", "relu")(x)
    x = layers.Softmax(dtype="float32", name="probabilities")(convolution(classes, 3, "scores")(x))
    enlarge = 2 ** min(levels)
    x = layers.UpSampling2D(enlarge, interpolation="bilinear", dtype="float32", name="enlarged")(x)
    x = layers.Cropping2D(((0, below), (0, right)), dtype="float32", name="cropped")(x)
    return for_this_device(keras.Model(pictures, x, name=f"{backbone.name}_fpn"))


def he_initializers(seed):
    """He's initializers without end, each with a seed of its own: one seed for all would give kernels of one shape
    the same numbers. They count downwards, for the backbone counts upwards. None: Keras's global seed decides."""
    for number in itertools.count(1):
        yield keras.initializers.HeNormal(None if seed is None else seed_of(seed, -number))


def padding_to_stride(image_size):
    """A segmenter's picture size, and the rows below and columns on the right that make it multiples of 32.

    Args:
        image_size: (height, width) in pixels, or one number for both.

    Returns:
        ((height, width), (below, right)).

    Raises:
        DataError: A side is smaller than 32 pixels.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if min(height, width) < STRIDE:
        raise DataError(f"image_size {(height, width)}: the smallest feature map has a stride of {STRIDE} "
                        f"pixels; give at least {STRIDE} x {STRIDE}.")
    return (height, width), (-height % STRIDE, -width % STRIDE)


def mirror_averaged(model):
    """The mean of a photo's probabilities and those of its mirror image, turned back: a person has no
    preferred side, and two answers err less than one. Twice the time, no training.

    Args:
        model: A parser as `fpn_segmenter` returns it.

    Returns:
        A `keras.Model` of the same input and output, around the same weights.

    Taught in: 51_clothing_parsing.ipynb
    """
    pictures = keras.Input(model.input_shape[1:], name="pictures")
    mirrored = ops.flip(model(ops.flip(pictures, axis=2)), axis=2)
    return for_this_device(
        keras.Model(pictures, (model(pictures) + mirrored) / 2, name=f"{model.name}_mirrored"))


def without_class_weights(model, weights, share=1.0):
    """Probabilities as they would be without the weights that the loss gave to labels, or with less of
    them. A loss with weight w_k teaches w_k P(k) instead of P(k); dividing by w_k gives P(k) back (Menon et
    al., "Long-tail learning via logit adjustment", 2021).

    Args:
        model: A parser as `fpn_segmenter` returns it.
        weights: (classes,), each greater than 0, as `fashion_tf.metrics.class_weights` gives them.
        share: How much of them is undone, in 0..1.

    Returns:
        A `keras.Model` of the same input and output, around the same weights.

    Taught in: 51_clothing_parsing.ipynb
    """
    pictures = keras.Input(model.input_shape[1:], name="pictures")
    factors = [float(weight) ** -share for weight in weights]
    scaled = layers.Rescaling(factors, dtype="float32", name="unweighted")(model(pictures))
    return for_this_device(keras.Model(pictures, scaled / ops.sum(scaled, axis=-1, keepdims=True),
                                       name=f"{model.name}_unweighted"))


def add_to_upsampled(above, lateral, name=None):
    """Equation 1: P_i = Upsample(P_(i+1), 2) + F_i, nearest neighbours.

    Args:
        above: P_(i+1), (count, height, width, channels).
        lateral: F_i, (count, 2 height, 2 width, channels).
        name: Of the layer that adds.

    Taught in: 51_clothing_parsing.ipynb
    """
    return layers.Add(name=name)([layers.UpSampling2D(2, interpolation="nearest")(above), lateral])


def at_one_size(levels):
    """Enlarges pyramid levels, the largest first, to the first one's size, and concatenates them.

    Taught in: 51_clothing_parsing.ipynb
    """
    first, *others = levels
    enlarged = [layers.UpSampling2D(first.shape[1] // other.shape[1], interpolation="nearest")(other)
                for other in others]
    return layers.Concatenate()([first, *enlarged]) if others else first


@keras.saving.register_keras_serializable("fashion_tf")
class PixelCrossEntropy(keras.losses.Loss):
    """Mean over the labelled pixels of -log(probability of the true label), each times its label's weight.

    Args:
        class_weights: A weight for each label, or None for 1. The mean is over weights, so that their
            scale does not change the loss.
        ignore: The label number of pixels that nobody labelled; they count for nothing.
    """

    def __init__(self, class_weights=None, ignore=255, name="pixel_cross_entropy", **kwargs):
        # The reduction is our own: a mean over labelled pixels, not over all.
        super().__init__(name=name, reduction="sum", dtype="float32")
        self.class_weights = None if class_weights is None else [float(one) for one in class_weights]
        self.ignore = ignore

    def call(self, masks, probabilities):
        """masks: integers (count, height, width); probabilities: (count, height, width, labels)."""
        classes = probabilities.shape[-1]
        masks = ops.cast(masks, "int32")
        labelled = masks != self.ignore
        known = ops.where(labelled, masks, 0)
        weights = ops.cast(labelled, "float32")
        if self.class_weights is not None:
            weights = weights * ops.take(ops.convert_to_tensor(self.class_weights, "float32"), known)
        chosen = ops.take_along_axis(ops.reshape(probabilities, (-1, classes)),
                                     ops.reshape(known, (-1, 1)), axis=1)
        loss = -ops.log(ops.maximum(chosen[:, 0], 1e-7)) * ops.reshape(weights, (-1,))
        return ops.sum(loss) / ops.maximum(ops.sum(weights), 1e-7)

    def get_config(self):
        return {"class_weights": self.class_weights, "ignore": self.ignore, "name": self.name}


@keras.saving.register_keras_serializable("fashion_tf")
class PixelAccuracy(keras.metrics.Metric):
    """Share of the labelled pixels whose most probable label is the true one."""

    def __init__(self, ignore=255, name="accuracy", **kwargs):
        super().__init__(name=name, dtype="float32")
        self.ignore = ignore
        self.right = self.add_variable((), "zeros", name="right")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, masks, probabilities, sample_weight=None):
        masks = ops.cast(masks, "int32")
        labelled = masks != self.ignore
        right = ops.logical_and(labelled, ops.cast(ops.argmax(probabilities, axis=-1), "int32") == masks)
        # Counted as whole numbers within a batch. Over an epoch float32 rounds, by some 1e-7 of the sum.
        self.right.assign_add(ops.cast(ops.sum(ops.cast(right, "int32")), "float32"))
        self.total.assign_add(ops.cast(ops.sum(ops.cast(labelled, "int32")), "float32"))

    def result(self):
        return self.right / ops.maximum(self.total, 1)

    def get_config(self):
        return {"ignore": self.ignore, "name": self.name}
