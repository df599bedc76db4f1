"""Images a second: the kit's input pipeline beside the two that a Keras user would otherwise take.

Same files, same size, same four operations (rotation, shear, zoom, flip), float32 out:

* ours: `fashion_tf.pipeline.make_pipeline`, pictures decoded once and kept in memory;
* ours without XLA, for information;
* ImageDataGenerator.flow_from_dataframe: one thread, as it comes, and on all cores;
* tf.data with Keras's RandomRotation, RandomShear, RandomZoom and RandomFlip: decoding in every
  epoch, and with the decoded pictures cached as uint8.

Other programs share the machine, so contenders take turns and ratios are taken within a turn.

    python benchmarks/pipeline.py                # a few minutes
    python benchmarks/pipeline.py --quick        # half a minute, noisier

Photos come from clothing-dataset-small in the folder that FASHION_TF_DATA names; without it, from
JPEG files of the same size that this script draws.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # input pipelines run on the processor

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image

from fashion_tf.augment import Augmentation, affine, resample
from fashion_tf.datasets.images import read_images
from fashion_tf.datasets.table import Dataset
from fashion_tf.pipeline import make_pipeline

ROTATION, SHEAR, ZOOM = 10.0, 11.5, 0.05  # degrees, degrees, share
TARGET = 3.0
OURS, RIVALS = "ours", ("ImageDataGenerator", "ImageDataGenerator, threads", "Keras layers",
                        "Keras layers, cached")


def find_photos(count, scratch):
    """A Dataset of JPEG photos: real ones, or drawn ones of the same size."""
    data = os.environ.get("FASHION_TF_DATA")
    files = sorted(Path(data).glob("clothing-dataset-small/train/*/*.jpg")) if data else []
    if files:
        files = files[::max(1, len(files) // count)][:count]
        labels = [file.parent.name for file in files]
        print(f"{len(files)} photos of clothing-dataset-small")
    else:
        generator = np.random.default_rng(0)
        files, labels = [], []
        for number in range(count):
            coarse = generator.integers(0, 256, (24, 18, 3), np.uint8)
            file = Path(scratch) / f"{number}.jpg"
            Image.fromarray(coarse).resize((400, 533), Image.Resampling.BICUBIC).save(file)
            files.append(file)
            labels.append("ab"[number % 2])
        print(f"{count} drawn JPEG files (FASHION_TF_DATA is not set or lacks "
              "clothing-dataset-small)")
    classes = tuple(sorted(set(labels)))
    table = pd.DataFrame({"image": [str(file) for file in files], "split": "train",
                          "label": pd.Categorical(labels, categories=classes),
                          "group": [str(number) for number in range(len(files))]})
    return Dataset("photos", table, classes)


def ours(dataset, size, batch, jit_compile=True):
    batches = make_pipeline(
        dataset, size, batch, training=True, seed=1, jit_compile=jit_compile,
        augmentation=Augmentation(rotation=ROTATION, shear=SHEAR, zoom=ZOOM, flip=True))
    return batches.map(lambda images, labels: (tf.cast(images, tf.float32), labels),
                       num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def generator(dataset, size, batch):
    changes = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=ROTATION, shear_range=SHEAR, zoom_range=ZOOM, horizontal_flip=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces how many files it was given
        return changes.flow_from_dataframe(
            dataset.table.astype({"label": str}), x_col="image", y_col="label",
            class_mode="sparse", target_size=(size, size), batch_size=batch,
            interpolation="bilinear", validate_filenames=False)


class Threads:
    """The generator's batches, made by as many threads as there are cores."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(self.batches.__getitem__, range(len(self.batches)))


