"""A search's journal: one JSON line for what is searched, then one for each trial that ended.

Only ever appended to, so that whatever ends a search, power cut included, costs no trial that ended.
"""

import json
import math
import os
import time
from pathlib import Path

from fashion_tf.errors import SearchError
from fashion_tf.files import versions

FINISHED, DIVERGED, CRASHED = "finished", "diverged", "crashed"
MARK = b'{"journal": '  # how every journal begins


def make_record(settings, seed, status, message="", metrics=None, seconds=0.0):
    """A journal's line for one trial, as a dict. JSON knows no infinity: what is not finite is null."""
    return {"settings": settings, "seed": seed, "status": status, "message": message,
            "metrics": {name: value if math.isfinite(value) else None
                        for name, value in (metrics or {}).items()},
            "seconds": round(seconds, 3), "versions": versions(),
            "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


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
        start: The settings that the search begins with, plain JSON values.

    Attributes:
        records: `trial_key` to the record.
    """

    def __init__(self, path, trial, data, start):
        self.path, self.records, self.file = Path(path), {}, None
        self.header = {"journal": 1, "trial": trial, "data": data, "start": start}

    def open(self):
        """Reads what is there, and keeps the file for this search alone.

        Raises:
            SearchError: It cannot be opened, is in use, is no journal, is damaged, or belongs to
                another search.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path, "a+b")
        except OSError as error:
            raise SearchError(f"{self.path}: this file cannot be written: {error.strerror}.") from None
        try:
            self._lock()
            self.file.seek(0)
            self._read(self.file.read())
        except BaseException:
            self.close()
            raise

    def append(self, record):
        self._write(record)
        self.records[trial_key(record["settings"], record["seed"])] = record

    def close(self):
        if self.file:
            self.file.close()  # and with it the lock

    def _write(self, entry):
        # One write and a sync: after a power cut at most the last line is cut off.
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def _lock(self):
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SearchError(f"{self.path}: another search is writing to this journal. Wait for it, "
                              "or choose another file.") from None
        except OSError:
            pass  # a file system without locks, such as a mounted drive

    def _read(self, content):
        whole = content[:content.rfind(b"\n") + 1]
        cut_off = content[len(whole):]
        lines = whole.splitlines()
        # Nothing is cut off from a file before it is sure to be a journal.
        if lines:
            self._compare(self._parsed(lines[0]))
        elif not cut_off.startswith(MARK[:len(cut_off)]):
            raise self._foreign()
        for number, line in enumerate(lines[1:], 2):
            try:
                entry = _checked(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SearchError(
                    f"{self.path}, line {number}: this is no line of a journal ({error}). Remove the "
                    "line, and its trial runs again; or choose another file.") from None
            self.records[trial_key(entry["settings"], entry["seed"])] = entry
        if cut_off:
            print(f"{self.path}: the last line is cut off; it is dropped and its trial runs again.")
            self.file.truncate(len(whole))
        if not lines:
            self._write(self.header)

    def _parsed(self, line):
        try:
            header = json.loads(line)
            if header["journal"] != 1 or not isinstance(header["start"], dict):
                raise ValueError
            return {name: header[name] for name in self.header}
        except (ValueError, KeyError, TypeError):
            raise self._foreign() from None

    def _foreign(self):
        return SearchError(f"{self.path}: this file is no journal of a search; choose another one.")

    def _compare(self, header):
        changes = [f"the {name} ({header[name]} there, {self.header[name]} now)"
                   for name in ("trial", "data") if header[name] != self.header[name]]
        was, now = header["start"], self.header["start"]
        changes += [f"the start's {name} ({_shown(was, name)} there, {_shown(now, name)} now)"
                    for name in {**was, **now} if _part(was, name) != _part(now, name)]
        if changes:
            raise SearchError(f"{self.path}: this journal belongs to another search. It differs in "
                              + ", ".join(changes) + ". Choose another file, or the old settings.")


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
    return entry
