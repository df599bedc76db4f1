"""Which files are photos, and how each is read: what cannot be read is named, with the reason."""

import os
from functools import partial
from pathlib import Path

from fashion_tf.datasets.files import PICTURE_ENDINGS, list_pictures, listed, present
from fashion_tf.datasets.images import read_all, read_with_size
from fashion_tf.errors import DataError
from fashion_tf.terminal import printable


def find_photos(paths):
    """The photos that are meant by a path, a list of paths, or a folder.

    Args:
        paths: A file, a list of files, or a folder: of it, in the order of their names, all files that are pictures
            by their content or by their ending. Names with a dot in front are what systems leave beside photos
            ("._coat.jpg"), and no photos.

    Returns:
        (the photos' paths as texts, the names in the folder that are no pictures).

    Raises:
        DataError: There is no photo, or one that is named is absent.
    """
    if isinstance(paths, (str, os.PathLike)):
        folder = Path(paths)
        if folder.is_dir():
            return _in_folder(folder)
        paths = [paths]
    paths = [os.fspath(path) for path in paths]
    if not paths:
        raise DataError("No photos given: give a path, a list of paths, or a folder.")
    absent = [path for path, there in zip(paths, present(paths)) if not there]
    if absent:
        raise DataError(f"{absent[0]}: no such file" + (f", and {len(absent) - 1} more."
                                                        if len(absent) > 1 else "."))
    return paths, []


def named_photos(paths):
    """The photos that a command is given, each once, by whatever path it was named: as `find_photos`, but that a list
    of one folder is that folder."""
    photos, others = find_photos(paths[0] if isinstance(paths, (list, tuple)) and len(paths) == 1 else paths)
    once = {}
    for photo in photos:
        once.setdefault(os.path.abspath(photo), photo)
    return [*once.values()], others


def _in_folder(folder):
    photos, others = set(list_pictures(folder)[0]), []
    for name in listed(folder):
        path = os.path.join(folder, name)
        if path not in photos and name.lower().endswith(PICTURE_ENDINGS) and not os.path.isdir(path):
            photos.add(path)  # it is meant to be one; reading it says what is wrong
        elif path not in photos:
            others.append(name + "/" * os.path.isdir(path))
    if not photos:
        there = f"; there is {others[0]}" if others else ""
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        raise DataError(f"{folder}: no photo in it{there}{more}.")
    return sorted(photos), others


def _read(path, size):
    """(picture, its own size), or the reason why there is none."""
    try:
        return read_with_size(path, size)
    except DataError as error:
        return reason(path, error)


def reason(path, error):
    """Why a photo cannot be read, in a few words for a list that names it."""
    if os.path.basename(path).startswith("._"):
        return "macOS's notes about a file (AppleDouble), no picture"
    return str(error).removeprefix(f"{path}: ").removesuffix(".")


def read_photos(paths, size):
    """Reads photos on all cores.

    Args:
        paths: The photos' paths.
        size: (height, width) to squeeze them to.

    Yields:
        (path, picture uint8 (height, width, 3), its own (height, width)), or (path, None, why it cannot be read).
    """
    for path, found in zip(paths, read_all(partial(_read, size=size), paths)):
        yield (path, None, found) if isinstance(found, str) else (path, *found)


def left_out(skipped, others=()):
    """Lines on what was not used and why, for a terminal.

    Args:
        skipped: (path, reason) of photos that could not be read.
        others: Names of what lay beside the photos and is none.
    """
    lines = [f"skipped {printable(path)}: {printable(reason)}" for path, reason in skipped]
    if others:
        shown = ", ".join(map(printable, others[:3])) + (", ..." if len(others) > 3 else "")
        lines.append(f"no pictures, left alone: {len(others):,} ({shown})")
    return lines


def unreadable(bad, count):
    """The error for photos that cannot be read: all of them are named, up to a page.

    Args:
        bad: A list of (path, reason).
        count: How many photos there were.
    """
    if len(bad) == 1:
        return DataError(f"{bad[0][0]}: {bad[0][1]}.")
    lines = [f"\n  {path}: {reason}" for path, reason in bad[:50]]
    more = f"\n  and {len(bad) - 50:,} more" if len(bad) > 50 else ""
    return DataError(f"{len(bad):,} of {count:,} photos cannot be read:" + "".join(lines) + more)
