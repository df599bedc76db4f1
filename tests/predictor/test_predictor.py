"""Predictors: what is saved is what is used; what cannot be trusted is refused, and named."""

import inspect
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fashion_tf
from fashion_tf import cli
from fashion_tf.datasets.images import read_image, read_images, read_mask
from fashion_tf.errors import DataError
from fashion_tf.models import fpn
from fashion_tf.models.backbones import InputScaling
from fashion_tf.plots import label_colours
from fashion_tf.predictor import Predictor, check_folder, load_predictor, mask_at, parse, predict, save_predictor
from fashion_tf.predictor.outputs import check_masks

CLASSES, SIZE = ("red coat", "green hat", "blue shoe"), (16, 12)


def make_model(task="classification", scaled=True):
    """Tells colours apart: each class is one of red, green and blue."""
    keras.utils.set_random_seed(2)
    pictures = keras.Input((*SIZE, 3))
    x = InputScaling("tf")(pictures) if scaled else keras.layers.Rescaling(1 / 127.5, -1)(pictures)
    if task == "classification":
        x = keras.layers.GlobalAveragePooling2D()(x)
        head = keras.layers.Dense(3, activation="softmax")
    else:
        head = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(pictures, head(x))
    kernel, bias = head.get_weights()
    head.set_weights([kernel / 4 + 3 * np.eye(3).reshape(kernel.shape), bias])
    return model


@pytest.fixture(scope="module")
def models():
    return {task: make_model(task) for task in ("classification", "parsing")}


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory):
    """The folders of a classifier and a parser; only read."""
    root = tmp_path_factory.mktemp("saved")
    return {task: save_predictor(root / task, model, CLASSES, SIZE, task, {"lesson": 23, "name": "ü"})
            for task, model in models.items()}


