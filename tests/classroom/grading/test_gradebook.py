"""A whole class: the known grades, each kept at once, graded once, and an instructor's word on top."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest
from classroom.grading.made import ITEMS, MAXIMUM, executed, right, shortcut, write_class, write_course

from fashion_tf import cli
from fashion_tf.classroom.grading import grade_class, gradebook, grader
from fashion_tf.classroom.grading.rubric import Late
from fashion_tf.errors import CourseError, RunError

COUNT, COPIES = 30, 5


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder, course, what is known): a class of thirty, five of them copies."""
    folder = tmp_path_factory.mktemp("thirty")
    course = write_course(folder / "kit")
    return folder, course, write_class(folder / "class", COUNT, COPIES)


@pytest.fixture(scope="module")
def summary(made):
    folder, course, _ = made
    return grade_class(folder / "class", folder / "out", course, jobs=1, say=lambda _: None)


def test_every_grade_of_the_class_is_the_known_one(made, summary):
    folder, _, known = made
    lines = {line["student"]: line for line in table(folder / "out/grades.csv")}
    assert list(lines) == sorted(known)
    for student, (kind, outcomes, points) in known.items():
        found = {name: lines[student][name] for name in ITEMS}
        assert found == {name: outcomes.get(name, "pass") for name in ITEMS}, (student, kind)
        assert float(lines[student]["points"]) == points, (student, kind)
    assert not summary.problems and (summary.graded, summary.kept) == (COUNT, 0)


def test_copies_are_stated(made, summary):
    page = (made[0] / "out/class.html").read_text()
    for number in range(COPIES):
        assert f"s{number:03}, s{COUNT - COPIES + number:03} handed in the same file, byte for byte." in page
    assert "s025&#39;s notebook carries the id of s000." in page


def test_a_second_run_grades_only_what_changed(made, summary, tmp_path):
    folder, course, _ = made
    files = {path: path.stat().st_mtime_ns for path in (folder / "out/grades").glob("*.json")}
    again = grade_class(folder / "class", folder / "out", course, jobs=1, say=lambda _: None)
    assert (again.graded, again.kept) == (0, COUNT)
    assert files == {path: path.stat().st_mtime_ns for path in (folder / "out/grades").glob("*.json")}
    changed = folder / "class/s001/11_first_network.ipynb"
    before = changed.read_bytes()
    try:
        changed.write_text(json.dumps(executed("s001")))
        again = grade_class(folder / "class", folder / "out", course, jobs=1, say=lambda _: None)
        assert (again.graded, again.kept) == (1, COUNT - 1)
        assert next(row for row in again.rows if row.student == "s001").points == MAXIMUM
    finally:
        changed.write_bytes(before)
    rubric = tmp_path / "rubric.yml"
    rubric.write_text('lessons: {"11": {points: {executed: 1}}}')
    again = grade_class(folder / "class", folder / "out", course, rubric=rubric, jobs=1, say=lambda _: None)
    assert again.graded == COUNT and {row.maximum for row in again.rows} == {1}


def test_killed_in_the_middle_nothing_is_lost_and_nothing_graded_twice(made, tmp_path):
    folder, _, known = made
    command = [sys.executable, "-m", "fashion_tf.cli", "--course", str(folder / "kit/course.yml"), "grade",
               str(folder / "class"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "out/grades").glob("*.json"))) < 3 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/grades").glob("*.json")}
    assert 3 <= len(kept) < COUNT
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{COUNT - len(kept)} files graded, {len(kept)} kept" in done.stdout
    assert all(path.stat().st_mtime_ns == moment for path, moment in kept.items())
    lines = {line["student"]: float(line["points"]) for line in table(tmp_path / "out/grades.csv")}
    assert lines == {student: points for student, (_, _, points) in known.items()}
    assert not list((tmp_path / "out").rglob("*.part"))


