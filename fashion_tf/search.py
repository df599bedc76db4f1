"""Searches over settings: staged and greedy, over the full grid, or at random.

A *trial* is a function ``trial(settings, seed, shared)`` that returns metrics by name. A search calls
it for many settings, in parallel, and writes each finished trial into a *journal* at once: a text file
with one line a trial. Stopped at any moment and started again, a search repeats nothing that is in its
journal; two searches over the same start may share one.
"""

import json
import math
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

from fashion_tf.cluster import check_backend, connected
from fashion_tf.errors import SearchError

FINISHED, DIVERGED, CRASHED = "finished", "diverged", "crashed"


@dataclass(frozen=True)
class Stage:
    """One step of a greedy search: which settings are tried, and how the winner is picked.

    Attributes:
        name: Shown above its table.
        grid: Setting name to the values to try; several settings are crossed.
        metric: The metric that decides, averaged over the seeds.
        pick: ``"max"``, ``"min"``, or a function from the stage's table (a row for each combination,
            its columns the settings and the mean of each metric) to the winner's row number.

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


@dataclass
class SearchResult:
    """What a search found.

    Attributes:
        stages: The stages, in order; grid and random searches have one.
        start: The settings that the search began with.
        table: A pandas table with a row for each trial asked for: ``stage``, the settings that the
            search varies, ``seed``, ``status`` (finished, diverged or crashed), ``message``,
            ``seconds`` and the metrics. A trial that two stages ask for stands in both and ran once.
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
            A pandas table of the stage's metric. A trial that diverged or crashed counts as missing.
        """
        stage = self._stage(name)
        rows = self.table[self.table["stage"] == name]
        keys = [_text(rows[setting]) for setting in stage.grid]
        means = rows[stage.metric].groupby(keys, sort=False).mean()
        if len(stage.grid) == 2:
            return means.unstack().reindex(index=keys[0].unique(), columns=keys[1].unique())
        columns = {stage.metric: means}
        if spread and rows["seed"].nunique() > 1:
            columns["spread"] = rows[stage.metric].groupby(keys, sort=False).std()
        return _frame(columns)

    def plot(self, chance=None, columns=4):
        """A panel for each stage: the metric of each value, every seed a dot, the winner filled.

        Args:
            chance: Where to draw a line for a guess, or None.
            columns: Panels in a row.

        Returns:
            The matplotlib figure.
        """
        return _plot(self, chance, columns)

    def _stage(self, name):
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise SearchError(f"There is no stage {name!r}; there are "
                          + ", ".join(stage.name for stage in self.stages) + ".")


def greedy_search(trial, stages, start, journal, seeds=(0,), shared=None, jobs=-1, backend="loky",
                  cpus=1, gpus=0, progress=True):
    """Stages in their order; each keeps its winner for those after it.

    It takes the sum of the grids' sizes instead of their product, and so cannot see that two settings
    suit each other in different stages.

    Args:
        trial: ``trial(settings, seed, shared)`` -> dict of numbers. An exception counts as a crash
            and a metric that is not finite as divergence; neither can win, nor stops the search.
        stages: A list of `Stage`.
        start: All settings with their values before the first stage.
        journal: Path of the journal; made if it is absent.
        seeds: Each setting is tried once with each seed.
        shared: What all trials read, such as decoded pictures; given to each worker once.
        jobs: Trials at a time; -1: one for each core. 1 runs them in this process.
        backend: ``"loky"`` (processes here), ``"ray"`` or ``"dask"``, as in
            `fashion_tf.cluster.connected`.
        cpus: Share of CPU cores that Ray reserves for a trial.
        gpus: Share of a GPU that Ray reserves for a trial, such as 0.5.
        progress: Show how far it is, and in a notebook the stage's table so far.

    Returns:
        A `SearchResult`.

    Raises:
        SearchError: Before any trial: an empty grid, an unknown setting, a value of another type
            than the start's; a journal that belongs to another search, is damaged, or is in use.
            Later: a stage whose trials all failed; a cluster that keeps losing its workers.

    Taught in: 22_hyperparameter_search.ipynb
    """
    stages = list(stages)
    names = [stage.name for stage in stages]
    for stage in stages:
        _check_stage(stage, start)
        if names.count(stage.name) > 1:
            raise SearchError(f"Two stages are named {stage.name!r}.")
    with _Engine(trial, start, journal, seeds, shared, jobs, backend, cpus, gpus, progress,
                 total=sum(len(stage.combinations) for stage in stages)) as engine:
        settings, rows, winners = dict(start), [], {}
        for stage in stages:
            asked = [settings | combination for combination in stage.combinations]
            found = engine.run(stage, asked)
            rows += found
            winners[stage.name] = _winner(stage, found)
            settings |= winners[stage.name]
        return engine.result(stages, rows, winners)


def grid_search(trial, space, start, journal, metric="accuracy", pick="max", **options):
    """Every combination of a space. `space` maps setting names to values; the rest as `greedy_search`."""
    return _one_stage(trial, Stage("Grid", _listed(space), metric, pick), start, journal, options)


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
    stage = Stage("Random", _listed(space), metric, pick)
    _check_stage(stage, start)
    generator, drawn = np.random.default_rng(draw_seed), {}
    size = math.prod(len(values) for values in stage.grid.values())
    while len(drawn) < min(budget, size):
        places = tuple(int(generator.integers(len(values))) for values in stage.grid.values())
        drawn.setdefault(places)
    chosen = [{name: stage.grid[name][place] for name, place in zip(stage.grid, places)}
              for places in drawn]
    return _one_stage(trial, stage, start, journal, options, chosen)


def _one_stage(trial, stage, start, journal, options, chosen=None):
    _check_stage(stage, start)
    chosen = stage.combinations if chosen is None else chosen
    options = {"seeds": (0,), "shared": None, "jobs": -1, "backend": "loky", "cpus": 1, "gpus": 0,
               "progress": True} | options
    with _Engine(trial, start, journal, total=len(chosen), **options) as engine:
        rows = engine.run(stage, [dict(start) | combination for combination in chosen])
        return engine.result([stage], rows, {stage.name: _winner(stage, rows)})


def _listed(space):
    return {name: list(values) for name, values in space.items()}


# --- before a trial runs -----------------------------------------------------------------------


def _check_stage(stage, start):
    if not stage.grid:
        raise SearchError(f"Stage {stage.name!r} has no settings to try.")
    if not (callable(stage.pick) or stage.pick in ("max", "min")):
        raise SearchError(f"Stage {stage.name!r}: pick is {stage.pick!r}; it must be 'max', 'min' or "
                          "a function.")
    for name, values in stage.grid.items():
        where = f"Stage {stage.name!r}, setting {name!r}"
        if name not in start:
            raise SearchError(f"{where}: the start has no such setting; it has {', '.join(start)}.")
        if isinstance(values, str) or not hasattr(values, "__len__") or len(values) == 0:
            raise SearchError(f"{where}: the grid is empty; give a list of at least one value.")
        for value in values:
            try:
                json.dumps(value)
            except TypeError:
                raise SearchError(f"{where}: {value!r} cannot be written to the journal; use numbers, "
                                  "texts, booleans and None.") from None
            if not _same_type(value, start[name]):
                raise SearchError(f"{where}: {value!r} is a {type(value).__name__}, and the start has "
                                  f"{start[name]!r}, a {type(start[name]).__name__}.")


def _same_type(value, example):
    if value is None or example is None or type(value) is type(example):
        return True
    numbers = (int, float)
    return type(value) in numbers and type(example) in numbers  # a bool is no number here


# --- running -----------------------------------------------------------------------------------


class _Engine:
    """Runs trials, keeps the journal, and shows how far it is."""

    def __init__(self, trial, start, journal, seeds, shared, jobs, backend, cpus, gpus, progress, total):
        import joblib

        check_backend(backend)
        if not (jobs == -1 or jobs >= 1):
            raise SearchError(f"jobs={jobs}: give the number of trials at a time, or -1 for all cores.")
        self.seeds = tuple(seeds)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SearchError(f"seeds={seeds!r}: give at least one, each once.")
        self.trial, self.start, self.shared = trial, dict(start), shared
        self.jobs = joblib.cpu_count() if jobs == -1 and backend == "loky" else jobs
        self.backend, self.cpus, self.gpus = backend, cpus, gpus
        self.journal = _Journal(Path(journal), {
            "trial": f"{trial.__module__}.{trial.__qualname__}", "data": joblib.hash(shared),
            "start": self.start})
        self.ran, self.asked = 0, set()
        self.progress = _Progress(total * len(self.seeds)) if progress else None

    def __enter__(self):
        self.journal.open()
        self.closing = ExitStack()
        self.closing.callback(self.journal.close)
        try:
            self.closing.enter_context(connected(self.backend))
        except BaseException:
            self.closing.close()
            raise
        if self.backend == "ray":
            import ray

            self.shared_on_ray = ray.put(self.shared)
        return self

    def __exit__(self, *failure):
        self.closing.close()
        if self.progress:
            self.progress.close()

    def run(self, stage, asked):
        """Rows for each of the settings asked for and each seed, in that order."""
        jobs = [(settings, seed) for settings in asked for seed in self.seeds]
        known = self.journal.records
        missing = {}
        for settings, seed in jobs:
            key = _key(settings, seed)
            self.asked.add(key)
            if key not in known:
                missing.setdefault(key, (settings, seed))
        if self.progress:
            self.progress.stage(stage, len(jobs), len(jobs) - len(missing))
        for record in self._execute(missing, stage):
            self.ran += 1
            self.journal.append(record)
            if self.progress:
                self.progress.step(self._rows(stage, [
                    job for job in jobs if _key(*job) in self.journal.records]))
        return self._rows(stage, jobs)

    def _rows(self, stage, jobs):
        rows = []
        for settings, seed in jobs:
            record = self.journal.records[_key(settings, seed)]
            rows.append({"stage": stage.name, **record, "settings": settings, "seed": seed})
        return rows

    def _execute(self, missing, stage):
        """Yields a record for each trial, as they come. A worker that is lost costs only what it had
        in hand: the trials that may have killed it run again, each by itself, so that one which
        kills its worker each time is known and counts as crashed."""
        waiting, alone, lost = dict(missing), {}, 0
        while waiting:
            careful = next(iter(alone), None)
            batch = [careful] if careful else list(waiting)
            try:
                for record in self._parallel([waiting[key] for key in batch], stage, len(missing)):
                    key = _key(record["settings"], record["seed"])
                    waiting.pop(key)
                    alone.pop(key, None)
                    lost = 0
                    yield record
            except (SearchError, KeyboardInterrupt, GeneratorExit):
                raise
            except Exception as error:  # the backend's own: a killed worker, a node that is gone
                lost += 1
                if careful and lost > 1:
                    settings, seed = waiting.pop(careful)
                    alone.pop(careful)
                    yield _record(settings, seed, CRASHED, f"its worker died: {error}", {}, 0.0)
                elif not careful:
                    workers_now = self.jobs if self.jobs > 0 else len(waiting)
                    alone = dict.fromkeys(islice(waiting, workers_now))
                self._say(f"A worker was lost ({type(error).__name__}); {len(waiting)} trials of this "
                          "stage are left.")

    def _parallel(self, jobs, stage, planned):
        import joblib

        if self.jobs == 1 and self.backend == "loky":
            for settings, seed in jobs:
                yield _run(self.trial, settings, seed, self.shared, stage.metric, None)
            return
        # joblib runs what has one worker in this process, which a crashing trial would take along.
        count = max(2, min(self.jobs, planned)) if self.jobs > 0 else -1
        backend, run, shared, threads, options = self.backend, _run, self.shared, None, {}
        if backend == "loky":
            threads = max(1, joblib.cpu_count() // self.jobs)
        elif backend == "dask":
            options = {"scatter": [shared]} if shared is not None else {}
        else:
            # joblib's own Ray backend gives results only when all are there. Ray's tasks give them one
            # by one, know shares of a GPU, and go to another node when theirs is lost.
            backend, run = "threading", _on_ray(self.cpus, self.gpus)
            shared, count = self.shared_on_ray, min(len(jobs), 256) if self.jobs < 1 else count
        with joblib.parallel_config(backend=backend, n_jobs=count, **options):
            parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
            yield from parallel(joblib.delayed(run)(
                self.trial, settings, seed, shared, stage.metric, threads) for settings, seed in jobs)

    def _say(self, text):
        if self.progress:
            self.progress.say(text)

    def result(self, stages, rows, winners):
        varied = dict.fromkeys(name for stage in stages for name in stage.grid)
        return SearchResult(stages, self.start, _frame([_flat(row, varied) for row in rows]), winners,
                            len(self.asked), self.ran)


def _on_ray(cpus, gpus):
    import ray

    task = ray.remote(_run).options(num_cpus=cpus, num_gpus=gpus, max_retries=3)
    return lambda *arguments: ray.get(task.remote(*arguments))


def _run(trial, settings, seed, shared, metric, threads):
    """One trial, in a worker: a record, whatever happens."""
    if threads:
        # TensorFlow reads these when it first computes; a worker that runs alone on a core gains
        # nothing from more threads and loses to their quarrel.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))
    began = time.perf_counter()
    try:
        metrics = {name: float(value) for name, value in trial(dict(settings), seed, shared).items()}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return _record(settings, seed, CRASHED, text, {}, time.perf_counter() - began)
    seconds = time.perf_counter() - began
    if metric not in metrics:
        return _record(settings, seed, CRASHED, f"the trial returned no {metric!r}, only "
                       f"{', '.join(metrics)}", metrics, seconds)
    endless = [name for name, value in metrics.items() if not math.isfinite(value)]
    if endless:
        return _record(settings, seed, DIVERGED, f"{', '.join(endless)} not finite", metrics, seconds)
    return _record(settings, seed, FINISHED, "", metrics, seconds)


def _record(settings, seed, status, message, metrics, seconds):
    from fashion_tf.records import versions

    return {"settings": settings, "seed": seed, "status": status, "message": message,
            # JSON knows no infinity: what is not finite is written as null
            "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
            "seconds": round(seconds, 3), "versions": versions(), "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def _key(settings, seed):
    return json.dumps([{name: float(value) if type(value) is int else value
                        for name, value in sorted(settings.items())}, seed])


def _winner(stage, rows):
    """The settings of the stage's winner, by the mean over the seeds. A combination of which one seed
    failed has no mean: the seeds that are left may be the lucky ones."""
    groups = {}
    for row in rows:
        groups.setdefault(json.dumps([row["settings"][name] for name in stage.grid]), []).append(row)
    whole = [group for group in groups.values() if all(row["status"] == FINISHED for row in group)]
    if not whole:
        reasons = dict.fromkeys(row["message"] for row in rows if row["message"])
        raise SearchError(f"Stage {stage.name!r}: no combination finished with every seed: "
                          + "; ".join(list(reasons)[:3]))
    summary = [{name: group[0]["settings"][name] for name in stage.grid} for group in whole]
    means = [{metric: sum(row["metrics"][metric] for row in group) / len(group)
              for metric in group[0]["metrics"]} for group in whole]
    if callable(stage.pick):
        table = _frame([combination | mean for combination, mean in zip(summary, means)])
        return summary[int(stage.pick(table))]
    pick = max if stage.pick == "max" else min
    return summary[pick(range(len(whole)), key=lambda number: means[number][stage.metric])]


def _flat(row, varied):
    """A row of the result's table. The metrics of a failed trial are no numbers: they cannot win."""
    good = row["status"] == FINISHED
    return {"stage": row["stage"], **{name: row["settings"][name] for name in varied},
            "seed": row["seed"], "status": row["status"], "message": row["message"],
            "seconds": row["seconds"],
            **{name: value if good else math.nan for name, value in row["metrics"].items()}}


