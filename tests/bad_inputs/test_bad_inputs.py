"""What strangers' files do to the commands that meet them: a sentence, and nothing else.

Each command's files are met by one process (meet.py) under a limit of memory; each must be answered within seconds,
without a traceback, without memory, and without a file written. The single bounds are tested beside their readers.
"""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from bad_inputs.meet import ANSWERED, ATTACKS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")

MOST_SECONDS = 20
MOST_MB = {"predict": 550}  # a picture of the largest size that is read


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    """Returns a function: a command's group -> (name -> what became of the file, how the process ended)."""
    @cache
    def found(group):
        tests, folder = Path(__file__).resolve().parents[1], tmp_path_factory.mktemp(group)
        with open(folder / "answers", "w+") as answers, open(folder / "errors", "w+") as errors:
            try:
                ended = subprocess.run(
                    [sys.executable, "-m", "bad_inputs.meet", group, folder], stdout=answers, stderr=errors,
                    timeout=200, env=os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}).returncode
            except subprocess.TimeoutExpired:
                ended = "200 seconds"
        lines = (folder / "answers").read_text().splitlines()
        return ({one["name"]: one for one in map(json.loads, lines)},
                f"the process ended with {ended}: {(folder / 'errors').read_text()[-2000:]}")

    return found


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), [(group, name) for group, found in ATTACKS.items() for name in found])
def test_a_strangers_file_is_answered_in_a_sentence(met, group, name):
    answers, end = met(group)
    assert name in answers, end
    one = answers[name]
    said = one["said"]
    assert one["code"] in ((0,) if name in ANSWERED else (1, 2)), said
    assert "Traceback" not in said and re.search(one["expected"], said), said
    assert name in ANSWERED or all(len(line) < 500 for line in said.splitlines()), said
    assert one["seconds"] < MOST_SECONDS
    assert one["grown"] < MOST_MB.get(group, 150)
    # Grades and reports are what those commands are for; a folder that was refused gets no report.
    own = {"grade": r"out/", "report": r"run/report\.(md|html)$" if name in ANSWERED else "$."}.get(group, "$.")
    own = r"fashionista/(fashionista-v1\.0\.mat|\.)" if (group, name) == ("fetch", "honest") else own
    assert not [file for file in one["written"] if not re.match(own, file)]
