"""Executes lessons as a student's browser does in Colab: every cell in order, in a fresh kernel, with the
parameters that stand in the lesson, without papermill and without this repository.

    .venv-colab/bin/python -I tests/colab/run_lessons.py [00 11 ...] [--out runs/colab]

Runs in the environment that environment.py makes; -I keeps this checkout off the path. The lesson's
own install cell installs the kit; only the address in it is replaced, by a wheel of this checkout. A
lesson passes if no cell raises and every result that its sample profile promises is recorded and
reaches its floor.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

REPOSITORY = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"git\+https://[^\s\"']+/fashion_tf@[^\s\"']+")
MINUTES = 30  # for one cell
# In Colab this module is there before a lesson's first cell asks for it.
COLAB = 'import sys, types; sys.modules.setdefault("google.colab", types.ModuleType("google.colab"))'


def build_wheel(folder):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
                    "--no-deps", "--wheel-dir", folder, str(REPOSITORY)], check=True)
    wheel, = Path(folder).glob("fashion_tf-*.whl")
    return wheel


def execute(path, wheel, folder):
    """Executes a lesson in `folder`. Returns the notebook and what ended it early, or None."""
    notebook = nbformat.read(path, as_version=4)
    changed = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = ADDRESS.subn(wheel.as_uri(), cell.source)
            changed += count
    if changed != 1:
        return notebook, f"{changed} addresses of the kit in its cells; the install cell has one"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(COLAB))
    client = NotebookClient(notebook, timeout=60 * MINUTES, kernel_name="python3",
                            resources={"metadata": {"path": str(folder)}})
    # A stranger's machine: nothing of this repository is on the path.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline",
                    "PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # or the kernel warns of itself
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return notebook, str(error).strip().splitlines()[-1]
    finally:
        del notebook.cells[0]
    return notebook, None


def missing(lesson, path):
    """What an executed lesson fails to show: one line for each record that is absent or below its floor."""
    from fashion_tf.classroom.records import read_records

    records = read_records(path)
    for name, promise in lesson.records.items():
        floor = promise.floors.get("sample")
        if name not in records and promise.promised_in("sample"):
            yield f"record {name} is missing"
        elif floor is not None and not records[name].value >= floor:
            yield f"record {name} is {records[name].value}, below its floor {floor}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; all by default")
    parser.add_argument("--out", default="runs/colab", help="executed notebooks go here")
    options = parser.parse_args()
    out = Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory() as elsewhere:
        wheel = build_wheel(elsewhere)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--no-deps", "--force-reinstall", str(wheel)], check=True)
        os.chdir(elsewhere)
        from fashion_tf.classroom.course import load_course

        course = load_course()
        for lesson in [course.lesson(name) for name in options.lessons] or course.lessons:
            work_folder = Path(elsewhere, lesson.id)
            work_folder.mkdir()
            began = time.monotonic()
            notebook, failure = execute(REPOSITORY / "notebooks" / lesson.notebook, wheel, work_folder)
            nbformat.write(notebook, out / lesson.notebook)
            reasons = [failure] if failure else list(missing(lesson, out / lesson.notebook))
            failed += bool(reasons)
            print(f"{lesson.id} {lesson.title}: {'failed' if reasons else 'passed'} "
                  f"in {time.monotonic() - began:.0f} s", *reasons, sep="\n     ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
