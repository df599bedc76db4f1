"""The house rules for notebooks, numbered, each a small function; some mend what they find.

`lint` checks, `lint(..., fix=True)` also mends, `RULES` lists the rules. Nothing is executed, and
neither TensorFlow nor Jupyter is needed.
"""

import ast
import copy
import hashlib
import io
import re
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

from fashion_tf.classroom.lint_exercises import RULES as EXERCISE_RULES
from fashion_tf.classroom.lint_exercises import nbgrader_metadata
from fashion_tf.classroom.notebooks import (
    INJECTED_TAG,
    KEY_FIGURE_TAG,
    MAXIMUM_NOTEBOOK_BYTES,
    PARAMETERS_MARKER,
    canonical_bytes,
    cell_tags,
    checked_exercise,
    find_parameters,
    is_parameters_cell,
    parse_notebook,
)
from fashion_tf.errors import CourseError
from fashion_tf.files import read_whole, write_atomically

LONGEST_CODE_CELL = 25
MEDIAN_CODE_CELL = 7
MOST_WORDS = 1_800
PARAMETERS_TAG = "parameters"
BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
NOTEBOOK_FIELDS = {"cells", "metadata", "nbformat", "nbformat_minor"}
CELL_FIELDS = {"code": {"execution_count", "outputs"}, "markdown": {"attachments"}}
TALKING_DOWN = ("simply", "just", "easily", "obviously")

README_MARKS = ("<!-- lessons: written by fashion-tf lint --fix -->", "<!-- /lessons -->")

_TITLED = re.compile(r"#\s*@title\b")
_SETUP = re.compile(r"#\s*@title\s+setup\s*$", re.IGNORECASE | re.MULTILINE)
# Notebooks may come from anybody: each part of a pattern is bounded, or ends where the next begins, so
# that no text takes more than a time in proportion to its length.
_BADGE = re.compile(r"\[!\[[^\]]{0,200}\]\((?=[^)]{0,300}colab-badge\.svg)[^)]{0,400}\)\]\([^)]{0,400}\)")
_HEADING = re.compile(r"#{1,6}\s(.*)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,5})(?!`).{1,500}?(?<!`)\1(?!`)")
_PICTURE = re.compile(r"!\[[^\[\]]{0,500}\]\([^)]{0,500}\)")
_LINK = re.compile(r"\[([^\[\]]{0,500})\]\([^)]{0,500}\)")
_END_OF_SENTENCE = re.compile(r"[.:?!](?=[\s*_)\"'”]|$)")
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+\S")
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What IPython adds to Python: %magic, %%magic, !shell, and NAME = either of them.
_IPYTHON_LINE = re.compile(r"(\s*)(?:[\w,.][\w\s,.]*=\s*)?[%!]")
_EXTRA_INSTALL = re.compile(r"    %pip install -q --no-deps (?!.*(==|fashion_tf))\S.*")
_MACHINE_PATH = re.compile(
    r"(?<![\w./:~-])/(?:home|Users|root|content|kaggle|mnt|media|Volumes|tmp|var|opt|srv|work"
    r"|workspace|scratch|data|datasets)(?:/[^\s\"'`)]*|(?=[\"'`]))"
    r"|(?<!\w)[A-Za-z]:[\\/]{1,2}(?i:users|windows|program|documents|data|te?mp)[^\s\"'`)]*")


@dataclass(frozen=True)
class Problem:
    """A rule broken by a notebook.

    Attributes:
        path: The notebook.
        cell: The cell's number, from 1; None where it concerns the file.
        code: The rule's number, e.g. ``"N10"``.
        message: What is wrong and what to do.
        fixed: Whether `lint` has mended it.
    """

    path: Path
    cell: int | None
    code: str
    message: str
    fixed: bool = False

    def __str__(self):
        path = self.path
        if path.is_relative_to(Path.cwd()):
            path = path.relative_to(Path.cwd())
        place = f"{path}, cell {self.cell}" if self.cell else str(path)
        return f"{place}: {self.code} {self.message}{' (fixed)' if self.fixed else ''}"


