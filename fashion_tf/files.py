"""Files written whole, places held by one process at a time, values as plain JSON knows them, and the
versions a result came from.

Standard library only: every floor above stands on it.
"""

import errno
import glob
import math
import numbers
import os
import platform
import secrets
import shutil
import stat
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from fashion_tf.errors import FashionError

PACKAGES = ("fashion_tf", "tensorflow", "keras", "numpy", "scikit-learn", "opencv-python")


def replaced_between(text, marks, new):
    """A text with what stands between two marks replaced, each on a line of its own.

    Args:
        text: The text.
        marks: (start, end), each of which stands in it once, in this order.
        new: What is to stand between them.

    Raises:
        ValueError: The text has not one such place.
    """
    start, end = marks
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"between {start} and {end}")
    return f"{text[:text.index(start) + len(start)]}\n{new}\n{text[text.index(end):]}"


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


def read_whole(path, maximum, links=True):
    """The bytes of a file from anybody: a plain file, of a bounded size.

    Args:
        path: The file.
        maximum: Bytes; a larger file is not read.
        links: Whether a symbolic link to a plain file will do.

    Raises:
        OSError: It is absent, cannot be read, is a folder, a device or a pipe (which may never end), or a link
            where `links` is False. `strerror` says what.
        ValueError: It is larger. The message is the end of a sentence that begins with the file.
    """
    if not links and os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    # Opening a pipe would wait for a writer.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        content = file.read(maximum + 1)
    if len(content) > maximum:
        raise ValueError(f"{max(status.st_size, len(content)):,} bytes; above {maximum:,} it is not read")
    return content


@contextmanager
def whole_folder(folder, alone=False):
    """A folder that appears, or takes the place of an earlier one, only as a whole: at the end of the block,
    and not where the block raises an error.

    Args:
        folder: Where to; folders above it are made. Of a link, the folder that it leads to.
        alone: Nobody else makes it now, for the caller holds a lock: what a killed process left beside
            it is removed.

    Yields:
        The `Path` of an empty folder beside it, to write into.

    Raises:
        OSError: The folder cannot be made or replaced.
    """
    alone = alone and not os.path.islink(folder)  # the lock is beside the link, and others work beside its folder
    folder = Path(os.path.realpath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    if alone:
        for left in folder.parent.glob(f".{glob.escape(folder.name)}-????????"):  # as tempfile names them
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent,
                                     ignore_cleanup_errors=True) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        yield new
        try:
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        finally:
            if old.exists() and not folder.exists():
                old.rename(folder)


@contextmanager
def locked(path, what, error=FashionError, wait=False):
    """A block that one process at a time enters, and one thread: whoever holds `path` is alone there.

    The operating system keeps the lock, so that it ends with its process, however that dies. The lock file
    says who holds it and is removed at the end of the block. It yields whether there is a lock: not where
    the file system knows none, nor where nothing can be written, so that nothing needs one.

    Args:
        path: The lock file, such as ``folder / ".lock"``. Its folder must exist.
        what: What is held, for the message: "The folder runs".
        error: The class of the error, derived from `FashionError`.
        wait: Wait for the other process, and on a terminal say so after a second, instead of raising.

    Raises:
        FashionError: Another process or thread holds it; says which. Of the class `error`.
        OSError: The folder is absent, or `path` is one.

    Example:
        >>> with locked(folder / ".lock", f"The folder {folder}", RunError):
        ...     write_results(folder)
    """
    began = time.monotonic()
    told = False
    while True:
        file = _lock_file(path)
        if file is None:
            yield False
            return
        try:
            held = _lock(file)
            # It may have been removed between opening and locking: then it locks nothing.
            if held is None or held and _is_still(path, file):
                break
            holder = "another process"
            with suppress(OSError, UnicodeDecodeError):
                holder = Path(path).read_text(encoding="utf-8") or holder
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        if held:
            continue
        if not wait:
            raise error(f"{what} is in use by {holder}. Wait until it has ended, or choose another place.")
        if not told and time.monotonic() - began > 1:
            told = True
            if sys.stderr.isatty():  # elsewhere it would stay: in a notebook's output, say
                print(f"{what} is in use by {holder}; waiting until it has ended.", file=sys.stderr, flush=True)
        time.sleep(0.1)
    try:
        with suppress(OSError):  # such as a full disk, or a file of another user: the lock holds all the same
            os.ftruncate(file, 0)
            since = time.strftime("%Y-%m-%d %H:%M")
            os.write(file, f"process {os.getpid()} on {platform.node()}, since {since}".encode())
        yield held is True
    finally:
        if os.name == "nt":  # an open file cannot be removed there
            os.close(file)
        with suppress(OSError):
            os.unlink(path)
        if os.name != "nt":
            _unlock(file)
            os.close(file)


def _lock_file(path):
    """A descriptor of the open lock file, or None where it can be neither made nor read."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    try:
        return os.open(path, os.O_RDONLY)  # another user's; it can be locked
    except OSError:
        return None


def _lock(file):
    """Whether the lock was to be had; None where the file system knows no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # the locked byte cannot be read; the text before it can
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK) else None
    return True


def _unlock(file):
    """Closing alone would not do while a forked process has the file open too."""
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)


def _is_still(path, file):
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except OSError:
        return False


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
