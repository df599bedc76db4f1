"""A trained model together with its classes and its reading of photos: saved, loaded, used.

A model file alone answers with numbers whose order and scaling somebody has to remember. A predictor is
a folder that remembers: ``model.keras``, and ``predictor.json`` with the task, the classes in their
order and the size that photos are squeezed to. Photos are read by the function that training used.
"""

import json
import operator
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fashion_tf.datasets.files import list_pictures, present, read_json, shown, text_column
from fashion_tf.datasets.images import SHOWN_FAILURES, read_all, read_images, read_with_size, readable, told
from fashion_tf.errors import DataError
from fashion_tf.files import versions, whole_folder, write_atomically

FORMAT = 1
TASKS = {"classification": "fashion_tf.predict", "parsing": "fashion_tf.parse",
         "embedding": "fashion_tf.retrieval"}  # and what uses a model for each
MODEL_FILE, DESCRIPTION_FILE = "model.keras", "predictor.json"
MAXIMUM_LABELS = 255  # of a mask in uint8; 255 stands for unlabelled pixels


@dataclass(frozen=True)
class Predictor:
    """A model that knows its classes and how photos are read for it.

    Attributes:
        model: A `keras.Model` that takes pictures (count, height, width, 3) in 0..255. It gives
            probabilities: (count, classes) for a classifier, (count, height, width, classes) for a
            parser; or a vector for each picture, (count, channels).
        classes: Class names, in the order of the model's output; none for an embedding.
        image_size: (height, width) in pixels that photos are squeezed to.
        task: ``"classification"``, ``"parsing"`` or ``"embedding"``.
        about: Whatever the saver noted: the lesson, the dataset, what was measured.
    """

    model: object
    classes: tuple
    image_size: tuple
    task: str = "classification"
    about: dict = field(default_factory=dict)

    def predict(self, paths, batch_size=32):
        """As `fashion_tf.predict`."""
        import pandas as pd

        self._need("classification")
        paths = _paths(paths)
        rows = np.concatenate([self._answers(part, read_images(part, self.image_size))
                               for part in _parts(paths, batch_size)])
        table = pd.DataFrame(rows.astype(np.float64), columns=list(self.classes))
        table.insert(0, "image", text_column(paths))
        table.insert(1, "label", [self.classes[number] for number in rows.argmax(axis=1)])
        table.insert(2, "probability", rows.max(axis=1).astype(np.float64))
        return table

    def parse(self, paths, batch_size=4, out=None):
        """As `fashion_tf.parse`."""
        self._need("parsing")
        paths, masks = _paths(paths), []
        if out is not None:
            _check_names(paths, Path(out))
        for part in _parts(paths, batch_size):
            pictures, sizes = zip(*read_all(lambda path: read_with_size(path, self.image_size), part))
            found = self._answers(part, np.stack(pictures))
            for path, size, probabilities in zip(part, sizes, found):
                mask = mask_at(probabilities, size)
                if out is not None:
                    _replace(_mask_path(path, Path(out)), mask_png(mask, len(self.classes)))
                masks.append(mask)
        if out is not None:
            import pandas as pd

            labels = pd.DataFrame({"number": range(len(self.classes)), "label": self.classes})
            _replace(Path(out) / "labels.csv", labels.to_csv(index=False).encode())
        return masks

    def embed(self, paths, batch_size=32):
        """The vectors of photos.

        Args:
            paths, batch_size: As for `fashion_tf.predict`.

        Returns:
            float32 (photos, channels), in the order given.

        Raises:
            DataError: As `fashion_tf.predict`; or the model is not for embedding.
        """
        self._need("embedding")
        return np.concatenate([self._answers(part, read_images(part, self.image_size))
                               for part in _parts(_paths(paths), batch_size)])

    def _need(self, task):
        if self.task != task:
            raise DataError(f"This model was saved for {self.task}, not for {task}: use {TASKS[self.task]}.")

    def _answers(self, paths, pictures):
        found = self.model.predict_on_batch(pictures)
        for path, one in zip(paths, found):
            if np.isnan(one).any():  # argmax would take it for the first class
                raise DataError(f"{path}: the model answers with NaN instead of numbers. Its training "
                                "diverged, or its file is damaged: train it anew.")
        return found


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
            be read back for another reason, or the folder holds something else.

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
    _check(predictor, "save_predictor")
    for layer in model._flatten_layers(include_self=False):
        if type(layer).__name__ == "Lambda":
            raise DataError(f"save_predictor: the layer {layer.name!r} is a Lambda, whose code load_predictor "
                            "refuses to run; use a layer of Keras, or of the kit, in its place.")
    folder = Path(folder)
    _check_folder(folder)
    try:
        description = json.dumps({
            "format": FORMAT, "task": task, "classes": predictor.classes, "image_size": size,
            "about": predictor.about, "versions": versions()}, indent=1)
    except TypeError as error:
        raise DataError(f"about={about!r}: it must hold JSON values only ({error}).") from None
    with whole_folder(folder) as new:
        model.save(new / MODEL_FILE)
        (new / DESCRIPTION_FILE).write_text(description + "\n", encoding="utf-8")
        try:  # now, while the model is still at hand
            load_predictor(new)
        except DataError as error:
            raise DataError("save_predictor: what was written could not be read back, and nothing was "
                            f"saved: {_reason(error.__cause__ or error)}. Use layers and "
                            "functions of Keras or of the kit only.") from error
    return folder


