"""Runs lessons headlessly: which, with what parameters, side by side; executed notebooks and results.json out.

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
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import fashion_tf
from fashion_tf.classroom.course import PROFILES, REHEARSAL, check_minutes
from fashion_tf.classroom.execution import Job, Kernels, run_lesson, with_parameters
from fashion_tf.classroom.notebooks import canonical_bytes, find_parameters, read_notebook
from fashion_tf.classroom.results import (
    FAILED,
    NOT_RUN,
    PASSED,
    RESULTS,
    WORK,
    LessonResult,
    check_folder,
    clear_leftovers,
    data_name,
    hidden_paths,
    read_results,
    write_results,
)
from fashion_tf.classroom.states import lesson_state
from fashion_tf.cluster import check_backend, connected
from fashion_tf.errors import CourseError, DataError, FashionError, RunError
from fashion_tf.files import locked

LESSON_GIGABYTES = 3  # of memory that a lesson may take, side by side with others


def run_course(course, lessons=(), profile="sample", data=None, settings=(), jobs=1,
               backend="loky", out=None, resume=False, allow_cpu=False, cell_minutes=None,
               lesson_minutes=None, say=None):
    """Runs lessons and writes their executed notebooks and results.json.

    One run at a time writes into a folder. Lessons of an earlier run of the same profile stay in
    results.json until they are run again.

    Args:
        course: A `fashion_tf.classroom.course.Course`.
        lessons: Ids or notebook names; all when empty.
        profile: One of `fashion_tf.classroom.course.PROFILES`.
        data: ``"sample"`` or a folder of datasets. By default the profiles sample and rehearsal take
            the sample, and the others the folder that FASHION_TF_DATA names.
        settings: Texts ``NAME=VALUE``, or ``LESSON:NAME=VALUE`` for one lesson only.
        jobs: Lessons at the same time, or ``"auto"``: as many as cores and memory bear, one on a GPU
            (CUDA_VISIBLE_DEVICES="" hides it).
        backend: ``"loky"``: here. ``"ray"`` or ``"dask"``: on a cluster, by joblib.
        out: Folder for the results; runs/PROFILE by default.
        resume: Keep what has passed in `out` and run the rest.
        allow_cpu: Run a profile that needs a GPU without one.
        cell_minutes: Limit for one cell; by default the lesson's.
        lesson_minutes: Limit for one lesson; by default ten minutes more than six times what
            course.yml says.
        say: Called with each line of progress; by default it is printed, and a terminal shows the
            running lessons too.

    Returns:
        A list of `LessonResult`, in the course's order.

    Raises:
        CourseError: A notebook is missing from course.yml, or the reverse; an unknown lesson.
        RunError: A bad option, a folder in which something would be replaced that no run wrote, or
            in which another run writes; results.json cannot be written.
    """
    progress = _Progress(say)
    course.check_notebooks()
    if profile not in PROFILES:
        raise RunError(f"There is no profile {profile!r}; choose {', '.join(PROFILES)}.")
    check_backend(backend)
    if jobs != "auto" and not (isinstance(jobs, int) and jobs >= 1):
        raise RunError(f"--jobs {jobs}: give the number of lessons to run at a time, or auto.")
    check_minutes(cell_minutes, lesson_minutes)
    wanted = {course.lesson(name).id for name in lessons}
    chosen = [lesson for lesson in course.lessons if not wanted or lesson.id in wanted]
    data = _data_folder(data, profile)
    out = Path(out or Path("runs") / profile).expanduser().resolve()
    check_folder(out, course, [lesson.notebook for lesson in chosen], data)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out / ".lock", f"The folder {out}", RunError):
            return _run_locked(course, chosen, profile, data, settings, jobs, backend, out, resume,
                               allow_cpu, cell_minutes, lesson_minutes, progress)
    except OSError as error:
        raise RunError(f"{error.filename or out}: {error.strerror}.") from None


def _run_locked(course, chosen, profile, data, settings, jobs, backend, out, resume, allow_cpu,
                cell_minutes, lesson_minutes, progress):
    clear_leftovers(out)
    before = _earlier_results(out, profile, course)
    run = _Run(course, out, profile, data, before)
    device_missing = None
    if any("gpu" in lesson.profiles[profile].needs for lesson in chosen) and not allow_cpu:
        device_missing = _missing_gpu()
    jobs = _lessons_at_a_time(jobs, chosen, profile, backend, run.gpus)
    todo = []
    for lesson in chosen:
        result = LessonResult(lesson.id, lesson.notebook)
        run.asked[lesson.id] = result
        try:
            job = _job(course, lesson, profile, data, _settings_for(settings, lesson, course), out,
                       jobs, backend, cell_minutes, lesson_minutes)
        except FashionError as error:
            result.status, result.reasons = FAILED, [str(error)]
            continue
        result = run.asked[lesson.id] = job.result()
        missing = _missing_needs(lesson.profiles[profile].needs, data, device_missing)
        kept = before.get(lesson.id)
        if missing:
            result.reasons = missing
        elif (resume and kept and kept.status == PASSED and kept.fingerprint == job.fingerprint
              and (out / lesson.notebook).exists()):
            run.asked[lesson.id] = kept
            progress.say(f"{lesson.id} {lesson.title}: passed before")
        else:
            todo.append(job)
    for result in run.asked.values():
        if result.reasons:
            progress.say(_line(result, course))
    run.write()

    todo.sort(key=lambda job: -_expected_seconds(job, before))  # so that the longest does not end alone
    progress.begin(len(todo))
    try:
        for done, result in enumerate(_execute(todo, jobs, backend, progress), 1):
            run.asked[result.lesson] = result
            progress.say(f"[{done}/{len(todo)}] {_line(result, course)}")
            with suppress(OSError):  # a full disk: the lesson's own file, or the next time, may do
                run.write()
    finally:
        progress.end()
        with suppress(OSError):  # here and not by a lesson, which another may be about to use
            (out / WORK).rmdir()
    run.write()
    return list(run.asked.values())


class _Run:
    """What results.json says: the earlier results of the folder, each until there is a newer one."""

    def __init__(self, course, out, profile, data, before):
        self.course, self.out, self.profile, self.data, self.before = course, out, profile, data, before
        self.asked = {}  # lesson -> result of this run
        self.started, self.began = datetime.now(UTC), time.monotonic()
        self.hidden = hidden_paths(data, course, out)
        self.gpus = _gpus()

    def write(self):
        newer = {name: result for name, result in self.asked.items()
                 if result.status != NOT_RUN or name not in self.before}
        merged = {**self.before, **newer}
        write_results(self.out, {
            "fashion_tf": fashion_tf.__version__,
            "profile": self.profile,
            "data": data_name(self.data),
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.began, 1),
            "machine": {"python": platform.python_version(),
                        "system": f"{platform.system()} {platform.machine()}",
                        "cores": os.cpu_count(), "gpus": self.gpus},
        }, [merged[lesson.id] for lesson in self.course.lessons if lesson.id in merged], self.hidden)


def _earlier_results(out, profile, course):
    """The results that stand in the folder, by lesson."""
    if not (out / RESULTS).exists():
        return {}
    content, results = read_results(out)
    if content.get("profile") != profile:
        raise RunError(f"{out / RESULTS}: holds a run of profile {content.get('profile')!r}; choose another "
                       f"--out for {profile!r}.")
    known = {lesson.id for lesson in course.lessons}
    return {result.lesson: result for result in results if result.lesson in known}


# --- before the first cell ---------------------------------------------------------------------


def _data_folder(data, profile):
    if profile == REHEARSAL and data not in (None, "sample"):
        raise RunError(f"--data {data}: a rehearsal takes drawn photos, as many as course.yml says. Leave "
                       "--data out, or choose another profile.")
    if data is None:
        data = "sample" if profile in ("sample", REHEARSAL) else os.environ.get("FASHION_TF_DATA")
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
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError):
            value = text  # a word, or a path
        except (RecursionError, MemoryError):
            raise RunError(f"--set {name}: the value is nested too deeply.") from None
        chosen[name.strip()] = value
    return chosen


def _job(course, lesson, profile, data, settings, out, jobs, backend, cell_minutes, lesson_minutes):
    path = course.notebook_path(lesson)
    try:
        notebook = read_notebook(path)
        stored = canonical_bytes(notebook)
        _, known = find_parameters(notebook)
    except OSError as error:
        raise CourseError(f"{lesson.notebook}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CourseError(f"{lesson.notebook}: {error}") from None
    defaults = {parameter.name: parameter.default for parameter in known}
    parameters = {**lesson.profiles[profile].parameters, **settings}
    if "DATA" in defaults:
        parameters = {"DATA": data or "sample", **parameters}
    parameters = {name: _checked_parameter(lesson, name, value, defaults)
                  for name, value in parameters.items()}
    shown = ("metric", "headline")  # say how a result is shown, not what is promised
    promises = {name: {field: part for field, part in asdict(promise).items() if field not in shown}
                for name, promise in lesson.records.items()}
    facts = [fashion_tf.__version__, profile, {name: repr(value) for name, value in parameters.items()}, promises]
    fingerprint = hashlib.sha256(stored + json.dumps(facts, sort_keys=True).encode()).hexdigest()
    limit = 60 * (lesson_minutes or 10 + 6 * lesson.minutes[profile])
    return Job(
        lesson, profile, canonical_bytes(with_parameters(notebook, parameters)), str(out),
        course_file=str(course.root / "course.yml"), parameters=parameters, fingerprint=fingerprint,
        state=lesson_state(notebook, lesson, profile, parameters), seed={**defaults, **parameters}.get("SEED"),
        cell_seconds=60 * cell_minutes if cell_minutes else limit, lesson_seconds=limit,
        threads=_threads(jobs, backend), hidden=tuple(hidden_paths(data, course, out)))


def _threads(jobs, backend):
    """Threads of a lesson: side by side they share the cores; alone, one takes what TensorFlow takes."""
    return max(1, _cores() // jobs) if jobs > 1 and backend == "loky" else None


def _cores():
    """The cores that this process may use, which in a container are fewer than the machine's."""
    from joblib import cpu_count

    return cpu_count()


