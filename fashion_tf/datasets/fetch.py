"""Gets a dataset: downloads, unpacks and verifies it, or says what to do by hand. Before anything is
downloaded or unpacked, its size is said, where it is known, and the free disk is checked.

Safe to interrupt and to run again: what is there is kept, and a file is complete or absent. Of two
processes that get one dataset into one folder, the second waits for the first.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fashion_tf.datasets import reader
from fashion_tf.datasets.archives import disk_is_full, holds_archive, is_archive, unpack
from fashion_tf.datasets.disk import as_size, free_space, require_space
from fashion_tf.datasets.files import is_litter
from fashion_tf.datasets.photos import PhotosFetched, fetch_photos
from fashion_tf.datasets.sources import SOURCES
from fashion_tf.errors import DataError
from fashion_tf.files import locked


@dataclass(frozen=True)
class Fetched:
    """What was got.

    Attributes:
        name: The dataset.
        folder: Where it is.
        said: What was read, a line each.
        photos: What came of its photos' addresses (`PhotosFetched`), or None where there are none.
    """

    name: str
    folder: str
    said: tuple
    photos: PhotosFetched | None

    @property
    def whole(self):
        """Whether another run would bring nothing more."""
        return self.photos is None or self.photos.whole

    def text(self):
        return "\n".join([*([self.photos.text()] if self.photos else []), *self.said])

    def as_json(self):
        return {"name": self.name, "folder": self.folder, "said": list(self.said), "whole": self.whole,
                "photos": self.photos and self.photos.as_json()}


def fetch(name, folder=None, password=None, photos=None):
    """Gets a dataset into FOLDER/name and reads it once to verify it.

    Archives that lie in FOLDER/name, or in a folder there (``Img/img.zip``), are unpacked where
    they lie. Nothing that is there is overwritten or fetched again; a file whose hash is not the
    published one is named, kept, and judged by reading it. Where a dataset is addresses of photos,
    those that the lessons want are fetched (`fashion_tf.datasets.photos.fetch_photos`).

    Args:
        name: The dataset's name.
        folder: Where to put it; by default the folder that FASHION_TF_DATA names, or ``data``.
        password: For encrypted archives.
        photos: For a dataset of addresses: how many photos to have, in equal parts of its classes;
            by default as many as the paper takes.

    Returns:
        A `Fetched`.

    Raises:
        DataError: No address answered, a file's hash is wrong, an archive is damaged, the disk is
            full or too small for what is known to come, or the dataset has to be got by hand: then
            the message has the steps.
    """
    module, source = reader(name), SOURCES[name]
    if photos is not None and not source.photos:
        raise DataError(f"{name}: comes whole; a number of photos can be chosen only of "
                        f"{', '.join(other for other, one in SOURCES.items() if one.photos)}.")
    folder = Path(folder or os.environ.get("FASHION_TF_DATA") or "data").expanduser() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made: {error.strerror}.") from None
    with locked(folder / ".lock", f"{folder}: this folder", DataError, wait=True):
        _get(name, module, source, folder, password)
        came = _get_photos(module, source, folder, photos) if source.photos else None
    dataset = module.read(folder)
    return Fetched(name, str(folder), (f"{folder}: {dataset}", *dataset.notes), came)


def _get_photos(module, source, folder, count):
    classes = module.wanted_photos(folder)
    count = source.photos if count is None else count
    if count < len(classes):
        raise DataError(f"{count} photos do not go round: there are {len(classes)} classes, and each takes an equal "
                        "part.")
    came = fetch_photos(classes, count // len(classes), folder / "dead_photos.jsonl")
    if not came.there:
        raise DataError(f"{folder}: not one photo came.\n{came.text()}")
    return came


def _get(name, module, source, folder, password):
    for level in ("*", "*/*"):  # an archive may bring others along
        for archive in _of_the_user(folder, folder.glob(level)):
            if is_archive(archive) and archive.is_file():
                _unpack(module, archive, password)
    complete = _is_there(module, folder)
    wanted = [file for file in source.files
              if not _has(folder, file) and not (complete and is_archive(file))]
    if wanted or (source.kaggle and not complete):
        _say_size(name, source, folder)
    for file, known_hash in source.files.items():
        if not is_archive(file):
            _download(name, source, file, known_hash, folder)
        elif not complete:
            _download(name, source, file, known_hash, folder)
            _unpack(module, folder / file, password)
    if source.kaggle and not complete:
        _from_kaggle(name, source, folder)
    if not _is_there(module, folder):
        raise DataError(by_hand(name, folder))


def _of_the_user(folder, paths):
    """Those of the paths in a folder, in order, that no system left there: __MACOSX/._img.zip is no archive."""
    return sorted(path for path in paths if not any(map(is_litter, path.relative_to(folder).parts)))


def _say_size(name, source, folder):
    """Prints the size of what comes, and what is free; refuses where that is too little."""
    try:
        free = f"; {as_size(free_space(folder))} are free in {folder}"
    except OSError:
        free = ""
    print(f"{name}: {source.size}{free}", flush=True)
    if source.disk:
        require_space(folder, source.disk, "what is downloaded and unpacked")


def _has(folder, file):
    return (folder / file).exists() or (folder / file.removesuffix(".gz")).exists()


def by_hand(name, folder):
    """The steps to get a dataset by hand, as a text."""
    module, source = reader(name), SOURCES[name]
    then = f"fetches {source.photos:,} photos by their addresses (--photos takes another number), "
    steps = [*source.steps, f"Put the files, or the archives as they are, into {folder}.",
             f"Run this again: it unpacks them, {then if source.photos else ''}reads and counts them (looked for: "
             f"{', '.join(map(str, module.FILES))})."]
    numbered = [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([f"{module.TITLE}: has to be got by hand.",
                      f"  {source.size}; licence: {module.LICENCE}; account: {source.account}", *numbered])


def _is_there(module, folder):
    return any((folder / file).exists() for file in module.FILES)


def _unpack(module, archive, password):
    print(f"unpacking {archive} ...", flush=True)
    count = unpack(archive, archive.parent, password, module.FILES)
    print(f"{count:,} files" if count else "unpacked already")


def _download(name, source, file, known_hash, folder):
    import pooch
    from requests.exceptions import RequestException

    place = folder / file
    if _has(folder, file):
        if place.exists() and known_hash and not _has_hash(place, known_hash):
            print(f"{place}: is there with another hash than the published one; it is kept. Remove "
                  "it to have the published file.")
        return

    unfinished = folder / f".{file}.part"  # one left by a process that was killed is written over
    failures = []
    for address in source.addresses:
        url = address + file if address.endswith("/") else address
        if size := _announced(url):
            print(f"{file}: {as_size(size)}", flush=True)
            require_space(folder, size, file)
        try:
            pooch.HTTPDownloader(progressbar=True, timeout=60)(url, str(unfinished), None)
            if known_hash and not _has_hash(unfinished, known_hash):
                raise ValueError("what was sent has another hash than the published one")
            if is_archive(file) and not holds_archive(unfinished):
                raise ValueError("what was sent is no archive, or a part of one")
            os.replace(unfinished, place)
        except (RequestException, OSError, ValueError) as error:
            if isinstance(error, OSError) and disk_is_full(error):
                raise DataError(f"{place}: the disk is full; nothing was kept. Free some space, "
                                "then try again.") from None
            reason = str(error).strip() or type(error).__name__
            failures.append(f"  {url}: {reason.splitlines()[0]}")
        else:
            if not known_hash and url.startswith("http:"):
                print(f"{place}: came over plain http, and no hash of it is published: nothing shows that it is "
                      "what its authors put there. It is read as a stranger's file.")
            return
        finally:
            unfinished.unlink(missing_ok=True)
    raise DataError("\n".join([f"{file} could not be downloaded:", *failures,
                               by_hand(name, folder)]))


def _announced(url):
    """The size that a server announces for an address; 0 where it does not say."""
    import requests

    try:
        answer = requests.head(url, allow_redirects=True, timeout=10)
        return max(int(answer.headers.get("content-length", 0)), 0) if answer.ok else 0
    except (requests.RequestException, ValueError):
        return 0  # whether it can be had at all, the download tells


def _has_hash(path, known_hash):
    import pooch

    algorithm, _, value = known_hash.partition(":")
    return pooch.file_hash(str(path), alg=algorithm) == value


def _from_kaggle(name, source, folder):
    try:
        import kagglehub
    except ImportError:
        raise DataError(f"{by_hand(name, folder)}\nOr install kagglehub (pip install -e '.[kaggle]'), "
                        "set up your Kaggle token, and run this again.") from None
    try:
        found = Path(kagglehub.dataset_download(source.kaggle))
    except Exception as error:  # kagglehub has no error of its own for a missing login
        raise DataError(f"{source.kaggle} could not be got from Kaggle ({type(error).__name__}: "
                        f"{error}).\n{by_hand(name, folder)}") from None
    for file in source.kaggle_files:
        origin = next(iter(_of_the_user(found, found.rglob(file))), None)
        if origin is None:
            raise DataError(f"{found}: Kaggle's {source.kaggle} holds no {file!r}.\n"
                            f"{by_hand(name, folder)}")
        if not (folder / file).exists():
            require_space(folder, _size_of(origin), f"the copy of Kaggle's {file}")
            _copy(origin, folder / file)


def _size_of(path):
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def _copy(origin, place):
    """Copies a file or folder; it is complete or absent."""
    unfinished = place.with_name(f".{place.name}.part")
    try:
        if origin.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
            shutil.copytree(origin, unfinished, copy_function=shutil.copyfile)  # with the umask's modes
        else:
            shutil.copyfile(origin, unfinished)
        os.replace(unfinished, place)
    except OSError as error:
        # copytree tries every file, then raises the list of (from, to, reason).
        reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
        raise DataError(f"{place}: could not be copied from {origin}: {reason}. Nothing was "
                        "kept.") from None
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