def load_predictor(folder):
    """Loads what `save_predictor` saved. A model file cannot bring code along: it is loaded in Keras's
    safe mode.

    Args:
        folder: A predictor's folder.

    Returns:
        A `Predictor`.

    Raises:
        DataError: A file is absent, damaged, of a newer format, or unsafe; or the classes do not fit
            the model. Names the file.
    """
    import keras

    # Imported so that a saved model finds their layers, and the loss that a model within it was compiled
    # with; the names themselves are not used.
    import fashion_tf.augment
    import fashion_tf.models.backbones
    import fashion_tf.models.fpn  # noqa: F401

    folder = Path(folder)
    file = folder / DESCRIPTION_FILE
    if not file.is_file():
        raise DataError(f"{file}: no such file. Give a folder that save_predictor wrote.")
    description = read_json(file)
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise DataError(f"{file}: this is no predictor's description; the field 'format' is missing.")
    if description["format"] > FORMAT:
        raise DataError(f"{file}: format {description['format']} is newer than this fashion_tf "
                        f"{fashion_tf.__version__} reads ({FORMAT}); update it.")
    for name, kind in (("task", str), ("classes", list), ("image_size", list), ("about", dict)):
        if not isinstance(description.get(name), kind):
            raise DataError(f"{file}: the field {name!r} is missing or no {kind.__name__}.")
    if not all(isinstance(side, int) for side in description["image_size"]):
        raise DataError(f"{file}: the field 'image_size' must be two whole numbers.")
    if not (folder / MODEL_FILE).is_file():
        raise DataError(f"{folder / MODEL_FILE}: no such file. Save the predictor anew.")
    try:
        model = keras.models.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the archive makes it stumble over
        raise DataError(f"{folder / MODEL_FILE}: cannot be loaded safely ({_reason(error)}). A model with "
                        "code of its own (Lambda) is refused; a damaged file must be saved anew.") from error
    predictor = Predictor(model, tuple(description["classes"]), tuple(description["image_size"]),
                          description["task"], description["about"])
    _check(predictor, file)
    return predictor


def predict(model, paths, batch_size=32):
    """Classifies photos.

    Args:
        model: A folder that `save_predictor` wrote, or a `Predictor`.
        paths: A photo's path, a list of paths, or a folder whose photos are taken in the order of
            their names. Photos may have any size and any format of `fashion_tf.datasets.encoded.FORMATS`; in a folder
            they are told by their content, and other files are passed over.
        batch_size: Photos at a time.

    Returns:
        A pandas table, a row for each photo in the order given: ``image``, ``label``,
        ``probability`` (of that label), and a column for each class with its probability.

    Raises:
        DataError: No photo, or one that cannot be read (named); a folder that is no predictor; a
            model for parsing, or one that answers with NaN.

    Example:
        >>> fashion_tf.predict("clothing_model", ["coat.jpg", "hat.png"])[["image", "label"]]

    Taught in: 23_transfer_learning.ipynb
    """
    return _loaded(model).predict(paths, batch_size)


