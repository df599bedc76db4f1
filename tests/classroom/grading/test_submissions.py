"""Submissions as they come in life: every editor, every export, every name, and what nobody should hand in."""

import io
import json
import os
import random
import stat
import zipfile

import pytest
from classroom.grading.made import MAXIMUM, PARAMETERS, executed, write_course

from fashion_tf.classroom.grading import collect as collecting
from fashion_tf.classroom.grading import grade_class
from fashion_tf.classroom.grading.collect import collect, student_of_file
from fashion_tf.classroom.grading.evidence import Unreadable, parse_submission
from fashion_tf.errors import RunError


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course") / "kit")


@pytest.fixture
def graded(tmp_path, course):
    """Grades a folder of files, given as path -> bytes, text or notebook; returns student -> row."""
    def grade(files, **options):
        for path, content in files.items():
            place = tmp_path / "class" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            content = json.dumps(content) if isinstance(content, dict) else content
            place.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        lines = []
        summary = grade_class(tmp_path / "class", tmp_path / "out", course, jobs=1, say=lines.append, **options)
        return {row.student: row for row in summary.rows}
    return grade


def colab(whole):
    whole["metadata"] = {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU",
                         "kernelspec": {"name": "python3", "display_name": "Python 3"},
                         "language_info": {"name": "python"},
                         "widgets": {"application/vnd.jupyter.widget-state+json": {"a1": {"state": {"value": 1}}}}}
    whole["nbformat_minor"] = 0
    for number, cell in enumerate(whole["cells"]):
        cell["metadata"]["id"] = cell.pop("id")
        if cell["cell_type"] == "code":
            cell["metadata"] |= {"outputId": f"o{number}", "colab": {"base_uri": "https://localhost:8080/"},
                                 "executionInfo": {"status": "ok", "timestamp": 1772360000000 + 60000 * number,
                                                   "elapsed": 1200, "user_tz": -60,
                                                   "user": {"displayName": "Ada", "userId": "0815"}}}
        cell["source"] = cell["source"].splitlines(keepends=True)
    return whole


def vscode(whole):
    whole["metadata"] = {"kernelspec": {"name": "python3", "language": "python", "display_name": ".venv"},
                         "language_info": {"name": "python", "version": "3.12.1", "file_extension": ".py"},
                         "vscode": {"interpreter": {"hash": "0" * 64}}}
    whole["nbformat_minor"] = 2
    for cell in whole["cells"]:
        del cell["id"]
        cell["source"] = cell["source"].splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["metadata"]["vscode"] = {"languageId": "python"}
    return whole


def jupyterlab(whole):
    for number, cell in enumerate(whole["cells"]):
        if cell["cell_type"] == "code":
            cell["metadata"]["execution"] = {
                part: f"2026-03-01T10:{number:02}:{second:02}.123456Z" for part, second in (
                    ("iopub.execute_input", 1), ("iopub.status.busy", 1), ("shell.execute_reply", 2))}
        cell["metadata"] |= {"editable": True, "slideshow": {"slide_type": ""}}
    return whole


def kaggle(whole):
    whole = jupyterlab(whole)
    whole["metadata"]["kaggle"] = {"accelerator": "none", "dataSources": [], "isGpuEnabled": False}
    whole["metadata"]["papermill"] = {"duration": 60.0, "start_time": "2026-03-01T10:00:00", "version": "2.5.0"}
    whole["nbformat_minor"] = 4
    for cell in whole["cells"]:
        del cell["id"]
        cell["metadata"]["papermill"] = {"status": "completed", "duration": 0.5}
        if cell["cell_type"] == "code":
            cell["metadata"] |= {"_kg_hide-input": False, "trusted": True}
    return whole


def minor(number):
    def made(whole):
        whole["nbformat_minor"] = number
        if number < 5:
            for cell in whole["cells"]:
                del cell["id"]
        return whole
    return made


def crlf(text):
    return text.replace("\\n", "\\r\\n").replace("\n", "\r\n").encode()


SAVED = {"Colab": colab, "VS Code": vscode, "JupyterLab": jupyterlab, "Kaggle": kaggle,
         **{f"4.{number}": minor(number) for number in range(6)}}
