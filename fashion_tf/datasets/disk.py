"""How much is free on a disk, before something is put there."""

import shutil
from pathlib import Path

from fashion_tf.errors import DataError


def as_size(count):
    """Bytes as a text: 30.6 MB.

    Example:
        >>> as_size(30_610_837)
        '30.6 MB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count} bytes"


def free_space(folder):
    """The bytes that can still be written where a folder is, or is going to be.

    Raises:
        OSError: It cannot be told.
    """
    folder = Path(folder).absolute()
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def require_space(folder, count, what):
    """Checks that so many bytes are free where a folder is.

    Args:
        folder: The folder.
        count: Bytes.
        what: What needs them, for the message: "the archive a.zip, unpacked,".

    Raises:
        DataError: They are not. Where the system does not tell, nothing is raised.
    """
    try:
        free = free_space(folder)
    except OSError:
        return
    if count > free:
        raise DataError(f"{folder}: {what} needs {as_size(count)} of disk, and {as_size(free)} are free. Free some "
                        "space, or choose another place.")
