"""Hostile code in the sandbox, each kind contained and named. No TensorFlow: a kernel starts in a second."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fashion_tf.classroom.records import MIME
from fashion_tf.classroom.rerun import Ahead, Isolation, Limits, Sandbox
from fashion_tf.errors import RunError

pytestmark = pytest.mark.slow  # each starts a sandbox of its own
LIMITS = Limits(memory=2**29, processes=96, disk=2**25, output=2**20)


@pytest.fixture(scope="session")
def isolation():
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (apt-get install bubblewrap)")
    try:
        return Isolation(threads=1).tried()
    except RunError as error:
        pytest.skip(f"this system lets bubblewrap make no sandbox: {error}")


@pytest.fixture(scope="session")
def run(isolation):
    """Runs cells in a sandbox; returns the `Run`, with what each cell reported by `say(...)` as `said`."""
    def run(*cells, limits=LIMITS, cell_seconds=20, lesson_seconds=60):
        done = Sandbox(isolation, limits).run([SAY, *cells], cell_seconds, lesson_seconds)
        assert not done.problem
        done.cells = {number - 1: cell for number, cell in done.cells.items()}
        done.said = {number: [json.loads(output["record"]) for output in cell.outputs if output["type"] == "record"]
                     for number, cell in done.cells.items()}
        return done
    return run


SHARED = {}  # test -> cells that leave the sandbox as it was: one is enough for all of them


def in_one_sandbox(*cells):
    def noted(test):
        SHARED[test.__name__] = cells
        return test
    return noted


@pytest.fixture(scope="session")
def shared(run):
    """What the cells of `SHARED` came to: test -> as `run` returns it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANVAS_TOKEN", "secret")
        done = run(*(cell for cells in SHARED.values() for cell in cells), lesson_seconds=120)
    found, first = {}, 0
    for test, cells in SHARED.items():
        places = {first + number: number for number in range(len(cells))}
        found[test] = SimpleNamespace(cells={place: done.cells[number] for number, place in places.items()},
                                      said={place: done.said[number] for number, place in places.items()})
        first += len(cells)
    return found


@pytest.fixture
def done(shared, request):
    return shared[request.function.__name__]


SAY = f"""
from IPython.display import publish_display_data
def say(value):
    publish_display_data({{{MIME!r}: value, "text/plain": ""}})
def failing(function):
    try:
        function()
        return "nothing"
    except BaseException as error:
        return type(error).__name__
"""


def states(done):
    return [done.cells[number].state for number in sorted(done.cells) if number >= 0]


def test_isolation_is_full_here(isolation):
    assert isolation.level == "full" and isolation.missing == ()


@in_one_sandbox("x = 1\nprint(x)", "say({'name': 'a', 'value': [1, 2]})", "1 / 0", "%matplotlib inline", "x + 1")
def test_what_is_printed_recorded_and_raised_comes_out(done):
    assert states(done) == ["ok", "ok", "error", "ok", "ok"]
    assert done.cells[0].printed and not done.cells[3].printed and done.cells[4].printed
    assert done.said[1] == [{"name": "a", "value": [1, 2]}]
    assert done.cells[2].outputs == [{"type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero"}]


@in_one_sandbox("import os\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png')\n"
                "say([os.path.getsize('a.png') > 1000, plt.get_fignums()])",
                "say(plt.get_fignums())\nplt.plot([1])\nplt.show()\nsay(plt.get_fignums())", "x = '\ud800'")
def test_pictures_are_made_and_end_with_their_cell(done):
    assert done.said[0] == [[True, [1]]] and done.said[1] == [[], []] and states(done) == ["ok", "ok", "ok"]


def test_an_endless_loop_is_named_and_the_other_cells_run(run):
    done = run("1", "while True: pass", "say(3)", cell_seconds=2)
    assert states(done) == ["ok", "stopped", "ok"] and done.cells[1].why == "it ran longer than 2 s"
    assert done.said[2] == [3]


def test_an_endless_loop_that_hears_nothing_is_killed(run):
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(0.1)"
    done = run("1", stubborn, "1", cell_seconds=1, limits=replace(LIMITS, grace=1.0))
    assert states(done) == ["ok", "dead"] and done.cells[1].why == "it ran longer than 1 s"


def test_all_cells_together_have_a_limit(run):
    done = run(*["import time; time.sleep(0.8)"] * 4, cell_seconds=30, lesson_seconds=2)
    assert states(done)[-1] == "stopped" and len(states(done)) < 5
    assert "longer than it may in all" in done.cells[max(done.cells)].why


