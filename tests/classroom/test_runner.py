"""A course of tiny lessons, each made to pass or to fail in one way; no TensorFlow is needed."""

import json
import signal
import subprocess
import sys
import time

import pytest

from fashion_tf import cli
from fashion_tf.classroom import runner
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.notebooks import canonical_bytes
from fashion_tf.classroom.runner import read_results, run_course
from fashion_tf.errors import CourseError, RunError

RECORD = "from fashion_tf.classroom.records import begin_lesson, record\nbegin_lesson('x')\n"
LESSONS = {  # number -> the code after the parameters cell
    "10": RECORD + "record('accuracy', 0.5 + STEPS / 100)",
    "11": "print('before')\n1 / 0",
    "12": "pass",
    "13": RECORD + "record('accuracy', 0.3)",
    "14": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "15": "import time; time.sleep(60)",
    "16": RECORD + "record('accuracy', 0.9)\nrecord('other', 1)",
    "17": RECORD + "record('accuracy', 'high')",
    "18": RECORD + "record('accuracy', 0.9)\nopen('made_by_the_lesson.txt', 'w').close()",
}


def lesson(number, extra=""):
    return f"""
  - notebook: {number}_lesson.ipynb
    title: Lesson {number}
    minutes: {{sample: 1, real: 1, paper: 1}}
    profiles:
      sample: {{{extra}}}
      real: {{needs: [fashion-mnist]}}
      paper: {{needs: [gpu]}}
    records:
      accuracy: {{meaning: how good, baseline: 0.1, floors: {{sample: 0.5, real: 0.5, paper: 0.5}}}}"""


