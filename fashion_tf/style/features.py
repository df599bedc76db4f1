"""What the content and the style of a picture are to a network, and how far two pictures are apart in them.

After Gatys, Ecker and Bethge (CVPR 2016): the *content* is the feature maps of a deep layer, place by place; the
*style* is which channels of a layer are active together, wherever that is: its Gram matrix.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import BACKBONES, InputScaling, build_backbone
from fashion_tf.models.device import for_this_device

_VGG = (tuple(f"block{block}_conv1" for block in range(1, 6)), ("block4_conv2",))
# backbone: (layers for the style, layers for the content). Of the VGGs they are the paper's; of others layers before
# which the picture shrank as often.
LAYERS = {
    "vgg19": _VGG, "vgg16": _VGG,
    "mobilenet_v2": (("Conv1_relu", "block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu"),
                     ("block_6_expand_relu",)),
    "mobilenet_025": (("conv1_relu", "conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu"), ("conv_pw_5_relu",)),
    **dict.fromkeys(("small_vgg", "small_resnet", "small_resnet_v2", "small_densenet"), (("c2", "c3", "c4"), ("c3",))),
}


def feature_network(backbone, weights, layers, seed=None):
    """A backbone that gives some of its inner feature maps; what comes after the last of them is cut off.

    Args:
        backbone: One of `fashion_tf.models.backbones.BACKBONES`; ``"vgg19"`` is the paper's.
        weights: As in `build_backbone`: ``"imagenet"``, ``"wardrobe"``, a file, or None for random ones, which keep
            the size of what passes through (He's initializer). None of them stands in for another in silence.
        layers: Names of layers.
        seed: Of random weights.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to a dict, layer name to features. It is not
        trained.

    Raises:
        DataError: There is no such backbone or layer; or no such weights.

    Taught in: 36_style_transfer_gram.ipynb
    """
    initializer = "he_normal" if weights is None else None
    network = build_backbone(backbone, None, weights, initializer=initializer, seed=seed).get_layer(
        f"{backbone}_network")
    known = [layer.name for layer in network.layers]
    for name in layers:
        if name not in known:
            raise DataError(f"{backbone} has no layer {name!r}; it has {', '.join(known[1:])}.")
    inner = keras.Model(network.inputs, {name: network.get_layer(name).output for name in layers})
    pictures = keras.Input((None, None, 3), name="pictures")
    scaled = InputScaling(BACKBONES[backbone].scaling, name="input_scaling")(pictures)
    model = for_this_device(keras.Model(pictures, inner(scaled), name=f"{backbone}_features"))
    model.trainable = False
    return model


def gram_matrix(features):
    """Which channels are active together: the mean over all places of each product of two channels.

    Args:
        features: (count, height, width, channels), any float type.

    Returns:
        float32 (count, channels, channels): sums of thousands of products do not fit half precision.

    Taught in: 36_style_transfer_gram.ipynb
    """
    features = ops.cast(features, "float32")
    count, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (count, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / ops.cast(height * width, "float32")


def relative_error(found, target):
    """The squared distance of two arrays, as a share of the target's square: 0 is equal, and 1 as far as nothing at
    all. So layers, and networks, with large and with small numbers count alike."""
    found, target = ops.cast(found, "float32"), ops.cast(target, "float32")
    return ops.sum(ops.square(found - target)) / (ops.sum(ops.square(target)) + keras.config.epsilon())


def total_variation(pictures):
    """The mean squared difference of neighbours, pictures in 0..255 taken as 0..1."""
    pictures = ops.cast(pictures, "float32") / 255
    down, right = pictures[:, 1:] - pictures[:, :-1], pictures[:, :, 1:] - pictures[:, :, :-1]
    return ops.mean(ops.square(down)) + ops.mean(ops.square(right))


@dataclass(frozen=True)
class StyleLoss:
    """What is made small: content, style and roughness, each with its weight.

    Attributes:
        network: As `feature_network` gives it, with all layers below.
        style: Layer name to its weight in the style's mean.
        content: The same for the content.
        content_weight, style_weight, variation_weight: Of the three parts of the sum.
    """

    network: keras.Model
    style: dict
    content: dict
    content_weight: float
    style_weight: float
    variation_weight: float

    def targets(self, content, styles, shares):
        """What the features of the new picture should be; found once, for it does not change.

        Args:
            content: (1, height, width, 3) in 0..255.
            styles: A list of the same, each of its own size.
            shares: The weight of each style; their Gram matrices are mixed.

        Returns:
            (layer to its features, layer to its Gram matrix), float32.
        """
        found = self.network(content)
        content_targets = {name: ops.cast(found[name], "float32") for name in self.content}
        grams = [{name: gram_matrix(features[name]) for name in self.style}
                 for features in map(self.network, styles)]
        return content_targets, {name: sum(share * gram[name] for share, gram in zip(shares, grams))
                                 for name in self.style}

    def parts(self, picture, targets):
        """float32 (3,): the content's error, the style's, and the variation of pictures (1, height, width, 3)."""
        features, (content, style) = self.network(picture), targets
        return ops.stack([
            _mean({name: relative_error(features[name], content[name]) for name in content}, self.content),
            _mean({name: relative_error(gram_matrix(features[name]), style[name]) for name in style}, self.style),
            total_variation(picture)])

    def total(self, parts):
        """The weighted sum of `parts`."""
        weights = [self.content_weight, self.style_weight, self.variation_weight]
        return ops.sum(parts * ops.convert_to_tensor(weights, "float32"))


def _mean(errors, weights):
    return sum(weights[name] * error for name, error in errors.items()) / sum(weights.values())


def style_loss(backbone="vgg19", weights="imagenet", style_layers=None, content_layers=None, content_weight=0.02,
               style_weight=1.0, variation_weight=0.05, seed=None):
    """The loss of one network.

    Args:
        backbone, weights, seed: As for `feature_network`.
        style_layers: A list of layers, or layer name to weight; None: those of `LAYERS`, all alike.
        content_layers: The same.
        content_weight, style_weight, variation_weight: What each part counts, 0 or more.

    Returns:
        A `StyleLoss`.

    Raises:
        DataError: As `feature_network`; a weight that is negative, or none that is not 0.

    Example:
        >>> style_loss("mobilenet_v2", "imagenet", content_weight=0.1)

    Taught in: 36_style_transfer_gram.ipynb
    """
    if backbone not in LAYERS and (style_layers is None or content_layers is None):
        raise DataError(f"{backbone}: name its style_layers and content_layers; they are known for "
                        f"{', '.join(LAYERS)}.")
    style, content = (_weighted(given, LAYERS[backbone][part] if backbone in LAYERS else ()) for part, given in
                      enumerate((style_layers, content_layers)))
    three = (content_weight, style_weight, variation_weight)
    for numbers in (three, style.values(), content.values()):
        if not all(0 <= number < np.inf for number in numbers) or not any(numbers):
            raise DataError(f"The weights {list(numbers)}: they must be 0 or more, and not all of them 0.")
    layers = list(dict.fromkeys([*style, *content]))
    return StyleLoss(feature_network(backbone, weights, layers, seed), style, content, *three)


def _weighted(given, default):
    given = default if given is None else given
    return dict(given) if isinstance(given, dict) else dict.fromkeys(given, 1.0)
