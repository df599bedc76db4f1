"""ResNeXt: its counts, its grouped convolutions by numpy, and the file format of keras-applications."""

import re

import h5py
import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.resnext import (
    GROUPS,
    grouped_kernel,
    load_applications_weights,
    resnext,
    resnext50,
    resnext101,
    small_resnext,
)

# What keras-applications 1.0.8 published as total parameters, without the classifier.
TOTAL = {resnext50: 23_048_128, resnext101: 42_266_560}


@pytest.fixture(scope="module")
def large():
    """Built once: some seconds."""
    return {function: function((64, 96, 3)) for function in TOTAL}


@pytest.fixture(scope="module")
def small():
    return small_resnext((64, 96, 3))


def pictures(count=2, height=64, width=96, seed=0):
    return np.random.default_rng(seed).normal(size=(count, height, width, 3)).astype("float32")


# The network


@pytest.mark.slow
@pytest.mark.parametrize("function", TOTAL)
def test_parameters_are_the_published_ones(large, function):
    model = large[function]
    assert model.count_params() == TOTAL[function] and model.name == function.__name__
    # Trainable are all but the statistics of normalisation: two of four numbers a channel.
    statistics = sum(layer.gamma.shape[0] * 2 for layer in model.layers
                     if isinstance(layer, keras.layers.BatchNormalization))
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == TOTAL[function] - statistics


