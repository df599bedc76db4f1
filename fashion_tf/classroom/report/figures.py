"""Key figures out of executed notebooks, which may come from anybody: only what is a PNG picture is shown."""

import base64
import re
import struct

from fashion_tf.classroom.notebooks import KEY_FIGURE_TAG, cell_tags, read_notebook
from fashion_tf.classroom.report.text import tidy
from fashion_tf.classroom.results import NOT_RUN

FIGURES = "figures"  # the folder beside a report in Markdown
# A figure at Colab's width has some 50 kilobytes; these bounds keep the page one that opens.
MAXIMUM_FIGURE_BYTES = 5 * 1024 * 1024
MAXIMUM_FIGURE_SIDE = 10_000  # pixels: a small file can hold a picture that fills the memory
MAXIMUM_FIGURES = 20  # of one lesson


def key_figures(folder, result):
    """The key figures of a lesson's executed notebook, and notes on those that cannot be shown.

    Args:
        folder: The run's folder; None for a results file alone, which has no figures.
        result: The lesson's `fashion_tf.classroom.results.LessonResult`.

    Returns:
        (list of ``{"file", "png", "width", "height", "caption", "alt"}``, list of sentences).
    """
    if folder is None:  # a results file alone has none
        return [], []
    if result.executed is None:
        return [], [] if result.status == NOT_RUN else ["No key figures: no executed notebook."]
    path = folder / result.executed
    try:
        notebook = read_notebook(path, links=False)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return [], [f"No key figures: {result.executed} cannot be read ({reason})."]
    figures, notes, heading = [], [], None
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "markdown":
            heading = _last_heading(cell["source"]) or heading
            continue
        if KEY_FIGURE_TAG not in cell_tags(cell):
            continue
        pictures = list(_pictures(cell))
        if not pictures:
            notes.append(f"Cell {number} is a key figure and shows no picture.")
        for picture in pictures:
            try:
                if len(figures) == MAXIMUM_FIGURES:
                    raise ValueError(f"a report shows {MAXIMUM_FIGURES} of a lesson at most")
                png, width, height = _decode_png(picture)
            except ValueError as error:
                notes.append(f"A key figure of cell {number} is left out: {error}.")
                continue
            place = len(figures) + 1
            caption = heading or f"Figure {place}"
            figures.append({"file": f"{FIGURES}/{result.lesson}-{place}.png", "png": png,
                            "width": width, "height": height, "caption": caption,
                            "alt": f"Key figure {place} of lesson {result.lesson}: {caption}"})
    return figures, notes


def _last_heading(source):
    heading, fenced = None, False
    for line in source.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and re.match(r" {0,3}#{1,6}[ \t]", line):
            heading = tidy(re.sub(r"[*`]", "", line.strip().strip("#")), 200) or heading
    return heading


def _pictures(cell):
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        if isinstance(data, dict) and "image/png" in data:
            yield data["image/png"]


def _decode_png(text):
    """A notebook's image/png text as (bytes, width, height). ValueError: it is no such picture."""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    if not isinstance(text, str):
        raise ValueError("it is not text in base64")
    if len(text) > 1.5 * MAXIMUM_FIGURE_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_FIGURE_BYTES:,} bytes")
    try:
        png = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ValueError("it is not valid base64") from None
    if len(png) > MAXIMUM_FIGURE_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_FIGURE_BYTES:,} bytes")
    if not png.startswith(b"\x89PNG\r\n\x1a\n") or png[12:16] != b"IHDR" or len(png) < 45:
        raise ValueError("it is not a PNG picture")
    if png[-8:-4] != b"IEND":
        raise ValueError("the PNG picture is cut off")
    width, height = struct.unpack(">II", png[16:24])
    if not (0 < width <= MAXIMUM_FIGURE_SIDE and 0 < height <= MAXIMUM_FIGURE_SIDE):
        raise ValueError(f"it has {width:,} x {height:,} pixels")
    return png, width, height