def parse(model, paths, batch_size=4, out=None):
    """Labels every pixel of photos.

    Args:
        model: A folder that `save_predictor` wrote, or a `Predictor`.
        paths: As for `predict`.
        batch_size: Photos at a time.
        out: A folder for the masks: NAME.png for NAME.jpg, in colours whose numbers are the labels,
            and labels.csv with their names. None: nothing is written.

    Returns:
        A list of masks, uint8 label numbers of each photo's own (height, width).

    Raises:
        DataError: As `predict`; two photos whose masks would have one name; or a mask that would
            replace its photo.

    Taught in: 51_clothing_parsing.ipynb
    """
    return _loaded(model).parse(paths, batch_size, out)


def predict_to(model, photos, out=None):
    """What ``fashion-tf predict`` does: classifies or parses, and writes the result to `out`.

    Args:
        model: As in `predict`.
        photos: Paths; a folder only by itself.
        out: A file for the table of a classifier, a folder for the masks of a parser, or None.

    Returns:
        A text for the terminal: each photo's label, or what fills most of it; then which photos were
        left out because they cannot be read, and why.

    Raises:
        DataError: As `predict`; but unreadable photos beside others are left out.
    """
    predictor = _loaded(model)
    photos = photos[0] if len(photos) == 1 else photos
    others = _in_folder(photos)[1] if isinstance(photos, (str, os.PathLike)) and Path(photos).is_dir() else []
    paths = _paths(photos)
    photos, failures = readable(paths, predictor.image_size)
    if not photos:
        raise DataError(told(failures, len(paths)))
    left_out = [*failures, *others]
    return "\n".join([_predicted(predictor, photos, out), *(
        [f"Left out: {len(left_out):,} of {len(paths) + len(others):,} files."] if left_out else []),
        *(f"  {shown(reason)}" for reason in left_out[:SHOWN_FAILURES]),
        *([f"  and {len(left_out) - SHOWN_FAILURES:,} more"] if len(left_out) > SHOWN_FAILURES else [])])


def _predicted(predictor, photos, out):
    if predictor.task == "classification":
        table = predictor.predict(photos)
        if out is not None:
            _replace(Path(out), table.to_csv(index=False).encode(errors="surrogateescape"))
        table["image"] = [shown(path) for path in photos]
        return table[["image", "label", "probability"]].to_string(
            index=False, formatters={"probability": "{:.3f}".format})
    lines = []
    for path, mask in zip(photos, predictor.parse(photos, out=out)):
        shares = np.bincount(mask.ravel(), minlength=len(predictor.classes)) / mask.size
        lines.append(f"{shown(path)}: " + ", ".join(
            f"{predictor.classes[number]} {shares[number]:.1%}"
            for number in np.argsort(-shares, kind="stable")[:6] if shares[number] > 0.0005))
    return "\n".join(lines)


def _reason(error):
    """The innermost message: Keras wraps it in the settings of every layer around."""
    return str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]


def _loaded(model):
    return model if isinstance(model, Predictor) else load_predictor(model)


