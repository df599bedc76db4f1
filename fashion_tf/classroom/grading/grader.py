"""One submitted file graded, and its grade kept as a file of its own: that is what a second run goes by."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import fashion_tf
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.exercises import student_id
from fashion_tf.classroom.grading.cells import MAXIMUM_SOURCE
from fashion_tf.classroom.grading.collect import student_of_file
from fashion_tf.classroom.grading.evidence import LessonCells, Unreadable, lesson_of, parse_submission, read_evidence
from fashion_tf.classroom.grading.items import PASS, Item, judge_items
from fashion_tf.classroom.grading.rerun import parameters_for, run_again, submitter
from fashion_tf.classroom.notebooks import MAXIMUM_NOTEBOOK_BYTES, parse_json
from fashion_tf.classroom.report import tidy
from fashion_tf.errors import FashionError
from fashion_tf.files import json_value, read_whole, write_atomically

GRADES = "grades"
SCHEMA = 1
MAXIMUM_GRADE_BYTES = 10 * 2**20
MAXIMUM_OWN_CODE = 30_000  # characters of a student's own code that are kept for comparison
MAXIMUM_HASHED = 2**30


@dataclass
class Grade:
    """What became of one file.

    Attributes:
        shown: The file's path as it was handed in.
        student, name, system: As in `Submission`; a person of the roster where there is one.
        lesson: The lesson's id; empty where it cannot be told.
        problem: Why nothing could be graded; empty where it could.
        items: List of `Item`, as dicts.
        notes: For the instructor.
        claims: The id in the notebook's parameter STUDENT.
        owner: Whose that id was, when this was graded.
        content: A hash of the file.
        basis: A hash of what else the grade depends on.
        own_code: [cell's number, text] of what is not the lesson's.
        records: [name, value as text] of what is recorded.
        times: The moments at which cells ran, where they are known.
        again: Where it was run again: a sentence on how.
    """

    shown: str
    student: str
    name: str
    system: str = ""
    lesson: str = ""
    problem: str = ""
    items: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    claims: str = ""
    owner: str | None = None
    submitted: str = ""
    late: bool = False
    editor: str = ""
    content: str = ""
    basis: str = ""
    own_code: list = field(default_factory=list)
    records: list = field(default_factory=list)
    times: list = field(default_factory=list)
    graded: str = ""
    again: str = ""

    @property
    def points(self):
        return sum(item["points"] for item in self.items)


@dataclass(frozen=True)
class Task:
    """A file to grade: what a worker needs to know."""

    submission: object
    person: object
    course: str
    rubric: object
    known: dict
    notebook_names: tuple
    out: str
    rerun: object = None  # the `Rerun` that is asked for
    plan: object = None  # the `LessonPlan` of the submission's lesson
    more: bool = False  # whether another of this lesson comes after it

    @property
    def key(self):
        return str(grade_path(self.out, self.submission))

    @property
    def ids(self):
        return self.person.ids if self.person else None

    @property
    def label(self):
        return self.person.label if self.person else self.submission.student


def grade_file(task):
    """Grades one file and writes its grade; never raises because of the file.

    Returns:
        The `Grade`.
    """
    submission = task.submission
    person = task.person
    grade = Grade(submission.shown, task.label, tidy(person.name if person and person.name else submission.name, 120),
                  submission.system, submitted=submission.submitted.isoformat() if submission.submitted else "",
                  late=submission.late, problem=submission.problem,
                  graded=datetime.now().astimezone().isoformat(timespec="milliseconds"))
    if not grade.student:
        grade.student = student_of_file(submission.shown, task.notebook_names)
        grade.name = tidy(grade.student, 120)
    if submission.path is not None:
        grade.content = content_of(submission.path)
        try:
            _grade(grade, task)
        except Unreadable as error:
            grade.problem = str(error)
        except MemoryError:
            grade.problem = "The notebook does not fit into this machine's memory. Clear its longest outputs."
        except FashionError:
            raise  # the course's own fault
        except Exception as error:  # whatever it is, the others are graded
            grade.items = []
            grade.problem = f"Grading it failed ({type(error).__name__}: {tidy(error, 200)})."
    if not grade.student:
        grade.student = tidy(grade.claims, 100) or _file_name(submission.shown)
        grade.name = grade.name or grade.student
    grade.basis = basis_of(task, grade.lesson)
    write_atomically(grade_path(task.out, submission), json.dumps(vars(grade), ensure_ascii=True))
    return grade


def _file_name(shown):
    return tidy(shown.rpartition("/")[2], 100)


def _read(submission):
    """The submitted notebook.

    Raises:
        Unreadable: It cannot be graded.
    """
    try:
        return parse_submission(read_whole(submission.path, MAXIMUM_NOTEBOOK_BYTES, links=False))
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Unreadable(f"The file has {error}. Clear the output of the cell that prints so much, run it again with "
                         "less, and save.") from None


def lesson_of_file(task):
    """The id of a submission's lesson, or None where it has none that can be told."""
    try:
        return lesson_of(_read(task.submission), _course(task.course), task.submission.shown)
    except Exception:  # `grade_file` says why
        return None


def _grade(grade, task):
    notebook = _read(task.submission)
    course = _course(task.course)
    evidence = read_evidence(notebook)
    grade.claims, grade.editor = evidence.student, evidence.editor
    lesson = lesson_of(notebook, course, task.submission.shown)
    if lesson is None:
        raise Unreadable("The notebook is none of this course's lessons.")
    grade.lesson = lesson
    own = _lesson_cells(task.course, lesson)
    mine = student_id(grade.claims)
    grade.owner = task.known.get(mine) if mine else None
    other = grade.owner if grade.owner is not None and grade.owner != grade.student else None
    rubric = task.rubric.lessons[lesson]
    items, notes = judge_items(evidence, course.lesson(lesson), own, rubric, task.ids, other)
    if task.plan is not None:
        items, notes = _again(grade, task, course.lesson(lesson), own, notebook, evidence, items, other)
    grade.items, grade.notes = [vars(item) for item in items], notes
    grade.own_code = _own_code(evidence.cells, own.cells)
    grade.records = [[name, tidy(json.dumps(one.value.value, sort_keys=True), 500)]
                     for name, found in list(evidence.records.items())[:200] for one in found[:1]]
    grade.times = sorted({round(begin, 3) for begin, _ in evidence.times.values() if begin % 1})[:200]


def _again(grade, task, lesson, own, notebook, handed_in, before, other):
    """The items of the notebook as it is run now, and notes; `before`: the items of what was handed in."""
    rubric, plan = task.rubric.lessons[lesson.id], task.plan
    student = submitter(task, handed_in.student)
    values = parameters_for(task.rerun, lesson, own, student, handed_in.parameters, rubric.free)
    evidence, run = run_again(plan, notebook, values, task.more)
    items, notes = judge_items(evidence, lesson, own, plan.rules(rubric, lesson), task.ids, other, handed_in)
    grade.again = f"Run again with SEED = {task.rerun.seed} and STUDENT = {tidy(student, 60)!r}."
    passed = {item.name for item in items if item.outcome == PASS}
    lost = [item.name for item in before if item.outcome == PASS and item.name not in passed]
    if lost:
        notes.append(f"As handed in, these passed: {', '.join(lost)}.")
    if run.left:
        notes.append(f"{run.left} process{'es' * (run.left > 1)} that it had left running, ended with it.")
    return items, notes


def _own_code(cells, lesson):
    """The lines of a student's code that no cell of the lesson has."""
    known = {" ".join(line.split()) for cell in lesson for line in cell.source.splitlines()}
    left, found = MAXIMUM_OWN_CODE, []
    for cell in cells:
        if cell.marker == "parameters" or len(cell.source) > MAXIMUM_SOURCE:
            continue
        lines = [line for line in cell.source.splitlines() if line.strip() and " ".join(line.split()) not in known]
        text = "\n".join(line[:300] for line in lines)[:left]
        if text:
            found.append([cell.number, text])
            left -= len(text)
        if left <= 0:
            break
    return found


@lru_cache(maxsize=4)
def _course(path):
    return load_course(path)


@lru_cache(maxsize=64)
def _lesson_cells(path, lesson):
    course = _course(path)
    return LessonCells.of(course, course.lesson(lesson))


@lru_cache(maxsize=64)
def _lesson_hash(path, lesson):
    return hashlib.sha256(_course(path).notebook_path(_course(path).lesson(lesson)).read_bytes()).hexdigest()


# --- what a grade depends on -------------------------------------------------------------------


def content_of(path):
    """A hash of a file's bytes; of its size where it is too large to be read at all."""
    digest, left = hashlib.sha256(), MAXIMUM_HASHED
    try:
        with open(path, "rb") as file:
            while left > 0 and (part := file.read(1 << 20)):
                digest.update(part)
                left -= len(part)
    except OSError:
        return ""
    return digest.hexdigest()


def basis_of(task, lesson):
    """A hash of the lesson, its rubric, this release and who the student is."""
    submission = task.submission
    parts = [fashion_tf.__version__, SCHEMA, task.label, sorted(task.ids or ()), submission.name, submission.system,
             submission.problem, *(task.rerun.facts if task.rerun else ())]
    if lesson:
        parts += [task.rubric.lessons[lesson].fingerprint(), _lesson_hash(task.course, lesson)]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()


def grade_path(out, submission):
    """Where a file's grade is kept."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", submission.student or "file")[:40]
    key = hashlib.sha256(f"{submission.student}\n{submission.shown}".encode("utf-8", "replace")).hexdigest()[:16]
    return Path(out) / GRADES / f"{name}-{key}.json"


def kept_grade(task):
    """The grade of an earlier run, where nothing that it depends on has changed; or None."""
    path = grade_path(task.out, task.submission)
    try:
        content = json_value(parse_json(read_whole(path, MAXIMUM_GRADE_BYTES, links=False)))
        grade = Grade(**content)
        grade.items = [vars(Item(**item)) for item in grade.items]
        content = content_of(task.submission.path) if task.submission.path else ""
        same = (grade.shown == task.submission.shown and grade.content == content
                and (not grade.lesson or grade.lesson in task.rubric.lessons)
                and grade.basis == basis_of(task, grade.lesson)
                and grade.owner == (task.known.get(student_id(grade.claims)) if grade.lesson and grade.claims.strip()
                                    else None))
        if not same:
            return None
        grade.late = task.submission.late
        grade.submitted = task.submission.submitted.isoformat() if task.submission.submitted else ""
        return grade
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
