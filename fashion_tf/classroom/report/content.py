"""What stands in the report, in words: plain lists, dicts and texts, which every format shows alike.

A table is ``{"columns": [(name, kind)], "rows": [[text]], "group": n}``; the kind (text, number or verdict)
says how a column looks; of each n rows the first names all of them in its first cell.
"""

from functools import lru_cache

from fashion_tf.classroom.report.comparison import STATUSES, left_out_sentence
from fashion_tf.classroom.report.figures import key_figures
from fashion_tf.classroom.report.text import NONE, difference, duration, format_value, is_number, several, tidy
from fashion_tf.classroom.results import FAILED, NOT_RUN, PASSED
from fashion_tf.terminal import count_of

TITLE = "What the papers say, and what was measured"
SAMPLE_MEANS = "these figures show that the code runs, not that the paper is right"
PROFILE_NAMES = {"sample": "sample data", "real": "real data", "paper": "paper's settings"}


@lru_cache(maxsize=1)  # each format asks for it
def build(comparison):
    """The report's content, as both pages show it.

    Args:
        comparison: A `fashion_tf.classroom.report.comparison.Comparison`.
    """
    course, lessons = comparison.course, comparison.lessons()
    taught = {lesson.paper for lesson in course.lessons}
    return {
        "title": TITLE,
        "headline": _headline(comparison),
        "facts": _facts(comparison) if len(comparison.runs) == 1 else [],
        "runs": _runs(comparison) if len(comparison.runs) > 1 else None,
        "notes": [note for note in (_sample_note(comparison), left_out_sentence(comparison)) if note],
        "papers": [_paper(comparison, name, paper) for name, paper in course.papers.items() if name in taught],
        "not_yet": [tidy(paper["title"]) for name, paper in course.papers.items() if name not in taught],
        "lessons": [_lesson(comparison, lesson) for lesson in lessons],
    }


def _headline(comparison):
    if not comparison.runs:
        return "No run yet"
    told = []
    for profile in comparison.profiles:
        counts = comparison.counts(profile)
        others = [f"; {counts[status]} {word}" for status, word in STATUSES if counts[status]]
        name = f"{PROFILE_NAMES[profile]}: " if len(comparison.profiles) > 1 else ""
        told.append(f"{name}{counts[PASSED]} of {count_of(sum(counts.values()), 'lesson')} passed" + "".join(others))
    return ". ".join(f"{one[0].upper()}{one[1:]}" for one in told)


# --- the runs ----------------------------------------------------------------------------------


def _facts(comparison):
    """One run's facts, as (name, fact)."""
    run, = comparison.runs
    return [("Profile", run.profile), ("Data", _data(run)),
            ("Lessons", f"{len(run.results)} of the {len(comparison.course.lessons)} in the course"),
            ("When", f"{_when(run)}, {duration(run.seconds)}"), ("Machine", _machine(run)),
            ("Seeds", _seeds(run)), ("Versions", _versions(run))]


def _runs(comparison):
    """Several runs' facts, the newest first."""
    rows = []
    for run in reversed(comparison.runs):
        newest = comparison.speaks_for(run)
        older = [lesson for lesson in run.results if lesson not in newest]
        told = [f"newest for {several(newest)}"] if newest else []
        told += [f"a newer run has {several(sorted(older))}"] if older else []
        rows.append([tidy(run.name, 60), PROFILE_NAMES[run.profile], _when(run), _data(run), _machine(run),
                     "; ".join(told) or "no lessons"])
    columns = ("run", "profile", "date", "data", "machine", "lessons")
    return {"columns": [(name, "text") for name in columns], "rows": rows, "group": 1,
            "notes": _by_run("Versions", _versions, comparison) + _by_run("Seeds", _seeds, comparison)}


def _by_run(what, tell, comparison):
    """A sentence for each different thing that is told of runs, and of which it is."""
    told = {}
    for run in reversed(comparison.runs):
        told.setdefault(tell(run), []).append(tidy(run.name, 60))
    return [f"{what}{' of ' + ', '.join(names) if len(told) > 1 else ''}: {text}." for text, names in told.items()]


def _when(run):
    return f"{run.started:%Y-%m-%d %H:%M} UTC"


def _data(run):
    told = dict.fromkeys(_data_in_words(run.data_of(result)) for result in run.ran())
    return "; ".join(told or [_data_in_words(run.data)])


def _data_in_words(name):
    if name in (None, "sample"):
        return "sample (drawn)" if name else "no folder given"
    return f"folder {tidy(name).rstrip('/')}"