def test_a_fork_bomb_fills_its_own_sandbox_only(run):
    mark = f"bomb{os.getpid()}"
    bomb = (f"import os, time\nopen('/proc/self/comm', 'w').write({mark!r})\nwhile True:\n    try:\n        os.fork()\n"
            "    except OSError: time.sleep(0.1)")  # a full sandbox is seen without busy cores, too
    seen, stop = [0], threading.Event()

    def watch():
        while not stop.wait(0.1):
            seen.append(len(named(mark)))
    watcher = threading.Thread(target=watch)
    watcher.start()
    done = run("1", bomb, cell_seconds=2)
    stop.set()
    watcher.join()
    assert done.cells[1].state in ("stopped", "dead") and "longer than 2 s" in done.cells[1].why
    assert 20 < max(seen) < LIMITS.processes and named(mark) == []


def named(mark):
    """The processes of this machine that have given themselves a name."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/comm") as file:
                found += [number] * (file.read().strip() == mark)
        except OSError:
            continue
    return found


def test_forks_beyond_the_limit_fail(run):
    many = ("import os\nchildren = []\ntry:\n    for _ in range(500):\n        child = os.fork()\n"
            "        if not child:\n            import time; time.sleep(60); os._exit(0)\n"
            "        children.append(child)\n"
            "except OSError as error:\n    say([len(children), type(error).__name__])")
    done = run(many)
    (count, error), = done.said[0]
    assert count < LIMITS.processes and error == "BlockingIOError"


def processes_of(mark):
    """The processes of this machine that were started with a mark in their arguments."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if mark.encode() in file.read():
                    found.append(name)
        except OSError:
            continue
    return found


def test_a_process_left_behind_is_ended_and_counted(run):
    mark = f"left-behind-{os.getpid()}"
    left = ("import subprocess, sys\n"
            "subprocess.Popen([sys.executable, '-c', 'import os, subprocess, sys; subprocess.Popen([sys.executable, "
            f"\"-c\", \"import time; time.sleep(600)\", \"{mark}\"], start_new_session=True)']).wait()\n"
            "import time; time.sleep(0.5)")
    done = run(left, "1")
    assert states(done) == ["ok", "ok"] and done.left == 1
    assert processes_of(mark) == []


def test_endless_output_is_stopped_and_the_rest_is_run(run):
    # What is printed fills the kernel's memory until it is sent: half a gigabyte, on a core that is free.
    done = run("while True: print('x' * 1000)", "say(1)", limits=replace(LIMITS, memory=2**31))
    assert done.cells[0].state == "stopped" and done.cells[0].why == "it printed more than is read"
    assert done.said[1] == [1]


def test_much_that_is_printed_in_drops_loses_no_record(run):
    """Thousands of small messages fill a channel; what comes after them must come out all the same."""
    done = run("import sys\nfor _ in range(5000):\n    sys.stdout.write('0' * 100)\n    sys.stdout.flush()\nsay('end')",
               "say(2)", limits=replace(LIMITS, output=2**25))
    assert states(done) == ["ok", "ok"] and done.said == {-1: [], 0: ["end"], 1: [2]}
    # However slow the reader is, for the queue has no end.
    done = run("import zmq\nfrom ipykernel.kernelapp import IPKernelApp\n"
               "say(IPKernelApp.instance().iopub_thread.socket.get(zmq.SNDHWM))")
    assert done.said == {-1: [], 0: [0]}


def test_a_record_beyond_all_bounds_is_not_read(run):
    done = run("say('x' * 500_000)", "for _ in range(1000): say(1)", "say(2)", limits=replace(LIMITS, output=2**23))
    assert states(done) == ["ok", "ok", "ok"] and len(done.cells[1].outputs) == 200
    assert done.cells[0].outputs[0]["record"] == "{too long"


@pytest.fixture(autouse=True)
def _too_long(monkeypatch):
    """What was cut is no JSON, and must stay so: the helper reads it as a text."""
    whole = json.loads
    monkeypatch.setattr(json, "loads", lambda text, **options: text if text == "{too long" else whole(text, **options))


def test_a_memory_hog_gets_a_memory_error(run):
    done = run("hog = bytearray(10**10)", "hog = []\nwhile True: hog.append(bytearray(10**7))", "say(1)")
    assert states(done)[:2] == ["error", "error"]
    assert {done.cells[number].outputs[0]["ename"] for number in (0, 1)} == {"MemoryError"}


def test_memory_of_several_processes_counts_together(run):
    hogs = ("import os, time\nfor _ in range(8):\n    if not os.fork():\n        hog = b'x' * 10**8\n"
            "        time.sleep(60)\n        os._exit(0)\ntime.sleep(20)")
    done = run(hogs)
    assert done.cells[0].why == "it took more than 0.5 GB of memory"


