"""Published runs: what may stand among them, and that what is written from them is what they say."""

import json
import re
import shutil
import subprocess

import pytest
from classroom.report.made import COURSE, lesson, results
from conftest import REPOSITORY

import fashion_tf
from fashion_tf import cli
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.notebooks import canonical_bytes
from fashion_tf.classroom.report import check_run, publish, published
from fashion_tf.classroom.report.published import README_MARKS, RUNS, published_files
from fashion_tf.classroom.states import lesson_state, state_of_course
from fashion_tf.errors import FashionError, RunError

EXTRA = """      grid: {meaning: a table, kind: description, metric: share}
      losses: {meaning: losses, kind: description, metric: amount}
      words: {meaning: what was found, kind: description}
      gain: {meaning: a gain, baseline: 0.0, floors: {real: 0.1}, metric: gain}
      accuracy: {headline: true, """


def make_notebook(code):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": code}]}


@pytest.fixture
def kit(tmp_path):
    """A repository with a course, its notebooks and no published run."""
    text = COURSE.replace("      accuracy: {", EXTRA, 1).replace("real: {}", "real: {parameters: {A: 5}}", 1)
    (tmp_path / "course.yml").write_text(text)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "docs/runs").mkdir(parents=True)
    for name in ("11_one", "12_two"):
        notebook = make_notebook(f"# Parameters\nA = 1  # of {name}")
        (tmp_path / f"notebooks/{name}.ipynb").write_bytes(canonical_bytes(notebook))
    (tmp_path / "README.md").write_text("# Kit\n\n{}\nold\n{}\n\nMore.\n".format(*README_MARKS))
    return load_course(tmp_path / "course.yml")


def ran(kit, records=None, profile="real", number="11", **fields):
    """Lesson 11 as it stands, run with its profile's parameters."""
    one = lesson(number, parameters={"DATA": "data/", "A": 5}, state=state_of_course(kit, kit.lesson(number), profile),
                 seed=3, **fields)
    one["records"] |= {name: {"value": value} for name, value in (records or {}).items()}
    return one


def write(kit, *lessons, name="ada-h100", text=None, **fields):
    path = kit.root / RUNS / f"{name}.json"
    content = results(*lessons, **{"profile": "real", "data": "data/", "fashion_tf": fashion_tf.__version__} | fields)
    path.write_text(text if text is not None else json.dumps(content))
    return path


def test_a_run_of_the_lesson_as_it_stands_may_be_published(kit, capsys):
    good = {"grid": {"a": 1.0, "b": None, "c": [0, 0.5]}, "losses": {"a": 7.5}, "words": {"best": "Adam"}, "gain": -0.5}
    path = write(kit, ran(kit, good))
    assert check_run(path, kit) == []
    assert cli.main(["--course", str(kit.root / "course.yml"), "report", "--check", str(path)]) == 0
    assert capsys.readouterr().out == "May be published.\n"


@pytest.mark.parametrize(("records", "problem"), [
    ({"accuracy": "high"}, "record accuracy is high, no number"),
    ({"accuracy": True}, "record accuracy is yes, no number"),
    ({"accuracy": 1.2}, "record accuracy is 1.200; a number of the kind share is 0 to 1"),
    ({"grid": {"a": {"b": -0.1}}}, "record grid, a, is −0.100; a number of the kind share is 0 to 1"),
    ({"grid": {"a": [0.5, "<b>"]}}, "record grid, a, is <b>, no number"),
    ({"losses": {"a": -1}}, "record losses, a, is −1; a number of the kind amount is 0 or more"),
    ({"gain": 1.5}, "record gain is 1.500; a number of the kind gain is -1 to 1"),
    ({"grid": {"net: iou": 0.971, "net: dice": 0.633}}, r"IoU 0.971 and Dice 0.633 cannot be of the same masks"),
    ({"words": {"net": {"iou": 0.5, "dice": 0.5}}}, "IoU 0.500 and Dice 0.500 cannot be"),
])
def test_what_no_metric_can_be_is_refused(kit, records, problem):
    found = check_run(write(kit, ran(kit, records)), kit)
    assert len(found) == 1 and re.search(rf"ada-h100\.json: lesson 11: .*{problem}", found[0]), found


def test_iou_and_dice_of_the_same_masks_are_believed(kit):
    pairs = {f"{name}: {what}": value for name, iou in (("a", 0.0), ("b", 0.5), ("c", 1.0), ("d", 0.8317))
             for what, value in (("iou", iou), ("dice", 2 * iou / (1 + iou)))}
    assert check_run(write(kit, ran(kit, {"grid": pairs})), kit) == []