def _machine(run):
    machine = run.machine
    gpus = [tidy(gpu, 60) for gpu in machine.get("gpus", [])][:8]
    told = [machine.get("system", "unknown system"), f"{machine.get('cores', 'unknown number of')} cores", *gpus]
    return tidy(", ".join(map(str, told)))


def _versions(run):
    return ", ".join(f"{package} {' and '.join(each)}" for package, each in run.versions().items())


def _seeds(run):
    seeds = {}
    for result in run.ran():
        if result.seed is not None:
            seeds.setdefault(format_value(result.seed), []).append(result.lesson)
    if len(seeds) == 1:
        return f"SEED {next(iter(seeds))} in every lesson that has one"
    return "; ".join(f"SEED {seed} in {several(sorted(lessons))}" for seed, lessons in seeds.items()) or "not recorded"


def _sample_note(comparison):
    drawn = {lesson for (_, lesson), chosen in comparison.chosen.items() if chosen.drawn}
    if not drawn:
        return None
    ran = {lesson for (_, lesson), chosen in comparison.chosen.items() if chosen.result.status != NOT_RUN}
    where = "" if drawn == ran or len(comparison.profiles) > 1 else f" in {several(sorted(drawn))}"
    return f"Sample data{where}: {SAMPLE_MEANS}."


# --- the papers' tables ------------------------------------------------------------------------


def _paper(comparison, name, paper):
    known = comparison.lessons()
    lessons = [lesson for lesson in comparison.course.lessons if lesson.paper == name]
    left_out = [lesson.id for lesson in lessons if lesson not in known]
    runs = "this run" if len(comparison.runs) == 1 else "these runs"
    return {
        "title": tidy(paper["title"]),
        "authors": tidy(paper.get("authors", "")),
        "tables": [_paper_table(comparison, lesson, table) for lesson in lessons if lesson in known
                   for table in lesson.tables],
        "left_out": f"Not in {runs}: {several(left_out)}." if left_out else None,
    }


def _paper_table(comparison, lesson, table):
    footnotes = _Footnotes()
    shown = (_grid if table.sides else _list)(comparison, lesson, table, footnotes)
    return {"title": tidy(table.title),
            "source": f"In the paper: {tidy(table.where)}. Here: lesson {lesson.id}, {tidy(lesson.title)}.",
            **shown, "notes": shown["notes"] + footnotes.told()}


class _Footnotes:
    """Letters for the sources of other people's numbers, and what is said of each below the table."""

    def __init__(self):
        self.sources = {}

    def mark(self, row):
        """Others' values of a row, each with the letter of its footnote."""
        told = []
        for source, value in row.published:
            letter = self.sources.setdefault(source, "abcdefghijklmnopqrstuvwxyz"[len(self.sources) % 26])
            told.append(f"{format_value(value)} ({letter})")
        return "; ".join(told) or NONE

    def told(self):
        return [f"({letter}) {tidy(source.source)}. {tidy(source.protocol)}" for source, letter in self.sources.items()]


def _here_names(comparison, lesson):
    """What the columns of the profiles are called."""
    return {profile: f"here: {PROFILE_NAMES[profile]}" + (" (sample data)" * (chosen.drawn and profile != "sample"))
            for profile, chosen in comparison.of(lesson).items()}


def _list(comparison, lesson, table, footnotes):
    """A table with one side: a row of the paper is a row here."""
    names, others = _here_names(comparison, lesson), any(row.published for row in table.rows)
    strongest = list(names)[-1]
    rows = []
    for row in table.rows:
        compared = comparison.row(lesson, table, row)
        less = NONE
        if row.paper is not None and is_number(compared.here.get(strongest)):
            less = difference(compared.here[strongest], row.paper)
        baseline = dict.fromkeys(format_value(value) for value in compared.baseline.values())
        rows.append([tidy(row.row), "not reported" if row.paper is None else format_value(row.paper),
                     *([footnotes.mark(row)] if others else []),
                     *(_here(compared, profile, chosen.result) for profile, chosen in comparison.of(lesson).items()),
                     less, "; ".join(baseline) or NONE])
    less = "here − paper" if len(names) == 1 else f"{PROFILE_NAMES[strongest]} − paper"
    columns = ["paper", *(["others"] if others else []), *names.values(), less, "naive baseline"]
    return {"columns": [("row", "text"), *((name, "number") for name in columns)], "rows": rows, "group": 1,
            "notes": []}


def _here(compared, profile, result):
    if profile in compared.here:
        return format_value(compared.here[profile]) + (" (the lesson failed)" if result.status == FAILED else "")
    return _not_recorded(result)


def _not_recorded(result):
    return {PASSED: "not recorded", FAILED: "not recorded: the lesson failed",
            NOT_RUN: "lesson not run"}[result.status]


