"""The program inside the sandbox: starts a kernel, runs the cells it is given, and says what came of each.

It is the first process there, which no other can end, and keeps what it says to itself until a cell has
ended: the file that it writes to is open in no other process. The cells run in the kernel, a process beside
it. Started as ``python -m fashion_tf.classroom.rerun.inside SETTINGS``, with the cells as a line of JSON on
its input; when the input ends, so does everything.
"""

import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from fashion_tf.classroom.kernel import KERNEL

MIME = "application/vnd.fashion-tf.record+json"
MAXIMUM_MESSAGE = 64 * 2**20
MAXIMUM_RECORD = 100_000  # characters of one, as JSON
MAXIMUM_RECORDS = 200  # of one cell
AFTERWARDS = 2**20  # bytes that the cells after one that printed too much may still print
MAXIMUM_SAID = 2_000_000  # characters of one cell's outcome
_SET_DUMPABLE, _SET_DEATH_SIGNAL = 4, 1


def main():
    # A command in a shell's background ignores SIGINT and hands that on; the kernel is to be interruptible.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = json.loads(sys.argv[1])
    _protect(settings)
    if settings.get("probe"):
        from fashion_tf.classroom.rerun.probe import look_around

        _say(look_around(settings))
        return
    _link_samples(settings)
    kernel = _Kernel(settings)
    try:
        kernel.preload(settings["modules"])
        line = _line_of_input()
        if line:
            _say({"ready": True})
            kernel.fed = True
            _run(kernel, json.loads(line))
    finally:
        left = kernel.end()
    _say({"end": True, "left": left})


def _say(value):
    """One line; written at once, for nobody knows whether there is a next."""
    os.write(1, json.dumps(value).encode() + b"\n")