STORED = {"Windows line ends": crlf, "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
          "UTF-16": lambda text: text.encode("utf-16"),
          "one line": lambda text: json.dumps(json.loads(text)).encode()}
NAMES = ["11_first_network.ipynb.json", "Copy of 11_first_network.ipynb", "11_first_network (1).ipynb",
         "homework.ipynb", "12_other.ipynb", "übung.IPYNB"]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory, course):
    """All good, broken and hostile files of this module handed in at once: kind -> row."""
    folder = tmp_path_factory.mktemp("crowd")
    files = {}
    for number, (kind, saved) in enumerate(SAVED.items()):
        files[kind] = f"saved{number}/11.ipynb", json.dumps(saved(executed(f"saved{number}")))
    for number, (kind, stored) in enumerate(STORED.items()):
        files[kind] = f"stored{number}/11.ipynb", stored(json.dumps(executed(f"stored{number}"), indent=1))
    for number, name in enumerate(NAMES):
        files[name] = f"named{number}/{name}", json.dumps(executed(f"named{number}"))
    for number, (kind, (content, _)) in enumerate(BROKEN.items()):
        files[kind] = f"broken{number}/x.ipynb", content
    for number, (kind, code) in enumerate(HOSTILE_CODE.items()):
        whole = executed(f"hostile{number}")
        whole["cells"].insert(5, {"cell_type": "code", "source": code, "metadata": {}, "outputs": [],
                                  "execution_count": None})
        files[kind] = f"hostile{number}/11.ipynb", json.dumps(whole)
    for number, (field, value) in enumerate(DAMAGE):
        whole = executed(f"damaged{number}")
        for cell in whole["cells"]:
            cell[field] = value
        files[f"damage {number}"] = f"damaged{number}/11.ipynb", json.dumps(whole)
    for path, content in files.values():
        (folder / "class" / path).parent.mkdir(parents=True)
        (folder / "class" / path).write_bytes(content.encode() if isinstance(content, str) else content)
    summary = grade_class(folder / "class", folder / "out", course, jobs=1, say=lambda _: None)
    rows = {row.student: row for row in summary.rows}
    return {kind: rows[path.partition("/")[0]] for kind, (path, _) in files.items()}


@pytest.mark.parametrize("kind", [*SAVED, *STORED, *NAMES])
def test_what_editors_and_downloads_make_gets_full_marks(kind, crowd):
    row = crowd[kind]
    assert (row.lesson, row.points) == ("11", MAXIMUM), [item for item in row.items if item["outcome"] != "pass"]
    if kind in ("Colab", "VS Code", "Kaggle"):
        assert row.grade.editor == kind


def test_two_notebooks_of_one_lesson_are_named_and_none_is_chosen(graded):
    rows = graded({"ada/a.ipynb": executed("ada"), "ada/sub/b.ipynb": executed("ada", seed=2),
                   "bea/a.ipynb": executed("bea"), "bea/copy.ipynb": executed("bea")})
    assert "ada/a.ipynb and ada/sub/b.ipynb" in rows["ada"].problem and rows["ada"].points == 0
    assert rows["bea"].points == MAXIMUM and "2 times" in rows["bea"].notes[-1]


