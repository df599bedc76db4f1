"""A run's folder: results.json, a file for each lesson until it is in there, and whose folder it is.

Written by the runner, read by the report; needs neither Jupyter nor TensorFlow.
"""

import json
import os
import re
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fashion_tf.classroom.notebooks import MAXIMUM_DEPTH, is_nested_deeper, parse_json, read_notebook
from fashion_tf.errors import RunError
from fashion_tf.files import read_whole, write_atomically

RESULTS = "results.json"
SCHEMA = 1
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
LOGS, WORK = "logs", "work"
UNFINISHED = ".unfinished-"  # begins the name of a notebook while it is executed
EXECUTED_MARK = "fashion_tf"  # in the metadata of a notebook that the runner executed
MAXIMUM_RESULTS_BYTES = 50 * 1024 * 1024


@dataclass
class LessonResult:
    """What became of one lesson; a line of results.json.

    `reasons` says why it failed, one sentence each; empty when it passed. `fingerprint` stands for
    the notebook, its parameters and its promises: `resume` skips a lesson only while it is equal. `state`
    stands for what was measured, on whatever machine (`fashion_tf.classroom.states`).
    """

    lesson: str
    notebook: str
    status: str = NOT_RUN
    reasons: list = field(default_factory=list)
    seconds: float = 0.0
    parameters: dict = field(default_factory=dict)
    executed: str | None = None
    fingerprint: str = ""
    state: str = ""
    seed: object = None
    records: dict = field(default_factory=dict)


def read_results(place):
    """Reads results.json, and the lessons that ended after it was written (their run was killed).

    Args:
        place: The run's folder, or a results file that stands alone.

    Returns:
        (the file's content, list of `LessonResult`).

    Raises:
        RunError: The file is absent, damaged, a link, or of another schema.
    """
    alone = os.path.isfile(place) or os.path.islink(place) and not os.path.isdir(place)
    path = Path(place) if alone else Path(place) / RESULTS
    # Before results.json: a run that goes on takes them up there, and then removes them.
    pending = {} if alone else {one: _read_json(one) for one in _pending(place)}
    content = _read_json(path)
    if content is None:
        raise RunError(f"{path}: no such file; 'fashion-tf run --out {place}' writes it.")
    try:
        if content["schema"] != SCHEMA:  # of a newer release, say, whose fields are others
            raise RunError(f"{path}: schema {content['schema']!r}; this release reads {SCHEMA}.")
        lessons = {entry["lesson"]: LessonResult(**entry) for entry in content["lessons"]}
        if len(lessons) < len(content["lessons"]):
            raise ValueError("a lesson stands there more than once")
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path}: damaged ({error}). {_REMEDY}") from None
    for one, kept in pending.items():
        if kept is None:  # removed in between: results.json has it
            continue
        try:
            result = LessonResult(**kept["result"])
            if kept["profile"] == content.get("profile"):
                lessons[result.lesson] = result
        except (TypeError, KeyError):
            raise RunError(f"{one}: damaged. Remove it.") from None
    return content, list(lessons.values())


_REMEDY = "Remove the file or choose another folder with --out, and run the lessons again."


def _read_json(path):
    """The file's JSON; None where there is no such file."""
    try:
        content = parse_json(read_whole(path, MAXIMUM_RESULTS_BYTES, links=False))
        if not isinstance(content, dict):
            raise ValueError("no named fields")
        if is_nested_deeper(content, MAXIMUM_DEPTH):
            raise ValueError("nested too deeply")
        return content
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RunError(f"{path}: damaged ({error}). {_REMEDY}") from None


def keep_result(out, profile, result, hidden=()):
    """Writes one lesson's result as a file of its own, which `read_results` knows and
    `write_results` takes up. Removes nothing."""
    content = without_paths({"profile": profile, "result": asdict(result)}, hidden)
    write_atomically(_pending_file(out, result.lesson), _json_bytes(content))


def write_results(out, facts, results, hidden=()):
    """Writes results.json, and removes the lessons' own files that are in it now.

    Args:
        out: The run's folder.
        facts: What results.json says of the run.
        results: The list of `LessonResult`.
        hidden: (path, what stands for it) of this machine's folders; see `without_paths`.
    """
    content = {"schema": SCHEMA, **facts, "lessons": [asdict(result) for result in results]}
    write_atomically(out / RESULTS, _json_bytes(without_paths(content, hidden)))
    for result in results:
        _pending_file(out, result.lesson).unlink(missing_ok=True)


