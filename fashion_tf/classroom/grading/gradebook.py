"""A class graded: every file once, each grade kept as soon as it is known, and the tables and pages written."""

import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from fashion_tf.classroom.grading import pages, tables
from fashion_tf.classroom.grading.collect import collect, student_of_file
from fashion_tf.classroom.grading.copies import find_copies
from fashion_tf.classroom.grading.grader import GRADES, Task, grade_file, grade_path, kept_grade, lesson_of_file
from fashion_tf.classroom.grading.overrides import apply_overrides, read_overrides
from fashion_tf.classroom.grading.rerun import check_options, close_ahead, cores, isolate, plan_lesson, workers_for
from fashion_tf.classroom.grading.roster import Class, read_roster
from fashion_tf.classroom.grading.rubric import default_rubric, load_rubric
from fashion_tf.cluster import connected
from fashion_tf.errors import RunError
from fashion_tf.files import locked

MARK = "fashion-tf grades\n"  # in DIR/grades/.mark: the folder is this command's


@dataclass
class Row:
    """One student's grade in one lesson.

    Attributes:
        problem: Why there is no grade, such as two notebooks; empty where there is one.
        items: Dicts as of `Item`; an override adds ``comment``.
        deduction: The share taken off for being late.
        comment: An instructor's, where the whole was overridden.
        overridden: Points that an instructor gave for the whole, or None.
    """

    student: str
    name: str
    lesson: str
    maximum: float = 0.0
    grades: list = field(default_factory=list)
    problem: str = ""
    items: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    days_late: int = 0
    deduction: float = 0.0
    comment: str = ""
    overridden: float | None = None
    person: object = None

    @property
    def grade(self):
        return self.grades[0] if self.grades else None

    @property
    def points(self):
        if self.overridden is not None:
            return self.overridden
        return round(sum(item["points"] for item in self.items) * (1 - self.deduction), 4)

    @property
    def percent(self):
        return 100 * self.points / self.maximum if self.maximum else 0.0


@dataclass
class Summary:
    """What a run of `grade_class` did."""

    rows: list
    graded: int
    kept: int
    skipped: list
    notes: list

    @property
    def problems(self):
        return [row for row in self.rows if row.problem and row.overridden is None]

    def as_json(self):
        """The rows as plain values: who, which lesson, the points, and each item's outcome."""
        rows = [{"student": row.student, "name": row.name, "lesson": row.lesson, "points": row.points,
                 "maximum": row.maximum, "days_late": row.days_late, "problem": row.problem,
                 "items": {item["name"]: item["outcome"] for item in row.items}} for row in self.rows]
        return {"graded": self.graded, "kept": self.kept, "skipped": self.skipped, "notes": self.notes, "rows": rows}