def _grid(comparison, lesson, table, footnotes):
    """A table with two sides, as the paper prints it; below each of the paper's rows, what was measured."""
    left, top, cells = table.grid()
    compared = {place: comparison.row(lesson, table, row) for place, row in cells.items()}
    names = _here_names(comparison, lesson)

    def line(label, value):
        """One line of each group: label, then a text for each column."""
        return label, lambda name: [value(cells[name, column], compared[name, column]) if (name, column) in cells
                                    else NONE for column in top]

    lines = [line("paper", lambda row, _: NONE if row.paper is None else format_value(row.paper))]
    if any(row.published for row in table.rows):
        lines.append(line("others", lambda row, _: footnotes.mark(row)))
    notes = []
    for profile, chosen in comparison.of(lesson).items():
        if any(profile in one.here for one in compared.values()):
            lines.append(line(names[profile], lambda row, one, profile=profile: format_value(one.here[profile])
                              if one.here.get(profile) is not None else NONE))
            notes += [f"{names[profile]}: the lesson failed."] if chosen.result.status == FAILED else []
        else:
            notes.append(f"{names[profile]}: {_not_recorded(chosen.result)}.")
    if len(lines) > 1 and all(row.paper is None for row in table.rows):  # data that the paper did not have
        del lines[0]
    baselines = dict.fromkeys((profile, format_value(value)) for one in compared.values()
                              for profile, value in one.baseline.items())
    if baselines:
        several_values = len({value for _, value in baselines}) > 1
        notes.append("Naive baseline: " + "; ".join(dict.fromkeys(
            f"{value} ({PROFILE_NAMES[profile]})" if several_values else value for profile, value in baselines)) + ".")
    rows = [[tidy(name) if number == 0 else "", label, *values(name)]
            for name in left for number, (label, values) in enumerate(lines)]
    columns = [(tidy(" \\ ".join(table.sides)), "text"), ("", "text"), *((tidy(one), "number") for one in top)]
    return {"columns": columns, "rows": rows, "group": len(lines), "notes": notes}


# --- the lessons -------------------------------------------------------------------------------


def _lesson(comparison, lesson):
    of = comparison.of(lesson)
    names = list(dict.fromkeys([*lesson.records, *(name for chosen in of.values() for name in chosen.result.records)]))
    figures, notes = [], []
    for profile, chosen in of.items():  # the last that has pictures: nearest to the paper
        found, said = key_figures(chosen.run.folder, chosen.result)
        if found or not figures:
            figures, notes = found, said
            from_profile = profile
    if figures and len(comparison.profiles) > 1:
        figures = [{**figure, "caption": f"{figure['caption']} ({PROFILE_NAMES[from_profile]})"} for figure in figures]
    several_profiles = len(comparison.profiles) > 1
    return {
        "id": lesson.id,
        "title": tidy(lesson.title),
        "runs": [_lesson_run(profile, chosen, several_profiles) for profile, chosen in of.items()],
        "columns": [("record", "text"), ("meaning", "text"),
                    *((PROFILE_NAMES[profile] if several_profiles else "value", "number") for profile in of),
                    ("naive baseline", "number"), ("floors", "verdict")],
        "rows": [_record_row(name, lesson.records.get(name), of) for name in names],
        "group": 1,
        "figures": figures,
        "notes": [tidy(note) for note in notes],
    }


def _lesson_run(profile, chosen, several_profiles):
    result = chosen.result
    words = [PROFILE_NAMES[profile]] if several_profiles else []
    words += [] if result.status == NOT_RUN else [duration(result.seconds)]
    words += ["on sample data"] if chosen.drawn and (not several_profiles or profile != "sample") else []
    words += [f"run {tidy(chosen.run.name, 60)}"] if several_profiles else []
    return {"status": result.status, "profile": profile if several_profiles else None,
            "summary": ", ".join(words), "reasons": [tidy(one) for one in result.reasons]}


def _record_row(name, promise, of):
    values, floors = [], []
    for profile, chosen in of.items():
        known = name in chosen.result.records
        value = chosen.result.records[name]["value"] if known else None
        values.append(format_value(value) if known else _not_recorded(chosen.result))
        floor = promise.floors.get(profile) if promise else None
        if floor is not None and known:
            met = "met" if is_number(value) and value >= floor else "missed"
            floors.append(f"{format_value(floor)} ({profile}): {met}")
    baseline = promise.baseline if promise else None
    return [tidy(name, 100), tidy(promise.meaning) if promise else "not promised in course.yml", *values,
            NONE if baseline is None else format_value(baseline), "; ".join(floors) or NONE]
