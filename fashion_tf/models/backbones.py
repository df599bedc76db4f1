"""Backbones by name, behind one contract: pictures in 0..255 in, feature maps out.

Each network of `keras.applications` wants its pictures scaled in its own way, and two of them do it
themselves. Fed with the wrong range a network still trains, only worse, and nothing says so. Here the
scaling is the model's first layer, chosen by the backbone's name, saved with it, and it refuses
pictures that were scaled before.
"""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
from keras import ops

from fashion_tf.errors import DataError
from fashion_tf.models.atrous import without_last_stride
from fashion_tf.models.device import for_this_device

# Mean and standard deviation of ImageNet's pictures in 0..1, red, green, blue; and the mean in 0..255
# that the networks converted from Caffe subtract (blue, green, red).
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)

# name of the scaling: (factor, offset, from RGB to BGR); a picture becomes factor * picture + offset
SCALINGS = {
    "caffe": ((1.0, 1.0, 1.0), tuple(-mean for mean in CAFFE_MEAN), True),
    "tf": ((1 / 127.5,) * 3, (-1.0,) * 3, False),
    "torch": (tuple(1 / (255 * deviation) for deviation in IMAGENET_DEVIATION),
              tuple(-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION)),
              False),
    "inside": ((1.0,) * 3, (0.0,) * 3, False),
}


@keras.saving.register_keras_serializable("fashion_tf")
class InputScaling(keras.layers.Layer):
    """Scales pictures from 0..255 to what a backbone was made for, and refuses any other range.

    Args:
        mode: ``"caffe"`` (BGR, mean subtracted), ``"tf"`` (-1..1), ``"torch"`` (standardised with
            ImageNet's mean and deviation), or ``"inside"`` (the network scales its input itself).

    Input and output: (count, height, width, 3). On a CPU, and on a GPU without XLA, a batch whose
    values are negative or lie in 0..1 raises an error; XLA leaves such checks out.
    """

    def __init__(self, mode, **kwargs):
        if mode not in SCALINGS:
            raise DataError(f"There is no input scaling {mode!r}; choose {', '.join(SCALINGS)}.")
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, pictures):
        factor, offset, to_bgr = SCALINGS[self.mode]
        if keras.backend.backend() == "tensorflow":
            self._check_range(pictures)
        pictures = ops.cast(pictures, self.compute_dtype)  # Keras leaves whole numbers as they are
        pictures = ops.flip(pictures, axis=-1) if to_bgr else pictures
        return pictures * ops.cast(factor, pictures.dtype) + ops.cast(offset, pictures.dtype)

    def _check_range(self, pictures):
        import tensorflow as tf

        largest, smallest = tf.reduce_max(pictures), tf.reduce_min(pictures)
        whole = tf.logical_and(smallest >= 0, tf.logical_or(largest > 1, largest <= 0))
        tf.debugging.Assert(whole, [
            "Pictures must be in 0..255: this model scales them itself. These seem to be divided by "
            "255, or scaled to -1..1, before; smallest and largest value:", smallest, largest])

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


@dataclass(frozen=True)
class Backbone:
    """How one backbone is made.

    Attributes:
        builder: ``"module:function"`` of a network without its classifier.
        scaling: Its `InputScaling` mode.
        pyramid: The layers whose outputs are C2 to C5, at strides 4, 8, 16 and 32; empty where the
            builder's model has these four outputs already, None where the network has no such maps.
        files: Names under which its ImageNet weights are looked for.
        options: Further arguments of the builder.
    """

    builder: str
    scaling: str
    pyramid: tuple = ()
    files: tuple = ()
    options: tuple = ()


_NO_TOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
_RESNET = ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")
# ResNetV2 shrinks in the last block of a stage, so a stage's features are what enters that block.
_RESNET_V2 = ("conv2_block3_preact_relu", "conv3_block4_preact_relu", "conv4_block6_preact_relu",
              "post_relu")
_MOBILENET = ("conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu")
_OUTPUTS = ("c2", "c3", "c4", "c5")

