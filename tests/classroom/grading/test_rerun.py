"""A class run again: what is graded is what a notebook does now, on other luck and its student's own data."""

import csv
import json
import os
import shutil

import pytest
from classroom.grading.made import notebook, right

from fashion_tf import cli
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.exercises import judge, personal
from fashion_tf.classroom.grading import Rerun, grade_class
from fashion_tf.classroom.grading.rubric import default_rubric
from fashion_tf.classroom.records import MIME
from fashion_tf.classroom.rerun import KEPT_FROM, Isolation, Limits
from fashion_tf.errors import RunError

pytestmark = pytest.mark.slow  # each runs notebooks again
COURSE = """
repository: https://github.com/owner/kit
papers: {first: {title: A paper}}
lessons:
  - notebook: 11_tiny.ipynb
    title: A tiny lesson
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {}, paper: {}, rehearsal: {}}
    records:
      majority_baseline: {meaning: share of the commonest class, kind: baseline}
      test_accuracy: {meaning: test accuracy, baseline: 0.1, floors: {sample: 0.75, real: 0.9, paper: 0.9}}
"""
CELLS = [
    ("markdown", "# 11 · A tiny lesson"),
    ("code", "# @title Setup\nfrom fashion_tf.classroom import check, personal, record\n"
             'from fashion_tf.classroom.records import begin_lesson\n\nbegin_lesson("11")\n\nimport numpy as np'),
    ("code", '# Parameters\nSTUDENT = ""  # your id\nDATA = "sample"\nSEED = 7'),
    ("code", "generator = np.random.default_rng(SEED)\naccuracy = 0.8 + 0.1 * float(generator.random())"),
    ("code", '# exercise: 11.1\nmine = personal("11.1")\nanswer = ...'),
    ("code", 'check("11.1", answer)'),
    ("code", 'record("majority_baseline", 0.1)\nrecord("test_accuracy", accuracy)'),
    ("code", "answer = 'another variable by this name'\nprint(answer)"),
]
SETUP, PARAMETERS, MEASURE, EXERCISE, CHECK, RECORD, LAST = 1, 2, 3, 4, 5, 6, 7
ITEMS = ["executed", "settings", "recorded", "test_accuracy", "exercise 11.1"]
COMPUTED = "mine.test[int(np.argmax(mine.validation))]"
LIMITS = Limits(memory=2**29, processes=96, disk=2**25, output=2**20)
ALL = KEPT_FROM


def handed_in(student, answer=COMPUTED, executed=True, **changed):
    """A notebook of the tiny lesson; `changed`: the number of a cell as "cell4" -> its text."""
    made = notebook(CELLS)
    cells = made["cells"]
    cells[PARAMETERS]["source"] = cells[PARAMETERS]["source"].replace('""', repr(student))
    cells[EXERCISE]["source"] = cells[EXERCISE]["source"].replace("answer = ...", f"answer = {answer}")
    for name, source in changed.items():
        cells[int(name[4:])]["source"] = source
    if executed:
        basis = {"schema": 1, "lesson": "11", "versions": {},
                 "parameters": {"STUDENT": student, "DATA": "sample", "SEED": 7}}
        for number, cell in enumerate([cell for cell in cells if cell["cell_type"] == "code"], 1):
            cell.update(execution_count=number, outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}])
        value = right("11.1", student)
        outcome, message = judge("11.1", value, student)
        cells[CHECK]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {
            MIME: basis | {"kind": "exercise", "name": "11.1", "outcome": outcome, "message": message, "answer": value,
                           "student": student}, "text/plain": f"exercise 11.1: {outcome}. {message}"}}]
        cells[RECORD]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {
            MIME: basis | {"name": name, "value": value}, "text/plain": f"recorded {name} = {value}"}}
            for name, value in (("majority_baseline", 0.1), ("test_accuracy", 0.85))]
    return made


def without(made, place):
    del made["cells"][place]
    return made


def split(made):
    """As editors do it: both halves of the exercise's cell have its id and metadata."""
    cells = made["cells"]
    head, _, tail = cells[EXERCISE]["source"].rpartition("\n")
    cells.insert(EXERCISE + 1, cells[EXERCISE] | {"source": tail})
    cells[EXERCISE]["source"] = head
    for number, cell in enumerate([cell for cell in cells if cell["cell_type"] == "code"], 1):
        cell["execution_count"] = number
    return made


def as_text_cell(made, place):
    cell = made["cells"][place]
    made["cells"][place] = {name: cell[name] for name in ("id", "metadata", "source")} | {"cell_type": "markdown"}
    return made


