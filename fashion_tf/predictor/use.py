"""Photos labelled by a saved model: the package's two functions, and what the command does with them."""

from dataclasses import dataclass, field

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.predictor.answers import TASKS, Predictor
from fashion_tf.predictor.outputs import check_masks, check_table, picture_path, write_table
from fashion_tf.predictor.photos import left_out, named_photos, unreadable
from fashion_tf.predictor.storage import load_predictor, read_description
from fashion_tf.terminal import count_of, counted, native_messages_hidden, printable, waiting


def predict(model, paths, batch_size=32):
    """Classifies photos.

    Args:
        model: A folder that `save_predictor` wrote, or a `Predictor`.
        paths: A photo's path, a list of paths, or a folder whose photos are taken in the order of
            their names. Photos may have any size and any format of
            `fashion_tf.datasets.encoded.FORMATS`; in a folder they are told by their content.
        batch_size: Photos at a time.

    Returns:
        A pandas table, a row for each photo in the order given: ``image``, ``label``,
        ``probability`` (of that label), and a column for each class with its probability.

    Raises:
        DataError: No photo, or some that cannot be read (all are named); a folder that is no predictor;
            a model for parsing, or one that does not answer with probabilities.

    Example:
        >>> fashion_tf.predict("clothing_model", ["coat.jpg", "hat.png"])[["image", "label"]]

    Taught in: 23_transfer_learning.ipynb
    """
    return loaded(model).predict(paths, batch_size)


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
        DataError: As `predict`; `out` is the photos' own folder; two photos whose masks would have one
            name; or a mask that would replace something else than a mask.

    Taught in: 51_clothing_parsing.ipynb
    """
    return loaded(model).parse(paths, batch_size, out)


@dataclass
class Labelled:
    """What became of photos: `rows` of plain values, one a photo; `skipped`, (path, reason) of what could not be
    read; `others`, what lay beside the photos and is none."""

    task: str
    rows: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    others: list = field(default_factory=list)
    out: str | None = None

    def text(self):
        """For the terminal: each photo's label, or what fills most of it."""
        if self.task == "classification":
            lines = [["image", "label", "probability"]]
            lines += [[printable(row["image"]), printable(row["label"]), f"{row['probability']:.3f}"]
                      for row in self.rows]
            widths = [max(len(line[column]) for line in lines) for column in range(3)]
            return "\n".join(" ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines)
        return "\n".join(f"{printable(row['image'])}: " + ", ".join(
            f"{printable(name)} {share:.1%}" for name, share in list(row["shares"].items())[:6] if share > 0.0005)
            for row in self.rows)

    def summary(self):
        """How many photos were labelled, and what was left out and why; empty for a single photo."""
        done, count = len(self.rows), len(self.rows) + len(self.skipped)
        into = f" into {printable(self.out)}." if self.out else "."
        lines = [f"{done:,} of {count_of(count, 'photo')} labelled{into}"]
        lines += left_out(self.skipped, self.others)
        return "\n".join(lines) if count > 1 or self.out or self.skipped or self.others else ""


def predict_to(model, photos, out=None):
    """What ``fashion-tf predict`` does: classifies or parses, and writes the result to `out`.

    Photos that cannot be read are left out. Whether the result may be written is checked before any work.

    Args:
        model: A folder that `save_predictor` wrote, or a `Predictor`.
        photos: Paths; a folder only by itself.
        out: A file for the table of a classifier, a folder for the masks of a parser, or None.

    Returns:
        A `Labelled`.

    Raises:
        DataError: As `predict` and `parse`; no photo can be read; `out` would replace something else.
    """
    task = model.task if isinstance(model, Predictor) else read_description(model)["task"]
    if task == "embedding":
        raise DataError(f"{model}: was saved for embedding, not to label photos: use {TASKS[task]}.")
    photos, others = named_photos(photos)
    if out is not None:
        check = check_table if task == "classification" else check_masks
        check(out, photos, None if isinstance(model, Predictor) else model)
    with waiting("loading the model"), native_messages_hidden():
        predictor = loaded(model)
    done = Labelled(task, others=others, out=None if out is None else str(out))

    def skip(path, reason):
        done.skipped.append((path, reason))

    with counted(len(photos), "labelling") as step, native_messages_hidden():
        if task == "classification":
            table = predictor.predict(photos, skip=skip, step=step)
            for image, label, probability, *each in table.itertuples(index=False, name=None):
                done.rows.append({"image": image, "label": label, "probability": probability,
                                  "probabilities": dict(zip(predictor.classes, each))})
        else:
            masks = predictor.parse(photos, out=out, skip=skip, step=step)
            skipped = {path for path, _ in done.skipped}
            for path, mask in zip((path for path in photos if path not in skipped), masks, strict=True):
                shares = np.bincount(mask.ravel(), minlength=len(predictor.classes)) / mask.size
                order = np.argsort(-shares, kind="stable")
                done.rows.append({"image": path, "mask": None if out is None else str(picture_path(path, out)),
                                  "shares": {predictor.classes[number]: float(shares[number]) for number in order}})
    if not done.rows:
        raise unreadable(done.skipped, len(photos))
    if out is not None and task == "classification":
        write_table(out, table)
    return done


def loaded(model, task=None):
    """A predictor, or the one in a folder; with a `task`, one that was saved for another is refused."""
    model = model if isinstance(model, Predictor) else load_predictor(model)
    if task is not None:
        model.need(task)
    return model