def make_course(folder, lessons, extra=""):
    (folder / "notebooks").mkdir(parents=True)
    text = "repository: https://github.com/owner/kit\npapers: {}\nlessons:"
    for number, code in lessons.items():
        text += lesson(number, extra)
        cells = ["# Parameters\nDATA = 'sample'  # where\nSTEPS = 3  # how many\nRATE = 0.5  # rate",
                 code]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
            {"cell_type": "code", "id": f"c{n}", "source": source, "outputs": [],
             "execution_count": None, "metadata": {"tags": ["parameters"]} if n == 0 else {}}
            for n, source in enumerate(cells)]}
        path = folder / "notebooks" / f"{number}_lesson.ipynb"
        path.write_bytes(canonical_bytes(notebook))
    (folder / "course.yml").write_text(text + "\n")
    return load_course(folder / "course.yml")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All lessons in one run, two at a time: (results by lesson, output folder, lines said)."""
    folder = tmp_path_factory.mktemp("course")
    course = make_course(folder, LESSONS)
    said = []
    results = run_course(course, jobs=2, out=folder / "out", lesson_minutes=6 / 60, say=said.append)
    return {result.lesson: result for result in results}, folder / "out", said


def test_a_lesson_that_keeps_its_promise_passes(run):
    results, out, _ = run
    assert (results["10"].status, results["10"].reasons) == ("passed", [])
    assert results["10"].records["accuracy"]["value"] == 0.53
    assert (out / "10_lesson.ipynb").exists()


@pytest.mark.parametrize(("number", "reason"), [
    ("11", "cell 2: ZeroDivisionError: division by zero"),
    ("12", "record accuracy is missing"),
    ("13", "record accuracy is 0.3, below its floor 0.5 (naive baseline 0.1)"),
    ("14", "the kernel died (out of memory, or killed)"),
    ("15", "the lesson ran longer than its 6 s"),
    ("16", "record other is not promised in course.yml"),
    ("17", "record accuracy is 'high', not a number"),
])
def test_a_lesson_that_fails_fails_alone_and_says_why(run, number, reason):
    results, _, said = run
    assert results[number].status == "failed"
    assert any(reason in one for one in results[number].reasons), results[number].reasons
    assert any(reason in line for line in said)
    assert len(results[number].reasons) <= 2  # the cause, and where it stopped: no list of what follows


def test_files_of_a_lesson_stay_in_its_own_folder(run):
    results, out, _ = run
    assert results["18"].status == "passed"
    assert (out / "work" / "18" / "made_by_the_lesson.txt").exists()
    assert not (out / "work" / "10").exists()


def test_results_are_written_and_read_back(run):
    results, out, _ = run
    content, lessons = read_results(out)
    assert [one.lesson for one in lessons] == list(LESSONS)
    assert lessons == list(results.values())
    assert (content["profile"], content["data"], content["schema"]) == ("sample", "sample", 1)


def test_resume_runs_only_what_has_not_passed(run):
    results, out, _ = run
    course = load_course(out.parent / "course.yml")
    before = (out / "10_lesson.ipynb").stat().st_mtime_ns
    said = []
    again = run_course(course, ["10", "11", "18"], out=out, resume=True, say=said.append)
    assert [one.status for one in again] == ["passed", "failed", "passed"]
    assert (out / "10_lesson.ipynb").stat().st_mtime_ns == before
    assert sum("passed before" in line for line in said) == 2
    assert any(line.startswith("[1/1] 11") for line in said)
    # Another parameter is another result: nothing is taken over.
    assert results["10"].fingerprint != runner._job(
        course, course.lesson("10"), "sample", "sample", {"STEPS": 4}, out, 1, "loky", None,
        None).fingerprint


def test_parameters_reach_the_lesson_and_bad_ones_fail_it_alone(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"], "18": LESSONS["18"]})
    results = run_course(course, settings=["STEPS=7", "18:STEP=1"], out=tmp_path / "out",
                         say=lambda line: None)
    assert results[0].records["accuracy"]["value"] == pytest.approx(0.57)
    assert results[1].status == "failed"
    assert results[1].executed is None
    assert "unknown parameter STEP; 18_lesson.ipynb has DATA, STEPS, RATE" in results[1].reasons[0]


def test_settings_are_checked_before_the_first_cell(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})

    def parameters(*settings):
        chosen = runner._settings_for(settings, course.lesson("10"), course)
        return runner._job(course, course.lesson("10"), "sample", "sample", chosen, tmp_path, 1,
                           "loky", None, None).parameters

    assert parameters("RATE=1", "10:STEPS=2")["RATE"] == 1  # an int where a float stands is fine
    assert parameters("DATA=some/where")["DATA"] == "some/where"
    for setting, message in (("STEPS=many", "takes a int"), ("STEPS=True", "takes a int"),
                             ("STEPS", "write NAME=VALUE"), ("=3", "write NAME=VALUE")):
        with pytest.raises(RunError, match=message):
            parameters(setting)
    with pytest.raises(CourseError, match="no lesson '99'"):
        parameters("99:STEPS=1")


def test_needs_stop_a_lesson_before_its_first_cell(tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_TF_DATA", raising=False)
    monkeypatch.setattr(runner, "_missing_gpu", lambda: "there is no GPU")
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    for profile, reason in (("real", "needs the dataset fashion-mnist"), ("paper", "no GPU")):
        result, = run_course(course, profile=profile, out=tmp_path / profile, say=lambda line: None)
        assert (result.status, result.executed) == ("not run", None)
        assert reason in result.reasons[0]
        assert not (tmp_path / profile / "10_lesson.ipynb").exists()
    result, = run_course(course, profile="paper", out=tmp_path / "cpu", allow_cpu=True,
                         say=lambda line: None)
    assert result.status == "passed"


def test_the_gpu_question_is_put_to_tensorflow(monkeypatch):
    asked = []

    def answer(arguments, **_):
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, stdout="0\n", stderr="")

    monkeypatch.setattr(subprocess, "run", answer)
    assert "needs a GPU" in runner._missing_gpu()
    assert "list_physical_devices" in asked[0][-1]
    monkeypatch.setattr(subprocess, "run", lambda arguments, **_: subprocess.CompletedProcess(
        arguments, 0, stdout="1\n", stderr=""))
    assert runner._missing_gpu() is None


def test_bad_options(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    for options, message in (({"profile": "fast"}, "no profile 'fast'"), ({"jobs": 0}, "--jobs 0"),
                             ({"backend": "spark"}, "no backend"),
                             ({"data": str(tmp_path / "absent")}, "no such folder")):
        with pytest.raises(RunError, match=message):
            run_course(course, out=tmp_path / "out", **options)
    (tmp_path / "notebooks" / "19_new.ipynb").write_text("{}")
    with pytest.raises(CourseError, match=r"19_new.ipynb is not in course.yml"):
        run_course(course, out=tmp_path / "out")


@pytest.mark.parametrize(("backend", "module"), [("ray", "ray.util.joblib"),
                                                 ("dask", "dask.distributed")])
def test_a_backend_that_is_not_installed_says_how_to_get_it(tmp_path, monkeypatch, backend, module):
    monkeypatch.setitem(sys.modules, module, None)
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    with pytest.raises(RunError, match=rf"--backend {backend} needs .*cluster"):
        run_course(course, backend=backend, out=tmp_path / "out", say=lambda line: None)


def test_a_notebook_that_is_none_fails_alone(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"], "18": LESSONS["18"]})
    (tmp_path / "notebooks" / "18_lesson.ipynb").write_text("{")
    results = run_course(course, out=tmp_path / "out", say=lambda line: None)
    assert [one.status for one in results] == ["passed", "failed"]
    assert "18_lesson.ipynb" in results[1].reasons[0]


def test_resume_refuses_damaged_or_foreign_results(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    (tmp_path / "results.json").write_text('{"schema": 1, "lessons": [')
    with pytest.raises(RunError, match="damaged"):
        run_course(course, out=tmp_path, resume=True)
    (tmp_path / "results.json").write_text('{"schema": 1, "profile": "real", "lessons": []}')
    with pytest.raises(RunError, match="holds a run of profile 'real'"):
        run_course(course, out=tmp_path, resume=True)


def test_the_exit_code_tells(tmp_path, monkeypatch, capsys):
    make_course(tmp_path, {"10": LESSONS["10"], "12": LESSONS["12"]})
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "10", "--out", "out"]) == 0
    assert cli.main(["run", "10", "12", "--out", "out", "--resume"]) == 1
    assert "1 of 2 lessons passed." in capsys.readouterr().out
    assert cli.main(["run", "77"]) == 2
    assert "no lesson '77'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_run_keeps_what_is_done(tmp_path):
    make_course(tmp_path, {"10": LESSONS["10"], "15": LESSONS["15"]})
    # A test run in the background hands on an ignored SIGINT; a person's terminal does not.
    code = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from fashion_tf import cli; sys.exit(cli.main(['run', '--out', 'out']))")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    results = tmp_path / "out" / "results.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if results.exists() and json.loads(results.read_text())["lessons"][0]["status"] == "passed":
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    _, lessons = read_results(tmp_path / "out")
    assert [one.status for one in lessons] == ["passed", "not run"]
