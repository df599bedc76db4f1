"""What is published of runs: docs/runs/ is what was measured; docs/results.md, its picture and README's headline
are written from it, and never by hand."""

import json

import fashion_tf
from fashion_tf.classroom.report.check import RELEASES, released_states
from fashion_tf.classroom.report.comparison import COMPARED, Comparison
from fashion_tf.classroom.report.content import PROFILE_NAMES
from fashion_tf.classroom.report.markdown import as_markdown, table_as_markdown
from fashion_tf.classroom.report.overview import picture
from fashion_tf.classroom.report.runs import read_runs, results_files
from fashion_tf.classroom.report.text import NONE, format_value, several, tidy
from fashion_tf.classroom.states import state_of_course
from fashion_tf.errors import RunError
from fashion_tf.files import replaced_between, write_atomically

RUNS, RESULTS, OVERVIEW = "docs/runs", "docs/results.md", "docs/pictures/results.svg"
WRITTEN = "<!-- written by fashion-tf report --publish from docs/runs; never by hand -->"
README_MARKS = ("<!-- results: written by fashion-tf report --publish -->", "<!-- /results -->")


def published(course):
    """The published runs of a course's repository, set beside the papers.

    Returns:
        A `fashion_tf.classroom.report.comparison.Comparison`; without runs where none is published.
    """
    return Comparison(read_runs(results_files(course.root / RUNS), course), course)


def publish(course):
    """Writes what is published of the runs in docs/runs, and notes in docs/releases.json the states in which
    the lessons of this version are.

    Args:
        course: The `fashion_tf.classroom.course.Course`, in its repository.

    Returns:
        The paths that were written.

    Raises:
        RunError: A run is damaged, README has no place for its headline, or a file cannot be written.
    """
    comparison = published(course)
    files = published_files(comparison)
    files[RELEASES.as_posix()] = json.dumps(_with_this_version(course), indent=1, sort_keys=True) + "\n"
    try:
        for name, content in files.items():
            if content is None:
                (course.root / name).unlink(missing_ok=True)
            else:
                (course.root / name).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(course.root / name, content)
    except OSError as error:
        raise RunError(f"{error.filename or course.root}: {error.strerror}.") from None
    return [course.root / name for name, content in files.items() if content is not None]


def published_files(comparison):
    """The text of each file that is written from the published runs, by its place in the repository.

    None where there is nothing to write: a picture without a mark.
    """
    overview = picture(comparison)
    return {RESULTS: as_markdown(comparison, OVERVIEW.removeprefix("docs/") if overview else None, WRITTEN),
            OVERVIEW: overview, "README.md": _readme(comparison)}


def _readme(comparison):
    path = comparison.course.root / "README.md"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        return replaced_between(text, README_MARKS, headline(comparison))
    except ValueError as error:
        raise RunError(f"{path}: has not one place for the results {error}.") from None


def headline(comparison):
    """README's figures: for each lesson the results that course.yml calls its headline, as Markdown."""
    profiles = [profile for profile in comparison.profiles if profile != "sample"]
    rows = []
    for lesson in comparison.lessons():
        papers = {row.record: row.paper for table in lesson.tables for row in table.rows
                  if row.entry is None and row.paper is not None}
        for name, promise in lesson.records.items():
            of = comparison.of(lesson)
            here = {profile: of[profile].values().get(name) for profile in profiles if profile in of}
            if promise.headline and any(value is not None for value in here.values()):
                rows.append([lesson.id, tidy(promise.meaning), format_value(papers[name]) if name in papers else NONE,
                             *(NONE if here.get(profile) is None else format_value(here[profile])
                               for profile in profiles), format_value(promise.baseline)])
    if not rows:
        return "No run on real data is published yet."
    columns = ["the paper", *(f"here: {PROFILE_NAMES[profile]}" for profile in profiles), "naive baseline"]
    table = {"columns": [("lesson", "text"), ("what", "text"), *((name, "number") for name in columns)], "rows": rows}
    runs = [f"{tidy(run.name, 60)} ({run.started:%Y-%m-%d}, {PROFILE_NAMES[run.profile]})" for run in comparison.runs
            if run.profile in profiles and comparison.speaks_for(run)]
    return f"{table_as_markdown(table)}\n\nFrom {several(runs, 'run')}; every table is in [{RESULTS}]({RESULTS})."


def _with_this_version(course):
    """docs/releases.json with the present state of every lesson among this version's."""
    known = released_states(course)
    of_version = known.setdefault(fashion_tf.__version__, {})
    for lesson in course.lessons:
        for profile in COMPARED:
            states = of_version.setdefault(lesson.id, {}).setdefault(profile, [])
            if (state := state_of_course(course, lesson, profile)) not in states:
                states.append(state)
    return known
