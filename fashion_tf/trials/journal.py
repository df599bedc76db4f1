"""The journal of trials: one JSON line for what they have in common, then one for each trial that ended.

Only ever appended to, so that whatever ends a search or a cross-validation, power cut included, costs no trial
that ended.
"""

import codecs
import json
import math
import os
import time
from contextlib import ExitStack
from pathlib import Path

from fashion_tf.errors import TrialError
from fashion_tf.files import locked, versions

FINISHED, DIVERGED, CRASHED = "finished", "diverged", "crashed"
MARK = b'{"journal": '  # how every journal begins


def make_record(settings, seed, status, message="", metrics=None, seconds=0.0, details=None):
    """A journal's line for one trial, as a dict. JSON knows no infinity: a metric that is not finite is null.
    `details` are plain JSON values of the trial's own; a line has them where there are some."""
    record = {"settings": settings, "seed": seed, "status": status, "message": message,
            "metrics": {name: value if math.isfinite(value) else None
                        for name, value in (metrics or {}).items()},
            "seconds": round(seconds, 3), "versions": versions(),
            "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    return record | {"details": details} if details else record


def trial_key(settings, seed):
    """What makes two trials the same one: settings and seed; 10 and 10.0 are one value."""
    return json.dumps([{name: float(value) if type(value) is int and abs(value) < 2**53 else value
                        for name, value in sorted(settings.items())}, seed])


class Journal:
    """The trials that ended, in memory and in a file.

    Args:
        path: The file; made if it is absent.
        trial: Name of the trial's function.
        data: What stands for the data that the trials share.
        start: The settings that all trials begin with, plain JSON values.

    Attributes:
        records: `trial_key` to the record; of several lines for one trial, the last counts.
        lines: `trial_key` to the number of that line in the file.
    """

    def __init__(self, path, trial, data, start):
        self.path, self.records, self.lines = Path(path), {}, {}
        self.header = {"journal": 1, "trial": trial, "data": data, "start": start}

    def open(self):
        """Reads what is there, and keeps the file for these trials alone.

        Raises:
            TrialError: It cannot be opened, is in use, is no journal, is damaged, or belongs to
                other trials.
        """
        with ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = stack.enter_context(open(self.path, "a+b"))
                place = self.path.resolve()
                stack.enter_context(locked(place.with_name(f".{place.name}.lock"),
                                           f"{self.path}: this journal", TrialError))
                self.file.seek(0)
                content = self.file.read()
            except OSError as error:
                state = "a folder stands" if self.path.is_dir() else f"no file can be written ({error.strerror})"
                raise TrialError(f"{self.path}: {state} where the journal should be; choose another "
                                  "file.") from None
            self._read(content)
            self.closing = stack.pop_all()

    def append(self, record):
        self._write(record)
        self._keep(record, self.end)

    def close(self):
        self.closing.close()

    def _keep(self, record, line):
        key = trial_key(record["settings"], record["seed"])
        self.records[key], self.lines[key] = record, line

    def _write(self, entry):
        # One write and a sync: after a power cut at most the last line is cut off.
        self._write_bytes(json.dumps(entry).encode() + b"\n")
        self.end += 1

    def _write_bytes(self, content):
        self.file.write(content)
        self.file.flush()
        os.fsync(self.file.fileno())

    def _read(self, content):
        """Reads what may have gone through an editor, too: its byte-order mark, its line ends, empty lines,
        a last line without an end."""
        *lines, last = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
        lines = {number: line for number, line in enumerate(lines, 1) if line.strip()}
        self.end = content.count(b"\n")
        if last and _is_whole(last):
            lines[self.end + 1] = last
        first = min(lines, default=None)
        # Nothing is changed in a file before it is sure to be a journal.
        if first:
            self._compare(self._parsed(lines[first]))
        elif self.end or not last.startswith(MARK[:len(last)]):
            raise self._foreign()
        for number, line in lines.items():
            if number == first:
                continue
            try:
                self._keep(_checked(json.loads(line)), number)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise TrialError(
                    f"{self.path}, line {number}: this is no line of a journal ({error}). Remove the "
                    "line, and its trial runs again; or choose another file.") from None
        if self.end + 1 in lines:
            self._write_bytes(b"\n")
            self.end += 1
        elif last:
            print(f"{self.path}: the last line is cut off; it is dropped and its trial runs again.")
            self.file.truncate(len(content) - len(last))
        if not first:
            self._write(self.header)

    def _parsed(self, line):
        try:
            header = json.loads(line)
            if header["journal"] != 1 or not isinstance(header["start"], dict):
                raise ValueError
            return {name: header[name] for name in self.header}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._foreign() from None

    def _foreign(self):
        return TrialError(f"{self.path}: this file is no journal of trials; choose another one.")

    def _compare(self, header):
        changes = [f"the {name} ({header[name]} there, {self.header[name]} now)"
                   for name in ("trial", "data") if header[name] != self.header[name]]
        was, now = header["start"], self.header["start"]
        changes += [f"the start's {name} ({_shown(was, name)} there, {_shown(now, name)} now)"
                    for name in {**was, **now} if _part(was, name) != _part(now, name)]
        if changes:
            raise TrialError(f"{self.path}: this journal belongs to other trials. It differs in "
                              + ", ".join(changes) + ". Choose another file, or the old settings.")


def _is_whole(line):
    """Whether a line without its end is all there: of a JSON object no part is one."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _shown(start, name):
    return repr(start[name]) if name in start else "absent"


def _part(start, name):
    return trial_key({name: start[name]}, 0) if name in start else None


def _checked(entry):
    """A trial's line; raises one of several errors where it is none."""
    if entry["status"] not in (FINISHED, DIVERGED, CRASHED):
        raise ValueError(f"status {entry['status']!r}")
    for name, kind in (("settings", dict), ("seed", int), ("message", str), ("metrics", dict),
                       ("seconds", (int, float))):
        if not isinstance(entry[name], kind):
            raise TypeError(f"{name} is {entry[name]!r}")
    for name, value in entry["metrics"].items():
        if value is not None and not isinstance(value, (int, float)):
            raise TypeError(f"the metric {name} is {value!r}")
    if not isinstance(entry.get("details", {}), dict):
        raise TypeError("details are no object")
    return entry
