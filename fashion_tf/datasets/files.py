"""What the readers share: text with line numbers, JSON, what lies in a folder, absent images; a sample's files."""

import json
import os
import re
import stat
from pathlib import Path
from unicodedata import normalize

import numpy as np

from fashion_tf.errors import DataError

ALLOWED_ABSENT = 0.05  # a larger share of absent images is no blemish but a half-unpacked archive
MAXIMUM_TEXT = 2 << 30  # bytes; the longest list of a dataset that is read whole has 0.4 GB
MAXIMUM_DIGITS = 18  # of a whole number in a list: what 64 bits hold
PICTURE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff",
                   ".heic", ".heif")  # fmt: skip
# What systems leave beside a user's files; names that begin with a dot (._0001.mat, .DS_Store) belong to it, too.
LITTER = ("thumbs.db", "desktop.ini", "@eadir", "__macosx")
_LEADS_OUT = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]|\0")


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


def read_text(path, maximum=MAXIMUM_TEXT):
    """The text of a UTF-8 file, without the byte-order mark that some editors put first.

    Raises:
        DataError: The file is absent, unreadable, no file or larger than `maximum` bytes, or not
            UTF-8 (names the line).
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: cannot be read: {'a folder' if path.is_dir() else 'something else'} stands "
                            "where a file of this name belongs.")
        if status.st_size > maximum:
            raise DataError(f"{path}: {status.st_size:,} bytes; files of this kind above {maximum:,} bytes are "
                            "refused.")
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


def read_json(path, maximum=MAXIMUM_TEXT):
    """The contents of a JSON file.

    Raises:
        DataError: As `read_text`, or the file is not JSON (names the line and column), nested too
            deeply, or holds a number of thousands of digits.
    """
    try:
        return json.loads(read_text(path, maximum))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}, column {error.colno}: not JSON "
                        f"({error.msg}). Is the file cut off?") from None
    except RecursionError:
        raise DataError(f"{path}: JSON nested too deeply to be an annotation file.") from None
    except ValueError:  # Python's own bound, 4,300 digits
        raise DataError(f"{path}: holds a number of thousands of digits; no annotation has one.") from None


def is_whole_number(text):
    """Whether a field of a list is a whole number, not negative, that 64 bits hold."""
    return text.isascii() and text.isdecimal() and len(text) <= MAXIMUM_DIGITS


def leads_out(name):
    """Whether a name in a list is no plain path below the list's folder: it has "..", or begins at the root."""
    return _LEADS_OUT.search(name) is not None


def is_litter(name):
    """Whether a file's or folder's name is one that systems leave beside a user's files."""
    return name.startswith(".") or name.casefold() in LITTER


def listed(folder):
    """The names in a folder, in order, without what systems leave there.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        return sorted(name for name in os.listdir(folder) if not is_litter(name))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}).") from None


def listed_by_stem(folder, endings):
    """The files of a folder whose names end as they should, in any case of letters.

    Args:
        folder: The folder.
        endings: Lower case, each with its dot.

    Returns:
        (stem -> name, in the order of the names; the names of all others, without litter).

    Raises:
        DataError: The folder cannot be listed, or two files differ only in their endings.
    """
    names, others = {}, []
    for name in listed(folder):
        stem, ending = os.path.splitext(name)
        if ending.lower() not in endings:
            others.append(name)
        elif stem in names:
            raise DataError(f"{Path(folder) / name}: differs from {names[stem]} only in its ending, and which of "
                            "the two is meant cannot be told. Remove one.")
        else:
            names[stem] = name
    return names, others


def list_pictures(folder):
    """The pictures in a folder, told by their first bytes, whatever their names.

    Returns:
        (paths as text, in the order of their names; a sentence for each other file: its name and why
        it is no picture). What systems leave there, and folders, are not counted.

    Raises:
        DataError: The folder cannot be listed.
    """
    from fashion_tf.datasets.encoded import picture_kind

    paths, skipped = [], []
    for name in listed(folder):
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode):
                skipped.append(f"{shown(name)}: not a file")
                continue
            if re.search(r"#[0-9]+$", name):
                skipped.append(f"{shown(name)}: its end stands for a picture within a file; rename it")
                continue
            with open(path, "rb") as file:
                head = file.read(64)
        except OSError as error:
            skipped.append(f"{shown(name)}: cannot be read ({error.strerror})")
            continue
        if picture_kind(head) is not None:
            paths.append(path)
        else:
            skipped.append(f"{shown(name)}: " + ("empty (0 bytes)" if not head else
                                                 f"no picture by its content (it begins with {head[:8]!r})"))
    return paths, skipped


def shown(name):
    """A file's name as it can be printed: bytes that are no UTF-8, and control characters, as escapes."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(name))


def _plain(name):
    return name if name.isascii() and name.islower() else normalize("NFC", name).casefold()