@pytest.mark.parametrize(("change", "problem"), [
    ({"parameters": {"DATA": "data/", "A": 4}, "state": "0" * 16}, "parameters are not those of real: A is 4, not 5"),
    ({"parameters": {"DATA": "data/", "A": 5, "B": 1}, "state": "0" * 16}, "not those of real: B was set"),
    ({"state": "0" * 16}, "notebook, parameters or promises are not those of version"),
    ({"state": ""}, "does not say in which state the lesson was"),
    ({"parameters": {"DATA": "sample", "A": 5}}, "it ran on drawn data, and real asks for photographs"),
    ({"reasons": ["too low"]}, "it passed, and has reasons"),
    ({"status": "failed"}, "it failed, and does not say why"),
])
def test_a_lesson_that_was_not_run_as_released_is_refused(kit, change, problem):
    found = check_run(write(kit, ran(kit) | change), kit)
    assert len(found) == 1 and problem in found[0], found


@pytest.mark.parametrize(("fields", "problem"), [
    ({"profile": "rehearsal"}, "a rehearsal measures nothing"),
    ({"lessons": []}, "no lesson ran"),
    ({"started": "2999-01-01T00:00:00+00:00"}, "it began on 2999-01-01, which is yet to come"),
    ({"name": "Ada's run"}, "the file's name is made of"),
    ({"machine": {"system": "Linux in /home/ada/kit"}}, "it names '/home/ada/kit', a place on your machine"),
    ({"fashion_tf": "0.0.1"}, "version 0.0.1 is no release that this one knows"),
])
def test_a_run_that_can_be_no_result_is_refused(kit, fields, problem):
    lessons = fields.pop("lessons", [ran(kit, profile=fields.get("profile", "real"))])
    found = check_run(write(kit, *lessons, **fields), kit)
    assert len(found) == 1 and problem in found[0], found


@pytest.mark.parametrize(("text", "message"), [
    ("{", "damaged"), ("[]", "damaged"), ("NaN", "NaN, which is not JSON"), (" " * 3_000_000, "3,000,000 bytes"),
    (json.dumps(results(lesson("11", value=0.5))).replace("0.5", "1e999"), "inf"),
    (json.dumps(results(lesson("11", records={"accuracy": {"value": 1, "versions": 3}}))), "versions"),
    (json.dumps(results(lesson("11", state=5))), "state is 5"),
    (json.dumps(results(lesson("11"), machine={"gpus": "H100"})), "machine: gpus is 'H100'"),
    (json.dumps(results(lesson("11") | {"lesson": ["11"]})), "damaged"),
    (json.dumps(results(lesson("11"), started=5)), "started is 5"),
])
def test_a_hostile_file_is_answered_in_a_sentence(kit, text, message):
    with pytest.raises(FashionError, match=message) as caught:
        check_run(write(kit, text=text), kit)
    assert "ada-h100.json" in str(caught.value) and "\n" not in str(caught.value)


def test_html_in_a_published_run_stays_text(kit):
    evil = "<script>alert(1)</script> [x](http://evil.example) @all"
    one = ran(kit, {"words": {evil: evil}}, status="failed", reasons=[evil])
    path = write(kit, one, machine={"system": evil, "cores": evil, "gpus": [evil]}, data=evil)
    assert check_run(path, kit) == []  # text, and no lie
    publish(kit)
    for name in ("docs/results.md", "docs/pictures/results.svg", "README.md"):
        text = (kit.root / name).read_text()
        assert "<script" not in text and not re.search(r"(?<!\\)\]\(http|://evil", text)


def test_a_link_or_a_folder_is_no_file_to_publish(kit, tmp_path):
    path = write(kit, ran(kit))
    link = path.with_name("link.json")
    link.symlink_to(path)
    absent = path.with_name("absent.json")
    for one, message in ((link, "it is a link"), (path.parent, "directory"), (absent, "No such file")):
        with pytest.raises(RunError, match=message):
            check_run(one, kit)


def test_a_run_is_held_against_the_version_that_it_names(kit, monkeypatch):
    """What was released once stays right, whatever becomes of the lesson."""
    path = write(kit, ran(kit))
    publish(kit)  # notes this version's states
    changed = make_notebook("# Parameters\nA = 2")
    (kit.root / "notebooks/11_one.ipynb").write_bytes(canonical_bytes(changed))
    assert check_run(path, kit) == []  # of a state that was published
    monkeypatch.setattr(fashion_tf, "__version__", "9.0.0")
    assert check_run(path, kit) == []  # and after the next release
    new = write(kit, ran(kit), name="new", fashion_tf="9.0.0")
    assert check_run(new, kit) == []
    forged = ran(kit) | {"state": lesson_state(changed, kit.lesson("11"), "real", {"A": 6})}
    assert len(check_run(write(kit, forged, name="forged"), kit)) == 1
    publish(kit)
    states = json.loads((kit.root / "docs/releases.json").read_text())
    first = next(version for version in states if version != "9.0.0")
    assert states[first]["11"]["real"] != states["9.0.0"]["11"]["real"]
    assert states[first]["12"] == states["9.0.0"]["12"] and set(states[first]["11"]) == {"sample", "real", "paper"}


