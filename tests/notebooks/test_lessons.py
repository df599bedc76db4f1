"""Executes the whole course on sample data, as CI and a newcomer do, and reports on it."""

import json
import os

import pytest

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.lint import lint
from fashion_tf.classroom.records import read_records
from fashion_tf.classroom.report import compare, write_report
from fashion_tf.classroom.runner import run_course

pytestmark = pytest.mark.lessons
COURSE = load_course()


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """(folder, results by lesson). CI keeps the folder: it sets FASHION_TF_TEST_RUN."""
    folder = os.environ.get("FASHION_TF_TEST_RUN") or tmp_path_factory.mktemp("run")
    results = run_course(COURSE, profile="sample", jobs="auto", out=folder)
    return folder, {result.lesson: result for result in results}


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_a_lesson_runs_and_reaches_its_floors(executed, lesson):
    folder, results = executed
    assert results[lesson.id].status == "passed", "\n".join(results[lesson.id].reasons)
    records = read_records(f"{folder}/{lesson.notebook}")
    promised = {name for name, promise in lesson.records.items() if promise.promised_in("sample")}
    assert promised <= records.keys() <= lesson.records.keys()
    assert {record.lesson for record in records.values()} == {lesson.id}
    assert all(record.parameters["DATA"] == "sample" for record in records.values())


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_a_lesson_prints_no_warnings(executed, lesson):
    folder, _ = executed
    with open(f"{folder}/{lesson.notebook}", encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    streams = ["".join(output["text"]) for cell in cells for output in cell.get("outputs", [])
               if output["output_type"] == "stream" and output["name"] == "stderr"]
    assert streams == []


def test_the_report_shows_every_lesson(executed):
    folder, _ = executed
    markdown, page = write_report(compare([folder], COURSE), folder)
    text = markdown.read_text(encoding="utf-8")
    assert f"{len(COURSE.lessons)} of {len(COURSE.lessons)} lessons passed" in text
    assert all(lesson.title in text for lesson in COURSE.lessons)
    assert "data:image/png;base64," in page.read_text(encoding="utf-8")


def test_the_notebooks_keep_the_house_rules():
    assert [str(problem) for problem in lint(COURSE)] == []
