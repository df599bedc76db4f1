"""A predictor and its answers: a table of probabilities, or a mask of each photo's own size."""

from dataclasses import dataclass, field

import numpy as np

from fashion_tf.datasets.files import text_column
from fashion_tf.errors import DataError
from fashion_tf.predictor.outputs import check_masks, picture_path, write_labels, write_mask
from fashion_tf.predictor.photos import find_photos, read_photos, unreadable

TASKS = {"classification": "fashion_tf.predict", "parsing": "fashion_tf.parse",
         "embedding": "fashion_tf.retrieval"}  # and what uses a model for each
ROUNDING = 0.01  # by which probabilities may fail to add up to 1: float16 and bfloat16 round each of them


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

    def predict(self, paths, batch_size=32, skip=None, step=None):
        """As `fashion_tf.predict`.

        Args:
            skip: Called with the path of each photo that cannot be read, and the reason; its row is left out. None:
                the call fails at its end, with the names of all.
            step: Called with each number of photos that are done.
        """
        import pandas as pd

        self.need("classification")
        paths, _ = find_photos(paths)
        found = [(path, probabilities)
                 for path, _, probabilities in self.answers(paths, batch_size, skip, step)]
        rows = np.array([probabilities for _, probabilities in found], np.float64).reshape(-1, len(self.classes))
        table = pd.DataFrame(rows, columns=list(self.classes))
        table.insert(0, "image", text_column(path for path, _ in found))
        best = rows.argmax(axis=1) if len(rows) else []
        table.insert(1, "label", pd.Series([self.classes[number] for number in best], dtype=str))
        table.insert(2, "probability", rows.max(axis=1) if len(rows) else np.empty(0))
        return table

    def parse(self, paths, batch_size=4, out=None, skip=None, step=None):
        """As `fashion_tf.parse`; `skip` and `step` as in `predict`."""
        self.need("parsing")
        paths, _ = find_photos(paths)
        if out is not None:
            check_masks(out, paths)
        masks = []
        for path, size, probabilities in self.answers(paths, batch_size, skip, step):
            mask = mask_at(probabilities, size)
            if out is not None:
                write_mask(picture_path(path, out), mask, len(self.classes))
            masks.append(mask)
        if out is not None and masks:
            write_labels(out, self.classes)
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
        self.need("embedding")
        paths, _ = find_photos(paths)
        return np.stack([vector for _, _, vector in self.answers(paths, batch_size, None, None)])

    def compute(self, pictures, names):
        """What the model gives for pictures in memory.

        Args:
            pictures: A list of uint8 (height, width, 3), each of `image_size`.
            names: What a message calls each of them.

        Yields:
            For each picture a classifier's (classes,), a parser's (height, width, classes), an embedder's (channels,).

        Raises:
            DataError: The model answers with NaN, or with what are no probabilities.
        """
        found = self.model.predict_on_batch(np.stack([faint_as_black(picture) for picture in pictures]))
        for name, answer in zip(names, found):
            check_answer(name, answer, self.task)
            yield np.asarray(answer)

    def need(self, task):
        """Raises DataError where the model was saved for another task."""
        if self.task != task:
            raise DataError(f"This model was saved for {self.task}, not for {task}: use {TASKS[self.task]}.")

    def answers(self, paths, batch_size, skip, step):
        """Yields (path, the photo's own size, the model's answer); arguments as for `predict`. After a photo that
        cannot be read, without `skip`, it only reads on, to name them all."""
        bad = []
        for part in _parts(paths, batch_size):
            good = []
            for path, picture, rest in read_photos(part, self.image_size):
                if picture is not None:
                    good.append((path, picture, rest))
                elif skip is None:
                    bad.append((path, rest))
                else:
                    skip(path, rest)
            if good and not bad:
                places, pictures, sizes = zip(*good)
                yield from zip(places, sizes, self.compute(pictures, places))
            if step is not None:
                step(len(part))
        if bad:
            raise unreadable(bad, len(paths))


def faint_as_black(picture):
    """A picture, or black in its place where none of its values is above 1. The kit's networks refuse such a picture
    alone, for they take it for one that was divided by 255; nobody sees the difference.

    Args:
        picture: uint8 (height, width, 3).
    """
    return picture if picture.max() > 1 else np.zeros_like(picture)


def check_answer(where, answer, task):
    """Raises DataError unless an answer is finite and, but for an embedding, its last axis holds probabilities: from
    0 to 1, adding up to 1. What float16 rounds is allowed."""
    answer = np.asarray(answer, np.float32)
    if not np.isfinite(answer).all():  # argmax would take NaN for the first class
        raise DataError(f"{where}: the model answers with NaN or infinity instead of numbers. Its training diverged, "
                        "or its file is damaged: train it anew.")
    if task != "embedding" and (answer.min() < -ROUNDING or np.abs(answer.sum(axis=-1) - 1).max() > ROUNDING):
        raise DataError(f"{where}: the model's answers, from {answer.min():.3g} to {answer.max():.3g}, are no "
                        "probabilities: those of a photo or pixel lie in 0..1 and add up to 1. End the model with "
                        "softmax (keras.layers.Softmax() after logits), and save it anew.")


def _parts(paths, batch_size):
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise DataError(f"batch_size={batch_size!r}: it must be a whole number, at least 1.")
    return (paths[start:start + batch_size] for start in range(0, len(paths), batch_size))


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
    best, mask = np.full(size, -np.inf, np.float32), np.zeros(size, np.uint8)
    for number in range(probabilities.shape[2]):
        plane = cv2.resize(np.ascontiguousarray(probabilities[..., number], np.float32),
                           (width, height), interpolation=cv2.INTER_LINEAR)
        better = plane > best
        mask[better] = number
        best[better] = plane[better]
    return mask