def _frame(rows):
    import pandas as pd

    return pd.DataFrame(rows)


def _text(column):
    return column.map(lambda value: "default" if value is None or value != value else value)


# --- the journal -------------------------------------------------------------------------------


class _Journal:
    """One JSON line for what is searched, then one for each finished trial; only ever appended to."""

    def __init__(self, path, header):
        self.path, self.header = path, {"journal": 1, **json.loads(json.dumps(header))}
        self.records, self.file = {}, None

    def open(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "a+b")
        try:
            self._lock()
            self.file.seek(0)
            self._read(self.file.read())
        except BaseException:
            self.close()
            raise

    def _lock(self):
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SearchError(f"{self.path}: another search is writing to this journal. Wait for it, "
                              "or choose another file.") from None

    def _read(self, content):
        whole = content[:content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            print(f"{self.path}: the last line is cut off; it is dropped and its trial runs again.")
            self.file.truncate(len(whole))
        lines = whole.decode("utf-8", errors="replace").splitlines()
        if not lines:
            self._write(self.header)
            return
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                if number == 1:
                    self._compare(entry)
                else:
                    self.records[_key(entry["settings"], entry["seed"])] = {
                        name: entry[name] for name in ("settings", "seed", "status", "message",
                                                       "metrics", "seconds")}
            except (ValueError, KeyError, TypeError) as error:
                raise SearchError(f"{self.path}, line {number}: this is no line of a journal ({error}). "
                                  "Remove the line, or choose another file.") from None

    def _compare(self, header):
        if not isinstance(header, dict) or header.get("journal") != 1:
            raise SearchError(f"{self.path}: this file is no journal of a search; choose another one.")
        changes = []
        for name in ("trial", "data"):
            if header[name] != self.header[name]:
                changes.append(f"the {name} ({header[name]} there, {self.header[name]} now)")
        was, now = header["start"], self.header["start"]
        changes += [f"{name} ({was.get(name)!r} there, {now.get(name)!r} now)"
                    for name in {**was, **now} if was.get(name) != now.get(name)]
        if changes:
            raise SearchError(f"{self.path}: this journal belongs to another search. It differs in "
                              + ", ".join(changes) + ". Choose another file, or the old settings.")

    def append(self, record):
        self._write(record)
        self.records[_key(record["settings"], record["seed"])] = record

    def _write(self, entry):
        # One write and a sync: after a power cut at most the last line is cut off.
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self):
        if self.file:
            self.file.close()  # and with it the lock