BACKBONES = {
    "vgg16": Backbone(
        "keras.applications:VGG16", "caffe",
        ("block3_conv3", "block4_conv3", "block5_conv3", "block5_pool"), ("vgg16" + _NO_TOP,)),
    "vgg19": Backbone(
        "keras.applications:VGG19", "caffe",
        ("block3_conv4", "block4_conv4", "block5_conv4", "block5_pool"), ("vgg19" + _NO_TOP,)),
    "resnet18": Backbone("fashion_tf.models.resnet18:resnet18", "torch"),
    "resnet50": Backbone("keras.applications:ResNet50", "caffe", _RESNET, ("resnet50" + _NO_TOP,)),
    "resnet50v2": Backbone(
        "keras.applications:ResNet50V2", "tf", _RESNET_V2, ("resnet50v2" + _NO_TOP,)),
    "mobilenet_v2": Backbone(
        "keras.applications:MobileNetV2", "tf",
        ("block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu", "out_relu"),
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
         "mobilenet_v2_1.0_224_no_top.weights.h5")),
    "mobilenet": Backbone(
        "keras.applications:MobileNet", "tf", _MOBILENET, ("mobilenet_1_0_224_tf_no_top.h5",)),
    "mobilenet_025": Backbone(
        "keras.applications:MobileNet", "tf", _MOBILENET,
        ("mobilenet_2_5_224_tf_no_top.h5", "mobilenet_0.25_224_no_top.weights.h5"),
        (("alpha", 0.25),)),
    "densenet121": Backbone(
        "keras.applications:DenseNet121", "torch",
        ("pool2_relu", "pool3_relu", "pool4_relu", "relu"), ("densenet121" + _NO_TOP,)),
    # Its first convolutions are not padded, so its maps are smaller than strides say.
    "inception_resnet_v2": Backbone(
        "keras.applications:InceptionResNetV2", "tf", None, ("inception_resnet_v2" + _NO_TOP,)),
    "efficientnet_b0": Backbone(
        "keras.applications:EfficientNetB0", "inside",
        ("block2b_add", "block3b_add", "block5c_add", "top_activation"), ("efficientnetb0_notop.h5",)),
    "resnext50": Backbone(
        "fashion_tf.models.resnext:resnext50", "torch", (), ("resnext50" + _NO_TOP,)),
    "resnext101": Backbone(
        "fashion_tf.models.resnext:resnext101", "torch", (), ("resnext101" + _NO_TOP,)),
    # Stand-ins for the sample profile: the family's building block, once or twice a stage.
    "small_vgg": Backbone("fashion_tf.models.small:small_vgg", "tf", _OUTPUTS),
    "small_resnet": Backbone("fashion_tf.models.small:small_resnet", "tf", _OUTPUTS),
    "small_resnet_v2": Backbone("fashion_tf.models.small:small_resnet_v2", "tf", _OUTPUTS),
    "small_densenet": Backbone("fashion_tf.models.small:small_densenet", "torch", _OUTPUTS),
    "small_resnext": Backbone("fashion_tf.models.resnext:small_resnext", "torch"),
}

# What the stand-ins have instead of ImageNet: weights trained on drawn pictures, which ship with the package.
# data_scripts/make_sample_weights.py makes them.
WARDROBE_WEIGHTS = {name: Path(__file__).parent / "wardrobe_weights" / f"{name}.npz"
                    for name in ("small_resnet", "small_densenet", "small_resnet_v2")}


