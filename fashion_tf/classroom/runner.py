"""Runs lessons headlessly: papermill in, executed notebooks and results.json out.

Never imports TensorFlow: each lesson runs in a kernel of its own.
"""

import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import fashion_tf
from fashion_tf.classroom.course import PROFILES
from fashion_tf.classroom.notebooks import (
    INJECTED_TAG,
    cell_tags,
    find_parameters,
    parse_notebook,
)
from fashion_tf.classroom.records import read_records
from fashion_tf.cluster import check_backend, connected
from fashion_tf.errors import CourseError, DataError, FashionError, RecordError, RunError
from fashion_tf.files import write_atomically

RESULTS = "results.json"
SCHEMA = 1
ENGINE = "fashion_tf"  # the name under which papermill knows our engine
PAPERMILL_TAGS = {INJECTED_TAG, "papermill-error-cell-tag"}
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass
class LessonResult:
    """What became of one lesson; a line of results.json.

    `reasons` says why it failed, one sentence each; empty when it passed. `fingerprint` stands for
    the notebook, its parameters and its promises: `resume` skips a lesson only while it is equal.
    """

    lesson: str
    notebook: str
    status: str = NOT_RUN
    reasons: list = field(default_factory=list)
    seconds: float = 0.0
    parameters: dict = field(default_factory=dict)
    executed: str | None = None
    fingerprint: str = ""
    records: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """All that a worker needs to run one lesson: plain values, so that any machine can take it."""

    lesson: object
    profile: str
    source: str
    output: str
    work_folder: str
    log: str
    course_file: str
    parameters: dict
    fingerprint: str
    cell_seconds: float
    lesson_seconds: float
    threads: int | None
    progress: bool


def run_course(course, lessons=(), profile="sample", data=None, settings=(), jobs=1,
               backend="loky", out=None, resume=False, allow_cpu=False, cell_minutes=None,
               lesson_minutes=None, say=None):
    """Runs lessons and writes their executed notebooks and results.json.

    Args:
        course: A `fashion_tf.classroom.course.Course`.
        lessons: Ids or notebook names; all when empty.
        profile: ``"sample"``, ``"real"`` or ``"paper"``.
        data: ``"sample"`` or a folder of datasets. By default the sample profile takes the sample,
            and the others the folder that FASHION_TF_DATA names.
        settings: Texts ``NAME=VALUE``, or ``LESSON:NAME=VALUE`` for one lesson only.
        jobs: Lessons at the same time.
        backend: joblib's backend: ``"loky"`` (processes here), ``"ray"`` or ``"dask"`` (a cluster).
        out: Folder for the results; runs/PROFILE by default.
        resume: Keep what has passed in `out` and run the rest.
        allow_cpu: Run a profile that needs a GPU without one.
        cell_minutes: Limit for one cell; by default the lesson's.
        lesson_minutes: Limit for one lesson; by default ten minutes more than six times what
            course.yml says.
        say: Called with each line of progress; by default it is printed.

    Returns:
        A list of `LessonResult`, in the course's order.

    Raises:
        CourseError: A notebook is missing from course.yml, or the reverse; an unknown lesson.
        RunError: A bad option.
    """
    say = say or partial(print, flush=True)
    course.check_notebooks()
    if profile not in PROFILES:
        raise RunError(f"There is no profile {profile!r}; choose {', '.join(PROFILES)}.")
    check_backend(backend)
    if jobs < 1:
        raise RunError(f"--jobs {jobs}: at least one lesson has to run at a time.")
    wanted = {course.lesson(name).id for name in lessons}
    chosen = [lesson for lesson in course.lessons if not wanted or lesson.id in wanted]
    data = _data_folder(data, profile)
    out = Path(out or Path("runs") / profile).resolve()
    out.mkdir(parents=True, exist_ok=True)
    results = {lesson.id: LessonResult(lesson.id, lesson.notebook) for lesson in chosen}
    before = _passed_before(out, profile) if resume else {}
    run = {"profile": profile, "data": data, "started": datetime.now(UTC), "began": time.monotonic()}

    device_missing = None
    if any("gpu" in lesson.profiles[profile].needs for lesson in chosen) and not allow_cpu:
        device_missing = _missing_gpu()
    todo = []
    for lesson in chosen:
        result = results[lesson.id]
        try:
            job = _job(course, lesson, profile, data, _settings_for(settings, lesson, course), out,
                       jobs, backend, cell_minutes, lesson_minutes)
        except FashionError as error:
            result.status, result.reasons = FAILED, [str(error)]
            continue
        result.parameters, result.fingerprint = job.parameters, job.fingerprint
        missing = _missing_needs(lesson.profiles[profile].needs, data, device_missing)
        kept = before.get(lesson.id)
        if missing:
            result.reasons = missing
        elif kept and kept.fingerprint == job.fingerprint and (out / str(kept.executed)).exists():
            results[lesson.id] = kept
            say(f"{lesson.id} {lesson.title}: passed before")
        else:
            todo.append(job)
    for result in results.values():
        if result.reasons:
            say(_line(result, course))
    _write_results(out, run, results)

    for done, result in enumerate(_execute(todo, jobs, backend), 1):
        results[result.lesson] = result
        say(f"[{done}/{len(todo)}] {_line(result, course)}")
        _write_results(out, run, results)
    return list(results.values())