# --- small classes -----------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """Grades a class of a few: student -> notebook."""
    course = write_course(tmp_path / "kit")

    def grade(files=(), **options):
        for student, content in dict(files).items():
            (tmp_path / "class" / student).mkdir(parents=True, exist_ok=True)
            (tmp_path / "class" / student / "11.ipynb").write_text(json.dumps(content))
        summary = grade_class(tmp_path / "class", tmp_path / "out", course, jobs=options.pop("jobs", 1),
                              say=lambda _: None, **options)
        return {row.student: row for row in summary.rows}
    return grade


def test_rows_stand_in_the_table_while_others_are_graded(small, tmp_path, monkeypatch):
    seen = []

    def watched(task):
        if (tmp_path / "out/grades.csv").exists():
            seen.append(len(table(tmp_path / "out/grades.csv")))
        return grader.grade_file(task)

    monkeypatch.setattr(gradebook, "grade_file", watched)
    small({"ada": executed("ada"), "bea": executed("bea")})
    assert seen == [1]


def test_an_override_survives_and_is_shown(small, tmp_path):
    small({"ada": executed("ada", shortcut("ada")), "bea": {"cells": 1}})
    (tmp_path / "out/overrides.csv").write_text(
        "student,lesson,item,points,comment\nada,11,exercise 11.1,1.5,Argued well <b>in class</b>\n"
        "bea,11,,7,Shown to me\nzoe,11,,1,nobody\n")
    for _ in range(2):
        rows = small()
        assert rows["ada"].points == MAXIMUM - 0.5 and rows["bea"].points == 7 and rows["bea"].maximum == MAXIMUM
    page = next((tmp_path / "out/students").glob("ada-*")).read_text()
    assert "Argued well &lt;b&gt;in class" in page
    assert "Shown to me" in (tmp_path / "out/moodle-11.csv").read_text()
    assert "line 4: there is no grade of zoe in lesson 11" in (tmp_path / "out/class.html").read_text()
    small({"ada": executed("ada", shortcut("ada"), seed=5)})
    assert small()["ada"].points == MAXIMUM - 0.5


@pytest.mark.parametrize("text, said", [
    ("a,b\n", "line 1: the columns"), ("student,lesson,item,points\nada,11,,many\n", "line 2: the points are 'many'"),
    ("student,lesson,item,points\n,11,,3\n", "line 2: a student"),
    ("student,lesson,item,points\nada,11,,nan\n", "line 2"),
])
def test_a_bad_override_is_refused_with_its_line(text, said, small, tmp_path):
    small({"ada": executed("ada")})
    (tmp_path / "out/overrides.csv").write_text(text)
    with pytest.raises(RunError, match=said):
        small()