def build_backbone(name, image_size, weights=None, initializer=None, regularizer=None, seed=None,
                   pyramid=False, output_stride=32):
    """A network without its classifier.

    Args:
        name: One of `BACKBONES`.
        image_size: (height, width) in pixels, or one number for both; None where it may vary.
        weights: ``"imagenet"``; ``"wardrobe"`` for a small network's weights from drawn pictures of
            clothes (`WARDROBE_WEIGHTS`); the path of a weights file of the network as
            `keras.applications` builds it without its classifier; or None for fresh weights.
            ImageNet's are looked for in the folder FASHION_TF_WEIGHTS first, under the file names of
            `BACKBONES`; then Keras looks in its own cache and downloads them.
        initializer: For the kernel of every layer that has one: a Keras name, config or object.
            None keeps the network's own choice.
        regularizer: The same for regularizers, an object or config. Biases and the scales of
            normalisation are left alone, as is usual.
        seed: Draws every kernel anew from this seed, each layer from its own. None: Keras's global
            seed decides.
        pyramid: Give the feature maps of several stages instead of the last one: True for C2 to C5, at
            strides 4, 8, 16 and 32; or ``"from half"`` for C1 as well, the last map of half the picture's size.
        output_stride: 32; or 16, where the last stage keeps its input's size
            (`fashion_tf.models.atrous`). Other than 32, and with C1, the sides are fixed multiples of 32.

    Returns:
        A `keras.Model` named `name`: pictures (count, height, width, 3) in 0..255 to the last
        feature map, or with `pyramid` to the list [C2, C3, C4, C5] or [C1, C2, C3, C4, C5].

    Raises:
        DataError: Unknown name; no weights where some are asked for; weights that do not fit; a size, stride or
            pyramid that is not possible.

    Example:
        >>> build_backbone("small_resnet", 64).output.shape
        (None, 2, 2, 128)

    Taught in: 21_three_architectures.ipynb
    """
    entry = _entry(name)
    height, width = (image_size, image_size) if np.ndim(image_size) == 0 else image_size
    module, function = entry.builder.split(":")
    builder, options = getattr(import_module(module), function), dict(entry.options)
    if module == "keras.applications":
        options |= {"include_top": False, "weights": None}
    if entry.pyramid is None and (pyramid or output_stride != 32):
        raise DataError(f"{name} has no feature maps at strides 4, 8, 16 and 32; leave pyramid and output_stride as "
                        "they are, or choose another backbone.")
    try:
        network = builder(input_shape=(height, width, 3), **options)
    except ValueError as error:
        raise DataError(f"{name}: no network for pictures of {height} x {width}: {error}") from error
    if initializer is not None or regularizer is not None or seed is not None:
        network = _with_settings(network, initializer, regularizer, seed)
    if weights is not None:
        _load_weights(network, name, weights)
    outputs = [network.get_layer(layer).output for layer in entry.pyramid or ()] or network.outputs
    if pyramid == "from half" or output_stride != 32:
        if output_stride not in (16, 32) or not (height and width) or height % 32 or width % 32:
            raise DataError(f"image_size {(height, width)}, output_stride {output_stride}: give sides that are "
                            "multiples of 32, and a stride of 16 or 32.")
        outputs = ([_last_of_half(network)] if pyramid == "from half" else []) + outputs
    if output_stride == 16:
        network = without_last_stride(keras.Model(network.inputs, outputs))
        outputs = network.outputs
    network = keras.Model(network.inputs, outputs if pyramid else outputs[-1], name=f"{name}_network")
    pictures = keras.Input((height, width, 3), name="pictures")
    return for_this_device(keras.Model(
        pictures, network(InputScaling(entry.scaling, name="input_scaling")(pictures)), name=name))


def build_classifier(backbone, classes, image_size, weights=None, initializer=None, regularizer=None,
                     dropout=0.0, seed=None):
    """A backbone, the average of its last feature map over the picture, and one Dense layer.

    The large Dense layers of VGG16 are left out, so that the three architectures differ in their
    convolutions alone.

    Args:
        backbone: One of `BACKBONES`, or a model that `build_backbone` returned.
        classes: Number of classes.
        image_size: (height, width) in pixels, or one number for both; None where it may vary.
        weights: As in `build_backbone`.
        initializer: As in `build_backbone`; the Dense layer's as well.
        regularizer: As in `build_backbone`; the Dense layer's as well.
        dropout: Share of the averaged features that training leaves out at random.
        seed: As in `build_backbone`.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to probabilities, float32
        (count, classes). Its layer named as the backbone is the part to freeze.

    Taught in: 21_three_architectures.ipynb
    """
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, image_size, weights, initializer, regularizer, seed)
    head = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="classifier")
    head = type(head).from_config(_changed(head.get_config(), initializer, regularizer, seed, 0))
    pictures = keras.Input(backbone.input_shape[1:], name="pictures")
    features = keras.layers.GlobalAveragePooling2D(name="features")(backbone(pictures))
    if dropout:
        features = keras.layers.Dropout(dropout, seed=seed, name="dropout")(features)
    return for_this_device(keras.Model(pictures, head(features), name=f"{backbone.name}_classifier"))


