"""Results that a lesson promises: recorded in the notebook, read back from the executed file.

Needs neither TensorFlow nor Jupyter, so that an instructor's machine can read a hundred notebooks.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from fashion_tf.classroom.notebooks import (
    MAXIMUM_DEPTH,
    is_nested_deeper,
    parameter_names,
    parse_json,
    read_notebook,
)
from fashion_tf.errors import RecordError
from fashion_tf.files import json_value, versions

MIME = "application/vnd.fashion-tf.record+json"
SCHEMA = 1


@dataclass(frozen=True)
class Record:
    """One recorded result, as read back from an executed notebook.

    Attributes:
        name: What `record` was given.
        value: A JSON value.
        lesson: The lesson's id, e.g. ``"11"`` (empty where no lesson was begun).
        parameters: The values the lesson's parameters had.
        versions: Package name to version, where it ran.
    """

    name: str
    value: object
    lesson: str = ""
    parameters: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)


class _Session:
    """What this kernel has recorded: name -> the cell that recorded it."""

    def __init__(self):
        self.lesson = ""
        self.cells = {}


session = _Session()


def begin_lesson(lesson):
    """Starts a lesson's records afresh; its first cell calls this through `start_lesson`.

    Args:
        lesson: The lesson's id, e.g. ``"11"``.
    """
    session.__init__()
    session.lesson = str(lesson)


def record(name, value):
    """Records one result: shows it as text, and stores it in the notebook as JSON.

    Running a cell again replaces what it recorded; recording one name in two places is an error.

    Args:
        name: Lower case letters, digits and underscores, as course.yml promises it.
        value: A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of these.
            NumPy scalars are taken as the number they are. NaN and infinities are refused.

    Raises:
        RecordError: The name or the value cannot be recorded, or the name was recorded before.
    """
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        raise RecordError(f"record({name!r}, ...): a name is made of lower case letters, digits and "
                          "underscores.")
    try:
        value = json_value(value)
    except ValueError as error:
        raise RecordError(f"record({name!r}, ...): {error}") from None
    cell = _current_cell()
    if name in session.cells and not _is_rerun(session.cells[name], cell):
        raise RecordError(f"record({name!r}, ...): this name was recorded before, in another cell or "
                          "twice in this one. Each result has a name of its own.")
    session.cells[name] = cell
    content = {"schema": SCHEMA, "name": name, "value": value, "lesson": session.lesson,
               "parameters": lesson_parameters(), "versions": versions()}
    show(f"recorded {name} = {as_text(value)}", content)


def read_executed(path):
    """An executed notebook's content, as `read_notebook` gives it.

    Raises:
        RecordError: The file cannot be read, or is not a notebook. Names it.
    """
    try:
        return read_notebook(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RecordError(f"{path}: not a notebook that can be read: {error}.") from None


def read_records(path):
    """Reads the records out of an executed notebook, with json alone: nothing is run.

    Args:
        path: An .ipynb file, from anybody.

    Returns:
        A dict from name to `Record`, in the order in which they were recorded. Empty for a notebook
        that was not executed.

    Raises:
        RecordError: The file is absent, too large, no plain file, not a notebook, or holds a damaged or
            duplicate record. The message names the file and the cell. Nothing else is raised, so that
            one bad notebook stops no loop over a hundred.
    """
    path = Path(path)
    notebook = read_executed(path)
    records = {}
    for number, cell in enumerate(notebook["cells"], 1):
        for content in record_contents(cell, f"{path}: cell {number}"):
            if is_exercise(content):
                continue  # `fashion_tf.classroom.exercises` reads those
            found = checked_record(content, f"{path}: cell {number}")
            if found.name in records:
                raise RecordError(f"{path}: cell {number}: {found.name!r} is recorded twice.")
            records[found.name] = found
    return records


def record_contents(cell, where):
    """What `record` and `check` stored in one executed cell, as JSON values, and not yet looked at.

    Args:
        cell: As `fashion_tf.classroom.notebooks.parse_notebook` gives it.
        where: The beginning of an error's sentence.

    Raises:
        RecordError: One is no JSON, or nested too deeply.
    """
    return [_content(content, where) for content in _record_outputs(cell)]


def is_exercise(content):
    """Whether a record's content is the outcome of an exercise."""
    return isinstance(content, dict) and content.get("kind") == "exercise"


def _shell():
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def _current_cell():
    """(what names the running cell, its execution count), or None outside Jupyter.

    A cell is named by the id the front end sends, or else by its text (headless runs send none).
    """
    shell = _shell()
    if shell is None:
        return None
    parent = getattr(getattr(shell, "kernel", None), "get_parent", dict)() or {}
    identity = parent.get("metadata", {}).get("cellId") or (shell.user_ns.get("In") or [""])[-1]
    return identity, shell.execution_count


def _is_rerun(before, now):
    """Whether `now` is the cell of `before`, run another time."""
    return None not in (before, now) and before[0] == now[0] and before[1] != now[1]


def lesson_parameters():
    """The lesson's parameters and their present values, found by the marker comment."""
    shell = _shell()
    if shell is None:
        return {}
    values = {}
    for source in shell.user_ns.get("In", []):
        for name in parameter_names(source) or ():
            if name in shell.user_ns:
                try:
                    values[name] = json_value(shell.user_ns[name])
                except ValueError:
                    values[name] = repr(shell.user_ns[name])
    return values


def show(text, content):
    if _shell() is None:
        print(text)
        return
    from IPython.display import publish_display_data

    publish_display_data({MIME: content, "text/plain": text})


def as_text(value):
    """A value as `record` shows it beside its name."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _record_outputs(cell):
    outputs = cell.get("outputs") or []
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        if isinstance(data, dict) and MIME in data:
            yield data[MIME]


def _content(content, where):
    if isinstance(content, list) and all(isinstance(line, str) for line in content):
        content = "".join(content)
    if isinstance(content, str):  # some front ends store custom JSON as text
        try:
            content = parse_json(content)
        except ValueError:
            raise RecordError(f"{where}: a damaged record.") from None
        if is_nested_deeper(content, MAXIMUM_DEPTH):
            raise RecordError(f"{where}: a record nested more than {MAXIMUM_DEPTH} levels deep.")
    return content


def checked_record(content, where):
    """A record's content, as `record_contents` gives it, as a `Record`.

    Raises:
        RecordError: It is damaged; `where` begins the sentence.
    """
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        raise RecordError(f"{where}: a damaged record (no name).")
    name, lesson = content["name"], content.get("lesson", "")
    if content.get("schema") != SCHEMA:
        raise RecordError(f"{where}: record {name!r} has schema {_short(content.get('schema'))}; this "
                          f"release reads {SCHEMA}.")
    if "value" not in content:
        raise RecordError(f"{where}: record {name!r} has no value.")
    if not isinstance(lesson, str):
        raise RecordError(f"{where}: record {name!r} has a damaged lesson.")
    try:
        value = json_value(content["value"])
        parameters, found = (json_value(content.get(part, {})) for part in ("parameters", "versions"))
    except ValueError as error:
        raise RecordError(f"{where}: record {name!r}: {error}") from None
    if not isinstance(parameters, dict) or not isinstance(found, dict):
        raise RecordError(f"{where}: record {name!r} has damaged parameters or versions.")
    return Record(name, value, lesson, parameters, found)


def _short(value):
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"
