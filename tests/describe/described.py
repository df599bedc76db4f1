"""A drawn photo and three models that describe it exactly: they go by colour."""

import numpy as np
from PIL import Image

from fashion_tf.describe import Calibration

LABELS = ("background", "skin", "jacket/blazer", "pants/jeans", "bag")
COLOURS = np.array([[255, 255, 255], [230, 190, 160], [200, 30, 30], [30, 30, 200], [20, 200, 20]])
SURE = Calibration(1.0, 0.6, 0.9, 100)  # a set holds what has 0.6 or more


def write_photo(path):
    """Somebody in red and blue, with a bag, on white; a red speck on the wall. (path, mask)."""
    mask = np.zeros((96, 64), int)
    mask[4:20, 24:40] = 1
    mask[20:52, 16:48] = 2
    mask[52:92, 20:44] = 3
    mask[40:52, 50:60] = 4
    mask[2:5, 56:60] = 2
    Image.fromarray(COLOURS[mask].astype(np.uint8)).save(path)
    return path, mask


def nearest_colour(inputs, colours, sharpness):
    """softmax(-sharpness |x - colour|^2), as one pointwise convolution: exact for given colours."""
    import keras

    layer = keras.layers.Conv2D(len(colours), 1, activation="softmax")
    outputs = layer(inputs)
    layer.set_weights([2 * sharpness * colours.T[None, None].astype("float32"),
                       -sharpness * (colours ** 2).sum(1).astype("float32")])
    return outputs


def save_models(folder):
    """Folders of a parser, of types and styles, and of types without a calibration, by name."""
    import keras

    from fashion_tf import predictor

    inputs = keras.Input((96, 64, 3))
    parser = keras.Model(inputs, nearest_colour(inputs, COLOURS.astype(float), 1e-3))
    predictor.save_predictor(folder / "parser", parser, LABELS, (96, 64), "parsing")
    # Types and styles look at the mean colour: red is a coat, blue are jeans, grey is neither for sure.
    means = np.array([[200, 30, 30], [30, 30, 200]], float)
    for name, classes, about in (
            ("types", ("coat", "jeans"), {"calibration": SURE.as_json(), "crop": {"masking": "mean", "square": 0}}),
            ("styles", ("rock", "mode"), {"calibration": SURE.as_json()}),
            ("uncalibrated", ("coat", "jeans"), {})):
        pictures = keras.Input((32, 32, 3))
        colour = keras.layers.GlobalAveragePooling2D(keepdims=True)(pictures)
        model = keras.Model(pictures, keras.layers.Flatten()(nearest_colour(colour, means, 3e-4)))
        predictor.save_predictor(folder / name, model, classes, 32, about=about)
    return {name: folder / name for name in ("parser", "types", "styles", "uncalibrated")}
