"""The page's own files: photos that were sent, and answers, for minutes."""

import functools
import os
import tempfile
from pathlib import Path


@functools.cache
def _folder():
    folder = tempfile.TemporaryDirectory(prefix="fashion_tf-page-")  # removed when the process ends
    os.environ["GRADIO_TEMP_DIR"] = folder.name  # where Gradio looks for it, whenever it writes or checks a file
    return folder


def own_folder():
    """The folder of this process's pages, which this user alone can read; Gradio keeps its files there."""
    return Path(_folder().name).resolve()


def is_own(path):
    """Whether a path, from anybody, leads into that folder."""
    try:
        return Path(path).resolve().is_relative_to(own_folder())
    except (OSError, ValueError):  # a null byte, a name too long
        return False
