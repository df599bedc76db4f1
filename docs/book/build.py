#!/usr/bin/env python
"""Builds the book, a static site, from a run's executed lessons. Executes nothing.

    python docs/book/build.py RUN [--to SITE]

RUN is a folder that `fashion-tf run` and `fashion-tf report` wrote. `make book` does all three.
"""

import argparse
import html
import re
import shutil
import sys
import tempfile
from pathlib import Path

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.notebooks import canonical_bytes, read_notebook
from fashion_tf.classroom.report.runs import read_run
from fashion_tf.classroom.results import PASSED
from fashion_tf.errors import FashionError, RunError
from fashion_tf.files import whole_folder, write_atomically

FRAME = Path(__file__).resolve().parent
DOCS = FRAME.parent
REPORT, FIGURES = "report.md", "figures"  # what `fashion-tf report` writes into a run's folder
PICTURES = {  # docs/pictures/draw.py draws the first two, `fashion-tf report --publish` the last
    "wardrobe.jpg": "People and products, drawn: the sample data",
    "parsed.jpg": "Photos, and the label that a parser gives to every pixel",
    "results.svg": "Each value of a paper beside what was measured",
}
CHAPTERS = {  # pages beside the lessons, as far as they are there
    "report": "The report of this run", "results": "Published results", "instructors": "For instructors",
}
_BADGE = re.compile(r"^\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\n*", re.MULTILINE)  # its picture is another site's
_TITLE = re.compile(r"\A# .*")


def build(run, site, course):
    """Builds the site, whole or not at all.

    Args:
        run: A folder of executed lessons, with its report.
        site: Where the pages go; what was there is replaced, if it is an earlier book or empty.
        course: The `fashion_tf.classroom.course.Course`.

    Returns:
        The names of the lessons in it that did not pass.

    Raises:
        RunError, RecordError: results.json is damaged, a lesson or the report is absent, Sphinx is, Sphinx finds
            fault with a page, SITE holds something else or the run itself, or cannot be written.
    """
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        raise RunError("The book needs Sphinx and its theme: pip install -e '.[book]'.") from None
    try:
        if site.exists() and (not site.is_dir() or any(site.iterdir()) and not (site / "searchindex.js").exists()):
            raise RunError(f"{site}: is no earlier book; remove it or choose another folder with --to.")
        if Path(run).resolve().is_relative_to(site.resolve()):
            raise RunError(f"{site}: the run stands in it, and would go with it; choose another folder with --to.")
        with tempfile.TemporaryDirectory() as scratch:
            failed = write_sources(Path(run), Path(scratch), course)
            with whole_folder(site) as pages:
                arguments = ["-q", "-W", "--keep-going", "-b", "html", "-j", "auto", "-d", f"{scratch}/.doctrees",
                             "-D", f"html_theme_options.repository_url={course.repository}", scratch, str(pages)]
                if build_main(arguments):
                    raise RunError("Sphinx found fault with a page; its lines above say which.")
    except OSError as error:
        raise RunError(f"{error.filename or site}: the book cannot be built: {error.strerror or error}.") from None
    return failed


def write_sources(run, folder, course):
    """Writes what Sphinx reads: the frame, a page for each lesson, the report, and the page of contents.

    Returns:
        The ids of the lessons that did not pass.
    """
    executed = read_run(run, course)
    results = executed.results
    for name in ("lessons", "extra/notebooks"):
        (folder / name).mkdir(parents=True)
    shutil.copy(FRAME / "conf.py", folder)
    shutil.copytree(FRAME / "_static", folder / "_static")
    if (DOCS / "pictures").is_dir():
        shutil.copytree(DOCS / "pictures", folder / "pictures", ignore=shutil.ignore_patterns("*.py"))
    for lesson in course.lessons:
        result = results.get(lesson.id)
        if result is None or not result.executed:
            raise RunError(f"{run}: lesson {lesson.id} was not executed: fashion-tf run {lesson.id} --out {run}.")
        path = run / result.executed
        try:
            notebook = read_notebook(path, links=False)
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None
        shutil.copy(path, folder / "extra" / "notebooks" / lesson.notebook)
        write_atomically(folder / "lessons" / lesson.notebook,
                         canonical_bytes(_page(notebook, lesson, course, executed)))
    chapters = _copy_chapters(run, folder)
    write_atomically(folder / "index.md", _contents(course, chapters))
    return [lesson.id for lesson in course.lessons if results[lesson.id].status != PASSED]


