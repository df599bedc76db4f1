"""A predictor's folder: written as a whole, and read as a stranger's."""

import json
import operator
import os
from collections import Counter
from pathlib import Path

import numpy as np

import fashion_tf
from fashion_tf.errors import DataError
from fashion_tf.files import versions, whole_folder
from fashion_tf.predictor.answers import TASKS, Predictor, check_answer
from fashion_tf.predictor.outputs import check_place
from fashion_tf.predictor.safety import innermost_message, load_safely, parse_json

FORMAT = 1
MODEL_FILE, DESCRIPTION_FILE = "model.keras", "predictor.json"
MAXIMUM_LABELS = 255  # of a mask in uint8; 255 stands for unlabelled pixels
MAXIMUM_CLASSES = 100_000
MAXIMUM_PIXELS = 2**22  # that photos are squeezed to: 2048 x 2048
MAXIMUM_DESCRIPTION_BYTES = 4 << 20


def save_predictor(folder, model, classes, image_size, task="classification", about=None):
    """Saves a model so that `load_predictor`, and so `fashion_tf.predict`, can use it.

    The folder appears, or changes, only as a whole.

    Args:
        folder: Where to. An earlier predictor there is replaced; a folder with anything else in it is
            left alone.
        model: See `Predictor`. Layers of the kit and of Keras only: no Lambda, no code of your own.
        classes: Class names, in the order of the model's output; none for an embedding.
        image_size: (height, width) in pixels, or one number for both.
        task: ``"classification"``, ``"parsing"`` or ``"embedding"``.
        about: A dict of JSON values worth keeping: the lesson, the dataset, what was measured.

    Returns:
        The folder, a `Path`.

    Raises:
        DataError: The classes do not fit the model, the size does not, the model has a Lambda or cannot
            be read back for another reason, or the folder holds something else or cannot be written.

    Example:
        >>> save_predictor("clothes", model, train.classes, 224, about={"dataset": train.name})

    Taught in: 23_transfer_learning.ipynb
    """
    size = (image_size, image_size) if np.ndim(image_size) == 0 else tuple(image_size)
    try:
        size = tuple(operator.index(side) for side in size)
    except TypeError:
        raise DataError(f"save_predictor: image_size {image_size!r}; it must be (height, width) in "
                        "pixels.") from None
    if about is not None and not isinstance(about, dict):
        raise DataError(f"about={about!r}: it must be a dict of JSON values.")
    predictor = Predictor(model, tuple(classes), size, task, dict(about or {}))
    _check_description(task, predictor.classes, size, "save_predictor")
    _check_model(predictor, "save_predictor")
    for layer in model._flatten_layers(include_self=False):
        if type(layer).__name__ == "Lambda":
            raise DataError(f"save_predictor: the layer {layer.name!r} is a Lambda, whose code load_predictor "
                            "refuses to run; use a layer of Keras, or of the kit, in its place.")
    folder = check_folder(folder)
    try:
        description = json.dumps({
            "format": FORMAT, "task": task, "classes": predictor.classes, "image_size": size,
            "about": predictor.about, "versions": versions()}, indent=1)
    except TypeError as error:
        raise DataError(f"about={about!r}: it must hold JSON values only ({error}).") from None
    try:
        with whole_folder(folder) as new:
            model.save(new / MODEL_FILE)
            (new / DESCRIPTION_FILE).write_text(description + "\n", encoding="utf-8")
            try:  # now, while the model is still at hand
                written = load_predictor(new)
            except DataError as error:
                raise DataError("save_predictor: what was written could not be read back, and nothing was "
                                f"saved: {str(error).removeprefix(f'{new / MODEL_FILE}: ')}") from error
            _check_answers(written)
    except OSError as error:
        raise DataError(f"{folder}: the predictor cannot be written ({error.strerror or error}); nothing was "
                        "changed.") from error
    return folder


def check_folder(folder):
    """Whether `save_predictor` may write a predictor there: better asked before a long training than after it.

    Returns:
        The folder, a `Path`.

    Raises:
        DataError: It holds something else, or cannot be made.
    """
    folder = Path(folder)
    check_place(Path(os.path.realpath(folder)).parent, None)  # of a link, where it leads
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return folder
    if not (folder / DESCRIPTION_FILE).is_file():
        raise DataError(f"{folder}: is there already and holds no predictor; choose another folder.")
    others = sorted(path.name for path in folder.iterdir() if path.name not in (MODEL_FILE, DESCRIPTION_FILE))
    if others:  # a predictor is replaced as a whole, and they would go with it
        raise DataError(f"{folder}: holds more than a predictor ({others[0]}); move that away, or choose "
                        "another folder.")
    return folder


