#!/usr/bin/env python
"""Trains the classifier of upper garments that `fashion-tf live` takes, on clothes that people wear.

    python data_scripts/make_live_model.py DATA FOLDER

DATA holds clothing-co-parsing and clothing-dataset-small; MobileNetV2's ImageNet weights are Keras's own, or those in
FASHION_TF_WEIGHTS. A classifier that has seen clothes on beds and hangers alone is lost in a video. So this one learns
from the upper bodies of Clothing Co-Parsing's people, cut out as live recognition cuts them out, and from the photos
that people took of their own clothes. One photo in five is held out, and what is printed of them is what it is worth:

    fashion-tf live --source street.mp4 --model FOLDER --part 0.1 0.6 --headless --out seen

Everything up to a layer of the backbone stays as it is, so each view of a photo is computed once: minutes on two cores.
"""

import os
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
BACKBONE, WEIGHTS, FROZEN, IMAGE_SIZE, SEED = "mobilenet_v2", "imagenet", "block_12_add", 160, 0
VIEWS = 5  # of each photo, each changed at random; a photo of clothes alone gets two
BATCH_SIZE, EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 32, 6, 4e-4, 1e-3
BALANCE = 0.7  # 0: each photo counts alike; 1: each class


def read(data):
    """(pictures, labels) of people to learn from, of people held out and of clothes, and the classes' names."""
    from fashion_tf.datasets import ccp, load
    from fashion_tf.datasets.categories import ten_categories
    from fashion_tf.datasets.subsets import relabel, split_at_random
    from fashion_tf.pipeline import load_images

    bodies = split_at_random(ccp.upper_bodies(load(ccp.NAME, data)), SEED, shares={"train": 0.8, "test": 0.2})
    clothes = ten_categories("clothing-dataset-small", data, seed=SEED).split("train")
    clothes = relabel(clothes, clothes.table["label"].astype(str), bodies.classes)
    people, others = ((load_images(part, IMAGE_SIZE, crop_to_box=True)[0], part.labels)
                      for part in (bodies.split("train"), bodies.split("test")))
    return people, others, (load_images(clothes, IMAGE_SIZE)[0], clothes.labels), bodies.classes


def changed(pictures, change, generator):
    """One view of each picture: moved and coloured otherwise, four of ten as small and blurred as in a video, three of
    ten without colour."""
    import cv2

    views = []
    for part in np.array_split(pictures, -(-len(pictures) // 64)):
        for view in change(part.astype(np.float32), training=True).numpy():
            if generator.random() < 0.4:
                small = cv2.resize(view, (int(generator.integers(40, 110)),) * 2, interpolation=cv2.INTER_AREA)
                view = cv2.resize(small, view.shape[1::-1])
            views.append(view.mean(-1, keepdims=True).repeat(3, -1) if generator.random() < 0.3 else view)
    return np.stack(views)


def build(classes):
    """(what stays as it is, what learns): the backbone's two parts, the second with a classifier behind it."""
    import keras

    from fashion_tf.models import backbones

    backbone = backbones.build_backbone(BACKBONE, IMAGE_SIZE, WEIGHTS)
    first, last = backbones.cut_network(backbone, FROZEN)
    backbones.freeze_batch_normalization(last)
    maps = keras.Input(last.input_shape[1:])
    features = keras.layers.GlobalAveragePooling2D()(last(maps))
    features = keras.layers.Dropout(0.3, seed=SEED)(features)
    return first, keras.Model(maps, keras.layers.Dense(classes, "softmax", dtype="float32")(features))


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    import keras

    from fashion_tf import metrics
    from fashion_tf.augment import Augmentation, RandomAugmentation
    from fashion_tf.predictor import check_folder, save_predictor
    from fashion_tf.training import has_gpu

    check_folder(sys.argv[2])  # and not after the training
    keras.utils.set_random_seed(SEED)
    (people, worn), (others, worn_by_others), (clothes, named), classes = read(sys.argv[1])
    first, last = build(len(classes))
    change = RandomAugmentation(Augmentation(rotation=5, zoom=0.15, flip=True, brightness=0.25, contrast=0.25,
                                             saturation=0.25), SEED)
    generator = np.random.default_rng(SEED)

    def maps_of(pictures, views=0):
        """Feature maps in float16: of each picture as it is, or of so many changed views of it."""
        parts = [changed(pictures, change, generator) for _ in range(views)] or [pictures]
        return np.concatenate([first.predict(part, 64, verbose=0).astype(np.float16) for part in parts])

    maps = np.concatenate([maps_of(people, VIEWS), maps_of(clothes, 2)])
    labels = np.concatenate([np.tile(worn, VIEWS), np.tile(named, 2)])
    print(f"{len(people):,} people and {len(clothes):,} photos of clothes, {len(labels):,} views", flush=True)
    weights = dict(enumerate(metrics.class_weights(labels, len(classes), BALANCE)))
    falling = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * len(labels) // BATCH_SIZE)
    last.compile(keras.optimizers.AdamW(falling, weight_decay=WEIGHT_DECAY), "sparse_categorical_crossentropy",
                 jit_compile=has_gpu())
    last.fit(maps, labels, BATCH_SIZE, EPOCHS, class_weight=weights, verbose=2)
    right = last.predict(maps_of(others), 64, verbose=0).argmax(1) == worn_by_others
    recall = np.mean([right[worn_by_others == label].mean() for label in np.unique(worn_by_others)])
    constant = np.bincount(worn_by_others).max() / len(others)
    print(f"{right.mean():.3f} of {len(others)} people held out are named rightly (the most frequent garment: "
          f"{constant:.3f}), {recall:.3f} in the mean of the garments")
    pictures = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    save_predictor(sys.argv[2], keras.Model(pictures, last(first(pictures))), classes, IMAGE_SIZE,
                   about={"dataset": "clothing-co-parsing's upper bodies and clothing-dataset-small",
                          "held_out_accuracy": round(float(right.mean()), 3),
                          "held_out_mean_recall": round(float(recall), 3)})


if __name__ == "__main__":
    from fashion_tf.errors import FashionError

    try:
        main()
    except FashionError as error:
        raise SystemExit(f"make_live_model: {error}") from None
