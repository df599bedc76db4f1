"""What the readers share: text with line numbers, JSON, absent images; writing a sample's files."""

import json
import os
from pathlib import Path
from unicodedata import normalize

import numpy as np

from fashion_tf.errors import DataError

ALLOWED_ABSENT = 0.05  # a larger share of absent images is no blemish but a half-unpacked archive


def require_folder(path, what):
    """The folder as a Path.

    Args:
        path: The folder.
        what: What it should hold, for the message: "the images of DeepFashion".

    Raises:
        DataError: It is absent, or a file.
    """
    path = Path(path)
    if not path.is_dir():
        state = "is a file, not a folder" if path.exists() else "no such folder"
        raise DataError(f"{path}: {state}. It should hold {what}.")
    return path


def read_text(path):
    """The text of a UTF-8 file, without the byte-order mark that some editors put first.

    Raises:
        DataError: The file is absent or unreadable, or not UTF-8 (names the line).
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8 text. "
                        "Was the file saved in another encoding, or damaged?") from None


def read_lines(path):
    """The lines of a UTF-8 text file: line n of the file is item n - 1.

    Endings of all systems are taken off, and empty lines at the end; spaces stay. Only a line
    break ends a line (`str.splitlines` also breaks at form feeds and the like).

    Raises:
        DataError: As `read_text`.
    """
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return [] if lines == [""] else lines


def read_json(path):
    """The contents of a JSON file.

    Raises:
        DataError: As `read_text`, or the file is not JSON (names the line and column).
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}, column {error.colno}: not JSON "
                        f"({error.msg}). Is the file cut off?") from None
    except RecursionError:
        raise DataError(f"{path}: JSON nested too deeply to be an annotation file.") from None


def _plain(name):
    return name if name.isascii() and name.islower() else normalize("NFC", name).casefold()


def present(paths):
    """Whether each file is there.

    Lists every folder once instead of asking for every file, which on network drives (Colab's
    Drive, for one) is a thousand times faster.

    Args:
        paths: File paths, as strings or Paths.

    Returns:
        A boolean array of shape (files,).
    """
    listings, found = {}, np.empty(len(paths), dtype=bool)
    for row, path in enumerate(paths):
        folder, name = os.path.split(path)
        if folder not in listings:
            try:
                names = set(os.listdir(folder or "."))
            except OSError:
                names = set()
            listings[folder] = names, {_plain(name) for name in names}
        names, plain = listings[folder]
        # Some systems open a file under another spelling than the listed one (case, accents).
        found[row] = name in names or (_plain(name) in plain and os.path.exists(path))
    return found


def drop_absent(table, source, column="image", allowed=ALLOWED_ABSENT):
    """Leaves out the rows whose file is absent, and says so.

    Args:
        table: A pandas table.
        source: The list file (or folder, or dataset) that names the images, for the messages.
        column: The column that holds file paths.
        allowed: The share of absent files, in 0..1, above which this is an error.

    Returns:
        (the table without those rows, renumbered from 0; a tuple of no or one note for
        `Dataset.notes`).

    Raises:
        DataError: More than `allowed` of the files, or all of them, are absent.
    """
    found = present(table[column].to_numpy())
    absent = int((~found).sum())
    if absent == 0:
        return table, ()
    example = table[column].to_numpy()[int(np.argmin(found))]
    share = absent / len(table)
    counted = f"{absent:,} of {len(table):,} {column}s listed are absent"
    if share > allowed or absent == len(table):
        raise DataError(f"{source}: {counted} ({share:.1%}; up to {allowed:.0%} would be left "
                        f"out), the first being {example}. Is the archive unpacked completely, "
                        "and into the right folder?")
    note = f"{counted} ({share:.2%}) and left out, the first being {Path(example).name}."
    return table[found].reset_index(drop=True), (note,)


def write_text(path, text):
    """Writes UTF-8 text with plain line feeds, the same bytes on every system; makes folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def write_picture(path, image):
    """Writes a picture for a sample: JPEG or PNG by the path's ending; makes folders.

    Args:
        path: Where to.
        image: uint8, (height, width, 3) RGB or (height, width).
    """
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {} if path.suffix == ".png" else {"quality": 92, "subsampling": 0}
    Image.fromarray(image).save(path, **settings)
