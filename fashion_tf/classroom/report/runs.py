"""Runs as a report reads them: folders that a run wrote, and results.json of others, each field checked.

They may come from anybody: nothing is run, and every text in them is data.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import fashion_tf
from fashion_tf.classroom.course import PROFILES
from fashion_tf.classroom.report.text import is_number, moment, tidy
from fashion_tf.classroom.results import FAILED, NOT_RUN, PASSED, RESULTS, LessonResult, read_results
from fashion_tf.errors import RecordError, RunError
from fashion_tf.files import json_value

MAXIMUM_RUNS = 1000  # files of a folder of runs


@dataclass(frozen=True)
class Run:
    """One run: what results.json says.

    Attributes:
        name: The folder's name, or the file's without its ending.
        path: That folder or file.
        folder: Where its executed notebooks are; None for a file alone.
        profile: One of `fashion_tf.classroom.course.PROFILES`.
        version: Of fashion_tf.
        started: When it began, last of all where it was resumed.
        seconds: How long it took.
        data: ``"sample"``, a folder's name, or None.
        machine: ``python``, ``system``, ``cores``, ``gpus``, as far as they are known.
        results: Lesson id to `LessonResult`.
    """

    name: str
    path: Path
    folder: Path | None
    profile: str
    version: str
    started: datetime
    seconds: float
    data: str | None
    machine: dict
    results: dict[str, LessonResult]

    def data_of(self, result):
        """What a lesson of this run read: ``"sample"``, a folder's name, or None."""
        return result.parameters.get("DATA", self.data)

    def is_drawn(self, result):
        """Whether a lesson ran on drawn data."""
        return result.status != NOT_RUN and str(self.data_of(result)).partition(":")[0] == "sample"

    def measured(self):
        """What tells it from another run, wherever its results lie."""
        return (self.profile, self.version, self.started, self.seconds, self.data, self.machine,
                self.results)

    def ran(self):
        """The results of those lessons that ran."""
        return [result for result in self.results.values() if result.status != NOT_RUN]

    def versions(self):
        """Package to its versions; more than one where a run was resumed after an upgrade."""
        found = {}
        for result in self.results.values():
            for entry in result.records.values():
                for package, version in entry.get("versions", {}).items():
                    found.setdefault(tidy(package, 60), {})[tidy(version, 60)] = None
        found.setdefault("fashion_tf", {})[tidy(self.version, 60)] = None
        python = tidy(self.machine.get("python", "unknown"), 60)
        return {"Python": [python], **{package: list(each) for package, each in found.items()}}


def read_runs(paths, course):
    """The runs of these folders and files, in this order.

    Args:
        paths: Folders that `fashion_tf.classroom.runner.run_course` wrote, results files, and folders of
            results files (each file that ends in .json).
        course: The `fashion_tf.classroom.course.Course` that they ran.

    Raises:
        RunError: One is absent or damaged; the message names the file and the field.
        RecordError: A value cannot be a record (names the record).
    """
    runs = []
    for path in map(Path, paths):
        files = []
        if path.is_dir() and not (path / RESULTS).exists() and not (path / RESULTS).is_symlink():
            files = results_files(path)
            if len(files) > MAXIMUM_RUNS:
                raise RunError(f"{path}: {len(files):,} runs; above {MAXIMUM_RUNS:,} they are not read.")
        runs += [read_run(file, course) for file in files or [path]]
    return runs


def results_files(folder):
    """The results files of a folder, without what systems leave beside a user's (macOS: ._ada.json)."""
    return sorted(folder.glob("[!.]*.json"))