def test_a_roster_expects_everybody_and_knows_their_ids(small, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"
                      '"Lovelace, Ada",77,u1,ada,A\n"Bee, Bea",78,u2,bea,A\n"Zed, Zoe",79,u3,zoe,B\n')
    rubric = tmp_path / "rubric.yml"
    rubric.write_text('lessons: {"11": }')
    rows = small({"ada": executed("ada"), "u2": executed("ADA "), "somebody": executed("x")}, roster=roster,
                 rubric=rubric)
    assert rows["77"].points == MAXIMUM and rows["77"].name == "Lovelace, Ada"
    assert rows["79"].problem == "Nothing was handed in." and rows["79"].lesson == "11"
    outcomes = {item["name"]: item["outcome"] for item in rows["78"].items}
    assert outcomes["test_accuracy"] == "altered" and outcomes["exercise 11.1"] == "fail"
    assert "is 77's" in rows["78"].notes[0]
    assert "77" not in next((tmp_path / "out/students").glob("bee-*")).read_text().replace("#", "")[3000:]
    lines = list(csv.reader(open(tmp_path / "out/canvas.csv", encoding="utf-8")))
    assert lines[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lesson 11"]
    assert lines[1] == ["    Points Possible", "", "", "", "", "12"]
    assert ["Lovelace, Ada", "77", "u1", "ada", "A", "12"] in lines
    assert ["Zed, Zoe", "79", "u3", "zoe", "B", "0"] in lines


def test_an_own_roster_expects_the_one_lesson_of_the_class(small, tmp_path):
    (tmp_path / "roster.csv").write_text("id;name;email\nada;Ada Lovelace;a@x.org\nzoe;Zoe Zed;z@x.org\n")
    rows = small({"a": executed("ADA")}, roster=tmp_path / "roster.csv")
    assert rows["ada"].points == MAXIMUM and (rows["zoe"].lesson, rows["zoe"].points) == ("11", 0)
    lines = list(csv.reader(open(tmp_path / "out/canvas.csv", encoding="utf-8")))
    assert lines[2:] == [["Ada Lovelace", "", "ada", "", "", "12"], ["Zoe Zed", "", "zoe", "", "", "0"]]
    line = table(tmp_path / "out/moodle-11.csv")[1]
    assert (line["Email address"], line["ID number"], line["Grade"]) == ("z@x.org", "zoe", "0")


@pytest.mark.parametrize("text, said", [("a,b\n1,2\n", "line 1"), ("id,name\n", "names no student"),
                                        ("id,name\n1,a\n1,b\n", "line 3: '1' stands in line 2 too")])
def test_a_bad_roster_is_refused(text, said, small, tmp_path):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(RunError, match=said):
        small({"ada": executed("ada")}, roster=tmp_path / "roster.csv")


def test_moodles_import_form(small, tmp_path):
    rows = small({"Ada Lovelace_4711_assignsubmission_file_": executed("whoever", ...)})
    assert rows["4711"].points == MAXIMUM - 2
    line, = table(tmp_path / "out/moodle-11.csv")
    assert (line["Identifier"], line["Full name"], line["Grade"], line["Maximum Grade"], line["Last modified (grade)"]
            ) == ("Participant 4711", "Ada Lovelace", "10", "12", "-")
    assert line["Feedback comments"] == ("<ul><li>Exercise 11.1: not attempted. The three dots were not replaced by an "
                                         "answer.</li></ul>")


def test_the_same_id_in_two_notebooks_is_a_fact(small, tmp_path):
    small({"ada": executed("team"), "bea": executed("team", seed=3), "zoe": executed("zoe", seed=4)})
    assert "The id &#39;team&#39; stands in the notebooks of ada and bea." in (tmp_path / "out/class.html").read_text()


@pytest.mark.parametrize("alone", [False, True])
def test_a_file_that_kills_its_reader_costs_itself_alone(alone, small, monkeypatch):
    monkeypatch.setattr(gradebook, "_with_key", _dying)
    if alone:
        monkeypatch.setattr(gradebook, "grade_file", _dying_again)
    rows = small({"ada": executed("ada"), "mal": executed("mal")}, jobs=2)
    assert rows["ada"].points == MAXIMUM
    assert ("ended the process" in rows["mal"].problem) if alone else rows["mal"].points == MAXIMUM


def _dying(_, task):
    return task.key, _dying_again(task)


def _dying_again(task):
    if task.submission.student == "mal" and task.submission.path:
        os.kill(os.getpid(), signal.SIGKILL)
    return grader.grade_file(task)


def test_late_days():
    late = Late(datetime(2026, 3, 1, 12), grace_minutes=15, per_day=10, at_most=25)
    for submitted, marked, days, share in (
            (datetime(2026, 3, 1, 12, 15), False, 0, 0), (datetime(2026, 3, 1, 12, 16), False, 1, 0.1),
            (datetime(2026, 3, 2, 12, 15), False, 1, 0.1), (datetime(2026, 3, 2, 12, 16), False, 2, 0.2),
            (datetime(2026, 3, 20), False, 19, 0.25), (None, True, 1, 0.1), (None, False, 0, 0)):
        assert late.days(submitted, marked) == days and late.deduction(days) == share


def test_a_late_submission_loses_points(small, tmp_path):
    rubric = tmp_path / "rubric.yml"
    rubric.write_text('late: {due: "2026-03-01 12:00", per_day: 25}')
    small({"ada": executed("ada"), "bea": executed("bea")})
    moment = datetime(2026, 3, 2, 15).timestamp()
    os.utime(tmp_path / "class/ada/11.ipynb", (moment, moment))
    moment = datetime(2026, 2, 2).timestamp()
    os.utime(tmp_path / "class/bea/11.ipynb", (moment, moment))
    rows = small(rubric=rubric)
    assert (rows["ada"].points, rows["ada"].days_late, rows["bea"].points) == (MAXIMUM / 2, 2, MAXIMUM)


# --- the rubric --------------------------------------------------------------------------------


def test_a_rubric_says_what_counts(small, tmp_path):
    rubric = tmp_path / "rubric.yml"
    rubric.write_text("""
lessons:
  "11":
    free: [EPOCHS]
    student: optional
    points:
      settings: 1
      epoch_seconds: {points: 2, at_most: 0.5, tolerance: 0.1}
      test_accuracy: {points: 3, at_least: 0.9, hidden: true}
      exercise 11.1: 4
""")
    rows = small({"ada": executed("", parameters={"EPOCHS": 9}, values={"epoch_seconds": 0.55, "test_accuracy": 0.87}),
                  "bea": executed("", values={"epoch_seconds": 0.61, "test_accuracy": 0.9})}, rubric=rubric)
    assert {name: row.points for name, row in rows.items()} == {"ada": 7, "bea": 8}
    assert [item["name"] for item in rows["ada"].items] == ["settings", "epoch_seconds", "test_accuracy",
                                                            "exercise 11.1"]
    page = next((tmp_path / "out/students").glob("ada-*")).read_text()
    assert "0.9" not in page.partition("<main>")[2] and "0.9" not in (tmp_path / "out/moodle-11.csv").read_text()
    assert "0.870 is below 0.9" in (tmp_path / "out/class.html").read_text()


@pytest.mark.parametrize("text, said", [
    ("lessons:\n  '99': {}", "line 2: there is no lesson '99'"), ("lesson: 1", "line 1: unknown field 'lesson'"),
    ("lessons:\n  '11':\n    points:\n      execute: 1", "line 4: lesson 11 has no item 'execute'"),
    ("lessons:\n  '11':\n    points:\n      executed: many", "line 4: 'many' is no number"),
    ("lessons:\n  '11':\n    points:\n      executed: -1", "line 4"),
    ("lessons:\n  '11':\n    points:\n      executed: .nan", "line 4"),
    ("lessons:\n  '11':\n    points: {executed: 0}", "line 3: no item has points"),
    ("lessons:\n  '11':\n    points:\n      test_accuracy:\n        at_least: 0.9\n        at_most: 0.1", "line 5"),
    ("lessons:\n  '11':\n    points:\n      executed: {at_least: 1}", "line 4: unknown field 'at_least'"),
    ("lessons:\n  '11':\n    profile: fast", "line 3: unknown profile 'fast'"),
    ("lessons:\n  '11':\n    free: [WIDTH]", "line 3: lesson 11 has no parameter 'WIDTH'"),
    ("late: {due: tomorrow}", "line 1: 'due' is a date"), ("late:\n  per_day: 200", "line 2: 200 is no number"),
    ("late: {}\nlate: {}", "line 2: the field 'late' stands there twice"), ("a: [", "line 1"), ("", "is empty"),
    ("- 1", "line 1: expected named fields"), ("a: &x 1\nb: *x", "line 2"), ("lessons: {}", "line 1: no lesson"),
])
def test_a_bad_rubric_is_refused_with_its_line(text, said, small, tmp_path):
    (tmp_path / "rubric.yml").write_text(text)
    with pytest.raises(CourseError, match=said):
        small({"ada": executed("ada")}, rubric=tmp_path / "rubric.yml")


# --- what comes out ----------------------------------------------------------------------------


def test_the_pages_hold_no_markup_and_no_formula_of_anybody(small, tmp_path):
    evil = '<img src=x onerror=alert(1)>"\'=1+1'
    whole = executed("ada", evil)
    whole["cells"].insert(5, {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [],
                              "source": f"# {evil}\n" + "\n".join(f"mine_{n} = '{evil}'" for n in range(9))})
    small({"=cmd|' /C calc'!A0": whole, "<b>bea": executed("bea", evil), "zoe": executed("zoe", evil)})
    for path in [tmp_path / "out/class.html", *(tmp_path / "out/students").iterdir()]:
        text = path.read_text()
        assert "<img" not in text and "<b>bea" not in text and "<script" not in text and "http" not in text.replace(
            "http-equiv", "")
        assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    for path in (tmp_path / "out").glob("*.csv"):
        for line in csv.reader(open(path, encoding="utf-8", newline="")):
            assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in line), path
    assert "&lt;img src=x" in (tmp_path / "out/class.html").read_text()