def read_results(folder):
    """Reads results.json.

    Returns:
        (the file's content, list of `LessonResult`).

    Raises:
        RunError: The file is absent, damaged, or of another schema.
    """
    path = Path(folder) / RESULTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lessons = [LessonResult(**entry) for entry in content["lessons"]]
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; 'fashion-tf run --out {folder}' writes it.") from None
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path}: damaged ({error}). Run the lessons again without --resume.") from None
    if content.get("schema") != SCHEMA:
        raise RunError(f"{path}: schema {content.get('schema')!r}; this release reads {SCHEMA}.")
    return content, lessons


# --- before the first cell ---------------------------------------------------------------------


def _data_folder(data, profile):
    if data is None:
        data = "sample" if profile == "sample" else os.environ.get("FASHION_TF_DATA")
    if data in (None, "sample"):
        return data
    folder = Path(data).expanduser().resolve()  # the kernels work in folders of their own
    if not folder.is_dir():
        raise RunError(f"--data {data}: no such folder. Give a folder of datasets, or 'sample'.")
    return str(folder)


def _settings_for(settings, lesson, course):
    """The settings that concern this lesson, as name to value."""
    chosen = {}
    for setting in settings:
        name, mark, text = setting.partition("=")
        target, colon, rest = name.partition(":")
        if colon:
            name = rest
        if not mark or not name.strip().isidentifier():
            raise RunError(f"--set {setting}: write NAME=VALUE, or LESSON:NAME=VALUE.")
        if colon and course.lesson(target).id != lesson.id:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text  # a word, or a path
        chosen[name.strip()] = value
    return chosen


def _job(course, lesson, profile, data, settings, out, jobs, backend, cell_minutes, lesson_minutes):
    path = course.notebook_path(lesson)
    try:
        source = path.read_bytes()
        _, known = find_parameters(parse_notebook(source))
    except ValueError as error:
        raise CourseError(f"{lesson.notebook}: {error}") from None
    defaults = {parameter.name: parameter.default for parameter in known}
    parameters = {**lesson.profiles[profile].parameters, **settings}
    if "DATA" in defaults:
        parameters = {"DATA": data or "sample", **parameters}
    for name, value in parameters.items():
        _check_parameter(lesson, name, value, defaults)
    promises = {name: asdict(promise) for name, promise in lesson.records.items()}
    facts = [fashion_tf.__version__, profile, parameters, promises]
    fingerprint = hashlib.sha256(source + json.dumps(facts, sort_keys=True).encode()).hexdigest()
    limit = 60 * (lesson_minutes or 10 + 6 * lesson.minutes[profile])
    # Lessons side by side share the cores; alone, a lesson takes what TensorFlow takes.
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 and backend == "loky" else None
    return Job(
        lesson, profile, source=str(path), output=str(out / lesson.notebook),
        work_folder=str(out / "work" / lesson.id), log=str(out / "logs" / f"{lesson.id}.log"),
        course_file=str(course.root / "course.yml"), parameters=parameters, fingerprint=fingerprint,
        cell_seconds=60 * cell_minutes if cell_minutes else limit, lesson_seconds=limit,
        threads=threads, progress=jobs == 1 and sys.stderr.isatty())


