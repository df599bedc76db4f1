"""Notebook files as JSON: read, written in canonical form, and their parameters cell found.

Standard library only, so that records can be read anywhere.
"""

import ast
import json
from dataclasses import dataclass

# Colab cannot edit cell tags, so tools trust this comment; `fashion-tf lint --fix` sets the tag.
PARAMETERS_MARKER = "# Parameters"
KEY_FIGURE_TAG = "key-figure"  # figures that the report shows
INJECTED_TAG = "injected-parameters"  # papermill's copy of the cell, in an executed notebook


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its default, and the number of its line in the cell (from 1)."""

    name: str
    default: object
    line: int


def parse_notebook(content):
    """Parses an .ipynb file's bytes.

    Returns:
        The notebook as a dict; ``cells`` is a list of dicts, each with ``cell_type`` and with
        ``source`` as one string.

    Raises:
        ValueError: Not JSON, not a notebook, or NaN stands where a number belongs. One line.
    """
    def refuse(constant):
        raise ValueError(f"it holds {constant}, which is not JSON")

    try:
        notebook = json.loads(content, parse_constant=refuse)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start})") from None
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
    return notebook


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