def cut_network(backbone, layer):
    """A backbone in two: what is computed once, and what is trained.

    Where only the last layers are to learn, the first need to see each picture once: their maps can be kept.

    Args:
        backbone: What `build_backbone` returned, without `pyramid`.
        layer: Name of the last layer of the first part, in the network: such as ``"block_12_add"`` in
            mobilenet_v2, ``"c4"`` in the small ones. "": the first part is empty.

    Returns:
        (first, last): `keras.Model`s, pictures in 0..255 to maps and maps to the last feature map. They share the
        backbone's weights. Where `layer` is "", (None, the backbone).

    Raises:
        DataError: There is no such layer, or a connection leads around it.

    Taught in: 41_garment_types.ipynb
    """
    if not layer:
        return None, backbone
    scaling, network = backbone.layers[-2:]
    names = [inner.name for inner in network.layers]
    if layer not in names:
        raise DataError(f"{backbone.name} has no layer {layer!r}; it has {', '.join(names[-12:])}, and more before.")
    maps = network.get_layer(layer).output
    pictures = keras.Input(backbone.input_shape[1:], name="pictures")
    try:
        last = keras.Model(maps, network.output, name=f"{backbone.name}_last")
    except ValueError as error:
        raise DataError(f"{backbone.name} cannot be cut at {layer!r}: a connection leads around it.") from error
    first = keras.Model(network.inputs, maps)
    first = keras.Model(pictures, first(scaling(pictures)), name=f"{backbone.name}_first")
    return for_this_device(first), for_this_device(last)


def freeze_batch_normalization(model):
    """Keeps every batch normalisation at the statistics it has, in nested models too.

    With five pictures a step their statistics are noise; and where a file holds weights into which
    the normalisation was folded, new statistics destroy what the weights mean.

    Args:
        model: Changed in place. Compile it afterwards.

    Returns:
        How many layers were frozen.
    """
    frozen = 0
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
            frozen += 1
    return frozen


def freeze_until(backbone, first=""):
    """Lets the last part of a backbone learn; its batch normalisation keeps its statistics throughout.

    Args:
        backbone: What `build_backbone` returned, or that part of a larger model; changed in place. Compile it
            afterwards.
        first: How the name of the first layer that learns begins; ``""``: none learns.

    Returns:
        How many numbers of it learn.

    Raises:
        DataError: No layer's name begins so; the message lists them.

    Taught in: 38_masked_style_transfer.ipynb
    """
    network = next(layer for layer in backbone.layers if isinstance(layer, keras.Model))
    names = [layer.name for layer in network.layers]
    found = [number for number, name in enumerate(names) if first and name.startswith(first)]
    if first and not found:
        raise DataError(f"{backbone.name} has no layer whose name begins with {first!r}; its layers are "
                        f"{', '.join(names)}.")
    for layer in network.layers[:found[0] if found else None]:
        layer.trainable = False
    freeze_batch_normalization(backbone)
    return sum(int(np.prod(variable.shape)) for variable in backbone.trainable_variables)


def _entry(name):
    if name not in BACKBONES:
        raise DataError(f"There is no backbone {name!r}; choose {', '.join(BACKBONES)}.")
    return BACKBONES[name]


def _last_of_half(network):
    """C1: what the second halving of the picture takes in."""
    half = tuple(side // 2 for side in network.input_shape[1:3])
    return [layer.output for layer in network.layers if layer.output.shape[1:3] == half][-1]


def _with_settings(network, initializer, regularizer, seed):
    numbers = {layer.name: number for number, layer in enumerate(network.layers, 1)}

    def clone(layer):
        config = _changed(layer.get_config(), initializer, regularizer, seed, numbers[layer.name])
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=clone)


def seed_of(seed, number):
    """The seed of one of many draws: one seed for all layers would give all kernels of one shape the same numbers."""
    return (seed * 1_000_003 + number) % 2**31