@dataclass(frozen=True)
class Rule:
    """A numbered rule. `fixes`: it can mend; `lessons_only`: solutions need not keep it."""

    code: str
    text: str
    check: object
    fixes: bool
    lessons_only: bool


RULES = []


def rule(code, fixes=False, lessons_only=False):
    """Registers a function as a rule; the first line of its docstring is the rule's text.

    The function takes a `Page` and yields (cell number or None, message), with a third part where
    the rule can mend this problem: a function without arguments that does so.
    """
    def register(check):
        RULES.append(Rule(code, check.__doc__.splitlines()[0], check, fixes, lessons_only))
        return check
    return register


def rules_table():
    """The rules as a Markdown table."""
    rows = ["| Rule | What it asks | `--fix` mends it |", "|---|---|---|"]
    rows += [f"| {rule.code} | {rule.text.replace('|', chr(92) + '|')} | "
             f"{'yes' if rule.fixes else ''} |" for rule in RULES]
    return "\n".join(rows)


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
        paths = [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("solutions/*.ipynb"))]
        absent = {lesson.notebook for lesson in course.lessons} - {path.name for path in paths
                                                                   if path.parent == folder}
        message = "course.yml lists this notebook, which is not there; add it, or remove the lesson"
        problems = [Problem(folder / name, None, "N01", message) for name in sorted(absent)]
        problems += _lint_readme(course, fix)
    for path in paths:
        problems += _lint_file(course, Path(path).absolute(), fix)
    return problems


def canonical(notebook):
    """The notebook in the form that is committed: what the form rules (N02 to N06) ask.

    Args:
        notebook: What `fashion_tf.classroom.notebooks.parse_notebook` returned. It is not changed.

    Returns:
        A new notebook, without outputs and execution counts, with valid unique cell ids, the
        metadata that the course uses (tags are kept), and the parameters cell tagged. Equal
        notebooks have equal ``canonical_bytes``.
    """
    page = Page(None, None, None, copy.deepcopy(notebook))
    _check(page, [rule for rule in RULES if "N02" <= rule.code <= "N06"], fix=True)
    return page.notebook


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
    start, end = README_MARKS
    if text.count(start) != 1 or text.count(end) != 1:
        return [Problem(path, None, "N07", f"has not one table of lessons between {start} and {end}")]
    mended = text[:text.index(start) + len(start)] + f"\n{lesson_table(course)}\n" + (
        text[text.index(end):])
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


@dataclass
class Page:
    """A notebook under the rules. `lesson` is None for solutions and for unlisted notebooks."""

    path: Path | None
    course: object
    lesson: object
    notebook: dict
    content: bytes | None = None
    cells: list = field(init=False)

    def __post_init__(self):
        self.cells = self.notebook["cells"]

    def code(self):
        """(number, cell) of the code cells."""
        return [(number, cell) for number, cell in enumerate(self.cells, 1)
                if cell["cell_type"] == "code"]

    def markdown(self):
        """(number, cell) of the markdown cells."""
        return [(number, cell) for number, cell in enumerate(self.cells, 1)
                if cell["cell_type"] == "markdown"]

    def headings(self):
        """(cell number, line index, text) of all headings, as `_headings` gives them."""
        return [(number, index, text) for number, cell in self.markdown()
                for index, text in _headings(cell["source"])]

    def calls(self, name):
        """(cell number, ast.Call) of the calls ``name(...)``, in order."""
        found = [(number, node) for number, cell in self.code()
                 for node in ast.walk(_parse(cell["source"]).tree)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                 and node.func.id == name]
        return sorted(found, key=lambda call: (call[0], call[1].lineno, call[1].col_offset))

    @property
    def is_solution(self):
        return self.path.parent.name == "solutions"

    @property
    def repository_path(self):
        folder = "notebooks/solutions" if self.is_solution else "notebooks"
        return f"{folder}/{self.path.name}"


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
    problems = _check(page, rules, fix)
    if any(problem.fixed for problem in problems):
        try:
            write_atomically(path.resolve(), canonical_bytes(page.notebook))  # a link stays one
        except OSError as error:
            raise CourseError(f"{path}: cannot be written: {error.strerror}.") from None
    return sorted(problems, key=lambda problem: (problem.cell or 0, problem.code))


