"""Gets a dataset: downloads, unpacks and verifies it, or says what to do by hand.

Safe to interrupt and to run again: what is there is kept, and a file is complete or absent.
"""

import os
import shutil
from pathlib import Path

from fashion_tf.datasets import reader
from fashion_tf.datasets.archives import is_archive, unpack
from fashion_tf.datasets.sources import SOURCES
from fashion_tf.errors import DataError


def fetch(name, folder=None, password=None):
    """Gets a dataset into FOLDER/name and reads it once to verify it.

    Archives that lie in FOLDER/name are unpacked there. A file that is there and has the published
    hash is not fetched again. Nothing of the user's is overwritten.

    Args:
        name: The dataset's name.
        folder: Where to put it; by default the folder that FASHION_TF_DATA names, or ``data``.
        password: For encrypted archives.

    Returns:
        A text that says what was read.

    Raises:
        DataError: No address answered, a file's hash is wrong, an archive is damaged, or the dataset
            has to be got by hand: then the message has the steps.
    """
    module, source = reader(name), SOURCES[name]
    folder = Path(folder or os.environ.get("FASHION_TF_DATA") or "data").expanduser() / name
    folder.mkdir(parents=True, exist_ok=True)
    downloaded = source.files or {}
    archived = any(is_archive(file) for file in downloaded)
    if downloaded and not (archived and _is_there(module, folder)):
        for file, known_hash in downloaded.items():
            _download(name, source, file, known_hash, folder)
    elif source.kaggle and not _is_there(module, folder) and not _archives(folder):
        _from_kaggle(name, source, folder)
    if not _is_there(module, folder):
        for archive in _archives(folder):
            strip = source.strip if archive.name in downloaded else 0
            print(f"unpacking {archive} ...", flush=True)
            print(f"{unpack(archive, folder, password, strip):,} files")
    if not _is_there(module, folder):
        raise DataError(by_hand(name, folder))
    dataset = module.read(folder)
    return "\n".join([f"{folder}: {dataset}", *dataset.notes])


def by_hand(name, folder):
    """The steps to get a dataset by hand, as a text."""
    module, source = reader(name), SOURCES[name]
    steps = [*source.steps, f"Put the files, or the archives as they are, into {folder}.",
             f"Run this again: it unpacks, reads and counts them (looked for: "
             f"{', '.join(map(str, module.FILES))})."]
    numbered = [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([f"{module.TITLE} ({source.size}; licence: {module.LICENCE}; account: "
                      f"{source.account}) has to be got by hand:", *numbered])


def _is_there(module, folder):
    return any((folder / file).exists() for file in module.FILES if not is_archive(str(file)))


def _archives(folder):
    return sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))


def _download(name, source, file, known_hash, folder):
    import pooch
    from requests.exceptions import RequestException

    failures = []
    for address in source.addresses:
        url = address + file if address.endswith("/") else address
        try:
            pooch.retrieve(url, known_hash=known_hash, fname=file, path=folder,
                           downloader=pooch.HTTPDownloader(progressbar=True, timeout=60))
            return
        except (RequestException, OSError, ValueError) as error:  # ValueError: a wrong hash
            failures.append(f"  {url}: {str(error).splitlines()[0]}")
    raise DataError("\n".join([f"{file} could not be downloaded:", *failures, by_hand(name, folder)]))


def _from_kaggle(name, source, folder):
    try:
        import kagglehub
    except ImportError:
        raise DataError(f"{by_hand(name, folder)}\nOr install kagglehub (pip install kagglehub), set "
                        "up your Kaggle token, and run this again.") from None
    try:
        found = Path(kagglehub.dataset_download(source.kaggle))
    except Exception as error:  # kagglehub has no error of its own for a missing login
        raise DataError(f"Kaggle refused {source.kaggle} ({type(error).__name__}: {error}).\n"
                        f"{by_hand(name, folder)}") from None
    for file in source.kaggle_files:
        origin = next(iter(sorted(found.rglob(file))), None)
        if origin is not None and not (folder / file).exists():
            unfinished = folder / f".{file}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            (shutil.copytree if origin.is_dir() else shutil.copy2)(origin, unfinished)
            os.replace(unfinished, folder / file)
