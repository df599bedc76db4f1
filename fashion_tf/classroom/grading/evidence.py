"""What one executed notebook holds: read as data, bounded, and nothing in it is believed."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fashion_tf.classroom.exercises import attempts_of, is_exercise
from fashion_tf.classroom.grading.cells import code_cells, exercise_marker, is_injected
from fashion_tf.classroom.grading.origins import statements_of
from fashion_tf.classroom.notebooks import find_parameters, parse_notebook, read_notebook
from fashion_tf.classroom.notebooks import parameters as parse_parameters
from fashion_tf.classroom.records import checked_record, record_contents
from fashion_tf.errors import RecordError

MAXIMUM_CELLS = 2_000
_START = re.compile(r"^\s*start_lesson\(\s*[\"'](\d\d)[\"']\s*\)", re.MULTILINE)
_TITLE = re.compile(r"^\s*#\s+(\d\d)\s*[·.:\-–]", re.MULTILINE)


class Unreadable(Exception):
    """A file that cannot be graded; the message is a sentence that a student understands."""


@dataclass
class Found:
    """A record (or an exercise's attempt) and the place of its cell; `claim` says what its text shows beside it."""

    value: object
    place: int
    claim: str = ""


@dataclass
class Evidence:
    """One notebook's code cells and what stands under them.

    Attributes:
        cells: List of `CodeCell`.
        records: Name -> list of `Found` with a `Record`.
        attempts: Exercise id -> list of `Found` with an `Attempt`.
        damaged: (place of the cell, what is wrong with a record under it).
        errors: (place of the cell, the error's name and message).
        editor: Which program saved it, as far as it shows.
        times: Place -> (begin, end) in seconds since 1970, where the file has them.
        users: Ids of the accounts that ran cells, where the file has them.
    """

    cells: list
    records: dict = field(default_factory=dict)
    attempts: dict = field(default_factory=dict)
    damaged: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    editor: str = ""
    times: dict = field(default_factory=dict)
    users: set = field(default_factory=set)
    parameters: dict = field(default_factory=dict)
    parameters_problem: str = ""

    @property
    def student(self):
        """The notebook's parameter STUDENT, as text."""
        value = self.parameters.get("STUDENT", "")
        return value[:200] if isinstance(value, str) else str(value)[:200]


@dataclass
class LessonCells:
    """A lesson's own code cells, read once: their statements, and which exercises stand in which."""

    notebook: dict
    cells: list
    statements: list
    parameters: dict

    @classmethod
    def of(cls, course, lesson):
        notebook = read_notebook(course.notebook_path(lesson))
        cells = code_cells(notebook)
        parameters = {one.name: one.default for one in find_parameters(notebook)[1]}
        return cls(notebook, cells, statements_of(cells), parameters)

    @property
    def exercises(self):
        return {exercise_marker(cell.source): place for place, cell in enumerate(self.cells)
                if exercise_marker(cell.source)}


def parse_submission(content):
    """A submitted file's bytes as a notebook.

    Raises:
        Unreadable: It is none, or none that can be graded.
    """
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable("The file is empty. Save the notebook, download it again and hand that in.")
    try:
        notebook = parse_notebook(content)
    except ValueError as error:
        start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if b'"worksheets"' in content[:10_000_000] and start == b"{":
            raise Unreadable("The file is of nbformat 3, from before 2015. Open it in Jupyter and save it, which makes "
                             "it nbformat 4.") from None
        if start not in (b"{", b"\xff", b"\xfe"):
            kind = "a web page" if start == b"<" else "no notebook"
            raise Unreadable(f"The file is {kind}, whatever its name. Download the notebook itself (in Colab: File, "
                             "Download, Download .ipynb).") from None
        cut = "" if content.rstrip().endswith(b"}") else " It seems to be cut off."
        raise Unreadable(f"The file cannot be read as a notebook: {_tidy(error)}.{cut} Download it again and hand that "
                         "in.") from None
    metadata = notebook.get("metadata") if isinstance(notebook.get("metadata"), dict) else {}
    for part, name in (("kernelspec", "language"), ("language_info", "name")):
        said = metadata.get(part)
        language = said.get(name) if isinstance(said, dict) else None
        if isinstance(language, str) and language and not language.lower().startswith(("python", "ipython")):
            raise Unreadable(f"The notebook is written in {_tidy(language, 40)}, not in Python.")
    cells = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    if cells > MAXIMUM_CELLS:
        raise Unreadable(f"The notebook has {cells:,} code cells; above {MAXIMUM_CELLS:,} it is not read.")
    return notebook


def lesson_of(notebook, course, shown=""):
    """The id of the lesson that a notebook is, told by its content and, where that says nothing, by its name.

    Returns:
        The id, or None.
    """
    known = {lesson.id: lesson for lesson in course.lessons}
    votes = Counter()
    for cell in notebook["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code":
            votes.update(found for found in _START.findall(source) if found in known)
            if exercise := exercise_marker(source):
                votes.update([exercise.partition(".")[0]] if exercise.partition(".")[0] in known else [])
        elif cell["cell_type"] == "markdown" and (match := _TITLE.search(source)) and match.group(1) in known:
            votes[match.group(1)] += 2
    if votes:
        return votes.most_common(1)[0][0]
    name = shown.rpartition("/")[2]
    for lesson in course.lessons:
        if lesson.notebook.removesuffix(".ipynb") in name or re.match(rf"(\D*[ _-])?{lesson.id}[ _-]", name):
            return lesson.id
    return None


def read_evidence(notebook):
    """The `Evidence` of a notebook that `parse_submission` returned."""
    found = Evidence(code_cells(notebook))
    for place, cell in enumerate(found.cells):
        where = f"cell {cell.number}"
        for output in cell.outputs:
            try:
                _read_records(found, place, output, where)
            except RecordError as error:
                found.damaged.append((place, _tidy(error, 200)))
            if output.get("output_type") == "error":
                name, text = (_tidy(output.get(part, ""), 150) for part in ("ename", "evalue"))
                found.errors.append((place, f"{name}: {text}" if text else name or "an error"))
    try:
        _, parameters = find_parameters(notebook)
        found.parameters = {one.name: one.default for one in parameters}
        for cell in notebook["cells"]:
            if is_injected(cell):  # what a runner put in counts in their place
                found.parameters |= {one.name: one.default for one in parse_parameters(cell["source"])}
    except (ValueError, SyntaxError) as error:
        found.parameters_problem = _tidy(error)
    found.editor = _editor(notebook, found.cells)
    _read_times(found)
    return found


def _read_records(found, place, output, where):
    holder = {"outputs": [output]}
    for content in record_contents(holder, where):
        if is_exercise(content):
            continue
        record = checked_record(content, where)
        text = output["data"].get("text/plain", "")
        if isinstance(text, list):
            text = "".join(line for line in text if isinstance(line, str))
        found.records.setdefault(record.name, []).append(Found(record, place, str(text)[:20_000]))
    for attempt in attempts_of(holder, where):
        found.attempts.setdefault(attempt.exercise, []).append(Found(attempt, place))


def _editor(notebook, cells):
    metadata = notebook.get("metadata") if isinstance(notebook.get("metadata"), dict) else {}
    if "kaggle" in metadata:
        return "Kaggle"
    if "colab" in metadata or any("colab" in cell.metadata or "outputId" in cell.metadata for cell in cells):
        return "Colab"
    if "vscode" in metadata or any("vscode" in cell.metadata for cell in cells):
        return "VS Code"
    return "Jupyter"


def _read_times(found):
    for place, cell in enumerate(found.cells):
        execution, colab = cell.metadata.get("execution"), cell.metadata.get("executionInfo")
        begin = end = None
        if isinstance(execution, dict):  # JupyterLab with record_timing, Kaggle, nbclient
            begin, end = (_seconds(execution.get(part)) for part in (
                "iopub.execute_input", "shell.execute_reply"))
        elif isinstance(colab, dict) and isinstance(colab.get("timestamp"), (int, float)):
            end = colab["timestamp"] / 1000
            elapsed = colab.get("elapsed")
            begin = end - elapsed / 1000 if isinstance(elapsed, (int, float)) else end
            user = colab.get("user")
            if isinstance(user, dict) and isinstance(user.get("userId"), str) and user["userId"]:
                found.users.add(user["userId"][:100])
        if begin is not None and end is not None and 0 < begin <= end < 1e11:
            found.times[place] = (float(begin), float(end))


def _seconds(text):
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=time.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _tidy(text, limit=300):
    from fashion_tf.classroom.report import tidy

    return tidy(text, limit)