# --- what one sees -----------------------------------------------------------------------------


class _Progress:
    """One line that is written over, and in a notebook the stage's table so far."""

    def __init__(self, total):
        self.total, self.done, self.ran, self.width = total, 0, 0, 0
        self.began, self.handle, self.name = time.monotonic(), None, ""
        self.notebook = _in_notebook()

    def stage(self, stage, trials, known):
        self.name, self.trials = stage.name, trials
        self.metric, self.grid = stage.metric, list(stage.grid)
        self.done += known
        self._show([])

    def step(self, rows):
        self.done += 1
        self.ran += 1
        self._show(rows)

    def _line(self):
        line = f"{self.name}: trial {self.done} of {self.total}"
        if self.ran and self.done < self.total:
            left = (time.monotonic() - self.began) / self.ran * (self.total - self.done)
            line += f", about {_duration(left)} left"
        return line

    def _show(self, rows):
        if self.notebook:
            from IPython.display import display

            table = _frame([_flat(row, self.grid) for row in rows]).drop(
                columns=["stage", "message"], errors="ignore")
            content = _Live(self._line(), table)
            if self.handle is None:
                self.handle = display(content, display_id=True)
            else:
                self.handle.update(content)
        elif sys.stdout.isatty():
            line = self._line()
            print("\r" + line.ljust(self.width), end="", flush=True)
            self.width = len(line)

    def say(self, text):
        print(text, flush=True)

    def close(self):
        seconds = _duration(time.monotonic() - self.began)
        text = f"{self.done} trials, {self.ran} of them run now, in {seconds}"
        if self.notebook and self.handle is not None:
            self.handle.update(_Live(text, None))
        elif sys.stdout.isatty():
            print("\r" + text.ljust(self.width))