def _check(predictor, where):
    task, classes, size = predictor.task, predictor.classes, predictor.image_size
    if task not in TASKS:
        raise DataError(f"{where}: task {task!r}; it must be one of {', '.join(TASKS)}.")
    if task == "embedding" and classes:
        raise DataError(f"{where}: an embedding has no classes; {classes[0]!r} is given.")
    if (not classes and task != "embedding") or not all(isinstance(name, str) and name for name in classes):
        raise DataError(f"{where}: classes must be a list of names, and none of them empty.")
    double = sorted({name for name in classes if classes.count(name) > 1})
    if double:
        raise DataError(f"{where}: the class name(s) {', '.join(double)} stand there twice.")
    if len(size) != 2 or min(size) < 1:
        raise DataError(f"{where}: image_size {size!r}; it must be (height, width) in pixels.")
    taken = {"image", "label", "probability"} & set(classes) if task == "classification" else ()
    if taken:
        raise DataError(f"{where}: a class cannot be named {min(taken)!r}; predict's table has a column of "
                        "that name.")
    if task == "parsing" and len(classes) > MAXIMUM_LABELS:
        raise DataError(f"{where}: {len(classes)} labels; masks hold at most {MAXIMUM_LABELS}.")
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


def _paths(paths):
    if isinstance(paths, (str, os.PathLike)):
        paths = _in_folder(paths)[0] if Path(paths).is_dir() else [paths]
    paths = [str(path) for path in paths]
    if not paths:
        raise DataError("No photos given: give a path, a list of paths, or a folder.")
    absent = [path for path, there in zip(paths, present(paths)) if not there]
    if absent:
        raise DataError(f"{absent[0]}: no such file" + (f", and {len(absent) - 1} more."
                                                        if len(absent) > 1 else "."))
    return paths


def _in_folder(folder):
    """(a folder's photos, told by their content; a sentence for each other file)."""
    photos, others = list_pictures(folder)
    if not photos:
        raise DataError(f"{folder}: no photo in it" + (
            f"; {len(others):,} files are none, the first being {others[0]}." if others else "."))
    return photos, others


def _parts(paths, batch_size):
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise DataError(f"batch_size={batch_size!r}: it must be a whole number, at least 1.")
    return (paths[start:start + batch_size] for start in range(0, len(paths), batch_size))


def _mask_path(path, out):
    return out / f"{Path(path).stem}.png"


def _check_names(paths, out):
    first = {}
    for path in paths:
        mask = _mask_path(path, out)
        other = first.setdefault(mask.name.casefold(), path)  # many systems take A.png for a.png
        if other != path:
            raise DataError(f"{other} and {path}: their masks would have the same name; parse them into two "
                            "folders.")
        if mask.exists() and mask.samefile(path):
            raise DataError(f"{path}: its mask would replace it; choose another folder than {out} for the "
                            "masks.")


def _check_folder(folder):
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / DESCRIPTION_FILE).is_file():
        raise DataError(f"{folder}: is there already and holds no predictor; choose another folder.")
    others = sorted(path.name for path in folder.iterdir() if path.name not in (MODEL_FILE, DESCRIPTION_FILE))
    if others:  # a predictor is replaced as a whole, and they would go with it
        raise DataError(f"{folder}: holds more than a predictor ({others[0]}); move that away, or choose "
                        "another folder.")


def mask_at(probabilities, size):
    """The most probable label of each pixel at a photo's own size.

    The probabilities are enlarged, not the labels, so that borders stay smooth; one class at a time, for
    many classes at full size are large.

    Args:
        probabilities: float (height, width, classes), as a parser gives them.
        size: (height, width) of the photo.

    Returns:
        uint8 label numbers of `size`.
    """
    import cv2

    height, width = size
    best, mask = np.full(size, -1, np.float32), np.zeros(size, np.uint8)
    for number in range(probabilities.shape[2]):
        plane = cv2.resize(np.ascontiguousarray(probabilities[..., number], np.float32),
                           (width, height), interpolation=cv2.INTER_LINEAR)
        better = plane > best
        mask[better] = number
        best[better] = plane[better]
    return mask


def mask_png(mask, labels):
    """A mask as the bytes of a PNG file, in colours whose numbers are the labels.

    Args:
        mask: uint8 (height, width) label numbers.
        labels: How many labels there are.
    """
    import io

    from PIL import Image

    from fashion_tf.plots import label_colours

    picture = Image.fromarray(mask, mode="P")
    picture.putpalette((np.asarray(label_colours(labels)) * 255).round().astype(np.uint8).tobytes())
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _replace(path, content):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None