def _lessons_at_a_time(jobs, lessons, profile, backend, gpus):
    if jobs != "auto":
        return jobs
    if any("gpu" in lesson.profiles[profile].needs for lesson in lessons):
        return 1  # they would share one GPU's memory
    if backend != "loky":
        return -1  # the cluster's cores
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if gpus and not hidden:
        return 1  # side by side, nine lessons that an H100 was given had not ended one of them in six minutes
    import psutil

    memory = int(psutil.virtual_memory().available / 2**30 / LESSON_GIGABYTES)
    return max(1, min(_cores(), memory, len(lessons)))


def _expected_seconds(job, before):
    """How long a lesson takes: as it did in this folder, or as course.yml says."""
    earlier = before.get(job.lesson.id)
    if earlier and earlier.status == PASSED and earlier.seconds:
        return earlier.seconds
    return 60 * job.lesson.minutes[job.profile]


def _checked_parameter(lesson, name, value, defaults):
    """The value as the lesson takes it: a list where a tuple stands becomes one, and the reverse."""
    if name not in defaults:
        raise RunError(f"unknown parameter {name}; {lesson.notebook} has {', '.join(defaults)}.")
    default = defaults[name]
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        value = type(default)(value)
    fits = (default is None or value is None or type(value) is type(default)
            or (type(default) is float and type(value) is int))
    if not fits:
        raise RunError(f"parameter {name} = {value!r}: {lesson.notebook} takes a "
                       f"{type(default).__name__} here, such as {default!r}.")
    try:
        same = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        same = False
    if not same:  # such as 1e999, or a date in course.yml
        raise RunError(f"parameter {name} = {value!r}: cannot be written as a Python literal.")
    return value


