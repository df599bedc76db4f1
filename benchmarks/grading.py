"""Seconds in which a class is run again: `fashion-tf grade --rerun` beside nbgrader, as many of its processes as cores.

Forty notebooks of one lesson, each with its student's id and a solution that computes the answer from that student's
data: the very same files for both, in nbgrader's own layout. nbgrader's processes share the students evenly, and each
has a database of its own, so that none waits for another. Both run the kit's Python in their kernels and find the
samples drawn. Ours starts a sandbox for each, tries the isolation first and runs the lesson itself besides; all of
that counts. nbgrader isolates nothing.

The contenders take turns, each in fresh processes. What counts is the ratio of the seconds; the processor's time stands
beside, for other work on the machine changes it less. That both find the same is part of the comparison: every answer
passes.

    python -m venv nbgrader && nbgrader/bin/pip install nbgrader
    python benchmarks/grading.py --nbgrader nbgrader/bin/nbgrader     # half an hour on two cores
    python benchmarks/grading.py --nbgrader nbgrader/bin/nbgrader --students 8 --lesson 11
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fashion_tf.classroom.course import load_course
from fashion_tf.classroom.exercises import read_attempts
from fashion_tf.classroom.notebooks import canonical_bytes, exercise_marker, find_parameters, read_notebook

TARGET, ASSIGNMENT = 1.3, "lesson"
ROOT = Path(__file__).resolve().parent.parent


def answered(course, lesson, released, student):
    """The lesson as a student hands it in: with an id, with the kit's own solutions, and not run."""
    solved = read_notebook(ROOT / "notebooks/solutions" / lesson.notebook)
    solutions = {exercise_marker(cell["source"]): cell["source"] for cell in solved["cells"]
                 if cell["cell_type"] == "code" and exercise_marker(cell["source"])}
    notebook = read_notebook(released)
    place, _ = find_parameters(notebook)
    cell = notebook["cells"][place]
    cell["source"] = cell["source"].replace('STUDENT = ""', f'STUDENT = "{student}"')
    assert student in cell["source"]
    for cell in notebook["cells"]:
        cell["source"] = solutions.get(exercise_marker(cell["source"]), cell["source"])
    return canonical_bytes(notebook)


def environment(program, folder):
    """nbgrader finds its own tools on the path; its kernels run the kit's Python; its settings are nobody's."""
    kernel = folder / "jupyter/kernels/python3"
    kernel.mkdir(parents=True, exist_ok=True)
    (kernel / "kernel.json").write_text(json.dumps({
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3",
        "language": "python"}))
    path = os.pathsep.join([os.path.dirname(program), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "JUPYTER_PATH": str(folder / "jupyter"),
            "JUPYTER_CONFIG_DIR": str(folder / "none"), "PYTHONPATH": str(ROOT), "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "TF_CPP_MIN_LOG_LEVEL": "3"}


def nbgrader(program, folder, *arguments):
    return subprocess.Popen([program, *arguments], cwd=folder, env=environment(program, folder), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def finished(process):
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(process.args[:2])} failed:\n{said[-3000:]}")


def make_class(program, folder, course, lesson, students, cores):
    """nbgrader's course folder with what the students handed in: the names tell which process grades them."""
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    shutil.copy(course.notebook_path(lesson), source)
    finished(nbgrader(program, folder, "generate_assignment", ASSIGNMENT, "--create"))
    for number in range(students):
        student = f"p{number % cores}-s{number:02}"
        home = folder / "submitted" / student / ASSIGNMENT
        home.mkdir(parents=True)
        released = folder / "release" / ASSIGNMENT / lesson.notebook
        (home / lesson.notebook).write_bytes(answered(course, lesson, released, student))


def theirs(program, folder, course, lesson, cores):
    shutil.rmtree(folder / "autograded", ignore_errors=True)
    processes = []
    for number in range(cores):
        shutil.copy(folder / "gradebook.db", folder / f"gradebook{number}.db")
        processes.append(nbgrader(program, folder, "autograde", ASSIGNMENT, "--create", "--student", f"p{number}-*",
                                  "--db", f"sqlite:///{folder}/gradebook{number}.db", "--Execute.timeout=1800"))
    for process in processes:
        finished(process)
    passed = {}
    for path in (folder / "autograded").glob(f"*/{ASSIGNMENT}/{lesson.notebook}"):
        passed[path.parts[-3]] = sorted(one.exercise for _, one in read_attempts(path) if one.outcome == "pass")
    return passed


def ours(folder, course, lesson, cores):
    shutil.rmtree(folder / "grades", ignore_errors=True)
    process = subprocess.run(
        [sys.executable, "-m", "fashion_tf.cli", "grade", str(folder / "submitted"), "--out", str(folder / "grades"),
         "--rerun", "--jobs", str(cores), "--json"], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True)
    if process.returncode:
        sys.exit(f"fashion-tf grade failed:\n{process.stdout[-2000:]}{process.stderr[-2000:]}")
    rows = json.loads(process.stdout)["rows"]
    return {row["student"]: sorted(name.removeprefix("exercise ") for name, outcome in row["items"].items()
                                   if name.startswith("exercise ") and outcome == "pass") for row in rows}


def processor_seconds():
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nbgrader", metavar="PROGRAM", help="nbgrader's command, in a venv of its own")
    parser.add_argument("--lesson", default="00")
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    program = options.nbgrader and shutil.which(options.nbgrader)
    if not program or not shutil.which("bwrap"):
        print("skipped: this needs nbgrader, named with --nbgrader, and bubblewrap; the file's beginning says how.")
        return
    cores = len(os.sched_getaffinity(0))
    course = load_course(ROOT / "course.yml")
    lesson = course.lesson(options.lesson)
    seconds = {"nbgrader": [], "fashion-tf grade --rerun": []}
    used = {name: [] for name in seconds}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_class(os.path.abspath(program), folder, course, lesson, options.students, cores)
        contenders = {"nbgrader": lambda: theirs(os.path.abspath(program), folder, course, lesson, cores),
                      "fashion-tf grade --rerun": lambda: ours(folder, course, lesson, cores)}
        # Once before, so that the samples are drawn for both.
        subprocess.run([sys.executable, "-m", "fashion_tf.cli", "run", lesson.id, "--out", str(folder / "warm")],
                       cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, check=True)
        for turn in range(options.turns):
            found = {}
            for name in list(contenders)[::1 if turn % 2 == 0 else -1]:
                began, before = time.perf_counter(), processor_seconds()
                found[name] = contenders[name]()
                seconds[name].append(time.perf_counter() - began)
                used[name].append(processor_seconds() - before)
                print(f"turn {turn + 1}, {name}: {seconds[name][-1]:.0f} s, of the processor {used[name][-1]:.0f} s",
                      flush=True)
            first, second = found.values()
            assert first == second and len(first) == options.students and all(first.values()), (first, second)
    print(f"\n{options.students} notebooks of lesson {lesson.id}, {cores} cores, {cores} processes of nbgrader")
    for name, times in seconds.items():
        print(f"{name:26}{min(times):8.0f} /{statistics.median(times):6.0f} /{max(times):6.0f} s (min, median, max)")
    ratio, work = (statistics.median(a / b for a, b in zip(*times.values())) for times in (seconds, used))
    print(f"the processor works {work:.2f} times as long for nbgrader")
    print(f"{ratio:.2f} times as fast; the aim is {TARGET}: {'met' if ratio >= TARGET else 'missed'}")


if __name__ == "__main__":
    main()
