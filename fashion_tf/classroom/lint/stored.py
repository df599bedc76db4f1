"""The form in which a notebook is stored (N00 to N07), and a notebook brought into it."""

import copy
import hashlib
import re

from fashion_tf.classroom.lint.exercises import nbgrader_metadata
from fashion_tf.classroom.lint.rules import RULES, Page, check_page, rule
from fashion_tf.classroom.notebooks import canonical_bytes, cell_tags, checked_exercise, find_parameters

PARAMETERS_TAG = "parameters"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
NOTEBOOK_FIELDS = {"cells", "metadata", "nbformat", "nbformat_minor"}
CELL_FIELDS = {"code": {"execution_count", "outputs"}, "markdown": {"attachments"}}

_TITLED = re.compile(r"#\s*@title\b")
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def canonical(notebook):
    """The notebook in the form that is committed: what the form rules (N02 to N06) ask.

    Args:
        notebook: What `fashion_tf.classroom.notebooks.parse_notebook` returned. It is not changed.

    Returns:
        A new notebook, without outputs and execution counts, with valid unique cell ids, the
        metadata that the course uses (tags are kept), and the parameters cell tagged. Equal
        notebooks have equal ``canonical_bytes``.
    """
    page = Page(None, None, None, copy.deepcopy(notebook))
    check_page(page, [rule for rule in RULES if "N02" <= rule.code <= "N06"], fix=True)
    return page.notebook


@rule("N00")
def _can_be_read(page):
    """The file is a notebook (JSON, nbformat 4); one that is not is left alone."""
    return ()  # a page exists only for a file that was read: _lint_file reports the others


@rule("N01")
def _is_listed(page):
    """notebooks/ and course.yml name the same lessons; a solution belongs to a lesson."""
    if page.is_solution:
        if page.path.name[:2] not in {lesson.id for lesson in page.course.lessons}:
            yield None, "no lesson of course.yml has this solution's number"
    elif page.lesson is None:
        yield None, "course.yml does not list this notebook; add it there, or remove the notebook"


@rule("N02", fixes=True)
def _canonical_form(page):
    """Stored as nbformat 4.5: sorted keys, indent 1, UTF-8, line feeds, one at the end."""
    form = {**page.notebook, "nbformat": 4, "nbformat_minor": 5, "cells": [
        {**cell, "source": re.sub(r"\r\n?", "\n", cell["source"])} for cell in page.cells]}

    def mend():
        page.notebook.update(nbformat=4, nbformat_minor=5)
        for cell, formed in zip(page.cells, form["cells"]):
            cell["source"] = formed["source"]

    if page.content != canonical_bytes(form):
        yield None, "not in the stored form (sorted keys, indent 1, nbformat 4.5)", mend


@rule("N03", fixes=True)
def _no_outputs(page):
    """No outputs and no execution counts."""
    for number, cell in page.code():
        if cell.get("outputs") != [] or cell.get("execution_count", 0) is not None:
            yield (number, "has outputs or an execution count; clear them",
                   lambda cell=cell: cell.update(outputs=[], execution_count=None))


@rule("N04", fixes=True)
def _cell_ids(page):
    """Every cell has an id of its own (1 to 64 letters, digits, - and _)."""
    taken = {cell["id"] for cell in page.cells if _is_cell_id(cell.get("id"))}
    seen = set()
    for number, cell in enumerate(page.cells, 1):
        identity = cell.get("id") if _is_cell_id(cell.get("id")) else None
        if identity and identity not in seen:
            seen.add(identity)
            continue
        new = _new_cell_id(cell, taken)
        taken.add(new)
        message = f"has the id {identity} of another" if identity in seen else "has no valid id"
        yield number, message, lambda cell=cell, new=new: cell.update(id=new)


def _is_cell_id(value):
    return isinstance(value, str) and _CELL_ID.fullmatch(value) is not None


def _new_cell_id(cell, taken):
    """From the text, so that mending twice gives the same; Colab keeps ids in the metadata."""
    kept = _metadata(cell).get("id")
    if _is_cell_id(kept) and kept not in taken:
        return kept
    identity = hashlib.sha256(cell["source"].encode("utf-8")).hexdigest()[:8]
    repeat = 1
    while (new := identity if repeat == 1 else f"{identity}-{repeat}") in taken:
        repeat += 1
    return new


@rule("N05", fixes=True)
def _known_metadata(page):
    """Metadata: kernel python3, accelerator; of cells the tags, form view for `# @title`, nbgrader's for `check`."""
    whole = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    accelerator = _metadata(page.notebook).get("accelerator")
    if isinstance(accelerator, str):
        whole["accelerator"] = accelerator
    if page.notebook.get("metadata") != whole or page.notebook.keys() - NOTEBOOK_FIELDS:
        yield (None, "the notebook's metadata is not what the course keeps (kernel python3)",
               lambda: _keep(page.notebook, NOTEBOOK_FIELDS, whole))
    for number, cell in enumerate(page.cells, 1):
        kept = {}
        if tags := list(dict.fromkeys(cell_tags(cell))):
            kept["tags"] = tags
        if cell["cell_type"] == "code" and _TITLED.match(cell["source"]):
            kept["cellView"] = "form"
        if cell["cell_type"] == "code" and (exercise := checked_exercise(cell["source"])):
            kept["nbgrader"] = nbgrader_metadata(exercise)
        fields = {"cell_type", "id", "metadata", "source", *CELL_FIELDS.get(cell["cell_type"], ())}
        if cell.get("metadata") != kept or cell.keys() - fields:
            yield (number, "has other metadata than its tags, or lacks form view (under '# @title') or nbgrader's",
                   lambda cell=cell, fields=fields, kept=kept: _keep(cell, fields, kept))


def _keep(mapping, fields, metadata):
    for name in mapping.keys() - fields:
        del mapping[name]
    mapping["metadata"] = metadata


@rule("N06", fixes=True)
def _parameters_tag(page):
    """The tag `parameters` stands on the cell marked `# Parameters`, and on no other."""
    try:
        place, _ = find_parameters(page.notebook)
    except ValueError:
        return  # N23 speaks of it; without one certain place, no tag is moved
    for index, cell in enumerate(page.cells):
        tags = [tag for tag in cell_tags(cell) if tag != PARAMETERS_TAG]
        tagged = len(tags) < len(cell_tags(cell))
        if tagged != (index == place):
            message = "is marked '# Parameters', and lacks" if index == place else (
                "is not marked '# Parameters', and has")
            tags += [PARAMETERS_TAG] if index == place else []
            yield (index + 1, f"{message} the tag {PARAMETERS_TAG}",
                   lambda cell=cell, tags=tags: _set_tags(cell, tags))


def _set_tags(cell, tags):
    metadata = {name: value for name, value in _metadata(cell).items() if name != "tags"}
    cell["metadata"] = {**metadata, "tags": tags} if tags else metadata


def _metadata(mapping):
    metadata = mapping.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


@rule("N07", fixes=True)
def _readme(page):
    """README.md lists the lessons, and clones from the address, as course.yml has them."""
    return ()  # one file, not one page: _lint_readme looks at it
