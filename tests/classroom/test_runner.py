"""A course of tiny lessons, each made to pass or to fail in one way; no TensorFlow is needed."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from fashion_tf import cli
from fashion_tf.classroom import execution, results, runner
from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.notebooks import canonical_bytes, parse_notebook
from fashion_tf.classroom.results import (
    WORK,
    LessonResult,
    clear_leftovers,
    keep_result,
    read_results,
    without_paths,
    write_results,
)
from fashion_tf.classroom.runner import run_course
from fashion_tf.errors import CourseError, RunError
from fashion_tf.files import locked, read_whole

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
    "19": RECORD + "assert (PAIR, TREE) == ((3, 4), {'a': [None, -1]})\nrecord('accuracy', 0.5 + STEPS / 100)",
    "20": RECORD + "STEPS = 1\nrecord('accuracy', 0.9)",
    "21": RECORD + "record('accuracy', 0.9)",
    "22": RECORD + "record('accuracy', 0.9)",
}
PARAMETERS = "# Parameters\nDATA = 'sample'  # where\nSTEPS = 3  # how many\nRATE = 0.5  # rate"
SETTINGS = ["19:PAIR=(3, 4)", "19:TREE={'a': [None, -1]}", "19:STEPS=7", "20:STEPS=7", "21:STEPS=7"]


def lesson(number, extra=""):
    return f"""
  - notebook: {number}_lesson.ipynb
    title: Lesson {number}
    minutes: {{sample: 1, real: 1, paper: 1, rehearsal: 1}}
    profiles:
      sample: {{{extra}}}
      real: {{needs: [fashion-mnist]}}
      paper: {{needs: [gpu]}}
      rehearsal: {{parameters: {{DATA: "sample:5"}}}}
    records:
      accuracy: {{meaning: how good, baseline: 0.1, floors: {{sample: 0.5, real: 0.5, paper: 0.5}}}}"""


def make_course(folder, lessons, extra=""):
    (folder / "notebooks").mkdir(parents=True)
    text = "repository: https://github.com/owner/kit\npapers: {}\nlessons:"
    for number, code in lessons.items():
        text += lesson(number, extra)
        parameters = PARAMETERS + ("\nPAIR = (1, 2)  # two\nTREE = None  # any" if number == "19" else "")
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
            {"cell_type": "code", "id": f"c{n}", "source": source, "outputs": [],
             "execution_count": None, "metadata": {"tags": ["parameters"]} if n == 0 else {}}
            for n, source in enumerate([parameters, code])]}
        if number == "19":  # as an editor leaves it that drops tags
            del notebook["cells"][0]["metadata"]["tags"]
        content = canonical_bytes(notebook)
        if number == "21":  # and as another one does
            content = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n").replace(b"\\n", b"\\r\\n")
        (folder / "notebooks" / f"{number}_lesson.ipynb").write_bytes(content)
    (folder / "course.yml").write_text(text + "\n")
    return load_course(folder / "course.yml")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All lessons in one folder, two at a time, and the disk full for number 22: (results by lesson, output
    folder, lines said). Number 15 has little time, the others what a busy machine takes."""
    folder = tmp_path_factory.mktemp("course")
    course = make_course(folder, LESSONS)
    said = []
    write = execution.write_atomically

    def write_on_a_full_disk(path, content):
        if path.name == "22_lesson.ipynb":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "write_atomically", write_on_a_full_disk)
        results = run_course(course, ["15"], out=folder / "out", lesson_minutes=3 / 60, say=said.append)
        results += run_course(course, [number for number in LESSONS if number != "15"], settings=SETTINGS, jobs=2,
                              out=folder / "out", say=said.append)
    return {result.lesson: result for result in sorted(results, key=lambda one: one.lesson)}, folder / "out", said


@pytest.fixture
def no_kernels(monkeypatch):
    """Lessons pass at once, for tests of what stands around them."""
    def run_lesson(job, kernels=None):
        return LessonResult(job.lesson.id, job.lesson.notebook, "passed", fingerprint=job.fingerprint)

    monkeypatch.setattr(runner, "run_lesson", run_lesson)


@pytest.mark.slow
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
    ("15", "the lesson ran longer than its 3 s"),
    ("16", "record other is not promised in course.yml"),
    ("17", "record accuracy is 'high', not a number"),
    ("20", "record accuracy was made with STEPS = 1, not with 7, which was asked for"),
    ("22", "22_lesson.ipynb: No space left on device"),
])
def test_a_lesson_that_fails_fails_alone_and_says_why(run, number, reason):
    results, _, said = run
    assert results[number].status == "failed"
    assert any(reason in one for one in results[number].reasons), results[number].reasons
    assert any(reason in line for line in said)
    assert len(results[number].reasons) <= 2  # the cause, and where it stopped: no list of what follows


