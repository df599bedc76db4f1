"""Searches over settings: staged and greedy, over the full grid, or at random.

A *trial* is a function ``trial(settings, seed, shared)`` that returns metrics by name. A search calls
it for many settings, in parallel, and writes each finished trial into a *journal* at once: a text file
with one line a trial. Stopped at any moment and started again, a search repeats nothing that is in its
journal; two searches over the same start may share one.
"""

import math
from dataclasses import dataclass, field, replace
from itertools import product

from fashion_tf.errors import TrialError
from fashion_tf.search.view import mean_table, plot_stages
from fashion_tf.trials import COLUMNS, FINISHED, Engine, as_table, plain, trial_key


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
            TrialError: There is no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return mean_table(self.table[self.table["stage"] == name], stage, spread)
        raise TrialError(f"There is no stage {name!r}; there are "
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
        TrialError: Before any trial: an empty grid, an unknown setting, a value of another type
            than the start's; a journal that belongs to other trials, is damaged, or is in use.
            Later: a stage whose trials all failed; a trial or its data that cannot be sent to a
            worker; a cluster that is gone.
        RunError: Unknown backend, or its library is missing.

    Taught in: 22_hyperparameter_search.ipynb
    """
    stages = [_checked(stage, start) for stage in stages]
    names = [stage.name for stage in stages]
    if not stages:
        raise TrialError("There are no stages.")
    for name in names:
        if names.count(name) > 1:
            raise TrialError(f"Two stages are named {name!r}.")
    total = sum(len(stage.combinations) for stage in stages)
    with Engine(trial, start, journal, total, seeds, shared, jobs, backend, cpus, gpus,
                 progress, retry_failed) as engine:
        settings, rows, winners = engine.start, [], {}
        for stage in stages:
            found = _run(engine, stage, [settings | chosen for chosen in stage.combinations])
            rows += found
            winners[stage.name] = _winner(stage, found, engine.journal)
            settings = settings | winners[stage.name]
        return _result(engine, stages, rows, winners)


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
        TrialError: As `greedy_search`; or a budget below 1.
    """
    import numpy as np

    if budget < 1:
        raise TrialError(f"budget={budget}: it must be at least 1.")
    stage = _checked(Stage("Random", space, metric, pick), start)
    generator, drawn = np.random.default_rng(draw_seed), {}
    size = math.prod(len(values) for values in stage.grid.values())
    while len(drawn) < min(budget, size):
        drawn.setdefault(tuple(int(generator.integers(len(values))) for values in stage.grid.values()))
    chosen = [{name: values[place] for (name, values), place in zip(stage.grid.items(), places)}
              for places in drawn]
    return _one_stage(trial, stage, chosen, start, journal, options)


def _one_stage(trial, stage, chosen, start, journal, options):
    with Engine(trial, start, journal, len(chosen), **options) as engine:
        rows = _run(engine, stage, [engine.start | combination for combination in chosen])
        return _result(engine, [stage], rows, {stage.name: _winner(stage, rows, engine.journal)})


def _run(engine, stage, asked):
    return engine.run(stage.name, asked, tuple(stage.grid), stage.metric)


def _result(engine, stages, rows, winners):
    varied = dict.fromkeys(name for stage in stages for name in stage.grid)
    return SearchResult(stages, engine.start, as_table(rows, varied), winners, len(engine.asked), engine.ran)


# --- before a trial runs -----------------------------------------------------------------------


def _checked(stage, start):
    """The stage with its values as plain Python and JSON know them."""
    if not stage.grid:
        raise TrialError(f"Stage {stage.name!r} has no settings to try.")
    if not (callable(stage.pick) or stage.pick in ("max", "min")):
        raise TrialError(f"Stage {stage.name!r}: pick is {stage.pick!r}; it must be 'max', 'min' or "
                          "a function.")
    grid = {}
    for name, values in stage.grid.items():
        where = f"Stage {stage.name!r}, setting {name!r}"
        if name in COLUMNS:  # which the setting would replace, the trials' own seeds with it
            raise TrialError(f"{where}: the result's table has a column of this name; give the setting another one.")
        if name not in start:
            raise TrialError(f"{where}: the start has no such setting; it has {', '.join(start)}.")
        if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__getitem__"):
            raise TrialError(f"{where}: {values!r} is no list of values.")
        if len(values) == 0:
            raise TrialError(f"{where}: the grid is empty; give a list of at least one value.")
        # A range may be too long to write out; its values are all of one kind.
        grid[name] = values if isinstance(values, range) else [plain(value, where) for value in values]
        example = plain(start[name], f"start, setting {name!r}")
        for value in grid[name][:1] if isinstance(values, range) else grid[name]:
            if not _same_type(value, example):
                raise TrialError(f"{where}: {value!r} is a {type(value).__name__}, and the start has "
                                  f"{example!r}, a {type(example).__name__}.")
    return replace(stage, grid=grid)


def _same_type(value, example):
    if value is None or example is None or type(value) is type(example):
        return True
    numbers = (int, float)
    return type(value) in numbers and type(example) in numbers  # a bool is no number here


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
        raise TrialError(f"Stage {stage.name!r}: no combination finished with every seed: {told}. Once the "
                          "cause is mended, retry_failed=True tries them again.")
    means = [{metric: sum(row["metrics"].get(metric, math.nan) for row in group) / len(group)
              for metric in group[0]["metrics"]} for _, group in whole]
    if callable(stage.pick):
        import pandas as pd

        table = pd.DataFrame([chosen | mean for (chosen, _), mean in zip(whole, means)])
        number = int(stage.pick(table))
        if not 0 <= number < len(whole):
            raise TrialError(f"Stage {stage.name!r}: pick returned {number}; there are {len(whole)} "
                              "rows, counted from 0.")
    else:
        pick = max if stage.pick == "max" else min
        number = pick(range(len(whole)), key=lambda place: means[place][stage.metric])
    return whole[number][0]
