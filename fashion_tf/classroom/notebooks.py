"""Notebook files as JSON: read, written in canonical form, and their parameters cell found.

Standard library only, so that records can be read anywhere.
"""

import ast
import json
import re
from dataclasses import dataclass

from fashion_tf.files import read_whole

# Colab cannot edit cell tags, so tools trust this comment; `fashion-tf lint --fix` sets the tag.
PARAMETERS_MARKER = "# Parameters"
_EXERCISE = re.compile(r"# *exercise: *(\d\d\.\d{1,2})[ \t]*(?:\n|$)")
_CHECK = re.compile(r"""check\((["'])(\d\d\.\d{1,2})\1, *answer\);?""")
KEY_FIGURE_TAG = "key-figure"  # figures that the report shows
INJECTED_TAG = "injected-parameters"  # the cell that a run puts in, by the name that papermill gave it
# An executed lesson with its figures has a few megabytes. What is beyond these bounds is not read:
# a small file can hold values that fill the memory, or that end the process that looks through them.
MAXIMUM_NOTEBOOK_BYTES = 64 * 1024 * 1024
MAXIMUM_VALUES = 1_000_000
MAXIMUM_DEPTH = 100


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its default, and the number of its line in the cell (from 1)."""

    name: str
    default: object
    line: int


def read_notebook(path, links=True):
    """Reads a notebook from anybody; what `parse_notebook` returns.

    Raises:
        OSError: It cannot be read, or is no plain file.
        ValueError: It is too large, or as in `parse_notebook`.
    """
    return parse_notebook(read_whole(path, MAXIMUM_NOTEBOOK_BYTES, links))


def parse_notebook(content):
    """Parses an .ipynb file's bytes.

    Returns:
        The notebook as a dict; ``cells`` is a list of dicts, each with ``cell_type`` and with
        ``source`` as one string.

    Raises:
        ValueError: Not JSON, not a notebook, NaN stands where a number belongs, or it holds more
            values than are read. One line.
    """
    notebook = parse_json(content)
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("it has no list of cells (nbformat 4)")
    for number, cell in enumerate(notebook["cells"], 1):
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            raise ValueError(f"cell {number} is not a notebook cell")
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise ValueError(f"cell {number} has no text")
        cell["source"] = source
        if is_nested_deeper(cell, MAXIMUM_DEPTH):
            raise ValueError(f"cell {number} is nested more than {MAXIMUM_DEPTH} levels deep")
    if is_nested_deeper({name: part for name, part in notebook.items() if name != "cells"}, MAXIMUM_DEPTH):
        raise ValueError(f"its metadata are nested more than {MAXIMUM_DEPTH} levels deep")
    return notebook


def parse_json(content):
    """JSON from anybody, as bytes or text. A number that no float can hold is infinite.

    Raises:
        ValueError: Not JSON, or more values than are read. One line.
    """
    def refuse(constant):
        raise ValueError(f"it holds {constant}, which is not JSON")

    begin, end = ("{[", ",") if isinstance(content, str) else ((b"{", b"["), b",")
    values = sum(content.count(mark) for mark in (*begin, end))  # never fewer than there are
    if values > MAXIMUM_VALUES:
        raise ValueError(f"it holds up to {values:,} values; above {MAXIMUM_VALUES:,} it is not read")
    try:
        return json.loads(content, parse_constant=refuse, parse_int=_integer)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _integer(digits):
    return int(digits) if len(digits) <= 300 else float(digits)  # Python refuses to read thousands of digits


def is_nested_deeper(value, levels):
    """Whether lists and dicts stand in one another more than `levels` deep."""
    parts = [value]
    for _ in range(levels):
        parts = [one for part in parts if isinstance(part, (dict, list))
                 for one in (part.values() if isinstance(part, dict) else part)]
    return any(isinstance(part, (dict, list)) for part in parts)


def canonical_bytes(notebook):
    """The one form in which a notebook is stored: sorted keys, indent 1, text split into lines."""
    stored = {**notebook, "cells": [dict(cell) for cell in notebook["cells"]]}
    for cell in stored["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    text = json.dumps(stored, ensure_ascii=False, indent=1, sort_keys=True)
    return (text + "\n").encode("utf-8")



def cell_tags(cell):
    """A cell's tags; metadata that is not as it should be counts as none."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def is_parameters_cell(source):
    """Whether a code cell's first line is the parameters marker."""
    first, _, _ = source.lstrip().partition("\n")
    return first.rstrip(" .:").startswith(PARAMETERS_MARKER)


def exercise_marker(source):
    """The exercise that a code cell is marked to answer, by its first line ``# exercise: 22.1``; or None."""
    found = _EXERCISE.match(source.lstrip())
    return found and found[1]


def checked_exercise(source):
    """The exercise that a cell checks, where it does nothing else: ``check("22.1", answer)``; or None."""
    found = _CHECK.fullmatch(source.strip())
    return found and found[2]


def parameters(source):
    """The parameters that a parameters cell sets.

    Args:
        source: The cell's text.

    Returns:
        A list of `Parameter`, in order.

    Raises:
        ValueError: A line is anything but NAME = literal, in ALL CAPS. Names the line.
    """
    found = []
    try:
        statements = ast.parse(source).body
    except (RecursionError, MemoryError):
        raise ValueError("nested too deeply") from None
    for statement in statements:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(target, ast.Name) or len(statement.targets) > 1:
            raise ValueError(f"line {statement.lineno}: only NAME = literal may stand here")
        if target.id != target.id.upper():
            raise ValueError(f"line {statement.lineno}: {target.id} is not in ALL CAPS")
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"line {statement.lineno}: {target.id} is not set to a literal; "
                             "derive values in the next cell") from None
        found.append(Parameter(target.id, value, statement.lineno))
    return found


def parameter_names(source):
    """The names a parameters cell sets; None where the text is no parameters cell."""
    if not is_parameters_cell(source):
        return None
    try:
        return [parameter.name for parameter in parameters(source)]
    except (SyntaxError, ValueError):
        return []


def parameters_source(values):
    """The text of a cell that sets parameters, name to value, each as a Python literal."""
    return "\n".join([PARAMETERS_MARKER, *(f"{name} = {value!r}" for name, value in values.items())])


def find_parameters(notebook):
    """The position of the parameters cell and the parameters it sets.

    Returns:
        (index of the cell, list of `Parameter`).

    Raises:
        ValueError: There is not exactly one parameters cell, or it holds something else.
    """
    places = [index for index, cell in enumerate(notebook["cells"])
              if cell["cell_type"] == "code" and is_parameters_cell(cell["source"])
              and INJECTED_TAG not in cell_tags(cell)]
    if len(places) != 1:
        raise ValueError(f"{len(places)} cells begin with '{PARAMETERS_MARKER}'; a lesson has one")
    try:
        return places[0], parameters(notebook["cells"][places[0]]["source"])
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"parameters cell (number {places[0] + 1}): {error}") from None
