"""course.yml, read and checked: the one place that says what the course consists of."""

import math
import os
import re
import reprlib
from dataclasses import dataclass
from pathlib import Path

import yaml

import fashion_tf
from fashion_tf.classroom.fields import Fields, PlainLoader, is_number
from fashion_tf.classroom.tables import PaperTable, Source, check_metric, read_source, read_table
from fashion_tf.errors import CourseError, RunError
from fashion_tf.files import json_value, read_whole

MAXIMUM_BYTES = 2 * 1024 * 1024  # of course.yml
PROFILES = ("sample", "real", "paper", "rehearsal")
REHEARSAL = "rehearsal"  # shows that the paper's settings run; what it measures means nothing
RECORD_KINDS = ("result", "baseline", "description")
DEVICE_NEEDS = ("gpu",)


@dataclass(frozen=True)
class PromisedRecord:
    """A result that a lesson promises to record.

    `kind` is ``"result"`` (has a baseline, and a floor in each profile that promises it; a rehearsal
    promises what the paper's profile does, and nothing can miss a floor there),
    ``"baseline"`` or ``"description"`` (a number that is reported, and that nothing can pass or miss).
    `headline` says that README shows it among the course's results.
    `metric` is one of `fashion_tf.classroom.tables.METRICS`, or None for a description that has no bounds.
    """

    name: str
    meaning: str
    kind: str
    baseline: float | None
    floors: dict[str, float]
    metric: str | None = None
    headline: bool = False

    def promised_in(self, profile):
        """Whether a run of this profile must record it: a result may need data that others lack."""
        return self.kind != "result" or ("paper" if profile == REHEARSAL else profile) in self.floors


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
    published: dict[str, Source]
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
        present = {path.name for path in (self.root / "notebooks").glob("[!.]*.ipynb")}  # no ._11_one.ipynb of macOS
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
        content = yaml.load(read_whole(path, MAXIMUM_BYTES).decode("utf-8"), PlainLoader)
    except FileNotFoundError:
        raise CourseError(f"{path}: no such file.") from None
    except OSError as error:
        raise CourseError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise CourseError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as "
                          "UTF-8.") from None
    except RecursionError:
        raise CourseError(f"{path}: nested too deeply.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise CourseError(f"{path}{place}: not valid YAML: {reason}.") from None
    except ValueError as error:
        raise CourseError(f"{path}: {error}.") from None
    reader = Fields(content, str(path))
    repository = reader.take("repository", str).rstrip("/")
    papers = {name: _paper(paper, f"{path}: paper {name}") for name, paper in reader.take("papers", dict).items()}
    published = {name: read_source(name, entry, f"{path}: published: {name}")
                 for name, entry in reader.take("published", dict, {}).items()}
    lessons = reader.take("lessons", list)
    reader.done()
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", repository):
        raise CourseError(f"{path}: 'repository' is {repository!r}; it must be a GitHub address "
                          "such as https://github.com/OWNER/NAME (Colab opens notebooks from there).")
    lessons = tuple(_lesson(entry, f"{path}: lesson {number}", papers, published)
                    for number, entry in enumerate(lessons, 1))
    ids = [lesson.id for lesson in lessons]
    if len(set(ids)) < len(ids) or ids != sorted(ids):
        raise CourseError(f"{path}: lessons must be in the order of their numbers, each once: {ids}.")
    named = {source.name for lesson in lessons for table in lesson.tables for row in table.rows
             for source, _ in row.published}
    if unused := [name for name in published if name not in named]:
        raise CourseError(f"{path}: published: no row names {', '.join(unused)}.")
    return Course(path.resolve().parent, repository, papers, published, lessons)


def check_minutes(cell_minutes, lesson_minutes):
    """Raises RunError where a limit of a cell or a notebook, None for none given, is no number of minutes above 0."""
    for option, minutes in (("cell", cell_minutes), ("lesson", lesson_minutes)):
        if minutes is not None and not 0 < minutes < math.inf:  # NaN fails too
            raise RunError(f"--{option}-minutes {minutes:g}: give a number of minutes above 0.")


def _paper(entry, where):
    fields = Fields(entry, where)
    paper = {"title": fields.take("title", str), "authors": fields.take("authors", str, "")}
    fields.done()
    return paper


def _lesson(entry, where, papers, published):
    fields = Fields(entry, where)
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
    tables = tuple(read_table(table, f"{where}: table {number}", records, published)
                   for number, table in enumerate(fields.take("tables", list, []), 1))
    fields.done()
    for field, mapping in (("minutes", minutes), ("profiles", profiles)):
        if tuple(mapping) != PROFILES:
            raise CourseError(f"{where}: {field!r} must name {', '.join(PROFILES)}, in this order.")
    for profile, number in minutes.items():
        if not is_number(number) or number <= 0:
            raise CourseError(f"{where}: the minutes of {profile} are {reprlib.repr(number)}; expected a number "
                              "above 0.")
    if not records:
        raise CourseError(f"{where}: a lesson promises at least one record.")
    return Lesson(notebook[:2], notebook, title, paper, minutes, profiles, records, tables)


def _profile(entry, where):
    from fashion_tf.datasets import READERS

    fields = Fields(entry, where)
    needs = tuple(fields.take("needs", list, []))
    parameters = fields.take("parameters", dict, {})
    fields.done()
    for name, value in parameters.items():
        try:
            json_value(value)
        except ValueError as error:
            raise CourseError(f"{where}: parameter {name}: {error}") from None
    for need in needs:
        if need not in (*READERS, *DEVICE_NEEDS):
            raise CourseError(f"{where}: unknown need {reprlib.repr(need)}; a need is a dataset or "
                              f"{' or '.join(DEVICE_NEEDS)}.")
    return Profile(needs, parameters)


def _record(name, entry, where, profiles):
    fields = Fields(entry, where)
    meaning = fields.take("meaning", str)
    kind = fields.take("kind", str, "result")
    baseline = fields.take("baseline", (int, float), None)
    floors = fields.take("floors", dict, {})
    metric = check_metric(fields.take("metric", str, None if kind == "description" else "share"), where)
    headline = fields.left.pop("headline", False)
    fields.done()
    if not isinstance(headline, bool) or headline and kind != "result":
        raise CourseError(f"{where}: 'headline' is {reprlib.repr(headline)}; it is true or false, and true for a "
                          "result alone.")
    if kind not in RECORD_KINDS:
        raise CourseError(f"{where}: kind {kind!r}; expected {', '.join(RECORD_KINDS)}.")
    if kind != "result":
        if baseline is not None or floors:
            raise CourseError(f"{where}: a {kind} has neither a baseline nor floors.")
        return PromisedRecord(name, meaning, kind, None, {}, metric)
    with_floors = [profile for profile in profiles if profile != REHEARSAL]
    if baseline is None or not floors or not set(floors) <= set(with_floors):
        raise CourseError(f"{where}: a result needs a baseline and a floor for each profile that "
                          f"promises it ({', '.join(with_floors)}).")
    for profile, floor in floors.items():
        if not is_number(floor) or floor <= baseline:
            raise CourseError(f"{where}: the floor of {profile} is {reprlib.repr(floor)}; it must be a number "
                              f"above the baseline {baseline}.")
    return PromisedRecord(name, meaning, kind, baseline, floors, metric, headline)
