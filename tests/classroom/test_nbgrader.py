"""The exercises of a real lesson through nbgrader: given out, validated and graded by its own commands."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

from fashion_tf.classroom.exercises import read_attempts
from fashion_tf.classroom.notebooks import (
    canonical_bytes,
    checked_exercise,
    exercise_marker,
    is_parameters_cell,
    read_notebook,
)

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install fashion_tf[nbgrader])")

NAME = "11_fashion_mnist_cnn"


def exercise_part(path):
    """The lesson without what it trains: its texts, parameters and exercises."""
    notebook = read_notebook(path)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["cell_type"] != "code"
                         or is_parameters_cell(cell["source"]) or exercise_marker(cell["source"])
                         or checked_exercise(cell["source"])]
    place = next(place for place, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
    notebook["cells"].insert(place, {
        "cell_type": "code", "id": "setup", "metadata": {}, "outputs": [], "execution_count": None,
        "source": "import numpy as np\n\nfrom fashion_tf.classroom import check, personal"})
    return notebook


def answered(notebook, *exercises):
    """The notebook with the kit's own solutions of some exercises, by a student."""
    solutions = {exercise_marker(cell["source"]): cell["source"]
                 for cell in read_notebook(REPOSITORY / "notebooks" / "solutions" / f"{NAME}.ipynb")["cells"]
                 if cell["cell_type"] == "code"}
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if exercise_marker(cell["source"]) in exercises:
            cell["source"] = solutions[exercise_marker(cell["source"])]
        cell["source"] = cell["source"].replace('STUDENT = ""', 'STUDENT = "ada"')
    return notebook


def environment(folder):
    """nbgrader looks for alembic on the path, and for settings in the user's folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "none")}


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """A course folder with the assignment made from the lesson, and a function that runs nbgrader in it."""
    folder = tmp_path_factory.mktemp("course")
    source = folder / "source" / "fashion" / f"{NAME}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes(canonical_bytes(exercise_part(REPOSITORY / "notebooks" / f"{NAME}.ipynb")))

    def nbgrader(*arguments):
        run = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=folder, env=environment(folder),
                             capture_output=True, text=True, timeout=300)
        return run.returncode, run.stdout + run.stderr

    status, text = nbgrader("generate_assignment", "fashion", "--create")
    assert status == 0, text
    return folder, nbgrader


def test_the_assignment_is_the_lesson_with_its_stubs(classroom):
    folder, _ = classroom
    before, after = (read_notebook(folder / part / "fashion" / f"{NAME}.ipynb") for part in ("source", "release"))
    assert [cell["source"] for cell in after["cells"]] == [cell["source"] for cell in before["cells"]]
    locked = [cell for cell in after["cells"] if "nbgrader" in cell["metadata"]]
    assert [cell["metadata"]["nbgrader"]["grade_id"] for cell in locked] == ["exercise-11-1", "exercise-11-2"]
    assert all(cell["metadata"]["nbgrader"]["checksum"] and not cell["metadata"]["editable"] for cell in locked)


def test_validate_tells_right_from_wrong(classroom):
    folder, nbgrader = classroom
    released = read_notebook(folder / "release" / "fashion" / f"{NAME}.ipynb")
    (folder / "right.ipynb").write_bytes(canonical_bytes(answered(released, "11.1", "11.2")))
    (folder / "half.ipynb").write_bytes(canonical_bytes(answered(released, "11.1")))
    _, right = nbgrader("validate", "right.ipynb")
    _, half = nbgrader("validate", "half.ipynb")
    assert "Success" in right
    assert "FAILED ON 1 CELL" in half.upper() and "11.2: not attempted" in half


def test_autograde_gives_a_point_for_what_passes(classroom):
    folder, nbgrader = classroom
    released = read_notebook(folder / "release" / "fashion" / f"{NAME}.ipynb")
    for student, solved in {"ada": ("11.1", "11.2"), "grace": ("11.2",), "emilie": ()}.items():
        handed_in = folder / "submitted" / student / "fashion" / f"{NAME}.ipynb"
        handed_in.parent.mkdir(parents=True)
        notebook = answered(released, *solved)
        if student == "emilie":  # a student who rewrites the check: nbgrader restores it
            for cell in notebook["cells"]:
                if checked_exercise(cell["source"]):
                    cell["source"] = "pass"
        handed_in.write_bytes(canonical_bytes(notebook))
    status, text = nbgrader("autograde", "fashion", "--create")
    assert status == 0, text
    code = ("import json; from nbgrader.api import Gradebook\n"
            "with Gradebook('sqlite:///gradebook.db') as book:\n"
            "    print(json.dumps({one.student.id: [one.score, one.max_score] for one in\n"
            "                      book.assignment_submissions('fashion')}))")
    found = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(folder),
                           capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == {"ada": [2, 2], "grace": [1, 2], "emilie": [0, 2]}
    (_, attempt), *_ = read_attempts(folder / "autograded" / "ada" / "fashion" / f"{NAME}.ipynb")
    assert (attempt.exercise, attempt.outcome, attempt.student) == ("11.1", "pass", "ada")
