"""What a process in the sandbox can reach: tried, from inside, and said."""

import os
import resource
import socket
from pathlib import Path


def look_around(settings):
    """Tries what must not work.

    Args:
        settings: ``file``: a file of the host; ``port``: one at which it listens on its loopback; ``mark``: a
            variable in its environment; ``work``: the folder that may be written to, ``disk`` its bytes;
            ``memory`` and ``processes``: the limits.

    Returns:
        Dict from what should be kept away to whether it is.
    """
    return {
        "files": not _readable(settings["file"]) and not _writable(settings),
        "environment": settings["mark"] not in os.environ,
        "network": not _connects(settings["port"]),
        "processes": os.getpid() == 1 and len([name for name in os.listdir("/proc") if name.isdigit()]) < 10,
        "memory": not _in_child(lambda: bytearray(2 * settings["memory"])),
        "number of processes": not _in_child(lambda: _fork(settings["processes"] + 5)),
        "disk": not _in_child(lambda: _fill(settings)),
    }


def _readable(path):
    try:
        return bool(Path(path).read_bytes())
    except OSError:
        return False


def _writable(settings):
    """Whether anything can be written outside of the folder that is meant for it."""
    package = Path(__file__).resolve().parent
    folders = {package, Path("/"), Path("/usr"), Path("/etc"), Path("/dev"), Path(settings["file"]).parent,
               Path(os.__file__).parent}
    for folder in folders:
        try:
            (folder / ".probe").write_text("x")
            (folder / ".probe").unlink()
            return True
        except OSError:
            continue
    return False


def _connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        return True
    except OSError:
        return False


def _in_child(function):
    """Whether it works, tried in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _fork(many):
    children = []
    try:
        for _ in range(many):
            child = os.fork()
            if child == 0:
                os.read(os.pipe()[0], 1)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)


def _fill(settings):
    """Several files, for the size of one is limited besides."""
    folder = Path(settings["work"])
    part = settings["disk"] // 4
    try:
        for number in range(6):
            (folder / f".probe{number}").write_bytes(bytes(part))
    finally:
        for number in range(6):
            (folder / f".probe{number}").unlink(missing_ok=True)
