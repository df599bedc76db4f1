"""The report written into a folder, where it replaces an earlier report and nothing else."""

import os
import re
from pathlib import Path

from fashion_tf.classroom.report.content import build
from fashion_tf.classroom.report.figures import FIGURES
from fashion_tf.classroom.report.markdown import as_markdown
from fashion_tf.classroom.report.overview import picture
from fashion_tf.classroom.report.page import as_html
from fashion_tf.errors import RunError
from fashion_tf.files import write_atomically

MARKDOWN, PAGE, OVERVIEW = "report.md", "report.html", f"{FIGURES}/overview.svg"
MARKS = {MARKDOWN: "# What the papers say, and what ", PAGE: "<title>What the papers say, and what "}
MAXIMUM_REPORT_BYTES = 10 * 1024 * 1024


def write_report(comparison, folder):
    """Writes report.md (with figures/ beside it) and report.html into a folder.

    Cut short, say by a full disk, an earlier report there is no longer whole; the next call writes all of it.

    Args:
        comparison: A `fashion_tf.classroom.report.comparison.Comparison`.
        folder: Where to: a run's folder, or any other. It is made where there is none.

    Returns:
        (path of report.md, path of report.html). The page is self-contained.

    Raises:
        RunError: A file cannot be written, or it would replace one that no report wrote. Links are refused.
    """
    folder = Path(folder)
    overview = picture(comparison)
    markdown, page = as_markdown(comparison, OVERVIEW if overview else None), as_html(comparison)
    figures = {figure["file"]: figure["png"]
               for lesson in build(comparison)["lessons"] for figure in lesson["figures"]}
    figures |= {OVERVIEW: overview} if overview else {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = _figures_of_earlier_report(folder)
        _refuse_what_is_not_ours(folder, figures.keys() - old)
        # Wherever this is cut short, report.md names every figure that is there, and the next report replaces them.
        for name in old - figures.keys():
            if not (folder / name).is_symlink():
                (folder / name).unlink(missing_ok=True)
        write_atomically(folder / MARKDOWN, markdown)
        if figures:
            (folder / FIGURES).mkdir(exist_ok=True)
        for name, content in figures.items():
            write_atomically(folder / name, content)
        write_atomically(folder / PAGE, page)
    except OSError as error:
        raise RunError(f"{folder}: the report cannot be written: {error.strerror}.") from None
    return folder / MARKDOWN, folder / PAGE


def _figures_of_earlier_report(folder):
    """The figures that the report.md there shows: those that a report wrote, and no other file."""
    if (folder / MARKDOWN).is_symlink() or not (folder / MARKDOWN).is_file():
        return set()
    text = (folder / MARKDOWN).read_bytes()[:MAXIMUM_REPORT_BYTES].decode("utf-8", "replace")
    found = re.findall(rf"^!\[[^\n]*\]\(({FIGURES}/(?:\d\d-\d+\.png|overview\.svg))\)$", text, re.MULTILINE)
    return set(found) if text.startswith(MARKS[MARKDOWN]) else set()


def _refuse_what_is_not_ours(folder, new_figures):
    """A report replaces an earlier report, and nothing else."""
    def refuse(path, what):
        raise RunError(f"{path}: {what}, which no report wrote; remove it or report on another folder.")

    for name in (FIGURES, MARKDOWN, PAGE):
        if (folder / name).is_symlink():
            refuse(folder / name, "a link")
    if (folder / FIGURES).exists() and not (folder / FIGURES).is_dir():
        refuse(folder / FIGURES, "a file")
    for name, mark in MARKS.items():
        path = folder / name
        if path.exists():
            if not path.is_file():
                refuse(path, "a folder")
            with path.open("rb") as file:
                if mark not in file.read(4096).decode("utf-8", "replace"):
                    refuse(path, "a file")
    for name in new_figures:
        if os.path.lexists(folder / name):
            refuse(folder / name, "a file")
