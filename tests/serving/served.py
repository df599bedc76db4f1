"""Small models behind a real server on loopback, in a thread of the test's process."""

import contextlib
import functools
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed")

SIZE, CLASSES = (24, 16), ("red coat", "green hat", "blue shoe")


def make_model(task, seed=2):
    """Tells colours apart: each class is one of red, green and blue. An embedder gives the mean colour."""
    import keras

    from fashion_tf.models.backbones import InputScaling

    keras.utils.set_random_seed(seed)
    pictures = keras.Input((*SIZE, 3))
    x = InputScaling("tf")(pictures)
    if task == "embedding":
        mean = keras.layers.GlobalAveragePooling2D()(InputScaling("inside")(pictures))
        return keras.Model(pictures, keras.layers.UnitNormalization()(mean))
    if task == "classification":
        x = keras.layers.GlobalAveragePooling2D()(x)
        head = keras.layers.Dense(3, activation="softmax")
    else:
        head = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(pictures, head(x))
    kernel, bias = head.get_weights()
    head.set_weights([kernel / 4 + 3 * np.eye(3).reshape(kernel.shape), bias])
    return model


def make_photo(seed=0, size=(60, 40)):
    """uint8 (height, width, 3): noise with a tint of its own."""
    draw = np.random.default_rng(seed)
    photo = draw.integers(0, 120, (*size, 3))
    photo[:, :size[1] // 2, seed % 3] += 100
    return photo.astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    from PIL import Image

    content = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(content, kind, **options)
    return content.getvalue()


@functools.cache
def _root():
    return tempfile.TemporaryDirectory(prefix="served-")  # removed when the process ends


@functools.cache
def saved():
    """Folders of two classifiers and a parser, by name; only read."""
    from fashion_tf.predictor import save_predictor

    return {name: save_predictor(Path(_root().name) / name, make_model(task, seed), classes, SIZE, task)
            for name, task, seed, classes in (("clothes", "classification", 2, CLASSES),
                                              ("others", "classification", 3, ("x", "y", "z")),
                                              ("parser", "parsing", 2, CLASSES))}


@functools.cache
def saved_index():
    """An index of twelve photos; only read."""
    import pandas as pd
    from PIL import Image

    from fashion_tf.datasets.table import Dataset
    from fashion_tf.retrieval import build_index

    root = Path(_root().name)
    rows = []
    for seed in range(12):
        Image.fromarray(make_photo(seed)).save(root / f"photo{seed}.png")
        rows.append({"image": str(root / f"photo{seed}.png"), "label": CLASSES[seed % 3], "split": "train",
                     "group": str(seed), "season": "Winter" if seed % 2 else None, "price": seed / 4,
                     "kind": "hat/cap", "source": str(root)})
    table = pd.DataFrame(rows)
    table["label"] = pd.Categorical(table["label"], CLASSES)
    return build_index(Dataset("drawn photos", table, CLASSES), make_model("embedding"), SIZE).save(root / "index")


@functools.cache
def judges():
    """Folders of calibrated classifiers, of garments and of whole photos; only read."""
    from fashion_tf.describe import Calibration
    from fashion_tf.predictor import save_predictor

    about = {"calibration": Calibration(1.0, 0.6, 0.9, 100).as_json()}
    return {name: save_predictor(Path(_root().name) / f"judge-{name}", make_model("classification", seed), classes,
                                 SIZE, about=about)
            for name, seed, classes in (("types", 4, CLASSES), ("styles", 5, ("rock", "mode", "gal")))}


@functools.cache
def loaded():
    """A warm `Service` of all of them: one for all modules."""
    from fashion_tf.serving import Service

    service = Service(saved().values(), saved_index(), **judges())
    service.load()
    return service


@contextlib.contextmanager
def connected(service, limits=None, key=None, origins=()):
    """A client of a server for a service."""
    from fashion_tf.serving import running

    with running(service, limits, key, origins) as address, httpx.Client(
            base_url=address, timeout=20, trust_env=False) as client:
        yield client


def post(client, endpoint, data, **query):
    """Posts a photo's bytes."""
    return client.post(f"/v1/{endpoint}", files={"photo": ("photo", data)}, params=query)