@pytest.fixture(scope="module")
def loaded(saved):
    return {task: load_predictor(folder) for task, folder in saved.items()}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Seven photos of several kinds and sizes, each with a colour of its own; only read."""
    folder, draw, paths = tmp_path_factory.mktemp("photos"), np.random.default_rng(0), []
    for number, (name, size) in enumerate([("g.jpg", (40, 30)), ("b.png", (16, 12)), ("c.jpeg", (33, 50)),
                                           ("a.WEBP", (8, 9)), ("e.JPG", (16, 12)), ("d.png", (90, 61)),
                                           ("f.jpg", (20, 20))]):
        photo = draw.integers(0, 120, (*size, 3))
        photo[:, :size[1] // 2, number % 3] += 100
        photo[..., (number + 1 + number // 3 % 2) % 3] += 35
        paths.append(str(folder / name))
        Image.fromarray(photo.astype(np.uint8)).save(paths[-1])
    return paths


def change(folder, to, **fields):
    """A copy of a predictor with other fields in its description; None takes one out."""
    to.mkdir()
    (to / "model.keras").write_bytes((folder / "model.keras").read_bytes())
    description = json.loads((folder / "predictor.json").read_text("utf-8")) | fields
    (to / "predictor.json").write_text(json.dumps(
        {name: value for name, value in description.items() if value is not None}))
    return to


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


# Saving and loading


@pytest.mark.parametrize("task", ["classification", "parsing"])
def test_what_is_saved_is_loaded(models, saved, loaded, task):
    predictor = loaded[task]
    assert isinstance(predictor, Predictor)
    assert (predictor.classes, predictor.image_size, predictor.task) == (CLASSES, SIZE, task)
    assert predictor.about == {"lesson": 23, "name": "ü"}
    for one, other in zip(predictor.model.get_weights(), models[task].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(contents(saved[task])) == {"model.keras", "predictor.json"}
    description = json.loads((saved[task] / "predictor.json").read_text("utf-8"))
    assert description["format"] == 1 and description["versions"]["keras"] == keras.__version__
    assert [path.name for path in saved[task].parent.iterdir() if path.name.startswith(".")] == []


def test_one_number_is_a_square_and_sizes_may_be_open(tmp_path):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(),
                              keras.layers.Dense(2, activation="softmax")])
    folder = save_predictor(tmp_path / "deep" / "model", model, ["a", "b"], np.int64(20))
    assert load_predictor(str(folder)).image_size == (20, 20)
    assert load_predictor(folder).about == {}


def test_an_earlier_predictor_is_replaced(models, tmp_path, photos):
    folder = save_predictor(tmp_path / "model", models["classification"], CLASSES, SIZE)
    other = ("x", "y", "z")
    assert save_predictor(folder, make_model(scaled=False), other, SIZE) == folder
    assert load_predictor(folder).classes == other
    assert list(predict(folder, photos[0]).columns[3:]) == list(other)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("arguments, message", [
    ({"classes": CLASSES[:2]}, "save_predictor: 2 classes, and the model gives 3 probabilities"),
    ({"classes": ()}, "classes must be a list of names"),
    ({"classes": (0, 1, 2)}, "classes must be a list of names"),
    ({"classes": ("a", "b", "")}, "none of them empty"),
    ({"classes": ("b", "a", "b")}, r"the class name\(s\) b stand there twice"),
    ({"classes": ("a", "image", "b")}, "a class cannot be named 'image'"),
    ({"classes": ("probability", "label", "b")}, "a class cannot be named 'label'"),
    ({"image_size": (12, 16)}, r"the model takes \(16, 12, 3\), and photos will be of \(12, 16, 3\)"),
    ({"image_size": 16}, r"photos will be of \(16, 16, 3\)"),
    ({"image_size": (16, 0)}, r"image_size \(16, 0\); it must be \(height, width\) in pixels"),
    ({"image_size": (16, 12, 3)}, r"image_size \(16, 12, 3\)"),
    ({"task": "detection"}, "task 'detection'; it must be one of classification, parsing, embedding"),
    ({"task": "embedding"}, "an embedding has no classes; 'red coat' is given"),
    ({"task": "parsing"}, "a model for parsing gives 4 dimensions, this one 2"),
    ({"image_size": (16.5, 12)}, r"image_size \(16.5, 12\)"), ({"image_size": None}, "image_size None"),
    ({"image_size": ("16", "12")}, r"image_size \('16', '12'\); it must be \(height, width\)"),
    ({"about": {"classes": {1, 2}}}, "about=.*: it must hold JSON values only"),
    ({"about": "lesson 23"}, "about='lesson 23': it must be a dict of JSON values"),
])
def test_what_does_not_fit_is_not_saved(models, tmp_path, arguments, message):
    arguments = {"classes": CLASSES, "image_size": SIZE} | arguments
    with pytest.raises(DataError, match=message):
        save_predictor(tmp_path / "model", models["classification"], **arguments)
    assert not list(tmp_path.iterdir())


def test_models_of_other_shapes_are_not_saved(models, tmp_path):
    grey = keras.Sequential([keras.Input((16, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    many = keras.Sequential([keras.Input((16, 12, 3)), keras.layers.Conv2D(256, 1)])
    for model, task, classes, message in [
            (grey, "classification", CLASSES, r"the model takes \(16, 12, 1\)"),
            (unbuilt, "classification", CLASSES, "have no shape yet; build it"),
            (models["parsing"], "classification", CLASSES, "gives 2 dimensions, this one 4"),
            (many, "parsing", [str(number) for number in range(256)], "256 labels; masks hold at most 255")]:
        with pytest.raises(DataError, match=message):
            save_predictor(tmp_path / "model", model, classes, SIZE, task)
    assert not list(tmp_path.iterdir())


def test_folders_with_other_things_are_left_alone(models, saved, tmp_path):
    filled, kept, file = tmp_path / "filled", tmp_path / "kept", tmp_path / "file"
    filled.mkdir()
    (filled / "notes.txt").write_text("mine")
    change(saved["classification"], kept)
    (kept / "notes.txt").write_text("mine")
    file.write_text("mine")
    before = {path: contents(path) for path in (filled, kept)}
    for folder, message in [(filled, "filled: is there already and holds no predictor"),
                            (kept, r"kept: holds more than a predictor \(notes.txt\)"),
                            (file, "file: is there already and holds no predictor"),
                            (file / "model", "file: is a file, and .*file should be a folder")]:
        with pytest.raises(DataError, match=message):
            save_predictor(folder, models["classification"], CLASSES, SIZE)
        with pytest.raises(DataError, match=message):
            check_folder(folder)  # as one asks before a long training
    assert {path: contents(path) for path in (filled, kept)} == before and file.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_an_empty_folder_is_taken(models, tmp_path):
    (tmp_path / "empty").mkdir()
    assert check_folder(tmp_path / "empty") == tmp_path / "empty" and not list((tmp_path / "empty").iterdir())
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file" / "model")
    with pytest.raises(DataError, match="file: is a file, and "):
        check_folder(tmp_path / "link")  # where it leads, nothing can be made
    save_predictor(tmp_path / "empty", models["classification"], CLASSES, SIZE)
    assert load_predictor(tmp_path / "empty").classes == tuple(CLASSES)


@pytest.mark.parametrize(("error", "told", "message"), [
    (KeyboardInterrupt, KeyboardInterrupt, ""),
    (OSError(28, "No space left on device"), DataError, r": the predictor cannot be written \(No space left on")])
@pytest.mark.parametrize("where", ["model", "description", "old away", "new there"])
def test_an_interrupted_saving_leaves_the_earlier_predictor(models, tmp_path, monkeypatch, where, error, told,
                                                            message):
    model, folder = models["classification"], tmp_path / "model"
    save_predictor(folder, model, CLASSES, SIZE)
    before = contents(folder)

    def stop_at(method, name):
        original = getattr(Path, method)

        def stopped(path, *arguments, **options):
            if path.name == name:
                raise error
            return original(path, *arguments, **options)

        monkeypatch.setattr(Path, method, stopped)

    if where == "model":
        def half(path):
            Path(path).write_bytes(b"half a model")
            raise error

        monkeypatch.setattr(model, "save", half)
    else:
        stop_at(*{"description": ("write_text", "predictor.json"), "old away": ("rename", "model"),
                  "new there": ("rename", "new")}[where])
    with pytest.raises(told, match=message):
        save_predictor(folder, model, ("x", "y", "z"), SIZE)
    monkeypatch.undo()
    assert contents(folder) == before and [path.name for path in tmp_path.iterdir()] == ["model"]
    if where == "model":  # and where nothing was, nothing is
        monkeypatch.setattr(model, "save", half)
        with pytest.raises(told, match=message):
            save_predictor(tmp_path / "first", model, CLASSES, SIZE)
        assert [path.name for path in tmp_path.iterdir()] == ["model"]


# Code in a model


def model_with(layer):
    inner = keras.Sequential([keras.Input((*SIZE, 3)), layer], name="inner")
    return keras.Sequential([keras.Input((*SIZE, 3)), inner, keras.layers.GlobalAveragePooling2D(),
                             keras.layers.Dense(3, activation="softmax")])


def test_a_lambda_is_not_saved(tmp_path):
    model = model_with(keras.layers.Lambda(lambda x: x / 255, name="scaling"))
    with pytest.raises(DataError, match="the layer 'scaling' is a Lambda, whose code load_predictor refuses"):
        save_predictor(tmp_path / "model", model, CLASSES, SIZE)
    assert not list(tmp_path.iterdir())


def doubled(x):
    return 2 * x


class Own(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("layer, message", [
    (lambda: keras.layers.Conv2D(3, 1, activation=lambda x: 2 * x), "activation holds code"),
    (lambda: keras.layers.Conv2D(3, 1, activation=doubled), "doubled"), (Own, "Own")])
def test_code_of_ones_own_is_not_saved(saved, tmp_path, layer, message):
    """An earlier predictor stays, and the message is not the model's whole description."""
    folder = change(saved["classification"], tmp_path / "model")
    before = contents(folder)
    message = ("save_predictor: what was written could not be read back, and nothing was saved: "
               f".*{message}.*[Uu]se layers of Keras or of the kit")
    with pytest.raises(DataError, match=message) as error:
        save_predictor(folder, model_with(layer()), CLASSES, SIZE)
    assert len(str(error.value)) < 1000
    assert contents(folder) == before and [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_lambda_is_not_executed(saved, tmp_path, monkeypatch):
    mark = tmp_path / "executed"
    monkeypatch.setenv("MARK", str(mark))
    model = model_with(keras.layers.Lambda(
        lambda x: (__import__("pathlib").Path(__import__("os").environ["MARK"]).touch(), x)[1]))
    assert mark.exists()  # building the model has executed it
    mark.unlink()
    folder = change(saved["classification"], tmp_path / "model")
    model.save(folder / "model.keras")
    mark.unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"model.keras: keras.layers:Lambda is not among the layers .*refused"):
        load_predictor(folder)
    assert not mark.exists()
    # The test can tell: without the safe mode it would have been executed.
    keras.models.load_model(folder / "model.keras", safe_mode=False)
    assert mark.exists()