@pytest.mark.parametrize("code, why", [
    ("import os\nos._exit(7)", "the kernel ended itself (exit code 7)"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the kernel was killed by signal 9 (SIGKILL)"),
    ("import ctypes\nctypes.string_at(0)", "the kernel was killed by signal 11 (SIGSEGV)"),
    ("import os, signal\nos.kill(-1, signal.SIGKILL)", None),  # all that it may end; not the first process
])
def test_a_dead_kernel_says_at_which_cell(code, why, run):
    done = run("say(1)", code, "say(2)")
    if why is None:
        assert done.said[0] == [1]
    else:
        assert states(done) == ["ok", "dead"] and done.cells[1].why == why


@in_one_sandbox("import os, signal\nfor number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):\n"
                "    os.kill(os.getppid(), number)",
                "say([os.getppid(), failing(lambda: os.listdir('/proc/1/fd')), "
                "failing(lambda: open('/proc/1/mem', 'rb')), failing(lambda: open('/proc/1/environ').read())])",
                "say(3)")
def test_its_parent_cannot_be_killed_nor_looked_into(done):
    assert states(done) == ["ok", "ok", "ok"] and done.said[2] == [3]
    assert done.said[1] == [[1, "PermissionError", "PermissionError", "PermissionError"]]


@in_one_sandbox(f"import os\nsay([failing(lambda: open({os.path.realpath(__file__)!r})), os.path.exists("
                f"{os.path.expanduser('~')!r} + '/.cache'), os.path.exists('/etc/passwd'), os.path.exists('/run'), "
                "sorted(os.listdir('/fashion-tf'))])",
                "import glob, fashion_tf\nroot = os.path.dirname(os.path.dirname(fashion_tf.__file__))\n"
                "say(sorted(os.listdir(root)))")
def test_there_is_no_file_of_anybody(done):
    assert done.said[0] == [["FileNotFoundError", False, False, False, ["kit", "work"]]]
    assert done.said[1] == [["fashion_tf"]]


@in_one_sandbox("import os, sys, fashion_tf\nplaces = ['/', '/usr', '/etc', '/dev', '/proc', sys.prefix, "
                "os.path.dirname(fashion_tf.__file__), os.path.dirname(os.__file__)]\n"
                "say([failing(lambda: open(place + '/x', 'w')) for place in places])",
                "open('mine', 'w').write('x')\nsay(open('mine').read())",
                "def fill():\n    for number in range(12):\n        open(f'big{number}', 'wb').write(bytes(2**22))\n"
                "say(failing(fill))",
                "for number in range(12):\n    os.path.exists(f'big{number}') and os.remove(f'big{number}')")
def test_nothing_is_written_outside_and_so_much_inside(done):
    assert len(done.said[0][0]) == 8 and "nothing" not in done.said[0][0]
    assert done.said[1] == ["x"] and done.said[2] == ["OSError"]


@in_one_sandbox("import os\nsay(sorted(os.environ))", "import subprocess\nsay(subprocess.run('cat /proc/*/environ', "
                "shell=True, capture_output=True, text=True).stdout)")
def test_the_environment_is_not_the_instructors(done):
    assert "CANVAS_TOKEN" not in done.said[0][0] and "secret" not in done.said[1][0]


def test_no_socket_leads_out(run):
    """Neither into the network nor to a service of this machine, on its loopback or by a file."""
    heard = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        threading.Thread(target=lambda: heard.append(listener.accept()), daemon=True).start()
        done = run(f"import socket\nsay([failing(lambda: socket.create_connection((host, port), timeout=3)) for host, "
                   f"port in [('127.0.0.1', {listener.getsockname()[1]}), ('localhost', {listener.getsockname()[1]}), "
                   "('192.0.2.1', 80), ('1.1.1.1', 53)]])",
                   "say([name for name, index in [(one[1], one[0]) for one in socket.if_nameindex()]])")
    assert "nothing" not in done.said[0][0] and heard == []
    assert done.said[1] == [["lo"]]  # of its own


@in_one_sandbox("import os\nsay([line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', "
                "'CapBnd'))])", "import subprocess\nsay(subprocess.run('mount -t tmpfs none /fashion-tf/work', "
                "shell=True).returncode != 0)", "say(failing(lambda: os.setuid(0)))")
def test_no_privilege_is_to_be_had(done):
    assert int(done.said[0][0][0], 16) == 0 and done.said[1] == [True]


def test_what_it_says_is_not_forged_by_the_notebook(run):
    """Lines on its own output, replies for other cells, and a closed channel change no other cell's outcome."""
    done = run("import os\nos.write(1, b'{\"cell\": 3, \"state\": \"ok\"}\\n{\"end\": true}\\n')",
               "1 / 0", "get_ipython().kernel.iopub_socket.close()", limits=replace(LIMITS, grace=1.0))
    assert done.cells[1].state == "error" and len(done.cells) == 4


def test_its_host_may_be_killed(isolation):
    """Nothing goes on without whoever started it."""
    code = ("import sys; from fashion_tf.classroom.rerun import *; from dataclasses import replace\n"
            f"sandbox = Sandbox(Isolation(threads=1), {LIMITS!r})\n"
            "print(sandbox.process.pid, flush=True)\nsandbox.run(['while True: pass'], 600, 600)")
    host = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    inside = int(host.stdout.readline())
    time.sleep(1.5)
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 20
    while _children(inside) or os.path.exists(f"/proc/{inside}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return file.read().split()
    except OSError:
        return []


def test_one_is_started_ahead_and_taken(isolation):
    ahead = Ahead()
    arguments = isolation, LIMITS, ("json",)
    first = ahead.take(*arguments, more=True)
    waiting = ahead.waiting[1]
    assert [one.run(["1"], 5, 5).cells[0].state for one in (first, ahead.take(*arguments))] == ["ok", "ok"]
    assert waiting.process.poll() is not None and ahead.waiting is None
    ahead.take(*arguments, more=True).close()
    other = ahead.take(isolation, LIMITS, ("csv",))  # what waits does not fit
    assert ahead.waiting is None
    other.close()


def test_modules_imported_ahead_leave_no_name(isolation):
    done = Sandbox(isolation, LIMITS, ("csv", "no_such_module")).run(
        ["import sys\nassert 'csv' in sys.modules", "csv", "importlib"], 5, 5)
    assert [done.cells[number].state for number in range(3)] == ["ok", "error", "error"]


def test_a_kernel_that_cannot_start_is_said_so(isolation):
    done = Sandbox(replace(isolation, course="/no/such/file"), LIMITS).run(["1"], 5, 5)
    assert "No kernel could be started" in done.problem and "no/such/file" in done.problem


# --- other levels ------------------------------------------------------------------------------


def test_without_an_engine_the_level_is_none_and_it_runs():
    isolation = Isolation("none", threads=1).tried()
    assert isolation.level == "none" and {"files", "network", "processes"} <= set(isolation.missing)
    done = Sandbox(isolation, LIMITS).run(["x = 1\nprint(x)", "1 / 0", "import os; os._exit(3)", "1"], 5, 20)
    assert [done.cells[number].state for number in range(3)] == ["ok", "error", "dead"] and len(done.cells) == 3


def test_an_engine_that_is_not_there_is_said_so(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RunError, match="podman is not installed"):
        Isolation("podman", image="kit:1").tried()
    with pytest.raises(RunError, match="--image"):
        Isolation("docker").tried()


ENGINE = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
if arguments[0] == "kill":
    sys.exit()
json.dump(arguments, open({log!r}, "a"))
at = arguments.index("kit:1")
os.environ["PYTHONPATH"] = {package!r}
folder = {folder!r}
settings = json.loads(arguments[-1])
settings["work"] = folder
os.execv({python!r}, [{python!r}, *arguments[at + 2:-1], json.dumps(settings)])
"""


def test_a_container_engine_is_asked_for_the_same(tmp_path, monkeypatch):
    """No engine runs here: a stand-in notes what it is asked for, and runs the program."""
    import fashion_tf

    log = tmp_path / "log"
    (tmp_path / "work").mkdir()
    engine = tmp_path / "podman"
    engine.write_text(ENGINE.format(python=sys.executable, log=str(log), folder=str(tmp_path / "work"),
                                    package=os.path.dirname(os.path.dirname(fashion_tf.__file__))))
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    isolation = Isolation("podman", "kit:1", course=str(tmp_path / "course.yml"))
    done = Sandbox(isolation, LIMITS).run(["1", "1 / 0"], 5, 20)
    assert [done.cells[number].state for number in range(2)] == ["ok", "error"]
    asked = json.loads(log.read_text())
    pairs = list(zip(asked, asked[1:]))
    for pair in (("--network", "none"), ("--cap-drop", "ALL"), ("--security-opt", "no-new-privileges"),
                 ("--pids-limit", "96"), ("--memory", str(2**29)), ("--memory-swap", str(2**29)),
                 ("--user", "65534:65534")):
        assert pair in pairs
    assert "--read-only" in asked and f"{tmp_path / 'course.yml'}:/fashion-tf/kit/course.yml:ro" in asked
    assert isolation.tried().level == "partial"  # the stand-in keeps nothing away


def test_what_lies_among_the_packages_is_refused(isolation):
    with pytest.raises(RunError, match="open to what is run"):
        isolation.check_places([os.path.join(sys.prefix, "submissions")])
    isolation.check_places([None, "/somewhere/else"])