ALTERED = {"recorded": "altered", "test_accuracy": "altered"}
FORGE = f"""from IPython.display import publish_display_data
def check(name, answer):
    publish_display_data({{{MIME!r}: {{"schema": 1, "kind": "exercise", "name": name, "outcome": "pass", "lesson": "11",
                           "message": "Right.", "student": STUDENT, "answer": answer}}, "text/plain": "pass"}})
"""
MINE = '# exercise: 11.1\nmine = personal("11.1")\n'
# student -> (what was handed in, the outcomes other than "pass", what one reason says)
CLASS = {
    "honest": (lambda me: handed_in(me), {}, ""),
    "typed": (lambda me: handed_in(me, repr(right("11.1", me))), {}, ""),
    "never run": (lambda me: handed_in(me, executed=False), {}, ""),
    "outputs copied": (lambda me: handed_in(me, "..."), {"exercise 11.1": "not attempted"}, "three dots"),
    "anothers answer": (lambda me: handed_in(me, repr(right("11.1", "honest"))), {"exercise 11.1": "fail"}, ""),
    "anothers notebook": (lambda me: handed_in("honest", repr(right("11.1", "honest"))),
                          {"exercise 11.1": "fail"} | ALTERED, "is not yours"),
    "no id": (lambda me: handed_in(""), {}, ""),
    "anothers data": (lambda me: handed_in(me, cell4='STUDENT = "honest"\n' + MINE + f"answer = {COMPUTED}"),
                      {"exercise 11.1": "fail"} | ALTERED, "'honest'"),
    "result typed in": (lambda me: handed_in(me, cell6='record("majority_baseline", 0.1)\nrecord("test_accuracy", 1)'),
                        ALTERED, "no longer says"),
    "error": (lambda me: handed_in(me, cell7="1 / 0"), {"executed": "fail"},
              "Cell 8 ended with an error: ZeroDivisionError"),
    "no parameters": (lambda me: without(handed_in(me), PARAMETERS),
                      {"executed": "missing", "settings": "altered", "exercise 11.1": "not run"}
                      | dict.fromkeys(("recorded", "test_accuracy"), "not run"), "Parameters"),
    "endless": (lambda me: handed_in(me, cell4=MINE + "while True: pass"),
                {"executed": "fail", "exercise 11.1": "not run"}, "Cell 5 ended with an error: Stopped: it ran longer"),
    "exits": (lambda me: handed_in(me, cell4="# exercise: 11.1\nimport os\nos._exit(0)"),
              {"executed": "fail", "exercise 11.1": "not run", "recorded": "not run", "test_accuracy": "not run"},
              "Cell 5 ended with an error: Stopped: the kernel ended itself (exit code 0)"),
    "prints for ever": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nwhile True: print('x' * 999)"),
                        {"executed": "fail"}, "printed more than is read"),
    "hog": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nhog = bytearray(10**11)"),
            {"executed": "fail"}, "MemoryError"),
    "check replaced": (lambda me: handed_in(me, cell4=MINE + FORGE + "answer = 0.123"),
                       {"exercise 11.1": "fail"} | ALTERED, "publish_display_data"),
    "judge replaced": (lambda me: handed_in(me, cell4=MINE + "import fashion_tf.classroom.exercises as exercises\n"
                                            "exercises._judged = lambda *_: ('pass', 'Right.', {'answer': 0.123})\n"
                                            "answer = 0.123"), {"exercise 11.1": "fail"}, ""),
    "record replaced": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\ntrue = record\n"
                                             "def record(name, value): true(name, 0.99)"), ALTERED, "record"),
    "reads the rubric": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nopen(RUBRIC).read()"),
                         {"executed": "fail"}, "FileNotFoundError"),
    "reads another": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nopen(OTHER).read()"),
                      {"executed": "fail"}, "FileNotFoundError"),
    "no notebook": (lambda me: "{", None, ""),
    # What users of other graders reported: a reader of input hangs or fails the rest, an exit ends all or nothing,
    # a cell that was split or changed its type breaks the grading of the class. (Among the above: one endless cell
    # loses everybody's grades, a killed kernel hangs, a name used again changes an earlier answer.)
    "asks": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nname = input('Your name? ')"),
             {"executed": "fail"}, "nobody is there to answer input()"),
    "leaves": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nimport sys\nsys.exit(0)"),
               {"executed": "fail"}, "SystemExit"),
    "quits": (lambda me: handed_in(me, cell4=MINE + f"answer = {COMPUTED}\nexit()"),
              {"executed": "fail", "exercise 11.1": "not run", "recorded": "not run", "test_accuracy": "not run"},
              "Cell 5 ended with an error: Stopped: it ended the kernel (exit or quit)"),
    "splits a cell": (lambda me: split(handed_in(me)), {}, ""),
    "check as text": (lambda me: as_text_cell(handed_in(me), CHECK),
                      {"executed": "missing", "exercise 11.1": "missing"}, "is not in the notebook"),
}


