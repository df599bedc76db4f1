"""Exercises, their checks and their solutions (N40 to N45)."""

import ast
import re

from fashion_tf.classroom.checks import EXERCISES
from fashion_tf.classroom.lint.rules import rule
from fashion_tf.classroom.notebooks import checked_exercise, exercise_marker, find_parameters, read_notebook

STUDENT = "STUDENT"
_MARK_LIKE = re.compile(r"#\s*exercise\b", re.IGNORECASE)


def nbgrader_metadata(exercise_id):
    """What nbgrader keeps at an exercise's check: a test of one point, which nobody but the author changes.

    The cell with the answer carries nothing: nbgrader empties the cells that it knows as answers when it
    makes an assignment, and here the stub is what a student is to get.
    """
    return {"grade": True, "grade_id": f"exercise-{exercise_id.replace('.', '-')}", "locked": True, "points": 1,
            "schema_version": 3, "solution": False, "task": False}


def exercises_of(page):
    """Exercise ids with the numbers of their cells, in order."""
    return [(found, number) for number, cell in page.code() if (found := exercise_marker(cell["source"]))]


@rule("N40")
def _markers(page):
    """Exercises are marked `# exercise: NN.K` in the first line, numbered from 1 in order, each once."""
    for number, cell in page.code():
        if not exercise_marker(cell["source"]) and _MARK_LIKE.search(cell["source"]):
            yield number, "speaks of an exercise, and its first line is not '# exercise: NN.K'"
    lesson = page.path.name[:2]
    for place, (found, number) in enumerate(exercises_of(page), 1):
        if found != f"{lesson}.{place}":
            yield number, f"exercise {found} stands where {lesson}.{place} belongs"


@rule("N41")
def _known(page):
    """Every exercise has a check in `fashion_tf.classroom.checks`."""
    for found, number in exercises_of(page):
        if found not in EXERCISES:
            yield number, f"there is no check of exercise {found}; add it in fashion_tf/classroom/checks"


@rule("N42", lessons_only=True)
def _stub(page):
    """An exercise's cell ends with the stub `answer = ...`, so that an untouched lesson runs."""
    for found, number in exercises_of(page):
        tree = _tree(page.cells[number - 1]["source"])
        if tree is None:
            continue  # N30 speaks of it
        last = tree.body[-1] if tree.body else None
        if not (isinstance(last, ast.Assign) and ast.unparse(last) == "answer = ..."):
            yield number, f"exercise {found} does not end with the stub 'answer = ...'"


@rule("N43")
def _check_follows(page):
    """The cell after an exercise is `check("NN.K", answer)` alone, and stands nowhere else."""
    follows = {number: found for found, number in exercises_of(page)}
    for number, found in follows.items():
        after = page.cells[number] if number < len(page.cells) else {"cell_type": None}
        if after["cell_type"] != "code" or checked_exercise(after["source"]) != found:
            yield number, f"""the cell after it is not check("{found}", answer) and nothing else"""
    for number, _ in page.calls("check"):
        if number - 1 not in follows:
            yield number, "a check without the marked cell of its exercise before it"


@rule("N44", lessons_only=True)
def _student_parameter(page):
    """A lesson with exercises has the parameter `STUDENT = ""`."""
    try:
        index, found = find_parameters(page.notebook)
    except ValueError:
        return  # N23 speaks of it
    if exercises_of(page) and "" not in [one.default for one in found if one.name == STUDENT]:
        yield index + 1, f'lacks {STUDENT} = "", from which the data of its exercises are drawn'


@rule("N45", lessons_only=True)
def _solved(page):
    """Every exercise has its solution in the notebook of the same name in notebooks/solutions/."""
    marked = exercises_of(page)
    path = page.course.root / "notebooks" / "solutions" / page.path.name
    try:
        cells = read_notebook(path)["cells"] if marked else []
    except (OSError, ValueError):
        cells = []
    solved = {exercise_marker(cell["source"]) for cell in cells if cell["cell_type"] == "code"}
    for found, number in marked:
        if found not in solved:
            yield number, f"exercise {found} has no solution in notebooks/solutions/{page.path.name}"


def _tree(source):
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
