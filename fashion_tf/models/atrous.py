"""A network whose last stage keeps its size: atrous convolutions see as far as before, and nothing shrinks.

Chen, Papandreou, Schroff and Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation" (2017),
section 3.1.
"""

import keras

STRIDE = 32  # of the stage that is changed


def without_last_stride(network):
    """The same layers and weights; the last stage has its input's size, a stride of 16 instead of 32.

    What halved the map there now takes every place; each later kernel of that stage reads every second place
    (a rate of 2), so that it meets the values that it has learnt with. At the places that the small map had, the
    large one has the same values.

    Args:
        network: A `keras.Model` of fixed size, sides multiples of 32, that shrinks its picture 32 times.

    Returns:
        A `keras.Model` with weights of its own.

    Taught in: 38_masked_style_transfer.ipynb
    """
    small = tuple(side // STRIDE for side in network.input_shape[1:3])
    stage, padded = {}, set()
    for layer in network.layers:
        config = layer.get_config()
        window = config.get("kernel_size") or config.get("pool_size") or (1, 1)
        strided = max(config.get("strides") or (1, 1)) > 1
        if layer.output.shape[1:3] != small or "padding" not in config or not (strided or max(window) > 1):
            continue
        stage[layer.name] = {"strides": (1, 1), "padding": "same"} | (
            {} if strided or "dilation_rate" not in config else {"dilation_rate": (2, 2)})
        before = layer.input._keras_history.operation
        if isinstance(before, keras.layers.ZeroPadding2D):  # "same" pads on both sides, whatever the rate
            padded.add(before.name)

    def clone(layer):
        config = layer.get_config() | stage.get(layer.name, {})
        return type(layer).from_config(config | ({"padding": (0, 0)} if layer.name in padded else {}))

    larger = keras.models.clone_model(network, clone_function=clone)
    larger.set_weights(network.get_weights())
    return larger