class Full:
    """An epoch of a generator, which on its own would go on for ever."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        for number in range(len(self.batches)):
            yield self.batches[number]
        self.batches.on_epoch_end()


def layers(dataset, size, batch, cache):
    change = keras.Sequential([
        keras.layers.RandomRotation(ROTATION / 360, fill_mode="nearest"),
        keras.layers.RandomShear(float(np.tan(np.deg2rad(SHEAR))), fill_mode="nearest"),
        keras.layers.RandomZoom(ZOOM, ZOOM, fill_mode="nearest"),
        keras.layers.RandomFlip("horizontal")])

    def decode(path, label):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.resize(image, (size, size))
        return tf.cast(image, tf.uint8) if cache else image, label

    files = tf.data.Dataset.from_tensor_slices((dataset.table["image"].to_list(), dataset.labels))
    if not cache:
        files = files.shuffle(len(dataset))
    batches = files.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    if cache:
        batches = batches.cache().shuffle(len(dataset))
    return (batches.batch(batch, drop_remainder=True)
            .map(lambda images, labels: (change(tf.cast(images, tf.float32), training=True), labels),
                 num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE))


CONTENDERS = {
    OURS: ours,
    "ours, no XLA": lambda *a: ours(*a, jit_compile=False),
    "ImageDataGenerator": lambda *a: Full(generator(*a)),
    "ImageDataGenerator, threads": lambda *a: Threads(generator(*a)),
    "Keras layers": lambda *a: layers(*a, cache=False),
    "Keras layers, cached": lambda *a: layers(*a, cache=True),
}


def speed(batches, seconds):
    """Images a second over whole epochs that last at least `seconds` together."""
    count, start = 0, time.perf_counter()
    while True:
        for images, _ in batches:
            count += len(images)
        passed = time.perf_counter() - start
        if passed >= seconds:
            return count / passed


def first_epoch(make, *arguments):
    start = time.perf_counter()
    count = sum(len(images) for images, _ in make(*arguments))
    return count / (time.perf_counter() - start)


def spread(values, form):
    return " / ".join(format(value, form) for value in (
        min(values), statistics.median(values), max(values)))


def show(title, turns):
    """Prints the speeds and returns the median ratio to the fastest rival."""
    print(f"\n{title}\n{'':30}{'images a second':>24}{'ours is ... times as fast':>30}")
    for name, speeds in turns.items():
        ratios = [our / speed for our, speed in zip(turns[OURS], speeds, strict=True)]
        print(f"{name:30}{spread(speeds, ',.0f'):>24}{spread(ratios, '.1f'):>30}")
    ratios = [turns[OURS][turn] / max(turns[name][turn] for name in RIVALS)
              for turn in range(len(turns[OURS]))]
    print(f"{'the fastest rival of the turn':30}{'':24}{spread(ratios, '.1f'):>30}")
    return statistics.median(ratios)


def check_pixels(dataset, size):
    """The largest difference from each rival's pixels for one fixed transform, in 0..255."""
    pictures = read_images(dataset.table["image"][:8], (size, size)).astype(np.float32)
    theta, lean, zoom_x, zoom_y = np.deg2rad(8.0), np.deg2rad(8.0 + 9.0), 1.04, 0.97
    transform = affine(*(np.float32([value]) for value in (theta, lean, -zoom_x, zoom_y)),
                       (size, size))
    repeated = tf.repeat(transform, len(pictures), axis=0)
    moved = tf.function(resample, jit_compile=True)(pictures, repeated).numpy()
    changes = tf.keras.preprocessing.image.ImageDataGenerator()
    settings = {"theta": 8.0, "shear": 9.0, "zx": zoom_x, "zy": zoom_y, "flip_horizontal": True}
    theirs = np.stack([changes.apply_transform(picture, settings) for picture in pictures])
    rows = np.concatenate([transform.numpy().reshape(1, 6), np.zeros((1, 2), np.float32)], axis=1)
    layer = keras.ops.image.affine_transform(pictures, np.repeat(rows, len(pictures), axis=0),
                                             fill_mode="nearest")
    return {"ImageDataGenerator": float(np.abs(moved - theirs).max()),
            "Keras's affine_transform": float(np.abs(moved - np.asarray(layer)).max())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of a measurement")
    parser.add_argument("--quick", action="store_true", help="256 images, 2 turns of 0.5 seconds")
    options = parser.parse_args()
    if options.quick:
        options.images, options.turns, options.seconds = 256, 2, 0.5
    with tempfile.TemporaryDirectory() as scratch:
        dataset = find_photos(options.images, scratch)
        arguments = dataset, options.size, options.batch
        print(f"{options.size} x {options.size} pixels, batches of {options.batch}, "
              f"{os.cpu_count()} cores; TensorFlow {tf.__version__}, Keras {keras.__version__}")
        print("min / median / max of", options.turns, "turns")

        for name, difference in check_pixels(dataset, options.size).items():
            print(f"a fixed transform differs from {name} by at most {difference:.3f} of 255")
            if difference > 0.5:
                raise SystemExit("That is not the same transform.")

        first = {name: [] for name in CONTENDERS}
        for _ in range(min(options.turns, 3)):
            for name, make in CONTENDERS.items():
                first[name].append(first_epoch(make, *arguments))
        show("First epoch, with making the pipeline and decoding", first)

        pipelines = {name: make(*arguments) for name, make in CONTENDERS.items()}
        for batches in pipelines.values():
            speed(batches, 0)
        steady = {name: [] for name in CONTENDERS}
        for _ in range(options.turns):
            for name, batches in pipelines.items():
                steady[name].append(speed(batches, options.seconds))
        ratio = show("Later epochs", steady)
    print(f"\ntarget: {TARGET:g} times the fastest rival; "
          f"{'reached' if ratio >= TARGET else 'MISSED'}: {ratio:.1f}")


if __name__ == "__main__":
    main()
