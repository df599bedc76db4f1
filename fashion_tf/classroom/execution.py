"""One lesson executed in a kernel of its own, and judged by what its notebook shows.

papermill executes; the notebook it is given is the stored form with the parameters put in by us, so
that what is checked, what is run and what is recorded have one reader.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fashion_tf.classroom.kernel import KERNEL
from fashion_tf.classroom.lint import canonical
from fashion_tf.classroom.notebooks import (
    INJECTED_TAG,
    canonical_bytes,
    cell_tags,
    find_parameters,
    parameters_source,
    read_notebook,
)
from fashion_tf.classroom.records import read_records
from fashion_tf.classroom.results import (
    EXECUTED_MARK,
    FAILED,
    LOGS,
    PASSED,
    UNFINISHED,
    WORK,
    LessonResult,
    keep_result,
    without_paths,
)
from fashion_tf.classroom.states import recorded_form
from fashion_tf.errors import RecordError
from fashion_tf.files import write_atomically

ENGINE = "fashion_tf"  # the name under which papermill knows our engine
ADDED_TAGS = {INJECTED_TAG, "papermill-error-cell-tag"}


@dataclass(frozen=True)
class Job:
    """All that a worker needs to run one lesson: plain values, so that any machine can take it.

    `notebook` is the stored form with the parameters put in; `seed` is the lesson's SEED, None where it
    has none; `hidden` are the paths that its results do not name (`results.without_paths`).
    """

    lesson: object
    profile: str
    notebook: bytes
    out: str
    course_file: str
    parameters: dict
    fingerprint: str
    state: str
    seed: object
    cell_seconds: float
    lesson_seconds: float
    threads: int | None
    hidden: tuple

    def result(self, **fields):
        """What is known of its `LessonResult` before it has run."""
        return LessonResult(self.lesson.id, self.lesson.notebook, fingerprint=self.fingerprint, state=self.state,
                            seed=recorded_form(self.seed), **fields,
                            parameters={name: recorded_form(value) for name, value in self.parameters.items()})

    @property
    def output(self):
        return Path(self.out) / self.lesson.notebook

    @property
    def unfinished(self):
        """Where the notebook is executed; renamed when the lesson has ended."""
        return self.output.with_name(UNFINISHED + self.lesson.notebook)

    @property
    def work_folder(self):
        return Path(self.out) / WORK / self.lesson.id

    @property
    def log(self):
        return Path(self.out) / LOGS / f"{self.lesson.id}.log"


class Kernels:
    """The kernels that run in this process, so that whoever stops the run can end them."""

    def __init__(self):
        self.stopped = False
        self._managers = set()
        self._lock = threading.Lock()

    def add(self, manager):
        with self._lock:
            self._managers.add(manager)

    def end(self, manager):
        """Forgets a kernel that has ended, and ends what it started: workers outlive a killed kernel."""
        with self._lock:
            self._managers.discard(manager)
        group = getattr(manager.provisioner, "pgid", None)
        if group and os.name == "posix":
            with suppress(OSError):
                os.killpg(group, signal.SIGTERM)

    def stop(self):
        """Ends every kernel at once; a lesson that goes on to start one is stopped by the next call."""
        self.stopped = True
        with self._lock:
            managers = list(self._managers)
        for manager in managers:
            process = getattr(manager.provisioner, "process", None)
            if process is not None:
                with suppress(OSError):
                    process.kill()


def with_parameters(notebook, values):
    """The notebook in its stored form, with a cell that sets these parameters after the tagged one.

    Args:
        notebook: What `parse_notebook` returned, with one parameters cell. It is not changed.
        values: Name to value; each is written as a Python literal.
    """
    notebook = canonical(notebook)
    place, _ = find_parameters(notebook)
    cell = {"cell_type": "code", "execution_count": None, "id": INJECTED_TAG,
            "metadata": {"tags": [INJECTED_TAG]}, "outputs": [], "source": parameters_source(values)}
    notebook["cells"].insert(place + 1, cell)
    return notebook


def run_lesson(job, kernels=None):
    """Runs one lesson in a kernel of its own and judges it. Never raises for what a lesson does."""
    kernels = kernels or Kernels()
    result = job.result()
    began = time.monotonic()
    try:
        failure = _run_cells(job, kernels)
        result.seconds = round(time.monotonic() - began, 1)
        if failure:
            result.reasons.append(failure)
        if job.unfinished.exists() and not kernels.stopped:
            _store(job)
            result.executed = job.output.name
            _judge(job, result)
    except OSError as error:  # a full disk, say: this lesson's failure alone
        result.reasons.append(f"{Path(error.filename or job.out).name}: {error.strerror}")
    except ValueError as error:
        result.reasons.append(f"the executed notebook is not kept: {error}")
    finally:
        with suppress(OSError):
            job.unfinished.unlink(missing_ok=True)
    result.status = FAILED if result.reasons else PASSED
    if not kernels.stopped:
        with suppress(OSError):  # who reads the results has this one from us too
            keep_result(job.out, job.profile, result, job.hidden)
    return result


def _run_cells(job, kernels):
    """Executes the notebook; returns what ended it early, or None. Error outputs are judged later."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    job.work_folder.mkdir(parents=True, exist_ok=True)
    job.log.parent.mkdir(exist_ok=True)
    write_atomically(job.unfinished, job.notebook)
    path = str(job.unfinished).replace("{", "{{").replace("}", "}}")  # papermill puts parameters in paths
    deadline = time.monotonic() + job.lesson_seconds

    def seconds_left(cell):
        return max(1, min(job.cell_seconds, deadline - time.monotonic()))

    environment = {**os.environ, "FASHION_TF_COURSE": job.course_file,
                   "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    if job.threads:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                                      "TF_NUM_INTEROP_THREADS"), str(job.threads))
    try:
        with job.log.open("w") as kernel_log:
            _register_engine()
            papermill.execute_notebook(
                path, path, kernel_name="python3", language="python", engine_name=ENGINE, progress_bar=False,
                kernels=kernels, timeout_func=seconds_left, iopub_timeout=max(4, int(job.cell_seconds)),
                resources={"metadata": {"path": str(job.work_folder)}},
                kernel_options={"env": environment, "stderr": kernel_log})
    except papermill.PapermillExecutionError:
        return None  # the error is in the notebook
    except CellTimeoutError:
        if time.monotonic() >= deadline:
            return f"the lesson ran longer than its {job.lesson_seconds:.0f} s"
        return f"a cell ran longer than its {job.cell_seconds:.0f} s"
    except DeadKernelError:
        return f"the kernel died (out of memory, or killed); {LOGS}/{job.log.name} may say more"
    except OSError:
        raise
    except Exception as error:  # papermill or nbformat: this lesson's failure alone
        return f"{type(error).__name__}: {error}"
    finally:
        with suppress(OSError):
            job.work_folder.rmdir()  # gone again where the lesson left no file
    return None


def _register_engine():
    """papermill's own engine, but for what it cannot pass on: the kernel's environment, a file for what
    libraries write to the process's error stream, and the kernel itself, to end it from outside. Nothing that a cell
    shows is lost where this machine is busy: the kernel keeps it (`fashion_tf.classroom.kernel`), and it is read to the
    end within the cell's time, and not for four seconds."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines

    class KernelEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, *, kernels, timeout_func, iopub_timeout, resources,
                                     kernel_options, start_timeout=60, **_):
            client = PapermillNotebookClient(
                nb_man, kernel_name=kernel_name, startup_timeout=start_timeout, timeout_func=timeout_func,
                iopub_timeout=iopub_timeout, shutdown_kernel="immediate", resources=resources)
            manager = client.km = client.create_kernel_manager()
            command = manager.kernel_spec.argv
            if "ipykernel_launcher" in command:
                place = command.index("ipykernel_launcher")
                command[place - 1:place + 1] = ["-c", KERNEL]
            kernels.add(manager)
            try:
                return client.execute(**kernel_options)
            finally:
                kernels.end(manager)

    papermill_engines.register(ENGINE, KernelEngine)


def _store(job):
    """The executed notebook in its place: marked as ours, and without the paths of this machine."""
    notebook = read_notebook(job.unfinished)
    metadata = notebook["metadata"]
    for place in ("input_path", "output_path"):
        metadata.get("papermill", {}).pop(place, None)
    metadata[EXECUTED_MARK] = {"lesson": job.lesson.id, "profile": job.profile}
    write_atomically(job.output, canonical_bytes(without_paths(notebook, job.hidden)))


def _judge(job, result):
    """Adds to the result what the executed notebook shows: its errors, its records, missed floors."""
    try:
        notebook = read_notebook(job.output)
        records = read_records(job.output)
    except (ValueError, RecordError) as error:
        result.reasons.append(str(error))
        return
    # Cells are numbered as in the lesson: without those that are put in.
    cells = [cell for cell in notebook["cells"] if not ADDED_TAGS & set(cell_tags(cell))]
    last = 0
    for number, cell in enumerate(cells, 1):
        if cell.get("execution_count"):
            last = number
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                result.reasons.append(f"cell {number}: {output.get('ename')}: "
                                      f"{_first_line(output.get('evalue'))}")
    stopped_early = bool(result.reasons)
    if stopped_early:
        result.reasons.append(f"the last cell that ran is number {last} of "
                              f"{len(cells)}")
    result.records = {name: {"value": record.value, "versions": record.versions}
                      for name, record in records.items()}
    asked = without_paths(result.parameters, job.hidden)
    for name, value in asked.items():
        for record in records.values():
            held = record.parameters.get(name)
            if held != value or isinstance(held, bool) != isinstance(value, bool):
                result.reasons.append(f"record {record.name} was made with {name} = {held!r}, not with "
                                      f"{value!r}, which was asked for")
                break
    for name, promise in job.lesson.records.items():
        floor = promise.floors.get(job.profile)
        if name not in records:
            if promise.promised_in(job.profile) and not stopped_early:  # else there is a reason already
                result.reasons.append(f"record {name} is missing")
        elif promise.kind != "description":
            value = records[name].value
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                result.reasons.append(f"record {name} is {value!r}, not a number")
            elif floor is not None and value < floor:
                result.reasons.append(f"record {name} is {value:.4g}, below its floor {floor} "
                                      f"(naive baseline {promise.baseline})")
    for name in records.keys() - job.lesson.records.keys():
        result.reasons.append(f"record {name} is not promised in course.yml")


def _first_line(text):
    return (str(text).strip().splitlines() or [""])[0][:500]
