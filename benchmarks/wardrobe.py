#!/usr/bin/env python
"""How fast the wardrobe draws, and how hard its pictures are.

    python benchmarks/wardrobe.py [--quick]

Speed: images of 256 x 256 a second, on one core, masks included. Hardness, on the ten categories at
64 x 64 pixels over three seeds: a linear model on the mean colour (should be near chance, 0.1), a
random forest on raw pixels, and a small network trained for about a minute (should be clearly above
the forest, and below 0.97).
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from fashion_tf.wardrobe import CATEGORIES, PRODUCT_ARTICLES, draw_garment, draw_person, draw_product

SIDE = 64


def speed(count):
    """Images a second of one core's time; the median of five rounds."""
    cv2.setNumThreads(1)
    names, products = list(CATEGORIES), list(PRODUCT_ARTICLES)
    drawers = {
        "draw_garment": lambda rng, n: draw_garment(names[n % len(names)], rng, 256),
        "draw_person": lambda rng, n: draw_person(rng, (256, 256)),
        "draw_product": lambda rng, n: draw_product(products[n % len(products)], rng, 256),
    }
    for name, draw in drawers.items():
        rates = []
        for repeat in range(6):
            rng = np.random.Generator(np.random.PCG64(repeat))
            began = time.process_time()
            for number in range(count):
                draw(rng, number)
            rates.append(count / (time.process_time() - began))
        rates = sorted(rates[1:])  # the first round fills caches
        print(f"{name:14} {rates[2]:6.0f} images a second ({rates[0]:.0f} to {rates[-1]:.0f})")
    cv2.setNumThreads(-1)


def hardness(train_count, test_count, seconds, seeds):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = []
    for seed in range(seeds):
        images, labels = drawn(train_count + test_count, seed)
        flat, colour = images.reshape(len(images), -1), images.mean((1, 2))
        cut = train_count
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        forest = RandomForestClassifier(300, n_jobs=-1, random_state=seed)
        rows.append((linear.fit(colour[:cut], labels[:cut]).score(colour[cut:], labels[cut:]),
                     forest.fit(flat[:cut], labels[:cut]).score(flat[cut:], labels[cut:]),
                     network(images, labels, cut, seconds, seed)))
        print(f"seed {seed}: mean colour {rows[-1][0]:.3f}, forest {rows[-1][1]:.3f}, "
              f"network {rows[-1][2]:.3f}", flush=True)
    for name, values in zip(("mean colour", "random forest", "small network"), np.transpose(rows)):
        print(f"{name:14} {values.mean():.3f} ± {values.std(ddof=1) if seeds > 1 else 0:.3f}")


def drawn(count, seed):
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    labels = rng.permutation(np.arange(count) % len(CATEGORIES))
    names = list(CATEGORIES)
    return np.stack([draw_garment(names[label], rng, SIDE).image for label in labels]), labels


def network(images, labels, cut, seconds, seed):
    """Test accuracy of a small network after about so many seconds of training."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255),
                              layers.RandomFlip("horizontal")])
    for filters in (32, 64, 96, 128):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")):
        model.add(layer)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy",
                  metrics=["accuracy"],
                  jit_compile=False)
    began, epochs = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        share = (time.monotonic() - began) / seconds
        model.optimizer.learning_rate = 1e-3 * (1 - 0.95 * share)
        model.fit(images[:cut], labels[:cut], 32, verbose=0)
        epochs += 1
    print(f"  {epochs} epochs", flush=True)
    return model.evaluate(images[cut:], labels[cut:], verbose=0)[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, less of everything")
    quick = parser.parse_args().quick
    speed(40 if quick else 150)
    hardness(*((600, 300, 15, 1) if quick else (3_000, 1_000, 60, 3)))