@pytest.mark.slow
def test_what_a_busy_machine_reads_late_is_not_lost(tmp_path, monkeypatch):
    """The kernel's queue has no end, and what is in it after the cell's is read for as long as the cell may take."""
    from nbclient import NotebookClient

    def read_slowly(client, message, *rest):
        time.sleep(0.1)
        return read(client, message, *rest)

    read = NotebookClient.process_message
    monkeypatch.setattr(NotebookClient, "process_message", read_slowly)
    lessons = {"10": RECORD + "import zmq\nfrom IPython.display import display\n"
                     "from ipykernel.kernelapp import IPKernelApp\nfor n in range(60):\n    display(n)\n"
                     "record('accuracy', 0.9 - IPKernelApp.instance().iopub_thread.socket.get(zmq.SNDHWM))"}
    result, = run_course(make_course(tmp_path, lessons), out=tmp_path / "out")
    assert (result.status, result.reasons) == ("passed", []) and result.seconds > 6  # which is more than four after it
    assert result.records["accuracy"]["value"] == 0.9
    last = parse_notebook((tmp_path / "out" / "10_lesson.ipynb").read_bytes())["cells"][-1]
    assert len(last["outputs"]) == 61


def test_parameters_arrive_as_literals_though_the_tag_was_lost(run):
    results, out, _ = run
    assert (results["19"].status, results["19"].reasons) == ("passed", [])
    assert results["19"].records["accuracy"]["value"] == pytest.approx(0.57)
    assert results["19"].parameters == {"DATA": "sample", "PAIR": [3, 4], "TREE": {"a": [None, -1]}, "STEPS": 7}
    cells = parse_notebook((out / "19_lesson.ipynb").read_bytes())["cells"]
    assert [cell["metadata"]["tags"] for cell in cells[:2]] == [["parameters"], ["injected-parameters"]]
    assert "PAIR = (3, 4)" in cells[1]["source"]


def test_a_byte_order_mark_and_other_line_ends_are_read(run):
    results, _, _ = run
    assert (results["21"].status, results["21"].reasons) == ("passed", [])
    assert results["21"].parameters["STEPS"] == 7


def test_executed_notebooks_name_no_folder_of_this_machine(run):
    _, out, _ = run
    executed = sorted(out.glob("*.ipynb"))
    assert len(executed) == len(LESSONS) - 1
    for path in [*executed, out / "results.json"]:
        assert str(out.parent) not in path.read_text()
    assert not list(out.glob(".*")) and not list((out / "logs").glob("*.json"))  # nothing unfinished stays


def test_files_of_a_lesson_stay_in_its_own_folder(run):
    results, out, _ = run
    assert results["18"].status == "passed"
    assert (out / "work" / "18" / "made_by_the_lesson.txt").exists()
    assert not (out / "work" / "10").exists()


def test_a_lesson_that_ends_leaves_the_folder_that_another_is_about_to_use(tmp_path, monkeypatch):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    job = runner._job(course, course.lesson("10"), "sample", "sample", {}, tmp_path / "out", 2, "loky", None, None)
    monkeypatch.setattr("papermill.execute_notebook", lambda *_, **options: None)
    monkeypatch.setattr(execution, "_register_engine", lambda: None)
    (tmp_path / "out").mkdir()
    assert execution._run_cells(job, execution.Kernels()) is None
    assert (tmp_path / "out" / WORK).is_dir() and not job.work_folder.exists()
    run_course(course, out=tmp_path / "another", say=lambda line: None)
    assert not (tmp_path / "another" / WORK).exists()  # at the end it goes, where it is empty


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
    # The lessons that were not asked for are still among the results.
    assert [one.lesson for one in read_results(out)[1]] == list(LESSONS)
    # Another parameter is another result: nothing is taken over.
    assert results["10"].fingerprint != runner._job(
        course, course.lesson("10"), "sample", "sample", {"STEPS": 4}, out, 1, "loky", None,
        None).fingerprint