@pytest.fixture(scope="session")
def isolated():
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (apt-get install bubblewrap)")
    try:
        Isolation().tried()
    except RunError as error:
        pytest.skip(f"this system lets bubblewrap make no sandbox: {error}")


def write_course(folder):
    (folder / "notebooks").mkdir(parents=True)
    (folder / "course.yml").write_text(COURSE)
    (folder / "notebooks/11_tiny.ipynb").write_text(json.dumps(notebook(CELLS)))
    return load_course(folder / "course.yml")


def write_class(folder, students):
    rubric, other = folder / "rubric.yml", folder / "class/honest/11_tiny.ipynb"
    rubric.write_text("lessons:\n  '11': {}\n")
    for student in students:
        made = CLASS[student][0](student)
        text = made if isinstance(made, str) else json.dumps(made)
        text = text.replace("RUBRIC", json.dumps(repr(str(rubric)))[1:-1]).replace(
            "OTHER", json.dumps(repr(str(other)))[1:-1])
        (folder / "class" / student).mkdir(parents=True)
        (folder / "class" / student / "11_tiny.ipynb").write_text(text)
    return folder / "class"


def options(**changes):
    return Rerun(**{"limits": LIMITS, "cell_minutes": 3 / 60} | changes)


@pytest.fixture(scope="module")
def made(isolated, tmp_path_factory):
    """(folder, course, lines that were said, the rows by student)."""
    folder = tmp_path_factory.mktemp("again")
    course = write_course(folder / "kit")
    submissions = write_class(folder, CLASS)
    said = []
    summary = grade_class(submissions, folder / "out", course, jobs=2, say=said.append, rerun=options())
    return folder, course, said, {row.student: row for row in summary.rows}


@pytest.mark.parametrize("student", CLASS)
def test_every_grade_is_the_known_one(student, made):
    _, outcomes, says = CLASS[student]
    row = made[3][student]
    if outcomes is None:
        assert row.problem and not row.items
        return
    assert not row.problem
    found = {item["name"]: item["outcome"] for item in row.items}
    assert found == {name: outcomes.get(name, "pass") for name in ITEMS}, [item["reason"] for item in row.items]
    assert says in " ".join(item["reason"] for item in row.items)


def test_the_level_of_isolation_is_said_first(made):
    assert made[2][0] == "isolation: full (bubblewrap)"
    assert made[2][1].startswith("lesson 11 itself ran in ") and made[2][1].endswith("with SEED = 1009")


def test_the_instructor_reads_what_only_running_shows(made):
    folder, _, _, rows = made
    assert "As handed in, these passed: exercise 11.1." in rows["outputs copied"].notes
    assert "SEED = 1009" in (folder / "out/class.html").read_text()
    pages = [page.read_text() for page in (folder / "out/students").glob("*.html")]
    assert sum("Run again with SEED = 1009 and STUDENT = &#39;honest&#39;." in page for page in pages) == 1


def test_a_second_run_runs_nothing_and_a_change_runs_one(made):
    folder, course, _, _ = made
    said = []
    again = grade_class(folder / "class", folder / "out", course, jobs=2, say=said.append, rerun=options())
    assert (again.graded, again.kept, said) == (0, len(CLASS), [])
    changed = folder / "class/typed/11_tiny.ipynb"
    before = changed.read_bytes()
    changed.write_text(json.dumps(handed_in("typed", "0.123")))
    try:
        again = grade_class(folder / "class", folder / "out", course, jobs=2, say=said.append, rerun=options())
        assert (again.graded, again.kept) == (1, len(CLASS) - 1)
        row = next(row for row in again.rows if row.student == "typed")
        assert [item["outcome"] for item in row.items] == ["pass"] * 4 + ["fail"]
    finally:
        changed.write_bytes(before)


def test_read_alone_the_same_class_is_graded_otherwise(made, tmp_path):
    """What only running shows: outputs that were copied pass where they are read."""
    folder, course, _, _ = made
    rows = grade_class(folder / "class", tmp_path / "out", course, jobs=1, say=lambda _: None).rows
    found = {row.student: {item["name"]: item["outcome"] for item in row.items} for row in rows}
    assert set(found["outputs copied"].values()) == {"pass"} and "not run" in found["never run"].values()
    assert set(found["splits a cell"].values()) == {"pass"}
    assert found["check as text"]["executed"] == found["check as text"]["exercise 11.1"] == "missing"


# --- what is asked of nobody -------------------------------------------------------------------


@pytest.fixture
def small(isolated, tmp_path):
    course = write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest"])

    def grade(course=course, **changes):
        said = []
        rest = {name: changes.pop(name) for name in ("rubric",) if name in changes}
        summary = grade_class(tmp_path / "class", tmp_path / "out", course, jobs=1, say=said.append,
                              rerun=options(**changes), **rest)
        return {item["name"]: item for item in summary.rows[0].items}, said
    return grade