@pytest.mark.parametrize("function, blocks", [(resnext50, (3, 4, 6, 3)), (resnext101, (3, 4, 23, 3))])
def test_blocks_are_the_papers(large, function, blocks):
    """Table 1 of the paper: 32 groups of 4, 8, 16 and 32 channels; a stage gives twice what it groups."""
    model, kernels = large[function], 1
    for stage, (count, width) in enumerate(zip(blocks, (128, 256, 512, 1024)), 2):
        for number in range(1, count + 1):
            name = f"conv{stage}_block{number}"
            reduce, grouped, expand = (model.get_layer(f"{name}_{part}_conv") for part in (1, 2, 3))
            assert reduce.kernel.shape[3] == width and expand.kernel.shape == (1, 1, width, 2 * width)
            assert grouped.groups == GROUPS == 32 and grouped.kernel.shape == (3, 3, width // 32, width)
            assert grouped.strides == ((2, 2) if number == 1 and stage > 2 else (1, 1))
            assert reduce.strides == expand.strides == (1, 1)
            assert (f"{name}_0_conv" in [layer.name for layer in model.layers]) == (number == 1)
            kernels += 3 + (number == 1)
        with pytest.raises(ValueError, match="No such layer"):
            model.get_layer(f"conv{stage}_block{count + 1}_1_conv")
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == kernels and not any(layer.use_bias for layer in convolutions)


@pytest.mark.parametrize("function, channels", [
    (resnext50, (256, 512, 1024, 2048)), (resnext101, (256, 512, 1024, 2048)),
    (small_resnext, (32, 64, 128, 192))])
def test_four_outputs_at_strides_4_to_32(large, small, function, channels):
    model = large.get(function, small)
    assert model.output_shape == [(None, 64 // stride, 96 // stride, number) for stride, number in
                                  zip((4, 8, 16, 32), channels)]


def test_small_is_a_hundredth(large, small):
    assert small.count_params() < TOTAL[resnext50] / 100
    grouped = [layer for layer in small.layers if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1]
    assert [layer.groups for layer in grouped] == [4] * 4


def test_odd_sizes_and_sizes_left_open():
    model = small_resnext((None, None, 3))
    outputs = model(pictures(1, 50, 67))
    assert [output.shape[1:3] for output in outputs] == [(13, 17), (7, 9), (4, 5), (2, 3)]


# The network by numpy


def convolved(x, kernel, strides=1):
    """A convolution without padding, by a loop over the kernel."""
    height, width = ((side - size) // strides + 1 for side, size in zip(x.shape[1:3], kernel.shape))
    return sum(x[:, row:row + strides * height:strides, column:column + strides * width:strides]
               @ kernel[row, column].astype(float)
               for row in range(kernel.shape[0]) for column in range(kernel.shape[1]))


def padded(x, by, value=0):
    return np.pad(x, ((0, 0), (by, by), (by, by), (0, 0)), constant_values=value)


def grouped_by_loop(x, kernel, groups, strides=1):
    """Each group of channels by itself: the group's kernel sees its own channels only."""
    seen, made = x.shape[-1] // groups, kernel.shape[-1] // groups
    return np.concatenate([
        convolved(x[..., seen * group:seen * (group + 1)],
                  kernel[..., made * group:made * (group + 1)], strides)
        for group in range(groups)], axis=-1)


def test_the_network_by_numpy():
    """Two blocks a stage: with and without a convolution in the shortcut."""
    model = drawn(resnext((32, 32, 3), (2, 1, 1, 2), (8, 8, 16, 16), groups=4, stem=6))
    weights = {layer.name: layer.get_weights() for layer in model.layers}

    def normal(x, name):
        gamma, beta, mean, variance = (array.astype(float) for array in weights[f"{name}_bn"])
        return (x - mean) / np.sqrt(variance + 1.001e-5) * gamma + beta

    x = convolved(padded(pictures(2, 32, 32), 3), *weights["conv1_conv"], strides=2)
    x = padded(np.maximum(normal(x, "conv1"), 0), 1)
    x = np.max([x[:, row:row + 15:2, column:column + 15:2]
                for row in range(3) for column in range(3)], axis=0)
    expected = []
    for stage, count in enumerate((2, 1, 1, 2), 2):
        for number in range(1, count + 1):
            name, strides = f"conv{stage}_block{number}", 2 if number == 1 and stage > 2 else 1
            shortcut = x
            if number == 1:
                shortcut = normal(convolved(x, *weights[f"{name}_0_conv"], strides), f"{name}_0")
            x = np.maximum(normal(convolved(x, *weights[f"{name}_1_conv"]), f"{name}_1"), 0)
            x = grouped_by_loop(padded(x, 1), *weights[f"{name}_2_conv"], 4, strides)
            x = np.maximum(normal(x, f"{name}_2"), 0)
            x = normal(convolved(x, *weights[f"{name}_3_conv"]), f"{name}_3")
            x = np.maximum(shortcut + x, 0)
        expected.append(x)
    for found, wanted in zip(model(pictures(2, 32, 32)), expected, strict=True):
        assert np.ptp(wanted) > 0.1
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


# A file as keras-applications wrote it


def drawn(model, seed=0):
    """Every weight drawn, the variances positive."""
    draw = np.random.default_rng(seed)
    for weight in model.weights:
        spread = 1 / np.sqrt(np.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.3
        middle = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
        weight.assign(np.clip(draw.normal(middle, spread, weight.shape), 0.2 if middle else -9, 9))
    return model


def depthwise_of(kernel, groups):
    """The kernel that keras-applications stores for a grouped one: channel c's multiplier m adds what
    channel c gives to the m-th result of c's group."""
    height, width, size, channels = kernel.shape
    depthwise = np.zeros((height, width, channels, size), kernel.dtype)
    for channel in range(channels):
        group, place = divmod(channel, size)
        for result in range(size):
            depthwise[:, :, channel, result] = kernel[:, :, place, group * size + result]
    return depthwise


def stored(model):
    """Layer: {array name: array}, as the library's file of the same network has them."""
    arrays = {}
    for layer in model.layers:
        arrays[layer.name] = {weight.name: weight.numpy() for weight in layer.weights}
        if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1:
            arrays[layer.name] = {"depthwise_kernel": depthwise_of(layer.kernel.numpy(), layer.groups)}
    return arrays


def write(path, arrays, root=""):
    """Keras 2's layout: a group for each layer with the layer's name inside, and names ending in :0."""
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [name.encode() for name in arrays]
        for layer, content in arrays.items():
            group = top.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in content]
            for name, array in content.items():
                group[f"{layer}/{name}:0"] = array
    return path


@pytest.fixture(scope="module")
def source():
    """(a small network with drawn weights, its arrays as the library stores them)."""
    model = drawn(small_resnext((64, 96, 3)), seed=1)
    return model, stored(model)


@pytest.mark.parametrize("root", ["", "model_weights"])
def test_a_file_of_keras_applications(source, tmp_path, root):
    model, arrays = source
    file = write(tmp_path / "resnext_notop.h5", arrays, root)
    loaded = small_resnext((64, 96, 3))
    before = loaded.get_weights()
    load_applications_weights(loaded, file)
    for path, one, other, old in zip((weight.path for weight in loaded.weights), loaded.get_weights(),
                                     model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=path)
        assert (one != old).any(), path  # every array arrived
    for one, other in zip(loaded(pictures()), model(pictures()), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_file_is_loaded_by_name(source, tmp_path):
    """Through build_backbone, as a file of ImageNet's weights would be."""
    model, arrays = source
    file = write(tmp_path / "resnext_notop.h5", arrays)
    backbone = build_backbone("small_resnext", (64, 96), weights=file, pyramid=True)
    batch = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3))
    scaled = keras.applications.imagenet_utils.preprocess_input(batch.astype("float32"), mode="torch")
    for one, other in zip(backbone(batch.astype("uint8")), model(scaled), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("groups, size", [(4, 3), (2, 1), (1, 5), (32, 4)])
def test_grouped_kernel_is_depthwise_summed_in_groups(groups, size):
    """What the library computed: a depthwise convolution with a multiplier, reshaped to (groups,
    channels of a group, multiplier), and summed over the channels of a group."""
    draw, channels = np.random.default_rng(0), groups * size
    depthwise = draw.normal(size=(3, 3, channels, size)).astype("float32")
    x = draw.normal(size=(2, 6, 7, channels)).astype("float32")
    spread = np.asarray(keras.ops.depthwise_conv(x, depthwise, strides=1, padding="valid"))
    expected = spread.reshape(2, 4, 5, groups, size, size).sum(axis=-2).reshape(2, 4, 5, channels)
    kernel = grouped_kernel(depthwise, groups)
    assert kernel.shape == (3, 3, size, channels)
    layer = keras.layers.Conv2D(channels, 3, groups=groups, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    np.testing.assert_allclose(grouped_by_loop(x, kernel, groups), expected, atol=1e-4)
    np.testing.assert_array_equal(grouped_kernel(depthwise_of(kernel, groups), groups), kernel)


def test_a_kernel_of_other_groups():
    with pytest.raises(DataError, match=r"kernel has the shape \(3, 3, 12, 4\): 12 channels in 4 groups have "
                                        "3 each, not 4"):
        grouped_kernel(np.zeros((3, 3, 12, 4)), 4)


def changed(arrays, layer, name, array):
    """A copy with another array, or without it where there is None."""
    copy = {key: dict(content) for key, content in arrays.items()}
    content = copy.setdefault(layer, {})
    if array is None:
        del content[name]
    else:
        content[name] = array
    return copy


@pytest.mark.parametrize("layer, name, array, message", [
    ("conv3_block1_2_conv", "depthwise_kernel", None,
     "there is no array 'conv3_block1_2_conv/depthwise_kernel'"),
    ("conv1_bn", "moving_mean", None, "there is no array 'conv1_bn/moving_mean'"),
    ("conv5_block1_3_conv", "kernel", None, "there is no array 'conv5_block1_3_conv/kernel'"),
    ("probs", "kernel", np.zeros((192, 1000)),
     r"1 array\(s\) fit nothing in small_resnext, .* 'probs/kernel'"),
    ("conv1_conv", "bias", np.zeros(16), r"1 array\(s\) fit nothing in small_resnext, .* 'conv1_conv/bias'"),
    ("conv1_conv", "kernel", np.zeros((7, 7, 3, 64)),
     r"'conv1_conv/kernel' has the shape \(7, 7, 3, 64\), and small_resnext needs \(7, 7, 3, 16\)"),
    ("conv5_block1_3_bn", "gamma", np.zeros(8), r"'conv5_block1_3_bn/gamma' has the shape \(8,\)"),
    ("conv4_block1_2_conv", "depthwise_kernel", np.zeros((3, 3, 64, 4)),
     r"'conv4_block1_2_conv/depthwise_kernel' has the shape \(3, 3, 64, 4\): 64 channels in 4 groups"),
    ("conv4_block1_2_conv", "depthwise_kernel", np.zeros((3, 3, 128, 32)),
     r"'conv4_block1_2_conv/depthwise_kernel' has the shape"),
    ("conv4_block1_2_conv", "depthwise_kernel", np.zeros((3, 3)),
     r"'conv4_block1_2_conv/depthwise_kernel' has the shape \(3, 3\)"),
])
def test_files_that_do_not_fit_change_nothing(source, small, tmp_path, layer, name, array, message):
    file = write(tmp_path / "other.h5", changed(source[1], layer, name, array))
    before = small.get_weights()
    with pytest.raises(DataError, match=f"{re.escape(str(file))}: .*{message}"):
        load_applications_weights(small, file)
    for one, other in zip(small.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_files_that_are_none(small, tmp_path):
    file = tmp_path / "weights.h5"
    for content, message in [(b"", "cannot be read as HDF5"), (b"no weights", "cannot be read as HDF5")]:
        file.write_bytes(content)
        with pytest.raises(DataError, match=f"weights.h5: .*{message}"):
            load_applications_weights(small, file)
    with pytest.raises(DataError, match="absent.h5: .*cannot be read as HDF5"):
        load_applications_weights(small, tmp_path / "absent.h5")
    with h5py.File(file, "w"):
        pass
    with pytest.raises(DataError, match="weights.h5: there is no array in this file"):
        load_applications_weights(small, file)
    with h5py.File(file, "w") as opened:
        opened["kernel"] = np.zeros(3)  # an array in no layer's group
    with pytest.raises(DataError, match="weights.h5: there is no array 'conv1_conv/kernel'"):
        load_applications_weights(small, file)


def test_a_file_that_is_cut_off(source, small, tmp_path):
    file = write(tmp_path / "weights.h5", source[1])
    content, before = file.read_bytes(), small.get_weights()
    file.write_bytes(content[:len(content) // 2])
    with pytest.raises(DataError, match="weights.h5: .*cannot be read as HDF5"):
        load_applications_weights(small, file)
    for one, other in zip(small.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
