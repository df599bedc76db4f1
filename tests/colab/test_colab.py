"""What lessons and the kit need is in Colab, in a version that requirements.txt accepts."""

import re
from functools import cache

import environment
import pytest
import run_lessons
from conftest import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from fashion_tf.classroom.course import PromisedRecord, load_course
from fashion_tf.classroom.notebooks import canonical_bytes

COLAB = environment.read_list(environment.INSTALLED.read_text(encoding="utf-8"))
LESSONS = load_course(REPOSITORY / "course.yml").lessons
# Imported where no lesson in Colab comes to: the command line runs lessons, a cluster is one that was joined.
NOT_IN_A_LESSON = {"papermill", "ray", "distributed", "gradio", "google"}  # a lesson names the page and opens none
INSTALLS = re.compile(r"%pip install -q --no-deps [\"']?([\w.-]+)")


def requirements(name):
    lines = [line.split("  #")[0] for line in (REPOSITORY / name).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def packages_of(notebook):
    """What a lesson needs, itself or through the kit's modules, functions included; package to where."""
    code = environment.code_of(notebook)
    found = {environment.package_of(name): notebook.name for name in environment.modules_imported(code)}
    waiting, seen = environment.kit_modules(code), set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        packages, modules = needs_of(module)
        for package in packages:
            found.setdefault(package, module)
        waiting |= modules - seen
    return found


@cache
def needs_of(module):
    """The packages, and the kit's own modules, that one of the kit's modules imports."""
    folder = REPOSITORY.joinpath(*module.split("."))
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = file.read_text(encoding="utf-8")
    packages = {environment.package_of(name) for name in environment.modules_imported(text, needed_only=True)}
    return packages, environment.kit_modules(text, module if folder.is_dir() else module.rpartition(".")[0])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_what_a_lesson_imports_is_in_colab_or_in_its_install_cell(lesson):
    notebook = REPOSITORY / "notebooks" / lesson.notebook
    brought = {canonicalize_name(name) for name in INSTALLS.findall(notebook.read_text(encoding="utf-8"))}
    imported = packages_of(notebook)
    assert {"numpy", "pandas", "opencv-python", "ipython"} <= imported.keys()  # through the kit, in functions too
    absent = {name: where for name, where in imported.items()
              if name not in COLAB and name not in brought and name not in NOT_IN_A_LESSON}
    assert not absent, ("installed.txt lacks them. Where Colab has them, write it anew (environment.py --write); "
                        "otherwise the install cell brings them")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_the_kits_address_stands_in_a_lesson_once(lesson):
    text = (REPOSITORY / "notebooks" / lesson.notebook).read_text(encoding="utf-8")
    assert len(run_lessons.ADDRESS.findall(text.replace('\\"', '"'))) == 1


@pytest.mark.parametrize("requirement", requirements("requirements.txt"), ids=lambda one: one.name)
def test_a_lower_bound_is_the_oldest_version_that_was_tried(requirement):
    name = canonicalize_name(requirement.name)
    tried = [Version(next(iter(one.specifier)).version) for one in requirements("constraints.txt")
             if canonicalize_name(one.name) == name]
    tried += [Version(COLAB[name])] if name in COLAB else []
    bound, = requirement.specifier
    assert (bound.operator, Version(bound.version)) == (">=", min(tried))


def test_keras_is_not_older_than_its_mended_loading():
    keras, = [one for one in requirements("requirements.txt") if one.name == "keras"]
    assert "3.13.1" not in keras.specifier and "3.13.2" in keras.specifier


def test_the_list_is_read_as_pip_writes_it():
    text = ("# a comment\nPyYAML==6.0.3\ntf_keras==2.20.1\ntorch @ https://example.org/torch-2.11.0%2Bcpu.whl\n"
            "local==1.0+cu12\ngoogle-colab @ file:///colabtools/google_colab-1.0.0.tar.gz\n")
    assert environment.read_list(text) == {"pyyaml": "6.0.3", "tf-keras": "2.20.1"}


def test_imports_are_found_where_they_stand():
    code = ("import os\nimport cv2\nfrom sklearn import metrics\nfrom . import near\nimport fashion_tf.crf\n"
            "from fashion_tf import plots, predict\nfrom .near import nothing\nfrom ..files import json_value\n"
            "from fashion_tf.datasets.images import read_image\n"
            "def f():\n    import PIL.Image\n")
    assert environment.modules_imported(code) == {"cv2", "sklearn", "PIL"}
    assert {environment.package_of(name) for name in ("cv2", "PIL", "sklearn", "keras_cv")} == {
        "opencv-python", "pillow", "scikit-learn", "keras-cv"}
    assert environment.kit_modules(code, "fashion_tf.search") == {
        "fashion_tf", "fashion_tf.crf", "fashion_tf.plots", "fashion_tf.datasets", "fashion_tf.datasets.images",
        "fashion_tf.search", "fashion_tf.files"}


def test_an_import_whose_absence_is_expected_is_told_from_one_that_is_needed():
    code = ("def f():\n    try:\n        import ray\n    except ImportError:\n        raise OSError('get ray')\n"
            "    try:\n        import joblib\n    except OSError:\n        import tqdm\n")
    assert environment.modules_imported(code) == {"ray", "joblib", "tqdm"}
    assert environment.modules_imported(code, needed_only=True) == {"joblib", "tqdm"}


def test_a_notebooks_magics_are_left_out(tmp_path):
    cells = ["if True:\n    %pip install -q this\nimport joblib", "!ls\nimport tqdm"]
    path = tmp_path / "lesson.ipynb"
    path.write_bytes(canonical_bytes({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": kind, "source": source, "metadata": {}}
        for kind, source in [("markdown", "import nothing"), *(("code", cell) for cell in cells)]]}))
    assert environment.modules_imported(environment.code_of(path)) == {"joblib", "tqdm"}


def test_what_a_lesson_must_show(tmp_path, monkeypatch):
    class Lesson:
        records = {"high": PromisedRecord("high", "m", "result", 0.1, {"sample": 0.5}),
                   "low": PromisedRecord("low", "m", "result", 0.1, {"sample": 0.5}),
                   "absent": PromisedRecord("absent", "m", "description", None, {}),
                   "elsewhere": PromisedRecord("elsewhere", "m", "result", 0.1, {"paper": 0.5})}

    class Record:
        def __init__(self, value):
            self.value = value

    monkeypatch.setattr("fashion_tf.classroom.records.read_records",
                        lambda path: {"high": Record(0.6), "low": Record(0.4)})
    assert list(run_lessons.missing(Lesson, tmp_path)) == [
        "record low is 0.4, below its floor 0.5", "record absent is missing"]
