"""U-Net: on the way up, each feature map meets the one of its size from the way down.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (MICCAI 2015); the
way down is a network that has learnt before, as in the products deck.
"""

import keras
from keras import layers

from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.device import for_this_device
from fashion_tf.models.fpn import he_initializers, padding_to_stride

LEVELS = (4, 3, 2, 1)  # the skip connections, from the deepest


def unet_segmenter(backbone, classes, image_size, weights=None, channels=(128, 64, 32, 16), seed=None):
    """A backbone on the way down, four steps with skip connections on the way up, and a label for every pixel.

    Each step enlarges the map twice, concatenates the backbone's map of that size (the skip connection), and applies
    two 3 x 3 convolutions with batch normalisation and ReLU. Unlike the original's, the convolutions keep the size,
    and the last step ends at half the picture's, because a backbone's first layer halves it at once; scores are
    enlarged bilinearly, then softmax.

    Args:
        backbone: A name from `fashion_tf.models.backbones.BACKBONES`, or a model that
            ``build_backbone(..., pyramid="from half")`` returned for the padded size.
        classes: Number of labels, background included.
        image_size: (height, width) in pixels, or one number for both, at least 32 each. Other sizes than multiples of
            32 are padded inside, right and below, and the result is cut back.
        weights: As in `fashion_tf.models.backbones.build_backbone`.
        channels: Of the four steps, from the deepest.
        seed: Draws every kernel from this seed, each layer from its own. None: Keras's global seed decides.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to probabilities, float32 (count, height, width,
        classes). Its layer named as the backbone is the part to freeze; ``up_4`` to ``up_1`` are the steps' results.

    Raises:
        DataError: A side below 32 pixels; or what `build_backbone` raises.

    Taught in: 38_masked_style_transfer.ipynb
    """
    (height, width), (below, right) = padding_to_stride(image_size)
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, (height + below, width + right), weights, seed=seed, pyramid="from half")
    kernels = he_initializers(seed)

    def convolution(x, filters, size, **options):
        return layers.Conv2D(filters, size, padding="same", kernel_initializer=next(kernels), **options)(x)

    pictures = keras.Input((height, width, 3), name="pictures")
    padded = layers.ZeroPadding2D(((0, below), (0, right)), name="padding")(pictures)
    *skips, x = backbone(padded)
    for level, skip, filters in zip(LEVELS, reversed(skips), channels, strict=True):
        x = layers.UpSampling2D(2, interpolation="nearest")(x)
        x = layers.Concatenate(name=f"skip_{level}")([x, skip])
        for last in (False, True):
            x = convolution(x, filters, 3, use_bias=False)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.ReLU(name=f"up_{level}" if last else None)(x)
    scores = convolution(x, classes, 1, name="scores")
    x = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="enlarged")(scores)
    x = layers.Cropping2D(((0, below), (0, right)), dtype="float32", name="cropped")(x)
    return for_this_device(keras.Model(pictures, layers.Softmax(dtype="float32", name="probabilities")(x),
                                       name=f"{backbone.name}_unet"))
