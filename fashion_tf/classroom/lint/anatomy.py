"""The anatomy of a lesson, from its title to what it records (N10 to N26)."""

import ast
import io
import re
import tokenize
from collections import Counter
from itertools import pairwise

from fashion_tf.classroom.lint.rules import is_marked, is_setup_cell, rule
from fashion_tf.classroom.lint.text import IPYTHON_LINE, headings, outside_fences
from fashion_tf.classroom.notebooks import INJECTED_TAG, PARAMETERS_MARKER, cell_tags, find_parameters

BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"

_BADGE = re.compile(r"\[!\[[^\]]{0,200}\]\((?=[^)]{0,300}colab-badge\.svg)[^)]{0,400}\)\]\([^)]{0,400}\)")
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+\S")
_EXTRA_INSTALL = re.compile(r"    %pip install -q --no-deps (?!.*(==|fashion_tf))\S.*")


def setup_cell(course):
    """The beginning of every lesson's setup cell: installs this release on Colab, only there.

    The author's imports follow it. One more line of the same form may stand inside the ``if``, for
    packages that Colab lacks.
    """
    return ('# @title Setup\n'
            'import sys\n'
            'if "google.colab" in sys.modules:\n'
            f'    %pip install -q --no-deps "fashion_tf @ git+{course.repository}@{course.tag}"')


def badge(course, path):
    """The Colab badge of a notebook, as Markdown.

    Args:
        course: A `fashion_tf.classroom.course.Course`.
        path: The notebook, relative to the repository, e.g. ``"notebooks/00_start_here.ipynb"``.
    """
    repository = course.repository.removeprefix("https://github.com/")
    return (f"[![Open in Colab]({BADGE_IMAGE})](https://colab.research.google.com/github/"
            f"{repository}/blob/{course.tag}/{path})")


# The title cell


@rule("N10", lessons_only=True)
def _title(page):
    """The first cell begins with `# NN · Title`: the file's number, the title in course.yml."""
    wanted = f"# {page.lesson.id} · {page.lesson.title}"
    first = _title_cell(page)
    if first is None:
        yield 1, f"the first cell is not markdown; it begins with '{wanted}'"
    elif first["source"].partition("\n")[0].rstrip() != wanted:
        yield 1, f"the first line is not '{wanted}', which course.yml has"


@rule("N11", fixes=True)
def _colab_badge(page):
    """The title cell has the Colab badge, which opens this notebook in this release."""
    wanted = badge(page.course, page.repository_path)
    first = _title_cell(page)
    for number, cell in page.markdown():
        if set(_BADGE.findall(cell["source"])) - {wanted}:
            yield (number, f"the Colab badge is not {wanted}", lambda cell=cell: cell.update(
                source=_BADGE.sub(lambda _: wanted, cell["source"])))
    if page.lesson and first and not _BADGE.search(first["source"]):
        title, _, rest = first["source"].partition("\n")
        parts = [title, wanted, *filter(None, [rest.strip("\n")])]
        yield (1, f"has no Colab badge under its title; it is {wanted}",
               lambda: first.update(source="\n\n".join(parts)))


@rule("N12", lessons_only=True)
def _title_cell_labels(page):
    """The title cell says what of the paper is reproduced, `Time:` and `Needs:`."""
    first = _title_cell(page)
    if first is None:
        return  # N10 speaks of it
    for label in ("Time", "Needs"):
        if not re.search(rf"\b{label}[*_]*:[*_]*[ \t]*\S", first["source"]):
            yield 1, f"the title cell does not say '{label}: ...'"
    if page.lesson.paper and not re.search(r"\breproduc", first["source"], re.IGNORECASE):
        yield 1, "the title cell does not say what of the paper is reproduced"


def _title_cell(page):
    first = page.cells[0] if page.cells else {"cell_type": None}
    return first if first["cell_type"] == "markdown" else None


# Sections, setup, parameters, records


@rule("N20", lessons_only=True)
def _sections(page):
    """In order: What you will do, Setup, parameters, the paper's two, What you learned, Next."""
    titles = {}
    for number, line, text in page.headings():
        titles.setdefault(text, (number, line))
    wanted = ["What you will do", "Paper | here", "What the paper does not tell you",
              "What you learned", "Next"]
    if not page.lesson.paper:
        del wanted[1:3]
    places = [(f"the section '## {title}'", titles.get(title.lower())) for title in wanted]
    setups = [number for number, cell in page.code() if is_setup_cell(cell)]
    if len(setups) > 1:
        yield setups[1], "a second setup cell ('# @title Setup'); a lesson has one"
    places.insert(1, ("the setup cell ('# @title Setup')", (setups[0], 0) if setups else None))
    marked = [number for number, cell in page.code() if is_marked(cell)]
    if len(marked) == 1:  # N23 speaks of none and of several
        places.insert(2, ("the parameters cell", (marked[0], 0)))
    for name, place in places:
        if place is None:
            yield None, f"{name} is missing"
    found = [(name, place) for name, place in places if place]
    for (before, earlier), (name, place) in pairwise(found):
        if place < earlier:
            yield place[0], f"{name} stands before {before}; it belongs after it"


@rule("N21", lessons_only=True)
def _objectives(page):
    """`## What you will do` lists three to five things."""
    title = "what you will do"
    for number in [number for number, _, text in page.headings() if text == title][:1]:
        bullets = sum(_BULLET.match(line) is not None for line in _section(page, title))
        if not 3 <= bullets <= 5:
            yield number, f"'What you will do' has {bullets} bullets; it has three to five"