def grade_class(submissions, out, course, course_path=None, rubric=None, roster=None, jobs="auto", say=print,
                rerun=None):
    """Grades a class's executed notebooks; executes nothing, unless it is told to.

    Args:
        submissions: A folder or an archive; see `fashion_tf.classroom.grading.collect.collect`.
        out: The folder for grades, tables and pages. What an earlier run graded there and has not changed is
            kept; its overrides.csv is an instructor's.
        course: The `Course`.
        course_path: Where it was read from; None: course.yml in its root.
        rubric: A rubric.yml; None: derived from course.yml.
        roster: A CSV file of the class; None: nobody is expected, and ids are compared within the class.
        jobs: Files at a time; ``"auto"``: as many as there are cores, and no more than memory bears where they are
            run again.
        say: Called with a line of text where a file could not be graded or was passed over.
        rerun: A `fashion_tf.classroom.grading.rerun.Rerun`: every submission is run again, in a sandbox, and
            graded by that; None: none is.

    Returns:
        A `Summary`.

    Raises:
        FashionError: The submissions, the rubric, the roster or the overrides cannot be read, or `out` cannot be
            written or is in use; or nothing can be run again here as safely as asked for.
    """
    course_path = str(course_path or course.root / "course.yml")
    rules = load_rubric(rubric, course) if rubric else default_rubric(course)
    people = read_roster(roster) if roster else []
    out = Path(out)
    _prepare(out, submissions)
    if rerun is not None:
        check_options(rerun)
    overrides = read_overrides(out)
    with locked(out / ".lock", f"The folder {out}", RunError), \
            tempfile.TemporaryDirectory(prefix="fashion-tf-grade-", ignore_cleanup_errors=True) as scratch:
        for left in (out / GRADES).glob(".*.part"):
            left.unlink(missing_ok=True)
        found = collect(submissions, Path(scratch))
        for line in found.skipped:
            say(f"passed over: {line}")
        tasks = _tasks(found.submissions, people, course, course_path, rules, out, rerun)
        grades, book = [], _Book(out, rules, people, overrides, course)
        fresh = []
        for task in tasks:
            kept = kept_grade(task)
            if kept is None:
                fresh.append(task)
            else:
                grades.append(kept)
        kept, again = len(grades), 0.0
        workers, backend = workers_for(rerun, jobs, len(fresh)), rerun.backend if rerun else "loky"
        if rerun is not None and fresh:
            paths = submissions, out, rubric, roster
            isolation = isolate(rerun, course_path, max(workers, 1), paths, say)
            fresh = _planned(fresh, rerun, isolation, course, Path(scratch), workers, say)
        for grade in _graded(fresh, workers, backend):
            grades.append(grade)
            if grade.problem:
                say(f"{grade.shown}: {grade.problem}")
            # Each grade is a file by now; the table follows, without taking more time than the grading.
            if time.monotonic() >= again:
                began = time.monotonic()
                tables.write_grades(out, book.rows(grades))
                again = time.monotonic() + max(0.5, 10 * (time.monotonic() - began))
        current = {grade_path(out, task.submission) for task in tasks}
        for old in set((out / GRADES).glob("*.json")) - current:
            old.unlink()  # of a file that is no longer among the submissions
        rows = book.rows(sorted(grades, key=lambda grade: grade.shown))
        notes = found.skipped + book.unused(rows)
        if rerun is not None:
            notes.append(f"Every notebook was run again on sample data, with SEED = {rerun.seed} and its student's own "
                         "personal data; the grades are of that run.")
        copies = find_copies(rows)
        tables.write_all(out, rows, rules, people)
        pages.write_pages(out, rows, rules, copies, course, notes)
    return Summary(rows, len(fresh), kept, found.skipped, book.unused(rows))


def _prepare(out, submissions):
    if Path(submissions).is_dir() and out.resolve().is_relative_to(Path(submissions).resolve()):
        raise RunError(f"{out}: lies among the submissions; give another folder with --out.")
    try:
        marked = (out / GRADES / ".mark").exists()
        if out.is_dir() and any(out.iterdir()) and not marked and not (out / "overrides.csv").exists():
            raise RunError(f"{out}: holds files that are none of 'fashion-tf grade'; give an empty folder with --out.")
        (out / GRADES).mkdir(parents=True, exist_ok=True)
        (out / GRADES / ".mark").write_text(MARK, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error.strerror}.") from None


def _planned(tasks, rerun, isolation, course, scratch, workers, say):
    """The tasks with how each is run again; the lessons themselves are run before."""
    lessons = dict(_each(lesson_of_file, lambda _: None, tasks, cores()))
    samples = scratch / "samples"
    samples.mkdir()
    samples.chmod(0o777)  # the user in the sandbox is another where we are root
    isolation.link_drawn(samples)
    found = [lessons[task.key] for task in tasks]
    plans = {lesson: plan_lesson(rerun, isolation, course, course.lesson(lesson), samples, say)
             for lesson in sorted(set(found) - {None})}
    planned = [replace(task, plan=plans.get(lesson)) for task, lesson in zip(tasks, found)]
    # One lesson after the other, so that what is started ahead fits.
    planned.sort(key=lambda task: "" if task.plan is None else " ".join(task.plan.modules))
    return [replace(task, more=number + max(workers, 1) < len(planned)) for number, task in enumerate(planned)]


def _tasks(submissions, people, course, course_path, rules, out, rerun):
    names = tuple(lesson.notebook.removesuffix(".ipynb") for lesson in course.lessons)
    # Moodle's and Canvas's numbers are no ids that a student would know.
    labels = [one.student or student_of_file(one.shown, names) for one in submissions
              if one.system not in ("moodle", "canvas")]
    members = Class(people, labels)
    return [Task(one, members.person(one.student or student_of_file(one.shown, names), one.name, one.system),
                 course_path, rules, members.known, names, str(out), rerun) for one in submissions]


def _graded(tasks, workers, backend="loky"):
    """Yields each task's grade as soon as it is known."""
    try:
        for _, grade in _each(grade_file, _lost, tasks, workers, backend):
            yield grade
    finally:
        close_ahead()