def check_inside(path, root):
    """Refuses a path that links lead out of a dataset's folder.

    Args:
        path: A file or folder.
        root: The dataset's folder, as `os.path.realpath` has it.

    Raises:
        DataError: It is elsewhere.
    """
    real = os.path.realpath(path)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise DataError(f"{path}: leads out of the dataset's folder {root}. Put the files themselves there, or let the "
                        "whole folder be the link.")


class _Listings:
    """What lies in the folders of many paths, each listed once instead of asked for every file, which on
    network drives (Colab's Drive, for one) is a thousand times faster.
    """

    def __init__(self, root=None):
        self._root = None if root is None else os.path.realpath(root)
        self._folders, self._stems = {}, {}

    def has(self, path):
        """Whether the file is there."""
        folder, name = os.path.split(path)
        names, plain = self._folder(folder)
        if names.get(name):  # a link
            self._check(path)
        # Some systems open a file under another spelling than the listed one (case, accents).
        return name in names or (_plain(name) in plain and os.path.exists(path))

    def find(self, path):
        """Where the file is: `path`, or the same with another ending; None where it is absent."""
        if self.has(path):
            return path
        folder, name = os.path.split(path)
        found = self._other_endings(folder).get(os.path.splitext(name)[0], ())
        if len(found) > 1:
            raise DataError(f"{path}: absent, and which of {', '.join(found)} is meant cannot be told. Remove all "
                            "but one.")
        return self.find(os.path.join(folder, found[0])) if found else None

    def _folder(self, folder):
        if folder not in self._folders:
            try:
                with os.scandir(folder or ".") as entries:
                    names = {entry.name: entry.is_symlink() for entry in entries}
            except (OSError, ValueError):  # ValueError: a name with a null byte
                names = {}
            if names:
                self._check(folder or ".")
            self._folders[folder] = names, {_plain(name) for name in names}
        return self._folders[folder]

    def _other_endings(self, folder):
        if folder not in self._stems:
            stems = self._stems[folder] = {}
            for name in sorted(self._folder(folder)[0]):
                stem, ending = os.path.splitext(name)
                if ending.lower() in PICTURE_ENDINGS and not is_litter(name):
                    stems.setdefault(stem, []).append(name)
        return self._stems[folder]

    def _check(self, path):
        if self._root is not None:
            check_inside(path, self._root)


def present(paths):
    """Whether each file is there.

    Args:
        paths: File paths, as strings or Paths.

    Returns:
        A boolean array of shape (files,).
    """
    listings = _Listings()
    return np.array([listings.has(os.fspath(path)) for path in paths], dtype=bool)


def picture_at(path):
    """The path of a picture, or of the only one beside it that differs in the ending; `path` where there is none.

    Raises:
        DataError: Several differ in the ending only.
    """
    path = os.fspath(path)
    return path if os.path.exists(path) else _Listings().find(path) or path


def drop_absent(table, source, root, column="image", allowed=ALLOWED_ABSENT):
    """Leaves out the rows whose file is absent, and says so.

    A picture that is there with another ending only (a.JPG or a.png for a.jpg) is taken, and that said.

    Args:
        table: A pandas table.
        source: The list file (or folder, or dataset) that names the images, for the messages.
        root: The dataset's folder: links must not lead out of it.
        column: The column that holds file paths.
        allowed: The share of absent files, in 0..1, above which this is an error.

    Returns:
        (the table without those rows, renumbered from 0; a tuple of notes for `Dataset.notes`).

    Raises:
        DataError: More than `allowed` of the files, or all of them, are absent; a link leads out of
            `root`; or several files beside an absent one differ from it in the ending only.
    """
    listings = _Listings(root)
    paths = table[column].tolist()
    places = [listings.find(path) for path in paths]
    found = np.array([place is not None for place in places], dtype=bool)
    absent, notes = int((~found).sum()), ()
    if absent:
        example = paths[int(np.argmin(found))]
        share = absent / len(table)
        counted = f"{absent:,} of {len(table):,} {column}s listed are absent"
        if share > allowed or absent == len(table):
            raise DataError(f"{source}: {counted} ({share:.1%}; up to {allowed:.0%} would be left "
                            f"out), the first being {example}. Is the archive unpacked completely, "
                            "and into the right folder?")
        notes += (f"{counted} ({share:.2%}) and left out, the first being {shown(Path(example).name)}.",)
    other = [row for row, (path, place) in enumerate(zip(paths, places)) if place not in (None, path)]
    if other:
        notes += (f"{len(other):,} {column}s have another ending than listed and are taken, the first being "
                  f"{shown(Path(places[other[0]]).name)}.",)
        table = table.assign(**{column: text_column(places, table.index)})
    return (table[found].reset_index(drop=True) if absent else table), notes


def text_column(values, index=None):
    """A column of texts as a table takes them: pandas' own kind of text refuses names that are no UTF-8."""
    import pandas as pd

    return pd.Series(list(values), dtype=object, index=index)


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
