"""What a frozen network makes of pictures: computed once, and kept on disk where wanted.

A frozen network gives the same features for the same picture in every epoch, so each epoch after the first
would only repeat it. A head is then trained on a table of numbers, in seconds.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.files import write_atomically


def frozen_features(model, images, batch_size=64, cache="memory"):
    """A model's outputs for pictures, as they are without training.

    Args:
        model: A `keras.Model` from pictures to one output, in the range that it takes.
        images: uint8 (rows, height, width, 3); as `fashion_tf.pipeline.load_images` returns them.
        batch_size: Pictures in a batch.
        cache: ``"memory"``; or a folder. There the features lie in a file named after the model and a
            digest of its layers, its weights and the pictures, and a second call reads it.

    Returns:
        float32 (rows, ...): a row a picture, of the shape of the model's output.

    Raises:
        DataError: No pictures; or the features cannot be kept in the folder.

    Taught in: 32_product_classification.ipynb
    """
    if len(images) == 0:
        raise DataError("No pictures to compute features of.")
    if cache == "memory":
        return _computed(model, images, batch_size)
    folder = Path(cache).expanduser()
    path = folder / f"features-{model.name}-{_digest(model, images)}.npy"
    try:
        found = np.load(path)
        if found.shape == (len(images), *model.output_shape[1:]) and found.dtype == np.float32:
            return found
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError, EOFError):
        print(f"{path}: these features are damaged or cut off; they are computed again.")
    found = _computed(model, images, batch_size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: np.save(file, found))
    except OSError as error:
        raise DataError(f"{folder}: the features cannot be kept there ({error.strerror}). Free some space, or pass "
                        "another folder.") from None
    return found


def _computed(model, images, batch_size):
    parts = [np.asarray(model.predict_on_batch(np.asarray(images[start:start + batch_size])), np.float32)
             for start in range(0, len(images), batch_size)]
    return np.concatenate(parts)


def _digest(model, images):
    """Of the layers and how they hang together, the weights and the pictures; not of the layers' names, which
    Keras numbers anew for each model."""
    names = {layer.name: number for number, layer in enumerate(model._flatten_layers())}
    layers = re.sub(r'"([^"]*)"', lambda name: f'"layer {names[name[1]]}"' if name[1] in names else name[0],
                    model.to_json())
    digest = hashlib.sha256(repr((layers, np.shape(images), str(images.dtype))).encode())
    for array in (*model.get_weights(), images):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:16]
