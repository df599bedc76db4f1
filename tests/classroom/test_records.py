import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from fashion_tf.classroom import notebooks, records
from fashion_tf.classroom.records import MIME, begin_lesson, read_records, record
from fashion_tf.errors import RecordError
from fashion_tf.files import json_value


@pytest.fixture(autouse=True)
def _fresh():
    begin_lesson("99")


def notebook(*outputs_of_cells):
    """An executed notebook whose cells have the given output lists."""
    return {"cells": [{"cell_type": "code", "source": "", "metadata": {}, "outputs": outputs}
                      for outputs in outputs_of_cells],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def recorded(name, value=1, **fields):
    content = {"schema": 1, "name": name, "value": value, "lesson": "11", "parameters": {"SEED": 7},
               "versions": {"keras": "3"}, **fields}
    return {"output_type": "display_data", "metadata": {}, "data": {MIME: content}}


def saved(tmp_path, content):
    path = tmp_path / "executed.ipynb"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(("value", "stored"), [
    (np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), (np.array(2.5), 2.5),
    ((1, 2), [1, 2]), ({"a": [None, "b"]}, {"a": [None, "b"]}), (True, True),
])
def test_values_become_plain_json(value, stored):
    assert json_value(value) == stored
    assert type(json_value(value)) is type(stored)
    json.dumps(json_value(value), allow_nan=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan"), [1, math.nan],
                                   {"a": -math.inf}])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(RecordError, match="not a number"):
        record("accuracy", value)


@pytest.mark.parametrize("value", [np.zeros(3), object(), {1: 2}, {1, 2}, 1j])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(RecordError):
        record("accuracy", value)


@pytest.mark.parametrize("name", ["", "Accuracy", "two words", "2nd", None, "a-b"])
def test_bad_names_are_refused(name):
    with pytest.raises(RecordError, match="lower case"):
        record(name, 1)


def test_a_name_is_recorded_once(capsys):
    record("accuracy", 0.91234)
    assert capsys.readouterr().out == "recorded accuracy = 0.9123\n"
    with pytest.raises(RecordError, match="recorded before"):
        record("accuracy", 0.9)


def test_a_cell_run_again_replaces_and_another_cell_may_not(monkeypatch, capsys):
    cell = ("cell-a", 1)
    monkeypatch.setattr(records, "_current_cell", lambda: cell)
    record("accuracy", 0.8)
    with pytest.raises(RecordError):
        record("accuracy", 0.8)  # twice in one execution
    cell = ("cell-a", 2)
    record("accuracy", 0.9)
    cell = ("cell-b", 3)
    with pytest.raises(RecordError):
        record("accuracy", 0.9)


def test_reads_what_is_recorded(tmp_path):
    path = saved(tmp_path, notebook([recorded("a", 0.5)], [recorded("b", [1, 2])]))
    found = read_records(path)
    assert list(found) == ["a", "b"]
    assert found["a"].value == 0.5
    assert (found["a"].lesson, found["a"].parameters) == ("11", {"SEED": 7})


def test_an_unexecuted_notebook_has_no_records(tmp_path):
    assert read_records(saved(tmp_path, notebook([]))) == {}


@pytest.mark.parametrize(("content", "message"), [
    ("{", "not a notebook"),
    ("[]", "no list of cells"),
    ("[" * 100_000, "not a notebook"),
    ('{"cells": [3]}', "cell 1 is not a notebook cell"),
    (notebook([recorded("a")], [recorded("a")]), "cell 2: 'a' is recorded twice"),
    (notebook([recorded("a", schema=2)]), "schema 2"),
    (notebook([recorded(None)]), "damaged record"),
    (notebook([recorded("a", versions=3)]), "damaged parameters or versions"),
    (json.dumps(notebook([recorded("a", math.nan)])), "NaN"),
    (json.dumps(notebook([recorded("a", 1)], [recorded("b", "big")])).replace('"big"', "1e999"),
     "cell 2: record 'b': the value is inf"),
    (json.dumps(notebook([recorded("a", "big")])).replace('"big"', "-" + "9" * 5000),
     "cell 1: record 'a': the value is -inf"),
    (json.dumps(notebook([recorded("a", parameters={"A": "big"})])).replace('"big"', "1e999"), "cell 1: record 'a'"),
    (json.dumps(notebook([], [recorded("a", "deep")])).replace('"deep"', "[" * 900 + "]" * 900),
     "cell 2 is nested more than 100 levels deep"),
    (json.dumps(notebook([recorded("a", lesson="deep")])).replace('"deep"', "[" * 900 + "]" * 900),
     "cell 1 is nested"),
    (notebook([{"data": {MIME: "[" * 100_000}}]), "cell 1: a damaged record"),
    (notebook([{"data": {MIME: "[" * 900 + "]" * 900}}]), "cell 1: a record nested more than 100 levels deep"),
    (notebook([{"data": {MIME: [3]}}]), "cell 1: a damaged record"),
    (notebook([recorded("a", lesson=["11"])]), "cell 1: record 'a' has a damaged lesson"),
    (json.dumps({**notebook([]), "metadata": {"a": "deep"}}).replace('"deep"', "[" * 900 + "]" * 900),
     "metadata are nested"),
    (notebook([recorded("a", 1)]) | {"more": [{}] * 1_000_001}, "values; above 1,000,000 it is not read"),
])
def test_damaged_notebooks_get_a_clear_error(tmp_path, content, message):
    path = saved(tmp_path, content)
    with pytest.raises(RecordError, match=message) as caught:
        read_records(path)
    assert str(path) in str(caught.value)


def test_an_absent_and_an_oversized_file(tmp_path, monkeypatch):
    with pytest.raises(RecordError, match="No such file"):
        read_records(tmp_path / "absent.ipynb")
    monkeypatch.setattr(notebooks, "MAXIMUM_NOTEBOOK_BYTES", 10)
    with pytest.raises(RecordError, match="it is not read"):
        read_records(saved(tmp_path, notebook([])))


def test_a_notebook_is_a_plain_file(tmp_path):
    """A device has no end, and a pipe makes its reader wait."""
    (tmp_path / "device.ipynb").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    for name, message in (("device", "no plain file"), ("pipe", "no plain file"), ("folder", "a directory|a folder")):
        with pytest.raises(RecordError, match=message):
            read_records(tmp_path / f"{name}.ipynb")


def test_numbers_that_floats_hold_are_read_as_they_are(tmp_path):
    path = saved(tmp_path, notebook([recorded("a", 10**299), recorded("b", -1.5e300)]))
    assert [one.value for one in read_records(path).values()] == [10**299, -1.5e300]


def test_light_modules_import_nothing_heavy():
    code = ("import sys, fashion_tf, fashion_tf.classroom.records, fashion_tf.classroom.course, fashion_tf.cli, "
            "fashion_tf.classroom.runner, fashion_tf.classroom.lint, fashion_tf.classroom.report; "
            "print([m for m in ('tensorflow', 'keras', 'numpy', 'pandas', 'papermill') "
            "if m in sys.modules])")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
