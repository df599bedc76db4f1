"""Searches over settings: staged and greedy, over the full grid, or at random.

A *trial* is a function ``trial(settings, seed, shared)`` that returns metrics by name. A search calls
it for many settings, in parallel, and writes each finished trial into a *journal* at once: a text file
with one line a trial. Stopped at any moment and started again, a search repeats nothing that is in its
journal; two searches over the same start may share one.
"""

import math
import operator
import os
import re
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import islice, product

from fashion_tf.cluster import DaskTasks, RayTasks, check_backend, connected
from fashion_tf.errors import SearchError
from fashion_tf.files import json_value
from fashion_tf.search.journal import CRASHED, DIVERGED, FINISHED, Journal, make_record, trial_key
from fashion_tf.search.view import Progress, as_table, mean_table, plot_stages

COLUMNS = {"stage", "seed", "status", "message", "seconds"}  # of the result's table


@dataclass(frozen=True)
class Stage:
    """One step of a greedy search: which settings are tried, and how the winner is picked.

    Attributes:
        name: Shown above its table.
        grid: Setting name to the values to try; several settings are crossed.
        metric: The metric that decides, averaged over the seeds.
        pick: ``"max"``, ``"min"``, or a function from the stage's table (a row for each combination
            that finished with every seed, its columns the settings and the mean of each metric) to
            the winner's row number. The first of equals wins.

    Example:
        >>> Stage("Rotation", {"rotation": [0, 10, 30, 90]})
    """

    name: str
    grid: dict
    metric: str = "accuracy"
    pick: object = "max"

    @property
    def combinations(self):
        """Every combination of the grid's values: a list of dicts."""
        return [dict(zip(self.grid, values)) for values in product(*self.grid.values())]

    @property
    def crossed(self):
        """The settings that have more than one value, or else the first."""
        return [name for name, values in self.grid.items() if len(values) > 1] or list(self.grid)[:1]


