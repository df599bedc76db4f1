"""What counts, and for how much: derived from course.yml, or read from an instructor's rubric.yml."""

import hashlib
import math
import re
import reprlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from fashion_tf.classroom.course import MAXIMUM_BYTES, PROFILES
from fashion_tf.classroom.fields import PlainLoader
from fashion_tf.classroom.grading.cells import exercise_marker
from fashion_tf.classroom.notebooks import find_parameters, read_notebook
from fashion_tf.errors import CourseError
from fashion_tf.files import read_whole

EXECUTED, SETTINGS, RECORDED, RECORD, EXERCISE = "executed", "settings", "recorded", "record", "exercise"
DEFAULT_POINTS = {EXECUTED: 2.0, SETTINGS: 1.0, RECORDED: 1.0, RECORD: 2.0, EXERCISE: 2.0}
# What a student may change in any lesson: what chance, the machine and the files decide.
FREE = frozenset({"STUDENT", "SEED", "CACHE", "JOBS", "BACKEND", "JOURNAL", "FOLDER", "MODEL", "MODEL_FOLDER",
                  "MEMORY_GROWTH", "MIXED_PRECISION"})


@dataclass(frozen=True)
class Rule:
    """One item of a lesson's grade.

    Attributes:
        name: ``"executed"``, ``"settings"``, ``"recorded"``, a record's name, or ``"exercise 22.1"``.
        kind: One of the five above: a record is ``"record"``, an exercise ``"exercise"``.
        title: What students read.
        points: At most.
        at_least, at_most: The record's bounds; None: it has only to be there.
        tolerance: By how much it may miss them.
        hidden: The student's page tells the outcome alone.
    """

    name: str
    kind: str
    title: str
    points: float
    at_least: float | None = None
    at_most: float | None = None
    tolerance: float = 0.0
    hidden: bool = False


@dataclass(frozen=True)
class LessonRubric:
    """What counts in one lesson. `free`: parameters that a student may change; `student_required`: exercises
    count only where the parameter STUDENT is set."""

    lesson: str
    profile: str
    rules: tuple[Rule, ...]
    free: frozenset = FREE
    student_required: bool = True

    @property
    def maximum(self):
        return sum(rule.points for rule in self.rules)

    def fingerprint(self):
        """Changes with whatever may change a grade."""
        content = repr((self.lesson, self.profile, self.rules, sorted(self.free), self.student_required))
        return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Late:
    """Each day begun after `due` and the grace takes `per_day` per cent of the points, `at_most` in all."""

    due: datetime | None
    grace_minutes: float = 0.0
    per_day: float = 10.0
    at_most: float = 100.0

    def days(self, submitted, marked):
        """Days late: 0 where in time; `marked` (as Canvas does) counts as one day at least."""
        late = timedelta()
        if self.due is not None and submitted is not None:
            late = submitted.astimezone() - self.due.astimezone() - timedelta(minutes=self.grace_minutes)
        days = math.ceil(late / timedelta(days=1)) if late > timedelta() else 0
        return max(days, int(marked))

    def deduction(self, days):
        """The share of the points that is taken off, from 0 to 1."""
        return min(days * self.per_day, self.at_most) / 100


@dataclass(frozen=True)
class Rubric:
    """`lessons`: by id, what counts. `expected`: the lessons that every student has to hand in."""

    lessons: dict[str, LessonRubric]
    late: Late | None = None
    expected: tuple[str, ...] = ()


def default_rubric(course):
    """The rubric that course.yml implies: the sample's floors, each promised result and exercise."""
    return Rubric({lesson.id: LessonRubric(lesson.id, "sample", _default_rules(course, lesson, "sample"))
                   for lesson in course.lessons})


