"""The papers' values beside what runs measured, as numbers: which run speaks for a lesson, and the rows."""

from collections import Counter
from dataclasses import asdict, dataclass, replace

from fashion_tf.classroom.course import PROFILES, REHEARSAL
from fashion_tf.classroom.report.runs import read_runs
from fashion_tf.classroom.report.text import is_number, several, tidy
from fashion_tf.classroom.results import FAILED, NOT_RUN, PASSED
from fashion_tf.errors import RunError

COMPARED = tuple(profile for profile in PROFILES if profile != REHEARSAL)  # from drawn data to the paper's
SCHEMA = 1  # of the report as JSON
STATUSES = ((FAILED, "failed"), (NOT_RUN, "did not run"))


@dataclass(frozen=True)
class Chosen:
    """The run that speaks for a lesson in one profile, and its result there."""

    run: object
    result: object

    @property
    def drawn(self):
        return self.run.is_drawn(self.result)

    def values(self):
        return {name: entry["value"] for name, entry in self.result.records.items()}


@dataclass(frozen=True)
class ComparedRow:
    """A row of a paper's table beside runs: `here` and `baseline` map a profile to what was measured there
    (only those profiles in which it was)."""

    lesson: object
    table: object
    row: object
    here: dict
    baseline: dict


class Comparison:
    """What several runs of one course say beside its papers.

    Attributes:
        course: The `fashion_tf.classroom.course.Course`.
        runs: The runs that are compared, the newest last. One that was given twice, as its folder and as the results
            file that was published of it, stands there once; no two are called alike.
        rehearsals: Runs that are left out: a rehearsal shows that settings run, and measures nothing.
        profiles: The profiles of the runs, in the order of `COMPARED`.
        chosen: (profile, lesson id) -> `Chosen`: the newest run in which the lesson ran.
        folder: That of the run that was named first; None where that is a results file alone.
    """

    def __init__(self, runs, course):
        self.course = course
        self.folder = runs[0].folder if runs else None
        runs = _named_apart(_each_once(runs))
        self.rehearsals = [run for run in runs if run.profile == REHEARSAL]
        self.runs = sorted((run for run in runs if run.profile != REHEARSAL), key=lambda run: run.started)
        found = {run.profile for run in self.runs}
        self.profiles = [profile for profile in COMPARED if profile in found]
        self.chosen = {}
        for ran in (False, True):  # a lesson that did not run speaks only where it never ran
            for run in self.runs:
                for result in run.results.values():
                    if (result.status != NOT_RUN) == ran:
                        self.chosen[run.profile, result.lesson] = Chosen(run, result)

    def lessons(self):
        """The lessons that stand in some run, in the course's order."""
        known = {lesson for _, lesson in self.chosen}
        return [lesson for lesson in self.course.lessons if lesson.id in known]

    def of(self, lesson):
        """Profile to `Chosen`, for one lesson, in the profiles' order."""
        return {profile: self.chosen[profile, lesson.id] for profile in self.profiles
                if (profile, lesson.id) in self.chosen}

    def speaks_for(self, run):
        """The lessons for which this run speaks."""
        return [lesson for (_, lesson), chosen in sorted(self.chosen.items()) if chosen.run is run]

    def counts(self, profile):
        """status -> number of lessons, in one profile."""
        statuses = [chosen.result.status for (name, _), chosen in self.chosen.items() if name == profile]
        return {status: statuses.count(status) for status in (PASSED, FAILED, NOT_RUN)}

    def rows(self):
        """Every row of every table whose lesson stands in some run, as `ComparedRow`."""
        return [self.row(lesson, table, row) for lesson in self.lessons() for table in lesson.tables
                for row in table.rows]

    def row(self, lesson, table, row):
        here, baseline = {}, {}
        for profile, chosen in self.of(lesson).items():
            values = chosen.values()
            try:
                here[profile] = row.value_among(values)
            except KeyError:
                continue
            promise, measured = lesson.records[row.record], values.get(table.baseline)
            if promise.kind != "baseline" and row.metric == "share" and is_number(measured):
                # One for all rows of the table: the best that answers without looking, by this run or by the course.
                promised = [lesson.records[one.record].baseline for one in table.rows if one.metric == "share"]
                baseline[profile] = max([measured, *(value for value in promised if value is not None)])
            elif promise.baseline is not None:
                baseline[profile] = promise.baseline
        return ComparedRow(lesson, table, row, here, baseline)


