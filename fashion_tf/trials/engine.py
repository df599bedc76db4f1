"""Runs trials in parallel, here or on a cluster, and keeps their journal: of a search's settings, of a
cross-validation's folds.

A *trial* is a function ``trial(settings, seed, shared)`` that returns metrics by name, or (metrics, details).
Each one that ended stands in the *journal* at once; stopped at any moment and started again, nothing that is in
the journal is repeated.
"""

import math
import operator
import os
import re
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from functools import lru_cache, partial
from itertools import islice

from fashion_tf.cluster import DaskTasks, RayTasks, check_backend, connected
from fashion_tf.errors import TrialError
from fashion_tf.files import json_value
from fashion_tf.trials.journal import CRASHED, DIVERGED, FINISHED, Journal, make_record, trial_key
from fashion_tf.trials.progress import Progress

COLUMNS = {"stage", "seed", "status", "message", "seconds"}  # of the result's table


class Engine:
    """Runs trials, keeps the journal, and shows how far it is; a context, for as long as its workers stand.

    Args:
        trial, start, journal, seeds, shared, jobs, backend, cpus, gpus, progress, retry_failed: As in
            `fashion_tf.search.greedy_search`.
        total: How many settings will be asked for, for the time left.
        name: What the journal calls the trial; None: the name of its function.

    Attributes:
        start: The start's settings, plain JSON values.
        journal: The open `Journal`.
        asked: The `trial_key` of each trial asked for so far.
        ran: How many ran now; the others were in the journal.

    Raises:
        TrialError: An option that cannot be, or a journal of other trials, damaged, or in use.
        RunError: Unknown backend, or its library is missing.
    """

    def __init__(self, trial, start, journal, total, seeds=(0,), shared=None, jobs=-1, backend="loky",
                 cpus=1, gpus=0, progress=True, retry_failed=False, name=None):
        import joblib

        check_backend(backend)
        if not isinstance(jobs, int) or not (jobs == -1 or jobs >= 1):
            raise TrialError(f"jobs={jobs}: give the number of trials at a time, or -1 for all cores.")
        try:
            self.seeds = tuple(operator.index(seed) for seed in seeds)
        except TypeError:
            raise TrialError(f"seeds={seeds!r}: give a list of whole numbers.") from None
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise TrialError(f"seeds={seeds!r}: give at least one, each once.")
        name = name or name_of(trial, "trial")
        try:
            data = joblib.hash(shared)
        except Exception as error:  # pickle raises many kinds
            raise TrialError(f"shared cannot be sent to other processes: {error}") from error
        self.trial, self.shared = trial, shared
        self.start = {name: plain(value, f"start, setting {name!r}") for name, value in start.items()}
        self.jobs = joblib.cpu_count() if jobs == -1 and backend == "loky" else jobs
        self.backend, self.cpus, self.gpus, self.workers = backend, cpus, gpus, 2
        self.journal = Journal(journal, name, data, self.start)
        self.ran, self.asked, self.tried, self.retry_failed = 0, set(), set(), retry_failed
        self.progress = Progress(total * len(self.seeds)) if progress else None

    def __enter__(self):
        with ExitStack() as stack:
            self.journal.open()
            stack.callback(self.journal.close)
            stack.enter_context(connected(self.backend))
            if self.backend == "ray":
                self.tasks = RayTasks(self.cpus, self.gpus)
                if not self.tasks.fits():
                    self._say(f"No node of the cluster has {self.cpus:g} CPU cores and {self.gpus:g} "
                              "GPUs; the trials wait until one joins.")
            elif self.backend == "dask":
                self.tasks = DaskTasks()
            if self.backend != "loky":
                self.shared = self.tasks.put(self.shared)
            elif self.jobs > 1:
                folder = tempfile.TemporaryDirectory(prefix="fashion_tf-", ignore_cleanup_errors=True)
                self.shared = _Stored(stack.enter_context(folder), self.shared)
            self.closing = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self.closing.close()
        if self.progress:
            self.progress.close()

    def run(self, name, asked, varied, metric):
        """Rows for each of the settings asked for and each seed, in that order.

        Args:
            name: What these trials are called.
            asked: A list of settings.
            varied: The names of the settings in which they differ.
            metric: The metric that a trial must return; one that does not counts as failed.

        Returns:
            Records as `make_record` makes them, with ``stage``: the name.
        """
        jobs = [(trial_key(settings, seed), settings, seed) for settings in asked for seed in self.seeds]
        failed = {key for key, *_ in jobs if key in self.journal.records and key not in self.tried
                  and failure(metric, self.journal.records[key])}
        missing = {key: (settings, seed) for key, settings, seed in jobs
                   if key not in self.journal.records or self.retry_failed and key in failed}
        self.asked.update(key for key, *_ in jobs)
        if self.progress:
            self.progress.stage(name, varied, len(jobs) - len(missing))
            if failed and not self.retry_failed:
                self._say(f"{len(failed)} trials of this stage stand in {self.journal.path} as failed; "
                          "retry_failed=True tries them again.")
        with closing(self._execute(missing)) as records:
            for record in records:
                self.ran += 1
                self.tried.add(trial_key(record["settings"], record["seed"]))
                self.journal.append(record)
                if self.progress:
                    self.progress.step(self._rows(name, metric, jobs))
        return self._rows(name, metric, jobs)

    def _rows(self, name, metric, jobs):
        rows = []
        for key, settings, seed in jobs:
            record = self.journal.records.get(key)
            if record is None:
                continue  # not yet
            row = {**record, "stage": name, "settings": settings, "seed": seed}
            rows.append(row | (failure(metric, record) or {}))
        return rows

    def _execute(self, missing):
        """Yields a record for each trial, as they come.

        When a process here is killed, joblib gives up all that were in hand. Those that may have
        killed it run again, one at a time: what then kills its worker twice has crashed.
        """
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        waiting, suspects, deaths = dict(missing), [], 0
        self.workers = max(self.workers, min(self.jobs, len(missing)))
        while waiting:
            batch = suspects[:1] or list(waiting)
            try:
                with closing(self._parallel([waiting[key] for key in batch])) as records:
                    for record in records:
                        key = trial_key(record["settings"], record["seed"])
                        del waiting[key]
                        suspects, deaths = [other for other in suspects if other != key], 0
                        yield record
            except TerminatedWorkerError as error:
                deaths += 1
                self._say(f"A worker was killed ({_exit_codes(error)}); {len(waiting)} trials of this "
                          "stage are left.")
                if not suspects:
                    suspects, deaths = list(islice(waiting, self.workers)), 0
                elif deaths == 2:
                    settings, seed = waiting.pop(suspects.pop(0))
                    deaths = 0
                    yield make_record(settings, seed, CRASHED, f"its worker died: {_exit_codes(error)}")
            except TrialError:
                raise
            except Exception as error:  # no trial's fault, for a trial's own are in its record
                raise TrialError(f"The {self.backend} workers cannot go on: {type(error).__name__}: "
                                  f"{error} What has finished is in {self.journal.path}.") from error

    def _parallel(self, jobs):
        import joblib

        if self.jobs == 1 and self.backend == "loky":
            for settings, seed in jobs:
                yield _run(self.trial, settings, seed, self.shared)
            return
        if self.backend == "loky":
            # Never one, which joblib would run in this process, where a crash takes the search along;
            # and never fewer than before: a worker keeps what it has compiled.
            count, run, threads = self.workers, _run, None
            backend = {"backend": "loky", "initializer": _begin_worker,
                       "initargs": (max(1, joblib.cpu_count() // self.jobs),)}
        else:
            # Threads that wait for the cluster. joblib's own Ray backend gives results only when all
            # are there, and its Dask backend runs trials here while one worker is left.
            backend, run = {"backend": "threading"}, partial(_on_cluster, self.tasks)
            count = self.jobs if self.jobs > 0 else self.tasks.room()
            threads = max(1, int(self.cpus)) if self.backend == "ray" else None
        with joblib.parallel_config(**backend):
            parallel = joblib.Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)
        yield from parallel(joblib.delayed(run)(self.trial, settings, seed, self.shared, threads)
                            for settings, seed in jobs)

    def _say(self, text):
        if self.progress:
            self.progress.say(text)


def failure(metric, record):
    """A failed trial's status and message, or None where it finished. The journal keeps a trial that lacks
    the metric as finished: it is as good as ever where one asks for a metric it has."""
    if record["status"] != FINISHED:
        return {"status": record["status"], "message": record["message"]}
    if metric in record["metrics"]:
        return None
    return {"status": CRASHED, "message": f"the trial returned no {metric!r}, only "
                                          f"{', '.join(record['metrics']) or 'an empty dict'}"}


def _on_cluster(tasks, trial, settings, seed, shared, threads):
    """One trial as a task of Ray or Dask, which run it again by themselves when its worker is lost."""
    try:
        return tasks.call(_run, trial, settings, seed, shared, threads)
    except tasks.killed as error:
        return make_record(settings, seed, CRASHED, f"its worker died each time: {_name(error)}")


def _name(error):
    return type(error).__name__


def _exit_codes(error):
    """The short part of loky's long message, such as "SIGKILL(-9)"."""
    codes = re.search(r"exit codes.*?\{(.*?)\}", str(error), re.DOTALL)
    return codes[1] if codes else _name(error)


def _begin_worker(threads):
    """First thing in a process of joblib's, before anything imports TensorFlow there."""
    from joblib.externals.loky import process_executor

    # loky takes 300 MB for a leak and begins the worker anew, with all that it has compiled; that is what
    # TensorFlow needs to start.
    process_executor._USE_PSUTIL = False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notes would come between those of the search
    _set_threads(threads)


def _set_threads(threads):
    """TensorFlow reads these when it first computes; a worker that runs alone on a core gains nothing
    from more threads and loses to their quarrel."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))


class _Stored:
    """What trials share, written once; each process reads it once, and its arrays as far as it needs."""

    def __init__(self, folder, shared):
        import joblib

        self.path = os.path.join(folder, "shared")
        joblib.dump(shared, self.path)

    def read(self):
        return _read_shared(self.path)


@lru_cache(maxsize=1)
def _read_shared(path):
    import joblib

    return joblib.load(path, mmap_mode="r")


_one_at_a_time = threading.RLock()


def _run(trial, settings, seed, shared, threads=None):
    """One trial, in a worker: a record, whatever happens."""
    if threads:
        _set_threads(threads)
    if isinstance(shared, _Stored):
        shared = shared.read()
    with _one_at_a_time:  # a Dask worker may have several threads; a seed is the whole process's
        began = time.perf_counter()
        try:
            metrics = trial(dict(settings), seed, shared)
            metrics, details = metrics if isinstance(metrics, tuple) else (metrics, None)
            metrics = {name: float(value) for name, value in metrics.items()}
            details = details and json_value(details)
        except (Exception, SystemExit) as error:
            return make_record(settings, seed, CRASHED, f"{type(error).__name__}: {error}",
                               seconds=time.perf_counter() - began)
        seconds = time.perf_counter() - began
    taken = [name for name in metrics if name in COLUMNS or name in settings]
    if taken:
        return make_record(settings, seed, CRASHED, f"give the metric {', '.join(taken)} another name: "
                           "the result's table has a column of this name", seconds=seconds)
    endless = [name for name, value in metrics.items() if not math.isfinite(value)]
    if endless:
        return make_record(settings, seed, DIVERGED, f"{', '.join(endless)} not finite", metrics, seconds)
    return make_record(settings, seed, FINISHED, "", metrics, seconds, details)


def name_of(function, argument):
    """A function's full name.

    Raises:
        TrialError: It is something that has none.
    """
    if not hasattr(function, "__qualname__"):
        raise TrialError(f"{argument}={function!r}: give a function; the journal keeps its name.")
    return f"{function.__module__}.{function.__qualname__}"


def plain(value, where):
    """A setting as plain JSON types; raises TrialError where it is none."""
    try:
        return json_value(value)
    except ValueError:
        raise TrialError(f"{where}: {value!r} cannot be written to the journal; use finite numbers, "
                         "texts, booleans, None, and lists of these.") from None
