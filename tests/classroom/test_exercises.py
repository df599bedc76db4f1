import json
import math
import time

import numpy as np
import pytest
from classroom.test_records import notebook, recorded, saved

from fashion_tf.classroom import exercises, records
from fashion_tf.classroom.checks import EXERCISES
from fashion_tf.classroom.exercises import (
    KIND,
    MAXIMUM_PARTS,
    check,
    judge,
    personal,
    plain_answer,
    read_attempts,
    student_id,
)
from fashion_tf.classroom.records import MIME, begin_lesson, read_records
from fashion_tf.errors import CourseError, RecordError

STUDENTS = ("ada", "grace@example.org", "Émilie du Châtelet")


class Hostile:
    shape = (3,)

    def __array__(self, *_, **__):
        raise RuntimeError("no array")


NO_ANSWERS = {
    "None": None, "text": "no such answer", "empty text": "", "NaN": math.nan, "NaN in a list": [1.0, math.nan],
    "infinite": math.inf, "NumPy's NaN": np.float32("nan"), "object": object(), "function": check, "bytes": b"1",
    "complex": 1j, "empty list": [], "ragged": [[1, 2], 3], "deep": [[[[[[[[1]]]]]]]], "dict": {"a": 1},
    "other keys": {(1, 2): 1}, "wrong shape": np.zeros((3, 5, 7)), "objects": np.array([object()]),
    "billion": np.broadcast_to(0.5, (10**9,)), "billion in a list": [np.broadcast_to(0.5, (1000, 10**6))],
    "long range": range(10**9), "long text": "x" * 10**6, "long list": [0] * 10**6, "huge": 10**5000,
    "large": 10**250, "negative": -5.0, "true": True, "hostile": Hostile(), "generator": (part for part in "ab"),
    "dates": np.array(["2020-01-01"], "datetime64[D]"), "class": Hostile, "type of array": np.ndarray,
}


@pytest.fixture(autouse=True)
def _fresh():
    begin_lesson("99")


@pytest.fixture
def shown(monkeypatch):
    """(text, content) of all that `check` shows, with the parameter STUDENT set to "ada"."""
    found = []
    monkeypatch.setattr(exercises, "lesson_parameters", lambda: {"STUDENT": "ada", "SEED": 3})
    monkeypatch.setattr(exercises, "show", lambda text, content: found.append((text, content)))
    return found


@pytest.mark.parametrize("exercise", EXERCISES)
def test_what_is_no_answer_gets_a_sentence_and_soon(exercise, shown):
    for name, answer in NO_ANSWERS.items():
        shown.clear()
        began = time.process_time()
        check(exercise, answer)
        assert time.process_time() - began < 1, name
        (text, content), = shown
        message = content["message"]
        assert content["outcome"] == "fail" and message.endswith((".", "?")) and message in text, name
        assert len(json.dumps(content, allow_nan=False)) < 5_000 or name == "large", name


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_stub_is_not_attempted(exercise, shown):
    check(exercise, ...)
    assert shown[0][1]["outcome"] == "not attempted" and "answer" not in shown[0][1]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_data_are_a_students_own(exercise):
    drawn = [repr(personal(exercise, student)) for student in (*STUDENTS, "")]
    assert len(set(drawn)) == len(drawn)
    assert drawn == [repr(personal(exercise, student)) for student in (*STUDENTS, "")]


def test_an_id_is_written_in_several_ways():
    assert student_id(" Ada@Example.org\n") == student_id("ada@example.ORG") == "ada@example.org"
    assert student_id("E\u0301milie") == student_id("émilie")
    assert student_id(20_417) == "20417"
    assert repr(personal("00.1", " ADA")) == repr(personal("00.1", "ada"))


def test_data_stay_what_they_are():
    """A grader's NumPy draws what the student's drew: this is what every release so far has drawn."""
    data = personal("00.1", "ada")
    assert (data.train, data.test) == ([392, 196, 65, 332, 117], [23, 59, 60, 128, 174])


