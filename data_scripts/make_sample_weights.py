#!/usr/bin/env python
"""Trains the small backbones on drawn pictures and writes the weights that the package ships.

    python data_scripts/make_sample_weights.py [FOLDER [BACKBONE...]]

What ImageNet is for a photograph, this is for the sample: other pictures, with another task. They are drawn from a
seed that no lesson uses, and a network learns two things at once: the label of every fourth pixel, and which articles,
garment types (their sleeves and lengths), patterns and colours a picture shows. Its backbone is kept, in float16.

One process a backbone and one thread each, so that sums have one order: on one machine two runs write the same bytes.
FOLDER is by default where ``weights="wardrobe"`` looks for them.
"""

import os
import sys
import time
from pathlib import Path

import joblib
import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # for the worker processes, too
SEED = 2**31 - 1  # lessons count upwards from 0
COUNT, PART = 5_000, 250  # pictures, four of five a whole person, the others a garment; drawn so many at a time
SIZE = (160, 96)  # height and width, multiples of 32
BATCH_SIZE, EPOCHS, LEARNING_RATE = 16, 14, 0.004


def draw(part):
    """Pictures, the labels of every fourth pixel, and for each picture the names of what is seen."""
    from fashion_tf.wardrobe import ARTICLES, draw_garment, draw_person

    generator, articles = np.random.Generator(np.random.PCG64([SEED, part])), list(ARTICLES)
    drawings = [draw_person(generator, SIZE) if number % 5 else
                draw_garment(articles[generator.integers(len(articles))], generator, SIZE) for number in range(PART)]
    seen = [{f"{kind}: {getattr(garment, kind)}" for garment in drawing.garments
             for kind in ("article", "type", "pattern", "colour")} for drawing in drawings]
    return (np.stack([drawing.image for drawing in drawings]),
            np.stack([drawing.labels[2::4, 2::4] for drawing in drawings]), seen)


def train(name, images, labels, seen, file):
    """Trains one backbone and writes its arrays, in the order of the network's own weights."""
    import keras
    import tensorflow as tf

    from fashion_tf import metrics
    from fashion_tf.models import backbones, fpn

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(SEED)
    began = time.monotonic()
    backbone = backbones.build_backbone(name, SIZE, seed=SEED, pyramid=True)
    parser = fpn.fpn_segmenter(backbone, int(labels.max()) + 1, SIZE, channels=16, seed=SEED)
    pixels = keras.Model(parser.input, parser.get_layer("probabilities").output, name="pixels")
    pictures = keras.Input((*SIZE, 3))
    names = keras.layers.GlobalAveragePooling2D()(backbone(pictures)[-1])
    names = keras.layers.Dense(seen.shape[1], activation="sigmoid", name="names")(names)
    model = keras.Model(pictures, {"pixels": pixels(pictures), "names": names})
    weights = metrics.class_weights(labels, int(labels.max()) + 1, 0.2)
    images, labels = images.copy(), labels.copy()  # workers are handed arrays that cannot be written
    steps = EPOCHS * (len(images) // BATCH_SIZE)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
                  {"pixels": fpn.PixelCrossEntropy(weights), "names": "binary_crossentropy"},
                  loss_weights={"pixels": 1.0, "names": 2.0}, metrics={"pixels": [fpn.PixelAccuracy()]})
    generator = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        # A person has no preferred side: every other picture is shown mirrored, others in each epoch.
        turned = generator.random(len(images)) < 0.5
        for array in (images, labels):
            array[turned] = array[turned, :, ::-1]
        history = model.fit(images, {"pixels": labels, "names": seen}, BATCH_SIZE, verbose=0).history
    arrays = [array.astype(np.float16) for array in backbone.get_weights()]
    if not all(np.isfinite(array).all() for array in arrays):
        raise SystemExit(f"{name}: a weight does not fit into float16.")
    np.savez(file, *arrays)
    print(f"{name}: {history['pixels_accuracy'][-1]:.3f} of the pixels right in the last epoch, "
          f"{file.stat().st_size:,} bytes, {time.monotonic() - began:.0f} s", flush=True)


def main():
    from fashion_tf.models.backbones import WARDROBE_WEIGHTS

    folder = Path(sys.argv[1]) if sys.argv[1:] else next(iter(WARDROBE_WEIGHTS.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    workers = joblib.Parallel(n_jobs=-1)
    images, labels, seen = zip(*workers(joblib.delayed(draw)(part) for part in range(COUNT // PART)))
    images, labels, seen = np.concatenate(images), np.concatenate(labels), sum(seen, [])
    vocabulary = sorted(set().union(*seen))
    seen = np.array([[name in names for name in vocabulary] for names in seen], np.float32)
    print(f"{COUNT:,} pictures, {len(vocabulary)} names, drawn in {time.monotonic() - began:.0f} s", flush=True)
    workers(joblib.delayed(train)(name, images, labels, seen, folder / path.name)
            for name, path in WARDROBE_WEIGHTS.items() if name in (sys.argv[2:] or WARDROBE_WEIGHTS))
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
