"""Small stand-ins for the sample profile: a family's building block, once or twice a stage.

Each takes scaled pictures (count, height, width, 3) and has layers c2 to c5 at strides 4 to 32.
"""

import keras
from keras import layers

WIDTHS = (24, 48, 72, 96)  # channels of c2 to c5


def small_vgg(input_shape):
    """VGG's idea: pairs of 3 x 3 convolutions, then max pooling; no normalisation, no shortcut."""
    inputs = keras.Input(input_shape)
    x = layers.MaxPooling2D()(layers.Conv2D(16, 3, padding="same", activation="relu")(inputs))
    for stage, width in enumerate(WIDTHS, 2):
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(name=f"c{stage}")(x)
    return keras.Model(inputs, x, name="small_vgg")


def small_resnet(input_shape):
    """ResNet's idea: each stage adds what two convolutions find to what came in; normalisation and
    relu follow the convolutions."""
    inputs = keras.Input(input_shape)
    x = layers.ReLU()(_normalised(_convolution(16, 3, 2)(inputs)))
    for stage, width in enumerate(WIDTHS, 2):
        shortcut = _normalised(_convolution(width, 1, 2)(x))
        x = layers.ReLU()(_normalised(_convolution(width, 3, 2)(x)))
        x = _normalised(_convolution(width, 3, 1)(x))
        x = layers.ReLU(name=f"c{stage}")(layers.Add()([shortcut, x]))
    return keras.Model(inputs, x, name="small_resnet")


def small_resnet_v2(input_shape):
    """ResNetV2's idea: normalisation and relu come before the convolutions, so nothing is cut off
    on the way of the sum."""
    inputs = keras.Input(input_shape)
    x = _convolution(16, 3, 2)(inputs)
    for stage, width in enumerate(WIDTHS, 2):
        active = layers.ReLU()(_normalised(x))
        shortcut = _convolution(width, 1, 2)(active)
        x = _convolution(width, 3, 2)(active)
        x = _convolution(width, 3, 1)(layers.ReLU()(_normalised(x)))
        last = stage == len(WIDTHS) + 1
        x = layers.Add(name=None if last else f"c{stage}")([shortcut, x])
    x = layers.ReLU(name="c5")(_normalised(x))
    return keras.Model(inputs, x, name="small_resnet_v2")


def small_densenet(input_shape):
    """DenseNet's idea: each convolution adds a few channels to all that were found before it; between
    two stages a pointwise convolution halves them."""
    inputs = keras.Input(input_shape)
    x = _convolution(16, 3, 2)(inputs)
    for stage, width in enumerate(WIDTHS, 2):
        x = layers.AveragePooling2D(2)(x)
        for _ in range(2):
            found = _convolution(width // 2, 3, 1)(layers.ReLU()(_normalised(x)))
            x = layers.Concatenate()([x, found])
        x = layers.ReLU(name=f"c{stage}")(_normalised(x))
        if stage < len(WIDTHS) + 1:
            x = _convolution(x.shape[-1] // 2, 1, 1)(x)
    return keras.Model(inputs, x, name="small_densenet")


def _convolution(width, kernel, strides):
    return layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False)


def _normalised(x):
    # Keras's momentum of 0.99 needs hundreds of steps; a sample epoch has some twenty.
    return layers.BatchNormalization(momentum=0.9)(x)
