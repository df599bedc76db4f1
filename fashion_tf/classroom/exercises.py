"""Exercises: data that are a student's own, answers judged, and the outcome recorded in the notebook.

Needs no TensorFlow. An answer becomes bounded plain JSON first and is judged as that, so that whoever
grades the notebook judges the very thing that the student's kernel judged.
"""

import hashlib
import math
import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from fashion_tf.classroom.records import (
    SCHEMA,
    is_exercise,
    lesson_parameters,
    read_executed,
    record_contents,
    session,
    show,
)
from fashion_tf.errors import AnswerError, RecordError
from fashion_tf.files import json_value, versions

KIND = "exercise"
PASS, FAIL, NOT_ATTEMPTED = OUTCOMES = "pass", "fail", "not attempted"

# An answer is a number, a name or a small table. What is beyond these bounds is not judged.
MAXIMUM_PARTS = 10_000
MAXIMUM_DEPTH = 6
MAXIMUM_TEXT = 1_000  # characters of one text
LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Attempt:
    """One recorded outcome of `check`, as read back from an executed notebook.

    What it says is what the notebook claims; `judge` judges the answer anew.

    Attributes:
        exercise: The exercise's id, e.g. ``"22.1"``.
        outcome: One of `OUTCOMES`, as claimed.
        message: What the student was told.
        student: The id in the notebook's parameter STUDENT; empty where it was not set.
        answered: Whether there is an answer: not for the untouched stub, nor for what was refused
            before it could be judged (too large, NaN, no JSON); then the message says why.
        answer: The answer as a JSON value; None where there is none.
        lesson: The lesson's id; empty where no lesson was begun.
        parameters: The values the lesson's parameters had.
        versions: Package name to version, where it ran.
    """

    exercise: str
    outcome: str
    message: str
    student: str = ""
    answered: bool = False
    answer: object = None
    lesson: str = ""
    parameters: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)


def personal(exercise_id, student=None):
    """What an exercise works on: drawn for this student, the same at each call.

    Args:
        exercise_id: Such as ``"22.1"``.
        student: The student's id; None: the lesson's parameter STUDENT. Empty: the same for all.

    Returns:
        An object with the exercise's data as attributes; print it to see them. Drawn by a
        `numpy.random.Generator` whose seed is made of the exercise's and the student's id.

    Raises:
        CourseError: There is no such exercise.

    Example:
        >>> mine = personal("22.1", student="ada")

    Taught in: 00_start_here.ipynb
    """
    import numpy as np

    from fashion_tf.classroom.checks import exercise

    found = exercise(exercise_id)
    identity = f"{exercise_id}\n{student_id(_student() if student is None else student)}"
    seed = int.from_bytes(hashlib.sha256(identity.encode("utf-8", "replace")).digest()[:8], "big")
    return found.draw(np.random.default_rng(seed))


def student_id(value):
    """A student's id as it is compared: text, without blanks at its ends, in lower case, one form of Unicode."""
    return unicodedata.normalize("NFKC", str(value)).strip().casefold()


def judge(exercise_id, answer, student=""):
    """Judges an answer on the student's own data. Runs nothing that came with the answer, and is quick.

    Args:
        exercise_id: Such as ``"22.1"``.
        answer: Anything. ``...`` is the untouched stub.
        student: The student's id, as in `personal`.

    Returns:
        (outcome, message): one of `OUTCOMES`, and a sentence on this answer.

    Raises:
        CourseError: There is no such exercise.
    """
    return _judged(exercise_id, answer, student)[:2]


def check(exercise_id, answer):
    """Says whether an answer is right and, if not, what is wrong with it; records the outcome.

    No answer makes it raise, except where nbgrader runs the notebook. Running the cell again records anew.

    Args:
        exercise_id: Such as ``"22.1"``.
        answer: The answer; ``...`` where the exercise is not attempted.

    Raises:
        CourseError: There is no such exercise.
        AnswerError: nbgrader validates or grades this notebook, and the answer does not pass.

    Taught in: 00_start_here.ipynb
    """
    student = _student()
    outcome, message, plain = _judged(exercise_id, answer, student)
    content = {"schema": SCHEMA, "kind": KIND, "name": exercise_id, "outcome": outcome, "message": message,
               "student": student, "lesson": session.lesson, "parameters": lesson_parameters(),
               "versions": versions()}
    show(f"exercise {exercise_id}: {outcome}. {message}", content | plain)
    if outcome != PASS and os.environ.get("NBGRADER_EXECUTION"):
        raise AnswerError(f"exercise {exercise_id}: {outcome}. {message}")


def read_attempts(path):
    """Reads what `check` recorded in an executed notebook, with json alone: nothing is run.

    Args:
        path: An .ipynb file, from anybody.

    Returns:
        A list of (cell number from 1, `Attempt`), in the notebook's order; an exercise that was checked
        in several cells stands in it several times.

    Raises:
        RecordError: As `read_records` raises it.
    """
    path = Path(path)
    notebook = read_executed(path)
    return [(number, attempt) for number, cell in enumerate(notebook["cells"], 1)
            for attempt in attempts_of(cell, f"{path}: cell {number}")]


