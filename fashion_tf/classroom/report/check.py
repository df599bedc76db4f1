"""What a run must be to stand among the published ones: of a released lesson, and within what a metric can be."""

import math
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fashion_tf
from fashion_tf.classroom.course import REHEARSAL
from fashion_tf.classroom.lint.cells import MACHINE_PATH
from fashion_tf.classroom.notebooks import parse_json
from fashion_tf.classroom.report.runs import read_run
from fashion_tf.classroom.report.text import format_value, is_number, tidy
from fashion_tf.classroom.results import FAILED, PASSED
from fashion_tf.classroom.states import recorded_form, state_of_course
from fashion_tf.classroom.tables import METRICS
from fashion_tf.errors import RunError
from fashion_tf.files import read_whole

RELEASES = Path("docs", "releases.json")
MAXIMUM_RELEASES_BYTES = 10 * 1024 * 1024
MAXIMUM_PUBLISHED_BYTES = 2 * 1024 * 1024
OVERLAP_TOLERANCE = 1e-3  # of Dice = 2 IoU / (1 + IoU), for numbers that somebody rounded


def check_run(path, course, new=True):
    """What speaks against publishing a run.

    Args:
        path: Its results file, ``docs/runs/NAME.json``.
        course: The `fashion_tf.classroom.course.Course`.
        new: Whether it is to be published now. One that was published stays, whatever becomes of the
            lessons: it is not held against the state in which they are today.

    Returns:
        A list of sentences, each beginning with the file; empty where it is in order.

    Raises:
        RunError, RecordError: It cannot be read, or is damaged. Names the file and the field.
    """
    path = Path(path)
    try:
        read_whole(path, MAXIMUM_PUBLISHED_BYTES, links=False)
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}; give a run's results.json.") from None
    except ValueError as error:
        raise RunError(f"{path}: {error}.") from None
    run, released = read_run(path, course), released_states(course) if new else {}
    problems = list(_of_run(run))
    for result in run.ran():
        lesson = course.lesson(result.lesson)
        found = [*_of_result(run, result), *_of_records(lesson, result)]
        found += _of_state(run, lesson, result, course, released) if new else []
        problems += [f"lesson {result.lesson}: {problem}" for problem in found]
    return [f"{path}: {problem}." for problem in problems]


def released_states(course):
    """docs/releases.json: version -> lesson -> profile -> the states in which it was released or published.

    Raises:
        RunError: The file is damaged.
    """
    path = course.root / RELEASES
    try:
        return parse_json(read_whole(path, MAXIMUM_RELEASES_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RunError(f"{path}: damaged ({error}).") from None


def _of_run(run):
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,59}\.json", run.path.name):
        yield "the file's name is made of lower case letters, digits, dots and hyphens, and ends in .json"
    if run.profile == REHEARSAL:
        yield "a rehearsal measures nothing"
    elif not run.ran():
        yield "no lesson ran"
    if run.started > datetime.now(UTC) + timedelta(days=1):
        yield f"it began on {run.started:%Y-%m-%d}, which is yet to come"
    for text in _texts([run.data, run.machine, [asdict(result) for result in run.results.values()]]):
        if found := MACHINE_PATH.search(text):
            yield f"it names {tidy(found[0], 60)!r}, a place on your machine; write what it stands for"


def _of_result(run, result):
    if run.is_drawn(result) and run.profile != "sample":
        yield f"it ran on drawn data, and {run.profile} asks for photographs"
    if result.status == PASSED and result.reasons:
        yield "it passed, and has reasons for which it failed"
    if result.status == FAILED and not result.reasons:
        yield "it failed, and does not say why"


def _of_state(run, lesson, result, course, released):
    """Whether the lesson was run as a release has it: its code, its parameters, its promises."""
    known = released.get(run.version, {}).get(lesson.id, {}).get(run.profile, [])
    is_current = run.version == fashion_tf.__version__
    if result.state and (result.state in known or is_current
                         and result.state == state_of_course(course, lesson, run.profile)):
        return
    if not result.state:
        yield "it does not say in which state the lesson was; run it with this release"
        return
    if not known and not is_current:
        yield f"version {tidy(run.version, 20)} is no release that this one knows; run it with this one"
        return
    given, wanted = result.parameters, lesson.profiles[run.profile].parameters
    others = [f"{tidy(name, 40)} is {tidy(repr(given.get(name)), 40)}, not {tidy(repr(recorded_form(value)), 40)}"
              for name, value in wanted.items() if name != "DATA" and given.get(name) != recorded_form(value)]
    others += [f"{tidy(name, 40)} was set" for name in given if name != "DATA" and name not in wanted]
    if others and is_current:
        yield f"its parameters are not those of {run.profile}: {'; '.join(others)}"
    else:
        yield (f"its notebook, parameters or promises are not those of version {tidy(run.version, 20)}; run it "
               "unchanged, with nothing set")


def _of_records(lesson, result):
    metrics = {(row.record, row.entry): row.metric for table in lesson.tables for row in table.rows if row.entry}
    for name, entry in result.records.items():
        promise, value = lesson.records.get(name), entry["value"]
        if promise is None:  # of an earlier state of the lesson, which the state tells
            continue
        if promise.kind != "description" and not is_number(value):
            yield f"record {name} is {format_value(value)}, no number"
            continue
        yield from _out_of_bounds(name, value, promise.metric, metrics)
        yield from (f"record {name}: {problem}" for problem in _impossible_overlaps(value))


def _out_of_bounds(name, value, metric, metrics, entry=None):
    metric = metrics.get((name, entry), metric)
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _out_of_bounds(name, part, metric, metrics, entry or key)
    elif isinstance(value, list):
        for part in value:
            yield from _out_of_bounds(name, part, metric, metrics, entry)
    elif metric is not None and value is not None:
        where = f"record {name}" + (f", {tidy(entry, 60)}," if entry else "")
        low, high = METRICS[metric]
        if not is_number(value):
            yield f"{where} is {format_value(value)}, no number"
        elif not low - 1e-9 <= value <= high + 1e-9:
            bounds = f"{low:g} to {high:g}" if math.isfinite(low + high) else (
                f"{low:g} or more" if math.isfinite(low) else f"at most {high:g}")
            yield f"{where} is {format_value(value)}; a number of the kind {metric} is {bounds}"


def _impossible_overlaps(value):
    """IoU and Dice of one pair of masks determine each other."""
    if not isinstance(value, dict):
        return
    for key, overlap in value.items():
        yield from _impossible_overlaps(overlap)
        stem = key[:-3] if key.lower().endswith("iou") else None
        dice = None if stem is None else next((value[stem + word] for word in ("dice", "Dice") if stem + word in value),
                                              None)
        if is_number(overlap) and is_number(dice) and overlap > -1:
            if abs(dice - 2 * overlap / (1 + overlap)) > OVERLAP_TOLERANCE:
                yield (f"IoU {format_value(overlap)} and Dice {format_value(dice)} cannot be of the same masks "
                       "(Dice = 2 IoU / (1 + IoU))")


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