def test_no_such_exercise():
    for call in (lambda: judge("00.9", 1), lambda: check("nonsense", 1), lambda: personal(None)):
        with pytest.raises(CourseError, match="There is no exercise"):
            call()


@pytest.mark.parametrize(("answer", "plain"), [
    (np.float32(0.5), 0.5), ((1, np.int64(2)), [1, 2]), (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
    ({"a"}, ["a"]), ({np.int64(3): "b"}, {"3": "b"}), (np.array("word"), "word"), (range(3), [0, 1, 2]),
    (np.True_, True),
])
def test_an_answer_becomes_plain_json(answer, plain):
    found = plain_answer(answer)
    assert found == plain and json.loads(json.dumps(found)) == found


def test_a_table_is_an_answer():
    pandas = pytest.importorskip("pandas")
    assert plain_answer(pandas.Series([1, 2])) == [1, 2]
    assert plain_answer(pandas.DataFrame({"a": [1.5], "b": ["c"]})) == [[1.5, "c"]]


def test_bounds_hold_for_all_parts_together():
    plain_answer([[0] * 90] * 90)
    with pytest.raises(ValueError, match="more than 10,000"):
        plain_answer([[0] * 110] * 110)
    assert MAXIMUM_PARTS == 10_000


def test_an_outcome_is_recorded_and_read_back(shown, tmp_path):
    check("00.1", 0.2)
    (text, content), = shown
    assert text.startswith("exercise 00.1: fail. This is what drawing a class at random scores.")
    content = json.loads(json.dumps(content))
    output = {"output_type": "display_data", "metadata": {}, "data": {MIME: content}}
    path = saved(tmp_path, notebook([recorded("accuracy", 0.5)], [output]))
    (number, attempt), = read_attempts(path)
    assert (number, attempt.exercise, attempt.outcome, attempt.student) == (2, "00.1", "fail", "ada")
    assert (attempt.answered, attempt.answer, attempt.lesson) == (True, 0.2, "99")
    assert attempt.parameters == {"STUDENT": "ada", "SEED": 3} and "numpy" in attempt.versions
    assert judge(attempt.exercise, attempt.answer, attempt.student) == (attempt.outcome, attempt.message)
    assert list(read_records(path)) == ["accuracy"]  # an exercise is no promised result


def test_a_refused_answer_is_not_stored(shown):
    check("00.1", math.nan)
    content = shown[0][1]
    assert content["outcome"] == "fail" and "answer" not in content and "nan" in content["message"]


@pytest.mark.parametrize("damage", [
    {"name": 7}, {"schema": 2}, {"outcome": "excellent"}, {"message": ["a"]}, {"student": None}, {"lesson": 3},
    {"parameters": []}, {"answer": 1e999}])
def test_damaged_outcomes(damage, tmp_path):
    content = {"kind": KIND, "name": "00.1", "outcome": "pass", "message": "Good.", "answer": 1, **damage}
    path = saved(tmp_path, notebook([], [recorded(**{"schema": 1} | content)]))
    with pytest.raises(RecordError, match="cell 2|Infinity"):
        read_attempts(path)


@pytest.mark.parametrize(("value", "student"), [("ada", "ada"), (20417, "20417"), ("", "")])
def test_the_student_is_read_from_the_parameters(value, student, monkeypatch):
    class Shell:
        user_ns = {"In": ["", '# Parameters\nSTUDENT = ""  # your id', f"STUDENT = {value!r}"], "STUDENT": value}

    monkeypatch.setattr(records, "_shell", Shell)
    assert repr(personal("00.1")) == repr(personal("00.1", student))


def test_outside_jupyter_there_is_no_student(capsys):
    check("00.1", ...)
    assert capsys.readouterr().out.startswith("exercise 00.1: not attempted.")
    assert records.lesson_parameters() == {}