def load_predictor(folder):
    """Loads what `save_predictor` saved. A model file cannot bring code along: it is checked against a list of
    layers and functions first (`fashion_tf.predictor.safety`).

    Args:
        folder: A predictor's folder.

    Returns:
        A `Predictor`.

    Raises:
        DataError: A file is absent, damaged, of a newer format, too large or unsafe; or the classes do
            not fit the model. Names the file.
    """
    folder = Path(folder)
    description = read_description(folder)
    if not (folder / MODEL_FILE).is_file():
        raise DataError(f"{folder / MODEL_FILE}: no such file. Save the predictor anew.")
    predictor = Predictor(load_safely(folder / MODEL_FILE), tuple(description["classes"]),
                          tuple(description["image_size"]), description["task"], description["about"])
    _check_model(predictor, folder / DESCRIPTION_FILE)
    return predictor


def read_description(folder):
    """The checked contents of a predictor's predictor.json: what it is, without loading the model.

    Raises:
        DataError: As `load_predictor`.
    """
    file = Path(folder) / DESCRIPTION_FILE
    try:
        if not file.is_file():
            raise DataError(f"{file}: no such file. Give a folder that save_predictor wrote.")
        with open(file, "rb") as opened:
            content = opened.read(MAXIMUM_DESCRIPTION_BYTES + 1)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from None
    description = parse_json(content, file, MAXIMUM_DESCRIPTION_BYTES)
    if not isinstance(description, dict) or not _is_whole(description.get("format")):
        raise DataError(f"{file}: this is no predictor's description; the field 'format' is missing.")
    if description["format"] > FORMAT:
        raise DataError(f"{file}: format {description['format']} is newer than this fashion_tf "
                        f"{fashion_tf.__version__} reads ({FORMAT}); update it.")
    for name, kind in (("task", str), ("classes", list), ("image_size", list), ("about", dict)):
        if not isinstance(description.get(name), kind):
            raise DataError(f"{file}: the field {name!r} is missing or no {kind.__name__}.")
    if not all(_is_whole(side) for side in description["image_size"]):
        raise DataError(f"{file}: the field 'image_size' must be two whole numbers.")
    _check_description(description["task"], description["classes"], description["image_size"], file)
    return description


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _check_description(task, classes, size, where):
    classes, size = tuple(classes), tuple(size)
    if task not in TASKS:
        raise DataError(f"{where}: task {task!r}; it must be one of {', '.join(TASKS)}.")
    if task == "embedding" and classes:
        raise DataError(f"{where}: an embedding has no classes; {classes[0]!r} is given.")
    if (not classes and task != "embedding") or not all(isinstance(name, str) and name for name in classes):
        raise DataError(f"{where}: classes must be a list of names, and none of them empty.")
    if len(classes) > MAXIMUM_CLASSES:
        raise DataError(f"{where}: {len(classes):,} classes; more than {MAXIMUM_CLASSES:,} are refused.")
    double = sorted(name for name, count in Counter(classes).items() if count > 1)
    if double:
        raise DataError(f"{where}: the class name(s) {', '.join(double)} stand there twice.")
    if len(size) != 2 or min(size) < 1:
        raise DataError(f"{where}: image_size {size!r}; it must be (height, width) in pixels.")
    if size[0] * size[1] > MAXIMUM_PIXELS:
        raise DataError(f"{where}: image_size {size!r}; photos are squeezed to {MAXIMUM_PIXELS:,} pixels at most.")
    taken = {"image", "label", "probability"} & set(classes) if task == "classification" else ()
    if taken:
        raise DataError(f"{where}: a class cannot be named {min(taken)!r}; predict's table has a column of "
                        "that name.")
    if task == "parsing" and len(classes) > MAXIMUM_LABELS:
        raise DataError(f"{where}: {len(classes)} labels; masks hold at most {MAXIMUM_LABELS}.")


def _check_model(predictor, where):
    task, classes, size = predictor.task, predictor.classes, predictor.image_size
    try:
        wanted, output = predictor.model.input_shape, predictor.model.output_shape
    except AttributeError as error:
        raise DataError(f"{where}: the model's input and output have no shape yet; build it, or call it once "
                        f"({error}).") from None
    if len(wanted) != 4 or wanted[3] != 3 or any(
            side not in (None, given) for side, given in zip(wanted[1:3], size)):
        raise DataError(f"{where}: the model takes {wanted[1:]}, and photos will be of {(*size, 3)}.")
    dimensions = 4 if task == "parsing" else 2
    if len(output) != dimensions:
        raise DataError(f"{where}: a model for {task} gives {dimensions} dimensions, this one "
                        f"{len(output)}: {output}.")
    if task != "embedding" and output[-1] != len(classes):
        raise DataError(f"{where}: {len(classes)} classes, and the model gives {output[-1]} "
                        "probabilities.")


def _check_answers(predictor):
    """The model answers as it should: to a photo of noise, and to one from dark to light."""
    height, width = predictor.image_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    ramp = np.broadcast_to(np.linspace(0, 255, width)[None, :, None], noise.shape)
    try:
        answers = predictor.model(np.stack([noise, ramp]).astype(np.uint8), training=False)
    except Exception as error:  # Keras and TensorFlow raise what a layer stumbles over
        raise DataError("save_predictor: the model cannot label a photo, and nothing was saved: "
                        f"{innermost_message(error)}") from error
    check_answer("save_predictor", answers, predictor.task)