def _changed(config, initializer, regularizer, seed, number):
    """A layer's config with other initializers and regularizers of its kernels."""
    for kind in ("kernel", "depthwise", "pointwise"):
        if initializer is not None and f"{kind}_initializer" in config:
            config[f"{kind}_initializer"] = keras.initializers.serialize(
                keras.initializers.get(initializer))
        if regularizer is not None and f"{kind}_regularizer" in config:
            config[f"{kind}_regularizer"] = keras.regularizers.serialize(
                keras.regularizers.get(regularizer))
        drawn = config.get(f"{kind}_initializer")
        if seed is not None and drawn and "seed" in drawn.get("config", {}):
            drawn["config"]["seed"] = seed_of(seed, number)
    return config


def find_weights(name):
    """The file of a backbone's ImageNet weights in the folder FASHION_TF_WEIGHTS, or None."""
    folder = os.environ.get("FASHION_TF_WEIGHTS")
    for file in _entry(name).files if folder else ():
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    return None


def _load_weights(network, name, weights):
    entry = _entry(name)
    if weights == "wardrobe":
        return network.set_weights(_wardrobe_weights(name))
    found = find_weights(name) if weights == "imagenet" else Path(weights)
    if found is None:
        network.set_weights(_download(name).get_weights())
    elif not found.is_file():
        raise DataError(f"{found}: no such weights file. Give weights='imagenet', None or a file.")
    else:
        try:
            if entry.builder.startswith("fashion_tf.models.resnext"):
                from fashion_tf.models.resnext import load_applications_weights

                load_applications_weights(network, found)
            else:
                network.load_weights(found)
        except (ValueError, OSError, KeyError, BadZipFile) as error:
            raise DataError(f"{found}: these weights do not fit {name}: {error}") from error
    if name == "efficientnet_b0":
        _divide_by_deviation(network, found is None or found.name in entry.files)


def _wardrobe_weights(name):
    if name not in WARDROBE_WEIGHTS:
        raise DataError(f"There are no wardrobe weights for {name}; only for {', '.join(WARDROBE_WEIGHTS)}.")
    with np.load(WARDROBE_WEIGHTS[name]) as arrays:
        return [arrays[f"arr_{number}"].astype(np.float32) for number in range(len(arrays.files))]


def _download(name):
    """Keras's own model with ImageNet weights; Keras looks in its cache before it downloads."""
    entry = _entry(name)
    if not entry.files:
        others = "weights='wardrobe' or None" if name in WARDROBE_WEIGHTS else "weights=None"
        raise DataError(f"{name} has no ImageNet weights for Keras; give {others}.")
    folder = os.environ.get("FASHION_TF_WEIGHTS")
    looked = f"not in FASHION_TF_WEIGHTS ({folder})" if folder else "FASHION_TF_WEIGHTS is not set"
    advice = (f"Put {' or '.join(entry.files)} into a folder and name it in FASHION_TF_WEIGHTS, or "
              "give weights=None.")
    if not entry.builder.startswith("keras.applications"):
        raise DataError(f"No ImageNet weights for {name}: {looked}, and Keras has none. {advice}")
    print(f"ImageNet weights for {name}: {looked}; Keras looks in its cache and downloads.")
    function = entry.builder.split(":")[1]
    try:
        return getattr(keras.applications, function)(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3), **dict(entry.options))
    except Exception as error:  # whatever the network raises
        raise DataError(f"No ImageNet weights for {name}: {looked}, and the download failed ({error}). "
                        + advice) from error


def _divide_by_deviation(network, imagenet):
    """EfficientNet's weights were trained on pictures divided once more by the root of ImageNet's
    deviation. Keras adds a layer for it with ``weights="imagenet"`` and leaves it out with a file. Whatever a
    file is called, ImageNet's weights hold the deviation in the place of the variance, and are told by it."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            if imagenet or np.allclose(layer.adapt_variance, IMAGENET_DEVIATION, atol=1e-3):
                layer.adapt_variance.assign(layer.adapt_variance * ops.cast(IMAGENET_DEVIATION, "float32"))
                layer.finalize_state()
