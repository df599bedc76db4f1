"""Every kind of notebook, good and bad, gets the grade that it is known to deserve."""

import json

import pytest
from classroom.grading.made import ITEMS, KINDS, MAXIMUM, write_course

from fashion_tf.classroom.grading import grade_class


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    course = write_course(folder / "course")
    for number, kind in enumerate(KINDS.values()):
        home = folder / "class" / f"s{number:02}"
        home.mkdir(parents=True)
        (home / "notebook.ipynb").write_text(json.dumps(kind.make(f"s{number:02}", number)))
    summary = grade_class(folder / "class", folder / "out", course, jobs=1, say=lambda _: None)
    return {name: next(row for row in summary.rows if row.student == f"s{number:02}")
            for number, name in enumerate(KINDS)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_grade_is_the_known_one(kind, rows):
    row = rows[kind]
    assert not row.problem
    found = {item["name"]: item["outcome"] for item in row.items}
    assert found == {name: KINDS[kind].outcomes.get(name, "pass") for name in ITEMS}, {
        item["name"]: item["reason"] for item in row.items}
    assert row.points == KINDS[kind].points and row.maximum == MAXIMUM
    assert all(item["reason"].endswith((".", "?")) or ": " in item["reason"] for item in row.items)
