"""ResNeXt: residual blocks whose 3 x 3 convolution is split into groups that do not see each other.

Xie et al., "Aggregated Residual Transformations for Deep Neural Networks" (CVPR 2017). Layers are named
as in keras-applications 1.0.8, the last library that had this network for Keras, so that its ImageNet
weights can be loaded. Pictures come in scaled ("torch", see `fashion_tf.models.backbones`).
"""

import keras
import numpy as np
from keras import layers

from fashion_tf.errors import DataError

GROUPS = 32


def resnext50(input_shape):
    """ResNeXt-50 (32x4d): 3, 4, 6 and 3 blocks. Returns a `keras.Model` with the outputs C2 to C5."""
    return resnext(input_shape, (3, 4, 6, 3), name="resnext50")


def resnext101(input_shape):
    """ResNeXt-101 (32x4d): 3, 4, 23 and 3 blocks. Returns a `keras.Model` with the outputs C2 to C5."""
    return resnext(input_shape, (3, 4, 23, 3), name="resnext101")


def small_resnext(input_shape):
    """A stand-in for the sample profile: a block a stage, four groups, 0.1 million weights."""
    return resnext(input_shape, (1, 1, 1, 1), widths=(16, 32, 64, 96), groups=4, stem=16,
                   momentum=0.9, name="small_resnext")


def resnext(input_shape, blocks, widths=(128, 256, 512, 1024), groups=GROUPS, stem=64, momentum=0.99,
            name="resnext"):
    """A ResNeXt without its classifier.

    Args:
        input_shape: (height, width, 3), scaled pictures.
        blocks: Blocks in each of the four stages.
        widths: Channels of the grouped convolutions in each stage; a stage's output has twice as many.
        groups: Into which those channels are split.
        stem: Channels of the first convolution.
        momentum: Of the batch normalisation's statistics.
        name: The model's.

    Returns:
        A `keras.Model` with four outputs, C2 to C5, at strides 4, 8, 16 and 32.
    """
    def normalised(x, name, active=True):
        x = layers.BatchNormalization(epsilon=1.001e-5, momentum=momentum, name=f"{name}_bn")(x)
        return layers.ReLU(name=f"{name}_relu")(x) if active else x

    def block(x, width, stride, project, name):
        shortcut = x
        if project:
            shortcut = layers.Conv2D(2 * width, 1, strides=stride, use_bias=False, name=f"{name}_0_conv")(x)
            shortcut = normalised(shortcut, f"{name}_0", active=False)
        x = normalised(layers.Conv2D(width, 1, use_bias=False, name=f"{name}_1_conv")(x), f"{name}_1")
        x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
        x = layers.Conv2D(width, 3, strides=stride, groups=groups, use_bias=False, name=f"{name}_2_conv")(x)
        x = normalised(x, f"{name}_2")
        x = layers.Conv2D(2 * width, 1, use_bias=False, name=f"{name}_3_conv")(x)
        x = layers.Add(name=f"{name}_add")([shortcut, normalised(x, f"{name}_3", active=False)])
        return layers.ReLU(name=f"{name}_out")(x)

    inputs = keras.Input(input_shape)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = normalised(layers.Conv2D(stem, 7, strides=2, use_bias=False, name="conv1_conv")(x), "conv1")
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    outputs = []
    for stage, (count, width) in enumerate(zip(blocks, widths), 2):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            x = block(x, width, stride, number == 1, f"conv{stage}_block{number}")
        outputs.append(x)
    return keras.Model(inputs, outputs, name=name)


def load_applications_weights(model, path):
    """Loads ImageNet weights from a file of keras-applications, such as
    ``resnext50_weights_tf_dim_ordering_tf_kernels_notop.h5``.

    That library wrote a grouped convolution as a depthwise one with a multiplier, whose results are
    summed within each group: kernel (3, 3, channels, channels of a group). Here it is one grouped
    kernel, (3, 3, channels of a group, channels): the same numbers in another order.

    Args:
        model: What `resnext50` or `resnext101` returned; changed in place.
        path: The file.

    Raises:
        DataError: The file is damaged, or any array is missing, left over or of another shape. Nothing
            is changed then.
    """
    arrays = _read_arrays(path)
    chosen = []
    for layer in model.layers:
        for variable in layer.weights:
            key = f"{layer.name}/{variable.name}"
            grouped = isinstance(layer, layers.Conv2D) and layer.groups > 1
            stored = f"{layer.name}/depthwise_kernel" if grouped else key
            if stored not in arrays:
                raise DataError(f"{path}: there is no array {stored!r}.")
            array = arrays.pop(stored)
            if grouped:
                array = grouped_kernel(array, layer.groups, f"{path}: {stored!r}")
            if array.shape != tuple(variable.shape):
                raise DataError(f"{path}: {stored!r} has the shape {array.shape}, and {model.name} needs "
                                f"{tuple(variable.shape)}.")
            chosen.append((variable, array))
    if arrays:
        raise DataError(f"{path}: {len(arrays)} array(s) fit nothing in {model.name}, the first being "
                        f"{sorted(arrays)[0]!r}.")
    for variable, array in chosen:
        variable.assign(array)


def grouped_kernel(depthwise, groups, name="kernel"):
    """A depthwise kernel with a multiplier, summed within groups, as one kernel of a grouped convolution.

    Args:
        depthwise: (height, width, channels, channels of a group).
        groups: Number of groups.
        name: For the error.

    Returns:
        (height, width, channels of a group, channels).

    Raises:
        DataError: The kernel has not four axes, or its last is not the number of channels of a group.
    """
    if depthwise.ndim != 4:
        raise DataError(f"{name} has the shape {depthwise.shape}: give (height, width, channels, channels "
                        "of a group).")
    height, width, channels, multiplier = depthwise.shape
    if channels != groups * multiplier:
        raise DataError(f"{name} has the shape {depthwise.shape}: {channels} channels in {groups} groups "
                        f"have {channels / groups:g} each, not {multiplier}.")
    split = depthwise.reshape(height, width, groups, multiplier, multiplier)
    return split.transpose(0, 1, 3, 2, 4).reshape(height, width, multiplier, channels)


def _read_arrays(path):
    """Layer name/array name to array, of a Keras 2 weights file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file["model_weights"] if "model_weights" in file else file
            arrays = {}

            def keep(name, item):
                if isinstance(item, h5py.Dataset):
                    arrays["/".join(name.split(":")[0].split("/")[-2:])] = np.asarray(item)

            group.visititems(keep)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: this file cannot be read as HDF5 ({error}).") from None
    if not arrays:
        raise DataError(f"{path}: there is no array in this file.")
    return arrays
