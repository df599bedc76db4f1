"""Each cell by itself, and those beside it (N30 to N37)."""

import ast
import re
from statistics import median

from fashion_tf.classroom.lint.rules import is_setup_cell, rule
from fashion_tf.classroom.lint.stored import CELL_FIELDS
from fashion_tf.classroom.lint.text import before_heading, has_sentence, parse, prose
from fashion_tf.classroom.notebooks import KEY_FIGURE_TAG, cell_tags, checked_exercise, is_parameters_cell

LONGEST_CODE_CELL = 25
MEDIAN_CODE_CELL = 7
MOST_WORDS = 1_800
TALKING_DOWN = ("simply", "just", "easily", "obviously")
MACHINE_PATH = re.compile(
    r"(?<![\w./:~-])/(?:home|Users|root|content|kaggle|mnt|media|Volumes|tmp|var|opt|srv|work"
    r"|workspace|scratch|data|datasets)(?:/[^\s\"'`)]*|(?=[\"'`]))"
    r"|(?<!\w)[A-Za-z]:[\\/]{1,2}(?i:users|windows|program|documents|data|te?mp)[^\s\"'`)]*")


@rule("N30")
def _plain_python(page):
    """Code is Python that parses: no magics, no `!`; `%pip` in the setup cell only."""
    for number, cell in page.code():
        parsed = parse(cell["source"])
        for line, text in parsed.special:
            if not (is_setup_cell(cell) and text.startswith("%pip ")):
                yield number, f"line {line}: {text!r} is not Python; write it with the library"
        if parsed.error:
            yield number, f"does not parse: {parsed.error}"


@rule("N31")
def _no_machine_paths(page):
    """No absolute paths: they exist on one machine."""
    for number, cell in enumerate(page.cells, 1):
        for path in dict.fromkeys(match.group() for match in
                                  MACHINE_PATH.finditer(cell["source"])):
            yield number, f"the path {path} exists on one machine only; make it a parameter"


@rule("N32")
def _short_cells(page):
    """A code cell has at most 25 lines."""
    for number, cell in page.code():
        lines = lines_of(cell)
        if lines > LONGEST_CODE_CELL:
            yield number, f"{lines} lines of code; above {LONGEST_CODE_CELL}, split the cell"


def lines_of(cell):
    return len(cell["source"].strip().splitlines())


@rule("N33")
def _sentence_before_code(page):
    """A markdown cell with a sentence precedes each code cell (setup, parameters, checks excepted)."""
    for number, cell in page.code():
        if is_setup_cell(cell) or is_parameters_cell(cell["source"]) or checked_exercise(cell["source"]):
            continue
        before = page.cells[number - 2] if number > 1 else {"cell_type": None}
        if before["cell_type"] != "markdown" or not has_sentence(before["source"]):
            yield number, "no sentence before it says what this code is for"


@rule("N34")
def _sentence_after_figure(page):
    """After a figure, the next markdown cell begins with a sentence: what to notice in it."""
    drawing = _plot_names(page)
    for number, cell in page.code():
        tree = parse(cell["source"]).tree
        # What is defined here is drawn where it is called.
        running = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        drawing |= {function.name for function in defined if _draws(function.body, drawing)}
        if is_setup_cell(cell) or not (
                KEY_FIGURE_TAG in cell_tags(cell) or _draws(running, drawing)):
            continue
        after = page.cells[number] if number < len(page.cells) else {"cell_type": None}
        if after["cell_type"] != "markdown" or not has_sentence(before_heading(after["source"])):
            yield number, "no sentence after this figure says what to notice in it"


def _plot_names(page):
    """Prefixes and names by which this notebook calls `fashion_tf.plots` and ``plt.show``."""
    names = {"plt.show", "fashion_tf.plots."}
    for _, cell in page.code():
        for node in ast.walk(parse(cell["source"]).tree):
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
        lines = [line for line in prose(cell["source"]).splitlines()
                 if not line.lstrip().startswith(">")]  # a quotation says what it says
        for word in dict.fromkeys(words.findall("\n".join(lines))):
            yield number, f"says {word!r}; leave it out, or say why it is so"


@rule("N37", lessons_only=True)
def _cells_that_breathe(page):
    """A lesson's code cells have at most 7 lines in the median, its prose at most 1,800 words."""
    lines = median([lines_of(cell) for _, cell in page.code()] or [0])
    if lines > MEDIAN_CODE_CELL:
        yield None, (f"its code cells have {lines:g} lines in the median; above {MEDIAN_CODE_CELL}, give each idea a "
                     "cell of its own, and leave drawing that teaches nothing to fashion_tf.plots")
    words = sum(len(cell["source"].split()) for _, cell in page.markdown())
    if words > MOST_WORDS:
        yield None, f"{words:,} words of prose; above {MOST_WORDS:,}, shorten it, or make two lessons of it"