def _check(page, rules, fix):
    problems = []
    for rule in rules:
        for number, message, *mend in rule.check(page):
            if mend and fix:
                mend[0]()  # at once, so that the next rules see the cell as it will be
            problems.append(Problem(page.path, number, rule.code, message, bool(mend and fix)))
    return problems


# The file


@rule("N00")
def _can_be_read(page):
    """The file is a notebook (JSON, nbformat 4); one that is not is left alone."""
    return ()  # a page exists only for a file that was read: _lint_file reports the others


@rule("N01")
def _is_listed(page):
    """notebooks/ and course.yml name the same lessons; a solution belongs to a lesson."""
    if page.is_solution:
        if page.path.name[:2] not in {lesson.id for lesson in page.course.lessons}:
            yield None, "no lesson of course.yml has this solution's number"
    elif page.lesson is None:
        yield None, "course.yml does not list this notebook; add it there, or remove the notebook"


# The form in which a notebook is stored


@rule("N02", fixes=True)
def _canonical_form(page):
    """Stored as nbformat 4.5: sorted keys, indent 1, UTF-8, line feeds, one at the end."""
    form = {**page.notebook, "nbformat": 4, "nbformat_minor": 5, "cells": [
        {**cell, "source": re.sub(r"\r\n?", "\n", cell["source"])} for cell in page.cells]}

    def mend():
        page.notebook.update(nbformat=4, nbformat_minor=5)
        for cell, formed in zip(page.cells, form["cells"]):
            cell["source"] = formed["source"]

    if page.content != canonical_bytes(form):
        yield None, "not in the stored form (sorted keys, indent 1, nbformat 4.5)", mend


@rule("N03", fixes=True)
def _no_outputs(page):
    """No outputs and no execution counts."""
    for number, cell in page.code():
        if cell.get("outputs") != [] or cell.get("execution_count", 0) is not None:
            yield (number, "has outputs or an execution count; clear them",
                   lambda cell=cell: cell.update(outputs=[], execution_count=None))


@rule("N04", fixes=True)
def _cell_ids(page):
    """Every cell has an id of its own (1 to 64 letters, digits, - and _)."""
    taken = {cell["id"] for cell in page.cells if _is_cell_id(cell.get("id"))}
    seen = set()
    for number, cell in enumerate(page.cells, 1):
        identity = cell.get("id") if _is_cell_id(cell.get("id")) else None
        if identity and identity not in seen:
            seen.add(identity)
            continue
        new = _new_cell_id(cell, taken)
        taken.add(new)
        message = f"has the id {identity} of another" if identity in seen else "has no valid id"
        yield number, message, lambda cell=cell, new=new: cell.update(id=new)


def _is_cell_id(value):
    return isinstance(value, str) and _CELL_ID.fullmatch(value) is not None


def _new_cell_id(cell, taken):
    """From the text, so that mending twice gives the same; Colab keeps ids in the metadata."""
    kept = _metadata(cell).get("id")
    if _is_cell_id(kept) and kept not in taken:
        return kept
    identity = hashlib.sha256(cell["source"].encode("utf-8")).hexdigest()[:8]
    repeat = 1
    while (new := identity if repeat == 1 else f"{identity}-{repeat}") in taken:
        repeat += 1
    return new