@pytest.mark.parametrize("path, student, name, system, late", [
    ("Ada Lovelace_4711_assignsubmission_file_/11.ipynb", "4711", "Ada Lovelace", "moodle", False),
    ("Ada Lovelace_4711_assignsubmission_file_11 x.ipynb", "4711", "Ada Lovelace", "moodle", False),
    ("lovelaceada_77_123_11_first_network.ipynb", "77", "lovelaceada", "canvas", False),
    ("lovelaceada_LATE_77_123_11_first_network-1.ipynb", "77", "lovelaceada", "canvas", True),
    ("submitted/ada/ps1/11.ipynb", "ada", "ada", "nbgrader", False),
    ("ada/11.ipynb", "ada", "ada", "", False),
    ("ada/week 3/last/11.ipynb", "ada", "ada", "", False),
])
@pytest.mark.parametrize("zipped", [False, True])
def test_exports_name_the_student(path, student, name, system, late, zipped, tmp_path, course):
    others = {"moodle": "Bea Bee_12_assignsubmission_file_/x.ipynb", "canvas": "beebea_12_9_x.ipynb",
              "nbgrader": "submitted/bea/ps1/x.ipynb", "": "bea/x.ipynb"}
    files = {path: executed("ada"), others[system]: executed("bea")}
    if zipped:
        source = tmp_path / "class.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for place, content in files.items():
                archive.writestr(zipfile.ZipInfo(place, (2026, 3, 1, 12, 0, 0)), json.dumps(content))
    else:
        source = tmp_path / "class"
        for place, content in files.items():
            (source / place).parent.mkdir(parents=True, exist_ok=True)
            (source / place).write_text(json.dumps(content))
    found = collect(source, tmp_path / "scratch")
    one = next(one for one in found.submissions if one.student == student)
    assert (one.name, one.system, one.late) == (name, system, late) and len(found.submissions) == 2
    if zipped:
        assert one.submitted.isoformat() == "2026-03-01T12:00:00"


def test_a_folder_around_the_students_folders_is_no_student(graded):
    rows = graded({"export/ada/11.ipynb": executed("ada"), "export/bea/11.ipynb": executed("bea")})
    assert set(rows) == {"ada", "bea"}


def test_loose_files_belong_to_whom_their_name_or_content_says(graded):
    rows = graded({"11_first_network_ada.ipynb": executed("ada"), "11_first_network.ipynb": executed("bea")})
    assert {name: row.points for name, row in rows.items()} == {"ada": MAXIMUM, "bea": MAXIMUM}
    assert student_of_file("x/Copy of 11_first_network_ada (2).ipynb.json", ("11_first_network",)) == "ada"


def test_nbgraders_timestamp_is_the_time_of_submission(tmp_path):
    home = tmp_path / "submitted/ada/ps1"
    home.mkdir(parents=True)
    (home / "11.ipynb").write_text("{}")
    (home / "timestamp.txt").write_text("2026-02-03 04:05:06.789000 UTC\n")
    one, = collect(tmp_path, tmp_path / "scratch").submissions
    assert one.submitted.isoformat() == "2026-02-03T04:05:06.789000+00:00" and one.student == "ada"


# --- broken and hostile ------------------------------------------------------------------------


def deep(levels):
    return '{"cells": [' + "[" * levels + "]" * levels + "]}"