def _each(function, lost, tasks, workers, backend="loky"):
    """Yields (the task's key, the function's result) as soon as it is known; a file that ends its process costs
    itself alone: then `lost` tells the result."""
    workers = min(workers, len(tasks))
    if not tasks:
        return
    if workers in (0, 1) and backend == "loky":
        yield from ((task.key, function(task)) for task in tasks)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left = {task.key: task for task in tasks}
    try:
        with connected(backend), parallel_config(backend=backend, n_jobs=workers):
            parallel = Parallel(batch_size=1)
            if getattr(parallel._backend, "supports_return_generator", False):
                parallel = Parallel(batch_size=1, return_as="generator_unordered")
            for key, result in parallel(delayed(_with_key)(function, task) for task in tasks):
                del left[key]
                yield key, result
        return
    except BrokenProcessPool:
        pass
    for task in left.values():
        try:
            yield task.key, Parallel(n_jobs=2, batch_size=1)([delayed(function)(task), delayed(int)()])[0]
        except BrokenProcessPool:
            yield task.key, lost(task)


def _with_key(function, task):
    return task.key, function(task)


def _lost(task):
    submission = replace(task.submission, path=None, problem="Reading this file ended the process that read it. It is "
                                                              "no ordinary notebook.")
    return grade_file(replace(task, submission=submission))


class _Book:
    """Rows of grades, from the grades of files."""

    def __init__(self, out, rules, people, overrides, course):
        self.out, self.rules, self.people, self.overrides, self.course = out, rules, people, overrides, course

    def rows(self, grades):
        """One row for each student and lesson; for a student without any, one that says so."""
        expected = self.rules.expected
        if self.people and not expected:  # where the class hands in one lesson, that is what was asked for
            expected = tuple({grade.lesson for grade in grades} - {""})
            expected = expected if len(expected) == 1 else ()
        by_student = defaultdict(list)
        for grade in grades:
            by_student[grade.student].append(grade)
        persons = {person.label: person for person in self.people}
        for label in persons:
            by_student.setdefault(label, [])
        rows = []
        for student, own in sorted(by_student.items()):
            person = persons.get(student)
            name = next((grade.name for grade in own if grade.name), person.name if person else "") or student
            name = person.name if person and person.name else name
            lessons = defaultdict(list)
            for grade in own:
                lessons[grade.lesson].append(grade)
            broken = lessons.pop("", [])
            for lesson in expected:
                lessons.setdefault(lesson, [])
            taken = any(not several for several in lessons.values())  # by the row of a lesson that is expected
            rows += [self._row(student, name, person, lesson, several, broken)
                     for lesson, several in sorted(lessons.items())]
            if not taken and (broken or not lessons):
                rows.append(Row(student, name, "", grades=broken, problem=_problem(broken), person=person))
        apply_overrides(rows, self.overrides, self.rules)
        return rows

    def _row(self, student, name, person, lesson, several, broken):
        rules = self.rules.lessons[lesson]
        row = Row(student, name, lesson, rules.maximum, several, person=person)
        different = {grade.content for grade in several}
        if not several:
            row.problem, row.grades = _problem(broken), broken
        elif len(different) > 1:
            files = " and ".join(grade.shown for grade in several)
            row.problem = f"{len(several)} notebooks of lesson {lesson} were handed in: {files}. None was chosen."
        elif several[0].problem:
            row.problem = several[0].problem
        else:
            row.items = [dict(item) for item in several[0].items]
            row.notes = list(several[0].notes)
            if len(several) > 1:
                row.notes.append(f"The same file was handed in {len(several)} times.")
        if row.grade and self.rules.late:
            when = datetime.fromisoformat(row.grade.submitted) if row.grade.submitted else None
            row.days_late = self.rules.late.days(when, row.grade.late)
            row.deduction = self.rules.late.deduction(row.days_late)
        elif row.grade and row.grade.late:
            row.notes.append("Canvas marked it as late; the rubric has no late policy.")
        return row

    def unused(self, rows):
        """Sentences on overrides that fit no row, and on ids that several students claim."""
        found = [f"overrides.csv, line {one.line}: there is no {one.what}." for one in self.overrides if not one.used]
        claims = defaultdict(set)
        for row in rows:
            for grade in row.grades:
                if grade.claims.strip():
                    claims[grade.claims.strip().casefold()].add(row.name)
        found += [f"The id {claim!r} stands in the notebooks of {' and '.join(sorted(names))}."
                  for claim, names in sorted(claims.items()) if len(names) > 1]
        return found


def _problem(broken):
    """What is wrong with files that could not be graded, each named where there are several."""
    if len(broken) == 1:
        return broken[0].problem
    said = [f"{grade.shown.rpartition('/')[2]}: {grade.problem}" for grade in broken]
    return " ".join(said) or "Nothing was handed in."