@rule("N05", fixes=True)
def _known_metadata(page):
    """Metadata: kernel python3, accelerator; of cells the tags, form view for `# @title`, nbgrader's for `check`."""
    whole = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    accelerator = _metadata(page.notebook).get("accelerator")
    if isinstance(accelerator, str):
        whole["accelerator"] = accelerator
    if page.notebook.get("metadata") != whole or page.notebook.keys() - NOTEBOOK_FIELDS:
        yield (None, "the notebook's metadata is not what the course keeps (kernel python3)",
               lambda: _keep(page.notebook, NOTEBOOK_FIELDS, whole))
    for number, cell in enumerate(page.cells, 1):
        kept = {}
        if tags := list(dict.fromkeys(cell_tags(cell))):
            kept["tags"] = tags
        if cell["cell_type"] == "code" and _TITLED.match(cell["source"]):
            kept["cellView"] = "form"
        if cell["cell_type"] == "code" and (exercise := checked_exercise(cell["source"])):
            kept["nbgrader"] = nbgrader_metadata(exercise)
        fields = {"cell_type", "id", "metadata", "source", *CELL_FIELDS.get(cell["cell_type"], ())}
        if cell.get("metadata") != kept or cell.keys() - fields:
            yield (number, "has other metadata than its tags, or lacks form view (under '# @title') or nbgrader's",
                   lambda cell=cell, fields=fields, kept=kept: _keep(cell, fields, kept))


def _keep(mapping, fields, metadata):
    for name in mapping.keys() - fields:
        del mapping[name]
    mapping["metadata"] = metadata


@rule("N06", fixes=True)
def _parameters_tag(page):
    """The tag `parameters` stands on the cell marked `# Parameters`, and on no other."""
    try:
        place, _ = find_parameters(page.notebook)
    except ValueError:
        return  # N23 speaks of it; without one certain place, no tag is moved
    for index, cell in enumerate(page.cells):
        tags = [tag for tag in cell_tags(cell) if tag != PARAMETERS_TAG]
        tagged = len(tags) < len(cell_tags(cell))
        if tagged != (index == place):
            message = "is marked '# Parameters', and lacks" if index == place else (
                "is not marked '# Parameters', and has")
            tags += [PARAMETERS_TAG] if index == place else []
            yield (index + 1, f"{message} the tag {PARAMETERS_TAG}",
                   lambda cell=cell, tags=tags: _set_tags(cell, tags))


def _set_tags(cell, tags):
    metadata = {name: value for name, value in _metadata(cell).items() if name != "tags"}
    cell["metadata"] = {**metadata, "tags": tags} if tags else metadata


def _metadata(mapping):
    metadata = mapping.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


@rule("N07", fixes=True)
def _readme(page):
    """README.md lists the lessons, and clones from the address, as course.yml has them."""
    return ()  # one file, not one page: _lint_readme looks at it


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


# The anatomy of a lesson


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
    setups = [number for number, cell in page.code() if _is_setup_cell(cell)]
    if len(setups) > 1:
        yield setups[1], "a second setup cell ('# @title Setup'); a lesson has one"
    places.insert(1, ("the setup cell ('# @title Setup')", (setups[0], 0) if setups else None))
    marked = [number for number, cell in page.code() if _is_marked(cell)]
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
            headings = dict(_headings(cell["source"]))
            for index, line in _outside_fences(cell["source"]):
                if index not in headings:
                    yield from [line] if inside else []
                elif inside:
                    return
                else:
                    inside = headings[index] == title
        elif inside:
            return


@rule("N22", fixes=True)
def _install(page):
    """The setup cell begins as `setup_cell` writes it: this release, on Colab only, --no-deps."""
    for number, cell in page.code():
        if not _is_setup_cell(cell) or not (fault := _install_fault(page.course, cell["source"])):
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
        if _IPYTHON_LINE.match(line) and "pip" in line:
            return (f"the setup cell has {line.strip()!r}; after the kit's line, one line "
                    "'%pip install -q --no-deps ...' without '==' may follow")
    return None


def _with_install(course, source):
    """The cell with the kit's install line renewed, or set in where there is none."""
    title, imported, condition, install = setup_cell(course).splitlines()
    lines = source.splitlines()[1:]
    kit = [index for index, line in enumerate(lines)
           if _IPYTHON_LINE.match(line) and "pip install" in line and "fashion_tf" in line]
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
    marked = [number for number, cell in page.code() if _is_marked(cell)]
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
    if not any(_is_setup_cell(page.cells[number - 1]) for number, _ in starts):
        yield None, f'the setup cell does not call start_lesson("{page.lesson.id}")'


def _literal(call):
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) else None


def _is_setup_cell(cell):
    return cell["cell_type"] == "code" and _SETUP.match(cell["source"]) is not None


