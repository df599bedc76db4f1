"""What keeps a student's code in: bubblewrap, or a container engine; and what it keeps from, found by trying.

A whitelist: in the sandbox stand the system's programs, Python with its packages, this package, course.yml and
the drawn samples, all read-only, and one folder of bounded size in memory. Nothing else is there to be read: no
home, no submission, no rubric, no socket of a service.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import fashion_tf
from fashion_tf.errors import RunError
from fashion_tf.files import json_value

BUBBLEWRAP, NONE, CONTAINERS = "bubblewrap", "none", ("docker", "podman")
ENGINES = (BUBBLEWRAP, *CONTAINERS, NONE)
KEPT_FROM = ("files", "environment", "network", "processes", "memory", "number of processes", "disk")
PROBE_SECONDS = 120
_MODULE = "fashion_tf.classroom.rerun.inside"
_KIT, _WORK, _SAMPLES, _DRAWN = (f"/fashion-tf/{name}" for name in ("kit", "work", "samples", "drawn"))
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/fonts", "/etc/localtime")


@dataclass(frozen=True)
class Limits:
    """What one submission may take: bytes of memory, processes and threads, bytes of disk, and of output; and the
    seconds in which a cell that was interrupted may end."""

    memory: int = 4 * 2**30
    processes: int = 512
    disk: int = 2**30
    output: int = 32 * 2**20
    grace: float = 5.0


@dataclass(frozen=True)
class Isolation:
    """How submissions are kept in.

    Attributes:
        engine: One of `ENGINES`.
        image: The container's image, which has this release of the kit installed.
        course: The course.yml that a lesson finds.
        drawn: The folder of drawn samples (`fashion_tf.datasets.cache_folder`), which is only read.
        threads: For each kernel; 0: as many as the libraries take.
        missing: Those of `KEPT_FROM` that a submission is not kept from here; None: not tried yet.
    """

    engine: str = BUBBLEWRAP
    image: str = ""
    course: str = ""
    drawn: str = ""
    threads: int = 0
    missing: tuple[str, ...] | None = None

    @property
    def level(self):
        """What is printed: full, partial or none."""
        if not self.missing:
            return "full"
        return "none" if self.engine == NONE else "partial"

    def start(self, settings, limits, samples=None, writable=False, **options):
        """Starts the program inside.

        Args:
            settings: What `fashion_tf.classroom.rerun.inside` is told.
            limits: The `Limits`.
            samples: A folder of samples and caches; `writable`: for the lesson itself, which fills it.
            options: Of `subprocess.Popen`.

        Returns:
            (the process, a function that ends it and everything in it).
        """
        settings = asdict(limits) | settings
        if self.engine == BUBBLEWRAP:
            command = self._bubblewrap(settings, limits, samples, writable)
            process = subprocess.Popen(command, start_new_session=True, env={}, **options)
            return process, process.kill  # bubblewrap's child dies with it
        if self.engine in CONTAINERS:
            name = f"fashion-tf-{secrets.token_hex(6)}"
            process = subprocess.Popen(self._container(name, settings, limits, samples, writable),
                                       start_new_session=True, **options)

            def kill():
                if process.poll() is not None:
                    return
                subprocess.run([self.engine, "kill", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               timeout=60, check=False)
                process.kill()
            return process, kill
        return self._unprotected(settings, samples, writable, options)

    # --- the three ways --------------------------------------------------------------------------

    def _bubblewrap(self, settings, limits, samples, writable):
        disk = str(limits.disk)
        parts = [shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
                 "--unshare-cgroup-try", "--die-with-parent", "--as-pid-1", "--new-session", "--clearenv"]
        if os.geteuid() != 0:
            parts += ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
        for name, value in self._environment(_WORK, writable).items():
            parts += ["--setenv", name, value]
        for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
            if os.path.islink(folder):
                parts += ["--symlink", os.readlink(folder), folder]
            elif os.path.isdir(folder):
                parts += ["--ro-bind", folder, folder]
        # An environment below /tmp, as of a trial checkout, is bound into a folder for temporary files; else /tmp is
        # the work folder under another name, and both share one limit.
        below = any(Path(folder).is_relative_to("/tmp") for folder in python_folders())
        temporary = ["--perms", "1777", "--size", disk, "--tmpfs", "/tmp"] if below else ["--symlink", _WORK, "/tmp"]
        parts += temporary if below else []
        for folder in _above((*_ETC, *python_folders(), f"{_KIT}/course.yml", _WORK)):
            parts += ["--dir", folder]  # what is made on the way would be closed to others than root
        for path in (*_ETC, *python_folders()):
            parts += ["--ro-bind-try", path, path]
        parts += ["--ro-bind", str(Path(fashion_tf.__file__).parent), f"{_KIT}/fashion_tf"]
        if self.course:
            parts += ["--ro-bind", self.course, f"{_KIT}/course.yml"]
        if samples:
            parts += ["--bind" if writable else "--ro-bind", str(samples), _SAMPLES]
        if self.drawn and os.path.isdir(self.drawn):
            parts += ["--ro-bind", self.drawn, _DRAWN]
        parts += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", disk, "--tmpfs", "/dev/shm",
                  "--remount-ro", "/dev", "--perms", "1777", "--size", disk, "--tmpfs", _WORK,
                  *([] if below else temporary), "--remount-ro", "/", "--chdir", _WORK]
        if os.geteuid() == 0:  # root is no user that could be limited: an own one for each sandbox
            user = str(2**30 + secrets.randbelow(2**30))
            parts += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs",
                      "--inh-caps=-all", "--bounding-set=-all"]
        return [*parts, sys.executable, "-m", _MODULE, json.dumps(settings | self._places(_WORK, samples))]

    def _container(self, name, settings, limits, samples, writable):
        parts = [self.engine, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only",
                 "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit",
                 str(limits.processes), "--memory", str(limits.memory), "--memory-swap", str(limits.memory),
                 "--shm-size", str(limits.disk), "--user", "65534:65534", "--workdir", _WORK]
        for folder in (_WORK, "/tmp"):
            parts += ["--tmpfs", f"{folder}:rw,exec,mode=1777,size={limits.disk}"]
        for variable, value in self._environment(_WORK, writable).items():
            parts += ["--env", f"{variable}={value}"]
        mounts = [(self.course, f"{_KIT}/course.yml", "ro"), (samples, _SAMPLES, "rw" if writable else "ro"),
                  (self.drawn if os.path.isdir(self.drawn) else "", _DRAWN, "ro"),
                  (Path(fashion_tf.__file__).parent, f"{_KIT}/fashion_tf", "ro")]
        for source, place, mode in mounts:
            parts += ["--volume", f"{source}:{place}:{mode}"] if source else []
        return [*parts, self.image, "python", "-m", _MODULE, json.dumps(settings | self._places(_WORK, samples))]

    def _unprotected(self, settings, samples, writable, options):
        folder = tempfile.mkdtemp(prefix="fashion-tf-rerun-")
        environment = self._environment(folder, writable, samples) | {
            "PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(
                [str(Path(fashion_tf.__file__).parent.parent), *_extra_folders()])}
        if self.course:
            environment["FASHION_TF_COURSE"] = self.course
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, json.dumps(settings | self._places(folder, samples and str(samples)))],
            start_new_session=True, env=environment, cwd=folder, **options)

        def kill():
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)
        return process, kill

    def _places(self, work, samples):
        where = _SAMPLES if samples and self.engine != NONE else samples
        return {"work": work, "samples": str(where) if where else ""}

    def _environment(self, work, writable, samples=_SAMPLES):
        """All that the program finds in its environment; the lesson itself fills the caches of the others."""
        caches = str(samples) if writable else f"{work}/.cache"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
                                str(self.threads)) if self.threads else {}
        return threads | {
                "HOME": work, "USER": "student", "LOGNAME": "student", "TMPDIR": work, "LANG": "C.UTF-8",
                "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
                "PYTHONPATH": os.pathsep.join([_KIT, *_extra_folders()]), "PYTHONNOUSERSITE": "1",
                "PYTHONDONTWRITEBYTECODE": "1", "IPYTHONDIR": f"{work}/.ipython", "JUPYTER_RUNTIME_DIR": f"{work}/.run",
                "MPLCONFIGDIR": f"{caches}/matplotlib", "MPLBACKEND": "module://fashion_tf.classroom.rerun.unseen",
                "FASHION_TF_CACHE": caches, "FASHION_TF_COURSE": f"{_KIT}/course.yml",
                "TF_CPP_MIN_LOG_LEVEL": "3", "NUMBA_CACHE_DIR": f"{caches}/numba"}

    # --- before anything is run ------------------------------------------------------------------

    def tried(self):
        """This isolation with `missing` found out by trying from inside.

        Raises:
            RunError: The engine is not here or does not start.
        """
        return replace(self, missing=_probed(self))

    def link_drawn(self, samples):
        """Makes what is drawn already appear among the `samples`, as the sandbox sees it."""
        where = Path(self.drawn) if self.engine == NONE else Path(_DRAWN)
        for folder in Path(self.drawn).glob("sample-*/*") if self.drawn else ():
            if not folder.name.startswith("."):
                place = Path(samples) / folder.parent.name / folder.name
                place.parent.mkdir(exist_ok=True)
                place.parent.chmod(0o777)  # the sandbox's user is another where we are root
                place.symlink_to(where / folder.parent.name / folder.name)

    def check_places(self, paths):
        """Refuses what lies where a submission could read it.

        Raises:
            RunError: One of the `paths` does; names it.
        """
        if self.engine != BUBBLEWRAP:
            return
        seen = [Path(folder).resolve() for folder in ("/usr", *_ETC, *python_folders(),
                                                      Path(fashion_tf.__file__).parent)]
        for path in filter(None, paths):
            for folder in seen:
                if Path(path).resolve().is_relative_to(folder):
                    raise RunError(f"{path}: lies in {folder}, which is open to what is run. Move it elsewhere.")


@lru_cache(maxsize=8)
def _probed(isolation):
    """What `isolation` does not keep a process from."""
    if isolation.engine in CONTAINERS and not isolation.image:
        raise RunError(f"--engine {isolation.engine}: name an image that has this release of the kit, with --image.")
    program = {BUBBLEWRAP: "bwrap", NONE: sys.executable}.get(isolation.engine, isolation.engine)
    if shutil.which(program) is None:
        raise RunError(f"{program} is not installed.")
    mark = "FASHION_TF_PROBE"
    limits = Limits(memory=2**28, processes=24, disk=2**24)
    with tempfile.TemporaryDirectory(prefix="fashion-tf-probe-") as folder, socket.socket() as listener:
        file = Path(folder) / "file"
        file.write_text("x")
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        settings = {"probe": True, "file": str(file), "port": listener.getsockname()[1], "mark": mark}
        before = os.environ.get(mark)
        os.environ[mark] = "x"
        try:
            process, kill = isolation.start(settings, limits, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE)
            try:
                said, error = process.communicate(timeout=PROBE_SECONDS)
            except subprocess.TimeoutExpired:
                kill()
                raise RunError(f"{isolation.engine}: a sandbox did not answer within {PROBE_SECONDS} s.") from None
            finally:
                kill()
        finally:
            os.environ.pop(mark) if before is None else os.environ.update({mark: before})
    try:
        found = json_value(json.loads(said))
        return tuple(name for name in KEPT_FROM if found.get(name) is not True)
    except (ValueError, AttributeError):
        why = (error.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        hint = " Ubuntu's AppArmor forbids it; see docs/instructors.md." if "uid map" in why else ""
        raise RunError(f"{isolation.engine}: no sandbox can be started here: {why[:300]}.{hint}") from None


def python_folders():
    """Where Python and its packages lie, as far as that is not /usr."""
    folders = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *_extra_folders(),
               os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}
    outside = sorted(folder for folder in folders if not Path(folder).is_relative_to("/usr") and folder != "/")
    return [folder for folder in outside
            if not any(other != folder and Path(folder).is_relative_to(other) for other in outside)]


def _above(paths):
    """The folders in which some paths lie, from the root downwards."""
    found = {str(folder) for path in paths for folder in Path(path).parents} - {"/"}
    return sorted(folder for folder in found if not Path(folder).is_relative_to("/usr"))


def _extra_folders():
    """Folders of packages that an interpreter started anew would not find."""
    own = (Path(sys.prefix), Path(sys.base_prefix))
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path)
            and not any(Path(path).is_relative_to(folder) for folder in own)]
