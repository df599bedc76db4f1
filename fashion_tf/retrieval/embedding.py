"""From photos to unit vectors: by a network without its classifier, or by counting colours."""

import numpy as np

from fashion_tf.errors import DataError

POOLINGS = ("average", "maximum")
STAGES = (2, 3, 4, 5)
PHOTOS_AT_A_TIME = 512  # decoded at once; a hundred thousand photos need no more memory than these


def build_embedder(backbone, image_size, weights=None, stage=5, pooling="average"):
    """A network that turns photos into unit vectors: their dot product is the cosine similarity.

    Args:
        backbone: A name of `fashion_tf.models.backbones.BACKBONES`, or a model that `build_backbone`
            returned (with ``pyramid=True`` if another stage than its last is wanted).
        image_size: (height, width) in pixels, or one number for both.
        weights: As in `build_backbone`; without meaning where `backbone` is a model.
        stage: Whose feature map is taken: 2 (stride 4), 3, 4 or 5 (stride 32, the last).
        pooling: ``"average"`` or ``"maximum"`` of each channel over the picture.

    Returns:
        A `keras.Model`: pictures (count, height, width, 3) in 0..255 to float32 (count, channels), each
        row of length 1 (of length 0 where every channel is 0).

    Raises:
        DataError: An unknown stage or pooling, or what `build_backbone` raises.

    Taught in: 34_similar_products.ipynb
    """
    import keras

    from fashion_tf.models.backbones import build_backbone
    from fashion_tf.models.device import for_this_device

    if stage not in STAGES:
        raise DataError(f"There is no stage {stage!r}; choose {', '.join(map(str, STAGES))}.")
    if pooling not in POOLINGS:
        raise DataError(f"There is no pooling {pooling!r}; choose {', '.join(POOLINGS)}.")
    if isinstance(backbone, str):
        backbone = build_backbone(backbone, image_size, weights, pyramid=stage != STAGES[-1])
    maps = backbone.outputs
    if len(maps) not in (1, len(STAGES)) or (len(maps) == 1 and stage != STAGES[-1]):
        raise DataError(f"{backbone.name} gives {len(maps)} feature map(s) and stage {stage} is wanted: build it "
                        "with pyramid=True.")
    pool = {"average": keras.layers.GlobalAveragePooling2D, "maximum": keras.layers.GlobalMaxPooling2D}[pooling]
    pictures = keras.Input(backbone.input_shape[1:], name="pictures")
    found = backbone(pictures)
    found = found[STAGES.index(stage)] if isinstance(found, (list, tuple)) and len(found) > 1 else found
    features = pool(name="features", dtype="float32")(found)
    embedding = keras.layers.UnitNormalization(name="embedding", dtype="float32")(features)
    return for_this_device(keras.Model(pictures, embedding, name=f"{backbone.name}_embedder"))


def embed(dataset, embedder, image_size, batch_size=32, crop_to_box=False):
    """The unit vector of every photo of a dataset.

    Args:
        dataset: A `Dataset`.
        embedder: A model from `build_embedder`, or another that gives a vector for a picture.
        image_size: (height, width) in pixels, or one number for both, that photos are squeezed to.
        batch_size: Photos in a batch of the network.
        crop_to_box: Keep only what the column ``box`` encloses.

    Returns:
        float32 (rows, channels), each row of length 1.

    Raises:
        DataError: No rows, a photo that cannot be read, or one whose vector is not finite or all zeros,
            which has no direction; named.

    Taught in: 34_similar_products.ipynb
    """
    def vectors(pictures):
        return np.concatenate([embedder.predict_on_batch(pictures[start:start + batch_size])
                               for start in range(0, len(pictures), batch_size)])

    return _unit_vectors(dataset, image_size, crop_to_box, vectors)


def colour_histograms(dataset, image_size=64, bins=8, crop_to_box=False):
    """How often each colour occurs in a photo: the baseline that knows no shape.

    Red, green and blue are cut into `bins` equal parts each. The root of each count is taken, so that a
    white background does not drown the rest; the cosine of two photos is then Bhattacharyya's coefficient
    of their histograms.

    Args:
        dataset: A `Dataset`.
        image_size: (height, width) in pixels, or one number for both, that photos are squeezed to.
        bins: Parts of each channel's range.
        crop_to_box: Keep only what the column ``box`` encloses.

    Returns:
        float32 (rows, bins ** 3), each row of length 1.

    Raises:
        DataError: As `embed`; or `bins` is not in 2..32.

    Taught in: 34_similar_products.ipynb
    """
    if bins not in range(2, 33):
        raise DataError(f"bins={bins!r}: choose a whole number from 2 to 32.")

    def vectors(pictures):
        red, green, blue = np.moveaxis(pictures.astype(np.int64) * bins // 256, -1, 0)
        cells = ((red * bins + green) * bins + blue).reshape(len(pictures), -1)
        return np.sqrt([np.bincount(row, minlength=bins ** 3) for row in cells]).astype(np.float32)

    return _unit_vectors(dataset, image_size, crop_to_box, vectors)


def _unit_vectors(dataset, image_size, crop_to_box, vectors):
    from fashion_tf.pipeline import load_images

    if len(dataset) == 0:
        raise DataError(f"{dataset.name}: no photos to embed: the table is empty.")
    parts = []
    for start in range(0, len(dataset), PHOTOS_AT_A_TIME):
        part = dataset.where(np.arange(start, min(start + PHOTOS_AT_A_TIME, len(dataset))))
        pictures, _ = load_images(part, image_size, crop_to_box=crop_to_box)
        if pictures.ndim == 3:  # the grey pictures of IDX files
            pictures = np.repeat(pictures[..., None], 3, axis=3)
        found = np.asarray(vectors(pictures), np.float32)
        lengths = np.linalg.norm(found, axis=1)
        lost = ~np.isfinite(lengths) | (lengths == 0)
        if lost.any():
            raise DataError(f"{part.table['image'].iloc[int(lost.argmax())]}: its embedding is all zeros or not "
                            "finite, and has no direction. Is the network trained, and the photo no blank?")
        parts.append(found / lengths[:, None])
    return np.concatenate(parts)