def _check_parameter(lesson, name, value, defaults):
    if name not in defaults:
        raise RunError(f"unknown parameter {name}; {lesson.notebook} has {', '.join(defaults)}.")
    default = defaults[name]
    fits = (default is None or value is None or type(value) is type(default)
            or (type(default) is float and type(value) is int))
    if not fits:
        raise RunError(f"parameter {name} = {value!r}: {lesson.notebook} takes a "
                       f"{type(default).__name__} here, such as {default!r}.")


def _missing_gpu():
    """Why there is no GPU, or None. TensorFlow is asked, in a process of its own."""
    code = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    if answer.returncode:
        return f"TensorFlow does not start: {answer.stderr.strip().splitlines()[-1:]}"
    if answer.stdout.split()[-1:] == ["0"]:
        return ("this profile needs a GPU that TensorFlow can use, and there is none. Use a GPU "
                "machine, or say --allow-cpu (hours to days).")
    return None


def _missing_needs(needs, data, device_missing):
    from fashion_tf.datasets import find_folder

    missing = [device_missing] if "gpu" in needs and device_missing else []
    for need in needs:
        if need != "gpu":
            try:
                find_folder(need, data)
            except DataError as error:
                missing.append(f"this profile needs the dataset {need}: {error}")
    return missing


# --- running -----------------------------------------------------------------------------------


def _execute(todo, jobs, backend):
    """Yields each lesson's result as it comes."""
    import joblib

    waiting = {job.lesson.id: job for job in todo}
    as_they_come = "generator_unordered" if backend == "loky" else "list"
    try:
        with connected(backend), joblib.parallel_config(backend=backend, n_jobs=jobs):
            calls = (joblib.delayed(run_lesson)(job) for job in todo)
            for result in joblib.Parallel(return_as=as_they_come, batch_size=1)(calls):
                del waiting[result.lesson]
                yield result
    except FashionError:
        raise
    except Exception as error:  # a worker was killed, not a lesson: the lessons it held are lost
        for job in waiting.values():
            yield LessonResult(job.lesson.id, job.lesson.notebook, FAILED,
                               [f"the worker process ended: {type(error).__name__}: {error}"],
                               parameters=job.parameters, fingerprint=job.fingerprint)


def run_lesson(job):
    """Runs one lesson in a kernel of its own and judges it. Never raises for what a lesson does."""
    result = LessonResult(job.lesson.id, job.lesson.notebook, parameters=job.parameters,
                          fingerprint=job.fingerprint)
    began = time.monotonic()
    Path(job.output).unlink(missing_ok=True)
    failure = _run_cells(job)
    result.seconds = round(time.monotonic() - began, 1)
    if failure:
        result.reasons.append(failure)
    if Path(job.output).exists():
        result.executed = Path(job.output).name
        _judge(job, result)
    result.status = FAILED if result.reasons else PASSED
    return result


