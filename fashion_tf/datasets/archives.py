"""Unpacks archives from strangers: nothing leaves its folder, nothing is half written."""

import errno
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from fashion_tf.errors import DataError

# A bomb stops here, before the disk is full. The most photos in one dataset of the kit are
# DeepFashion2's 224,114: 480 kB for each.
MAXIMUM_BYTES = 100 * 2**30
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)

_Member = namedtuple("_Member", "name size kind encrypted open")  # kind: "file", "folder", "other"


def is_archive(path):
    """Whether a file's name is an archive's."""
    return Path(path).name.lower().endswith(ENDINGS)


def holds_archive(path):
    """Whether a file's content is an archive's, whatever its name."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def disk_is_full(error):
    """Whether an OSError says that nothing more can be written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def unpack(archive, folder, password=None, marks=(), maximum_bytes=MAXIMUM_BYTES):
    """Unpacks a zip or tar archive into a folder.

    Every member is checked before the first is written; all are unpacked beside their place and
    then moved, so that a damaged archive or a full disk leaves the folder as it was. A file that
    is there already is kept and not unpacked again: a second call goes on where one was stopped,
    and where nothing is left to do it needs no password.

    Args:
        archive: A .zip or .tar[.gz|.bz2|.xz] file.
        folder: Where its files go; made if need be.
        password: For an encrypted zip.
        marks: Files or folders, such as ``"styles.csv"``, that belong into `folder` itself. If the
            archive has one deeper down ("top/styles.csv"), the folders above it are left out.
        maximum_bytes: The largest sum of the members' sizes.

    Returns:
        The number of files written.

    Raises:
        DataError: The archive is absent, damaged or too large; a member's path leads out of the
            folder or is a link or a device; the password is missing or wrong; the disk is full or
            cannot be written. Names the archive and the member.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise DataError(f"{archive}: no such file.")
    unfinished = folder / f".unpacking-{archive.name}"
    opener = _open_zip if archive.name.lower().endswith(".zip") else _open_tar
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
        unfinished.mkdir()
        with opener(archive, password) as members:
            places = _places(archive, members, marks, maximum_bytes)
            absent = [(member, place) for member, place in places
                      if not os.path.lexists(folder / place)]
            _write(archive, absent, unfinished, password)
        _move(unfinished, folder)
        return len({place for _, place in absent})
    except NotImplementedError as error:
        raise DataError(f"{archive}: {error}; unpack it with another program.") from None
    except _DAMAGE as error:
        raise DataError(_damaged(archive, error)) from None
    except OSError as error:
        if disk_is_full(error):
            raise DataError(f"{archive}: the disk is full; nothing was unpacked. Free some space, "
                            "then try again.") from None
        if error.errno is None:  # what gzip and bz2 raise
            raise DataError(_damaged(archive, error)) from None
        raise DataError(f"{archive}: cannot be unpacked into {folder}: {error.strerror} "
                        f"({error.filename}).") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _damaged(archive, error):
    return f"{archive}: damaged or cut off ({error}). Remove it, then get it again."


@contextmanager
def _open_zip(archive, password):
    secret = password.encode() if password else None

    def kind(info):
        mode = stat.S_IFMT(info.external_attr >> 16)
        return "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "other"

    with zipfile.ZipFile(archive) as handle:
        yield [_Member(info.filename, info.file_size, kind(info), bool(info.flag_bits & 1),
                       lambda info=info: handle.open(info, pwd=secret))
               for info in handle.infolist()]


@contextmanager
def _open_tar(archive, _):
    def members():
        for info in handle:
            yield _Member(info.name, info.size,
                          "folder" if info.isdir() else "file" if info.isfile() else "other", False,
                          lambda info=info: handle.extractfile(info))
        while handle.fileobj.read(1 << 20):  # to the end, where gzip has its checksum
            pass

    with tarfile.open(archive) as handle:
        yield members()


def _places(archive, members, marks, maximum_bytes):
    """Checks every member; returns (member, path below the folder) for each file."""
    left, files = maximum_bytes, []
    for member in members:
        path = PurePosixPath(member.name.replace("\\", "/"))
        if (path.is_absolute() or ".." in path.parts
                or any(re.match("[A-Za-z]:", part) for part in path.parts)):  # a Windows drive
            raise DataError(f"{archive}: the member {member.name!r} leads out of the folder; "
                            "refused.")
        if member.kind == "other":
            raise DataError(f"{archive}: the member {member.name!r} is a link or a device; "
                            "refused.")
        left -= member.size
        if left < 0:
            raise DataError(f"{archive}: with the member {member.name!r} it unpacks to more than "
                            f"{maximum_bytes:,} bytes; refused.")
        if member.kind == "file" and path.parts:
            files.append((member, path))
    top = _top([path for _, path in files], [PurePosixPath(mark).parts for mark in marks])
    return [(member, path.relative_to(top) if path.is_relative_to(top) else path)
            for member, path in files]


def _top(paths, marks):
    """The shallowest folder in the archive that holds one of the marks; "." if none does."""
    found = [parts[:depth] for parts in (path.parts for path in paths) for mark in marks
             for depth in range(len(parts)) if parts[depth:depth + len(mark)] == mark]
    return PurePosixPath(*min(found, key=len, default=()))


def _write(archive, places, unfinished, password):
    from tqdm import tqdm

    total = sum(member.size for member, _ in places)
    with tqdm(total=total, desc=archive.name, unit="B", unit_scale=True, leave=False,
              disable=None) as progress:
        for member, place in places:
            target = unfinished / place
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with member.open() as source, open(target, "wb") as file:
                    _copy(source, file, member)
            except NotImplementedError as error:
                raise DataError(f"{archive}: {member.name!r}: {error}; unpack it with another "
                                "program.") from None
            except RuntimeError:  # zipfile's answer to a password
                state = "the password is wrong" if password else "needs a password (--password)"
                raise DataError(f"{archive}: {member.name!r}: {state}.") from None
            except _DAMAGE as error:
                if member.encrypted:  # the cipher lets one wrong password in 256 pass at first
                    raise DataError(f"{archive}: {member.name!r}: the password is wrong, or the "
                                    f"archive is damaged ({error}).") from None
                raise DataError(_damaged(archive, f"{member.name!r}: {error}")) from None
            progress.update(member.size)


def _copy(source, file, member):
    """Copies a member. zipfile and tarfile stop at the size it announces, which was counted; that
    it has so many bytes is checked here."""
    shutil.copyfileobj(source, file, 1 << 20)
    if file.tell() != member.size:
        raise EOFError(f"{file.tell():,} of {member.size:,} bytes")


def _move(source, folder):
    """Moves what was unpacked to its place: a whole folder at once where none is there yet."""
    for path in sorted(source.iterdir()):
        place = folder / path.name
        if path.is_dir() and place.is_dir():
            _move(path, place)
        elif os.path.lexists(place):
            raise DataError(f"{place}: is in the way of the archive's {path.name!r}; move it away.")
        else:
            path.rename(place)
