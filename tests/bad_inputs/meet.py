"""``python -m bad_inputs.meet GROUP FOLDER``: one process in which a command meets all files of a group.

Prints a line of JSON for each: the exit code, what was said, the seconds, the MB by which the process grew at most,
and the files that are new or other. The honest file goes first; from then on the process may have so many more
addresses as `ALLOWED_MB` says, as under a batch system's limit.
"""

import contextlib
import io
import json
import re
import sys
import time
import traceback
from pathlib import Path

from bad_inputs.data import ARCHIVES, DATA
from bad_inputs.notebooks import GRADE, LINT, REPORT
from bad_inputs.pictures import PREDICT

# A builder gets an empty folder and returns (the arguments of the command line, a pattern of what it says).
ATTACKS = {"data": DATA, "fetch": ARCHIVES, "lint": LINT, "report": REPORT, "grade": GRADE, "predict": PREDICT}
# What is read, as a control beside what is refused, and classes in which a score alone is refused.
ANSWERED = {"honest", "largest palette picture", "a score of 1e999", "a score of 5,000 digits"}
ALLOWED_MB = 1500


def memory(field):
    """MB of this process: VmHWM (the most that it had) or VmSize (of addresses)."""
    return int(re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1024


def run(arguments):
    """(exit code, what is said) of a command line; 3 and the traceback where it ends otherwise."""
    from fashion_tf import cli
    from fashion_tf.datasets.images import read_mask
    from fashion_tf.errors import FashionError

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            if arguments[0] != "read_mask":
                return cli.main(arguments), said.getvalue()
            read_mask(arguments[1])  # as lessons do; no command reads a dataset's masks
            return 0, said.getvalue()
        except FashionError as error:
            return 2, str(error)
        except BaseException:
            return 3, said.getvalue() + traceback.format_exc()


def files(folder):
    """Name -> when it was changed, of all files in a folder and its folders."""
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*") if not path.is_dir()}


def main(group, folder):
    import resource

    builders = ATTACKS[group]
    for name in sorted(builders, key=lambda name: name != "honest"):
        place = Path(folder) / re.sub("[^a-z0-9]", "_", name.lower())
        place.mkdir()
        arguments, expected = builders[name](place)
        before = files(place)
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the most begins anew, where the system lets it
        size, began = memory("VmHWM"), time.perf_counter()
        code, said = run([str(argument) for argument in arguments])
        print(json.dumps({
            "name": name, "code": code, "said": said, "expected": expected, "seconds": time.perf_counter() - began,
            "grown": memory("VmHWM") - size,
            "written": [file for file, changed in files(place).items() if before.get(file) != changed]}), flush=True)
        if name == "honest":
            limit = int(memory("VmSize") + ALLOWED_MB) << 20
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main(*sys.argv[1:])
