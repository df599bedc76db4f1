"""What a rule is, how it is registered, and what it sees of a notebook."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from fashion_tf.classroom.lint.text import headings, parse
from fashion_tf.classroom.notebooks import INJECTED_TAG, cell_tags, is_parameters_cell

_SETUP = re.compile(r"#\s*@title\s+setup\s*$", re.IGNORECASE | re.MULTILINE)


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


RULES = []  # each file of this room adds its own; the door sorts them


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
        """(cell number, line index, text) of all headings, as `headings` gives them."""
        return [(number, index, text) for number, cell in self.markdown()
                for index, text in headings(cell["source"])]

    def calls(self, name):
        """(cell number, ast.Call) of the calls ``name(...)``, in order."""
        found = [(number, node) for number, cell in self.code()
                 for node in ast.walk(parse(cell["source"]).tree)
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


def check_page(page, rules, fix):
    problems = []
    for rule in rules:
        for number, message, *mend in rule.check(page):
            if mend and fix:
                mend[0]()  # at once, so that the next rules see the cell as it will be
            problems.append(Problem(page.path, number, rule.code, message, bool(mend and fix)))
    return problems


def is_setup_cell(cell):
    return cell["cell_type"] == "code" and _SETUP.match(cell["source"]) is not None


def is_marked(cell):
    return (cell["cell_type"] == "code" and is_parameters_cell(cell["source"])
            and INJECTED_TAG not in cell_tags(cell))
