"""Checks files against the rules, and mends them."""

import re
from pathlib import Path

from fashion_tf.classroom.lint.anatomy import badge
from fashion_tf.classroom.lint.rules import RULES, Page, Problem, check_page
from fashion_tf.classroom.notebooks import MAXIMUM_NOTEBOOK_BYTES, canonical_bytes, parse_notebook
from fashion_tf.errors import CourseError
from fashion_tf.files import read_whole, replaced_between, write_atomically

README_MARKS = ("<!-- lessons: written by fashion-tf lint --fix -->", "<!-- /lessons -->")


def lint(course, paths=None, fix=False):
    """Checks notebooks against the rules.

    Args:
        course: A `fashion_tf.classroom.course.Course`.
        paths: Notebooks; by default every one in notebooks/ and notebooks/solutions/. A file
            elsewhere is judged as the lesson of its name.
        fix: Mend what can be mended. A file is replaced whole or not at all, and keeps its mode; of
            a link, the file it leads to is mended. A second call changes nothing.

    Returns:
        A list of `Problem`, in the order of files and cells.

    Raises:
        CourseError: A mended notebook cannot be written.
    """
    problems = []
    if paths is None:
        folder = course.root / "notebooks"
        paths = [*sorted(folder.glob("[!.]*.ipynb")), *sorted(folder.glob("solutions/[!.]*.ipynb"))]
        absent = {lesson.notebook for lesson in course.lessons} - {path.name for path in paths
                                                                   if path.parent == folder}
        message = "course.yml lists this notebook, which is not there; add it, or remove the lesson"
        problems = [Problem(folder / name, None, "N01", message) for name in sorted(absent)]
        problems += _lint_readme(course, fix)
    for path in paths:
        problems += _lint_file(course, Path(path).absolute(), fix)
    return problems


def lesson_table(course):
    """README's table of lessons: badge, title, paper, minutes. Its place there is marked."""
    rows = ["| Lesson | | Reproduces | Minutes: sample, real |", "|---|---|---|---|"]
    for lesson in course.lessons:
        path = f"notebooks/{lesson.notebook}"
        paper = course.papers[lesson.paper]["title"] if lesson.paper else "–"
        rows.append(f"| [{lesson.id} · {lesson.title}]({path}) | {badge(course, path)} | {paper} | "
                    f"{lesson.minutes['sample']:g}, {lesson.minutes['real']:g} |")
    return "\n".join(rows)


def _lint_readme(course, fix):
    """README's lesson table and clone commands follow course.yml."""
    path = course.root / "README.md"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(path, None, "N07", f"cannot be read: {getattr(error, 'strerror', None) or error}")]
    try:
        mended = replaced_between(text, README_MARKS, lesson_table(course))
    except ValueError as error:
        return [Problem(path, None, "N07", f"has not one table of lessons {error}")]
    clone = f"git clone {course.repository}"
    mended = re.sub(r"git clone (--branch \S+ )?https://\S+", clone, mended)
    if mended == text:
        return []
    if fix:
        try:
            write_atomically(path.resolve(), mended)
        except OSError as error:
            raise CourseError(f"{path}: cannot be written: {error.strerror}.") from None
    return [Problem(path, None, "N07", "its lessons or its clone commands are not course.yml's", fix)]


def _lint_file(course, path, fix):
    try:
        content = read_whole(path, MAXIMUM_NOTEBOOK_BYTES)
        notebook = parse_notebook(content)
        if notebook.get("nbformat") != 4:
            raise ValueError(f"nbformat is {notebook.get('nbformat')!r}, not 4")
        canonical_bytes(notebook)
    except OSError as error:
        return [Problem(path, None, "N00", f"cannot be read: {error.strerror}")]
    except ValueError as error:
        return [Problem(path, None, "N00", f"not a notebook: {error}; left alone")]
    lessons = {lesson.notebook: lesson for lesson in course.lessons}
    page = Page(path, course, lessons.get(path.name), notebook, content)
    if page.is_solution:
        page.lesson = None
    rules = [rule for rule in RULES if page.lesson or not rule.lessons_only]
    problems = check_page(page, rules, fix)
    if any(problem.fixed for problem in problems):
        try:
            write_atomically(path.resolve(), canonical_bytes(page.notebook))  # a link stays one
        except OSError as error:
            raise CourseError(f"{path}: cannot be written: {error.strerror}.") from None
    return sorted(problems, key=lambda problem: (problem.cell or 0, problem.code))