def _is_marked(cell):
    return (cell["cell_type"] == "code" and is_parameters_cell(cell["source"])
            and INJECTED_TAG not in cell_tags(cell))


# Each cell


@rule("N30")
def _plain_python(page):
    """Code is Python that parses: no magics, no `!`; `%pip` in the setup cell only."""
    for number, cell in page.code():
        parsed = _parse(cell["source"])
        for line, text in parsed.special:
            if not (_is_setup_cell(cell) and text.startswith("%pip ")):
                yield number, f"line {line}: {text!r} is not Python; write it with the library"
        if parsed.error:
            yield number, f"does not parse: {parsed.error}"


@rule("N31")
def _no_machine_paths(page):
    """No absolute paths: they exist on one machine."""
    for number, cell in enumerate(page.cells, 1):
        for path in dict.fromkeys(match.group() for match in
                                  _MACHINE_PATH.finditer(cell["source"])):
            yield number, f"the path {path} exists on one machine only; make it a parameter"


@rule("N32")
def _short_cells(page):
    """A code cell has at most 25 lines."""
    for number, cell in page.code():
        lines = _lines(cell)
        if lines > LONGEST_CODE_CELL:
            yield number, f"{lines} lines of code; above {LONGEST_CODE_CELL}, split the cell"


def _lines(cell):
    return len(cell["source"].strip().splitlines())


@rule("N33")
def _sentence_before_code(page):
    """A markdown cell with a sentence precedes each code cell (setup, parameters, checks excepted)."""
    for number, cell in page.code():
        if _is_setup_cell(cell) or is_parameters_cell(cell["source"]) or checked_exercise(cell["source"]):
            continue
        before = page.cells[number - 2] if number > 1 else {"cell_type": None}
        if before["cell_type"] != "markdown" or not _has_sentence(before["source"]):
            yield number, "no sentence before it says what this code is for"


@rule("N34")
def _sentence_after_figure(page):
    """After a figure, the next markdown cell begins with a sentence: what to notice in it."""
    drawing = _plot_names(page)
    for number, cell in page.code():
        tree = _parse(cell["source"]).tree
        # What is defined here is drawn where it is called.
        running = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        drawing |= {function.name for function in defined if _draws(function.body, drawing)}
        if _is_setup_cell(cell) or not (
                KEY_FIGURE_TAG in cell_tags(cell) or _draws(running, drawing)):
            continue
        after = page.cells[number] if number < len(page.cells) else {"cell_type": None}
        if after["cell_type"] != "markdown" or not _has_sentence(_before_heading(after["source"])):
            yield number, "no sentence after this figure says what to notice in it"


@rule("N35")
def _kinds_of_cells(page):
    """Cells are code or markdown, and none is empty."""
    for number, cell in enumerate(page.cells, 1):
        if cell["cell_type"] not in CELL_FIELDS:
            yield number, f"a {cell['cell_type']} cell; a notebook has code and markdown"
        elif not cell["source"].strip():
            yield number, "is empty; remove it"


@rule("N36")
def _no_talking_down(page):
    """Prose does not say simply, just, easily or obviously."""
    words = re.compile(rf"\b(?:{'|'.join(TALKING_DOWN)})\b", re.IGNORECASE)
    for number, cell in page.markdown():
        lines = [line for line in _prose(cell["source"]).splitlines()
                 if not line.lstrip().startswith(">")]  # a quotation says what it says
        for word in dict.fromkeys(words.findall("\n".join(lines))):
            yield number, f"says {word!r}; leave it out, or say why it is so"


@rule("N37", lessons_only=True)
def _cells_that_breathe(page):
    """A lesson's code cells have at most 7 lines in the median, its prose at most 1,800 words."""
    lines = median([_lines(cell) for _, cell in page.code()] or [0])
    if lines > MEDIAN_CODE_CELL:
        yield None, (f"its code cells have {lines:g} lines in the median; above {MEDIAN_CODE_CELL}, give each idea a "
                     "cell of its own, and leave drawing that teaches nothing to fashion_tf.plots")
    words = sum(len(cell["source"].split()) for _, cell in page.markdown())
    if words > MOST_WORDS:
        yield None, f"{words:,} words of prose; above {MOST_WORDS:,}, shorten it, or make two lessons of it"