def _page(notebook, lesson, course, run):
    """The lesson with buttons in the place of the badge, and without what only a notebook's cells need."""
    colab = (f"https://colab.research.google.com/github/{course.repository.removeprefix('https://github.com/')}"
             f"/blob/{course.tag}/notebooks/{lesson.notebook}")
    buttons = (f'<p class="lesson-buttons"><a href="{html.escape(colab)}">Open in Colab</a>'
               f'<a href="../notebooks/{lesson.notebook}" download>Download the notebook</a></p>')
    note = (f'<p class="lesson-note">Executed with the profile <i>{run.profile}</i>, {run.started:%Y-%m-%d}. '
            f'{_MEANING.get(run.profile, "")}</p>')
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":  # where a run stopped, a note stands before the title
            cell["source"] = _BADGE.sub("", cell["source"])
            cell["source"] = _TITLE.sub(lambda title: f"{title[0]}\n\n{buttons}\n\n{note}", cell["source"])
        elif cell["source"].startswith("# @title Setup"):
            cell.setdefault("metadata", {}).setdefault("tags", []).append("hide-input")
    return notebook


_MEANING = {"sample": "The pictures are drawn: its figures show that the code runs, not that the paper is right.",
            "rehearsal": "Its figures mean nothing: the paper's networks, a few drawn photos, one epoch."}


def _copy_chapters(run, folder):
    """Copies the pages beside the lessons; returns the names of those that are there."""
    if not (run / REPORT).is_file():
        raise RunError(f"{run / REPORT}: no such file; 'fashion-tf report {run}' writes it.")
    shutil.copy(run / REPORT, folder)
    if (run / FIGURES).is_dir():
        shutil.copytree(run / FIGURES, folder / FIGURES)
    for name in ("results", "instructors"):
        if (DOCS / f"{name}.md").is_file():
            shutil.copy(DOCS / f"{name}.md", folder)
    return [name for name in CHAPTERS if (folder / f"{name}.md").is_file()]


def _contents(course, chapters):
    """The page of contents: the README's first words, and the lessons by paper."""
    parts = {}
    for lesson in course.lessons:
        title = course.papers[lesson.paper]["title"] if lesson.paper else "Before you start"
        parts.setdefault(title, []).append(f"lessons/{lesson.notebook.removesuffix('.ipynb')}")
    parts["Appendix"] = [f"{CHAPTERS[name]} <{name}>" for name in chapters]
    blocks = ["# Fashion image analysis: five papers, reproduced", _INTRODUCTION]
    blocks += [f"![{text}](pictures/{name})" for name, text in PICTURES.items() if (DOCS / "pictures" / name).is_file()]
    for caption, names in parts.items():
        blocks.append("\n".join(["```{toctree}", f":caption: {caption}", ":maxdepth: 1", "", *names, "```"]))
    return "\n\n".join(blocks) + "\n"


_INTRODUCTION = """\
Each lesson reproduces part of a paper: it looks at the data, builds and trains the network, sets the paper's table
beside what was measured, and asks by experiment what the paper does not tell. You read them here as they were executed;
*Open in Colab* runs one in your browser, and *Download the notebook* takes it home."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="a folder that 'fashion-tf run' and 'fashion-tf report' wrote")
    parser.add_argument("--to", metavar="SITE", type=Path, default=Path("build/book"), help="default: %(default)s")
    parser.add_argument("--course", metavar="FILE", help="course.yml (default: the nearest one)")
    options = parser.parse_args()
    try:
        failed = build(options.run, options.to, load_course(options.course))
    except FashionError as error:
        print(f"book: {error}", file=sys.stderr)
        return 2
    for lesson in failed:
        print(f"book: lesson {lesson} did not pass; its page shows what it got to.", file=sys.stderr)
    print(f"wrote {options.to / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
