"""Unpacks archives from strangers: nothing leaves its folder, nothing is half written."""

import errno
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from fashion_tf.errors import DataError

# DeepFashion's photos unpack to about 15 GB; a bomb stops here, before the disk is full.
MAXIMUM_BYTES = 100 * 2**30
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(path):
    """Whether a file's name is an archive's."""
    return Path(path).name.lower().endswith(ENDINGS)


def unpack(archive, folder, password=None, strip=0, maximum_bytes=MAXIMUM_BYTES):
    """Unpacks a zip or tar archive into a folder.

    Everything is unpacked beside its place first and then moved, so that an interruption, a damaged
    archive or a full disk leaves the folder as it was. A file that is there already is kept.

    Args:
        archive: A .zip or .tar[.gz|.bz2|.xz] file.
        folder: Where its files go; made if need be.
        password: For an encrypted zip.
        strip: How many leading folders of the members' paths to leave out.
        maximum_bytes: The largest sum of the members' sizes.

    Returns:
        The number of files written.

    Raises:
        DataError: The archive is absent, damaged or too large; a member's path leads out of the
            folder or is a link or a device; the password is missing or wrong; the disk is full.
            Names the archive and the member.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    try:
        opener = _open_zip if archive.name.lower().endswith(".zip") else _open_tar
        with opener(archive, password) as members:
            _write(archive, members, unfinished, strip, maximum_bytes)
        return _move(unfinished, folder)
    except FileNotFoundError as error:
        raise DataError(f"{archive}: {error.strerror or 'no such file'}.") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"{archive}: the disk is full; nothing was unpacked. Free some space, "
                            "then try again.") from None
        raise DataError(f"{archive}: damaged ({error}). Download it again.") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: damaged or cut off ({error}). Download it again.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _Members:
    """An open archive's members: (name, size, kind "file", "folder" or "other", opener)."""

    def __init__(self, handle, members):
        self.handle, self.members = handle, members

    def __enter__(self):
        return self.members

    def __exit__(self, *_):
        self.handle.close()


def _open_zip(archive, password):
    handle = zipfile.ZipFile(archive)
    secret = password.encode() if password else None

    def opener(info):
        def open_member():
            try:
                return handle.open(info, pwd=secret)
            except RuntimeError as error:
                if "password" not in str(error).lower():
                    raise DataError(f"{archive}: {info.filename}: {error}.") from None
                state = "the password is wrong" if secret else "needs a password (--password)"
                raise DataError(f"{archive}: {state}.") from None
            except NotImplementedError as error:
                raise DataError(f"{archive}: {info.filename}: {error}; unpack it with another "
                                "program.") from None
        return open_member

    def kind(info):
        mode = stat.S_IFMT(info.external_attr >> 16)
        return "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "other"

    return _Members(handle, [(info.filename, info.file_size, kind(info), opener(info))
                             for info in handle.infolist()])


def _open_tar(archive, _):
    handle = tarfile.open(archive)  # noqa: SIM115 (closed by _Members)
    return _Members(handle, (
        (info.name, info.size, "folder" if info.isdir() else "file" if info.isfile() else "other",
         lambda info=info: handle.extractfile(info)) for info in handle))


def _write(archive, members, unfinished, strip, maximum_bytes):
    from tqdm import tqdm

    left = maximum_bytes
    for name, size, kind, open_member in tqdm(members, desc=archive.name, unit=" files", leave=False,
                                              disable=None):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
            raise DataError(f"{archive}: the member {name!r} leads out of the folder; refused.")
        if kind == "other":
            raise DataError(f"{archive}: the member {name!r} is a link or a device; refused.")
        left -= size
        if left < 0:
            raise DataError(f"{archive}: unpacks to more than {maximum_bytes:,} bytes; refused.")
        parts = path.parts[strip:]
        if kind == "folder" or not parts:
            continue
        target = unfinished.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as source, open(target, "wb") as file:
            _copy(source, file, size, archive, name)


def _copy(source, file, size, archive, name):
    """Copies exactly what the member announces: a size that lies must not fill the disk."""
    written = 0
    while chunk := source.read(1 << 20):
        written += len(chunk)
        if written > size:
            raise DataError(f"{archive}: {name!r} is longer than announced; refused.")
        file.write(chunk)


def _move(unfinished, folder):
    """Moves every unpacked file to its place; one that is there already stays. Returns the count."""
    count = 0
    for path in sorted(unfinished.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(unfinished)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.replace(path, target)
                count += 1
    return count
