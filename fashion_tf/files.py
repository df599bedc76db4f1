"""Files written whole, values as plain JSON knows them, and the versions a result came from.

Standard library only: every floor above stands on it.
"""

import math
import numbers
import os
import secrets
import stat
from pathlib import Path

PACKAGES = ("fashion_tf", "tensorflow", "keras", "numpy", "scikit-learn", "opencv-python")


def write_atomically(path, content):
    """Writes beside `path`, then renames: a reader never sees half a file, and a failed write changes nothing.

    A file that was there keeps its permissions; a new one gets what the umask allows.

    Args:
        path: Where to. The folder must exist.
        content: Bytes, text (stored as UTF-8), or a function that writes into the binary file it is given.

    Raises:
        OSError: The disk is full, the folder is absent or not writable, `path` is a folder.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with open(unfinished, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
        try:
            unfinished.chmod(stat.S_IMODE(path.stat().st_mode))
        except OSError:
            pass  # there is no such file yet, or its mode cannot be had on this file system
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def json_value(value):
    """The value as plain JSON types.

    Args:
        value: None, bool, int, float, str, or lists, tuples and string-keyed dicts of these. NumPy
            scalars are taken as the number they are.

    Raises:
        ValueError: It has a part that JSON cannot hold, or is NaN or infinite. The message is the
            end of a sentence that begins with what the value is.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return json_value(value.item())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise ValueError(f"the value is {value}. A result that is not a number is no result: find "
                             "out where it comes from.")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [json_value(part) for part in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("the keys of a dict must be strings.")
        return {key: json_value(part) for key, part in value.items()}
    hint = " Use .tolist()." if hasattr(value, "tolist") else " Use float(), int() or str()."
    raise ValueError(f"a {type(value).__name__} cannot be recorded." + hint)


def versions():
    """Versions of the installed packages that shape a result, without importing them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
