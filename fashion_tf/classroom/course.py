"""course.yml, read and checked: the one place that says what the course consists of."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

import fashion_tf
from fashion_tf.errors import CourseError

PROFILES = ("sample", "real", "paper")
RECORD_KINDS = ("result", "baseline", "description")
DEVICE_NEEDS = ("gpu",)


@dataclass(frozen=True)
class PromisedRecord:
    """A result that a lesson promises to record.

    `kind` is ``"result"`` (has a baseline, and a floor in each profile that promises it),
    ``"baseline"`` or ``"description"`` (a number that is reported, and that nothing can pass or miss).
    """

    name: str
    meaning: str
    kind: str
    baseline: float | None
    floors: dict[str, float]

    def promised_in(self, profile):
        """Whether a run of this profile must record it: a result may need data that others lack."""
        return self.kind != "result" or profile in self.floors


@dataclass(frozen=True)
class PaperRow:
    """One row of a paper's table: the paper's value (None: the paper has none) and our record.

    `entry` is the key of this row's value where the record is a dict: a whole table in one record.
    """

    row: str
    paper: float | None
    record: str
    entry: str | None = None

    def value_among(self, values):
        """This row's value, given record names and their values.

        Raises:
            KeyError: It is not among them.
        """
        value = values[self.record]
        if self.entry is None:
            return value
        if not isinstance(value, dict):
            raise KeyError(self.entry)
        return value[self.entry]


@dataclass(frozen=True)
class PaperTable:
    title: str
    where: str
    rows: tuple[PaperRow, ...]


@dataclass(frozen=True)
class Profile:
    needs: tuple[str, ...]
    parameters: dict


@dataclass(frozen=True)
class Lesson:
    """One lesson. `id` is the number its notebook's name begins with."""

    id: str
    notebook: str
    title: str
    paper: str | None
    minutes: dict[str, float]
    profiles: dict[str, Profile]
    records: dict[str, PromisedRecord]
    tables: tuple[PaperTable, ...]


@dataclass(frozen=True)
class Course:
    """The syllabus; `root` is the folder of course.yml, which holds `notebooks/`."""

    root: Path
    repository: str
    papers: dict[str, dict]
    lessons: tuple[Lesson, ...]

    @property
    def tag(self):
        """The git tag of this release; install cells and badges point to it."""
        return f"v{fashion_tf.__version__}"

    def lesson(self, name):
        """The lesson with this id ("11") or notebook name, with or without its ending.

        Raises:
            CourseError: There is no such lesson; names those there are.
        """
        for lesson in self.lessons:
            if name in (lesson.id, lesson.notebook, lesson.notebook.removesuffix(".ipynb")):
                return lesson
        known = ", ".join(lesson.id for lesson in self.lessons)
        raise CourseError(f"There is no lesson {name!r} in course.yml; it has {known}.")

    def notebook_path(self, lesson):
        return self.root / "notebooks" / lesson.notebook

    def check_notebooks(self):
        """Every notebook is in course.yml and the reverse: none can be forgotten.

        Raises:
            CourseError: Names what is missing on either side.
        """
        listed = {lesson.notebook for lesson in self.lessons}
        present = {path.name for path in (self.root / "notebooks").glob("*.ipynb")}
        problems = [f"notebooks/{name} is not in course.yml" for name in sorted(present - listed)]
        problems += [f"course.yml lists {name}, which is not in notebooks/"
                     for name in sorted(listed - present)]
        if problems:
            raise CourseError("; ".join(problems) + ". Add the lesson or remove it, on both sides.")