for code, lessons_only, check in EXERCISE_RULES:
    rule(code, lessons_only=lessons_only)(check)


def _plot_names(page):
    """Prefixes and names by which this notebook calls `fashion_tf.plots` and ``plt.show``."""
    names = {"plt.show", "fashion_tf.plots."}
    for _, cell in page.code():
        for node in ast.walk(_parse(cell["source"]).tree):
            if isinstance(node, ast.ImportFrom) and node.module == "fashion_tf.plots":
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "fashion_tf":
                names |= {f"{alias.asname or alias.name}." for alias in node.names
                          if alias.name == "plots"}
            elif isinstance(node, ast.Import):
                names |= {f"{alias.asname}." for alias in node.names
                          if alias.name == "fashion_tf.plots" and alias.asname}
    return names


def _draws(nodes, names):
    called = {_dotted(call.func) for node in nodes for call in ast.walk(node)
              if isinstance(call, ast.Call)}
    return any(name in names or f"{name.rpartition('.')[0]}." in names for name in called)


def _dotted(node):
    """``plt.show`` of the tree of such an expression, and nothing of any other."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


# Reading code and prose


@dataclass(frozen=True)
class _Parsed:
    """A cell's code: its tree (empty where it does not parse), IPython's lines, the error."""

    tree: ast.Module
    special: tuple = ()
    error: str | None = None


def _parse(source):
    try:
        return _Parsed(_tree(source))
    except ValueError:
        lines = source.splitlines()
    if source.lstrip().startswith("%%"):
        return _Parsed(ast.Module([], []), ((1, source.strip().partition("\n")[0]),))
    special = {number: match for number, line in enumerate(lines, 1)
               if (match := _IPYTHON_LINE.match(line))}
    plain = [f"{special[number][1]}pass" if number in special else line
             for number, line in enumerate(lines, 1)]
    listed = tuple((number, lines[number - 1].strip()) for number in special)
    try:
        return _Parsed(_tree("\n".join(plain)), listed)
    except ValueError as error:
        return _Parsed(ast.Module([], []), listed, str(error))


def _tree(source):
    """Parses; whatever stands in the way becomes one ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            raise ValueError(f"line {error.lineno}: {error.msg}") from None
        except (RecursionError, MemoryError):
            raise ValueError("nested too deeply") from None


def _outside_fences(source):
    """(line index, line) of a markdown cell, without its blocks of code."""
    fence = None
    for index, line in enumerate(source.splitlines()):
        mark = re.match(r"\s{0,3}(`{3,}|~{3,})", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = None
        elif fence is None:
            yield index, line


def _headings(source):
    """(line index, text) of the headings; lower case, without marks of emphasis."""
    return [(index, re.sub(r"[\\*_`]", "", match[1].strip().rstrip("# \t")).lower())
            for index, line in _outside_fences(source) if (match := _HEADING.match(line))]


def _before_heading(source):
    headings = _headings(source)
    return "\n".join(source.splitlines()[:headings[0][0]]) if headings else source


def _prose(source):
    """The text that a reader reads: no code, comments, pictures or addresses."""
    text = "\n".join(line for _, line in _outside_fences(source))
    first, *parts = text.split("<!--")
    text = first + "".join(part.partition("-->")[2] if "-->" in part else part for part in parts)
    text = _CODE_SPAN.sub("code", text)
    text = _PICTURE.sub("", text)
    text = _LINK.sub(r"\1", text)
    return re.sub(r"https?://\S+", "", text)


def _has_sentence(source):
    """Three words and a full stop (or : ? !), outside headings and tables."""
    lines = [line for line in _prose(source).splitlines()
             if not _HEADING.match(line) and not line.lstrip().startswith("|")]
    text = "\n".join(lines)
    third = next(islice(re.finditer(r"\w+", text), 2, None), None)
    return third is not None and _END_OF_SENTENCE.search(text, third.start() + 1) is not None