@dataclass
class SearchResult:
    """What a search found.

    Attributes:
        stages: The stages, in order; grid and random searches have one.
        start: The settings that the search began with.
        table: A pandas table with a row for each trial asked for: ``stage``, the settings that the
            search varies, ``seed``, ``status`` (finished, diverged or crashed), ``message``,
            ``seconds`` and the metrics, which are missing where a trial failed. A trial that two
            stages ask for stands in both and ran once.
        winners: Stage name to the settings it picked.
        trials: How many different trials that makes.
        run: How many of them ran now; the others were in the journal.
    """

    stages: list
    start: dict
    table: object
    winners: dict = field(default_factory=dict)
    trials: int = 0
    run: int = 0

    @property
    def best(self):
        """The start's settings with every stage's winner."""
        return dict(self.start, **{name: value for winner in self.winners.values()
                                   for name, value in winner.items()})

    def stage_table(self, name, spread=True):
        """One stage in the paper's form: a row for each value; two crossed settings make a
        table of two sides, more make a row for each combination.

        Args:
            name: The stage's name.
            spread: Add the standard deviation over the seeds, where there are several.

        Returns:
            A pandas table of the stage's metric, the mean over the seeds. It is missing where the
            trial failed with one of them; None stands there as "default".

        Raises:
            SearchError: There is no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return mean_table(self.table[self.table["stage"] == name], stage, spread)
        raise SearchError(f"There is no stage {name!r}; there are "
                          + ", ".join(stage.name for stage in self.stages) + ".")

    def plot(self, chance=None, columns=4):
        """A panel for each stage: the metric of each value, every seed a dot, the winner filled.

        Args:
            chance: Where to draw a line for a guess, or None.
            columns: Panels in a row.

        Returns:
            The matplotlib figure.
        """
        return plot_stages(self, chance, columns)


def greedy_search(trial, stages, start, journal, seeds=(0,), shared=None, jobs=-1, backend="loky",
                  cpus=1, gpus=0, progress=True, retry_failed=False):
    """Stages in their order; each keeps its winner for those after it.

    It takes the sum of the grids' sizes instead of their product, and so cannot see that two settings
    suit each other in different stages.

    Args:
        trial: ``trial(settings, seed, shared)`` -> dict of numbers. An exception counts as a crash
            and a metric that is not finite as divergence; neither can win, nor stops the search.
            What kills its process twice has crashed. Trials of one process run one after another.
        stages: A list of `Stage`.
        start: All settings with their values before the first stage.
        journal: Path of the journal; made if it is absent. A failed trial stands in it like any
            other and is not tried again by itself: see `retry_failed`.
        seeds: Each setting is tried once with each seed.
        shared: What all trials read and none changes, such as decoded pictures. Processes here read
            large arrays from one file in memory, Ray and Dask send it once to each node.
        jobs: Trials at a time; -1: one for each core, here or in the cluster. 1 with ``"loky"`` runs
            them in this process.
        backend: ``"loky"`` (processes here), ``"ray"`` or ``"dask"``, as in
            `fashion_tf.cluster.connected`.
        cpus: Share of CPU cores that Ray reserves for a trial.
        gpus: Share of a GPU that Ray reserves for a trial, such as 0.5.
        progress: Show how far it is, and in a notebook the stage's table so far.
        retry_failed: Try the trials again that stand in the journal as failed, once the cause is
            mended. What they give now counts; the old lines stay.

    Returns:
        A `SearchResult`.

    Raises:
        SearchError: Before any trial: an empty grid, an unknown setting, a value of another type
            than the start's; a journal that belongs to another search, is damaged, or is in use.
            Later: a stage whose trials all failed; a trial or its data that cannot be sent to a
            worker; a cluster that is gone.
        RunError: Unknown backend, or its library is missing.

    Taught in: 22_hyperparameter_search.ipynb
    """
    stages = [_checked(stage, start) for stage in stages]
    names = [stage.name for stage in stages]
    if not stages:
        raise SearchError("There are no stages.")
    for name in names:
        if names.count(name) > 1:
            raise SearchError(f"Two stages are named {name!r}.")
    total = sum(len(stage.combinations) for stage in stages)
    with _Engine(trial, start, journal, total, seeds, shared, jobs, backend, cpus, gpus,
                 progress, retry_failed) as engine:
        settings, rows, winners = engine.start, [], {}
        for stage in stages:
            found = engine.run(stage, [settings | chosen for chosen in stage.combinations])
            rows += found
            winners[stage.name] = _winner(stage, found, engine.journal)
            settings = settings | winners[stage.name]
        return engine.result(stages, rows, winners)


def grid_search(trial, space, start, journal, metric="accuracy", pick="max", **options):
    """Every combination of a space. `space` maps setting names to values; the rest as `greedy_search`."""
    stage = _checked(Stage("Grid", space, metric, pick), start)
    return _one_stage(trial, stage, stage.combinations, start, journal, options)


def random_search(trial, space, budget, start, journal, draw_seed=0, metric="accuracy", pick="max",
                  **options):
    """Combinations drawn from a space without repetition.

    Args:
        trial, start, journal: As in `greedy_search`, and so are the other options.
        space: Setting name to its values: a list or a `range`, each value as likely as the others.
        budget: How many combinations; all of them where the space has no more.
        draw_seed: Which; the same seed draws the same, and a larger budget begins with them.
        metric, pick: As in `Stage`.

    Returns:
        A `SearchResult` with the stage "Random".

    Raises:
        SearchError: As `greedy_search`; or a budget below 1.

    Taught in: 22_hyperparameter_search.ipynb
    """
    import numpy as np

    if budget < 1:
        raise SearchError(f"budget={budget}: it must be at least 1.")
    stage = _checked(Stage("Random", space, metric, pick), start)
    generator, drawn = np.random.default_rng(draw_seed), {}
    size = math.prod(len(values) for values in stage.grid.values())
    while len(drawn) < min(budget, size):
        drawn.setdefault(tuple(int(generator.integers(len(values))) for values in stage.grid.values()))
    chosen = [{name: values[place] for (name, values), place in zip(stage.grid.items(), places)}
              for places in drawn]
    return _one_stage(trial, stage, chosen, start, journal, options)


def _one_stage(trial, stage, chosen, start, journal, options):
    with _Engine(trial, start, journal, len(chosen), **options) as engine:
        rows = engine.run(stage, [engine.start | combination for combination in chosen])
        return engine.result([stage], rows, {stage.name: _winner(stage, rows, engine.journal)})


# --- before a trial runs -----------------------------------------------------------------------


def _checked(stage, start):
    """The stage with its values as plain Python and JSON know them."""
    if not stage.grid:
        raise SearchError(f"Stage {stage.name!r} has no settings to try.")
    if not (callable(stage.pick) or stage.pick in ("max", "min")):
        raise SearchError(f"Stage {stage.name!r}: pick is {stage.pick!r}; it must be 'max', 'min' or "
                          "a function.")
    grid = {}
    for name, values in stage.grid.items():
        where = f"Stage {stage.name!r}, setting {name!r}"
        if name not in start:
            raise SearchError(f"{where}: the start has no such setting; it has {', '.join(start)}.")
        if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__getitem__"):
            raise SearchError(f"{where}: {values!r} is no list of values.")
        if len(values) == 0:
            raise SearchError(f"{where}: the grid is empty; give a list of at least one value.")
        # A range may be too long to write out; its values are all of one kind.
        grid[name] = values if isinstance(values, range) else [_plain(value, where) for value in values]
        example = _plain(start[name], f"start, setting {name!r}")
        for value in grid[name][:1] if isinstance(values, range) else grid[name]:
            if not _same_type(value, example):
                raise SearchError(f"{where}: {value!r} is a {type(value).__name__}, and the start has "
                                  f"{example!r}, a {type(example).__name__}.")
    return replace(stage, grid=grid)


def _plain(value, where):
    try:
        return json_value(value)
    except ValueError:
        raise SearchError(f"{where}: {value!r} cannot be written to the journal; use finite numbers, "
                          "texts, booleans, None, and lists of these.") from None


def _same_type(value, example):
    if value is None or example is None or type(value) is type(example):
        return True
    numbers = (int, float)
    return type(value) in numbers and type(example) in numbers  # a bool is no number here


# --- running -----------------------------------------------------------------------------------


class _Engine:
    """Runs trials, keeps the journal, and shows how far it is."""

    def __init__(self, trial, start, journal, total, seeds=(0,), shared=None, jobs=-1, backend="loky",
                 cpus=1, gpus=0, progress=True, retry_failed=False):
        import joblib

        check_backend(backend)
        if not isinstance(jobs, int) or not (jobs == -1 or jobs >= 1):
            raise SearchError(f"jobs={jobs}: give the number of trials at a time, or -1 for all cores.")
        try:
            self.seeds = tuple(operator.index(seed) for seed in seeds)
        except TypeError:
            raise SearchError(f"seeds={seeds!r}: give a list of whole numbers.") from None
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SearchError(f"seeds={seeds!r}: give at least one, each once.")
        if not hasattr(trial, "__qualname__"):
            raise SearchError(f"trial={trial!r}: give a function; the journal keeps its name.")
        try:
            data = joblib.hash(shared)
        except Exception as error:  # pickle raises many kinds
            raise SearchError(f"shared cannot be sent to other processes: {error}") from error
        self.trial, self.shared = trial, shared
        self.start = {name: _plain(value, f"start, setting {name!r}") for name, value in start.items()}
        self.jobs = joblib.cpu_count() if jobs == -1 and backend == "loky" else jobs
        self.backend, self.cpus, self.gpus, self.workers = backend, cpus, gpus, 2
        self.journal = Journal(journal, f"{trial.__module__}.{trial.__qualname__}", data, self.start)
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

    def run(self, stage, asked):
        """Rows for each of the settings asked for and each seed, in that order."""
        jobs = [(trial_key(settings, seed), settings, seed) for settings in asked for seed in self.seeds]
        failed = {key for key, *_ in jobs if key in self.journal.records and key not in self.tried
                  and _failure(stage, self.journal.records[key])}
        missing = {key: (settings, seed) for key, settings, seed in jobs
                   if key not in self.journal.records or self.retry_failed and key in failed}
        self.asked.update(key for key, *_ in jobs)
        if self.progress:
            self.progress.stage(stage, len(jobs) - len(missing))
            if failed and not self.retry_failed:
                self._say(f"{len(failed)} trials of this stage stand in {self.journal.path} as failed; "
                          "retry_failed=True tries them again.")
        with closing(self._execute(missing)) as records:
            for record in records:
                self.ran += 1
                self.tried.add(trial_key(record["settings"], record["seed"]))
                self.journal.append(record)
                if self.progress:
                    self.progress.step(self._rows(stage, jobs))
        return self._rows(stage, jobs)

    def _rows(self, stage, jobs):
        rows = []
        for key, settings, seed in jobs:
            record = self.journal.records.get(key)
            if record is None:
                continue  # not yet
            row = {**record, "stage": stage.name, "settings": settings, "seed": seed}
            rows.append(row | (_failure(stage, record) or {}))
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
            except SearchError:
                raise
            except Exception as error:  # no trial's fault, for a trial's own are in its record
                raise SearchError(f"The {self.backend} workers cannot go on: {type(error).__name__}: "
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

    def result(self, stages, rows, winners):
        varied = dict.fromkeys(name for stage in stages for name in stage.grid)
        return SearchResult(stages, self.start, as_table(rows, varied), winners, len(self.asked), self.ran)


def _failure(stage, record):
    """A failed trial's status and message, or None where it finished. The journal keeps a trial that lacks
    the stage's metric as finished: it is as good as ever for a stage that asks for a metric it has."""
    if record["status"] != FINISHED:
        return {"status": record["status"], "message": record["message"]}
    if stage.metric in record["metrics"]:
        return None
    return {"status": CRASHED, "message": f"the trial returned no {stage.metric!r}, only "
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
            metrics = {name: float(value) for name, value in trial(dict(settings), seed, shared).items()}
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
    return make_record(settings, seed, FINISHED, "", metrics, seconds)


def _winner(stage, rows, journal):
    """The settings of the stage's winner, by the mean over the seeds. A combination of which one seed
    failed has no mean: the seeds that are left may be the lucky ones."""
    groups = {}
    for row in rows:
        chosen = {name: row["settings"][name] for name in stage.grid}
        groups.setdefault(trial_key(chosen, 0), (chosen, []))[1].append(row)
    whole = [(chosen, group) for chosen, group in groups.values()
             if all(row["status"] == FINISHED for row in group)]
    if not whole:
        reasons = {}
        for row in rows:
            if row["message"]:
                reasons.setdefault(row["message"], journal.lines[trial_key(row["settings"], row["seed"])])
        told = "; ".join(f"{reason} ({journal.path}, line {line})" for reason, line in list(reasons.items())[:3])
        raise SearchError(f"Stage {stage.name!r}: no combination finished with every seed: {told}. Once the "
                          "cause is mended, retry_failed=True tries them again.")
    means = [{metric: sum(row["metrics"].get(metric, math.nan) for row in group) / len(group)
              for metric in group[0]["metrics"]} for _, group in whole]
    if callable(stage.pick):
        import pandas as pd

        table = pd.DataFrame([chosen | mean for (chosen, _), mean in zip(whole, means)])
        number = int(stage.pick(table))
        if not 0 <= number < len(whole):
            raise SearchError(f"Stage {stage.name!r}: pick returned {number}; there are {len(whole)} "
                              "rows, counted from 0.")
    else:
        pick = max if stage.pick == "max" else min
        number = pick(range(len(whole)), key=lambda place: means[place][stage.metric])
    return whole[number][0]