def clear_leftovers(out):
    """Removes what a killed run was writing; for the one run that has locked the folder."""
    names = re.compile(rf"({re.escape(UNFINISHED)}\d\d_\w+\.ipynb|\.({re.escape(UNFINISHED)})?"
                       r"(results\.json|\d\d_\w+\.ipynb)\.[0-9a-f]{12}\.part)")
    for path in out.iterdir():
        if names.fullmatch(path.name) and _is_real(path, stat.S_ISREG):
            path.unlink(missing_ok=True)


def _pending_file(out, lesson):
    return Path(out) / LOGS / f"{lesson}.result.json"


def _pending(out):
    folder = Path(out) / LOGS
    return [] if folder.is_symlink() else sorted(folder.glob("[0-9][0-9].result.json"))


def _json_bytes(content):
    # Half a surrogate pair, which a lesson may record, is written as JSON's own escape.
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


# --- what leaves the machine -------------------------------------------------------------------


def hidden_paths(data, course, out):
    """(path, what is written in its place) for folders of this machine, longest first."""
    places = [(str(course.root), "course"), (str(out), "run"), (str(Path.home()), "~")]
    if data not in (None, "sample"):
        places.append((data, data_name(data)))
    return sorted(((path, name) for path, name in places if len(path) > 1), key=lambda one: -len(one[0]))


def data_name(data):
    """A folder of data as results show it: its name, with a stroke that tells it from the sample."""
    return data if data in (None, "sample") else f"{Path(data).name}/"


def without_paths(value, hidden):
    """A copy of a JSON value in whose texts no folder of `hidden` is named by its path."""
    if not hidden:
        return value
    names = dict(hidden)
    pattern = re.compile(rf"(?<![\w.~-])({'|'.join(re.escape(path) for path in names)})(/|(?![\w-]))")

    def shown(match):
        name = names[match[1]]
        return name if name.endswith("/") else name + match[2]

    def walk(part):
        if isinstance(part, str):
            return pattern.sub(shown, part)
        if isinstance(part, list):
            return [walk(one) for one in part]
        if isinstance(part, dict):
            # A picture is no text; its letters are looked at in vain, and may take a while.
            return {key: one if key == "image/png" else walk(one) for key, one in part.items()}
        return part

    return walk(value)


# --- whose folder it is ------------------------------------------------------------------------


def check_folder(out, course, notebooks, data=None):
    """Refuses a folder in which a run would replace what no run wrote. Changes nothing.

    Args:
        out: The folder's resolved path; it need not exist.
        course: The course, whose own folders are inputs.
        notebooks: Names of the notebooks that will be written.
        data: The resolved folder of data, an input too.

    Raises:
        RunError: Names the file, and what to do.
    """
    elsewhere = "Choose another folder with --out."
    if out.exists() and not out.is_dir():
        raise RunError(f"--out {out}: a file; results go into a folder. {elsewhere}")
    lessons = course.root / "notebooks"
    if out == course.root or out.is_relative_to(lessons):
        raise RunError(f"--out {out}: the course itself stands there. {elsewhere}")
    if data not in (None, "sample") and out.is_relative_to(data):
        raise RunError(f"--out {out}: the data stand there. {elsewhere}")
    ours = os.path.lexists(out / RESULTS)
    if ours:
        read_results(out)  # raises for another program's results.json
    for name in (LOGS, WORK):
        if os.path.lexists(out / name) and (not ours or not _is_real(out / name, stat.S_ISDIR)):
            raise RunError(f"{out / name}: is there already, and no run made it. {elsewhere}")
    for name in notebooks:
        if os.path.lexists(out / name) and not (ours and _was_executed_here(out / name)):
            raise RunError(f"{out / name}: is there already, and no run wrote it. {elsewhere}")
        for path in (out / LOGS / f"{name[:2]}.log", _pending_file(out, name[:2])):
            if os.path.lexists(path) and not _is_real(path, stat.S_ISREG):
                raise RunError(f"{path}: is there already, and is no plain file. {elsewhere}")
        if os.path.lexists(out / WORK / name[:2]) and not _is_real(out / WORK / name[:2], stat.S_ISDIR):
            raise RunError(f"{out / WORK / name[:2]}: is there already, and is no folder. {elsewhere}")


def _is_real(path, kind):
    """Whether it is of this kind itself; a link is not."""
    try:
        return kind(os.lstat(path).st_mode)
    except OSError:
        return False


def _was_executed_here(path):
    try:
        notebook = read_notebook(path, links=False)
    except (OSError, ValueError):
        return False
    metadata = notebook.get("metadata")
    return isinstance(metadata, dict) and bool({EXECUTED_MARK, "papermill"} & metadata.keys())