def find_course_file():
    """course.yml: $FASHION_TF_COURSE, the nearest one upwards from here, or the package's own.

    Raises:
        CourseError: There is none.
    """
    if named := os.environ.get("FASHION_TF_COURSE"):
        return Path(named)
    here = Path.cwd()
    package = Path(fashion_tf.__file__).resolve().parent
    candidates = [folder / "course.yml" for folder in (here, *here.parents)]
    candidates += [package / "course.yml", package.parent / "course.yml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise CourseError("No course.yml here or above; give its path with --course.")


def load_course(path=None):
    """Reads and checks course.yml.

    Args:
        path: The file; by default `find_course_file()`.

    Raises:
        CourseError: The file is absent, not YAML, or a field is missing, unknown or wrong. The
            message names the file, the lesson and the field.
    """
    path = Path(path) if path else find_course_file()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{path}: no such file.") from None
    except yaml.YAMLError as error:
        raise CourseError(f"{path}: not valid YAML: {error}") from None
    reader = _Fields(content, str(path))
    repository = reader.take("repository", str).rstrip("/")
    papers = reader.take("papers", dict)
    lessons = reader.take("lessons", list)
    reader.done()
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", repository):
        raise CourseError(f"{path}: 'repository' is {repository!r}; it must be a GitHub address "
                          "such as https://github.com/OWNER/NAME (Colab opens notebooks from there).")
    lessons = tuple(_lesson(entry, f"{path}: lesson {number}", papers)
                    for number, entry in enumerate(lessons, 1))
    ids = [lesson.id for lesson in lessons]
    if len(set(ids)) < len(ids) or ids != sorted(ids):
        raise CourseError(f"{path}: lessons must be in the order of their numbers, each once: {ids}.")
    return Course(path.resolve().parent, repository, papers, lessons)


class _Fields:
    """Takes fields out of a mapping, each checked; what is left at the end is an unknown field."""

    def __init__(self, mapping, where):
        if not isinstance(mapping, dict):
            raise CourseError(f"{where}: expected named fields, found {type(mapping).__name__}.")
        self.left, self.where = dict(mapping), where

    def take(self, field, kind, default=...):
        if field not in self.left:
            if default is ...:
                raise CourseError(f"{self.where}: the field {field!r} is missing.")
            return default
        value = self.left.pop(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(one.__name__ for one in kinds)
            raise CourseError(f"{self.where}: the field {field!r} is {value!r}; expected {wanted}.")
        return value

    def done(self):
        if self.left:
            raise CourseError(f"{self.where}: unknown field(s) {', '.join(map(str, self.left))}.")


def _lesson(entry, where, papers):
    fields = _Fields(entry, where)
    notebook = fields.take("notebook", str)
    fields.where = where = f"{where.split(': lesson')[0]}: {notebook}"
    if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", notebook):
        raise CourseError(f"{where}: a notebook is named NN_lower_case.ipynb.")
    title = fields.take("title", str)
    paper = fields.take("paper", str, None)
    if paper is not None and paper not in papers:
        raise CourseError(f"{where}: unknown paper {paper!r}; 'papers' has {', '.join(papers)}.")
    minutes = fields.take("minutes", dict)
    profiles = {name: _profile(profile, f"{where}: profile {name}")
                for name, profile in fields.take("profiles", dict).items()}
    records = {name: _record(name, record, f"{where}: record {name}", profiles)
               for name, record in fields.take("records", dict).items()}
    tables = tuple(_table(table, f"{where}: table {number}", records)
                   for number, table in enumerate(fields.take("tables", list, []), 1))
    fields.done()
    for field, mapping in (("minutes", minutes), ("profiles", profiles)):
        if tuple(mapping) != PROFILES:
            raise CourseError(f"{where}: {field!r} must name {', '.join(PROFILES)}, in this order.")
    if not records:
        raise CourseError(f"{where}: a lesson promises at least one record.")
    return Lesson(notebook[:2], notebook, title, paper, minutes, profiles, records, tables)


def _profile(entry, where):
    from fashion_tf.datasets import READERS

    fields = _Fields(entry, where)
    needs = tuple(fields.take("needs", list, []))
    parameters = fields.take("parameters", dict, {})
    fields.done()
    for need in needs:
        if need not in READERS and need not in DEVICE_NEEDS:
            raise CourseError(f"{where}: unknown need {need!r}; a need is a dataset or "
                              f"{' or '.join(DEVICE_NEEDS)}.")
    return Profile(needs, parameters)


def _record(name, entry, where, profiles):
    fields = _Fields(entry, where)
    meaning = fields.take("meaning", str)
    kind = fields.take("kind", str, "result")
    baseline = fields.take("baseline", (int, float), None)
    floors = fields.take("floors", dict, {})
    fields.done()
    if kind not in RECORD_KINDS:
        raise CourseError(f"{where}: kind {kind!r}; expected {', '.join(RECORD_KINDS)}.")
    if kind != "result":
        if baseline is not None or floors:
            raise CourseError(f"{where}: a {kind} has neither a baseline nor floors.")
        return PromisedRecord(name, meaning, kind, None, {})
    if baseline is None or not floors or not set(floors) <= set(profiles):
        raise CourseError(f"{where}: a result needs a baseline and a floor for each profile that "
                          f"promises it ({', '.join(profiles)}).")
    for profile, floor in floors.items():
        if not isinstance(floor, (int, float)) or floor <= baseline:
            raise CourseError(f"{where}: the floor of {profile} is {floor!r}; it must be a number "
                              f"above the baseline {baseline}.")
    return PromisedRecord(name, meaning, kind, baseline, floors)


def _table(entry, where, records):
    fields = _Fields(entry, where)
    title, source = fields.take("title", str), fields.take("where", str)
    rows = []
    for number, row in enumerate(fields.take("rows", list), 1):
        row_fields = _Fields(row, f"{where}, row {number}")
        rows.append(PaperRow(row_fields.take("row", str),
                             row_fields.take("paper", (int, float), None),
                             row_fields.take("record", str),
                             row_fields.take("entry", str, None)))
        row_fields.done()
        if rows[-1].record not in records:
            raise CourseError(f"{where}, row {number}: no record {rows[-1].record!r} is promised.")
    fields.done()
    return PaperTable(title, source, tuple(rows))
