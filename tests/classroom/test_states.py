"""What a run stands for, computed again by somebody else."""

from dataclasses import replace

import pytest

from fashion_tf.classroom import runner
from fashion_tf.classroom.notebooks import read_notebook
from fashion_tf.classroom.states import lesson_state, state_of_course
from fashion_tf.errors import CourseError


def job(course, data, settings=None, profile="real"):
    return runner._job(course, course.lesson("11"), profile, str(data), settings or {}, data, 1, "loky", None, None)


def test_the_same_lesson_is_in_one_state_wherever_the_data_lie(course, tmp_path):
    here, there = tmp_path / "data", tmp_path / "there" / "data"
    wanted = state_of_course(course, course.lesson("11"), "real")
    assert job(course, here).state == job(course, there).state == wanted
    assert job(course, here).fingerprint != job(course, there).fingerprint
    assert job(course, here, {"BATCH_SIZE": 64}).state == wanted  # the profile's own value
    assert len({wanted, job(course, here, {"BATCH_SIZE": 32}).state, job(course, here, profile="paper").state}) == 3


def test_code_and_promised_records_make_another_state_and_prose_does_not(course):
    lesson = course.lesson("11")
    notebook = read_notebook(course.notebook_path(lesson))

    def state(change=None, lesson=lesson):
        cells = [dict(cell) for cell in notebook["cells"]]
        if change:
            next(cell for cell in cells if cell["cell_type"] == change)["source"] += " "
        return lesson_state(notebook | {"cells": cells}, lesson, "sample", {})

    promised = lesson.records["better_cnn_test_accuracy"]
    higher = lesson.records | {promised.name: replace(promised, floors={"sample": 0.99})}
    fewer = lesson.records | {promised.name: replace(promised, floors={"real": 0.93})}
    assert state() == state("markdown") == state(lesson=replace(lesson, records=higher))
    assert state() != state("code") and state() != state(lesson=replace(lesson, records=fewer))


def test_the_seed_and_the_gpus_are_among_the_results(course, tmp_path, monkeypatch):
    assert job(course, tmp_path, {"SEED": 3}).result().seed == 3
    assert job(course, tmp_path).result().seed == 7
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA H100\necho NVIDIA H100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert runner._gpus() == ["NVIDIA H100", "NVIDIA H100"]
    program.unlink()
    assert runner._gpus() == []


def test_a_notebook_that_cannot_be_read_is_named(course, tmp_path):
    with pytest.raises(CourseError, match="11_fashion_mnist_cnn.ipynb: cannot be read"):
        state_of_course(replace(course, root=tmp_path), course.lesson("11"), "real")
