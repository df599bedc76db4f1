"""Where a classifier looked: class activation maps, by the gradient.

Zhou et al., "Learning Deep Features for Discriminative Localization" (CVPR 2016), for networks that end in the average
of their last feature map and one linear layer: that layer's weights, laid on the map. Selvaraju et al., "Grad-CAM"
(ICCV 2017), for any network: in the weights' place stands the mean of the class score's gradient. Where both are
defined they are the same, but for a factor and for what speaks against the class, which Grad-CAM leaves out.
"""

import numpy as np

from fashion_tf.errors import DataError

STRENGTH = 0.65  # of the colour where the map is largest


def grad_cam(model, picture, number):
    """How much each place of a picture speaks for a class.

    Args:
        model: A `keras.Model` built of layers (functional or sequential, models in it as well): pictures
            (1, height, width, 3) in 0..255 to (1, classes).
        picture: uint8 (height, width, 3), of a size that the model takes.
        number: The class, from 0.

    Returns:
        float32 (rows, columns), at least 0, of the size of the model's last feature map: the ReLU of the sum over its
        channels, each weighted by the mean of the gradient of the class's score. The score is what goes into the
        softmax; where the model does not end in one, the logarithm of its answer.

    Raises:
        DataError: The model has no convolution, or is no graph of layers; or there is no such class.
    """
    import keras
    import tensorflow as tf

    last = {"map": None, "scores": None, "convolved": False}
    with tf.GradientTape() as tape:
        def call(layer, *arguments, **options):
            if isinstance(layer, keras.Model):
                return _run(layer, arguments[0], call)
            answer = layer(*arguments, **options)
            last["convolved"] |= isinstance(layer, _convolutions())
            if tf.is_tensor(answer) and len(answer.shape) == 4 and min(answer.shape[1:3]) > 1:
                tape.watch(answer)
                last["map"] = answer
            last["scores"] = _before_softmax(layer, arguments[0], last["scores"])
            return answer

        answer = _run(model, tf.constant(picture[None]), call)
        if not 0 <= number < answer.shape[-1]:
            raise DataError(f"Class {number}: the model has {answer.shape[-1]}, counted from 0.")
        if not last["convolved"] or last["map"] is None:
            raise DataError("This model has no convolution, and so no map of where it looked.")
        scores = last["scores"]
        if scores is None or scores.shape != answer.shape:
            scores = tf.math.log(tf.maximum(tf.cast(answer, tf.float32), np.finfo(np.float32).tiny))
        score = scores[0, number]
    slope = tape.gradient(score, last["map"])
    if slope is None:
        raise DataError("This model's answer does not hang on its last feature map.")
    features, slope = (np.asarray(part, np.float32)[0] for part in (last["map"], slope))
    return np.maximum(features @ slope.mean((0, 1)), 0)


def overlay(photo, activation, strength=STRENGTH):
    """A photo with a map laid over it: dark violet where there is a little, yellow where there is the most.

    Args:
        photo: uint8 (height, width, 3).
        activation: float (rows, columns), at least 0, of any size.
        strength: Of the colour where the map is largest, from 0 to 1.

    Returns:
        uint8 of the photo's shape; the photo itself where the map is 0 everywhere.
    """
    import cv2

    height, width = photo.shape[:2]
    share = np.asarray(activation, np.float32) / max(float(activation.max()), np.finfo(np.float32).tiny)
    share = np.clip(cv2.resize(share, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    colour = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = (strength * share)[..., None]
    return (photo * (1 - weight) + colour * weight).round().astype(np.uint8)


def _run(model, pictures, call):
    """Computes a model layer by layer: `call` is given each layer with what goes into it."""
    import keras

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            pictures = call(layer, pictures)
        return pictures
    if not hasattr(model, "_run_through_graph"):
        raise DataError("This model is no graph of layers, so it cannot be said what it looked at.")
    return model._run_through_graph(
        pictures, operation_fn=lambda layer: lambda *arguments, **options: call(layer, *arguments, **options))


def _convolutions():
    from keras import layers

    return layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose


def _before_softmax(layer, inputs, before):
    """What a layer's softmax is taken of, float32; `before` where it has none."""
    import keras
    import tensorflow as tf

    softmax = keras.activations.softmax
    if isinstance(layer, keras.layers.Dense) and layer.activation is softmax:
        scores = tf.cast(inputs, tf.float32) @ tf.cast(layer.kernel, tf.float32)
        return scores if layer.bias is None else scores + tf.cast(layer.bias, tf.float32)
    if type(layer).__name__ == "Softmax" or getattr(layer, "activation", None) is softmax:
        return tf.cast(inputs, tf.float32)
    return before