class _Live:
    def __init__(self, line, table):
        self.line, self.table = line, table

    def __repr__(self):
        return self.line

    def _repr_html_(self):
        import html

        table = "" if self.table is None or self.table.empty else self.table.to_html(
            index=False, float_format="{:.3f}".format)
        return f"<p>{html.escape(self.line)}</p>{table}"


def _in_notebook():
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _plot(result, chance, columns):
    import matplotlib.pyplot as plt
    import seaborn as sns

    rows = -(-len(result.stages) // columns)
    across = min(columns, len(result.stages))
    figure, axes = plt.subplots(rows, across, figsize=(2.6 * across, 2.7 * rows), squeeze=False,
                                sharey=True, layout="constrained")
    palette = sns.color_palette("colorblind")
    for axis, stage in zip(axes.flat, result.stages):
        table = result.table[result.table["stage"] == stage.name]
        first, *others = stage.grid
        values = list(dict.fromkeys(_text(table[first])))
        lines = [(None, table)] if not others else list(table.groupby(
            _text(table[others].astype(object).apply(
                lambda row: ", ".join(str(_plain(value)) for value in row), axis=1)), sort=False))
        for number, (label, line) in enumerate(lines):
            colour, marker = palette[number % len(palette)], "osD^vP*X"[number % 8]
            places = _text(line[first]).map(values.index)
            means = line[stage.metric].groupby(places.to_numpy()).mean()
            connect = "-" if others or not isinstance(values[0], str) else ""
            axis.plot(means.index, means, connect, color=colour, lw=1.2, label=label)
            axis.plot(places, line[stage.metric], marker, color=colour, mfc="white", ms=5, ls="")
            winner = result.winners.get(stage.name, {})
            won = [_plain(value) for value in winner.values()]
            if not others or (won and label == ", ".join(str(value) for value in won[1:])):
                place = [position for position in means.index if values[position] == (
                    "default" if won[0] is None else won[0])]
                axis.plot(place, means.loc[place], marker, color=colour, ms=8)
        if chance is not None:
            axis.axhline(chance, color="grey", lw=1, ls=":")
        axis.set_xticks(range(len(values)), [str(_plain(value)) for value in values],
                        rotation=45 if max(len(str(value)) for value in values) > 5 else 0,
                        ha="right" if max(len(str(value)) for value in values) > 5 else "center", fontsize=8)
        axis.set_title(stage.name, fontsize=10)
        axis.grid(alpha=0.3)
        if others:
            axis.legend(fontsize=7, title=", ".join(others), title_fontsize=7)
    for axis in list(axes.flat)[len(result.stages):]:
        axis.axis("off")
    for row in axes:
        row[0].set_ylabel(result.stages[0].metric)
    plt.show()
    return figure


def _plain(value):
    """A value as a person writes it: 30, not 30.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value