def test_the_commonest_wrong_answers_come_first(small, tmp_path):
    small({**{name: executed(name, shortcut(name)) for name in ("ada", "bea", "zoe")},
           "eve": executed("eve", "no idea"), "kim": executed("kim", right("11.1", "kim"))})
    page = (tmp_path / "out/class.html").read_text()
    assert page.index("<b>3 ×</b>") < page.index("<b>1 ×</b>") and "<code>no idea</code>" in page


def test_own_code_alone_is_compared(small, tmp_path):
    mine = "\n".join(f"own_{letter} = weights.mean() * {place} + len(labels)" for place, letter in enumerate("abcdef"))
    other = "for epoch in range(3):\n    total = sum(value ** 2 for value in weights)\n    print(epoch, total / 7)\n"

    def adding(student, text):
        whole = executed(student, seed=len(student))
        whole["cells"].insert(9, {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [],
                                  "source": text})
        return whole

    small({"ada": adding("ada", mine), "beate": adding("beate", mine), "zo": adding("zo", other),
           "quentin": executed("quentin", seed=99)})
    page = (tmp_path / "out/class.html").read_text()
    assert "enough of their own to be compared: 3, in 3 pairs" in page
    share, = re.findall(r"ada and beate: (\d+) % in common, more than 66.7 % of all pairs", page)
    assert 70 < int(share) < 100  # their answers differ
    assert page.index("ada and beate") < page.index("ada and zo") and "<mark>own_a" in page


