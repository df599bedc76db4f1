"""Downloads: checked by size and hash, safe to interrupt and to run again."""

import os
from pathlib import Path

from fashion_tf.datasets import reader
from fashion_tf.errors import DataError


def fetch(name, folder=None):
    """Downloads a dataset into FOLDER/name and reads it once to verify it.

    Each file is written under another name, checked against its published hash, then renamed; a
    file that is there already and has the right hash is not fetched again.

    Args:
        name: The dataset's name.
        folder: Where to put it; by default the folder that FASHION_TF_DATA names, or ``data``.

    Returns:
        A line that says what was read.

    Raises:
        DataError: No address answered, or a file's hash is wrong. Says how to get it by hand.
    """
    import pooch
    from requests.exceptions import RequestException

    module = reader(name)
    folder = Path(folder or os.environ.get("FASHION_TF_DATA") or "data").expanduser() / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, checksum in module.DOWNLOADS.items():
        failures = []
        for address in module.ADDRESSES:
            try:
                pooch.retrieve(address + file, known_hash=checksum, fname=file, path=folder,
                               downloader=pooch.HTTPDownloader(progressbar=True, timeout=60))
                break
            except (RequestException, OSError, ValueError) as error:  # ValueError: a wrong hash
                failures.append(f"{address}{file}: {str(error).splitlines()[0]}")
        else:
            raise DataError("\n  ".join([
                f"{file} could not be downloaded:", *failures,
                f"Download it by hand into {folder} ({checksum}), then run this again."]))
    return f"{folder}: {module.read(folder)}"