def test_a_floor_that_the_lesson_itself_misses_is_asked_of_nobody(small, tmp_path):
    (tmp_path / "kit/course.yml").write_text(COURSE.replace("sample: 0.75", "sample: 0.95"))
    items, said = small(load_course(tmp_path / "kit/course.yml"))
    assert items["test_accuracy"]["outcome"] == "pass"
    assert "its floor 0.95 is asked of nobody" in said[1]


def test_a_rubric_for_other_data_asks_for_the_samples_floor(small, tmp_path):
    (tmp_path / "rubric.yml").write_text("lessons: {'11': {profile: real}}")
    items, _ = small(rubric=tmp_path / "rubric.yml")
    assert items["test_accuracy"]["outcome"] == "pass" and "at least 0.75" in items["test_accuracy"]["reason"]


def test_a_lesson_that_does_not_run_here_is_named(small, tmp_path):
    broken = notebook(CELLS)
    broken["cells"][MEASURE]["source"] += "\n1 / 0"
    (tmp_path / "kit/notebooks/11_tiny.ipynb").write_text(json.dumps(broken))
    with pytest.raises(RunError, match="Lesson 11 itself does not run here, cell 4: ZeroDivisionError"):
        small()


def test_personal_data_are_the_submitters():
    """The known answers of this file differ from student to student, or it would show nothing."""
    answers = [right("11.1", student) for student in CLASS]
    assert len(set(answers)) > len(answers) // 2 and right("11.1", "honest") != right("11.1", "anothers answer")
    assert vars(personal("11.1", "honest")) != vars(personal("11.1", "typed"))


# --- below full isolation ----------------------------------------------------------------------


def test_without_bubblewrap_nothing_is_run(tmp_path, monkeypatch):
    course = write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RunError, match=r"bwrap is not installed.*Nothing was run.*apt-get install bubblewrap.*"
                                       r"--unprotected"):
        grade_class(tmp_path / "class", tmp_path / "out", course, jobs=1, say=lambda _: None, rerun=options())


def test_what_is_not_kept_away_has_to_be_named(tmp_path):
    course = write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest"])

    def grade(*words):
        said = []
        try:
            return grade_class(tmp_path / "class", tmp_path / "out", course, jobs=1, say=said.append,
                               rerun=options(engine="none", unprotected=words)), said
        finally:
            assert said[0].startswith("isolation: none (none); not kept from: files, ")
    with pytest.raises(RunError, match="not kept from: .*network.*Nothing was run"):
        grade("files", "environment", "processes", "number of processes", "disk")
    summary, _ = grade(*ALL)
    assert {item["outcome"] for item in summary.rows[0].items} == {"pass"}


@pytest.mark.parametrize("changes, said", [
    ({"backend": "no"}, "backend"), ({"engine": "no"}, "engine"), ({"cell_minutes": 0}, "--cell-minutes 0"),
    ({"lesson_minutes": float("nan")}, "--lesson-minutes nan"), ({"unprotected": ("netwrk",)}, "netwrk"),
    ({"seed": -1}, "--seed -1")])
def test_options_that_mean_nothing_are_refused(changes, said, tmp_path):
    course = write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest"])
    with pytest.raises(RunError, match=said):
        grade_class(tmp_path / "class", tmp_path / "out", course, say=lambda _: None, rerun=options(**changes))


def test_the_command(isolated, tmp_path, capsys):
    write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest", "exits"])
    code = cli.main(["--course", str(tmp_path / "kit/course.yml"), "grade", str(tmp_path / "class"), "--out",
                     str(tmp_path / "out"), "--jobs", "1", "--rerun", "--seed", "5", "--lesson-minutes", "1"])
    printed = capsys.readouterr().out
    assert code == 0 and "isolation: full (bubblewrap)" in printed and "SEED = 5" in printed
    with open(tmp_path / "out/grades.csv", newline="") as file:
        found = {line["student"]: line["points"] for line in csv.DictReader(file)}
    rules = default_rubric(load_course(tmp_path / "kit/course.yml")).lessons["11"]
    assert found == {"honest": f"{rules.maximum:g}", "exits": "1"}


@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_on_a_cluster(backend, isolated, tmp_path):
    pytest.importorskip({"ray": "ray", "dask": "distributed"}[backend], reason="the extra 'cluster' is not installed")
    course = write_course(tmp_path / "kit")
    write_class(tmp_path, ["honest", "exits", "typed"])
    summary = grade_class(tmp_path / "class", tmp_path / "out", course, jobs=2, say=lambda _: None,
                          rerun=options(backend=backend))
    found = {row.student: [item["outcome"] for item in row.items] for row in summary.rows}
    assert found["honest"] == found["typed"] == ["pass"] * 5 and found["exits"][0] == "fail"
    assert os.path.exists(tmp_path / "out/class.html")