def _protect(settings):
    """No process beside this one may look into it or end it, and whatever it starts is limited."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # no debugger, no /proc/1/fd
        library.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    # How many processes (and threads) counts for the user; bubblewrap gives each sandbox one of its own.
    wanted = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": settings["disk"], "RLIMIT_DATA": settings["memory"],
              "RLIMIT_NPROC": settings["processes"] if os.getpid() == 1 else None}
    for name, limit in wanted.items():
        with suppress(AttributeError, ValueError, OSError):
            number = getattr(resource, name)
            _, most = resource.getrlimit(number)
            if limit is not None:
                limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
                resource.setrlimit(number, (limit, limit))


def _link_samples(settings):
    """The drawn samples as a cache that can be written to: what is missing there is drawn into it."""
    samples, cache = settings.get("samples"), os.environ.get("FASHION_TF_CACHE")
    if not samples or not cache or samples == cache:
        return
    for folder in Path(samples).glob("sample-*/*"):
        place = Path(cache) / folder.parent.name / folder.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            place.symlink_to(folder)
    for name in ("matplotlib", "numba"):  # looking for fonts, and compiling, takes seconds
        if (Path(samples) / name).is_dir():
            shutil.copytree(Path(samples) / name, Path(cache) / name, dirs_exist_ok=True)


def _line_of_input():
    parts = []
    while True:
        part = os.read(0, 1 << 20)
        if not part:
            return b""
        parts.append(part)
        if part.endswith(b"\n"):
            return b"".join(parts)


def _input_ended():
    ready, _, _ = select.select([0], [], [], 0)
    return bool(ready) and not os.read(0, 4096)


def _run(kernel, job):
    deadline = time.monotonic() + job["lesson_seconds"]
    for number, source in enumerate(job["cells"]):
        left = deadline - time.monotonic()
        if left <= 0 or kernel.status is not None:
            break
        said = kernel.execute(source, min(left, job["cell_seconds"]), left < job["cell_seconds"])
        said = {"cell": number} | said
        if len(json.dumps(said)) > MAXIMUM_SAID:
            said |= {"outputs": [], "state": "stopped", "why": "it recorded more than is read"}
        _say(said)


class _Kernel:
    """A kernel of its own process, spoken to over sockets in a folder."""

    def __init__(self, settings):
        import zmq
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        self.memory, self.left_output, self.grace = settings["memory"], settings["output"], settings["grace"]
        self.status, self.fed = None, False
        folder = Path(settings["work"]) / ".kernel"
        folder.mkdir(mode=0o700)
        file, _ = write_connection_file(str(folder / "connection.json"), transport="ipc", ip=str(folder / "at"))
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, MAXIMUM_MESSAGE)
        self.client = BlockingKernelClient(context=context)
        self.client.load_connection_file(file)
        self.process = subprocess.Popen(
            [sys.executable, "-c", KERNEL, "-f", file], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=settings["work"], start_new_session=True)
        self.client.start_channels(stdin=False, hb=False, control=False)
        self.shell, self.iopub = self.client.shell_channel.socket, self.client.iopub_channel.socket
        self.poller = zmq.Poller()
        for socket in (self.shell, self.iopub):
            self.poller.register(socket, zmq.POLLIN)
        self.looked = 0.0

    def preload(self, modules):
        """Waits until the kernel answers, and imports modules there without leaving a name behind."""
        heard = False
        while not heard and self.status is None:  # what it says before we listen is lost
            self.client.kernel_info()
            until = time.monotonic() + 1.0
            while time.monotonic() < until and not heard:
                heard = any(socket is self.iopub for socket, *_ in self._messages())
        if modules:
            lines = "\n".join(f"try:\n    importlib.import_module({name!r})\nexcept Exception:\n    pass"
                              for name in modules)
            self.execute(f"exec({'import importlib' + chr(10) + lines!r}, {{}})", 600.0, False, silent=True)

    def execute(self, source, seconds, in_all, silent=False):
        """Runs one cell; what became of it, as plain values."""
        began = time.monotonic()
        source = source.encode("utf-8", "replace").decode()  # half a pair of surrogates is no text
        request = self.client.execute(source, silent=silent, store_history=not silent, allow_stdin=False,
                                      stop_on_error=False)
        outputs, printed, idle, replied, why, stopped = [], False, False, None, "", None
        while not (idle and replied):
            for socket, message, size in self._messages():
                if message is None:
                    self.left_output -= size
                    continue
                kind = message["header"].get("msg_type")
                if message["parent_header"].get("msg_id") != request:
                    continue
                self.left_output -= size
                if socket is self.shell:
                    replied = replied or time.monotonic()
                    if "ask_exit" in str(message["content"].get("payload"))[:1000]:  # it ends after this cell
                        self._kill()
                        self.process.wait()
                        self.status = self.process.returncode
                        return _outcome("dead", "it ended the kernel (exit or quit)", began, outputs, True)
                elif kind == "status" and message["content"].get("execution_state") == "idle":
                    idle = True
                elif kind in ("stream", "display_data", "execute_result", "error"):
                    printed = True
                    _keep(outputs, kind, message["content"])
            now = time.monotonic()
            if self.status is not None:
                return _outcome("dead", why or self._end_of_kernel(), began, outputs, printed)
            if not why:
                if now - began > seconds:
                    why = (f"the notebook ran longer than it may in all (this cell: {now - began:.0f} s)" if in_all
                           else f"it ran longer than {seconds:.0f} s")
                elif self.left_output < 0:
                    why = "it printed more than is read"
                elif self._memory() > self.memory:
                    why = f"it took more than {self.memory / 2**30:.1f} GB of memory"
                if why:
                    stopped = now
                    os.kill(self.process.pid, signal.SIGINT)
                    if "memory" in why:
                        self._kill()
            elif not replied and now - stopped > self.grace:  # once it replied, its outputs are waited for, below
                self._kill()
            if replied and now - replied > 2 * self.grace:
                break  # its last word was lost
        if why:
            self.left_output = max(self.left_output, AFTERWARDS)
            return _outcome("stopped", why, began, outputs, printed)
        failed = any(output["type"] == "error" for output in outputs)
        return _outcome("error" if failed else "ok", "", began, outputs, printed)

    def _messages(self):
        """What has come within a tenth of a second: (socket, message or None where it cannot be read, its bytes)."""
        import zmq

        if self.fed and _input_ended():
            self.end()
            os._exit(3)
        self._look()
        for socket, _ in self.poller.poll(100):
            for _ in range(100):
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                yield socket, self._read(frames), sum(map(len, frames))

    def _read(self, frames):
        """A message from whatever runs in the kernel."""
        try:
            session = self.client.session
            _, parts = session.feed_identities(frames)
            message = session.deserialize(parts)
            if all(isinstance(message.get(part), dict) for part in ("header", "parent_header", "content")):
                return message
        except Exception:
            pass
        return None

    def _look(self):
        """Whether the kernel lives; buries what died beside it."""
        with suppress(ChildProcessError):
            while True:
                child, status = os.waitpid(-1, os.WNOHANG)
                if child == 0:
                    return
                if child == self.process.pid:
                    self.status = self.process.returncode = os.waitstatus_to_exitcode(status)

    def _end_of_kernel(self):
        if self.status < 0:
            return f"the kernel was killed by signal {-self.status} ({signal.Signals(-self.status).name})"
        return f"the kernel ended itself (exit code {self.status})"

    def _kill(self):
        with suppress(OSError):
            os.kill(self.process.pid, signal.SIGKILL)

    def _memory(self):
        """Bytes of all processes here, at most four times a second."""
        if time.monotonic() < self.looked + 0.25 or not os.path.isdir("/proc/self"):
            return 0
        self.looked = time.monotonic()
        processes = _processes(self.process.pid)
        held = sum(map(_held, processes))
        # What processes share is counted once only where it matters, for that takes long.
        return held if held <= self.memory else sum(map(_memory_of, processes))

    def end(self):
        """Ends every process; how many there were that the kernel had left to themselves."""
        left = 0
        if os.getpid() == 1:
            for process in _processes(self.process.pid):
                with suppress(OSError, IndexError, ValueError):
                    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                    left += fields[1] == "1" and fields[0] != "Z" and process not in (1, self.process.pid)
            with suppress(ProcessLookupError):  # nobody is left
                os.kill(-1, signal.SIGKILL)
        elif self.status is None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        self.process.returncode = -9
        return left


def _processes(kernel):
    """The numbers of the processes in the sandbox; where there is none, the kernel's alone."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.getpid() == 1 else [kernel]


def _held(process):
    """Bytes of memory that a process holds, with all that it shares."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def _memory_of(process):
    """Its share of the memory, or what it holds where that is not told."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _held(process)


def _keep(outputs, kind, content):
    """Records and errors; that something was printed is known without it."""
    data = content.get("data")
    if kind == "error":
        if len(outputs) < MAXIMUM_RECORDS:
            outputs.append({"type": "error", "ename": str(content.get("ename", ""))[:200],
                            "evalue": str(content.get("evalue", ""))[:2000]})
    elif isinstance(data, dict) and MIME in data and len(outputs) < MAXIMUM_RECORDS:
        record = json.dumps(data[MIME])
        text = data.get("text/plain", "")
        outputs.append({"type": "record", "record": record if len(record) <= MAXIMUM_RECORD else "{too long",
                        "text": text[:MAXIMUM_RECORD] if isinstance(text, str) else ""})


def _outcome(state, why, began, outputs, printed):
    return {"state": state, "why": why, "seconds": round(time.monotonic() - began, 2), "outputs": outputs,
            "printed": printed}


if __name__ == "__main__":
    main()