def test_an_unknown_parameter_fails_its_lesson_alone(tmp_path, no_kernels):
    course = make_course(tmp_path, {"10": LESSONS["10"], "18": LESSONS["18"]})
    results = run_course(course, settings=["STEPS=7", "18:STEP=1"], out=tmp_path / "out", say=lambda line: None)
    assert [one.status for one in results] == ["passed", "failed"]
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
                             ("RATE=1e999", "cannot be written as a Python literal"),
                             ("STEPS=" + "[" * 5000, "takes a int|nested too deeply"),
                             ("STEPS", "write NAME=VALUE"), ("=3", "write NAME=VALUE")):
        with pytest.raises(RunError, match=message):
            parameters(setting)
    with pytest.raises(CourseError, match="no lesson '99'"):
        parameters("99:STEPS=1")


def test_needs_stop_a_lesson_before_its_first_cell(tmp_path, monkeypatch, no_kernels):
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


def test_a_rehearsal_draws_as_many_photos_as_the_course_says_and_has_no_floors(tmp_path):
    low = LESSONS["10"].replace("0.5 + STEPS / 100", "0.01")
    assert low != LESSONS["10"]
    course = make_course(tmp_path, {"10": low})
    result, = run_course(course, profile="rehearsal", out=tmp_path / "out", say=lambda line: None)
    assert (result.status, result.parameters["DATA"]) == ("passed", "sample:5")
    assert result.records["accuracy"]["value"] == pytest.approx(0.01)
    with pytest.raises(RunError, match="a rehearsal takes drawn photos"):
        run_course(course, profile="rehearsal", data=str(tmp_path), out=tmp_path / "out")


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
                             ({"cell_minutes": -1.0}, "--cell-minutes -1: give a number of minutes above 0"),
                             ({"lesson_minutes": 0.0}, "--lesson-minutes 0:"),
                             ({"lesson_minutes": float("nan")}, "--lesson-minutes nan:"),
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


def test_a_notebook_that_is_none_fails_alone(tmp_path, no_kernels):
    course = make_course(tmp_path, {"10": LESSONS["10"], "18": LESSONS["18"]})
    (tmp_path / "notebooks" / "18_lesson.ipynb").write_text("{")
    results = run_course(course, out=tmp_path / "out", say=lambda line: None)
    assert [one.status for one in results] == ["passed", "failed"]
    assert "18_lesson.ipynb" in results[1].reasons[0]