def test_the_command(tmp_path, capsys):
    write_course(tmp_path / "kit")
    for student, text in (("ada", json.dumps(executed("ada"))), ("bea", "no")):
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / "11.ipynb").write_text(text)
    command = ["--course", str(tmp_path / "kit/course.yml"), "grade", str(tmp_path / "class"), "--out",
               str(tmp_path / "out"), "--jobs", "1"]
    assert cli.main(command) == 1
    said = capsys.readouterr().out
    assert "bea/11.ipynb: The file is no notebook" in said and "2 files graded, 0 kept" in said
    assert "1 of 2 rows without a grade" in said
    (tmp_path / "class/bea/11.ipynb").write_text(json.dumps(executed("bea")))
    assert cli.main(command) == 0 and "1 file graded, 1 kept" in capsys.readouterr().out
    assert cli.main([*command[:3], str(tmp_path / "none"), *command[4:]]) == 2


def test_what_no_two_runs_share_is_a_fact(small, tmp_path):
    """Edited copies: another's records under an own id, or another's run."""
    def at(whole, minute):
        for number, cell in enumerate(whole["cells"]):
            cell["metadata"]["execution"] = {"iopub.execute_input": f"2026-03-01T10:{minute + number:02}:00.25Z",
                                             "shell.execute_reply": f"2026-03-01T10:{minute + number:02}:01.5Z"}
        return whole

    small({"ada": at(executed("ada", seed=1), 0), "bea": at(executed("bea", seed=1), 20),
           "eve": at(executed("eve", seed=2), 20), "kim": executed("kim", seed=3), "zoe": executed("zoe", seed=4)})
    page = (tmp_path / "out/class.html").read_text()
    assert "ada, bea recorded equal times, which no two runs share." in page
    assert "ada, bea recorded equal results to the last digit; so do two honest runs" in page
    assert "bea, eve ran cells at the same moments." in page and "kim," not in page