def _gpus():
    """The names of the machine's GPUs, as NVIDIA's driver tells them."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True,
                              text=True, timeout=20, check=True)
        return [line.strip() for line in told.stdout.splitlines() if line.strip()]
    return []


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


def _execute(todo, jobs, backend, progress):
    """Yields each lesson's result as it comes."""
    if not todo:
        return
    if backend == "loky":
        yield from _execute_here(todo, jobs, progress)
        return
    import joblib

    waiting = {job.lesson.id: job for job in todo}
    try:
        with connected(backend), joblib.parallel_config(backend=backend, n_jobs=jobs):
            calls = (joblib.delayed(run_lesson)(job) for job in todo)
            for result in joblib.Parallel(return_as="list", batch_size=1)(calls):
                del waiting[result.lesson]
                yield result
    except FashionError:
        raise
    except Exception as error:  # a worker was killed, not a lesson: the lessons it held are lost
        for job in waiting.values():
            yield _lost(job, f"the worker process ended: {type(error).__name__}: {error}")


def _execute_here(todo, jobs, progress):
    """Threads wait for the kernels, which do the work. Kernels end with this process, however it ends:
    here when it is stopped, and by themselves when it is killed (ipykernel watches its parent)."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    kernels = Kernels()

    def run(job):
        progress.started(job.lesson)
        try:
            return run_lesson(job, kernels)
        except Exception as error:  # a fault of ours: the other lessons go on
            return _lost(job, f"{type(error).__name__}: {error}")
        finally:
            progress.ended(job.lesson)

    threads = ThreadPoolExecutor(max_workers=jobs)
    running = {threads.submit(run, job) for job in todo}
    try:
        while running:
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            progress.show()
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()
        while any(not future.done() for future in running):
            kernels.stop()
            wait(running, timeout=0.2)
        threads.shutdown()


def _lost(job, reason):
    return job.result(status=FAILED, reasons=[reason])


class _Progress:
    """Lines about what begins and ends; on a terminal one more, which names the running lessons."""

    def __init__(self, say):
        self.print = say or partial(print, flush=True)
        self.live = say is None and sys.stderr.isatty()
        self.running = {}  # lesson id -> when it began
        self.bar = None

    def begin(self, total):
        self.total = total
        if self.live and total:
            from tqdm import tqdm

            self.bar = tqdm(total=total, bar_format="{desc}", leave=False, dynamic_ncols=True)

    def started(self, lesson):
        self.running[lesson.id] = time.monotonic()
        if self.bar is None:
            self.say(f"{lesson.id} {lesson.title}: begins")

    def ended(self, lesson):
        self.running.pop(lesson.id, None)

    def say(self, line):
        line = "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in line)  # no escapes
        if self.bar is not None:
            self.bar.write(line)
        else:
            self.print(line)

    def show(self):
        if self.bar is not None:
            now = time.monotonic()
            running = ", ".join(f"{name} ({now - began:.0f} s)" for name, began in sorted(self.running.items()))
            self.bar.set_description_str(f"running: {running}" if running else "")

    def end(self):
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _line(result, course):
    text = f"{result.lesson} {course.lesson(result.lesson).title}: {result.status}"
    if result.seconds:
        text += f" in {result.seconds:.0f} s"
    return text + "".join(f"\n     {reason}" for reason in result.reasons)
