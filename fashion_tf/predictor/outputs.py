"""Results on disk: nothing is replaced that was not written here, and no cell of a table is a formula."""

import io
import os
from pathlib import Path
from unicodedata import normalize

import numpy as np

from fashion_tf.datasets.files import text_column
from fashion_tf.errors import DataError
from fashion_tf.files import write_atomically

TABLE_BEGINS, LABELS_BEGIN = b"image,label,probability,", b"number,label\n"
LABELS_FILE = "labels.csv"
_OURS = "fashion_tf parser"  # stands in every mask, as its software
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins to calculate


def without_formula(text):
    """Text that a spreadsheet shows and does not calculate: an apostrophe before what would be a formula. Class names
    and file names may come from strangers."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# --- before the work ---------------------------------------------------------------------------


def check_table(out, photos, model=None):
    """Raises DataError unless a table may be written to `out`: a new file, or a table that was written here; no
    photo, no link, nothing in the model's folder."""
    out = Path(out)
    if out.is_dir():
        raise DataError(f"{out}: is a folder; a classifier's answers need the name of a file, such as "
                        f"{out / 'labels.csv'}.")
    check_place(out.parent, model)
    for photo in photos:
        if out.exists() and os.path.samefile(out, photo):
            raise DataError(f"{out}: is one of the photos; choose another name for the table.")
    _check_ours(out, lambda: _begins(out, TABLE_BEGINS), "table of predictions")


def check_masks(out, photos, model=None):
    """Raises DataError unless masks of these photos may be written into the folder `out`, and their labels; see
    `check_pictures`."""
    check_pictures(out, photos, _OURS, "mask", model)
    labels = Path(out) / LABELS_FILE
    _check_ours(labels, lambda: _begins(labels, LABELS_BEGIN), "table of labels")


def check_pictures(out, photos, software, what, model=None):
    """Raises DataError unless a PNG for each of these photos may be written into the folder `out`: none has the name
    of a photo or of anything that was not written here, no two have one name.

    Args:
        out: The folder.
        photos: Paths.
        software: What stands in a PNG of this kind as its software; None: nothing does, and none is replaced.
        what: What such a PNG is, for messages.
        model: A predictor's folder, which stays as it is; or None.
    """
    out, first = Path(out), {}
    if os.path.lexists(out) and not out.is_dir():
        raise DataError(f"{out}: is a file; the {what}s need a folder.")
    check_place(out, model)
    for photo in photos:
        picture = picture_path(photo, out)
        # Many systems take A.png for a.png, and an accent of its own for a letter that has it.
        other = first.setdefault(normalize("NFC", picture.name).casefold(), photo)
        if other != photo:
            raise DataError(f"{other} and {photo}: their {what}s would have the same name; write them into two "
                            "folders.")
        if picture.exists() and picture.samefile(photo):
            raise DataError(f"{photo}: its {what} would replace it; choose another folder than {out} for the {what}s.")
    folders = {Path(photo).parent for photo in photos}
    if out.is_dir() and any(folder.is_dir() and out.samefile(folder) for folder in folders):
        raise DataError(f"{out}: holds the photos; choose another folder for the {what}s.")
    for photo in photos:
        picture = picture_path(photo, out)
        _check_ours(picture, lambda picture=picture: _is_ours(picture, software), what)


def check_place(folder, model):
    """The folder is there or can be made, and is not the predictor's own."""
    there = folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise DataError(f"{there}: is a file, and {folder} should be a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"{there}: cannot be written to (no permission).")
    if model is not None and Path(model).is_dir() and (
            Path(model).resolve() in (folder.resolve(), *folder.resolve().parents)):
        raise DataError(f"{folder}: is the model's own folder; choose another place.")


def _check_ours(path, is_ours, what):
    if path.is_symlink():
        raise DataError(f"{path}: is a link; name the file itself, or another one.")
    if os.path.lexists(path) and not (path.is_file() and is_ours()):
        raise DataError(f"{path}: is there already and is no {what} of this command; it would be replaced. Move it "
                        "away, or choose another name.")


def _begins(path, beginning):
    try:
        with open(path, "rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False


def _is_ours(path, software):
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return software is not None and picture.info.get("Software") == software
    except (OSError, SyntaxError, ValueError):
        return False


# --- after it ----------------------------------------------------------------------------------


def picture_path(photo, out):
    """Where a photo's mask, or its new picture, is written."""
    return Path(out) / f"{Path(photo).stem}.png"


def mask_png(mask, labels):
    """A mask as the bytes of a PNG file, in colours whose numbers are the labels.

    Args:
        mask: uint8 (height, width) label numbers.
        labels: How many labels there are.
    """
    from PIL import Image

    from fashion_tf.plots import label_colours

    picture = Image.fromarray(mask, mode="P")
    picture.putpalette((np.asarray(label_colours(labels)) * 255).round().astype(np.uint8).tobytes())
    return stamped_png(picture, _OURS)


def stamped_png(picture, software, profile=None):
    """A Pillow image as the bytes of a PNG file that says who made it; with an ICC profile, what its colours mean."""
    from PIL import PngImagePlugin

    content, note = io.BytesIO(), PngImagePlugin.PngInfo()
    note.add_text("Software", software)
    picture.save(content, "PNG", pnginfo=note, icc_profile=profile)
    return content.getvalue()


def write_mask(path, mask, labels):
    """Writes a mask as `mask_png` gives it."""
    write_result(path, mask_png(mask, labels))


def write_labels(out, classes):
    """Writes labels.csv: the number and the name of each label."""
    import pandas as pd

    labels = pd.DataFrame({"number": range(len(classes)), "label": [without_formula(name) for name in classes]})
    write_result(Path(out) / LABELS_FILE, labels.to_csv(index=False, lineterminator="\n").encode())


def write_table(out, table):
    """Writes a classifier's table as CSV. A file name that is no UTF-8 keeps its own bytes."""
    safe = table.rename(columns=without_formula)
    for column in ("image", "label"):
        safe[column] = text_column(map(without_formula, table[column]), table.index)
    write_result(Path(out), safe.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogateescape"))


def write_result(path, content):
    """Writes bytes to a file, whole or not at all, making its folder.

    Raises:
        DataError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None