def read_run(path, course):
    """One run, of a folder or of a results file. Raises as `read_runs` does."""
    path = Path(path)
    is_file = path.is_file() or path.is_symlink() and not path.is_dir()
    file = path if is_file else path / RESULTS
    try:
        content, results = read_results(path)
        known = [lesson.id for lesson in course.lessons]
        if content.get("fashion_tf") != fashion_tf.__version__:  # of a release with other lessons
            results = [result for result in results if result.lesson in known]
        _check_fields(content, results, file, known)
    except OSError as error:
        raise RunError(f"{file}: cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise RunError(f"{file}: damaged (nested too deeply).") from None
    return Run(tidy(path.stem if is_file else path.resolve().name, 60), path, None if is_file else path,
               content["profile"], content["fashion_tf"], moment(content["started"]), content["seconds"],
               content["data"], content["machine"], {result.lesson: result for result in results})


def _check_fields(content, results, path, known):
    def check(good, field, value, expected):
        if not good:
            raise RunError(f"{path}: {field} is {tidy(repr(value), 100)}; expected {expected}. "
                           "Run the lessons again without --resume.")

    def is_duration(value):
        return is_number(value) and value >= 0

    def is_finite(value):  # else what is said of it to machines is no JSON
        try:
            json_value(value)
        except ValueError:
            return False
        return True

    for field in ("fashion_tf", "profile", "started", "seconds", "machine", "data"):
        if field not in content:
            raise RunError(f"{path}: the field {field!r} is missing. Run the lessons again.")
    check(content["profile"] in PROFILES, "profile", content["profile"], ", ".join(PROFILES))
    for field in ("fashion_tf", "started"):
        check(isinstance(content[field], str), field, content[field], "text")
    check(isinstance(content["data"], (str, type(None))), "data", content["data"], "text")
    check(is_duration(content["seconds"]), "seconds", content["seconds"], "seconds")
    machine = content["machine"]
    check(isinstance(machine, dict), "machine", machine, "named fields")
    check(is_finite(machine), "machine", machine, "finite numbers")
    gpus = machine.get("gpus", [])
    check(isinstance(gpus, list) and all(isinstance(gpu, str) for gpu in gpus), "machine: gpus", gpus, "names")
    check(moment(content["started"]) is not None, "started", content["started"], "a date and time")

    seen = set()
    for number, result in enumerate(results, 1):
        here = f"lesson {number} of the list: "
        check(isinstance(result.lesson, str) and result.lesson in known, here + "lesson", result.lesson,
              f"one of course.yml's, {', '.join(known)}")
        check(result.lesson not in seen, here + "lesson", result.lesson, "each lesson once")
        seen.add(result.lesson)
        here = f"lesson {result.lesson}: "
        check(result.status in (PASSED, FAILED, NOT_RUN), here + "status", result.status,
              f"{PASSED}, {FAILED} or {NOT_RUN}")
        check(isinstance(result.reasons, list) and all(isinstance(r, str) for r in result.reasons),
              here + "reasons", result.reasons, "a list of texts")
        check(is_duration(result.seconds), here + "seconds", result.seconds, "seconds")
        check(isinstance(result.parameters, dict), here + "parameters", result.parameters,
              "named fields")
        for field, value in (("parameters", result.parameters), ("seed", result.seed)):
            check(is_finite(value), here + field, value, "finite numbers")
        check(isinstance(result.state, str), here + "state", result.state, "text")
        # A name alone, no path: the report reads nothing outside the run's folder.
        check(result.executed is None or (isinstance(result.executed, str) and re.fullmatch(
            r"\w[\w.-]*\.ipynb", result.executed)), here + "executed", result.executed,
            "an .ipynb file's name")
        check(isinstance(result.records, dict), here + "records", result.records, "named records")
        for name, entry in result.records.items():
            field = f"{here}record {tidy(name, 100)}"
            check(isinstance(entry, dict) and "value" in entry, field, entry, "a value")
            check(isinstance(entry.get("versions", {}), dict), f"{field}: versions",
                  entry.get("versions"), "named versions")
            try:
                json_value(entry["value"])
            except ValueError as error:
                raise RecordError(f"{path}: lesson {result.lesson}: record {tidy(name, 100)}: "
                                  f"{tidy(error)}") from None