def _section(page, title):
    """The lines of prose under a heading, up to the next heading or code cell."""
    inside = False
    for cell in page.cells:
        if cell["cell_type"] == "markdown":
            titles = dict(headings(cell["source"]))
            for index, line in outside_fences(cell["source"]):
                if index not in titles:
                    yield from [line] if inside else []
                elif inside:
                    return
                else:
                    inside = titles[index] == title
        elif inside:
            return


@rule("N22", fixes=True)
def _install(page):
    """The setup cell begins as `setup_cell` writes it: this release, on Colab only, --no-deps."""
    for number, cell in page.code():
        if not is_setup_cell(cell) or not (fault := _install_fault(page.course, cell["source"])):
            continue
        mended = _with_install(page.course, cell["source"])
        if _install_fault(page.course, mended):
            yield number, f"{fault}; it begins:\n{setup_cell(page.course)}"
        else:
            yield number, fault, lambda cell=cell, mended=mended: cell.update(source=mended)


def _install_fault(course, source):
    wanted = setup_cell(course).splitlines()
    lines = source.splitlines()
    for line, expected in zip([*lines, *[""] * len(wanted)], wanted):
        if line.rstrip() != expected:
            return f"the setup cell has {line.strip()!r} where {expected.strip()!r} belongs"
    rest = lines[len(wanted):]
    if rest and _EXTRA_INSTALL.fullmatch(rest[0].rstrip()):
        rest = rest[1:]
    for line in rest:
        if IPYTHON_LINE.match(line) and "pip" in line:
            return (f"the setup cell has {line.strip()!r}; after the kit's line, one line "
                    "'%pip install -q --no-deps ...' without '==' may follow")
    return None


def _with_install(course, source):
    """The cell with the kit's install line renewed, or set in where there is none."""
    title, imported, condition, install = setup_cell(course).splitlines()
    lines = source.splitlines()[1:]
    kit = [index for index, line in enumerate(lines)
           if IPYTHON_LINE.match(line) and "pip install" in line and "fashion_tf" in line]
    if len(kit) == 1:
        lines[kit[0]] = install
        return "\n".join([title, *lines])
    if not kit and "google.colab" not in source:
        lines = [line for line in lines if line.strip() != imported]
        return "\n".join([title, imported, condition, install, *lines])
    return source


@rule("N23", lessons_only=True)
def _parameters_cell(page):
    """One cell begins with `# Parameters`: NAME = literal, one a line, each with a comment."""
    for number, cell in page.code():
        if INJECTED_TAG in cell_tags(cell):
            yield number, "papermill's copy of the parameters; delete this cell"
    marked = [number for number, cell in page.code() if is_marked(cell)]
    try:
        index, found = find_parameters(page.notebook)
    except ValueError as error:
        yield (marked[-1] if marked else None), str(error)
        return
    number, source = index + 1, page.cells[index]["source"]
    if not source.startswith(PARAMETERS_MARKER):
        yield number, f"'{PARAMETERS_MARKER}' is not its first line"
    if not found:
        yield number, "sets no parameter"
    commented = {token.start[0] for token in tokenize.generate_tokens(io.StringIO(source).readline)
                 if token.type == tokenize.COMMENT and token.string.strip("# ")}
    last_line = {node.lineno: node.end_lineno for node in ast.parse(source).body}
    times = Counter(parameter.line for parameter in found)
    for parameter in found:
        place = f"line {parameter.line}: {parameter.name}"
        if last_line[parameter.line] != parameter.line or times[parameter.line] > 1:
            yield number, f"{place} does not stand on one line of its own"
        elif parameter.line not in commented:
            yield number, f"{place} has no comment at the end of its line"
    for name, count in Counter(parameter.name for parameter in found).items():
        if count > 1:
            yield number, f"sets {name} more than once"


@rule("N24", lessons_only=True)
def _profile_parameters(page):
    """The parameters that course.yml's profiles set are among the notebook's."""
    try:
        index, found = find_parameters(page.notebook)
    except ValueError:
        return  # N23 speaks of it
    names = {parameter.name for parameter in found}
    for profile_name, profile in page.lesson.profiles.items():
        for name in sorted(set(profile.parameters) - names, key=str):
            yield index + 1, f"course.yml's profile {profile_name} sets {name}, which is not here"


@rule("N25", lessons_only=True)
def _promised_records(page):
    """Each result that course.yml promises is written by one `record("name", ...)`, no other is."""
    written = []
    for number, call in page.calls("record"):
        name = _literal(call)
        if not isinstance(name, str):
            yield number, 'record(...) does not begin with a name in quotes: record("name", value)'
        elif name not in page.lesson.records:
            yield number, f"records {name!r}, which course.yml does not promise"
        elif name in written:
            yield number, f"records {name!r} a second time"
        written.append(name)
    for name in page.lesson.records:
        if name not in written:
            yield None, f'course.yml promises {name!r}; no cell has record("{name}", ...)'


@rule("N26", lessons_only=True)
def _own_number(page):
    """Setup calls `start_lesson("NN")`; lesson functions are given this lesson's number."""
    starts = page.calls("start_lesson")
    for number, call in starts + page.calls("paper_beside_here"):
        if _literal(call) != page.lesson.id:
            yield number, f'{call.func.id}(...) is not given "{page.lesson.id}", its number'
    if not any(is_setup_cell(page.cells[number - 1]) for number, _ in starts):
        yield None, f'the setup cell does not call start_lesson("{page.lesson.id}")'


def _literal(call):
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) else None
