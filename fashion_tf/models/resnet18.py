"""ResNet-18, which Keras does not have: two 3 x 3 convolutions a block instead of ResNet-50's bottleneck.

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), table 1, with the projection shortcuts
(option B) and the paddings of the common implementations. Pictures come in scaled ("torch", see
`fashion_tf.models.backbones`).
"""

import keras
from keras import layers

WIDTHS = (64, 128, 256, 512)  # channels of the four stages, two blocks each


def resnet18(input_shape):
    """ResNet-18 without its classifier: 11.2 million weights; 11.7 with a Dense layer of 1,000 classes.

    Args:
        input_shape: (height, width, 3), scaled pictures.

    Returns:
        A `keras.Model` with four outputs, C2 to C5, at strides 4, 8, 16 and 32.
    """
    inputs = keras.Input(input_shape)
    x = layers.ReLU(name="conv1_relu")(_convolved(inputs, WIDTHS[0], 7, 2, "conv1"))
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    outputs = []
    for stage, width in enumerate(WIDTHS, 2):
        for number in (1, 2):
            stride = 2 if number == 1 and stage > 2 else 1
            x = _block(x, width, stride, f"conv{stage}_block{number}")
        outputs.append(x)
    return keras.Model(inputs, outputs, name="resnet18")


def _block(x, width, stride, name):
    shortcut = x
    if stride > 1:
        shortcut = _convolved(x, width, 1, stride, f"{name}_0")
    x = layers.ReLU(name=f"{name}_1_relu")(_convolved(x, width, 3, stride, f"{name}_1"))
    x = layers.Add(name=f"{name}_add")([shortcut, _convolved(x, width, 3, 1, f"{name}_2")])
    return layers.ReLU(name=f"{name}_out")(x)


def _convolved(x, width, kernel, stride, name):
    """A convolution, its input padded alike on all sides (with a stride, Keras's "same" is not), and normalised."""
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(width, kernel, strides=stride, use_bias=False, kernel_initializer="he_normal",
                      name=f"{name}_conv")(x)
    return layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"{name}_bn")(x)