def attempts_of(cell, where):
    """The `Attempt`s in one executed cell; those of a cell of a parsed notebook, whoever made it.

    Args:
        cell: As `fashion_tf.classroom.notebooks.parse_notebook` gives it.
        where: The beginning of an error's sentence, e.g. ``"a.ipynb: cell 7"``.

    Raises:
        RecordError: A record in it is damaged.
    """
    return [_attempt(content, where) for content in record_contents(cell, where) if is_exercise(content)]


def plain_answer(answer):
    """An answer as bounded plain JSON: numbers, texts, lists and dicts, arrays and tables as lists.

    Args:
        answer: Anything but ``...``.

    Raises:
        ValueError: It is too large, holds NaN or an infinite number, or something that is no number,
            text, list or dict. The message is a sentence.
    """
    left = [MAXIMUM_PARTS]
    return _plain(answer, left, MAXIMUM_DEPTH)


def _plain(value, left, levels):
    left[0] -= 1
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAXIMUM_TEXT:
            raise ValueError(f"Your answer holds a text of {len(value):,} characters; above {MAXIMUM_TEXT:,} "
                             "it is not read.")
        return str(value)
    if isinstance(value, int):
        if value.bit_length() > 1000:
            raise ValueError("Your answer holds a whole number of hundreds of digits; look where it comes from.")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"Your answer holds {float(value)}, which is no number; find out where it comes from.")
        return float(value)
    if levels == 0:
        raise ValueError(f"Your answer has lists in lists more than {MAXIMUM_DEPTH} deep.")
    if isinstance(value, (list, tuple, range, set, frozenset, dict)):
        _bound(len(value), left)
        if not isinstance(value, dict):
            return [_plain(part, left, levels - 1) for part in value]
        keys = [key.item() if hasattr(key, "dtype") else key for key in value]
        if not all(isinstance(key, (str, int)) for key in keys):
            raise ValueError("Your answer is a dict whose keys are neither texts nor whole numbers.")
        return {str(key)[:MAXIMUM_TEXT]: _plain(part, left, levels - 1) for key, part in zip(keys, value.values())}
    if hasattr(value, "__array__") and hasattr(value, "shape"):
        # Also a tensor, a variable and a table; how large it is shows before anything is copied.
        _bound(math.prod(int(length) for length in value.shape), left)
        listed = value.__array__().tolist()
        return _plain(listed, left, levels if isinstance(listed, list) else levels - 1)
    raise ValueError(f"Your answer holds {_kind(value)}; give numbers, texts, or lists of them.")


def _bound(parts, left):
    if parts > left[0]:
        raise ValueError(f"Your answer has more than {MAXIMUM_PARTS:,} parts; it is not read. "
                         "Give what the exercise asks for, not the data it came from.")


def _kind(value):
    if callable(value):
        return "a function (are the parentheses of a call missing?)"
    return f"an object of type {type(value).__name__[:80]}"


def _judged(exercise_id, answer, student):
    """(outcome, message, {"answer": ...}, which is empty where there is no answer that can be stored)."""
    from fashion_tf.classroom.checks import Wrong, exercise

    found = exercise(exercise_id)
    if answer is ...:
        return NOT_ATTEMPTED, "Put your answer in the place of the three dots, and run the cell again.", {}
    try:
        plain = plain_answer(answer)
    except ValueError as error:
        return FAIL, _short(str(error)), {}
    except Exception as error:  # objects of a student's own may do anything when they are looked at
        return FAIL, f"Your answer cannot be read: looking at it raises {type(error).__name__[:80]}.", {}
    try:
        message = found.judge(plain, personal(exercise_id, student))
    except Wrong as wrong:
        return FAIL, _short(str(wrong)), {"answer": plain}
    return PASS, _short(message), {"answer": plain}


def _short(text):
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE - 1] + "…"


def _student():
    return str(lesson_parameters().get("STUDENT", ""))[:MAXIMUM_TEXT]


def _attempt(content, where):
    name = content.get("name")
    if not isinstance(name, str):
        raise RecordError(f"{where}: a damaged record (no name).")
    where = f"{where}: exercise {name[:100]!r}"
    if content.get("schema") != SCHEMA:
        raise RecordError(f"{where} has another schema; this release reads {SCHEMA}.")
    if content.get("outcome") not in OUTCOMES:
        raise RecordError(f"{where} has no outcome that `check` gives.")
    texts = {part: content.get(part, "") for part in ("message", "student", "lesson")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise RecordError(f"{where} has a damaged message, student or lesson.")
    try:
        answer, parameters, found = (json_value(content.get(part, other)) for part, other in (
            ("answer", None), ("parameters", {}), ("versions", {})))
    except ValueError as error:
        raise RecordError(f"{where}: {error}") from None
    if not isinstance(parameters, dict) or not isinstance(found, dict):
        raise RecordError(f"{where} has damaged parameters or versions.")
    return Attempt(name, content["outcome"], _short(texts["message"]), texts["student"], "answer" in content,
                   answer, texts["lesson"], parameters, found)
