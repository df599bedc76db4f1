"""A student's code cells beside the lesson's: which is which, and which were changed."""

import ast
import difflib
import re
from collections import Counter
from dataclasses import dataclass, field

from fashion_tf.classroom.notebooks import INJECTED_TAG, cell_tags, is_parameters_cell, parameters

_EXERCISE = re.compile(r"^# *exercise: *([\w.]+)[ \t]*$", re.IGNORECASE | re.MULTILINE)
MAGIC = re.compile(r"^([ \t]*)([%!].*|[?]{0,2}[\w.]+[?]{1,2}|[?]{1,2}[\w.]+)$", re.MULTILINE)  # also "help?"
_SETUP = "# @title Setup"
_INSTALLING = ("%pip", "!pip", "!python -m pip")  # how the kit came onto a machine changes no result
LEAST_LIKENESS = 0.5  # of two cells' words, for one to be the other, changed
MAXIMUM_SOURCE = 200_000  # characters of a cell that are parsed
MAXIMUM_COMPARED = 20_000


@dataclass(eq=False)
class CodeCell:
    """A code cell. `number`: its place among all cells, from 1, as a student counts them."""

    number: int
    source: str
    id: str = ""
    count: int | None = None
    outputs: list = field(default_factory=list)
    metadata: dict = field(default_factory=dict)

    def __post_init__(self):
        self.source = self.source.replace("\r\n", "\n").replace("\r", "\n")
        self._meaning = None

    @property
    def meaning(self):
        """What the cell says, whatever its spacing and comments: equal for equal programs."""
        if self._meaning is None:
            self._meaning = _meaning(self.source)
        return self._meaning

    @property
    def marker(self):
        """What names the cell whatever becomes of its text: its exercise, its being the parameters or the setup."""
        if exercise := exercise_marker(self.source):
            return f"exercise {exercise}"
        if is_parameters_cell(self.source):
            return "parameters"
        return "setup" if self.source.lstrip().startswith(_SETUP) else None


def code_cells(notebook):
    """The code cells that hold any text, of a notebook that `parse_notebook` read."""
    found = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] != "code" or not cell["source"].strip() or is_injected(cell):
            continue
        metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        name = cell.get("id") or metadata.get("id")  # Colab keeps its own in the metadata
        count = cell.get("execution_count")
        outputs = cell.get("outputs")
        found.append(CodeCell(
            number, cell["source"], name if isinstance(name, str) else "",
            count if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 10**9 else None,
            [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else [], metadata))
    return found


def is_injected(cell):
    """Whether a cell holds the parameters that a runner put in, and nothing else."""
    if INJECTED_TAG not in cell_tags(cell):
        return False
    try:
        return bool(parameters(cell["source"]))
    except (SyntaxError, ValueError):
        return False


def exercise_marker(source):
    """The id of the exercise that a cell is marked as, or None."""
    match = _EXERCISE.search(source)
    return match.group(1) if match else None


def parse(source):
    """A cell's syntax tree, its magics left out; None where it is no Python."""
    if len(source) > MAXIMUM_SOURCE:
        return None
    for text in (source, MAGIC.sub(r"\1pass", source)):  # "%" may also go on with an expression
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _meaning(source):
    tree = parse(source)
    if tree is not None:
        magics = [text.strip() for _, text in MAGIC.findall(source) if not text.startswith(_INSTALLING)]
        try:
            return "\n".join([ast.dump(tree), *magics])
        except RecursionError:
            pass
    return " ".join(source.split())


@dataclass
class Matches:
    """Which of a student's cells is which of the lesson's.

    Attributes:
        of: Place in the lesson -> place in the student's notebook (places in the lists of code cells).
        doubled: Place in the lesson -> further places in the student's that say the same.
        added: The student's own cells' places.
    """

    of: dict
    doubled: dict
    added: list


def match(lesson, student):
    """Matches cells by their marker, then their id, then their text, then by likeness.

    Args:
        lesson, student: Lists of `CodeCell`.

    Returns:
        `Matches`.
    """
    of, taken = {}, set()

    def pair(place, other):
        of[place] = other
        taken.add(other)

    def left(cells, used):
        return [number for number in range(len(cells)) if number not in used]

    markers = {}
    for number, cell in enumerate(student):
        if cell.marker:
            markers.setdefault(cell.marker, []).append(number)
    for place, cell in enumerate(lesson):
        if cell.marker in markers:
            pair(place, _best(cell, student, markers[cell.marker]))
    ids = {}
    for number in left(student, taken):
        if student[number].id:
            ids.setdefault(student[number].id, []).append(number)
    for place in left(lesson, of):
        if found := [number for number in ids.get(lesson[place].id, ()) if number not in taken]:
            pair(place, _best(lesson[place], student, found))
    meanings = {}
    for number in left(student, taken):
        meanings.setdefault(student[number].meaning, []).append(number)
    for place in left(lesson, of):
        if found := meanings.get(lesson[place].meaning):
            pair(place, found.pop(0))
    words = {number: _words(student[number]) for number in left(student, taken)}
    likeness = sorted(((_likeness(_words(lesson[place]), words[number]), place, number)
                       for place in left(lesson, of) for number in words),
                      key=lambda one: (-one[0], one[1], one[2]))
    for share, place, number in likeness:
        if share >= LEAST_LIKENESS and place not in of and number not in taken:
            pair(place, number)

    doubled, added = {}, []
    same = {cell.meaning: place for place, cell in enumerate(lesson)}
    for number in left(student, taken):
        cell = student[number]
        place = same.get(cell.meaning)
        if place is None and cell.marker:
            place = next((one for one, other in enumerate(lesson) if other.marker == cell.marker), None)
        if place is None:
            added.append(number)
        else:
            doubled.setdefault(place, []).append(number)
    return Matches(of, doubled, added)


def _best(cell, student, places):
    """Of several: the one that says the same, or else the last that was run, or else the first."""
    same = [number for number in places if student[number].meaning == cell.meaning]
    run = [number for number in places if student[number].count is not None]
    return (same or run[-1:] or places)[0]


def _words(cell):
    return Counter(re.findall(r"\w+|[^\w\s]", cell.source[:MAXIMUM_COMPARED]))


def _likeness(one, other):
    """The share of two cells' words that they have in common, from 0 to 1."""
    total = sum(one.values()) + sum(other.values())
    return 2 * sum((one & other).values()) / total if total else 0.0


def difference(lesson, student, lines=6):
    """The changed lines of a cell as text, the lesson's with a minus, the student's with a plus."""
    changed = [line for line in difflib.ndiff(lesson.source[:MAXIMUM_COMPARED].splitlines()[:400],
                                              student.source[:MAXIMUM_COMPARED].splitlines()[:400])
               if line[:2] in ("- ", "+ ")]
    return "\n".join(changed[:lines])
