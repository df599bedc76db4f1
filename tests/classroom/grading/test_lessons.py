"""Every lesson of the course: an honest notebook gets all points that its results are worth, whoever saved it."""

import json

import pytest
from classroom.grading.made import shown, stream
from conftest import REPOSITORY

from fashion_tf.classroom.checks import EXERCISES
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.grading import grade_class
from fashion_tf.classroom.grading.origins import names_of
from fashion_tf.classroom.grading.rubric import default_rubric
from fashion_tf.classroom.notebooks import find_parameters, read_notebook
from fashion_tf.classroom.records import as_text

COURSE = load_course(REPOSITORY / "course.yml")
LESSONS = [lesson.id for lesson in COURSE.lessons]


def honest(lesson):
    """The lesson as if executed by the student "ada": each promised result is recorded, no exercise attempted."""
    notebook = read_notebook(COURSE.notebook_path(lesson))
    place, parameters = find_parameters(notebook)
    used = {one.name: one.default for one in parameters} | lesson.profiles["sample"].parameters | {"STUDENT": "ada"}
    cell = notebook["cells"][place]
    lines = cell["source"].splitlines()
    for one in parameters:
        lines[one.line - 1] = f"{one.name} = {used[one.name]!r}"
    cell["source"] = "\n".join(lines)
    basis = {"schema": 1, "lesson": lesson.id, "parameters": used, "versions": {}}
    for count, cell in enumerate([cell for cell in notebook["cells"] if cell["cell_type"] == "code"], 1):
        cell.update(execution_count=count, outputs=[stream("seen\n")])
        for name in sorted(names_of(cell["source"]).records):
            if name in lesson.records:
                value = lesson.records[name].floors.get("sample", 1.5)
                cell["outputs"].append(shown(basis | {"name": name, "value": value},
                                             f"recorded {name} = {as_text(value)}"))
            elif "." in name:
                cell["outputs"].append(shown(basis | {"kind": "exercise", "name": name, "student": "ada", "message": "",
                                                      "outcome": "not attempted"}, f"exercise {name}: not attempted."))
    return notebook


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "class/ada").mkdir(parents=True)
    for lesson in COURSE.lessons:
        (folder / f"class/ada/{lesson.notebook}").write_text(json.dumps(honest(lesson)))
    return grade_class(folder / "class", folder / "out", COURSE, jobs=1, say=lambda _: None).rows


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_honest_notebook_passes_all_but_the_exercises(lesson, rows):
    row = next(row for row in rows if row.lesson == lesson)
    assert not row.problem
    items = [(item["name"], item["outcome"], item["reason"]) for item in row.items]
    assert [one for one in items if one[1] != ("not attempted" if one[0].startswith("exercise") else "pass")] == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_default_rubric_counts_what_the_lesson_promises(lesson):
    names = [rule.name for rule in default_rubric(COURSE).lessons[lesson].rules]
    promised = [record.name for record in COURSE.lesson(lesson).records.values()
                if record.kind == "result" and record.promised_in("sample")]
    assert [name for name in names if name in COURSE.lesson(lesson).records] == promised
    exercises = [f"exercise {name}" for name in EXERCISES if name.startswith(f"{lesson}.")]
    assert [name for name in names if name.startswith("exercise ")] == exercises