BROKEN = {
    "empty": ("", "empty"),
    "zeros": (b"\0" * 5000, "empty"),
    "not JSON": ("print('hello')", "no notebook"),
    "a web page": ("<!doctype html><html>", "a web page"),
    "truncated": (json.dumps(executed("ada"))[:3000], "cut off"),
    "binary": (bytes(range(256)) * 10, "no notebook"),
    "nbformat 3": (json.dumps({"nbformat": 3, "worksheets": [{"cells": []}], "metadata": {}}), "nbformat 3"),
    "R": (json.dumps(executed("ada") | {"metadata": {"kernelspec": {"language": "R", "name": "ir"}}}), "in R"),
    "Julia": (json.dumps(executed("ada") | {"metadata": {"language_info": {"name": "julia"}}}), "in julia"),
    "a list": ("[]", "no notebook"),
    "no cells": ('{"metadata": {}}', "no list of cells"),
    "cells of another kind": ('{"cells": [1, 2]}', "not a notebook cell"),
    "deep": (deep(100_000), "nested"),
    "NaN": ('{"cells": [], "x": NaN}', "NaN"),
    "another course": (json.dumps({"cells": [], "metadata": {}, "nbformat": 4}), "none of this course's"),
    "many cells": (json.dumps({"cells": [{"cell_type": "code", "source": ""}] * 3000}), "3,000 code cells"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_gets_a_sentence_and_no_points(kind, crowd):
    assert BROKEN[kind][1] in crowd[kind].problem and crowd[kind].problem.endswith(".")
    assert crowd[kind].points == 0


def test_200_megabytes_of_output_are_named_and_not_read(graded, tmp_path):
    path = tmp_path / "class/ada/11.ipynb"
    path.parent.mkdir(parents=True)
    with open(path, "wb") as file:
        file.write(b'{"cells": [')
        file.truncate(200 * 2**20)
    rows = graded({"bea/11.ipynb": executed("bea")})
    assert "209,715,200 bytes" in rows["ada"].problem and rows["bea"].points == MAXIMUM


HOSTILE_CODE = {
    "deep parentheses": "(" * 5000 + ")" * 5000,
    "a long sum": "x = " + "+".join("1" for _ in range(20_000)),
    "deep attributes": "a" + ".b" * 20_000,
    "no Python": "def (:",
    "null": "x = '\0'",
    "half a pair": "x = '\ud800'",
    "megabytes": "x = 1\n" * 300_000,
}


@pytest.mark.parametrize("kind", HOSTILE_CODE)
def test_hostile_code_in_a_cell_that_was_not_run_changes_nothing(kind, crowd):
    assert not crowd[kind].problem and crowd[kind].points == MAXIMUM, crowd[kind].items


DAMAGE = [
    ("outputs", 3), ("outputs", [1, None, "x"]), ("outputs", [{"data": 7}]), ("outputs", [{"output_type": "error"}]),
    ("outputs", [{"output_type": "error", "ename": ["x"], "evalue": {"a": 1}}]), ("execution_count", "7"),
    ("execution_count", -1), ("execution_count", 1e300), ("execution_count", True), ("metadata", 5),
    ("metadata", {"execution": {"iopub.execute_input": 5}}), ("metadata", {"executionInfo": {"timestamp": 1e300}}),
    ("metadata", {"executionInfo": {"timestamp": "x", "user": 5}}), ("metadata", {"tags": {"a": 1}}), ("id", 5),
]


@pytest.mark.parametrize("number", range(len(DAMAGE)))
def test_damaged_cells_are_graded_as_what_is_left(number, crowd):
    row = crowd[f"damage {number}"]
    assert not row.problem
    assert (row.points == MAXIMUM) == (DAMAGE[number][0] in ("metadata", "id")), row.items


@pytest.mark.parametrize("student", ["<script>alert(1)</script>", '=HYPERLINK("http://x")', "\u202eada", "a\nb"])
def test_parameters_from_anybody_are_shown_as_they_are(student, graded, tmp_path):
    whole = executed(student)
    rows = graded({"11.ipynb": whole})
    assert all(not row.problem for row in rows.values())
    page = (tmp_path / "out/class.html").read_text()
    assert "<script" not in page and "\u202e" not in page
    assert "\n=HYP" not in (tmp_path / "out/grades.csv").read_text()


def test_links_are_passed_over(graded, tmp_path):
    (tmp_path / "secret.ipynb").write_text(json.dumps(executed("eve")))
    (tmp_path / "class/eve").mkdir(parents=True)
    (tmp_path / "class/eve/11.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (tmp_path / "class/mal").symlink_to(tmp_path)
    rows = graded({"ada/11.ipynb": executed("ada")})
    assert set(rows) == {"ada"}
    assert (tmp_path / "out/class.html").read_text().count("a link, which may lead anywhere") == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_passed_over(graded, tmp_path):
    (tmp_path / "class/eve").mkdir(parents=True)
    os.mkfifo(tmp_path / "class/eve/11.ipynb")
    assert set(graded({"ada/11.ipynb": executed("ada")})) == {"ada"}


def archive_of(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, mode << 16
            archive.writestr(info, content)
    return file.getvalue()


PLAIN = stat.S_IFREG | 0o644
HOSTILE_ZIPS = {
    "leads out": (archive_of(("../../evil.ipynb", "{}", PLAIN)), "leads out"),
    "absolute": (archive_of(("/tmp/evil.ipynb", "{}", PLAIN)), "leads out"),
    "link": (archive_of(("11.ipynb", "/etc/passwd", stat.S_IFLNK | 0o777)), "a link or a device"),
    "bomb": (archive_of(("11.ipynb", b"0" * 3 * 2**20, PLAIN)), "unpacks to more than"),
    "damaged": (b"PK\3\4" + b"x" * 200, "damaged"),
    "no notebook": (archive_of(("notes.txt", "x", PLAIN)), "holds no notebook"),
}


@pytest.mark.parametrize("kind", HOSTILE_ZIPS)
def test_a_students_hostile_zip_is_refused_alone(kind, graded, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MAXIMUM_STUDENT_BYTES", 2**20)
    content, said = HOSTILE_ZIPS[kind]
    rows = graded({"eve/work.zip": content, "ada/11.ipynb": executed("ada")})
    assert said in rows["eve"].problem and rows["ada"].points == MAXIMUM
    assert str(tmp_path) not in rows["eve"].problem and not list(tmp_path.rglob("evil*"))


def test_a_students_own_zip_is_opened(graded):
    whole = json.dumps(executed("ada"))
    assert graded({"ada/work.zip": archive_of(("deep/11.ipynb", whole, PLAIN))})["ada"].points == MAXIMUM


@pytest.mark.parametrize("kind", ["leads out", "link", "bomb", "damaged"])
def test_a_hostile_zip_of_the_class_is_refused(kind, tmp_path, course, monkeypatch):
    monkeypatch.setattr(collecting, "MAXIMUM_CLASS_BYTES", 2**20)
    (tmp_path / "class.zip").write_bytes(HOSTILE_ZIPS[kind][0])
    with pytest.raises(RunError, match=HOSTILE_ZIPS[kind][1]):
        grade_class(tmp_path / "class.zip", tmp_path / "out", course, jobs=1)


def test_what_is_no_class_is_refused(tmp_path, course):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    for source, said in (("none", "no such"), ("empty", "holds no submission"), ("file.txt", "neither a folder")):
        with pytest.raises(RunError, match=said):
            grade_class(tmp_path / source, tmp_path / "out", course, jobs=1)
    (tmp_path / "class/ada").mkdir(parents=True)
    (tmp_path / "class/ada/11.ipynb").write_text("{}")
    with pytest.raises(RunError, match="lies among the submissions"):
        grade_class(tmp_path / "class", tmp_path / "class/out", course, jobs=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(RunError, match="none of 'fashion-tf grade'"):
        grade_class(tmp_path / "class", tmp_path / "mine", course, jobs=1)


def test_only_so_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MAXIMUM_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.ipynb").write_text("{}")
    with pytest.raises(RunError, match="more than 3 files"):
        collect(tmp_path, tmp_path / "scratch")


def test_the_parameters_cell_is_not_python(graded):
    whole = executed("ada")
    whole["cells"][PARAMETERS]["source"] = "# Parameters\nSTUDENT = = 3"
    row = graded({"ada/11.ipynb": whole})["ada"]
    assert {item["name"]: item["outcome"] for item in row.items}["settings"] == "altered"


def test_unreadable_says_so_itself():
    with pytest.raises(Unreadable, match="empty"):
        parse_submission(b"\xef\xbb\xbf \n")


ANYTHING = [None, True, 0, -1, 1e308, "", "x", [], {}, [[]], {"a": {}}, "\ud800", "\0", 10**400, ["a", "b"],
            {"name": "test_accuracy"}, "=1+1", [None]]


def places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def test_whatever_stands_in_a_notebook_grading_does_not_fail(graded):
    """Values of a whole notebook replaced or left out at random."""
    draw, files = random.Random(0), {}
    for number in range(60):
        whole = executed(f"s{number}", seed=number)
        for *above, last in draw.sample(list(places(whole))[1:], 2):
            part = whole
            try:
                for name in above:
                    part = part[name]
                if draw.random() < 0.8:
                    part[last] = draw.choice(ANYTHING)
                else:
                    del part[last]
            except (KeyError, IndexError, TypeError):
                continue  # it was within what the first change replaced
        files[f"s{number}/11.ipynb"] = whole
    rows = graded(files)
    assert len(rows) == 60
    assert [row.problem for row in rows.values() if row.problem.startswith("Grading it failed")] == []
