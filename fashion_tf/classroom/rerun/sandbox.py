"""One sandbox: started ahead, given a notebook's cells, and read after its last process is dead."""

import json
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field

from fashion_tf.classroom.notebooks import parse_json

MAXIMUM_SAID = 64 * 2**20  # bytes of all that is read of one
START_SECONDS = 300  # for Python, the kernel and what the lesson imports
END_SECONDS = 20  # for the program inside to end whatever it started
ENDED = "the sandbox ended"


@dataclass
class CellRun:
    """What became of one cell: ``"ok"``, ``"error"``, ``"stopped"`` or ``"dead"``, and why it was stopped.

    `outputs`: dicts, records as ``{"type": "record", "record": JSON text, "text": ...}`` and errors as
    ``{"type": "error", "ename": ..., "evalue": ...}``.
    """

    state: str
    why: str = ""
    seconds: float = 0.0
    outputs: list = field(default_factory=list)
    printed: bool = False


@dataclass
class Run:
    """What became of a notebook. `cells`: the place of a cell -> `CellRun`; `problem`: why there is none."""

    cells: dict = field(default_factory=dict)
    left: int = 0
    problem: str = ""


class Sandbox:
    """A kernel in a sandbox, with a lesson's modules imported, which waits for cells.

    Args:
        isolation: The `Isolation`.
        limits: The `Limits`.
        modules: What the kernel imports ahead.
        samples: The folder of samples; `writable`: for the lesson itself.
    """

    def __init__(self, isolation, limits, modules=(), samples=None, writable=False):
        self._said, self._errors, self._writer = tempfile.TemporaryFile(), tempfile.TemporaryFile(), None
        self.process, self._kill = isolation.start(
            {"modules": list(modules)}, limits, samples, writable, stdin=subprocess.PIPE, stdout=self._said,
            stderr=self._errors)

    def run(self, cells, cell_seconds, lesson_seconds):
        """Runs the cells, one after the other; nothing that they do makes it raise.

        Args:
            cells: Their texts.
            cell_seconds, lesson_seconds: How long one may run, and all of them.

        Returns:
            The `Run`.
        """
        job = json.dumps({"cells": list(cells), "cell_seconds": cell_seconds, "lesson_seconds": lesson_seconds})
        # A thread: a sandbox that does not read would keep us waiting.
        self._writer = threading.Thread(target=self._write, args=(job.encode() + b"\n",), daemon=True)
        self._writer.start()
        try:
            self.process.wait(timeout=START_SECONDS + lesson_seconds + 60)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.close(read=True)
        run = self._read(len(cells))
        self._said.close()
        self._errors.close()
        return run

    def _write(self, line):
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except (OSError, ValueError):
            pass  # it has ended; what it said tells

    def close(self, read=False):
        """Ends every process in it. When its input ends it does so itself, and is seen to have; else it is killed."""
        if self._writer is None or not self._writer.is_alive():
            self._close_input()
        try:
            self.process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self._kill()
        self.process.wait()
        self._close_input()
        if not read:
            self._said.close()
            self._errors.close()

    def _close_input(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def _read(self, many):
        """What the program inside said, line by line: it is data like any other."""
        self._said.seek(0)
        run, ready, ended = Run(), False, False
        for line in self._said.read(MAXIMUM_SAID).split(b"\n"):
            try:
                said = parse_json(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            if said.get("end") is True:
                ended, run.left = True, said["left"] if isinstance(said.get("left"), int) else 0
            elif said.get("ready") is True:
                ready = True
            elif isinstance(said.get("cell"), int) and 0 <= said["cell"] < many and ready:
                run.cells[said["cell"]] = _cell_run(said)
        if not ready:
            self._errors.seek(0)
            last = self._errors.read(100_000).decode("utf-8", "replace").strip().splitlines()
            run.problem = f"No kernel could be started: {last[-1][:300] if last else 'it said nothing'}"
        elif not ended and len(run.cells) < many:
            run.cells[len(run.cells)] = CellRun("dead", ENDED)
        return run


def _cell_run(said):
    outputs = said.get("outputs")
    seconds = said.get("seconds")
    return CellRun(said["state"] if said.get("state") in ("ok", "error", "stopped") else "dead",
                   str(said.get("why", ""))[:500], float(seconds) if isinstance(seconds, (int, float)) else 0.0,
                   [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else [],
                   said.get("printed") is True)


class Ahead:
    """The sandbox that is started while another still runs."""

    def __init__(self):
        self.waiting = None

    def take(self, *arguments, more=False):
        """A sandbox; where `more` will be wanted, the next one is started now."""
        found, self.waiting = self.waiting, None
        if found is not None and (found[0] != arguments or found[1].process.poll() is not None):
            found[1].close()
            found = None
        sandbox = found[1] if found else Sandbox(*arguments)
        if more:
            self.waiting = arguments, Sandbox(*arguments)
        return sandbox

    def close(self):
        if self.waiting is not None:
            self.waiting[1].close()
            self.waiting = None
