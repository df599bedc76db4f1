"""DeepLabV3+: one map, read at several distances at once, then sharpened with an early one.

Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation" (ECCV 2018).
"""

import keras
from keras import layers

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.device import for_this_device
from fashion_tf.models.fpn import he_initializers, padding_to_stride

RATES, SIDE = (6, 12, 18), 33  # the paper's, and the side of the map that they were made for: 513 pixels, stride 16


def scaled_rates(feature_size):
    """The paper's atrous rates for a feature map of another size: the same share of its shorter side, at least 1.

    Args:
        feature_size: (height, width) of the map.

    Returns:
        A tuple of whole numbers.

    Taught in: 38_masked_style_transfer.ipynb
    """
    return tuple(max(1, round(rate * min(feature_size) / SIDE)) for rate in RATES)


def deeplab_segmenter(backbone, classes, image_size, weights=None, channels=256, output_stride=16, rates=None,
                      projection=48, refinement=(3, 3), seed=None):
    """A backbone, an atrous spatial pyramid, a decoder at a quarter of the picture's size, a label for every pixel.

    The pyramid reads the last feature map pointwise, with one 3 x 3 convolution for each rate, and as its mean over
    the whole picture; a pointwise convolution joins the five. The result is enlarged to stride 4 and concatenated with
    the projected C2; convolutions refine it, and scores are enlarged bilinearly, then softmax. Every convolution but
    the last has no bias, and batch normalisation and ReLU behind it.

    With ``output_stride=32, rates=(6, 12, 18), refinement=(1,)`` this is `keras_cv.models.DeepLabV3Plus`, which
    scores after enlarging: the same number, as both steps are linear. Only the bias of the scores is its own.

    Args:
        backbone: A name from `fashion_tf.models.backbones.BACKBONES`, or a model that ``build_backbone(...,
            pyramid=True, output_stride=output_stride)`` returned for the padded size.
        classes: Number of labels, background included.
        image_size: (height, width) in pixels, or one number for both, at least 32 each. Other sizes than multiples of
            32 are padded inside, right and below, and the result is cut back.
        weights: As in `fashion_tf.models.backbones.build_backbone`.
        channels: Of every part of the pyramid, and of the decoder.
        output_stride: Of the map that the pyramid reads: 16 or 32.
        rates: Of the pyramid's 3 x 3 convolutions. None: the paper's, scaled to the map (`scaled_rates`).
        projection: Channels that C2 is reduced to, so that it does not outvote the pyramid.
        refinement: Kernel sizes of the decoder's convolutions; the paper's best are two of 3 x 3 (its table 2).
        seed: Draws every kernel from this seed, each layer from its own. None: Keras's global seed decides.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to probabilities, float32 (count, height, width,
        classes). Its layer named as the backbone is the part to freeze.

    Raises:
        DataError: A side below 32 pixels, another output stride; or what `build_backbone` raises.

    Taught in: 38_masked_style_transfer.ipynb
    """
    (height, width), (below, right) = padding_to_stride(image_size)
    if output_stride not in (16, 32):
        raise DataError(f"output_stride {output_stride}: the pyramid reads a map of stride 16 or 32.")
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, (height + below, width + right), weights, seed=seed, pyramid=True,
                                  output_stride=output_stride)
    kernels = he_initializers(seed)

    def convolution(x, filters, size, name, rate=1):
        x = layers.Conv2D(filters, size, padding="same", dilation_rate=rate, use_bias=False, name=name,
                          kernel_initializer=next(kernels))(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    pictures = keras.Input((height, width, 3), name="pictures")
    padded = layers.ZeroPadding2D(((0, below), (0, right)), name="padding")(pictures)
    early, *_, last = backbone(padded)
    rates = scaled_rates(last.shape[1:3]) if rates is None else rates
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(last)
    x = layers.Concatenate(name="pyramid")([
        convolution(last, channels, 1, "pointwise"),
        *(convolution(last, channels, 3, f"atrous_{number}", rate) for number, rate in enumerate(rates, 1)),
        layers.UpSampling2D(last.shape[1:3], name="mean_everywhere")(convolution(mean, channels, 1, "mean_conv"))])
    x = convolution(x, channels, 1, "joined")
    x = layers.UpSampling2D(output_stride // 4, interpolation="bilinear", name="at_quarter")(x)
    x = layers.Concatenate(name="with_early")([x, convolution(early, projection, 1, "early")])
    for number, size in enumerate(refinement, 1):
        x = convolution(x, channels, size, f"refined_{number}")
    x = layers.Conv2D(classes, 1, name="scores", kernel_initializer=next(kernels))(x)
    x = layers.UpSampling2D(4, interpolation="bilinear", dtype="float32", name="enlarged")(x)
    x = layers.Cropping2D(((0, below), (0, right)), dtype="float32", name="cropped")(x)
    return for_this_device(keras.Model(pictures, layers.Softmax(dtype="float32", name="probabilities")(x),
                                       name=f"{backbone.name}_deeplab"))