def exercises_of(course, lesson):
    """The ids of the exercises in a lesson's notebook, in order."""
    notebook = read_notebook(course.notebook_path(lesson))
    found = [exercise_marker(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [name for name in found if name]


def _default_rules(course, lesson, profile):
    promised = [record for record in lesson.records.values() if record.promised_in(profile)]
    rules = [Rule(EXECUTED, EXECUTED, "Every cell was run, in order, without an error", DEFAULT_POINTS[EXECUTED]),
             Rule(SETTINGS, SETTINGS, "The lesson's parameters and data were used", DEFAULT_POINTS[SETTINGS])]
    if any(record.kind != "result" for record in promised):
        rules.append(Rule(RECORDED, RECORDED, "Everything that the lesson measures is recorded",
                          DEFAULT_POINTS[RECORDED]))
    rules += [_record_rule(record, profile) for record in promised if record.kind == "result"]
    return (*rules, *(_exercise_rule(name) for name in exercises_of(course, lesson)))


def _record_rule(record, profile):
    return Rule(record.name, RECORD, record.meaning[:1].upper() + record.meaning[1:], DEFAULT_POINTS[RECORD],
                record.floors.get(profile))


def _exercise_rule(name):
    return Rule(f"{EXERCISE} {name}", EXERCISE, f"Exercise {name}", DEFAULT_POINTS[EXERCISE])


def load_rubric(path, course):
    """Reads a rubric.yml; what it leaves out is as in `default_rubric`.

    Args:
        path: The file. Its form is described in docs/instructors.md.
        course: The `Course`.

    Raises:
        CourseError: It is absent, not YAML, or a field is unknown or wrong. Names the file and the line.
    """
    path = Path(path)
    try:
        text = read_whole(path, MAXIMUM_BYTES).decode("utf-8-sig")
        loader = PlainLoader(text)
        node = loader.get_single_node()
        reader = _Reader(path, loader)
        return _rubric(reader, node, course)
    except OSError as error:
        raise CourseError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CourseError(f"{path}: not UTF-8 text; save it as UTF-8.") from None
    except RecursionError:
        raise CourseError(f"{path}: nested too deeply.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise CourseError(f"{path}{place}: not valid YAML: {reason}.") from None
    except ValueError as error:
        raise CourseError(f"{path}: {error}.") from None


class _Reader:
    """Values out of YAML's nodes, which know their lines."""

    def __init__(self, path, loader):
        self.path, self.loader = path, loader

    def refuse(self, node, why):
        raise CourseError(f"{self.path}, line {node.start_mark.line + 1}: {why}")

    def fields(self, node, known=None):
        """name -> node of a mapping, each name once; `known`: the names there may be."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, "expected named fields.")
        found = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or name in found:
                self.refuse(key, f"the field {name!r} stands there twice." if name else "a name is no text.")
            if known is not None and name not in known:
                self.refuse(key, f"unknown field {reprlib.repr(name)}; there are {', '.join(known)}.")
            found[name] = value
        return found

    def value(self, node):
        return self.loader.construct_object(node, deep=True)

    def number(self, node, least=0.0, most=1e9):
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            self.refuse(node, f"{reprlib.repr(value)} is no number from {least:g} to {most:g}.")
        return float(value)

    def truth(self, node):
        if not isinstance(value := self.value(node), bool):
            self.refuse(node, f"{reprlib.repr(value)} is neither true nor false.")
        return value


def _rubric(reader, node, course):
    if node is None:
        raise CourseError(f"{reader.path}: is empty; leave --rubric out for the default.")
    fields = reader.fields(node, ("late", "lessons"))
    default = default_rubric(course)
    late = _late(reader, fields["late"]) if "late" in fields else None
    if "lessons" not in fields:
        return Rubric(default.lessons, late)
    lessons = {}
    for name, entry in reader.fields(fields["lessons"]).items():
        if name not in default.lessons:
            reader.refuse(entry, f"there is no lesson {reprlib.repr(name)}; course.yml has "
                                 f"{', '.join(default.lessons)} (in quotes).")
        lessons[name] = _lesson(reader, entry, course, course.lesson(name))
    if not lessons:
        reader.refuse(fields["lessons"], "no lesson is named.")
    return Rubric({**default.lessons, **lessons}, late, tuple(lessons))


def _late(reader, node):
    fields = reader.fields(node, ("due", "grace_minutes", "per_day", "at_most"))
    due = None
    if "due" in fields:
        try:
            due = datetime.fromisoformat(str(reader.value(fields["due"])))
        except ValueError:
            reader.refuse(fields["due"], "'due' is a date and time such as \"2026-11-20 23:59\".")
    numbers = {name: reader.number(fields[name], most=most) for name, most in
               (("grace_minutes", 1e6), ("per_day", 100), ("at_most", 100)) if name in fields}
    return Late(due, **numbers)


def _lesson(reader, node, course, lesson):
    if isinstance(node, yaml.ScalarNode) and reader.value(node) is None:
        return LessonRubric(lesson.id, "sample", _default_rules(course, lesson, "sample"))
    fields = reader.fields(node, ("profile", "free", "student", "points"))
    profile = reader.value(fields["profile"]) if "profile" in fields else "sample"
    if profile not in PROFILES:
        reader.refuse(fields["profile"], f"unknown profile {reprlib.repr(profile)}; there are {', '.join(PROFILES)}.")
    free = FREE
    if "free" in fields:
        names = {parameter.name for parameter in find_parameters(read_notebook(course.notebook_path(lesson)))[1]}
        given = reader.value(fields["free"])
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            reader.refuse(fields["free"], "'free' is a list of parameters, such as [EPOCHS].")
        if unknown := [name for name in given if name not in names]:
            reader.refuse(fields["free"], f"lesson {lesson.id} has no parameter {reprlib.repr(unknown[0])}; it has "
                                          f"{', '.join(sorted(names))}.")
        free = FREE | set(given)
    required = True
    if "student" in fields:
        if (word := reader.value(fields["student"])) not in ("required", "optional"):
            reader.refuse(fields["student"], f"{reprlib.repr(word)}; 'student' is required or optional.")
        required = word == "required"
    rules = _default_rules(course, lesson, profile)
    if "points" in fields:
        rules = _rules(reader, fields["points"], course, lesson, profile, rules)
    return LessonRubric(lesson.id, profile, rules, frozenset(free), required)


def _rules(reader, node, course, lesson, profile, defaults):
    """The rules that stand under `points`; what is not named there does not count."""
    possible = {rule.name: rule for rule in defaults}
    for record in lesson.records.values():
        possible.setdefault(record.name, _record_rule(record, profile))
    if any(record.kind != "result" for record in lesson.records.values()):
        possible.setdefault(RECORDED, Rule(RECORDED, RECORDED, "Everything that the lesson measures is recorded", 0))
    rules = []
    for name, entry in reader.fields(node).items():
        name = re.sub(rf"^{EXERCISE}s? +", f"{EXERCISE} ", name)
        if name not in possible:
            reader.refuse(entry, f"lesson {lesson.id} has no item {reprlib.repr(name)}; it has {', '.join(possible)}.")
        rules.append(_rule(reader, entry, possible[name]))
    if not rules or not sum(rule.points for rule in rules):
        reader.refuse(node, "no item has points.")
    return tuple(rules)


def _rule(reader, node, default):
    if isinstance(node, yaml.ScalarNode):
        return Rule(**asdict(default) | {"points": reader.number(node)})
    bounds = ("at_least", "at_most", "tolerance") if default.kind == RECORD else ()
    fields = reader.fields(node, ("points", "hidden", *bounds))
    changed = {"points": default.points}
    for name, entry in fields.items():
        if name == "hidden":
            changed[name] = reader.truth(entry)
        else:
            changed[name] = reader.number(entry, -1e9 if name in ("at_least", "at_most") else 0.0)
    rule = Rule(**asdict(default) | changed)
    if None not in (rule.at_least, rule.at_most) and rule.at_least > rule.at_most:
        reader.refuse(node, f"at_least {rule.at_least:g} is above at_most {rule.at_most:g}.")
    return rule
