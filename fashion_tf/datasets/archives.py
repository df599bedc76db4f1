"""Unpacks archives from strangers: nothing leaves its folder, nothing is half written."""

import bz2
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import namedtuple
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from fashion_tf.datasets.disk import require_space
from fashion_tf.errors import DataError
from fashion_tf.files import locked

# A bomb stops here, before the disk is full. The most photos in one dataset of the kit are
# DeepFashion2's 224,114: 480 kB for each.
MAXIMUM_BYTES = 100 * 2**30
MAXIMUM_MEMBERS = 1_000_000
# And before, where a small archive announces much. gzip and zip pack a run of zeros 1,032 to 1, and no
# photos so well as this; the smallest file of all takes this many bytes of an archive.
BYTES_FOR_EACH, BYTES_FOR_A_MEMBER = 1_100, 16
MAXIMUM_NAME = 1_000  # characters of a member's path
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}  # what a file begins with
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError,
           OverflowError, IndexError, RecursionError)

_Member = namedtuple("_Member", "name size kind encrypted open")  # kind: "file", "folder", "other"


def is_archive(path):
    """Whether a file's name is an archive's."""
    return Path(path).name.lower().endswith(ENDINGS)


def holds_archive(path):
    """Whether a file's content is a whole archive's, whatever its name. Nothing is written.

    A plain tar that was cut off between two members counts as whole, as tarfile has it; a packed one has an end.
    """
    if zipfile.is_zipfile(path):  # its table stands at the end
        return True
    try:
        with _open_tar(path, None) as members:
            with suppress(DataError):  # whatever of it is refused, unpacking says
                _places(path, members, (), MAXIMUM_BYTES)
            return True
    except (DataError, OSError, *_DAMAGE):
        return False


def disk_is_full(error):
    """Whether an OSError says that nothing more can be written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def unpack(archive, folder, password=None, marks=(), maximum_bytes=MAXIMUM_BYTES):
    """Unpacks a zip or tar archive into a folder.

    Every member is checked before the first is written; all are unpacked beside their place and
    then moved, so that a damaged archive or a full disk leaves the folder as it was. A file that
    is there already is kept and not unpacked again: a second call goes on where one was stopped,
    and where nothing is left to do it needs no password. Of two calls at once, one waits for the other.

    Args:
        archive: A .zip or .tar[.gz|.bz2|.xz] file.
        folder: Where its files go; made if need be.
        password: For an encrypted zip.
        marks: Files or folders, such as ``"styles.csv"``, that belong into `folder` itself. If the
            archive has one deeper down ("top/styles.csv"), the folders above it are left out.
        maximum_bytes: The largest sum of the members' sizes. It may also be no more than 1,100 times
            the archive's own size (and a megabyte), with no more than a member for each 16 bytes of it
            (and a thousand).

    Returns:
        The number of files written.

    Raises:
        DataError: The archive is absent, damaged or too large; a member's path leads out of the
            folder or is a link or a device; the password is missing or wrong; the disk is full, has too
            little space for what would be unpacked, or cannot be written. Names the archive and the member.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise DataError(f"{archive}: no such file.")
    unfinished = folder / f".unpacking-{archive.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{unfinished.name}.lock", f"{archive}: this archive", DataError, wait=True):
            try:
                shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
                unfinished.mkdir()
                return _unpack(archive, folder, unfinished, password, marks, maximum_bytes)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
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


def _unpack(archive, folder, unfinished, password, marks, maximum_bytes):
    opener = _open_zip if archive.name.lower().endswith(".zip") else _open_tar
    with opener(archive, password) as members:
        places = _places(archive, members, marks, maximum_bytes)
        absent = [(member, place) for member, place in places if not os.path.lexists(folder / place)]
        needed = sum(member.size for member, _ in absent)
        require_space(folder, needed, f"the archive {archive.name}, unpacked,")
        _write(archive, absent, needed, unfinished, password)
    _move(unfinished, folder)
    return len({place for _, place in absent})


def _damaged(archive, error):
    return f"{archive}: damaged or cut off ({error}). Remove it, then get it again."


@contextmanager
def _open_zip(archive, password):
    secret = password.encode() if password else None

    def kind(info):
        mode = stat.S_IFMT(info.external_attr >> 16)
        return "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "other"

    with zipfile.ZipFile(archive) as handle:
        yield [_Member(_zip_name(info), info.file_size, kind(info), bool(info.flag_bits & 1),
                       lambda info=info: handle.open(info, pwd=secret))
               for info in handle.infolist()]


def _zip_name(info):
    """A member's name. macOS writes UTF-8 without the flag that says so, which zipfile takes for code page 437."""
    if not info.flag_bits & 0x800:
        try:
            return info.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return info.filename


@contextmanager
def _open_tar(archive, _):
    def members():
        for info in handle:
            yield _Member(info.name, info.size,
                          "folder" if info.isdir() else "file" if info.isfile() else "other", False,
                          lambda info=info: handle.extractfile(info))
        while handle.fileobj.read(1 << 20):  # to the end, where gzip has its checksum
            pass

    with open(archive, "rb") as packed:
        head = packed.read(6)
    opened = next((opener for start, opener in _PACKED.items() if head.startswith(start)), open)
    with opened(archive, "rb") as file, tarfile.open(fileobj=_Bounded(archive, file), mode="r:") as handle:
        yield members()


class _Bounded:
    """An archive's unpacked bytes, for tarfile, which trusts what they announce: no further than the
    archive's own size allows, and no more at once than photos and names need."""

    AT_ONCE = 1 << 20

    def __init__(self, archive, file):
        self.archive, self.file, self.limit = archive, file, _limit(archive)

    def read(self, count):
        if not 0 <= count <= self.AT_ONCE:
            raise DataError(f"{self.archive}: a name or header of {count:,} bytes; refused.")
        content = self.file.read(count)
        self._check(self.file.tell())
        return content

    def seek(self, place):
        self._check(place)
        return self.file.seek(place)

    def tell(self):
        return self.file.tell()

    def _check(self, place):
        if place > self.limit:
            raise DataError(f"{self.archive}: {self.archive.stat().st_size:,} bytes that unpack to more than "
                            f"{self.limit:,}; refused.")


def _limit(archive):
    return (1 << 20) + BYTES_FOR_EACH * archive.stat().st_size


def _places(archive, members, marks, maximum_bytes):
    """Checks every member; returns (member, path below the folder) for each file."""
    left, files = min(maximum_bytes, _limit(archive)), []
    most = min(MAXIMUM_MEMBERS, 1_000 + archive.stat().st_size // BYTES_FOR_A_MEMBER)
    for number, member in enumerate(members, 1):
        if number > most:
            raise DataError(f"{archive}: has more than {most:,} members, the most for its size; refused.")
        if len(member.name) > MAXIMUM_NAME:
            raise DataError(f"{archive}: a member's name has {len(member.name):,} characters, more than "
                            f"{MAXIMUM_NAME:,} ({member.name[:40]!r}...); refused.")
        if member.size < 0:
            raise DataError(f"{archive}: the member {member.name!r} announces a size of {member.size:,}; refused.")
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
                            f"{min(maximum_bytes, _limit(archive)):,} bytes; refused.")
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


def _write(archive, places, total, unfinished, password):
    from tqdm import tqdm

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
                state = "the password is wrong" if password else "needs a password (--password asks for it)"
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
