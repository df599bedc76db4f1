import json

import pytest

from fashion_tf.classroom.notebooks import (
    canonical_bytes,
    find_parameters,
    parameters,
    parse_notebook,
)


def code(source, **metadata):
    return {"cell_type": "code", "source": source, "metadata": metadata}


def test_parameters_are_read_without_running_them():
    found = parameters('# Parameters\nSEED = 7  # a seed\nRATES = [0.1,\n         1e-4]\nNAME = "x"')
    assert [(one.name, one.default, one.line) for one in found] == [
        ("SEED", 7, 2), ("RATES", [0.1, 1e-4], 3), ("NAME", "x", 5)]


@pytest.mark.parametrize(("line", "message"), [
    ("seed = 7", "ALL CAPS"), ("SEED = int(7)", "not set to a literal"), ("print(1)", "only NAME"),
    ("A = B = 1", "only NAME"), ("A, B = 1, 2", "only NAME"), ("A += 1", "only NAME"),
])
def test_anything_but_a_literal_is_refused_with_its_line(line, message):
    with pytest.raises(ValueError, match=f"line 2: .*{message}"):
        parameters("# Parameters\n" + line)


def test_the_marker_finds_the_cell_and_papermills_copy_is_passed_over():
    notebook = {"cells": [code("import x"), code("# Parameters\nSEED = 1"),
                          code("# Parameters\nSEED = 2", tags=["injected-parameters"])]}
    index, found = find_parameters(notebook)
    assert (index, found[0].default) == (1, 1)


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_parameters_cell(count):
    with pytest.raises(ValueError, match=f"{count} cells begin"):
        find_parameters({"cells": [code("# Parameters\nA = 1")] * count})


def test_the_canonical_form_is_stable_and_keeps_the_text():
    notebook = {"nbformat": 4, "cells": [code("a\nb\n", tags=["x"])], "metadata": {}}
    once = canonical_bytes(notebook)
    assert canonical_bytes(parse_notebook(once)) == once
    assert parse_notebook(once)["cells"][0]["source"] == "a\nb\n"
    assert json.loads(once)["cells"][0]["metadata"] == {"tags": ["x"]}

