"""Training a last layer on features computed once, against fitting through the frozen backbone.

Both train the same Dense layer from the same initial weights with the same batches in the same order, for
ten epochs, on photos of the DeepFashion sample at 128 pixels through MobileNetV2: with ImageNet's weights
where FASHION_TF_WEIGHTS has them, else with random ones, which cost the same time and learn less. They
take turns, the first of which does not count; what counts is the ratio in each turn.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from fashion_tf.datasets.categories import ten_categories
from fashion_tf.models.backbones import build_backbone, find_weights
from fashion_tf.pipeline import load_images

SIZE, BATCH, EPOCHS, TURNS, TARGET = 128, 32, 10, 3, 5


def head(weights):
    layer = keras.layers.Dense(10, activation="softmax")
    layer.build((None, 1280))
    layer.set_weights(weights)
    return layer


def compiled(model):
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"],
                  jit_compile=False)
    return model


def through_the_backbone(backbone, weights, train, validation):
    """What a user would otherwise write: freeze, stack, fit."""
    backbone.trainable = False
    pictures = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.GlobalAveragePooling2D()(backbone(pictures, training=False))
    model = compiled(keras.Model(pictures, head(weights)(features)))
    model.fit(*train, BATCH, EPOCHS, shuffle=False, verbose=0)
    return model.predict(validation[0], BATCH, verbose=0)


def on_features(backbone, weights, train, validation):
    """What lesson 23 does: one pass through the backbone, then ten over a table of numbers."""
    average = keras.layers.GlobalAveragePooling2D()
    features = keras.Model(backbone.inputs, average(backbone.output))
    table, held_out = (features.predict(part[0], BATCH, verbose=0) for part in (train, validation))
    model = compiled(keras.Sequential([keras.Input((1280,)), head(weights)]))
    model.fit(table, train[1], BATCH, EPOCHS, shuffle=False, verbose=0)
    return model.predict(held_out, BATCH, verbose=0)


def main():
    dataset = ten_categories("deepfashion", "sample")
    train, validation = ((load_images(dataset.split(name), SIZE, crop_to_box=True)[0],
                          dataset.split(name).labels) for name in ("train", "validation"))
    tf.get_logger().setLevel("ERROR")  # it warns of graphs made anew, which every turn does on purpose
    weights = "imagenet" if find_weights("mobilenet_v2") else None
    backbone = build_backbone("mobilenet_v2", SIZE, weights, initializer=None if weights else "he_normal", seed=1)
    generator = np.random.default_rng(1)
    first = [generator.normal(0, 0.03, (1280, 10)).astype("float32"), np.zeros(10, "float32")]
    print(f"{len(train[0])} training photos of {SIZE} x {SIZE} pixels, {EPOCHS} epochs, {os.cpu_count()} cores, "
          f"{weights or 'random'} weights")
    ratios = []
    for turn in range(TURNS + 1):
        answers, seconds = [], []
        for way in (through_the_backbone, on_features):
            began = time.perf_counter()
            answers.append(way(backbone, first, train, validation))
            seconds.append(time.perf_counter() - began)
        accuracies = [np.mean(answer.argmax(1) == validation[1]) for answer in answers]
        ratios.append(seconds[0] / seconds[1])
        print(f"turn {turn}: through the backbone {seconds[0]:.1f} s, on features {seconds[1]:.1f} s, "
              f"{ratios[-1]:.1f} times faster; accuracy {accuracies[0]:.4f} and {accuracies[1]:.4f}, largest "
              f"difference of a probability {np.abs(answers[0] - answers[1]).max():.1e}", flush=True)
    ratios = ratios[1:]
    print(f"target: {TARGET} times, {'reached' if statistics.median(ratios) >= TARGET else 'MISSED'}; "
          f"ratio min / median / max: {min(ratios):.1f} / {statistics.median(ratios):.1f} / {max(ratios):.1f}")


if __name__ == "__main__":
    main()