def _each_once(runs):
    """The runs without those of which another one has all that was measured; of these, a folder, which has figures."""
    once = []
    for run in sorted(runs, key=lambda run: run.folder is None):
        if not any(run.measured() == other.measured() for other in once):
            once.append(run)
    return [run for run in runs if any(run is one for one in once)]


def _named_apart(runs):
    """The runs, of those that are called alike the second as "name (2)"."""
    taken, named = {run.name for run in runs}, Counter()
    for place, run in enumerate(runs):
        named[run.name] += 1
        if named[run.name] > 1:
            numbers = range(named[run.name], len(runs) + 2)
            name = next(name for number in numbers if (name := f"{run.name} ({number})") not in taken)
            taken.add(name)
            runs[place] = replace(run, name=name)
    return runs


def compare(paths, course):
    """Reads runs and sets them beside the papers.

    Args:
        paths: As `fashion_tf.classroom.report.runs.read_runs` takes them.
        course: The `fashion_tf.classroom.course.Course` that they ran.

    Returns:
        A `Comparison`.

    Raises:
        RunError: A run cannot be read, or all of them are rehearsals.
        RecordError: A value in a results file cannot be a record.
    """
    comparison = Comparison(read_runs(paths, course), course)
    if comparison.rehearsals and not comparison.runs:
        raise RunError(f"{comparison.rehearsals[0].path}: a rehearsal shows that the paper's settings run; what it "
                       "measures means nothing, and is not reported.")
    return comparison


def as_json(comparison):
    """The comparison as plain JSON values, for machines.

    Returns:
        ``{"schema": 1, "runs": [...], "left_out": [...], "papers": [...], "lessons": [...]}``:

        * a run: ``name, profile, fashion_tf, started`` (ISO 8601), ``seconds, data, machine, versions``
          (package to a list of versions), ``lessons`` (ids for which it is the newest);
        * ``left_out``: the names of rehearsals, which measure nothing;
        * a paper: ``id, title, authors, tables``; a table: ``lesson, title, where, sides`` (two names, or
          none) and ``rows``; a row: ``row`` (one text, or two where the table has sides), ``paper`` (a number or
          null), ``here`` and ``baseline`` (profile to value), ``published`` (a list of ``value, source,
          protocol``);
        * a lesson: ``id, title, results``: profile to ``run, status, reasons, seconds, seed, parameters,
          records`` (name to value).
    """
    course = comparison.course
    return {
        "schema": SCHEMA,
        "runs": [{"name": run.name, "profile": run.profile, "fashion_tf": run.version,
                  "started": run.started.isoformat(), "seconds": run.seconds, "data": run.data,
                  "machine": run.machine, "versions": run.versions(), "lessons": comparison.speaks_for(run)}
                 for run in comparison.runs],
        "left_out": [run.name for run in comparison.rehearsals],
        "papers": [{"id": name, **paper, "tables": [
            _table_as_json(comparison, lesson, table) for lesson in comparison.lessons() if lesson.paper == name
            for table in lesson.tables]} for name, paper in course.papers.items()],
        "lessons": [{"id": lesson.id, "title": lesson.title, "results": {
            profile: {"run": chosen.run.name, "records": chosen.values(),
                      **{field: part for field, part in asdict(chosen.result).items()
                         if field in ("status", "reasons", "seconds", "seed", "parameters")}}
            for profile, chosen in comparison.of(lesson).items()}} for lesson in comparison.lessons()],
    }


def _table_as_json(comparison, lesson, table):
    rows = []
    for row in table.rows:
        compared = comparison.row(lesson, table, row)
        rows.append({"row": list(row.sides) if table.sides else row.row, "paper": row.paper, "here": compared.here,
                     "baseline": compared.baseline,
                     "published": [{"value": value, "source": source.source, "protocol": source.protocol}
                                   for source, value in row.published]})
    return {"lesson": lesson.id, "title": table.title, "where": table.where, "sides": list(table.sides), "rows": rows}


def left_out_sentence(comparison):
    """What is said of rehearsals among the runs; None where there is none."""
    if not comparison.rehearsals:
        return None
    names = [tidy(run.name, 60) for run in comparison.rehearsals]
    return (f"Left out: {several(names, 'rehearsal')}, which shows that the paper's settings run, and whose figures "
            "mean nothing.")