def rewritten(folder, change_config):
    """Replaces config.json inside model.keras."""
    file = folder / "model.keras"
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = change_config(files["config.json"].decode()).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_a_class_from_elsewhere_is_not_executed(saved, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr("os.system", lambda *arguments, **_: called.append(arguments))
    folder = change(saved["classification"], tmp_path / "model")

    def call_the_system(config):
        config = json.loads(config)
        layer = config["config"]["layers"][2]
        layer.update({"module": "os", "class_name": "system", "registered_name": None})
        return json.dumps(config)

    rewritten(folder, call_the_system)
    with pytest.raises(DataError, match="model.keras: os:system is not among .*refused"):
        load_predictor(folder)
    assert not called


# Damaged predictors


@pytest.mark.parametrize("fields, message", [
    ({"format": None}, "no predictor's description; the field 'format' is missing"),
    ({"format": "1"}, "the field 'format' is missing"),
    ({"format": 2}, f"format 2 is newer than this fashion_tf {fashion_tf.__version__} reads .1.; update it"),
    ({"task": None}, "the field 'task' is missing or no str"), ({"task": 1}, "the field 'task'"),
    ({"task": "detection"}, "task 'detection'; it must be one of classification, parsing, embedding"),
    ({"task": "embedding"}, "an embedding has no classes; 'red coat' is given"),
    ({"task": "parsing"}, "a model for parsing gives 4 dimensions"),
    ({"classes": None}, "the field 'classes' is missing or no list"),
    ({"classes": "abc"}, "the field 'classes'"),
    ({"classes": []}, "classes must be a list of names"), ({"classes": [1, 2, 3]}, "classes must be a list"),
    ({"classes": [["a"], "b", "c"]}, "classes must be a list of names"),
    ({"classes": ["a", "a", "b"]}, r"the class name\(s\) a stand there twice"),
    ({"classes": ["a", "b"]}, "2 classes, and the model gives 3"),
    ({"image_size": None}, "the field 'image_size' is missing or no list"),
    ({"image_size": 16}, "the field 'image_size' is missing or no list"),
    ({"image_size": ["16", "12"]}, "'image_size' must be two whole numbers"),
    ({"image_size": [16.5, 12]}, "'image_size' must be two whole numbers"),
    ({"image_size": [16]}, r"image_size \(16,\)"), ({"image_size": []}, r"image_size \(\)"),
    ({"image_size": [16, -12]}, r"image_size \(16, -12\)"),
    ({"image_size": [12, 16]}, r"the model takes \(16, 12, 3\)"),
    ({"about": None}, "the field 'about' is missing or no dict"), ({"about": []}, "the field 'about'"),
])
def test_damaged_descriptions(saved, tmp_path, fields, message):
    folder = change(saved["classification"], tmp_path / "model", **fields)
    with pytest.raises(DataError, match=f"model/predictor.json: .*{message}"):
        load_predictor(folder)


@pytest.mark.parametrize("text, message", [
    ("", "line 1, column 1: not JSON"), ('{"format": 1,', "not JSON .*cut off"),
    ("[1, 2]", "no predictor's description"), ("null", "no predictor's description"),
    (b'{"format": "\xff"}', "line 1: byte 0xff is not UTF-8"),
])
def test_descriptions_that_are_none(saved, tmp_path, text, message):
    folder = change(saved["classification"], tmp_path / "model")
    (folder / "predictor.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=f"predictor.json.*{message}"):
        load_predictor(folder)


def flip(content):
    """One byte of the weights: the archive's checksum tells."""
    middle = content.index(b"model.weights.h5") + 2000
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1:]


@pytest.mark.parametrize("damage", [
    lambda content: content[:len(content) // 2], lambda content: b"", lambda content: b"no model", flip])
def test_damaged_models(saved, tmp_path, damage):
    folder = change(saved["classification"], tmp_path / "model")
    (folder / "model.keras").write_bytes(damage((folder / "model.keras").read_bytes()))
    with pytest.raises(DataError, match="model.keras: (no .keras file as Keras|damaged).*Save the model anew"):
        load_predictor(folder)


def test_absent_files(saved, tmp_path):
    with pytest.raises(DataError, match="absent/predictor.json: no such file. Give a folder that"):
        predict(tmp_path / "absent", "coat.jpg")
    folder = change(saved["classification"], tmp_path / "model")
    (folder / "model.keras").unlink()
    with pytest.raises(DataError, match="model/model.keras: no such file. Save the predictor anew"):
        load_predictor(folder)


# Predicting


def test_predictions_are_the_models(models, saved, photos):
    table = fashion_tf.predict(saved["classification"], photos, batch_size=3)  # 3, 3 and 1
    expected = models["classification"].predict(read_images(photos, SIZE), verbose=0)
    assert list(table.columns) == ["image", "label", "probability", *CLASSES]
    assert table["image"].tolist() == photos
    np.testing.assert_allclose(table[list(CLASSES)], expected, atol=1e-6)
    assert table["label"].tolist() == [CLASSES[number] for number in expected.argmax(1)]
    np.testing.assert_allclose(table["probability"], expected.max(1), atol=1e-6)
    assert len(set(table["label"])) == 3 and (table.dtypes[2:] == np.float64).all()


def test_one_photo_a_path_or_a_predictor(loaded, photos):
    for given in (photos[1], Path(photos[1]), [Path(photos[1])], (photos[1],)):
        table = predict(loaded["classification"], given)
        assert table["image"].tolist() == [photos[1]]
    # and twice the same
    assert predict(loaded["classification"], [photos[1]] * 2).iloc[0].equals(table.iloc[0])


def test_a_nearly_black_photo_is_answered_as_a_black_one(loaded, photos, tmp_path):
    """The kit's input scaling would take it for a picture in 0..1, alone, and not in a batch with others."""
    for name, value in (("black", 0), ("faint", 1)):
        Image.fromarray(np.full((20, 20, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    black, faint = (predict(loaded["classification"], tmp_path / f"{name}.png") for name in ("black", "faint"))
    beside = predict(loaded["classification"], [photos[0], tmp_path / "faint.png"])
    np.testing.assert_allclose(faint[list(CLASSES)], black[list(CLASSES)])
    np.testing.assert_allclose(beside[list(CLASSES)].iloc[1:], black[list(CLASSES)], atol=1e-6)


def test_a_folder_in_the_order_of_names_without_hidden_files(loaded, photos, tmp_path):
    for path in photos:
        (tmp_path / Path(path).name).write_bytes(Path(path).read_bytes())
    for name in ("._b.png", ".hidden.jpg", "notes.txt", "labels.csv"):
        (tmp_path / name).write_bytes(b"no photo")
    table = predict(loaded["classification"], tmp_path)
    names = ["a.WEBP", "b.png", "c.jpeg", "d.png", "e.JPG", "f.jpg", "g.jpg"]
    assert [Path(path).name for path in table["image"]] == names
    expected = predict(loaded["classification"], sorted(photos))
    np.testing.assert_allclose(table[list(CLASSES)], expected[list(CLASSES)], atol=1e-6)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".a.jpg").touch()
    with pytest.raises(DataError, match="empty: no photo in it"):
        predict(loaded["classification"], empty)


def test_bad_photos_are_named(loaded, photos, tmp_path):
    broken, cut = tmp_path / "broken.jpg", tmp_path / "cut.png"
    broken.write_bytes(b"no photo")
    cut.write_bytes(Path(photos[5]).read_bytes()[:500])
    for task, use in (("classification", predict), ("parsing", parse)):
        model = loaded[task]
        for given, message in [
                ([*photos, broken], "broken.jpg: not a JPEG, PNG, WebP"),
                ([cut, *photos], "cut.png: damaged or cut off"),
                ([photos[0], tmp_path / "absent.jpg"], "absent.jpg: no such file"),
                ([tmp_path / "a.jpg", photos[0], tmp_path / "b.jpg"], "a.jpg: no such file, and 1 more"),
                ([tmp_path], "not a file"), ([], "No photos given")]:
            with pytest.raises(DataError, match=message):
                use(model, given)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, None, "2"])
def test_batches_of_nothing(loaded, photos, batch_size):
    for task, use in (("classification", predict), ("parsing", parse)):
        with pytest.raises(DataError, match=f"batch_size={batch_size!r}: it must be a whole number, at"):
            use(loaded[task], photos, batch_size)


def test_the_other_task(loaded, photos):
    with pytest.raises(DataError, match="saved for parsing, not for classification: use fashion_tf.parse"):
        predict(loaded["parsing"], photos)
    with pytest.raises(DataError, match="saved for classification, not for parsing: use fashion_tf.predict"):
        parse(loaded["classification"], photos)


# Numbers that are no probabilities


def answering(task, *values, dtype="float32"):
    """A model that answers with the same values to every photo, and to every pixel of it."""
    pictures = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(pictures) if task == "classification" else pictures
    head = (keras.layers.Dense if task == "classification" else keras.layers.Conv2D)(
        3, **({} if task == "classification" else {"kernel_size": 1}), dtype=dtype)
    model = keras.Model(pictures, head(x))
    head.set_weights([np.zeros_like(head.get_weights()[0]), np.array(values)])
    return model


@pytest.mark.parametrize("task, use", [("classification", predict), ("parsing", parse)])
@pytest.mark.parametrize("values, message", [
    ((np.nan, 0.5, 0.5), "the model answers with NaN or infinity"), ((np.inf, 0, 0), "with NaN or infinity"),
    ((6.727, -2, 1), "answers, from -2 to 6.73, are no probabilities.*End the model with softmax"),
    ((-9, -4, -2), "from -9 to -2, are no probabilities"), ((0.9, 0.8, 0.7), "add up to 1"),
    ((1.5, -0.5, 0), "no probabilities")])
def test_what_is_no_probability_is_neither_saved_nor_used(task, use, values, message, photos, tmp_path):
    model = answering(task, *values)
    with pytest.raises(DataError, match=f"save_predictor: .*{message}"):
        save_predictor(tmp_path / "model", model, CLASSES, SIZE, task)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=f"{Path(photos[2]).name}: .*{message}"):
        use(Predictor(model, CLASSES, SIZE, task), photos[2:4])


@pytest.mark.parametrize("task, use", [("classification", predict), ("parsing", parse)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_half_precision_rounds_is_allowed(task, use, dtype, photos, tmp_path):
    folder = save_predictor(tmp_path / "model", answering(task, 0.3331, 0.3334, 0.3335, dtype=dtype), CLASSES, SIZE,
                            task)
    assert len(use(folder, photos[:2])) == 2


def test_the_most_probable_label_wins_however_small():
    """A mask does not begin with a label of its own that all others have to beat."""
    logits = np.full((4, 4, 3), -9.0, np.float32)
    logits[..., 1], logits[2:, :, 2] = -5, -2
    np.testing.assert_array_equal(mask_at(logits, (4, 4)), [[1] * 4, [1] * 4, [2] * 4, [2] * 4])


def test_a_model_that_cannot_label_a_photo_is_not_saved(tmp_path):
    pictures = keras.Input((*SIZE, 3))
    scaled = InputScaling("tf")(keras.layers.Rescaling(1 / 255)(pictures))
    model = keras.Model(pictures, keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(scaled)))
    with pytest.raises(DataError, match="the model cannot label a photo, and nothing was saved: .*Pictures must be in"):
        save_predictor(tmp_path / "model", model, CLASSES, SIZE)
    assert not list(tmp_path.iterdir())


# Parsing


def enlarged(probabilities, size):
    """Bilinear, by numpy: the middle of a result's pixel y lies at (y + 1/2) * scale - 1/2."""
    for axis in (0, 1):
        length = probabilities.shape[axis]
        place = np.clip((np.arange(size[axis]) + 0.5) * length / size[axis] - 0.5, 0, length - 1)
        first = np.floor(place).astype(int)
        share = (place - first).reshape([-1 if each == axis else 1 for each in range(3)])
        probabilities = (probabilities.take(first, axis) * (1 - share)
                         + probabilities.take(np.minimum(first + 1, length - 1), axis) * share)
    return probabilities


def test_masks_have_the_photos_own_size(models, saved, photos):
    masks = fashion_tf.parse(saved["parsing"], photos, batch_size=3)
    answers = models["parsing"].predict(read_images(photos, SIZE), verbose=0)
    assert len(masks) == len(photos)
    for path, mask, answer in zip(photos, masks, answers):
        size = read_image(path).shape[:2]
        assert mask.shape == size and mask.dtype == np.uint8
        expected = enlarged(answer.astype(float), size).argmax(-1)
        assert (mask == expected).mean() > 0.999 and len(np.unique(mask)) > 1
    np.testing.assert_array_equal(masks[1], answers[1].argmax(-1))  # a photo of the model's size


def test_coloured_halves_by_hand(loaded, tmp_path):
    photo = np.zeros((80, 48, 3), np.uint8)
    photo[:, :24, 0], photo[:40, 24:, 1], photo[40:, 24:, 2] = 255, 255, 255
    Image.fromarray(photo).save(tmp_path / "coat.png")
    (mask,) = parse(loaded["parsing"], tmp_path / "coat.png")
    expected = photo.argmax(-1)
    expected[38:42, 23:25] = mask[38:42, 23:25]  # where three colours meet
    np.testing.assert_array_equal(mask, expected)


def test_masks_and_labels_are_written(loaded, photos, tmp_path):
    out = tmp_path / "new" / "masks"
    masks = parse(loaded["parsing"], photos, out=out)
    assert {path.name for path in out.iterdir()} == {
        "labels.csv", *(f"{Path(path).stem}.png" for path in photos)}
    for path, mask in zip(photos, masks):
        file = out / f"{Path(path).stem}.png"
        np.testing.assert_array_equal(read_mask(file), mask)
        with Image.open(file) as picture:
            assert picture.mode == "P"
            colours = np.asarray(picture.convert("RGB"))
        expected = (np.array(label_colours(3))[mask] * 255).round()
        np.testing.assert_array_equal(colours, expected)
    assert (out / "labels.csv").read_text() == "number,label\n0,red coat\n1,green hat\n2,blue shoe\n"
    again = parse(loaded["parsing"], photos[:1], out=out)  # masks may be written anew
    np.testing.assert_array_equal(again[0], masks[0])


def test_masks_whose_names_differ_in_how_accents_are_written_are_refused(tmp_path):
    """Some systems take one for the other: the second mask would replace the first."""
    photos = [tmp_path / folder / f"{name}.jpg" for folder, name in (("a", "caf\xe9"), ("b", "cafe\u0301"))]
    with pytest.raises(DataError, match="their masks would have the same name"):
        check_masks(tmp_path / "masks", photos)


def test_masks_of_one_name_are_refused(loaded, photos, tmp_path):
    other = tmp_path / Path(photos[0]).name.upper().replace("JPG", "png")
    other.write_bytes(Path(photos[1]).read_bytes())
    with pytest.raises(DataError, match="g.jpg and .*G.png: their masks would have the same name"):
        parse(loaded["parsing"], [photos[0], other], out=tmp_path / "masks")
    assert not (tmp_path / "masks").exists()
    assert len(parse(loaded["parsing"], [photos[0], other])) == 2  # nothing is written: nothing to mind
    # One photo twice gives one mask, however its path came to be.
    twice = [photos[0], "".join(list(photos[0]))]
    assert len(parse(loaded["parsing"], twice, out=tmp_path / "masks")) == 2


def test_a_mask_does_not_replace_its_photo(loaded, photos, tmp_path):
    photo = tmp_path / "coat.png"
    photo.write_bytes(Path(photos[1]).read_bytes())
    before = contents(tmp_path)
    with pytest.raises(DataError, match="coat.png: its mask would replace it; choose another folder"):
        parse(loaded["parsing"], tmp_path, out=tmp_path)
    assert contents(tmp_path) == before


def test_masks_that_cannot_be_written(loaded, photos, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="file: is a file; the masks need a folder"):
        parse(loaded["parsing"], photos[0], out=tmp_path / "file")


# The command


def test_command_for_a_classifier(saved, photos, tmp_path, capsys):
    table = tmp_path / "tables" / "answers.csv"
    folder = str(saved["classification"])
    assert cli.main(["predict", folder, *photos, "--out", str(table)]) == 0
    printed = capsys.readouterr().out.splitlines()
    expected = predict(folder, photos)
    assert printed[0].split() == ["image", "label", "probability"] and len(printed) == 1 + len(photos)
    for line, row in zip(printed[1:], expected.itertuples()):
        assert row.image in line and row.label in line and line.endswith(f"{row.probability:.3f}")
    written = pd.read_csv(table)
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)
    # a folder by itself, and nothing written
    assert cli.main(["predict", folder, str(Path(photos[0]).parent)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == sorted(photos)
    assert cli.main(["predict", folder, "absent.jpg"]) == 2
    assert capsys.readouterr().err == "fashion-tf: absent.jpg: no such file.\n"
    assert cli.main(["predict", str(tmp_path), photos[0]]) == 2
    assert "predictor.json: no such file" in capsys.readouterr().err


def test_a_folder_of_all_kinds_of_file(saved, photos, tmp_path, capsys):
    """Every picture counts, whatever its name; every bad one is named at once, and the good ones are written."""
    folder, table = tmp_path / "photos", tmp_path / "answers.csv"
    folder.mkdir()
    good = [folder / name for name in ("a.jpg", "b.jfif", "d.gif", "e.JPE", os.fsdecode(b"f\xe9.jpg"))]
    for path, kind in zip(good, ("JPEG", "JPEG", "GIF", "JPEG", "JPEG"), strict=True):
        Image.new("RGB", (40, 30), (200, 40, 30)).save(path, kind)
    (folder / "cut.jpg").write_bytes(good[0].read_bytes()[:300])
    (folder / "cut.png").write_bytes(Path(photos[5]).read_bytes()[:500])
    (folder / "page.jpg").write_text("<html>")
    (folder / "._a.jpg").write_bytes(b"no photo")
    assert cli.main(["predict", str(saved["classification"]), str(folder), "--out", str(table)]) == 1
    said = capsys.readouterr().err
    assert "5 of 8 photos labelled" in said
    for reason in ("cut.jpg: ", "cut.png: damaged or cut off", "page.jpg: not a JPEG, PNG, WebP"):
        assert reason in said
    written = table.read_bytes().splitlines()
    assert [line.partition(b",")[0] for line in written[1:]] == [os.fsencode(path) for path in sorted(good)]
    assert cli.main(["predict", str(saved["classification"]), str(folder / "cut.jpg"), str(folder / "page.jpg")]) == 2
    assert "2 of 2 photos cannot be read" in capsys.readouterr().err


def test_command_for_a_parser(saved, photos, tmp_path, capsys):
    assert cli.main(["predict", str(saved["parsing"]), *photos[:2], "--out", str(tmp_path / "masks")]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, path, mask in zip(lines, photos, parse(saved["parsing"], photos[:2]), strict=False):
        shares = {name: (mask == number).mean() for number, name in enumerate(CLASSES)}
        ranked = sorted(CLASSES, key=lambda name: -shares[name])
        assert line == f"{path}: " + ", ".join(
            f"{name} {shares[name]:.1%}" for name in ranked if shares[name] > 0.0005)
        np.testing.assert_array_equal(read_mask(tmp_path / "masks" / f"{Path(path).stem}.png"), mask)
    assert len(lines) == 2


@pytest.mark.parametrize("function", [predict, parse])
def test_the_packages_functions_are_the_modules(function):
    public = getattr(fashion_tf, function.__name__)
    assert inspect.signature(public) == inspect.signature(function)


@pytest.mark.slow
def test_a_fresh_process_loads_a_parser_that_was_finished_after_training(tmp_path):
    """Its inner model was compiled with the kit's loss, which nothing else there imports."""
    inner = fpn.fpn_segmenter("small_resnet", 2, 32, channels=8, seed=1)
    inner.compile("adam", fpn.PixelCrossEntropy([1.0, 2.0]), metrics=[fpn.PixelAccuracy()])
    model = fpn.mirror_averaged(fpn.without_class_weights(inner, [1.0, 2.0]))
    folder = save_predictor(tmp_path / "parser", model, ("background", "coat"), 32, "parsing")
    code = "import sys; from fashion_tf.predictor import load_predictor; print(load_predictor(sys.argv[1]).task)"
    run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert run.stdout == "parsing\n", run.stderr[-2000:]


# Files that are no photos, or cannot be read


@pytest.fixture
def mixed(photos, tmp_path):
    """A folder with two photos under endings that say little, two that are not read, and other files."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    jpeg, png = Path(photos[0]).read_bytes(), Path(photos[1]).read_bytes()
    for name, content in {"a.jpg": jpeg, "b.jfif": jpeg, "c.heic": b"\0\0\0\x18ftypheic" + b"\0" * 99,
                          "d.gif": b"GIF89a" + b"\0" * 99, "e.JPE": jpeg, "f": png, "g.dat": png, "h.jpg": b"no photo",
                          "i.bmp": b"BM" + b"\0" * 99, "._a.jpg": b"\0\5\x16\7" + b"\0" * 99, "notes.txt": b"mine",
                          "k.png": b""}.items():
        (folder / name).write_bytes(content)
    (folder / "more").mkdir()
    return folder


def test_a_photo_named_twice_is_labelled_once(saved, mixed, monkeypatch, capsys):
    monkeypatch.chdir(mixed)
    assert cli.main(["predict", str(saved["classification"]), "a.jpg", "./a.jpg", "b.jfif", "a.jpg", "--json"]) == 0
    assert [row["image"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["a.jpg", "b.jfif"]


def test_a_folder_is_read_by_content_and_what_is_skipped_is_said(saved, mixed, tmp_path, capsys):
    out = tmp_path / "labels.csv"
    assert cli.main(["predict", str(saved["classification"]), str(mixed), "--out", str(out)]) == 1
    printed, said = capsys.readouterr()
    names = [Path(line.split()[0]).name for line in printed.splitlines()[1:]]
    assert names == ["a.jpg", "b.jfif", "e.JPE", "f", "g.dat"]
    assert [Path(path).name for path in pd.read_csv(out)["image"]] == names
    lines = said.splitlines()
    assert lines[0] == f"5 of 10 photos labelled into {out}."
    for line, (name, reason) in zip(lines[1:], [
            ("c.heic", ""), ("d.gif", ""), ("h.jpg", "not a JPEG, PNG"), ("i.bmp", ""),
            ("k.png", "empty (0 bytes)")]):
        assert line.startswith(f"skipped {mixed / name}: {reason}")
    assert lines[6:] == ["no pictures, left alone: 2 (more/, notes.txt)"]


def test_skipped_photos_in_json(saved, mixed, capsys):
    for task in ("classification", "parsing"):
        assert cli.main(["predict", str(saved[task]), str(mixed), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert len(found["rows"]) == 5 and [Path(path).name for path, _ in found["skipped"]] == [
            "c.heic", "d.gif", "h.jpg", "i.bmp", "k.png"]
        for row in found["rows"]:
            shares = row["probabilities" if task == "classification" else "shares"]
            assert set(shares) == set(CLASSES) and sum(shares.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("batch_size", [2, 100])
def test_all_bad_photos_are_named_at_once(loaded, photos, mixed, batch_size):
    for task, use in (("classification", predict), ("parsing", parse)):
        with pytest.raises(DataError, match="^5 of 10 photos cannot be read:") as error:
            use(loaded[task], mixed, batch_size)
        assert [name for name in "abcdefghijk" if f"{mixed}/{name}." in str(error.value)] == ["c", "d", "h", "i", "k"]
    with pytest.raises(DataError, match="._a.jpg: macOS's notes about a file .AppleDouble., no picture"):
        predict(loaded["classification"], mixed / "._a.jpg")


def test_where_no_photo_can_be_read_nothing_is_written(saved, mixed, tmp_path, capsys):
    for task, out in (("classification", tmp_path / "labels.csv"), ("parsing", tmp_path / "masks")):
        assert cli.main(["predict", str(saved[task]), str(mixed / "d.gif"), str(mixed / "h.jpg"),
                         "--out", str(out)]) == 2
        assert "2 of 2 photos cannot be read" in capsys.readouterr().err and not out.exists()


# What is there already


@pytest.fixture
def no_model(monkeypatch):
    """Nothing is loaded: what is wrong with the output is seen before."""
    from fashion_tf.predictor import use

    monkeypatch.setattr(use, "load_predictor", lambda folder: pytest.fail("the model was loaded"))


@pytest.mark.parametrize("task, out, message", [
    ("classification", "photos/coat.png", "is one of the photos"),
    ("classification", "link.png", "is one of the photos"),
    ("classification", "notes.csv", "is no table of predictions"),
    ("classification", "photos", "is a folder; a classifier's answers need the name of a file"),
    ("classification", "notes.csv/labels.csv", "notes.csv: is a file, and .* should be a folder"),
    ("classification", "model", "is a folder"), ("classification", "model/predictor.json", "is the model's own folder"),
    ("classification", "model/new/labels.csv", "is the model's own folder"),
    ("classification", "dangling.csv", "is a link"), ("classification", "pipe", "is no table of predictions"),
    ("parsing", "photos", "its mask would replace it"), ("parsing", "link to photos", "its mask would replace it"),
    ("parsing", "notes.csv", "is a file; the masks need a folder"),
    ("parsing", "dangling.csv", "is a file; the masks"), ("parsing", "notes.csv/masks", "notes.csv: is a file, and"),
    ("parsing", "drawings", r"coat.png: is there already and is no mask"),
    ("parsing", "tables", r"labels.csv: is there already and is no table of labels"),
    ("parsing", "linked", "coat.png: is a link"), ("parsing", "model", "is the model's own folder"),
    ("parsing", "model/masks", "is the model's own folder")])
def test_nothing_is_replaced_that_was_not_written_here(saved, photos, tmp_path, capsys, no_model, task, out, message):
    folder = change(saved[task], tmp_path / "model")
    for name in ("photos", "drawings", "tables", "linked"):
        (tmp_path / name).mkdir()
    photo = tmp_path / "photos" / "coat.png"
    photo.write_bytes(Path(photos[1]).read_bytes())
    (tmp_path / "drawings" / "coat.png").write_bytes(Path(photos[1]).read_bytes())
    (tmp_path / "tables" / "labels.csv").write_text("name,price\n")
    (tmp_path / "notes.csv").write_text("image,label,mine\n")
    (tmp_path / "link.png").symlink_to(photo)
    (tmp_path / "link to photos").symlink_to(photo.parent)
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "absent")
    (tmp_path / "linked" / "coat.png").symlink_to(tmp_path / "drawings" / "coat.png")
    os.mkfifo(tmp_path / "pipe")

    def everything():
        return {path: path.read_bytes() if path.is_file() else None for path in sorted(tmp_path.rglob("*"))}

    before = everything()
    assert cli.main(["predict", str(folder), str(photo), "--out", str(tmp_path / out)]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said) and said.count("\n") == 1 and everything() == before


def test_masks_do_not_go_among_the_photos(loaded, photos, tmp_path):
    (tmp_path / "coat.jpg").write_bytes(Path(photos[0]).read_bytes())
    with pytest.raises(DataError, match="holds the photos; choose another folder for the masks"):
        parse(loaded["parsing"], tmp_path, out=tmp_path)  # coat.png would replace nothing
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_written_here_may_be_written_anew(saved, photos, tmp_path, capsys):
    table, masks = tmp_path / "labels.csv", tmp_path / "masks"
    for _ in range(2):
        assert cli.main(["predict", str(saved["classification"]), photos[0], "--out", str(table)]) == 0
        assert cli.main(["predict", str(saved["parsing"]), photos[0], "--out", str(masks)]) == 0
        assert capsys.readouterr().err.count("1 of 1 photo labelled into") == 2


# Names from strangers


def test_names_reach_neither_terminal_nor_spreadsheet_as_commands(photos, tmp_path, capsys, monkeypatch):
    classes = ("=cmd|' /C calc'!A0", "\x1b[2Jcoat", "@SUM(1)")
    folder = save_predictor(tmp_path / "model", answering("classification", 0.8, 0.1, 0.1), classes, SIZE)
    monkeypatch.chdir(tmp_path)
    for name in ("-coat.jpg", "\x1b]0;x\x07.jpg", "-hat.jpg"):
        Path(name).write_bytes(Path(photos[0]).read_bytes())
    assert cli.main(["predict", str(folder), "--out", "labels.csv", "--", "-coat.jpg", "\x1b]0;x\x07.jpg", "./-hat.jpg"
                     ]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "\\x1b]0;x\\x07.jpg" in out
    table = pd.read_csv("labels.csv")
    assert list(table.columns[3:]) == [f"'{classes[0]}", classes[1], f"'{classes[2]}"]
    assert table["image"].tolist() == ["'-coat.jpg", "\x1b]0;x\x07.jpg", "./-hat.jpg"]
    assert set(table["label"]) == {f"'{classes[0]}"}
    assert predict(folder, photos[0])["label"].tolist() == [classes[0]]  # in Python the names are what they are
    folder = save_predictor(tmp_path / "parser", answering("parsing", 0.8, 0.1, 0.1), classes, SIZE, "parsing")
    parse(folder, photos[0], out="masks")
    assert pd.read_csv("masks/labels.csv")["label"].tolist() == [f"'{classes[0]}", classes[1], f"'{classes[2]}"]


@pytest.mark.parametrize("name", [b"M\xfcller", "пальто".encode(), "外套".encode(), b"a\nb"])
def test_names_of_every_kind(saved, photos, tmp_path, capsys, name):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    models = {task: change(saved[task], folder / task) for task in saved}
    pictures = folder / "photos"
    pictures.mkdir()
    photo = pictures / os.fsdecode(name + b".jpg")
    photo.write_bytes(Path(photos[0]).read_bytes())
    table = folder / os.fsdecode(name + b".csv")
    assert cli.main(["predict", str(models["classification"]), str(pictures), "--out", str(table)]) == 0
    assert cli.main(["predict", str(models["parsing"]), str(photo), "--out", str(folder / "masks")]) == 0
    assert (folder / "masks" / os.fsdecode(name + b".png")).is_file()
    written = pd.read_csv(table, encoding_errors="surrogateescape", dtype={"image": object})
    assert os.fsencode(written["image"][0]) == os.fsencode(photo)  # the name's own bytes
    assert predict(models["classification"], photo)["image"].tolist() == [str(photo)]
    out, err = capsys.readouterr()
    (out + err).encode("utf-8")  # whatever the name, it can be printed
    assert len(out.splitlines()) == 3
    assert cli.main(["predict", str(folder), str(photo)]) == 2
    assert cli.main(["predict", str(models["parsing"]), str(folder / "absent.jpg")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2 + 2 * name.count(b"\n")


def test_a_predictor_is_saved_under_every_name(models, photos, tmp_path):
    folder = save_predictor(tmp_path / os.fsdecode(b"M\xfcller"), models["classification"], CLASSES, SIZE)
    assert len(predict(folder, photos[0])) == 1


@pytest.mark.slow
def test_one_answer_is_one_line_among_nothing(saved, photos):
    """Started afresh, with none of TensorFlow's notes."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run([sys.executable, "-m", "fashion_tf.cli", "predict", str(saved["classification"]), photos[0]],
                         capture_output=True, text=True, env=environment)
    assert (run.returncode, run.stderr, len(run.stdout.splitlines())) == (0, "", 2)


def test_an_embedding_labels_no_photos(tmp_path, photos, capsys):
    (tmp_path / "predictor.json").write_text(json.dumps({
        "format": 1, "task": "embedding", "classes": [], "image_size": [16, 12], "about": {}}))
    assert cli.main(["predict", str(tmp_path), photos[0]]) == 2
    assert "was saved for embedding, not to label photos: use fashion_tf.retrieval" in capsys.readouterr().err