def _run_cells(job):
    """Executes the notebook; returns what ended it early, or None. Error outputs are judged later."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    work_folder, log = Path(job.work_folder), Path(job.log)
    work_folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(exist_ok=True)
    deadline = time.monotonic() + job.lesson_seconds

    def seconds_left(cell):
        return max(1, min(job.cell_seconds, deadline - time.monotonic()))

    environment = {**os.environ, "FASHION_TF_COURSE": job.course_file,
                   "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    if job.threads:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                                      "TF_NUM_INTEROP_THREADS"), str(job.threads))
    try:
        with log.open("w") as kernel_log:
            _register_engine()
            papermill.execute_notebook(
                job.source, job.output, parameters=job.parameters, kernel_name="python3",
                language="python",
                engine_name=ENGINE, progress_bar={"desc": job.lesson.id} if job.progress else False,
                timeout_func=seconds_left, shutdown_kernel="immediate",
                resources={"metadata": {"path": str(work_folder)}},
                kernel_options={"env": environment, "stderr": kernel_log})
    except papermill.PapermillExecutionError:
        return None  # the error is in the notebook
    except CellTimeoutError:
        if time.monotonic() >= deadline:
            return f"the lesson ran longer than its {job.lesson_seconds:.0f} s"
        return f"a cell ran longer than its {job.cell_seconds:.0f} s"
    except DeadKernelError:
        return f"the kernel died (out of memory, or killed); {log.parent.name}/{log.name} may say more"
    except Exception as error:  # papermill, nbformat or the disk: this lesson's failure alone
        return f"{type(error).__name__}: {error}"
    finally:
        for folder in (work_folder, work_folder.parent):  # gone again where the lesson left no file
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return None


def _register_engine():
    """papermill's own engine, but for two things that it cannot pass on: the kernel's environment,
    and a file for what libraries write to the process's error stream."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines

    class KernelEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, *, timeout_func, shutdown_kernel,
                                     resources, kernel_options, start_timeout=60, **_):
            client = PapermillNotebookClient(
                nb_man, kernel_name=kernel_name, startup_timeout=start_timeout,
                timeout_func=timeout_func, shutdown_kernel=shutdown_kernel, resources=resources)
            return client.execute(**kernel_options)

    papermill_engines.register(ENGINE, KernelEngine)


def _judge(job, result):
    """Adds to the result what the executed notebook shows: its errors, its records, missed floors."""
    try:
        notebook = parse_notebook(Path(job.output).read_bytes())
        records = read_records(job.output)
    except (ValueError, RecordError) as error:
        result.reasons.append(str(error))
        return
    # Cells are numbered as in the lesson: without those that papermill puts in.
    cells = [cell for cell in notebook["cells"] if not PAPERMILL_TAGS & set(cell_tags(cell))]
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


# --- results -----------------------------------------------------------------------------------


def _first_line(text):
    return (str(text).strip().splitlines() or [""])[0][:500]


def _line(result, course):
    text = f"{result.lesson} {course.lesson(result.lesson).title}: {result.status}"
    if result.seconds:
        text += f" in {result.seconds:.0f} s"
    return text + "".join(f"\n     {reason}" for reason in result.reasons)


def _passed_before(out, profile):
    if not (out / RESULTS).exists():
        return {}
    content, lessons = read_results(out)
    if content["profile"] != profile:
        raise RunError(f"{out / RESULTS}: holds a run of profile {content['profile']!r}; resume it "
                       f"with that profile, or choose another --out for {profile!r}.")
    return {result.lesson: result for result in lessons if result.status == PASSED}


def _write_results(out, run, results):
    data = run["data"]
    content = {
        "schema": SCHEMA,
        "fashion_tf": fashion_tf.__version__,
        "profile": run["profile"],
        "data": Path(data).name if data else None,
        "started": run["started"].isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - run["began"], 1),
        "machine": {"python": platform.python_version(),
                    "system": f"{platform.system()} {platform.machine()}",
                    "cores": os.cpu_count()},
        "lessons": [asdict(result) for result in results.values()],
    }
    write_atomically(out / RESULTS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