def test_a_damaged_or_foreign_results_file_is_refused_and_kept(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    out = tmp_path / "out"
    out.mkdir()
    for content, message in (('{"schema": 1, "lessons": [', r"damaged \("), ('{"mine": 1}', r"damaged \("),
                             ('{"schema": 9, "lessons": []}', "schema 9"),
                             ('{"schema": 2, "lessons": [{"lesson": "10", "new": 1}]}', "schema 2; this release reads"),
                             ('{"schema": {"a": 1}}', "schema {'a': 1}"), ("[1]", r"damaged \("),
                             ("null", r"damaged \("),
                             ('{"schema": 1, "profile": "real", "lessons": []}', "holds a run of profile 'real'")):
        (out / "results.json").write_text(content)
        for resume in (True, False):
            with pytest.raises(RunError, match=message):
                run_course(course, out=out, resume=resume)
        assert (out / "results.json").read_text() == content


OURS = '{"schema": 1, "profile": "sample", "lessons": []}'


@pytest.mark.parametrize(("out", "files", "message"), [
    (".", {}, "the course itself"),
    ("notebooks", {}, "the course itself"),
    ("notebooks/new/out", {}, "the course itself"),
    ("course.yml", {}, "a file"),
    ("photos/out", {"photos/a.jpg": "a"}, "the data stand there"),
    ("mine", {"mine/10_lesson.ipynb": "{}"}, "10_lesson.ipynb: is there already, and no run wrote it"),
    ("mine", {"mine/results.json": OURS, "mine/10_lesson.ipynb": '{"cells": [], "metadata": {}}'}, "no run wrote it"),
    ("mine", {"mine/logs/diary.txt": "a"}, "logs: is there already, and no run made it"),
    ("mine", {f"mine/{WORK}/10/thesis.txt": "a"}, "work: is there already"),
    ("mine", {"mine/results.json": OURS, "mine/logs": "a"}, "logs: is there already"),
    ("mine", {"mine/results.json": OURS, "mine/logs/10.log/a": "a"}, "10.log: is there already, and is no plain file"),
    ("mine", {"mine/results.json": OURS, "mine/logs/10.log": "-> ../../photos"}, "no plain file"),
    ("mine", {"mine/results.json": OURS, "mine/work": "-> ../notebooks"}, "work: is there already"),
    ("mine", {"mine/results.json": "-> ../course.yml"}, "results.json: cannot be read: it is a link"),
])
def test_a_run_replaces_nothing_that_no_run_wrote(tmp_path, out, files, message):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    (tmp_path / "photos").mkdir()
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)

    def everything():
        return {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    before = everything()
    with pytest.raises(RunError, match=message):
        run_course(course, data=str(tmp_path / "photos"), out=tmp_path / out, say=lambda line: None)
    assert everything() == before


def test_one_run_at_a_time_writes_into_a_folder(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out" / ".lock", "the folder"):
        with pytest.raises(RunError, match=rf"out is in use by process {os.getpid()} on .* since 2"):
            run_course(course, out=tmp_path / "out")
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_lesson_that_ended_when_its_run_was_killed_is_not_lost(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "results.json").write_text(OURS)
    ended = LessonResult("10", "10_lesson.ipynb", "passed", records={"a": {"value": "\ud800", "versions": {}}})
    keep_result(tmp_path, "sample", ended)
    keep_result(tmp_path, "real", LessonResult("11", "11_lesson.ipynb", "passed"))  # of another run
    assert read_results(tmp_path)[1] == [ended]


@pytest.mark.parametrize("reads", range(3))
def test_a_run_that_goes_on_is_read_whole(tmp_path, monkeypatch, reads):
    """Whenever, between two files read, it takes a lesson's own file up into results.json and removes it."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "results.json").write_text(OURS)
    ended = LessonResult("10", "10_lesson.ipynb", "passed")
    keep_result(tmp_path, "sample", ended)
    files = []

    def read(*arguments, **options):
        if len(files) == reads:
            write_results(tmp_path, {"profile": "sample"}, [ended])
        files.append(arguments)
        return read_whole(*arguments, **options)

    monkeypatch.setattr(results, "read_whole", read)
    assert read_results(tmp_path)[1] == [ended]


def test_what_a_killed_run_was_writing_is_cleared_and_nothing_else(tmp_path):
    ours = [".unfinished-10_lesson.ipynb", ".results.json.0123456789ab.part", ".10_lesson.ipynb.0123456789ab.part",
            "..unfinished-10_lesson.ipynb.0123456789ab.part"]
    theirs = [".unfinished-novel.ipynb", ".film.part", ".results.json.part", "10_lesson.ipynb"]
    for name in ours + theirs:
        (tmp_path / name).write_text("")
    clear_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(theirs)


def test_a_lesson_can_be_sent_to_another_machine(tmp_path):
    course = make_course(tmp_path, {"10": LESSONS["10"]})
    job = runner._job(course, course.lesson("10"), "sample", "sample", {}, tmp_path / "out", -1, "ray", None, None)
    assert job.threads is None
    result = execution.run_lesson(pickle.loads(pickle.dumps(job)))
    assert (result.status, result.reasons) == ("passed", [])
    assert (tmp_path / "out" / "logs" / "10.result.json").exists()


def test_paths_are_written_by_the_folders_name():
    hidden = [("/home/me/kit/data", "data/"), ("/home/me", "~")]
    told = {"a": ["/home/me/kit/data", "in /home/me/kit/data/ccp/1.jpg: 'x'", "/home/me/b"], "b": 1,
            "c": "/home/metoo/b /other/home/me", "image/png": "/home/me"}
    assert without_paths(told, hidden) == {
        "a": ["data/", "in data/ccp/1.jpg: 'x'", "~/b"], "b": 1, "c": "/home/metoo/b /other/home/me",
        "image/png": "/home/me"}


def test_a_folder_of_data_is_known_by_its_name_alone(tmp_path):
    course = make_course(tmp_path, {"10": "print(DATA)\n" + LESSONS["10"]})
    data, out = tmp_path / "sample", tmp_path / "out"  # a folder of that name is not the drawn sample
    data.mkdir()
    result, = run_course(course, data=str(data), out=out, say=lambda line: None)
    assert result.status == "passed", result.reasons
    content, (stored,) = read_results(out)
    assert (content["data"], stored.parameters["DATA"]) == ("sample/", "sample/")
    assert str(tmp_path) not in (out / "10_lesson.ipynb").read_text()
    said = []
    run_course(course, data=str(data), out=out, resume=True, say=said.append)
    assert said == ["10 Lesson 10: passed before"]
    other = tmp_path / "other"
    other.mkdir()
    asked = runner._job(course, course.lesson("10"), "sample", str(other), {}, out, 1, "loky", None, None)
    assert asked.fingerprint != stored.fingerprint


def test_auto_takes_what_cores_memory_and_the_gpu_bear(tmp_path, monkeypatch):
    import psutil

    course = make_course(tmp_path, {"10": LESSONS["10"], "11": LESSONS["11"], "12": LESSONS["12"]})
    monkeypatch.setattr(runner, "_cores", lambda: 8)

    def jobs(gigabytes, profile="sample", backend="loky", gpus=()):
        monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": gigabytes * 2**30}))
        return runner._lessons_at_a_time("auto", course.lessons, profile, backend, gpus)

    assert [jobs(64), jobs(7), jobs(1), jobs(64, "paper"), jobs(64, backend="ray")] == [3, 2, 1, 1, -1]
    assert jobs(64, gpus=["NVIDIA H100"]) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # as who wants the processor's cores hides the GPU
    assert jobs(64, gpus=["NVIDIA H100"]) == 3
    assert runner._lessons_at_a_time(5, course.lessons, "sample", "loky", []) == 5
    assert [runner._threads(count, "loky") for count in (1, 2, 3, 16)] == [None, 4, 2, 1]


def test_the_longest_lesson_begins_first(tmp_path, no_kernels):
    course = make_course(tmp_path, {"10": LESSONS["12"], "11": LESSONS["12"]})
    text = (tmp_path / "course.yml").read_text()
    (tmp_path / "course.yml").write_text(text[::-1].replace("1 :elpmas{ :setunim", "9 :elpmas{ :setunim", 1)[::-1])
    said = []
    results = run_course(load_course(tmp_path / "course.yml"), jobs=1, out=tmp_path / "out", say=said.append)
    assert [line for line in said if line.endswith("begins")] == ["11 Lesson 11: begins", "10 Lesson 10: begins"]
    assert [result.lesson for result in results] == ["10", "11"]
    job = execution.Job(course.lesson("10"), "sample", b"", "", "", {}, "", "", None, 1, 1, None, ())
    before = {"10": LessonResult("10", "", "passed", seconds=7.0)}
    assert runner._expected_seconds(job, before) == 7.0
    assert runner._expected_seconds(job, {}) == 60


def test_a_terminal_shows_which_lessons_run_and_for_how_long(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = runner._Progress(None)
    progress.begin(3)
    for number in ("10", "52"):
        progress.started(type("Lesson", (), {"id": number, "title": "T"}))
    progress.running["52"] -= 61
    progress.show()
    progress.say("[1/3] 11 done")
    progress.end()
    shown = capsys.readouterr()
    assert "running: 10 (0 s), 52 (61 s)" in shown.err
    assert "[1/3] 11 done" in shown.out and "begins" not in shown.out


def test_what_is_said_cannot_steer_a_terminal():
    said = []
    runner._Progress(said.append).say("11 Ä\x1b[2J: failed\n     reason\r")
    assert said == ["11 Ä\\x1b[2J: failed\n     reason\\r"]


def test_the_exit_code_tells(tmp_path, monkeypatch, capsys):
    make_course(tmp_path, {"10": LESSONS["10"], "12": LESSONS["12"]})
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "10", "--out", "out"]) == 0
    assert cli.main(["run", "10", "12", "--out", "out", "--resume"]) == 1
    assert "1 of 2 lessons passed." in capsys.readouterr().out
    assert cli.main(["run", "77"]) == 2
    assert "no lesson '77'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_that_is_stopped_keeps_what_is_done_and_leaves_no_kernel(tmp_path, sent, code):
    make_course(tmp_path, {"10": LESSONS["10"], "15": "import os\nopen('pid', 'w').write(str(os.getpid()))\n"
                                                      + LESSONS["15"]})
    # A test run in the background hands on an ignored SIGINT; a person's terminal does not.
    program = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
               "from fashion_tf import cli; sys.exit(cli.main(['run', '--jobs', '2', '--out', 'out']))")
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, kernel = tmp_path / "out", tmp_path / "out" / "work" / "15" / "pid"

    def is_ready():
        return ((out / "results.json").exists() and kernel.exists() and kernel.read_text()
                and json.loads((out / "results.json").read_text())["lessons"][0]["status"] == "passed")

    _wait_until(is_ready)
    process.send_signal(sent)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert [one.status for one in read_results(out)[1]] == ["passed", "not run"]
    _wait_until(lambda: not _is_running(int(kernel.read_text())))


def _wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