def test_what_was_published_stays_when_a_lesson_changes(kit):
    path = write(kit, ran(kit) | {"state": "0" * 16})
    assert check_run(path, kit) and check_run(path, kit, new=False) == []
    assert check_run(write(kit, ran(kit, {"accuracy": 2.0}), name="other"), kit, new=False)  # no number for ever


def test_readmes_figures_and_the_results_are_written_from_the_runs(kit):
    write(kit, ran(kit), name="first")
    write(kit, name="._first", text="\0\5\x16\7")  # macOS's
    write(kit, ran(kit, {"accuracy": 0.93}), name="second", started="2026-03-04T00:00:00+00:00")
    write(kit, lesson("12", parameters={"DATA": "sample"}, value=0.31), name="drawn", profile="sample", data="sample")
    written = publish(kit)
    assert {path.relative_to(kit.root).as_posix() for path in written} == {
        "docs/results.md", "docs/pictures/results.svg", "docs/releases.json", "README.md"}
    readme = (kit.root / "README.md").read_text()
    assert readme.startswith("# Kit\n\n") and readme.endswith("\n\nMore.\n") and "old" not in readme
    assert "| 11 | how good | 0.900 | 0.930 | 0.100 |" in readme  # the newest, and no drawn data
    assert "second (2026-03-04, real data)" in readme and "0.31" not in readme
    text = (kit.root / "docs/results.md").read_text()
    assert text == published_files(published(kit))["docs/results.md"]
    assert text.startswith("<!-- written by fashion-tf report --publish")
    assert "](pictures/results.svg)" in text and "| drawn | sample data |" in text
    assert "a newer run has lesson 11" in text
    before = {path: path.read_bytes() for path in written}
    assert {path: path.read_bytes() for path in publish(kit)} == before


def test_without_a_run_nothing_is_claimed(kit):
    publish(kit)
    assert "No run on real data is published yet." in (kit.root / "README.md").read_text()
    assert "No run yet" in (kit.root / "docs/results.md").read_text()
    assert not (kit.root / "docs/pictures/results.svg").exists()


def test_a_readme_without_a_place_for_the_results_is_said(kit):
    (kit.root / "README.md").write_text("# Kit\n")
    with pytest.raises(RunError, match="README.md: has not one place for the results"):
        publish(kit)
    assert not (kit.root / "docs/results.md").exists()


def test_publish_takes_no_run(kit, capsys):
    assert cli.main(["--course", str(kit.root / "course.yml"), "report", "--publish", "runs/sample"]) == 2
    assert "--publish takes the runs in docs/runs" in capsys.readouterr().err
    assert cli.main(["--course", str(kit.root / "course.yml"), "report", "--publish"]) == 0
    assert "docs/results.md" in capsys.readouterr().out


# --- this repository's own runs ------------------------------------------------------------------


def test_git_takes_published_runs_and_no_others():
    if not (REPOSITORY / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no checkout of git's, or no git")
    ignored = subprocess.run(["git", "check-ignore", "docs/runs/ada.json", "runs/sample/results.json"], cwd=REPOSITORY,
                             capture_output=True, text=True).stdout.split()
    assert ignored == ["runs/sample/results.json"]


def test_every_published_run_is_one(course):
    for path in sorted((REPOSITORY / RUNS).glob("*.json")):
        assert check_run(path, course, new=False) == []


def test_what_is_published_says_what_the_runs_say(course):
    for name, content in published_files(published(course)).items():
        found = REPOSITORY / name
        assert (found.read_text(encoding="utf-8") if found.exists() else None) == content, f"make results writes {name}"


def test_every_figure_in_readme_was_measured(course):
    """Read with json alone: each number under "here" is a record of that lesson in some published run."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in (REPOSITORY / RUNS).glob("*.json")]
    measured = {}
    for run in runs:
        for one in run["lessons"]:
            measured.setdefault(one["lesson"], set()).update(
                f"{entry['value']:.3f}" for entry in one["records"].values() if isinstance(entry["value"], float))
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")]
                   for line in readme.partition(README_MARKS[0])[2].partition(README_MARKS[1])[0].splitlines()
                   if line.startswith("|")] or [[]]
    here = [number for number, name in enumerate(head) if name.startswith("here")]
    for row in rows[1:]:
        assert {row[number].replace("−", "-") for number in here} - {"–"} <= measured[row[0]], row
    assert bool(rows) == any(run["profile"] != "sample" for run in runs)
